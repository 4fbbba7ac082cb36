/*
 * An arena: one piece of memory that holds everything of a simulation, so
 * that a checkpoint is one memcpy of the used part, and a restored one has
 * every pointer right.
 *
 * Allocation takes a freed block of the same size class, or a piece of a
 * larger one, or the next bytes.
 */
#ifndef COMMON_ARENA_H
#define COMMON_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARENA_BYTES ((size_t)64 << 30) /* address space, not memory */
#define ARENA_CLASSES 168

/* Stands at the front of its own memory, and is saved with it. */
struct arena {
    size_t size;
    size_t used;                  /* bytes that a checkpoint takes */
    uint8_t *region, *region_end; /* a freed block, being cut up */
    struct free_block *free[ARENA_CLASSES];
    bool full; /* an allocation failed */
};

/* An arena of at most `bytes`, and of at most the machine's memory; NULL
   when the system refuses even a small one. */
struct arena *arena_new(size_t bytes);
void arena_delete(struct arena *a);

/* Allocate; the content is undefined, aligned to 16.  NULL, and `full` from
   then on, when the arena has no room. */
void *arena_alloc(struct arena *a, size_t bytes);
/* The same, zeroed. */
void *arena_zalloc(struct arena *a, size_t bytes);
/* Give back a block, with the size that it was asked for; NULL is fine. */
void arena_free(struct arena *a, void *memory, size_t bytes);
/* Move a block to one of `to` bytes; NULL leaves the old one alone. */
void *arena_grow(struct arena *a, void *memory, size_t from, size_t to);

#endif
