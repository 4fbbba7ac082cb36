/*
 * One student's run of a worksheet: the seed, the scenarios written as files,
 * the variables, and the oracles' answers.  Tutor, test, handout, key and
 * grading all begin here, so that they agree.
 */
#ifndef COMMON_SHEET_RUN_H
#define COMMON_SHEET_RUN_H

#include <stdio.h>

#include "common/sheet.h"
#include "common/sheet_exec.h"

#define STUDENT_BYTES_MAX 64
#define SEED_TRIES_MAX 64
#define SEED_MAX UINT64_C(0x7fffffff) /* ten digits: people type seeds */

/* What a name stands for. */
struct binding {
    const char *name;
    bool is_scenario;
    struct text value; /* or the text of the scenario */
    struct text path;  /* of the scenario's file */
};

struct run {
    const struct sheet *sheet; /* lent */
    struct cache *cache;       /* lent */
    char student[STUDENT_BYTES_MAX + 1];
    uint64_t seed;
    unsigned tries;   /* seeds tried until all `require` were met */
    struct text dir;  /* where the scenarios are written */
    struct text root; /* the folder above labs/ */
    struct binding at[SHEET_NAMES_MAX];
    size_t count;
};

/* Whose run. */
struct who {
    const char *student, *course;
    bool has_seed; /* the instructor's choice for this student */
    uint64_t seed;
};

/* Find the student's seed, write the scenarios into `dir`, compute the
   variables.  False with *why when the sheet cannot be run. */
bool run_open(struct run *r, const struct sheet *s, const struct who *who,
              const char *dir, struct cache *cache, struct text *why);
void run_close(struct run *r);

enum expand { EXPAND_SHOW, EXPAND_RUN, EXPAND_WITHIN, EXPAND_KEY };

/* Append `s` with variables replaced; a scenario stays @NAME, becomes the
   path of its file (in quotes, where the path has blanks and stands WITHIN a
   command that is one word of `lab ratio`), or its whole text (what a result
   depends on). */
void run_expand(const struct run *r, const char *s, enum expand how,
                struct text *out);
const struct binding *run_find(const struct run *r, const char *name,
                               size_t len);
/* Append what a program printed, the files of scenarios shown as @NAME. */
void run_printed(const struct run *r, const char *printed, struct text *out);
/* Run a command of the sheet; see cache_run. */
const struct outcome *run_execute(const struct run *r, const char *command,
                                  struct text *why);
/* Run a watch block in the monitor without a screen; exit 1 when one of its
   commands cannot be done, or something that must hold does not. */
const struct outcome *run_watch(const struct run *r, const struct block *b,
                                struct text *why);
/* For its screen: the scenario's file, and the keys to press first. */
bool run_watch_file(const struct run *r, const struct block *b,
                    struct text *path, struct text *keys, struct text *why);
/* The monitor's screen of a scenario block, its picture alone. */
const struct outcome *run_picture(const struct run *r, const struct block *b,
                                  const char *size, struct text *why);
/* What the `nth` prediction of a watch block should have been. */
bool run_predicted(const struct run *r, const struct block *b, size_t nth,
                   struct text *value, struct text *why);
/* Append the first line of what a command prints; false with *why when it
   fails. */
bool run_value(const struct run *r, const char *command, struct text *value,
               struct text *why);
/* The oracle's answer; false with *why (FILE:LINE: ...) when it has none. */
bool run_answer(const struct run *r, const struct block *ask,
                struct text *value, struct text *why);
/* Does the output of a run block's `nth` command match what is expected?
   The command's line in *line; false with *why when it differs.  *line NULL:
   there is no such command. */
bool run_expected(const struct run *r, const struct block *b, size_t nth,
                  const struct sheet_line **line, struct text *why);
/* The program that a scenario is for: of the first command about @SCENARIO;
   NULL: of the first command of all. */
const char *run_program_name(const struct sheet *s, const char *scenario);

/* `lab test` (sheet_check.c): work through a sheet as `seeds` students,
   scenarios in `dir`; print TAP, counting on from *number.  Returns how many of
   the ten facts that a worksheet must keep fail. */
unsigned sheet_check(const struct sheet *s, unsigned seeds, const char *dir,
                     struct cache *cache, unsigned *number, FILE *out);

/* Does `text` match `pattern`, with * and ? ? */
bool glob_match(const char *pattern, const char *text);
/* The folder above labs/ that a sheet's path is in; else where labs/ is. */
void sheet_root(const char *path, struct text *root);

#endif
