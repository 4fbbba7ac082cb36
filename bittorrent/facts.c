/* The facts of `bittorrent show`; see program.h. */
#include "bittorrent/facts.h"

#include "bittorrent/check.h"

static struct bittorrent *node_of(struct fact_call *c, size_t arg)
{
    const struct host *h = fact_live_host(c, arg, &bittorrent_protocol);

    return h != NULL ? h->node : NULL;
}

static enum fact_outcome infohash(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    if (n == NULL)
        return FACT_ERROR;
    for (size_t i = 0; i < INFOHASH_BYTES; i++)
        text_printf(c->out, "%02x", n->torrent.infohash[i]);
    return FACT_OK;
}

static enum fact_outcome pieces(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    return n != NULL ? fact_print(c, n->torrent.have_count) : FACT_ERROR;
}

static enum fact_outcome bitfield(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    for (uint32_t i = 0; n != NULL && i < n->torrent.meta.piece_count; i++)
        text_char(c->out, bit_is_set(n->torrent.have, i) ? '1' : '0');
    return n != NULL ? FACT_OK : FACT_ERROR;
}

/* Names of the peers of a node for whom `wants` holds. */
static enum fact_outcome peers_where(struct fact_call *c,
                                     bool (*wants)(const struct peer *))
{
    const struct bittorrent *n = node_of(c, 0);

    for (const struct peer *p = n != NULL ? n->peers : NULL; p != NULL;
         p = p->next)
        if (p->state == PEER_UP && wants(p))
            fact_add_node(c, p->addr);
    return n != NULL ? FACT_OK : FACT_ERROR;
}

static bool any(const struct peer *p)
{
    return p->state == PEER_UP;
}

static bool is_unchoked(const struct peer *p)
{
    return !p->am_choking;
}

static enum fact_outcome peers(struct fact_call *c)
{
    return peers_where(c, any);
}

static enum fact_outcome unchoked(struct fact_call *c)
{
    return peers_where(c, is_unchoked);
}

static enum fact_outcome rarity(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    for (uint32_t i = 0; n != NULL && i < n->torrent.meta.piece_count; i++)
        fact_add_number(c, n->torrent.copies[i]);
    return n != NULL ? FACT_OK : FACT_ERROR;
}

/* Milliseconds from the .torrent to the last piece. */
static enum fact_outcome took(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    return n == NULL
               ? FACT_ERROR
               : fact_print(c,
                            (n->torrent.done_us - n->torrent.begun_us) / 1000);
}

static enum fact_outcome complete(struct fact_call *c)
{
    uint64_t count = 0;

    for (size_t i = 0; i < c->network->count; i++) {
        const struct bittorrent *n = bittorrent_at(c->network, i);
        count += n != NULL && n->torrent.complete;
    }
    return fact_print(c, count);
}

static enum fact_outcome uploaded(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);

    return n != NULL ? fact_print(c, n->torrent.uploaded) : FACT_ERROR;
}

static enum fact_outcome swarm_size(struct fact_call *c)
{
    const struct bittorrent *n = node_of(c, 0);
    uint64_t count = 0;

    for (uint32_t i = 0;
         n != NULL && n->tracker != NULL && i < n->tracker->count; i++)
        count += n->tracker->swarm[i].count;
    return n != NULL ? fact_print(c, count) : FACT_ERROR;
}

const struct fact bittorrent_facts[] = {
    {"infohash", "N", "infohash NODE", "the name of its torrent",
     "infohash origin", infohash},
    {"pieces", "N", "pieces NODE", "how many it has", "pieces p1", pieces},
    {"bitfield", "N", "bitfield NODE", "a digit for each piece", "bitfield p1",
     bitfield},
    {"peers", "N", "peers NODE", "its connections", "peers p1", peers},
    {"unchoked", "N", "unchoked NODE", "to whom it uploads", "unchoked origin",
     unchoked},
    {"rarity", "N", "rarity NODE", "copies of each piece among its peers",
     "rarity p1", rarity},
    {"took", "N", "took NODE", "milliseconds until it had all", "took p1",
     took},
    {"uploaded", "N", "uploaded NODE", "bytes that it sent", "uploaded p1",
     uploaded},
    {"complete", "", "complete", "nodes that have every piece", "complete",
     complete},
    {"swarm", "N", "swarm TRACKER", "peers on a tracker's list",
     "swarm tracker", swarm_size},
    {.name = NULL}};
