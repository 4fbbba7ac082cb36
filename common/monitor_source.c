/*
 * Where the monitor's records come from: a simulation that it can step back
 * and forth, real nodes that go on by themselves, or a trace.  All three fill
 * a log; "where we are" is a step.  In a simulation the nodes' state goes
 * along.  Over real nodes looking back shows the record only, and the nodes
 * as they are now: a network cannot be undone.
 */
#include "common/grow.h"
#include "common/monitor_core.h"

#include <stdlib.h>
#include <string.h>

/* How far ahead in a record messages in flight are looked for. */
#define AHEAD_MAX 4096
/* How far back a lookup. */
#define LOOKUP_SCAN_MAX 4096

const struct log *the_log(const struct monitor *m)
{
    return m->stepper != NULL ? stepper_log(m->stepper) : m->own_log;
}

/* A trace has nobody. */
static struct host *nobody_by_name(const struct network *n, const char *name)
{
    (void)n;
    (void)name;
    return NULL;
}

static struct host *nobody_by_addr(const struct network *n, struct addr addr)
{
    (void)n;
    (void)addr;
    return NULL;
}

static const struct network nobody = {.by_name = nobody_by_name,
                                      .by_addr = nobody_by_addr};

const struct network *the_network(const struct monitor *m)
{
    if (m->stepper != NULL)
        return sim_network(stepper_sim(m->stepper));
    return m->live != NULL ? live_network(m->live) : &nobody;
}

struct namer the_names(const struct monitor *m)
{
    if (m->trace != NULL)
        return trace_namer(m->trace);
    return network_namer(the_network(m));
}

const struct host *the_node(const struct monitor *m, size_t index)
{
    const struct network *n = the_network(m);

    return index < n->count ? n->host[index] : NULL;
}

uint64_t last_step(const struct monitor *m)
{
    const struct log *l = the_log(m);

    if (m->stepper != NULL)
        return stepper_done(m->stepper);
    return log_end(l) > log_first(l) ? log_at(l, log_end(l) - 1)->step : 0;
}

uint64_t the_step(const struct monitor *m)
{
    if (m->stepper != NULL)
        return stepper_step(m->stepper);
    return m->at == NEVER ? last_step(m) : m->at;
}

size_t the_end(const struct monitor *m)
{
    return log_of_step(the_log(m), the_step(m) + 1);
}

uint64_t the_time(const struct monitor *m)
{
    const struct log *l = the_log(m);
    size_t end = the_end(m);

    if (m->stepper != NULL)
        return sim_now(stepper_sim(m->stepper));
    if (m->live != NULL && m->at == NEVER)
        return live_now(m->live);
    return end > log_first(l) ? log_at(l, end - 1)->time_us : 0;
}

/* -- Lists ---------------------------------------------------------------- */

void list_forget(struct list *l)
{
    free(l->at);
    *l = (struct list){.all = l->all};
}

static bool is_listed(struct monitor *m, const struct list *l,
                      const struct record *r)
{
    bool told = r->kind == RECORD_MESSAGE || r->kind == RECORD_COMMAND ||
                r->kind == RECORD_FAULT || r->kind == RECORD_RESULT;

    if (!l->all && !told)
        return false;
    return m->filter.expr == NULL ||
           condition_true(m, &m->filter, r) != m->filter_inverted;
}

const struct list *list_now(struct monitor *m, struct list *l)
{
    const struct log *log = the_log(m);
    size_t gone = 0;

    while (gone < l->count && l->at[gone] < log_first(log))
        gone++;
    if (gone > 0 && (gone > l->count / 2 || l->at[0] < log_first(log))) {
        l->count -= gone;
        memmove(l->at, l->at + gone, l->count * sizeof *l->at);
    }
    if (l->scanned < log_first(log))
        l->scanned = log_first(log);
    for (; l->scanned < log_end(log); l->scanned++) {
        if (!is_listed(m, l, log_at(log, l->scanned)))
            continue;
        need_room(&l->at, l->count, &l->cap, sizeof *l->at);
        l->at[l->count++] = l->scanned;
    }
    return l;
}

/* The first entry of a list that is not below a number of the log. */
static size_t list_place(const struct list *l, size_t number)
{
    size_t low = 0, high = l->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->at[middle] < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

size_t list_here(const struct monitor *m, const struct list *l)
{
    return list_place(l, the_end(m));
}

size_t list_row(struct monitor *m, struct list *l)
{
    size_t here = list_here(m, list_now(m, l));

    if (m->flight_selected < m->flight_count && !l->all)
        return here + m->flight_selected;
    size_t row = list_place(l, m->selected + 1);
    row = row > here ? here : row;
    return row > 0 ? row - 1 : 0;
}

bool selected_record(struct monitor *m, struct record *r)
{
    const struct log *log = the_log(m);
    struct list *l = m->tab == TAB_LOG ? &m->everything : &m->messages;

    if (m->tab != TAB_LOG && m->flight_selected < m->flight_count) {
        *r = m->flight[m->flight_selected];
        return true;
    }
    size_t row = list_row(m, l);
    if (row >= l->count || l->at[row] >= the_end(m))
        return false;
    *r = *log_at(log, l->at[row]);
    return true;
}

/* -- What is in flight ----------------------------------------------------- */

/* List a message in flight, unless the filter keeps it out. */
static void add_flight(struct monitor *m, const struct record *r)
{
    if (m->flight_count == FLIGHTS_MAX || !is_listed(m, &m->messages, r))
        return;
    m->flight[m->flight_count] = *r;
    m->flight[m->flight_count++].step = 0; /* it has none yet */
}

/* In a record: what arrives later and had been sent by then. */
static void flights_of_log(struct monitor *m)
{
    const struct log *l = the_log(m);
    size_t i = the_end(m), end = log_end(l);
    uint64_t now = the_time(m);

    if (end - i > AHEAD_MAX)
        end = i + AHEAD_MAX;
    for (; i < end; i++) {
        const struct record *r = log_at(l, i);
        if (r->kind != RECORD_MESSAGE || r->sent_us > now ||
            r->cause > the_step(m))
            continue;
        add_flight(m, r);
    }
}

static void read_flights(struct monitor *m)
{
    struct record r;

    m->flight_count = 0;
    if (m->stepper == NULL)
        flights_of_log(m);
    for (size_t i = 0; m->stepper != NULL && i < AHEAD_MAX &&
                       sim_in_flight(stepper_sim(m->stepper), i, &r);
         i++)
        add_flight(m, &r);
}

/* After a jump the selected lookup may not have begun yet: then the last one
   that has. */
static void find_lookup(struct monitor *m, size_t end)
{
    const struct log *l = the_log(m);
    size_t oldest = end > LOOKUP_SCAN_MAX ? end - LOOKUP_SCAN_MAX : 0;
    uint32_t last = 0;

    for (size_t i = end; i-- > oldest && i >= log_first(l);) {
        uint32_t command = log_at(l, i)->command;
        if (command != 0 && command == m->command)
            return;
        if (last == 0)
            last = command;
    }
    m->command = last;
}

void look_around(struct monitor *m)
{
    const struct network *n = the_network(m);
    const struct log *l = the_log(m);
    size_t first = log_of_step(l, the_step(m)), end = the_end(m);

    read_flights(m);
    m->flight_selected = SIZE_MAX;
    m->field = m->byte = SIZE_MAX;
    m->why_count = 0;
    m->selected = first < end ? first : end > 0 ? end - 1 : 0;
    if (first >= end)
        return;
    const struct record *r = log_at(l, first);
    const struct host *h =
        addr_none(r->to.addr) ? NULL : n->by_addr(n, r->to.addr);
    if (m->follow && h != NULL)
        m->node = h->index;
    if (r->command != 0)
        m->command = r->command;
    else
        find_lookup(m, end);
}

/* -- Moving ------------------------------------------------------------------ */

bool go_to(struct monitor *m, uint64_t step)
{
    bool done = true;

    m->waiting = false;
    if (m->stepper == NULL) {
        m->at = step > last_step(m) ? last_step(m) : step;
        done = step <= last_step(m);
        if (m->live != NULL && m->at == last_step(m))
            m->at = NEVER;
    } else if (step == 0) {
        stepper_goto(m->stepper, 0);
        memo_take(m, false);
    } else {
        /* By way of the step before, to see what this one changes. */
        done = stepper_goto(m->stepper, step - 1);
        memo_take(m, false);
        done = done && stepper_forward(m->stepper);
    }
    look_around(m);
    return done;
}

bool go_forward(struct monitor *m)
{
    const struct log *l = the_log(m);
    size_t end = the_end(m);

    if (m->stepper != NULL) {
        memo_take(m, false);
        if (!stepper_forward(m->stepper))
            return false;
        look_around(m);
        return true;
    }
    return end < log_end(l) && go_to(m, log_at(l, end)->step);
}

uint64_t step_before(const struct monitor *m)
{
    const struct log *l = the_log(m);
    uint64_t step = the_step(m);

    if (m->stepper != NULL)
        return step > 0 ? step - 1 : 0;
    size_t first = log_of_step(l, step);
    return first > log_first(l) ? log_at(l, first - 1)->step : step;
}

bool go_to_time(struct monitor *m, uint64_t time_us)
{
    const struct log *l = the_log(m);
    bool done = true;

    if (m->stepper != NULL) {
        done = stepper_goto_time(m->stepper, time_us);
        memo_take(m, false);
        look_around(m);
        return done;
    }
    size_t i = log_first(l);
    while (i < log_end(l) && log_at(l, i)->time_us <= time_us)
        i++;
    return go_to(m, i > log_first(l) ? log_at(l, i - 1)->step : 0);
}

bool go_find(struct monitor *m, const struct search *f, bool forward)
{
    const struct log *l = the_log(m);

    m->waiting = false;
    if (m->stepper != NULL) {
        bool found = stepper_find(m->stepper, f, forward);
        if (the_network(m)->count <= MEMO_NODES_MAX)
            return go_to(m, the_step(m)) && found;
        memo_free(&m->before); /* a second walk there would take long */
        look_around(m);
        return found;
    }
    if (forward) {
        for (size_t i = the_end(m); i < log_end(l); i++)
            if (f->match(f->context, log_at(l, i)))
                return go_to(m, log_at(l, i)->step);
    } else {
        for (size_t i = log_of_step(l, the_step(m)); i-- > log_first(l);)
            if (f->match(f->context, log_at(l, i)))
                return go_to(m, log_at(l, i)->step);
    }
    return false;
}
