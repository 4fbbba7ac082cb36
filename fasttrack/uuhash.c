/* Hashes of files; see uuhash.h. */
#include "fasttrack/uuhash.h"

#include <assert.h>
#include <string.h>

size_t fasttrack_regions(uint64_t bytes,
                         struct region region[UUHASH_REGIONS_MAX])
{
    const uint64_t c = UUHASH_BLOCK;
    size_t count = 1;
    uint64_t last = c;

    region[0] = (struct region){0, bytes < c ? bytes : c};
    if (bytes <= c)
        return 1;
    /* Strictly below: a block that would touch the last one is dropped.
       giFT has <= here, so a file of exactly off + 2c bytes has another hash
       there; we do as mldonkey and the published description. */
    for (uint64_t off = 1 << 20; off + 2 * c < bytes; off *= 2) {
        assert(count < UUHASH_REGIONS_MAX - 1);
        region[count++] = (struct region){off, c};
        last = off + c;
    }
    uint64_t end = bytes - last < c ? bytes - last : c;
    region[count++] = (struct region){bytes - end, end};
    return count;
}

void fasttrack_uuhash(uint8_t hash[HASH_BYTES], const uint8_t md5[MD5_BYTES],
                      uint32_t crc, uint64_t bytes)
{
    uint32_t tail = ~crc ^ (uint32_t)bytes; /* no final inversion */

    memcpy(hash, md5, MD5_BYTES);
    for (unsigned i = 0; i < 4; i++)
        hash[MD5_BYTES + i] = (uint8_t)(tail >> 8 * i);
}

uint16_t fasttrack_file_id(const uint8_t hash[HASH_BYTES])
{
    unsigned crc = 0;

    for (unsigned i = 0; i < HASH_BYTES; i++) {
        crc ^= (unsigned)hash[i] << 8;
        for (unsigned bit = 0; bit < 8; bit++)
            crc = (crc & 0x8000) != 0 ? crc << 1 ^ 0x1021 : crc << 1;
        crc &= 0xffff;
    }
    return (uint16_t)(crc & 0x3fff);
}

void fasttrack_base64(const uint8_t hash[HASH_BYTES],
                      char text[BASE64_CHARS + 1])
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                 "abcdefghijklmnopqrstuvwxyz0123456789+/";
    char *out = text;

    *out++ = '=';
    for (unsigned i = 0; i < HASH_BYTES; i += 3) {
        uint32_t three = (uint32_t)hash[i] << 16 | (uint32_t)hash[i + 1] << 8;
        bool whole = i + 2 < HASH_BYTES; /* 20 bytes leave two */
        three |= whole ? hash[i + 2] : 0;
        *out++ = digits[three >> 18];
        *out++ = digits[three >> 12 & 63];
        *out++ = digits[three >> 6 & 63];
        *out++ = whole ? digits[three & 63] : '=';
    }
    *out = '\0';
}

void fasttrack_hex(const uint8_t *data, size_t len, char *text)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        text[2 * i] = digits[data[i] >> 4];
        text[2 * i + 1] = digits[data[i] & 15];
    }
    text[2 * len] = '\0';
}

bool fasttrack_unhex(const char *text, size_t chars, uint8_t *data, size_t len)
{
    if (chars != 2 * len)
        return false;
    for (size_t i = 0; i < chars; i++) {
        char c = text[i];
        bool digit = c >= '0' && c <= '9';
        c = digit ? c : (char)(c | 0x20);
        if (!digit && (c < 'a' || c > 'f'))
            return false;
        unsigned v = (unsigned)(digit ? c - '0' : c - 'a' + 10);
        data[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : data[i / 2] | v);
    }
    return true;
}

/* -- kzhash -------------------------------------------------------------- */

static void add_at(struct md5_tree *t, unsigned level,
                   const uint8_t digest[MD5_BYTES])
{
    uint8_t pair[2 * MD5_BYTES];

    memcpy(pair + MD5_BYTES, digest, MD5_BYTES);
    while (level < KZHASH_LEVELS - 1 && t->has[level]) {
        memcpy(pair, t->waits[level], MD5_BYTES);
        t->has[level++] = false;
        hash_md5(pair + MD5_BYTES, pair, sizeof pair);
    }
    memcpy(t->waits[level], pair + MD5_BYTES, MD5_BYTES);
    t->has[level] = true;
}

void fasttrack_tree_add(struct md5_tree *t, const uint8_t leaf[MD5_BYTES])
{
    add_at(t, 0, leaf);
    t->leaves++;
}

/* Is anything left above this level? */
static bool is_top(const struct md5_tree *t, unsigned level)
{
    for (unsigned i = level + 1; i < KZHASH_LEVELS; i++)
        if (t->has[i])
            return false;
    return true;
}

/* A digest that has no partner is hashed alone, on every level up to the one
   where nothing else is left; that is at least the first. */
void fasttrack_tree_end(struct md5_tree *t, uint8_t root[MD5_BYTES])
{
    unsigned level = 0;

    if (t->leaves == 0) {
        hash_md5(root, "", 0);
        return;
    }
    for (;; level++) {
        if (!t->has[level])
            continue;
        if (level > 0 && is_top(t, level))
            break;
        t->has[level] = false;
        hash_md5(root, t->waits[level], MD5_BYTES);
        add_at(t, level + 1, root);
    }
    memcpy(root, t->waits[level], MD5_BYTES);
}
