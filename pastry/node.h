/*
 * The state of a Pastry node, and what its files offer each other.
 *
 *   leaf set       the nodes with the next smaller and the next larger ids
 *   routing table  for row r and column c, a node whose id shares our first
 *                  r digits and goes on with c; of all that fit, the nearest
 *                  by round trip
 *   neighbours     the nearest nodes by round trip, whatever their ids
 *
 *   node.c     events, open requests, joining, maintenance
 *   table.c    the three tables: who fits where, and the next hop
 *   route.c    messages on their way, values and their copies
 *   command.c  what a user asks, and the results
 *
 * Nobody enters a table who has not answered us: a PING tells both that a
 * peer lives and how far it is.  All memory is the host's.
 */
#ifndef PASTRY_NODE_H
#define PASTRY_NODE_H

#include "common/node.h"
#include "pastry/wire.h"

extern const struct protocol pastry_protocol;

/* Settings, in the order of the table in node.c. */
enum pastry_option {
    OPT_BASE,
    OPT_DIGITS,
    OPT_LEAFSET,
    OPT_NEIGHBOURS,
    OPT_PROXIMITY,
    OPT_REPLICAS,
    OPT_REPAIR,
    OPT_TIMEOUT
};
enum { PROXIMITY_ON, PROXIMITY_OFF };

enum pastry_timer {
    TIMER_TIMEOUT, /* of the open request that is due first */
    TIMER_ROUND    /* maintenance */
};

/* A node that we know: 24 bytes, since a million nodes know a hundred each.
   Ids here have 128 bits at most, which leaves the first word of five 0. */
struct peer {
    uint32_t word[ID_WORDS - 1];
    uint32_t ip;
    uint16_t port;
    uint16_t rtt; /* in RTT_UNIT_US; 0: never measured */
};
#define RTT_UNIT_US 100
/* Its id: a pointer to a copy that lives as long as the block around it. */
#define PEER_ID(p)                                                             \
    (&(const struct id){                                                       \
        {0, (p)->word[0], (p)->word[1], (p)->word[2], (p)->word[3]}})

/* A value of which we keep a copy. */
struct item {
    struct item *next; /* in ascending order of keys */
    struct id key;
    uint32_t version;
    uint16_t value_len;
    uint8_t value[];
};

/* What an open request waits for. */
enum request_kind {
    REQUEST_JOIN,   /* the end of our way through the network */
    REQUEST_PONG,   /* a measurement of somebody we heard of */
    REQUEST_PART,   /* a part of a peer's state */
    REQUEST_HOP,    /* the next hop's ACK */
    REQUEST_STORED, /* a copy */
    REQUEST_COMMAND /* whoever is nearest to the key */
};

/* An open request keeps its datagram, to send it again. */
struct request {
    struct request *next; /* oldest first */
    uint64_t deadline_us, sent_us;
    uint32_t id;
    uint32_t command;  /* to answer, or 0 */
    uint32_t arrival;  /* REQUEST_PONG: the number of its ANNOUNCE */
    uint64_t since_us; /* and when it asked to join; 0: it is no newcomer */
    uint8_t kind, tries;
    uint16_t len;
    struct pastry_peer peer; /* whom we asked */
    uint8_t data[];
};

struct pastry {
    const struct settings *settings;
    struct addr self, join; /* join none: we started the network */
    struct id id;
    uint8_t digit_bits, digits;
    bool active, leaving;
    bool last; /* joining: the end of the way has told us its leaf set */
    uint8_t low_count, high_count; /* leaves on either side */
    uint8_t near_count, grave_count;
    uint16_t request_count, item_count;
    uint16_t entry_count, entry_cap;
    uint32_t next_request, rounds;
    uint32_t arrival;        /* the number of our ANNOUNCE */
    uint64_t asked_us;       /* when we asked to join */
    uint64_t changed_us;     /* our leaf set, for the last time */
    uint64_t armed_us;       /* TIMER_TIMEOUT; 0: not armed */
    uint64_t round_us;       /* when the next round is due */
    struct peer *low, *high; /* nearest first; half a leaf set each */
    struct peer *near;       /* nearest by round trip first */
    struct peer *entry;      /* the table, in order of row and column */
    struct peer *grave;      /* who was given up; oldest first; NULL: nobody */
    uint32_t *measured;      /* MEASURED_MAX hashes of who was too far away */
    struct item *items;
    struct request *requests;
};

static inline struct addr peer_addr(const struct peer *p)
{
    return (struct addr){p->ip, p->port};
}

/* A peer of that id and address; `rtt` in RTT_UNIT_US, cut to what fits. */
static inline struct peer peer_new(const struct id *id, struct addr a,
                                   uint64_t rtt)
{
    return (struct peer){
        .word = {id->word[1], id->word[2], id->word[3], id->word[4]},
        .ip = a.ip,
        .port = a.port,
        .rtt = (uint16_t)(rtt < UINT16_MAX ? rtt : UINT16_MAX)};
}

static inline unsigned pastry_bits(const struct pastry *n)
{
    return (unsigned)n->digit_bits * n->digits;
}

/* -- table.c ------------------------------------------------------------- */

/* Digit `i` of an id, from the most significant, 0. */
unsigned pastry_digit(const struct pastry *n, const struct id *id, unsigned i);
/* The digits that two ids share from the front. */
unsigned pastry_shared(const struct pastry *n, const struct id *a,
                       const struct id *b);
/* Is a nearer to the key than b?  Where both are as near, the smaller id. */
bool pastry_is_nearer(const struct pastry *n, const struct id *key,
                      const struct id *a, const struct id *b);
unsigned pastry_half(const struct pastry *n); /* leaves a side, at most */
/* The entry of row r and column c, or NULL. */
struct peer *pastry_entry(const struct pastry *n, unsigned r, unsigned c);
/* The tables' i-th peer: leaves, entries, neighbours, each walked in order;
   NULL at the end.  The same node may come more than once. */
const struct peer *pastry_peer_at(const struct pastry *n, unsigned i);
const struct peer *pastry_known(const struct pastry *n, struct addr a);
/* Would a node with that id change a table? */
enum wish { WISH_NONE, WISH_NEARER, WISH_SLOT, WISH_LEAF };
enum wish pastry_wants(const struct pastry *n, const struct id *id);
/* Take a peer that has answered into every table where it belongs; true when
   the leaf set changed. */
bool pastry_insert(struct pastry *n, struct host *h, const struct peer *p);
/* Into the neighbourhood set only, if it is near enough. */
void pastry_put_near(struct pastry *n, const struct peer *p);
/* Take a peer out of every table; true when it was a leaf. */
bool pastry_forget(struct pastry *n, struct addr a);
/* The next hop for a key, and by which rule; NULL: we are nearest.  `skip`
   (may be NULL) is an id that no message goes to. */
enum rule { RULE_HERE, RULE_LEAF, RULE_ROW, RULE_RARE };
const struct peer *pastry_next(const struct pastry *n, const struct id *key,
                               const struct id *skip, enum rule *rule);
const char *pastry_rule_name(enum rule rule); /* "leaf" */
/* Is this id, or ours when NULL, among the k nearest to the key of which we
   know? */
bool pastry_is_replica(const struct pastry *n, const struct id *key,
                       const struct id *id, unsigned k);
/* Drop all of the tables; for warm. */
void pastry_forget_all(struct pastry *n, struct host *h);
/* Room for `count` entries; false: no memory. */
bool pastry_room(struct pastry *n, struct host *h, unsigned count);

/* -- node.c -------------------------------------------------------------- */

void pastry_begin(const struct pastry *n, enum pastry_type type,
                  struct pastry_msg *m);
void pastry_send(struct host *h, struct addr to, struct pastry_msg *m);
/* Send `m` and wait for the answer; NULL when too many requests are open.
   REQUEST_COMMAND is only kept, not sent. */
struct request *pastry_request_open(struct pastry *n, struct host *h,
                                    enum request_kind kind,
                                    const struct pastry_peer *to,
                                    struct pastry_msg *m);
void pastry_request_close(struct pastry *n, struct host *h, struct request *r);
/* Somebody is said to exist: measure it if it would be of use. */
void pastry_hear(struct pastry *n, struct host *h, const struct pastry_peer *p);
/* Drop all requests without a word, and only maintain; for warm. */
void pastry_settle_down(struct pastry *n, struct host *h);

/* -- route.c ------------------------------------------------------------- */

/* Send a message one hop on, or act on it here. */
void pastry_route(struct pastry *n, struct host *h, struct pastry_msg *m);
struct item *pastry_item(const struct pastry *n, const struct id *key);
/* Keep this copy if it is newer; false: no room. */
bool pastry_keep(struct pastry *n, struct host *h, const struct id *key,
                 uint32_t version, const uint8_t *value, size_t len);
void pastry_drop(struct pastry *n, struct host *h, const struct id *key);
/* How many nodes keep a value. */
unsigned pastry_replicas(const struct pastry *n);
/* Send copies to who should have them: of all items to a new leaf, of the
   `i`-th to all. */
void pastry_offer(struct pastry *n, struct host *h, const struct peer *to);
void pastry_replicate(struct pastry *n, struct host *h, uint32_t i);

/* -- command.c ----------------------------------------------------------- */

void pastry_command(struct pastry *n, struct host *h, const struct event *e);
/* The node nearest to a command's key has answered. */
void pastry_on_reached(struct pastry *n, struct host *h, struct request *r,
                       struct addr from, const struct pastry_msg *m);
/* A command's message seems lost: once more. */
void pastry_command_again(struct pastry *n, struct host *h, struct request *r);
/* The key that a word means: all its digits, or as in common/words.h. */
bool pastry_key(unsigned digit_bits, unsigned digits, const char *word,
                size_t len, struct id *key);

#endif
