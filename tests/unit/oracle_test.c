/*
 * Random runs of Pastry and Kelips: after every fault the network comes to
 * rest, and then each leaf set and table slot, each view, contact and tuple
 * is what the sorted list of live nodes says (pastry/check.c, kelips/check.c;
 * that those can fail is tested in *_check_test.c).
 */
#include "common/random.h"
#include "common/sim.h"
#include "tests/unit/test.h"

#define RUNS 6
#define FAULTS 5
#define NODES 24   /* at first */
#define CALM_S 300 /* between faults: detection, repair, expiry, rounds */

extern const struct protocol pastry_protocol, kelips_protocol;

static struct random r;

static unsigned below(unsigned n)
{
    return (unsigned)random_below(&r, n);
}

/* Joins, then at CALM_S, 2 CALM_S ... somebody comes, dies, goes or returns;
   the first few nodes stay, for newcomers to find. */
static void make_run(struct text *t, unsigned seed, const char *settings)
{
    static const char *const deaths[] = {"crash", "vanish", "leave"};
    bool live[NODES + FAULTS];
    unsigned count = NODES;

    text_printf(t, "seed %u\n%snode n0\n", seed, settings);
    for (unsigned i = 1; i < NODES; i++)
        text_printf(t, "at %ums node n%u join=n%u\n", i * 300, i,
                    below(i < 3 ? i : 3));
    for (unsigned i = 0; i < NODES; i++)
        live[i] = true;
    for (unsigned i = 0; i < 6; i++)
        text_printf(t, "at 30s n%u put file%u it\n", below(3), i);
    for (unsigned i = 1; i <= FAULTS; i++) {
        unsigned who = 3 + below(count - 3);
        text_printf(t, "at %us ", i * CALM_S);
        if (below(4) == 0) {
            text_printf(t, "node n%u join=n%u\n", count, below(3));
            live[count++] = true;
        } else {
            text_printf(t, "%s n%u\n", live[who] ? deaths[below(3)] : "restart",
                        who);
            live[who] = !live[who];
        }
    }
    text_printf(t, "run until %us\n", (FAULTS + 1) * CALM_S);
}

/* Is every table right just before each fault, and at the end? */
static void check_run(const struct protocol *p, unsigned seed,
                      const char *settings)
{
    struct text t = text_new(), why = text_new();

    r = (struct random){.state = seed};
    make_run(&t, seed, settings);
    struct scenario *s = scenario_parse("run.scn", t.data, p, NULL, &why);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;
    CHECK_TEXT(why.data, "");
    for (unsigned i = 1; sim != NULL && i <= FAULTS + 1; i++) {
        struct findings f = {.count = 0};
        sim_run_to(sim, (uint64_t)i * CALM_S * 1000000 - 1);
        p->check(sim_network(sim), &f);
        for (size_t k = 0; k < f.count; k++)
            if (!f.at[k].holds)
                printf("# seed %u, before fault %u: %s: %s\n", seed, i,
                       f.at[k].name, f.at[k].why.data);
        CHECK(findings_hold(&f));
        findings_free(&f);
    }
    if (sim != NULL)
        sim_free(sim);
    scenario_free(s);
    text_free(&t);
    text_free(&why);
}

TEST(leaf_sets_and_slots_are_those_of_the_live_nodes)
{
    static const char *const settings[] = {
        "set base 4\nset digits 16\nset leafset 8\n",
        "set leafset 16\nset proximity off\n"};

    for (unsigned seed = 1; seed <= RUNS; seed++)
        check_run(&pastry_protocol, seed, settings[seed % 2]);
}

TEST(views_contacts_and_tuples_are_those_of_the_live_nodes)
{
    static const char *const settings[] = {"set groups 3\n",
                                           "set groups 2\nset contacts 1\n"};

    for (unsigned seed = 1; seed <= RUNS; seed++)
        check_run(&kelips_protocol, seed, settings[seed % 2]);
}

int main(void)
{
    RUN(leaf_sets_and_slots_are_those_of_the_live_nodes);
    RUN(views_contacts_and_tuples_are_those_of_the_live_nodes);
    return test_end();
}
