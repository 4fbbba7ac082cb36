/*
 * Identifiers on a circle of 2^bits points, bits from 1 to 160, and the arcs
 * between them.  Chord, Pastry and the BitTorrent DHT share them.
 *
 * An id is a number below 2^bits, kept right-aligned in five words, the most
 * significant first.
 */
#ifndef COMMON_ID_H
#define COMMON_ID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/text.h"

#define ID_BITS_MAX 160
#define ID_WORDS 5
#define ID_BYTES_MAX 20

struct id {
    uint32_t word[ID_WORDS];
};

struct id id_of(uint64_t value);
/* The low 64 bits, for ids that are known to be short. */
uint64_t id_low(struct id a);
/* The top `bits` bits of a SHA-1 digest, as a number. */
struct id id_of_digest(const uint8_t digest[ID_BYTES_MAX], unsigned bits);
/* Hash a name, or anything, to an id of `bits` bits. */
struct id id_hash(const void *data, size_t len, unsigned bits);
/* The id of a node: SHA-1 over its address and port, and the index of a
   virtual node but the first, so that an id does not depend on their number. */
struct id id_of_addr(struct addr a, unsigned vnode, unsigned bits);

int id_compare(const struct id *a, const struct id *b);
bool id_equal(const struct id *a, const struct id *b);
/* a + 2^power, modulo 2^bits. */
struct id id_add_power(struct id a, unsigned power, unsigned bits);
/* a - b, modulo 2^bits: the way from b clockwise to a. */
struct id id_distance(struct id a, struct id b, unsigned bits);
bool id_is_zero(const struct id *a);

/* Arcs walked clockwise; the arc from a to a is the whole circle. */
bool id_in_open(const struct id *x, const struct id *a, const struct id *b);
bool id_in_half_open(const struct id *x, const struct id *a,
                     const struct id *b); /* (a, b] */

/* Wire form: big-endian, id_bytes(bits) long. */
size_t id_bytes(unsigned bits);
void id_write(const struct id *a, unsigned bits, uint8_t *out);
/* False when the bytes hold a number of more than `bits` bits. */
bool id_read(struct id *a, unsigned bits, const uint8_t *in);

/* `width` bits from bit `low` on, up to 32; bits beyond the id are 0. */
unsigned id_bits_at(const struct id *a, unsigned low, unsigned width);

/* Or this to `bits` of the two below: written as digits of so many bits each,
   all of them, as Pastry does. */
#define ID_DIGITS(width) ((unsigned)(width) << 8)
#define ID_PLAIN_BITS(bits) ((bits)&0xffU)

/* Append in decimal up to 32 bits, as 0x and hex digits above. */
void id_text(struct text *t, const struct id *a, unsigned bits);
/* Read all of `s`, decimal or 0x hex; false when it is no number or too big. */
bool id_parse(struct id *a, unsigned bits, const char *s);

#endif
