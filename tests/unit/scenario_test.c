/* Scenarios: what lines mean, what overrides them, and what a branch keeps. */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/scenario.h"

/* -- Nodes ----------------------------------------------------------------- */

TEST(a_million_nodes_are_one_line)
{
    struct scenario *s = parse_over("nodes 1000000 prefix=p\nwarm\n"
                                    "p1000000 lookup 7\n",
                                    NULL);

    CHECK(s != NULL && s->line_count == 4);
    scenario_free(s);
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
}

TEST(an_id_is_checked_by_the_protocol)
{
    struct overrides over = {.set = (const char *[]){"bits=3", NULL}};
    CHECK(parse_over("set bits 7\nnode a id=127\n", &over) == NULL);
    CHECK_TEXT(why.data,
               "t.scn:2: id '127' is wrong, expected a number of 3 bits");
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

/* -- Weather, settings, bounds --------------------------------------------- */

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

TEST(settings_stand_above_the_nodes)
{
    struct scenario *s = parse_over(
        "set bits 8\nset quantum 1\nset trace_limit 5000\nnode a\n", NULL);

    CHECK_U64(setting(&s->settings, 0), 8);
    CHECK_U64(s->quantum, 1);
    CHECK_U64(s->trace_limit, 5000);
    scenario_free(s);
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
}

/* -- The text of a branch -------------------------------------------------- */

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

int main(void)
{
    why = text_new();
    if (mkdtemp(folder) == NULL)
        return 1;
    RUN(a_million_nodes_are_one_line);
    RUN(join_names_a_node_of_an_earlier_line);
    RUN(a_node_has_options_of_its_own);
    RUN(an_id_is_checked_by_the_protocol);
    RUN(expect_is_a_command_and_conditions);
    RUN(an_expectation_is_met_or_says_why_not);
    RUN(weather_at_the_beginning_is_the_networks);
    RUN(later_weather_is_an_act);
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
    text_free(&why);
    return test_end();
}
