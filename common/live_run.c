/*
 * A scenario on real sockets: its acts when they are due, in real time.
 *
 * The rules are those of acts.h.  Latency, jitter and bandwidth are the real
 * ones.  What only a simulator can do (loss, partitions, lines `at step`) is
 * refused before the start.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/acts.h"
#include "common/grow.h"
#include "common/introducer.h"
#include "common/live_host.h"

#define ACTS_MAX 256 /* in one go, before sockets have their turn */
#define COMPLAINTS_BYTES_MAX ((size_t)64 * 1024)

/* A command of the scenario that has no result yet. */
struct given {
    uint32_t number;
    struct act act;
};

struct live_run {
    struct live *live;
    const struct scenario *scenario;
    uint64_t begin_us; /* the scenario's time 0 */
    struct cursor cursor;
    struct acts acts;
    struct given *given;
    size_t given_count, given_cap;
    struct id *reserved;
    size_t reserved_cap;
    struct act quiet; /* the `run until quiet` under way */
    bool waiting;     /* ... if there is one */
    uint64_t sample_us;
    struct text complaints;
};

static uint64_t now_of(const struct live_run *r)
{
    return live_now(r->live) - r->begin_us;
}

static void complain(struct acts *a, const char *line)
{
    struct live_run *r = a->run;

    if (r->complaints.len <= COMPLAINTS_BYTES_MAX)
        text_add(&r->complaints, line);
}

static const struct network *network(struct acts *a)
{
    const struct live_run *r = a->run;

    return live_network(r->live);
}

static bool is_busy(const struct acts *a)
{
    const struct live_run *r = a->run;
    const struct live *l = r->live;

    for (size_t i = 0; i < l->host_count; i++)
        if (l->host[i]->state == NODE_LEAVING ||
            node_of(l->host[i])->join_us != NEVER)
            return true;
    return l->open_count > 0;
}

/* -- Nodes -------------------------------------------------------------------- */

static void cannot(struct acts *a, const struct act *act, const char *why)
{
    a->status.cannot_run = true;
    acts_complain(a, act, why);
}

static struct host *enter(struct acts *a, const struct act *act,
                          const struct node_spec *spec)
{
    const struct live_run *r = a->run;
    struct live *l = r->live;
    struct addr addr =
        addr_none(spec->addr) ? (struct addr){0x7f000001, 0} : spec->addr;
    LOCAL_TEXT why = text_new();
    struct live_node *n =
        live_add(l, spec->introducer ? &introducer_protocol : l->protocol,
                 act->name, addr, spec->id, acts_settings(a, spec), &why);

    if (n != NULL && live_share(n, spec->share, spec->share_count))
        return &n->host;
    cannot(a, act, why.len > 0 ? why.data : "not enough memory");
    return NULL; /* it stays down */
}

static void begin(struct acts *a, struct host *h, struct addr join,
                  struct addr introducer)
{
    LOCAL_TEXT why = text_new();

    node_of(h)->join_us = NEVER;
    if (!live_begin(node_of(h), join, introducer, &why))
        cannot(a, NULL, why.data);
}

static void wait_to_join(struct acts *a, struct host *h)
{
    const struct live_run *r = a->run;
    struct live *l = r->live;

    live_deafen(node_of(h));
    live_step(l, 0);
    host_note(h, "%s is down; %s tries again in 2 s", l->host[h->join]->name,
              h->name);
    node_of(h)->join_us = live_now(l) + JOIN_RETRY_US;
}

static void retry_joins(struct live_run *r)
{
    for (size_t i = 0; i < r->live->host_count; i++)
        if (node_of(r->live->host[i])->join_us <= live_now(r->live))
            acts_begin(&r->acts, r->live->host[i]);
}

/* -- Commands ------------------------------------------------------------------ */

static void on_record(void *context, const struct record *record)
{
    struct live_run *r = context;
    struct sim_status *status = &r->acts.status;

    if (record->kind == RECORD_MESSAGE) {
        status->messages++;
        status->bytes += record->wire != NULL ? record->wire_len : record->len;
        status->dropped += record->why != NULL;
    }
    if (record->kind != RECORD_RESULT || record->command == 0)
        return;
    for (size_t i = 0; i < r->given_count; i++)
        if (r->given[i].number == record->command) {
            struct act act = r->given[i].act;
            r->given[i] = r->given[--r->given_count];
            acts_result(&r->acts, &act, record->ok, record->fields);
            return;
        }
}

static void give(struct acts *a, struct host *h, const struct act *act)
{
    struct live_run *r = a->run;

    if (!grow(&r->given, r->given_count, &r->given_cap, sizeof *r->given))
        return;
    /* The result can come before live_give returns its number. */
    r->given[r->given_count++] =
        (struct given){r->live->command_count + 1, *act};
    (void)live_give(r->live, h, act->text);
}

/* -- Acts ------------------------------------------------------------------------ */

/* Take back whatever a node has caused, but for its calls to the introducer.
   If that has not answered yet, the node begins without. */
static void make_warm(struct live_node *n)
{
    const struct addr none = {0, 0};

    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        n->timer[slot].due_us = NEVER;
    live_discard_datagrams(n);
    streams_close(n, true);
    if (n->host.node == NULL && !live_create(n, none, none))
        live_down(n);
}

/* Perfect tables. */
static void warm(struct acts *a)
{
    const struct live_run *r = a->run;
    struct live *l = r->live;

    for (size_t i = 0; i < l->host_count; i++) {
        struct live_node *n = node_of(l->host[i]);
        if (n->host.state != NODE_DOWN && n->host.protocol == l->protocol)
            make_warm(n);
    }
    if (l->protocol->warm != NULL)
        l->protocol->warm(live_network(l));
}

static void fault(struct acts *a, enum act_kind kind, struct host *h)
{
    const struct live_run *r = a->run;

    node_of(h)->join_us = NEVER; /* it no longer waits to join */
    if (kind == ACT_CRASH)
        live_kill(r->live, h);
    else if (kind == ACT_VANISH)
        live_vanish(r->live, h);
    else if (kind == ACT_LEAVE)
        live_stop(r->live, h);
    else
        live_end(r->live, h);
}

static const struct act_calls act_calls = {.network = network,
                                           .complain = complain,
                                           .is_busy = is_busy,
                                           .enter = enter,
                                           .begin = begin,
                                           .wait = wait_to_join,
                                           .command = give,
                                           .fault = fault,
                                           .warm = warm};

static void wait_for_quiet(struct live_run *r, const struct act *until)
{
    r->waiting = true;
    r->quiet = *until;
    r->sample_us = now_of(r);
    acts_wait_for_quiet(&r->acts, r->sample_us);
}

/* Look whether the network has been quiet for long enough. */
static void sample(struct live_run *r)
{
    uint64_t now = now_of(r);

    r->sample_us = now + acts_quiet_us(&r->acts) / 8 + 1000;
    if (acts_are_quiet(&r->acts, now)) {
        cursor_resume(&r->cursor, now);
        r->waiting = false;
    } else if (acts_never_quiet(&r->acts, &r->quiet, now)) {
        r->acts.status.ended = true;
    }
}

/* -- The run ------------------------------------------------------------------------ */

static void end(struct live_run *r)
{
    r->acts.status.ended = true;
    for (size_t i = 0; i < r->given_count; i++)
        acts_unanswered(&r->acts, &r->given[i].act);
}

/* Do the acts that are due. */
static void act_now(struct live_run *r)
{
    struct act act;

    for (int i = 0; i < ACTS_MAX && !r->acts.status.ended; i++) {
        uint64_t due = cursor_time(r->scenario, &r->cursor);
        if (due == NEVER && !r->waiting)
            end(r);
        if (due > now_of(r) || r->acts.status.ended)
            return;
        if (cursor_next(r->scenario, &r->cursor, &act)) {
            r->waiting = false; /* --until ends a wait for quiet */
            if (act.kind == ACT_UNTIL && act.time_us == NEVER)
                wait_for_quiet(r, &act);
            acts_do(&r->acts, &act);
        }
    }
}

/* How long the host may wait for sockets. */
static uint64_t pause_of(const struct live_run *r, uint64_t max_us)
{
    uint64_t now = now_of(r), next = cursor_time(r->scenario, &r->cursor);

    if (r->waiting && r->sample_us < next)
        next = r->sample_us;
    for (size_t i = 0; i < r->live->host_count; i++) {
        uint64_t join_us = node_of(r->live->host[i])->join_us;
        if (join_us != NEVER && join_us - r->begin_us < next)
            next = join_us - r->begin_us;
    }
    if (next <= now)
        return 0;
    return next - now < max_us ? next - now : max_us;
}

bool live_run_poll(struct live_run *r, uint64_t max_us, struct text *why)
{
    if (r->acts.status.ended)
        return false;
    act_now(r);
    if (r->acts.status.ended)
        return false;
    retry_joins(r);
    if (r->waiting && r->sample_us <= now_of(r))
        sample(r);
    r->acts.status.commands_open = r->live->open_count;
    return live_poll(r->live, pause_of(r, max_us), why);
}

struct sim_status live_run_status(const struct live_run *r)
{
    return r->acts.status;
}

const char *live_run_complaints(const struct live_run *r)
{
    return r->complaints.data;
}

/* -- Before the start ----------------------------------------------------------------- */

static bool refuse(const struct act *act, const char *what, struct text *why)
{
    text_printf(why,
                "%s:%u: %s needs the simulator; run it with 'sim', or take "
                "the line out",
                act->file, act->line, what);
    return false;
}

static bool loses(const struct network_model *m)
{
    return m->loss > 0 || m->duplicate > 0 || m->reorder > 0;
}

/* Can this act be done live?  Keeps the ids that later nodes are given. */
static bool check_act(struct live_run *r, const struct act *act,
                      struct text *why)
{
    const struct protocol *p = r->live->protocol;
    struct addr none = {0, 0};
    struct id id = {{0}};

    if (act->kind == ACT_PARTITION)
        return refuse(act, "a partition", why);
    if (act->kind == ACT_NETWORK && loses(act->network))
        return refuse(act, "loss, duplication or reordering", why);
    if (act->kind != ACT_START || act->spec == NULL || act->spec->id == NULL ||
        p->identify == NULL || act->spec->introducer)
        return true;
    LOCAL_TEXT problem = text_new();
    size_t count = r->live->reserved_count;
    if (!grow(&r->reserved, count, &r->reserved_cap, sizeof id))
        text_add(&problem, "not enough memory");
    else if (p->identify(acts_settings(&r->acts, act->spec), none,
                         act->spec->id, &id, &problem))
        r->reserved[r->live->reserved_count++] = id;
    r->live->reserved = r->reserved;
    bool ok = problem.len == 0;
    if (!ok)
        text_printf(why, "%s:%u: %s", act->file, act->line, problem.data);
    return ok;
}

static bool check_scenario(struct live_run *r, struct text *why)
{
    const struct scenario *s = r->scenario;
    struct cursor c = cursor_new(s);
    struct act act;

    if (s->intervention_count > 0)
        return refuse(&s->intervention[0].act, "a line 'at step'", why);
    if (loses(&s->network)) {
        text_printf(why,
                    "%s: loss, duplication and reordering need the simulator; "
                    "run it with 'sim', or take the lines out",
                    s->path);
        return false;
    }
    while (cursor_next(s, &c, &act)) {
        if (!check_act(r, &act, why))
            return false;
        if (act.kind == ACT_UNTIL && act.time_us == NEVER)
            cursor_resume(&c, 0);
    }
    return true;
}

/* One note on what has no effect here. */
static void note_ignored(const struct scenario *s)
{
    static const char *const word[] = {"latency", "jitter", "bandwidth",
                                       " up=", " down="};

    for (size_t i = 0; i < sizeof word / sizeof *word; i++)
        if (s->text != NULL && strstr(s->text, word[i]) != NULL) {
            fprintf(stderr,
                    "%s: note: on real sockets latency, jitter and bandwidth "
                    "are what they are; those of the scenario are ignored\n",
                    s->protocol->name);
            return;
        }
}

struct live_run *live_run_new(struct live *l, const struct scenario *s,
                              struct text *why)
{
    struct live_run *r = calloc(1, sizeof *r);

    if (r == NULL) {
        text_add(why, "not enough memory");
        return NULL;
    }
    r->live = l;
    r->scenario = s;
    r->complaints = text_new();
    r->acts = acts_new(&act_calls, r, s);
    if (!check_scenario(r, why)) {
        live_run_free(r);
        return NULL;
    }
    note_ignored(s);
    r->cursor = cursor_new(s);
    r->begin_us = live_now(l);
    l->inner = (struct observer){.record = on_record, .context = r};
    return r;
}

void live_run_free(struct live_run *r)
{
    if (r == NULL)
        return;
    r->live->inner = (struct observer){0};
    r->live->reserved = NULL;
    r->live->reserved_count = 0;
    free(r->given);
    free(r->reserved);
    text_free(&r->complaints);
    free(r);
}
