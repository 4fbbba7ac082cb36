/* See words.h. */
#include "common/words.h"

#include <string.h>

size_t word_next(const char **s)
{
    size_t len = 0;

    while (**s == ' ')
        (*s)++;
    while ((*s)[len] != ' ' && (*s)[len] != '\0')
        len++;
    return len;
}

bool word_is(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
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
