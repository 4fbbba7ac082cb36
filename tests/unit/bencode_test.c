/*
 * Bencode and metainfo: vectors of the specification, what a strict reader
 * refuses, and infohashes that mktorrent and libtorrent agree on.
 */
#include <stdlib.h>

#include "bittorrent/metainfo.h"
#include "common/hash.h"
#include "tests/described.h"
#include "tests/unit/test.h"

/* Read a copy of exactly its size, so that the address sanitizer sees one
   byte too many. */
static int64_t read_text(const char *s, size_t len, enum bencode_mode mode)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);
    struct bencode v;

    memcpy(copy, s, len);
    int64_t used = bencode_read(&v, copy, len, mode);
    free(copy);
    return used;
}

static int64_t strict(const char *s)
{
    return read_text(s, strlen(s), BENCODE_STRICT);
}

/* Source: [bep3] bencoding, its own examples. */
TEST(examples_of_the_specification_are_read)
{
    struct bencode v, key, value;
    const char *dict = "d3:cow3:moo4:spam4:eggse";

    CHECK_U64(bencode_read(&v, (const uint8_t *)"4:spam", 6, 0), 6);
    CHECK(bencode_is(&v, "spam"));
    CHECK_U64(bencode_read(&v, (const uint8_t *)"i-3e", 4, 0), 4);
    CHECK(v.number == -3);
    CHECK_U64(strict("l4:spam4:eggse"), 14);
    CHECK_U64(bencode_read(&v, (const uint8_t *)dict, 24, 0), 24);
    struct bencode_walk w = bencode_walk(&v);
    CHECK(bencode_next(&w, &key, &value) && bencode_is(&key, "cow") &&
          bencode_is(&value, "moo"));
    CHECK(bencode_find(&v, "spam", BENCODE_STRING, &value));
    CHECK(bencode_is(&value, "eggs"));
    CHECK(!bencode_find(&v, "spam", BENCODE_LIST, &value));
    CHECK(value.kind == BENCODE_NONE);
    CHECK_U64(strict("d4:spaml1:a1:bee"), 16);
    CHECK_U64(strict("0:"), 2);
    CHECK_U64(strict("le"), 2);
    CHECK_U64(strict("de"), 2);
    CHECK_U64(strict("i0e"), 3);
}

TEST(what_is_not_canonical_is_refused)
{
    static const char *const bad[] = {
        "i-0e",   "i03e",    "ie",   "i+1e",     "i 1e",  "i-e",  "i1",
        "03:abc", "-1:a",    "e",    "di1e1:ae", "d1:ae", "x",    "i1.0e",
        "l1:a",   "d1:a1:b", "5:ab", "",         "d1:a",  "1 :a", "i--1e",
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        if (strict(bad[i]) > 0) {
            test_bad = true;
            printf("# accepted: %s\n", bad[i]);
        }
    CHECK(strict("d1:b0:1:a0:e") == ERR_MALFORMED); /* unsorted */
    CHECK(strict("d1:a0:1:a0:e") == ERR_MALFORMED); /* twice */
    CHECK(strict("d2:ab0:1:a0:e") == ERR_MALFORMED);
    CHECK_U64(strict("d1:a0:2:ab0:e"), 13);
    /* Messages of other clients may be unsorted. */
    CHECK_U64(read_text("d1:b0:1:a0:e", 12, BENCODE_LOOSE), 12);
    CHECK(read_text("i03e", 4, BENCODE_LOOSE) == ERR_MALFORMED);
}

TEST(numbers_that_do_not_fit_are_refused)
{
    struct bencode v;

    CHECK_U64(strict("i9223372036854775807e"), 21);
    CHECK_U64(strict("i-9223372036854775808e"), 22);
    bencode_read(&v, (const uint8_t *)"i-9223372036854775808e", 22, 0);
    CHECK(v.number == INT64_MIN);
    CHECK(strict("i9223372036854775808e") == ERR_LIMIT);
    CHECK(strict("i-9223372036854775809e") == ERR_LIMIT);
    CHECK(strict("i99999999999999999999999999e") == ERR_LIMIT);
    CHECK(strict("18446744073709551615:a") == ERR_LIMIT);
    CHECK(strict("99999999999999999999999:a") == ERR_LIMIT);
}

TEST(a_nesting_bomb_is_refused_at_depth_64)
{
    char bomb[200];

    memset(bomb, 'l', 100);
    memset(bomb + 100, 'e', 100);
    CHECK(read_text(bomb, 200, BENCODE_STRICT) == ERR_LIMIT);
    CHECK_U64(read_text(bomb + 100 - BENCODE_DEPTH_MAX,
                        2 * (size_t)BENCODE_DEPTH_MAX, BENCODE_STRICT),
              2 * BENCODE_DEPTH_MAX);
}

TEST(every_prefix_is_partial)
{
    const char *s = "d1:ad2:id20:abcdefghij0123456789e1:lli-7e3:abce1:q4:pinge";

    for (size_t len = 0; len < strlen(s); len++)
        CHECK(read_text(s, len, BENCODE_STRICT) == 0);
    CHECK_U64(strict(s), strlen(s));
}

static const struct bencode_name names[] = {
    {"q", "query", FORM_PLAIN, false},
    {"nodes", "nodes", FORM_NODE, false},
    {"values", "values", FORM_PEERS, false},
    {"id", "id", FORM_ID, false},
    {NULL, NULL, FORM_PLAIN, false}};

TEST(a_description_covers_every_byte)
{
    const char *s = "d1:ad2:id3:\x01zze1:lli-7ei8elee1:q4:pinge";
    struct fields f = fields_new();
    size_t len = strlen(s);

    CHECK_U64(bencode_describe(&f, (const uint8_t *)s, 0, len, names), len);
    CHECK(fields_cover(&f, len));
    CHECK(fields_find(&f, "query") != NULL);
    fields_free(&f);
}

/* -- Metainfo -------------------------------------------------------------- */

static uint8_t torrent[64 * 1024];

/* byte i = (7 * i + i / 256) mod 256 */
static void make_pattern(uint8_t *out, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        out[i] = (uint8_t)(7 * i + i / 256);
}

/* Write the plan with the hashes of `data`; the bytes of the .torrent. */
static size_t create(struct metainfo_plan *p, const uint8_t *data, size_t bytes)
{
    static uint8_t digest[100][INFOHASH_BYTES];
    struct bencode_writer w = {torrent, 0, sizeof torrent, false};

    p->piece_count = 0;
    for (size_t at = 0; at < bytes; at += p->piece_bytes) {
        size_t rest = bytes - at;
        hash_sha1(digest[p->piece_count++], data + at,
                  rest < p->piece_bytes ? rest : p->piece_bytes);
    }
    p->pieces = digest[0];
    metainfo_write(&w, p);
    CHECK(!w.bad);
    return w.at;
}

static void check_infohash(size_t len, const char *hash)
{
    struct metainfo m;
    const char *why = "";
    char hex[41];

    CHECK(metainfo_read(&m, torrent, len, &why) == 0);
    for (int i = 0; i < INFOHASH_BYTES; i++)
        snprintf(hex + 2 * i, 3, "%02x", m.infohash[i]);
    CHECK_TEXT(hex, hash);
}

/* The vectors of mktorrent, libtorrent and transmission. */
TEST(infohashes_are_those_of_other_creators)
{
    static uint8_t data[100000];
    const struct metainfo_plan_file file = {"pattern.bin", sizeof data};
    struct metainfo_plan p = {.name = "pattern.bin",
                              .file = &file,
                              .file_count = 1,
                              .piece_bytes = 32768};

    make_pattern(data, sizeof data);
    check_infohash(create(&p, data, sizeof data),
                   "c888529ada9caea88a7edd94636dfeea3b6a369f");
    p.is_private = true;
    size_t len = create(&p, data, sizeof data);
    check_infohash(len, "daa01203261490cda83b3e03d6687b4d6273751d");
    torrent[len - 4] = '0'; /* written out, as transmission does */
    check_infohash(len, "9882573c85d536ffc5a3d6236c4eb636a1f3b493");
}

TEST(infohash_of_a_folder)
{
    static uint8_t data[6 + 51200];
    const struct metainfo_plan_file file[] = {{"a.txt", 6},
                                              {"sub/b.bin", 51200}};
    const char *tracker[] = {"http://127.0.0.1:1/announce",
                             "udp://127.0.0.1:1"};
    struct metainfo_plan p = {.name = "tree",
                              .file = file,
                              .file_count = 2,
                              .folder = true,
                              .piece_bytes = 32768,
                              .tracker = tracker,
                              .tracker_count = 2};
    struct metainfo m;
    struct metainfo_file list[2];
    struct metainfo_trackers t = {0};
    struct bencode url;
    char path[METAINFO_PATH_MAX + 1];
    static const uint8_t hello[] = {'h', 'e', 'l', 'l', 'o', '\n'};
    const char *why = "";

    memcpy(data, hello, sizeof hello);
    for (size_t i = 0; i < 51200; i++)
        data[6 + i] = (uint8_t)i;
    size_t len = create(&p, data, sizeof data);
    check_infohash(len, "2aaa929f462438dc5b045edf237a619f6afd563c");
    CHECK(metainfo_read(&m, torrent, len, &why) == 0);
    CHECK(metainfo_files(&m, list, &why) == 0);
    CHECK_U64(list[1].offset, 6);
    CHECK_U64(list[1].bytes, 51200);
    metainfo_path(&m, &list[1], path);
    CHECK_TEXT(path, "tree/sub/b.bin");
    CHECK_U64(metainfo_piece_bytes(&m, 1), 51206 - 32768);
    CHECK(metainfo_tracker(&m, &t, &url) && bencode_is(&url, tracker[0]));
    CHECK_U64(t.tier, 1);
    CHECK(metainfo_tracker(&m, &t, &url) && bencode_is(&url, tracker[1]));
    CHECK_U64(t.tier, 2);
    CHECK(!metainfo_tracker(&m, &t, &url));
}

/* [bep5] of a torrent without a tracker. */
TEST(nodes_of_the_dht)
{
    static const char info[] = "4:infod6:lengthi1e4:name1:a12:piece length"
                               "i16384e6:pieces20:aaaaaaaaaaaaaaaaaaaae";
    const struct {
        const char *nodes, *first; /* "": no good one */
    } list[] = {{"ll9:127.0.0.1i6881eel4:nodei4804eee", "127.0.0.1:6881"},
                {"ll4:nodei0eel4:nodei65536eel4:nodei-1eee", ""},
                {"li7e4:nodel4:nodeel0:ei1eld1:ai1eei1eee", ""},
                {"ll4:nodei1ei2eel4:nodei65535eee", "node:65535"},
                {"d4:nodei4804ee", ""},
                {"le", ""}};

    for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
        char data[300], first[30] = "";
        struct metainfo m;
        struct bencode host;
        uint16_t port;
        const char *why = "";
        int len =
            snprintf(data, sizeof data, "d%s5:nodes%se", info, list[i].nodes);
        CHECK(metainfo_read(&m, (const uint8_t *)data, (size_t)len, &why) == 0);
        struct bencode_walk w = bencode_walk(&m.nodes);
        if (metainfo_node(&w, &host, &port))
            snprintf(first, sizeof first, "%.*s:%u", (int)host.text_len,
                     (const char *)host.text, port);
        CHECK_TEXT(first, list[i].first);
    }
}

static const char *why_text(const char *why)
{
    return why != NULL ? why : "accepted";
}

/* Why an info dictionary is refused; 'X' times 20 stands for "PIECE". */
static const char *refused(const char *info)
{
    static struct metainfo_file list[METAINFO_FILES_MAX];
    struct metainfo m;
    const char *why = NULL;
    struct text t = text_new();

    text_printf(&t, "d4:info%se", info);
    if (metainfo_read(&m, (const uint8_t *)t.data, t.len, &why) == 0)
        (void)metainfo_files(&m, list, &why);
    text_free(&t);
    return why_text(why);
}

#define HASH "6:pieces20:aaaaaaaaaaaaaaaaaaaa"
#define TAIL "4:name1:n12:piece lengthi16384e" HASH "e"
#define FILES(list) "d5:filesl" list "e" TAIL
#define FILE_OF(path) "d6:lengthi5e4:pathl" path "ee"

TEST(hostile_paths_are_refused)
{
    const char *leaves = "a file's path is empty or would leave the folder";

    CHECK_TEXT(refused(FILES(FILE_OF("1:a"))), "accepted");
    CHECK_TEXT(refused(FILES(FILE_OF("2:..1:a"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("1:a2:.."))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("1:.1:a"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("0:1:a"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF(""))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("3:a/b"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("4:/etc"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("i3e"))), leaves);
    CHECK_TEXT(refused(FILES(FILE_OF("1:a") FILE_OF("1:a"))),
               "two files have the same path");
    CHECK_TEXT(refused(FILES(FILE_OF("1:a1:b") FILE_OF("1:a"))),
               "two files have the same path");
    CHECK_TEXT(refused(FILES(FILE_OF("1:a1:b") FILE_OF("1:a1:c"))), "accepted");
    CHECK_TEXT(refused(FILES("d6:lengthi-5e4:pathl1:aee")),
               "a file lacks length or path");
    CHECK_TEXT(refused("d6:lengthi5e4:name2:..12:piece lengthi16384e" HASH "e"),
               "the name is missing, empty, or would leave the folder");
    CHECK_TEXT(refused("d6:lengthi5e4:name0:12:piece lengthi16384e" HASH "e"),
               "the name is missing, empty, or would leave the folder");
}

TEST(hostile_sizes_are_refused)
{
#define BIG "d6:lengthi9223372036854775807e4:pathl1:"
    CHECK_TEXT(refused(FILES(BIG "aee" BIG "bee")),
               "the files' lengths overflow");
    CHECK_TEXT(refused("d6:lengthi16385e" TAIL),
               "the number of hashes does not fit the length");
    CHECK_TEXT(refused("d6:lengthi0e" TAIL),
               "the number of hashes does not fit the length");
    CHECK_TEXT(refused("d6:lengthi16384e" TAIL), "accepted");
    CHECK_TEXT(refused("d6:lengthi-1e" TAIL), "the length is negative");
    CHECK_TEXT(refused("d" TAIL), "neither one length nor a list of files");
    CHECK_TEXT(refused("d6:lengthi5e4:name1:n12:piece lengthi0e" HASH "e"),
               "the piece length makes no sense");
    CHECK_TEXT(refused("d6:lengthi5e4:name1:n12:piece lengthi16384e"
                       "6:pieces19:aaaaaaaaaaaaaaaaaaae"),
               "pieces are no list of hashes");
}

TEST(a_hundred_thousand_files_are_refused)
{
    struct text t = text_new();
    struct metainfo m;
    const char *why = "";

    text_add(&t, "d4:infod5:filesl");
    for (int i = 0; i < 100000; i++)
        text_printf(&t, "d6:lengthi0e4:pathl6:%06dee", i);
    text_add(&t, "e" TAIL "e");
    CHECK(metainfo_read(&m, (const uint8_t *)t.data, t.len, &why) == ERR_LIMIT);
    CHECK_TEXT(why, "more than 4096 files");
    text_free(&t);
}

TEST(names_that_the_disk_should_not_see_are_changed)
{
    const char *file = "d4:info" FILES(FILE_OF("4:.git2:a\n")) "e";
    struct metainfo m;
    struct metainfo_file list[1];
    char path[METAINFO_PATH_MAX + 1];
    const char *why = "";

    CHECK(metainfo_read(&m, (const uint8_t *)file, strlen(file), &why) == 0);
    CHECK(metainfo_files(&m, list, &why) == 0);
    metainfo_path(&m, &list[0], path);
    CHECK_TEXT(path, "n/_git/a_");
}

TEST(about_a_thousand_pieces_are_chosen)
{
    CHECK_U64(metainfo_piece_choice(1), 16384);
    CHECK_U64(metainfo_piece_choice(UINT64_C(1) << 30), 1 << 20);
    CHECK_U64(metainfo_piece_choice(UINT64_C(1) << 42), 16 << 20);
}

int main(void)
{
    RUN(examples_of_the_specification_are_read);
    RUN(what_is_not_canonical_is_refused);
    RUN(numbers_that_do_not_fit_are_refused);
    RUN(a_nesting_bomb_is_refused_at_depth_64);
    RUN(every_prefix_is_partial);
    RUN(a_description_covers_every_byte);
    RUN(infohashes_are_those_of_other_creators);
    RUN(infohash_of_a_folder);
    RUN(nodes_of_the_dht);
    RUN(hostile_paths_are_refused);
    RUN(hostile_sizes_are_refused);
    RUN(a_hundred_thousand_files_are_refused);
    RUN(names_that_the_disk_should_not_see_are_changed);
    RUN(about_a_thousand_pieces_are_chosen);
    return test_end();
}
