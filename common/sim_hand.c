/*
 * What is under way, and what a student's hand does to it: the messages in
 * flight in order of arrival, and the lines `at step N drop ...`.
 */
#include <stdlib.h>
#include <string.h>

#include "common/sim_impl.h"

struct in_flight {
    uint64_t time_us, number; /* of the queue's entry */
    uint64_t order;           /* of sending */
    struct message *message;
};

static int by_arrival(const void *a, const void *b)
{
    const struct in_flight *x = a, *y = b;

    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

/* List the messages under way, unless that was done in this step. */
static void list_in_flight(struct sim *sim)
{
    size_t count = 0;

    if (sim->in_flight_step == sim->steps + 1)
        return;
    free(sim->in_flight);
    sim->in_flight = calloc(sim->queue.count + 1, sizeof *sim->in_flight);
    for (size_t i = 0; i < sim->queue.count && sim->in_flight != NULL; i++) {
        const struct entry *e = &sim->queue.at[i];
        if (e->kind != ENTRY_DATAGRAM)
            continue;
        struct message *m = e->what;
        sim->in_flight[count++] = (struct in_flight){.time_us = e->time_us,
                                                     .number = e->number,
                                                     .order = m->order,
                                                     .message = m};
    }
    if (count > 0)
        qsort(sim->in_flight, count, sizeof *sim->in_flight, by_arrival);
    sim->in_flight_count = count;
    sim->in_flight_step = sim->steps + 1;
}

bool sim_in_flight(struct sim *sim, size_t i, struct record *r)
{
    list_in_flight(sim);
    if (i >= sim->in_flight_count)
        return false;
    const struct in_flight *f = &sim->in_flight[i];
    *r = record_new(sim, RECORD_MESSAGE);
    r->time_us = f->time_us > sim->now_us ? f->time_us : sim->now_us;
    message_record(sim, f->message, r);
    return true;
}

/* -- By hand ---------------------------------------------------------------------- */

static void complain_hand(struct sim *sim, const struct act *act,
                          const char *what)
{
    struct text text = text_new();

    text_printf(&text, "before step %llu %s",
                (unsigned long long)sim->steps + 1, what);
    complain(sim, act, text.data);
    sim->status.expects_failed++;
    text_free(&text);
}

/* The act's message: the ordinal-th, in order of sending, of those under way
   between its two nodes; NULL when there are fewer. */
static const struct in_flight *find_message(struct sim *sim,
                                            const struct act *act)
{
    const struct in_flight *found = NULL;
    uint64_t last = 0;

    list_in_flight(sim);
    for (uint32_t k = 0; k < act->ordinal; k++) {
        found = NULL;
        for (size_t i = 0; i < sim->in_flight_count; i++) {
            struct record r;
            const struct in_flight *f = &sim->in_flight[i];
            if (f->order <= last || (found != NULL && f->order > found->order))
                continue;
            (void)sim_in_flight(sim, i, &r);
            if (strcmp(r.from.name, act->name) == 0 && r.to.name != NULL &&
                strcmp(r.to.name, act->other) == 0)
                found = f;
        }
        if (found == NULL)
            return NULL;
        last = found->order;
    }
    return found;
}

/* Where in the queue an entry of this number stands. */
static size_t find_entry(const struct sim *sim, uint64_t number)
{
    size_t i = 0;

    while (sim->queue.at[i].number != number)
        i++;
    return i;
}

static void duplicate(struct sim *sim, const struct message *m,
                      uint64_t time_us)
{
    struct message *copy = message_copy(sim, m);

    if (copy != NULL)
        message_queue(sim, copy, time_us);
}

static void on_message(struct sim *sim, const struct act *act)
{
    const struct in_flight *f = find_message(sim, act);

    if (f == NULL) {
        complain_hand(sim, act, "no such message is in flight");
        return;
    }
    size_t i = find_entry(sim, f->number);
    sim->in_flight_step = 0; /* the list is no longer right */
    if (act->kind == ACT_DROP) {
        f->message->why = "dropped by hand";
    } else if (act->kind == ACT_DUPLICATE) {
        duplicate(sim, f->message, f->time_us);
    } else if (act->kind == ACT_DELAY) {
        struct entry e = queue_remove(sim, i);
        e.time_us += act->time_us;
        queue_push(sim, &e);
    } else {
        struct entry e = queue_remove(sim, i);
        e.time_us = sim->now_us;
        entry_execute(sim, &e);
    }
}

/* Let a timer fire now: the time is then its deadline, and what was due
   before runs after it. */
static void fire(struct sim *sim, const struct act *act)
{
    const struct node *n = node_by_name(sim, act->name);
    const char *const *timers = n != NULL ? n->host.protocol->timers : NULL;
    uint8_t slot = 0;

    while (timers != NULL && timers[slot] != NULL &&
           strcmp(timers[slot], act->text) != 0)
        slot++;
    for (size_t i = 0; i < sim->queue.count; i++) {
        const struct entry *e = &sim->queue.at[i];
        if (e->kind == ENTRY_TIMER && e->node == n->host.index &&
            e->slot == slot && e->time_us == n->due_us[slot]) {
            struct entry removed = queue_remove(sim, i);
            entry_execute(sim, &removed);
            return;
        }
    }
    complain_hand(sim, act, "this timer is not armed");
}

void intervene(struct sim *sim, const struct act *act)
{
    if (act->kind == ACT_FIRE)
        fire(sim, act);
    else if (act->kind == ACT_DROP || act->kind == ACT_DELAY ||
             act->kind == ACT_DUPLICATE || act->kind == ACT_DELIVER)
        on_message(sim, act);
    else
        act_execute(sim, act);
}
