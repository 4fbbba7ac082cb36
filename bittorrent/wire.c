/* Bytes <-> messages of the peer wire protocol; see wire.h. */
#include "bittorrent/wire.h"

#include <assert.h>
#include <string.h>

#include "bittorrent/bencode.h"
#include "bittorrent/krpc.h"
#include "bittorrent/trackwire.h"
#include "common/codec.h"
#include "common/hash.h"

static const char protocol_name[] = "BitTorrent protocol";
#define NAME_BYTES (sizeof protocol_name - 1)

/* -- The handshake ------------------------------------------------------- */

static void walk_bytes(struct codec *c, const char *name, uint8_t *bytes,
                       size_t len)
{
    const uint8_t *at = bytes;

    code_data(c, name, FIELD_BYTES, &at, len);
    if (c->in != NULL && !c->bad)
        memcpy(bytes, at, len);
}

static void walk_handshake(struct codec *c, struct handshake *s)
{
    const uint8_t *name = (const uint8_t *)protocol_name;
    uint8_t len = NAME_BYTES;

    code_u8(c, "length", &len);
    code_minor(c);
    code_require(c, len == NAME_BYTES);
    code_data(c, "protocol", FIELD_TEXT, &name, NAME_BYTES);
    code_minor(c);
    code_require(c, c->bad || memcmp(name, protocol_name, NAME_BYTES) == 0);
    code_u64(c, "reserved", &s->reserved);
    code_minor(c);
    walk_bytes(c, "infohash", s->infohash, INFOHASH_BYTES);
    walk_bytes(c, "peer_id", s->peer_id, PEER_ID_BYTES);
}

int wire_read_handshake(struct handshake *s, const uint8_t *data, size_t len)
{
    size_t name = len < NAME_BYTES + 1 ? len : NAME_BYTES + 1;
    struct codec c = codec_reader(data, HANDSHAKE_BYTES);

    if (len > 0 && (data[0] != NAME_BYTES ||
                    memcmp(data + 1, protocol_name, name - 1) != 0))
        return ERR_MALFORMED;
    if (len < HANDSHAKE_BYTES)
        return 0;
    walk_handshake(&c, s);
    return c.bad ? ERR_MALFORMED : HANDSHAKE_BYTES;
}

void wire_write_handshake(const struct handshake *s,
                          uint8_t out[HANDSHAKE_BYTES])
{
    struct handshake copy = *s;
    struct codec c = codec_writer(out, HANDSHAKE_BYTES);

    walk_handshake(&c, &copy);
    assert(!c.bad && c.at == HANDSHAKE_BYTES);
}

/* -- Messages ------------------------------------------------------------ */

static const struct {
    const char *name;
    int payload; /* bytes behind the id; -1: as many as there are */
} kinds[] = {[WIRE_CHOKE] = {"CHOKE", 0},
             [WIRE_UNCHOKE] = {"UNCHOKE", 0},
             [WIRE_INTERESTED] = {"INTERESTED", 0},
             [WIRE_NOT_INTERESTED] = {"NOT_INTERESTED", 0},
             [WIRE_HAVE] = {"HAVE", 4},
             [WIRE_BITFIELD] = {"BITFIELD", -1},
             [WIRE_REQUEST] = {"REQUEST", 12},
             [WIRE_PIECE] = {"PIECE", -1},
             [WIRE_CANCEL] = {"CANCEL", 12},
             [WIRE_PORT] = {"PORT", 2},
             [WIRE_SUGGEST] = {"SUGGEST", 4},
             [WIRE_HAVE_ALL] = {"HAVE_ALL", 0},
             [WIRE_HAVE_NONE] = {"HAVE_NONE", 0},
             [WIRE_REJECT] = {"REJECT", 12},
             [WIRE_ALLOWED_FAST] = {"ALLOWED_FAST", 4},
             [WIRE_EXTENDED] = {"EXTENDED", -1}};
#define KIND_COUNT (sizeof kinds / sizeof *kinds)

static bool is_known(uint8_t id)
{
    return id < KIND_COUNT && kinds[id].name != NULL;
}

/* What follows the length and the id. */
static void walk_payload(struct codec *c, struct wire_msg *m, size_t rest)
{
    switch (m->id) {
    case WIRE_HAVE:
    case WIRE_SUGGEST:
    case WIRE_ALLOWED_FAST:
        code_u32(c, "piece", &m->index);
        break;
    case WIRE_REQUEST:
    case WIRE_CANCEL:
    case WIRE_REJECT:
        code_u32(c, "piece", &m->index);
        code_u32(c, "begin", &m->begin);
        code_u32(c, "bytes", &m->length);
        break;
    case WIRE_PIECE:
        code_u32(c, "piece", &m->index);
        code_u32(c, "begin", &m->begin);
        break;
    case WIRE_PORT:
        code_u16(c, "port", &m->port);
        break;
    case WIRE_BITFIELD:
        m->data_len = rest;
        code_data(c, "bits", FIELD_BYTES, &m->data, rest);
        break;
    case WIRE_EXTENDED:
        code_u8(c, "extension", &m->extended);
        m->data_len = rest > 0 ? rest - 1 : 0;
        if (c->fields == NULL) /* else the caller describes it */
            code_data(c, "payload", FIELD_BYTES, &m->data, m->data_len);
        break;
    case WIRE_CHOKE:
    case WIRE_UNCHOKE:
    case WIRE_INTERESTED:
    case WIRE_NOT_INTERESTED:
    case WIRE_HAVE_ALL:
    case WIRE_HAVE_NONE:
    case WIRE_KEEP_ALIVE:
    case WIRE_UNKNOWN:
        break;
    }
}

/* The length and the id, at the front of `data`: 0 for more. */
static int read_head(struct wire_msg *m, uint32_t *length, const uint8_t *data,
                     size_t len)
{
    struct codec c = codec_reader(data, len);
    uint8_t id = 0;

    *m = (struct wire_msg){.id = WIRE_KEEP_ALIVE};
    code_u32(&c, "", length);
    if (c.bad || *length == 0)
        return c.bad ? 0 : 4;
    code_u8(&c, "", &id);
    if (c.bad)
        return *length > MESSAGE_MAX ? ERR_LIMIT : 0;
    m->id = is_known(id) ? (enum wire_id)id : WIRE_UNKNOWN;
    uint32_t payload = *length - 1;
    if (m->id == WIRE_PIECE)
        return payload < 8                     ? ERR_MALFORMED
               : payload - 8 > BLOCK_BYTES_MAX ? ERR_LIMIT
                                               : 5;
    if (*length > MESSAGE_MAX)
        return ERR_LIMIT;
    bool fixed = m->id != WIRE_UNKNOWN && kinds[m->id].payload >= 0;
    if ((fixed && payload != (uint32_t)kinds[m->id].payload) ||
        (m->id == WIRE_EXTENDED && payload == 0))
        return ERR_MALFORMED;
    return 5;
}

int wire_decode(struct wire_msg *m, const uint8_t *data, size_t len)
{
    uint32_t length = 0;
    int head = read_head(m, &length, data, len);

    if (head <= 0 || length == 0)
        return head;
    size_t need = m->id == WIRE_PIECE ? PIECE_HEAD_BYTES : 4 + (size_t)length;
    if (len < need)
        return 0;
    struct codec c = codec_reader(data, need);
    c.at = 5;
    walk_payload(&c, m, length - 1);
    if (m->id == WIRE_PIECE)
        m->length = length - 9;
    assert(!c.bad);
    return (int)need;
}

size_t wire_encode(const struct wire_msg *m, uint8_t *out, size_t room)
{
    struct wire_msg copy = *m;
    struct codec c = codec_writer(out, room);
    uint32_t length = 0;
    uint8_t id = (uint8_t)m->id;

    code_u32(&c, "", &length);
    if (m->id == WIRE_KEEP_ALIVE)
        return 4;
    code_u8(&c, "", &id);
    walk_payload(&c, &copy, m->data_len + (m->id == WIRE_EXTENDED ? 1 : 0));
    assert(!c.bad);
    length = (uint32_t)c.at - 4 + (m->id == WIRE_PIECE ? m->length : 0);
    struct codec head = codec_writer(out, 4);
    code_u32(&head, "", &length);
    return c.at;
}

/* -- Describing ---------------------------------------------------------- */

/* Of extensions' dictionaries; other keys show as themselves. */
static const struct bencode_name extension_names[] = {
    {"added", "added", FORM_PEERS, false},
    {"dropped", "dropped", FORM_PEERS, false},
    {.key = NULL}};

static void describe_message(const uint8_t *data, size_t len, struct fields *f)
{
    struct wire_msg m;
    uint32_t length = 0;
    int head = read_head(&m, &length, data, len);
    struct codec c = codec_describer(data, len, f);
    uint8_t id = 0;
    bool whole = m.id == WIRE_PIECE ? len >= PIECE_HEAD_BYTES
                                    : len == 4 + (size_t)length;

    if (head <= 0 || !whole) {
        fields_undecoded(f, 0, len);
        return;
    }
    f->type = m.id == WIRE_KEEP_ALIVE ? "KEEP_ALIVE"
              : m.id == WIRE_UNKNOWN  ? "UNKNOWN"
                                      : kinds[m.id].name;
    code_u32(&c, "length", &length);
    code_minor(&c);
    if (length == 0)
        return;
    code_u8(&c, "id", &id);
    code_minor(&c);
    walk_payload(&c, &m, length - 1);
    if (m.id == WIRE_EXTENDED)
        c.at += bencode_describe(f, data, c.at, len, extension_names);
    if (c.at == len)
        return;
    if (m.id == WIRE_UNKNOWN)
        fields_undecoded(f, c.at, len);
    else
        code_data(&c, "data", FIELD_BYTES, &m.data, len - c.at);
}

void wire_describe(const struct framing *framing, const uint8_t *data,
                   size_t len, struct fields *f)
{
    struct handshake s;
    struct codec c = codec_describer(data, len, f);

    switch (framing->phase) {
    case PHASE_HANDSHAKE:
        if (wire_read_handshake(&s, data, len) != (int)len) {
            fields_undecoded(f, 0, len);
            return;
        }
        f->type = "HANDSHAKE";
        walk_handshake(&c, &s);
        break;
    case PHASE_MESSAGES:
        describe_message(data, len, f);
        break;
    case PHASE_BULK:
        fields_bulk(f, data, len);
        break;
    case PHASE_HTTP:
        tracker_describe_http(data, len, f);
        break;
    case PHASE_DATAGRAM:
        if (len > 0 && data[0] == 'd')
            krpc_describe(data, len, f);
        else
            tracker_describe_udp(data, len, f);
        break;
    }
}

/* -- Allowed fast -------------------------------------------------------- */

size_t wire_allowed_fast(uint32_t ip, const uint8_t infohash[INFOHASH_BYTES],
                         uint32_t piece_count, uint32_t *piece, size_t k)
{
    uint8_t x[4 + INFOHASH_BYTES], digest[SHA1_BYTES];
    struct codec c = codec_writer(x, 4);
    size_t len = sizeof x, count = 0;
    uint32_t masked = ip & 0xffffff00;

    if (k > piece_count) /* [bep6] would look for more for ever */
        k = piece_count;
    code_u32(&c, "", &masked);
    memcpy(x + 4, infohash, INFOHASH_BYTES);
    while (count < k) {
        hash_sha1(digest, x, len);
        memcpy(x, digest, len = SHA1_BYTES);
        struct codec words = codec_reader(digest, SHA1_BYTES);
        for (unsigned i = 0; i < 5 && count < k; i++) {
            uint32_t y = 0;
            size_t seen = 0;
            code_u32(&words, "", &y);
            while (seen < count && piece[seen] != y % piece_count)
                seen++;
            if (seen == count)
                piece[count++] = y % piece_count;
        }
    }
    return count;
}
