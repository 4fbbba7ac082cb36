/*
 * A growing text.  It is for people, JSON, canonical dumps and screens:
 * append, and read `data`, which always ends in a NUL.
 *
 * A text that would pass TEXT_BYTES_MAX, or finds no memory, stops growing
 * and sets `full`; what it holds stays valid, so callers check once, at the
 * end, or not at all.
 */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)256 << 20)

#ifdef __GNUC__
#define PRINTF_LIKE(at, first) __attribute__((format(printf, at, first)))
#else
#define PRINTF_LIKE(at, first)
#endif

/* A text that is freed where its block ends (gcc and clang, as all of this). */
#define LOCAL_TEXT __attribute__((cleanup(text_free))) struct text

struct text {
    char *data; /* never NULL; NUL-terminated */
    size_t len; /* without the NUL */
    size_t cap;
    bool full;
};

/* An empty text; it takes no memory before the first append. */
struct text text_new(void);
void text_free(struct text *t);
void text_clear(struct text *t);

void text_char(struct text *t, char c);
void text_bytes(struct text *t, const void *data, size_t len);
static inline void text_add(struct text *t, const char *s)
{
    text_bytes(t, s, strlen(s)); /* of a literal, known to the compiler */
}
void text_u64(struct text *t, uint64_t value);
void text_i64(struct text *t, int64_t value);
void text_repeat(struct text *t, char c, size_t count);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *t, const char *format, va_list args)
    PRINTF_LIKE(2, 0);

/* Append bytes from outside with every control character shown as '.', so
   that no peer can speak to the terminal. */
void text_safe(struct text *t, const char *s, size_t len);
void text_vsafe(struct text *t, const char *format, va_list args)
    PRINTF_LIKE(2, 0);
/* The bytes of the printable UTF-8 character at the front of `s`; 0 when it
   is a control character, or no UTF-8. */
size_t text_printable(const char *s, size_t len);
/* How many bytes at the front of `s` are such characters. */
size_t text_printable_run(const char *s, size_t len);
/* Append those that are, and nothing for the others. */
void text_clean(struct text *t, const char *s, size_t len);
/* Append bytes as hex digits, two each. */
void text_hex(struct text *t, const void *data, size_t len);
/* Append a JSON string with its quotes; invalid UTF-8 and control characters
   come out as \u00XX. */
void text_json(struct text *t, const char *s, size_t len);
/* Append ,"key":"value" */
void text_json_member(struct text *t, const char *key, const char *value);
/* Append text for XML or HTML. */
void text_xml(struct text *t, const char *s, size_t len);
/* Append microseconds as seconds, without trailing zeros: 1.034567, 0.5, 3 */
void text_seconds(struct text *t, uint64_t time_us);
/* `what` and the number. */
void text_number(struct text *t, const char *what, uint64_t value);
/* `what` and the seconds; nothing for UINT64_MAX, which never comes. */
void text_time(struct text *t, const char *what, uint64_t time_us);

/* Does a string end so, and with something before? */
bool string_ends(const char *s, const char *ending);
/* What stands behind the last slash of a path. */
const char *path_leaf(const char *path);

#endif
