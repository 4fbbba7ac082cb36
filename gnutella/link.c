/*
 * Links: how two servents shake hands, and where new neighbours are found.
 *
 *     dialled -> sent hello -> up            accepted -> up           (0.4)
 *     dialled -> sent hello -> up            accepted -> wait final -> up (0.6)
 *
 * A servent wants `degree` neighbours.  While it has fewer, it dials one of
 * the addresses that it knows: from pongs and hits, from refusals (X-Try),
 * from its cache, and at last the one that it was told at its start.  It
 * takes calls until it has twice as many and four; later callers learn some
 * addresses and are sent on: in 0.6 by a refusal with X-Try, in 0.4, which
 * has no words for that, by pongs and a closed link.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/deflate.h"
#include "common/random.h"

#define PRODUCT "p2plab/0.1"
#define CACHE_NAME "hosts" /* of the remembered blob */

/* -- The list ----------------------------------------------------------------- */

struct link *gnutella_link_of(const struct gnutella *n, conn_id conn)
{
    struct link *l = n->links;

    while (l != NULL && l->conn != conn)
        l = l->next;
    return l;
}

struct link *gnutella_link_new(struct gnutella *n, struct host *h, conn_id conn,
                               enum link_state state, uint64_t patience_us)
{
    struct link *l = host_alloc(h, sizeof *l), **at = &n->links;

    if (l == NULL)
        return NULL;
    *l = (struct link){.conn = conn,
                       .state = state,
                       .deadline_us = host_now(h) + patience_us,
                       .heard_us = host_now(h)};
    while (*at != NULL)
        at = &(*at)->next;
    *at = l;
    return l;
}

void gnutella_link_free(struct gnutella *n, struct host *h, struct link *l)
{
    struct link **at = &n->links;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    deflate_free(h, l->out);
    deflate_in_free(h, l->in);
    if (l->plain != NULL)
        host_free(h, l->plain, l->plain_cap);
    gnutella_qrp_free(h, l);
    host_free(h, l, sizeof *l);
}

unsigned gnutella_degree(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += gnutella_link_is_up(l);
    return count;
}

/* Leaves do not count: they are no neighbours of a flood. */
static unsigned peer_count(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += gnutella_link_is_up(l) && l->peer != ROLE_LEAF;
    return count;
}

static unsigned leaf_count(const struct gnutella *n)
{
    return gnutella_degree(n) - peer_count(n);
}

static unsigned degree(const struct gnutella *n)
{
    return (unsigned)setting(n->settings, OPT_DEGREE);
}

unsigned gnutella_link_room(const struct gnutella *n)
{
    unsigned room = 2 * degree(n) + 4;

    return room < LINKS_MAX - LEAVES_MAX ? room : LINKS_MAX - LEAVES_MAX;
}

void gnutella_link_abort(struct gnutella *n, struct host *h, struct link *l,
                         const char *why)
{
    host_note(h, "cuts a connection off: %s", why);
    host_abort(h, l->conn);
    gnutella_transfer_on_closed(n, h, l);
    gnutella_link_free(n, h, l);
    gnutella_link_seek(n, h);
}

void gnutella_link_close(struct gnutella *n, struct host *h, struct link *l,
                         uint16_t code, const char *why)
{
    struct gnutella_msg m = {.type = GNUTELLA_BYE, .ttl = 1, .code = code};

    host_note(h, "closes a link: %s", why);
    if (l->state == LINK_UP && l->modern) {
        gnutella_new_guid(h, m.guid);
        m.text = (struct span){(const uint8_t *)why, strlen(why)};
        gnutella_route_send(n, h, l, &m);
    }
    l->state = LINK_CLOSING;
    l->deadline_us = host_now(h) + BYE_US;
    host_finish(h, l->conn);
    gnutella_arm(n, h);
    gnutella_link_seek(n, h);
}

/* -- Addresses to dial ------------------------------------------------------------ */

/* Source: reference, section 8: what a stranger says is no reason to dial
   just anything.  Private ranges are left to `public`. */
bool gnutella_link_may_dial(const struct gnutella *n, struct addr a)
{
    uint32_t top = a.ip >> 24;

    if (a.port == 0 || top == 0 || top >= 224 || addr_equal(a, n->self))
        return false;
    return setting(n->settings, OPT_PUBLIC) == 0 ||
           !(top == 10 || top == 127 || a.ip >> 20 == 0xac1 ||
             a.ip >> 16 == 0xc0a8 || a.ip >> 16 == 0xa9fe);
}

void gnutella_known_add(struct gnutella *n, struct host *h, struct addr addr)
{
    if (!gnutella_link_may_dial(n, addr))
        return;
    for (uint32_t i = 0; i < n->known_count; i++)
        if (addr_equal(n->known[i].addr, addr))
            return;
    if (n->known == NULL)
        n->known = host_alloc(h, CACHE_MAX * sizeof *n->known);
    if (n->known == NULL)
        return;
    /* When full, a random one makes room: nobody can plan whom to push out. */
    uint32_t at = n->known_count < CACHE_MAX
                      ? n->known_count++
                      : (uint32_t)(host_random(h) % CACHE_MAX);
    n->known[at] = (struct known){.addr = addr};
    gnutella_link_seek(n, h);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Addresses in a header such as X-Try, by commas, perhaps on many lines. */
static void known_add_list(struct gnutella *n, struct host *h, struct slice s)
{
    while (s.len > 0) {
        char word[24];
        const char *comma = memchr(s.at, ',', s.len);
        size_t len = comma != NULL ? (size_t)(comma - s.at) : s.len, at = 0;
        size_t used = len + (comma != NULL);
        struct addr a;

        while (at < len && is_blank(s.at[at]))
            at++;
        while (len > at && is_blank(s.at[len - 1]))
            len--;
        if (len - at < sizeof word) {
            memcpy(word, s.at + at, len - at);
            word[len - at] = '\0';
            if (addr_parse(&a, word))
                gnutella_known_add(n, h, a);
        }
        s.at += used;
        s.len -= used;
    }
}

void gnutella_known_save(struct gnutella *n, struct host *h)
{
    uint8_t bytes[CACHE_MAX * 6];
    struct codec c = codec_writer(bytes, sizeof bytes);

    for (uint32_t i = 0; i < n->known_count; i++)
        code_addr(&c, "", &n->known[i].addr);
    if (c.at > 0)
        (void)host_save(h, CACHE_NAME, bytes, c.at);
}

void gnutella_known_load(struct gnutella *n, struct host *h)
{
    uint8_t bytes[CACHE_MAX * 6];
    int len = host_load(h, CACHE_NAME, bytes, sizeof bytes);
    struct codec c = codec_reader(bytes, len > 0 ? (size_t)len : 0);

    while (c.at + 6 <= c.len) {
        struct addr a = {0, 0};
        code_addr(&c, "", &a);
        gnutella_known_add(n, h, a);
    }
}

static bool is_linked(const struct gnutella *n, struct addr a)
{
    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (l->state <= LINK_UP && addr_equal(l->addr, a))
            return true;
    return false;
}

/* One that is rested and not linked, beginning at a random one. */
static struct known *pick(struct gnutella *n, struct host *h)
{
    uint32_t first =
        n->known_count > 0 ? (uint32_t)(host_random(h) % n->known_count) : 0;

    for (uint32_t i = 0; i < n->known_count; i++) {
        struct known *k = &n->known[(first + i) % n->known_count];
        if (k->rest_us <= host_now(h) && !is_linked(n, k->addr))
            return k;
    }
    return NULL;
}

static bool is_short(const struct gnutella *n)
{
    return !n->leaving && peer_count(n) < degree(n);
}

/* It has not reached the one that it was told yet.  Callers are no substitute:
   they may have been told of us only, and then two overlays would stay two. */
static bool is_joining(const struct gnutella *n)
{
    return !n->leaving && !n->joined && !addr_none(n->join) &&
           (n->join_tries < JOINS_MAX || peer_count(n) == 0);
}

bool gnutella_link_is_looking(const struct gnutella *n)
{
    for (uint32_t i = 0; is_short(n) && i < n->known_count; i++)
        if (n->known[i].tries == 0 && !is_linked(n, n->known[i].addr))
            return true;
    return false;
}

/* See that somebody is dialled soon, while there are too few neighbours. */
void gnutella_link_seek(struct gnutella *n, struct host *h)
{
    if (n->seeking || (!is_short(n) && !is_joining(n)))
        return;
    if (n->known_count == 0 && addr_none(n->join))
        return; /* the first of its network waits to be called */
    n->seeking = true;
    host_timer(h, TIMER_SEEK, SEEK_US / 10);
}

static unsigned under_way(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += l->state == LINK_DIALLED || l->state == LINK_SENT_HELLO;
    return count;
}

void gnutella_link_on_seek(struct gnutella *n, struct host *h)
{
    unsigned calls = under_way(n);
    struct known *k;

    n->seeking = false;
    if (!is_short(n) && !is_joining(n))
        return;
    while (peer_count(n) + calls < degree(n) && (k = pick(n, h)) != NULL) {
        k->rest_us = host_now(h) + (REDIAL_US << k->tries);
        if (k->tries < REDIALS_MAX)
            k->tries++;
        gnutella_link_dial(n, h, k->addr);
        calls++;
    }
    bool alone = calls == 0 && peer_count(n) == 0 && !addr_none(n->join);
    if ((alone || is_joining(n)) && !is_linked(n, n->join)) {
        if (n->join_tries < JOINS_MAX)
            n->join_tries++;
        gnutella_link_dial(n, h, n->join);
    }
    if (n->known_count > 0 || peer_count(n) == 0 || is_joining(n)) {
        n->seeking = true;
        host_timer(h, TIMER_SEEK, SEEK_US);
    }
}

void gnutella_link_refresh(struct gnutella *n, struct host *h)
{
    struct known *k = peer_count(n) <= degree(n) ? pick(n, h) : NULL;

    if (k == NULL || n->role == ROLE_LEAF)
        return;
    k->rest_us = host_now(h) + REDIAL_US;
    if (k->tries == 0) /* it is tried now */
        k->tries = 1;
    gnutella_link_dial(n, h, k->addr);
}

/* -- What handshakes say ------------------------------------------------------------- */

static void add_addrs(const struct gnutella *n, struct host *h,
                      const char *name, struct text *t)
{
    uint32_t known = n->known_count, told = 0;
    uint32_t first = known > 0 ? (uint32_t)(host_random(h) % known) : 0;

    for (; told < known && told < PONGS_MAX; told++) {
        text_add(t, told == 0 ? name : ",");
        addr_text(t, n->known[(first + told) % known].addr);
    }
    for (const struct link *l = n->links; l != NULL && told < PONGS_MAX;
         l = l->next) {
        if (!gnutella_link_is_up(l) || l->peer == ROLE_LEAF ||
            addr_none(l->addr))
            continue;
        text_add(t, told == 0 ? name : ",");
        addr_text(t, l->addr);
        told++;
    }
    if (told > 0)
        text_add(t, "\r\n");
}

/* Source: reference, 1.2, the table of headers. */
static void add_headers(const struct gnutella *n, const struct event *e,
                        struct text *t)
{
    text_add(t, "User-Agent: " PRODUCT "\r\nX-Ultrapeer: ");
    text_add(t, n->role == ROLE_LEAF ? "False" : "True");
    text_add(t, "\r\nX-Query-Routing: 0.1\r\nGGEP: 0.5\r\n"
                "Pong-Caching: 0.1\r\nBye-Packet: 0.1\r\n"
                "Vendor-Message: 0.1\r\n");
    if (setting(n->settings, OPT_FIREWALLED) == 0) {
        text_add(t, "Listen-IP: ");
        addr_text(t, n->self);
        text_add(t, "\r\n");
    }
    if (!addr_none(e->peer))
        text_printf(t, "Remote-IP: %u.%u.%u.%u\r\n", e->peer.ip >> 24,
                    e->peer.ip >> 16 & 255, e->peer.ip >> 8 & 255,
                    e->peer.ip & 255);
    if (setting(n->settings, OPT_DEFLATE) == 0)
        text_add(t, "Accept-Encoding: deflate\r\n");
}

static void say(struct host *h, const struct link *l, const char *words)
{
    host_phase(h, l->conn, PHASE_HANDSHAKE);
    host_write(h, l->conn, words, strlen(words));
}

void gnutella_link_dial(struct gnutella *n, struct host *h, struct addr to)
{
    conn_id conn = host_connect(h, to);
    struct link *l = conn != 0
                         ? gnutella_link_new(n, h, conn, LINK_DIALLED, HELLO_US)
                         : NULL;

    if (l == NULL) {
        host_abort(h, conn);
        return;
    }
    l->addr = to;
    l->outgoing = true;
    gnutella_arm(n, h);
}

void gnutella_link_on_open(struct gnutella *n, struct host *h, struct link *l)
{
    struct text t = text_new();

    l->state = LINK_SENT_HELLO;
    if (is_modern(n)) {
        text_add(&t, "GNUTELLA CONNECT/0.6\r\n");
        add_headers(n, &(struct event){.peer = l->addr}, &t);
        text_add(&t, "\r\n");
        say(h, l, t.data);
    } else {
        say(h, l, "GNUTELLA CONNECT/0.4\n\n");
    }
    text_free(&t);
}

/* -- Up --------------------------------------------------------------------------------- */

static void link_up(struct gnutella *n, struct host *h, struct link *l)
{
    uint8_t guid[GUID_BYTES];

    l->state = LINK_UP;
    l->deadline_us = FOREVER;
    l->heard_us = host_now(h);
    host_phase(h, l->conn, PHASE_MESSAGES);
    gnutella_arm(n, h);
    if (l->guest)
        return;
    if (n->role == ROLE_LEAF && l->peer == ROLE_ULTRAPEER)
        gnutella_qrp_send(n, h, l);
    gnutella_new_guid(h, guid);
    if (l->outgoing && !n->warm) { /* who else is there? */
        bool enough =
            peer_count(n) > 1 && peer_count(n) + under_way(n) >= degree(n);
        gnutella_route_ping(
            n, h, l, enough ? 1 : (unsigned)setting(n->settings, OPT_TTL),
            guid);
    } else if (addr_none(l->addr)) { /* and where do you listen? */
        gnutella_route_ping(n, h, l, 1, guid);
    }
}

void gnutella_link_named(struct gnutella *n, struct host *h, struct link *l,
                         struct addr addr)
{
    struct link *other = n->links;

    if (!addr_none(l->addr) || !gnutella_link_may_dial(n, addr))
        return;
    while (other != NULL && (other == l || !gnutella_link_is_up(other) ||
                             !addr_equal(other->addr, addr)))
        other = other->next;
    l->addr = addr;
    n->joined = n->joined || addr_equal(addr, n->join);
    if (other == NULL || other->outgoing == l->outgoing)
        return;
    /* Two servents dialled each other.  Both keep the link that the one with
       the lower address has opened. */
    bool lower =
        n->self.ip != addr.ip ? n->self.ip < addr.ip : n->self.port < addr.port;
    gnutella_link_close(n, h, l->outgoing == lower ? other : l, 200,
                        "a second link");
}

/* The role that a peer's headers give it. */
static enum role role_in(const struct http_head *head)
{
    struct slice v;

    if (!http_header(head, "x-ultrapeer", &v))
        return ROLE_AUTO;
    return v.len == 4 && (v.at[0] | 0x20) == 't' ? ROLE_ULTRAPEER : ROLE_LEAF;
}

static bool header_has(const struct http_head *head, const char *name,
                       const char *word)
{
    struct slice v;

    if (!http_header(head, name, &v))
        return false;
    for (size_t i = 0; i + strlen(word) <= v.len; i++)
        if (memcmp(v.at + i, word, strlen(word)) == 0)
            return true;
    return false;
}

/* What any handshake tells of other hosts, and of the peer. */
static void take_hosts(struct gnutella *n, struct host *h, struct link *l,
                       const struct http_head *head)
{
    static const char *const names[] = {"listen-ip", "x-my-address", "node"};
    struct slice v;

    if (http_header(head, "x-try", &v))
        known_add_list(n, h, v);
    if (http_header(head, "x-try-ultrapeers", &v))
        known_add_list(n, h, v);
    for (unsigned i = 0; i < 3 && !l->outgoing; i++) {
        char word[24];
        struct addr a;
        if (!http_header(head, names[i], &v) || v.len >= sizeof word)
            continue;
        memcpy(word, v.at, v.len);
        word[v.len] = '\0';
        if (addr_parse(&a, word) && addr_none(l->addr) &&
            gnutella_link_may_dial(n, a))
            l->addr = a;
    }
}

/* Deflate our direction if the peer takes that; the header to say so. */
static const char *offer_deflate(const struct gnutella *n, struct host *h,
                                 struct link *l, const struct http_head *head)
{
    if (setting(n->settings, OPT_DEFLATE) != 0 ||
        !header_has(head, "accept-encoding", "deflate"))
        return "";
    l->out = deflate_new(h);
    return l->out != NULL ? "Content-Encoding: deflate\r\n" : "";
}

static bool take_deflate(struct host *h, struct link *l,
                         const struct http_head *head)
{
    if (!header_has(head, "content-encoding", "deflate"))
        return true;
    l->in = deflate_in_new(h);
    return l->in != NULL;
}

/* -- The acceptor ------------------------------------------------------------------------- */

static void say_last(struct gnutella *n, struct host *h, struct link *l,
                     const char *words)
{
    say(h, l, words);
    l->state = LINK_CLOSING;
    l->deadline_us = host_now(h) + BYE_US;
    host_finish(h, l->conn);
    gnutella_arm(n, h);
}

static void refuse(struct gnutella *n, struct host *h, struct link *l,
                   const char *status)
{
    struct text t = text_new();

    host_note(h, "refuses a link: %s", status);
    text_printf(&t, "GNUTELLA/0.6 %s\r\nUser-Agent: " PRODUCT "\r\n", status);
    add_addrs(n, h,
              n->role == ROLE_LEAF ? "X-Try-Ultrapeers: " : "X-Try: ", &t);
    text_add(&t, "\r\n");
    say_last(n, h, l, t.data);
    text_free(&t);
}

/* The addresses of our neighbours, leaves or others. */
static void add_neighbours(const struct gnutella *n, const char *name,
                           bool leaves, struct text *t)
{
    const char *mark = name;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        if (!gnutella_link_is_up(l) || addr_none(l->addr) ||
            (l->peer == ROLE_LEAF) != leaves)
            continue;
        text_add(t, mark);
        addr_text(t, l->addr);
        mark = ",";
    }
    text_add(t, mark == name ? name : "");
    text_add(t, "\r\n");
}

/* Source: reference, 1.2: it maps the network, and wants no link. */
static void answer_crawler(struct gnutella *n, struct host *h, struct link *l,
                           const struct event *e)
{
    struct text t = text_new();

    host_note(h, "a crawler asks for the neighbours");
    text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
    add_headers(n, e, &t);
    add_neighbours(n, "Leaves: ", true, &t);
    add_neighbours(n, "Peers: ", false, &t);
    text_add(&t, "\r\n");
    say_last(n, h, l, t.data);
    text_free(&t);
}

static bool is_crowded(const struct gnutella *n, enum role peer)
{
    return peer == ROLE_LEAF ? leaf_count(n) >= LEAVES_MAX
                             : peer_count(n) >= gnutella_link_room(n);
}

static void accept_04(struct gnutella *n, struct host *h, struct link *l)
{
    l->peer = ROLE_AUTO;
    l->guest = is_crowded(n, l->peer);
    say(h, l, "GNUTELLA OK\n\n");
    if (l->guest)
        host_note(h,
                  "has %u neighbours, its limit: a guest gets pongs, and a "
                  "farewell",
                  peer_count(n));
    link_up(n, h, l);
    if (l->guest) {
        l->deadline_us = host_now(h) + HELLO_US;
        gnutella_arm(n, h);
    }
}

static void accept_06(struct gnutella *n, struct host *h, struct link *l,
                      const struct http_head *head, const struct event *e)
{
    struct text t = text_new();
    struct slice v;

    l->modern = true;
    l->peer = role_in(head);
    take_hosts(n, h, l, head);
    if (http_header(head, "crawler", &v)) {
        answer_crawler(n, h, l, e);
        text_free(&t);
        return;
    }
    if (n->role == ROLE_LEAF || is_crowded(n, l->peer)) {
        refuse(n, h, l,
               n->role == ROLE_LEAF ? "503 Shielded leaf node"
                                    : "503 Too many connections");
        text_free(&t);
        return;
    }
    text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
    add_headers(n, e, &t);
    text_add(&t, offer_deflate(n, h, l, head));
    text_printf(&t, "X-Ultrapeer-Needed: %s\r\n",
                peer_count(n) < degree(n) ? "True" : "False");
    add_addrs(n, h, "X-Try: ", &t);
    text_add(&t, "\r\n");
    l->state = LINK_WAIT_FINAL;
    say(h, l, t.data);
    text_free(&t);
}

static void on_hello(struct gnutella *n, struct host *h, struct link *l,
                     const struct http_head *head, const struct event *e)
{
    struct slice version = head->target;

    /* Source: reference, 1.2: a higher version is answered as 0.6. */
    if (!slice_skip(&version, "GNUTELLA CONNECT/"))
        gnutella_link_abort(n, h, l, "it calls, and does not ask for a link");
    else if (slice_is(version, "0.4"))
        accept_04(n, h, l);
    else
        accept_06(n, h, l, head, e);
}

/* The third step. */
static void on_final(struct gnutella *n, struct host *h, struct link *l,
                     const struct http_head *head)
{
    if (head->status != 200 || !take_deflate(h, l, head)) {
        gnutella_link_abort(n, h, l, "the caller takes it back");
        return;
    }
    if (l->peer == ROLE_ULTRAPEER && role_in(head) == ROLE_LEAF) {
        l->peer = ROLE_LEAF;
        host_note(h, "the caller agrees to be a leaf");
    }
    link_up(n, h, l);
}

/* -- The dialler ------------------------------------------------------------------------------ */

/* Source: reference, 1.2, "Ultrapeer rules": who is not needed as one, and
   has no leaves, becomes a leaf. */
static bool turns_leaf(const struct gnutella *n, const struct http_head *head)
{
    return n->role == ROLE_ULTRAPEER &&
           setting(n->settings, OPT_ROLE) == ROLE_AUTO &&
           gnutella_degree(n) == 0 &&
           header_has(head, "x-ultrapeer-needed", "alse");
}

static void on_answer(struct gnutella *n, struct host *h, struct link *l,
                      const struct http_head *head)
{
    struct text t = text_new();

    n->joined = n->joined || addr_equal(l->addr, n->join);
    take_hosts(n, h, l, head);
    if (slice_is(head->target, "GNUTELLA OK")) {
        l->peer = ROLE_AUTO;
        link_up(n, h, l);
    } else if (head->status != 200 || !take_deflate(h, l, head)) {
        host_note(h, "the link is refused: %u", head->status);
        l->state = LINK_CLOSING;
        l->deadline_us = host_now(h) + BYE_US;
        host_finish(h, l->conn);
        gnutella_link_seek(n, h);
    } else {
        l->modern = true;
        l->peer = role_in(head);
        text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
        text_add(&t, offer_deflate(n, h, l, head));
        if (turns_leaf(n, head)) {
            n->role = ROLE_LEAF;
            text_add(&t, "X-Ultrapeer: False\r\n");
            host_note(h, "is not needed as an ultrapeer: becomes a leaf");
        }
        text_add(&t, "\r\n");
        say(h, l, t.data);
        link_up(n, h, l);
    }
    text_free(&t);
}

/* -- Greetings -------------------------------------------------------------------------------- */

static bool take_line(struct slice *rest, struct slice *line)
{
    const char *end = rest->len > 0 ? memchr(rest->at, '\n', rest->len) : NULL;

    if (end == NULL)
        return false;
    *line = (struct slice){rest->at, (size_t)(end - rest->at)};
    rest->at = end + 1;
    rest->len -= line->len + 1;
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    return true;
}

/* "0.6 200 OK", or a higher version: the number. */
static bool read_status(struct slice line, unsigned *status)
{
    uint64_t major, minor, number;

    if (!slice_number(&line, &major) || !slice_skip(&line, ".") ||
        !slice_number(&line, &minor) || !slice_skip(&line, " ") ||
        !slice_number(&line, &number) || number < 100 || number > 999)
        return false;
    *status = (unsigned)number;
    return true;
}

/* Read a greeting up to its empty line: its length, 0 for more, or an error.
   The first line stands in `target`, an answer's number in `status`. */
static int read_greeting(const uint8_t *data, size_t len,
                         struct http_head *head)
{
    struct slice rest = {(const char *)data,
                         len < GREETING_MAX ? len : GREETING_MAX};
    struct slice line;

    *head = (struct http_head){.status = 0};
    if (!take_line(&rest, &head->target))
        return len >= GREETING_MAX ? ERR_LIMIT : 0;
    line = head->target;
    if (slice_skip(&line, "GNUTELLA/")) {
        if (!read_status(line, &head->status))
            return ERR_MALFORMED;
    } else if (!slice_skip(&line, "GNUTELLA ")) {
        return ERR_MALFORMED;
    }
    head->headers.at = rest.at;
    for (unsigned lines = 0; take_line(&rest, &line); lines++) {
        if (line.len == 0) {
            head->headers.len = (size_t)(line.at - head->headers.at);
            return (int)(rest.at - (const char *)data);
        }
        if (lines == GREETING_LINES_MAX)
            return ERR_LIMIT;
    }
    return len >= GREETING_MAX ? ERR_LIMIT : 0;
}

/* Could these bytes become `word`? */
static bool may_be(const struct event *e, const char *word)
{
    size_t len = e->len < strlen(word) ? e->len : strlen(word);

    return memcmp(e->data, word, len) == 0;
}

static size_t on_greeting(struct gnutella *n, struct host *h, struct link *l,
                          const struct event *e)
{
    struct http_head head;
    int used = may_be(e, "GNUTELLA") ? read_greeting(e->data, e->len, &head)
                                     : ERR_MALFORMED;

    if (used == 0)
        return 0;
    if (used < 0)
        gnutella_link_abort(n, h, l, "that is no handshake");
    else if (l->state == LINK_ACCEPTED)
        on_hello(n, h, l, &head, e);
    else if (l->state == LINK_WAIT_FINAL)
        on_final(n, h, l, &head);
    else
        on_answer(n, h, l, &head);
    return used > 0 ? (size_t)used : e->len;
}

/* -- Messages over a link --------------------------------------------------------------------- */

/* The next message of a plain stream. */
static size_t on_plain(struct gnutella *n, struct host *h, struct link *l,
                       const struct event *e)
{
    uint8_t type;
    uint32_t length;

    if (!gnutella_peek(e->data, e->len, &type, &length))
        return 0;
    if (length > PAYLOAD_MAX) {
        gnutella_link_close(n, h, l, 400, "a message beyond all limits");
        return e->len;
    }
    if (e->len < HEADER_BYTES + length)
        return 0;
    gnutella_route_message(n, h, l, e->data, HEADER_BYTES + length);
    return HEADER_BYTES + length;
}

/* Room for the message whose first bytes are there; false without memory. */
static bool make_room(struct host *h, struct link *l, uint32_t need)
{
    uint8_t *more;

    if (l->plain_cap >= need)
        return true;
    more = host_alloc(h, need);
    if (more == NULL)
        return false;
    if (l->plain_len > 0)
        memcpy(more, l->plain, l->plain_len);
    if (l->plain != NULL)
        host_free(h, l->plain, l->plain_cap);
    l->plain = more;
    l->plain_cap = need;
    return true;
}

/*
 * The next message of a deflated stream.  Never more than one message is
 * inflated, so a bomb is no more than many messages.
 */
static size_t on_deflated(struct gnutella *n, struct host *h, struct link *l,
                          const struct event *e)
{
    size_t taken = 0, used;
    uint32_t length = 0;
    uint8_t type;

    while (l->state == LINK_UP) {
        bool headed = gnutella_peek(l->plain, l->plain_len, &type, &length);
        uint32_t need = HEADER_BYTES + (headed ? length : 0);
        if ((headed && length > PAYLOAD_MAX) || !make_room(h, l, need)) {
            gnutella_link_close(n, h, l, 400, "a message beyond all limits");
            break;
        }
        int got = deflate_in_read(l->in, e->data + taken, e->len - taken, &used,
                                  l->plain + l->plain_len, need - l->plain_len);
        if (got < 0) {
            gnutella_link_close(n, h, l, 501, "not a deflated stream");
            break;
        }
        taken += used;
        l->plain_len += (uint32_t)got;
        if (l->plain_len < need) {
            if (used == 0 && got == 0)
                return taken;
            continue;
        }
        if (!headed && gnutella_peek(l->plain, need, &type, &length) &&
            length > 0)
            continue;
        taken += deflate_in_flush(l->in, e->data + taken, e->len - taken);
        l->plain_len = 0;
        host_decoded(h, l->conn, l->plain, need);
        gnutella_route_message(n, h, l, l->plain, need);
        if (taken > 0)
            return taken;
    }
    return e->len;
}

size_t gnutella_link_on_bytes(struct gnutella *n, struct host *h,
                              struct link *l, const struct event *e)
{
    l->heard_us = host_now(h);
    switch (l->state) {
    case LINK_ACCEPTED:
        if (may_be(e, "GET ") || may_be(e, "HEAD ") || may_be(e, "GIV "))
            return gnutella_transfer_on_bytes(n, h, l, e);
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return on_greeting(n, h, l, e);
    case LINK_SENT_HELLO:
    case LINK_WAIT_FINAL:
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return on_greeting(n, h, l, e);
    case LINK_UP:
        return l->in != NULL ? on_deflated(n, h, l, e) : on_plain(n, h, l, e);
    case LINK_UPLOAD:
    case LINK_DOWNLOAD:
    case LINK_GIVING:
        return gnutella_transfer_on_bytes(n, h, l, e);
    case LINK_DIALLED:
    case LINK_CLOSING:
        break;
    }
    return e->len;
}

void gnutella_link_write(struct gnutella *n, struct host *h, struct link *l,
                         const uint8_t *data, size_t len)
{
    size_t backlog;

    if (l->full || l->state != LINK_UP) {
        n->count.dropped++;
        return;
    }
    n->count.sent++;
    if (l->out != NULL) {
        size_t room = deflate_bound(len);
        uint8_t *wire = host_alloc(h, room);
        size_t used =
            wire != NULL ? deflate_write(l->out, data, len, wire, room) : 0;
        if (used == 0) { /* its stream is broken from here on */
            l->full = true;
            if (wire != NULL)
                host_free(h, wire, room);
            return;
        }
        backlog = host_write_coded(h, l->conn, wire, used, data, len);
        host_free(h, wire, room);
    } else {
        backlog = host_write(h, l->conn, data, len);
    }
    if (backlog >= BACKLOG_HIGH) {
        l->full = true;
        host_note(h, "a neighbour does not read: what is for it is dropped");
    }
}

void gnutella_link_leave(struct gnutella *n, struct host *h)
{
    struct link *next;

    n->leaving = true;
    gnutella_known_save(n, h);
    for (struct link *l = n->links; l != NULL; l = next) {
        next = l->next;
        if (l->state == LINK_UP)
            gnutella_link_close(n, h, l, 200, "Shutdown");
    }
}
