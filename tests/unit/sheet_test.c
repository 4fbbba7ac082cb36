/* Worksheets: parsing, errors, answers, expected output, the journal. */
#include "common/sheet.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/journal.h"
#include "common/sheet_print.h"
#include "common/sheet_run.h"

#define HEAD "# T\nlab: t\nO1: do\n\n"
#define RING "```scenario ring\nseed @seed\n```\n"

/* The error that a sheet gives; "" when it gives none. */
static const char *error_of(const char *sheet)
{
    static char error[512];
    struct text why = text_new();
    struct sheet *s = sheet_parse("f.md", sheet, strlen(sheet), &why);

    snprintf(error, sizeof error, "%s", why.data);
    sheet_free(s);
    text_free(&why);
    return error;
}

/* Does the error begin with FILE:LINE and say `what`? */
static bool refused_at(const char *sheet, const char *where, const char *what)
{
    const char *e = error_of(sheet);
    bool ok = strncmp(e, where, strlen(where)) == 0 && strstr(e, what) != NULL;

    if (!ok)
        printf("# got: %s\n", e);
    return ok;
}

TEST(a_sheet_becomes_blocks)
{
    static const char sheet[] =
        "# Title\nlab: chord-x\nminutes: 40\nseed: student\n"
        "require: chord show @ring hops >= 3\nO1: know\n\nSome text.\n" RING
        "```let\nkey <- chord show @ring key\n```\n"
        "```run\n$ chord show @ring owner @key\nn@key (glob)\n[1]\n```\n"
        "```ask Q1 num+-15% 2 O1\nHow many?\n= chord show @ring n\n? Try.\n"
        "! if 3: no.\n+ So.\n```\n"
        "```watch ring\nuntil type=NOTIFY\n```\n"
        "```reflect R1 4 min=40w\nWhy?\n# rubric: x\n```\n";
    struct text why = text_new();
    struct sheet *s = sheet_parse("f.md", sheet, strlen(sheet), &why);

    CHECK_TEXT(why.data, "");
    if (s == NULL)
        return;
    CHECK_U64(s->block_count, 7);
    CHECK_U64(s->minutes, 40);
    CHECK_TEXT(s->require[0].op, ">=");
    const struct block *q = sheet_find(s, "Q1");
    CHECK(q != NULL);
    if (q == NULL)
        return;
    CHECK(q->type.kind == ANSWER_NUMBER && q->type.percent == 15);
    CHECK_TEXT(block_line(s, q, '!', 0)->text, "3");
    CHECK_TEXT(block_line(s, q, '!', 0)->more, "no.");
    CHECK_TEXT(block_line(s, q, '+', 0)->text, "So.");
    CHECK_U64(sheet_find(s, "R1")->words_min, 40);
    sheet_free(s);
    text_free(&why);
}

TEST(a_bad_line_is_refused_with_its_number)
{
    CHECK(refused_at("", "f.md:1:", "begins with"));
    CHECK(refused_at("title\n", "f.md:1:", "# Title"));
    CHECK(refused_at("# T\nlabb: x\n", "f.md:2:", "did you mean 'lab'"));
    CHECK(refused_at("# T\nlab: ../x\n", "f.md:2:", "id was expected"));
    CHECK(refused_at(HEAD "```ask Q1 node 2 O2\n", "f.md:5:", "O2"));
    CHECK(refused_at(HEAD "```ask Q1 nod 2 O1\n", "f.md:5:", "type"));
    CHECK(refused_at(HEAD "```ask Q1 int 999999999999 O1\n",
                     "f.md:5:", "points"));
    CHECK(refused_at(HEAD "```ask Q1 int 2 O1\nWhat?\n```\n",
                     "f.md:7:", "no '= oracle"));
    CHECK(refused_at(HEAD "```let\nx <- chord show @ring k\n```\n",
                     "f.md:6:", "@ring is not defined above"));
    CHECK(refused_at(HEAD "text\n```let\n", "f.md:6:", "ends inside"));
    CHECK(refused_at(HEAD "control \033[2J\n", "f.md:5:", "column 9"));
    CHECK(refused_at(HEAD RING RING, "f.md:8:", "twice"));
}

TEST(no_scenario_can_include_itself)
{
    CHECK(refused_at(HEAD "```scenario a\ninclude @a\n```\n",
                     "f.md:6:", "@a is not defined above"));
    CHECK(refused_at(HEAD "```scenario a\ninclude @b\n```\n"
                          "```scenario b\ninclude @a\n```\n",
                     "f.md:6:", "@b is not defined above"));
    CHECK(refused_at(HEAD "```scenario a\ninclude labs/../../x\n```\n",
                     "f.md:6:", "labs/"));
    CHECK(refused_at(HEAD "```scenario a\nnode n addr=1.2.3.4:5\n```\n",
                     "f.md:6:", "loopback"));
}

TEST(only_our_programs_run_and_write_nothing)
{
    static const char *const bad[] = {
        "rm -rf x",          "sh -c x",
        "chord node",        "chord show ../../etc/passwd x",
        "chord sim /etc/x",  "chord sim @ring --trace x",
        "lab grade x",       "chord monitor @ring --keys :export",
        "chord show \"@ring"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char sheet[256];
        snprintf(sheet, sizeof sheet, HEAD RING "```run\n$ %s\n```\n", bad[i]);
        CHECK(refused_at(sheet, "f.md:9:", ""));
    }
    CHECK_TEXT(error_of(HEAD RING "```run\n$ chord show @ring keys 0..60/4\n"
                                  "$ lab ratio \"chord show @ring a\" "
                                  "\"chord show @ring b\"\n```\n"),
               "");
}

TEST(what_check_finds_becomes_a_scenario)
{
    CHECK_TEXT(error_of(HEAD "```run\n$ chord check --out found\n```\n"
                             "```watch found\nlast\n```\n"),
               "");
    CHECK(refused_at(HEAD "```run\n$ chord check --out ../x\n```\n",
                     "f.md:6:", "outside"));
    CHECK(refused_at(HEAD "```run\n$ chord check --out x y\n```\n",
                     "f.md:6:", "comes last"));
    CHECK(refused_at(HEAD RING "```run\n$ chord sim @ring --out x\n```\n",
                     "f.md:9:", "--out"));
}

TEST(a_huge_line_is_refused)
{
    size_t len = 1 << 20;
    char *sheet = malloc(len);
    struct text why = text_new();

    memset(sheet, 'x', len);
    CHECK(sheet_parse("f.md", sheet, len, &why) == NULL);
    CHECK(strncmp(why.data, "f.md:1: ", 8) == 0);
    CHECK(sheet_parse("f.md", sheet, 2000, &why) == NULL);
    CHECK_TEXT(why.data, "f.md:1: a line of more than 1000 bytes");
    text_free(&why);
    free(sheet);
}

static bool judged(const char *type, const char *choices, const char *given,
                   const char *wanted, enum verdict verdict)
{
    struct answer_type t;

    return answer_type_parse(type, choices, &t) &&
           answer_judge(&t, given, wanted) == verdict;
}

TEST(answers_are_read_as_people_write_them)
{
    CHECK(judged("node", NULL, "N45", "n45", ANSWER_RIGHT));
    CHECK(judged("node", NULL, "45", "n45", ANSWER_MALFORMED));
    CHECK(judged("nodes", NULL, "{n2, n1,n2}", "n1 n2", ANSWER_RIGHT));
    CHECK(judged("nodes", NULL, "n1, n2 and n3", "n1 n2 n3", ANSWER_RIGHT));
    CHECK(judged("nodes", NULL, "none", "", ANSWER_RIGHT));
    CHECK(judged("nodes", NULL, "n1", "", ANSWER_WRONG));
    CHECK(judged("path", NULL, "n1 -> n2->n3", "n1 n2 n3", ANSWER_RIGHT));
    CHECK(judged("path", NULL, "n2 n1", "n1 n2", ANSWER_WRONG));
    CHECK(judged("path", NULL, "1 2", "n1 n2", ANSWER_MALFORMED));
    CHECK(judged("nodes", NULL, "p3", "3 5", ANSWER_MALFORMED));
    CHECK(judged("nodes", NULL, "3 p5", "3 5", ANSWER_WRONG));
    CHECK(judged("int", NULL, "3.0", "3", ANSWER_MALFORMED));
    CHECK(judged("int", NULL, "99999999999999999999", "3", ANSWER_MALFORMED));
    CHECK(judged("num+-10%", NULL, "5.5", "5", ANSWER_RIGHT));
    CHECK(judged("num+-10%", NULL, "5.51", "5", ANSWER_WRONG));
    CHECK(judged("choice", "list|finger", "LI", "list", ANSWER_RIGHT));
    CHECK(judged("choice", "aa|ab", "a", "aa", ANSWER_MALFORMED));
    CHECK(!judged("choice", "a|A", "a", "a", ANSWER_RIGHT)); /* twice */
    CHECK(!judged("choice", "a|", "a", "a", ANSWER_RIGHT));
}

TEST(a_mutated_answer_is_wrong)
{
    static const char *const types[][3] = {
        {"node", NULL, "n4"},     {"nodes", NULL, "n1 n2"},
        {"nodes", NULL, "none"},  {"path", NULL, "n1 n2"},
        {"int", NULL, "7"},       {"num+-20%", NULL, "5.25"},
        {"num+-0%", NULL, "-3"},  {"word", NULL, "random"},
        {"choice", "a|b|c", "a"}, {"choice", "a|b|c", "c"}};

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        struct answer_type t;
        struct text wrong = text_new();
        CHECK(answer_type_parse(types[i][0], types[i][1], &t));
        answer_mutate(&wrong, &t, types[i][2]);
        CHECK(answer_judge(&t, types[i][2], types[i][2]) == ANSWER_RIGHT);
        CHECK(answer_judge(&t, wrong.data, types[i][2]) == ANSWER_WRONG);
        text_free(&wrong);
    }
}

static struct run run_of(const struct sheet *s, const char *student,
                         const char *course)
{
    struct who who = {.student = student, .course = course};
    struct text why = text_new();
    struct run r;

    CHECK(run_open(&r, s, &who, "/nonexistent", NULL, &why));
    text_free(&why);
    return r;
}

TEST(the_seed_comes_from_course_lab_and_student)
{
    struct text why = text_new();
    struct sheet *s = sheet_parse("f.md", HEAD, strlen(HEAD), &why);
    struct run a = run_of(s, "anna", "k"), b = run_of(s, "bob", "k");
    struct run again = run_of(s, "anna", "k"), other = run_of(s, "anna", "l");

    /* The first eight bytes of HMAC-SHA-256("k", "t\nanna"). */
    CHECK_U64(a.seed, UINT64_C(258715431));
    CHECK_U64(a.seed, again.seed);
    CHECK(a.seed != b.seed && a.seed != other.seed);
    run_close(&a);
    run_close(&b);
    run_close(&again);
    run_close(&other);
    sheet_free(s);
    text_free(&why);
}

TEST(patterns_match_whole_lines)
{
    CHECK(glob_match("a*c?", "abbcd"));
    CHECK(!glob_match("a*c", "abcd"));
    CHECK(glob_match("*", ""));
    CHECK(!glob_match("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static char *journal_path(void)
{
    static char path[] = "/tmp/p2plab-journal-XXXXXX";
    int fd = mkstemp(path);

    close(fd);
    return path;
}

/* Write `text` over the journal at `offset` and say how it is then read. */
static bool reads_after(const char *path, long offset, const char *text,
                        struct text *why)
{
    struct journal j;
    FILE *f = fopen(path, "r+");

    if (f != NULL) {
        fseek(f, offset, offset < 0 ? SEEK_END : SEEK_SET);
        fputs(text, f);
        fclose(f);
    }
    bool ok = journal_open(&j, path, why);
    journal_free(&j);
    return ok;
}

TEST(a_journal_that_was_changed_is_refused)
{
    const char *path = journal_path();
    struct text why = text_new();
    struct journal j;

    CHECK(journal_open(&j, path, &why));
    CHECK(journal_add(&j, "start", "t", "student=a seed=1", &why));
    CHECK(journal_add(&j, "answer", "Q1", "n4 \033[2J", &why));
    CHECK(journal_add(&j, "answer", "Q1", "n5", &why));
    journal_free(&j);
    CHECK(journal_open(&j, path, &why));
    CHECK_U64(j.count, 3);
    CHECK_TEXT(j.at[1].text, "n4 [2J");
    CHECK_TEXT(j.at[2].id, "Q1");
    long size = (long)j.bytes.len;
    journal_free(&j);
    CHECK(reads_after(path, 0, "", &why));
    CHECK(!reads_after(path, size - 2, "6", &why)); /* n5 becomes n6 */
    CHECK(strstr(why.data, ":3: the hash does not follow") != NULL);
    CHECK(!reads_after(path, size, "garbage\033\n", &why));
    unlink(path);
    text_free(&why);
}

TEST(prose_is_wrapped_and_code_is_not)
{
    struct text t = text_new();

    sheet_wrap(
        &t, "one two\nthree\n\n- a bb ccc dddd\n```\nx   y   z   w\n```\n", 10);
    CHECK_TEXT(t.data,
               "one two\nthree\n\n- a bb ccc\n  dddd\n    x   y   z   w\n");
    text_free(&t);
}

int main(void)
{
    RUN(a_sheet_becomes_blocks);
    RUN(a_bad_line_is_refused_with_its_number);
    RUN(no_scenario_can_include_itself);
    RUN(only_our_programs_run_and_write_nothing);
    RUN(what_check_finds_becomes_a_scenario);
    RUN(a_huge_line_is_refused);
    RUN(answers_are_read_as_people_write_them);
    RUN(a_mutated_answer_is_wrong);
    RUN(the_seed_comes_from_course_lab_and_student);
    RUN(patterns_match_whole_lines);
    RUN(a_journal_that_was_changed_is_refused);
    RUN(prose_is_wrapped_and_code_is_not);
    return test_end();
}
