/* `PROGRAM sim`: run a scenario in the simulator and print what happens. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/report.h"
#include "common/sim.h"
#include "common/verbs.h"

#define STEPS_BETWEEN_LOOKS 4096 /* at the clock, for progress */
#define PROGRESS_COLUMNS 60

static void help_settings(const struct cli *c, struct text *t)
{
    const struct option *own = c->program->protocol->options;
    size_t before = t->len;

    if (c->arg_count > 0 && settings_help(t, own, c->args[0]) +
                                    settings_help(t, host_options, c->args[0]) >
                                0)
        return;
    text_add(t, "Settings, by --set and by 'set' in scenarios:\n");
    (void)settings_help(t, own, NULL);
    (void)settings_help(t, host_options, NULL);
    if (!cli_cut(t, before))
        return;
    text_add(t, "Settings, by --set and by 'set' in scenarios; "
                "'sim --help NAME' says more:\n");
    cli_flow_settings(t, own);
    cli_flow_settings(t, host_options);
    text_char(t, '\n');
}

/* Where the run is, once a second, on one line that is overwritten. */
static void show_progress(struct sim *sim, time_t *shown)
{
    time_t now = time(NULL);

    if (now == *shown)
        return;
    *shown = now;
    fprintf(stderr, "\r%llu steps, %llu s ", (unsigned long long)sim_steps(sim),
            (unsigned long long)(sim_now(sim) / 1000000));
}

/* Run to the end; false when Ctrl-C or the reader ended it before. */
static bool run(struct sim *sim, const struct report *r)
{
    bool progress =
        isatty(STDERR_FILENO) && (r->options->quiet || !isatty(STDOUT_FILENO));
    time_t start = time(NULL), shown = start;
    bool ended = false;

    for (uint64_t i = 1; !ended && cli_interrupted() == 0; i++) {
        if (r->closed && r->trace == NULL)
            break;
        ended = !sim_step(sim);
        if (progress && i % STEPS_BETWEEN_LOOKS == 0)
            show_progress(sim, &shown);
    }
    if (shown != start)
        fprintf(stderr, "\r%*s\r", PROGRESS_COLUMNS, "");
    return ended;
}

static int simulate(const struct program *p, const struct run_options *o,
                    const struct scenario *s, const char *name)
{
    LOCAL_TEXT why = text_new();
    struct sim *sim = sim_new(s, &why);

    if (sim == NULL) {
        cli_error_at(p, why.data);
        return EXIT_USAGE;
    }
    struct namer names = network_namer(sim_network(sim));
    struct report r;
    struct observer observer = {.record = report_record, .context = &r};
    struct trace_source source = trace_of_scenario(s);
    int status = EXIT_USAGE;
    source.scenario = name; /* as it was typed */
    if (report_begin(&r, p, o, &names, &source)) {
        sim_observe(sim, &observer);
        bool ended = run(sim, &r);
        struct sim_status st = sim_status(sim);
        status = report_end(&r, &st, sim_complaints(sim), sim_steps(sim),
                            sim_now(sim), sim_hash(sim));
        if (!ended && !r.closed)
            status = EXIT_INTERRUPTED;
    }
    sim_free(sim);
    return status;
}

int verb_sim(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    struct cli c = {.program = p,
                    .verb = "sim",
                    .usage = "[SCENARIO]",
                    .about = "Run a scenario in the simulator; print its "
                             "messages and results.",
                    .run = &o,
                    .args_max = 1,
                    .help = EXPLAIN_NONE,
                    .more = help_settings};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    const char *name = c.arg_count > 0 ? c.args[0] : p->scenario;
    struct scenario *s = cli_scenario(p, name, &o);
    if (s == NULL)
        return EXIT_USAGE;
    cli_catch_signals();
    status = simulate(p, &o, s, name);
    scenario_free(s);
    return status;
}
