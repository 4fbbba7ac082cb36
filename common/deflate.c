/* Compressed streams over zlib; see deflate.h. */
#include "common/deflate.h"

#include <string.h>
#define ZLIB_CONST /* zlib then takes const input */
#include <zlib.h>

#include "common/node.h"

/* A window of 1 KiB: messages are short, and links are many. */
#define WINDOW_BITS 10
#define MEMORY_LEVEL 1
#define FLUSH_BYTES_MAX 8 /* what may stand behind a message's last symbol */

struct deflater {
    z_stream z;
};
struct inflater {
    z_stream z;
};

/* zlib does not tell how much it frees: each block begins with its size. */
union block {
    size_t bytes;
    max_align_t align;
};

static void *take(void *host, unsigned count, unsigned bytes)
{
    size_t need = sizeof(union block) + (size_t)count * bytes;
    union block *b = host_alloc(host, need);

    if (b == NULL)
        return Z_NULL;
    b->bytes = need;
    return b + 1;
}

static void give(void *host, void *memory)
{
    union block *b = (union block *)memory - 1;

    host_free(host, b, b->bytes);
}

static bool begin(z_stream *z, struct host *h)
{
    *z = (z_stream){.zalloc = take, .zfree = give, .opaque = h};
    return deflateInit2(z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, WINDOW_BITS,
                        MEMORY_LEVEL, Z_DEFAULT_STRATEGY) == Z_OK;
}

/* With the window that the peer names. */
static bool begin_in(z_stream *z, struct host *h)
{
    *z = (z_stream){.zalloc = take, .zfree = give, .opaque = h};
    return inflateInit2(z, 0) == Z_OK;
}

/* Lay out what is to be read, and the room for what comes of it. */
static void lay_out(z_stream *z, const void *data, size_t len, uint8_t *out,
                    size_t room)
{
    z->next_in = data;
    z->avail_in = (unsigned)len;
    z->next_out = out;
    z->avail_out = (unsigned)room;
}

struct deflater *deflate_new(struct host *h)
{
    struct deflater *d = host_alloc(h, sizeof *d);

    if (d == NULL)
        return NULL;
    if (begin(&d->z, h))
        return d;
    host_free(h, d, sizeof *d);
    return NULL;
}

struct inflater *deflate_in_new(struct host *h)
{
    struct inflater *i = host_alloc(h, sizeof *i);

    if (i == NULL)
        return NULL;
    if (begin_in(&i->z, h))
        return i;
    host_free(h, i, sizeof *i);
    return NULL;
}

void deflate_free(struct host *h, struct deflater *d)
{
    if (d == NULL)
        return;
    deflateEnd(&d->z);
    host_free(h, d, sizeof *d);
}

void deflate_in_free(struct host *h, struct inflater *i)
{
    if (i == NULL)
        return;
    inflateEnd(&i->z);
    host_free(h, i, sizeof *i);
}

size_t deflate_bound(size_t len)
{
    return len + len / 8 + 64; /* stored blocks, header and flush */
}

size_t deflate_write(struct deflater *d, const void *data, size_t len,
                     uint8_t *out, size_t room)
{
    z_stream *z = &d->z;

    lay_out(z, data, len, out, room);
    if (deflate(z, Z_SYNC_FLUSH) != Z_OK || z->avail_out == 0)
        return 0;
    return room - z->avail_out;
}

int deflate_in_read(struct inflater *i, const uint8_t *data, size_t len,
                    size_t *used, uint8_t *out, size_t room)
{
    z_stream *z = &i->z;

    lay_out(z, data, len, out, room);
    int state = inflate(z, Z_SYNC_FLUSH);
    *used = len - z->avail_in;
    if (state != Z_OK && state != Z_BUF_ERROR)
        return ERR_MALFORMED; /* a link never ends its stream, so neither
                                 Z_STREAM_END is expected */
    return (int)(room - z->avail_out);
}

size_t deflate_in_flush(struct inflater *i, const uint8_t *data, size_t len)
{
    static const uint8_t mark[4] = {0x00, 0x00, 0xff, 0xff};
    size_t window = len < FLUSH_BYTES_MAX ? len : FLUSH_BYTES_MAX, used = 0;
    uint8_t none;

    for (size_t at = 0; at + sizeof mark <= window; at++)
        if (memcmp(data + at, mark, sizeof mark) == 0) {
            (void)deflate_in_read(i, data, at + sizeof mark, &used, &none, 0);
            return used;
        }
    return 0;
}

int deflate_whole(struct host *h, const void *data, size_t len, uint8_t *out,
                  size_t room)
{
    z_stream z;

    if (!begin(&z, h))
        return ERR_SYSTEM;
    lay_out(&z, data, len, out, room);
    int state = deflate(&z, Z_FINISH);
    deflateEnd(&z);
    return state == Z_STREAM_END ? (int)(room - z.avail_out) : ERR_LIMIT;
}

int deflate_in_whole(struct host *h, const void *data, size_t len, uint8_t *out,
                     size_t room)
{
    z_stream z;

    if (!begin_in(&z, h))
        return ERR_SYSTEM;
    lay_out(&z, data, len, out, room);
    int state = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    if (state == Z_STREAM_END)
        return (int)(room - z.avail_out);
    return state == Z_BUF_ERROR && z.avail_out == 0 ? ERR_LIMIT : ERR_MALFORMED;
}
