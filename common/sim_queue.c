/*
 * What will happen, in order of time and, among equal times, of the entries'
 * numbers: what was queued first comes first.
 *
 * A heap keeps the order; its entries have four children, so that those of one
 * share a cache line or two.  But a heap of all that 100,000 nodes have caused
 * fits no cache, and sinking through it was 40 % of a run.  So time is cut into
 * slices, as in a timing wheel: the heap has what is due before `later_us`,
 * everything else waits unsorted in its slice, and goes to the heap when that
 * begins.  The slices are a ring; what belongs to a later round waits again.
 * Source: Varghese and Lauck, Hashed and Hierarchical Timing Wheels, 1987.
 */
#include <assert.h>
#include <string.h>

#include "common/sim_impl.h"

#define SLICE_US 512  /* a few hundred entries of 100,000 nodes */
#define SLICES 2048   /* a second: the period of most timers */
#define HEAP_FEW 4096 /* fit a cache, so that the heap alone is as good */
#define CHUNK_ENTRIES (sizeof((struct chunk *)0)->at / sizeof(struct entry))
#define LINE_BYTES 64 /* of the processor's cache, nearly everywhere */
/* What most messages, nodes and steps of a protocol touch: */
#define MESSAGE_BYTES 128
#define NODE_BYTES (sizeof(struct node) + 4 * sizeof(struct timer))
#define STATE_BYTES 256

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

static void heap_add(struct sim *sim, const struct entry *e)
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

static struct chunk **slice_of(struct queue *q, uint64_t time_us)
{
    return &q->slice[time_us / SLICE_US % SLICES];
}

static void slice_add(struct sim *sim, struct chunk **slice,
                      const struct entry *e)
{
    if (*slice == NULL || (*slice)->count == CHUNK_ENTRIES) {
        struct chunk *c = arena_alloc(sim->arena, sizeof *c);
        if (c == NULL)
            return;
        c->next = *slice;
        c->count = 0;
        *slice = c;
    }
    (*slice)->at[(*slice)->count++] = *e;
    sim->queue.later_count++;
}

void queue_insert(struct sim *sim, const struct entry *e)
{
    struct queue *q = &sim->queue;

    if (q->slice == NULL && q->count >= HEAP_FEW && !q->heap_only)
        q->slice = arena_zalloc(sim->arena, SLICES * sizeof(struct chunk *));
    if (q->later_count == 0)
        q->later_us = (sim->now_us / SLICE_US + 1) * SLICE_US;
    if (q->slice == NULL || e->time_us < q->later_us)
        heap_add(sim, e);
    else
        slice_add(sim, slice_of(q, e->time_us), e);
}

/*
 * Move to the heap what a slice has for a time before `limit_us`.
 *
 * With many nodes a step waits for memory more than it computes.  So what its
 * entries need is asked for now, and arrives before they are executed: the
 * message, and the node.  (Here and in no helper: gcc removes a call that only
 * prefetches.)
 */
static void slice_begin(struct sim *sim, struct chunk **slice,
                        uint64_t limit_us)
{
    struct chunk *c = *slice, *next = NULL;

    for (*slice = NULL; c != NULL; c = next) {
        sim->queue.later_count -= c->count;
        for (const struct entry *e = c->at; e < c->at + c->count; e++) {
            if (e->time_us >= limit_us) {
                slice_add(sim, slice, e);
                continue;
            }
            heap_add(sim, e);
            if (e->kind == ENTRY_SEGMENT || e->kind == ENTRY_ACK)
                __builtin_prefetch(e->what);
            if (e->kind == ENTRY_DATAGRAM)
                for (size_t k = 0; k < MESSAGE_BYTES; k += LINE_BYTES)
                    __builtin_prefetch((const uint8_t *)e->what + k);
            if (e->node == NOBODY)
                continue;
            const uint8_t *node = (const uint8_t *)node_at(sim, e->node);
            for (size_t k = 0; k < NODE_BYTES; k += LINE_BYTES)
                __builtin_prefetch(node + k);
        }
        next = c->next;
        arena_free(sim->arena, c, sizeof *c);
    }
}

void queue_gather(struct sim *sim)
{
    for (size_t i = 0; i < SLICES && sim->queue.later_count > 0; i++)
        slice_begin(sim, &sim->queue.slice[i], NEVER);
}

/* Begin slices until the first of the heap is the first of all.  When a whole
   round has nothing, what remains is far away: it may go to the heap. */
static void find_first(struct sim *sim)
{
    struct queue *q = &sim->queue;

    for (unsigned i = 0; q->later_count > 0 &&
                         (q->count == 0 || q->at[0].time_us >= q->later_us);
         i++) {
        if (i == SLICES) {
            queue_gather(sim);
            return;
        }
        struct chunk **slice = slice_of(q, q->later_us);
        q->later_us += SLICE_US;
        slice_begin(sim, slice, q->later_us);
    }
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

    find_first(sim);
    while (q->count > 0 && q->at[0].kind == ENTRY_TIMER &&
           timer_is_stale(sim, &q->at[0])) {
        struct entry e = queue_remove(sim, 0);
        timer_forget(sim, &e);
        find_first(sim);
    }
    return q->count > 0 ? &q->at[0] : NULL;
}

/* The same early look, at the protocol's state for the next step. */
struct entry queue_pop(struct sim *sim)
{
    struct entry e = queue_remove(sim, 0);
    const struct entry *next = &sim->queue.at[0];
    const uint8_t *state = sim->queue.count > 0 && next->node != NOBODY
                               ? node_at(sim, next->node)->host.node
                               : NULL;

    for (size_t i = 0; state != NULL && i < STATE_BYTES; i += LINE_BYTES)
        __builtin_prefetch(state + i);
    if (sim->queue.count > 0 &&
        (next->kind == ENTRY_SEGMENT || next->kind == ENTRY_ACK)) {
        const struct segment *g = next->what;
        const uint8_t *stream = (const uint8_t *)(g->from - g->of_second);
        for (size_t i = 0; i < sizeof(struct stream); i += LINE_BYTES)
            __builtin_prefetch(stream + i);
    }
    return e;
}

/* Close the gaps that the unwanted leave; returns how many remain. */
static size_t keep_wanted(struct sim *sim, struct entry *at, size_t count,
                          bool (*unwanted)(struct sim *, const struct entry *))
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++)
        if (unwanted == NULL || !unwanted(sim, &at[i]))
            at[kept++] = at[i];
    return kept;
}

void queue_filter(struct sim *sim,
                  bool (*unwanted)(struct sim *sim, const struct entry *e))
{
    struct queue *q = &sim->queue;

    q->later_count = 0;
    for (size_t i = 0; q->slice != NULL && i < SLICES; i++)
        for (struct chunk *c = q->slice[i]; c != NULL; c = c->next) {
            c->count = keep_wanted(sim, c->at, c->count, unwanted);
            q->later_count += c->count;
        }
    q->count = keep_wanted(sim, q->at, q->count, unwanted);
    for (size_t i = q->count / 4 + 1; i-- > 0 && q->count > 0;) {
        struct entry e = q->at[i];
        sift_down(q->at, q->count, i, &e);
    }
}
