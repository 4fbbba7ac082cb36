/*
 * What a search costs, and what it finds, as its TTL grows.
 *
 * A tenth of the servents shares the file that is asked for; anyone else asks.
 * Every servent has four neighbours by the overlay of `warm`.  The workload is
 * that of FastTrack's figure cluster-size, so that the rows can stand side by
 * side: labs/capstone/compare prints them so.
 */
#include "gnutella/main.h"

#include "gnutella/check.h"

#define QUERIES 20u
#define TENTH 10u
#define OWNERS_MAX 60u /* a search keeps no more than HITS_MAX */

enum { SUM_MESSAGES, SUM_HITS, SUM_WANTED, SUM_MOST, SUM_QUERIES };

static uint64_t owners(uint64_t nodes)
{
    return nodes / TENTH < OWNERS_MAX ? nodes / TENTH : OWNERS_MAX;
}

/* Messages that all servents have sent so far; *most: sent and taken by one. */
static uint64_t messages(const struct network *net, uint64_t *most)
{
    uint64_t sum = 0;

    *most = 0;
    for (size_t i = 0; i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n == NULL)
            continue;
        uint64_t own = n->count.sent + n->count.received;
        sum += n->count.sent;
        *most = own > *most ? own : *most;
    }
    return sum;
}

/* Askers are written down: who of those that do not share asks when. */
static void add_network(struct text *t, struct figure_run *r,
                        uint64_t asker[QUERIES])
{
    uint64_t others = r->nodes - owners(r->nodes);

    text_printf(t, "latency 20ms..20ms\nset degree 4\nset ttl %u\nset ping 0\n",
                (unsigned)r->point);
    text_printf(t, "nodes %llu prefix=o\n", (unsigned long long)others);
    text_printf(t, "nodes %llu prefix=p share=song.ogg:1KiB\nwarm\n",
                (unsigned long long)owners(r->nodes));
    for (unsigned q = 0; q < QUERIES; q++) {
        asker[q] = random_below(&r->random, others);
        text_printf(t, "at %us o%llu search song\n", 20 + 10 * q,
                    (unsigned long long)asker[q] + 1);
    }
    text_add(t, "run until 1h\n");
}

static bool run_flood(struct figure_run *r)
{
    uint64_t asker[QUERIES], before, most[2];
    LOCAL_TEXT t = text_new();

    if (r->nodes < TENTH)
        return figure_fail(r, "wants 10 nodes or more");
    add_network(&t, r, asker);
    if (!figure_start(r, "%s", t.data) || !figure_run_to(r, 19 * SECOND_US))
        return false;
    before = messages(r->network, &most[0]);
    for (unsigned q = 0; q < QUERIES; q++) {
        if (!figure_run_to(r, (29 + 10 * q) * SECOND_US))
            return false;
        r->tally->sum[SUM_HITS] += gnutella_at(r->network, asker[q])->hit_count;
        r->tally->sum[SUM_WANTED] += owners(r->nodes);
    }
    r->tally->sum[SUM_MESSAGES] += messages(r->network, &most[1]) - before;
    r->tally->sum[SUM_MOST] += most[1] - most[0];
    r->tally->sum[SUM_QUERIES] += QUERIES;
    return true;
}

static void row_flood(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.0f,%.1f,%.2f,%.1f\n",
                (unsigned long long)row->nodes, row->point,
                figure_ratio(sum[SUM_MESSAGES], sum[SUM_QUERIES]),
                figure_ratio(sum[SUM_HITS], sum[SUM_WANTED]),
                figure_ratio(sum[SUM_MOST], sum[SUM_QUERIES]));
}

const struct figure gnutella_figures[] = {
    {.name = "flood",
     .source = "ours: the workload of FastTrack's cluster-size",
     .help = "a query: messages, those of the busiest, recall",
     .columns = "nodes,ttl,messages,recall,busiest",
     .x = "ttl",
     .y = "messages",
     .nodes = "200",
     .points = "1,2,3,4,5,6,7",
     .least = 1,
     .most = 15,
     .seeds = 3,
     .run = run_flood,
     .row = row_flood},
    {.name = NULL}};
