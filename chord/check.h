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

/* As struct protocol has them. */
/* Give every node that has started the tables it would have after a long
   quiet time. */
void chord_warm(const struct network *net);
/* Hold the ring against its invariants, in Zave's words; see check.c. */
void chord_check(const struct network *net, struct findings *f);
/* Are all neighbours, fingers and values as the sorted list of live members
   says? */
bool chord_settled(const struct network *net);
/* So long in that state is quiet: stabilize has run twice. */
uint64_t chord_quiet_us(const struct settings *s);
/* Replace request numbers in a message under way by what they mean, so that
   states which differ in nothing else are one. */
void chord_canonical(const struct network *net, const struct host *from,
                     const struct host *to, uint8_t *data, size_t len);
/* Is it NOTIFY?  Nobody waits for an answer to that. */
bool chord_one_way(const uint8_t *data, size_t len);
/* Zave's operating assumption: does every member keep a live successor if
   this host dies? */
bool chord_may_fail(const struct network *net, const struct host *host);

#endif
