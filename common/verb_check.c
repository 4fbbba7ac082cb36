/* `PROGRAM check`: explore every order of events of a tiny network. */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/explore.h"
#include "common/file.h"
#include "common/verbs.h"

#define STATES_MAX 30000000 /* about 1 GiB */
#define PROGRESS_SECONDS 3

struct watch {
    time_t shown;
    bool terminal, quiet;
};

/* Every few seconds a line, or one that is written over on a terminal. */
static bool on_progress(void *context, const struct explore_report *r)
{
    struct watch *w = context;
    time_t now = time(NULL);

    if (!w->quiet && now >= w->shown + PROGRESS_SECONDS) {
        w->shown = now;
        fprintf(stderr, "%llu states, depth %u%s",
                (unsigned long long)r->states, r->depth,
                w->terminal ? "  \r" : "\n");
    }
    return cli_interrupted() == 0;
}

static void print_json(struct text *t, const struct explore_report *r,
                       const char *replay)
{
    text_printf(t,
                "{\"kind\":\"check\",\"states\":%llu,\"transitions\":%llu,"
                "\"depth\":%u,\"exhausted\":%s,\"violated\":%s",
                (unsigned long long)r->states,
                (unsigned long long)r->transitions, r->depth,
                r->limit == NULL && !r->violated ? "true" : "false",
                r->violated ? "true" : "false");
    if (r->limit != NULL)
        text_json_member(t, "incomplete", r->limit);
    if (r->violated) {
        text_json_member(t, "invariant", r->broken.data);
        text_printf(t, ",\"steps\":%llu", (unsigned long long)r->steps);
        text_json_member(t, "replay", replay);
    }
    text_add(t, "}\n");
}

static void print_verdict(struct text *t, const struct program *p,
                          const struct explore_report *r, bool strict,
                          const char *replay)
{
    text_printf(t, "%llu states, %llu transitions, depth %u\n",
                (unsigned long long)r->states,
                (unsigned long long)r->transitions, r->depth);
    if (!r->violated) {
        text_printf(t, "no violation in %llu states (",
                    (unsigned long long)r->states);
        if (r->limit == NULL)
            text_add(t, "exhausted)\n");
        else
            text_printf(t, "incomplete: %s)\n%s", r->limit,
                        p->protocol->clocked
                            ? "These nodes tell the time: there is always a "
                              "further state, at any depth.\n"
                            : "");
        return;
    }
    text_printf(t, "violated: %s\nafter these events%s:\n%s", r->broken.data,
                strict ? "" : ", and maintenance does not heal it",
                r->events.data);
    text_printf(t, "step through it:  %s monitor %s --step %llu\n",
                p->protocol->name, replay, (unsigned long long)r->steps);
}

static int verdict(const struct program *p, const struct explore_report *r,
                   bool strict, const char *out, bool json)
{
    char name[64];
    LOCAL_TEXT t = text_new();

    if (out == NULL) {
        snprintf(name, sizeof name, "%s-violation.scn", p->protocol->name);
        out = name;
    }
    if (r->dump_forgets)
        return cli_error(p,
                         "two states with equal dumps behaved differently: "
                         "%s's dump leaves something out",
                         p->protocol->name);
    if (r->violated && !write_file(out, "w", &r->replay, &t))
        return cli_error(p, "cannot write %s: name another file with --out",
                         out);
    if (json)
        print_json(&t, r, out);
    else
        print_verdict(&t, p, r, strict, out);
    (void)cli_print(p, &t);
    if (cli_interrupted() != 0)
        return EXIT_INTERRUPTED;
    return r->violated ? EXIT_FAILED : EXIT_OK;
}

int verb_check(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    struct watch watch = {.shown = time(NULL),
                          .terminal = isatty(STDERR_FILENO) != 0};
    struct explore_options e = {
        .states_max = STATES_MAX, .progress = on_progress, .context = &watch};
    const char *out = NULL;
    const struct cli_option options[] = {
        {"strict", NULL, "count violations that maintenance heals, too",
         CLI_FLAG, &e.strict},
        {"unsafe", NULL, "crashes that the protocol's assumptions forbid",
         CLI_FLAG, &e.unsafe},
        {"find", "NAME", "only this invariant counts, as ordered-ring",
         CLI_TEXT, &e.find},
        {"out", "FILE", "where to write the counterexample", CLI_TEXT, &out},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "check",
                    .usage = "[SCENARIO]",
                    .about = "Explore every order of events of a tiny "
                             "network, and test the invariants.",
                    .options = options,
                    .run = &o,
                    .args_max = 1};
    LOCAL_TEXT why = text_new();
    struct explore_report report;
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    if (o.trace != NULL || o.until.given)
        return cli_error(p, "check records nothing and ends by its bounds: "
                            "leave out --trace and --until, and run the "
                            "scenario that it writes with 'sim'");
    watch.quiet = o.quiet;
    struct scenario *s =
        cli_scenario(p, c.arg_count > 0 ? c.args[0] : p->tiny, &o);
    if (s == NULL)
        return EXIT_USAGE;
    cli_catch_signals();
    if (explore(s, &e, &report, &why))
        status = verdict(p, &report, e.strict, out, o.json);
    else
        status = cli_error(p, "%s", why.data);
    explore_report_free(&report);
    scenario_free(s);
    return status;
}
