/* The facts of `show`: what a worksheet may ask of a run as it stands. */
#include "fasttrack/main.h"

#include "fasttrack/check.h"

static const struct fasttrack *node_of(const struct fact_call *k)
{
    return k->host[0]->node;
}

static const struct fasttrack *super_arg(struct fact_call *k)
{
    const struct fasttrack *n = node_of(k);

    if (is_supernode(n))
        return n;
    text_printf(k->why, "%s is no supernode", k->args[0]);
    return NULL;
}

static enum fact_outcome none_if_empty(struct fact_call *k)
{
    if (k->out->len == 0)
        text_add(k->out, "none");
    return FACT_OK;
}

/* Names of all nodes of a kind, in the scenario's order; "none". */
static enum fact_outcome list(struct fact_call *k,
                              bool (*is)(const struct fasttrack *))
{
    for (size_t i = 0; i < k->network->count; i++) {
        const struct fasttrack *n = fasttrack_at(k->network, i);
        if (n != NULL && is(n))
            fact_add(k, k->network->host[i]->name);
    }
    return none_if_empty(k);
}

static bool is_orphan(const struct fasttrack *n)
{
    return !is_supernode(n) && fasttrack_parents(n) == 0;
}

static enum fact_outcome fact_supernodes(struct fact_call *k)
{
    return list(k, is_supernode);
}

static enum fact_outcome fact_orphans(struct fact_call *k)
{
    return list(k, is_orphan);
}

static enum fact_outcome fact_role(struct fact_call *k)
{
    const struct fasttrack *n = node_of(k);

    text_add(k->out, is_supernode(n) ? "supernode" : "ordinary");
    return FACT_OK;
}

/* Names at the other ends of its sessions of a kind. */
static enum fact_outcome peers(struct fact_call *k, const struct fasttrack *n,
                               enum peer peer)
{
    if (n == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++)
        for (const struct link *l = n->links; l != NULL; l = l->next)
            if (fasttrack_link_is(l, peer) &&
                fasttrack_other(k->network, l) == k->network->host[i])
                fact_add(k, k->network->host[i]->name);
    return none_if_empty(k);
}

static enum fact_outcome fact_parent(struct fact_call *k)
{
    return peers(k, node_of(k), PEER_PARENT);
}

static enum fact_outcome fact_children(struct fact_call *k)
{
    return peers(k, super_arg(k), PEER_CHILD);
}

static enum fact_outcome fact_links(struct fact_call *k)
{
    return peers(k, super_arg(k), PEER_SUPERNODE);
}

static enum fact_outcome fact_index(struct fact_call *k)
{
    const struct fasttrack *n = super_arg(k);

    return n != NULL ? fact_print(k, n->super->files) : FACT_ERROR;
}

static enum fact_outcome fact_queries(struct fact_call *k)
{
    const struct fasttrack *n = node_of(k);

    return fact_print(k, is_supernode(n) ? n->super->queries : 0);
}

static enum fact_outcome fact_score(struct fact_call *k)
{
    return fact_print(k, fasttrack_score(node_of(k)));
}

static enum fact_outcome fact_hits(struct fact_call *k)
{
    return fact_print(k, node_of(k)->hit_count);
}

static enum fact_outcome fact_orphaned(struct fact_call *k)
{
    return fact_print(k, node_of(k)->orphaned_for_us / 1000);
}

static enum fact_outcome fact_eligible(struct fact_call *k)
{
    const struct fasttrack *n = node_of(k);
    const char *why;

    text_add(k->out,
             fasttrack_eligible(n, k->network->now_us, &why) ? "yes" : why);
    return FACT_OK;
}

/* Who has heard a query: supernodes only, ever. */
static bool has_heard(const struct fasttrack *n)
{
    return is_supernode(n) && n->super->queries > 0;
}

static enum fact_outcome fact_heard(struct fact_call *k)
{
    return list(k, has_heard);
}

/* -- Elections ----------------------------------------------------------- */

static enum fact_outcome fact_eligible_children(struct fact_call *k)
{
    const struct fasttrack *n = super_arg(k);

    if (n == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++)
        for (const struct link *l = n->links; l != NULL; l = l->next)
            if (fasttrack_link_is(l, PEER_CHILD) && l->child != NULL &&
                l->child->eligible &&
                fasttrack_other(k->network, l) == k->network->host[i])
                fact_add(k, k->network->host[i]->name);
    return none_if_empty(k);
}

static enum fact_outcome fact_count_eligible(struct fact_call *k)
{
    const struct fasttrack *n = super_arg(k);
    uint64_t count = 0;

    if (n == NULL)
        return FACT_ERROR;
    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += fasttrack_link_is(l, PEER_CHILD) && l->child != NULL &&
                 l->child->eligible;
    return fact_print(k, count);
}

static enum fact_outcome fact_best_child(struct fact_call *k)
{
    const struct fasttrack *n = super_arg(k);
    const struct link *best = n != NULL ? fasttrack_best_child(n) : NULL;
    const struct host *h =
        best != NULL ? fasttrack_other(k->network, best) : NULL;

    if (n == NULL)
        return FACT_ERROR;
    text_add(k->out, h != NULL ? h->name : "none");
    return FACT_OK;
}

/* The supernode that lists the most files, the first of equals. */
static enum fact_outcome fact_fullest(struct fact_call *k)
{
    const struct host *fullest = NULL;
    uint32_t most = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct fasttrack *n = fasttrack_at(k->network, i);
        if (n == NULL || !is_supernode(n) ||
            (fullest != NULL && n->super->files <= most))
            continue;
        fullest = k->network->host[i];
        most = n->super->files;
    }
    text_add(k->out, fullest != NULL ? fullest->name : "none");
    return FACT_OK;
}

/* Who has become one, and did not begin as one. */
static bool is_elected(const struct fasttrack *n)
{
    return is_supernode(n) && option(n, OPT_ROLE) == ROLE_AUTO &&
           !addr_none(n->join);
}

static enum fact_outcome fact_elected(struct fact_call *k)
{
    return list(k, is_elected);
}

static enum fact_outcome fact_count_orphans(struct fact_call *k)
{
    uint64_t count = 0;

    for (size_t i = 0; i < k->network->count; i++)
        count += fasttrack_at(k->network, i) != NULL &&
                 is_orphan(fasttrack_at(k->network, i));
    return fact_print(k, count);
}

static enum fact_outcome fact_first_child(struct fact_call *k)
{
    const struct fasttrack *n = super_arg(k);

    if (n == NULL)
        return FACT_ERROR;
    for (const struct link *l = n->links; l != NULL; l = l->next) {
        const struct host *h = fasttrack_other(k->network, l);
        if (fasttrack_link_is(l, PEER_CHILD) && h != NULL) {
            text_add(k->out, h->name);
            return FACT_OK;
        }
    }
    text_add(k->out, "none");
    return FACT_OK;
}

/* Files in all supernodes' lists together. */
static enum fact_outcome fact_listed(struct fact_call *k)
{
    uint64_t files = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct fasttrack *n = fasttrack_at(k->network, i);
        files += n != NULL && is_supernode(n) ? n->super->files : 0;
    }
    return fact_print(k, files);
}

static enum fact_outcome fact_handshake_bytes(struct fact_call *k)
{
    return fact_print(k, HELLO_BYTES + ANSWER_BYTES);
}

/* -- The overlay of supernodes ------------------------------------------- */

static uint64_t overlay_links(const struct network *net)
{
    uint64_t ends = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        ends += n != NULL && is_supernode(n) ? n->super->links : 0;
    }
    return ends / 2;
}

static enum fact_outcome fact_overlay_links(struct fact_call *k)
{
    return fact_print(k, overlay_links(k->network));
}

/* Of a query that reaches every supernode: two a link, less those on which it
   first came.  As Gnutella's flood, but among supernodes only. */
static enum fact_outcome fact_full_flood(struct fact_call *k)
{
    uint64_t links = overlay_links(k->network);
    uint64_t supernodes = fasttrack_supernodes(k->network);

    return fact_print(k, supernodes > 0 ? 2 * links - (supernodes - 1) : 0);
}

/* What the flood of a Gnutella of all nodes with so many neighbours each
   would take: every node floods. */
static enum fact_outcome fact_flat_flood(struct fact_call *k)
{
    uint64_t degree, nodes = 0;

    if (!parse_u64(k->args[0], 64, &degree) || degree < 2) {
        text_add(k->why, "a degree is a number from 2 to 64");
        return FACT_ERROR;
    }
    for (size_t i = 0; i < k->network->count; i++)
        nodes += fasttrack_at(k->network, i) != NULL;
    return fact_print(k, nodes * degree - (nodes - 1));
}

/* Which part of a file of so many bytes a UUHash looks at, in percent. */
static enum fact_outcome fact_covered(struct fact_call *k)
{
    struct region region[UUHASH_REGIONS_MAX];
    uint64_t bytes, seen = 0;

    if (!parse_size(k->args[0], &bytes) || bytes == 0 ||
        bytes > FILE_BYTES_MAX) {
        text_add(k->why, "a size such as 5MiB, below 4GiB");
        return FACT_ERROR;
    }
    size_t count = fasttrack_regions(bytes, region);
    for (size_t i = 0; i < count; i++)
        seen += region[i].len;
    return fact_print(k, (seen * 100 + bytes / 2) / bytes);
}

const struct fact fasttrack_facts[] = {
    {"supernodes", "", "", "who is a supernode", "", fact_supernodes},
    {"orphans", "", "", "ordinary nodes without a parent", "", fact_orphans},
    {"role", "N", "NODE", "supernode or ordinary", "a", fact_role},
    {"parent", "N", "NODE", "the supernodes that have its list", "a",
     fact_parent},
    {"children", "N", "NODE", "of a supernode", "s1", fact_children},
    {"linked", "N", "NODE", "supernodes that it is linked with", "s1",
     fact_links},
    {"index", "N", "NODE", "files that a supernode lists", "s1", fact_index},
    {"queries", "N", "NODE", "queries that it has heard of", "s2",
     fact_queries},
    {"heard", "", "", "who has heard of any query", "", fact_heard},
    {"score", "N", "NODE", "what it claims to be worth; ours", "a", fact_score},
    {"eligible", "N", "NODE", "yes, or why it cannot be a supernode; ours", "a",
     fact_eligible},
    {"hits", "N", "NODE", "results of its last search", "a", fact_hits},
    {"orphaned", "N", "NODE", "milliseconds that it was last without a parent",
     "a", fact_orphaned},
    {"eligible-children", "N", "NODE",
     "which of its children could be supernodes; ours", "s1",
     fact_eligible_children},
    {"count-eligible", "N", "NODE", "how many of them", "s1",
     fact_count_eligible},
    {"best-child", "N", "NODE", "whom it would ask to become one; ours", "s1",
     fact_best_child},
    {"elected", "", "", "who has become a supernode; ours", "", fact_elected},
    {"count-orphans", "", "", "how many have no parent", "",
     fact_count_orphans},
    {"first-child", "N", "NODE", "the one it has had for longest", "s1",
     fact_first_child},
    {"listed", "", "", "files in all supernodes' lists together", "",
     fact_listed},
    {"handshake-bytes", "", "",
     "bytes in clear from which all keys of a session follow", "",
     fact_handshake_bytes},
    {"fullest", "", "", "the supernode that lists most files", "",
     fact_fullest},
    {"overlay-links", "", "", "links between supernodes", "",
     fact_overlay_links},
    {"full-flood", "", "", "messages of a query that reaches all supernodes",
     "", fact_full_flood},
    {"flat-flood", "n", "DEGREE",
     "of a flood with no tiers, all nodes of that degree", "4",
     fact_flat_flood},
    {"covered", "w", "SIZE", "percent of such a file that UUHash looks at",
     "5MiB", fact_covered},
    {.name = NULL}};
