/* See words.h. */
#include "common/words.h"

#include <string.h>

bool slice_is(struct slice s, const char *text)
{
    return s.len == strlen(text) && memcmp(s.at, text, s.len) == 0;
}

bool slice_skip(struct slice *s, const char *prefix)
{
    size_t len = strlen(prefix);

    if (s->len < len || memcmp(s->at, prefix, len) != 0)
        return false;
    *s = (struct slice){s->at + len, s->len - len};
    return true;
}

bool slice_number(struct slice *s, uint64_t *value)
{
    size_t digits = 0;

    *value = 0;
    while (s->len > 0 && *s->at >= '0' && *s->at <= '9' && digits++ < 18) {
        *value = *value * 10 + (uint64_t)(*s->at - '0');
        *s = (struct slice){s->at + 1, s->len - 1};
    }
    return digits > 0 && digits <= 18;
}

size_t word_next(const char **s)
{
    *s += strspn(*s, " \t");
    return strcspn(*s, " \t");
}

char *word_take(char **s)
{
    char *start = *s + strspn(*s, " \t");
    size_t len = strcspn(start, " \t");

    *s = start + len;
    if (**s != '\0')
        *(*s)++ = '\0';
    return len > 0 ? start : NULL;
}

bool word_is(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

bool word_listed(const char *words, const char *s, size_t len)
{
    for (size_t n; (n = word_next(&words)) > 0; words += n)
        if (n == len && memcmp(words, s, len) == 0)
            return true;
    return false;
}

bool in_list(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len)
        if ((at == list || at[-1] == ',') && (at[len] == ',' || at[len] == 0))
            return true;
    return false;
}

static int hex_digit(char c)
{
    uint8_t low = word_lower((uint8_t)c);

    return low >= '0' && low <= '9'   ? low - '0'
           : low >= 'a' && low <= 'f' ? low - 'a' + 10
                                      : -1;
}

int escaped_byte(const char *s, size_t len)
{
    if (len < 3 || s[0] != '%' || hex_digit(s[1]) < 0 || hex_digit(s[2]) < 0)
        return -1;
    return hex_digit(s[1]) * 16 + hex_digit(s[2]);
}

/* Decimal digits only, or 0x...: a number. */
static bool is_number(const char *s, size_t len)
{
    if (len > 2 && s[0] == '0' && (s[1] == 'x' || s[1] == 'X'))
        return true;
    for (size_t i = 0; i < len; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return len > 0;
}

bool word_key(const char *s, size_t len, unsigned bits, struct id *key,
              const char **name, size_t *name_len)
{
    char number[64] = "";

    *name = s;
    *name_len = 0;
    if (is_number(s, len)) {
        if (len >= sizeof number)
            return false;
        memcpy(number, s, len);
        return id_parse(key, bits, number);
    }
    if (len > 5 && memcmp(s, "name:", 5) == 0) {
        *name += 5;
        len -= 5;
    }
    if (len == 0 || len > KEY_NAME_MAX)
        return false;
    *name_len = len;
    *key = id_hash(*name, len, bits);
    return true;
}

static bool is_word_byte(uint8_t c)
{
    c = word_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c >= 0x80;
}

size_t word_cut(const uint8_t *name, size_t len, size_t *at)
{
    while (*at < len && !is_word_byte(name[*at]))
        ++*at;
    size_t from = *at;
    while (*at < len && is_word_byte(name[*at]))
        ++*at;
    return *at - from;
}

static bool occurs(const uint8_t *name, size_t name_len, const uint8_t *word,
                   size_t len)
{
    for (size_t i = 0; i + len <= name_len; i++) {
        size_t k = 0;
        while (k < len && word_lower(name[i + k]) == word_lower(word[k]))
            k++;
        if (k == len)
            return true;
    }
    return false;
}

size_t word_match(const char *name, size_t name_len, const char *text,
                  size_t text_len, unsigned words_max)
{
    const uint8_t *t = (const uint8_t *)text;
    size_t longest = 0;
    unsigned words = 0;

    for (size_t at = 0, len; (len = word_cut(t, text_len, &at)) > 0;) {
        longest = len > longest ? len : longest;
        if (++words > words_max ||
            !occurs((const uint8_t *)name, name_len, t + at - len, len))
            return 0;
    }
    return longest;
}
