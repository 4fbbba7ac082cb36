/*
 * The command line: one parser and one help page for every verb, both from
 * the same table; and what all verbs share: errors, output, Ctrl-C.
 */
#ifndef COMMON_CLI_H
#define COMMON_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/monitor.h"
#include "common/program.h"

#define EXIT_OK 0
#define EXIT_FAILED 1 /* it ran, and an expectation was not met */
#define EXIT_USAGE 2  /* it could not run */
#define EXIT_INTERRUPTED 130

#define SETS_MAX 64 /* --set on one command line */

enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char *; NULL when not given */
    CLI_NUMBER, /* struct cli_number */
    CLI_TIME,   /* struct cli_number, microseconds */
    CLI_COLOR,  /* enum color */
    CLI_LIST    /* const char *[SETS_MAX + 1], NULL-terminated */
};

struct cli_number {
    bool given;
    uint64_t value;
};

struct cli_option {
    const char *name;  /* "seed" for --seed; NULL ends a table */
    const char *value; /* "N": how help names its value */
    const char *help;
    enum cli_kind kind;
    void *into;
};

/* A verb's command line. */
struct cli {
    const struct program *program;
    const char *verb;
    const char *usage;                /* "[SCENARIO]" */
    const char *about;                /* a sentence or two for help */
    const struct cli_option *options; /* of this verb alone; may be NULL */
    struct run_options *run;          /* the shared ones; may be NULL */
    enum { EXPLAIN_ALL, EXPLAIN_OWN, EXPLAIN_NONE } help; /* of options */
    const char **id; /* takes the value of --set id=...; may be NULL */
    size_t args_min, args_max;
    void (*more)(const struct cli *c, struct text *help); /* or NULL */

    const char *const *args; /* filled in: what is no option */
    size_t arg_count;
};

/* Options of every verb that runs something. */
struct run_options {
    struct cli_number seed, until;
    const char *set[SETS_MAX + 1];
    const char *trace;
    bool json, quiet;
    enum color color;
};

/* Parse argv[1] and what follows it (argv[0] is the verb).  False when the
   verb has to end with *status: help was asked for, or the usage is wrong. */
bool cli_parse(struct cli *c, int argc, char **argv, int *status);

/* Is every NAME=VALUE a setting of this program, and in range?  The value of
   id= goes into *id, where `id` is not NULL, and out of the list. */
bool cli_check_sets(const struct program *p, const char **set, const char **id);

/* Say "PROGRAM: ..." on standard error, on one line; returns EXIT_USAGE. */
int cli_error(const struct program *p, const char *format, ...)
    PRINTF_LIKE(2, 3);
/* The same for a sentence that may begin with a place, FILE:LINE: then that
   takes PROGRAM's place. */
int cli_error_at(const struct program *p, const char *sentence);
/* "unknown WHAT 'word'; did you mean '...'?"; returns EXIT_USAGE. */
int cli_unknown(const struct program *p, const char *what, const char *word,
                const struct word_list *words);

/* The exit status of a run that has printed all: `status`, or EXIT_USAGE, said
   why, when standard output did not take everything.  A reader who closed the
   pipe had enough. */
int cli_end(const struct program *p, int status);

/* Append an item to a help page, on a new line when it would pass column 79. */
void cli_flow(struct text *t, const char *item);
/* The same for settings: names, ranges, defaults. */
void cli_flow_settings(struct text *t, const struct option *options);
/* Cut a help page at `len` when it has more lines than a screen: true. */
bool cli_cut(struct text *t, size_t len);

/* Find and load a scenario; NULL, and the error is said, when it is bad. */
struct scenario *cli_scenario(const struct program *p, const char *name,
                              const struct run_options *run);

/* Write to standard output.  False when nobody reads it any more: end, and
   quietly.  Any other failure is said once, and ends the program. */
bool cli_print(const struct program *p, const struct text *t);

/* From now on Ctrl-C and SIGTERM only set what cli_interrupted returns: 0, or
   the signal.  A second Ctrl-C ends the program at once. */
void cli_catch_signals(void);
int cli_interrupted(void);

#endif
