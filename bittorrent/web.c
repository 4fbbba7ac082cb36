/*
 * Streams of HTTP: a node gives its own .torrent to who asks for it by name,
 * asks the node that it joined for one, and hands what is for a tracker to
 * that.  See node.h.
 */
#include "bittorrent/node.h"

#include <assert.h>
#include <string.h>

struct web *web_of(struct bittorrent *n, conn_id conn)
{
    for (size_t i = 0; i < WEB_STREAMS_MAX; i++)
        if (n->web[i].conn == conn)
            return &n->web[i];
    return NULL;
}

/* Ask the node joined for NAME.torrent. */
static void web_ask(struct bittorrent *n, struct host *h)
{
    struct web *w = web_of(n, 0);
    struct text t = text_new();

    if (w == NULL)
        return;
    *w = (struct web){host_connect(h, n->join), n->join, true,
                      host_now(h) + HTTP_TRACKER_US};
    text_add(&t, "GET /");
    for (const char *c = n->wanted; *c != '\0'; c++)
        if ((*c >= '0' && *c <= '9') || (*c >= '@' && *c <= 'z') || *c == '.' ||
            *c == '-')
            text_char(&t, *c);
        else
            text_printf(&t, "%%%02x", (unsigned)(uint8_t)*c);
    text_add(&t, ".torrent HTTP/1.0\r\n\r\n");
    host_phase(h, w->conn, PHASE_HTTP);
    host_write(h, w->conn, t.data, t.len);
    text_free(&t);
}

/* The name in "/NAME.torrent" is that of our torrent. */
static bool names_ours(const struct bittorrent *n, struct slice target)
{
    const struct torrent *t = &n->torrent;
    char name[METAINFO_NAME_MAX + 16];
    int len = http_unescape(http_path(target), false, name, sizeof name);
    size_t want = t->meta.name.text_len;

    return t->state == TORRENT_OPEN && len > 0 && (size_t)len == want + 9 &&
           name[0] == '/' && memcmp(name + 1, t->meta.name.text, want) == 0 &&
           memcmp(name + 1 + want, ".torrent", 8) == 0;
}

static void web_serve_file(struct bittorrent *n, struct host *h, conn_id conn)
{
    const struct torrent *t = &n->torrent;
    struct text head = text_new();

    text_printf(&head,
                "HTTP/1.0 200 OK\r\nContent-Type: application/x-bittorrent"
                "\r\nContent-Length: %zu\r\n\r\n",
                t->file_len);
    text_bytes(&head, t->file, t->file_len);
    for (size_t at = 0; at < head.len; at += MESSAGE_BYTES_MAX) {
        size_t left = head.len - at;
        host_write(h, conn, head.data + at,
                   left < MESSAGE_BYTES_MAX ? left : MESSAGE_BYTES_MAX);
    }
    text_free(&head);
}

static size_t web_serve(struct bittorrent *n, struct host *h, struct web *w,
                        const struct event *e)
{
    static const char missing[] =
        "HTTP/1.0 404 Not Found\r\nContent-Length: 0\r\n\r\n";
    struct http_head head;
    int used = http_request(&head, e->data, e->len);

    host_reads(h, w->conn, PHASE_HTTP);
    if (used == 0)
        return 0;
    if (used < 0) {
        host_abort(h, w->conn);
        w->conn = 0;
        return 0;
    }
    host_phase(h, w->conn, PHASE_HTTP);
    if (names_ours(n, head.target))
        web_serve_file(n, h, w->conn);
    else if (n->tracker != NULL)
        return tracker_on_http(n->tracker, h, w->conn, w->from, e->data,
                               e->len);
    else
        host_write(h, w->conn, missing, sizeof missing - 1);
    host_finish(h, w->conn);
    return (size_t)used;
}

static void get_failed(struct bittorrent *n, struct host *h, const char *why)
{
    host_note(h, "no torrent: %s", why);
    if (n->command != 0)
        host_failed(h, n->command, why);
    n->command = 0;
}

/* The .torrent that we asked for. */
static size_t web_answer(struct bittorrent *n, struct host *h, struct web *w,
                         const struct event *e)
{
    struct http_head head;
    const char *why = "the answer is no HTTP";
    int used = http_answer(&head, e->data, e->len);

    if (used == 0)
        return 0;
    bool good = used > 0 && head.status == 200 && head.has_length &&
                head.content_length <= UNCONSUMED_MAX - (size_t)used;
    if (good && e->len - (size_t)used < head.content_length)
        return 0;
    conn_id conn = w->conn;
    w->conn = 0;
    if (used > 0 && !good)
        why = "nobody there has that torrent";
    if (!good ||
        !torrent_open(n, h, e->data + used, (size_t)head.content_length, &why))
        get_failed(n, h, why);
    else
        n->wanted[0] = '\0';
    host_abort(h, conn);
    return 0;
}

/* The first bytes say what a stream is: "GET " or a handshake. */
bool web_is(const struct event *e)
{
    return e->kind == EVENT_BYTES && e->len > 0 && e->data[0] == 'G';
}

/* Of those that others have opened, the one that came first. */
static struct web *slowest(struct bittorrent *n)
{
    struct web *first = NULL;

    for (size_t i = 0; i < WEB_STREAMS_MAX; i++)
        if (!n->web[i].ours &&
            (first == NULL || n->web[i].deadline_us < first->deadline_us))
            first = &n->web[i];
    assert(first != NULL); /* ours are few */
    return first;
}

void web_take(struct bittorrent *n, struct host *h, struct peer *p)
{
    struct web *w = web_of(n, 0);
    struct web made = {p->conn, p->from, false, host_now(h) + HTTP_TRACKER_US};

    if (w == NULL) {
        host_note(h, "too many ask by HTTP: who has taken longest goes");
        w = slowest(n);
        host_abort(h, w->conn);
    }
    *w = made;
    host_note(h, "peer closed: it is none, and asks for a file by HTTP");
    peer_gone(n, h, p);
}

size_t web_event(struct bittorrent *n, struct host *h, struct web *w,
                 const struct event *e)
{
    if (e->kind == EVENT_CLOSED || (e->kind == EVENT_EOF && w->ours)) {
        bool ours = w->ours;
        if (e->kind == EVENT_EOF)
            host_abort(h, w->conn);
        w->conn = 0;
        if (ours && n->torrent.state == TORRENT_NONE)
            n->wanted_us = host_now(h) + REDIAL_US / 5; /* ask again */
    } else if (e->kind == EVENT_EOF) {
        host_finish(h, w->conn);
    }
    if (e->kind != EVENT_BYTES)
        return 0;
    return w->ours ? web_answer(n, h, w, e) : web_serve(n, h, w, e);
}

void web_on_tick(struct bittorrent *n, struct host *h)
{
    for (size_t i = 0; i < WEB_STREAMS_MAX; i++)
        if (n->web[i].conn != 0 && n->web[i].deadline_us < host_now(h)) {
            host_abort(h, n->web[i].conn);
            n->web[i].conn = 0;
        }
    if (n->wanted[0] != '\0' && n->wanted_us <= host_now(h) &&
        n->torrent.state == TORRENT_NONE && !n->leaving) {
        n->wanted_us = host_now(h) + HTTP_TRACKER_US;
        web_ask(n, h);
    }
}
