/*
 * Settings, their values and their spelling; see options.h.
 *
 * Every value with a unit is a decimal number and a unit of a table, read by
 * one function in integers: "1.5ms" is 1 * 1000 + 5 * 1000 / 10.
 */
#include "common/options.h"

#include <assert.h>
#include <string.h>

#include "common/words.h"

#define WORD_BYTES_MAX 32 /* longer words are near to nothing */

/* -- Numbers with units ------------------------------------------------- */

struct unit {
    const char *name;
    uint64_t multiply, divide;
};

/* Largest first, for printing; a bare number comes last. */
static const struct unit time_units[] = {
    {"h", UINT64_C(3600000000), 1},
    {"m", 60000000, 1},
    {"s", 1000000, 1},
    {"ms", 1000, 1},
    {"us", 1, 1},
    {"", 1000000, 1},
    {NULL, 0, 0},
};
static const struct unit size_units[] = {
    {"GiB", 1 << 30, 1},   {"MiB", 1 << 20, 1}, {"KiB", 1 << 10, 1},
    {"GB", 1000000000, 1}, {"MB", 1000000, 1},  {"kB", 1000, 1},
    {"B", 1, 1},           {"", 1, 1},          {NULL, 0, 0},
};
static const struct unit rate_units[] = {
    {"GB/s", 1000000000, 1},
    {"MB/s", 1000000, 1},
    {"kB/s", 1000, 1},
    {"GiB/s", 1 << 30, 1},
    {"MiB/s", 1 << 20, 1},
    {"KiB/s", 1 << 10, 1},
    {"B/s", 1, 1},
    {"", 1, 1},
    {NULL, 0, 0},
};
static const struct unit fraction_units[] = {
    {"%", FRACTION_ONE, 100},
    {NULL, 0, 0},
};
/* Of the types of options that have any. */
static const struct unit *const units_of[] = {[OPTION_TIME] = time_units,
                                              [OPTION_SIZE] = size_units,
                                              [OPTION_RATE] = rate_units,
                                              [OPTION_FRACTION] =
                                                  fraction_units,
                                              [OPTION_TEXT] = NULL};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static const struct unit *unit_find(const struct unit *units, const char *name)
{
    for (; units->name != NULL; units++)
        if (strcmp(units->name, name) == 0)
            return units;
    return NULL;
}

/* Read "DIGITS[.DIGITS]UNIT", nine decimals at most; what is below one is
   cut off.  False when it is malformed or above INT64_MAX. */
static bool parse_scaled(const char *s, const struct unit *units, uint64_t *out)
{
    uint64_t whole = 0, part = 0, one = 1;

    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s++) {
        if (whole > INT64_MAX / 10 - 1)
            return false;
        whole = whole * 10 + (uint64_t)(*s - '0');
    }
    if (*s == '.') {
        if (!is_digit(*++s))
            return false;
        for (; is_digit(*s); s++) {
            if (one == 1000000000)
                return false;
            part = part * 10 + (uint64_t)(*s - '0');
            one *= 10;
        }
    }
    const struct unit *u = unit_find(units, s);
    if (u == NULL || whole > INT64_MAX / u->multiply - 1)
        return false;
    *out = (whole * u->multiply + part * u->multiply / one) / u->divide;
    return true;
}

bool parse_time(const char *s, uint64_t *time_us)
{
    return parse_scaled(s, time_units, time_us);
}

bool parse_size(const char *s, uint64_t *bytes)
{
    return parse_scaled(s, size_units, bytes);
}

bool parse_rate(const char *s, uint64_t *bytes_per_s)
{
    return parse_scaled(s, rate_units, bytes_per_s);
}

bool parse_fraction(const char *s, uint64_t *parts)
{
    return parse_scaled(s, fraction_units, parts) && *parts <= FRACTION_ONE;
}

bool parse_u64(const char *s, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;

    if (!is_digit(*s))
        return false;
    for (; is_digit(*s); s++) {
        uint64_t digit = (uint64_t)(*s - '0');
        if (digit > max || v > (max - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return *s == '\0';
}

/* -- Printing values ----------------------------------------------------- */

/* In the largest unit that gives a whole number. */
static void scaled_text(struct text *t, const struct unit *units,
                        uint64_t value)
{
    while (value % units->multiply != 0)
        units++;
    text_u64(t, value / units->multiply);
    text_add(t, value == 0 ? "" : units->name);
}

/* As per cent, with as few decimals as read back to the same value. */
static void fraction_text(struct text *t, uint64_t parts)
{
    uint64_t hundredfold = parts * 100, back = 0;
    LOCAL_TEXT s = text_new();

    for (uint64_t one = 1, places = 0; places <= 9; one *= 10, places++) {
        uint64_t rest = hundredfold % FRACTION_ONE * one;
        uint64_t digits = hundredfold / FRACTION_ONE * one +
                          (rest + FRACTION_ONE - 1) / FRACTION_ONE;
        text_clear(&s);
        text_u64(&s, digits / one);
        if (places > 0)
            text_printf(&s, ".%0*llu", (int)places,
                        (unsigned long long)(digits % one));
        text_char(&s, '%');
        if (parse_fraction(s.data, &back) && back == parts)
            break;
    }
    text_bytes(t, s.data, s.len);
}

/* Append the `index`-th of "lecture,paper". */
static void choice_text(struct text *t, const char *choices, int64_t index)
{
    while (index-- > 0)
        choices = strchr(choices, ',') + 1;
    text_bytes(t, choices, strcspn(choices, ","));
}

void option_text(struct text *t, const struct option *o, int64_t value)
{
    uint64_t magnitude = value < 0 ? 0 : (uint64_t)value;

    if (o->type == OPTION_NUMBER)
        text_i64(t, value);
    else if (o->type == OPTION_CHOICE)
        choice_text(t, o->choices, value);
    else if (o->type == OPTION_FRACTION)
        fraction_text(t, magnitude);
    else if (o->type == OPTION_TEXT) /* the default */
        text_add(t, o->choices != NULL ? o->choices : "");
    else
        scaled_text(t, units_of[o->type], magnitude);
}

/* -- Options ------------------------------------------------------------- */

struct settings settings_new(const struct option *options)
{
    struct settings s = {.options = options};
    size_t texts = 0;

    for (size_t i = 0; options[i].name != NULL; i++) {
        const struct option *o = &options[i];
        assert(i < OPTIONS_MAX);
        s.value[i] = o->initial;
        if (o->type != OPTION_TEXT)
            continue;
        assert(texts < OPTION_TEXTS_MAX);
        if (o->choices != NULL)
            memcpy(s.text[texts], o->choices, strlen(o->choices) + 1);
        s.value[i] = (int64_t)texts++;
    }
    return s;
}

void settings_text(struct text *t, const struct settings *s, size_t index)
{
    const struct option *o = &s->options[index];

    if (o->type == OPTION_TEXT)
        text_add(t, setting_text(s, (unsigned)index));
    else
        option_text(t, o, s->value[index]);
}

bool settings_is_default(const struct settings *s, size_t index)
{
    const struct option *o = &s->options[index];

    if (o->type != OPTION_TEXT)
        return s->value[index] == o->initial;
    return strcmp(setting_text(s, (unsigned)index),
                  o->choices != NULL ? o->choices : "") == 0;
}

bool settings_equal(const struct settings *a, const struct settings *b)
{
    return memcmp(a->value, b->value, sizeof a->value) == 0 &&
           memcmp(a->text, b->text, sizeof a->text) == 0;
}

const struct option *option_find(const struct option *options, const char *name,
                                 size_t len)
{
    return row_named(options, sizeof *options, name, len);
}

static bool parse_choice(const char *choices, const char *value, int64_t *out)
{
    size_t len = strlen(value);

    for (*out = 0;; ++*out) {
        size_t n = strcspn(choices, ",");
        if (n == len && memcmp(choices, value, n) == 0)
            return true;
        if (choices[n] == '\0')
            return false;
        choices += n + 1;
    }
}

static bool parse_number(const char *value, int64_t *out)
{
    bool negative = value[0] == '-';
    uint64_t magnitude;

    if (!parse_u64(value + negative, INT64_MAX, &magnitude))
        return false;
    *out = negative ? -(int64_t)magnitude : (int64_t)magnitude;
    return true;
}

/* parse_word has those that are a text. */
static bool parse_value(const struct option *o, const char *value, int64_t *out)
{
    uint64_t magnitude = 0;

    if (o->type == OPTION_NUMBER)
        return parse_number(value, out);
    if (o->type == OPTION_CHOICE)
        return parse_choice(o->choices, value, out);
    bool good = parse_scaled(value, units_of[o->type], &magnitude) &&
                (o->type != OPTION_FRACTION || magnitude <= FRACTION_ONE);
    *out = (int64_t)magnitude;
    return good;
}

/* "lecture|paper", "3..160", "10ms..1m". */
static void range_text(struct text *t, const struct option *o)
{
    bool choice = o->type == OPTION_CHOICE;

    if (o->type == OPTION_TEXT) {
        text_add(t, "a word");
        return;
    }
    option_text(t, o, o->min);
    for (int64_t i = o->min + 1; choice && i <= o->max; i++) {
        text_char(t, '|');
        option_text(t, o, i);
    }
    if (choice)
        return;
    text_add(t, "..");
    option_text(t, o, o->max);
}

bool option_parse(const struct option *o, const char *value, int64_t *out,
                  struct text *why)
{
    static const char *const kind[] = {"a number",
                                       "one of",
                                       "a time (250ms, 10s, 2m)",
                                       "a size (512, 16KiB, 1MiB)",
                                       "a rate (100kB/s, 1MB/s)",
                                       "a share (5%, 0.1%)"};
    int64_t v = 0;

    if (parse_value(o, value, &v) &&
        (o->type == OPTION_CHOICE || (v >= o->min && v <= o->max))) {
        *out = v;
        return true;
    }
    text_printf(why, "%s is '", o->name);
    text_safe(why, value, strnlen(value, 64));
    text_printf(why, "', expected %s%s ", kind[o->type],
                o->type == OPTION_CHOICE ? "" : " in");
    range_text(why, o);
    return false;
}

/* A word can stand on a line of a scenario: printable, no blanks, no comment. */
static bool parse_word(const struct option *o, const char *value, char *to,
                       struct text *why)
{
    size_t len = strnlen(value, OPTION_TEXT_BYTES_MAX + 1);

    if (len > 0 && len <= OPTION_TEXT_BYTES_MAX && value[0] != '#' &&
        strcspn(value, " ") == len && text_printable_run(value, len) == len) {
        memset(to, 0, OPTION_TEXT_BYTES_MAX + 1); /* settings are compared */
        memcpy(to, value, len);
        return true;
    }
    text_printf(why, "%s is '", o->name);
    text_safe(why, value, len);
    text_printf(why, "', expected a word of at most %d bytes without blanks",
                OPTION_TEXT_BYTES_MAX);
    return false;
}

bool settings_set(struct settings *s, const char *name, const char *value,
                  struct text *why)
{
    const struct option *o = option_find(s->options, name, strlen(name));
    struct word_list names = {.count = 0};

    if (o != NULL && o->type == OPTION_TEXT)
        return parse_word(o, value, s->text[s->value[o - s->options]], why);
    if (o != NULL)
        return option_parse(o, value, &s->value[o - s->options], why);
    names_add(&names, s->options, sizeof *s->options);
    unknown_word(why, "option", name, &names); /* did you mean 'bits'? */
    return false;
}

bool settings_assign(struct settings *s, const char *assignment,
                     struct text *why)
{
    const char *equals = strchr(assignment, '=');
    LOCAL_TEXT name = text_new();

    if (equals == NULL) {
        text_add(why, "'");
        text_safe(why, assignment, strnlen(assignment, 64));
        text_add(why, "' is no setting, expected NAME=VALUE");
        return false;
    }
    text_bytes(&name, assignment, (size_t)(equals - assignment));
    return settings_set(s, name.data, equals + 1, why);
}

void option_summary(struct text *t, const struct option *o)
{
    text_printf(t, "%s=", o->name);
    option_text(t, o, o->initial);
    if (o->type != OPTION_CHOICE) {
        text_add(t, " (");
        range_text(t, o);
        text_char(t, ')');
        return;
    }
    for (int64_t i = o->min; i <= o->max; i++) {
        if (i == o->initial)
            continue;
        text_char(t, '|');
        option_text(t, o, i);
    }
}

unsigned settings_help(struct text *t, const struct option *options,
                       const char *name)
{
    unsigned count = 0;

    for (const struct option *o = options; o->name != NULL; o++) {
        LOCAL_TEXT s = text_new();
        if (name != NULL && strcmp(o->name, name) != 0)
            continue;
        option_summary(&s, o);
        text_printf(t, "  %-28s %s\n", s.data, o->help);
        count++;
    }
    return count;
}

/* -- Tables of names --------------------------------------------------------- */

/* The name of a row, which is what it begins with. */
static const char *name_at(const void *row)
{
    return *(const char *const *)row;
}

const void *row_named(const void *table, size_t row_bytes, const char *name,
                      size_t len)
{
    const char *row = table;

    for (; row != NULL && name_at(row) != NULL; row += row_bytes)
        if (word_is(name, len, name_at(row)))
            return row;
    return NULL;
}

void names_add(struct word_list *n, const void *table, size_t row_bytes)
{
    const char *row = table;

    for (; row != NULL && name_at(row) != NULL; row += row_bytes)
        if (n->count < NAMES_MAX)
            n->at[n->count++] = name_at(row);
}

/* -- Near words ------------------------------------------------------------ */

static size_t min_of(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Letters to insert, remove, replace or swap with their neighbour. */
static size_t distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    size_t d[WORD_BYTES_MAX + 1][WORD_BYTES_MAX + 1];

    for (size_t i = 0; i <= m; i++) {
        for (size_t j = 0; j <= n; j++) {
            if (i == 0 || j == 0) {
                d[i][j] = i + j;
                continue;
            }
            d[i][j] = min_of(d[i - 1][j - 1] + (a[i - 1] != b[j - 1]),
                             min_of(d[i - 1][j], d[i][j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                d[i][j] = min_of(d[i][j], d[i - 2][j - 2] + 1);
        }
    }
    return d[m][n];
}

const char *nearest_word(const char *word, const char *const *words,
                         size_t count)
{
    size_t len = strnlen(word, WORD_BYTES_MAX + 1);
    size_t best = len < 6 ? 2 : 1 + len / 3; /* below this is near */
    const char *near = NULL;

    if (len > WORD_BYTES_MAX || len == 0)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t n = strnlen(words[i], WORD_BYTES_MAX + 1);
        if (n > WORD_BYTES_MAX)
            continue;
        /* The beginning of a word is nearer than a slip of the finger. */
        size_t d = strncmp(word, words[i], len) == 0 ? len < n
                                                     : distance(word, words[i]);
        if (d < best && d < n) {
            best = d;
            near = words[i];
        }
    }
    return near;
}

void unknown_word(struct text *why, const char *what, const char *word,
                  const struct word_list *words)
{
    const char *near = nearest_word(word, words->at, words->count);

    text_printf(why, "unknown %s '", what);
    text_safe(why, word, strnlen(word, 64));
    if (near != NULL) {
        text_printf(why, "'; did you mean '%s'?", near);
        return;
    }
    text_add(why, "', expected one of");
    for (size_t i = 0; i < words->count; i++)
        text_printf(why, "%s %s", i > 0 ? "," : "", words->at[i]);
}
