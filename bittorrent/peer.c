/*
 * One connection to a peer: handshake, dialogue, requests.
 *
 *     dial   --open--> handshake --theirs--> up
 *     accept ---------> handshake
 *
 * What we take is here, what we give in serve.c: interest is kept exact at all
 * times, and as many blocks are asked for as the peer sends in three seconds.
 *
 * Sources: [bep3], [bep6]; libtorrent's default settings for the pipeline.
 */
#include "bittorrent/node.h"

#include <assert.h>
#include <string.h>

/* -- Lists of blocks ----------------------------------------------------- */

static bool blocks_add(struct host *h, struct blocks *l, struct block b)
{
    if (!host_grow(h, &l->at, &l->cap, l->count + 1u, sizeof *l->at))
        return false;
    l->at[l->count++] = b;
    return true;
}

const struct block *blocks_find(const struct blocks *l, const struct block *b)
{
    for (uint16_t i = 0; i < l->count; i++)
        if (l->at[i].piece == b->piece && l->at[i].begin == b->begin &&
            l->at[i].length == b->length)
            return &l->at[i];
    return NULL;
}

bool blocks_take(struct blocks *l, const struct block *b)
{
    const struct block *found = blocks_find(l, b);

    if (found == NULL)
        return false;
    size_t i = (size_t)(found - l->at);
    l->count--;
    memmove(&l->at[i], &l->at[i + 1], (l->count - i) * sizeof *l->at);
    return true;
}

/* -- Sending ------------------------------------------------------------- */

void peer_send(struct host *h, struct peer *p, const struct wire_msg *m)
{
    uint8_t small[WIRE_FIXED_MAX + 16];
    size_t room = WIRE_FIXED_MAX + m->data_len;
    uint8_t *out = room <= sizeof small ? small : host_alloc(h, room);

    if (out == NULL)
        return;
    p->said_us = host_now(h);
    host_write(h, p->conn, out, wire_encode(m, out, room));
    if (out != small)
        host_free(h, out, room);
}

void peer_send_plain(struct host *h, struct peer *p, enum wire_id id)
{
    const struct wire_msg m = {.id = id};

    peer_send(h, p, &m);
}

void peer_send_block(struct host *h, struct peer *p, enum wire_id id,
                     const struct block *b)
{
    const struct wire_msg m = {
        .id = id, .index = b->piece, .begin = b->begin, .length = b->length};

    peer_send(h, p, &m);
}

static void send_handshake(struct bittorrent *n, struct host *h, struct peer *p)
{
    uint8_t out[HANDSHAKE_BYTES];
    struct handshake s = {.reserved = RESERVED_EXTENDED | RESERVED_FAST};

    if (n->dht != NULL)
        s.reserved |= RESERVED_DHT;
    memcpy(s.infohash, n->torrent.infohash, INFOHASH_BYTES);
    memcpy(s.peer_id, n->id, PEER_ID_BYTES);
    wire_write_handshake(&s, out);
    host_phase(h, p->conn, PHASE_HANDSHAKE);
    host_write(h, p->conn, out, sizeof out);
    host_phase(h, p->conn, PHASE_MESSAGES);
    p->said = true;
    p->said_us = host_now(h);
}

/* What we have, in the shortest form that the peer understands. */
static void send_have(struct bittorrent *n, struct host *h, struct peer *p)
{
    const struct torrent *t = &n->torrent;
    struct wire_msg m = {.id = WIRE_BITFIELD,
                         .data = t->have,
                         .data_len = bits_bytes(t->meta.piece_count)};

    if (p->fast && t->state == TORRENT_OPEN && torrent_is_whole(t))
        m = (struct wire_msg){.id = WIRE_HAVE_ALL};
    else if (t->state != TORRENT_OPEN || (p->fast && t->have_count == 0))
        m = (struct wire_msg){.id = WIRE_HAVE_NONE};
    if (m.id != WIRE_HAVE_NONE || p->fast)
        peer_send(h, p, &m);
}

/* -- Interest and requests ----------------------------------------------- */

static void keep_interest(struct bittorrent *n, struct host *h, struct peer *p)
{
    bool wants = p->wanted > 0 && n->torrent.state == TORRENT_OPEN;

    if (p->state != PEER_UP || p->am_interested == wants)
        return;
    p->am_interested = wants;
    peer_send_plain(h, p, wants ? WIRE_INTERESTED : WIRE_NOT_INTERESTED);
}

/* A block is no longer asked for at this peer: somebody else may be. */
static void release(struct torrent *t, const struct block *b)
{
    struct partial *q = torrent_partial(t, b->piece);
    uint32_t index = b->begin / BLOCK_BYTES;

    if (q != NULL && q->block[index] != BLOCK_HERE && q->block[index] > 0)
        q->block[index]--;
}

/* All that it was asked for is.  Source: [bep6] who is fast still answers each
   request, and to be sent that is no offence. */
static void release_all(struct bittorrent *n, struct host *h, struct peer *p)
{
    for (uint16_t i = 0; i < p->asked.count; i++) {
        release(&n->torrent, &p->asked.at[i]);
        if (p->fast && p->late.count < 2 * REQUESTS_MAX)
            (void)blocks_add(h, &p->late, p->asked.at[i]);
    }
    p->asked.count = 0;
}

static uint32_t pipeline(const struct bittorrent *n, const struct peer *p)
{
    uint64_t now =
        p->down_now * SECOND_US / (uint64_t)setting(n->settings, OPT_RECHOKE);
    uint64_t rate = p->rate > now ? p->rate : now;
    uint64_t depth = rate * (REQUESTS_AHEAD_US / SECOND_US) / BLOCK_BYTES;
    uint32_t most =
        p->reqq > 0 && p->reqq < REQUESTS_MAX ? p->reqq : REQUESTS_MAX;

    if (p->snubbed)
        return 1;
    if (depth < REQUESTS_LEAST)
        depth = REQUESTS_LEAST;
    return depth < most ? (uint32_t)depth : most;
}

bool peer_offers(const struct peer *p, uint32_t piece)
{
    bool allowed = !p->peer_choking;

    for (unsigned i = 0; i < p->allowed_count && !allowed; i++)
        allowed = p->allowed[i] == piece;
    return allowed && bit_is_set(p->have, piece);
}

/* Ask for as much as a peer's rate suggests. */
static void ask(struct bittorrent *n, struct host *h, struct peer *p)
{
    struct torrent *t = &n->torrent;
    struct block b;

    if (p->state != PEER_UP || !p->am_interested || n->leaving ||
        t->full != NULL || (p->peer_choking && p->allowed_count == 0))
        return;
    uint32_t depth = pipeline(n, p);
    if (depth >= REQUESTS_BATCHED && p->asked.count > depth - depth / 4)
        return; /* rather many at a time than one by one */
    while (p->asked.count < depth && swarm_may(n, h, OPT_DOWNLOAD)) {
        if (!picker_next(n, h, p, &b) || !blocks_add(h, &p->asked, b))
            return;
        struct partial *q = torrent_partial(t, b.piece);
        q->block[b.begin / BLOCK_BYTES]++;
        if (p->asked.count == 1)
            p->block_us = host_now(h); /* its patience begins */
        n->down_tokens -= b.length;    /* without a limit nobody looks at it */
        peer_send_block(h, p, WIRE_REQUEST, &b);
    }
}

void peer_ask_all(struct bittorrent *n, struct host *h)
{
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        ask(n, h, p);
}

/* A block is here: whoever else was asked for it need not send it. */
static void cancel_elsewhere(struct bittorrent *n, struct host *h,
                             const struct peer *from, const struct block *b)
{
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        if (p == from || blocks_find(&p->asked, b) == NULL)
            continue;
        if (!p->fast) /* who is, answers in any case */
            blocks_take(&p->asked, b);
        peer_send_block(h, p, WIRE_CANCEL, b);
    }
}

/* -- Coming and going ---------------------------------------------------- */

struct peer *peer_of(struct bittorrent *n, conn_id conn)
{
    struct peer *p = n->by_conn[conn % CONN_SLOTS];

    while (p != NULL && p->conn != conn)
        p = p->same_slot;
    return p;
}

static struct peer *add(struct bittorrent *n, struct host *h, conn_id conn,
                        struct addr from)
{
    struct peer *p = host_alloc(h, sizeof *p);
    struct peer **slot = &n->by_conn[conn % CONN_SLOTS];

    assert(n->peer_count < n->places + DIALS_MAX); /* who calls sees to it */
    if (p == NULL)
        return NULL;
    *p = (struct peer){.conn = conn,
                       .same_slot = *slot,
                       .from = from,
                       .am_choking = true,
                       .peer_choking = true,
                       .first = true,
                       .opened_us = host_now(h),
                       .heard_us = host_now(h)};
    n->peers[n->peer_count++] = *slot = p;
    return p;
}

void peer_dial(struct bittorrent *n, struct host *h, struct addr to)
{
    conn_id conn = host_connect(h, to);
    struct peer *p = add(n, h, conn, to);

    if (p == NULL) {
        host_abort(h, conn);
        return;
    }
    p->addr = to;
    p->outgoing = true;
}

void peer_accept(struct bittorrent *n, struct host *h, const struct event *e)
{
    struct peer *p = add(n, h, e->conn, e->peer);

    if (p == NULL) {
        host_abort(h, e->conn);
        return;
    }
    p->state = PEER_HANDSHAKE;
    p->addr.ip = e->peer.ip;
}

/* Its copies count no more, and what it was asked for is free again. */
static void forget(struct bittorrent *n, struct host *h, struct peer *p)
{
    struct torrent *t = &n->torrent;
    struct known *k = swarm_known(n, p->addr);
    struct peer **at = n->peers;

    release_all(n, h, p);
    peer_waits_no_more(n, p);
    choke_count(n, p, -1);
    for (uint32_t i = 0; p->have != NULL && i < t->meta.piece_count; i++)
        t->copies[i] = (uint16_t)(t->copies[i] - bit_is_set(p->have, i));
    if (k != NULL && p->outgoing) {
        k->linked = false;
        k->failures = (uint8_t)(p->state == PEER_UP ? 0 : k->failures + 1);
        k->due_us = host_now(h) + (REDIAL_US << k->failures);
    }
    while (*at != p)
        at++;
    for (; *at != NULL; at++)
        at[0] = at[1];
    at = &n->by_conn[p->conn % CONN_SLOTS];
    while (*at != p)
        at = &(*at)->same_slot;
    *at = p->same_slot;
    n->peer_count--;
    host_free(h, p->have, bits_bytes(t->meta.piece_count) + 1);
    host_free(h, p->early, EARLY_BYTES_MAX);
    host_free(h, p->asked.at, p->asked.cap * sizeof *p->asked.at);
    host_free(h, p->late.at, p->late.cap * sizeof *p->late.at);
    host_free(h, p->wants.at, p->wants.cap * sizeof *p->wants.at);
    host_free(h, p, sizeof *p);
}

void peer_gone(struct bittorrent *n, struct host *h, struct peer *p)
{
    forget(n, h, p);
    choke_fill(n, h);
    peer_ask_all(n, h);
}

void peer_close(struct bittorrent *n, struct host *h, struct peer *p,
                const char *why)
{
    host_note(h, "peer closed: %s", why);
    host_abort(h, p->conn);
    peer_gone(n, h, p);
}

/* Places that callers from there have. */
static uint32_t places_of(const struct bittorrent *n, uint32_t ip)
{
    uint32_t count = 0;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        count += !p->outgoing && p->from.ip == ip;
    return count;
}

/* Of the address that has most places, and more than the newcomer's would
   have: who gave and took least, then who came first; or NULL. */
static struct peer *crowding(const struct bittorrent *n, struct addr newcomer)
{
    uint32_t most = places_of(n, newcomer.ip) + 1;
    struct peer *least = NULL;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        uint32_t count = p->outgoing ? 0 : places_of(n, p->from.ip);
        if (count > most || (least != NULL && count == most &&
                             p->down + p->up < least->down + least->up)) {
            most = count;
            least = p;
        }
    }
    return least;
}

bool peer_make_room(struct bittorrent *n, struct host *h, struct addr newcomer)
{
    struct peer *const *at = n->peers;

    if (n->peer_count < n->places)
        return true;
    struct peer *crowd = n->tracker == NULL ? crowding(n, newcomer) : NULL;
    if (crowd != NULL) {
        peer_close(n, h, crowd, "many come from its address; another calls");
        return true;
    }
    while (*at != NULL && ((*at)->outgoing || (*at)->state == PEER_UP))
        at++;
    if (*at == NULL || host_now(h) - (*at)->opened_us < HALF_OPEN_LEAST_US)
        return false;
    peer_close(n, h, *at, "it says nothing, and somebody else calls");
    return true;
}

/* -- The handshake ------------------------------------------------------- */

/* Two connections to one peer: both ends keep the same one, that which the
   peer with the greater id has opened. */
static struct peer *twin(struct bittorrent *n, const struct peer *p)
{
    for (struct peer *const *at = n->peers, *q; (q = *at) != NULL; at++)
        if (q != p && q->state == PEER_UP &&
            memcmp(q->id, p->id, PEER_ID_BYTES) == 0)
            return q;
    return NULL;
}

/* Why not to talk to who sent this; NULL: do. */
static const char *objection(struct bittorrent *n, struct host *h,
                             struct peer *p)
{
    struct peer *other = twin(n, p);
    bool ours = memcmp(n->id, p->id, PEER_ID_BYTES) > 0;

    if (memcmp(p->id, n->id, PEER_ID_BYTES) == 0) {
        struct known *k = swarm_known(n, p->addr);
        if (k != NULL)
            k->failures = REDIALS_MAX + 1; /* not again */
        return "that is our own id";
    }
    if (other == NULL)
        return NULL;
    if (other->outgoing == p->outgoing || p->outgoing != ours)
        return "we are connected already";
    peer_close(n, h, other, "the other connection stays");
    return NULL;
}

/* Returns false when the peer is closed. */
static bool on_handshake(struct bittorrent *n, struct host *h, struct peer *p,
                         const struct handshake *s)
{
    bool known =
        n->torrent.state == TORRENT_ASKING || n->torrent.state == TORRENT_OPEN;

    memcpy(p->id, s->peer_id, PEER_ID_BYTES);
    const char *why =
        !known || memcmp(s->infohash, n->torrent.infohash, INFOHASH_BYTES) != 0
            ? "it asks for another torrent"
            : objection(n, h, p);
    if (why != NULL) {
        peer_close(n, h, p, why);
        return false;
    }
    if (!p->said)
        send_handshake(n, h, p);
    p->state = PEER_UP;
    p->fast = (s->reserved & RESERVED_FAST) != 0;
    p->extended = (s->reserved & RESERVED_EXTENDED) != 0;
    p->dht = (s->reserved & RESERVED_DHT) != 0;
    bool open = n->torrent.state == TORRENT_OPEN; /* we know the pieces */
    if (open)
        p->have = host_alloc(h, bits_bytes(n->torrent.meta.piece_count) + 1);
    if (open && p->have == NULL) {
        peer_close(n, h, p, "no memory");
        return false;
    }
    send_have(n, h, p); /* the first message; then extensions */
    if (p->fast && open)
        peer_send_allowed(n, h, p);
    if (p->extended)
        extend_say_hello(n, h, p);
    if (p->dht && n->dht != NULL) {
        const struct wire_msg m = {.id = WIRE_PORT, .port = n->self.port};
        peer_send(h, p, &m);
    }
    return true;
}

/* -- Messages ------------------------------------------------------------ */

/* The peer has one piece more. */
static void add_piece(struct torrent *t, struct peer *p, uint32_t i)
{
    if (bit_is_set(p->have, i))
        return; /* legal: a HAVE may cross a BITFIELD */
    bit_set(p->have, i);
    p->have_count++;
    t->copies[i]++;
    p->wanted += torrent_lacks(t, i);
}

/* NULL, or why the connection has to end. */
static const char *on_bitfield(struct bittorrent *n, struct peer *p,
                               const struct wire_msg *m)
{
    struct torrent *t = &n->torrent;
    uint32_t count = t->meta.piece_count;

    if (m->data_len != bits_bytes(count))
        return "its bitfield has the wrong length";
    for (uint32_t i = count; i < 8 * m->data_len; i++)
        if (bit_is_set(m->data, i))
            return "its bitfield has spare bits set";
    for (uint32_t i = 0; i < count; i++)
        if (bit_is_set(m->data, i))
            add_piece(t, p, i);
    return NULL;
}

static bool is_block(const struct torrent *t, const struct wire_msg *m)
{
    return m->index < t->meta.piece_count && m->length > 0 &&
           m->length <= BLOCK_BYTES_MAX &&
           (uint64_t)m->begin + m->length <=
               metainfo_piece_bytes(&t->meta, m->index);
}

static const char *on_request(struct bittorrent *n, struct host *h,
                              struct peer *p, const struct wire_msg *m)
{
    const struct block b = {m->index, m->begin, m->length};

    if (!is_block(&n->torrent, m))
        return "it asks for what is not in the torrent";
    bool serve = peer_may_have(n, p, m->index) &&
                 n->torrent.state == TORRENT_OPEN &&
                 bit_is_set(n->torrent.have, m->index) &&
                 p->wants.count < 2 * REQUESTS_MAX;
    if (serve && blocks_add(h, &p->wants, b)) {
        peer_waits(n, p);
        peer_serve_all(n, h);
    } else if (p->fast) {
        peer_send_block(h, p, WIRE_REJECT, &b);
    }
    return NULL;
}

static const char *on_piece(struct bittorrent *n, struct peer *p,
                            const struct wire_msg *m)
{
    p->coming = (struct block){m->index, m->begin, m->length};
    if (m->length == 0 || !is_block(&n->torrent, m))
        return "it sends what is not in the torrent";
    p->unasked = blocks_find(&p->asked, &p->coming) == NULL &&
                 blocks_find(&p->late, &p->coming) == NULL;
    /* Source: [bep6] MUST close.  Without it, a cancel may have crossed. */
    return p->unasked && p->fast ? "it sends what nobody asked for" : NULL;
}

static void on_choke(struct bittorrent *n, struct host *h, struct peer *p)
{
    p->peer_choking = true;
    if (p->fast)
        return; /* each request is rejected by itself */
    release_all(n, h, p);
    peer_ask_all(n, h);
}

static const char *on_reject(struct bittorrent *n, struct host *h,
                             struct peer *p, const struct wire_msg *m)
{
    const struct block b = {m->index, m->begin, m->length};

    if (!blocks_take(&p->asked, &b))
        return blocks_take(&p->late, &b) ? NULL
                                         : "it rejects what nobody asked for";
    release(&n->torrent, &b);
    for (struct peer *const *at = n->peers, *q; (q = *at) != NULL; at++)
        if (q != p)
            ask(n, h, q);
    return NULL;
}

/* Kept as it comes: what is no piece of the torrent is none that it has.  Who
   names more than [bep6] wants is heard no further. */
static void on_allowed(struct peer *p, uint32_t piece)
{
    if (p->allowed_count < ALLOWED_FAST_MAX)
        p->allowed[p->allowed_count++] = piece;
}

static void set_interested(struct bittorrent *n, struct peer *p, bool is)
{
    choke_count(n, p, -1);
    p->peer_interested = is;
    choke_count(n, p, 1);
}

/* What a peer says while we do not know the pieces yet counts later on, in
   peer_on_open(). */
static void on_early(struct bittorrent *n, struct host *h, struct peer *p,
                     const struct wire_msg *m)
{
    size_t bytes = m->id == WIRE_HAVE       ? m->index / 8 + 1
                   : m->id == WIRE_BITFIELD ? m->data_len
                                            : 0;

    if (m->id == WIRE_CHOKE || m->id == WIRE_UNCHOKE)
        p->peer_choking = m->id == WIRE_CHOKE;
    else if (m->id == WIRE_INTERESTED || m->id == WIRE_NOT_INTERESTED)
        set_interested(n, p, m->id == WIRE_INTERESTED);
    else if (m->id == WIRE_HAVE_ALL)
        p->early_all = true;
    else if (m->id == WIRE_ALLOWED_FAST)
        on_allowed(p, m->index);
    if (bytes == 0 || bytes > EARLY_BYTES_MAX)
        return;
    if (p->early == NULL)
        p->early = host_alloc(h, EARLY_BYTES_MAX);
    if (p->early == NULL)
        return;
    for (size_t i = 0; m->id == WIRE_BITFIELD && i < bytes; i++)
        p->early[i] |= m->data[i];
    if (m->id == WIRE_HAVE)
        bit_set(p->early, m->index);
}

/* NULL, or why the connection has to end. */
static const char *learn_early(struct torrent *t, struct host *h,
                               struct peer *p)
{
    uint32_t count = t->meta.piece_count;

    p->have = host_alloc(h, bits_bytes(count) + 1);
    if (p->have == NULL)
        return "no memory";
    for (uint32_t i = 0; i < count && p->early_all; i++)
        add_piece(t, p, i);
    for (uint32_t i = 0; i < 8 * EARLY_BYTES_MAX && p->early != NULL; i++) {
        if (!bit_is_set(p->early, i))
            continue;
        if (i >= count)
            return "it has a piece that is not in the torrent";
        add_piece(t, p, i);
    }
    host_free(h, p->early, EARLY_BYTES_MAX);
    p->early = NULL;
    return NULL;
}

/* The pieces are known now.  Peers that were told that we have none, while we
   have some, are dialled again. */
void peer_on_open(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    struct peer *p;

    for (struct peer **at = n->peers; (p = *at) != NULL; at += *at == p) {
        if (p->state != PEER_UP)
            continue;
        const char *why = t->have_count > 0 ? "to tell it anew what we have"
                                            : learn_early(t, h, p);
        if (why != NULL) {
            host_note(h, "peer closed: %s", why);
            host_abort(h, p->conn);
            forget(n, h, p);
        } else {
            keep_interest(n, h, p);
        }
    }
    peer_ask_all(n, h);
}

/* NULL, or why the connection has to end. */
static const char *on_message(struct bittorrent *n, struct host *h,
                              struct peer *p, const struct wire_msg *m)
{
    struct torrent *t = &n->torrent;
    struct block b = {m->index, m->begin, m->length};
    bool first = p->first;
    const char *why = NULL;

    if (m->id != WIRE_EXTENDED && m->id != WIRE_KEEP_ALIVE)
        p->first = false;
    if (t->state != TORRENT_OPEN && m->id != WIRE_EXTENDED &&
        m->id != WIRE_PORT) {
        on_early(n, h, p, m);
        return NULL;
    }
    if (m->id >= WIRE_SUGGEST && m->id <= WIRE_ALLOWED_FAST && !p->fast)
        return "it uses the fast extension without having said so";
    switch (m->id) {
    case WIRE_CHOKE:
        on_choke(n, h, p);
        break;
    case WIRE_UNCHOKE:
        p->peer_choking = false;
        ask(n, h, p);
        break;
    case WIRE_INTERESTED:
    case WIRE_NOT_INTERESTED:
        set_interested(n, p, m->id == WIRE_INTERESTED);
        choke_on_interest(n, h, p);
        break;
    case WIRE_HAVE:
        if (m->index >= t->meta.piece_count)
            return "it has a piece that is not in the torrent";
        add_piece(t, p, m->index);
        keep_interest(n, h, p);
        ask(n, h, p);
        break;
    case WIRE_BITFIELD:
        /* [bep3] has it first only; aria2 sends one later on as well, in
           place of many HAVEs.  It can only add pieces. */
        why = on_bitfield(n, p, m);
        keep_interest(n, h, p);
        break;
    case WIRE_HAVE_ALL:
        for (uint32_t i = 0; i < t->meta.piece_count; i++)
            add_piece(t, p, i);
        keep_interest(n, h, p);
        break;
    case WIRE_HAVE_NONE:
        if (!first)
            return "its HAVE_NONE comes late";
        break;
    case WIRE_REQUEST:
        why = on_request(n, h, p, m);
        break;
    case WIRE_PIECE:
        why = on_piece(n, p, m);
        break;
    case WIRE_CANCEL:
        if (blocks_take(&p->wants, &b) && p->fast)
            peer_send_block(h, p, WIRE_REJECT, &b);
        break;
    case WIRE_REJECT:
        why = on_reject(n, h, p, m);
        break;
    case WIRE_PORT:
        if (n->dht != NULL && m->port != 0)
            dht_hear(n->dht, h, (struct addr){p->from.ip, m->port});
        break;
    case WIRE_EXTENDED:
        extend_on_message(n, h, p, m);
        break;
    case WIRE_ALLOWED_FAST:
        if (m->index >= t->meta.piece_count)
            return "it allows a piece that is not in the torrent";
        on_allowed(p, m->index);
        ask(n, h, p);
        break;
    case WIRE_SUGGEST: /* advice */
    case WIRE_KEEP_ALIVE:
    case WIRE_UNKNOWN:
        break;
    }
    return why;
}

/* The data of a PIECE: all at once, or nothing yet. */
static size_t on_data(struct bittorrent *n, struct host *h, struct peer *p,
                      const struct event *e)
{
    struct torrent *t = &n->torrent;
    struct block b = p->coming;

    host_reads(h, p->conn, PHASE_BULK);
    if (e->len < b.length)
        return 0;
    p->heard_us = host_now(h);
    p->coming.length = 0;
    if (p->unasked) {
        t->wasted += b.length;
        return b.length;
    }
    bool late = !blocks_take(&p->asked, &b) && blocks_take(&p->late, &b);
    p->block_us = host_now(h);
    p->snubbed = false;
    p->down += b.length;
    p->down_now += b.length;
    t->downloaded += b.length;
    struct partial *q = torrent_partial(t, b.piece);
    uint8_t asked = q != NULL ? q->block[b.begin / BLOCK_BYTES] : 0;
    bool elsewhere = asked != BLOCK_HERE && asked > (late ? 0 : 1);
    if (!torrent_write(n, h, &b, e->data,
                       p->addr.port != 0 ? p->addr : p->from))
        host_note(h, "%s", t->full);
    else if (elsewhere)
        cancel_elsewhere(n, h, p, &b);
    ask(n, h, p);
    return b.length;
}

static size_t on_bytes(struct bittorrent *n, struct host *h, struct peer *p,
                       const struct event *e)
{
    struct wire_msg m;
    struct handshake s;

    if (p->state == PEER_HANDSHAKE) {
        host_reads(h, p->conn, PHASE_HANDSHAKE);
        int used = wire_read_handshake(&s, e->data, e->len);
        if (used < 0)
            peer_close(n, h, p, "that is no handshake");
        else if (used > 0)
            (void)on_handshake(n, h, p, &s);
        return used > 0 ? (size_t)used : 0;
    }
    if (p->coming.length > 0)
        return on_data(n, h, p, e);
    int used = wire_decode(&m, e->data, e->len);
    if (used > 0)
        p->heard_us = host_now(h); /* bytes alone are no sign of life */
    const char *why = used > 0   ? on_message(n, h, p, &m)
                      : used < 0 ? "that is no message"
                                 : NULL;
    if (why != NULL)
        peer_close(n, h, p, why);
    return used > 0 ? (size_t)used : 0;
}

size_t peer_event(struct bittorrent *n, struct host *h, struct peer *p,
                  const struct event *e)
{
    if (e->kind == EVENT_BYTES)
        return on_bytes(n, h, p, e);
    if (e->kind == EVENT_OPEN) {
        p->state = PEER_HANDSHAKE;
        send_handshake(n, h, p);
    } else if (e->kind == EVENT_ROOM) {
        p->stuffed = false;
        peer_serve_all(n, h);
    } else if (e->kind == EVENT_EOF) {
        peer_close(n, h, p, "it has finished");
    } else if (e->kind == EVENT_CLOSED) {
        peer_gone(n, h, p);
    }
    return 0;
}

/* -- What happens to all peers ------------------------------------------- */

void peer_on_piece(struct bittorrent *n, struct host *h, uint32_t piece)
{
    const struct wire_msg m = {.id = WIRE_HAVE, .index = piece};

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        if (p->state != PEER_UP || p->have == NULL)
            continue;
        p->wanted -= bit_is_set(p->have, piece);
        peer_send(h, p, &m);
        keep_interest(n, h, p);
    }
}

/* Who has everything has nothing to say to one who wants nothing more. */
void peer_on_complete(struct bittorrent *n, struct host *h)
{
    struct peer *p;

    for (struct peer **at = n->peers; (p = *at) != NULL; at += *at == p)
        if (p->state == PEER_UP &&
            p->have_count == n->torrent.meta.piece_count) {
            host_abort(h, p->conn);
            forget(n, h, p);
        }
}

void peer_close_all(struct bittorrent *n, struct host *h)
{
    while (n->peer_count > 0) {
        host_abort(h, n->peers[0]->conn);
        forget(n, h, n->peers[0]);
    }
}

void peer_ban(struct bittorrent *n, struct host *h, struct addr from)
{
    struct peer *const *at = n->peers;

    swarm_found_peer(n, h, from);
    struct known *k = swarm_known(n, from);
    if (k != NULL)
        k->banned = true;
    while (*at != NULL && !addr_equal((*at)->addr, from) &&
           !addr_equal((*at)->from, from))
        at++;
    if (*at != NULL)
        peer_close(n, h, *at, "it sent a bad piece: banned");
}

/* Why a peer has to go, or NULL. */
static const char *overdue(const struct peer *p, uint64_t now)
{
    if (p->state != PEER_UP && now - p->opened_us > HALF_OPEN_US)
        return "its handshake takes too long";
    if (now - p->heard_us > SILENT_US)
        return "it has been silent for long";
    return NULL;
}

void peer_on_tick(struct bittorrent *n, struct host *h)
{
    uint64_t now = host_now(h);
    struct peer *p;

    for (struct peer **at = n->peers; (p = *at) != NULL; at += *at == p) {
        const char *why = overdue(p, now);
        if (why != NULL) {
            host_note(h, "peer closed: %s", why);
            host_abort(h, p->conn);
            forget(n, h, p);
            continue;
        }
        if (p->state == PEER_UP && now - p->said_us > KEEP_ALIVE_US)
            peer_send_plain(h, p, WIRE_KEEP_ALIVE);
        /* Source: [bep3] snubbed.  What it was asked for, others may be. */
        if (p->asked.count > 0 && now - p->block_us > REQUEST_PATIENCE_US &&
            !p->snubbed) {
            p->snubbed = true;
            release_all(n, h, p);
        }
    }
    n->torrent.full = NULL; /* try again */
    peer_ask_all(n, h);
}
