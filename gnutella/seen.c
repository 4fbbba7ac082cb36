/* The table of message ids; see seen.h. */
#include "gnutella/seen.h"

#include <string.h>

#include "common/random.h"

#define CAP_FIRST 8

static uint32_t slot_of(const struct seen *s, const struct seen_half *half,
                        uint8_t type, const uint8_t guid[GUID_BYTES])
{
    uint64_t a, b;

    memcpy(&a, guid, 8); /* only spreads: byte order decides nothing */
    memcpy(&b, guid + 8, 8);
    return (uint32_t)random_mix(random_mix(a ^ s->salt) ^ b ^ type) &
           (half->cap - 1);
}

/* Where it stands, or the free slot where it would; cap > count. */
static struct seen_entry *probe(const struct seen *s,
                                const struct seen_half *half, uint8_t type,
                                const uint8_t guid[GUID_BYTES])
{
    uint32_t i = slot_of(s, half, type, guid);

    while (half->at[i].used &&
           (half->at[i].type != type ||
            memcmp(half->at[i].guid, guid, GUID_BYTES) != 0))
        i = (i + 1) & (half->cap - 1);
    return &half->at[i];
}

static void drop_half(struct seen_half *half, struct host *h)
{
    if (half->at != NULL)
        host_free(h, half->at, half->cap * sizeof *half->at);
    *half = (struct seen_half){.at = NULL};
}

/* Make room for one more; at most half of the slots are taken. */
static bool grow(const struct seen *s, struct seen_half *half, struct host *h)
{
    struct seen_half more = {.count = half->count};

    if (half->count < half->cap / 2)
        return true;
    more.cap = half->cap > 0 ? half->cap * 2 : CAP_FIRST;
    more.at = host_alloc(h, more.cap * sizeof *more.at);
    if (more.at == NULL)
        return false;
    for (uint32_t i = 0; i < half->cap; i++)
        if (half->at[i].used)
            *probe(s, &more, half->at[i].type, half->at[i].guid) = half->at[i];
    drop_half(half, h);
    *half = more;
    return true;
}

struct seen_entry *gnutella_seen_find(const struct seen *s, uint8_t type,
                                      const uint8_t guid[GUID_BYTES])
{
    const struct seen_half *const half[] = {&s->quiet.young, &s->quiet.old,
                                            &s->loud.young, &s->loud.old};

    for (int i = 0; i < 4; i++) {
        struct seen_entry *e =
            half[i]->at != NULL ? probe(s, half[i], type, guid) : NULL;
        if (e != NULL && e->used)
            return e;
    }
    return NULL;
}

bool gnutella_seen_add(struct seen *s, struct host *h, uint8_t type,
                       const uint8_t guid[GUID_BYTES], conn_id conn, bool loud)
{
    struct seen_pair *pair = loud ? &s->loud : &s->quiet;
    uint64_t now = host_now(h);

    if (pair->young.count >= SEEN_MAX ||
        (pair->young.count > 0 && now - pair->since_us > SEEN_US)) {
        drop_half(&pair->old, h);
        pair->old = pair->young;
        pair->young = (struct seen_half){.at = NULL};
    }
    if (pair->young.count == 0)
        pair->since_us = now;
    if (!grow(s, &pair->young, h))
        return false;
    struct seen_entry *e = probe(s, &pair->young, type, guid);
    if (!e->used) {
        *e = (struct seen_entry){.conn = conn, .type = type, .used = true};
        memcpy(e->guid, guid, GUID_BYTES);
        pair->young.count++;
    }
    return true;
}
