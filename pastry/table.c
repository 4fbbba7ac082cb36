/*
 * The three tables of a node, who fits where, and the next hop of a message.
 *
 * The routing table is kept as a list of its filled slots in order of row and
 * column: some 70 of 512 in a network of a million.  Slots are implied by the
 * ids.
 *
 * Source: [pastry01] 2.1 (state), 2.3 (routing), 2.4 (locality).
 */
#include "pastry/node.h"

#include <assert.h>
#include <string.h>

/* -- Ids ----------------------------------------------------------------- */

unsigned pastry_digit(const struct pastry *n, const struct id *id, unsigned i)
{
    assert(i < n->digits);
    return id_bits_at(id, n->digit_bits * (n->digits - 1U - i), n->digit_bits);
}

unsigned pastry_shared(const struct pastry *n, const struct id *a,
                       const struct id *b)
{
    unsigned above = ID_WORDS * 32 - pastry_bits(n); /* bits never used */

    for (unsigned i = 0; i < ID_WORDS; i++) {
        uint32_t differ = a->word[i] ^ b->word[i];
        if (differ == 0)
            continue;
        unsigned same = 32 * i;
        while ((differ & 0x80000000U) == 0) {
            differ <<= 1;
            same++;
        }
        return (same - above) / n->digit_bits;
    }
    return n->digits;
}

/* The shorter way round the circle. */
static struct id gap(const struct pastry *n, const struct id *a,
                     const struct id *b)
{
    struct id up = id_distance(*a, *b, pastry_bits(n));
    struct id down = id_distance(*b, *a, pastry_bits(n));

    return id_compare(&up, &down) < 0 ? up : down;
}

bool pastry_is_nearer(const struct pastry *n, const struct id *key,
                      const struct id *a, const struct id *b)
{
    struct id to_a = gap(n, key, a), to_b = gap(n, key, b);
    int order = id_compare(&to_a, &to_b);

    return order < 0 || (order == 0 && id_compare(a, b) < 0);
}

unsigned pastry_half(const struct pastry *n)
{
    return (unsigned)setting(n->settings, OPT_LEAFSET) / 2;
}

/* -- Walking ------------------------------------------------------------- */

/* The place of a slot in the list: of its entry, or where it would stand. */
static unsigned place(const struct pastry *n, unsigned r, unsigned c)
{
    unsigned low = 0, high = n->entry_count;

    while (low < high) {
        unsigned mid = (low + high) / 2;
        const struct id *id = PEER_ID(&n->entry[mid]);
        unsigned row = pastry_shared(n, &n->id, id);
        if (row < r || (row == r && pastry_digit(n, id, row) < c))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

struct peer *pastry_entry(const struct pastry *n, unsigned r, unsigned c)
{
    unsigned at = place(n, r, c);

    if (at == n->entry_count)
        return NULL;
    struct peer *p = &n->entry[at];
    bool fits = pastry_shared(n, &n->id, PEER_ID(p)) == r &&
                pastry_digit(n, PEER_ID(p), r) == c;
    return fits ? p : NULL;
}

const struct peer *pastry_peer_at(const struct pastry *n, unsigned i)
{
    if (i < n->low_count)
        return &n->low[i];
    i -= n->low_count;
    if (i < n->high_count)
        return &n->high[i];
    i -= n->high_count;
    if (i < n->entry_count)
        return &n->entry[i];
    i -= n->entry_count;
    return i < n->near_count ? &n->near[i] : NULL;
}

const struct peer *pastry_known(const struct pastry *n, struct addr a)
{
    const struct peer *p = NULL;

    for (unsigned i = 0; (p = pastry_peer_at(n, i)) != NULL; i++)
        if (addr_equal(peer_addr(p), a))
            break;
    return p;
}

/* -- Putting in ---------------------------------------------------------- */

/* How far `id` lies on that side of us. */
static struct id ahead(const struct pastry *n, bool high, const struct id *id)
{
    return high ? id_distance(*id, n->id, pastry_bits(n))
                : id_distance(n->id, *id, pastry_bits(n));
}

/* Its place on that side; the half's size when it belongs to the other nodes
   beyond.  *there: it is in already. */
static unsigned leaf_place(const struct pastry *n, bool high,
                           const struct id *id, bool *there)
{
    const struct peer *side = high ? n->high : n->low;
    unsigned count = high ? n->high_count : n->low_count, at = 0;
    struct id far = ahead(n, high, id);

    *there = false;
    for (; at < count; at++) {
        struct id other = ahead(n, high, PEER_ID(&side[at]));
        int order = id_compare(&far, &other);
        *there = order == 0;
        if (order <= 0)
            break;
    }
    return at;
}

static bool leaf_wanted(const struct pastry *n, bool high, const struct id *id)
{
    bool there;
    unsigned at = leaf_place(n, high, id, &there);

    return !there && at < pastry_half(n);
}

/* Insert at `at` of a list of at most `max`; the last falls out. */
static void put_at(struct peer *list, unsigned *count, unsigned max,
                   unsigned at, const struct peer *p)
{
    assert(list != NULL && at < max);
    if (*count < max)
        (*count)++;
    memmove(&list[at + 1], &list[at], (*count - 1 - at) * sizeof *list);
    list[at] = *p;
}

/*
 * In a small network the same node stands on both sides, as the circle is
 * short: |L|/2 to the left and |L|/2 to the right [pastry01].
 */
static bool put_leaf(struct pastry *n, bool high, const struct peer *p)
{
    struct peer *side = high ? n->high : n->low;
    unsigned count = high ? n->high_count : n->low_count;
    bool there;
    unsigned at = leaf_place(n, high, PEER_ID(p), &there);

    if (there)
        side[at] = *p; /* a newer round trip; or it came back elsewhere */
    if (there || at >= pastry_half(n))
        return false;
    put_at(side, &count, pastry_half(n), at, p);
    *(high ? &n->high_count : &n->low_count) = (uint8_t)count;
    return true;
}

bool pastry_room(struct pastry *n, struct host *h, unsigned count)
{
    if (count <= n->entry_cap)
        return true;
    struct peer *wider = host_alloc(h, count * sizeof *wider);
    if (wider == NULL)
        return false;
    if (n->entry != NULL && n->entry_count > 0)
        memcpy(wider, n->entry, n->entry_count * sizeof *wider);
    if (n->entry_cap > 0)
        host_free(h, n->entry, n->entry_cap * sizeof *wider);
    n->entry = wider;
    n->entry_cap = (uint16_t)count;
    return true;
}

/* Of several that fit a slot, the nearest by round trip stays [pastry01] 2.4;
   an unmeasured one is as far as can be. */
static void put_entry(struct pastry *n, struct host *h, const struct peer *p)
{
    unsigned r = pastry_shared(n, &n->id, PEER_ID(p)), count = n->entry_count;
    unsigned c = pastry_digit(n, PEER_ID(p), r);
    struct peer *e = pastry_entry(n, r, c);

    if (e != NULL) {
        bool nearer = setting(n->settings, OPT_PROXIMITY) == PROXIMITY_ON &&
                      p->rtt != 0 && (e->rtt == 0 || p->rtt < e->rtt);
        if (nearer || id_equal(PEER_ID(e), PEER_ID(p)))
            *e = *p;
        return;
    }
    if (count == ENTRIES_MAX ||
        !pastry_room(n, h, count < n->entry_cap ? count : count + 8U))
        return;
    put_at(n->entry, &count, ENTRIES_MAX, place(n, r, c), p);
    n->entry_count = (uint16_t)count;
}

void pastry_put_near(struct pastry *n, const struct peer *p)
{
    unsigned max = (unsigned)setting(n->settings, OPT_NEIGHBOURS), at = 0;
    unsigned count = n->near_count;

    for (unsigned i = 0; i < count; i++)
        if (id_equal(PEER_ID(&n->near[i]), PEER_ID(p))) {
            n->near[i] = *p;
            return;
        }
    while (at < count && n->near[at].rtt <= p->rtt)
        at++;
    if (at >= max || p->rtt == 0)
        return;
    put_at(n->near, &count, max, at, p);
    n->near_count = (uint8_t)count;
}

enum wish pastry_wants(const struct pastry *n, const struct id *id)
{
    unsigned r = pastry_shared(n, &n->id, id);

    if (r == n->digits)
        return WISH_NONE; /* our own id */
    if (leaf_wanted(n, true, id) || leaf_wanted(n, false, id))
        return WISH_LEAF;
    const struct peer *e = pastry_entry(n, r, pastry_digit(n, id, r));
    if (e == NULL)
        return n->entry_count < ENTRIES_MAX ? WISH_SLOT : WISH_NONE;
    if (id_equal(PEER_ID(e), id))
        return WISH_NONE;
    return setting(n->settings, OPT_PROXIMITY) == PROXIMITY_ON ? WISH_NEARER
                                                               : WISH_NONE;
}

bool pastry_insert(struct pastry *n, struct host *h, const struct peer *p)
{
    if (id_equal(PEER_ID(p), &n->id))
        return false;
    put_entry(n, h, p);
    pastry_put_near(n, p);
    bool high = put_leaf(n, true, p), low = put_leaf(n, false, p);
    return high || low;
}

/* -- Taking out ---------------------------------------------------------- */

static bool take_out(struct peer *list, unsigned *count, struct addr a)
{
    for (unsigned i = 0; i < *count; i++) {
        if (!addr_equal(peer_addr(&list[i]), a))
            continue;
        (*count)--;
        memmove(&list[i], &list[i + 1], (*count - i) * sizeof *list);
        return true;
    }
    return false;
}

bool pastry_forget(struct pastry *n, struct addr a)
{
    unsigned low = n->low_count, high = n->high_count, near = n->near_count;
    unsigned entries = n->entry_count;

    bool was_low = take_out(n->low, &low, a);
    bool was_high = take_out(n->high, &high, a);
    (void)take_out(n->near, &near, a);
    (void)take_out(n->entry, &entries, a);
    n->low_count = (uint8_t)low;
    n->high_count = (uint8_t)high;
    n->near_count = (uint8_t)near;
    n->entry_count = (uint16_t)entries;
    return was_low || was_high;
}

void pastry_forget_all(struct pastry *n, struct host *h)
{
    n->low_count = n->high_count = n->near_count = 0;
    n->grave_count = 0;
    n->entry_count = 0;
    if (n->entry_cap > 0)
        host_free(h, n->entry, n->entry_cap * sizeof *n->entry);
    n->entry_cap = 0;
    n->entry = NULL;
}

/* -- The next hop -------------------------------------------------------- */

/* Does the key lie between our farthest leaves, or are these all nodes? */
static bool in_leaf_set(const struct pastry *n, const struct id *key)
{
    unsigned half = pastry_half(n);

    if (n->low_count < half || n->high_count < half)
        return true;
    struct id below = ahead(n, false, PEER_ID(&n->low[half - 1]));
    struct id above = ahead(n, true, PEER_ID(&n->high[half - 1]));
    struct id at = ahead(n, true, key), back = ahead(n, false, key);
    return id_compare(&at, &above) <= 0 || id_compare(&back, &below) <= 0;
}

/* Nearer to the key than `best`, or than we are while that is NULL? */
static const struct peer *nearer_of(const struct pastry *n,
                                    const struct id *key, const struct id *skip,
                                    const struct peer *best,
                                    const struct peer *p)
{
    const struct id *to_beat = best != NULL ? PEER_ID(best) : &n->id;

    if (skip != NULL && id_equal(PEER_ID(p), skip))
        return best;
    return pastry_is_nearer(n, key, PEER_ID(p), to_beat) ? p : best;
}

static const struct peer *nearest_leaf(const struct pastry *n,
                                       const struct id *key,
                                       const struct id *skip)
{
    const struct peer *best = NULL;

    for (unsigned i = 0; i < n->low_count; i++)
        best = nearer_of(n, key, skip, best, &n->low[i]);
    for (unsigned i = 0; i < n->high_count; i++)
        best = nearer_of(n, key, skip, best, &n->high[i]);
    return best;
}

/* Source: [pastry01] 2.3, figure 2: leaf set, else table, else the rare case:
   whoever shares as many digits and is nearer.  Each hop shares more digits
   with the key, or as many and is nearer: so there are no loops. */
const struct peer *pastry_next(const struct pastry *n, const struct id *key,
                               const struct id *skip, enum rule *rule)
{
    unsigned shared = pastry_shared(n, &n->id, key);
    const struct peer *best = NULL, *p;

    *rule = RULE_ROW;
    if (in_leaf_set(n, key)) {
        best = nearest_leaf(n, key, skip); /* LAB: pastry-leaf */
        *rule = best != NULL ? RULE_LEAF : RULE_HERE;
        return best;
    }
    if (shared < n->digits) {
        p = pastry_entry(n, shared, pastry_digit(n, key, shared));
        if (p != NULL && (skip == NULL || !id_equal(PEER_ID(p), skip)))
            return p; /* LAB: pastry-row */
    }
    for (unsigned i = 0; (p = pastry_peer_at(n, i)) != NULL; i++)
        if (pastry_shared(n, PEER_ID(p), key) >= shared)
            best = nearer_of(n, key, skip, best, p);
    *rule = best != NULL ? RULE_RARE : RULE_HERE;
    return best; /* LAB: pastry-rare */
}

const char *pastry_rule_name(enum rule rule)
{
    static const char *const names[] = {[RULE_HERE] = "here",
                                        [RULE_LEAF] = "leaf",
                                        [RULE_ROW] = "row",
                                        [RULE_RARE] = "rare"};

    return names[rule];
}

bool pastry_is_replica(const struct pastry *n, const struct id *key,
                       const struct id *id, unsigned k)
{
    const struct id *who = id != NULL ? id : &n->id;
    unsigned nearer = who != &n->id && pastry_is_nearer(n, key, &n->id, who);

    for (unsigned i = 0; i < (unsigned)n->low_count + n->high_count; i++) {
        const struct peer *p = pastry_peer_at(n, i);
        bool twice = false; /* on both sides of a small circle */
        for (unsigned j = 0; i >= n->low_count && j < n->low_count; j++)
            twice = twice || id_equal(PEER_ID(&n->low[j]), PEER_ID(p));
        nearer += !twice && pastry_is_nearer(n, key, PEER_ID(p), who);
    }
    return nearer < k;
}
