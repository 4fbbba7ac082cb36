/*
 * The introducer, and the side that joins by it; see introducer.h.
 *
 * The service keeps a table of members, the one last heard of first: whoever
 * calls moves to the front, who has not called for a minute falls off the
 * end, and so does the last one when the table is full.  Beside it stand the
 * clients under way; one that is slower than CLIENT_US is cut off.
 *
 * The joining side is a small state machine in front of the node's own:
 *
 *     asking --answer--> joined: creates the node; asks again every 20 s
 *     asking --no answer--> asks again in 2 s
 *     joined --STOP--> says so to the introducer, then stops the node
 */
#include "common/introducer.h"

#include <assert.h>
#include <string.h>

#include "common/error.h"
#include "common/http.h"

#define CLIENTS_MAX 256
#define CLIENT_US (5 * SECOND_US)
#define ANSWER_US (5 * SECOND_US) /* the asker's patience */
#define FAREWELL_US SECOND_US     /* and when it leaves */
#define ADDR_TEXT_BYTES 32        /* "255.255.255.255:65535" */
#define ANSWER_BYTES_MAX 4096
#define CACHE_HOSTS 20 /* in a hostfile, as GWebCaches have */
#define HOUR_US (3600 * SECOND_US)

/* -- The service ----------------------------------------------------------- */

struct member {
    struct addr addr;
    uint64_t heard_us;
};

struct client {
    conn_id conn;
    struct addr peer;
    uint64_t deadline_us;
};

struct introducer {
    struct member member[INTRODUCER_NODES_MAX]; /* last heard of first */
    struct client client[CLIENTS_MAX];          /* oldest first */
    size_t member_count, client_count;
    /* As a GWebCache: requests in all, in this hour, and updates in it. */
    uint64_t asked, hour_asked, hour_told, hour_us;
};

enum { TIMER_CLIENTS };

static void *create(struct host *h, const struct config *c)
{
    (void)c;
    return host_alloc(h, sizeof(struct introducer));
}

static void forget(struct introducer *n, struct addr addr)
{
    for (size_t i = 0; i < n->member_count; i++)
        if (addr_equal(n->member[i].addr, addr)) {
            n->member_count--;
            memmove(&n->member[i], &n->member[i + 1],
                    (n->member_count - i) * sizeof n->member[0]);
            return;
        }
}

static void forget_silent(struct introducer *n, uint64_t now_us)
{
    while (n->member_count > 0 &&
           now_us - n->member[n->member_count - 1].heard_us >
               INTRODUCER_FORGET_US)
        n->member_count--;
}

static void remember(struct introducer *n, struct addr addr, uint64_t now_us)
{
    forget(n, addr);
    if (n->member_count == INTRODUCER_NODES_MAX)
        n->member_count--;
    memmove(&n->member[1], &n->member[0],
            n->member_count * sizeof n->member[0]);
    n->member[0] = (struct member){.addr = addr, .heard_us = now_us};
    n->member_count++;
}

/* The address that a client gives as its own.  A node that listens on every
   interface reports 0.0.0.0: then where it calls from is its address. */
static bool client_addr(const struct client *c, struct slice target,
                        const char *name, struct addr *addr)
{
    char text[ADDR_TEXT_BYTES];

    if (http_parameter(target, name, text, sizeof text) < 0 ||
        !addr_parse(addr, text) || addr->port == 0)
        return false;
    if (addr->ip == 0)
        addr->ip = c->peer.ip;
    return true;
}

static void tell_members(const struct introducer *n, struct addr but,
                         size_t most, struct text *body)
{
    for (size_t i = 0, told = 0; i < n->member_count && told < most; i++) {
        if (addr_equal(n->member[i].addr, but))
            continue;
        addr_text(body, n->member[i].addr);
        text_char(body, '\n');
        told++;
    }
}

static bool is_asked(struct slice target, const char *name)
{
    char word[ADDR_TEXT_BYTES];

    return http_parameter(target, name, word, sizeof word) >= 0;
}

/* Gnutella's own form of this service, GWebCache version 1: parameters on
   any path.  False when it is none of these. */
static bool serve_cache(struct introducer *n, struct host *h,
                        const struct client *c, struct slice target,
                        struct text *body)
{
    struct addr nobody = {0, 0}, self;

    forget_silent(n, host_now(h));
    if (host_now(h) - n->hour_us >= HOUR_US) {
        n->hour_us = host_now(h);
        n->hour_asked = n->hour_told = 0;
    }
    n->asked++;
    n->hour_asked++;
    if (is_asked(target, "ip")) {
        bool good = client_addr(c, target, "ip", &self);
        n->hour_told += good;
        if (good)
            remember(n, self, host_now(h));
        text_add(body, good ? "OK\n" : "ERROR: ip is no HOST:PORT\n");
    } else if (is_asked(target, "hostfile")) {
        tell_members(n, nobody, CACHE_HOSTS, body);
    } else if (is_asked(target, "ping")) {
        text_add(body, "PONG p2plab\n");
    } else if (is_asked(target, "statfile")) {
        text_printf(body, "%llu\n%llu\n%llu\n", (unsigned long long)n->asked,
                    (unsigned long long)n->hour_asked,
                    (unsigned long long)n->hour_told);
    } else if (!is_asked(target, "urlfile")) { /* it knows no other caches */
        return false;
    }
    return true;
}

/* Do what is asked; the status, and the body in `body`. */
static unsigned serve(struct introducer *n, struct host *h,
                      const struct client *c, const struct http_head *head,
                      struct text *body)
{
    struct slice path = http_path(head->target);
    bool join = slice_is(path, "/join"), leave = slice_is(path, "/leave");
    struct addr self = {0, 0};

    if (!slice_is(head->method, "GET"))
        return 400;
    if (!join && !leave && !slice_is(path, "/peers"))
        return serve_cache(n, h, c, head->target, body) ? 200 : 404;
    if ((join || leave) && !client_addr(c, head->target, "addr", &self))
        return 400;
    forget_silent(n, host_now(h));
    if (leave)
        forget(n, self);
    if (!leave)
        tell_members(n, self, INTRODUCER_PEERS, body);
    if (join)
        remember(n, self, host_now(h));
    return 200;
}

static void answer(struct host *h, conn_id conn, unsigned status,
                   const struct text *body)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "HTTP/1.0 %u %s\r\nContent-Type: text/plain\r\n"
                "Content-Length: %zu\r\n\r\n",
                status,
                status == 200   ? "OK"
                : status == 404 ? "Not Found"
                                : "Bad Request",
                body->len);
    text_bytes(&t, body->data, body->len);
    host_write(h, conn, t.data, t.len);
    host_finish(h, conn);
}

static struct client *client_of(struct introducer *n, conn_id conn)
{
    for (size_t i = 0; i < n->client_count; i++)
        if (n->client[i].conn == conn)
            return &n->client[i];
    return NULL;
}

static void client_gone(struct introducer *n, conn_id conn)
{
    struct client *c = client_of(n, conn);

    if (c == NULL)
        return;
    n->client_count--;
    size_t behind = n->client_count - (size_t)(c - n->client);
    memmove(c, c + 1, behind * sizeof *c);
}

/* Clients stand in the order of their deadlines: the first is the next. */
static void arm_clients(const struct introducer *n, struct host *h)
{
    host_timer_at(h, TIMER_CLIENTS,
                  n->client_count > 0 ? n->client[0].deadline_us : NEVER);
}

static void cut_off_first(struct introducer *n, struct host *h)
{
    host_note(h, "cut off a client that is too slow");
    host_abort(h, n->client[0].conn);
    client_gone(n, n->client[0].conn);
}

static void on_accept(struct introducer *n, struct host *h,
                      const struct event *e)
{
    if (n->client_count == CLIENTS_MAX)
        cut_off_first(n, h);
    host_phase(h, e->conn, PHASE_HTTP);
    n->client[n->client_count++] =
        (struct client){.conn = e->conn,
                        .peer = e->peer,
                        .deadline_us = host_now(h) + CLIENT_US};
    arm_clients(n, h);
}

static size_t on_request(struct introducer *n, struct host *h,
                         const struct event *e)
{
    const struct client *c = client_of(n, e->conn);
    struct http_head head;
    int used = http_request(&head, e->data, e->len);

    if (used == 0)
        return 0;
    assert(c != NULL);
    LOCAL_TEXT body = text_new();
    unsigned status = used < 0 ? 400 : serve(n, h, c, &head, &body);
    if (status == 400)
        text_add(&body, "ask: GET /join?addr=HOST:PORT, /peers, or "
                        "/leave?addr=HOST:PORT\n");
    answer(h, e->conn, status, &body);
    return used > 0 ? (size_t)used : e->len;
}

static void on_timer(struct introducer *n, struct host *h)
{
    while (n->client_count > 0 && n->client[0].deadline_us <= host_now(h))
        cut_off_first(n, h);
    arm_clients(n, h);
}

/* The one command, `peers`. */
static void on_command(struct introducer *n, struct host *h, uint32_t command)
{
    LOCAL_FIELDS f = fields_new();

    forget_silent(n, host_now(h));
    fields_begin(&f, FIELD_LIST, "peers");
    for (size_t i = 0; i < n->member_count; i++)
        fields_node(&f, "", n->member[i].addr);
    fields_end(&f);
    host_result(h, command, true, &f);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct introducer *n = node;

    switch (e->kind) {
    case EVENT_ACCEPT:
        on_accept(n, h, e);
        break;
    case EVENT_BYTES:
        return on_request(n, h, e);
    case EVENT_EOF:
        host_finish(h, e->conn);
        break;
    case EVENT_CLOSED:
        client_gone(n, e->conn);
        arm_clients(n, h);
        break;
    case EVENT_TIMER:
        on_timer(n, h);
        break;
    case EVENT_COMMAND:
        on_command(n, h, e->command);
        break;
    case EVENT_STOP:
        host_left(h);
        break;
    case EVENT_START:
    case EVENT_DATAGRAM:
    case EVENT_OPEN:
    case EVENT_ROOM:
    case EVENT_HASHED:
        break;
    }
    return 0;
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct introducer *n = node;

    (void)h;
    for (size_t i = 0; i < n->member_count; i++) {
        text_add(t, i == 0 ? "members " : " ");
        addr_text(t, n->member[i].addr);
    }
    text_printf(t, "\nclients %zu\n", n->client_count);
}

static void describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    (void)framing;
    http_describe(data, len, f);
}

static const struct option no_options[] = {{.name = NULL}};
static const struct command commands[] = {
    {"peers", "", "peers", "the nodes that called in the last minute",
     COMMAND_LIMIT_US},
    {.name = NULL}};
static const char *const timers[] = {"clients", NULL};

const struct protocol introducer_protocol = {
    .name = "introducer",
    .options = no_options,
    .commands = commands,
    .timers = timers,
    .invariants = "",
    .create = create,
    .event = event,
    .dump = dump,
    .describe = describe,
};

/* -- The joining side ------------------------------------------------------ */

struct introduced {
    struct config config;
    struct addr introducer;
    conn_id conn;  /* the call under way, or 0 */
    bool answered; /* ... is over but for its CLOSED */
    bool leaving;
};

struct introduced *introduced_create(struct host *h, const struct config *c,
                                     struct addr introducer)
{
    struct introduced *i = host_alloc(h, sizeof *i);

    if (i != NULL)
        *i = (struct introduced){.config = *c, .introducer = introducer};
    return i;
}

static void arm(struct host *h, uint64_t delay_us)
{
    h->calls->timer(h, TIMER_INTRODUCER, delay_us);
}

static void hang_up(struct introduced *i, struct host *h)
{
    if (i->conn != 0)
        host_abort(h, i->conn);
    i->conn = 0;
}

static void ask(struct introduced *i, struct host *h)
{
    hang_up(i, h);
    i->answered = false;
    i->conn = host_connect(h, i->introducer);
    arm(h, i->leaving ? FAREWELL_US : ANSWER_US);
}

static void on_open(struct introduced *i, struct host *h)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "GET /%s?addr=", i->leaving ? "leave" : "join");
    addr_text(&t, i->config.self);
    text_add(&t, " HTTP/1.0\r\n\r\n");
    host_phase(h, i->conn, PHASE_HTTP);
    host_write(h, i->conn, t.data, t.len);
}

/* Hand an event that the joining side made up to the node. */
static void tell_node(struct host *h, enum event_kind kind)
{
    struct event e = {.kind = kind};

    h->protocol->event(h->node, h, &e);
}

/* The call is over, with or without an answer: what comes next? */
static void call_over(struct introduced *i, struct host *h, bool answered)
{
    i->answered = true;
    if (i->leaving) {
        h->calls->timer_cancel(h, TIMER_INTRODUCER);
        tell_node(h, EVENT_STOP);
        return;
    }
    arm(h, answered ? INTRODUCER_RENEW_US : INTRODUCER_RETRY_US);
    if (answered)
        return;
    LOCAL_TEXT t = text_new();
    addr_text(&t, i->introducer);
    host_note(h, "the introducer %s does not answer; asking again in 2 s",
              t.data);
}

/* Begin the node, with the first address of the answer to join. */
static void begin(struct introduced *i, struct host *h, const uint8_t *body,
                  size_t len)
{
    char line[ADDR_TEXT_BYTES] = "";
    const uint8_t *end = len > 0 ? memchr(body, '\n', len) : NULL;
    size_t line_len = end != NULL ? (size_t)(end - body) : len;

    if (line_len < sizeof line) {
        memcpy(line, body, line_len);
        if (!addr_parse(&i->config.join, line))
            i->config.join = (struct addr){0, 0};
    }
    if (addr_none(i->config.join))
        line[0] = '\0';
    host_note(h,
              addr_none(i->config.join)
                  ? "the introducer knows nobody: starting a network%s"
                  : "the introducer names %s to join",
              line);
    h->node = h->protocol->create(h, &i->config);
    if (h->node != NULL)
        tell_node(h, EVENT_START);
}

/* Read the answer once it is whole; returns the bytes consumed. */
static size_t on_answer(struct introduced *i, struct host *h,
                        const struct event *e)
{
    struct http_head head;
    int used = http_answer(&head, e->data, e->len);

    if (i->answered)
        return e->len; /* what comes behind an answer is of no interest */
    if (used >= 0 && e->len < ANSWER_BYTES_MAX &&
        (used == 0 || e->len - head.len < head.content_length))
        return 0;
    bool good = used > 0 && head.status == 200 && head.has_length &&
                head.content_length <= e->len - head.len;
    if (good && h->node == NULL && !i->leaving)
        begin(i, h, e->data + head.len, (size_t)head.content_length);
    host_finish(h, i->conn);
    call_over(i, h, good && h->node != NULL);
    return good ? head.len + (size_t)head.content_length : e->len;
}

/* An event of the call to the introducer. */
static size_t on_call(struct introduced *i, struct host *h,
                      const struct event *e)
{
    switch (e->kind) {
    case EVENT_OPEN:
        on_open(i, h);
        break;
    case EVENT_BYTES:
        return on_answer(i, h, e);
    case EVENT_EOF:
        host_finish(h, i->conn);
        break;
    case EVENT_CLOSED:
        i->conn = 0;
        if (!i->answered)
            call_over(i, h, false);
        break;
    case EVENT_START:
    case EVENT_TIMER:
    case EVENT_DATAGRAM:
    case EVENT_ACCEPT:
    case EVENT_ROOM:
    case EVENT_COMMAND:
    case EVENT_HASHED:
    case EVENT_STOP:
        break;
    }
    return 0;
}

/* The timer: patience is over, or it is time to call again. */
static void on_call_timer(struct introduced *i, struct host *h)
{
    if (i->conn == 0 || i->answered) {
        ask(i, h);
        return;
    }
    hang_up(i, h);
    call_over(i, h, false);
}

/* What happens to a node that has no network yet. */
static void on_early(struct host *h, const struct event *e)
{
    if (e->kind == EVENT_COMMAND)
        host_failed(h, e->command, "the introducer has not answered yet");
    else if (e->kind == EVENT_ACCEPT)
        host_abort(h, e->conn);
    else if (e->kind == EVENT_STOP)
        host_left(h);
}

size_t introduced_event(struct introduced *i, struct host *h,
                        const struct event *e)
{
    bool of_call = e->kind == EVENT_OPEN || e->kind == EVENT_BYTES ||
                   e->kind == EVENT_ROOM || e->kind == EVENT_EOF ||
                   e->kind == EVENT_CLOSED;

    if (e->kind == EVENT_START)
        ask(i, h);
    else if (e->kind == EVENT_TIMER && e->timer == TIMER_INTRODUCER)
        on_call_timer(i, h);
    else if (of_call && i->conn != 0 && e->conn == i->conn)
        return on_call(i, h, e);
    else if (h->node == NULL)
        on_early(h, e);
    else if (e->kind == EVENT_STOP) {
        i->leaving = true;
        ask(i, h);
    } else
        return h->protocol->event(h->node, h, e);
    return 0;
}
