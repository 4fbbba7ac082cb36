/*
 * Compressed streams, by zlib (this is its only user).
 *
 * All memory is the host's, so a simulated node's streams rewind with it.
 * Nothing here grows by what a peer sends: output goes into the room that the
 * caller gives, so a compression bomb is read at the caller's pace.
 */
#ifndef COMMON_DEFLATE_H
#define COMMON_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

struct host;
struct deflater;
struct inflater;

/* NULL when memory is short. */
struct deflater *deflate_new(struct host *h);
struct inflater *deflate_in_new(struct host *h);
void deflate_free(struct host *h, struct deflater *d); /* NULL: nothing */
void deflate_in_free(struct host *h, struct inflater *i);

/* The most that `len` bytes come out as. */
size_t deflate_bound(size_t len);
/* Compress `len` bytes and flush, so that the peer can read all of them at
   once: the bytes put into `out`, 0 when there was not enough room. */
size_t deflate_write(struct deflater *d, const void *data, size_t len,
                     uint8_t *out, size_t room);
/* Decompress into at most `room` bytes: how many, or ERR_MALFORMED; *used
   tells how much of `data` was taken. */
int deflate_in_read(struct inflater *i, const uint8_t *data, size_t len,
                    size_t *used, uint8_t *out, size_t room);
/* Behind a whole message: the bytes of the flush that ended it, if they
   follow.  A message then ends where the write of it ended. */
size_t deflate_in_flush(struct inflater *i, const uint8_t *data, size_t len);

/* Whole blocks.  The bytes put out; ERR_LIMIT when they do not fit (nothing
   beyond `room` is ever made), ERR_MALFORMED, ERR_SYSTEM. */
int deflate_whole(struct host *h, const void *data, size_t len, uint8_t *out,
                  size_t room);
int deflate_in_whole(struct host *h, const void *data, size_t len, uint8_t *out,
                     size_t room);

#endif
