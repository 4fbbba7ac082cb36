/*
 * A node of BitTorrent on a host of the test's, which says what comes, reads
 * what goes out and counts memory; and a peer that talks to it.
 *
 * The torrent is film.ogv, four pieces of two blocks.  The seed has it; the
 * leecher fetches it.
 */
#ifndef TESTS_UNIT_SWARM_NODE_H
#define TESTS_UNIT_SWARM_NODE_H

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
static const char *chosen;  /* a setting of the next node: NAME=VALUE */

static inline void *table_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static inline void table_free(void *context, void *memory, size_t bytes)
{
    (void)context, (void)bytes;
    free(memory);
}

static const struct content_memory memory = {table_alloc, table_free, NULL};

static inline bool keep(struct host *h)
{
    h->contents = contents_new(&memory);
    return h->contents != NULL;
}

static inline void hash_later(struct host *h, const struct hash_job *job)
{
    (void)h;
    if (job_count < sizeof jobs / sizeof *jobs)
        jobs[job_count++] = *job;
}

static inline size_t write_content(struct host *h, conn_id conn, int content,
                                   uint64_t offset, size_t len)
{
    (void)h, (void)conn, (void)content, (void)offset, (void)len;
    return backlog;
}

static inline void count_abort(struct host *h, conn_id conn)
{
    (void)h;
    aborted[conn % 8]++;
}

static inline size_t tell(struct event e)
{
    return bittorrent_protocol.event(fake.host.node, &fake.host, &e);
}

static inline void hash_all(void)
{
    while (job_count > 0) {
        struct hash_job job = jobs[--job_count];
        (void)hash_job_step(&job, fake.host.contents, job.end - job.at);
        (void)tell(hash_job_event(&job));
    }
}

static inline void pass(uint64_t seconds)
{
    fake.now_us += seconds * 1000000;
    (void)tell((struct event){.kind = EVENT_TIMER, .timer = TIMER_TICK});
}

static inline const struct bittorrent *node(void)
{
    return fake.host.node;
}

/* A node that has the film, or none of it. */
static inline void begin(bool seed)
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
    fake.host.protocol = &bittorrent_protocol;
    memset(aborted, 0, sizeof aborted);
    job_count = 0;
    backlog = 0;
    settings = settings_new(bittorrent_protocol.options);
    struct text why_not = text_new();
    CHECK(chosen == NULL || settings_assign(&settings, chosen, &why_not));
    text_free(&why_not);
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

/* Change a setting after the start. */
static inline void set(const char *name, const char *value)
{
    struct text why = text_new();

    CHECK(settings_set(&settings, name, value, &why));
    text_free(&why);
}

/* -- The peer ------------------------------------------------------------------- */

static inline size_t bytes(conn_id conn, struct addr from, const void *data,
                           size_t len)
{
    return tell((struct event){.kind = EVENT_BYTES,
                               .conn = conn,
                               .peer = from,
                               .data = data,
                               .len = len});
}

static inline void say(conn_id conn, struct wire_msg m)
{
    static uint8_t out[WIRE_FIXED_MAX + 64];

    (void)bytes(conn, peer, out, wire_encode(&m, out, sizeof out));
}

/* Messages of that kind that went out since the last `fake.written_len = 0`,
   handshakes left out; the last of them. */
static struct wire_msg heard;

static inline unsigned hears(enum wire_id id)
{
    struct handshake s;
    struct wire_msg m;
    unsigned count = 0;
    size_t at = 0;

    while (at < fake.written_len) {
        const uint8_t *from = fake.written + at;
        size_t len = fake.written_len - at;
        int used = wire_read_handshake(&s, from, len);
        if (used <= 0 && (used = wire_decode(&m, from, len)) > 0 &&
            m.id == id && ++count > 0)
            heard = m;
        if (used <= 0)
            return 1000; /* no message */
        at += (size_t)used;
    }
    return count;
}

static inline void dial_in(conn_id conn, struct addr from)
{
    (void)tell(
        (struct event){.kind = EVENT_ACCEPT, .conn = conn, .peer = from});
}

static inline void shake_hands(conn_id conn, struct addr from,
                               uint64_t reserved)
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
static inline void come_as_seed(conn_id conn, struct addr from)
{
    shake_hands(conn, from, RESERVED_FAST);
    say(conn, (struct wire_msg){.id = WIRE_HAVE_ALL});
    say(conn, (struct wire_msg){.id = WIRE_UNCHOKE});
}

/* Send a block, all bytes of which are wrong. */
static inline void send_wrong(conn_id conn, struct addr from, struct block b)
{
    static uint8_t data[BLOCK_BYTES];

    memset(data, 'x', sizeof data);
    say(conn, (struct wire_msg){.id = WIRE_PIECE,
                                .index = b.piece,
                                .begin = b.begin,
                                .length = b.length});
    (void)bytes(conn, from, data, b.length);
}

static inline const struct peer *on(conn_id conn)
{
    struct peer *const *at = node()->peers;

    while (*at != NULL && (*at)->conn != conn)
        at++;
    return *at;
}

static inline void want(conn_id conn, uint32_t piece)
{
    say(conn, (struct wire_msg){
                  .id = WIRE_REQUEST, .index = piece, .length = BLOCK_BYTES});
}

#endif
