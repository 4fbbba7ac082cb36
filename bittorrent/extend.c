/*
 * Extensions, each a bencoded dictionary in an EXTENDED message.
 *
 *   hello        which extensions we know, and by what number we want to be
 *                sent each; where we listen; how many requests we take
 *   ut_metadata  the info dictionary, for who has only its hash
 *   ut_pex       peers that we are connected to
 *
 * Sources: [bep10], [bep9], [bep11].
 */
#include "bittorrent/node.h"

#include <string.h>

#include "common/hash.h"

/* The numbers by which we want to be sent them. */
enum { OUR_PEX = 1, OUR_METADATA = 2 };

static void send_extended(struct host *h, struct peer *p, uint8_t id,
                          const struct bencode_writer *w)
{
    const struct wire_msg m = {
        .id = WIRE_EXTENDED, .extended = id, .data = w->out, .data_len = w->at};

    if (!w->bad)
        peer_send(h, p, &m);
}

static bool may_pex(const struct bittorrent *n)
{
    return setting(n->settings, OPT_PEX) != 0 && !n->torrent.meta.is_private;
}

void extend_say_hello(struct bittorrent *n, struct host *h, struct peer *p)
{
    uint8_t out[256];
    struct bencode_writer w = {.out = out, .room = sizeof out};

    bencode_put_dict(&w);
    bencode_put_text(&w, "m");
    bencode_put_dict(&w);
    bencode_put_text(&w, "ut_metadata");
    bencode_put_number(&w, OUR_METADATA);
    if (may_pex(n)) {
        bencode_put_text(&w, "ut_pex");
        bencode_put_number(&w, OUR_PEX);
    }
    bencode_put_end(&w);
    if (n->torrent.state == TORRENT_OPEN) {
        bencode_put_text(&w, "metadata_size");
        bencode_put_number(&w, (int64_t)n->torrent.meta.info_len);
    }
    bencode_put_text(&w, "p");
    bencode_put_number(&w, n->self.port);
    bencode_put_text(&w, "reqq");
    bencode_put_number(&w, REQUESTS_MAX);
    bencode_put_text(&w, "v");
    bencode_put_text(&w, "p2plab");
    bencode_put_end(&w);
    send_extended(h, p, 0, &w);
}

/* -- The info dictionary ------------------------------------------------- */

static void ask_block(struct bittorrent *n, struct host *h, struct peer *p)
{
    uint8_t out[64];
    struct bencode_writer w = {.out = out, .room = sizeof out};

    bencode_put_dict(&w);
    bencode_put_text(&w, "msg_type");
    bencode_put_number(&w, 0);
    bencode_put_text(&w, "piece");
    bencode_put_number(&w, n->torrent.info_at / METADATA_BLOCK);
    bencode_put_end(&w);
    n->torrent.info_us = host_now(h);
    send_extended(h, p, p->ut_metadata, &w);
}

static void stop_asking(struct torrent *t, struct host *h)
{
    host_free(h, t->info, t->info_len);
    t->info = NULL;
    t->info_len = t->info_at = 0;
    t->info_conn = 0;
}

/* Whoever can is asked for all of it, block by block.  Who says nothing for
   long is given up. */
static void ask_somebody(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    struct peer *asked = peer_of(n, t->info_conn);
    uint64_t now = host_now(h);

    if (t->state != TORRENT_ASKING ||
        (asked != NULL && now - t->info_us <= METADATA_PATIENCE_US))
        return;
    if (asked != NULL)
        asked->metadata_us = now + METADATA_AGAIN_US;
    stop_asking(t, h);
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        if (p->state != PEER_UP || p->ut_metadata == 0 ||
            p->metadata_us > now || p->metadata_bytes == 0 ||
            p->metadata_bytes > BLOB_BYTES_MAX - 8)
            continue;
        t->info = host_alloc(h, p->metadata_bytes);
        if (t->info == NULL)
            return;
        t->info_len = p->metadata_bytes;
        t->info_conn = p->conn;
        ask_block(n, h, p);
        return;
    }
}

/* It has none for us, or a wrong one: somebody else is asked. */
static void ask_another(struct bittorrent *n, struct host *h, struct peer *p)
{
    p->metadata_us = host_now(h) + METADATA_AGAIN_US;
    n->torrent.info_conn = 0;
    ask_somebody(n, h);
}

/* All of it is here: judge it, and open the torrent. */
static void info_whole(struct bittorrent *n, struct host *h, struct peer *p)
{
    struct torrent *t = &n->torrent;
    uint8_t digest[SHA1_BYTES];
    const char *why = "no memory";
    size_t len = t->info_len + 8;
    uint8_t *file = host_alloc(h, len);

    hash_sha1(digest, t->info, t->info_len);
    if (file == NULL || memcmp(digest, t->infohash, SHA1_BYTES) != 0) {
        host_free(h, file, len);
        ask_another(n, h, p);
        return;
    }
    static const uint8_t head[7] = {'d', '4', ':', 'i', 'n', 'f', 'o'};
    memcpy(file, head, sizeof head);
    memcpy(file + sizeof head, t->info, t->info_len);
    file[len - 1] = 'e';
    stop_asking(t, h);
    host_note(h, "the info dictionary is here: %zu bytes", len - 8);
    if (!torrent_open(n, h, file, len, &why)) {
        host_note(h, "the torrent cannot be used: %s", why);
        t->state = TORRENT_NONE; /* nobody is asked again */
        n->refused = why;
        if (n->command != 0)
            host_failed(h, n->command, why);
        n->command = 0;
    }
    host_free(h, file, len);
}

static void serve_block(struct bittorrent *n, struct host *h, struct peer *p,
                        int64_t piece)
{
    const struct torrent *t = &n->torrent;
    uint8_t out[METADATA_BLOCK + 128];
    struct bencode_writer w = {.out = out, .room = sizeof out};
    size_t offset = (size_t)piece * METADATA_BLOCK;
    bool here = t->state == TORRENT_OPEN && piece >= 0 &&
                piece < (int64_t)(BLOB_BYTES_MAX / METADATA_BLOCK) &&
                offset < t->meta.info_len;

    if (p->ut_metadata == 0)
        return;
    bencode_put_dict(&w);
    bencode_put_text(&w, "msg_type");
    bencode_put_number(&w, here ? 1 : 2);
    bencode_put_text(&w, "piece");
    bencode_put_number(&w, piece);
    if (here) {
        bencode_put_text(&w, "total_size");
        bencode_put_number(&w, (int64_t)t->meta.info_len);
    }
    bencode_put_end(&w);
    size_t left = here ? t->meta.info_len - offset : 0;
    if (here)
        bencode_put_raw(&w, t->meta.info + offset,
                        left < METADATA_BLOCK ? left : METADATA_BLOCK);
    send_extended(h, p, p->ut_metadata, &w);
}

static void on_metadata(struct bittorrent *n, struct host *h, struct peer *p,
                        const struct wire_msg *m)
{
    struct torrent *t = &n->torrent;
    struct bencode d;
    int64_t used = bencode_read(&d, m->data, m->data_len, BENCODE_LOOSE);

    if (used <= 0)
        return;
    int64_t type = bencode_number(&d, "msg_type", -1);
    int64_t piece = bencode_number(&d, "piece", -1);
    if (type == 0)
        serve_block(n, h, p, piece);
    if (t->state != TORRENT_ASKING || p->conn != t->info_conn)
        return;
    if (type == 2)
        ask_another(n, h, p);
    size_t rest = m->data_len - (size_t)used, left = t->info_len - t->info_at;
    size_t want = left < METADATA_BLOCK ? left : METADATA_BLOCK;
    if (type != 1 || piece != t->info_at / METADATA_BLOCK || rest != want)
        return;
    memcpy(t->info + t->info_at, m->data + used, want);
    t->info_at += (uint32_t)want;
    if (t->info_at < t->info_len)
        ask_block(n, h, p);
    else
        info_whole(n, h, p);
}

void extend_ask(struct bittorrent *n, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES])
{
    struct torrent *t = &n->torrent;

    *t = (struct torrent){.state = TORRENT_ASKING, .begun_us = host_now(h)};
    memcpy(t->infohash, infohash, INFOHASH_BYTES);
}

/* -- Peer exchange ------------------------------------------------------- */

/* Tell of those who came since we told last. */
static void send_pex(struct bittorrent *n, struct host *h, struct peer *to)
{
    uint8_t out[PEX_MAX * (COMPACT_BYTES + 1) + 64];
    uint8_t peers[PEX_MAX * COMPACT_BYTES], flags[PEX_MAX];
    struct bencode_writer w = {.out = out, .room = sizeof out};
    size_t count = 0;

    for (struct peer *const *at = n->peers, *p;
         (p = *at) != NULL && count < PEX_MAX; at++) {
        if (p == to || p->state != PEER_UP || p->addr.port == 0 ||
            p->opened_us < to->pex_us)
            continue;
        compact_write(p->addr, peers + count * COMPACT_BYTES);
        flags[count++] = p->have_count == n->torrent.meta.piece_count ? 2 : 0;
    }
    to->pex_us = host_now(h);
    if (count == 0)
        return;
    bencode_put_dict(&w);
    bencode_put_text(&w, "added");
    bencode_put_bytes(&w, peers, count * COMPACT_BYTES);
    bencode_put_text(&w, "added.f");
    bencode_put_bytes(&w, flags, count);
    bencode_put_text(&w, "dropped");
    bencode_put_text(&w, "");
    bencode_put_end(&w);
    send_extended(h, to, to->ut_pex, &w);
}

static void on_pex(struct bittorrent *n, struct host *h,
                   const struct wire_msg *m)
{
    struct bencode d, added;

    if (!may_pex(n) ||
        bencode_read(&d, m->data, m->data_len, BENCODE_LOOSE) <= 0 ||
        !bencode_find(&d, "added", BENCODE_STRING, &added))
        return;
    for (size_t i = 0; i < PEX_MAX && (i + 1) * COMPACT_BYTES <= added.text_len;
         i++)
        swarm_found_peer(n, h, compact_read(added.text + i * COMPACT_BYTES));
}

void extend_on_tick(struct bittorrent *n, struct host *h)
{
    uint64_t now = host_now(h);

    ask_somebody(n, h);
    if (!may_pex(n))
        return;
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        if (p->state == PEER_UP && p->ut_pex != 0 &&
            (p->pex_us == 0 || now - p->pex_us > PEX_PERIOD_US) &&
            now - p->opened_us > PEX_FIRST_US)
            send_pex(n, h, p);
}

/* -- The hello ----------------------------------------------------------- */

static uint8_t extension(const struct bencode *m, const char *name,
                         uint8_t before)
{
    int64_t id = bencode_number(m, name, before);

    return id >= 0 && id <= UINT8_MAX ? (uint8_t)id : 0;
}

/* A later hello adds to the first.  Source: [bep10]. */
static void on_hello(struct bittorrent *n, struct host *h, struct peer *p,
                     const struct wire_msg *m)
{
    struct bencode d, known;

    if (bencode_read(&d, m->data, m->data_len, BENCODE_LOOSE) <= 0)
        return;
    if (bencode_find(&d, "m", BENCODE_DICT, &known)) {
        p->ut_metadata = extension(&known, "ut_metadata", p->ut_metadata);
        p->ut_pex = extension(&known, "ut_pex", p->ut_pex);
    }
    int64_t port = bencode_number(&d, "p", 0);
    int64_t reqq = bencode_number(&d, "reqq", 0);
    int64_t size = bencode_number(&d, "metadata_size", 0);
    if (port > 0 && port <= UINT16_MAX && !p->outgoing)
        p->addr.port = (uint16_t)port;
    if (swarm_bans(n, p->addr)) {
        peer_close(n, h, p, "it is banned, and has come back");
        return;
    }
    if (reqq > 0)
        p->reqq = (uint16_t)(reqq < UINT16_MAX ? reqq : UINT16_MAX);
    if (size > 0 && size <= UINT32_MAX)
        p->metadata_bytes = (uint32_t)size;
    ask_somebody(n, h);
}

void extend_on_message(struct bittorrent *n, struct host *h, struct peer *p,
                       const struct wire_msg *m)
{
    if (m->extended == 0)
        on_hello(n, h, p, m);
    else if (m->extended == OUR_METADATA)
        on_metadata(n, h, p, m);
    else if (m->extended == OUR_PEX)
        on_pex(n, h, m);
}
