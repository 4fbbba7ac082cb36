/* Napster's messages: the reference's own bytes and payloads, and every way
   in which they can be wrong. */
#include <stdlib.h>

#include "common/expr.h"
#include "napster/index.h"
#include "napster/node.h"
#include "napster/wire.h"
#include "tests/described.h"
#include "tests/unit/test.h"

#define LOGIN                                                                  \
    "\x1d\x00\x02\x00"                                                         \
    "foo badpass 6699 \"nap v0.8\" 3"
#define BYTES(s) (const uint8_t *)(s), sizeof(s) - 1

TEST(a_login_is_the_reference_s)
{
    static const struct framing framing = {PHASE_MESSAGES, true};
    struct fields f = fields_new();
    uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    struct napster_msg m = {.type = 0};

    CHECK_U64(napster_decode(&m, BYTES(LOGIN)), 33);
    CHECK_U64(m.type, MSG_LOGIN);
    CHECK(memcmp(m.bytes, LOGIN, HEADER_BYTES + m.len) == 0);
    CHECK_U64(napster_encode(out, m.type, m.text, m.len), 33);
    CHECK(memcmp(out, LOGIN, 33) == 0);
    napster_describe(&framing, BYTES(LOGIN), &f);
    CHECK(fields_cover(&f, 33));
    CHECK(fields_unknown(&f, &napster_protocol, false) == NULL);
    CHECK_TEXT(f.type, "LOGIN");
    CHECK(fields_find(&f, "client")->text_len == strlen("nap v0.8"));
    fields_free(&f);
}

TEST(every_prefix_is_partial)
{
    struct napster_msg m;

    for (size_t len = 0; len < 33; len++) {
        uint8_t *exact = malloc(len + (len == 0));
        memcpy(exact, LOGIN, len);
        CHECK_U64(napster_decode(&m, exact, len), 0);
        free(exact);
    }
}

TEST(a_length_over_2048_is_refused_from_two_bytes_on)
{
    struct napster_msg m;

    CHECK(napster_decode(&m, BYTES("\x01\x08")) == ERR_LIMIT);
    CHECK(napster_decode(&m, BYTES("\xff\xff")) == ERR_LIMIT);
    CHECK(napster_decode(&m, BYTES("\x00\x08")) == 0);
}

TEST(fields_are_split_at_blanks_and_quotes)
{
    struct slice f[8];

    CHECK_U64(napster_split(napster_slice("a  \"b c\" \t d"), f, 8), 3);
    CHECK_U64(f[1].len, 3);
    CHECK(napster_split(napster_slice("a \"b c"), f, 8) == ERR_MALFORMED);
    CHECK_U64(napster_split(napster_slice(""), f, 8), 0);
    CHECK_U64(napster_split(napster_slice("1 2 3 4"), f, 2), 4);
    CHECK_U64(napster_split(napster_slice("a\r\n\"b\"\tc"), f, 8), 3);
    CHECK(slice_is(f[0], "a") && slice_is(f[2], "c"));
}

/* What a line of a direct browse, or a field, could not hold. */
TEST(what_would_end_a_field_is_not_sent)
{
    static const char *const bad[] = {"a\rb", "a\nb", "a\"b"};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        CHECK(!napster_sendable(napster_slice(bad[i]), true));
        CHECK(!napster_sendable(napster_slice(bad[i]), false));
    }
    CHECK(!napster_sendable((struct slice){"a\0b", 3}, true));
    CHECK(napster_sendable(napster_slice("a b"), true));
    CHECK(!napster_sendable(napster_slice("a b"), false));
    CHECK(napster_sendable(napster_slice(""), true));
    CHECK(!napster_sendable(napster_slice(""), false));
}

TEST(a_message_has_2048_bytes_and_no_more)
{
    static char text[PAYLOAD_MAX + 5];
    static uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    struct napster_msg m;

    CHECK_U64(napster_encode(out, MSG_MOTD, text, PAYLOAD_MAX), 2052);
    CHECK_U64(napster_encode(out, MSG_MOTD, text, sizeof text), 2052);
    CHECK_U64(napster_decode(&m, out, sizeof out), 2052);
}

TEST(an_address_has_its_first_octet_lowest)
{
    CHECK_U64(napster_ip(0x7f000001), 16777343);
    CHECK_U64(napster_ip(0x01020304), 67305985);
    CHECK_U64(napster_ip(napster_ip(0x0a0b0c0d)), 0x0a0b0c0d);
}

TEST(nicks_are_opennap_s)
{
    static const char *const bad[] = {
        "",      "a b",      "#x",       "&x",
        ":x",    "a.b",      "a,b",      "a\"b",
        "a%sb",  "caf\xe9",  "Operator", "abcdefghijklmnopqrst",
        "a$b",   "a*b",      "a?b",      "a!b",
        "a\x7f", "OperServ", "chanserv"};

    CHECK(napster_nick_ok(napster_slice("dave")));
    CHECK(napster_nick_ok(napster_slice("abcdefghijklmnopqrs")));
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!napster_nick_ok(napster_slice(bad[i])));
}

TEST(a_get_is_glued_to_its_fields)
{
    static const char get[] = "GETpyget \"Z:\\nap\\song.mp3\" 0";
    struct napster_request r;
    size_t len = sizeof get - 1;

    CHECK_U64(napster_request(&r, BYTES(get)), len);
    CHECK(!r.send && slice_is(r.nick, "pyget") && r.number == 0);
    CHECK(slice_is(r.file, "Z:\\nap\\song.mp3"));
    for (size_t i = 0; i < len; i++)
        CHECK_U64(napster_request(&r, (const uint8_t *)get, i), 0);
    CHECK_U64(napster_request(&r, BYTES("SENDbob \"bobs song.mp3\" 300000")),
              strlen("SENDbob \"bobs song.mp3\" 300000"));
    CHECK(r.send && r.number == 300000);
    CHECK(napster_request(&r, BYTES("PUT / HTTP/1.0")) == ERR_MALFORMED);
    CHECK(napster_request(&r, BYTES("GETa \"f\" x")) == ERR_MALFORMED);
    CHECK(napster_request(&r, BYTES("GETa f 0")) == ERR_MALFORMED);
    CHECK(napster_request(&r, BYTES("GETa \"\" 0")) == ERR_MALFORMED);
    char endless[REQUEST_MAX + 1] = "GETa \"";
    memset(endless + 6, 'x', sizeof endless - 6);
    CHECK_U64(napster_request(&r, (uint8_t *)endless, REQUEST_MAX), 0);
    CHECK(napster_request(&r, (uint8_t *)endless, REQUEST_MAX + 1) ==
          ERR_MALFORMED);
}

/* Source: reference, 6.4. */
TEST(a_list_is_asked_for_by_one_word_and_sent_with_a_nick)
{
    static const char send[] = "SENDLIST bob\n";
    struct napster_request r;

    CHECK_U64(napster_request(&r, BYTES("GETLIST")), 7);
    CHECK(r.list && !r.send);
    CHECK_U64(napster_request(&r, BYTES("GETLISTer \"f\" 0")), 15);
    CHECK(!r.list && r.nick.len == 6);
    for (size_t len = 0; len + 1 < sizeof send - 1; len++) {
        uint8_t *exact = malloc(len + (len == 0));
        memcpy(exact, send, len);
        CHECK_U64(napster_request(&r, exact, len), 0);
        free(exact);
    }
    CHECK_U64(napster_request(&r, BYTES("SENDLIST bob\n\"f\"")), 13);
    CHECK(r.list && r.send && r.nick.len == 3);
    CHECK_U64(napster_request(&r, BYTES("SENDLIST \"f\" 5")), 14);
    CHECK(!r.list && r.send && r.nick.len == 4); /* one whose nick is LIST */
    CHECK(napster_request(&r, BYTES("SENDLIST \n")) == ERR_MALFORMED);
    CHECK(napster_request(&r, BYTES("SENDLIST abcdefghijklmnopqrst")) ==
          ERR_MALFORMED);
}

TEST(the_size_ends_where_it_is_the_one_known)
{
    CHECK_U64(napster_size(BYTES("210904\xff"), 21090, 0), 5);
    CHECK_U64(napster_size(BYTES("90xyz"), 21090, 21000), 2);
    CHECK_U64(napster_size(BYTES("21090xyz"), 21090, 21000), 5);
    CHECK_U64(napster_size(BYTES("210"), 21090, 0), 0);
    CHECK(napster_size(BYTES("FILE NOT FOUND"), 21090, 0) == ERR_MALFORMED);
}

/* -- Searches -------------------------------------------------------------- */

static const char *wrong_with(const char *text)
{
    struct query q;
    const char *wrong = napster_query_read(&q, napster_slice(text));

    return wrong != NULL ? wrong : "";
}

TEST(searches_are_read_as_opennap_does)
{
    static const char *const invalid[] = {"",
                                          "BOGUS",
                                          "FILENAME CONTAINS",
                                          "FILENAME EXCLUDES \"x\"",
                                          "FILENAME CONTAINS \"x",
                                          "MAX_RESULTS ten",
                                          "MAX_RESULTS 0",
                                          "MAX_RESULTS -1"};
    static const char *const media[] = {"mp3",         "audio", "video",
                                        "application", "image", "text"};
    struct query q;

    for (int i = 0; i < 6; i++)
        CHECK_U64(napster_media(napster_slice(media[i])), i);
    for (size_t i = 0; i < sizeof invalid / sizeof *invalid; i++)
        CHECK_TEXT(wrong_with(invalid[i]), "invalid search request");
    CHECK_TEXT(wrong_with("BITRATE \"SORT OF\" 128"),
               ": invalid comparison for search");
    CHECK_TEXT(wrong_with("TYPE any"), ": invalid type for search");
    CHECK_TEXT(wrong_with("FILENAME CONTAINS \"\""), "");
    CHECK(napster_query_read(
              &q, napster_slice("max_results 100 FILENAME CONTAINS "
                                "\"ventolin's Mix\" LINESPEED \"EQUAL TO\" 10 "
                                "BITRATE \"AT LEAST\" \"128\" FREQ \"AT "
                                "BEST\" 44100")) == NULL);
    CHECK_U64(q.count, 2);
    CHECK(slice_is(q.word[0], "ventolin's") && slice_is(q.word[1], "mix"));
    CHECK(q.speed[0] == 10 && q.speed[1] == 10 && q.kbps[0] == 128);
    CHECK(q.kbps[1] == UINT64_MAX && q.hz[1] == 44100 && q.max == 100);
    CHECK(napster_query_read(&q, napster_slice("LOCAL")) == NULL);
    CHECK(q.max == RESULTS_MAX && q.count == 0 && q.media == 0);
    CHECK_TEXT(wrong_with("LINESPEED \"AT LEAST\" 11"),
               "invalid search request");
    CHECK(napster_query_read(
              &q, napster_slice("FILENAME CONTAINS \"a b A\" BITRATE \"AT "
                                "LEAST\" 64 BITRATE \"AT BEST\" 128 TYPE "
                                "TEXT FREQ \"equal to\" 7")) == NULL);
    CHECK(q.count == 2 && q.kbps[0] == 64 && q.kbps[1] == 128);
    CHECK(q.hz[0] == 7 && q.hz[1] == 7 && q.media == 5);
}

TEST(a_number_with_a_sign_or_too_long_is_none)
{
    uint64_t v;

    CHECK(!napster_number(napster_slice("-1"), UINT64_MAX, &v));
    CHECK(!napster_number(napster_slice("+1"), UINT64_MAX, &v));
    CHECK(!napster_number(napster_slice(""), UINT64_MAX, &v));
    CHECK(!napster_number(napster_slice("65536"), 65535, &v));
    CHECK(
        !napster_number(napster_slice("99999999999999999999"), UINT64_MAX, &v));
    CHECK(napster_number(napster_slice("65535"), 65535, &v) && v == 65535);
}

int main(void)
{
    RUN(a_login_is_the_reference_s);
    RUN(every_prefix_is_partial);
    RUN(a_length_over_2048_is_refused_from_two_bytes_on);
    RUN(fields_are_split_at_blanks_and_quotes);
    RUN(what_would_end_a_field_is_not_sent);
    RUN(a_message_has_2048_bytes_and_no_more);
    RUN(an_address_has_its_first_octet_lowest);
    RUN(nicks_are_opennap_s);
    RUN(a_get_is_glued_to_its_fields);
    RUN(a_list_is_asked_for_by_one_word_and_sent_with_a_nick);
    RUN(the_size_ends_where_it_is_the_one_known);
    RUN(searches_are_read_as_opennap_does);
    RUN(a_number_with_a_sign_or_too_long_is_none);
    return test_end();
}
