/*
 * Whom to upload to.  Every ten seconds the peers that give us most get to
 * take from us (tit for tat); a seed, to whom nobody gives, prefers those who
 * take fastest, or serves one after the other.  One more slot is given by lot
 * and kept for thirty seconds: so a newcomer gets a first piece, and we find
 * out who would give more.
 *
 * Who gives much and wants nothing is unchoked as well.  It takes no slot; but
 * should it come to want something, the worst of the others goes at once.
 *
 * Sources: [bep3] choking; [cohen03] 3; [legout06] the rotating seed.  With
 * slots=4 and the optimistic one there are five uploads, the lecture's number.
 */
#include "bittorrent/node.h"

/* Does the policy give to this peer at all, should it want something? */
static bool may_have(const struct bittorrent *n, const struct peer *p)
{
    return p->state == PEER_UP && p->have != NULL &&
           setting(n->settings, OPT_CHOKER) != CHOKER_FREERIDER &&
           n->torrent.state == TORRENT_OPEN;
}

/* A seed in whose regular slots all have their turn? */
static bool rotates(const struct bittorrent *n)
{
    return n->torrent.complete && setting(n->settings, OPT_SEED_CHOKE) != 0;
}

/* Higher is better; those who were asked in vain for long are last.  Source:
   [legout06] a rotating seed goes on with those who came last: each draw by
   lot pushes out who has had most. */
static uint64_t rank(const struct bittorrent *n, const struct peer *p)
{
    if (rotates(n))
        return p->unchoked_us;
    if (n->torrent.complete)
        return p->up_now + p->up_last;
    return p->snubbed ? 0 : p->down_now + p->down_last + 1;
}

/* Has it given us something, and may it want something some day? */
static bool is_partner(const struct bittorrent *n, const struct peer *p)
{
    return setting(n->settings, OPT_CHOKER) == CHOKER_TITFORTAT &&
           !n->torrent.complete && !p->optimistic && rank(n, p) > 1 &&
           p->have_count < n->torrent.meta.piece_count;
}

void choke_count(struct bittorrent *n, const struct peer *p, int by)
{
    if (p->state != PEER_UP || !p->peer_interested)
        return;
    n->interested += (uint32_t)by;
    if (!p->am_choking)
        n->taking[p->optimistic] += (uint32_t)by;
}

/* Does it wait for a slot? */
static bool is_waiting(const struct bittorrent *n, const struct peer *p)
{
    return may_have(n, p) && p->peer_interested && p->am_choking;
}

static bool somebody_waits(const struct bittorrent *n)
{
    for (struct peer *const *at = n->peers; *at != NULL; at++)
        if (is_waiting(n, *at))
            return true;
    return false;
}

/* One who is choked, drawn by lot; who has connected during the last turn has
   so many lots. */
static struct peer *draw(struct bittorrent *n, struct host *h, uint32_t lots)
{
    uint64_t turn = (uint64_t)setting(n->settings, OPT_OPTIMISTIC);
    struct peer *drawn = NULL;
    uint32_t count = 0;

    if (n->interested == n->taking[false] + n->taking[true])
        return NULL;
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        bool is_new = host_now(h) - p->opened_us < turn;
        if (!is_waiting(n, p))
            continue;
        count += is_new ? lots : 1;
        if (host_random(h) % count < (is_new ? lots : 1))
            drawn = p;
    }
    return drawn;
}

static void draw_optimistic(struct bittorrent *n, struct host *h)
{
    struct peer *p = draw(n, h, NEWCOMER_LOTS);

    if (p == NULL)
        return;
    p->optimistic = true;
    host_note(h, "the optimistic slot goes to a peer drawn by lot");
    peer_set_choking(n, h, p, false);
}

/* Of those in regular slots, the one who gives least. */
static struct peer *worst(struct bittorrent *n)
{
    struct peer *last = NULL;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        if (!p->am_choking && p->peer_interested && p->state == PEER_UP &&
            !p->optimistic && (last == NULL || rank(n, p) <= rank(n, last)))
            last = p;
    return last;
}

void choke_fill(struct bittorrent *n, struct host *h)
{
    bool everybody = setting(n->settings, OPT_CHOKER) == CHOKER_NONE;
    uint32_t slots = (uint32_t)setting(n->settings, OPT_SLOTS);

    while (!everybody && n->taking[false] > slots)
        peer_set_choking(n, h, worst(n), true);
    while (everybody || n->taking[false] < slots) {
        struct peer *p = draw(n, h, 1);
        if (p == NULL)
            break;
        peer_set_choking(n, h, p, false);
    }
    if (!everybody && setting(n->settings, OPT_OPTIMISTIC) > 0 &&
        n->taking[true] == 0)
        draw_optimistic(n, h);
}

void choke_on_interest(struct bittorrent *n, struct host *h, struct peer *p)
{
    if (!p->peer_interested && !is_partner(n, p))
        peer_set_choking(n, h, p, true);
    choke_fill(n, h);
}

/* The best of those that stand behind `after`, which has rank `below`, in the
   order of rank, then of the list. */
static struct peer *best_of(struct bittorrent *n, uint64_t below,
                            const struct peer *after)
{
    struct peer *best = NULL;
    bool passed = after == NULL;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        uint64_t r = rank(n, p);
        bool next = r < below || (r == below && passed);
        if (may_have(n, p) && !p->optimistic && next &&
            (best == NULL || r > rank(n, best)))
            best = p;
        passed = passed || p == after;
    }
    return best;
}

static void rank_all(struct bittorrent *n, struct host *h)
{
    uint32_t slots = (uint32_t)setting(n->settings, OPT_SLOTS);
    struct peer *p = best_of(n, UINT64_MAX, NULL);

    while (p != NULL) {
        uint64_t r = rank(n, p); /* unchoking may change it */
        bool good = slots > 0 && (p->peer_interested || is_partner(n, p));
        slots -= good && p->peer_interested;
        peer_set_choking(n, h, p, !good);
        p = best_of(n, r, p);
    }
}

void choke_on_round(struct bittorrent *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_RECHOKE);
    uint64_t turn = (uint64_t)setting(n->settings, OPT_OPTIMISTIC);
    bool over = rotates(n) || n->round % (turn / period + (turn < period)) == 0;

    n->round++;
    over = over && turn > 0 && somebody_waits(n);
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL && over;
         at++) {
        choke_count(n, p, -1);
        p->optimistic = false;
        choke_count(n, p, 1);
    }
    if (setting(n->settings, OPT_CHOKER) == CHOKER_TITFORTAT)
        rank_all(n, h);
    choke_fill(n, h);
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        p->rate =
            (uint32_t)((p->down_now + p->down_last) * SECOND_US / (2 * period));
        p->down_last = p->down_now;
        p->up_last = p->up_now;
        p->down_now = p->up_now = 0;
    }
}
