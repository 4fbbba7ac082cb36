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
#include "common/output.h"
#include "common/trace.h"
#include "common/verbs.h"

#define LINES_BYTES ((size_t)64 * 1024) /* written together */

struct job {
    const struct program *program;
    const struct trace *trace;
    const struct expr *filter; /* NULL: everything */
    const char *out;           /* NULL: none */
    bool json, quiet, addresses;
    struct namer names;
    struct trace_writer *writer;
    struct text lines, results; /* not yet printed */
    struct summary summary;
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

static void count(struct summary *s, const struct record *r)
{
    s->steps = r->step > s->steps ? r->step : s->steps;
    s->time_us = r->time_us > s->time_us ? r->time_us : s->time_us;
    if (r->kind != RECORD_MESSAGE)
        return;
    s->messages++;
    s->bytes += r->len;
    s->dropped += r->why != NULL;
}

/* Print what has been gathered; false when nobody reads it any more. */
static bool print(struct job *j)
{
    bool open = cli_print(j->program, &j->lines);

    text_clear(&j->lines);
    return open;
}

static bool walk(struct job *j)
{
    enum output_form form = j->json ? OUTPUT_JSON : OUTPUT_TEXT;
    LOCAL_FIELDS f = fields_new();
    struct record r;
    bool open = true;

    for (size_t i = 0; open && i < trace_count(j->trace); i++) {
        trace_get(j->trace, i, &r);
        if (!is_wanted(j, &r, &f))
            continue;
        if (j->writer != NULL)
            trace_write(j->writer, &r);
        if (j->addresses)
            r.from.name = r.to.name = NULL;
        count(&j->summary, &r);
        bool last = r.kind == RECORD_RESULT && !j->json;
        if (!j->quiet)
            output_record(last ? &j->results : &j->lines, form,
                          j->program->protocol, &r,
                          j->addresses ? NULL : &j->names);
        if (j->lines.len >= LINES_BYTES)
            open = print(j);
    }
    text_bytes(&j->lines, j->results.data, j->results.len);
    output_summary(&j->lines, form, &j->summary);
    return open && print(j);
}

static int run(struct job *j)
{
    const struct trace *t = j->trace;
    const char *scenario = trace_scenario(t);
    LOCAL_TEXT why = text_new();
    int status = EXIT_OK;

    if (j->out != NULL &&
        (j->writer = trace_create(j->out, j->program->protocol->name, scenario,
                                  trace_seed(t), trace_epoch(t), &why)) == NULL)
        status = cli_error(j->program, "%s", why.data);
    if (status == EXIT_OK) {
        if (!j->quiet)
            output_run(&j->lines, j->json ? OUTPUT_JSON : OUTPUT_TEXT,
                       j->program->protocol->name, scenario, trace_seed(t));
        walk(j);
    }
    if (j->writer != NULL && !trace_close(j->writer, &why))
        status = cli_error(j->program, "%s", why.data);
    text_free(&j->lines);
    text_free(&j->results);
    return status;
}

/* Read the filter, if one was given; false when it is wrong. */
static bool read_filter(const struct program *p, const char *s,
                        struct expr **filter)
{
    LOCAL_TEXT why = text_new();

    *filter = s != NULL ? expr_parse(s, &why) : NULL;
    bool good = s == NULL || *filter != NULL;
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
    const char *writer = t != NULL ? trace_program(t) : NULL;

    if (t == NULL)
        cli_error(p, "%s", why.data);
    if (writer == NULL || strcmp(writer, p->protocol->name) == 0)
        return t;
    cli_error(p, "%s: written by %.32s; read it with '%.32s trace'", c->args[0],
              writer, writer);
    trace_free(t);
    return NULL;
}

int verb_trace(const struct program *p, int argc, char **argv)
{
    const char *filter = NULL;
    struct job j = {.program = p, .lines = text_new(), .results = text_new()};
    const struct cli_option options[] = {
        {"filter", "EXPR", "only records for which EXPR is true", CLI_TEXT,
         &filter},
        {"out", "FILE", "write them to FILE (pcapng)", CLI_TEXT, &j.out},
        {"addresses", NULL, "show nodes by address, as Wireshark does",
         CLI_FLAG, &j.addresses},
        {"json", NULL, "one JSON object a line", CLI_FLAG, &j.json},
        {"quiet", NULL, "print only the summary", CLI_FLAG, &j.quiet},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "trace",
                    .usage = "FILE...",
                    .about = "Print recorded traces; several are merged by "
                             "time, a message seen\nby its sender and by its "
                             "receiver becoming one.",
                    .options = options,
                    .args_min = 1,
                    .args_max = SIZE_MAX};
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
