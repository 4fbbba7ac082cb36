/*
 * A peer, a tracker, and a node of the DHT against any list of events
 * (node_fuzz.h): every table stays within its bound, what is counted is so,
 * and no piece is taken whose hash is wrong.
 *
 * The node can make a torrent of song.ogg, which it has, or is given that of
 * other.ogg, of which it has half; peers send it right and wrong bytes.
 */
#include "bittorrent/node.h"
#include "common/hash.h"
#include "tests/fuzz/node_fuzz.h"

#define OTHER_BYTES 100000
#define PIECE_BYTES 32768
#define OTHER_PIECES 4

/* -- The torrent that it is given --------------------------------------------- */

static void *table_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void table_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

/* The bytes of other.ogg, which are a function of its name and length. */
static const uint8_t *other_bytes(void)
{
    static const struct content_memory memory = {table_alloc, table_free, NULL};
    static const struct share share = {
        .name = "other.ogg", .bytes = OTHER_BYTES, .to = OTHER_BYTES};
    static uint8_t all[OTHER_BYTES];
    static bool made;

    if (!made) {
        struct contents *c = contents_new(&memory);
        MUST(c != NULL && contents_share(c, &share, 1));
        MUST(contents_read(c, 0, 0, all, sizeof all) == 0);
        contents_free(c);
        made = true;
    }
    return all;
}

static size_t write_torrent(uint8_t *out, size_t room)
{
    uint8_t digests[OTHER_PIECES * SHA1_BYTES];
    const char *tracker = "http://10.1.2.3:80/announce";
    const struct metainfo_plan_file file = {"other.ogg", OTHER_BYTES};
    struct metainfo_plan plan = {.name = "other.ogg",
                                 .tracker = &tracker,
                                 .tracker_count = 1,
                                 .file = &file,
                                 .file_count = 1,
                                 .piece_bytes = PIECE_BYTES,
                                 .pieces = digests,
                                 .piece_count = OTHER_PIECES};
    struct bencode_writer w = {.out = out, .room = room};

    for (size_t i = 0; i < OTHER_PIECES; i++) {
        size_t at = i * PIECE_BYTES, left = OTHER_BYTES - at;
        hash_sha1(digests + i * SHA1_BYTES, other_bytes() + at,
                  left < PIECE_BYTES ? left : PIECE_BYTES);
    }
    metainfo_write(&w, &plan);
    MUST(!w.bad);
    return w.at;
}

/* -- What must hold --------------------------------------------------------------- */

/* A piece of other.ogg that counts has the bytes that it should. */
static void check_piece(struct fake *f, const struct torrent *t, uint32_t i)
{
    static uint8_t got[PIECE_BYTES];
    size_t at = (size_t)i * PIECE_BYTES, left = OTHER_BYTES - at;
    size_t len = left < PIECE_BYTES ? left : PIECE_BYTES;

    MUST(contents_read(f->host.contents, t->content, at, got, len) == 0);
    MUST(memcmp(got, other_bytes() + at, len) == 0);
}

static void check_torrent(struct fake *f, const struct bittorrent *n)
{
    const struct torrent *t = &n->torrent;
    bool other = t->have != NULL && t->meta.bytes == OTHER_BYTES;
    uint32_t have = 0;

    for (uint32_t i = 0; t->have != NULL && i < t->meta.piece_count; i++) {
        uint32_t copies = 0;
        for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
            copies += p->have != NULL && bit_is_set(p->have, i);
        MUST(copies == t->copies[i]);
        have += bit_is_set(t->have, i);
        if (other && bit_is_set(t->have, i) &&
            setting(n->settings, OPT_VERIFY) != VERIFY_OFF)
            check_piece(f, t, i);
    }
    MUST(have == t->have_count);
    for (const struct partial *p = t->partials; p != NULL; p = p->next) {
        MUST(bit_is_set(t->busy, p->piece) && !bit_is_set(t->have, p->piece));
        MUST(p->here_count <= p->block_count);
    }
}

static void check_node(struct fake *f)
{
    const struct bittorrent *n = f->host.node;
    uint32_t peers = 0;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        uint32_t wanted = 0;
        for (uint32_t i = 0; p->have != NULL && i < n->torrent.meta.piece_count;
             i++)
            wanted += bit_is_set(p->have, i) && !bit_is_set(n->torrent.have, i);
        MUST(wanted == p->wanted);
        MUST(p->asked.count <= REQUESTS_MAX + 1);
        MUST(p->wants.count <= 2 * REQUESTS_MAX);
        peers++;
    }
    MUST(peers == n->peer_count && peers <= n->places + DIALS_MAX);
    MUST(n->known_count <= KNOWN_MAX);
    MUST(n->tracker == NULL || n->tracker->peer_count <= TRACKER_PEERS_MAX);
    MUST(n->dht == NULL || n->dht->stored_count <= DHT_STORED_MAX);
    check_torrent(f, n);
}

/* -- What others say ------------------------------------------------------------------ */

static const struct peer *peer_on(const struct bittorrent *n, conn_id conn)
{
    struct peer *const *at = n->peers;

    while (*at != NULL && (*at)->conn != conn)
        at++;
    return *at;
}

static size_t make_handshake(const struct bittorrent *n, struct input *in,
                             uint8_t *out)
{
    struct handshake s = {.reserved = RESERVED_EXTENDED | u8(in)};

    memcpy(s.infohash, n->torrent.infohash, sizeof s.infohash);
    memcpy(s.peer_id, n->id, sizeof s.peer_id);
    s.peer_id[19] = u8(in);
    if (u8(in) == 0)
        s.infohash[0] ^= 1;
    wire_write_handshake(&s, out);
    return HANDSHAKE_BYTES;
}

/* A block that the peer was asked for, or any; right, or with a wrong byte. */
static size_t make_piece(const struct peer *p, struct input *in, uint8_t *out)
{
    uint8_t which = u8(in);
    struct block b = {which % OTHER_PIECES, which / 64 * BLOCK_BYTES,
                      BLOCK_BYTES};

    if (which < 200 && p != NULL && p->asked.count > 0)
        b = p->asked.at[which % p->asked.count];
    const struct wire_msg m = {.id = WIRE_PIECE,
                               .index = b.piece,
                               .begin = b.begin,
                               .length = b.length};
    size_t len = wire_encode(&m, out, CRAFTED_MAX);
    size_t at = (size_t)b.piece * PIECE_BYTES + b.begin;
    if (len + b.length > CRAFTED_MAX || at + b.length > OTHER_BYTES)
        return len;
    memcpy(out + len, other_bytes() + at, b.length);
    out[len] = (uint8_t)(out[len] ^ (u8(in) < 64 ? 1 : 0));
    return len + b.length;
}

/* A text that may hold zeros. */
struct bytes {
    const char *at;
    size_t len;
};
#define BYTES(text)                                                            \
    {                                                                          \
        (text), sizeof(text) - 1                                               \
    }

static const struct bytes extensions[] = {
    BYTES("d1:md11:ut_metadatai1e6:ut_pexi2ee13:metadata_sizei200e1:pi7001e4:"
          "reqqi2ee"),
    BYTES("d1:md6:ut_pexi0eee"),
    BYTES("d8:msg_typei0e5:piecei0ee"),
    BYTES("d8:msg_typei1e5:piecei0e10:total_sizei5eehello"),
    BYTES("d8:msg_typei2e5:piecei0ee"),
    BYTES("d5:added12:\x0a\x00\x00\x03\x1b\x58\x0a\x00\x00\x04\x1b\x58"
          "7:added.f2:\x00\x02"
          "7:dropped0:e")};

static size_t make_message(const struct bittorrent *n, const struct peer *p,
                           struct input *in, uint8_t *out)
{
    static const enum wire_id ids[] = {
        WIRE_CHOKE,      WIRE_UNCHOKE,  WIRE_INTERESTED, WIRE_NOT_INTERESTED,
        WIRE_HAVE,       WIRE_BITFIELD, WIRE_REQUEST,    WIRE_CANCEL,
        WIRE_PORT,       WIRE_SUGGEST,  WIRE_HAVE_ALL,   WIRE_HAVE_NONE,
        WIRE_REJECT,     WIRE_UNCHOKE,  WIRE_EXTENDED,   WIRE_EXTENDED,
        WIRE_KEEP_ALIVE, WIRE_HAVE_ALL, WIRE_REQUEST,    WIRE_INTERESTED};
    uint8_t bits[1] = {u8(in)}, which = u8(in);
    struct wire_msg m = {.id = ids[u8(in) % (sizeof ids / sizeof *ids)],
                         .index = which % 5,
                         .begin = which % 3 * BLOCK_BYTES,
                         .length = which > 250 ? 200000 : BLOCK_BYTES,
                         .port = which,
                         .extended = which % 3};

    if (m.id == WIRE_BITFIELD) {
        m.data = bits;
        m.data_len = bits_bytes(n->torrent.meta.piece_count) % 2;
    } else if (m.id == WIRE_EXTENDED) {
        const struct bytes *e =
            &extensions[bits[0] % (sizeof extensions / sizeof *extensions)];
        m.data = (const uint8_t *)e->at;
        m.data_len = e->len;
    } else if (m.id == WIRE_REJECT && p != NULL && p->asked.count > 0) {
        m.index = p->asked.at[0].piece;
        m.begin = p->asked.at[0].begin;
        m.length = p->asked.at[0].length;
    }
    return wire_encode(&m, out, CRAFTED_MAX);
}

static size_t make_web(struct input *in, uint8_t *out)
{
    static const struct bytes said[] = {
        BYTES("GET /song.ogg.torrent HTTP/1.0\r\n\r\n"),
        BYTES("GET /announce?info_hash=%01aaaaaaaaaaaaaaaaaaa&peer_id="
              "aaaaaaaaaaaaaaaaaaaa&port=7&left=0&event=completed&compact=1 "
              "HTTP/1.1\r\n\r\n"),
        BYTES("GET /announce?info_hash=%01aaaaaaaaaaaaaaaaaaa&peer_id="
              "baaaaaaaaaaaaaaaaaaa&port=8&left=9&event=stopped "
              "HTTP/1.1\r\n\r\n"),
        BYTES("GET /scrape HTTP/1.1\r\n\r\n"),
        BYTES("HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        BYTES("HTTP/1.0 200 OK\r\nContent-Length: 37\r\n\r\n"
              "d8:intervali1e5:peers12:\x0a\x00\x00\x03\x1b\x58\x0a\x00\x00\x04"
              "\x1b\x58"
              "e")};
    static uint8_t torrent[4096];
    uint8_t which = u8(in);

    if (which % 8 < 6) {
        memcpy(out, said[which % 8].at, said[which % 8].len);
        return said[which % 8].len;
    }
    size_t len = write_torrent(torrent, sizeof torrent);
    int head = snprintf((char *)out, 200,
                        "HTTP/1.0 200 OK\r\nContent-Length: %zu\r\n\r\n", len);
    memcpy(out + head, torrent, len);
    return (size_t)head + len;
}

static size_t make_bytes(struct fake *f, struct input *in, conn_id conn,
                         struct addr *from, uint8_t out[CRAFTED_MAX])
{
    const struct bittorrent *n = f->host.node;
    const struct peer *p = peer_on(n, conn);
    uint8_t which = u8(in);

    (void)from;
    if (conn == 0)
        return 0; /* datagrams: bittorrent_krpc_fuzz, bittorrent_tracker_fuzz */
    if (which < 40)
        return make_web(in, out);
    if (which < 80 || (p != NULL && p->state != PEER_UP))
        return make_handshake(n, in, out);
    return which < 150 ? make_piece(p, in, out) : make_message(n, p, in, out);
}

static const char *const texts[] = {
    "get other.ogg",
    "get song.ogg",
    "show",
    "peer 10.0.0.3:7000",
    "fetch 0123456789abcdef0123456789abcdef01234567",
    NULL};

static void configure(struct settings *s, struct input *in)
{
    struct text why = text_new();

    for (size_t i = 0; s->options[i].name != NULL; i++)
        if (s->options[i].type == OPTION_CHOICE && i != OPT_VERIFY)
            s->value[i] = u8(in) % (s->options[i].max + 1);
    if (u8(in) < 128)
        MUST(settings_set(s, "get", "other.ogg", &why));
    if (u8(in) < 64)
        MUST(settings_set(s, "upload", "50kB/s", &why));
    if (u8(in) < 64)
        MUST(settings_set(s, "download", "50kB/s", &why));
    text_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct fuzz_node target = {.protocol = &bittorrent_protocol,
                                            .configure = configure,
                                            .check = check_node,
                                            .craft = make_bytes,
                                            .commands = texts};

    return fuzz_node(&target, data, len);
}
