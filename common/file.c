/* See file.h. */
#include "common/file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool read_file(const char *path, size_t max, struct text *out, struct text *why)
{
    char buffer[65536];
    size_t n;
    FILE *f = fopen(path, "rb");

    if (f == NULL) {
        text_safe(why, path, strlen(path));
        text_printf(why, ": cannot read: %s", strerror(errno));
        return false;
    }
    while (out->len <= max && (n = fread(buffer, 1, sizeof buffer, f)) > 0)
        text_bytes(out, buffer, n);
    int error = ferror(f) ? errno : 0;
    fclose(f);
    if (error == 0 && out->len <= max)
        return true;
    text_safe(why, path, strlen(path));
    if (error != 0)
        text_printf(why, ": cannot read: %s", strerror(error));
    else
        text_printf(why, ": cannot read: it has more than %zu bytes", max);
    return false;
}

bool write_file(const char *path, const char *mode, const struct text *t,
                struct text *why)
{
    FILE *f = fopen(path, mode);
    bool good = f != NULL && fwrite(t->data, 1, t->len, f) == t->len;

    if (f != NULL && fclose(f) != 0)
        good = false;
    if (!good) {
        text_safe(why, path, strlen(path));
        text_printf(why, ": cannot be written: %s", strerror(errno));
    }
    return good;
}

bool write_all(int fd, const void *data, size_t len)
{
    const char *at = data;

    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        at += n;
        len -= (size_t)n;
    }
    return true;
}
