/*
 * The network as its checks, facts and pictures see it: live members of each
 * affinity group, and the way that a lookup takes as tables stand.
 */
#ifndef KELIPS_CHECK_H
#define KELIPS_CHECK_H

#include "common/network.h"
#include "kelips/node.h"

/* The live Kelips node at index `i`, or NULL. */
struct kelips *kelips_at(const struct network *net, size_t i);
/* The one with that address; NULL when there is none, or it is down. */
struct kelips *kelips_by_addr(const struct network *net, struct addr a);
/* Live nodes of a group. */
uint32_t kelips_group_size(const struct network *net, uint16_t group);
/* The live node that is the home of a file, with the newest heartbeat; NULL:
   none.  *h is its host. */
const struct file *kelips_home(const struct network *net, const struct id *key,
                               struct host **h);

/* The way of a lookup over the tables as they stand, crossing out who is
   down: asker, whom it asks in the group (none: it knows itself), home. */
struct way {
    struct host *at[4];
    unsigned count;
    unsigned calls; /* until somebody names the home */
    bool found;
};
struct way kelips_way(const struct network *net, struct host *from,
                      const struct id *key);

/* As struct protocol has them. */
void kelips_warm(const struct network *net);
void kelips_check(const struct network *net, struct findings *f);
bool kelips_settled(const struct network *net);
uint64_t kelips_quiet_us(const struct settings *s);
bool kelips_may_fail(const struct network *net, const struct host *h);
void kelips_canonical(const struct network *net, const struct host *from,
                      const struct host *to, uint8_t *data, size_t len);

#endif
