/*
 * The live host: its nodes, their timers, datagrams and commands, and the
 * loop.  Streams are in live_stream.c; live_host.h has the whole picture.
 *
 * Timers are nine slots a node; the loop looks at all of them, which is
 * cheaper than a heap for as many nodes as one process can serve.
 *
 * Records.  A message between two nodes of this process is reported once, at
 * its arrival, and then says when it was sent: the sender leaves a `passage`
 * with the receiver.  A message to any other process is reported when it is
 * sent, with a step of its own; what that process sends, when it arrives.
 */
#include "common/live.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/grow.h"
#include "common/hash.h"
#include "common/introducer.h"
#include "common/live_host.h"
#include "common/log.h"

/* -- Time and records ------------------------------------------------------- */

uint64_t live_now(const struct live *l)
{
    return clock_us() - l->epoch_us;
}

uint64_t live_steps(const struct live *l)
{
    return l->steps;
}

bool live_heard(const struct live *l)
{
    return l->heard;
}

void live_observe(struct live *l, const struct observer *o)
{
    l->observer = o != NULL ? *o : (struct observer){0};
}

bool live_observed(const struct live *l)
{
    return (l->observer.record != NULL && !l->observer.results_only) ||
           l->inner.record != NULL;
}

void live_step(struct live *l, uint32_t command)
{
    l->now_us = live_now(l);
    l->step = ++l->steps;
    l->command = command;
}

static void report(struct live *l, const struct record *r)
{
    if (l->observer.record != NULL)
        l->observer.record(l->observer.context, r);
    if (l->inner.record != NULL)
        l->inner.record(l->inner.context, r);
}

void live_record(struct live *l, struct record *r)
{
    if (r->step == 0)
        r->step = l->step;
    r->time_us = l->now_us;
    if (l->holds)
        log_add(l->held, r);
    else
        report(l, r);
}

void live_release(struct live *l)
{
    size_t end = log_end(l->held);

    for (int sent = 0; sent <= 1 && end > 0; sent++)
        for (size_t i = 0; i < end; i++)
            if ((log_at(l->held, i)->step > l->step) == (sent == 1))
                report(l, log_at(l->held, i));
    log_clear(l->held);
}

struct endpoint live_self(const struct live_node *n)
{
    return (struct endpoint){.addr = n->host.addr, .name = n->name};
}

struct live_node *live_local(struct live *l, struct addr a)
{
    for (size_t i = 0; i < l->host_count; i++)
        if (addr_equal(l->host[i]->addr, a))
            return node_of(l->host[i]);
    return NULL;
}

struct endpoint live_endpoint(struct live *l, struct addr a)
{
    const struct live_node *n = live_local(l, a);

    return (struct endpoint){.addr = a, .name = n != NULL ? n->name : NULL};
}

void live_record_sent(struct live_node *n, struct record *r)
{
    struct live *l = n->live;

    r->kind = RECORD_MESSAGE;
    r->step = ++l->steps; /* a message has its own */
    r->sent_us = l->now_us;
    r->cause = l->step;
    r->command = l->command;
    r->from = live_self(n);
    live_record(l, r);
}

void live_record_text(struct live_node *n, enum record_kind kind,
                      const char *text)
{
    struct record r = {.kind = kind, .to = live_self(n), .text = text};

    live_record(n->live, &r);
}

size_t live_deliver(struct live_node *n, const struct event *e)
{
    struct live *l = n->live;

    assert(!l->busy);
    assert(n->host.state != NODE_DOWN && !n->left);
    l->busy = true;
    l->holds = live_observed(l);
    size_t used = host_deliver(&n->host, e);
    l->busy = l->holds = false;
    if (e->kind != EVENT_BYTES)
        live_release(l);
    return used;
}

/* -- Host calls -------------------------------------------------------------- */

static uint64_t call_now(struct host *h)
{
    return node_of(h)->live->now_us;
}

static void *call_alloc(struct host *h, size_t bytes)
{
    struct live_node *n = node_of(h);
    struct block *b =
        bytes < SIZE_MAX / 2 ? calloc(1, sizeof *b + bytes) : NULL;

    if (b == NULL)
        return NULL;
    b->next = n->memory;
    if (b->next != NULL)
        b->next->prev = b;
    n->memory = b;
    return b + 1;
}

static void call_free(struct host *h, void *memory, size_t bytes)
{
    struct live_node *n = node_of(h);
    struct block *b = (struct block *)memory - 1;

    (void)bytes;
    if (b->prev != NULL)
        b->prev->next = b->next;
    else
        n->memory = b->next;
    if (b->next != NULL)
        b->next->prev = b->prev;
    free(b);
}

static void call_timer(struct host *h, int slot, uint64_t delay_us)
{
    struct live_node *n = node_of(h);
    uint64_t now = n->live->now_us;

    n->timer[slot].due_us = delay_us < NEVER - now ? now + delay_us : NEVER;
    n->timer[slot].cause = n->live->step;
}

static void call_timer_cancel(struct host *h, int slot)
{
    node_of(h)->timer[slot].due_us = NEVER;
}

static void call_result(struct host *h, uint32_t command, bool ok,
                        const struct fields *fields)
{
    struct live_node *n = node_of(h);
    struct live *l = n->live;
    struct record r = {.kind = RECORD_RESULT,
                       .to = live_self(n),
                       .command = command,
                       .text = fields->type != NULL ? fields->type : "news",
                       .ok = ok,
                       .fields = fields};
    size_t i = 0;

    while (i < l->open_count &&
           (l->open[i].number != command || l->open[i].node != n))
        i++;
    if (i == l->open_count && command != 0)
        return; /* too late */
    char *text = i < l->open_count ? l->open[i].text : NULL;
    if (text != NULL) {
        l->open[i] = l->open[--l->open_count];
        r.text = text;
    }
    live_record(l, &r);
    free(text);
}

static void call_note(struct host *h, const char *text)
{
    live_record_text(node_of(h), RECORD_NOTE, text);
}

static bool call_wants_notes(struct host *h)
{
    return live_observed(node_of(h)->live);
}

static void call_left(struct host *h)
{
    struct live_node *n = node_of(h);

    if (h->state == NODE_UP) /* of its own accord */
        n->stop_us = n->live->now_us + LEAVE_US;
    h->state = NODE_LEAVING;
    n->left = true;
    n->live->wake = true;
}

/* -- Datagrams --------------------------------------------------------------- */

struct sockaddr_in live_sockaddr(struct addr a)
{
    struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(a.port)};

    s.sin_addr.s_addr = htonl(a.ip);
    return s;
}

struct addr live_addr(const struct sockaddr_in *s)
{
    return (struct addr){.ip = ntohl(s->sin_addr.s_addr),
                         .port = ntohs(s->sin_port)};
}

/* Leave word with a local node of a datagram that is under way to it. */
static void leave_passage(struct live_node *to, const struct live_node *from,
                          const void *data, size_t len)
{
    const struct live *l = from->live;
    struct passage p = {.from = from->host.addr,
                        .hash = hash_roll(0, data, len),
                        .sent_us = l->now_us,
                        .step = l->step,
                        .command = l->command};

    if (to->arriving.len >= PASSAGES_MAX * sizeof p)
        bytes_drop(&to->arriving, sizeof p);
    bytes_add(&to->arriving, &p, sizeof p);
}

/* Find the passage of a datagram that has arrived.  Older ones of the same
   sender were lost: datagrams do not overtake each other on one machine. */
static bool take_passage(struct live_node *n, struct addr from,
                         const void *data, size_t len, struct passage *found)
{
    struct bytes *b = &n->arriving;
    size_t count = b->len / sizeof(struct passage), i = 0;
    if (count == 0)
        return false; /* nor is there any memory */
    struct passage *at = (struct passage *)(void *)(b->data + b->start);
    uint64_t hash = hash_roll(0, data, len);

    while (i < count && !(addr_equal(at[i].from, from) && at[i].hash == hash))
        i++;
    if (i == count)
        return false;
    *found = at[i];
    for (size_t k = 0; k <= i; k++)
        if (addr_equal(at[k].from, from))
            at[k].from = (struct addr){0, 0};
    size_t used = 0;
    while (used < count && addr_none(at[used].from))
        used++;
    bytes_drop(b, used * sizeof *at);
    return true;
}

static void call_send(struct host *h, struct addr to, const void *data,
                      size_t len)
{
    struct live_node *n = node_of(h);
    struct live *l = n->live;
    struct live_node *local = live_observed(l) ? live_local(l, to) : NULL;
    struct sockaddr_in s = live_sockaddr(to);
    LOCAL_TEXT why = text_new();

    if (local != NULL && local->host.state == NODE_DOWN)
        text_printf(&why, "%s is down", local->name);
    else if (sendto(n->udp, data, len, MSG_NOSIGNAL, (void *)&s, sizeof s) < 0)
        text_printf(&why, "not sent: %s", strerror(errno));
    if (local != NULL && why.len == 0) {
        leave_passage(local, n, data, len);
    } else if (live_observed(l)) {
        struct record r = {.to = live_endpoint(l, to),
                           .data = data,
                           .len = len,
                           .outgoing = why.len == 0,
                           .why = why.len > 0 ? why.data : NULL};
        live_record_sent(n, &r);
    }
}

static void arrive(struct live_node *n, struct addr from, const uint8_t *data,
                   size_t len)
{
    struct live *l = n->live;
    struct passage p = {.sent_us = NEVER};
    struct event e = {
        .kind = EVENT_DATAGRAM, .peer = from, .data = data, .len = len};

    l->heard = true;
    if (live_observed(l))
        take_passage(n, from, data, len, &p);
    live_step(l, p.command);
    if (live_observed(l)) {
        struct record r = {.kind = RECORD_MESSAGE,
                           .sent_us =
                               p.sent_us != NEVER ? p.sent_us : l->now_us,
                           .cause = p.step,
                           .command = p.command,
                           .from = live_endpoint(l, from),
                           .to = live_self(n),
                           .data = data,
                           .len = len};
        live_record(l, &r);
    }
    live_deliver(n, &e);
}

void live_discard_datagrams(struct live_node *n)
{
    for (int i = 0; i < 64 * BURST_MAX && n->udp >= 0; i++)
        if (recv(n->udp, n->live->scratch, SCRATCH_BYTES, 0) < 0)
            break;
    bytes_free(&n->arriving);
}

/* A burst at most: neither timers nor other sockets starve in a flood. */
void live_datagrams(struct live *l, void *owner, int fd, unsigned what)
{
    struct live_node *n = owner;

    (void)what;
    for (int i = 0; i < BURST_MAX && n->udp == fd && !n->left; i++) {
        struct sockaddr_in s;
        socklen_t size = sizeof s;
        ssize_t len =
            recvfrom(fd, l->scratch, SCRATCH_BYTES, 0, (void *)&s, &size);
        if (len >= 0 && size == sizeof s)
            arrive(n, live_addr(&s), l->scratch, (size_t)len);
        else if (errno == EAGAIN || errno == EWOULDBLOCK)
            break;
    }
}

/* -- Commands ------------------------------------------------------------------ */

static uint64_t command_limit(const struct host *h, const char *text)
{
    const struct command *c = command_find(h->protocol, text);

    return c != NULL ? c->limit_us : COMMAND_LIMIT_US;
}

uint32_t live_give(struct live *l, struct host *h, const char *text)
{
    uint64_t limit = command_limit(h, text);
    char *copy = grow(&l->open, l->open_count, &l->open_cap, sizeof *l->open)
                     ? strdup(text)
                     : NULL;

    assert(!l->busy);
    if (copy == NULL)
        return 0;
    uint32_t number = ++l->command_count;
    live_step(l, number);
    l->open[l->open_count++] = (struct open_command){
        .number = number,
        .node = node_of(h),
        .deadline_us = limit > 0 ? l->now_us + limit : NEVER,
        .text = copy};
    struct record r = {.kind = RECORD_COMMAND,
                       .command = number,
                       .to = live_self(node_of(h)),
                       .text = text};
    live_record(l, &r);
    struct event e = {.kind = EVENT_COMMAND,
                      .command = number,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};
    if (h->state == NODE_DOWN || node_of(h)->left)
        live_commands_fail(node_of(h));
    else
        live_deliver(node_of(h), &e);
    return number;
}

uint32_t live_command(struct live *l, struct host *h, const char *text)
{
    if (h->state != NODE_UP || l->open_count >= COMMANDS_MAX)
        return 0;
    return live_give(l, h, text);
}

void live_commands_fail(struct live_node *n)
{
    struct live *l = n->live;
    LOCAL_TEXT why = text_new();

    text_printf(&why, "%s is down", n->name);
    for (size_t i = 0; i < l->open_count;)
        if (l->open[i].node == n)
            host_failed(&n->host, l->open[i].number, why.data);
        else
            i++;
}

/* Fail the commands that nobody has answered in time. */
static void expire_commands(struct live *l)
{
    for (size_t i = 0; i < l->open_count;) {
        struct open_command c = l->open[i];
        if (c.deadline_us > live_now(l)) {
            i++;
            continue;
        }
        LOCAL_TEXT t = text_new();
        text_add(&t, "no answer within ");
        text_seconds(&t, command_limit(&c.node->host, c.text));
        text_add(&t, " s");
        live_step(l, c.number);
        host_failed(&c.node->host, c.number, t.data);
    }
}

/* -- Other descriptors ------------------------------------------------------------ */

struct watch {
    int fd;
    void (*ready)(void *context, int fd);
    void *context;
    struct watch *next;
};

static void on_watch(struct live *l, void *owner, int fd, unsigned what)
{
    const struct watch *w = owner;

    (void)l;
    (void)what;
    w->ready(w->context, fd);
}

void live_watch(struct live *l, int fd, void (*ready)(void *context, int fd),
                void *context)
{
    struct watch *w = malloc(sizeof *w);

    if (w == NULL || !waiter_set(l->waiter, fd, WAIT_READ, on_watch, w)) {
        free(w);
        return;
    }
    *w = (struct watch){fd, ready, context, l->watches};
    l->watches = w;
}

void live_unwatch(struct live *l, int fd)
{
    for (struct watch **at = &l->watches; *at != NULL; at = &(*at)->next)
        if ((*at)->fd == fd) {
            struct watch *w = *at;
            *at = w->next;
            waiter_remove(l->waiter, fd);
            free(w);
            return;
        }
}

/* -- The loop ------------------------------------------------------------------- */

static int earliest(const struct live_node *n)
{
    int slot = 0;

    for (int i = 1; i < TIMERS_PER_NODE; i++)
        if (n->timer[i].due_us < n->timer[slot].due_us)
            slot = i;
    return slot;
}

static void fire(struct live_node *n, int slot)
{
    struct live *l = n->live;
    struct event e = {.kind = EVENT_TIMER, .timer = slot};
    struct record r = {.kind = RECORD_TIMER,
                       .to = live_self(n),
                       .cause = n->timer[slot].cause,
                       .text = host_timer_name(&n->host, slot)};

    n->timer[slot].due_us = NEVER;
    live_step(l, 0);
    live_record(l, &r);
    live_deliver(n, &e);
}

/* Fire what is due by now; what is armed meanwhile waits for its round. */
static void fire_timers(struct live *l)
{
    uint64_t now = live_now(l);

    for (size_t i = 0; i < l->host_count; i++) {
        struct live_node *n = node_of(l->host[i]);
        for (int k = 0; k < TIMERS_PER_NODE; k++) {
            int slot = earliest(n);
            if (n->timer[slot].due_us > now || n->left)
                break;
            fire(n, slot);
        }
        if (n->accept_us <= now) {
            n->accept_us = NEVER;
            waiter_set(l->waiter, n->tcp, WAIT_READ, stream_accept, n);
        }
    }
}

/* When the loop must wake without a socket. */
static uint64_t next_deadline(const struct live *l)
{
    uint64_t next = l->conn_deadline_us;

    for (size_t i = 0; i < l->host_count; i++) {
        const struct live_node *n = node_of(l->host[i]);
        uint64_t due = n->left ? NEVER : n->timer[earliest(n)].due_us;
        next = due < next ? due : next;
        next = n->stop_us < next ? n->stop_us : next;
        next = n->accept_us < next ? n->accept_us : next;
    }
    for (size_t i = 0; i < l->open_count; i++)
        if (l->open[i].deadline_us < next)
            next = l->open[i].deadline_us;
    return next;
}

bool live_poll(struct live *l, uint64_t max_us, struct text *why)
{
    assert(!l->busy);
    uint64_t next = next_deadline(l), now = live_now(l);
    uint64_t wait = next <= now ? 0 : next - now;

    if (l->wake || l->settle_count > 0 || l->hashes != NULL ||
        l->refused_count > 0)
        wait = 0;
    l->wake = false;
    if (!waiter_run(l->waiter, wait < max_us ? wait : max_us, l)) {
        text_printf(why, "cannot wait for sockets: %s", strerror(errno));
        return false;
    }
    fire_timers(l);
    expire_commands(l);
    contents_work(l);
    streams_settle(l);
    live_finish_leaving(l);
    streams_free_dead(l);
    return true;
}

int live_resolve(const char *name, struct addr *addr)
{
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    struct sockaddr_in in;
    int error = getaddrinfo(name, NULL, &hints, &found);

    if (error != 0)
        return error;
    memcpy(&in, found->ai_addr, sizeof in);
    freeaddrinfo(found);
    *addr = live_addr(&in);
    return 0;
}

/* -- Beginning and end ------------------------------------------------------------ */

static struct host *by_name(const struct network *n, const char *name)
{
    for (size_t i = 0; i < n->count; i++)
        if (strcmp(n->host[i]->name, name) == 0)
            return n->host[i];
    return NULL;
}

static struct host *by_addr(const struct network *n, struct addr addr)
{
    struct live_node *at = live_local(n->context, addr);

    return at != NULL ? &at->host : NULL;
}

const struct network *live_network(struct live *l)
{
    l->network = (struct network){.settings = l->settings,
                                  .count = l->host_count,
                                  .host = l->host,
                                  .by_name = by_name,
                                  .by_addr = by_addr,
                                  .context = l,
                                  .now_us = live_now(l)};
    return &l->network;
}

/* The nodes of this process first, then the system's resolver. */
static bool call_resolve(struct host *h, const char *name, struct addr *addr)
{
    const struct network *n = live_network(node_of(h)->live);
    const struct host *known = by_name(n, name);

    if (known != NULL)
        *addr = known->addr;
    return known != NULL || live_resolve(name, addr) == 0;
}

/* Every stream takes a descriptor: take as many as there may be. */
static void raise_descriptors(void)
{
    struct rlimit r;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        setrlimit(RLIMIT_NOFILE, &r);
    }
}

struct live *live_new(const struct protocol *p, const struct settings *s,
                      uint64_t seed, struct text *why)
{
    struct live *l = calloc(1, sizeof *l);

    raise_descriptors();
    if (l != NULL) {
        l->protocol = p;
        l->settings = s;
        l->seed = seed;
        l->epoch_us = clock_us();
        l->conn_deadline_us = NEVER;
        l->held = log_new(SIZE_MAX);
        l->waiter = waiter_new();
        l->scratch = malloc(SCRATCH_BYTES + BATCH_BYTES);
        if (l->waiter != NULL && l->scratch != NULL) {
            l->batch = l->scratch + SCRATCH_BYTES;
            return l;
        }
        live_free(l);
    }
    text_add(why, "no memory, or no descriptors, for real sockets");
    return NULL;
}

void live_free(struct live *l)
{
    if (l == NULL)
        return;
    l->observer = (struct observer){0};
    l->inner = (struct observer){0};
    for (size_t i = 0; i < l->host_count; i++) {
        live_down(node_of(l->host[i]));
        contents_free(l->host[i]->contents);
        free(l->host[i]);
    }
    while (l->watches != NULL)
        live_unwatch(l, l->watches->fd);
    streams_free_dead(l);
    waiter_free(l->waiter);
    contents_free(l->folder);
    free(l->host);
    free(l->open);
    free(l->conn);
    free(l->opener_of_port);
    free(l->settle);
    bytes_free(&l->decoded);
    log_free(l->held);
    free(l->scratch);
    free(l);
}

const struct host_calls live_calls = {
    .now = call_now,
    .alloc = call_alloc,
    .free = call_free,
    .timer = call_timer,
    .timer_cancel = call_timer_cancel,
    .resolve = call_resolve,
    .send = call_send,
    .connect = stream_connect,
    .write = stream_write,
    .decoded = stream_decoded,
    .phase = stream_phase,
    .reads = stream_reads,
    .finish = stream_finish,
    .abort = stream_abort,
    .result = call_result,
    .note = call_note,
    .wants_notes = call_wants_notes,
    .left = call_left,
    .keep = live_keep,
    .hash = live_hash_later,
    .write_content = stream_write_content,
};
