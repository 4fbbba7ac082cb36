/*
 * Named fields: the one form in which messages, results of commands and
 * tables explain themselves.  The trace line, JSON, the monitor's decode
 * pane and the expression language all read a `struct fields`.
 *
 * A field has a value and, in a message, the bytes it was read from.  Groups
 * and lists nest; a list's elements have no name of their own.  In a
 * described message the leaves cover every byte exactly once, in order
 * (tests ask it of every message).
 */
#ifndef COMMON_FIELDS_H
#define COMMON_FIELDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/id.h"
#include "common/text.h"

#define FIELDS_MAX 4096 /* in one message; more are counted, not kept */

enum field_kind {
    FIELD_GROUP,  /* fields of greater depth follow */
    FIELD_LIST,   /* elements of greater depth follow */
    FIELD_NUMBER, /* .number */
    FIELD_BOOL,   /* .number */
    FIELD_TIME,   /* .number, microseconds; prints as seconds */
    FIELD_HEX,    /* .number, prints as 0x...: magic numbers, flags */
    FIELD_TEXT,   /* .text .text_len: bytes for people, printed safely */
    FIELD_BYTES,  /* .text .text_len: opaque bytes, printed as hex */
    FIELD_NODE,   /* .addr: prints as the node's name where that is known */
    FIELD_ID      /* .id .id_bits */
};

struct field {
    const char *name; /* a literal, or "" for the element of a list */
    enum field_kind kind;
    uint8_t depth;
    bool minor;      /* left out of the one-line form: magic, lengths */
    uint32_t offset; /* in the message; length 0: not read from bytes */
    uint32_t length;
    uint64_t number;
    struct id id;
    unsigned id_bits;
    struct addr addr;
    const char *text; /* lives as long as the message, or in `store` */
    size_t text_len;
};

struct fields {
    const char *type; /* the message's name, FIND_SUCC; NULL if undecoded */
    struct field *at;
    size_t count, cap;
    unsigned depth; /* of the next field */
    size_t lost;    /* fields beyond FIELDS_MAX */
};

struct fields fields_new(void);
void fields_free(struct fields *f);
/* Fields that are freed where their block ends. */
#define LOCAL_FIELDS __attribute__((cleanup(fields_free))) struct fields
void fields_clear(struct fields *f);

/* Append a field and return it, for the caller to fill in; never NULL. */
struct field *fields_add(struct fields *f, enum field_kind kind,
                         const char *name, size_t offset, size_t length);
void fields_begin(struct fields *f, enum field_kind group_or_list,
                  const char *name);
void fields_end(struct fields *f);

/* The forms that results use: no bytes behind them. */
void fields_number(struct fields *f, const char *name, uint64_t value);
void fields_bool(struct fields *f, const char *name, bool value);
void fields_text(struct fields *f, const char *name, const char *lent);
void fields_data(struct fields *f, const char *name, const uint8_t *lent,
                 size_t len); /* text, too */
void fields_node(struct fields *f, const char *name, struct addr addr);
void fields_id(struct fields *f, const char *name, struct id id, unsigned bits);

/* Append "undecoded" for what is left of a message from `offset` on. */
void fields_undecoded(struct fields *f, size_t offset, size_t len);
/* Describe a chunk of bulk data: all its bytes are one field. */
void fields_bulk(struct fields *f, const uint8_t *data, size_t len);
/* The first field of that name at any depth, or NULL. */
const struct field *fields_find(const struct fields *f, const char *name);

/* How addresses become names: returns NULL when it knows none. */
struct namer {
    const char *(*name)(const void *context, struct addr addr);
    const void *context;
};
/* NULL also where there is no namer. */
const char *namer_name(const struct namer *names, struct addr addr);
/* One value for people; strings bare. */
void field_value(struct text *t, const struct field *f,
                 const struct namer *names);
/* "key 42 hops 1": what is not minor, for a trace line. */
void fields_line(struct text *t, const struct fields *f,
                 const struct namer *names);
/* As many of its fields as go whole into `room` letters; the first one even if
   it alone is longer. */
void fields_first(struct text *t, const struct fields *f,
                  const struct namer *names, size_t room);
/* {"key":42,"path":["n80","n16"]}; braces only if `braces`. */
void fields_json(struct text *t, const struct fields *f,
                 const struct namer *names, bool braces);

#endif
