/* The small things that all else stands on: ids, codec, fields, text. */
#include "common/codec.h"
#include "common/hash.h"
#include "tests/described.h"
#include "tests/unit/test.h"

TEST(sha1_is_the_reference_of_chord_md)
{
    static const uint8_t addr[6] = {127, 0, 0, 1, 0x1b, 0x58};
    struct id low = id_hash(addr, 6, 7), all = id_hash(addr, 6, 160);
    struct text t = text_new();

    CHECK_U64(id_low(low), 19);
    id_text(&t, &all, 160);
    CHECK_TEXT(t.data, "0x27da2bfe4623f0556dfa7e0201b04698eb342c64");
    CHECK_U64(id_low(id_hash("cnn.com/index.html", 18, 7)), 99);
    CHECK_U64(id_low(id_hash("file188.txt", 11, 7)), 42);
    text_free(&t);
}

TEST(top_bits_of_a_longer_id_are_the_shorter_id)
{
    for (unsigned bits = 1; bits < ID_BITS_MAX; bits++) {
        struct id a = id_hash("x", 1, bits), b = id_hash("x", 1, bits + 1);
        struct id twice = id_distance(b, a, ID_BITS_MAX); /* b - a - a */
        twice = id_distance(twice, a, ID_BITS_MAX);
        CHECK(id_low(twice) <= 1);
    }
}

TEST(arcs_wrap_and_the_arc_from_a_to_a_is_the_circle)
{
    struct id a = id_of(16), b = id_of(112), x = id_of(5), y = id_of(50);

    CHECK(id_in_open(&x, &b, &a));
    CHECK(!id_in_open(&y, &b, &a));
    CHECK(id_in_open(&y, &a, &b));
    CHECK(!id_in_open(&a, &a, &b));
    CHECK(!id_in_open(&b, &a, &b));
    CHECK(id_in_half_open(&b, &a, &b));
    CHECK(id_in_open(&x, &a, &a));
    CHECK(!id_in_open(&a, &a, &a));
    CHECK(id_in_half_open(&a, &a, &a));
}

TEST(adding_powers_wraps_at_two_to_the_bits)
{
    CHECK_U64(id_low(id_add_power(id_of(80), 6, 7)), 16);
    struct id top = id_add_power(id_of(0), 159, 160);
    CHECK_U64(top.word[0], 0x80000000u);
    top = id_add_power(top, 159, 160);
    CHECK(id_is_zero(&top));
    CHECK_U64(id_low(id_distance(id_of(16), id_of(112), 7)), 32);
}

TEST(ids_are_read_in_decimal_and_hex_and_refused_when_too_big)
{
    struct id a;

    CHECK(id_parse(&a, 7, "127") && id_low(a) == 127);
    CHECK(!id_parse(&a, 7, "128"));
    CHECK(id_parse(&a, 7, "0x7F") && id_low(a) == 127);
    CHECK(!id_parse(&a, 7, "") && !id_parse(&a, 7, "0x"));
    CHECK(!id_parse(&a, 7, "1a") && !id_parse(&a, 7, "-1"));
    CHECK(!id_parse(&a, 160,
                    "1461501637330902918203684832716283019655932542976"));
    CHECK(
        id_parse(&a, 160, "1461501637330902918203684832716283019655932542975"));
    CHECK_U64(a.word[0], 0xffffffffu);
}

struct sample {
    uint8_t kind;
    struct id key;
    struct addr origin;
};

static void walk(struct codec *c, struct sample *m)
{
    code_magic(c, "magic", 0x50325043);
    code_u8(c, "kind", &m->kind);
    code_require(c, m->kind < 8);
    code_id(c, "key", &m->key, 7);
    code_addr(c, "origin", &m->origin);
}

TEST(bulk_data_is_one_field_with_all_its_bytes)
{
    const uint8_t data[20] = {0xab};
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT t = text_new();

    fields_bulk(&f, data, sizeof data);
    CHECK(fields_cover(&f, sizeof data));
    CHECK_TEXT(f.type, "DATA");
    fields_line(&t, &f, NULL);
    CHECK_TEXT(t.data, "data ab00000000000000000000000000000000000000");
}

TEST(one_walk_writes_reads_and_describes)
{
    struct sample m = {3, id_of(42), {0x7f000001, 7074}}, back = {0};
    uint8_t bytes[64];
    struct codec w = codec_writer(bytes, sizeof bytes);
    struct fields f = fields_new();
    struct text t = text_new();

    walk(&w, &m);
    CHECK_U64(w.at, 12);
    struct codec d = codec_describer(bytes, w.at, &f);
    walk(&d, &back);
    CHECK(!d.bad && back.kind == 3 && id_low(back.key) == 42);
    CHECK(fields_cover(&f, w.at));
    fields_line(&t, &f, NULL);
    CHECK_TEXT(t.data, "kind 3 key 42 origin 127.0.0.1:7074");
    text_clear(&t);
    fields_json(&t, &f, NULL, true);
    CHECK_TEXT(t.data, "{\"magic\":\"0x50325043\",\"kind\":3,\"key\":42,"
                       "\"origin\":\"127.0.0.1:7074\"}");
    for (size_t len = 0; len < w.at; len++) {
        struct codec r = codec_reader(bytes, len);
        walk(&r, &back);
        CHECK(r.bad);
        /* What is cut off is described all the same, to its last byte. */
        struct fields part = fields_new();
        struct codec cut = codec_describer(bytes, len, &part);
        walk(&cut, &back);
        fields_undecoded(&part, cut.at, len);
        CHECK(fields_cover(&part, len));
        fields_free(&part);
    }
    fields_free(&f);
    text_free(&t);
}

TEST(lists_and_groups_nest_in_json_and_in_lines)
{
    struct fields f = fields_new();
    struct text t = text_new();

    fields_text(&f, "owner", "n45");
    fields_begin(&f, FIELD_LIST, "path");
    fields_text(&f, "", "n80");
    fields_text(&f, "", "n45");
    fields_end(&f);
    fields_begin(&f, FIELD_LIST, "none");
    fields_end(&f);
    fields_begin(&f, FIELD_GROUP, "at");
    fields_number(&f, "hops", 3);
    fields_end(&f);
    fields_json(&t, &f, NULL, true);
    CHECK_TEXT(t.data, "{\"owner\":\"n45\",\"path\":[\"n80\",\"n45\"],"
                       "\"none\":[],\"at\":{\"hops\":3}}");
    text_clear(&t);
    fields_line(&t, &f, NULL);
    CHECK_TEXT(t.data, "owner n45 path n80,n45 at hops 3");
    fields_free(&f);
    text_free(&t);
}

TEST(text_from_outside_cannot_reach_the_terminal)
{
    struct text t = text_new();

    text_safe(&t, "a\033[2Jb\n", 7);
    CHECK_TEXT(t.data, "a.[2Jb.");
    text_clear(&t);
    text_json(&t, "\"\\\033\xff\xc3\xa4", 6);
    CHECK_TEXT(t.data, "\"\\\"\\\\\\u001b\\u00ff\xc3\xa4\"");
    text_clear(&t);
    text_seconds(&t, 1034567);
    text_char(&t, ' ');
    text_seconds(&t, 1200000);
    text_char(&t, ' ');
    text_seconds(&t, 100000000);
    CHECK_TEXT(t.data, "1.034567 1.2 100");
    text_free(&t);
}

static void check_hex(const uint8_t *digest, size_t len, const char *wanted)
{
    struct text t = text_new();

    for (size_t i = 0; i < len; i++)
        text_printf(&t, "%02x", digest[i]);
    CHECK_TEXT(t.data, wanted);
    text_free(&t);
}

/* Source: [rfc1321] A.5, [rfc3174] 7.3, [rfc7914] 11; the checksum of
   "123456789" is known to all who write one. */
TEST(hashes_are_those_of_their_standards_in_parts_too)
{
    uint8_t digest[SHA256_BYTES];

    hash_md5(digest, "abc", 3);
    check_hex(digest, MD5_BYTES, "900150983cd24fb0d6963f7d28e17f72");
    struct hash *h = hash_begin(HASH_MD5);
    hash_add(h, "a", 1);
    hash_add(h, "bc", 2);
    CHECK_U64(hash_end(h, digest), MD5_BYTES);
    check_hex(digest, MD5_BYTES, "900150983cd24fb0d6963f7d28e17f72");
    h = hash_begin(HASH_SHA1);
    hash_add(h, "ab", 2);
    hash_add(h, "c", 1);
    CHECK_U64(hash_end(h, digest), SHA1_BYTES);
    check_hex(digest, SHA1_BYTES, "a9993e364706816aba3e25717850c26c9cd0d89d");
    hash_password(digest, "passwd", (const uint8_t *)"salt", 4, 1);
    check_hex(digest, SHA256_BYTES,
              "55ac046e56e3089fec1691c22544b605"
              "f94185216dde0465e68b9d57c20dacbc");
    CHECK_U64(hash_crc32_more(0, "123456789", 9), 0xcbf43926);
}

int main(void)
{
    RUN(hashes_are_those_of_their_standards_in_parts_too);
    RUN(sha1_is_the_reference_of_chord_md);
    RUN(top_bits_of_a_longer_id_are_the_shorter_id);
    RUN(arcs_wrap_and_the_arc_from_a_to_a_is_the_circle);
    RUN(adding_powers_wraps_at_two_to_the_bits);
    RUN(ids_are_read_in_decimal_and_hex_and_refused_when_too_big);
    RUN(bulk_data_is_one_field_with_all_its_bytes);
    RUN(one_walk_writes_reads_and_describes);
    RUN(lists_and_groups_nest_in_json_and_in_lines);
    RUN(text_from_outside_cannot_reach_the_terminal);
    return test_end();
}
