/*
 * Commands that act on the run: faults, which make branches, and what is
 * asked of them: comparison, causes, invariants, export.  The table is in
 * monitor_keys.c.
 */
#include "common/grow.h"
#include "common/monitor_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Faults ---------------------------------------------------------------------------- */

static void make_branch(struct monitor *m, const char *fault)
{
    LOCAL_TEXT why = text_new();
    struct text card = text_new();

    m->running = false;
    if (!stepper_fork(m->stepper, fault, &why)) {
        const char *what = strstr(why.data, ": "); /* behind FILE:LINE */
        say(m, "%s", what != NULL ? what + 2 : why.data);
    } else {
        forget_lists(m);
        m->tree_row = stepper_shown(m->stepper);
        consequence(m, &card);
        /* What the simulator could not do, such as drop what has arrived. */
        const char *complaint =
            strstr(sim_complaints(stepper_sim(m->stepper)), "before step");
        if (complaint != NULL)
            text_printf(&card, "%.*s\n", (int)strcspn(complaint, "\n"),
                        complaint);
        say(m, "branch %s: %s; . steps on, = compares, t shows the tree",
            stepper_branch(m->stepper, stepper_shown(m->stepper))->name, fault);
        open_page(m, "what it led to", &card);
    }
}

void ask_yes(struct monitor *m, const char *what,
             void (*run)(struct monitor *, const char *))
{
    free(m->pending);
    m->pending = need(strdup(what));
    m->confirmed = run;
    m->asking = ASK_YES;
}

static void ask_fault(struct monitor *m, const char *arg)
{
    if (m->stepper == NULL) {
        say(m, "only a simulation can be changed; :kill NODE stops a real one");
        return;
    }
    ask_yes(m, arg, make_branch);
    say(m, "%s: a branch of its own, run until it is quiet. [y/N]", arg);
}

/* The place of a flying message among those of its sender and receiver. */
static unsigned ordinal_of(const struct monitor *m, const struct record *r)
{
    struct sim *sim = stepper_sim(m->stepper);
    bool behind = false; /* the message itself, in the order of arrival */
    unsigned ordinal = 1;
    struct record o;

    for (size_t i = 0; sim_in_flight(sim, i, &o); i++) {
        if (!addr_equal(o.from.addr, r->from.addr) ||
            !addr_equal(o.to.addr, r->to.addr))
            continue;
        if (o.data == r->data)
            behind = true;
        else if (o.sent_us < r->sent_us || (o.sent_us == r->sent_us && !behind))
            ordinal++;
    }
    return ordinal;
}

/* A message that has arrived is caught just before it did. */
static bool catch_message(struct monitor *m)
{
    struct record r;

    if (m->flight_selected < m->flight_count)
        return true;
    if (!selected_record(m, &r) || r.kind != RECORD_MESSAGE) {
        say(m, "select a message first: up and down, in pane 1");
        return false;
    }
    uint64_t time_us = r.time_us, sent_us = r.sent_us;
    struct addr from = r.from.addr, to = r.to.addr;
    go_to(m, r.step - 1);
    for (size_t i = 0; i < m->flight_count; i++) {
        const struct record *o = &m->flight[i];
        if (o->time_us == time_us && o->sent_us == sent_us &&
            addr_equal(o->from.addr, from) && addr_equal(o->to.addr, to)) {
            m->flight_selected = i;
            return true;
        }
    }
    say(m, "that message cannot be caught any more");
    return false;
}

static void fault_message(struct monitor *m, const char *verb,
                          const char *detail)
{
    LOCAL_TEXT t = text_new(), words = text_new();

    if (m->stepper == NULL) {
        say(m, "only the messages of a simulation can be caught");
    } else if (catch_message(m)) {
        const struct record *r = &m->flight[m->flight_selected];
        text_printf(&t, "%s %s %s %u", verb, r->from.name, r->to.name,
                    ordinal_of(m, r));
        if (*detail != '\0')
            text_printf(&t, " %s", detail);
        ask_yes(m, t.data, make_branch);
        record_title(m, r, &words);
        say(m, "%s %s%s%s: in a branch, until it is quiet. [y/N]", verb,
            words.data, *detail != '\0' ? " " : "", detail);
    }
}

void do_message(struct monitor *m)
{
    uint64_t time_us;

    if (m->doing->args != NULL && !parse_time(m->arg, &time_us))
        say(m, "delay by how much? a time like 2s or 250ms");
    else
        fault_message(m, m->doing->name, m->arg);
}

static void kill_real(struct monitor *m, const char *name)
{
    struct host *h = the_network(m)->by_name(the_network(m), name);

    if (h != NULL)
        live_kill(m->live, h);
    say(m, "%s was killed", name);
}

void do_to_node(struct monitor *m)
{
    const char *verb = m->doing->name, *name = m->arg;
    const struct host *h = the_node(m, m->node);
    LOCAL_TEXT t = text_new();

    if (*name != '\0')
        h = the_network(m)->by_name(the_network(m), name);
    if (h == NULL) {
        say(m, "which node? left and right select one");
    } else if (m->live != NULL && strcmp(verb, "crash") == 0) {
        ask_yes(m, h->name, kill_real);
        say(m, "kill the real node %s? [y/N]", h->name);
    } else {
        text_printf(&t, "%s %s", verb, h->name);
        ask_fault(m, t.data);
    }
}

void do_fault(struct monitor *m)
{
    ask_fault(m, m->arg);
}

void do_partition(struct monitor *m)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "partition %s", m->arg);
    ask_fault(m, t.data);
}

void suggest_partition(struct monitor *m, struct text *t)
{
    const struct network *n = the_network(m);
    const struct host *h = the_node(m, m->node);

    for (size_t i = 0; i < n->count && h != NULL; i++)
        if (n->host[i] != h) {
            text_printf(t, "%s | %s", n->host[i]->name, h->name);
            return;
        }
}

void do_faults(struct monitor *m)
{
    struct text t = text_new();

    text_add(&t,
             " x  drop the selected message         d  delay it      D  "
             "duplicate it\n"
             " K  crash the selected node           R  restart it\n"
             " P  partition: who hears whom no more\n"
             " :deliver        the selected message now, before all others\n"
             " :fault ACTION   any line of a scenario, at this step:\n"
             "                 vanish n32   leave n32   heal   n80 lookup 7\n"
             " Each makes a branch; the run it was is kept: t shows all.\n");
    open_page(m, "faults", &t);
}

/* -- Branches, causes, export --------------------------------------------------------------- */

static size_t branch_named(const struct monitor *m, const char *name)
{
    for (size_t i = 0; m->stepper != NULL && i < stepper_branches(m->stepper);
         i++)
        if (strcmp(stepper_branch(m->stepper, i)->name, name) == 0)
            return i;
    return SIZE_MAX;
}

void do_branch(struct monitor *m)
{
    size_t i = branch_named(m, m->arg);

    if (i == SIZE_MAX) {
        say(m, "there is no branch of that name; t shows them");
        return;
    }
    show_branch(m, i);
}

void do_compare(struct monitor *m)
{
    struct text t = text_new();
    char name[2][20] = {"", ""};
    size_t shown = m->stepper != NULL ? stepper_shown(m->stepper) : 0;

    if (m->stepper == NULL || stepper_branches(m->stepper) < 2) {
        say(m, "there is one branch only: a fault (f) makes another");
        return;
    }
    sscanf(m->arg, "%19s %19s", name[0], name[1]);
    size_t b = *name[0] != '\0' ? branch_named(m, name[0]) : shown;
    size_t a = *name[1] != '\0' ? branch_named(m, name[1])
               : b == SIZE_MAX  ? b
               : b == 0         ? 1
                                : stepper_branch(m->stepper, b)->parent;
    if (a == SIZE_MAX || b == SIZE_MAX) {
        say(m, "there is no branch of that name; t shows them");
        return;
    }
    if (*name[1] == '\0' && b == 0) { /* from main: the first child */
        b = a;
        a = 0;
    }
    compare_branches(m, a, b, &t);
    open_page(m, "comparison", &t);
}

void do_why(struct monitor *m)
{
    const struct log *l = the_log(m);
    LOCAL_TEXT t = text_new();
    struct record r;

    if (m->why_count > 0 && !m->options->line) {
        m->why_count = 0;
        say(m, "everything again");
        return;
    }
    if (!selected_record(m, &r)) {
        say(m, "select an event first");
        return;
    }
    find_causes(m, &r);
    if (m->options->line) {
        for (size_t i = 0; i < m->why_count; i++) {
            size_t n = log_of_step(l, m->why[i]);
            if (n >= log_end(l))
                continue;
            text_printf(&t, " step %llu ", (unsigned long long)m->why[i]);
            record_words(m, log_at(l, n), &t);
            text_char(&t, '\n');
        }
        open_page(m, "why", &t);
        return;
    }
    text_add(&t, "why: step");
    for (size_t i = 0; i < m->why_count && t.len < 50; i++)
        text_printf(&t, "%s %llu", i > 0 ? " <-" : "",
                    (unsigned long long)m->why[i]);
    say(m, "%s%s   (* marks them; w again: all)", t.data,
        m->why_count == 1 ? ", which nothing in the record caused" : "");
}

void do_value(struct monitor *m)
{
    LOCAL_TEXT value = text_new();
    struct record r;

    m->failed |=
        !selected_record(m, &r) || !record_value(m, &r, m->arg, &value);
    say(m, "%s", value.len > 0 ? value.data : "the event has no such field");
}

void do_check(struct monitor *m)
{
    LOCAL_FINDINGS f = network_check(the_network(m), m->protocol);
    struct text t = text_new();

    if (the_network(m)->count == 0) {
        say(m, "a trace holds messages, not state");
        return;
    }
    for (size_t i = 0; i < f.count; i++)
        text_printf(&t, " %-7s %s%s%s\n", f.at[i].holds ? "holds" : "BROKEN",
                    f.at[i].name, f.at[i].why.len > 0 ? ": " : "",
                    f.at[i].why.data);
    m->failed |= !findings_hold(&f);
    open_page(m, "invariants", &t);
}

void do_export(struct monitor *m)
{
    LOCAL_TEXT why = text_new();

    if (export_file(m, m->arg, &why))
        say(m, "written: %s", m->arg);
    else
        say(m, "%s", why.data);
}
