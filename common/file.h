/* Whole files, in and out. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/text.h"

/* Append a file of at most `max` bytes; false with *why. */
bool read_file(const char *path, size_t max, struct text *out,
               struct text *why);
/* Write a text ("w"), or append it ("a"); false with *why. */
bool write_file(const char *path, const char *mode, const struct text *t,
                struct text *why);

/* Write all of it; false: errno. */
bool write_all(int fd, const void *data, size_t len);

#endif
