/*
 * `PROGRAM figure [NAME]`: the experiments behind published figures.  Rows of
 * CSV come as soon as they are complete; --plot draws the same rows as text.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/figure.h"
#include "common/verbs.h"

#define LIST_MAX 64 /* values of --nodes and of --points */
#define NODES_MAX (UINT64_C(1) << 22)
#define SEEDS_MAX 10000
#define LARGE_NODES (UINT64_C(1) << 17) /* one seed, unless told */

/* The line of one figure, and below it its source. */
static void list_figures(const struct program *p, struct text *t)
{
    for (const struct figure *f = p->figures; f != NULL && f->name != NULL;
         f++) {
        text_printf(t, "  %-14s %s\n  %-14s %s\n", f->name, f->help, "",
                    f->source);
    }
}

static int list(const struct program *p)
{
    LOCAL_TEXT t = text_new();

    list_figures(p, &t);
    (void)cli_print(p, &t);
    return EXIT_OK;
}

static int unknown_figure(const struct program *p, const char *name)
{
    struct word_list names = {.count = 0};

    names_add(&names, p->figures, sizeof *p->figures);
    return cli_unknown(p, "figure", name, &names);
}

/* Numbers with commas between them into `values`; 0, and said, when wrong. */
static size_t parse_list(const struct program *p, const char *option,
                         const char *text, double least, double most,
                         double values[LIST_MAX])
{
    size_t count = 0;

    for (const char *at = text;; at++) {
        char *end;
        bool digit = (*at >= '0' && *at <= '9') || *at == '.';
        double value = digit ? strtod(at, &end) : -1;
        bool good = digit && (*end == '\0' || *end == ',') && value >= least &&
                    value <= most && count < LIST_MAX;
        if (!good) {
            cli_error(p,
                      "--%s is '%.60s', expected at most %d numbers from %.9g "
                      "to %.9g with commas between them",
                      option, text, LIST_MAX, least, most);
            return 0;
        }
        values[count++] = value;
        at = end;
        if (*at == '\0')
            return count;
    }
}

/* Where the rows go: to the reader at once, or all into the plot. */
struct sink {
    const struct program *program;
    struct text *csv; /* for the plot; NULL: print */
};

static bool take_rows(void *context, const struct text *rows)
{
    struct sink *sink = context;

    if (sink->csv == NULL)
        return cli_print(sink->program, rows);
    text_bytes(sink->csv, rows->data, rows->len);
    return true;
}

static int draw(const struct figure_task *task, bool plot)
{
    LOCAL_TEXT csv = text_new(), out = text_new();
    struct sink sink = {.program = task->program, .csv = plot ? &csv : NULL};
    int status = EXIT_OK;

    text_printf(&out, "%s\n", task->figure->columns);
    if (take_rows(&sink, &out))
        status = figure_sweep(task, take_rows, &sink);
    if (plot && status == EXIT_OK) {
        text_clear(&out);
        figure_plot(task->figure, csv.data, &out);
        (void)cli_print(task->program, &out);
    }
    return status;
}

static uint64_t processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n > 0 ? (uint64_t)n : 1;
}

static bool in_range(const struct program *p, const char *option,
                     const struct cli_number *n, uint64_t most)
{
    if (!n->given || (n->value >= 1 && n->value <= most))
        return true;
    cli_error(p, "--%s is %llu, expected 1 to %llu", option,
              (unsigned long long)n->value, (unsigned long long)most);
    return false;
}

/* The numbers of the command line, or the figure's own. */
struct wanted {
    const char *nodes, *points;
    struct cli_number seed, seeds, jobs;
    bool plot;
};

static int prepare(const struct program *p, const struct figure *f,
                   const struct wanted *w, const char *const *set)
{
    double nodes[LIST_MAX], points[LIST_MAX] = {0};
    uint64_t count[LIST_MAX];
    struct figure_task task = {
        .program = p,
        .figure = f,
        .set = set,
        .seed = w->seed.given ? w->seed.value : 1,
        .seeds = w->seeds.given ? w->seeds.value : f->seeds,
        .jobs = w->jobs.given ? w->jobs.value : processors(),
        .nodes = count,
        .points = points,
        .point_count = 1};

    if (w->points != NULL && f->points == NULL)
        return cli_error(p, "figure %s has no --points, only --nodes", f->name);
    task.node_count =
        parse_list(p, "nodes", w->nodes != NULL ? w->nodes : f->nodes, 2,
                   NODES_MAX, nodes);
    if (f->points != NULL)
        task.point_count =
            parse_list(p, "points", w->points != NULL ? w->points : f->points,
                       f->least, f->most, points);
    if (task.node_count == 0 || task.point_count == 0)
        return EXIT_USAGE;
    for (size_t i = 0; i < task.node_count; i++)
        count[i] = (uint64_t)nodes[i];
    for (size_t i = 0; i < task.node_count; i++)
        if (count[i] > LARGE_NODES && !w->seeds.given)
            task.seeds = 1;
    return draw(&task, w->plot);
}

static void help_figures(const struct cli *c, struct text *t)
{
    list_figures(c->program, t);
}

int verb_figure(const struct program *p, int argc, char **argv)
{
    struct wanted w = {.nodes = NULL};
    const char *set[SETS_MAX + 1] = {NULL};
    const struct cli_option options[] = {
        {"nodes", "LIST", "numbers of nodes: 1000,10000", CLI_TEXT, &w.nodes},
        {"points", "LIST", "values of the x axis, where it is not the nodes",
         CLI_TEXT, &w.points},
        {"seeds", "N", "runs a point, each with a seed of its own", CLI_NUMBER,
         &w.seeds},
        {"seed", "N", "the first seed (1)", CLI_NUMBER, &w.seed},
        {"set", "NAME=VALUE", "a setting, over the figure's; repeatable",
         CLI_LIST, set},
        {"jobs", "N", "processes at a time (one a processor)", CLI_NUMBER,
         &w.jobs},
        {"plot", NULL, "draw the rows as text, 78x20", CLI_FLAG, &w.plot},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "figure",
                    .usage = "[NAME]",
                    .about = "Run the experiment behind a published figure and "
                             "print CSV;\nwithout NAME, list the figures.",
                    .options = options,
                    .args_max = 1,
                    .more = help_figures};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    if (c.arg_count == 0)
        return list(p);
    const struct figure *f =
        row_named(p->figures, sizeof *p->figures, c.args[0], strlen(c.args[0]));
    if (f == NULL)
        return unknown_figure(p, c.args[0]);
    if (!in_range(p, "seeds", &w.seeds, SEEDS_MAX) ||
        !in_range(p, "jobs", &w.jobs, LIST_MAX) ||
        !cli_check_sets(p, set, NULL))
        return EXIT_USAGE;
    cli_catch_signals();
    return prepare(p, f, &w, set);
}
