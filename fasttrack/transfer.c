/*
 * Files: HTTP from node to node, one range from each source at a time.
 *
 *     GET /.hash=... Range -> 206 and 256 KiB -> the next range
 *     a firewalled owner: a push by way of its supernode, its GIVE, then as
 *     above: the asker asks
 *
 * All sources of one UUHash count as the same file, which is how polluted
 * bytes come in: the hash does not see most of it (uuhash.h).  What has come
 * is kept; `get` goes on where it stopped.
 *
 * Source: reference, section 5.
 */
#include "fasttrack/node.h"

#include <string.h>

/* -- Uploads ------------------------------------------------------------- */

static void add_identity(const struct fasttrack *n, struct text *t)
{
    text_add(t, "X-Kazaa-Username: ");
    text_safe(t, n->user, strlen(n->user));
    text_add(t, "\r\nX-Kazaa-Network: " NETWORK_NAME "\r\nX-Kazaa-IP: ");
    addr_text(t, n->self);
    for (const struct link *l = n->links; l != n->children; l = l->next)
        if (fasttrack_link_is(l, PEER_PARENT)) {
            text_add(t, "\r\nX-Kazaa-SupernodeIP: ");
            addr_text(t, l->addr);
            break;
        }
    text_add(t, "\r\n");
}

static void answer(struct fasttrack *n, struct host *h, struct link *l,
                   const char *status, const struct text *headers,
                   uint64_t bytes)
{
    struct text t = text_new();

    text_printf(&t, "HTTP/1.1 %s\r\nServer: p2plab/0.1\r\n", status);
    add_identity(n, &t);
    if (headers != NULL)
        text_add(&t, headers->data);
    text_printf(&t, "Content-Length: %llu\r\n\r\n", (unsigned long long)bytes);
    host_phase(h, l->conn, PHASE_HTTP);
    host_write(h, l->conn, t.data, t.len);
    text_free(&t);
}

/* The answer is out: wait for the next request, or end. */
static void answered(struct fasttrack *n, struct host *h, struct link *l)
{
    if (l->last) {
        fasttrack_link_close(n, h, l);
        return;
    }
    l->state = LINK_CALLER;
    fasttrack_link_due(n, l, host_now(h) + IDLE_US);
}

static void decline(struct fasttrack *n, struct host *h, struct link *l,
                    const char *status)
{
    struct text t = text_new();

    if (status[0] == '5')
        text_add(&t, "Retry-After: 300\r\n");
    host_note(h, "declines a request: %s", status);
    answer(n, h, l, status, &t, 0);
    text_free(&t);
    answered(n, h, l);
}

static void send_more(struct fasttrack *n, struct host *h, struct link *l)
{
    uint64_t from = l->at;
    bool all = host_write_range(h, l->conn, l->content, &l->at, l->end);

    n->uploaded += l->at - from;
    fasttrack_link_due(n, l, host_now(h) + IDLE_US);
    if (all)
        answered(n, h, l);
}

void fasttrack_transfer_on_room(struct fasttrack *n, struct host *h,
                                struct link *l)
{
    if (l->state == LINK_UPLOAD)
        send_more(n, h, l);
}

static unsigned count_links(const struct fasttrack *n, enum link_state state)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != n->children; l = l->next)
        count += l->state == state;
    return count;
}

static bool is_shared(struct host *h, int content)
{
    struct content c;

    return host_content(h, content, &c) && c.complete;
}

/* "/.hash=HEX", or the older "/FILE_ID/NAME"; ERR_USAGE: not here.  No path is
   made of either. */
static int find_target(const struct fasttrack *n, struct host *h,
                       struct slice target)
{
    uint8_t hash[HASH_BYTES];
    char name[CONTENT_NAME_MAX + 1];
    uint64_t file_id;

    if (slice_skip(&target, "/.hash=")) {
        if (!fasttrack_unhex(target.at, target.len, hash, HASH_BYTES))
            return ERR_MALFORMED;
        for (uint32_t i = 0; i < n->shared_count; i++)
            if (n->shared[i].known && is_shared(h, (int)i) &&
                memcmp(n->shared[i].hash, hash, HASH_BYTES) == 0)
                return (int)i;
        return ERR_USAGE;
    }
    if (!slice_skip(&target, "/") || !slice_number(&target, &file_id) ||
        !slice_skip(&target, "/"))
        return ERR_USAGE; /* a listing, for one: "/.files" */
    if (http_unescape(target, false, name, sizeof name) < 0)
        return ERR_MALFORMED;
    int content = host_content_find(h, name);
    const uint8_t *known = fasttrack_shared_hash(n, content);
    return known != NULL && is_shared(h, content) &&
                   fasttrack_file_id(known) == file_id
               ? content
               : ERR_USAGE;
}

static void serve(struct fasttrack *n, struct host *h, struct link *l,
                  const struct http_head *head, int content)
{
    char base64[BASE64_CHARS + 1];
    struct text t = text_new();
    struct slice range;
    struct content c;
    bool part = http_header(head, "range", &range);

    host_content(h, content, &c);
    l->at = 0;
    l->end = c.bytes;
    if (part && !http_range(range, c.bytes, &l->at, &l->end)) {
        decline(n, h, l, "416 Requested Range Not Satisfiable");
        text_free(&t);
        return;
    }
    if (part)
        text_printf(&t, "Content-Range: bytes %llu-%llu/%llu\r\n",
                    (unsigned long long)l->at, (unsigned long long)l->end - 1,
                    (unsigned long long)c.bytes);
    fasttrack_base64(fasttrack_shared_hash(n, content), base64);
    text_printf(&t, "Accept-Ranges: bytes\r\nX-KazaaTag: 3=%s\r\n", base64);
    text_add(&t, "X-KazaaTag: 2=");
    text_safe(&t, c.name, strlen(c.name));
    text_add(&t, "\r\n");
    answer(n, h, l, part ? "206 Partial Content" : "200 OK", &t,
           l->end - l->at);
    text_free(&t);
    l->content = content;
    l->state = LINK_UPLOAD;
    if (slice_is(head->method, "HEAD"))
        l->at = l->end;
    else
        host_phase(h, l->conn, PHASE_BULK);
    send_more(n, h, l);
}

static size_t on_request(struct fasttrack *n, struct host *h, struct link *l,
                         const struct event *e)
{
    struct http_head head;
    int used = http_request(&head, e->data, e->len);

    if (used == 0)
        return 0;
    if (used < 0) {
        l->last = true;
        decline(n, h, l, "400 Bad Request");
        return e->len;
    }
    l->last = head.last;
    int content = find_target(n, h, head.target);
    if (content == ERR_MALFORMED)
        decline(n, h, l, "400 Bad Request");
    else if (content < 0)
        decline(n, h, l, "404 Not Found");
    else if (count_links(n, LINK_UPLOAD) >= UPLOADS_MAX)
        decline(n, h, l, "503 Service Unavailable");
    else
        serve(n, h, l, &head, content);
    return (size_t)used;
}

/* -- Downloads: which bytes from whom ------------------------------------ */

/* The next range that is missing and on its way from nobody. */
static bool next_range(const struct download *d, struct host *h, uint64_t *from,
                       uint64_t *end)
{
    uint64_t at = 0;

    while (at < d->bytes) {
        uint64_t run = host_content_run(h, d->content, at);
        bool taken = false;
        at += run;
        for (uint32_t i = 0; i < d->source_count && at < d->bytes; i++) {
            const struct source *s = &d->source[i];
            if (s->link != NULL && s->at <= at && at < s->end) {
                at = s->end;
                taken = true;
            }
        }
        if (taken || at >= d->bytes)
            continue;
        *from = at;
        *end = (at / RANGE_BYTES + 1) * RANGE_BYTES;
        *end = *end < d->bytes ? *end : d->bytes;
        return true;
    }
    return false;
}

static bool is_whole(const struct download *d, struct host *h)
{
    return host_content_run(h, d->content, 0) == d->bytes;
}

static void let_go(struct fasttrack *n, struct host *h, struct source *s)
{
    if (s->link == NULL)
        return;
    s->link->source = NULL;
    fasttrack_link_close(n, h, s->link);
    s->link = NULL;
    s->busy = false;
}

static void drop_download(struct fasttrack *n, struct host *h,
                          struct download *d)
{
    struct download **at = &n->downloads;

    for (uint32_t i = 0; i < d->source_count; i++)
        let_go(n, h, &d->source[i]);
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    n->download_count--;
    host_free(h, d, sizeof *d);
    fasttrack_arm(n, h);
}

static void fail(struct fasttrack *n, struct host *h, struct download *d,
                 const char *why)
{
    if (d->command != 0)
        host_failed(h, d->command, why);
    drop_download(n, h, d);
}

static void succeed(struct fasttrack *n, struct host *h, struct download *d)
{
    struct fields f = fields_new();
    char hex[2 * HASH_BYTES + 1];
    struct content c;
    uint32_t used = 0;

    if (host_content_complete(h, d->content) < 0 ||
        !host_content(h, d->content, &c)) {
        fields_free(&f);
        fail(n, h, d, "the file cannot be given its name");
        return;
    }
    fasttrack_keep_hash(n, h, d->content, d->hash);
    fasttrack_tell(n, h, d->content, NULL); /* we are a source from now on */
    fasttrack_hex(d->hash, HASH_BYTES, hex);
    fields_text(&f, "file", c.name);
    fields_number(&f, "bytes", d->bytes);
    for (uint32_t i = 0; i < d->source_count; i++)
        used += d->source[i].got > 0;
    fields_number(&f, "sources", used);
    fields_begin(&f, FIELD_LIST, "from");
    for (uint32_t i = 0; i < d->source_count; i++)
        if (d->source[i].got > 0) {
            fields_begin(&f, FIELD_GROUP, "");
            fields_text(&f, "user", d->source[i].user);
            fields_number(&f, "bytes", d->source[i].got);
            fields_bool(&f, "pushed", d->source[i].pushed);
            fields_end(&f);
        }
    fields_end(&f);
    fields_text(&f, "uuhash", hex);
    fields_bool(&f, "kzhash_checked", d->has_tree);
    if (d->command != 0)
        host_result(h, d->command, true, &f);
    fields_free(&f);
    drop_download(n, h, d);
}

/* All bytes are here: are they the right ones?  The UUHash can only say that
   of those that it looks at. */
static void check(struct fasttrack *n, struct host *h, struct download *d)
{
    uint8_t hash[HASH_BYTES];

    for (uint32_t i = 0; i < d->source_count; i++)
        let_go(n, h, &d->source[i]);
    if (!fasttrack_hash_content(h, d->content, hash) ||
        memcmp(hash, d->hash, HASH_BYTES) != 0) {
        host_content_forget(h, d->content, 0, d->bytes);
        fail(n, h, d, "the bytes have another UUHash than was promised");
    } else if (!d->has_tree) {
        succeed(n, h, d);
    } else if (fasttrack_tree_begin(n, h, d->content, 0)) {
        d->checking = true;
    } else {
        fail(n, h, d, "no memory");
    }
}

void fasttrack_transfer_on_tree(struct fasttrack *n, struct host *h,
                                int content, const uint8_t *root)
{
    struct download *d = n->downloads;

    while (d != NULL && (d->content != content || !d->checking))
        d = d->next;
    if (d == NULL)
        return;
    if (root != NULL && memcmp(root, d->tree, MD5_BYTES) == 0) {
        succeed(n, h, d);
        return;
    }
    host_content_forget(h, content, 0, d->bytes);
    fail(n, h, d,
         "the UUHash is right, the kzhash is not: bytes that the UUHash does "
         "not look at are polluted");
}

/* -- Downloads: sources -------------------------------------------------- */

static void request(struct fasttrack *n, struct host *h, struct source *s)
{
    char hex[2 * HASH_BYTES + 1];
    struct text t = text_new();

    if (!next_range(s->download, h, &s->at, &s->end)) {
        s->at = s->end = 0;
        let_go(n, h, s); /* the others bring the rest */
        s->retry_us = host_now(h) + RETRY_US;
        text_free(&t);
        return;
    }
    fasttrack_hex(s->download->hash, HASH_BYTES, hex);
    text_printf(&t, "GET /.hash=%s HTTP/1.1\r\nHost: ", hex);
    addr_text(&t, s->addr);
    text_printf(&t,
                "\r\nUserAgent: p2plab/0.1\r\nRange: bytes=%llu-%llu\r\n"
                "Connection: keep-alive\r\n",
                (unsigned long long)s->at, (unsigned long long)s->end - 1);
    add_identity(n, &t);
    text_add(&t, "\r\n");
    s->link->state = LINK_DOWNLOAD;
    s->busy = false;
    host_phase(h, s->link->conn, PHASE_HTTP);
    host_write(h, s->link->conn, t.data, t.len);
    fasttrack_link_due(n, s->link, host_now(h) + IDLE_US);
    text_free(&t);
}

/* A firewalled owner must call us: its supernode can tell it. */
static bool push(struct fasttrack *n, struct host *h, struct source *s)
{
    struct link *parent = n->links;
    struct fasttrack_msg m = {
        .type = MSG_PUSH,
        .push_form = 1,
        .id = (uint32_t)host_random(h),
        .addr = n->self,
        .owner = s->addr,
        .supernode = s->supernode,
        .name = {(const uint8_t *)s->user, strlen(s->user)}};

    while (parent != n->children && !fasttrack_link_is(parent, PEER_PARENT))
        parent = parent->next;
    if (option(n, OPT_FIREWALLED) != 0 ||
        (parent == n->children && !is_supernode(n)))
        return false;
    s->pushed = true;
    s->push_id = m.id;
    s->retry_us = host_now(h) + GIVE_US;
    host_note(h, "asks the owner by a push to call back");
    if (is_supernode(n))
        fasttrack_push(n, h, NULL, &m);
    else
        fasttrack_link_send(n, h, parent, &m);
    return true;
}

static void dial(struct fasttrack *n, struct host *h, struct source *s)
{
    conn_id conn;

    s->at = s->end = 0;
    s->retry_us = host_now(h) + RETRY_US;
    if (s->addr.port == 0) {
        s->dead = !push(n, h, s);
        return;
    }
    conn = host_connect(h, s->addr);
    s->link = conn != 0
                  ? fasttrack_link_new(n, h, conn, LINK_DOWNLOAD, HELLO_US)
                  : NULL;
    if (s->link == NULL)
        return;
    s->link->outgoing = true;
    s->link->addr = s->link->caller = s->addr;
    s->link->source = s;
}

/* Its time has come, or its connection is used up. */
static void retry(struct fasttrack *n, struct host *h, struct source *s)
{
    uint64_t from, end;

    if (s->pushed && (s->got == 0 || ++s->tries > RETRIES_MAX)) {
        s->dead = true;
        host_note(h, "the owner of a file does not follow the push");
    } else if (next_range(s->download, h, &from, &end)) {
        dial(n, h, s);
    } else {
        s->retry_us = host_now(h) + RETRY_US;
    }
}

/* Is anybody left who may bring the rest? */
static void see_sources(struct fasttrack *n, struct host *h, struct download *d)
{
    for (uint32_t i = 0; i < d->source_count; i++)
        if (!d->source[i].dead)
            return;
    fail(n, h, d, "no source is left; what has come is kept");
}

/* `why` NULL: try again, if there is hope. */
static void lost(struct fasttrack *n, struct host *h, struct source *s,
                 const char *why)
{
    s->link = NULL;
    s->busy = false;
    s->at = s->end = 0;
    if (why != NULL || ++s->tries > RETRIES_MAX) {
        s->dead = true;
        host_note(h, "gives up a source: %s",
                  why != NULL ? why : "it does not come back");
    }
    s->retry_us = host_now(h) + RETRY_US;
    see_sources(n, h, s->download);
    fasttrack_arm(n, h);
}

void fasttrack_transfer_on_closed(struct fasttrack *n, struct host *h,
                                  struct link *l)
{
    struct source *s = l->source;

    l->source = NULL;
    if (s != NULL && s->link == l)
        lost(n, h, s, NULL);
}

static void refuse(struct fasttrack *n, struct host *h, struct source *s,
                   const char *why)
{
    struct link *l = s->link;

    l->source = NULL;
    fasttrack_link_close(n, h, l);
    lost(n, h, s, why);
}

static const char *wrong(const struct http_head *head, const struct source *s)
{
    struct slice v;
    uint64_t first;

    if (head->status != 206)
        return "it does not have the file";
    if (!http_header(head, "content-range", &v) || !slice_skip(&v, "bytes ") ||
        !slice_number(&v, &first) || first != s->at)
        return "it sends another part than was asked for";
    if (!head->has_length || head->content_length == 0 ||
        head->content_length > s->end - s->at)
        return "its part has another length";
    return NULL;
}

/* It serves others now: not dead, but of no use for a while. */
static void wait_turn(struct fasttrack *n, struct host *h, struct source *s)
{
    if (++s->refusals > BUSY_MAX) {
        refuse(n, h, s, "it is busy, and stays so");
        return;
    }
    s->tries = 0;
    s->pushed = false; /* it may be asked to call back once more */
    refuse(n, h, s, NULL);
    host_note(h, "a source is busy: again in %llu s",
              (unsigned long long)(BUSY_US / SECOND_US));
    s->retry_us = host_now(h) + BUSY_US;
    fasttrack_arm(n, h);
}

static size_t on_head(struct fasttrack *n, struct host *h, struct source *s,
                      const struct event *e)
{
    struct http_head head;
    int used = http_answer(&head, e->data, e->len);

    if (used == 0)
        return 0;
    if (used > 0 && head.status == 503) {
        wait_turn(n, h, s);
        return e->len;
    }
    const char *why = used < 0 ? "that is no HTTP" : wrong(&head, s);
    if (why != NULL) {
        refuse(n, h, s, why);
        return e->len;
    }
    s->end = s->at + head.content_length;
    s->busy = true;
    s->link->last = head.last;
    return (size_t)used;
}

static size_t on_body(struct fasttrack *n, struct host *h, struct source *s,
                      const struct event *e)
{
    struct download *d = s->download;
    uint64_t len = e->len < MESSAGE_BYTES_MAX ? e->len : MESSAGE_BYTES_MAX;

    len = len < s->end - s->at ? len : s->end - s->at;
    if (host_content_write(h, d->content, s->at, e->data, (size_t)len) < 0) {
        fail(n, h, d, host_content_trouble(h));
        return e->len;
    }
    s->at += len;
    s->got += len;
    s->tries = 0;
    n->downloaded += len;
    fasttrack_link_due(n, s->link, host_now(h) + IDLE_US);
    if (s->at < s->end)
        return (size_t)len;
    if (is_whole(d, h)) {
        check(n, h, d);
    } else if (!s->link->last) {
        request(n, h, s);
    } else { /* as KaZaA does: a connection for each part */
        let_go(n, h, s);
        retry(n, h, s);
    }
    return (size_t)len;
}

/* -- Beginning ----------------------------------------------------------- */

static void add_sources(struct fasttrack *n, struct download *d)
{
    for (uint32_t i = 0; i < n->hit_count && d->source_count < SOURCES_MAX;
         i++) {
        const struct hit *hit = &n->hits[i];
        if (memcmp(hit->hash, d->hash, HASH_BYTES) != 0 ||
            hit->size != d->bytes)
            continue;
        struct source *s = &d->source[d->source_count++];
        *s = (struct source){
            .addr = hit->addr, .supernode = hit->supernode, .download = d};
        memcpy(s->user, hit->user, sizeof s->user);
    }
}

void fasttrack_get(struct fasttrack *n, struct host *h, uint32_t command,
                   const struct hit *hit, const uint8_t *tree)
{
    struct download *d;

    if (n->download_count >= DOWNLOADS_MAX) {
        host_failed(h, command, "too many downloads at a time");
        return;
    }
    int content = host_content_fetch(h, command, hit->name, hit->size);
    if (content < 0)
        return;
    for (d = n->downloads; d != NULL && d->content != content;)
        d = d->next;
    bool twice = d != NULL;
    d = twice ? NULL : host_alloc(h, sizeof *d);
    if (d == NULL) {
        host_failed(h, command,
                    twice ? "that file is on its way already" : "no memory");
        return;
    }
    d->next = n->downloads;
    d->command = command;
    d->content = content;
    d->bytes = hit->size;
    memcpy(d->hash, hit->hash, HASH_BYTES);
    if (tree != NULL)
        memcpy(d->tree, tree, MD5_BYTES);
    d->has_tree = tree != NULL;
    n->downloads = d;
    n->download_count++;
    if (is_whole(d, h)) {
        check(n, h, d);
        return;
    }
    add_sources(n, d);
    for (uint32_t i = 0; i < d->source_count; i++)
        dial(n, h, &d->source[i]);
    see_sources(n, h, d);
    fasttrack_arm(n, h);
}

/* -- Push and GIVE ------------------------------------------------------- */

/* We are the owner: call the asker. */
void fasttrack_give(struct fasttrack *n, struct host *h, struct addr asker,
                    uint32_t push_id)
{
    conn_id conn;

    if (asker.port == 0 || count_links(n, LINK_GIVING) >= GIVING_MAX) {
        fasttrack_drop(n, h, "a push that we cannot or will not follow");
        return;
    }
    conn = host_connect(h, asker);
    struct link *l = conn != 0
                         ? fasttrack_link_new(n, h, conn, LINK_GIVING, HELLO_US)
                         : NULL;
    if (l == NULL)
        return;
    l->outgoing = true;
    l->addr = l->caller = asker;
    l->push_id = push_id;
    host_note(h, "a push for us: calls the asker");
    fasttrack_arm(n, h);
}

void fasttrack_transfer_on_open(struct fasttrack *n, struct host *h,
                                struct link *l)
{
    struct text t = text_new();

    if (l->state == LINK_GIVING) {
        text_printf(&t, "GIVE %u\r\n", l->push_id);
        host_phase(h, l->conn, PHASE_HANDSHAKE);
        host_write(h, l->conn, t.data, t.len);
        l->state = LINK_CALLER; /* now it asks, as if it had called us */
        fasttrack_link_due(n, l, host_now(h) + HELLO_US);
    } else if (l->source != NULL) {
        request(n, h, l->source);
    }
    text_free(&t);
}

static struct source *find_pushed(const struct fasttrack *n, uint64_t push_id)
{
    for (struct download *d = n->downloads; d != NULL; d = d->next)
        for (uint32_t i = 0; i < d->source_count; i++)
            if (d->source[i].pushed && d->source[i].link == NULL &&
                !d->source[i].dead && d->source[i].push_id == push_id)
                return &d->source[i];
    return NULL;
}

#define GIVE_BYTES_MAX 32u

static size_t on_give(struct fasttrack *n, struct host *h, struct link *l,
                      const struct event *e)
{
    struct slice line = {(const char *)e->data + 5, e->len - 5};
    size_t len = 5;
    uint64_t id;

    while (len < e->len && len < GIVE_BYTES_MAX && e->data[len] != '\n')
        len++;
    if (len == e->len && len < GIVE_BYTES_MAX)
        return 0;
    struct source *s = len < GIVE_BYTES_MAX && slice_number(&line, &id)
                           ? find_pushed(n, id)
                           : NULL;
    if (s == NULL) {
        fasttrack_link_abort(n, h, l, "a GIVE that nobody asked for");
        return e->len;
    }
    l->source = s;
    s->link = l;
    request(n, h, s);
    return len + 1;
}

/* -- Events -------------------------------------------------------------- */

size_t fasttrack_transfer_on_bytes(struct fasttrack *n, struct host *h,
                                   struct link *l, const struct event *e)
{
    if (l->state == LINK_UPLOAD)
        return 0; /* the next request waits for the end of this answer */
    if (l->state == LINK_CALLER) {
        bool give = memcmp(e->data, "GIVE ", 5) == 0;
        host_reads(h, l->conn, give ? PHASE_HANDSHAKE : PHASE_HTTP);
        return give ? on_give(n, h, l, e) : on_request(n, h, l, e);
    }
    if (l->source == NULL)
        return e->len;
    bool body = l->source->busy;
    host_reads(h, l->conn, body ? PHASE_BULK : PHASE_HTTP);
    return body ? on_body(n, h, l->source, e) : on_head(n, h, l->source, e);
}

uint64_t fasttrack_transfer_deadline(const struct fasttrack *n)
{
    uint64_t least = NEVER;

    for (const struct download *d = n->downloads; d != NULL; d = d->next)
        for (uint32_t i = 0; i < d->source_count && !d->checking; i++) {
            const struct source *s = &d->source[i];
            if (s->link == NULL && !s->dead && s->retry_us < least)
                least = s->retry_us;
        }
    return least;
}

void fasttrack_transfer_expire(struct fasttrack *n, struct host *h)
{
    struct download *next;

    for (struct download *d = n->downloads; d != NULL; d = next) {
        next = d->next;
        if (d->checking)
            continue;
        for (uint32_t i = 0; i < d->source_count; i++)
            if (d->source[i].link == NULL && !d->source[i].dead &&
                d->source[i].retry_us <= host_now(h))
                retry(n, h, &d->source[i]);
        see_sources(n, h, d);
    }
}

void fasttrack_transfer_stop(struct fasttrack *n, struct host *h)
{
    while (n->downloads != NULL)
        fail(n, h, n->downloads, "the node leaves");
}
