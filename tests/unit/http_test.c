/* HTTP heads: what is read, what is refused, and that prefixes only wait. */
#include "common/http.h"

#include <stdlib.h>

#include "common/error.h"
#include "common/text.h"
#include "tests/described.h"
#include "tests/unit/test.h"

/* Read from memory of exactly this size, so that the sanitizer sees more. */
static int request(struct http_head *h, const char *s, size_t len)
{
    static uint8_t *copy; /* the head points into it until the next call */

    free(copy);
    copy = malloc(len > 0 ? len : 1);
    memcpy(copy, s, len);
    return http_request(h, copy, len);
}

static int result_of(const char *s)
{
    struct http_head h;

    return request(&h, s, strlen(s));
}

TEST(a_request_is_split_and_its_headers_are_found)
{
    static const char s[] = "GET /join?addr=1.2.3.4:5&x=a%41+b HTTP/1.1\r\n"
                            "Host: here\r\nX-Blank:\t \r\nCONTENT-length: 7 "
                            "\r\n\r\nbody...";
    struct http_head h;
    struct slice v;
    char out[16];

    CHECK_U64(request(&h, s, sizeof s - 1), sizeof s - 1 - 7);
    CHECK(slice_is(h.method, "GET"));
    CHECK(slice_is(http_path(h.target), "/join"));
    CHECK(http_header(&h, "host", &v) && slice_is(v, "here"));
    CHECK(http_header(&h, "x-blank", &v) && v.len == 0);
    CHECK(!http_header(&h, "missing", &v));
    CHECK(h.has_length && h.content_length == 7);
    CHECK_U64(http_parameter(h.target, "addr", out, sizeof out), 9);
    CHECK_TEXT(out, "1.2.3.4:5");
    CHECK_U64(http_parameter(h.target, "x", out, sizeof out), 4);
    CHECK_TEXT(out, "aA b");
    CHECK(http_parameter(h.target, "x", out, 4) == ERR_MALFORMED);
    CHECK(http_parameter(h.target, "add", out, sizeof out) == ERR_MALFORMED);
}

TEST(every_prefix_of_a_head_waits_for_more)
{
    static const char s[] =
        "GET / HTTP/1.0\r\nA: b\r\nContent-Length: 3\r\n\r\n";
    struct http_head h;

    for (size_t len = 0; len < sizeof s - 1; len++)
        CHECK_U64(request(&h, s, len), 0);
    CHECK_U64(request(&h, s, sizeof s - 1), sizeof s - 1);
    CHECK_U64(result_of("GET / HTTP/1.0\r\n\r\n"), 18);
    CHECK_U64(result_of("GET / HTTP/1.0\n\n"), 16);
}

/* What Gnutella 0.4 writes. */
TEST(blanks_in_a_target_old_versions_and_folded_values_are_read)
{
    static const char ask[] = "GET /get/1/my old song.mp3/ HTTP/1.0\r\n\r\n";
    static const char said[] = "HTTP 200 OK\r\nContent-length: 5\r\n\r\n";
    static const char try[] = "A: b\r\nX-Try: 1.2.3.4:5,\r\n\t6.7.8.9:10\r\n"
                              "C: d\r\n";
    struct http_head h = {.status = 0};
    struct slice v;

    CHECK_U64(request(&h, ask, sizeof ask - 1), sizeof ask - 1);
    CHECK(slice_is(h.target, "/get/1/my old song.mp3/"));
    CHECK(h.last);
    CHECK_U64(result_of("GET / HTTP/1.1\r\n\r\n"), 18);
    CHECK_U64(http_answer(&h, (const uint8_t *)said, sizeof said - 1),
              sizeof said - 1);
    CHECK_U64(h.status, 200);
    CHECK(h.last);
    CHECK_U64(h.content_length, 5);
    h.headers = (struct slice){try, sizeof try - 1};
    CHECK(http_header(&h, "x-try", &v));
    CHECK(slice_is(v, "1.2.3.4:5,\r\n\t6.7.8.9:10"));
    CHECK(http_header(&h, "c", &v) && slice_is(v, "d"));
}

TEST(the_last_message_of_a_connection_says_so)
{
    static const struct {
        const char *text;
        bool last;
    } cases[] = {{"HTTP/1.1 200 OK\r\n\r\n", false},
                 {"HTTP/1.0 200 OK\r\n\r\n", true},
                 {"HTTP/1.1 206 Part\r\nConnection: close\r\n\r\n", true},
                 {"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\n\r\n", false}};
    struct http_head h;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CHECK(http_answer(&h, (const uint8_t *)cases[i].text,
                          strlen(cases[i].text)) > 0);
        CHECK_U64(h.last, cases[i].last);
    }
}

TEST(what_is_no_request_is_refused)
{
    static const char *const bad[] = {
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  HTTP/1.0\r\n\r\n",
        " / HTTP/1.0\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.0 \r\n\r\n",
        "GET / HTTP/1.0\r\nno colon\r\n\r\n",
        "GET / HTTP/1.0\r\n: nameless\r\n\r\n",
        "GET / HTTP/1.0\r\nA b: c\r\n\r\n",
        "GET / HTTP/1.0\r\n folded: c\r\n\r\n",
        "GET / HTTP/1.0\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.0\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.0\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
        "GET /\033[2J HTTP/1.0\r\n\r\n",
        "\x16\x03\x01\n",
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        if (result_of(bad[i]) != ERR_MALFORMED)
            printf("# case %zu\n", i);
        CHECK(result_of(bad[i]) == ERR_MALFORMED);
    }
}

TEST(a_head_without_end_is_refused_at_the_limit)
{
    static const char front[] = {"GET / HTTP/1.0\r\nA: "};
    static char s[HTTP_HEAD_MAX + 1];
    struct http_head h;

    memset(s, 'a', sizeof s);
    CHECK_U64(request(&h, s, HTTP_HEAD_MAX - 1), 0);
    CHECK(request(&h, s, HTTP_HEAD_MAX) == ERR_LIMIT);
    for (size_t i = 0; front[i] != '\0'; i++)
        s[i] = front[i];
    CHECK_U64(request(&h, s, HTTP_HEAD_MAX - 1), 0);
    CHECK(request(&h, s, sizeof s) == ERR_LIMIT);
}

TEST(an_answer_has_a_status)
{
    static const char s[] =
        "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    struct http_head h;

    CHECK_U64(http_answer(&h, (const uint8_t *)s, sizeof s - 1), sizeof s - 1);
    CHECK_U64(h.status, 404);
    CHECK(h.has_length && h.content_length == 0);
    CHECK(http_answer(&h, (const uint8_t *)"HTTP/1.0 2x0 OK\n\n", 17) ==
          ERR_MALFORMED);
    CHECK(http_answer(&h, (const uint8_t *)"HTTP/1.0 20\n\n", 13) ==
          ERR_MALFORMED);
    CHECK(http_answer(&h, (const uint8_t *)"HTTP/1.0 2000\n\n", 15) ==
          ERR_MALFORMED);
    CHECK_U64(http_answer(&h, (const uint8_t *)"HTTP/1.1 200\n\n", 14), 14);
}

TEST(broken_escapes_are_refused)
{
    char out[16];
    static const char *const target[] = {"/?a=%", "/?a=%4", "/?a=%zz", "/"};

    for (size_t i = 0; i < 4; i++)
        CHECK(http_parameter((struct slice){target[i], strlen(target[i])}, "a",
                             out, sizeof out) == ERR_MALFORMED);
    struct slice binary = {"/?info_hash=%00%ff%20x", 22};
    CHECK_U64(http_parameter(binary, "info_hash", out, sizeof out), 4);
    CHECK(memcmp(out, "\0\xff x", 5) == 0);
}

TEST(a_description_covers_every_byte)
{
    static const char *const message[] = {
        "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nA: b\r\n\r\nbody",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", "junk"};
    static const char *const type[] = {"HTTP_REQUEST", "HTTP_REQUEST",
                                       "HTTP_ANSWER", NULL};

    for (size_t i = 0; i < 4; i++) {
        struct fields f = fields_new();
        http_describe((const uint8_t *)message[i], strlen(message[i]), &f);
        CHECK(fields_cover(&f, strlen(message[i])));
        CHECK(type[i] == NULL ? f.type == NULL : f.type != NULL);
        if (type[i] != NULL && f.type != NULL)
            CHECK_TEXT(f.type, type[i]);
        fields_free(&f);
    }
}

int main(void)
{
    RUN(a_request_is_split_and_its_headers_are_found);
    RUN(every_prefix_of_a_head_waits_for_more);
    RUN(blanks_in_a_target_old_versions_and_folded_values_are_read);
    RUN(the_last_message_of_a_connection_says_so);
    RUN(what_is_no_request_is_refused);
    RUN(a_head_without_end_is_refused_at_the_limit);
    RUN(an_answer_has_a_status);
    RUN(broken_escapes_are_refused);
    RUN(a_description_covers_every_byte);
    return test_end();
}
