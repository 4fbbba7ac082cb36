/*
 * Forward and back through a simulation, and what would have happened if.
 *
 * The state after k steps is a function of scenario and k.  So going back is
 * restoring the nearest checkpoint at or before the place and executing the
 * rest again; the rolling hash of every step is kept and compared, always,
 * so a protocol that is not deterministic is found out at its first step
 * that differs.
 *
 * A student's fault is a line `at step N ...`.  It makes a branch: the parent
 * scenario up to the present step, and that line, run in a simulation of its
 * own.  Branches are called main, what-if-a, what-if-b ...; none is ever cut
 * off or lost.  Functions act on the branch that is shown.
 */
#ifndef COMMON_STEPPER_H
#define COMMON_STEPPER_H

#include "common/log.h"
#include "common/sim.h"

#define BRANCHES_MAX 27
#define CHECKPOINTS_MAX 64
#define CHECKPOINT_BYTES_MAX ((size_t)512 << 20) /* of all branches */

struct stepper;

/* Asked now and then during a long walk; false: stop where we are. */
struct patience {
    bool (*go_on)(void *context, uint64_t step, uint64_t goal);
    void *context;
};

/* NULL with *why when it cannot begin.  The scenario is lent. */
struct stepper *stepper_new(const struct scenario *s, struct text *why);
void stepper_free(struct stepper *s);
void stepper_patience(struct stepper *s, struct patience p);

struct sim *stepper_sim(const struct stepper *s);
const struct log *stepper_log(const struct stepper *s);
uint64_t stepper_step(const struct stepper *s); /* where we are */
uint64_t stepper_done(const struct stepper *s); /* executed so far */
bool stepper_ended(const struct stepper *s);    /* `done` is the last step */
/* The first step that came out differently when executed again; or 0. */
uint64_t stepper_strayed(const struct stepper *s);

/* To just before the first command, `warm` and all; false when there is none,
   or patience ended. */
bool stepper_open(struct stepper *s);
/* One step; false at the scenario's end. */
bool stepper_forward(struct stepper *s);
/* To just after a step, back or forward; false when the scenario ends before
   it, or patience did. */
bool stepper_goto(struct stepper *s, uint64_t step);
/* To the state at a time: all steps up to and at it; UINT64_MAX: the end. */
bool stepper_goto_time(struct stepper *s, uint64_t time_us);

/* What to look for; `begin` is called where a stretch of steps begins, each
   of which is then shown to `match`, a record at a time, after the step. */
struct search {
    void (*begin)(void *context); /* may be NULL */
    bool (*match)(void *context, const struct record *r);
    void *context;
};
/* To the next step (or the nearest one before the present) with a record that
   matches.  When there is none, stay where we were and return false. */
bool stepper_find(struct stepper *s, const struct search *f, bool forward);

/* -- Branches ------------------------------------------------------------ */

struct branch {
    char name[16];
    size_t parent;        /* of main: itself */
    uint64_t fork;        /* steps that it shares with its parent */
    char *fault;          /* "drop n16 n32 1"; NULL in main */
    struct scenario *own; /* NULL in main, whose scenario is lent */
    const struct scenario *scenario;
    uint64_t done;
    const struct log *log;
};

size_t stepper_branches(const struct stepper *s);
const struct branch *stepper_branch(const struct stepper *s, size_t i);
size_t stepper_shown(const struct stepper *s);
/* Show another branch, where it was left. */
void stepper_show(struct stepper *s, size_t i);
/* Make and show a branch with `fault` at the present step; false with *why
   when it cannot be done here. */
bool stepper_fork(struct stepper *s, const char *fault, struct text *why);

#endif
