/*
 * KRPC, the messages of the DHT: a datagram each, one bencoded dictionary.
 *
 *   query  t, y=q, q=METHOD, a={id, ...}     what is asked
 *   reply  t, y=r, r={id, ...}               its answer
 *   error  t, y=e, e=[code, text]
 *
 * t ties an answer to its query: whoever answers repeats it.
 *
 * Source: [bep5]; [bep32] names nodes of version 6, which we skip; [bep42] the
 * key ip; [bep43] the key ro.
 */
#ifndef BITTORRENT_KRPC_H
#define BITTORRENT_KRPC_H

#include "bittorrent/bencode.h"
#include "bittorrent/limits.h"
#include "common/id.h"

enum krpc_kind { KRPC_QUERY, KRPC_REPLY, KRPC_ERROR };
enum krpc_method {
    KRPC_PING,
    KRPC_FIND_NODE,
    KRPC_GET_PEERS,
    KRPC_ANNOUNCE_PEER,
    KRPC_UNKNOWN
};
#define KRPC_NODE_BYTES 26 /* an id, an address, a port */

enum {
    KRPC_GENERIC_ERROR = 201,
    KRPC_PROTOCOL_ERROR = 203,
    KRPC_METHOD_UNKNOWN = 204
};

struct krpc {
    enum krpc_kind kind;
    enum krpc_method method; /* of a query */
    const uint8_t *t;
    size_t t_len;
    struct id id;     /* of the sender */
    struct id target; /* find_node; else the infohash */
    bool has_target;
    uint16_t port;
    bool implied_port; /* the port that the datagram came from */
    bool read_only;    /* the asker answers nobody */
    const uint8_t *token;
    size_t token_len; /* 0: none */
    const uint8_t *nodes;
    size_t nodes_len;         /* whole entries of KRPC_NODE_BYTES */
    struct bencode values;    /* when read: list of compact peers */
    const struct addr *value; /* when written */
    size_t value_count;
    struct addr ip; /* a reply: whom it goes to, for its own information */
    int64_t error;
    const char *error_text;
};

/* Read a datagram: 0; ERR_MALFORMED when it is none, or a query with a broken
   part, and then t_len > 0 says that it can be told so. */
int krpc_read(struct krpc *m, const uint8_t *data, size_t len);
/* Write it; the bytes, or 0 when it does not fit. */
size_t krpc_write(const struct krpc *m, uint8_t out[DHT_DATAGRAM_MAX]);
/* Name every byte. */
void krpc_describe(const uint8_t *data, size_t len, struct fields *f);
/* One of the nodes in a compact list, */
void krpc_read_node(const uint8_t in[KRPC_NODE_BYTES], struct id *id,
                    struct addr *addr);
/* there and back. */
void krpc_write_node(const struct id *id, struct addr addr,
                     uint8_t out[KRPC_NODE_BYTES]);

#endif
