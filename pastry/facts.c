/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from what is true of the live nodes.
 */
#include "pastry/facts.h"

#include <string.h>

#include "pastry/check.h"

/* -- Arguments and output ---------------------------------------------------- */

static struct pastry *node_of(struct fact_call *k, size_t arg)
{
    struct host *h = k->network->by_name(k->network, k->args[arg]);
    struct pastry *n = h != NULL ? pastry_at(k->network, h->index) : NULL;

    if (n == NULL)
        text_printf(k->why, "node %s is not up", k->args[arg]);
    return n;
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

static void add(struct fact_call *k, const char *word)
{
    if (k->out->len > 0)
        text_char(k->out, ' ');
    text_add(k->out, word);
}

static void add_addr(struct fact_call *k, struct addr a)
{
    const struct host *h = k->network->by_addr(k->network, a);

    add(k, h != NULL ? h->name : "unknown");
}

static enum fact_outcome print_number(struct fact_call *k, uint64_t value)
{
    text_u64(k->out, value);
    return FACT_OK;
}

/* -- Tables ---------------------------------------------------------------------- */

static enum fact_outcome fact_id(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    id_text(k->out, &n->id, pastry_id_bits(n->digit_bits, n->digits));
    return FACT_OK;
}

/* From the farthest smaller one to the farthest larger one. */
static enum fact_outcome fact_leafset(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    for (unsigned i = n->low_count; i-- > 0;)
        add_addr(k, peer_addr(&n->low[i]));
    for (unsigned i = 0; i < n->high_count; i++)
        add_addr(k, peer_addr(&n->high[i]));
    return FACT_OK;
}

static enum fact_outcome fact_neighbours(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    for (unsigned i = 0; i < n->near_count; i++)
        add_addr(k, peer_addr(&n->near[i]));
    return FACT_OK;
}

static bool row_arg(struct fact_call *k, size_t arg, unsigned most,
                    unsigned *value)
{
    uint64_t v;

    if (parse_u64(k->args[arg], most, &v)) {
        *value = (unsigned)v;
        return true;
    }
    text_printf(k->why, "%s is no number up to %u", k->args[arg], most);
    return false;
}

static enum fact_outcome fact_row(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    unsigned row;

    if (n == NULL || !row_arg(k, 1, n->digits - 1U, &row))
        return FACT_ERROR;
    for (unsigned c = 0; c < 1U << n->digit_bits; c++)
        if (pastry_entry(n, row, c) != NULL)
            add_addr(k, peer_addr(pastry_entry(n, row, c)));
    return FACT_OK;
}

static enum fact_outcome fact_cell(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    unsigned row, column;

    if (n == NULL || !row_arg(k, 1, n->digits - 1U, &row) ||
        !row_arg(k, 2, (1U << n->digit_bits) - 1, &column))
        return FACT_ERROR;
    const struct peer *p = pastry_entry(n, row, column);
    if (p == NULL)
        add(k, "none");
    else
        add_addr(k, peer_addr(p));
    return FACT_OK;
}

static enum fact_outcome fact_entries(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);

    return n != NULL ? print_number(k, n->entry_count) : FACT_ERROR;
}

/* Live nodes that have a node in their leaf set. */
static enum fact_outcome fact_leaf_of(struct fact_call *k)
{
    const struct host *h = k->network->by_name(k->network, k->args[0]);

    if (h == NULL) {
        text_printf(k->why, "there is no node %s", k->args[0]);
        return FACT_ERROR;
    }
    for (size_t i = 0; i < k->network->count; i++) {
        const struct pastry *n = pastry_at(k->network, i);
        unsigned leaves =
            n != NULL ? (unsigned)n->low_count + n->high_count : 0;
        for (unsigned j = 0; j < leaves; j++)
            if (addr_equal(peer_addr(pastry_peer_at(n, j)), h->addr)) {
                add(k, k->network->host[i]->name);
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
    return print_number(k, pastry_shared(n, &n->id, &key));
}

static enum fact_outcome fact_key(struct fact_call *k)
{
    const struct pastry *n = some_node(k);
    struct id key;

    if (n == NULL || !key_of(k, 0, &key))
        return FACT_ERROR;
    id_text(k->out, &key, pastry_id_bits(n->digit_bits, n->digits));
    return FACT_OK;
}

static enum fact_outcome fact_owner(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    const struct pastry *n = pastry_root(k->network, &key);
    if (n == NULL)
        return FACT_BROKEN;
    add_addr(k, n->self);
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
        add_addr(k, w.at[i]->self);
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
    add_addr(k, w.at[w.count > 1]->self);
    return FACT_OK;
}

/* By which rule: leaf set, table, or the rare case. */
static enum fact_outcome fact_rule(struct fact_call *k)
{
    const struct pastry *n = node_of(k, 0);
    struct id key;
    bool rare;

    if (n == NULL || !key_of(k, 1, &key))
        return FACT_ERROR;
    const struct peer *p = pastry_next(n, &key, NULL, &rare);
    unsigned shared = pastry_shared(n, &n->id, &key);
    add(k, p == NULL                                 ? "here"
           : rare                                    ? "rare"
           : pastry_shared(n, &p->id, &key) > shared ? "row"
                                                     : "leaf");
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
            add(k, k->network->host[i]->name);
    }
    return FACT_OK;
}

static enum fact_outcome fact_missing_leaves(struct fact_call *k)
{
    return print_number(k, pastry_flaws(k->network).leaves);
}

static enum fact_outcome fact_missing_slots(struct fact_call *k)
{
    return print_number(k, pastry_flaws(k->network).slots);
}

const struct fact pastry_facts[] = {
    {"id", "N", "id NODE", "its id, digit by digit", "id n070d", fact_id},
    {"key", "n", "key KEY", "the id of a key or name", "key ring.ogg",
     fact_key},
    {"leafset", "N", "leafset NODE", "its leaves in order of ids",
     "leafset n070d", fact_leafset},
    {"leaf-of", "N", "leaf-of NODE", "who has a node, dead or alive, as a leaf",
     "leaf-of n9317", fact_leaf_of},
    {"row", "Nn", "row NODE ROW", "a row of its routing table", "row n070d 0",
     fact_row},
    {"cell", "Nnn", "cell NODE ROW COLUMN", "one slot of it", "cell n070d 1 14",
     fact_cell},
    {"entries", "N", "entries NODE", "slots of it that are filled",
     "entries n070d", fact_entries},
    {"neighbours", "N", "neighbours NODE", "its nearest nodes by round trip",
     "neighbours n070d", fact_neighbours},
    {"shared", "Nn", "shared NODE KEY", "digits it shares with a key",
     "shared n070d 0e00", fact_shared},
    {"owner", "n", "owner KEY", "the live node nearest to a key", "owner 6464",
     fact_owner},
    {"path", "Nn", "path NODE KEY", "the way of a lookup", "path n070d 6464",
     fact_path},
    {"hops", "Nn", "hops NODE KEY", "the length of that", "hops n070d 6464",
     fact_hops},
    {"next", "Nn", "next NODE KEY", "the first hop of that", "next n070d 6464",
     fact_next},
    {"rule", "Nn", "rule NODE KEY", "how it is chosen: leaf, row, rare, here",
     "rule n070d 6464", fact_rule},
    {"copies", "n", "copies KEY", "who holds a copy of a value",
     "copies ring.ogg", fact_copies},
    {"missing-leaves", "", "missing-leaves",
     "leaves that live nodes lack, of all", "missing-leaves",
     fact_missing_leaves},
    {"missing-slots", "", "missing-slots",
     "empty slots that somebody would fit", "missing-slots",
     fact_missing_slots},
    {.name = NULL}};
