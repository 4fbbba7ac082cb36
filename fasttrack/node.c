/* Options, commands, events and timers; see node.h. */
#include "fasttrack/node.h"

#include <string.h>

#include "fasttrack/check.h"

static const struct option options[] = {
    [OPT_PLAIN] = {"plain", OPTION_CHOICE, 0, 1, 0, "on,off",
                   "no cipher when it calls; both are answered"},
    [OPT_ROLE] = {"role", OPTION_CHOICE, 0, 2, 0, "auto,supernode,ordinary",
                  "auto: by the policy"},
    [OPT_POLICY] = {"policy", OPTION_CHOICE, 0, 2, 0,
                    "threshold,reputation,random",
                    "who may become a supernode; ours"},
    [OPT_BANDWIDTH] = {"bandwidth", OPTION_NUMBER, 0, 1000000, 512, NULL,
                       "kbit/s that it has to give; 0: drawn by lot"},
    [OPT_FIREWALLED] = {"firewalled", OPTION_CHOICE, 0, 1, 0, "no,yes",
                        "nobody can call it"},
    [OPT_PARTICIPATION] = {"participation", OPTION_NUMBER, 0, 1000, 100, NULL,
                           "level that it begins with"},
    [OPT_LIAR] = {"liar", OPTION_CHOICE, 0, 1, 0, "no,yes",
                  "claims everything, and can do nothing"},
    [OPT_CHILDREN] = {"children", OPTION_NUMBER, 1, CHILDREN_MAX, 100, NULL,
                      "of a supernode, at most"},
    [OPT_REDUNDANCY] = {"redundancy", OPTION_NUMBER, 1, 4, 1, NULL,
                        "parents of a node, each with its whole list; ours"},
    [OPT_DEGREE] = {"degree", OPTION_NUMBER, 1, 32, 8, NULL,
                    "supernodes it links with; it takes twice that"},
    [OPT_FANOUT] = {"fanout", OPTION_NUMBER, 1, 64, 10, NULL,
                    "supernodes that a query is handed to"},
    [OPT_TTL] = {"ttl", OPTION_NUMBER, 0, HOPS_LIMIT, 4, NULL,
                 "hops of a query between supernodes; ours"},
    [OPT_ENOUGH] = {"enough", OPTION_NUMBER, 1, HITS_MAX, 10, NULL,
                    "results with which a query stops"},
    [OPT_COLLECT] = {"collect", OPTION_TIME, SECOND_US / 10, 20 * SECOND_US,
                     2 * SECOND_US, NULL,
                     "how long a supernode waits for others' replies"},
    [OPT_PROMOTE] = {"promote", OPTION_NUMBER, 1, 1000000, 256, NULL,
                     "kbit/s from which the threshold policy promotes"},
    [OPT_UPTIME] = {"uptime", OPTION_TIME, 0, 86400 * SECOND_US, 0, NULL,
                    "before a node may become a supernode"},
    [OPT_SHUFFLE] = {"shuffle", OPTION_TIME, 0, 86400 * SECOND_US, 0, NULL,
                     "between exchanges of a supernode's link; 0: none"},
    [OPT_LISTS] = {"lists", OPTION_TIME, SECOND_US, 86400 * SECOND_US,
                   120 * SECOND_US, NULL,
                   "between reports; node lists to all go with every 60th"},
    [OPT_PING] = {"ping", OPTION_TIME, 0, 3600 * SECOND_US, 120 * SECOND_US,
                  NULL, "between two pings to all sessions; 0: none"},
    {.name = NULL}};

static const struct command commands[] = {
    {"search", "t", "search WORDS|hash:HEX", "ask the parent, and it others",
     COMMAND_LIMIT_US},
    {"get", "t", "get N|NAME [kzhash:HEX]",
     "fetch a file of the last search from all its sources", 0},
    {"kzhash", "t", "kzhash NAME", "hash all of a file that is here", 0},
    {"hits", "", "hits", "what the last search has found", COMMAND_LIMIT_US},
    {"links", "", "links", "its sessions", COMMAND_LIMIT_US},
    {"promote", "", "promote", "become a supernode", COMMAND_LIMIT_US},
    {"demote", "", "demote", "be an ordinary node", COMMAND_LIMIT_US},
    {"show", "", "show", "how it stands", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {"deadline", "seek", "lists", "shuffle",
                                     "ping",     "hash", NULL};

void fasttrack_drop(struct fasttrack *n, struct host *h, const char *why)
{
    n->dropped++;
    host_note(h, "drops it: %s", why);
}

/* -- Timers -------------------------------------------------------------- */

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void fasttrack_arm(struct fasttrack *n, struct host *h)
{
    uint64_t at = fasttrack_transfer_deadline(n);

    if (n->links != NULL)
        at = least(at, fasttrack_link_first(n)->deadline_us);
    if (is_supernode(n))
        at = least(at, fasttrack_super_deadline(n));
    if (n->search.command != 0)
        at = least(at, n->search.deadline_us);
    host_timer_at(h, TIMER_DEADLINE, at);
}

/* A link's time is up: it did not answer our ping, or was too slow.  False
   when it has been heard of since. */
static bool is_late(const struct link *l)
{
    return l->state != LINK_UP || l->peer == PEER_UNKNOWN ||
           l->heard_us + PONG_US <= l->deadline_us;
}

static void on_deadline(struct fasttrack *n, struct host *h)
{
    uint64_t now = host_now(h);
    struct link *l;

    while ((l = fasttrack_link_first(n)) != NULL && l->deadline_us <= now)
        if (is_late(l))
            fasttrack_link_abort(n, h, l, "it takes too long");
        else
            fasttrack_link_due(n, l, NEVER);
    if (is_supernode(n))
        fasttrack_super_expire(n, h);
    if (n->search.command != 0 && n->search.deadline_us <= now)
        fasttrack_search_end(n, h, n->search.id);
    fasttrack_transfer_expire(n, h);
}

static void see_demotion(struct fasttrack *n, struct host *h)
{
    if (option(n, OPT_ROLE) != ROLE_AUTO || n->super->children > 0 ||
        host_now(h) < n->super->empty_us ||
        host_now(h) - n->super->empty_us < DEMOTE_US)
        return;
    for (const struct link *l = n->links; l != n->children; l = l->next)
        if (fasttrack_link_is(l, PEER_SUPERNODE) &&
            l->standing.load < FULL_PERCENT) {
            fasttrack_demote(n, h);
            return;
        }
}

void fasttrack_news(struct fasttrack *n, struct host *h, bool moved)
{
    n->moved = n->moved || moved;
    if (n->news)
        return;
    n->news = true;
    host_timer(h, TIMER_LISTS, NEWS_US);
}

static void on_lists(struct fasttrack *n, struct host *h)
{
    uint64_t period = (uint64_t)option(n, OPT_LISTS);
    bool lists = n->moved || host_now(h) - n->listed_us >= LISTS_EVERY * period;

    n->news = n->moved = false;
    if (lists)
        n->listed_us = host_now(h);
    for (struct link *l = n->links; l != NULL; l = l->next) {
        if (fasttrack_link_is(l, PEER_PARENT) && l->announced)
            fasttrack_tell_score(n, h, l);
        else if (fasttrack_link_is(l, PEER_SUPERNODE) && l->announced &&
                 is_supernode(n))
            fasttrack_announce(n, h, l);
        else if (lists && fasttrack_link_is(l, PEER_CHILD))
            fasttrack_send_nodes(n, h, l);
    }
    if (is_supernode(n)) {
        (void)fasttrack_elect(n, h, NULL);
        see_demotion(n, h);
    }
    fasttrack_seek(n, h);
    host_timer(h, TIMER_LISTS, period);
}

/* Let go of one supernode and look for another: over time a node reaches more
   of the network.  Source: reference, section 1: measured, not explained. */
static void on_shuffle(struct fasttrack *n, struct host *h)
{
    uint32_t links = is_supernode(n) ? n->super->links : 0;

    if (links > 1 && links < n->known_count) {
        uint32_t which = (uint32_t)(host_random(h) % links);
        for (struct link *l = n->links; l != n->children; l = l->next)
            if (fasttrack_link_is(l, PEER_SUPERNODE) && l->announced &&
                which-- == 0) {
                host_note(h, "shuffles: exchanges one of its supernodes");
                fasttrack_known_rest(n, h, l->addr, REFUSED_US);
                fasttrack_link_close(n, h, l);
                l->announced = false;
                n->super->links--;
                break;
            }
        fasttrack_seek(n, h);
    }
    host_timer(h, TIMER_SHUFFLE, (uint64_t)option(n, OPT_SHUFFLE));
}

static void on_timer(struct fasttrack *n, struct host *h, int timer)
{
    if (n->leaving && timer != TIMER_DEADLINE)
        return;
    switch ((enum fasttrack_timer)timer) {
    case TIMER_DEADLINE:
        on_deadline(n, h);
        break;
    case TIMER_SEEK:
        fasttrack_on_seek(n, h);
        break;
    case TIMER_LISTS:
        on_lists(n, h);
        break;
    case TIMER_SHUFFLE:
        on_shuffle(n, h);
        break;
    case TIMER_PING:
        fasttrack_link_ping(n, h);
        host_timer(h, TIMER_PING, (uint64_t)option(n, OPT_PING));
        break;
    case TIMER_HASH:
        fasttrack_on_hash_timer(n, h);
        break;
    }
}

/* -- Events -------------------------------------------------------------- */

static void begin_timer(const struct fasttrack *n, struct host *h, int timer,
                        enum fasttrack_option period)
{
    uint64_t us = (uint64_t)option(n, period);

    if (us > 0) /* not all at once */
        host_timer(h, timer, us / 2 + host_random(h) % us);
}

void fasttrack_begin(struct fasttrack *n, struct host *h)
{
    n->listed_us = host_now(h);
    begin_timer(n, h, TIMER_LISTS, OPT_LISTS);
    begin_timer(n, h, TIMER_SHUFFLE, OPT_SHUFFLE);
    begin_timer(n, h, TIMER_PING, OPT_PING);
    fasttrack_hash_start(n, h);
}

static void on_start(struct fasttrack *n, struct host *h)
{
    bool first = addr_none(n->join) && option(n, OPT_ROLE) == ROLE_AUTO;

    fasttrack_begin(n, h);
    fasttrack_known_add(n, n->join, 50);
    if (option(n, OPT_ROLE) == ROLE_SUPERNODE || first)
        (void)fasttrack_super_begin(n, h);
    else
        n->orphan_us = host_now(h) + 1;
    fasttrack_seek(n, h);
}

static void on_accept(struct fasttrack *n, struct host *h,
                      const struct event *e)
{
    bool closed = n->leaving || option(n, OPT_FIREWALLED) != 0;
    struct link *first = NULL, *l;
    unsigned callers = 0;

    for (l = n->links; l != n->children; l = l->next)
        if (!l->outgoing && l->peer == PEER_UNKNOWN &&
            l->state != LINK_UPLOAD) {
            first = first == NULL ? l : first;
            callers++;
        }
    if (callers >= CALLERS_MAX)
        fasttrack_link_abort(n, h, first, "too many callers");
    l = closed ? NULL
               : fasttrack_link_new(n, h, e->conn, LINK_CALLER, HELLO_US);
    if (l == NULL)
        host_abort(h, e->conn);
    else
        l->caller = e->peer;
}

/* A supernode had places when it was asked, and none when we came. */
static bool is_sent_away(const struct fasttrack *n, const struct link *l)
{
    const struct known *k = fasttrack_known_find(n, l->addr);

    return l->peer == PEER_PARENT && !l->announced && l->state >= LINK_UP &&
           k != NULL && k->answered;
}

static void on_closed(struct fasttrack *n, struct host *h, struct link *l)
{
    bool parent = l->peer == PEER_PARENT;

    if (parent && l->announced)
        host_note(h, "has lost its parent: it looks for another");
    if (is_sent_away(n, l))
        fasttrack_hear_full(n, l->addr);
    if (l->outgoing && l->peer != PEER_UNKNOWN)
        fasttrack_known_rest(n, h, l->addr,
                             l->state >= LINK_UP ? REST_US : REFUSED_US);
    fasttrack_transfer_on_closed(n, h, l);
    fasttrack_link_free(n, h, l);
    if (parent && !is_supernode(n) && fasttrack_parents(n) == 0 &&
        n->orphan_us == 0)
        n->orphan_us = host_now(h);
    fasttrack_seek(n, h);
}

static void on_eof(struct fasttrack *n, struct host *h, struct link *l)
{
    if (l->state == LINK_UPLOAD)
        return; /* a client may finish when its request is out */
    host_finish(h, l->conn);
    fasttrack_link_due(n, l, host_now(h) + CLOSE_US);
    if (l->state != LINK_DOWNLOAD) /* whose source hears of it at its end */
        l->state = LINK_CLOSING;
}

static size_t on_stream(struct fasttrack *n, struct host *h,
                        const struct event *e)
{
    struct link *l = fasttrack_link_of(n, e->conn);

    if (l == NULL)
        return e->len; /* aborted, and forgotten */
    switch (e->kind) {
    case EVENT_OPEN:
        fasttrack_link_on_open(n, h, l);
        break;
    case EVENT_BYTES:
        return fasttrack_link_on_bytes(n, h, l, e);
    case EVENT_ROOM:
        fasttrack_transfer_on_room(n, h, l);
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

static void on_stop(struct fasttrack *n, struct host *h)
{
    n->leaving = true;
    fasttrack_transfer_stop(n, h);
    if (n->search.command != 0)
        fasttrack_search_end(n, h, n->search.id);
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (l->state == LINK_DIAL || l->state == LINK_GIVING)
            fasttrack_link_due(n, l, host_now(h));
        else if (l->state != LINK_CLOSING)
            fasttrack_link_close(n, h, l);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct fasttrack *n = node;
    size_t used = 0;

    switch (e->kind) {
    case EVENT_START:
        on_start(n, h);
        break;
    case EVENT_TIMER:
        on_timer(n, h, e->timer);
        break;
    case EVENT_DATAGRAM:
        fasttrack_on_datagram(n, h, e);
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
        fasttrack_command(n, h, e);
        break;
    case EVENT_STOP:
        on_stop(n, h);
        break;
    case EVENT_HASHED: /* hashing.c reads by itself */
        break;
    }
    fasttrack_arm(n, h);
    if (n->leaving && n->links == NULL)
        host_left(h);
    return used;
}

static void *create(struct host *h, const struct config *config)
{
    struct fasttrack *n = host_alloc(h, sizeof *n);
    size_t len = strlen(config->name);

    if (n == NULL)
        return NULL;
    n->settings = config->settings;
    n->self = config->self;
    n->join = config->join;
    n->started_us = host_now(h);
    n->luck = (uint32_t)(host_random(h) % 1000);
    n->kbps = (uint32_t)option(n, OPT_BANDWIDTH);
    if (n->kbps == 0) /* a modem, or more */
        n->kbps = 33u << host_random(h) % 7;
    len = len < USER_MAX ? len : USER_MAX;
    memcpy(n->user, config->name, len);
    n->known = host_alloc(h, KNOWN_MAX * sizeof *n->known);
    return n;
}

/* -- Canonical state ----------------------------------------------------- */

/* A link by its place among the others, from 1: its number means nothing. */
static unsigned place_of(const struct fasttrack *n, conn_id conn)
{
    unsigned place = 1;

    for (const struct link *l = n->links; l != NULL; l = l->next, place++)
        if (l->conn == conn)
            return place;
    return 0;
}

static void dump_child(const struct child *c, struct text *t)
{
    text_printf(t, " child %s kbps %u score %u%s files", c->user, c->bandwidth,
                c->score, c->eligible ? " eligible" : "");
    for (const struct file *f = c->files; f != NULL; f = f->next)
        text_printf(t, " %u of %u", f->file_id, f->size);
}

static void dump_super(const struct fasttrack *n, struct text *t)
{
    const struct supernode *s = n->super;

    text_printf(t, "supernode children %u links %u files %u", s->children,
                s->links, s->files);
    text_time(t, " since ", s->since_us);
    if (s->empty_us != NEVER)
        text_time(t, " empty ", s->empty_us);
    text_time(t, " promoted ", s->promoted_us);
    text_number(t, " caller ", s->caller);
    if (!addr_none(s->denied)) {
        text_printf(t, " after %u rounds denied by ", s->waited);
        addr_text(t, s->denied);
    }
    if (s->own != NULL)
        dump_child(s->own, t);
    text_char(t, '\n');
    for (uint32_t i = 0; i < s->seen_count; i++) { /* from the eldest */
        const struct seen *e =
            &s->seen[(s->seen_at + s->seen_cap - s->seen_count + i) %
                     s->seen_cap];
        text_printf(t, "seen %u link %u of ", e->id, place_of(n, e->from));
        addr_text(t, e->source);
        text_time(t, " ", e->at_us);
        text_char(t, '\n');
    }
    for (const struct asked *a = s->asked; a != NULL; a = a->next) {
        text_printf(t, "asked %u link %u search %u results %u of %u", a->id,
                    place_of(n, a->child), a->search, a->results,
                    a->results_max);
        text_time(t, " for ", a->deadline_us);
        text_char(t, '\n');
    }
}

static void dump_link(const struct link *l, struct text *t)
{
    text_printf(t, "link state %u peer %u%s%s%s load %u children %u degree %u ",
                (unsigned)l->state, (unsigned)l->peer,
                l->outgoing ? " out" : "", l->announced ? " announced" : "",
                l->named ? " named" : "", l->standing.load,
                l->standing.children, l->standing.degree);
    text_printf(t, "participation %u age %u ", l->standing.participation,
                l->standing.age_s);
    addr_text(t, l->addr);
    text_char(t, ' ');
    addr_text(t, l->caller);
    if (l->child != NULL)
        dump_child(l->child, t);
    if (l->state == LINK_UPLOAD || l->state == LINK_GIVING)
        text_printf(t, " content %d from %llu to %llu%s push %u", l->content,
                    (unsigned long long)l->at, (unsigned long long)l->end,
                    l->last ? " last" : "", l->push_id);
    text_printf(t, " in %u %x out %u %x", l->in.coded, l->in.xinu, l->out.coded,
                l->out.xinu);
    text_time(t, " for ", l->deadline_us);
    text_time(t, " heard ", l->heard_us);
    text_char(t, '\n');
}

static void dump_known(const struct known *k, struct text *t)
{
    text_add(t, "known ");
    addr_text(t, k->addr);
    text_printf(t, " load %u rtt %llu%s", k->load,
                (unsigned long long)k->rtt_us, k->answered ? " hi" : "");
    text_time(t, " rests ", k->rest_us);
    text_char(t, '\n');
}

static void dump_download(const struct fasttrack *n, const struct download *d,
                          struct text *t)
{
    text_printf(t, "download %d%s%s\n", d->content,
                d->checking ? " checking" : "", d->has_tree ? " tree" : "");
    for (uint32_t i = 0; i < d->source_count; i++) {
        const struct source *s = &d->source[i];
        text_printf(t,
                    " source %s link %u%s%s%s tries %u+%u push %u "
                    "%llu-%llu ",
                    s->user, s->link != NULL ? place_of(n, s->link->conn) : 0,
                    s->dead ? " dead" : "", s->pushed ? " pushed" : "",
                    s->busy ? " busy" : "", s->tries, s->refusals, s->push_id,
                    (unsigned long long)s->at, (unsigned long long)s->end);
        addr_text(t, s->addr);
        text_time(t, " retry ", s->retry_us);
        text_char(t, '\n');
    }
}

static void dump_search(const struct fasttrack *n, struct text *t)
{
    text_printf(t, "search %u%s", n->search.id,
                n->search.command != 0 ? " open" : "");
    if (n->search.command != 0)
        text_time(t, " for ", n->search.deadline_us);
    text_char(t, '\n');
    for (uint32_t i = 0; i < n->hit_count; i++) {
        text_printf(t, "hit %s of %s ", n->hits[i].name, n->hits[i].user);
        addr_text(t, n->hits[i].addr);
        text_char(t, ' ');
        addr_text(t, n->hits[i].supernode);
        text_char(t, '\n');
    }
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct fasttrack *n = node;

    (void)h;
    text_printf(t,
                "%s%s%s%s%s%s misses %u told %u asks %u luck %u "
                "kbps %u",
                is_supernode(n) ? "supernode" : "ordinary",
                n->leaving ? " leaving" : "", n->probing ? " probing" : "",
                n->seeking ? " seeking" : "", n->news ? " news" : "",
                n->moved ? " moved" : "", n->misses, n->told, n->asks, n->luck,
                n->kbps);
    if (n->told > 0) {
        text_add(t, " by ");
        addr_text(t, n->full);
    }
    text_time(t, " started ", n->started_us);
    text_time(t, " listed ", n->listed_us);
    if (n->orphan_us != 0)
        text_time(t, " orphan ", n->orphan_us);
    if (n->probing)
        text_time(t, " asked ", n->probe_us);
    text_char(t, '\n');
    if (is_supernode(n))
        dump_super(n, t);
    for (const struct link *l = n->links; l != NULL; l = l->next)
        dump_link(l, t);
    for (uint32_t i = 0; i < n->known_count; i++)
        dump_known(&n->known[i], t);
    dump_search(n, t);
    for (const struct download *d = n->downloads; d != NULL; d = d->next)
        dump_download(n, d, t);
    for (const struct tree_job *j = n->trees; j != NULL; j = j->next)
        text_printf(t, "tree %d at %llu\n", j->content,
                    (unsigned long long)j->at);
    text_printf(t, "hashed %u ", n->hash_next);
    for (uint32_t i = 0; i < n->shared_count; i++)
        text_char(t, n->shared[i].known ? '#' : '.');
    text_printf(t, " score %llu %llu\n", (unsigned long long)n->uploaded,
                (unsigned long long)n->downloaded);
}

const struct protocol fasttrack_protocol = {
    .name = "fasttrack",
    .options = options,
    .commands = commands,
    .timers = timers,
    .invariants =
        "a parent for everyone, no supernode too full, no stale index, no "
        "promotion storm",
    .create = create,
    .event = event,
    .clocked = true,
    .dump = dump,
    .describe = fasttrack_describe,
    .fields = "addr age album any artist asker bandwidth bitdepth body "
              "children codec comment compare data degree eligible end "
              "file_id files flags genre hash hops ip keywords kind language "
              "length line load masked max media min_enc more name neighbours "
              "network node nodes one owner owner_supernode participation "
              "push_id quality query rand rating realm results route "
              "same_user score search seconds seed seen_min size source "
              "supernode tag tags target terms title type unknown unused user "
              "users value version year zero zeros headers",
    .results = "bytes children count dropped duplicates eligible file files "
               "forwarded from hits index is known kzhash kzhash_checked links "
               "list n node orphaned_ms parents participation pushed queries "
               "received role score sent size sources supernode supernodes "
               "user uuhash",
    .warm = fasttrack_warm,
    .check = fasttrack_check,
    .settled = fasttrack_settled,
    .quiet_us = fasttrack_quiet_us,
    .canonical = fasttrack_canonical}; /* anyone may fail */
