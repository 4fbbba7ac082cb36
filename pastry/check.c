/*
 * What must hold: leaf sets and table cells against all live nodes in order
 * of their ids (warm.c), as FreePastry's own tests do; and ways over the
 * tables as they stand.
 */
#include "pastry/check.h"

#include <string.h>

struct pastry *pastry_at(const struct network *net, size_t i)
{
    return network_is_up(net, i, &pastry_protocol) ? net->host[i]->node : NULL;
}

struct pastry *pastry_by_addr(const struct network *net, struct addr a)
{
    const struct host *h = addr_none(a) ? NULL : net->by_addr(net, a);

    return h != NULL ? pastry_at(net, h->index) : NULL;
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

/* -- A way as tables stand --------------------------------------------------------- */

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

/* -- Invariants ---------------------------------------------------------------------- */

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
            size_t to = pastry_stretch(o, from, high, r, c + 1);
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
    struct order o = pastry_order(net, false);
    struct checks k = {.net = net, .order = &o};

    check_all(&k);
    pastry_order_free(&o);
    return k.flaws;
}

void pastry_check(const struct network *net, struct findings *f)
{
    struct order o = pastry_order(net, false);
    struct checks k = {.net = net, .order = &o};

    k.bounds = findings_add(f, "tables keep their bounds");
    k.slots = findings_add(f, "entries stand in their slot");
    k.joined = findings_add(f, "all live nodes have joined");
    k.joined->outside = true; /* whom it joins may be dead for good */
    k.leaves = findings_add(f, "every leaf set is the nearest ids");
    k.table = findings_add(f, "a slot is empty only if nobody fits");
    k.alive = findings_add(f, "nobody in a table is dead");
    check_all(&k);
    pastry_order_free(&o);
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
    return 2 * (uint64_t)setting(s, PASTRY_REPAIR);
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

/* -- The explorer -------------------------------------------------------------------- */

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
