/*
 * A node of FastTrack: ordinary, or a supernode.
 *
 *     node.c       options, events, timers, canonical state
 *     links.c      connections: a table of them
 *     link.c       what is said on one: handshake, session; known supernodes
 *     ordinary.c   an ordinary node: its parent, its share list, searches
 *     supernode.c  a supernode: its children's files, queries, other supernodes
 *     elect.c      who becomes a supernode, and who no longer is one
 *     transfer.c   files, from node to node, from several at once
 *     hashing.c    hashes of what is shared
 *     command.c    what a user asks
 *
 * The half between supernodes was never published.  What we made up for it is
 * marked [teach], here, on the screen and in the worksheets.
 */
#ifndef FASTTRACK_NODE_H
#define FASTTRACK_NODE_H

#include "common/http.h"
#include "common/words.h"
#include "fasttrack/uuhash.h"
#include "fasttrack/wire.h"

#define USER_MAX NAME_MAX_BYTES

enum fasttrack_option {
    OPT_PLAIN,
    OPT_ROLE,
    OPT_POLICY,
    OPT_BANDWIDTH,
    OPT_FIREWALLED,
    OPT_PARTICIPATION,
    OPT_LIAR,
    OPT_CHILDREN,
    OPT_REDUNDANCY,
    OPT_DEGREE,
    OPT_FANOUT,
    OPT_TTL,
    OPT_ENOUGH,
    OPT_COLLECT,
    OPT_PROMOTE,
    OPT_UPTIME,
    OPT_SHUFFLE,
    OPT_LISTS,
    OPT_PING
};

enum role { ROLE_AUTO, ROLE_SUPERNODE, ROLE_ORDINARY };
enum policy { POLICY_THRESHOLD, POLICY_REPUTATION, POLICY_RANDOM };

enum fasttrack_timer {
    TIMER_DEADLINE,
    TIMER_SEEK,
    TIMER_LISTS,
    TIMER_SHUFFLE,
    TIMER_PING,
    TIMER_HASH
};

enum link_state {
    LINK_DIAL,
    LINK_HELLO,  /* our seed is out, its answer is to come */
    LINK_NAME,   /* the network's name is to come */
    LINK_CALLER, /* somebody called; its first bytes will tell */
    LINK_UP,     /* a session */
    LINK_CLOSING,
    LINK_UPLOAD,
    LINK_DOWNLOAD, /* belongs to a source */
    LINK_GIVING    /* a push: we dial the asker, and say GIVE */
};

enum peer { PEER_UNKNOWN, PEER_PARENT, PEER_CHILD, PEER_SUPERNODE };

/* A file in a supernode's index; its tags lie behind it. */
struct file {
    struct file *next;
    uint8_t hash[HASH_BYTES];
    uint32_t file_id, size, tags, tag_bytes;
    uint8_t media;
    uint8_t tag[];
};

/* Whose files a supernode lists: a child, or itself. */
struct child {
    char user[USER_MAX + 1];
    struct addr addr; /* port 0: it cannot be called */
    uint8_t bandwidth;
    uint32_t score;
    bool eligible;
    struct file *files;
    uint32_t file_count;
};

struct link {
    struct link *next, *previous, *chain;
    conn_id conn;
    uint32_t due_at; /* in n->heap */
    uint64_t born;   /* the how many-th */
    enum link_state state;
    enum peer peer;
    bool outgoing, announced; /* our MSG_NEIGHBOURS is out */
    bool named;               /* and our MSG_NETWORK */
    struct addr addr;         /* where it listens; none: not known */
    struct addr caller;       /* where it called from */
    struct way in, out;
    uint64_t deadline_us; /* set by fasttrack_link_due; NEVER: none */
    uint64_t heard_us;
    struct child *child;      /* PEER_CHILD */
    struct standing standing; /* PEER_SUPERNODE: as it said; [teach] */
    int content;              /* LINK_UPLOAD */
    uint64_t at, end;
    bool last;             /* and LINK_DOWNLOAD: no other request follows */
    uint32_t push_id;      /* LINK_GIVING */
    struct source *source; /* LINK_DOWNLOAD */
};

/* A supernode that we have heard of. */
struct known {
    struct addr addr;
    uint8_t load;
    bool answered;    /* to the probe under way */
    uint64_t rtt_us;  /* 0: not measured */
    uint64_t rest_us; /* not before */
};

/* [teach] A query or push that has passed through here. */
struct seen {
    struct addr source;
    uint32_t id;
    conn_id from;
    uint64_t at_us;
};

/* A query whose answers we collect: for a child, or for ourselves. */
struct asked {
    struct asked *next;
    uint32_t id;
    conn_id child; /* 0: ourselves */
    uint16_t search, results_max, results;
    uint64_t deadline_us;
};

struct supernode {
    struct child *own; /* our own files, listed like a child's */
    uint32_t children, links, files;
    uint32_t eligible; /* of the children */
    struct seen *seen; /* a ring, which grows */
    uint32_t seen_cap, seen_count, seen_at;
    struct asked *asked;
    uint32_t asked_count;
    uint64_t since_us, empty_us, promoted_us;
    conn_id caller; /* that was asked to be one, too, and has not answered */
    struct addr denied; /* who had said "full", when we made ourselves one */
    uint32_t waited;    /* and how many rounds we had been patient */
    uint64_t queries, forwarded, duplicates;
    uint64_t looked; /* files compared with queries */
};

struct hit {
    struct addr addr, supernode;
    char user[USER_MAX + 1];
    uint8_t hash[HASH_BYTES];
    uint32_t size;
    uint8_t bandwidth;
    char *name; /* its own memory */
};

struct search {
    uint32_t command; /* 0: none is open */
    uint16_t id;
    uint64_t deadline_us;
};

struct source {
    struct addr addr, supernode;
    char user[USER_MAX + 1];
    struct link *link; /* NULL: none at present */
    struct download *download;
    bool dead, pushed, busy;           /* busy: its answer's body is coming */
    uint32_t tries, refusals, push_id; /* refusals: 503s */
    uint64_t at, end;                  /* the range that it sends */
    uint64_t retry_us;                 /* without a link */
    uint64_t got;                      /* bytes in all */
};

struct download {
    struct download *next;
    uint32_t command;
    int content;
    uint64_t bytes;
    uint8_t hash[HASH_BYTES], tree[MD5_BYTES];
    bool has_tree, checking;
    struct source source[SOURCES_MAX];
    uint32_t source_count;
};

struct shared {
    uint8_t hash[HASH_BYTES];
    bool known;
};

/* The MD5 tree of a content, a slice at a time. */
struct tree_job {
    struct tree_job *next;
    int content;
    uint64_t at, bytes;
    uint32_t command;
    struct md5_tree tree;
};

struct fasttrack {
    const struct settings *settings;
    struct addr self, join;
    char user[USER_MAX + 1];
    bool leaving;
    uint64_t started_us;
    uint32_t luck; /* of the random policy */
    uint32_t kbps;
    struct link *links, *last;
    struct link *children;         /* from here on to the end; NULL: none */
    struct link **by_conn, **heap; /* link_cap of each; links.c */
    uint32_t link_cap, link_count;
    uint64_t links_born;
    struct known *known; /* KNOWN_MAX of them, or NULL */
    uint32_t known_count;
    bool probing, seeking, news, moved; /* moved: children are told, too */
    uint64_t listed_us;       /* when all children last got node lists */
    uint64_t probe_us;        /* when the probe under way began */
    uint32_t misses;          /* rounds of seeking that found nobody */
    uint32_t told;            /* the last of them that heard "full"; 0: none */
    struct addr full;         /* and from whom */
    uint64_t orphan_us;       /* since when without a parent; 0: has one */
    uint64_t orphaned_for_us; /* the last such time */
    struct supernode *super;  /* NULL: an ordinary node */
    struct hit *hits;         /* HITS_MAX of them, or NULL */
    uint32_t hit_count;
    struct search search;
    uint32_t asks;         /* which parent is asked next */
    struct shared *shared; /* by content */
    uint32_t shared_count, hash_next;
    struct download *downloads;
    uint32_t download_count;
    struct tree_job *trees;
    uint64_t uploaded, downloaded;
    uint64_t sent, received, dropped;
    uint32_t planned; /* of warm(): no state */
};

extern const struct protocol fasttrack_protocol;

static inline int64_t option(const struct fasttrack *n,
                             enum fasttrack_option which)
{
    return setting(n->settings, which);
}

static inline bool is_supernode(const struct fasttrack *n)
{
    return n->super != NULL;
}

/* Arm TIMER_DEADLINE for the earliest of all deadlines. */
void fasttrack_arm(struct fasttrack *n, struct host *h);
/* Arm the periodic timers, and hash what is shared. */
void fasttrack_begin(struct fasttrack *n, struct host *h);
/* Other supernodes should hear of a change, and if it is one of where to go
   without us, children: soon, and in one message. */
void fasttrack_news(struct fasttrack *n, struct host *h, bool moved);
/* Count a message that is dropped, and say why. */
void fasttrack_drop(struct fasttrack *n, struct host *h, const char *why);

/* -- links.c ------------------------------------------------------------- */

/* The connection of that number, or NULL: it is none of ours any more. */
struct link *fasttrack_link_of(const struct fasttrack *n, conn_id conn);
/* NULL: no memory. */
struct link *fasttrack_link_new(struct fasttrack *n, struct host *h,
                                conn_id conn, enum link_state state,
                                uint64_t patience_us);
/* Forget a connection that is closed, and with it the child behind it. */
void fasttrack_link_free(struct fasttrack *n, struct host *h, struct link *l);
/* What it has to do by then, or it is cut off; NEVER: nothing. */
void fasttrack_link_due(struct fasttrack *n, struct link *l, uint64_t at_us);
/* The connection whose deadline is first, the eldest of equals; NULL: none. */
struct link *fasttrack_link_first(const struct fasttrack *n);
/* It is a peer of that kind from now on. */
void fasttrack_link_is_now(struct fasttrack *n, struct link *l, enum peer peer);

/* -- link.c -------------------------------------------------------------- */

/* Say no more, and close when the peer has. */
void fasttrack_link_close(struct fasttrack *n, struct host *h, struct link *l);
/* Close at once; `why` is for the student.  `l` is gone afterwards. */
void fasttrack_link_abort(struct fasttrack *n, struct host *h, struct link *l,
                          const char *why);
/* Call another node to be our `peer`; nothing happens when there is no
   memory. */
void fasttrack_link_dial(struct fasttrack *n, struct host *h, struct addr to,
                         enum peer peer);
/* Our call was answered: say the first words of a session. */
void fasttrack_link_on_open(struct fasttrack *n, struct host *h,
                            struct link *l);
/* What came on a connection: HTTP, the handshake, or one message of a
   session.  The bytes used, as EVENT_BYTES wants. */
size_t fasttrack_link_on_bytes(struct fasttrack *n, struct host *h,
                               struct link *l, const struct event *e);
/* Send one message of a session, enciphered where that is.  A peer that does
   not read (QUEUE_MAX) is cut off by the timer. */
void fasttrack_link_send(struct fasttrack *n, struct host *h, struct link *l,
                         const struct fasttrack_msg *m);
/* Ask all sessions for a sign of life; who gives none in PONG_US is gone. */
void fasttrack_link_ping(struct fasttrack *n, struct host *h);
/* A session of that kind with that address, up or on its way. */
struct link *fasttrack_link_with(const struct fasttrack *n, struct addr addr,
                                 enum peer peer);
static inline bool fasttrack_link_is(const struct link *l, enum peer peer)
{
    // cppcheck-suppress ctunullpointer ; mistakes answer()'s asker for a link
    return l->state == LINK_UP && l->peer == peer;
}

/* A supernode that we heard of, with its load in percent; when the table is
   full, the fullest one makes room. */
void fasttrack_known_add(struct fasttrack *n, struct addr addr, uint8_t load);
/* What we know of that supernode, or NULL. */
struct known *fasttrack_known_find(const struct fasttrack *n, struct addr addr);
/* Do not ask it again for so long. */
void fasttrack_known_rest(struct fasttrack *n, struct host *h, struct addr addr,
                          uint64_t us);
/* Take in a list of nodes that a peer sent. */
void fasttrack_known_list(struct fasttrack *n, struct host *h,
                          const struct span *list);
/* Tell a peer where else it could go. */
void fasttrack_send_nodes(struct fasttrack *n, struct host *h, struct link *l);

/* Look for parents, or for other supernodes, until there are enough. */
void fasttrack_seek(struct fasttrack *n, struct host *h);
/* The timer of seeking: ask all that we know by UDP, then call the best of
   those that answered.  Source: reference, section 4. */
void fasttrack_on_seek(struct fasttrack *n, struct host *h);
/* A ping, or the answer to one. */
void fasttrack_on_datagram(struct fasttrack *n, struct host *h,
                           const struct event *e);

/* -- ordinary.c ---------------------------------------------------------- */

/* How many parents have an open session with us. */
unsigned fasttrack_parents(const struct fasttrack *n);
/* A message of a parent. */
void fasttrack_on_parent(struct fasttrack *n, struct host *h, struct link *l,
                         const struct fasttrack_msg *m);
/* A session of ours is up: say who we are. */
void fasttrack_introduce(struct fasttrack *n, struct host *h, struct link *l);
/* Tell of one shared file, or of all, to our own index, and to one parent or
   (NULL) to all. */
void fasttrack_tell(struct fasttrack *n, struct host *h, int content,
                    struct link *only);
/* The same for every shared file. */
void fasttrack_tell_all(struct fasttrack *n, struct host *h, struct link *only);
/* Answer `command` with what others share; fails at once without a parent, or
   while another search is open.  `terms` is a list of `count` terms. */
void fasttrack_search(struct fasttrack *n, struct host *h, uint32_t command,
                      const struct span *terms, uint8_t count, uint8_t realm);
/* Keep the results of an answer to our open search, HITS_MAX at most. */
void fasttrack_hits(struct fasttrack *n, struct host *h,
                    const struct fasttrack_msg *m);
/* The search of that number is over: answer its command. */
void fasttrack_search_end(struct fasttrack *n, struct host *h, uint16_t id);
/* Is this the first hit of its file?  Sources are grouped by hash. */
bool fasttrack_is_first_hit(const struct fasttrack *n, uint32_t i);
/* All hits, grouped by file, as a result shows them. */
void fasttrack_add_hits(const struct fasttrack *n, struct fields *f);

/* -- supernode.c --------------------------------------------------------- */

/* Have a supernode's tables; false: no memory. */
bool fasttrack_super_begin(struct fasttrack *n, struct host *h);
/* Close all sessions and forget the tables. */
void fasttrack_super_end(struct fasttrack *n, struct host *h);
/* A message of a child, or of one that wants to be one. */
void fasttrack_on_child(struct fasttrack *n, struct host *h, struct link *l,
                        const struct fasttrack_msg *m);
/* A message of another supernode. */
void fasttrack_on_supernode(struct fasttrack *n, struct host *h, struct link *l,
                            const struct fasttrack_msg *m);
/* Put what `m` says of one file into the index, as that of `c`. */
void fasttrack_list_file(struct fasttrack *n, struct host *h, struct child *c,
                         const struct fasttrack_msg *m);
/* Forget a child and its files. */
void fasttrack_child_free(struct fasttrack *n, struct host *h, struct child *c);
/* Ask on behalf of a child (or 0: of our own user). */
void fasttrack_ask(struct fasttrack *n, struct host *h, conn_id child,
                   const struct fasttrack_msg *m);
/* Answer for the searches whose time is over, */
void fasttrack_super_expire(struct fasttrack *n, struct host *h);
/* the first of which ends then; NEVER: none is open. */
uint64_t fasttrack_super_deadline(const struct fasttrack *n);
/* Tell another supernode who we are, and what our load is. */
void fasttrack_announce(struct fasttrack *n, struct host *h, struct link *l);
/* A push of ours, or of a child, on its way to the owner's supernode. */
void fasttrack_push(struct fasttrack *n, struct host *h, struct link *from,
                    const struct fasttrack_msg *m);
/* Children, in percent of what we take. */
uint8_t fasttrack_load(const struct fasttrack *n);

/* -- elect.c ------------------------------------------------------------- */

/* The score that a node claims, by the policy. */
uint32_t fasttrack_score(const struct fasttrack *n);
/* By its claims, may it become a supernode?  Else *why says why not. */
bool fasttrack_eligible(const struct fasttrack *n, uint64_t now_us,
                        const char **why);
/* The participation level: sent against received, 0 to PARTICIPATION_MAX.
   Source: reference, section 1. */
uint32_t fasttrack_participation(const struct fasttrack *n);
/* Become a supernode, if we may: parents turn into neighbours. */
void fasttrack_promote(struct fasttrack *n, struct host *h, const char *why);
/* The same, but nobody has asked us to. */
void fasttrack_promote_alone(struct fasttrack *n, struct host *h,
                             const char *why);
/* A supernode says that it is full. */
void fasttrack_hear_full(struct fasttrack *n, struct addr who);
/* Has one said so lately? */
bool fasttrack_told_full(const struct fasttrack *n);
/* Does it still wait for others to find it a place? */
bool fasttrack_is_patient(const struct fasttrack *n);
/* Be an ordinary node again.  [teach]: how it was done is not known. */
void fasttrack_demote(struct fasttrack *n, struct host *h);
/* The eligible child with the highest claim, the first of equals; or NULL. */
struct link *fasttrack_best_child(const struct fasttrack *n);
/* A supernode's part: ask the best child when there is need of another, or
   where none could be one `caller` (not NULL: an orphan that we have no place
   for); true when it was that. */
bool fasttrack_elect(struct fasttrack *n, struct host *h, struct link *caller);
/* Claim a score towards a parent.  [teach] */
void fasttrack_tell_score(struct fasttrack *n, struct host *h, struct link *l);

/* -- transfer.c ---------------------------------------------------------- */

/* Fetch a file from all sources of `hit`; `tree`, or NULL, is the root that
   its bytes must have.  Answers `command` at the end. */
void fasttrack_get(struct fasttrack *n, struct host *h, uint32_t command,
                   const struct hit *hit, const uint8_t *tree);
/* HTTP of an upload or a download: as EVENT_BYTES wants. */
size_t fasttrack_transfer_on_bytes(struct fasttrack *n, struct host *h,
                                   struct link *l, const struct event *e);
/* Our call to an owner, or to an asker, was answered. */
void fasttrack_transfer_on_open(struct fasttrack *n, struct host *h,
                                struct link *l);
/* An upload may go on. */
void fasttrack_transfer_on_room(struct fasttrack *n, struct host *h,
                                struct link *l);
/* A transfer's connection is gone: another source takes over. */
void fasttrack_transfer_on_closed(struct fasttrack *n, struct host *h,
                                  struct link *l);
/* Somebody cannot reach us, and asked by a push: call the asker. */
void fasttrack_give(struct fasttrack *n, struct host *h, struct addr asker,
                    uint32_t push_id);
/* Give up on sources that were silent for too long, */
void fasttrack_transfer_expire(struct fasttrack *n, struct host *h);
/* the first of which is due then; NEVER: none. */
uint64_t fasttrack_transfer_deadline(const struct fasttrack *n);
/* End all downloads; what came is kept. */
void fasttrack_transfer_stop(struct fasttrack *n, struct host *h);
/* The tree of a download has been made; NULL: it could not be. */
void fasttrack_transfer_on_tree(struct fasttrack *n, struct host *h,
                                int content, const uint8_t *root);

/* -- hashing.c ----------------------------------------------------------- */

/* The UUHash of a content; false when a part cannot be read. */
bool fasttrack_hash_content(struct host *h, int content,
                            uint8_t hash[HASH_BYTES]);
/* Begin to hash what is shared, one file an event. */
void fasttrack_hash_start(struct fasttrack *n, struct host *h);
/* One file, and one slice of a tree. */
void fasttrack_on_hash_timer(struct fasttrack *n, struct host *h);
/* The UUHash of a shared content, or NULL. */
const uint8_t *fasttrack_shared_hash(const struct fasttrack *n, int content);
/* Remember the hash of a content. */
void fasttrack_keep_hash(struct fasttrack *n, struct host *h, int content,
                         const uint8_t hash[HASH_BYTES]);
/* Make the kzhash tree of a content: for `command`, or for a download (0).
   False: no memory. */
bool fasttrack_tree_begin(struct fasttrack *n, struct host *h, int content,
                          uint32_t command);

/* -- command.c ----------------------------------------------------------- */

/* A user's command. */
void fasttrack_command(struct fasttrack *n, struct host *h,
                       const struct event *e);

#endif
