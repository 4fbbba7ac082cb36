/*
 * Grade a journal: recompute the student's run from the seed, ask the oracles
 * again, and judge the answers as they were written.  Nothing that the
 * student's program concluded is believed.
 *
 * Standard output gets TAP; results.json holds the same for Gradescope.
 */
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/lab.h"

struct grade {
    const struct sheet *s;
    const struct journal *j;
    struct run run;
    struct text json; /* the tests, without the frame around them */
    unsigned number, score, points, wrong;
};

/* "name=value" in the text of a start entry. */
static void start_value(const char *text, const char *name, struct text *out)
{
    const char *at = strstr(text, name);

    if (at != NULL)
        text_bytes(out, at + strlen(name), strcspn(at + strlen(name), " "));
}

/* The sheet with the journal's lab id, among those that we ship. */
static struct sheet *find_sheet(const struct lab_options *o, const char *lab,
                                struct text *why)
{
    struct sheet_list list;
    struct sheet *s = o->sheet != NULL ? sheet_load(o->sheet, why) : NULL;

    if (o->sheet != NULL)
        return s;
    sheet_list(NULL, &list);
    for (size_t i = 0; s == NULL && i < list.count; i++) {
        s = sheet_load(list.path[i], why);
        if (s != NULL && strcmp(s->lab, lab) != 0) {
            sheet_free(s);
            s = NULL;
        }
    }
    sheet_list_free(&list);
    if (s == NULL && why->len == 0) {
        text_add(why, "there is no worksheet ");
        text_safe(why, lab, strlen(lab));
        text_add(why, " below labs/: name it with --sheet FILE");
    }
    return s;
}

static void put_test(struct grade *g, const struct block *b, int score,
                     const struct text *output)
{
    struct text *t = &g->json;

    text_printf(t, "%s\n  {\"name\":\"%s\",\"number\":\"%u\"",
                t->len > 0 ? "," : "", b->name, g->number);
    if (score >= 0)
        text_printf(t, ",\"score\":%d,\"max_score\":%u", score, b->points);
    text_json_member(t, "output", output->data);
    text_add(t, ",\"tags\":[");
    const char *tag = b->objective != NULL ? b->objective : "reflect";
    text_json(t, tag, strlen(tag));
    text_printf(t, "],\"visibility\":\"%s\"}",
                score >= 0 ? "visible" : "hidden");
}

static void grade_ask(struct grade *g, const struct block *b,
                      struct text *output)
{
    LOCAL_TEXT wanted = text_new(), why = text_new();
    const char *last = NULL;
    unsigned tries = 0, hints = 0;
    bool known = run_answer(&g->run, b, &wanted, &why), right = false;

    for (size_t i = 0; i < g->j->count && !right; i++) {
        const struct entry *e = &g->j->at[i];
        if (strcmp(e->id, b->name) != 0)
            continue;
        hints += strcmp(e->what, "hint") == 0;
        if (strcmp(e->what, "answer") != 0 || tries == TRIES_MAX)
            continue;
        tries++;
        last = e->text;
        right = known &&
                answer_judge(&b->type, e->text, wanted.data) == ANSWER_RIGHT;
    }
    text_printf(output, "%u %s, %u hint%s; answered '%s'; it is '%s'", tries,
                tries == 1 ? "try" : "tries", hints, hints == 1 ? "" : "s",
                last != NULL ? last : "", wanted.data);
    if (!known)
        text_printf(output, " (%s)", why.data);
    g->points += b->points;
    g->score += right ? b->points : 0;
    g->wrong += !right;
    printf("%sok %u - %s (%u of %u points): ", right ? "" : "not ", g->number,
           b->name, right ? b->points : 0, b->points);
    printf("%s\n", output->data);
    put_test(g, b, right ? (int)b->points : 0, output);
}

static void grade_reflect(struct grade *g, const struct block *b,
                          struct text *output)
{
    for (size_t i = 0; i < g->j->count; i++) {
        const struct entry *e = &g->j->at[i];
        if (strcmp(e->what, "reflect") == 0 && strcmp(e->id, b->name) == 0)
            text_printf(output, "%s%s", output->len > 0 ? " " : "", e->text);
    }
    printf("ok %u - %s # SKIP %u points, for the instructor to give: %s\n",
           g->number, b->name, b->points, output->data);
    put_test(g, b, -1, output);
}

static bool write_results(const struct grade *g, const char *path,
                          double seconds, struct text *why)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "{\"score\":%u,\"execution_time\":%.3f,"
                "\"output\":\"student %s, seed %llu, %s\",\"tests\":[%s\n]}\n",
                g->score, seconds, g->run.student,
                (unsigned long long)g->run.seed, g->s->lab, g->json.data);
    return write_file(path, "w", &t, why);
}

/* What an instructor should know besides the points. */
static void print_remarks(const struct grade *g, const char *start)
{
    LOCAL_TEXT seed = text_new(), sheet = text_new();
    char own[24];

    start_value(start, "seed=", &seed);
    start_value(start, "sheet=", &sheet);
    snprintf(own, sizeof own, "%llu", (unsigned long long)g->run.seed);
    if (strcmp(own, seed.data) != 0)
        printf("# the student worked with seed %s, which is not this course's "
               "%s: other --course key, or --seed?\n",
               seed.data, own);
    if (strcmp(sheet.data, g->s->digest) != 0)
        printf("# the sheet has changed since the student began\n");
}

static int grade_run(struct grade *g, const struct lab_options *o,
                     const char *start, struct text *why)
{
    uint64_t begin = clock_us();

    print_remarks(g, start);
    for (size_t i = 0; i < g->s->block_count; i++) {
        const struct block *b = &g->s->block[i];
        LOCAL_TEXT output = text_new();
        g->number += b->kind == BLOCK_ASK || b->kind == BLOCK_REFLECT;
        if (b->kind == BLOCK_ASK)
            grade_ask(g, b, &output);
        else if (b->kind == BLOCK_REFLECT)
            grade_reflect(g, b, &output);
    }
    printf("1..%u\n# %s, %s: %u of %u points, reflections apart\n", g->number,
           g->run.student, g->s->lab, g->score, g->points);
    double seconds = (double)(clock_us() - begin) / 1e6;
    if (!write_results(g, o->results != NULL ? o->results : "results.json",
                       seconds, why))
        return 2;
    return g->wrong > 0 ? 1 : 0;
}

int lab_grade(const struct lab_options *o)
{
    struct journal j = {0};
    struct grade g = {.j = &j, .json = text_new()};
    LOCAL_TEXT student = text_new();
    struct who who = o->who;
    struct desk d;
    int status = 2;

    bool ok = desk_open(&d, NULL) && journal_open(&j, o->file[0], &d.why);
    if (ok && (j.count == 0 || strcmp(j.at[0].what, "start") != 0)) {
        text_printf(&d.why,
                    access(o->file[0], F_OK) != 0
                        ? "%s: there is no such file"
                        : "%s:1: no journal begins here",
                    o->file[0]);
        ok = false;
    }
    if (ok) {
        start_value(j.at[0].text, "student=", &student);
        who.student = student.data;
        g.s = d.sheet = find_sheet(o, j.at[0].id, &d.why);
    }
    if (g.s != NULL &&
        run_open(&g.run, g.s, &who, d.dir.data, d.cache, &d.why)) {
        status = grade_run(&g, o, j.at[0].text, &d.why);
        run_close(&g.run);
    }
    journal_free(&j);
    text_free(&g.json);
    return desk_close(&d, o, status);
}
