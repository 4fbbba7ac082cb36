/* Kelips' messages: the golden groups of the reference, 10, every message to
   bytes and back, whole and broken, and a flood of hostile ones. */
#include <stdlib.h>

#include "kelips/node.h"
#include "tests/described.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

/* -- Groups -------------------------------------------------------------- */

static uint16_t group_of_port(unsigned port, uint32_t groups)
{
    struct settings s = settings_new(kelips_protocol.options);
    struct text why = text_new();
    struct addr a = {0x7f000001, (uint16_t)port};
    struct id id;

    CHECK(kelips_protocol.identify(&s, a, NULL, &id, &why));
    text_free(&why);
    return kelips_group(&id, groups);
}

static uint16_t group_of_file(const char *name, uint32_t groups)
{
    struct id id = id_hash(name, strlen(name), ID_BITS);

    return kelips_group(&id, groups);
}

TEST(nodes_hash_to_the_groups_of_the_reference)
{
    static const uint16_t ten[20] = {6, 9, 9, 5, 5, 1, 4, 4, 4, 5,
                                     3, 5, 5, 0, 1, 6, 7, 2, 3, 2};
    static const uint16_t four[16] = {0, 1, 3, 1, 3, 3, 2, 0,
                                      0, 1, 1, 1, 3, 2, 3, 0};

    for (unsigned i = 0; i < 20; i++)
        CHECK_U64(group_of_port(7000 + i, 10), ten[i]);
    for (unsigned i = 0; i < 16; i++)
        CHECK_U64(group_of_port(7000 + i, 4), four[i]);
}

TEST(files_hash_to_the_groups_of_the_reference)
{
    CHECK_U64(group_of_file("PennyLane.mp3", 10), 7);
    CHECK_U64(group_of_file("hello.txt", 10), 3);
    CHECK_U64(group_of_file("file12.txt", 10), 9);
    CHECK_U64(group_of_file("p2p.txt", 10), 1);
    CHECK_U64(group_of_file("PennyLane.mp3", 317), 246);
    CHECK_U64(group_of_file("cnn.com/index.html", 317), 238);
    CHECK_U64(group_of_file("hello.txt", 317), 164);
    CHECK_U64(group_of_file("PennyLane.mp3", 32), 25);
    CHECK_U64(group_of_file("cnn.com/index.html", 32), 17);
    CHECK_U64(group_of_file("hello.txt", 32), 29);
    CHECK_U64(group_of_file("PennyLane.mp3", 5), 2);
    CHECK_U64(group_of_file("PennyLane.mp3", 4), 1);
    CHECK_U64(group_of_file("p2p.txt", 4), 3);
}

/* -- Messages ------------------------------------------------------------ */

static void fill(struct kelips_msg *m, enum kelips_type type)
{
    memset(m, 0, sizeof *m);
    m->type = type;
    m->groups = 10;
    m->heartbeat = 77;
    m->sender = id_of(5);
    m->request = 0xdeadbeef;
    m->key = id_of(42);
    m->group = 9;
    m->assign = 1;
    m->found = 1;
    m->origin = (struct addr){0x7f000001, 7001};
    m->name = (const uint8_t *)"chord.ogg";
    m->name_len = 9;
    m->value = (const uint8_t *)"ring song";
    m->value_len = 9;
    m->count = type == KELIPS_INSERT ? 1 : 6;
    for (unsigned i = 0; i < m->count; i++)
        m->entry[i] = (struct kelips_entry){.kind = (uint8_t)(i % 2),
                                            .addr = {0x0a000001 + i, 7000},
                                            .id = id_of(i * 7),
                                            .heartbeat = i,
                                            .age_ms = 1000 * i,
                                            .group = (uint16_t)(i * 7 % 10)};
}

TEST(every_message_is_read_as_it_was_written)
{
    for (int type = KELIPS_JOIN; type <= KELIPS_PONG; type++) {
        struct kelips_msg m, back;
        uint8_t bytes[DATAGRAM_MAX], again[DATAGRAM_MAX];
        fill(&m, (enum kelips_type)type);
        size_t len = kelips_encode(&m, bytes);
        CHECK(len > 0 && kelips_decode(&back, bytes, len));
        CHECK_U64(kelips_encode(&back, again), len);
        CHECK(memcmp(bytes, again, len) == 0);
    }
}

TEST(gossip_of_six_entries_takes_272_bytes)
{
    struct kelips_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    fill(&m, KELIPS_GOSSIP); /* [kelips03] 4 */
    CHECK_U64(kelips_encode(&m, bytes), 272);
    CHECK(memcmp(bytes, "KLPS\x01\x03\x00\x0a\x00\x00\x00\x4d", 12) == 0);
}

TEST(no_prefix_and_no_longer_message_is_taken)
{
    for (int type = KELIPS_JOIN; type <= KELIPS_PONG; type++) {
        struct kelips_msg m, back;
        uint8_t bytes[DATAGRAM_MAX];
        fill(&m, (enum kelips_type)type);
        size_t len = kelips_encode(&m, bytes);
        for (size_t cut = 0; cut <= len + 1; cut++) {
            uint8_t *exact = malloc(cut > 0 ? cut : 1);
            if (exact == NULL)
                return;
            memset(exact, 0, cut);
            memcpy(exact, bytes, cut < len ? cut : len);
            bool whole_entries = type == KELIPS_GOSSIP && cut >= HEADER_BYTES &&
                                 (cut - HEADER_BYTES) % ENTRY_BYTES == 0;
            bool fewer = cut < len && cut > HEADER_BYTES &&
                         (len - cut) % ENTRY_BYTES == 0 &&
                         (type == KELIPS_WELCOME || type == KELIPS_FOUND ||
                          type == KELIPS_NOTHERE || type == KELIPS_CONTACTS ||
                          type == KELIPS_INSERTED);
            bool taken = kelips_decode(&back, exact, cut);
            CHECK(taken == (cut == len || whole_entries ||
                            (fewer && back.count < m.count)));
            free(exact);
        }
    }
}

TEST(fields_cover_every_byte_of_every_message)
{
    for (int type = KELIPS_JOIN; type <= KELIPS_PONG; type++) {
        struct kelips_msg m;
        uint8_t bytes[DATAGRAM_MAX];
        struct fields f = fields_new();
        fill(&m, (enum kelips_type)type);
        size_t len = kelips_encode(&m, bytes);
        for (size_t cut = 0; cut <= len; cut++) {
            fields_clear(&f);
            kelips_describe(NULL, bytes, cut, &f);
            CHECK(fields_cover(&f, cut));
        }
        CHECK_TEXT(f.type, kelips_type_name(m.type));
        fields_free(&f);
    }
}

TEST(an_entry_in_the_wrong_group_is_refused)
{
    struct kelips_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    fill(&m, KELIPS_GOSSIP);
    size_t len = kelips_encode(&m, bytes);
    bytes[HEADER_BYTES + 2] ^= 1; /* the low byte of its group */
    CHECK(!kelips_decode(&m, bytes, len));
}

/* -- Hostile datagrams ----------------------------------------------------- */

/* Any message of this network, from made-up nodes about made-up things. */
static size_t hostile(struct random *r, uint8_t bytes[DATAGRAM_MAX])
{
    struct kelips_msg m;

    fill(&m, (enum kelips_type)(KELIPS_JOIN + random_next(r) % KELIPS_PONG));
    m.groups = 4;
    m.heartbeat = (uint32_t)random_next(r);
    m.sender = id_of(random_next(r));
    m.request = (uint32_t)random_next(r);
    m.key = id_of(random_next(r));
    m.group = (uint16_t)(random_next(r) % 4);
    m.count = m.type == KELIPS_INSERT ? 1 : ENTRIES_MAX;
    for (unsigned i = 0; i < m.count; i++) {
        struct kelips_entry *e = &m.entry[i];
        e->kind = (uint8_t)(random_next(r) % 2);
        e->addr = (struct addr){(uint32_t)random_next(r) | 1, 7000};
        e->id = id_of(random_next(r));
        e->heartbeat = UINT32_MAX;
        e->age_ms = 0;
        e->group = kelips_group(&e->id, 4);
    }
    size_t len = kelips_encode(&m, bytes);
    if (random_next(r) % 4 == 0) /* broken on the way */
        bytes[random_next(r) % len] ^= (uint8_t)random_next(r);
    return random_next(r) % 8 == 0 ? (size_t)(random_next(r) % len) : len;
}

/* 10,000 datagrams in ten seconds, 33 lies in each; then silence: the node
   is as it was before, and at no time took more than its bounds say. */
TEST(a_flood_of_lies_is_bounded_in_memory_and_work_and_forgotten)
{
    static struct fake f;
    struct settings s = settings_new(kelips_protocol.options);
    struct random r = {.state = 3};
    uint8_t bytes[DATAGRAM_MAX];
    unsigned most = 0;

    fake_node(&f, &kelips_protocol, &s, (struct addr){0x0a000001, 7000});
    struct kelips *n = f.host.node;
    for (unsigned i = 0; i < 10000; i++) {
        struct addr from = {(uint32_t)random_next(&r) | 1, 7000};
        size_t len = hostile(&r, bytes);
        unsigned sent = fake_datagram(&f, from, bytes, len);
        most = sent > most ? sent : most;
        CHECK(n->view.count <= MEMBERS_MAX && n->tuples.count <= TUPLES_MAX);
        CHECK(n->request_count <= REQUESTS_MAX && n->file_count <= FILES_MAX);
        CHECK(n->grave_count <= GRAVES_MAX);
        fake_pass(&f, 1000);
    }
    CHECK_U64(n->view.count, MEMBERS_MAX); /* the flood was one */
    CHECK(most >= 1 && most <= WELCOME_DATAGRAMS);
    size_t tables = (MEMBERS_MAX + TUPLES_MAX) * sizeof(struct entry);
    CHECK(f.allocated < tables + tables / 4);
    fake_pass(&f, UINT64_C(24) * 3600 * 1000000);
    CHECK_U64(kelips_entries(n), 0);
    CHECK_U64(n->request_count, 0);
}

int main(void)
{
    RUN(nodes_hash_to_the_groups_of_the_reference);
    RUN(files_hash_to_the_groups_of_the_reference);
    RUN(every_message_is_read_as_it_was_written);
    RUN(gossip_of_six_entries_takes_272_bytes);
    RUN(no_prefix_and_no_longer_message_is_taken);
    RUN(fields_cover_every_byte_of_every_message);
    RUN(an_entry_in_the_wrong_group_is_refused);
    RUN(a_flood_of_lies_is_bounded_in_memory_and_work_and_forgotten);
    return test_end();
}
