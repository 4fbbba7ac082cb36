/*
 * What must hold over the whole network, and the perfect tables of `warm`.
 *
 * Terms after [zave17]: a member's best successor is the first live entry of
 * its list.  A ring member reaches itself along best successors; any other
 * member is an appendage.  Members are walked along these pointers and
 * marked, so a check takes time linear in the network.
 */
#include "chord/check.h"

#include <assert.h>

static struct chord *chord_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &chord_protocol);
}

struct spot chord_find(const struct network *net, const struct peer *p)
{
    struct host *h = peer_none(p) ? NULL : net->by_addr(net, peer_addr(p));
    struct chord *c = network_node(h, &chord_protocol);
    struct spot s = {.host = h, .c = c};

    if (c == NULL)
        return s;
    if (p->vnode < s.c->member_count &&
        s.c->member[p->vnode].phase == MEMBER_INSIDE &&
        id_equal(&s.c->member[p->vnode].id, &p->id))
        s.n = &s.c->member[p->vnode];
    return s;
}

bool chord_each(const struct network *net, struct spot_cursor *at,
                struct spot *s)
{
    for (; at->host < net->count; at->host++, at->vnode = 0) {
        struct chord *c = chord_at(net, at->host);
        if (c == NULL || at->vnode >= c->member_count)
            continue;
        *s = (struct spot){net->host[at->host], c, &c->member[at->vnode]};
        at->vnode++;
        return true;
    }
    return false;
}

/* -- The oracle ---------------------------------------------------------- */

struct spot chord_owner(const struct network *net, const struct id *key)
{
    struct spot_cursor at = {0};
    struct spot s, best = {.n = NULL};
    struct id least = {{0}};

    while (chord_each(net, &at, &s)) {
        struct id way = id_distance(s.n->id, *key, s.c->bits);
        if (s.n->phase != MEMBER_INSIDE ||
            (best.n != NULL && id_compare(&way, &least) >= 0))
            continue;
        best = s;
        least = way;
    }
    return best;
}

struct spot chord_before(const struct network *net, const struct id *key)
{
    struct spot_cursor at = {0};
    struct spot s, best = {.n = NULL};
    struct id least = {{0}};

    while (chord_each(net, &at, &s)) {
        struct id way = id_distance(*key, s.n->id, s.c->bits);
        if (s.n->phase != MEMBER_INSIDE || id_is_zero(&way) ||
            (best.n != NULL && id_compare(&way, &least) >= 0))
            continue;
        best = s;
        least = way;
    }
    return best;
}

static bool is_down(const void *context, const struct peer *p)
{
    return chord_find(context, p).n == NULL;
}

struct way chord_walk(const struct network *net, struct spot from,
                      const struct id *key,
                      void (*visit)(void *context, const struct spot *s),
                      void *context)
{
    const struct settings *set = from.c->settings;
    unsigned max = 2U * from.c->bits + (unsigned)setting(set, OPT_SUCCESSORS);
    struct way w = {.last = from};
    struct id previous;
    struct query q = {.key = *key,
                      .paper = setting(set, OPT_RULE) == RULE_PAPER,
                      .skip = is_down,
                      .context = net};

    visit(context, &from);
    for (;;) {
        struct route route = chord_route(w.last.c, w.last.n, &q);
        struct spot next = chord_find(net, &route.peer);
        if (route.kind == ROUTE_DEAD_END || w.hops > max)
            return w;
        w.arrived = route.kind == ROUTE_OWNER;
        previous = w.last.n->id;
        if (next.n != w.last.n) {
            visit(context, &next);
            w.hops++;
        }
        w.last = next;
        if (w.arrived)
            break;
        assert(next.n != NULL); /* who is down was skipped */
        w.forwards++;
        q.previous = &previous;
    }
    if (!q.paper) /* the last hop led from the predecessor to the owner */
        w.forwards -= w.forwards > 0;
    return w;
}

/* -- Warm start ---------------------------------------------------------- */

static bool before(const struct spot *a, const struct spot *b)
{
    int order = id_compare(&a->n->id, &b->n->id);

    return order != 0 ? order < 0 : a->host->index < b->host->index;
}

static void sift(struct spot *at, size_t i, size_t count)
{
    while (2 * i + 1 < count) {
        size_t child = 2 * i + 1;
        if (child + 1 < count && before(&at[child], &at[child + 1]))
            child++;
        if (!before(&at[i], &at[child]))
            return;
        struct spot swap = at[i];
        at[i] = at[child];
        at[child] = swap;
        i = child;
    }
}

/* Heapsort: nothing but the array, and never slow. */
static void sort(struct spot *at, size_t count)
{
    for (size_t i = count / 2; i-- > 0;)
        sift(at, i, count);
    for (size_t end = count; end-- > 1;) {
        struct spot swap = at[0];
        at[0] = at[end];
        at[end] = swap;
        sift(at, 0, end);
    }
}

/* All members that may be in the ring; how many, when `all` is NULL. */
static size_t collect(const struct network *net, struct spot *all)
{
    struct spot_cursor at = {0};
    struct spot s;
    size_t count = 0;

    while (chord_each(net, &at, &s)) {
        if (s.c->leaving || s.n->refused)
            continue;
        if (all != NULL)
            all[count] = s;
        count++;
    }
    return count;
}

/* Two members with one id cannot both be in: the later is refused. */
static size_t refuse_twins(struct spot *at, size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && id_equal(&at[kept - 1].n->id, &at[i].n->id)) {
            at[i].n->refused = true;
            at[i].n->phase = MEMBER_OUTSIDE;
        } else {
            at[kept++] = at[i];
        }
    }
    return kept;
}

static struct peer peer_of(const struct spot *s)
{
    return chord_self(s->c, s->n);
}

/* The member at or after `start`, going on from the cursor of this finger:
   members come in order, so each cursor goes round at most once or twice. */
static size_t seek(const struct spot *at, size_t count, size_t cursor,
                   const struct id *after, const struct id *start)
{
    while (!id_in_half_open(start, after, &at[cursor % count].n->id)) {
        after = &at[cursor % count].n->id;
        cursor++;
    }
    return cursor;
}

static void warm_one(const struct spot *at, size_t count, size_t i,
                     size_t cursor[BITS_MAX])
{
    const struct spot *s = &at[i];
    struct peer table[BITS_MAX];
    unsigned r = (unsigned)setting(s->c->settings, OPT_SUCCESSORS);

    assert(count > 0 && i < count);
    s->n->phase = MEMBER_INSIDE;
    s->n->unsure = 0;
    s->n->pred = (struct peer){.ip = 0};
    if (count > 1)
        s->n->pred = peer_of(&at[(i + count - 1) % count]);
    s->n->succ_count = (uint8_t)(count - 1 < r ? count - 1 : r);
    for (unsigned k = 0; k < s->n->succ_count; k++)
        s->n->succ[k] = peer_of(&at[(i + k + 1) % count]);
    for (unsigned k = 0; k < s->c->bits; k++) {
        struct id start = chord_finger_start(s->c, s->n, k);
        if (cursor[k] < i + 1)
            cursor[k] = i + 1;
        cursor[k] = seek(at, count, cursor[k],
                         &at[(cursor[k] + count - 1) % count].n->id, &start);
        table[k] = peer_of(&at[cursor[k] % count]);
    }
    chord_finger_fill(s->c, s->host, s->n, table);
}

void chord_warm(const struct network *net)
{
    size_t count = collect(net, NULL), cursor[BITS_MAX] = {0};

    if (count == 0)
        return;
    struct host *h = NULL; /* whose memory we borrow */
    for (size_t i = 0; h == NULL; i++)
        h = chord_at(net, i) != NULL ? net->host[i] : NULL;
    size_t bytes = count * sizeof(struct spot);
    struct spot *at = host_alloc(h, bytes);
    if (at == NULL)
        return;
    (void)collect(net, at);
    sort(at, count);
    size_t kept = refuse_twins(at, count);
    for (size_t i = 0; i < kept; i++) {
        if (at[i].n->vnode == 0)
            chord_settle_down(at[i].c, at[i].host);
        warm_one(at, kept, i, cursor);
    }
    host_free(h, at, bytes);
}

/* A newcomer that cannot come in: its id is taken, or nobody is in at the
   address through which it would join, nor will be.  The ring does not wait
   for it. */
static bool is_stranded(const struct network *net, const struct spot *s)
{
    const struct chord *c = s->c;

    if (s->n->refused)
        return true;
    if (s->n->phase == MEMBER_INSIDE || addr_none(c->join))
        return false;
    for (size_t i = 0; i < net->count; i++) { /* it may wait for another */
        struct host *h = net->by_addr(net, c->join);
        if (h == NULL || h->state != NODE_UP || h->node == NULL)
            return true;
        c = h->node;
        if (c->member[0].phase == MEMBER_INSIDE || addr_none(c->join))
            return false;
    }
    return true;
}

/* -- Settled ------------------------------------------------------------- */

/* Successor, predecessor and list of one member agree with its neighbours'. */
static bool neighbours_right(const struct network *net, const struct spot *s,
                             size_t count)
{
    unsigned r = (unsigned)setting(s->c->settings, OPT_SUCCESSORS);
    size_t want = count - 1 < r ? count - 1 : r;
    struct spot at = *s;
    struct peer self = peer_of(s);

    if (s->n->succ_count < want || (want == 0 && s->n->succ_count > 0))
        return false;
    for (size_t k = 0; k < want; k++) {
        struct peer *next = &at.n->succ[0];
        if (!peer_same(next, &s->n->succ[k]))
            return false;
        at = chord_find(net, next);
        if (at.n == NULL || (at.n->succ_count == 0 && count > 1))
            return false;
        if (k == 0 && !peer_same(&at.n->pred, &self))
            return false;
    }
    return true;
}

/* A run is right when its first and last starts lie in its node's arc. */
static bool fingers_right(const struct network *net, const struct spot *s)
{
    unsigned runs = s->n->finger_count;

    if (setting(s->c->settings, OPT_FIX_FINGERS) == 0)
        return true; /* nobody works on them */
    for (unsigned k = 0; k < runs; k++) {
        unsigned first = chord_finger_first(s->c, s->n, k);
        unsigned last = k + 1 < runs
                            ? chord_finger_first(s->c, s->n, k + 1) - 1U
                            : s->c->bits - 1U;
        struct peer p = chord_finger_run(s->c, s->n, k);
        struct spot f = chord_find(net, &p);
        struct id a = chord_finger_start(s->c, s->n, first);
        struct id b = chord_finger_start(s->c, s->n, last);
        if (f.n == NULL)
            return false;
        if (!peer_none(&f.n->pred) &&
            (!id_in_half_open(&a, &f.n->pred.id, &f.n->id) ||
             !id_in_half_open(&b, &f.n->pred.id, &f.n->id)))
            return false;
    }
    return runs > 0;
}

/* Every value at its owner, and at all that should have a copy. */
static bool values_right(const struct network *net, const struct spot *s)
{
    const struct peer *pred = &s->n->pred;
    const struct id *from = peer_none(pred) ? &s->n->id : &pred->id;
    uint32_t sum = chord_store_checksum(s->n, from, &s->n->id);

    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        struct peer p = chord_store_target(s->c, s->n, i);
        struct spot t = chord_find(net, &p);
        if (!peer_none(&p) &&
            (t.n == NULL || chord_store_checksum(t.n, from, &s->n->id) != sum))
            return false;
    }
    return true;
}

/*
 * Is everything as it should be?  Walking once round the ring along right
 * neighbours, and meeting every live member with one wrap of ids, proves the
 * order of all; so no sorting is needed.
 */
bool chord_settled(const struct network *net)
{
    struct spot_cursor at = {0};
    size_t count = 0, wraps = 0;
    struct spot first = {.n = NULL}, s;

    while (chord_each(net, &at, &s)) {
        if (is_stranded(net, &s))
            continue;
        if (s.c->leaving || s.n->phase != MEMBER_INSIDE)
            return false;
        if (count++ == 0)
            first = s;
    }
    s = first;
    for (size_t i = 0; i < count; i++) {
        if (!neighbours_right(net, &s, count))
            return false;
        struct peer next = chord_successor(s.c, s.n);
        wraps += id_compare(&next.id, &s.n->id) <= 0;
        s = chord_find(net, &next);
        assert(s.n != NULL); /* neighbours_right has found it */
    }
    if (count > 0 && (s.n != first.n || wraps != 1))
        return false;
    for (size_t i = 0; i < count; i++) {
        if (!fingers_right(net, &s) || !values_right(net, &s))
            return false;
        struct peer next = chord_successor(s.c, s.n);
        s = chord_find(net, &next);
    }
    return true;
}

uint64_t chord_quiet_us(const struct settings *s)
{
    return 2 * (uint64_t)setting(s, OPT_STABILIZE) + 1;
}

/* -- Invariants ---------------------------------------------------------- */

enum mark { MARK_NEW, MARK_PATH, MARK_APPENDAGE, MARK_RING, MARK_LOST };

static struct spot best_successor(const struct network *net,
                                  const struct spot *s)
{
    struct spot best = *s; /* alone: its own successor */

    for (unsigned i = 0; i < s->n->succ_count; i++) {
        best = chord_find(net, &s->n->succ[i]);
        if (best.n != NULL)
            return best;
    }
    return best;
}

struct ring_check {
    struct finding *successor, *ring, *order, *reach, *all, *joined, *lists;
    size_t rings, members;
};

static void name_member(struct text *t, const struct spot *s)
{
    text_add(t, s->host->name);
    if (s->n->vnode > 0)
        text_printf(t, "/%u", (unsigned)s->n->vnode);
}

static void broken(struct finding *f, const struct spot *a, const char *what,
                   const struct spot *b)
{
    LOCAL_TEXT t = text_new();

    name_member(&t, a);
    text_add(&t, what);
    if (b != NULL)
        name_member(&t, b);
    findings_break(f, "%s", t.data);
}

/* `s` closes a ring: mark its members and see that ids wrap once. */
static void check_ring(const struct network *net, struct spot s,
                       struct ring_check *k)
{
    size_t wraps = 0;
    struct spot first = s;

    do {
        struct spot next = best_successor(net, &s);
        s.n->mark = MARK_RING;
        wraps += id_compare(&next.n->id, &s.n->id) <= 0;
        s = next;
    } while (s.n != first.n);
    k->rings++;
    if (k->rings > 1)
        broken(k->ring, &s, " is on a second ring", NULL);
    if (wraps != 1)
        broken(k->order, &s, "'s ring goes round the circle more than once",
               NULL);
}

/* Follow best successors from `s`, to a ring or to a dead end; then mark
   the way that was taken. */
static void check_path(const struct network *net, struct spot s,
                       struct ring_check *k)
{
    struct spot at = s;

    while (at.n != NULL && at.n->mark == MARK_NEW) {
        at.n->mark = MARK_PATH;
        at = best_successor(net, &at);
    }
    if (at.n != NULL && at.n->mark == MARK_PATH)
        check_ring(net, at, k);
    bool lost = at.n == NULL || at.n->mark == MARK_LOST;
    while (s.n != NULL && s.n->mark == MARK_PATH) {
        s.n->mark = lost ? MARK_LOST : MARK_APPENDAGE;
        s = best_successor(net, &s);
    }
}

/* Its own list: live somewhere, in order, nobody twice, never itself. */
static void check_list(const struct network *net, struct spot s,
                       struct ring_check *k)
{
    const struct member *n = s.n;
    struct spot best = best_successor(net, &s);

    if (n->succ_count > 0 && best.n == NULL)
        broken(k->successor, &s, " has no live successor", NULL);
    for (unsigned i = 0; i + 1 < n->succ_count; i++) {
        const struct id *b = &n->succ[i + 1].id;
        if (id_equal(b, &n->id))
            break; /* the published protocol closes the circle like this */
        if (!id_in_open(&n->succ[i].id, &n->id, b))
            broken(k->lists, &s, "'s successor list is out of order", NULL);
    }
    if (n->mark == MARK_APPENDAGE)
        broken(k->all, &s, " is beside the ring: nobody's successor", NULL);
    if (n->mark == MARK_LOST)
        broken(k->reach, &s, " does not reach the ring", NULL);
}

static void each_member(const struct network *net, struct ring_check *k,
                        void (*act)(const struct network *, struct spot,
                                    struct ring_check *))
{
    struct spot_cursor at = {0};
    struct spot s;

    while (chord_each(net, &at, &s)) {
        if (s.n->phase == MEMBER_INSIDE)
            act(net, s, k);
        else if (!is_stranded(net, &s) && !s.c->leaving)
            broken(k->joined, &s, " has not joined (yet)", NULL);
    }
}

static void clear_mark(const struct network *net, struct spot s,
                       struct ring_check *k)
{
    (void)net;
    k->members++;
    s.n->mark = MARK_NEW;
}

void chord_check(const struct network *net, struct findings *f)
{
    struct ring_check k = {.rings = 0};

    k.successor = findings_add(f, "live successor");
    k.ring = findings_add(f, "exactly one ring");
    k.order = findings_add(f, "ordered ring");
    k.reach = findings_add(f, "appendages reach the ring");
    k.all = findings_add(f, "all members on the ring");
    k.joined = findings_add(f, "all live nodes have joined");
    k.joined->outside = true; /* whom it joins may be dead for good */
    k.lists = findings_add(f, "ordered successor lists");
    each_member(net, &k, clear_mark);
    each_member(net, &k, check_path);
    each_member(net, &k, check_list);
    if (k.rings == 0 && k.members > 0)
        findings_break(k.ring, "there is no ring");
}

/* -- Messages in flight -------------------------------------------------- */

/* Whose request does a message carry the number of? */
static const struct chord *asker(const struct network *net, const uint8_t *data,
                                 size_t len, const struct host *from,
                                 const struct host *to)
{
    enum chord_type type = chord_peek_type(data, len);
    const struct host *h = chord_is_answer(type) ? to : from;

    if (type == CHORD_FIND_SUCC) /* passed on from node to node */
        h = net->by_addr(net, chord_peek_origin(data, len));
    return h != NULL && h->protocol == &chord_protocol ? h->node : NULL;
}

/* A request's number means its place among the open ones, by age; a number
   that nobody waits for is 0. */
void chord_canonical(const struct network *net, const struct host *from,
                     const struct host *to, uint8_t *data, size_t len)
{
    const struct chord *c = asker(net, data, len, from, to);
    uint32_t number = chord_peek_request(data), rank = 0, at = 0;

    for (const struct request *r = c != NULL ? c->requests : NULL; r != NULL;
         r = r->next) {
        at++;
        if (r->id == number)
            rank = at;
    }
    chord_poke_request(data, rank);
}

/* [zave17] calls it rectify, and it is an operation of its own there. */
bool chord_one_way(const uint8_t *data, size_t len)
{
    return chord_peek_type(data, len) == CHORD_NOTIFY;
}

/* -- May it fail? -------------------------------------------------------- */

/* Would a member lose its last live entry with `host`?  The published
   protocol lets a member into its own list, and then that entry counts. */
static bool only_hope(const struct network *net, const struct spot *s,
                      const struct host *host)
{
    bool hope = s->n->succ_count == 0;

    for (unsigned i = 0; i < s->n->succ_count; i++) {
        struct spot e = chord_find(net, &s->n->succ[i]);
        hope = hope || (e.n != NULL && e.host != host);
    }
    return !hope;
}

/* Does some member's extended list skip `n`: two neighbours in it, with `n`
   between them? */
static bool is_skipped(const struct network *net, const struct member *n)
{
    struct spot_cursor at = {0};
    struct spot s;

    while (chord_each(net, &at, &s)) {
        const struct id *a = &s.n->id;
        if (s.n == n || s.n->phase != MEMBER_INSIDE)
            continue;
        for (unsigned k = 0; k < s.n->succ_count; k++) {
            if (id_in_open(&n->id, a, &s.n->succ[k].id))
                return true;
            a = &s.n->succ[k].id;
        }
    }
    return false;
}

/*
 * Source: [zave17], the environment's assumptions: nobody loses its last
 * live successor, and in the corrected protocol r + 1 principals remain
 * (members that nobody's list skips).
 */
bool chord_may_fail(const struct network *net, const struct host *host)
{
    unsigned r = (unsigned)setting(net->settings, OPT_SUCCESSORS);
    unsigned principals = 0, own = 0, others = 0;
    struct spot_cursor at = {0};
    struct spot s;

    while (chord_each(net, &at, &s)) {
        if (s.n->phase != MEMBER_INSIDE)
            continue;
        if (s.host != host && only_hope(net, &s, host))
            return false;
        others += s.host != host;
        bool principal = !is_skipped(net, s.n);
        principals += principal;
        own += principal && s.host == host;
    }
    if (others == 0)
        return false; /* the last one is its own live successor */
    return setting(net->settings, OPT_VARIANT) == VARIANT_ORIGINAL ||
           own == 0 || principals - own >= r + 1;
}
