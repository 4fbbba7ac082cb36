/* Scenarios: when each act comes, and which acts there are. */
#include "tests/unit/scenario.h"

/* -- Times ----------------------------------------------------------------- */

TEST(an_unprefixed_line_happens_at_the_time_of_the_line_before)
{
    CHECK_TEXT(walk("node a\nat 3s a lookup 1\na lookup 2\nrun until 9s\n"),
               "0 start a, 3 command a lookup 1, 3 command a lookup 2, "
               "9 until");
}

TEST(after_counts_from_the_start_of_the_line_before)
{
    CHECK_TEXT(walk("node a\nafter 5s a lookup 1\nafter 500ms a lookup 2\n"
                    "run until 9s"),
               "0 start a, 5 command a lookup 1, 5.5 command a lookup 2, "
               "9 until");
}

TEST(nodes_start_one_by_one_and_later_lines_count_from_the_last)
{
    CHECK_TEXT(walk("nodes 3 prefix=p every 100ms\nafter 1s p3 lookup 1\n"
                    "nodes 2 prefix=q\nrun until 2s"),
               "0 start p1, 0.1 start p2, 0.2 start p3, 1.2 command p3 lookup "
               "1, 1.2 start q1, 1.2 start q2, 2 until");
}

TEST(the_default_end_is_run_until_quiet)
{
    CHECK_TEXT(walk("node a\n"), "0 start a, 0 until quiet");
    CHECK_TEXT(walk(""), "0 until quiet");
    CHECK_TEXT(walk("node a\nrun until 5s\nafter 1s a lookup 1\n"),
               "0 start a, 5 until, 6 command a lookup 1, 6 until quiet");
}

TEST(lines_behind_run_until_quiet_count_from_the_moment_of_quiet)
{
    CHECK_TEXT(walk("node a\nrun until quiet\na lookup 1\n"
                    "after 2s a lookup 2\n"),
               "0 start a, 0 until quiet, 5 command a lookup 1, 7 command a "
               "lookup 2, 7 until quiet");
}

TEST(until_on_the_command_line_ends_the_run)
{
    struct overrides over = {.until_us = 4000000};

    CHECK_TEXT(walk_over("node a\nat 4s a lookup 1\nat 5s a lookup 2\n"
                         "run until 9s\n",
                         &over),
               "0 start a, 4 command a lookup 1, 4 until");
    CHECK_TEXT(walk_over("nodes 3 prefix=p every 3s\n", &over),
               "0 start p1, 3 start p2, 4 until");
    over.until_us = 20000000;
    CHECK_TEXT(walk_over("node a\nrun until 9s\n", &over),
               "0 start a, 20 until");
    CHECK_TEXT(walk_over("node a\nrun until quiet\nafter 1s a lookup 1", &over),
               "0 start a, 0 until quiet, 6 command a lookup 1, 20 until");
}

TEST(until_on_the_command_line_ends_even_a_wait_for_quiet)
{
    struct overrides over = {.until_us = 4000000};
    struct scenario *s =
        parse_over("node a\nrun until quiet\nafter 1s a lookup 1", &over);
    struct cursor c = cursor_new(s);
    struct act act;

    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_START);
    CHECK(cursor_next(s, &c, &act) && act.time_us == NEVER);
    CHECK_U64(cursor_time(s, &c), 4000000);
    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_UNTIL);
    CHECK_U64(act.time_us, 4000000);
    CHECK(cursor_ended(s, &c));
    CHECK(!cursor_next(s, &c, &act));
    scenario_free(s);
}

/* -- Faults ---------------------------------------------------------------- */

TEST(faults_name_known_nodes)
{
    CHECK_TEXT(walk("node a\nnode b\nat 1s crash a\nvanish b\nleave a\n"
                    "restart b\nheal\nwarm\nrun until 2s"),
               "0 start a, 0 start b, 1 crash a, 1 vanish b, 1 leave a, 1 "
               "restart b, 1 heal, 1 warm, 2 until");
}

TEST(a_partition_has_groups_of_known_nodes)
{
    struct act act;
    struct scenario *s =
        parse_over("nodes 4 prefix=p\nat 1s partition p1,p2 | p3 , p4\n", NULL);
    struct cursor c = cursor_new(s);

    while (cursor_next(s, &c, &act) && act.kind != ACT_PARTITION)
        ;
    CHECK_TEXT(act.groups[0], "p1,p2");
    CHECK_TEXT(act.groups[1], "p3,p4");
    CHECK(act.groups[2] == NULL);
    scenario_free(s);
}

TEST(churn_is_poisson_and_repeatable)
{
    static const char text[] = "seed 7\nnode a keep\n"
                               "churn join 1/s fail 0.5/s for 1000s\n";
    uint64_t joins = 0, fails = 0, last = 0, short_gaps = 0, now = 0;
    struct scenario *s = parse_over(text, NULL);
    struct cursor c = cursor_new(s), again = cursor_new(s);
    struct act act = {.name = ""}, same = act;

    while (cursor_time(s, &c) != NEVER && cursor_next(s, &c, &act)) {
        CHECK(cursor_next(s, &again, &same) && same.time_us == act.time_us);
        if (act.kind == ACT_UNTIL)
            break;
        CHECK(act.time_us >= now);
        now = act.time_us;
        fails += act.kind == ACT_CHURN_FAIL;
        if (act.kind != ACT_CHURN_JOIN)
            continue;
        joins++;
        short_gaps += act.time_us - last < 1000000;
        last = act.time_us;
        CHECK(act.spec->join_any);
    }
    CHECK_TEXT(act.name, "");
    CHECK(act.kind == ACT_UNTIL && now < 1000000000);
    CHECK(joins > 900 && joins < 1100);
    CHECK(fails > 430 && fails < 570);
    /* 1 - 1/e of the gaps are shorter than their mean. */
    CHECK(short_gaps * 1000 > joins * 580 && short_gaps * 1000 < joins * 685);
    CHECK_U64(c.newcomers, joins);
    scenario_free(s);
}

TEST(quiet_is_waited_for_when_churn_is_over)
{
    struct scenario *s = parse_over("node a\nchurn fail 1/s for 10s\n", NULL);
    struct cursor c = cursor_new(s);
    struct act act = {.kind = ACT_START};

    while (act.kind != ACT_UNTIL && cursor_time(s, &c) < 10000000)
        CHECK(cursor_next(s, &c, &act));
    CHECK_U64(cursor_time(s, &c), 10000000);
    CHECK(cursor_next(s, &c, &act) && act.time_us == NEVER && c.waiting);
    scenario_free(s);
}

/* -- What a student did ---------------------------------------------------- */

TEST(at_step_lines_are_sorted_by_step)
{
    struct scenario *s = parse_over(
        "node a\nnode b\nat step 9 drop a b 2\nat step 7 delay a b 2s\n"
        "at step 9 fire a stabilize\nat step 8 deliver b a\n"
        "at step 8 duplicate b a 3\nat step 10 crash a\n"
        "at step 11 a lookup 4\n",
        NULL);
    static const struct {
        uint64_t step;
        enum act_kind kind;
        uint32_t ordinal;
    } wanted[] = {{7, ACT_DELAY, 1},     {8, ACT_DELIVER, 1},
                  {8, ACT_DUPLICATE, 3}, {9, ACT_DROP, 2},
                  {9, ACT_FIRE, 0},      {10, ACT_CRASH, 0},
                  {11, ACT_COMMAND, 0}};

    CHECK(s->intervention_count == 7 && s->line_count == 3);
    for (size_t i = 0; i < 7; i++) {
        CHECK_U64(s->intervention[i].step, wanted[i].step);
        CHECK_U64(s->intervention[i].act.kind, wanted[i].kind);
        CHECK_U64(s->intervention[i].act.ordinal, wanted[i].ordinal);
    }
    CHECK_U64(s->intervention[0].act.time_us, 2000000);
    CHECK_TEXT(s->intervention[0].act.other, "b");
    CHECK_TEXT(s->intervention[4].act.text, "stabilize");
    scenario_free(s);
}

TEST(at_step_lines_belong_to_their_seed_and_settings)
{
    static const char text[] = "seed 7\nset bits 8\nnode a\nnode b\n"
                               "at step 9 drop a b 2\n";
    struct overrides over = {.has_seed = true, .seed = 8};

    CHECK(parse_over(text, &over) == NULL);
    CHECK_TEXT(why.data, "t.scn:5: 'at step' holds for this seed and these "
                         "settings only, expected no other --seed or --set");
    over.seed = 7;
    over.set = (const char *[]){"bits=8", NULL};
    struct scenario *s = parse_over(text, &over);
    CHECK(s != NULL && !s->changed);
    scenario_free(s);
    over.set = (const char *[]){"bits=9", NULL};
    CHECK(parse_over(text, &over) == NULL);
    over.set = (const char *[]){"quantum=1", NULL};
    CHECK(parse_over(text, &over) == NULL);
}

int main(void)
{
    why = text_new();
    RUN(an_unprefixed_line_happens_at_the_time_of_the_line_before);
    RUN(after_counts_from_the_start_of_the_line_before);
    RUN(nodes_start_one_by_one_and_later_lines_count_from_the_last);
    RUN(the_default_end_is_run_until_quiet);
    RUN(lines_behind_run_until_quiet_count_from_the_moment_of_quiet);
    RUN(until_on_the_command_line_ends_the_run);
    RUN(until_on_the_command_line_ends_even_a_wait_for_quiet);
    RUN(faults_name_known_nodes);
    RUN(a_partition_has_groups_of_known_nodes);
    RUN(churn_is_poisson_and_repeatable);
    RUN(quiet_is_waited_for_when_churn_is_over);
    RUN(at_step_lines_are_sorted_by_step);
    RUN(at_step_lines_belong_to_their_seed_and_settings);
    text_free(&why);
    return test_end();
}
