/*
 * What we give a peer: who is choked, and the blocks that it waits for.
 *
 * Requests wait in a list, and only a few blocks are handed to the stream ahead
 * of time, so that a choke counts.  Whom to choke is decided in choke.c.
 *
 * Sources: [bep3], [bep6].
 */
#include "bittorrent/node.h"

/* -- Who may have what --------------------------------------------------- */

bool peer_may_have(const struct bittorrent *n, const struct peer *p,
                   uint32_t piece)
{
    const struct torrent *t = &n->torrent;
    size_t k = (size_t)setting(n->settings, OPT_FAST);
    uint32_t set[ALLOWED_FAST_MAX];

    if (!p->am_choking || !p->fast || p->have_count > k)
        return !p->am_choking && p->peer_interested;
    k = wire_allowed_fast(p->from.ip, t->infohash, t->meta.piece_count, set, k);
    while (k > 0 && set[k - 1] != piece)
        k--;
    return k > 0;
}

void peer_send_allowed(struct bittorrent *n, struct host *h, struct peer *p)
{
    const struct torrent *t = &n->torrent;
    uint32_t set[ALLOWED_FAST_MAX];
    size_t k = wire_allowed_fast(p->from.ip, t->infohash, t->meta.piece_count,
                                 set, (size_t)setting(n->settings, OPT_FAST));

    for (size_t i = 0; i < k; i++) {
        const struct wire_msg m = {.id = WIRE_ALLOWED_FAST, .index = set[i]};
        peer_send(h, p, &m);
    }
}

void peer_set_choking(struct bittorrent *n, struct host *h, struct peer *p,
                      bool choke)
{
    if (p->am_choking == choke)
        return;
    choke_count(n, p, -1);
    p->am_choking = choke;
    if (choke)
        p->optimistic = false;
    else
        p->unchoked_us = host_now(h);
    choke_count(n, p, 1);
    peer_send_plain(h, p, choke ? WIRE_CHOKE : WIRE_UNCHOKE);
    /* Source: [bep6] choke first, then a reject for each that waits. */
    uint16_t kept = 0;
    for (uint16_t i = 0; i < p->wants.count; i++)
        if (peer_may_have(n, p, p->wants.at[i].piece))
            p->wants.at[kept++] = p->wants.at[i];
        else if (p->fast)
            peer_send_block(h, p, WIRE_REJECT, &p->wants.at[i]);
    p->wants.count = kept;
}

/* -- Blocks -------------------------------------------------------------- */

void peer_waits(struct bittorrent *n, struct peer *p)
{
    if (p->waiting)
        return;
    p->waiting = true;
    p->next_waiting = n->waiting;
    n->waiting = p;
}

void peer_waits_no_more(struct bittorrent *n, struct peer *p)
{
    struct peer **at = &n->waiting;

    if (!p->waiting)
        return;
    while (*at != p)
        at = &(*at)->next_waiting;
    *at = p->next_waiting;
    p->waiting = false;
}

/* Has `p` waited longer?  Of those who were never served, the older link. */
static bool is_before(const struct peer *p, const struct peer *q)
{
    return p->served != q->served ? p->served < q->served : p->conn < q->conn;
}

/* Of those who can be sent a block, the one who has waited longest. */
static struct peer *next_to_serve(struct bittorrent *n)
{
    struct peer *next = NULL, *after;

    for (struct peer *p = n->waiting; p != NULL; p = after) {
        after = p->next_waiting;
        if (p->wants.count == 0)
            peer_waits_no_more(n, p);
        else if (!p->stuffed && (next == NULL || is_before(p, next)))
            next = p;
    }
    return next;
}

/* Send one block that `p` waits for. */
static void serve_one(struct bittorrent *n, struct host *h, struct peer *p)
{
    struct torrent *t = &n->torrent;
    struct block b = p->wants.at[0];

    p->served = ++n->blocks_served;
    blocks_take(&p->wants, &b);
    if (!host_content_has(h, t->content, torrent_offset(t, b.piece) + b.begin,
                          b.length)) { /* a file went away under us */
        if (p->fast)
            peer_send_block(h, p, WIRE_REJECT, &b);
        return;
    }
    peer_send_block(h, p, WIRE_PIECE, &b);
    size_t unsent = 0;
    for (uint32_t done = 0; done < b.length;) {
        uint32_t part = b.length - done;
        if (part > MESSAGE_BYTES_MAX)
            part = MESSAGE_BYTES_MAX;
        unsent = host_write_content(h, p->conn, t->content,
                                    torrent_offset(t, b.piece) + b.begin + done,
                                    part);
        done += part;
    }
    p->stuffed = unsent >= BACKLOG_HIGH;
    n->up_tokens -= b.length; /* as of down_tokens */
    p->up += b.length;
    p->up_now += b.length;
    t->uploaded += b.length;
}

/* A block each in turn, so that nobody takes all of a limited rate, however
   few blocks it allows at a time. */
void peer_serve_all(struct bittorrent *n, struct host *h)
{
    struct peer *p;

    while ((p = next_to_serve(n)) != NULL && swarm_may(n, h, OPT_UPLOAD))
        serve_one(n, h, p);
}
