/* Options, commands, timers, events, and who is dialled; see node.h. */
#include "bittorrent/node.h"

#include <string.h>

#include "bittorrent/check.h"
#include "bittorrent/magnet.h"

#define SEND_US (SECOND_US / 10) /* between tokens of a limited rate */
#define DHT_TAG 1                /* of the one torrent */

static const struct option options[] = {
    [OPT_PICKER] = {"picker", OPTION_CHOICE, 0, 2, 0, "rarest,random,inorder",
                    "which piece to fetch next"},
    [OPT_CHOKER] = {"choker", OPTION_CHOICE, 0, 2, 0,
                    "titfortat,none,freerider",
                    "whom to upload to: who gives most, all, nobody"},
    [OPT_SLOTS] = {"slots", OPTION_NUMBER, 0, 60, 4, NULL,
                   "uploads at a time, beside the optimistic one"},
    [OPT_RECHOKE] = {"rechoke", OPTION_TIME, SECOND_US, 600 * SECOND_US,
                     10 * SECOND_US, NULL, "between choices"},
    [OPT_OPTIMISTIC] = {"optimistic", OPTION_TIME, 0, 3600 * SECOND_US,
                        30 * SECOND_US, NULL,
                        "a turn in the optimistic slot; 0: none"},
    [OPT_SEED_CHOKE] = {"seed_choke", OPTION_CHOICE, 0, 1, 0, "rate,rotate",
                        "a seed's slots: to who takes fastest, or in turn"},
    [OPT_ENDGAME] = {"endgame", OPTION_CHOICE, 0, 1, 1, "off,on",
                     "ask several peers for the last blocks"},
    [OPT_FAST] = {"fast", OPTION_NUMBER, 0, ALLOWED_FAST_MAX, 0, NULL,
                  "pieces that a choked newcomer may have all the same"},
    [OPT_UPLOAD] = {"upload", OPTION_RATE, 0, INT64_C(1) << 40, 0, NULL,
                    "most to send; 0: no limit"},
    [OPT_DOWNLOAD] = {"download", OPTION_RATE, 0, INT64_C(1) << 40, 0, NULL,
                      "most to ask for; 0: no limit"},
    [OPT_PIECE] = {"piece", OPTION_SIZE, PIECE_CHOICE_LEAST, PIECE_CHOICE_MAX,
                   32768, NULL, "size of a piece, of torrents made here"},
    [OPT_ROLE] = {"role", OPTION_CHOICE, 0, 1, 0, "peer,tracker",
                  "a tracker tells peers of each other"},
    [OPT_INTERVAL] = {"interval", OPTION_TIME, SECOND_US, 86400 * SECOND_US,
                      10 * SECOND_US, NULL, "of a tracker: between announces"},
    [OPT_DHT] = {"dht", OPTION_CHOICE, 0, 2, 0, "off,on,checked",
                 "no tracker; checked: ids fit addresses"},
    [OPT_SYBIL] = {"sybil", OPTION_TEXT, 0, 0, 0, NULL,
                   "attack: a DHT id beside this infohash, and no peers told"},
    [OPT_PEX] = {"pex", OPTION_CHOICE, 0, 1, 1, "off,on",
                 "tell peers of each other"},
    [OPT_LINGER] = {"linger", OPTION_CHOICE, 0, 1, 1, "off,on",
                    "upload on when all is here; else leave the swarm"},
    [OPT_RATIO] = {"ratio", OPTION_NUMBER, 0, 100000, 0, NULL,
                   "leave after so many % of it are sent on; 0: never"},
    [OPT_GET] = {"get", OPTION_TEXT, 0, 0, 0, NULL,
                 "fetch this at the start, as the command does"},
    [OPT_FILES] = {"files", OPTION_TEXT, 0, 0, 0, NULL,
                   "fetch these alone, by number: 1,3-5; else all"},
    [OPT_ANNOUNCE] = {"announce", OPTION_TEXT, 0, 0, 0, NULL,
                      "tracker of torrents made here; else join; or none"},
    [OPT_VERIFY] = {"verify", OPTION_CHOICE, 0, 2, 0, "on,off,all",
                    "hash what may be wrong; off: nothing; all: again"},
    {.name = NULL}};

static const struct command commands[] = {
    {"get", "t", "get NAME", "ask the node joined for NAME.torrent; fetch it",
     0},
    {"fetch", "w", "fetch MAGNET|INFOHASH", "fetch what has that hash", 0},
    {"peer", "a", "peer HOST:PORT", "dial a peer", COMMAND_LIMIT_US},
    {"show", "", "show", "how it stands, and why nothing moves",
     COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {"tick", "rechoke", "send",
                                     "dht",  "tracker", NULL};

/* -- Whom to dial -------------------------------------------------------- */

struct known *swarm_known(struct bittorrent *n, struct addr peer)
{
    for (uint32_t i = 0; i < n->known_count; i++)
        if (addr_equal(n->known[i].addr, peer))
            return &n->known[i];
    return NULL;
}

bool swarm_bans(const struct bittorrent *n, struct addr peer)
{
    bool loopback = peer.ip >> 24 == 127;

    for (uint32_t i = 0; i < n->known_count; i++) {
        const struct known *k = &n->known[i];
        if (k->banned && k->addr.ip == peer.ip &&
            (!loopback || k->addr.port == peer.port))
            return true;
    }
    return false;
}

/* In a full table a newcomer takes the place of who has failed most. */
void swarm_found_peer(struct bittorrent *n, struct host *h, struct addr peer)
{
    struct known *k;

    if (peer.ip == 0 || peer.port == 0 || addr_equal(peer, n->self) ||
        swarm_known(n, peer) != NULL)
        return;
    if (n->known_count < KNOWN_MAX) {
        k = &n->known[n->known_count++];
    } else {
        k = &n->known[0];
        for (uint32_t i = 1; i < KNOWN_MAX; i++)
            if (n->known[i].failures > k->failures && !n->known[i].linked)
                k = &n->known[i];
        if (k->failures == 0 || k->linked || k->banned)
            return;
    }
    *k = (struct known){.addr = peer, .due_us = host_now(h)};
}

static bool has_link(const struct bittorrent *n, struct addr a)
{
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        if (addr_equal(p->addr, a))
            return true;
    return false;
}

void swarm_dial_some(struct bittorrent *n, struct host *h)
{
    const struct torrent *t = &n->torrent;
    uint64_t now = host_now(h);
    uint32_t dialled = 0, waiting = 0;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        dialled += p->outgoing;
        waiting += p->outgoing && p->state == PEER_DIAL;
    }
    bool wanting = t->state == TORRENT_ASKING ||
                   (t->state == TORRENT_OPEN && !t->complete && !t->foreign);
    for (uint32_t i = 0; i < n->known_count && wanting && !n->leaving; i++) {
        struct known *k = &n->known[i];
        if (dialled >= DIALS_MAX || waiting >= DIALS_WAITING_MAX)
            return;
        if (k->linked || k->due_us > now || k->failures > REDIALS_MAX ||
            has_link(n, k->addr) || swarm_bans(n, k->addr))
            continue;
        k->linked = true;
        peer_dial(n, h, k->addr);
        dialled++;
        waiting++;
    }
}

/* -- Trackers and the DHT ------------------------------------------------ */

static struct announce_stats stats_of(const struct bittorrent *n)
{
    const struct torrent *t = &n->torrent;

    return (struct announce_stats){
        t->uploaded, t->downloaded,
        t->state == TORRENT_OPEN ? torrent_left(t) : 1, -1};
}

/* All peers, and all that were told of; not who is banned. */
static void forget_peers(struct bittorrent *n, struct host *h)
{
    uint32_t kept = 0;

    peer_close_all(n, h);
    for (uint32_t i = 0; i < n->known_count; i++)
        if (n->known[i].banned)
            n->known[kept++] = n->known[i];
    n->known_count = kept;
}

static void take_found(struct bittorrent *n, struct host *h)
{
    struct addr peer;
    uint32_t tag;

    /* Source: [bep27] another tracker of a private torrent: other peers. */
    if (n->announcer.moved && n->torrent.meta.is_private)
        forget_peers(n, h);
    n->announcer.moved = false;
    for (uint32_t i = 0; i < n->announcer.found_count; i++)
        swarm_found_peer(n, h, n->announcer.found[i]);
    n->announcer.found_count = 0;
    while (n->dht != NULL && dht_take(n->dht, &tag, &peer))
        swarm_found_peer(n, h, peer);
    swarm_dial_some(n, h);
}

static void announce(struct bittorrent *n, struct host *h)
{
    struct announce_stats stats = stats_of(n);

    if (n->peer_count == 0 && !n->torrent.complete)
        announcer_hurry(&n->announcer);
    if (n->announcing && announcer_due(&n->announcer) <= host_now(h))
        announcer_tick(&n->announcer, h, &stats);
    take_found(n, h);
}

/* The magnet link of this torrent, if it was asked for by one. */
static bool load_magnet(struct host *h, struct magnet *m)
{
    char link[MAGNET_BYTES_MAX + 1];
    const char *why;
    int len = host_load(h, "magnet", link, MAGNET_BYTES_MAX);

    link[len > 0 ? len : 0] = '\0';
    return magnet_read(m, link, &why);
}

/* Whom the metainfo names as trackers, then whom the magnet link does. */
static void begin_announcing(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    struct metainfo_trackers at = {0};
    struct magnet m;
    struct bencode url;
    bool first = !n->announcing;

    if (first)
        announcer_begin(&n->announcer, h, t->infohash, n->id, n->self.port);
    while (metainfo_tracker(&t->meta, &at, &url))
        (void)announcer_add(&n->announcer, h, (const char *)url.text,
                            url.text_len, at.tier);
    if (first && load_magnet(h, &m) &&
        memcmp(m.infohash, t->infohash, INFOHASH_BYTES) == 0)
        for (unsigned i = 0; i < m.tracker_count; i++)
            (void)announcer_add(&n->announcer, h, m.tracker[i],
                                strlen(m.tracker[i]), at.tier + 1 + i);
    n->announcing = true;
    announcer_say(&n->announcer, h, ANNOUNCE_STARTED);
}

/* Enter the DHT through the nodes that the torrent names, too. */
static void join_named(struct bittorrent *n, struct host *h)
{
    struct bencode_walk w = bencode_walk(&n->torrent.meta.nodes);
    char name[TRACKER_HOST_MAX + 1];
    struct bencode host;
    struct addr a;
    uint16_t port;

    for (int i = 0; i < DHT_NAMED_MAX && metainfo_node(&w, &host, &port); i++) {
        if (host.text_len > TRACKER_HOST_MAX)
            continue;
        memcpy(name, host.text, host.text_len);
        name[host.text_len] = '\0';
        if (!host_resolve(h, name, &a))
            continue;
        a.port = port;
        dht_join(n->dht, h, a);
    }
}

static void begin_dht(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;

    if (n->dht == NULL || t->meta.is_private)
        return;
    join_named(n, h);
    (void)dht_follow(n->dht, h, t->infohash, n->self.port, DHT_TAG);
}

/* -- The torrent opens, and is complete ---------------------------------- */

static void result_of(struct bittorrent *n, struct host *h)
{
    const struct torrent *t = &n->torrent;
    struct fields f = fields_new();
    struct content c;

    if (n->command == 0 || !host_content(h, t->content, &c))
        return;
    fields_text(&f, "name", c.name);
    fields_number(&f, "bytes", t->wanted_bytes);
    fields_number(&f, "pieces", t->meta.piece_count);
    fields_number(&f, "downloaded", t->downloaded);
    fields_number(&f, "uploaded", t->uploaded);
    fields_number(&f, "seconds", (t->done_us - t->begun_us) / SECOND_US);
    host_result(h, n->command, true, &f);
    n->command = 0;
    fields_free(&f);
}

/* Source: [bep27] of a torrent that proves to be private once its info
   dictionary is here, only the tracker, and who gave us the link, may name
   peers. */
static void be_private(struct bittorrent *n, struct host *h)
{
    struct magnet m;

    forget_peers(n, h);
    if (n->dht != NULL)
        dht_forget(n->dht, DHT_TAG);
    if (load_magnet(h, &m))
        for (unsigned i = 0; i < m.peer_count; i++)
            swarm_found_peer(n, h, m.peer[i]);
}

void swarm_on_open(struct bittorrent *n, struct host *h)
{
    if (n->torrent.meta.is_private)
        be_private(n, h);
    peer_on_open(n, h);
    for (uint32_t i = 0; i < n->known_count; i++)
        n->known[i].due_us = 0;
    if (!addr_none(n->join))
        swarm_found_peer(n, h, n->join);
    begin_announcing(n, h);
    begin_dht(n, h);
    announce(n, h);
    if (n->torrent.complete)
        result_of(n, h);
}

void swarm_on_complete(struct bittorrent *n, struct host *h)
{
    bool whole = torrent_is_whole(&n->torrent);

    host_note(h, whole ? "all pieces are here" : "all chosen files are here");
    result_of(n, h);
    if (whole)
        announcer_say(&n->announcer, h, ANNOUNCE_COMPLETED);
    peer_on_complete(n, h);
    announce(n, h);
}

const char *swarm_why(const struct bittorrent *n)
{
    const struct torrent *t = &n->torrent;
    uint32_t up = 0, wanted = 0, open = 0, asked = 0;

    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        up += p->state == PEER_UP;
        wanted += p->am_interested;
        open += p->am_interested && !p->peer_choking;
        asked += p->asked.count;
    }
    switch (t->state) {
    case TORRENT_NONE:
        return n->refused != NULL ? n->refused : "no torrent is open";
    case TORRENT_MAKING:
        return "hashing, to make a torrent";
    case TORRENT_ASKING:
        return up > 0 ? "asking peers for the info dictionary"
                      : "no peer to ask for the info dictionary";
    case TORRENT_CHECKING:
        return "hashing what is here";
    case TORRENT_OPEN:
        break;
    }
    if (t->complete)
        return up > 0 ? "" : "complete; nobody is here to send to";
    if (t->foreign)
        return "a file of that name is here and differs; move it away";
    if (t->full != NULL)
        return t->full;
    if (n->announcer.failure[0] != '\0' && up == 0)
        return n->announcer.failure;
    return up == 0       ? "no peer is known or reachable"
           : wanted == 0 ? "no peer has a piece that is missing"
           : open == 0   ? "all peers choke us"
           : asked == 0  ? "waiting for a hash or for the rate limit"
                         : "";
}

/* -- Rate limits --------------------------------------------------------- */

/* No more than a second's worth is saved up.  Who sent a block on its last
   token owes for it; in ten seconds that is paid, or nearly. */
static int64_t more_tokens(int64_t tokens, int64_t rate, uint64_t passed_us)
{
    if (passed_us > 10 * SECOND_US)
        passed_us = 10 * SECOND_US;
    tokens += (int64_t)((uint64_t)rate * passed_us / SECOND_US);
    return tokens < rate ? tokens : rate;
}

/* Tokens come by the clock, a tenth of a second's worth at a time: whoever
   asks in between changes neither them nor when the timer fires. */
bool swarm_may(struct bittorrent *n, struct host *h,
               enum bittorrent_option limit)
{
    uint64_t passed = host_now(h) - n->tokens_us;

    if (setting(n->settings, limit) == 0)
        return true;
    if (passed >= SEND_US) {
        n->tokens_us = host_now(h);
        n->up_tokens =
            more_tokens(n->up_tokens, setting(n->settings, OPT_UPLOAD), passed);
        n->down_tokens = more_tokens(
            n->down_tokens, setting(n->settings, OPT_DOWNLOAD), passed);
    }
    if ((limit == OPT_UPLOAD ? n->up_tokens : n->down_tokens) > 0)
        return true;
    host_timer_at(h, TIMER_SEND, n->tokens_us + SEND_US);
    return false;
}

/* -- Timers -------------------------------------------------------------- */

static void on_stop(struct bittorrent *n, struct host *h)
{
    if (n->leaving)
        return;
    n->leaving = true;
    n->torrent.unsaved = n->torrent.state == TORRENT_OPEN;
    torrent_save(n, h);
    if (n->dht != NULL)
        dht_save(n->dht, h);
    peer_close_all(n, h);
    if (n->announcing) {
        announcer_say(&n->announcer, h, ANNOUNCE_STOPPED);
        announce(n, h);
    }
}

/* All is here, and nobody wants us to upload on, or we have uploaded so much. */
static bool has_had_enough(const struct bittorrent *n)
{
    const struct torrent *t = &n->torrent;
    uint64_t ratio = (uint64_t)setting(n->settings, OPT_RATIO);

    return t->complete &&
           (setting(n->settings, OPT_LINGER) == 0 ||
            (ratio > 0 && t->uploaded / ratio >= (t->wanted_bytes + 99) / 100));
}

/* For people: each second counts a quarter. */
static void count_rate(struct torrent *t)
{
    uint64_t now = t->downloaded - t->counted;

    t->rate = t->counted == 0 ? now : (3 * t->rate + now) / 4;
    t->counted = t->downloaded;
}

static void on_timer(struct bittorrent *n, struct host *h, int timer)
{
    switch ((enum bittorrent_timer)timer) {
    case TIMER_TICK:
        host_timer(h, TIMER_TICK, SECOND_US);
        count_rate(&n->torrent);
        peer_on_tick(n, h);
        extend_on_tick(n, h);
        web_on_tick(n, h);
        torrent_save(n, h);
        announce(n, h);
        if (has_had_enough(n))
            on_stop(n, h);
        break;
    case TIMER_RECHOKE:
        host_timer(h, TIMER_RECHOKE,
                   (uint64_t)setting(n->settings, OPT_RECHOKE));
        choke_on_round(n, h);
        break;
    case TIMER_SEND:
        peer_serve_all(n, h);
        peer_ask_all(n, h);
        break;
    case TIMER_DHT:
        dht_on_timer(n->dht, h);
        take_found(n, h);
        break;
    case TIMER_TRACKER: /* a tracker alone has no other */
        peer_on_tick(n, h);
        web_on_tick(n, h);
        tracker_on_timer(n->tracker, h);
        break;
    }
}

/* -- Starting ------------------------------------------------------------ */

/* Look for the peers of a torrent that is known by its infohash. */
void swarm_begin_magnet(struct bittorrent *n, struct host *h,
                        const struct magnet *m)
{
    extend_ask(n, h, m->infohash);
    for (unsigned i = 0; i < m->peer_count; i++)
        swarm_found_peer(n, h, m->peer[i]);
    if (!addr_none(n->join))
        swarm_found_peer(n, h, n->join);
    if (m->tracker_count > 0)
        begin_announcing(n, h);
    begin_dht(n, h);
    announce(n, h);
}

/* Is this .torrent the one that the link means? */
static bool is_of_magnet(const uint8_t *file, int len, const struct magnet *m)
{
    struct metainfo meta;
    const char *why;

    return len > 0 && metainfo_read(&meta, file, (size_t)len, &why) == 0 &&
           memcmp(meta.infohash, m->infohash, INFOHASH_BYTES) == 0;
}

/* The .torrent that the last run had open: its length, and room for it, which
   is the caller's; 0: there was none. */
static int load_torrent(struct host *h, uint8_t **file, size_t *room)
{
    int len = ERR_LIMIT;

    *file = NULL;
    for (*room = 16 * 1024; len == ERR_LIMIT; *room *= 4) {
        host_free(h, *file, *room / 4);
        *file = *room <= BLOB_BYTES_MAX ? host_alloc(h, *room) : NULL;
        len = *file != NULL ? host_load(h, "torrent", *file, *room) : 0;
    }
    *room /= 4;
    return len > 0 ? len : 0;
}

/* What the last run had open, or a magnet link asks for; else what is to be
   got, else a torrent of what is shared. */
static void begin_torrent(struct bittorrent *n, struct host *h)
{
    const char *why = "no memory", *get = setting_text(n->settings, OPT_GET);
    uint8_t *file;
    size_t room;
    int len = load_torrent(h, &file, &room);
    struct content c;
    struct magnet m;

    bool linked = load_magnet(h, &m);
    if (linked)
        memcpy(n->files, m.files, sizeof n->files);
    if (linked && !is_of_magnet(file, len, &m))
        swarm_begin_magnet(n, h, &m);
    else if (len > 0 && !torrent_open(n, h, file, (size_t)len, &why))
        host_note(h, "the torrent cannot be opened: %s", why);
    host_free(h, file, room);
    for (size_t i = 0;
         len <= 0 && get[0] == '\0' && i < host_content_count(h) &&
         n->torrent.state == TORRENT_NONE;
         i++)
        if (host_content(h, (int)i, &c) && c.complete)
            torrent_make(n, h, (int)i);
    if (n->torrent.state == TORRENT_NONE && !addr_none(n->join))
        memcpy(n->wanted, get, strlen(get) + 1);
}

void swarm_start(struct bittorrent *n, struct host *h)
{
    if (setting(n->settings, OPT_ROLE) == ROLE_TRACKER)
        return;
    begin_torrent(n, h);
    web_on_tick(n, h);
    host_timer(h, TIMER_TICK, SECOND_US);
    host_timer(h, TIMER_RECHOKE, (uint64_t)setting(n->settings, OPT_RECHOKE));
}

static void start_dht(struct bittorrent *n, struct host *h)
{
    const char *victim = setting_text(n->settings, OPT_SYBIL);
    struct text link = text_new();
    struct magnet m;

    if (!dht_begin(n->dht, h, TIMER_DHT, n->self,
                   setting(n->settings, OPT_DHT) == DHT_CHECKED))
        return;
    if (victim[0] != '\0' && magnet_of(&m, &link, victim))
        dht_attack(n->dht, h, m.infohash);
    else if (victim[0] != '\0')
        host_note(h, "sybil= names no infohash: an honest node");
    text_free(&link);
    if (!addr_none(n->join))
        dht_join(n->dht, h, n->join);
}

static void on_start(struct bittorrent *n, struct host *h)
{
    for (size_t i = 0; i < PEER_ID_BYTES; i++)
        n->id[i] = (uint8_t)('a' + host_random(h) % 26);
    memcpy(n->id, "-PL0100-", 8); /* [bep20] */
    n->up_tokens = setting(n->settings, OPT_UPLOAD);
    n->down_tokens = setting(n->settings, OPT_DOWNLOAD);
    if (n->tracker != NULL)
        tracker_begin(n->tracker, h, TIMER_TRACKER,
                      (uint64_t)setting(n->settings, OPT_INTERVAL));
    if (n->dht != NULL)
        start_dht(n, h);
    swarm_start(n, h);
}

/* -- Events -------------------------------------------------------------- */

static size_t on_stream(struct bittorrent *n, struct host *h,
                        const struct event *e)
{
    struct peer *p = peer_of(n, e->conn); /* most events are of peers */
    conn_id conn = e->conn;

    if (p != NULL && (p->state != PEER_HANDSHAKE || p->outgoing || !web_is(e)))
        return peer_event(n, h, p, e);
    if (n->announcing && conn == n->announcer.conn) {
        struct announce_stats stats = stats_of(n);
        size_t used = announcer_on_stream(&n->announcer, h, e, &stats);
        take_found(n, h);
        return used;
    }
    if (e->kind == EVENT_ACCEPT) {
        if (!n->leaving && !swarm_bans(n, e->peer) &&
            peer_make_room(n, h, e->peer))
            peer_accept(n, h, e);
        else
            host_abort(h, conn);
        return 0;
    }
    size_t ignored = p == NULL ? e->len : 0;
    if (p != NULL)
        web_take(n, h, p);
    struct web *w = web_of(n, conn);
    return w != NULL ? web_event(n, h, w, e) : ignored;
}

static void on_datagram(struct bittorrent *n, struct host *h,
                        const struct event *e)
{
    struct announce_stats stats = stats_of(n);

    bool ours =
        n->announcing && announcer_on_datagram(&n->announcer, h, e->peer,
                                               e->data, e->len, &stats);

    if (!ours && n->tracker != NULL &&
        tracker_on_datagram(n->tracker, h, e->peer, e->data, e->len))
        return;
    if (ours || (n->dht != NULL &&
                 dht_on_datagram(n->dht, h, e->peer, e->data, e->len)))
        take_found(n, h);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct bittorrent *n = node;
    size_t used = 0;

    switch (e->kind) {
    case EVENT_START:
        on_start(n, h);
        break;
    case EVENT_TIMER:
        on_timer(n, h, e->timer);
        break;
    case EVENT_DATAGRAM:
        on_datagram(n, h, e);
        break;
    case EVENT_OPEN:
    case EVENT_ACCEPT:
    case EVENT_BYTES:
    case EVENT_ROOM:
    case EVENT_EOF:
    case EVENT_CLOSED:
        used = on_stream(n, h, e);
        break;
    case EVENT_COMMAND:
        swarm_command(n, h, e);
        break;
    case EVENT_HASHED:
        torrent_on_hashed(n, h, e);
        break;
    case EVENT_STOP:
        on_stop(n, h);
        break;
    }
    /* The tracker has heard of it, or does not answer. */
    if (n->leaving && (!n->announcing || announcer_done(&n->announcer)))
        host_left(h);
    return used;
}

static void *create(struct host *h, const struct config *config)
{
    struct bittorrent *n = host_alloc(h, sizeof *n);

    if (n == NULL)
        return NULL;
    n->settings = config->settings;
    n->name = config->name;
    n->self = config->self;
    n->join = config->join;
    n->known = host_alloc(h, KNOWN_MAX * sizeof *n->known);
    if (setting(n->settings, OPT_ROLE) == ROLE_TRACKER)
        n->tracker = host_alloc(h, sizeof *n->tracker);
    if (setting(n->settings, OPT_DHT) != 0)
        n->dht = host_alloc(h, sizeof *n->dht);
    n->places = n->tracker != NULL ? CALLERS_MAX : PEERS_MAX;
    n->peers =
        host_alloc(h, (n->places + DIALS_MAX + 1) * sizeof(struct peer *));
    return n->known != NULL && n->peers != NULL ? n : NULL;
}

const struct protocol bittorrent_protocol = {
    .name = "bittorrent",
    .options = options,
    .commands = commands,
    .timers = timers,
    .invariants =
        "pieces and copies counted, interest exact, slots and claims kept",
    .create = create,
    .event = event,
    .clocked = true,
    .dump = bittorrent_dump,
    .describe = wire_describe,
    .fields = "action added args begin bits bootstrap bytes compact "
              "complete completed connection data downloaded dropped end "
              "error event extension failure files headers id implied_port "
              "incomplete info_hash infohash interval ip key kind leechers "
              "left length magic min_interval no_peer_id node nodes "
              "num_want numwant options parameter path payload peer "
              "peer_id peers piece port protocol query read_only reply "
              "reserved seeders status swarms target text token trackerid "
              "transaction uploaded value values version want warning "
              "your_addr your_port",
    .results = "announces bad banned bytes completed downloaded id infohash "
               "known leechers name of peer peers pieces refused seconds "
               "seeders swarms text tracker uploaded wasted why",
    .warm = bittorrent_warm,
    .check = bittorrent_check,
    .settled = bittorrent_settled,
    .quiet_us = bittorrent_quiet_us}; /* anyone may fail */
