/*
 * The facts of `bittorrent show`: what a worksheet may ask of a run as it
 * stands.  Choices that a fact names are those of the node's own tables.
 */
#include "bittorrent/main.h"

#include <string.h>

#include "bittorrent/check.h"
#include "common/hash.h"

static struct bittorrent *node_of(const struct fact_call *k)
{
    return k->host[0]->node;
}

/* The torrent of a node that knows its pieces; NULL with *why. */
static const struct torrent *torrent_of(struct fact_call *k)
{
    const struct bittorrent *n = node_of(k);

    if (n->torrent.have != NULL)
        return &n->torrent;
    text_printf(k->why, "%s has no torrent yet", k->args[0]);
    return NULL;
}

/* -- Pieces -------------------------------------------------------------- */

static uint32_t last_piece(const struct torrent *t)
{
    return t->meta.piece_count > 0 ? t->meta.piece_count - 1 : 0;
}

/* A number of a node's torrent. */
#define FACT(name, value)                                                      \
    static enum fact_outcome name(struct fact_call *k)                         \
    {                                                                          \
        const struct torrent *t = torrent_of(k);                               \
        return t != NULL ? fact_print(k, value) : FACT_ERROR;                  \
    }

FACT(fact_pieces, t->have_count)
FACT(fact_piece_count, t->meta.piece_count)
FACT(fact_uploaded, t->uploaded)
FACT(fact_downloaded, t->downloaded)
FACT(fact_wasted, t->wasted)
FACT(fact_bad, t->bad_pieces)
/* Length and number of a BITFIELD, and a bit for each piece. */
FACT(fact_bitfield_bytes, 5 + bits_bytes(t->meta.piece_count))
FACT(fact_hash_bytes, t->meta.piece_count *(uint64_t)SHA1_BYTES)
FACT(fact_last_bytes, metainfo_piece_bytes(&t->meta, last_piece(t)))
FACT(fact_last_blocks, torrent_block_count(t, last_piece(t)))
FACT(fact_all_blocks, (uint64_t)last_piece(t) * torrent_block_count(t, 0) +
                          torrent_block_count(t, last_piece(t)))

static enum fact_outcome fact_infohash(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    if (t == NULL)
        return FACT_ERROR;
    text_hex(k->out, t->infohash, INFOHASH_BYTES);
    return FACT_OK;
}

/* The torrent of a node and one of its pieces. */
static const struct torrent *piece_arg(struct fact_call *k, uint64_t *piece)
{
    const struct torrent *t = torrent_of(k);
    uint64_t most = t != NULL && t->meta.piece_count > 0
                        ? t->meta.piece_count - UINT64_C(1)
                        : 0;

    return t != NULL && fact_number(k, 1, most, piece) ? t : NULL;
}

static enum fact_outcome fact_piece_bytes(struct fact_call *k)
{
    uint64_t piece;
    const struct torrent *t = piece_arg(k, &piece);

    return t != NULL
               ? fact_print(k, metainfo_piece_bytes(&t->meta, (uint32_t)piece))
               : FACT_ERROR;
}

static enum fact_outcome fact_blocks(struct fact_call *k)
{
    uint64_t piece;
    const struct torrent *t = piece_arg(k, &piece);

    return t != NULL ? fact_print(k, torrent_block_count(t, (uint32_t)piece))
                     : FACT_ERROR;
}

static enum fact_outcome fact_bitfield(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        text_char(k->out, bit_is_set(t->have, i) ? '1' : '0');
    return t != NULL ? FACT_OK : FACT_ERROR;
}

/* The same as the payload of a BITFIELD message. */
static enum fact_outcome fact_bitfield_hex(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    if (t == NULL)
        return FACT_ERROR;
    text_hex(k->out, t->have, bits_bytes(t->meta.piece_count));
    return FACT_OK;
}

/* The numbers of the pieces that are here, or that are not. */
static enum fact_outcome pieces_where(struct fact_call *k, bool here)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        if (bit_is_set(t->have, i) == here)
            fact_add_number(k, i);
    return t != NULL ? FACT_OK : FACT_ERROR;
}

static enum fact_outcome fact_has(struct fact_call *k)
{
    return pieces_where(k, true);
}

static enum fact_outcome fact_lacks(struct fact_call *k)
{
    return pieces_where(k, false);
}

/* Does a piece, as the node would send it, have its hash? */
static bool is_right(struct host *h, const struct torrent *t, uint32_t piece)
{
    uint8_t part[BLOCK_BYTES], digest[SHA256_BYTES];
    struct hash *hash = hash_begin(HASH_SHA1);
    bool read = true;

    for (uint32_t i = 0; i < torrent_block_count(t, piece); i++) {
        struct block b = torrent_block(t, piece, i);
        read =
            host_content_read(h, t->content, torrent_offset(t, piece) + b.begin,
                              part, b.length) == 0 &&
            read;
        hash_add(hash, part, b.length);
    }
    return hash_end(hash, digest) == SHA1_BYTES && read &&
           memcmp(digest, t->meta.pieces + piece * (size_t)SHA1_BYTES,
                  SHA1_BYTES) == 0;
}

/* Pieces that it offers and that are not what the metainfo says. */
static enum fact_outcome fact_wrong(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        if (bit_is_set(t->have, i) && !is_right(k->host[0], t, i))
            fact_add_number(k, i);
    return t != NULL ? FACT_OK : FACT_ERROR;
}

/* The same of all who look before they believe: there must be none. */
static enum fact_outcome fact_kept_wrong(struct fact_call *k)
{
    uint64_t count = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct bittorrent *n = bittorrent_at(k->network, i);
        if (n == NULL || n->torrent.have == NULL ||
            setting(n->settings, OPT_VERIFY) == VERIFY_OFF)
            continue;
        for (uint32_t p = 0; p < n->torrent.meta.piece_count; p++)
            count += bit_is_set(n->torrent.have, p) &&
                     !is_right(k->network->host[i], &n->torrent, p);
    }
    fact_print(k, count);
    return count == 0 ? FACT_OK : FACT_BROKEN;
}

/* -- Copies -------------------------------------------------------------- */

static enum fact_outcome fact_rarity(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        fact_add_number(k, t->copies[i]);
    return t != NULL ? FACT_OK : FACT_ERROR;
}

/* What it lacks and has not begun, of which its peers have the fewest
   copies: rarest first begins one of these next. */
static enum fact_outcome fact_rarest(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);
    uint32_t least = UINT32_MAX;

    if (t == NULL)
        return FACT_ERROR;
    for (int turn = 0; turn < 2; turn++)
        for (uint32_t i = 0; i < t->meta.piece_count; i++) {
            if (bit_is_set(t->have, i) || bit_is_set(t->busy, i) ||
                t->copies[i] == 0)
                continue;
            if (turn == 0 && t->copies[i] < least)
                least = t->copies[i];
            if (turn == 1 && t->copies[i] == least)
                fact_add_number(k, i);
        }
    return FACT_OK;
}

/* How many nodes that are up have a piece, `but` one. */
static uint32_t copies_of(const struct network *net, uint32_t piece,
                          const struct bittorrent *but)
{
    uint32_t copies = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        copies += n != NULL && n != but && n->torrent.have != NULL &&
                  piece < n->torrent.meta.piece_count &&
                  bit_is_set(n->torrent.have, piece);
    }
    return copies;
}

static enum fact_outcome fact_copies(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        fact_add_number(k, copies_of(k->network, i, NULL));
    return t != NULL ? FACT_OK : FACT_ERROR;
}

/* Pieces that nobody else has: lost, if this node goes. */
static enum fact_outcome fact_only(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);
    uint64_t count = 0;

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        count +=
            bit_is_set(t->have, i) && copies_of(k->network, i, node_of(k)) == 0;
    return t != NULL ? fact_print(k, count) : FACT_ERROR;
}

/* Pieces that nobody has at all, by a node that knows the torrent. */
static enum fact_outcome fact_lost_count(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);
    uint64_t count = 0;

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        count += copies_of(k->network, i, NULL) == 0;
    return t != NULL ? fact_print(k, count) : FACT_ERROR;
}

static enum fact_outcome fact_lost(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    for (uint32_t i = 0; t != NULL && i < t->meta.piece_count; i++)
        if (copies_of(k->network, i, NULL) == 0)
            fact_add_number(k, i);
    return t != NULL ? FACT_OK : FACT_ERROR;
}

/* -- Peers --------------------------------------------------------------- */

/* Names of the peers of a node for whom `wants` holds. */
static enum fact_outcome peers_where(struct fact_call *k,
                                     bool (*wants)(const struct peer *))
{
    const struct bittorrent *n = node_of(k);

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        if (p->state == PEER_UP && wants(p))
            fact_add_node(k, p->addr);
    return FACT_OK;
}

static bool any(const struct peer *p)
{
    return p->state == PEER_UP;
}

static bool is_unchoked(const struct peer *p)
{
    return !p->am_choking && p->peer_interested;
}

static bool is_regular(const struct peer *p)
{
    return is_unchoked(p) && !p->optimistic;
}

static bool is_optimistic(const struct peer *p)
{
    return is_unchoked(p) && p->optimistic;
}

static bool is_interesting(const struct peer *p)
{
    return p->am_interested;
}

static bool is_interested(const struct peer *p)
{
    return p->peer_interested;
}

/* Who may be drawn for the slot by lot. */
static bool is_waiting(const struct peer *p)
{
    return p->peer_interested && (p->am_choking || p->optimistic);
}

#define PEERS(name, which)                                                     \
    static enum fact_outcome name(struct fact_call *k)                         \
    {                                                                          \
        return peers_where(k, which);                                          \
    }

PEERS(fact_peers, any)
PEERS(fact_unchoked, is_unchoked)
PEERS(fact_regular, is_regular)
PEERS(fact_optimistic, is_optimistic)
PEERS(fact_interesting, is_interesting)
PEERS(fact_interested, is_interested)
PEERS(fact_waiting, is_waiting)

/* "p2:118 p3:64": kB that each peer gave in this period and the last, by
   which the next round ranks them; of one who has all: that each took. */
static enum fact_outcome fact_rates(struct fact_call *k)
{
    const struct bittorrent *n = node_of(k);

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        uint64_t bytes = n->torrent.complete ? p->up_now + p->up_last
                                             : p->down_now + p->down_last;
        if (p->state != PEER_UP)
            continue;
        fact_add_node(k, p->addr);
        text_printf(k->out, ":%llu", (unsigned long long)(bytes / 1000));
    }
    return FACT_OK;
}

static enum fact_outcome fact_banned(struct fact_call *k)
{
    const struct bittorrent *n = node_of(k);

    for (uint32_t i = 0; i < n->known_count; i++)
        if (n->known[i].banned)
            fact_add_node(k, n->known[i].addr);
    return FACT_OK;
}

static enum fact_outcome fact_known(struct fact_call *k)
{
    return fact_print(k, node_of(k)->known_count);
}

/* -- The whole swarm ----------------------------------------------------- */

/* Seconds from the .torrent to the last piece. */
static enum fact_outcome fact_took(struct fact_call *k)
{
    const struct torrent *t = torrent_of(k);

    if (t == NULL)
        return FACT_ERROR;
    if (t->done_us > 0)
        return fact_print_ratio(k, t->done_us - t->begun_us, SECOND_US);
    text_add(k->out, "never");
    return FACT_BROKEN;
}

/* Of all whose names begin so and who came to have all: the mean, the last. */
static enum fact_outcome took_of_all(struct fact_call *k, bool mean)
{
    uint64_t sum = 0, count = 0, last = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct bittorrent *n = bittorrent_at(k->network, i);
        if (n == NULL || n->torrent.done_us == 0 ||
            strncmp(n->name, k->args[0], strlen(k->args[0])) != 0)
            continue;
        uint64_t us = n->torrent.done_us - n->torrent.begun_us;
        sum += us;
        count++;
        last = us > last ? us : last;
    }
    if (count == 0) {
        text_add(k->out, "never");
        return FACT_BROKEN;
    }
    return fact_print_ratio(k, mean ? sum / count : last, SECOND_US);
}

static enum fact_outcome fact_mean_took(struct fact_call *k)
{
    return took_of_all(k, true);
}

static enum fact_outcome fact_last_took(struct fact_call *k)
{
    return took_of_all(k, false);
}

static enum fact_outcome fact_complete(struct fact_call *k)
{
    uint64_t count = 0;

    for (size_t i = 0; i < k->network->count; i++) {
        const struct bittorrent *n = bittorrent_at(k->network, i);
        count += n != NULL && n->torrent.complete;
    }
    return fact_print(k, count);
}

static enum fact_outcome fact_swarm_size(struct fact_call *k)
{
    const struct bittorrent *n = node_of(k);
    uint64_t count = 0;

    for (uint32_t i = 0; n->tracker != NULL && i < n->tracker->count; i++)
        count += n->tracker->swarm[i].count;
    return fact_print(k, count);
}

/* -- The DHT ------------------------------------------------------------- */

static const struct dht *dht_of(struct fact_call *k)
{
    const struct bittorrent *n = node_of(k);

    if (n->dht == NULL)
        text_printf(k->why, "%s is not in a DHT: set dht=on", k->args[0]);
    return n->dht;
}

static enum fact_outcome fact_dht_nodes(struct fact_call *k)
{
    const struct dht *d = dht_of(k);

    return d != NULL ? fact_print(k, dht_node_count(d)) : FACT_ERROR;
}

static enum fact_outcome fact_dht_stores(struct fact_call *k)
{
    const struct dht *d = dht_of(k);

    return d != NULL ? fact_print(k, d->stored_count) : FACT_ERROR;
}

const struct fact bittorrent_facts[] = {
    {"infohash", "N", "NODE", "the name of its torrent", "origin",
     fact_infohash},
    {"piece-count", "N", "NODE", "pieces of the torrent", "origin",
     fact_piece_count},
    {"piece-bytes", "Nn", "NODE PIECE", "how long a piece is", "origin 7",
     fact_piece_bytes},
    {"blocks", "Nn", "NODE PIECE", "requests that it takes", "origin 0",
     fact_blocks},
    {"last-bytes", "N", "NODE", "how long the last piece is", "origin",
     fact_last_bytes},
    {"last-blocks", "N", "NODE", "requests for the last piece", "origin",
     fact_last_blocks},
    {"all-blocks", "N", "NODE", "requests for the whole torrent", "origin",
     fact_all_blocks},
    {"hash-bytes", "N", "NODE", "of all hashes in the metainfo", "origin",
     fact_hash_bytes},
    {"pieces", "N", "NODE", "how many it has", "p1", fact_pieces},
    {"has", "N", "NODE", "which it has", "p1", fact_has},
    {"lacks", "N", "NODE", "which it has not", "p1", fact_lacks},
    {"bitfield", "N", "NODE", "a digit for each piece", "p1", fact_bitfield},
    {"bitfield-hex", "N", "NODE", "as bytes of the message", "p1",
     fact_bitfield_hex},
    {"bitfield-bytes", "N", "NODE", "length of that message", "p1",
     fact_bitfield_bytes},
    {"rarity", "N", "NODE", "copies of each piece among its peers", "p1",
     fact_rarity},
    {"rarest", "N", "NODE", "what rarest first may begin next", "p1",
     fact_rarest},
    {"copies", "N", "NODE", "copies of each piece in the swarm", "origin",
     fact_copies},
    {"only", "N", "NODE", "pieces that nobody else has", "origin", fact_only},
    {"lost", "N", "NODE", "pieces that nobody has", "p1", fact_lost},
    {"lost-count", "N", "NODE", "how many these are", "p1", fact_lost_count},
    {"known", "N", "NODE", "addresses that it was told", "p1", fact_known},
    {"peers", "N", "NODE", "its connections", "p1", fact_peers},
    {"interesting", "N", "NODE", "who has what it lacks", "p1",
     fact_interesting},
    {"interested", "N", "NODE", "who wants what it has", "p1", fact_interested},
    {"waiting", "N", "NODE", "of these, without a regular slot", "p1",
     fact_waiting},
    {"unchoked", "N", "NODE", "to whom it uploads", "origin", fact_unchoked},
    {"regular", "N", "NODE", "of these, the regular slots", "origin",
     fact_regular},
    {"optimistic", "N", "NODE", "of these, the one by lot", "origin",
     fact_optimistic},
    {"rates", "N", "NODE", "kB by which it ranks its peers", "p1", fact_rates},
    {"banned", "N", "NODE", "who sent it bad pieces", "p1", fact_banned},
    {"wrong", "N", "NODE", "pieces that it offers with wrong bytes", "origin",
     fact_wrong},
    {"kept-wrong", "", "", "the same of all with verify=on", "",
     fact_kept_wrong},
    {"bad", "N", "NODE", "pieces that failed their hash", "p1", fact_bad},
    {"took", "N", "NODE", "seconds until it had all", "p1", fact_took},
    {"mean-took", "w", "PREFIX", "the mean of those named so", "p",
     fact_mean_took},
    {"last-took", "w", "PREFIX", "the slowest of them", "p", fact_last_took},
    {"uploaded", "N", "NODE", "bytes that it sent", "p1", fact_uploaded},
    {"downloaded", "N", "NODE", "bytes that it got", "p1", fact_downloaded},
    {"wasted", "N", "NODE", "of these, what it had already", "p1", fact_wasted},
    {"complete", "", "", "nodes that have every piece", "", fact_complete},
    {"swarm", "N", "TRACKER", "peers on a tracker's list", "tracker",
     fact_swarm_size},
    {"dht-nodes", "N", "NODE", "nodes in its routing table", "p1",
     fact_dht_nodes},
    {"dht-stores", "N", "NODE", "peers that it keeps for others", "p1",
     fact_dht_stores},
    {"pick", "nnt", "DRAW COUNT WORD...", "words by lot, from the seed",
     "1 2 a b c d", fact_pick},
    {.name = NULL}};
