/* A torrent's announces; see announcer.h. */
#include "bittorrent/announcer.h"

#include <assert.h>
#include <string.h>

void announcer_begin(struct announcer *a, struct host *h,
                     const uint8_t infohash[INFOHASH_BYTES],
                     const uint8_t peer_id[PEER_ID_BYTES], uint16_t port)
{
    *a = (struct announcer){.port = port, .key = (uint32_t)host_random(h)};
    memcpy(a->infohash, infohash, INFOHASH_BYTES);
    memcpy(a->peer_id, peer_id, PEER_ID_BYTES);
    a->event = ANNOUNCE_STARTED;
    a->due_us = NEVER;
}

/* -- Trackers and their tiers -------------------------------------------- */

/* Copy what comes before one of `ends` off the front of a URL. */
static bool take_part(char *out, size_t room, const char **url, size_t *len,
                      const char *ends)
{
    size_t n = 0;

    /* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a 0 is no end */
    while (n < *len && memchr(ends, (*url)[n], strlen(ends)) == NULL) {
        unsigned char c = (unsigned char)(*url)[n];
        if (c <= ' ' || c > '~' || n + 1 == room)
            return false; /* it would break the request, or is too long */
        out[n++] = (char)c;
    }
    out[n] = '\0';
    *url += n;
    *len -= n;
    return true;
}

static bool starts_with(const char *s, size_t len, const char *word)
{
    return len >= strlen(word) && memcmp(s, word, strlen(word)) == 0;
}

static bool take_port(struct tracker_url *u, const char **url, size_t *len)
{
    char digits[6];
    unsigned port = 0;

    if (*len == 0 || **url != ':')
        return true; /* HTTP's own, or the resolver's */
    (*url)++;
    (*len)--;
    if (!take_part(digits, sizeof digits, url, len, "/"))
        return false;
    for (const char *c = digits; *c != '\0'; c++) {
        if (*c < '0' || *c > '9')
            return false;
        port = port * 10 + (unsigned)(*c - '0');
    }
    u->port = (uint16_t)port;
    return port > 0 && port <= UINT16_MAX;
}

static bool parse_url(struct tracker_url *u, const char *url, size_t len)
{
    *u = (struct tracker_url){0};
    if (starts_with(url, len, "udp://"))
        u->udp = true;
    else if (!starts_with(url, len, "http://"))
        return false;
    url += u->udp ? 6 : 7;
    len -= u->udp ? 6 : 7;
    if (!take_part(u->host, sizeof u->host, &url, &len, ":/") ||
        u->host[0] == '\0' || !take_port(u, &url, &len) ||
        !take_part(u->path, sizeof u->path, &url, &len, "#"))
        return false;
    if (u->path[0] == '\0')
        memcpy(u->path, "/announce", 10);
    return true;
}

bool announcer_is_url(const char *url)
{
    struct tracker_url u;

    return parse_url(&u, url, strlen(url));
}

bool announcer_add(struct announcer *a, struct host *h, const char *url,
                   size_t len, unsigned tier)
{
    struct tracker_url u;

    if (a->count == TRACKERS_MAX || !parse_url(&u, url, len) ||
        !host_grow(h, &a->tracker, &a->cap, a->count + 1u, sizeof u))
        return false;
    u.tier = (uint8_t)(tier < 255 ? tier : 255);
    /* [bep12]: tiers are shuffled once, so that clients spread. */
    unsigned first = a->count;
    while (first > 0 && a->tracker[first - 1].tier == u.tier)
        first--;
    unsigned at = first + (unsigned)(host_random(h) % (a->count - first + 1u));
    memmove(&a->tracker[at + 1], &a->tracker[at], (a->count - at) * sizeof u);
    a->tracker[at] = u;
    a->count++;
    return true;
}

/* The tracker that answered goes to the front of its tier. */
static void promote(struct announcer *a)
{
    struct tracker_url u = a->tracker[a->current];
    unsigned first = a->current;

    while (first > 0 && a->tracker[first - 1].tier == u.tier)
        first--;
    memmove(&a->tracker[first + 1], &a->tracker[first],
            (a->current - first) * sizeof u);
    a->tracker[first] = u;
    a->current = (uint8_t)first;
}

/* -- Answers ------------------------------------------------------------- */

static void idle(struct announcer *a, uint64_t due_us)
{
    a->state = ANNOUNCER_IDLE;
    a->due_us = due_us;
}

/* A line of what a tracker says, which came from outside. */
static void take_words(char to[TRACKER_FAILURE_MAX + 1], const char *words,
                       size_t len)
{
    size_t n = len < TRACKER_FAILURE_MAX ? len : TRACKER_FAILURE_MAX;

    for (size_t i = 0; i < n; i++)
        to[i] = words[i] >= ' ' && words[i] <= '~' ? words[i] : '.';
    to[n] = '\0';
}

/* No answer from this tracker: the next one at once, or all again later. */
static void failed(struct announcer *a, struct host *h, const char *why,
                   size_t len)
{
    uint64_t wait = ANNOUNCE_RETRY_US;

    take_words(a->failure, why, len);
    host_note(h, "tracker %s: %s", a->tracker[a->current].host, a->failure);
    a->tracker[a->current].connected_us = 0;
    a->tracker[a->current].addr = (struct addr){0, 0};
    a->tried |= (uint16_t)(1u << a->current);
    if (a->tried != (1u << a->count) - 1) {
        idle(a, host_now(h));
        return;
    }
    a->tried = 0;
    for (uint32_t i = 0; i < a->failures && wait < ANNOUNCE_RETRY_MOST_US; i++)
        wait *= 2;
    a->failures++;
    idle(a, a->stopping ? NEVER : host_now(h) + wait);
}

static void failed_for(struct announcer *a, struct host *h, const char *why)
{
    failed(a, h, why, strlen(why));
}

/* What it wants people to know, though it answers; told once. */
static void warn(struct announcer *a, struct host *h, struct slice warning)
{
    char before[TRACKER_FAILURE_MAX + 1];
    struct fields f = fields_new();

    memcpy(before, a->warning, sizeof before);
    take_words(a->warning, warning.at, warning.len);
    if (warning.len > 0 && strcmp(a->warning, before) != 0) {
        f.type = "warning";
        fields_text(&f, "tracker", a->tracker[a->current].host);
        fields_text(&f, "text", a->warning);
        host_result(h, 0, true, &f);
    }
    fields_free(&f);
}

/* What it wants to hear again: all of it, or nothing. */
static void keep_id(struct tracker_url *u, struct slice id)
{
    if (id.len == 0 || id.len > sizeof u->id)
        return;
    memcpy(u->id, id.at, id.len);
    u->id_len = (uint8_t)id.len;
}

static void answered(struct announcer *a, struct host *h,
                     const struct announced *d)
{
    uint64_t wait = d->interval_us > 0 ? d->interval_us : ANNOUNCE_HURRY_US;
    struct addr home = a->tracker[a->current].addr;

    if (wait < d->min_interval_us)
        wait = d->min_interval_us;
    if (wait < ANNOUNCE_LEAST_US)
        wait = ANNOUNCE_LEAST_US;
    if (wait > ANNOUNCE_MOST_US)
        wait = ANNOUNCE_MOST_US;
    warn(a, h, d->warning);
    keep_id(&a->tracker[a->current], d->tracker_id);
    promote(a);
    a->moved = a->moved || (!addr_none(a->home) && !addr_equal(a->home, home));
    a->home = home;
    a->member = a->event != ANNOUNCE_STOPPED;
    a->event = ANNOUNCE_PERIODIC;
    a->tried = 0;
    a->failures = 0;
    a->failure[0] = '\0';
    a->answered_us = host_now(h);
    a->interval_us = wait;
    a->min_interval_us = d->min_interval_us;
    a->seeders = d->seeders;
    a->leechers = d->leechers;
    memcpy(a->found, d->peer, d->peer_count * sizeof *d->peer);
    a->found_count = d->peer_count;
    idle(a, a->stopping ? NEVER : host_now(h) + wait);
    host_note(h, "tracker: %u seeders, %u leechers, %u peers", d->seeders,
              d->leechers, d->peer_count);
}

/* -- Questions ----------------------------------------------------------- */

static struct announce question(const struct announcer *a,
                                const struct announce_stats *s)
{
    const struct tracker_url *u = &a->tracker[a->current];
    struct announce q = {.tracker_id = {(const char *)u->id, u->id_len},
                         .uploaded = s->uploaded,
                         .downloaded = s->downloaded,
                         .left = s->left,
                         .event = (enum announce_event)a->event,
                         .port = a->port,
                         .key = a->key,
                         .numwant = s->numwant,
                         .compact = true};

    memcpy(q.infohash, a->infohash, sizeof q.infohash);
    memcpy(q.peer_id, a->peer_id, sizeof q.peer_id);
    return q;
}

static void send_udp(struct announcer *a, struct host *h, struct udp_msg *m)
{
    uint8_t out[UDP_TRACKER_BYTES_MAX];

    m->transaction = a->transaction;
    size_t len = tracker_udp_encode(m, out);
    assert(len > 0);
    host_send(h, a->tracker[a->current].addr, out, len);
    /* [bep15]: 15 s, then twice as long each time. */
    a->due_us = host_now(h) + (UDP_RETRY_US << a->repeated);
    if (a->stopping)
        a->due_us = host_now(h) + STOP_PATIENCE_US;
}

/* Connect first, unless the id of last time is still good. */
static void ask_udp(struct announcer *a, struct host *h,
                    const struct announce_stats *s)
{
    struct tracker_url *u = &a->tracker[a->current];
    bool connected =
        u->connected_us > 0 && host_now(h) - u->connected_us < CONNECTION_US;
    struct udp_msg m = {.action = connected ? UDP_ANNOUNCE : UDP_CONNECT,
                        .connection = u->connection,
                        .announce = question(a, s)};

    a->state = connected ? ANNOUNCER_UDP_ASK : ANNOUNCER_UDP_CONNECT;
    a->transaction = (uint32_t)host_random(h);
    send_udp(a, h, &m);
}

static void ask_http(struct announcer *a, struct host *h)
{
    if (a->conn != 0)
        host_abort(h, a->conn); /* of the last time; its tracker is slow */
    a->state = ANNOUNCER_HTTP;
    a->conn = host_connect(h, a->tracker[a->current].addr);
    a->due_us =
        host_now(h) + (a->stopping ? STOP_PATIENCE_US : HTTP_TRACKER_US);
}

/* Find the tracker's address, for a while. */
static bool resolved(struct tracker_url *u, struct host *h)
{
    if (!addr_none(u->addr))
        return true;
    if (!host_resolve(h, u->host, &u->addr))
        return false;
    if (u->port != 0)
        u->addr.port = u->port;
    if (u->addr.port == 0)
        u->addr.port = 80;
    return true;
}

/* The first tracker that has not failed this time. */
static void ask(struct announcer *a, struct host *h,
                const struct announce_stats *s)
{
    while (a->due_us <= host_now(h)) { /* at most once for each tracker */
        a->current = 0;
        while ((a->tried >> a->current & 1) != 0)
            a->current++;
        a->repeated = 0;
        if (!resolved(&a->tracker[a->current], h))
            failed_for(a, h, "its name has no address");
        else if (a->tracker[a->current].udp)
            ask_udp(a, h, s);
        else
            ask_http(a, h);
    }
}

/* -- What the node calls ------------------------------------------------- */

void announcer_say(struct announcer *a, struct host *h,
                   enum announce_event event)
{
    if (a->count == 0)
        return;
    a->event = (uint8_t)event;
    a->stopping = event == ANNOUNCE_STOPPED;
    a->tried = 0;
    a->failures = 0;
    if (a->conn != 0 && a->state == ANNOUNCER_HTTP) {
        host_abort(h, a->conn);
        a->conn = 0;
    }
    idle(a, a->stopping && !a->member ? NEVER : host_now(h));
}

bool announcer_done(const struct announcer *a)
{
    return a->count == 0 || (a->stopping && a->due_us == NEVER);
}

void announcer_hurry(struct announcer *a)
{
    uint64_t wait =
        a->min_interval_us > 0 ? a->min_interval_us : ANNOUNCE_HURRY_US;

    if (a->state == ANNOUNCER_IDLE && a->failures == 0 && a->answered_us > 0 &&
        !a->stopping && a->answered_us + wait < a->due_us)
        a->due_us = a->answered_us + wait;
}

uint64_t announcer_due(const struct announcer *a)
{
    return a->count > 0 ? a->due_us : NEVER;
}

void announcer_tick(struct announcer *a, struct host *h,
                    const struct announce_stats *stats)
{
    /* More than one repetition only where there is nobody else to ask. */
    unsigned repetitions = a->count > 1 ? 1 : UDP_RETRIES;

    if (announcer_due(a) > host_now(h))
        return;
    if (a->state == ANNOUNCER_HTTP) {
        host_abort(h, a->conn);
        a->conn = 0;
        failed_for(a, h, "no answer in time");
    } else if (a->state != ANNOUNCER_IDLE) {
        if (a->repeated < repetitions && !a->stopping) {
            a->repeated++;
            ask_udp(a, h, stats);
            return;
        }
        failed_for(a, h, "no answer in time");
    }
    ask(a, h, stats);
}

/* [bep15]: the peers follow at the end, six bytes each. */
static void udp_answered(struct announcer *a, struct host *h,
                         const struct udp_msg *m)
{
    struct announced d = {.warning = {"", 0},
                          .interval_us = m->interval * SECOND_US,
                          .seeders = m->seeders,
                          .leechers = m->leechers};

    for (size_t at = 0;
         at + COMPACT_BYTES <= m->rest_len && d.peer_count < FOUND_MAX;
         at += COMPACT_BYTES) {
        struct addr peer = compact_read(m->rest + at);
        if (peer.port != 0)
            d.peer[d.peer_count++] = peer;
    }
    answered(a, h, &d);
}

bool announcer_on_datagram(struct announcer *a, struct host *h,
                           struct addr from, const uint8_t *data, size_t len,
                           const struct announce_stats *stats)
{
    struct udp_msg m;

    if ((a->state != ANNOUNCER_UDP_CONNECT && a->state != ANNOUNCER_UDP_ASK) ||
        !addr_equal(from, a->tracker[a->current].addr) ||
        !tracker_udp_decode(&m, true, data, len) ||
        m.transaction != a->transaction)
        return false;
    if (m.action == UDP_ERROR) {
        failed(a, h, (const char *)m.rest, m.rest_len);
        ask(a, h, stats);
    } else if (m.action == UDP_CONNECT && a->state == ANNOUNCER_UDP_CONNECT) {
        a->tracker[a->current].connection = m.connection;
        a->tracker[a->current].connected_us = host_now(h);
        a->repeated = 0;
        ask_udp(a, h, stats);
    } else if (m.action == UDP_ANNOUNCE && a->state == ANNOUNCER_UDP_ASK) {
        udp_answered(a, h, &m);
    }
    return true;
}

static void write_request(struct announcer *a, struct host *h,
                          const struct announce_stats *stats)
{
    const struct tracker_url *u = &a->tracker[a->current];
    struct announce q = question(a, stats);
    struct text host = text_new();
    uint8_t out[HTTP_HEAD_MAX];

    text_add(&host, u->host);
    if (u->port != 0 && u->port != 80)
        text_printf(&host, ":%u", u->port);
    size_t len = tracker_write_request(&q, host.data, u->path, out, sizeof out);
    assert(len > 0); /* host, path and the rest are bounded */
    host_phase(h, a->conn, PHASE_HTTP);
    host_write(h, a->conn, out, len);
    text_free(&host);
}

/* The answer as far as it has come; the bytes consumed. */
static size_t read_answer(struct announcer *a, struct host *h,
                          const uint8_t *data, size_t len)
{
    struct http_head head;
    struct announced d;
    int used = http_answer(&head, data, len);

    if (used == 0)
        return 0;
    int64_t body = used > 0 && head.status == 200
                       ? tracker_read_body(&d, data + used, len - (size_t)used)
                       : ERR_MALFORMED;
    if (body == 0 && len < TRACKER_ANSWER_MAX)
        return 0;
    if (used > 0 && head.status != 200)
        failed_for(a, h, "it answered with an error of HTTP");
    else if (body <= 0)
        failed_for(a, h, "its answer makes no sense");
    else if (d.failure.len > 0)
        failed(a, h, d.failure.at, d.failure.len);
    else
        answered(a, h, &d);
    host_finish(h, a->conn);
    return len;
}

size_t announcer_on_stream(struct announcer *a, struct host *h,
                           const struct event *e,
                           const struct announce_stats *stats)
{
    bool waiting = a->state == ANNOUNCER_HTTP;
    size_t used = e->len;

    assert(e->conn == a->conn);
    if (e->kind == EVENT_OPEN && waiting) {
        write_request(a, h, stats);
    } else if (e->kind == EVENT_BYTES) {
        used = waiting ? read_answer(a, h, e->data, e->len) : e->len;
    } else if (e->kind == EVENT_EOF || e->kind == EVENT_CLOSED) {
        if (e->kind == EVENT_EOF)
            host_finish(h, a->conn);
        else
            a->conn = 0;
        if (waiting)
            failed_for(a, h,
                       e->kind == EVENT_EOF ? "it hung up without an answer"
                                            : "it cannot be reached");
    }
    if (a->state == ANNOUNCER_IDLE)
        ask(a, h, stats); /* the next one, if this one failed */
    return used;
}

void announcer_dump(const struct announcer *a, uint64_t now_us,
                    struct text *out)
{
    static const char *const states[] = {"idle", "http", "connect", "ask"};

    if (a->count == 0)
        return;
    text_printf(out, "announcer %s event %d tried %x failures %u due ",
                states[a->state], a->event, a->tried, a->failures);
    text_seconds(out, a->due_us == NEVER   ? 0
                      : a->due_us > now_us ? a->due_us - now_us
                                           : 0);
    for (unsigned i = 0; i < a->count; i++)
        text_printf(out, " %u:%s", a->tracker[i].tier, a->tracker[i].host);
    text_char(out, '\n');
}
