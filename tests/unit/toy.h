/*
 * A scripted node: does what commands tell it, and logs every event that it
 * gets, a line each, without times.  Conformance runs it over both hosts and
 * compares the logs.
 *
 * Messages on a stream are a 4-byte length and as many bytes; their content
 * counts up, so that a byte lost or swapped shows.  Commands that name no
 * stream mean the latest one.
 */
#ifndef TESTS_UNIT_TOY_H
#define TESTS_UNIT_TOY_H

#include <assert.h>
#include <stdlib.h>

#include "common/host.h"
#include "common/text.h"

#define TOY_NODES_MAX 16
#define TOY_HEAD 4
#define TOY_MASK 0x55

struct toy {
    struct config config;
    conn_id conn;       /* the latest */
    bool hold;          /* consume nothing */
    bool answer;        /* write each message back */
    bool finish_at_eof; /* and finish when the peer has */
    bool heard_room;
    bool dribble;        /* write byte by byte */
    bool masked;         /* the bytes on the wire are not the message */
    uint64_t fill_count; /* messages still to write */
    uint64_t messages, bytes;
    bool sum_only; /* read no messages, but count and add up bytes */
    uint32_t sum;
    int content;
    size_t log; /* its index in toy_log */
};

/* Logs outlive their nodes; by the order of first start. */
static struct text toy_log[TOY_NODES_MAX];
static struct addr toy_addr[TOY_NODES_MAX];
static size_t toy_count;

static inline void toy_clear(void)
{
    for (size_t i = 0; i < toy_count; i++)
        text_free(&toy_log[i]);
    toy_count = 0;
}

static inline size_t toy_log_of(struct addr a)
{
    size_t i = 0;

    while (i < toy_count && !addr_equal(toy_addr[i], a))
        i++;
    if (i == toy_count) {
        assert(toy_count < TOY_NODES_MAX);
        toy_addr[i] = a;
        toy_log[i] = text_new();
        toy_count++;
    }
    return i;
}

static inline void toy_say(struct toy *t, const char *format, ...)
    PRINTF_LIKE(2, 3);
static inline void toy_say(struct toy *t, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text_vprintf(&toy_log[t->log], format, args);
    va_end(args);
    text_char(&toy_log[t->log], '\n');
}

static inline void *toy_create(struct host *h, const struct config *c)
{
    struct toy *t = host_alloc(h, sizeof *t);

    if (t != NULL)
        *t = (struct toy){.config = *c, .log = toy_log_of(c->self)};
    return t;
}

/* Write one message of `len` bytes in all. */
static inline size_t toy_write(struct toy *t, struct host *h, size_t len)
{
    static uint8_t m[MESSAGE_BYTES_MAX];
    size_t body = len - TOY_HEAD;

    assert(len >= TOY_HEAD && len <= sizeof m);
    for (int i = 0; i < TOY_HEAD; i++)
        m[i] = (uint8_t)(body >> (24 - 8 * i));
    for (size_t i = 0; i < body; i++)
        m[TOY_HEAD + i] = (uint8_t)(i * 7 + body);
    if (t->masked) {
        static uint8_t wire[MESSAGE_BYTES_MAX];
        for (size_t i = 0; i < len; i++)
            wire[i] = m[i] ^ TOY_MASK;
        return host_write_coded(h, t->conn, wire, len, m, len);
    }
    for (size_t i = 0; t->dribble && i < len; i++)
        host_write(h, t->conn, m + i, 1);
    return t->dribble ? 0 : host_write(h, t->conn, m, len);
}

static inline void toy_fill(struct toy *t, struct host *h)
{
    while (t->fill_count > 0) {
        t->fill_count--;
        if (toy_write(t, h, MESSAGE_BYTES_MAX) >= BACKLOG_HIGH)
            return;
    }
}

static inline size_t toy_bytes(struct toy *t, struct host *h,
                               const struct event *e)
{
    static uint8_t plain[MESSAGE_BYTES_MAX];
    size_t len = e->len < sizeof plain ? e->len : sizeof plain, body = 0;

    if (t->sum_only) {
        for (size_t i = 0; i < len; i++)
            t->sum = t->sum * 31 + e->data[i];
        t->bytes += len;
        return len;
    }
    uint8_t mask = t->masked ? TOY_MASK : 0;
    if (t->hold || len < TOY_HEAD)
        return 0;
    for (int i = 0; i < TOY_HEAD; i++)
        body = body << 8 | (e->data[i] ^ mask);
    if (len - TOY_HEAD < body)
        return 0;
    for (size_t i = 0; i < TOY_HEAD + body; i++)
        plain[i] = e->data[i] ^ mask;
    for (size_t i = 0; i < body; i++)
        if (plain[TOY_HEAD + i] != (uint8_t)(i * 7 + body)) {
            toy_say(t, "byte %zu of a message is wrong", i);
            break;
        }
    if (t->masked)
        host_decoded(h, e->conn, plain, TOY_HEAD + body);
    t->messages++;
    t->bytes += TOY_HEAD + body;
    if (TOY_HEAD + body < MESSAGE_BYTES_MAX) /* bulk is only counted */
        toy_say(t, "message %zu", TOY_HEAD + body);
    if (t->answer)
        toy_write(t, h, TOY_HEAD + body);
    return TOY_HEAD + body;
}

/* Content: the latest is the one that these commands mean. */

/* Begin a content of two files, song.ogg first. */
static inline void toy_content_new(struct toy *t, struct host *h, uint64_t a)
{
    struct content_file files[] = {{"album/song.ogg", a}, {"album/notes", 5}};
    struct content_file out[] = {{"../song.ogg", a}};

    t->content = host_content_new(h, "album", files, 2);
    toy_say(t, "new %d, again %d, elsewhere %d", t->content,
            host_content_new(h, "album", files, 2),
            host_content_new(h, "out", out, 1));
}

static inline void toy_content_say(struct toy *t, struct host *h)
{
    struct content c;

    if (!host_content(h, t->content, &c))
        toy_say(t, "no content %d of %zu", t->content, host_content_count(h));
    else
        toy_say(t, "%s: %lu of %lu%s, from 0: %lu", c.name,
                (unsigned long)c.have, (unsigned long)c.bytes,
                c.complete ? " complete" : "",
                (unsigned long)host_content_run(h, t->content, 0));
}

/* The right bytes are those of the content that is shared, number 0. */
static inline void toy_content_copy(struct toy *t, struct host *h, uint64_t at,
                                    size_t len, bool wrong)
{
    uint8_t bytes[MESSAGE_BYTES_MAX];

    assert(len <= sizeof bytes);
    int error = host_content_read(h, 0, at, bytes, len);
    bytes[0] ^= wrong;
    toy_say(t, "read %d, write %d", error,
            host_content_write(h, t->content, at, bytes, len));
}

static inline void toy_hashed(struct toy *t, const struct event *e)
{
    text_printf(&toy_log[t->log], "hashed %d, tag %u: ", e->content, e->tag);
    for (size_t i = 0; i < e->len && i < 4; i++)
        text_printf(&toy_log[t->log], "%02x", e->data[i]);
    toy_say(t, " (%zu bytes)", e->len);
}

static inline bool toy_content_command(struct toy *t, struct host *h,
                                       const char *word, unsigned long a,
                                       unsigned long b)
{
    char blob[64] = "";

    if (strcmp(word, "content_new") == 0)
        toy_content_new(t, h, a);
    else if (strcmp(word, "content") == 0)
        t->content = (int)a;
    else if (strcmp(word, "content_copy") == 0)
        toy_content_copy(t, h, a, b, false);
    else if (strcmp(word, "content_spoil") == 0)
        toy_content_copy(t, h, a, b, true);
    else if (strcmp(word, "content_forget") == 0)
        host_content_forget(h, t->content, a, b);
    else if (strcmp(word, "content_complete") == 0)
        toy_say(t, "complete %d", host_content_complete(h, t->content));
    else if (strcmp(word, "content_hash") == 0)
        host_content_hash(h, t->content, a, b, CONTENT_SHA1, 7);
    else if (strcmp(word, "content_send") == 0)
        toy_say(t, "sent %lu: %s", b,
                host_write_content(h, t->conn, t->content, a, b) == 0 ? "0"
                                                                      : "more");
    else if (strcmp(word, "save") == 0)
        toy_say(t, "save %d", host_save(h, "toy", "remembered", a));
    else if (strcmp(word, "load") == 0)
        toy_say(t, "load %d %s", host_load(h, "toy", blob, a), blob);
    else if (strcmp(word, "content_say") != 0)
        return false;
    if (strncmp(word, "content", 7) == 0)
        toy_content_say(t, h);
    return true;
}

/* The words of a command, and its one or two numbers. */
static inline void toy_command(struct toy *t, struct host *h,
                               const struct event *e)
{
    struct fields none = fields_new();
    char word[32] = "";
    unsigned long a = 0, b = 0;

    sscanf((const char *)e->data, "%31s %lu %lu", word, &a, &b);
    if (strcmp(word, "connect") == 0) {
        t->conn = host_connect(h, t->config.join);
    } else if (strcmp(word, "connect_write") == 0) {
        t->conn = host_connect(h, t->config.join);
        toy_write(t, h, a);
    } else if (strcmp(word, "write") == 0) {
        toy_say(t, "write %lu: %s", a, toy_write(t, h, a) == 0 ? "0" : "more");
    } else if (strcmp(word, "write3") == 0) {
        for (int i = 0; i < 3; i++)
            toy_write(t, h, a);
    } else if (strcmp(word, "dribble") == 0) { /* a message byte by byte */
        t->dribble = true;
        toy_write(t, h, a);
        t->dribble = false;
    } else if (strcmp(word, "raw") == 0) { /* the front of a message */
        static const uint8_t front[16] = {1};
        assert(a <= sizeof front);
        host_write(h, t->conn, front, a);
    } else if (strcmp(word, "fill") == 0) {
        t->fill_count = a;
        toy_fill(t, h);
    } else if (strcmp(word, "count") == 0) {
        if (t->sum_only)
            toy_say(t, "read %lu bytes, sum %08x", (unsigned long)t->bytes,
                    t->sum);
        else
            toy_say(t, "counted %lu messages, %lu bytes",
                    (unsigned long)t->messages, (unsigned long)t->bytes);
    } else if (strcmp(word, "hold") == 0) {
        t->hold = a != 0;
    } else if (strcmp(word, "mask") == 0) {
        t->masked = true;
    } else if (strcmp(word, "answer") == 0) {
        t->answer = true;
    } else if (strcmp(word, "polite") == 0) {
        t->finish_at_eof = true;
    } else if (strcmp(word, "finish") == 0) {
        host_finish(h, t->conn);
    } else if (strcmp(word, "abort") == 0) {
        host_abort(h, t->conn);
        toy_say(t, "write after abort: %zu", toy_write(t, h, 8));
    } else if (strcmp(word, "timer") == 0) {
        host_timer(h, (int)a, b * 1000);
    } else if (strcmp(word, "cancel") == 0) {
        host_timer_cancel(h, (int)a);
    } else if (strcmp(word, "send") == 0) {
        static const uint8_t zero[2000];
        assert(a <= sizeof zero);
        host_send(h, t->config.join, zero, a);
    } else if (toy_content_command(t, h, word, a, b)) {
    } else if (strcmp(word, "raw_reader") == 0) {
        t->sum_only = true;
    } else if (strcmp(word, "silent") == 0) {
        fields_free(&none);
        return;
    }
    host_note(h, "did %s", word);
    host_result(h, e->command, true, &none);
    fields_free(&none);
}

static inline size_t toy_event(void *node, struct host *h,
                               const struct event *e)
{
    static const char *const reason[] = {"done", "refused", "reset", "timeout"};
    struct toy *t = node;

    switch (e->kind) {
    case EVENT_START:
        toy_say(t, "start");
        break;
    case EVENT_TIMER:
        toy_say(t, "timer %d", e->timer);
        if (e->timer == 5)
            host_timer_cancel(h, 6);
        break;
    case EVENT_DATAGRAM:
        toy_say(t, "datagram %zu", e->len);
        t->messages++;
        break;
    case EVENT_OPEN:
        toy_say(t, "open");
        break;
    case EVENT_ACCEPT:
        toy_say(t, "accept");
        t->conn = e->conn;
        break;
    case EVENT_BYTES:
        return toy_bytes(t, h, e);
    case EVENT_ROOM:
        if (!t->heard_room) /* how often depends on the buffers */
            toy_say(t, "room");
        t->heard_room = true;
        toy_fill(t, h);
        break;
    case EVENT_EOF:
        toy_say(t, "eof %zu", e->len);
        if (t->finish_at_eof)
            host_finish(h, e->conn);
        break;
    case EVENT_CLOSED:
        toy_say(t, "closed %s; write: %zu", reason[e->error],
                toy_write(t, h, 8));
        break;
    case EVENT_COMMAND:
        toy_command(t, h, e);
        break;
    case EVENT_STOP:
        toy_say(t, "stop");
        host_left(h);
        break;
    case EVENT_HASHED:
        toy_hashed(t, e);
        break;
    }
    return 0;
}

static inline void toy_dump(const void *node, struct host *h, struct text *out)
{
    const struct toy *t = node;

    (void)h;
    text_printf(out, "messages %lu", (unsigned long)t->messages);
}

static inline void toy_describe(const struct framing *framing,
                                const uint8_t *data, size_t len,
                                struct fields *f)
{
    (void)framing;
    f->type = "TOY";
    struct field *at = fields_add(f, FIELD_BYTES, "bytes", 0, len);
    at->text = (const char *)data;
    at->text_len = len;
}

static inline void toy_warm(const struct network *n)
{
    (void)n;
}

static inline bool toy_settled(const struct network *n)
{
    (void)n;
    return true;
}

static inline uint64_t toy_quiet_us(const struct settings *s)
{
    (void)s;
    return 1000000;
}

static const struct option toy_options[] = {{.name = NULL}};
static const char *const toy_timers[] = {
    "zero", "one", "two", "three", "four", "five", "six", "seven", NULL};
#define TOY_COMMAND(name)                                                      \
    {                                                                          \
        name, "n?n?", name, "", COMMAND_LIMIT_US                               \
    }
static const struct command toy_commands[] = {
    TOY_COMMAND("connect"),
    TOY_COMMAND("connect_write"),
    TOY_COMMAND("write"),
    TOY_COMMAND("write3"),
    TOY_COMMAND("dribble"),
    TOY_COMMAND("raw"),
    TOY_COMMAND("fill"),
    TOY_COMMAND("count"),
    TOY_COMMAND("hold"),
    TOY_COMMAND("answer"),
    TOY_COMMAND("mask"),
    TOY_COMMAND("polite"),
    TOY_COMMAND("finish"),
    TOY_COMMAND("abort"),
    TOY_COMMAND("timer"),
    TOY_COMMAND("cancel"),
    TOY_COMMAND("send"),
    TOY_COMMAND("raw_reader"),
    TOY_COMMAND("save"),
    TOY_COMMAND("load"),
    TOY_COMMAND("content"),
    TOY_COMMAND("content_new"),
    TOY_COMMAND("content_copy"),
    TOY_COMMAND("content_spoil"),
    TOY_COMMAND("content_forget"),
    TOY_COMMAND("content_complete"),
    TOY_COMMAND("content_hash"),
    TOY_COMMAND("content_send"),
    TOY_COMMAND("content_say"),
    {"silent", "", "silent", "", 300000},
    {.name = NULL}};

static const struct protocol toy_protocol = {.name = "toy",
                                             .options = toy_options,
                                             .commands = toy_commands,
                                             .timers = toy_timers,
                                             .invariants = "",
                                             .create = toy_create,
                                             .event = toy_event,
                                             .dump = toy_dump,
                                             .describe = toy_describe,
                                             .warm = toy_warm,
                                             .settled = toy_settled,
                                             .quiet_us = toy_quiet_us};

#endif
