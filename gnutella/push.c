/*
 * Pushes: how a file comes from a holder that nobody can call.
 *
 *     a hit says so -> PUSH along the way that the hit came, or by one of the
 *     holder's proxies (HTTP) -> the holder calls, "GIV" -> we ask it by GET
 *
 * A proxy is an ultrapeer that such a holder has a link with, and which has
 * agreed to be named in its hits.
 *
 * Source: reference, section 7, and "Vendor messages".
 */
#include "gnutella/node.h"

#include <string.h>

#define GIV_BYTES_MAX 1024
#define LIME "LIME"
#define PROXY_REQUEST 21
#define PROXY_ACK 22
#define PROXY_VERSION 2

/* -- The holder ---------------------------------------------------------- */

/* We are the holder: call the downloader. */
void gnutella_push_follow(struct gnutella *n, struct host *h, struct link *from,
                          const struct gnutella_msg *m)
{
    unsigned giving = 0, same = 0;
    struct link *l;

    for (l = n->links; l != NULL; l = l->next)
        if (l->state == LINK_GIVING) {
            giving++;
            same += addr_equal(l->caller, m->addr);
        }
    if (!gnutella_may_dial(n, m->addr) || giving >= GIVING_MAX ||
        same >= GIVING_SAME_MAX ||
        gnutella_beyond(&from->pushes, host_now(h), 60 * SECOND_US,
                        PUSHES_MAX)) {
        gnutella_drop(n, h, "a push that we cannot or will not follow");
        return;
    }
    conn_id conn = host_connect(h, m->addr);
    l = conn != 0 ? gnutella_link_new(n, h, conn, LINK_GIVING, HELLO_US) : NULL;
    if (l == NULL)
        return;
    l->index = m->index;
    l->caller = m->addr;
    l->outgoing = true;
    host_note(h, "a push for us: calls the downloader");
    gnutella_arm(n, h);
}

static void ask_proxy(struct gnutella *n, struct host *h, struct link *l)
{
    LOCAL_TEXT t = text_new();
    char base32[33];

    gnutella_base32_write(l->servent, GUID_BYTES, base32);
    text_printf(&t,
                "GET /gnutella/push-proxy?ServerId=%s HTTP/1.1\r\n"
                "User-Agent: " PRODUCT "\r\nConnection: close\r\nX-Node: ",
                base32);
    addr_text(&t, n->self);
    text_add(&t, "\r\n\r\n");
    host_phase(h, l->conn, PHASE_HTTP);
    host_write(h, l->conn, t.data, t.len);
}

static size_t on_proxy(struct gnutella *n, struct host *h, struct link *l,
                       const struct event *e)
{
    struct http_head head;
    int used = http_answer(&head, e->data, e->len);

    if (used == 0)
        return 0;
    host_note(h, used > 0 && head.status == 202
                     ? "the proxy has sent the push"
                     : "the proxy has no way to the holder");
    gnutella_link_finish(h, l);
    gnutella_arm(n, h);
    return e->len;
}

static void say_giv(struct gnutella *n, struct host *h, struct link *l)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "GIV %u:", l->index);
    text_hex(&t, n->servent, GUID_BYTES);
    text_add(&t, "/file\n\n");
    host_phase(h, l->conn, PHASE_HANDSHAKE);
    host_write(h, l->conn, t.data, t.len);
    l->state = LINK_ACCEPTED; /* now it asks, as if it had called us */
    l->deadline_us = host_now(h) + HELLO_US;
}

void gnutella_push_ask_proxy(struct gnutella *n, struct host *h, struct link *l)
{
    struct gnutella_msg m = {.type = GNUTELLA_VENDOR,
                             .ttl = 1,
                             .text = {(const uint8_t *)LIME, 4},
                             .code = PROXY_REQUEST,
                             .flags = PROXY_VERSION};

    if (setting(n->settings, OPT_FIREWALLED) == 0)
        return;
    memcpy(m.guid, n->servent, GUID_BYTES);
    gnutella_route_send(n, h, l, &m);
}

size_t gnutella_push_proxies(const struct gnutella *n, uint8_t *out)
{
    static const uint8_t head[] = {0xc3, 0x84, 'P', 'U', 'S', 'H'};
    uint8_t list[6 * PROXIES_MAX];
    struct codec c = codec_writer(list, sizeof list);

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        struct addr a = l->proxy;
        if (!gnutella_link_is_up(l) || addr_none(a) || c.at == c.len)
            continue;
        code_u32(&c, "", &a.ip);
        code_le16(&c, "", &a.port);
    }
    if (c.at == 0)
        return 0;
    memcpy(out, head, sizeof head);
    out[sizeof head] = (uint8_t)(0x40 | c.at);
    memcpy(out + sizeof head + 1, list, c.at);
    return sizeof head + 1 + c.at;
}

/* -- The proxy ----------------------------------------------------------- */

/* LIME/21: a leaf that cannot be called wants its pushes from us; /22: we may
   name that ultrapeer. */
void gnutella_push_on_vendor(struct gnutella *n, struct host *h, struct link *l,
                             const struct gnutella_msg *m)
{
    uint8_t body[6];
    struct codec out = codec_writer(body, sizeof body);
    struct codec in = codec_reader(m->data.at, m->data.len);
    struct gnutella_msg ack = {.type = GNUTELLA_VENDOR,
                               .ttl = 1,
                               .text = {(const uint8_t *)LIME, 4},
                               .code = PROXY_ACK,
                               .flags = PROXY_VERSION,
                               .data = {body, sizeof body}};
    struct addr a = n->self;

    if (m->text.len != 4 || memcmp(m->text.at, LIME, 4) != 0 || m->hops > 0 ||
        m->ttl > 1)
        return;
    if (m->code == PROXY_REQUEST && n->role != ROLE_LEAF) {
        memcpy(l->servent, m->guid, GUID_BYTES);
        l->proxied = true;
        memcpy(ack.guid, m->guid, GUID_BYTES);
        code_u32(&out, "", &a.ip);
        code_le16(&out, "", &a.port);
        host_note(h, "a push proxy of this leaf from now on");
        gnutella_route_send(n, h, l, &ack);
    } else if (m->code == PROXY_ACK) {
        code_u32(&in, "", &a.ip);
        code_le16(&in, "", &a.port);
        if (!in.bad)
            l->proxy = a;
    }
}

/* GET /gnutella/push-proxy?ServerId=BASE32 with X-Node: who should be called.
   The answer's status. */
const char *gnutella_push_by_proxy(struct gnutella *n, struct host *h,
                                   const struct http_head *head)
{
    struct gnutella_msg m = {.type = GNUTELLA_PUSH, .ttl = 2};
    char word[32];
    struct slice v;

    if (http_parameter(head->target, "ServerId", word, sizeof word) < 0 ||
        !gnutella_base32_read(
            (struct span){(const uint8_t *)word, strlen(word)}, m.servent,
            GUID_BYTES) ||
        !http_header(head, "x-node", &v) || !gnutella_addr_read(&m.addr, v) ||
        !gnutella_may_dial(n, m.addr))
        return "400 Bad Request";
    struct link *l = gnutella_push_way(n, m.servent);
    if (l == NULL)
        return "410 Gone";
    gnutella_new_guid(h, m.guid);
    gnutella_route_send(n, h, l, &m);
    return "202 Accepted";
}

struct link *gnutella_push_way(const struct gnutella *n,
                               const uint8_t servent[GUID_BYTES])
{
    const struct seen_entry *e =
        gnutella_seen_find(&n->seen, GNUTELLA_HIT, servent);

    for (struct link *l = n->links; l != NULL; l = l->next)
        if (l->proxied && gnutella_link_is_up(l) &&
            memcmp(l->servent, servent, GUID_BYTES) == 0)
            return l;
    struct link *l = e != NULL ? gnutella_link_of(n, e->conn) : NULL;
    return l != NULL && gnutella_link_is_up(l) ? l : NULL;
}

/* -- The downloader ------------------------------------------------------ */

bool gnutella_push_dial_proxy(struct gnutella *n, struct host *h,
                              const struct hit *hit)
{
    conn_id conn =
        gnutella_may_dial(n, hit->proxy) ? host_connect(h, hit->proxy) : 0;
    struct link *l =
        conn != 0 ? gnutella_link_new(n, h, conn, LINK_PROXY, HELLO_US) : NULL;

    if (l == NULL)
        return false;
    l->addr = hit->proxy;
    l->outgoing = true;
    memcpy(l->servent, hit->servent, GUID_BYTES);
    return true;
}

/* Is this "INDEX:HEX/..." of that servent? */
static bool giv_is_of(struct slice giv, const uint8_t servent[GUID_BYTES])
{
    LOCAL_TEXT hex = text_new();
    uint64_t index;

    text_hex(&hex, servent, GUID_BYTES);
    if (!slice_number(&giv, &index) || !slice_skip(&giv, ":") ||
        giv.len <= hex.len || giv.at[hex.len] != '/')
        return false;
    for (size_t i = 0; i < hex.len; i++) /* case does not matter */
        if (word_lower((uint8_t)giv.at[i]) != (uint8_t)hex.data[i])
            return false;
    return true;
}

static size_t on_giv(struct gnutella *n, struct host *h, struct link *l,
                     const struct event *e)
{
    struct download *d = n->downloads;
    size_t len = 5;

    while (len < e->len && len < GIV_BYTES_MAX &&
           (e->data[len] != '\n' || e->data[len - 1] != '\n'))
        len++;
    if (len >= e->len && len < GIV_BYTES_MAX)
        return 0;
    struct slice giv = {(const char *)e->data + 4, len - 5};
    while (d != NULL && (!d->pushed || d->link != NULL || d->checking ||
                         !giv_is_of(giv, d->hit.servent)))
        d = d->next;
    if (d == NULL || len == GIV_BYTES_MAX) {
        gnutella_link_abort(n, h, l, "a GIV that nobody asked for");
        return e->len;
    }
    gnutella_transfer_begin(n, h, d, l);
    return len + 1;
}

/* -- Events -------------------------------------------------------------- */

void gnutella_push_on_open(struct gnutella *n, struct host *h, struct link *l)
{
    if (l->state == LINK_GIVING)
        say_giv(n, h, l);
    else
        ask_proxy(n, h, l);
}

size_t gnutella_push_on_bytes(struct gnutella *n, struct host *h,
                              struct link *l, const struct event *e)
{
    return l->state == LINK_PROXY ? on_proxy(n, h, l, e) : on_giv(n, h, l, e);
}
