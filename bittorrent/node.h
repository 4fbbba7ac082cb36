/*
 * A node of BitTorrent: one torrent, the peers that it is exchanged with, and
 * how those are found.
 *
 *     torrent.c  the torrent: its pieces, what is here, hashes, resume
 *     picker.c   which block to ask for next
 *     choke.c    whom to upload to
 *     peer.c     one connection: the dialogue, requests
 *     serve.c    what we give on it
 *     extend.c   extensions: metadata of a magnet link, peer exchange
 *     web.c      HTTP: .torrent files, and what is for a tracker
 *     node.c     options, events, timers; who is dialled
 *     command.c  what a user asks
 *     dump.c     the state in words, for the explorer
 *
 * A node in the role of a tracker has a `struct tracker` besides, or alone.
 *
 * Words: a *piece* is what has a hash (the lecture calls it a block); a
 * *block* is what one request asks for, 16 KiB of a piece.
 *
 * Sources: [bep3], [bep6], [bep9], [bep10], [bep11]; [cohen03] for policies.
 */
#ifndef BITTORRENT_NODE_H
#define BITTORRENT_NODE_H

#include "bittorrent/announcer.h"
#include "bittorrent/dht.h"
#include "bittorrent/limits.h"
#include "bittorrent/metainfo.h"
#include "bittorrent/tracker.h"
#include "bittorrent/wire.h"

enum bittorrent_option {
    OPT_PICKER,
    OPT_CHOKER,
    OPT_SLOTS,
    OPT_RECHOKE,
    OPT_OPTIMISTIC,
    OPT_SEED_CHOKE,
    OPT_ENDGAME,
    OPT_FAST,
    OPT_UPLOAD,
    OPT_DOWNLOAD,
    OPT_PIECE,
    OPT_ROLE,
    OPT_INTERVAL,
    OPT_DHT,
    OPT_SYBIL,
    OPT_PEX,
    OPT_LINGER,
    OPT_RATIO,
    OPT_GET,
    OPT_FILES,
    OPT_ANNOUNCE,
    OPT_VERIFY
};

enum picker { PICKER_RAREST, PICKER_RANDOM, PICKER_INORDER };
enum choker { CHOKER_TITFORTAT, CHOKER_NONE, CHOKER_FREERIDER };
enum verify { VERIFY_ON, VERIFY_OFF, VERIFY_ALL };
enum role { ROLE_PEER, ROLE_TRACKER };
enum dht_use { DHT_OFF, DHT_ON, DHT_CHECKED };
enum bittorrent_timer {
    TIMER_TICK,
    TIMER_RECHOKE,
    TIMER_SEND,
    TIMER_DHT,
    TIMER_TRACKER
};

/* -- The torrent --------------------------------------------------------- */

struct block {
    uint32_t piece, begin, length;
};

/* A growing list of blocks, in order. */
struct blocks {
    struct block *at;
    uint16_t count;
    uint32_t cap;
};

/* A piece of which some blocks are asked for, or here. */
struct partial {
    struct partial *next;
    uint32_t piece, block_count, here_count;
    bool hashing;
    bool mixed;         /* blocks came from several peers */
    struct addr sender; /* of the first block that came */
    conn_id only;       /* who alone is asked for it; 0: everybody may be */
    uint8_t *block;     /* each: at how many peers it is asked for, or HERE */
};
#define BLOCK_HERE 255

enum torrent_state {
    TORRENT_NONE,
    TORRENT_MAKING,   /* its pieces are hashed, to make the metainfo */
    TORRENT_ASKING,   /* the metainfo is being fetched */
    TORRENT_CHECKING, /* what is here is hashed */
    TORRENT_OPEN
};

struct torrent {
    enum torrent_state state;
    uint8_t infohash[INFOHASH_BYTES]; /* known before the metainfo: magnet */
    uint8_t *file;                    /* a whole .torrent */
    size_t file_len;
    struct metainfo meta; /* slices of it */
    uint8_t *info;        /* while asking: what has come of it */
    uint32_t info_len, info_at;
    conn_id info_conn; /* who is asked; 0: nobody */
    uint64_t info_us;  /* when it was, last */
    int content;
    uint8_t *have;     /* bit 7 of byte 0 is piece 0, as on the wire */
    uint8_t *good;     /* the same, while checking: known from the last run */
    uint8_t *busy;     /* a partial exists */
    uint8_t *unwanted; /* holds nothing of a file that was chosen */
    uint8_t *suspect;  /* failed, of several senders: next time of one */
    uint32_t have_count;
    uint32_t wanted_count, missing; /* pieces that are wanted; not yet here */
    uint64_t wanted_bytes;          /* of the files that were chosen */
    uint16_t *copies;               /* of each piece, among the peers */
    struct partial *partials;
    uint32_t check_next;
    uint8_t *digests; /* while making */
    bool complete;    /* all that is wanted is here */
    const char *full; /* why the disk takes no more; writing waits; NULL */
    bool foreign;     /* whole files are here, but not with that content */
    bool unsaved;     /* pieces came since they were last remembered */
    uint64_t uploaded, downloaded, wasted; /* bytes of blocks */
    uint64_t counted, rate; /* bytes until the last second; a second, of late */
    uint32_t bad_pieces;
    uint64_t begun_us, done_us;
};

/* -- A peer -------------------------------------------------------------- */

enum peer_state {
    PEER_DIAL,      /* connecting */
    PEER_HANDSHAKE, /* waits for the other's */
    PEER_UP
};

struct peer {
    struct peer *same_slot;    /* of by_conn */
    struct peer *next_waiting; /* of those that wait for blocks */
    conn_id conn;
    enum peer_state state;
    bool outgoing, said; /* our handshake is out */
    struct addr addr;    /* where it listens; port 0: not known */
    struct addr from;    /* the other end of the stream */
    uint8_t id[PEER_ID_BYTES];
    bool fast, extended, dht;
    bool am_choking, am_interested, peer_choking, peer_interested;
    bool first;   /* the next message may be a bitfield */
    bool snubbed; /* nothing came for long, though asked */
    bool optimistic;
    bool stuffed;  /* its stream takes no more until ROOM */
    bool waiting;  /* it is on that list */
    uint8_t *have; /* what it has; NULL until the metainfo is known */
    uint32_t have_count;
    uint32_t wanted; /* pieces that it has and we lack */
    uint8_t *early;  /* bits of what it said to have before that; or NULL */
    bool early_all;  /* HAVE_ALL came before that */
    struct blocks asked, wants;
    struct blocks late; /* asked for in vain: it may still answer (fast) */
    uint32_t allowed[ALLOWED_FAST_MAX]; /* pieces it gives us though choked */
    uint8_t allowed_count;
    struct block coming; /* of the PIECE whose data comes now; length 0: none */
    bool unasked;        /* and it is to be thrown away */
    uint8_t ut_metadata, ut_pex; /* the ids that it wants; 0: no */
    uint16_t reqq;               /* requests that it takes; 0: not said */
    uint64_t opened_us, heard_us, said_us, block_us, unchoked_us, pex_us;
    uint64_t down, up;            /* bytes, in all */
    uint64_t down_now, down_last; /* in this rechoke period and the last */
    uint64_t up_now, up_last;
    uint64_t served; /* blocks_served, when it was */
    uint32_t rate;   /* of the last two periods, that decide; bytes a second */
    uint32_t metadata_bytes; /* of its info dictionary; 0: not said */
    uint64_t metadata_us;    /* before that it is not asked for it */
};

/* An address that we may dial. */
struct known {
    struct addr addr;
    uint64_t due_us;
    uint8_t failures;
    bool banned, linked;
};

/* A stream of HTTP: a question to us, or ours for a .torrent. */
struct web {
    conn_id conn; /* 0: free */
    struct addr from;
    bool ours;
    uint64_t deadline_us;
};

struct bittorrent {
    const struct settings *settings;
    const char *name;
    struct addr self, join;
    uint8_t id[PEER_ID_BYTES];
    bool leaving;
    struct torrent torrent;
    struct peer **peers;              /* as they came; then NULL */
    struct peer *by_conn[CONN_SLOTS]; /* peer_of() */
    struct peer *waiting;             /* for blocks, or a moment ago */
    uint32_t peer_count;
    uint32_t places;                /* of callers */
    uint32_t interested, taking[2]; /* choke_count() */
    struct known *known;            /* KNOWN_MAX */
    uint32_t known_count;
    struct web web[WEB_STREAMS_MAX];
    struct announcer announcer;
    bool announcing;
    struct tracker *tracker; /* in that role */
    struct dht *dht;
    uint32_t command;    /* the `get` that waits; 0: none */
    const char *refused; /* why what was fetched is not opened; NULL */
    uint32_t round;      /* of rechoking */
    uint64_t blocks_served;
    int64_t up_tokens, down_tokens; /* bytes that may go, under a limit */
    uint64_t tokens_us;
    char wanted[OPTION_TEXT_BYTES_MAX + 1]; /* the name of a torrent to get */
    uint64_t wanted_us;                     /* when it is asked for again */
    char files[MAGNET_FILES_MAX + 1];       /* that the magnet link chose */
};

extern const struct protocol bittorrent_protocol;

static inline bool bit_is_set(const uint8_t *bits, uint32_t i)
{
    return (bits[i / 8] >> (7 - i % 8) & 1) != 0;
}
static inline void bit_set(uint8_t *bits, uint32_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] | 0x80u >> i % 8);
}
static inline void bit_clear(uint8_t *bits, uint32_t i)
{
    bits[i / 8] = (uint8_t)(bits[i / 8] & ~(0x80u >> i % 8));
}
static inline size_t bits_bytes(uint32_t count)
{
    return (count + 7) / 8;
}

/* -- torrent.c ----------------------------------------------------------- */

/* Open a .torrent, with what is here of it; false with *why. */
bool torrent_open(struct bittorrent *n, struct host *h, const uint8_t *file,
                  size_t len, const char **why);
/* Make a torrent of a content that is whole. */
void torrent_make(struct bittorrent *n, struct host *h, int content);
/* A piece has been hashed: keep it, or ask for it anew. */
void torrent_on_hashed(struct bittorrent *n, struct host *h,
                       const struct event *e);
/* Is this piece still to come? */
static inline bool torrent_lacks(const struct torrent *t, uint32_t piece)
{
    return !bit_is_set(t->have, piece) && !bit_is_set(t->unwanted, piece);
}
static inline bool torrent_is_whole(const struct torrent *t)
{
    return t->have_count == t->meta.piece_count;
}
/* Where a piece begins, in the range of all files. */
uint64_t torrent_offset(const struct torrent *t, uint32_t piece);
/* How many blocks of BLOCK_BYTES it has, */
uint32_t torrent_block_count(const struct torrent *t, uint32_t piece);
/* and one of them; the last may be short. */
struct block torrent_block(const struct torrent *t, uint32_t piece,
                           uint32_t index);
/* A block has come; false: the disk refused. */
bool torrent_write(struct bittorrent *n, struct host *h, const struct block *b,
                   const uint8_t *data, struct addr from);
/* What has come of a piece, or NULL: nothing has, or all of it. */
struct partial *torrent_partial(struct torrent *t, uint32_t piece);
/* Remember which pieces are known good, for the next run. */
void torrent_save(struct bittorrent *n, struct host *h);
/* Bytes that are still to come. */
uint64_t torrent_left(const struct torrent *t);

/* -- picker.c ------------------------------------------------------------ */

/* Choose the next block to ask `p` for; false: none. */
bool picker_next(struct bittorrent *n, struct host *h, const struct peer *p,
                 struct block *b);

/* -- choke.c ------------------------------------------------------------- */

/* Choose anew whom to upload to: once a period.  Source: [bep3] choking. */
void choke_on_round(struct bittorrent *n, struct host *h);
/* Somebody came or left: fill free slots at once. */
void choke_fill(struct bittorrent *n, struct host *h);
/* This peer wants something of us now, or nothing any more. */
void choke_on_interest(struct bittorrent *n, struct host *h, struct peer *p);
/* Count a peer among those who want something of us, and those of them who may
   take it: regular slots, optimistic.  `by` is -1 before any of that changes
   and 1 behind it, so that nobody has to walk all peers for each message. */
void choke_count(struct bittorrent *n, const struct peer *p, int by);

/* -- peer.c -------------------------------------------------------------- */

/* The equal block in a list, or NULL. */
const struct block *blocks_find(const struct blocks *l, const struct block *b);
/* Take out an equal block; false when there is none. */
bool blocks_take(struct blocks *l, const struct block *b);
/* The peer of that stream, or NULL. */
struct peer *peer_of(struct bittorrent *n, conn_id conn);
/* Call a peer; nothing happens when there is no memory. */
void peer_dial(struct bittorrent *n, struct host *h, struct addr to);
/* Is there room for one more?  If need be one goes whose address has more
   places than the newcomer's, else who called first and has not said its
   handshake in half a second. */
bool peer_make_room(struct bittorrent *n, struct host *h, struct addr newcomer);
/* Somebody called who will say a handshake. */
void peer_accept(struct bittorrent *n, struct host *h, const struct event *e);
/* Its stream is closed, or no longer its own. */
void peer_gone(struct bittorrent *n, struct host *h, struct peer *p);
/* Close at once; `why` is for the student.  `p` is gone afterwards. */
void peer_close(struct bittorrent *n, struct host *h, struct peer *p,
                const char *why);
/* An event of a peer's stream; the bytes consumed. */
size_t peer_event(struct bittorrent *n, struct host *h, struct peer *p,
                  const struct event *e);
/* A piece is here: tell everyone. */
void peer_on_piece(struct bittorrent *n, struct host *h, uint32_t piece);
/* All is here: close those who have everything as well. */
void peer_on_complete(struct bittorrent *n, struct host *h);
/* Take what peers said before the pieces were known for true, or part. */
void peer_on_open(struct bittorrent *n, struct host *h);
/* Close all, without a word. */
void peer_close_all(struct bittorrent *n, struct host *h);
/* Ask all peers for as much as the rate of each suggests. */
void peer_ask_all(struct bittorrent *n, struct host *h);
/* Would it send a block of this piece?  It has it, and does not choke us, or
   lets us have that one all the same.  Source: [bep6] allowed fast. */
bool peer_offers(const struct peer *p, uint32_t piece);
/* Once a second: keep-alives, and an end to who is silent for too long. */
void peer_on_tick(struct bittorrent *n, struct host *h);
/* Encode and write one message. */
void peer_send(struct host *h, struct peer *p, const struct wire_msg *m);
/* The same for one that has no body, and for one about a block. */
void peer_send_plain(struct host *h, struct peer *p, enum wire_id id);
void peer_send_block(struct host *h, struct peer *p, enum wire_id id,
                     const struct block *b);
/* Never talk to this address again: it sent a bad piece. */
void peer_ban(struct bittorrent *n, struct host *h, struct addr from);

/* -- serve.c ------------------------------------------------------------- */

/* Choke or unchoke; what a choked one had asked for is rejected. */
void peer_set_choking(struct bittorrent *n, struct host *h, struct peer *p,
                      bool choke);
/* May it have a block of this piece now?  Though it is choked, some pieces as
   long as it has few, of which peer_send_allowed tells it.
   Source: [bep6] allowed fast. */
bool peer_may_have(const struct bittorrent *n, const struct peer *p,
                   uint32_t piece);
void peer_send_allowed(struct bittorrent *n, struct host *h, struct peer *p);
/* A peer waits for a block now; it is going, and waits for none. */
void peer_waits(struct bittorrent *n, struct peer *p);
void peer_waits_no_more(struct bittorrent *n, struct peer *p);
/* Send what peers have asked for, as far as limits allow. */
void peer_serve_all(struct bittorrent *n, struct host *h);

/* -- extend.c ------------------------------------------------------------ */

/* Our extended handshake.  Source: [bep10]. */
void extend_say_hello(struct bittorrent *n, struct host *h, struct peer *p);
/* An extended message: the other's handshake, the info dictionary [bep9], or
   other peers [bep11]. */
void extend_on_message(struct bittorrent *n, struct host *h, struct peer *p,
                       const struct wire_msg *m);
/* Once a second: ask another peer for the info dictionary when one is
   silent; tell of new peers. */
void extend_on_tick(struct bittorrent *n, struct host *h);
/* Begin to fetch the info dictionary of a torrent known by its infohash. */
void extend_ask(struct bittorrent *n, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES]);

/* -- web.c --------------------------------------------------------------- */

/* The stream of that number, or NULL; 0: a free place. */
struct web *web_of(struct bittorrent *n, conn_id conn);
/* Do these bytes begin a stream of HTTP?  A handshake begins otherwise. */
bool web_is(const struct event *e);
/* What was taken for a peer speaks HTTP. */
void web_take(struct bittorrent *n, struct host *h, struct peer *p);
/* An event of such a stream; the bytes consumed. */
size_t web_event(struct bittorrent *n, struct host *h, struct web *w,
                 const struct event *e);
void web_on_tick(struct bittorrent *n, struct host *h);

/* -- dump.c -------------------------------------------------------------- */

/* As struct protocol has it. */
void bittorrent_dump(const void *node, struct host *h, struct text *t);

/* -- node.c -------------------------------------------------------------- */

/* Begin with what is here; a warm start does so again. */
void swarm_start(struct bittorrent *n, struct host *h);
/* A peer that somebody told of. */
void swarm_found_peer(struct bittorrent *n, struct host *h, struct addr peer);
/* What we know of that address, or NULL. */
struct known *swarm_known(struct bittorrent *n, struct addr peer);
/* Has it sent a bad piece?  Whoever is at its address is meant, whatever the
   port; but on loopback, where all have one address. */
bool swarm_bans(const struct bittorrent *n, struct addr peer);
/* The torrent can be exchanged from now on; all of it is here. */
void swarm_on_open(struct bittorrent *n, struct host *h);
void swarm_on_complete(struct bittorrent *n, struct host *h);
/* May bytes go under that limit, OPT_UPLOAD or OPT_DOWNLOAD?  If not yet, a
   timer goes on when they may. */
bool swarm_may(struct bittorrent *n, struct host *h,
               enum bittorrent_option limit);
/* Why nothing moves, in words; "" when something does. */
const char *swarm_why(const struct bittorrent *n);
/* Dial peers that are known, as many as there is room for. */
void swarm_dial_some(struct bittorrent *n, struct host *h);
struct magnet;
/* Fetch what the link names: the metadata first. */
void swarm_begin_magnet(struct bittorrent *n, struct host *h,
                        const struct magnet *m);

/* -- command.c ----------------------------------------------------------- */

/* A user's command. */
void swarm_command(struct bittorrent *n, struct host *h, const struct event *e);

#endif
