/*
 * The DHT's queries and answers, the peers it stores, its upkeep; see dht.h.
 *
 * Who may be anybody: a query makes its sender known to us by hearsay only, so
 * it is asked back before it enters the table.  A peer is stored only for who
 * shows a token that we sent to its address.  And to one address no more than
 * DHT_RATE answers a second go out, lest somebody has us flood it.
 */
#include "bittorrent/dht.h"

#include <string.h>

#include "bittorrent/trackwire.h"
#include "common/hash.h"

#define SAVED_NAME "dht"
#define SAVED_NODES_MAX 512

bool dht_may_call(struct addr a)
{
    return a.port != 0 && a.ip != 0 && a.ip >> 28 != 14 && a.ip != UINT32_MAX;
}

static void arm(struct dht *d, struct host *h);

/* -- Queries of ours ----------------------------------------------------- */

static void send_krpc(struct host *h, struct addr to, const struct krpc *m)
{
    uint8_t out[DHT_DATAGRAM_MAX];
    size_t len = krpc_write(m, out);

    if (len > 0)
        host_send(h, to, out, len);
}

/* A number that no open call has. */
static uint16_t new_transaction(const struct dht *d, struct host *h)
{
    for (;;) {
        uint16_t number = (uint16_t)host_random(h);
        unsigned i = 0;
        while (i < DHT_CALLS_MAX &&
               !(d->call[i].open && d->call[i].transaction == number))
            i++;
        if (i == DHT_CALLS_MAX)
            return number;
    }
}

bool dht_ask(struct dht *d, struct host *h, struct krpc *m, struct addr to,
             const struct id *id, unsigned search)
{
    struct dht_call *c = d->call;

    while (c->open)
        if (++c == d->call + DHT_CALLS_MAX)
            return false;
    *c = (struct dht_call){.open = true,
                           .method = (uint8_t)m->method,
                           .search = (uint8_t)search,
                           .has_id = id != NULL,
                           .transaction = new_transaction(d, h),
                           .addr = to,
                           .sent_us = host_now(h)};
    if (id != NULL)
        c->id = *id;
    const uint8_t t[2] = {(uint8_t)(c->transaction >> 8),
                          (uint8_t)c->transaction};
    m->kind = KRPC_QUERY;
    m->id = d->id;
    m->t = t;
    m->t_len = sizeof t;
    send_krpc(h, to, m);
    d->queries++;
    return true;
}

bool dht_ping(struct dht *d, struct host *h, struct addr to,
              const struct id *id)
{
    struct krpc m = {.method = KRPC_PING};

    for (unsigned i = 0; i < DHT_CALLS_MAX; i++)
        if (d->call[i].open && addr_equal(d->call[i].addr, to))
            return false; /* its answer to that will do */
    return dht_ask(d, h, &m, to, id, 0);
}

static struct dht_call *call_of(struct dht *d, const struct krpc *m,
                                struct addr from)
{
    if (m->t_len != 2)
        return NULL;
    uint16_t number = (uint16_t)(m->t[0] << 8 | m->t[1]);
    for (unsigned i = 0; i < DHT_CALLS_MAX; i++)
        if (d->call[i].open && d->call[i].transaction == number &&
            addr_equal(d->call[i].addr, from))
            return &d->call[i];
    return NULL;
}

static void missed(struct dht *d, struct host *h, struct dht_call *c)
{
    struct dht_call gone = *c;

    c->open = false;
    if (gone.has_id)
        dht_missed(d, h, &gone.id);
    if (gone.search > 0)
        dht_search_missed(d, h, &d->search[gone.search - 1], gone.addr);
}

static void on_reply(struct dht *d, struct host *h, struct addr from,
                     const struct krpc *m)
{
    struct dht_call *c = call_of(d, m, from);

    if (c == NULL) {
        d->dropped++;
        host_note(h, "dht: an answer that nobody asked for");
        return;
    }
    struct dht_call call = *c;
    c->open = false;
    if (m->kind == KRPC_ERROR) {
        if (call.search > 0)
            dht_search_missed(d, h, &d->search[call.search - 1], from);
        return;
    }
    if (call.has_id && !id_equal(&call.id, &m->id))
        dht_missed(d, h, &call.id); /* somebody else lives there now */
    dht_replied(d, h, &m->id, from);
    if (call.search > 0)
        dht_search_answer(d, h, &d->search[call.search - 1], from, m);
}

/* -- Tokens, and the peers that they let in ------------------------------ */

/* [bep5]: a hash of the asker's address under a secret that changes every five
   minutes. */
static void make_token(const struct dht *d, uint32_t ip, uint64_t epoch,
                       uint8_t token[DHT_TOKEN_BYTES])
{
    uint8_t digest[SHA256_BYTES];
    uint64_t key[2] = {ip, epoch};

    hash_hmac(digest, d->secret, sizeof d->secret, key, sizeof key);
    memcpy(token, digest, DHT_TOKEN_BYTES);
}

/* Ours, of this period or of the one before. */
static bool token_is_ours(const struct dht *d, struct host *h, uint32_t ip,
                          const struct krpc *m)
{
    uint64_t epoch = host_now(h) / DHT_SECRET_US;
    uint8_t token[DHT_TOKEN_BYTES];

    if (m->token_len != DHT_TOKEN_BYTES)
        return false;
    for (uint64_t ago = 0; ago <= 1 && ago <= epoch; ago++) {
        make_token(d, ip, epoch - ago, token);
        if (memcmp(token, m->token, DHT_TOKEN_BYTES) == 0)
            return true;
    }
    return false;
}

static void forget_stored(struct dht *d, uint32_t i)
{
    d->stored_count--;
    memmove(&d->stored[i], &d->stored[i + 1],
            (d->stored_count - i) * sizeof *d->stored);
}

/* Room for one more peer: the oldest of its torrent, of its address, or of all
   goes where there are too many. */
static bool make_room(struct dht *d, struct host *h, const struct id *infohash,
                      struct addr peer)
{
    uint32_t of_swarm = 0, of_ip = 0, oldest_swarm = 0, oldest_ip = 0;

    for (uint32_t i = d->stored_count; i-- > 0;) {
        const struct dht_stored *s = &d->stored[i];
        if (id_equal(&s->infohash, infohash)) {
            if (addr_equal(s->peer, peer)) {
                forget_stored(d, i); /* it comes again, as the newest */
                return true;
            }
            of_swarm++;
            oldest_swarm = i;
        }
        if (s->peer.ip == peer.ip) {
            of_ip++;
            oldest_ip = i;
        }
    }
    if (of_swarm >= DHT_SWARM_MAX)
        forget_stored(d, oldest_swarm);
    else if (of_ip >= DHT_STORED_IP_MAX)
        forget_stored(d, oldest_ip);
    else if (d->stored_count == DHT_STORED_MAX)
        forget_stored(d, 0);
    return host_grow(h, &d->stored, &d->stored_cap, d->stored_count + 1,
                     sizeof *d->stored);
}

static void store(struct dht *d, struct host *h, const struct id *infohash,
                  struct addr peer)
{
    if (!dht_may_call(peer) || !make_room(d, h, infohash, peer))
        return;
    d->stored[d->stored_count++] = (struct dht_stored){
        .infohash = *infohash, .peer = peer, .heard_us = host_now(h)};
    dht_heard_of(d, infohash, peer);
}

/* -- Answers of ours ----------------------------------------------------- */

/* May one more answer go to this address?  Its allowance fills up at DHT_RATE
   a second, to DHT_BURST. */
static bool allowed(struct dht *d, struct host *h, uint32_t ip)
{
    uint64_t now = host_now(h);
    uint32_t at = (uint32_t)(hash_roll_u64(0, ip) % DHT_RATED);
    uint64_t more = (now - d->rated[at].since_us) * DHT_RATE / SECOND_US;

    if (d->rated[at].left + more >= DHT_BURST) {
        d->rated[at].left = DHT_BURST;
        d->rated[at].since_us = now;
    } else if (more > 0) {
        d->rated[at].left += (uint32_t)more;
        d->rated[at].since_us = now;
    }
    if (d->rated[at].left == 0)
        return false;
    d->rated[at].left--;
    return true;
}

static void refuse(struct host *h, struct addr to, const struct krpc *query,
                   int64_t error, const char *text)
{
    struct krpc m = {.kind = KRPC_ERROR,
                     .t = query->t,
                     .t_len = query->t_len,
                     .error = error,
                     .error_text = text};

    send_krpc(h, to, &m);
}

/* The nodes nearest to the target, in their compact form. */
static size_t write_nearest(const struct dht *d, const struct id *target,
                            uint8_t out[DHT_K * KRPC_NODE_BYTES])
{
    const struct dht_node *nearest[DHT_K];
    size_t count = dht_nearest(d, target, nearest);

    for (size_t i = 0; i < count; i++)
        krpc_write_node(&nearest[i]->id, nearest[i]->addr,
                        out + i * KRPC_NODE_BYTES);
    return count * KRPC_NODE_BYTES;
}

/* Some of the peers stored for an infohash, from a random one on. */
static size_t draw_peers(const struct dht *d, struct host *h,
                         const struct id *infohash,
                         struct addr out[DHT_VALUES_MAX])
{
    size_t count = 0;

    if (d->stored_count == 0)
        return 0;
    uint32_t first = (uint32_t)(host_random(h) % d->stored_count);
    for (uint32_t i = 0; i < d->stored_count && count < DHT_VALUES_MAX; i++) {
        const struct dht_stored *s = &d->stored[(first + i) % d->stored_count];
        if (id_equal(&s->infohash, infohash) &&
            host_now(h) - s->heard_us < DHT_STORED_US)
            out[count++] = s->peer;
    }
    return count;
}

static void on_announce(struct dht *d, struct host *h, struct addr from,
                        const struct krpc *m)
{
    struct addr peer = {from.ip, m->implied_port ? from.port : m->port};

    if (!token_is_ours(d, h, from.ip, m)) {
        refuse(h, from, m, KRPC_PROTOCOL_ERROR, "Bad token");
        return;
    }
    struct krpc reply = {.kind = KRPC_REPLY,
                         .id = d->id,
                         .ip = from,
                         .t = m->t,
                         .t_len = m->t_len};
    store(d, h, &m->target, peer);
    send_krpc(h, from, &reply);
}

static void answer(struct dht *d, struct host *h, struct addr from,
                   const struct krpc *m)
{
    uint8_t nodes[DHT_K * KRPC_NODE_BYTES], token[DHT_TOKEN_BYTES];
    struct addr peers[DHT_VALUES_MAX];
    struct krpc reply = {.kind = KRPC_REPLY,
                         .id = d->id,
                         .ip = from,
                         .t = m->t,
                         .t_len = m->t_len};

    if (m->method == KRPC_ANNOUNCE_PEER) {
        on_announce(d, h, from, m);
        return;
    }
    if (m->method == KRPC_UNKNOWN && !m->has_target) {
        refuse(h, from, m, KRPC_METHOD_UNKNOWN, "Method Unknown");
        return;
    }
    if (m->method != KRPC_PING) {
        reply.nodes = nodes;
        reply.nodes_len = write_nearest(d, &m->target, nodes);
    }
    if (m->method == KRPC_GET_PEERS) {
        make_token(d, from.ip, host_now(h) / DHT_SECRET_US, token);
        reply.token = token;
        reply.token_len = sizeof token;
        reply.value = peers;
        reply.value_count = d->sybil ? 0 : draw_peers(d, h, &m->target, peers);
    }
    send_krpc(h, from, &reply);
}

static void on_query(struct dht *d, struct host *h, struct addr from,
                     const struct krpc *m)
{
    struct dht_node *n = dht_find(d, &m->id);

    if (!allowed(d, h, from.ip)) {
        d->dropped++;
        host_note(h, "dht: too many queries from there");
        return;
    }
    answer(d, h, from, m);
    d->answers++;
    if (n != NULL && addr_equal(n->addr, from))
        n->queried_us = host_now(h);
    else if (n == NULL && !m->read_only && !id_equal(&m->id, &d->id) &&
             dht_may_call(from)) {
        struct dht_bucket *b = dht_bucket_of(d, &m->id);
        /* Is it there?  Only where there would be a place for it. */
        if (b->count < DHT_K || b == &d->bucket[d->bucket_count - 1] ||
            !b->has_spare)
            (void)dht_ping(d, h, from, &m->id);
    }
}

bool dht_on_datagram(struct dht *d, struct host *h, struct addr from,
                     const uint8_t *data, size_t len)
{
    struct krpc m;

    if (len == 0 || data[0] != 'd')
        return false;
    if (krpc_read(&m, data, len) < 0) {
        d->dropped++;
        if (m.t_len > 0 && allowed(d, h, from.ip))
            refuse(h, from, &m, KRPC_PROTOCOL_ERROR, "Protocol Error");
    } else if (m.kind == KRPC_QUERY) {
        on_query(d, h, from, &m);
    } else {
        on_reply(d, h, from, &m);
    }
    arm(d, h);
    return true;
}

/* -- Beginning, and remembering ------------------------------------------ */

/* Id and nodes of last time.  The nodes are asked before they count. */
static void load(struct dht *d, struct host *h)
{
    uint8_t saved[INFOHASH_BYTES + SAVED_NODES_MAX * KRPC_NODE_BYTES];
    int len = host_load(h, SAVED_NAME, saved, sizeof saved);
    struct addr addr;
    struct id id;

    if (len < INFOHASH_BYTES)
        return;
    (void)id_read(&d->id, ID_BITS_MAX, saved);
    for (size_t at = INFOHASH_BYTES; at + KRPC_NODE_BYTES <= (size_t)len;
         at += KRPC_NODE_BYTES) {
        krpc_read_node(saved + at, &id, &addr);
        if (d->bootstrap_count < DHT_BOOTSTRAP_MAX && dht_may_call(addr))
            d->bootstrap[d->bootstrap_count++] = addr;
        else if (dht_may_call(addr) && at / KRPC_NODE_BYTES < DHT_CALLS_MAX / 2)
            (void)dht_ping(d, h, addr, &id);
    }
}

void dht_save(const struct dht *d, struct host *h)
{
    uint8_t saved[INFOHASH_BYTES + SAVED_NODES_MAX * KRPC_NODE_BYTES];
    size_t len = INFOHASH_BYTES;

    id_write(&d->id, ID_BITS_MAX, saved);
    for (uint32_t i = 0; i < d->bucket_count; i++)
        for (unsigned j = 0; j < d->bucket[i].count; j++) {
            const struct dht_node *n = &d->bucket[i].node[j];
            if (n->failures > 0 || len + KRPC_NODE_BYTES > sizeof saved)
                continue;
            krpc_write_node(&n->id, n->addr, saved + len);
            len += KRPC_NODE_BYTES;
        }
    if (host_save(h, SAVED_NAME, saved, len) < 0)
        host_note(h, "dht: the table could not be saved");
}

bool dht_begin(struct dht *d, struct host *h, int timer, struct addr self,
               bool checked)
{
    uint64_t chance[3], seed[3];

    for (int i = 0; i < 3; i++) {
        chance[i] = host_random(h);
        seed[i] = host_random(h);
    }
    *d = (struct dht){.self = self, .timer = timer, .checked = checked};
    hash_sha1(d->secret, seed, sizeof seed);
    for (unsigned i = 0; i < DHT_RATED; i++)
        d->rated[i].left = DHT_BURST;
    d->id = dht_id_for(self.ip, chance);
    if (!host_grow(h, &d->bucket, &d->bucket_cap, 1, sizeof *d->bucket))
        return false;
    d->bucket_count = 1;
    d->upkeep_us = host_now(h) + DHT_UPKEEP_US;
    d->save_us = host_now(h) + DHT_SAVE_US;
    load(d, h);
    if (checked && !dht_id_fits(&d->id, self.ip))
        d->id = dht_id_for(self.ip, chance); /* it has moved since */
    if (d->bootstrap_count > 0)
        (void)dht_search(d, h, DHT_JOIN, &d->id, 0);
    arm(d, h);
    return true;
}

void dht_attack(struct dht *d, struct host *h,
                const uint8_t infohash[INFOHASH_BYTES])
{
    (void)id_read(&d->id, ID_BITS_MAX, infohash);
    d->id.word[ID_WORDS - 1] = (uint32_t)host_random(h);
    d->sybil = true;
    d->checked = false; /* or it would not believe its accomplices */
}

/* Somebody may know us whom those that we joined do not know: the latter are
   tried for a while even then, as two parts of a DHT never meet again. */
static bool must_join(const struct dht *d)
{
    return d->bootstrap_count > 0 &&
           (dht_node_count(d) == 0 ||
            (!d->met && d->join_tries < DHT_JOIN_TRIES));
}

static bool searches_for(const struct dht *d, enum dht_purpose purpose)
{
    for (unsigned i = 0; i < DHT_SEARCHES_MAX; i++)
        if (d->search[i].purpose == purpose)
            return true;
    return false;
}

void dht_join(struct dht *d, struct host *h, struct addr node)
{
    if (!dht_may_call(node) || addr_equal(node, d->self))
        return;
    for (unsigned i = 0; i < d->bootstrap_count; i++)
        if (addr_equal(d->bootstrap[i], node))
            return;
    if (d->bootstrap_count == DHT_BOOTSTRAP_MAX)
        d->bootstrap_count--;
    d->bootstrap[d->bootstrap_count++] = node;
    if (!d->joined && !searches_for(d, DHT_JOIN))
        (void)dht_search(d, h, DHT_JOIN, &d->id, 0);
    arm(d, h);
}

void dht_hear(struct dht *d, struct host *h, struct addr node)
{
    if (!dht_may_call(node) || addr_equal(node, d->self))
        return;
    (void)dht_ping(d, h, node, NULL);
    if (!d->joined)
        dht_join(d, h, node);
    arm(d, h);
}

/* -- Upkeep -------------------------------------------------------------- */

/* A random id in the range of bucket i. */
static struct id in_bucket(const struct dht *d, struct host *h, uint32_t i)
{
    uint64_t chance[3] = {host_random(h), host_random(h), host_random(h)};
    struct id id;

    for (unsigned w = 0; w < ID_WORDS; w++) {
        uint32_t drawn = (uint32_t)(chance[w / 2] >> (32 * (w % 2)));
        uint32_t own = i >= 32 * (w + 1) ? UINT32_MAX
                       : i <= 32 * w     ? 0
                                         : ~(UINT32_MAX >> (i % 32));
        id.word[w] = (d->id.word[w] & own) | (drawn & ~own);
    }
    if (i + 1 < d->bucket_count) { /* the next bit differs from ours */
        uint32_t bit = UINT32_C(1) << (31 - i % 32);
        id.word[i / 32] =
            (id.word[i / 32] & ~bit) | (~d->id.word[i / 32] & bit);
    }
    return id;
}

/* [bep5]: look for somebody in each bucket that nothing was heard of. */
static void refresh(struct dht *d, struct host *h)
{
    uint64_t now = host_now(h);

    for (uint32_t i = 0; i < d->bucket_count; i++)
        if (now - d->bucket[i].changed_us >= DHT_REFRESH_US &&
            !searches_for(d, DHT_REFRESH)) {
            struct id id = in_bucket(d, h, i);
            d->bucket[i].changed_us = now;
            (void)dht_search(d, h, DHT_REFRESH, &id, 0);
        }
}

static void upkeep(struct dht *d, struct host *h)
{
    uint64_t now = host_now(h);

    while (d->stored_count > 0 && now - d->stored[0].heard_us >= DHT_STORED_US)
        forget_stored(d, 0);
    d->upkeep_us = now + DHT_UPKEEP_US;
    if (must_join(d)) {
        if (d->join_tries < DHT_JOIN_TRIES)
            d->join_tries++;
        if (!searches_for(d, DHT_JOIN))
            (void)dht_search(d, h, DHT_JOIN, &d->id, 0);
        d->upkeep_us = now + DHT_RETRY_US;
    } else {
        refresh(d, h);
    }
    if (now >= d->save_us) {
        d->save_us = now + DHT_SAVE_US;
        dht_save(d, h);
    }
}

void dht_on_timer(struct dht *d, struct host *h)
{
    uint64_t now = host_now(h);

    for (unsigned i = 0; i < DHT_CALLS_MAX; i++)
        if (d->call[i].open && now - d->call[i].sent_us >= DHT_CALL_US)
            missed(d, h, &d->call[i]);
    if (now >= d->upkeep_us)
        upkeep(d, h);
    arm(d, h);
}

/* The timer goes to what is due first. */
static void arm(struct dht *d, struct host *h)
{
    uint64_t next = dht_follow_due(d, h), now = host_now(h);

    if (d->upkeep_us < next)
        next = d->upkeep_us;
    if (must_join(d) && now + DHT_RETRY_US < next)
        next = d->upkeep_us = now + DHT_RETRY_US;
    for (unsigned i = 0; i < DHT_CALLS_MAX; i++)
        if (d->call[i].open && d->call[i].sent_us + DHT_CALL_US < next)
            next = d->call[i].sent_us + DHT_CALL_US;
    host_timer(h, d->timer, next > now ? next - now : 0);
}

/* -- For the explorer and for people ------------------------------------- */

void dht_dump(const struct dht *d, uint64_t now_us, struct text *out)
{
    text_add(out, "dht ");
    id_text(out, &d->id, ID_BITS_MAX);
    text_printf(out, " buckets %u\n", d->bucket_count);
    for (uint32_t i = 0; i < d->bucket_count; i++)
        for (unsigned j = 0; j < d->bucket[i].count; j++) {
            const struct dht_node *n = &d->bucket[i].node[j];
            text_printf(out, " %u ", i);
            addr_text(out, n->addr);
            text_printf(out, " %s failures %u\n",
                        dht_is_good(n, now_us) ? "good" : "questionable",
                        n->failures);
        }
    for (unsigned i = 0; i < DHT_CALLS_MAX; i++)
        if (d->call[i].open) {
            text_printf(out, " call %u ", d->call[i].method);
            addr_text(out, d->call[i].addr);
            text_char(out, '\n');
        }
    for (uint32_t i = 0; i < d->stored_count; i++) {
        text_add(out, " stored ");
        id_text(out, &d->stored[i].infohash, ID_BITS_MAX);
        text_char(out, ' ');
        addr_text(out, d->stored[i].peer);
        text_char(out, '\n');
    }
}
