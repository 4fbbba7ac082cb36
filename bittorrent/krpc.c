/* KRPC messages; see krpc.h. */
#include "bittorrent/krpc.h"

#include "bittorrent/trackwire.h"

static const char *const methods[] = {"ping", "find_node", "get_peers",
                                      "announce_peer"};

void krpc_read_node(const uint8_t in[KRPC_NODE_BYTES], struct id *id,
                    struct addr *addr)
{
    (void)id_read(id, ID_BITS_MAX, in);
    *addr = compact_read(in + INFOHASH_BYTES);
}

void krpc_write_node(const struct id *id, struct addr addr,
                     uint8_t out[KRPC_NODE_BYTES])
{
    id_write(id, ID_BITS_MAX, out);
    compact_write(addr, out + INFOHASH_BYTES);
}

/* -- Reading ------------------------------------------------------------- */

static bool find_id(const struct bencode *dict, const char *key, struct id *id)
{
    struct bencode v;

    return bencode_find(dict, key, BENCODE_STRING, &v) &&
           v.text_len == INFOHASH_BYTES && id_read(id, ID_BITS_MAX, v.text);
}

static void find_bytes(const struct bencode *dict, const char *key,
                       const uint8_t **bytes, size_t *len)
{
    struct bencode v;

    *len = 0;
    if (bencode_find(dict, key, BENCODE_STRING, &v)) {
        *bytes = v.text;
        *len = v.text_len;
    }
}

static int read_query(struct krpc *m, const struct bencode *top)
{
    struct bencode method, args;

    m->method = KRPC_UNKNOWN;
    if (!bencode_find(top, "q", BENCODE_STRING, &method) ||
        !bencode_find(top, "a", BENCODE_DICT, &args) ||
        !find_id(&args, "id", &m->id))
        return ERR_MALFORMED;
    for (int i = KRPC_PING; i < KRPC_UNKNOWN; i++)
        if (bencode_is(&method, methods[i]))
            m->method = (enum krpc_method)i;
    /* Of unknown methods too: they are answered like find_node. */
    m->has_target = find_id(&args, "info_hash", &m->target) ||
                    find_id(&args, "target", &m->target);
    if (m->method != KRPC_PING && m->method != KRPC_UNKNOWN && !m->has_target)
        return ERR_MALFORMED;
    m->read_only = bencode_number(top, "ro", 0) == 1;
    if (m->method != KRPC_ANNOUNCE_PEER)
        return 0;
    int64_t port = bencode_number(&args, "port", 0);
    m->implied_port = bencode_number(&args, "implied_port", 0) != 0;
    m->port = (uint16_t)port;
    find_bytes(&args, "token", &m->token, &m->token_len);
    return m->implied_port || (port > 0 && port <= UINT16_MAX) ? 0
                                                               : ERR_MALFORMED;
}

static int read_reply(struct krpc *m, const struct bencode *top)
{
    struct bencode r;

    if (!bencode_find(top, "r", BENCODE_DICT, &r) || !find_id(&r, "id", &m->id))
        return ERR_MALFORMED;
    find_bytes(&r, "nodes", &m->nodes, &m->nodes_len);
    m->nodes_len -= m->nodes_len % KRPC_NODE_BYTES;
    find_bytes(&r, "token", &m->token, &m->token_len);
    (void)bencode_find(&r, "values", BENCODE_LIST, &m->values);
    return 0;
}

int krpc_read(struct krpc *m, const uint8_t *data, size_t len)
{
    struct bencode top, kind;

    *m = (struct krpc){.t_len = 0};
    if (len > DHT_DATAGRAM_MAX + 600 || /* nobody needs longer ones */
        bencode_read(&top, data, len, BENCODE_LOOSE) <= 0 ||
        top.kind != BENCODE_DICT ||
        !bencode_find(&top, "y", BENCODE_STRING, &kind))
        return ERR_MALFORMED;
    find_bytes(&top, "t", &m->t, &m->t_len);
    if (m->t_len == 0 || m->t_len > DHT_TRANSACTION_MAX) {
        m->t_len = 0;
        return ERR_MALFORMED;
    }
    if (bencode_is(&kind, "q"))
        return read_query(m, &top);
    size_t t_len = m->t_len;
    m->t_len = 0; /* what is no query gets no answer */
    if (bencode_is(&kind, "r")) {
        m->kind = KRPC_REPLY;
        if (read_reply(m, &top) < 0)
            return ERR_MALFORMED;
    } else if (bencode_is(&kind, "e")) {
        m->kind = KRPC_ERROR;
    } else {
        return ERR_MALFORMED;
    }
    m->t_len = t_len;
    return 0;
}

/* -- Writing ------------------------------------------------------------- */

static void put_id(struct bencode_writer *w, const char *key,
                   const struct id *id)
{
    uint8_t bytes[INFOHASH_BYTES];

    id_write(id, ID_BITS_MAX, bytes);
    bencode_put_text(w, key);
    bencode_put_bytes(w, bytes, sizeof bytes);
}

/* Keys in ascending order, here and below. */
static void put_query(struct bencode_writer *w, const struct krpc *m)
{
    bencode_put_text(w, "a");
    bencode_put_dict(w);
    put_id(w, "id", &m->id);
    if (m->method == KRPC_ANNOUNCE_PEER) {
        bencode_put_text(w, "implied_port");
        bencode_put_number(w, m->implied_port);
    }
    if (m->method == KRPC_FIND_NODE)
        put_id(w, "target", &m->target);
    else if (m->method != KRPC_PING)
        put_id(w, "info_hash", &m->target);
    if (m->method == KRPC_ANNOUNCE_PEER) {
        bencode_put_text(w, "port");
        bencode_put_number(w, m->port);
        bencode_put_text(w, "token");
        bencode_put_bytes(w, m->token, m->token_len);
    }
    bencode_put_end(w);
    bencode_put_text(w, "q");
    bencode_put_text(w, methods[m->method]);
}

static void put_reply(struct bencode_writer *w, const struct krpc *m)
{
    uint8_t compact[COMPACT_BYTES];

    compact_write(m->ip, compact);
    bencode_put_text(w, "ip");
    bencode_put_bytes(w, compact, sizeof compact);
    bencode_put_text(w, "r");
    bencode_put_dict(w);
    put_id(w, "id", &m->id);
    if (m->nodes != NULL) {
        bencode_put_text(w, "nodes");
        bencode_put_bytes(w, m->nodes, m->nodes_len);
    }
    if (m->token_len > 0) {
        bencode_put_text(w, "token");
        bencode_put_bytes(w, m->token, m->token_len);
    }
    if (m->value_count > 0) {
        bencode_put_text(w, "values");
        bencode_put_list(w);
        for (size_t i = 0; i < m->value_count; i++) {
            compact_write(m->value[i], compact);
            bencode_put_bytes(w, compact, sizeof compact);
        }
        bencode_put_end(w);
    }
    bencode_put_end(w);
}

static void put_error(struct bencode_writer *w, const struct krpc *m)
{
    bencode_put_text(w, "e");
    bencode_put_list(w);
    bencode_put_number(w, m->error);
    bencode_put_text(w, m->error_text);
    bencode_put_end(w);
}

size_t krpc_write(const struct krpc *m, uint8_t out[DHT_DATAGRAM_MAX])
{
    static const char *const kinds[] = {"q", "r", "e"};
    struct bencode_writer w = {out, 0, DHT_DATAGRAM_MAX, false};

    bencode_put_dict(&w);
    if (m->kind == KRPC_QUERY)
        put_query(&w, m);
    else if (m->kind == KRPC_REPLY)
        put_reply(&w, m);
    else
        put_error(&w, m);
    bencode_put_text(&w, "t");
    bencode_put_bytes(&w, m->t, m->t_len);
    bencode_put_text(&w, "y");
    bencode_put_text(&w, kinds[m->kind]);
    bencode_put_end(&w);
    return w.bad ? 0 : w.at;
}

/* -- Describing ---------------------------------------------------------- */

/* Minor: what a line of the trace can do without. */
static const struct bencode_name names[] = {
    {"a", "args", FORM_PLAIN, true},
    {"r", "reply", FORM_PLAIN, true},
    {"q", "query", FORM_PLAIN, true},
    {"e", "error", FORM_PLAIN, false},
    {"t", "transaction", FORM_PLAIN, true},
    {"y", "kind", FORM_PLAIN, true},
    {"v", "version", FORM_PLAIN, true},
    {"ip", "your_addr", FORM_PEERS, true},
    {"id", "id", FORM_ID, true},
    {"target", "target", FORM_ID, false},
    {"info_hash", "info_hash", FORM_ID, false},
    {"nodes", "nodes", FORM_NODE, false},
    {"values", "values", FORM_PEERS, false},
    {"token", "token", FORM_PLAIN, true},
    {"port", "port", FORM_PLAIN, false},
    {"implied_port", "implied_port", FORM_PLAIN, true},
    {"ro", "read_only", FORM_PLAIN, true},
    {"bs", "bootstrap", FORM_PLAIN, true},
    {"p", "your_port", FORM_PLAIN, true},
    {"want", "want", FORM_PLAIN, true},
    {NULL, NULL, FORM_PLAIN, false}};

void krpc_describe(const uint8_t *data, size_t len, struct fields *f)
{
    static const char *const types[] = {"PING", "FIND_NODE", "GET_PEERS",
                                        "ANNOUNCE_PEER", "QUERY"};
    struct krpc m;
    size_t used = bencode_describe(f, data, 0, len, names);

    if (used > 0 && krpc_read(&m, data, len) == 0)
        f->type = m.kind == KRPC_QUERY            ? types[m.method]
                  : m.kind == KRPC_ERROR          ? "ERROR"
                  : m.values.kind != BENCODE_NONE ? "PEERS"
                  : m.nodes != NULL               ? "NODES"
                                                  : "REPLY";
    fields_undecoded(f, used, len);
}
