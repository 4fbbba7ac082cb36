/*
 * Inside of the simulator; shared by sim.c and sim_*.c only.
 *
 *   sim.c         life of a run, one step after the other, checkpoints
 *   sim_queue.c   what will happen, ordered by (time, number)
 *   sim_timer.c   the timers of nodes
 *   sim_node.c    nodes: names, addresses, start and end, their host calls
 *   sim_net.c     latency, partitions, datagrams
 *   sim_stream.c  streams: opening, sending, arrival, closing
 *   sim_read.c    and reading
 *   sim_content.c what nodes share, and its hashing
 *   sim_acts.c    commands, and its part of the scenario's acts (acts.h)
 *   sim_hand.c    what is in flight, and what a student does to it
 *
 * Everything here stands in the arena, the `struct sim` included.  Functions
 * that find no memory give up quietly: the arena is then `full`, and the run
 * ends before its next step.
 */
#ifndef COMMON_SIM_IMPL_H
#define COMMON_SIM_IMPL_H

#include "common/acts.h"
#include "common/arena.h"
#include "common/random.h"
#include "common/sim.h"

#define SIM_PORT 7000 /* of every node */
#define LEAVE_LIMIT_US (5 * SECOND_US)
#define COMMANDS_KEPT 1024 /* whose cost can be asked for */

/* -- What will happen --------------------------------------------------- */

enum entry_kind {
    ENTRY_TIMER,    /* .node's first timer is due, unless it was replaced */
    ENTRY_DATAGRAM, /* .what: a struct message */
    ENTRY_JOIN,     /* .node tries again to join; .value: restarts */
    ENTRY_LEAVE,    /* .node has had its time to leave; .value: restarts */
    ENTRY_LIMIT,    /* .value: the command whose time is over */
    ENTRY_SEGMENT,  /* .what: a struct segment arrives */
    ENTRY_DOWNLINK, /* .what: a struct segment reaches a slow downlink */
    ENTRY_ACK,      /* .what: a struct segment is acknowledged */
    ENTRY_UPLINK,   /* .node's uplink is free again */
    ENTRY_ROOM,     /* .what: a struct side's backlog has gone */
    ENTRY_CLOSED,   /* .what: a struct side has finished both ways */
    ENTRY_STALL,    /* .what: a struct stream may have waited too long */
    ENTRY_HASHED    /* .node; .what: a struct hash_job to be done */
};

struct entry {
    uint64_t time_us;
    uint64_t number; /* order among equal times */
    union {
        void *what;
        uint64_t value;
    };
    uint32_t node;
    uint8_t kind;   /* enum entry_kind */
    uint8_t reason; /* of ENTRY_CLOSED */
};

/* Of a slice of time that has not begun: some of its entries. */
struct chunk {
    struct chunk *next;
    size_t count;
    struct entry at[15];
};

struct queue {
    struct entry *at; /* a heap of four children each */
    size_t count, cap;
    struct chunk **slice; /* a ring; NULL: all is in the heap */
    size_t later_count;   /* in slices */
    uint64_t later_us;    /* where the first of them begins */
    bool heap_only;       /* the explorer's: it looks at all there is */
    uint64_t number;      /* the last one given out */
};

/* Numbers grow, and say in which step they were given out. */
#define QUEUE_STEP_SHIFT 24

/* -- Nodes --------------------------------------------------------------- */

struct timer {
    uint64_t due_us; /* NEVER: not armed */
    uint64_t number; /* as of an entry queued when it was armed */
};

struct node {
    struct host host; /* at the front: what the seam sees of it */
    struct sim *sim;
    uint64_t name_hash;
    struct link *link; /* NULL before its first stream */
    uint16_t group;    /* of the partition */
    bool vanished;     /* down without a trace; else down as by kill */
    bool done_leaving; /* it has called host_left */
    bool firing;       /* a timer event is being handled */
    bool waiting;      /* for the node that it joins to come up */
    bool introduced;   /* joins by an introducer, whose timer is its last */
    uint8_t timer_count;
    struct timer wake;    /* what its entry in the queue stands for */
    struct timer timer[]; /* the protocol's, and that of `introduced` */
};

/* A datagram under way. */
struct message {
    uint64_t sent_us, cause;
    uint64_t order;  /* of sending, among all messages */
    const char *why; /* will be lost; NULL: will arrive */
    uint32_t command;
    uint32_t from, to; /* indices; `to` may be NOBODY */
    uint32_t len;
    struct addr from_addr, to_addr;
    uint8_t data[];
};

/* -- Streams ---------------------------------------------------------------- */

/* One host_write, until its receiver has consumed it. */
struct write {
    struct write *next;
    uint64_t end; /* position behind it in what its side writes */
    uint64_t sent_us, cause, order;
    uint32_t command;
    uint32_t wire_len, plain_len;
    uint32_t unread; /* wire bytes not yet consumed */
    uint8_t phase;
    bool coded;   /* the plain message stands behind the wire bytes */
    bool removed; /* by hand: it will not arrive */
    bool reported;
    uint8_t data[];
};

enum segment_kind {
    SEGMENT_SYN,
    SEGMENT_SYN_ACK,
    SEGMENT_DATA,
    SEGMENT_REFUSED,
    SEGMENT_RESET
};

/* What the network carries of a stream: so many bytes. */
struct segment {
    struct segment *next; /* of those held up */
    struct side *from;
    uint64_t start; /* position of its first byte */
    uint64_t sent_us;
    uint64_t number; /* among those of its side */
    uint32_t bytes;
    uint8_t kind;   /* enum segment_kind */
    bool fin;       /* nothing follows */
    bool of_second; /* from side[1]: the stream is found without a look at it */
};

struct side {
    struct stream *stream;
    struct side *next, *previous; /* of the same node */
    struct side *next_ready;      /* at its uplink */
    uint32_t node;                /* NOBODY: nobody has that address */
    conn_id id;                   /* 0: not accepted yet */
    enum phase phase;
    uint32_t syn_command; /* the opener's: that caused the stream */

    /* What it writes: three positions, and where they stand. */
    uint64_t written, sent, arrived;
    struct write *first, *last; /* not consumed yet */
    struct write *arriving;     /* has the byte at `arrived` */
    uint32_t in_flight;         /* sent, not acknowledged */
    uint64_t segments_sent, segments_arrived;
    uint64_t arrival_us;    /* of its last segment */
    struct segment *parked; /* arrived before an earlier one */

    /* What it has received and not consumed: in `unread`, or lent by the other
       side's first write. */
    uint8_t *unread;
    size_t unread_at, unread_len, unread_cap;
    size_t fresh; /* of them: not offered yet */
    bool lent;

    bool open;        /* may send */
    bool ready;       /* stands at the uplink */
    bool wants_room;  /* has passed BACKLOG_HIGH */
    bool finished;    /* writes no more */
    bool fin_sent;    /* and has said so */
    bool fin_arrived; /* the other side's */
    bool stuck;       /* wants more before it consumes anything */
    bool eof_done;
    bool closing; /* will hear CLOSED presently */
    bool closed;  /* hears nothing any more */
    bool gone;    /* its node went down meanwhile */
};

struct stream {
    struct side side[2]; /* the opener's, the other */
    struct sim *sim;
    struct addr to;
    uint32_t references; /* from the queue and lists of segments */
    uint64_t stalled_us; /* since when nothing gets through; NEVER */
    const char *why;     /* what is unread at the end, is lost for */
};

struct line_use {
    uint64_t free_us;
    uint64_t rest; /* work of less than a microsecond */
};

/* A node's access to the network. */
struct link {
    struct line_use up, down;
    struct side *ready, *ready_last; /* streams that may send, in turn */
    struct side *sides;              /* all of this node */
    bool waking;                     /* an ENTRY_UPLINK is queued */
};

/* -- Tables ------------------------------------------------------------------ */

/* A hash table from 32-bit keys to numbers other than 0; a key may have
   several.  Open addressing, at most three quarters full. */
struct table {
    struct table_slot *slot;
    uint32_t cap, count;
};

/* -- Commands --------------------------------------------------------------- */

struct command_run {
    uint32_t number; /* 0: the place is free */
    uint32_t node;
    bool open;
    struct act *act; /* of the scenario; NULL: from outside */
    char *text;
    uint64_t messages, bytes; /* that descend from it */
};

/* -- The run ------------------------------------------------------------------ */

/* Kinds of steps, as the rolling hash has them. */
enum step_kind {
    STEP_START = 1,
    STEP_COMMAND,
    STEP_FAULT,
    STEP_DATAGRAM,
    STEP_LOSS,
    STEP_TIMER,
    STEP_JOIN,
    STEP_OPEN,
    STEP_ACCEPT,
    STEP_BYTES,
    STEP_EOF,
    STEP_ROOM,
    STEP_CLOSED,
    STEP_HASHED
};

struct in_flight; /* a message under way, as sim_in_flight lists them */

struct sim {
    /* Not part of the state: sim_restore keeps these. */
    struct arena *arena;
    const struct scenario *scenario;
    const struct observer *observer;
    struct in_flight *in_flight; /* by arrival; from malloc */
    size_t in_flight_count, in_flight_cap;
    uint64_t in_flight_step; /* when it was made, plus 1; 0: never */

    /* What checkpoints save begins here. */
    uint64_t now_us, steps, hash;
    uint32_t command;     /* that the present event descends from, or 0 */
    struct random chance; /* the network's: loss, jitter */
    struct acts acts;
    const struct network_model *model;
    struct queue queue;
    uint64_t order; /* of the last message sent */

    struct network network;
    struct host **hosts; /* what network.host shows */
    size_t host_cap;
    uint32_t waiting_count, leaving_count; /* not quiet while there are any */
    struct table names, addresses, ids, conns;
    uint32_t conn_count;
    struct segment *held; /* by the partition */
    struct side *again;   /* is to be called next, at once */

    struct cursor cursor;
    struct act act; /* the next one, when has_act */
    bool has_act;
    bool acts_over;
    bool before_command;       /* the first one comes next, or has been given */
    bool warmed;               /* the act `warm` has been done */
    size_t intervention;       /* the next one */
    const char *const *groups; /* of the partition, or NULL */

    uint64_t sample_us; /* when to look next; NEVER: not waiting */

    struct command_run *commands; /* by number modulo command_cap */
    uint32_t command_cap, command_count;
    uint32_t outside_open;
    char *complaints;
    size_t complaints_len, complaints_cap;
};

static inline struct node *node_at(const struct sim *sim, uint32_t index)
{
    return (struct node *)sim->network.host[index];
}

static inline bool node_is_up(const struct node *n)
{
    return n->host.state != NODE_DOWN;
}

/* sim_queue.c */
void queue_push(struct sim *sim, const struct entry *e);
/* The same for an entry that has its number. */
void queue_insert(struct sim *sim, const struct entry *e);
/* The next entry, or NULL; timers that were replaced are thrown away. */
const struct entry *queue_top(struct sim *sim);
struct entry queue_pop(struct sim *sim);
struct entry queue_remove(struct sim *sim, size_t i);
/* Have all entries in the heap, for who looks at the whole of it. */
void queue_gather(struct sim *sim);
/* Remove all that `unwanted` says (it frees what they point to; NULL: none),
   and put the rest in order. */
void queue_filter(struct sim *sim,
                  bool (*unwanted)(struct sim *sim, const struct entry *e));

/* sim.c */
/* Count a step, and mix it into the hash; `n` may be NULL. */
void step_begin(struct sim *sim, enum step_kind kind, const struct node *n,
                const void *data, size_t len);
/* A record of the present step, to be filled in and observed. */
struct record record_new(const struct sim *sim, enum record_kind kind);
struct endpoint endpoint_of(const struct node *n);
void observe_record(const struct sim *sim, const struct record *r);
/* Report one whose text says all, about `n`, which may be NULL. */
void record_about(const struct sim *sim, const struct node *n,
                  enum record_kind kind, const char *text);
/* Keep a line that says why the run is bad. */
void sim_complain(struct acts *a, const char *line);
/* Do what an entry that was taken from the queue says. */
void entry_execute(struct sim *sim, const struct entry *e);
/* Hand an event to a node, with `command` as what it descends from. */
size_t node_deliver(struct node *n, const struct event *e, uint32_t command);

/* sim_timer.c */
uint8_t timers_count(const struct protocol *p);
void timers_clear(struct node *n);
/* The node has no entry in the queue: give it one, if a timer is armed. */
void timers_wake(struct node *n);
void timer_arm(struct host *h, int slot, uint64_t delay_us);
void timer_cancel(struct host *h, int slot);
/* Does an entry no longer stand for an armed timer?  It is to be taken out of
   the queue, and then to be forgotten. */
bool timer_is_stale(struct sim *sim, const struct entry *e);
void timer_forget(struct sim *sim, const struct entry *e);
void timer_entry(struct sim *sim, const struct entry *e);
void timer_fire(struct node *n, int slot);

/* sim_node.c */
void nodes_new(struct sim *sim);
/* Take the ids that node lines give, so that no other node draws them. */
bool nodes_reserve_ids(struct sim *sim, struct text *why);
struct node *node_by_name(const struct sim *sim, const char *name);
uint32_t node_by_addr(const struct sim *sim, struct addr a); /* or NOBODY */
/* As struct act_calls has them. */
struct host *node_enter(struct acts *a, const struct act *act,
                        const struct node_spec *spec);
void node_begin(struct acts *a, struct host *h, struct addr join,
                struct addr introducer);
void node_wait(struct acts *a, struct host *h);
void node_retry_join(struct node *n, uint64_t restarts);
enum down { DOWN_KILLED, DOWN_VANISHED, DOWN_LEFT };
void node_down(struct node *n, enum down how);
void node_leave(struct node *n);
/* Its time to leave is over; `restarts` says which life was meant. */
void node_leave_limit(struct node *n, uint64_t restarts);
void nodes_warm(struct acts *a);

/* sim_content.c */
bool content_keep(struct host *h); /* give it a table of made bytes */
void content_hash(struct host *h, const struct hash_job *job);
/* Hash, and tell the node if it still is the one that asked. */
void content_hashed(struct sim *sim, const struct entry *e);

/* sim_net.c */
uint64_t net_latency(const struct sim *sim, struct addr a, struct addr b);
uint64_t net_jitter(struct sim *sim);
uint16_t net_group(const char *const *groups, const char *name);
void net_set_groups(struct sim *sim, const char *const *groups);
void net_send(struct host *h, struct addr to, const void *data, size_t len);
void message_arrive(struct sim *sim, struct message *m);
void message_queue(struct sim *sim, struct message *m, uint64_t time_us);
struct message *message_copy(struct sim *sim, const struct message *m);
/* Fill in who sent what to whom. */
void message_record(struct sim *sim, const struct message *m, struct record *r);
void message_free(struct sim *sim, struct message *m);
/* Count a message that was sent in the present event. */
void count_cost(struct sim *sim, size_t bytes);
/* Count one that arrived, or was lost. */
void count_message(struct sim *sim, size_t bytes, bool lost);

/* sim_stream.c: host calls, what the queue holds, and the rest */
conn_id net_connect(struct host *h, struct addr to);
size_t net_write(struct host *h, conn_id conn, const void *wire,
                 size_t wire_len, const void *plain, size_t plain_len);
/* The same for bytes of a content, whatever the phase is. */
size_t net_write_content(struct host *h, conn_id conn, int content,
                         uint64_t offset, size_t len);
void net_phase(struct host *h, conn_id conn, enum phase phase);
void net_finish(struct host *h, conn_id conn);
void net_abort(struct host *h, conn_id conn);
void segment_at_downlink(struct sim *sim, struct segment *g);
void segment_arrive(struct sim *sim, struct segment *g);
void segment_acknowledged(struct sim *sim, struct segment *g);
void uplink_free(struct node *n);
void side_room(struct sim *sim, struct side *s);
void side_closed(struct side *s, enum close_reason why);
void stream_stalled(struct sim *sim, struct stream *stream);
void streams_down(struct node *n, enum down how);
/* Send on what a partition has held up. */
void streams_heal(struct sim *sim);
/* Forget all streams. */
void streams_clear(struct sim *sim);
/* Both sides of a stream will hear that it is gone. */
void stream_end(struct stream *stream, enum close_reason why);
void write_record(const struct side *from, const struct write *w,
                  struct record *r);

/* sim_stream.c, for sim_read.c */
static inline struct node *side_node(const struct side *s)
{
    return node_at(s->stream->sim, s->node);
}

static inline struct side *side_other(const struct side *s)
{
    return &s->stream->side[s == &s->stream->side[0]];
}

static inline uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* What referred to a stream does so no longer. */
void stream_release(struct stream *stream);
void side_record(const struct side *s, const char *text);
/* Send a segment that leaves at `time_us`. */
void segment_send(struct side *from, enum segment_kind kind, uint32_t bytes,
                  bool fin, uint64_t time_us);
/* What has not been sent never will be. */
void side_discard_backlog(struct side *s);
/* Let a side know soon that its stream is gone. */
void side_close_soon(struct side *s, enum close_reason why);
/* Are both ways finished?  Then it is over. */
void side_check_done(struct side *s);
/* Report a message: delivered, or lost and why. */
void write_report(const struct side *from, struct write *w, const char *why);
void write_free(struct sim *sim, struct write *w);

/* sim_read.c */
/* Does a message removed by hand end within the next `bytes`? */
bool side_loses(const struct side *from, uint64_t bytes);
/* Let the reader have the next `bytes` of what `from` has written. */
void side_take(struct side *from, uint64_t bytes);
/* The first of a side's unread bytes, when it has any. */
const uint8_t *side_unread(const struct side *s);
/* Is there a call to make at once: bytes to offer (again), or the end? */
void side_plan_again(struct side *to);
/* Make that call: a step. */
void stream_again(struct sim *sim);

/* sim_acts.c */
extern const struct act_calls sim_act_calls;
void quiet_sample(struct sim *sim);
void command_result(struct host *h, uint32_t number, bool ok,
                    const struct fields *fields);
void command_expire(struct sim *sim, uint32_t number);
/* The open commands of a node that went down fail. */
void commands_fail(struct node *n);
/* Expects that have no result when the run ends are not met. */
void commands_unanswered(struct sim *sim);
struct command_run *command_get(const struct sim *sim, uint32_t number);

/* sim_hand.c */
/* Can `at step N pick K` mean it?  All that is under way can. */
bool entry_may_be_picked(const struct entry *e);
/* What a line `at step N` does, just before that step. */
void intervene(struct sim *sim, const struct act *act);

/* sim_node.c: the hash table */
bool table_add(struct sim *sim, struct table *t, uint32_t key, uint32_t value);
/* The next value of `key`, or 0; *at is 0 at first. */
uint32_t table_next(const struct table *t, uint32_t key, uint32_t *at);
void table_remove(struct table *t, uint32_t key, uint32_t value);

#endif
