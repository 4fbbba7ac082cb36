/*
 * The experiments behind the figures of [pastry01], section 3, over perfect
 * tables (`warm`) and with the very next-hop function of a node.
 */
#include "pastry/main.h"

#include "pastry/check.h"

#define LOOKUPS 20000

enum { SUM_RARE, SUM_WAY_US, SUM_DIRECT_US, SUM_LEAVES };

static struct id random_key(struct figure_run *r)
{
    struct id id = {{0}};

    for (unsigned i = 1; i < ID_WORDS; i++)
        id.word[i] = (uint32_t)(random_next(&r->random) >> 32);
    return id;
}

static bool look_up_many(struct figure_run *r)
{
    for (unsigned i = 0; i < LOOKUPS; i++) {
        struct id key = random_key(r);
        struct way w = pastry_way(r->network, figure_live(r)->node, &key);
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
    return figure_start(
        r,
        "set neighbours 0\nset proximity off\n%snodes %llu prefix=p\n"
        "warm\nrun until 1h\n",
        set, (unsigned long long)r->nodes);
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

/* P8: the point is the value of the setting at the end of `set`. */
static bool run_with(struct figure_run *r, const char *set)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "set %s %.0f\n", set, r->point);
    return start(r, t.data) && look_up_many(r);
}

static bool run_base(struct figure_run *r)
{
    return run_with(r, "digits 128\nset base");
}

static bool run_leaf_set(struct figure_run *r)
{
    return run_with(r, "leafset");
}

static void row_setting(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,%.0f,%.3f\n", (unsigned long long)row->nodes,
                row->point, figure_mean(row->tally));
}

/* -- P3: the distance a message travels; P4: hop by hop ------------------ */

static bool start_plane(struct figure_run *r)
{
    return figure_start(r,
                        "set neighbours 0\nlatency plane 1000x1000\n"
                        "nodes %llu prefix=p\nwarm\nrun until 1h\n",
                        (unsigned long long)r->nodes);
}

/* `point` 0: whole ways; else only the hop of that number. */
static bool run_distance(struct figure_run *r)
{
    uint64_t *sum = r->tally->sum;

    if (!start_plane(r))
        return false;
    for (unsigned i = 0; i < LOOKUPS; i++) {
        struct id key = random_key(r);
        struct way w = pastry_way(r->network, figure_live(r)->node, &key);
        if (w.count == 1)
            continue; /* no way at all */
        for (unsigned hop = 1; hop < w.count; hop++) {
            uint64_t us = pastry_hop_us(r->network, &w, hop);
            sum[SUM_WAY_US] += us;
            if (r->point > 0 && hop == (unsigned)r->point)
                figure_count(r->tally, us / 1000); /* 1 unit is 1 ms */
        }
        sum[SUM_DIRECT_US] +=
            network_rtt_us(r->network, w.at[0]->self, w.at[w.count - 1]->self) /
            2;
    }
    return true;
}

static void row_distance(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.3f\n", (unsigned long long)row->nodes,
                figure_ratio(sum[SUM_WAY_US], sum[SUM_DIRECT_US]));
}

static void row_hop_lengths(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,%.0f,%.1f,%llu\n", (unsigned long long)row->nodes,
                row->point, figure_mean(row->tally),
                (unsigned long long)figure_counted(row->tally));
}

/* -- P7: a tenth of all nodes vanish ------------------------------------- */

/* `point`: 0 before, 1 just after, 2 when repaired. */
static bool run_failures(struct figure_run *r)
{
    static const uint64_t when_us[] = {0, SECOND_US + 1, 300 * SECOND_US};
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "set neighbours 0\nset proximity off\n"
                "nodes %llu prefix=p\nwarm\n",
                (unsigned long long)r->nodes);
    for (uint64_t i = 1; i <= r->nodes; i += 10) /* ids are hashes anyway */
        text_printf(&t, "at 1s vanish p%llu\n", (unsigned long long)i);
    text_add(&t, "run until 1h\n");
    if (!figure_start(r, "%s", t.data) ||
        !figure_run_to(r, when_us[(unsigned)r->point]))
        return false;
    r->tally->sum[SUM_LEAVES] += pastry_flaws(r->network).leaves;
    return look_up_many(r);
}

static void row_failures(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,%.0f,%.3f,%llu\n", (unsigned long long)row->nodes,
                row->point, figure_mean(row->tally),
                (unsigned long long)row->tally->sum[SUM_LEAVES]);
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
     .nodes = "100000",
     .seeds = 2,
     .run = run_hops,
     .row = row_hop_pdf},
    {.name = "base",
     .source = "ours: larger digits, fewer hops",
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
     .row = row_setting},
    {.name = "leaf-set",
     .source = "ours: more leaves, fewer hops",
     .help = "mean hops by the size of leaf sets",
     .columns = "nodes,leafset,hops",
     .x = "leafset",
     .y = "hops",
     .nodes = "5000",
     .points = "8,16,24,32,64",
     .least = 2,
     .most = 64,
     .seeds = 1,
     .run = run_leaf_set,
     .row = row_setting},
    {.name = "distance",
     .source = "Pastry (Middleware 2001), figure 6",
     .help = "length of the way, over the direct distance, in a plane",
     .columns = "nodes,ratio",
     .x = "nodes",
     .y = "ratio",
     .nodes = "1000,2000,5000,10000,20000,50000,100000",
     .seeds = 1,
     .log_x = true,
     .run = run_distance,
     .row = row_distance},
    {.name = "hop-lengths",
     .source = "the lecture: short hops first, long ones last",
     .help = "mean length of each hop in a plane of 1000 x 1000",
     .columns = "nodes,hop,length,count",
     .x = "hop",
     .y = "length",
     .nodes = "10000",
     .points = "1,2,3,4",
     .least = 1,
     .most = 8,
     .seeds = 1,
     .run = run_distance,
     .row = row_hop_lengths},
    {.name = "failures",
     .source = "Pastry (Middleware 2001), figures 9 and 10",
     .help = "hops: 0 before, 1 after a tenth vanished, 2 when repaired",
     .columns = "nodes,phase,hops,missing_leaves",
     .x = "phase",
     .y = "hops",
     .nodes = "5000",
     .points = "0,1,2",
     .least = 0,
     .most = 2,
     .seeds = 1,
     .run = run_failures,
     .row = row_failures},
    {.name = NULL}};
