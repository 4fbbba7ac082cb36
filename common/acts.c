/* See acts.h. */
#include "common/acts.h"

#include "common/hash.h"
#include "common/introducer.h"

#define QUIET_LIMIT_US (3600 * SECOND_US)
#define QUIET_DEFAULT_US SECOND_US

struct acts acts_new(const struct act_calls *calls, void *run,
                     const struct scenario *s)
{
    uint64_t seed = hash_roll_u64(hash_roll_u64(0, s->seed), 2);

    return (struct acts){
        .calls = calls, .run = run, .scenario = s, .choice.state = seed};
}

void acts_complain(struct acts *a, const struct act *act, const char *text)
{
    LOCAL_TEXT line = text_new();

    if (act != NULL && act->file != NULL)
        text_printf(&line, "%s:%u: ", act->file, act->line);
    text_printf(&line, "%s\n", text);
    a->calls->complain(a, line.data);
}

/* -- Nodes ------------------------------------------------------------------ */

/* A live node of the protocol, which others can join. */
static bool is_live(const struct acts *a, const struct host *h)
{
    return h->state == NODE_UP && h->node != NULL &&
           h->protocol == a->scenario->protocol;
}

uint32_t acts_first_live(struct acts *a, uint32_t except)
{
    const struct network *net = a->calls->network(a);

    for (uint32_t i = 0; i < net->count; i++)
        if (i != except && is_live(a, net->host[i]))
            return i;
    return NOBODY;
}

/* Any live node; of those that may fail, if one is to fail. */
static uint32_t random_live(struct acts *a, bool fails)
{
    const struct network *net = a->calls->network(a);
    uint64_t live = 0;

    for (size_t i = 0; i < net->count; i++)
        live +=
            is_live(a, net->host[i]) && !(fails && net->host[i]->spec->keep);
    uint64_t wanted = random_below(&a->choice, live);
    for (uint32_t i = 0; i < net->count; i++)
        if (is_live(a, net->host[i]) && !(fails && net->host[i]->spec->keep) &&
            wanted-- == 0)
            return i;
    return NOBODY;
}

static struct host *named(struct acts *a, const char *name)
{
    const struct network *net = a->calls->network(a);

    return net->by_name(net, name);
}

static uint32_t whom_to_join(struct acts *a, const struct act *act,
                             const struct node_spec *spec)
{
    if (act->kind == ACT_CHURN_JOIN)
        return random_live(a, false);
    const struct host *h = spec->join != NULL ? named(a, spec->join) : NULL;
    if (h != NULL)
        return h->index;
    return spec->join_any ? acts_first_live(a, NOBODY) : NOBODY;
}

/* Whom a restarted node joins: the one that this line, or its own, names;
   else any that lives, for a network that it has started may go on. */
static uint32_t whom_to_rejoin(struct acts *a, const struct act *act,
                               const struct host *h)
{
    const struct host *other = act->other != NULL ? named(a, act->other) : NULL;

    if (other != NULL)
        return other->index;
    return h->spec->join != NULL ? h->join : acts_first_live(a, h->index);
}

void acts_begin(struct acts *a, struct host *h)
{
    const struct host *other =
        h->join != NOBODY ? a->calls->network(a)->host[h->join] : NULL;
    const struct addr none = {0, 0};

    if (other == NULL)
        a->calls->begin(a, h, none, none);
    else if (other->protocol == &introducer_protocol)
        a->calls->begin(a, h, none, other->addr);
    else if (other->state != NODE_DOWN)
        a->calls->begin(a, h, other->addr, none);
    else
        a->calls->wait(a, h);
}

static void start(struct acts *a, const struct act *act)
{
    static const struct node_spec plain = {.join_any = true};
    const struct node_spec *spec = act->spec != NULL ? act->spec : &plain;
    uint32_t join = whom_to_join(a, act, spec);
    struct host *h = a->calls->enter(a, act, spec);

    if (h == NULL)
        return;
    h->spec = spec;
    h->join = join;
    acts_begin(a, h);
}

static void fault(struct acts *a, const struct act *act)
{
    struct host *h = named(a, act->name);

    if (h == NULL) /* its start failed, which has been complained of */
        return;
    a->calls->fault(a, act->kind, h);
    if (act->kind == ACT_RESTART) {
        h->join = whom_to_rejoin(a, act, h);
        acts_begin(a, h);
    }
}

static void crash_somebody(struct acts *a)
{
    uint32_t i = random_live(a, true);

    if (i != NOBODY)
        a->calls->fault(a, ACT_CRASH, a->calls->network(a)->host[i]);
}

/* -- Judging ----------------------------------------------------------------- */

static void blame(struct acts *a, const struct act *act, const char *why)
{
    LOCAL_TEXT text = text_new();

    text_printf(&text, "%s %s: %s", act->name, act->text, why);
    acts_complain(a, act, text.data);
}

void acts_result(struct acts *a, const struct act *act, bool ok,
                 const struct fields *result)
{
    struct namer names = network_namer(a->calls->network(a));
    LOCAL_TEXT why = text_new();

    if (act->kind == ACT_EXPECT) {
        if (expect_met(act, ok, result, &names, &why))
            return;
        a->status.expects_failed++;
    } else {
        if (ok)
            return;
        a->status.commands_failed++;
        text_add(&why, "failed: ");
        fields_line(&why, result, &names);
    }
    blame(a, act, why.data);
}

void acts_unanswered(struct acts *a, const struct act *act)
{
    if (act->kind != ACT_EXPECT)
        return;
    a->status.expects_failed++;
    blame(a, act, "no answer before the run ended");
}

static void command(struct acts *a, const struct act *act)
{
    struct host *h = named(a, act->name);

    if (h != NULL)
        a->calls->command(a, h, act);
    else /* its start failed, which has been complained of */
        a->status.commands_failed++;
}

static void expect_invariants(struct acts *a, const struct act *act)
{
    LOCAL_FINDINGS f =
        network_check(a->calls->network(a), a->scenario->protocol);

    for (size_t i = 0; i < f.count; i++) {
        if (f.at[i].holds)
            continue;
        LOCAL_TEXT why = text_new();
        text_printf(&why, "broken: %s: %s", f.at[i].name, f.at[i].why.data);
        acts_complain(a, act, why.data);
    }
    a->status.expects_failed += !findings_hold(&f);
}

/* -- All acts ------------------------------------------------------------------ */

void acts_do(struct acts *a, const struct act *act)
{
    switch (act->kind) {
    case ACT_START:
    case ACT_CHURN_JOIN:
        start(a, act);
        break;
    case ACT_COMMAND:
    case ACT_EXPECT:
        command(a, act);
        break;
    case ACT_INVARIANTS:
        expect_invariants(a, act);
        break;
    case ACT_CRASH:
    case ACT_VANISH:
    case ACT_LEAVE:
    case ACT_RESTART:
        fault(a, act);
        break;
    case ACT_CHURN_FAIL:
        crash_somebody(a);
        break;
    case ACT_WARM:
        a->calls->warm(a);
        break;
    case ACT_PARTITION:
    case ACT_HEAL:
    case ACT_NETWORK:
    case ACT_DROP:
    case ACT_DELAY:
    case ACT_DUPLICATE:
    case ACT_DELIVER:
    case ACT_PICK:
    case ACT_FIRE:
        if (a->calls->other != NULL)
            a->calls->other(a, act);
        break;
    case ACT_UNTIL:
        break;
    }
}

/* -- Quiet ---------------------------------------------------------------------- */

void acts_wait_for_quiet(struct acts *a, uint64_t now_us)
{
    a->quiet_began_us = now_us;
    a->quiet_since_us = NEVER;
}

uint64_t acts_quiet_us(const struct acts *a)
{
    const struct protocol *p = a->scenario->protocol;

    return p->quiet_us != NULL ? p->quiet_us(&a->scenario->settings)
                               : QUIET_DEFAULT_US;
}

bool acts_are_quiet(struct acts *a, uint64_t now_us)
{
    const struct protocol *p = a->scenario->protocol;

    if (a->calls->is_busy(a) ||
        (p->settled != NULL && !p->settled(a->calls->network(a))))
        a->quiet_since_us = NEVER;
    else if (a->quiet_since_us == NEVER)
        a->quiet_since_us = now_us;
    return a->quiet_since_us != NEVER &&
           now_us - a->quiet_since_us >= acts_quiet_us(a);
}

bool acts_never_quiet(struct acts *a, const struct act *until, uint64_t now_us)
{
    if (now_us - a->quiet_began_us < QUIET_LIMIT_US)
        return false;
    a->status.never_quiet = true;
    acts_complain(a, until, "never quiet: still unsettled after 1 h");
    return true;
}
