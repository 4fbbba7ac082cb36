/*
 * Files, from client to client: the server only introduces them.
 *
 *     203 -> 204 -> dial, "1", GET, size, data
 *     a firewalled holder: 500 -> it dials us: "1", SEND, offset, data
 *
 * Source: reference, section 6.  A peer's name of a file is only looked up
 * among what we share, or becomes a plain name in our folder; what nobody
 * has allowed is refused.  What has come of a file is kept: the next attempt
 * asks for the rest.
 */
#include "napster/node.h"

#include <assert.h>
#include <string.h>

#define TAG_SHARE 1
#define TAG_FETCHED 2

/* -- Connections --------------------------------------------------------- */

static struct peer *peer_of(const struct client *c, conn_id conn)
{
    struct peer *p = c->peers;

    while (p != NULL && p->conn != conn)
        p = p->next;
    return p;
}

struct peer *napster_peer_new(struct napster *n, struct host *h, conn_id conn,
                              enum peer_state state)
{
    struct client *c = n->client;
    struct peer *p = conn != 0 && c->peer_count < PEERS_MAX
                         ? host_alloc(h, sizeof *p)
                         : NULL;

    if (p == NULL) {
        if (conn != 0)
            host_abort(h, conn);
        return NULL;
    }
    *p = (struct peer){.next = c->peers,
                       .conn = conn,
                       .state = state,
                       .content = -1,
                       .deadline_us = host_now(h) + PEER_US};
    c->peers = p;
    c->peer_count++;
    host_phase(h, conn, PHASE_HANDSHAKE);
    return p;
}

/* 221 follows each 220, however the upload ends. */
static void end_upload(struct napster *n, struct host *h, struct peer *p)
{
    if (p->state != PEER_DATA)
        return;
    n->client->upload_count--;
    SAY(MSG_UPLOADED, "%s", "");
}

static void peer_free(struct napster *n, struct host *h, struct peer *p)
{
    struct peer **at = &n->client->peers;

    while (*at != p) {
        assert(*at != NULL); /* it stands in the list */
        at = &(*at)->next;
    }
    *at = p->next;
    n->client->peer_count--;
    end_upload(n, h, p);
    host_free(h, p, sizeof *p);
}

/* All is said: the other side reads it, and closes. */
void napster_peer_end(struct napster *n, struct host *h, struct peer *p)
{
    end_upload(n, h, p);
    p->state = PEER_END;
    p->deadline_us = host_now(h) + PEER_US;
    p->download = NULL;
    host_finish(h, p->conn);
}

static void peer_abort(struct napster *n, struct host *h, struct peer *p)
{
    host_abort(h, p->conn);
    peer_free(n, h, p);
}

/* -- Shares -------------------------------------------------------------- */

static bool make_room(struct client *c, struct host *h, uint32_t count)
{
    return host_grow(h, &c->share, &c->share_count, count, sizeof *c->share);
}

/* Hash the beginning of the next whole file, one at a time. */
static void hash_from(struct napster *n, struct host *h, int content)
{
    struct client *c = n->client;
    struct content x;

    c->hashing = false;
    for (; host_content(h, content, &x); content++) {
        if (!make_room(c, h, (uint32_t)content + 1) || !x.complete ||
            c->share[content].known)
            continue;
        c->hashing = true;
        host_content_hash(h, content, 0,
                          x.bytes < MD5_OF_BYTES ? x.bytes : MD5_OF_BYTES,
                          CONTENT_MD5, TAG_SHARE);
        return;
    }
}

/* -- Uploads ------------------------------------------------------------- */

static void grant(struct napster *n, struct host *h, struct slice nick,
                  int content)
{
    struct client *c = n->client;
    struct grant *g = &c->grant[c->grant_next++ % GRANTS_MAX];

    napster_copy(g->nick, sizeof g->nick, nick);
    g->content = content;
    g->deadline_us = host_now(h) + LOGIN_US;
}

/* Use up what was allowed: the content, or ERR_USAGE. */
static int take_grant(struct client *c, struct host *h, struct slice nick,
                      int content)
{
    for (uint32_t i = 0; i < GRANTS_MAX; i++) {
        struct grant *g = &c->grant[i];
        if (content < 0 || g->content != content ||
            g->deadline_us < host_now(h) ||
            !napster_same(nick, napster_slice(g->nick)))
            continue;
        g->content = -1;
        return content;
    }
    return ERR_USAGE;
}

static void on_upload_ask(struct napster *n, struct host *h, struct slice nick,
                          struct slice file)
{
    struct client *c = n->client;
    int content = napster_content_find(h, file);

    if (content < 0 || (uint32_t)content >= c->share_count ||
        !c->share[content].sent || n->leaving)
        return; /* silence refuses */
    if (c->upload_count >= UPLOADS_MAX) {
        SAY(MSG_QUEUE_LIMIT, "%.*s \"%.*s\" %u", (int)nick.len, nick.at,
            (int)file.len, file.at, UPLOADS_MAX);
        return;
    }
    grant(n, h, nick, content);
    SAY(MSG_UPLOAD_OK, "%.*s \"%.*s\"", (int)nick.len, nick.at, (int)file.len,
        file.at);
}

static void send_more(struct napster *n, struct host *h, struct peer *p)
{
    p->deadline_us = host_now(h) + PEER_US;
    if (host_write_range(h, p->conn, p->content, &p->at, p->bytes)) {
        n->client->sent_files++;
        napster_peer_end(n, h, p);
    }
}

static void begin_upload(struct napster *n, struct host *h, struct peer *p)
{
    p->state = PEER_DATA;
    n->client->upload_count++;
    SAY(MSG_UPLOADING, "%s", "");
    send_more(n, h, p);
}

void napster_say(struct host *h, struct peer *p, const char *text)
{
    host_write(h, p->conn, text, strlen(text));
}

/* The offset's digits have ended in silence: answer the GET. */
static void answer_get(struct napster *n, struct host *h, struct peer *p)
{
    LOCAL_TEXT t = text_new();

    if (p->at > p->bytes) {
        napster_say(h, p, "INVALID REQUEST");
        napster_peer_end(n, h, p);
        return;
    }
    text_u64(&t, p->bytes);
    host_write(h, p->conn, t.data, t.len);
    begin_upload(n, h, p);
}

/* 501: dial a downloader that cannot reach us. */
static void on_push_to(struct napster *n, struct host *h, struct slice nick,
                       struct addr to, struct slice file)
{
    struct client *c = n->client;
    int content = take_grant(c, h, nick, napster_content_find(h, file));
    struct peer *p;

    if (content < 0)
        return; /* the server could aim us at anybody */
    p = napster_peer_new(n, h, host_connect(h, to), PEER_PUSH_DIAL);
    if (p == NULL)
        return;
    p->content = content;
    napster_copy(p->nick, sizeof p->nick, nick);
}

static void send_push(struct napster *n, struct host *h, struct peer *p)
{
    LOCAL_TEXT t = text_new();
    struct content x;

    if (!host_content(h, p->content, &x)) {
        napster_peer_end(n, h, p);
        return;
    }
    p->bytes = x.bytes;
    text_printf(&t, "SEND%s \"", n->nick);
    for (const char *s = x.name; *s != '\0'; s++)
        text_char(&t, *s == '/' ? '\\' : *s);
    text_printf(&t, "\" %llu", (unsigned long long)x.bytes);
    host_write(h, p->conn, t.data, t.len);
    p->state = PEER_PUSH_OFFSET;
}

/* More digits of an offset: how many of the bytes. */
static size_t take_digits(struct host *h, struct peer *p, const struct event *e)
{
    size_t i = 0;

    while (i < e->len && e->data[i] >= '0' && e->data[i] <= '9') {
        if (p->at < CONTENT_MAX_BYTES)
            p->at = p->at * 10 + (uint64_t)(e->data[i] - '0');
        i++;
    }
    p->digits = p->digits || i > 0;
    p->deadline_us = host_now(h) + DIGITS_US;
    return i;
}

/* -- Downloads ----------------------------------------------------------- */

static void drop_download(struct napster *n, struct host *h, struct download *d)
{
    struct download **at = &n->client->downloads;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    n->client->download_count--;
    if (d->reported)
        SAY(MSG_DOWNLOADED, "%s", "");
    if (d->peer != NULL)
        napster_peer_end(n, h, d->peer);
    host_free(h, d, sizeof *d);
}

static void fail(struct napster *n, struct host *h, struct download *d,
                 const char *why)
{
    host_failed(h, d->command, why);
    drop_download(n, h, d);
}

static void wait_for(struct download *d, struct host *h,
                     enum download_state state, uint64_t delay_us)
{
    d->state = state;
    d->deadline_us = delay_us == NEVER ? NEVER : host_now(h) + delay_us;
}

static void ask_holder(struct napster *n, struct host *h, struct download *d)
{
    if (n->client->state != SESSION_ONLINE) {
        wait_for(d, h, DOWN_RETRY, RECONNECT_US);
        return;
    }
    SAY(MSG_DOWNLOAD, "%s \"%s\"", d->hit.nick, d->hit.name);
    wait_for(d, h, DOWN_ASKED, ASK_US);
}

/* The attempt has ended early: again, unless nothing moves any more. */
static void retry(struct napster *n, struct host *h, struct download *d,
                  const char *why)
{
    if (d->at > d->from)
        d->tries = 0;
    d->peer = NULL;
    d->from = d->at;
    if (++d->tries > RETRIES_MAX) {
        fail(n, h, d, why);
        return;
    }
    host_note(h, "%s at byte %llu; again in 2 s", why,
              (unsigned long long)d->at);
    wait_for(d, h, DOWN_RETRY, RECONNECT_US);
}

/* Where to go on: a little before the end of what is here, so that the size
   before the data cannot be mistaken for what remains. */
static void set_offset(struct host *h, struct download *d)
{
    uint64_t have = host_content_run(h, d->content, 0), bytes = d->hit.bytes;

    if (bytes - have < RESUME_BACK)
        have = bytes > RESUME_BACK ? bytes - RESUME_BACK : 0;
    d->at = d->from = have;
}

static void send_get(struct napster *n, struct host *h, struct download *d)
{
    LOCAL_TEXT t = text_new();

    set_offset(h, d);
    text_printf(&t, "GET%s \"%s\" %llu", n->nick, d->hit.name,
                (unsigned long long)d->at);
    host_write(h, d->peer->conn, t.data, t.len);
    wait_for(d, h, DOWN_SIZE, PEER_US);
}

static void begin_data(struct napster *n, struct host *h, struct download *d)
{
    if (!d->reported)
        SAY(MSG_DOWNLOADING, "%s", "");
    d->reported = true;
    wait_for(d, h, DOWN_DATA, PEER_US);
}

static void check(struct napster *n, struct host *h, struct download *d)
{
    uint64_t bytes = d->hit.bytes;

    if (d->peer != NULL)
        napster_peer_end(n, h, d->peer);
    d->peer = NULL;
    wait_for(d, h, DOWN_CHECK, NEVER);
    host_content_hash(h, d->content, 0,
                      bytes < MD5_OF_BYTES ? bytes : MD5_OF_BYTES, CONTENT_MD5,
                      TAG_FETCHED);
}

static size_t take_size(struct napster *n, struct host *h, struct download *d,
                        const struct event *e)
{
    int used = napster_size(e->data, e->len, d->hit.bytes, d->at);

    if (used < 0) {
        char error[65];
        napster_copy(error, sizeof error,
                     (struct slice){(const char *)e->data, e->len});
        struct peer *p = d->peer;
        d->tries = RETRIES_MAX; /* it will not think better of it */
        host_note(h, "the holder says: %s", error);
        d->at = d->from;
        retry(n, h, d, "the holder refuses");
        napster_peer_end(n, h, p);
        return e->len;
    }
    if (used > 0)
        begin_data(n, h, d);
    if (used > 0 && d->at == d->hit.bytes)
        check(n, h, d);
    return (size_t)used;
}

static size_t take_data(struct napster *n, struct host *h, struct download *d,
                        const struct event *e)
{
    uint64_t left = d->hit.bytes - d->at;
    size_t len = e->len < MESSAGE_BYTES_MAX ? e->len : MESSAGE_BYTES_MAX;

    len = left < len ? (size_t)left : len; /* never beyond the size */
    if (host_content_write(h, d->content, d->at, e->data, len) < 0) {
        fail(n, h, d, "the file cannot be written");
        return e->len;
    }
    d->at += len;
    d->deadline_us = host_now(h) + PEER_US;
    if (d->at == d->hit.bytes)
        check(n, h, d);
    return len;
}

static bool same_md5(const uint8_t *md5, const char *text)
{
    char mine[2 * MD5_BYTES + 1];

    napster_hex(md5, mine); /* a text of another length is another's: opaque */
    return strlen(text) != strlen(mine) ||
           napster_same(napster_slice(mine), napster_slice(text));
}

static void succeed(struct napster *n, struct host *h, struct download *d)
{
    struct client *c = n->client;
    LOCAL_FIELDS f = fields_new();
    int content = d->content;
    struct content x;

    if (host_content_complete(h, content) < 0 ||
        !host_content(h, content, &x)) {
        fail(n, h, d, "the file cannot be given its name");
        return;
    }
    c->got_files++;
    fields_text(&f, "file", x.name);
    fields_number(&f, "bytes", d->hit.bytes);
    fields_text(&f, "from", d->hit.nick);
    fields_bool(&f, "pushed", d->pushed);
    struct field *took = fields_add(&f, FIELD_TIME, "seconds", 0, 0);
    took->number = host_now(h) - d->begun_us;
    host_result(h, d->command, true, &f);
    drop_download(n, h, d);
    napster_client_share(n, h, content);
}

/* A file whose name no message can hold is not shared, and its owner hears it
   once.  Source: reference, section 8. */
static bool is_refused(struct host *h, int content)
{
    LOCAL_FIELDS f = fields_new();
    char wire[FILE_NAME_MAX + 1];
    struct content x;
    bool refused =
        host_content(h, content, &x) && !napster_wire_name(x.name, wire);

    if (refused) {
        fields_text(&f, "file", x.name);
        fields_text(&f, "error", "not shared: no message can hold this name");
        host_result(h, 0, false, &f);
    }
    return refused;
}

void napster_transfer_on_hashed(struct napster *n, struct host *h,
                                const struct event *e)
{
    struct client *c = n->client;
    struct download *d = c->downloads;
    bool known = e->len == MD5_BYTES && e->content >= 0 &&
                 make_room(c, h, (uint32_t)e->content + 1);

    if (known) {
        memcpy(c->share[e->content].md5, e->data, MD5_BYTES);
        c->share[e->content].known = true;
    }
    if (e->tag == TAG_SHARE) {
        if (known && !is_refused(h, e->content))
            napster_client_share(n, h, e->content);
        hash_from(n, h, e->content + 1);
        return;
    }
    while (d != NULL && (d->content != e->content || d->state != DOWN_CHECK))
        d = d->next;
    if (d != NULL && known && same_md5(e->data, d->hit.md5)) {
        succeed(n, h, d);
    } else if (d != NULL) {
        host_content_forget(h, d->content, 0, d->hit.bytes);
        fail(n, h, d, "the bytes have another MD5 than was promised");
    }
}

/* Only the last part of a peer's path, whichever slash it uses; what is still
   unfit for a name, host_content_fetch refuses. */
static const char *base_name(const char *path)
{
    const char *base = path;

    for (; *path != '\0'; path++)
        if (*path == '/' || *path == '\\' || *path == ':')
            base = path + 1;
    return base;
}

void napster_transfer_get(struct napster *n, struct host *h, uint32_t command,
                          const struct hit *hit)
{
    struct client *c = n->client;
    const char *base = base_name(hit->name);
    struct download *d;

    if (c->download_count == DOWNLOADS_MAX) {
        host_failed(h, command, "too many downloads at a time");
        return;
    }
    int content = host_content_fetch(h, command, base, hit->bytes);
    if (content < 0)
        return;
    for (d = c->downloads; d != NULL && d->content != content;)
        d = d->next;
    bool twice = d != NULL;
    d = twice ? NULL : host_alloc(h, sizeof *d);
    if (d == NULL) {
        host_failed(h, command,
                    twice ? "that file is on its way already" : "no memory");
        return;
    }
    *d = (struct download){.next = c->downloads,
                           .command = command,
                           .hit = *hit,
                           .content = content,
                           .begun_us = host_now(h)};
    c->downloads = d;
    c->download_count++;
    if (d->hit.bytes == 0)
        check(n, h, d);
    else
        ask_holder(n, h, d);
    napster_arm(n, h);
}

/* -- The server's word --------------------------------------------------- */

static struct download *download_of(const struct client *c, struct slice nick,
                                    struct slice file)
{
    for (struct download *d = c->downloads; d != NULL; d = d->next)
        if (napster_same(nick, napster_slice(d->hit.nick)) &&
            napster_same(file, napster_slice(d->hit.name)))
            return d;
    return NULL;
}

/* 204: dial the holder, or have it dial us. */
static void on_download_ok(struct napster *n, struct host *h,
                           struct download *d, struct addr to, struct slice md5)
{
    if (d->state != DOWN_ASKED && d->state != DOWN_PUSHED)
        return;
    if (napster_same(md5, napster_slice("firewallerror"))) {
        fail(n, h, d, "both sides are behind a firewall");
    } else if (to.port == 0) {
        host_note(h, "the holder is behind a firewall: it shall call us");
        d->pushed = true;
        SAY(MSG_PUSH, "%s \"%s\"", d->hit.nick, d->hit.name);
        wait_for(d, h, DOWN_PUSHED, ASK_US);
    } else {
        d->peer = napster_peer_new(n, h, host_connect(h, to), PEER_DOWN);
        if (d->peer == NULL) {
            fail(n, h, d, "too many connections");
            return;
        }
        d->peer->download = d;
        wait_for(d, h, DOWN_DIAL, PEER_US);
    }
}

void napster_transfer_on_notice(struct napster *n, struct host *h,
                                struct slice text)
{
    struct download *meant = NULL;
    struct slice nick = {"", 0};
    bool named = false;

    (void)napster_next(&text, &nick);
    for (struct download *d = n->client->downloads; d != NULL; d = d->next) {
        bool his = napster_same(nick, napster_slice(d->hit.nick));
        if (d->state > DOWN_PUSHED || (named && !his) ||
            (meant != NULL && named == his &&
             d->deadline_us < meant->deadline_us))
            continue;
        meant = d;
        named = his;
    }
    if (meant != NULL)
        retry(n, h, meant, "the server refuses");
}

void napster_transfer_on_message(struct napster *n, struct host *h,
                                 const struct napster_msg *m)
{
    struct slice f[FIELDS_OF_ONE];
    int count =
        napster_split((struct slice){m->text, m->len}, f, FIELDS_OF_ONE);
    bool long_form = m->type == MSG_DOWNLOAD_OK || m->type == MSG_PUSH_TO;
    uint64_t ip = 0, port = 0;

    if (count < (long_form ? 5 : 2) ||
        (long_form && (!napster_number(f[1], UINT32_MAX, &ip) ||
                       !napster_number(f[2], UINT16_MAX, &port))))
        return;
    struct addr to = {napster_ip((uint32_t)ip), (uint16_t)port};
    struct download *d = download_of(n->client, f[0], f[long_form ? 3 : 1]);
    switch (m->type) {
    case MSG_UPLOAD_ASK:
        on_upload_ask(n, h, f[0], f[1]);
        break;
    case MSG_PUSH_TO:
        on_push_to(n, h, f[0], to, f[3]);
        break;
    case MSG_DOWNLOAD_OK:
        if (d != NULL)
            on_download_ok(n, h, d, to, f[4]);
        break;
    case MSG_NOT_HERE:
        if (d != NULL && d->state == DOWN_ASKED)
            retry(n, h, d, "the holder is gone or shares it no more");
        break;
    case MSG_UPLOAD_NO:
    case MSG_QUEUED:
        if (d != NULL && d->state <= DOWN_PUSHED)
            retry(n, h, d, "the holder has no slot free");
        break;
    default:
        break; /* Source: reference, section 5: log and ignore */
    }
    napster_arm(n, h);
}

/* -- Events of a connection ---------------------------------------------- */

static size_t on_get(struct napster *n, struct host *h, struct peer *p,
                     const struct napster_request *r)
{
    int content =
        take_grant(n->client, h, r->nick, napster_content_find(h, r->file));
    struct content x;

    if (content < 0 || !host_content(h, content, &x) || !x.complete) {
        host_note(h, "refuses a GET that was not agreed on");
        napster_say(h, p, "INVALID REQUEST");
        napster_peer_end(n, h, p);
        return 0;
    }
    p->state = PEER_ASKED;
    p->content = content;
    p->bytes = x.bytes;
    p->at = r->number;
    p->deadline_us = host_now(h) + DIGITS_US;
    return 0;
}

/* SEND: a holder calls us.  Only what we have asked for. */
static void on_send(struct napster *n, struct host *h, struct peer *p,
                    const struct napster_request *r)
{
    struct download *d = download_of(n->client, r->nick, r->file);
    LOCAL_TEXT t = text_new();

    if (d == NULL || d->state != DOWN_PUSHED) {
        host_note(h, "refuses a SEND that nobody asked for");
        napster_say(h, p, "INVALID REQUEST");
        napster_peer_end(n, h, p);
        return;
    }
    p->state = PEER_DOWN;
    p->download = d;
    d->peer = p;
    set_offset(h, d);
    text_u64(&t, d->at);
    host_write(h, p->conn, t.data, t.len);
    begin_data(n, h, d);
}

static size_t on_request(struct napster *n, struct host *h, struct peer *p,
                         const struct event *e)
{
    struct napster_request r;
    int used = napster_request(&r, e->data, e->len);

    if (used < 0) {
        napster_say(h, p, "INVALID REQUEST");
        napster_peer_end(n, h, p);
        return e->len;
    }
    if (used > 0 && r.list)
        napster_list_on_request(n, h, p, &r);
    else if (used > 0 && r.send)
        on_send(n, h, p, &r);
    else if (used > 0)
        on_get(n, h, p, &r);
    return (size_t)used;
}

/* The byte "1" of whoever accepted. */
static size_t on_one(struct napster *n, struct host *h, struct peer *p,
                     const struct event *e)
{
    struct download *d = p->download;

    if (*e->data != '1' && d != NULL) {
        retry(n, h, d, "the holder speaks another protocol");
        napster_peer_end(n, h, p);
        return e->len;
    }
    if (d != NULL)
        send_get(n, h, d);
    else if (*e->data == '1' && p->state == PEER_LIST_ONE) {
        napster_say(h, p, "GETLIST");
        p->state = PEER_LIST_IN;
    } else if (*e->data == '1' && p->content < 0)
        napster_list_begin(n, h, p, "SENDLIST ");
    else if (*e->data == '1')
        send_push(n, h, p);
    return 1;
}

static size_t on_bytes(struct napster *n, struct host *h, struct peer *p,
                       const struct event *e)
{
    struct download *d = p->download;
    bool data = p->state == PEER_DOWN && d->state == DOWN_DATA;

    host_reads(h, p->conn, data ? PHASE_BULK : PHASE_HANDSHAKE);
    switch (p->state) {
    case PEER_ACCEPTED:
        return on_request(n, h, p, e);
    case PEER_DOWN:
        if (d->state == DOWN_ONE)
            return on_one(n, h, p, e);
        return d->state == DOWN_SIZE ? take_size(n, h, d, e)
                                     : take_data(n, h, d, e);
    case PEER_PUSH_ONE:
    case PEER_LIST_ONE:
        return on_one(n, h, p, e);
    case PEER_LIST_IN:
        return napster_list_take(n, h, p, e);
    case PEER_ASKED:
    case PEER_PUSH_OFFSET:
        if (take_digits(h, p, e) == e->len)
            return e->len;
        napster_peer_end(n, h, p); /* INVALID REQUEST, or noise */
        return e->len;
    case PEER_PUSH_DIAL:
    case PEER_DATA:
    case PEER_LIST_OUT:
    case PEER_END:
        break;
    }
    return e->len; /* nothing more is wanted */
}

static void on_open(struct host *h, struct peer *p)
{
    if (p->download != NULL)
        wait_for(p->download, h, DOWN_ONE, PEER_US);
    else if (p->state == PEER_PUSH_DIAL)
        p->state = PEER_PUSH_ONE;
    else if (p->state == PEER_LIST_ONE) /* it speaks in time, or never */
        p->deadline_us = host_now(h) + LIST_US;
}

static void on_gone(struct napster *n, struct host *h, struct peer *p,
                    bool refused)
{
    struct download *d = p->download;

    p->download = NULL;
    if ((p->state == PEER_LIST_ONE || p->state == PEER_LIST_IN) &&
        napster_client_lists(n->client, napster_slice(p->nick))) {
        if (refused)
            SAY(MSG_PORT_ERROR, "%s", p->nick);
        napster_client_give_up(n, h, "the list does not come, or broke off");
    }
    if (d == NULL)
        return;
    if (d->state == DOWN_DIAL) /* Source: reference, type 626 */
        SAY(MSG_PORT_ERROR, "%s", d->hit.nick);
    retry(n, h, d, "the holder is gone");
}

size_t napster_transfer_event(struct napster *n, struct host *h,
                              const struct event *e)
{
    struct peer *p = peer_of(n->client, e->conn);
    size_t used = 0;

    if (e->kind == EVENT_ACCEPT) {
        bool open = !n->leaving && !napster_firewalled(n);
        p = open ? napster_peer_new(n, h, e->conn, PEER_ACCEPTED) : NULL;
        if (p != NULL)
            napster_say(h, p, "1");
        else if (!open)
            host_abort(h, e->conn);
    } else if (p == NULL) {
        used = e->len;
    } else if (e->kind == EVENT_OPEN) {
        on_open(h, p);
    } else if (e->kind == EVENT_BYTES) {
        used = on_bytes(n, h, p, e);
    } else if (e->kind == EVENT_ROOM && p->state == PEER_DATA) {
        send_more(n, h, p);
    } else if (e->kind == EVENT_ROOM && p->state == PEER_LIST_OUT) {
        napster_list_more(n, h, p);
    } else if (e->kind == EVENT_EOF && p->state != PEER_DATA &&
               p->state != PEER_LIST_OUT && p->state != PEER_ASKED) {
        on_gone(n, h, p, false);
        napster_peer_end(n, h, p);
    } else if (e->kind == EVENT_CLOSED) {
        on_gone(n, h, p, e->error == CLOSE_REFUSED);
        peer_free(n, h, p);
    }
    return used;
}

/* -- Timers -------------------------------------------------------------- */

uint64_t napster_transfer_deadline(const struct client *c)
{
    uint64_t least = NEVER;

    for (const struct peer *p = c->peers; p != NULL; p = p->next)
        if (p->download == NULL && p->deadline_us < least)
            least = p->deadline_us;
    for (const struct download *d = c->downloads; d != NULL; d = d->next)
        least = d->deadline_us < least ? d->deadline_us : least;
    return least;
}

static void expire_peer(struct napster *n, struct host *h, struct peer *p)
{
    bool push = p->state == PEER_PUSH_OFFSET && p->digits && p->at <= p->bytes;

    if ((push || p->state == PEER_ASKED) &&
        n->client->upload_count >= UPLOADS_MAX) {
        /* Silence: an error text would tell it not to ask again. */
        host_note(h, "many were allowed at once, and no slot is free any more");
        napster_peer_end(n, h, p);
    } else if (p->state == PEER_ASKED) {
        answer_get(n, h, p);
    } else if (push) {
        begin_upload(n, h, p);
    } else {
        on_gone(n, h, p, p->state == PEER_LIST_ONE);
        peer_abort(n, h, p);
    }
}

void napster_transfer_expire(struct napster *n, struct host *h)
{
    uint64_t now = host_now(h);
    struct peer *next_peer;
    struct download *next;

    for (struct peer *p = n->client->peers; p != NULL; p = next_peer) {
        next_peer = p->next;
        if (p->download == NULL && p->deadline_us <= now)
            expire_peer(n, h, p);
    }
    for (struct download *d = n->client->downloads; d != NULL; d = next) {
        next = d->next;
        if (d->deadline_us > now)
            continue;
        if (d->state == DOWN_RETRY) {
            ask_holder(n, h, d);
            continue;
        }
        struct peer *p = d->peer;
        if (d->state == DOWN_DIAL)
            SAY(MSG_PORT_ERROR, "%s", d->hit.nick);
        if (p != NULL)
            p->download = NULL;
        retry(n, h, d, "the holder does not answer");
        if (p != NULL)
            peer_abort(n, h, p);
    }
}

void napster_transfer_stop(struct napster *n, struct host *h)
{
    while (n->client->downloads != NULL)
        fail(n, h, n->client->downloads, "the node leaves");
    while (n->client->peers != NULL)
        peer_abort(n, h, n->client->peers);
}

void napster_transfer_start(struct napster *n, struct host *h)
{
    hash_from(n, h, 0);
}
