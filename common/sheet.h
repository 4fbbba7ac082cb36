/*
 * Worksheets: one Markdown file is the printed handout, the guided exercise
 * in the terminal and an automatic test.
 *
 * A sheet is a header (`# Title`, then `key: value` lines) and a list of
 * blocks: prose, and fenced code whose first word means something.  It holds
 * no answers, only the commands that compute them from the student's own
 * run.  This header is about files; sheet_run.h about one student's run.
 */
#ifndef COMMON_SHEET_H
#define COMMON_SHEET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

#define SHEET_BYTES_MAX ((size_t)256 * 1024)
#define SHEET_LINE_MAX 1000
#define SHEET_LINES_MAX 4000
#define SHEET_BLOCKS_MAX 400
#define SHEET_NAMES_MAX 64 /* scenarios and variables together */
#define SHEET_NAME_MAX 16
#define SHEET_REQUIRES_MAX 8
#define SHEET_OBJECTIVES_MAX 9

#define TRIES_MAX 3 /* wrong answers, then the tutor gives the right one */

enum block_kind {
    BLOCK_TEXT,
    BLOCK_SCENARIO,
    BLOCK_LET,
    BLOCK_RUN,
    BLOCK_ASK,
    BLOCK_WATCH,
    BLOCK_REFLECT
};

enum answer_kind {
    ANSWER_NODE,
    ANSWER_NODES, /* a set of words; may be empty */
    ANSWER_PATH,  /* words in order */
    ANSWER_INT,
    ANSWER_NUMBER, /* within `percent` of the oracle's */
    ANSWER_WORD,
    ANSWER_CHOICE
};

struct answer_type {
    enum answer_kind kind;
    unsigned percent;
    const char *choices; /* "a|b|c" */
};

/*
 * One line of a block.  The mark says what it is:
 *   ' ' prose, question, scenario or monitor line, expected output
 *   '<' let: `text` is the name, `more` the command
 *   '$' run: a command      '[' run: the exit status, in `status`
 *   '=' ask: the oracle     '?' ask: a hint
 *   '!' ask: `text` is a value or a command, `more` the feedback
 *   '+' ask: the reason, shown with the right answer
 *   '#' reflect: a rubric
 *   '>' watch: a monitor command    '~' watch: predict this field
 */
struct sheet_line {
    unsigned number; /* in the file */
    char mark;
    const char *text, *more;
    int status;
};

struct block {
    enum block_kind kind;
    unsigned line;
    const char *name;        /* scenario, watch: its name; ask, reflect: ID */
    struct answer_type type; /* ask */
    unsigned points;         /* ask, reflect */
    const char *objective;   /* ask: "O1" */
    unsigned words_min;      /* reflect */
    size_t first, count;     /* of the sheet's lines */
};

/* require: COMMAND >= VALUE */
struct require {
    unsigned line;
    const char *command, *op, *value;
};

struct objective {
    const char *name, *text; /* "O1", "say which node ..." */
};

struct sheet {
    char *path;
    const char *title, *lab;
    unsigned minutes;
    bool own_seed; /* `seed: student` */
    uint64_t seed; /* else */
    struct require require[SHEET_REQUIRES_MAX];
    size_t require_count;
    struct objective objective[SHEET_OBJECTIVES_MAX];
    size_t objective_count;
    struct sheet_line *line;
    size_t line_count;
    struct block *block;
    size_t block_count;
    char digest[65]; /* SHA-256 of the file, in hex */
    char *text;      /* owns what the above points to */
};

/* Read and check a worksheet.  NULL with *why, FILE:LINE: ..., when any line
   of it is wrong.  labs/... is also looked for where it is installed. */
struct sheet *sheet_load(const char *path, struct text *why);
/* The same from memory. */
struct sheet *sheet_parse(const char *path, const char *text, size_t len,
                          struct text *why);
void sheet_free(struct sheet *s);

/* The ask or reflect block of that ID, or NULL. */
const struct block *sheet_find(const struct sheet *s, const char *id);
/* The `nth` line of a block with that mark, or NULL. */
const struct sheet_line *
block_line(const struct sheet *s, const struct block *b, char mark, size_t nth);
/* The length of the name at the front of `s`; 0: none is there. */
size_t sheet_name(const char *s);
/* The next @NAME of `s` from `from` on, behind its @; NULL when there is none.
   An @ behind a letter or digit (an address) names nothing. */
const char *sheet_variable(const char *s, const char *from, size_t *len);

/* -- Answers (sheet_answer.c) -------------------------------------------- */

enum verdict { ANSWER_RIGHT, ANSWER_WRONG, ANSWER_MALFORMED };

/* Read "node", "num+-10%", ...; for "choice" the choices follow apart. */
bool answer_type_parse(const char *word, const char *choices,
                       struct answer_type *type);
/* Compare an answer with the oracle's.  The same text is always right. */
enum verdict answer_judge(const struct answer_type *type, const char *given,
                          const char *wanted);
/* Is `s` of this type? */
bool answer_valid(const struct answer_type *type, const char *s);
#define DECIMAL_MAX INT64_C(90000000000)
/* Read all of `s` as a decimal number, at most DECIMAL_MAX, in millionths. */
bool decimal_parse(const char *s, int64_t *millionths);
/* Append what an answer must look like: "a node's name, such as n7". */
void answer_form(struct text *t, const struct answer_type *type);
/* Append an answer that is like `wanted` and wrong. */
void answer_mutate(struct text *t, const struct answer_type *type,
                   const char *wanted);

#endif
