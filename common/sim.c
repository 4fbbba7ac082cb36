/*
 * The run of a simulation: its life, one step after the other, checkpoints,
 * and how it stands.  sim_impl.h says what is where.
 *
 * Three things drive a run: the scenario's next act, the queue of what nodes
 * have caused, and, while waiting for quiet, the times to look whether the
 * network has settled.  `advance` does whichever is due first.  An act comes
 * before what is queued for the same time; `run until` comes after it.
 */
#include "common/sim.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/sim_impl.h"

#define COMPLAINTS_BYTES_MAX ((size_t)64 * 1024)

/* -- Life ------------------------------------------------------------------ */

struct sim *sim_new(const struct scenario *s, struct text *why)
{
    struct arena *arena = arena_new(ARENA_BYTES);
    struct sim *sim = arena != NULL ? arena_zalloc(arena, sizeof *sim) : NULL;

    if (sim == NULL) {
        text_add(why, "not enough memory for a simulation");
        if (arena != NULL)
            arena_delete(arena);
        return NULL;
    }
    sim->arena = arena;
    sim->scenario = s;
    sim->hash = hash_roll_u64(0, s->seed);
    sim->chance.state = hash_roll_u64(sim->hash, 1);
    sim->acts = acts_new(&sim_act_calls, sim, s);
    sim->model = &s->network;
    sim->sample_us = NEVER;
    sim->cursor = cursor_new(s);
    nodes_new(sim);
    if (!nodes_reserve_ids(sim, why)) {
        sim_free(sim);
        return NULL;
    }
    return sim;
}

void sim_free(struct sim *sim)
{
    if (sim == NULL)
        return;
    free(sim->in_flight);
    arena_delete(sim->arena);
}

void sim_observe(struct sim *sim, const struct observer *o)
{
    sim->observer = o;
}

size_t sim_size(const struct sim *sim)
{
    return sim->arena->used;
}

void sim_save(const struct sim *sim, void *checkpoint)
{
    memcpy(checkpoint, sim->arena, sim->arena->used);
}

void sim_restore(struct sim *sim, const void *checkpoint, size_t bytes)
{
    const struct observer *observer = sim->observer;
    struct in_flight *in_flight = sim->in_flight;
    size_t in_flight_cap = sim->in_flight_cap;

    memcpy(sim->arena, checkpoint, bytes);
    sim->observer = observer;
    sim->in_flight = in_flight;
    sim->in_flight_cap = in_flight_cap;
    sim->in_flight_step = 0;
}

/* -- Steps ------------------------------------------------------------------ */

void step_begin(struct sim *sim, enum step_kind kind, const struct node *n,
                const void *data, size_t len)
{
    uint64_t who = n != NULL ? n->name_hash : 0;
    uint64_t h = hash_roll_u64(sim->hash, sim->now_us);

    sim->steps++;
    sim->queue.number = sim->steps << QUEUE_STEP_SHIFT;
    h = hash_roll_u64(h, who + (uint64_t)kind);
    sim->hash = hash_roll(h, data, len);
}

struct endpoint endpoint_of(const struct node *n)
{
    return (struct endpoint){.addr = n->host.addr, .name = n->host.name};
}

struct record record_new(const struct sim *sim, enum record_kind kind)
{
    return (struct record){
        .kind = kind, .step = sim->steps, .time_us = sim->now_us};
}

void observe_record(const struct sim *sim, const struct record *r)
{
    sim->observer->record(sim->observer->context, r);
}

void record_about(const struct sim *sim, const struct node *n,
                  enum record_kind kind, const char *text)
{
    struct record r = record_new(sim, kind);

    if (sim->observer == NULL)
        return;
    if (n != NULL)
        r.to = endpoint_of(n);
    r.text = text;
    observe_record(sim, &r);
}

size_t node_deliver(struct node *n, const struct event *e, uint32_t command)
{
    struct sim *sim = n->sim;

    sim->command = command;
    size_t used = host_deliver(&n->host, e);
    sim->command = 0;
    if (n->done_leaving && node_is_up(n))
        node_down(n, DOWN_LEFT);
    return used;
}

/* Do what an entry says; not every entry is a step. */
void entry_execute(struct sim *sim, const struct entry *e)
{
    if (sim->now_us < e->time_us)
        sim->now_us = e->time_us;
    switch ((enum entry_kind)e->kind) {
    case ENTRY_TIMER:
        timer_entry(sim, e);
        break;
    case ENTRY_DATAGRAM:
        message_arrive(sim, e->what);
        break;
    case ENTRY_JOIN:
        node_retry_join(node_at(sim, e->node), e->value);
        break;
    case ENTRY_LEAVE:
        node_leave_limit(node_at(sim, e->node), e->value);
        break;
    case ENTRY_LIMIT:
        command_expire(sim, (uint32_t)e->value);
        break;
    case ENTRY_SEGMENT:
        segment_arrive(sim, e->what);
        break;
    case ENTRY_DOWNLINK:
        segment_at_downlink(sim, e->what);
        break;
    case ENTRY_ACK:
        segment_acknowledged(sim, e->what);
        break;
    case ENTRY_UPLINK:
        uplink_free(node_at(sim, e->node));
        break;
    case ENTRY_ROOM:
        side_room(sim, e->what);
        break;
    case ENTRY_CLOSED:
        side_closed(e->what, (enum close_reason)e->reason);
        break;
    case ENTRY_STALL:
        stream_stalled(sim, e->what);
        break;
    case ENTRY_HASHED:
        content_hashed(sim, e);
        break;
    }
}

/* Have the next act at hand, unless the scenario is over. */
static void fetch_act(struct sim *sim)
{
    if (sim->has_act || sim->acts_over)
        return;
    sim->has_act = cursor_next(sim->scenario, &sim->cursor, &sim->act);
    sim->acts_over = !sim->has_act;
    if (sim->has_act && sim->act.kind == ACT_UNTIL &&
        sim->act.time_us == NEVER) {
        acts_wait_for_quiet(&sim->acts, sim->now_us);
        sim->sample_us = sim->now_us;
    }
}

/* When the next thing that is not in the queue is to be done. */
static uint64_t act_time(const struct sim *sim)
{
    if (!sim->has_act)
        return NEVER;
    return sim->sample_us != NEVER ? sim->sample_us : sim->act.time_us;
}

/* Does the next act come before an entry of time `queued`? */
static bool act_first(const struct sim *sim, uint64_t queued)
{
    if (!sim->has_act)
        return false;
    if (sim->act.kind == ACT_UNTIL)
        return queued == NEVER || act_time(sim) < queued;
    return act_time(sim) <= queued;
}

static void do_act(struct sim *sim)
{
    if (sim->sample_us != NEVER) {
        quiet_sample(sim);
        return;
    }
    struct act act = sim->act;

    sim->has_act = false;
    if (sim->now_us < act.time_us)
        sim->now_us = act.time_us;
    acts_do(&sim->acts, &act);
}

static void end(struct sim *sim)
{
    if (!sim->acts.status.ended)
        commands_unanswered(sim);
    sim->acts.status.ended = true;
}

/* When the next thing is due; the present time when there is none.  `top` is
   the queue's first entry, or NULL. */
static uint64_t next_time(const struct sim *sim, const struct entry *top)
{
    uint64_t queued = top != NULL ? top->time_us : NEVER;
    uint64_t next = act_first(sim, queued) ? act_time(sim) : queued;

    if (sim->again != NULL || next == NEVER || next < sim->now_us)
        return sim->now_us;
    return next;
}

/* Is an act next and due now that is no step?  It then comes before what a
   hand does just before the next step: that hand has seen a warm network. */
static bool act_is_no_step(const struct sim *sim, const struct entry *top)
{
    return act_first(sim, top != NULL ? top->time_us : NEVER) &&
           sim->act.time_us <= sim->now_us &&
           (sim->act.kind == ACT_WARM || sim->act.kind == ACT_NETWORK ||
            sim->act.kind == ACT_INVARIANTS);
}

/* Do the next thing, be it a step or not; false when it is due only after
   `limit`, or when there is none. */
static bool advance(struct sim *sim, uint64_t limit)
{
    const struct scenario *s = sim->scenario;

    if (sim->arena->full) {
        sim->acts.status.no_memory = true;
        end(sim);
    }
    if (sim->acts.status.ended)
        return false;
    sim->in_flight_step = 0;
    fetch_act(sim);
    const struct entry *top = queue_top(sim);
    if (next_time(sim, top) > limit)
        return false;
    if (sim->intervention < s->intervention_count &&
        s->intervention[sim->intervention].step <= sim->steps + 1 &&
        !act_is_no_step(sim, top)) {
        intervene(sim, &s->intervention[sim->intervention++].act);
    } else if (sim->again != NULL) {
        stream_again(sim);
    } else if (act_first(sim, top != NULL ? top->time_us : NEVER)) {
        do_act(sim);
    } else if (top == NULL || (!sim->has_act && sim->outside_open == 0)) {
        end(sim);
    } else {
        struct entry e = queue_pop(sim);
        entry_execute(sim, &e);
    }
    return true;
}

/* Look whether the first command of the scenario comes next. */
static bool look_ahead(struct sim *sim)
{
    if (sim->command_count > 0 || sim->acts.status.ended) {
        sim->before_command = true;
        return false;
    }
    fetch_act(sim);
    const struct entry *top = queue_top(sim);
    sim->before_command =
        sim->again == NULL && sim->has_act &&
        (sim->act.kind == ACT_COMMAND || sim->act.kind == ACT_EXPECT) &&
        act_first(sim, top != NULL ? top->time_us : NEVER);
    return sim->before_command;
}

/* Before the first command it stops even without having made a step, so that
   who looks at the network just before it sees what `warm` has made. */
bool sim_step(struct sim *sim)
{
    uint64_t steps = sim->steps;

    while (advance(sim, NEVER) && !look_ahead(sim) && sim->steps == steps)
        ;
    return sim->steps != steps || !sim->acts.status.ended;
}

void sim_run(struct sim *sim)
{
    while (advance(sim, NEVER))
        ;
}

uint64_t sim_next_time(struct sim *sim)
{
    if (sim->acts.status.ended)
        return NEVER;
    fetch_act(sim);
    return next_time(sim, queue_top(sim));
}

void sim_run_to(struct sim *sim, uint64_t time_us)
{
    while (advance(sim, time_us))
        ;
    (void)look_ahead(sim);
    if (!sim->acts.status.ended && sim->now_us < time_us)
        sim->now_us = time_us;
}

/* -- How a run stands ---------------------------------------------------------- */

bool sim_before_command(const struct sim *sim)
{
    return sim->before_command;
}

bool sim_warmed(const struct sim *sim)
{
    return sim->warmed;
}

uint64_t sim_steps(const struct sim *sim)
{
    return sim->steps;
}

uint64_t sim_now(const struct sim *sim)
{
    return sim->now_us;
}

uint64_t sim_hash(const struct sim *sim)
{
    return sim->hash;
}

const struct scenario *sim_scenario(const struct sim *sim)
{
    return sim->scenario;
}

const struct network *sim_network(struct sim *sim)
{
    sim->network.now_us = sim->now_us;
    return &sim->network;
}

struct sim_status sim_status(const struct sim *sim)
{
    return sim->acts.status;
}

const char *sim_complaints(const struct sim *sim)
{
    return sim->complaints != NULL ? sim->complaints : "";
}

void sim_complain(struct acts *a, const char *line)
{
    struct sim *sim = a->run;
    size_t len = strlen(line), needed = sim->complaints_len + len + 1;

    if (needed > COMPLAINTS_BYTES_MAX)
        return;
    if (needed > sim->complaints_cap) {
        char *grown = arena_grow(sim->arena, sim->complaints,
                                 sim->complaints_cap, 2 * needed);
        if (grown == NULL)
            return;
        sim->complaints = grown;
        sim->complaints_cap = 2 * needed;
    }
    memcpy(sim->complaints + sim->complaints_len, line, len + 1);
    sim->complaints_len += len;
}
