/*
 * Nodes of the live host: their sockets, how they start and how they end.
 *
 * A node listens on one port for TCP and UDP.  Once started it stays in the
 * network for good; down, it keeps its name, address and id, and nothing
 * else.  A killed node's sockets are closed, and the system tells its peers
 * what it would tell them after kill -9.  A vanished node's stay open, deaf.
 */
#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/grow.h"
#include "common/introducer.h"
#include "common/live_host.h"

#define PORT_TRIES 64
#define ID_TRIES 1000 /* of free ports, before all ids seem taken */

/* -- Sockets of a node -------------------------------------------------------- */

bool live_prepare(int fd)
{
#ifdef SO_NOSIGPIPE
    int on = 1;
    setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on);
#endif
    return fcntl(fd, F_SETFL, O_NONBLOCK) == 0 &&
           fcntl(fd, F_SETFD, FD_CLOEXEC) == 0;
}

static int open_socket(int type, struct addr *listen)
{
    struct sockaddr_in s = live_sockaddr(*listen);
    socklen_t size = sizeof s;
    int fd = socket(AF_INET, type, 0), on = 1;

    if (fd < 0)
        return -1;
    /* On UDP it would let a second process take the port. */
    if (type == SOCK_STREAM)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (live_prepare(fd) && bind(fd, (void *)&s, sizeof s) == 0 &&
        getsockname(fd, (void *)&s, &size) == 0) {
        *listen = live_addr(&s);
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

/* Take one port for TCP and UDP; try again when a free one of TCP is taken
   in UDP.  False: errno. */
static bool open_sockets(struct live_node *n, struct addr listen_addr)
{
    int tries = listen_addr.port == 0 ? PORT_TRIES : 1;

    for (; tries > 0; tries--) {
        n->host.addr = listen_addr;
        n->tcp = open_socket(SOCK_STREAM, &n->host.addr);
        if (n->tcp < 0)
            return false;
        n->udp = open_socket(SOCK_DGRAM, &n->host.addr);
        if (n->udp >= 0 && listen(n->tcp, SOMAXCONN) == 0)
            return true;
        int error = errno;
        close(n->tcp);
        if (n->udp >= 0)
            close(n->udp);
        n->tcp = n->udp = -1;
        errno = error;
    }
    return false;
}

static void close_socket(struct live_node *n, int *fd)
{
    if (*fd < 0)
        return;
    waiter_remove(n->live->waiter, *fd);
    close(*fd);
    *fd = -1;
}

void live_deafen(struct live_node *n)
{
    close_socket(n, &n->udp);
    close_socket(n, &n->tcp);
}

static bool listen_at(struct live_node *n, struct addr a, struct text *why)
{
    struct waiter *w = n->live->waiter;

    if (!open_sockets(n, a)) {
        text_add(why, "cannot listen on ");
        addr_text(why, a);
        text_printf(why, ": %s",
                    errno == EADDRINUSE
                        ? "another program has this port; choose another"
                        : strerror(errno));
        return false;
    }
    if (waiter_set(w, n->udp, WAIT_READ, live_datagrams, n) &&
        waiter_set(w, n->tcp, WAIT_READ, stream_accept, n))
        return true;
    text_printf(why, "cannot wait for sockets: %s", strerror(errno));
    live_deafen(n);
    return false;
}

/* -- Nodes --------------------------------------------------------------------- */

/* Everything that a node has in memory; commands that wait for it fail. */
static void forget_all(struct live_node *n)
{
    n->host.state = NODE_DOWN;
    n->host.node = NULL;
    n->host.introduced = NULL;
    live_commands_fail(n);
    for (int i = 0; i < TIMERS_PER_NODE; i++)
        n->timer[i].due_us = NEVER;
    n->stop_us = n->accept_us = NEVER;
    bytes_free(&n->arriving);
    contents_forget_jobs(n);
    while (n->memory != NULL) {
        struct block *b = n->memory;
        n->memory = b->next;
        free(b);
    }
}

void live_down(struct live_node *n)
{
    streams_close(n, false);
    live_deafen(n);
    forget_all(n);
}

static const struct node_spec plain = {.join_any = true};

static struct live_node *node_new(struct live *l, const struct protocol *p,
                                  const struct settings *s)
{
    bool room =
        grow(&l->host, l->host_count, &l->host_cap, sizeof(struct host *));
    struct live_node *n = room ? calloc(1, sizeof *n) : NULL;

    if (n == NULL)
        return NULL;
    n->host = (struct host){.calls = &live_calls,
                            .protocol = p,
                            .name = n->name,
                            .state = NODE_DOWN,
                            .index = (uint32_t)l->host_count,
                            .join = NOBODY,
                            .spec = &plain,
                            .contents = p == l->protocol ? l->folder : NULL};
    if (p == l->protocol)
        l->folder = NULL;
    n->live = l;
    n->settings = s;
    n->tcp = n->udp = -1;
    n->stop_us = n->accept_us = n->join_us = NEVER;
    for (int i = 0; i < TIMERS_PER_NODE; i++)
        n->timer[i].due_us = NEVER;
    return n;
}

static void name_node(struct live_node *n, const char *name)
{
    LOCAL_TEXT t = text_new();

    if (name != NULL)
        text_add(&t, name);
    else
        addr_text(&t, n->host.addr);
    size_t len = t.len < NAME_BYTES_MAX ? t.len : NAME_BYTES_MAX;
    memcpy(n->name, t.data, len);
}

/* Is this id another node's, or kept for one that comes later? */
static bool id_taken(const struct live *l, const struct id *id)
{
    if (l->protocol->identify == NULL)
        return false;
    for (size_t i = 0; i < l->reserved_count; i++)
        if (id_equal(&l->reserved[i], id))
            return true;
    for (size_t i = 0; i < l->host_count; i++)
        if (l->host[i]->protocol == l->protocol &&
            id_equal(&l->host[i]->id, id))
            return true;
    return false;
}

/* Listen, and get the id that comes of the address.  Where a free port was
   asked for, take one that no dead node had, and whose id is free too. */
static bool settle_down(struct live_node *n, struct addr listen, const char *id,
                        struct text *why)
{
    const struct protocol *p = n->host.protocol;

    for (int tries = 0; tries < ID_TRIES; tries++) {
        if (!listen_at(n, listen, why) ||
            (p->identify != NULL &&
             !p->identify(n->settings, n->host.addr, id, &n->host.id, why)))
            return false;
        if (listen.port != 0 || (live_local(n->live, n->host.addr) == NULL &&
                                 (id != NULL || p != n->live->protocol ||
                                  !id_taken(n->live, &n->host.id))))
            return true;
        live_deafen(n);
    }
    text_add(why, "no id is left for another node");
    return false;
}

struct live_node *live_add(struct live *l, const struct protocol *p,
                           const char *name, struct addr listen, const char *id,
                           const struct settings *s, struct text *why)
{
    assert(!l->busy);
    struct live_node *n = node_new(l, p, s);

    if (n == NULL) {
        text_add(why, "no memory for another node");
        return NULL;
    }
    if (!settle_down(n, listen, id, why)) {
        live_deafen(n);
        contents_free(n->host.contents);
        free(n);
        return NULL;
    }
    name_node(n, name);
    l->host[l->host_count++] = &n->host;
    return n;
}

bool live_create(struct live_node *n, struct addr join, struct addr introducer)
{
    uint64_t up_s = live_now(n->live) / 1000000;
    struct config c = {.settings = n->settings,
                       .self = n->host.addr,
                       .join = join,
                       .id = n->host.id,
                       .unix_s = (uint64_t)time(NULL) - up_s};

    return host_begin(&n->host, &c, introducer);
}

bool live_begin(struct live_node *n, struct addr join, struct addr introducer,
                struct text *why)
{
    struct live *l = n->live;
    struct event e = {.kind = EVENT_START};

    if (n->tcp < 0 && !listen_at(n, n->host.addr, why))
        return false;
    n->host.state = NODE_UP;
    n->left = n->vanished = false;
    n->host.random = host_random_stream(l->seed, n->name, n->host.restarts);
    live_step(l, 0);
    live_record_text(n, RECORD_START, NULL);
    if (!live_create(n, join, introducer)) {
        text_printf(why, "no memory for node %s", n->name);
        live_down(n);
        return false;
    }
    live_deliver(n, &e);
    return true;
}

struct host *live_start(struct live *l, const char *name, struct addr listen,
                        struct addr join, struct addr introducer,
                        const char *id, const struct settings *s,
                        struct text *why)
{
    struct live_node *n = live_add(l, l->protocol, name, listen, id, s, why);

    return n != NULL && live_begin(n, join, introducer, why) ? &n->host : NULL;
}

struct host *live_start_introducer(struct live *l, const char *name,
                                   struct addr listen, struct text *why)
{
    struct addr none = {0, 0};
    struct live_node *n =
        live_add(l, &introducer_protocol, name, listen, NULL, l->settings, why);

    return n != NULL && live_begin(n, none, none, why) ? &n->host : NULL;
}

/* Record what befalls a node: "crash n32". */
static void record_fault(struct live_node *n, const char *fault)
{
    LOCAL_TEXT t = text_new();

    live_step(n->live, 0);
    text_printf(&t, "%s %s", fault, n->name);
    live_record_text(n, RECORD_FAULT, t.data);
}

void live_end(struct live *l, struct host *h)
{
    struct live_node *n = node_of(h);

    assert(!l->busy);
    record_fault(n, "restart");
    if (n->vanished)
        streams_close(n, true); /* who vanished still held them open */
    live_down(n);
    n->host.restarts++;
}

void live_kill(struct live *l, struct host *h)
{
    assert(!l->busy);
    if (h->state == NODE_DOWN)
        return;
    record_fault(node_of(h), "crash");
    live_down(node_of(h));
}

void live_vanish(struct live *l, struct host *h)
{
    struct live_node *n = node_of(h);

    assert(!l->busy);
    if (h->state == NODE_DOWN)
        return;
    record_fault(n, "vanish");
    n->vanished = true;
    waiter_remove(l->waiter, n->udp);
    waiter_remove(l->waiter, n->tcp);
    streams_vanish(n);
    forget_all(n);
}

void live_stop(struct live *l, struct host *h)
{
    struct live_node *n = node_of(h);
    struct event e = {.kind = EVENT_STOP};

    assert(!l->busy);
    if (h->state != NODE_UP)
        return;
    record_fault(n, "leave");
    h->state = NODE_LEAVING;
    n->stop_us = l->now_us + LEAVE_US;
    live_deliver(n, &e);
}

void live_finish_leaving(struct live *l)
{
    for (size_t i = 0; i < l->host_count; i++) {
        struct live_node *n = node_of(l->host[i]);
        if (n->host.state != NODE_LEAVING)
            continue;
        if (n->left) {
            live_deafen(n);
            streams_leave(n);
        }
        bool done = n->left && streams_flushed(n);
        if (!done && n->stop_us > live_now(l))
            continue;
        live_step(l, 0);
        if (!done)
            live_record_text(n, RECORD_FAULT, "left, for it had 5 s to leave");
        live_down(n);
    }
}
