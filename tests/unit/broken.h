/*
 * Can every invariant fail?  A network that is well is run; then a fault is
 * put into a node's memory by hand, the invariant of that name must break,
 * and hold again once the fault is undone.
 *
 *     well(&chord_protocol, "node n1 id=1\n...");
 *     BREAKS("ordered ring", n->succ[0], chord_self(c, m));
 *     end();   all invariants that there are have been broken
 */
#ifndef TESTS_UNIT_BROKEN_H
#define TESTS_UNIT_BROKEN_H

#include <stdlib.h>

#include "common/sim.h"
#include "tests/unit/test.h"

static struct scenario *broken_scenario;
static struct sim *broken_sim;
static const struct network *net;
static bool was_broken[FINDINGS_MAX];

/* Does it hold?  "": do all? */
static bool holds(const char *invariant)
{
    struct findings f = {.count = 0};
    bool hold = true, known = invariant[0] == '\0';

    sim_scenario(broken_sim)->protocol->check(net, &f);
    for (size_t i = 0; i < f.count; i++) {
        was_broken[i] = was_broken[i] || !f.at[i].holds;
        if (invariant[0] != '\0' && strcmp(f.at[i].name, invariant) != 0)
            continue;
        known = true;
        hold = hold && f.at[i].holds;
        if (!f.at[i].holds)
            CHECK(f.at[i].why.len > 0); /* said in words */
        if (invariant[0] == '\0' && !f.at[i].holds)
            printf("# %s: %s\n", f.at[i].name, f.at[i].why.data);
    }
    CHECK(known);
    findings_free(&f);
    return hold;
}

/* Run a scenario to its end; its network is well. */
static void well(const struct protocol *p, const char *text)
{
    struct text why = text_new();

    broken_scenario = scenario_parse("well.scn", text, p, NULL, &why);
    broken_sim =
        broken_scenario != NULL ? sim_new(broken_scenario, &why) : NULL;
    CHECK_TEXT(why.data, "");
    text_free(&why);
    if (broken_sim == NULL)
        exit(1);
    sim_run(broken_sim);
    net = sim_network(broken_sim);
    CHECK(holds(""));
}

static void *node(const char *name)
{
    return net->by_name(net, name)->node;
}

/* Put `value` in `place`: the invariant breaks; put back what was there. */
#define BREAKS(invariant, place, value)                                        \
    do {                                                                       \
        unsigned char kept[sizeof(place)];                                     \
        memcpy(kept, &(place), sizeof kept);                                   \
        (place) = (value);                                                     \
        CHECK(!holds(invariant));                                              \
        memcpy(&(place), kept, sizeof kept);                                   \
        CHECK(holds(""));                                                      \
    } while (0)

/* Exchange two of a kind. */
#define BREAKS_SWAPPED(invariant, a, b)                                        \
    do {                                                                       \
        unsigned char kept[sizeof(a)];                                         \
        memcpy(kept, &(a), sizeof kept);                                       \
        (a) = (b);                                                             \
        memcpy(&(b), kept, sizeof kept);                                       \
        CHECK(!holds(invariant));                                              \
        (b) = (a);                                                             \
        memcpy(&(a), kept, sizeof kept);                                       \
        CHECK(holds(""));                                                      \
    } while (0)

/* Each invariant has been broken once. */
static void end(void)
{
    struct findings f = {.count = 0};

    sim_scenario(broken_sim)->protocol->check(net, &f);
    for (size_t i = 0; i < f.count; i++) {
        if (!was_broken[i])
            printf("# never broken: %s\n", f.at[i].name);
        CHECK(was_broken[i]);
    }
    findings_free(&f);
    sim_free(broken_sim);
    scenario_free(broken_scenario);
}

#endif
