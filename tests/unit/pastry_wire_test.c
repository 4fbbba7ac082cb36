/* Pastry's messages: every one to bytes and back, whole and broken, and a flood
   of hostile ones. */
#include <stdlib.h>

#include "common/expr.h"
#include "pastry/node.h"
#include "tests/described.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

TEST(ids_print_and_parse_as_digits)
{
    struct text t = text_new();
    struct id id;

    CHECK(id_parse(&id, pastry_id_bits(2, 8), "10233102"));
    CHECK_U64(id_low(id), 0x4bd2);
    id_text(&t, &id, pastry_id_bits(2, 8));
    CHECK_TEXT(t.data, "10233102");
    CHECK(!id_parse(&id, pastry_id_bits(2, 8), "10233104"));
    CHECK(!id_parse(&id, pastry_id_bits(2, 8), "1023310"));
    text_free(&t);
}

/* -- Messages ------------------------------------------------------------ */

static void fill(struct pastry_msg *m, enum pastry_type type)
{
    pastry_msg_clear(m);
    m->type = type;
    m->digit_bits = 4;
    m->digits = 4;
    m->active = 1;
    m->sender = id_of(0x787c);
    m->request = 0xdeadbeef;
    m->key = id_of(0x6464);
    m->purpose = FOR_PUT;
    m->origin.id = id_of(0x070d);
    m->origin.addr = (struct addr){0x7f000001, 7002};
    m->origin_request = 5;
    m->version = 2;
    m->value = (const uint8_t *)"round";
    m->value_len = 5;
    m->part = PART_ROW;
    m->row = 1;
    m->hops = 1;
    m->path[0] = m->origin.addr;
    m->count = 2;
    m->peer[0] = m->peer[1] = m->origin;
}

TEST(every_message_survives_and_no_prefix_of_it_does)
{
    for (enum pastry_type type = PASTRY_ROUTE; type <= PASTRY_STORED; type++) {
        struct pastry_msg m, back;
        uint8_t bytes[DATAGRAM_MAX], again[DATAGRAM_MAX];
        struct fields f = fields_new();

        fill(&m, type);
        size_t len = pastry_encode(&m, bytes);
        CHECK(len >= HEADER_BYTES);
        CHECK(pastry_decode(&back, bytes, len));
        CHECK_U64(pastry_encode(&back, again), len);
        CHECK(memcmp(bytes, again, len) == 0);
        pastry_describe(NULL, bytes, len, &f);
        CHECK(fields_cover(&f, len));
        CHECK(fields_unknown(&f, &pastry_protocol, false) == NULL);
        CHECK_TEXT(f.type, pastry_type_name(type));
        fields_free(&f);
        for (size_t cut = 0; cut < len; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1);
            memcpy(exact, bytes, cut);
            CHECK(!pastry_decode(&back, exact, cut));
            free(exact);
        }
        CHECK(!pastry_decode(&back, bytes, len + 1));
    }
}

TEST(a_ping_is_these_bytes)
{
    static const uint8_t wanted[HEADER_BYTES] = {
        'P', 'S', 'T', 'R', 1, 6, 4, 4, 1,    0,    0,    0,    0,    0,   0,
        0,   0,   0,   0,   0, 0, 0, 0, 0x78, 0x7c, 0xde, 0xad, 0xbe, 0xef};
    struct pastry_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    fill(&m, PASTRY_PING);
    CHECK_U64(pastry_encode(&m, bytes), HEADER_BYTES);
    CHECK(memcmp(bytes, wanted, sizeof wanted) == 0);
}

TEST(the_longest_messages_fit_a_datagram)
{
    static uint8_t value[VALUE_MAX];
    struct pastry_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    fill(&m, PASTRY_ROUTE);
    m.hops = HOPS_MAX;
    m.value = value;
    m.value_len = VALUE_MAX;
    CHECK(pastry_encode(&m, bytes) > 0);
    fill(&m, PASTRY_STATE);
    m.count = PEERS_MAX;
    for (unsigned i = 0; i < PEERS_MAX; i++)
        m.peer[i] = m.origin;
    CHECK(pastry_encode(&m, bytes) > 0);
}

/* -- Hostile datagrams ----------------------------------------------------- */

/* Any message of this network, from made-up nodes about made-up things. */
static size_t hostile(struct random *r, uint8_t bytes[DATAGRAM_MAX])
{
    struct pastry_msg m;

    fill(&m, (enum pastry_type)(PASTRY_ROUTE + random_next(r) % PASTRY_STORED));
    m.digits = 32;
    m.active = 1;
    m.sender = id_of(random_next(r));
    m.request = (uint32_t)random_next(r);
    m.purpose = (uint8_t)(random_next(r) % (FOR_JOIN + 1));
    m.key = id_of(random_next(r));
    m.origin.id = m.key;
    m.origin.addr = (struct addr){(uint32_t)random_next(r) | 1, 7000};
    m.version = UINT32_MAX;
    m.part = (uint8_t)(random_next(r) % (PART_LAST + 1));
    m.count = PEERS_MAX;
    for (unsigned i = 0; i < m.count; i++)
        m.peer[i] = (struct pastry_peer){id_of(random_next(r)),
                                         {(uint32_t)random_next(r) | 1, 7000}};
    size_t len = pastry_encode(&m, bytes);
    if (random_next(r) % 4 == 0) /* broken on the way */
        bytes[random_next(r) % len] ^= (uint8_t)random_next(r);
    return random_next(r) % 8 == 0 ? (size_t)(random_next(r) % len) : len;
}

/* 10,000 datagrams in ten seconds; nobody of whom they tell ever answers, so
   nobody is in a table; the rest stays within its bounds. */
TEST(a_flood_of_lies_is_bounded_in_memory_and_work)
{
    static struct fake f;
    struct settings s = settings_new(pastry_protocol.options);
    struct random r = {.state = 3};
    uint8_t bytes[DATAGRAM_MAX];
    unsigned most = 0;

    fake_node(&f, &pastry_protocol, &s, (struct addr){0x0a000001, 7000});
    struct pastry *n = f.host.node;
    for (unsigned i = 0; i < 10000; i++) {
        struct addr from = {(uint32_t)random_next(&r) | 1, 7000};
        size_t len = hostile(&r, bytes);
        unsigned sent = fake_datagram(&f, from, bytes, len);
        most = sent > most ? sent : most;
        CHECK(pastry_peer_at(n, 0) == NULL);
        CHECK(n->request_count <= REQUESTS_MAX && n->item_count <= ITEMS_MAX);
        CHECK(n->grave_count <= GRAVES_MAX);
        fake_pass(&f, 1000);
    }
    CHECK_U64(n->item_count, ITEMS_MAX); /* the flood was one */
    CHECK(most >= 1 && most <= 4);       /* a ping, an ACK, rows, the answer */
    CHECK(f.allocated <
          ITEMS_MAX * (sizeof(struct item) + VALUE_MAX) +
              REQUESTS_MAX * (sizeof(struct request) + DATAGRAM_MAX) + 16384);
    fake_pass(&f, UINT64_C(600) * 1000000);
    CHECK(pastry_peer_at(n, 0) == NULL);
}

int main(void)
{
    RUN(ids_print_and_parse_as_digits);
    RUN(every_message_survives_and_no_prefix_of_it_does);
    RUN(a_ping_is_these_bytes);
    RUN(the_longest_messages_fit_a_datagram);
    RUN(a_flood_of_lies_is_bounded_in_memory_and_work);
    return test_end();
}
