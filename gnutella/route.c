/*
 * What a servent does with each message: the protocol itself.
 *
 * Source: reference, section 3.  A query, and in 0.4 a ping, is passed on to
 * every neighbour but the one it came from, once: whoever has seen its id
 * drops it.  Hits and pongs go back to where that id came from, step by step;
 * pushes to where a hit of that servent came from.  Every step takes one off
 * the TTL and adds one to the hops.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/words.h"

static unsigned ttl_max(const struct gnutella *n)
{
    unsigned ttl = (unsigned)setting(n->settings, OPT_TTL);

    return ttl > TTL_CLASSIC ? ttl : TTL_CLASSIC;
}

void gnutella_drop(struct gnutella *n, struct host *h, const char *why)
{
    n->count.dropped++;
    host_note(h, "dropped: %s", why);
}

void gnutella_route_send(struct gnutella *n, struct host *h, struct link *l,
                         struct gnutella_msg *m)
{
    uint8_t data[HEADER_BYTES + PAYLOAD_MAX];

    gnutella_link_write(n, h, l, data, gnutella_encode(m, data, sizeof data));
}

/* -- Passing on ---------------------------------------------------------- */

/* A copy of a message goes one step further.  A leaf gets it with TTL 1 even
   where that would be 0 (reference, section 3, rule 5). */
static void pass(struct gnutella *n, struct host *h, struct link *l,
                 const struct gnutella_msg *m, const uint8_t *data, size_t len)
{
    uint8_t copy[HEADER_BYTES + PAYLOAD_MAX];

    if (len > sizeof copy) {
        gnutella_drop(n, h, "too long to be passed on");
        return;
    }
    memcpy(copy, data, len);
    copy[BYTE_TTL] = (uint8_t)(m->ttl > 1 ? m->ttl - 1 : 1);
    copy[BYTE_HOPS] = (uint8_t)(m->hops + 1);
    n->count.forwarded++;
    gnutella_link_write(n, h, l, copy, len);
}

/* Leaves get only the queries that their table lets through. */
static bool is_for(const struct link *l, const struct gnutella_msg *m)
{
    if (l->peer != ROLE_LEAF)
        return m->ttl > 1;
    return m->type == GNUTELLA_QUERY && gnutella_qrp_may_match(l, m);
}

static void flood(struct gnutella *n, struct host *h, const struct link *from,
                  const struct gnutella_msg *m, const uint8_t *data, size_t len)
{
    if (n->role == ROLE_LEAF)
        return; /* a leaf relays nothing */
    if (m->ttl <= 1)
        host_note(h, "the TTL ends here: not passed on");
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (l != from && gnutella_link_is_up(l) && is_for(l, m))
            pass(n, h, l, m, data, len);
}

/* Back along the way that it came, over `l`; NULL: that link is gone. */
static void pass_back(struct gnutella *n, struct host *h, struct link *from,
                      struct link *l, const struct gnutella_msg *m,
                      const uint8_t *data, size_t len)
{
    if (l == NULL || l->state != LINK_UP || l == from) {
        n->count.unroutable++;
        gnutella_drop(n, h, "the neighbour that it should go back to is gone");
    } else if (m->ttl <= 1) {
        gnutella_drop(n, h, "its TTL ended on the way back");
    } else {
        pass(n, h, l, m, data, len);
    }
}

/* What is flooded costs many messages: so many a second of one neighbour. */
static bool is_eager(struct gnutella *n, struct host *h, struct link *l)
{
    if (!gnutella_beyond(&l->queries, host_now(h), SECOND_US,
                         (uint64_t)setting(n->settings, OPT_QUERIES)))
        return false;
    gnutella_drop(n, h, "more queries a second than a link may ask");
    return true;
}

/* Remember what came on a link.  Who brings very many ids of its own can push
   out only those of its like (seen.h). */
static bool remember(struct gnutella *n, struct host *h, struct link *l,
                     uint8_t type, const uint8_t guid[GUID_BYTES])
{
    bool loud = gnutella_beyond(&l->ids, host_now(h), SECOND_US, IDS_MAX);

    return gnutella_seen_add(&n->seen, h, type, guid, l->conn, loud);
}

/* Seen before?  Else remember where it came from. */
static bool is_duplicate(struct gnutella *n, struct host *h, struct link *l,
                         const struct gnutella_msg *m)
{
    if (gnutella_seen_find(&n->seen, m->type, m->guid) != NULL) {
        n->count.duplicates++;
        host_note(h, "seen before: dropped as a duplicate");
        if (setting(n->settings, OPT_DUPLICATES) == 0)
            return true;
        return false; /* a lesson: only the TTL ends the storm */
    }
    if (remember(n, h, l, m->type, m->guid))
        return false;
    gnutella_drop(n, h, "no memory");
    return true;
}

/* -- Pings and pongs ----------------------------------------------------- */

static void shared(struct host *h, uint32_t *files, uint32_t *kilobytes)
{
    struct content c;
    uint64_t bytes = 0;

    *files = 0;
    for (size_t i = 0; i < host_content_count(h); i++)
        if (host_content(h, (int)i, &c) && c.complete) {
            ++*files;
            bytes += c.bytes;
        }
    *kilobytes =
        bytes / 1024 < UINT32_MAX ? (uint32_t)(bytes / 1024) : UINT32_MAX;
}

static bool is_reachable(const struct gnutella *n)
{
    return setting(n->settings, OPT_FIREWALLED) == 0;
}

/* A pong about ourselves in answer to `ping`; port 0: nobody can call us. */
static void pong(struct gnutella *n, struct host *h, struct link *l,
                 const struct gnutella_msg *ping)
{
    struct gnutella_msg m = {.type = GNUTELLA_PONG,
                             .ttl = (uint8_t)(ping->hops + 1),
                             .addr = n->self};

    if (!is_reachable(n))
        m.addr.port = 0;
    memcpy(m.guid, ping->guid, GUID_BYTES);
    shared(h, &m.files, &m.kilobytes);
    gnutella_route_send(n, h, l, &m);
}

/* One about another servent, as it came to us, and one hop farther. */
static void pong_of(struct gnutella *n, struct host *h, struct link *l,
                    const struct gnutella_msg *ping, const struct known *k)
{
    struct gnutella_msg m = {.type = GNUTELLA_PONG,
                             .ttl = (uint8_t)(ping->hops + 1),
                             .hops = (uint8_t)(k->hops + 1),
                             .addr = k->addr,
                             .files = k->files,
                             .kilobytes = k->kilobytes};

    memcpy(m.guid, ping->guid, GUID_BYTES);
    gnutella_route_send(n, h, l, &m);
}

/* Pongs about `most` neighbours; not `all`: no leaf, and none of the known,
   who were told. */
static void pongs_of_neighbours(struct gnutella *n, struct host *h,
                                struct link *l, const struct gnutella_msg *ping,
                                unsigned most, bool all)
{
    for (const struct link *o = n->links; o != NULL && most > 0; o = o->next) {
        if (o == l || !gnutella_link_is_up(o) || addr_none(o->addr))
            continue;
        const struct known *k = gnutella_known_of(n, o->addr);
        struct known about = k != NULL ? *k : (struct known){.addr = o->addr};
        if (!all && (o->peer == ROLE_LEAF || k != NULL))
            continue;
        about.hops = 0;
        pong_of(n, h, l, ping, &about);
        most--;
    }
}

/* Pongs about others, for who would not reach them by a flood. */
static void pongs_of_others(struct gnutella *n, struct host *h, struct link *l,
                            const struct gnutella_msg *ping)
{
    unsigned told = 0;
    uint32_t known = n->known_count;
    uint32_t first = known > 0 ? (uint32_t)(host_random(h) % known) : 0;

    /* Others first, and not always the same: neighbours may be as crowded. */
    for (uint32_t i = 0; i < known && told < PONGS_MAX; i++) {
        const struct known *k = &n->known[(first + i) % known];
        if (k->from == l->conn || addr_equal(k->addr, l->addr))
            continue; /* it has told us */
        pong_of(n, h, l, ping, k);
        told++;
    }
    pongs_of_neighbours(n, h, l, ping, PONGS_MAX - told, false);
}

/* Source: reference, section 5. */
static void on_ping_06(struct gnutella *n, struct host *h, struct link *l,
                       const struct gnutella_msg *m)
{
    uint64_t now = host_now(h);

    if (l->pinged_us > 0 && now - l->pinged_us < PING_GAP_US) {
        gnutella_drop(n, h, "more than a ping a second");
        return;
    }
    l->pinged_us = now;
    if (is_reachable(n) || m->ttl == 1) /* 1: are you alive? */
        pong(n, h, l, m);
    if (m->ttl == 2 && m->hops == 0) /* a crawler: who is next to us? */
        pongs_of_neighbours(n, h, l, m, LINKS_MAX, true);
    else if (m->ttl > 1)
        pongs_of_others(n, h, l, m);
}

static void on_ping(struct gnutella *n, struct host *h, struct link *l,
                    const struct gnutella_msg *m, const uint8_t *data,
                    size_t len)
{
    if (l->modern) {
        on_ping_06(n, h, l, m);
        return;
    }
    if (is_eager(n, h, l) || is_duplicate(n, h, l, m))
        return;
    if (is_reachable(n))
        pong(n, h, l, m);
    flood(n, h, l, m, data, len);
}

static void on_pong(struct gnutella *n, struct host *h, struct link *l,
                    const struct gnutella_msg *m, const uint8_t *data,
                    size_t len)
{
    const struct seen_entry *e =
        gnutella_seen_find(&n->seen, GNUTELLA_PING, m->guid);

    if (e == NULL) {
        n->count.unroutable++;
        gnutella_drop(n, h, "a pong for a ping that was never seen here");
        return;
    }
    struct known *k = gnutella_known_add(n, h, m->addr);
    if (k != NULL) {
        k->from = l->conn;
        k->files = m->files;
        k->kilobytes = m->kilobytes;
        k->hops = m->hops;
    }
    if (e->conn == 0) {
        if (m->hops == 0)
            gnutella_greet_named(n, h, l, m->addr);
        gnutella_command_pong(n, h, m);
    } else {
        pass_back(n, h, l, gnutella_link_of(n, e->conn), m, data, len);
    }
}

void gnutella_route_ping(struct gnutella *n, struct host *h, struct link *l,
                         unsigned ttl, const uint8_t guid[GUID_BYTES])
{
    struct gnutella_msg m = {.type = GNUTELLA_PING, .ttl = (uint8_t)ttl};

    memcpy(m.guid, guid, GUID_BYTES);
    if (!gnutella_seen_add(&n->seen, h, m.type, m.guid, 0, false))
        return;
    for (struct link *to = n->links; to != NULL; to = to->next)
        if (to->state == LINK_UP && (l == NULL || to == l)) {
            to->asked_us = host_now(h);
            gnutella_route_send(n, h, to, &m);
        }
}

/* -- Queries and hits ---------------------------------------------------- */

/* Source: reference, section 3, "Matching". */
bool gnutella_matches(const char *name, size_t name_len, const char *text,
                      size_t text_len)
{
    /* one letter asks for nearly everything */
    return word_match(name, name_len, text, text_len, WORDS_MAX) > 1;
}

static bool is_list_all(const struct gnutella_msg *m)
{
    return m->text.len == 4 && memcmp(m->text.at, "    ", 4) == 0 &&
           m->hops == 0 && m->ttl <= 1;
}

/* What a query asks for: words, or a hash, or that hashes be told. */
struct wish {
    bool by_hash, tell_hash;
    uint8_t sha1[SHA1_BYTES];
};

static struct wish wish_of(const struct gnutella_msg *m)
{
    struct wish w = {.by_hash = false};
    struct span extra = m->extra, part;

    if (extra.len > 0 && extra.at[extra.len - 1] == 0)
        extra.len--; /* the NUL that ends them */
    while (gnutella_next_extension(&extra, &part)) {
        if (gnutella_urn(part, w.sha1))
            w.by_hash = true;
        w.tell_hash =
            w.tell_hash || (part.len >= 4 && memcmp(part.at, "urn:", 4) == 0);
    }
    return w;
}

static bool matches(const struct gnutella *n, const struct content *c, int i,
                    const struct gnutella_msg *m, const struct wish *w)
{
    const uint8_t *sha1 = gnutella_transfer_sha1(n, i);

    if (!c->complete)
        return false;
    if (w->by_hash)
        return sha1 != NULL && memcmp(sha1, w->sha1, SHA1_BYTES) == 0;
    return is_list_all(m) ||
           gnutella_matches(c->name, strlen(c->name), (const char *)m->text.at,
                            m->text.len);
}

/* How many results to send: all, if all are asked for, and no more than the
   query's flags allow (reference, "Query"). */
static unsigned most_results(const struct gnutella_msg *m)
{
    unsigned most = is_list_all(m) ? FILES_MAX : RESULTS_SENT_MAX;
    unsigned wanted = (m->flags & QUERY_FLAGS) != 0 ? m->flags & 0xffu : 0;

    return wanted > 0 && wanted < most ? wanted : most;
}

/* What stands behind a result's name: its hash, and the size of a large one.
   Source: reference, HUGE and GGEP "LF". */
static size_t put_extra(const uint8_t *sha1, uint64_t bytes,
                        uint8_t out[EXTRA_BYTES])
{
    char urn[URN_BYTES];
    size_t used = 0;

    if (sha1 != NULL) {
        gnutella_urn_write(sha1, urn);
        memcpy(out, urn, used = URN_BYTES - 1);
    }
    if (bytes < UINT32_MAX)
        return used;
    if (used > 0)
        out[used++] = EXTENSION_END;
    return used + gnutella_put_large(bytes, out + used);
}

/* Results of ours for a query, into `out`: no more than `most`, from the
   content *at on, which then is the first that had no place.  How many. */
static unsigned find_results(const struct gnutella *n, struct host *h,
                             const struct gnutella_msg *m, unsigned most,
                             size_t *at, struct span *results, uint8_t *out,
                             size_t room)
{
    struct wish w = wish_of(m);
    unsigned count = 0;
    struct content c;
    uint8_t extra[EXTRA_BYTES];

    *results = (struct span){out, 0};
    for (; *at < host_content_count(h) && count < most; ++*at) {
        int i = (int)*at;
        if (!host_content(h, i, &c) || !matches(n, &c, i, m, &w))
            continue;
        bool tell = w.tell_hash || w.by_hash || is_modern(n);
        struct gnutella_result r = {
            .index = (uint32_t)i,
            .size = c.bytes < UINT32_MAX ? (uint32_t)c.bytes : UINT32_MAX,
            .name = {(const uint8_t *)c.name, strlen(c.name)},
            .extra = {extra, 0}};
        r.extra.len = put_extra(tell ? gnutella_transfer_sha1(n, i) : NULL,
                                c.bytes, extra);
        size_t bytes =
            gnutella_put_result(&r, out + results->len, room - results->len);
        if (bytes == 0)
            break;
        count++;
        results->len += bytes;
    }
    return count;
}

/* Source: reference, query hit: vendor, open size, flags, flags2; GGEP. */
static size_t put_trailer(const struct gnutella *n,
                          uint8_t out[7 + PROXIES_BYTES])
{
    static const uint8_t begin[7] = {'P', '2', 'P', 'L', 2, 0, HIT_PUSH};
    size_t proxies = 0;

    memcpy(out, begin, sizeof begin);
    if (!is_reachable(n)) {
        out[5] |= HIT_PUSH;
        proxies = gnutella_push_proxies(n, out + sizeof begin);
    }
    if (proxies > 0) {
        out[5] |= HIT_GGEP;
        out[6] |= HIT_GGEP;
    }
    return sizeof begin + proxies;
}

/* A hit, or several where all is asked for and one cannot hold it. */
static void answer(struct gnutella *n, struct host *h, struct link *l,
                   const struct gnutella_msg *query)
{
    uint8_t results[32768], trailer[7 + PROXIES_BYTES];
    struct gnutella_msg m = {.type = GNUTELLA_HIT,
                             .ttl = (uint8_t)(query->hops + 2), /* [gtk] */
                             .addr = n->self,
                             .trailer = {trailer, put_trailer(n, trailer)}};
    unsigned most = most_results(query), count;

    if ((query->flags & (QUERY_FLAGS | QUERY_FIREWALLED)) ==
            (QUERY_FLAGS | QUERY_FIREWALLED) &&
        !is_reachable(n))
        return; /* neither could reach the other */
    memcpy(m.guid, query->guid, GUID_BYTES);
    memcpy(m.servent, n->servent, GUID_BYTES);
    for (size_t at = 0; most > 0; most -= count) {
        count =
            find_results(n, h, query, most < RESULTS_MAX ? most : RESULTS_MAX,
                         &at, &m.results, results, sizeof results);
        if (count == 0)
            return;
        m.count = (uint8_t)count;
        host_note(h,
                  "has %u file%s for this query: a hit goes back the way the "
                  "query came",
                  count, count == 1 ? "" : "s");
        gnutella_route_send(n, h, l, &m);
    }
}

static void on_query(struct gnutella *n, struct host *h, struct link *l,
                     const struct gnutella_msg *m, const uint8_t *data,
                     size_t len)
{
    if (m->length > QUERY_BYTES_DROP) {
        gnutella_drop(n, h, "a query beyond all reason");
        return;
    }
    if (gnutella_link_is_slow(l)) {
        gnutella_drop(n, h, "it asks, and does not read what it is answered");
        return;
    }
    if (is_eager(n, h, l) || is_duplicate(n, h, l, m))
        return;
    answer(n, h, l, m);
    if (m->length > QUERY_BYTES_MAX)
        gnutella_drop(n, h, "too long to be passed on");
    else
        flood(n, h, l, m, data, len);
}

static void on_hit(struct gnutella *n, struct host *h, struct link *l,
                   const struct gnutella_msg *m, const uint8_t *data,
                   size_t len)
{
    const struct seen_entry *e =
        gnutella_seen_find(&n->seen, GNUTELLA_QUERY, m->guid);
    struct seen_entry *way;

    if (e == NULL) {
        n->count.unroutable++;
        gnutella_drop(n, h, "a hit for a query that was never seen here");
        return;
    }
    conn_id back = e->conn; /* the table may move */
    way = gnutella_seen_find(&n->seen, GNUTELLA_HIT, m->servent);
    if (way != NULL)
        way->conn = l->conn;
    else
        (void)remember(n, h, l, GNUTELLA_HIT, m->servent);
    if (!gnutella_hit_push(m))
        (void)gnutella_known_add(n, h, m->addr);
    if (back == 0)
        gnutella_command_hit(n, h, m);
    else
        pass_back(n, h, l, gnutella_link_of(n, back), m, data, len);
}

void gnutella_route_query(struct gnutella *n, struct host *h, const char *text,
                          size_t len, const uint8_t guid[GUID_BYTES])
{
    static const uint8_t hashes[] = "urn:"; /* and its NUL */
    struct gnutella_msg m = {.type = GNUTELLA_QUERY,
                             .ttl = (uint8_t)setting(n->settings, OPT_TTL),
                             .flags = QUERY_FLAGS,
                             .text = {(const uint8_t *)text, len}};

    if (!is_reachable(n))
        m.flags |= QUERY_FIREWALLED;
    if (is_modern(n))
        m.extra = (struct span){hashes, sizeof hashes};
    memcpy(m.guid, guid, GUID_BYTES);
    memcpy(n->asked, guid, GUID_BYTES);
    if (!gnutella_seen_add(&n->seen, h, m.type, m.guid, 0, false))
        return;
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (gnutella_link_is_up(l) &&
            (l->peer != ROLE_LEAF || gnutella_qrp_may_match(l, &m)))
            gnutella_route_send(n, h, l, &m);
}

/* -- Push ---------------------------------------------------------------- */

static void on_push(struct gnutella *n, struct host *h, struct link *l,
                    const struct gnutella_msg *m, const uint8_t *data,
                    size_t len)
{
    struct link *way = gnutella_push_way(n, m->servent);

    if (memcmp(m->servent, n->servent, GUID_BYTES) == 0) {
        gnutella_push_follow(n, h, l, m);
        return;
    }
    if (way == NULL &&
        gnutella_seen_find(&n->seen, GNUTELLA_HIT, m->servent) == NULL) {
        n->count.unroutable++;
        gnutella_drop(n, h, "a push for a servent of which no hit came by");
        return;
    }
    if (gnutella_beyond(&l->passed, host_now(h), 60 * SECOND_US,
                        PUSHES_PASSED_MAX)) {
        gnutella_drop(n, h, "more pushes a minute than a link may send");
        return;
    }
    pass_back(n, h, l, way, m, data, len);
}

bool gnutella_route_push(struct gnutella *n, struct host *h,
                         const struct hit *hit)
{
    struct link *l = gnutella_push_way(n, hit->servent);
    struct gnutella_msg m = {.type = GNUTELLA_PUSH,
                             .ttl = (uint8_t)(hit->hops + 2),
                             .index = hit->index,
                             .addr = n->self};

    if (l == NULL)
        return false;
    gnutella_new_guid(h, m.guid);
    memcpy(m.servent, hit->servent, GUID_BYTES);
    gnutella_route_send(n, h, l, &m);
    return true;
}

/* -- Every message ------------------------------------------------------- */

/* Source: reference, section 5 and 6: who has no room names others. */
static void serve_guest(struct gnutella *n, struct host *h, struct link *l,
                        const struct gnutella_msg *m)
{
    if (m->type != GNUTELLA_PING || m->bad)
        return;
    if (is_reachable(n) && m->ttl <= 1)
        pong(n, h, l, m);
    if (m->ttl > 1)
        pongs_of_others(n, h, l, m);
    gnutella_link_close(n, h, l, 202, "no room: it knows others now");
}

/* Bye, QRP, vendor: between neighbours only.  True when it was one. */
static bool on_neighbourly(struct gnutella *n, struct host *h, struct link *l,
                           const struct gnutella_msg *m)
{
    bool travels = m->hops > 0 || m->ttl > 1; /* it must not */

    switch (m->type) {
    case GNUTELLA_BYE:
        host_note(h, "the neighbour says goodbye: %u", m->code);
        gnutella_link_finish(h, l); /* Source: reference, Bye: never answered */
        gnutella_arm(n, h);
        gnutella_seek_soon(n, h);
        return true;
    case GNUTELLA_ROUTE:
        if (l->peer != ROLE_LEAF || travels)
            gnutella_drop(n, h, "a table of words from no leaf");
        else if (!gnutella_qrp_receive(h, l, m))
            gnutella_link_close(n, h, l, 413, "a table of words out of order");
        return true;
    case GNUTELLA_VENDOR:
        gnutella_push_on_vendor(n, h, l, m);
        return true;
    case GNUTELLA_STANDARD:
    case GNUTELLA_HSEP:
        host_note(h, "a message that we do not need: ignored");
        return true;
    default:
        return false;
    }
}

/* Rules 2 and 3: is its header in order?  TTL is lowered where it is not. */
static bool is_orderly(struct gnutella *n, struct host *h, struct link *l,
                       struct gnutella_msg *m)
{
    if (l->modern && l->peer == ROLE_LEAF && m->hops > 0) {
        gnutella_link_close(n, h, l, 414, "a leaf has relayed a message");
        return false;
    }
    if (m->ttl == 0 && ++l->zero_count == TTL_ZERO_MAX) {
        gnutella_link_close(n, h, l, 408, "TTL 0, again and again");
        return false;
    }
    if (m->ttl == 0 || m->ttl > TTL_MAX || m->hops >= ttl_max(n)) {
        gnutella_drop(n, h,
                      m->ttl == 0        ? "TTL 0"
                      : m->ttl > TTL_MAX ? "a TTL beyond all reason"
                                         : "too many hops");
        return false;
    }
    if (m->ttl + m->hops > (int)ttl_max(n))
        m->ttl = (uint8_t)(ttl_max(n) - m->hops);
    return true;
}

static void act(struct gnutella *n, struct host *h, struct link *l,
                const struct gnutella_msg *m, const uint8_t *data, size_t len)
{
    switch (m->type) {
    case GNUTELLA_PING:
        on_ping(n, h, l, m, data, len);
        break;
    case GNUTELLA_PONG:
        on_pong(n, h, l, m, data, len);
        break;
    case GNUTELLA_QUERY:
        on_query(n, h, l, m, data, len);
        break;
    case GNUTELLA_HIT:
        on_hit(n, h, l, m, data, len);
        break;
    case GNUTELLA_PUSH:
        on_push(n, h, l, m, data, len);
        break;
    default:
        gnutella_drop(n, h, "an unknown type");
        break;
    }
}

void gnutella_route_message(struct gnutella *n, struct host *h, struct link *l,
                            const uint8_t *data, size_t len)
{
    struct gnutella_msg m;

    n->count.received++;
    (void)gnutella_decode(&m, data, len);
    if (l->guest) {
        serve_guest(n, h, l, &m);
        return;
    }
    if (m.bad)
        gnutella_drop(n, h, "its payload breaks the format");
    else if (!on_neighbourly(n, h, l, &m) && is_orderly(n, h, l, &m))
        act(n, h, l, &m, data, len);
}
