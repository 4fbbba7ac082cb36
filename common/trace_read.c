/*
 * Reading traces; see trace.h, and trace.c for what is in them.
 *
 * A file is read into memory whole and walked block by block.  Whatever its
 * bytes are, nothing outside of it is read: a block must lie inside the
 * file, an option inside its block, a packet inside its block's data.  A
 * file whose end is missing (its writer was killed) gives what is there.
 *
 * Each comment with an event number becomes an entry, and so does each UDP
 * datagram without a comment, as Wireshark records them.  Messages in one
 * packet stay where the file has them.
 */
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/trace_comment.h"
#include "common/trace_format.h"

#define FILE_BYTES_MAX (TEXT_BYTES_MAX - 65536) /* with a NUL, in a text */
#define RECORDS_MAX ((size_t)4 << 20)
#define INTERFACES_MAX 64
#define PARTS_MAX 3

/* One file while it is walked. */
struct walk {
    struct trace *t;
    const char *path;
    const uint8_t *data;
    size_t len, at;
    bool swapped; /* the section is big-endian */
    uint64_t epoch_us;
    bool has_epoch;
    struct {
        enum link link;
        enum interface kind;
        uint8_t resolution; /* if_tsresol */
    } interface[INTERFACES_MAX];
    size_t interface_count;
    uint32_t order;
    size_t message;   /* the last one's index and one; 0: none yet */
    bool is_ours;     /* packets without a comment mean nothing */
    uint64_t foreign; /* datagrams without a comment so far */
    struct text *why;
};

/* -- Records ---------------------------------------------------------------- */

static struct entry *add_entry(struct walk *w, const struct record *r)
{
    struct trace *t = w->t;

    if (!store_room(&t->store, &t->entry, t->count, &t->cap, sizeof *t->entry))
        return NULL;
    t->entry[t->count] = (struct entry){.r = *r,
                                        .file = (uint32_t)t->file_count,
                                        .origin = (uint32_t)t->file_count,
                                        .order = w->order++};
    return &t->entry[t->count++];
}

/* A packet, its headers taken off. */
struct payload {
    struct addr from, to;
    bool tcp;
    const uint8_t *data;
    size_t len;
};

static uint32_t be16(const uint8_t *at)
{
    return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t be32(const uint8_t *at)
{
    return be16(at) << 16 | be16(at + 2);
}

/* The bytes that stand before the IPv4 header; more than there are when the
   packet is no IPv4. */
static size_t link_bytes(enum link link, const uint8_t *data, size_t len)
{
    size_t ip = 0;

    switch (link) {
    case LINK_RAW:
    case LINK_IPV4:
        return 0;
    case LINK_NULL:
        return 4;
    case LINK_ETHERNET:
        ip = 14;
        break;
    case LINK_SLL:
        ip = 16;
        break;
    case LINK_SLL2:
        return len >= 20 && be16(data) == 0x0800 ? 20 : len;
    }
    return ip > 0 && len >= ip && be16(data + ip - 2) == 0x0800 ? ip : len;
}

static bool read_payload(struct payload *p, enum link link, const uint8_t *data,
                         size_t len)
{
    size_t skip = link_bytes(link, data, len);

    if (skip > len || len - skip < IP_BYTES)
        return false;
    data += skip;
    len -= skip;
    size_t header = (size_t)(data[0] & 0xf) * 4, total = be16(data + 2);
    if (data[0] >> 4 != 4 || header < IP_BYTES || total < header ||
        total > len || (be16(data + 6) & 0x1fff) != 0)
        return false;
    *p = (struct payload){.from.ip = be32(data + 12),
                          .to.ip = be32(data + 16),
                          .tcp = data[9] == PROTOCOL_TCP};
    bool known = p->tcp || data[9] == PROTOCOL_UDP;
    size_t inner = p->tcp ? TCP_BYTES : UDP_BYTES;
    if (!known || total - header < inner)
        return false;
    data += header;
    if (p->tcp)
        inner = (size_t)(data[12] >> 4) * 4;
    if (inner < (p->tcp ? TCP_BYTES : UDP_BYTES) || total - header < inner)
        return false;
    p->from.port = (uint16_t)be16(data);
    p->to.port = (uint16_t)be16(data + 2);
    p->data = data + inner;
    p->len = total - header - inner;
    return true;
}

/* Append a packet's bytes to what a message has so far. */
static void join(struct trace *t, const uint8_t **data, size_t *len,
                 const struct payload *p)
{
    uint8_t *both = store_bytes(&t->store, *len + p->len);

    if (both == NULL)
        return;
    memcpy(both, *data, *len);
    memcpy(both + *len, p->data, p->len);
    *data = both;
    *len += p->len;
}

/* A packet that goes on with the message of the last one: a further part of
   it, or its plain form. */
static void continue_message(struct walk *w, const struct comment *c,
                             enum interface interface, const struct payload *p)
{
    if (w->message == 0)
        return;
    struct entry *e = &w->t->entry[w->message - 1];
    if (e->r.step != c->r.step)
        return;
    if (c->part == 0 && interface == DECODED && e->r.wire == NULL) {
        e->r.wire = e->r.data;
        e->r.wire_len = e->r.len;
        e->r.data = p->data;
        e->r.len = p->len;
        e->parts = 1;
    } else if (c->part == e->parts + 1u && c->part <= PARTS_MAX) {
        e->parts++;
        join(w->t, &e->r.data, &e->r.len, p);
    }
}

static void add_message(struct walk *w, struct comment *c,
                        enum interface interface, uint64_t time_us,
                        const struct payload *p)
{
    struct record *r = &c->r;

    r->from.addr = p->from;
    r->to.addr = p->to;
    if (p->tcp) {
        r->stream = true;
        *(r->framing.from_opener ? &r->from.addr : &r->to.addr) = c->opener;
    }
    trace_learn(w->t, r->from.addr, c->from_name);
    trace_learn(w->t, r->to.addr, c->to_name);
    r->time_us = time_us;
    r->sent_us = c->is_timed ? r->sent_us + w->epoch_us : time_us;
    r->data = p->data;
    r->len = p->len;
    if (interface == DROPPED && r->why == NULL)
        r->why = "dropped";
    struct entry *e = add_entry(w, r);
    if (e != NULL) {
        e->parts = 1;
        w->message = w->t->count;
    }
}

/* What happened beside messages, from its comment. */
static void add_rest(struct walk *w, struct comment *c)
{
    c->r.time_us += w->epoch_us;
    trace_learn(w->t, c->r.to.addr, c->to_name);
    trace_learn(w->t, c->r.from.addr, c->from_name);
    add_entry(w, &c->r);
}

/* -- Blocks ---------------------------------------------------------------- */

static uint32_t get16(const struct walk *w, const uint8_t *at)
{
    return w->swapped ? be16(at) : (uint32_t)(at[1] << 8 | at[0]);
}

static uint32_t get32(const struct walk *w, const uint8_t *at)
{
    return w->swapped ? be32(at)
                      : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 |
                            (uint32_t)at[1] << 8 | at[0];
}

/* Take the next option of a block; false at their end. */
static bool take_option(const struct walk *w, const uint8_t **at, size_t *left,
                        uint32_t *code, struct slice *value)
{
    if (*left < 4)
        return false;
    *code = get16(w, *at);
    size_t len = get16(w, *at + 2), padded = (len + 3) & ~(size_t)3;
    if (*code == OPTION_END || padded > *left - 4)
        return false;
    *value = (struct slice){(const char *)*at + 4, len};
    *at += 4 + padded;
    *left -= 4 + padded;
    return true;
}

static bool bad(const struct walk *w, const char *expected)
{
    text_printf(w->why, "%s: at byte %zu: expected %s", w->path, w->at,
                expected);
    return false;
}

static void section_comment(struct walk *w, struct slice s)
{
    struct trace *t = w->t;
    struct comment c = comment_read(&t->store, s);

    if (!c.has_epoch)
        return;
    w->epoch_us = c.source.epoch_us;
    w->has_epoch = w->is_ours = true;
    if (t->file_count == 0) /* the first file says what the run is */
        t->source = c.source;
}

static void on_section(struct walk *w, const uint8_t *body, size_t len)
{
    const uint8_t *at = body + 16;
    size_t left = len - 16;
    uint32_t code;
    struct slice value;

    w->interface_count = 0;
    while (take_option(w, &at, &left, &code, &value))
        if (code == OPTION_COMMENT)
            section_comment(w, value);
}

static bool on_interface(struct walk *w, const uint8_t *body, size_t len)
{
    const uint8_t *at = body + 8;
    uint32_t code;
    struct slice value;

    if (len < 8)
        return bad(w, "an interface block of 20 bytes or more");
    if (w->interface_count == INTERFACES_MAX)
        return bad(w, "fewer interfaces");
    size_t i = w->interface_count++, left = len - 8;
    w->interface[i].link = (enum link)get16(w, body);
    w->interface[i].kind = WIRE;
    w->interface[i].resolution = 6;
    while (take_option(w, &at, &left, &code, &value)) {
        for (int k = 0; code == OPTION_IF_NAME && k < INTERFACES; k++)
            if (slice_is(value, trace_interface[k]))
                w->interface[i].kind = (enum interface)k;
        if (code == OPTION_IF_TSRESOL && value.len > 0)
            w->interface[i].resolution = (uint8_t)value.at[0];
    }
    return true;
}

/* A time stamp in microseconds, whatever its unit: 10^-n s or 2^-n s. */
static uint64_t microseconds(uint64_t stamp, uint8_t resolution)
{
    unsigned n = resolution & 0x7f;

    if (resolution & 0x80) {
        for (; n > 40; n--)
            stamp >>= 1;
        uint64_t fraction = stamp & ((UINT64_C(1) << n) - 1);
        return (stamp >> n) * 1000000 + (fraction * 1000000 >> n);
    }
    for (; n > 6; n--)
        stamp /= 10;
    for (; n < 6; n++)
        stamp *= 10;
    return stamp;
}

/* The comments of a packet: the first that is a message's describes it. */
static void on_comments(struct walk *w, const uint8_t *at, size_t left,
                        const struct payload *p, enum interface interface,
                        uint64_t time_us)
{
    uint32_t code;
    struct slice value;
    bool described = p == NULL;

    while (take_option(w, &at, &left, &code, &value)) {
        if (code != OPTION_COMMENT)
            continue;
        struct comment c = comment_read(&w->t->store, value);
        if (!c.has_event)
            continue;
        if (c.r.kind != RECORD_MESSAGE) {
            add_rest(w, &c);
        } else if (!described) {
            described = true;
            if (c.part > 0 || interface == DECODED)
                continue_message(w, &c, interface, p);
            else
                add_message(w, &c, interface, time_us, p);
        }
    }
    if (described || p->tcp || w->is_ours)
        return;
    struct comment c = {.r = {.kind = RECORD_MESSAGE, .step = ++w->foreign}};
    add_message(w, &c, interface, time_us, p);
}

static bool on_packet(struct walk *w, const uint8_t *body, size_t len)
{
    struct payload p;

    if (len < 20)
        return bad(w, "a packet block of 32 bytes or more");
    size_t i = get32(w, body), captured = get32(w, body + 12);
    if (i >= w->interface_count)
        return bad(w, "the number of an interface that was declared");
    if (captured > len - 20)
        return bad(w, "a packet that fits its block");
    size_t padded = (captured + 3) & ~(size_t)3, options = 20 + padded;
    uint64_t time_us =
        microseconds((uint64_t)get32(w, body + 4) << 32 | get32(w, body + 8),
                     w->interface[i].resolution);
    if (!w->has_epoch) {
        w->epoch_us = time_us;
        w->has_epoch = true;
    }
    bool is = read_payload(&p, w->interface[i].link, body + 20, captured);
    if (options > len)
        options = len;
    on_comments(w, body + options, len - options, is ? &p : NULL,
                w->interface[i].kind, time_us);
    return true;
}

static bool on_block(struct walk *w, uint32_t type, const uint8_t *body,
                     size_t len)
{
    switch (type) {
    case BLOCK_SECTION:
        on_section(w, body, len);
        return true;
    case BLOCK_INTERFACE:
        return on_interface(w, body, len);
    case BLOCK_PACKET:
        return on_packet(w, body, len);
    case BLOCK_STATISTICS:
        if (len > 12)
            on_comments(w, body + 12, len - 12, NULL, WIRE, 0);
        return true;
    default: /* names, and blocks that we do not know */
        return true;
    }
}

/* The byte order of the section that begins here; false when none does. */
static bool read_magic(struct walk *w, const uint8_t *at, size_t left)
{
    if (left < 28)
        return false;
    w->swapped = false;
    if (get32(w, at + 8) == PCAPNG_MAGIC)
        return true;
    w->swapped = true;
    return get32(w, at + 8) == PCAPNG_MAGIC;
}

static bool walk_blocks(struct walk *w)
{
    const struct trace *t = w->t;

    if (w->len < 4 || get32(w, w->data) != BLOCK_SECTION)
        return bad(w, "the section header of a pcapng file (another kind of "
                      "capture is converted with: editcap -F pcapng)");
    for (size_t total; w->at + 12 <= w->len; w->at += total) {
        const uint8_t *at = w->data + w->at;
        size_t left = w->len - w->at;
        if (get32(w, at) == BLOCK_SECTION && left >= 28 &&
            !read_magic(w, at, left))
            return bad(w, "the byte-order magic of a section");
        total = get32(w, at + 4);
        if (total < 12 || total % 4 != 0 ||
            (get32(w, at) == BLOCK_SECTION && total < 28))
            return bad(w, "a block length of 12 or more, divisible by 4");
        if (total > left)
            break; /* the end is missing */
        if (get32(w, at + total - 4) != total)
            return bad(w, "a block that repeats its length at its end");
        if (!on_block(w, get32(w, at), at + 8, total - 12))
            return false;
        if (t->store.no_memory || t->count > RECORDS_MAX)
            return bad(w, t->store.no_memory ? "more memory" : "fewer records");
    }
    return true;
}

static bool read_one(struct trace *t, const char *path, uint64_t *epoch_us,
                     struct text *why)
{
    struct text *file = &t->file[t->file_count];
    struct walk w = {.t = t, .path = path, .why = why};

    *file = text_new();
    bool good = read_file(path, FILE_BYTES_MAX, file, why);
    w.data = (const uint8_t *)file->data;
    w.len = file->len;
    good = good && walk_blocks(&w);
    *epoch_us = w.epoch_us;
    t->file_count++; /* it is freed with the trace, good or bad */
    return good;
}

/* -- All files ------------------------------------------------------------ */

static void finish(struct trace *t, uint64_t base_us)
{
    t->source.epoch_us = base_us;
    trace_merge(t);
    for (size_t i = 0; i < t->count; i++) {
        struct record *r = &t->entry[i].r;
        r->time_us -= r->time_us > base_us ? base_us : r->time_us;
        r->sent_us -= r->sent_us > base_us ? base_us : r->sent_us;
    }
}

struct trace *trace_read(const char *const *paths, size_t count,
                         struct text *why)
{
    uint64_t base_us = UINT64_MAX, epoch_us = 0;
    struct trace *t = calloc(1, sizeof *t);
    bool good = t != NULL && count <= TRACE_FILES_MAX;

    if (!good)
        text_add(why, t == NULL ? "memory is short"
                                : "more than 256 traces at once");
    for (size_t i = 0; good && i < count; i++) {
        good = read_one(t, paths[i], &epoch_us, why);
        base_us = epoch_us < base_us ? epoch_us : base_us;
    }
    if (good) {
        finish(t, base_us);
        good = !t->store.no_memory;
        if (!good)
            text_add(why, "memory is short");
    }
    if (good)
        return t;
    trace_free(t);
    return NULL;
}
