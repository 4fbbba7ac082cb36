/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from what is true of the live nodes.
 */
#include "pastry/main.h"

#include <string.h>

#include "pastry/check.h"

/* -- Arguments and output ---------------------------------------------------- */

static struct pastry *node_of(struct fact_call *k, size_t arg)
{
    const struct host *h = fact_live_host(k, arg, &pastry_protocol);

    return h != NULL ? h->node : NULL;
}

/* Any live node, for what all have in common. */
static const struct pastry *some_node(struct fact_call *k)
{
    for (size_t i = 0; i < k->network->count; i++)
        if (pastry_at(k->network, i) != NULL)
            return pastry_at(k->network, i);
    text_add(k->why, "no node is up");
    return NULL;
}

static bool key_of(struct fact_call *k, size_t arg, struct id *key)
{
    const struct pastry *n = some_node(k);
    const char *text = k->args[arg];

    if (n == NULL)
        return false;
    if (pastry_key(n->digit_bits, n->digits, text, strlen(text), key))
        return true;
    text_printf(k->why, "%s is no key", text);
    return false;
}

static enum fact_outcome print_key(struct fact_call *k, const struct pastry *n,
                                   const struct id *id)
{
    fact_add(k, "");
    id_text(k->out, id, pastry_id_bits(n->digit_bits, n->digits));
    return FACT_OK;
}

/* -- Tables ---------------------------------------------------------------------- */

static enum fact_outcome fact_id(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    return n != NULL ? print_key(k, n, &n->id) : FACT_ERROR;
}

/* From the farthest smaller one to the farthest larger one. */
static enum fact_outcome fact_leafset(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    for (unsigned i = n->low_count; i-- > 0;)
        fact_add_node(k, peer_addr(&n->low[i]));
    for (unsigned i = 0; i < n->high_count; i++)
        fact_add_node(k, peer_addr(&n->high[i]));
    return FACT_OK;
}

static enum fact_outcome fact_neighbours(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    for (unsigned i = 0; i < n->near_count; i++)
        fact_add_node(k, peer_addr(&n->near[i]));
    return FACT_OK;
}

static enum fact_outcome fact_row(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    uint64_t row;

    if (n == NULL || !fact_number(k, 1, n->digits - 1U, &row))
        return FACT_ERROR;
    for (unsigned c = 0; c < 1U << n->digit_bits; c++)
        if (pastry_entry(n, (unsigned)row, c) != NULL)
            fact_add_node(k, peer_addr(pastry_entry(n, (unsigned)row, c)));
    return FACT_OK;
}

static enum fact_outcome fact_cell(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    uint64_t row, column;

    if (n == NULL || !fact_number(k, 1, n->digits - 1U, &row) ||
        !fact_number(k, 2, (1U << n->digit_bits) - 1, &column))
        return FACT_ERROR;
    const struct peer *p = pastry_entry(n, (unsigned)row, (unsigned)column);
    if (p == NULL)
        fact_add(k, "none");
    else
        fact_add_node(k, peer_addr(p));
    return FACT_OK;
}

static enum fact_outcome fact_entries(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    return n != NULL ? fact_print(k, n->entry_count) : FACT_ERROR;
}

/* Cells of other digits than its own in which nobody stands. */
static enum fact_outcome fact_empty(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    return fact_print(k, n->digits * ((1U << n->digit_bits) - 1U) -
                             n->entry_count);
}

/* The I-th leaf on a side, the nearest is 1; who is beyond it does not
   matter. */
static enum fact_outcome leaf_fact(struct fact_call *k, bool high)
{
    const struct pastry *n = node_of(k, 0);
    uint64_t i;

    if (n == NULL || !fact_number(k, 1, LEAVES_MAX, &i))
        return FACT_ERROR;
    if (i == 0 || i > (high ? n->high_count : n->low_count)) {
        fact_add(k, "none");
        return FACT_BROKEN;
    }
    fact_add_node(k, peer_addr(&(high ? n->high : n->low)[i - 1]));
    return FACT_OK;
}

static enum fact_outcome fact_smaller(struct fact_call *k)
{
    return leaf_fact(k, false);
}

static enum fact_outcome fact_larger(struct fact_call *k)
{
    return leaf_fact(k, true);
}

/* Whom a node asks when that leaf of its dies: the farthest other leaf on the
   same side (node.c, gone). */
static enum fact_outcome fact_repairer(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    const struct host *dead = fact_host(k, 1);

    if (n == NULL || dead == NULL)
        return FACT_ERROR;
    for (unsigned side = 0; side < 2; side++) {
        const struct peer *list = side == 0 ? n->low : n->high;
        unsigned count = side == 0 ? n->low_count : n->high_count;
        for (unsigned i = 0; i < count; i++) {
            if (!addr_equal(peer_addr(&list[i]), dead->addr) || count == 1)
                continue;
            fact_add_node(
                k, peer_addr(&list[i == count - 1 ? count - 2 : count - 1]));
            return FACT_OK;
        }
    }
    fact_add(k, "none");
    return FACT_BROKEN;
}

/* Live nodes that have a node in their leaf set. */
static enum fact_outcome fact_leaf_of(struct fact_call *k)
{
    const struct host *h = fact_host(k, 0);

    if (h == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct pastry *n = pastry_at(k->network, i);
        unsigned leaves =
            n != NULL ? (unsigned)n->low_count + n->high_count : 0;
        for (unsigned j = 0; j < leaves; j++)
            if (addr_equal(peer_addr(pastry_peer_at(n, j)), h->addr)) {
                fact_add(k, k->network->host[i]->name);
                break;
            }
    }
    return FACT_OK;
}

/* -- Keys and ways ------------------------------------------------------------------ */

/* The digits that a node's id shares with a key. */
static enum fact_outcome fact_shared(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    struct id key;

    if (n == NULL || !key_of(k, 1, &key))
        return FACT_ERROR;
    return fact_print(k, pastry_shared(n, &n->id, &key));
}

static enum fact_outcome fact_key(struct fact_call *k)
{
    const struct pastry *n = some_node(k);
    struct id key;

    if (n == NULL || !key_of(k, 0, &key))
        return FACT_ERROR;
    return print_key(k, n, &key);
}

static enum fact_outcome fact_owner(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    const struct pastry *n = pastry_root(k->network, &key);
    if (n == NULL)
        return FACT_BROKEN;
    fact_add_node(k, n->self);
    return FACT_OK;
}

static bool way_of(struct fact_call *k, struct way *w, bool *found)
{
    struct pastry *n = node_of(k, 0);
    struct id key;

    if (n == NULL || !key_of(k, 1, &key))
        return false;
    *w = pastry_way(k->network, n, &key);
    *found = pastry_found(k->network, w, &key);
    return true;
}

static enum fact_outcome fact_path(struct fact_call *k)
{
    struct way w;
    bool found;

    if (!way_of(k, &w, &found))
        return FACT_ERROR;
    for (unsigned i = 0; i < w.count; i++)
        fact_add_node(k, w.at[i]->self);
    return found ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_hops(struct fact_call *k)
{
    struct way w;
    bool found;

    if (!way_of(k, &w, &found))
        return FACT_ERROR;
    text_u64(k->out, w.count - 1);
    return found ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_next(struct fact_call *k)
{
    struct way w;
    bool found;

    if (!way_of(k, &w, &found))
        return FACT_ERROR;
    fact_add_node(k, w.at[w.count > 1]->self);
    return FACT_OK;
}

/* By which rule: leaf set, table, or the rare case. */
static enum fact_outcome fact_rule(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    struct id key;
    enum rule rule;

    if (n == NULL || !key_of(k, 1, &key))
        return FACT_ERROR;
    (void)pastry_next(n, &key, NULL, &rule);
    fact_add(k, pastry_rule_name(rule));
    return FACT_OK;
}

/* Live nodes that hold a copy of a value. */
static enum fact_outcome fact_copies(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct pastry *n = pastry_at(k->network, i);
        if (n != NULL && pastry_item(n, &key) != NULL)
            fact_add(k, k->network->host[i]->name);
    }
    return FACT_OK;
}

/* Milliseconds of each hop of a way, one way. */
static enum fact_outcome fact_lengths(struct fact_call *k)
{
    struct way w;
    bool found;

    if (!way_of(k, &w, &found))
        return FACT_ERROR;
    for (unsigned i = 1; i < w.count; i++)
        fact_add_number(k, pastry_hop_us(k->network, &w, i) / 1000);
    return found ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_length(struct fact_call *k)
{
    struct way w;
    bool found;
    uint64_t sum = 0;

    if (!way_of(k, &w, &found))
        return FACT_ERROR;
    for (unsigned i = 1; i < w.count; i++)
        sum += pastry_hop_us(k->network, &w, i) / 1000;
    return fact_print(k, sum);
}

/* Source: [pastry01] abstract: |L|/2 nodes with adjacent ids. */
static enum fact_outcome fact_min_cut(struct fact_call *k)
{
    const struct pastry *n = some_node(k);

    return n != NULL ? fact_print(k, pastry_half(n)) : FACT_ERROR;
}

/* -- Over many ways --------------------------------------------------------- */

#define WAYS 4000 /* random ones; means are within a few hundredths */

static struct id random_key(struct random *lot, const struct pastry *n)
{
    struct id key = {{0}};

    for (unsigned i = 0; i < ID_WORDS; i++)
        key.word[i] = (uint32_t)(random_next(lot) >> 32);
    return id_distance(key, id_of(0), pastry_bits(n));
}

static struct pastry *random_live(struct random *lot, const struct network *net)
{
    struct pastry *n = NULL;

    while (n == NULL)
        n = pastry_at(net, random_below(lot, net->count));
    return n;
}

static enum fact_outcome fact_mean_hops(struct fact_call *k)
{
    struct random lot = fact_lot(k->network);
    const struct pastry *any = some_node(k);
    uint64_t sum = 0;

    if (any == NULL)
        return FACT_ERROR;
    for (unsigned i = 0; i < WAYS; i++) {
        struct id key = random_key(&lot, any);
        sum +=
            pastry_way(k->network, random_live(&lot, k->network), &key).count -
            1;
    }
    return fact_print_ratio(k, sum, WAYS);
}

/* Milliseconds of the I-th hop, over the ways that have one. */
static enum fact_outcome fact_mean_length(struct fact_call *k)
{
    struct random lot = fact_lot(k->network);
    const struct pastry *any = some_node(k);
    uint64_t sum = 0, count = 0, hop;

    if (any == NULL || !fact_number(k, 0, HOPS_MAX, &hop))
        return FACT_ERROR;
    for (unsigned i = 0; i < WAYS; i++) {
        struct id key = random_key(&lot, any);
        struct way w =
            pastry_way(k->network, random_live(&lot, k->network), &key);
        if (hop == 0 || hop >= w.count)
            continue;
        sum += pastry_hop_us(k->network, &w, (unsigned)hop);
        count++;
    }
    return fact_print_ratio(k, sum / 1000, count);
}

/* -- Picks for a student ------------------------------------------------------ */

/* A node from which the way to a key has so many hops at least, each of which
   but the last shares more digits with it; NULL: there is none. */
static struct pastry *source_for(const struct network *net,
                                 const struct id *key, uint64_t hops)
{
    struct random lot = fact_lot(net);
    struct pastry *best = NULL;
    uint64_t seen = 0;

    lot.state += id_low(*key);
    for (size_t i = 0; i < net->count; i++) {
        struct pastry *n = pastry_at(net, i);
        struct way w = {.count = 0};
        if (n != NULL)
            w = pastry_way(net, n, key);
        bool grows = w.count > hops && w.rare == 0;
        for (unsigned j = 1; grows && j + 1 < w.count; j++)
            grows = pastry_shared(n, &w.at[j]->id, key) >
                    pastry_shared(n, &w.at[j - 1]->id, key);
        if (grows && random_below(&lot, ++seen) == 0)
            best = n;
    }
    return best;
}

/* Keys in random order until one is to the point. */
static enum fact_outcome pick(struct fact_call *k, uint64_t hops,
                              bool (*fits)(struct fact_call *k,
                                           const struct id *key, uint64_t hops))
{
    struct random lot = fact_lot(k->network);
    const struct pastry *any = some_node(k);

    if (any == NULL)
        return FACT_ERROR;
    for (unsigned i = 0; i < 1000; i++) {
        struct id key = random_key(&lot, any);
        if (fits(k, &key, hops))
            return print_key(k, any, &key);
    }
    fact_add(k, "none");
    return FACT_BROKEN;
}

static bool is_far(struct fact_call *k, const struct id *key, uint64_t hops)
{
    return !id_equal(&pastry_root(k->network, key)->id, key) &&
           source_for(k->network, key, hops) != NULL;
}

/* Does the nearest node share fewer digits with the key than another? */
static bool is_odd(struct fact_call *k, const struct id *key, uint64_t hops)
{
    const struct pastry *root = pastry_root(k->network, key);
    bool odd = false;

    (void)hops;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct pastry *n = pastry_at(k->network, i);
        odd = odd || (n != NULL && pastry_shared(n, &n->id, key) >
                                       pastry_shared(n, &root->id, key));
    }
    return odd;
}

static bool is_free(struct fact_call *k, const struct id *key, uint64_t hops)
{
    (void)hops;
    return !id_equal(&pastry_root(k->network, key)->id, key);
}

static enum fact_outcome fact_pick_key(struct fact_call *k)
{
    uint64_t hops;

    return fact_number(k, 0, HOPS_MAX, &hops) ? pick(k, hops, is_far)
                                              : FACT_ERROR;
}

static enum fact_outcome fact_pick_odd_key(struct fact_call *k)
{
    return pick(k, 0, is_odd);
}

static enum fact_outcome fact_free_id(struct fact_call *k)
{
    return pick(k, 0, is_free);
}

static enum fact_outcome fact_pick_source(struct fact_call *k)
{
    struct id key;
    uint64_t hops;

    if (!key_of(k, 0, &key) || !fact_number(k, 1, HOPS_MAX, &hops))
        return FACT_ERROR;
    const struct pastry *n = source_for(k->network, &key, hops);
    if (n == NULL) {
        fact_add(k, "none");
        return FACT_BROKEN;
    }
    fact_add_node(k, n->self);
    return FACT_OK;
}

static enum fact_outcome fact_missing_leaves(struct fact_call *k)
{
    return fact_print(k, pastry_flaws(k->network).leaves);
}

static enum fact_outcome fact_missing_slots(struct fact_call *k)
{
    return fact_print(k, pastry_flaws(k->network).slots);
}

const struct fact pastry_facts[] = {
    {"id", "N", "id NODE", "its id, digit by digit", "id n0100", fact_id},
    {"key", "n", "key KEY", "the id of a key or name", "key ring.ogg",
     fact_key},
    {"leafset", "N", "leafset NODE", "its leaves in order of ids",
     "leafset n0100", fact_leafset},
    {"smaller", "Nn", "smaller NODE I", "its I-th leaf with a smaller id",
     "smaller n0100 1", fact_smaller},
    {"larger", "Nn", "larger NODE I", "its I-th leaf with a larger id",
     "larger n0100 1", fact_larger},
    {"leaf-of", "N", "leaf-of NODE", "who has a node, dead or alive, as a leaf",
     "leaf-of n0100", fact_leaf_of},
    {"repairer", "NN", "repairer NODE LEAF",
     "whom a node asks for others when that leaf dies", "repairer n0100 n0120",
     fact_repairer},
    {"row", "Nn", "row NODE ROW", "a row of its routing table", "row n0100 0",
     fact_row},
    {"cell", "Nnn", "cell NODE ROW COLUMN", "one cell of it", "cell n0100 0 1",
     fact_cell},
    {"entries", "N", "entries NODE", "cells of it that are filled",
     "entries n0100", fact_entries},
    {"empty", "N", "empty NODE", "those that are not", "empty n0100",
     fact_empty},
    {"neighbours", "N", "neighbours NODE", "its nearest nodes by round trip",
     "neighbours n0100", fact_neighbours},
    {"shared", "Nn", "shared NODE KEY", "digits it shares with a key",
     "shared n1303 1332", fact_shared},
    {"owner", "n", "owner KEY", "the live node nearest to a key", "owner 2013",
     fact_owner},
    {"path", "Nn", "path NODE KEY", "the way of a lookup", "path n0100 1332",
     fact_path},
    {"hops", "Nn", "hops NODE KEY", "the length of that", "hops n0100 1332",
     fact_hops},
    {"lengths", "Nn", "lengths NODE KEY", "of its hops, in ms, one way",
     "lengths n0100 1332", fact_lengths},
    {"length", "Nn", "length NODE KEY", "their sum", "length n0100 1332",
     fact_length},
    {"min-cut", "", "min-cut",
     "adjacent ids that must die at once to cut the circle", "min-cut",
     fact_min_cut},
    {"next", "Nn", "next NODE KEY", "the first hop of that", "next n0100 1332",
     fact_next},
    {"rule", "Nn", "rule NODE KEY", "how it is chosen: leaf, row, rare, here",
     "rule n0100 1332", fact_rule},
    {"mean-hops", "", "mean-hops", "over random nodes and keys", "mean-hops",
     fact_mean_hops},
    {"mean-length", "n", "mean-length I", "of their I-th hops, in ms",
     "mean-length 2", fact_mean_length},
    {"copies", "n", "copies KEY", "who holds a copy of a value",
     "copies ring.ogg", fact_copies},
    {"missing-leaves", "", "missing-leaves",
     "leaves that live nodes lack, of all", "missing-leaves",
     fact_missing_leaves},
    {"missing-slots", "", "missing-slots",
     "empty cells that somebody would fit", "missing-slots",
     fact_missing_slots},
    {"pick-key", "n", "pick-key HOPS", "a key that far from some node",
     "pick-key 3", fact_pick_key},
    {"pick-source", "nn", "pick-source KEY HOPS",
     "a node at least that far from a key", "pick-source 1332 3",
     fact_pick_source},
    {"pick-odd-key", "", "pick-odd-key",
     "a key whose owner shares fewer digits with it than another node",
     "pick-odd-key", fact_pick_odd_key},
    {"free-id", "", "free-id", "an id that no node has", "free-id",
     fact_free_id},
    {.name = NULL}};
