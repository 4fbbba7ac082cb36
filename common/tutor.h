/*
 * The tutor: a worksheet as a guided exercise.  It is a state machine that
 * takes lines and gives text, so that the terminal (tutor_line.c) and the
 * monitor's lab pane are both front ends of it.
 */
#ifndef COMMON_TUTOR_H
#define COMMON_TUTOR_H

#include "common/journal.h"
#include "common/sheet_run.h"

struct tutor;

/* Open a worksheet for a student, at the place where the journal ends.  NULL
   with *why. */
struct tutor *tutor_open(const char *path, const struct who *who,
                         struct text *why);
void tutor_close(struct tutor *t);

/* Append what has not been shown yet: prose, then the question or command
   that waits for an answer; nothing when nothing is new.  `width`: columns. */
void tutor_show(struct tutor *t, size_t width, struct text *out);
/* "Q3> "; short. */
const char *tutor_prompt(struct tutor *t);
/* Take one line from the student and append what there is to say.  False
   when the student quits. */
bool tutor_input(struct tutor *t, const char *line, size_t width,
                 struct text *out);
/* Does it wait for words?  Else an empty line goes on. */
bool tutor_is_question(const struct tutor *t);
/* Has every block been done or skipped? */
bool tutor_is_done(const struct tutor *t);
/* Does the monitor have to be opened now, for a watch block?  Then append
   the scenario's file and the keys to press first, once; and whose monitor:
   "chord", or NULL. */
bool tutor_has_watch(const struct tutor *t);
const char *tutor_take_watch(struct tutor *t, struct text *path,
                             struct text *keys);
/* The file of the scenario that was given last, or will be first; or NULL. */
const char *tutor_scenario(const struct tutor *t);

#endif
