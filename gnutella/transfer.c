/*
 * Files: HTTP between two servents, no third one in between.
 *
 *     GET -> body -> SHA-1 -> done
 *     a firewalled holder: a push first (push.c)
 *
 * Source: reference, section 7.  A request names a file by index and name,
 * which must both be of one shared file, or by its hash: no path is ever made
 * of it.  What has come of a file is kept; the next GET asks for the rest.
 */
#include "gnutella/node.h"

#include <string.h>

#define TAG_SHARED 1 /* of a hash under way: of a file that we share */
#define TAG_FETCHED 2
#define NAME_BYTES 512 /* of a file's name in a request */

/* -- Hashes of what is shared -------------------------------------------- */

const uint8_t *gnutella_transfer_sha1(const struct gnutella *n, int content)
{
    if (content < 0 || (uint32_t)content >= n->digest_count ||
        !n->digests[content].known)
        return NULL;
    return n->digests[content].sha1;
}

static void keep_digest(struct gnutella *n, struct host *h, int content,
                        const uint8_t *sha1)
{
    if (content < 0 || content >= FILES_MAX ||
        !host_grow(h, &n->digests, &n->digest_count, (uint32_t)content + 1,
                   sizeof *n->digests))
        return;
    memcpy(n->digests[content].sha1, sha1, SHA1_BYTES);
    n->digests[content].known = true;
    gnutella_qrp_changed(n, h); /* its hash, and a fetched one's name */
}

/* Hash the next whole file from `content` on, one at a time. */
static void hash_from(struct host *h, int content)
{
    struct content c;

    for (; (size_t)content < host_content_count(h) && content < FILES_MAX;
         content++)
        if (host_content(h, content, &c) && c.complete) {
            host_content_hash(h, content, 0, c.bytes, CONTENT_SHA1, TAG_SHARED);
            return;
        }
}

void gnutella_transfer_start(struct gnutella *n, struct host *h)
{
    (void)n;
    hash_from(h, 0);
}

/* -- Uploads ------------------------------------------------------------- */

static void answer(struct host *h, struct link *l, const char *status,
                   const char *headers, uint64_t bytes)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "HTTP/1.1 %s\r\nServer: " PRODUCT "\r\n%sContent-Length: "
                "%llu\r\n\r\n",
                status, headers, (unsigned long long)bytes);
    host_phase(h, l->conn, PHASE_HTTP);
    host_write(h, l->conn, t.data, t.len);
}

/* The answer is out: wait for the next request, or end. */
static void answered(struct gnutella *n, struct host *h, struct link *l)
{
    if (l->last) {
        gnutella_link_finish(h, l);
    } else {
        l->state = LINK_ACCEPTED;
        l->deadline_us = host_now(h) + IDLE_US;
    }
    gnutella_arm(n, h);
}

static void decline(struct gnutella *n, struct host *h, struct link *l,
                    const char *status, const char *headers)
{
    host_note(h, "answers a request: %s", status);
    answer(h, l, status, headers, 0);
    l->last = true;
    answered(n, h, l);
}

static void send_more(struct gnutella *n, struct host *h, struct link *l)
{
    l->deadline_us = host_now(h) + IDLE_US;
    if (host_write_range(h, l->conn, l->content, &l->at, l->end))
        answered(n, h, l);
}

void gnutella_transfer_on_room(struct gnutella *n, struct host *h,
                               struct link *l)
{
    if (l->state == LINK_UPLOAD)
        send_more(n, h, l);
}

static unsigned uploads(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += l->state == LINK_UPLOAD;
    return count;
}

static int find_by_hash(const struct gnutella *n, struct slice urn)
{
    uint8_t sha1[SHA1_BYTES];

    if (!gnutella_urn((struct span){(const uint8_t *)urn.at, urn.len}, sha1))
        return ERR_USAGE;
    for (uint32_t i = 0; i < n->digest_count; i++)
        if (n->digests[i].known &&
            memcmp(n->digests[i].sha1, sha1, SHA1_BYTES) == 0)
            return (int)i;
    return ERR_USAGE;
}

/* No path is made of a name; but who sends such a one should hear it. */
static bool has_dots(const char *name)
{
    for (; *name != '\0'; name++)
        if (name[0] == '.' && name[1] == '.')
            return true;
    return false;
}

/* The content that a target names; ERR_USAGE: none, ERR_MALFORMED. */
static int find_target(const struct gnutella *n, struct host *h,
                       struct slice target)
{
    char name[NAME_BYTES];
    struct content c;
    uint64_t index;

    if (slice_skip(&target, "/uri-res/N2R?"))
        return find_by_hash(n, target);
    if (!slice_skip(&target, "/get/") || !slice_number(&target, &index) ||
        !slice_skip(&target, "/"))
        return ERR_USAGE;
    if (target.len > 0 && target.at[target.len - 1] == '/')
        target.len--; /* 0.4 wrote /get/1/name/ */
    int len = http_unescape(target, false, name, sizeof name);
    if (len < 0 || has_dots(name))
        return ERR_MALFORMED;
    if (index > INT32_MAX || !host_content(h, (int)index, &c) ||
        strcmp(c.name, name) != 0)
        return ERR_USAGE;
    return (int)index;
}

static void serve(struct gnutella *n, struct host *h, struct link *l,
                  const struct http_head *head, int content)
{
    const uint8_t *sha1 = gnutella_transfer_sha1(n, content);
    LOCAL_TEXT t = text_new();
    struct slice range;
    struct content c;
    char urn[URN_BYTES];
    bool part = http_header(head, "range", &range);

    host_content(h, content, &c);
    l->at = 0;
    l->end = c.bytes;
    if (part && !http_range(range, c.bytes, &l->at, &l->end)) {
        decline(n, h, l, "416 Requested Range Not Satisfiable", "");
        return;
    }
    text_add(&t, "Content-Type: application/binary\r\n");
    if (part)
        text_printf(&t, "Content-Range: bytes %llu-%llu/%llu\r\n",
                    (unsigned long long)l->at, (unsigned long long)l->end - 1,
                    (unsigned long long)c.bytes);
    if (sha1 != NULL) {
        gnutella_urn_write(sha1, urn);
        text_printf(&t, "X-Gnutella-Content-URN: %s\r\n", urn);
    }
    answer(h, l, part ? "206 Partial Content" : "200 OK", t.data,
           l->end - l->at);
    l->content = content;
    l->state = LINK_UPLOAD;
    if (slice_is(head->method, "HEAD"))
        l->at = l->end;
    else
        host_phase(h, l->conn, PHASE_BULK);
    send_more(n, h, l);
    gnutella_arm(n, h);
}

/* The place in the queue of who asks from there, from 1; 0: it is served, and
   waits no more.  Source: reference, section 7, X-Queue; who does not ask
   again in time loses the place (ours). */
static unsigned place_of(struct gnutella *n, struct host *h, uint32_t ip)
{
    unsigned at = 0, count = 0;

    for (unsigned i = 0; i < n->waiting_count; i++)
        if (n->waiting[i].until_us > host_now(h))
            n->waiting[count++] = n->waiting[i];
    while (at < count && n->waiting[at].ip != ip)
        at++;
    bool served = uploads(n) + at < UPLOADS_MAX;
    if (served && at < count) {
        count--;
        memmove(&n->waiting[at], &n->waiting[at + 1],
                (count - at) * sizeof n->waiting[0]);
    } else if (!served && at < WAITING_MAX) {
        n->waiting[at] =
            (struct waiter){ip, host_now(h) + POLL_MOST_US + BYE_US};
        count += at == count;
    }
    n->waiting_count = count;
    return served ? 0 : at + 1;
}

static void let_wait(struct gnutella *n, struct host *h, struct link *l,
                     unsigned place)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t,
                "Retry-After: %u\r\n"
                "X-Queue: position=%u,pollMin=%u,pollMax=%u\r\n",
                (unsigned)(BUSY_US / SECOND_US), place,
                (unsigned)(BUSY_US / SECOND_US),
                (unsigned)(POLL_MOST_US / SECOND_US));
    decline(n, h, l, "503 Busy", t.data);
}

static size_t on_request(struct gnutella *n, struct host *h, struct link *l,
                         const struct event *e)
{
    struct http_head head;
    struct content c;
    unsigned place;
    int used = http_request(&head, e->data, e->len);

    if (used == 0)
        return 0;
    if (used < 0) {
        decline(n, h, l, "400 Bad Request", "");
        return e->len;
    }
    l->last = head.last;
    if (slice_is(http_path(head.target), "/gnutella/push-proxy")) {
        decline(n, h, l, gnutella_push_by_proxy(n, h, &head), "");
        return (size_t)used;
    }
    int content = find_target(n, h, head.target);
    if (content == ERR_MALFORMED)
        decline(n, h, l, "400 Bad Path", "");
    else if (content < 0 || !host_content(h, content, &c) || !c.complete)
        decline(n, h, l, "404 Not Found", "");
    else if ((place = place_of(n, h, l->caller.ip)) > 0)
        let_wait(n, h, l, place);
    else
        serve(n, h, l, &head, content);
    return (size_t)used;
}

/* -- Downloads ----------------------------------------------------------- */

/* One file a connection: the present one is not needed any more. */
static void hang_up(struct host *h, struct download *d)
{
    if (d->link == NULL)
        return;
    d->link->download = NULL;
    gnutella_link_finish(h, d->link);
    d->link = NULL;
}

static void drop_download(struct gnutella *n, struct host *h,
                          struct download *d)
{
    struct download **at = &n->downloads;

    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    n->download_count--;
    hang_up(h, d);
    host_free(h, d->hit.name, strlen(d->hit.name) + 1);
    host_free(h, d, sizeof *d);
    gnutella_arm(n, h);
}

static void fail(struct gnutella *n, struct host *h, struct download *d,
                 const char *why)
{
    if (d->command != 0)
        host_failed(h, d->command, why);
    drop_download(n, h, d);
}

static void succeed(struct gnutella *n, struct host *h, struct download *d)
{
    LOCAL_FIELDS f = fields_new();
    char base32[33];

    if (host_content_complete(h, d->content) < 0) {
        fail(n, h, d, "the file cannot be given its name");
        return;
    }
    fields_text(&f, "file", d->hit.name);
    fields_number(&f, "bytes", d->hit.bytes);
    fields_node(&f, "from", d->hit.addr);
    if (d->hit.has_sha1) {
        gnutella_base32_write(d->hit.sha1, 20, base32);
        fields_text(&f, "sha1", base32);
    }
    fields_bool(&f, "pushed", d->pushed);
    if (d->command != 0)
        host_result(h, d->command, true, &f);
    drop_download(n, h, d);
}

/* All bytes are here: are they the right ones? */
static void check(struct gnutella *n, struct host *h, struct download *d)
{
    d->checking = true;
    hang_up(h, d);
    d->deadline_us = NEVER;
    host_content_hash(h, d->content, 0, d->hit.bytes, CONTENT_SHA1,
                      TAG_FETCHED);
    gnutella_arm(n, h);
}

void gnutella_transfer_on_hashed(struct gnutella *n, struct host *h,
                                 const struct event *e)
{
    struct download *d = n->downloads;

    if (e->len == SHA1_BYTES)
        keep_digest(n, h, e->content, e->data);
    if (e->tag == TAG_SHARED) {
        hash_from(h, e->content + 1);
        return;
    }
    while (d != NULL && (d->content != e->content || !d->checking))
        d = d->next;
    if (d == NULL)
        return;
    if (e->len == SHA1_BYTES &&
        (!d->hit.has_sha1 || memcmp(e->data, d->hit.sha1, SHA1_BYTES) == 0)) {
        memcpy(d->hit.sha1, e->data, SHA1_BYTES);
        d->hit.has_sha1 = true;
        succeed(n, h, d);
        return;
    }
    host_content_forget(h, d->content, 0, d->hit.bytes);
    fail(n, h, d, "the bytes have another SHA-1 than was promised");
}

static void push_or_fail(struct gnutella *n, struct host *h, struct download *d)
{
    if (setting(n->settings, OPT_FIREWALLED) != 0) {
        fail(n, h, d, "both sides are behind a firewall");
    } else if (!gnutella_route_push(n, h, &d->hit) &&
               !gnutella_push_dial_proxy(n, h, &d->hit)) {
        fail(n, h, d, "the holder does not answer, and no push finds it");
    } else {
        host_note(h, "asks the holder by a push to call back");
        d->pushed = true;
        d->deadline_us = host_now(h) + GIV_US;
        gnutella_arm(n, h);
    }
}

/* Open a connection for a download, one way or the other. */
static void dial(struct gnutella *n, struct host *h, struct download *d)
{
    conn_id conn;

    if (d->hit.push) {
        push_or_fail(n, h, d);
        return;
    }
    conn = host_connect(h, d->hit.addr);
    d->link = conn != 0 ? gnutella_link_new(n, h, conn, LINK_DOWNLOAD, HELLO_US)
                        : NULL;
    if (d->link == NULL) {
        fail(n, h, d, "no memory");
        return;
    }
    d->link->outgoing = true;
    d->link->download = d;
    gnutella_arm(n, h);
}

/* The connection is gone: try again, if there is hope. */
static void lost(struct gnutella *n, struct host *h, struct download *d)
{
    d->link = NULL;
    d->remain = 0;
    if (d->moved)
        d->tries = 0;
    else if (d->tries == 0 && d->at == 0 && !d->pushed) {
        d->hit.push = true; /* nobody listens there: perhaps it can call */
        push_or_fail(n, h, d);
        return;
    }
    d->moved = false;
    if (++d->tries > RETRIES_MAX) {
        fail(n, h, d, "the holder does not come back");
        return;
    }
    host_note(h, "the download is cut off at byte %llu; again in 2 s",
              (unsigned long long)d->at);
    d->deadline_us = host_now(h) + RETRY_US;
    gnutella_arm(n, h);
}

void gnutella_transfer_on_closed(struct gnutella *n, struct host *h,
                                 struct link *l)
{
    struct download *d = l->download;

    l->download = NULL;
    if (d != NULL && d->link == l)
        lost(n, h, d);
}

static void request(struct host *h, struct link *l)
{
    struct download *d = l->download;
    LOCAL_TEXT t = text_new();
    char urn[URN_BYTES];

    d->at = host_content_run(h, d->content, 0);
    text_add(&t, "GET ");
    if (d->hit.has_sha1) {
        gnutella_urn_write(d->hit.sha1, urn);
        text_printf(&t, "/uri-res/N2R?%s", urn);
    } else {
        text_printf(&t, "/get/%u/", d->hit.index);
        for (const char *s = d->hit.name; *s != '\0'; s++) {
            uint8_t c = (uint8_t)*s;
            bool plain = ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
                         (c >= '0' && c <= '9') || c == '.' || c == '-' ||
                         c == '_';
            text_printf(&t, plain ? "%c" : "%%%02X", c);
        }
    }
    text_add(&t, " HTTP/1.1\r\nHost: ");
    addr_text(&t, d->hit.addr);
    text_printf(&t, "\r\nUser-Agent: " PRODUCT "\r\nRange: bytes=%llu-\r\n\r\n",
                (unsigned long long)d->at);
    host_phase(h, l->conn, PHASE_HTTP);
    host_write(h, l->conn, t.data, t.len);
    l->deadline_us = host_now(h) + IDLE_US;
}

/* Does a 206 begin where we asked? */
static bool begins_at(const struct http_head *head, uint64_t at)
{
    struct slice v;
    uint64_t first;

    if (head->status == 200)
        return true;
    return http_header(head, "content-range", &v) &&
           (slice_skip(&v, "bytes ") || slice_skip(&v, "bytes=")) &&
           slice_number(&v, &first) && first == at;
}

static const char *refusal(const struct http_head *head,
                           const struct download *d)
{
    if (head->status != 200 && head->status != 206)
        return "the holder does not have it";
    if (!begins_at(head, d->at))
        return "the holder sends another part than was asked for";
    uint64_t from = head->status == 200 ? 0 : d->at;
    if (!head->has_length || head->content_length > d->hit.bytes - from)
        return "the holder's file has another length";
    return NULL;
}

/* A number in "position=2,length=9,pollMin=60,..."; blanks do not matter. */
static bool queue_value(struct slice v, const char *name, uint64_t *value)
{
    while (v.len > 0 && !slice_skip(&v, name)) {
        v.at++;
        v.len--;
    }
    return v.len > 0 && slice_number(&v, value);
}

/* The holder serves others now.  Source: reference, section 7. */
static void wait_turn(struct gnutella *n, struct host *h, struct download *d,
                      const struct http_head *head)
{
    struct slice v;
    uint64_t seconds = 0, place = 0, wait = BUSY_US;

    if (++d->busy > BUSY_MAX) {
        fail(n, h, d, "the holder is busy, and stays so");
        return;
    }
    if (http_header(head, "retry-after", &v) && slice_number(&v, &seconds) &&
        seconds <= BUSY_MOST_US / SECOND_US && seconds * SECOND_US > wait)
        wait = seconds * SECOND_US;
    if (http_header(head, "x-queue", &v) &&
        queue_value(v, "pollMin=", &seconds) &&
        seconds <= BUSY_MOST_US / SECOND_US && seconds * SECOND_US > wait)
        wait = seconds * SECOND_US;
    if (http_header(head, "x-queue", &v) && queue_value(v, "position=", &place))
        host_note(h, "number %llu of those who wait",
                  (unsigned long long)place);
    host_note(h, "the holder is busy: again in %llu s",
              (unsigned long long)(wait / SECOND_US));
    hang_up(h, d);
    d->pushed = false; /* it may be asked to call back once more */
    d->deadline_us = host_now(h) + wait;
    gnutella_arm(n, h);
}

static size_t on_head(struct gnutella *n, struct host *h, struct link *l,
                      const struct event *e)
{
    struct download *d = l->download;
    struct http_head head;
    struct slice v;
    uint8_t sha1[SHA1_BYTES];
    int used = http_answer(&head, e->data, e->len);

    if (used == 0)
        return 0;
    if (used > 0 && head.status == 503) {
        wait_turn(n, h, d, &head);
        return e->len;
    }
    const char *why = used < 0 ? "that is no HTTP" : refusal(&head, d);
    if (why == NULL && http_header(&head, "x-gnutella-content-urn", &v) &&
        gnutella_urn((struct span){(const uint8_t *)v.at, v.len}, sha1)) {
        if (!d->hit.has_sha1)
            memcpy(d->hit.sha1, sha1, SHA1_BYTES);
        else if (memcmp(d->hit.sha1, sha1, SHA1_BYTES) != 0)
            why = "the holder has another file by that name";
        d->hit.has_sha1 = true;
    }
    if (why != NULL) {
        fail(n, h, d, why);
        return e->len;
    }
    if (head.status == 200)
        d->at = 0;
    d->remain = head.content_length;
    return (size_t)used;
}

static size_t on_body(struct gnutella *n, struct host *h, struct link *l,
                      const struct event *e)
{
    struct download *d = l->download;
    uint64_t len = e->len < MESSAGE_BYTES_MAX ? e->len : MESSAGE_BYTES_MAX;

    if (len > d->remain)
        len = d->remain;
    if (host_content_write(h, d->content, d->at, e->data, (size_t)len) < 0) {
        fail(n, h, d, host_content_trouble(h));
        return e->len;
    }
    d->at += len;
    d->remain -= len;
    d->moved = true;
    l->deadline_us = host_now(h) + IDLE_US;
    if (d->at == d->hit.bytes)
        check(n, h, d);
    else if (d->remain == 0)
        request(h, l); /* it sent less than all: ask for the rest */
    return (size_t)len;
}

void gnutella_transfer_get(struct gnutella *n, struct host *h, uint32_t command,
                           const struct hit *hit)
{
    size_t name_bytes = strlen(hit->name) + 1;
    struct download *d;

    if (n->download_count >= DOWNLOADS_MAX) {
        host_failed(h, command, "too many downloads at a time");
        return;
    }
    int content = host_content_fetch(h, command, hit->name, hit->bytes);
    if (content < 0)
        return;
    for (d = n->downloads; d != NULL; d = d->next)
        if (d->content == content) {
            host_failed(h, command, "that file is on its way already");
            return;
        }
    d = host_alloc(h, sizeof *d);
    char *name = d != NULL ? host_alloc(h, name_bytes) : NULL;
    if (name == NULL) {
        if (d != NULL)
            host_free(h, d, sizeof *d);
        host_failed(h, command, "no memory");
        return;
    }
    memcpy(name, hit->name, name_bytes);
    *d = (struct download){.next = n->downloads,
                           .command = command,
                           .hit = *hit,
                           .content = content,
                           .deadline_us = NEVER};
    d->hit.name = name;
    n->downloads = d;
    n->download_count++;
    if (host_content_run(h, content, 0) == hit->bytes)
        check(n, h, d);
    else
        dial(n, h, d);
}

void gnutella_transfer_begin(struct gnutella *n, struct host *h,
                             struct download *d, struct link *l)
{
    l->state = LINK_DOWNLOAD;
    l->download = d;
    d->link = l;
    d->deadline_us = NEVER;
    request(h, l);
    gnutella_arm(n, h);
}

/* -- Events -------------------------------------------------------------- */

void gnutella_transfer_on_open(struct gnutella *n, struct host *h,
                               struct link *l)
{
    if (l->state == LINK_GIVING || l->state == LINK_PROXY)
        gnutella_push_on_open(n, h, l);
    else if (l->download != NULL)
        request(h, l);
    gnutella_arm(n, h);
}

size_t gnutella_transfer_on_bytes(struct gnutella *n, struct host *h,
                                  struct link *l, const struct event *e)
{
    if (l->state == LINK_UPLOAD)
        return 0; /* the next request waits for the end of this answer */
    if (l->state != LINK_DOWNLOAD) {
        if (e->len < 5)
            return 0;
        host_reads(h, l->conn, PHASE_HTTP);
        return l->state == LINK_PROXY || memcmp(e->data, "GIV ", 4) == 0
                   ? gnutella_push_on_bytes(n, h, l, e)
                   : on_request(n, h, l, e);
    }
    bool body = l->download->remain > 0;
    host_reads(h, l->conn, body ? PHASE_BULK : PHASE_HTTP);
    return body ? on_body(n, h, l, e) : on_head(n, h, l, e);
}

uint64_t gnutella_transfer_deadline(const struct gnutella *n)
{
    uint64_t least = NEVER;

    for (const struct download *d = n->downloads; d != NULL; d = d->next)
        if (d->link == NULL && d->deadline_us < least)
            least = d->deadline_us;
    return least;
}

void gnutella_transfer_expire(struct gnutella *n, struct host *h)
{
    struct download *next;

    for (struct download *d = n->downloads; d != NULL; d = next) {
        next = d->next;
        if (d->link != NULL || d->deadline_us > host_now(h))
            continue;
        d->deadline_us = NEVER;
        if (d->pushed && d->tries == 0 && !d->moved && d->at == 0)
            fail(n, h, d, "the holder does not call back");
        else
            dial(n, h, d);
    }
}

void gnutella_transfer_stop(struct gnutella *n, struct host *h)
{
    while (n->downloads != NULL)
        fail(n, h, n->downloads, "the node leaves");
}
