/*
 * What passed here, and where it came from: the one table behind Gnutella's
 * three rules.  A query or ping whose id stands here is a duplicate; a hit or
 * pong goes back to where its id came from; a push goes where a hit of that
 * servent came from.
 *
 * Soft state: two generations of hash tables.  When the younger is full or
 * old, it becomes the elder, and the elder is forgotten.  A table starts
 * small and grows, so that a servent which sees little holds little.
 *
 * There are two such pairs: links that bring very many ids ("loud") have one
 * of their own, so that they push out each other's ways back, and nobody
 * else's (reference, section 8).
 */
#ifndef GNUTELLA_SEEN_H
#define GNUTELLA_SEEN_H

#include "gnutella/wire.h"

struct seen_entry {
    uint8_t guid[GUID_BYTES];
    conn_id conn; /* 0: we sent it ourselves */
    uint8_t type; /* GNUTELLA_PING, _QUERY; _HIT: guid is a servent's id */
    bool used;
};

struct seen_half {
    struct seen_entry *at; /* cap of them, a power of two; NULL at first */
    uint32_t cap, count;
};

struct seen_pair {
    struct seen_half young, old;
    uint64_t since_us; /* when `young` began */
};

struct seen {
    struct seen_pair quiet, loud;
    uint64_t salt; /* so that nobody can choose ids that collide */
};

/* The entry, or NULL; lent until the next gnutella_seen_add. */
struct seen_entry *gnutella_seen_find(const struct seen *s, uint8_t type,
                                      const uint8_t guid[GUID_BYTES]);
/* Remember; an entry that is there is left as it is.  False without memory. */
bool gnutella_seen_add(struct seen *s, struct host *h, uint8_t type,
                       const uint8_t guid[GUID_BYTES], conn_id conn, bool loud);

#endif
