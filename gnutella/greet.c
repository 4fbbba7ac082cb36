/*
 * How two servents shake hands.
 *
 *     dialled -> sent hello -> up            accepted -> up           (0.4)
 *     dialled -> sent hello -> up            accepted -> wait final -> up (0.6)
 *
 * A servent takes calls until it has twice as many neighbours as it wants, and
 * four; later callers learn some addresses and are sent on: in 0.6 by a
 * refusal with X-Try, in 0.4, which has no words for that, by pongs and a
 * closed link.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/deflate.h"
#include "common/words.h"

/* -- What handshakes say ------------------------------------------------- */

/* One more address of a header's list; how many it has now. */
static unsigned add_addr(const char *name, unsigned count, struct addr a,
                         struct text *t)
{
    text_add(t, count == 0 ? name : ",");
    addr_text(t, a);
    return count + 1;
}

#define AS(role) (1u << (role))

/* The neighbours of these roles, to a list that has `count` by now. */
static unsigned add_neighbours(const struct gnutella *n, const char *name,
                               unsigned roles, unsigned count, unsigned most,
                               struct text *t)
{
    for (const struct link *l = n->links; l != NULL && count < most;
         l = l->next)
        if (gnutella_link_is_up(l) && !addr_none(l->addr) &&
            (AS(l->peer) & roles) != 0)
            count = add_addr(name, count, l->addr, t);
    return count;
}

/* Other hosts to try, and those among them that surely are ultrapeers. */
static void add_hosts(const struct gnutella *n, struct host *h, struct text *t)
{
    static const char any[] = "X-Try: ", best[] = "X-Try-Ultrapeers: ";
    uint32_t known = n->known_count;
    uint32_t first = known > 0 ? (uint32_t)(host_random(h) % known) : 0;
    unsigned told = 0;

    while (told < known && told < PONGS_MAX)
        told = add_addr(any, told, n->known[(first + told) % known].addr, t);
    told = add_neighbours(n, any, AS(ROLE_AUTO), told, PONGS_MAX, t);
    text_add(t, told > 0 ? "\r\n" : "");
    told = add_neighbours(n, best, AS(ROLE_ULTRAPEER), 0, PONGS_MAX, t);
    text_add(t, told > 0 ? "\r\n" : "");
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

void gnutella_greet_dial(struct gnutella *n, struct host *h, struct addr to)
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

void gnutella_greet_on_open(struct gnutella *n, struct host *h, struct link *l)
{
    LOCAL_TEXT t = text_new();

    l->state = LINK_SENT_HELLO;
    if (is_modern(n)) {
        text_add(&t, "GNUTELLA CONNECT/0.6\r\n");
        add_headers(n, &(struct event){.peer = l->addr}, &t);
        text_add(&t, "\r\n");
        say(h, l, t.data);
    } else {
        say(h, l, "GNUTELLA CONNECT/0.4\n\n");
    }
}

/* -- Up ------------------------------------------------------------------ */

static void link_up(struct gnutella *n, struct host *h, struct link *l)
{
    uint8_t guid[GUID_BYTES];

    l->state = LINK_UP;
    l->deadline_us = NEVER;
    l->heard_us = host_now(h);
    host_phase(h, l->conn, PHASE_MESSAGES);
    gnutella_arm(n, h);
    if (l->guest)
        return;
    if (n->role == ROLE_LEAF && l->peer == ROLE_ULTRAPEER) {
        gnutella_qrp_send(n, h, l);
        gnutella_push_ask_proxy(n, h, l);
    }
    gnutella_refresh_soon(n, h, l);
    gnutella_new_guid(h, guid);
    if (l->outgoing && !n->warm) { /* who else is there? */
        bool enough = gnutella_peer_count(n) > 1 &&
                      gnutella_peer_count(n) + gnutella_under_way(n) >=
                          gnutella_degree_wanted(n);
        gnutella_route_ping(
            n, h, l, enough ? 1 : (unsigned)setting(n->settings, OPT_TTL),
            guid);
    } else if (addr_none(l->addr)) { /* and where do you listen? */
        gnutella_route_ping(n, h, l, 1, guid);
    }
}

void gnutella_greet_named(struct gnutella *n, struct host *h, struct link *l,
                          struct addr addr)
{
    struct link *other = n->links;

    if (!addr_none(l->addr) || !gnutella_may_dial(n, addr))
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

    return http_header(head, name, &v) &&
           word_match(v.at, v.len, word, strlen(word), 1) > 0;
}

/* What any handshake tells of the peer, and of other hosts. */
static void take_headers(struct gnutella *n, struct host *h, struct link *l,
                         const struct http_head *head)
{
    static const char *const names[] = {"listen-ip", "x-my-address", "node"};
    struct slice v;

    l->caches = http_header(head, "pong-caching", &v);
    if (http_header(head, "x-try", &v))
        gnutella_known_add_list(n, h, v);
    if (http_header(head, "x-try-ultrapeers", &v))
        gnutella_known_add_list(n, h, v);
    for (unsigned i = 0; i < 3 && !l->outgoing; i++) {
        struct addr a;
        if (http_header(head, names[i], &v) && gnutella_addr_read(&a, v) &&
            addr_none(l->addr) && gnutella_may_dial(n, a))
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

/* -- The acceptor -------------------------------------------------------- */

static void say_last(struct gnutella *n, struct host *h, struct link *l,
                     const char *words)
{
    say(h, l, words);
    gnutella_link_finish(h, l);
    gnutella_arm(n, h);
}

static void refuse(struct gnutella *n, struct host *h, struct link *l,
                   const char *status)
{
    LOCAL_TEXT t = text_new();

    host_note(h, "refuses a link: %s", status);
    text_printf(&t, "GNUTELLA/0.6 %s\r\nUser-Agent: " PRODUCT "\r\n", status);
    add_hosts(n, h, &t);
    text_add(&t, "\r\n");
    say_last(n, h, l, t.data);
}

/* A crawler's list, of all our neighbours of these roles; perhaps none. */
static void add_list(const struct gnutella *n, const char *name, unsigned roles,
                     struct text *t)
{
    if (add_neighbours(n, name, roles, 0, LINKS_MAX, t) == 0)
        text_add(t, name);
    text_add(t, "\r\n");
}

/* Source: reference, 1.2: it maps the network, and wants no link. */
static void answer_crawler(struct gnutella *n, struct host *h, struct link *l,
                           const struct event *e)
{
    LOCAL_TEXT t = text_new();

    host_note(h, "a crawler asks for the neighbours");
    text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
    add_headers(n, e, &t);
    add_list(n, "Leaves: ", AS(ROLE_LEAF), &t);
    add_list(n, "Peers: ", AS(ROLE_AUTO) | AS(ROLE_ULTRAPEER), &t);
    text_add(&t, "\r\n");
    say_last(n, h, l, t.data);
}

static bool is_crowded(const struct gnutella *n, enum role peer)
{
    return peer == ROLE_LEAF
               ? gnutella_degree(n) - gnutella_peer_count(n) >= LEAVES_MAX
               : gnutella_peer_count(n) >= gnutella_link_room(n);
}

static void accept_04(struct gnutella *n, struct host *h, struct link *l)
{
    l->peer = ROLE_AUTO;
    l->guest = n->role == ROLE_LEAF || is_crowded(n, l->peer);
    say(h, l, "GNUTELLA OK\n\n");
    if (l->guest)
        host_note(h, "takes no more: a guest gets pongs, and a farewell");
    link_up(n, h, l);
    if (l->guest) {
        l->deadline_us = host_now(h) + HELLO_US;
        gnutella_arm(n, h);
    }
}

static void accept_06(struct gnutella *n, struct host *h, struct link *l,
                      const struct http_head *head, const struct event *e)
{
    LOCAL_TEXT t = text_new();
    struct slice v;

    l->modern = true;
    l->peer = role_in(head);
    take_headers(n, h, l, head);
    if (http_header(head, "crawler", &v)) {
        answer_crawler(n, h, l, e);
        return;
    }
    if (n->role == ROLE_LEAF || is_crowded(n, l->peer)) {
        refuse(n, h, l,
               n->role == ROLE_LEAF ? "503 Shielded leaf node"
                                    : "503 Too many connections");
        return;
    }
    text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
    add_headers(n, e, &t);
    text_add(&t, offer_deflate(n, h, l, head));
    text_printf(&t, "X-Ultrapeer-Needed: %s\r\n",
                gnutella_peer_count(n) < gnutella_degree_wanted(n) ? "True"
                                                                   : "False");
    add_hosts(n, h, &t);
    text_add(&t, "\r\n");
    l->state = LINK_WAIT_FINAL;
    say(h, l, t.data);
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
    if (n->role == ROLE_LEAF) {
        gnutella_link_abort(n, h, l,
                            "it was taken by an ultrapeer, now a leaf");
        return;
    }
    if (l->peer == ROLE_ULTRAPEER && role_in(head) == ROLE_LEAF) {
        l->peer = ROLE_LEAF;
        host_note(h, "the caller agrees to be a leaf");
    }
    link_up(n, h, l);
}

/* -- The dialler --------------------------------------------------------- */

/* Source: reference, 1.2, "Ultrapeer rules": who is not needed as one, and
   has no leaves, becomes a leaf. */
static bool turns_leaf(const struct gnutella *n, const struct http_head *head)
{
    return n->role == ROLE_ULTRAPEER &&
           setting(n->settings, OPT_ROLE) == ROLE_AUTO &&
           gnutella_degree(n) == 0 &&
           header_has(head, "x-ultrapeer-needed", "false");
}

static void on_answer(struct gnutella *n, struct host *h, struct link *l,
                      const struct http_head *head)
{
    LOCAL_TEXT t = text_new();

    n->joined = n->joined || addr_equal(l->addr, n->join);
    take_headers(n, h, l, head);
    if (slice_is(head->target, "GNUTELLA OK")) {
        l->peer = ROLE_AUTO;
        link_up(n, h, l);
    } else if (head->status != 200 || !take_deflate(h, l, head)) {
        host_note(h, "the link is refused: %u", head->status);
        gnutella_link_finish(h, l);
        gnutella_seek_soon(n, h);
    } else {
        l->modern = true;
        l->peer = role_in(head);
        text_add(&t, "GNUTELLA/0.6 200 OK\r\n");
        text_add(&t, offer_deflate(n, h, l, head));
        if (turns_leaf(n, head)) {
            n->role = ROLE_LEAF;
            host_note(h, "is not needed as an ultrapeer: becomes a leaf");
        }
        if (n->role == ROLE_LEAF) /* its hello may have been an ultrapeer's */
            text_add(&t, "X-Ultrapeer: False\r\n");
        text_add(&t, "\r\n");
        say(h, l, t.data);
        link_up(n, h, l);
    }
}

/* -- Greetings ----------------------------------------------------------- */

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

size_t gnutella_greet_on_bytes(struct gnutella *n, struct host *h,
                               struct link *l, const struct event *e)
{
    struct http_head head;
    int used = gnutella_may_be(e, "GNUTELLA")
                   ? read_greeting(e->data, e->len, &head)
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
