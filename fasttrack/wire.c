/* Messages to bytes and back; see wire.h. */
#include "fasttrack/wire.h"

#include <assert.h>
#include <string.h>

#include "common/codec.h"

/* -- Framing ------------------------------------------------------------- */

void fasttrack_way(struct way *w, bool coded, uint32_t seed)
{
    w->coded = coded;
    w->xinu = XINU_FIRST;
    if (coded)
        fasttrack_cipher_begin(&w->cipher, seed);
}

/* Where type, route, length (high, low) stand in the four bytes. */
static const uint8_t *order(uint32_t xinu)
{
    static const uint8_t orders[3][4] = {
        {0, 1, 2, 3}, {2, 0, 1, 3}, {3, 0, 2, 1}};

    return orders[xinu % 3];
}

static uint32_t xinu_after(uint32_t xinu, const uint8_t header[4])
{
    uint32_t type = header[0] | (uint32_t)header[1] << 8;
    uint32_t len = header[3] | (uint32_t)header[2] << 8;

    return xinu ^ ~(type + len);
}

static size_t payload_of(const uint8_t *plain)
{
    return (size_t)plain[3] << 8 | plain[4];
}

/* One byte, a ping or a pong, or the header of a message, in plain form. */
static int unwrap_header(struct way *w, const uint8_t *in, size_t len,
                         uint8_t *out)
{
    uint8_t raw[4];

    if (len == 0)
        return 0;
    if (w->coded)
        fasttrack_cipher_run(&w->cipher, in, out, 1);
    else
        out[0] = in[0];
    if (out[0] == 'P' || out[0] == 'R')
        return 1;
    if (out[0] != 'K')
        return ERR_MALFORMED;
    if (len < HEADER_BYTES)
        return 0;
    memcpy(raw, in + 1, 4);
    if (w->coded)
        fasttrack_cipher_run(&w->cipher, raw, raw, 4);
    for (unsigned i = 0; i < 4; i++)
        out[1 + i] = raw[order(w->xinu)[i]];
    return (int)HEADER_BYTES;
}

int fasttrack_unwrap(struct way *w, const uint8_t *in, size_t len,
                     uint8_t *scratch, const uint8_t **plain, size_t *plain_len)
{
    struct way next = *w; /* kept only when the message is whole */
    uint8_t header[HEADER_BYTES];
    int used = unwrap_header(&next, in, len, header);

    if (used <= 0)
        return used;
    if (used > 1) {
        size_t payload = payload_of(header);
        if (len < HEADER_BYTES + payload)
            return 0;
        used += (int)payload;
        if (w->coded) {
            fasttrack_cipher_run(&next.cipher, in + HEADER_BYTES,
                                 scratch + HEADER_BYTES, payload);
            next.xinu = xinu_after(next.xinu, header + 1);
        }
    }
    if (w->coded)
        memcpy(scratch, header, used > 1 ? HEADER_BYTES : 1);
    *plain = w->coded ? scratch : in;
    *plain_len = (size_t)used;
    *w = next;
    return used;
}

void fasttrack_wrap(struct way *w, const uint8_t *plain, size_t len,
                    uint8_t *wire)
{
    memmove(wire, plain, len);
    if (!w->coded)
        return;
    if (len > 1) {
        uint8_t header[4];
        memcpy(header, plain + 1, 4);
        for (unsigned i = 0; i < 4; i++)
            wire[1 + order(w->xinu)[i]] = header[i];
        w->xinu = xinu_after(w->xinu, header);
    }
    fasttrack_cipher_run(&w->cipher, wire, wire, len);
}

/* -- Parts --------------------------------------------------------------- */

size_t fasttrack_put_dynint(uint8_t out[5], uint32_t value)
{
    size_t len = 1;

    for (uint32_t v = value; v > 127; v >>= 7)
        len++;
    for (size_t i = len; i-- > 0; value >>= 7)
        out[i] = (uint8_t)((value & 127) | (i + 1 < len ? 0x80 : 0));
    return len;
}

int fasttrack_dynint(const uint8_t *data, size_t len, uint32_t *value)
{
    uint64_t v = 0;

    for (size_t i = 0; i < 5; i++) {
        if (i == len)
            return 0;
        if (i == 0 && data[0] == 0x80)
            return ERR_MALFORMED;
        v = v << 7 | (data[i] & 127);
        if ((data[i] & 0x80) != 0)
            continue;
        *value = (uint32_t)v;
        return v <= UINT32_MAX ? (int)i + 1 : ERR_MALFORMED;
    }
    return ERR_MALFORMED;
}

static void code_dynint(struct codec *c, const char *name, uint32_t *value)
{
    size_t at = c->at;

    if (c->bad)
        return;
    if (c->out != NULL) {
        uint8_t bytes[5];
        const uint8_t *from = bytes;
        size_t len = fasttrack_put_dynint(bytes, *value);
        code_data(c, name, FIELD_BYTES, &from, len);
        return;
    }
    int used = fasttrack_dynint(c->in + at, c->len - at, value);
    code_require(c, used > 0);
    if (used <= 0)
        return;
    c->at += (size_t)used;
    if (c->fields != NULL)
        fields_add(c->fields, FIELD_NUMBER, name, at, (size_t)used)->number =
            *value;
}

static void code_span(struct codec *c, const char *name, enum field_kind kind,
                      struct span *s, size_t len)
{
    code_data(c, name, kind, &s->at, len);
    s->len = len;
}

/* All that is left of the message. */
static void code_rest(struct codec *c, const char *name, enum field_kind kind,
                      struct span *s)
{
    size_t len = c->out != NULL ? s->len : c->len - c->at;

    if (!c->bad && (len > 0 || c->fields == NULL))
        code_span(c, name, kind, s, len);
}

/* A name that ends with the message. */
static void code_name(struct codec *c, const char *name, struct span *s)
{
    code_require(c, c->out != NULL || c->len - c->at <= NAME_MAX_BYTES);
    code_rest(c, name, FIELD_TEXT, s);
}

/* An address without a port. */
static void code_ip(struct codec *c, const char *name, uint32_t *ip)
{
    struct fields *fields = c->fields;
    size_t at = c->at;

    c->fields = NULL;
    code_u32(c, name, ip);
    c->fields = fields;
    if (fields != NULL && !c->bad)
        fields_add(fields, FIELD_NODE, name, at, 4)->addr.ip = *ip;
}

/* Text up to a byte that ends it. */
static void code_until(struct codec *c, const char *name, struct span *s,
                       uint8_t end)
{
    uint8_t stop = end;
    size_t len = s->len;

    if (c->out == NULL)
        for (len = 0; c->at + len < c->len && c->in[c->at + len] != end;)
            len++;
    code_require(c, len <= NAME_MAX_BYTES);
    code_span(c, name, FIELD_TEXT, s, len);
    code_u8(c, "end", &stop);
    code_minor(c);
    code_require(c, stop == end);
}

static void code_hash(struct codec *c, uint8_t hash[HASH_BYTES])
{
    const uint8_t *at = hash;

    code_data(c, "hash", FIELD_BYTES, &at, HASH_BYTES);
    if (c->out == NULL && !c->bad)
        memcpy(hash, at, HASH_BYTES);
}

bool fasttrack_is_number(uint32_t tag)
{
    return tag == TAG_YEAR || tag == TAG_SECONDS || tag == TAG_BITDEPTH ||
           tag == TAG_QUALITY || tag == TAG_RATING || tag == TAG_SIZE;
}

static const char *tag_name(uint32_t tag)
{
    static const char *const names[] = {
        [TAG_ANY] = "any",       [TAG_YEAR] = "year",
        [TAG_NAME] = "name",     [TAG_HASH] = "hash",
        [TAG_TITLE] = "title",   [TAG_SECONDS] = "seconds",
        [6] = "artist",          [8] = "album",
        [10] = "language",       [12] = "keywords",
        [14] = "genre",          [TAG_BITDEPTH] = "bitdepth",
        [0x12] = "type",         [TAG_QUALITY] = "quality",
        [0x1a] = "comment",      [0x1c] = "codec",
        [TAG_RATING] = "rating", [TAG_SIZE] = "size"};

    return tag < sizeof names / sizeof *names && names[tag] != NULL ? names[tag]
                                                                    : "value";
}

static void code_value(struct codec *c, uint32_t tag, struct span *value)
{
    uint32_t len = (uint32_t)value->len, number;
    size_t at = c->at;

    code_dynint(c, "length", &len);
    code_minor(c);
    code_span(c, tag_name(tag), tag == TAG_HASH ? FIELD_BYTES : FIELD_TEXT,
              value, len);
    if (c->fields == NULL || c->bad || !fasttrack_is_number(tag) || len == 0 ||
        fasttrack_dynint(value->at, len, &number) != (int)len)
        return;
    struct field *f = &c->fields->at[c->fields->count - 1];
    assert(f->offset > at);
    f->kind = FIELD_NUMBER;
    f->number = number;
}

static void code_tag(struct codec *c, struct tag_value *e)
{
    code_dynint(c, "tag", &e->tag);
    code_minor(c);
    code_value(c, e->tag, &e->value);
}

static void code_term(struct codec *c, struct term *e)
{
    code_u8(c, "compare", &e->compare);
    code_minor(c);
    code_dynint(c, "tag", &e->tag);
    code_minor(c);
    code_value(c, e->tag, &e->value);
}

static void code_node(struct codec *c, struct node_entry *e)
{
    code_addr(c, "node", &e->addr);
    code_u8(c, "seen_min", &e->seen_min);
    code_minor(c);
    code_u8(c, "load", &e->load);
}

/* The 19 bytes that nobody has explained hold our `standing`; [teach]. */
static void code_neighbour(struct codec *c, struct neighbour_entry *e)
{
    static const uint8_t zeros[9];
    const uint8_t *rest = zeros;

    code_addr(c, "node", &e->addr);
    code_u8(c, "load", &e->standing.load);
    code_u16(c, "children", &e->standing.children);
    code_u8(c, "degree", &e->standing.degree);
    code_u32(c, "age", &e->standing.age_s);
    code_u16(c, "participation", &e->standing.participation);
    code_data(c, "unused", FIELD_BYTES, &rest, sizeof zeros);
    code_minor(c);
    code_u8(c, "hops", &e->hops);
    code_minor(c);
}

static void code_list(struct codec *c, unsigned kind, const char *name,
                      struct span *list, uint32_t count);

enum element { NODE, NEIGHBOUR, TERM, TAG, RESULT };

static void code_result(struct codec *c, struct result *r)
{
    code_addr(c, "node", &r->addr);
    code_u8(c, "bandwidth", &r->bandwidth);
    code_minor(c);
    if (c->out == NULL)
        r->same = c->at < c->len && c->in[c->at] == 2;
    if (r->same) {
        uint8_t two = 2;
        code_u8(c, "same_user", &two);
        code_minor(c);
    } else {
        code_until(c, "user", &r->user, 1);
        code_until(c, "network", &r->network, 0);
        code_minor(c);
    }
    code_hash(c, r->hash);
    code_dynint(c, "file_id", &r->file_id);
    code_minor(c);
    code_dynint(c, "size", &r->size);
    code_dynint(c, "tags", &r->tags);
    code_minor(c);
    code_require(c, r->tags <= TAGS_MAX);
    code_list(c, TAG, "tags", &r->list, r->tags);
}

union entry {
    struct node_entry node;
    struct neighbour_entry neighbour;
    struct term term;
    struct tag_value tag;
    struct result result;
};

static void code_entry(struct codec *c, enum element kind, union entry *e)
{
    code_begin(c, FIELD_GROUP, "");
    switch (kind) {
    case NODE:
        code_node(c, &e->node);
        break;
    case NEIGHBOUR:
        code_neighbour(c, &e->neighbour);
        break;
    case TERM:
        code_term(c, &e->term);
        break;
    case TAG:
        code_tag(c, &e->tag);
        break;
    case RESULT:
        code_result(c, &e->result);
        break;
    }
    code_end(c);
}

#define TO_THE_END UINT32_MAX

/* A list of `count` elements: its span, checked by walking over it. */
static void code_list(struct codec *c, unsigned kind, const char *name,
                      struct span *list, uint32_t count)
{
    size_t from = c->at;
    union entry e;

    if (c->out != NULL) {
        code_span(c, name, FIELD_BYTES, list, list->len);
        return;
    }
    code_begin(c, FIELD_LIST, name);
    for (uint32_t i = 0;
         i < count && !c->bad && (count != TO_THE_END || c->at < c->len); i++) {
        memset(&e, 0, sizeof e);
        code_entry(c, (enum element)kind, &e);
    }
    code_end(c);
    if (!c->bad)
        *list = (struct span){c->in + from, c->at - from};
}

static bool next_entry(struct span *list, enum element kind, union entry *e)
{
    struct codec c = codec_reader(list->at, list->len);

    memset(e, 0, sizeof *e);
    if (list->len == 0)
        return false;
    code_entry(&c, kind, e);
    *list = (struct span){list->at + c.at, list->len - c.at};
    return !c.bad;
}

/* The longest element but for what its spans hold. */
#define ENTRY_BYTES 64u

static bool put_entry(uint8_t *out, size_t room, size_t *len, enum element kind,
                      union entry *e, size_t held)
{
    struct codec c = codec_writer(out + *len, room - *len);

    if (room - *len < held + ENTRY_BYTES)
        return false;
    code_entry(&c, kind, e);
    *len += c.at;
    return true;
}

bool fasttrack_next_node(struct span *list, struct node_entry *e)
{
    union entry u;
    bool ok = next_entry(list, NODE, &u);

    *e = u.node;
    return ok;
}

bool fasttrack_next_neighbour(struct span *list, struct neighbour_entry *e)
{
    union entry u;
    bool ok = next_entry(list, NEIGHBOUR, &u);

    *e = u.neighbour;
    return ok;
}

bool fasttrack_next_term(struct span *list, struct term *e)
{
    union entry u;
    bool ok = next_entry(list, TERM, &u);

    *e = u.term;
    return ok;
}

bool fasttrack_next_tag(struct span *list, struct tag_value *e)
{
    union entry u;
    bool ok = next_entry(list, TAG, &u);

    *e = u.tag;
    return ok;
}

bool fasttrack_next_result(struct span *list, struct result *e)
{
    union entry u;
    bool ok = next_entry(list, RESULT, &u);

    *e = u.result;
    return ok;
}

bool fasttrack_put_node(uint8_t *out, size_t room, size_t *len,
                        const struct node_entry *e)
{
    return put_entry(out, room, len, NODE, &(union entry){.node = *e}, 0);
}

bool fasttrack_put_neighbour(uint8_t *out, size_t room, size_t *len,
                             const struct neighbour_entry *e)
{
    return put_entry(out, room, len, NEIGHBOUR, &(union entry){.neighbour = *e},
                     0);
}

bool fasttrack_put_term(uint8_t *out, size_t room, size_t *len,
                        const struct term *e)
{
    return put_entry(out, room, len, TERM, &(union entry){.term = *e},
                     e->value.len);
}

bool fasttrack_put_tag(uint8_t *out, size_t room, size_t *len,
                       const struct tag_value *e)
{
    return put_entry(out, room, len, TAG, &(union entry){.tag = *e},
                     e->value.len);
}

bool fasttrack_put_result(uint8_t *out, size_t room, size_t *len,
                          const struct result *e)
{
    return put_entry(out, room, len, RESULT, &(union entry){.result = *e},
                     e->user.len + e->network.len + e->list.len);
}

/* -- Messages ------------------------------------------------------------ */

/* A byte, or two, of a meaning that nobody knows: we say `ours` there, and take
   what others do, to pass it on. */
static void code_byte(struct codec *c, const char *name, uint8_t *byte,
                      uint8_t ours)
{
    uint8_t value = *byte ^ ours;

    code_u8(c, name, &value);
    code_minor(c);
    *byte = value ^ ours;
}

static void code_two(struct codec *c, const char *name, uint16_t *two,
                     uint16_t ours)
{
    uint16_t value = *two ^ ours;

    code_u16(c, name, &value);
    code_minor(c);
    *two = value ^ ours;
}

static void code_query(struct codec *c, struct fasttrack_msg *m)
{
    code_byte(c, "one", &m->odd_byte, 1);
    code_u8(c, "realm", &m->realm);
    code_minor(c);
    code_u8(c, "terms", &m->terms);
    code_minor(c);
    code_require(c, m->terms <= TERMS_MAX);
    code_list(c, TERM, "terms", &m->list, m->terms);
}

static void code_file(struct codec *c, struct fasttrack_msg *m)
{
    code_hash(c, m->hash);
    code_dynint(c, "file_id", &m->file_id);
    code_minor(c);
    code_dynint(c, "size", &m->size);
    code_dynint(c, "tags", &m->tags);
    code_minor(c);
    code_require(c, m->tags <= TAGS_MAX);
    code_list(c, TAG, "tags", &m->list, m->tags);
}

/* To a supernode: who asks, and whom.  From one: only who asks; their lengths
   tell them apart.  Between supernodes the long form is sent on. */
static void code_push(struct codec *c, struct fasttrack_msg *m)
{
    code_u32(c, "push_id", &m->id);
    code_addr(c, "asker", &m->addr);
    if (c->out == NULL)
        m->push_form = c->at < c->len;
    if (!m->push_form)
        return;
    code_addr(c, "owner", &m->owner);
    code_addr(c, "owner_supernode", &m->supernode);
    code_name(c, "user", &m->name);
}

static void code_stats(struct codec *c, struct fasttrack_msg *m)
{
    code_u32(c, "users", &m->score);
    code_u32(c, "files", &m->id);
    code_rest(c, "more", FIELD_BYTES, &m->list);
}

static void code_body(struct codec *c, struct fasttrack_msg *m)
{
    switch ((enum fasttrack_type)m->type) {
    case MSG_NODES:
        code_list(c, NODE, "nodes", &m->list, TO_THE_END);
        break;
    case MSG_NEIGHBOURS:
        code_list(c, NEIGHBOUR, "neighbours", &m->list, TO_THE_END);
        break;
    case MSG_NODE_INFO:
        code_addr(c, "addr", &m->addr);
        code_u8(c, "bandwidth", &m->bandwidth);
        code_byte(c, "zero", &m->odd_byte, 0);
        code_name(c, "user", &m->name);
        break;
    case MSG_SEND_SHARES:
    case MSG_PROMOTE:
        break;
    case MSG_SHARE:
        code_byte(c, "zero", &m->odd_byte, 0);
        code_u8(c, "media", &m->media);
        code_minor(c);
        code_two(c, "zeros", &m->odd_two, 0);
        code_file(c, m);
        break;
    case MSG_UNSHARE:
        code_file(c, m);
        break;
    case MSG_QUERY:
        code_two(c, "one", &m->odd_two, 1);
        code_u16(c, "max", &m->results_max);
        code_minor(c);
        code_u16(c, "search", &m->search);
        code_query(c, m);
        break;
    case MSG_FORWARD:
        code_u32(c, "query", &m->id);
        code_minor(c);
        code_u16(c, "search", &m->search);
        code_query(c, m);
        break;
    case MSG_REPLY:
        code_addr(c, "supernode", &m->addr);
        code_u16(c, "search", &m->search);
        code_u16(c, "results", &m->results);
        code_list(c, RESULT, "results", &m->list, m->results);
        break;
    case MSG_QUERY_END:
        code_u16(c, "search", &m->search);
        break;
    case MSG_STATS:
        code_stats(c, m);
        break;
    case MSG_PUSH:
        code_push(c, m);
        break;
    case MSG_NETWORK:
        code_name(c, "network", &m->name);
        break;
    case MSG_VERSION:
        code_u32(c, "version", &m->id);
        break;
    case MSG_EXTERNAL_IP:
        code_ip(c, "ip", &m->addr.ip);
        break;
    case MSG_SCORE:
        code_u32(c, "score", &m->score);
        code_u8(c, "eligible", &m->eligible);
        break;
    default:
        code_rest(c, "body", FIELD_BYTES, &m->list);
    }
}

static void code_route(struct codec *c, struct fasttrack_msg *m)
{
    if (m->route == ROUTE_DIRECT)
        return;
    code_require(c, m->route == ROUTE_UNICAST || m->route == ROUTE_BROADCAST);
    code_addr(c, "source", &m->source);
    if (m->route == ROUTE_UNICAST) {
        code_addr(c, "target", &m->target);
    } else {
        code_two(c, "unknown", &m->odd_route, 0);
    }
    code_u8(c, "hops", &m->hops);
    code_require(c, m->hops <= HOPS_LIMIT);
}

static void code_message(struct codec *c, struct fasttrack_msg *m)
{
    uint16_t len = 0; /* a writer fills it in behind us */

    code_u8(c, "kind", &m->kind);
    code_minor(c);
    if (c->bad || m->kind == 'P' || m->kind == 'R')
        return;
    code_require(c, m->kind == 'K');
    code_u8(c, "type", &m->type);
    code_minor(c);
    code_u8(c, "route", &m->route);
    code_minor(c);
    code_u16(c, "length", &len);
    code_minor(c);
    code_require(c, c->out != NULL || c->len == HEADER_BYTES + (size_t)len);
    code_route(c, m);
    if (!c->bad)
        code_body(c, m);
}

int fasttrack_decode(struct fasttrack_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    memset(m, 0, sizeof *m);
    code_message(&c, m);
    return c.bad || c.at != len ? ERR_MALFORMED : 0;
}

size_t fasttrack_encode(const struct fasttrack_msg *m, uint8_t *out)
{
    struct fasttrack_msg copy = *m;
    struct codec c = codec_writer(out, ENCODED_MAX);

    if (copy.kind == 0)
        copy.kind = 'K';
    code_message(&c, &copy);
    if (c.at >= HEADER_BYTES) {
        out[3] = (uint8_t)((c.at - HEADER_BYTES) >> 8);
        out[4] = (uint8_t)(c.at - HEADER_BYTES);
    }
    return c.at <= MESSAGE_BYTES_MAX ? c.at : 0;
}

/* -- Datagrams ----------------------------------------------------------- */

/* min_enc is 0x29 in KaZaA, 0xa9 in mldonkey: nobody looks at it. */
static void code_udp(struct codec *c, struct udp_msg *m)
{
    uint32_t min_enc = 0x29;
    uint8_t zero = m->type == UDP_PING ? 0x80 : 0, unknown = 0;
    uint16_t two = 0;
    struct span name = {(const uint8_t *)NETWORK_NAME, sizeof NETWORK_NAME - 1};

    code_u8(c, "type", &m->type);
    code_minor(c);
    code_u32(c, "min_enc", &min_enc);
    code_minor(c);
    if (m->type == UDP_FULL) {
        code_rest(c, "more", FIELD_BYTES, &(struct span){NULL, 0});
        return;
    }
    code_u8(c, m->type == UDP_PING ? "flags" : "zero", &zero);
    code_minor(c);
    if (m->type == UDP_PONG) {
        code_u8(c, "age", &m->age_min);
        code_u16(c, "unknown", &two);
        code_minor(c);
        code_u8(c, "load", &m->load);
        code_u8(c, "unknown", &unknown);
        code_minor(c);
    }
    code_until(c, "network", &name, 0);
    code_minor(c);
    if (c->out == NULL)
        code_rest(c, "more", FIELD_BYTES, &(struct span){NULL, 0});
}

static bool is_udp_type(uint8_t type)
{
    return type == UDP_PING || type == UDP_PONG || type == UDP_FULL;
}

bool fasttrack_udp_decode(struct udp_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    if (len == 0 || !is_udp_type(data[0]))
        return false;
    *m = (struct udp_msg){0};
    code_udp(&c, m);
    return !c.bad;
}

size_t fasttrack_udp_encode(const struct udp_msg *m, uint8_t out[UDP_BYTES_MAX])
{
    struct udp_msg copy = *m;
    struct codec c = codec_writer(out, UDP_BYTES_MAX);

    code_udp(&c, &copy);
    return c.at;
}

/* -- Describing ---------------------------------------------------------- */

static const char *type_name(const struct fasttrack_msg *m)
{
    if (m->kind == 'P')
        return "PING";
    if (m->kind == 'R')
        return "PONG";
    switch ((enum fasttrack_type)m->type) {
    case MSG_NODES:
        return "NODES";
    case MSG_NEIGHBOURS:
        return "NEIGHBOURS";
    case MSG_NODE_INFO:
        return "NODE_INFO";
    case MSG_SEND_SHARES:
        return "SEND_SHARES";
    case MSG_UNSHARE:
        return "UNSHARE";
    case MSG_QUERY:
        return "QUERY";
    case MSG_REPLY:
        return "REPLY";
    case MSG_QUERY_END:
        return "QUERY_END";
    case MSG_STATS:
        return "STATS";
    case MSG_FORWARD:
        return "FORWARD";
    case MSG_PUSH:
        return "PUSH";
    case MSG_NETWORK:
        return "NETWORK";
    case MSG_SHARE:
        return "SHARE";
    case MSG_VERSION:
        return "VERSION";
    case MSG_EXTERNAL_IP:
        return "EXTERNAL_IP";
    case MSG_SCORE:
        return "SCORE";
    case MSG_PROMOTE:
        return "PROMOTE";
    }
    return "UNKNOWN";
}

static void describe_message(const uint8_t *data, size_t len, struct fields *f)
{
    struct codec c = codec_describer(data, len, f);
    struct fasttrack_msg m = {0};
    unsigned depth = f->depth;

    code_message(&c, &m);
    f->depth = depth; /* also when it broke off in a list */
    if (len > 0 && (m.kind == 'K' || m.kind == 'P' || m.kind == 'R'))
        f->type = type_name(&m);
    fields_undecoded(f, c.at, len);
}

/* A name, the three words of the client, the two of the supernode, or GIVE. */
static void describe_hello(const uint8_t *data, size_t len, bool from_opener,
                           struct fields *f)
{
    struct codec c = codec_describer(data, len, f);
    struct span text = {NULL, 0};
    uint32_t words[3];

    if (len > 5 && memcmp(data, "GIVE ", 5) == 0) {
        f->type = "GIVE";
        code_span(&c, "line", FIELD_TEXT, &text, len);
    } else if (from_opener && len == HELLO_BYTES &&
               (data[0] == 0xfa || data[len - 1] != 0)) {
        f->type = "HELLO";
        code_u32(&c, "rand", &words[0]);
        code_minor(&c);
        code_u32(&c, "seed", &words[1]);
        code_u32(&c, "masked", &words[2]);
    } else if (!from_opener && len == ANSWER_BYTES && data[len - 1] != 0) {
        f->type = "HELLO";
        code_u32(&c, "seed", &words[0]);
        code_u32(&c, "masked", &words[1]);
    } else {
        f->type = "NAME";
        code_until(&c, "network", &text, 0);
    }
    fields_undecoded(f, c.at, len);
}

static void describe_datagram(const uint8_t *data, size_t len, struct fields *f)
{
    static const char *const names[] = {"UDP_PING", "UDP_PONG", "UDP_FULL"};
    struct codec c = codec_describer(data, len, f);
    struct udp_msg m = {0};

    if (len > 0 && is_udp_type(data[0])) {
        f->type = names[data[0] - UDP_PING];
        code_udp(&c, &m);
    }
    fields_undecoded(f, c.at, len);
}

void fasttrack_describe(const struct framing *framing, const uint8_t *data,
                        size_t len, struct fields *f)
{
    switch (framing->phase) {
    case PHASE_DATAGRAM:
        describe_datagram(data, len, f);
        break;
    case PHASE_HANDSHAKE:
        describe_hello(data, len, framing->from_opener, f);
        break;
    case PHASE_HTTP:
        http_describe(data, len, f);
        break;
    case PHASE_MESSAGES:
        describe_message(data, len, f);
        break;
    case PHASE_BULK:
        fields_bulk(f, data, len);
        break;
    }
}
