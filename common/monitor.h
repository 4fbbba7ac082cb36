/*
 * The monitor: what happened, what each node knows, and every message byte
 * by byte, over a simulation, over real nodes, or over recorded traces.
 * It is the only user of ncurses, through screen.c.
 */
#ifndef COMMON_MONITOR_H
#define COMMON_MONITOR_H

#include "common/live.h"
#include "common/program.h"
#include "common/scenario.h"
#include "common/trace.h"

struct tutor;

enum color { COLOR_AUTO, COLOR_ALWAYS, COLOR_NEVER };

struct monitor_options {
    int dump_columns, dump_rows; /* 0: interactive, or a pipe's 80x24 */
    bool has_step, has_at;       /* where to open */
    uint64_t step, at_us;
    const char *keys; /* to press first: "..<Enter>q"; NULL: none */
    bool line;        /* no screen: commands in, facts out, a line each */
    bool utf8;
    enum color color;
    struct tutor *tutor;         /* a worksheet beside the picture; or NULL */
    const struct observer *also; /* hears of live records too, or NULL */
};

/* Each returns an exit status.  The scenario, trace or live host is lent. */
int monitor_sim(const struct program *p, const struct scenario *s,
                const struct monitor_options *o);
int monitor_trace(const struct program *p, const struct trace *t,
                  const struct monitor_options *o);
/* `run` may be NULL: a single real node. */
int monitor_live(const struct program *p, struct live *l, struct live_run *run,
                 const struct monitor_options *o);

#endif
