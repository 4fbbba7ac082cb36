/*
 * Connections, and the supernodes to choose from.
 *
 * One TCP port serves three things (reference, section 2): requests for files
 * ("GET "), answers to a push ("GIVE"), and sessions.  A session begins with
 * three words and is then under the cipher; or, between programs that are
 * told to (`plain=on`), with its first message.  Who is called takes both.
 *
 *     known supernodes --UDP ping--> the best that answers --> a session
 */
#include "fasttrack/node.h"

#include <string.h>

/* -- Links --------------------------------------------------------------- */

void fasttrack_link_close(struct fasttrack *n, struct host *h, struct link *l)
{
    l->state = LINK_CLOSING;
    fasttrack_link_due(n, l, host_now(h) + CLOSE_US);
    host_finish(h, l->conn);
}

void fasttrack_link_abort(struct fasttrack *n, struct host *h, struct link *l,
                          const char *why)
{
    host_note(h, "cuts off a connection: %s", why);
    host_abort(h, l->conn);
    fasttrack_transfer_on_closed(n, h, l);
    fasttrack_link_free(n, h, l);
    fasttrack_seek(n, h);
}

struct link *fasttrack_link_with(const struct fasttrack *n, struct addr addr,
                                 enum peer peer)
{
    struct link *l = n->links;

    while (l != n->children && (l->peer != peer || l->state > LINK_UP ||
                                !addr_equal(l->addr, addr)))
        l = l->next;
    return l != n->children ? l : NULL;
}

void fasttrack_link_dial(struct fasttrack *n, struct host *h, struct addr to,
                         enum peer peer)
{
    conn_id conn = host_connect(h, to);
    struct link *l =
        conn != 0 ? fasttrack_link_new(n, h, conn, LINK_DIAL, HELLO_US) : NULL;

    if (l == NULL)
        return;
    l->outgoing = true;
    l->addr = l->caller = to;
    l->peer = peer;
}

void fasttrack_link_send(struct fasttrack *n, struct host *h, struct link *l,
                         const struct fasttrack_msg *m)
{
    uint8_t plain[ENCODED_MAX], wire[ENCODED_MAX];
    size_t len = fasttrack_encode(m, plain), backlog;

    if (len == 0) {
        host_note(h, "a message that is too long to be passed on is dropped");
        return;
    }
    if (l->out.coded) {
        fasttrack_wrap(&l->out, plain, len, wire);
        backlog = host_write_coded(h, l->conn, wire, len, plain, len);
    } else {
        backlog = host_write(h, l->conn, plain, len);
    }
    n->sent++;
    if (backlog <= QUEUE_MAX)
        return;
    l->state = LINK_CLOSING; /* the timer cuts it off */
    fasttrack_link_due(n, l, host_now(h));
}

/* -- The handshake ------------------------------------------------------- */

static void say_name(struct host *h, struct link *l)
{
    uint8_t wire[sizeof NETWORK_NAME];

    fasttrack_cipher_run(&l->out.cipher, (const uint8_t *)NETWORK_NAME, wire,
                         sizeof wire);
    host_write_coded(h, l->conn, wire, sizeof wire, NETWORK_NAME, sizeof wire);
}

static void write_words(struct host *h, conn_id conn, const uint32_t *word,
                        unsigned count)
{
    uint8_t out[HELLO_BYTES];

    for (unsigned i = 0; i < 4 * count; i++)
        out[i] = (uint8_t)(word[i / 4] >> (24 - 8 * (i % 4)));
    host_phase(h, conn, PHASE_HANDSHAKE);
    host_write(h, conn, out, (size_t)4 * count);
}

static void begin_session(struct fasttrack *n, struct host *h, struct link *l)
{
    l->state = LINK_UP;
    fasttrack_link_due(n, l, l->outgoing ? NEVER : host_now(h) + HELLO_US);
    host_phase(h, l->conn, PHASE_MESSAGES);
    if (l->outgoing)
        fasttrack_introduce(n, h, l);
}

void fasttrack_link_on_open(struct fasttrack *n, struct host *h, struct link *l)
{
    static const uint32_t hello[] = {RAND_WORD, CLIENT_SEED, CLIENT_MASKED};

    if (l->state != LINK_DIAL) {
        fasttrack_transfer_on_open(n, h, l);
    } else if (option(n, OPT_PLAIN) == 0) {
        fasttrack_way(&l->in, false, 0);
        fasttrack_way(&l->out, false, 0);
        begin_session(n, h, l);
    } else {
        l->state = LINK_HELLO;
        write_words(h, l->conn, hello, 3);
    }
}

/* The supernode's seed and cipher, which hold for both directions.
   We know the masks of the two seeds that are in use (reference, section 2):
   the function behind them is a page of generated code. */
static size_t on_answer(struct fasttrack *n, struct host *h, struct link *l,
                        const struct event *e)
{
    if (e->len < ANSWER_BYTES)
        return 0;
    uint32_t seed = fasttrack_word(e->data);
    uint32_t masked = fasttrack_word(e->data + 4);
    if ((seed != SERVER_SEED || masked != SERVER_MASKED) &&
        (seed != CLIENT_SEED || masked != CLIENT_MASKED)) {
        fasttrack_link_abort(n, h, l, "a cipher that we do not speak");
        return e->len;
    }
    fasttrack_way(&l->out, true, CLIENT_SEED ^ seed);
    fasttrack_way(&l->in, true, seed);
    say_name(h, l);
    l->state = LINK_NAME;
    return ANSWER_BYTES;
}

/* Somebody begins a session: whatever cipher it would like, we tell it 1. */
static size_t on_hello(struct host *h, struct link *l, const struct event *e)
{
    static const uint32_t answer[] = {SERVER_SEED, SERVER_MASKED};

    if (e->len < HELLO_BYTES)
        return 0;
    fasttrack_way(&l->in, true, fasttrack_word(e->data + 4) ^ SERVER_SEED);
    fasttrack_way(&l->out, true, SERVER_SEED);
    write_words(h, l->conn, answer, 2);
    say_name(h, l);
    l->state = LINK_NAME;
    return HELLO_BYTES;
}

/* The name of the network, to its NUL; it may come in pieces. */
static size_t on_name(struct fasttrack *n, struct host *h, struct link *l,
                      const struct event *e)
{
    uint8_t name[NAME_MAX_BYTES + 1];
    size_t room = e->len < sizeof name ? e->len : sizeof name, len = 0;
    struct cipher next = l->in.cipher;

    fasttrack_cipher_run(&next, e->data, name, room);
    while (len < room && name[len] != 0)
        len++;
    if (len == room) {
        if (room == sizeof name)
            fasttrack_link_abort(n, h, l, "a network's name without end");
        return room == sizeof name ? e->len : 0;
    }
    fasttrack_cipher_run(&l->in.cipher, e->data, name, len + 1);
    host_decoded(h, l->conn, name, len + 1);
    begin_session(n, h, l);
    return len + 1;
}

/* -- Sessions ------------------------------------------------------------ */

/* Asked for our network, we say it, but once: who answers each name with its
   own, as giFT does, would never be done with us. */
static void on_network(struct fasttrack *n, struct host *h, struct link *l)
{
    struct fasttrack_msg m = {
        .type = MSG_NETWORK,
        .name = {(const uint8_t *)NETWORK_NAME, sizeof NETWORK_NAME - 1}};

    if (!l->named)
        fasttrack_link_send(n, h, l, &m);
    l->named = true;
}

static void on_message(struct fasttrack *n, struct host *h, struct link *l,
                       const uint8_t *plain, size_t len)
{
    struct fasttrack_msg m;

    if (fasttrack_decode(&m, plain, len) < 0) {
        fasttrack_drop(n, h, "a message that is broken");
        return;
    }
    n->received++;
    if (m.kind == 'P') {
        fasttrack_link_send(n, h, l, &(struct fasttrack_msg){.kind = 'R'});
        return;
    }
    if (m.kind == 'R')
        return;
    if (m.route == ROUTE_DIRECT && m.type == MSG_NODES) {
        fasttrack_known_list(n, h, &m.list);
        return;
    }
    if (m.route == ROUTE_DIRECT && m.type == MSG_NETWORK) {
        on_network(n, h, l);
        return;
    }
    switch (l->peer) {
    case PEER_PARENT:
        fasttrack_on_parent(n, h, l, &m);
        break;
    case PEER_CHILD:
    case PEER_UNKNOWN:
        fasttrack_on_child(n, h, l, &m);
        break;
    case PEER_SUPERNODE:
        fasttrack_on_supernode(n, h, l, &m);
        break;
    }
}

static size_t on_session(struct fasttrack *n, struct host *h, struct link *l,
                         const struct event *e)
{
    uint8_t scratch[HEADER_BYTES + PAYLOAD_MAX];
    const uint8_t *plain;
    size_t len;
    int used = fasttrack_unwrap(&l->in, e->data, e->len, scratch, &plain, &len);

    if (used < 0) {
        fasttrack_link_abort(n, h, l, "what came is no message");
        return e->len;
    }
    if (used == 0)
        return 0;
    l->heard_us = host_now(h);
    if (l->in.coded)
        host_decoded(h, l->conn, plain, len);
    on_message(n, h, l, plain, len);
    return (size_t)used;
}

/* The first bytes tell what a caller wants.  A plain session begins with one
   of two messages; a coded one with a word that may be any, a K too. */
static size_t on_caller(struct fasttrack *n, struct host *h, struct link *l,
                        const struct event *e)
{
    if (e->len < HEADER_BYTES)
        return 0;
    if (memcmp(e->data, "K\2\0", 3) == 0 || memcmp(e->data, "K\1\0", 3) == 0) {
        fasttrack_way(&l->in, false, 0);
        fasttrack_way(&l->out, false, 0);
        begin_session(n, h, l);
        return on_session(n, h, l, e);
    }
    if (memcmp(e->data, "GIVE ", 5) == 0 || memcmp(e->data, "GET ", 4) == 0 ||
        memcmp(e->data, "HEAD ", 5) == 0)
        return fasttrack_transfer_on_bytes(n, h, l, e);
    host_reads(h, l->conn, PHASE_HANDSHAKE);
    return on_hello(h, l, e);
}

size_t fasttrack_link_on_bytes(struct fasttrack *n, struct host *h,
                               struct link *l, const struct event *e)
{
    switch (l->state) {
    case LINK_CALLER:
        return on_caller(n, h, l, e);
    case LINK_HELLO:
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return on_answer(n, h, l, e);
    case LINK_NAME:
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return on_name(n, h, l, e);
    case LINK_UP:
        return on_session(n, h, l, e);
    case LINK_UPLOAD:
    case LINK_DOWNLOAD:
        return fasttrack_transfer_on_bytes(n, h, l, e);
    case LINK_DIAL:
    case LINK_GIVING:
    case LINK_CLOSING:
        break;
    }
    return e->len;
}

void fasttrack_link_ping(struct fasttrack *n, struct host *h)
{
    uint64_t now = host_now(h);

    for (struct link *l = n->links; l != NULL; l = l->next) {
        if (l->state != LINK_UP || l->peer == PEER_UNKNOWN)
            continue;
        fasttrack_link_send(n, h, l, &(struct fasttrack_msg){.kind = 'P'});
        if (l->state == LINK_UP && l->deadline_us == NEVER)
            fasttrack_link_due(n, l, now + PONG_US);
    }
}

/* -- Known supernodes ---------------------------------------------------- */

struct known *fasttrack_known_find(const struct fasttrack *n, struct addr addr)
{
    for (uint32_t i = 0; i < n->known_count; i++)
        if (addr_equal(n->known[i].addr, addr))
            return &n->known[i];
    return NULL;
}

/* The table is full: the one to go is the fullest that is not ours to join. */
static struct known *place(struct fasttrack *n)
{
    struct known *worst = NULL;

    if (n->known_count < KNOWN_MAX)
        return &n->known[n->known_count++];
    for (uint32_t i = 0; i < n->known_count; i++)
        if (!addr_equal(n->known[i].addr, n->join) &&
            (worst == NULL || n->known[i].load >= worst->load))
            worst = &n->known[i];
    return worst;
}

void fasttrack_known_add(struct fasttrack *n, struct addr addr, uint8_t load)
{
    struct known *k = fasttrack_known_find(n, addr);

    if (addr.ip == 0 || addr.port == 0 || addr_equal(addr, n->self) ||
        n->known == NULL)
        return;
    if (k == NULL) {
        k = place(n);
        *k = (struct known){.addr = addr};
    }
    k->load = load;
}

void fasttrack_known_rest(struct fasttrack *n, struct host *h, struct addr addr,
                          uint64_t us)
{
    struct known *k = fasttrack_known_find(n, addr);

    if (k != NULL)
        k->rest_us = host_now(h) + us;
}

void fasttrack_known_list(struct fasttrack *n, struct host *h,
                          const struct span *list)
{
    struct span rest = *list;
    struct node_entry e;

    for (unsigned i = 0; i < NODES_SENT_MAX && fasttrack_next_node(&rest, &e);
         i++)
        fasttrack_known_add(n, e.addr, e.load);
    fasttrack_seek(n, h);
}

/* Our own supernodes first, then others, then children that could become one:
   where to go should we die.  [teach] for the last. */
void fasttrack_send_nodes(struct fasttrack *n, struct host *h, struct link *to)
{
    uint8_t list[8 * NODES_SENT_MAX + 56]; /* the last needs room for 64 */
    struct fasttrack_msg m = {.type = MSG_NODES, .list = {list, 0}};
    bool linked[KNOWN_MAX] = {false}; /* they stand in the list already */

    for (const struct link *l = n->links; l != n->children; l = l->next) {
        if (l->peer != PEER_SUPERNODE || l->state > LINK_UP)
            continue;
        const struct known *k = fasttrack_known_find(n, l->addr);
        if (k != NULL)
            linked[k - n->known] = true;
        if (l->state == LINK_UP && l != to && !addr_equal(l->addr, to->addr))
            (void)fasttrack_put_node(
                list, sizeof list, &m.list.len,
                &(struct node_entry){l->addr, 0, l->standing.load});
    }
    for (uint32_t i = 0; i < n->known_count; i++)
        if (n->known[i].rest_us <= host_now(h) &&
            !addr_equal(n->known[i].addr, to->addr) && !linked[i])
            (void)fasttrack_put_node(
                list, sizeof list, &m.list.len,
                &(struct node_entry){n->known[i].addr, 1, n->known[i].load});
    /* Not to whom we send away: it would call them in vain. */
    uint32_t left =
        to->peer != PEER_UNKNOWN && is_supernode(n) ? n->super->eligible : 0;
    for (const struct link *l = n->children; l != NULL && left > 0;
         l = l->next) {
        if (l->child == NULL || !l->child->eligible)
            continue;
        left--;
        if (fasttrack_link_is(l, PEER_CHILD) && l != to &&
            l->child->addr.port != 0 &&
            !fasttrack_put_node(list, sizeof list, &m.list.len,
                                &(struct node_entry){l->child->addr, 0, 100}))
            break;
    }
    if (m.list.len > 0)
        fasttrack_link_send(n, h, to, &m);
}

/* -- Looking for supernodes ---------------------------------------------- */

/* How many more sessions it wants; [teach] for supernodes. */
static unsigned wanted(const struct fasttrack *n)
{
    unsigned has = 0;
    enum peer peer = is_supernode(n) ? PEER_SUPERNODE : PEER_PARENT;
    unsigned goal =
        (unsigned)option(n, is_supernode(n) ? OPT_DEGREE : OPT_REDUNDANCY);

    for (const struct link *l = n->links; l != n->children; l = l->next)
        has += l->peer == peer && l->state <= LINK_UP;
    return n->leaving || has >= goal ? 0 : goal - has;
}

static bool is_open(const struct fasttrack *n, const struct known *k,
                    uint64_t now)
{
    return k->rest_us <= now &&
           fasttrack_link_with(n, k->addr, PEER_PARENT) == NULL &&
           fasttrack_link_with(n, k->addr, PEER_SUPERNODE) == NULL;
}

/* Is `a` the better supernode?  Source: reference, section 1: a parent is
   chosen by little load, and by nearness. */
static bool is_better(const struct known *a, const struct known *b)
{
    if (a->answered != b->answered)
        return a->answered;
    if (a->load / 10 != b->load / 10)
        return a->load < b->load;
    return a->rtt_us < b->rtt_us;
}

static struct known *best(struct fasttrack *n, uint64_t now)
{
    struct known *best = NULL;

    for (uint32_t i = 0; i < n->known_count; i++)
        if (is_open(n, &n->known[i], now) &&
            (best == NULL || is_better(&n->known[i], best)))
            best = &n->known[i];
    return best;
}

static void dial_best(struct fasttrack *n, struct host *h)
{
    unsigned want = wanted(n);

    n->probing = false;
    for (struct known *k = best(n, host_now(h)); want > 0 && k != NULL;
         k = best(n, host_now(h)), want--) {
        k->rest_us = host_now(h) + REST_US;
        fasttrack_link_dial(n, h, k->addr,
                            is_supernode(n) ? PEER_SUPERNODE : PEER_PARENT);
    }
    for (uint32_t i = 0; i < n->known_count && !is_supernode(n); i++)
        if (n->known[i].answered && n->known[i].load >= 100)
            n->known[i].rest_us = host_now(h) + REST_US;
    fasttrack_arm(n, h);
}

/* Ask the most promising by UDP; the best that answers is dialled. */
static void probe(struct fasttrack *n, struct host *h)
{
    uint8_t out[UDP_BYTES_MAX];
    size_t len = fasttrack_udp_encode(&(struct udp_msg){.type = UDP_PING}, out);
    uint64_t now = host_now(h);
    unsigned asked = 0;

    for (uint32_t i = 0; i < n->known_count; i++)
        n->known[i].answered = false;
    /* As many as are wanted, and some to choose from; of many, in a turn that
       differs from node to node. */
    unsigned most = PROBES + wanted(n);
    uint32_t from =
        n->known_count > most ? (uint32_t)(host_random(h) % n->known_count) : 0;
    for (uint32_t i = 0; i < n->known_count && asked < most; i++) {
        struct known *k = &n->known[(from + i) % n->known_count];
        if (!is_open(n, k, now))
            continue;
        host_send(h, k->addr, out, len);
        asked++;
    }
    n->probing = asked > 0;
    n->probe_us = now;
    n->misses += !is_supernode(n); /* until somebody adopts us */
}

void fasttrack_seek(struct fasttrack *n, struct host *h)
{
    if (n->seeking || wanted(n) == 0)
        return;
    n->seeking = true;
    host_timer(h, TIMER_SEEK, 0);
}

static bool has_session(const struct fasttrack *n)
{
    return is_supernode(n) ? n->super->links > 0 : fasttrack_parents(n) > 0;
}

void fasttrack_on_seek(struct fasttrack *n, struct host *h)
{
    n->seeking = false;
    if (wanted(n) == 0) {
        n->probing = false;
        return;
    }
    if (n->probing)
        dial_best(n, h);
    else
        probe(n, h);
    if (fasttrack_parents(n) == 0 && !fasttrack_is_patient(n)) {
        fasttrack_promote_alone(n, h, "no supernode can be found");
        if (is_supernode(n))
            return;
    }
    /* Who has a session can wait for news of others. */
    if (n->known_count == 0 || (!n->probing && has_session(n)))
        return;
    n->seeking = true;
    uint64_t lot_us = UINT64_C(1000) * n->luck; /* not all in step */
    host_timer(h, TIMER_SEEK, n->probing ? UDP_US : PARENT_RETRY_US + lot_us);
}

static void answer_ping(struct fasttrack *n, struct host *h, struct addr to)
{
    uint8_t out[UDP_BYTES_MAX];
    bool full = n->super->children >= (uint32_t)option(n, OPT_CHILDREN);
    uint64_t age_min = (host_now(h) - n->super->since_us) / SECOND_US / 60;
    struct udp_msg m = {.type = full ? UDP_FULL : UDP_PONG,
                        .age_min = (uint8_t)(age_min < 255 ? age_min : 255),
                        .load = fasttrack_load(n)};

    host_send(h, to, out, fasttrack_udp_encode(&m, out));
}

void fasttrack_on_datagram(struct fasttrack *n, struct host *h,
                           const struct event *e)
{
    struct udp_msg m;
    struct known *k = fasttrack_known_find(n, e->peer);

    if (!fasttrack_udp_decode(&m, e->data, e->len)) {
        fasttrack_drop(n, h, "a datagram of another kind");
        return;
    }
    if (m.type == UDP_PING) {
        if (is_supernode(n) && !n->leaving)
            answer_ping(n, h, e->peer);
        return;
    }
    if (k == NULL || !n->probing)
        return;
    k->rtt_us = host_now(h) - n->probe_us + 1;
    k->load = m.type == UDP_FULL ? 100 : m.load;
    /* Among supernodes a place is not needed; and an orphan calls a full one
       to learn where else to go, and to be seen. */
    k->answered = m.type == UDP_PONG || fasttrack_parents(n) == 0;
    if (!k->answered)
        k->rest_us = host_now(h) + REST_US;
    if (m.type == UDP_FULL)
        fasttrack_hear_full(n, e->peer);
}
