/*
 * The experiments behind the figures of [kelips03], and of the numbers that
 * the reference computes (K1 to K6, K8).
 *
 * Groups are about the square root of the nodes.  Each counts what the live
 * structures hold, or how the very protocol's gossip changes them.
 */
#include "kelips/main.h"

#include "kelips/check.h"

#define PAPER_BYTES 60 /* an entry, by the paper's 1.93 MB */

/* ceil(sqrt n): 317 for 100,000. */
static uint32_t groups_for(uint64_t nodes)
{
    uint32_t k = 1;

    while ((uint64_t)k * k < nodes)
        k++;
    return k < GROUPS_MAX ? k : GROUPS_MAX;
}

/* Start with these lines behind the groups. */
static bool start(struct figure_run *r, const char *set, const char *lines)
{
    return figure_start(r,
                        "set groups %u\n%snodes %llu prefix=p\nwarm\n%s"
                        "run until 1h\n",
                        (unsigned)groups_for(r->nodes), set,
                        (unsigned long long)r->nodes, lines);
}

static struct id random_id(struct figure_run *r)
{
    struct id id;

    for (unsigned i = 0; i < ID_WORDS; i++)
        id.word[i] = (uint32_t)(random_next(&r->random) >> 32);
    return id;
}

/* -- K1: memory ---------------------------------------------------------- */

enum { SUM_ENTRIES, SUM_BYTES };

/* An entry about somebody at a made-up address, in that group. */
static struct entry made_up(struct figure_run *r, uint32_t k, uint32_t group)
{
    struct entry e = {.id = random_id(r)};

    e.addr.ip = (uint32_t)random_next(&r->random) | 1;
    e.addr.port = 7000;
    while (kelips_group(&e.id, k) != group) /* walk to the group */
        e.id.word[ID_WORDS - 1]++;
    return e;
}

/* One node, with the tables that it would have among r->nodes. */
static bool run_memory(struct figure_run *r)
{
    uint64_t files = r->nodes * (uint64_t)r->point;
    uint32_t k = groups_for(r->nodes);
    bool good = true;

    if (!figure_start(r,
                      "set groups %u\nset contacts 1\nnode a\nrun until 1h\n",
                      (unsigned)k))
        return false;
    struct host *h = r->network->host[0];
    struct kelips *n = h->node;
    for (uint64_t i = 0; i + 1 < r->nodes / k && good; i++) {
        struct entry e = made_up(r, k, n->group);
        good = kelips_put(n, h, SOFT_MEMBER, &e);
    }
    for (uint64_t i = 0; i < files / k && good; i++) {
        struct entry e = made_up(r, k, n->group);
        good = kelips_put(n, h, SOFT_TUPLE, &e);
    }
    for (uint32_t g = 0; g < k && good; g++) {
        struct entry e = made_up(r, k, g);
        good = g == n->group || kelips_put(n, h, SOFT_CONTACT, &e);
    }
    if (!good)
        return figure_fail(r, "a table is full");
    r->tally->sum[SUM_ENTRIES] += kelips_entries(n);
    r->tally->sum[SUM_BYTES] += kelips_bytes(n);
    return true;
}

/* Source: reference, 2: S = n/k + c (k - 1) + F/k entries. */
static void row_memory(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    double n = (double)row->nodes, f = n * row->point;
    double k = groups_for(row->nodes);

    text_printf(csv, "%llu,%.0f,%.0f,%.1f,%.0f,%.1f,%.0f\n",
                (unsigned long long)row->nodes, f, k, n / k + (k - 1) + f / k,
                PAPER_BYTES * (n / k + (k - 1) + f / k),
                figure_ratio(sum[SUM_ENTRIES], row->tally->runs),
                figure_ratio(sum[SUM_BYTES], row->tally->runs));
}

/* -- K2: the cost of a lookup -------------------------------------------- */

#define FILES 50
#define LOOKUPS 20000

enum { SUM_FOREIGN, SUM_FOREIGN_CALLS, SUM_OWN, SUM_OWN_CALLS };

/* Calls until somebody names the home: one to a foreign group, none in one's
   own. */
static bool run_lookup_cost(struct figure_run *r)
{
    struct id key[FILES];

    if (!start(r, "", ""))
        return false;
    for (unsigned i = 0; i < FILES;
         i++) { /* files, known to all they concern */
        struct entry e = {.made_us = 0, .heartbeat = 1};
        e.id = key[i] = random_id(r);
        e.addr = figure_live(r)->addr;
        for (size_t j = 0; j < r->network->count; j++) {
            struct kelips *n = kelips_at(r->network, j);
            if (n != NULL && n->group == kelips_group(&e.id, n->groups))
                (void)kelips_put(n, r->network->host[j], SOFT_TUPLE, &e);
        }
    }
    for (unsigned i = 0; i < LOOKUPS; i++) {
        struct host *from = figure_live(r);
        const struct id *k = &key[random_below(&r->random, FILES)];
        const struct kelips *n = from->node;
        struct way w = kelips_way(r->network, from, k);
        if (!w.found)
            return figure_fail(r, "a lookup over warm tables went wrong");
        bool own = n->group == kelips_group(k, n->groups);
        r->tally->sum[own ? SUM_OWN : SUM_FOREIGN]++;
        r->tally->sum[own ? SUM_OWN_CALLS : SUM_FOREIGN_CALLS] += w.calls;
    }
    return true;
}

static void row_lookup_cost(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    uint64_t lookups = sum[SUM_FOREIGN] + sum[SUM_OWN];
    double k = groups_for(row->nodes);

    text_printf(
        csv, "%llu,%.0f,%llu,%.4f,%.4f,%.4f,%.4f\n",
        (unsigned long long)row->nodes, k, (unsigned long long)lookups,
        figure_ratio(sum[SUM_FOREIGN_CALLS], sum[SUM_FOREIGN]),
        figure_ratio(sum[SUM_OWN_CALLS], sum[SUM_OWN]),
        figure_ratio(sum[SUM_FOREIGN_CALLS] + sum[SUM_OWN_CALLS], lookups),
        (k - 1) / k);
}

/* -- K3: the load of gossip ---------------------------------------------- */

enum { SUM_MESSAGES, SUM_GOSSIP, SUM_NODES };

#define LOAD_SECONDS 100

static bool run_gossip_load(struct figure_run *r)
{
    if (!start(r,
               "set ration_group 4\nset ration_contact 2\n"
               "set ration_files 0\nset expiry 1h\n",
               "") ||
        !figure_run_to(r, LOAD_SECONDS * SECOND_US))
        return false;
    for (size_t i = 0; i < r->network->count; i++) {
        const struct kelips *n = kelips_at(r->network, i);
        r->tally->sum[SUM_MESSAGES] += n->gossip_messages;
        r->tally->sum[SUM_GOSSIP] += n->gossip_bytes;
        r->tally->sum[SUM_NODES]++;
    }
    return true;
}

static void row_gossip_load(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.3f,%.1f,%.1f\n", (unsigned long long)row->nodes,
                figure_ratio(sum[SUM_MESSAGES], sum[SUM_NODES] * LOAD_SECONDS),
                figure_ratio(sum[SUM_GOSSIP], sum[SUM_MESSAGES]),
                figure_ratio(sum[SUM_GOSSIP], sum[SUM_NODES] * LOAD_SECONDS));
}

/* -- K4: convergence; K5: mass failure; K8: false expiry ----------------- */

enum { SUM_KNOWN, SUM_WANTED, SUM_DEAD, SUM_DEAD_CONTACTS };

/* Members known and wanted, and the dead that are still listed. */
static void count_views(struct figure_run *r)
{
    uint64_t *sum = r->tally->sum;

    for (size_t i = 0; i < r->network->count; i++) {
        const struct kelips *n = kelips_at(r->network, i);
        if (n == NULL)
            continue;
        sum[SUM_WANTED] += kelips_group_size(r->network, n->group) - 1;
        for (uint32_t j = 0; j < n->view.count; j++) {
            bool live = kelips_by_addr(r->network, n->view.at[j].addr) != NULL;
            sum[live ? SUM_KNOWN : SUM_DEAD]++;
        }
        for (size_t j = 0; j < kelips_places(n); j++)
            sum[SUM_DEAD_CONTACTS] +=
                !addr_none(n->contact[j].addr) &&
                kelips_by_addr(r->network, n->contact[j].addr) == NULL;
    }
}

#define ACQUAINTANCES 60 /* reference, 3: of whom every node knows at first */

static bool run_convergence(struct figure_run *r)
{
    if (!start(r, "", ""))
        return false;
    for (size_t i = 0; i < r->network->count; i++) {
        struct host *h = r->network->host[i];
        struct kelips *n = h->node;
        kelips_forget_all(n);
        for (unsigned j = 0; j < ACQUAINTANCES; j++) {
            const struct kelips *other = figure_live(r)->node;
            struct entry e = {.id = other->id, .addr = other->self};
            if (other == n)
                continue;
            (void)kelips_put(
                n, h, other->group == n->group ? SOFT_MEMBER : SOFT_CONTACT,
                &e);
        }
    }
    if (!figure_run_to(r, (uint64_t)(r->point * 1e6)))
        return false;
    count_views(r);
    return true;
}

static void row_convergence(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%g,%.4f\n", (unsigned long long)row->nodes,
                row->point, figure_ratio(sum[SUM_KNOWN], sum[SUM_WANTED]));
}

#define FAILURE_S 20 /* when half of all nodes die at once */

static bool run_mass_failure(struct figure_run *r)
{
    LOCAL_TEXT t = text_new();
    uint32_t *name = figure_alloc(r, (size_t)r->nodes, sizeof *name);

    if (name == NULL)
        return false;
    for (uint32_t i = 0; i < r->nodes; i++)
        name[i] = i + 1;
    for (uint32_t i = 0; i < r->nodes / 2; i++) {
        uint64_t k = i + random_below(&r->random, r->nodes - i);
        uint32_t chosen = name[k];
        name[k] = name[i];
        text_printf(&t, i == 0 ? "at 20s crash p%u\n" : "crash p%u\n",
                    (unsigned)chosen);
    }
    if (!start(r, "set expiry 25s\n", t.data) ||
        !figure_run_to(r, FAILURE_S * SECOND_US + (uint64_t)(r->point * 1e6)))
        return false;
    count_views(r);
    return true;
}

static void row_mass_failure(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    uint64_t survivors = row->nodes - row->nodes / 2;
    double live = (double)survivors * (double)row->tally->runs;

    text_printf(csv, "%llu,%g,%.4f,%.3f,%.3f\n", (unsigned long long)row->nodes,
                row->point, figure_ratio(sum[SUM_KNOWN], sum[SUM_WANTED]),
                (double)sum[SUM_DEAD] / live,
                (double)sum[SUM_DEAD_CONTACTS] / live);
}

#define STEADY_S 200

static bool run_false_expiry(struct figure_run *r)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "set ration_group 4\nset ration_contact 2\nset expiry %gs\n",
                r->point);
    if (!start(r, t.data, "") || !figure_run_to(r, STEADY_S * SECOND_US))
        return false;
    count_views(r);
    return true;
}

static void row_false_expiry(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%g,%.3f\n", (unsigned long long)row->nodes,
                row->point,
                100 - 100 * figure_ratio(sum[SUM_KNOWN], sum[SUM_WANTED]));
}

/* -- K6: lookups among the dead ------------------------------------------ */

enum { SUM_LOOKUPS, SUM_DIRECT, SUM_INDIRECT };

/* Is `a` dead, by the run's own lot?  (Nobody has noticed yet.) */
static bool is_dead(const struct figure_run *r, const bool *dead, struct addr a)
{
    const struct host *h =
        addr_none(a) ? NULL : r->network->by_addr(r->network, a);

    return h == NULL || dead[h->index];
}

/* Source: reference, 6: by a contact; else by twelve others, each for its contact. */
static void look_up_among_dead(struct figure_run *r, const bool *dead,
                               const struct kelips *n, uint16_t group)
{
    bool direct = false, indirect = false;

    for (unsigned i = 0; i < n->contact_count; i++) {
        const struct entry *e = kelips_contact(n, group, i);
        direct = direct || (e != NULL && !is_dead(r, dead, e->addr));
    }
    for (unsigned i = 0; i < INDIRECT_TRIES && !direct && !indirect; i++) {
        const struct kelips *via =
            n->view.count > 0
                ? kelips_by_addr(
                      r->network,
                      n->view.at[random_below(&r->random, n->view.count)].addr)
                : NULL;
        if (via == NULL || is_dead(r, dead, via->self))
            continue;
        const struct entry *e = kelips_contact(
            via, group, (unsigned)random_below(&r->random, via->contact_count));
        indirect = e != NULL && !is_dead(r, dead, e->addr);
    }
    r->tally->sum[SUM_LOOKUPS]++;
    r->tally->sum[SUM_DIRECT] += direct;
    r->tally->sum[SUM_INDIRECT] += direct || indirect;
}

static bool run_lookup_success(struct figure_run *r)
{
    uint64_t part = (uint64_t)(r->point * 1000000);
    bool *dead = figure_alloc(r, (size_t)r->nodes, sizeof *dead);

    if (dead == NULL || !start(r, "", ""))
        return false;
    for (size_t i = 0; i < r->nodes; i++)
        dead[i] = random_below(&r->random, 1000000) < part;
    for (unsigned i = 0; i < LOOKUPS; i++) {
        const struct kelips *n = figure_live(r)->node;
        uint16_t group = (uint16_t)random_below(&r->random, n->groups);
        if (group != n->group)
            look_up_among_dead(r, dead, n, group);
    }
    return true;
}

static void row_lookup_success(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    double f = row->point, c = f * f, rest = 1;

    for (unsigned i = 0; i < INDIRECT_TRIES; i++)
        rest *= 1 - (1 - f) * (1 - f);
    text_printf(
        csv, "%llu,%g,%.4f,%.4f,%.4f,%.4f\n", (unsigned long long)row->nodes, f,
        figure_ratio(sum[SUM_DIRECT], sum[SUM_LOOKUPS]), 1 - c,
        figure_ratio(sum[SUM_INDIRECT], sum[SUM_LOOKUPS]), 1 - c * rest);
}

/* -- The table ----------------------------------------------------------- */

const struct figure kelips_figures[] = {
    {.name = "memory",
     .source = "Kelips (IPTPS 2003): 1.93 MB for 100,000 nodes, 10^7 files",
     .help = "entries and bytes of one node, by formula and as it has them",
     .columns = "nodes,files,groups,entries,bytes,measured_entries,"
                "measured_bytes",
     .x = "nodes",
     .y = "bytes,measured_bytes",
     .nodes = "1000,10000,100000",
     .points = "100",
     .least = 0,
     .most = 1000,
     .seeds = 1,
     .log_x = true,
     .run = run_memory,
     .row = row_memory},
    {.name = "lookup-cost",
     .source = "Kelips (IPTPS 2003): one call finds the home",
     .help = "calls until somebody names the home; formula (k-1)/k",
     .columns = "nodes,groups,lookups,foreign,own,calls,formula",
     .x = "nodes",
     .y = "calls,formula",
     .nodes = "100,1000,10000",
     .seeds = 3,
     .log_x = true,
     .run = run_lookup_cost,
     .row = row_lookup_cost},
    {.name = "gossip-load",
     .source = "Kelips (IPTPS 2003), section 4: constant load of gossip",
     .help = "gossip of one node: messages/s, their size, bytes/s",
     .columns = "nodes,messages,size,bytes",
     .x = "nodes",
     .y = "bytes",
     .nodes = "100,400,1000,4000",
     .seeds = 1,
     .log_x = true,
     .run = run_gossip_load,
     .row = row_gossip_load},
    {.name = "convergence",
     .source = "Kelips (IPTPS 2003): views fill in O(log n) rounds",
     .help = "share of its group that a node knows, after so many seconds",
     .columns = "nodes,seconds,known",
     .x = "seconds",
     .y = "known",
     .nodes = "1000",
     .points = "0,2,4,8,16,32,64",
     .least = 0,
     .most = 600,
     .seeds = 2,
     .run = run_convergence,
     .row = row_convergence},
    {.name = "mass-failure",
     .source = "Kelips (IPTPS 2003): half of all nodes die at once",
     .help = "by seconds since: live members known, dead ones still listed",
     .columns = "nodes,seconds,known,dead_members,dead_contacts",
     .x = "seconds",
     .y = "dead_members,dead_contacts",
     .nodes = "1000",
     .points = "0,10,20,25,28,31,40,50,56",
     .least = 0,
     .most = 600,
     .seeds = 1,
     .run = run_mass_failure,
     .row = row_mass_failure},
    {.name = "lookup-success",
     .source = "the formula 1 - f^c (1 - (1-f)^2)^t, c = 2, t = 12",
     .help = "lookups that succeed over warm tables, a fraction of nodes dead",
     .columns = "nodes,dead,direct,formula,all,formula_all",
     .x = "dead",
     .y = "direct,all",
     .nodes = "1000",
     .points = "0,0.1,0.2,0.3,0.4,0.5,0.6,0.7",
     .least = 0,
     .most = 0.95,
     .seeds = 3,
     .run = run_lookup_success,
     .row = row_lookup_success},
    {.name = "false-expiry",
     .source = "ours: starved gossip (rations 4 + 2) forgets the living",
     .help = "live members missing from views, in %, by the expiry",
     .columns = "nodes,expiry,missing",
     .x = "expiry",
     .y = "missing",
     .nodes = "1000",
     .points = "15,20,25,30,40,60",
     .least = 1,
     .most = 600,
     .seeds = 2,
     .run = run_false_expiry,
     .row = row_false_expiry},
    {.name = NULL}};
