/*
 * A node against any list of events (node_fuzz.h): every table stays within
 * its bound, and what it counts is so.  Messages of all types come as a
 * parent, a child or a supernode would send them, and the handshake of the
 * cipher with any seed.
 */
#include "fasttrack/node.h"
#include "tests/fuzz/node_fuzz.h"

static void check_super(const struct fasttrack *n)
{
    const struct supernode *s = n->super;
    uint32_t children = 0, links = 0, files = s->own->file_count, asked = 0,
             eligible = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        children += l->child != NULL;
        links += l->peer == PEER_SUPERNODE && l->announced;
        if (l->child == NULL)
            continue;
        files += l->child->file_count;
        eligible += l->child->eligible;
        MUST(l->child->file_count <= CHILD_FILES_MAX);
    }
    for (const struct asked *a = s->asked; a != NULL; a = a->next)
        asked++;
    MUST(children == s->children && links == s->links && files == s->files);
    MUST(eligible == s->eligible);
    MUST(asked == s->asked_count && asked <= ASKED_MAX);
    MUST(children <= (uint32_t)setting(n->settings, OPT_CHILDREN));
    MUST(s->seen_count <= s->seen_cap && s->seen_cap <= SEEN_MAX);
}

static void check_node(struct fake *f)
{
    const struct fasttrack *n = f->host.node;
    unsigned callers = 0, downloads = 0, count = 0;
    bool children = false;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        callers +=
            !l->outgoing && l->peer == PEER_UNKNOWN && l->state != LINK_UPLOAD;
        count++;
        children = children || l == n->children;
        MUST(children == (l->peer == PEER_CHILD));
        MUST(fasttrack_link_of(n, l->conn) == l && n->heap[l->due_at] == l);
        MUST(l->deadline_us >= fasttrack_link_first(n)->deadline_us);
        MUST(l->source == NULL || l->source->link == l);
        MUST(l->child == NULL || is_supernode(n));
    }
    for (const struct download *d = n->downloads; d != NULL; d = d->next) {
        downloads++;
        MUST(d->source_count <= SOURCES_MAX);
    }
    MUST(count == n->link_count && children == (n->children != NULL));
    MUST(callers <= CALLERS_MAX + 1 || n->leaving);
    MUST(downloads == n->download_count && downloads <= DOWNLOADS_MAX);
    MUST(n->known_count <= KNOWN_MAX && n->hit_count <= HITS_MAX);
    if (is_supernode(n))
        check_super(n);
}

static size_t a_list(struct input *in, uint8_t type, struct fasttrack_msg *m,
                     uint8_t *list, size_t room)
{
    static const uint8_t word[] = "song a";
    size_t len = 0;
    struct addr addr = {0x0a000000u + u8(in) % 8, (uint16_t)(u8(in) % 4)};

    m->addr = addr;
    switch (type) {
    case MSG_NODES:
        (void)fasttrack_put_node(list, room, &len,
                                 &(struct node_entry){addr, 0, u8(in)});
        break;
    case MSG_NEIGHBOURS:
        (void)fasttrack_put_neighbour(
            list, room, &len,
            &(struct neighbour_entry){.addr = addr,
                                      .standing = {.load = u8(in)}});
        break;
    case MSG_QUERY:
    case MSG_FORWARD:
        m->terms = 1;
        m->realm = REALM_ANY;
        (void)fasttrack_put_term(
            list, room, &len,
            &(struct term){u8(in) % 7, u8(in) % 4, {word, u8(in) % 7}});
        break;
    case MSG_SHARE:
    case MSG_UNSHARE:
        m->tags = 1;
        m->size = 5;
        m->hash[0] = u8(in) % 8;
        (void)fasttrack_put_tag(
            list, room, &len,
            &(struct tag_value){TAG_NAME, {word, 1u + u8(in) % 6}});
        break;
    case MSG_REPLY: {
        struct result r = {.addr = addr, .same = u8(in) % 2, .size = 5};
        m->results = 1;
        (void)fasttrack_put_tag(list, room, &len,
                                &(struct tag_value){TAG_NAME, {word, 4}});
        uint8_t tags[64];
        memcpy(tags, list, len);
        r.tags = 1;
        r.list = (struct span){tags, len};
        len = 0;
        (void)fasttrack_put_result(list, room, &len, &r);
        break;
    }
    default:
        break;
    }
    return len;
}

/* A message whose ids the node may know: those of what it has sent. */
static size_t make_message(struct fake *f, struct input *in, uint8_t *out)
{
    static const uint8_t types[] = {
        MSG_NODES,       MSG_NEIGHBOURS, MSG_NODE_INFO, MSG_SEND_SHARES,
        MSG_UNSHARE,     MSG_QUERY,      MSG_REPLY,     MSG_QUERY_END,
        MSG_FORWARD,     MSG_PUSH,       MSG_NETWORK,   MSG_SHARE,
        MSG_EXTERNAL_IP, MSG_SCORE,      MSG_PROMOTE};
    static uint8_t plain[ENCODED_MAX];
    uint8_t list[512];
    struct fasttrack_msg m = {.type = types[u8(in) % sizeof types]}, known;
    const struct sent *s = &f->sent[u8(in) % SENT_MAX];

    m.list.at = list;
    m.list.len = a_list(in, m.type, &m, list, sizeof list);
    m.results_max = u8(in);
    m.search = u8(in);
    m.id = u8(in);
    m.score = u8(in);
    m.eligible = u8(in) % 2;
    m.push_form = u8(in) % 2;
    m.source = (struct addr){0x0a000000u + u8(in) % 8, 1};
    m.target = u8(in) % 2 != 0 ? f->host.addr : m.source;
    m.name = (struct span){(const uint8_t *)"node", 4};
    uint8_t route = u8(in) % 3;
    m.route = route == 0   ? ROUTE_DIRECT
              : route == 1 ? ROUTE_UNICAST
                           : ROUTE_BROADCAST;
    m.hops = u8(in) % (HOPS_LIMIT + 1);
    if (s->len < sizeof s->data &&
        fasttrack_decode(&known, s->data, s->len) == 0) {
        m.search = known.search;
        m.id = known.id;
    }
    size_t len = fasttrack_encode(&m, plain);
    memcpy(out, plain, len);
    return len;
}

static size_t make_bytes(struct fake *f, struct input *in, conn_id conn,
                         struct addr *from, uint8_t out[CRAFTED_MAX])
{
    static const char *const lines[] = {
        "GET /.hash=0000000000000000000000000000000000000000 HTTP/1.1\r\n\r\n",
        "GET /5/song HTTP/1.1\r\nRange: bytes=1-\r\n\r\n",
        ("HTTP/1.1 206 OK\r\nContent-Range: bytes 0-4/5\r\n"
         "Content-Length: 5\r\n\r\nhello"),
        "HTTP/1.1 503 Busy\r\n\r\n",
        "GIVE 7\r\n",
        "P",
        "R"};
    uint8_t choice = u8(in);

    if (conn == 0) {
        struct udp_msg m = {.type = (uint8_t)(UDP_PING + choice % 3),
                            .load = u8(in)};
        *from = (struct addr){0x0a000000u + u8(in) % 8, 1};
        return fasttrack_udp_encode(&m, out);
    }
    if (choice < 60) {
        const char *line = lines[choice % (sizeof lines / sizeof lines[0])];
        memcpy(out, line, strlen(line));
        return strlen(line);
    }
    if (choice == 60) { /* a client's seed */
        memset(out, 0xfa, HELLO_BYTES);
        out[7] = u8(in);
        return HELLO_BYTES;
    }
    return make_message(f, in, out);
}

static const char *const texts[] = {
    "search a",
    "search song",
    "get 1",
    "get song",
    "get 1 kzhash:00112233445566778899aabbccddeeff",
    "search hash:0000000000000000000000000000000000000000",
    "kzhash song",
    "hits",
    "links",
    "show",
    "promote",
    "demote",
    NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct fuzz_node target = {.protocol = &fasttrack_protocol,
                                            .check = check_node,
                                            .craft = make_bytes,
                                            .commands = texts};

    return fuzz_node(&target, data, len);
}
