/*
 * Chord's messages: UDP datagrams of our own design (README.md has them byte
 * by byte).  One walk in wire.c writes, reads and describes them.
 */
#ifndef CHORD_WIRE_H
#define CHORD_WIRE_H

#include "chord/limits.h"
#include "common/codec.h"
#include "common/node.h"
#include "common/words.h"

#define CHORD_MAGIC 0x43485244 /* "CHRD" */
#define CHORD_VERSION 1

enum chord_type {
    CHORD_FIND_SUCC = 1, /* who is the successor of this key? */
    CHORD_FOUND,         /* the owner, or why there is none */
    CHORD_NEXT,          /* iterative: ask that node next */
    CHORD_GET_STATE,     /* your predecessor and successor list? */
    CHORD_STATE,
    CHORD_NOTIFY, /* I might be your predecessor (or successor) */
    CHORD_GET_FINGERS,
    CHORD_FINGERS,
    CHORD_PING,
    CHORD_PONG,
    CHORD_PUT, /* store, fetch, delete at the owner */
    CHORD_GET,
    CHORD_DEL,
    CHORD_VALUE,        /* the answer to these three */
    CHORD_TRANSFER,     /* items of an arc, or only their checksum */
    CHORD_TRANSFER_ACK, /* do we hold the same now? */
    CHORD_LEAVE,        /* a polite leave */
    CHORD_LEAVE_ACK
};

/* A ring member: its id, and where to reach it. */
struct peer {
    struct id id;
    uint32_t ip;
    uint16_t port;
    uint16_t vnode; /* which of that node's virtual nodes */
};

static inline struct addr peer_addr(const struct peer *p)
{
    return (struct addr){.ip = p->ip, .port = p->port};
}

static inline bool peer_none(const struct peer *p)
{
    return p->ip == 0 && p->port == 0;
}

/* Are both the same member?  (Ids alone may collide.) */
static inline bool peer_same(const struct peer *a, const struct peer *b)
{
    return a->ip == b->ip && a->port == b->port && a->vnode == b->vnode;
}

/* Flags of FIND_SUCC. */
#define FIND_ITERATIVE 1 /* answer NEXT instead of passing it on */
#define FIND_PAPER 2     /* the paper's rule; else the lecture's */
#define FIND_PATH 4      /* write down the path */
#define FIND_LIST 8      /* FOUND shall carry the successor list */
#define FIND_FLAGS 15

enum found_status { FOUND_OWNER, FOUND_LOOP, FOUND_DEAD_END };
enum notify_role { NOTIFY_PREDECESSOR, NOTIFY_SUCCESSOR };
enum value_status {
    VALUE_OK,
    VALUE_ABSENT,    /* the owner is sure that there is none */
    VALUE_ELSEWHERE, /* not the owner, or it has only just become it */
    VALUE_FULL
};

/* A named value as messages carry it; text is lent. */
struct item_view {
    struct id key;
    const uint8_t *name, *value;
    uint8_t name_len;
    uint16_t value_len;
    uint32_t version; /* the owner counts; the newest wins */
    uint8_t deleted;
};

/* Every message in one struct; which members count depends on the type. */
struct chord_msg {
    enum chord_type type;
    uint8_t bits;
    uint8_t to_vnode, from_vnode;
    uint32_t request;
    struct id sender;

    struct id key;
    uint8_t flags;      /* FIND_ */
    uint8_t status;     /* found_status, value_status */
    uint8_t role;       /* notify_role */
    uint16_t hops;      /* messages sent for this lookup, this one included */
    struct peer origin; /* who wants to know */
    struct id previous; /* who chose the receiver as the next hop */
    struct peer peer;   /* owner, next hop, or predecessor */

    struct id from, to; /* the arc (from, to] of a TRANSFER */
    uint32_t checksum;  /* of all that the sender holds of that arc */
    uint8_t back;       /* lecture placement: pass on to so many before */
    uint8_t same;       /* the receiver holds the same */
    uint8_t copies;     /* of a value that was put */

    uint8_t path_count, avoid_count, list_count, run_count, item_count;
    struct addr path[PATH_MAX_NODES]; /* arrays last: never cleared */
    struct id avoid[AVOID_MAX];
    struct peer list[RUNS_MAX];
    uint8_t first[RUNS_MAX]; /* first finger index of each run */
    struct item_view item[BATCH_MAX];
};

/* Start a message: all but the arrays cleared. */
void chord_msg_clear(struct chord_msg *m);
/* Write `m`; the bytes used, at most DATAGRAM_MAX. */
size_t chord_encode(struct chord_msg *m, uint8_t out[DATAGRAM_MAX]);
/* The type and the request number of an encoded message, without decoding
   the rest; and another number for it. */
enum chord_type chord_peek_type(const uint8_t *data, size_t len);
uint32_t chord_peek_request(const uint8_t *data);
/* Who asked, of a FIND_SUCC. */
struct addr chord_peek_origin(const uint8_t *data, size_t len);
void chord_poke_request(uint8_t *data, uint32_t request);
/* Read a whole datagram; false when it is not exactly one message. */
bool chord_decode(struct chord_msg *m, const uint8_t *data, size_t len);
/* Name every byte. */
void chord_describe(const struct framing *framing, const uint8_t *data,
                    size_t len, struct fields *f);
const char *chord_type_name(enum chord_type type);
/* Does it answer a request of the node that it goes to? */
bool chord_is_answer(enum chord_type type);
/* Bytes that an item takes in a message. */
size_t chord_item_bytes(const struct item_view *v, unsigned bits);

#endif
