/*
 * The journal: what a student did with a worksheet, a line each.
 *
 *     HASH TIME WHAT ID TEXT
 *
 * HASH is the SHA-256 of the line before's HASH, a blank, and the rest of
 * this line, so that a line can neither be changed nor taken out without
 * writing all that follow anew.  WHAT is one of
 *   start   ID the lab; TEXT "student=S seed=N sheet=SHA-256"
 *   answer  ID a question; TEXT as the student wrote it, before it is judged
 *   hint    ID a question; TEXT which hint
 *   done    ID a question or block; TEXT how it ended
 *   reflect ID a reflection; TEXT
 *   ran     a command that the student typed
 */
#ifndef COMMON_JOURNAL_H
#define COMMON_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

#define JOURNAL_BYTES_MAX ((size_t)1024 * 1024)
#define JOURNAL_LINE_MAX 8192

struct entry {
    unsigned line;
    const char *time, *what, *id, *text;
};

struct journal {
    struct text path;
    struct text bytes; /* owns what the entries point to */
    struct entry *at;
    size_t count, cap;
    char head[65]; /* hash of the last line */
};

/* Read and check a journal; one that does not exist is empty.  False with
   *why, FILE:LINE: ..., when it was changed or is no journal. */
bool journal_open(struct journal *j, const char *path, struct text *why);
/* Append one line, to the file too.  The new entry does not appear in `at`. */
bool journal_add(struct journal *j, const char *what, const char *id,
                 const char *text, struct text *why);
void journal_free(struct journal *j);

/* $XDG_STATE_HOME/p2plab/LAB, made if need be; NULL: without a lab. */
bool state_directory(const char *lab, struct text *path, struct text *why);
/* The file of scenario `name` in the student's present sheet: what @NAME
   means on the command line. */
bool state_scenario(const char *name, struct text *path, struct text *why);
/* Make `lab` the present sheet. */
bool state_choose(const char *lab, struct text *why);

#endif
