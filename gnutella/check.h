/* The overlay seen from above: walks over it, warm starts, what must hold. */
#ifndef GNUTELLA_CHECK_H
#define GNUTELLA_CHECK_H

#include "common/network.h"
#include "gnutella/node.h"

#define NOWHERE UINT32_MAX

/* The servent at index `i`, or NULL when it is down. */
struct gnutella *gnutella_at(const struct network *net, size_t i);
/* The indices of its live neighbours, each once, in the order of its links;
   how many. */
size_t gnutella_neighbours(const struct network *net, size_t i,
                           uint32_t out[LINKS_MAX]);
/* Set the `distance` of every servent: hops from `from`, or NOWHERE; the
   servents reached, `from` included. */
size_t gnutella_measure(const struct network *net, size_t from);
/* Links between two live servents, each counted once. */
size_t gnutella_link_count(const struct network *net);

/* As struct protocol has them. */
void gnutella_warm(const struct network *net);
void gnutella_check(const struct network *net, struct findings *f);
bool gnutella_settled(const struct network *net);
uint64_t gnutella_quiet_us(const struct settings *s);

#endif
