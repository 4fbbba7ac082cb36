/*
 * Worksheets for students and instructors: the verb `PROGRAM lab` and the
 * program `lab`.
 */
#ifndef COMMON_LAB_H
#define COMMON_LAB_H

#include <stdio.h>

#include "common/journal.h"
#include "common/sheet_run.h"

struct program;

/* PROGRAM lab [N]: the list of a program's worksheets, or the N-th in the
   terminal. */
int verb_lab(const struct program *p, int argc, char **argv);
/* The program `lab`. */
int lab_main(int argc, char **argv);

/* What both take after their verb. */
struct lab_options {
    const char *file[64];
    size_t file_count;
    struct who who;
    unsigned seeds;
    bool named; /* a student or seed was given: handouts are filled in */
    bool html, line;
    const char *roster, *sheet, *results, *out;
};

/* Read the options; false with a sentence on standard error. */
bool lab_options(struct lab_options *o, int argc, char **argv);
/* Say `PROGRAM: why` and return 2. */
int lab_fail(const char *why);

/* Grade a journal (grade.c): TAP on standard output, results.json. */
int lab_grade(const struct lab_options *o);

/* Paths of all worksheets below labs/, or those of one folder, in order. */
struct sheet_list {
    char **path;
    size_t count;
};
bool sheet_list(const char *folder, struct sheet_list *list);
void sheet_list_free(struct sheet_list *list);

/* A new folder below $TMPDIR, and its removal with the files in it. */
bool scratch_make(struct text *dir, struct text *why);
void scratch_remove(struct text *dir);

#endif
