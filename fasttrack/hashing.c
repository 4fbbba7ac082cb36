/*
 * Hashes of what is shared, between other events.
 *
 * A UUHash reads at most 40 blocks of 300 KiB, whatever the file's size: one
 * file an event.  A tree reads everything, so it goes by slices.
 */
#include "fasttrack/node.h"

#include <string.h>

const uint8_t *fasttrack_shared_hash(const struct fasttrack *n, int content)
{
    if (content < 0 || (uint32_t)content >= n->shared_count ||
        !n->shared[content].known)
        return NULL;
    return n->shared[content].hash;
}

void fasttrack_keep_hash(struct fasttrack *n, struct host *h, int content,
                         const uint8_t hash[HASH_BYTES])
{
    if (content < 0 || (uint32_t)content >= FILES_MAX ||
        !host_grow(h, &n->shared, &n->shared_count, (uint32_t)content + 1,
                   sizeof *n->shared))
        return;
    memcpy(n->shared[content].hash, hash, HASH_BYTES);
    n->shared[content].known = true;
}

bool fasttrack_hash_content(struct host *h, int content,
                            uint8_t hash[HASH_BYTES])
{
    struct region region[UUHASH_REGIONS_MAX];
    uint8_t data[65536], md5[SHA256_BYTES];
    struct content c;
    uint32_t crc = 0;

    if (!host_content(h, content, &c))
        return false;
    size_t count = fasttrack_regions(c.bytes, region);
    struct hash *front = hash_begin(HASH_MD5);
    bool ok = front != NULL;
    for (size_t i = 0; i < count; i++)
        for (uint64_t at = 0; at < region[i].len && ok; at += sizeof data) {
            uint64_t left = region[i].len - at;
            size_t len = left < sizeof data ? (size_t)left : sizeof data;
            ok = host_content_read(h, content, region[i].from + at, data,
                                   len) == 0;
            if (ok && i == 0)
                hash_add(front, data, len);
            else if (ok)
                crc = hash_crc32_more(crc, data, len);
        }
    ok = hash_end(front, md5) == MD5_BYTES && ok;
    if (ok)
        fasttrack_uuhash(hash, md5, crc, c.bytes);
    return ok;
}

void fasttrack_hash_start(struct fasttrack *n, struct host *h)
{
    n->hash_next = 0;
    if (host_content_count(h) > 0)
        host_timer(h, TIMER_HASH, 0);
}

/* Hash one file that is whole and not hashed; false: there is none. */
static bool hash_one(struct fasttrack *n, struct host *h)
{
    uint8_t hash[HASH_BYTES];
    struct content c;

    while (n->hash_next < host_content_count(h) && n->hash_next < FILES_MAX) {
        int content = (int)n->hash_next++;
        if (!host_content(h, content, &c) || !c.complete ||
            fasttrack_shared_hash(n, content) != NULL ||
            !fasttrack_hash_content(h, content, hash))
            continue;
        fasttrack_keep_hash(n, h, content, hash);
        fasttrack_tell(n, h, content, NULL);
        return true;
    }
    return false;
}

/* -- Trees --------------------------------------------------------------- */

bool fasttrack_tree_begin(struct fasttrack *n, struct host *h, int content,
                          uint32_t command)
{
    struct tree_job *j = host_alloc(h, sizeof *j);
    struct tree_job **at = &n->trees;
    struct content c;

    if (j == NULL)
        return false;
    j->content = content;
    j->command = command;
    j->bytes = host_content(h, content, &c) ? c.bytes : 0;
    while (*at != NULL)
        at = &(*at)->next;
    *at = j;
    host_timer(h, TIMER_HASH, 0);
    return true;
}

static void end_tree(struct fasttrack *n, struct host *h, bool ok)
{
    struct tree_job *j = n->trees;
    uint8_t hash[HASH_BYTES], root[MD5_BYTES];
    char text[2 * KZHASH_BYTES + 1];
    struct fields f = fields_new();

    n->trees = j->next;
    fasttrack_tree_end(&j->tree, root);
    if (j->command == 0) {
        fasttrack_transfer_on_tree(n, h, j->content, ok ? root : NULL);
    } else if (!ok || !fasttrack_hash_content(h, j->content, hash)) {
        host_failed(h, j->command, "the file cannot be read");
    } else {
        fasttrack_hex(hash, HASH_BYTES, text);
        fields_text(&f, "uuhash", text);
        fasttrack_hex(root, MD5_BYTES, text + sizeof text - 2 * MD5_BYTES - 1);
        fields_text(&f, "kzhash", text);
        host_result(h, j->command, true, &f);
    }
    fields_free(&f);
    host_free(h, j, sizeof *j);
}

static void tree_slice(struct fasttrack *n, struct host *h)
{
    struct tree_job *j = n->trees;
    uint8_t data[KZHASH_BLOCK], leaf[MD5_BYTES];
    bool ok = true;

    for (uint64_t done = 0; done < HASH_SLICE && j->at < j->bytes && ok;
         done += KZHASH_BLOCK) {
        uint64_t left = j->bytes - j->at;
        size_t len = left < KZHASH_BLOCK ? (size_t)left : KZHASH_BLOCK;
        ok = host_content_read(h, j->content, j->at, data, len) == 0;
        hash_md5(leaf, data, len);
        fasttrack_tree_add(&j->tree, leaf);
        j->at += len;
    }
    if (j->at >= j->bytes || !ok)
        end_tree(n, h, ok);
}

void fasttrack_on_hash_timer(struct fasttrack *n, struct host *h)
{
    bool more = hash_one(n, h);

    if (n->trees != NULL)
        tree_slice(n, h);
    if (more || n->trees != NULL)
        host_timer(h, TIMER_HASH, 0);
}
