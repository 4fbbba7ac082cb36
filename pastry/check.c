/*
 * What must hold over the whole network, and the perfect tables of `warm`.
 *
 * Both go by all live nodes in order of their ids, as FreePastry's own tests
 * do: a leaf set is a stretch of that order, and those that fit a cell of a
 * routing table are another.
 */
#include "pastry/check.h"

#include <string.h>

struct pastry *pastry_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &pastry_protocol);
}

struct pastry *pastry_by_addr(const struct network *net, struct addr a)
{
    return network_node(net->by_addr(net, a), &pastry_protocol);
}

struct pastry *pastry_root(const struct network *net, const struct id *key)
{
    struct pastry *best = NULL;

    for (size_t i = 0; i < net->count; i++) {
        struct pastry *n = pastry_at(net, i);
        if (n != NULL && n->active &&
            (best == NULL || pastry_is_nearer(n, key, &n->id, &best->id)))
            best = n;
    }
    return best;
}

/* -- A way as tables stand ----------------------------------------------- */

/* The next hop, when all dead peers have been found to be dead. */
static struct pastry *live_next(const struct network *net, struct pastry *n,
                                const struct id *key, enum rule *rule)
{
    struct pastry copy = *n;
    struct peer low[LEAVES_MAX], high[LEAVES_MAX], near[NEAR_MAX];
    struct peer entry[ENTRIES_MAX];
    const struct peer *next = pastry_next(n, key, NULL, rule);

    if (next == NULL || pastry_by_addr(net, peer_addr(next)) != NULL)
        return next != NULL ? pastry_by_addr(net, peer_addr(next)) : NULL;
    memcpy(low, n->low, n->low_count * sizeof *low);
    memcpy(high, n->high, n->high_count * sizeof *high);
    memcpy(near, n->near, n->near_count * sizeof *near);
    if (n->entry_count > 0)
        memcpy(entry, n->entry, n->entry_count * sizeof *entry);
    copy.low = low;
    copy.high = high;
    copy.near = near;
    copy.entry = entry;
    while (next != NULL && pastry_by_addr(net, peer_addr(next)) == NULL) {
        (void)pastry_forget(&copy, peer_addr(next));
        next = pastry_next(&copy, key, NULL, rule);
    }
    return next != NULL ? pastry_by_addr(net, peer_addr(next)) : NULL;
}

bool pastry_found(const struct network *net, const struct way *w,
                  const struct id *key)
{
    return w->ended && w->at[w->count - 1] == pastry_root(net, key);
}

uint64_t pastry_hop_us(const struct network *net, const struct way *w,
                       unsigned hop)
{
    return network_rtt_us(net, w->at[hop - 1]->self, w->at[hop]->self) / 2;
}

struct way pastry_way(const struct network *net, struct pastry *from,
                      const struct id *key)
{
    struct way w = {.count = 1};
    enum rule rule;

    w.at[0] = from;
    while (w.count < HOPS_MAX) {
        struct pastry *next = live_next(net, w.at[w.count - 1], key, &rule);
        if (next == NULL) {
            w.ended = true;
            break;
        }
        w.rare += rule == RULE_RARE;
        w.at[w.count++] = next;
    }
    return w;
}

/* -- The order of live nodes --------------------------------------------- */

/* Live nodes in order of their ids. */
struct order {
    struct pastry **at;
    size_t count, room;
    struct host *lender; /* of memory, for a moment */
};

static void sift(struct pastry **a, size_t at, size_t count)
{
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count &&
            id_compare(&a[child]->id, &a[child + 1]->id) < 0)
            child++;
        if (id_compare(&a[at]->id, &a[child]->id) >= 0)
            return;
        struct pastry *swap = a[at];
        a[at] = a[child];
        a[child] = swap;
        at = child;
    }
}

/* Heap sort: no library for protocols.  `all`: who is joining as well. */
static struct order order_of(const struct network *net, bool all)
{
    struct order o = {.room = net->count};

    for (size_t i = 0; i < net->count && o.lender == NULL; i++)
        if (pastry_at(net, i) != NULL)
            o.lender = net->host[i];
    if (o.lender == NULL)
        return o;
    o.at = host_alloc(o.lender, o.room * sizeof(void *));
    for (size_t i = 0; i < net->count && o.at != NULL; i++) {
        struct pastry *n = pastry_at(net, i);
        if (n != NULL && (all || n->active))
            o.at[o.count++] = n;
    }
    for (size_t i = o.count / 2; i-- > 0;)
        sift(o.at, i, o.count);
    for (size_t left = o.count; left > 1;) {
        struct pastry *top = o.at[0];
        o.at[0] = o.at[--left];
        o.at[left] = top;
        sift(o.at, 0, left);
    }
    return o;
}

static void order_free(struct order *o)
{
    if (o->at != NULL)
        host_free(o->lender, o->at, o->room * sizeof(void *));
}

/* The first node from `low` on whose digit `r` is at least c; all of the
   stretch share r digits. */
static size_t stretch(const struct order *o, size_t low, size_t high,
                      unsigned r, unsigned c)
{
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (pastry_digit(o->at[mid], &o->at[mid]->id, r) < c)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

/* -- Invariants ---------------------------------------------------------- */

struct checks {
    const struct network *net;
    const struct order *order;
    struct finding *bounds, *slots, *leaves, *table, *alive, *joined;
    struct flaws flaws;
};

static const char *name_of(const struct checks *k, const struct pastry *n)
{
    return k->net->by_addr(k->net, n->self)->name;
}

static void break_once(struct finding *f, const struct checks *k,
                       const struct pastry *n, const char *what)
{
    if (f != NULL && f->holds)
        findings_break(f, "%s %s", name_of(k, n), what);
}

/* Entry i on either side is exactly i places away [freepastry]. */
static void check_leaves(struct checks *k, const struct pastry *n, size_t at)
{
    size_t count = k->order->count, half = pastry_half(n);
    size_t wanted = count - 1 < half ? count - 1 : half;

    for (size_t i = 1; i <= wanted; i++) {
        const struct pastry *up = k->order->at[(at + i) % count];
        const struct pastry *down = k->order->at[(at + count - i) % count];
        bool high =
            i <= n->high_count && id_equal(PEER_ID(&n->high[i - 1]), &up->id);
        bool low =
            i <= n->low_count && id_equal(PEER_ID(&n->low[i - 1]), &down->id);
        k->flaws.leaves += (high ? 0U : 1U) + (low ? 0U : 1U);
        if (!high || !low)
            break_once(k->leaves, k, n, "misses a leaf");
    }
    if (n->high_count > wanted || n->low_count > wanted)
        break_once(k->leaves, k, n, "has a leaf too many");
}

/* A slot is empty only if nobody fits. */
static void check_table(struct checks *k, const struct pastry *n)
{
    const struct order *o = k->order;
    size_t low = 0, high = o->count;

    for (unsigned r = 0; r < n->digits && high - low > 1; r++) {
        size_t from = low, next_low = low, next_high = high;
        for (unsigned c = 0; c < 1U << n->digit_bits; c++) {
            size_t to = stretch(o, from, high, r, c + 1);
            if (c == pastry_digit(n, &n->id, r)) {
                next_low = from;
                next_high = to;
            } else if (to > from && pastry_entry(n, r, c) == NULL) {
                k->flaws.slots++;
                break_once(k->table, k, n, "has an empty slot");
            }
            from = to;
        }
        low = next_low;
        high = next_high;
    }
}

static void check_peers(struct checks *k, const struct pastry *n)
{
    const struct peer *p;

    for (unsigned i = 0; (p = pastry_peer_at(n, i)) != NULL; i++) {
        const struct pastry *other = pastry_by_addr(k->net, peer_addr(p));
        if (id_equal(PEER_ID(p), &n->id))
            break_once(k->bounds, k, n, "has itself in a table");
        if (other != NULL && id_equal(&other->id, PEER_ID(p)))
            continue;
        k->flaws.dead++;
        break_once(k->alive, k, n, "still knows a node that is gone");
    }
    for (unsigned i = 1; i < n->entry_count; i++) {
        const struct id *a = PEER_ID(&n->entry[i - 1]);
        const struct id *b = PEER_ID(&n->entry[i]);
        unsigned r = pastry_shared(n, &n->id, a),
                 s = pastry_shared(n, &n->id, b);
        if (r > s || (r == s && pastry_digit(n, a, r) >= pastry_digit(n, b, r)))
            break_once(k->slots, k, n, "has an entry in a wrong slot");
    }
    if (n->low_count > pastry_half(n) || n->high_count > pastry_half(n) ||
        n->near_count > NEAR_MAX || n->entry_count > ENTRIES_MAX ||
        n->request_count > REQUESTS_MAX || n->item_count > ITEMS_MAX)
        break_once(k->bounds, k, n, "keeps more than it may");
}

static void check_all(struct checks *k)
{
    for (size_t i = 0; i < k->net->count; i++) {
        const struct pastry *n = pastry_at(k->net, i);
        if (n != NULL && !n->active)
            break_once(k->joined, k, n, "has not joined yet");
    }
    for (size_t i = 0; i < k->order->count; i++) {
        check_leaves(k, k->order->at[i], i);
        check_table(k, k->order->at[i]);
        check_peers(k, k->order->at[i]);
    }
}

struct flaws pastry_flaws(const struct network *net)
{
    struct order o = order_of(net, false);
    struct checks k = {.net = net, .order = &o};

    check_all(&k);
    order_free(&o);
    return k.flaws;
}

void pastry_check(const struct network *net, struct findings *f)
{
    struct order o = order_of(net, false);
    struct checks k = {.net = net, .order = &o};

    k.bounds = findings_add(f, "tables keep their bounds");
    k.slots = findings_add(f, "entries stand in their slot");
    k.joined = findings_add(f, "all live nodes have joined");
    k.joined->outside = true; /* whom it joins may be dead for good */
    k.leaves = findings_add(f, "every leaf set is the nearest ids");
    k.table = findings_add(f, "a slot is empty only if nobody fits");
    k.alive = findings_add(f, "nobody in a table is dead");
    check_all(&k);
    order_free(&o);
}

bool pastry_settled(const struct network *net)
{
    struct findings f = {.count = 0};

    pastry_check(net, &f);
    bool hold = findings_hold(&f);
    findings_free(&f);
    return hold;
}

uint64_t pastry_quiet_us(const struct settings *s)
{
    return 2 * (uint64_t)setting(s, OPT_REPAIR);
}

/* Source: [pastry01] abstract: delivery is sure unless |L|/2 nodes with
   adjacent ids fail at once.  So nobody may fail who, with those that its
   neighbours have not yet missed, would make up half of a leaf set. */
bool pastry_may_fail(const struct network *net, const struct host *h)
{
    const struct pastry *n = h->node;
    unsigned dead = 0, live = 0;
    const struct peer *p;

    for (size_t i = 0; i < net->count; i++)
        live += pastry_at(net, i) != NULL && pastry_at(net, i)->active;
    for (unsigned i = 0; n != NULL && (p = pastry_peer_at(n, i)) != NULL &&
                         i < (unsigned)n->low_count + n->high_count;
         i++)
        dead += pastry_by_addr(net, peer_addr(p)) == NULL;
    return n != NULL && live > 2 && dead + 1 < pastry_half(n);
}

/* -- The explorer -------------------------------------------------------- */

/* Numbers of questions differ from run to run: a message has the place of
   its request among the open ones of whoever asked; 0: nobody waits. */
void pastry_canonical(const struct network *net, const struct host *from,
                      const struct host *to, uint8_t *data, size_t len)
{
    struct pastry_msg m;
    const struct host *asker = from;
    uint32_t rank = 0, at = 0;

    (void)net;
    if (!pastry_decode(&m, data, len))
        return;
    if (m.type == PASTRY_ACK || m.type == PASTRY_STATE ||
        m.type == PASTRY_PONG || m.type == PASTRY_STORED ||
        m.type == PASTRY_REACHED)
        asker = to;
    const struct pastry *n =
        asker->protocol == &pastry_protocol ? asker->node : NULL;
    for (const struct request *r = n != NULL ? n->requests : NULL; r != NULL;
         r = r->next) {
        at++;
        if (r->id == m.request)
            rank = at;
    }
    if (rank == 0 && n != NULL && m.request == n->arrival)
        rank = UINT32_MAX; /* about its arrival */
    for (unsigned i = 0; i < 4; i++)
        data[HEADER_BYTES - 4 + i] = (uint8_t)(rank >> (24 - 8 * i));
}

/* -- Warm ---------------------------------------------------------------- */

static struct peer peer_of(const struct network *net, const struct pastry *n,
                           const struct pastry *other)
{
    uint64_t rtt = network_rtt_us(net, n->self, other->self) / RTT_UNIT_US;

    return peer_new(&other->id, other->self, rtt);
}

/* Of a slot's candidates, for the nearest: all in a class, a few in a crowd,
   where round trips are drawn by lot and the best of some is nearly the best
   of all.  In a plane, see below. */
#define SAMPLE 128
#define SAMPLE_CROWD 16
#define CROWD 2000

static size_t sample_of(const struct order *o, size_t count)
{
    size_t most = o->count > CROWD ? SAMPLE_CROWD : SAMPLE;

    return count < most ? count : most;
}

static struct peer choose(const struct network *net, const struct order *o,
                          const struct pastry *n, struct host *h, size_t low,
                          size_t high, bool any)
{
    bool near = !any && setting(n->settings, OPT_PROXIMITY) == PROXIMITY_ON;
    size_t count = high - low, start = host_random(h) % count;
    size_t tries = near ? sample_of(o, count) : 1;
    struct peer best = {.port = 0};

    for (size_t i = 0; i < tries; i++) {
        size_t at = low + (start + i * (count / tries)) % count;
        struct peer p = peer_of(net, n, o->at[at]);
        if (best.port == 0 || p.rtt < best.rtt ||
            (p.rtt == best.rtt && id_compare(PEER_ID(&p), PEER_ID(&best)) < 0))
            best = p;
    }
    return best;
}

/* `any`: one of a slot's candidates will do for now. */
static void warm_table(const struct network *net, const struct order *o,
                       struct pastry *n, struct host *h, bool any)
{
    size_t low = 0, high = o->count;
    unsigned base = 1U << n->digit_bits;
    struct peer row[16 * 8];
    unsigned count = 0;

    for (unsigned r = 0; r < n->digits && high - low > 1; r++) {
        unsigned mine = pastry_digit(n, &n->id, r);
        size_t from = low, next_low = low, next_high = high;
        for (unsigned c = 0; c < base; c++) {
            size_t to = stretch(o, from, high, r, c + 1);
            if (c == mine) {
                next_low = from;
                next_high = to;
            } else if (to > from && count < sizeof row / sizeof row[0]) {
                row[count++] = choose(net, o, n, h, from, to, any);
            }
            from = to;
        }
        low = next_low;
        high = next_high;
    }
    if (pastry_room(n, h, count)) /* rows in ascending order, as they stand */
        for (unsigned i = 0; i < count; i++)
            n->entry[n->entry_count++] = row[i];
}

static void warm_leaves(const struct network *net, const struct order *o,
                        struct pastry *n, size_t at)
{
    for (unsigned i = 1; i <= pastry_half(n) && i < o->count; i++) {
        n->high[n->high_count++] = peer_of(net, n, o->at[(at + i) % o->count]);
        n->low[n->low_count++] =
            peer_of(net, n, o->at[(at + o->count - i) % o->count]);
    }
}

/* The nearest of a sample. */
static void warm_near(const struct network *net, const struct order *o,
                      struct pastry *n, struct host *h, size_t at)
{
    size_t tries = sample_of(o, o->count);

    if (setting(n->settings, OPT_NEIGHBOURS) == 0)
        return;
    for (size_t i = 1; i < tries; i++) {
        size_t other =
            o->count <= tries ? (at + i) % o->count : host_random(h) % o->count;
        struct peer p = peer_of(net, n, o->at[other]);
        if (other != at)
            pastry_put_near(n, &p);
    }
}

/* -- In a plane ---------------------------------------------------------- */

/*
 * With `latency plane` we know where nodes are and find the very nearest:
 * those that fit a slot are put on a grid, and each node that has the slot
 * looks round its own square, ring by ring.
 */
#define SPAN 1000 /* network.place gives thousandths */
#define SIDE_MAX 256

struct grid {
    uint16_t *x, *y; /* of each node in the order */
    uint32_t *next;  /* in its square: 1 + place in the order; 0: the end */
    uint32_t *head;  /* of each square, likewise */
    int side;        /* squares along a side */
};

/* Put a stretch of the order on the grid, about two to a square. */
static void grid_fill(struct grid *g, size_t low, size_t high)
{
    g->side = 1;
    while (g->side < SIDE_MAX &&
           (size_t)g->side * (size_t)g->side * 4 < high - low)
        g->side *= 2;
    memset(g->head, 0, (size_t)(g->side * g->side) * sizeof *g->head);
    for (size_t i = low; i < high; i++) {
        int square =
            g->y[i] * g->side / SPAN * g->side + g->x[i] * g->side / SPAN;
        g->next[i] = g->head[square];
        g->head[square] = (uint32_t)i + 1;
    }
}

/* The nearest to node `at` in one square, if nearer than *best. */
static void grid_look(const struct grid *g, int column, int row, size_t at,
                      size_t *found, int *best)
{
    if (column < 0 || row < 0 || column >= g->side || row >= g->side)
        return;
    for (uint32_t i = g->head[row * g->side + column]; i != 0;
         i = g->next[i - 1]) {
        int dx = g->x[i - 1] - g->x[at], dy = g->y[i - 1] - g->y[at];
        if (dx * dx + dy * dy >= *best)
            continue;
        *best = dx * dx + dy * dy;
        *found = i - 1;
    }
}

static size_t grid_nearest(const struct grid *g, size_t at)
{
    int column = g->x[at] * g->side / SPAN, row = g->y[at] * g->side / SPAN;
    int best = INT32_MAX, width = SPAN / g->side;
    size_t found = at;

    for (int k = 0; k < g->side; k++) {
        if (k > 1 && (k - 1) * width * (k - 1) * width > best)
            break; /* all that follow are farther away */
        for (int i = -k; i <= k; i++) {
            grid_look(g, column + i, row - k, at, &found, &best);
            if (k > 0)
                grid_look(g, column + i, row + k, at, &found, &best);
        }
        for (int i = -k + 1; i < k; i++) {
            grid_look(g, column - k, row + i, at, &found, &best);
            grid_look(g, column + k, row + i, at, &found, &best);
        }
    }
    return found;
}

/* Of all in this stretch, who share r digits, fill the row r anew. */
static void nearest_row(const struct network *net, const struct order *o,
                        struct grid *g, size_t low, size_t high, unsigned r)
{
    const struct pastry *any = o->at[low];
    size_t from = low;

    if (high - low < 2 || r == any->digits)
        return;
    for (unsigned c = 0; c < 1U << any->digit_bits; c++) {
        size_t to = stretch(o, from, high, r, c + 1);
        if (to > from)
            grid_fill(g, from, to);
        for (size_t i = low; to > from && i < high; i++) {
            struct peer *e =
                i >= from && i < to ? NULL : pastry_entry(o->at[i], r, c);
            if (e != NULL)
                *e = peer_of(net, o->at[i], o->at[grid_nearest(g, i)]);
        }
        from = to;
    }
    for (from = low; from < high;) {
        unsigned c = pastry_digit(any, &o->at[from]->id, r);
        size_t to = stretch(o, from, high, r, c + 1);
        nearest_row(net, o, g, from, to, r + 1);
        from = to;
    }
}

static void warm_plane(const struct network *net, const struct order *o)
{
    size_t each = 2 * sizeof(uint16_t) + sizeof(uint32_t);
    size_t bytes = o->count * each + SIDE_MAX * SIDE_MAX * sizeof(uint32_t);
    struct grid g = {.next = host_alloc(o->lender, bytes)};
    bool known = g.next != NULL;

    if (!known)
        return;
    g.head = g.next + o->count;
    g.x = (uint16_t *)(g.head + SIDE_MAX * SIDE_MAX);
    g.y = g.x + o->count;
    for (size_t i = 0; i < o->count && known; i++) {
        unsigned x = 0, y = 0;
        const struct host *h = net->by_addr(net, o->at[i]->self);
        known = net->place(net, h, &x, &y);
        g.x[i] = (uint16_t)x;
        g.y[i] = (uint16_t)y;
    }
    if (known)
        nearest_row(net, o, &g, 0, o->count, 0);
    host_free(o->lender, g.next, bytes);
}

void pastry_warm(const struct network *net)
{
    struct order o = order_of(net, true);
    unsigned x, y;
    bool plane = o.count > 0 && net->place != NULL &&
                 setting(net->settings, OPT_PROXIMITY) == PROXIMITY_ON &&
                 net->place(net, o.lender, &x, &y);

    for (size_t i = 0; i < o.count; i++) {
        struct pastry *n = o.at[i];
        struct host *h = net->by_addr(net, n->self);
        pastry_forget_all(n, h);
        warm_leaves(net, &o, n, i);
        warm_table(net, &o, n, h, plane);
        warm_near(net, &o, n, h, i);
        pastry_settle_down(n, h);
    }
    if (plane)
        warm_plane(net, &o);
    order_free(&o);
}
