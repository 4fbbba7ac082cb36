/* Whole files, in and out. */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include "common/text.h"

/* Open a regular file, below the folder `dir` or AT_FDCWD, or -1: devices and
   pipes could block for ever. */
int open_regular(int dir, const char *name, int flags);
/* Append all that a descriptor gives, up to `max` bytes in `out`; 0, or why
   not: EFBIG, there is more. */
int read_all(int fd, size_t max, struct text *out);
/* Append a file of at most `max` bytes; false with *why. */
bool read_file(const char *path, size_t max, struct text *out,
               struct text *why);
/* Write a text ("w"), or append it ("a"); false with *why. */
bool write_file(const char *path, const char *mode, const struct text *t,
                struct text *why);

/* Write all of it; false: errno. */
bool write_all(int fd, const void *data, size_t len);

#endif
