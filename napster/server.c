/*
 * The server: who is here, what they share, who asks whom.
 *
 * A connection is a caller until it has logged in.  What a user sends is
 * answered at once; nothing is ever waited for.  Source: reference, sections
 * 3 to 5; messages of error are opennap's.
 */
#include "napster/node.h"

#include <string.h>

#include "napster/check.h"

#define ANSWER(u, type, ...) tell(n, h, (u), (type), __VA_ARGS__)
#define UNPARSABLE "parameters are unparsable"
#define GIGABYTE (UINT64_C(1) << 30)
/* A slice, for "%.*s". */
#define S(s) (int)(s).len, (s).at

/* -- Tables --------------------------------------------------------------- */

static uint32_t conn_bucket(conn_id conn)
{
    return (conn * UINT32_C(2654435761)) % USER_BUCKETS;
}

static uint32_t nick_bucket(struct slice nick)
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
    uint32_t at = s->by_nick[nick_bucket(nick)];

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

static void finish(struct host *h, struct user *u)
{
    if (!u->closing)
        host_finish(h, u->conn);
    u->closing = true;
}

static void tell(struct napster *n, struct host *h, struct user *u,
                 uint16_t type, const char *format, ...) PRINTF_LIKE(5, 6);

/* Say something to a user; who does not read is thrown out by his own. */
static void tell(struct napster *n, struct host *h, struct user *u,
                 uint16_t type, const char *format, ...)
{
    struct text t = text_new();
    uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    va_list args;

    (void)n;
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    size_t len = napster_encode(out, type, t.data, t.len);
    text_free(&t);
    if (u->closing || host_write(h, u->conn, out, len) <= QUEUE_MAX)
        return;
    host_note(h, "does not read: thrown out");
    u->closing = true;
    host_finish(h, u->conn);
}

size_t napster_send(struct host *h, conn_id conn, uint16_t type,
                    const char *format, ...)
{
    struct text t = text_new();
    uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    va_list args;

    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    size_t len = napster_encode(out, type, t.data, t.len);
    text_free(&t);
    return conn != 0 ? host_write(h, conn, out, len) : 0;
}

static void notice(struct napster *n, struct host *h, struct user *u,
                   const char *text)
{
    ANSWER(u, MSG_NOTICE, "%s", text);
}

/* -- Coming and going ----------------------------------------------------- */

/* Everybody who has this nick on the hotlist hears of it. */
static void tell_hotlists(struct napster *n, struct host *h,
                          const struct user *of, uint16_t type)
{
    struct server *s = n->server;

    for (uint32_t i = 0; i < s->used; i++) {
        struct user *u = s->user[i];
        for (unsigned k = 0; u != NULL && k < u->hotlist_count; k++) {
            if (!napster_same(napster_slice(u->hotlist[k]),
                              napster_slice(of->nick)))
                continue;
            if (type == MSG_SIGNED_ON)
                ANSWER(u, type, "%s %u", of->nick, of->speed);
            else
                ANSWER(u, type, "%s", of->nick);
        }
    }
}

static bool in_channel(const struct user *u, uint32_t channel)
{
    for (unsigned i = 0; i < u->channel_count; i++)
        if (u->channel[i] == channel)
            return true;
    return false;
}

static void part(struct napster *n, struct host *h, struct user *u,
                 uint32_t channel)
{
    struct server *s = n->server;
    struct channel *c = &s->channel[channel];
    unsigned i = 0;

    while (u->channel[i] != channel)
        i++;
    u->channel[i] = u->channel[--u->channel_count];
    for (uint32_t k = 0; k < s->used; k++)
        if (s->user[k] != NULL && s->user[k] != u &&
            in_channel(s->user[k], channel))
            ANSWER(s->user[k], MSG_CHANNEL_PART, "%s %s %u %u", c->name,
                   u->nick, u->files, u->speed);
    if (--c->users == 0)
        *c = (struct channel){.users = 0};
}

static struct account *account_of(const struct server *s, struct slice nick)
{
    for (uint32_t i = 0; i < s->account_count; i++)
        if (napster_same(nick, napster_slice(s->account[i].nick)))
            return &s->account[i];
    return NULL;
}

static void save_accounts(struct server *s, struct host *h)
{
    if (host_save(h, "accounts", s->account,
                  s->account_count * sizeof *s->account) < 0)
        host_note(h, "registrations cannot be kept");
}

/* Take a user out of all that others can see. */
static void sign_off(struct napster *n, struct host *h, struct user *u)
{
    struct server *s = n->server;
    uint32_t *at = &s->by_nick[nick_bucket(napster_slice(u->nick))];

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
        part(n, h, u, u->channel[0]);
    struct account *a = account_of(s, napster_slice(u->nick));
    if (a != NULL)
        a->last_s = host_now(h) / SECOND_US;
    tell_hotlists(n, h, u, MSG_SIGNED_OFF);
    s->callers++; /* until its connection is gone */
}

static void user_free(struct napster *n, struct host *h, struct user *u)
{
    struct server *s = n->server;
    uint32_t *at = &s->by_conn[conn_bucket(u->conn)];

    sign_off(n, h, u);
    s->callers--;
    while (*at != u->number + 1)
        at = &s->user[*at - 1]->same_conn;
    *at = u->same_conn;
    s->user[u->number] = NULL;
    if (u->number < s->free_hint)
        s->free_hint = u->number;
    if (u->hotlist != NULL)
        host_free(h, u->hotlist, HOTLIST_MAX * sizeof *u->hotlist);
    host_free(h, u, sizeof *u);
}

/* -- Login ---------------------------------------------------------------- */

static void refuse(struct napster *n, struct host *h, struct user *u,
                   const char *text)
{
    n->server->refused++;
    ANSWER(u, MSG_ERROR, "%s", text);
    finish(h, u);
}

/* No branch on the digits: how long it takes tells nothing. */
static bool same_digest(const uint8_t *a, const uint8_t *b)
{
    uint8_t differ = 0;

    for (unsigned i = 0; i < SHA256_BYTES; i++)
        differ |= a[i] ^ b[i];
    return differ == 0;
}

static void digest_of(uint8_t out[SHA256_BYTES], struct slice pass,
                      const struct account *a)
{
    char text[PAYLOAD_MAX + 1] = "";

    memcpy(text, pass.at, pass.len);
    text[pass.len] = '\0';
    hash_password(out, text, a->salt, sizeof a->salt, PASSWORD_ROUNDS);
}

static bool password_ok(const struct account *a, struct slice pass)
{
    uint8_t digest[SHA256_BYTES];

    digest_of(digest, pass, a);
    return same_digest(digest, a->digest);
}

static void copy(char *to, size_t room, struct slice s)
{
    size_t len = s.len < room - 1 ? s.len : room - 1;

    if (len > 0)
        memcpy(to, s.at, len);
    to[len] = '\0';
}

static bool create_account(struct server *s, struct host *h, struct slice nick,
                           struct slice pass)
{
    if (s->account == NULL)
        s->account = host_alloc(h, ACCOUNTS_MAX * sizeof *s->account);
    if (s->account == NULL || s->account_count == ACCOUNTS_MAX)
        return false;
    struct account *a = &s->account[s->account_count++];
    *a = (struct account){.last_s = 0};
    copy(a->nick, sizeof a->nick, nick);
    for (unsigned i = 0; i < sizeof a->salt; i += 8) {
        uint64_t r = host_random(h);
        memcpy(a->salt + i, &r, 8);
    }
    digest_of(a->digest, pass, a);
    save_accounts(s, h);
    return true;
}

/* The same nick from the same address is a ghost: the newcomer stays. */
static bool replace_ghost(struct napster *n, struct host *h, struct user *u,
                          struct user *old)
{
    if (old->peer.ip != u->peer.ip) {
        n->server->refused++;
        ANSWER(u, MSG_ERROR, "%s is already active", old->nick);
        finish(h, u);
        return false;
    }
    host_note(h, "%s logs in again: the old session is a ghost", old->nick);
    ANSWER(old, MSG_GHOST, "%s", "");
    notice(n, h, old, "someone else is logging in as you, disconnecting.");
    ANSWER(old, MSG_DISCONNECT, "0");
    sign_off(n, h, old);
    finish(h, old);
    return true;
}

static void tell_stats(struct napster *n, struct host *h, struct user *u)
{
    const struct server *s = n->server;

    ANSWER(u, MSG_STATS, "%u %u %llu", s->online, s->index.count,
           (unsigned long long)(s->index.bytes / GIGABYTE));
}

static void tell_motd(struct napster *n, struct host *h, struct user *u)
{
    const char *motd = setting_text(n->settings, OPT_MOTD);

    if (*motd != '\0')
        ANSWER(u, MSG_MOTD, "%s", motd);
}

static void sign_on(struct napster *n, struct host *h, struct user *u,
                    const struct slice *f, uint64_t port, uint64_t speed)
{
    struct server *s = n->server;
    uint32_t *first = &s->by_nick[nick_bucket(f[0])];

    copy(u->nick, sizeof u->nick, f[0]);
    copy(u->client, sizeof u->client, f[3]);
    u->port = (uint16_t)port;
    u->speed = (uint8_t)speed;
    u->registered = account_of(s, f[0]) != NULL;
    u->online = true;
    u->since_us = host_now(h);
    u->same_nick = *first;
    *first = u->number + 1;
    s->online++;
    s->callers--;
    ANSWER(u, MSG_LOGIN_OK, "anon@napster");
    tell_motd(n, h, u);
    tell_stats(n, h, u);
    tell_hotlists(n, h, u, MSG_SIGNED_ON);
}

static void login(struct napster *n, struct host *h, struct user *u,
                  const struct napster_msg *m)
{
    bool new_one = m->type == MSG_REGISTER;
    struct slice f[FIELDS_OF_ONE];
    uint64_t port, speed;
    int count =
        napster_split((struct slice){m->text, m->len}, f, FIELDS_OF_ONE);

    if (count < 5 + new_one || memchr(m->text, '\0', m->len) != NULL) {
        finish(h, u); /* nothing is said */
        return;
    }
    if (!napster_nick_ok(f[0])) {
        ANSWER(u, MSG_NICK_BAD, "%s", "");
        finish(h, u);
        return;
    }
    struct account *a = account_of(n->server, f[0]);
    struct user *old = napster_user(n->server, f[0]);
    if (!napster_number(f[4], 10, &speed))
        refuse(n, h, u, "invalid speed");
    else if (!napster_number(f[2], UINT16_MAX, &port))
        refuse(n, h, u, "invalid port");
    else if (new_one && a != NULL)
        refuse(n, h, u, "account registered to another user");
    else if (!new_one && a != NULL && !password_ok(a, f[1]))
        refuse(n, h, u, "Invalid Password");
    else if (old != NULL && !replace_ghost(n, h, u, old))
        return;
    else if (new_one && !create_account(n->server, h, f[0], f[1]))
        refuse(n, h, u, "no more registrations");
    else
        sign_on(n, h, u, f, port, speed);
}

static void check_nick(struct napster *n, struct host *h, struct user *u,
                       struct slice nick)
{
    uint16_t type = MSG_NICK_FREE;

    if (!napster_nick_ok(nick))
        type = MSG_NICK_BAD;
    else if (account_of(n->server, nick) != NULL)
        type = MSG_NICK_TAKEN;
    ANSWER(u, type, "%s", "");
}

/* -- Files ---------------------------------------------------------------- */

/* The nearest value of the MPEG tables.  Source: reference, section 4. */
static uint64_t quantise(uint64_t value, const uint32_t *table, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && table[i] < value)
        i++;
    if (i > 0 && value - table[i - 1] < table[i] - value && value < table[i])
        i--;
    return table[i];
}

static uint64_t quantise_kbps(uint64_t value)
{
    static const uint32_t table[] = {8,   16,  24,  32,  40,  48,
                                     56,  64,  80,  96,  112, 128,
                                     144, 160, 192, 224, 256, 320};

    return quantise(value, table, sizeof table / sizeof *table);
}

static uint64_t quantise_hz(uint64_t value)
{
    static const uint32_t table[] = {16000, 22050, 24000, 32000, 44100, 48000};

    return quantise(value, table, sizeof table / sizeof *table);
}

/* md5 size kbps hz secs, from `f` on. */
static bool read_offer(struct offer *o, struct slice name,
                       const struct slice *f)
{
    o->name = name;
    o->md5 = f[0];
    return name.len > 0 && name.len <= FILE_NAME_MAX && f[0].len <= 64 &&
           napster_number(f[1], CONTENT_MAX_BYTES, &o->bytes) &&
           napster_number(f[2], UINT16_MAX, &o->kbps) &&
           napster_number(f[3], UINT32_MAX, &o->hz) &&
           napster_number(f[4], UINT32_MAX, &o->secs);
}

static void share(struct napster *n, struct host *h, struct user *u,
                  struct offer *o)
{
    struct index *x = &n->server->index;

    o->kbps = quantise_kbps(o->kbps);
    o->hz = quantise_hz(o->hz);
    if (napster_index_find(x, u->number + 1, o->name) != 0)
        notice(n, h, u, "duplicate file");
    else if (u->files >= USER_FILES_MAX)
        ANSWER(u, MSG_NOTICE, "You may only share %u files", USER_FILES_MAX);
    else if (napster_index_add(x, h, u->number + 1, o, &u->first_file) == 0)
        notice(n, h, u, "the directory is full");
    else
        u->files++;
}

static void on_share(struct napster *n, struct host *h, struct user *u,
                     const struct slice *f, int count)
{
    struct offer o;

    if (count != 6 || !read_offer(&o, f[0], f + 1))
        notice(n, h, u, UNPARSABLE);
    else
        share(n, h, u, &o);
}

/* "dir" and then names without it.  All or, from a bad one on, nothing. */
static void on_share_dir(struct napster *n, struct host *h, struct user *u,
                         struct slice text)
{
    struct slice dir, f[6];
    char name[2 * FILE_NAME_MAX];
    struct offer o;

    if (napster_split(text, f, 6) < 7 || napster_next(&text, &dir) <= 0) {
        notice(n, h, u, UNPARSABLE);
        return;
    }
    for (;;) {
        int count = 0;
        while (count < 6 && napster_next(&text, &f[count]) > 0)
            count++;
        if (count == 0)
            return;
        size_t slash = dir.len > 0 && dir.at[dir.len - 1] != '\\';
        size_t len = dir.len + slash + f[0].len;
        if (count != 6 || len > FILE_NAME_MAX) {
            notice(n, h, u, UNPARSABLE);
            return;
        }
        memcpy(name, dir.at, dir.len);
        name[dir.len] = '\\';
        memcpy(name + dir.len + slash, f[0].at, f[0].len);
        if (!read_offer(&o, (struct slice){name, len}, f + 1)) {
            notice(n, h, u, UNPARSABLE);
            return;
        }
        share(n, h, u, &o);
    }
}

static void on_unshare(struct napster *n, struct host *h, struct user *u,
                       struct slice name)
{
    struct index *x = &n->server->index;
    uint32_t number = napster_index_find(x, u->number + 1, name);

    if (number == 0) {
        notice(n, h, u, "Not sharing that file");
        return;
    }
    napster_index_remove(x, h, number, &u->first_file);
    u->files--;
}

static const char *md5_of(const struct file *f)
{
    return f->name + f->name_len + 1;
}

/* -- Searches ------------------------------------------------------------- */

struct answer {
    struct napster *n;
    struct host *h;
    struct user *to;
    uint64_t left;
};

static bool send_hit(void *context, uint32_t number)
{
    struct answer *a = context;
    struct napster *n = a->n;
    struct host *h = a->h;
    const struct file *f = napster_file(&n->server->index, number);
    const struct user *owner = n->server->user[f->owner - 1];
    const struct query *q = &n->server->query;

    if (owner == a->to || (owner->port == 0 && a->to->port == 0) ||
        owner->speed < q->speed[0] || owner->speed > q->speed[1])
        return true;
    ANSWER(a->to, MSG_HIT, "\"%s\" %s %llu %u %u %u %s %u %u", f->name,
           md5_of(f), (unsigned long long)f->bytes, f->kbps, f->hz, f->secs,
           owner->nick, napster_ip(owner->peer.ip), owner->speed);
    return --a->left > 0 && !a->to->closing;
}

static void on_search(struct napster *n, struct host *h, struct user *u,
                      struct slice text)
{
    struct query *q = &n->server->query;
    const char *wrong = napster_query_read(q, text);
    uint64_t cap = (uint64_t)setting(n->settings, OPT_RESULTS);
    struct answer a = {n, h, u, 0};

    n->server->searches++;
    if (wrong != NULL && *wrong == ':')
        ANSWER(u, MSG_NOTICE, "%.*s%s", S(q->word[0]), wrong);
    else if (wrong != NULL)
        notice(n, h, u, wrong);
    a.left = q->max < cap ? q->max : cap;
    if (wrong == NULL && !q->other_type)
        napster_index_search(&n->server->index, q, send_hit, &a);
    ANSWER(u, MSG_SEARCH_END, "%s", "");
}

static void on_browse(struct napster *n, struct host *h, struct user *u,
                      const struct slice *f, int count)
{
    const struct user *of = napster_user(n->server, f[0]);
    uint64_t max = USER_FILES_MAX;

    if (count > 1 && !napster_number(f[1], UINT32_MAX, &max)) {
        notice(n, h, u, UNPARSABLE);
        return;
    }
    if (of == NULL) {
        ANSWER(u, MSG_SIGNED_OFF, "%.*s", S(f[0]));
        ANSWER(u, MSG_BROWSE_END, "%.*s", S(f[0]));
        return;
    }
    for (uint32_t at = of->first_file; at != 0 && max-- > 0 && !u->closing;) {
        const struct file *x = napster_file(&n->server->index, at);
        ANSWER(u, MSG_BROWSE_HIT, "%s \"%s\" %s %llu %u %u %u", of->nick,
               x->name, md5_of(x), (unsigned long long)x->bytes, x->kbps, x->hz,
               x->secs);
        at = x->next;
    }
    ANSWER(u, MSG_BROWSE_END, "%s %u", of->nick, napster_ip(of->peer.ip));
}

/* The other holders of the same bytes: a walk over all users, as it is rare. */
static void on_resume(struct napster *n, struct host *h, struct user *u,
                      const struct slice *f, int count)
{
    struct server *s = n->server;
    uint64_t bytes, left = RESULTS_MAX;

    if (count != 2 || !napster_number(f[1], CONTENT_MAX_BYTES, &bytes)) {
        notice(n, h, u, UNPARSABLE);
        return;
    }
    for (uint32_t i = 0; i < s->used && left > 0; i++) {
        const struct user *of = s->user[i];
        for (uint32_t at = of != NULL ? of->first_file : 0; at != 0;) {
            const struct file *x = napster_file(&s->index, at);
            at = x->next;
            if (x->bytes != bytes || of == u || left == 0 ||
                !napster_same(f[0], napster_slice(md5_of(x))))
                continue;
            left--;
            ANSWER(u, MSG_RESUME_HIT, "%s %u %u \"%s\" %s %llu %u", of->nick,
                   napster_ip(of->peer.ip), of->port, x->name, md5_of(x),
                   (unsigned long long)x->bytes, of->speed);
        }
    }
    ANSWER(u, MSG_RESUME_END, "%s", "");
}

/* -- Brokering: Source: reference, 6.1 ------------------------------------ */

/* 204 to the downloader, or 501 to a holder: whom to dial for what. */
static void introduce(struct napster *n, struct host *h, struct user *to,
                      uint16_t type, const struct user *whom,
                      const struct file *f, bool possible)
{
    n->server->brokered++;
    ANSWER(to, type, "%s %u %u \"%s\" %s %u", whom->nick,
           napster_ip(whom->peer.ip), whom->port, f->name,
           possible ? md5_of(f) : "firewallerror", whom->speed);
}

static void on_download(struct napster *n, struct host *h, struct user *u,
                        const struct slice *f, int count, bool push)
{
    struct user *holder = count == 2 ? napster_user(n->server, f[0]) : NULL;
    uint32_t number =
        holder != NULL
            ? napster_index_find(&n->server->index, holder->number + 1, f[1])
            : 0;
    const struct file *x =
        number != 0 ? napster_file(&n->server->index, number) : NULL;

    if (count != 2)
        notice(n, h, u, UNPARSABLE);
    else if (x == NULL)
        ANSWER(u, MSG_NOT_HERE, "%.*s \"%.*s\"", S(f[0]), S(f[1]));
    else if (push && holder->port != 0)
        ANSWER(u, MSG_NOTICE, "%s is not firewalled", holder->nick);
    else if (!push && holder->port == 0)
        introduce(n, h, u, MSG_DOWNLOAD_OK, holder, x, true);
    else if (push && u->port == 0)
        introduce(n, h, u, MSG_DOWNLOAD_OK, holder, x, false);
    else
        ANSWER(holder, MSG_UPLOAD_ASK, "%s \"%.*s\"", u->nick, S(f[1]));
}

static void on_upload(struct napster *n, struct host *h, struct user *u,
                      const struct slice *f, int count, uint16_t type)
{
    struct user *to = count >= 2 ? napster_user(n->server, f[0]) : NULL;
    uint32_t number =
        count >= 2 ? napster_index_find(&n->server->index, u->number + 1, f[1])
                   : 0;

    if (count < 2 || (type == MSG_QUEUE_LIMIT && count != 3)) {
        notice(n, h, u, UNPARSABLE);
        return;
    }
    if (to == NULL) {
        notice(n, h, u, "User is not currently online.");
        return;
    }
    if (number == 0) {
        notice(n, h, u, "Not sharing that file");
        return;
    }
    const struct file *x = napster_file(&n->server->index, number);
    if (type == MSG_UPLOAD_NO)
        ANSWER(to, type, "%s \"%s\"", u->nick, x->name);
    else if (type == MSG_QUEUE_LIMIT)
        ANSWER(to, MSG_QUEUED, "%s \"%s\" %llu %.*s", u->nick, x->name,
               (unsigned long long)x->bytes, S(f[2]));
    else if (u->port == 0)
        introduce(n, h, u, MSG_PUSH_TO, to, x, true);
    else
        introduce(n, h, to, MSG_DOWNLOAD_OK, u, x, true);
}

/* -- People --------------------------------------------------------------- */

static void on_whois(struct napster *n, struct host *h, struct user *u,
                     struct slice nick)
{
    const struct server *s = n->server;
    const struct user *of = napster_user(s, nick);
    const struct account *a = account_of(s, nick);
    struct text t = text_new();

    if (of != NULL) {
        for (unsigned i = 0; i < of->channel_count; i++)
            text_printf(&t, "%s ", s->channel[of->channel[i]].name);
        ANSWER(u, MSG_WHOIS_IS,
               "%s \"User\" %llu \"%s\" \"Active\" %u %u %u %u \"%s\"",
               of->nick,
               (unsigned long long)((host_now(h) - of->since_us) / SECOND_US),
               t.len > 0 ? t.data : " ", of->files, of->queued_down,
               of->queued_up, of->speed, of->client);
    } else if (a != NULL) {
        ANSWER(u, MSG_WHOWAS, "%s \"User\" %llu", a->nick,
               (unsigned long long)a->last_s);
    } else {
        notice(n, h, u, "User is not currently online.");
    }
    text_free(&t);
}

static void on_hotlist(struct napster *n, struct host *h, struct user *u,
                       struct slice nick)
{
    const struct user *of = napster_user(n->server, nick);

    if (u->hotlist == NULL)
        u->hotlist = host_alloc(h, HOTLIST_MAX * sizeof *u->hotlist);
    if (u->hotlist == NULL || u->hotlist_count == HOTLIST_MAX ||
        !napster_nick_ok(nick)) {
        ANSWER(u, MSG_HOTLIST_BAD, "%.*s", S(nick));
        return;
    }
    copy(u->hotlist[u->hotlist_count++], NICK_MAX + 1, nick);
    ANSWER(u, MSG_HOTLIST_OK, "%.*s", S(nick));
    if (of != NULL)
        ANSWER(u, MSG_SIGNED_ON, "%s %u", of->nick, of->speed);
}

static void on_hotlist_remove(struct user *u, struct slice nick)
{
    for (unsigned i = 0; i < u->hotlist_count; i++)
        if (napster_same(nick, napster_slice(u->hotlist[i]))) {
            u->hotlist_count--;
            memcpy(u->hotlist[i], u->hotlist[u->hotlist_count], NICK_MAX + 1);
            return;
        }
}

/* Pass on to a user: his pings, pongs, private words, failures to reach. */
static void relay(struct napster *n, struct host *h, struct user *u,
                  uint16_t type, struct slice text)
{
    struct slice nick = {"", 0};
    bool any = napster_next(&text, &nick) > 0;
    struct user *to = any ? napster_user(n->server, nick) : NULL;

    if (!any)
        notice(n, h, u, UNPARSABLE);
    else if (to == NULL && type == MSG_PING)
        ANSWER(u, MSG_NOTICE, "ping failed, %.*s is not online", S(nick));
    else if (to == NULL)
        notice(n, h, u, "User is not currently online.");
    else if (type == MSG_PRIVATE)
        ANSWER(to, type, "%s%.*s", u->nick, S(text));
    else
        ANSWER(to, type, "%s", u->nick);
}

/* -- Channels ------------------------------------------------------------- */

static struct channel *channel_of(struct server *s, struct slice name)
{
    for (uint32_t i = 0; i < CHANNELS_MAX; i++)
        if (name.len > 0 &&
            napster_same(name, napster_slice(s->channel[i].name)))
            return &s->channel[i];
    return NULL;
}

static struct channel *channel_new(struct server *s, struct slice name)
{
    for (uint32_t i = 0; i < CHANNELS_MAX; i++) {
        struct channel *c = &s->channel[i];
        if (*c->name != '\0')
            continue;
        copy(c->name, sizeof c->name, name);
        copy(c->topic, sizeof c->topic, napster_slice("Welcome."));
        return c;
    }
    return NULL;
}

static void on_join(struct napster *n, struct host *h, struct user *u,
                    struct slice name)
{
    struct server *s = n->server;
    struct channel *c = channel_of(s, name);
    bool ok = name.len > 1 && name.len <= CHANNEL_NAME_MAX && *name.at == '#';

    if (c == NULL && ok && u->channel_count < USER_CHANNELS_MAX)
        c = channel_new(s, name);
    if (c == NULL || u->channel_count == USER_CHANNELS_MAX) {
        notice(n, h, u, ok ? "too many channels" : "invalid channel name");
        return;
    }
    uint32_t index = (uint32_t)(c - s->channel);
    if (in_channel(u, index)) {
        notice(n, h, u, "You are already on that channel");
        return;
    }
    u->channel[u->channel_count++] = (uint8_t)index;
    c->users++;
    ANSWER(u, MSG_JOINED, "%s", c->name);
    for (uint32_t i = 0; i < s->used; i++) {
        struct user *of = s->user[i];
        if (of == NULL || !in_channel(of, index))
            continue;
        ANSWER(u, MSG_MEMBER, "%s %s %u %u", c->name, of->nick, of->files,
               of->speed);
        if (of != u)
            ANSWER(of, MSG_CHANNEL_JOIN, "%s %s %u %u", c->name, u->nick,
                   u->files, u->speed);
    }
    ANSWER(u, MSG_MEMBERS_END, "%s", c->name);
    ANSWER(u, MSG_TOPIC, "%s %s", c->name, c->topic);
}

/* 401, 402, 410, 824: of a channel that one is in. */
static void on_channel(struct napster *n, struct host *h, struct user *u,
                       uint16_t type, struct slice text)
{
    struct server *s = n->server;
    struct slice name = {"", 0};
    bool any = napster_next(&text, &name) > 0;
    struct channel *c = any ? channel_of(s, name) : NULL;
    uint32_t index = c != NULL ? (uint32_t)(c - s->channel) : 0;

    if (c == NULL || !in_channel(u, index)) {
        notice(n, h, u, "You are not on that channel");
        return;
    }
    if (text.len > 0)
        text = (struct slice){text.at + 1, text.len - 1};
    if (type == MSG_PART) {
        part(n, h, u, index);
        return;
    }
    if (type == MSG_TOPIC && text.len > 0)
        copy(c->topic, sizeof c->topic, text);
    for (uint32_t i = 0; i < s->used; i++) {
        struct user *to = s->user[i];
        if (to == NULL || !in_channel(to, index))
            continue;
        if (type == MSG_TOPIC)
            ANSWER(to, type, "%s %s", c->name, c->topic);
        else
            ANSWER(to, type == MSG_SAY ? MSG_SAID : type, "%s %s %.*s", c->name,
                   u->nick, S(text));
    }
}

static void on_channels(struct napster *n, struct host *h, struct user *u)
{
    struct server *s = n->server;

    for (uint32_t i = 0; i < CHANNELS_MAX; i++)
        if (*s->channel[i].name != '\0')
            ANSWER(u, MSG_CHANNEL, "%s %u %s", s->channel[i].name,
                   s->channel[i].users, s->channel[i].topic);
    ANSWER(u, MSG_CHANNELS, "%s", "");
}

/* -- One message ---------------------------------------------------------- */

/* 218 to 221: the transfers that a user tells of. */
static void count_transfer(struct user *u, uint16_t type)
{
    if (type == MSG_DOWNLOADING)
        u->queued_down++;
    else if (type == MSG_UPLOADING)
        u->queued_up++;
    else if (type == MSG_DOWNLOADED && u->queued_down > 0) {
        u->queued_down--;
        u->down++;
    } else if (type == MSG_UPLOADED && u->queued_up > 0) {
        u->queued_up--;
        u->up++;
    }
}

static void set_own(struct napster *n, struct host *h, struct user *u,
                    uint16_t type, struct slice value)
{
    struct account *a = account_of(n->server, napster_slice(u->nick));
    uint64_t number = 0;
    bool ok = true;

    if (type == MSG_SET_SPEED && (ok = napster_number(value, 10, &number)))
        u->speed = (uint8_t)number;
    if ((type == MSG_SET_PORT || type == MSG_PORT) &&
        (ok = napster_number(value, UINT16_MAX, &number)))
        u->port = (uint16_t)number;
    if (type == MSG_SET_PASSWORD && a != NULL) {
        digest_of(a->digest, value, a);
        save_accounts(n->server, h);
    }
    if (!ok)
        notice(n, h, u, UNPARSABLE);
}

/* Operators' commands: nobody is one here. */
static bool is_operators(uint16_t type)
{
    return type == 606 || (type >= 610 && type <= 616) ||
           (type >= 622 && type <= 625) || type == 627 || type == 628 ||
           (type >= 800 && type <= 823);
}

static void on_user_message(struct napster *n, struct host *h, struct user *u,
                            const struct napster_msg *m)
{
    struct slice text = {m->text, m->len}, f[FIELDS_OF_ONE];
    bool free_text = m->type == MSG_UNSHARE || m->type == MSG_SEARCH ||
                     m->type == MSG_PRIVATE || m->type == MSG_SAY ||
                     m->type == MSG_TOPIC || m->type == MSG_EMOTE;
    int count = free_text ? 0 : napster_split(text, f, FIELDS_OF_ONE);
    bool wants_one = m->type == MSG_BROWSE || m->type == MSG_WHOIS ||
                     m->type == MSG_SPEED || m->type == MSG_JOIN ||
                     m->type == MSG_HOTLIST || m->type == MSG_HOTLIST_ADD ||
                     m->type == MSG_HOTLIST_REMOVE || m->type == MSG_PORT ||
                     (m->type >= MSG_SET_SPEED && m->type <= MSG_SET_PORT);

    if (count < 0 || (wants_one && count < 1)) {
        notice(n, h, u, UNPARSABLE);
        return;
    }
    switch (m->type) {
    case MSG_LOGIN:
    case MSG_REGISTER:
        notice(n, h, u, "you are already logged in");
        break;
    case MSG_SHARE:
        on_share(n, h, u, f, count);
        break;
    case MSG_SHARE_DIR:
        on_share_dir(n, h, u, text);
        break;
    case MSG_UNSHARE:
        on_unshare(n, h, u, text);
        break;
    case MSG_SEARCH:
        on_search(n, h, u, text);
        break;
    case MSG_BROWSE:
        on_browse(n, h, u, f, count);
        break;
    case MSG_RESUME:
        on_resume(n, h, u, f, count);
        break;
    case MSG_DOWNLOAD:
    case MSG_PUSH:
        on_download(n, h, u, f, count, m->type == MSG_PUSH);
        break;
    case MSG_UPLOAD_OK:
    case MSG_UPLOAD_NO:
    case MSG_QUEUE_LIMIT:
        on_upload(n, h, u, f, count, m->type);
        break;
    case MSG_DOWNLOADING:
    case MSG_DOWNLOADED:
    case MSG_UPLOADING:
    case MSG_UPLOADED:
        count_transfer(u, m->type);
        break;
    case MSG_PRIVATE:
    case MSG_PING:
    case MSG_PONG:
    case MSG_PORT_ERROR:
        relay(n, h, u, m->type, text);
        break;
    case MSG_SERVER_PING:
        ANSWER(u, MSG_SERVER_PING, "%s", "");
        break;
    case MSG_HOTLIST:
    case MSG_HOTLIST_ADD:
        on_hotlist(n, h, u, f[0]);
        break;
    case MSG_HOTLIST_REMOVE:
        on_hotlist_remove(u, f[0]);
        break;
    case MSG_WHOIS:
        on_whois(n, h, u, f[0]);
        break;
    case MSG_SPEED: {
        const struct user *of = napster_user(n->server, f[0]);
        if (of != NULL)
            ANSWER(u, MSG_SPEED_IS, "%s %u", of->nick, of->speed);
        else
            notice(n, h, u, "User is not currently online.");
        break;
    }
    case MSG_STATS:
        tell_stats(n, h, u);
        break;
    case MSG_MOTD:
        tell_motd(n, h, u);
        break;
    case MSG_JOIN:
        on_join(n, h, u, f[0]);
        break;
    case MSG_PART:
    case MSG_SAY:
    case MSG_TOPIC:
    case MSG_EMOTE:
        on_channel(n, h, u, m->type, text);
        break;
    case MSG_CHANNELS:
        on_channels(n, h, u);
        break;
    case MSG_PORT:
    case MSG_SET_SPEED:
    case MSG_SET_PASSWORD:
    case MSG_SET_EMAIL:
    case MSG_SET_PORT:
        set_own(n, h, u, m->type, f[0]);
        break;
    case MSG_VERSION:
        break;
    default:
        if (is_operators(m->type))
            notice(n, h, u, "permission denied");
        else
            ANSWER(u, MSG_NOTICE, "Unknown command code %u", m->type);
    }
}

/* Source: reference, section 5: all that a caller may say. */
static void on_caller_message(struct napster *n, struct host *h, struct user *u,
                              const struct napster_msg *m)
{
    struct slice f[2] = {{"", 0}, {"", 0}};
    int count = napster_split((struct slice){m->text, m->len}, f, 2);

    switch (m->type) {
    case MSG_LOGIN:
    case MSG_REGISTER:
        login(n, h, u, m);
        break;
    case MSG_NICK_CHECK:
        check_nick(n, h, u, count > 0 ? f[0] : (struct slice){"", 0});
        break;
    case MSG_PASS_CHECK: {
        const struct account *a =
            count == 2 ? account_of(n->server, f[0]) : NULL;
        if (a != NULL && password_ok(a, f[1]))
            ANSWER(u, MSG_PASS_OK, "%s", "");
        break;
    }
    case MSG_ERROR:
        notice(n, h, u, "Unknown command code 0");
        break;
    case MSG_VERSION:
    case MSG_PORT:
        break;
    default:
        refuse(n, h, u, "invalid command");
    }
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
        on_caller_message(n, h, u, &m);
    if (u->closing)
        sign_off(n, h, u);
    return (size_t)used;
}

/* -- Events --------------------------------------------------------------- */

void napster_server_start(struct napster *n, struct host *h)
{
    struct server *s = n->server;

    s->account = host_alloc(h, ACCOUNTS_MAX * sizeof *s->account);
    int got = s->account != NULL ? host_load(h, "accounts", s->account,
                                             ACCOUNTS_MAX * sizeof *s->account)
                                 : 0;
    s->account_count = got > 0 ? (uint32_t)got / sizeof *s->account : 0;
    for (uint32_t i = 0; i < s->account_count; i++)
        s->account[i].nick[NICK_MAX] = '\0'; /* a file that was tampered with */
}

void napster_server_reset(struct napster *n, struct host *h)
{
    struct server *s = n->server;

    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL)
            user_free(n, h, s->user[i]);
    if (s->account == NULL)
        napster_server_start(n, h);
}

size_t napster_server_event(struct napster *n, struct host *h,
                            const struct event *e)
{
    struct user *u = user_of(n->server, e->conn);
    size_t used = 0;

    if (e->kind == EVENT_ACCEPT) {
        if (n->leaving || user_new(n->server, h, e) == NULL)
            host_abort(h, e->conn);
    } else if (u == NULL) {
        used = e->len;
    } else if (e->kind == EVENT_BYTES) {
        used = on_bytes(n, h, u, e);
    } else if (e->kind == EVENT_EOF) {
        sign_off(n, h, u);
        finish(h, u);
    } else if (e->kind == EVENT_CLOSED) {
        user_free(n, h, u);
    }
    if (n->server->callers > 0 && n->server->sweep_us == 0)
        n->server->sweep_us = host_now(h) + LOGIN_US / 4;
    napster_arm(n, h);
    return used;
}

/* Who calls must log in, and who is thrown out must go, within LOGIN_US. */
uint64_t napster_server_deadline(const struct napster *n)
{
    return n->server->sweep_us > 0 ? n->server->sweep_us : FOREVER;
}

void napster_server_expire(struct napster *n, struct host *h)
{
    struct server *s = n->server;

    if (s->sweep_us == 0 || s->sweep_us > host_now(h))
        return;
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

void napster_server_command(struct napster *n, struct host *h,
                            const struct event *e)
{
    const struct server *s = n->server;
    struct fields f = fields_new();

    fields_number(&f, "users", s->online);
    fields_number(&f, "files", s->index.count);
    fields_number(&f, "words", s->index.word_count);
    fields_number(&f, "memory", s->index.memory);
    fields_number(&f, "searches", s->searches);
    fields_number(&f, "walked", s->index.walked);
    fields_number(&f, "brokered", s->brokered);
    fields_number(&f, "registered", s->account_count);
    host_result(h, e->command, true, &f);
    fields_free(&f);
}
