/*
 * The facts of `show`: what a worksheet may ask of a run, computed from the
 * nodes' tables as they stand, or from what is true of the live nodes.
 */
#include "kelips/main.h"

#include <string.h>

#include "common/words.h"
#include "kelips/check.h"

/* -- Arguments and output ---------------------------------------------------- */

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

static struct kelips *node_of(struct fact_call *k, size_t arg, struct host **h)
{
    *h = fact_live_host(k, arg, &kelips_protocol);
    return *h != NULL ? (*h)->node : NULL;
}

static bool group_arg(struct fact_call *k, size_t arg, uint16_t *group)
{
    uint64_t value,
        groups = (uint64_t)setting(k->network->settings, KELIPS_GROUPS);

    if (parse_u64(k->args[arg], groups - 1, &value)) {
        *group = (uint16_t)value;
        return true;
    }
    text_printf(k->why, "groups are numbered from 0 to %llu",
                (unsigned long long)groups - 1);
    return false;
}

/* -- One node ------------------------------------------------------------------ */

static enum fact_outcome fact_group(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    return n != NULL ? fact_print(k, n->group) : FACT_ERROR;
}

static enum fact_outcome fact_view(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    if (n == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++)
        for (uint32_t j = 0; j < n->view.count; j++)
            if (addr_equal(n->view.at[j].addr, k->network->host[i]->addr))
                fact_add(k, k->network->host[i]->name);
    return FACT_OK;
}

static enum fact_outcome fact_contacts(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);
    size_t places = n != NULL ? (size_t)n->groups * n->contact_count : 0;

    if (n == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < places; i++)
        if (!addr_none(n->contact[i].addr))
            fact_add_node(k, n->contact[i].addr);
    return FACT_OK;
}

static enum fact_outcome fact_contacts_in(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);
    uint16_t group;

    if (n == NULL || !group_arg(k, 1, &group))
        return FACT_ERROR;
    for (unsigned i = 0; i < n->contact_count; i++)
        if (kelips_contact(n, group, i) != NULL)
            fact_add_node(k, kelips_contact(n, group, i)->addr);
    return FACT_OK;
}

static enum fact_outcome fact_entries(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    return n != NULL ? fact_print(k, kelips_entries(n)) : FACT_ERROR;
}

static enum fact_outcome fact_view_size(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    return n != NULL ? fact_print(k, n->view.count) : FACT_ERROR;
}

static enum fact_outcome fact_tuples(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    return n != NULL ? fact_print(k, n->tuples.count) : FACT_ERROR;
}

static enum fact_outcome fact_expiry(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    if (n == NULL)
        return FACT_ERROR;
    text_seconds(k->out, kelips_expiry(n, SOFT_MEMBER));
    return FACT_OK;
}

static enum fact_outcome fact_rate(struct fact_call *k)
{
    struct host *h;
    const struct kelips *n = node_of(k, 0, &h);

    if (n == NULL)
        return FACT_ERROR;
    return fact_print(k, k->network->now_us > 0
                             ? n->gossip_bytes * 1000000 / k->network->now_us
                             : 0);
}

/* -- Groups ---------------------------------------------------------------------- */

static enum fact_outcome fact_members(struct fact_call *k)
{
    uint16_t group;

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
    uint16_t groups = (uint16_t)setting(k->network->settings, KELIPS_GROUPS);

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
    return fact_print(k,
                      kelips_group(&key, (uint32_t)setting(k->network->settings,
                                                           KELIPS_GROUPS)));
}

/* Live nodes whose view or contacts name a node, alive or not. */
static enum fact_outcome fact_listed_by(struct fact_call *k)
{
    const struct host *h = fact_host(k, 0);
    uint64_t count = 0;

    if (h == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++) {
        const struct kelips *n = kelips_at(k->network, i);
        count += n != NULL && kelips_known(n, h->addr) != NULL;
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
    bool known = kelips_home(k->network, &key, &h) != NULL;
    fact_add(k, known ? h->name : "none");
    return known ? FACT_OK : FACT_BROKEN;
}

/* -- Lookups ---------------------------------------------------------------------- */

static bool way_of(struct fact_call *k, struct way *w)
{
    struct host *h;
    struct id key;

    if (node_of(k, 0, &h) == NULL || !key_of(k, 1, &key))
        return false;
    *w = kelips_way(k->network, h, &key);
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
    struct host *h;
    struct id key;
    const struct kelips *n = node_of(k, 0, &h);

    if (n == NULL || !key_of(k, 1, &key))
        return FACT_ERROR;
    const struct entry *e = kelips_first_choice(n, &key);
    if (e == NULL) {
        fact_add(k, "none");
        return FACT_BROKEN;
    }
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

/* -- Picks for a student: they depend on the network only ----------------------- */

/* A node in another group than the file, which is not its home either. */
static enum fact_outcome fact_pick_source(struct fact_call *k)
{
    uint32_t groups = (uint32_t)setting(k->network->settings, KELIPS_GROUPS);
    struct id key;
    size_t chosen = k->network->count;
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
            chosen = i;
    }
    fact_add(k, chosen < k->network->count ? k->network->host[chosen]->name
                                           : "none");
    return chosen < k->network->count ? FACT_OK : FACT_BROKEN;
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
    {"group", "N", "group NODE", "its affinity group", "group n5", fact_group},
    {"members", "n", "members GROUP", "the live nodes of a group", "members 1",
     fact_members},
    {"sizes", "", "sizes", "live nodes in each group, from group 0", "sizes",
     fact_sizes},
    {"file-group", "n", "file-group NAME", "the group that a name hashes to",
     "file-group p2p.txt", fact_file_group},
    {"id-group", "n", "id-group ID", "the group of a node with that id",
     "id-group 160", fact_file_group},
    {"free-id", "", "free-id", "an id that no node has", "free-id",
     fact_free_id},
    {"view", "N", "view NODE", "the members it knows of its own group",
     "view n5", fact_view},
    {"view-size", "N", "view-size NODE", "how many those are", "view-size n5",
     fact_view_size},
    {"contacts", "N", "contacts NODE", "all of its contacts", "contacts n5",
     fact_contacts},
    {"contacts-in", "Nn", "contacts-in NODE GROUP", "its contacts in a group",
     "contacts-in n5 2", fact_contacts_in},
    {"entries", "N", "entries NODE", "entries of soft state that it keeps",
     "entries n5", fact_entries},
    {"tuples", "N", "tuples NODE", "files whose home it knows", "tuples n5",
     fact_tuples},
    {"expiry", "N", "expiry NODE", "seconds that a member's entry lives",
     "expiry n5", fact_expiry},
    {"rate", "N", "rate NODE", "bytes of gossip it sends a second, on average",
     "rate n5", fact_rate},
    {"listed-by", "N", "listed-by NODE",
     "live nodes that list a node, dead or alive", "listed-by n5",
     fact_listed_by},
    {"known-by", "n", "known-by NAME", "live nodes that know a file's home",
     "known-by p2p.txt", fact_known_by},
    {"home", "n", "home NAME", "where a file is", "home p2p.txt", fact_home},
    {"owner", "n", "owner NAME", "the same, as for other DHTs", "owner p2p.txt",
     fact_home},
    {"path", "Nn", "path NODE NAME", "asker, whom it asks, home",
     "path n5 p2p.txt", fact_path},
    {"reaches", "Nn", "reaches NODE NAME", "does that way end at a live home?",
     "reaches n5 p2p.txt", fact_reaches},
    {"hops", "Nn", "hops NODE NAME", "the length of that, up to the home",
     "hops n5 p2p.txt", fact_hops},
    {"contact-used", "Nn", "contact-used NODE NAME",
     "the contact that a lookup asks first", "contact-used n5 p2p.txt",
     fact_contact_used},
    {"mean-hops", "", "mean-hops", "over all nodes and files, up to the home",
     "mean-hops", fact_mean_hops},
    {"mean-entries", "", "mean-entries", "entries a node, on average",
     "mean-entries", fact_mean_entries},
    {"missing", "", "missing", "live members missing from views, in percent",
     "missing", fact_missing},
    {"pick-source", "n", "pick-source NAME",
     "a node of another group than the file's", "pick-source p2p.txt",
     fact_pick_source},
    {.name = NULL}};
