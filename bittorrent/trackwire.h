/*
 * What clients and trackers say to each other, over HTTP and over UDP.
 *
 *   HTTP  GET /announce?info_hash=...&peer_id=...&port=...  -> a bencoded
 *         dictionary; GET /scrape?info_hash=... -> the same
 *   UDP   connect -> a connection id, which shows that the sender's address
 *         is real; then announce or scrape with that id
 *
 * Both carry the same question, `struct announce`, and the same answer,
 * `struct announced`.
 *
 * Sources: [bep3] trackers, [bep7] peers6, [bep15] UDP, [bep23] compact peers,
 * [bep41] UDP options, [bep48] scrape.
 */
#ifndef BITTORRENT_TRACKWIRE_H
#define BITTORRENT_TRACKWIRE_H

#include "bittorrent/bencode.h"
#include "bittorrent/limits.h"
#include "common/addr.h"
#include "common/http.h"
#include "common/node.h"

/* UDP's numbers; HTTP has the words. */
enum announce_event {
    ANNOUNCE_PERIODIC,
    ANNOUNCE_COMPLETED,
    ANNOUNCE_STARTED,
    ANNOUNCE_STOPPED
};

struct announce {
    uint8_t infohash[INFOHASH_BYTES];
    uint8_t peer_id[PEER_ID_BYTES];
    uint64_t uploaded, downloaded, left;
    enum announce_event event;
    uint16_t port;
    uint32_t key;    /* tells one client from another at the same address */
    int32_t numwant; /* -1: as many as the tracker likes */
    bool compact;    /* HTTP: peers as six bytes each */
    bool no_peer_id;
    struct slice tracker_id; /* HTTP: as it told us; lent, len 0: none */
};

/* Seeders and leechers: who has everything, and who does not. */
struct announced {
    uint64_t interval_us, min_interval_us;
    uint32_t seeders, leechers;
    struct addr peer[FOUND_MAX];
    uint32_t peer_count;
    struct slice failure, warning, tracker_id; /* lent; len 0: none */
};

/* -- HTTP ---------------------------------------------------------------- */

/* Read the parameters of GET /announce; false with *why. */
bool tracker_read_query(struct announce *a, struct slice target,
                        const char **why);
/* Write the whole request; its length, or 0 when there is no room. */
size_t tracker_write_request(const struct announce *a, const char *host,
                             const char *path, uint8_t *out, size_t room);
/* Read the body of an answer from the front of `data`: its length, 0 for more,
   or ERR_MALFORMED. */
int64_t tracker_read_body(struct announced *d, const uint8_t *data, size_t len);
/* Name every byte of a request or an answer, */
void tracker_describe_http(const uint8_t *data, size_t len, struct fields *f);

/* -- UDP ----------------------------------------------------------------- */

enum udp_action { UDP_CONNECT, UDP_ANNOUNCE, UDP_SCRAPE, UDP_ERROR };

/* A question, or an answer; which members count depends on the action. */
struct udp_msg {
    bool answer;
    enum udp_action action;
    uint32_t transaction;
    uint64_t connection;
    struct announce announce;
    uint32_t interval, leechers, seeders; /* the interval in seconds */
    const uint8_t *rest; /* peers, infohashes, counts of a scrape, a text */
    size_t rest_len;
};

/* Whether these bytes look like an answer of a UDP tracker. */
bool tracker_udp_is_answer(const uint8_t *data, size_t len);
/* Read a datagram, which may be longer than its message; false if it is none
   of `answer`'s kind. */
bool tracker_udp_decode(struct udp_msg *m, bool answer, const uint8_t *data,
                        size_t len);
/* The bytes written. */
size_t tracker_udp_encode(struct udp_msg *m,
                          uint8_t out[UDP_TRACKER_BYTES_MAX]);
/* Name every byte of a datagram to a tracker, or from one. */
void tracker_describe_udp(const uint8_t *data, size_t len, struct fields *f);

/* -- Compact peers ------------------------------------------------------- */

/* Four bytes of address, two of port. */
struct addr compact_read(const uint8_t in[COMPACT_BYTES]);
void compact_write(struct addr a, uint8_t out[COMPACT_BYTES]);

#endif
