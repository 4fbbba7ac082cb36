/* What must hold across all nodes; see check.h. */
#include "bittorrent/check.h"

#include <string.h>

struct bittorrent *bittorrent_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &bittorrent_protocol);
}

/* Streams cannot be made from outside, and hashes that were asked for are
   forgotten: whoever has no torrent yet starts as in a cold run. */
void bittorrent_warm(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        struct bittorrent *n = bittorrent_at(net, i);
        if (n == NULL || n->torrent.state > TORRENT_MAKING)
            continue;
        n->torrent = (struct torrent){.state = TORRENT_NONE};
        swarm_start(n, net->host[i]);
    }
}

uint64_t bittorrent_quiet_us(const struct settings *s)
{
    (void)s;
    return 3 * SECOND_US;
}

/* Does somebody who is up have what this one lacks? */
static bool can_go_on(const struct network *net, const struct bittorrent *n)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *m = bittorrent_at(net, i);
        if (m == NULL || m == n || m->torrent.state != TORRENT_OPEN ||
            memcmp(m->torrent.infohash, n->torrent.infohash, INFOHASH_BYTES) !=
                0)
            continue;
        for (uint32_t k = 0; k < n->torrent.meta.piece_count; k++)
            if (bit_is_set(m->torrent.have, k) && torrent_lacks(&n->torrent, k))
                return true;
    }
    return false;
}

bool bittorrent_settled(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        if (n == NULL || n->leaving)
            continue;
        const struct torrent *t = &n->torrent;
        if (n->wanted[0] != '\0' || t->state == TORRENT_MAKING ||
            t->state == TORRENT_CHECKING || t->partials != NULL ||
            (t->state == TORRENT_OPEN && !t->complete && can_go_on(net, n)))
            return false;
    }
    return true;
}

/* -- Invariants ---------------------------------------------------------- */

static uint32_t bits_in(const uint8_t *bits, uint32_t count)
{
    uint32_t set = 0;

    for (uint32_t i = 0; bits != NULL && i < count; i++)
        set += bit_is_set(bits, i);
    return set;
}

static void check_pieces(const struct bittorrent *n, struct finding *f)
{
    const struct torrent *t = &n->torrent;

    if (bits_in(t->have, t->meta.piece_count) != t->have_count)
        findings_break(f, "%s has another number of pieces than it counts",
                       n->name);
    for (uint32_t i = 0; i < t->meta.piece_count; i++) {
        uint32_t copies = 0;
        for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
            copies += p->have != NULL && bit_is_set(p->have, i);
        if (copies != t->copies[i])
            findings_break(f, "%s counts %u copies of piece %u, its peers %u",
                           n->name, t->copies[i], i, copies);
    }
}

static void check_peers(const struct bittorrent *n, struct finding *interest,
                        struct finding *slots)
{
    const struct torrent *t = &n->torrent;
    uint32_t unchoked = 0;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        uint32_t wanted = 0;
        for (uint32_t i = 0; p->have != NULL && i < t->meta.piece_count; i++)
            wanted += bit_is_set(p->have, i) && torrent_lacks(t, i);
        if (wanted != p->wanted ||
            (p->state == PEER_UP && p->am_interested != (wanted > 0)))
            findings_break(interest, "%s wants %u pieces of a peer, not %u",
                           n->name, wanted, p->wanted);
        unchoked += p->state == PEER_UP && !p->am_choking && p->peer_interested;
    }
    if (unchoked != n->taking[false] + n->taking[true])
        findings_break(slots, "%s uploads to %u peers, and counts %u", n->name,
                       unchoked, n->taking[false] + n->taking[true]);
    if (setting(n->settings, OPT_CHOKER) == CHOKER_TITFORTAT &&
        unchoked > (uint64_t)setting(n->settings, OPT_SLOTS) + 1)
        findings_break(slots, "%s uploads to %u peers", n->name, unchoked);
}

/* [bep3]: nobody asks a peer for what that does not have, or for what is
   here already; and what is announced is here. */
static void check_claims(const struct bittorrent *n, struct host *h,
                         struct finding *asked, struct finding *here)
{
    const struct torrent *t = &n->torrent;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        for (unsigned i = 0; i < p->asked.count; i++) {
            uint32_t piece = p->asked.at[i].piece;
            if (p->have == NULL || !bit_is_set(p->have, piece))
                findings_break(asked,
                               "%s asks for piece %u, which a peer lacks",
                               n->name, piece);
        }
    for (uint32_t i = 0; i < t->meta.piece_count; i++)
        if (bit_is_set(t->have, i) &&
            !host_content_has(h, t->content, torrent_offset(t, i),
                              metainfo_piece_bytes(&t->meta, i)))
            findings_break(here, "%s claims piece %u, which is not here",
                           n->name, i);
}

void bittorrent_check(const struct network *net, struct findings *f)
{
    struct finding *pieces = findings_add(f, "pieces and copies counted");
    struct finding *interest = findings_add(f, "interest exact");
    struct finding *slots = findings_add(f, "no more uploads than slots");
    struct finding *asked = findings_add(f, "asked only for what peers have");
    struct finding *here = findings_add(f, "what is announced is here");

    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        if (n == NULL || n->torrent.state != TORRENT_OPEN)
            continue;
        check_pieces(n, pieces);
        check_peers(n, interest, slots);
        check_claims(n, net->host[i], asked, here);
    }
}
