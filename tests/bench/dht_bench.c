/*
 * How fast the simulator runs Pastry and Kelips, and what a node costs.  A
 * line each; it fails only when lookups go wrong, for a broken protocol is
 * fast.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/sim.h"
#include "tests/unit/test.h"

/* Their headers use the same words for different things. */
extern const struct protocol kelips_protocol, pastry_protocol;

struct tally {
    uint64_t good, hops;
};

static void count_result(void *context, const struct record *r)
{
    struct tally *tally = context;

    if (r->kind != RECORD_RESULT || !r->ok)
        return;
    tally->good++;
    tally->hops += fields_find(r->fields, "hops")->number;
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Run a warm network for some seconds, with a lookup by each of 200 nodes;
   all must succeed, within so many hops on average. */
static void bench(const struct protocol *p, const char *scenario,
                  unsigned seconds, double most)
{
    struct text why = text_new();
    struct tally tally = {.good = 0};
    struct observer o = {.record = count_result, .context = &tally};
    struct scenario *s = scenario_parse("bench.scn", scenario, p, NULL, &why);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;

    CHECK_TEXT(why.data, "");
    if (sim == NULL)
        return;
    sim_run_to(sim, 0);
    const struct network *net = sim_network(sim);
    sim_observe(sim, &o);
    for (size_t i = 0; i < 200; i++)
        (void)sim_command(sim, net->host[i * 7919 % net->count], "lookup song");
    double began = now_s();
    uint64_t steps = sim_steps(sim);
    sim_run_to(sim, (uint64_t)seconds * 1000000);
    double took = now_s() - began;
    steps = sim_steps(sim) - steps;
    CHECK_U64(tally.good, 200);
    CHECK((double)tally.hops / 200 < most);
    printf("# %s: %.2f M events/s at %zu nodes; %.0f bytes a node; mean hops "
           "%.2f; hash %016llx\n",
           p->name, (double)steps / took / 1e6, net->count,
           (double)sim_size(sim) / (double)net->count, (double)tally.hops / 200,
           (unsigned long long)sim_hash(sim));
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
}

TEST(pastry_looks_up_in_log16_n_hops)
{
    bench(&pastry_protocol, "seed 1\nnodes 1000 prefix=p\nwarm\nrun until 1h\n",
          20, 2.8);
    bench(&pastry_protocol,
          "seed 1\nnodes 10000 prefix=p\nwarm\nrun until 1h\n", 5, 3.6);
}

TEST(kelips_looks_up_in_one_call_and_a_fetch)
{
    bench(&kelips_protocol,
          "seed 1\nset groups 32\nnode home share=song:1KiB\n"
          "nodes 999 prefix=p join=home\nwarm\nrun until 1h\n",
          20, 2.01);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(pastry_looks_up_in_log16_n_hops);
    RUN(kelips_looks_up_in_one_call_and_a_fetch);
    return test_end();
}
