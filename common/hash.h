/*
 * Hashes: SHA-1 and its kin from libcrypto (this is the only user of it),
 * and the fast 64-bit rolling hash by which two runs are compared.
 */
#ifndef COMMON_HASH_H
#define COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "common/random.h"

#define MD5_BYTES 16
#define SHA1_BYTES 20
#define SHA256_BYTES 32

void hash_md5(uint8_t digest[MD5_BYTES], const void *data, size_t len);
void hash_sha1(uint8_t digest[SHA1_BYTES], const void *data, size_t len);
void hash_sha256(uint8_t digest[SHA256_BYTES], const void *data, size_t len);
/* The same in hex digits, with a NUL. */
void hash_sha256_hex(char hex[2 * SHA256_BYTES + 1], const void *data,
                     size_t len);
/* HMAC-SHA-256 of `data` under `key`; the digest may lie in either. */
void hash_hmac(uint8_t digest[SHA256_BYTES], const void *key, size_t key_len,
               const void *data, size_t len);

/* A password made slow to guess (PBKDF2 with HMAC-SHA-256): keep the digest
   with its salt, never the password.  10,000 rounds take about 5 ms. */
void hash_password(uint8_t digest[SHA256_BYTES], const char *password,
                   const uint8_t *salt, size_t salt_len, unsigned rounds);
/* The checksum of gzip and PNG; the bytes may come in parts, and it begins
   with 0. */
uint32_t hash_crc32_more(uint32_t crc, const void *data, size_t len);

/* The same digests where the bytes come in parts.  `hash_end` fills in the
   digest, frees, and returns its length.  NULL: no memory; the calls then do
   nothing, and the length is 0. */
enum hash_kind { HASH_MD5, HASH_SHA1, HASH_SHA256 };
struct hash;
struct hash *hash_begin(enum hash_kind kind);
void hash_add(struct hash *h, const void *data, size_t len);
size_t hash_end(struct hash *h, uint8_t digest[SHA256_BYTES]);

/* Mix `len` bytes into the rolling hash `h`; the same on every machine. */
uint64_t hash_roll(uint64_t h, const void *data, size_t len);
/* Mix one number into the rolling hash `h`. */
static inline uint64_t hash_roll_u64(uint64_t h, uint64_t value)
{
    return random_mix((h + UINT64_C(0x9e3779b97f4a7c15)) ^ value);
}

#endif
