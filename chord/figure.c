/*
 * The experiments behind the figures of [chord01], section 6.
 *
 * Load and virtual nodes count where random keys fall on a ring.  Path
 * lengths come from lookups over warm tables, by each node's own next-hop
 * function.  Mass failure and churn let the very protocol repair its ring in
 * the simulator, and look up in between.
 *
 * A path is counted as the paper counts it: forwards until the key's
 * predecessor, which names the owner.  Whoever also contacts the owner counts
 * one more.
 *
 * A lookup of an experiment is a walk over the tables as they stand at one
 * moment, without retries: where it meets a dead node it fails.
 */
#include "chord/main.h"

#include "chord/check.h"

/* Lookups of path-length: 100 a node, as in the paper, but no more than make
   the mean known to 0.01. */
#define LOOKUPS_A_NODE 100
#define LOOKUPS_MAX (UINT64_C(1) << 18)
#define KEYS_A_NODE 100
#define CHURN_SECONDS 7200

/* -- Keys, and who owns them --------------------------------------------- */

static struct id random_key(struct figure_run *r)
{
    uint8_t digest[ID_BYTES_MAX];

    for (unsigned i = 0; i < sizeof digest; i += 4) {
        uint32_t part = (uint32_t)(random_next(&r->random) >> 32);
        for (unsigned k = 0; k < 4; k++)
            digest[i + k] = (uint8_t)(part >> (8 * k));
    }
    return id_of_digest(digest,
                        (unsigned)setting(r->network->settings, OPT_BITS));
}

/* The ring in ascending order of ids, as its members' successors have it
   when it is warm, or settled. */
struct place {
    struct id id;
    uint32_t host; /* index in the network */
};

struct ring {
    struct place *at;
    size_t count;
};

static bool walk_ring(struct figure_run *r, struct ring *ring)
{
    struct id zero = id_of(0);
    struct spot first = chord_owner(r->network, &zero), s = first;

    if (first.n == NULL)
        return figure_fail(r, "there is no ring");
    ring->count = 0;
    do {
        if (ring->at != NULL)
            ring->at[ring->count] = (struct place){s.n->id, s.host->index};
        ring->count++;
        struct peer next = chord_successor(s.c, s.n);
        s = chord_find(r->network, &next);
    } while (s.n != first.n && s.n != NULL);
    return true;
}

static bool ring_of(struct figure_run *r, struct ring *ring)
{
    *ring = (struct ring){.at = NULL};
    if (!walk_ring(r, ring)) /* how long is it? */
        return false;
    ring->at = figure_alloc(r, ring->count, sizeof *ring->at);
    return ring->at != NULL && walk_ring(r, ring);
}

/* The index of the first place at or after the key. */
static size_t owner_in(const struct ring *ring, const struct id *key)
{
    size_t low = 0, high = ring->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (id_compare(&ring->at[middle].id, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low == ring->count ? 0 : low;
}

/* -- Lookups ------------------------------------------------------------- */

enum ending { END_OWNER, END_DEAD_NODE, END_LOST };

struct lookup {
    enum ending ending;
    unsigned forwards;
    struct spot owner; /* END_OWNER */
};

/* By the paper's rule, whatever --set rule says. */
static struct lookup look_up(const struct network *net, struct spot at,
                             const struct id *key)
{
    unsigned max =
        2U * at.c->bits + (unsigned)setting(at.c->settings, OPT_SUCCESSORS);
    struct query q = {.key = *key, .paper = true};
    struct lookup l = {.ending = END_LOST};

    for (; l.forwards <= max; l.forwards++) {
        struct route route = chord_route(at.c, at.n, &q);
        if (route.kind == ROUTE_DEAD_END)
            break;
        at = chord_find(net, &route.peer);
        if (at.n == NULL) {
            l.ending = END_DEAD_NODE;
            break;
        }
        if (route.kind == ROUTE_OWNER) {
            l.ending = END_OWNER;
            l.owner = at;
            break;
        }
    }
    return l;
}

/* A random live member; .n NULL when there is hardly one. */
static struct spot random_member(struct figure_run *r)
{
    for (unsigned tries = 0; tries < 10000; tries++) {
        size_t i = random_below(&r->random, r->network->count);
        if (network_node(r->network->host[i], &chord_protocol) == NULL)
            continue;
        struct chord *c = r->network->host[i]->node;
        struct member *n =
            &c->member[random_below(&r->random, c->member_count)];
        if (n->phase == MEMBER_INSIDE)
            return (struct spot){r->network->host[i], c, n};
    }
    return (struct spot){.n = NULL};
}

/* A warm ring on which nothing happens. */
static bool start_warm(struct figure_run *r, unsigned vnodes)
{
    return figure_start(r,
                        "set stabilize 0\nset check_predecessor 0\n"
                        "set fix_fingers 0\nset recheck 0\nset vnodes %u\n"
                        "nodes %llu prefix=p\nwarm\n",
                        vnodes, (unsigned long long)r->nodes);
}

/* -- Load, virtual nodes: keys a node ------------------------------------ */

enum { SUM_KEYS, SUM_MOST, SUM_EMPTY };

static bool count_load(struct figure_run *r, uint64_t keys)
{
    struct ring ring;
    size_t hosts = r->network->count;
    uint64_t most = 0;

    if (!ring_of(r, &ring))
        return false;
    uint64_t *load = figure_alloc(r, hosts, sizeof *load);
    if (load == NULL)
        return false;
    for (uint64_t i = 0; i < keys; i++) {
        struct id key = random_key(r);
        load[ring.at[owner_in(&ring, &key)].host]++;
    }
    for (size_t i = 0; i < hosts; i++) {
        figure_count(r->tally, load[i]);
        most = load[i] > most ? load[i] : most;
        r->tally->sum[SUM_EMPTY] += load[i] == 0;
    }
    r->tally->sum[SUM_KEYS] += keys;
    r->tally->sum[SUM_MOST] += most;
    return true;
}

static bool run_load(struct figure_run *r)
{
    return start_warm(r, 1) &&
           count_load(r, (uint64_t)((double)r->nodes * r->point));
}

static bool run_virtual_nodes(struct figure_run *r)
{
    return start_warm(r, (unsigned)r->point) &&
           count_load(r, r->nodes * KEYS_A_NODE);
}

/* Mean, percentiles and the mean of each run's maximum. */
static void add_load(const struct figure_row *row, struct text *csv)
{
    const struct tally *t = row->tally;

    text_printf(csv, "%llu,%.4g,%llu,%llu,%.1f,%.1f\n",
                (unsigned long long)(t->sum[SUM_KEYS] / t->runs),
                figure_mean(t), (unsigned long long)figure_percentile(t, 1),
                (unsigned long long)figure_percentile(t, 99),
                figure_ratio(t->sum[SUM_MOST], t->runs),
                figure_ratio(t->sum[SUM_EMPTY], t->runs));
}

static void row_load(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,", (unsigned long long)row->nodes);
    add_load(row, csv);
}

static void row_virtual_nodes(const struct figure_row *row, struct text *csv)
{
    text_printf(csv, "%llu,%u,", (unsigned long long)row->nodes,
                (unsigned)row->point);
    add_load(row, csv);
}

/* -- Path length --------------------------------------------------------- */

static bool run_path_length(struct figure_run *r)
{
    uint64_t lookups = r->nodes * LOOKUPS_A_NODE;

    if (!start_warm(r, 1))
        return false;
    if (lookups > LOOKUPS_MAX)
        lookups = LOOKUPS_MAX;
    for (uint64_t i = 0; i < lookups; i++) {
        struct id key = random_key(r);
        struct spot from = random_member(r);
        if (from.n == NULL)
            return figure_fail(r, "there is no ring");
        struct lookup l = look_up(r->network, from, &key);
        if (l.ending != END_OWNER ||
            !id_in_half_open(&key, &l.owner.n->pred.id, &l.owner.n->id))
            return figure_fail(r, "a lookup over warm tables went wrong");
        figure_count(r->tally, l.forwards);
    }
    return true;
}

static void row_path_length(const struct figure_row *row, struct text *csv)
{
    const struct tally *t = row->tally;

    text_printf(csv, "%llu,%llu,%.4f,%llu,%llu\n",
                (unsigned long long)row->nodes,
                (unsigned long long)figure_counted(t), figure_mean(t),
                (unsigned long long)figure_percentile(t, 1),
                (unsigned long long)figure_percentile(t, 99));
}

static void row_path_pdf(const struct figure_row *row, struct text *csv)
{
    const struct tally *t = row->tally;
    unsigned longest = TALLY_BINS - 1;

    while (longest > 0 && t->bin[longest] == 0)
        longest--;
    for (unsigned i = 0; i <= longest; i++)
        text_printf(csv, "%llu,%u,%.6f\n", (unsigned long long)row->nodes, i,
                    figure_ratio(t->bin[i], figure_counted(t)));
}

/* -- Mass failure -------------------------------------------------------- */

enum { SUM_LOOKED_UP, SUM_LOST, SUM_FAILED, SUM_WRONG, SUM_CRASHED };

/* A scenario in which the fraction r->point of all nodes is killed at 1 s. */
static bool start_doomed(struct figure_run *r)
{
    uint64_t nodes = r->nodes, count = (uint64_t)((double)nodes * r->point);
    uint32_t *name = figure_alloc(r, (size_t)nodes, sizeof *name);
    LOCAL_TEXT t = text_new();

    if (name == NULL)
        return false;
    /* Half of the nodes may go: 2 log2 N successors (the lecture's rule). */
    text_printf(&t, "set successors 32\nnodes %llu prefix=p\nwarm\n",
                (unsigned long long)nodes);
    for (uint32_t i = 0; i < nodes; i++)
        name[i] = i + 1;
    for (uint64_t i = 0; i < count; i++) { /* a random one of the rest */
        uint64_t k = i + random_below(&r->random, nodes - i);
        uint32_t chosen = name[k];
        name[k] = name[i];
        text_printf(&t, "%scrash p%u\n", i == 0 ? "at 1s " : "",
                    (unsigned)chosen);
    }
    r->tally->sum[SUM_CRASHED] += count;
    return figure_start(r, "%s", t.data);
}

/* One key: is its first owner gone, and is the answer right? */
static bool look_after_failure(struct figure_run *r, const struct ring *before,
                               const struct ring *after)
{
    struct id key = random_key(r);
    uint32_t first = before->at[owner_in(before, &key)].host;
    uint32_t right = after->at[owner_in(after, &key)].host;
    struct spot from = random_member(r);
    uint64_t *sum = r->tally->sum;

    if (from.n == NULL)
        return figure_fail(r, "nobody is left");
    struct lookup l = look_up(r->network, from, &key);
    sum[SUM_LOOKED_UP]++;
    sum[SUM_FAILED] += l.ending != END_OWNER;
    if (l.ending == END_OWNER) {
        sum[SUM_LOST] += l.owner.host->index != first;
        sum[SUM_WRONG] += l.owner.host->index != right;
    }
    return true;
}

static bool run_mass_failure(struct figure_run *r)
{
    struct ring before, after;

    if (!start_doomed(r) || !ring_of(r, &before) || !figure_run_out(r) ||
        !ring_of(r, &after))
        return false;
    for (uint64_t i = 0; i < r->nodes * KEYS_A_NODE; i++)
        if (!look_after_failure(r, &before, &after))
            return false;
    return true;
}

static void row_mass_failure(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.4f,%llu,%.4f,%llu,%llu\n",
                (unsigned long long)row->nodes,
                figure_ratio(sum[SUM_CRASHED], row->nodes * row->tally->runs),
                (unsigned long long)sum[SUM_LOOKED_UP],
                figure_ratio(sum[SUM_LOST], sum[SUM_LOOKED_UP]),
                (unsigned long long)sum[SUM_FAILED],
                (unsigned long long)sum[SUM_WRONG]);
}

/* -- Churn --------------------------------------------------------------- */

/*
 * Source: [chord01] 6.5.  Each node stabilises and refreshes all its fingers
 * in 30 s: ours takes one finger after the other, so a 31st of that each
 * (finger 0 is the successor).
 */
static bool start_churn(struct figure_run *r)
{
    return figure_start(
        r,
        "set stabilize 30s\nset check_predecessor 30s\n"
        "set fix_fingers 968ms\nnodes %llu prefix=p\nwarm\n"
        "at 0s churn join %g/s fail %g/s for %us\nrun until %us\n",
        (unsigned long long)r->nodes, r->point, r->point, CHURN_SECONDS,
        CHURN_SECONDS);
}

/* One lookup a second, at a random moment of it. */
static bool run_churn(struct figure_run *r)
{
    uint64_t *sum = r->tally->sum;

    if (!start_churn(r))
        return false;
    for (uint64_t s = 0; s < CHURN_SECONDS; s++) {
        uint64_t moment = s * SECOND_US + random_below(&r->random, SECOND_US);
        if (!figure_run_to(r, moment))
            return false;
        struct id key = random_key(r);
        struct spot from = random_member(r);
        if (from.n == NULL)
            return figure_fail(r, "nobody is left");
        struct lookup l = look_up(r->network, from, &key);
        sum[SUM_LOOKED_UP]++;
        sum[SUM_FAILED] += l.ending != END_OWNER;
        if (l.ending != END_OWNER)
            continue;
        sum[SUM_WRONG] += l.owner.n != chord_owner(r->network, &key).n;
        figure_count(r->tally, l.forwards);
    }
    return true;
}

static void row_churn(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    uint64_t bad = sum[SUM_FAILED] + sum[SUM_WRONG];

    text_printf(csv, "%llu,%g,%llu,%.3f,%.3f,%.3f,%.3f\n",
                (unsigned long long)row->nodes, row->point,
                (unsigned long long)sum[SUM_LOOKED_UP],
                100 * figure_ratio(bad, sum[SUM_LOOKED_UP]),
                100 * figure_ratio(sum[SUM_FAILED], sum[SUM_LOOKED_UP]),
                100 * figure_ratio(sum[SUM_WRONG], sum[SUM_LOOKED_UP]),
                figure_mean(row->tally));
}

/* -- The table ----------------------------------------------------------- */

const struct figure chord_figures[] = {
    {.name = "load",
     .source = "Chord (SIGCOMM 2001), figure 8: keys a node",
     .help = "keys a node, for 10 to 100 keys a node on average",
     .columns = "nodes,keys,mean,p1,p99,max,empty",
     .x = "keys",
     .y = "mean,p1,p99",
     .nodes = "10000",
     .points = "10,20,30,40,50,60,70,80,90,100",
     .least = 1,
     .most = 250,
     .seeds = 20,
     .run = run_load,
     .row = row_load},
    {.name = "virtual-nodes",
     .source = "Chord (SIGCOMM 2001), figure 9: keys a node, by virtual nodes",
     .help = "keys a node, when each hosts several ring members",
     .columns = "nodes,vnodes,keys,mean,p1,p99,max,empty",
     .x = "vnodes",
     .y = "mean,p1,p99",
     .nodes = "10000",
     .points = "1,2,5,10,20",
     .least = 1,
     .most = 64,
     .seeds = 5,
     .run = run_virtual_nodes,
     .row = row_virtual_nodes},
    {.name = "path-length",
     .source = "Chord (SIGCOMM 2001), figure 10a: forwards "
               "to the predecessor",
     .help = "forwards of a lookup until the key's predecessor",
     .columns = "nodes,lookups,mean,p1,p99",
     .x = "nodes",
     .y = "mean,p1,p99",
     .nodes = "8,16,32,64,128,256,512,1024,2048,4096,8192,16384",
     .seeds = 5,
     .log_x = true,
     .run = run_path_length,
     .row = row_path_length},
    {.name = "path-pdf",
     .source = "Chord (SIGCOMM 2001), figure 10b: forwards "
               "to the predecessor",
     .help = "how often each number of forwards comes",
     .columns = "nodes,forwards,fraction",
     .x = "forwards",
     .y = "fraction",
     .nodes = "4096",
     .seeds = 5,
     .run = run_path_length,
     .row = row_path_pdf},
    {.name = "mass-failure",
     .source = "Chord (SIGCOMM 2001), figure 11: keys lost with their owners",
     .help = "keys whose owner died at once with others; ring repaired",
     .columns = "nodes,failed,keys,lost,unanswered,wrong",
     .x = "failed",
     .y = "lost",
     .nodes = "10000",
     .points = "0,0.1,0.2,0.3,0.4,0.5",
     .least = 0,
     .most = 0.9,
     .seeds = 5,
     .run = run_mass_failure,
     .row = row_mass_failure},
    {.name = "churn",
     .source = "Chord (SIGCOMM 2001), figure 12: failed lookups under churn",
     .help = "lookups that fail, in %, by joins and failures a second",
     .columns = "nodes,rate,lookups,bad,dead,wrong,forwards",
     .x = "rate",
     .y = "bad,wrong",
     .nodes = "500",
     .points = "0.01,0.02,0.04,0.06,0.08,0.1",
     .least = 0.001,
     .most = 1,
     .seeds = 10,
     .run = run_churn,
     .row = row_churn},
    {.name = NULL}};
