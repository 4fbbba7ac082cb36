/* Gnutella's messages: the reference's own bytes, both ways, and every way in
   which a payload can be wrong. */
#include <stdlib.h>

#include "common/expr.h"
#include "gnutella/node.h"
#include "gnutella/wire.h"
#include "tests/described.h"
#include "tests/unit/test.h"

#define ID "\x9c\x31\x77\x4e\x02\xfb\x8d\x11\xff\x5e\x00\xff\x3c\x66\x19\x00"
#define SERVENT                                                                \
    "\xa7\xa5\x31\x02\x95\x0a\x25\x0c\xb1\x84\x97\xc9\x1c\x23\xf9\xe9"
/* A literal that may hold NULs, as pointer and length. */
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

/* Decode, describe and encode again; what was read is left in *m. */
static void both_ways(struct gnutella_msg *m, const uint8_t *data, size_t len,
                      const char *type)
{
    static const struct framing framing = {PHASE_MESSAGES, true};
    uint8_t out[1024];
    struct fields f = fields_new();

    CHECK_U64(gnutella_decode(m, data, len), len);
    CHECK(!m->bad);
    CHECK_U64(gnutella_encode(m, out, sizeof out), len);
    CHECK(memcmp(out, data, len) == 0);
    gnutella_describe(&framing, data, len, &f);
    CHECK(fields_cover(&f, len));
    CHECK(fields_unknown(&f, &gnutella_protocol, false) == NULL);
    CHECK(fields_find(&f, "undecoded") == NULL);
    CHECK_TEXT(f.type, type);
    fields_free(&f);
}

TEST(a_query_is_the_reference_s)
{
    struct gnutella_msg m;

    both_ways(&m, BYTES(ID "\x80\x03\x00\x0f\0\0\0\x80\0generic song\0"),
              "QUERY");
    CHECK_U64(m.ttl, 3);
    CHECK_U64(m.hops, 0);
    CHECK_U64(m.flags, QUERY_FLAGS);
    CHECK_U64(m.text.len, strlen("generic song"));
    CHECK(memcmp(m.text.at, "generic song", m.text.len) == 0);
}

TEST(a_query_by_hash_has_no_text)
{
    struct gnutella_msg m;
    struct span part;
    uint8_t digest[20];
    char text[33];

    both_ways(&m,
              BYTES(ID "\x80\x03\0\x2d\0\0\0\x80\0\0"
                       "urn:sha1:KMEOSH445KOOIGDTJI3BP7HDUDPBZCUI\0"),
              "QUERY");
    CHECK_U64(m.text.len, 0);
    CHECK_U64(m.extra.len, 42);
    m.extra.len--; /* the NUL */
    CHECK(gnutella_next_extension(&m.extra, &part));
    CHECK(gnutella_urn(part, digest));
    CHECK_U64(digest[0], 0x53);
    gnutella_base32_write(digest, 20, text);
    CHECK_TEXT(text, "KMEOSH445KOOIGDTJI3BP7HDUDPBZCUI");
}

TEST(a_pong_is_the_reference_s)
{
    struct gnutella_msg m;
    uint8_t data[8];

    both_ways(&m,
              BYTES(ID "\x01\x01\0\x1d\0\0\0\xda\x3f\x7f\0\0\x01\x01\0\0\0"
                       "\x25\x01\0\0\xc3\x02VCEGTKG\x83\x82"
                       "DUA#"),
              "PONG");
    CHECK_U64(m.addr.port, 16346);
    CHECK_U64(m.addr.ip, 0x7f000001);
    CHECK_U64(m.files, 1);
    CHECK_U64(m.kilobytes, 293);
    CHECK_U64(gnutella_ggep(m.extra, "VC", data, sizeof data), 5);
    CHECK_U64(gnutella_ggep(m.extra, "DU", data, sizeof data), 1);
    CHECK_U64(data[0], 0x23);
    CHECK(gnutella_ggep(m.extra, "UP", data, sizeof data) == ERR_MALFORMED);
}

TEST(a_ping_is_empty_or_asks_for_cached_peers)
{
    struct gnutella_msg m;
    uint8_t data[8];

    both_ways(&m, BYTES(ID "\0\x07\0\0\0\0\0"), "PING");
    both_ways(&m, BYTES(ID "\0\x01\0\x07\0\0\0\xc3\x83SCPA\0"), "PING");
    CHECK_U64(gnutella_ggep(m.extra, "SCP", data, sizeof data), 1);
}

static const char hit[] =
    ID "\x81\x06\0\xb9\0\0\0\x01\xda\x3f\x7f\0\0\x01\x10\0\0\0"
       "\x01\0\0\0\xe0\x93\x04\0generic band - generic song.mp3\0"
       "urn:sha1:KMEOSH445KOOIGDTJI3BP7HDUDPBZCUI\x1c"
       "\xc3\x02TT\x58"
       "123456789012345678901234\x82"
       "CT\x44\x0b\x85\x0a\x66\0"
       "GTKG\x02\x2c\x21\xc3\x05GTKGV\x53"
       "1234567890123456789\x82"
       "BH\x40" SERVENT;

TEST(a_query_hit_is_the_reference_s)
{
    struct gnutella_msg m;
    struct gnutella_result r;
    struct span part;
    uint8_t digest[20], data[8];

    CHECK_U64(sizeof hit - 1, HEADER_BYTES + 185);
    both_ways(&m, BYTES(hit), "QUERY_HIT");
    CHECK_U64(m.count, 1);
    CHECK_U64(m.addr.port, 16346);
    CHECK_U64(m.speed, 16);
    CHECK(memcmp(m.servent, SERVENT, GUID_BYTES) == 0);
    CHECK(!gnutella_hit_push(&m)); /* flags2 says it is known, flags: no */
    CHECK(gnutella_next_result(&m.results, &r));
    CHECK_U64(r.index, 1);
    CHECK_U64(r.size, 300000);
    CHECK_U64(r.name.len, strlen("generic band - generic song.mp3"));
    CHECK(gnutella_next_extension(&r.extra, &part));
    CHECK(gnutella_urn(part, digest));
    CHECK(gnutella_next_extension(&r.extra, &part));
    CHECK_U64(gnutella_ggep(part, "CT", data, sizeof data), 4);
    CHECK(!gnutella_next_extension(&r.extra, &part));
    CHECK(!gnutella_next_result(&m.results, &r));
}

TEST(a_push_a_bye_and_routes_go_both_ways)
{
    struct gnutella_msg m;

    both_ways(&m,
              BYTES(ID "\x40\x05\0\x1a\0\0\0" SERVENT
                       "\x01\0\0\0\x7f\0\0\x01\xda\x3f"),
              "PUSH");
    CHECK_U64(m.addr.port, 16346);
    CHECK_U64(m.index, 1);
    both_ways(&m, BYTES(ID "\x02\x01\0\x0b\0\0\0\xc8\0Shutdown\0"), "BYE");
    CHECK_U64(m.code, 200);
    both_ways(&m, BYTES(ID "\x30\x01\0\x06\0\0\0\0\0\x40\0\0\x02"),
              "ROUTE_RESET");
    CHECK_U64(m.slots, 16384);
    CHECK_U64(m.infinity, 2);
    both_ways(&m, BYTES(ID "\x30\x01\0\x07\0\0\0\x01\x01\x01\0\x04\xf0\x0f"),
              "ROUTE_PATCH");
    CHECK_U64(m.data.len, 2);
    both_ways(&m, BYTES(ID "\x31\x01\0\x0a\0\0\0BEAR\x0b\0\x01\0\x05\0"),
              "VENDOR");
    CHECK_U64(m.code, 11);
}

/* A whole message with this payload: is it dropped, and its link kept? */
static void is_dropped(uint8_t type, const uint8_t *payload, size_t len)
{
    uint8_t *data = calloc(1, HEADER_BYTES + len);
    struct gnutella_msg m;
    struct fields f = fields_new();
    static const struct framing framing = {PHASE_MESSAGES, true};

    data[16] = type;
    data[17] = 1;
    data[19] = (uint8_t)len;
    data[20] = (uint8_t)(len >> 8);
    if (len > 0)
        memcpy(data + HEADER_BYTES, payload, len);
    CHECK_U64(gnutella_decode(&m, data, HEADER_BYTES + len),
              HEADER_BYTES + len);
    CHECK(m.bad);
    gnutella_describe(&framing, data, HEADER_BYTES + len, &f);
    CHECK(fields_cover(&f, HEADER_BYTES + len));
    CHECK(fields_unknown(&f, &gnutella_protocol, false) == NULL);
    fields_free(&f);
    free(data);
}

TEST(a_payload_of_wrong_length_is_bad_and_well_framed)
{
    static const uint8_t zero[64];

    for (size_t len = 0; len < 64; len++) {
        if (len != 14)
            is_dropped(GNUTELLA_PONG, zero, len);
        if (len != 26)
            is_dropped(GNUTELLA_PUSH, zero, len);
        if (len > 0)
            is_dropped(GNUTELLA_PING, zero, len); /* no GGEP */
        if (len < 3)
            is_dropped(GNUTELLA_QUERY, zero, len); /* no NUL */
        if (len < 27)
            is_dropped(GNUTELLA_HIT, zero, len);
        if (len != 6)
            is_dropped(GNUTELLA_ROUTE, zero, len);
        if (len < 8)
            is_dropped(GNUTELLA_VENDOR, zero, len);
    }
    is_dropped(GNUTELLA_QUERY, BYTES("\x80\0unterminated"));
    is_dropped(GNUTELLA_BYE, BYTES("\xc8\0unterminated"));
}

TEST(a_hit_that_ends_anywhere_is_bad)
{
    const uint8_t *payload = (const uint8_t *)hit + HEADER_BYTES;
    struct gnutella_msg m;

    for (size_t len = 0; len < 11 + 8 + 32 + 80 + GUID_BYTES; len++)
        is_dropped(GNUTELLA_HIT, payload, len);
    /* More results than there are. */
    uint8_t more[sizeof hit];
    memcpy(more, hit, sizeof hit);
    more[HEADER_BYTES] = 200;
    CHECK_U64(gnutella_decode(&m, more, sizeof hit - 1), sizeof hit - 1);
    CHECK(m.bad);
}

TEST(a_ggep_block_that_lies_is_bad)
{
    static const char *const bad[] = {
        "\xc3",
        "\xc3\x80", /* an id of no bytes */
        "\xc3\x83SC",
        "\xc3\x83SCP",
        "\xc3\x83SCP\x42x",            /* past the end */
        "\xc3\x83SCP\x81\x81\x81\x41", /* a length of four bytes */
        "\xc3\x03SCP\x40",             /* no last one */
        "\xc3\x83SCP\x40x"};           /* something behind */

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        is_dropped(GNUTELLA_PING, (const uint8_t *)bad[i], strlen(bad[i]));
}

TEST(ggep_lengths_are_the_reference_s)
{
    static const struct {
        const char *length;
        size_t bytes;
    } cases[] = {{"\x40", 0},
                 {"\x7f", 63},
                 {"\x81\x40", 64},
                 {"\xbf\x7f", 4095},
                 {"\x81\x80\x40", 4096}};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t block[8192] = "\xc3\x81X";
        size_t head = 3 + strlen(cases[i].length);
        uint8_t data[8192];
        memcpy(block + 3, cases[i].length, head - 3);
        CHECK_U64(gnutella_ggep((struct span){block, head + cases[i].bytes},
                                "X", data, sizeof data),
                  cases[i].bytes);
    }
}

/* As COBS is published: runs of bytes that are not zero, behind their length
   and one; an LF without zeros needs none, and is read too. */
TEST(a_large_file_s_size_holds_no_zero)
{
    static const struct {
        uint64_t bytes;
        const char *block;
        size_t len;
    } cases[] = {
        {UINT64_C(5) << 30, "\xc3\xc2LF\x46\1\1\1\3\x40\1", 11},
        {UINT64_C(0x123456789a), "\xc3\xc2LF\x46\6\x9a\x78\x56\x34\x12", 11},
        {UINT64_C(0x0100000000ff), "\xc3\xc2LF\x47\2\xff\1\1\1\2\1", 12}};
    uint8_t out[LARGE_BYTES];
    uint64_t bytes = 0;

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        CHECK_U64(gnutella_put_large(cases[i].bytes, out), cases[i].len);
        CHECK(memcmp(out, cases[i].block, cases[i].len) == 0);
        CHECK(gnutella_large((struct span){out, cases[i].len}, &bytes));
        CHECK_U64(bytes, cases[i].bytes);
    }
    CHECK(gnutella_large(
        (struct span){(const uint8_t *)"\xc3\x82LF\x45\1\2\3\4\5", 10},
        &bytes));
    CHECK_U64(bytes, UINT64_C(0x0504030201));
    CHECK(!gnutella_large(
        (struct span){(const uint8_t *)"\xc3\xc2LF\x42\x09\1", 7}, &bytes));
    CHECK(!gnutella_large(
        (struct span){(const uint8_t *)"\xc3\xc2LF\x42\0\1", 7}, &bytes));
}

/* A hit of no results with this trailer. */
static struct gnutella_msg with_trailer(const char *trailer, size_t len)
{
    struct gnutella_msg m = {.type = GNUTELLA_HIT};

    m.trailer = (struct span){(const uint8_t *)trailer, len};
    return m;
}

/* Bit 0 of flags says "firewalled", and that of flags2 that this is known;
   PUSH names addresses, plain or in COBS, but not deflated. */
TEST(a_trailer_s_push_bit_and_proxies_are_the_reference_s)
{
    static const struct {
        const char *flags;
        bool push;
    } bits[] = {{"\1\1", true}, {"\1\0", false}, {"\0\1", false}};
    static const struct {
        const char *block;
        size_t len;
        uint32_t ip;
    } blocks[] = {{"\xc3\x84PUSH\x46\x7f\0\0\1\2\1", 13, 0x7f000001},
                  {"\xc3\xc4PUSH\x47\2\x7f\1\4\1\2\1", 14, 0x7f000001},
                  {"\xc3\x84PUSH\x4c\1\2\3\4\2\1\5\6\7\x8\2\1", 19, 0x01020304},
                  {"\xc3\xa4PUSH\x46\x7f\0\0\1\2\1", 13, 0},
                  {"\xc3\x84PUSH\x45\x7f\0\0\1\2", 12, 0},
                  {"\xc3\xc4PUSH\x47\2\x7f\1\5\1\2\1", 14, 0}};
    char trailer[64] = "P2PL\2";
    struct gnutella_msg m;

    for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++) {
        memcpy(trailer + 5, bits[i].flags, 2);
        m = with_trailer(trailer, 7);
        CHECK(gnutella_hit_push(&m) == bits[i].push);
    }
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        memcpy(trailer + 7, blocks[i].block, blocks[i].len);
        m = with_trailer(trailer, 7 + blocks[i].len);
        CHECK_U64(gnutella_hit_proxy(&m).ip, blocks[i].ip);
        CHECK_U64(gnutella_hit_proxy(&m).port, blocks[i].ip != 0 ? 258 : 0);
    }
}

TEST(every_prefix_needs_more_and_a_huge_length_ends_the_link)
{
    struct gnutella_msg m;

    for (size_t len = 0; len < sizeof hit - 1; len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1); /* exactly its size */
        memcpy(copy, hit, len);
        CHECK_U64(gnutella_decode(&m, copy, len), 0);
        free(copy);
    }
    CHECK(gnutella_decode(&m, BYTES(ID "\x80\x03\0\xff\xff\xff\x7f")) ==
          ERR_LIMIT);
}

int main(void)
{
    RUN(a_query_is_the_reference_s);
    RUN(a_query_by_hash_has_no_text);
    RUN(a_pong_is_the_reference_s);
    RUN(a_ping_is_empty_or_asks_for_cached_peers);
    RUN(a_query_hit_is_the_reference_s);
    RUN(a_push_a_bye_and_routes_go_both_ways);
    RUN(a_payload_of_wrong_length_is_bad_and_well_framed);
    RUN(a_hit_that_ends_anywhere_is_bad);
    RUN(a_ggep_block_that_lies_is_bad);
    RUN(ggep_lengths_are_the_reference_s);
    RUN(a_large_file_s_size_holds_no_zero);
    RUN(a_trailer_s_push_bit_and_proxies_are_the_reference_s);
    RUN(every_prefix_needs_more_and_a_huge_length_ends_the_link);
    return test_end();
}
