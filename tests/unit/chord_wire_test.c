/* Chord's messages: every type, to bytes and back, whole and broken. */
#include <stdlib.h>

#include "chord/node.h"
#include "chord/wire.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/unit/test.h"

static struct peer peer(uint64_t id, unsigned port)
{
    return (struct peer){.id = id_of(id),
                         .ip = 0x7f000001,
                         .port = (uint16_t)port,
                         .vnode = (uint16_t)(port % 3)};
}

/* A message of `type` with something in every field that it carries. */
static void fill(struct chord_msg *m, enum chord_type type, unsigned bits)
{
    memset(m, 0, sizeof *m);
    m->type = type;
    m->bits = (uint8_t)bits;
    m->to_vnode = 1;
    m->from_vnode = 2;
    m->request = 0xdeadbeef;
    m->sender = id_of(5);
    m->key = id_of(6);
    m->flags = FIND_PAPER | FIND_PATH;
    m->status = 1;
    m->role = NOTIFY_SUCCESSOR;
    m->hops = 300;
    m->origin = peer(1, 7074);
    m->previous = id_of(2);
    m->peer = peer(3, 7009);
    m->from = id_of(4);
    m->to = id_of(7);
    m->checksum = 77;
    m->back = 2;
    m->same = 1;
    m->copies = 3;
    m->path_count = 3;
    m->avoid_count = 2;
    m->list_count = 4;
    m->run_count = 2;
    m->item_count = 2;
    for (unsigned i = 0; i < 4; i++) {
        m->path[i] = (struct addr){0x0a000000 + i, (uint16_t)(7000 + i)};
        m->avoid[i] = id_of(i);
        m->list[i] = peer(i, 7000 + i);
        m->first[i] = (uint8_t)(i % bits);
        m->item[i] = (struct item_view){.key = id_of(i),
                                        .name = (const uint8_t *)"name",
                                        .value = (const uint8_t *)"value",
                                        .name_len = (uint8_t)(4 - i),
                                        .value_len = (uint16_t)(5 - i),
                                        .version = 9};
    }
}

static const unsigned some_bits[] = {3, 7, 8, 32, 33, 160};
#define BITS_COUNT (sizeof some_bits / sizeof some_bits[0])

/* Run `act` over every type and several lengths of ids. */
static void each(void (*act)(struct chord_msg *, const uint8_t *, size_t))
{
    for (int type = CHORD_FIND_SUCC; type <= CHORD_LEAVE_ACK; type++) {
        for (size_t i = 0; i < BITS_COUNT; i++) {
            struct chord_msg m;
            uint8_t bytes[DATAGRAM_MAX];
            fill(&m, (enum chord_type)type, some_bits[i]);
            size_t len = chord_encode(&m, bytes);
            act(&m, bytes, len);
        }
    }
}

static void back_to_the_same_bytes(struct chord_msg *m, const uint8_t *bytes,
                                   size_t len)
{
    struct chord_msg back;
    uint8_t again[DATAGRAM_MAX];

    CHECK(chord_decode(&back, bytes, len));
    CHECK_U64(back.type, m->type);
    CHECK_U64(back.request, m->request);
    CHECK_U64(chord_encode(&back, again), len);
    CHECK(memcmp(again, bytes, len) == 0);
}

TEST(every_message_decodes_to_what_was_encoded)
{
    each(back_to_the_same_bytes);
}

/* In a block of exactly its size, so that a sanitizer sees one byte more. */
static bool decodes(const uint8_t *bytes, size_t len)
{
    uint8_t *exact = malloc(len > 0 ? len : 1);
    struct chord_msg m;

    memcpy(exact, bytes, len);
    bool good = chord_decode(&m, exact, len);
    free(exact);
    return good;
}

static void only_whole(struct chord_msg *m, const uint8_t *bytes, size_t len)
{
    uint8_t longer[DATAGRAM_MAX + 1];

    (void)m;
    for (size_t cut = 0; cut < len; cut++)
        CHECK(!decodes(bytes, cut));
    memcpy(longer, bytes, len);
    longer[len] = 0;
    CHECK(!decodes(longer, len + 1));
}

TEST(no_prefix_and_no_longer_datagram_is_a_message)
{
    each(only_whole);
}

static void covered(const uint8_t *bytes, size_t len)
{
    struct fields f = fields_new();

    chord_describe(NULL, bytes, len, &f);
    CHECK(fields_cover(&f, len));
    CHECK(fields_unknown(&f, &chord_protocol, false) == NULL);
    fields_free(&f);
}

static void all_covered(struct chord_msg *m, const uint8_t *bytes, size_t len)
{
    struct fields f = fields_new();

    chord_describe(NULL, bytes, len, &f);
    CHECK(f.type == chord_type_name(m->type));
    CHECK(fields_find(&f, "undecoded") == NULL);
    fields_free(&f);
    for (size_t cut = 0; cut <= len; cut++)
        covered(bytes, cut);
}

TEST(describe_covers_every_byte_of_whole_and_broken_messages)
{
    each(all_covered);
}

static void damaged(struct chord_msg *m, const uint8_t *bytes, size_t len)
{
    uint8_t bad[DATAGRAM_MAX];

    (void)m;
    for (size_t i = 0; i < len; i++) {
        memcpy(bad, bytes, len);
        bad[i] ^= 0xff;
        (void)decodes(bad, len); /* must not read past the end */
        covered(bad, len);
    }
}

TEST(damaged_messages_are_described_to_the_last_byte)
{
    each(damaged);
}

TEST(wrong_magic_version_type_and_bits_are_refused)
{
    struct chord_msg m;
    uint8_t bytes[DATAGRAM_MAX];
    static const struct {
        size_t at;
        uint8_t value;
    } wrong[] = {{0, 'X'}, {4, 2}, {5, 0}, {5, 19}, {6, 2}, {6, 161}};

    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        fill(&m, CHORD_PING, 7);
        size_t len = chord_encode(&m, bytes);
        CHECK(decodes(bytes, len));
        bytes[wrong[i].at] = wrong[i].value;
        CHECK(!decodes(bytes, len));
    }
}

TEST(an_id_of_more_than_its_bits_is_refused)
{
    struct chord_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    fill(&m, CHORD_PING, 7);
    size_t len = chord_encode(&m, bytes);
    CHECK_U64(len, 14); /* 13 and an id of one byte */
    bytes[len - 1] = 0x80;
    CHECK(!decodes(bytes, len));
}

TEST(the_longest_messages_fit_a_datagram)
{
    struct chord_msg m;
    uint8_t bytes[DATAGRAM_MAX];
    static uint8_t value[VALUE_MAX], name[KEY_NAME_MAX];

    fill(&m, CHORD_FIND_SUCC, 160);
    m.path_count = PATH_MAX_NODES;
    m.avoid_count = AVOID_MAX;
    CHECK(chord_encode(&m, bytes) <= DATAGRAM_MAX);
    fill(&m, CHORD_FOUND, 160);
    m.list_count = 0;
    m.path_count = PATH_MAX_NODES;
    CHECK(chord_encode(&m, bytes) <= DATAGRAM_MAX);
    fill(&m, CHORD_STATE, 160);
    m.list_count = SUCCESSORS_MAX;
    CHECK(chord_encode(&m, bytes) <= DATAGRAM_MAX);
    fill(&m, CHORD_FINGERS, 160);
    m.run_count = RUNS_MAX;
    CHECK(chord_encode(&m, bytes) <= DATAGRAM_MAX);
    fill(&m, CHORD_TRANSFER, 160);
    m.item_count = 0;
    CHECK(chord_encode(&m, bytes) <= TRANSFER_HEAD_MAX);
    m.item_count = 1;
    m.item[0].name = name;
    m.item[0].name_len = KEY_NAME_MAX;
    m.item[0].value = value;
    m.item[0].value_len = VALUE_MAX;
    size_t room = DATAGRAM_MAX - TRANSFER_HEAD_MAX;
    CHECK(chord_item_bytes(&m.item[0], 160) <= room);
    CHECK(chord_encode(&m, bytes) <= DATAGRAM_MAX);
}

int main(void)
{
    RUN(every_message_decodes_to_what_was_encoded);
    RUN(no_prefix_and_no_longer_datagram_is_a_message);
    RUN(describe_covers_every_byte_of_whole_and_broken_messages);
    RUN(damaged_messages_are_described_to_the_last_byte);
    RUN(wrong_magic_version_type_and_bits_are_refused);
    RUN(an_id_of_more_than_its_bits_is_refused);
    RUN(the_longest_messages_fit_a_datagram);
    return test_end();
}
