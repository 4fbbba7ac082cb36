/*
 * The tracker and its messages: layouts of [bep15] byte by byte, both forms
 * of HTTP's answer, expiry, and what is refused.
 */
#include "bittorrent/node.h"
#include "bittorrent/tracker.h"
#include "common/codec.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

static struct fake fake;
static struct tracker tracker;
static const struct addr ann = {0x0a000001, 1111}, bob = {0x0a000002, 2222};

static void begin(void)
{
    fake_begin(&fake, (struct addr){0x7f000001, 6969});
    tracker_begin(&tracker, &fake.host, 3, 10 * SECOND_US);
}

/* -- HTTP -- */

#define HASH_A "%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa%aa"
#define HASH_0 "%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00%00"
#define ANNOUNCE(rest)                                                         \
    "GET /announce?info_hash=" HASH_A "&peer_id=-XX0001-abcdefghijkl" rest     \
    " HTTP/1.1\r\nHost: x\r\n\r\n"

/* The body of the answer. */
static const char *ask(const char *request, struct addr from)
{
    fake.written_len = 0;
    fake.finished = false;
    CHECK_U64(tracker_on_http(&tracker, &fake.host, 1, from,
                              (const uint8_t *)request, strlen(request)),
              strlen(request));
    CHECK(fake.finished);
    const char *body = strstr((char *)fake.written, "\r\n\r\n");
    return body != NULL ? body + 4 : "";
}

TEST(http_peers_hear_of_each_other)
{
    begin();
    CHECK_TEXT(ask(ANNOUNCE("&port=81&left=0&event=started&compact=1"), ann),
               "d8:completei1e10:downloadedi0e10:incompletei0e"
               "8:intervali10e12:min intervali5e5:peers0:e");
    CHECK_TEXT(ask(ANNOUNCE("&port=82&left=9&compact=0"), bob),
               "d8:completei1e10:downloadedi0e10:incompletei1e"
               "8:intervali10e12:min intervali5e5:peers"
               "ld2:ip8:10.0.0.17:peer id20:-XX0001-abcdefghijkl"
               "4:porti81eeee");
    CHECK_TEXT(ask(ANNOUNCE("&port=82&left=9&compact=0&no_peer_id=1"), bob),
               "d8:completei1e10:downloadedi0e10:incompletei1e"
               "8:intervali10e12:min intervali5e5:peers"
               "ld2:ip8:10.0.0.14:porti81eeee");
    /* Compact: four bytes of address, two of port. */
    const char *body =
        ask(ANNOUNCE("&port=82&left=0&event=completed&compact=1"), bob);
    CHECK(strstr(body, "8:completei2e10:downloadedi1e") != NULL);
    const uint8_t expected[] = "5:peers6:\x0a\0\0\x01\0\x51"
                               "e";
    CHECK(memcmp(fake.written + fake.written_len - 16, expected, 16) == 0);
}

TEST(http_says_what_is_wrong)
{
    begin();
    CHECK_TEXT(ask("GET /announce?port=1 HTTP/1.0\r\n\r\n", ann),
               "d14:failure reason20:info_hash is missinge");
    CHECK_TEXT(ask("GET /announce?info_hash=abc HTTP/1.0\r\n\r\n", ann),
               "d14:failure reason26:a parameter makes no sensee");
    CHECK_TEXT(ask(ANNOUNCE("&port=65536"), ann),
               "d14:failure reason26:a parameter makes no sensee");
    CHECK_TEXT(ask("GET / HTTP/1.0\r\n\r\n", ann),
               "d14:failure reason35:a tracker has /announce and /scrapee");
    CHECK(strncmp((char *)fake.written, "HTTP/1.0 404", 12) == 0);
    CHECK_U64(tracker.count, 0);
    CHECK_U64(tracker.refused, 4);
}

TEST(http_scrape_counts)
{
    begin();
    ask(ANNOUNCE("&port=81&left=0&event=started"), ann);
    ask(ANNOUNCE("&port=82&left=5"), bob);
    const char *a = "GET /scrape?info_hash=" HASH_A " HTTP/1.0\r\n\r\n";
    const char *both = "GET /scrape?info_hash=" HASH_A "&info_hash=" HASH_0
                       " HTTP/1.0\r\n\r\n";
    const char *expected = "d5:filesd20:"
                           "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
                           "\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa\xaa"
                           "d8:completei1e10:downloadedi0e10:incompletei1eeee";
    CHECK_TEXT(ask(a, ann), expected);
    CHECK_TEXT(ask(both, ann), expected);
    CHECK_TEXT(ask("GET /scrape HTTP/1.0\r\n\r\n", ann), expected);
}

TEST(who_stops_is_forgotten_at_once_and_who_is_silent_later)
{
    begin();
    ask(ANNOUNCE("&port=81&left=0&event=started"), ann);
    ask(ANNOUNCE("&port=82&left=5"), bob);
    CHECK_U64(tracker.peer_count, 2);
    ask(ANNOUNCE("&port=81&left=0&event=stopped"), ann);
    CHECK_U64(tracker.peer_count, 1);
    CHECK_U64(tracker.swarm[0].seeders, 0);
    fake.now_us += 20000000;
    tracker_on_timer(&tracker, &fake.host);
    CHECK_U64(tracker.peer_count, 1);
    fake.now_us += 1;
    tracker_on_timer(&tracker, &fake.host);
    CHECK_U64(tracker.count, 0);
    CHECK(!tracker.armed);
}

TEST(each_peer_is_drawn_as_often)
{
    unsigned drawn[300] = {0};

    begin();
    for (int i = 0; i < 300; i++) {
        struct text t = text_new();
        text_add(&t, "GET /announce?info_hash=" HASH_A
                     "&peer_id=aaaaaaaaaaaaaaaaaaaa&left=5&port=");
        text_u64(&t, 1000 + (uint64_t)i);
        text_add(&t, " HTTP/1.0\r\n\r\n");
        ask(t.data, ann);
        text_free(&t);
    }
    CHECK_U64(tracker.peer_count, 300);
    for (int i = 0; i < 600; i++) {
        ask(ANNOUNCE("&port=0&left=5&compact=1&numwant=50"), ann);
        const uint8_t *at = fake.written + fake.written_len - 301;
        for (int j = 0; j < 50; j++)
            drawn[compact_read(at + 6 * j).port - 1000]++;
    }
    /* 100 each on average; ours never itself. */
    for (int i = 0; i < 300; i++)
        CHECK(drawn[i] > 50 && drawn[i] < 160);
}

/* -- UDP -- */

/* The answer to a question of the test's making. */
static struct udp_msg answer_to(struct udp_msg *m, struct addr from)
{
    uint8_t out[UDP_TRACKER_BYTES_MAX];
    struct udp_msg answer = {0};
    size_t len = tracker_udp_encode(m, out);

    fake.sent_count = 0;
    CHECK(tracker_on_datagram(&tracker, &fake.host, from, out, len));
    CHECK_U64(fake.sent_count, 1);
    CHECK(addr_equal(fake.sent[0].to, from));
    CHECK(tracker_udp_is_answer(fake.sent[0].data, fake.sent[0].len));
    CHECK(
        tracker_udp_decode(&answer, true, fake.sent[0].data, fake.sent[0].len));
    CHECK_U64(answer.transaction, m->transaction);
    return answer;
}

/* Source: [bep15], the tables. */
TEST(udp_layouts_are_those_of_the_specification)
{
    struct udp_msg m = {.action = UDP_CONNECT, .transaction = 0x01020304};
    uint8_t out[UDP_TRACKER_BYTES_MAX];
    const uint8_t connect[16] = {0, 0, 4, 0x17, 0x27, 0x10, 0x19, 0x80,
                                 0, 0, 0, 0,    1,    2,    3,    4};

    CHECK_U64(tracker_udp_encode(&m, out), 16);
    CHECK(memcmp(out, connect, 16) == 0);
    m = (struct udp_msg){.action = UDP_ANNOUNCE,
                         .connection = 0x1122334455667788,
                         .announce = {.downloaded = 1,
                                      .left = 2,
                                      .uploaded = 3,
                                      .event = ANNOUNCE_STARTED,
                                      .key = 4,
                                      .numwant = -1,
                                      .port = 0x1234}};
    CHECK_U64(tracker_udp_encode(&m, out), 98);
    CHECK(out[0] == 0x11 && out[7] == 0x88 && out[11] == 1);
    CHECK(out[63] == 1 && out[71] == 2 && out[79] == 3); /* the odd order */
    CHECK(out[83] == 2);                                 /* started is 2 */
    CHECK(out[91] == 4 && out[92] == 0xff && out[95] == 0xff);
    CHECK(out[96] == 0x12 && out[97] == 0x34);
}

TEST(udp_announces_and_scrapes)
{
    struct udp_msg m = {.action = UDP_CONNECT, .transaction = 7};

    begin();
    uint64_t id = answer_to(&m, ann).connection;
    m = (struct udp_msg){.action = UDP_ANNOUNCE,
                         .transaction = 8,
                         .connection = id,
                         .announce = {.port = 81, .numwant = -1}};
    struct udp_msg reply = answer_to(&m, ann);
    CHECK_U64(reply.action, UDP_ANNOUNCE);
    CHECK_U64(reply.interval, 10);
    CHECK_U64(reply.seeders, 1);
    CHECK_U64(reply.rest_len, 0);
    /* The id is bound to the address. */
    CHECK_U64(answer_to(&m, bob).action, UDP_ERROR);
    struct udp_msg c = {.action = UDP_CONNECT};
    m.connection = answer_to(&c, bob).connection;
    m.announce.left = 5;
    m.announce.port = 82;
    reply = answer_to(&m, bob);
    CHECK_U64(reply.leechers, 1);
    CHECK_U64(reply.rest_len, 6);
    CHECK_U64(compact_read(reply.rest).port, 81);
    m.action = UDP_SCRAPE;
    uint8_t hashes[40] = {0};
    memset(hashes + 20, 1, 20);
    m.rest = hashes;
    m.rest_len = 40;
    reply = answer_to(&m, bob);
    const uint8_t counts[24] = {0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1};
    CHECK_U64(reply.rest_len, 24);
    CHECK(memcmp(reply.rest, counts, 24) == 0);
}

TEST(udp_connection_ids_expire)
{
    struct udp_msg m = {.action = UDP_CONNECT};

    begin();
    fake.now_us = 600 * SECOND_US;
    m.connection = answer_to(&m, ann).connection;
    m.action = UDP_ANNOUNCE;
    fake.now_us += 120 * SECOND_US;
    CHECK_U64(answer_to(&m, ann).action, UDP_ANNOUNCE);
    fake.now_us += 61 * SECOND_US;
    CHECK_U64(answer_to(&m, ann).action, UDP_ERROR);
}

TEST(udp_takes_longer_packets_and_refuses_every_prefix)
{
    struct udp_msg m = {.action = UDP_ANNOUNCE, .connection = UINT64_MAX};
    struct udp_msg reply;
    uint8_t out[UDP_TRACKER_BYTES_MAX];
    size_t len = tracker_udp_encode(&m, out);

    for (size_t n = 0; n < len; n++) {
        uint8_t *copy = malloc(n > 0 ? n : 1);
        memcpy(copy, out, n);
        CHECK(!tracker_udp_decode(&reply, false, copy, n));
        free(copy);
    }
    CHECK(tracker_udp_decode(&reply, false, out, len));
    memcpy(out + len, "\x02\x01/", 3); /* [bep41]: URLData */
    CHECK(tracker_udp_decode(&reply, false, out, len + 3));
    struct fields f = fields_new();
    tracker_describe_udp(out, len + 3, &f);
    CHECK_TEXT(f.type, "ANNOUNCE");
    CHECK(fields_cover(&f, len + 3));
    CHECK(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
    fields_free(&f);
}

TEST(an_answer_is_read_in_both_forms)
{
    struct announced d;
    const char *list = "d8:intervali60e5:peersld2:ip9:127.0.0.17:peer id20:"
                       "aaaaaaaaaaaaaaaaaaaa4:porti81eed2:ip3:::14:porti1eeee";
    const char *compact = "d8:intervali-1e5:peers12:abcdefabcd\0\0e";

    CHECK(tracker_read_body(&d, (const uint8_t *)list, strlen(list)) > 0);
    CHECK_U64(d.peer_count, 1);
    CHECK_U64(d.peer[0].ip, 0x7f000001);
    CHECK_U64(d.peer[0].port, 81);
    CHECK_U64(d.interval_us, 60000000);
    CHECK(tracker_read_body(&d, (const uint8_t *)compact, 39) > 0);
    CHECK_U64(d.peer_count, 1); /* port 0 is nobody */
    CHECK_U64(d.interval_us, 0);
    CHECK(tracker_read_body(&d, (const uint8_t *)list, strlen(list) - 1) == 0);
    CHECK(tracker_read_body(&d, (const uint8_t *)"<html>", 6) < 0);
}

TEST(a_request_is_escaped_and_read_back)
{
    struct announce a = {.port = 6881,
                         .left = 5,
                         .numwant = 7,
                         .event = ANNOUNCE_COMPLETED,
                         .key = 1},
                    reply;
    uint8_t out[1024];
    struct http_head head;
    const char *why;

    for (int i = 0; i < 20; i++) {
        a.infohash[i] = (uint8_t)(i * 13);
        a.peer_id[i] = (uint8_t)(i == 0 ? 0 : 'a' + i);
    }
    size_t len = tracker_write_request(&a, "h:1", "/announce", out, sizeof out);
    CHECK(http_request(&head, out, len) == (int)len);
    CHECK(tracker_read_query(&reply, head.target, &why));
    CHECK(memcmp(reply.infohash, a.infohash, 20) == 0);
    CHECK(memcmp(reply.peer_id, a.peer_id, 20) == 0);
    CHECK_U64(reply.event, ANNOUNCE_COMPLETED);
    CHECK_U64(reply.numwant, 7);
    CHECK(reply.compact);
    CHECK_U64(tracker_write_request(&a, "h:1", "/announce", out, 100), 0);
    struct fields f = fields_new();
    tracker_describe_http(out, len, &f);
    CHECK_TEXT(f.type, "HTTP_ANNOUNCE");
    CHECK(fields_cover(&f, len));
    CHECK(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
    fields_free(&f);
}

int main(void)
{
    RUN(http_peers_hear_of_each_other);
    RUN(http_says_what_is_wrong);
    RUN(http_scrape_counts);
    RUN(who_stops_is_forgotten_at_once_and_who_is_silent_later);
    RUN(each_peer_is_drawn_as_often);
    RUN(udp_layouts_are_those_of_the_specification);
    RUN(udp_announces_and_scrapes);
    RUN(udp_connection_ids_expire);
    RUN(udp_takes_longer_packets_and_refuses_every_prefix);
    RUN(an_answer_is_read_in_both_forms);
    RUN(a_request_is_escaped_and_read_back);
    return test_end();
}
