/*
 * The "encryption" of a session, type 1: a keystream from a 32-bit seed that
 * crosses the wire in clear.  Whoever has seen the first twelve bytes of a
 * session can read all of it (tool.c; labs/fasttrack/2-lookup).
 *
 * Source: reference, section 2.
 */
#ifndef FASTTRACK_CIPHER_H
#define FASTTRACK_CIPHER_H

#include <stddef.h>
#include <stdint.h>

#define PAD_BYTES 63u

struct cipher {
    uint8_t pad[PAD_BYTES];
    uint8_t at; /* 0 .. 62 */
};

/* Begin the keystream of a seed; takes about a millisecond. */
void fasttrack_cipher_begin(struct cipher *c, uint32_t seed);
/* XOR the next `len` bytes of the stream onto `in`; `out` may be `in`. */
void fasttrack_cipher_run(struct cipher *c, const uint8_t *in, uint8_t *out,
                          size_t len);

#endif
