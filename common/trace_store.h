/*
 * A trace in memory: what the reader fills (trace_read.c), the merge puts in
 * order (trace_merge.c) and trace.h's users ask.  Private to these.
 */
#ifndef COMMON_TRACE_STORE_H
#define COMMON_TRACE_STORE_H

#include "common/map.h"
#include "common/record.h"
#include "common/trace.h"

#define TRACE_FILES_MAX 256

/* Strings, joined messages and results' fields; freed all at once. */
struct store {
    struct chunk *chunk;
    struct fields **fields;
    size_t fields_count, fields_cap;
    bool no_memory; /* asked once, at the end */
};
void *store_bytes(struct store *s, size_t len); /* NULL: no memory */
struct fields *store_fields(struct store *s);   /* empty; NULL: no memory */
/* grow(), which notes when memory is short. */
bool store_room(struct store *s, void *table, size_t count, size_t *cap,
                size_t size);

struct entry {
    struct record r; /* without names; times since 1970, or the run's start */
    uint32_t file;
    uint32_t origin; /* the file that its cause and command are counted in */
    uint32_t order;  /* in its file */
    uint8_t parts;   /* packets that its data was joined from */
    bool is_paired;  /* merged into the record of its arrival */
};

struct trace {
    struct entry *entry;
    size_t count, cap;
    struct map named;  /* address -> index of its name */
    const char **name; /* in the store */
    size_t name_count, name_cap;
    struct text file[TRACE_FILES_MAX]; /* their bytes */
    size_t file_count;
    struct store store;
    struct trace_source source;
};

/* Remember a node's name, unless it is NULL. */
void trace_learn(struct trace *t, struct addr a, const char *name);
/* Sort; pair what was seen twice; number anew what several files count. */
void trace_merge(struct trace *t);

#endif
