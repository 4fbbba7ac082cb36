/*
 * The state of a Chord node, and what its files offer each other.
 *
 * A node (struct chord) is one process with one address.  It hosts one ring
 * member, or several: virtual nodes (struct member), each with an id and
 * tables of its own.  What a member knows of others is a struct peer.
 *
 *   node.c     events, messages, open requests and their timeouts
 *   lookup.c   the next hop by either rule; lookups, recursive and iterative
 *   ring.c     join, stabilize, notify, successor lists, leave
 *   finger.c   the finger table as runs of equal entries, fix_fingers
 *   store.c    values, their copies, and how they move
 *   command.c  what a user asks for
 *
 * An empty successor list means that the member is its own successor: it is
 * alone.  All memory is the host's.
 */
#ifndef CHORD_NODE_H
#define CHORD_NODE_H

#include "chord/wire.h"
#include "common/node.h"

extern const struct protocol chord_protocol;

/* Settings, in the order of the table in node.c. */
enum chord_option {
    OPT_BITS,
    OPT_SUCCESSORS,
    OPT_REPLICAS,
    OPT_PLACEMENT,
    OPT_RULE,
    OPT_MODE,
    OPT_VARIANT,
    OPT_JOIN,
    OPT_VNODES,
    OPT_STABILIZE,
    OPT_CHECK_PREDECESSOR,
    OPT_FIX_FINGERS,
    OPT_TIMEOUT,
    OPT_RECHECK
};
enum { PLACEMENT_PAPER, PLACEMENT_LECTURE };
enum { RULE_LECTURE, RULE_PAPER };
enum { MODE_RECURSIVE, MODE_ITERATIVE };
enum { VARIANT_CORRECTED, VARIANT_ORIGINAL };
enum { JOIN_PUBLISHED, JOIN_LECTURE };

enum chord_timer {
    TIMER_STABILIZE,
    TIMER_CHECK_PREDECESSOR,
    TIMER_FIX_FINGERS,
    TIMER_TIMEOUT, /* of the open request that is due first */
    TIMER_JOIN,    /* try to join (again) */
    TIMER_RECHECK  /* is a node back that was taken for dead? */
};

enum phase_of_life {
    MEMBER_OUTSIDE, /* waiting to join, or refused: its id is taken */
    MEMBER_JOINING,
    MEMBER_INSIDE,
    MEMBER_LEFT
};

/* A stored value; name and value stand behind it in the same block. */
struct item {
    struct item *next;
    struct id key;
    uint32_t version;
    uint16_t value_len;
    uint8_t name_len;
    uint8_t deleted;
    uint8_t idle; /* syncs since somebody compared this copy with us */
};

struct member {
    struct id id;
    uint8_t vnode;
    uint8_t phase; /* enum phase_of_life */
    bool refused;  /* our id is taken: do not try again */
    uint8_t succ_count;
    uint8_t finger_count; /* runs */
    uint8_t next_finger;  /* that fix_fingers refreshes next */
    uint8_t sync_wait;    /* rounds until copies are compared again */
    uint8_t unsure;       /* rounds in which keys may still be on their way */
    uint8_t mark;         /* scratch of check.c */
    uint16_t item_count;
    struct peer pred;   /* none: unknown */
    struct peer *succ;  /* the successor list */
    uint8_t *fingers;   /* packed runs, see finger.c */
    struct item *items; /* ascending by key, then name */
};

/* Why a request is open, and so who is told of its answer. */
enum request_kind {
    REQUEST_FIND,       /* a lookup, see enum purpose */
    REQUEST_STATE,      /* stabilize: the successor's state */
    REQUEST_STATE_PRED, /* stabilize: that of a closer successor */
    REQUEST_PING_PRED,  /* check_predecessor */
    REQUEST_RECTIFY,    /* is the predecessor dead?  If so, take .other */
    REQUEST_PING,       /* somebody says that this finger is silent */
    REQUEST_RECHECK,    /* is a node back that we took for dead? */
    REQUEST_FINGERS,    /* lecture join: the successor's fingers */
    REQUEST_STORE,      /* PUT, GET or DEL at the owner */
    REQUEST_COPIES,     /* a PUT waits for the acks of its copies */
    REQUEST_TRANSFER,   /* items or their checksum */
    REQUEST_LEAVE
};

/* What a lookup is for. */
enum purpose {
    FOR_JOIN,
    FOR_FINGER, /* .index */
    FOR_MERGE,  /* through a node that is back: is our successor right? */
    FOR_STRAY,  /* where does this copy belong? */
    FOR_LOOKUP, /* commands from here on */
    FOR_PUT,
    FOR_GET,
    FOR_DEL
};

/* The long part of a lookup: where it has been, whom it goes round. */
struct trail {
    uint8_t path_count, avoid_count;
    struct addr path[PATH_MAX_NODES];
    struct id avoid[AVOID_MAX];
};

struct request {
    struct request *next; /* due first, first */
    uint64_t deadline_us;
    uint32_t id;      /* on the wire */
    uint32_t command; /* to answer, or 0 */
    uint8_t kind, purpose;
    uint8_t vnode; /* whose request this is */
    uint8_t tries, attempts;
    uint8_t index;     /* finger */
    uint8_t waiting;   /* acks outstanding */
    uint8_t copies;    /* acks received, ourselves included */
    uint8_t back;      /* lecture placement */
    bool iterative;    /* a lookup: asking hop by hop */
    bool pausing;      /* a lookup: waiting to begin again */
    bool full;         /* a transfer: items, not only the checksum */
    bool more;         /* a transfer: items are left for the next message */
    bool give;         /* a transfer: drop what has arrived */
    uint8_t batch;     /* a transfer: items in the last message, */
    uint16_t sent;     /* and in those before */
    uint32_t version;  /* of the value that was put */
    uint16_t hops;     /* messages that the lookup took, so far */
    struct peer peer;  /* whom we asked; no id if known by address only */
    struct peer other; /* candidate, owner, or who sent a PUT */
    struct peer first; /* a lookup: ask this one first; none: ourselves */
    uint32_t other_request;
    struct id key;      /* looked up; start of an arc */
    struct id previous; /* who named .peer; end of an arc */
    struct trail *trail;
    struct item *item; /* what to put, or the name to get */
};

/* Remembered in this order; the oldest makes room. */
struct lost {
    uint8_t count;
    struct peer peer[LOST_MAX];
};

struct chord {
    const struct settings *settings;
    struct addr self;
    struct addr join; /* none: we started the network */
    uint8_t bits;
    uint8_t member_count;
    bool leaving;
    uint16_t request_count;
    uint32_t next_request;
    uint64_t armed_us; /* TIMER_TIMEOUT; 0: not armed */
    struct request *requests;
    struct lost *lost; /* peers taken for dead, to look for again; or NULL */
    struct member member[];
};

/* -- node.c -------------------------------------------------------------- */

/* How others know the member `n` of this host. */
struct peer chord_self(const struct chord *c, const struct member *n);
bool chord_is_self(const struct chord *c, const struct member *n,
                   const struct peer *p);
/* Microseconds that one request waits for its answer. */
uint64_t chord_timeout(const struct chord *c);
/* host_note with each {} replaced by an id: a const struct id * each. */
void chord_note(const struct chord *c, struct host *h, const char *words, ...);

/* Begin a message from `n`. */
void chord_begin(const struct chord *c, const struct member *n,
                 enum chord_type type, struct chord_msg *m);
/* Encode and send `m` to the member `to`: one datagram. */
void chord_send(struct host *h, const struct peer *to, struct chord_msg *m);
/* Answer message `m`, from `from`, with `reply`. */
void chord_reply(struct host *h, const struct chord_msg *m,
                 const struct peer *from, struct chord_msg *reply);

/* A new open request, due after the timeout; NULL when the table is full. */
struct request *chord_request_open(struct chord *c, struct host *h,
                                   struct member *n, enum request_kind kind);
/* Forget `r`, with its item and its trail; `r` is gone afterwards. */
void chord_request_close(struct chord *c, struct host *h, struct request *r);
/* The request with this number on the wire, or NULL. */
struct request *chord_request_find(const struct chord *c, uint32_t id);
/* The first one of this kind for `n`, or NULL. */
struct request *chord_request_of(const struct chord *c, const struct member *n,
                                 enum request_kind kind);
/* `r` times out one timeout from now, unless it is closed: it goes to the end
   of the list, which so is in the order of the deadlines. */
void chord_request_due(struct chord *c, struct host *h, struct request *r);
/* Drop all requests without a word, joins too, and only tick: for warm. */
void chord_settle_down(struct chord *c, struct host *h);
/* Send a request that has no body. */
void chord_request_send(struct chord *c, struct host *h, struct member *n,
                        struct request *r, enum chord_type type);

/* -- lookup.c ------------------------------------------------------------ */

enum route_kind { ROUTE_OWNER, ROUTE_FORWARD, ROUTE_DEAD_END };

struct route {
    enum route_kind kind;
    struct peer peer; /* the owner, or the next hop */
    const char *why;  /* words for chord_note */
};

/* A question for the next hop; whom `skip` names is gone round. */
struct query {
    struct id key;
    bool paper;                /* the rule */
    const struct id *previous; /* who sent the query here, or NULL */
    bool (*skip)(const void *context, const struct peer *p);
    const void *context;
};
/* One node's decision, by nothing but its own tables: is the key a known
   node's, or who is asked next?  Sources: [chord01] find_successor and
   closest_preceding_finger; the lecture's rule is described in lookup.c. */
struct route chord_route(const struct chord *c, const struct member *n,
                         const struct query *q);

/* Open a lookup of `key`, for the caller to complete (.command .index .first
   .item); NULL when the table is full. */
struct request *chord_find_open(struct chord *c, struct host *h,
                                struct member *n, enum purpose purpose,
                                const struct id *key);
/* Start a lookup that chord_find_open() gave and the caller has completed.
   It may end, and be closed, before this returns. */
void chord_find_begin(struct chord *c, struct host *h, struct member *n,
                      struct request *r);
/* Begin again after a pause, or give up and close. */
void chord_find_again(struct chord *c, struct host *h, struct member *n,
                      struct request *r, const char *why);
/* No answer in time: ask again hop by hop, or go round who is silent. */
void chord_find_timeout(struct chord *c, struct host *h, struct member *n,
                        struct request *r);
/* A query of another node: answer its origin, or pass it on.  Changes `m`. */
void chord_on_find_succ(struct chord *c, struct host *h, struct member *n,
                        const struct peer *from, struct chord_msg *m);
/* An iterative lookup is told its next hop: ask that one. */
void chord_on_next(struct chord *c, struct host *h, struct member *n,
                   struct request *r, const struct chord_msg *m);
/* The owner of a lookup's key, or why there is none: whoever wanted to know
   goes on from here.  Closes `r`, or lets it begin again. */
void chord_on_found(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct peer *from,
                    const struct chord_msg *m);

/* -- ring.c -------------------------------------------------------------- */

/* The head of the successor list; `n` itself when it knows nobody. */
struct peer chord_successor(const struct chord *c, const struct member *n);
/* Put the successor list of `n` into `m`, */
void chord_fill_list(const struct member *n, struct chord_msg *m);
/* and its predecessor too: the answer to GET_STATE. */
void chord_fill_state(const struct member *n, struct chord_msg *m);
/* `p` is taken for dead: drop it from every table, and remember it. */
void chord_forget_peer(struct chord *c, struct host *h, struct member *n,
                       const struct peer *p);
/* Ask the member that we join, or a sibling on this host, for the successor
   of our own id.  Does nothing for a member that is in, or whose id is
   taken.  Source: [chord01] join. */
void chord_join_start(struct chord *c, struct host *h, struct member *n);
/* The answer: come in, with the lists that it brings, or ask again later.
   See ring.c for what each variant takes over. */
void chord_join_found(struct chord *c, struct host *h, struct member *n,
                      const struct peer *from, const struct chord_msg *m);
/* Wait for JOIN_RETRY_US, then ask again. */
void chord_join_failed(struct host *h, struct member *n, const char *why);
/* One round: ask the successor for its state.  Its answer may name a closer
   successor; NOTIFY ends the round.  Sources: [chord01] stabilize; [zave17]
   stabilize, which asks the closer one before it trusts it. */
void chord_stabilize(struct chord *c, struct host *h, struct member *n);
/* The answer to a round's question; closes `r`. */
void chord_on_state(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct chord_msg *m);
/* No answer to it: the next of the successor list serves.  Closes `r`. */
void chord_state_silent(struct chord *c, struct host *h, struct member *n,
                        struct request *r);
/* `p` is our predecessor from now on: the keys up to it are its own, and go
   there. */
void chord_take_predecessor(struct chord *c, struct host *h, struct member *n,
                            const struct peer *p);
/* `from` thinks that it is our predecessor.  Sources: [chord01] notify;
   [zave17] rectify, which keeps the old one unless that is dead. */
void chord_on_notify(struct chord *c, struct host *h, struct member *n,
                     const struct peer *from, const struct chord_msg *m);
/* Ask the predecessor whether it lives.  Source: [chord03]
   check_predecessor. */
void chord_check_predecessor(struct chord *c, struct host *h, struct member *n);
/* Ask one of those taken for dead whether it is back: two rings become one.
   Ours; no paper has it. */
void chord_recheck(struct chord *c, struct host *h);
/* It is: is there a closer successor on its side?  Closes `r`. */
void chord_recheck_answered(struct chord *c, struct host *h, struct request *r);
/* There is one, perhaps: `owner`. */
void chord_merge_found(struct chord *c, struct host *h, struct member *n,
                       const struct peer *owner);
/* Give every member's keys to its successor and say goodbye to both
   neighbours.  All open requests fail.  Source: [chord03] voluntary
   departures. */
void chord_leave_start(struct chord *c, struct host *h);
/* Say goodbye, for the first time or again. */
void chord_leave_send(struct chord *c, struct host *h, struct member *n,
                      struct request *r);
/* A neighbour says goodbye: close the gap with what it tells us. */
void chord_on_leave(struct chord *c, struct host *h, struct member *n,
                    const struct peer *from, const struct chord_msg *m);

/* -- finger.c ------------------------------------------------------------ */

/* Finger `i`: the successor for 0; none if unknown. */
struct peer chord_finger_get(const struct chord *c, const struct member *n,
                             unsigned i);
/* Where finger `i` begins: n + 2^i. */
struct id chord_finger_start(const struct chord *c, const struct member *n,
                             unsigned i);
/* A run: its first index, and its peer. */
uint8_t chord_finger_first(const struct chord *c, const struct member *n,
                           unsigned run);
struct peer chord_finger_run(const struct chord *c, const struct member *n,
                             unsigned run);
/* Set all fingers from an array of `bits` peers, of which [0] is ignored. */
void chord_finger_fill(struct chord *c, struct host *h, struct member *n,
                       const struct peer *table);
/* Replace `p` by `by` (none: unknown) wherever it is a finger. */
void chord_finger_replace(struct chord *c, struct host *h, struct member *n,
                          const struct peer *p, const struct peer *by);
/* The owner of where finger `i` begins: the finger, from now on. */
void chord_finger_found(struct chord *c, struct host *h, struct member *n,
                        unsigned i, const struct peer *owner);
/* Somebody's lookup found nodes silent that our fingers may hold: ask one of
   them. */
void chord_finger_suspect(struct chord *c, struct host *h, struct member *n,
                          const struct chord_msg *m);
/* The successor's fingers, for a newcomer by the lecture's join.  Closes
   `r`. */
void chord_finger_seed(struct chord *c, struct host *h, struct member *n,
                       struct request *r, const struct chord_msg *m);
/* Put our runs into `m`: the answer to GET_FINGERS. */
void chord_fill_fingers(const struct chord *c, const struct member *n,
                        struct chord_msg *m);
/* Look up where the next finger begins, one finger a call.  Source:
   [chord03] fix_fingers. */
void chord_fix_fingers(struct chord *c, struct host *h, struct member *n);

/* -- store.c ------------------------------------------------------------- */

/* A copy of `v` in memory of its own; NULL when there is none. */
struct item *chord_item_new(struct host *h, const struct item_view *v);
void chord_item_free(struct host *h, struct item *i); /* NULL is nothing */
struct item_view chord_item_view_of(const struct item *i);
/* The item of that key and name, or NULL. */
const struct item *chord_item_find(const struct member *n,
                                   const struct item_view *v);
/* A checksum of all that `n` holds of (from, to]; 0: nothing. */
uint32_t chord_store_checksum(const struct member *n, const struct id *from,
                              const struct id *to);
/* The i-th node that should hold copies of our keys; none at the end. */
struct peer chord_store_target(const struct chord *c, const struct member *n,
                               unsigned i);
/* Send all of (from, to] to `p`. */
void chord_store_hand_over(struct chord *c, struct host *h, struct member *n,
                           const struct id *from, const struct id *to,
                           const struct peer *p);
/* Send the next part of what `r` compares or hands over. */
void chord_store_transfer(struct chord *c, struct host *h, struct member *n,
                          struct request *r);
/* Items, or the checksum of an arc, of another node: keep what is newer, and
   say whether we hold the same. */
void chord_on_transfer(struct chord *c, struct host *h, struct member *n,
                       const struct peer *from, const struct chord_msg *m);
/* The other holds the same, or wants all of it.  May close `r`. */
void chord_on_transfer_ack(struct chord *c, struct host *h, struct member *n,
                           struct request *r, const struct chord_msg *m);
/* Ask the owner, r->other, for what the command of `r` wants. */
void chord_store_ask(struct chord *c, struct host *h, struct member *n,
                     struct request *r);
/* PUT, GET or DEL of another node, or of ourselves.  A PUT is answered when
   its copies are safe. */
void chord_on_store(struct chord *c, struct host *h, struct member *n,
                    const struct peer *from, const struct chord_msg *m);
/* The owner's answer to one of ours; closes `r`, or looks up again. */
void chord_on_value(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct chord_msg *m);
/* The owner of a copy that is not ours to keep: send it there. */
void chord_stray_found(struct chord *c, struct host *h, struct member *n,
                       struct request *r);
/* Once a round of stabilisation: compare copies, send strays home. */
void chord_store_round(struct chord *c, struct host *h, struct member *n);

/* -- command.c ----------------------------------------------------------- */

/* A user's command; it is answered later, by one of the two below. */
void chord_command(struct chord *c, struct host *h, const struct event *e);
/* The results of lookups and of store commands. */
void chord_command_found(struct chord *c, struct host *h, struct request *r);
void chord_command_value(struct chord *c, struct host *h, struct request *r,
                         const struct chord_msg *m);

#endif
