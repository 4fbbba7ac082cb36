/*
 * UUHash, which looks at a part of a file only, and what came to repair it.
 *
 *     |#####......|###..........|####......................|#####.......####|
 *      first 300 KiB   1 MiB         2 MiB                  4 MiB    the last
 *
 * Sixteen bytes are the MD5 of the first 300 KiB, four a CRC of the other
 * marked regions.  Bytes outside of them may change, and the hash will not.
 *
 * Source: reference, sections 4 (file_id), 6 (UUHash) and 7 (kzhash).
 */
#ifndef FASTTRACK_UUHASH_H
#define FASTTRACK_UUHASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hash.h"
#include "fasttrack/limits.h"

struct region {
    uint64_t from, len;
};

/* The regions that the hash of a file of `bytes` looks at, in the order in
   which it does; the first one's MD5 is the front.  How many. */
size_t fasttrack_regions(uint64_t bytes,
                         struct region region[UUHASH_REGIONS_MAX]);
/* Put the hash together: `crc` is hash_crc32_more over all regions but the
   first, beginning with 0. */
void fasttrack_uuhash(uint8_t hash[HASH_BYTES], const uint8_t md5[MD5_BYTES],
                      uint32_t crc, uint64_t bytes);

/* The number that goes beside a hash: a CRC-16 of it, of 14 bits. */
uint16_t fasttrack_file_id(const uint8_t hash[HASH_BYTES]);

/* "=" and base64, with a NUL behind: X-KazaaTag: 3=... */
#define BASE64_CHARS 29u
void fasttrack_base64(const uint8_t hash[HASH_BYTES],
                      char text[BASE64_CHARS + 1]);
/* Lower-case hex with a NUL behind, of `len` bytes; and back: false when it
   is not that. */
void fasttrack_hex(const uint8_t *data, size_t len, char *text);
bool fasttrack_unhex(const char *text, size_t chars, uint8_t *data, size_t len);

/*
 * The MD5 tree of kzhash, over the whole file: leaves of 32 KiB, and always
 * one level above them.  Leaves come in order, and take no more memory than
 * one digest a level.
 */
struct md5_tree {
    uint8_t waits[KZHASH_LEVELS][MD5_BYTES]; /* the left one of a pair */
    bool has[KZHASH_LEVELS];
    uint64_t leaves;
};
/* The next leaf's digest. */
void fasttrack_tree_add(struct md5_tree *t, const uint8_t leaf[MD5_BYTES]);
/* The root; the tree is spent. */
void fasttrack_tree_end(struct md5_tree *t, uint8_t root[MD5_BYTES]);

#endif
