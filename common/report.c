/* What a run prints; see report.h. */
#include "common/report.h"

#include <string.h>
#include <unistd.h>

#define LINES_BYTES 65536 /* written together */

static enum output_form form_of(const struct report *r)
{
    return r->options->json ? OUTPUT_JSON : OUTPUT_TEXT;
}

bool report_begin(struct report *r, const struct program *p,
                  const struct run_options *o, const struct namer *names,
                  const struct trace_source *source)
{
    LOCAL_TEXT why = text_new();

    *r = (struct report){.program = p,
                         .options = o,
                         .names = names,
                         .lines = text_new(),
                         .results = text_new(),
                         .simulated = source->epoch_us == 0};
    if (o->trace != NULL)
        r->trace = trace_create(o->trace, source, &why);
    bool good = o->trace == NULL || r->trace != NULL;
    if (!good)
        cli_error(p, "%s", why.data);
    else if (!o->quiet)
        output_run(&r->lines, form_of(r), p->protocol->name, source->scenario,
                   source->seed);
    return good;
}

void report_flush(struct report *r)
{
    if (!r->closed && r->lines.len > 0)
        r->closed = !cli_print(r->program, &r->lines);
    text_clear(&r->lines);
}

void report_record(void *report, const struct record *record)
{
    struct report *r = report;

    if (r->trace != NULL)
        trace_write(r->trace, record);
    report_print(r, record);
}

void report_print(struct report *r, const struct record *record)
{
    if (r->options->quiet && record->kind != RECORD_RESULT)
        return;
    bool last =
        record->kind == RECORD_RESULT && r->simulated && !r->options->json;
    output_record(last ? &r->results : &r->lines, form_of(r),
                  r->program->protocol, record, r->names);
    if (r->lines.len >= LINES_BYTES)
        report_flush(r);
}

/* Each line of `complaints` is an error. */
static void complain(const struct report *r, const char *complaints)
{
    LOCAL_TEXT line = text_new();

    while (*complaints != '\0') {
        size_t len = strcspn(complaints, "\n");
        text_clear(&line);
        text_bytes(&line, complaints, len);
        cli_error_at(r->program, line.data);
        complaints += len + (complaints[len] != '\0');
    }
}

int report_end(struct report *r, const struct sim_status *status,
               const char *complaints, uint64_t steps, uint64_t time_us,
               uint64_t hash)
{
    struct summary summary = {.steps = steps,
                              .messages = status->messages,
                              .bytes = status->bytes,
                              .dropped = status->dropped,
                              .time_us = time_us,
                              .hash = hash};
    LOCAL_TEXT why = text_new();
    int code = EXIT_OK;

    text_bytes(&r->lines, r->results.data, r->results.len);
    output_summary(&r->lines, form_of(r), &summary);
    report_flush(r);
    complain(r, complaints);
    if (status->expects_failed > 0 || status->commands_failed > 0 ||
        status->never_quiet)
        code = EXIT_FAILED;
    if (status->no_memory || status->cannot_run)
        code = EXIT_USAGE;
    if (r->trace != NULL && !trace_close(r->trace, &why))
        code = cli_error(r->program, "%s", why.data);
    text_free(&r->lines);
    text_free(&r->results);
    return code;
}
