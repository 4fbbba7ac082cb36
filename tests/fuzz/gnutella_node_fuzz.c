/*
 * A servent against any list of events (node_fuzz.h): every table stays
 * within its bound, and what it writes decodes.
 */
#include "gnutella/node.h"
#include "tests/fuzz/node_fuzz.h"

static void check_node(struct fake *f)
{
    const struct gnutella *n = f->host.node;
    unsigned callers = 0, downloads = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        callers += l->state == LINK_ACCEPTED && !l->outgoing;
        MUST(l->download == NULL || l->state == LINK_DOWNLOAD);
        MUST(l->download == NULL || l->download->link == l);
        MUST(l->plain_len <= l->plain_cap);
        MUST(l->plain_cap <= HEADER_BYTES + LENGTH_MAX);
    }
    MUST(callers <= CALLERS_MAX + 1);
    for (const struct download *d = n->downloads; d != NULL; d = d->next)
        downloads++;
    MUST(downloads == n->download_count && downloads <= DOWNLOADS_MAX);
    MUST(n->known_count <= CACHE_MAX && n->hit_count <= HITS_MAX);
    MUST(n->search_count <= SEARCHES_MAX);
    MUST(n->seen.quiet.young.count <= SEEN_MAX);
    MUST(n->seen.loud.young.count <= SEEN_MAX);
}

/* Handshakes, requests and messages of every type, with ids that the node
   may know: those of what it has sent. */
static size_t make_bytes(struct fake *f, struct input *in, conn_id conn,
                         struct addr *from, uint8_t out[CRAFTED_MAX])
{
    static const char *const lines[] = {
        "GNUTELLA CONNECT/0.4\n\n",
        "GNUTELLA OK\n\n",
        "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: False\r\n"
        "Accept-Encoding: deflate\r\n\r\n",
        "GNUTELLA CONNECT/0.6\r\nX-Ultrapeer: True\r\n\r\n",
        "GNUTELLA/0.6 200 OK\r\nX-Ultrapeer: True\r\n\r\n",
        "GNUTELLA/0.6 200 OK\r\nContent-Encoding: deflate\r\n\r\n",
        "GNUTELLA/0.6 503 Full\r\nX-Try: 10.1.2.3:6346,1.2.3.4:5\r\n\r\n",
        "GET /get/0/a HTTP/1.1\r\nRange: bytes=1-\r\n\r\n",
        "HTTP/1.1 206 OK\r\nContent-Range: bytes 0-4/5\r\n"
        "Content-Length: 5\r\n\r\nhello",
        "GIV 0:00112233445566778899aabbccddeeff/file\n\n"};
    uint8_t choice = u8(in);
    struct gnutella_msg m = {.ttl = (uint8_t)(1 + u8(in) % 9),
                             .hops = (uint8_t)(u8(in) % 9)};
    static const uint8_t types[] = {
        GNUTELLA_PING, GNUTELLA_PONG,  GNUTELLA_BYE, GNUTELLA_ROUTE,
        GNUTELLA_PUSH, GNUTELLA_QUERY, GNUTELLA_HIT};
    static const uint8_t result[] = "\0\0\0\0\5\0\0\0a\0\0";
    const struct gnutella *n = f->host.node;

    (void)from;
    if (conn == 0)
        return 0;
    if (choice < 80) {
        const char *line = lines[choice % (sizeof lines / sizeof lines[0])];
        memcpy(out, line, strlen(line));
        return strlen(line);
    }
    m.type = types[choice % sizeof types];
    m.guid[0] = u8(in);
    const struct sent *s = &f->sent[u8(in) % SENT_MAX];
    if (s->len >= HEADER_BYTES)
        memcpy(m.guid, s->data, GUID_BYTES);
    m.addr = (struct addr){0x0a000000u + u8(in), (uint16_t)(1 + u8(in))};
    m.flags = QUERY_FLAGS;
    m.text = (struct span){(const uint8_t *)"a b", u8(in) % 4};
    m.count = m.type == GNUTELLA_HIT;
    m.results = (struct span){result, sizeof result - 1};
    memcpy(m.servent, u8(in) % 2 ? n->servent : m.guid, GUID_BYTES);
    m.variant = u8(in) % 2;
    m.slots = 1u << u8(in) % 10;
    m.infinity = 2;
    m.sequence = 1 + u8(in) % 2;
    m.sequences = 1 + u8(in) % 2;
    m.bits = 4;
    m.data = (struct span){result, u8(in) % 8};
    return gnutella_encode(&m, out, CRAFTED_MAX);
}

static const char *const texts[] = {
    "search a", "search song", "get 1",      "get a", "ping",
    "ping 2",   "hits",        "neighbours", "show",  "connect 10.0.0.7:6346",
    NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct fuzz_node target = {.protocol = &gnutella_protocol,
                                            .check = check_node,
                                            .craft = make_bytes,
                                            .commands = texts};

    return fuzz_node(&target, data, len);
}
