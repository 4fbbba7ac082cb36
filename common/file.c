/* See file.h. */
#include "common/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int open_regular(int dir, const char *name, int flags)
{
    struct stat st;
    int fd = openat(dir, name, flags | O_NONBLOCK | O_CLOEXEC, 0666);

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        errno = EINVAL;
        fd = -1;
    }
    return fd;
}

int read_all(int fd, size_t max, struct text *out)
{
    char block[65536];

    for (;;) {
        ssize_t n = read(fd, block, sizeof block);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? errno : out->full ? ENOMEM : 0;
        text_bytes(out, block, (size_t)n);
        if (out->len > max)
            return EFBIG;
    }
}

bool read_file(const char *path, size_t max, struct text *out, struct text *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int error = fd >= 0 ? read_all(fd, max, out) : errno;

    if (fd >= 0)
        close(fd);
    if (error == 0)
        return true;
    text_safe(why, path, strlen(path));
    if (error == EFBIG)
        text_printf(why, ": cannot read: it has more than %zu bytes", max);
    else
        text_printf(why, ": cannot read: %s", strerror(error));
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
