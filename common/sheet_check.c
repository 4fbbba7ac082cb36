/*
 * `lab test`: does a worksheet still hold what it promises?
 *
 * The sheet is worked through once for each of a number of made-up students,
 * as the tutor would, and ten facts are judged; each is a line
 * of TAP, with FILE:LINE where it fails.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/sheet_print.h"

#define COMMAND_COLUMNS_MAX 78
#define PAGES_MAX 4
#define CPU_SECONDS_MAX 20
#define CONSTANT_PERCENT_MAX 40
#define VARIETY_SEEDS 20 /* from so many on, constancy is judged */
#define FAILURES_SHOWN 5

enum fact {
    FACT_RUN,
    FACT_ORACLE,
    FACT_JUDGE,
    FACT_VARIES,
    FACT_REQUIRE,
    FACT_OBJECTIVE,
    FACT_PAGES,
    FACT_TIME,
    FACT_SPOILS,
    FACT_CONSTANT,
    FACTS
};

static const char *const fact_text[FACTS] = {
    "every run and watch block does what the sheet says",
    "every oracle gives a value of its type",
    "the oracle's answer is accepted, a wrong one refused",
    "questions that every student answers alike are told",
    "every require and let is met within 64 seeds",
    "every objective has a question",
    "the handout fits 4 pages of 80x60, commands 78 columns",
    "it takes each student less than 20 s of processor time",
    "no text gives away an answer",
    "at most 40% of the points lie on questions with one answer for all"};

/* What is known of a question over all students so far. */
struct seen {
    struct text first; /* the first student's answer */
    bool varies;
    bool spoilt[SHEET_NAMES_MAX]; /* by variable: equal so far */
};

struct check {
    const struct sheet *s;
    struct cache *cache;
    struct seen *seen; /* by block */
    unsigned seeds;
    unsigned failures[FACTS];
    struct text report[FACTS];
};

/* Note a failure; line 0: the text says where. */
PRINTF_LIKE(4, 5)
static void fail(struct check *c, enum fact fact, unsigned line,
                 const char *format, ...)
{
    struct text *t = &c->report[fact];
    va_list args;

    if (c->failures[fact]++ >= FAILURES_SHOWN)
        return;
    text_add(t, "# ");
    if (line > 0)
        text_printf(t, "%s:%u: ", c->s->path, line);
    va_start(args, format);
    text_vsafe(t, format, args);
    va_end(args);
    text_char(t, '\n');
}

/* -- For each student ----------------------------------------------------- */

static void check_run_block(struct check *c, const struct run *r,
                            const struct block *b)
{
    const struct sheet_line *line;
    LOCAL_TEXT why = text_new();

    for (size_t nth = 0;; nth++) {
        text_clear(&why);
        if (!run_expected(r, b, nth, &line, &why))
            fail(c, FACT_RUN, 0, "%s", why.data);
        if (line == NULL)
            break;
    }
}

static void check_watch(struct check *c, const struct run *r,
                        const struct block *b)
{
    LOCAL_TEXT why = text_new();
    const struct outcome *o = run_watch(r, b, &why);

    if (o == NULL)
        fail(c, FACT_RUN, b->line, "%s", why.data);
    else if (o->status != 0)
        fail(c, FACT_RUN, b->line, "the monitor ended with %d: %s%s", o->status,
             o->err.data, o->out.data);
}

/* Which variables equal this answer, for every student so far? */
static void check_spoilt(struct seen *seen, const struct run *r,
                         const struct block *b, const char *value)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->at[i].is_scenario || !answer_valid(&b->type, value) ||
            answer_judge(&b->type, r->at[i].value.data, value) != ANSWER_RIGHT)
            seen->spoilt[i] = false;
}

static void check_ask(struct check *c, const struct run *r,
                      const struct block *b, bool first)
{
    struct seen *seen = &c->seen[b - c->s->block];
    LOCAL_TEXT value = text_new(), wrong = text_new(), why = text_new();

    if (!run_answer(r, b, &value, &why)) {
        fail(c, FACT_ORACLE, 0, "seed %llu: %s", (unsigned long long)r->seed,
             why.data);
    } else {
        answer_mutate(&wrong, &b->type, value.data);
        if (answer_judge(&b->type, value.data, value.data) != ANSWER_RIGHT ||
            answer_judge(&b->type, wrong.data, value.data) == ANSWER_RIGHT)
            fail(c, FACT_JUDGE, b->line, "%s: '%s' against '%s'", b->name,
                 wrong.data, value.data);
        if (first)
            text_add(&seen->first, value.data);
        seen->varies |= strcmp(seen->first.data, value.data) != 0;
        if (first)
            memset(seen->spoilt, 1, sizeof seen->spoilt);
        check_spoilt(seen, r, b, value.data);
    }
    /* Feedback for a known mistake is a value, or a command that must run. */
    for (size_t i = 0;; i++) {
        const struct sheet_line *l = block_line(c->s, b, '!', i);
        if (l == NULL)
            break;
        text_clear(&why);
        const struct outcome *o =
            words_is_command(l->text) ? run_execute(r, l->text, &why) : NULL;
        if (words_is_command(l->text) && (o == NULL || o->status > 1))
            fail(c, FACT_ORACLE, l->number, "%s: %s%s", l->text, why.data,
                 o != NULL ? o->err.data : "");
    }
}

static void check_pages(struct check *c, const struct run *r)
{
    LOCAL_TEXT handout = text_new(), page = text_new();

    sheet_handout(c->s, r, &handout);
    unsigned pages = handout_text(handout.data, &page);
    if (pages > PAGES_MAX)
        fail(c, FACT_PAGES, 1, "the handout%s takes %u pages",
             r == NULL ? " with blanks" : "", pages);
}

static void check_student(struct check *c, unsigned number, const char *dir)
{
    char student[32];
    struct who who = {.student = student, .course = "test"};
    struct run r;
    LOCAL_TEXT why = text_new();

    snprintf(student, sizeof student, "student-%u", number + 1);
    if (!run_open(&r, c->s, &who, dir, c->cache, &why)) {
        fail(c, FACT_REQUIRE, 0, "%s: %s", student, why.data);
        return;
    }
    for (size_t i = 0; i < c->s->block_count; i++) {
        const struct block *b = &c->s->block[i];
        if (b->kind == BLOCK_RUN)
            check_run_block(c, &r, b);
        else if (b->kind == BLOCK_WATCH)
            check_watch(c, &r, b);
        else if (b->kind == BLOCK_ASK)
            check_ask(c, &r, b, number == 0);
    }
    if (number < 2)
        check_pages(c, number == 0 ? NULL : &r);
    run_close(&r);
}

/* -- For the sheet -------------------------------------------------------- */

static void check_columns(struct check *c)
{
    for (size_t i = 0; i < c->s->line_count; i++) {
        const struct sheet_line *l = &c->s->line[i];
        if (l->mark == '$' &&
            2 + text_columns(l->text, strlen(l->text)) > COMMAND_COLUMNS_MAX)
            fail(c, FACT_PAGES, l->number, "a command of more than %d columns",
                 COMMAND_COLUMNS_MAX);
    }
}

static void check_objectives(struct check *c)
{
    const struct sheet *s = c->s;

    for (size_t i = 0; i < s->objective_count; i++) {
        bool asked = false;
        for (size_t b = 0; b < s->block_count; b++)
            asked |= s->block[b].kind == BLOCK_ASK &&
                     strcmp(s->block[b].objective, s->objective[i].name) == 0;
        if (!asked)
            fail(c, FACT_OBJECTIVE, 1, "no question has objective %s",
                 s->objective[i].name);
    }
}

/* Does a line that students read print a variable that is an answer? */
static void check_spoilers(struct check *c, const struct run *names,
                           const struct sheet_line *l)
{
    const struct sheet *s = c->s;
    const char *at = l->text;
    size_t n;

    for (; (at = sheet_variable(l->text, at, &n)) != NULL; at += n) {
        const struct binding *v = run_find(names, at, n);
        for (size_t b = 0; v != NULL && b < s->block_count; b++)
            if (s->block[b].kind == BLOCK_ASK &&
                c->seen[b].spoilt[v - names->at])
                fail(c, FACT_SPOILS, l->number, "@%.*s is the answer to %s",
                     (int)n, at, s->block[b].name);
    }
}

static void check_variety(struct check *c)
{
    unsigned points = 0, constant = 0;

    for (size_t i = 0; i < c->s->block_count; i++) {
        const struct block *b = &c->s->block[i];
        if (b->kind != BLOCK_ASK)
            continue;
        points += b->points;
        if (c->seen[i].varies)
            continue;
        constant += b->points;
        text_printf(&c->report[FACT_VARIES],
                    "# %s:%u: %s has one answer for all\n", c->s->path, b->line,
                    b->name);
    }
    if (constant * 100 > points * CONSTANT_PERCENT_MAX)
        fail(c, FACT_CONSTANT, 1, "%u of %u points", constant, points);
}

static double cpu_seconds(void)
{
    double sum = 0;

    for (int i = 0; i < 2; i++) {
        struct rusage u;
        getrusage(i == 0 ? RUSAGE_SELF : RUSAGE_CHILDREN, &u);
        sum += (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
               (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    }
    return sum;
}

/* Scenarios are not shown; neither are oracles and conditions. */
static void check_texts(struct check *c, const char *dir)
{
    struct who who = {.student = "student-1", .course = "test"};
    LOCAL_TEXT why = text_new();
    struct run r;

    if (c->seeds >= VARIETY_SEEDS &&
        run_open(&r, c->s, &who, dir, c->cache, &why)) {
        for (size_t i = 0; i < c->s->block_count; i++) {
            const struct block *b = &c->s->block[i];
            for (size_t l = b->first; l < b->first + b->count; l++)
                if (b->kind != BLOCK_SCENARIO && b->kind != BLOCK_LET &&
                    strchr(" $?", c->s->line[l].mark) != NULL)
                    check_spoilers(c, &r, &c->s->line[l]);
        }
        run_close(&r);
    }
}

unsigned sheet_check(const struct sheet *s, unsigned seeds, const char *dir,
                     struct cache *cache, unsigned *number, FILE *out)
{
    struct check c = {.s = s, .cache = cache, .seeds = seeds};
    unsigned failed = 0;

    c.seen = calloc(s->block_count + 1, sizeof *c.seen);
    if (c.seen == NULL)
        return 1;
    for (int i = 0; i < FACTS; i++)
        c.report[i] = text_new();
    for (size_t i = 0; i < s->block_count; i++)
        c.seen[i].first = text_new();
    double longest = 0;
    for (unsigned i = 0; i < seeds; i++) { /* the first fills the cache */
        double begin = cpu_seconds();
        check_student(&c, i, dir);
        double took = cpu_seconds() - begin;
        longest = took > longest ? took : longest;
    }
    check_columns(&c);
    check_objectives(&c);
    check_texts(&c, dir);
    if (seeds >= VARIETY_SEEDS)
        check_variety(&c);
    if (longest > CPU_SECONDS_MAX)
        fail(&c, FACT_TIME, 1, "%.1f s of processor time", longest);
    for (int i = 0; i < FACTS; i++) {
        fprintf(out, "%sok %u - %s: %s\n%s", c.failures[i] > 0 ? "not " : "",
                ++*number, s->path, fact_text[i], c.report[i].data);
        failed += c.failures[i] > 0;
        text_free(&c.report[i]);
    }
    for (size_t i = 0; i < s->block_count; i++)
        text_free(&c.seen[i].first);
    free(c.seen);
    return failed;
}
