/* What must hold across all nodes, and a network that stands at once. */
#ifndef FASTTRACK_CHECK_H
#define FASTTRACK_CHECK_H

#include "common/network.h"
#include "fasttrack/node.h"

/* The live node with that index, or NULL. */
struct fasttrack *fasttrack_at(const struct network *net, size_t i);
/* The live node at the other end of a session, or NULL. */
const struct host *fasttrack_other(const struct network *net,
                                   const struct link *l);
/* How many supernodes there are, of those that live. */
uint32_t fasttrack_supernodes(const struct network *net);

/* As struct protocol has them: see check.c for what each looks at. */
void fasttrack_warm(const struct network *net);
void fasttrack_check(const struct network *net, struct findings *f);
bool fasttrack_settled(const struct network *net);
void fasttrack_canonical(const struct network *net, const struct host *from,
                         const struct host *to, uint8_t *data, size_t len);
uint64_t fasttrack_quiet_us(const struct settings *s);

#endif
