/*
 * The streams of the live host: TCP connections with the semantics of
 * node.h.  Here they open, read and end; their table is in live_conn.c.
 *
 * A stream holds memory only for what is under way: bytes are read into one
 * buffer that all streams share and shown to the node at once; only what it
 * leaves is kept.
 */
#include <assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/live_host.h"

#define PORTS 65536

/* -- Reading ------------------------------------------------------------------------ */

/* Show bytes to the node until it wants more; how many it consumed. */
static size_t show(struct conn *c, const uint8_t *data, size_t len)
{
    struct live *l = c->node->live;
    size_t at = 0, used = 1;

    while (at < len && used > 0 && conn_is_served(c)) {
        struct event e = {.kind = EVENT_BYTES,
                          .conn = c->id,
                          .peer = c->peer,
                          .data = data + at,
                          .len = len - at};
        struct passage p = conn_passage(c);
        c->reads = p.phase;
        l->heard = true;
        live_step(l, p.command);
        used = live_deliver(c->node, &e);
        assert(used <= len - at);
        if (p.sent_us != NEVER) /* the sender has said it */
            c->reads = p.phase;
        if (used > 0 && live_observed(l))
            conn_consumed(c, &p, data + at, used);
        live_release(l);
        bytes_free(&l->decoded);
        c->consumed += used;
        at += used;
    }
    return at;
}

static void show_kept(struct conn *c)
{
    bytes_drop(&c->in, show(c, c->in.data + c->in.start, c->in.len));
    (void)conn_holds_too_much(c);
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
    if (conn_is_served(c) &&
        (!ok || c->in.len > UNCONSUMED_MAX || conn_holds_too_much(c))) {
        conn_reset_on_close(c->fd);
        conn_end(c, CLOSE_RESET);
    }
}

static void discard_kept(struct conn *c)
{
    bytes_free(&c->in);
    (void)conn_holds_too_much(c);
}

static void on_eof(struct conn *c)
{
    c->eof = true;
    conn_wait(c);
    if (c->in.len > 0)
        show_kept(c);
    if (!conn_is_served(c))
        return;
    if (c->broken) {
        conn_end(c, c->error);
        return;
    }
    size_t left = c->in.len;
    discard_kept(c);
    conn_tell(c, (struct event){.kind = EVENT_EOF, .len = left}, "eof");
    if (c->shut)
        conn_end_later(c, CLOSE_DONE);
}

static void receive(struct conn *c)
{
    struct live *l = c->node->live;
    size_t kept = c->in.len <= SCRATCH_BYTES / 4 ? c->in.len : 0;
    ssize_t len = recv(c->fd, l->scratch + kept, SCRATCH_BYTES - kept, 0);

    if (len > 0) {
        if (kept > 0) { /* rather than all that has come behind it */
            memcpy(l->scratch, c->in.data + c->in.start, kept);
            bytes_free(&c->in);
        }
        conn_cork(c);
        feed(c, l->scratch, kept + (size_t)len);
        conn_uncork(c);
        contents_settle(c->node->host.contents);
    } else if (len == 0)
        on_eof(c);
    else if (errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        conn_end(c, conn_reason(c, errno));
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

/* A socket that has begun to connect, or -1 with errno. */
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
    conn_set_deadline(c, n->live->now_us + STREAM_TIMEOUT_US);
    if (fd >= 0) {
        remember_opener(n->live, c);
        conn_wait(c);
    } else if (!deaf) {
        conn_end_later(c, conn_reason(c, error));
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
        conn_end(c, conn_reason(c, error));
        return;
    }
    c->connecting = false;
    c->deadline_us = NEVER;
    conn_wait(c);
    if (conn_is_served(c))
        conn_tell(c, (struct event){.kind = EVENT_OPEN}, "open");
    if (!c->dead)
        conn_flush(c);
}

void stream_ready(struct live *l, void *owner, int fd, unsigned what)
{
    struct conn *c = owner;

    (void)l;
    if (c->connecting) {
        on_connected(c);
        return;
    }
    if ((what & WAIT_WRITE) != 0)
        conn_flush(c);
    if (c->dead || c->failed || (what & (WAIT_READ | WAIT_ERROR)) == 0)
        return; /* `failed`: how it ends is known, and comes later */
    if (conn_is_served(c) && !c->eof)
        receive(c);
    else if ((what & WAIT_ERROR) != 0)
        conn_end(c, c->broken ? c->error : conn_reason(c, socket_error(fd)));
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
        conn_reset_on_close(fd);
        close(fd);
        return;
    }
    set_options(fd);
    conn_wait(c);
    pair(n->live, c);
    conn_tell(c, (struct event){.kind = EVENT_ACCEPT}, "accept");
}

void stream_accept(struct live *l, void *owner, int fd, unsigned what)
{
    struct live_node *n = owner;

    (void)what;
    for (int i = 0; i < ACCEPTS_MAX && n->tcp == fd && !n->left; i++) {
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
    if (c->connecting && conn_unsent(c) == 0)
        conn_remove(c, false);
    else if (!c->connecting)
        conn_flush(c);
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
            conn_unsent(l->conn[i]) > 0)
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
            conn_set_deadline(c, l->now_us + STREAM_TIMEOUT_US);
    }
}
