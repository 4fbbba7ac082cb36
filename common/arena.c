/*
 * One mapping, a bump pointer and a free list for each size class; see
 * arena.h.  Classes go in steps of 16 bytes up to 1 KiB, and four to a
 * doubling above.
 *
 * A class whose list is empty cuts up a larger free block, the region, before
 * it takes fresh memory: a table that was doubled, the requests that all nodes
 * had open when they started together.  That happens only when a class needs
 * more blocks than ever before, so blocks are not ground down in the long run.
 */
#include "common/arena.h"

#include <assert.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_NORESERVE /* reserves no memory anyway, where it does not exist */
#define MAP_NORESERVE 0
#endif

#define SMALL_BYTES 1024
#define SMALL_CLASSES (SMALL_BYTES / 16)
#define ARENA_BYTES_MIN ((size_t)64 * 1024)
#define BLOCK_BYTES_MAX ((size_t)1 << 35) /* beyond the last class */
#define PLAIN_BYTES ((size_t)4 << 20)     /* in small pages; see arena_new */

struct free_block {
    struct free_block *next;
};

/* The class of a size, and in *rounded the bytes that its blocks have. */
static unsigned class_of(size_t bytes, size_t *rounded)
{
    unsigned doubling = 10; /* of 2^10 < bytes <= 2^11 */

    if (bytes <= SMALL_BYTES) {
        unsigned steps = bytes == 0 ? 1 : (unsigned)((bytes + 15) / 16);
        *rounded = (size_t)steps * 16;
        return steps - 1;
    }
    while ((bytes - 1) >> (doubling + 1) != 0)
        doubling++;
    size_t quarter = (bytes - 1) >> (doubling - 2); /* 4 to 7 */
    *rounded = (quarter + 1) << (doubling - 2);
    return SMALL_CLASSES + (doubling - 10) * 4 + (unsigned)(quarter - 4);
}

/* The bytes that blocks of a class have. */
static size_t class_bytes(unsigned class)
{
    if (class < SMALL_CLASSES)
        return (class + 1) * (size_t)16;
    class -= SMALL_CLASSES;
    return (size_t)(class % 4 + 5) << (class / 4 + 8);
}

static void put(struct arena *a, unsigned class, void *memory)
{
    struct free_block *block = memory;

    block->next = a->free[class];
    a->free[class] = block;
}

/* Put what is left of the region on lists, and begin another one with the
   next larger free block than those of `class`; false when there is none. */
static bool region_new(struct arena *a, unsigned class)
{
    size_t rounded = 0;

    do
        if (++class == ARENA_CLASSES)
            return false;
    while (a->free[class] == NULL);
    while (a->region < a->region_end) {
        size_t left = (size_t)(a->region_end - a->region);
        unsigned fits = class_of(left, &rounded);
        if (rounded > left) {
            assert(fits > 0); /* 16 bytes always fit: sizes are of 16 */
            rounded = class_bytes(--fits);
        }
        put(a, fits, a->region);
        a->region += rounded;
    }
    a->region = (uint8_t *)a->free[class];
    a->region_end = a->region + class_bytes(class);
    a->free[class] = a->free[class]->next;
    return true;
}

/* More than the machine has would end in the kernel killing some program. */
static size_t memory_bytes(void)
{
    long pages = sysconf(_SC_PHYS_PAGES), bytes = sysconf(_SC_PAGESIZE);

    return pages > 0 && bytes > 0 ? (size_t)pages * (size_t)bytes : SIZE_MAX;
}

struct arena *arena_new(size_t bytes)
{
    size_t most = memory_bytes();

    while (bytes > most && bytes > ARENA_BYTES_MIN)
        bytes /= 2;
    for (; bytes >= ARENA_BYTES_MIN; bytes /= 2) {
        struct arena *a =
            mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (a == MAP_FAILED)
            continue;
#ifdef MADV_HUGEPAGE
        /* At 10^5 nodes every event touches other pages, and half of the time
           goes into finding where they are.  Small simulations, and the many
           that the explorer makes, stay in small pages: zeroing is not free. */
        if (bytes > PLAIN_BYTES)
            (void)madvise((uint8_t *)a + PLAIN_BYTES, bytes - PLAIN_BYTES,
                          MADV_HUGEPAGE);
#endif
        a->size = bytes;
        a->used = (sizeof *a + 63) & ~(size_t)63;
        return a;
    }
    return NULL;
}

void arena_delete(struct arena *a)
{
    (void)munmap(a, a->size);
}

void *arena_alloc(struct arena *a, size_t bytes)
{
    size_t rounded = 0;

    if (bytes > BLOCK_BYTES_MAX) {
        a->full = true;
        return NULL;
    }
    unsigned class = class_of(bytes, &rounded);
    struct free_block *block = a->free[class];
    if (block != NULL) {
        a->free[class] = block->next;
        return block;
    }
    if (rounded <= (size_t)(a->region_end - a->region) ||
        region_new(a, class)) {
        a->region += rounded;
        return a->region - rounded;
    }
    if (rounded > a->size - a->used) {
        a->full = true;
        return NULL;
    }
    a->used += rounded;
    return (uint8_t *)a + a->used - rounded;
}

void *arena_zalloc(struct arena *a, size_t bytes)
{
    void *memory = arena_alloc(a, bytes);

    if (memory != NULL)
        memset(memory, 0, bytes);
    return memory;
}

void arena_free(struct arena *a, void *memory, size_t bytes)
{
    size_t rounded = 0;

    if (memory != NULL)
        put(a, class_of(bytes, &rounded), memory);
}

void *arena_grow(struct arena *a, void *memory, size_t from, size_t to)
{
    assert(from <= to);
    void *moved = arena_alloc(a, to);

    if (moved == NULL)
        return NULL;
    if (from > 0)
        memcpy(moved, memory, from);
    arena_free(a, memory, from);
    return moved;
}
