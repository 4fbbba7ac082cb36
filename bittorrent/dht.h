/*
 * The DHT: who has a torrent, without a tracker.  Every node keeps the peers
 * of those torrents whose infohash is nearest to its own id; near means a
 * small exclusive or.
 *
 *   table   buckets of 8 nodes: bucket i holds nodes that share exactly i
 *           leading bits with us, the last one all that share more.  Only the
 *           last one splits, so we know much of what is near, and a little
 *           of everything that is far
 *   search  asks the nearest nodes known for nearer ones, three at a time,
 *           until the eight nearest have answered
 *   store   the peers that others announced to us; only with a token, which
 *           shows that their address is real
 *
 *   dht.c         queries, answers, upkeep
 *   dht_table.c   the routing table
 *   dht_search.c  searches, and the torrents that they are for
 *
 * It is a part of a node.  The node hands it datagrams and its timer slot, and
 * after each call takes what was found with dht_take.
 *
 * Sources: [bep5]; [bep42] ids that fit addresses; [kademlia02].
 */
#ifndef BITTORRENT_DHT_H
#define BITTORRENT_DHT_H

#include "bittorrent/krpc.h"
#include "common/node.h"

struct dht_node {
    struct id id;
    struct addr addr;
    uint64_t replied_us, queried_us; /* last time; replied 0: never */
    uint8_t failures;                /* unanswered in a row */
};

struct dht_bucket {
    uint8_t count;
    bool has_spare; /* waits for one of the others to fail */
    uint64_t changed_us;
    struct dht_node node[DHT_K], spare;
};

/* A query that waits for its answer. */
struct dht_call {
    bool open;
    uint8_t method; /* enum krpc_method */
    uint8_t search; /* index + 1; 0: for the table */
    bool has_id;    /* we know whom we ask */
    uint16_t transaction;
    struct addr addr;
    struct id id;
    uint64_t sent_us;
};

enum candidate_state { CANDIDATE_NEW, CANDIDATE_ASKED, CANDIDATE_ANSWERED };

struct dht_candidate {
    struct id id;
    struct addr addr;
    bool has_id;   /* false: a bootstrap node that has not answered yet */
    uint8_t state; /* enum candidate_state */
    uint8_t token_len;
    uint8_t token[DHT_TOKEN_MAX];
};

enum dht_purpose { DHT_IDLE, DHT_JOIN, DHT_REFRESH, DHT_PEERS };

struct dht_search {
    uint8_t purpose; /* enum dht_purpose */
    uint8_t follow;  /* index, for DHT_PEERS */
    uint8_t count;
    uint16_t asked, answered, found; /* for people */
    struct id target;
    struct dht_candidate at[DHT_CANDIDATES]; /* nearest first */
};

/* A torrent that the node looks for. */
struct dht_follow {
    bool used;
    uint16_t port; /* to announce; 0: only look */
    uint32_t tag;  /* the node's own name for it */
    struct id infohash;
    uint64_t due_us;
    uint32_t peers; /* that the last search found */
};

struct dht_stored {
    struct id infohash;
    struct addr peer;
    uint64_t heard_us;
};

struct dht {
    struct id id;
    struct addr self;
    int timer;
    bool checked; /* ids must fit their addresses [bep42] */
    bool joined;  /* somebody has answered */
    bool met;     /* and one whom we were told to join */
    bool sybil;   /* an attacker: tells nobody of peers */
    uint8_t join_tries;
    uint8_t secret[INFOHASH_BYTES]; /* of tokens */
    struct dht_bucket *bucket;
    uint32_t bucket_count, bucket_cap;
    struct dht_call call[DHT_CALLS_MAX];
    struct dht_search search[DHT_SEARCHES_MAX];
    struct dht_follow follow[DHT_FOLLOWED_MAX];
    struct addr bootstrap[DHT_BOOTSTRAP_MAX];
    uint8_t bootstrap_count;
    struct dht_stored *stored; /* oldest announce first */
    uint32_t stored_count, stored_cap;
    struct {
        uint32_t left; /* answers that may still go out, as of then */
        uint64_t since_us;
    } rated[DHT_RATED];
    struct {
        uint32_t tag;
        struct addr peer;
    } found[DHT_FOUND_MAX];
    uint32_t found_count;
    uint64_t upkeep_us, save_us;
    /* For people. */
    uint32_t queries, answers, dropped;
};

/* -- dht.c --------------------------------------------------------------- */

/* Begin, with the id and the nodes of last time where the host has them.
   `timer` is the slot that is the DHT's own.  `checked`: only nodes whose id
   fits their address count, private addresses too.  False: no memory. */
bool dht_begin(struct dht *d, struct host *h, int timer, struct addr self,
               bool checked);
/* Be an attacker, from the start: sit beside an infohash, whatever our address
   is, so that its lookups end here and its peers are announced to us; and tell
   of none.  Several such nodes own it.  Source: [bep42], what it is against. */
void dht_attack(struct dht *d, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES]);
/* Enter through a node known by address, of a torrent's nodes for one. */
void dht_join(struct dht *d, struct host *h, struct addr node);
/* There may be a node at this address: a peer's PORT message says so. */
void dht_hear(struct dht *d, struct host *h, struct addr node);
/* False when the datagram is none of the DHT's. */
bool dht_on_datagram(struct dht *d, struct host *h, struct addr from,
                     const uint8_t *data, size_t len);
/* What is due: answers that did not come, buckets that are old, torrents to
   announce again. */
void dht_on_timer(struct dht *d, struct host *h);
/* Keep the table for the next time. */
void dht_save(const struct dht *d, struct host *h);

/* Look for peers of a torrent now and every 15 minutes, and announce `port`
   unless it is 0.  False: too many.  A tag that is followed already: look
   again now, with this port. */
bool dht_follow(struct dht *d, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES], uint16_t port,
                uint32_t tag);
/* Look for those of that tag no longer; what was found is forgotten. */
void dht_forget(struct dht *d, uint32_t tag);
/* A peer that was found; false: no more. */
bool dht_take(struct dht *d, uint32_t *tag, struct addr *peer);

/* As struct protocol has it. */
void dht_dump(const struct dht *d, uint64_t now_us, struct text *out);

/* -- dht_table.c --------------------------------------------------------- */

/* The distance of two ids: their exclusive or. */
struct id dht_distance(const struct id *a, const struct id *b);
/* Leading bits that two ids share. */
unsigned dht_shared_bits(const struct id *a, const struct id *b);
/* [bep42]: an id that fits an address, drawn from `chance`; does it? */
struct id dht_id_for(uint32_t ip, const uint64_t chance[3]);
/* May a node at this address have this id?  Source: [bep42]. */
bool dht_id_fits(const struct id *id, uint32_t ip);
/* The bucket that an id belongs to. */
struct dht_bucket *dht_bucket_of(const struct dht *d, const struct id *id);
/* The node of that id in our table, or NULL. */
struct dht_node *dht_find(const struct dht *d, const struct id *id);
/* [bep5]: answered lately; or ever, and asked us lately. */
bool dht_is_good(const struct dht_node *n, uint64_t now_us);
/* It answered a query of ours: what alone brings a node into the table. */
void dht_replied(struct dht *d, struct host *h, const struct id *id,
                 struct addr addr);
/* It left one unanswered. */
void dht_missed(struct dht *d, struct host *h, const struct id *id);
/* The nodes nearest to a target, nearest first, without bad ones; how many. */
size_t dht_nearest(const struct dht *d, const struct id *target,
                   const struct dht_node *nearest[DHT_K]);
/* Nodes in the table. */
uint32_t dht_node_count(const struct dht *d);

/* -- dht_search.c -------------------------------------------------------- */

/* Begin a search; false when too many are under way. */
bool dht_search(struct dht *d, struct host *h, enum dht_purpose purpose,
                const struct id *target, unsigned follow);
/* A search's node has answered, or */
void dht_search_answer(struct dht *d, struct host *h, struct dht_search *s,
                       struct addr from, const struct krpc *m);
/* has not: ask the next one. */
void dht_search_missed(struct dht *d, struct host *h, struct dht_search *s,
                       struct addr addr);
/* Begin what is due; when the next is. */
uint64_t dht_follow_due(struct dht *d, struct host *h);

/* -- Between the three files --------------------------------------------- */

/* Send a query; false: too many are open.  `id` may be NULL. */
bool dht_ask(struct dht *d, struct host *h, struct krpc *m, struct addr to,
             const struct id *id, unsigned search);
/* Somebody announced this peer to us: a find, if we follow its torrent. */
void dht_heard_of(struct dht *d, const struct id *infohash, struct addr peer);
/* Ask a node whether it lives; `id` may be NULL. */
bool dht_ping(struct dht *d, struct host *h, struct addr to,
              const struct id *id);
/* An address that somebody may be at: not nowhere, not multicast. */
bool dht_may_call(struct addr a);

#endif
