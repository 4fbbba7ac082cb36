/*
 * Pastry's messages: UDP datagrams of our own design (README.md has them byte
 * by byte; the paper gives none).  One walk in wire.c writes, reads and
 * describes them.
 */
#ifndef PASTRY_WIRE_H
#define PASTRY_WIRE_H

#include "common/codec.h"
#include "common/node.h"
#include "pastry/limits.h"

#define PASTRY_MAGIC 0x50535452 /* "PSTR" */
#define PASTRY_VERSION 1

enum pastry_type {
    PASTRY_ROUTE = 1, /* on the way to the node nearest to a key */
    PASTRY_ACK,       /* to the hop before: I have it */
    PASTRY_REACHED,   /* to the origin: from the node nearest to the key */
    PASTRY_GET,       /* tell me a part of your state */
    PASTRY_STATE,     /* some of it */
    PASTRY_PING,      /* how far are you, and are you alive? */
    PASTRY_PONG,
    PASTRY_ANNOUNCE, /* I have arrived; what I was told is so old */
    PASTRY_LEAVE,    /* I go */
    PASTRY_STORE,    /* keep a copy of this value */
    PASTRY_STORED
};

/* What a ROUTE is for. */
enum pastry_purpose { FOR_LOOKUP, FOR_GET, FOR_PUT, FOR_JOIN };

/* The part of a node's state that GET asks for and STATE brings. */
enum pastry_part {
    PART_LEAVES,
    PART_ROW,  /* of the routing table */
    PART_NEAR, /* the neighbourhood set */
    PART_JOIN, /* rows for a newcomer, from a node on its way */
    PART_LAST  /* the same with the leaf set, from the way's end */
};

struct pastry_peer {
    struct id id;
    struct addr addr;
};

/* Every message in one struct; which members count depends on the type. */
struct pastry_msg {
    enum pastry_type type;
    uint8_t digit_bits, digits; /* of ids; a message of others is dropped */
    uint8_t active;             /* the sender has finished its join */
    struct id sender;
    uint32_t request; /* an answer repeats it */
    uint8_t purpose;  /* enum pastry_purpose */
    struct id key;
    struct pastry_peer origin; /* of a ROUTE */
    uint32_t origin_request;
    uint32_t age_ms; /* ANNOUNCE: since the sender asked to join */
    uint8_t found;
    uint8_t keep;     /* STORED: the asker is to have a copy, too */
    uint32_t version; /* of a value */
    uint16_t value_len;
    const uint8_t *value; /* lent */
    uint8_t part, row;    /* enum pastry_part */
    uint8_t hops;         /* addresses in `path`: all nodes up to here */
    struct addr path[HOPS_MAX];
    uint8_t count;
    struct pastry_peer peer[PEERS_MAX];
};

void pastry_msg_clear(struct pastry_msg *m);
/* Write `m`; the bytes used, at most DATAGRAM_MAX. */
size_t pastry_encode(struct pastry_msg *m, uint8_t out[DATAGRAM_MAX]);
/* Read a whole datagram; false when it is not exactly one message. */
bool pastry_decode(struct pastry_msg *m, const uint8_t *data, size_t len);
/* Name every byte. */
void pastry_describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f);
const char *pastry_type_name(enum pastry_type type);

/* For id_text and fields_id: ids print as digits in their base. */
static inline unsigned pastry_id_bits(unsigned digit_bits, unsigned digits)
{
    return ID_DIGITS(digit_bits) | digit_bits * digits;
}

#endif
