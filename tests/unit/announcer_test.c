/*
 * The announcer beside a tracker of ours: over HTTP and UDP, tiers in order,
 * repetitions and retries at the times that [bep15] and [bep12] say.
 */
#include "bittorrent/announcer.h"
#include "bittorrent/tracker.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

static struct fake client, server;
static struct tracker tracker;
static struct announcer announcer;
static const struct announce_stats leech = {0, 0, 5, -1};
static const uint8_t infohash[20] = "infohash", peer_id[20] = "peer";
static const struct addr self = {0x0a000001, 6881}, home = {0x7f000001, 6969};

static void add(const char *url, unsigned tier)
{
    CHECK(announcer_add(&announcer, &client.host, url, strlen(url), tier));
}

static void begin(const char *url)
{
    fake_begin(&client, self);
    fake_begin(&server, home);
    tracker_begin(&tracker, &server.host, 0, 10 * SECOND_US);
    announcer_begin(&announcer, &client.host, infohash, peer_id, self.port);
    if (url != NULL)
        add(url, 1);
    announcer_say(&announcer, &client.host, ANNOUNCE_STARTED);
}

static void tick(void)
{
    announcer_tick(&announcer, &client.host, &leech);
}

/* What the announcer has sent goes to the tracker, and back. */
static void exchange(void)
{
    CHECK(client.sent_count == 1);
    client.sent_count = server.sent_count = 0;
    CHECK(tracker_on_datagram(&tracker, &server.host, self, client.sent[0].data,
                              client.sent[0].len));
    CHECK(announcer_on_datagram(&announcer, &client.host, home,
                                server.sent[0].data, server.sent[0].len,
                                &leech));
}

static void stream_event(enum event_kind kind, const void *data, size_t len)
{
    struct event e = {
        .kind = kind, .conn = announcer.conn, .data = data, .len = len};

    announcer_on_stream(&announcer, &client.host, &e, &leech);
}

TEST(http_announces)
{
    begin("http://127.0.0.1:6969/announce");
    tick();
    CHECK(addr_equal(client.connected, home));
    stream_event(EVENT_OPEN, NULL, 0);
    CHECK(strncmp((char *)client.written, "GET /announce?info_hash=infohash%00",
                  35) == 0);
    CHECK(strstr((char *)client.written, "&event=started") != NULL);
    CHECK(strstr((char *)client.written, "Host: 127.0.0.1:6969\r\n") != NULL);
    tracker_on_http(&tracker, &server.host, 1, self, client.written,
                    client.written_len);
    CHECK_U64(tracker.peer_count, 1);
    stream_event(EVENT_BYTES, server.written, server.written_len - 1);
    CHECK_U64(announcer.state, ANNOUNCER_HTTP);
    stream_event(EVENT_BYTES, server.written, server.written_len);
    CHECK_U64(announcer.state, ANNOUNCER_IDLE);
    CHECK_TEXT(announcer.failure, "");
    CHECK_U64(announcer.leechers, 1);
    CHECK_U64(announcer_due(&announcer), client.now_us + 10 * SECOND_US);
    stream_event(EVENT_CLOSED, NULL, 0);
    CHECK_U64(announcer.conn, 0);
}

TEST(udp_announces_and_keeps_its_connection)
{
    begin("udp://127.0.0.1:6969");
    tick();
    CHECK_U64(client.sent[0].len, 16);
    exchange();
    CHECK_U64(client.sent[0].len, 98);
    exchange();
    CHECK_U64(tracker.peer_count, 1);
    CHECK_U64(announcer.leechers, 1);
    client.now_us = announcer_due(&announcer);
    client.sent_count = 0;
    tick();
    CHECK_U64(client.sent[0].len, 98); /* no connect within a minute */
    client.now_us += 60 * SECOND_US;
    announcer_say(&announcer, &client.host, ANNOUNCE_STOPPED);
    client.sent_count = 0;
    tick();
    CHECK_U64(client.sent[0].len, 16);
    exchange();
    exchange();
    CHECK_U64(tracker.peer_count, 0);
    CHECK(announcer_done(&announcer));
    CHECK_U64(announcer_due(&announcer), UINT64_MAX);
}

/* Source: [bep15] time outs: 15 * 2^n, n from 0 to 8. */
TEST(udp_repeats_after_15_30_60_seconds)
{
    begin("udp://127.0.0.1:6969");
    tick();
    uint64_t wait = 15 * SECOND_US;
    for (int n = 0; n <= 8; n++, wait *= 2) {
        CHECK_U64(announcer_due(&announcer), client.now_us + wait);
        client.now_us += wait;
        client.sent_count = 0;
        tick();
        CHECK_U64(client.sent_count, n < 8);
    }
    CHECK_TEXT(announcer.failure, "no answer in time");
}

TEST(tiers_are_tried_in_order_and_all_again_later)
{
    begin(NULL);
    add("http://127.0.0.2:1/announce", 1);
    add("http://unknown/announce", 2);
    add("http://127.0.0.3:1/x?pass=1", 3);
    announcer_say(&announcer, &client.host, ANNOUNCE_STARTED);
    tick();
    CHECK_U64(client.connected.ip, 0x7f000002);
    stream_event(EVENT_CLOSED, NULL, 0); /* refused: the next at once */
    CHECK_U64(client.connected.ip, 0x7f000003);
    stream_event(EVENT_OPEN, NULL, 0);
    CHECK(strncmp((char *)client.written, "GET /x?pass=1&info_hash=", 24) == 0);
    const char *no = "HTTP/1.0 200 OK\r\n\r\nd14:failure reason5:go\naye";
    stream_event(EVENT_BYTES, no, strlen(no));
    CHECK_TEXT(announcer.failure, "go.ay");
    CHECK_U64(announcer_due(&announcer), client.now_us + 15 * SECOND_US);
    client.now_us += 15 * SECOND_US;
    tick();
    CHECK_U64(client.connected.ip, 0x7f000002);
}

static void answer_http(const char *body)
{
    struct text t = text_new();

    stream_event(EVENT_OPEN, NULL, 0);
    text_printf(&t, "HTTP/1.0 200 OK\r\n\r\n%s", body);
    stream_event(EVENT_BYTES, t.data, t.len);
    stream_event(EVENT_CLOSED, NULL, 0);
    text_free(&t);
}

/* Source: [bep3] interval; never sooner than `min interval`. */
TEST(intervals_are_kept)
{
    static const struct {
        const char *body;
        uint64_t seconds;
    } said[] = {{"d8:intervali1800ee", 1800},
                {"d8:intervali0ee", 60},
                {"de", 60},
                {"d8:intervali-5ee", 60},
                {"d8:intervali9999999999ee", 4 * 3600},
                {"d8:intervali10e12:min intervali300ee", 300}};

    for (size_t i = 0; i < sizeof said / sizeof *said; i++) {
        begin("http://127.0.0.1:6969/announce");
        tick();
        answer_http(said[i].body);
        CHECK_U64(announcer_due(&announcer),
                  client.now_us + said[i].seconds * SECOND_US);
    }
    announcer_hurry(&announcer);
    CHECK_U64(announcer_due(&announcer), client.now_us + 300 * SECOND_US);
    announcer_say(&announcer, &client.host, ANNOUNCE_COMPLETED);
    CHECK_U64(announcer_due(&announcer), client.now_us);
}

/* Source: [bep27] the node wants to know. */
TEST(another_tracker_than_before_is_noticed)
{
    begin(NULL);
    add("http://127.0.0.2:1/announce", 1);
    add("http://127.0.0.3:1/announce", 2);
    for (int round = 0; round < 2; round++) {
        announcer_say(&announcer, &client.host, ANNOUNCE_STARTED);
        tick();
        answer_http("d8:intervali60ee");
        CHECK(!announcer.moved);
    }
    announcer_say(&announcer, &client.host, ANNOUNCE_STARTED);
    tick();
    stream_event(EVENT_CLOSED, NULL, 0); /* refused */
    CHECK_U64(client.connected.ip, 0x7f000003);
    answer_http("d8:intervali60ee");
    CHECK(announcer.moved);
}

/* A whole answer of HTTP. */
static void answer(const char *body)
{
    char text[300];

    tick();
    stream_event(EVENT_OPEN, NULL, 0);
    snprintf(text, sizeof text, "HTTP/1.0 200 OK\r\n\r\n%s", body);
    stream_event(EVENT_BYTES, text, strlen(text));
    stream_event(EVENT_CLOSED, NULL, 0);
    client.now_us = announcer_due(&announcer);
}

TEST(what_a_tracker_warns_of_is_told_once)
{
    begin("http://127.0.0.1:6969/announce");
    answer("d15:warning message8:be\nquiete");
    CHECK_TEXT(announcer.failure, "");
    CHECK_TEXT(client.said, "0 ok tracker 127.0.0.1 text be.quiet\n");
    answer("d15:warning message8:be\nquiete");
    CHECK_U64(client.result_count, 1);
    answer("d8:intervali9ee");
    CHECK_U64(client.result_count, 1);
    answer("d15:warning message8:be\nquiete");
    CHECK_U64(client.result_count, 2);
}

/* Does the next question say so?  It is left unanswered. */
static bool says(const char *parameter)
{
    client.written_len = 0;
    memset(client.written, 0, sizeof client.written);
    tick();
    stream_event(EVENT_OPEN, NULL, 0);
    announcer_say(&announcer, &client.host, ANNOUNCE_PERIODIC);
    return strstr((char *)client.written, parameter) != NULL;
}

TEST(what_a_tracker_calls_itself_is_repeated_to_it)
{
    char body[100];

    begin("http://127.0.0.1:6969/announce");
    CHECK(!says("trackerid"));
    answer("d10:tracker id3:a&be");
    CHECK(says("&trackerid=a%26b HTTP"));
    answer("d8:intervali9ee"); /* the old one stays */
    CHECK(says("&trackerid=a%26b HTTP"));
    snprintf(body, sizeof body, "d10:tracker id65:%065de", 7);
    answer(body); /* too long to be repeated */
    CHECK(says("&trackerid=a%26b HTTP"));
    snprintf(body, sizeof body, "d10:tracker id64:%064de", 7);
    answer(body);
    CHECK(says("0000000000007 HTTP"));
}

/* A tracker that never comes to an end is not listened to for ever. */
TEST(an_answer_of_http_has_a_bound)
{
    static char endless[240 * 1024];
    const char *head = "HTTP/1.0 200 OK\r\n\r\nd5:peers9999999:";

    CHECK_U64(TRACKER_ANSWER_MAX, sizeof endless);
    begin("http://127.0.0.1:6969/announce");
    tick();
    stream_event(EVENT_OPEN, NULL, 0);
    snprintf(endless, sizeof endless, "%s", head);
    stream_event(EVENT_BYTES, endless, sizeof endless - 1);
    CHECK_U64(announcer.state, ANNOUNCER_HTTP);
    CHECK(!client.finished);
    stream_event(EVENT_BYTES, endless, sizeof endless);
    CHECK_U64(announcer.state, ANNOUNCER_IDLE);
    CHECK(client.finished);
    CHECK_TEXT(announcer.failure, "its answer makes no sense");
    CHECK_U64(announcer.found_count, 0);
}

TEST(urls_are_read_strictly)
{
    static const char *const bad[] = {
        "",        "https://a/announce", "udp://",           "http://a:0/",
        "http://", "http://a:99999/",    "http://a /x",      "http://a/x\r\nY",
        "wss://a", "http://a:1x/",       "http:///announce", "http://a\1/"};

    begin(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!announcer_add(&announcer, &client.host, bad[i], strlen(bad[i]),
                             1));
    add("http://known", 1);
    CHECK_TEXT(announcer.tracker[0].path, "/announce");
    announcer_say(&announcer, &client.host, ANNOUNCE_STARTED);
    tick();
    CHECK_U64(client.connected.port, 909);
    for (int i = 1; i < TRACKERS_MAX; i++)
        add("udp://a:1", 1);
    CHECK(!announcer_add(&announcer, &client.host, "udp://a:1", 9, 1));
}

TEST(strangers_are_not_heard)
{
    begin("udp://127.0.0.1:6969");
    tick();
    tracker_on_datagram(&tracker, &server.host, self, client.sent[0].data, 16);
    CHECK(!announcer_on_datagram(&announcer, &client.host, self,
                                 server.sent[0].data, 16, &leech));
    server.sent[0].data[7] ^= 1; /* the transaction */
    CHECK(!announcer_on_datagram(&announcer, &client.host, home,
                                 server.sent[0].data, 16, &leech));
}

int main(void)
{
    RUN(http_announces);
    RUN(udp_announces_and_keeps_its_connection);
    RUN(udp_repeats_after_15_30_60_seconds);
    RUN(tiers_are_tried_in_order_and_all_again_later);
    RUN(intervals_are_kept);
    RUN(another_tracker_than_before_is_noticed);
    RUN(what_a_tracker_warns_of_is_told_once);
    RUN(what_a_tracker_calls_itself_is_repeated_to_it);
    RUN(an_answer_of_http_has_a_bound);
    RUN(urls_are_read_strictly);
    RUN(strangers_are_not_heard);
    return test_end();
}
