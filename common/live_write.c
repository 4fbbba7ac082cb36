/*
 * Writing to the streams of the live host (live_conn.c).
 *
 * A write goes to the system at once; only what that does not take is kept:
 * bytes in memory, and between them parts of files, which the system sends
 * without copying where it can.  While a stream is corked, short parts are
 * held back as bytes are: headers and blocks of one file, in turn, then leave
 * with two calls, and come to the reader in large pieces.
 */
#include <assert.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif
#include <unistd.h>

#include "common/live_host.h"

/* -- What waits -------------------------------------------------------------- */

size_t conn_unsent(const struct conn *c)
{
    return c->out.len + c->part_bytes;
}

bool conn_holds_too_much(struct conn *c)
{
    struct live_node *n = c->node;

    if (c->dead)
        return false;
    n->held_bytes -= c->held;
    c->held = c->in.len + c->out.len;
    n->held_bytes += c->held;
    return n->held_bytes > HELD_PER_NODE_MAX &&
           c->held > HELD_PER_NODE_MAX / n->conn_count;
}

void conn_wait(struct conn *c)
{
    unsigned read = c->eof || c->connecting ? 0 : WAIT_READ;
    unsigned write = c->connecting || conn_unsent(c) > 0 ? WAIT_WRITE : 0;

    if (!waiter_set(c->node->live->waiter, c->fd, read | write, stream_ready,
                    c))
        conn_end_later(c, CLOSE_RESET);
}

#ifndef MSG_MORE
#define MSG_MORE 0
#endif
#define CORKED_MAX ((size_t)16 * 1024) /* held back for a moment */
#define BATCH_PARTS 32

/* -- Files -------------------------------------------------------------------------- */

/* Send from a file, without copying where the system can; as send(2). */
static ssize_t send_file(int conn, int file, uint64_t at, size_t len)
{
#ifdef __linux__
    off_t offset = (off_t)at;
    return sendfile(conn, file, &offset, len);
#else
    uint8_t block[16384];
    ssize_t n =
        pread(file, block, len < sizeof block ? len : sizeof block, (off_t)at);
    return n > 0 ? send(conn, block, (size_t)n, MSG_NOSIGNAL) : n;
#endif
}

/* -- Writing -------------------------------------------------------------------------- */

/* Drop what waits to be sent. */
static void discard_unsent(struct conn *c)
{
    bytes_free(&c->out);
    bytes_free(&c->parts);
    c->part_bytes = c->part_before = 0;
    (void)conn_holds_too_much(c);
}

/* Writing failed: the peer is gone.  What it had sent before is still read,
   and the end of that tells; unless we had seen its end already. */
static void writing_failed(struct conn *c, int error)
{
    c->broken = true;
    c->error = conn_reason(c, error);
    discard_unsent(c);
    if (c->eof)
        conn_end_later(c, c->error);
}

/* Write to the system; how many bytes it took.  More: they need not leave
   before what is written next. */
static size_t push(struct conn *c, const uint8_t *data, size_t len, bool more)
{
    size_t at = 0;

    while (at < len && !c->broken) {
        ssize_t n = send(c->fd, data + at, len - at,
                         MSG_NOSIGNAL | (more ? MSG_MORE : 0));
        if (n >= 0)
            at += (size_t)n;
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
        else if (errno != EINTR)
            writing_failed(c, errno);
    }
    return at;
}

/* Write bytes of a content's file to the system; how many it took.  A file
   that has become shorter than it was breaks the stream. */
static size_t push_file(struct conn *c, int content, uint64_t offset,
                        size_t len)
{
    size_t done = 0;

    while (done < len && !c->broken) {
        uint64_t at, in_file;
        int fd = contents_fd(c->node->host.contents, content, offset + done,
                             &at, &in_file);
        size_t part = in_file < len - done ? (size_t)in_file : len - done;
        ssize_t n = fd >= 0 ? send_file(c->fd, fd, at, part) : 0;
        if (n > 0)
            done += (size_t)n;
        else if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        else if (n == 0 || errno != EINTR)
            writing_failed(c, n == 0 ? EIO : errno);
    }
    return done;
}

/* Into the batch: bytes and parts that wait, as long as the parts follow each
   other in one file.  How many; 0: there are fewer than two such parts. */
static size_t gather(const struct conn *c)
{
    const struct file_part *part = (void *)(c->parts.data + c->parts.start);
    size_t count = c->parts.len / sizeof *part, k = 0, len = 0, out = 0;
    size_t from_file = 0;
    uint64_t at = 0, in_file = 0;
    struct iovec to[BATCH_PARTS];
    int fd = count < 2 ? -1
                       : contents_fd(c->node->host.contents, part->content,
                                     part->offset, &at, &in_file);

    for (; fd >= 0 && k < count && k < BATCH_PARTS; k++) {
        const struct file_part *p = &part[k];
        if (len + p->before + p->len > BATCH_BYTES ||
            p->content != part->content ||
            p->offset != part->offset + from_file ||
            from_file + p->len > in_file)
            break;
        memcpy(c->node->live->batch + len, c->out.data + c->out.start + out,
               p->before);
        to[k] = (struct iovec){c->node->live->batch + len + p->before, p->len};
        len += p->before + p->len;
        out += p->before;
        from_file += p->len;
    }
    return k > 1 && preadv(fd, to, (int)k, (off_t)at) == (ssize_t)from_file
               ? len
               : 0;
}

/* So many bytes of what waits are gone, those of files among them. */
static void drop_sent(struct conn *c, size_t len)
{
    while (len > 0) {
        struct file_part *part = (void *)(c->parts.data + c->parts.start);
        size_t bytes = part->before < len ? part->before : len;
        size_t file = part->len < len - bytes ? part->len : len - bytes;
        if (bytes > 0)
            bytes_drop(&c->out, bytes);
        part->before -= bytes;
        c->part_before -= bytes;
        part->offset += file;
        part->len -= file;
        c->part_bytes -= file;
        len -= bytes + file;
        if (part->len == 0)
            bytes_drop(&c->parts, sizeof *part);
    }
}

static void shut_if_done(struct conn *c)
{
    if (!c->finishing || c->shut || c->connecting || c->broken ||
        conn_unsent(c) > 0)
        return;
    shutdown(c->fd, SHUT_WR);
    c->shut = true;
    if (c->eof)
        conn_end_later(c, CLOSE_DONE);
}

/* Write what waits, from memory and from files in their order. */
static void push_all(struct conn *c, bool more)
{
    bool taken = true;

    while (taken && !c->broken && conn_unsent(c) > 0) {
        struct file_part *part =
            c->parts.len > 0 ? (void *)(c->parts.data + c->parts.start) : NULL;
        size_t len = part != NULL ? gather(c) : 0, n;
        if (len > 0) {
            n = push(c, c->node->live->batch, len, more);
            taken = n == len;
            if (!c->broken)
                drop_sent(c, n);
            continue;
        }
        len = part != NULL ? part->before : c->out.len;
        if (len > 0) {
            n = push(c, c->out.data + c->out.start, len, more || part != NULL);
            taken = n == len;
            if (c->broken)
                break;
            bytes_drop(&c->out, n);
            if (part != NULL) {
                part->before -= n;
                c->part_before -= n;
            }
            continue;
        }
        assert(part != NULL); /* no bytes are left but those of a content */
        n = push_file(c, part->content, part->offset, part->len);
        taken = n == part->len;
        if (c->broken)
            break;
        part->offset += n;
        part->len -= n;
        c->part_bytes -= n;
        if (taken)
            bytes_drop(&c->parts, sizeof *part);
    }
}

static void push_out(struct conn *c)
{
    push_all(c, false);
    (void)conn_holds_too_much(c); /* less than before */
    shut_if_done(c);
    conn_wait(c);
}

void conn_cork(struct conn *c)
{
    c->corked = true;
}

/* A stream that is full is left to the loop, which then says ROOM. */
void conn_uncork(struct conn *c)
{
    bool held = c->corked && !c->dead && !c->broken && !c->full;

    c->corked = false;
    if (held && conn_unsent(c) > 0)
        push_out(c);
}

void conn_flush(struct conn *c)
{
    push_out(c);
    if (c->full && conn_unsent(c) < BACKLOG_LOW) {
        c->full = false;
        if (conn_is_served(c) && !c->broken) {
            conn_cork(c);
            conn_tell(c, (struct event){.kind = EVENT_ROOM}, "room");
            conn_uncork(c);
        }
    }
}

/* May bytes go to the system at once?  What was held back goes first. */
static bool may_push(struct conn *c)
{
    if (c->corked && conn_unsent(c) > 0 && !c->full)
        push_all(c, true);
    return !c->connecting && !c->broken && conn_unsent(c) == 0;
}

/* Something waits to be sent, if there was memory for it; how much in all. */
static size_t wait_unsent(struct conn *c, bool ok)
{
    if (conn_holds_too_much(c) || !ok ||
        conn_unsent(c) > BACKLOG_MAX + MESSAGE_BYTES_MAX) {
        conn_end_later(c, CLOSE_RESET);
        return 0;
    }
    if (conn_unsent(c) >= BACKLOG_HIGH)
        c->full = true;
    if (c->fd >= 0)
        conn_wait(c);
    return conn_unsent(c);
}

size_t stream_write(struct host *h, conn_id id, const void *wire,
                    size_t wire_len, const void *plain, size_t plain_len)
{
    struct conn *c = conn_of(h, id);
    bool coded = wire != plain;
    struct record r = {.data = plain,
                       .len = plain_len,
                       .wire = coded ? wire : NULL,
                       .wire_len = coded ? wire_len : 0};

    if (c == NULL || c->finishing || c->broken || c->failed || wire_len == 0)
        return 0;
    c->written += wire_len;
    conn_written(c, &r);
    size_t taken = 0;
    if (c->corked && !c->full && c->out.len + wire_len <= CORKED_MAX &&
        bytes_add(&c->out, wire, wire_len))
        return conn_unsent(c);
    if (may_push(c))
        taken = push(c, wire, wire_len, false);
    if (c->broken || taken == wire_len)
        return c->broken ? 0 : conn_unsent(c);
    return wait_unsent(
        c, bytes_add(&c->out, (const uint8_t *)wire + taken, wire_len - taken));
}

/* Report bytes of a content; who listens must see them. */
static void note_content(struct conn *c, int content, uint64_t offset,
                         size_t len)
{
    uint8_t data[MESSAGE_BYTES_MAX];
    struct record r = {.data = data, .len = len};
    enum phase phase = c->phase;

    if (!live_observed(c->node->live))
        return;
    if (!c->peer_local &&
        contents_read(c->node->host.contents, content, offset, data, len) != 0)
        return;
    c->phase = PHASE_BULK;
    conn_written(c, &r);
    c->phase = phase;
}

/* What lies in no file, or in several, is written as any other bytes. */
static size_t write_read(struct conn *c, int content, uint64_t offset,
                         size_t len)
{
    uint8_t data[MESSAGE_BYTES_MAX];
    struct host *h = &c->node->host;
    enum phase phase = c->phase;

    if (contents_read(h->contents, content, offset, data, len) != 0)
        return 0;
    c->phase = PHASE_BULK;
    size_t backlog = stream_write(h, c->id, data, len, data, len);
    c->phase = phase;
    return backlog;
}

size_t stream_write_content(struct host *h, conn_id id, int content,
                            uint64_t offset, size_t len)
{
    struct conn *c = conn_of(h, id);
    uint64_t at, in_file;

    if (c == NULL || c->finishing || c->broken || c->failed || len == 0)
        return 0;
    if (contents_fd(h->contents, content, offset, &at, &in_file) < 0 ||
        in_file < len)
        return write_read(c, content, offset, len);
    c->written += len;
    note_content(c, content, offset, len);
    size_t taken = 0;
    bool hold = c->corked && !c->full && len <= CORKED_MAX &&
                conn_unsent(c) + len < BATCH_BYTES;
    if (!hold && may_push(c))
        taken = push_file(c, content, offset, len);
    if (c->broken || taken == len)
        return c->broken ? 0 : conn_unsent(c);
    struct file_part part = {.before = c->out.len - c->part_before,
                             .content = content,
                             .offset = offset + taken,
                             .len = len - taken};
    bool ok = bytes_add(&c->parts, &part, sizeof part);
    if (ok) {
        c->part_before = c->out.len;
        c->part_bytes += part.len;
    }
    return hold && ok ? conn_unsent(c) : wait_unsent(c, ok);
}

void stream_finish(struct host *h, conn_id id)
{
    struct conn *c = conn_of(h, id);

    if (c == NULL)
        return;
    c->finishing = true;
    shut_if_done(c);
}
