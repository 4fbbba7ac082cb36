/*
 * The explorer; see explore.h.
 *
 * A state costs 24 bytes: its parent, the choice that led here, the hash of
 * its canonical form, and how much of the bounds is used up.  The simulation
 * itself is kept only along the path to the state at hand, a checkpoint of a
 * few KiB for each depth: breadth first, the next state nearly always shares
 * all of that path but its end, so that it is restored and not replayed.
 *
 * A state that breaks an invariant counts only if maintenance cannot heal it:
 * rounds in which every periodic timer of every node fires once, without
 * further faults, until the invariants hold or nothing changes any more.
 */
#include "common/explore.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/sim_impl.h"

#define EXPLORE_NODES_MAX 16
#define CHOICES_MAX 256
#define DEPTH_MAX 200
#define OPERATION_EVENTS_MAX 1000 /* more are no operation any more */
#define HEAL_ROUNDS_MAX 60
#define HEAL_SEEN_MAX 1024       /* states on the way to health that are kept */
#define EXPLORE_MESSAGE_MAX 2048 /* longer ones keep their numbers */
#define COMPARE_EVERY 512        /* repeated states, for the guard */
#define NOT_FOUND UINT32_MAX

enum choice_kind {
    CHOICE_FIRE,    /* .node .slot */
    CHOICE_LATE,    /* the same, leaving behind what expects no answer */
    CHOICE_DELIVER, /* .message */
    CHOICE_DROP,    /* .message */
    CHOICE_CRASH,   /* .node */
    CHOICE_RESTART, /* .node */
    CHOICE_JOIN     /* .node: index of a joiner */
};

struct choice {
    uint8_t kind, node, slot;
    uint8_t message; /* in order of sending, among those in flight */
};

struct used {
    uint8_t crash, restart, join, drop, delay;
};

struct state {
    uint64_t hash;
    uint32_t parent;
    struct choice choice;
    struct used used;
    uint16_t depth;
};

struct place { /* a checkpoint of the path at hand */
    uint32_t state;
    uint8_t *checkpoint;
    size_t bytes, cap;
    uint64_t node_hash[EXPLORE_NODES_MAX];
};

struct explorer {
    struct sim *sim;
    const struct scenario *scenario;
    const struct explore_options *options;
    struct explore_report *report;
    struct act joiner[EXPLORE_NODES_MAX];
    size_t joiner_count, member_count; /* members: nodes before `warm` */
    uint32_t events;                   /* of the operation under way */
    bool runaway;                      /* it did not end */

    struct state *state;
    size_t state_cap;
    uint32_t *slot; /* open addressing: index of a state, plus 1 */
    size_t slot_cap;
    struct place path[DEPTH_MAX + 1];
    uint32_t path_depth; /* places that are right */
    struct text canonical;
    uint64_t node_hash[EXPLORE_NODES_MAX]; /* of a node's dump and timers, */
    bool touched[EXPLORE_NODES_MAX];       /* unless it has to be made anew */
    uint64_t repeated;
    uint64_t *healed; /* open addressing: states that maintenance heals */
    size_t healed_cap, healed_count;

    struct text
        *lines; /* of the counterexample, while it is written; or NULL */
    const struct network *network;
};

/* -- Messages in flight, and timers --------------------------------------- */

static bool is_message(const struct entry *e)
{
    return e->kind == ENTRY_DATAGRAM;
}

/* The queue's index of the `ordinal`-th message in order of sending. */
static size_t message_at(const struct explorer *x, size_t ordinal)
{
    const struct queue *q = &x->sim->queue;
    uint64_t last = 0;
    size_t found = q->count;

    for (size_t k = 0; k <= ordinal; k++) {
        uint64_t least = UINT64_MAX;
        found = q->count;
        for (size_t i = 0; i < q->count; i++) {
            const struct message *m = q->at[i].what;
            if (is_message(&q->at[i]) && m->order > last && m->order < least) {
                least = m->order;
                found = i;
            }
        }
        last = least;
    }
    return found;
}

static size_t message_count(const struct explorer *x)
{
    size_t count = 0;

    for (size_t i = 0; i < x->sim->queue.count; i++)
        count += is_message(&x->sim->queue.at[i]);
    return count;
}

static bool is_timeout(const struct explorer *x, int slot)
{
    return (x->scenario->protocol->timeouts >> slot & 1) != 0;
}

/* -- The lines of a counterexample ---------------------------------------- */

/* Note the event that comes next as a line `at step N ...`. */
static void write_line(struct explorer *x, const char *format, ...)
    PRINTF_LIKE(2, 3);
static void write_line(struct explorer *x, const char *format, ...)
{
    va_list args;

    if (x->lines == NULL)
        return;
    text_printf(x->lines, "at step %llu ",
                (unsigned long long)x->sim->steps + 1);
    va_start(args, format);
    text_vprintf(x->lines, format, args);
    va_end(args);
    text_char(x->lines, '\n');
}

/* "n1 n2 3": the third message in flight from n1 to n2. */
static void write_message(struct explorer *x, const char *verb,
                          const struct message *m)
{
    const struct queue *q = &x->sim->queue;
    unsigned ordinal = 1;

    if (x->lines == NULL)
        return;
    for (size_t i = 0; i < q->count; i++) {
        const struct message *other = q->at[i].what;
        ordinal += is_message(&q->at[i]) && other->from == m->from &&
                   other->to == m->to && other->order < m->order;
    }
    write_line(x, "%s %s %s %u", verb, node_at(x->sim, m->from)->host.name,
               node_at(x->sim, m->to)->host.name, ordinal);
}

/* -- Doing one event ------------------------------------------------------ */

static void run_message(struct explorer *x, size_t i, bool drop)
{
    struct message *m = x->sim->queue.at[i].what;

    write_message(x, drop ? "drop" : "deliver", m);
    if (drop && x->lines != NULL) /* a dropped message is lost on arrival */
        write_message(x, "deliver", m);
    if (drop)
        m->why = "dropped by hand";
    struct entry e = queue_remove(x->sim, i);
    e.time_us = x->sim->now_us;
    if (m->to != NOBODY)
        x->touched[m->to] = true;
    entry_execute(x->sim, &e);
}

static bool is_armed(const struct explorer *x, const struct node *n, int slot)
{
    return sim_timer_due(x->sim, &n->host, slot) != NEVER;
}

static void run_timer(struct explorer *x, struct node *n, int slot)
{
    uint64_t due = sim_timer_due(x->sim, &n->host, slot);

    write_line(x, "fire %s %s", n->host.name, host_timer_name(&n->host, slot));
    x->touched[n->host.index] = true;
    if (x->sim->now_us < due)
        x->sim->now_us = due;
    timer_fire(n, slot);
}

/* A timeout of the first node that waits for an answer, if there is one. */
static bool run_first_timeout(struct explorer *x)
{
    for (uint32_t i = 0; i < x->network->count; i++)
        for (int slot = 0; slot < TIMER_SLOTS; slot++) {
            struct node *n = node_at(x->sim, i);
            if (!is_timeout(x, slot) || !is_armed(x, n, slot))
                continue;
            run_timer(x, n, slot);
            return true;
        }
    return false;
}

/* Is it of those that an operation may leave behind? */
static bool may_wait(const struct explorer *x, const struct message *m)
{
    const struct protocol *p = x->scenario->protocol;

    return p->one_way != NULL && p->one_way(m->data, m->len);
}

/* The first message that was sent after `since`, for an operation to deliver;
   how many are in flight when there is none. */
static size_t first_caused(const struct explorer *x, uint64_t since, bool late)
{
    size_t count = message_count(x);

    for (size_t i = 0; i < count; i++) {
        const struct message *m = x->sim->queue.at[message_at(x, i)].what;
        if (m->order > since && !(late && may_wait(x, m)))
            return i;
    }
    return count;
}

/* Let everything that has been sent after `since` come to its end. */
static void finish_operation(struct explorer *x, uint64_t since, bool late)
{
    for (x->events = 0; x->events < OPERATION_EVENTS_MAX; x->events++) {
        size_t first = first_caused(x, since, late);
        if (first < message_count(x))
            run_message(x, message_at(x, first), false);
        else if (!run_first_timeout(x))
            return;
    }
    x->runaway = true;
}

/* Timers are found at their nodes here, not in the queue. */
static bool is_of_no_use(struct sim *sim, const struct entry *e)
{
    (void)sim;
    return e->kind == ENTRY_LIMIT || e->kind == ENTRY_TIMER;
}

/* Whom a newcomer asks: the node that its line names, else any. */
static uint32_t contact_for(const struct explorer *x,
                            const struct node_spec *spec)
{
    const struct node *join =
        spec->join != NULL ? node_by_name(x->sim, spec->join) : NULL;

    if (join != NULL && node_is_up(join))
        return join->host.index;
    /* The first by name: joiners may have come in any order. */
    uint32_t first = node_first_live(x->sim, NOBODY);
    for (uint32_t i = 0; i < x->network->count; i++) {
        const struct host *h = x->network->host[i];
        if (h->state == NODE_UP && first != NOBODY &&
            strcmp(h->name, x->network->host[first]->name) < 0)
            first = i;
    }
    return first;
}

/* Not before the node that its line names has joined; when that is down,
   another will do. */
static bool may_join(const struct explorer *x, const struct node_spec *spec)
{
    return (spec->join == NULL || node_by_name(x->sim, spec->join) != NULL) &&
           contact_for(x, spec) != NOBODY;
}

static void run_join(struct explorer *x, const struct act *joiner)
{
    struct node_spec spec = *joiner->spec;
    struct act act = *joiner;
    const char *id = spec.id;

    spec.join = node_at(x->sim, contact_for(x, &spec))->host.name;
    write_line(x, "node %s %s%s join=%s", act.name, id != NULL ? "id=" : "",
               id != NULL ? id : "", spec.join);
    /* The node keeps a pointer to its spec, which has to outlive it. */
    struct node_spec *kept = arena_alloc(x->sim->arena, sizeof *kept);
    if (kept == NULL)
        return;
    *kept = spec;
    act.spec = kept;
    x->touched[x->network->count] = true;
    act_execute(x->sim, &act);
}

static void run_fault(struct explorer *x, enum act_kind kind, struct node *n)
{
    struct act act = {.kind = kind};

    write_line(x, "%s %s", kind == ACT_CRASH ? "crash" : "restart",
               n->host.name);
    memcpy(act.name, n->host.name, strlen(n->host.name) + 1);
    x->touched[n->host.index] = true;
    act_execute(x->sim, &act);
}

static void apply(struct explorer *x, struct choice c)
{
    struct node *n = c.kind == CHOICE_JOIN ? NULL : node_at(x->sim, c.node);
    uint64_t since = x->sim->order;

    switch ((enum choice_kind)c.kind) {
    case CHOICE_FIRE:
    case CHOICE_LATE:
        run_timer(x, n, c.slot);
        break;
    case CHOICE_DELIVER:
    case CHOICE_DROP:
        run_message(x, message_at(x, c.message), c.kind == CHOICE_DROP);
        break;
    case CHOICE_CRASH:
        run_fault(x, ACT_CRASH, n);
        break;
    case CHOICE_RESTART:
        run_fault(x, ACT_RESTART, n);
        break;
    case CHOICE_JOIN:
        run_join(x, &x->joiner[c.node]);
        break;
    }
    if (x->scenario->bounds.grain == GRAIN_OPERATION)
        finish_operation(x, since, c.kind == CHOICE_LATE);
    queue_filter(x->sim, is_of_no_use);
}

/* -- Which events are possible -------------------------------------------- */

static bool allowed(uint32_t bound, uint8_t used)
{
    return bound == BOUND_ANY || used < bound;
}

static bool is_busy(const struct explorer *x, uint32_t node)
{
    for (size_t i = 0; i < x->sim->queue.count; i++) {
        const struct message *m = x->sim->queue.at[i].what;
        if (is_message(&x->sim->queue.at[i]) &&
            (m->from == node || m->to == node))
            return true;
    }
    return false;
}

static size_t add_choice(struct choice *all, size_t count, struct choice c)
{
    if (count < CHOICES_MAX)
        all[count] = c;
    return count + 1;
}

static size_t add_firing(const struct explorer *x, struct used u,
                         struct choice *all, size_t count, uint8_t node,
                         uint8_t slot)
{
    count = add_choice(all, count, (struct choice){CHOICE_FIRE, node, slot, 0});
    if (x->scenario->bounds.grain == GRAIN_OPERATION &&
        allowed(x->scenario->bounds.delay, u.delay))
        count =
            add_choice(all, count, (struct choice){CHOICE_LATE, node, slot, 0});
    return count;
}

static size_t node_choices(const struct explorer *x, struct used u,
                           struct choice *all, size_t count, uint8_t i)
{
    const struct bounds *b = &x->scenario->bounds;
    const struct protocol *p = x->scenario->protocol;
    const struct node *n = node_at(x->sim, i);

    if (!node_is_up(n)) {
        if (allowed(b->restart, u.restart) &&
            node_first_live(x->sim, n->host.index) != NOBODY)
            count = add_choice(all, count,
                               (struct choice){CHOICE_RESTART, i, 0, 0});
        return count;
    }
    for (uint8_t slot = 0; slot < TIMER_SLOTS; slot++)
        if (is_armed(x, n, slot) && !(is_timeout(x, slot) && is_busy(x, i)))
            count = add_firing(x, u, all, count, i, slot);
    if (allowed(b->crash, u.crash) &&
        (x->options->unsafe || p->may_fail == NULL ||
         p->may_fail(x->network, &n->host)))
        count = add_choice(all, count, (struct choice){CHOICE_CRASH, i, 0, 0});
    return count;
}

/* List all choices; more than CHOICES_MAX are counted, not kept. */
static size_t list_choices(const struct explorer *x, struct used u,
                           struct choice *all)
{
    const struct bounds *b = &x->scenario->bounds;
    size_t count = 0, messages = message_count(x);

    for (uint32_t i = 0; i < x->network->count; i++)
        count = node_choices(x, u, all, count, (uint8_t)i);
    for (size_t i = 0; i < messages && i <= UINT8_MAX; i++) {
        struct choice c = {CHOICE_DELIVER, 0, 0, (uint8_t)i};
        count = add_choice(all, count, c);
        c.kind = CHOICE_DROP;
        if (allowed(b->drop, u.drop))
            count = add_choice(all, count, c);
    }
    for (uint8_t i = 0; i < x->joiner_count; i++)
        if (allowed(b->join, u.join) &&
            node_by_name(x->sim, x->joiner[i].name) == NULL &&
            may_join(x, x->joiner[i].spec))
            count =
                add_choice(all, count, (struct choice){CHOICE_JOIN, i, 0, 0});
    return count;
}

/* Counts that no bound looks at stay 0, or equal states would differ. */
static struct used use(const struct explorer *x, struct used u, struct choice c)
{
    const struct bounds *b = &x->scenario->bounds;

    if (c.kind == CHOICE_CRASH && b->crash != BOUND_ANY)
        u.crash++;
    if (c.kind == CHOICE_RESTART && b->restart != BOUND_ANY)
        u.restart++;
    if (c.kind == CHOICE_JOIN && b->join != BOUND_ANY)
        u.join++;
    if (c.kind == CHOICE_DROP && b->drop != BOUND_ANY)
        u.drop++;
    if (c.kind == CHOICE_LATE && b->delay != BOUND_ANY)
        u.delay++;
    return u;
}

/* -- Canonical form ------------------------------------------------------- */

static uint64_t message_hash(const struct explorer *x, const struct message *m)
{
    const struct protocol *p = x->scenario->protocol;
    /* By name: the same newcomers may have come in another order. */
    uint64_t h =
        hash_roll_u64(m->why != NULL, node_at(x->sim, m->from)->name_hash);
    uint8_t copy[EXPLORE_MESSAGE_MAX];

    if (m->to != NOBODY)
        h = hash_roll_u64(h, node_at(x->sim, m->to)->name_hash);
    if (p->canonical == NULL || m->to == NOBODY || m->len > sizeof copy)
        return hash_roll(h, m->data, m->len);
    memcpy(copy, m->data, m->len);
    p->canonical(x->network, x->network->host[m->from], x->network->host[m->to],
                 copy, m->len);
    return hash_roll(h, copy, m->len);
}

/* The sum over all messages of a hash of each: a hash of the multiset. */
static uint64_t messages_hash(const struct explorer *x)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->sim->queue.count; i++)
        if (is_message(&x->sim->queue.at[i]))
            sum += message_hash(x, x->sim->queue.at[i].what);
    return sum;
}

static uint64_t node_hash(struct explorer *x, struct node *n)
{
    struct text *t = &x->canonical;
    uint64_t h = n->name_hash; /* joiners come in any order, */
    uint64_t armed = 0;        /* a bit for each timer */

    /* but a node that starts again asks the one that came first. */
    if (x->joiner_count > 1 && x->scenario->bounds.restart > 0)
        h = hash_roll_u64(h, n->host.index);
    if (!node_is_up(n))
        return h;
    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        armed |= (uint64_t)is_armed(x, n, slot) << slot;
    h = hash_roll_u64(h, armed);
    text_clear(t);
    if (n->host.node != NULL)
        n->host.protocol->dump(n->host.node, &n->host, t);
    return hash_roll(h, t->data, t->len);
}

static void touch_all(struct explorer *x)
{
    memset(x->touched, true, sizeof x->touched);
}

/* Only nodes that had an event can have changed since the last time. */
static uint64_t canonical_hash(struct explorer *x, struct used u)
{
    uint64_t h = messages_hash(x);

    h = hash_roll(h, &(uint8_t[]){u.crash, u.restart, u.join, u.drop, u.delay},
                  5);
    for (uint32_t i = 0; i < x->network->count; i++) {
        if (x->touched[i])
            x->node_hash[i] = node_hash(x, node_at(x->sim, i));
        x->touched[i] = false;
        h += random_mix(x->node_hash[i]);
    }
    return h;
}

/* -- States --------------------------------------------------------------- */

static uint32_t *slot_of(struct explorer *x, uint64_t hash)
{
    size_t i = hash & (x->slot_cap - 1);

    while (x->slot[i] != 0 && x->state[x->slot[i] - 1].hash != hash)
        i = (i + 1) & (x->slot_cap - 1);
    return &x->slot[i];
}

static bool grow_states(struct explorer *x)
{
    size_t cap = x->state_cap > 0 ? 2 * x->state_cap : 4096;
    struct state *state = realloc(x->state, cap * sizeof *state);

    if (state == NULL)
        return false;
    x->state = state;
    uint32_t *slot = calloc(2 * cap, sizeof *slot);
    if (slot == NULL)
        return false;
    free(x->slot);
    x->slot = slot;
    x->state_cap = cap;
    x->slot_cap = 2 * cap;
    for (uint32_t i = 0; i < x->report->states; i++)
        *slot_of(x, state[i].hash) = i + 1; /* NOLINT: add_state wrote it */
    return true;
}

/* The index of a new state, or NOT_FOUND when there is no room. */
static uint32_t add_state(struct explorer *x, const struct state *s)
{
    if ((x->report->states == x->state_cap && !grow_states(x)) ||
        x->report->states >= x->options->states_max) {
        x->report->limit = "more states than fit into memory";
        return NOT_FOUND;
    }
    uint32_t index = (uint32_t)x->report->states++;
    x->state[index] = *s;
    *slot_of(x, s->hash) = index + 1;
    if (s->depth > x->report->depth)
        x->report->depth = s->depth;
    return index;
}

static void save_place(struct explorer *x, uint32_t depth, uint32_t state)
{
    struct place *p = &x->path[depth];
    size_t bytes = sim_size(x->sim);

    if (bytes > p->cap) {
        free(p->checkpoint);
        p->checkpoint = malloc(2 * bytes);
        p->cap = p->checkpoint != NULL ? 2 * bytes : 0;
    }
    if (p->cap == 0) {
        x->report->limit = "not enough memory";
        return;
    }
    sim_save(x->sim, p->checkpoint);
    (void)canonical_hash(x, (struct used){0}); /* fills in node_hash */
    memcpy(p->node_hash, x->node_hash, sizeof p->node_hash);
    p->bytes = bytes;
    p->state = state;
    x->path_depth = depth;
}

static void restore_place(struct explorer *x, uint32_t depth)
{
    const struct place *p = &x->path[depth];

    sim_restore(x->sim, p->checkpoint, p->bytes);
    memcpy(x->node_hash, p->node_hash, sizeof x->node_hash);
    memset(x->touched, false, sizeof x->touched);
    x->runaway = false;
}

/* Bring the simulation to a state, and the path with it. */
static void visit(struct explorer *x, uint32_t index)
{
    uint32_t way[DEPTH_MAX + 1] = {0};
    uint32_t depth = x->state[index].depth, known = depth;

    for (uint32_t d = depth + 1, s = index; d-- > 0; s = x->state[s].parent)
        way[d] = s;
    while (known > x->path_depth || x->path[known].state != way[known])
        known--; /* ends at the root, which is always right */
    restore_place(x, known);
    x->path_depth = known;
    for (uint32_t d = known + 1; d <= depth; d++) {
        apply(x, x->state[way[d]].choice);
        save_place(x, d, way[d]);
    }
}

/* -- Invariants ----------------------------------------------------------- */

/* Does this invariant count?  --find writes its blanks as '-'. */
static bool is_wanted(const struct explorer *x, const char *name)
{
    const char *find = x->options->find;

    while (find != NULL && *name != '\0' &&
           (*find == *name || (*find == '-' && *name == ' '))) {
        find++;
        name++;
    }
    return find == NULL || (*find == '\0' && *name == '\0');
}

/* The names of all invariants, when none of them is the one to find. */
static bool knows_find(struct explorer *x, struct text *why)
{
    struct findings f = {.count = 0};
    bool known = false;

    x->scenario->protocol->check(x->network, &f);
    for (size_t i = 0; i < f.count; i++)
        known = known || is_wanted(x, f.at[i].name);
    if (!known) {
        text_printf(
            why, "unknown invariant '%s', expected one of:", x->options->find);
        for (size_t i = 0; i < f.count; i++)
            text_printf(why, "%s %s", i > 0 ? "," : "", f.at[i].name);
    }
    findings_free(&f);
    return known;
}

static bool holds(struct explorer *x, struct text *broken)
{
    struct findings f = {.count = 0};

    x->scenario->protocol->check(x->network, &f);
    bool all = true;
    for (size_t i = 0; i < f.count; i++) {
        if (f.at[i].holds || f.at[i].outside || !is_wanted(x, f.at[i].name))
            continue;
        all = false;
        if (broken != NULL)
            text_printf(broken, "%s%s: %s", broken->len > 0 ? "; " : "",
                        f.at[i].name, f.at[i].why.data);
    }
    findings_free(&f);
    return all;
}

static bool is_healed(const struct explorer *x, uint64_t hash)
{
    size_t i = hash & (x->healed_cap - 1);

    while (x->healed_cap > 0 && x->healed[i] != 0 && x->healed[i] != hash)
        i = (i + 1) & (x->healed_cap - 1);
    return x->healed_cap > 0 && x->healed[i] == hash;
}

/* Without memory for it, it is only found out again. */
static void add_healed(struct explorer *x, uint64_t hash)
{
    if (2 * x->healed_count >= x->healed_cap) {
        size_t cap = x->healed_cap, more = cap > 0 ? 2 * cap : 4096;
        uint64_t *old = x->healed, *grown = calloc(more, sizeof *grown);
        if (grown == NULL)
            return;
        x->healed = grown;
        x->healed_cap = more;
        x->healed_count = 0;
        for (size_t i = 0; i < cap; i++)
            if (old[i] != 0)
                add_healed(x, old[i]);
        free(old);
    }
    size_t i = hash & (x->healed_cap - 1);
    while (x->healed[i] != 0 && x->healed[i] != hash)
        i = (i + 1) & (x->healed_cap - 1);
    x->healed_count += x->healed[i] == 0;
    x->healed[i] = hash;
}

/* One round of maintenance: every periodic timer of every node once.  True
   as soon as the invariants hold, or a state is met that is known to heal;
   `seen` keeps the states on the way. */
static bool maintain(struct explorer *x, uint64_t *seen, size_t *count)
{
    for (uint32_t i = 0; i < x->network->count; i++)
        for (int slot = 0; slot < TIMER_SLOTS; slot++) {
            struct node *n = node_at(x->sim, i);
            if (!is_armed(x, n, slot) || is_timeout(x, slot))
                continue;
            run_timer(x, n, slot);
            finish_operation(x, 0, false);
            queue_filter(x->sim, is_of_no_use);
            uint64_t hash = canonical_hash(x, (struct used){0});
            if (*count < HEAL_SEEN_MAX)
                seen[(*count)++] = hash;
            if (is_healed(x, hash) || holds(x, NULL))
                return true;
        }
    return false;
}

/* Does maintenance bring the invariants back?  Spends the simulation. */
static bool heals(struct explorer *x)
{
    uint64_t seen[HEAL_SEEN_MAX], before = 0;
    size_t count = 0;
    int same = 0; /* rounds that changed nothing */
    bool healed = false;

    finish_operation(x, 0, false);
    for (int round = 0; round < HEAL_ROUNDS_MAX && same < 3 && !healed;
         round++) {
        healed = maintain(x, seen, &count);
        uint64_t now = canonical_hash(x, (struct used){0});
        same = now == before ? same + 1 : 0;
        before = now;
    }
    for (size_t i = 0; i < count && healed; i++)
        add_healed(x, seen[i]);
    return healed;
}

/* Look at a state that is new.  Spends the simulation when it is broken. */
static void judge(struct explorer *x)
{
    struct text broken = text_new();

    if (!holds(x, &broken) && (x->options->strict || !heals(x))) {
        x->report->violated = true;
        text_bytes(&x->report->broken, broken.data, broken.len);
    }
    text_free(&broken);
}

/* -- The guard ------------------------------------------------------------ */

/* Collect the hashes of all states that follow the one at hand. */
static size_t successors(struct explorer *x, struct used u,
                         uint64_t hash[CHOICES_MAX])
{
    struct choice all[CHOICES_MAX];
    size_t count = list_choices(x, u, all), bytes = sim_size(x->sim);
    uint8_t *here = malloc(bytes);

    if (here == NULL)
        return 0;
    sim_save(x->sim, here);
    for (size_t i = 0; i < count && i < CHOICES_MAX; i++) {
        sim_restore(x->sim, here, bytes);
        touch_all(x);
        apply(x, all[i]);
        hash[i] = canonical_hash(x, use(x, u, all[i]));
    }
    free(here);
    return count;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The simulation is in a state whose hash `known` has too: their futures
   must be the same, or `dump` forgets what matters.  Spends the path. */
static void compare_futures(struct explorer *x, uint32_t known)
{
    uint64_t ours[CHOICES_MAX], theirs[CHOICES_MAX];
    struct used u = x->state[known].used;
    size_t count = successors(x, u, ours);

    visit(x, known);
    size_t other = successors(x, u, theirs);
    size_t kept = count < CHOICES_MAX ? count : CHOICES_MAX;
    qsort(ours, kept, sizeof ours[0], by_value);
    qsort(theirs, other < CHOICES_MAX ? other : CHOICES_MAX, sizeof theirs[0],
          by_value);
    if (count != other || memcmp(ours, theirs, kept * sizeof ours[0]) != 0)
        x->report->dump_forgets = true;
    x->report->compared++;
}

/* -- The search ----------------------------------------------------------- */

/* Take one choice from the state at hand; true when the search is over. */
static bool follow(struct explorer *x, uint32_t index, struct choice c)
{
    struct state s = {.parent = index,
                      .choice = c,
                      .used = use(x, x->state[index].used, c),
                      .depth = (uint16_t)(x->state[index].depth + 1)};

    apply(x, c);
    x->report->transitions++;
    if (x->runaway)
        x->report->limit = "an operation did not end";
    s.hash = canonical_hash(x, s.used);
    uint32_t known = *slot_of(x, s.hash);
    if (known != 0) {
        if (++x->repeated % COMPARE_EVERY == 0) {
            compare_futures(x, known - 1);
            visit(x, index);
        }
        return x->report->dump_forgets;
    }
    if (add_state(x, &s) == NOT_FOUND)
        return true;
    judge(x);
    return x->report->violated;
}

/* Expand one state; true when the search is over. */
static bool expand(struct explorer *x, uint32_t index)
{
    struct choice all[CHOICES_MAX];
    uint32_t depth = x->state[index].depth;

    visit(x, index);
    size_t count = list_choices(x, x->state[index].used, all);
    if (count > CHOICES_MAX) {
        x->report->limit = "a state with too many choices";
        count = CHOICES_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        restore_place(x, depth);
        if (follow(x, index, all[i]))
            return true;
    }
    return false;
}

static void search(struct explorer *x)
{
    uint32_t depth_max = x->scenario->bounds.depth;

    if (depth_max > DEPTH_MAX)
        depth_max = DEPTH_MAX;
    for (uint32_t i = 0; i < x->report->states; i++) {
        if (x->state[i].depth >= depth_max) { /* NOLINT: add_state wrote it */
            x->report->limit = "the bound on depth was hit";
            continue;
        }
        if (i % 1024 == 0 && x->options->progress != NULL &&
            !x->options->progress(x->options->context, x->report)) {
            x->report->limit = "interrupted";
            return;
        }
        if (expand(x, i))
            return;
    }
}

/* -- The counterexample --------------------------------------------------- */

static void name_choice(struct explorer *x, struct choice c, struct text *t)
{
    const char *name = c.kind == CHOICE_JOIN
                           ? x->joiner[c.node].name
                           : node_at(x->sim, c.node)->host.name;

    if (c.kind == CHOICE_FIRE || c.kind == CHOICE_LATE)
        text_printf(t, "%s: %s%s\n", name,
                    host_timer_name(&node_at(x->sim, c.node)->host, c.slot),
                    c.kind == CHOICE_LATE ? ", its last message is late" : "");
    else if (c.kind == CHOICE_DELIVER || c.kind == CHOICE_DROP) {
        const struct message *m =
            x->sim->queue.at[message_at(x, c.message)].what;
        struct fields f = fields_new();
        struct framing framing = {.phase = PHASE_DATAGRAM};
        x->scenario->protocol->describe(&framing, m->data, m->len, &f);
        text_printf(t, "%s from %s to %s %s\n",
                    f.type != NULL ? f.type : "message",
                    node_at(x->sim, m->from)->host.name,
                    node_at(x->sim, m->to)->host.name,
                    c.kind == CHOICE_DROP ? "is lost" : "arrives");
        fields_free(&f);
    } else
        text_printf(t, "%s %s\n", name,
                    c.kind == CHOICE_CRASH     ? "crashes"
                    : c.kind == CHOICE_RESTART ? "starts again"
                                               : "joins");
}

/* The scenario up to and with `warm`: what every counterexample begins with.
   The joiners behind it join by hand. */
static void write_head(struct explorer *x)
{
    const char *text = x->scenario->text, *line = text;
    struct text *t = &x->report->replay;

    text_printf(t, "# %s\n", x->report->broken.data);
    for (bool warm = false; *line != '\0' && !warm;) {
        size_t len = strcspn(line, "\n");
        warm = len >= 4 && strncmp(line, "warm", 4) == 0 &&
               (len == 4 || line[4] == ' ' || line[4] == '#');
        text_bytes(t, line, len);
        text_char(t, '\n');
        line += len + (line[len] == '\n');
    }
}

/* Replay the way to the last state, and write it down. */
static void write_replay(struct explorer *x)
{
    uint32_t way[DEPTH_MAX + 1] = {0};
    uint32_t index = (uint32_t)x->report->states - 1;
    uint32_t depth = x->state[index].depth;

    for (uint32_t d = depth + 1, s = index; d-- > 0; s = x->state[s].parent)
        way[d] = s;
    restore_place(x, 0);
    write_head(x);
    x->lines = &x->report->replay;
    for (uint32_t d = 1; d <= depth; d++) {
        text_printf(&x->report->events, "%3u  ", d);
        name_choice(x, x->state[way[d]].choice, &x->report->events);
        apply(x, x->state[way[d]].choice);
    }
    x->lines = NULL;
    x->report->steps = x->sim->steps;
    struct text end = text_new();
    text_seconds(&end, x->sim->now_us);
    text_printf(&x->report->replay, "at %ss expect invariants\nrun until %ss\n",
                end.data, end.data);
    text_free(&end);
}

/* -- Beginning ------------------------------------------------------------ */

/* Start the network, and list the joiners. */
static bool begin(struct explorer *x, struct text *why)
{
    struct cursor c = cursor_new(x->scenario);
    struct act act;
    bool warm = false;

    while (cursor_next(x->scenario, &c, &act)) {
        if (act.kind == ACT_UNTIL)
            cursor_resume(&c, act.time_us == NEVER ? 0 : act.time_us);
        else if (!warm && (act.kind == ACT_START || act.kind == ACT_WARM))
            act_execute(x->sim, &act);
        else if (act.kind == ACT_START && x->joiner_count < EXPLORE_NODES_MAX)
            x->joiner[x->joiner_count++] = act;
        warm = warm || act.kind == ACT_WARM;
    }
    x->network = sim_network(x->sim);
    x->member_count = x->network->count;
    if (!warm)
        text_add(why, "nothing to explore: expected 'warm' after the nodes "
                      "that stand at the beginning");
    else if (x->member_count + x->joiner_count > EXPLORE_NODES_MAX)
        text_printf(why, "too many nodes to explore: expected %d at most",
                    EXPLORE_NODES_MAX);
    else
        return true;
    return false;
}

static void explorer_free(struct explorer *x)
{
    for (size_t i = 0; i <= DEPTH_MAX; i++)
        free(x->path[i].checkpoint);
    free(x->state);
    free(x->slot);
    free(x->healed);
    text_free(&x->canonical);
    sim_free(x->sim);
    free(x);
}

bool explore(const struct scenario *s, const struct explore_options *o,
             struct explore_report *report, struct text *why)
{
    struct explorer *x = calloc(1, sizeof *x);

    *report = (struct explore_report){
        .broken = text_new(), .events = text_new(), .replay = text_new()};
    if (x == NULL || (x->sim = sim_new(s, why)) == NULL) {
        free(x);
        return false;
    }
    x->scenario = s;
    x->options = o;
    x->report = report;
    x->canonical = text_new();
    bool ok = begin(x, why) && knows_find(x, why) && grow_states(x);
    if (ok) {
        touch_all(x);
        struct state root = {.hash = canonical_hash(x, (struct used){0})};
        (void)add_state(x, &root);
        save_place(x, 0, 0);
        judge(x);
        if (!report->violated)
            search(x);
        if (report->violated)
            write_replay(x);
    }
    explorer_free(x);
    return ok;
}

void explore_report_free(struct explore_report *r)
{
    text_free(&r->broken);
    text_free(&r->events);
    text_free(&r->replay);
}
