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
    sim->acts.status.commands_open++;
    sim->outside_open += act == NULL;
    return c;
}

/* The command has its result. */
static void command_end(struct sim *sim, struct command_run *c, bool ok,
                        const struct fields *fields)
{
    if (c->act != NULL)
        acts_result(&sim->acts, c->act, ok, fields);
    c->open = false;
    sim->acts.status.commands_open--;
    sim->outside_open -= c->act == NULL;
    arena_free(sim->arena, c->text, strlen(c->text) + 1);
    arena_free(sim->arena, c->act, sizeof *c->act);
    c->text = NULL;
    c->act = NULL;
}

static void fail_for_down(struct node *n, const struct command_run *c)
{
    LOCAL_TEXT why = text_new();

    text_printf(&why, "%s is down", n->host.name);
    host_failed(&n->host, c->number, why.data);
}

void commands_fail(struct node *n)
{
    struct sim *sim = n->sim;

    if (sim->acts.status.commands_open == 0)
        return;
    for (uint32_t i = 0; i < sim->command_cap; i++)
        if (sim->commands[i].open && sim->commands[i].node == n->host.index)
            fail_for_down(n, &sim->commands[i]);
}

void commands_unanswered(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->command_cap; i++)
        if (sim->commands[i].open && sim->commands[i].act != NULL)
            acts_unanswered(&sim->acts, sim->commands[i].act);
}

void command_result(struct host *h, uint32_t number, bool ok,
                    const struct fields *fields)
{
    struct sim *sim = ((struct node *)h)->sim;
    struct command_run *c = command_get(sim, number);
    bool open = c != NULL && c->open && c->node == h->index;

    if (sim->observer != NULL && (open || number == 0)) {
        struct record r = record_new(sim, RECORD_RESULT);
        r.command = number;
        r.to = endpoint_of((struct node *)h);
        r.text = open ? c->text : fields->type != NULL ? fields->type : "news";
        r.ok = ok;
        r.fields = fields;
        observe_record(sim, &r);
    }
    if (open) /* else: too late */
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
    host_failed(&n->host, number, why.data);
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

    if (!node_is_up(n) || sim->acts.status.no_memory)
        return 0;
    sim->acts.status.ended = false; /* until this has its result */
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

static const struct network *act_network(struct acts *a)
{
    return sim_network(a->run);
}

static bool is_busy(const struct acts *a)
{
    const struct sim *sim = a->run;

    return a->status.commands_open + sim->waiting_count + sim->leaving_count >
           0;
}

static void act_command(struct acts *a, struct host *h, const struct act *act)
{
    (void)command_give(a->run, (struct node *)h, act->text, act);
}

/* Begin the step of a fault, whose words are `verb` and, or not, a node. */
static void fault(struct sim *sim, const char *verb, const struct node *n)
{
    LOCAL_TEXT text = text_new();

    text_add(&text, verb);
    if (n != NULL)
        text_printf(&text, " %s", n->host.name);
    step_begin(sim, STEP_FAULT, n, text.data, text.len);
    record_about(sim, n, RECORD_FAULT, text.data);
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
static void act_fault(struct acts *a, enum act_kind kind, struct host *h)
{
    static const char *const verb[] = {[ACT_CRASH] = "crash",
                                       [ACT_VANISH] = "vanish",
                                       [ACT_LEAVE] = "leave",
                                       [ACT_RESTART] = "restart"};
    struct node *n = (struct node *)h;

    fault(a->run, verb[kind], n);
    if (kind == ACT_LEAVE)
        node_leave(n);
    else
        node_down(n, kind == ACT_VANISH ? DOWN_VANISHED : DOWN_KILLED);
    h->restarts += kind == ACT_RESTART;
}

/* The weather, and what a hand does. */
static void act_other(struct acts *a, const struct act *act)
{
    struct sim *sim = a->run;

    if (act->kind == ACT_PARTITION) {
        partition(sim, act->groups);
    } else if (act->kind == ACT_HEAL) {
        fault(sim, "heal", NULL);
        net_set_groups(sim, NULL);
        streams_heal(sim);
    } else if (act->kind == ACT_NETWORK) {
        sim->model = act->network;
    } else {
        intervene(sim, act);
    }
}

const struct act_calls sim_act_calls = {.network = act_network,
                                        .complain = sim_complain,
                                        .is_busy = is_busy,
                                        .enter = node_enter,
                                        .begin = node_begin,
                                        .wait = node_wait,
                                        .command = act_command,
                                        .fault = act_fault,
                                        .warm = nodes_warm,
                                        .other = act_other};

/* -- Quiet -------------------------------------------------------------------------- */

/* The wait is over, or `--until` ends it; on to the next act. */
static void quiet_end(struct sim *sim)
{
    sim->sample_us = NEVER;
    sim->has_act = false;
}

/* Nothing is due before the time to look: look. */
void quiet_sample(struct sim *sim)
{
    struct acts *a = &sim->acts;
    uint64_t wanted = acts_quiet_us(a);
    /* nothing will ever change */
    bool idle = sim->queue.count + sim->queue.later_count == 0;

    if (!idle && sim->now_us < sim->sample_us)
        sim->now_us = sim->sample_us;
    if (acts_are_quiet(a, sim->now_us) ||
        (idle && a->quiet_since_us != NEVER)) {
        cursor_resume(&sim->cursor, sim->now_us);
        quiet_end(sim);
    } else if (idle) {
        a->status.never_quiet = true;
        acts_complain(a, &sim->act,
                      "never quiet: nothing is under way any more, and the "
                      "network has not settled");
    } else if (!acts_never_quiet(a, &sim->act, sim->now_us)) {
        sim->sample_us = sim->now_us + (wanted >= 8 ? wanted / 8 : 1);
        if (cursor_time(sim->scenario, &sim->cursor) < sim->sample_us)
            quiet_end(sim);
    }
    if (a->status.never_quiet) {
        sim->acts_over = true;
        quiet_end(sim);
    }
}
