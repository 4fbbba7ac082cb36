/*
 * An ordinary node: it tells its parent what it shares, and asks it.
 *
 *     node info -> (score [teach]) -> share files -> queries, replies, end
 *
 * With `redundancy` k it keeps k parents, each with its whole list, and asks
 * them in turn: a supernode of Yang and Garcia-Molina's k partners, but made
 * by the children; [teach].
 */
#include "fasttrack/node.h"

#include <string.h>

unsigned fasttrack_parents(const struct fasttrack *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != n->children; l = l->next)
        count += fasttrack_link_is(l, PEER_PARENT);
    return count;
}

/* Source: reference, section 4: about 14 log2(kbit/s) + 59. */
static uint8_t bandwidth_byte(uint64_t kbps)
{
    unsigned log = 0;

    while (kbps >> (log + 1) != 0)
        log++;
    /* the part between two powers, by its first bits */
    unsigned rest = log > 3 ? (unsigned)(kbps >> (log - 3)) & 7 : 0;
    unsigned value = 59 + 14 * log + rest * 14 / 8;
    return (uint8_t)(value < 0xd1 ? value : 0xd1);
}

void fasttrack_introduce(struct fasttrack *n, struct host *h, struct link *l)
{
    struct fasttrack_msg m = {
        .type = MSG_NODE_INFO,
        .addr = n->self,
        .bandwidth = bandwidth_byte(n->kbps),
        .name = {(const uint8_t *)n->user, strlen(n->user)}};

    if (is_supernode(n)) {
        fasttrack_announce(n, h, l);
        return;
    }
    if (option(n, OPT_FIREWALLED) != 0)
        m.addr.port = 0; /* [teach], as Napster: nobody can call it */
    fasttrack_link_send(n, h, l, &m);
}

/* -- The share list ------------------------------------------------------ */

static uint8_t media_of(const char *name)
{
    static const struct {
        const char *end;
        uint8_t media;
    } kinds[] = {{".ogg", 1}, {".mp3", 1}, {".wav", 1}, {".avi", 2},
                 {".mpg", 2}, {".jpg", 3}, {".png", 3}, {".txt", 4},
                 {".pdf", 4}, {".deb", 5}, {".exe", 5}};
    size_t len = strlen(name);

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        size_t end = strlen(kinds[i].end);
        if (len > end && strcmp(name + len - end, kinds[i].end) == 0)
            return kinds[i].media;
    }
    return 0;
}

void fasttrack_tell(struct fasttrack *n, struct host *h, int content,
                    struct link *only)
{
    const uint8_t *hash = fasttrack_shared_hash(n, content);
    uint8_t tags[CONTENT_NAME_MAX + 64];
    struct fasttrack_msg m = {.type = MSG_SHARE, .list = {tags, 0}};
    struct content c;

    if (hash == NULL || !host_content(h, content, &c) || !c.complete ||
        c.bytes > FILE_BYTES_MAX || strlen(c.name) > CONTENT_NAME_MAX)
        return;
    struct tag_value name = {TAG_NAME,
                             {(const uint8_t *)c.name, strlen(c.name)}};
    (void)fasttrack_put_tag(tags, sizeof tags, &m.list.len, &name);
    m.tags = 1;
    m.media = media_of(c.name);
    memcpy(m.hash, hash, HASH_BYTES);
    m.file_id = fasttrack_file_id(hash);
    m.size = (uint32_t)c.bytes;
    if (is_supernode(n))
        fasttrack_list_file(n, h, n->super->own, &m);
    for (struct link *l = n->links; l != n->children; l = l->next)
        if (fasttrack_link_is(l, PEER_PARENT) && l->announced &&
            (only == NULL || l == only))
            fasttrack_link_send(n, h, l, &m);
}

void fasttrack_tell_all(struct fasttrack *n, struct host *h, struct link *only)
{
    for (uint32_t i = 0; i < n->shared_count; i++)
        fasttrack_tell(n, h, (int)i, only);
}

/* -- Searches ------------------------------------------------------------ */

static void forget_hits(struct fasttrack *n, struct host *h)
{
    for (uint32_t i = 0; i < n->hit_count; i++)
        host_free(h, n->hits[i].name, strlen(n->hits[i].name) + 1);
    n->hit_count = 0;
}

static struct link *next_parent(struct fasttrack *n)
{
    unsigned count = fasttrack_parents(n), which;

    if (count == 0)
        return NULL;
    which = n->asks++ % count;
    for (struct link *l = n->links;; l = l->next)
        if (fasttrack_link_is(l, PEER_PARENT) && which-- == 0)
            return l;
}

void fasttrack_search(struct fasttrack *n, struct host *h, uint32_t command,
                      const struct span *terms, uint8_t count, uint8_t realm)
{
    struct link *parent = is_supernode(n) ? NULL : next_parent(n);
    struct fasttrack_msg m = {.type = MSG_QUERY,
                              .results_max = HITS_MAX,
                              .realm = realm,
                              .terms = count,
                              .list = *terms};

    if (n->search.command != 0) {
        host_failed(h, command, "one search at a time");
        return;
    }
    if (parent == NULL && !is_supernode(n)) {
        host_failed(h, command, "no supernode: it has no parent at present");
        return;
    }
    forget_hits(n, h);
    m.search = ++n->search.id; /* not before: the open one keeps its own */
    n->search.command = command;
    n->search.deadline_us =
        host_now(h) + 2 * (uint64_t)option(n, OPT_COLLECT) + 2 * SECOND_US;
    if (parent != NULL)
        fasttrack_link_send(n, h, parent, &m);
    else
        fasttrack_ask(n, h, 0, &m);
    fasttrack_arm(n, h);
}

static void copy_text(char *to, size_t room, struct span s)
{
    size_t len = s.len < room - 1 ? s.len : room - 1;

    if (len > 0)
        memcpy(to, s.at, len);
    to[len] = '\0';
}

static bool is_known_hit(const struct fasttrack *n, const struct result *r)
{
    for (uint32_t i = 0; i < n->hit_count; i++)
        if (addr_equal(n->hits[i].addr, r->addr) &&
            memcmp(n->hits[i].hash, r->hash, HASH_BYTES) == 0)
            return true;
    return false;
}

static void keep_hit(struct fasttrack *n, struct host *h,
                     const struct fasttrack_msg *m, const struct result *r,
                     const char *user)
{
    struct span tags = r->list, name = {NULL, 0};
    struct tag_value t;

    while (fasttrack_next_tag(&tags, &t))
        if (t.tag == TAG_NAME)
            name = t.value;
    if (n->hits == NULL)
        n->hits = host_alloc(h, HITS_MAX * sizeof *n->hits);
    if (n->hits == NULL || n->hit_count == HITS_MAX || name.len == 0 ||
        name.len > CONTENT_NAME_MAX || memchr(name.at, 0, name.len) != NULL ||
        is_known_hit(n, r))
        return;
    char *text = host_alloc(h, name.len + 1);
    if (text == NULL)
        return;
    memcpy(text, name.at, name.len);
    struct hit *hit = &n->hits[n->hit_count++];
    *hit = (struct hit){.addr = r->addr,
                        .supernode = m->addr,
                        .size = r->size,
                        .bandwidth = r->bandwidth,
                        .name = text};
    memcpy(hit->hash, r->hash, HASH_BYTES);
    memcpy(hit->user, user, sizeof hit->user);
}

/* The user at an address, by an earlier result; as reference 8 has it, by any
   of this packet, and nobody changes his name between two. */
static bool user_of(const struct fasttrack *n, struct addr a,
                    char user[USER_MAX + 1])
{
    uint32_t i = n->hit_count;

    while (i > 0 && !addr_equal(n->hits[i - 1].addr, a))
        i--;
    if (i > 0)
        memcpy(user, n->hits[i - 1].user, USER_MAX + 1);
    return i > 0;
}

void fasttrack_hits(struct fasttrack *n, struct host *h,
                    const struct fasttrack_msg *m)
{
    struct span list = m->list;
    char user[USER_MAX + 1];
    struct result r;

    if (n->search.command == 0 || m->search != n->search.id)
        return; /* too late */
    while (fasttrack_next_result(&list, &r)) {
        if (!r.same)
            copy_text(user, sizeof user, r.user);
        else if (!user_of(n, r.addr, user))
            continue; /* the same as nobody: seen in the wild */
        if (!addr_equal(r.addr, n->self))
            keep_hit(n, h, m, &r, user);
    }
}

bool fasttrack_is_first_hit(const struct fasttrack *n, uint32_t i)
{
    for (uint32_t k = 0; k < i; k++)
        if (memcmp(n->hits[k].hash, n->hits[i].hash, HASH_BYTES) == 0)
            return false;
    return true;
}

void fasttrack_add_hits(const struct fasttrack *n, struct fields *f)
{
    uint32_t files = 0;

    fields_number(f, "hits", n->hit_count);
    fields_begin(f, FIELD_LIST, "list");
    for (uint32_t i = 0; i < n->hit_count; i++) {
        const struct hit *hit = &n->hits[i];
        uint32_t sources = 0;
        if (!fasttrack_is_first_hit(n, i))
            continue;
        fields_begin(f, FIELD_GROUP, "");
        fields_number(f, "n", ++files);
        fields_text(f, "file", hit->name);
        fields_number(f, "size", hit->size);
        for (uint32_t k = i; k < n->hit_count; k++)
            sources += memcmp(n->hits[k].hash, hit->hash, HASH_BYTES) == 0;
        fields_number(f, "sources", sources);
        fields_text(f, "user", hit->user);
        fields_node(f, "supernode", hit->supernode);
        fields_end(f);
    }
    fields_end(f);
    fields_number(f, "files", files);
}

void fasttrack_search_end(struct fasttrack *n, struct host *h, uint16_t id)
{
    struct fields f = fields_new();
    uint32_t command = n->search.command;

    if (command != 0 && id == n->search.id) {
        n->search.command = 0;
        fasttrack_add_hits(n, &f);
        host_result(h, command, true, &f);
    }
    fields_free(&f);
}

/* -- What a parent says -------------------------------------------------- */

static void on_accepted(struct fasttrack *n, struct host *h, struct link *l)
{
    if (l->announced)
        return;
    l->announced = true;
    n->misses = n->told = 0;
    if (n->orphan_us != 0) {
        n->orphaned_for_us = host_now(h) - n->orphan_us;
        n->orphan_us = 0;
    }
    host_note(h, "has a parent, and tells it what it shares");
    fasttrack_tell_score(n, h, l);
    fasttrack_tell_all(n, h, l);
}

void fasttrack_on_parent(struct fasttrack *n, struct host *h, struct link *l,
                         const struct fasttrack_msg *m)
{
    switch ((enum fasttrack_type)m->type) {
    case MSG_SEND_SHARES:
        on_accepted(n, h, l);
        break;
    case MSG_REPLY:
        fasttrack_hits(n, h, m);
        break;
    case MSG_QUERY_END:
        fasttrack_search_end(n, h, m->search);
        break;
    case MSG_PUSH:
        if (m->push_form == 0)
            fasttrack_give(n, h, m->addr, m->id);
        break;
    case MSG_PROMOTE:
        fasttrack_promote(n, h, "a supernode asked it to; [teach]");
        if (!is_supernode(n) && !l->announced) { /* it has no place for us */
            fasttrack_tell_score(n, h, l);
            fasttrack_link_close(n, h, l);
        }
        break;
    case MSG_NEIGHBOURS: /* it is one more supernode to know */
    case MSG_EXTERNAL_IP:
    case MSG_STATS:
    case MSG_NETWORK:
    case MSG_VERSION:
    case MSG_NODES:
    case MSG_NODE_INFO:
    case MSG_UNSHARE:
    case MSG_QUERY:
    case MSG_FORWARD:
    case MSG_SHARE:
    case MSG_SCORE:
        break;
    }
}
