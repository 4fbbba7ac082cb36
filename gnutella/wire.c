/*
 * Bytes <-> messages, and their description field by field.
 *
 * walk() names every field of every message in order; writing, reading and
 * describing are the same walk (codec.h).  What follows a payload's fixed
 * part is kept as a span and taken apart only by who needs it: results of a
 * hit, extensions between 0x1c, GGEP blocks.
 */
#include "gnutella/wire.h"

#include <string.h>

#include "common/http.h"

#define GGEP_MAGIC 0xc3
#define GGEP_COBS 0x40 /* flags */
#define GGEP_DEFLATED 0x20

/* -- Parts --------------------------------------------------------------- */

static void walk_span(struct codec *c, const char *name, enum field_kind kind,
                      struct span *s, size_t len)
{
    code_data(c, name, kind, &s->at, len);
    s->len = len;
}

static size_t rest_of(const struct codec *c)
{
    return c->len - c->at;
}

static void walk_guid(struct codec *c, const char *name,
                      uint8_t guid[GUID_BYTES])
{
    const uint8_t *at = guid;

    code_data(c, name, FIELD_BYTES, &at, GUID_BYTES);
    if (c->in != NULL && !c->bad)
        memcpy(guid, at, GUID_BYTES);
}

/* Address and port, in one field; a pong and a hit have the port first. */
static void walk_addr(struct codec *c, const char *name, struct addr *a,
                      bool port_first)
{
    struct fields *fields = c->fields;
    size_t at = c->at;

    c->fields = NULL;
    if (port_first)
        code_le16(c, "", &a->port);
    code_u32(c, "", &a->ip);
    if (!port_first)
        code_le16(c, "", &a->port);
    c->fields = fields;
    if (c->bad)
        c->at = at; /* half an address is undecoded, all of it */
    if (fields != NULL && !c->bad)
        fields_add(fields, FIELD_NODE, name, at, 6)->addr = *a;
}

/* Text up to a NUL, and the NUL, which reading requires. */
static void walk_text(struct codec *c, const char *name, struct span *s)
{
    static const uint8_t nul[1];
    const uint8_t *end = nul;

    if (c->in != NULL && !c->bad) {
        end = memchr(c->in + c->at, 0, rest_of(c));
        code_require(c, end != NULL);
        if (c->bad)
            return;
        s->len = (size_t)(end - (c->in + c->at));
    }
    walk_span(c, name, FIELD_TEXT, s, s->len);
    code_data(c, "end", FIELD_BYTES, &end, 1);
    code_minor(c);
}

/* -- GGEP ---------------------------------------------------------------- */

/* Source: reference, "GGEP block": 1 to 3 bytes of 6 bits each. */
static size_t walk_ggep_length(struct codec *c)
{
    size_t len = 0;

    for (unsigned i = 0; i < 3 && !c->bad; i++) {
        uint8_t byte = 0;
        code_u8(c, "length", &byte);
        code_minor(c);
        len = len << 6 | (byte & 0x3f);
        if ((byte & 0xc0) == 0x40)
            return len;
        code_require(c, (byte & 0xc0) == 0x80);
    }
    code_require(c, false); /* a fourth byte */
    return 0;
}

/* Read one block; `found` gets the data of extension `id`, if asked for, and
   *how its flags. */
static bool walk_ggep(struct codec *c, const char *id, struct span *found,
                      uint8_t *how)
{
    uint8_t magic = 0, flags = 0;
    bool seen = false;

    code_u8(c, "ggep", &magic);
    code_minor(c);
    code_require(c, magic == GGEP_MAGIC);
    while (!c->bad && (flags & 0x80) == 0) {
        struct span name = {NULL, 0}, data = {NULL, 0};
        code_u8(c, "flags", &flags);
        code_minor(c);
        code_require(c, (flags & 0x0f) > 0);
        walk_span(c, "extension", FIELD_TEXT, &name, flags & 0x0f);
        size_t len = walk_ggep_length(c);
        walk_span(c, "data", FIELD_BYTES, &data, c->bad ? 0 : len);
        if (!c->bad && id != NULL && name.len == strlen(id) &&
            memcmp(name.at, id, name.len) == 0) {
            seen = true;
            *found = data;
            *how = flags;
        }
    }
    return seen && !c->bad;
}

int gnutella_ggep(struct span block, const char *id, uint8_t *out, size_t room)
{
    struct codec c = codec_reader(block.at, block.len);
    struct span data = {NULL, 0};
    size_t len = 0, left = 0; /* of a run that holds no zero */
    bool zero = false;        /* one follows it, unless it is the last */
    uint8_t how = 0;

    if (block.len == 0 || !walk_ggep(&c, id, &data, &how) ||
        (how & GGEP_DEFLATED) != 0) /* nothing that we need is so long */
        return ERR_MALFORMED;
    for (size_t i = 0; i < data.len && len < room; i++) {
        if ((how & GGEP_COBS) == 0 || left > 0) {
            out[len++] = data.at[i];
            left -= left > 0;
            continue;
        }
        left = data.at[i];
        if (left == 0 || left > data.len - i)
            return ERR_MALFORMED;
        if (zero)
            out[len++] = 0;
        zero = left < 255;
        left--;
    }
    return (int)len;
}

/* Source: reference, GGEP "LF": little-endian, without zeros at its end; as
   there may be zeros inside, which no result may hold, in COBS: each run of
   other bytes behind its length and one. */
size_t gnutella_put_large(uint64_t bytes, uint8_t *out)
{
    static const uint8_t head[] = {GGEP_MAGIC, 0x80 | GGEP_COBS | 2, 'L', 'F'};
    size_t mark = sizeof head + 1, at = mark + 1;

    memcpy(out, head, sizeof head);
    for (; bytes > 0; bytes >>= 8) {
        if ((bytes & 0xff) != 0) {
            out[at++] = (uint8_t)bytes;
            continue;
        }
        out[mark] = (uint8_t)(at - mark);
        mark = at++;
    }
    out[mark] = (uint8_t)(at - mark);
    out[sizeof head] = (uint8_t)(0x40 | (at - sizeof head - 1));
    return at;
}

bool gnutella_large(struct span block, uint64_t *bytes)
{
    uint8_t plain[9];
    int len = gnutella_ggep(block, "LF", plain, sizeof plain);

    if (len <= 0 || len > 8)
        return false;
    *bytes = 0;
    while (len > 0)
        *bytes = *bytes << 8 | plain[--len];
    return true;
}

/* What may follow the fixed part of ping, pong and push: nothing, or one GGEP
   block and nothing else. */
static void walk_tail(struct codec *c, struct gnutella_msg *m)
{
    size_t at = c->at, len = c->out != NULL ? m->extra.len : rest_of(c);

    if (len == 0 || c->bad)
        return;
    if (c->out != NULL) {
        code_data(c, "ggep", FIELD_BYTES, &m->extra.at, len);
        return;
    }
    m->extra = (struct span){c->in + at, len};
    code_begin(c, FIELD_GROUP, "extensions");
    walk_ggep(c, NULL, NULL, NULL);
    code_end(c);
    code_require(c, rest_of(c) == 0);
}

/* -- Extensions of queries and results ----------------------------------- */

bool gnutella_next_extension(struct span *extra, struct span *part)
{
    if (extra->len == 0)
        return false;
    /* A GGEP block is the last, and may hold any byte. */
    const uint8_t *end = extra->at[0] == GGEP_MAGIC
                             ? NULL
                             : memchr(extra->at, EXTENSION_END, extra->len);
    part->at = extra->at;
    part->len = end != NULL ? (size_t)(end - extra->at) : extra->len;
    size_t used = part->len + (end != NULL);
    extra->at += used;
    extra->len -= used;
    return true;
}

/* Name the parts of `len` bytes of extensions. */
static void walk_extensions(struct codec *c, struct span *extra, size_t len)
{
    if (len == 0)
        return;
    if (c->fields == NULL || c->bad) {
        walk_span(c, "extensions", FIELD_BYTES, extra, len);
        return;
    }
    size_t end = c->at + len, room = c->len;
    code_begin(c, FIELD_LIST, "extensions");
    while (c->at < end && !c->bad) {
        struct span rest = {c->in + c->at, end - c->at}, part = {NULL, 0};
        gnutella_next_extension(&rest, &part);
        struct codec probe = codec_reader(part.at, part.len);
        bool ggep = part.len > 0 && part.at[0] == GGEP_MAGIC;
        if (ggep)
            walk_ggep(&probe, NULL, NULL, NULL);
        if (ggep && !probe.bad && probe.at == part.len) {
            code_begin(c, FIELD_GROUP, "");
            c->len = end;
            walk_ggep(c, NULL, NULL, NULL);
            c->len = room;
            code_end(c);
        } else { /* the byte that ends it belongs to it */
            struct span whole = {NULL, 0};
            size_t used = (size_t)(rest.at - part.at);
            walk_span(c, "", ggep ? FIELD_BYTES : FIELD_TEXT, &whole, used);
        }
    }
    code_end(c);
}

static const char urn_prefix[] = "urn:sha1:";

static int base32_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a';
    return c >= '2' && c <= '7' ? c - '2' + 26 : -1;
}

bool gnutella_base32_read(struct span text, uint8_t *data, size_t len)
{
    uint64_t bits = 0;
    unsigned held = 0, out = 0;

    if (text.len != (len * 8 + 4) / 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        int value = base32_value(text.at[i]);
        if (value < 0)
            return false;
        bits = bits << 5 | (uint64_t)value;
        held += 5;
        if (held >= 8) {
            held -= 8;
            data[out++] = (uint8_t)(bits >> held);
        }
    }
    return true;
}

void gnutella_base32_write(const uint8_t *data, size_t len, char *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    uint64_t bits = 0;
    unsigned held = 0;

    for (size_t i = 0; i < len; i++) {
        bits = bits << 8 | data[i];
        for (held += 8; held >= 5; held -= 5)
            *out++ = letters[bits >> (held - 5) & 31];
    }
    if (held > 0)
        *out++ = letters[bits << (5 - held) & 31];
    *out = '\0';
}

bool gnutella_urn(struct span part, uint8_t digest[SHA1_BYTES])
{
    size_t len = strlen(urn_prefix);

    if (part.len < len)
        return false;
    for (size_t i = 0; i < len; i++) /* case does not matter */
        if ((part.at[i] | 0x20) != (uint8_t)(urn_prefix[i] | 0x20))
            return false;
    return gnutella_base32_read((struct span){part.at + len, part.len - len},
                                digest, SHA1_BYTES);
}

void gnutella_urn_write(const uint8_t digest[SHA1_BYTES], char out[URN_BYTES])
{
    memcpy(out, urn_prefix, sizeof urn_prefix);
    gnutella_base32_write(digest, 20, out + strlen(urn_prefix));
}

/* -- Query hits ---------------------------------------------------------- */

static void walk_result(struct codec *c, struct gnutella_result *r)
{
    code_begin(c, FIELD_GROUP, "");
    code_le32(c, "index", &r->index);
    code_le32(c, "size", &r->size);
    walk_text(c, "name", &r->name);
    if (c->in != NULL && !c->bad) {
        const uint8_t *end = memchr(c->in + c->at, 0, rest_of(c));
        code_require(c, end != NULL);
        r->extra.len = end != NULL ? (size_t)(end - (c->in + c->at)) : 0;
    }
    const uint8_t *nul = (const uint8_t *)"";
    if (!c->bad)
        walk_extensions(c, &r->extra, r->extra.len);
    code_data(c, "end", FIELD_BYTES, &nul, 1);
    code_minor(c);
    if (c->in != NULL && !c->bad)
        code_require(c, *nul == 0);
    code_end(c);
}

size_t gnutella_put_result(const struct gnutella_result *r, uint8_t *out,
                           size_t room)
{
    struct codec c = codec_writer(out, room);
    struct gnutella_result copy = *r;

    if (room < 10 + r->name.len + r->extra.len)
        return 0;
    walk_result(&c, &copy);
    return c.at;
}

bool gnutella_next_result(struct span *results, struct gnutella_result *r)
{
    struct codec c = codec_reader(results->at, results->len);

    *r = (struct gnutella_result){.index = 0};
    walk_result(&c, r);
    if (c.bad)
        return false;
    results->at += c.at;
    results->len -= c.at;
    return true;
}

static void walk_trailer(struct codec *c, struct span *trailer, size_t len)
{
    struct span part = {NULL, 0};
    uint8_t open = 0;

    if (c->fields == NULL || len < 5) {
        walk_span(c, "trailer", FIELD_BYTES, trailer, len);
        return;
    }
    size_t end = c->at + len;
    walk_span(c, "vendor", FIELD_TEXT, &part, 4);
    code_u8(c, "open_size", &open);
    code_minor(c);
    for (unsigned i = 0; i < 2 && i < open && c->at < end; i++)
        code_u8(c, i == 0 ? "flags" : "flags2", &(uint8_t){0});
    walk_extensions(c, &part, end - c->at);
}

bool gnutella_hit_push(const struct gnutella_msg *m)
{
    const struct span *t = &m->trailer;

    /* Source: reference, query hit: in bit 0 the two roles are swapped. */
    return t->len >= 7 && t->at[4] >= 2 && (t->at[5] & HIT_PUSH) != 0 &&
           (t->at[6] & HIT_PUSH) != 0;
}

struct addr gnutella_hit_proxy(const struct gnutella_msg *m)
{
    const struct span *t = &m->trailer;
    struct addr a = {0, 0};
    uint8_t first[6] = {0};

    if (t->len < 5 || t->len - 5 <= t->at[4])
        return a;
    size_t open = 5u + t->at[4];
    struct codec c = codec_reader(first, sizeof first);
    if (gnutella_ggep((struct span){t->at + open, t->len - open}, "PUSH", first,
                      sizeof first) == (int)sizeof first)
        walk_addr(&c, "", &a, false);
    return a;
}

static void walk_hit(struct codec *c, struct gnutella_msg *m)
{
    code_u8(c, "hits", &m->count);
    walk_addr(c, "holder", &m->addr, true);
    code_le32(c, "speed", &m->speed);
    if (c->out != NULL) {
        code_data(c, "results", FIELD_BYTES, &m->results.at, m->results.len);
        code_data(c, "trailer", FIELD_BYTES, &m->trailer.at, m->trailer.len);
        walk_guid(c, "servent", m->servent);
        return;
    }
    code_require(c, rest_of(c) >= GUID_BYTES);
    if (c->bad)
        return;
    size_t whole = c->len;
    c->len -= GUID_BYTES; /* results must not run into the servent id */
    m->results.at = c->in + c->at;
    code_begin(c, FIELD_LIST, "results");
    for (unsigned i = 0; i < m->count && !c->bad; i++)
        walk_result(c, &(struct gnutella_result){.index = 0});
    code_end(c);
    m->results.len = (size_t)(c->in + c->at - m->results.at);
    if (!c->bad)
        walk_trailer(c, &m->trailer, rest_of(c));
    c->len = whole;
    m->trailer = (struct span){
        m->results.at + m->results.len,
        whole - GUID_BYTES - (size_t)(m->results.at - c->in) - m->results.len};
    walk_guid(c, "servent", m->servent);
}

/* -- The other payloads -------------------------------------------------- */

static void walk_query(struct codec *c, struct gnutella_msg *m)
{
    code_u16(c, "flags", &m->flags);
    if (c->fields != NULL && !c->bad)
        c->fields->at[c->fields->count - 1].kind = FIELD_HEX;
    code_minor(c);
    walk_text(c, "text", &m->text);
    if (!c->bad)
        walk_extensions(c, &m->extra,
                        c->out != NULL ? m->extra.len : rest_of(c));
}

static void walk_bye(struct codec *c, struct gnutella_msg *m)
{
    code_le16(c, "code", &m->code);
    walk_text(c, "text", &m->text);
    size_t more = c->out != NULL ? m->extra.len : rest_of(c);
    if (!c->bad && more > 0)
        walk_span(c, "more", FIELD_BYTES, &m->extra, more);
}

static void walk_route(struct codec *c, struct gnutella_msg *m)
{
    code_u8(c, "variant", &m->variant);
    if (m->variant == ROUTE_RESET) {
        code_le32(c, "slots", &m->slots);
        code_u8(c, "infinity", &m->infinity);
        if (c->in != NULL)
            code_require(c, rest_of(c) == 0);
        return;
    }
    code_require(c, m->variant == ROUTE_PATCH);
    code_u8(c, "sequence", &m->sequence);
    code_u8(c, "sequences", &m->sequences);
    code_u8(c, "compressor", &m->compressor);
    code_u8(c, "bits", &m->bits);
    if (!c->bad)
        walk_span(c, "data", FIELD_BYTES, &m->data,
                  c->out != NULL ? m->data.len : rest_of(c));
    code_minor(c);
}

static void walk_vendor(struct codec *c, struct gnutella_msg *m)
{
    walk_span(c, "vendor", FIELD_TEXT, &m->text, 4);
    code_le16(c, "selector", &m->code);
    code_le16(c, "version", &m->flags);
    if (!c->bad)
        walk_span(c, "body", FIELD_BYTES, &m->data,
                  c->out != NULL ? m->data.len : rest_of(c));
}

static void walk_payload(struct codec *c, struct gnutella_msg *m)
{
    switch (m->type) {
    case GNUTELLA_PING:
        walk_tail(c, m);
        break;
    case GNUTELLA_PONG:
        walk_addr(c, "node", &m->addr, true);
        code_le32(c, "files", &m->files);
        code_le32(c, "kilobytes", &m->kilobytes);
        walk_tail(c, m);
        break;
    case GNUTELLA_PUSH:
        walk_guid(c, "servent", m->servent);
        code_le32(c, "index", &m->index);
        walk_addr(c, "asker", &m->addr, false);
        walk_tail(c, m);
        break;
    case GNUTELLA_QUERY:
        walk_query(c, m);
        break;
    case GNUTELLA_HIT:
        walk_hit(c, m);
        break;
    case GNUTELLA_BYE:
        walk_bye(c, m);
        break;
    case GNUTELLA_ROUTE:
        walk_route(c, m);
        break;
    case GNUTELLA_VENDOR:
    case GNUTELLA_STANDARD:
        walk_vendor(c, m);
        break;
    default: /* a type that we do not know, or need */
        walk_span(c, "payload", FIELD_BYTES, &m->data,
                  c->out != NULL ? m->data.len : rest_of(c));
        break;
    }
}

static void walk_header(struct codec *c, struct gnutella_msg *m)
{
    walk_guid(c, "id", m->guid);
    code_minor(c);
    code_u8(c, "type", &m->type);
    code_minor(c);
    code_u8(c, "ttl", &m->ttl);
    code_u8(c, "hops", &m->hops);
    code_le32(c, "length", &m->length);
    code_minor(c);
}

/* -- Whole messages ------------------------------------------------------ */

size_t gnutella_encode(struct gnutella_msg *m, uint8_t *out, size_t room)
{
    struct codec c = codec_writer(out, room);

    walk_header(&c, m);
    walk_payload(&c, m);
    m->length = (uint32_t)(c.at - HEADER_BYTES);
    size_t used = c.at;
    c.at = 0;
    walk_header(&c, m); /* now with its length */
    return used;
}

bool gnutella_peek(const uint8_t *data, size_t len, uint8_t *type,
                   uint32_t *length)
{
    struct codec c = codec_reader(data, len);
    struct gnutella_msg m;

    walk_header(&c, &m);
    *type = m.type;
    *length = m.length;
    return !c.bad;
}

int gnutella_decode(struct gnutella_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    *m = (struct gnutella_msg){.ttl = 0};
    walk_header(&c, m);
    if (c.bad)
        return 0;
    if (m->length > LENGTH_MAX)
        return ERR_LIMIT;
    if (m->length > len - HEADER_BYTES)
        return 0;
    c.len = HEADER_BYTES + m->length;
    walk_payload(&c, m);
    m->bad = c.bad;
    return (int)(HEADER_BYTES + m->length);
}

const char *gnutella_type_name(const struct gnutella_msg *m)
{
    switch (m->type) {
    case GNUTELLA_PING:
        return "PING";
    case GNUTELLA_PONG:
        return "PONG";
    case GNUTELLA_BYE:
        return "BYE";
    case GNUTELLA_ROUTE:
        return m->variant == ROUTE_RESET ? "ROUTE_RESET" : "ROUTE_PATCH";
    case GNUTELLA_VENDOR:
    case GNUTELLA_STANDARD:
        return "VENDOR";
    case GNUTELLA_PUSH:
        return "PUSH";
    case GNUTELLA_QUERY:
        return "QUERY";
    case GNUTELLA_HIT:
        return "QUERY_HIT";
    case GNUTELLA_HSEP:
        return "HSEP";
    default:
        return "UNKNOWN";
    }
}

/* Where the walk went wrong, inside of a group perhaps, what is left of the
   message follows undecoded. */
static void describe_message(const uint8_t *data, size_t len, struct fields *f)
{
    struct gnutella_msg m = {.ttl = 0};
    struct codec c = codec_describer(data, len, f);

    walk_header(&c, &m);
    if (!c.bad)
        walk_payload(&c, &m);
    size_t covered = 0;
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].length > 0)
            covered = f->at[i].offset + f->at[i].length;
    f->depth = 0;
    if (len >= HEADER_BYTES)
        f->type = gnutella_type_name(&m);
    if (covered < len)
        fields_undecoded(f, covered, len);
}

static bool starts(const uint8_t *data, size_t len, const char *word)
{
    return len >= strlen(word) && memcmp(data, word, strlen(word)) == 0;
}

/* A text of lines: the first, and the rest. */
static void describe_lines(const char *type, const uint8_t *data, size_t len,
                           struct fields *f)
{
    const uint8_t *end = len > 0 ? memchr(data, '\n', len) : NULL;
    size_t first = end != NULL ? (size_t)(end - data) + 1 : len;
    size_t line = first;

    while (line > 0 && (data[line - 1] == '\n' || data[line - 1] == '\r'))
        line--;
    f->type = type;
    struct field *at = fields_add(f, FIELD_TEXT, "line", 0, first);
    at->text = (const char *)data;
    at->text_len = line;
    if (first == len)
        return;
    at = fields_add(f, FIELD_TEXT, "headers", first, len - first);
    at->text = (const char *)data + first;
    at->text_len = len - first;
    at->minor = true;
}

void gnutella_describe(const struct framing *framing, const uint8_t *data,
                       size_t len, struct fields *f)
{
    if (starts(data, len, "GNUTELLA CONNECT/"))
        describe_lines("CONNECT", data, len, f);
    else if (starts(data, len, "GNUTELLA OK") ||
             starts(data, len, "GNUTELLA/0.6 200"))
        describe_lines("OK", data, len, f);
    else if (starts(data, len, "GNUTELLA/0.6 "))
        describe_lines("REFUSED", data, len, f);
    else if (starts(data, len, "GIV "))
        describe_lines("GIV", data, len, f);
    else if (framing->phase == PHASE_HTTP)
        http_describe(data, len, f);
    else if (framing->phase == PHASE_BULK)
        fields_bulk(f, data, len);
    else
        describe_message(data, len, f);
}
