/*
 * One program: a protocol, with what people need around it.  Each main.c
 * fills in a `struct program` and calls program_main, which provides every
 * verb but its own.
 */
#ifndef COMMON_PROGRAM_H
#define COMMON_PROGRAM_H

#include "common/figure.h"
#include "common/network.h"
#include "common/random.h"
#include "common/view.h"

#define P2PLAB_VERSION "0.1"

struct program;
struct sim;

/* What a fact of `show` is computed from. */
struct fact_call {
    const struct program *program;
    struct sim *sim;
    const struct network *network;
    const char *const *args; /* checked against `args` of the fact */
    size_t arg_count;
    struct host *host[2]; /* of those of the first arguments that are nodes */
    struct text *out;     /* the bare fact, without newline at its end */
    struct text *why;     /* when it returns false through its own error */
};

enum fact_outcome { FACT_OK, FACT_BROKEN /* printed, exit 1 */, FACT_ERROR };

struct fact {
    const char *name;
    /* Letters as in struct command; N: a node that is up; D: dead or alive. */
    const char *args;
    const char *usage; /* of the arguments: "NODE KEY" */
    const char *help;
    const char *example; /* of them: "n80 42"; "": as in the program's */
    enum fact_outcome (*print)(struct fact_call *c);
};

/* What facts have in common (fact.c).  Words are appended behind a blank. */
void fact_add(struct fact_call *c, const char *word);
void fact_add_number(struct fact_call *c, uint64_t value);
void fact_add_node(struct fact_call *c, struct addr a); /* by its name */
enum fact_outcome fact_print(struct fact_call *c, uint64_t value);
/* The name, or "none", which is FACT_BROKEN, for NULL. */
enum fact_outcome fact_print_name(struct fact_call *c, const char *name);
/* sum / count to two places, rounded; 0 for none. */
enum fact_outcome fact_print_ratio(struct fact_call *c, uint64_t sum,
                                   uint64_t count);
/* An argument; false with *why. */
bool fact_number(struct fact_call *c, size_t arg, uint64_t most,
                 uint64_t *value);
/* A stream for what is picked for a student: of the nodes' ids only, so that
   it is the same for tutor and grader, and differs from run to run. */
struct random fact_lot(const struct network *n);
/* The fact "pick DRAW COUNT WORD...": some of the words, by lot. */
enum fact_outcome fact_pick(struct fact_call *c);

/* A verb of this program only (bittorrent create ...). */
struct verb {
    const char *name;
    const char *usage;
    const char *help;
    int (*run)(const struct program *p, int argc, char **argv);
};

struct program {
    const struct protocol *protocol;
    const char *idea; /* one line: "a ring of nodes, and fingers across it" */
    const char *scenario;           /* "labs/chord/lecture.scn" */
    const char *tiny;               /* the one that `check` explores */
    const char *example;            /* of a command: "n80 lookup 42" */
    uint16_t port;                  /* of `node` without --listen */
    const struct fact *facts;       /* ends in a NULL name */
    const struct figure *figures;   /* ends in a NULL name; may be NULL */
    const struct picture *pictures; /* ends in a NULL name */
    void (*state)(const struct view *v, struct state_rows *rows);
    const struct verb *verbs; /* ends in a NULL name; may be NULL */
    const struct verb *as;    /* the one of them that runs, else NULL */
    /* Of a verb that runs `node`: how it goes, in one line; may be NULL.  It is
       for a terminal; with `progress_lines` for a pipe too, a line a change. */
    void (*progress)(const struct host *h, struct text *line);
    bool progress_lines;
};

/* Run the program; its exit status. */
int program_main(const struct program *p, int argc, char **argv);

/* The path of a file of labs/ ("labs/chord/lecture.scn"): below the working
   directory, beside the program, or where it was installed.  False when it
   is nowhere. */
bool program_find_file(const char *name, struct text *path);
/* Append the folder of the running program, which holds the other programs,
   with a slash behind it; false where the system cannot say. */
bool program_folder(struct text *path);

#endif
