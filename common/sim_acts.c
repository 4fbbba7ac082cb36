/*
 * What the scenario does to a simulation: starts, faults, commands and what
 * is expected of their results, and the wait for quiet.
 *
 * Commands stand in a table by number, newest over oldest, so that the cost
 * of the last COMMANDS_KEPT can still be asked for; it grows only while one
 * that would be overwritten is open.
 */
#include <assert.h>
#include <string.h>

#include "common/sim_impl.h"
#include "common/verdict.h"

/* -- Commands -------------------------------------------------------------------- */

struct command_run *command_get(const struct sim *sim, uint32_t number)
{
    if (number == 0 || sim->command_cap == 0)
        return NULL;
    struct command_run *c = &sim->commands[number & (sim->command_cap - 1)];

    return c->number == number ? c : NULL;
}

/* Double the table; places stay distinct, as numbers that differ modulo the
   old size differ modulo the new one. */
static bool commands_grow(struct sim *sim)
{
    uint32_t cap = sim->command_cap > 0 ? sim->command_cap * 2 : COMMANDS_KEPT;
    struct command_run *grown = arena_zalloc(sim->arena, cap * sizeof *grown);

    if (grown == NULL)
        return false;
    for (uint32_t i = 0; i < sim->command_cap; i++)
        grown[sim->commands[i].number & (cap - 1)] = sim->commands[i];
    arena_free(sim->arena, sim->commands,
               sim->command_cap * sizeof *sim->commands);
    sim->commands = grown;
    sim->command_cap = cap;
    return true;
}

static struct command_run *command_new(struct sim *sim, const struct node *n,
                                       const char *text, const struct act *act)
{
    uint32_t number = sim->command_count + 1;
    size_t bytes = strlen(text) + 1;

    while (sim->command_cap == 0 ||
           sim->commands[number & (sim->command_cap - 1)].open)
        if (!commands_grow(sim))
            return NULL;
    struct command_run *c = &sim->commands[number & (sim->command_cap - 1)];
    *c = (struct command_run){.number = number,
                              .node = n->host.index,
                              .open = true,
                              .text = arena_alloc(sim->arena, bytes)};
    if (act != NULL)
        c->act = arena_alloc(sim->arena, sizeof *act);
    if (c->text == NULL || (act != NULL && c->act == NULL)) {
        c->open = false;
        return NULL;
    }
    memcpy(c->text, text, bytes);
    if (act != NULL)
        *c->act = *act;
    sim->command_count = number;
    sim->status.commands_open++;
    sim->outside_open += act == NULL;
    return c;
}

/* Compare a result with what the scenario wants of it. */
static void command_judge(struct sim *sim, const struct command_run *c, bool ok,
                          const struct fields *fields)
{
    struct namer names = network_namer(&sim->network);
    LOCAL_TEXT why = text_new();

    if (c->act != NULL &&
        !verdict_result(c->act, ok, fields, &names, &sim->status, &why))
        sim_complain(sim, c->act, why.data);
}

/* The command has its result, whoever gives it. */
static void command_end(struct sim *sim, struct command_run *c, bool ok,
                        const struct fields *fields)
{
    if (sim->observer != NULL) {
        struct record r = record_new(sim, RECORD_RESULT);
        r.command = c->number;
        r.to = endpoint_of(node_at(sim, c->node));
        r.text = c->text;
        r.ok = ok;
        r.fields = fields;
        observe_record(sim, &r);
    }
    command_judge(sim, c, ok, fields);
    c->open = false;
    sim->status.commands_open--;
    sim->outside_open -= c->act == NULL;
    arena_free(sim->arena, c->text, strlen(c->text) + 1);
    arena_free(sim->arena, c->act, sizeof *c->act);
    c->text = NULL;
    c->act = NULL;
}

static void command_fail(struct sim *sim, struct command_run *c,
                         const char *error)
{
    struct fields f = fields_new();

    fields_text(&f, "error", error);
    command_end(sim, c, false, &f);
    fields_free(&f);
}

static void fail_for_down(struct node *n, struct command_run *c)
{
    LOCAL_TEXT why = text_new();

    text_printf(&why, "%s is down", n->host.name);
    command_fail(n->sim, c, why.data);
}

void commands_fail(struct node *n)
{
    struct sim *sim = n->sim;

    if (sim->status.commands_open == 0)
        return;
    for (uint32_t i = 0; i < sim->command_cap; i++)
        if (sim->commands[i].open && sim->commands[i].node == n->host.index)
            fail_for_down(n, &sim->commands[i]);
}

void commands_unanswered(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->command_cap; i++) {
        const struct command_run *c = &sim->commands[i];
        LOCAL_TEXT why = text_new();
        if (c->open && c->act != NULL &&
            !verdict_unanswered(c->act, &sim->status, &why))
            sim_complain(sim, c->act, why.data);
    }
}

void command_result(struct host *h, uint32_t number, bool ok,
                    const struct fields *fields)
{
    struct sim *sim = ((struct node *)h)->sim;
    struct command_run *c = command_get(sim, number);

    if (c != NULL && c->open && c->node == h->index) /* else: too late */
        command_end(sim, c, ok, fields);
}

void command_expire(struct sim *sim, uint32_t number)
{
    struct command_run *c = command_get(sim, number);

    if (c == NULL || !c->open)
        return;
    struct node *n = node_at(sim, c->node);
    const struct command *known = command_find(n->host.protocol, c->text);
    LOCAL_TEXT why = text_new();

    text_printf(&why, "no answer within %llu s",
                (unsigned long long)(known->limit_us / 1000000));
    command_fail(sim, c, why.data);
}

/* Give a command to a node: a step, and its number.  `text` outlives the
   call; the table's copy may not, as the command can end within it. */
static uint32_t command_give(struct sim *sim, struct node *n, const char *text,
                             const struct act *act)
{
    const struct command *known = command_find(n->host.protocol, text);
    struct command_run *c = command_new(sim, n, text, act);

    if (c == NULL)
        return 0;
    uint32_t number = c->number;
    step_begin(sim, STEP_COMMAND, n, text, strlen(text));
    if (sim->observer != NULL) {
        struct record r = record_new(sim, RECORD_COMMAND);
        r.command = number;
        r.to = endpoint_of(n);
        r.text = text;
        observe_record(sim, &r);
    }
    if (!node_is_up(n)) {
        fail_for_down(n, c);
        return number;
    }
    if (known != NULL && known->limit_us > 0)
        queue_push(sim,
                   &(struct entry){.time_us = sim->now_us + known->limit_us,
                                   .kind = ENTRY_LIMIT,
                                   .node = n->host.index,
                                   .value = number});
    struct event e = {.kind = EVENT_COMMAND,
                      .command = number,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};
    (void)node_deliver(n, &e, number);
    return number;
}

uint32_t sim_command(struct sim *sim, struct host *node, const char *text)
{
    struct node *n = (struct node *)node;

    if (!node_is_up(n) || sim->status.no_memory)
        return 0;
    sim->status.ended = false; /* until this has its result */
    return command_give(sim, n, text, NULL);
}

void sim_cost(const struct sim *sim, uint32_t command, uint64_t *messages,
              uint64_t *bytes)
{
    const struct command_run *c = command_get(sim, command);

    *messages = c != NULL ? c->messages : 0;
    *bytes = c != NULL ? c->bytes : 0;
}

bool sim_command_open(const struct sim *sim, uint32_t command)
{
    const struct command_run *c = command_get(sim, command);

    return c != NULL && c->open;
}

/* -- Acts -------------------------------------------------------------------------- */

static void start(struct sim *sim, const struct act *act)
{
    uint32_t join = NOBODY;

    if (act->kind == ACT_CHURN_JOIN) {
        join = node_random_live(sim, false);
    } else if (act->spec->join != NULL) {
        const struct node *other = node_by_name(sim, act->spec->join);
        join = other != NULL ? other->host.index : NOBODY;
    } else if (act->spec->join_any) {
        join = node_first_live(sim, NOBODY);
    }
    struct node *n = node_new(sim, act);
    if (n == NULL)
        return;
    n->join = join;
    node_start(n);
}

/* Begin the step of a fault, whose words are `verb` and, or not, a node. */
static void fault(struct sim *sim, const char *verb, const struct node *n)
{
    LOCAL_TEXT text = text_new();

    text_add(&text, verb);
    if (n != NULL)
        text_printf(&text, " %s", n->host.name);
    step_begin(sim, STEP_FAULT, n, text.data, text.len);
    if (sim->observer != NULL) {
        struct record r = record_new(sim, RECORD_FAULT);
        r.text = text.data;
        if (n != NULL)
            r.to = endpoint_of(n);
        observe_record(sim, &r);
    }
}

static void crash_somebody(struct sim *sim)
{
    uint32_t i = node_random_live(sim, true);

    if (i == NOBODY)
        return;
    fault(sim, "crash", node_at(sim, i));
    node_down(node_at(sim, i), DOWN_KILLED);
}

static void partition(struct sim *sim, const char *const *groups)
{
    LOCAL_TEXT text = text_new();

    text_add(&text, "partition");
    for (size_t i = 0; groups[i] != NULL; i++)
        text_printf(&text, "%s%s", i > 0 ? " | " : " ", groups[i]);
    fault(sim, text.data, NULL);
    net_set_groups(sim, groups);
    streams_heal(sim); /* what is still held up will be again */
}

/* Faults that concern one node. */
static void node_fault(struct sim *sim, const struct act *act)
{
    static const char *const verb[] = {[ACT_CRASH] = "crash",
                                       [ACT_VANISH] = "vanish",
                                       [ACT_LEAVE] = "leave",
                                       [ACT_RESTART] = "restart"};
    struct node *n = node_by_name(sim, act->name);

    if (n == NULL)
        return;
    fault(sim, verb[act->kind], n);
    if (act->kind == ACT_LEAVE)
        node_leave(n);
    else if (act->kind == ACT_RESTART)
        node_restart(n);
    else
        node_down(n, act->kind == ACT_CRASH ? DOWN_KILLED : DOWN_VANISHED);
}

void act_execute(struct sim *sim, const struct act *act)
{
    struct node *n = NULL;

    switch (act->kind) {
    case ACT_START:
    case ACT_CHURN_JOIN:
        start(sim, act);
        break;
    case ACT_COMMAND:
    case ACT_EXPECT:
        n = node_by_name(sim, act->name);
        if (n != NULL)
            (void)command_give(sim, n, act->text, act);
        break;
    case ACT_INVARIANTS:
        verdict_invariants(act, sim->scenario->protocol, sim_network(sim),
                           &sim->status, sim_complain, sim);
        break;
    case ACT_CRASH:
    case ACT_VANISH:
    case ACT_LEAVE:
    case ACT_RESTART:
        node_fault(sim, act);
        break;
    case ACT_PARTITION:
        partition(sim, act->groups);
        break;
    case ACT_HEAL:
        fault(sim, "heal", NULL);
        net_set_groups(sim, NULL);
        streams_heal(sim);
        break;
    case ACT_WARM:
        nodes_warm(sim);
        break;
    case ACT_NETWORK:
        sim->model = act->network;
        break;
    case ACT_CHURN_FAIL:
        crash_somebody(sim);
        break;
    case ACT_DROP:
    case ACT_DELAY:
    case ACT_DUPLICATE:
    case ACT_DELIVER:
    case ACT_PICK:
    case ACT_FIRE:
        intervene(sim, act);
        break;
    case ACT_UNTIL: /* the time has been set */
        break;
    }
}

/* -- Quiet -------------------------------------------------------------------------- */

void quiet_begin(struct sim *sim)
{
    sim->quiet_began_us = sim->now_us;
    sim->quiet_since_us = NEVER;
    sim->sample_us = sim->now_us;
}

static bool is_quiet(struct sim *sim)
{
    const struct protocol *p = sim->scenario->protocol;

    return sim->status.commands_open == 0 && sim->waiting_count == 0 &&
           sim->leaving_count == 0 &&
           (p->settled == NULL || p->settled(sim_network(sim)));
}

/* The wait is over, or `--until` ends it; on to the next act. */
static void quiet_end(struct sim *sim)
{
    sim->sample_us = NEVER;
    sim->has_act = false;
}

static void quiet_never(struct sim *sim, const char *why)
{
    sim->status.never_quiet = true;
    sim_complain(sim, &sim->act, why);
    sim->acts_over = true;
    quiet_end(sim);
}

/* Nothing is due before the time to look: look. */
void quiet_sample(struct sim *sim)
{
    const struct scenario *s = sim->scenario;
    const struct protocol *p = s->protocol;
    uint64_t wanted =
        p->quiet_us != NULL ? p->quiet_us(&s->settings) : QUIET_DEFAULT_US;
    /* nothing will ever change */
    bool idle = sim->queue.count + sim->queue.later_count == 0;

    if (!idle && sim->now_us < sim->sample_us)
        sim->now_us = sim->sample_us;
    if (!is_quiet(sim))
        sim->quiet_since_us = NEVER;
    else if (sim->quiet_since_us == NEVER)
        sim->quiet_since_us = sim->now_us;
    if (sim->quiet_since_us != NEVER &&
        (idle || sim->now_us - sim->quiet_since_us >= wanted)) {
        cursor_resume(&sim->cursor, sim->now_us);
        quiet_end(sim);
    } else if (idle) {
        quiet_never(sim, "never quiet: nothing is under way any more, and "
                         "the network has not settled");
    } else if (sim->now_us - sim->quiet_began_us >= QUIET_LIMIT_US) {
        quiet_never(sim, "never quiet: still unsettled after 1 h");
    } else {
        sim->sample_us = sim->now_us + (wanted >= 8 ? wanted / 8 : 1);
        if (cursor_time(s, &sim->cursor) < sim->sample_us)
            quiet_end(sim);
    }
}
