/*
 * Types of answers: what a student may write, and when it equals what the
 * oracle says.  People write sets with commas, paths with arrows, names in
 * capitals; all of that is read alike.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/options.h"
#include "common/sheet.h"

#define ITEMS_MAX 256
#define ITEM_BYTES_MAX 64

/* A list of words in small letters. */
struct items {
    char at[ITEMS_MAX][ITEM_BYTES_MAX];
    size_t count;
};

static bool is_separator(char c)
{
    return c == ' ' || c == ',' || c == '\n' || c == '{' || c == '}' ||
           c == '>';
}

/* The length of a separator at the front of `s`: a blank, comma, brace, or
   the arrow of a path. */
static size_t separator(const char *s)
{
    return s[0] == '-' && s[1] == '>' ? 2 : is_separator(s[0]);
}

/* Cut an answer into items; false when there are too many, or one is too
   long, or holds what no name holds. */
static bool items_read(struct items *list, const char *s)
{
    list->count = 0;
    while (*s != '\0') {
        size_t n = separator(s), len = 0;
        if (n > 0) {
            s += n;
            continue;
        }
        if (list->count == ITEMS_MAX)
            return false;
        char *item = list->at[list->count++];
        while (s[len] != '\0' && separator(s + len) == 0) {
            if (len + 1 == ITEM_BYTES_MAX || s[len] <= ' ' || s[len] > '~')
                return false;
            item[len] = (char)tolower((unsigned char)s[len]);
            len++;
        }
        item[len] = '\0';
        s += len;
        if (strcmp(item, "and") == 0) /* "n1, n2 and n3" */
            list->count--;
    }
    /* "none" is the empty set. */
    if (list->count == 1 &&
        (strcmp(list->at[0], "none") == 0 || strcmp(list->at[0], "-") == 0))
        list->count = 0;
    return true;
}

static int compare_items(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Order a set and drop what stands twice. */
static void items_sort(struct items *list)
{
    size_t kept = 0;

    qsort(list->at, list->count, ITEM_BYTES_MAX, compare_items);
    for (size_t i = 0; i < list->count; i++)
        if (kept == 0 || strcmp(list->at[kept - 1], list->at[i]) != 0)
            memmove(list->at[kept++], list->at[i], ITEM_BYTES_MAX);
    list->count = kept;
}

static bool items_equal(const struct items *a, const struct items *b)
{
    for (size_t i = 0; i < a->count && i < b->count; i++)
        if (strcmp(a->at[i], b->at[i]) != 0)
            return false;
    return a->count == b->count;
}

bool decimal_parse(const char *s, int64_t *millionths)
{
    bool minus = *s == '-';
    int64_t value = 0, unit = 1000000;

    s += minus;
    if (!isdigit((unsigned char)*s))
        return false;
    for (; isdigit((unsigned char)*s); s++)
        if ((value = value * 10 + (*s - '0')) > DECIMAL_MAX)
            return false;
    value *= unit;
    if (*s == '.')
        for (s++; isdigit((unsigned char)*s); s++)
            value += (*s - '0') * (unit /= 10);
    *millionths = minus ? -value : value;
    return *s == '\0';
}

/* Which of "a|b|c" is `word`?  A beginning that fits one alone will do. */
static int choice_of(const char *choices, const char *word)
{
    size_t len = strlen(word);
    int found = -1, i = 0;

    for (const char *at = choices; len > 0; i++) {
        size_t n = strcspn(at, "|");
        if (n == len && strncasecmp(at, word, len) == 0)
            return i;
        if (n > len && strncasecmp(at, word, len) == 0)
            found = found == -1 ? i : -2;
        if (at[n] == '\0')
            break;
        at += n + 1;
    }
    return found < 0 ? -1 : found;
}

/* "a|b|c": at least two, none empty, none twice? */
static bool is_choice(const char *choices)
{
    char word[ITEM_BYTES_MAX];
    int i = 0;

    for (const char *at = choices;; i++) {
        size_t n = strcspn(at, "|");
        if (n == 0 || n >= sizeof word)
            return false;
        memcpy(word, at, n);
        word[n] = '\0';
        if (choice_of(choices, word) != i)
            return false;
        if (at[n] == '\0')
            return i > 0;
        at += n + 1;
    }
}

bool answer_type_parse(const char *word, const char *choices,
                       struct answer_type *type)
{
    static const struct {
        const char *word;
        enum answer_kind kind;
    } kinds[] = {{"node", ANSWER_NODE}, {"nodes", ANSWER_NODES},
                 {"path", ANSWER_PATH}, {"int", ANSWER_INT},
                 {"word", ANSWER_WORD}, {"choice", ANSWER_CHOICE}};
    size_t len = strlen(word);
    char digits[4] = "";
    uint64_t percent;

    *type = (struct answer_type){.choices = choices};
    if (strncmp(word, "num+-", 5) == 0) {
        if (len < 7 || len > 9 || word[len - 1] != '%')
            return false;
        memcpy(digits, word + 5, len - 6);
        type->kind = ANSWER_NUMBER;
        type->percent =
            parse_u64(digits, 100, &percent) ? (unsigned)percent : 101;
        return type->percent <= 100;
    }
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(kinds[i].word, word) == 0) {
            type->kind = kinds[i].kind;
            return type->kind != ANSWER_CHOICE || is_choice(choices);
        }
    return false;
}

bool answer_valid(const struct answer_type *type, const char *s)
{
    static struct items list;
    int64_t number;

    if (!items_read(&list, s))
        return false;
    switch (type->kind) {
    case ANSWER_NODES:
        return true;
    case ANSWER_PATH:
        return list.count > 0;
    case ANSWER_NODE:
        return list.count == 1 && isalpha((unsigned char)list.at[0][0]);
    case ANSWER_WORD:
        return list.count == 1;
    case ANSWER_INT:
        return list.count == 1 && decimal_parse(list.at[0], &number) &&
               strchr(list.at[0], '.') == NULL;
    case ANSWER_NUMBER:
        return list.count == 1 && decimal_parse(list.at[0], &number);
    case ANSWER_CHOICE:
        return list.count == 1 && choice_of(type->choices, list.at[0]) >= 0;
    }
    return false;
}

/* |a - b| <= percent of |b| */
static bool is_within(int64_t a, int64_t b, unsigned percent)
{
    int64_t distance = a > b ? a - b : b - a, size = b < 0 ? -b : b;

    return distance <= size && distance * 100 <= size * (int64_t)percent;
}

/* Are all items numbers where names are wanted, or the other way round? */
static bool of_another_kind(const struct items *given,
                            const struct items *wanted)
{
    bool other = given->count > 0 && wanted->count > 0;

    for (size_t i = 0; i < given->count && other; i++)
        other = !isdigit((unsigned char)given->at[i][0]) !=
                !isdigit((unsigned char)wanted->at[0][0]);
    return other;
}

enum verdict answer_judge(const struct answer_type *type, const char *given,
                          const char *wanted)
{
    static struct items a, b;
    int64_t x, y;
    bool right = false;

    if (!answer_valid(type, given) || !items_read(&a, given) ||
        !items_read(&b, wanted))
        return ANSWER_MALFORMED;
    if ((type->kind == ANSWER_NODES || type->kind == ANSWER_PATH) &&
        of_another_kind(&a, &b))
        return ANSWER_MALFORMED;
    switch (type->kind) {
    case ANSWER_NODES:
        items_sort(&a);
        items_sort(&b);
        right = items_equal(&a, &b);
        break;
    case ANSWER_NODE:
    case ANSWER_PATH:
    case ANSWER_WORD:
        right = items_equal(&a, &b);
        break;
    case ANSWER_INT:
    case ANSWER_NUMBER:
        right = b.count == 1 && decimal_parse(a.at[0], &x) &&
                decimal_parse(b.at[0], &y) &&
                is_within(x, y, type->kind == ANSWER_INT ? 0 : type->percent);
        break;
    case ANSWER_CHOICE:
        right = b.count == 1 && choice_of(type->choices, a.at[0]) ==
                                    choice_of(type->choices, b.at[0]);
        break;
    }
    return right ? ANSWER_RIGHT : ANSWER_WRONG;
}

void answer_form(struct text *t, const struct answer_type *type)
{
    static const char *const form[] = {
        [ANSWER_NODE] = "a node's name, such as n7",
        [ANSWER_NODES] = "a set, such as n7 n12 or 3 5, or none",
        [ANSWER_PATH] = "in order, such as n7 n12 n3 or 3 5 1",
        [ANSWER_INT] = "a whole number",
        [ANSWER_NUMBER] = "a number; ",
        [ANSWER_WORD] = "one word",
        [ANSWER_CHOICE] = "one of "};

    text_add(t, form[type->kind]);
    if (type->kind == ANSWER_NUMBER)
        text_printf(t, "%u%% off is near enough", type->percent);
    if (type->kind == ANSWER_CHOICE)
        for (const char *at = type->choices; *at != '\0'; at++)
            text_add(t, *at == '|' ? ", " : (char[]){*at, '\0'});
}

void answer_mutate(struct text *t, const struct answer_type *type,
                   const char *wanted)
{
    static struct items list;
    int64_t number = 0;
    int right;

    switch (type->kind) {
    case ANSWER_INT:
    case ANSWER_NUMBER:
        /* Twice the tolerance off, and one more. */
        if (items_read(&list, wanted) && list.count > 0)
            decimal_parse(list.at[0], &number);
        number += llabs(number) / 50 * (int64_t)type->percent + 1000000;
        number = number / 1000000 + (number % 1000000 > 0);
        text_i64(t, number);
        break;
    case ANSWER_CHOICE:
        items_read(&list, wanted);
        right = list.count > 0 ? choice_of(type->choices, list.at[0]) : -1;
        const char *other = type->choices;
        if (right == 0)
            other += strcspn(other, "|") + 1;
        text_bytes(t, other, strcspn(other, "|"));
        break;
    case ANSWER_NODES: /* some where none is right, none where some are */
        items_read(&list, wanted);
        text_add(t, list.count > 0 ? "none" : "x9");
        break;
    case ANSWER_NODE:
    case ANSWER_PATH:
    case ANSWER_WORD:
        text_add(t, wanted);
        text_add(t, type->kind == ANSWER_PATH ? " x9" : "x");
        break;
    }
}
