/* The inside of a table of contents: content.c and content_file.c only. */
#ifndef COMMON_CONTENT_IMPL_H
#define COMMON_CONTENT_IMPL_H

#include "common/content.h"

/* Bytes from start up to, not including, end. */
struct range {
    uint64_t start, end;
};

/* Sorted, apart from each other, none empty. */
struct ranges {
    struct range *at;
    uint32_t count, cap;
    uint64_t bytes; /* of all */
};

struct item {
    const char *name;
    const struct content_file *file; /* with the name in one block ... */
    size_t block;                    /* ... of this size; 0: lent */
    uint32_t file_count;
    bool complete;
    bool lost; /* bytes that the writer believes are here are not */
    uint64_t bytes;
    struct ranges here;
    struct ranges bad;          /* made bytes: which of them are wrong */
    struct content_file single; /* where file points when it is lent */
};

struct blob {
    struct blob *next;
    size_t len;
    char name[BLOB_NAME_MAX + 1];
    uint8_t data[];
};

struct folder; /* content_file.c */

struct contents {
    struct content_memory memory;
    struct folder *folder; /* NULL: made bytes */
    struct item **item;
    uint32_t count, cap;
    struct blob *blobs;
};

/* content.c */
/* Add an item with copies of what is given; NULL when memory is short. */
struct item *item_add(struct contents *c, const char *name,
                      const struct content_file *files, size_t count);
/* Add to a set of bytes, or take from it; false when it has too many gaps or
   memory is short. */
bool ranges_put(struct contents *c, struct ranges *r, uint64_t start,
                uint64_t end, bool in);
/* 0, or what is wrong with files that somebody names. */
int contents_check(const char *name, const struct content_file *files,
                   size_t count);
/* The file that holds the byte at `offset`; *at is its place there. */
const struct content_file *item_file(const struct item *item, uint64_t offset,
                                     uint64_t *at);

/* content_file.c */
void folder_free(struct contents *c);
/* The record of a new item, of which that is here which lies there; or an
   error. */
int folder_begin(struct contents *c, struct item *item);
/* Take bytes that go to the disk together with what follows them, at the
   latest at the next folder_settle.  When there was no room for what it took
   before, those bytes are not here any more, and it says so in place of
   taking these. */
int folder_write(struct contents *c, struct item *item, uint64_t offset,
                 const void *from, size_t len);
/* Write what was taken, and record it; or an error. */
int folder_settle(struct contents *c);
/* Why the latest read or write failed, a sentence. */
const char *folder_trouble(const struct contents *c);
/* Record that bytes are not here any more. */
int folder_forget(struct contents *c, const struct item *item, uint64_t start,
                  uint64_t end);
/* Give a file that is whole its name. */
bool folder_name(struct contents *c, const struct item *item,
                 const struct content_file *file);
int folder_complete(struct contents *c, const struct item *item);
int folder_read(struct contents *c, const struct item *item, uint64_t offset,
                void *to, size_t len);
/* An open file of an item, lent; -1. */
int folder_fd(struct contents *c, const struct item *item,
              const struct content_file *file);
int folder_save(struct contents *c, const char *name, const void *data,
                size_t len);
int folder_load(struct contents *c, const char *name, void *to, size_t room);

#endif
