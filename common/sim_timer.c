/*
 * The timers of nodes in a simulation.
 *
 * A node has a small table of timers and one entry in the queue, for the
 * first of them that is due; so the queue stays short.  Arming writes to the
 * table, and to the queue only what comes before that entry.  An entry that
 * turns out to stand for no timer any more (it was replaced, or cancelled)
 * gives way to one for the next.
 */
#include <assert.h>

#include "common/sim_impl.h"

/* Where in the node's table a slot stands; -1: it has no name, no place. */
static int place_of(const struct node *n, int slot)
{
    if (slot == TIMER_INTRODUCER)
        return n->introduced ? n->timer_count - 1 : -1;
    return slot < n->timer_count - n->introduced ? slot : -1;
}

uint8_t timers_count(const struct protocol *p)
{
    uint8_t count = 0;

    for (int slot = 0; slot < TIMER_SLOTS && p->timers[slot] != NULL; slot++)
        count++;
    return count;
}

void timers_clear(struct node *n)
{
    for (int i = 0; i < n->timer_count; i++)
        n->timer[i].due_us = NEVER;
}

/* Does `a` come before `b`? */
static bool before(const struct timer *a, const struct timer *b)
{
    return a->due_us < b->due_us ||
           (a->due_us == b->due_us && a->number < b->number);
}

/* Have the queue know of a timer, which is the node's first. */
static void wake_at(struct node *n, const struct timer *t)
{
    n->wake = *t;
    queue_insert(n->sim, &(struct entry){.time_us = t->due_us,
                                         .number = t->number,
                                         .kind = ENTRY_TIMER,
                                         .node = n->host.index});
}

void timers_wake(struct node *n)
{
    const struct timer *first = NULL;

    for (int i = 0; i < n->timer_count; i++)
        if (first == NULL || before(&n->timer[i], first))
            first = &n->timer[i];
    n->wake.due_us = NEVER;
    if (first != NULL && first->due_us != NEVER)
        wake_at(n, first);
}

void timer_arm(struct host *h, int slot, uint64_t delay_us)
{
    struct node *n = (struct node *)h;
    int place = place_of(n, slot);

    assert(place >= 0);
    struct timer *t = &n->timer[place];
    *t = (struct timer){.due_us = n->sim->now_us + delay_us,
                        .number = ++n->sim->queue.number};
    if (!n->firing && before(t, &n->wake))
        wake_at(n, t);
}

void timer_cancel(struct host *h, int slot)
{
    struct node *n = (struct node *)h;
    int place = place_of(n, slot);

    if (place >= 0)
        n->timer[place].due_us = NEVER;
}

/* The slot of the timer that an entry stands for, or -1. */
static int slot_of(const struct node *n, const struct entry *e)
{
    for (int i = 0; i < n->timer_count; i++)
        if (n->timer[i].number == e->number && n->timer[i].due_us == e->time_us)
            return n->introduced && i + 1 == n->timer_count ? TIMER_INTRODUCER
                                                            : i;
    return -1;
}

bool timer_is_stale(struct sim *sim, const struct entry *e)
{
    struct node *n = node_at(sim, e->node);

    return n->wake.number != e->number || slot_of(n, e) < 0;
}

void timer_forget(struct sim *sim, const struct entry *e)
{
    struct node *n = node_at(sim, e->node);

    if (n->wake.number == e->number)
        timers_wake(n);
}

/* A timer fires: a step. */
void timer_fire(struct node *n, int slot)
{
    struct sim *sim = n->sim;
    struct timer *t = &n->timer[place_of(n, slot)];
    struct event event = {.kind = EVENT_TIMER, .timer = slot};
    uint8_t byte = (uint8_t)slot;

    t->due_us = NEVER;
    step_begin(sim, STEP_TIMER, n, &byte, 1);
    if (sim->observer != NULL) {
        struct record r = record_new(sim, RECORD_TIMER);
        r.cause = t->number >> QUEUE_STEP_SHIFT;
        r.to = endpoint_of(n);
        r.text = host_timer_name(&n->host, slot);
        observe_record(sim, &r);
    }
    n->firing = true; /* one look at the table, at the end, is enough */
    (void)node_deliver(n, &event, 0);
    n->firing = false;
    timers_wake(n);
}

void timer_entry(struct sim *sim, const struct entry *e)
{
    struct node *n = node_at(sim, e->node);

    timer_fire(n, slot_of(n, e));
}

uint64_t sim_timer_due(const struct sim *sim, const struct host *node, int slot)
{
    const struct node *n = (const struct node *)node;

    int place = place_of(n, slot);

    (void)sim;
    return place >= 0 ? n->timer[place].due_us : NEVER;
}
