/*
 * `PROGRAM trace`: print, filter, merge or convert recorded traces.
 *
 * The files are merged in memory (trace.h); what the filter lets through is
 * printed, or written to --out, or both.  As text the results come last, as
 * under `sim`.
 */
#include <string.h>

#include "common/cli.h"
#include "common/expr.h"
#include "common/report.h"
#include "common/verbs.h"

struct job {
    const struct program *program;
    const struct trace *trace;
    const struct expr *filter; /* NULL: everything */
    struct namer names;
    struct run_options options; /* `trace` is where the records go */
    bool addresses;
};

/* Is this a record that was asked for?  Leaves its fields in *f. */
static bool is_wanted(const struct job *j, const struct record *r,
                      struct fields *f)
{
    struct subject s = {.record = r, .fields = f, .names = &j->names};

    if (j->filter == NULL)
        return true;
    if (r->kind == RECORD_MESSAGE)
        message_fields(j->program->protocol, r, f);
    else
        s.fields = r->fields;
    return expr_true(j->filter, &s);
}

static void count(struct sim_status *s, const struct record *r)
{
    if (r->kind != RECORD_MESSAGE)
        return;
    s->messages++;
    s->bytes += r->len;
    s->dropped += r->why != NULL;
}

static int run(const struct job *j)
{
    const struct trace *t = j->trace;
    struct report report;
    struct sim_status status = {.messages = 0};
    uint64_t steps = 0, time_us = 0;
    LOCAL_FIELDS f = fields_new();
    struct record r;

    struct trace_source source = *trace_source(t);
    if (source.scenario == NULL)
        source.scenario = "";
    source.program = j->program->protocol->name;
    if (!report_begin(&report, j->program, &j->options,
                      j->addresses ? NULL : &j->names, &source))
        return EXIT_USAGE;
    report.simulated = true; /* results last */
    for (size_t i = 0; !report.closed && i < trace_count(t); i++) {
        trace_get(t, i, &r);
        if (!is_wanted(j, &r, &f))
            continue;
        if (report.trace != NULL)
            trace_write(report.trace, &r);
        if (j->addresses)
            r.from.name = r.to.name = NULL;
        steps = r.step > steps ? r.step : steps;
        time_us = r.time_us > time_us ? r.time_us : time_us;
        count(&status, &r);
        if (!j->options.quiet)
            report_print(&report, &r);
    }
    return report_end(&report, &status, "", steps, time_us, 0);
}

/* Read the filter, if one was given; false when it is wrong. */
static bool read_filter(const struct program *p, const char *s,
                        struct expr **filter)
{
    LOCAL_TEXT why = text_new();

    *filter = s != NULL ? expr_parse(s, &why) : NULL;
    bool good = s == NULL || (*filter != NULL &&
                              expr_known(*filter, p->protocol, false, &why));
    if (!good) {
        cli_error(p, "--filter: %s", why.data);
    } else if (*filter != NULL && expr_needs_state(*filter)) {
        cli_error(p, "--filter: a trace holds messages, not the states of "
                     "nodes; ask for a field, such as 'type=NAME && to=n16'");
        good = false;
    }
    return good;
}

static struct trace *read_traces(const struct cli *c)
{
    const struct program *p = c->program;
    LOCAL_TEXT why = text_new();
    struct trace *t = trace_read(c->args, c->arg_count, &why);
    const char *writer = t != NULL ? trace_source(t)->program : NULL;

    if (t == NULL)
        cli_error(p, "%s", why.data);
    if (writer == NULL || strcmp(writer, p->protocol->name) == 0)
        return t;
    cli_error(p, "%s: written by %.32s; read it with '%.32s trace'", c->args[0],
              writer, writer);
    trace_free(t);
    return NULL;
}

static void help_filter(const struct cli *c, struct text *t)
{
    (void)c;
    text_add(t, "EXPR is FIELD OP VALUE, joined by && || ! and ( ):\n"
                "  OP     == = != < <= > >= and ~, contains\n"
                "  FIELD  type from to node kind state step time bytes, or "
                "any field of a\n"
                "         message or result; also text: a message's own "
                "field, else what a\n"
                "         note, command, fault or timer says; and ok: of "
                "results\n");
}

int verb_trace(const struct program *p, int argc, char **argv)
{
    const char *filter = NULL;
    struct job j = {.program = p};
    const struct cli_option options[] = {
        {"filter", "EXPR", "only records for which EXPR is true", CLI_TEXT,
         &filter},
        {"out", "FILE", "write them to FILE (pcapng)", CLI_TEXT,
         &j.options.trace},
        {"addresses", NULL, "show nodes by address, as Wireshark does",
         CLI_FLAG, &j.addresses},
        {"json", NULL, "one JSON object a line", CLI_FLAG, &j.options.json},
        {"quiet", NULL, "print only the summary", CLI_FLAG, &j.options.quiet},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "trace",
                    .usage = "FILE...",
                    .about = "Print recorded traces; several are merged by "
                             "time, a message seen\nby its sender and by its "
                             "receiver becoming one.",
                    .options = options,
                    .args_min = 1,
                    .args_max = SIZE_MAX,
                    .more = help_filter};
    struct expr *e = NULL;
    struct trace *t = NULL;
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    status = EXIT_USAGE;
    if (read_filter(p, filter, &e) && (t = read_traces(&c)) != NULL) {
        j.trace = t;
        j.filter = e;
        j.names = trace_namer(t);
        status = run(&j);
    }
    expr_free(e);
    trace_free(t);
    return status;
}
