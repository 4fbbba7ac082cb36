/*
 * Whom to upload to.  Every ten seconds the peers that give us most get to
 * take from us (tit for tat); a seed, to whom nobody gives, prefers those who
 * take fastest.  One more slot is given by lot and kept for thirty seconds:
 * so a newcomer gets a first piece, and we find out who would give more.
 *
 * Source: [bep3] choking; [cohen03] 3.  With slots=4 and the optimistic one
 * there are five uploads, the lecture's number.
 */
#include "bittorrent/node.h"

/* Does the policy give to this peer at all? */
static bool may_have(const struct bittorrent *n, const struct peer *p)
{
    return p->state == PEER_UP && p->have != NULL && p->peer_interested &&
           setting(n->settings, OPT_CHOKER) != CHOKER_FREERIDER &&
           n->torrent.state == TORRENT_OPEN;
}

/* Higher is better; those who were asked in vain for long are last. */
static uint64_t rank(const struct bittorrent *n, const struct peer *p)
{
    uint64_t bytes = n->torrent.complete ? p->up_now + p->up_last
                                         : p->down_now + p->down_last;

    return p->snubbed && !n->torrent.complete ? 0 : bytes + 1;
}

/* How many take from us: in regular slots, and in the optimistic one. */
static void count_unchoked(const struct bittorrent *n, uint32_t count[2])
{
    count[false] = count[true] = 0;
    for (const struct peer *p = n->peers; p != NULL; p = p->next)
        if (!p->am_choking && p->peer_interested && p->state == PEER_UP)
            count[p->optimistic]++;
}

/* One who is choked, drawn by lot. */
static struct peer *draw(struct bittorrent *n, struct host *h)
{
    struct peer *drawn = NULL;
    uint32_t count = 0;

    for (struct peer *p = n->peers; p != NULL; p = p->next)
        if (may_have(n, p) && p->am_choking && host_random(h) % ++count == 0)
            drawn = p;
    return drawn;
}

static void draw_optimistic(struct bittorrent *n, struct host *h)
{
    struct peer *p = draw(n, h);

    if (p == NULL)
        return;
    p->optimistic = true;
    host_note(h, "the optimistic slot goes to a peer drawn by lot");
    peer_set_choking(n, h, p, false);
}

void choke_fill(struct bittorrent *n, struct host *h)
{
    bool everybody = setting(n->settings, OPT_CHOKER) == CHOKER_NONE;
    uint32_t slots = (uint32_t)setting(n->settings, OPT_SLOTS), count[2];

    count_unchoked(n, count);
    for (; everybody || count[false] < slots; count[false]++) {
        struct peer *p = draw(n, h);
        if (p == NULL)
            break;
        peer_set_choking(n, h, p, false);
    }
    if (!everybody && setting(n->settings, OPT_OPTIMISTIC) > 0 &&
        count[true] == 0)
        draw_optimistic(n, h);
}

/* The best of those not yet chosen in this round; `chosen` is a round. */
static struct peer *best_of(struct bittorrent *n, uint64_t below,
                            const struct peer *after)
{
    struct peer *best = NULL;
    bool passed = after == NULL;

    /* In order of rank, then of the list. */
    for (struct peer *p = n->peers; p != NULL; p = p->next) {
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

    for (; p != NULL; p = best_of(n, rank(n, p), p)) {
        peer_set_choking(n, h, p, slots == 0);
        slots -= slots > 0;
    }
}

void choke_on_round(struct bittorrent *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_RECHOKE);
    uint64_t turn = (uint64_t)setting(n->settings, OPT_OPTIMISTIC);
    bool rotate = turn > 0 && n->round % (turn / period + (turn < period)) == 0;

    n->round++;
    for (struct peer *p = n->peers; p != NULL; p = p->next) {
        if (rotate)
            p->optimistic = false;
        if (!p->peer_interested && !p->am_choking)
            peer_set_choking(n, h, p, true);
    }
    if (setting(n->settings, OPT_CHOKER) == CHOKER_TITFORTAT)
        rank_all(n, h);
    choke_fill(n, h);
    for (struct peer *p = n->peers; p != NULL; p = p->next) {
        p->rate =
            (uint32_t)((p->down_now + p->down_last) * 1000000 / (2 * period));
        p->down_last = p->down_now;
        p->up_last = p->up_now;
        p->down_now = p->up_now = 0;
    }
}
