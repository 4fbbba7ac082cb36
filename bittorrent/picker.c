/*
 * Which block to ask a peer for.  In this order:
 *
 *  1. finish pieces that are begun: only whole ones can be given on
 *  2. the first piece by lot: a rare one would come slowly, from few
 *  3. else by policy: the rarest among our peers, by lot where several are
 *     as rare; or any, or the first, to compare
 *  4. endgame: when every block is asked for somewhere, ask others too
 *
 * Source: [cohen03] 2.4 piece selection.
 */
#include "bittorrent/node.h"

/* A piece that is asked of one peer only goes to another when that one is
   gone or does not send, and begins anew: it is not to be mixed again. */
static bool may_ask(struct bittorrent *n, struct partial *q,
                    const struct peer *p)
{
    const struct peer *only = q->only != 0 ? peer_of(n, q->only) : NULL;

    if (q->only == 0 || only == p)
        return true;
    if (only != NULL && !only->peer_choking && !only->snubbed)
        return false;
    for (uint32_t i = 0; i < q->block_count; i++)
        q->block[i] = q->block[i] == BLOCK_HERE ? 0 : q->block[i];
    q->here_count = 0;
    q->mixed = false;
    q->only = p->conn;
    return true;
}

/* The first block of a partial that nobody is asked for. */
static bool free_block(const struct torrent *t, const struct partial *p,
                       struct block *b)
{
    for (uint32_t i = 0; i < p->block_count && !p->hashing; i++)
        if (p->block[i] == 0) {
            *b = torrent_block(t, p->piece, i);
            return true;
        }
    return false;
}

static bool is_better(enum picker policy, const struct torrent *t, uint32_t a,
                      uint32_t b)
{
    return policy == PICKER_RAREST && t->copies[a] < t->copies[b];
}

static bool is_as_good(enum picker policy, const struct torrent *t, uint32_t a,
                       uint32_t b)
{
    return policy == PICKER_RANDOM ||
           (policy == PICKER_RAREST && t->copies[a] == t->copies[b]);
}

/* A piece to begin, or piece_count.  Ties are drawn as they are met: the
   k-th of them takes the place with probability 1/k. */
static uint32_t pick_piece(const struct bittorrent *n, struct host *h,
                           const struct peer *p)
{
    const struct torrent *t = &n->torrent;
    enum picker policy = (enum picker)setting(n->settings, OPT_PICKER);
    uint32_t best = t->meta.piece_count, ties = 0;

    if (policy == PICKER_RAREST && t->have_count == 0)
        policy = PICKER_RANDOM;
    for (uint32_t i = 0; i < t->meta.piece_count; i++) {
        if (i % 8 == 0 &&
            (p->have[i / 8] & ~(t->have[i / 8] | t->busy[i / 8])) == 0) {
            i += 7; /* none of these eight */
            continue;
        }
        if (!torrent_lacks(t, i) || bit_is_set(t->busy, i) ||
            !peer_offers(p, i))
            continue;
        if (best == t->meta.piece_count || is_better(policy, t, i, best)) {
            best = i;
            ties = 1;
        } else if (is_as_good(policy, t, i, best) &&
                   host_random(h) % ++ties == 0) {
            best = i;
        }
    }
    return best;
}

static struct partial *begin_piece(struct torrent *t, struct host *h,
                                   uint32_t piece, const struct peer *from)
{
    struct partial *p = host_alloc(h, sizeof *p);

    if (p == NULL)
        return NULL;
    *p =
        (struct partial){.next = t->partials,
                         .piece = piece,
                         .only = bit_is_set(t->suspect, piece) ? from->conn : 0,
                         .block_count = torrent_block_count(t, piece)};
    p->block = host_alloc(h, p->block_count);
    if (p->block == NULL) {
        host_free(h, p, sizeof *p);
        return NULL;
    }
    t->partials = p;
    bit_set(t->busy, piece);
    return p;
}

/* A block that is asked for elsewhere, at the fewest peers. */
static bool endgame_block(const struct torrent *t, const struct peer *peer,
                          struct block *b)
{
    uint8_t least = ENDGAME_COPIES;

    for (const struct partial *p = t->partials; p != NULL; p = p->next)
        for (uint32_t i = 0; i < p->block_count && !p->hashing; i++) {
            struct block other = torrent_block(t, p->piece, i);
            if (p->block[i] < least && p->only == 0 &&
                peer_offers(peer, p->piece) &&
                blocks_find(&peer->asked, &other) == NULL) {
                least = p->block[i];
                *b = other;
            }
        }
    return least < ENDGAME_COPIES;
}

bool picker_next(struct bittorrent *n, struct host *h, const struct peer *p,
                 struct block *b)
{
    struct torrent *t = &n->torrent;

    for (struct partial *q = t->partials; q != NULL; q = q->next)
        if (peer_offers(p, q->piece) && !q->hashing && may_ask(n, q, p) &&
            free_block(t, q, b))
            return true;
    uint32_t piece = pick_piece(n, h, p);
    if (piece < t->meta.piece_count) {
        const struct partial *begun = begin_piece(t, h, piece, p);
        return begun != NULL && free_block(t, begun, b);
    }
    return setting(n->settings, OPT_ENDGAME) != 0 && endgame_block(t, p, b);
}
