/* A servent's options, events and timers; see node.h. */
#include "gnutella/node.h"

#include "gnutella/check.h"

static const struct option options[] = {
    [OPT_VERSION] = {"version", OPTION_CHOICE, 0, 1, 0, "0.4,0.6",
                     "how it dials; both are answered"},
    [OPT_TTL] = {"ttl", OPTION_NUMBER, 1, TTL_MAX, TTL_CLASSIC, NULL,
                 "of its queries and pings"},
    [OPT_DEGREE] = {"degree", OPTION_NUMBER, 1, 16, 4, NULL,
                    "neighbours it wants; it takes twice that and 4"},
    [OPT_PING] = {"ping", OPTION_TIME, 0, 3600000000, 30000000, NULL,
                  "between two pings to all neighbours; 0: none"},
    [OPT_ROLE] = {"role", OPTION_CHOICE, 0, 2, 0, "auto,ultrapeer,leaf",
                  "in 0.6"},
    [OPT_FIREWALLED] = {"firewalled", OPTION_CHOICE, 0, 1, 0, "no,yes",
                        "nobody can call it"},
    [OPT_COLLECT] = {"collect", OPTION_TIME, 100000, 20000000, 3000000, NULL,
                     "how long a search waits for hits"},
    [OPT_DUPLICATES] = {"duplicates", OPTION_CHOICE, 0, 1, 0, "drop,pass",
                        "pass: forget that an id was seen (a lesson)"},
    [OPT_DEFLATE] = {"deflate", OPTION_CHOICE, 0, 1, 0, "on,off",
                     "compressed links, in 0.6"},
    [OPT_PUBLIC] = {"public", OPTION_CHOICE, 0, 1, 0, "no,yes",
                    "yes: never dial private addresses"},
    [OPT_QUERIES] = {"queries", OPTION_NUMBER, 1, 10000000, 20000, NULL,
                     "that it takes of one neighbour in a second"},
    {.name = NULL}};

static const struct command commands[] = {
    {"search", "t", "search WORDS", "flood a query and collect the hits",
     COMMAND_LIMIT_US},
    {"get", "t", "get N|NAME", "fetch a file of the last search", 0},
    {"ping", "n?", "ping [TTL]", "flood a ping and count the pongs",
     COMMAND_LIMIT_US},
    {"hits", "", "hits", "what the last search has found", COMMAND_LIMIT_US},
    {"neighbours", "", "neighbours", "its links", COMMAND_LIMIT_US},
    {"show", "", "show", "how it stands", COMMAND_LIMIT_US},
    {"connect", "a", "connect ADDRESS", "dial a servent", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {"ping", "seek", "deadline", "refresh",
                                     NULL};

void gnutella_new_guid(struct host *h, uint8_t guid[GUID_BYTES])
{
    for (unsigned i = 0; i < GUID_BYTES; i += 8) {
        uint64_t r = host_random(h);
        for (unsigned k = 0; k < 8; k++)
            guid[i + k] = (uint8_t)(r >> 8 * k);
    }
    guid[8] = 0xff; /* Source: reference, section 2: a modern sender */
    guid[15] = 0;
}

/* -- Timers -------------------------------------------------------------- */

void gnutella_arm(struct gnutella *n, struct host *h)
{
    uint64_t least = gnutella_transfer_deadline(n);

    least = n->words_us < least ? n->words_us : least;
    for (const struct link *l = n->links; l != NULL; l = l->next)
        least = l->deadline_us < least ? l->deadline_us : least;
    for (uint32_t i = 0; i < n->search_count; i++)
        least =
            n->search[i].deadline_us < least ? n->search[i].deadline_us : least;
    host_timer_at(h, TIMER_DEADLINE, least);
}

static void on_deadline(struct gnutella *n, struct host *h)
{
    uint64_t now = host_now(h);
    struct link *next;

    gnutella_command_expire(n, h);
    gnutella_transfer_expire(n, h);
    gnutella_qrp_expire(n, h);
    for (struct link *l = n->links; l != NULL; l = next) {
        next = l->next;
        if (l->deadline_us <= now)
            gnutella_link_abort(n, h, l,
                                l->state == LINK_CLOSING
                                    ? "its goodbye takes too long"
                                    : "it is too slow");
    }
    gnutella_arm(n, h);
}

/* A leaf knows nobody else. */
static unsigned ttl_to(const struct gnutella *n, const struct link *l)
{
    return l->peer == ROLE_LEAF ? 1 : (unsigned)setting(n->settings, OPT_TTL);
}

void gnutella_refresh_soon(struct gnutella *n, struct host *h,
                           const struct link *l)
{
    if (!l->caches || n->refreshing || setting(n->settings, OPT_PING) == 0)
        return;
    n->refreshing = true;
    host_timer(h, TIMER_REFRESH, REFRESH_US);
}

/* Ask all who keep pongs for those that they have now. */
static void on_refresh_timer(struct gnutella *n, struct host *h)
{
    uint8_t guid[GUID_BYTES];

    n->refreshing = false;
    gnutella_new_guid(h, guid);
    for (struct link *l = n->links; l != NULL && !n->leaving; l = l->next) {
        if (!gnutella_link_is_up(l) || !l->caches)
            continue;
        if (host_now(h) - l->asked_us >= PING_GAP_US)
            gnutella_route_ping(n, h, l, ttl_to(n, l), guid);
        gnutella_refresh_soon(n, h, l);
    }
}

/* Ping the other neighbours (0.6: at every second time); who has said nothing
   for long is gone.  Source: reference, section 5. */
static void on_ping_timer(struct gnutella *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_PING);
    uint8_t guid[GUID_BYTES];

    if (period == 0 || n->leaving)
        return;
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (l->state == LINK_UP &&
            host_now(h) - l->heard_us > SILENT_PERIODS * period)
            gnutella_link_close(n, h, l, 406, "no reply to pings");
    gnutella_new_guid(h, guid);
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (l->state == LINK_UP && !l->caches &&
            (!is_modern(n) || host_now(h) - l->asked_us >= 2 * period))
            gnutella_route_ping(n, h, l, ttl_to(n, l), guid);
    gnutella_known_save(n, h);
    gnutella_seek_one_more(n, h);
    host_timer(h, TIMER_PING, period);
}

static void on_timer(struct gnutella *n, struct host *h, int timer)
{
    switch ((enum gnutella_timer)timer) {
    case TIMER_PING:
        on_ping_timer(n, h);
        break;
    case TIMER_SEEK:
        gnutella_seek_on_timer(n, h);
        break;
    case TIMER_DEADLINE:
        on_deadline(n, h);
        break;
    case TIMER_REFRESH:
        on_refresh_timer(n, h);
        break;
    }
}

/* -- Events -------------------------------------------------------------- */

static void on_start(struct gnutella *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_PING);

    gnutella_known_load(n, h);
    gnutella_transfer_start(n, h);
    if (period > 0) /* not all at once */
        host_timer(h, TIMER_PING, period / 2 + host_random(h) % period);
    if (!addr_none(n->join))
        gnutella_greet_dial(n, h, n->join);
}

/* So many have called and not said what they want; the first to go is the
   one that has been silent the longest. */
static void limit_callers(struct gnutella *n, struct host *h)
{
    struct link *first = NULL;
    unsigned count = 0;

    for (struct link *l = n->links; l != NULL; l = l->next) {
        bool caller =
            !l->outgoing &&
            (l->state == LINK_ACCEPTED || l->state == LINK_WAIT_FINAL ||
             l->state == LINK_CLOSING || (l->state == LINK_UP && l->guest));
        count += caller;
        if (caller && first == NULL)
            first = l;
    }
    if (count > CALLERS_MAX)
        gnutella_link_abort(n, h, first, "too many callers");
}

static void on_accept(struct gnutella *n, struct host *h, const struct event *e)
{
    bool open = !n->leaving && setting(n->settings, OPT_FIREWALLED) == 0;
    struct link *l =
        open ? gnutella_link_new(n, h, e->conn, LINK_ACCEPTED, HELLO_US) : NULL;

    if (l == NULL) {
        host_abort(h, e->conn);
        return;
    }
    l->caller = e->peer;
    limit_callers(n, h);
    gnutella_arm(n, h);
}

static void on_open(struct gnutella *n, struct host *h, struct link *l)
{
    if (l->state == LINK_DIALLED)
        gnutella_greet_on_open(n, h, l);
    else
        gnutella_transfer_on_open(n, h, l);
}

static void on_closed(struct gnutella *n, struct host *h, struct link *l)
{
    if (l->state == LINK_UP)
        host_note(h, "has lost a neighbour");
    n->warm = false;
    gnutella_transfer_on_closed(n, h, l);
    gnutella_link_free(n, h, l);
    gnutella_arm(n, h);
    gnutella_seek_soon(n, h);
}

static void on_eof(struct gnutella *n, struct host *h, struct link *l)
{
    if (l->state == LINK_UPLOAD)
        return; /* a client may finish when its request is out */
    if (l->state >= LINK_CLOSING) {
        host_finish(h, l->conn);
    } else {
        gnutella_link_finish(h, l);
        gnutella_arm(n, h);
        gnutella_seek_soon(n, h);
    }
}

static void on_stop(struct gnutella *n, struct host *h)
{
    gnutella_transfer_stop(n, h);
    gnutella_link_leave(n, h);
}

/* Events of a connection; the bytes consumed. */
static size_t on_stream(struct gnutella *n, struct host *h,
                        const struct event *e)
{
    struct link *l = gnutella_link_of(n, e->conn);

    if (l == NULL)
        return e->len; /* aborted, and forgotten */
    switch (e->kind) {
    case EVENT_OPEN:
        on_open(n, h, l);
        break;
    case EVENT_BYTES:
        return gnutella_link_on_bytes(n, h, l, e);
    case EVENT_ROOM:
        l->backlog = 0;
        gnutella_transfer_on_room(n, h, l);
        break;
    case EVENT_EOF:
        on_eof(n, h, l);
        break;
    case EVENT_CLOSED:
        on_closed(n, h, l);
        break;
    case EVENT_START:
    case EVENT_TIMER:
    case EVENT_DATAGRAM:
    case EVENT_ACCEPT:
    case EVENT_COMMAND:
    case EVENT_HASHED:
    case EVENT_STOP:
        break;
    }
    return 0;
}

/* The goodbyes are said when no link is left. */
static size_t event(void *node, struct host *h, const struct event *e)
{
    struct gnutella *n = node;
    size_t used = 0;

    switch (e->kind) {
    case EVENT_START:
        on_start(n, h);
        break;
    case EVENT_TIMER:
        on_timer(n, h, e->timer);
        break;
    case EVENT_ACCEPT:
        on_accept(n, h, e);
        break;
    case EVENT_OPEN:
    case EVENT_BYTES:
    case EVENT_ROOM:
    case EVENT_EOF:
    case EVENT_CLOSED:
        used = on_stream(n, h, e);
        break;
    case EVENT_COMMAND:
        gnutella_command(n, h, e);
        break;
    case EVENT_HASHED:
        gnutella_transfer_on_hashed(n, h, e);
        break;
    case EVENT_STOP:
        on_stop(n, h);
        break;
    case EVENT_DATAGRAM: /* UDP host caches: left out */
        break;
    }
    if (n->leaving && n->links == NULL)
        host_left(h);
    return used;
}

enum role gnutella_first_role(const struct settings *s)
{
    enum role role = (enum role)setting(s, OPT_ROLE);

    if (setting(s, OPT_VERSION) == VERSION_04)
        return ROLE_AUTO;
    if (role != ROLE_AUTO)
        return role;
    return setting(s, OPT_FIREWALLED) != 0 ? ROLE_LEAF : ROLE_ULTRAPEER;
}

static void *create(struct host *h, const struct config *config)
{
    struct gnutella *n = host_alloc(h, sizeof *n);

    if (n == NULL)
        return NULL;
    n->settings = config->settings;
    n->self = config->self;
    n->join = config->join;
    n->seen.salt = host_random(h);
    n->words_us = NEVER;
    gnutella_new_guid(h, n->servent);
    n->role = gnutella_first_role(n->settings);
    return n;
}

/* -- Canonical state ----------------------------------------------------- */

/* A link by its place among the others, from 1: its number means nothing. */
static unsigned place_of(const struct gnutella *n, conn_id conn)
{
    unsigned place = 1;

    for (const struct link *l = n->links; l != NULL; l = l->next, place++)
        if (l->conn == conn)
            return place;
    return 0;
}

static void dump_link(const struct gnutella *n, const struct link *l,
                      struct text *t)
{
    text_printf(
        t, "link state %u peer %u%s%s%s%s ", (unsigned)l->state,
        (unsigned)l->peer, l->outgoing ? " out" : "", l->guest ? " guest" : "",
        gnutella_link_is_slow(l) ? " slow" : "", l->modern ? " modern" : "");
    addr_text(t, l->addr);
    text_char(t, ' ');
    addr_text(t, l->caller);
    text_time(t, " for ", l->deadline_us);
    text_time(t, " heard ", l->heard_us);
    if (l->pinged_us != 0)
        text_time(t, " pinged ", l->pinged_us);
    if (l->zero_count != 0)
        text_printf(t, " spent %u", l->zero_count);
    if (l->state == LINK_UPLOAD || l->state == LINK_GIVING)
        text_printf(t, " file %u content %d from %llu to %llu%s", l->index,
                    l->content, (unsigned long long)l->at,
                    (unsigned long long)l->end, l->last ? " last" : "");
    text_printf(t, "%s%s%s\n", l->words_told == n->words_version ? " told" : "",
                l->words != NULL ? " words" : "",
                l->in != NULL || l->out != NULL ? " deflated" : "");
}

/* The ids are arbitrary and in no order: the sum of a hash of each. */
static void dump_half(const struct gnutella *n, const struct seen_half *half,
                      struct text *t)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < half->cap; i++) {
        const struct seen_entry *e = &half->at[i];
        if (e->used)
            sum += hash_roll(e->type + (uint64_t)place_of(n, e->conn) * 256 +
                                 (e->conn == 0 ? 128 : 0),
                             e->guid, sizeof e->guid);
    }
    text_printf(t, " %u %016llx", half->count, (unsigned long long)sum);
}

static void dump_seen(const struct gnutella *n, const char *name,
                      const struct seen_pair *pair, struct text *t)
{
    text_add(t, name);
    dump_half(n, &pair->young, t);
    dump_half(n, &pair->old, t);
    if (pair->young.count > 0)
        text_time(t, " since ", pair->since_us);
    text_char(t, '\n');
}

static void dump_download(const struct gnutella *n, const struct download *d,
                          struct text *t)
{
    text_printf(t,
                "download %s content %d at %llu remain %llu%s%s%s tries %u "
                "busy %u link %u from ",
                d->hit.name, d->content, (unsigned long long)d->at,
                (unsigned long long)d->remain, d->moved ? " moved" : "",
                d->checking ? " checking" : "", d->pushed ? " pushed" : "",
                d->tries, d->busy,
                d->link != NULL ? place_of(n, d->link->conn) : 0);
    addr_text(t, d->hit.addr);
    text_time(t, " for ", d->deadline_us);
    text_char(t, '\n');
}

static void dump_questions(const struct gnutella *n, struct text *t)
{
    for (uint32_t i = 0; i < n->search_count; i++) {
        const struct search *s = &n->search[i];
        text_printf(t, "question %u %016llx answers %u", s->type,
                    (unsigned long long)hash_roll(0, s->guid, sizeof s->guid),
                    s->answers);
        text_time(t, " for ", s->deadline_us);
        text_char(t, '\n');
    }
    for (uint32_t i = 0; i < n->hit_count; i++) {
        text_printf(t, "hit %s %u%s at ", n->hits[i].name, n->hits[i].index,
                    n->hits[i].push ? " push" : "");
        addr_text(t, n->hits[i].addr);
        text_char(t, '\n');
    }
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct gnutella *n = node;

    (void)h;
    text_printf(t, "role %u%s%s%s%s join tries %u\n", (unsigned)n->role,
                n->leaving ? " leaving" : "", n->seeking ? " seeking" : "",
                n->joined ? " joined" : "", n->warm ? " warm" : "",
                n->join_tries);
    if (n->words_us != NEVER)
        text_time(t, "words again ", n->words_us);
    for (const struct link *l = n->links; l != NULL; l = l->next)
        dump_link(n, l, t);
    for (uint32_t i = 0; i < n->known_count; i++) {
        text_add(t, "known ");
        const struct known *k = &n->known[i];
        addr_text(t, k->addr);
        text_printf(t, " tries %u from %u hops %u files %u %u", k->tries,
                    place_of(n, k->from), k->hops, k->files, k->kilobytes);
        text_time(t, " rests ", k->rest_us);
        text_char(t, '\n');
    }
    dump_seen(n, "seen", &n->seen.quiet, t);
    dump_seen(n, "loud", &n->seen.loud, t);
    dump_questions(n, t);
    for (const struct download *d = n->downloads; d != NULL; d = d->next)
        dump_download(n, d, t);
    for (uint32_t i = 0; i < n->waiting_count; i++) {
        text_printf(t, "waits %08x", n->waiting[i].ip);
        text_time(t, " for ", n->waiting[i].until_us);
        text_char(t, '\n');
    }
    for (uint32_t i = 0; i < n->digest_count; i++)
        text_char(t, n->digests[i].known ? '#' : '.');
    text_char(t, '\n');
}

const struct protocol gnutella_protocol = {
    .name = "gnutella",
    .options = options,
    .commands = commands,
    .timers = timers,
    .invariants = "links mutual, one overlay, nobody crowded",
    .create = create,
    .event = event,
    .clocked = true,
    .dump = dump,
    .describe = gnutella_describe,
    .fields = "payload id type ttl hops length asker bits body code "
              "compressor data end extension extensions files flags flags2 "
              "ggep headers hits holder index infinity kilobytes line more "
              "name node open_size results selector sequence sequences "
              "servent size slots speed text trailer variant vendor version",
    .results = "away bytes contents dialled dials downloads dropped duplicates "
               "file files forwarded from hits holder known list n neighbours "
               "node pongs push pushed received role sent sha1 size unroutable",
    .warm = gnutella_warm,
    .check = gnutella_check,
    .settled = gnutella_settled,
    .quiet_us = gnutella_quiet_us}; /* anyone may fail */
