/*
 * A servent: server and client in one.
 *
 *   node.c      options, events, timers
 *   seek.c      where neighbours come from
 *   greet.c     handshakes
 *   link.c      the list of links, and the messages that they carry
 *   route.c     the protocol itself: what is done with each message
 *   seen.c      the table that ends floods and leads answers back
 *   qrp.c       0.6: a leaf's table of words, kept by its ultrapeer
 *   transfer.c  files by HTTP
 *   push.c      how a holder that cannot be called is made to call
 *   command.c   what a user asks
 *
 * One TCP port serves three protocols (reference, section 1), so every
 * connection is a `struct link` and its state says what it has become.
 */
#ifndef GNUTELLA_NODE_H
#define GNUTELLA_NODE_H

#include "common/http.h"
#include "gnutella/seen.h"

enum gnutella_option {
    OPT_VERSION,
    OPT_TTL,
    OPT_DEGREE,
    OPT_PING,
    OPT_ROLE,
    OPT_FIREWALLED,
    OPT_COLLECT,
    OPT_DUPLICATES,
    OPT_DEFLATE,
    OPT_PUBLIC,
    OPT_QUERIES
};

#define PRODUCT "p2plab/0.1" /* as handshakes and HTTP name us */

enum version { VERSION_04, VERSION_06 };
enum role { ROLE_AUTO, ROLE_ULTRAPEER, ROLE_LEAF };

enum gnutella_timer { TIMER_PING, TIMER_SEEK, TIMER_DEADLINE, TIMER_REFRESH };

enum link_state {
    LINK_DIALLED,    /* connecting */
    LINK_SENT_HELLO, /* waiting for the answer */
    LINK_ACCEPTED,   /* somebody called; its first bytes will tell */
    LINK_WAIT_FINAL, /* 0.6: our answer is out, the third step to come */
    LINK_UP,
    LINK_CLOSING, /* what still comes is thrown away */
    LINK_UPLOAD,
    LINK_DOWNLOAD, /* we dialled, or a GIV came: now we ask by GET */
    LINK_GIVING,   /* we dial a downloader, to say GIV */
    LINK_PROXY     /* we dial a holder's proxy, to ask for a push */
};

/* So many of a kind since then. */
struct rate {
    uint64_t since_us;
    uint32_t count;
};

struct link {
    struct link *next;
    conn_id conn;
    enum link_state state;
    enum role peer; /* ROLE_AUTO: a 0.4 servent, all are equal */
    bool outgoing;
    bool guest;  /* 0.4: no room for it; it gets some pongs, and a farewell */
    bool modern; /* shook hands as 0.6 */
    bool caches; /* announced Pong-Caching: it is pinged for its cache */
    uint8_t zero_count;   /* messages with TTL 0 that it has sent */
    struct addr caller;   /* where it called from; of LINK_GIVING, whom we do */
    struct addr addr;     /* where it listens; none: not known (yet) */
    uint64_t deadline_us; /* NEVER: none */
    uint64_t heard_us;    /* its last byte */
    uint64_t pinged_us;   /* when we last answered a ping of its */
    uint64_t asked_us;    /* when we last pinged it */
    struct rate queries, pushes, passed, ids; /* that came on it */
    size_t backlog;       /* unsent bytes, after the last write; 0 at ROOM */
    struct deflater *out; /* NULL: plain */
    struct inflater *in;
    uint8_t *plain; /* the message that is being inflated */
    uint32_t plain_len, plain_cap;
    uint64_t packed_bytes, plain_bytes; /* that have come on it, in all */
    struct words *words;                /* a leaf's table, or NULL */
    uint32_t words_told;         /* the version of ours that an ultrapeer has */
    uint32_t index;              /* LINK_GIVING: the file that was asked for */
    bool proxied;                /* it may be called by us only; its id: */
    uint8_t servent[GUID_BYTES]; /* also LINK_PROXY: who is to be called */
    struct addr proxy; /* where it takes calls for us; none: it does not */
    int content;       /* LINK_UPLOAD, and its bytes: */
    uint64_t at, end;  /*   from here to there are still to be sent */
    bool last;         /* ... and then the connection ends */
    struct download *download; /* LINK_DOWNLOAD */
};

/* An address that may be dialled, and what the last pong about it said. */
struct known {
    struct addr addr;
    uint64_t rest_us; /* not before */
    conn_id from;     /* the link that the pong came on; 0: there was none */
    uint32_t files, kilobytes;
    uint8_t hops, tries;
};

/* A file that somebody has, as a hit said. */
struct hit {
    struct addr addr;
    uint8_t servent[GUID_BYTES];
    uint32_t index;
    uint64_t bytes;
    struct addr proxy; /* who can push it; none: nobody is named */
    bool push, has_sha1;
    uint8_t sha1[SHA1_BYTES];
    uint8_t hops;
    char *name; /* its own memory, NUL-terminated */
};

/* A question under way: a search, or a ping, whose answers are collected. */
struct search {
    uint32_t command;
    uint8_t type; /* GNUTELLA_QUERY or _PING */
    uint8_t guid[GUID_BYTES];
    uint64_t deadline_us;
    uint32_t answers;
};

/* A file that is being fetched: dialled or pushed, GET, body, hash. */
struct download {
    struct download *next;
    uint32_t command;
    struct hit hit; /* its name has its own memory */
    int content;
    uint64_t at;          /* the next byte to come */
    uint64_t remain;      /* of this answer's body; 0: its head is to come */
    bool moved;           /* bytes have come since the last trouble */
    bool checking;        /* all bytes are here; their hash is under way */
    bool pushed;          /* a GIV is waited for */
    unsigned tries, busy; /* in a row; 503s in all */
    struct link *link;    /* NULL: none at present */
    uint64_t deadline_us; /* without a link: to try again, or give up */
};

/* Somebody who was told to wait for an upload. */
struct waiter {
    uint32_t ip;
    uint64_t until_us; /* it should ask again before that */
};

/* The SHA-1 of a shared content. */
struct digest {
    uint8_t sha1[SHA1_BYTES];
    bool known;
};

struct counters {
    uint64_t received, sent, forwarded, duplicates, unroutable, dropped;
};

struct gnutella {
    const struct settings *settings;
    struct addr self, join;
    uint8_t servent[GUID_BYTES];
    enum role role; /* as it stands: 0.4: ROLE_AUTO */
    bool leaving, seeking;
    bool refreshing;    /* TIMER_REFRESH is set */
    bool joined;        /* the one that it was told has answered, and */
    uint8_t join_tries; /* how often it was asked in vain */
    bool warm; /* its neighbours were chosen for it: it need not look */
    struct link *links;  /* in the order of their beginning */
    struct known *known; /* CACHE_MAX of them, or NULL */
    uint32_t known_count;
    struct seen seen;
    struct counters count;
    struct search search[SEARCHES_MAX];
    uint32_t search_count;
    uint8_t asked[GUID_BYTES]; /* our last query's id, for facts */
    struct hit *hits;          /* HITS_MAX of them, or NULL */
    uint32_t hit_count;
    struct download *downloads;
    uint32_t download_count;
    struct waiter waiting[WAITING_MAX]; /* in their order */
    uint32_t waiting_count;
    uint32_t distance, next; /* scratch of a walk over the overlay, and */
    uint32_t planned;        /* of warm(): no state (check.c) */
    struct digest *digests;  /* by content */
    uint32_t digest_count;   /* of which these are in memory */
    uint64_t words_us;       /* a leaf's table is sent again; NEVER: not */
    uint32_t words_version;  /* ... where another than this was told */
};

extern const struct protocol gnutella_protocol;
extern const char *const gnutella_roles[]; /* their names, by enum role */

static inline bool is_modern(const struct gnutella *n)
{
    return setting(n->settings, OPT_VERSION) == VERSION_06;
}

/* Drop the message at hand, and say why. */
void gnutella_drop(struct gnutella *n, struct host *h, const char *why);
/* A new descriptor id: random, as a modern servent makes one (byte 8 is
   0xff, byte 15 is 0). */
void gnutella_new_guid(struct host *h, uint8_t guid[GUID_BYTES]);
/* What it is while it has no neighbours: 0.4: ROLE_AUTO. */
enum role gnutella_first_role(const struct settings *s);
/* A new link: its cache of pongs is asked for by and by, if it has one. */
void gnutella_refresh_soon(struct gnutella *n, struct host *h,
                           const struct link *l);
/* Arm TIMER_DEADLINE for the earliest of all deadlines. */
void gnutella_arm(struct gnutella *n, struct host *h);

/* -- link.c -------------------------------------------------------------- */

/* The connection of that number, or NULL: it is none of ours any more. */
struct link *gnutella_link_of(const struct gnutella *n, conn_id conn);
/* NULL: no memory. */
struct link *gnutella_link_new(struct gnutella *n, struct host *h, conn_id conn,
                               enum link_state state, uint64_t patience_us);
/* Take it off the list and free it; its stream is left alone. */
void gnutella_link_free(struct gnutella *n, struct host *h, struct link *l);
/* All is said: half-close, and wait a little for the peer's end. */
void gnutella_link_finish(struct host *h, struct link *l);
/* Say goodbye (0.6: by a Bye) and finish. */
void gnutella_link_close(struct gnutella *n, struct host *h, struct link *l,
                         uint16_t code, const char *why);
/* Cut it off. */
void gnutella_link_abort(struct gnutella *n, struct host *h, struct link *l,
                         const char *why);
/* Neighbours: links over which floods run. */
static inline bool gnutella_link_is_up(const struct link *l)
{
    return l->state == LINK_UP && !l->guest;
}
/* Count one more; are there more than `most` in this period? */
static inline bool gnutella_beyond(struct rate *r, uint64_t now_us,
                                   uint64_t period_us, uint64_t most)
{
    if (now_us - r->since_us >= period_us)
        *r = (struct rate){.since_us = now_us};
    return ++r->count > most;
}
/* In flow control: it does not read what it is sent. */
static inline bool gnutella_link_is_slow(const struct link *l)
{
    return l->backlog >= QUEUE_BYTES / 2;
}
/* The peer's address for people: a firewalled one never tells where it
   listens. */
static inline struct addr gnutella_link_peer(const struct link *l)
{
    return addr_none(l->addr) ? l->caller : l->addr;
}
/* How many neighbours it has; */
unsigned gnutella_degree(const struct gnutella *n);
/* without leaves, which are no neighbours of a flood; */
unsigned gnutella_peer_count(const struct gnutella *n);
/* how many of these it wants, */
static inline unsigned gnutella_degree_wanted(const struct gnutella *n)
{
    return (unsigned)setting(n->settings, OPT_DEGREE);
}
/* and takes. */
unsigned gnutella_link_room(const struct gnutella *n);
/* Could the bytes that came become `word`? */
bool gnutella_may_be(const struct event *e, const char *word);
/* What came on a connection: handshake, HTTP, or one message.  The bytes
   used, as EVENT_BYTES wants. */
size_t gnutella_link_on_bytes(struct gnutella *n, struct host *h,
                              struct link *l, const struct event *e);
/* Write one message on a link, deflated where that was agreed; dropped when
   the peer does not read (limits.h, QUEUE_BYTES). */
void gnutella_link_write(struct gnutella *n, struct host *h, struct link *l,
                         const uint8_t *data, size_t len);
/* Say goodbye to all; the node has left when the last one has gone. */
void gnutella_link_leave(struct gnutella *n, struct host *h);

/* -- greet.c ------------------------------------------------------------- */

/* Call a servent to be our neighbour. */
void gnutella_greet_dial(struct gnutella *n, struct host *h, struct addr to);
/* Our call was answered: begin the handshake. */
void gnutella_greet_on_open(struct gnutella *n, struct host *h, struct link *l);
/* A step of a handshake has come, or a part of it: the bytes used. */
size_t gnutella_greet_on_bytes(struct gnutella *n, struct host *h,
                               struct link *l, const struct event *e);
/* The listening address of a neighbour has become known. */
void gnutella_greet_named(struct gnutella *n, struct host *h, struct link *l,
                          struct addr addr);

/* -- seek.c -------------------------------------------------------------- */

/* Is this an address that a stranger may make us dial? */
bool gnutella_may_dial(const struct gnutella *n, struct addr a);
/* Remember a servent for later calls; the table is bounded.  Its entry, or
   NULL; lent until the next one is added. */
struct known *gnutella_known_add(struct gnutella *n, struct host *h,
                                 struct addr addr);
/* The entry of that address, or NULL. */
struct known *gnutella_known_of(const struct gnutella *n, struct addr addr);
/* Read all of a header such as Listen-IP; false: it is no address. */
bool gnutella_addr_read(struct addr *a, struct slice s);
/* Addresses in a header such as X-Try, by commas, perhaps on many lines. */
void gnutella_known_add_list(struct gnutella *n, struct host *h,
                             struct slice s);
/* The host cache, kept beyond our own end, */
void gnutella_known_save(struct gnutella *n, struct host *h);
/* and read again. */
void gnutella_known_load(struct gnutella *n, struct host *h);
/* Look for neighbours soon, if there are too few. */
void gnutella_seek_soon(struct gnutella *n, struct host *h);
/* Has it too few neighbours, and somebody left whom it has not tried? */
bool gnutella_seek_is_on(const struct gnutella *n);
/* The timer of that: call some of those that we know. */
void gnutella_seek_on_timer(struct gnutella *n, struct host *h);
/* Calls whose handshake is not over. */
unsigned gnutella_under_way(const struct gnutella *n);
/* Once a ping period: dial one more than is wanted, so that overlays which a
   partition has made find each other again. */
void gnutella_seek_one_more(struct gnutella *n, struct host *h);

/* -- route.c ------------------------------------------------------------- */

/* One whole message has come: decode it and act on it. */
void gnutella_route_message(struct gnutella *n, struct host *h, struct link *l,
                            const uint8_t *data, size_t len);
/* Send a message of our own, or an answer, on one link. */
void gnutella_route_send(struct gnutella *n, struct host *h, struct link *l,
                         struct gnutella_msg *m);
/* Send a ping of our own to one link, or (NULL) to all. */
void gnutella_route_ping(struct gnutella *n, struct host *h, struct link *l,
                         unsigned ttl, const uint8_t guid[GUID_BYTES]);
/* Ask all neighbours, leaves as their tables allow. */
void gnutella_route_query(struct gnutella *n, struct host *h, const char *text,
                          size_t len, const uint8_t guid[GUID_BYTES]);
/* Ask a firewalled owner to call us, the way its hit came; false: that way
   is gone. */
bool gnutella_route_push(struct gnutella *n, struct host *h,
                         const struct hit *hit);
/* Do all words of `text` occur in `name`? */
bool gnutella_matches(const char *name, size_t name_len, const char *text,
                      size_t text_len);

/* -- command.c ----------------------------------------------------------- */

/* A user's command. */
void gnutella_command(struct gnutella *n, struct host *h,
                      const struct event *e);
/* A hit for a search of ours, */
void gnutella_command_hit(struct gnutella *n, struct host *h,
                          const struct gnutella_msg *m);
/* a pong for a ping of ours. */
void gnutella_command_pong(struct gnutella *n, struct host *h,
                           const struct gnutella_msg *m);
/* Answer the commands whose time to collect is over. */
void gnutella_command_expire(struct gnutella *n, struct host *h);

/* -- qrp.c --------------------------------------------------------------- */

/* The hash of a word, to so many bits.  Source: reference, section 2. */
uint32_t gnutella_qrp_hash(const uint8_t *word, size_t len, unsigned bits);
/* Send our table to an ultrapeer. */
void gnutella_qrp_send(struct gnutella *n, struct host *h, struct link *l);
/* Our files are others than they were, or their hashes: our ultrapeers hear of
   it soon, once for all that changes meanwhile. */
void gnutella_qrp_changed(struct gnutella *n, struct host *h);
/* Tell them, when it is time. */
void gnutella_qrp_expire(struct gnutella *n, struct host *h);
/* A RESET or PATCH from a leaf; false when it breaks the sequence. */
bool gnutella_qrp_receive(struct host *h, struct link *l,
                          const struct gnutella_msg *m);
/* May the leaf have something for this query? */
bool gnutella_qrp_may_match(const struct link *l, const struct gnutella_msg *m);
/* Forget the table that came on a link. */
void gnutella_qrp_free(struct host *h, struct link *l);

/* -- transfer.c ---------------------------------------------------------- */

/* Fetch what a hit names; answers `command` at the end. */
void gnutella_transfer_get(struct gnutella *n, struct host *h, uint32_t command,
                           const struct hit *hit);
/* Somebody asks us for a file, or answers, or brings GIV: bytes consumed. */
size_t gnutella_transfer_on_bytes(struct gnutella *n, struct host *h,
                                  struct link *l, const struct event *e);
/* Our call to an owner, or to an asker, was answered. */
void gnutella_transfer_on_open(struct gnutella *n, struct host *h,
                               struct link *l);
/* An upload may go on. */
void gnutella_transfer_on_room(struct gnutella *n, struct host *h,
                               struct link *l);
/* Its stream is gone, or given up. */
void gnutella_transfer_on_closed(struct gnutella *n, struct host *h,
                                 struct link *l);
/* A digest that was asked for: of what we share, or of what came. */
void gnutella_transfer_on_hashed(struct gnutella *n, struct host *h,
                                 const struct event *e);
/* Ask on that connection, which the holder has opened. */
void gnutella_transfer_begin(struct gnutella *n, struct host *h,
                             struct download *d, struct link *l);
/* Give up on transfers that are silent for too long. */
void gnutella_transfer_expire(struct gnutella *n, struct host *h);
/* End all transfers; what came is kept. */
void gnutella_transfer_stop(struct gnutella *n, struct host *h);
/* Begin to hash what is shared. */
void gnutella_transfer_start(struct gnutella *n, struct host *h);
/* The SHA-1 of a shared content, if it is known by now. */
const uint8_t *gnutella_transfer_sha1(const struct gnutella *n, int content);
/* When the first of them is due; NEVER: none. */
uint64_t gnutella_transfer_deadline(const struct gnutella *n);

/* -- push.c -------------------------------------------------------------- */

/* A push for us: call the downloader, and say GIV; but not everybody who is
   named, and as often as somebody likes (reference, section 8). */
void gnutella_push_follow(struct gnutella *n, struct host *h, struct link *from,
                          const struct gnutella_msg *m);
/* Where a push for that servent goes: its own link, or the one by which its
   last hit came.  NULL: nobody knows. */
struct link *gnutella_push_way(const struct gnutella *n,
                               const uint8_t servent[GUID_BYTES]);
/* Ask a new ultrapeer to be our push proxy, if we cannot be called. */
void gnutella_push_ask_proxy(struct gnutella *n, struct host *h,
                             struct link *l);
/* A vendor's message: LIME/21 and /22 are about proxies. */
void gnutella_push_on_vendor(struct gnutella *n, struct host *h, struct link *l,
                             const struct gnutella_msg *m);
/* The GGEP block for our hits that names our proxies: the bytes put into `out`
   (PROXIES_BYTES at most), 0 when there is none. */
size_t gnutella_push_proxies(const struct gnutella *n, uint8_t *out);
/* A request to us as a proxy: the status to answer. */
const char *gnutella_push_by_proxy(struct gnutella *n, struct host *h,
                                   const struct http_head *head);
/* Ask the holder's proxy; false when none is named. */
bool gnutella_push_dial_proxy(struct gnutella *n, struct host *h,
                              const struct hit *hit);
/* LINK_GIVING, LINK_PROXY; and the first words GIV. */
void gnutella_push_on_open(struct gnutella *n, struct host *h, struct link *l);
size_t gnutella_push_on_bytes(struct gnutella *n, struct host *h,
                              struct link *l, const struct event *e);

#endif
