/*
 * The peer wire protocol: what two peers say over TCP.
 *
 *   first   handshake, 68 bytes, each way: which torrent, who, what else it
 *           can do (reserved bits)
 *   then    messages: a length, an id, a payload; length 0 keeps alive
 *
 * A PIECE is the one message that carries content.  Its data is bulk: the
 * decoder ends at the data, and what follows is the caller's to count.
 *
 * Sources: [bep3] peer protocol, [bep6] fast extension, [bep10] extension
 * protocol, [bep5] PORT.
 */
#ifndef BITTORRENT_WIRE_H
#define BITTORRENT_WIRE_H

#include "bittorrent/limits.h"
#include "common/node.h"

#define HANDSHAKE_BYTES 68
#define WIRE_FIXED_MAX 17   /* of any message, without data: a REQUEST */
#define PIECE_HEAD_BYTES 13 /* of a PIECE message, in front of its data */

/* Reserved bits of the handshake, as one big-endian number. */
#define RESERVED_EXTENDED (UINT64_C(0x10) << 16) /* [bep10] byte 5 */
#define RESERVED_FAST UINT64_C(0x04)             /* [bep6] byte 7 */
#define RESERVED_DHT UINT64_C(0x01)              /* [bep5] byte 7 */

struct handshake {
    uint64_t reserved;
    uint8_t infohash[INFOHASH_BYTES];
    uint8_t peer_id[PEER_ID_BYTES];
};

enum wire_id {
    WIRE_CHOKE = 0,
    WIRE_UNCHOKE = 1,
    WIRE_INTERESTED = 2,
    WIRE_NOT_INTERESTED = 3,
    WIRE_HAVE = 4,
    WIRE_BITFIELD = 5,
    WIRE_REQUEST = 6,
    WIRE_PIECE = 7,
    WIRE_CANCEL = 8,
    WIRE_PORT = 9,
    WIRE_SUGGEST = 13,
    WIRE_HAVE_ALL = 14,
    WIRE_HAVE_NONE = 15,
    WIRE_REJECT = 16,
    WIRE_ALLOWED_FAST = 17,
    WIRE_EXTENDED = 20,
    WIRE_KEEP_ALIVE = 256, /* no id at all */
    WIRE_UNKNOWN = 257     /* to be ignored */
};

struct wire_msg {
    enum wire_id id;
    uint32_t index, begin, length; /* of a PIECE: the length of its data */
    uint16_t port;
    uint8_t extended;    /* EXTENDED: which; 0 is its handshake */
    const uint8_t *data; /* lent: a bitfield, an extension's payload */
    size_t data_len;
};

/* Read what is here of a handshake: the bytes used (HANDSHAKE_BYTES), 0 for
   more, ERR_MALFORMED as soon as it is none. */
int wire_read_handshake(struct handshake *s, const uint8_t *data, size_t len);
/* The 68 bytes that begin a stream.  Source: [bep3]. */
void wire_write_handshake(const struct handshake *s,
                          uint8_t out[HANDSHAKE_BYTES]);
/* Read one message: the bytes used, for a PIECE without its data; 0 for more;
   ERR_MALFORMED, or ERR_LIMIT when it is longer than any we take. */
int wire_decode(struct wire_msg *m, const uint8_t *data, size_t len);
/* Write a message, a PIECE without its data; its length.  There must be room
   for WIRE_FIXED_MAX + data_len bytes. */
size_t wire_encode(const struct wire_msg *m, uint8_t *out, size_t room);
/* Name every byte. */
void wire_describe(const struct framing *framing, const uint8_t *data,
                   size_t len, struct fields *f);

/* [bep6] The pieces that a peer at `ip` may ask for though it is choked:
   drawn by its address and the infohash, so that all peers name the same.
   At most `k`; how many. */
size_t wire_allowed_fast(uint32_t ip, const uint8_t infohash[INFOHASH_BYTES],
                         uint32_t piece_count, uint32_t *piece, size_t k);

#endif
