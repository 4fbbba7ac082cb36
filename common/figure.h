/*
 * Figures: experiments behind published plots, run in the simulator.
 *
 * A figure is a table of points: for every number of nodes and every value of
 * its x axis one row of CSV (or a few).  A point is the sum of several runs,
 * one a seed, each in a process of its own; a run only counts, in a struct
 * tally, and tallies are added up.  What a program has to say about a figure
 * is the struct figure; verb_figure.c does the rest.
 *
 * Nothing here decides what a node does, so means and percentiles may be
 * floating point.
 */
#ifndef COMMON_FIGURE_H
#define COMMON_FIGURE_H

#include "common/network.h"
#include "common/random.h"

#define TALLY_BINS 4096
#define TALLY_SUMS 6

/* What runs count; all zero at first. */
struct tally {
    uint64_t bin[TALLY_BINS]; /* how often each value came; last: or more */
    uint64_t sum[TALLY_SUMS]; /* whatever else the figure counts */
    uint64_t runs;
};

/* One run of an experiment. */
struct figure_run {
    uint64_t nodes;
    double point;         /* on the x axis; 0 when the figure has no points */
    struct random random; /* the experiment's own stream, from the seed */
    struct tally *tally;
    const struct network *network; /* from figure_start on */
    struct figure_host *host;
};

/* Where a row stands in its figure. */
struct figure_row {
    uint64_t nodes;
    double point;
    const struct tally *tally; /* of all seeds */
};

struct figure {
    const char *name;    /* "path-length"; NULL ends a table */
    const char *source;  /* "Chord (SIGCOMM 2001), figure 10a" */
    const char *help;    /* one line: what is counted, by which rule */
    const char *columns; /* of the CSV */
    const char *x, *y;   /* columns to plot; y: several, by commas */
    const char *nodes;   /* the default of --nodes */
    const char *points;  /* the default of --points; NULL: it has none */
    double least, most;  /* bounds of a point */
    unsigned seeds;      /* the default of --seeds */
    bool log_x;
    /* Count into r->tally; false after figure_fail or a failed call. */
    bool (*run)(struct figure_run *r);
    /* Append the lines of a row. */
    void (*row)(const struct figure_row *row, struct text *csv);
};

/* -- For runs ------------------------------------------------------------- */

/* Simulate this scenario, with the command line's --set over it, up to and
   at time 0.  False when it cannot be; the error is said. */
bool figure_start(struct figure_run *r, const char *scenario, ...)
    PRINTF_LIKE(2, 3);
/* Go on to `time_us`, or to the scenario's end. */
bool figure_run_to(struct figure_run *r, uint64_t time_us);
bool figure_run_out(struct figure_run *r);
/* One of the nodes that are up, by the run's lot: there must be one. */
struct host *figure_live(struct figure_run *r);
/* Zeroed memory for the rest of the run; NULL, and said, when there is none. */
void *figure_alloc(struct figure_run *r, size_t count, size_t bytes);
/* Say why the run is worth nothing; returns false. */
bool figure_fail(struct figure_run *r, const char *why);

/* -- For counting --------------------------------------------------------- */

void figure_count(struct tally *t, uint64_t value);
uint64_t figure_counted(const struct tally *t); /* values in all bins */
double figure_mean(const struct tally *t);
/* The least value that `percent` of all do not exceed. */
uint64_t figure_percentile(const struct tally *t, unsigned percent);
/* a / b, or 0 for b 0. */
double figure_ratio(uint64_t a, uint64_t b);

/* -- For verb_figure.c ------------------------------------------------------ */

struct program;

/* What all runs of a command line share. */
struct figure_task {
    const struct program *program;
    const struct figure *figure;
    const char *const *set; /* NAME=VALUE, NULL-terminated */
    uint64_t seed;          /* the first */
    uint64_t seeds, jobs;
    uint64_t *nodes;
    double *points;
    size_t node_count, point_count; /* at least one each */
};

/* Do them all, task->jobs processes at a time, and hand each row's CSV over
   in order; `print` returns false to end.  The exit status. */
int figure_sweep(const struct figure_task *task,
                 bool (*print)(void *context, const struct text *csv),
                 void *context);
/* Draw CSV lines (header first) as text of 78x20 columns and lines. */
void figure_plot(const struct figure *f, const char *csv, struct text *out);

#endif
