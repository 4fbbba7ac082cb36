/*
 * The directory: every file of every user, and the words that find it.
 *
 * Each word has a list of the files that it occurs in, and each file knows
 * its place in the lists of its words, so that a file goes as it came, in
 * steps of its words alone.  A search walks the list of its rarest word.
 *
 * A file takes, beside its name: 64 bytes here, 33 of its MD5, and 12 to 16
 * for each word (8 for its place, 4 to 8 in the word's list).
 */
#ifndef NAPSTER_INDEX_H
#define NAPSTER_INDEX_H

#include "common/http.h"
#include "common/node.h"
#include "napster/limits.h"

struct token {
    uint32_t word; /* its number */
    uint32_t at;   /* where in that word's list the file stands */
};

struct file {
    char *name;          /* NUL-terminated; the MD5, as text, behind it */
    struct token *token; /* token_count of them */
    uint64_t bytes;
    uint32_t owner;            /* a user's number */
    uint32_t next, prev, same; /* of the user; of the names' bucket */
    uint32_t hz;
    uint32_t secs;
    uint16_t kbps;
    uint16_t name_len;
    uint8_t md5_len;
    uint8_t token_count;
    uint8_t media;
};

struct word {
    char *text;
    uint32_t *file;
    uint32_t count, cap;
    uint32_t same; /* the next of its bucket */
    uint8_t len;
};

/* A table that grows by chunks and never moves; numbers from 1. */
struct slots {
    void *chunk[SLOTS_CHUNKS];
    uint32_t used, free; /* `free`: first of a list of those given back */
};

struct index {
    struct slots files, words;
    uint32_t *bucket[2]; /* of files by owner and name, of words */
    uint32_t mask[2];
    uint32_t count; /* files listed */
    uint32_t word_count;
    uint64_t bytes;  /* of all files */
    uint64_t memory; /* taken for all this, names included */
    uint64_t walked; /* entries looked at by searches */
};

struct query {
    struct slice word[FILE_TOKENS_MAX]; /* in lower case, in `text` */
    unsigned count;
    char text[PAYLOAD_MAX];
    uint64_t max;
    uint64_t kbps[2], hz[2], speed[2]; /* at least, at most */
    uint8_t media;
};

/* What a user offers. */
struct offer {
    struct slice name, md5;
    uint64_t bytes, kbps, hz, secs;
    uint8_t media; /* what napster_media says */
};

/* The file of that number, from 1. */
struct file *napster_file(const struct index *x, uint32_t number);
/* The number of a file of `owner`, whatever its case; 0: none. */
uint32_t napster_index_find(const struct index *x, uint32_t owner,
                            struct slice name);
/* List a file at the front of the owner's list *first; 0: no memory. */
uint32_t napster_index_add(struct index *x, struct host *h, uint32_t owner,
                           const struct offer *o, uint32_t *first);
/* Take a file out again; `number` is free afterwards. */
void napster_index_remove(struct index *x, struct host *h, uint32_t number,
                          uint32_t *first);
/* The number of a type of file: 0 is mp3; or ERR_MALFORMED. */
int napster_media(struct slice type);
/* Read a search: NULL, or what is wrong with it; text that is lent. */
const char *napster_query_read(struct query *q, struct slice text);
/* Call `found` for each file with all words, until it says false. */
void napster_index_search(struct index *x, const struct query *q,
                          bool (*found)(void *context, uint32_t file),
                          void *context);

#endif
