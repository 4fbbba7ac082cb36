/*
 * The streams of the live host: their table, their ends, what the node and
 * the records are told of them.  live_write.c writes, live_stream.c opens and
 * reads.
 *
 * Streams stand in a table by id, in slot id & (cap - 1), one a slot: ids
 * count up, and an id whose slot is taken is skipped.  A closed stream stays
 * in memory until the end of the round, since the event that closed it may
 * have been reading its bytes.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/grow.h"
#include "common/live_host.h"

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

struct conn *conn_find(const struct live *l, conn_id id)
{
    if (l->conn_cap == 0)
        return NULL;
    struct conn *c = l->conn[id & (l->conn_cap - 1)];
    return c != NULL && c->id == id ? c : NULL;
}

/* A stream of `h`'s, or NULL: hosts must not reach those of others. */
struct conn *conn_of(struct host *h, conn_id id)
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

struct conn *conn_new(struct live_node *n, int fd, struct addr peer)
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

void conn_reset_on_close(int fd)
{
    struct linger now = {.l_onoff = 1, .l_linger = 0};

    setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

void conn_remove(struct conn *c, bool reset)
{
    struct live *l = c->node->live;
    struct conn *mate = conn_find(l, c->mate);

    conn_uncork(c);
    if (c->fd >= 0) {
        if (reset)
            conn_reset_on_close(c->fd);
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

bool conn_is_served(const struct conn *c)
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

void conn_tell(struct conn *c, struct event e, const char *text)
{
    bool begins = e.kind == EVENT_OPEN || e.kind == EVENT_ACCEPT;

    e.conn = c->id;
    e.peer = c->peer;
    live_step(c->node->live, begins ? c->command : 0);
    record_stream(c, text);
    live_deliver(c->node, &e);
}

void conn_end(struct conn *c, enum close_reason reason)
{
    static const char *const text[] = {"closed", "refused", "reset", "timeout"};
    bool served = conn_is_served(c);

    conn_remove(c, false);
    if (served)
        conn_tell(c, (struct event){.kind = EVENT_CLOSED, .error = reason},
                  text[reason]);
}

/* The stream has something to say that waits on no socket; the loop comes
   back to it. */
void conn_end_later(struct conn *c, enum close_reason reason)
{
    struct live *l = c->node->live;

    if (c->failed)
        return;
    if (!grow(&l->settle, l->settle_count, &l->settle_cap, sizeof *l->settle))
        return; /* then its socket, or its deadline, ends it */
    c->failed = true;
    c->error = reason;
    l->settle[l->settle_count++] = c->id;
}

enum close_reason conn_reason(const struct conn *c, int error)
{
    return error == ETIMEDOUT || error == EHOSTUNREACH ? CLOSE_TIMEOUT
           : c->connecting                             ? CLOSE_REFUSED
                                                       : CLOSE_RESET;
}

void conn_set_deadline(struct conn *c, uint64_t deadline_us)
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
            conn_end_later(c, CLOSE_TIMEOUT);
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
            conn_end(c, c->error);
    }
    l->settle_count -= count;
    if (l->settle_count > 0)
        memmove(l->settle, l->settle + count,
                l->settle_count * sizeof *l->settle);
}

/* -- Records of messages ----------------------------------------------------------- */

void conn_written(struct conn *c, const struct record *message)
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

struct passage conn_passage(struct conn *c)
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
void conn_consumed(struct conn *c, const struct passage *p, const uint8_t *data,
                   size_t len)
{
    struct live *l = c->node->live;
    struct record r = {.kind = RECORD_MESSAGE,
                       .sent_us = p->sent_us != NEVER ? p->sent_us : l->now_us,
                       .cause = p->step,
                       .command = p->command,
                       .from = live_endpoint(l, c->shown),
                       .to = live_self(c->node),
                       .stream = true,
                       .framing = {c->reads, !c->opener},
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

void stream_phase(struct host *h, conn_id id, enum phase phase)
{
    struct conn *c = conn_of(h, id);

    if (c != NULL)
        c->phase = phase;
}

void stream_reads(struct host *h, conn_id id, enum phase phase)
{
    struct conn *c = conn_of(h, id);

    if (c != NULL)
        c->reads = phase;
}

void stream_abort(struct host *h, conn_id id)
{
    struct conn *c = conn_of(h, id);

    if (c != NULL)
        conn_remove(c, true);
}
