/*
 * Step back: from the end of a million events of a ring of 1,000 nodes.
 *
 * Asserts that every state gone back to has the hash it had at first; prints
 * the longest single step back, the mean, and the bytes of checkpoints' state.
 */
#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "chord/node.h"
#include "common/stepper.h"

#define EVENTS 1000000
#define BACKS 400

static double now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Go to each of `count` places from the end of the run; print the cost. */
static void measure(struct stepper *s, const char *what, uint64_t from,
                    uint64_t stride, const uint64_t *hash)
{
    double worst = 0, sum = 0;
    uint64_t at = from;

    for (int i = 0; i < BACKS && at > stride; i++) {
        double start = now_ms();
        at -= stride;
        stepper_goto(s, at);
        double took = now_ms() - start;
        assert(hash[at] == sim_hash(stepper_sim(s)));
        worst = took > worst ? took : worst;
        sum += took;
    }
    printf("rewind: %s: mean %.2f ms, worst %.2f ms\n", what, sum / BACKS,
           worst);
}

int main(void)
{
    struct text why = text_new();
    struct scenario *scenario = scenario_parse(
        "rewind",
        "seed 7\nset bits 32\nnodes 1000 prefix=p every 0ms\nwarm\n"
        "run until 10m\n",
        &chord_protocol, NULL, &why);
    assert(scenario != NULL);
    struct stepper *s = stepper_new(scenario, &why);
    uint64_t *hash = calloc(EVENTS + 1, sizeof *hash);
    assert(s != NULL && hash != NULL);

    double start = now_ms();
    for (uint64_t i = 1; i <= EVENTS; i++) {
        bool forward = stepper_forward(s);
        assert(forward);
        hash[i] = sim_hash(stepper_sim(s));
    }
    double took = now_ms() - start;
    printf("rewind: %d events of 1000 nodes recorded in %.0f ms; "
           "state %zu bytes\n",
           EVENTS, took, sim_size(stepper_sim(s)));
    measure(s, "one step back, again and again", EVENTS, 1, hash);
    measure(s, "2,347 steps back", EVENTS, 2347, hash);
    assert(stepper_strayed(s) == 0);
    free(hash);
    stepper_free(s);
    scenario_free(scenario);
    text_free(&why);
    return 0;
}
