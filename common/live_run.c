/*
 * A scenario on real sockets: its acts when they are due, in real time.
 *
 * The rules are the simulator's (sim_acts.c): who joins whom, when a newcomer
 * waits, when it is quiet, what fails a run.  Latency, jitter and bandwidth
 * are the real ones.  What only a simulator can do (loss, partitions, lines
 * `at step`) is refused before the start.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"
#include "common/hash.h"
#include "common/introducer.h"
#include "common/live_host.h"
#include "common/sim.h"
#include "common/verdict.h"

#define JOIN_RETRY_US (2 * (uint64_t)1000000)
#define QUIET_LIMIT_US (3600 * (uint64_t)1000000)
#define QUIET_DEFAULT_US ((uint64_t)1000000)
#define ACTS_MAX 256 /* in one go, before sockets have their turn */
#define COMPLAINTS_BYTES_MAX ((size_t)64 * 1024)
#define NOBODY UINT32_MAX /* no node's index */

/* What the run knows of a node; by its index in the network. */
struct member {
    const struct node_spec *spec;
    uint32_t join;     /* index, or NOBODY */
    uint64_t retry_us; /* waits for that one to come up; NEVER */
};

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
    struct random choice; /* whom churn picks */
    struct member *member;
    size_t member_cap;
    struct given *given;
    size_t given_count, given_cap;
    struct id *reserved;
    struct act quiet; /* the `run until quiet` under way */
    bool waiting;     /* ... if there is one */
    uint64_t quiet_began_us, quiet_since_us, sample_us;
    struct sim_status status;
    struct text complaints;
};

static const struct node_spec plain = {.join_any = true};

static uint64_t now_of(const struct live_run *r)
{
    return live_now(r->live) - r->begin_us;
}

static void complain(void *run, const struct act *act, const char *text)
{
    struct live_run *r = run;

    if (r->complaints.len > COMPLAINTS_BYTES_MAX)
        return;
    if (act != NULL && act->file != NULL)
        text_printf(&r->complaints, "%s:%u: ", act->file, act->line);
    text_printf(&r->complaints, "%s\n", text);
}

/* -- Nodes -------------------------------------------------------------------- */

static struct host *host_of(const struct live_run *r, const char *name)
{
    const struct network *n = live_network(r->live);

    return n->by_name(n, name);
}

/* A live node of the protocol, which others can join. */
static bool is_live(const struct live_run *r, size_t i)
{
    const struct host *h = r->live->host[i];

    return h->state == NODE_UP && h->node != NULL &&
           h->protocol == r->live->protocol;
}

static uint32_t first_live(const struct live_run *r, uint32_t except)
{
    for (uint32_t i = 0; i < r->live->host_count; i++)
        if (i != except && is_live(r, i))
            return i;
    return NOBODY;
}

static uint32_t random_live(struct live_run *r, bool may_fail)
{
    size_t count = r->live->host_count;
    uint64_t live = 0;

    for (size_t i = 0; i < count; i++)
        live += is_live(r, i) && !(may_fail && r->member[i].spec->keep);
    uint64_t wanted = random_below(&r->choice, live);
    for (uint32_t i = 0; i < count; i++)
        if (is_live(r, i) && !(may_fail && r->member[i].spec->keep) &&
            wanted-- == 0)
            return i;
    return NOBODY;
}

/* Begin node `i`, unless the one that it joins is down: then try later.  Who
   joins by an introducer asks it again by itself. */
static void begin_or_wait(struct live_run *r, uint32_t i)
{
    struct member *m = &r->member[i];
    struct live_node *n = node_of(r->live->host[i]);
    const struct host *other =
        m->join != NOBODY ? r->live->host[m->join] : NULL;
    bool introduced = other != NULL && other->protocol == &introducer_protocol;
    struct addr none = {0, 0}, addr = other != NULL ? other->addr : none;
    LOCAL_TEXT why = text_new();

    m->retry_us = NEVER;
    if (other != NULL && other->state == NODE_DOWN && !introduced) {
        live_deafen(n);
        live_step(r->live, 0);
        host_note(&n->host, "%s is down; %s tries again in 2 s", other->name,
                  n->name);
        m->retry_us = live_now(r->live) + JOIN_RETRY_US;
    } else if (!live_begin(n, introduced ? none : addr,
                           introduced ? addr : none, &why)) {
        r->status.expects_failed++;
        complain(r, NULL, why.data);
    }
}

static void retry_joins(struct live_run *r)
{
    for (uint32_t i = 0; i < r->live->host_count; i++)
        if (r->member[i].retry_us <= live_now(r->live))
            begin_or_wait(r, i);
}

/* Know of every node of the host, those of others included. */
static bool reserve_members(struct live_run *r)
{
    if (r->live->host_count < r->member_cap)
        return true;
    size_t cap = 2 * r->live->host_count + 16;
    struct member *more = realloc(r->member, cap * sizeof *more);
    if (more == NULL)
        return false;
    for (size_t i = r->member_cap; i < cap; i++)
        more[i] = (struct member){&plain, NOBODY, NEVER};
    r->member = more;
    r->member_cap = cap;
    return true;
}

static const struct settings *settings_of(const struct live_run *r,
                                          const struct node_spec *spec)
{
    return spec->settings != NULL ? spec->settings : &r->scenario->settings;
}

static uint32_t join_of(struct live_run *r, const struct act *act,
                        const struct node_spec *spec)
{
    if (act->kind == ACT_CHURN_JOIN)
        return random_live(r, false);
    const struct host *h = spec->join != NULL ? host_of(r, spec->join) : NULL;
    if (h != NULL)
        return h->index;
    return spec->join_any ? first_live(r, NOBODY) : NOBODY;
}

static void start(struct live_run *r, const struct act *act)
{
    const struct node_spec *spec = act->spec != NULL ? act->spec : &plain;
    struct addr addr =
        addr_none(spec->addr) ? (struct addr){0x7f000001, 0} : spec->addr;
    uint32_t join = join_of(r, act, spec);
    LOCAL_TEXT why = text_new();
    struct live_node *n = NULL;

    if (reserve_members(r))
        n = live_add(r->live,
                     spec->introducer ? &introducer_protocol
                                      : r->live->protocol,
                     act->name, addr, spec->id, settings_of(r, spec), &why);
    if (n != NULL && !live_share(n, spec->share, spec->share_count))
        n = NULL; /* it stays down */
    if (n == NULL) {
        r->status.expects_failed++;
        complain(r, act, why.len > 0 ? why.data : "not enough memory");
    } else {
        r->member[n->host.index] = (struct member){spec, join, NEVER};
        begin_or_wait(r, n->host.index);
    }
}

static void restart(struct live_run *r, struct host *h)
{
    struct member *m = &r->member[h->index];

    live_end(r->live, h);
    if (m->spec->join == NULL)
        m->join = first_live(r, h->index);
    begin_or_wait(r, h->index);
}

/* -- Commands ------------------------------------------------------------------ */

static void on_record(void *context, const struct record *record)
{
    struct live_run *r = context;
    struct namer names = network_namer(live_network(r->live));
    LOCAL_TEXT why = text_new();

    if (record->kind == RECORD_MESSAGE) {
        r->status.messages++;
        r->status.bytes +=
            record->wire != NULL ? record->wire_len : record->len;
        r->status.dropped += record->why != NULL;
    }
    if (record->kind != RECORD_RESULT)
        return;
    for (size_t i = 0; i < r->given_count; i++)
        if (r->given[i].number == record->command) {
            struct act act = r->given[i].act;
            r->given[i] = r->given[--r->given_count];
            if (!verdict_result(&act, record->ok, record->fields, &names,
                                &r->status, &why))
                complain(r, &act, why.data);
            return;
        }
}

static void give(struct live_run *r, const struct act *act)
{
    struct host *h = host_of(r, act->name);

    if (h == NULL) { /* its start failed, which has been complained of */
        r->status.commands_failed++;
        return;
    }
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
    struct config c = {
        .settings = n->settings, .self = n->host.addr, .id = n->host.id};

    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        n->timer[slot].due_us = NEVER;
    live_discard_datagrams(n);
    streams_close(n, true);
    if (n->host.node == NULL && !host_begin(&n->host, &c, (struct addr){0, 0}))
        live_down(n);
}

/* Perfect tables. */
static void warm(struct live_run *r)
{
    struct live *l = r->live;

    for (size_t i = 0; i < l->host_count; i++) {
        struct live_node *n = node_of(l->host[i]);
        if (n->host.state != NODE_DOWN && n->host.protocol == l->protocol)
            make_warm(n);
    }
    if (l->protocol->warm != NULL)
        l->protocol->warm(live_network(l));
}

static void fail_somebody(struct live_run *r)
{
    uint32_t i = random_live(r, true);

    if (i != NOBODY)
        live_kill(r->live, r->live->host[i]);
}

static void fault(struct live_run *r, const struct act *act)
{
    struct host *h = host_of(r, act->name);

    if (h == NULL)
        return;
    r->member[h->index].retry_us = NEVER; /* it no longer waits to join */
    if (act->kind == ACT_CRASH)
        live_kill(r->live, h);
    else if (act->kind == ACT_VANISH)
        live_vanish(r->live, h);
    else if (act->kind == ACT_LEAVE)
        live_stop(r->live, h);
    else
        restart(r, h);
}

static void begin_quiet(struct live_run *r, const struct act *act)
{
    r->waiting = true;
    r->quiet = *act;
    r->quiet_began_us = r->sample_us = now_of(r);
    r->quiet_since_us = NEVER;
}

static void execute(struct live_run *r, const struct act *act)
{
    switch (act->kind) {
    case ACT_START:
    case ACT_CHURN_JOIN:
        start(r, act);
        break;
    case ACT_COMMAND:
    case ACT_EXPECT:
        give(r, act);
        break;
    case ACT_INVARIANTS:
        verdict_invariants(act, r->live->protocol, live_network(r->live),
                           &r->status, complain, r);
        break;
    case ACT_CRASH:
    case ACT_VANISH:
    case ACT_LEAVE:
    case ACT_RESTART:
        fault(r, act);
        break;
    case ACT_WARM:
        warm(r);
        break;
    case ACT_CHURN_FAIL:
        fail_somebody(r);
        break;
    case ACT_UNTIL:
        if (act->time_us == NEVER)
            begin_quiet(r, act);
        break;
    case ACT_PARTITION: /* refused before the start */
    case ACT_DROP:
    case ACT_DELAY:
    case ACT_DUPLICATE:
    case ACT_DELIVER:
    case ACT_PICK:
    case ACT_FIRE:
    case ACT_HEAL:    /* nothing to heal */
    case ACT_NETWORK: /* ignored */
        break;
    }
}

/* -- Quiet ------------------------------------------------------------------------ */

static bool is_quiet(const struct live_run *r)
{
    const struct live *l = r->live;
    const struct protocol *p = l->protocol;

    for (size_t i = 0; i < l->host_count; i++)
        if (l->host[i]->state == NODE_LEAVING || r->member[i].retry_us != NEVER)
            return false;
    return l->open_count == 0 &&
           (p->settled == NULL || p->settled(live_network(r->live)));
}

/* Look whether the network has been quiet for long enough. */
static void sample(struct live_run *r)
{
    const struct protocol *p = r->live->protocol;
    uint64_t now = now_of(r);
    uint64_t wanted = p->quiet_us != NULL ? p->quiet_us(&r->scenario->settings)
                                          : QUIET_DEFAULT_US;

    r->sample_us = now + wanted / 8 + 1000;
    if (!is_quiet(r))
        r->quiet_since_us = NEVER;
    else if (r->quiet_since_us == NEVER)
        r->quiet_since_us = now;
    if (r->quiet_since_us != NEVER && now - r->quiet_since_us >= wanted) {
        cursor_resume(&r->cursor, now);
        r->waiting = false;
    } else if (now - r->quiet_began_us >= QUIET_LIMIT_US) {
        r->status.never_quiet = r->status.ended = true;
        complain(r, &r->quiet, "never quiet: still unsettled after 1 h");
    }
}

/* -- The run ------------------------------------------------------------------------ */

static void end(struct live_run *r)
{
    r->status.ended = true;
    for (size_t i = 0; i < r->given_count; i++) {
        LOCAL_TEXT why = text_new();
        if (!verdict_unanswered(&r->given[i].act, &r->status, &why))
            complain(r, &r->given[i].act, why.data);
    }
}

/* Do the acts that are due. */
static void act_now(struct live_run *r)
{
    struct act act;

    for (int i = 0; i < ACTS_MAX && !r->status.ended; i++) {
        uint64_t due = cursor_time(r->scenario, &r->cursor);
        if (due == NEVER && !r->waiting)
            end(r);
        if (due > now_of(r) || r->status.ended)
            return;
        if (cursor_next(r->scenario, &r->cursor, &act)) {
            r->waiting = false; /* --until ends a wait for quiet */
            execute(r, &act);
        }
    }
}

/* How long the host may wait for sockets. */
static uint64_t pause_of(const struct live_run *r, uint64_t max_us)
{
    uint64_t now = now_of(r), next = cursor_time(r->scenario, &r->cursor);

    if (r->waiting && r->sample_us < next)
        next = r->sample_us;
    for (size_t i = 0; i < r->live->host_count; i++)
        if (r->member[i].retry_us != NEVER &&
            r->member[i].retry_us - r->begin_us < next)
            next = r->member[i].retry_us - r->begin_us;
    if (next <= now)
        return 0;
    return next - now < max_us ? next - now : max_us;
}

bool live_run_poll(struct live_run *r, uint64_t max_us, struct text *why)
{
    if (r->status.ended || !reserve_members(r))
        return false;
    act_now(r);
    if (r->status.ended)
        return false;
    retry_joins(r);
    if (r->waiting && r->sample_us <= now_of(r))
        sample(r);
    r->status.commands_open = r->live->open_count;
    return live_poll(r->live, pause_of(r, max_us), why);
}

struct sim_status live_run_status(const struct live_run *r)
{
    return r->status;
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
    struct id *more = realloc(r->reserved, (count + 1) * sizeof *more);
    if (more == NULL) {
        text_add(&problem, "not enough memory");
    } else {
        r->live->reserved = r->reserved = more;
        if (p->identify(settings_of(r, act->spec), none, act->spec->id, &id,
                        &problem))
            more[r->live->reserved_count++] = id;
    }
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
    r->choice.state = hash_roll_u64(hash_roll_u64(0, s->seed), 2);
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
    free(r->member);
    free(r->given);
    free(r->reserved);
    text_free(&r->complaints);
    free(r);
}
