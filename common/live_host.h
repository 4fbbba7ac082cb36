/*
 * The inside of the live host, shared by live.c (nodes, timers, datagrams,
 * commands), live_conn.c, live_write.c and live_stream.c (connections),
 * live_content.c (what nodes share), live_wait.c (epoll or poll) and
 * live_run.c (scenarios).  Nobody else includes this.
 *
 * One loop, live_poll: wait for sockets, handle those that are ready, fire
 * the timers that are due, then settle the streams that have something to
 * say without their socket (a connect that failed at once, a finish that
 * completed a close).  An event is delivered from the loop only, so a host
 * call never calls back into a node.
 */
#ifndef COMMON_LIVE_HOST_H
#define COMMON_LIVE_HOST_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "common/live.h"

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* the socket has SO_NOSIGPIPE then; live_prepare */
#endif

#define CONNS_PER_NODE_MAX 12000
#define SCRATCH_BYTES                                                          \
    ((size_t)256 * 1024) /* read from one socket in one round */
/* Of all streams: unconsumed, and unsent.  Beyond it, those that hold more
   than their equal share of it are reset. */
#define HELD_PER_NODE_MAX ((size_t)256 << 20)
#define BATCH_BYTES BACKLOG_HIGH       /* gathered for one write */
#define BACKLOG_MAX ((size_t)64 << 20) /* of one stream that nobody reads */
#define BURST_MAX 64                   /* datagrams in one round */
#define ACCEPTS_MAX 8                  /* so that callers are heard meanwhile */
#define PASSAGES_MAX 1024              /* datagrams under way to a local node */
#define COMMANDS_MAX 4096              /* open at the same time */
#define LEAVE_US (5 * SECOND_US)
#define ACCEPT_PAUSE_US ((uint64_t)200000) /* when descriptors run out */

/* -- Waiting (live_wait.c) ------------------------------------------------ */

enum { WAIT_READ = 1, WAIT_WRITE = 2, WAIT_ERROR = 4 };

struct waiter;

/* A descriptor that is ready, and what for. */
typedef void ready_fn(struct live *l, void *owner, int fd, unsigned what);

struct waiter *waiter_new(void);
void waiter_free(struct waiter *w);
/* Wait for `interest` (0: errors only) on a descriptor, known or new; false
   when the system refuses. */
bool waiter_set(struct waiter *w, int fd, unsigned interest, ready_fn *ready,
                void *owner);
void waiter_remove(struct waiter *w, int fd); /* before it is closed */
/* Wait up to `max_us` and call those that are ready; false: errno. */
bool waiter_run(struct waiter *w, uint64_t max_us, struct live *l);

/* -- Streams --------------------------------------------------------------- */

/* A first-in, first-out run of bytes; holds no memory while it is empty. */
struct bytes {
    uint8_t *data;
    size_t start, len, cap;
};
bool bytes_add(struct bytes *b, const void *data, size_t len);
void bytes_drop(struct bytes *b, size_t len); /* from the front */
void bytes_free(struct bytes *b);

/* What is known of a message between two nodes of this process, from its
   sending to its arrival. */
struct passage {
    struct addr from; /* datagrams */
    uint64_t hash;    /* datagrams: of the bytes */
    uint64_t end;     /* streams: the offset behind the message */
    uint64_t sent_us, step;
    uint32_t command;
    enum phase phase;
};

/* Bytes of a content that a stream has yet to send, from its file. */
struct file_part {
    size_t before; /* bytes of `out` between the part before and this one */
    int content;
    uint64_t offset;
    size_t len;
};

struct conn {
    conn_id id;
    conn_id stream; /* its number in records: the opener's id */
    conn_id mate;   /* the other end, when that is in this process; or 0 */
    struct live_node *node;
    int fd;                  /* -1: a connect that can only fail */
    struct addr local, peer; /* as the sockets have them; local: openers */
    struct addr shown;       /* in records: the peer's node, where known */
    bool connecting, opener;
    uint32_t command; /* that it was opened for, or 0 */
    bool peer_local;  /* the other end is, or was, in this process */
    bool eof;         /* the peer has finished, and the node knows */
    bool finishing;   /* the node has finished */
    bool shut;        /* ... and everything before that is written */
    bool broken;      /* writing failed; reading will tell the reason */
    bool full;        /* the backlog was high: owes a ROOM */
    bool corked;      /* small messages wait for each other, in `out` */
    bool failed;      /* owes a CLOSED with `error` */
    bool dead;        /* closed; freed at the end of the round */
    enum close_reason error;
    enum phase phase;      /* of what this side writes */
    enum phase reads;      /* of what the present BYTES call consumes */
    uint64_t deadline_us;  /* TIMEOUT then; NEVER */
    struct bytes in;       /* not yet consumed */
    struct bytes out;      /* not yet taken by the system, and ... */
    struct bytes parts;    /* ... file_parts in between, ... */
    size_t part_bytes;     /* ... of so many bytes, ... */
    size_t part_before;    /* ... behind so many of `out` */
    struct bytes arriving; /* passages of messages to this side */
    struct bytes leaving;  /* ... from it, while it has no mate */
    size_t held; /* bytes of `in` and `out`, as the node counts them */
    uint64_t written, consumed;
    struct conn *next_dead;
};

/* -- The host --------------------------------------------------------------- */

struct block { /* in front of what host_alloc returns */
    struct block *next, *prev;
};

struct timer {
    uint64_t due_us; /* NEVER: not armed */
    uint64_t cause;  /* the step that armed it */
};

struct live_node {
    struct host host; /* first: hosts are cast to nodes */
    struct live *live;
    const struct settings *settings;
    char name[NAME_BYTES_MAX + 1];
    int tcp, udp;
    bool vanished;      /* down, its sockets open and deaf */
    bool left;          /* has said so; only flushes */
    uint64_t stop_us;   /* down then, at the latest */
    uint64_t accept_us; /* accepts again then */
    uint64_t join_us;   /* waits, to join then: see acts_begin; NEVER */
    struct timer timer[TIMERS_PER_NODE];
    uint32_t conn_count;
    size_t held_bytes; /* by its streams: see HELD_PER_NODE_MAX */
    struct block *memory;
    struct bytes arriving; /* passages of datagrams to this node */
};

#define REFUSED_MAX 32 /* hashes; a node asks for a few at a time */

struct live_hash {
    struct live_hash *next;
    struct live_node *node;
    struct hash_job job;
};

struct open_command {
    uint32_t number;
    struct live_node *node;
    uint64_t deadline_us;
    char *text;
};

struct live {
    const struct protocol *protocol;
    const struct settings *settings;
    uint64_t seed;
    struct observer observer; /* .record NULL: nobody */
    struct observer inner;    /* live_run's ear */
    bool holds; /* what a node does in an event is reported behind it, and */
    struct log *held; /* what it sends last, since that has later steps */

    uint64_t epoch_us, now_us; /* now: of the present event */
    uint64_t steps;
    bool heard;       /* datagrams or stream bytes, from anybody */
    uint64_t step;    /* the present event's; what notes and results cite */
    uint32_t command; /* that the present event descends from, or 0 */
    bool busy;        /* an event is being handled */
    bool wake;        /* do not wait: something changed outside of sockets */
    struct waiter *waiter;
    uint8_t *scratch; /* what is read: SCRATCH_BYTES, */
    uint8_t *batch;   /* and written: BATCH_BYTES behind them */

    struct host **host; /* each the front of a live_node */
    size_t host_count, host_cap;
    struct network network;
    const struct id *reserved; /* for nodes that come later */
    size_t reserved_count;

    struct open_command *open;
    size_t open_count, open_cap;
    uint32_t command_count;

    /* Streams by id: in slot id & (cap - 1), one each. */
    struct conn **conn;
    size_t conn_count, conn_cap;
    conn_id conn_last;
    conn_id *opener_of_port;   /* the latest opener from a local port */
    uint64_t conn_deadline_us; /* no stream's deadline is before it */
    conn_id *settle;           /* streams to settle, in order */
    size_t settle_count, settle_cap;
    struct conn *dead;
    struct bytes decoded; /* by the present event: lengths and messages */

    struct watch *watches;
    struct live_hash *hashes, *hashes_end; /* jobs, in order */
    struct live_hash refused[REFUSED_MAX]; /* for which there was no memory */
    size_t refused_count;
    struct contents *folder; /* what the next node that is started shares */
};

static inline struct live_node *node_of(struct host *h)
{
    return (struct live_node *)(void *)h;
}

/* Begin a step: the event that is about to be handled or recorded. */
void live_step(struct live *l, uint32_t command);
/* Hand an event to a node that is up and has not left.  After bytes, whose
   end only the node knows, live_release is the caller's. */
size_t live_deliver(struct live_node *n, const struct event *e);
bool live_observed(const struct live *l);
/* Report a record of the present step and time, or hold it. */
void live_record(struct live *l, struct record *r);
/* Report what was held. */
void live_release(struct live *l);
/* Fill in and report a message that node `n` sends in the present step. */
void live_record_sent(struct live_node *n, struct record *r);
struct endpoint live_endpoint(struct live *l, struct addr a);
/* A record about node `n` alone, whose text says all. */
void live_record_text(struct live_node *n, enum record_kind kind,
                      const char *text);
struct endpoint live_self(const struct live_node *n);
/* A local node that listens there, up or down. */
struct live_node *live_local(struct live *l, struct addr a);
/* Make a socket non-blocking, and closed on exec. */
bool live_prepare(int fd);
struct sockaddr_in live_sockaddr(struct addr a);
struct addr live_addr(const struct sockaddr_in *s);

extern const struct host_calls live_calls;
ready_fn live_datagrams;
void live_discard_datagrams(struct live_node *n); /* what has arrived */

/* As live_command; to a node that is down it fails at once, as a result. */
uint32_t live_give(struct live *l, struct host *h, const char *text);
/* The open commands of a node that is down fail. */
void live_commands_fail(struct live_node *n);

/* live_node.c */
/* A node that has its address and id, but is not up. */
struct live_node *live_add(struct live *l, const struct protocol *p,
                           const char *name, struct addr listen, const char *id,
                           const struct settings *s, struct text *why);
bool live_begin(struct live_node *n, struct addr join, struct addr introducer,
                struct text *why);
/* Create the state of a node that is up; false when memory is short. */
bool live_create(struct live_node *n, struct addr join, struct addr introducer);
/* Close the sockets on which others reach it. */
void live_deafen(struct live_node *n);
/* Take it down, and everything of it but its name, address and id. */
void live_down(struct live_node *n);
/* Take nodes down that have left and written all, or had time enough. */
void live_finish_leaving(struct live *l);
/* End a life, for live_begin to start another: empty state, same address. */
void live_end(struct live *l, struct host *h);

/* live_content.c */
bool live_keep(struct host *h);
/* Give a new node what a scenario says; false when memory is short. */
bool live_share(struct live_node *n, const struct share *share, size_t count);
void live_hash_later(struct host *h, const struct hash_job *job);
/* Hash a slice, or tell a node of a digest. */
void contents_work(struct live *l);
void contents_forget_jobs(struct live_node *n); /* it is down */

/* live_conn.c */
struct conn *conn_find(const struct live *l, conn_id id); /* or NULL */
struct conn *conn_of(struct host *h, conn_id id); /* ... or another node's */
struct conn *conn_new(struct live_node *n, int fd, struct addr peer);
/* Close a stream and take it off the table.  Its memory stays until the end
   of the round. */
void conn_remove(struct conn *c, bool reset);
/* Closing it will be a reset, and discard what is unsent. */
void conn_reset_on_close(int fd);
/* May events of this stream still be delivered? */
bool conn_is_served(const struct conn *c);
/* Deliver an event of the stream that is not BYTES; `text` is for records. */
void conn_tell(struct conn *c, struct event e, const char *text);
/* Remove it, and tell the node why; now, or when the loop comes back to it. */
void conn_end(struct conn *c, enum close_reason reason);
void conn_end_later(struct conn *c, enum close_reason reason);
/* Why an open stream, or one that could not be opened, is gone. */
enum close_reason conn_reason(const struct conn *c, int error);
void conn_set_deadline(struct conn *c, uint64_t deadline_us);
/* Report a message that has been written, to whom it is for, or to records;
   the passage of the one that is consumed next; and that it was. */
void conn_written(struct conn *c, const struct record *message);
struct passage conn_passage(struct conn *c);
void conn_consumed(struct conn *c, const struct passage *p, const uint8_t *data,
                   size_t len);

/* live_write.c */
/* While the node handles what came by a stream, small messages that it writes
   to it are held back, to leave together.  Uncorking sends them. */
void conn_cork(struct conn *c);
void conn_uncork(struct conn *c);
size_t conn_unsent(const struct conn *c); /* bytes the system has not taken */
/* Count what a stream holds; true when that is more than its share of what
   its node may hold, and the node holds too much. */
bool conn_holds_too_much(struct conn *c);
void conn_wait(struct conn *c); /* for what this stream needs */
void conn_flush(struct conn *c);

/* live_stream.c */
ready_fn stream_ready, stream_accept;
conn_id stream_connect(struct host *h, struct addr to);
size_t stream_write(struct host *h, conn_id id, const void *wire,
                    size_t wire_len, const void *plain, size_t plain_len);
size_t stream_write_content(struct host *h, conn_id id, int content,
                            uint64_t offset, size_t len);
void stream_decoded(struct host *h, conn_id id, const void *plain, size_t len);
void stream_phase(struct host *h, conn_id id, enum phase phase);
void stream_reads(struct host *h, conn_id id, enum phase phase);
void stream_finish(struct host *h, conn_id id);
void stream_abort(struct host *h, conn_id id);
/* Deliver what waits on no socket; true when there was any. */
void streams_settle(struct live *l);
void streams_free_dead(struct live *l);
/* Close all of a node's streams, by resets if `reset`. */
void streams_close(struct live_node *n, bool reset);
void streams_leave(struct live_node *n);         /* flush, then finish */
bool streams_flushed(const struct live_node *n); /* ... and is that done? */
void streams_vanish(struct live_node *n);

#endif
