/*
 * `PROGRAM monitor`: step through a scenario, or through recorded traces,
 * which their first bytes tell apart.
 */
#include <stdio.h>
#include <string.h>

#include "common/cli.h"
#include "common/sim.h"
#include "common/verbs.h"

#define DUMP_MAX 1000 /* columns, rows */

/* pcapng begins with a section header block; of what cannot be opened only its
   name tells what was meant. */
static bool is_trace(const char *path)
{
    static const unsigned char magic[4] = {0x0a, 0x0d, 0x0d, 0x0a};
    unsigned char start[4] = {0};
    FILE *f = fopen(path, "rb");

    if (f == NULL)
        return string_ends(path, ".pcapng");
    size_t n = fread(start, 1, sizeof start, f);
    fclose(f);
    return n == sizeof start && memcmp(start, magic, sizeof magic) == 0;
}

static bool parse_size_of_screen(const char *s, int *columns, int *rows)
{
    const char *x = strchr(s, 'x');
    char width[8] = "";
    uint64_t w, h;

    if (x == NULL || (size_t)(x - s) >= sizeof width)
        return false;
    memcpy(width, s, (size_t)(x - s));
    if (!parse_u64(width, DUMP_MAX, &w) || !parse_u64(x + 1, DUMP_MAX, &h) ||
        w == 0 || h == 0)
        return false;
    *columns = (int)w;
    *rows = (int)h;
    return true;
}

static int traces(const struct program *p, const struct cli *c,
                  const struct monitor_options *m)
{
    LOCAL_TEXT why = text_new();
    struct trace *t = trace_read(c->args, c->arg_count, &why);
    int status;

    if (t != NULL)
        status = monitor_trace(p, t, m);
    else
        status = cli_error(p, "%s", why.data);
    trace_free(t);
    return status;
}

/* --trace: the scenario's run as it stands, before a student changes it. */
static bool record(const struct program *p, const struct scenario *s,
                   const char *path)
{
    LOCAL_TEXT why = text_new();
    struct sim *sim = sim_new(s, &why);
    struct observer observer = {.record = trace_write, .context = NULL};

    struct trace_source source = trace_of_scenario(s);

    if (sim != NULL)
        observer.context = trace_create(path, &source, &why);
    bool good = observer.context != NULL;
    if (good) {
        sim_observe(sim, &observer);
        sim_run(sim);
        good = trace_close(observer.context, &why);
    }
    if (!good)
        cli_error_at(p, why.data);
    sim_free(sim);
    return good;
}

int verb_monitor(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    struct monitor_options m = {.keys = NULL};
    struct cli_number step = {.given = false}, at = {.given = false};
    const char *dump = NULL;
    const struct cli_option options[] = {
        {"dump", "WxH", "print one screen of W columns, H rows, and exit",
         CLI_TEXT, &dump},
        {"step", "N", "open after step N", CLI_NUMBER, &step},
        {"at", "TIME", "open at 250ms, 10s, 2m", CLI_TIME, &at},
        {"keys", "KEYS", "press these first: \"..<Enter>q\"", CLI_TEXT,
         &m.keys},
        {"line", NULL, "no screen: commands in, facts out, a line each",
         CLI_FLAG, &m.line},
        {"utf8", NULL, "draw with more than ASCII", CLI_FLAG, &m.utf8},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "monitor",
                    .usage = "[FILE...]",
                    .about = "Step through a scenario, or through recorded "
                             "traces.  Press ? for keys.",
                    .options = options,
                    .run = &o,
                    .args_max = 64};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    if (dump != NULL &&
        !parse_size_of_screen(dump, &m.dump_columns, &m.dump_rows))
        return cli_error(p, "--dump is '%.60s', expected 80x24", dump);
    if (step.given && at.given)
        return cli_error(p, "--step and --at exclude each other");
    m.has_step = step.given;
    m.step = step.value;
    m.has_at = at.given;
    m.at_us = at.value;
    m.color = o.color;
    const char *name = c.arg_count > 0 ? c.args[0] : p->scenario;
    if (is_trace(name))
        return traces(p, &c, &m);
    if (c.arg_count > 1)
        return cli_error(p,
                         "'%.60s' is no trace, expected one scenario, or "
                         "traces (.pcapng) only",
                         name);
    struct scenario *s = cli_scenario(p, name, &o);
    if (s == NULL)
        return EXIT_USAGE;
    status = o.trace != NULL && !record(p, s, o.trace) ? EXIT_USAGE
                                                       : monitor_sim(p, s, &m);
    scenario_free(s);
    return status;
}
