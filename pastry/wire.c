/*
 * Bytes <-> messages, and their description field by field.
 *
 * walk() names every field of every message in order.  Over a writing codec
 * it is the encoder, over a reading one the decoder, over one that has
 * `fields` it describes.  Numbers are big-endian; ids take 16 bytes however
 * short they are.
 */
#include "pastry/wire.h"

#include <string.h>

static void walk_id(struct codec *c, const struct pastry_msg *m,
                    const char *name, struct id *id)
{
    unsigned bits = (unsigned)m->digit_bits * m->digits;
    struct id top = id_distance(*id, *id, ID_BITS);

    code_id(c, name, id, ID_BITS);
    if (c->bad)
        return;
    if (c->fields != NULL && c->fields->count > 0)
        c->fields->at[c->fields->count - 1].id_bits =
            pastry_id_bits(m->digit_bits, m->digits);
    if (bits < ID_BITS) {
        top = id_add_power(top, bits, ID_BITS);
        code_require(c, id_compare(id, &top) < 0);
    }
}

static void walk_peer(struct codec *c, const struct pastry_msg *m,
                      const char *id, const char *addr, struct pastry_peer *p)
{
    walk_id(c, m, id, &p->id);
    code_minor(c);
    code_addr(c, addr, &p->addr);
    code_require(c, c->bad || p->addr.port != 0);
}

static void walk_peers(struct codec *c, struct pastry_msg *m)
{
    code_u8(c, "count", &m->count);
    code_minor(c);
    code_require(c, m->count <= PEERS_MAX);
    code_begin(c, FIELD_LIST, "peers");
    for (unsigned i = 0; i < m->count && !c->bad; i++) {
        code_begin(c, FIELD_GROUP, "");
        walk_peer(c, m, "id", "node", &m->peer[i]);
        code_end(c);
    }
    code_end(c);
}

static void walk_path(struct codec *c, struct pastry_msg *m)
{
    code_u8(c, "hops", &m->hops);
    code_require(c, m->hops <= HOPS_MAX);
    code_begin(c, FIELD_LIST, "path");
    for (unsigned i = 0; i < m->hops && !c->bad; i++)
        code_addr(c, "", &m->path[i]);
    code_end(c);
}

static void walk_value(struct codec *c, struct pastry_msg *m)
{
    code_u32(c, "version", &m->version);
    code_minor(c);
    code_u16(c, "value_len", &m->value_len);
    code_minor(c);
    code_require(c, m->value_len <= VALUE_MAX);
    code_data(c, "value", FIELD_TEXT, &m->value, m->value_len);
}

/* A byte that stands for a word, and is described as that. */
static void walk_word(struct codec *c, const char *name, uint8_t *value,
                      const char *const words[], unsigned count)
{
    code_u8(c, name, value);
    code_require(c, *value < count);
    if (c->bad || c->fields == NULL)
        return;
    struct field *f = &c->fields->at[c->fields->count - 1];
    f->kind = FIELD_TEXT;
    f->text = words[*value];
    f->text_len = strlen(f->text);
}

static void walk_body(struct codec *c, struct pastry_msg *m)
{
    static const char *const purposes[] = {[FOR_LOOKUP] = "lookup",
                                           [FOR_GET] = "get",
                                           [FOR_PUT] = "put",
                                           [FOR_JOIN] = "join"};
    static const char *const parts[] = {[PART_LEAVES] = "leaves",
                                        [PART_ROW] = "row",
                                        [PART_NEAR] = "near",
                                        [PART_JOIN] = "join",
                                        [PART_LAST] = "last"};

    switch (m->type) {
    case PASTRY_ROUTE:
        walk_word(c, "purpose", &m->purpose, purposes, FOR_JOIN + 1);
        walk_id(c, m, "key", &m->key);
        walk_peer(c, m, "origin_id", "origin", &m->origin);
        code_u32(c, "origin_request", &m->origin_request);
        code_minor(c);
        walk_path(c, m);
        walk_value(c, m);
        break;
    case PASTRY_REACHED:
        walk_id(c, m, "key", &m->key);
        code_u8(c, "found", &m->found);
        code_require(c, m->found <= 1);
        walk_path(c, m);
        walk_value(c, m);
        break;
    case PASTRY_GET:
    case PASTRY_STATE:
        walk_word(c, "part", &m->part, parts, PART_LAST + 1);
        code_u8(c, "row", &m->row);
        if (m->part == PART_LEAVES || m->part == PART_NEAR)
            code_minor(c);
        code_require(c, m->row < ID_BITS);
        if (m->type == PASTRY_STATE)
            walk_peers(c, m);
        break;
    case PASTRY_STORE:
        walk_id(c, m, "key", &m->key);
        walk_value(c, m);
        break;
    case PASTRY_STORED:
        walk_id(c, m, "key", &m->key);
        code_u8(c, "keep", &m->keep);
        code_require(c, m->keep <= 1);
        break;
    case PASTRY_ANNOUNCE:
        code_u32(c, "age_ms", &m->age_ms);
        break;
    case PASTRY_ACK:
    case PASTRY_PING:
    case PASTRY_PONG:
    case PASTRY_LEAVE:
        break;
    }
}

static void walk(struct codec *c, struct pastry_msg *m)
{
    uint8_t type = (uint8_t)m->type;

    code_header(c, PASTRY_MAGIC, PASTRY_VERSION, &type, PASTRY_STORED);
    m->type = (enum pastry_type)type;
    code_u8(c, "digit_bits", &m->digit_bits);
    code_minor(c);
    code_u8(c, "digits", &m->digits);
    code_minor(c);
    code_require(c, m->digit_bits >= 1 && m->digit_bits <= 4 &&
                        m->digits >= 1 && m->digit_bits * m->digits <= ID_BITS);
    code_u8(c, "active", &m->active);
    code_minor(c);
    code_require(c, m->active <= 1);
    walk_id(c, m, "sender", &m->sender);
    code_minor(c);
    code_u32(c, "request", &m->request);
    code_minor(c);
    if (!c->bad)
        walk_body(c, m);
}

void pastry_msg_clear(struct pastry_msg *m)
{
    memset(m, 0, offsetof(struct pastry_msg, path));
    m->count = 0;
}

size_t pastry_encode(struct pastry_msg *m, uint8_t out[DATAGRAM_MAX])
{
    struct codec c = codec_writer(out, DATAGRAM_MAX);

    walk(&c, m);
    return c.bad ? 0 : c.at;
}

bool pastry_decode(struct pastry_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    pastry_msg_clear(m);
    walk(&c, m);
    return !c.bad && c.at == len;
}

void pastry_describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    struct pastry_msg m;
    struct codec c = codec_describer(data, len, f);

    (void)framing; /* datagrams only */
    pastry_msg_clear(&m);
    walk(&c, &m);
    code_described(&c, pastry_type_name(m.type));
}

const char *pastry_type_name(enum pastry_type type)
{
    static const char *const names[] = {
        [PASTRY_ROUTE] = "ROUTE",     [PASTRY_ACK] = "ACK",
        [PASTRY_REACHED] = "REACHED", [PASTRY_GET] = "GET",
        [PASTRY_STATE] = "STATE",     [PASTRY_PING] = "PING",
        [PASTRY_PONG] = "PONG",       [PASTRY_ANNOUNCE] = "ANNOUNCE",
        [PASTRY_LEAVE] = "LEAVE",     [PASTRY_STORE] = "STORE",
        [PASTRY_STORED] = "STORED"};

    return type >= PASTRY_ROUTE && type <= PASTRY_STORED ? names[type] : NULL;
}
