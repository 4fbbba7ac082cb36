/*
 * Announces and their answers, over HTTP and UDP; see trackwire.h.
 *
 * The UDP messages are one walk for writing, reading and describing, as in
 * every protocol here.  HTTP's question is a list of parameters in any order,
 * of which unknown ones do not count; its answer is bencode.
 */
#include "bittorrent/trackwire.h"

#include <string.h>

#include "common/codec.h"

struct addr compact_read(const uint8_t in[COMPACT_BYTES])
{
    struct codec c = codec_reader(in, COMPACT_BYTES);
    struct addr a = {0, 0};

    code_addr(&c, "peer", &a);
    return a;
}

void compact_write(struct addr a, uint8_t out[COMPACT_BYTES])
{
    struct codec c = codec_writer(out, COMPACT_BYTES);

    code_addr(&c, "peer", &a);
}

/* -- The HTTP question --------------------------------------------------- */

static const char *const event_names[] = {"", "completed", "started",
                                          "stopped"};

static bool read_count(struct slice s, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(s.at[i] - '0');
    }
    return s.len > 0 && s.len <= 18;
}

/* Exactly 20 bytes, whatever they are. */
static bool read_20(struct slice s, uint8_t out[20])
{
    char bytes[21];

    if (http_unescape(s, true, bytes, sizeof bytes) != 20)
        return false;
    memcpy(out, bytes, 20);
    return true;
}

static bool read_event(struct slice s, enum announce_event *event)
{
    for (int i = ANNOUNCE_PERIODIC; i <= ANNOUNCE_STOPPED; i++)
        if (slice_is(s, event_names[i]))
            *event = (enum announce_event)i;
    return true; /* [bep21] paused, and what else there may be: no event */
}

/* Which of the needed ones were there. */
enum { GOT_INFOHASH = 1, GOT_PEER_ID = 2, GOT_PORT = 4 };

/* One parameter; false when it is one of ours and makes no sense. */
static bool read_parameter(struct announce *a, struct slice name,
                           struct slice value, unsigned *got)
{
    uint64_t number = 0;
    bool count = read_count(value, &number);

    if (slice_is(name, "info_hash")) {
        *got |= GOT_INFOHASH;
        return read_20(value, a->infohash);
    }
    if (slice_is(name, "peer_id")) {
        *got |= GOT_PEER_ID;
        return read_20(value, a->peer_id);
    }
    if (slice_is(name, "event"))
        return read_event(value, &a->event);
    if (slice_is(name, "port")) {
        *got |= GOT_PORT;
        a->port = (uint16_t)number;
        return count && number <= UINT16_MAX;
    }
    if (!count)
        return true; /* the rest are counts that one can do without */
    if (slice_is(name, "uploaded"))
        a->uploaded = number;
    else if (slice_is(name, "downloaded"))
        a->downloaded = number;
    else if (slice_is(name, "left"))
        a->left = number;
    else if (slice_is(name, "numwant"))
        a->numwant = number < NUMWANT_MAX ? (int32_t)number : NUMWANT_MAX;
    else if (slice_is(name, "compact"))
        a->compact = number == 1;
    else if (slice_is(name, "no_peer_id"))
        a->no_peer_id = number == 1;
    return true;
}

bool tracker_read_query(struct announce *a, struct slice target,
                        const char **why)
{
    struct slice query = http_query(target), name, value;
    unsigned got = 0;

    *a = (struct announce){.numwant = -1, .left = 1};
    *why = "a parameter makes no sense";
    while (http_next_parameter(&query, &name, &value))
        if (!read_parameter(a, name, value, &got))
            return false;
    *why = (got & GOT_INFOHASH) == 0  ? "info_hash is missing"
           : (got & GOT_PEER_ID) == 0 ? "peer_id is missing"
           : (got & GOT_PORT) == 0    ? "port is missing"
                                      : NULL;
    return *why == NULL;
}

/* Text that is written into a buffer, which may be too small. */
static void put(struct bencode_writer *w, const char *s)
{
    bencode_put_raw(w, s, strlen(s));
}

static void put_count(struct bencode_writer *w, const char *name,
                      uint64_t value)
{
    char digit[21];
    size_t at = sizeof digit - 1;

    digit[at] = '\0';
    do {
        digit[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    put(w, name);
    put(w, digit + at);
}

static void put_escaped(struct bencode_writer *w, const uint8_t *data,
                        size_t len)
{
    static const char hex[] = "0123456789ABCDEF";
    static const char plain[] = "-._~";

    for (size_t i = 0; i < len; i++) {
        uint8_t c = data[i];
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
            (c != 0 && memchr(plain, c, sizeof plain) != NULL)) {
            bencode_put_raw(w, &c, 1);
        } else {
            char escaped[3] = {'%', hex[c >> 4], hex[c & 15]};
            bencode_put_raw(w, escaped, 3);
        }
    }
}

size_t tracker_write_request(const struct announce *a, const char *host,
                             const char *path, uint8_t *out, size_t room)
{
    struct bencode_writer w = {out, 0, room, false};

    put(&w, "GET ");
    put(&w, path);
    put(&w, memchr(path, '?', strlen(path)) != NULL ? "&" : "?");
    put(&w, "info_hash=");
    put_escaped(&w, a->infohash, INFOHASH_BYTES);
    put(&w, "&peer_id=");
    put_escaped(&w, a->peer_id, PEER_ID_BYTES);
    put_count(&w, "&port=", a->port);
    put_count(&w, "&uploaded=", a->uploaded);
    put_count(&w, "&downloaded=", a->downloaded);
    put_count(&w, "&left=", a->left);
    put_count(&w, "&key=", a->key);
    if (a->numwant >= 0)
        put_count(&w, "&numwant=", (uint64_t)a->numwant);
    put(&w, "&compact=1");
    if (a->event != ANNOUNCE_PERIODIC) {
        put(&w, "&event=");
        put(&w, event_names[a->event]);
    }
    if (a->tracker_id.len > 0) {
        put(&w, "&trackerid=");
        put_escaped(&w, (const uint8_t *)a->tracker_id.at, a->tracker_id.len);
    }
    put(&w, " HTTP/1.0\r\nHost: ");
    put(&w, host);
    put(&w, "\r\nUser-Agent: p2plab\r\nConnection: close\r\n\r\n");
    return w.bad ? 0 : w.at;
}

/* -- The HTTP answer ----------------------------------------------------- */

static void found(struct announced *d, struct addr peer)
{
    if (d->peer_count < FOUND_MAX && peer.port != 0)
        d->peer[d->peer_count++] = peer;
}

static void read_compact(struct announced *d, const uint8_t *at, size_t len)
{
    for (size_t i = 0; i + COMPACT_BYTES <= len; i += COMPACT_BYTES)
        found(d, compact_read(at + i));
}

/* A peer as a dictionary, the form of [bep3]; its ip is text. */
static void read_peer(struct announced *d, const struct bencode *peer)
{
    struct bencode ip;
    int64_t port = bencode_number(peer, "port", 0);
    char text[32];
    struct addr a;

    if (!bencode_find(peer, "ip", BENCODE_STRING, &ip) || port <= 0 ||
        port > UINT16_MAX || ip.text_len + 3 > sizeof text)
        return;
    memcpy(text, ip.text, ip.text_len);
    memcpy(text + ip.text_len, ":1", 3);
    if (!addr_parse(&a, text))
        return; /* a name, or version 6 */
    a.port = (uint16_t)port;
    found(d, a);
}

static uint64_t read_interval(const struct bencode *body, const char *key)
{
    int64_t seconds = bencode_number(body, key, 0);

    if (seconds < 0)
        return 0;
    if (seconds > (int64_t)(ANNOUNCE_MOST_US / SECOND_US))
        return ANNOUNCE_MOST_US;
    return (uint64_t)seconds * SECOND_US;
}

static struct slice slice_of(const struct bencode *body, const char *key)
{
    struct bencode v;

    if (!bencode_find(body, key, BENCODE_STRING, &v))
        return (struct slice){"", 0};
    return (struct slice){(const char *)v.text, v.text_len};
}

int64_t tracker_read_body(struct announced *d, const uint8_t *data, size_t len)
{
    struct bencode body, peers, peer;
    int64_t used = bencode_read(&body, data, len, BENCODE_LOOSE);

    *d = (struct announced){
        .failure = {"", 0}, .warning = {"", 0}, .tracker_id = {"", 0}};
    if (used <= 0)
        return used;
    if (body.kind != BENCODE_DICT)
        return ERR_MALFORMED;
    d->failure = slice_of(&body, "failure reason");
    d->warning = slice_of(&body, "warning message");
    d->tracker_id = slice_of(&body, "tracker id");
    d->interval_us = read_interval(&body, "interval");
    d->min_interval_us = read_interval(&body, "min interval");
    d->seeders = (uint32_t)bencode_number(&body, "complete", 0);
    d->leechers = (uint32_t)bencode_number(&body, "incomplete", 0);
    if (bencode_find(&body, "peers", BENCODE_STRING, &peers))
        read_compact(d, peers.text, peers.text_len);
    else if (bencode_find(&body, "peers", BENCODE_LIST, &peers))
        for (struct bencode_walk w = bencode_walk(&peers);
             bencode_next(&w, NULL, &peer);)
            read_peer(d, &peer);
    return used;
}

static const struct bencode_name body_names[] = {
    {"failure reason", "failure", FORM_PLAIN, false},
    {"warning message", "warning", FORM_PLAIN, false},
    {"tracker id", "trackerid", FORM_PLAIN, true},
    {"interval", "interval", FORM_PLAIN, false},
    {"min interval", "min_interval", FORM_PLAIN, true},
    {"complete", "complete", FORM_PLAIN, false},
    {"incomplete", "incomplete", FORM_PLAIN, false},
    {"downloaded", "downloaded", FORM_PLAIN, false},
    {"peers", "peers", FORM_PEERS, false},
    {"peer id", "peer_id", FORM_PLAIN, true},
    {"ip", "ip", FORM_PLAIN, false},
    {"port", "port", FORM_PLAIN, false},
    {"files", "files", FORM_PLAIN, false},
    {NULL, NULL, FORM_PLAIN, false}};

/* What a parameter is called among fields, where it has a name of its own. */
static const char *parameter_name(struct slice name)
{
    static const char *const known[] = {
        "info_hash", "peer_id", "port",     "uploaded", "downloaded",
        "left",      "event",   "compact",  "numwant",  "no_peer_id",
        "key",       "ip",      "trackerid"};

    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (slice_is(name, known[i]))
            return known[i];
    return "parameter";
}

/* A field for data[from..to), with what is in it as text. */
static void add_text(struct fields *f, const char *name, const uint8_t *data,
                     size_t from, size_t to, struct slice value)
{
    if (to == from)
        return;
    struct field *leaf = fields_add(f, FIELD_TEXT, name, from, to - from);
    leaf->text = value.len > 0 ? value.at : (const char *)data + from;
    leaf->text_len = value.len;
}

/* The request line, parameter by parameter, and the rest of the head. */
static void describe_request(const struct http_head *head, const uint8_t *data,
                             struct fields *f)
{
    const char *start = (const char *)data;
    struct slice query = http_query(head->target), name, value;
    struct slice path = http_path(head->target);
    size_t at = (size_t)(path.at - start) + path.len;

    bool scrape =
        path.len >= 7 && memcmp(path.at + path.len - 7, "/scrape", 7) == 0;
    f->type = scrape ? "HTTP_SCRAPE" : "HTTP_ANNOUNCE";
    add_text(f, "path", data, 0, at, path);
    while (http_next_parameter(&query, &name, &value)) {
        size_t end = (size_t)(value.at - start) + value.len;
        add_text(f, parameter_name(name), data, at, end, value);
        at = end;
    }
    add_text(f, "headers", data, at, head->len, head->headers);
    f->at[f->count - 1].minor = true;
}

void tracker_describe_http(const uint8_t *data, size_t len, struct fields *f)
{
    struct http_head head;

    if (http_request(&head, data, len) > 0 && head.len == len) {
        describe_request(&head, data, f);
        return;
    }
    if (http_answer(&head, data, len) <= 0) {
        http_describe(data, len, f);
        return;
    }
    f->type = "HTTP_ANSWER";
    fields_add(f, FIELD_NUMBER, "status", 0, head.len)->number = head.status;
    size_t used = bencode_describe(f, data, head.len, len, body_names);
    fields_undecoded(f, head.len + used, len);
}

/* -- UDP ----------------------------------------------------------------- */

#define UDP_MAGIC_HIGH 0x417u
#define UDP_MAGIC_LOW 0x27101980u

/* 20 bytes, of the message's own. */
static void code_20(struct codec *c, const char *name, uint8_t bytes[20])
{
    const uint8_t *lent = bytes;

    code_data(c, name, FIELD_BYTES, &lent, 20);
    if (c->in != NULL && !c->bad)
        memcpy(bytes, lent, 20);
}

/* [bep15]: downloaded, left, uploaded, in this order, and not HTTP's. */
static void walk_announce(struct codec *c, struct announce *a)
{
    uint32_t event = a->event, ip = 0, numwant = (uint32_t)a->numwant;

    code_20(c, "info_hash", a->infohash);
    code_20(c, "peer_id", a->peer_id);
    code_minor(c);
    code_u64(c, "downloaded", &a->downloaded);
    code_u64(c, "left", &a->left);
    code_u64(c, "uploaded", &a->uploaded);
    code_u32(c, "event", &event);
    code_u32(c, "ip", &ip);
    code_minor(c);
    code_u32(c, "key", &a->key);
    code_minor(c);
    code_u32(c, "num_want", &numwant);
    code_u16(c, "port", &a->port);
    a->event = event <= ANNOUNCE_STOPPED ? (enum announce_event)event
                                         : ANNOUNCE_PERIODIC;
    a->numwant = (int32_t)numwant;
}

/* What stands behind the fixed part, to the end of the datagram. */
static void walk_rest(struct codec *c, struct udp_msg *m)
{
    bool scrape = m->action == UDP_SCRAPE;
    struct addr peer;

    if (c->in != NULL && !c->bad)
        m->rest_len = c->len - c->at;
    if (c->bad || (c->fields != NULL && m->rest_len == 0))
        return;
    if (c->fields == NULL || m->action == UDP_ERROR ||
        (!m->answer && !scrape)) {
        code_data(c, m->action == UDP_ERROR ? "text" : "options",
                  m->action == UDP_ERROR ? FIELD_TEXT : FIELD_BYTES, &m->rest,
                  m->rest_len);
        return;
    }
    size_t step = !scrape ? COMPACT_BYTES : m->answer ? 12 : INFOHASH_BYTES;
    code_begin(c, FIELD_LIST, !scrape ? "peers" : "swarms");
    while (c->len - c->at >= step && !c->bad)
        if (!scrape) {
            code_addr(c, "", &peer);
        } else if (!m->answer) {
            code_20(c, "", m->announce.infohash);
        } else {
            code_begin(c, FIELD_GROUP, "");
            code_u32(c, "seeders", &m->seeders);
            code_u32(c, "completed", &m->interval);
            code_u32(c, "leechers", &m->leechers);
            code_end(c);
        }
    code_end(c);
}

static void walk_udp(struct codec *c, struct udp_msg *m)
{
    uint32_t action = m->action;

    if (!m->answer && m->action == UDP_CONNECT) {
        code_magic(c, "magic", UDP_MAGIC_HIGH);
        code_magic(c, "magic", UDP_MAGIC_LOW);
    } else if (!m->answer) {
        code_u64(c, "connection", &m->connection);
        code_minor(c);
    }
    code_u32(c, "action", &action);
    code_minor(c);
    code_require(c, action == (uint32_t)m->action);
    code_u32(c, "transaction", &m->transaction);
    code_minor(c);
    if (m->answer && m->action == UDP_CONNECT)
        code_u64(c, "connection", &m->connection);
    if (!m->answer && m->action == UDP_ANNOUNCE)
        walk_announce(c, &m->announce);
    if (m->answer && m->action == UDP_ANNOUNCE) {
        code_u32(c, "interval", &m->interval);
        code_u32(c, "leechers", &m->leechers);
        code_u32(c, "seeders", &m->seeders);
    }
    if (m->action != UDP_CONNECT)
        walk_rest(c, m);
}

static uint32_t word_at(const uint8_t *data)
{
    return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 |
           (uint32_t)data[2] << 8 | data[3];
}

bool tracker_udp_is_answer(const uint8_t *data, size_t len)
{
    return len >= 8 && word_at(data) <= UDP_ERROR;
}

/* Which action these bytes are of, by where it stands; false for none. */
static bool find_action(struct udp_msg *m, bool answer, const uint8_t *data,
                        size_t len)
{
    *m = (struct udp_msg){.answer = answer};
    if (len < (answer ? 8 : 16))
        return false;
    uint32_t action = word_at(data + (answer ? 0 : 8));
    m->action = (enum udp_action)action;
    return action <= (answer ? UDP_ERROR : UDP_SCRAPE);
}

bool tracker_udp_decode(struct udp_msg *m, bool answer, const uint8_t *data,
                        size_t len)
{
    struct codec c = codec_reader(data, len);

    if (!find_action(m, answer, data, len))
        return false;
    walk_udp(&c, m);
    return !c.bad;
}

size_t tracker_udp_encode(struct udp_msg *m, uint8_t out[UDP_TRACKER_BYTES_MAX])
{
    struct codec c = codec_writer(out, UDP_TRACKER_BYTES_MAX);

    walk_udp(&c, m);
    return c.bad ? 0 : c.at;
}

void tracker_describe_udp(const uint8_t *data, size_t len, struct fields *f)
{
    static const char *const names[2][4] = {
        {"CONNECT", "ANNOUNCE", "SCRAPE", NULL},
        {"CONNECTED", "ANNOUNCED", "SCRAPED", "TRACKER_ERROR"}};
    struct codec c = codec_describer(data, len, f);
    bool answer = tracker_udp_is_answer(data, len);
    struct udp_msg m;
    size_t end = 0;

    if (find_action(&m, answer, data, len)) {
        walk_udp(&c, &m);
        if (!c.bad)
            f->type = names[answer][m.action];
    }
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].length > 0)
            end = f->at[i].offset + f->at[i].length;
    fields_undecoded(f, end, len);
}
