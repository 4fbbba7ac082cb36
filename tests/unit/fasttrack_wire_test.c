/* FastTrack on the wire: every vector of the reference, and every way in which
   a message can be cut short. */
#include <stdlib.h>

#include "common/expr.h"
#include "fasttrack/node.h"
#include "fasttrack/uuhash.h"
#include "fasttrack/wire.h"
#include "tests/described.h"
#include "tests/unit/test.h"

/* A literal that may hold NULs, as pointer and length. */
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

static const char *hex(const uint8_t *data, size_t len)
{
    static char text[2048];

    fasttrack_hex(data, len < 1000 ? len : 1000, text);
    return text;
}

static size_t unhex(const char *text, uint8_t *data)
{
    size_t len = strlen(text) / 2;

    CHECK(fasttrack_unhex(text, 2 * len, data, len));
    return len;
}

static struct span span_of(const char *s)
{
    return (struct span){(const uint8_t *)s, strlen(s)};
}

/* -- The cipher ----------------------------------------------------------------- */

TEST(a_seed_gives_the_reference_s_keystream)
{
    static const struct {
        uint32_t seed;
        const char *stream;
    } vectors[] = {{0x00000000, "a3ed06c136190f0404a0612f01cab65f"},
                   {0x00000001, "fb5b402f3831bca78f16c0dcf7162019"},
                   {0xfacb1238, "308d04bffc3ebd213c2953fe6797a615"}};
    static const uint8_t zeros[16];

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        struct cipher c;
        uint8_t out[16];
        fasttrack_cipher_begin(&c, vectors[i].seed);
        fasttrack_cipher_run(&c, zeros, out, sizeof out);
        CHECK_TEXT(hex(out, sizeof out), vectors[i].stream);
    }
}

TEST(the_keystream_has_no_seams)
{
    struct cipher whole, parts;
    uint8_t a[5000] = {0}, b[5000] = {0};

    fasttrack_cipher_begin(&whole, 77);
    fasttrack_cipher_begin(&parts, 77);
    fasttrack_cipher_run(&whole, a, a, sizeof a);
    for (size_t at = 0, len = 1; at < sizeof b; at += len, len = len % 97 + 1) {
        len = len < sizeof b - at ? len : sizeof b - at;
        fasttrack_cipher_run(&parts, b + at, b + at, len);
    }
    CHECK(memcmp(a, b, sizeof a) == 0);
}

/* -- The golden transcript --------------------------------------------------------- */

static size_t encode_node_info(uint8_t *out)
{
    return fasttrack_encode(&(struct fasttrack_msg){.type = MSG_NODE_INFO,
                                                    .addr = {0x7f000001, 1214},
                                                    .bandwidth = 0x68,
                                                    .name = span_of("alice")},
                            out);
}

static size_t encode_query(uint8_t *out)
{
    uint8_t terms[128];
    size_t len = 0;

    CHECK(fasttrack_put_term(
        terms, sizeof terms, &len,
        &(struct term){CMP_SUBSTRING, TAG_ANY, span_of("chord")}));
    return fasttrack_encode(&(struct fasttrack_msg){.type = MSG_QUERY,
                                                    .results_max = 32,
                                                    .realm = REALM_ANY,
                                                    .terms = 1,
                                                    .list = {terms, len}},
                            out);
}

TEST(a_session_is_the_golden_transcript)
{
    static uint8_t plain[HEADER_BYTES + PAYLOAD_MAX], wire[256];
    struct way up, down;
    size_t len;

    fasttrack_way(&up, true, CLIENT_SEED ^ SERVER_SEED);
    fasttrack_way(&down, true, SERVER_SEED);
    fasttrack_cipher_run(&down.cipher, (const uint8_t *)"KaZaA", wire, 6);
    CHECK_TEXT(hex(wire, 6), "e88c5ca07719");
    fasttrack_cipher_run(&up.cipher, (const uint8_t *)"KaZaA", wire, 6);
    CHECK_TEXT(hex(wire, 6), "7bec5edebd3e");

    len = encode_node_info(plain);
    CHECK_TEXT(hex(plain, len), "4b0200000d7f00000104be6800616c696365");
    fasttrack_wrap(&up, plain, len, wire);
    CHECK_TEXT(hex(wire, len), "f6233c295e816797a711523a23ed31e74205");
    CHECK_U64(up.xinu, 0xffffffa1);

    len = encode_query(plain);
    fasttrack_wrap(&up, plain, len, wire);
    CHECK_TEXT(hex(wire, len), "cc0c926c8b2e96665ae62580bf005f4943561e161aeb");
    CHECK_U64(up.xinu, 0x00000049);
}

/* The reference prints the second message as the first one's state orders it:
   type_hi, len_lo, len_hi, type_lo. */
TEST(the_header_s_order_follows_the_state)
{
    static uint8_t plain[HEADER_BYTES + PAYLOAD_MAX], wire[256];
    struct way w;
    struct cipher stream;

    fasttrack_way(&w, true, 5);
    size_t len = encode_node_info(plain);
    fasttrack_wrap(&w, plain, len, wire);
    len = encode_query(plain);
    CHECK_TEXT(hex(plain, 5), "4b06000011");
    stream = w.cipher;
    fasttrack_wrap(&w, plain, len, wire);
    fasttrack_cipher_run(&stream, wire, wire, len);
    CHECK_TEXT(hex(wire, len), "4b00110006000100200000013f0105000563686f7264");
}

TEST(what_is_wrapped_unwraps_however_it_is_cut)
{
    static uint8_t plain[3][256], wire[600],
        scratch[HEADER_BYTES + PAYLOAD_MAX], out[ENCODED_MAX];
    size_t lens[3] = {0}, total = 0;
    const uint8_t *found = NULL;
    size_t found_len;

    for (int coded = 0; coded < 2; coded++) {
        struct way send, take;
        fasttrack_way(&send, coded != 0, CLIENT_SEED);
        fasttrack_way(&take, coded != 0, CLIENT_SEED);
        lens[0] = encode_node_info(out);
        memcpy(plain[0], out, lens[0]);
        plain[1][0] = 'P';
        lens[1] = 1;
        lens[2] = encode_query(out);
        memcpy(plain[2], out, lens[2]);
        total = 0;
        for (int i = 0; i < 3; i++) {
            fasttrack_wrap(&send, plain[i], lens[i], wire + total);
            total += lens[i];
        }
        size_t at = 0;
        for (int i = 0; i < 3; i++) {
            for (size_t part = 0; part < lens[i]; part++) {
                uint8_t *exact = malloc(part + 1);
                if (exact == NULL)
                    return;
                memcpy(exact, wire + at, part);
                CHECK_U64(fasttrack_unwrap(&take, exact, part, scratch, &found,
                                           &found_len),
                          0);
                free(exact);
            }
            CHECK_U64(fasttrack_unwrap(&take, wire + at, total - at, scratch,
                                       &found, &found_len),
                      lens[i]);
            CHECK(found_len == lens[i] &&
                  memcmp(found, plain[i], found_len) == 0);
            at += lens[i];
        }
    }
}

TEST(a_byte_that_begins_nothing_is_refused)
{
    struct way w;
    uint8_t scratch[16];
    const uint8_t *found = NULL;
    size_t len;

    fasttrack_way(&w, false, 0);
    CHECK(fasttrack_unwrap(&w, BYTES("Q"), scratch, &found, &len) < 0);
}

/* -- Packed integers ------------------------------------------------------------- */

TEST(packed_integers_are_the_reference_s)
{
    static const struct {
        uint32_t value;
        const char *bytes;
    } vectors[] = {{0, "00"},
                   {127, "7f"},
                   {128, "8100"},
                   {300, "822c"},
                   {16383, "ff7f"},
                   {16384, "818000"},
                   {3000000, "81b78d40"},
                   {UINT32_MAX, "8fffffff7f"}};
    uint8_t out[5];
    uint32_t value;

    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        size_t len = fasttrack_put_dynint(out, vectors[i].value);
        CHECK_TEXT(hex(out, len), vectors[i].bytes);
        CHECK_U64(fasttrack_dynint(out, len, &value), len);
        CHECK_U64(value, vectors[i].value);
        for (size_t part = 0; part < len; part++)
            CHECK_U64(fasttrack_dynint(out, part, &value), 0);
    }
    CHECK(fasttrack_dynint(BYTES("\x80\x01"), &value) < 0);
    CHECK(fasttrack_dynint(BYTES("\x90\x80\x80\x80\0"), &value) < 0);
    CHECK(fasttrack_dynint(BYTES("\x8f\xff\xff\xff\xff\x7f"), &value) < 0);
}

/* -- Messages ----------------------------------------------------------------- */

/* Decode, describe, encode again, and refuse every prefix. */
static void both_ways(struct fasttrack_msg *m, const char *bytes,
                      const char *type)
{
    static const struct framing framing = {PHASE_MESSAGES, true};
    static uint8_t data[512], out[ENCODED_MAX];
    struct fasttrack_msg part;
    struct fields f = fields_new();
    size_t len = unhex(bytes, data);

    CHECK_U64(fasttrack_decode(m, data, len), 0);
    CHECK_U64(fasttrack_encode(m, out), len);
    CHECK_TEXT(hex(out, len), bytes);
    fasttrack_describe(&framing, data, len, &f);
    CHECK(fields_cover(&f, len));
    CHECK(fields_unknown(&f, &fasttrack_protocol, false) == NULL);
    CHECK(fields_find(&f, "undecoded") == NULL);
    CHECK_TEXT(f.type, type);
    fields_free(&f);
    for (size_t i = 0; i < len; i++) {
        uint8_t *exact = malloc(i + 1);
        if (exact == NULL)
            return;
        memcpy(exact, data, i);
        CHECK(fasttrack_decode(&part, exact, i) < 0);
        free(exact);
    }
    CHECK_U64(fasttrack_decode(m, data, len), 0);
}

/* A message's body, behind a header of its own. */
static void body(struct fasttrack_msg *m, const char *head, const char *bytes,
                 const char *type)
{
    char all[1024];

    snprintf(all, sizeof all, "4b%s%04zx%s", head, strlen(bytes) / 2, bytes);
    both_ways(m, all, type);
}

TEST(a_node_says_who_it_is)
{
    struct fasttrack_msg m;

    body(&m, "0200", "7f00000104be6800616c696365", "NODE_INFO");
    CHECK_U64(m.addr.port, 1214);
    CHECK_U64(m.bandwidth, 0x68);
    CHECK_U64(m.name.len, 5);
}

TEST(a_node_list_has_eight_bytes_each)
{
    struct fasttrack_msg m;
    struct node_entry e;

    body(&m, "0000", "0a00000104be05460a00000204bf0750", "NODES");
    CHECK(fasttrack_next_node(&m.list, &e));
    CHECK_U64(e.addr.ip, 0x0a000001);
    CHECK_U64(e.seen_min, 5);
    CHECK_U64(e.load, 70);
    CHECK(fasttrack_next_node(&m.list, &e));
    CHECK(!fasttrack_next_node(&m.list, &e));
}

TEST(a_shared_file_has_hash_and_tags)
{
    struct fasttrack_msg m;
    struct tag_value t;

    body(&m, "2200",
         "00010000"
         "98047383d30c43315be746382afd82f2fffbffff"
         "945c"
         "8800"
         "02"
         "0205612e6f6767"
         "05028120",
         "SHARE");
    CHECK_U64(m.size, 1024);
    CHECK_U64(m.file_id, 2652);
    CHECK_U64(m.tags, 2);
    CHECK(fasttrack_next_tag(&m.list, &t));
    CHECK_U64(t.tag, TAG_NAME);
    CHECK(t.value.len == 5 && memcmp(t.value.at, "a.ogg", 5) == 0);
    CHECK(fasttrack_next_tag(&m.list, &t));
    CHECK_U64(t.tag, TAG_SECONDS);
    CHECK(!fasttrack_next_tag(&m.list, &t));
}

TEST(a_query_asks_by_words_or_by_hash)
{
    struct fasttrack_msg m;
    struct term t;

    body(&m, "0600",
         "00010020000001"
         "3f01"
         "0500"
         "0563686f7264",
         "QUERY");
    CHECK(fasttrack_next_term(&m.list, &t));
    CHECK_U64(t.compare, CMP_SUBSTRING);
    CHECK_U64(t.value.len, 5);
    /* as mldonkey asks by hash, with a term of an unknown kind behind it */
    body(&m, "0600",
         "00010020000101bf02"
         "00031498047383d30c43315be746382afd82f2fffbffff"
         "06250102",
         "QUERY");
    CHECK_U64(m.realm & 0x7f, REALM_ANY);
    CHECK(fasttrack_next_term(&m.list, &t));
    CHECK_U64(t.tag, TAG_HASH);
    CHECK_U64(t.value.len, HASH_BYTES);
    CHECK(fasttrack_next_term(&m.list, &t));
    CHECK_U64(t.compare, CMP_UNKNOWN);
}

#define HASH "98047383d30c43315be746382afd82f2fffbffff"

TEST(a_reply_may_name_a_user_once)
{
    struct fasttrack_msg m;
    struct result r;

    body(&m, "0700",
         "0a00000104be"
         "0007"
         "0002"
         "0a00000504be68"
         "616c69636501"
         "4b615a614100" HASH "945c8800"
         "01"
         "0205612e6f6767"
         "0a00000504be68"
         "02" HASH "945c8800"
         "00",
         "REPLY");
    CHECK(fasttrack_next_result(&m.list, &r));
    CHECK(!r.same);
    CHECK_U64(r.user.len, 5);
    CHECK_U64(r.size, 1024);
    CHECK_U64(r.file_id, 2652);
    CHECK(fasttrack_next_result(&m.list, &r));
    CHECK(r.same);
    CHECK(!fasttrack_next_result(&m.list, &r));
}

TEST(the_small_messages)
{
    struct fasttrack_msg m;

    body(&m, "0300", "", "SEND_SHARES");
    body(&m, "0800", "0007", "QUERY_END");
    body(&m, "1d00", "4b615a6141", "NETWORK");
    body(&m, "2600", "00000022", "VERSION");
    body(&m, "2c00", "7f000001", "EXTERNAL_IP");
    CHECK_U64(m.addr.ip, 0x7f000001);
    body(&m, "0900", "0000000500000007000102", "STATS");
    body(&m, "6000", "0000012c01", "SCORE");
    body(&m, "6100", "", "PROMOTE");
    both_ways(&m, "50", "PING");
    both_ways(&m, "52", "PONG");
}

/* An address is shown as one, not as a number. */
TEST(an_external_ip_is_an_address)
{
    static const struct framing framing = {PHASE_MESSAGES, true};
    struct fields f = fields_new();
    struct text t = text_new();

    fasttrack_describe(&framing, BYTES("K\x2c\0\0\4\x7f\0\0\1"), &f);
    fields_line(&t, &f, NULL);
    CHECK_TEXT(t.data, "ip 127.0.0.1:0");
    text_free(&t);
    fields_free(&f);
}

TEST(a_name_has_255_bytes_at_most)
{
    static uint8_t data[HEADER_BYTES + 8 + 256] = {'K', 2};
    struct fasttrack_msg m;

    data[4] = 8 + 255 - 256; /* the length's low byte */
    data[3] = 1;
    CHECK_U64(fasttrack_decode(&m, data, sizeof data - 1), 0);
    CHECK_U64(m.name.len, 255);
    data[4]++;
    CHECK(fasttrack_decode(&m, data, sizeof data) < 0);
}

TEST(a_push_has_two_forms)
{
    struct fasttrack_msg m;

    body(&m, "0d00",
         "00000009"
         "0a00000104be"
         "0a00000204be"
         "0a00000304be"
         "626f62",
         "PUSH");
    CHECK_U64(m.push_form, 1);
    CHECK_U64(m.supernode.ip, 0x0a000003);
    static const uint8_t small[] = {'K', 0x0d, 0, 0, 10, 0, 0,   0,
                                    9,   10,   0, 0, 1,  4, 0xbe};
    CHECK_U64(fasttrack_decode(&m, small, sizeof small), 0);
    CHECK_U64(m.push_form, 0);
    CHECK_U64(m.id, 9);
}

TEST(between_supernodes_a_header_says_whence_and_how_far)
{
    struct fasttrack_msg m;

    body(&m, "0ac0",
         "0a00000104be"
         "0000"
         "02"
         "deadbeef"
         "0007"
         "013f01"
         "05000563686f7264",
         "FORWARD");
    CHECK_U64(m.hops, 2);
    CHECK_U64(m.id, 0xdeadbeef);
    body(&m, "0780",
         "0a00000104be"
         "0a00000204be"
         "03"
         "0a00000104be"
         "0007"
         "0000",
         "REPLY");
    CHECK_U64(m.target.ip, 0x0a000002);
    static const uint8_t far[] = {'K', 8, 0xc0, 0, 11, 10, 0, 0,
                                  1,   4, 0xbe, 0, 0,  7,  0, 7};
    CHECK(fasttrack_decode(&m, far, sizeof far) < 0); /* 7 hops */
}

TEST(neighbours_tell_their_standing)
{
    struct fasttrack_msg m;
    struct neighbour_entry e;

    body(&m, "0100",
         "0a00000104be"
         "32"
         "0004"
         "03"
         "0000003c"
         "0064"
         "000000000000000000"
         "01",
         "NEIGHBOURS");
    CHECK(fasttrack_next_neighbour(&m.list, &e));
    CHECK_U64(e.standing.load, 50);
    CHECK_U64(e.standing.children, 4);
    CHECK_U64(e.standing.age_s, 60);
    CHECK_U64(e.standing.participation, 100);
    CHECK_U64(e.hops, 1);
}

/* Source: reference, section 8: what was seen in the wild. */
TEST(what_the_wild_sends_is_refused)
{
    static const char *const bad[] = {
        "4b02000002"
        "7f00", /* cut off */
        "4b0700000a"
        "0a00000104be00070001", /* a result is missing */
        "4b0600000e"
        "00010020000001"
        "3f01"
        "05007f6162", /* past the end */
        "4b06000009"
        "00010020000001"
        "3f21",       /* 33 terms */
        "4b02400000", /* no such route */
        "41"};
    uint8_t data[64];
    struct fasttrack_msg m;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(fasttrack_decode(&m, data, unhex(bad[i], data)) < 0);
}

TEST(datagrams_find_supernodes)
{
    uint8_t out[UDP_BYTES_MAX];
    struct udp_msg m;

    size_t len = fasttrack_udp_encode(&(struct udp_msg){.type = UDP_PING}, out);
    CHECK_TEXT(hex(out, len), "270000002980"
                              "4b615a614100");
    CHECK(fasttrack_udp_decode(&m, BYTES("\x27\0\0\0\xa9\x80KaZaA\0")));
    CHECK_U64(m.type, UDP_PING);
    len = fasttrack_udp_encode(
        &(struct udp_msg){.type = UDP_PONG, .age_min = 9, .load = 30}, out);
    CHECK(fasttrack_udp_decode(&m, out, len));
    CHECK_U64(m.age_min, 9);
    CHECK_U64(m.load, 30);
    for (size_t i = 0; i < len; i++)
        CHECK(!fasttrack_udp_decode(&m, out, i));
    len = fasttrack_udp_encode(&(struct udp_msg){.type = UDP_FULL}, out);
    CHECK(fasttrack_udp_decode(&m, out, len));
}

/* -- Hashes --------------------------------------------------------------------- */

static uint8_t pattern(uint64_t i)
{
    return (uint8_t)(167 * i + 13 * (i >> 8) + 7 * (i >> 16));
}

static void hash_file(const uint8_t *file, uint64_t bytes,
                      uint8_t hash[HASH_BYTES])
{
    struct region region[UUHASH_REGIONS_MAX];
    size_t count = fasttrack_regions(bytes, region);
    uint8_t md5[MD5_BYTES];
    uint32_t crc = 0;

    hash_md5(md5, file, region[0].len);
    for (size_t i = 1; i < count; i++)
        crc = hash_crc32_more(crc, file + region[i].from, region[i].len);
    fasttrack_uuhash(hash, md5, crc, bytes);
}

static void hash_tree(const uint8_t *file, uint64_t bytes,
                      uint8_t root[MD5_BYTES])
{
    static struct md5_tree tree;
    uint8_t leaf[MD5_BYTES];

    memset(&tree, 0, sizeof tree);
    for (uint64_t at = 0; at < bytes; at += KZHASH_BLOCK) {
        uint64_t len = bytes - at < KZHASH_BLOCK ? bytes - at : KZHASH_BLOCK;
        hash_md5(leaf, file + at, len);
        fasttrack_tree_add(&tree, leaf);
    }
    fasttrack_tree_end(&tree, root);
}

struct hash_vector {
    uint64_t bytes;
    const char *uuhash;
    unsigned file_id;
    const char *tree; /* NULL: not given */
};

static const struct hash_vector zeros[] = {
    {0, "d41d8cd98f00b204e9800998ecf8427effffffff", 10881,
     "d41d8cd98f00b204e9800998ecf8427e"},
    {1, "93b885adfe0da089cdf634904fd59f71feffffff", 10456,
     "7e4696ef25d5faececd853ce5e2a233b"},
    {1024, "0f343b0931126a20f133d67c2b018a3bfffbffff", 9152,
     "e4384ce6618d6cff0050709838612d31"},
    {307199, "60aebe163e92e0c1b3102f47f419f7810050fbff", 2576,
     "18560da3f80edbf58e1294e06ff8441c"},
    {307200, "90aeded9922cf8946ea7858635493724ff4ffbff", 9880,
     "5e2cbca8fab3fe0e6aafdf77ed8ed538"},
    {307201, "90aeded9922cf8946ea785863549372473a0f92d", 13775,
     "b9cbe185751a6329a1a9e15f84a4f464"},
    {614400, "90aeded9922cf8946ea7858635493724695f1a7d", 5812,
     "8fbb35ba33faa301ab470ead66c9cd21"},
    {1048576, "90aeded9922cf8946ea7858635493724693f037d", 13364,
     "1d32d3ed315fa9fcb6a779a4c3b525c5"},
    {1355776, "90aeded9922cf8946ea7858635493724698f077d", 1551,
     "885694e037f92974b20b612a749df7d7"},
    {1662977, "90aeded9922cf8946ea7858635493724ae2cb039", 3984,
     "24d56a572102f085209a8291737bba9f"},
    {2097169, "90aeded9922cf8946ea7858635493724be4c8939", 12369,
     "bce15cae48b76b4ef0acf60070f61999"},
    {5242880, "90aeded9922cf8946ea785863549372485097680", 503,
     "8b7a4d4c30524fcde73e645dda16e4a5"}};

static const struct hash_vector patterned[] = {
    {1024, "98047383d30c43315be746382afd82f2fffbffff", 2652, NULL},
    {307200, "45ae76afe7730fd61f8ad1c3ae3cc0c0ff4ffbff", 14982, NULL},
    {307201, "45ae76afe7730fd61f8ad1c3ae3cc0c058ec4f24", 3534, NULL},
    {614401, "45ae76afe7730fd61f8ad1c3ae3cc0c0476b55c2", 3357, NULL},
    {1048577, "45ae76afe7730fd61f8ad1c3ae3cc0c0c8dec659", 11950, NULL},
    {1662977, "45ae76afe7730fd61f8ad1c3ae3cc0c06da0e798", 1838, NULL},
    {2097169, "45ae76afe7730fd61f8ad1c3ae3cc0c0a049922d", 13182, NULL},
    {5242880, "45ae76afe7730fd61f8ad1c3ae3cc0c0b6df9812", 11694, NULL}};

static void check_vector(const uint8_t *file, const struct hash_vector *v)
{
    uint8_t hash[HASH_BYTES], root[MD5_BYTES];

    hash_file(file, v->bytes, hash);
    CHECK_TEXT(hex(hash, sizeof hash), v->uuhash);
    CHECK_U64(fasttrack_file_id(hash), v->file_id);
    if (v->tree == NULL)
        return;
    hash_tree(file, v->bytes, root);
    CHECK_TEXT(hex(root, sizeof root), v->tree);
}

TEST(uuhash_kzhash_and_file_id_are_the_reference_s)
{
    uint8_t *file = calloc(1, 5242880);

    if (file == NULL)
        return;
    for (size_t i = 0; i < sizeof zeros / sizeof *zeros; i++)
        check_vector(file, &zeros[i]);
    for (uint64_t i = 0; i < 5242880; i++)
        file[i] = pattern(i);
    for (size_t i = 0; i < sizeof patterned / sizeof *patterned; i++)
        check_vector(file, &patterned[i]);
    free(file);
}

/* Source: reference, section 6: a file of 3,000,000 bytes, 59 % of which the
   hash never sees. */
TEST(uuhash_does_not_see_most_of_a_file_and_kzhash_does)
{
    uint8_t *file = calloc(1, 3000000);
    uint8_t before[HASH_BYTES], after[HASH_BYTES], root[MD5_BYTES],
        other[MD5_BYTES];

    if (file == NULL)
        return;
    hash_file(file, 3000000, before);
    hash_tree(file, 3000000, root);
    memset(file + 307200, 1, 1048576 - 307200);
    memset(file + 1355776, 1, 2097152 - 1355776);
    memset(file + 2404352, 1, 2692800 - 2404352);
    hash_file(file, 3000000, after);
    hash_tree(file, 3000000, other);
    CHECK(memcmp(before, after, sizeof before) == 0);
    CHECK(memcmp(root, other, sizeof root) != 0);
    file[2692800] = 1; /* the last region's first byte */
    hash_file(file, 3000000, after);
    CHECK(memcmp(before, after, sizeof before) != 0);
    free(file);
}

TEST(the_base64_form_is_the_reference_s)
{
    uint8_t hash[HASH_BYTES];
    char text[BASE64_CHARS + 1], many[1000];

    hash_file((const uint8_t *)"abcedefghijklmneo", 17, hash);
    fasttrack_base64(hash, text);
    CHECK_TEXT(text, "=DLr2bO9taE9mZwmabUd/9e7///8=");
    memset(many, 'A', sizeof many);
    hash_file((const uint8_t *)many, sizeof many, hash);
    fasttrack_base64(hash, text);
    CHECK_TEXT(text, "=dkRnLQSSkPA5DZyZPH00PRf8//8=");
}

int main(void)
{
    RUN(a_seed_gives_the_reference_s_keystream);
    RUN(the_keystream_has_no_seams);
    RUN(a_session_is_the_golden_transcript);
    RUN(the_header_s_order_follows_the_state);
    RUN(what_is_wrapped_unwraps_however_it_is_cut);
    RUN(a_byte_that_begins_nothing_is_refused);
    RUN(packed_integers_are_the_reference_s);
    RUN(a_node_says_who_it_is);
    RUN(a_node_list_has_eight_bytes_each);
    RUN(a_shared_file_has_hash_and_tags);
    RUN(a_query_asks_by_words_or_by_hash);
    RUN(a_reply_may_name_a_user_once);
    RUN(the_small_messages);
    RUN(an_external_ip_is_an_address);
    RUN(a_name_has_255_bytes_at_most);
    RUN(a_push_has_two_forms);
    RUN(between_supernodes_a_header_says_whence_and_how_far);
    RUN(neighbours_tell_their_standing);
    RUN(what_the_wild_sends_is_refused);
    RUN(datagrams_find_supernodes);
    RUN(uuhash_kzhash_and_file_id_are_the_reference_s);
    RUN(uuhash_does_not_see_most_of_a_file_and_kzhash_does);
    RUN(the_base64_form_is_the_reference_s);
    return test_end();
}
