/*
 * Reading and merging traces; see trace.h, and trace.c for what is in them.
 *
 * A file is read into memory whole and walked block by block.  Whatever its
 * bytes are, nothing outside of it is read: a block must lie inside the
 * file, an option inside its block, a packet inside its option's place.  A
 * file whose end is missing (its writer was killed) gives what is there.
 *
 * Each comment with an event number becomes an entry, and so does each UDP
 * datagram without a comment, as Wireshark records them.  Entries are sorted
 * by (time, file, step).  With several files, a message that one saw leaving
 * and another saw arriving becomes one, and steps, commands and streams get
 * numbers of their own, since every file counts from 1.
 *
 * Strings, joined messages and results' fields stand in `store`; messages in
 * one packet stay where the file has them.
 */
#include "common/trace.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/map.h"
#include "common/trace_format.h"

#define FILE_BYTES_MAX ((size_t)256 << 20)
#define RECORDS_MAX ((size_t)4 << 20)
#define FILES_MAX 256
#define INTERFACES_MAX 64
#define PARTS_MAX 3
#define PAIR_WINDOW_US (60 * (uint64_t)1000000)
#define CLOCK_SKEW_US 1000000 /* a message may seem to arrive before it left */

struct entry {
    struct record r;
    uint32_t file;
    uint32_t origin; /* the file that its cause and command are counted in */
    uint32_t order;  /* in its file */
    uint8_t parts;   /* packets that its data was joined from */
    bool is_paired;  /* merged into the record of its arrival */
};

struct chunk {
    struct chunk *next;
    size_t used, size;
    char data[];
};

struct trace {
    struct entry *entry;
    size_t count, cap;
    struct endpoint *endpoint;
    size_t endpoint_count, endpoint_cap;
    struct map endpoint_map; /* address -> index */
    struct map named;        /* address -> name, a pointer into the store */
    char *file[FILES_MAX];   /* their bytes */
    size_t file_count;
    struct chunk *store;
    struct fields **fields;
    size_t fields_count, fields_cap;
    const char *program, *scenario;
    uint64_t seed;
    bool no_memory;
};

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

/* -- Memory --------------------------------------------------------------- */

static void *store_bytes(struct trace *t, size_t len)
{
    struct chunk *c = t->store;

    len = (len + 7) & ~(size_t)7;
    if (c == NULL || c->size - c->used < len) {
        size_t size = len > 65536 ? len : 65536;
        if ((c = malloc(sizeof *c + size)) == NULL) {
            t->no_memory = true;
            return NULL;
        }
        *c = (struct chunk){.next = t->store, .size = size};
        t->store = c;
    }
    c->used += len;
    return c->data + c->used - len;
}

/* Make room for one more in an array; NULL when memory is short. */
static void *room(struct trace *t, void *at, size_t count, size_t *cap,
                  size_t size)
{
    if (count < *cap)
        return at;
    size_t more = *cap > 0 ? *cap * 2 : 64;
    void *moved = realloc(at, more * size);
    if (moved == NULL) {
        t->no_memory = true;
        return NULL;
    }
    *cap = more;
    return moved;
}

/* -- Comments --------------------------------------------------------------- */

/* Bytes of the file that are no string yet. */
struct span {
    const char *at;
    size_t len;
};

static bool span_is(struct span s, const char *word)
{
    return s.len == strlen(word) && memcmp(s.at, word, s.len) == 0;
}

/* Copy for functions that take strings; "" when it is too long. */
static const char *span_string(struct span s, char *out, size_t room_len)
{
    size_t len = s.len < room_len ? s.len : 0;

    memcpy(out, s.at, len);
    out[len] = '\0';
    return out;
}

static uint64_t span_number(struct span s)
{
    uint64_t v = 0;

    for (size_t i = 0; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(s.at[i] - '0');
    return v;
}

/* "1.034567" in microseconds. */
static uint64_t span_seconds(struct span s)
{
    const char *dot = s.len > 0 ? memchr(s.at, '.', s.len) : NULL;
    uint64_t us = span_number(s) * 1000000, unit = 100000;

    for (size_t i = dot != NULL ? (size_t)(dot - s.at) + 1 : s.len;
         i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        us += unit * (uint64_t)(s.at[i] - '0');
        unit /= 10;
    }
    return us;
}

static struct addr span_addr(struct span s)
{
    char string[32];
    struct addr a;

    return addr_parse(&a, span_string(s, string, sizeof string))
               ? a
               : (struct addr){0, 0};
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* A string of the store, %XX decoded; its length goes to *len unless NULL. */
static const char *store_span(struct trace *t, struct span s, size_t *len)
{
    char *out = store_bytes(t, s.len + 1);
    size_t n = 0;

    if (out == NULL)
        return "";
    for (size_t i = 0; i < s.len; i++) {
        bool escape = s.at[i] == '%' && i + 2 < s.len;
        int high = escape ? hex_digit(s.at[i + 1]) : -1;
        int low = escape ? hex_digit(s.at[i + 2]) : -1;
        if (high >= 0 && low >= 0) {
            out[n++] = (char)(high << 4 | low);
            i += 2;
        } else {
            out[n++] = s.at[i];
        }
    }
    out[n] = '\0';
    if (len != NULL)
        *len = n;
    return out;
}

/* Take the bytes up to `stop`, and `stop` itself, from the front of *s. */
static struct span take(struct span *s, char stop)
{
    const char *end = s->len > 0 ? memchr(s->at, stop, s->len) : NULL;
    struct span front = {s->at, end != NULL ? (size_t)(end - s->at) : s->len};
    size_t used = end != NULL ? front.len + 1 : front.len;

    s->at += used;
    s->len -= used;
    return front;
}

/* Take one `key=value` from the front of a comment; false at its end.  Keys
   whose value is the rest of the line are `why`, `scenario` and the kinds. */
static bool take_pair(struct span *s, struct span *key, struct span *value,
                      int *kind)
{
    while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\n'))
        take(s, s->at[0]);
    if (s->len == 0)
        return false;
    *key = take(s, '=');
    *kind = -1;
    for (int i = RECORD_START; i <= RECORD_RESULT; i++)
        if (i != RECORD_MESSAGE && span_is(*key, trace_kind[i]))
            *kind = i;
    bool rest = *kind >= 0 || span_is(*key, "why") || span_is(*key, "scenario");
    *value = take(s, rest ? '\n' : ' ');
    return true;
}

/* What a comment says. */
struct comment {
    bool has_event;
    struct record r; /* times are since the file's epoch */
    bool is_timed;   /* has `sent` or `time` */
    struct addr opener;
    unsigned part;
    const char *from_name, *to_name;
};

static unsigned index_of(struct span s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (span_is(s, words[i]))
            return (unsigned)i;
    return 0;
}

/* Fill in one field of a result from its value as text. */
static bool set_field(struct trace *t, struct field *f, struct span value)
{
    char string[128];
    size_t len;
    const char *s = span_string(value, string, sizeof string);

    switch (f->kind) {
    case FIELD_GROUP:
    case FIELD_LIST:
        return true;
    case FIELD_NUMBER:
        f->number = span_number(value);
        return true;
    case FIELD_BOOL:
        f->number = span_is(value, "yes");
        return true;
    case FIELD_TIME:
        f->number = span_seconds(value);
        return true;
    case FIELD_HEX:
        f->number = strtoull(s, NULL, 16);
        return true;
    case FIELD_TEXT:
        f->text = store_span(t, value, &len);
        f->text_len = len;
        return true;
    case FIELD_BYTES: { /* printed as hex, so read as hex */
        char *out = store_bytes(t, value.len / 2 + 1);
        for (size_t i = 0; out != NULL && i + 1 < value.len; i += 2) {
            char pair[3] = {value.at[i], value.at[i + 1], '\0'};
            out[i / 2] = (char)strtoul(pair, NULL, 16);
        }
        f->text = out;
        f->text_len = out != NULL ? value.len / 2 : 0;
        return true;
    }
    case FIELD_NODE:
        f->addr = span_addr(value);
        return true;
    case FIELD_ID:
        return f->id_bits >= 1 && f->id_bits <= ID_BITS_MAX &&
               id_parse(&f->id, f->id_bits, s);
    }
    return false;
}

/* One line of a result's fields: blanks for its depth, kind, name, value. */
static void add_field(struct trace *t, struct fields *f, struct span line)
{
    unsigned depth = 0, bits = 0;
    size_t kinds = sizeof trace_field_kind / sizeof trace_field_kind[0];

    for (take(&line, ' '); line.len > 0 && line.at[0] == ' '; depth++)
        take(&line, ' ');
    struct span kind = take(&line, ' '), name = take(&line, ' ');
    if (kind.len > 2 && memcmp(kind.at, "id", 2) == 0) {
        bits = (unsigned)span_number((struct span){kind.at + 2, kind.len - 2});
        kind.len = 2;
    }
    /* A field lies one deeper than the one before only inside a group. */
    const struct field *last = f->count > 0 ? &f->at[f->count - 1] : NULL;
    unsigned deepest = last == NULL ? 0 : last->depth;
    if (last != NULL && deepest < UINT8_MAX &&
        (last->kind == FIELD_GROUP || last->kind == FIELD_LIST))
        deepest++;
    f->depth = depth < deepest ? depth : deepest;
    const char *stored = span_is(name, "-") ? "" : store_span(t, name, NULL);
    struct field *field =
        fields_add(f, (enum field_kind)index_of(kind, trace_field_kind, kinds),
                   stored, 0, 0);
    field->id_bits = bits;
    if (!set_field(t, field, line)) {
        field->kind = FIELD_TEXT; /* shown as it stands */
        field->text = store_span(t, line, &field->text_len);
    }
}

/* The fields of a result; they live as long as the trace. */
static const struct fields *read_fields(struct trace *t, struct span lines)
{
    struct fields **all =
        room(t, t->fields, t->fields_count, &t->fields_cap, sizeof *all);
    struct fields *f = store_bytes(t, sizeof *f);

    if (all != NULL)
        t->fields = all;
    if (all == NULL || f == NULL)
        return NULL;
    *f = fields_new();
    t->fields[t->fields_count++] = f;
    while (lines.len > 0)
        add_field(t, f, take(&lines, '\n'));
    f->depth = 0;
    return f;
}

/* One word of a comment. */
static void set_word(struct trace *t, struct comment *c, struct span key,
                     struct span value)
{
    struct record *r = &c->r;

    if (span_is(key, "event")) {
        c->has_event = true;
        r->step = span_number(value);
    } else if (span_is(key, "sent")) {
        r->sent_us = span_seconds(value);
        c->is_timed = true;
    } else if (span_is(key, "time")) {
        r->time_us = span_seconds(value);
        c->is_timed = true;
    } else if (span_is(key, "cause")) {
        r->cause = span_number(value);
    } else if (span_is(key, "id")) {
        r->command = (uint32_t)span_number(value);
    } else if (span_is(key, "from")) {
        c->from_name = store_span(t, value, NULL);
    } else if (span_is(key, "to") || span_is(key, "node")) {
        c->to_name = store_span(t, value, NULL);
    } else if (span_is(key, "at")) {
        r->to.addr = span_addr(value);
    } else if (span_is(key, "peer")) {
        r->from.addr = span_addr(value);
    } else if (span_is(key, "phase")) {
        r->framing.phase = (enum phase)index_of(value, trace_phase, 5);
    } else if (span_is(key, "conn")) {
        r->conn = (conn_id)span_number(value);
    } else if (span_is(key, "opener")) {
        c->opener = span_addr(value);
    } else if (span_is(key, "opened")) {
        r->framing.from_opener = true;
    } else if (span_is(key, "out")) {
        r->outgoing = true;
    } else if (span_is(key, "part")) {
        c->part = (unsigned)span_number(value);
    } else if (span_is(key, "ok")) {
        r->ok = span_is(value, "yes");
    } else if (span_is(key, "why")) {
        r->why = store_span(t, value, NULL);
    }
}

static struct comment read_comment(struct trace *t, struct span s)
{
    struct comment c = {.r = {.kind = RECORD_MESSAGE}};
    struct span key, value;
    int kind;

    while (take_pair(&s, &key, &value, &kind)) {
        if (kind < 0) {
            set_word(t, &c, key, value);
            continue;
        }
        c.r.kind = (enum record_kind)kind;
        c.r.text = store_span(t, value, NULL);
        if (kind == RECORD_RESULT)
            c.r.fields = read_fields(t, s);
        break;
    }
    return c;
}

/* -- Records ---------------------------------------------------------------- */

static uint64_t addr_key(struct addr a)
{
    return (uint64_t)a.ip << 16 | a.port;
}

static void learn_name(struct trace *t, struct addr a, const char *name)
{
    if (name != NULL && name[0] != '\0' && !addr_none(a) &&
        !map_set(&t->named, addr_key(a), (uint64_t)(uintptr_t)name))
        t->no_memory = true;
}

static struct entry *add_entry(struct walk *w, const struct record *r)
{
    struct trace *t = w->t;
    struct entry *all = room(t, t->entry, t->count, &t->cap, sizeof *t->entry);

    if (all == NULL)
        return NULL;
    t->entry = all;
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
    uint8_t *both = store_bytes(t, *len + p->len);

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
    learn_name(w->t, r->from.addr, c->from_name);
    learn_name(w->t, r->to.addr, c->to_name);
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
    learn_name(w->t, c->r.to.addr, c->to_name);
    learn_name(w->t, c->r.from.addr, c->from_name);
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
                        uint32_t *code, struct span *value)
{
    if (*left < 4)
        return false;
    *code = get16(w, *at);
    size_t len = get16(w, *at + 2), padded = (len + 3) & ~(size_t)3;
    if (*code == OPTION_END || padded > *left - 4)
        return false;
    *value = (struct span){(const char *)*at + 4, len};
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

static void section_comment(struct walk *w, struct span s)
{
    struct trace *t = w->t;
    struct span key, value;
    int kind;

    while (take_pair(&s, &key, &value, &kind)) {
        if (span_is(key, "epoch")) {
            w->epoch_us = span_number(value);
            w->has_epoch = w->is_ours = true;
        } else if (t->file_count > 0) {
            continue; /* the first file says what the run is */
        } else if (span_is(key, "program")) {
            t->program = store_span(t, value, NULL);
        } else if (span_is(key, "scenario")) {
            t->scenario = store_span(t, value, NULL);
        } else if (span_is(key, "seed")) {
            t->seed = span_number(value);
        }
    }
}

static void on_section(struct walk *w, const uint8_t *body, size_t len)
{
    const uint8_t *at = body + 16;
    size_t left = len - 16;
    uint32_t code;
    struct span value;

    w->interface_count = 0;
    while (take_option(w, &at, &left, &code, &value))
        if (code == OPTION_COMMENT)
            section_comment(w, value);
}

static bool on_interface(struct walk *w, const uint8_t *body, size_t len)
{
    const uint8_t *at = body + 8;
    uint32_t code;
    struct span value;

    if (len < 8)
        return bad(w, "an interface block of 20 bytes or more");
    if (w->interface_count == INTERFACES_MAX)
        return bad(w, "fewer interfaces");
    size_t i = w->interface_count++, left = len - 8;
    w->interface[i].link = (enum link)get16(w, body);
    w->interface[i].kind = WIRE;
    w->interface[i].resolution = 6;
    while (take_option(w, &at, &left, &code, &value)) {
        if (code == OPTION_IF_NAME)
            w->interface[i].kind =
                (enum interface)index_of(value, trace_interface, INTERFACES);
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
    struct span value;
    bool described = p == NULL;

    while (take_option(w, &at, &left, &code, &value)) {
        if (code != OPTION_COMMENT)
            continue;
        struct comment c = read_comment(w->t, value);
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
        if (t->no_memory || t->count > RECORDS_MAX)
            return bad(w, t->no_memory ? "more memory" : "fewer records");
    }
    return true;
}

static bool load(struct trace *t, const char *path, size_t *len,
                 struct text *why)
{
    FILE *f = fopen(path, "rb");
    size_t cap = 65536, n;
    char *data = malloc(cap);

    *len = 0;
    while (f != NULL && data != NULL &&
           (n = fread(data + *len, 1, cap - *len, f)) > 0) {
        *len += n;
        char *more = *len < cap ? data : realloc(data, cap *= 2);
        if (more == NULL || *len > FILE_BYTES_MAX)
            break;
        data = more;
    }
    bool good = f != NULL && data != NULL && !ferror(f) && feof(f);
    if (!good)
        text_printf(why, "%s: cannot read: %s", path,
                    f == NULL || ferror(f) ? strerror(errno)
                    : *len > FILE_BYTES_MAX
                        ? "it is longer than 256 MiB; cut it with editcap"
                        : "memory is short");
    if (f != NULL)
        fclose(f);
    if (!good)
        free(data);
    else
        t->file[t->file_count] = data;
    return good;
}

static bool read_file(struct trace *t, const char *path, uint64_t *epoch_us,
                      struct text *why)
{
    struct walk w = {.t = t, .path = path, .why = why};

    if (!load(t, path, &w.len, why))
        return false;
    w.data = (const uint8_t *)t->file[t->file_count];
    bool good = walk_blocks(&w);
    *epoch_us = w.epoch_us;
    t->file_count++; /* it is freed with the trace, good or bad */
    return good;
}

/* -- Merging ------------------------------------------------------------- */

static int order_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int order_entries(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    int order = order_u64(x->r.time_us, y->r.time_us);

    if (order == 0)
        order = order_u64(x->file, y->file);
    if (order == 0)
        order = order_u64(x->r.step, y->r.step);
    return order != 0 ? order : order_u64(x->order, y->order);
}

/* A message seen leaving, by what its arrival will look like. */
struct leaving {
    uint64_t hash, time_us;
    size_t index;
};

static int order_leaving(const void *a, const void *b)
{
    const struct leaving *x = a, *y = b;
    int order = order_u64(x->hash, y->hash);

    if (order == 0)
        order = order_u64(x->time_us, y->time_us);
    return order != 0 ? order : order_u64(x->index, y->index);
}

/* The opener of a stream has another port in its peer's eyes. */
static uint64_t message_hash(const struct record *r)
{
    bool opener = r->framing.from_opener;
    uint64_t h = hash_roll_u64(r->stream, r->from.addr.ip);

    h = hash_roll_u64(h, r->to.addr.ip);
    h = hash_roll_u64(h, r->stream && opener ? 0 : r->from.addr.port);
    h = hash_roll_u64(h, r->stream && !opener ? 0 : r->to.addr.port);
    return hash_roll(h, r->data, r->len);
}

/* The one of the `count` that this arrival is: the last that left before it,
   else the first after it, as far as clocks may differ. */
static struct entry *find_leaving(struct trace *t, const struct leaving *l,
                                  size_t count, const struct entry *arrival)
{
    struct leaving want = {message_hash(&arrival->r), arrival->r.time_us,
                           SIZE_MAX};
    size_t low = 0, high = count;
    enum { TRIES = 64 };

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (order_leaving(&l[middle], &want) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && i + TRIES > low; i--) {
        struct entry *e = &t->entry[l[i - 1].index];
        if (l[i - 1].hash != want.hash ||
            want.time_us - l[i - 1].time_us > PAIR_WINDOW_US)
            break;
        if (!e->is_paired && e->file != arrival->file)
            return e;
    }
    for (size_t i = low; i < count && i < low + TRIES; i++) {
        struct entry *e = &t->entry[l[i].index];
        if (l[i].hash != want.hash ||
            l[i].time_us - want.time_us > CLOCK_SKEW_US)
            break;
        if (!e->is_paired && e->file != arrival->file)
            return e;
    }
    return NULL;
}

static void pair(struct entry *left, struct entry *arrived)
{
    left->is_paired = true;
    arrived->r.sent_us = left->r.sent_us;
    arrived->r.cause = left->r.cause != 0 ? left->r.cause : left->r.step;
    arrived->r.command = left->r.command;
    arrived->origin = left->file;
}

/* Make one record of a message's leaving and its arrival. */
static void pair_messages(struct trace *t)
{
    size_t count = 0, kept = 0;
    struct leaving *l = calloc(t->count + 1, sizeof *l);

    if (l == NULL) {
        t->no_memory = true;
        return;
    }
    for (size_t i = 0; i < t->count; i++)
        if (t->entry[i].r.outgoing && t->entry[i].r.why == NULL)
            l[count++] = (struct leaving){message_hash(&t->entry[i].r),
                                          t->entry[i].r.time_us, i};
    qsort(l, count, sizeof *l, order_leaving);
    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = &t->entry[i];
        if (e->r.kind != RECORD_MESSAGE || e->r.outgoing || e->r.why != NULL)
            continue;
        struct entry *left = find_leaving(t, l, count, e);
        if (left != NULL)
            pair(left, e);
    }
    free(l);
    for (size_t i = 0; i < t->count; i++)
        if (!t->entry[i].is_paired)
            t->entry[kept++] = t->entry[i];
    t->count = kept;
}

/* The number that `n` of `file` has in the merged trace: the next, when it
   is new. */
static uint64_t renumber(struct trace *t, struct map *m, uint32_t file,
                         uint64_t n)
{
    uint64_t key = (uint64_t)file << 48 ^ n, number = m->count + 1;

    if (n != 0 && !map_get(m, key, &number) && !map_set(m, key, number))
        t->no_memory = true;
    return n != 0 ? number : 0;
}

static void renumber_all(struct trace *t)
{
    struct map steps = {.cap = 0}, commands = {.cap = 0}, conns = {.cap = 0};

    for (size_t i = 0; i < t->count; i++) {
        struct entry *e = &t->entry[i];
        struct record *r = &e->r;
        r->step = renumber(t, &steps, e->file, r->step);
        r->command = (uint32_t)renumber(t, &commands, e->origin, r->command);
        r->conn = (conn_id)renumber(t, &conns, e->file, r->conn);
    }
    for (size_t i = 0; i < t->count; i++) {
        uint64_t key = (uint64_t)t->entry[i].origin << 48 ^ t->entry[i].r.cause;
        if (!map_get(&steps, key, &t->entry[i].r.cause))
            t->entry[i].r.cause = 0;
    }
    map_free(&steps);
    map_free(&commands);
    map_free(&conns);
}

static void add_endpoint(struct trace *t, struct addr a)
{
    uint64_t known;

    if (addr_none(a) || map_get(&t->endpoint_map, addr_key(a), &known))
        return;
    struct endpoint *all =
        room(t, t->endpoint, t->endpoint_count, &t->endpoint_cap, sizeof *all);
    if (all == NULL)
        return;
    t->endpoint = all;
    if (!map_set(&t->endpoint_map, addr_key(a), t->endpoint_count))
        t->no_memory = true;
    t->endpoint[t->endpoint_count++] = (struct endpoint){.addr = a};
}

static void finish(struct trace *t, uint64_t base_us)
{
    if (t->count > 0)
        qsort(t->entry, t->count, sizeof *t->entry, order_entries);
    if (t->file_count > 1) {
        pair_messages(t);
        renumber_all(t);
    }
    for (size_t i = 0; i < t->count; i++) {
        struct record *r = &t->entry[i].r;
        r->time_us -= r->time_us > base_us ? base_us : r->time_us;
        r->sent_us -= r->sent_us > base_us ? base_us : r->sent_us;
        add_endpoint(t, r->from.addr);
        add_endpoint(t, r->to.addr);
    }
}

struct trace *trace_read(const char *const *paths, size_t count,
                         struct text *why)
{
    uint64_t base_us = UINT64_MAX, epoch_us = 0;
    struct trace *t = calloc(1, sizeof *t);
    bool good = t != NULL && count <= FILES_MAX;

    if (!good)
        text_add(why, t == NULL ? "memory is short"
                                : "more than 256 traces at once");
    for (size_t i = 0; good && i < count; i++) {
        good = read_file(t, paths[i], &epoch_us, why);
        base_us = epoch_us < base_us ? epoch_us : base_us;
    }
    if (good) {
        finish(t, base_us);
        good = !t->no_memory;
        if (!good)
            text_add(why, "memory is short");
    }
    if (good)
        return t;
    trace_free(t);
    return NULL;
}

void trace_free(struct trace *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->file_count; i++)
        free(t->file[i]);
    for (size_t i = 0; i < t->fields_count; i++)
        fields_free(t->fields[i]);
    for (struct chunk *c = t->store, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
    map_free(&t->endpoint_map);
    map_free(&t->named);
    free(t->endpoint);
    free(t->entry);
    free(t->fields);
    free(t);
}

/* -- Asking -------------------------------------------------------------- */

static const char *name_of(const struct trace *t, struct addr a)
{
    uint64_t name = 0;

    return map_get(&t->named, addr_key(a), &name)
               ? (const char *)(uintptr_t)name
               : NULL;
}

size_t trace_count(const struct trace *t)
{
    return t->count;
}

void trace_get(const struct trace *t, size_t i, struct record *r)
{
    *r = t->entry[i].r;
    r->from.name = name_of(t, r->from.addr);
    r->to.name = name_of(t, r->to.addr);
}

size_t trace_endpoints(const struct trace *t)
{
    return t->endpoint_count;
}

struct endpoint trace_endpoint(const struct trace *t, size_t i)
{
    struct endpoint e = t->endpoint[i];

    e.name = name_of(t, e.addr);
    return e;
}

static const char *namer_name(const void *trace, struct addr a)
{
    return name_of(trace, a);
}

struct namer trace_namer(const struct trace *t)
{
    return (struct namer){.name = namer_name, .context = t};
}

const char *trace_program(const struct trace *t)
{
    return t->program;
}

const char *trace_scenario(const struct trace *t)
{
    return t->scenario != NULL ? t->scenario : "";
}

uint64_t trace_seed(const struct trace *t)
{
    return t->seed;
}
