/*
 * Bytes <-> messages, and their description field by field.
 *
 * walk() names every field of every message in order.  Over a writing codec
 * it is the encoder, over a reading one the decoder, over one that has
 * `fields` it describes: so the three agree by construction.  Numbers are
 * big-endian; an id takes as few bytes as `bits` need.
 */
#include "chord/wire.h"

#include <assert.h>
#include <string.h>

static void walk_peer(struct codec *c, const char *name, const char *id_name,
                      const char *vnode_name, struct peer *p, unsigned bits)
{
    struct addr addr = peer_addr(p);
    uint8_t vnode = (uint8_t)p->vnode;

    code_addr(c, name, &addr);
    code_id(c, id_name, &p->id, bits);
    code_minor(c);
    code_u8(c, vnode_name, &vnode);
    code_minor(c);
    p->ip = addr.ip;
    p->port = addr.port;
    p->vnode = vnode;
}

static void walk_count(struct codec *c, const char *name, uint8_t *count,
                       unsigned max)
{
    code_u8(c, name, count);
    code_minor(c);
    code_require(c, *count <= max);
}

static void walk_path(struct codec *c, struct chord_msg *m)
{
    walk_count(c, "path_count", &m->path_count, PATH_MAX_NODES);
    code_begin(c, FIELD_LIST, "path");
    for (unsigned i = 0; i < m->path_count && !c->bad; i++)
        code_addr(c, "", &m->path[i]);
    code_end(c);
}

static void walk_avoid(struct codec *c, struct chord_msg *m)
{
    walk_count(c, "avoid_count", &m->avoid_count, AVOID_MAX);
    code_begin(c, FIELD_LIST, "avoid");
    for (unsigned i = 0; i < m->avoid_count && !c->bad; i++)
        code_id(c, "", &m->avoid[i], m->bits);
    code_end(c);
}

static void walk_list(struct codec *c, struct chord_msg *m)
{
    walk_count(c, "list_count", &m->list_count, SUCCESSORS_MAX);
    code_begin(c, FIELD_LIST, "successors");
    for (unsigned i = 0; i < m->list_count && !c->bad; i++) {
        code_begin(c, FIELD_GROUP, "");
        walk_peer(c, "node", "id", "vnode", &m->list[i], m->bits);
        code_end(c);
    }
    code_end(c);
}

static void walk_fingers(struct codec *c, struct chord_msg *m)
{
    walk_count(c, "run_count", &m->run_count, RUNS_MAX);
    code_begin(c, FIELD_LIST, "fingers");
    for (unsigned i = 0; i < m->run_count && !c->bad; i++) {
        code_begin(c, FIELD_GROUP, "");
        code_u8(c, "from", &m->first[i]);
        code_require(c, m->first[i] < m->bits);
        walk_peer(c, "node", "id", "vnode", &m->list[i], m->bits);
        code_end(c);
    }
    code_end(c);
}

static void walk_item(struct codec *c, struct item_view *v, unsigned bits)
{
    if (c->in != NULL)
        memset(v, 0, sizeof *v);
    code_id(c, "key", &v->key, bits);
    code_u8(c, "name_len", &v->name_len);
    code_minor(c);
    code_require(c, v->name_len <= KEY_NAME_MAX);
    code_data(c, "name", FIELD_TEXT, &v->name, v->name_len);
    code_u32(c, "version", &v->version);
    code_u8(c, "deleted", &v->deleted);
    code_minor(c);
    code_require(c, v->deleted <= 1);
    code_u16(c, "value_len", &v->value_len);
    code_minor(c);
    code_require(c, v->value_len <= VALUE_MAX);
    code_data(c, "value", FIELD_TEXT, &v->value, v->value_len);
}

static void walk_find(struct codec *c, struct chord_msg *m)
{
    code_id(c, "key", &m->key, m->bits);
    code_u16(c, "hops", &m->hops);
    code_u8(c, "flags", &m->flags);
    code_minor(c);
    code_require(c, m->flags <= FIND_FLAGS);
    walk_peer(c, "origin", "origin_id", "origin_vnode", &m->origin, m->bits);
    code_id(c, "previous", &m->previous, m->bits);
    code_minor(c);
    walk_path(c, m);
    walk_avoid(c, m);
}

static void walk_found(struct codec *c, struct chord_msg *m)
{
    code_id(c, "key", &m->key, m->bits);
    code_u8(c, "status", &m->status);
    code_minor(c);
    code_require(c, m->status <= FOUND_DEAD_END);
    walk_peer(c, "owner", "owner_id", "owner_vnode", &m->peer, m->bits);
    code_u16(c, "hops", &m->hops);
    walk_path(c, m);
    walk_list(c, m);
}

static void walk_transfer(struct codec *c, struct chord_msg *m)
{
    code_id(c, "after", &m->from, m->bits);
    code_id(c, "to", &m->to, m->bits);
    code_u32(c, "checksum", &m->checksum);
    code_minor(c);
    code_u8(c, "back", &m->back);
    code_minor(c);
    walk_count(c, "item_count", &m->item_count, BATCH_MAX);
    code_begin(c, FIELD_LIST, "items");
    for (unsigned i = 0; i < m->item_count && !c->bad; i++) {
        code_begin(c, FIELD_GROUP, "");
        walk_item(c, &m->item[i], m->bits);
        code_end(c);
    }
    code_end(c);
}

static void walk_body(struct codec *c, struct chord_msg *m)
{
    switch (m->type) {
    case CHORD_FIND_SUCC:
        walk_find(c, m);
        break;
    case CHORD_FOUND:
        walk_found(c, m);
        break;
    case CHORD_NEXT:
        code_id(c, "key", &m->key, m->bits);
        walk_peer(c, "next", "next_id", "next_vnode", &m->peer, m->bits);
        break;
    case CHORD_STATE:
    case CHORD_LEAVE:
        walk_peer(c, "predecessor", "predecessor_id", "predecessor_vnode",
                  &m->peer, m->bits);
        walk_list(c, m);
        break;
    case CHORD_NOTIFY:
        code_u8(c, "role", &m->role);
        code_minor(c);
        code_require(c, m->role <= NOTIFY_SUCCESSOR);
        break;
    case CHORD_FINGERS:
        walk_fingers(c, m);
        break;
    case CHORD_VALUE:
        code_u8(c, "status", &m->status);
        code_require(c, m->status <= VALUE_FULL);
        code_u8(c, "copies", &m->copies);
        walk_item(c, &m->item[0], m->bits);
        break;
    case CHORD_PUT:
    case CHORD_GET:
    case CHORD_DEL:
        walk_item(c, &m->item[0], m->bits);
        break;
    case CHORD_TRANSFER:
        walk_transfer(c, m);
        break;
    case CHORD_TRANSFER_ACK:
        code_u8(c, "same", &m->same);
        code_require(c, m->same <= 1);
        break;
    case CHORD_GET_STATE:
    case CHORD_GET_FINGERS:
    case CHORD_PING:
    case CHORD_PONG:
    case CHORD_LEAVE_ACK:
        break;
    }
}

/* The header of every message: 13 bytes and the sender's id. */
static void walk(struct codec *c, struct chord_msg *m)
{
    uint8_t type = (uint8_t)m->type;

    code_header(c, CHORD_MAGIC, CHORD_VERSION, &type, CHORD_LEAVE_ACK);
    m->type = (enum chord_type)type;
    code_u8(c, "bits", &m->bits);
    code_minor(c);
    code_require(c, m->bits >= BITS_MIN && m->bits <= BITS_MAX);
    code_u8(c, "to_vnode", &m->to_vnode);
    code_minor(c);
    code_u8(c, "from_vnode", &m->from_vnode);
    code_minor(c);
    code_u32(c, "request", &m->request);
    code_minor(c);
    if (c->bad)
        return;
    code_id(c, "sender", &m->sender, m->bits);
    code_minor(c);
    walk_body(c, m);
}

#define TYPE_AT 5 /* behind magic and version */
#define BITS_AT 6
#define REQUEST_AT 9 /* behind bits, to_vnode and from_vnode */

size_t chord_encode(struct chord_msg *m, uint8_t out[DATAGRAM_MAX])
{
    struct codec c = codec_writer(out, DATAGRAM_MAX);

    walk(&c, m);
    return c.at;
}

enum chord_type chord_peek_type(const uint8_t *data, size_t len)
{
    assert(len >= REQUEST_AT + 4);
    return (enum chord_type)data[TYPE_AT];
}

struct addr chord_peek_origin(const uint8_t *data, size_t len)
{
    size_t at = REQUEST_AT + 4 + 2 * id_bytes(data[BITS_AT]) + 3;
    struct addr origin = {.ip = 0};

    if (at >= len)
        return origin;
    struct codec c = codec_reader(data + at, len - at);
    code_addr(&c, "origin", &origin);
    return origin;
}

uint32_t chord_peek_request(const uint8_t *data)
{
    struct codec c = codec_reader(data + REQUEST_AT, 4);
    uint32_t request = 0;

    code_u32(&c, "request", &request);
    return request;
}

void chord_poke_request(uint8_t *data, uint32_t request)
{
    struct codec c = codec_writer(data + REQUEST_AT, 4);

    code_u32(&c, "request", &request);
}

void chord_msg_clear(struct chord_msg *m)
{
    memset(m, 0, offsetof(struct chord_msg, path));
}

bool chord_decode(struct chord_msg *m, const uint8_t *data, size_t len)
{
    struct codec c = codec_reader(data, len);

    chord_msg_clear(m);
    walk(&c, m);
    return !c.bad && c.at == len;
}

void chord_describe(const struct framing *framing, const uint8_t *data,
                    size_t len, struct fields *f)
{
    struct chord_msg m;
    struct codec c = codec_describer(data, len, f);

    (void)framing; /* datagrams only */
    chord_msg_clear(&m);
    walk(&c, &m);
    code_described(&c, chord_type_name(m.type));
}

const char *chord_type_name(enum chord_type type)
{
    static const char *const names[] = {
        [CHORD_FIND_SUCC] = "FIND_SUCC",
        [CHORD_FOUND] = "FOUND",
        [CHORD_NEXT] = "NEXT",
        [CHORD_GET_STATE] = "GET_STATE",
        [CHORD_STATE] = "STATE",
        [CHORD_NOTIFY] = "NOTIFY",
        [CHORD_GET_FINGERS] = "GET_FINGERS",
        [CHORD_FINGERS] = "FINGERS",
        [CHORD_PING] = "PING",
        [CHORD_PONG] = "PONG",
        [CHORD_PUT] = "PUT",
        [CHORD_GET] = "GET",
        [CHORD_DEL] = "DEL",
        [CHORD_VALUE] = "VALUE",
        [CHORD_TRANSFER] = "TRANSFER",
        [CHORD_TRANSFER_ACK] = "TRANSFER_ACK",
        [CHORD_LEAVE] = "LEAVE",
        [CHORD_LEAVE_ACK] = "LEAVE_ACK",
    };

    return type >= CHORD_FIND_SUCC && type <= CHORD_LEAVE_ACK ? names[type]
                                                              : NULL;
}

bool chord_is_answer(enum chord_type type)
{
    return type == CHORD_FOUND || type == CHORD_NEXT || type == CHORD_STATE ||
           type == CHORD_FINGERS || type == CHORD_PONG || type == CHORD_VALUE ||
           type == CHORD_TRANSFER_ACK || type == CHORD_LEAVE_ACK;
}

size_t chord_item_bytes(const struct item_view *v, unsigned bits)
{
    return id_bytes(bits) + 1 + v->name_len + 4 + 1 + 2 + v->value_len;
}
