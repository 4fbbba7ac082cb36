/* Addresses as text; see addr.h. */
#include "common/addr.h"

void addr_text(struct text *t, struct addr a)
{
    for (int shift = 24; shift >= 0; shift -= 8) {
        text_u64(t, a.ip >> shift & 255);
        text_char(t, shift > 0 ? '.' : ':');
    }
    text_u64(t, a.port);
}

/* Read a decimal number up to `max` and step over it. */
static bool read_number(const char **s, uint32_t max, uint32_t *value)
{
    const char *start = *s;

    for (*value = 0; **s >= '0' && **s <= '9'; ++*s) {
        *value = *value * 10 + (uint32_t)(**s - '0');
        if (*value > max)
            return false;
    }
    return *s > start && *s - start <= 5;
}

bool addr_parse(struct addr *a, const char *s)
{
    uint32_t value;

    a->ip = 0;
    for (int i = 0; i < 4; i++) {
        if (!read_number(&s, 255, &value) || *s++ != (i < 3 ? '.' : ':'))
            return false;
        a->ip = a->ip << 8 | value;
    }
    if (!read_number(&s, 65535, &value) || *s != '\0')
        return false;
    a->port = (uint16_t)value;
    return true;
}
