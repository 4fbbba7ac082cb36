/* The peer wire protocol: handshake, messages, the allowed-fast set. */
#include "bittorrent/wire.h"

#include <stdlib.h>

#include "bittorrent/node.h"
#include "common/expr.h"
#include "common/fields.h"
#include "tests/described.h"
#include "tests/unit/test.h"

/* Decode from a block of exactly that size, so that one byte too many is seen
   by the sanitizer. */
static int decode_exactly(struct wire_msg *m, const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len + (len == 0));

    CHECK(copy != NULL);
    memcpy(copy, data, len);
    int used = wire_decode(m, copy, len);
    free(copy);
    return used;
}

/* Source: [bep6], with the vector for nine pieces. */
TEST(the_allowed_fast_set_is_that_of_the_specification)
{
    static const uint32_t wanted[] = {1059, 431,  808, 1217, 287,
                                      376,  1188, 353, 508};
    uint8_t infohash[INFOHASH_BYTES];
    uint32_t piece[9];

    memset(infohash, 0xaa, sizeof infohash);
    CHECK(wire_allowed_fast(0x500404c8, infohash, 1313, piece, 9) == 9);
    CHECK(memcmp(piece, wanted, sizeof wanted) == 0);
}

TEST(the_allowed_fast_set_of_three_pieces_has_three)
{
    const uint8_t infohash[INFOHASH_BYTES] = {1};
    uint32_t piece[9];

    CHECK(wire_allowed_fast(0x7f000001, infohash, 3, piece, 9) == 3);
    CHECK(wire_allowed_fast(0x7f000001, infohash, 0, piece, 9) == 0);
}

TEST(a_request_has_the_bytes_of_the_specification)
{
    static const uint8_t wanted[] = {0, 0, 0,  13, 6, 0, 0,  0, 7,
                                     0, 0, 64, 0,  0, 0, 64, 0};
    const struct wire_msg m = {
        .id = WIRE_REQUEST, .index = 7, .begin = 16384, .length = 16384};
    uint8_t out[WIRE_FIXED_MAX];

    CHECK(wire_encode(&m, out, sizeof out) == sizeof wanted);
    CHECK(memcmp(out, wanted, sizeof wanted) == 0);
}

TEST(every_prefix_of_a_request_is_partial)
{
    const struct wire_msg m = {
        .id = WIRE_REQUEST, .index = 7, .begin = 16384, .length = 16384};
    uint8_t out[WIRE_FIXED_MAX];
    struct wire_msg back;
    size_t len = wire_encode(&m, out, sizeof out);

    for (size_t i = 0; i < len; i++)
        CHECK(decode_exactly(&back, out, i) == 0);
    CHECK(decode_exactly(&back, out, len) == (int)len);
    CHECK(back.id == WIRE_REQUEST && back.index == 7 && back.begin == 16384 &&
          back.length == 16384);
}

TEST(a_wrong_length_is_malformed)
{
    static const uint8_t choke[] = {0, 0, 0, 2, 0, 9};
    static const uint8_t have[] = {0, 0, 0, 4, 4, 0, 0, 1};
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, 20};
    struct wire_msg m;

    CHECK(decode_exactly(&m, choke, sizeof choke) == ERR_MALFORMED);
    CHECK(decode_exactly(&m, have, sizeof have) == ERR_MALFORMED);
    CHECK(decode_exactly(&m, huge, sizeof huge) == ERR_LIMIT);
}

TEST(a_handshake_comes_back_and_its_prefixes_are_partial)
{
    struct handshake s = {.reserved = RESERVED_FAST | RESERVED_EXTENDED}, back;
    uint8_t out[HANDSHAKE_BYTES];

    memset(s.infohash, 1, sizeof s.infohash);
    memset(s.peer_id, 2, sizeof s.peer_id);
    wire_write_handshake(&s, out);
    for (size_t i = 0; i < sizeof out; i++)
        CHECK(wire_read_handshake(&back, out, i) == 0);
    CHECK(wire_read_handshake(&back, out, sizeof out) == HANDSHAKE_BYTES);
    CHECK(memcmp(&s, &back, sizeof s) == 0);
    CHECK(out[25] == 0x10 && out[27] == 0x04);
    out[3] ^= 1;
    CHECK(wire_read_handshake(&back, out, 4) == ERR_MALFORMED);
}

TEST(descriptions_cover_every_byte)
{
    static const enum wire_id ids[] = {
        WIRE_CHOKE,    WIRE_HAVE,    WIRE_REQUEST, WIRE_PIECE,
        WIRE_CANCEL,   WIRE_PORT,    WIRE_REJECT,  WIRE_ALLOWED_FAST,
        WIRE_HAVE_ALL, WIRE_BITFIELD};
    const struct framing framing = {PHASE_MESSAGES, true};
    const uint8_t bits[2] = {0xff, 0x80};
    uint8_t out[64];

    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        struct wire_msg m = {.id = ids[i], .index = 3, .length = 5};
        if (ids[i] == WIRE_BITFIELD) {
            m.data = bits;
            m.data_len = sizeof bits;
        }
        size_t len = wire_encode(&m, out, sizeof out);
        struct fields f = fields_new();
        wire_describe(&framing, out, len, &f);
        CHECK(f.type != NULL && fields_cover(&f, len));
        CHECK(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
        fields_free(&f);
    }
}

int main(void)
{
    RUN(the_allowed_fast_set_is_that_of_the_specification);
    RUN(the_allowed_fast_set_of_three_pieces_has_three);
    RUN(a_request_has_the_bytes_of_the_specification);
    RUN(every_prefix_of_a_request_is_partial);
    RUN(a_wrong_length_is_malformed);
    RUN(a_handshake_comes_back_and_its_prefixes_are_partial);
    RUN(descriptions_cover_every_byte);
    return test_end();
}
