/* Options, commands, events and the one timer; see node.h. */
#include "napster/node.h"

#include "napster/check.h"

static const struct option options[] = {
    [OPT_ROLE] = {"role", OPTION_CHOICE, 0, 2, 0, "client,server,metaserver",
                  "a metaserver names the server that it joins"},
    [OPT_RESULTS] = {"results", OPTION_NUMBER, 1, 1000, RESULTS_MAX, NULL,
                     "of a search, at most"},
    [OPT_FIREWALLED] = {"firewalled", OPTION_CHOICE, 0, 1, 0, "no,yes",
                        "nobody can call it"},
    [OPT_SPEED] = {"speed", OPTION_NUMBER, 0, 10, 3, NULL,
                   "code of its link: 3 is 33.6k, 7 cable, 10 T3"},
    [OPT_META] = {"meta", OPTION_CHOICE, 0, 1, 0, "no,yes",
                  "join is a metaserver, which names the server"},
    [OPT_REGISTER] = {"register", OPTION_CHOICE, 0, 1, 0, "no,yes",
                      "register the nick at the login"},
    [OPT_NICK] = {"nick", OPTION_TEXT, 0, 0, 0, NULL,
                  "instead of the node's name"},
    [OPT_PASSWORD] = {"password", OPTION_TEXT, 0, 0, 0, "secret",
                      "crosses the network as it is"},
    [OPT_MOTD] = {"motd", OPTION_TEXT, 0, 0, 0, NULL,
                  "the server's message of the day; _ is a blank"},
    [OPT_STATS] = {"stats", OPTION_TIME, 0, 3600 * (int64_t)SECOND_US,
                   60 * (int64_t)SECOND_US, NULL,
                   "between unasked statistics; 0: only at the login"},
    [OPT_PER_ADDRESS] = {"per-address", OPTION_NUMBER, 0, SESSIONS_MAX, 0, NULL,
                         "connections to a server from one; 0: any"},
    [OPT_SERVERS] = {"servers", OPTION_TEXT, 0, 0, 0, NULL,
                     "of a metaserver, in turn: HOST:PORT,..."},
    {.name = NULL}};

static const struct command commands[] = {
    {"search", "t", "search WORDS", "ask the server, then ping each owner",
     COMMAND_LIMIT_US},
    {"get", "t", "get N|NAME", "fetch a hit; by name, from the nearest owner",
     0},
    {"browse", "w", "browse NICK", "what a user shares", COMMAND_LIMIT_US},
    {"list", "w", "list NICK", "the same, asked of the user itself",
     COMMAND_LIMIT_US},
    {"share", "t", "share NAME", "offer a file again", COMMAND_LIMIT_US},
    {"unshare", "t", "unshare NAME", "offer it no longer", COMMAND_LIMIT_US},
    {"whois", "w", "whois NICK", "who a user is", COMMAND_LIMIT_US},
    {"hotlist", "w", "hotlist NICK", "hear when a user comes and goes",
     COMMAND_LIMIT_US},
    {"join", "w", "join CHANNEL", "enter a channel", COMMAND_LIMIT_US},
    {"part", "w", "part CHANNEL", "leave it", COMMAND_LIMIT_US},
    {"say", "wt", "say CHANNEL TEXT", "speak in it", COMMAND_LIMIT_US},
    {"tell", "wt", "tell NICK TEXT", "a word to one user", COMMAND_LIMIT_US},
    {"stats", "", "stats", "users and files, as the server counts",
     COMMAND_LIMIT_US},
    {"show", "", "show", "how it stands", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {"deadline", NULL};

void napster_arm(struct napster *n, struct host *h)
{
    uint64_t least = NEVER;

    if (n->role == ROLE_SERVER) {
        least = napster_server_deadline(n);
    } else if (n->client != NULL) {
        uint64_t transfer = napster_transfer_deadline(n->client);
        least = napster_client_deadline(n);
        least = transfer < least ? transfer : least;
    }
    host_timer_at(h, TIMER_DEADLINE, least);
}

static void on_start(struct napster *n, struct host *h)
{
    if (n->role == ROLE_SERVER) {
        napster_server_start(n, h);
    } else if (n->role == ROLE_CLIENT) {
        napster_client_start(n, h);
        napster_transfer_start(n, h);
    }
}

static void on_timer(struct napster *n, struct host *h)
{
    if (n->role == ROLE_SERVER) {
        napster_server_expire(n, h);
    } else if (n->role == ROLE_CLIENT) {
        napster_client_expire(n, h);
        napster_transfer_expire(n, h);
    }
}

/* Whom a metaserver names: those of `servers` in turn, else the one that it
   joins.  Source: reference, section 1. */
static struct addr next_server(struct napster *n, struct host *h)
{
    struct slice list = napster_slice(setting_text(n->settings, OPT_SERVERS));
    struct slice name[FIELDS_OF_ONE];
    char text[FILE_NAME_MAX + 1];
    struct addr a = n->join;

    napster_copy(text, sizeof text, list);
    for (char *s = text; *s != '\0'; s++)
        *s = *s == ',' ? ' ' : *s;
    int count = napster_split(napster_slice(text), name, FIELDS_OF_ONE);
    if (count > FIELDS_OF_ONE) /* so many take turns */
        count = FIELDS_OF_ONE;
    if (count > 0) {
        char one[FILE_NAME_MAX + 1];
        napster_copy(one, sizeof one, name[n->turn++ % (unsigned)count]);
        if (!addr_parse(&a, one) && !host_resolve(h, one, &a))
            a = n->join;
    }
    return a;
}

/* A metaserver says one line and reads nothing. */
static size_t on_meta(struct napster *n, struct host *h, const struct event *e)
{
    LOCAL_TEXT t = text_new();

    if (e->kind == EVENT_ACCEPT) {
        host_phase(h, e->conn, PHASE_HANDSHAKE);
        struct addr a = next_server(n, h);
        if (addr_none(a))
            text_add(&t, "busy");
        else
            addr_text(&t, a);
        text_char(&t, '\n');
        host_write(h, e->conn, t.data, t.len);
        host_finish(h, e->conn);
    }
    return e->len;
}

static size_t on_stream(struct napster *n, struct host *h,
                        const struct event *e)
{
    if (n->role == ROLE_SERVER)
        return napster_server_event(n, h, e);
    if (n->role == ROLE_METASERVER)
        return on_meta(n, h, e);
    if (e->conn == n->client->conn && e->kind != EVENT_ACCEPT)
        return napster_client_event(n, h, e);
    return napster_transfer_event(n, h, e);
}

static void on_command(struct napster *n, struct host *h, const struct event *e)
{
    if (n->role == ROLE_SERVER)
        napster_server_command(n, h, e);
    else if (n->role == ROLE_CLIENT)
        napster_command(n, h, e);
    else
        host_failed(h, e->command, "a metaserver only names a server");
}

static void on_stop(struct napster *n, struct host *h)
{
    n->leaving = true;
    if (n->role == ROLE_CLIENT) {
        napster_transfer_stop(n, h);
        napster_client_stop(n, h);
    }
    host_left(h);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct napster *n = node;
    size_t used = 0;

    switch (e->kind) {
    case EVENT_START:
        on_start(n, h);
        break;
    case EVENT_TIMER:
        on_timer(n, h);
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
        on_command(n, h, e);
        break;
    case EVENT_HASHED:
        if (n->role == ROLE_CLIENT)
            napster_transfer_on_hashed(n, h, e);
        break;
    case EVENT_STOP:
        on_stop(n, h);
        break;
    case EVENT_DATAGRAM:
        break;
    }
    napster_arm(n, h);
    return used;
}

/* A node's name as a nick: what no nick may hold becomes '-'. */
static void set_nick(struct napster *n, const char *name)
{
    for (size_t i = 0; i < NICK_MAX && name[i] != '\0'; i++) {
        bool ok = napster_nick_ok((struct slice){&name[i], 1});
        n->nick[i] = ok ? name[i] : '-';
    }
}

static void *create(struct host *h, const struct config *config)
{
    struct napster *n = host_alloc(h, sizeof *n);

    if (n == NULL)
        return NULL;
    n->settings = config->settings;
    n->self = config->self;
    n->join = config->join;
    n->unix_s = config->unix_s;
    n->role = (enum role)setting(n->settings, OPT_ROLE);
    const char *nick = setting_text(n->settings, OPT_NICK);
    set_nick(n, *nick != '\0' ? nick : config->name);
    if (n->role == ROLE_SERVER)
        n->server = host_alloc(h, sizeof *n->server);
    else if (n->role == ROLE_CLIENT)
        n->client = host_alloc(h, sizeof *n->client);
    return n->server != NULL || n->client != NULL || n->role == ROLE_METASERVER
               ? n
               : NULL;
}

/* -- Canonical state ----------------------------------------------------- */

/* How many sessions are older: what a stream's number means. */
static uint32_t age_of(const struct server *s, const struct user *u)
{
    uint32_t older = 0;

    for (uint32_t i = 0; i < s->used; i++)
        older += s->user[i] != NULL && s->user[i]->conn < u->conn;
    return older;
}

static void dump_user(const struct server *s, const struct user *u,
                      struct text *t)
{
    text_printf(t, "user %u in place %u of ", age_of(s, u), u->number);
    addr_text(t, u->peer);
    text_printf(t, " %s %s%s port %u speed %u counts %u %u", u->nick,
                u->online ? "online" : "caller", u->closing ? " closing" : "",
                u->port, u->speed, u->downloads, u->uploads);
    text_time(t, " since ", u->since_us);
    for (uint32_t at = u->first_file; at != 0;) {
        const struct file *f = napster_file(&s->index, at);
        text_printf(t, " file %s", f->name);
        at = f->next;
    }
    for (unsigned i = 0; i < u->hotlist.count; i++)
        text_printf(t, " awaits %s", u->hotlist.at[i]);
    for (unsigned i = 0; i < u->ignored.count; i++)
        text_printf(t, " ignores %s", u->ignored.at[i]);
    for (unsigned i = 0; i < u->channel_count; i++)
        text_printf(t, " in %s", s->channel[u->channel[i]].name);
    text_char(t, '\n');
}

static void dump_server(const struct server *s, struct text *t)
{
    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL)
            dump_user(s, s->user[i], t);
    text_printf(t, "accounts %u next %u", s->account_count, s->free_hint);
    text_time(t, " sweep ", s->sweep_us);
    text_time(t, " stats ", s->stats_us);
    text_char(t, '\n');
}

static void dump_transfers(const struct client *c, struct text *t)
{
    for (const struct download *d = c->downloads; d != NULL; d = d->next) {
        text_printf(t, "download %s from %s state %u tries %u%s at %llu",
                    d->hit.name, d->hit.nick, (unsigned)d->state, d->tries,
                    d->pushed ? " pushed" : "", (unsigned long long)d->at);
        text_time(t, " until ", d->deadline_us);
        text_char(t, '\n');
    }
    for (const struct peer *p = c->peers; p != NULL; p = p->next) {
        text_printf(t, "peer %s state %u content %d at %llu of %llu", p->nick,
                    (unsigned)p->state, p->content, (unsigned long long)p->at,
                    (unsigned long long)p->bytes);
        text_time(t, " until ", p->deadline_us);
        text_char(t, '\n');
    }
    for (unsigned i = 0; i < GRANTS_MAX; i++)
        if (c->grant[i].content >= 0 && c->grant[i].nick[0] != '\0') {
            text_printf(t, "grant %s %d", c->grant[i].nick,
                        c->grant[i].content);
            text_time(t, " until ", c->grant[i].deadline_us);
            text_char(t, '\n');
        }
}

static void dump_client(const struct client *c, struct text *t)
{
    text_printf(t, "state %u shared %u of %u%s%s%s", (unsigned)c->state,
                c->shared, c->share_count, c->registered ? " registered" : "",
                c->pinging ? " pinging" : "", c->hashing ? " hashing" : "");
    text_add(t, c->listing ? " listing" : "");
    text_time(t, " lists until ", c->list_until_us);
    text_time(t, " due ", c->asked ? c->due_us : 0);
    for (uint32_t i = 0; i < c->hot_count; i++)
        text_printf(t, " hot %s", c->hotlist[i]);
    text_printf(t, "%s%s grants %u meta %s error %s server ",
                c->conn != 0 ? " connected" : "", c->asked ? " asked" : "",
                c->grant_next, c->meta, c->error);
    addr_text(t, c->server);
    text_time(t, " until ", c->deadline_us);
    text_time(t, " asked ", c->asked_us);
    for (uint32_t i = 0; i < c->share_count; i++)
        text_printf(t, " %d%d%d", c->share[i].known, c->share[i].off,
                    c->share[i].sent);
    text_char(t, '\n');
    for (uint32_t i = 0; i < c->question_count; i++)
        text_printf(t, "question %u: %s\n", c->question[i].type,
                    c->question[i].text);
    for (uint32_t i = 0; i < c->hit_count; i++) {
        text_printf(t, "hit %s %s", c->hit[i].nick, c->hit[i].name);
        text_time(t, " ping ", c->hit[i].ping_us);
        text_char(t, '\n');
    }
    dump_transfers(c, t);
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct napster *n = node;

    (void)h;
    text_printf(t, "role %u turn %u%s\n", (unsigned)n->role, n->turn,
                n->leaving ? " leaving" : "");
    if (n->server != NULL)
        dump_server(n->server, t);
    if (n->client != NULL)
        dump_client(n->client, t);
}

const struct protocol napster_protocol = {
    .name = "napster",
    .options = options,
    .commands = commands,
    .timers = timers,
    .invariants = "files of users who are here only, counters agree",
    .create = create,
    .event = event,
    .clocked = true,
    .dump = dump,
    .describe = napster_describe,
    .fields =
        "base channel channels client code count data dir down email file "
        "files gigabytes hash host hz ip kbps lastseen length level limit max "
        "md5 media more nick offset one password port search secs "
        "shared size speed status text topic type up users version word",
    .results = "answer brokered bytes channel code downloads email file files "
               "from got_files hits kbps length list memory n nick owner "
               "ping_ms pushed registered searches seconds sent_files shared "
               "size speed state text topic type uploads users walked words",
    .warm = napster_warm,
    .check = napster_check,
    .settled = napster_settled,
    .quiet_us = napster_quiet_us}; /* anyone may fail */
