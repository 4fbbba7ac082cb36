/*
 * The announcer: one torrent's dealings with its trackers.
 *
 * Trackers stand in tiers.  Each announce goes through them in order until
 * one answers, which moves to the front of its tier; when none has, all of it
 * is tried again later, and later still.
 *
 *     idle --due--> connecting, asking (HTTP)            --answer--> idle
 *                   connecting, asking (UDP, repeated)   --none--> the next
 *
 * It is a part of a node.  The node calls announcer_tick when announcer_due
 * says, hands it the events of its stream `conn` and its datagrams, and after
 * each call takes what was found: found[0..found_count), setting the count to
 * 0.  For `conn` it is told everything until CLOSED; events of a stream that
 * it has let go are to be ignored.
 *
 * Sources: [bep3], [bep12] tiers, [bep15] UDP and its repetitions.
 */
#ifndef BITTORRENT_ANNOUNCER_H
#define BITTORRENT_ANNOUNCER_H

#include "bittorrent/trackwire.h"

struct tracker_url {
    bool udp;
    uint16_t port; /* 0: whatever the resolver says */
    uint8_t tier;
    char host[TRACKER_HOST_MAX + 1];
    char path[TRACKER_PATH_MAX + 1];
    struct addr addr;           /* none: not resolved yet, or not lately */
    uint8_t id[TRACKER_ID_MAX]; /* that it gave us, to be repeated */
    uint8_t id_len;
    uint64_t connection;   /* UDP's id */
    uint64_t connected_us; /* when we got it; 0: never */
};

enum announcer_state {
    ANNOUNCER_IDLE,
    ANNOUNCER_HTTP,
    ANNOUNCER_UDP_CONNECT,
    ANNOUNCER_UDP_ASK
};

/* What the node knows and a tracker wants to. */
struct announce_stats {
    uint64_t uploaded, downloaded, left;
    int32_t numwant; /* -1: as the tracker likes */
};

struct announcer {
    uint8_t infohash[INFOHASH_BYTES], peer_id[PEER_ID_BYTES];
    uint16_t port;
    uint32_t key;
    struct tracker_url *tracker;
    uint32_t cap;
    uint8_t count, current;
    uint8_t state;     /* enum announcer_state */
    uint8_t event;     /* enum announce_event: to be said */
    uint8_t repeated;  /* UDP, this question */
    uint16_t tried;    /* trackers that failed this time, a bit each */
    uint32_t failures; /* rounds without an answer */
    bool member;       /* a tracker has us on its list */
    bool stopping;     /* nothing follows after this */
    uint64_t due_us;   /* idle: the next announce; else: patience ends */
    conn_id conn;      /* may outlive the answer, until it is closed */
    uint32_t transaction;
    /* The last answer, for people and for choices. */
    uint64_t answered_us, interval_us, min_interval_us;
    uint32_t seeders, leechers;
    struct addr home; /* the tracker that gave it */
    bool moved;       /* another one than before; for the node to clear */
    char failure[TRACKER_FAILURE_MAX + 1]; /* "": the last one went well */
    char warning[TRACKER_FAILURE_MAX + 1]; /* of that answer; "": none */
    struct addr found[FOUND_MAX];
    uint32_t found_count;
};

/* Announce a torrent, at no tracker yet. */
void announcer_begin(struct announcer *a, struct host *h,
                     const uint8_t infohash[INFOHASH_BYTES],
                     const uint8_t peer_id[PEER_ID_BYTES], uint16_t port);
/* Is it the URL of a tracker that we can ask? */
bool announcer_is_url(const char *url);
/* One tracker more: http://HOST[:PORT]/PATH or udp://HOST:PORT; tiers count
   from 1, in ascending order.  False, and nothing added: no such URL, too
   many, or no memory. */
bool announcer_add(struct announcer *a, struct host *h, const char *url,
                   size_t len, unsigned tier);
/* Say that we have started, completed or stopped: at once, when the node
   calls announcer_tick next.  After `stopped`, announcer_done says when that
   is over; the caller need not wait long. */
void announcer_say(struct announcer *a, struct host *h,
                   enum announce_event event);
/* Has it no tracker, or been told that we stopped? */
bool announcer_done(const struct announcer *a);
/* Peers are short: ask earlier, as far as the tracker allows. */
void announcer_hurry(struct announcer *a);
/* When announcer_tick is to be called; NEVER: not at all. */
uint64_t announcer_due(const struct announcer *a);
/* Do what is due. */
void announcer_tick(struct announcer *a, struct host *h,
                    const struct announce_stats *stats);
/* False when the datagram is no answer to us. */
bool announcer_on_datagram(struct announcer *a, struct host *h,
                           struct addr from, const uint8_t *data, size_t len,
                           const struct announce_stats *stats);
/* An event of stream a->conn; the bytes consumed. */
size_t announcer_on_stream(struct announcer *a, struct host *h,
                           const struct event *e,
                           const struct announce_stats *stats);
/* As struct protocol has it. */
void announcer_dump(const struct announcer *a, uint64_t now_us,
                    struct text *out);

#endif
