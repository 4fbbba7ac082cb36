/*
 * A Pastry node: how it joins, which of its requests are still open, and how it
 * keeps its tables right.
 *
 * Every question to another node is a struct request with the number that the
 * answer repeats and a deadline: three round trips where the peer has been
 * measured, else `timeout`.  After TRIES_MAX of them a peer is taken for dead.
 *
 * Sources: [pastry01] Rowstron, Druschel: Pastry, Middleware 2001;
 * [freepastry] the periods of maintenance, in its parameter file.
 */
#include "pastry/node.h"

#include <assert.h>
#include <string.h>

#include "common/random.h"
#include "pastry/check.h"

static const struct option options[] = {
    [OPT_BASE] = {"base", OPTION_CHOICE, 0, 3, 0, "16,8,4,2",
                  "of the digits of ids: 2 to the power of b"},
    [OPT_DIGITS] = {"digits", OPTION_NUMBER, 2, ID_BITS, 32, NULL,
                    "of an id; at most 128 bits of them count"},
    [OPT_LEAFSET] = {"leafset", OPTION_NUMBER, 2, LEAVES_MAX, 16, NULL,
                     "leaves, half of them on each side"},
    [OPT_NEIGHBOURS] = {"neighbours", OPTION_NUMBER, 0, NEAR_MAX, 8, NULL,
                        "nodes that are near by round trip; the paper's 32"},
    [OPT_PROXIMITY] = {"proximity", OPTION_CHOICE, 0, 1, PROXIMITY_ON, "on,off",
                       "prefer near nodes in the routing table"},
    [OPT_REPLICAS] = {"replicas", OPTION_NUMBER, 1, REPLICAS_MAX, 3, NULL,
                      "copies of a value, at the nearest ids"},
    [OPT_REPAIR] = {"repair", OPTION_TIME, 1000, 3600 * SECOND_US,
                    2 * SECOND_US, NULL, "between two rounds of maintenance"},
    [OPT_TIMEOUT] = {"timeout", OPTION_TIME, 1000, 60 * SECOND_US, SECOND_US,
                     NULL, "wait for a peer that was never measured"},
    {.name = NULL}};

static const struct command commands[] = {
    {"lookup", "n", "lookup KEY", "find the node nearest to a key",
     COMMAND_LIMIT_US},
    {"put", "nt", "put NAME VALUE", "store a value at the nearest nodes",
     COMMAND_LIMIT_US},
    {"get", "n", "get NAME", "fetch it", COMMAND_LIMIT_US},
    {"show", "", "show", "this node's tables", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {
    [TIMER_TIMEOUT] = "timeout", [TIMER_ROUND] = "repair", NULL};

static void shape(const struct settings *s, uint8_t *digit_bits,
                  uint8_t *digits)
{
    unsigned wanted = (unsigned)setting(s, OPT_DIGITS);

    *digit_bits = (uint8_t)(4 - setting(s, OPT_BASE));
    *digits = (uint8_t)(wanted < ID_BITS / *digit_bits
                            ? wanted
                            : (unsigned)ID_BITS / *digit_bits);
}

/* The front of SHA-1 over address and port; or the digits, or the number,
   that `text` gives. */
static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    uint8_t width, count;

    shape(s, &width, &count);
    unsigned bits = (unsigned)width * count;
    if (text == NULL) {
        *id = id_of_addr(self, 0, bits);
        return true;
    }
    if (id_parse(id, bits | ID_DIGITS(width), text) || id_parse(id, bits, text))
        return true;
    text_printf(why,
                "id=%s is neither %u digits in base %u nor a number "
                "below 2^%u",
                text, (unsigned)count, 1U << width, bits);
    return false;
}

/* -- Messages and requests ----------------------------------------------- */

void pastry_begin(const struct pastry *n, enum pastry_type type,
                  struct pastry_msg *m)
{
    pastry_msg_clear(m);
    m->type = type;
    m->digit_bits = n->digit_bits;
    m->digits = n->digits;
    m->active = n->active;
    m->sender = n->id;
}

void pastry_send(struct host *h, struct addr to, struct pastry_msg *m)
{
    uint8_t bytes[DATAGRAM_MAX];
    size_t len = pastry_encode(m, bytes);

    assert(len > 0);
    host_send(h, to, bytes, len);
}

/* Three round trips, for they vary; else what the settings say. */
static uint64_t patience(const struct pastry *n, struct addr to)
{
    const struct peer *p = pastry_known(n, to);
    uint64_t most = (uint64_t)setting(n->settings, OPT_TIMEOUT);
    uint64_t wait = p != NULL ? 3 * (uint64_t)p->rtt * RTT_UNIT_US : 0;

    return wait == 0 ? most : wait > most / 10 ? wait : most / 10;
}

struct request *pastry_request_open(struct pastry *n, struct host *h,
                                    enum request_kind kind,
                                    const struct pastry_peer *to,
                                    struct pastry_msg *m)
{
    uint8_t bytes[DATAGRAM_MAX];
    struct request **end = &n->requests, *r = NULL;

    m->request = n->next_request;
    if (kind == REQUEST_COMMAND || kind == REQUEST_JOIN)
        m->origin_request = m->request;
    size_t len = pastry_encode(m, bytes);
    assert(len > 0);
    if (n->request_count < REQUESTS_MAX)
        r = host_alloc(h, sizeof *r + len);
    if (r == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
    n->request_count++;
    r->id = n->next_request++;
    r->kind = (uint8_t)kind;
    r->peer = *to;
    r->len = (uint16_t)len;
    memcpy(r->data, bytes, len);
    r->sent_us = host_now(h);
    r->deadline_us = r->sent_us + patience(n, to->addr);
    if (kind == REQUEST_COMMAND)
        r->deadline_us =
            r->sent_us + 4 * (uint64_t)setting(n->settings, OPT_TIMEOUT);
    else
        host_send(h, to->addr, bytes, len);
    return r;
}

void pastry_request_close(struct pastry *n, struct host *h, struct request *r)
{
    struct request **at = &n->requests;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    n->request_count--;
    host_free(h, r, sizeof *r + r->len);
}

static struct request *request_of(const struct pastry *n, uint32_t id)
{
    struct request *r = n->requests;

    while (r != NULL && r->id != id)
        r = r->next;
    return r;
}

static unsigned count_requests(const struct pastry *n, enum request_kind kind)
{
    unsigned count = 0;

    for (const struct request *r = n->requests; r != NULL; r = r->next)
        count += r->kind == kind;
    return count;
}

/* Arm the timer for the first deadline, if it is not armed for it. */
static void arm(struct pastry *n, struct host *h)
{
    uint64_t first = 0;

    for (const struct request *r = n->requests; r != NULL; r = r->next)
        if (first == 0 || r->deadline_us < first)
            first = r->deadline_us;
    if (first == n->armed_us)
        return;
    n->armed_us = first;
    host_timer_at(h, TIMER_TIMEOUT, first != 0 ? first : NEVER);
}

static void ask(struct pastry *n, struct host *h, enum pastry_part part,
                unsigned row, const struct peer *p)
{
    const struct pastry_peer to = {*PEER_ID(p), peer_addr(p)};
    struct pastry_msg m;

    pastry_begin(n, PASTRY_GET, &m);
    m.part = (uint8_t)part;
    m.row = (uint8_t)row;
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_PART && addr_equal(r->peer.addr, to.addr) &&
            r->data[HEADER_BYTES] == part && r->data[HEADER_BYTES + 1] == row)
            return; /* asked already */
    (void)pastry_request_open(n, h, REQUEST_PART, &to, &m);
}

static void ping(struct pastry *n, struct host *h, const struct pastry_peer *to)
{
    struct pastry_msg m;

    pastry_begin(n, PASTRY_PING, &m);
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_PONG && addr_equal(r->peer.addr, to->addr))
            return; /* asked already */
    (void)pastry_request_open(n, h, REQUEST_PONG, to, &m);
}

/* -- Who lives, and how far away ----------------------------------------- */

static unsigned grave_of(const struct pastry *n, struct addr a)
{
    unsigned i = 0;

    while (i < n->grave_count && !addr_equal(peer_addr(&n->grave[i]), a))
        i++;
    return i;
}

static void dig_out(struct pastry *n, struct addr a)
{
    unsigned i = grave_of(n, a);

    if (i == n->grave_count)
        return;
    n->grave_count--;
    memmove(&n->grave[i], &n->grave[i + 1],
            (n->grave_count - i) * sizeof *n->grave);
}

static void bury(struct pastry *n, struct host *h, const struct pastry_peer *p)
{
    if (n->grave == NULL)
        n->grave = host_alloc(h, GRAVES_MAX * sizeof *n->grave);
    if (n->grave == NULL)
        return;
    dig_out(n, p->addr);
    if (n->grave_count == GRAVES_MAX)
        dig_out(n, peer_addr(&n->grave[0]));
    n->grave[n->grave_count++] = peer_new(&p->id, p->addr, 0);
}

/* A place in the memory of those who were measured and are too far away. */
static uint32_t *measured(const struct pastry *n, struct addr a, uint32_t *hash)
{
    uint64_t mixed = random_mix((uint64_t)a.ip << 16 | a.port);

    *hash = (uint32_t)(mixed >> 32) | 1;
    return n->measured != NULL ? &n->measured[mixed % MEASURED_MAX] : NULL;
}

/*
 * Source: [pastry01] 2.4.  Who is only said to live is measured before it
 * enters a table; one who was given up must first speak for itself, or the
 * dead would come back from others' tables for ever.
 */
void pastry_hear(struct pastry *n, struct host *h, const struct pastry_peer *p)
{
    uint32_t hash, *place = measured(n, p->addr, &hash);
    enum wish wish = pastry_wants(n, &p->id);

    if (wish == WISH_NONE || addr_equal(p->addr, n->self) ||
        grave_of(n, p->addr) < n->grave_count)
        return;
    if (wish == WISH_NEARER && place != NULL && *place == hash)
        return;
    if (wish < WISH_LEAF && count_requests(n, REQUEST_PONG) >= MEASURES_MAX)
        return;
    ping(n, h, p);
}

static void add_peers(struct pastry_msg *m, const struct peer *list,
                      unsigned count)
{
    for (unsigned i = 0; i < count && m->count < PEERS_MAX; i++)
        m->peer[m->count++] =
            (struct pastry_peer){*PEER_ID(&list[i]), peer_addr(&list[i])};
}

/* Answer a GET; or tell a newcomer what has changed since it asked. */
static void tell(struct pastry *n, struct host *h, struct addr to,
                 enum pastry_part part, unsigned row, uint32_t request)
{
    struct pastry_msg m;

    pastry_begin(n, PASTRY_STATE, &m);
    m.request = request;
    m.part = (uint8_t)part;
    m.row = (uint8_t)row;
    if (part == PART_ROW) {
        for (unsigned i = 0; i < n->entry_count; i++)
            if (pastry_shared(n, &n->id, PEER_ID(&n->entry[i])) == row)
                add_peers(&m, &n->entry[i], 1);
    } else if (part == PART_NEAR) {
        add_peers(&m, n->near, n->near_count);
    } else {
        add_peers(&m, n->low, n->low_count);
        add_peers(&m, n->high, n->high_count);
    }
    pastry_send(h, to, &m);
}

/*
 * Source: [pastry01] 2.4: what a newcomer is told has a timestamp, which its
 * announcement repeats; who has changed since, tells it anew.  Ours says how
 * long ago it asked, for clocks differ.  Whoever arrives at the same time has
 * to be measured first, as the newcomer has: then is the answer (on_pong).
 */
static void on_announce(struct pastry *n, struct host *h, struct addr from,
                        const struct pastry_msg *m)
{
    uint64_t now = host_now(h), age = (uint64_t)m->age_ms * 1000;

    for (struct request *r = n->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_PONG && addr_equal(r->peer.addr, from)) {
            r->since_us = now > age ? now - age : 1;
            r->arrival = m->request;
        }
}

static void on_pong(struct pastry *n, struct host *h, struct request *r,
                    const struct pastry_msg *m)
{
    uint64_t rtt = (host_now(h) - r->sent_us) / RTT_UNIT_US;
    struct peer p = peer_new(&m->sender, r->peer.addr, rtt > 0 ? rtt : 1);
    uint32_t hash, *place, arrival = r->arrival;
    bool again = r->tries > 0; /* of which message is this the answer? */
    bool stale = r->since_us != 0 && n->changed_us >= r->since_us;

    pastry_request_close(n, h, r);
    if (!m->active)
        return;
    if (stale)
        tell(n, h, peer_addr(&p), PART_LEAVES, 0, arrival);
    if (again && pastry_known(n, peer_addr(&p)) != NULL)
        return;
    dig_out(n, peer_addr(&p));
    if (pastry_insert(n, h, &p)) {
        n->changed_us = host_now(h);
        pastry_offer(n, h, &p);
    }
    if (n->measured == NULL)
        n->measured = host_alloc(h, MEASURED_MAX * sizeof *n->measured);
    if ((place = measured(n, peer_addr(&p), &hash)) != NULL)
        *place = hash;
}

/*
 * Source: [pastry01] 2.5.  A leaf is replaced at once, from the leaf set of
 * the farthest live one on its side; a slot by asking another of its row, or
 * of a deeper one, who shares those digits as well; a neighbour by asking
 * another neighbour.
 */
static void gone(struct pastry *n, struct host *h, struct pastry_peer p)
{
    unsigned row = pastry_shared(n, &n->id, &p.id);
    bool low = false, near = false;

    for (unsigned i = 0; i < n->low_count; i++)
        low = low || addr_equal(peer_addr(&n->low[i]), p.addr);
    for (unsigned i = 0; i < n->near_count; i++)
        near = near || addr_equal(peer_addr(&n->near[i]), p.addr);
    bool known = pastry_known(n, p.addr) != NULL;
    bool leaf = pastry_forget(n, p.addr);
    if (!known)
        return;
    if (leaf)
        n->changed_us = host_now(h);
    if (leaf && low && n->low_count > 0)
        ask(n, h, PART_LEAVES, 0, &n->low[n->low_count - 1]);
    if (leaf && !low && n->high_count > 0)
        ask(n, h, PART_LEAVES, 0, &n->high[n->high_count - 1]);
    for (unsigned i = 0; i < n->entry_count; i++)
        if (pastry_shared(n, &n->id, PEER_ID(&n->entry[i])) >= row) {
            ask(n, h, PART_ROW, row, &n->entry[i]);
            break;
        }
    if (near && n->near_count > 0)
        ask(n, h, PART_NEAR, 0, &n->near[0]);
}

/* -- Joining ------------------------------------------------------------- */

/* Rounds of different nodes shall not fall together: the pause is drawn from
   the node's id and the round, so that the state alone says how things go
   on. */
static void arm_round(struct pastry *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_REPAIR);
    uint64_t lot = random_mix(id_low(n->id) ^ (uint64_t)n->rounds << 40);
    uint64_t pause =
        n->rounds == 0 ? 1 + lot % period : period / 2 + lot % period;

    n->round_us = host_now(h) + pause;
    host_timer(h, TIMER_ROUND, pause);
}

/* Source: [pastry01] 2.4: a message with our own id as its key, to a node
   near by; all on its way send us what they know. */
static void join(struct pastry *n, struct host *h)
{
    const struct pastry_peer to = {.addr = n->join};
    struct pastry_msg m;

    pastry_begin(n, PASTRY_ROUTE, &m);
    m.purpose = FOR_JOIN;
    m.key = n->id;
    m.origin.id = n->id;
    m.origin.addr = n->self;
    struct request *r = pastry_request_open(n, h, REQUEST_JOIN, &to, &m);
    if (r != NULL)
        r->deadline_us = r->sent_us + JOIN_RETRY_US;
}

static void become_active(struct pastry *n, struct host *h)
{
    n->active = true;
    n->rounds = 0;
    arm_round(n, h);
}

/* All who answered are in our tables: tell them that we have arrived. */
static void arrive(struct pastry *n, struct host *h)
{
    const struct peer *p;
    struct pastry_msg m;

    become_active(n, h);
    host_note(h, "joined: %u leaves, %u table entries; I announce myself",
              (unsigned)n->low_count + n->high_count, (unsigned)n->entry_count);
    pastry_begin(n, PASTRY_ANNOUNCE, &m);
    m.request = n->arrival = n->next_request++;
    m.age_ms = (uint32_t)((host_now(h) - n->asked_us) / 1000 + 1);
    for (unsigned i = 0; (p = pastry_peer_at(n, i)) != NULL; i++)
        if (pastry_known(n, peer_addr(p)) == p) /* each once */
            pastry_send(h, peer_addr(p), &m);
}

void pastry_settle_down(struct pastry *n, struct host *h)
{
    while (n->requests != NULL)
        pastry_request_close(n, h, n->requests);
    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        host_timer_cancel(h, slot);
    n->armed_us = 0;
    become_active(n, h);
}

/* -- Maintenance --------------------------------------------------------- */

/*
 * Every round: are the nearest leaves there?  What is the leaf set of another,
 * in turn?  What is the row of an entry, in turn, and sometimes the
 * neighbourhood of a neighbour?  All four keep tables right without failures
 * too: whoever joins at the same time is found, and nearer nodes.
 */
static void on_round(struct pastry *n, struct host *h)
{
    uint32_t turn = n->rounds++;
    unsigned leaves = (unsigned)n->low_count + n->high_count;

    if (leaves == 0 && !addr_none(n->join) &&
        count_requests(n, REQUEST_JOIN) == 0)
        join(n, h); /* alone: the others may be back */
    for (unsigned i = 0; i < 2 && leaves > 0; i++) {
        const struct peer *p = i == 0 ? n->low : n->high;
        if ((i == 0 ? n->low_count : n->high_count) > 0)
            ping(n, h, &(struct pastry_peer){*PEER_ID(p), peer_addr(p)});
    }
    if (leaves > 0)
        ask(n, h, PART_LEAVES, 0, pastry_peer_at(n, turn % leaves));
    if (n->entry_count > 0) {
        const struct peer *e = &n->entry[turn % n->entry_count];
        ask(n, h, PART_ROW, pastry_shared(n, &n->id, PEER_ID(e)), e);
    }
    if (n->near_count > 0 && turn % GRAVE_ROUNDS == 1)
        ask(n, h, PART_NEAR, 0, &n->near[turn / GRAVE_ROUNDS % n->near_count]);
    if (n->grave_count > 0 && turn % GRAVE_ROUNDS == 0) {
        const struct peer *g = &n->grave[turn / GRAVE_ROUNDS % n->grave_count];
        ping(n, h, &(struct pastry_peer){*PEER_ID(g), peer_addr(g)});
    }
    if (n->item_count > 0)
        pastry_replicate(n, h, turn);
    arm_round(n, h);
}

/* One deadline at a time: if another is due as well, the timer fires again. */
static void on_timeout(struct pastry *n, struct host *h)
{
    struct request *r = n->requests;
    uint64_t now = host_now(h);
    struct pastry_msg m;

    n->armed_us = 0;
    for (struct request *o = r; o != NULL; o = o->next)
        if (o->deadline_us < r->deadline_us)
            r = o;
    if (r == NULL || r->deadline_us > now)
        return;
    if (r->kind == REQUEST_COMMAND) {
        pastry_command_again(n, h, r);
        return;
    }
    if (r->kind == REQUEST_JOIN || ++r->tries < TRIES_MAX) {
        if (r->kind == REQUEST_JOIN)
            host_note(h, "the join is not answered: once more");
        r->deadline_us = now + (r->kind == REQUEST_JOIN
                                    ? JOIN_RETRY_US
                                    : patience(n, r->peer.addr) << r->tries);
        host_send(h, r->peer.addr, r->data, r->len);
        return;
    }
    if (pastry_known(n, r->peer.addr) != NULL) {
        host_note(h, "a peer is silent: out of all tables");
        bury(n, h, &r->peer);
        gone(n, h, r->peer);
    }
    if (r->kind == REQUEST_HOP && pastry_decode(&m, r->data, r->len))
        pastry_route(n, h, &m); /* round it */
    pastry_request_close(n, h, r);
}

/* -- Answering ----------------------------------------------------------- */

static void on_ping(struct pastry *n, struct host *h, struct addr from,
                    uint32_t request)
{
    struct pastry_msg reply;

    pastry_begin(n, PASTRY_PONG, &reply);
    reply.request = request;
    pastry_send(h, from, &reply);
}

static void on_state(struct pastry *n, struct host *h, struct addr from,
                     const struct pastry_msg *m)
{
    struct request *r = request_of(n, m->request);
    bool joining = r != NULL && r->kind == REQUEST_JOIN;
    bool news = r == NULL && n->arrival != 0 && m->request == n->arrival &&
                pastry_known(n, from) != NULL; /* since we asked to join */

    if (!joining && !news &&
        (r == NULL || r->kind != REQUEST_PART ||
         !addr_equal(r->peer.addr, from)))
        return; /* nobody asked, or too late */
    if (joining && m->part == PART_LAST) {
        n->last = true;
        n->asked_us = r->sent_us;
    }
    if (r != NULL && (!joining || m->part == PART_LAST))
        pastry_request_close(n, h, r);
    for (unsigned i = 0; i < m->count; i++)
        pastry_hear(n, h, &m->peer[i]);
}

static void on_store(struct pastry *n, struct host *h, struct addr from,
                     const struct pastry_msg *m)
{
    struct pastry_msg reply;

    if (!n->active ||
        !pastry_keep(n, h, &m->key, m->version, m->value, m->value_len))
        return;
    pastry_begin(n, PASTRY_STORED, &reply);
    reply.request = m->request;
    reply.key = m->key;
    reply.keep = pastry_is_replica(n, &m->key, &m->sender, pastry_replicas(n));
    pastry_send(h, from, &reply);
}

static void on_answer(struct pastry *n, struct host *h, struct addr from,
                      const struct pastry_msg *m)
{
    struct request *r = request_of(n, m->request);

    if (r == NULL)
        return;
    if (m->type == PASTRY_REACHED && r->kind == REQUEST_COMMAND) {
        pastry_on_reached(n, h, r, from, m);
        return;
    }
    if (!addr_equal(r->peer.addr, from))
        return;
    if (m->type == PASTRY_PONG && r->kind == REQUEST_PONG) {
        on_pong(n, h, r, m);
    } else if (m->type == PASTRY_ACK && r->kind == REQUEST_HOP) {
        pastry_request_close(n, h, r);
    } else if (m->type == PASTRY_STORED && r->kind == REQUEST_STORED) {
        pastry_request_close(n, h, r);
        if (m->keep == 0 ||
            !pastry_is_replica(n, &m->key, NULL, pastry_replicas(n)))
            pastry_drop(n, h, &m->key); /* in better hands now */
    }
}

static void on_route(struct pastry *n, struct host *h, struct addr from,
                     struct pastry_msg *m)
{
    struct pastry_msg ack;

    if (!n->active || n->leaving)
        return; /* the hop before will find another way */
    pastry_begin(n, PASTRY_ACK, &ack);
    ack.request = m->request;
    if (!(m->purpose == FOR_JOIN && m->hops == 0))
        pastry_send(h, from, &ack);
    pastry_route(n, h, m);
}

/* A message from there: who speaks lives, and may be of use. */
static void heard_from(struct pastry *n, struct host *h, struct addr from,
                       const struct pastry_msg *m)
{
    const struct peer *p = pastry_known(n, from);
    const struct pastry_peer peer = {m->sender, from};

    if (p != NULL && !id_equal(PEER_ID(p), &m->sender))
        (void)pastry_forget(n, from); /* somebody new at that address */
    if (!m->active || m->type == PASTRY_LEAVE || n->leaving)
        return;
    dig_out(n, from);
    if (m->type != PASTRY_PONG) /* which on_pong takes in */
        pastry_hear(n, h, &peer);
}

static void on_datagram(struct pastry *n, struct host *h, const struct event *e)
{
    struct pastry_msg m;

    if (!pastry_decode(&m, e->data, e->len) || m.digit_bits != n->digit_bits ||
        m.digits != n->digits) {
        host_note(h, "not a message of this network: dropped");
        return;
    }
    heard_from(n, h, e->peer, &m);
    switch (m.type) {
    case PASTRY_ROUTE:
        on_route(n, h, e->peer, &m);
        break;
    case PASTRY_GET:
        tell(n, h, e->peer, m.part, m.row, m.request);
        break;
    case PASTRY_STATE:
        on_state(n, h, e->peer, &m);
        break;
    case PASTRY_PING:
        on_ping(n, h, e->peer, m.request);
        break;
    case PASTRY_STORE:
        on_store(n, h, e->peer, &m);
        break;
    case PASTRY_ACK:
    case PASTRY_REACHED:
    case PASTRY_PONG:
    case PASTRY_STORED:
        on_answer(n, h, e->peer, &m);
        break;
    case PASTRY_ANNOUNCE:
        on_announce(n, h, e->peer, &m);
        break;
    case PASTRY_LEAVE:
        gone(n, h, (struct pastry_peer){m.sender, e->peer});
        break;
    }
}

/* -- Events -------------------------------------------------------------- */

/* Source: [pastry01] 2.5 treats a leave as a failure; a word saves the
   others the wait, and our values go to those who are nearest then. */
static void leave(struct pastry *n, struct host *h)
{
    const struct peer *p;
    struct pastry_msg m;

    for (unsigned i = 0; i < n->low_count; i++)
        pastry_offer(n, h, &n->low[i]);
    for (unsigned i = 0; i < n->high_count; i++)
        pastry_offer(n, h, &n->high[i]);
    n->leaving = true;
    pastry_begin(n, PASTRY_LEAVE, &m);
    for (unsigned i = 0; (p = pastry_peer_at(n, i)) != NULL; i++)
        if (pastry_known(n, peer_addr(p)) == p)
            pastry_send(h, peer_addr(p), &m);
    host_left(h);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct pastry *n = node;

    switch (e->kind) {
    case EVENT_START:
        if (addr_none(n->join))
            become_active(n, h);
        else
            join(n, h);
        break;
    case EVENT_TIMER:
        if (e->timer == TIMER_TIMEOUT)
            on_timeout(n, h);
        else
            on_round(n, h);
        break;
    case EVENT_DATAGRAM:
        on_datagram(n, h, e);
        break;
    case EVENT_COMMAND:
        pastry_command(n, h, e);
        break;
    case EVENT_STOP:
        leave(n, h);
        break;
    case EVENT_OPEN: /* Pastry speaks UDP only, and hashes no content */
    case EVENT_ACCEPT:
    case EVENT_BYTES:
    case EVENT_ROOM:
    case EVENT_EOF:
    case EVENT_CLOSED:
    case EVENT_HASHED:
        break;
    }
    if (!n->active && n->last && count_requests(n, REQUEST_PONG) == 0) {
        n->last = n->high_count > 0; /* else all were lost: once more */
        if (n->last)
            arrive(n, h);
        else
            join(n, h);
    }
    arm(n, h);
    return 0;
}

static void *create(struct host *h, const struct config *config)
{
    const struct settings *s = config->settings;
    struct pastry *n = host_alloc(h, sizeof *n);
    size_t half, near = (size_t)setting(s, OPT_NEIGHBOURS);

    if (n == NULL)
        return NULL;
    n->settings = s;
    n->self = config->self;
    n->join = config->join;
    n->id = config->id;
    shape(s, &n->digit_bits, &n->digits);
    n->next_request = (uint32_t)host_random(h);
    half = pastry_half(n);
    n->low = host_alloc(h, (2 * half + near) * sizeof *n->low);
    if (n->low == NULL)
        return NULL;
    n->high = n->low + half;
    n->near = n->high + half;
    return n;
}

/* -- Canonical state ----------------------------------------------------- */

static void dump_peers(const struct pastry *n, struct text *t, const char *what,
                       const struct peer *list, unsigned count)
{
    text_add(t, what);
    for (unsigned i = 0; i < count; i++) {
        text_char(t, ' ');
        id_text(t, PEER_ID(&list[i]), pastry_id_bits(n->digit_bits, n->digits));
        text_char(t, '@');
        addr_text(t, peer_addr(&list[i]));
        text_char(t, '/');
        text_u64(t, list[i].rtt);
    }
    text_char(t, '\n');
}

/* What would be sent again: all of it but the numbers of requests, which differ
   from run to run. */
static void dump_message(struct text *t, const struct request *r)
{
    struct pastry_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    if (!pastry_decode(&m, r->data, r->len))
        return;
    m.request = m.origin_request = 0;
    size_t len = pastry_encode(&m, bytes);
    text_char(t, ' ');
    for (size_t i = 0; i < len; i++) {
        text_char(t, "0123456789abcdef"[bytes[i] >> 4]);
        text_char(t, "0123456789abcdef"[bytes[i] & 15]);
    }
}

static void dump(const void *node, struct host *h, struct text *t)
{
    static const char *const kinds[] = {
        [REQUEST_JOIN] = "join",     [REQUEST_PONG] = "pong",
        [REQUEST_PART] = "state",    [REQUEST_HOP] = "ack",
        [REQUEST_STORED] = "stored", [REQUEST_COMMAND] = "reached"};
    const struct pastry *n = node;

    (void)h;
    text_add(t, n->leaving  ? "leaving"
                : n->active ? "active"
                : n->last   ? "measuring"
                            : "joining");
    text_number(t, " round ", n->rounds);
    text_number(t, " next ", n->round_us);
    text_number(t, " asked ", n->asked_us);
    text_number(t, " changed ", n->changed_us);
    text_char(t, '\n');
    dump_peers(n, t, "low", n->low, n->low_count);
    dump_peers(n, t, "high", n->high, n->high_count);
    dump_peers(n, t, "near", n->near, n->near_count);
    dump_peers(n, t, "table", n->entry, n->entry_count);
    dump_peers(n, t, "graves", n->grave, n->grave_count);
    for (unsigned i = 0; n->measured != NULL && i < MEASURED_MAX; i++)
        if (n->measured[i] != 0) {
            text_number(t, "measured ", n->measured[i]);
            text_char(t, '\n');
        }
    for (const struct item *i = n->items; i != NULL; i = i->next) {
        text_add(t, "item ");
        id_text(t, &i->key, pastry_id_bits(n->digit_bits, n->digits));
        text_number(t, " version ", i->version);
        text_char(t, '=');
        text_safe(t, (const char *)i->value, i->value_len);
        text_char(t, '\n');
    }
    for (const struct request *r = n->requests; r != NULL; r = r->next) {
        text_add(t, "waits for ");
        text_add(t, kinds[r->kind]);
        text_char(t, ' ');
        addr_text(t, r->peer.addr);
        text_number(t, " since ", r->sent_us);
        text_number(t, " until ", r->deadline_us);
        text_number(t, " tries ", r->tries);
        text_number(t, " newcomer ", r->since_us);
        dump_message(t, r);
        text_char(t, '\n');
    }
}

const struct protocol pastry_protocol = {
    .name = "pastry",
    .options = options,
    .commands = commands,
    .timers = timers,
    .timeouts = 1 << TIMER_TIMEOUT,
    .clocked = true,
    .invariants = "every leaf set and table slot is right, nobody is lost",
    .identify = identify,
    .create = create,
    .event = event,
    .dump = dump,
    .describe = pastry_describe,
    .fields = "magic version type digit_bits digits request sender active key "
              "hops purpose origin origin_id origin_request path peers node "
              "id row part count found keep age_ms value_len value",
    .results = "forwards hops id key larger neighbours owner owner_id path "
               "smaller table value values",
    .warm = pastry_warm,
    .check = pastry_check,
    .settled = pastry_settled,
    .quiet_us = pastry_quiet_us,
    .canonical = pastry_canonical,
    .may_fail = pastry_may_fail};
