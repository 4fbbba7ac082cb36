/*
 * Merging traces; see trace_store.h.
 *
 * Records are sorted by (time, file, step).  With several files, a message
 * that one saw leaving and another saw arriving becomes one: the two have the
 * same ends and the same bytes, and of several that do, the arrival takes
 * the last that had left.  Steps, commands and streams then get numbers of
 * the whole trace, since every file counts from 1.
 */
#include <stdlib.h>

#include "common/hash.h"
#include "common/trace_store.h"

#define PAIR_WINDOW_US (60 * SECOND_US)
#define CLOCK_SKEW_US 1000000 /* a message may seem to arrive before it left */

static int order_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int order_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = order_u64(x->r.time_us, y->r.time_us);

    if (order == 0)
        order = order_u64(x->file, y->file);
    if (order == 0)
        order = order_u64(x->r.step, y->r.step);
    return order != 0 ? order : order_u64(x->order, y->order);
}

/* A message seen leaving, by what its arrival will look like. */
struct leaving {
    uint64_t hash, time_us;
    size_t index;
};

static int order_leaving(const void *a, const void *b)
{
    const struct leaving *x = a, *y = b;
    int order = order_u64(x->hash, y->hash);

    if (order == 0)
        order = order_u64(x->time_us, y->time_us);
    return order != 0 ? order : order_u64(x->index, y->index);
}

/* The opener of a stream has another port in its peer's eyes. */
static uint64_t message_hash(const struct record *r)
{
    bool opener = r->framing.from_opener;
    uint64_t h = hash_roll_u64(r->stream, r->from.addr.ip);

    h = hash_roll_u64(h, r->to.addr.ip);
    h = hash_roll_u64(h, r->stream && opener ? 0 : r->from.addr.port);
    h = hash_roll_u64(h, r->stream && !opener ? 0 : r->to.addr.port);
    return hash_roll(h, r->data, r->len);
}

/* The one of the `count` that this arrival is: the last that left before it,
   else the first after it, as far as clocks may differ. */
static struct entry *find_leaving(struct trace *t, const struct leaving *l,
                                  size_t count, const struct entry *arrival)
{
    struct leaving want = {message_hash(&arrival->r), arrival->r.time_us,
                           SIZE_MAX};
    size_t low = 0, high = count;
    enum { TRIES = 64 };

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order_leaving(&l[middle], &want) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && i + TRIES > low; i--) {
        struct entry *e = &t->entry[l[i - 1].index];
        if (l[i - 1].hash != want.hash ||
            want.time_us - l[i - 1].time_us > PAIR_WINDOW_US)
            break;
        if (!e->is_paired && e->file != arrival->file)
            return e;
    }
    for (size_t i = low; i < count && i < low + TRIES; i++) {
        struct entry *e = &t->entry[l[i].index];
        if (l[i].hash != want.hash ||
            l[i].time_us - want.time_us > CLOCK_SKEW_US)
            break;
        if (!e->is_paired && e->file != arrival->file)
            return e;
    }
    return NULL;
}

static void pair(struct entry *left, struct entry *arrived)
{
    left->is_paired = true;
    arrived->r.sent_us = left->r.sent_us;
    arrived->r.cause = left->r.cause != 0 ? left->r.cause : left->r.step;
    arrived->r.command = left->r.command;
    arrived->origin = left->file;
}

/* Make one record of a message's leaving and its arrival. */
static void pair_messages(struct trace *t)
{
    size_t count = 0, kept = 0;
    struct leaving *l = calloc(t->count + 1, sizeof *l);

    if (l == NULL) {
        t->store.no_memory = true;
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->entry[i].r.outgoing && t->entry[i].r.why == NULL)
            l[count++] = (struct leaving){message_hash(&t->entry[i].r),
                                          t->entry[i].r.time_us, i};
    qsort(l, count, sizeof *l, order_leaving);
    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = &t->entry[i];
        if (e->r.kind != RECORD_MESSAGE || e->r.outgoing || e->r.why != NULL)
            continue;
        struct entry *left = find_leaving(t, l, count, e);
        if (left != NULL)
            pair(left, e);
    }
    free(l);
    for (size_t i = 0; i < t->count; i++)
        if (!t->entry[i].is_paired)
            t->entry[kept++] = t->entry[i];
    t->count = kept;
}

/* The number that `n` of `file` has in the merged trace: the next, when it
   is new. */
static uint64_t renumber(struct trace *t, struct map *m, uint32_t file,
                         uint64_t n)
{
    uint64_t key = (uint64_t)file << 48 ^ n, number = m->count + 1;

    if (n != 0 && !map_get(m, key, &number) && !map_set(m, key, number))
        t->store.no_memory = true;
    return n != 0 ? number : 0;
}

static void renumber_all(struct trace *t)
{
    struct map steps = {.cap = 0}, commands = {.cap = 0}, conns = {.cap = 0};

    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = &t->entry[i];
        struct record *r = &e->r;
        r->step = renumber(t, &steps, e->file, r->step);
        r->command = (uint32_t)renumber(t, &commands, e->origin, r->command);
        r->conn = (conn_id)renumber(t, &conns, e->file, r->conn);
    }
    for (size_t i = 0; i < t->count; i++) {
        uint64_t key = (uint64_t)t->entry[i].origin << 48 ^ t->entry[i].r.cause;
        if (!map_get(&steps, key, &t->entry[i].r.cause))
            t->entry[i].r.cause = 0;
    }
    map_free(&steps);
    map_free(&commands);
    map_free(&conns);
}

void trace_merge(struct trace *t)
{
    if (t->count > 0)
        qsort(t->entry, t->count, sizeof *t->entry, order_entries);
    if (t->file_count > 1) {
        pair_messages(t);
        renumber_all(t);
    }
}
