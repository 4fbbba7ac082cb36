/* See grow.h. */
#include "common/grow.h"

#include <stdlib.h>
#include <string.h>

bool grow(void *table, size_t count, size_t *cap, size_t element_bytes)
{
    size_t more = *cap > 0 ? *cap * 2 : 16;
    void *old, *at;

    if (count < *cap)
        return true;
    memcpy(&old, table, sizeof old); /* a pointer, whatever its type */
    at = realloc(old, more * element_bytes);
    if (at == NULL)
        return false;
    memcpy(table, &at, sizeof at);
    *cap = more;
    return true; // cppcheck-suppress memleak ; the table has it
}

void *need(void *memory)
{
    if (memory == NULL)
        abort();
    return memory;
}

void need_room(void *table, size_t count, size_t *cap, size_t element_bytes)
{
    if (!grow(table, count, cap, element_bytes))
        abort();
}
