/*
 * A Pastry node against any list of events (node_fuzz.h): its tables must be
 * in order and within their bounds after each, and its messages must decode.
 */
#include "pastry/node.h"
#include "tests/fuzz/node_fuzz.h"

/* A leaf set is in order of the way to each leaf, on its side. */
static void check_side(const struct pastry *n, const struct peer *list,
                       unsigned count, bool high)
{
    struct id before = id_of(0);

    MUST(count <= pastry_half(n));
    for (unsigned i = 0; i < count; i++) {
        struct id way =
            high ? id_distance(*PEER_ID(&list[i]), n->id, pastry_bits(n))
                 : id_distance(n->id, *PEER_ID(&list[i]), pastry_bits(n));
        MUST(id_compare(&before, &way) < 0);
        before = way;
    }
}

/* Rows and columns ascend, so no cell is there twice. */
static void check_entries(const struct pastry *n)
{
    unsigned last = 0;

    MUST(n->entry_count <= n->entry_cap && n->entry_count <= ENTRIES_MAX);
    for (unsigned i = 0; i < n->entry_count; i++) {
        unsigned r = pastry_shared(n, &n->id, PEER_ID(&n->entry[i]));
        MUST(r < n->digits);
        unsigned place = 1 + r * 16 + pastry_digit(n, PEER_ID(&n->entry[i]), r);
        MUST(place > last);
        last = place;
    }
}

static void check(struct fake *f)
{
    const struct pastry *n = f->host.node;
    unsigned requests = 0, items = 0;

    check_side(n, n->low, n->low_count, false);
    check_side(n, n->high, n->high_count, true);
    check_entries(n);
    MUST(n->near_count <= setting(n->settings, OPT_NEIGHBOURS));
    for (unsigned i = 1; i < n->near_count; i++)
        MUST(n->near[i - 1].rtt > 0);
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        requests++;
    for (const struct item *i = n->items; i != NULL; i = i->next, items++)
        MUST(i->next == NULL || id_compare(&i->key, &i->next->key) < 0);
    MUST(requests == n->request_count && requests <= REQUESTS_MAX);
    MUST(items == n->item_count && items <= ITEMS_MAX);
    MUST(n->grave_count <= GRAVES_MAX);
}

static void sent(struct fake *f, const uint8_t *data, size_t len)
{
    static struct pastry_msg m;

    (void)f;
    MUST(pastry_decode(&m, data, len));
}

static struct id some_id(const struct pastry *n, struct input *in)
{
    uint64_t word = u8(in);

    return id_distance(id_of(word << (u8(in) % 56)), id_of(0), pastry_bits(n));
}

/* Often an answer to the newest open request. */
static size_t craft_message(struct fake *f, struct input *in, conn_id conn,
                            struct addr *from, uint8_t out[CRAFTED_MAX])
{
    static struct pastry_msg m;
    const struct pastry *n = f->host.node;
    const struct request *r = n->requests;

    (void)conn;
    pastry_begin(n, (enum pastry_type)(PASTRY_ROUTE + u8(in) % PASTRY_STORED),
                 &m);
    m.active = u8(in) % 4 != 0;
    m.sender = some_id(n, in);
    *from = (struct addr){0x0a000000 + u8(in) % 64, 7000};
    while (r != NULL && r->next != NULL)
        r = r->next;
    if (r != NULL && u8(in) % 4 != 0) {
        m.request = r->id;
        if (r->peer.addr.port != 0) /* a command's request is to nobody */
            *from = r->peer.addr;
    }
    m.purpose = u8(in) % 4;
    m.key = some_id(n, in);
    m.origin = (struct pastry_peer){some_id(n, in), *from};
    m.origin_request = r != NULL ? r->id : u8(in);
    m.found = u8(in) & 1;
    m.version = u8(in);
    m.value = (const uint8_t *)"a value of a name";
    m.value_len = u8(in) % 18;
    m.part = m.type == PASTRY_GET ? u8(in) % 3 : u8(in) % 5;
    m.row = u8(in) % n->digits;
    m.hops = u8(in) % (HOPS_MAX + 1);
    for (unsigned i = 0; i < m.hops; i++)
        m.path[i] = (struct addr){0x0a000000 + u8(in) % 64, 7000};
    m.count = u8(in) % (PEERS_MAX + 1);
    for (unsigned i = 0; i < m.count; i++) {
        m.peer[i].id = some_id(n, in);
        m.peer[i].addr = (struct addr){0x0a000000 + u8(in) % 64, 7000};
    }
    uint8_t bytes[DATAGRAM_MAX];
    size_t len = pastry_encode(&m, bytes);
    memcpy(out, bytes, len);
    return len;
}

static void configure(struct settings *s, struct input *in)
{
    uint8_t a = u8(in), b = u8(in);

    s->value[OPT_BASE] = a % 4;
    s->value[OPT_DIGITS] = 2 + (a >> 2) % 7;
    s->value[OPT_LEAFSET] = 2 + b % 8;
    s->value[OPT_NEIGHBOURS] = (b >> 3) % 5;
    s->value[OPT_PROXIMITY] = b >> 6 & 1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const commands[] = {
        "lookup 42", "lookup a", "put b some text", "put 7 text",
        "get a",     "get 7",    "get nobody",      "show",
        "lookup 0x", NULL};
    static const struct fuzz_node target = {.protocol = &pastry_protocol,
                                            .configure = configure,
                                            .check = check,
                                            .craft = craft_message,
                                            .sent = sent,
                                            .commands = commands};

    return fuzz_node(&target, data, len);
}
