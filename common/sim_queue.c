/*
 * What will happen, in order: a heap whose entries have four children, so
 * that the children of one share a cache line or two.  Times first, then the
 * number of the entry: what was queued first comes first.
 */
#include <assert.h>
#include <string.h>

#include "common/sim_impl.h"

#define LINE_BYTES 64 /* of the processor's cache, nearly everywhere */
#define NEXT_TIMERS_BYTES (4 * sizeof(struct timer))
#define NEXT_STATE_BYTES 256 /* more than most protocols touch in a step */

/* As a number, for a sum: which child is less is nothing that a processor
   could predict, so there must be no branch on it.  Equal times are rare. */
static inline size_t before(const struct entry *a, const struct entry *b)
{
    if (a->time_us == b->time_us)
        return a->number < b->number;
    return a->time_us < b->time_us;
}

/* Put `e` where the hole at `i` is, or above. */
static void sift_up(struct entry *at, size_t i, const struct entry *e)
{
    while (i > 0) {
        size_t parent = (i - 1) / 4;
        if (before(e, &at[parent]) == 0)
            break;
        at[i] = at[parent];
        i = parent;
    }
    at[i] = *e;
}

/* The least of the children that begin at `child`. */
static inline size_t least_child(const struct entry *at, size_t count,
                                 size_t child)
{
    if (child + 4 <= count) {
        size_t a = child + before(&at[child + 1], &at[child]);
        size_t b = child + 2 + before(&at[child + 3], &at[child + 2]);
        return before(&at[b], &at[a]) != 0 ? b : a;
    }
    size_t least = child;
    for (size_t k = child + 1; k < count; k++)
        least = before(&at[k], &at[least]) != 0 ? k : least;
    return least;
}

/* Put `e` where the hole at `i` is, or below.  It comes from the end of the
   heap, and mostly belongs there again: so let the hole sink to the end
   without asking, and `e` rise from there. */
static void sift_down(struct entry *at, size_t count, size_t i,
                      const struct entry *e)
{
    size_t top = i;

    for (size_t child = 4 * i + 1; child < count; child = 4 * i + 1) {
        size_t least = least_child(at, count, child);
        at[i] = at[least];
        i = least;
    }
    while (i > top && before(e, &at[(i - 1) / 4]) != 0) {
        at[i] = at[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    at[i] = *e;
}

void queue_insert(struct sim *sim, const struct entry *e)
{
    struct queue *q = &sim->queue;

    if (q->count == q->cap) {
        size_t cap = q->cap > 0 ? q->cap + q->cap / 2 : 64;
        struct entry *at = arena_grow(sim->arena, q->at, q->cap * sizeof *at,
                                      cap * sizeof *at);
        if (at == NULL)
            return;
        q->at = at;
        q->cap = cap;
    }
    sift_up(q->at, q->count++, e);
}

void queue_push(struct sim *sim, const struct entry *e)
{
    struct entry numbered = *e;

    numbered.number = ++sim->queue.number;
    queue_insert(sim, &numbered);
}

struct entry queue_remove(struct sim *sim, size_t i)
{
    struct queue *q = &sim->queue;
    struct entry removed = q->at[i];
    struct entry last = q->at[--q->count];

    assert(i <= q->count);
    if (i == q->count)
        return removed;
    if (i > 0 && before(&last, &q->at[(i - 1) / 4]) != 0)
        sift_up(q->at, i, &last);
    else
        sift_down(q->at, q->count, i, &last);
    return removed;
}

const struct entry *queue_top(struct sim *sim)
{
    struct queue *q = &sim->queue;

    while (q->count > 0 && q->at[0].kind == ENTRY_TIMER &&
           timer_is_stale(sim, &q->at[0])) {
        struct entry e = queue_remove(sim, 0);
        timer_forget(sim, &e);
    }
    return q->count > 0 ? &q->at[0] : NULL;
}

/*
 * With many nodes a step waits for memory more than it computes.  So what the
 * next entry needs is asked for now, and arrives while this one is executed:
 * its message, its node, and the front of the protocol's state.  (In this
 * function and in no helper: gcc removes a call that only prefetches.)
 */
struct entry queue_pop(struct sim *sim)
{
    struct entry e = queue_remove(sim, 0);
    const struct entry *next = &sim->queue.at[0];

    if (sim->queue.count == 0 || next->kind > ENTRY_DATAGRAM ||
        next->node == NOBODY)
        return e;
    if (next->kind == ENTRY_DATAGRAM)
        __builtin_prefetch(next->what);
    const struct node *n = node_at(sim, next->node);
    for (size_t i = 0; i < sizeof *n + NEXT_TIMERS_BYTES; i += LINE_BYTES)
        __builtin_prefetch((const uint8_t *)n + i);
    const uint8_t *state = n->host.node;
    for (size_t i = 0; state != NULL && i < NEXT_STATE_BYTES; i += LINE_BYTES)
        __builtin_prefetch(state + i);
    return e;
}

void queue_filter(struct sim *sim,
                  bool (*unwanted)(struct sim *sim, const struct entry *e))
{
    struct queue *q = &sim->queue;
    size_t kept = 0;

    for (size_t i = 0; i < q->count; i++)
        if (!unwanted(sim, &q->at[i]))
            q->at[kept++] = q->at[i];
    q->count = kept;
    for (size_t i = kept / 4 + 1; i-- > 0 && kept > 0;) {
        struct entry e = q->at[i];
        sift_down(q->at, kept, i, &e);
    }
}
