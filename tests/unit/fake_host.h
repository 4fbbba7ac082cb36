/*
 * A host for the parts of a node: a clock that the test sets, and records of
 * what was sent, written and connected last.
 */
#ifndef TESTS_UNIT_FAKE_HOST_H
#define TESTS_UNIT_FAKE_HOST_H

#include <stdio.h>
#include <stdlib.h>

#include "common/host.h"

struct fake {
    struct host host;                       /* first: a host is cast to it */
    uint64_t now_us, timer_us[TIMER_SLOTS]; /* deadlines; 0: not armed */
    size_t allocated;                       /* bytes, now */
    unsigned sent_count;
    struct {
        struct addr to;
        uint8_t data[2048];
        size_t len;
    } sent[64]; /* those since the test set sent_count to 0 */
    conn_id last_conn;
    struct addr connected;
    conn_id written_to; /* last */
    uint8_t written[70000];
    size_t written_len;
    bool finished, aborted, left;
    unsigned result_count;
    bool ok;        /* the last result */
    char said[512]; /* results: "command ok|failed field value...", a line
                       each, since the test cleared it */
};

static inline struct fake *fake_of(struct host *h)
{
    return (struct fake *)(void *)h;
}

static uint64_t fake_now(struct host *h)
{
    return fake_of(h)->now_us;
}

/* What a node has allocated dies with its host, as in real hosts: the blocks
   are in a list, so that LeakSanitizer sees them held. */
struct fake_block {
    struct fake_block *next, *before;
};
static struct fake_block fake_blocks = {&fake_blocks, &fake_blocks};

static void *fake_alloc(struct host *h, size_t bytes)
{
    struct fake_block *b = calloc(1, sizeof *b + bytes);

    if (b == NULL)
        return NULL;
    fake_of(h)->allocated += bytes;
    *b = (struct fake_block){fake_blocks.next, &fake_blocks};
    b->next->before = fake_blocks.next = b;
    return b + 1;
}

static void fake_free(struct host *h, void *memory, size_t bytes)
{
    struct fake_block *b = memory;

    if (memory == NULL)
        return;
    fake_of(h)->allocated -= bytes;
    b--;
    b->before->next = b->next;
    b->next->before = b->before;
    free(b);
}

static void fake_timer(struct host *h, int slot, uint64_t delay_us)
{
    fake_of(h)->timer_us[slot] = fake_of(h)->now_us + delay_us;
}

static void fake_cancel(struct host *h, int slot)
{
    fake_of(h)->timer_us[slot] = 0;
}

static void fake_send(struct host *h, struct addr to, const void *data,
                      size_t len)
{
    struct fake *f = fake_of(h);

    if (f->sent_count == 64 || len > sizeof f->sent[0].data)
        return;
    f->sent[f->sent_count].to = to;
    memcpy(f->sent[f->sent_count].data, data, len);
    f->sent[f->sent_count++].len = len;
}

static bool fake_resolve(struct host *h, const char *name, struct addr *addr)
{
    (void)h;
    *addr = (struct addr){0x0a000009, 909};
    return strcmp(name, "known") == 0;
}

static conn_id fake_connect(struct host *h, struct addr to)
{
    fake_of(h)->connected = to;
    return ++fake_of(h)->last_conn;
}

static size_t fake_write(struct host *h, conn_id conn, const void *wire,
                         size_t wire_len, const void *plain, size_t plain_len)
{
    struct fake *f = fake_of(h);

    (void)plain, (void)plain_len;
    f->written_to = conn;
    if (wire_len <= sizeof f->written - 1 - f->written_len) {
        memcpy(f->written + f->written_len, wire, wire_len);
        f->written_len += wire_len;
        f->written[f->written_len] = 0;
    }
    return 0;
}

static void fake_phase(struct host *h, conn_id conn, enum phase phase)
{
    (void)h, (void)conn, (void)phase;
}

static void fake_finish(struct host *h, conn_id conn)
{
    (void)conn;
    fake_of(h)->finished = true;
}

static void fake_abort(struct host *h, conn_id conn)
{
    (void)conn;
    fake_of(h)->aborted = true;
}

static void fake_note(struct host *h, const char *text)
{
    (void)h, (void)text;
}

static void fake_result(struct host *h, uint32_t command, bool ok,
                        const struct fields *fields)
{
    struct fake *f = fake_of(h);
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s%u %s ", f->said, command, ok ? "ok" : "failed");
    fields_line(&t, fields, &(struct namer){.name = NULL});
    text_char(&t, '\n');
    (void)snprintf(f->said, sizeof f->said, "%s", t.data);
    f->result_count++;
    f->ok = ok;
}

static void fake_left(struct host *h)
{
    fake_of(h)->left = true;
}

static bool fake_wants_notes(struct host *h)
{
    (void)h;
    return true; /* so that wording them is tested too */
}

static bool fake_keep(struct host *h)
{
    (void)h;
    return false;
}

static inline void fake_begin(struct fake *f, struct addr self)
{
    static const struct host_calls calls = {.now = fake_now,
                                            .alloc = fake_alloc,
                                            .free = fake_free,
                                            .timer = fake_timer,
                                            .timer_cancel = fake_cancel,
                                            .resolve = fake_resolve,
                                            .send = fake_send,
                                            .connect = fake_connect,
                                            .write = fake_write,
                                            .phase = fake_phase,
                                            .finish = fake_finish,
                                            .abort = fake_abort,
                                            .result = fake_result,
                                            .left = fake_left,
                                            .note = fake_note,
                                            .keep = fake_keep,
                                            .wants_notes = fake_wants_notes};

    memset(f, 0, sizeof *f);
    f->host.calls = &calls;
    f->host.name = "fake";
    f->host.addr = self;
    f->host.random.state = 7;
    f->now_us = 1000000;
}

/* A node of a protocol on it, started alone. */
static inline void fake_node(struct fake *f, const struct protocol *p,
                             const struct settings *s, struct addr self)
{
    struct config config = {.settings = s, .name = "fake", .self = self};
    struct text why = text_new();

    fake_begin(f, self);
    if (p->identify != NULL)
        (void)p->identify(s, self, NULL, &config.id, &why);
    text_free(&why);
    f->host.protocol = p;
    f->host.id = config.id;
    f->host.node = p->create(&f->host, &config);
    (void)host_deliver(&f->host, &(struct event){.kind = EVENT_START});
}

/* Let time pass: every timer that falls due fires, in order. */
static inline void fake_pass(struct fake *f, uint64_t us)
{
    uint64_t end = f->now_us + us;

    for (;;) {
        int first = -1;
        for (int i = 0; i < TIMER_SLOTS; i++)
            if (f->timer_us[i] != 0 && f->timer_us[i] <= end &&
                (first < 0 || f->timer_us[i] < f->timer_us[first]))
                first = i;
        if (first < 0)
            break;
        if (f->now_us < f->timer_us[first])
            f->now_us = f->timer_us[first];
        f->timer_us[first] = 0;
        f->sent_count = 0;
        (void)host_deliver(
            &f->host, &(struct event){.kind = EVENT_TIMER, .timer = first});
    }
    f->now_us = end;
}

/* A datagram arrives; the number of those that it makes the node send. */
static inline unsigned fake_datagram(struct fake *f, struct addr from,
                                     const uint8_t *data, size_t len)
{
    struct event e = {
        .kind = EVENT_DATAGRAM, .peer = from, .data = data, .len = len};

    f->sent_count = 0;
    (void)host_deliver(&f->host, &e);
    return f->sent_count;
}

/* A user types a command; the number of datagrams that it makes. */
static inline unsigned fake_command(struct fake *f, const char *text)
{
    struct event e = {.kind = EVENT_COMMAND,
                      .command = 1,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};

    f->sent_count = 0;
    (void)host_deliver(&f->host, &e);
    return f->sent_count;
}

#endif
