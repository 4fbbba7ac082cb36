/*
 * The streams of the live host: TCP connections with the semantics of
 * node.h.
 *
 * A stream holds memory only for what is under way: bytes are read into one
 * buffer that all streams share and shown to the node at once; only what it
 * leaves is kept.  A write goes to the system at once; only what that does
 * not take is kept.
 *
 * Streams stand in a table by id, in slot id & (cap - 1), one a slot: ids
 * count up, and an id whose slot is taken is skipped.  A closed stream stays
 * in memory until the end of the round, since the event that closed it may
 * have been reading its bytes.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#ifdef __linux__
#include <sys/sendfile.h>
#endif
#include <unistd.h>

#include "common/live_host.h"

#define PORTS 65536

/* -- Runs of bytes ---------------------------------------------------------- */

/* Move to memory of twice the size, or what is needed. */
static bool bytes_grow(struct bytes *b, size_t need)
{
    size_t cap = b->cap > 0 ? b->cap * 2 : 256;

    while (cap < need)
        cap *= 2;
    uint8_t *more = malloc(cap);
    if (more == NULL)
        return false;
    if (b->len > 0)
        memcpy(more, b->data + b->start, b->len);
    free(b->data);
    *b = (struct bytes){.data = more, .len = b->len, .cap = cap};
    return true;
}

bool bytes_add(struct bytes *b, const void *data, size_t len)
{
    size_t need = b->len + len;

    if (b->start + need > b->cap) {
        /* What is moved was paid for by as many bytes that have gone. */
        if (need > b->cap / 2) {
            if (!bytes_grow(b, need))
                return false;
        } else if (b->len > 0) {
            memmove(b->data, b->data + b->start, b->len);
        }
        b->start = 0;
    }
    if (len > 0)
        memcpy(b->data + b->start + b->len, data, len);
    b->len = need;
    return true;
}

void bytes_drop(struct bytes *b, size_t len)
{
    assert(len <= b->len);
    b->start += len;
    b->len -= len;
    if (b->len == 0)
        bytes_free(b);
}

void bytes_free(struct bytes *b)
{
    free(b->data);
    *b = (struct bytes){0};
}

/* -- The table of streams ----------------------------------------------------- */

static struct conn *conn_find(const struct live *l, conn_id id)
{
    if (l->conn_cap == 0)
        return NULL;
    struct conn *c = l->conn[id & (l->conn_cap - 1)];
    return c != NULL && c->id == id ? c : NULL;
}

/* A stream of `h`'s, or NULL: hosts must not reach those of others. */
static struct conn *conn_of(struct host *h, conn_id id)
{
    struct conn *c = conn_find(node_of(h)->live, id);

    return c != NULL && c->node == node_of(h) ? c : NULL;
}

/* Keep the table at most half full, so that ids are not skipped for long. */
static bool reserve_conn(struct live *l)
{
    if (l->conn_count < l->conn_cap / 2)
        return true;
    size_t cap = l->conn_cap > 0 ? l->conn_cap * 2 : 64;
    struct conn **more = calloc(cap, sizeof(struct conn *));
    if (more == NULL)
        return false;
    for (size_t i = 0; i < l->conn_cap; i++)
        if (l->conn[i] != NULL)
            more[l->conn[i]->id & (cap - 1)] = l->conn[i];
    free(l->conn);
    l->conn = more;
    l->conn_cap = cap;
    return true;
}

static struct conn *conn_new(struct live_node *n, int fd, struct addr peer)
{
    struct live *l = n->live;
    struct conn *c = reserve_conn(l) ? calloc(1, sizeof *c) : NULL;

    if (c == NULL)
        return NULL;
    do
        l->conn_last++;
    while (l->conn_last == 0 ||
           l->conn[l->conn_last & (l->conn_cap - 1)] != NULL);
    *c = (struct conn){.id = l->conn_last,
                       .stream = l->conn_last,
                       .node = n,
                       .fd = fd,
                       .peer = peer,
                       .shown = peer,
                       .phase = PHASE_MESSAGES,
                       .deadline_us = NEVER};
    l->conn[c->id & (l->conn_cap - 1)] = c;
    l->conn_count++;
    n->conn_count++;
    return c;
}

/* Closing it will be a reset, and discard what is unsent. */
static void reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

/* Close a stream and take it off the table.  Its memory stays until the end
   of the round. */
static void conn_remove(struct conn *c, bool reset)
{
    struct live *l = c->node->live;
    struct conn *mate = conn_find(l, c->mate);

    if (c->fd >= 0) {
        if (reset)
            reset_on_close(c->fd);
        waiter_remove(l->waiter, c->fd);
        close(c->fd);
    }
    if (mate != NULL)
        mate->mate = 0;
    l->conn[c->id & (l->conn_cap - 1)] = NULL;
    l->conn_count--;
    c->node->conn_count--;
    c->node->held_bytes -= c->held;
    c->dead = true;
    c->next_dead = l->dead;
    l->dead = c;
}

void streams_free_dead(struct live *l)
{
    while (l->dead != NULL) {
        struct conn *c = l->dead;
        l->dead = c->next_dead;
        bytes_free(&c->in);
        bytes_free(&c->out);
        bytes_free(&c->parts);
        bytes_free(&c->arriving);
        bytes_free(&c->leaving);
        free(c);
    }
}

/* -- Telling the node ----------------------------------------------------------- */

/* May events of this stream still be delivered? */
static bool is_served(const struct conn *c)
{
    return !c->dead && c->node->host.state != NODE_DOWN && !c->node->left;
}

static void record_stream(const struct conn *c, const char *text)
{
    struct live *l = c->node->live;
    struct record r = {.kind = RECORD_STREAM,
                       .from = live_endpoint(l, c->shown),
                       .to = live_self(c->node),
                       .stream = true,
                       .conn = c->stream,
                       .text = text};

    if (live_observed(l))
        live_record(l, &r);
}

/* Deliver an event of the stream that is not BYTES. */
static void tell(struct conn *c, struct event e, const char *text)
{
    bool begins = e.kind == EVENT_OPEN || e.kind == EVENT_ACCEPT;

    e.conn = c->id;
    e.peer = c->peer;
    live_step(c->node->live, begins ? c->command : 0);
    record_stream(c, text);
    live_deliver(c->node, &e);
}

static void end(struct conn *c, enum close_reason reason)
{
    static const char *const text[] = {"closed", "refused", "reset", "timeout"};
    bool served = is_served(c);

    conn_remove(c, false);
    if (served)
        tell(c, (struct event){.kind = EVENT_CLOSED, .error = reason},
             text[reason]);
}

/* The stream has something to say that waits on no socket; the loop comes
   back to it. */
static void end_later(struct conn *c, enum close_reason reason)
{
    struct live *l = c->node->live;

    if (c->failed)
        return;
    if (l->settle_count == l->settle_cap) {
        size_t cap = l->settle_cap > 0 ? l->settle_cap * 2 : 64;
        conn_id *more = realloc(l->settle, cap * sizeof *more);
        if (more == NULL)
            return; /* then its socket, or its deadline, ends it */
        l->settle = more;
        l->settle_cap = cap;
    }
    c->failed = true;
    c->error = reason;
    l->settle[l->settle_count++] = c->id;
}

/* Why an open stream, or one that could not be opened, is gone. */
static enum close_reason reason_of(const struct conn *c, int error)
{
    return error == ETIMEDOUT || error == EHOSTUNREACH ? CLOSE_TIMEOUT
           : c->connecting                             ? CLOSE_REFUSED
                                                       : CLOSE_RESET;
}

static void set_deadline(struct conn *c, uint64_t deadline_us)
{
    struct live *l = c->node->live;

    c->deadline_us = deadline_us;
    if (deadline_us < l->conn_deadline_us)
        l->conn_deadline_us = deadline_us;
}

static void find_expired(struct live *l)
{
    uint64_t now = live_now(l);

    if (l->conn_deadline_us > now)
        return;
    l->conn_deadline_us = NEVER;
    for (size_t i = 0; i < l->conn_cap; i++) {
        struct conn *c = l->conn[i];
        if (c != NULL && c->deadline_us <= now)
            end_later(c, CLOSE_TIMEOUT);
        else if (c != NULL && c->deadline_us < l->conn_deadline_us)
            l->conn_deadline_us = c->deadline_us;
    }
}

void streams_settle(struct live *l)
{
    find_expired(l);
    size_t count = l->settle_count; /* later ones: in the next round */
    for (size_t i = 0; i < count; i++) {
        struct conn *c = conn_find(l, l->settle[i]);
        if (c != NULL)
            end(c, c->error);
    }
    l->settle_count -= count;
    if (l->settle_count > 0)
        memmove(l->settle, l->settle + count,
                l->settle_count * sizeof *l->settle);
}

/* -- Records of messages ----------------------------------------------------------- */

/* A message is written: leave word with the other end if that is here, else
   report it. */
static void note_written(struct conn *c, const struct record *message)
{
    struct live *l = c->node->live;
    struct conn *mate = conn_find(l, c->mate);

    if (!live_observed(l))
        return;
    if (c->peer_local) {
        struct passage p = {.end = c->written,
                            .sent_us = l->now_us,
                            .step = l->step,
                            .command = l->command,
                            .phase = c->phase};
        bytes_add(mate != NULL ? &mate->arriving : &c->leaving, &p, sizeof p);
        return;
    }
    struct record r = *message;
    r.stream = true;
    r.conn = c->stream;
    r.framing = (struct framing){c->phase, c->opener};
    r.to = live_endpoint(l, c->shown);
    r.outgoing = true;
    live_record_sent(c->node, &r);
}

/* The passage of the message that is consumed next. */
static struct passage passage_of(struct conn *c)
{
    struct passage p = {.sent_us = NEVER, .phase = c->phase};

    while (c->arriving.len > 0) {
        struct passage first;
        memcpy(&first, c->arriving.data + c->arriving.start, sizeof first);
        if (first.end > c->consumed)
            return first;
        bytes_drop(&c->arriving, sizeof first);
    }
    return p;
}

/* Report what a BYTES call consumed: the bytes, or the plain messages that
   the node decoded from them. */
static void record_consumed(struct conn *c, const struct passage *p,
                            const uint8_t *data, size_t len)
{
    struct live *l = c->node->live;
    struct record r = {.kind = RECORD_MESSAGE,
                       .sent_us = p->sent_us != NEVER ? p->sent_us : l->now_us,
                       .cause = p->step,
                       .command = p->command,
                       .from = live_endpoint(l, c->shown),
                       .to = live_self(c->node),
                       .stream = true,
                       .framing = {p->phase, !c->opener},
                       .conn = c->stream,
                       .data = data,
                       .len = len};

    if (l->decoded.len == 0) {
        live_record(l, &r);
        return;
    }
    r.wire = data;
    r.wire_len = len;
    while (l->decoded.len > 0) {
        memcpy(&r.len, l->decoded.data + l->decoded.start, sizeof r.len);
        r.data = l->decoded.data + l->decoded.start + sizeof r.len;
        live_record(l, &r);
        r.wire_len = 0; /* the first has them all */
        bytes_drop(&l->decoded, sizeof r.len + r.len);
    }
}

void stream_decoded(struct host *h, conn_id id, const void *plain, size_t len)
{
    struct live *l = node_of(h)->live;

    if (!live_observed(l) || conn_of(h, id) == NULL)
        return;
    bytes_add(&l->decoded, &len, sizeof len);
    bytes_add(&l->decoded, plain, len);
}

/* -- Reading ------------------------------------------------------------------------ */

static ready_fn on_ready;

/* Bytes that the system has not yet taken. */
static size_t unsent(const struct conn *c)
{
    return c->out.len + c->part_bytes;
}

/* Count what a stream holds; true when that is more than its share of what
   its node may hold, and the node holds too much. */
static bool holds_too_much(struct conn *c)
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

/* Wait for what this stream needs. */
static void wait_for(struct conn *c)
{
    unsigned read = c->eof || c->connecting ? 0 : WAIT_READ;
    unsigned write = c->connecting || unsent(c) > 0 ? WAIT_WRITE : 0;

    if (!waiter_set(c->node->live->waiter, c->fd, read | write, on_ready, c))
        end_later(c, CLOSE_RESET);
}

/* Show bytes to the node until it wants more; how many it consumed. */
static size_t show(struct conn *c, const uint8_t *data, size_t len)
{
    struct live *l = c->node->live;
    size_t at = 0, used = 1;

    while (at < len && used > 0 && is_served(c)) {
        struct event e = {.kind = EVENT_BYTES,
                          .conn = c->id,
                          .peer = c->peer,
                          .data = data + at,
                          .len = len - at};
        struct passage p = passage_of(c);
        live_step(l, p.command);
        used = live_deliver(c->node, &e);
        assert(used <= len - at);
        if (used > 0 && live_observed(l))
            record_consumed(c, &p, data + at, used);
        bytes_free(&l->decoded);
        c->consumed += used;
        at += used;
    }
    return at;
}

static void show_kept(struct conn *c)
{
    bytes_drop(&c->in, show(c, c->in.data + c->in.start, c->in.len));
    (void)holds_too_much(c);
}

/* Bytes have come: show them, together with what was left before. */
static void feed(struct conn *c, const uint8_t *data, size_t len)
{
    size_t used = c->in.len == 0 ? show(c, data, len) : 0;

    if (c->dead)
        return;
    bool was_kept = c->in.len > 0;
    bool ok = used == len || bytes_add(&c->in, data + used, len - used);
    if (ok && was_kept)
        show_kept(c);
    if (is_served(c) &&
        (!ok || c->in.len > UNCONSUMED_MAX || holds_too_much(c))) {
        reset_on_close(c->fd);
        end(c, CLOSE_RESET);
    }
}

static void discard_kept(struct conn *c)
{
    bytes_free(&c->in);
    (void)holds_too_much(c);
}

static void on_eof(struct conn *c)
{
    c->eof = true;
    wait_for(c);
    if (c->in.len > 0)
        show_kept(c);
    if (!is_served(c))
        return;
    if (c->broken) {
        end(c, c->error);
        return;
    }
    size_t left = c->in.len;
    discard_kept(c);
    tell(c, (struct event){.kind = EVENT_EOF, .len = left}, "eof");
    if (c->shut)
        end_later(c, CLOSE_DONE);
}

static void receive(struct conn *c)
{
    struct live *l = c->node->live;
    ssize_t len = recv(c->fd, l->scratch, SCRATCH_BYTES, 0);

    if (len > 0)
        feed(c, l->scratch, (size_t)len);
    else if (len == 0)
        on_eof(c);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        end(c, reason_of(c, errno));
}

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
    (void)holds_too_much(c);
}

/* Writing failed: the peer is gone.  What it had sent before is still read,
   and the end of that tells; unless we had seen its end already. */
static void writing_failed(struct conn *c, int error)
{
    c->broken = true;
    c->error = reason_of(c, error);
    discard_unsent(c);
    if (c->eof)
        end_later(c, c->error);
}

/* Write to the system; how many bytes it took. */
static size_t push(struct conn *c, const uint8_t *data, size_t len)
{
    size_t at = 0;

    while (at < len && !c->broken) {
        ssize_t n = send(c->fd, data + at, len - at, MSG_NOSIGNAL);
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

static void shut_if_done(struct conn *c)
{
    if (!c->finishing || c->shut || c->connecting || c->broken || unsent(c) > 0)
        return;
    shutdown(c->fd, SHUT_WR);
    c->shut = true;
    if (c->eof)
        end_later(c, CLOSE_DONE);
}

/* Write what waits, from memory and from files in their order. */
static void push_all(struct conn *c)
{
    bool taken = true;

    while (taken && !c->broken && unsent(c) > 0) {
        struct file_part *part =
            c->parts.len > 0 ? (void *)(c->parts.data + c->parts.start) : NULL;
        size_t len = part != NULL ? part->before : c->out.len, n;
        if (len > 0) {
            n = push(c, c->out.data + c->out.start, len);
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

static void flush(struct conn *c)
{
    push_all(c);
    (void)holds_too_much(c); /* less than before */
    shut_if_done(c);
    wait_for(c);
    if (c->full && unsent(c) < BACKLOG_LOW) {
        c->full = false;
        if (is_served(c) && !c->broken)
            tell(c, (struct event){.kind = EVENT_ROOM}, "room");
    }
}

/* Something waits to be sent, if there was memory for it; how much in all. */
static size_t wait_unsent(struct conn *c, bool ok)
{
    if (holds_too_much(c) || !ok ||
        unsent(c) > BACKLOG_MAX + MESSAGE_BYTES_MAX) {
        end_later(c, CLOSE_RESET);
        return 0;
    }
    if (unsent(c) >= BACKLOG_HIGH)
        c->full = true;
    if (c->fd >= 0)
        wait_for(c);
    return unsent(c);
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
    note_written(c, &r);
    size_t taken = 0;
    if (!c->connecting && unsent(c) == 0)
        taken = push(c, wire, wire_len);
    if (c->broken || taken == wire_len)
        return c->broken ? 0 : unsent(c);
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
    note_written(c, &r);
    c->phase = phase;
}

/* Made bytes have no file: they are written as any others. */
static size_t write_made(struct conn *c, int content, uint64_t offset,
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
    if (contents_fd(h->contents, content, offset, &at, &in_file) < 0)
        return write_made(c, content, offset, len);
    c->written += len;
    note_content(c, content, offset, len);
    size_t taken = 0;
    if (!c->connecting && unsent(c) == 0)
        taken = push_file(c, content, offset, len);
    if (c->broken || taken == len)
        return c->broken ? 0 : unsent(c);
    struct file_part part = {.before = c->out.len - c->part_before,
                             .content = content,
                             .offset = offset + taken,
                             .len = len - taken};
    bool ok = bytes_add(&c->parts, &part, sizeof part);
    if (ok) {
        c->part_before = c->out.len;
        c->part_bytes += part.len;
    }
    return wait_unsent(c, ok);
}

void stream_phase(struct host *h, conn_id id, enum phase phase)
{
    struct conn *c = conn_of(h, id);

    if (c != NULL)
        c->phase = phase;
}

void stream_finish(struct host *h, conn_id id)
{
    struct conn *c = conn_of(h, id);

    if (c == NULL)
        return;
    c->finishing = true;
    shut_if_done(c);
}

void stream_abort(struct host *h, conn_id id)
{
    struct conn *c = conn_of(h, id);

    if (c != NULL)
        conn_remove(c, true);
}

/* -- Opening ---------------------------------------------------------------------------- */

/* Small messages leave at once; a silent peer is given up after a minute. */
static void set_options(int fd)
{
    int on = 1;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
#ifdef TCP_USER_TIMEOUT
    unsigned timeout_ms = (unsigned)(STREAM_TIMEOUT_US / 1000);
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms,
               sizeof timeout_ms);
#endif
#ifdef TCP_KEEPIDLE
    int idle_s = 30, every_s = 10;
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s);
    setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &every_s, sizeof every_s);
#endif
}

/* Remember who opens from a local port, so that accepting in this process
   finds the other end. */
static void remember_opener(struct live *l, struct conn *c)
{
    struct sockaddr_in s;
    socklen_t size = sizeof s;

    if (l->opener_of_port == NULL)
        l->opener_of_port = calloc(PORTS, sizeof(conn_id));
    if (getsockname(c->fd, (void *)&s, &size) != 0)
        return;
    c->local = live_addr(&s);
    if (l->opener_of_port != NULL)
        l->opener_of_port[c->local.port] = c->id;
}

/* A socket that has begun to connect, or -1 with errno. */
/* Call from the address that we listen at: of a machine with several, others
   would know us by the wrong one.  From loopback one gets nowhere else. */
static bool call_from(int fd, struct addr self, struct addr to)
{
    struct sockaddr_in s = live_sockaddr((struct addr){self.ip, 0});

    if (self.ip == 0 || (self.ip >> 24 == 127 && to.ip >> 24 != 127))
        return true;           /* as the system chooses */
#ifdef IP_BIND_ADDRESS_NO_PORT /* a port is free if it is for this peer */
    int yes = 1;
    (void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
#endif
    return bind(fd, (void *)&s, sizeof s) == 0;
}

static int begin_connect(const struct live_node *n, struct addr to)
{
    struct sockaddr_in s = live_sockaddr(to);

    if (n->conn_count >= CONNS_PER_NODE_MAX) {
        errno = EMFILE;
        return -1;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd < 0)
        return -1;
    if (!live_prepare(fd) || !call_from(fd, n->host.addr, to) ||
        (connect(fd, (void *)&s, sizeof s) != 0 && errno != EINPROGRESS)) {
        int error = errno;
        close(fd);
        errno = error;
        return -1;
    }
    set_options(fd);
    return fd;
}

conn_id stream_connect(struct host *h, struct addr to)
{
    struct live_node *n = node_of(h), *local = live_local(n->live, to);
    bool deaf = local != NULL && local->vanished;
    int fd = deaf ? -1 : begin_connect(n, to), error = errno;
    struct conn *c = conn_new(n, fd, to);

    if (c == NULL) {
        if (fd >= 0)
            close(fd);
        return 0;
    }
    c->opener = c->connecting = true;
    c->peer_local = local != NULL;
    c->command = n->live->command;
    set_deadline(c, n->live->now_us + STREAM_TIMEOUT_US);
    if (fd >= 0) {
        remember_opener(n->live, c);
        wait_for(c);
    } else if (!deaf) {
        end_later(c, reason_of(c, error));
    }
    return c->id;
}

static int socket_error(int fd)
{
    int error = 0;
    socklen_t size = sizeof error;

    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
}

static void on_connected(struct conn *c)
{
    int error = socket_error(c->fd);

    /* A port of ours that nobody listens on may have been drawn as the
       socket's own: then it has connected to itself. */
    if (error == 0 && addr_equal(c->local, c->peer))
        error = ECONNREFUSED;
    if (error != 0) {
        end(c, reason_of(c, error));
        return;
    }
    c->connecting = false;
    c->deadline_us = NEVER;
    wait_for(c);
    if (is_served(c))
        tell(c, (struct event){.kind = EVENT_OPEN}, "open");
    if (!c->dead)
        flush(c);
}

static void on_ready(struct live *l, void *owner, int fd, unsigned what)
{
    struct conn *c = owner;

    (void)l;
    if (c->connecting) {
        on_connected(c);
        return;
    }
    if ((what & WAIT_WRITE) != 0)
        flush(c);
    if (c->dead || c->failed || (what & (WAIT_READ | WAIT_ERROR)) == 0)
        return; /* `failed`: how it ends is known, and comes later */
    if (is_served(c) && !c->eof)
        receive(c);
    else if ((what & WAIT_ERROR) != 0)
        end(c, c->broken ? c->error : reason_of(c, socket_error(fd)));
}

/* If the other end of an accepted stream is in this process, join the two. */
static void pair(struct live *l, struct conn *c)
{
    struct conn *o = l->opener_of_port != NULL
                         ? conn_find(l, l->opener_of_port[c->peer.port])
                         : NULL;

    if (o == NULL || !o->opener || o->mate != 0 ||
        !addr_equal(o->local, c->peer) ||
        !addr_equal(o->peer, c->node->host.addr))
        return;
    o->mate = c->id;
    c->mate = o->id;
    c->stream = o->stream;
    c->command = o->command;
    c->peer_local = true;
    c->shown = o->node->host.addr;
    c->arriving = o->leaving;
    o->leaving = (struct bytes){0};
}

static void accepted(struct live_node *n, int fd, struct addr peer)
{
    struct conn *c = NULL;

    if (live_prepare(fd) && n->conn_count < CONNS_PER_NODE_MAX)
        c = conn_new(n, fd, peer);
    if (c == NULL) {
        reset_on_close(fd);
        close(fd);
        return;
    }
    set_options(fd);
    wait_for(c);
    pair(n->live, c);
    tell(c, (struct event){.kind = EVENT_ACCEPT}, "accept");
}

void stream_accept(struct live *l, void *owner, int fd, unsigned what)
{
    struct live_node *n = owner;

    (void)what;
    for (int i = 0; i < BURST_MAX && n->tcp == fd && !n->left; i++) {
        struct sockaddr_in s;
        socklen_t size = sizeof s;
        int conn = accept(fd, (void *)&s, &size);
        if (conn >= 0) {
            accepted(n, conn, live_addr(&s));
        } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            /* No descriptors: let those who wait wait, and do not spin. */
            waiter_set(l->waiter, fd, 0, stream_accept, n);
            n->accept_us = live_now(l) + ACCEPT_PAUSE_US;
            return;
        }
    }
}

/* -- The end of a node --------------------------------------------------------------------- */

/* Call `act` for every stream of a node. */
static void each(struct live_node *n, void (*act)(struct conn *c))
{
    struct live *l = n->live;

    for (size_t i = 0; n->conn_count > 0 && i < l->conn_cap; i++)
        if (l->conn[i] != NULL && l->conn[i]->node == n)
            act(l->conn[i]);
}

/* Unread bytes would turn the close of a polite node into a reset. */
static void discard_unread(struct conn *c)
{
    struct live *l = c->node->live;

    for (int i = 0; c->fd >= 0 && !c->connecting && i < BURST_MAX; i++)
        if (recv(c->fd, l->scratch, SCRATCH_BYTES, 0) <= 0)
            break;
}

static void finish_leaving(struct conn *c)
{
    c->finishing = c->eof = true; /* reads no more */
    discard_kept(c);
    discard_unread(c);
    if (c->connecting && unsent(c) == 0)
        conn_remove(c, false);
    else if (!c->connecting)
        flush(c);
}

static void close_reset(struct conn *c)
{
    conn_remove(c, true);
}

/* As the system closes it, who knows only of bytes that are unread there:
   those that the node has left unread count as well. */
static void close_plain(struct conn *c)
{
    conn_remove(c, c->in.len > 0);
}

void streams_close(struct live_node *n, bool reset)
{
    each(n, reset ? close_reset : close_plain);
}

void streams_leave(struct live_node *n)
{
    each(n, finish_leaving);
}

bool streams_flushed(const struct live_node *n)
{
    const struct live *l = n->live;

    for (size_t i = 0; n->conn_count > 0 && i < l->conn_cap; i++)
        if (l->conn[i] != NULL && l->conn[i]->node == n &&
            unsent(l->conn[i]) > 0)
            return false;
    return true;
}

void streams_vanish(struct live_node *n)
{
    struct live *l = n->live;

    for (size_t i = 0; i < l->conn_cap; i++) {
        struct conn *c = l->conn[i];
        if (c == NULL)
            continue;
        const struct conn *mate = conn_find(l, c->mate);
        if (c->node == n)
            waiter_remove(l->waiter, c->fd);
        else if ((mate != NULL && mate->node == n) ||
                 (c->opener && addr_equal(c->peer, n->host.addr)))
            set_deadline(c, l->now_us + STREAM_TIMEOUT_US);
    }
}
