/*
 * The server: who is here, what they say, and who may say it.
 *
 *     login.c      callers become users: registrations, nicks, passwords
 *     directory.c  what users share; searches; who asks whom for a file
 *     people.c     what users tell each other: hotlists, words, channels;
 *                  and whom they ignore
 *
 * A connection is a caller until it has logged in.  What a user sends is
 * answered at once; nothing is ever waited for.  Source: reference, sections
 * 3 to 5; messages of error are opennap's.
 */
#include "napster/server.h"

/* -- Tables -------------------------------------------------------------- */

static uint32_t conn_bucket(conn_id conn)
{
    return (conn * UINT32_C(2654435761)) % USER_BUCKETS;
}

uint32_t server_bucket(struct slice nick)
{
    uint32_t hash = 5381;

    for (size_t i = 0; i < nick.len; i++)
        hash = hash * 33 + ((uint8_t)nick.at[i] | 0x20);
    return hash % USER_BUCKETS;
}

static struct user *user_of(const struct server *s, conn_id conn)
{
    uint32_t at = s->by_conn[conn_bucket(conn)];

    while (at != 0 && s->user[at - 1]->conn != conn)
        at = s->user[at - 1]->same_conn;
    return at != 0 ? s->user[at - 1] : NULL;
}

struct user *napster_user(const struct server *s, struct slice nick)
{
    uint32_t at = s->by_nick[server_bucket(nick)];

    while (at != 0 && !napster_same(nick, napster_slice(s->user[at - 1]->nick)))
        at = s->user[at - 1]->same_nick;
    return at != 0 ? s->user[at - 1] : NULL;
}

static struct user *user_new(struct server *s, struct host *h,
                             const struct event *e)
{
    uint32_t i = s->free_hint;

    while (i < s->used && s->user[i] != NULL)
        i++;
    s->free_hint = i;
    struct user *u = i < SESSIONS_MAX && s->callers < CALLERS_MAX
                         ? host_alloc(h, sizeof *u)
                         : NULL;
    if (u == NULL)
        return NULL;
    s->user[i] = u;
    s->used = i == s->used ? i + 1 : s->used;
    s->callers++;
    u->number = i;
    u->conn = e->conn;
    u->peer = e->peer;
    u->since_us = host_now(h);
    u->same_conn = s->by_conn[conn_bucket(e->conn)];
    s->by_conn[conn_bucket(e->conn)] = i + 1;
    return u;
}

/* -- Saying something ---------------------------------------------------- */

void server_finish(struct host *h, struct user *u)
{
    if (!u->closing)
        host_finish(h, u->conn);
    u->closing = true;
}

static size_t say(struct host *h, conn_id conn, uint16_t type,
                  const char *format, va_list args) PRINTF_LIKE(4, 0);

/* One message; how much the stream holds with it, or 0 without a stream. */
static size_t say(struct host *h, conn_id conn, uint16_t type,
                  const char *format, va_list args)
{
    LOCAL_TEXT t = text_new();
    uint8_t out[HEADER_BYTES + PAYLOAD_MAX];

    text_vprintf(&t, format, args);
    size_t len = napster_encode(out, type, t.data, t.len);
    return conn != 0 ? host_write(h, conn, out, len) : 0;
}

size_t napster_send(struct host *h, conn_id conn, uint16_t type,
                    const char *format, ...)
{
    va_list args;

    va_start(args, format);
    size_t queued = say(h, conn, type, format, args);
    va_end(args);
    return queued;
}

void server_tell(struct napster *n, struct host *h, struct user *u,
                 uint16_t type, const char *format, ...)
{
    va_list args;

    (void)n;
    va_start(args, format);
    size_t queued = u->closing ? 0 : say(h, u->conn, type, format, args);
    va_end(args);
    if (queued <= QUEUE_MAX)
        return;
    host_note(h, "does not read: thrown out");
    server_finish(h, u);
}

void server_notice(struct napster *n, struct host *h, struct user *u,
                   const char *text)
{
    ANSWER(u, MSG_NOTICE, "%s", text);
}

/* -- Coming and going ---------------------------------------------------- */

void server_enter(struct server *s, struct user *u)
{
    uint32_t *first = &s->by_nick[server_bucket(napster_slice(u->nick))];

    u->online = true;
    u->same_nick = *first;
    *first = u->number + 1;
    s->online++;
    s->callers--;
}

void server_sign_off(struct napster *n, struct host *h, struct user *u)
{
    struct server *s = n->server;
    uint32_t *at = &s->by_nick[server_bucket(napster_slice(u->nick))];

    if (!u->online)
        return;
    u->online = false;
    s->online--;
    while (*at != u->number + 1)
        at = &s->user[*at - 1]->same_nick;
    *at = u->same_nick;
    while (u->first_file != 0)
        napster_index_remove(&s->index, h, u->first_file, &u->first_file);
    u->files = 0;
    while (u->channel_count > 0)
        server_part(n, h, u, u->channel[0]);
    struct account *a = server_account(s, napster_slice(u->nick));
    if (a != NULL)
        a->last_s = n->unix_s + host_now(h) / SECOND_US;
    server_tell_hotlists(n, h, u, MSG_SIGNED_OFF);
    s->callers++; /* until its connection is gone */
}

static void user_free(struct napster *n, struct host *h, struct user *u)
{
    struct server *s = n->server;
    uint32_t *at = &s->by_conn[conn_bucket(u->conn)];

    server_sign_off(n, h, u);
    s->callers--;
    while (*at != u->number + 1)
        at = &s->user[*at - 1]->same_conn;
    *at = u->same_conn;
    s->user[u->number] = NULL;
    if (u->number < s->free_hint)
        s->free_hint = u->number;
    server_forget_nicks(s, h, u);
    host_free(h, u, sizeof *u);
}

/* -- One message --------------------------------------------------------- */

/* Operators' commands: nobody is one here. */
static bool is_operators(uint16_t type)
{
    return type == 606 || type == 652 || (type >= 610 && type <= 616) ||
           (type >= 622 && type <= 625) || type == 627 || type == 628 ||
           (type >= 800 && type <= 823);
}

static void on_known(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    (void)r;
    server_notice(n, h, u, "you are already logged in");
}

static void on_server_ping(struct napster *n, struct host *h, struct user *u,
                           const struct request *r)
{
    ANSWER(u, r->type, "%s", "");
}

static void on_ignored(struct napster *n, struct host *h, struct user *u,
                       const struct request *r)
{
    (void)n;
    (void)h;
    (void)u;
    (void)r;
}

static void on_unknown(struct napster *n, struct host *h, struct user *u,
                       const struct request *r)
{
    if (is_operators(r->type))
        server_notice(n, h, u, "permission denied");
    else
        ANSWER(u, MSG_NOTICE, "Unknown command code %u", r->type);
}

#define FREE_TEXT (-1) /* no fields: all of it is meant */

/* What a user may say, and how many fields that has at least. */
static const struct saying {
    uint16_t type;
    int fields;
    void (*on)(struct napster *n, struct host *h, struct user *u,
               const struct request *r);
} sayings[] = {
    {MSG_LOGIN, 0, on_known},
    {MSG_REGISTER, 0, on_known},
    {MSG_NICK_CHECK, 0, server_on_check},
    {MSG_PASS_CHECK, 0, server_on_check},
    {MSG_SHARE, 0, server_on_share},
    {MSG_SHARE_DIR, 0, server_on_share_dir},
    {MSG_SHARE_TYPED, 0, server_on_share_typed},
    {MSG_UNSHARE, FREE_TEXT, server_on_unshare},
    {MSG_SEARCH, FREE_TEXT, server_on_search},
    {MSG_BROWSE, 1, server_on_browse},
    {MSG_RESUME, 0, server_on_resume},
    {MSG_DOWNLOAD, 0, server_on_download},
    {MSG_PUSH, 0, server_on_download},
    {MSG_UPLOAD_OK, 0, server_on_upload},
    {MSG_UPLOAD_NO, 0, server_on_upload},
    {MSG_QUEUE_LIMIT, 0, server_on_upload},
    {MSG_DOWNLOADING, 0, server_on_transfer},
    {MSG_DOWNLOADED, 0, server_on_transfer},
    {MSG_UPLOADING, 0, server_on_transfer},
    {MSG_UPLOADED, 0, server_on_transfer},
    {MSG_PRIVATE, FREE_TEXT, server_on_relay},
    {MSG_PING, 0, server_on_relay},
    {MSG_PONG, 0, server_on_relay},
    {MSG_PORT_ERROR, 0, server_on_relay},
    {MSG_BROWSE_DIRECT, 0, server_on_relay},
    {MSG_BROWSE_ACCEPT, 0, server_on_relay},
    {MSG_BROWSE_ERROR, FREE_TEXT, server_on_relay},
    {MSG_SERVER_PING, 0, on_server_ping},
    {MSG_HOTLIST, 1, server_on_hotlist},
    {MSG_HOTLIST_ADD, 1, server_on_hotlist},
    {MSG_HOTLIST_REMOVE, 1, server_on_hotlist_remove},
    {MSG_IGNORE_LIST, 0, server_on_ignore_list},
    {MSG_IGNORE, 1, server_on_ignore},
    {MSG_IGNORE_REMOVE, 1, server_on_ignore_remove},
    {MSG_IGNORE_CLEAR, 0, server_on_ignore_list},
    {MSG_WHOIS, 1, server_on_whois},
    {MSG_SPEED, 1, server_on_speed},
    {MSG_STATS, 0, server_on_stats},
    {MSG_MOTD, 0, server_on_motd},
    {MSG_JOIN, 1, server_on_join},
    {MSG_PART, 0, server_on_channel},
    {MSG_SAY, FREE_TEXT, server_on_channel},
    {MSG_TOPIC, FREE_TEXT, server_on_channel},
    {MSG_EMOTE, FREE_TEXT, server_on_channel},
    {MSG_CHANNELS, 0, server_on_channels},
    {MSG_PORT, 1, server_on_set},
    {MSG_SET_SPEED, 1, server_on_set},
    {MSG_SET_PASSWORD, 1, server_on_set},
    {MSG_SET_EMAIL, 1, server_on_set},
    {MSG_SET_PORT, 1, server_on_set},
    {MSG_VERSION, FREE_TEXT, on_ignored},
    {MSG_SURVEY, FREE_TEXT, on_ignored},
};

static void on_user_message(struct napster *n, struct host *h, struct user *u,
                            const struct napster_msg *m)
{
    static const struct saying unknown = {0, 0, on_unknown};
    const struct saying *s = &unknown;
    struct request r = {.type = m->type, .text = {m->text, m->len}};

    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++)
        if (sayings[i].type == m->type)
            s = &sayings[i];
    if (s->fields != FREE_TEXT)
        r.count = napster_split(r.text, r.f, FIELDS_OF_ONE);
    if (r.count < 0 || r.count < s->fields)
        server_notice(n, h, u, UNPARSABLE);
    else
        s->on(n, h, u, &r);
}

static size_t on_bytes(struct napster *n, struct host *h, struct user *u,
                       const struct event *e)
{
    struct napster_msg m;
    int used = napster_decode(&m, e->data, e->len);

    if (u->closing)
        return e->len;
    if (used < 0) { /* Source: reference, section 2: no word, a reset */
        host_note(h, "a message that is too long: the connection is reset");
        host_abort(h, u->conn);
        user_free(n, h, u);
        return e->len;
    }
    if (used > 0 && u->online)
        on_user_message(n, h, u, &m);
    else if (used > 0)
        server_on_caller(n, h, u, &m);
    if (u->closing)
        server_sign_off(n, h, u);
    return (size_t)used;
}

/* -- Events -------------------------------------------------------------- */

void napster_server_reset(struct napster *n, struct host *h)
{
    struct server *s = n->server;

    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL)
            user_free(n, h, s->user[i]);
    if (s->account == NULL)
        napster_server_start(n, h);
}

/* Are there as many from this address as may be? */
static bool is_crowded(const struct napster *n, struct addr from)
{
    int64_t room = setting(n->settings, OPT_PER_ADDRESS);
    const struct server *s = n->server;

    if (room == 0)
        return false;
    for (uint32_t i = 0; i < s->used && room > 0; i++)
        room -= s->user[i] != NULL && s->user[i]->peer.ip == from.ip;
    return room == 0;
}

/* Source: reference, section 5.  Nobody listens to what a caller who was
   turned away says. */
static void on_accept(struct napster *n, struct host *h, const struct event *e)
{
    const struct server *s = n->server;

    if (n->leaving) {
        host_abort(h, e->conn);
        return;
    }
    if (is_crowded(n, e->peer))
        (void)napster_send(h, e->conn, MSG_ERROR,
                           "Exceeded max connections to this server");
    else if (user_new(n->server, h, e) == NULL)
        (void)napster_send(h, e->conn, MSG_ERROR,
                           "This server is full (%u connections)",
                           s->online + s->callers);
    else
        return;
    host_finish(h, e->conn);
}

size_t napster_server_event(struct napster *n, struct host *h,
                            const struct event *e)
{
    struct user *u = user_of(n->server, e->conn);
    size_t used = 0;

    if (e->kind == EVENT_ACCEPT) {
        on_accept(n, h, e);
    } else if (u == NULL) {
        used = e->len;
    } else if (e->kind == EVENT_BYTES) {
        used = on_bytes(n, h, u, e);
    } else if (e->kind == EVENT_EOF) {
        server_sign_off(n, h, u);
        server_finish(h, u);
    } else if (e->kind == EVENT_CLOSED) {
        user_free(n, h, u);
    }
    if (n->server->callers > 0 && n->server->sweep_us == 0)
        n->server->sweep_us = host_now(h) + LOGIN_US / 4;
    napster_arm(n, h);
    return used;
}

uint64_t napster_server_deadline(const struct napster *n)
{
    const struct server *s = n->server;
    uint64_t sweep = s->sweep_us > 0 ? s->sweep_us : NEVER;

    return s->stats_us > 0 && s->stats_us < sweep ? s->stats_us : sweep;
}

/* Who calls must log in, and who is thrown out must go, within LOGIN_US. */
static void sweep_callers(struct napster *n, struct host *h)
{
    struct server *s = n->server;

    s->sweep_us = 0;
    for (uint32_t i = 0; i < s->used; i++) {
        struct user *u = s->user[i];
        if (u == NULL || u->online || host_now(h) - u->since_us < LOGIN_US)
            continue;
        host_abort(h, u->conn);
        user_free(n, h, u);
    }
    if (s->callers > 0)
        s->sweep_us = host_now(h) + LOGIN_US / 4;
}

void napster_server_expire(struct napster *n, struct host *h)
{
    struct server *s = n->server;
    uint64_t now = host_now(h);

    if (s->sweep_us > 0 && s->sweep_us <= now)
        sweep_callers(n, h);
    if (s->stats_us == 0 || s->stats_us > now)
        return;
    s->stats_us = now + (uint64_t)setting(n->settings, OPT_STATS);
    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL && s->user[i]->online)
            server_on_stats(n, h, s->user[i], NULL);
}

void napster_server_command(struct napster *n, struct host *h,
                            const struct event *e)
{
    const struct server *s = n->server;
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    LOCAL_FIELDS f = fields_new();

    if (!word_is(text, len, "show") && !word_is(text, len, "stats")) {
        host_failed(h, e->command,
                    "a client's command; a server only shows "
                    "how it stands: show");
        return;
    }
    fields_number(&f, "users", s->online);
    fields_number(&f, "files", s->index.count);
    fields_number(&f, "words", s->index.word_count);
    fields_number(&f, "memory", s->index.memory);
    fields_number(&f, "searches", s->searches);
    fields_number(&f, "walked", s->index.walked);
    fields_number(&f, "brokered", s->brokered);
    fields_number(&f, "registered", s->account_count);
    host_result(h, e->command, true, &f);
}
