/*
 * What both hosts have in common: the part of a node that the seam's calls
 * (node.h), the network-wide functions and the monitor can see.  Protocols
 * never include this; hosts embed a `struct host` at the front of their own
 * structure for a node and fill in the table of functions.
 */
#ifndef COMMON_HOST_H
#define COMMON_HOST_H

#include "common/content.h"
#include "common/node.h"
#include "common/random.h"
#include "common/record.h"

/* The host calls of node.h, by the same names. */
struct host_calls {
    uint64_t (*now)(struct host *);
    void *(*alloc)(struct host *, size_t bytes);
    void (*free)(struct host *, void *memory, size_t bytes);
    void (*timer)(struct host *, int slot, uint64_t delay_us);
    void (*timer_cancel)(struct host *, int slot);
    bool (*resolve)(struct host *, const char *name, struct addr *);
    void (*send)(struct host *, struct addr, const void *, size_t);
    conn_id (*connect)(struct host *, struct addr);
    size_t (*write)(struct host *, conn_id, const void *wire, size_t wire_len,
                    const void *plain, size_t plain_len);
    /* NULL: whoever wrote it has shown it. */
    void (*decoded)(struct host *, conn_id, const void *plain, size_t len);
    void (*phase)(struct host *, conn_id, enum phase);
    /* NULL: the host knows the phase of all that arrives. */
    void (*reads)(struct host *, conn_id, enum phase);
    void (*finish)(struct host *, conn_id);
    void (*abort)(struct host *, conn_id);
    void (*result)(struct host *, uint32_t command, bool ok,
                   const struct fields *);
    void (*note)(struct host *, const char *text);
    bool (*wants_notes)(struct host *); /* false: formatting can be saved */
    void (*left)(struct host *);
    /* Make h->contents, with made bytes; false when memory is short. */
    bool (*keep)(struct host *);
    void (*hash)(struct host *, const struct hash_job *); /* copied */
    size_t (*write_content)(struct host *, conn_id, int content,
                            uint64_t offset, size_t len);
};

#define NOBODY UINT32_MAX /* no node's index */

enum node_state { NODE_UP, NODE_LEAVING, NODE_DOWN };

struct host {
    const struct host_calls *calls;
    const struct protocol *protocol;
    const char *name;
    void *node; /* what create() returned; NULL while down */
    struct addr addr;
    struct id id;
    enum node_state state;
    uint32_t index; /* in its network */
    uint32_t restarts;
    struct random random;          /* its own stream: host_random_stream */
    uint32_t join;                 /* index of the node it joins, or NOBODY */
    const struct node_spec *spec;  /* of its line */
    struct introduced *introduced; /* joins by an introducer; else NULL */
    struct contents *contents;     /* stays over crashes; NULL: none yet */
};

/* Timers of a node beside the protocol's own: the introducer's renewal. */
#define TIMER_INTRODUCER TIMER_SLOTS
#define TIMERS_PER_NODE (TIMER_SLOTS + 1)

/* Begin the protocol's node: create() it now, or, when `introducer` is not
   none, once that has named a member to join.  Both hosts call this just
   before they deliver EVENT_START.  False when memory is short. */
bool host_begin(struct host *h, const struct config *c, struct addr introducer);
/* Hand one event to the node; the bytes consumed.  Both hosts call this and
   never the protocol itself. */
size_t host_deliver(struct host *h, const struct event *e);
/* A node's own random stream: of the seed, its name, and how often it was
   restarted; so one more draw in one node changes no other. */
struct random host_random_stream(uint64_t seed, const char *name,
                                 uint32_t restarts);
/* The name of a timer slot, "introducer" included. */
const char *host_timer_name(const struct host *h, int slot);

#endif
