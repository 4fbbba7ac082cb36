/*
 * What a node keeps beyond its own death: the contents that it shares and
 * fetches, and the small blobs that it remembers.  node.h says what a protocol
 * sees of it; both hosts and the command line use this.
 *
 * Two backings, one table.  *Made* bytes are a function of a file's name and
 * size: they take no memory, and two nodes that share the same file hold the
 * same ones.  What is written wrong is not kept either, but marked, and reads
 * as the bytes of another function: a hash fails, a polluted copy stays
 * polluted, and all copies of it are alike.  *Real* files lie below a folder
 * (content_file.c).
 *
 * What is here of a content is a short sorted list of ranges, so bytes may
 * come in any order, to the byte.
 */
#ifndef COMMON_CONTENT_H
#define COMMON_CONTENT_H

#include "common/node.h"

#define CONTENTS_MAX 65536u /* of one node in one run; takes 0.5 MiB */
#define CONTENT_FILES_MAX 4096u
#define CONTENT_BYTES_MAX (UINT64_C(1) << 42) /* 4 TiB */
#define CONTENT_RANGES_MAX 65536u /* gaps of one content; takes 1 MiB */
#define CONTENT_PATH_MAX 1024     /* bytes of a path or name */
#define CONTENT_DEPTH_MAX 16      /* folders within folders */
#define CONTENT_SLICE ((size_t)1024 * 1024) /* hashed between other events */
#define POLLUTED_BLOCK 16384 /* made bytes are right or wrong by such blocks */
#define MADE_BLOCKS 512      /* kept ready, of all nodes together: 8 MiB */
#define MADE_DIGESTS 4096    /* and their hashes: 288 KiB */
#define CONTENT_DIGEST_MAX 32
#define BLOBS_MAX 64 /* of one node */
#define BLOB_NAME_MAX 48

/* Where the table lives: the simulator's arena, or the system's memory.
   Blocks come zeroed. */
struct content_memory {
    void *(*alloc)(void *context, size_t bytes);
    void (*free)(void *context, void *memory, size_t bytes);
    void *context;
};

struct contents;

/* A content of made bytes that a scenario gives to a node. */
struct share {
    const char *name; /* outlives the node */
    uint64_t bytes;
    uint64_t from, to;         /* the part that is here; all: it is complete */
    bool polluted;             /* some blocks are wrong: every fourth */
    uint64_t bad_from, bad_to; /* and all of these bytes */
};

/* A table of made bytes; NULL when memory is short. */
struct contents *contents_new(const struct content_memory *memory);
/* Share what a scenario says; false when memory is short. */
bool contents_share(struct contents *c, const struct share *share,
                    size_t count);
/* A table of the files below a folder, which is made when it is missing:
   those that are whole, and those that an earlier run had begun.  One node at
   a time: NULL with *why when another has it, or it cannot be read. */
struct contents *contents_open(const struct content_memory *memory,
                               const char *folder, struct text *why);
void contents_free(struct contents *c); /* NULL is fine */

/* May this be the path of a shared file?  Relative, printable, nothing
   hidden, and not called .part. */
bool content_path_ok(const char *path);

static inline bool content_file_is_padding(const struct content_file *file)
{
    return file->path[0] == '\0';
}

/* The calls of node.h, on a table; `c` may be NULL where nothing is written. */
size_t contents_count(const struct contents *c);
bool contents_get(const struct contents *c, int number, struct content *out);
int contents_find(const struct contents *c, const char *name);
int contents_begin(struct contents *c, const char *name,
                   const struct content_file *files, size_t count);
int contents_complete(struct contents *c, int number);
int contents_name(struct contents *c, int number, size_t file);
bool contents_has(const struct contents *c, int number, uint64_t offset,
                  uint64_t len);
uint64_t contents_run(const struct contents *c, int number, uint64_t offset);
void contents_forget(struct contents *c, int number, uint64_t offset,
                     uint64_t len);
int contents_read(struct contents *c, int number, uint64_t offset, void *to,
                  size_t len);
int contents_write(struct contents *c, int number, uint64_t offset,
                   const void *from, size_t len);
/* Why the latest read or write was refused, a sentence for people; lent. */
const char *contents_trouble(const struct contents *c);
/* What was written is in its file now, as far as the disk has room. */
void contents_settle(struct contents *c);
int contents_save(struct contents *c, const char *name, const void *data,
                  size_t len);
int contents_load(struct contents *c, const char *name, void *to, size_t room);

/* Are these bytes in a real file?  Its descriptor, lent until the next call,
   where they begin there, and how many of them it has; -1: no. */
int contents_fd(struct contents *c, int number, uint64_t offset, uint64_t *at,
                uint64_t *len);

/* -- Hashing, in slices ------------------------------------------------- */

struct hash_job {
    int content; /* -1: some of the bytes are not here */
    int shown;   /* the number that was asked for */
    uint32_t tag;
    uint64_t at, end;
    enum content_hash kind;
    uint32_t restarts; /* of the node when it asked */
    struct hash *hash; /* NULL: not begun */
    uint8_t digest[CONTENT_DIGEST_MAX];
    size_t digest_len; /* 0 when some bytes are not here */
};

/* Hash up to `bytes` more of what job->content names; true when the job is done, its digest filled in. */
bool hash_job_step(struct hash_job *job, struct contents *c, uint64_t bytes);
void hash_job_drop(struct hash_job *job); /* before its end */
/* The event that a finished job is. */
struct event hash_job_event(const struct hash_job *job);

#endif
