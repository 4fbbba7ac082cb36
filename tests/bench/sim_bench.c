/*
 * How fast the simulator runs Chord, what a node costs, and how long a step
 * back takes.  A line each, with the number to reach (design.md 8); it fails
 * only when the ring gives wrong answers, for a broken protocol is fast.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "chord/node.h"
#include "common/sim.h"
#include "common/stepper.h"

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

struct ring {
    struct scenario *scenario;
    struct sim *sim;
};

/* A warm ring; maintenance rounds every `stabilize`. */
static struct ring ring_new(unsigned nodes, const char *stabilize)
{
    struct text text = text_new(), why = text_new();
    struct ring r = {.scenario = NULL};

    text_printf(&text,
                "seed 1\nset bits 64\nset stabilize %s\n"
                "set check_predecessor %s\nset fix_fingers %s\n"
                "nodes %u prefix=p\nwarm\nrun until 1h\n",
                stabilize, stabilize, stabilize, nodes);
    r.scenario =
        scenario_parse("bench.scn", text.data, &chord_protocol, NULL, &why);
    r.sim = r.scenario != NULL ? sim_new(r.scenario, &why) : NULL;
    if (r.sim == NULL) {
        fprintf(stderr, "sim_bench: %s\n", why.data);
        exit(1);
    }
    sim_run_to(r.sim, 0);
    text_free(&text);
    text_free(&why);
    return r;
}

static void ring_free(struct ring *r)
{
    sim_free(r->sim);
    scenario_free(r->scenario);
}

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

/* Ask 200 lookups and end the program if one fails, or if they take more
   hops than the half of log2 N that the paper promises, with some slack. */
static double mean_hops(struct ring *r, unsigned nodes)
{
    struct tally tally = {.good = 0};
    struct observer o = {.record = count_result, .context = &tally};
    const struct network *net = sim_network(r->sim);
    unsigned log = 0, lookups = 200;
    char text[64];

    while ((nodes >> (log + 1)) > 0)
        log++;
    sim_observe(r->sim, &o);
    for (unsigned i = 0; i < lookups; i++) {
        snprintf(text, sizeof text, "lookup name%u", i);
        (void)sim_command(r->sim, net->host[(size_t)i * 7919 % net->count],
                          text);
    }
    while (sim_status(r->sim).commands_open > 0 && sim_step(r->sim))
        ;
    sim_observe(r->sim, NULL);
    double mean = (double)tally.hops / (double)lookups;
    if (tally.good != lookups || mean < log / 2.0 - 1 || mean > log / 2.0 + 3) {
        fprintf(stderr, "sim_bench: %u nodes: %u of %u lookups, %.2f hops\n",
                nodes, (unsigned)tally.good, lookups, mean);
        exit(1);
    }
    return mean;
}

static void bench_speed(unsigned nodes, uint64_t virtual_s, const char *goal)
{
    struct ring r = ring_new(nodes, "1s");
    double began = now_s();
    uint64_t steps = sim_steps(r.sim);

    sim_run_to(r.sim, virtual_s * 1000000);
    double took = now_s() - began;
    steps = sim_steps(r.sim) - steps;
    size_t bytes = sim_size(r.sim); /* before the 200 lookups at once */
    printf("events/s at %u Chord nodes: %.2f M (goal %s); %.0f bytes a node; "
           "mean hops %.2f; hash %016llx\n",
           nodes, (double)steps / took / 1e6, goal, (double)bytes / nodes,
           mean_hops(&r, nodes), (unsigned long long)sim_hash(r.sim));
    ring_free(&r);
}

/* Go to a late step, then back a step, and back a stretch, again and again. */
static void bench_rewind(unsigned nodes, uint64_t events)
{
    struct ring r = ring_new(nodes, "1s");
    struct text why = text_new();
    struct stepper *s = stepper_new(r.scenario, &why);
    double worst = 0, sum = 0;
    unsigned backs = 40;

    if (s == NULL || !stepper_goto(s, events)) {
        fprintf(stderr, "sim_bench: no stepper: %s\n", why.data);
        exit(1);
    }
    for (unsigned i = 0; i < backs; i++) {
        uint64_t to = stepper_step(s) - (i % 2 == 0 ? 1 : events / 100);
        double began = now_s();
        bool there = stepper_goto(s, to);
        double took = now_s() - began;
        if (!there || stepper_step(s) != to || stepper_strayed(s) != 0) {
            fprintf(stderr, "sim_bench: step back to %llu failed\n",
                    (unsigned long long)to);
            exit(1);
        }
        worst = took > worst ? took : worst;
        sum += took;
    }
    printf("step back at %u nodes, %llu events: mean %.1f ms, worst %.1f ms "
           "(goal 10 ms)\n",
           nodes, (unsigned long long)events, sum / backs * 1e3, worst * 1e3);
    stepper_free(s);
    text_free(&why);
    ring_free(&r);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_speed(1000, 200, "4 M");
    bench_speed(100000, 5, "1 M");
    bench_rewind(16, 100000);
    bench_rewind(1000, 1000000);
    return 0;
}
