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
    return random_next(&h->random);
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

bool host_grow(struct host *h, void *table, uint32_t *cap, uint32_t wanted,
               size_t element_bytes)
{
    uint32_t more = *cap > 0 ? *cap : 4;
    void *old, *at;

    assert(wanted <= UINT32_MAX / 2);
    if (wanted <= *cap)
        return true;
    while (more < wanted)
        more *= 2;
    at = host_alloc(h, more * element_bytes);
    if (at == NULL)
        return false;
    memcpy(&old, table, sizeof old); /* a pointer, whatever its type */
    if (old != NULL)
        memcpy(at, old, *cap * element_bytes);
    host_free(h, old, *cap * element_bytes);
    memcpy(table, &at, sizeof at);
    *cap = more;
    return true;
}

void host_timer(struct host *h, int slot, uint64_t delay_us)
{
    assert(slot >= 0 && slot < TIMER_SLOTS);
    h->calls->timer(h, slot, delay_us);
}

void host_timer_at(struct host *h, int slot, uint64_t time_us)
{
    uint64_t now = host_now(h);

    if (time_us == NEVER)
        host_timer_cancel(h, slot);
    else
        host_timer(h, slot, time_us > now ? time_us - now : 0);
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

bool host_resolve(struct host *h, const char *name, struct addr *addr)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s:0", name);
    return addr_parse(addr, t.data) || h->calls->resolve(h, name, addr);
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
    if (h->calls->decoded != NULL)
        h->calls->decoded(h, conn, plain, len);
}

void host_phase(struct host *h, conn_id conn, enum phase phase)
{
    h->calls->phase(h, conn, phase);
}

void host_reads(struct host *h, conn_id conn, enum phase phase)
{
    if (h->calls->reads != NULL)
        h->calls->reads(h, conn, phase);
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
    LOCAL_FIELDS f = fields_new();

    fields_text(&f, "error", error);
    h->calls->result(h, command, false, &f);
}

void host_note(struct host *h, const char *format, ...)
{
    if (!h->calls->wants_notes(h))
        return;
    LOCAL_TEXT t = text_new();
    va_list args;

    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    h->calls->note(h, t.data);
}

bool host_wants_notes(struct host *h)
{
    return h->calls->wants_notes(h);
}

void host_left(struct host *h)
{
    h->calls->left(h);
}

/* -- Content ------------------------------------------------------------ */

size_t host_content_count(struct host *h)
{
    return contents_count(h->contents);
}

bool host_content(struct host *h, int content, struct content *c)
{
    return contents_get(h->contents, content, c);
}

int host_content_find(struct host *h, const char *name)
{
    return contents_find(h->contents, name);
}

static bool keeps(struct host *h)
{
    return h->contents != NULL || h->calls->keep(h);
}

int host_content_new(struct host *h, const char *name,
                     const struct content_file *files, size_t count)
{
    return keeps(h) ? contents_begin(h->contents, name, files, count)
                    : ERR_SYSTEM;
}

int host_content_fetch(struct host *h, uint32_t command, const char *name,
                       uint64_t bytes)
{
    struct content_file file = {name, bytes};
    struct content c;
    int content = host_content_new(h, name, &file, 1);

    if (content >= 0 && !(host_content(h, content, &c) && c.complete))
        return content;
    host_failed(h, command,
                content >= 0 ? "that file is here already"
                : content == ERR_MALFORMED
                    ? "refused: that name would leave the folder"
                : content == ERR_LIMIT ? "another file of that name is here"
                                       : "the file cannot be made");
    return content < 0 ? content : ERR_LIMIT;
}

int host_content_complete(struct host *h, int content)
{
    return contents_complete(h->contents, content);
}

int host_content_name(struct host *h, int content, size_t file)
{
    return contents_name(h->contents, content, file);
}

bool host_content_has(struct host *h, int content, uint64_t offset,
                      uint64_t len)
{
    return contents_has(h->contents, content, offset, len);
}

uint64_t host_content_run(struct host *h, int content, uint64_t offset)
{
    return contents_run(h->contents, content, offset);
}

void host_content_forget(struct host *h, int content, uint64_t offset,
                         uint64_t len)
{
    contents_forget(h->contents, content, offset, len);
}

int host_content_read(struct host *h, int content, uint64_t offset, void *to,
                      size_t len)
{
    return contents_read(h->contents, content, offset, to, len);
}

int host_content_write(struct host *h, int content, uint64_t offset,
                       const void *from, size_t len)
{
    return contents_write(h->contents, content, offset, from, len);
}

const char *host_content_trouble(struct host *h)
{
    return contents_trouble(h->contents);
}

void host_content_hash(struct host *h, int content, uint64_t offset,
                       uint64_t len, enum content_hash kind, uint32_t tag)
{
    bool here = contents_has(h->contents, content, offset, len);

    /* What is not here fails at its first byte, or has none to begin with. */
    h->calls->hash(h, &(struct hash_job){.content = here ? content : -1,
                                         .shown = content,
                                         .at = offset,
                                         .end = offset + (here ? len : 1),
                                         .kind = kind,
                                         .tag = tag});
}

size_t host_write_content(struct host *h, conn_id conn, int content,
                          uint64_t offset, size_t len)
{
    assert(len <= MESSAGE_BYTES_MAX);
    assert(contents_has(h->contents, content, offset, len));
    return h->calls->write_content(h, conn, content, offset, len);
}

bool host_write_range(struct host *h, conn_id conn, int content, uint64_t *at,
                      uint64_t end)
{
    size_t backlog = 0;

    while (*at < end && backlog < BACKLOG_HIGH) {
        size_t len = end - *at < MESSAGE_BYTES_MAX ? (size_t)(end - *at)
                                                   : MESSAGE_BYTES_MAX;
        backlog = host_write_content(h, conn, content, *at, len);
        *at += len;
    }
    return backlog < BACKLOG_HIGH;
}

int host_save(struct host *h, const char *name, const void *data, size_t len)
{
    return keeps(h) ? contents_save(h->contents, name, data, len) : ERR_SYSTEM;
}

int host_load(struct host *h, const char *name, void *to, size_t room)
{
    return contents_load(h->contents, name, to, room);
}

bool host_begin(struct host *h, const struct config *c, struct addr introducer)
{
    struct config named = *c;

    named.name = h->name;
    h->introduced = NULL;
    h->node = NULL;
    if (addr_none(introducer)) {
        h->node = h->protocol->create(h, &named);
        return h->node != NULL;
    }
    h->introduced = introduced_create(h, &named, introducer);
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
