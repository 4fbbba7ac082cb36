/*
 * `PROGRAM live`: a scenario's nodes as real nodes on loopback sockets, in
 * one process and in real time; it prints what `sim` prints.
 */
#include "common/cli.h"
#include "common/clock.h"
#include "common/report.h"
#include "common/verbs.h"

#define POLL_US 100000 /* between looks at signals */

/* What is open while a scenario runs live. */
struct stage {
    const struct program *program;
    const struct run_options *options;
    const struct scenario *scenario;
    const char *name;
    struct live *live;
    struct live_run *run;
};

/* Run to the end; the exit status so far. */
static int play(const struct stage *s, struct report *r)
{
    LOCAL_TEXT why = text_new();
    int status = EXIT_OK;

    while (status == EXIT_OK && live_run_poll(s->run, POLL_US, &why)) {
        report_flush(r);
        if (r->trace != NULL)
            trace_flush(r->trace);
        if (cli_interrupted() != 0 || r->closed)
            status = EXIT_INTERRUPTED;
    }
    if (why.len > 0)
        status = cli_error_at(s->program, why.data);
    return status;
}

/* The same in the monitor, whose screen takes the place of the report. */
static int watch(const struct stage *s, struct report *r,
                 const struct observer *observer)
{
    struct monitor_options m = {.color = s->options->color, .also = observer};

    r->closed = true;
    return monitor_live(s->program, s->live, s->run, &m);
}

static int perform_reported(const struct stage *s, bool monitor)
{
    struct namer names = network_namer(live_network(s->live));
    struct report r;
    struct observer observer = {.record = report_record, .context = &r};

    struct trace_source source = trace_of_scenario(s->scenario);

    source.scenario = s->name; /* as it was typed */
    source.epoch_us = wall_clock_us() - live_now(s->live);
    if (!report_begin(&r, s->program, s->options, &names, &source))
        return EXIT_USAGE;
    live_observe(s->live, &observer);
    int played = monitor ? watch(s, &r, &observer) : play(s, &r);
    struct sim_status st = live_run_status(s->run);
    int status = report_end(&r, &st, live_run_complaints(s->run),
                            live_steps(s->live), live_now(s->live), 0);
    if (r.closed)
        return monitor ? played : status;
    return played != EXIT_OK ? played : status;
}

static int perform(struct stage *s, bool monitor)
{
    LOCAL_TEXT why = text_new();
    int status = EXIT_USAGE;

    s->live = live_new(s->program->protocol, &s->scenario->settings,
                       s->scenario->seed, &why);
    if (s->live != NULL)
        s->run = live_run_new(s->live, s->scenario, &why);
    if (s->run == NULL)
        cli_error_at(s->program, why.data);
    else
        status = perform_reported(s, monitor);
    live_run_free(s->run);
    live_free(s->live);
    return status;
}

int verb_live(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    bool monitor = false;
    const struct cli_option options[] = {
        {"monitor", NULL, "watch it in the monitor", CLI_FLAG, &monitor},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "live",
                    .usage = "[SCENARIO]",
                    .about = "Run a scenario's nodes on real loopback "
                             "sockets, in real time.",
                    .options = options,
                    .run = &o,
                    .args_max = 1};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    const char *name = c.arg_count > 0 ? c.args[0] : p->scenario;
    struct scenario *s = cli_scenario(p, name, &o);
    if (s == NULL)
        return EXIT_USAGE;
    struct stage stage = {
        .program = p, .options = &o, .scenario = s, .name = name};
    if (!monitor)
        cli_catch_signals();
    status = perform(&stage, monitor);
    scenario_free(s);
    return status;
}
