/* A hash map with open addressing, at most half full; see map.h. */
#include "common/map.h"

#include <stdlib.h>

#include "common/random.h"

static struct map_slot *find(const struct map *m, uint64_t key)
{
    size_t i = (size_t)random_mix(key) & (m->cap - 1);

    while (m->slot[i].used && m->slot[i].key != key)
        i = (i + 1) & (m->cap - 1);
    return &m->slot[i];
}

static bool grow(struct map *m)
{
    struct map more = {.cap = m->cap > 0 ? m->cap * 2 : 64, .count = m->count};

    more.slot = calloc(more.cap, sizeof *more.slot);
    if (more.slot == NULL)
        return false;
    for (size_t i = 0; i < m->cap; i++)
        if (m->slot[i].used)
            *find(&more, m->slot[i].key) = m->slot[i];
    free(m->slot);
    *m = more;
    return true;
}

bool map_set(struct map *m, uint64_t key, uint64_t value)
{
    if (m->count * 2 >= m->cap && !grow(m))
        return false;
    struct map_slot *slot = find(m, key);
    if (!slot->used)
        m->count++;
    *slot = (struct map_slot){.key = key, .value = value, .used = true};
    return true;
}

bool map_get(const struct map *m, uint64_t key, uint64_t *value)
{
    if (m->cap == 0 || !find(m, key)->used)
        return false;
    *value = find(m, key)->value;
    return true;
}

void map_free(struct map *m)
{
    free(m->slot);
    *m = (struct map){.slot = NULL};
}
