/*
 * Searches: iterative lookups, as in Kademlia; see dht.h.
 *
 * The candidates stand nearest first.  Of the first eight, those that were
 * not asked are asked, at most three at a time; every answer may bring nearer
 * ones; who does not answer is taken out.  When all of the first eight have
 * answered, these are the eight nearest nodes there are, as far as anybody
 * knows, and it is they that are told of a new peer.
 */
#include "bittorrent/dht.h"

#include <string.h>

#include "bittorrent/trackwire.h"

/* Insert a candidate in its place.  One without an id stands in front. */
static void add_candidate(struct dht *d, struct dht_search *s,
                          const struct dht_candidate *c)
{
    struct id mine = dht_distance(&c->id, &s->target);
    unsigned at = c->has_id ? s->count : 0;

    if (!dht_may_call(c->addr) || addr_equal(c->addr, d->self) ||
        (c->has_id && id_equal(&c->id, &d->id)) ||
        (d->checked && c->has_id && !dht_id_fits(&c->id, c->addr.ip)))
        return;
    for (unsigned i = 0; i < s->count; i++)
        if (addr_equal(s->at[i].addr, c->addr) ||
            (c->has_id && s->at[i].has_id && id_equal(&s->at[i].id, &c->id)))
            return;
    for (; at > 0 && c->has_id && s->at[at - 1].has_id; at--) {
        struct id other = dht_distance(&s->at[at - 1].id, &s->target);
        if (id_compare(&mine, &other) >= 0)
            break;
    }
    if (at == DHT_CANDIDATES)
        return;
    if (s->count < DHT_CANDIDATES)
        s->count++;
    memmove(&s->at[at + 1], &s->at[at], (s->count - 1u - at) * sizeof *c);
    s->at[at] = *c;
}

static struct dht_candidate *candidate_at(struct dht_search *s,
                                          struct addr addr)
{
    for (unsigned i = 0; i < s->count; i++)
        if (addr_equal(s->at[i].addr, addr))
            return &s->at[i];
    return NULL;
}

static void remove_candidate(struct dht_search *s, struct dht_candidate *c)
{
    s->count--;
    memmove(c, c + 1, (size_t)(&s->at[s->count] - c) * sizeof *c);
}

static void keep_found(struct dht *d, uint32_t tag, struct addr peer)
{
    if (d->found_count == DHT_FOUND_MAX)
        return;
    d->found[d->found_count].tag = tag;
    d->found[d->found_count++].peer = peer;
}

static void found(struct dht *d, struct dht_search *s, struct addr peer)
{
    s->found++;
    keep_found(d, d->follow[s->follow].tag, peer);
}

static void announce(struct dht *d, struct host *h, struct dht_search *s)
{
    const struct dht_follow *f = &d->follow[s->follow];

    if (f->port == 0)
        return;
    for (unsigned i = 0; i < s->count && i < DHT_K; i++) {
        const struct dht_candidate *c = &s->at[i];
        if (c->token_len == 0)
            continue;
        struct krpc m = {.method = KRPC_ANNOUNCE_PEER,
                         .target = s->target,
                         .port = f->port,
                         .token = c->token,
                         .token_len = c->token_len};
        (void)dht_ask(d, h, &m, c->addr, &c->id, 0);
    }
}

static void finish(struct dht *d, struct host *h, struct dht_search *s)
{
    uint64_t now = host_now(h);

    if (s->answered > 0)
        d->joined = true;
    if (s->purpose == DHT_PEERS && d->follow[s->follow].used) {
        struct dht_follow *f = &d->follow[s->follow];
        announce(d, h, s);
        f->peers = s->found;
        /* Nobody there yet: soon again. */
        f->due_us = now + (s->answered == 0 ? DHT_RETRY_US
                           : s->found == 0  ? DHT_LOOK_AGAIN_US
                                            : DHT_ANNOUNCE_US);
        host_note(h, "dht: %u peers; %u of %u nodes answered", s->found,
                  s->answered, s->asked);
    }
    if (s->purpose == DHT_JOIN) {
        host_note(h, "dht: joined, %u nodes known", dht_node_count(d));
        dht_save(d, h);
        for (unsigned i = 0; s->answered > 0 && i < DHT_FOLLOWED_MAX; i++)
            d->follow[i].due_us = now; /* what found nobody before */
    }
    s->purpose = DHT_IDLE;
}

/* Ask the nearest that were not asked.  All have answered, or none can be
   asked: the end. */
static void advance(struct dht *d, struct host *h, struct dht_search *s)
{
    unsigned under_way = 0, waiting = 0;

    for (unsigned i = 0; i < s->count; i++)
        under_way += s->at[i].state == CANDIDATE_ASKED;
    for (unsigned i = 0; i < s->count && i < DHT_K; i++) {
        struct dht_candidate *c = &s->at[i];
        waiting += c->state != CANDIDATE_ANSWERED;
        if (c->state != CANDIDATE_NEW || under_way >= DHT_ALPHA)
            continue;
        struct krpc m = {.method = s->purpose == DHT_PEERS ? KRPC_GET_PEERS
                                                           : KRPC_FIND_NODE,
                         .target = s->target};
        if (!dht_ask(d, h, &m, c->addr, c->has_id ? &c->id : NULL,
                     (unsigned)(s - d->search) + 1))
            continue;
        c->state = CANDIDATE_ASKED;
        s->asked++;
        under_way++;
    }
    if (waiting == 0 || under_way == 0)
        finish(d, h, s);
}

bool dht_search(struct dht *d, struct host *h, enum dht_purpose purpose,
                const struct id *target, unsigned follow)
{
    const struct dht_node *nearest[DHT_K];
    struct dht_search *s = d->search;

    while (s->purpose != DHT_IDLE)
        if (++s == d->search + DHT_SEARCHES_MAX)
            return false;
    memset(s, 0, sizeof *s);
    s->purpose = (uint8_t)purpose;
    s->follow = (uint8_t)follow;
    s->target = *target;
    size_t count = dht_nearest(d, target, nearest);
    for (size_t i = 0; i < count; i++)
        add_candidate(d, s,
                      &(struct dht_candidate){.id = nearest[i]->id,
                                              .addr = nearest[i]->addr,
                                              .has_id = true});
    for (unsigned i = 0; i < d->bootstrap_count && count < DHT_K; i++)
        add_candidate(d, s, &(struct dht_candidate){.addr = d->bootstrap[i]});
    /* What others announced to us counts as well. */
    for (uint32_t i = 0; purpose == DHT_PEERS && i < d->stored_count; i++)
        if (id_equal(&d->stored[i].infohash, target))
            found(d, s, d->stored[i].peer);
    dht_bucket_of(d, target)->changed_us = host_now(h);
    advance(d, h, s);
    return true;
}

static void take_nodes(struct dht *d, struct dht_search *s,
                       const struct krpc *m)
{
    for (size_t at = 0;
         at < m->nodes_len && at < DHT_CANDIDATES * (size_t)KRPC_NODE_BYTES;
         at += KRPC_NODE_BYTES) {
        struct dht_candidate c = {.has_id = true};
        krpc_read_node(m->nodes + at, &c.id, &c.addr);
        add_candidate(d, s, &c);
    }
}

static void take_values(struct dht *d, struct dht_search *s,
                        const struct krpc *m)
{
    struct bencode_walk w = bencode_walk(&m->values);
    struct bencode v;

    while (bencode_next(&w, NULL, &v))
        if (v.kind == BENCODE_STRING && v.text_len == COMPACT_BYTES) {
            struct addr peer = compact_read(v.text);
            if (dht_may_call(peer))
                found(d, s, peer);
        }
}

void dht_search_answer(struct dht *d, struct host *h, struct dht_search *s,
                       struct addr from, const struct krpc *m)
{
    struct dht_candidate *c = candidate_at(s, from);

    if (s->purpose == DHT_IDLE || c == NULL || c->state != CANDIDATE_ASKED)
        return;
    struct dht_candidate answered = *c;
    d->met = d->met || !c->has_id;
    answered.state = CANDIDATE_ANSWERED;
    answered.id = m->id; /* a bootstrap node's is new */
    answered.has_id = true;
    if (m->token_len > 0 && m->token_len <= DHT_TOKEN_MAX) {
        answered.token_len = (uint8_t)m->token_len;
        memcpy(answered.token, m->token, m->token_len);
    }
    remove_candidate(s, c);
    add_candidate(d, s, &answered);
    s->answered++;
    take_nodes(d, s, m);
    if (s->purpose == DHT_PEERS)
        take_values(d, s, m);
    advance(d, h, s);
}

void dht_search_missed(struct dht *d, struct host *h, struct dht_search *s,
                       struct addr addr)
{
    struct dht_candidate *c = candidate_at(s, addr);

    if (s->purpose == DHT_IDLE || c == NULL || c->state != CANDIDATE_ASKED)
        return;
    remove_candidate(s, c);
    advance(d, h, s);
}

/* -- Torrents ------------------------------------------------------------ */

bool dht_follow(struct dht *d, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES], uint16_t port,
                uint32_t tag)
{
    struct dht_follow *free = NULL;

    for (unsigned i = DHT_FOLLOWED_MAX; i-- > 0;) {
        struct dht_follow *f = &d->follow[i];
        if (f->used && f->tag == tag) {
            free = f;
            break;
        }
        if (!f->used)
            free = f;
    }
    if (free == NULL)
        return false;
    *free = (struct dht_follow){
        .used = true, .port = port, .tag = tag, .due_us = host_now(h)};
    (void)id_read(&free->infohash, ID_BITS_MAX, infohash);
    host_timer(h, d->timer, 0);
    return true;
}

void dht_forget(struct dht *d, uint32_t tag)
{
    uint32_t kept = 0;

    for (unsigned i = 0; i < DHT_SEARCHES_MAX; i++)
        if (d->search[i].purpose == DHT_PEERS &&
            d->follow[d->search[i].follow].tag == tag)
            d->search[i].purpose = DHT_IDLE;
    for (unsigned i = 0; i < DHT_FOLLOWED_MAX; i++)
        d->follow[i].used = d->follow[i].used && d->follow[i].tag != tag;
    for (uint32_t i = 0; i < d->found_count; i++)
        if (d->found[i].tag != tag)
            d->found[kept++] = d->found[i];
    d->found_count = kept;
}

void dht_heard_of(struct dht *d, const struct id *infohash, struct addr peer)
{
    for (unsigned i = 0; i < DHT_FOLLOWED_MAX; i++)
        if (d->follow[i].used && id_equal(&d->follow[i].infohash, infohash))
            keep_found(d, d->follow[i].tag, peer);
}

bool dht_take(struct dht *d, uint32_t *tag, struct addr *peer)
{
    if (d->found_count == 0)
        return false;
    d->found_count--;
    *tag = d->found[d->found_count].tag;
    *peer = d->found[d->found_count].peer;
    return true;
}

uint64_t dht_follow_due(struct dht *d, struct host *h)
{
    uint64_t now = host_now(h), next = NEVER;

    for (unsigned i = 0; i < DHT_FOLLOWED_MAX; i++) {
        struct dht_follow *f = &d->follow[i];
        if (!f->used)
            continue;
        if (f->due_us <= now) {
            /* Its search may take so long before it is looked at again;
               none is free: a little later. */
            f->due_us = now + DHT_ANNOUNCE_US;
            if (!dht_search(d, h, DHT_PEERS, &f->infohash, i))
                f->due_us = now + DHT_CALL_US;
        }
        if (f->due_us < next)
            next = f->due_us;
    }
    return next;
}
