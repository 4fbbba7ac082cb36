/*
 * The tracker: it knows who is in a swarm, and no more.  Each peer announces
 * itself every interval and gets some others, drawn by lot, which makes a
 * random graph, the kind that hangs together whoever leaves; a peer that is
 * silent for two intervals is forgotten.
 *
 *   tracker ---- swarm: infohash, counts ---- peers: address, id, seed?
 *          \---- swarm ...
 *
 * Swarms, and the peers of each, stand in arrays without holes, so that a
 * draw is an index; chains by hash find an address among them.
 *
 * It is a part of a node, which owns the streams: node.c hands it the streams
 * that begin with "GET ", and the datagrams that are none of the DHT's.
 *
 * Sources: [bep3] trackers, [bep15] UDP, [bep48] scrape; [cohen03] 2.3, a
 * random list of peers.
 */
#ifndef BITTORRENT_TRACKER_H
#define BITTORRENT_TRACKER_H

#include "bittorrent/trackwire.h"

struct tracker_peer {
    struct addr addr; /* where the announce came from; the port that it says */
    uint8_t peer_id[PEER_ID_BYTES];
    bool seed;
    uint32_t next; /* in its chain, + 1 */
    uint64_t heard_us;
};

struct swarm {
    uint8_t infohash[INFOHASH_BYTES];
    uint32_t count, cap, seeders;
    uint32_t completed; /* downloads that have ended, ever */
    uint32_t next;      /* in its chain, + 1 */
    struct tracker_peer *peer;
    uint32_t *first; /* cap chains */
};

struct tracker {
    uint64_t interval_us;
    uint8_t secret[INFOHASH_BYTES]; /* of connection ids */
    uint64_t salt;                  /* of the chains */
    int timer;                      /* its slot */
    bool armed;
    uint32_t count, cap, peer_count;
    uint32_t announces, refused; /* since the start; for people */
    struct swarm *swarm;
    uint32_t *first; /* cap chains */
};

/* Begin; `timer` is the slot that is the tracker's own. */
void tracker_begin(struct tracker *t, struct host *h, int timer,
                   uint64_t interval_us);
/* Forget who has been silent. */
void tracker_on_timer(struct tracker *t, struct host *h);
/* A stream that begins with "GET ": all bytes so far.  Answers and finishes
   the stream; the bytes consumed, 0 for more.  Who is slow with a request is
   the caller's to cut off. */
size_t tracker_on_http(struct tracker *t, struct host *h, conn_id conn,
                       struct addr from, const uint8_t *data, size_t len);
/* False when the datagram is no question to a tracker. */
bool tracker_on_datagram(struct tracker *t, struct host *h, struct addr from,
                         const uint8_t *data, size_t len);
/* The swarms with their counts, for a command or a fact. */
void tracker_fields(const struct tracker *t, struct fields *f);
/* As struct protocol has it. */
void tracker_dump(const struct tracker *t, uint64_t now_us, struct text *out);

#endif
