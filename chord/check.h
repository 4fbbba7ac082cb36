/*
 * The network as its checks, facts and pictures see it: live ring members,
 * wherever they are, and the way that a lookup takes through their tables.
 */
#ifndef CHORD_CHECK_H
#define CHORD_CHECK_H

#include "chord/node.h"
#include "common/network.h"

/* A live ring member; .n is NULL when there is none. */
struct spot {
    struct host *host;
    struct chord *c;
    struct member *n;
};

/* The live member that `p` means. */
struct spot chord_find(const struct network *net, const struct peer *p);
/* The `i`-th member of all nodes, from 0; false at the end.  *at is the
   caller's cursor, zero at first. */
struct spot_cursor {
    size_t host;
    unsigned vnode;
};
bool chord_each(const struct network *net, struct spot_cursor *at,
                struct spot *s);
/* The first live member at or after `key`, and the last one before it. */
struct spot chord_owner(const struct network *net, const struct id *key);
struct spot chord_before(const struct network *net, const struct id *key);

/* The way of a lookup over the tables as they stand, by each node's own
   next-hop function; crashed entries are skipped. */
struct way {
    unsigned hops;     /* to the owner */
    unsigned forwards; /* the paper's count: up to who knows the owner */
    bool arrived;      /* false: a loop or a dead end */
    struct spot last;  /* the owner, or where it ended */
};
/* `visit` is told of every node, the first and the owner included. */
struct way chord_walk(const struct network *net, struct spot from,
                      const struct id *key,
                      void (*visit)(void *context, const struct spot *s),
                      void *context);

#endif
