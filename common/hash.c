/* Hashes; see hash.h.  The only file that includes libcrypto. */
#include "common/hash.h"

#include <assert.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <zlib.h>

#include "common/text.h"

void hash_md5(uint8_t digest[MD5_BYTES], const void *data, size_t len)
{
    int ok = EVP_Digest(data, len, digest, NULL, EVP_md5(), NULL);

    assert(ok == 1);
}

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

void hash_sha256_hex(char hex[2 * SHA256_BYTES + 1], const void *data,
                     size_t len)
{
    uint8_t digest[SHA256_BYTES];
    LOCAL_TEXT t = text_new();

    hash_sha256(digest, data, len);
    text_hex(&t, digest, sizeof digest);
    memcpy(hex, t.data, t.len + 1);
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

void hash_password(uint8_t digest[SHA256_BYTES], const char *password,
                   const uint8_t *salt, size_t salt_len, unsigned rounds)
{
    int ok =
        PKCS5_PBKDF2_HMAC(password, (int)strlen(password), salt, (int)salt_len,
                          (int)rounds, EVP_sha256(), SHA256_BYTES, digest);

    assert(ok == 1);
}

uint32_t hash_crc32_more(uint32_t crc, const void *data, size_t len)
{
    assert(len <= UINT32_MAX);
    return (uint32_t)crc32(crc, data, (uInt)len);
}

/* `struct hash` is libcrypto's own context under our name. */
static EVP_MD_CTX *context_of(struct hash *h)
{
    return (EVP_MD_CTX *)h;
}

struct hash *hash_begin(enum hash_kind kind)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    const EVP_MD *type = kind == HASH_MD5    ? EVP_md5()
                         : kind == HASH_SHA1 ? EVP_sha1()
                                             : EVP_sha256();

    if (context != NULL && EVP_DigestInit_ex(context, type, NULL) != 1) {
        EVP_MD_CTX_free(context);
        context = NULL;
    }
    return (struct hash *)context;
}

void hash_add(struct hash *h, const void *data, size_t len)
{
    if (h == NULL)
        return;
    int ok = EVP_DigestUpdate(context_of(h), data, len);
    assert(ok == 1);
}

size_t hash_end(struct hash *h, uint8_t digest[SHA256_BYTES])
{
    unsigned int bytes = 0;

    if (h == NULL)
        return 0;
    int ok = EVP_DigestFinal_ex(context_of(h), digest, &bytes);
    assert(ok == 1);
    EVP_MD_CTX_free(context_of(h));
    return bytes;
}

/* Read 8 bytes as a little-endian number, whatever the machine; compilers
   make one load of it. */
static uint64_t read_8(const uint8_t *d)
{
    return (uint64_t)d[0] | (uint64_t)d[1] << 8 | (uint64_t)d[2] << 16 |
           (uint64_t)d[3] << 24 | (uint64_t)d[4] << 32 | (uint64_t)d[5] << 40 |
           (uint64_t)d[6] << 48 | (uint64_t)d[7] << 56;
}

uint64_t hash_roll(uint64_t h, const void *data, size_t len)
{
    const uint8_t *at = data;
    uint8_t rest[8] = {0};

    h = hash_roll_u64(h, len);
    for (; len >= 8; at += 8, len -= 8)
        h = hash_roll_u64(h, read_8(at));
    if (len == 0)
        return h;
    memcpy(rest, at, len);
    return hash_roll_u64(h, read_8(rest));
}
