/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from the ids of the live nodes (the oracle).
 *
 * A fact about a node means its first ring member.  What has to be picked for
 * a student (a key, a source) depends on the ring only, so that it is the
 * same for tutor and grader, and differs from ring to ring.
 */
#include "chord/check.h"

#include <string.h>

#include "chord/main.h"
#include "common/random.h"

/* Pairs of node and key over which means are taken: all when they are few,
   else so many at random. */
#define PAIRS_MAX (UINT64_C(1) << 20)
#define SAMPLES 100000

/* -- Arguments and output ------------------------------------------------ */

static unsigned bits_of(const struct fact_call *k)
{
    return (unsigned)setting(k->network->settings, OPT_BITS);
}

static bool key_of(struct fact_call *k, size_t arg, struct id *key)
{
    const char *text = k->args[arg], *name;
    size_t name_len;

    if (word_key(text, strlen(text), bits_of(k), key, &name, &name_len))
        return true;
    text_printf(k->why, "%s is no key: a number below 2^%u, or a name", text,
                bits_of(k));
    return false;
}

/* The first ring member of a node. */
static struct spot member_of(const struct fact_call *k)
{
    struct chord *c = k->host[0]->node;

    return (struct spot){k->host[0], c, &c->member[0]};
}

static void add_id(struct fact_call *k, const struct id *id)
{
    fact_add(k, "");
    id_text(k->out, id, bits_of(k));
}

static void add_peer(struct fact_call *k, const struct peer *p)
{
    const struct host *h = k->network->by_addr(k->network, peer_addr(p));

    fact_add(k, h != NULL ? h->name : "none");
}

static void add_node(void *context, const struct spot *s)
{
    fact_add(context, s->host->name);
}

static void ignore(void *context, const struct spot *s)
{
    (void)context;
    (void)s;
}

static enum fact_outcome print_spot(struct fact_call *k, const struct spot *s)
{
    return fact_print_name(k, s->n != NULL ? s->host->name : NULL);
}

/* -- One node ------------------------------------------------------------ */

static enum fact_outcome fact_fingers(struct fact_call *k)
{
    struct spot s = member_of(k);

    for (unsigned i = 0; i < s.c->bits; i++) {
        struct peer p = chord_finger_get(s.c, s.n, i);
        if (peer_none(&p))
            fact_add(k, "-");
        else
            add_id(k, &p.id);
    }
    return FACT_OK;
}

static enum fact_outcome fact_finger(struct fact_call *k)
{
    struct spot s = member_of(k);
    uint64_t i;

    if (!fact_number(k, 1, s.c->bits - 1U, &i))
        return FACT_ERROR;
    struct peer p = chord_finger_get(s.c, s.n, (unsigned)i);
    add_peer(k, &p);
    return FACT_OK;
}

static enum fact_outcome fact_finger_start(struct fact_call *k)
{
    struct spot s = member_of(k);
    uint64_t i;

    if (!fact_number(k, 1, s.c->bits - 1U, &i))
        return FACT_ERROR;
    struct id start = chord_finger_start(s.c, s.n, (unsigned)i);
    add_id(k, &start);
    return FACT_OK;
}

static enum fact_outcome fact_successors(struct fact_call *k)
{
    struct spot s = member_of(k);

    for (unsigned i = 0; i < s.n->succ_count; i++)
        add_peer(k, &s.n->succ[i]);
    if (s.n->succ_count == 0)
        fact_add(k, s.host->name);
    return FACT_OK;
}

static enum fact_outcome fact_successor(struct fact_call *k)
{
    struct spot s = member_of(k);
    uint64_t i;

    if (!fact_number(k, 1, UINT32_MAX, &i))
        return FACT_ERROR;
    if (i == 0 || i > s.n->succ_count)
        return fact_print_name(k, NULL);
    add_peer(k, &s.n->succ[i - 1]);
    return FACT_OK;
}

static enum fact_outcome fact_predecessor(struct fact_call *k)
{
    struct spot s = member_of(k);

    add_peer(k, &s.n->pred);
    return FACT_OK;
}

static enum fact_outcome fact_keys(struct fact_call *k)
{
    struct spot s = member_of(k);

    for (const struct item *i = s.n->items; i != NULL; i = i->next)
        if (!i->deleted)
            add_id(k, &i->key);
    return FACT_OK;
}

static enum fact_outcome fact_id(struct fact_call *k)
{
    struct spot s = member_of(k);

    add_id(k, &s.n->id);
    return FACT_OK;
}

/* -- Ways of lookups ----------------------------------------------------- */

static enum fact_outcome fact_path(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 1, &key))
        return FACT_ERROR;
    return chord_walk(k->network, member_of(k), &key, add_node, k).arrived
               ? FACT_OK
               : FACT_BROKEN;
}

static enum fact_outcome print_way(struct fact_call *k, bool hops)
{
    struct id key;

    if (!key_of(k, 1, &key))
        return FACT_ERROR;
    struct way w = chord_walk(k->network, member_of(k), &key, ignore, NULL);
    text_u64(k->out, hops ? w.hops : w.forwards);
    return w.arrived ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_hops(struct fact_call *k)
{
    return print_way(k, true);
}

static enum fact_outcome fact_forwards(struct fact_call *k)
{
    return print_way(k, false);
}

static enum fact_outcome fact_path_by_successors(struct fact_call *k)
{
    struct spot s = member_of(k);
    struct id key;

    if (!key_of(k, 1, &key))
        return FACT_ERROR;
    struct spot owner = chord_owner(k->network, &key);
    add_node(k, &s);
    for (size_t i = 0; i < k->network->count && s.n != owner.n; i++) {
        struct peer next = chord_successor(s.c, s.n);
        s = chord_find(k->network, &next);
        if (s.n == NULL)
            return FACT_BROKEN;
        add_node(k, &s);
    }
    return s.n == owner.n ? FACT_OK : FACT_BROKEN;
}

/* Pseudo-random, from the ids of the live nodes. */
static struct random ring_random(const struct network *net)
{
    struct random r = {.state = 0};
    struct spot_cursor at = {0};
    struct spot s;

    while (chord_each(net, &at, &s))
        r.state += random_mix(id_low(s.n->id) + 1);
    return r;
}

static struct id random_id(struct random *r, unsigned bits)
{
    struct id id = {{0}};

    for (unsigned i = 0; i < bits; i++)
        if (random_next(r) >> 63)
            id = id_add_power(id, i, bits);
    return id;
}

/* What is told of all pairs of source and key. */
struct survey {
    uint64_t pairs, hops, max;
};

static void survey_one(struct survey *v, const struct network *net,
                       struct spot s, const struct id *key)
{
    struct way w = chord_walk(net, s, key, ignore, NULL);

    v->pairs++;
    v->hops += w.hops;
    v->max = w.hops > v->max ? w.hops : v->max;
}

static size_t member_count(const struct network *net)
{
    struct spot_cursor at = {0};
    struct spot s;
    size_t count = 0;

    while (chord_each(net, &at, &s))
        count += s.n->phase == MEMBER_INSIDE;
    return count;
}

static struct survey survey(const struct fact_call *k)
{
    const struct network *net = k->network;
    unsigned bits = bits_of(k);
    struct survey v = {0};
    struct random r = ring_random(net);
    struct spot_cursor at = {0};
    struct spot s;
    size_t count = member_count(net);
    bool all = bits < 32 && ((uint64_t)count << bits) <= PAIRS_MAX;
    uint64_t each = all ? UINT64_C(1) << bits : SAMPLES / (count + 1) + 1;

    while (chord_each(net, &at, &s)) {
        if (s.n->phase != MEMBER_INSIDE)
            continue;
        for (uint64_t i = 0; i < each; i++) {
            struct id key = all ? id_of(i) : random_id(&r, bits);
            survey_one(&v, net, s, &key);
        }
    }
    return v;
}

static enum fact_outcome fact_max_hops(struct fact_call *k)
{
    return fact_print(k, survey(k).max);
}

static enum fact_outcome fact_mean_hops(struct fact_call *k)
{
    struct survey v = survey(k);
    uint64_t mean = v.pairs == 0 ? 0 : (v.hops * 10000 + v.pairs / 2) / v.pairs;

    text_printf(k->out, "%u.%04u", (unsigned)(mean / 10000),
                (unsigned)(mean % 10000));
    return FACT_OK;
}

struct nth {
    struct fact_call *k;
    uint64_t left;
};

static void visit_nth(void *context, const struct spot *s)
{
    struct nth *n = context;

    if (n->left-- == 0)
        add_node(n->k, s);
}

/* The I-th node of a way, the asker being the 0th. */
static enum fact_outcome fact_hop(struct fact_call *k)
{
    struct nth n = {.k = k};
    struct id key;

    if (!key_of(k, 1, &key) || !fact_number(k, 2, UINT32_MAX, &n.left))
        return FACT_ERROR;
    chord_walk(k->network, member_of(k), &key, visit_nth, &n);
    return k->out->len > 0 ? FACT_OK : FACT_BROKEN;
}

/* How long the way without fingers is. */
static enum fact_outcome fact_hops_by_successors(struct fact_call *k)
{
    LOCAL_TEXT path = text_new();
    struct fact_call inner = *k;
    uint64_t blanks = 0;

    inner.out = &path;
    enum fact_outcome outcome = fact_path_by_successors(&inner);
    for (size_t i = 0; i < path.len; i++)
        blanks += path.data[i] == ' ';
    text_u64(k->out, blanks);
    return outcome;
}

/* -- What to ask a student ----------------------------------------------- */

/* A live node from which the way to `key` has at least `hops`. */
static struct spot source_for(const struct network *net, const struct id *key,
                              uint64_t hops)
{
    struct random r = ring_random(net);
    struct spot_cursor at = {0};
    struct spot s, best = {.n = NULL};
    uint64_t salt = id_low(*key), found = 0;

    r.state += salt;
    while (chord_each(net, &at, &s)) {
        if (s.n->phase != MEMBER_INSIDE || s.n->vnode > 0 ||
            chord_walk(net, s, key, ignore, NULL).hops < hops)
            continue;
        if (random_below(&r, ++found) == 0) /* each with the same chance */
            best = s;
    }
    return best;
}

static enum fact_outcome fact_pick_key(struct fact_call *k)
{
    struct random r = ring_random(k->network);
    uint64_t hops;

    if (!fact_number(k, 0, UINT32_MAX, &hops))
        return FACT_ERROR;
    for (unsigned i = 0; i < 1000; i++) {
        struct id key = random_id(&r, bits_of(k));
        struct spot owner = chord_owner(k->network, &key);
        if (owner.n == NULL || id_equal(&owner.n->id, &key) ||
            source_for(k->network, &key, hops).n == NULL)
            continue;
        add_id(k, &key);
        return FACT_OK;
    }
    return fact_print_name(k, NULL);
}

static enum fact_outcome fact_pick_source(struct fact_call *k)
{
    struct id key;
    uint64_t hops;

    if (!key_of(k, 0, &key) || !fact_number(k, 1, UINT32_MAX, &hops))
        return FACT_ERROR;
    struct spot s = source_for(k->network, &key, hops);
    return print_spot(k, &s);
}

static enum fact_outcome fact_free_id(struct fact_call *k)
{
    struct random r = ring_random(k->network);

    r.state = ~r.state; /* not the keys of pick-key */
    for (unsigned i = 0; i < 1000; i++) {
        struct id id = random_id(&r, bits_of(k));
        struct spot owner = chord_owner(k->network, &id);
        if (owner.n != NULL && id_equal(&owner.n->id, &id))
            continue;
        add_id(k, &id);
        return FACT_OK;
    }
    text_add(k->why, "every id is taken");
    return FACT_ERROR;
}

/* -- Ownership ----------------------------------------------------------- */

static enum fact_outcome fact_owner(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    struct spot s = chord_owner(k->network, &key);
    return print_spot(k, &s);
}

static enum fact_outcome fact_before(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    struct spot s = chord_before(k->network, &key);
    return print_spot(k, &s);
}

static enum fact_outcome fact_key(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    add_id(k, &key);
    return FACT_OK;
}

/* The live nodes in ring order; with their ids as n16=16 n32=32. */
static enum fact_outcome print_ring(struct fact_call *k, bool ids)
{
    struct id key = id_of(0);
    struct spot first = chord_owner(k->network, &key), s = first;

    while (s.n != NULL) {
        add_node(k, &s);
        if (ids) {
            text_char(k->out, '=');
            id_text(k->out, &s.n->id, bits_of(k));
        }
        key = id_add_power(s.n->id, 0, bits_of(k));
        s = chord_owner(k->network, &key);
        if (s.n == first.n)
            return FACT_OK;
    }
    return FACT_BROKEN;
}

static enum fact_outcome fact_ring(struct fact_call *k)
{
    return print_ring(k, false);
}

static enum fact_outcome fact_ids(struct fact_call *k)
{
    return print_ring(k, true);
}

/* How many identifiers a host's members own; of circles up to 2^32. */
static uint64_t share_of(const struct network *net, const struct host *h,
                         unsigned bits)
{
    struct spot_cursor at = {0};
    struct spot s;
    uint64_t share = 0;

    while (chord_each(net, &at, &s)) {
        struct spot before = chord_before(net, &s.n->id);
        uint64_t arc = id_low(id_distance(s.n->id, before.n->id, bits));
        if (s.host == h)
            share += arc > 0 ? arc : UINT64_C(1) << bits;
    }
    return share;
}

static bool is_short(const struct fact_call *k)
{
    if (bits_of(k) > 32)
        text_add(k->why, "shares are told of circles up to 2^32: set bits 32");
    return bits_of(k) <= 32;
}

static enum fact_outcome fact_share(struct fact_call *k)
{
    if (!is_short(k))
        return FACT_ERROR;
    return fact_print(k, share_of(k->network, k->host[0], bits_of(k)));
}

/* The first host with the largest share. */
static const struct host *busiest(const struct fact_call *k, uint64_t *share)
{
    const struct host *best = NULL;

    *share = 0;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct host *h = k->network->host[i];
        uint64_t own = network_node(h, &chord_protocol) != NULL
                           ? share_of(k->network, h, bits_of(k))
                           : 0;
        if (own > *share) {
            *share = own;
            best = h;
        }
    }
    return best;
}

static enum fact_outcome fact_busiest(struct fact_call *k)
{
    uint64_t share;

    if (!is_short(k))
        return FACT_ERROR;
    const struct host *h = busiest(k, &share);
    return fact_print_name(k, h != NULL ? h->name : NULL);
}

/* In percent, to a tenth. */
static enum fact_outcome fact_max_share(struct fact_call *k)
{
    uint64_t share;

    if (!is_short(k))
        return FACT_ERROR;
    busiest(k, &share);
    uint64_t tenths = (share * 1000) >> bits_of(k);
    text_printf(k->out, "%u.%u", (unsigned)(tenths / 10),
                (unsigned)(tenths % 10));
    return FACT_OK;
}

static enum fact_outcome fact_affected_by_join(struct fact_call *k)
{
    struct id id;

    if (!key_of(k, 0, &id))
        return FACT_ERROR;
    struct spot a = chord_before(k->network, &id);
    struct spot b = chord_owner(k->network, &id);
    if (a.n == NULL || b.n == NULL)
        return FACT_BROKEN;
    add_node(k, &a);
    if (b.n != a.n)
        add_node(k, &b);
    return FACT_OK;
}

/* A..B/STEP */
static bool range_of(struct fact_call *k, size_t arg, uint64_t v[3])
{
    char text[64], *dots, *slash;
    size_t len = strlen(k->args[arg]);

    if (len < sizeof text) {
        memcpy(text, k->args[arg], len + 1);
        dots = memchr(text, '.', len);
        slash = memchr(text, '/', len);
        if (dots != NULL && dots[1] == '.') {
            *dots = '\0';
            v[2] = 1;
            if (slash != NULL)
                *slash = '\0';
            if (parse_u64(text, UINT32_MAX, &v[0]) &&
                parse_u64(dots + 2, UINT32_MAX, &v[1]) &&
                (slash == NULL || parse_u64(slash + 1, UINT32_MAX, &v[2])) &&
                v[2] > 0)
                return true;
        }
    }
    text_printf(k->why, "%s is no range; wanted FIRST..LAST/STEP, as 0..60/4",
                k->args[arg]);
    return false;
}

static enum fact_outcome fact_keys_moved(struct fact_call *k)
{
    struct id id;
    uint64_t v[3];

    if (!key_of(k, 0, &id) || !range_of(k, 1, v))
        return FACT_ERROR;
    struct spot a = chord_before(k->network, &id);
    for (uint64_t i = v[0]; a.n != NULL && i <= v[1]; i += v[2]) {
        struct id key = id_of(i);
        if (id_in_half_open(&key, &a.n->id, &id))
            add_id(k, &key);
    }
    return FACT_OK;
}

/* Which entries of perfect tables would name `id`, if it were there?  As
   n32[0] n32[1]; `live`: entries of the tables as they stand. */
static void entries_to(struct fact_call *k, const struct id *id, bool live)
{
    struct spot_cursor at = {0};
    struct spot s, a = chord_before(k->network, id);

    while (chord_each(k->network, &at, &s)) {
        for (unsigned i = 0; i < s.c->bits && a.n != NULL; i++) {
            struct peer p = chord_finger_get(s.c, s.n, i);
            struct id start = chord_finger_start(s.c, s.n, i);
            bool names = live ? !peer_none(&p) && id_equal(&p.id, id)
                              : id_in_half_open(&start, &a.n->id, id);
            if (!names || s.n->phase != MEMBER_INSIDE)
                continue;
            add_node(k, &s);
            text_printf(k->out, "[%u]", i);
        }
    }
}

static enum fact_outcome fact_fingers_changed(struct fact_call *k)
{
    struct id id;

    if (!key_of(k, 0, &id))
        return FACT_ERROR;
    entries_to(k, &id, false);
    return FACT_OK;
}

static enum fact_outcome fact_fingers_to(struct fact_call *k)
{
    entries_to(k, &k->host[0]->id, true);
    return FACT_OK;
}

/* Every finger against the circle itself, as n32[3]: where it begins is
   counted here, and who comes first there is seen from outside, so that no
   table, and nothing that computes one, is trusted. */
static enum fact_outcome fact_wrong_fingers(struct fact_call *k)
{
    struct spot_cursor at = {0};
    struct spot s;

    while (chord_each(k->network, &at, &s)) {
        for (unsigned i = 0; i < s.c->bits; i++) {
            struct peer p = chord_finger_get(s.c, s.n, i);
            struct id start = id_add_power(s.n->id, i, s.c->bits);
            struct spot first = chord_owner(k->network, &start);
            if (s.n->phase != MEMBER_INSIDE || first.n == NULL ||
                (!peer_none(&p) && id_equal(&p.id, &first.n->id)))
                continue;
            add_node(k, &s);
            text_printf(k->out, "[%u]", i);
        }
    }
    if (k->out->len > 0)
        return FACT_BROKEN;
    fact_add(k, "none");
    return FACT_OK;
}

/* -- Failures ------------------------------------------------------------ */

static enum fact_outcome fact_replicas(struct fact_call *k)
{
    const char *text = k->args[0], *name;
    struct spot_cursor at = {0};
    struct item_view v;
    struct spot s;
    size_t len;

    memset(&v, 0, sizeof v);
    if (!key_of(k, 0, &v.key) ||
        !word_key(text, strlen(text), bits_of(k), &v.key, &name, &len))
        return FACT_ERROR;
    v.name = (const uint8_t *)name;
    v.name_len = (uint8_t)len;
    while (chord_each(k->network, &at, &s)) {
        const struct item *i = chord_item_find(s.n, &v);
        if (i != NULL && !i->deleted)
            add_node(k, &s);
    }
    return k->out->len > 0 ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_min_cut(struct fact_call *k)
{
    uint64_t r = (uint64_t)setting(k->network->settings, OPT_SUCCESSORS);
    uint64_t others = member_count(k->network);

    others -= others > 0;
    return fact_print(k, r < others ? r : others);
}

/* What leads the node before a dead one on: its list, when that has a second
   entry; else the nearest finger. */
static enum fact_outcome fact_repaired_by(struct fact_call *k)
{
    fact_add(k, setting(k->network->settings, OPT_SUCCESSORS) > 1
                    ? "successor-list"
                    : "fingers");
    return FACT_OK;
}

/* Who tells the node before a newcomer of it? */
static enum fact_outcome fact_told_by(struct fact_call *k)
{
    bool lecture = setting(k->network->settings, OPT_JOIN) != 0;

    fact_add(k, lecture ? "introducer" : "successor");
    return FACT_OK;
}

const struct fact chord_facts[] = {
    {"fingers", "N", "NODE", "ids in its finger table, from finger 0", "n80",
     fact_fingers},
    {"finger", "Nn", "NODE I", "the node in one entry", "n80 4", fact_finger},
    {"finger-start", "Nn", "NODE I", "where that finger begins", "n80 4",
     fact_finger_start},
    {"fingers-to", "D", "NODE", "entries that name it, as n32[0]", "n45",
     fact_fingers_to},
    {"fingers-changed", "n", "ID", "entries that a node of that id will change",
     "40", fact_fingers_changed},
    {"successors", "N", "NODE", "its successor list", "n80", fact_successors},
    {"successor", "Nn", "NODE I", "the I-th in that list, from 1", "n80 2",
     fact_successor},
    {"predecessor", "N", "NODE", "its predecessor", "n80", fact_predecessor},
    {"id", "N", "NODE", "its identifier", "n80", fact_id},
    {"keys", "N", "NODE", "keys of the values that it holds", "n45", fact_keys},
    {"ring", "", "", "the live nodes in ring order", "", fact_ring},
    {"ids", "", "", "the same, each with its id", "", fact_ids},
    {"share", "N", "NODE", "how many identifiers it owns", "n80", fact_share},
    {"busiest", "", "", "the node that owns the most", "", fact_busiest},
    {"max-share", "", "", "what that node owns, in percent", "",
     fact_max_share},
    {"told-by", "", "", "who tells a newcomer's predecessor of it", "",
     fact_told_by},
    {"key", "n", "NAME", "the key of a name", "song", fact_key},
    {"owner", "n", "KEY", "the first live node at or after it", "42",
     fact_owner},
    {"before", "n", "KEY", "the last live node before it", "42", fact_before},
    {"path", "Nn", "NODE KEY", "the way of a lookup, owner included", "n80 42",
     fact_path},
    {"hops", "Nn", "NODE KEY", "its length, up to the owner", "n80 42",
     fact_hops},
    {"forwards", "Nn", "NODE KEY", "the paper's count, up to the predecessor",
     "n80 42", fact_forwards},
    {"path-by-successors", "Nn", "NODE KEY", "the way without fingers",
     "n80 42", fact_path_by_successors},
    {"hop", "Nnn", "NODE KEY I", "the I-th node of that way, from 0",
     "n80 42 1", fact_hop},
    {"hops-by-successors", "Nn", "NODE KEY", "the length of that way", "n80 42",
     fact_hops_by_successors},
    {"max-hops", "", "", "the longest way, over nodes and keys", "",
     fact_max_hops},
    {"mean-hops", "", "", "the mean way, over nodes and keys", "",
     fact_mean_hops},
    {"pick-key", "n", "HOPS", "a key that far from some node", "3",
     fact_pick_key},
    {"pick-source", "nn", "KEY HOPS", "a node at least that far from a key",
     "42 3", fact_pick_source},
    {"free-id", "", "", "an id that no node has", "", fact_free_id},
    {"affected-by-join", "n", "ID",
     "nodes whose neighbours such a newcomer changes", "40",
     fact_affected_by_join},
    {"keys-moved", "nw", "ID RANGE",
     "keys of FIRST..LAST/STEP that go to such a newcomer", "40 0..124/4",
     fact_keys_moved},
    {"replicas", "n", "NAME", "nodes that hold a value", "file188.txt",
     fact_replicas},
    {"min-cut", "", "", "neighbours that must die at once to cut the ring", "",
     fact_min_cut},
    {"wrong-fingers", "", "",
     "fingers that are not the first node at or after their beginning", "",
     fact_wrong_fingers},
    {"repaired-by", "D", "NODE", "what leads round it when it dies", "n32",
     fact_repaired_by},
    {.name = NULL}};
