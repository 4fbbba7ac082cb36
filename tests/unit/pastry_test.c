/* Pastry: the golden overlay of pastry.md 9, the lecture's ids, who is asked
   and told, and what a liar can do. */
#include "common/hash.h"
#include "common/sim.h"
#include "pastry/node.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

/* -- The mini overlay ----------------------------------------------------- */

#define COUNT 16

static struct settings settings;
static struct pastry node[COUNT];
static struct peer leaf[COUNT][4], entry[COUNT][ENTRIES_MAX];

static struct id id_of_port(unsigned port)
{
    struct addr a = {0x7f000001, (uint16_t)port};
    struct text why = text_new();
    struct id id;

    CHECK(pastry_protocol.identify(&settings, a, NULL, &id, &why));
    text_free(&why);
    return id;
}

/* In order of their ids, with the distance of ports as the round trip. */
static void overlay(void)
{
    settings = settings_new(pastry_protocol.options);
    settings.value[OPT_DIGITS] = 4;
    settings.value[OPT_LEAFSET] = 4;
    settings.value[OPT_NEIGHBOURS] = 0;
    for (unsigned i = 0; i < COUNT; i++) {
        struct pastry n = {.settings = &settings,
                           .self = {0x7f000001, (uint16_t)(7000 + i)},
                           .digit_bits = 4,
                           .digits = 4,
                           .active = true};
        unsigned at = i;
        n.id = id_of_port(7000 + i);
        for (; at > 0 && id_compare(&node[at - 1].id, &n.id) > 0; at--)
            node[at] = node[at - 1];
        node[at] = n;
    }
    for (unsigned i = 0; i < COUNT; i++) {
        struct pastry *n = &node[i];
        n->low = leaf[i];
        n->high = leaf[i] + 2;
        n->entry = entry[i];
        n->entry_cap = ENTRIES_MAX;
        for (unsigned j = 0; j < COUNT; j++) {
            int rtt = node[j].self.port - n->self.port;
            struct peer p = peer_new(&node[j].id, node[j].self,
                                     (uint64_t)(rtt < 0 ? -rtt : rtt));
            (void)pastry_insert(n, NULL, &p);
        }
    }
}

static unsigned index_of(uint64_t id)
{
    unsigned i = 0;

    while (i < COUNT && id_low(node[i].id) != id)
        i++;
    CHECK(i < COUNT);
    return i < COUNT ? i : 0;
}

static void add_ids(struct text *t, const struct peer *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (t->len > 0)
            text_char(t, ' ');
        id_text(t, PEER_ID(&list[i]), pastry_id_bits(4, 4));
    }
}

static void check_tables(uint64_t id, const char *low, const char *high,
                         const char *table)
{
    const struct pastry *n = &node[index_of(id)];
    struct text t = text_new();

    add_ids(&t, n->low, n->low_count);
    CHECK_TEXT(t.data, low);
    text_clear(&t);
    add_ids(&t, n->high, n->high_count);
    CHECK_TEXT(t.data, high);
    text_clear(&t);
    add_ids(&t, n->entry, n->entry_count);
    CHECK_TEXT(t.data, table);
    text_free(&t);
}

TEST(tables_are_those_of_the_reference)
{
    check_tables(0x070d, "fcda eca5", "0e72 1617",
                 "1617 27da 30ba 40c9 787c 9317 a301 ba54 d120 eca5 fcda 0e72");
    check_tables(0x787c, "779d 40c9", "9317 a301",
                 "070d 1617 27da 30ba 40c9 9317 a301 ba54 d120 eca5 fcda 779d");
}

/* Append "070d,787c,779d"; the hops of the way. */
static unsigned add_path(struct text *t, uint64_t from, struct id key,
                         unsigned *rare_count)
{
    unsigned hops = 0, at = index_of(from);

    for (;;) {
        enum rule rule;
        const struct peer *p = pastry_next(&node[at], &key, NULL, &rule);
        id_text(t, &node[at].id, pastry_id_bits(4, 4));
        if (p == NULL || hops > 9)
            return hops;
        unsigned before = pastry_shared(&node[at], &node[at].id, &key);
        unsigned after = pastry_shared(&node[at], PEER_ID(p), &key);
        *rare_count += rule == RULE_RARE;
        hops++;
        text_char(t, ',');
        /* More digits shared, or nearer: no loops. */
        CHECK(after > before ||
              pastry_is_nearer(&node[at], &key, PEER_ID(p), &node[at].id));
        at = index_of(id_low(*PEER_ID(p)));
    }
}

static void check_path(uint64_t from, uint64_t key, const char *wanted)
{
    struct text t = text_new();
    unsigned rare = 0;

    (void)add_path(&t, from, id_of(key), &rare);
    CHECK_TEXT(t.data, wanted);
    text_free(&t);
}

TEST(ways_are_those_of_the_reference)
{
    check_path(0x070d, 0x6464, "070d,787c,779d");
    check_path(0x070d, 0xc8c8, "070d,d120");
    check_path(0x070d, 0xe9e9, "070d,eca5,e9df");
    check_path(0x070d, 0x0000, "070d,fcda");
    check_path(0x787c, 0x0000, "787c,070d,fcda");
    check_path(0x787c, 0xe9e9, "787c,eca5,e9df");
    check_path(0x787c, 0x6464, "787c,779d");
}

TEST(all_ways_together_have_the_digest_of_the_reference)
{
    struct text lines = text_new(), hex = text_new();
    unsigned hops = 0, rare = 0;
    uint8_t digest[SHA1_BYTES];

    for (unsigned i = 0; i < COUNT; i++)
        for (unsigned key = 0; key < 65536; key += 257) {
            struct id id = id_of(key);
            id_text(&lines, &node[i].id, pastry_id_bits(4, 4));
            text_char(&lines, ' ');
            id_text(&lines, &id, pastry_id_bits(4, 4));
            text_char(&lines, ' ');
            hops += add_path(&lines, id_low(node[i].id), id, &rare);
            text_char(&lines, '\n');
        }
    CHECK_U64(hops, 4858);
    CHECK_U64(rare, 768);
    hash_sha1(digest, lines.data, lines.len);
    for (unsigned i = 0; i < SHA1_BYTES; i++)
        text_printf(&hex, "%02x", digest[i]);
    CHECK_TEXT(hex.data, "d71dcdb597086073db4bd08ad3970ba41908e24d");
    text_free(&lines);
    text_free(&hex);
}

TEST(half_way_between_two_nodes_the_smaller_id_owns)
{
    struct id key = id_of(0x10), low = id_of(0x0f), high = id_of(0x11);

    CHECK(pastry_is_nearer(&node[0], &key, &low, &high));
    CHECK(!pastry_is_nearer(&node[0], &key, &high, &low));
}

/* 3500 looks for 3000: 2fff is next to it but shares no digit. */
TEST(the_rare_case_keeps_the_digits_that_are_shared)
{
    static const uint64_t ids[] = {0x34f0, 0x34e0, 0x3510, 0x3520, 0x2fff};
    struct peer side[4], table[ENTRIES_MAX];
    struct pastry n = node[0];
    struct id key = id_of(0x3000);
    enum rule rule;

    n.id = id_of(0x3500);
    n.low = side;
    n.high = side + 2;
    n.entry = table;
    n.low_count = n.high_count = 0;
    n.entry_count = 0;
    for (unsigned i = 0; i < 5; i++) {
        struct id id = id_of(ids[i]);
        struct peer p = peer_new(&id, (struct addr){1 + i, 0}, 1);
        (void)pastry_insert(&n, NULL, &p);
    }
    n.entry_count = 1; /* only 2fff: the cell of 3000 is empty */
    const struct peer *next = pastry_next(&n, &key, NULL, &rule);
    CHECK(rule == RULE_RARE);
    CHECK_U64(next != NULL ? id_low(*PEER_ID(next)) : 0, 0x34e0);
}

/* -- The lecture's ids, of one bit a digit ------------------------------- */

static uint64_t bits_of(const char *text)
{
    uint64_t v = 0;

    for (; *text != '\0'; text++)
        v = 2 * v + (uint64_t)(*text == '1');
    return v;
}

static struct settings narrow; /* one leaf a side, no neighbours */

/* A node that knows these ids, each at the address of its place. */
static struct pastry knowing(unsigned digit_bits, unsigned digits,
                             const char *self, const char *const peers[],
                             unsigned count)
{
    static struct peer side[2], table[ENTRIES_MAX];
    struct pastry n = {.settings = &narrow,
                       .digit_bits = (uint8_t)digit_bits,
                       .digits = (uint8_t)digits,
                       .low = side,
                       .high = side + 1,
                       .entry = table,
                       .entry_cap = ENTRIES_MAX};

    narrow = settings_new(pastry_protocol.options);
    narrow.value[OPT_LEAFSET] = 2;
    narrow.value[OPT_NEIGHBOURS] = 0;
    n.id = id_of(bits_of(self));
    for (unsigned i = 0; i < count; i++) {
        struct id id = id_of(bits_of(peers[i]));
        struct peer p = peer_new(&id, (struct addr){1 + i, 7000}, 1);
        (void)pastry_insert(&n, NULL, &p);
    }
    return n;
}

static const char *next_of(const struct pastry *n, const char *key,
                           const char *const peers[])
{
    struct id id = id_of(bits_of(key));
    enum rule rule;
    const struct peer *p = pastry_next(n, &id, NULL, &rule);

    return p != NULL ? peers[p->ip - 1] : "nobody";
}

TEST(one_neighbour_for_each_bit_as_in_the_lecture)
{
    static const char *const peers[] = {
        "10000000000", "00000000000", "01000000000", "01100000000",
        "01111000000", "01110000000", "01110110000", "01110101000",
        "01110100000", "01110100110", "01110100100"};
    struct pastry n = knowing(1, 11, "01110100101", peers, 11);

    CHECK_U64(n.entry_count, 11);
    for (unsigned r = 0; r < 11; r++) {
        const struct peer *p = pastry_entry(&n, r, "01110100101"[r] == '0');
        CHECK_U64(p != NULL ? p->ip : 0, r + 1);
    }
    CHECK_TEXT(next_of(&n, "01110111001", peers), "01110110000");
}

TEST(the_longest_prefix_answers_the_quiz)
{
    static const char *const peers[] = {"101101011010", "111111100000",
                                        "101001011000", "111001011010"};
    static const unsigned shared[] = {3, 1, 10, 1};
    struct pastry n = knowing(1, 12, "101010000000", peers, 4);
    struct id key = id_of(bits_of("101001011010"));

    for (unsigned i = 0; i < 4; i++) {
        struct id id = id_of(bits_of(peers[i]));
        CHECK_U64(pastry_shared(&n, &id, &key), shared[i]);
    }
    CHECK_TEXT(next_of(&n, "101001011010", peers), "101001011000");
}

/* -- Repair: who is asked ------------------------------------------------- */

/* Of whom does `self`, who knows `peers`, ask that part when `dead` goes? */
static uint64_t asked(uint64_t self, const uint64_t *peers, unsigned count,
                      uint64_t dead, enum pastry_part part)
{
    static struct fake f;
    struct pastry_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    narrow.value[OPT_DIGITS] = 4;
    fake_node(&f, &pastry_protocol, &narrow, (struct addr){0x0a000001, 7000});
    struct pastry *n = f.host.node;
    n->id = id_of(self);
    for (unsigned i = 0; i < count; i++) {
        struct id id = id_of(peers[i]);
        struct peer p =
            peer_new(&id, (struct addr){(uint32_t)peers[i], 7000}, 1);
        if (peers[i] != self)
            (void)pastry_insert(n, &f.host, &p);
    }
    pastry_begin(n, PASTRY_LEAVE, &m);
    m.sender = id_of(dead);
    fake_datagram(&f, (struct addr){(uint32_t)dead, 7000}, bytes,
                  pastry_encode(&m, bytes));
    for (unsigned i = 0; i < f.sent_count; i++)
        if (pastry_decode(&m, f.sent[i].data, f.sent[i].len) &&
            m.type == PASTRY_GET && m.part == part)
            return f.sent[i].to.ip;
    return 0;
}

TEST(the_farthest_live_leaf_of_the_side_is_asked)
{
    static const uint64_t whom[][2] = {/* pastry.md 9: 9317 dies */
                                       {0x779d, 0x787c},
                                       {0x787c, 0xa301},
                                       {0xa301, 0x787c},
                                       {0xb1be, 0xa301}};
    uint64_t peers[COUNT];

    for (unsigned i = 0; i < COUNT; i++)
        peers[i] = id_low(node[i].id);
    narrow.value[OPT_LEAFSET] = 4;
    for (unsigned i = 0; i < 4; i++)
        CHECK_U64(asked(whom[i][0], peers, COUNT, 0x9317, PART_LEAVES),
                  whom[i][1]);
    narrow.value[OPT_LEAFSET] = 2;
}

/* Another of its row; where there is none, one of a deeper row, who shares
   these digits too and so has a row that fits. */
TEST(a_slot_is_refilled_from_its_row_or_a_deeper_one)
{
    static const uint64_t peers[] = {0x107f, 0x1081, 0x1800, 0x8000, 0x9000};

    CHECK_U64(asked(0x1080, peers, 5, 0x8000, PART_ROW), 0x9000);
    CHECK_U64(asked(0x1080, peers, 4, 0x8000, PART_ROW), 0x1800);
}

/* A neighbour that is lost is made up for by asking another one; of all that
   were measured the nearest by round trip are neighbours, in their order. */
TEST(neighbours_are_the_nearest_and_know_who_replaces_one)
{
    static const uint64_t peers[] = {0x2000, 0x3000, 0x4000, 0x5000};
    static const unsigned rtt[] = {40, 10, 30, 20};
    static struct fake f;
    struct settings s = settings_new(pastry_protocol.options);

    s.value[OPT_NEIGHBOURS] = 3;
    fake_node(&f, &pastry_protocol, &s, (struct addr){0x0a000001, 7000});
    struct pastry *n = f.host.node;
    for (unsigned i = 0; i < 4; i++) {
        struct id id = id_of(peers[i]);
        struct peer p = peer_new(&id, (struct addr){1 + i, 7000}, rtt[i]);
        pastry_put_near(n, &p);
    }
    CHECK_U64(n->near_count, 3);
    CHECK_U64(n->near[0].ip, 2);
    CHECK_U64(n->near[1].ip, 4);
    CHECK_U64(n->near[2].ip, 3);
    narrow.value[OPT_NEIGHBOURS] = 2; /* of equals the first two */
    CHECK_U64(asked(0x1000, peers, 4, 0x2000, PART_NEAR), 0x3000);
    CHECK_U64(asked(0x1000, peers, 4, 0x5000, PART_NEAR), 0); /* no neighbour */
    narrow.value[OPT_NEIGHBOURS] = 0;
}

/* -- One node and a fake host ----------------------------------------------- */

static struct fake fake;

/* Node 1000 of ids of four digits, with four leaves and this many neighbours,
   that knows these peers, at addresses of their place and so far away. */
static struct pastry *lone(const uint64_t *peers, unsigned count,
                           unsigned neighbours)
{
    static struct settings s;

    s = settings_new(pastry_protocol.options);
    s.value[OPT_DIGITS] = 4;
    s.value[OPT_LEAFSET] = 4;
    s.value[OPT_NEIGHBOURS] = neighbours;
    fake_node(&fake, &pastry_protocol, &s, (struct addr){0x0a000001, 7000});
    struct pastry *n = fake.host.node;
    n->id = id_of(0x1000);
    for (unsigned i = 0; i < count; i++) {
        struct id id = id_of(peers[i]);
        struct peer p = peer_new(&id, (struct addr){1 + i, 7000}, 1000);
        (void)pastry_insert(n, &fake.host, &p);
    }
    fake.sent_count = 0;
    return n;
}

/* A message to it from the node `from`; how many it sends. */
static unsigned receive(struct pastry *n, struct pastry_msg *m,
                        struct addr from)
{
    uint8_t bytes[DATAGRAM_MAX];

    m->active = 1;
    m->digits = n->digits;
    return fake_datagram(&fake, from, bytes, pastry_encode(m, bytes));
}

static unsigned sent_of(enum pastry_type type)
{
    unsigned count = 0;

    for (unsigned i = 0; i < fake.sent_count; i++)
        count += fake.sent[i].data[5] == type;
    return count;
}

static void begin_route(struct pastry *n, uint64_t key, struct pastry_msg *m)
{
    pastry_begin(n, PASTRY_ROUTE, m);
    m->sender = id_of(0x2000);
    m->request = 5;
    m->key = id_of(key);
    m->origin.id = m->sender;
    m->origin.addr = (struct addr){1, 7000};
    m->path[m->hops++] = m->origin.addr;
}

static const uint64_t some[] = {0x2000, 0x3000, 0x5000, 0xe000,
                                0xf000, 0x1800, 0x1900, 0x1010};
#define SOME (sizeof some / sizeof *some)

/* Who has not joined yet, or is about to leave, does not even say that it has
   the message: the hop before finds another way. */
TEST(who_joins_or_leaves_takes_no_message_on_its_way)
{
    for (unsigned i = 0; i < 3; i++) {
        struct pastry *n = lone(some, SOME, 0);
        struct pastry_msg m;
        n->active = i != 1;
        n->leaving = i == 2;
        begin_route(n, 0x1001, &m);
        CHECK_U64(receive(n, &m, m.origin.addr), i == 0 ? 2 : 0);
        CHECK_U64(sent_of(PASTRY_ACK), i == 0);
        CHECK_U64(sent_of(PASTRY_REACHED), i == 0);
    }
}

/* Farewell: all in any table are told, once each, and who hears it needs no
   time to find out. */
TEST(a_leave_is_told_to_all_and_believed)
{
    struct pastry_msg m;

    (void)lone(some, SOME, 2);
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_STOP});
    CHECK_U64(sent_of(PASTRY_LEAVE), SOME);
    CHECK(fake.left);
    struct pastry *n = lone(some, SOME, 2);
    pastry_begin(n, PASTRY_LEAVE, &m);
    m.sender = id_of(some[0]);
    CHECK(receive(n, &m, (struct addr){1, 7000}) > 0); /* it asks others */
    CHECK(pastry_known(n, (struct addr){1, 7000}) == NULL);
}

/* Per-hop acknowledgements: three round trips, then twice and four times as
   long, then another way, and the silent one is in no table. */
TEST(a_hop_that_is_not_acknowledged_is_gone_round)
{
    struct pastry *n = lone(some, SOME, 0);
    struct text t = text_new();

    n->round_us = fake.timer_us[TIMER_ROUND] = 0;
    CHECK(fake_command(&fake, "lookup 5100") == 1);
    for (unsigned ms = 0; ms <= 2100; ms += 10) {
        for (unsigned i = 0; i < fake.sent_count; i++)
            if (fake.sent[i].data[5] == PASTRY_ROUTE)
                text_printf(&t, "%u:%x ", ms,
                            (unsigned)some[fake.sent[i].to.ip - 1]);
        fake.sent_count = 0;
        fake_pass(&fake, 10000);
    }
    CHECK_TEXT(t.data, "0:5000 300:5000 900:5000 2100:3000 ");
    CHECK(pastry_known(n, (struct addr){3, 7000}) == NULL);
    text_free(&t);
}

/* Every round: the nearest leaf of either side lives?  A leaf's leaf set, an
   entry's row; and now and then a neighbour's neighbours. */
TEST(a_round_asks_for_leaves_rows_and_neighbours_in_turn)
{
    struct pastry *n = lone(some, SOME, 4);
    uint32_t leaves = 0, rows = 0;
    unsigned near = 0;

    for (unsigned round = 0; round < 40; round++) {
        struct pastry_msg m;
        unsigned pings = 0;
        while (n->requests != NULL) /* as if all had been answered */
            pastry_request_close(n, &fake.host, n->requests);
        fake.sent_count = 0;
        (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_TIMER,
                                                       .timer = TIMER_ROUND});
        for (unsigned i = 0; i < fake.sent_count; i++) {
            CHECK(pastry_decode(&m, fake.sent[i].data, fake.sent[i].len));
            uint32_t bit = 1U << fake.sent[i].to.ip;
            pings += m.type == PASTRY_PING;
            if (m.type == PASTRY_PING)
                CHECK(fake.sent[i].to.ip == 8 || fake.sent[i].to.ip == 5);
            else if (m.part == PART_LEAVES)
                leaves |= bit;
            else if (m.part == PART_ROW)
                rows |= bit;
            else
                near++;
        }
        CHECK_U64(pings, 2);
    }
    CHECK_U64(leaves, 1U << 8 | 1U << 6 | 1U << 5 | 1U << 4);
    CHECK_U64(rows, 0x1fe); /* all of them are entries */
    CHECK_U64(near, 10);
}

/* pastry.md 9: e55c joins by way of e9df, near by and the end itself: what
   that one tells makes the ideal tables; neighbours are told as well. */
TEST(a_newcomer_is_told_all_that_makes_its_tables_ideal)
{
    const struct pastry *z = &node[index_of(0xe9df)];
    static struct peer low[4], table[ENTRIES_MAX];
    struct pastry x = *z;
    struct pastry_msg m, told;
    uint8_t bytes[DATAGRAM_MAX];
    static struct settings s;
    struct text t = text_new();

    s = settings;
    s.value[OPT_NEIGHBOURS] = 2;
    fake_node(&fake, &pastry_protocol, &s, z->self);
    struct pastry *n = fake.host.node;
    for (unsigned i = 0; i < COUNT; i++) {
        struct peer p = peer_new(&node[i].id, node[i].self,
                                 (uint64_t)abs(node[i].self.port - 7015));
        (void)pastry_insert(n, &fake.host, &p);
    }
    pastry_begin(n, PASTRY_ROUTE, &m);
    x.id = m.sender = m.key = m.origin.id = id_of_port(7016);
    CHECK_U64(id_low(x.id), 0xe55c);
    m.purpose = FOR_JOIN;
    m.active = 0;
    x.self = m.origin.addr = (struct addr){0x7f000001, 7016};
    (void)fake_datagram(&fake, x.self, bytes, pastry_encode(&m, bytes));
    CHECK_U64(fake.sent_count, 1);
    CHECK(pastry_decode(&told, fake.sent[0].data, fake.sent[0].len));
    CHECK(told.type == PASTRY_STATE && told.part == PART_LAST);
    x.settings = &settings;
    x.low = low;
    x.high = low + 2;
    x.entry = table;
    x.low_count = x.high_count = 0;
    x.entry_count = 0;
    for (unsigned i = 0; i < told.count; i++) {
        unsigned port = told.peer[i].addr.port;
        struct peer p =
            peer_new(&told.peer[i].id, told.peer[i].addr, 7016 - port);
        (void)pastry_insert(&x, NULL, &p);
    }
    /* At last its neighbours. */
    CHECK_U64(told.peer[told.count - 2].addr.port, 7014);
    CHECK_U64(told.peer[told.count - 1].addr.port, 7013);
    add_ids(&t, x.low, x.low_count);
    CHECK_TEXT(t.data, "d120 ba54");
    text_clear(&t);
    add_ids(&t, x.high, x.high_count);
    CHECK_TEXT(t.data, "e9df eca5");
    text_clear(&t);
    add_ids(&t, x.entry, x.entry_count);
    CHECK_TEXT(t.data, "0e72 1617 27da 30ba 40c9 779d 9317 a301 b1be d120 fcda "
                       "e9df eca5");
    text_free(&t);
}

/* Two newcomers between the same neighbours: each was told its leaves before
   the other had arrived.  Rounds would make it good, but are an hour away. */
TEST(who_arrives_meanwhile_is_told_to_a_newcomer)
{
    for (unsigned seed = 1; seed < 20; seed++) {
        struct text t = text_new(), why = text_new();
        text_printf(&t,
                    "seed %u\nset digits 4\nset leafset 4\n"
                    "set repair 1h\nnode n0 id=0\n",
                    seed);
        for (unsigned i = 1; i < 8; i++)
            text_printf(&t, "node n%u id=%x000 join=n0\n", i, 2 * i);
        text_printf(&t,
                    "warm\nat 1s node x id=7100 join=n0\n"
                    "at %ums node y id=7200 join=n6\n"
                    "at 10s expect invariants\nrun until 11s\n",
                    1000 + seed * 13);
        struct scenario *s =
            scenario_parse("t.scn", t.data, &pastry_protocol, NULL, &why);
        struct sim *sim = sim_new(s, &why);
        sim_run(sim);
        CHECK_TEXT(sim_complaints(sim), "");
        sim_free(sim);
        scenario_free(s);
        text_free(&t);
        text_free(&why);
    }
}

/* Who began the network has asked nobody: no list is news to it. */
TEST(who_never_arrived_takes_no_news)
{
    struct pastry *n = lone(some, SOME, 2);
    struct pastry_msg m;

    pastry_begin(n, PASTRY_STATE, &m);
    m.request = n->arrival;
    m.sender = id_of(some[0]);
    m.part = PART_LEAVES;
    m.peer[m.count++] = (struct pastry_peer){id_of(0x1001), {0x0a000009, 7000}};
    CHECK_U64(receive(n, &m, (struct addr){1, 7000}), 0);
}

/* A PONG of a node that is still joining brings it into no table. */
TEST(who_has_not_joined_is_in_no_table)
{
    struct text why = text_new();
    struct scenario *s = scenario_parse(
        "t.scn",
        "node a\nnode b join=a\nwarm\n"
        "at 1s node c join=a\nat 1s partition a,b | c\nrun until 1h\n",
        &pastry_protocol, NULL, &why);
    struct sim *sim = sim_new(s, &why);

    CHECK_TEXT(why.data, "");
    sim_run_to(sim, 2000000);
    const struct network *net = sim_network(sim);
    struct host *h = net->by_name(net, "a"), *r = net->by_name(net, "c");
    struct pastry *a = h->node;
    struct pastry_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    CHECK(!((struct pastry *)r->node)->active);
    for (unsigned active = 0; active < 2; active++) {
        const struct pastry_peer to = {r->id, r->addr};
        pastry_begin(a, PASTRY_PING, &m);
        struct request *ping = pastry_request_open(a, h, REQUEST_PONG, &to, &m);
        pastry_begin(r->node, PASTRY_PONG, &m);
        m.active = active == 1;
        m.request = ping->id;
        struct event e = {.kind = EVENT_DATAGRAM,
                          .peer = r->addr,
                          .data = bytes,
                          .len = pastry_encode(&m, bytes)};
        (void)host_deliver(h, &e);
        CHECK((pastry_known(a, r->addr) != NULL) == (active == 1));
    }
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
}

/* A liar tells of twenty thousand nodes that nobody has seen: who has not
   answered enters no table, requests are bounded, and so is what is sent. */
TEST(made_up_peers_enter_no_table_and_cost_little)
{
    struct text why = text_new();
    struct scenario *s = scenario_parse(
        "t.scn", "node a\nnode b join=a\nnode c join=a\nwarm\nrun until 1h\n",
        &pastry_protocol, NULL, &why);
    struct sim *sim = sim_new(s, &why);

    CHECK_TEXT(why.data, "");
    sim_run_to(sim, 2000000);
    const struct network *net = sim_network(sim);
    struct host *h = net->by_name(net, "a"), *b = net->by_name(net, "b");
    struct pastry *a = h->node;
    uint64_t before = sim_status(sim).messages;

    for (unsigned i = 0; i < 20000; i += PEERS_MAX) {
        struct pastry_msg m;
        uint8_t bytes[DATAGRAM_MAX];
        pastry_begin(b->node, PASTRY_STATE, &m);
        for (; m.count < PEERS_MAX; m.count++) {
            uint32_t k = i + m.count;
            m.peer[m.count] = (struct pastry_peer){
                id_hash(&k, sizeof k, pastry_bits(a)), {0x0b000000 + k, 7000}};
        }
        struct event e = {.kind = EVENT_DATAGRAM,
                          .peer = b->addr,
                          .data = bytes,
                          .len = pastry_encode(&m, bytes)};
        (void)host_deliver(h, &e);
        CHECK(a->request_count <= REQUESTS_MAX);
    }
    sim_run_to(sim, 3000000);
    CHECK(sim_status(sim).messages - before < 2000);
    sim_run_to(sim, 120000000);
    CHECK_U64(a->low_count, 2);
    CHECK_U64(a->high_count, 2);
    CHECK(a->entry_count <= 2 && a->near_count <= 2);
    CHECK(pastry_known(a, b->addr) != NULL);
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
}

/* One who answers under ever new ids gets no more than the places there are. */
TEST(a_liar_of_many_ids_fills_no_table_past_its_bound)
{
    static struct fake f;
    struct settings s = settings_new(pastry_protocol.options);
    struct random r = {.state = 3};

    fake_node(&f, &pastry_protocol, &s, (struct addr){0x0a000001, 7000});
    struct pastry *n = f.host.node;
    for (unsigned i = 0; i < 20000; i++) {
        struct id id = n->id; /* near ours, so that all rows fill */
        unsigned flip = (unsigned)(random_next(&r) % 128);
        for (unsigned bit = 0; bit < 128; bit++)
            if (bit <= flip && random_next(&r) % 2 == 0)
                id = id_add_power(id, bit, 128);
        struct peer p =
            peer_new(&id, (struct addr){0x0b000000 + i, 7000}, 1 + i % 9);
        (void)pastry_insert(n, &f.host, &p);
    }
    CHECK_U64(n->low_count, 8);
    CHECK_U64(n->high_count, 8);
    CHECK_U64(n->near_count, 8);
    CHECK(n->entry_count > 256 && n->entry_count <= ENTRIES_MAX);
    CHECK(f.allocated < 2 * ENTRIES_MAX * sizeof(struct peer));
}

/* Others speak of the dead for ever: it stays out of every table. */
TEST(a_liar_cannot_keep_the_dead_alive_for_ever)
{
    struct text why = text_new();
    struct scenario *s = scenario_parse(
        "t.scn",
        "set repair 5s\nnodes 6 prefix=n\nwarm\nat 1s crash n3\nrun until 1h\n",
        &pastry_protocol, NULL, &why);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;

    CHECK_TEXT(why.data, "");
    text_free(&why);
    if (sim == NULL)
        return;
    sim_run_to(sim, 500000);
    const struct network *net = sim_network(sim);
    struct host *h = net->by_name(net, "n1"), *dead = net->by_name(net, "n3");
    const struct pastry_peer lie = {dead->id, dead->addr};
    for (uint64_t t = 2; t < 300; t++) {
        sim_run_to(sim, t * 1000000);
        pastry_hear(h->node, h, &lie);
    }
    CHECK(pastry_known(h->node, dead->addr) == NULL);
    sim_free(sim);
    scenario_free(s);
}

int main(void)
{
    overlay();
    RUN(tables_are_those_of_the_reference);
    RUN(ways_are_those_of_the_reference);
    RUN(all_ways_together_have_the_digest_of_the_reference);
    RUN(half_way_between_two_nodes_the_smaller_id_owns);
    RUN(the_rare_case_keeps_the_digits_that_are_shared);
    RUN(one_neighbour_for_each_bit_as_in_the_lecture);
    RUN(the_longest_prefix_answers_the_quiz);
    RUN(the_farthest_live_leaf_of_the_side_is_asked);
    RUN(a_slot_is_refilled_from_its_row_or_a_deeper_one);
    RUN(neighbours_are_the_nearest_and_know_who_replaces_one);
    RUN(who_joins_or_leaves_takes_no_message_on_its_way);
    RUN(a_leave_is_told_to_all_and_believed);
    RUN(a_hop_that_is_not_acknowledged_is_gone_round);
    RUN(a_round_asks_for_leaves_rows_and_neighbours_in_turn);
    RUN(a_newcomer_is_told_all_that_makes_its_tables_ideal);
    RUN(who_arrives_meanwhile_is_told_to_a_newcomer);
    RUN(who_never_arrived_takes_no_news);
    RUN(who_has_not_joined_is_in_no_table);
    RUN(made_up_peers_enter_no_table_and_cost_little);
    RUN(a_liar_of_many_ids_fills_no_table_past_its_bound);
    RUN(a_liar_cannot_keep_the_dead_alive_for_ever);
    return test_end();
}
