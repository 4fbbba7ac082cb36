/*
 * Kelips' messages: UDP datagrams of our own design (README.md has them byte
 * by byte; the paper gives only sizes).  One walk in wire.c writes, reads and
 * describes them.
 */
#ifndef KELIPS_WIRE_H
#define KELIPS_WIRE_H

#include "common/codec.h"
#include "common/node.h"
#include "common/words.h"
#include "kelips/limits.h"

#define KELIPS_MAGIC 0x4b4c5053 /* "KLPS" */
#define KELIPS_VERSION 1

enum kelips_type {
    KELIPS_JOIN = 1,    /* tell me about the network */
    KELIPS_WELCOME,     /* some of it */
    KELIPS_GOSSIP,      /* unasked, every round */
    KELIPS_LOOKUP,      /* who is the home of this file? */
    KELIPS_FOUND,       /* its home */
    KELIPS_NOTHERE,     /* not known here */
    KELIPS_GET_CONTACT, /* whom do you know in that group? */
    KELIPS_CONTACTS,
    KELIPS_INSERT, /* note this file, and who is its home */
    KELIPS_INSERTED,
    KELIPS_FETCH, /* what is in the file? */
    KELIPS_DATA,
    KELIPS_PING,
    KELIPS_PONG
};

/* What soft state says of a node, or of a file, on its way. */
enum kelips_kind { KELIPS_NODE, KELIPS_TUPLE };

struct kelips_entry {
    uint8_t kind;     /* enum kelips_kind */
    struct addr addr; /* the node; the file's home */
    struct id id;     /* of the node; the file's key */
    uint32_t heartbeat;
    uint32_t age_ms; /* since that heartbeat was made: an age, for clocks
                        differ */
    uint16_t group;  /* id modulo the number of groups */
};

/* Every message in one struct; which members count depends on the type. */
struct kelips_msg {
    enum kelips_type type;
    uint16_t groups;    /* k; a message of another k is dropped */
    uint32_t heartbeat; /* the sender's own */
    struct id sender;
    uint32_t request; /* an answer repeats it */
    struct id key;
    uint16_t group;     /* GET_CONTACT, CONTACTS */
    uint8_t assign;     /* INSERT: let a member of the group be the home */
    uint8_t found;      /* DATA */
    struct addr origin; /* INSERT: who asked first; none: the sender */
    uint8_t name_len;
    uint16_t value_len;
    const uint8_t *name, *value; /* lent */
    uint8_t count;
    struct kelips_entry entry[ENTRIES_MAX]; /* last: never cleared */
};

void kelips_msg_clear(struct kelips_msg *m);
/* Write `m`; the bytes used, at most DATAGRAM_MAX. */
size_t kelips_encode(struct kelips_msg *m, uint8_t out[DATAGRAM_MAX]);
/* Read a whole datagram; false when it is not exactly one message. */
bool kelips_decode(struct kelips_msg *m, const uint8_t *data, size_t len);
/* Name every byte. */
void kelips_describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f);
const char *kelips_type_name(enum kelips_type type);
/* The affinity group of a node's or a file's id: the number modulo k. */
uint16_t kelips_group(const struct id *id, uint32_t groups);

#endif
