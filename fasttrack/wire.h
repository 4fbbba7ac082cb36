/*
 * FastTrack's messages.  Source: reference, sections 2 to 4.
 *
 *     P                          ping;  R: pong
 *     K type route length body   the header's order changes with a state
 *                                that both sides keep ("xinu"), and the whole
 *                                is under the cipher (cipher.h)
 *
 * What every other part of the program calls a message is its plain form: as
 * above, the header in the order of the first message of a session.  A plain
 * session (`plain=on`) sends just that, without a handshake.
 *
 * [teach] marks what was never published, so that we had to decide it: all
 * between supernodes, and types 0x60 and 0x61.
 */
#ifndef FASTTRACK_WIRE_H
#define FASTTRACK_WIRE_H

#include "common/http.h"
#include "common/node.h"
#include "fasttrack/cipher.h"
#include "fasttrack/limits.h"

#define NETWORK_NAME "KaZaA"
#define RAND_WORD 0xfa00b62bu   /* the first of a session; a constant */
#define CLIENT_SEED 0xfacb1238u /* as giFT and mldonkey */
#define CLIENT_MASKED 0x3209d21au
#define SERVER_SEED 0x00000000u
#define SERVER_MASKED 0x48a00a32u
#define HELLO_BYTES 12u
#define ANSWER_BYTES 8u

enum fasttrack_type {
    MSG_NODES = 0x00,
    MSG_NEIGHBOURS = 0x01, /* [teach] "I am a supernode", and its load */
    MSG_NODE_INFO = 0x02,
    MSG_SEND_SHARES = 0x03,
    MSG_UNSHARE = 0x05,
    MSG_QUERY = 0x06,
    MSG_REPLY = 0x07,
    MSG_QUERY_END = 0x08,
    MSG_STATS = 0x09,
    MSG_FORWARD = 0x0a, /* [teach] a query between supernodes */
    MSG_PUSH = 0x0d,
    MSG_NETWORK = 0x1d,
    MSG_SHARE = 0x22,
    MSG_VERSION = 0x26,
    MSG_EXTERNAL_IP = 0x2c,
    MSG_SCORE = 0x60,  /* [teach] a child tells its parent its score */
    MSG_PROMOTE = 0x61 /* [teach] the parent asks it to become one */
};

enum route { ROUTE_DIRECT = 0, ROUTE_UNICAST = 0x80, ROUTE_BROADCAST = 0xc0 };

enum tag {
    TAG_ANY = 0,
    TAG_YEAR = 1,
    TAG_NAME = 2,
    TAG_HASH = 3,
    TAG_TITLE = 4,
    TAG_SECONDS = 5,
    TAG_BITDEPTH = 0x11,
    TAG_QUALITY = 0x15,
    TAG_RATING = 0x1d,
    TAG_SIZE = 0x21
};
enum compare {
    CMP_EQUALS = 0,
    CMP_AT_MOST = 2,
    CMP_APPROX = 3,
    CMP_AT_LEAST = 4,
    CMP_SUBSTRING = 5,
    CMP_UNKNOWN = 6
};

#define REALM_ANY 0x3fu
#define REALM_BIT 0x80u /* set in hash queries; no part of the realm */

/* Lent bytes: of the message that was decoded. */
struct span {
    const uint8_t *at;
    size_t len;
};

/* What a supernode tells of itself; [teach]. */
struct standing {
    uint8_t load; /* percent */
    uint16_t children;
    uint8_t degree;
    uint32_t age_s;
    uint16_t participation;
};

struct fasttrack_msg {
    uint8_t kind; /* K, P or R */
    uint8_t type; /* enum fasttrack_type */
    uint8_t route;
    struct addr source, target; /* of a forwarded one; broadcast: no target */
    uint8_t hops;
    /* What nobody knows, of a broadcast's header and of the body, less what we
       say there. */
    uint16_t odd_route, odd_two;
    uint8_t odd_byte;
    struct addr addr; /* of a node, a supernode, the asker; only ip: 2c */
    struct addr owner, supernode; /* push */
    uint32_t id;                  /* of a push; of a query between supernodes */
    uint16_t search;              /* id of a search, chosen by the asker */
    uint16_t results_max, results;
    uint8_t bandwidth, realm, terms, media;
    uint8_t hash[HASH_BYTES];
    uint32_t file_id, size, tags;
    uint32_t score;
    uint8_t eligible, push_form; /* push: 1 as a supernode sends it on */
    struct span name;            /* user, network, version */
    struct span list; /* nodes, terms, tags, results: the functions below */
};

/* A seed, or what is masked, in a handshake: four bytes of it. */
static inline uint32_t fasttrack_word(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
           (uint32_t)data[2] << 8 | data[3];
}

/* One way of a session. */
struct way {
    bool coded;
    uint32_t xinu;
    struct cipher cipher;
};
#define XINU_FIRST 0x51u

/* Begin one way of a session; `seed` is its cipher's, if it is coded. */
void fasttrack_way(struct way *w, bool coded, uint32_t seed);

/*
 * Take one message off the front of what came: its length there, 0 for more,
 * or ERR_MALFORMED, ERR_LIMIT.  *plain is its plain form of *plain_len bytes,
 * in `scratch` (HEADER_BYTES + PAYLOAD_MAX; only for a coded way) or in `in`.
 */
int fasttrack_unwrap(struct way *w, const uint8_t *in, size_t len,
                     uint8_t *scratch, const uint8_t **plain,
                     size_t *plain_len);
/* The plain form of one message to its bytes on the wire, of equal length. */
void fasttrack_wrap(struct way *w, const uint8_t *plain, size_t len,
                    uint8_t *wire);

/* Decode all of a plain message: 0, or ERR_MALFORMED.  An unknown type is no
   error: its body is in `list`. */
int fasttrack_decode(struct fasttrack_msg *m, const uint8_t *data, size_t len);
/* Encode into ENCODED_MAX bytes: how many, or 0 when they are no longer one
   host_write. */
size_t fasttrack_encode(const struct fasttrack_msg *m, uint8_t *out);

/* -- Lists --------------------------------------------------------------- */

struct node_entry {
    struct addr addr;
    uint8_t seen_min; /* minutes ago */
    uint8_t load;     /* percent */
};
struct neighbour_entry {
    struct addr addr;
    struct standing standing;
    uint8_t hops;
};
struct term {
    uint8_t compare; /* enum compare */
    uint32_t tag;
    struct span value;
};
struct tag_value {
    uint32_t tag;
    struct span value;
};
struct result {
    struct addr addr;
    uint8_t bandwidth;
    bool same; /* the names are those of an earlier result of this address */
    struct span user, network;
    uint8_t hash[HASH_BYTES];
    uint32_t file_id, size, tags;
    struct span list;
};

/* Is that tag's value a packed integer, not text? */
bool fasttrack_is_number(uint32_t tag);

/* Step over the first element; false at the end, or where it is broken. */
bool fasttrack_next_node(struct span *list, struct node_entry *e);
bool fasttrack_next_neighbour(struct span *list, struct neighbour_entry *e);
bool fasttrack_next_term(struct span *list, struct term *e);
bool fasttrack_next_tag(struct span *list, struct tag_value *e);
bool fasttrack_next_result(struct span *list, struct result *e);
/* Append one to a list of *len bytes; false when it does not fit. */
bool fasttrack_put_node(uint8_t *out, size_t room, size_t *len,
                        const struct node_entry *e);
bool fasttrack_put_neighbour(uint8_t *out, size_t room, size_t *len,
                             const struct neighbour_entry *e);
bool fasttrack_put_term(uint8_t *out, size_t room, size_t *len,
                        const struct term *e);
bool fasttrack_put_tag(uint8_t *out, size_t room, size_t *len,
                       const struct tag_value *e);
bool fasttrack_put_result(uint8_t *out, size_t room, size_t *len,
                          const struct result *e);

/* A packed integer, its most significant group first: bytes written (5 at
   most); bytes read, 0 for more, ERR_MALFORMED when it is too long or not the
   shortest form. */
size_t fasttrack_put_dynint(uint8_t out[5], uint32_t value);
int fasttrack_dynint(const uint8_t *data, size_t len, uint32_t *value);

/* -- Datagrams ----------------------------------------------------------- */

enum udp_type { UDP_PING = 0x27, UDP_PONG = 0x28, UDP_FULL = 0x29 };

struct udp_msg {
    uint8_t type, age_min, load;
};
#define UDP_BYTES_MAX 32u
/* False: no datagram of ours. */
bool fasttrack_udp_decode(struct udp_msg *m, const uint8_t *data, size_t len);
size_t fasttrack_udp_encode(const struct udp_msg *m,
                            uint8_t out[UDP_BYTES_MAX]);

/* As struct protocol has it. */
void fasttrack_describe(const struct framing *framing, const uint8_t *data,
                        size_t len, struct fields *f);

#endif
