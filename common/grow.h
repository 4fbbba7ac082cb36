/* Tables that grow. */
#ifndef COMMON_GROW_H
#define COMMON_GROW_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make room for one more element behind the `count` that a table has.
 * `table` is the address of the pointer to it, which may move; false, and
 * nothing has changed, when memory is short.
 */
bool grow(void *table, size_t count, size_t *cap, size_t element_bytes);

/* For who cannot go on without: no memory ends the program. */
void *need(void *memory);
void need_room(void *table, size_t count, size_t *cap, size_t element_bytes);

#endif
