/* The network seen from above: what must hold, when it is settled. */
#ifndef NAPSTER_CHECK_H
#define NAPSTER_CHECK_H

#include "common/network.h"
#include "napster/node.h"

/* The node at index `i`, or NULL when it is down. */
struct napster *napster_at(const struct network *net, size_t i);
/* The first server that is up, or NULL. */
struct napster *napster_server_in(const struct network *net);

/* As struct protocol has them. */
void napster_warm(const struct network *net);
void napster_check(const struct network *net, struct findings *f);
bool napster_settled(const struct network *net);
uint64_t napster_quiet_us(const struct settings *s);

#endif
