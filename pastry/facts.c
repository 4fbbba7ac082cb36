/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from what is true of the live nodes.
 */
#include "pastry/main.h"

#include <string.h>

#include "pastry/check.h"

/* -- Arguments and output ------------------------------------------------ */

static struct pastry *node_of(const struct fact_call *k)
{
    return k->host[0]->node;
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

/* -- Tables -------------------------------------------------------------- */

static enum fact_outcome fact_id(struct fact_call *k)
{
    const struct pastry *n = node_of(k);

    return print_key(k, n, &n->id);
}

/* From the farthest smaller one to the farthest larger one. */
static enum fact_outcome fact_leafset(struct fact_call *k)
{
    const struct pastry *n = node_of(k);

    for (unsigned i = n->low_count; i-- > 0;)
        fact_add_node(k, peer_addr(&n->low[i]));
    for (unsigned i = 0; i < n->high_count; i++)
        fact_add_node(k, peer_addr(&n->high[i]));
    return FACT_OK;
}

static enum fact_outcome fact_neighbours(struct fact_call *k)
{
    const struct pastry *n = node_of(k);

    for (unsigned i = 0; i < n->near_count; i++)
        fact_add_node(k, peer_addr(&n->near[i]));
    return FACT_OK;
}

static enum fact_outcome fact_row(struct fact_call *k)
{
    const struct pastry *n = node_of(k);
    uint64_t row;

    if (!fact_number(k, 1, n->digits - 1U, &row))
        return FACT_ERROR;
    for (unsigned c = 0; c < 1U << n->digit_bits; c++)
        if (pastry_entry(n, (unsigned)row, c) != NULL)
            fact_add_node(k, peer_addr(pastry_entry(n, (unsigned)row, c)));
    return FACT_OK;
}

static enum fact_outcome fact_cell(struct fact_call *k)
{
    const struct pastry *n = node_of(k);
    uint64_t row, column;

    if (!fact_number(k, 1, n->digits - 1U, &row) ||
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
    const struct pastry *n = node_of(k);

    return fact_print(k, n->entry_count);
}

/* Cells of other digits than its own in which nobody stands. */
static enum fact_outcome fact_empty(struct fact_call *k)
{
    const struct pastry *n = node_of(k);

    return fact_print(k, n->digits * ((1U << n->digit_bits) - 1U) -
                             n->entry_count);
}

/* The I-th leaf on a side, the nearest is 1; who is beyond it does not
   matter. */
static enum fact_outcome leaf_fact(struct fact_call *k, bool high)
{
    const struct pastry *n = node_of(k);
    uint64_t i;

    if (!fact_number(k, 1, LEAVES_MAX, &i))
        return FACT_ERROR;
    if (i == 0 || i > (high ? n->high_count : n->low_count))
        return fact_print_name(k, NULL);
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
    const struct pastry *n = node_of(k);
    const struct host *dead = k->host[1];

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
    return fact_print_name(k, NULL);
}

/* Live nodes that have a node in their leaf set. */
static enum fact_outcome fact_leaf_of(struct fact_call *k)
{
    for (size_t i = 0; i < k->network->count; i++) {
        const struct pastry *n = pastry_at(k->network, i);
        unsigned leaves =
            n != NULL ? (unsigned)n->low_count + n->high_count : 0;
        for (unsigned j = 0; j < leaves; j++)
            if (addr_equal(peer_addr(pastry_peer_at(n, j)), k->host[0]->addr)) {
                fact_add(k, k->network->host[i]->name);
                break;
            }
    }
    return FACT_OK;
}

/* -- Keys and ways ------------------------------------------------------- */

/* The digits that a node's id shares with a key. */
static enum fact_outcome fact_shared(struct fact_call *k)
{
    const struct pastry *n = node_of(k);
    struct id key;

    if (!key_of(k, 1, &key))
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

/* The way from a node to a key; FACT_BROKEN: it does not end at the owner. */
static enum fact_outcome way_of(struct fact_call *k, struct way *w)
{
    struct id key;

    if (!key_of(k, 1, &key))
        return FACT_ERROR;
    *w = pastry_way(k->network, node_of(k), &key);
    return pastry_found(k->network, w, &key) ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_path(struct fact_call *k)
{
    struct way w = {.count = 0};
    enum fact_outcome outcome = way_of(k, &w);

    for (unsigned i = 0; i < w.count; i++)
        fact_add_node(k, w.at[i]->self);
    return outcome;
}

static enum fact_outcome fact_hops(struct fact_call *k)
{
    struct way w = {.count = 1};
    enum fact_outcome outcome = way_of(k, &w);

    text_u64(k->out, w.count - 1);
    return outcome;
}

static enum fact_outcome fact_next(struct fact_call *k)
{
    struct way w;

    if (way_of(k, &w) == FACT_ERROR)
        return FACT_ERROR;
    fact_add_node(k, w.at[w.count > 1]->self);
    return FACT_OK;
}

/* By which rule: leaf set, table, or the rare case. */
static enum fact_outcome fact_rule(struct fact_call *k)
{
    const struct pastry *n = node_of(k);
    struct id key;
    enum rule rule;

    if (!key_of(k, 1, &key))
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
    struct way w = {.count = 0};
    enum fact_outcome outcome = way_of(k, &w);

    for (unsigned i = 1; i < w.count; i++)
        fact_add_number(k, pastry_hop_us(k->network, &w, i) / 1000);
    return outcome;
}

static enum fact_outcome fact_length(struct fact_call *k)
{
    struct way w;
    uint64_t sum = 0;

    if (way_of(k, &w) == FACT_ERROR)
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

/* -- Over many ways ------------------------------------------------------ */

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

/* -- Picks for a student ------------------------------------------------- */

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
    return fact_print_name(k, NULL);
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
    if (n == NULL)
        return fact_print_name(k, NULL);
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
    {"id", "N", "NODE", "its id, digit by digit", "n0100", fact_id},
    {"key", "n", "KEY", "the id of a key or name", "ring.ogg", fact_key},
    {"leafset", "N", "NODE", "its leaves in order of ids", "n0100",
     fact_leafset},
    {"smaller", "Nn", "NODE I", "its I-th leaf with a smaller id", "n0100 1",
     fact_smaller},
    {"larger", "Nn", "NODE I", "its I-th leaf with a larger id", "n0100 1",
     fact_larger},
    {"leaf-of", "D", "NODE", "who has a node, dead or alive, as a leaf",
     "n0100", fact_leaf_of},
    {"repairer", "ND", "NODE LEAF",
     "whom a node asks for others when that leaf dies", "n0100 n0120",
     fact_repairer},
    {"row", "Nn", "NODE ROW", "a row of its routing table", "n0100 0",
     fact_row},
    {"cell", "Nnn", "NODE ROW COLUMN", "one cell of it", "n0100 0 1",
     fact_cell},
    {"entries", "N", "NODE", "cells of it that are filled", "n0100",
     fact_entries},
    {"empty", "N", "NODE", "those that are not", "n0100", fact_empty},
    {"neighbours", "N", "NODE", "its nearest nodes by round trip", "n0100",
     fact_neighbours},
    {"shared", "Nn", "NODE KEY", "digits it shares with a key", "n1303 1332",
     fact_shared},
    {"owner", "n", "KEY", "the live node nearest to a key", "2013", fact_owner},
    {"path", "Nn", "NODE KEY", "the way of a lookup", "n0100 1332", fact_path},
    {"hops", "Nn", "NODE KEY", "the length of that", "n0100 1332", fact_hops},
    {"lengths", "Nn", "NODE KEY", "of its hops, in ms, one way", "n0100 1332",
     fact_lengths},
    {"length", "Nn", "NODE KEY", "their sum", "n0100 1332", fact_length},
    {"min-cut", "", "", "adjacent ids that must die at once to cut the circle",
     "", fact_min_cut},
    {"next", "Nn", "NODE KEY", "the first hop of that", "n0100 1332",
     fact_next},
    {"rule", "Nn", "NODE KEY", "how it is chosen: leaf, row, rare, here",
     "n0100 1332", fact_rule},
    {"mean-hops", "", "", "over random nodes and keys", "", fact_mean_hops},
    {"mean-length", "n", "I", "of their I-th hops, in ms", "2",
     fact_mean_length},
    {"copies", "n", "KEY", "who holds a copy of a value", "ring.ogg",
     fact_copies},
    {"missing-leaves", "", "", "leaves that live nodes lack, of all", "",
     fact_missing_leaves},
    {"missing-slots", "", "", "empty cells that somebody would fit", "",
     fact_missing_slots},
    {"pick-key", "n", "HOPS", "a key that far from some node", "3",
     fact_pick_key},
    {"pick-source", "nn", "KEY HOPS", "a node at least that far from a key",
     "1332 3", fact_pick_source},
    {"pick-odd-key", "", "",
     "a key whose owner shares fewer digits with it than another node", "",
     fact_pick_odd_key},
    {"free-id", "", "", "an id that no node has", "", fact_free_id},
    {.name = NULL}};
