/*
 * What a run prints: its records as lines on standard output and into a
 * trace file, then complaints and the summary.  Shared by `sim`, `live` and
 * `trace`.
 */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include "common/cli.h"
#include "common/output.h"
#include "common/sim.h"
#include "common/trace.h"

struct report {
    const struct program *program;
    const struct run_options *options;
    const struct namer *names;
    struct trace_writer *trace; /* NULL: none */
    struct text lines;          /* not yet written */
    struct text results;        /* of a simulation, as text: they come last */
    bool simulated;
    bool closed; /* nobody reads standard output any more */
};

/* Begin, and print the heading.  False, the error being said, when the trace
   file cannot be written. */
bool report_begin(struct report *r, const struct program *p,
                  const struct run_options *o, const struct namer *names,
                  const struct trace_source *source);
/* Fits struct observer; the context is the report. */
void report_record(void *report, const struct record *r);
/* Only print it. */
void report_print(struct report *r, const struct record *record);
void report_flush(struct report *r);
/* Print the complaints on standard error and the summary, close the trace;
   the exit status of the run. */
int report_end(struct report *r, const struct sim_status *status,
               const char *complaints, uint64_t steps, uint64_t time_us,
               uint64_t hash);

#endif
