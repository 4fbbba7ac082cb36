/* A node's state in words, all of it that decides what comes next: two nodes of
   one text behave alike.  For the explorer; see node.h. */
#include "bittorrent/node.h"

static void dump_blocks(const char *name, const struct blocks *b,
                        struct text *t)
{
    text_printf(t, " %s", name);
    for (unsigned i = 0; i < b->count; i++)
        text_printf(t, " %u+%u:%u", b->at[i].piece, b->at[i].begin,
                    b->at[i].length);
}

static void dump_bits(const uint8_t *bits, uint32_t count, struct text *t)
{
    text_char(t, ' ');
    for (uint32_t i = 0; bits != NULL && i < count; i++)
        text_char(t, bit_is_set(bits, i) ? '#' : '.');
}

static void dump_peer(const struct bittorrent *n, const struct peer *p,
                      struct text *t)
{
    const bool flags[] = {p->outgoing,      p->said,         p->fast,
                          p->extended,      p->dht,          p->am_choking,
                          p->am_interested, p->peer_choking, p->peer_interested,
                          p->first,         p->snubbed,      p->optimistic,
                          p->stuffed,       p->unasked,      p->early_all};
    const uint64_t numbers[] = {
        p->opened_us,    p->heard_us,  p->said_us,        p->block_us,
        p->unchoked_us,  p->pex_us,    p->down,           p->up,
        p->down_now,     p->down_last, p->up_now,         p->up_last,
        p->served,       p->rate,      p->metadata_bytes, p->ut_metadata,
        p->ut_pex,       p->reqq,      p->coming.piece,   p->coming.begin,
        p->coming.length};

    text_add(t, "peer ");
    addr_text(t, p->addr);
    text_printf(t, " state %u ", (unsigned)p->state);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        text_char(t, flags[i] ? '1' : '0');
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        text_printf(t, " %llu", (unsigned long long)numbers[i]);
    dump_bits(p->have, n->torrent.meta.piece_count, t);
    for (uint32_t i = 0; p->early != NULL && i < 8 * EARLY_BYTES_MAX; i++)
        if (bit_is_set(p->early, i))
            text_printf(t, " early %u", i);
    dump_blocks("asked", &p->asked, t);
    dump_blocks("wants", &p->wants, t);
    dump_blocks("late", &p->late, t);
    for (unsigned i = 0; i < p->allowed_count; i++)
        text_number(t, " allowed ", p->allowed[i]);
    text_char(t, '\n');
}

static void dump_torrent(const struct torrent *o, struct text *t)
{
    text_printf(t, "torrent %u up %llu down %llu wasted %llu at %u of %u\n",
                (unsigned)o->state, (unsigned long long)o->uploaded,
                (unsigned long long)o->downloaded,
                (unsigned long long)o->wasted, o->check_next, o->info_at);
    dump_bits(o->have, o->meta.piece_count, t);
    for (const struct partial *p = o->partials; p != NULL; p = p->next) {
        text_printf(t, "\npartial %u %d %d %u ", p->piece, p->hashing, p->mixed,
                    p->only);
        addr_text(t, p->sender);
        for (uint32_t i = 0; i < p->block_count; i++)
            text_printf(t, " %u", p->block[i]);
    }
    text_char(t, '\n');
}

/* Of trackers and the web only what is due is told. */
void bittorrent_dump(const void *node, struct host *h, struct text *t)
{
    const struct bittorrent *n = node;

    text_printf(t, "%s round %u served %llu command %u wanted %s at %llu\n",
                n->leaving ? "leaving" : "here", n->round,
                (unsigned long long)n->blocks_served, n->command, n->wanted,
                (unsigned long long)n->wanted_us);
    dump_torrent(&n->torrent, t);
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        dump_peer(n, p, t);
    for (uint32_t i = 0; i < n->known_count; i++) {
        const struct known *k = &n->known[i];
        text_add(t, "known ");
        addr_text(t, k->addr);
        text_printf(t, " %llu %u %d %d\n", (unsigned long long)k->due_us,
                    k->failures, k->banned, k->linked);
    }
    for (size_t i = 0; i < WEB_STREAMS_MAX; i++)
        if (n->web[i].conn != 0)
            text_printf(t, "web %d %llu\n", n->web[i].ours,
                        (unsigned long long)n->web[i].deadline_us);
    if (n->announcing)
        announcer_dump(&n->announcer, host_now(h), t);
    if (n->tracker != NULL)
        tracker_dump(n->tracker, host_now(h), t);
    if (n->dht != NULL)
        dht_dump(n->dht, host_now(h), t);
}
