/* Hashes; see hash.h.  The only file that includes libcrypto. */
#include "common/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "common/random.h"

void hash_sha1(uint8_t digest[SHA1_BYTES], const void *data, size_t len)
{
    unsigned int bytes = 0;
    int ok = EVP_Digest(data, len, digest, &bytes, EVP_sha1(), NULL);

    assert(ok == 1);
    assert(bytes == SHA1_BYTES);
}

void hash_sha256(uint8_t digest[SHA256_BYTES], const void *data, size_t len)
{
    int ok = EVP_Digest(data, len, digest, NULL, EVP_sha256(), NULL);

    assert(ok == 1);
}

void hash_hmac(uint8_t digest[SHA256_BYTES], const void *key, size_t key_len,
               const void *data, size_t len)
{
    uint8_t out[SHA256_BYTES];
    const uint8_t *done =
        HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL);

    assert(done != NULL);
    memcpy(digest, out, sizeof out);
}

uint64_t hash_roll_u64(uint64_t h, uint64_t value)
{
    return random_mix((h + UINT64_C(0x9e3779b97f4a7c15)) ^ value);
}

/* Read up to 8 bytes as a little-endian number, whatever the machine. */
static uint64_t read_le(const uint8_t *data, size_t len)
{
    uint64_t value = 0;

    for (size_t i = 0; i < len; i++)
        value |= (uint64_t)data[i] << (8 * i);
    return value;
}

uint64_t hash_roll(uint64_t h, const void *data, size_t len)
{
    const uint8_t *at = data;

    h = hash_roll_u64(h, len);
    for (; len >= 8; at += 8, len -= 8)
        h = hash_roll_u64(h, read_le(at, 8));
    return len > 0 ? hash_roll_u64(h, read_le(at, len)) : h;
}
