/* The tracker; see tracker.h. */
#include "bittorrent/tracker.h"

#include <assert.h>
#include <string.h>

#include "common/codec.h"
#include "common/hash.h"

void tracker_begin(struct tracker *t, struct host *h, int timer,
                   uint64_t interval_us)
{
    uint64_t seed[3] = {host_random(h), host_random(h), host_random(h)};

    *t = (struct tracker){.interval_us = interval_us, .timer = timer};
    hash_sha1(t->secret, seed, sizeof seed);
    t->salt = host_random(h);
}

/* -- Swarms and their peers ---------------------------------------------- */

/* Room for one more in an array of `cap` elements and as many chains: twice
   the room, all chains empty.  False: no memory. */
static bool grow(struct host *h, void **array, uint32_t **first, uint32_t *cap,
                 size_t element)
{
    uint32_t new_cap = *cap > 0 ? 2 * *cap : 8;
    void *more = host_alloc(h, new_cap * element);
    uint32_t *chains = host_alloc(h, new_cap * sizeof **first);

    if (more == NULL || chains == NULL) {
        if (more != NULL)
            host_free(h, more, new_cap * element);
        if (chains != NULL)
            host_free(h, chains, new_cap * sizeof **first);
        return false;
    }
    if (*cap > 0) {
        memcpy(more, *array, *cap * element);
        host_free(h, *array, *cap * element);
        host_free(h, *first, *cap * sizeof **first);
    }
    *array = more;
    *first = chains;
    *cap = new_cap;
    return true;
}

/* Caps are powers of two. */
static uint32_t *swarm_chain(const struct tracker *t, const uint8_t *infohash)
{
    return &t->first[hash_roll(t->salt, infohash, INFOHASH_BYTES) &
                     (t->cap - 1)];
}

static uint32_t *peer_chain(const struct tracker *t, const struct swarm *s,
                            struct addr a)
{
    uint64_t key = (uint64_t)a.ip << 16 | a.port;

    return &s->first[hash_roll_u64(t->salt, key) & (s->cap - 1)];
}

static void link_swarm(const struct tracker *t, uint32_t i)
{
    uint32_t *first = swarm_chain(t, t->swarm[i].infohash);

    t->swarm[i].next = *first;
    *first = i + 1;
}

static void link_peer(const struct tracker *t, struct swarm *s, uint32_t i)
{
    uint32_t *first = peer_chain(t, s, s->peer[i].addr);

    s->peer[i].next = *first;
    *first = i + 1;
}

static struct swarm *find_swarm(const struct tracker *t,
                                const uint8_t *infohash)
{
    if (t->cap == 0)
        return NULL;
    for (uint32_t i = *swarm_chain(t, infohash); i > 0;
         i = t->swarm[i - 1].next)
        if (memcmp(t->swarm[i - 1].infohash, infohash, INFOHASH_BYTES) == 0)
            return &t->swarm[i - 1];
    return NULL;
}

static struct tracker_peer *find_peer(const struct tracker *t,
                                      const struct swarm *s, struct addr a)
{
    if (s->cap == 0)
        return NULL;
    for (uint32_t i = *peer_chain(t, s, a); i > 0; i = s->peer[i - 1].next)
        if (addr_equal(s->peer[i - 1].addr, a))
            return &s->peer[i - 1];
    return NULL;
}

static struct swarm *add_swarm(struct tracker *t, struct host *h,
                               const uint8_t *infohash)
{
    if (t->count == TRACKER_SWARMS_MAX)
        return NULL;
    if (t->count == t->cap) {
        void *array = t->swarm;
        if (!grow(h, &array, &t->first, &t->cap, sizeof *t->swarm))
            return NULL;
        t->swarm = array;
        for (uint32_t i = 0; i < t->count; i++)
            link_swarm(t, i);
    }
    struct swarm *s = &t->swarm[t->count];
    *s = (struct swarm){0};
    memcpy(s->infohash, infohash, INFOHASH_BYTES);
    link_swarm(t, t->count++);
    return s;
}

static struct tracker_peer *add_peer(struct tracker *t, struct host *h,
                                     struct swarm *s, struct addr a)
{
    if (t->peer_count == TRACKER_PEERS_MAX)
        return NULL;
    if (s->count == s->cap) {
        void *array = s->peer;
        if (!grow(h, &array, &s->first, &s->cap, sizeof *s->peer))
            return NULL;
        s->peer = array;
        for (uint32_t i = 0; i < s->count; i++)
            link_peer(t, s, i);
    }
    struct tracker_peer *p = &s->peer[s->count];
    *p = (struct tracker_peer){.addr = a};
    link_peer(t, s, s->count++);
    t->peer_count++;
    return p;
}

/* The place in its chain that leads to entry i. */
static uint32_t *peer_place(const struct tracker *t, struct swarm *s,
                            uint32_t i)
{
    uint32_t *at = peer_chain(t, s, s->peer[i].addr);

    while (*at != i + 1)
        at = &s->peer[*at - 1].next;
    return at;
}

/* Take a peer out; the last one takes its place. */
static void remove_peer(struct tracker *t, struct swarm *s, uint32_t i)
{
    uint32_t last = s->count - 1;

    *peer_place(t, s, i) = s->peer[i].next;
    if (s->peer[i].seed)
        s->seeders--;
    if (i != last) {
        *peer_place(t, s, last) = i + 1;
        s->peer[i] = s->peer[last];
    }
    s->count--;
    t->peer_count--;
}

static void remove_swarm(struct tracker *t, struct host *h, uint32_t i)
{
    uint32_t last = --t->count;

    host_free(h, t->swarm[i].peer, t->swarm[i].cap * sizeof *t->swarm->peer);
    host_free(h, t->swarm[i].first, t->swarm[i].cap * sizeof *t->swarm->first);
    t->swarm[i] = t->swarm[last];
    memset(t->first, 0, t->cap * sizeof *t->first);
    for (uint32_t j = 0; j < t->count; j++)
        link_swarm(t, j);
}

/* Forget the peers that have been silent for two intervals, and swarms that
   have nobody left (with them, how often they were completed). */
void tracker_on_timer(struct tracker *t, struct host *h)
{
    uint64_t now = host_now(h);

    for (uint32_t i = t->count; i-- > 0;) {
        struct swarm *s = &t->swarm[i];
        for (uint32_t j = s->count; j-- > 0;)
            if (now - s->peer[j].heard_us > 2 * t->interval_us)
                remove_peer(t, s, j);
        if (s->count == 0)
            remove_swarm(t, h, i);
    }
    t->armed = t->count > 0;
    if (t->armed)
        host_timer(h, t->timer, t->interval_us);
}

/* -- An announce --------------------------------------------------------- */

/* Put the announcer on the list, or take it off.  NULL: the tracker is full;
   else its swarm, with *self the peer, or NULL. */
static struct swarm *note_announce(struct tracker *t, struct host *h,
                                   const struct announce *a, struct addr addr,
                                   struct tracker_peer **self)
{
    struct swarm *s = find_swarm(t, a->infohash);

    t->announces++;
    *self = NULL;
    if (s == NULL && (s = add_swarm(t, h, a->infohash)) == NULL)
        return NULL;
    if (!t->armed) {
        t->armed = true;
        host_timer(h, t->timer, t->interval_us);
    }
    struct tracker_peer *p = find_peer(t, s, addr);
    if (a->event == ANNOUNCE_STOPPED) {
        if (p != NULL)
            remove_peer(t, s, (uint32_t)(p - s->peer));
        return s;
    }
    if (addr.port == 0)
        return s; /* it cannot be called, but may call others */
    if (p == NULL && (p = add_peer(t, h, s, addr)) == NULL)
        return NULL;
    if (a->event == ANNOUNCE_COMPLETED && !p->seed)
        s->completed++;
    s->seeders += (uint32_t)(a->left == 0) - (uint32_t)p->seed;
    p->seed = a->left == 0;
    p->heard_us = host_now(h);
    memcpy(p->peer_id, a->peer_id, PEER_ID_BYTES);
    *self = p;
    return s;
}

static uint32_t common_divisor(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* Draw up to numwant peers, never the asker: from a random place on, in steps
   of a random width that reach every place once. */
static uint32_t draw(struct host *h, const struct swarm *s,
                     const struct announce *a, const struct tracker_peer *self,
                     const struct tracker_peer *drawn[NUMWANT_MAX])
{
    uint32_t want = a->numwant < 0             ? NUMWANT_DEFAULT
                    : a->numwant < NUMWANT_MAX ? (uint32_t)a->numwant
                                               : NUMWANT_MAX;
    uint32_t count = 0, step = 1;

    if (s->count == 0 || want == 0 || a->event == ANNOUNCE_STOPPED)
        return 0;
    uint64_t chance = host_random(h);
    uint32_t at = (uint32_t)(chance >> 32) % s->count;
    if (s->count > 2)
        step = 1 + (uint32_t)chance % (s->count - 1);
    while (common_divisor(s->count, step) != 1)
        step++;
    for (uint32_t i = 0; i < s->count && count < want; i++) {
        if (&s->peer[at] != self)
            drawn[count++] = &s->peer[at];
        at = (uint32_t)(((uint64_t)at + step) % s->count);
    }
    return count;
}

/* -- HTTP ---------------------------------------------------------------- */

static void put_failure(struct tracker *t, struct bencode_writer *w,
                        const char *why)
{
    t->refused++;
    bencode_put_dict(w);
    bencode_put_text(w, "failure reason");
    bencode_put_text(w, why);
    bencode_put_end(w);
}

static void put_number(struct bencode_writer *w, const char *key,
                       uint64_t number)
{
    bencode_put_text(w, key);
    bencode_put_number(w, (int64_t)number);
}

/* A peer the long way, as [bep3] has it. */
static void put_peer(struct bencode_writer *w, const struct tracker_peer *p,
                     bool peer_id)
{
    struct text ip = text_new();

    addr_text(&ip, p->addr);
    bencode_put_dict(w);
    bencode_put_text(w, "ip");
    bencode_put_bytes(w, ip.data,
                      (size_t)((char *)memchr(ip.data, ':', ip.len) - ip.data));
    if (peer_id) {
        bencode_put_text(w, "peer id");
        bencode_put_bytes(w, p->peer_id, PEER_ID_BYTES);
    }
    put_number(w, "port", p->addr.port);
    bencode_put_end(w);
    text_free(&ip);
}

static void put_peers(struct bencode_writer *w, const struct announce *a,
                      const struct tracker_peer *const *drawn, uint32_t count)
{
    uint8_t compact[NUMWANT_MAX][COMPACT_BYTES];

    bencode_put_text(w, "peers");
    if (a->compact) {
        for (uint32_t i = 0; i < count; i++)
            compact_write(drawn[i]->addr, compact[i]);
        bencode_put_bytes(w, compact, count * (size_t)COMPACT_BYTES);
        return;
    }
    bencode_put_list(w);
    for (uint32_t i = 0; i < count; i++)
        put_peer(w, drawn[i], !a->no_peer_id);
    bencode_put_end(w);
}

static void announce_http(struct tracker *t, struct host *h, struct addr from,
                          struct slice target, struct bencode_writer *w)
{
    const struct tracker_peer *drawn[NUMWANT_MAX];
    struct tracker_peer *self;
    struct announce a;
    const char *why;

    if (!tracker_read_query(&a, target, &why)) {
        put_failure(t, w, why);
        return;
    }
    from.port = a.port;
    struct swarm *s = note_announce(t, h, &a, from, &self);
    if (s == NULL) {
        put_failure(t, w, "the tracker is full");
        return;
    }
    uint32_t count = draw(h, s, &a, self, drawn);
    bencode_put_dict(w);
    put_number(w, "complete", s->seeders);
    put_number(w, "downloaded", s->completed);
    put_number(w, "incomplete", s->count - s->seeders);
    put_number(w, "interval", t->interval_us / SECOND_US);
    put_number(w, "min interval", t->interval_us / (2 * SECOND_US));
    put_peers(w, &a, drawn, count);
    bencode_put_end(w);
}

static void put_scrape(struct bencode_writer *w, const struct swarm *s)
{
    bencode_put_bytes(w, s->infohash, INFOHASH_BYTES);
    bencode_put_dict(w);
    put_number(w, "complete", s->seeders);
    put_number(w, "downloaded", s->completed);
    put_number(w, "incomplete", s->count - s->seeders);
    bencode_put_end(w);
}

/* [bep48]: what is asked for, in the order of the infohashes, as dictionaries
   want it; without an infohash all that the tracker has, up to a bound. */
static uint32_t scraped(const struct tracker *t, struct slice target,
                        const struct swarm *found[SCRAPE_ALL_MAX])
{
    struct slice query = http_query(target), name, value;
    uint32_t count = 0;
    bool asked = false;
    char infohash[INFOHASH_BYTES + 1];

    while (http_next_parameter(&query, &name, &value)) {
        if (!slice_is(name, "info_hash"))
            continue;
        asked = true;
        const struct swarm *s = http_unescape(value, true, infohash,
                                              sizeof infohash) == INFOHASH_BYTES
                                    ? find_swarm(t, (const uint8_t *)infohash)
                                    : NULL;
        if (s != NULL && count < SCRAPE_ALL_MAX)
            found[count++] = s;
    }
    while (!asked && count < t->count && count < SCRAPE_ALL_MAX) {
        found[count] = &t->swarm[count];
        count++;
    }
    return count;
}

static void scrape_http(const struct tracker *t, struct slice target,
                        struct bencode_writer *w)
{
    const struct swarm *found[SCRAPE_ALL_MAX], *last = NULL;
    uint32_t count = scraped(t, target, found);

    bencode_put_dict(w);
    bencode_put_text(w, "files");
    bencode_put_dict(w);
    for (;;) { /* the least that is greater than the last */
        const struct swarm *next = NULL;
        for (uint32_t i = 0; i < count; i++) {
            assert(found[i] != NULL);
            if ((last == NULL || memcmp(found[i]->infohash, last->infohash,
                                        INFOHASH_BYTES) > 0) &&
                (next == NULL || memcmp(found[i]->infohash, next->infohash,
                                        INFOHASH_BYTES) < 0))
                next = found[i];
        }
        if (next == NULL)
            break;
        put_scrape(w, next);
        last = next;
    }
    bencode_put_end(w);
    bencode_put_end(w);
}

/* Write head and body; the body, which comes first, stands in `w`. */
static void answer_http(struct host *h, conn_id conn, const char *status,
                        const struct bencode_writer *w)
{
    struct text t = text_new();

    assert(!w->bad);
    text_printf(&t,
                "HTTP/1.0 %s\r\nContent-Type: text/plain\r\n"
                "Content-Length: %zu\r\nConnection: close\r\n\r\n",
                status, w->at);
    text_bytes(&t, w->out, w->at);
    host_phase(h, conn, PHASE_HTTP);
    host_write(h, conn, t.data, t.len);
    host_finish(h, conn);
    text_free(&t);
}

/* Does the path end in this word? */
static bool ends_in(struct slice path, const char *word)
{
    size_t len = strlen(word);

    return path.len >= len && memcmp(path.at + path.len - len, word, len) == 0;
}

size_t tracker_on_http(struct tracker *t, struct host *h, conn_id conn,
                       struct addr from, const uint8_t *data, size_t len)
{
    uint8_t body[TRACKER_REPLY_MAX];
    struct bencode_writer w = {body, 0, sizeof body, false};
    struct http_head head;
    const char *status = "200 OK";
    int used = http_request(&head, data, len);

    if (used == 0)
        return 0;
    struct slice path =
        used > 0 ? http_path(head.target) : (struct slice){"", 0};
    if (used < 0 || !slice_is(head.method, "GET")) {
        status = "400 Bad Request";
        put_failure(t, &w, "this is no GET request");
    } else if (ends_in(path, "/announce")) {
        announce_http(t, h, from, head.target, &w);
    } else if (ends_in(path, "/scrape")) {
        scrape_http(t, head.target, &w);
    } else {
        status = "404 Not Found";
        put_failure(t, &w, "a tracker has /announce and /scrape");
    }
    answer_http(h, conn, status, &w);
    return used > 0 ? (size_t)used : len;
}

/* -- UDP ----------------------------------------------------------------- */

/* [bep15]: an id that only who gets our answers can know, and that we need not
   keep: a hash of the asker's address and the minute, under our secret. */
static uint64_t connection_of(const struct tracker *t, struct addr from,
                              uint64_t minute)
{
    uint8_t digest[SHA256_BYTES];
    uint64_t key[2] = {(uint64_t)from.ip << 16 | from.port, minute}, id;

    hash_hmac(digest, t->secret, sizeof t->secret, key, sizeof key);
    memcpy(&id, digest, sizeof id);
    return id;
}

static bool connected(const struct tracker *t, struct addr from, uint64_t now,
                      uint64_t connection)
{
    uint64_t minute = now / CONNECTION_US;

    for (uint64_t ago = 0; ago <= 2 && ago <= minute; ago++)
        if (connection == connection_of(t, from, minute - ago))
            return true;
    return false;
}

static void send_udp(struct host *h, struct addr to, struct udp_msg *m)
{
    uint8_t out[UDP_TRACKER_BYTES_MAX];
    size_t len = tracker_udp_encode(m, out);

    assert(len > 0);
    host_send(h, to, out, len);
}

static void refuse_udp(struct tracker *t, struct host *h, struct addr to,
                       struct udp_msg *m, const char *why)
{
    t->refused++;
    m->action = UDP_ERROR;
    m->rest = (const uint8_t *)why;
    m->rest_len = strlen(why);
    send_udp(h, to, m);
}

static void announce_udp(struct tracker *t, struct host *h, struct addr from,
                         const struct announce *a, struct udp_msg *answer)
{
    const struct tracker_peer *drawn[NUMWANT_MAX];
    uint8_t compact[NUMWANT_MAX][COMPACT_BYTES];
    struct addr addr = {from.ip, a->port};
    struct tracker_peer *self;
    struct swarm *s = note_announce(t, h, a, addr, &self);

    if (s == NULL) {
        refuse_udp(t, h, from, answer, "the tracker is full");
        return;
    }
    uint32_t count = draw(h, s, a, self, drawn);
    for (uint32_t i = 0; i < count; i++)
        compact_write(drawn[i]->addr, compact[i]);
    answer->interval = (uint32_t)(t->interval_us / SECOND_US);
    answer->seeders = s->seeders;
    answer->leechers = s->count - s->seeders;
    answer->rest = compact[0];
    answer->rest_len = count * (size_t)COMPACT_BYTES;
    send_udp(h, from, answer);
}

/* Three numbers for each infohash; zeros for what nobody announced. */
static void scrape_udp(const struct tracker *t, struct host *h,
                       struct addr from, const struct udp_msg *m,
                       struct udp_msg *answer)
{
    uint8_t counts[UDP_SCRAPE_MAX * 12];
    struct codec c = codec_writer(counts, sizeof counts);

    for (size_t at = 0; at + INFOHASH_BYTES <= m->rest_len;
         at += INFOHASH_BYTES) {
        const struct swarm *s = find_swarm(t, m->rest + at);
        uint32_t seeders = s != NULL ? s->seeders : 0;
        uint32_t completed = s != NULL ? s->completed : 0;
        uint32_t leechers = s != NULL ? s->count - s->seeders : 0;
        if (c.at == sizeof counts)
            break;
        code_u32(&c, "seeders", &seeders);
        code_u32(&c, "completed", &completed);
        code_u32(&c, "leechers", &leechers);
    }
    answer->rest = counts;
    answer->rest_len = c.at;
    send_udp(h, from, answer);
}

bool tracker_on_datagram(struct tracker *t, struct host *h, struct addr from,
                         const uint8_t *data, size_t len)
{
    struct udp_msg m;

    if (!tracker_udp_decode(&m, false, data, len))
        return false;
    struct udp_msg answer = {
        .answer = true, .action = m.action, .transaction = m.transaction};
    uint64_t now = host_now(h);
    if (m.action == UDP_CONNECT) {
        answer.connection = connection_of(t, from, now / CONNECTION_US);
        send_udp(h, from, &answer);
    } else if (!connected(t, from, now, m.connection)) {
        refuse_udp(t, h, from, &answer, "connect first");
    } else if (m.action == UDP_ANNOUNCE) {
        announce_udp(t, h, from, &m.announce, &answer);
    } else {
        scrape_udp(t, h, from, &m, &answer);
    }
    return true;
}

/* -- For people ---------------------------------------------------------- */

void tracker_fields(const struct tracker *t, struct fields *f)
{
    struct id id;

    fields_begin(f, FIELD_LIST, "swarms");
    for (uint32_t i = 0; i < t->count; i++) {
        const struct swarm *s = &t->swarm[i];
        (void)id_read(&id, ID_BITS_MAX, s->infohash);
        fields_begin(f, FIELD_GROUP, "");
        fields_id(f, "infohash", id, ID_BITS_MAX);
        fields_number(f, "seeders", s->seeders);
        fields_number(f, "leechers", s->count - s->seeders);
        fields_number(f, "completed", s->completed);
        fields_end(f);
    }
    fields_end(f);
    fields_number(f, "announces", t->announces);
    fields_number(f, "refused", t->refused);
}

void tracker_dump(const struct tracker *t, uint64_t now_us, struct text *out)
{
    struct id id;

    for (uint32_t i = 0; i < t->count; i++) {
        const struct swarm *s = &t->swarm[i];
        (void)id_read(&id, ID_BITS_MAX, s->infohash);
        text_add(out, "swarm ");
        id_text(out, &id, ID_BITS_MAX);
        text_printf(out, " completed %u\n", s->completed);
        for (uint32_t j = 0; j < s->count; j++) {
            text_add(out, s->peer[j].seed ? "  seed " : "  leecher ");
            addr_text(out, s->peer[j].addr);
            text_add(out, " heard ");
            text_seconds(out, now_us - s->peer[j].heard_us);
            text_char(out, '\n');
        }
    }
}
