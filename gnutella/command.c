/*
 * What a user asks of a servent, and the results.
 *
 * A search and a ping have no last answer: they collect for a while, then
 * say what has come.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/words.h"

/* -- Searches and pings -------------------------------------------------- */

static struct search *search_of(struct gnutella *n, uint8_t type,
                                const uint8_t guid[GUID_BYTES])
{
    for (uint32_t i = 0; i < n->search_count; i++)
        if (n->search[i].type == type &&
            memcmp(n->search[i].guid, guid, GUID_BYTES) == 0)
            return &n->search[i];
    return NULL;
}

static struct search *begin(struct gnutella *n, struct host *h,
                            uint32_t command, uint8_t type)
{
    struct search *s;

    if (n->search_count == SEARCHES_MAX) {
        host_failed(h, command, "too many searches at a time");
        return NULL;
    }
    s = &n->search[n->search_count++];
    *s = (struct search){.command = command,
                         .type = type,
                         .deadline_us =
                             host_now(h) +
                             (uint64_t)setting(n->settings, OPT_COLLECT)};
    gnutella_new_guid(h, s->guid);
    gnutella_arm(n, h);
    return s;
}

static void forget_hits(struct gnutella *n, struct host *h)
{
    for (uint32_t i = 0; i < n->hit_count; i++)
        host_free(h, n->hits[i].name, strlen(n->hits[i].name) + 1);
    n->hit_count = 0;
}

static void keep_hit(struct gnutella *n, struct host *h,
                     const struct gnutella_msg *m,
                     const struct gnutella_result *r)
{
    struct span extra = r->extra, part;
    struct hit *hit;

    if (n->hits == NULL)
        n->hits = host_alloc(h, HITS_MAX * sizeof *n->hits);
    if (n->hits == NULL || n->hit_count == HITS_MAX || r->name.len == 0)
        return;
    char *name = host_alloc(h, r->name.len + 1);
    if (name == NULL)
        return;
    memcpy(name, r->name.at, r->name.len);
    hit = &n->hits[n->hit_count++];
    *hit = (struct hit){.addr = m->addr,
                        .index = r->index,
                        .bytes = r->size,
                        .push = gnutella_hit_push(m),
                        .proxy = gnutella_hit_proxy(m),
                        .hops = m->hops,
                        .name = name};
    memcpy(hit->servent, m->servent, GUID_BYTES);
    while (gnutella_next_extension(&extra, &part)) {
        hit->has_sha1 = hit->has_sha1 || gnutella_urn(part, hit->sha1);
        if (r->size == UINT32_MAX) /* 4 GiB and more */
            (void)gnutella_large(part, &hit->bytes);
    }
}

void gnutella_command_hit(struct gnutella *n, struct host *h,
                          const struct gnutella_msg *m)
{
    struct search *s = search_of(n, GNUTELLA_QUERY, m->guid);
    struct span results = m->results;
    struct gnutella_result r;

    host_note(h, "the hit has come back to the asker");
    if (s == NULL || memcmp(n->asked, m->guid, GUID_BYTES) != 0)
        return; /* too late, or of an older search */
    s->answers++;
    while (gnutella_next_result(&results, &r))
        keep_hit(n, h, m, &r);
}

void gnutella_command_pong(struct gnutella *n, struct host *h,
                           const struct gnutella_msg *m)
{
    struct search *s = search_of(n, GNUTELLA_PING, m->guid);

    (void)h;
    if (s != NULL)
        s->answers++;
}

static void add_hits(const struct gnutella *n, struct fields *f)
{
    fields_number(f, "files", n->hit_count);
    fields_begin(f, FIELD_LIST, "list");
    for (uint32_t i = 0; i < n->hit_count; i++) {
        const struct hit *hit = &n->hits[i];
        fields_begin(f, FIELD_GROUP, "");
        fields_number(f, "n", i + 1);
        fields_text(f, "file", hit->name);
        fields_number(f, "size", hit->bytes);
        fields_node(f, "holder", hit->addr);
        fields_number(f, "away", hit->hops + 1u);
        fields_bool(f, "push", hit->push);
        fields_end(f);
    }
    fields_end(f);
}

static void end_search(struct gnutella *n, struct host *h,
                       const struct search *s)
{
    LOCAL_FIELDS f = fields_new();

    if (s->type == GNUTELLA_PING) {
        fields_number(&f, "pongs", s->answers);
    } else {
        fields_number(&f, "hits", s->answers);
        if (memcmp(n->asked, s->guid, GUID_BYTES) == 0)
            add_hits(n, &f);
    }
    host_result(h, s->command, true, &f);
}

void gnutella_command_expire(struct gnutella *n, struct host *h)
{
    for (uint32_t i = 0; i < n->search_count;) {
        if (n->search[i].deadline_us > host_now(h)) {
            i++;
            continue;
        }
        struct search s = n->search[i];
        n->search_count--;
        memmove(&n->search[i], &n->search[i + 1],
                (n->search_count - i) * sizeof s);
        end_search(n, h, &s);
    }
}

static void search(struct gnutella *n, struct host *h, uint32_t command,
                   const char *words)
{
    struct search *s;
    size_t len = strlen(words);

    if (len + 8 > QUERY_BYTES_MAX) {
        host_failed(h, command, "too many words for one query");
        return;
    }
    s = begin(n, h, command, GNUTELLA_QUERY);
    if (s == NULL)
        return;
    forget_hits(n, h);
    gnutella_route_query(n, h, words, len, s->guid);
}

static void ping(struct gnutella *n, struct host *h, uint32_t command,
                 const char *ttl_text)
{
    uint64_t ttl = (uint64_t)setting(n->settings, OPT_TTL);
    struct search *s;

    if (*ttl_text != '\0' &&
        (!parse_u64(ttl_text, TTL_MAX, &ttl) || ttl == 0)) {
        host_failed(h, command, "a TTL is a number from 1 to 15");
        return;
    }
    s = begin(n, h, command, GNUTELLA_PING);
    if (s != NULL)
        gnutella_route_ping(n, h, NULL, (unsigned)ttl, s->guid);
}

/* -- Files --------------------------------------------------------------- */

static void get(struct gnutella *n, struct host *h, uint32_t command,
                const char *what)
{
    const struct hit *hit = NULL;
    uint64_t number;

    if (parse_u64(what, HITS_MAX, &number)) {
        if (n->hits != NULL && number > 0 && number <= n->hit_count)
            hit = &n->hits[number - 1];
    }
    for (uint32_t i = 0; n->hits != NULL && hit == NULL && i < n->hit_count;
         i++)
        if (strcmp(n->hits[i].name, what) == 0)
            hit = &n->hits[i];
    if (hit == NULL)
        host_failed(h, command, "not among the last search's hits");
    else
        gnutella_transfer_get(n, h, command, hit);
}

/* -- How it stands ------------------------------------------------------- */

const char *const gnutella_roles[] = {"servent", "ultrapeer", "leaf"};

static void neighbours(const struct gnutella *n, struct host *h,
                       uint32_t command)
{
    LOCAL_FIELDS f = fields_new();

    fields_number(&f, "neighbours", gnutella_degree(n));
    fields_begin(&f, FIELD_LIST, "list");
    for (const struct link *l = n->links; l != NULL; l = l->next) {
        if (!gnutella_link_is_up(l))
            continue;
        fields_begin(&f, FIELD_GROUP, "");
        fields_node(&f, "node", gnutella_link_peer(l));
        fields_text(&f, "role", gnutella_roles[l->peer]);
        fields_bool(&f, "dialled", l->outgoing);
        fields_end(&f);
    }
    fields_end(&f);
    host_result(h, command, true, &f);
}

static void show(const struct gnutella *n, struct host *h, uint32_t command)
{
    LOCAL_FIELDS f = fields_new();

    fields_text(&f, "role", gnutella_roles[n->role]);
    fields_number(&f, "neighbours", gnutella_degree(n));
    fields_number(&f, "known", n->known_count);
    fields_number(&f, "contents", host_content_count(h));
    fields_number(&f, "downloads", n->download_count);
    fields_number(&f, "received", n->count.received);
    fields_number(&f, "sent", n->count.sent);
    fields_number(&f, "forwarded", n->count.forwarded);
    fields_number(&f, "duplicates", n->count.duplicates);
    fields_number(&f, "unroutable", n->count.unroutable);
    fields_number(&f, "dropped", n->count.dropped);
    host_result(h, command, true, &f);
}

static void connect(struct gnutella *n, struct host *h, uint32_t command,
                    const char *text)
{
    LOCAL_FIELDS f = fields_new();
    struct addr to;

    if (gnutella_degree(n) + gnutella_under_way(n) >= LINKS_MAX) {
        host_failed(h, command, "it has as many links as it may");
    } else if (addr_parse(&to, text) && to.port != 0 &&
               !addr_equal(to, n->self)) {
        gnutella_greet_dial(n, h, to);
        fields_node(&f, "dials", to);
        host_result(h, command, true, &f);
    } else {
        host_failed(h, command, "no address of another servent");
    }
}

void gnutella_command(struct gnutella *n, struct host *h, const struct event *e)
{
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    const char *rest = text + len;

    rest += *rest == ' ';
    if (n->leaving)
        host_failed(h, e->command, "the node leaves");
    else if (word_is(text, len, "search"))
        search(n, h, e->command, rest);
    else if (word_is(text, len, "get"))
        get(n, h, e->command, rest);
    else if (word_is(text, len, "ping"))
        ping(n, h, e->command, rest);
    else if (word_is(text, len, "connect"))
        connect(n, h, e->command, rest);
    else if (word_is(text, len, "neighbours"))
        neighbours(n, h, e->command);
    else if (word_is(text, len, "show"))
        show(n, h, e->command);
    else if (word_is(text, len, "hits")) {
        LOCAL_FIELDS f = fields_new();
        add_hits(n, &f);
        host_result(h, e->command, true, &f);
    } else
        host_failed(h, e->command, "unknown command");
}
