/*
 * How many states the explorer reaches a second, on four nodes of Chord at
 * grain message: the number of design.md 8.  It fails when the states are not
 * those that they were, for a state that is missed costs no time.
 */
#include <stdio.h>
#include <time.h>

#include "chord/node.h"
#include "common/explore.h"

#define STATES 188058 /* of this network, to depth 12 */

static const char network[] = "set bits 3\nset successors 2\nset replicas 0\n"
                              "set fix_fingers 0\nset recheck 0\n"
                              "node n0 id=0\nnode n1 id=1\nnode n2 id=2\n"
                              "warm\nnode n3 id=3 join=n0\n"
                              "bound crash any join 1 restart any depth 12\n"
                              "grain message\nrun until 20s\n";

int main(void)
{
    struct text why = text_new();
    struct explore_options o = {.states_max = 1000000};
    struct explore_report r;
    struct scenario *s =
        scenario_parse("bench.scn", network, &chord_protocol, NULL, &why);
    clock_t began = clock();

    if (s == NULL || !explore(s, &o, &r, &why)) {
        fprintf(stderr, "explore_bench: %s\n", why.data);
        return 1;
    }
    double took = (double)(clock() - began) / CLOCKS_PER_SEC;
    printf("states/s of 4 Chord nodes, grain message: %.0f k (goal 100 k); "
           "%.0f k transitions/s\n",
           (double)r.states / took / 1e3, (double)r.transitions / took / 1e3);
    bool right = r.states == STATES && !r.violated && !r.dump_forgets;
    if (!right)
        fprintf(stderr, "explore_bench: %llu states, wanted %d\n",
                (unsigned long long)r.states, STATES);
    explore_report_free(&r);
    scenario_free(s);
    text_free(&why);
    return right ? 0 : 1;
}
