/*
 * A protocol without sense, for tests of hosts: it logs what happens to it,
 * gossips when told to, and frames what it reads as the test wants.
 *
 * Tests also make host calls from outside of events, between two steps.
 */
#ifndef TESTS_UNIT_BABBLER_H
#define TESTS_UNIT_BABBLER_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/network.h"

/* How a node reads streams. */
enum reading {
    READ_MESSAGES, /* the first byte says how long a message is */
    READ_ALL,      /* whatever is there */
    READ_NOTHING
};

/* What the test wants, and what happened: not part of any node's state. */
struct babbler {
    struct text log; /* "n1 datagram hello", a line each */
    enum reading reading;
    bool gossip;              /* nodes send to those they know, for ever */
    uint64_t settled_from_us; /* the network is settled from then on */
    uint64_t settled_to_us;   /* and no longer from then on; 0: for ever */
    uint64_t bytes_read;
    conn_id last_conn; /* of the last OPEN or ACCEPT */
};
static struct babbler babbler;

struct babbler_node {
    struct addr known[4];
    uint32_t known_count, sum;
    uint32_t asked;   /* command whose answer is awaited */
    uint8_t *ballast; /* allocated and freed with every tick */
    size_t ballast_bytes;
};

/* Forget everything. */
static inline void babbler_reset(void)
{
    text_free(&babbler.log);
    memset(&babbler, 0, sizeof babbler);
    babbler.log = text_new();
}

static void log_event(struct host *h, const char *what, const void *data,
                      size_t len)
{
    text_printf(&babbler.log, "%s %s", h->name, what);
    if (len > 0 && len < 100) {
        text_char(&babbler.log, ' ');
        text_safe(&babbler.log, data, len);
    }
    text_char(&babbler.log, '\n');
}

static void learn(struct babbler_node *n, struct addr a)
{
    for (uint32_t i = 0; i < n->known_count; i++)
        if (addr_equal(n->known[i], a))
            return;
    n->known[n->known_count < 4 ? n->known_count++ : n->sum % 4] = a;
}

static void *create(struct host *h, const struct config *c)
{
    struct babbler_node *n = host_alloc(h, sizeof *n);

    if (n != NULL && !addr_none(c->join))
        learn(n, c->join);
    return n;
}

static void gossip(struct babbler_node *n, struct host *h)
{
    char text[64];

    host_free(h, n->ballast, n->ballast_bytes);
    n->ballast_bytes = 1 + (size_t)(host_random(h) % 3000);
    n->ballast = host_alloc(h, n->ballast_bytes);
    for (uint32_t i = 0; i < n->known_count; i++) {
        int len = snprintf(text, sizeof text, "gossip %u %u", n->sum,
                           (unsigned)(host_random(h) % 1000));
        host_send(h, n->known[i], text, (size_t)len);
    }
    host_timer(h, 0, 50000 + host_random(h) % 100000);
    host_timer(h, 1, 70000);
}

/* "chain 3" travels to the node joined, and on, until 0; then the last node
   answers to whom the message names. */
static void chain(struct babbler_node *n, struct host *h, char left,
                  struct addr origin)
{
    uint8_t m[8] = {'c', (uint8_t)left};

    memcpy(m + 2, &origin.ip, 4);
    memcpy(m + 6, &origin.port, 2);
    host_send(h, left > '0' ? n->known[0] : origin, m, sizeof m);
}

static void on_command(struct babbler_node *n, struct host *h,
                       const struct event *e)
{
    struct fields f = fields_new();
    const char *text = (const char *)e->data;

    if (strcmp(text, "echo") == 0) {
        fields_number(&f, "sum", n->sum);
        host_result(h, e->command, true, &f);
    } else if (strcmp(text, "refuse") == 0) {
        host_failed(h, e->command, "will not");
    } else if (strncmp(text, "chain ", 6) == 0) {
        n->asked = e->command;
        chain(n, h, text[6], h->addr);
    }
    fields_free(&f);
}

static void on_datagram(struct babbler_node *n, struct host *h,
                        const struct event *e)
{
    struct fields f = fields_new();

    if (babbler.gossip)
        learn(n, e->peer);
    n->sum = n->sum * 31 + (uint32_t)e->len + e->data[0];
    if (e->len == 8 && e->data[0] == 'c') {
        struct addr origin = {.ip = 0};
        memcpy(&origin.ip, e->data + 2, 4);
        memcpy(&origin.port, e->data + 6, 2);
        if (e->data[1] == '0' && n->asked != 0)
            host_result(h, n->asked, true, &f);
        else if (e->data[1] > '0')
            chain(n, h, (char)(e->data[1] - 1), origin);
    }
}

static size_t on_bytes(struct host *h, const struct event *e)
{
    size_t len = e->len;

    if (babbler.reading == READ_NOTHING)
        return 0;
    if (babbler.reading == READ_MESSAGES) {
        len = e->data[0];
        if (len == 0 || len > e->len)
            return 0;
        log_event(h, "message", e->data + 1, len - 1);
    }
    babbler.bytes_read += len;
    return len;
}

static size_t on_event(void *node, struct host *h, const struct event *e)
{
    static const char *const reasons[] = {"done", "refused", "reset",
                                          "timeout"};
    struct babbler_node *n = node;

    switch (e->kind) {
    case EVENT_START:
        log_event(h, "start", NULL, 0);
        if (babbler.gossip)
            gossip(n, h);
        break;
    case EVENT_TIMER:
        log_event(h, e->timer == 0 ? "tick" : "tock", NULL, 0);
        if (babbler.gossip && e->timer == 0)
            gossip(n, h);
        break;
    case EVENT_DATAGRAM:
        log_event(h, "datagram", e->data, e->data[0] == 'c' ? 1 : e->len);
        on_datagram(n, h, e);
        break;
    case EVENT_OPEN:
        babbler.last_conn = e->conn;
        log_event(h, "open", NULL, 0);
        break;
    case EVENT_ACCEPT:
        babbler.last_conn = e->conn;
        log_event(h, "accept", NULL, 0);
        break;
    case EVENT_BYTES:
        host_note(h, "reads");
        return on_bytes(h, e);
    case EVENT_ROOM:
        log_event(h, "room", NULL, 0);
        break;
    case EVENT_EOF:
        text_printf(&babbler.log, "%s eof %zu\n", h->name, e->len);
        break;
    case EVENT_CLOSED:
        log_event(h, "closed", reasons[e->error], strlen(reasons[e->error]));
        break;
    case EVENT_COMMAND:
        on_command(n, h, e);
        break;
    case EVENT_STOP:
        log_event(h, "stop", NULL, 0);
        break;
    case EVENT_HASHED: /* it keeps no content */
        break;
    }
    return 0;
}

static void describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    (void)framing;
    (void)data;
    f->type = "BABBLE";
    fields_undecoded(f, 0, len);
}

/* Warm: everybody knows the first node, and ticks in a second. */
static void warm(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        struct babbler_node *n = net->host[i]->node;
        if (n == NULL)
            continue;
        n->known_count = 1;
        n->known[0] = net->host[0]->addr;
        host_timer(net->host[i], 1, 1000000);
    }
}

static bool settled(const struct network *net)
{
    return net->now_us >= babbler.settled_from_us &&
           (babbler.settled_to_us == 0 || net->now_us < babbler.settled_to_us);
}

static uint64_t quiet_us(const struct settings *s)
{
    (void)s;
    return 2000000;
}

static void check(const struct network *net, struct findings *f)
{
    struct finding *known = findings_add(f, "somebody known");

    for (size_t i = 1; i < net->count; i++) {
        const struct babbler_node *n = net->host[i]->node;
        if (n != NULL && n->known_count == 0)
            findings_break(known, "%s knows nobody", net->host[i]->name);
    }
}

/* Ids are two decimal digits, so that they collide. */
static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    (void)s;
    *id =
        id_of(text != NULL ? (uint64_t)strtoul(text, NULL, 10) : self.ip % 100);
    if (text != NULL && strlen(text) > 2) {
        text_printf(why, "'%s' is no id of two digits", text);
        return false;
    }
    return true;
}

static const struct option options[] = {{.name = NULL}};
static const struct command commands[] = {
    {"echo", "", "echo", "answer at once", COMMAND_LIMIT_US},
    {"refuse", "", "refuse", "fail at once", COMMAND_LIMIT_US},
    {"hang", "", "hang", "never answer", COMMAND_LIMIT_US},
    {"sleep", "", "sleep", "never answer, without a limit", 0},
    {"chain", "n", "chain COUNT", "answer over COUNT nodes", COMMAND_LIMIT_US},
    {.name = NULL}};
static const char *const timers[] = {"tick", "tock", NULL};

static const struct protocol babbler_protocol = {.name = "babbler",
                                                 .options = options,
                                                 .commands = commands,
                                                 .timers = timers,
                                                 .invariants = "somebody known",
                                                 .identify = identify,
                                                 .create = create,
                                                 .event = on_event,
                                                 .describe = describe,
                                                 .warm = warm,
                                                 .check = check,
                                                 .settled = settled,
                                                 .quiet_us = quiet_us};

#endif
