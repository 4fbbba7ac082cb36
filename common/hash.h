/*
 * Hashes: SHA-1 and its kin from libcrypto (this is the only user of it),
 * and the fast 64-bit rolling hash by which two runs are compared.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/random.h"

#define SHA1_BYTES 20
#define SHA256_BYTES 32

void hash_sha1(uint8_t digest[SHA1_BYTES], const void *data, size_t len);

void hash_sha256(uint8_t digest[SHA256_BYTES], const void *data, size_t len);
/* HMAC-SHA-256 of `data` under `key`; the digest may lie in either. */
void hash_hmac(uint8_t digest[SHA256_BYTES], const void *key, size_t key_len,
               const void *data, size_t len);

/* Mix `len` bytes into the rolling hash `h`; the same on every machine. */
uint64_t hash_roll(uint64_t h, const void *data, size_t len);
/* Mix one number into the rolling hash `h`. */
static inline uint64_t hash_roll_u64(uint64_t h, uint64_t value)
{
    return random_mix((h + UINT64_C(0x9e3779b97f4a7c15)) ^ value);
}

#endif
