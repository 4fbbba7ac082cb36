/*
 * The seam: all that stands between a protocol and the world.
 *
 * A protocol is one function, `event`: it is told what happened, changes its
 * state and calls its host.  It never learns whether that host is the
 * simulator (sim.h) or real sockets (live.h).  The rules that both keep:
 *
 *  1. One event at a time, never from inside a host call.  What a host call
 *     causes arrives later, as an event of its own.
 *  2. Bytes are lent until the call returns; host_send and host_write copy.
 *  3. BYTES shows all bytes not yet consumed.  The node consumes exactly one
 *     protocol message (or one chunk of bulk data) and returns its length, or
 *     0: "need more".  While it consumes and bytes remain, it is called again
 *     at once.  Over UNCONSUMED_MAX left lying, the host resets the stream.
 *  4. host_write never refuses; it returns the bytes not yet sent.  From
 *     BACKLOG_HIGH on the node should stop, and go on at ROOM, which comes
 *     once when the backlog falls below BACKLOG_LOW.  Writing to a stream
 *     that is closed or finished does nothing and returns 0.
 *  5. When the peer has half-closed, one more BYTES (if bytes are left), then
 *     EOF, with `len` the bytes left over.  EOF is not a close: this side may
 *     still write.  When both sides have finished: CLOSED with error 0.
 *     After host_abort the caller hears no more; the peer: CLOSED RESET.
 *  6. A timer that was replaced or cancelled is never delivered.
 *  7. Memory from host_alloc only, zeroed.  Time and chance from the host
 *     only.  A protocol has no writable statics (`make pure`).
 */
#ifndef COMMON_NODE_H
#define COMMON_NODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/error.h"
#include "common/fields.h"
#include "common/options.h"
#include "common/text.h"

/* All times are microseconds. */
#define SECOND_US UINT64_C(1000000)
#define NEVER UINT64_MAX              /* a time that does not come */
#define JOIN_RETRY_US (2 * SECOND_US) /* before a join is tried again */

struct host;              /* opaque to protocols, one per node */
typedef uint32_t conn_id; /* 0: none; never used again within a run */

#define TIMER_SLOTS 8
#define MESSAGE_BYTES_MAX ((size_t)64 * 1024)
#define UNCONSUMED_MAX ((size_t)1024 * 1024)
#define BACKLOG_HIGH ((size_t)256 * 1024)
#define BACKLOG_LOW ((size_t)64 * 1024)
#define STREAM_TIMEOUT_US (60 * SECOND_US)

enum event_kind {
    EVENT_START,    /* once, first */
    EVENT_TIMER,    /* .timer */
    EVENT_DATAGRAM, /* .peer .data .len: one whole datagram */
    EVENT_OPEN,     /* .conn: our host_connect succeeded */
    EVENT_ACCEPT,   /* .conn .peer: somebody connected to us */
    EVENT_BYTES,    /* .conn .data .len: all unconsumed bytes */
    EVENT_ROOM,     /* .conn: the backlog fell below BACKLOG_LOW */
    EVENT_EOF,      /* .conn .len: the peer finished; len bytes left over */
    EVENT_CLOSED,   /* .conn .error: last event of this stream */
    EVENT_COMMAND,  /* .command .data .len: a user's request, as text */
    EVENT_HASHED,   /* .content .tag .data .len: the digest asked for; len 0:
                       some of the bytes are not here */
    EVENT_STOP      /* leave politely, then host_left; within 5 s */
};

enum close_reason { CLOSE_DONE, CLOSE_REFUSED, CLOSE_RESET, CLOSE_TIMEOUT };

struct event {
    enum event_kind kind;
    int timer;
    enum close_reason error;
    conn_id conn;
    uint32_t command; /* its number, which the result repeats */
    int content;      /* EVENT_HASHED */
    uint32_t tag;     /* EVENT_HASHED: as given to host_content_hash */
    struct addr peer;
    const uint8_t *data; /* commands too are NUL-terminated behind `len` */
    size_t len;
};

/* How a node begins. */
struct config {
    const struct settings *settings; /* outlives the node */
    const char *name; /* what people call the node; never NULL, lent */
    struct addr self;
    struct addr join; /* a member of the network; none: start one */
    struct id id;     /* from identify(), for protocols that have ids */
    uint64_t unix_s;  /* Unix time when host_now was 0; simulated: 0 */
};

/* What kind of bytes a stream carries; tells `describe` how to read them. */
enum phase {
    PHASE_DATAGRAM,
    PHASE_HANDSHAKE,
    PHASE_HTTP,
    PHASE_MESSAGES,
    PHASE_BULK
};

/* Where a message was seen: all that `describe` is told besides its bytes. */
struct framing {
    enum phase phase;
    bool from_opener; /* sent by the side that opened the stream */
};

struct network;  /* every node of a run; see network.h */
struct findings; /* what an invariant check found; see network.h */

/* Types of a command's arguments, a letter each: n number or name (a key),
   w word, t text to the end of the line, a address; '?' after a letter:
   optional. */
struct command {
    const char *name;
    const char *args;  /* "n", "wt" */
    const char *usage; /* "lookup KEY" */
    const char *help;  /* one line */
    uint64_t limit_us; /* unanswered: "ok":false; 0: no limit */
};

#define COMMAND_LIMIT_US (30 * SECOND_US)

/* What a protocol exports.  Functions marked (may be NULL) are optional. */
struct protocol {
    const char *name;
    const struct option *options;   /* ends in a NULL name */
    const struct command *commands; /* ends in a NULL name */
    const char *const *timers;      /* by slot, ends in NULL */
    uint8_t timeouts; /* a bit for each slot that only waits for an answer */
    bool clocked; /* nodes measure time or draw lots: states of another time,
                     or with other lots to come, differ */
    const char *invariants; /* "one ring, ordered, ..." for people */
    /* Every name that `describe` and results give to a field, so that an
       expression with another one is refused.  (may be NULL: any) */
    const char *fields, *results;

    /* The id of a node at `self`, or the one that `text` gives; false with
       *why set when `text` is no id.  (may be NULL: no ids) */
    bool (*identify)(const struct settings *, struct addr self,
                     const char *text, struct id *id, struct text *why);
    /* State of a new node, from host_alloc; NULL when memory is short. */
    void *(*create)(struct host *, const struct config *);
    /* Handle one event; the bytes consumed, for EVENT_BYTES. */
    size_t (*event)(void *node, struct host *, const struct event *);
    /* Canonical state: all that can influence behaviour, nothing else. */
    void (*dump)(const void *node, struct host *, struct text *);
    /* Name every byte of one plain message. */
    void (*describe)(const struct framing *, const uint8_t *data, size_t len,
                     struct fields *);

    /* Over the whole network. */
    void (*warm)(const struct network *); /* perfect tables */
    void (*check)(const struct network *, struct findings *);
    bool (*settled)(const struct network *);
    uint64_t (*quiet_us)(const struct settings *); /* settled for so long */
    /* Replace what is arbitrary in a copy of a message in flight, request
       numbers for one, by what it means now; for the explorer.  (may be
       NULL) */
    void (*canonical)(const struct network *, const struct host *from,
                      const struct host *to, uint8_t *data, size_t len);
    /* Is this message of the kind that expects no answer, so that handling it
       is an operation of its own?  For `grain call`.  (may be NULL) */
    bool (*one_way)(const uint8_t *data, size_t len);
    /* May this node crash, by the protocol's own assumptions?  (may be NULL:
       yes) */
    bool (*may_fail)(const struct network *, const struct host *);
};

/* -- What the host offers -------------------------------------------- */

uint64_t host_now(struct host *h);    /* microseconds since the run began */
uint64_t host_random(struct host *h); /* from this node's own stream */
void *host_alloc(struct host *h, size_t bytes); /* zeroed; NULL: no memory */
void host_free(struct host *h, void *memory, size_t bytes);
/* Room for `wanted` elements in a table of *cap (`table` is the address of its
   pointer), by doubling; what is new is zeroed.  False: no memory, and nothing
   has changed. */
bool host_grow(struct host *h, void *table, uint32_t *cap, uint32_t wanted,
               size_t element_bytes);

/* Arm `slot` to fire after the delay, in place of what it was armed for; or at
   a time (NEVER: disarm it). */
void host_timer(struct host *h, int slot, uint64_t delay_us);
void host_timer_at(struct host *h, int slot, uint64_t time_us);
void host_timer_cancel(struct host *h, int slot);

void host_send(struct host *h, struct addr to, const void *data, size_t len);

/* The address of a host that is known by name: a node of the run by its own,
   else what the system's resolver says, port 0 (which may take seconds: ask
   seldom, and keep the answer).  False: there is none. */
bool host_resolve(struct host *h, const char *name, struct addr *addr);
conn_id host_connect(struct host *h, struct addr to);
/* Write one message, or one chunk of bulk data; MESSAGE_BYTES_MAX at most. */
size_t host_write(struct host *h, conn_id conn, const void *data, size_t len);
/* The same where the bytes on the wire are not the plain message. */
size_t host_write_coded(struct host *h, conn_id conn, const void *wire,
                        size_t wire_len, const void *plain, size_t plain_len);
/* Report a plain message decoded from such a stream. */
void host_decoded(struct host *h, conn_id conn, const void *plain, size_t len);
/* What this side writes from now on is of this phase (at first: messages). */
void host_phase(struct host *h, conn_id conn, enum phase phase);
/* What this BYTES call consumes is of that phase.  Say so where it may differ
   from what this side writes: a stranger's phase no host can know. */
void host_reads(struct host *h, conn_id conn, enum phase phase);
void host_finish(struct host *h, conn_id conn); /* half-close, after data */
void host_abort(struct host *h, conn_id conn);

/*
 * -- Content: what a node shares and fetches ------------------------------
 *
 * A content is a sequence of files, nearly always one, addressed as one range
 * of bytes.  On the live host these are files below the folder that the node
 * was given; in the simulator, bytes made from the file's name and size, so
 * that two nodes which share the same file hold the same bytes, with a map of
 * the blocks that are here and of those that were written wrong.  A crash
 * keeps content: a node that starts again finds it.
 *
 * Contents are numbered from 0, those shared at the start in order of name;
 * numbers are not used again within a run.  Bytes can be written anywhere and
 * in any order; what was written can be read.
 */
struct content_file {
    const char *path; /* relative, '/' between names; "": padding, which is
                         zeros, here from the start and in no file */
    uint64_t bytes;
};

struct content {
    const char *name; /* lent until the next host call */
    uint64_t bytes;   /* of all files together */
    uint64_t have;    /* bytes that are here */
    bool complete;    /* host_content_complete was called; whole and shared */
    size_t file_count;
    const struct content_file *file;
};

enum content_hash { CONTENT_SHA1, CONTENT_MD5 };

size_t host_content_count(struct host *h);
/* False when there is no such number. */
bool host_content(struct host *h, int content, struct content *c);
/* The content of that name, or ERR_USAGE. */
int host_content_find(struct host *h, const char *name);
/* Begin a content whose bytes will come: its number; the old one when it is
   already here with the same files, with what it has.  ERR_MALFORMED: a path
   that would leave the folder, is absolute, hidden or not printable;
   ERR_LIMIT: too many, or that name with other files; ERR_SYSTEM: no room.
   Live files are made when something is written to them, and called NAME.part
   until the content is complete. */
int host_content_new(struct host *h, const char *name,
                     const struct content_file *files, size_t count);
/* The same for one file that `command` asked to fetch.  Where it cannot be
   begun, or is here already, that is the command's result, and ours an
   error. */
int host_content_fetch(struct host *h, uint32_t command, const char *name,
                       uint64_t bytes);
/* Every byte is here and right: give the files their names, and share them. */
int host_content_complete(struct host *h, int content);
/* The same for one file of it: others are not wanted, or still to come. */
int host_content_name(struct host *h, int content, size_t file);
bool host_content_has(struct host *h, int content, uint64_t offset,
                      uint64_t len);
/* The length of the part that is here from `offset` on, without a gap. */
uint64_t host_content_run(struct host *h, int content, uint64_t offset);
/* Forget that these bytes are here: a piece that failed its hash. */
void host_content_forget(struct host *h, int content, uint64_t offset,
                         uint64_t len);
/* 0, or ERR_USAGE outside of the content or for bytes that are not here,
   ERR_SYSTEM when the disk fails or is full. */
int host_content_read(struct host *h, int content, uint64_t offset, void *to,
                      size_t len);
int host_content_write(struct host *h, int content, uint64_t offset,
                       const void *from, size_t len);
/* Why the disk refused the latest read or write, a sentence; lent. */
const char *host_content_trouble(struct host *h);
/* Hash a range, in slices between other events; EVENT_HASHED brings it. */
void host_content_hash(struct host *h, int content, uint64_t offset,
                       uint64_t len, enum content_hash kind, uint32_t tag);
/* host_write of bytes of a content that are here, without copying them where
   the system can; one chunk, of PHASE_BULK whatever the stream's phase is,
   MESSAGE_BYTES_MAX at most. */
size_t host_write_content(struct host *h, conn_id conn, int content,
                          uint64_t offset, size_t len);
/* The same from *at on up to `end`, in chunks, until BACKLOG_HIGH are unsent;
   moves *at.  False: go on at ROOM. */
bool host_write_range(struct host *h, conn_id conn, int content, uint64_t *at,
                      uint64_t end);

/* Small things a node remembers beyond its own death, by name (letters,
   digits, - and _): its registrations, its cache of hosts.  On a live node
   only when it has a folder.  Kept whole or not at all.  Saving no bytes
   forgets the name.  BLOB_BYTES_MAX at most; ERR_LIMIT, ERR_SYSTEM. */
#define BLOB_BYTES_MAX ((size_t)16 * 1024 * 1024)
int host_save(struct host *h, const char *name, const void *data, size_t len);
/* The bytes copied into `to`, 0 when there is no such name, ERR_LIMIT when
   they do not fit. */
int host_load(struct host *h, const char *name, void *to, size_t room);

/* The outcome of a command; the fields are copied.  Ends the command.  Of no
   command, 0: news that people want to hear, called by the fields' type. */
void host_result(struct host *h, uint32_t command, bool ok,
                 const struct fields *fields);
/* The short form for what failed: one field, "error". */
void host_failed(struct host *h, uint32_t command, const char *error);
/* Explain the current event to the student. */
void host_note(struct host *h, const char *format, ...) PRINTF_LIKE(2, 3);
/* Does anybody listen to notes?  Saves the work of wording them. */
bool host_wants_notes(struct host *h);
/* The polite leave that EVENT_STOP asked for is done: no event follows. */
void host_left(struct host *h);

#endif
