/*
 * A server and a client of Napster against any list of events (node_fuzz.h):
 * every table stays within its bound, lists and counters agree, and what is
 * written decodes.
 */
#include "napster/node.h"
#include "tests/fuzz/node_fuzz.h"

static void check_server(const struct server *s)
{
    uint32_t callers = 0, online = 0, files = 0;

    for (uint32_t i = 0; i < s->used; i++) {
        const struct user *u = s->user[i];
        uint32_t own = 0;
        if (u == NULL)
            continue;
        for (uint32_t at = u->first_file; at != 0; own++)
            at = napster_file(&s->index, at)->next;
        MUST(own == u->files && own <= USER_FILES_MAX);
        MUST(u->online || own == 0);
        MUST(u->hotlist.count <= NICKS_MAX && u->ignored.count <= NICKS_MAX);
        MUST(u->channel_count <= USER_CHANNELS_MAX);
        online += u->online;
        callers += !u->online;
        files += own;
    }
    MUST(callers == s->callers && online == s->online);
    MUST(files == s->index.count && s->account_count <= ACCOUNTS_MAX);
    MUST(files > 0 || s->index.word_count == 0);
}

static void check_client(const struct client *c)
{
    uint32_t peers = 0, downloads = 0, uploads = 0;

    for (const struct peer *p = c->peers; p != NULL; p = p->next) {
        peers++;
        uploads += p->state == PEER_DATA;
        MUST(p->download == NULL || p->download->peer == p);
        MUST(p->state != PEER_DATA || p->at <= p->bytes);
    }
    for (const struct download *d = c->downloads; d != NULL; d = d->next) {
        downloads++;
        MUST(d->peer == NULL || d->peer->download == d);
        MUST(d->at <= d->hit.bytes);
    }
    MUST(peers == c->peer_count && peers <= PEERS_MAX);
    MUST(downloads == c->download_count && downloads <= DOWNLOADS_MAX);
    MUST(uploads == c->upload_count);
    MUST(c->hit_count <= HITS_MAX && c->question_count <= QUESTIONS_MAX);
}

static void check_node(struct fake *f)
{
    const struct napster *n = f->host.node;

    if (n->server != NULL)
        check_server(n->server);
    if (n->client != NULL)
        check_client(n->client);
}

/* What clients, servers and peers say, with names that the node knows. */
static const struct {
    uint16_t type;
    const char *text;
} lines[] = {
    {MSG_LOGIN, "amy pw 6699 \"nap\" 3"},
    {MSG_LOGIN, "bob pw 0 \"nap\" 7"},
    {MSG_REGISTER, "amy pw 6699 \"nap\" 3 a@b"},
    {MSG_NICK_CHECK, "amy"},
    {MSG_PASS_CHECK, "amy pw"},
    {MSG_LOGIN_OK, "anon@napster"},
    {MSG_SHARE,
     "\"a song.ogg\" 00112233445566778899aabbccddeeff 60000 128 1 1"},
    {MSG_SHARE, "\"a other.ogg\" x 5 128 44100 1"},
    {MSG_SHARE_DIR, "\"d\" \"a\" m 1 2 3 4 \"b\" m 1 2 3 4"},
    {MSG_UNSHARE, "a song.ogg"},
    {MSG_SEARCH, "FILENAME CONTAINS \"a song\" MAX_RESULTS 5"},
    {MSG_SEARCH, "BITRATE \"AT LEAST\" \"100\" FILENAME CONTAINS \"a\""},
    {MSG_HIT, "\"x\\new.ogg\" m 60000 128 44100 1 amy 16777226 3"},
    {MSG_HIT, "\"../../up\" m 6 128 44100 1 bob 16777226 3"},
    {MSG_SEARCH_END, ""},
    {MSG_DOWNLOAD, "amy \"a song.ogg\""},
    {MSG_DOWNLOAD_OK, "amy 16777226 7000 \"x\\new.ogg\" m 3"},
    {MSG_DOWNLOAD_OK, "amy 16777226 0 \"x\\new.ogg\" m 3"},
    {MSG_NOT_HERE, "amy \"x\\new.ogg\""},
    {MSG_QUEUED, "amy \"x\\new.ogg\" 60000 1"},
    {MSG_UPLOAD_ASK, "amy \"song.ogg\""},
    {MSG_UPLOAD_OK, "bob \"a song.ogg\""},
    {MSG_QUEUE_LIMIT, "bob \"a song.ogg\" 1"},
    {MSG_PUSH, "bob \"a other.ogg\""},
    {MSG_PUSH_TO, "amy 16777226 7000 \"song.ogg\" m 3"},
    {MSG_BROWSE, "amy"},
    {MSG_BROWSE_HIT, "amy \"x\\new.ogg\" m 60000 128 44100 1"},
    {MSG_BROWSE_END, "amy 1"},
    {MSG_RESUME, "x 5"},
    {MSG_HOTLIST_ADD, "amy"},
    {MSG_HOTLIST_REMOVE, "amy"},
    {MSG_WHOIS, "amy"},
    {MSG_JOIN, "#a"},
    {MSG_SAY, "#a hello"},
    {MSG_TOPIC, "#a words"},
    {MSG_PART, "#a"},
    {MSG_PRIVATE, "amy hello"},
    {MSG_PING, "amy"},
    {MSG_PONG, "amy"},
    {MSG_SET_PORT, "0"},
    {MSG_SET_PASSWORD, "other"},
    {MSG_UPLOADING, ""},
    {MSG_UPLOADED, ""},
    {MSG_NOTICE, "no"},
    {MSG_GHOST, ""},
    {MSG_STATS, "1 2 3"}};

static const char *const peers[] = {"1",
                                    "GETamy \"song.ogg\" 0",
                                    "GETamy \"song.ogg\" 59990",
                                    "SENDamy \"x\\new.ogg\" 60000",
                                    "60000",
                                    "INVALID REQUEST",
                                    "10.1.2.3:8888\n",
                                    "0"};

static size_t make_bytes(struct fake *f, struct input *in, conn_id conn,
                         struct addr *from, uint8_t out[CRAFTED_MAX])
{
    uint8_t which = u8(in);
    size_t text = sizeof peers / sizeof *peers;

    (void)f;
    (void)from;
    if (conn == 0)
        return 0;
    if (which < text) {
        memcpy(out, peers[which], strlen(peers[which]));
        return strlen(peers[which]);
    }
    which = (uint8_t)((which - text) % (sizeof lines / sizeof *lines));
    return napster_encode(out, lines[which].type, lines[which].text,
                          strlen(lines[which].text));
}

static const char *const texts[] = {"search a",       "search song",
                                    "get 1",          "get 2",
                                    "get x\\new.ogg", "browse amy",
                                    "whois amy",      "hotlist amy",
                                    "share song.ogg", "unshare song.ogg",
                                    "join a",         "say a hello",
                                    "part a",         "stats",
                                    "show",           NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct fuzz_node target = {.protocol = &napster_protocol,
                                            .check = check_node,
                                            .craft = make_bytes,
                                            .commands = texts};

    return fuzz_node(&target, data, len);
}
