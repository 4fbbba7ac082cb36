/*
 * What the size of a cluster does: of a supernode and its children.
 *
 * With clusters of 1 every node is a supernode: that is Gnutella.  With one
 * cluster of all it is Napster.  Between them lie the rules of Yang and
 * Garcia-Molina: larger clusters cost less in all (R1, the sum), and more for
 * the supernode (R1, the most loaded); two partners a cluster take a part of
 * that load off (R2: --set redundancy=2).
 *
 * A tenth of the nodes shares the file that is asked for; a query goes as far
 * as its TTL of 6, and none stops early.  The row of cluster size 1 is what a
 * Gnutella of the same degree does with the same questions.
 */
#include "fasttrack/main.h"

#include "fasttrack/check.h"

#define QUERIES 20u
#define TENTH 10u
#define OWNERS_MAX 60u /* as many as Gnutella's figure, which keeps 64 hits */

enum { SUM_MESSAGES, SUM_HITS, SUM_WANTED, SUM_MOST, SUM_LOOKED, SUM_QUERIES };

/* Messages that all nodes have sent so far; *most: sent and taken by one. */
static uint64_t messages(const struct network *net, uint64_t *most)
{
    uint64_t sum = 0;

    *most = 0;
    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n == NULL)
            continue;
        uint64_t own = n->sent + n->received;
        sum += n->sent;
        *most = own > *most ? own : *most;
    }
    return sum;
}

static void add_group(struct text *t, char prefix, uint64_t count,
                      const char *role, bool shares)
{
    if (count > 0)
        text_printf(t, "nodes %llu prefix=%c role=%s%s\n",
                    (unsigned long long)count, prefix, role,
                    shares ? " share=song.ogg:1KiB" : "");
}

/* How many share the song: a tenth, and no more than a search collects. */
static uint64_t owners(uint64_t nodes)
{
    return nodes / TENTH < OWNERS_MAX ? nodes / TENTH : OWNERS_MAX;
}

/* Supernodes and ordinary nodes share it in proportion. */
static void add_nodes(struct text *t, uint64_t supernodes, uint64_t nodes)
{
    uint64_t sharing = owners(nodes) * supernodes / nodes;

    add_group(t, 's', supernodes - sharing, "supernode", false);
    add_group(t, 't', sharing, "supernode", true);
    add_group(t, 'o', nodes - supernodes - (owners(nodes) - sharing),
              "ordinary", false);
    add_group(t, 'p', owners(nodes) - sharing, "ordinary", true);
}

/* Anyone asks but those who share, whose own file is no hit. */
static void add_query(struct text *t, struct figure_run *r, unsigned q,
                      uint64_t supernodes)
{
    uint64_t sharing = owners(r->nodes) * supernodes / r->nodes;
    uint64_t who = random_below(&r->random, r->nodes - owners(r->nodes));
    bool super = who < supernodes - sharing;

    text_printf(
        t, "at %us %c%llu search song\n", 20 + 10 * q, super ? 's' : 'o',
        (unsigned long long)(super ? who + 1 : who + 1 - supernodes + sharing));
}

static bool run_cluster(struct figure_run *r)
{
    uint64_t size =
        (uint64_t)r->point < r->nodes ? (uint64_t)r->point : r->nodes;
    uint64_t supernodes = (r->nodes + size - 1) / size, most = 0, before = 0;
    struct text t = text_new();

    text_printf(&t,
                "latency 20ms..20ms\nset children 10000\nset degree 4\nset "
                "fanout 64\nset ttl 6\n"
                "set enough 200\nset lists 24h\nset ping 0\nset collect 3s\n");
    add_nodes(&t, supernodes, r->nodes);
    text_add(&t, "warm\n");
    for (unsigned q = 0; q < QUERIES; q++)
        add_query(&t, r, q, supernodes);
    text_add(&t, "run until 1h\n");
    bool good = figure_start(r, "%s", t.data);
    text_free(&t);
    if (!good || !figure_run_to(r, 19 * SECOND_US))
        return false;
    before = messages(r->network, &most);
    uint64_t load[2] = {most, 0}, looked = 0;
    if (!figure_run_to(r, (20 + 10 * QUERIES) * SECOND_US))
        return false;
    r->tally->sum[SUM_MESSAGES] += messages(r->network, &load[1]) - before;
    r->tally->sum[SUM_MOST] += load[1] - load[0];
    for (size_t i = 0; i < r->network->count; i++) {
        const struct fasttrack *n = fasttrack_at(r->network, i);
        if (n == NULL)
            continue;
        if (is_supernode(n) && n->super->looked > looked)
            looked = n->super->looked;
        if (n->search.id == 0)
            continue; /* it has not asked */
        r->tally->sum[SUM_HITS] += n->hit_count;
        r->tally->sum[SUM_WANTED] += owners(r->nodes);
    }
    r->tally->sum[SUM_LOOKED] += looked;
    r->tally->sum[SUM_QUERIES] += QUERIES;
    return true;
}

static void row_cluster(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.0f,%.0f,%.1f,%.2f,%.1f,%.1f\n",
                (unsigned long long)row->nodes, row->point,
                (double)row->nodes / row->point,
                figure_ratio(sum[SUM_MESSAGES], sum[SUM_QUERIES]),
                figure_ratio(sum[SUM_HITS], sum[SUM_WANTED]),
                figure_ratio(sum[SUM_MOST], sum[SUM_QUERIES]),
                figure_ratio(sum[SUM_LOOKED], sum[SUM_QUERIES]));
}

const struct figure fasttrack_figures[] = {
    {.name = "cluster-size",
     .source = "after Yang and Garcia-Molina (ICDE 2003); the runs are ours",
     .help = "a query: messages, those of the busiest, recall",
     .columns = "nodes,cluster,supernodes,messages,recall,busiest,compares",
     .x = "cluster",
     .y = "messages,compares",
     .nodes = "200",
     .points = "1,2,5,10,20,50,100,200",
     .least = 1,
     .most = 10000,
     .seeds = 3,
     .log_x = true,
     .run = run_cluster,
     .row = row_cluster},
    {.name = NULL}};
