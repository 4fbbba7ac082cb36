/*
 * Typed, named, ranged settings: --set NAME=VALUE and `set` in scenarios.
 *
 * A protocol lists its options in a table and reads them by index; every
 * value is a number: microseconds for times, bytes for sizes, bytes a second
 * for rates, parts of 2^32 for fractions, the index of a choice.  Only texts
 * are not; setting_text has them.
 */
#ifndef COMMON_OPTIONS_H
#define COMMON_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

#define OPTIONS_MAX 32
#define OPTION_TEXTS_MAX 4 /* of one table */
#define OPTION_TEXT_BYTES_MAX 64
#define FRACTION_ONE (UINT64_C(1) << 32)

enum option_type {
    OPTION_NUMBER,
    OPTION_CHOICE,   /* `choices`: "lecture,paper"; the value is the index */
    OPTION_TIME,     /* 250ms 10s 2m 1h; a bare number is seconds */
    OPTION_SIZE,     /* 16KiB 1MiB 512 */
    OPTION_RATE,     /* 100kB/s 1MB/s */
    OPTION_FRACTION, /* 5% 0.1% */
    OPTION_TEXT      /* a printable word; `choices` is the default, or NULL */
};

struct option {
    const char *name;
    enum option_type type;
    int64_t min, max, initial; /* as values */
    const char *choices;
    const char *help;
};

struct settings {
    const struct option *options; /* the table; ends in a NULL name */
    int64_t value[OPTIONS_MAX];   /* of a text: which one of these */
    char text[OPTION_TEXTS_MAX][OPTION_TEXT_BYTES_MAX + 1];
};

/* Every option at its default. */
struct settings settings_new(const struct option *options);

static inline int64_t setting(const struct settings *s, unsigned index)
{
    return s->value[index];
}

/* The value of an OPTION_TEXT, NUL-terminated. */
static inline const char *setting_text(const struct settings *s, unsigned index)
{
    return s->text[s->value[index]];
}

/* The option called by the first `len` letters of `name`, or NULL. */
const struct option *option_find(const struct option *options, const char *name,
                                 size_t len);
/* Read one value that is no text; false with a sentence in *why: what was expected. */
bool option_parse(const struct option *o, const char *value, int64_t *out,
                  struct text *why);
/* Append a value in the form that option_parse reads. */
void option_text(struct text *t, const struct option *o, int64_t value);
/* The same for an option of `s`, whatever its type. */
void settings_text(struct text *t, const struct settings *s, size_t index);
bool settings_is_default(const struct settings *s, size_t index);
bool settings_equal(const struct settings *a, const struct settings *b);
/* Set NAME to VALUE; an unknown name is answered with the nearest known. */
bool settings_set(struct settings *s, const char *name, const char *value,
                  struct text *why);
/* The same for "NAME=VALUE". */
bool settings_assign(struct settings *s, const char *assignment,
                     struct text *why);
/* Append "bits=32 (3..160)", "rule=lecture|paper": the default comes first. */
void option_summary(struct text *t, const struct option *o);
/* The same with its help, a line an option, for --help: all of them, or the one
   of that name; how many. */
unsigned settings_help(struct text *t, const struct option *options,
                       const char *name);

/* Tables whose rows begin with their name and end with a row that has none:
   the row called by the first `len` letters of `name`; or NULL, also when
   there is no table. */
const void *row_named(const void *table, size_t row_bytes, const char *name,
                      size_t len);
/* All names of such tables; of more than NAMES_MAX the first. */
#define NAMES_MAX 256
struct word_list {
    const char *at[NAMES_MAX];
    size_t count;
};
void names_add(struct word_list *n, const void *table, size_t row_bytes);

/* The words of a language, for "unknown ... did you mean ...?".  Returns the
   nearest of `count` words, or NULL when none is near. */
const char *nearest_word(const char *word, const char *const *words,
                         size_t count);
/* Say that, or else which words there are. */
void unknown_word(struct text *why, const char *what, const char *word,
                  const struct word_list *words);

/* Values that scenarios use outside of options; false when malformed. */
bool parse_time(const char *s, uint64_t *time_us);
bool parse_size(const char *s, uint64_t *bytes);
bool parse_rate(const char *s, uint64_t *bytes_per_s);
bool parse_fraction(const char *s, uint64_t *parts); /* of FRACTION_ONE */
bool parse_u64(const char *s, uint64_t max, uint64_t *value);

#endif
