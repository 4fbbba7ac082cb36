/*
 * The words of a command, and the keys that DHTs' commands name.
 */
#ifndef COMMON_WORDS_H
#define COMMON_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/id.h"

#define KEY_NAME_MAX 64 /* bytes of the name of a stored value */

/* Bytes that are no string. */
struct slice {
    const char *at;
    size_t len;
};
bool slice_is(struct slice s, const char *text);
/* Take a text off the front, or digits, 18 at most; false when it does not
   begin so. */
bool slice_skip(struct slice *s, const char *prefix);
bool slice_number(struct slice *s, uint64_t *value);

/* Cut the next word off the front of a string, in place; NULL: no more. */
char *word_take(char **s);
/* Step over blanks and tabs; the length of the word that *s then points to, 0
   at the end. */
size_t word_next(const char **s);
bool word_is(const char *s, size_t len, const char *word);
/* Is it one of `words`, which blanks part? */
bool word_listed(const char *words, const char *s, size_t len);
/* Is it one of a list with commas between them?  `name` is not empty. */
bool in_list(const char *list, const char *name);

/* The next word of a name from *at on, made of letters, digits, and bytes that
   are not ASCII: its length, 0 at the end.  *at is then just behind it. */
size_t word_cut(const uint8_t *name, size_t len, size_t *at);
static inline uint8_t word_lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 'a' - 'A') : c;
}
/* The byte that "%41" at the front of `s` stands for; -1: it is none. */
int escaped_byte(const char *s, size_t len);
/* Do all such words of `text` occur in `name`, whatever the case?  The length
   of the longest, 0: no, or no word, or more than `words_max`. */
size_t word_match(const char *name, size_t name_len, const char *text,
                  size_t text_len, unsigned words_max);

/*
 * The key that a word means: a bare number, or 0x..., is the key itself,
 * and *name_len is 0; any other word, or what follows "name:", is a name to
 * hash, which *name then points to.  False when the number has more
 * than `bits` bits, or the name more than KEY_NAME_MAX bytes or none.
 */
bool word_key(const char *s, size_t len, unsigned bits, struct id *key,
              const char **name, size_t *name_len);

#endif
