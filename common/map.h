/*
 * A growing hash map from numbers to numbers.  It is never walked, so its
 * order cannot decide anything.
 */
#ifndef COMMON_MAP_H
#define COMMON_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key, value;
    bool used;
};

struct map {
    struct map_slot *slot; /* cap of them, a power of two; NULL at first */
    size_t cap, count;
};

/* Set, in place of what was there; false when memory is short. */
bool map_set(struct map *m, uint64_t key, uint64_t value);
/* False, and *value as it was, when the key is not there. */
bool map_get(const struct map *m, uint64_t key, uint64_t *value);
void map_free(struct map *m);

#endif
