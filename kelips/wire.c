/*
 * Bytes <-> messages, and their description field by field.
 *
 * walk() names every field of every message in order.  Over a writing codec
 * it is the encoder, over a reading one the decoder, over one that has
 * `fields` it describes.  Numbers are big-endian.  Entries stand at the end
 * of a message and are as many as fit what is left of it.
 */
#include "kelips/wire.h"

#include <string.h>

uint16_t kelips_group(const struct id *id, uint32_t groups)
{
    uint64_t rest = 0;

    for (unsigned i = 0; i < ID_WORDS; i++)
        rest = (rest << 32 | id->word[i]) % groups;
    return (uint16_t)rest;
}

/* 40 bytes; an entry that is in the wrong group is a lie, or of another k. */
static void walk_entry(struct codec *c, struct kelips_entry *e, uint16_t groups)
{
    uint8_t kind = e->kind;
    uint16_t spare = 0;
    uint8_t spare2 = 0;
    size_t kind_at = c->at;

    code_u8(c, "kind", &kind);
    code_minor(c);
    code_require(c, kind <= KELIPS_TUPLE);
    e->kind = kind;
    code_u16(c, "group", &e->group);
    code_minor(c);
    code_addr(c, kind == KELIPS_TUPLE ? "home" : "node", &e->addr);
    code_u32(c, "heartbeat", &e->heartbeat);
    code_minor(c);
    code_u32(c, "age_ms", &e->age_ms);
    code_minor(c);
    code_id(c, kind == KELIPS_TUPLE ? "key" : "id", &e->id, ID_BITS);
    code_minor(c);
    code_u16(c, "spare", &spare);
    code_minor(c);
    code_u8(c, "spare", &spare2);
    code_minor(c);
    code_require(c, spare == 0 && spare2 == 0);
    if (!c->bad)
        code_require(c, e->group == kelips_group(&e->id, groups) &&
                            c->at - kind_at == ENTRY_BYTES);
}

static void walk_entries(struct codec *c, struct kelips_msg *m)
{
    if (c->in != NULL && !c->bad) {
        size_t rest = c->len - c->at;
        code_require(c, rest % ENTRY_BYTES == 0 &&
                            rest / ENTRY_BYTES <= ENTRIES_MAX);
        m->count = (uint8_t)(rest / ENTRY_BYTES);
    }
    code_begin(c, FIELD_LIST, "entries");
    for (unsigned i = 0; i < m->count && !c->bad; i++) {
        code_begin(c, FIELD_GROUP, "");
        walk_entry(c, &m->entry[i], m->groups);
        code_end(c);
    }
    code_end(c);
}

static void walk_value(struct codec *c, struct kelips_msg *m)
{
    code_u16(c, "value_len", &m->value_len);
    code_minor(c);
    code_require(c, m->value_len <= VALUE_MAX);
    code_data(c, "value", FIELD_TEXT, &m->value, m->value_len);
}

/* The name that the key is the hash of, where it has one: for people. */
static void walk_name(struct codec *c, struct kelips_msg *m)
{
    code_u8(c, "name_len", &m->name_len);
    code_minor(c);
    code_require(c, m->name_len <= KEY_NAME_MAX);
    code_data(c, "name", FIELD_TEXT, &m->name, m->name_len);
}

static void walk_insert(struct codec *c, struct kelips_msg *m)
{
    code_u8(c, "assign", &m->assign);
    code_minor(c);
    code_require(c, m->assign <= 1);
    code_addr(c, "origin", &m->origin);
    code_minor(c);
    walk_name(c, m);
    walk_value(c, m);
    walk_entries(c, m);
    code_require(c, m->count == 1);
}

static void walk_body(struct codec *c, struct kelips_msg *m)
{
    if (m->type != KELIPS_GOSSIP) {
        code_u32(c, "request", &m->request);
        code_minor(c);
    }
    switch (m->type) {
    case KELIPS_JOIN:
    case KELIPS_PING:
    case KELIPS_PONG:
        break;
    case KELIPS_WELCOME:
    case KELIPS_GOSSIP:
        walk_entries(c, m);
        break;
    case KELIPS_LOOKUP:
    case KELIPS_FETCH:
        code_id(c, "key", &m->key, ID_BITS);
        code_minor(c);
        walk_name(c, m);
        break;
    case KELIPS_FOUND:
    case KELIPS_NOTHERE:
    case KELIPS_INSERTED:
        code_id(c, "key", &m->key, ID_BITS);
        code_minor(c);
        walk_entries(c, m);
        break;
    case KELIPS_GET_CONTACT:
    case KELIPS_CONTACTS:
        code_u16(c, "group", &m->group);
        code_require(c, m->group < m->groups);
        if (m->type == KELIPS_CONTACTS)
            walk_entries(c, m);
        break;
    case KELIPS_INSERT:
        walk_insert(c, m);
        break;
    case KELIPS_DATA:
        code_id(c, "key", &m->key, ID_BITS);
        code_minor(c);
        code_u8(c, "found", &m->found);
        code_require(c, m->found <= 1);
        walk_value(c, m);
        break;
    }
}

static void walk(struct codec *c, struct kelips_msg *m)
{
    uint8_t type = (uint8_t)m->type;

    code_header(c, KELIPS_MAGIC, KELIPS_VERSION, &type, KELIPS_PONG);
    m->type = (enum kelips_type)type;
    code_u16(c, "groups", &m->groups);
    code_minor(c);
    code_require(c, m->groups >= 1 && m->groups <= GROUPS_MAX);
    code_u32(c, "beat", &m->heartbeat);
    code_minor(c);
    code_id(c, "sender", &m->sender, ID_BITS);
    code_minor(c);
    if (!c->bad)
        walk_body(c, m);
}

void kelips_msg_clear(struct kelips_msg *m)
{
    memset(m, 0, offsetof(struct kelips_msg, entry));
}

size_t kelips_encode(struct kelips_msg *m, uint8_t out[DATAGRAM_MAX])
{
    struct codec c = codec_writer(out, DATAGRAM_MAX);

    walk(&c, m);
    return c.bad ? 0 : c.at;
}

bool kelips_decode(struct kelips_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    kelips_msg_clear(m);
    walk(&c, m);
    return !c.bad && c.at == len;
}

void kelips_describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    struct kelips_msg m;
    struct codec c = codec_describer(data, len, f);

    (void)framing; /* datagrams only */
    kelips_msg_clear(&m);
    walk(&c, &m);
    code_described(&c, kelips_type_name(m.type));
}

const char *kelips_type_name(enum kelips_type type)
{
    static const char *const names[] = {[KELIPS_JOIN] = "JOIN",
                                        [KELIPS_WELCOME] = "WELCOME",
                                        [KELIPS_GOSSIP] = "GOSSIP",
                                        [KELIPS_LOOKUP] = "LOOKUP",
                                        [KELIPS_FOUND] = "FOUND",
                                        [KELIPS_NOTHERE] = "NOTHERE",
                                        [KELIPS_GET_CONTACT] = "GET_CONTACT",
                                        [KELIPS_CONTACTS] = "CONTACTS",
                                        [KELIPS_INSERT] = "INSERT",
                                        [KELIPS_INSERTED] = "INSERTED",
                                        [KELIPS_FETCH] = "FETCH",
                                        [KELIPS_DATA] = "DATA",
                                        [KELIPS_PING] = "PING",
                                        [KELIPS_PONG] = "PONG"};

    return type >= KELIPS_JOIN && type <= KELIPS_PONG ? names[type] : NULL;
}
