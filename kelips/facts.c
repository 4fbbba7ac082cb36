/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from what is true of the live nodes.
 */
#include "kelips/main.h"

#include <string.h>

#include "common/words.h"
#include "kelips/check.h"

/* -- Arguments and output ------------------------------------------------ */

static bool key_of(struct fact_call *k, size_t arg, struct id *key)
{
    const char *text = k->args[arg], *name;
    size_t name_len;

    if (word_key(text, strlen(text), ID_BITS, key, &name, &name_len))
        return true;
    text_printf(k->why, "%s is no name of at most %d bytes", text,
                KEY_NAME_MAX);
    return false;
}

static const struct kelips *node_of(const struct fact_call *k)
{
    return k->host[0]->node;
}

static bool group_arg(struct fact_call *k, size_t arg, uint64_t *group)
{
    return fact_number(
        k, arg, (uint64_t)setting(k->network->settings, OPT_GROUPS) - 1, group);
}

/* -- One node ------------------------------------------------------------ */

static enum fact_outcome fact_group(struct fact_call *k)
{
    return fact_print(k, node_of(k)->group);
}

static enum fact_outcome fact_view(struct fact_call *k)
{
    const struct kelips *n = node_of(k);

    for (size_t i = 0; i < k->network->count; i++)
        for (uint32_t j = 0; j < n->view.count; j++)
            if (addr_equal(n->view.at[j].addr, k->network->host[i]->addr))
                fact_add(k, k->network->host[i]->name);
    return FACT_OK;
}

static enum fact_outcome fact_contacts(struct fact_call *k)
{
    const struct kelips *n = node_of(k);
    size_t places = kelips_places(n);

    for (size_t i = 0; i < places; i++)
        if (!addr_none(n->contact[i].addr))
            fact_add_node(k, n->contact[i].addr);
    return FACT_OK;
}

static enum fact_outcome fact_contacts_in(struct fact_call *k)
{
    const struct kelips *n = node_of(k);
    uint64_t group;

    if (!group_arg(k, 1, &group))
        return FACT_ERROR;
    for (unsigned i = 0; i < n->contact_count; i++)
        if (kelips_contact(n, (uint16_t)group, i) != NULL)
            fact_add_node(k, kelips_contact(n, (uint16_t)group, i)->addr);
    return FACT_OK;
}

static enum fact_outcome fact_entries(struct fact_call *k)
{
    return fact_print(k, kelips_entries(node_of(k)));
}

static enum fact_outcome fact_view_size(struct fact_call *k)
{
    return fact_print(k, node_of(k)->view.count);
}

static enum fact_outcome fact_tuples(struct fact_call *k)
{
    return fact_print(k, node_of(k)->tuples.count);
}

static enum fact_outcome fact_expiry(struct fact_call *k)
{
    const struct kelips *n = node_of(k);

    text_seconds(k->out, kelips_expiry(n, SOFT_MEMBER));
    return FACT_OK;
}

static enum fact_outcome fact_rate(struct fact_call *k)
{
    const struct kelips *n = node_of(k);

    return fact_print(k, k->network->now_us > 0
                             ? n->gossip_bytes * 1000000 / k->network->now_us
                             : 0);
}

/* -- Groups -------------------------------------------------------------- */

static enum fact_outcome fact_members(struct fact_call *k)
{
    uint64_t group;

    if (!group_arg(k, 0, &group))
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        if (n != NULL && n->group == group)
            fact_add(k, k->network->host[i]->name);
    }
    return FACT_OK;
}

static enum fact_outcome fact_sizes(struct fact_call *k)
{
    uint16_t groups = (uint16_t)setting(k->network->settings, OPT_GROUPS);

    for (uint16_t g = 0; g < groups; g++) {
        fact_add_number(k, kelips_group_size(k->network, g));
    }
    return FACT_OK;
}

/* A bare number is the id itself: so `id-group` is the same fact. */
static enum fact_outcome fact_file_group(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    return fact_print(
        k, kelips_group(&key,
                        (uint32_t)setting(k->network->settings, OPT_GROUPS)));
}

/* Live nodes whose view or contacts name a node, alive or not. */
static enum fact_outcome fact_listed_by(struct fact_call *k)
{
    uint64_t count = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        count += n != NULL && kelips_known(n, k->host[0]->addr) != NULL;
    }
    return fact_print(k, count);
}

/* Live members of its group that know a file's home. */
static enum fact_outcome fact_known_by(struct fact_call *k)
{
    struct id key;
    uint64_t count = 0;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        count += n != NULL && kelips_tuple(n, &key) != NULL;
    }
    return fact_print(k, count);
}

static enum fact_outcome fact_home(struct fact_call *k)
{
    struct id key;
    struct host *h = NULL;

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    return fact_print_name(
        k, kelips_home(k->network, &key, &h) != NULL ? h->name : NULL);
}

/* -- Lookups ------------------------------------------------------------- */

static bool way_of(struct fact_call *k, struct way *w)
{
    struct id key;

    if (!key_of(k, 1, &key))
        return false;
    *w = kelips_way(k->network, k->host[0], &key);
    return true;
}

static enum fact_outcome fact_path(struct fact_call *k)
{
    struct way w;

    if (!way_of(k, &w))
        return FACT_ERROR;
    for (unsigned i = 0; i < w.count; i++)
        fact_add(k, w.at[i]->name);
    return w.found ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_reaches(struct fact_call *k)
{
    struct way w;

    if (!way_of(k, &w))
        return FACT_ERROR;
    fact_add(k, w.found ? "yes" : "no");
    return FACT_OK;
}

static enum fact_outcome fact_hops(struct fact_call *k)
{
    struct way w;

    if (!way_of(k, &w))
        return FACT_ERROR;
    text_u64(k->out, w.count - 1);
    return w.found ? FACT_OK : FACT_BROKEN;
}

/* The first contact that is asked; none in our own group. */
static enum fact_outcome fact_contact_used(struct fact_call *k)
{
    struct id key;

    if (!key_of(k, 1, &key))
        return FACT_ERROR;
    const struct entry *e = kelips_first_choice(node_of(k), &key);
    if (e == NULL)
        return fact_print_name(k, NULL);
    fact_add_node(k, e->addr);
    return FACT_OK;
}

/* Over all live nodes and all files that are shared. */
static void all_ways(struct fact_call *k, uint64_t *hops, uint64_t *ways)
{
    *hops = *ways = 0;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *home = kelips_at(k->network, i);
        for (const struct file *f = home != NULL ? home->files : NULL;
             f != NULL; f = f->next)
            for (size_t j = 0; j < k->network->count; j++) {
                if (kelips_at(k->network, j) == NULL)
                    continue;
                struct way w =
                    kelips_way(k->network, k->network->host[j], &f->key);
                *hops += w.count - 1;
                ++*ways;
            }
    }
}

static enum fact_outcome fact_mean_hops(struct fact_call *k)
{
    uint64_t hops, ways;

    all_ways(k, &hops, &ways);
    return fact_print_ratio(k, hops, ways);
}

static enum fact_outcome fact_mean_entries(struct fact_call *k)
{
    uint64_t sum = 0, count = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        if (n == NULL)
            continue;
        sum += kelips_entries(n);
        count++;
    }
    return fact_print_ratio(k, sum, count);
}

/* Live members that are missing from the views of others, in percent. */
static enum fact_outcome fact_missing(struct fact_call *k)
{
    uint64_t known = 0, wanted = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        if (n == NULL)
            continue;
        wanted += kelips_group_size(k->network, n->group) - 1;
        for (uint32_t j = 0; j < n->view.count; j++)
            known += kelips_by_addr(k->network, n->view.at[j].addr) != NULL;
    }
    return fact_print_ratio(k, 100 * (wanted - known), wanted);
}

/* -- Picks for a student: they depend on the network only ---------------- */

/* A node in another group than the file, which is not its home either. */
static enum fact_outcome fact_pick_source(struct fact_call *k)
{
    uint32_t groups = (uint32_t)setting(k->network->settings, OPT_GROUPS);
    struct id key;
    const char *chosen = NULL;
    struct random lot = {0};

    if (!key_of(k, 0, &key))
        return FACT_ERROR;
    for (size_t i = 0, seen = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        if (n == NULL || n->group == kelips_group(&key, groups) ||
            kelips_file(n, &key) != NULL)
            continue;
        lot.state += id_low(n->id);
        if (random_below(&lot, ++seen) == 0)
            chosen = k->network->host[i]->name;
    }
    return fact_print_name(k, chosen);
}

/* A small number that is no node's id, for a newcomer. */
static enum fact_outcome fact_free_id(struct fact_call *k)
{
    struct random lot = {.state = k->network->count};
    bool taken = true;
    struct id id = {{0}};

    for (size_t i = 0; i < k->network->count; i++)
        lot.state += id_low(k->network->host[i]->id);
    while (taken) {
        id = id_of(100 + random_below(&lot, 900));
        taken = false;
        for (size_t i = 0; i < k->network->count; i++)
            taken = taken || id_equal(&k->network->host[i]->id, &id);
    }
    return fact_print(k, id_low(id));
}

const struct fact kelips_facts[] = {
    {"group", "N", "NODE", "its affinity group", "n5", fact_group},
    {"members", "n", "GROUP", "the live nodes of a group", "1", fact_members},
    {"sizes", "", "", "live nodes in each group, from group 0", "", fact_sizes},
    {"file-group", "n", "NAME", "the group that a name hashes to", "p2p.txt",
     fact_file_group},
    {"id-group", "n", "ID", "the group of a node with that id", "160",
     fact_file_group},
    {"free-id", "", "", "an id that no node has", "", fact_free_id},
    {"view", "N", "NODE", "the members it knows of its own group", "n5",
     fact_view},
    {"view-size", "N", "NODE", "how many those are", "n5", fact_view_size},
    {"contacts", "N", "NODE", "all of its contacts", "n5", fact_contacts},
    {"contacts-in", "Nn", "NODE GROUP", "its contacts in a group", "n5 2",
     fact_contacts_in},
    {"entries", "N", "NODE", "entries of soft state that it keeps", "n5",
     fact_entries},
    {"tuples", "N", "NODE", "files whose home it knows", "n5", fact_tuples},
    {"expiry", "N", "NODE", "seconds that a member's entry lives", "n5",
     fact_expiry},
    {"rate", "N", "NODE", "bytes of gossip it sends a second, on average", "n5",
     fact_rate},
    {"listed-by", "D", "NODE", "live nodes that list a node, dead or alive",
     "n5", fact_listed_by},
    {"known-by", "n", "NAME", "live nodes that know a file's home", "p2p.txt",
     fact_known_by},
    {"home", "n", "NAME", "where a file is", "p2p.txt", fact_home},
    {"owner", "n", "NAME", "the same, as for other DHTs", "p2p.txt", fact_home},
    {"path", "Nn", "NODE NAME", "asker, whom it asks, home", "n5 p2p.txt",
     fact_path},
    {"reaches", "Nn", "NODE NAME", "does that way end at a live home?",
     "n5 p2p.txt", fact_reaches},
    {"hops", "Nn", "NODE NAME", "the length of that, up to the home",
     "n5 p2p.txt", fact_hops},
    {"contact-used", "Nn", "NODE NAME", "the contact that a lookup asks first",
     "n5 p2p.txt", fact_contact_used},
    {"mean-hops", "", "", "over all nodes and files, up to the home", "",
     fact_mean_hops},
    {"mean-entries", "", "", "entries a node, on average", "",
     fact_mean_entries},
    {"missing", "", "", "live members missing from views, in percent", "",
     fact_missing},
    {"pick-source", "n", "NAME", "a node of another group than the file's",
     "p2p.txt", fact_pick_source},
    {.name = NULL}};
