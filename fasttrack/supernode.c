/*
 * A supernode: an index of its own children's files, and of nobody else's.
 *
 *     a child's query -> its own index -> reply
 *                    \-> with few results: to other supernodes -> replies
 *
 * All between supernodes is [teach]: same session, MSG_NEIGHBOURS to say "I
 * am one", queries as MSG_FORWARD in a broadcast header, whose four bytes end
 * duplicates, and replies back along the way that the query came.
 */
#include "fasttrack/node.h"

#include <string.h>

uint8_t fasttrack_load(const struct fasttrack *n)
{
    uint64_t room = (uint64_t)option(n, OPT_CHILDREN);
    uint64_t load = n->super->children * UINT64_C(100) / room;

    return (uint8_t)(load < 100 ? load : 100);
}

/* -- The index ----------------------------------------------------------- */

static void free_file(struct fasttrack *n, struct host *h, struct child *c,
                      struct file **at)
{
    struct file *f = *at;

    *at = f->next;
    c->file_count--;
    n->super->files--;
    host_free(h, f, sizeof *f + f->tag_bytes);
}

void fasttrack_child_free(struct fasttrack *n, struct host *h, struct child *c)
{
    while (c->files != NULL)
        free_file(n, h, c, &c->files);
    n->super->eligible -= c->eligible;
    host_free(h, c, sizeof *c);
}

static struct file **find_file(struct child *c, const uint8_t *hash)
{
    struct file **at = &c->files;

    while (*at != NULL && memcmp((*at)->hash, hash, HASH_BYTES) != 0)
        at = &(*at)->next;
    return at;
}

void fasttrack_list_file(struct fasttrack *n, struct host *h, struct child *c,
                         const struct fasttrack_msg *m)
{
    struct file **at = find_file(c, m->hash);

    if (*at != NULL)
        free_file(n, h, c, at); /* it has other tags now */
    if (c->file_count >= CHILD_FILES_MAX) {
        fasttrack_drop(n, h, "a child shares more than we list");
        return;
    }
    struct file *f = host_alloc(h, sizeof *f + m->list.len);
    if (f == NULL)
        return;
    *f = (struct file){.file_id = m->file_id,
                       .size = m->size,
                       .tags = m->tags,
                       .tag_bytes = (uint32_t)m->list.len,
                       .media = m->media};
    memcpy(f->hash, m->hash, HASH_BYTES);
    if (m->list.len > 0)
        memcpy(f->tag, m->list.at, m->list.len);
    for (at = &c->files; *at != NULL;)
        at = &(*at)->next;
    *at = f;
    c->file_count++;
    n->super->files++;
}

/* -- Matching ------------------------------------------------------------ */

static bool is_same(struct span a, struct span b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

/* "Approx" is that of words; how near a number must be, nobody has published:
   we take it to be equal. */
static bool value_matches(const struct term *t, const struct tag_value *v)
{
    bool is_number = fasttrack_is_number(v->tag);
    uint32_t limit, value;

    if (t->compare == CMP_AT_MOST || t->compare == CMP_AT_LEAST)
        return is_number &&
               fasttrack_dynint(t->value.at, t->value.len, &limit) > 0 &&
               fasttrack_dynint(v->value.at, v->value.len, &value) > 0 &&
               (t->compare == CMP_AT_MOST ? value <= limit : value >= limit);
    if (t->compare == CMP_EQUALS || (t->compare == CMP_APPROX && is_number))
        return is_same(t->value, v->value);
    return word_match((const char *)v->value.at, v->value.len,
                      (const char *)t->value.at, t->value.len, TERMS_MAX) > 0;
}

static bool term_matches(const struct file *f, const struct term *t)
{
    struct span tags = {f->tag, f->tag_bytes};
    uint8_t size[5];
    struct tag_value v = {TAG_SIZE,
                          {size, fasttrack_put_dynint(size, f->size)}};

    if (t->tag == TAG_HASH)
        return is_same(t->value, (struct span){f->hash, HASH_BYTES});
    if (t->tag == TAG_SIZE)
        return value_matches(t, &v);
    while (fasttrack_next_tag(&tags, &v)) {
        if ((t->tag == TAG_ANY || t->tag == v.tag) && value_matches(t, &v))
            return true;
    }
    return false;
}

static bool matches(const struct file *f, const struct fasttrack_msg *m)
{
    struct span terms = m->list;
    struct term t;
    unsigned realm = m->realm & 0x7fu, judged = 0;

    if (realm != REALM_ANY && realm != 0x20u + f->media)
        return false;
    while (fasttrack_next_term(&terms, &t)) {
        if (t.compare >= CMP_UNKNOWN)
            continue; /* reference 4: mldonkey appends one to every query */
        judged++;
        if (!term_matches(f, &t))
            return false;
    }
    return judged > 0;
}

/* Results under way to one asker. */
struct reply {
    struct fasttrack_msg m;
    struct link *to;
    const struct child *last; /* whose names stand in this message */
    unsigned total, max;
    uint8_t list[REPLY_BYTES_MAX];
};

static void flush(struct fasttrack *n, struct host *h, struct reply *r)
{
    if (r->m.results == 0)
        return;
    if (r->to != NULL)
        fasttrack_link_send(n, h, r->to, &r->m);
    else
        fasttrack_hits(n, h, &r->m);
    r->m.results = 0;
    r->m.list.len = 0;
    r->last = NULL;
}

static void add_results(struct fasttrack *n, struct host *h, struct reply *r,
                        const struct child *c, const struct fasttrack_msg *m)
{
    for (const struct file *f = c->files; f != NULL && r->total < r->max;
         f = f->next) {
        n->super->looked++;
        if (!matches(f, m))
            continue;
        struct result one = {
            .addr = c->addr,
            .bandwidth = c->bandwidth,
            .same = r->last == c,
            .user = {(const uint8_t *)c->user, strlen(c->user)},
            .network = {(const uint8_t *)NETWORK_NAME, sizeof NETWORK_NAME - 1},
            .file_id = f->file_id,
            .size = f->size,
            .tags = f->tags,
            .list = {f->tag, f->tag_bytes}};
        memcpy(one.hash, f->hash, HASH_BYTES);
        if (!fasttrack_put_result(r->list, sizeof r->list, &r->m.list.len,
                                  &one)) {
            flush(n, h, r);
            one.same = false;
            if (!fasttrack_put_result(r->list, sizeof r->list, &r->m.list.len,
                                      &one))
                continue; /* its tags alone are too long */
        }
        r->last = c;
        r->m.results++;
        r->total++;
    }
}

/* Answer a query from our own index; how many results. */
static unsigned answer(struct fasttrack *n, struct host *h, struct reply *r,
                       const struct link *asker, const struct fasttrack_msg *m)
{
    r->m.type = MSG_REPLY;
    r->m.addr = n->self;
    r->m.list = (struct span){r->list, 0};
    n->super->queries++;
    add_results(n, h, r, n->super->own, m);
    for (const struct link *l = n->children; l != NULL; l = l->next) {
        bool is_child = fasttrack_link_is(l, PEER_CHILD) && l->child != NULL;
        if (is_child && l != asker)
            add_results(n, h, r, l->child, m);
    }
    flush(n, h, r);
    return r->total;
}

/* -- What has passed here ------------------------------------------------ */

static const struct seen *seen_find(const struct fasttrack *n,
                                    struct addr source, uint32_t id,
                                    uint32_t mask)
{
    for (uint32_t i = 0; i < n->super->seen_count; i++)
        if (addr_equal(n->super->seen[i].source, source) &&
            (n->super->seen[i].id & mask) == (id & mask))
            return &n->super->seen[i];
    return NULL;
}

/* The ring grows while it would lose what is not old yet. */
static void seen_grow(struct supernode *s, struct host *h)
{
    if (host_grow(h, &s->seen, &s->seen_cap, s->seen_cap + 1, sizeof *s->seen))
        s->seen_at = s->seen_count;
}

static void seen_add(struct fasttrack *n, struct host *h, struct addr source,
                     uint32_t id, conn_id from)
{
    struct supernode *s = n->super;

    if (s->seen_count == s->seen_cap && s->seen_cap < SEEN_MAX &&
        (s->seen_cap == 0 ||
         s->seen[s->seen_at % s->seen_cap].at_us + SEEN_US > host_now(h)))
        seen_grow(s, h);
    if (s->seen_cap == 0)
        return;
    s->seen[s->seen_at % s->seen_cap] =
        (struct seen){source, id, from, host_now(h)};
    s->seen_at = (s->seen_at + 1) % s->seen_cap;
    s->seen_count += s->seen_count < s->seen_cap;
}

/* -- To other supernodes ------------------------------------------------- */

/* Hand a message to `fanout` supernodes, but not back, beginning with another
   one each time; how many. */
static unsigned spread(struct fasttrack *n, struct host *h,
                       const struct link *from, struct fasttrack_msg *m)
{
    uint32_t links = n->super->links, count = 0;
    uint32_t skip = links > 0 ? (uint32_t)(host_random(h) % links) : 0;

    if (links <= (uint32_t)option(n, OPT_FANOUT))
        skip = 0;
    for (unsigned round = 0; round < 2; round++) {
        uint32_t i = 0;
        for (struct link *l = n->links; l != n->children; l = l->next) {
            if (!fasttrack_link_is(l, PEER_SUPERNODE) || l == from)
                continue;
            if ((round == 0) != (i++ >= skip) ||
                count >= (uint32_t)option(n, OPT_FANOUT))
                continue;
            fasttrack_link_send(n, h, l, m);
            count++;
        }
    }
    n->super->forwarded += count;
    return count;
}

/* May it go one hop further? */
static bool has_hops(const struct fasttrack *n, unsigned hops)
{
    return hops < (unsigned)option(n, OPT_TTL) && hops < HOPS_LIMIT;
}

static void end_asked(struct fasttrack *n, struct host *h, struct asked *a)
{
    struct asked **at = &n->super->asked;
    struct link *child = fasttrack_link_of(n, a->child);
    struct fasttrack_msg m = {.type = MSG_QUERY_END, .search = a->search};

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    n->super->asked_count--;
    if (a->child == 0)
        fasttrack_search_end(n, h, a->search);
    else if (child != NULL && child->state == LINK_UP)
        fasttrack_link_send(n, h, child, &m);
    host_free(h, a, sizeof *a);
}

/* An id whose lower half no open query has: replies carry only that. */
static uint32_t new_id(const struct fasttrack *n, struct host *h)
{
    for (;;) {
        uint32_t id = (uint32_t)host_random(h);
        const struct asked *a = n->super->asked;
        while (a != NULL && (a->id & 0xffff) != (id & 0xffff))
            a = a->next;
        if (a == NULL)
            return id;
    }
}

/* What the asker wants, within reason. */
static unsigned results_max(const struct fasttrack_msg *m)
{
    return m->results_max < HITS_MAX ? m->results_max : HITS_MAX;
}

static void ask_others(struct fasttrack *n, struct host *h, conn_id child,
                       const struct fasttrack_msg *m, unsigned results)
{
    struct asked *a =
        n->super->asked_count < ASKED_MAX ? host_alloc(h, sizeof *a) : NULL;

    if (a == NULL)
        return;
    *a = (struct asked){.next = n->super->asked,
                        .id = new_id(n, h),
                        .child = child,
                        .search = m->search,
                        .results_max = (uint16_t)results_max(m),
                        .results = (uint16_t)results,
                        .deadline_us =
                            host_now(h) + (uint64_t)option(n, OPT_COLLECT)};
    n->super->asked = a;
    n->super->asked_count++;
    struct fasttrack_msg forward = {.type = MSG_FORWARD,
                                    .route = ROUTE_BROADCAST,
                                    .source = n->self,
                                    .hops = 1,
                                    .id = a->id,
                                    .search = (uint16_t)a->id,
                                    .realm = m->realm,
                                    .terms = m->terms,
                                    .list = m->list};
    seen_add(n, h, n->self, a->id, 0);
    if (spread(n, h, NULL, &forward) == 0)
        end_asked(n, h, a);
    else
        host_note(h, "few results here (%u): asks other supernodes; [teach]",
                  results);
    fasttrack_arm(n, h);
}

/* In two stages: our own index, and other supernodes only when that had too
   little.  Source: reference, section 1, SearchIndirectEndResults. */
void fasttrack_ask(struct fasttrack *n, struct host *h, conn_id child,
                   const struct fasttrack_msg *m)
{
    struct link *l = child != 0 ? fasttrack_link_of(n, child) : NULL;
    struct reply r;

    r.m = (struct fasttrack_msg){.search = m->search};
    r.to = l;
    r.last = NULL;
    r.total = 0;
    r.max = results_max(m);
    unsigned results = answer(n, h, &r, l, m);
    if (results < (unsigned)option(n, OPT_ENOUGH) && results < r.max &&
        n->super->links > 0 && has_hops(n, 0) &&
        n->super->asked_count < ASKED_MAX) {
        ask_others(n, h, child, m, results);
        return;
    }
    if (l != NULL)
        fasttrack_link_send(n, h, l,
                            &(struct fasttrack_msg){.type = MSG_QUERY_END,
                                                    .search = m->search});
    else
        fasttrack_search_end(n, h, m->search);
}

static void on_forward(struct fasttrack *n, struct host *h, struct link *l,
                       const struct fasttrack_msg *m)
{
    struct reply r;

    if (seen_find(n, m->source, m->id, UINT32_MAX) != NULL) {
        n->super->duplicates++;
        host_note(h, "has seen this query: drops it");
        return;
    }
    seen_add(n, h, m->source, m->id, l->conn);
    r.m = (struct fasttrack_msg){.route = ROUTE_UNICAST,
                                 .source = n->self,
                                 .target = m->source,
                                 .hops = 1,
                                 .search = m->search};
    r.to = l;
    r.last = NULL;
    r.total = 0;
    r.max = RESULTS_SENT_MAX;
    unsigned results = answer(n, h, &r, NULL, m);
    if (results >= (unsigned)option(n, OPT_ENOUGH) || !has_hops(n, m->hops))
        return;
    struct fasttrack_msg on = *m;
    on.hops++;
    (void)spread(n, h, l, &on);
}

/* Drop the results behind the first `most`. */
static void keep_first(struct fasttrack_msg *m, unsigned most)
{
    struct span rest = m->list;
    struct result r;

    if (m->results <= most)
        return;
    for (unsigned i = 0; i < most; i++)
        (void)fasttrack_next_result(&rest, &r);
    m->results = (uint16_t)most;
    m->list.len -= rest.len;
}

/* A reply to one of our queries: to the child, in its own search's name. */
static void on_answered(struct fasttrack *n, struct host *h,
                        const struct fasttrack_msg *m)
{
    struct asked *a = n->super->asked;
    struct fasttrack_msg reply = *m;

    while (a != NULL && (uint16_t)a->id != m->search)
        a = a->next;
    if (a == NULL) {
        fasttrack_drop(n, h, "a reply that comes too late");
        return;
    }
    struct link *child = fasttrack_link_of(n, a->child);
    reply.route = ROUTE_DIRECT;
    reply.search = a->search;
    keep_first(&reply, (unsigned)(a->results_max - a->results));
    if (a->child == 0)
        fasttrack_hits(n, h, &reply);
    else if (child != NULL && child->state == LINK_UP)
        fasttrack_link_send(n, h, child, &reply);
    a->results = (uint16_t)(a->results + reply.results);
    if (a->results >= a->results_max)
        end_asked(n, h, a);
}

static void on_reply(struct fasttrack *n, struct host *h,
                     const struct fasttrack_msg *m)
{
    if (addr_equal(m->target, n->self)) {
        on_answered(n, h, m);
        return;
    }
    const struct seen *s = seen_find(n, m->target, m->search, 0xffff);
    struct link *back = s != NULL ? fasttrack_link_of(n, s->from) : NULL;
    if (back == NULL || !fasttrack_link_is(back, PEER_SUPERNODE) ||
        m->hops >= HOPS_LIMIT) {
        fasttrack_drop(n, h, "a reply that finds no way back");
        return;
    }
    struct fasttrack_msg on = *m;
    on.hops++;
    fasttrack_link_send(n, h, back, &on);
}

/* -- Push ---------------------------------------------------------------- */

static bool push_to_child(struct fasttrack *n, struct host *h,
                          const struct fasttrack_msg *m)
{
    struct fasttrack_msg to = {
        .type = MSG_PUSH, .id = m->id, .addr = m->addr, .push_form = 0};

    if (m->name.len == strlen(n->user) &&
        memcmp(m->name.at, n->user, m->name.len) == 0 &&
        m->owner.ip == n->self.ip) {
        fasttrack_give(n, h, m->addr, m->id);
        return true;
    }
    for (struct link *l = n->children; l != NULL; l = l->next)
        if (fasttrack_link_is(l, PEER_CHILD) && l->child != NULL &&
            l->child->addr.ip == m->owner.ip &&
            m->name.len == strlen(l->child->user) &&
            memcmp(m->name.at, l->child->user, m->name.len) == 0) {
            fasttrack_link_send(n, h, l, &to);
            return true;
        }
    return false;
}

/* To the owner's supernode: how, nobody has published; it goes the way of a
   query, and whoever has the owner as a child keeps it. */
void fasttrack_push(struct fasttrack *n, struct host *h, struct link *from,
                    const struct fasttrack_msg *m)
{
    struct fasttrack_msg on = *m;

    if (m->route == ROUTE_DIRECT) {
        on.route = ROUTE_BROADCAST;
        on.source = n->self;
        on.hops = 0;
    }
    if (seen_find(n, on.source, m->id, UINT32_MAX) != NULL)
        return;
    seen_add(n, h, on.source, m->id, from != NULL ? from->conn : 0);
    on.hops++;
    if (!push_to_child(n, h, m) && has_hops(n, m->hops))
        (void)spread(n, h, from, &on);
}

/* -- Children ------------------------------------------------------------ */

static void copy_user(char to[USER_MAX + 1], struct span name)
{
    size_t len = name.len < USER_MAX ? name.len : USER_MAX;

    for (size_t i = 0; i < len; i++) {
        uint8_t c = name.at[i];
        to[i] = c < ' ' || c == 127 ? '.' : (char)c;
    }
    to[len] = '\0';
}

/* Not here: but these others there are. */
static void send_away(struct fasttrack *n, struct host *h, struct link *l,
                      const char *why)
{
    host_note(h, "takes no child: %s", why);
    fasttrack_send_nodes(n, h, l);
    if (l->state == LINK_UP)
        fasttrack_link_close(n, h, l);
}

/* Where a child listens: it may not know under which address we see it. */
static struct addr listens_at(const struct link *l,
                              const struct fasttrack_msg *m)
{
    uint32_t ip = m->addr.ip != 0 ? m->addr.ip : l->caller.ip;

    return (struct addr){ip, m->addr.port};
}

static void adopt(struct fasttrack *n, struct host *h, struct link *l,
                  const struct fasttrack_msg *m)
{
    struct child *c = host_alloc(h, sizeof *c);

    if (c == NULL) {
        fasttrack_link_close(n, h, l);
        return;
    }
    copy_user(c->user, m->name);
    c->addr = listens_at(l, m);
    c->bandwidth = m->bandwidth;
    l->child = c;
    fasttrack_link_is_now(n, l, PEER_CHILD);
    l->addr = c->addr;
    fasttrack_link_due(n, l, NEVER);
    n->super->children++;
    n->super->empty_us = NEVER;
    host_note(h, "adopts a child");
    fasttrack_link_send(n, h, l,
                        &(struct fasttrack_msg){.type = MSG_EXTERNAL_IP,
                                                .addr = {l->caller.ip, 0}});
    fasttrack_send_nodes(n, h, l);
    if (l->state == LINK_UP)
        fasttrack_link_send(n, h, l,
                            &(struct fasttrack_msg){.type = MSG_SEND_SHARES});
    fasttrack_news(n, h, false);
}

static void on_node_info(struct fasttrack *n, struct host *h, struct link *l,
                         const struct fasttrack_msg *m)
{
    bool full = is_supernode(n) &&
                n->super->children >= (uint32_t)option(n, OPT_CHILDREN);

    if (l->child != NULL) {
        copy_user(l->child->user, m->name);
        l->child->addr = listens_at(l, m);
        return;
    }
    /* An orphan is asked to be a parent: our parent is dead, and somebody was
       told that we could follow it; [teach]. */
    if (fasttrack_parents(n) == 0 && !fasttrack_told_full(n))
        fasttrack_promote_alone(n, h,
                                "an orphan asks it to be its parent; [teach]");
    if (!is_supernode(n))
        send_away(n, h, l, "is an ordinary node");
    else if (n->leaving)
        send_away(n, h, l, "it leaves");
    else if (!full)
        adopt(n, h, l, m);
    else if (!fasttrack_elect(n, h, m->addr.port != 0 ? l : NULL))
        send_away(n, h, l, "it is full");
}

/* -- Other supernodes ---------------------------------------------------- */

void fasttrack_announce(struct fasttrack *n, struct host *h, struct link *l)
{
    uint8_t list[128];
    struct fasttrack_msg m = {.type = MSG_NEIGHBOURS, .list = {list, 0}};
    struct neighbour_entry e = {
        .addr = n->self,
        .standing = {.load = fasttrack_load(n),
                     .children = (uint16_t)n->super->children,
                     .degree = (uint8_t)n->super->links,
                     .age_s = (uint32_t)((host_now(h) - n->super->since_us) /
                                         SECOND_US),
                     .participation = (uint16_t)fasttrack_participation(n)},
        .hops = 0};

    (void)fasttrack_put_neighbour(list, sizeof list, &m.list.len, &e);
    fasttrack_link_send(n, h, l, &m);
}

/* Two have dialled each other: the lower address's call is kept. */
static bool is_double(struct fasttrack *n, struct host *h, struct link *l,
                      struct addr peer)
{
    for (struct link *k = n->links; k != n->children; k = k->next) {
        if (k == l || k->peer != PEER_SUPERNODE || k->state > LINK_UP ||
            !addr_equal(k->addr, peer))
            continue;
        bool self_is_lower = n->self.ip != peer.ip ? n->self.ip < peer.ip
                                                   : n->self.port < peer.port;
        struct link *end =
            l->outgoing == k->outgoing || l->outgoing != self_is_lower ? l : k;
        fasttrack_link_close(n, h, end);
        if (end == l)
            return true;
        if (k->announced && n->super->links > 0) {
            k->announced = false;
            n->super->links--;
        }
        return false;
    }
    return false;
}

static void on_neighbours(struct fasttrack *n, struct host *h, struct link *l,
                          const struct fasttrack_msg *m)
{
    struct span list = m->list;
    struct neighbour_entry e;

    if (!fasttrack_next_neighbour(&list, &e) || e.addr.port == 0)
        return;
    l->standing = e.standing;
    if (l->peer == PEER_SUPERNODE && l->announced) {
        fasttrack_known_add(n, e.addr, e.standing.load);
        return; /* a report of its load */
    }
    if (!is_supernode(n)) {
        send_away(n, h, l, "is an ordinary node");
        return;
    }
    l->addr = e.addr;
    fasttrack_known_add(n, e.addr, e.standing.load);
    if (is_double(n, h, l, e.addr))
        return;
    if (n->super->links >= 2 * (uint32_t)option(n, OPT_DEGREE) ||
        n->super->links >= SN_LINKS_MAX || n->leaving) {
        send_away(n, h, l, "enough supernodes");
        return;
    }
    if (l->child != NULL) { /* our child has become one */
        fasttrack_child_free(n, h, l->child);
        l->child = NULL;
        n->super->children--;
    }
    fasttrack_link_due(n, l, NEVER);
    fasttrack_link_is_now(n, l, PEER_SUPERNODE);
    l->announced = true;
    n->super->links++;
    host_note(h, "is linked with another supernode; [teach]");
    if (!l->outgoing)
        fasttrack_announce(n, h, l);
    if (l->state == LINK_UP)
        fasttrack_send_nodes(n, h, l);
    fasttrack_news(n, h, true);
    fasttrack_seek(n, h);
}

/* -- Messages ------------------------------------------------------------ */

void fasttrack_on_child(struct fasttrack *n, struct host *h, struct link *l,
                        const struct fasttrack_msg *m)
{
    struct file **at;

    if (m->type == MSG_NODE_INFO) {
        on_node_info(n, h, l, m);
        return;
    }
    if (m->type == MSG_NEIGHBOURS) {
        on_neighbours(n, h, l, m);
        return;
    }
    if (is_supernode(n) && l->conn == n->super->caller &&
        m->type == MSG_SCORE && m->eligible == 0)
        n->super->promoted_us = 0; /* it may not: another is asked */
    if (l->child == NULL || m->route != ROUTE_DIRECT)
        return;
    switch ((enum fasttrack_type)m->type) {
    case MSG_SHARE:
        fasttrack_list_file(n, h, l->child, m);
        break;
    case MSG_UNSHARE:
        at = find_file(l->child, m->hash);
        if (*at != NULL)
            free_file(n, h, l->child, at);
        break;
    case MSG_QUERY:
        fasttrack_ask(n, h, l->conn, m);
        break;
    case MSG_PUSH:
        if (m->push_form == 1)
            fasttrack_push(n, h, l, m);
        break;
    case MSG_SCORE:
        l->child->score = m->score;
        if (l->child->eligible != (m->eligible != 0)) {
            l->child->eligible = m->eligible != 0;
            n->super->eligible += l->child->eligible ? 1 : UINT32_MAX;
            fasttrack_news(n, h, true);
        }
        break;
    case MSG_NETWORK:
    case MSG_NODES:
    case MSG_NEIGHBOURS:
    case MSG_NODE_INFO:
    case MSG_SEND_SHARES:
    case MSG_REPLY:
    case MSG_QUERY_END:
    case MSG_STATS:
    case MSG_FORWARD:
    case MSG_VERSION:
    case MSG_EXTERNAL_IP:
    case MSG_PROMOTE:
        break; /* clients send more than a supernode needs */
    }
}

void fasttrack_on_supernode(struct fasttrack *n, struct host *h, struct link *l,
                            const struct fasttrack_msg *m)
{
    if (m->type == MSG_NEIGHBOURS) {
        on_neighbours(n, h, l, m);
    } else if (!is_supernode(n) || !l->announced) {
        fasttrack_drop(n, h, "not from, or not for, a supernode");
    } else if (m->type == MSG_NODE_INFO) { /* it is one no longer */
        l->peer = PEER_UNKNOWN;
        l->announced = false;
        n->super->links--;
        on_node_info(n, h, l, m);
    } else if (m->type == MSG_FORWARD && m->route == ROUTE_BROADCAST) {
        on_forward(n, h, l, m);
    } else if (m->type == MSG_REPLY && m->route == ROUTE_UNICAST) {
        on_reply(n, h, m);
    } else if (m->type == MSG_PUSH && m->route == ROUTE_BROADCAST &&
               m->push_form == 1) {
        fasttrack_push(n, h, l, m);
    }
}

/* -- Being one ----------------------------------------------------------- */

bool fasttrack_super_begin(struct fasttrack *n, struct host *h)
{
    struct supernode *s = host_alloc(h, sizeof *s);
    struct child *own = s != NULL ? host_alloc(h, sizeof *own) : NULL;

    if (own == NULL) {
        if (s != NULL)
            host_free(h, s, sizeof *s);
        return false;
    }
    s->own = own;
    s->since_us = s->empty_us = host_now(h);
    memcpy(own->user, n->user, sizeof own->user);
    own->addr = n->self;
    if (option(n, OPT_FIREWALLED) != 0)
        own->addr.port = 0;
    n->super = s;
    fasttrack_tell_all(n, h, NULL);
    return true;
}

void fasttrack_super_end(struct fasttrack *n, struct host *h)
{
    struct supernode *s = n->super;

    while (s->asked != NULL)
        end_asked(n, h, s->asked);
    for (struct link *l = n->links; l != NULL; l = l->next) {
        if (l->child != NULL)
            fasttrack_child_free(n, h, l->child);
        l->child = NULL;
        if (l->state <= LINK_UP)
            fasttrack_link_close(n, h, l);
        l->peer = PEER_UNKNOWN;
        l->announced = false;
    }
    n->children = NULL;
    fasttrack_child_free(n, h, s->own);
    if (s->seen != NULL)
        host_free(h, s->seen, s->seen_cap * sizeof *s->seen);
    host_free(h, s, sizeof *s);
    n->super = NULL;
}

uint64_t fasttrack_super_deadline(const struct fasttrack *n)
{
    uint64_t least = NEVER;

    for (const struct asked *a = n->super->asked; a != NULL; a = a->next)
        least = a->deadline_us < least ? a->deadline_us : least;
    return least;
}

void fasttrack_super_expire(struct fasttrack *n, struct host *h)
{
    struct asked *next;

    for (struct asked *a = n->super->asked; a != NULL; a = next) {
        next = a->next;
        if (a->deadline_us <= host_now(h))
            end_asked(n, h, a);
    }
}
