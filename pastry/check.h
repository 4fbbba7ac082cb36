/*
 * The network as its checks, facts and pictures see it: who is live, and the
 * way that a message takes as tables stand.
 */
#ifndef PASTRY_CHECK_H
#define PASTRY_CHECK_H

#include "common/network.h"
#include "pastry/node.h"

/* The live Pastry node at index `i`, or NULL. */
struct pastry *pastry_at(const struct network *net, size_t i);
/* The one with that address; NULL when there is none, or it is down. */
struct pastry *pastry_by_addr(const struct network *net, struct addr a);
/* The live node nearest to a key, or NULL. */
struct pastry *pastry_root(const struct network *net, const struct id *key);

/* The way of a message over the tables as they stand, crossing out who is
   down. */
struct way {
    struct pastry *at[HOPS_MAX];
    unsigned count, rare; /* nodes; hops by the rare case */
    bool ended;           /* at a node that knows nobody nearer */
};
struct way pastry_way(const struct network *net, struct pastry *from,
                      const struct id *key);
/* The one-way time of its hop, from 1 on. */
uint64_t pastry_hop_us(const struct network *net, const struct way *w,
                       unsigned hop);
/* Is that the live node nearest to the key? */
bool pastry_found(const struct network *net, const struct way *w,
                  const struct id *key);

/* Leaves and slots that are missing, dead or wrong, against the sorted list
   of live nodes. */
struct flaws {
    uint64_t leaves, slots, dead;
};
struct flaws pastry_flaws(const struct network *net);

/* As struct protocol has them. */
void pastry_warm(const struct network *net);
void pastry_check(const struct network *net, struct findings *f);
bool pastry_settled(const struct network *net);
uint64_t pastry_quiet_us(const struct settings *s);
bool pastry_may_fail(const struct network *net, const struct host *h);
void pastry_canonical(const struct network *net, const struct host *from,
                      const struct host *to, uint8_t *data, size_t len);

#endif
