/* Scenarios: every rule of the language, every error with its place. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/scenario.h"
#include "tests/unit/test.h"

/* -- A protocol that only parses ------------------------------------------ */

static const struct option options[] = {
    {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
    {"rule", OPTION_CHOICE, 0, 1, 0, "lecture,paper", "routing rule"},
    {.name = NULL},
};
static const struct command commands[] = {
    {"lookup", "n", "lookup KEY", "find the owner", COMMAND_LIMIT_US},
    {"put", "wt", "put NAME VALUE", "store", COMMAND_LIMIT_US},
    {"get", "n", "get NAME", "fetch", COMMAND_LIMIT_US},
    {"ping", "a?", "ping [ADDRESS]", "probe", COMMAND_LIMIT_US},
    {"leave", "", "leave", "leave politely", COMMAND_LIMIT_US},
    {.name = NULL},
};
static const char *const timers[] = {"stabilize", "fix_fingers", NULL};

static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    (void)self;
    if (id_parse(id, (unsigned)setting(s, 0), text))
        return true;
    text_printf(why, "id '%s' is wrong, expected a number of %d bits", text,
                (int)setting(s, 0));
    return false;
}

static const struct protocol protocol = {.name = "test",
                                         .options = options,
                                         .commands = commands,
                                         .timers = timers,
                                         .identify = identify};

static struct text why;

static struct scenario *parse_over(const char *text,
                                   const struct overrides *over)
{
    text_clear(&why);
    struct scenario *s = scenario_parse("t.scn", text, &protocol, over, &why);
    CHECK((s == NULL) == (why.len > 0));
    return s;
}

/* Why a scenario is refused; "" when it is taken. */
static const char *refusal(const char *text)
{
    scenario_free(parse_over(text, NULL));
    return why.data;
}

#define REFUSED(text, because) CHECK_TEXT(refusal(text), because)
#define TAKEN(text) CHECK_TEXT(refusal(text), "")

/* "0 start n16, 30 command n16 lookup 42, ...": what a cursor yields; it
   becomes quiet 5 s after it has to. */
static const char *walk_over(const char *text, const struct overrides *over)
{
    static const char *const kinds[] = {
        "start", "command", "expect",    "invariants", "crash",     "vanish",
        "leave", "restart", "partition", "heal",       "warm",      "network",
        "join",  "fail",    "drop",      "delay",      "duplicate", "deliver",
        "pick",  "fire",    "until"};
    static struct text t;
    struct scenario *s = parse_over(text, over);
    uint64_t now = 0;

    if (t.data == NULL)
        t = text_new();
    text_clear(&t);
    if (s == NULL)
        return why.data;
    struct cursor c = cursor_new(s);
    for (struct act act; !cursor_ended(s, &c);) {
        uint64_t due = cursor_time(s, &c);
        if (c.waiting && due > now + 5000000) {
            now += 5000000;
            cursor_resume(&c, now);
            continue;
        }
        CHECK(due >= now);
        now = due;
        CHECK(cursor_next(s, &c, &act));
        text_add(&t, t.len > 0 ? ", " : "");
        text_seconds(&t, due);
        text_printf(&t, " %s", kinds[act.kind]);
        if (act.name[0] != '\0')
            text_printf(&t, " %s", act.name);
        if (act.text != NULL)
            text_printf(&t, " %s", act.text);
        if (act.kind == ACT_UNTIL && act.time_us == NEVER)
            text_add(&t, " quiet");
    }
    CHECK(cursor_time(s, &c) == NEVER);
    scenario_free(s);
    return t.data;
}

static const char *walk(const char *text)
{
    return walk_over(text, NULL);
}

/* -- Times ------------------------------------------------------------------- */

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

TEST(only_after_and_unprefixed_lines_follow_run_until_quiet)
{
    REFUSED("node a\nrun until quiet\nat 9s a lookup 1\n",
            "t.scn:3: 'at' cannot follow 'run until quiet', expected 'after "
            "TIME'");
    REFUSED("node a\nrun until quiet\nrun until 9s\n",
            "t.scn:3: 'run until 9s' has a time of its own, expected it "
            "without another and before 'run until quiet'");
}

TEST(time_never_runs_backwards)
{
    REFUSED("node a\nat 9s a lookup 1\nat 8s a lookup 2\n",
            "t.scn:3: time runs backwards, expected 8s to be at or after the "
            "line before");
    REFUSED("nodes 100 prefix=p every 1s\nat 98s p1 lookup 2\n",
            "t.scn:2: time runs backwards, expected 98s to be at or after the "
            "line before");
    REFUSED("node a\nat 9s a lookup 1\nrun until 8s\n",
            "t.scn:3: time runs backwards, expected 8s to be at or after the "
            "line before");
    TAKEN("node a\nat 9s a lookup 1\nat 9s a lookup 2\n");
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

TEST(times_that_are_no_times_are_refused)
{
    REFUSED("node a\nat soon a lookup 1\n",
            "t.scn:2: 'soon' is wrong here, expected a time (250ms, 10s, 2m)");
    REFUSED("node a\nat\n", "t.scn:2: the line ends too early, expected a time "
                            "(250ms, 10s, 2m)");
    REFUSED("node a\nafter 5s\n",
            "t.scn:2: the line ends too early, expected an action");
    REFUSED("node a\nafter 900000h a lookup 1\n",
            "t.scn:2: '900000h' is wrong here, expected a time below 31 years");
    REFUSED("nodes 16000000 prefix=p every 1h\n",
            "t.scn:1: the last start is too late, expected below 31 years");
}

/* -- Nodes ------------------------------------------------------------------- */

TEST(names_are_letters_digits_and_few_signs)
{
    TAKEN("node a\nnode B_2.x-y\nnode abcdefghijklmnopqrstuvwxyz012345\n");
    REFUSED("node 1a\n",
            "t.scn:1: '1a' is wrong here, expected a name: a letter, then "
            "letters, digits, _ . -, at most 32 in all");
    CHECK(strstr(refusal("node a,b\n"), "t.scn:1: 'a,b'") != NULL);
    CHECK(strstr(refusal("node abcdefghijklmnopqrstuvwxyz0123456\n"),
                 "t.scn:1: 'abcdef") != NULL);
    CHECK(strstr(refusal("node\n"), "ends too early") != NULL);
}

TEST(keywords_are_no_names)
{
    REFUSED("node churn\n", "t.scn:1: 'churn' is a word of this language, "
                            "expected a name");
    REFUSED("node step\n", "t.scn:1: 'step' is a word of this language, "
                           "expected a name");
    TAKEN("nodes 2 prefix=node\n");
}

TEST(a_name_is_given_once)
{
    REFUSED("node a\nnode a\n",
            "t.scn:2: the name \'a\' is taken, expected another");
    REFUSED("nodes 20 prefix=p\nnode p20\n",
            "t.scn:2: the name \'p20\' is taken, expected another");
    TAKEN("nodes 20 prefix=p\nnode p21\nnode p01\n");
    REFUSED("node p7\nnodes 20 prefix=p\n",
            "t.scn:2: the name \'p7\' is taken, expected another");
    TAKEN("node p21\nnodes 20 prefix=p\n");
    CHECK(strstr(refusal("nodes 2 prefix=p\nnodes 2 prefix=p\n"),
                 "\'p\' is taken") != NULL);
}

TEST(a_prefix_leaves_room_for_its_numbers)
{
    CHECK(strstr(refusal("nodes 10 prefix=abcdefghijklmnopqrstuvwxyz01234\n"),
                 "expected a short prefix without digits") != NULL);
    CHECK(strstr(refusal("nodes 10 prefix=p1\n"), "without digits") != NULL);
    CHECK(strstr(refusal("nodes 10 prefix=\n"), "without digits") != NULL);
    REFUSED("nodes 10\n",
            "t.scn:1: the line ends too early, expected prefix=NAME");
    REFUSED("nodes many prefix=p\n",
            "t.scn:1: 'many' is wrong here, expected a number up to 16000000");
    REFUSED("nodes 0 prefix=p\n",
            "t.scn:1: '0' is wrong here, expected one node or more");
    REFUSED("nodes 99999999999999999999 prefix=p\n",
            "t.scn:1: '99999999999999999999' is wrong here, expected a number "
            "up to 16000000");
}

TEST(a_million_nodes_are_one_line)
{
    struct scenario *s = parse_over("nodes 1000000 prefix=p\nwarm\n"
                                    "p1000000 lookup 7\n",
                                    NULL);

    CHECK(s != NULL && s->line_count == 4);
    scenario_free(s);
    REFUSED("nodes 1000000 prefix=p\np1000001 lookup 7\n",
            "t.scn:2: 'p1000001' is wrong here, expected an action, or a node "
            "of an earlier line and a command");
}

TEST(join_names_a_node_of_an_earlier_line)
{
    struct act act;
    struct scenario *s = parse_over("node a\nnode b join=a\nnodes 2 prefix=p\n"
                                    "nodes 2 prefix=q join=p2\n",
                                    NULL);
    struct cursor c = cursor_new(s);

    CHECK(cursor_next(s, &c, &act) && act.spec->join == NULL &&
          !act.spec->join_any);
    CHECK(cursor_next(s, &c, &act));
    CHECK_TEXT(act.spec->join, "a");
    CHECK(cursor_next(s, &c, &act) && act.spec->join_any);
    CHECK(cursor_next(s, &c, &act) && cursor_next(s, &c, &act));
    CHECK_TEXT(act.spec->join, "p2");
    scenario_free(s);
    REFUSED("node a join=b\nnode b\n",
            "t.scn:1: 'b' is wrong here, expected the name of a node of an "
            "earlier line");
    REFUSED("node bert\nnode a join=bret\n",
            "t.scn:2: unknown node 'bret'; did you mean 'bert'?");
    CHECK(strstr(refusal("node a join=a\n"), "t.scn:1: 'a' is wrong") != NULL);
}

TEST(a_node_has_options_of_its_own)
{
    struct act act;
    struct scenario *s =
        parse_over("set bits 8\nnode a id=200 addr=127.0.0.1:7074 up=100kB/s "
                   "down=1MB/s keep rule=paper\nnode b introducer\n",
                   NULL);
    struct cursor c = cursor_new(s);

    CHECK(cursor_next(s, &c, &act));
    CHECK_TEXT(act.spec->id, "200");
    CHECK_U64(act.spec->addr.port, 7074);
    CHECK_U64(act.spec->up, 100000);
    CHECK_U64(act.spec->down, 1000000);
    CHECK(act.spec->keep && !act.spec->introducer);
    CHECK_U64(setting(act.spec->settings, 0), 8);
    CHECK_U64(setting(act.spec->settings, 1), 1);
    CHECK(cursor_next(s, &c, &act) && act.spec->introducer);
    CHECK_U64(setting(act.spec->settings, 1), 0);
    scenario_free(s);
    REFUSED("node a rul=paper\n",
            "t.scn:1: unknown option 'rul'; did you mean 'rule'?");
    REFUSED("node a rule=papers\n",
            "t.scn:1: rule is 'papers', expected one of lecture|paper");
    REFUSED("node a fast\n",
            "t.scn:1: 'fast' is wrong here, expected id=, join=, addr=, "
            "share=, up=, down=, keep, introducer, or OPTION=VALUE");
    REFUSED("node a up=fast\n",
            "t.scn:1: 'fast' is wrong here, expected a rate (100kB/s, 1MB/s) "
            "above 0");
    REFUSED("node a addr=localhost\n",
            "t.scn:1: 'localhost' is wrong here, expected an address "
            "(127.0.0.1:7074)");
    CHECK(strstr(refusal("nodes 2 prefix=p id=1\n"), "'id'") != NULL);
}

TEST(a_line_says_nothing_twice)
{
    static const struct {
        const char *line, *twice;
    } is[] = {
        {"node b id=1 id=2", "id=2"},
        {"node b join=a join=a", "join=a"},
        {"node b keep keep", "keep"},
        {"node b up=1kB/s up=2kB/s", "up=2kB/s"},
        {"node b rule=paper rule=lecture", "rule=lecture"},
        {"nodes 2 prefix=p every 1s every 2s", "every"},
        {"bandwidth up 1MB/s up 2MB/s", "up"},
        {"churn join 1/s join 2/s for 9s", "join"},
        {"bound crash 2 crash 3", "crash"},
    };

    for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
        LOCAL_TEXT text = text_new(), because = text_new();
        text_printf(&text, "node a\n%s\n", is[i].line);
        text_printf(&because,
                    "t.scn:2: '%s' repeats what this line says before, "
                    "expected it once",
                    is[i].twice);
        REFUSED(text.data, because.data);
    }
    TAKEN("node b id=1 up=1kB/s down=1kB/s keep rule=paper\n");
}

TEST(times_and_rates_have_units_and_a_rate_is_above_nothing)
{
    static const char *const bad[] = {"latency 10",
                                      "latency 10..80ms",
                                      "at 5 crash a",
                                      "run until 100",
                                      "nodes 2 prefix=p every 1",
                                      "jitter 2",
                                      "bandwidth up 0",
                                      "bandwidth up 0kB/s",
                                      "bandwidth down 1000",
                                      "node b up=0",
                                      "node b down=0MB/s",
                                      "node b up=5",
                                      "churn join 1/s for 10"};

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        LOCAL_TEXT text = text_new();
        text_printf(&text, "node a\n%s\n", bad[i]);
        CHECK(strstr(refusal(text.data), " is wrong here, expected a ") !=
              NULL);
    }
    TAKEN("latency 0..80ms\njitter 0\n");
}

TEST(an_introducer_is_no_node_of_the_protocol)
{
    TAKEN("node i introducer addr=127.0.0.1:80 up=1kB/s keep\nnode a join=i\n");
    REFUSED("node a\nnode i introducer id=5\n",
            "t.scn:2: an introducer is no node of test, expected addr=, up=, "
            "down= or keep beside it");
    CHECK(strstr(refusal("node a\nnode i join=a introducer\n"), "no node"));
    CHECK(strstr(refusal("node i rule=paper introducer\n"), "no node"));
}

TEST(an_id_is_checked_by_the_protocol)
{
    TAKEN("set bits 7\nnode a id=127\n");
    REFUSED("set bits 7\nnode a id=128\n",
            "t.scn:2: id '128' is wrong, expected a number of 7 bits");
    struct overrides over = {.set = (const char *[]){"bits=3", NULL}};
    CHECK(parse_over("set bits 7\nnode a id=127\n", &over) == NULL);
    CHECK_TEXT(why.data,
               "t.scn:2: id '127' is wrong, expected a number of 3 bits");
}

/* -- Commands and expectations -------------------------------------------- */

TEST(commands_are_checked_before_the_run)
{
    TAKEN("node a\na lookup 42\na put x y and z\na ping\na ping 10.0.0.1:7\n"
          "a leave\n");
    REFUSED("node a\na lokup 42\n",
            "t.scn:2: unknown command 'lokup'; did you mean 'lookup'?");
    REFUSED("node a\na zzzzz\n",
            "t.scn:2: unknown command 'zzzzz', expected one of lookup, put, "
            "get, ping, leave");
    REFUSED("node a\na lookup\n",
            "t.scn:2: 'lookup' ends too early, expected 'lookup KEY'");
    REFUSED("node a\na lookup 1 2\n",
            "t.scn:2: 'lookup' is given too much, expected 'lookup KEY'");
    REFUSED("node a\na put x\n",
            "t.scn:2: 'put' ends too early, expected 'put NAME VALUE'");
    REFUSED("node a\na ping here\n",
            "t.scn:2: 'ping' needs an address, expected 'ping [ADDRESS]'");
    REFUSED("node a\na\n", "t.scn:2: the line ends too early, expected a "
                           "command for the node");
}

TEST(unknown_words_are_answered_with_the_nearest)
{
    REFUSED("crahs a\n",
            "t.scn:1: unknown word 'crahs'; did you mean 'crash'?");
    REFUSED("node n16\nn61 lookup 1\n",
            "t.scn:2: unknown word 'n61'; did you mean 'n16'?");
    REFUSED("frobnicate\n",
            "t.scn:1: 'frobnicate' is wrong here, expected an action, or a "
            "node of an earlier line and a command");
    REFUSED("until 5s\n", "t.scn:1: 'until' is wrong here, expected an action");
}

/* The command and the condition of "expect ...". */
static const char *expectation(const char *line)
{
    static struct text t;
    struct act act = {.text = ""};

    if (t.data == NULL)
        t = text_new();
    text_clear(&t);
    text_printf(&t, "node a\nexpect %s\n", line);
    struct scenario *s = parse_over(t.data, NULL);
    text_clear(&t);
    if (s == NULL)
        return why.data;
    struct cursor c = cursor_new(s);
    CHECK(cursor_next(s, &c, &act) && cursor_next(s, &c, &act));
    text_printf(&t, "%s[%s] %s", act.expect_failure ? "fail " : "", act.text,
                act.expect_text != NULL ? act.expect_text : "-");
    CHECK((act.expect == NULL) == (act.expect_text == NULL));
    scenario_free(s);
    return t.data;
}

TEST(expect_is_a_command_and_conditions)
{
    CHECK_TEXT(expectation("a lookup 42"), "[lookup 42] -");
    CHECK_TEXT(expectation("a lookup 42 owner=n45 hops<=4"),
               "[lookup 42] owner=n45 && hops<=4");
    CHECK_TEXT(expectation("a lookup 42   owner=n45 || hops<=4"),
               "[lookup 42] owner=n45 || hops<=4");
    CHECK_TEXT(expectation("fail a get x"), "fail [get x] -");
    CHECK_TEXT(expectation("a put color red=1"), "[put color red=1] -");
    CHECK_TEXT(expectation("a put color red=1 copies>=2"),
               "[put color red=1] copies>=2");
    CHECK_TEXT(expectation("a ping"), "[ping] -");
    CHECK_TEXT(expectation("a ping time<3"), "[ping] time<3");
    CHECK_TEXT(expectation("a lookup"),
               "t.scn:2: 'lookup' ends too early, expected 'lookup KEY'");
    CHECK_TEXT(expectation("b lookup 1"),
               "t.scn:2: 'b' is wrong here, expected the name of a node of an "
               "earlier line");
    CHECK(strncmp(expectation("a lookup 42 hops<"), "t.scn:2: ", 9) == 0);
    CHECK_TEXT(walk("node a\nexpect invariants\nrun until 1s"),
               "0 start a, 0 invariants, 1 until");
    REFUSED("expect invariants always\n",
            "t.scn:1: 'always' is wrong here, expected the end of the line");
}

TEST(an_expectation_is_met_or_says_why_not)
{
    struct scenario *s = parse_over("node a\nexpect a lookup 42 owner=n45 "
                                    "hops<=4\nexpect fail a get x\n",
                                    NULL);
    struct cursor c = cursor_new(s);
    struct act act, fails;
    struct fields f = fields_new();
    struct text t = text_new();

    CHECK(cursor_next(s, &c, &act) && cursor_next(s, &c, &act) &&
          cursor_next(s, &c, &fails));
    fields_text(&f, "owner", "n45");
    fields_number(&f, "hops", 4);
    CHECK(expect_met(&act, true, &f, NULL, &t));
    CHECK(!expect_met(&act, false, &f, NULL, &t));
    CHECK_TEXT(t.data, "it failed: owner n45 hops 4");
    text_clear(&t);
    CHECK(expect_met(&fails, false, &f, NULL, &t));
    CHECK(!expect_met(&fails, true, &f, NULL, &t));
    CHECK_TEXT(t.data, "it succeeded: owner n45 hops 4");
    text_clear(&t);
    f.at[1].number = 5;
    CHECK(!expect_met(&act, true, &f, NULL, &t));
    CHECK_TEXT(t.data, "expected owner=n45 && hops<=4, got owner n45 hops 5");
    fields_free(&f);
    text_free(&t);
    scenario_free(s);
}

/* -- Faults ------------------------------------------------------------------ */

TEST(faults_name_known_nodes)
{
    CHECK_TEXT(walk("node a\nnode b\nat 1s crash a\nvanish b\nleave a\n"
                    "restart b\nheal\nwarm\nrun until 2s"),
               "0 start a, 0 start b, 1 crash a, 1 vanish b, 1 leave a, 1 "
               "restart b, 1 heal, 1 warm, 2 until");
    REFUSED("crash a\n", "t.scn:1: 'a' is wrong here, expected the name of a "
                         "node of an earlier line");
    REFUSED("node a\ncrash a b\n",
            "t.scn:2: 'b' is wrong here, expected the end of the line");
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
    REFUSED("node a\npartition a\n", "t.scn:2: one group is no partition, "
                                     "expected 'partition a,b | c'");
    REFUSED("node a\nnode b\npartition a | a\n",
            "t.scn:3: 'a' is named twice, expected one group for it");
    CHECK(strstr(refusal("node a\npartition a |\n"), "t.scn:2: ''") != NULL);
    CHECK(strstr(refusal("node a\npartition a | b\n"), "'b'") != NULL);
    CHECK(strstr(refusal("node a\npartition a,,a | b\n"), "''") != NULL);
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

TEST(a_restart_may_name_whom_to_join)
{
    TAKEN("node a\nnode b join=a\nat 1s restart b join=a\nrestart b\n");
    REFUSED("node a\nat 1s restart a by=a\n",
            "t.scn:2: 'by=a' is wrong here, expected join=NODE or the end of "
            "the line");
    CHECK(strstr(refusal("node a\nat 1s restart a join=b\n"), "'b'") != NULL);
    REFUSED("node a\nat 1s restart a join=a\n",
            "t.scn:2: 'a' is wrong here, expected another node to join");
}

TEST(churn_says_how_often_and_how_long)
{
    TAKEN("node a\nat 90s churn join 0.1/s fail 0.1/s for 10m\n"
          "at 100s c1 lookup 1\n");
    REFUSED("churn for 10s\n", "t.scn:1: 'for' is wrong here, expected 'churn "
                               "join 0.1/s fail 0.1/s for 10m'");
    REFUSED("churn join 5 for 10s\n",
            "t.scn:1: '5' is wrong here, expected a rate (0.1/s, 6/m, 100/h) "
            "up to 1000000/s");
    TAKEN("churn join 0/s fail 1/s for 1s\n");
    CHECK(strstr(refusal("churn join 0/s for 1s\n"), "'churn join") != NULL);
    CHECK(strstr(refusal("churn join 99999999/s for 1s\n"), "a rate") != NULL);
    CHECK(strstr(refusal("churn join 1ms/s for 1s\n"), "a rate") != NULL);
    CHECK(strstr(refusal("churn join 1/s\n"), "ends too early") != NULL);
    REFUSED("node c1\nchurn join 1/s for 9s\n",
            "t.scn:2: \'c1\' is a name for churn\'s newcomers (c1, c2, ...), "
            "expected another");
    CHECK(strstr(refusal("nodes 2 prefix=c\nchurn join 1/s for 9s\n"),
                 "newcomers") != NULL);
    TAKEN("nodes 2 prefix=c\nchurn fail 1/s for 9s\n");
    REFUSED("churn join 1/s for 9s\nchurn join 1/s for 9s\n"
            "churn join 1/s for 9s\nchurn join 1/s for 9s\n"
            "churn join 1/s for 9s\n",
            "t.scn:5: too much churn at once, expected 4 at most");
    TAKEN("churn join 1/s for 9s\nchurn join 1/s for 9s\n"
          "churn join 1/s for 9s\nchurn join 1/s for 9s\n"
          "after 9s churn join 1/s for 9s\n");
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

TEST(at_step_lines_are_checked)
{
    REFUSED("node a\nat step 0 drop a a\n",
            "t.scn:2: '0' is wrong here, expected a step from 1");
    REFUSED("node a\nat step x drop a a\n",
            "t.scn:2: 'x' is wrong here, expected a number up to "
            "18446744073709551614");
    REFUSED("node a\nat step 5 drop a a 0\n",
            "t.scn:2: '0' is wrong here, expected a number from 1");
    REFUSED("node a\nat step 5 delay a a\n",
            "t.scn:2: the line ends too early, expected a time (250ms, 10s, "
            "2m)");
    REFUSED("node a\nat 5s drop a a\n",
            "t.scn:2: a message is named by its step, expected 'at step N' "
            "before it");
    REFUSED("node a\nat step 5 fire a stabilise\n",
            "t.scn:2: unknown timer 'stabilise'; did you mean 'stabilize'?");
    REFUSED("node a\nfire a stabilize\n",
            "t.scn:2: 'fire' needs a step, expected 'at step N' before it");
    REFUSED("at step 5 nodes 5 prefix=p\n",
            "t.scn:1: 'nodes' cannot follow 'at step', expected 'node'");
    CHECK(strstr(refusal("at step 5 run until 5s\n"), "t.scn:1: ") != NULL);
    CHECK(strstr(refusal("at step 5 churn fail 1/s for 1s\n"), "t.scn:1: ") !=
          NULL);
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

/* -- Weather, settings, bounds ---------------------------------------------- */

TEST(weather_at_the_beginning_is_the_networks)
{
    struct scenario *s = parse_over("", NULL);

    CHECK_U64(s->network.latency_min_us, 10000);
    CHECK_U64(s->network.latency_max_us, 80000);
    scenario_free(s);
    s = parse_over("latency 20ms\nloss 5%\nduplicate 1%\nreorder 50%\n"
                   "jitter 2ms\nbandwidth up 1MB/s down 4MB/s\nnode a\n",
                   NULL);
    CHECK_U64(s->network.latency_min_us, 20000);
    CHECK_U64(s->network.latency_max_us, 20000);
    CHECK_U64(s->network.loss, FRACTION_ONE / 20);
    CHECK_U64(s->network.reorder, FRACTION_ONE / 2);
    CHECK_U64(s->network.jitter_us, 2000);
    CHECK_U64(s->network.up, 1000000);
    CHECK_U64(s->network.down, 4000000);
    scenario_free(s);
    s = parse_over("latency plane 1000x800\n", NULL);
    CHECK(s->network.latency == LATENCY_PLANE &&
          s->network.plane_width == 1000 && s->network.plane_height == 800);
    scenario_free(s);
}

TEST(later_weather_is_an_act)
{
    struct scenario *s = parse_over("loss 1%\nnode a\nat 5s loss 2%\n"
                                    "jitter 1ms\nrun until 9s\n",
                                    NULL);
    struct cursor c = cursor_new(s);
    struct act act;

    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_START);
    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_NETWORK);
    CHECK_U64(act.network->loss, FRACTION_ONE / 50);
    CHECK_U64(act.network->jitter_us, 0);
    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_NETWORK);
    CHECK_U64(act.network->loss, FRACTION_ONE / 50);
    CHECK_U64(act.network->jitter_us, 1000);
    CHECK_U64(s->network.loss, FRACTION_ONE / 100);
    scenario_free(s);
}

TEST(weather_has_ranges)
{
    CHECK(strstr(refusal("latency 80ms..10ms\n"), "t.scn:1: wrong range"));
    CHECK(strstr(refusal("latency 2m\n"), "t.scn:1: wrong range"));
    CHECK(strstr(refusal("latency ..\n"), "t.scn:1: ''"));
    CHECK(strstr(refusal("latency plane 0x5\n"), "t.scn:1: "));
    CHECK(strstr(refusal("latency plane 99999x5\n"), "t.scn:1: "));
    REFUSED("loss 101%\n",
            "t.scn:1: '101%' is wrong here, expected a share (0.1%, 5%)");
    REFUSED("loss 0.5\n",
            "t.scn:1: '0.5' is wrong here, expected a share (0.1%, 5%)");
    REFUSED("jitter 1h\n",
            "t.scn:1: '1h' is wrong here, expected a minute at most");
    CHECK(strstr(refusal("bandwidth 5\n"), "'bandwidth up") != NULL);
    CHECK(strstr(refusal("bandwidth up 5kB/s sideways 3\n"), "sideways"));
}

TEST(settings_stand_above_the_nodes)
{
    struct scenario *s = parse_over(
        "set bits 8\nset quantum 1\nset trace_limit 5000\nnode a\n", NULL);

    CHECK_U64(setting(&s->settings, 0), 8);
    CHECK_U64(s->quantum, 1);
    CHECK_U64(s->trace_limit, 5000);
    scenario_free(s);
    REFUSED("node a\nset bits 8\n", "t.scn:2: 'set' comes too late, expected "
                                    "it above the first node");
    REFUSED("set bist 8\n", "t.scn:1: unknown option 'bist'; did you mean "
                            "'bits'?");
    REFUSED("set bits 800\n",
            "t.scn:1: bits is '800', expected a number in 3..160");
    REFUSED("set bits\n", "t.scn:1: 'bits' is wrong here, expected 'set NAME "
                          "VALUE'");
    REFUSED("at 5s set bits 8\n", "t.scn:1: 'set' holds for the whole run, "
                                  "expected it without a time");
    REFUSED("seed -1\n", "t.scn:1: '-1' is wrong here, expected a number up to "
                         "18446744073709551615");
}

TEST(the_command_line_wins_over_the_scenario)
{
    struct overrides over = {
        .has_seed = true,
        .seed = 9,
        .set = (const char *[]){"bits=9", "quantum=1", "bits=10", NULL}};
    struct scenario *s =
        parse_over("seed 7\nset bits 8\nnode a rule=paper\n", &over);

    CHECK_U64(s->seed, 9);
    CHECK_U64(setting(&s->settings, 0), 10);
    CHECK_U64(s->quantum, 1);
    CHECK(s->changed);
    scenario_free(s);
    over.set = (const char *[]){"bits=999", NULL};
    CHECK(parse_over("node a\n", &over) == NULL);
    CHECK(strstr(why.data, "--set: bits is '999', expected a number in") !=
          NULL);
}

TEST(bounds_and_grain_are_for_check)
{
    struct scenario *s = parse_over("bound crash 2 join 1 restart any drop 0 "
                                    "depth 60\ngrain operation\n",
                                    NULL);

    CHECK_U64(s->bounds.crash, 2);
    CHECK_U64(s->bounds.join, 1);
    CHECK_U64(s->bounds.restart, BOUND_ANY);
    CHECK_U64(s->bounds.depth, 60);
    CHECK(s->bounds.grain == GRAIN_OPERATION);
    scenario_free(s);
    CHECK(strstr(refusal("bound crsh 2\n"), "t.scn:1: 'crsh'") != NULL);
    CHECK(strstr(refusal("bound crash\n"), "ends too early") != NULL);
    CHECK(strstr(refusal("bound\n"), "ends too early") != NULL);
    CHECK(strstr(refusal("grain fine\n"), "message or operation") != NULL);
}

/* -- The text of a branch --------------------------------------------------- */

TEST(the_text_stands_alone_and_reads_back_to_itself)
{
    struct overrides over = {.has_seed = true,
                             .seed = 9,
                             .set = (const char *[]){"quantum=1", NULL}};
    struct scenario *s = parse_over("node a # first\ntitle A ring\nseed 7\n"
                                    "\n  at 5s a lookup 42\n",
                                    &over);

    CHECK_TEXT(s->text, "title A ring\nseed 9\nset quantum 1B\nnode a # first\n"
                        "\n  at 5s a lookup 42\n");
    CHECK_TEXT(s->title, "A ring");
    struct text branch = text_new();
    text_printf(&branch, "%sat step 3 crash a\n", s->text);
    struct scenario *b = parse_over(branch.data, NULL);
    CHECK(b->intervention_count == 1 && b->quantum == 1);
    CHECK_TEXT(b->text, branch.data);
    scenario_free(s);
    scenario_free(b);
    text_free(&branch);
}

/* -- Files -------------------------------------------------------------------- */

static char folder[] = "/tmp/scenario_test.XXXXXX";

static const char *file(const char *name, const char *content)
{
    static char path[4][128];
    static unsigned next;
    char *p = path[next++ % 4];

    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    FILE *f = fopen(p, "w");
    CHECK(f != NULL);
    if (f != NULL) {
        fputs(content, f);
        fclose(f);
    }
    return p;
}

static struct scenario *load(const char *path)
{
    text_clear(&why);
    struct scenario *s = scenario_load(path, &protocol, NULL, &why);
    CHECK((s == NULL) == (why.len > 0));
    return s;
}

TEST(include_takes_in_a_file_beside_the_including_one)
{
    (void)file("base.scn", "title Base\nseed 3\nset bits 8\nnode a\n");
    struct scenario *s = load(file("over.scn", "title Over\nseed 4\n"
                                               "include base.scn\n"
                                               "after 1s a lookup 1\n"));

    CHECK_TEXT(why.data, "");
    CHECK_TEXT(s->title, "Over");
    CHECK_U64(s->seed, 4);
    CHECK_TEXT(s->text, "title Over\nseed 4\nset bits 8\nnode a\n"
                        "after 1s a lookup 1\n");
    scenario_free(s);
}

TEST(acts_know_their_file_and_line_even_the_implied_end)
{
    struct scenario *s = load(file("acts.scn", "node a\n\nat 5s a lookup 1\n"));
    struct cursor c = cursor_new(s);
    struct act act;

    CHECK(cursor_next(s, &c, &act) && act.line == 1);
    CHECK(strstr(act.file, "/acts.scn") != NULL);
    CHECK(cursor_next(s, &c, &act) && act.line == 3);
    CHECK(cursor_next(s, &c, &act) && act.kind == ACT_UNTIL);
    CHECK_TEXT(act.file, s->path);
    CHECK_U64(act.line, 3);
    scenario_free(s);
}

TEST(errors_in_an_included_file_name_that_file)
{
    (void)file("bad.scn", "node a\n\nnode a\n");
    struct scenario *s = load(file("outer.scn", "# one\ninclude bad.scn\n"));

    CHECK(s == NULL);
    CHECK(strstr(why.data, "/bad.scn:3: the name 'a' is taken") != NULL);
    s = load(file("outer.scn", "# one\ninclude nowhere.scn\n"));
    CHECK(s == NULL);
    CHECK(strstr(why.data, "/outer.scn:2: 'nowhere.scn' is wrong here, "
                           "expected a file that can be read") != NULL);
}

TEST(a_file_that_includes_itself_is_refused)
{
    (void)file("x.scn", "include y.scn\n");
    CHECK(load(file("y.scn", "include x.scn\n")) == NULL);
    CHECK(strstr(why.data, "/x.scn:1: ") != NULL);
    CHECK(strstr(why.data, "includes itself") != NULL);
    CHECK(load(file("self.scn", "node a\ninclude self.scn\n")) == NULL);
    CHECK(strstr(why.data, "/self.scn:2: ") != NULL);
}

TEST(files_within_files_have_a_bound)
{
    char name[32], line[64];

    for (int i = 0; i < 10; i++) {
        snprintf(name, sizeof name, "d%d.scn", i);
        snprintf(line, sizeof line, "include d%d.scn\n", i + 1);
        (void)file(name, i < 9 ? line : "node a\n");
    }
    char path[128];
    snprintf(path, sizeof path, "%s/d0.scn", folder);
    CHECK(load(path) == NULL);
    CHECK(strstr(why.data, "/d7.scn:1: too many files within files, expected 8 "
                           "at most") != NULL);
    snprintf(path, sizeof path, "%s/d2.scn", folder);
    scenario_free(load(path));
    CHECK_TEXT(why.data, "");
}

TEST(what_is_no_scenario_file_is_refused)
{
    CHECK(load("/nonexistent.scn") == NULL);
    CHECK_TEXT(why.data, "/nonexistent.scn:1: No such file or directory, "
                         "expected a scenario");
    CHECK(load(folder) == NULL);
    CHECK(strstr(why.data, ":1: Is a directory, expected a scenario") != NULL);
    CHECK(load(file("zero.scn", "include /dev/zero\n")) == NULL);
    CHECK(strstr(why.data, "'/dev/zero' is wrong here") != NULL);
}

TEST(a_hostile_file_gets_an_error)
{
    size_t big = SCENARIO_BYTES_MAX + 10;
    char *bytes = malloc(big + 1);

    memset(bytes, '\n', big);
    bytes[big] = '\0';
    CHECK(load(file("big.scn", bytes)) == NULL);
    CHECK(strstr(why.data, ":1: the scenario is too large") != NULL);
    memset(bytes, 'a', 20000);
    bytes[20000] = '\0';
    REFUSED(bytes, "t.scn:1: the line is too long, expected 16384 bytes at "
                   "most");
    bytes[16000] = '\0';
    CHECK(strlen(refusal(bytes)) < 300);
    free(bytes);
    REFUSED("node a\n\033[2J\n",
            "t.scn:2: byte 27 is not text, expected a text file");
    FILE *f = fopen(file("nul.scn", ""), "w");
    fwrite("node a\n\0\n", 1, 9, f);
    fclose(f);
    char path[128];
    snprintf(path, sizeof path, "%s/nul.scn", folder);
    CHECK(load(path) == NULL);
    CHECK(strstr(why.data, ":2: byte 0 is not text") != NULL);
}

TEST(comments_blank_lines_and_carriage_returns_are_harmless)
{
    CHECK_TEXT(walk("# a comment\r\n\r\n  node a  # another \xc3\xa4\r\n"
                    "\ta put x#1 y\n#\nrun until 1s"),
               "0 start a, 0 command a put x#1 y, 1 until");
}

TEST(every_prefix_of_a_scenario_parses_or_has_an_error_with_its_place)
{
    static const char text[] =
        "title The ring\nseed 7\nset bits 7\nlatency 10ms..80ms\nloss 1%\n"
        "bandwidth up 1MB/s down 4MB/s\nnode n16 id=16 keep up=5kB/s\n"
        "node n32 id=32 join=n16 rule=paper\nnodes 9 prefix=p every 100ms\n"
        "warm\nat 30s n16 lookup 42\nafter 5s node n40 id=40 join=n16\n"
        "at 60s crash n32\nat 61s restart n32\nat 70s partition n16,n32 | p1\n"
        "at 80s heal\nat 90s churn join 0.1/s fail 0.1/s for 10m\n"
        "at step 118 drop n16 n32 2\nat step 119 fire n16 stabilize\n"
        "at 95s expect n16 lookup 42 owner=n45 hops<=4\nexpect fail n16 get x\n"
        "at 99s expect invariants\nbound crash 2 depth 60\ngrain message\n"
        "run until 100s\nrun until quiet\nafter 1s n16 put a b c\n";
    char *copy = malloc(sizeof text);
    size_t taken = 0;

    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = malloc(len + 1);
        memcpy(exact, text, len);
        exact[len] = '\0';
        text_clear(&why);
        struct scenario *s =
            scenario_parse("t.scn", exact, &protocol, NULL, &why);
        taken += s != NULL;
        if (s == NULL)
            CHECK(strncmp(why.data, "t.scn:", 6) == 0);
        scenario_free(s);
        free(exact);
    }
    free(copy);
    CHECK(taken > 60);
    TAKEN(text);
}

int main(void)
{
    why = text_new();
    if (mkdtemp(folder) == NULL)
        return 1;
    RUN(an_unprefixed_line_happens_at_the_time_of_the_line_before);
    RUN(after_counts_from_the_start_of_the_line_before);
    RUN(nodes_start_one_by_one_and_later_lines_count_from_the_last);
    RUN(the_default_end_is_run_until_quiet);
    RUN(lines_behind_run_until_quiet_count_from_the_moment_of_quiet);
    RUN(only_after_and_unprefixed_lines_follow_run_until_quiet);
    RUN(time_never_runs_backwards);
    RUN(until_on_the_command_line_ends_the_run);
    RUN(until_on_the_command_line_ends_even_a_wait_for_quiet);
    RUN(times_that_are_no_times_are_refused);
    RUN(names_are_letters_digits_and_few_signs);
    RUN(keywords_are_no_names);
    RUN(a_name_is_given_once);
    RUN(a_prefix_leaves_room_for_its_numbers);
    RUN(a_million_nodes_are_one_line);
    RUN(join_names_a_node_of_an_earlier_line);
    RUN(a_node_has_options_of_its_own);
    RUN(a_line_says_nothing_twice);
    RUN(times_and_rates_have_units_and_a_rate_is_above_nothing);
    RUN(an_introducer_is_no_node_of_the_protocol);
    RUN(an_id_is_checked_by_the_protocol);
    RUN(commands_are_checked_before_the_run);
    RUN(unknown_words_are_answered_with_the_nearest);
    RUN(expect_is_a_command_and_conditions);
    RUN(an_expectation_is_met_or_says_why_not);
    RUN(faults_name_known_nodes);
    RUN(a_partition_has_groups_of_known_nodes);
    RUN(churn_is_poisson_and_repeatable);
    RUN(quiet_is_waited_for_when_churn_is_over);
    RUN(a_restart_may_name_whom_to_join);
    RUN(churn_says_how_often_and_how_long);
    RUN(at_step_lines_are_sorted_by_step);
    RUN(at_step_lines_are_checked);
    RUN(at_step_lines_belong_to_their_seed_and_settings);
    RUN(weather_at_the_beginning_is_the_networks);
    RUN(later_weather_is_an_act);
    RUN(weather_has_ranges);
    RUN(settings_stand_above_the_nodes);
    RUN(the_command_line_wins_over_the_scenario);
    RUN(bounds_and_grain_are_for_check);
    RUN(the_text_stands_alone_and_reads_back_to_itself);
    RUN(include_takes_in_a_file_beside_the_including_one);
    RUN(acts_know_their_file_and_line_even_the_implied_end);
    RUN(errors_in_an_included_file_name_that_file);
    RUN(a_file_that_includes_itself_is_refused);
    RUN(files_within_files_have_a_bound);
    RUN(what_is_no_scenario_file_is_refused);
    RUN(a_hostile_file_gets_an_error);
    RUN(comments_blank_lines_and_carriage_returns_are_harmless);
    RUN(every_prefix_of_a_scenario_parses_or_has_an_error_with_its_place);
    text_free(&why);
    return test_end();
}
