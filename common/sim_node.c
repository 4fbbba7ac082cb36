/*
 * Nodes of a simulation: how they get their address, id and random stream,
 * how they start and end, and the host calls that concern one node only.
 *
 * A node is entered when its line of the scenario is due, and stays in the
 * network for the whole run.  Names, addresses and ids are found by small
 * hash tables, never by walking.
 */
#include <assert.h>
#include <string.h>

#include "common/hash.h"
#include "common/introducer.h"
#include "common/sim_impl.h"

#define DRAWS_MAX 10000 /* of an address, before all ids seem taken */

/* -- The hash table ---------------------------------------------------------- */

struct table_slot {
    uint32_t key, value;
};

static uint32_t table_place(const struct table *t, uint32_t key)
{
    return (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) &
           (t->cap - 1);
}

static void table_put(struct table *t, uint32_t key, uint32_t value)
{
    uint32_t i = table_place(t, key);

    while (t->slot[i].value != 0)
        i = (i + 1) & (t->cap - 1);
    t->slot[i] = (struct table_slot){.key = key, .value = value};
    t->count++;
}

bool table_add(struct sim *sim, struct table *t, uint32_t key, uint32_t value)
{
    if (t->count + 1 > t->cap / 4 * 3) {
        struct table bigger = {.cap = t->cap > 0 ? t->cap * 2 : 16};
        bigger.slot =
            arena_zalloc(sim->arena, bigger.cap * sizeof *bigger.slot);
        if (bigger.slot == NULL)
            return false;
        for (uint32_t i = 0; i < t->cap; i++)
            if (t->slot[i].value != 0)
                table_put(&bigger, t->slot[i].key, t->slot[i].value);
        arena_free(sim->arena, t->slot, t->cap * sizeof *t->slot);
        *t = bigger;
    }
    table_put(t, key, value);
    return true;
}

uint32_t table_next(const struct table *t, uint32_t key, uint32_t *at)
{
    if (t->cap == 0)
        return 0;
    uint32_t i = (table_place(t, key) + *at) & (t->cap - 1);

    for (; t->slot[i].value != 0; i = (i + 1) & (t->cap - 1)) {
        ++*at;
        if (t->slot[i].key == key)
            return t->slot[i].value;
    }
    return 0;
}

void table_remove(struct table *t, uint32_t key, uint32_t value)
{
    uint32_t mask = t->cap - 1, i = table_place(t, key);

    while (t->slot[i].key != key || t->slot[i].value != value) {
        if (t->slot[i].value == 0)
            return;
        i = (i + 1) & mask;
    }
    t->count--;
    /* Close the gap: move up what would no longer be found behind it. */
    for (uint32_t k = (i + 1) & mask; t->slot[k].value != 0;
         k = (k + 1) & mask) {
        uint32_t home = table_place(t, t->slot[k].key);
        if (((k - home) & mask) >= ((k - i) & mask)) {
            t->slot[i] = t->slot[k];
            i = k;
        }
    }
    t->slot[i] = (struct table_slot){.value = 0};
}

/* -- Finding nodes --------------------------------------------------------------- */

static uint64_t hash_name(const char *name)
{
    return hash_roll(0, name, strlen(name));
}

struct node *node_by_name(const struct sim *sim, const char *name)
{
    uint32_t at = 0, found = 0, key = (uint32_t)hash_name(name);

    while ((found = table_next(&sim->names, key, &at)) != 0)
        if (strcmp(node_at(sim, found - 1)->host.name, name) == 0)
            return node_at(sim, found - 1);
    return NULL;
}

uint32_t node_by_addr(const struct sim *sim, struct addr a)
{
    uint32_t at = 0, found = table_next(&sim->addresses, a.ip, &at);

    return found != 0 && a.port == SIM_PORT ? found - 1 : NOBODY;
}

static struct host *network_by_name(const struct network *n, const char *name)
{
    struct node *node = node_by_name(n->context, name);

    return node != NULL ? &node->host : NULL;
}

static struct host *network_by_addr(const struct network *n, struct addr addr)
{
    uint32_t i = node_by_addr(n->context, addr);

    return i != NOBODY ? n->host[i] : NULL;
}

static uint64_t network_rtt(const struct network *n, struct addr a,
                            struct addr b)
{
    return 2 * net_latency(n->context, a, b);
}

static bool network_place(const struct network *n, const struct host *h,
                          unsigned *x, unsigned *y)
{
    const struct sim *sim = n->context;
    uint32_t at_x, at_y;

    if (!sim_position(sim, h, &at_x, &at_y))
        return false;
    *x = at_x * 1000 / (sim->model->plane_width + 1);
    *y = at_y * 1000 / (sim->model->plane_height + 1);
    return true;
}

void nodes_new(struct sim *sim)
{
    sim->network = (struct network){.settings = &sim->scenario->settings,
                                    .by_name = network_by_name,
                                    .by_addr = network_by_addr,
                                    .rtt_us = network_rtt,
                                    .place = network_place,
                                    .context = sim};
}

/* -- Host calls ------------------------------------------------------------------ */

static struct node *node_of(struct host *h)
{
    return (struct node *)h;
}

static uint64_t call_now(struct host *h)
{
    return node_of(h)->sim->now_us;
}

static void *call_alloc(struct host *h, size_t bytes)
{
    return arena_zalloc(node_of(h)->sim->arena, bytes);
}

static void call_free(struct host *h, void *memory, size_t bytes)
{
    arena_free(node_of(h)->sim->arena, memory, bytes);
}

static void call_note(struct host *h, const char *text)
{
    record_about(node_of(h)->sim, node_of(h), RECORD_NOTE, text);
}

static bool call_wants_notes(struct host *h)
{
    return node_of(h)->sim->observer != NULL;
}

static bool call_resolve(struct host *h, const char *name, struct addr *addr)
{
    const struct node *at = node_by_name(node_of(h)->sim, name);

    if (at == NULL)
        return false;
    *addr = at->host.addr;
    return true;
}

static void call_left(struct host *h)
{
    node_of(h)->done_leaving = true;
}

static const struct host_calls calls = {.now = call_now,
                                        .alloc = call_alloc,
                                        .free = call_free,
                                        .timer = timer_arm,
                                        .timer_cancel = timer_cancel,
                                        .resolve = call_resolve,
                                        .send = net_send,
                                        .connect = net_connect,
                                        .write = net_write,
                                        .phase = net_phase,
                                        .finish = net_finish,
                                        .abort = net_abort,
                                        .result = command_result,
                                        .note = call_note,
                                        .wants_notes = call_wants_notes,
                                        .left = call_left,
                                        .keep = content_keep,
                                        .hash = content_hash,
                                        .write_content = net_write_content};

/* -- New nodes --------------------------------------------------------------------- */

/* The key of an id in `ids`, a set: two ids may share one, and then the
   second node draws another address for nothing. */
static uint32_t id_key(const struct id *id)
{
    uint64_t h = 0;

    for (size_t i = 0; i < ID_WORDS; i++)
        h = hash_roll_u64(h, id->word[i]);
    return (uint32_t)h;
}

static bool in_table(const struct table *t, uint32_t key)
{
    uint32_t at = 0;

    return table_next(t, key, &at) != 0;
}

/* Reserve the id of one node line; false with *why. */
static bool reserve_id(struct sim *sim, const struct act *act, struct text *why)
{
    const struct protocol *p = sim->scenario->protocol;
    const char *text = act->spec->id;
    LOCAL_TEXT problem = text_new();
    struct id id = {{0}};

    if (p->identify(acts_settings(&sim->acts, act->spec),
                    (struct addr){.ip = 0}, text, &id, &problem)) {
        if (in_table(&sim->ids, id_key(&id)))
            text_printf(&problem, "id %s is taken by an earlier node", text);
        else if (!table_add(sim, &sim->ids, id_key(&id), 1))
            text_add(&problem, "not enough memory");
    }
    bool ok = problem.len == 0;
    if (!ok)
        text_printf(why, "%s:%u: %s", act->file, act->line, problem.data);
    return ok;
}

bool nodes_reserve_ids(struct sim *sim, struct text *why)
{
    struct cursor c = cursor_new(sim->scenario);
    struct act act;

    if (sim->scenario->protocol->identify == NULL)
        return true;
    while (cursor_next(sim->scenario, &c, &act)) {
        if (act.kind == ACT_UNTIL)
            cursor_resume(&c, act.time_us == NEVER ? 0 : act.time_us);
        else if (act.kind == ACT_START && act.spec->id != NULL &&
                 !reserve_id(sim, &act, why))
            return false;
    }
    return true;
}

/* Draw an address that is free, and so is the id that comes of it. */
static bool draw_address(struct sim *sim, struct node *n)
{
    const struct protocol *p = n->host.protocol;
    const char *given = n->host.spec->id;
    LOCAL_TEXT why = text_new();
    bool drawn = false;

    for (uint64_t i = 0; i < DRAWS_MAX && !drawn; i++) {
        uint64_t h =
            hash_roll_u64(hash_roll_u64(sim->scenario->seed, n->name_hash), i);
        uint32_t last = 1 + (uint32_t)(h >> 32) % 254; /* not .0, not .255 */
        n->host.addr.ip = 0x0a000000 | ((uint32_t)h & 0xffff) << 8 | last;
        n->host.addr.port = SIM_PORT;
        if (in_table(&sim->addresses, n->host.addr.ip))
            continue;
        if (p->identify == NULL) {
            drawn = true;
        } else if (p->identify(acts_settings(&sim->acts, n->host.spec),
                               n->host.addr, given, &n->host.id, &why)) {
            uint32_t key = id_key(&n->host.id);
            drawn = given != NULL || (!in_table(&sim->ids, key) &&
                                      table_add(sim, &sim->ids, key, 1));
        }
    }
    return drawn;
}

static bool enter(struct sim *sim, struct node *n)
{
    struct network *net = &sim->network;
    uint32_t index = (uint32_t)net->count;

    if (net->count == sim->host_cap) {
        size_t cap = sim->host_cap > 0 ? sim->host_cap * 2 : 16;
        const size_t each = sizeof(void *);
        /* The array is ours; only the view of it is constant. */
        struct host **grown = arena_grow(sim->arena, sim->hosts,
                                         sim->host_cap * each, cap * each);
        if (grown == NULL)
            return false;
        net->host = sim->hosts = grown;
        sim->host_cap = cap;
    }
    if (!table_add(sim, &sim->names, (uint32_t)n->name_hash, index + 1) ||
        !table_add(sim, &sim->addresses, n->host.addr.ip, index + 1))
        return false;
    n->host.index = index;
    sim->hosts[net->count++] = &n->host;
    return true;
}

/* Allocate a node and its name. */
static struct node *node_alloc(struct sim *sim, const struct act *act,
                               const struct node_spec *spec,
                               const struct protocol *p)
{
    const struct node *at =
        spec->join != NULL ? node_by_name(sim, spec->join) : NULL;
    bool introduced = at != NULL && at->host.protocol == &introducer_protocol;
    uint8_t timers = (uint8_t)(timers_count(p) + introduced);
    struct node *n =
        arena_zalloc(sim->arena, sizeof *n + timers * sizeof n->timer[0]);
    size_t bytes = strlen(act->name) + 1;
    char *name = arena_alloc(sim->arena, bytes);

    if (n == NULL || name == NULL)
        return NULL;
    memcpy(name, act->name, bytes);
    n->host.name = name;
    n->timer_count = timers;
    n->introduced = introduced;
    n->wake.due_us = NEVER;
    timers_clear(n);
    return n;
}

struct host *node_enter(struct acts *a, const struct act *act,
                        const struct node_spec *spec)
{
    struct sim *sim = a->run;
    const struct protocol *p =
        spec->introducer ? &introducer_protocol : sim->scenario->protocol;
    struct node *n = node_alloc(sim, act, spec, p);

    if (n == NULL)
        return NULL;
    n->sim = sim;
    n->name_hash = hash_name(act->name);
    n->group = net_group(sim->groups, act->name);
    n->host.spec = spec;
    n->host.calls = &calls;
    n->host.protocol = p;
    n->host.state = NODE_DOWN;
    if (spec->share_count > 0 &&
        (!content_keep(&n->host) ||
         !contents_share(n->host.contents, spec->share, spec->share_count)))
        return NULL;
    if (!draw_address(sim, n)) {
        LOCAL_TEXT why = text_new();
        text_printf(&why, "no id is left for node %s", act->name);
        acts_complain(a, act, why.data);
        a->status.expects_failed++;
        return NULL;
    }
    if (!enter(sim, n))
        return NULL;
    step_begin(sim, STEP_START, n, NULL, 0);
    record_about(sim, n, RECORD_START, NULL);
    return &n->host;
}

/* -- Start and end -------------------------------------------------------------------- */

/* Create the node's state, or let it ask the introducer first. */
static bool create(struct node *n, struct addr join, struct addr introducer)
{
    struct sim *sim = n->sim;
    struct config c = {.settings = acts_settings(&sim->acts, n->host.spec),
                       .self = n->host.addr,
                       .join = join,
                       .id = n->host.id};

    if (host_begin(&n->host, &c, introducer))
        return true;
    sim->arena->full = true;
    return false;
}

/* Part of a step that has begun. */
void node_begin(struct acts *a, struct host *h, struct addr join,
                struct addr introducer)
{
    struct node *n = node_of(h);

    h->random = host_random_stream(a->scenario->seed, h->name, h->restarts);
    n->vanished = n->done_leaving = false;
    if (!create(n, join, introducer))
        return;
    h->state = NODE_UP;
    (void)node_deliver(n, &(struct event){.kind = EVENT_START}, 0);
}

void node_wait(struct acts *a, struct host *h)
{
    struct sim *sim = a->run;
    struct node *n = node_of(h);

    n->waiting = true;
    sim->waiting_count++;
    host_note(h, "%s is down; %s tries again in 2 s",
              node_at(sim, h->join)->host.name, h->name);
    queue_push(sim, &(struct entry){.time_us = sim->now_us + JOIN_RETRY_US,
                                    .kind = ENTRY_JOIN,
                                    .node = h->index,
                                    .value = h->restarts});
}

void node_retry_join(struct node *n, uint64_t restarts)
{
    if (!n->waiting || n->host.restarts != restarts)
        return;
    n->waiting = false;
    n->sim->waiting_count--;
    step_begin(n->sim, STEP_JOIN, n, NULL, 0);
    record_about(n->sim, n, RECORD_TIMER, "join");
    acts_begin(&n->sim->acts, &n->host);
}

/* What the dead node had allocated stays taken until the run ends: to find it
   would take a list through all blocks, 16 bytes each of the 1,400 that a node
   may have, for a kilobyte or two a crash. */
void node_down(struct node *n, enum down how)
{
    struct sim *sim = n->sim;

    if (n->waiting) {
        n->waiting = false;
        sim->waiting_count--;
    }
    if (!node_is_up(n))
        return;
    sim->leaving_count -= n->host.state == NODE_LEAVING;
    n->host.state = NODE_DOWN;
    n->host.node = NULL;
    n->host.introduced = NULL;
    n->vanished = how == DOWN_VANISHED;
    timers_clear(n);
    streams_down(n, how);
    commands_fail(n);
}

void node_leave(struct node *n)
{
    struct sim *sim = n->sim;

    if (n->host.state != NODE_UP) {
        node_down(n, DOWN_KILLED); /* no longer waits to join */
        return;
    }
    n->host.state = NODE_LEAVING;
    sim->leaving_count++;
    queue_push(sim, &(struct entry){.time_us = sim->now_us + LEAVE_LIMIT_US,
                                    .kind = ENTRY_LEAVE,
                                    .node = n->host.index,
                                    .value = n->host.restarts});
    (void)node_deliver(n, &(struct event){.kind = EVENT_STOP}, 0);
}

void node_leave_limit(struct node *n, uint64_t restarts)
{
    if (n->host.state != NODE_LEAVING || n->host.restarts != restarts)
        return;
    step_begin(n->sim, STEP_FAULT, n, NULL, 0);
    record_about(n->sim, n, RECORD_FAULT, "left, for it had 5 s to leave");
    node_down(n, DOWN_LEFT);
}

/* -- Warm start ------------------------------------------------------------------------ */

/* Take back all that was under way; free what entries point to. */
static bool unwanted_when_warm(struct sim *sim, const struct entry *e)
{
    switch ((enum entry_kind)e->kind) {
    case ENTRY_DATAGRAM:
        message_free(sim, e->what);
        return true;
    case ENTRY_SEGMENT:
    case ENTRY_DOWNLINK:
    case ENTRY_ACK:
        arena_free(sim->arena, e->what, sizeof(struct segment));
        return true;
    case ENTRY_HASHED:
        arena_free(sim->arena, e->what, sizeof(struct hash_job));
        return true;
    case ENTRY_TIMER: /* those that stay armed are queued again */
    case ENTRY_UPLINK:
    case ENTRY_ROOM:
    case ENTRY_CLOSED:
    case ENTRY_STALL:
        return true;
    case ENTRY_JOIN:
    case ENTRY_LEAVE:
    case ENTRY_LIMIT:
        break;
    }
    return false;
}

void nodes_warm(struct acts *a)
{
    const struct addr none = {0, 0};
    struct sim *sim = a->run;
    const struct protocol *p = sim->scenario->protocol;

    sim->warmed = true;
    queue_filter(sim, unwanted_when_warm);
    streams_clear(sim);
    for (uint32_t i = 0; i < sim->network.count; i++) {
        struct node *n = node_at(sim, i);
        bool starts = node_is_up(n) && n->host.protocol == p;
        for (int slot = 0; starts && slot < n->timer_count - n->introduced;
             slot++)
            timer_cancel(&n->host, slot);
        timers_wake(n);
        if (starts && n->host.node == NULL && !create(n, none, none))
            return; /* it was still asking the introducer */
    }
    if (p->warm != NULL)
        p->warm(sim_network(sim));
}
