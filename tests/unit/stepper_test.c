/*
 * Forward and back: over every scenario of labs/, the state after a step is
 * the same however one came there.
 */
#include <stdlib.h>

#include "common/network.h"
#include "common/stepper.h"
#include "tests/unit/labs.h"

#define STEPS_MAX 1500 /* tried in a scenario */

static struct scenario *load(const char *path, const struct protocol *p)
{
    struct text why = text_new();
    struct scenario *s = scenario_load(path, p, NULL, &why);

    if (s == NULL)
        printf("# %s\n", why.data);
    text_free(&why);
    return s;
}

static struct scenario *parse(const char *text)
{
    struct text why = text_new();
    struct scenario *s =
        scenario_parse("test.scn", text, &chord_protocol, NULL, &why);

    if (s == NULL)
        printf("# %s\n", why.data);
    text_free(&why);
    return s;
}

static struct stepper *open_stepper(const struct scenario *s)
{
    struct text why = text_new();
    struct stepper *t = s != NULL ? stepper_new(s, &why) : NULL;

    text_free(&why);
    return t;
}

static const char ring[] = "seed 7\nset bits 7\n"
                           "node n16 id=16\nnode n32 id=32 join=n16\n"
                           "node n45 id=45 join=n16\nnode n80 id=80 join=n16\n"
                           "warm\nafter 100ms n80 lookup 42\nrun until 3s\n";

static uint64_t hash_now(const struct stepper *t)
{
    return sim_hash(stepper_sim(t));
}

/* Go to steps in an order that jumps far and near, both ways. */
static void back_and_forth(const char *path, const struct protocol *p)
{
    struct scenario *s = load(path, p);
    struct stepper *t = open_stepper(s);
    uint64_t *hash = calloc(STEPS_MAX + 1, sizeof *hash), count = 0;

    CHECK(t != NULL);
    if (t != NULL) {
        hash[0] = hash_now(t);
        while (count < STEPS_MAX && stepper_forward(t))
            hash[++count] = hash_now(t);
        uint64_t at = count;
        for (uint64_t i = 0; i < 60; i++) {
            at =
                i % 3 != 0 && at > 0 ? at - 1 : (at * 7 + 13 * i) % (count + 1);
            CHECK(stepper_goto(t, at));
            CHECK_U64(stepper_step(t), at);
            CHECK_U64(hash_now(t), hash[at]);
        }
        CHECK_U64(stepper_strayed(t), 0);
    }
    if (test_bad)
        printf("# in %s\n", path);
    free(hash);
    stepper_free(t);
    scenario_free(s);
}

TEST(back_and_forth_is_the_same_step_in_every_lab)
{
    each_lab(back_and_forth);
}

TEST(the_log_holds_every_step_once_however_often_it_is_executed)
{
    struct scenario *s = parse(ring);
    struct stepper *t = open_stepper(s);

    CHECK(stepper_goto(t, 60));
    size_t end = log_end(stepper_log(t));
    CHECK(stepper_goto(t, 10));
    CHECK(stepper_goto(t, 50));
    CHECK_U64(log_end(stepper_log(t)), end);
    CHECK_U64(stepper_done(t), 60);
    CHECK(stepper_goto(t, 61));
    CHECK(log_end(stepper_log(t)) > end);
    stepper_free(t);
    scenario_free(s);
}

static bool is_result(void *context, const struct record *r)
{
    (void)context;
    return r->kind == RECORD_RESULT;
}

static bool is_command(void *context, const struct record *r)
{
    (void)context;
    return r->kind == RECORD_COMMAND;
}

TEST(find_goes_to_the_next_and_back_to_the_one_before)
{
    struct scenario *s = parse(ring);
    struct stepper *t = open_stepper(s);
    struct search result = {.match = is_result};
    struct search command = {.match = is_command};

    CHECK(stepper_find(t, &result, true));
    uint64_t answered = stepper_step(t);
    CHECK(!stepper_find(t, &result, true)); /* there is one only */
    CHECK_U64(stepper_step(t), answered);
    CHECK(stepper_find(t, &command, false));
    uint64_t asked = stepper_step(t);
    CHECK(asked < answered);
    CHECK(!stepper_find(t, &command, false));
    CHECK_U64(stepper_step(t), asked);
    CHECK(stepper_find(t, &result, true));
    CHECK_U64(stepper_step(t), answered);
    stepper_free(t);
    scenario_free(s);
}

TEST(a_time_is_after_all_its_steps)
{
    struct scenario *s = parse(ring);
    struct stepper *t = open_stepper(s);

    CHECK(stepper_goto_time(t, 1000000));
    uint64_t step = stepper_step(t);
    CHECK(sim_now(stepper_sim(t)) <= 1000000);
    CHECK(sim_next_time(stepper_sim(t)) > 1000000);
    CHECK(stepper_goto(t, step + 20));
    CHECK(stepper_goto_time(t, 1000000));
    CHECK_U64(stepper_step(t), step);
    stepper_free(t);
    scenario_free(s);
}

TEST(a_fault_makes_a_branch_and_the_parent_stays_what_it_was)
{
    struct scenario *s = parse(ring);
    struct stepper *t = open_stepper(s);
    struct text why = text_new();

    CHECK(stepper_goto(t, 40));
    uint64_t hash = hash_now(t);
    CHECK(stepper_goto(t, 80));
    uint64_t later = hash_now(t);
    CHECK(stepper_goto(t, 40));
    CHECK(stepper_fork(t, "crash n32", &why));
    CHECK_TEXT(why.data, "");
    CHECK_U64(stepper_branches(t), 2);
    CHECK_U64(stepper_shown(t), 1);
    CHECK_TEXT(stepper_branch(t, 1)->name, "what-if-a");
    CHECK_U64(stepper_step(t), 40);
    CHECK_U64(hash_now(t), hash);
    CHECK(stepper_goto(t, 80));
    CHECK(hash_now(t) != later);
    /* A branch of the branch, before the first fault, is without it. */
    CHECK(stepper_goto(t, 20));
    CHECK(stepper_fork(t, "vanish n45", &why));
    CHECK(strstr(stepper_branch(t, 2)->scenario->text, "crash n32") == NULL);
    stepper_show(t, 0);
    CHECK(stepper_goto(t, 80));
    CHECK_U64(hash_now(t), later);
    CHECK_U64(stepper_strayed(t), 0);
    CHECK(!stepper_fork(t, "crash nobody", &why));
    CHECK(why.len > 0);
    text_free(&why);
    stepper_free(t);
    scenario_free(s);
}

TEST(the_opening_is_warm_whenever_one_comes_back_to_it)
{
    struct scenario *s = parse("seed 7\nset bits 7\nnode n16 id=16\n"
                               "node n80 id=80 join=n16\nwarm\n"
                               "n80 lookup 42\nrun until 3s\n");
    struct stepper *t = open_stepper(s);
    struct findings f = {0};

    CHECK(stepper_open(t));
    uint64_t opening = stepper_step(t);
    CHECK(stepper_forward(t));
    CHECK_U64(stepper_step(t), opening + 1);
    CHECK(stepper_goto(t, opening));
    chord_protocol.check(sim_network(stepper_sim(t)), &f);
    CHECK(findings_hold(&f)); /* two nodes know each other */
    findings_free(&f);
    CHECK(stepper_goto(t, 0));
    CHECK(stepper_goto(t, opening + 1));
    CHECK_U64(stepper_strayed(t), 0);
    stepper_free(t);
    scenario_free(s);
}

static bool stop_at_once(void *context, uint64_t step, uint64_t goal)
{
    (void)goal;
    *(uint64_t *)context = step;
    return step < 2048;
}

TEST(a_long_walk_can_be_interrupted)
{
    struct scenario *s = parse("seed 7\nset bits 20\nnodes 100 prefix=p every "
                               "0ms\nwarm\nrun until 60s\n");
    struct stepper *t = open_stepper(s);
    uint64_t asked = 0;

    stepper_patience(
        t, (struct patience){.go_on = stop_at_once, .context = &asked});
    CHECK(!stepper_goto(t, 10000));
    CHECK_U64(asked, 2048);
    CHECK_U64(stepper_step(t), 2048);
    stepper_free(t);
    scenario_free(s);
}

int main(void)
{
    RUN(back_and_forth_is_the_same_step_in_every_lab);
    RUN(the_log_holds_every_step_once_however_often_it_is_executed);
    RUN(find_goes_to_the_next_and_back_to_the_one_before);
    RUN(a_time_is_after_all_its_steps);
    RUN(a_fault_makes_a_branch_and_the_parent_stays_what_it_was);
    RUN(the_opening_is_warm_whenever_one_comes_back_to_it);
    RUN(a_long_walk_can_be_interrupted);
    return test_end();
}
