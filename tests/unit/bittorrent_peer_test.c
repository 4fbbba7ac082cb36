/*
 * What a node bears from a peer that means it ill, one at a time: the node
 * runs on a host of the test's, which says what comes and counts memory.
 *
 * The torrent is film.ogv, four pieces of two blocks.  The seed has it; the
 * leecher fetches it.
 */
#include "bittorrent/node.h"
#include "common/hash.h"
#include "common/options.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

#define PIECES 4u
#define PIECE_BYTES (2 * BLOCK_BYTES)
#define FILM_BYTES (PIECES * PIECE_BYTES)

static const struct addr us = {0x0a000001, 6881};
static const struct addr peer = {0x0a000002, 50000};
static const struct addr other = {0x0a000003, 50000};

/* -- The host ---------------------------------------------------------------- */

static struct fake fake;
static struct settings settings;
static struct host_calls calls;
static struct hash_job jobs[16];
static unsigned job_count;
static unsigned aborted[8]; /* how often, each stream */
static size_t backlog;      /* of every stream */

static void *table_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void table_free(void *context, void *memory, size_t bytes)
{
    (void)context, (void)bytes;
    free(memory);
}

static const struct content_memory memory = {table_alloc, table_free, NULL};

static bool keep(struct host *h)
{
    h->contents = contents_new(&memory);
    return h->contents != NULL;
}

static void hash_later(struct host *h, const struct hash_job *job)
{
    (void)h;
    if (job_count < sizeof jobs / sizeof *jobs)
        jobs[job_count++] = *job;
}

static size_t write_content(struct host *h, conn_id conn, int content,
                            uint64_t offset, size_t len)
{
    (void)h, (void)conn, (void)content, (void)offset, (void)len;
    return backlog;
}

static void count_abort(struct host *h, conn_id conn)
{
    (void)h;
    aborted[conn % 8]++;
}

static size_t tell(struct event e)
{
    return bittorrent_protocol.event(fake.host.node, &fake.host, &e);
}

static void hash_all(void)
{
    while (job_count > 0) {
        struct hash_job job = jobs[--job_count];
        (void)hash_job_step(&job, fake.host.contents, job.end - job.at);
        (void)tell(hash_job_event(&job));
    }
}

static void pass(uint64_t seconds)
{
    fake.now_us += seconds * 1000000;
    (void)tell((struct event){.kind = EVENT_TIMER, .timer = TIMER_TICK});
}

static const struct bittorrent *node(void)
{
    return fake.host.node;
}

/* A node that has the film, or none of it. */
static void begin(bool seed)
{
    static const struct share share = {
        .name = "film.ogv", .bytes = FILM_BYTES, .to = FILM_BYTES};
    struct config config = {.self = us, .name = "us", .settings = &settings};

    contents_free(fake.host.contents);
    fake_begin(&fake, us);
    calls = *fake.host.calls;
    calls.keep = keep;
    calls.hash = hash_later;
    calls.write_content = write_content;
    calls.abort = count_abort;
    fake.host.calls = &calls;
    memset(aborted, 0, sizeof aborted);
    job_count = 0;
    backlog = 0;
    settings = settings_new(bittorrent_protocol.options);
    CHECK(keep(&fake.host) && contents_share(fake.host.contents, &share, 1));
    fake.host.node = bittorrent_protocol.create(&fake.host, &config);
    (void)tell((struct event){.kind = EVENT_START});
    hash_all(); /* it makes the torrent */
    if (seed)
        return;
    const struct torrent made = node()->torrent;
    const char *why;
    contents_free(fake.host.contents);
    fake.host.contents = NULL;
    fake.host.node = bittorrent_protocol.create(&fake.host, &config);
    (void)tell((struct event){.kind = EVENT_START});
    CHECK(torrent_open(fake.host.node, &fake.host, made.file, made.file_len,
                       &why));
}

/* -- The peer ------------------------------------------------------------------- */

static size_t bytes(conn_id conn, struct addr from, const void *data,
                    size_t len)
{
    return tell((struct event){.kind = EVENT_BYTES,
                               .conn = conn,
                               .peer = from,
                               .data = data,
                               .len = len});
}

static void say(conn_id conn, struct wire_msg m)
{
    static uint8_t out[WIRE_FIXED_MAX + 64];

    (void)bytes(conn, peer, out, wire_encode(&m, out, sizeof out));
}

static void dial_in(conn_id conn, struct addr from)
{
    (void)tell(
        (struct event){.kind = EVENT_ACCEPT, .conn = conn, .peer = from});
}

static void shake_hands(conn_id conn, struct addr from, uint64_t reserved)
{
    struct handshake s = {.reserved = reserved};
    uint8_t out[HANDSHAKE_BYTES];

    dial_in(conn, from);
    memcpy(s.infohash, node()->torrent.infohash, INFOHASH_BYTES);
    memset(s.peer_id, (int)conn, PEER_ID_BYTES);
    wire_write_handshake(&s, out);
    (void)bytes(conn, from, out, sizeof out);
}

/* A seed, who lets us ask. */
static void come_as_seed(conn_id conn, struct addr from)
{
    shake_hands(conn, from, RESERVED_FAST);
    say(conn, (struct wire_msg){.id = WIRE_HAVE_ALL});
    say(conn, (struct wire_msg){.id = WIRE_UNCHOKE});
}

/* Send a block, all bytes of which are wrong. */
static void send_wrong(conn_id conn, struct addr from, struct block b)
{
    static uint8_t data[BLOCK_BYTES];

    memset(data, 'x', sizeof data);
    say(conn, (struct wire_msg){.id = WIRE_PIECE,
                                .index = b.piece,
                                .begin = b.begin,
                                .length = b.length});
    (void)bytes(conn, from, data, b.length);
}

static const struct peer *on(conn_id conn)
{
    const struct peer *p = node()->peers;

    while (p != NULL && p->conn != conn)
        p = p->next;
    return p;
}

/* -- What it bears ---------------------------------------------------------------- */

TEST(a_flood_of_requests_takes_bounded_memory)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    CHECK(on(1) != NULL && !on(1)->am_choking);
    backlog = BACKLOG_HIGH; /* it does not read what it asked for */
    for (uint32_t i = 0; i < 1000; i++)
        say(1, (struct wire_msg){.id = WIRE_REQUEST, .length = BLOCK_BYTES});
    size_t before = fake.allocated;
    for (uint32_t i = 0; i < 100000; i++)
        say(1, (struct wire_msg){.id = WIRE_REQUEST, .length = BLOCK_BYTES});
    CHECK(fake.allocated == before);
    CHECK(on(1) != NULL && on(1)->wants.count <= 2 * REQUESTS_MAX);
}

TEST(requests_beyond_the_torrent_or_too_long_end_the_connection)
{
    static const struct wire_msg bad[] = {
        {.id = WIRE_REQUEST, .index = PIECES, .length = BLOCK_BYTES},
        {.id = WIRE_REQUEST, .begin = PIECE_BYTES, .length = 1},
        {.id = WIRE_REQUEST, .begin = UINT32_MAX, .length = BLOCK_BYTES},
        {.id = WIRE_REQUEST, .length = 0},
        {.id = WIRE_REQUEST, .length = UINT32_MAX}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(true);
        shake_hands(1, peer, RESERVED_FAST);
        say(1, bad[i]);
        CHECK(on(1) == NULL && aborted[1] == 1);
    }
}

TEST(a_bitfield_that_cannot_be_ends_the_connection)
{
    static const uint8_t spare = 0xf8, two[] = {0xf0, 0};
    const struct wire_msg bad[] = {
        {.id = WIRE_BITFIELD, .data = &spare, .data_len = 1},
        {.id = WIRE_BITFIELD, .data = two, .data_len = 2},
        {.id = WIRE_BITFIELD, .data = two, .data_len = 0},
        {.id = WIRE_HAVE, .index = PIECES}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(false);
        shake_hands(1, peer, 0);
        say(1, bad[i]);
        CHECK(on(1) == NULL && aborted[1] == 1);
        for (uint32_t k = 0; k < PIECES; k++)
            CHECK_U64(node()->torrent.copies[k], 0);
    }
}

TEST(who_has_all_and_sends_nothing_holds_nothing_up)
{
    struct block kept[REQUESTS_LEAST];
    uint32_t taken_over = 0;

    begin(false);
    come_as_seed(1, peer);
    CHECK_U64(on(1)->asked.count, REQUESTS_LEAST);
    memcpy(kept, on(1)->asked.at, sizeof kept);
    come_as_seed(2, other); /* and is asked for the other half */
    CHECK_U64(on(2)->asked.count, REQUESTS_LEAST);
    pass(59);
    CHECK(!on(1)->snubbed);
    send_wrong(2, other, on(2)->asked.at[0]);
    pass(2);
    CHECK(on(1)->snubbed && !on(2)->snubbed);
    for (size_t i = 0; i < REQUESTS_LEAST; i++)
        taken_over += blocks_find(&on(2)->asked, &kept[i]) != NULL;
    CHECK(taken_over > 0);
}

TEST(what_nobody_asked_for_is_thrown_away_or_ends_the_connection)
{
    begin(false);
    shake_hands(1, peer, 0); /* without fast: a cancel may have crossed */
    send_wrong(1, peer, (struct block){0, 0, BLOCK_BYTES});
    CHECK(on(1) != NULL);
    CHECK_U64(node()->torrent.wasted, BLOCK_BYTES);
    shake_hands(2, other, RESERVED_FAST);
    send_wrong(2, other, (struct block){0, 0, BLOCK_BYTES});
    CHECK(on(2) == NULL && aborted[2] == 1);
    CHECK_U64(contents_run(fake.host.contents, 0, 0), 0);
}

TEST(an_oversized_message_ends_the_connection_before_it_has_come)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, WIRE_PIECE};
    static const uint8_t block[] = {0, 3, 0, 9, WIRE_PIECE, 0, 0,
                                    0, 0, 0, 0, 0,          0};

    begin(false);
    shake_hands(1, peer, RESERVED_FAST);
    (void)bytes(1, peer, huge, sizeof huge);
    CHECK(on(1) == NULL && aborted[1] == 1);
    come_as_seed(2, other);
    (void)bytes(2, other, block, sizeof block); /* of 196,608 bytes */
    CHECK(on(2) == NULL && aborted[2] == 1);
}

TEST(a_byte_a_minute_is_no_sign_of_life)
{
    static const uint8_t start[] = {19, 'B', 'i', 't'};
    static const uint8_t request[] = {0, 0, 0, 13, WIRE_REQUEST};

    begin(true);
    dial_in(1, peer);
    CHECK_U64(bytes(1, peer, start, 1), 0);
    pass(15);
    CHECK_U64(bytes(1, peer, start, 2), 0);
    pass(6); /* HALF_OPEN_US is 20 s */
    CHECK(on(1) == NULL && aborted[1] == 1);
    shake_hands(2, other, RESERVED_FAST);
    for (size_t i = 1; i <= sizeof request && on(2) != NULL; i++) {
        CHECK_U64(bytes(2, other, request, i), 0);
        pass(60);
    }
    CHECK(on(2) == NULL && aborted[2] == 1);
}

TEST(who_sent_a_bad_piece_is_not_let_in_again)
{
    begin(false);
    come_as_seed(1, peer);
    struct block first = on(1)->asked.at[0];
    send_wrong(1, peer, (struct block){first.piece, 0, BLOCK_BYTES});
    send_wrong(1, peer, (struct block){first.piece, BLOCK_BYTES, BLOCK_BYTES});
    CHECK_U64(job_count, 1);
    hash_all();
    CHECK(on(1) == NULL && aborted[1] == 1);
    CHECK_U64(node()->torrent.bad_pieces, 1);
    CHECK_U64(contents_run(fake.host.contents, 0, 0), 0);
    dial_in(2, (struct addr){peer.ip, 50001}); /* by another port */
    CHECK(on(2) == NULL && aborted[2] == 1);
    dial_in(3, other);
    CHECK(on(3) != NULL && aborted[3] == 0);
}

TEST(connections_have_a_bound)
{
    begin(true);
    for (conn_id conn = 1; conn <= 2 * PEERS_MAX; conn++)
        dial_in(conn, (struct addr){0x0b000000 + conn, 1});
    CHECK_U64(node()->peer_count, PEERS_MAX);
}

/* Whoever asks for a file by HTTP is no peer, and no number finds him. */
TEST(a_visitor_leaves_no_trace_among_the_peers)
{
    const char *get = "GET /film.ogv.torrent HTTP/1.0\r\n\r\n";

    begin(true);
    dial_in(5, other);
    CHECK_U64(node()->peer_count, 1);
    (void)bytes(5, other, (const uint8_t *)get, strlen(get));
    CHECK_U64(node()->peer_count, 0);
    for (unsigned i = 0; i < CONN_SLOTS; i++)
        CHECK(node()->by_conn[i] == NULL);
}

int main(void)
{
    RUN(a_flood_of_requests_takes_bounded_memory);
    RUN(requests_beyond_the_torrent_or_too_long_end_the_connection);
    RUN(a_bitfield_that_cannot_be_ends_the_connection);
    RUN(who_has_all_and_sends_nothing_holds_nothing_up);
    RUN(what_nobody_asked_for_is_thrown_away_or_ends_the_connection);
    RUN(an_oversized_message_ends_the_connection_before_it_has_come);
    RUN(a_byte_a_minute_is_no_sign_of_life);
    RUN(who_sent_a_bad_piece_is_not_let_in_again);
    RUN(connections_have_a_bound);
    RUN(a_visitor_leaves_no_trace_among_the_peers);
    contents_free(fake.host.contents);
    return test_end();
}
