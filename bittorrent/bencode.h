/*
 * Bencode, BitTorrent's one encoding: strings 4:spam, integers i42e, lists
 * l...e and dictionaries d...e, whose keys are strings in ascending order.
 *
 * There is one canonical encoding of every value, so a value can be named by
 * the hash of its bytes; the info dictionary is.  The reader therefore copies
 * nothing and builds no tree: a value is a slice of the bytes given.
 *
 * bencode_read checks a whole value once, in all its depth; what walks it
 * afterwards (bencode_next, bencode_find) relies on that.
 *
 * Source: [bep3] bencoding.  The specification sets no bounds; ours: integers
 * fit 64 bits, and values nest BENCODE_DEPTH_MAX deep at most.
 */
#ifndef BITTORRENT_BENCODE_H
#define BITTORRENT_BENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/error.h"
#include "common/fields.h"

enum bencode_kind {
    BENCODE_NONE, /* no value: what was looked for is not there */
    BENCODE_STRING,
    BENCODE_INTEGER,
    BENCODE_LIST,
    BENCODE_DICT
};

/* Strict: dictionaries are sorted, without duplicates.  For what is hashed.
   Loose: in any order, the first of two equal keys counts.  For messages,
   since clients differ; numbers and lengths are as strict as ever. */
enum bencode_mode { BENCODE_STRICT, BENCODE_LOOSE };

struct bencode {
    enum bencode_kind kind;
    const uint8_t *at; /* the value as encoded, and its length */
    size_t len;
    const uint8_t *text; /* of a string: what is in it */
    size_t text_len;
    int64_t number; /* of an integer */
};

/* Read one value from the front of `data`: its length, 0 when it goes on
   beyond `len`, ERR_MALFORMED, or ERR_LIMIT when it nests too deep or a
   number does not fit.  What follows the value is not looked at. */
int64_t bencode_read(struct bencode *v, const uint8_t *data, size_t len,
                     enum bencode_mode mode);

/* What is left to walk of a list or a dictionary; of anything else, nothing. */
struct bencode_walk {
    const uint8_t *at, *end;
    bool keys;
};
struct bencode_walk bencode_walk(const struct bencode *v);
/* The next element, or the next key and its value; false at the end.  `key`
   may be NULL. */
bool bencode_next(struct bencode_walk *w, struct bencode *key,
                  struct bencode *value);

/* The value under `key`, if it is of that kind; else false, and kind NONE. */
bool bencode_find(const struct bencode *dict, const char *key,
                  enum bencode_kind kind, struct bencode *value);
/* The integer under `key`, or `otherwise`. */
int64_t bencode_number(const struct bencode *dict, const char *key,
                       int64_t otherwise);
/* Is the string these very bytes? */
bool bencode_is(const struct bencode *v, const char *text);

/*
 * Writing.  Only canonical forms come out, but for the order of keys, which
 * is the caller's to keep.  A writer that runs out of room sets `bad` and
 * from then on does nothing: ask once.
 */
struct bencode_writer {
    uint8_t *out;
    size_t at, room;
    bool bad;
};
void bencode_put_raw(struct bencode_writer *w, const void *data, size_t len);
void bencode_put_bytes(struct bencode_writer *w, const void *data, size_t len);
void bencode_put_text(struct bencode_writer *w, const char *text);
void bencode_put_number(struct bencode_writer *w, int64_t number);
void bencode_put_dict(struct bencode_writer *w);
void bencode_put_list(struct bencode_writer *w);
void bencode_put_end(struct bencode_writer *w);

/* How the value of a key is shown. */
enum bencode_form {
    FORM_PLAIN,
    FORM_ID,   /* 20 bytes */
    FORM_NODE, /* [bep5] 26 bytes each: id, address, port */
    FORM_PEERS /* [bep23] 6 bytes each: address, port */
};
/* What a key is called among fields; a table of them ends in a NULL key.
   The form holds for the elements of a list too. */
struct bencode_name {
    const char *key, *name;
    enum bencode_form form;
    bool minor; /* not part of the one-line form */
};
/* Append every byte of the value at data[offset..len); the length of the
   value, or 0, with nothing appended, when it is not one.  A dictionary's
   entries stand side by side with those of the one around it.  Keys that are
   not in the table show as themselves; strings as text where they are
   printable. */
size_t bencode_describe(struct fields *f, const uint8_t *data, size_t offset,
                        size_t len, const struct bencode_name *names);

#endif
