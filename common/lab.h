/*
 * Worksheets for students and instructors: the verb `PROGRAM lab` and the
 * program `lab`.
 */
#ifndef COMMON_LAB_H
#define COMMON_LAB_H

#include <stdio.h>

#include "common/journal.h"
#include "common/sheet_run.h"

#include "common/cli.h"

/* The program `lab`. */
int lab_main(int argc, char **argv);

/* What the verbs about worksheets take. */
struct lab_options {
    const struct program *program; /* for messages */
    const char *const *file;
    size_t file_count;
    struct who who;
    bool named; /* a student or seed was given: handouts are filled in */
    uint64_t seeds;
    bool html, line;
    const char *roster, *sheet, *results, *out;
};

/* Parse such a verb's command line; `c` has its usage.  False when it has to
   end with *status. */
bool lab_parse(struct cli *c, int argc, char **argv, struct lab_options *o,
               int *status);
/* Say why a verb cannot go on: FILE:LINE: ..., or PROGRAM: ...; returns 2. */
int lab_fail(const struct lab_options *o, const struct text *why);

/* Grade a journal (grade.c): TAP on standard output, results.json. */
int lab_grade(const struct lab_options *o);
/* Work through a worksheet in the terminal (tutor_line.c). */
int lab_tutor(const char *path, const struct lab_options *o);

/* Paths of all worksheets below labs/, or those of one folder, in order. */
struct sheet_list {
    char **path;
    size_t count;
};
bool sheet_list(const char *folder, struct sheet_list *list);
/* Print them: as students of a program call them, or by their files. */
int sheet_list_print(const struct sheet_list *list, const char *program);
void sheet_list_free(struct sheet_list *list);

/* What a verb works with: a folder for runs, which goes with it, the outputs
   known so far, and perhaps a sheet; what goes wrong is told at the end. */
struct desk {
    struct text why, dir;
    struct cache *cache;
    struct sheet *sheet;
};
bool desk_open(struct desk *d, const char *path); /* of the sheet, or NULL */
int desk_close(struct desk *d, const struct lab_options *o, int status);

#endif
