/*
 * Which events are possible in a state, and doing one of them.
 *
 * Datagrams arrive in any order; what one side of a stream sends (its
 * opening, bytes, its end) arrives in order.  What a node's own host does at
 * once - bytes offered again, room, closed, hashed - follows by itself.
 */
#include <assert.h>
#include <string.h>

#include "common/explore_impl.h"

#define OPERATION_EVENTS_MAX 1000 /* more are no operation any more */

/* -- What is under way ---------------------------------------------------- */

static const struct segment *segment_of(const struct entry *e)
{
    return e->kind == ENTRY_SEGMENT ? e->what : NULL;
}

/* May it arrive now, as far as the order of streams goes? */
static bool may_arrive(const struct entry *e)
{
    const struct segment *g = segment_of(e);

    return e->kind == ENTRY_DATAGRAM ||
           (g != NULL && g->number == g->from->segments_arrived);
}

/* Where it goes; NOBODY: to no node. */
static uint32_t receiver_of(const struct entry *e)
{
    const struct segment *g = segment_of(e);

    assert(e->what != NULL);
    return g != NULL ? side_other(g->from)->node
                     : ((const struct message *)e->what)->to;
}

static uint32_t sender_of(const struct entry *e)
{
    const struct segment *g = segment_of(e);

    assert(e->what != NULL);
    return g != NULL ? g->from->node : ((const struct message *)e->what)->from;
}

/* The queue's indices of all that may arrive, in order of sending; how many,
   at most CHOICES_MAX. */
static size_t list_arrivals(const struct explorer *x, size_t at[CHOICES_MAX])
{
    const struct queue *q = &x->sim->queue;
    size_t count = 0;

    for (size_t i = 0; i < q->count && count < CHOICES_MAX; i++) {
        if (!may_arrive(&q->at[i]))
            continue;
        size_t k = count++;
        for (; k > 0 && q->at[at[k - 1]].number > q->at[i].number; k--)
            at[k] = at[k - 1];
        at[k] = i;
    }
    return count;
}

static size_t arrival_at(const struct explorer *x, size_t ordinal)
{
    size_t at[CHOICES_MAX] = {0};

    (void)list_arrivals(x, at);
    return at[ordinal];
}

bool is_timeout(const struct explorer *x, int slot)
{
    return (x->scenario->protocol->timeouts >> slot & 1) != 0;
}

bool is_armed(const struct explorer *x, const struct node *n, int slot)
{
    return sim_timer_due(x->sim, &n->host, slot) != NEVER;
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

/* "n1 n2 3": the third message in flight from n1 to n2; or, where there are
   streams, "pick 5": the fifth thing that is under way. */
static void write_arrival(struct explorer *x, const struct entry *e, bool drop)
{
    const struct queue *q = &x->sim->queue;
    unsigned all = 1, ordinal = 1;

    if (x->lines == NULL)
        return;
    for (size_t i = 0; i < q->count; i++) {
        const struct entry *other = &q->at[i];
        bool before = entry_may_be_picked(other) && other->number < e->number;
        all += before;
        ordinal += before && x->sim->conn_count == 0 &&
                   sender_of(other) == sender_of(e) &&
                   receiver_of(other) == receiver_of(e);
    }
    if (x->sim->conn_count > 0) {
        write_line(x, "pick %u", all);
        return;
    }
    const struct message *m = e->what;
    const char *from = node_at(x->sim, m->from)->host.name;
    const char *to = node_at(x->sim, m->to)->host.name;
    if (drop) /* it is lost on arrival */
        write_line(x, "drop %s %s %u", from, to, ordinal);
    write_line(x, "deliver %s %s %u", from, to, ordinal);
}

static void name_segment(const struct explorer *x, const struct segment *g,
                         struct text *t)
{
    static const char *const names[] = {"the opening of a stream", "its answer",
                                        "bytes", "a refusal", "a reset"};
    const struct write *w = g->from->arriving;
    LOCAL_FIELDS f = fields_new();

    if (g->kind == SEGMENT_DATA && g->bytes > 0 && w != NULL) {
        struct framing framing = {.phase = (enum phase)w->phase,
                                  .from_opener =
                                      g->from == &g->from->stream->side[0]};
        x->scenario->protocol->describe(
            &framing, w->data + (w->coded ? w->wire_len : 0), w->plain_len, &f);
    }
    text_add(t, f.type != NULL                             ? f.type
                : g->kind == SEGMENT_DATA && g->bytes == 0 ? "the end"
                                                           : names[g->kind]);
}

static void name_arrival(const struct explorer *x, const struct entry *e,
                         struct text *t)
{
    uint32_t to = receiver_of(e);

    if (segment_of(e) != NULL) {
        name_segment(x, segment_of(e), t);
    } else {
        const struct message *m = e->what;
        LOCAL_FIELDS f = fields_new();
        struct framing framing = {.phase = PHASE_DATAGRAM};
        x->scenario->protocol->describe(&framing, m->data, m->len, &f);
        text_add(t, f.type != NULL ? f.type : "message");
    }
    text_printf(
        t, " from %s to %s ",
        sender_of(e) != NOBODY ? node_at(x->sim, sender_of(e))->host.name : "?",
        to != NOBODY ? node_at(x->sim, to)->host.name : "?");
}

void name_choice(const struct explorer *x, struct choice c, struct text *t)
{
    static const char *const does[] = {[CHOICE_ARRIVE] = "arrives",
                                       [CHOICE_DROP] = "is lost",
                                       [CHOICE_CRASH] = "crashes",
                                       [CHOICE_RESTART] = "starts again",
                                       [CHOICE_JOIN] = "joins"};
    const char *name = "";

    switch ((enum choice_kind)c.kind) {
    case CHOICE_ARRIVE:
    case CHOICE_DROP:
        name_arrival(x, &x->sim->queue.at[arrival_at(x, c.message)], t);
        text_printf(t, "%s\n", does[c.kind]);
        return;
    case CHOICE_COMMAND:
        text_printf(t, "%s: %s\n", x->command[c.node].name,
                    x->command[c.node].text);
        return;
    case CHOICE_FIRE:
    case CHOICE_LATE:
        text_printf(t, "%s: %s%s\n", node_at(x->sim, c.node)->host.name,
                    host_timer_name(&node_at(x->sim, c.node)->host, c.slot),
                    c.kind == CHOICE_LATE ? ", its last message is late" : "");
        return;
    case CHOICE_JOIN:
        name = x->joiner[c.node].name;
        break;
    case CHOICE_CRASH:
    case CHOICE_RESTART:
        name = node_at(x->sim, c.node)->host.name;
        break;
    }
    text_printf(t, "%s %s\n", name, does[c.kind]);
}

/* -- Doing one event ------------------------------------------------------ */

/* Nobody will hear of it, or its node's own host does it: now. */
static bool is_at_once(const struct entry *e)
{
    const struct segment *g = segment_of(e);

    return e->kind == ENTRY_ACK || e->kind == ENTRY_UPLINK ||
           e->kind == ENTRY_ROOM || e->kind == ENTRY_CLOSED ||
           e->kind == ENTRY_HASHED ||
           (g != NULL && g->from->closed && side_other(g->from)->closed);
}

/* Take what is at index `i` from the queue, whose order does not matter here,
   and do it. */
static void run_entry(struct explorer *x, size_t i)
{
    struct queue *q = &x->sim->queue;
    struct entry e = q->at[i];

    if (e.kind != ENTRY_DATAGRAM)
        touch_all(x);
    else if (receiver_of(&e) != NOBODY)
        x->touched[receiver_of(&e)] = true;
    q->at[i] = q->at[--q->count];
    e.time_us = x->sim->now_us;
    entry_execute(x->sim, &e);
}

/* Throw away what the explorer does by itself: timers are found at their
   nodes, and nothing is ever late enough for limits. */
static void tidy_queue(struct explorer *x)
{
    struct queue *q = &x->sim->queue;
    size_t kept = 0;

    for (size_t i = 0; i < q->count; i++) {
        struct entry *e = &q->at[i];
        if (e->kind == ENTRY_STALL)
            stream_release(e->what);
        if (e->kind == ENTRY_DOWNLINK)
            e->kind = ENTRY_SEGMENT;
        if (e->kind != ENTRY_STALL && e->kind != ENTRY_TIMER &&
            e->kind != ENTRY_LIMIT)
            q->at[kept++] = *e;
    }
    q->count = kept;
}

/* Do what follows an event by itself. */
static void settle(struct explorer *x)
{
    const struct queue *q = &x->sim->queue;
    size_t first = 0;

    while (!x->runaway) {
        tidy_queue(x);
        if (x->sim->again != NULL) {
            touch_all(x);
            stream_again(x->sim);
            continue;
        }
        first = q->count;
        for (size_t i = 0; i < q->count; i++)
            if (is_at_once(&q->at[i]) &&
                (first == q->count || q->at[i].number < q->at[first].number))
                first = i;
        if (first == q->count)
            return;
        write_arrival(x, &q->at[first], false);
        run_entry(x, first);
        x->runaway = ++x->events > OPERATION_EVENTS_MAX;
    }
}

static void run_arrival(struct explorer *x, size_t i, bool drop)
{
    struct entry *e = &x->sim->queue.at[i];

    write_arrival(x, e, drop);
    if (drop)
        ((struct message *)e->what)->why = "dropped by hand";
    run_entry(x, i);
    settle(x);
}

static void run_timer(struct explorer *x, struct node *n, int slot)
{
    uint64_t due = sim_timer_due(x->sim, &n->host, slot);

    write_line(x, "fire %s %s", n->host.name, host_timer_name(&n->host, slot));
    x->touched[n->host.index] = true;
    if (x->sim->now_us < due)
        x->sim->now_us = due;
    timer_fire(n, slot);
    settle(x);
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
static bool may_wait(const struct explorer *x, const struct entry *e)
{
    const struct protocol *p = x->scenario->protocol;
    const struct message *m = e->what;

    return e->kind == ENTRY_DATAGRAM && p->one_way != NULL &&
           p->one_way(m->data, m->len);
}

/* Let everything that was sent after `since` come to its end. */
static void finish_operation(struct explorer *x, uint64_t since, bool late)
{
    const struct queue *q = &x->sim->queue;
    size_t at[CHOICES_MAX];

    for (x->events = 0; x->events < OPERATION_EVENTS_MAX; x->events++) {
        size_t count = list_arrivals(x, at), i = 0;
        while (i < count && (q->at[at[i]].number <= since ||
                             (late && may_wait(x, &q->at[at[i]]))))
            i++;
        if (i < count)
            run_arrival(x, at[i], false);
        else if (!run_first_timeout(x))
            return;
    }
    x->runaway = true;
}

void run_to_rest(struct explorer *x)
{
    finish_operation(x, 0, false);
}

void run_operation(struct explorer *x, struct node *n, int slot)
{
    run_timer(x, n, slot);
    run_to_rest(x);
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
    uint32_t first = acts_first_live(&x->sim->acts, NOBODY);
    for (uint32_t i = 0; i < x->network->count; i++) {
        const struct host *h = x->network->host[i];
        if (h->state == NODE_UP && first != NOBODY &&
            strcmp(h->name, x->network->host[first]->name) < 0)
            first = i;
    }
    return first;
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
    acts_do(&x->sim->acts, &act);
}

/* Who restarts joins the first live node, as its own may be down. */
static void run_fault(struct explorer *x, enum act_kind kind, struct node *n)
{
    struct act act = {.kind = kind};

    if (kind == ACT_RESTART) {
        uint32_t join = acts_first_live(&x->sim->acts, n->host.index);
        act.other = node_at(x->sim, join)->host.name;
        write_line(x, "restart %s join=%s", n->host.name, act.other);
    } else {
        write_line(x, "crash %s", n->host.name);
    }
    memcpy(act.name, n->host.name, strlen(n->host.name) + 1);
    x->touched[n->host.index] = true;
    acts_do(&x->sim->acts, &act);
}

static void run_command(struct explorer *x, const struct act *act)
{
    write_line(x, "%s %s", act->name, act->text);
    x->touched[node_by_name(x->sim, act->name)->host.index] = true;
    acts_do(&x->sim->acts, act);
}

void apply(struct explorer *x, struct choice c)
{
    uint64_t since = x->sim->queue.number;

    x->events = 0;
    switch ((enum choice_kind)c.kind) {
    case CHOICE_FIRE:
    case CHOICE_LATE:
        run_timer(x, node_at(x->sim, c.node), c.slot);
        break;
    case CHOICE_ARRIVE:
    case CHOICE_DROP:
        run_arrival(x, arrival_at(x, c.message), c.kind == CHOICE_DROP);
        break;
    case CHOICE_CRASH:
        run_fault(x, ACT_CRASH, node_at(x->sim, c.node));
        break;
    case CHOICE_RESTART:
        run_fault(x, ACT_RESTART, node_at(x->sim, c.node));
        break;
    case CHOICE_JOIN:
        run_join(x, &x->joiner[c.node]);
        break;
    case CHOICE_COMMAND:
        run_command(x, &x->command[c.node]);
        break;
    }
    settle(x);
    if (x->scenario->bounds.grain == GRAIN_OPERATION)
        finish_operation(x, since, c.kind == CHOICE_LATE);
}

/* -- Which events are possible -------------------------------------------- */

static bool allowed(uint32_t bound, uint8_t used)
{
    return bound == BOUND_ANY || used < bound;
}

/* Is there still something in flight from it or to it? */
static bool is_busy(const struct explorer *x, uint32_t node)
{
    for (size_t i = 0; i < x->sim->queue.count; i++) {
        const struct entry *e = &x->sim->queue.at[i];
        if ((e->kind == ENTRY_DATAGRAM || e->kind == ENTRY_SEGMENT) &&
            (sender_of(e) == node || receiver_of(e) == node))
            return true;
    }
    return false;
}

static size_t add_choice(struct choice *all, size_t count,
                         enum choice_kind kind, size_t node, size_t slot)
{
    if (count < CHOICES_MAX)
        all[count] = (struct choice){.kind = (uint8_t)kind,
                                     .node = (uint8_t)node,
                                     .slot = (uint8_t)slot};
    return count + 1;
}

static size_t node_choices(const struct explorer *x, struct used u,
                           struct choice *all, size_t count, uint32_t i)
{
    const struct bounds *b = &x->scenario->bounds;
    const struct protocol *p = x->scenario->protocol;
    const struct node *n = node_at(x->sim, i);

    if (!node_is_up(n)) {
        if (allowed(b->restart, u.restart) &&
            acts_first_live(&x->sim->acts, n->host.index) != NOBODY)
            count = add_choice(all, count, CHOICE_RESTART, i, 0);
        return count;
    }
    for (int slot = 0; slot < TIMER_SLOTS; slot++) {
        if (!is_armed(x, n, slot) || (is_timeout(x, slot) && is_busy(x, i)))
            continue;
        count = add_choice(all, count, CHOICE_FIRE, i, (size_t)slot);
        if (b->grain == GRAIN_OPERATION && allowed(b->delay, u.delay))
            count = add_choice(all, count, CHOICE_LATE, i, (size_t)slot);
    }
    if (allowed(b->crash, u.crash) &&
        (x->options->unsafe || p->may_fail == NULL ||
         p->may_fail(x->network, &n->host)))
        count = add_choice(all, count, CHOICE_CRASH, i, 0);
    return count;
}

/* Where there are streams, no datagram is lost: their lines name none. */
static size_t arrival_choices(const struct explorer *x, struct used u,
                              struct choice *all, size_t count)
{
    bool drops = allowed(x->scenario->bounds.drop, u.drop);
    size_t at[CHOICES_MAX], arrivals = list_arrivals(x, at);

    for (size_t i = 0; i < arrivals; i++) {
        size_t first = count;
        count = add_choice(all, count, CHOICE_ARRIVE, 0, 0);
        if (drops && x->sim->conn_count == 0)
            count = add_choice(all, count, CHOICE_DROP, 0, 0);
        for (size_t k = first; k < count && k < CHOICES_MAX; k++)
            all[k].message = (uint8_t)i;
    }
    return count;
}

/* A joiner waits until the node that its line names has joined; when that is
   down, another will do. */
static bool may_join(const struct explorer *x, const struct act *joiner)
{
    const char *join = joiner->spec->join;

    return node_by_name(x->sim, joiner->name) == NULL &&
           (join == NULL || node_by_name(x->sim, join) != NULL) &&
           contact_for(x, joiner->spec) != NOBODY;
}

size_t list_choices(const struct explorer *x, struct used u,
                    struct choice all[CHOICES_MAX])
{
    size_t count = 0;

    for (uint32_t i = 0; i < x->network->count; i++)
        count = node_choices(x, u, all, count, i);
    count = arrival_choices(x, u, all, count);
    for (size_t i = 0; i < x->joiner_count; i++)
        if (allowed(x->scenario->bounds.join, u.join) &&
            may_join(x, &x->joiner[i]))
            count = add_choice(all, count, CHOICE_JOIN, i, 0);
    for (size_t i = 0; i < x->command_count; i++) {
        const struct node *n = node_by_name(x->sim, x->command[i].name);
        if ((u.given >> i & 1) == 0 && n != NULL && node_is_up(n))
            count = add_choice(all, count, CHOICE_COMMAND, i, 0);
    }
    return count;
}

/* Counts that no bound looks at stay 0, or equal states would differ. */
static void count_use(uint8_t *count, uint32_t bound, bool used)
{
    if (used && bound != BOUND_ANY)
        ++*count;
}

struct used use(const struct explorer *x, struct used u, struct choice c)
{
    const struct bounds *b = &x->scenario->bounds;

    count_use(&u.crash, b->crash, c.kind == CHOICE_CRASH);
    count_use(&u.restart, b->restart, c.kind == CHOICE_RESTART);
    count_use(&u.join, b->join, c.kind == CHOICE_JOIN);
    count_use(&u.drop, b->drop, c.kind == CHOICE_DROP);
    count_use(&u.delay, b->delay, c.kind == CHOICE_LATE);
    if (c.kind == CHOICE_COMMAND)
        u.given |= (uint8_t)(1U << c.node);
    return u;
}
