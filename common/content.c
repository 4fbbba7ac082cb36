/* The table of contents, made bytes, blobs in memory; see content.h. */
#include "common/content.h"

#include <assert.h>
#include <string.h>

#include "common/content_impl.h"
#include "common/hash.h"

/* -- Memory ---------------------------------------------------------------- */

static void *take(const struct contents *c, size_t bytes)
{
    return c->memory.alloc(c->memory.context, bytes);
}

static void give(const struct contents *c, void *memory, size_t bytes)
{
    if (memory != NULL)
        c->memory.free(c->memory.context, memory, bytes);
}

/* Double a table of *cap elements; `table` is the address of its pointer. */
static bool table_grow(struct contents *c, void *table, uint32_t *cap,
                       size_t each)
{
    uint32_t more = *cap > 0 ? *cap * 2 : 4;
    void *old, *at = take(c, more * each);

    if (at == NULL)
        return false;
    memcpy(&old, table, sizeof old); /* a pointer, whatever its type */
    if (old != NULL)
        memcpy(at, old, *cap * each);
    give(c, old, *cap * each);
    memcpy(table, &at, sizeof at);
    *cap = more;
    return true;
}

/* -- Sets of bytes ------------------------------------------------------- */

/* The first range that ends behind `at`, or touches it if `touching`. */
static uint32_t ranges_from(const struct ranges *r, uint64_t at, bool touching)
{
    uint32_t low = 0, high = r->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (r->at[middle].end + touching <= at)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Is the byte at `at` in the set?  *end: where that changes. */
static bool ranges_has(const struct ranges *r, uint64_t at, uint64_t *end)
{
    uint32_t i = ranges_from(r, at, false);
    bool in = i < r->count && r->at[i].start <= at;

    *end = i == r->count ? UINT64_MAX : in ? r->at[i].end : r->at[i].start;
    return in;
}

/* All ranges that the new one meets, `low` up to `high`, give way to what
   comes of them: one when bytes are added, up to two when they are taken. */
bool ranges_put(struct contents *c, struct ranges *r, uint64_t start,
                uint64_t end, bool in)
{
    uint32_t low = ranges_from(r, start, in), high = low, count = 0;
    struct range made[2] = {{start, end}};

    if (start == end)
        return true;
    for (; high < r->count && r->at[high].start + !in <= end; high++)
        r->bytes -= r->at[high].end - r->at[high].start;
    uint64_t first = high > low ? r->at[low].start : start;
    uint64_t last = high > low ? r->at[high - 1].end : end;
    if (in)
        made[count++] = (struct range){first < start ? first : start,
                                       last > end ? last : end};
    if (!in && high > low && first < start)
        made[count++] = (struct range){first, start};
    if (!in && high > low && last > end)
        made[count++] = (struct range){end, last};
    bool room = r->count + count - (high - low) <= r->cap;
    if (!room && (r->cap >= CONTENT_RANGES_MAX ||
                  !table_grow(c, &r->at, &r->cap, sizeof *r->at))) {
        for (uint32_t i = low; i < high; i++) /* leave it as it was */
            r->bytes += r->at[i].end - r->at[i].start;
        return false;
    }
    if (r->count > high)
        memmove(r->at + low + count, r->at + high,
                (r->count - high) * sizeof *r->at);
    r->count += count - (high - low);
    for (uint32_t i = 0; i < count; i++) {
        r->at[low + i] = made[i];
        r->bytes += made[i].end - made[i].start;
    }
    return true;
}

static void ranges_free(struct contents *c, struct ranges *r)
{
    give(c, r->at, r->cap * sizeof *r->at);
    *r = (struct ranges){.count = 0};
}

/* -- Items ----------------------------------------------------------------- */

static struct item *item_at(const struct contents *c, int number)
{
    bool known = c != NULL && number >= 0 && (uint32_t)number < c->count;

    return known ? c->item[number] : NULL;
}

static bool within(const struct item *item, uint64_t offset, uint64_t len)
{
    return item != NULL && offset <= item->bytes && len <= item->bytes - offset;
}

/* Room for one more, and that one. */
static struct item *item_new(struct contents *c)
{
    bool room = c->count < c->cap ||
                table_grow(c, &c->item, &c->cap, sizeof(struct item *));
    struct item *item = room ? take(c, sizeof *item) : NULL;

    if (item != NULL)
        c->item[c->count++] = item;
    return item;
}

/* Add an item of one file, called as it is; `name` is lent. */
static struct item *item_add_lent(struct contents *c, const char *name,
                                  uint64_t bytes)
{
    struct item *item = item_new(c);

    if (item == NULL)
        return NULL;
    item->single = (struct content_file){.path = name, .bytes = bytes};
    item->name = name;
    item->file = &item->single;
    item->file_count = 1;
    item->bytes = bytes;
    return item;
}

/* The files are ours when their block has a size. */
static void item_free(struct contents *c, struct item *item)
{
    ranges_free(c, &item->here);
    ranges_free(c, &item->bad);
    if (item->block > 0) {
        union {
            const void *lent;
            void *own;
        } block = {.lent = item->file};
        give(c, block.own, item->block);
    }
    give(c, item, sizeof *item);
}

/* Take back the latest. */
static void item_undo(struct contents *c)
{
    item_free(c, c->item[--c->count]);
}

static char *copy_text(char **room, const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = memcpy(*room, s, len);

    *room += len;
    return copy;
}

struct item *item_add(struct contents *c, const char *name,
                      const struct content_file *files, size_t count)
{
    size_t block = count * sizeof *files + strlen(name) + 1;
    struct item *item = item_new(c);

    for (size_t i = 0; i < count; i++)
        block += strlen(files[i].path) + 1;
    struct content_file *own = item != NULL ? take(c, block) : NULL;
    if (own == NULL) {
        if (item != NULL)
            item_undo(c);
        return NULL;
    }
    char *room = (char *)(own + count);
    item->name = copy_text(&room, name);
    item->file = own;
    item->block = block;
    item->file_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        own[i] = (struct content_file){.path = copy_text(&room, files[i].path),
                                       .bytes = files[i].bytes};
        item->bytes += files[i].bytes;
    }
    return item;
}

const struct content_file *item_file(const struct item *item, uint64_t offset,
                                     uint64_t *at)
{
    const struct content_file *file = item->file;

    while (offset >= file->bytes) {
        offset -= file->bytes;
        file++;
        assert(file < item->file + item->file_count);
    }
    *at = offset;
    return file;
}

/* -- Made bytes -------------------------------------------------------------- */

/* The seed of a file: of the last part of its path, and its size; so a file
   is the same in whatever folder a node keeps it. */
static uint64_t seed_of(const struct content_file *file, bool bad)
{
    const char *name = path_leaf(file->path);
    uint64_t seed = hash_roll(file->bytes, name, strlen(name));

    return bad ? hash_roll_u64(seed, 1) : seed;
}

/* Bytes of a file from `at` on: those of 64-bit numbers, lowest first. */
static void make_bytes(uint64_t seed, uint64_t at, uint8_t *to, size_t len)
{
    for (size_t i = 0; i < len;) {
        uint64_t word = hash_roll_u64(seed, (at + i) / 8);
        unsigned byte = (unsigned)((at + i) % 8);
        for (; byte < 8 && i < len; byte++)
            to[i++] = (uint8_t)(word >> 8 * byte);
    }
}

/* Blocks made of late: the same ones pass through every node of a swarm, and
   a function's values may be kept wherever they are wanted again. */
static struct made_block {
    uint64_t seed, number;
    bool full;
    uint8_t bytes[POLLUTED_BLOCK];
} made_blocks[MADE_BLOCKS];

/* The block of a file that holds the byte at `at`, lent until the next. */
static const uint8_t *made_block(uint64_t seed, uint64_t at)
{
    uint64_t number = at / POLLUTED_BLOCK;
    struct made_block *b = &made_blocks[(seed + number) % MADE_BLOCKS];

    if (!b->full || b->seed != seed || b->number != number) {
        b->seed = seed;
        b->number = number;
        b->full = true;
        make_bytes(seed, number * POLLUTED_BLOCK, b->bytes, POLLUTED_BLOCK);
    }
    return b->bytes;
}

/* The bytes at `offset`, lent until the next call: those of one file and one
   block, all right or all wrong, *len of them. */
static const uint8_t *made_run(const struct item *item, uint64_t offset,
                               bool wrong, size_t *len)
{
    static const uint8_t zeros[POLLUTED_BLOCK];
    uint64_t at;
    const struct content_file *file = item_file(item, offset, &at);
    size_t in_block = (size_t)(at % POLLUTED_BLOCK);

    if (*len > POLLUTED_BLOCK - in_block)
        *len = POLLUTED_BLOCK - in_block;
    if (*len > file->bytes - at)
        *len = (size_t)(file->bytes - at);
    if (content_file_is_padding(file))
        return zeros;
    return made_block(seed_of(file, wrong), at) + in_block;
}

static void made_read(const struct item *item, uint64_t offset, uint8_t *to,
                      size_t len)
{
    while (len > 0) {
        uint64_t end;
        bool wrong = ranges_has(&item->bad, offset, &end);
        size_t part = end - offset < len ? (size_t)(end - offset) : len;
        const uint8_t *from = made_run(item, offset, wrong, &part);
        memcpy(to, from, part);
        offset += part;
        to += part;
        len -= part;
    }
}

/* Which of the bytes written are wrong?  Judged by the blocks in which files
   are polluted, so that a copy of a polluted file is polluted alike. */
static bool made_write(struct contents *c, struct item *item, uint64_t offset,
                       const uint8_t *from, size_t len)
{
    while (len > 0) {
        size_t part = len;
        const uint8_t *right = made_run(item, offset, false, &part);
        if (!ranges_put(c, &item->bad, offset, offset + part,
                        memcmp(right, from, part) != 0))
            return false;
        offset += part;
        from += part;
        len -= part;
    }
    return true;
}

/* Every fourth block, the first among them, is wrong. */
static bool pollute(struct contents *c, struct item *item)
{
    for (uint64_t at = 0; at < item->bytes; at += 4 * POLLUTED_BLOCK) {
        uint64_t end = at + POLLUTED_BLOCK;
        if (end > item->bytes)
            end = item->bytes;
        if (!ranges_put(c, &item->bad, at, end, true))
            return false;
    }
    return true;
}

/* -- Tables ------------------------------------------------------------------- */

struct contents *contents_new(const struct content_memory *memory)
{
    struct contents *c =
        memory->alloc(memory->context, sizeof(struct contents));

    if (c != NULL)
        c->memory = *memory;
    return c;
}

bool contents_share(struct contents *c, const struct share *share, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const struct share *s = &share[i];
        struct item *item = c->count < CONTENTS_MAX
                                ? item_add_lent(c, s->name, s->bytes)
                                : NULL;
        if (item == NULL || (s->polluted && !pollute(c, item)) ||
            !ranges_put(c, &item->bad, s->bad_from, s->bad_to, true) ||
            !ranges_put(c, &item->here, s->from, s->to, true))
            return false;
        item->complete = s->from == 0 && s->to == s->bytes;
    }
    return true;
}

void contents_free(struct contents *c)
{
    if (c == NULL)
        return;
    if (c->folder != NULL)
        folder_free(c);
    while (c->count > 0)
        item_undo(c);
    while (c->blobs != NULL) {
        struct blob *b = c->blobs;
        c->blobs = b->next;
        give(c, b, sizeof *b + b->len);
    }
    give(c, c->item, c->cap * sizeof(struct item *));
    give(c, c, sizeof *c);
}

bool content_path_ok(const char *path)
{
    size_t len = strnlen(path, CONTENT_PATH_MAX + 1);
    unsigned depth = 0;

    if (len == 0 || len > CONTENT_PATH_MAX || string_ends(path, ".part"))
        return false;
    for (const char *at = path; *at != '\0';) { /* each part of the path */
        size_t part = strcspn(at, "/");
        if (part == 0 || part > 255 || at[0] == '.' ||
            ++depth > CONTENT_DEPTH_MAX || text_printable_run(at, part) < part)
            return false;
        at += part;
        if (*at == '/' && *++at == '\0')
            return false;
    }
    return true;
}

size_t contents_count(const struct contents *c)
{
    return c != NULL ? c->count : 0;
}

bool contents_get(const struct contents *c, int number, struct content *out)
{
    const struct item *item = item_at(c, number);

    if (item == NULL)
        return false;
    *out = (struct content){.name = item->name,
                            .bytes = item->bytes,
                            .have = item->here.bytes,
                            .complete = item->complete,
                            .file_count = item->file_count,
                            .file = item->file};
    return true;
}

int contents_find(const struct contents *c, const char *name)
{
    for (size_t i = 0; i < contents_count(c); i++)
        if (strcmp(c->item[i]->name, name) == 0)
            return (int)i;
    return ERR_USAGE;
}

static bool same_files(const struct item *item,
                       const struct content_file *files, size_t count)
{
    if (item->file_count != count)
        return false;
    for (size_t i = 0; i < count; i++)
        if (item->file[i].bytes != files[i].bytes ||
            strcmp(item->file[i].path, files[i].path) != 0)
            return false;
    return true;
}

int contents_check(const char *name, const struct content_file *files,
                   size_t count)
{
    uint64_t bytes = 0;

    if (!content_path_ok(name) || count == 0)
        return ERR_MALFORMED;
    if (count > CONTENT_FILES_MAX)
        return ERR_LIMIT;
    for (size_t i = 0; i < count; i++) {
        if (!content_path_ok(files[i].path) &&
            (count == 1 || !content_file_is_padding(&files[i])))
            return ERR_MALFORMED;
        if (files[i].bytes > CONTENT_BYTES_MAX - bytes)
            return ERR_LIMIT;
        bytes += files[i].bytes;
    }
    return 0;
}

static bool put_padding(struct contents *c, struct item *item)
{
    uint64_t start = 0;
    bool ok = true;

    for (uint32_t i = 0; i < item->file_count; i++) {
        const struct content_file *file = &item->file[i];
        if (content_file_is_padding(file))
            ok = ok &&
                 ranges_put(c, &item->here, start, start + file->bytes, true);
        start += file->bytes;
    }
    return ok;
}

int contents_begin(struct contents *c, const char *name,
                   const struct content_file *files, size_t count)
{
    int error = contents_check(name, files, count);
    int old = error == 0 ? contents_find(c, name) : error;

    if (error != 0)
        return error;
    if (old >= 0)
        return same_files(c->item[old], files, count) ? old : ERR_LIMIT;
    if (c->count == CONTENTS_MAX)
        return ERR_LIMIT;
    struct item *item = item_add(c, name, files, count);
    if (item == NULL)
        return ERR_SYSTEM;
    error = put_padding(c, item) ? 0 : ERR_SYSTEM;
    if (error == 0 && c->folder != NULL)
        error = folder_begin(c, item);
    if (error != 0) {
        item_undo(c);
        return error;
    }
    return (int)c->count - 1;
}

int contents_complete(struct contents *c, int number)
{
    struct item *item = item_at(c, number);

    contents_settle(c);
    if (item == NULL || item->here.bytes != item->bytes)
        return ERR_USAGE;
    int error =
        c->folder != NULL && !item->complete ? folder_complete(c, item) : 0;
    item->complete = error == 0;
    return error;
}

int contents_name(struct contents *c, int number, size_t file)
{
    const struct item *item = item_at(c, number);
    uint64_t start = 0;

    if (item == NULL || file >= item->file_count)
        return ERR_USAGE;
    for (size_t i = 0; i < file; i++)
        start += item->file[i].bytes;
    contents_settle(c);
    if (!contents_has(c, number, start, item->file[file].bytes))
        return ERR_USAGE;
    return c->folder == NULL || item->complete ||
                   folder_name(c, item, &item->file[file])
               ? 0
               : ERR_SYSTEM;
}

uint64_t contents_run(const struct contents *c, int number, uint64_t offset)
{
    const struct item *item = item_at(c, number);
    uint64_t end;

    if (item == NULL || !ranges_has(&item->here, offset, &end))
        return 0;
    return end - offset;
}

void contents_forget(struct contents *c, int number, uint64_t offset,
                     uint64_t len)
{
    struct item *item = item_at(c, number);

    if (!within(item, offset, len) || item->complete)
        return;
    /* With too many gaps, forget all behind it as well. */
    uint64_t end = offset + len;
    if (!ranges_put(c, &item->here, offset, end, false)) {
        end = item->bytes;
        (void)ranges_put(c, &item->here, offset, end, false);
    }
    if (c->folder != NULL)
        (void)folder_forget(c, item, offset, end);
}

bool contents_has(const struct contents *c, int number, uint64_t offset,
                  uint64_t len)
{
    return within(item_at(c, number), offset, len) &&
           (len == 0 || contents_run(c, number, offset) >= len);
}

void contents_settle(struct contents *c)
{
    if (c != NULL && c->folder != NULL)
        (void)folder_settle(c);
}

int contents_read(struct contents *c, int number, uint64_t offset, void *to,
                  size_t len)
{
    contents_settle(c);
    if (!contents_has(c, number, offset, len))
        return ERR_USAGE;
    if (c->folder != NULL)
        return folder_read(c, c->item[number], offset, to, len);
    made_read(c->item[number], offset, to, len);
    return 0;
}

int contents_write(struct contents *c, int number, uint64_t offset,
                   const void *from, size_t len)
{
    struct item *item = item_at(c, number);

    if (!within(item, offset, len) || item->complete)
        return ERR_USAGE;
    if (c->folder == NULL && !made_write(c, item, offset, from, len))
        return ERR_LIMIT;
    int error =
        c->folder != NULL ? folder_write(c, item, offset, from, len) : 0;
    if (error != 0)
        return error;
    return ranges_put(c, &item->here, offset, offset + len, true) ? 0
                                                                  : ERR_LIMIT;
}

const char *contents_trouble(const struct contents *c)
{
    return c != NULL && c->folder != NULL ? folder_trouble(c)
                                          : "there is no room for it";
}

int contents_fd(struct contents *c, int number, uint64_t offset, uint64_t *at,
                uint64_t *len)
{
    contents_settle(c);
    if (c == NULL || c->folder == NULL || !contents_has(c, number, offset, 1))
        return -1;
    const struct item *item = c->item[number];
    const struct content_file *file = item_file(item, offset, at);
    *len = file->bytes - *at;
    return folder_fd(c, item, file);
}

/* -- Hashing -------------------------------------------------------------------- */

/* Digests of made bytes: every node of a swarm hashes the same pieces. */
static struct made_digest {
    uint64_t seed, at, end;
    enum content_hash kind;
    size_t len; /* 0: the place is free */
    uint8_t bytes[CONTENT_DIGEST_MAX];
} made_digests[MADE_DIGESTS];

/* Where the digest of these bytes is kept, or may be; NULL when they are not
   made, not all right, or of several files. */
static struct made_digest *made_digest(const struct hash_job *job,
                                       const struct contents *c)
{
    const struct item *item = item_at(c, job->content);
    uint64_t len = job->end - job->at, end, at;

    if (c == NULL || c->folder != NULL || len == 0 ||
        !contents_has(c, job->content, job->at, len) ||
        ranges_has(&item->bad, job->at, &end) || end < job->end)
        return NULL;
    const struct content_file *file = item_file(item, job->at, &at);
    if (len > file->bytes - at || content_file_is_padding(file))
        return NULL;
    uint64_t seed = seed_of(file, false);
    struct made_digest *d =
        &made_digests[hash_roll_u64(seed, at) % MADE_DIGESTS];
    if (d->seed != seed || d->at != at || d->end != at + len ||
        d->kind != job->kind)
        *d = (struct made_digest){seed, at, at + len, job->kind, 0, {0}};
    return d;
}

bool hash_job_step(struct hash_job *job, struct contents *c, uint64_t bytes)
{
    uint8_t block[256 * 1024];
    uint64_t end = job->end - job->at > bytes ? job->at + bytes : job->end;
    struct made_digest *made =
        job->hash == NULL && end == job->end ? made_digest(job, c) : NULL;

    if (made != NULL && made->len > 0) {
        memcpy(job->digest, made->bytes, made->len);
        job->digest_len = made->len;
        job->at = end;
        return true;
    }
    if (job->hash == NULL)
        job->hash = hash_begin(job->kind == CONTENT_MD5 ? HASH_MD5 : HASH_SHA1);
    if (job->hash == NULL)
        return true; /* no memory: no digest */
    while (job->at < end) {
        uint64_t left = end - job->at;
        size_t part = left < sizeof block ? (size_t)left : sizeof block;
        if (contents_read(c, job->content, job->at, block, part) != 0) {
            hash_job_drop(job);
            return true;
        }
        hash_add(job->hash, block, part);
        job->at += part;
    }
    if (job->at < job->end)
        return false;
    job->digest_len = hash_end(job->hash, job->digest);
    job->hash = NULL;
    if (made != NULL) {
        memcpy(made->bytes, job->digest, job->digest_len);
        made->len = job->digest_len;
    }
    return true;
}

void hash_job_drop(struct hash_job *job)
{
    if (job->hash != NULL)
        (void)hash_end(job->hash, job->digest);
    job->hash = NULL;
    job->digest_len = 0;
}

struct event hash_job_event(const struct hash_job *job)
{
    return (struct event){.kind = EVENT_HASHED,
                          .content = job->shown,
                          .tag = job->tag,
                          .data = job->digest,
                          .len = job->digest_len};
}

/* -- Blobs ---------------------------------------------------------------------- */

/* A name of letters, digits, - and _, so that it can be that of a file. */
static bool blob_name_ok(const char *name)
{
    size_t len = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                              "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_");

    return name[len] == '\0' && len > 0 && len <= BLOB_NAME_MAX;
}

/* Where the blob of that name is linked, or the end of the list. */
static struct blob **blob_find(struct contents *c, const char *name,
                               size_t *count)
{
    struct blob **at = &c->blobs;

    for (*count = 0; *at != NULL && strcmp((*at)->name, name) != 0; ++*count)
        at = &(*at)->next;
    return at;
}

int contents_save(struct contents *c, const char *name, const void *data,
                  size_t len)
{
    size_t count;

    assert(blob_name_ok(name));
    if (len > BLOB_BYTES_MAX)
        return ERR_LIMIT;
    if (c->folder != NULL)
        return folder_save(c, name, data, len);
    struct blob **at = blob_find(c, name, &count), *old = *at, *b = NULL;
    if (old == NULL && count >= BLOBS_MAX)
        return ERR_LIMIT;
    if (len > 0) {
        b = take(c, sizeof *b + len);
        if (b == NULL)
            return ERR_SYSTEM;
        b->len = len;
        memcpy(b->name, name, strlen(name) + 1);
        memcpy(b->data, data, len);
        b->next = old != NULL ? old->next : NULL;
        *at = b;
    } else if (old != NULL) {
        *at = old->next;
    }
    if (old != NULL)
        give(c, old, sizeof *old + old->len);
    return 0;
}

int contents_load(struct contents *c, const char *name, void *to, size_t room)
{
    size_t count;

    assert(blob_name_ok(name));
    if (c == NULL)
        return 0;
    if (c->folder != NULL)
        return folder_load(c, name, to, room);
    const struct blob *b = *blob_find(c, name, &count);
    if (b == NULL)
        return 0;
    if (b->len > room)
        return ERR_LIMIT;
    memcpy(to, b->data, b->len);
    return (int)b->len;
}
