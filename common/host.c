/* The host calls of node.h, passed on to whichever host it is. */
#include "common/host.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"
#include "common/introducer.h"

uint64_t host_now(struct host *h)
{
    return h->calls->now(h);
}

uint64_t host_random(struct host *h)
{
    return h->calls->random(h);
}

void *host_alloc(struct host *h, size_t bytes)
{
    return h->calls->alloc(h, bytes);
}

void host_free(struct host *h, void *memory, size_t bytes)
{
    if (memory != NULL)
        h->calls->free(h, memory, bytes);
}

void host_timer(struct host *h, int slot, uint64_t delay_us)
{
    assert(slot >= 0 && slot < TIMER_SLOTS);
    h->calls->timer(h, slot, delay_us);
}

void host_timer_cancel(struct host *h, int slot)
{
    assert(slot >= 0 && slot < TIMER_SLOTS);
    h->calls->timer_cancel(h, slot);
}

void host_send(struct host *h, struct addr to, const void *data, size_t len)
{
    h->calls->send(h, to, data, len);
}

conn_id host_connect(struct host *h, struct addr to)
{
    return h->calls->connect(h, to);
}

size_t host_write(struct host *h, conn_id conn, const void *data, size_t len)
{
    return host_write_coded(h, conn, data, len, data, len);
}

size_t host_write_coded(struct host *h, conn_id conn, const void *wire,
                        size_t wire_len, const void *plain, size_t plain_len)
{
    assert(wire_len <= MESSAGE_BYTES_MAX);
    return h->calls->write(h, conn, wire, wire_len, plain, plain_len);
}

void host_decoded(struct host *h, conn_id conn, const void *plain, size_t len)
{
    h->calls->decoded(h, conn, plain, len);
}

void host_phase(struct host *h, conn_id conn, enum phase phase)
{
    h->calls->phase(h, conn, phase);
}

void host_finish(struct host *h, conn_id conn)
{
    h->calls->finish(h, conn);
}

void host_abort(struct host *h, conn_id conn)
{
    h->calls->abort(h, conn);
}

void host_result(struct host *h, uint32_t command, bool ok,
                 const struct fields *fields)
{
    h->calls->result(h, command, ok, fields);
}

void host_failed(struct host *h, uint32_t command, const char *error)
{
    struct fields f = fields_new();

    fields_text(&f, "error", error);
    h->calls->result(h, command, false, &f);
    fields_free(&f);
}

void host_note(struct host *h, const char *format, ...)
{
    if (!h->calls->wants_notes(h))
        return;
    struct text t = text_new();
    va_list args;

    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    h->calls->note(h, t.data);
    text_free(&t);
}

bool host_wants_notes(struct host *h)
{
    return h->calls->wants_notes(h);
}

void host_left(struct host *h)
{
    h->calls->left(h);
}

bool host_begin(struct host *h, const struct config *c, struct addr introducer)
{
    h->introduced = NULL;
    h->node = NULL;
    if (addr_none(introducer)) {
        h->node = h->protocol->create(h, c);
        return h->node != NULL;
    }
    h->introduced = introduced_create(h, c, introducer);
    return h->introduced != NULL;
}

size_t host_deliver(struct host *h, const struct event *e)
{
    if (h->introduced != NULL)
        return introduced_event(h->introduced, h, e);
    return h->protocol->event(h->node, h, e);
}

struct random host_random_stream(uint64_t seed, const char *name,
                                 uint32_t restarts)
{
    uint64_t h = hash_roll(hash_roll_u64(0, seed), name, strlen(name));

    return (struct random){.state = hash_roll_u64(h, restarts)};
}

const char *host_timer_name(const struct host *h, int slot)
{
    return slot == TIMER_INTRODUCER ? "introducer" : h->protocol->timers[slot];
}
