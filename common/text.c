/* A growing text; see text.h. */
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char empty[1]; /* what a text that holds nothing points to */

struct text text_new(void)
{
    return (struct text){.data = empty};
}

void text_free(struct text *t)
{
    if (t->cap > 0)
        free(t->data);
    *t = text_new();
}

void text_clear(struct text *t)
{
    t->len = 0;
    t->full = false;
    if (t->cap > 0)
        t->data[0] = '\0';
}

/* Make room for `more` bytes and a NUL; false when the text is full. */
static bool reserve(struct text *t, size_t more)
{
    if (t->full || more >= TEXT_BYTES_MAX - t->len) {
        t->full = true;
        return false;
    }
    if (t->len + more + 1 <= t->cap)
        return true;
    size_t cap = t->cap > 0 ? t->cap : 64;
    while (cap < t->len + more + 1)
        cap *= 2;
    char *data = realloc(t->cap > 0 ? t->data : NULL, cap);
    if (data == NULL) {
        t->full = true;
        return false;
    }
    t->data = data;
    t->cap = cap;
    return true;
}

void text_bytes(struct text *t, const void *data, size_t len)
{
    if (len == 0 || (len >= t->cap - t->len && !reserve(t, len)))
        return;
    memcpy(t->data + t->len, data, len);
    t->len += len;
    t->data[t->len] = '\0';
}

void text_char(struct text *t, char c)
{
    if (t->len + 1 >= t->cap && !reserve(t, 1))
        return;
    t->data[t->len++] = c;
    t->data[t->len] = '\0';
}

void text_u64(struct text *t, uint64_t value)
{
    char digits[20];
    size_t i = sizeof digits;

    if (value < 10) { /* most of what dumps print */
        text_char(t, (char)('0' + value));
        return;
    }
    do {
        digits[--i] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    text_bytes(t, digits + i, sizeof digits - i);
}

void text_i64(struct text *t, int64_t value)
{
    if (value < 0)
        text_char(t, '-');
    text_u64(t, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}

void text_repeat(struct text *t, char c, size_t count)
{
    if (!reserve(t, count))
        return;
    memset(t->data + t->len, c, count);
    t->len += count;
    t->data[t->len] = '\0';
}

void text_vprintf(struct text *t, const char *format, va_list args)
{
    va_list again;

    va_copy(again, args);
    int len = vsnprintf(NULL, 0, format, args);
    if (len > 0 && reserve(t, (size_t)len)) {
        vsnprintf(t->data + t->len, (size_t)len + 1, format, again);
        t->len += (size_t)len;
    }
    va_end(again);
}

void text_printf(struct text *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vprintf(t, format, args);
    va_end(args);
}

void text_safe(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        text_char(t, s[i] >= ' ' && s[i] <= '~' ? s[i] : '.');
}

void text_vsafe(struct text *t, const char *format, va_list args)
{
    LOCAL_TEXT raw = text_new();

    text_vprintf(&raw, format, args);
    text_safe(t, raw.data, raw.len);
}

/* The length of the valid UTF-8 sequence at the front of `s`, or 0. */
static size_t utf8_length(const unsigned char *s, size_t len)
{
    size_t need = s[0] < 0x80                   ? 1
                  : s[0] >= 0xc2 && s[0] < 0xe0 ? 2
                  : s[0] >= 0xe0 && s[0] < 0xf0 ? 3
                  : s[0] >= 0xf0 && s[0] < 0xf5 ? 4
                                                : 0;

    if (need == 0 || need > len)
        return 0;
    for (size_t i = 1; i < need; i++)
        if ((s[i] & 0xc0) != 0x80)
            return 0;
    if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
        (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
        return 0;
    return need;
}

size_t text_printable(const char *s, size_t len)
{
    const unsigned char *at = (const unsigned char *)s;
    size_t n = len > 0 ? utf8_length(at, len) : 0;

    if (n == 0 || at[0] < ' ' || at[0] == 0x7f)
        return 0;
    /* U+0080-9F are control characters; U+200E-0F, U+202A-2E and U+2066-69
       turn the direction of the text around them. */
    if (n == 2 && at[0] == 0xc2 && at[1] < 0xa0)
        return 0;
    if (n == 3 && at[0] == 0xe2 &&
        ((at[1] == 0x80 && (at[2] == 0x8e || at[2] == 0x8f ||
                            (at[2] >= 0xaa && at[2] <= 0xae))) ||
         (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9)))
        return 0;
    return n;
}

size_t text_printable_run(const char *s, size_t len)
{
    size_t i = 0;

    for (size_t n; (n = text_printable(s + i, len - i)) > 0; i += n)
        ;
    return i;
}

void text_clean(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        size_t n = text_printable_run(s + i, len - i);
        text_bytes(t, s + i, n);
        i += n;
    }
}

void text_hex(struct text *t, const void *data, size_t len)
{
    const uint8_t *at = data;

    for (size_t i = 0; i < len; i++)
        text_printf(t, "%02x", at[i]);
}

void text_json(struct text *t, const char *s, size_t len)
{
    text_char(t, '"');
    for (size_t i = 0; i < len;) {
        const unsigned char *at = (const unsigned char *)s + i;
        size_t n = utf8_length(at, len - i);
        if (n == 0 || at[0] < ' ' || at[0] == 0x7f) {
            text_printf(t, "\\u%04x", (unsigned)at[0]);
            i++;
            continue;
        }
        if (at[0] == '"' || at[0] == '\\')
            text_char(t, '\\');
        text_bytes(t, at, n);
        i += n;
    }
    text_char(t, '"');
}

void text_json_member(struct text *t, const char *key, const char *value)
{
    text_printf(t, ",\"%s\":", key);
    text_json(t, value, strlen(value));
}

void text_xml(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] == '&')
            text_add(t, "&amp;");
        else if (s[i] == '<')
            text_add(t, "&lt;");
        else if (s[i] == '>')
            text_add(t, "&gt;");
        else if (s[i] == '"')
            text_add(t, "&quot;");
        else
            text_char(t, s[i]);
}

void text_seconds(struct text *t, uint64_t time_us)
{
    uint64_t fraction = time_us % 1000000;

    text_u64(t, time_us / 1000000);
    if (fraction == 0)
        return;
    char digits[8];
    snprintf(digits, sizeof digits, ".%06u", (unsigned)fraction);
    size_t len = 7;
    while (digits[len - 1] == '0')
        len--;
    text_bytes(t, digits, len);
}

void text_number(struct text *t, const char *what, uint64_t value)
{
    text_add(t, what);
    text_u64(t, value);
}

void text_time(struct text *t, const char *what, uint64_t time_us)
{
    if (time_us == UINT64_MAX)
        return;
    text_add(t, what);
    text_seconds(t, time_us);
}

bool string_ends(const char *s, const char *ending)
{
    size_t len = strlen(s), tail = strlen(ending);

    return len > tail && strcmp(s + len - tail, ending) == 0;
}

const char *path_leaf(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}
