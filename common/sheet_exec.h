/*
 * Run the commands of worksheets: our own programs, found beside the one
 * that runs, never through a shell, each with a time limit.  Equal commands
 * on equal scenarios are run once and remembered.
 */
#ifndef COMMON_SHEET_EXEC_H
#define COMMON_SHEET_EXEC_H

#include <stdbool.h>
#include <stddef.h>

#include "common/text.h"

#define WORDS_MAX 32
#define COMMAND_BYTES_MAX 4096
#define COMMAND_SECONDS_MAX 60
#define COMMAND_OUTPUT_MAX ((size_t)256 * 1024)

/* A command as a list of words. */
struct words {
    char store[COMMAND_BYTES_MAX];
    size_t used;
    char *word[WORDS_MAX + 1]; /* ends in NULL, for execv */
    size_t count;
};

/* Cut a command at blanks; "double quotes" keep words together. */
bool words_split(struct words *w, const char *command, struct text *why);
/* Append one word; false with *why when there is no room. */
bool words_add(struct words *w, const char *word, size_t len, struct text *why);
/* Is its first word one of our programs? */
bool words_ours(const struct words *w, struct text *why);
/* Is it a program, verb and options that a worksheet may use, and does no
   argument point outside of labs/? */
bool words_allowed(const struct words *w, struct text *why);
/* Does a line begin with the name of one of our programs? */
bool words_is_command(const char *line);

/* `check ... --out NAME` makes NAME a scenario of the sheet: that name, or
   NULL. */
const char *words_out(const struct words *w);

struct outcome {
    int status;      /* exit status; 128 + signal */
    struct text out; /* standard output */
    struct text err;
};

struct cache; /* what has been run, and what came out */
struct cache *cache_new(void);
void cache_free(struct cache *c);

/* Run a program with its arguments in `dir`; `key` says what its result
   depends on (NULL: do not remember).  `input` (may be NULL) is its standard
   input.  NULL with *why when it cannot be run or does not end in time; else
   lent until the next call. */
const struct outcome *cache_run(struct cache *c, const struct words *w,
                                const char *dir, const char *key,
                                const char *input, struct text *why);

#endif
