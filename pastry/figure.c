/*
 * The experiments behind the figures of [pastry01], section 3, over perfect
 * tables (`warm`) and with the very next-hop function of a node.
 */
#include "pastry/figure.h"

#include "pastry/check.h"

#define LOOKUPS 20000

enum { SUM_RARE };

static struct id random_key(struct figure_run *r)
{
    struct id id = {{0}};

    for (unsigned i = 1; i < ID_WORDS; i++)
        id.word[i] = (uint32_t)(random_next(&r->random) >> 32);
    return id;
}

static struct pastry *random_live(struct figure_run *r)
{
    for (;;) {
        size_t i = random_below(&r->random, r->network->count);
        if (pastry_at(r->network, i) != NULL)
            return pastry_at(r->network, i);
    }
}

static bool look_up_many(struct figure_run *r)
{
    for (unsigned i = 0; i < LOOKUPS; i++) {
        struct id key = random_key(r);
        struct way w = pastry_way(r->network, random_live(r), &key);
        figure_count(r->tally, w.count - 1);
        r->tally->sum[SUM_RARE] += w.rare;
        if (!w.ended)
            return figure_fail(r, "a lookup went round");
        /* Who is nearest of all is a walk over all: now and then. */
        if (i % 1000 == 0 && !pastry_found(r->network, &w, &key))
            return figure_fail(r, "a lookup ended at a wrong node");
    }
    return true;
}

static bool start(struct figure_run *r, const char *set)
{
    struct text t = text_new();

    text_printf(&t,
                "set neighbours 0\nset proximity off\n%snodes %llu prefix=p\n"
                "warm\nrun until 1h\n",
                set, (unsigned long long)r->nodes);
    bool good = figure_start(r, t.data);
    text_free(&t);
    return good;
}

static bool run_hops(struct figure_run *r)
{
    return start(r, "") && look_up_many(r);
}

static void row_hops(const struct figure_row *row, struct text *csv)
{
    text_printf(
        csv, "%llu,%llu,%.3f,%llu,%.1f\n", (unsigned long long)row->nodes,
        (unsigned long long)figure_counted(row->tally), figure_mean(row->tally),
        (unsigned long long)figure_percentile(row->tally, 100),
        1000 * figure_ratio(row->tally->sum[SUM_RARE],
                            figure_counted(row->tally)));
}

static void row_hop_pdf(const struct figure_row *row, struct text *csv)
{
    for (unsigned i = 0; i <= 8; i++)
        text_printf(
            csv, "%llu,%u,%.4f\n", (unsigned long long)row->nodes, i,
            figure_ratio(row->tally->bin[i], figure_counted(row->tally)));
}

static bool run_base(struct figure_run *r)
{
    struct text t = text_new();

    text_printf(&t, "set base %.0f\nset digits 128\n", r->point);
    bool good = start(r, t.data) && look_up_many(r);
    text_free(&t);
    return good;
}

static void row_base(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,%.0f,%.3f\n", (unsigned long long)row->nodes,
                row->point, figure_mean(row->tally));
}

const struct figure pastry_figures[] = {
    {.name = "hops",
     .source = "Pastry (Middleware 2001), figure 4",
     .help = "mean hops of a lookup, the owner included",
     .columns = "nodes,lookups,hops,most,rare_per_1000",
     .x = "nodes",
     .y = "hops",
     .nodes = "1000,2000,5000,10000,20000,50000,100000",
     .seeds = 2,
     .log_x = true,
     .run = run_hops,
     .row = row_hops},
    {.name = "hop-pdf",
     .source = "Pastry (Middleware 2001), figure 5",
     .help = "the share of lookups with each number of hops",
     .columns = "nodes,hops,share",
     .x = "hops",
     .y = "share",
     .nodes = "10000",
     .seeds = 2,
     .run = run_hops,
     .row = row_hop_pdf},
    {.name = "base",
     .source = "figures.md P8: larger digits, fewer hops",
     .help = "mean hops by the base of digits",
     .columns = "nodes,base,hops",
     .x = "base",
     .y = "hops",
     .nodes = "10000",
     .points = "2,4,8,16",
     .least = 2,
     .most = 16,
     .seeds = 1,
     .run = run_base,
     .row = row_base},
    {.name = NULL}};
