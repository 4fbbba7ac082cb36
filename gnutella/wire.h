/*
 * Gnutella's messages: a header of 23 bytes and a payload, on a TCP stream.
 *
 * Numbers are little-endian, addresses in dotted order.  A message may be
 * well framed and still worthless: then its payload is `bad`, it is dropped,
 * and the link stays.  Only a length beyond all limits ends the link, since
 * nothing marks where the next message begins.
 */
#ifndef GNUTELLA_WIRE_H
#define GNUTELLA_WIRE_H

#include "common/codec.h"
#include "common/hash.h"
#include "common/node.h"
#include "gnutella/limits.h"

enum gnutella_type {
    GNUTELLA_PING = 0x00,
    GNUTELLA_PONG = 0x01,
    GNUTELLA_BYE = 0x02,
    GNUTELLA_ROUTE = 0x30, /* query routing: a leaf's table */
    GNUTELLA_VENDOR = 0x31,
    GNUTELLA_STANDARD = 0x32,
    GNUTELLA_PUSH = 0x40,
    GNUTELLA_QUERY = 0x80,
    GNUTELLA_HIT = 0x81,
    GNUTELLA_HSEP = 0xcd
};

/* Where the header keeps what changes on the way. */
#define BYTE_TYPE 16
#define BYTE_TTL 17
#define BYTE_HOPS 18

#define EXTENSION_END 0x1c /* between two extensions */
#define LARGE_BYTES 14     /* a GGEP block with the size of a large file */
#define EXTRA_BYTES (42 + LARGE_BYTES) /* ... behind a hash */

/* Bytes inside of a message, or to be put into one. */
struct span {
    const uint8_t *at;
    size_t len;
};

/* Flags of a query; bit 15 says that the others mean something. */
#define QUERY_FLAGS 0x8000
#define QUERY_FIREWALLED 0x4000

/* Flags of a hit's trailer. */
#define HIT_PUSH 0x01
#define HIT_BUSY 0x04
#define HIT_GGEP 0x20

enum route_variant { ROUTE_RESET = 0, ROUTE_PATCH = 1 };

/* Every message in one struct; which members count depends on the type. */
struct gnutella_msg {
    uint8_t guid[GUID_BYTES];
    uint8_t type, ttl, hops;
    uint32_t length; /* of the payload */
    bool bad;        /* the payload breaks its format */

    struct addr addr;          /* pong, hit, push */
    uint32_t files, kilobytes; /* pong */
    uint16_t code;             /* bye */
    uint16_t flags;            /* query, as bytes 0 and 1 in order */
    struct span text;          /* query, bye: without the NUL */
    struct span extra;         /* query: extensions; pong, push, ping: GGEP */

    uint8_t count; /* hit */
    uint32_t speed;
    struct span results, trailer;
    uint8_t servent[GUID_BYTES]; /* hit, push */
    uint32_t index;              /* push */

    uint8_t variant; /* route */
    uint32_t slots;
    uint8_t infinity, sequence, sequences, compressor, bits;
    struct span data; /* route; vendor: the body */
};

/* One file of a hit. */
struct gnutella_result {
    uint32_t index, size;
    struct span name, extra;
};

/* Write `m`, header and payload: the bytes used. */
size_t gnutella_encode(struct gnutella_msg *m, uint8_t *out, size_t room);
/* Read one message off the front: its length, 0 when more is needed, or
   ERR_LIMIT when its length is beyond all reason. */
int gnutella_decode(struct gnutella_msg *m, const uint8_t *data, size_t len);
/* Read the header only: false when it is not whole. */
bool gnutella_peek(const uint8_t *data, size_t len, uint8_t *type,
                   uint32_t *length);
/* Append a result to `out`; the bytes used, 0 when there is no room. */
size_t gnutella_put_result(const struct gnutella_result *r, uint8_t *out,
                           size_t room);
/* Take the next result off the front; false at the end. */
bool gnutella_next_result(struct span *results, struct gnutella_result *r);
/* Must the holder be asked by a push, as the trailer says? */
bool gnutella_hit_push(const struct gnutella_msg *m);
/* The first push proxy that the trailer names; none: no address. */
struct addr gnutella_hit_proxy(const struct gnutella_msg *m);
/* The next extension, up to 0x1c, of a query or a result. */
bool gnutella_next_extension(struct span *extra, struct span *part);
/* The SHA-1 of "urn:sha1:<32 letters>"; false when that is something else. */
bool gnutella_urn(struct span part, uint8_t digest[SHA1_BYTES]);
/* ... and written, with a NUL. */
#define URN_BYTES 42
void gnutella_urn_write(const uint8_t digest[SHA1_BYTES], char out[URN_BYTES]);
/* Bytes as base32, without padding; `out` takes a letter for each 5 bits, and
   a NUL. */
void gnutella_base32_write(const uint8_t *data, size_t len, char *out);
/* False when these are no letters of just so many bytes. */
bool gnutella_base32_read(struct span text, uint8_t *data, size_t len);
/* GGEP "LF", the size of a file of 4 GiB and more: the bytes put into `out`
   (LARGE_BYTES at most); false when it is not there, or is none. */
size_t gnutella_put_large(uint64_t bytes, uint8_t *out);
bool gnutella_large(struct span block, uint64_t *bytes);
/* The data of one GGEP extension, COBS undone, as far as there is room: its
   bytes; ERR_MALFORMED when it is not there, deflated, or breaks the form. */
int gnutella_ggep(struct span block, const char *id, uint8_t *out, size_t room);

/* Name every byte. */
void gnutella_describe(const struct framing *framing, const uint8_t *data,
                       size_t len, struct fields *f);
const char *gnutella_type_name(const struct gnutella_msg *m);

#endif
