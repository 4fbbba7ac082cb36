/*
 * A Chord node against any list of events (node_fuzz.h): its tables must be
 * in order after each, and its messages must decode.
 */
#include "chord/node.h"
#include "tests/fuzz/node_fuzz.h"

/* -- What must hold ------------------------------------------------------- */

static void check_item(const struct item *i)
{
    struct item_view a = chord_item_view_of(i);

    MUST(a.name_len <= KEY_NAME_MAX && a.value_len <= VALUE_MAX);
    if (i->next == NULL)
        return;
    struct item_view b = chord_item_view_of(i->next);
    int order = id_compare(&a.key, &b.key);
    size_t common = a.name_len < b.name_len ? a.name_len : b.name_len;
    MUST(order <= 0);
    if (order == 0) { /* no name twice */
        MUST(a.name_len != b.name_len || memcmp(a.name, b.name, common) != 0);
    }
}

static void check_member(const struct chord *c, const struct member *n)
{
    unsigned items = 0;

    MUST(n->succ_count <= (unsigned)setting(c->settings, OPT_SUCCESSORS));
    for (unsigned i = 0; i < n->succ_count; i++) /* [zave17]: never itself */
        MUST(!peer_none(&n->succ[i]) &&
             (setting(c->settings, OPT_VARIANT) == VARIANT_ORIGINAL ||
              !id_equal(&n->succ[i].id, &n->id)));
    MUST(n->finger_count < c->bits);
    for (unsigned i = 0; i < n->finger_count; i++)
        MUST(chord_finger_first(c, n, i) < c->bits &&
             chord_finger_first(c, n, i) >
                 (i > 0 ? chord_finger_first(c, n, i - 1) : 0));
    for (const struct item *i = n->items; i != NULL; i = i->next, items++)
        check_item(i);
    MUST(items == n->item_count && items <= ITEMS_MAX);
}

static void check(struct fake *f)
{
    const struct chord *c = f->host.node;
    unsigned count = 0;

    for (const struct request *r = c->requests; r != NULL; r = r->next, count++)
        MUST(r->vnode < c->member_count);
    MUST(count == c->request_count && count <= REQUESTS_MAX);
    for (const struct request *r = c->requests; r != NULL && count <= 16;
         r = r->next) /* no two have one number */
        MUST(chord_request_find(c, r->id) == r);
    for (unsigned i = 0; i < c->member_count; i++)
        check_member(c, &c->member[i]);
}

static void sent(struct fake *f, const uint8_t *data, size_t len)
{
    static struct chord_msg m;

    (void)f;
    MUST(chord_decode(&m, data, len));
}

/* -- Messages --------------------------------------------------------------- */

/* Ids of a small set that holds those of the peers. */
static struct id any_id(const struct fake *f, uint8_t i)
{
    const struct chord *c = f->host.node;

    return i % 16 == 0 ? c->member[0].id : id_hash(&i, 1, c->bits);
}

static struct peer any_peer(const struct fake *f, struct input *in)
{
    uint8_t i = u8(in);
    struct addr a = any_addr(f, i);

    return (struct peer){
        .id = any_id(f, i & 31), .ip = a.ip, .port = a.port, .vnode = i / 64};
}

static void fill_lists(struct fake *f, struct input *in, struct chord_msg *m)
{
    static const uint8_t bytes[] = "a name and a value, both of them lent";

    m->path_count = u8(in) % 6;
    for (unsigned i = 0; i < m->path_count; i++)
        m->path[i] = any_addr(f, u8(in));
    m->avoid_count = u8(in) % 4;
    for (unsigned i = 0; i < m->avoid_count; i++)
        m->avoid[i] = any_id(f, u8(in));
    m->list_count = u8(in) % 6;
    m->run_count = m->list_count;
    for (unsigned i = 0; i < m->list_count; i++) {
        m->list[i] = any_peer(f, in);
        m->first[i] = u8(in) % m->bits;
    }
    m->item_count = u8(in) % 4;
    for (unsigned i = 0; i < 4; i++)
        m->item[i] = (struct item_view){.key = any_id(f, u8(in)),
                                        .name = bytes,
                                        .name_len = u8(in) % 8,
                                        .value = bytes + 8,
                                        .value_len = u8(in) % 16,
                                        .version = u8(in),
                                        .deleted = u8(in) & 1};
}

/* A well-formed message, as an answer to one that the node sent, or not. */
static size_t make(struct fake *f, struct input *in, conn_id conn,
                   struct addr *from_addr, uint8_t *out)
{
    static struct chord_msg m;
    const struct chord *c = f->host.node;
    uint8_t which = u8(in);
    const struct sent *asked = &f->sent[which % SENT_MAX];
    struct peer from = any_peer(f, in);

    (void)conn; /* Chord speaks UDP only */
    *from_addr = peer_addr(&from);
    chord_msg_clear(&m);
    m.type = (enum chord_type)(CHORD_FIND_SUCC + u8(in) % CHORD_LEAVE_ACK);
    m.bits = c->bits;
    m.to_vnode = u8(in) % c->member_count;
    m.from_vnode = (uint8_t)from.vnode;
    m.sender = from.id;
    m.request = u16(in);
    if (which < 224 && asked->len >= 13) {
        m.request = (uint32_t)asked->data[9] << 24 |
                    (uint32_t)asked->data[10] << 16 |
                    (uint32_t)asked->data[11] << 8 | asked->data[12];
        *from_addr = asked->to;
        m.from_vnode = asked->data[7];
        m.to_vnode = asked->data[8] % c->member_count;
    }
    m.key = any_id(f, u8(in));
    m.flags = u8(in) & FIND_FLAGS;
    m.status = u8(in) % (FOUND_DEAD_END + 1);
    m.role = u8(in) & 1;
    m.hops = (uint16_t)u16(in);
    m.origin = any_peer(f, in);
    m.previous = any_id(f, u8(in));
    m.peer = any_peer(f, in);
    m.from = any_id(f, u8(in));
    m.to = any_id(f, u8(in));
    m.checksum = u8(in);
    m.back = u8(in);
    m.same = u8(in) & 1;
    m.copies = u8(in);
    fill_lists(f, in, &m);
    return chord_encode(&m, out);
}

/* The settings that decide which code runs. */
static void configure(struct settings *s, struct input *in)
{
    static const uint8_t bits[] = {7, 3, 32, 160};
    uint8_t a = u8(in), b = u8(in);

    s->value[OPT_BITS] = bits[a % 4];
    s->value[OPT_VARIANT] = a >> 2 & 1;
    s->value[OPT_JOIN] = a >> 3 & 1;
    s->value[OPT_MODE] = a >> 4 & 1;
    s->value[OPT_RULE] = a >> 5 & 1;
    s->value[OPT_PLACEMENT] = a >> 6 & 1;
    s->value[OPT_VNODES] = 1 + b % 3;
    s->value[OPT_SUCCESSORS] = 1 + b / 4 % 4;
    s->value[OPT_REPLICAS] = b / 16 % 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const commands[] = {
        "lookup 42",     "lookup name:a",  "put a b", "put 7 some text",
        "get a",         "get 7",          "del a",   "show",
        "lookup 0xffff", "put abcdefgh 1", NULL};
    static const struct fuzz_node target = {.protocol = &chord_protocol,
                                            .configure = configure,
                                            .check = check,
                                            .craft = make,
                                            .sent = sent,
                                            .commands = commands};

    return fuzz_node(&target, data, len);
}
