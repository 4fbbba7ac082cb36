/*
 * What is under way, and what a student's hand does to it: the messages in
 * flight in order of arrival, and the lines `at step N drop ...`.
 */
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"
#include "common/sim_impl.h"

struct in_flight {
    uint64_t time_us;
    uint64_t order;          /* of sending */
    struct message *message; /* a datagram, or else */
    struct side *from;       /* a message on a stream */
    struct write *write;
};

static int by_arrival(const void *a, const void *b)
{
    const struct in_flight *x = a, *y = b;

    if (x->time_us != y->time_us)
        return x->time_us < y->time_us ? -1 : 1;
    return x->order < y->order ? -1 : x->order > y->order;
}

static bool is_segment(const struct entry *e)
{
    return e->kind == ENTRY_SEGMENT || e->kind == ENTRY_DOWNLINK;
}

static void add(struct sim *sim, struct in_flight f)
{
    if (grow(&sim->in_flight, sim->in_flight_count, &sim->in_flight_cap,
             sizeof f))
        sim->in_flight[sim->in_flight_count++] = f;
}

/* Add the messages whose last byte is in this segment. */
static void add_writes(struct sim *sim, const struct segment *g,
                       uint64_t time_us)
{
    uint64_t end = g->start + g->bytes;

    for (struct write *w = g->from->arriving; w != NULL && w->end <= end;
         w = w->next)
        if (w->end > g->start && !w->removed)
            add(sim, (struct in_flight){.time_us = time_us,
                                        .order = w->order,
                                        .from = g->from,
                                        .write = w});
}

/* List the messages under way, unless that was done in this step. */
static void list_in_flight(struct sim *sim)
{
    if (sim->in_flight_step == sim->steps + 1)
        return;
    sim->in_flight_count = 0;
    sim->in_flight_step = sim->steps + 1;
    queue_gather(sim);
    for (size_t i = 0; i < sim->queue.count; i++) {
        const struct entry *e = &sim->queue.at[i];
        struct message *m = e->what;
        if (e->kind == ENTRY_DATAGRAM)
            add(sim, (struct in_flight){.time_us = e->time_us,
                                        .order = m->order,
                                        .message = m});
        else if (is_segment(e))
            add_writes(sim, e->what, e->time_us);
    }
    if (sim->in_flight_count > 0)
        qsort(sim->in_flight, sim->in_flight_count, sizeof *sim->in_flight,
              by_arrival);
}

bool sim_in_flight(struct sim *sim, size_t i, struct record *r)
{
    list_in_flight(sim);
    if (i >= sim->in_flight_count)
        return false;
    const struct in_flight *f = &sim->in_flight[i];
    *r = record_new(sim, RECORD_MESSAGE);
    r->time_us = f->time_us > sim->now_us ? f->time_us : sim->now_us;
    if (f->message != NULL)
        message_record(sim, f->message, r);
    else
        write_record(f->from, f->write, r);
    return true;
}

/* -- By hand ---------------------------------------------------------------------- */

static void complain_hand(struct sim *sim, const struct act *act,
                          const char *what)
{
    LOCAL_TEXT text = text_new();

    text_printf(&text, "before step %llu %s",
                (unsigned long long)sim->steps + 1, what);
    acts_complain(&sim->acts, act, text.data);
    sim->acts.status.expects_failed++;
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
            if (sim_in_flight(sim, i, &r) &&
                strcmp(r.from.name, act->name) == 0 && r.to.name != NULL &&
                strcmp(r.to.name, act->other) == 0)
                found = f;
        }
        if (found == NULL)
            return NULL;
        last = found->order;
    }
    return found;
}

static void duplicate(struct sim *sim, const struct in_flight *f)
{
    struct message *copy = message_copy(sim, f->message);

    if (copy != NULL)
        message_queue(sim, copy, f->time_us);
}

/* Does this entry carry the message, or the end of it; or, if `earlier`,
   what must arrive before it on its stream? */
static bool carries(const struct entry *e, const struct in_flight *f,
                    bool earlier)
{
    if (f->message != NULL)
        return e->kind == ENTRY_DATAGRAM && e->what == f->message;
    if (!is_segment(e))
        return false;
    const struct segment *g = e->what;
    return g->from == f->from && g->start < f->write->end &&
           (earlier || g->start + g->bytes >= f->write->end);
}

/* Let a message arrive later; what follows it on a stream waits for it. */
static void delay(struct sim *sim, const struct in_flight *f, uint64_t by_us)
{
    for (size_t i = 0; i < sim->queue.count; i++)
        if (carries(&sim->queue.at[i], f, false))
            sim->queue.at[i].time_us += by_us;
    queue_filter(sim, NULL); /* puts it in order again */
}

/* Let a message arrive next, before all else that is due. */
static void deliver_now(struct sim *sim, const struct in_flight *f)
{
    for (size_t i = 0; i < sim->queue.count; i++) {
        struct entry *e = &sim->queue.at[i];
        if (!carries(e, f, true))
            continue;
        e->time_us = 0;
        if (e->kind == ENTRY_DOWNLINK)
            e->kind = ENTRY_SEGMENT;
    }
    queue_filter(sim, NULL);
}

/* A message is taken out of a stream if nobody can tell: its bytes are plain,
   and none has arrived.  Else the stream breaks. */
static void drop(const struct in_flight *f)
{
    if (f->message != NULL)
        f->message->why = "dropped by hand";
    else if (f->write->coded ||
             f->from->arrived + f->write->wire_len > f->write->end)
        stream_end(f->from->stream, CLOSE_RESET);
    else
        f->write->removed = true;
}

static void on_message(struct sim *sim, const struct act *act)
{
    const struct in_flight *f = find_message(sim, act);

    if (f == NULL)
        complain_hand(sim, act, "no such message is in flight");
    else if (act->kind == ACT_DROP)
        drop(f);
    else if (act->kind == ACT_DELAY)
        delay(sim, f, act->time_us);
    else if (act->kind == ACT_DELIVER)
        deliver_now(sim, f);
    else if (f->message != NULL)
        duplicate(sim, f);
    else
        complain_hand(sim, act, "a stream delivers no message twice");
    sim->in_flight_step = 0; /* the list is no longer right */
}

/* Let a timer fire now: the time is then its deadline, and what was due
   before runs after it. */
static void fire(struct sim *sim, const struct act *act)
{
    struct node *n = node_by_name(sim, act->name);
    const char *const *timers = n != NULL ? n->host.protocol->timers : NULL;
    int slot = 0;

    while (timers != NULL && timers[slot] != NULL &&
           strcmp(timers[slot], act->text) != 0)
        slot++;
    uint64_t due = n != NULL ? sim_timer_due(sim, &n->host, slot) : NEVER;
    if (due == NEVER) {
        complain_hand(sim, act, "this timer is not armed");
        return;
    }
    if (sim->now_us < due)
        sim->now_us = due;
    timer_fire(n, slot);
}

bool entry_may_be_picked(const struct entry *e)
{
    return e->kind != ENTRY_TIMER && e->kind != ENTRY_LIMIT &&
           e->kind != ENTRY_STALL;
}

/* Let the K-th thing that is under way, in order of sending, happen now;
   `check` writes such lines, for what happens on streams has no name. */
static void pick(struct sim *sim, const struct act *act)
{
    const struct queue *q = &sim->queue;
    uint64_t last = 0;
    size_t found = 0;

    queue_gather(sim);
    for (uint32_t k = 0; k < act->ordinal; k++) {
        found = q->count;
        for (size_t i = 0; i < q->count; i++)
            if (entry_may_be_picked(&q->at[i]) && q->at[i].number > last &&
                (found == q->count || q->at[i].number < q->at[found].number))
                found = i;
        if (found == q->count) {
            complain_hand(sim, act, "fewer things are under way");
            return;
        }
        last = q->at[found].number;
    }
    struct entry e = queue_remove(sim, found);
    if (e.kind == ENTRY_DOWNLINK)
        e.kind = ENTRY_SEGMENT;
    e.time_us = sim->now_us;
    entry_execute(sim, &e);
}

void intervene(struct sim *sim, const struct act *act)
{
    if (act->kind == ACT_FIRE)
        fire(sim, act);
    else if (act->kind == ACT_PICK)
        pick(sim, act);
    else if (act->kind == ACT_DROP || act->kind == ACT_DELAY ||
             act->kind == ACT_DUPLICATE || act->kind == ACT_DELIVER)
        on_message(sim, act);
    else
        acts_do(&sim->acts, act);
}
