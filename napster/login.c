/* Callers become users: registrations, nicks, passwords; see server.c. */
#include "napster/server.h"

#include <string.h>

#define GIGABYTE (UINT64_C(1) << 30)

/* -- Registrations ------------------------------------------------------- */

struct account *server_account(const struct server *s, struct slice nick)
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

void napster_server_start(struct napster *n, struct host *h)
{
    struct server *s = n->server;
    uint64_t stats = (uint64_t)setting(n->settings, OPT_STATS);

    s->stats_us = stats > 0 ? host_now(h) + stats : 0;
    s->account = host_alloc(h, ACCOUNTS_MAX * sizeof *s->account);
    int got = s->account != NULL ? host_load(h, "accounts", s->account,
                                             ACCOUNTS_MAX * sizeof *s->account)
                                 : 0;
    s->account_count = got > 0 ? (uint32_t)got / sizeof *s->account : 0;
    for (uint32_t i = 0; i < s->account_count; i++)
        s->account[i].nick[NICK_MAX] = '\0'; /* a file that was tampered with */
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

/* `f`: the fields of REGISTER. */
static bool create_account(struct server *s, struct host *h,
                           const struct slice *f)
{
    if (s->account == NULL)
        s->account = host_alloc(h, ACCOUNTS_MAX * sizeof *s->account);
    if (s->account == NULL || s->account_count == ACCOUNTS_MAX)
        return false;
    struct account *a = &s->account[s->account_count++];
    *a = (struct account){.last_s = 0};
    napster_copy(a->nick, sizeof a->nick, f[0]);
    napster_copy(a->email, sizeof a->email, f[5]);
    for (unsigned i = 0; i < sizeof a->salt; i += 8) {
        uint64_t r = host_random(h);
        memcpy(a->salt + i, &r, 8);
    }
    digest_of(a->digest, f[1], a);
    save_accounts(s, h);
    return true;
}

/* -- Login --------------------------------------------------------------- */

static void refuse(struct napster *n, struct host *h, struct user *u,
                   const char *text)
{
    n->server->refused++;
    ANSWER(u, MSG_ERROR, "%s", text);
    server_finish(h, u);
}

/* The same nick from the same address is a ghost: the newcomer stays. */
static bool replace_ghost(struct napster *n, struct host *h, struct user *u,
                          struct user *old)
{
    if (old->peer.ip != u->peer.ip) {
        n->server->refused++;
        ANSWER(u, MSG_ERROR, "%s is already active", old->nick);
        server_finish(h, u);
        return false;
    }
    host_note(h, "%s logs in again: the old session is a ghost", old->nick);
    ANSWER(old, MSG_GHOST, "%s", "");
    server_notice(n, h, old,
                  "someone else is logging in as you, disconnecting.");
    ANSWER(old, MSG_DISCONNECT, "0");
    server_sign_off(n, h, old);
    server_finish(h, old);
    return true;
}

void server_on_stats(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    const struct server *s = n->server;

    (void)r;
    ANSWER(u, MSG_STATS, "%u %u %llu", s->online, s->index.count,
           (unsigned long long)(s->index.bytes / GIGABYTE));
}

void server_on_motd(struct napster *n, struct host *h, struct user *u,
                    const struct request *r)
{
    const char *motd = setting_text(n->settings, OPT_MOTD);
    LOCAL_TEXT t = text_new();

    (void)r;
    for (; *motd != '\0'; motd++) /* settings hold no blanks */
        text_char(&t, *motd == '_' ? ' ' : *motd);
    if (t.len > 0)
        ANSWER(u, MSG_MOTD, "%s", t.data);
}

static void sign_on(struct napster *n, struct host *h, struct user *u,
                    const struct slice *f, uint64_t port, uint64_t speed)
{
    napster_copy(u->nick, sizeof u->nick, f[0]);
    if (napster_sendable(f[3], true)) /* 604 has it in quotes */
        napster_copy(u->client, sizeof u->client, f[3]);
    u->port = (uint16_t)port;
    u->speed = (uint8_t)speed;
    const struct account *a = server_account(n->server, f[0]);
    u->since_us = host_now(h);
    server_enter(n->server, u);
    ANSWER(u, MSG_LOGIN_OK, "%s", a != NULL ? a->email : "anon@napster");
    server_on_motd(n, h, u, NULL);
    server_on_stats(n, h, u, NULL);
    server_tell_hotlists(n, h, u, MSG_SIGNED_ON);
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
        server_finish(h, u); /* nothing is said */
        return;
    }
    if (!napster_nick_ok(f[0])) {
        ANSWER(u, MSG_NICK_BAD, "%s", "");
        server_finish(h, u);
        return;
    }
    struct account *a = server_account(n->server, f[0]);
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
    else if (new_one && !create_account(n->server, h, f))
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
    else if (server_account(n->server, nick) != NULL)
        type = MSG_NICK_TAKEN;
    ANSWER(u, type, "%s", "");
}

void server_on_check(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    if (r->type == MSG_NICK_CHECK) {
        check_nick(n, h, u, r->f[0]);
        return;
    }
    const struct account *a =
        r->count == 2 ? server_account(n->server, r->f[0]) : NULL;
    if (a != NULL && password_ok(a, r->f[1]))
        ANSWER(u, MSG_PASS_OK, "%s", "");
}

void server_on_caller(struct napster *n, struct host *h, struct user *u,
                      const struct napster_msg *m)
{
    struct request r = {.type = m->type, .text = {m->text, m->len}};

    switch (m->type) {
    case MSG_LOGIN:
    case MSG_REGISTER:
        login(n, h, u, m);
        break;
    case MSG_NICK_CHECK:
    case MSG_PASS_CHECK:
        r.count = napster_split(r.text, r.f, FIELDS_OF_ONE);
        server_on_check(n, h, u, &r);
        break;
    case MSG_ERROR:
        server_notice(n, h, u, "Unknown command code 0");
        break;
    case MSG_VERSION:
    case MSG_PORT:
        break;
    default:
        refuse(n, h, u, "invalid command");
    }
}

/* -- What users say of themselves ---------------------------------------- */

void server_on_set(struct napster *n, struct host *h, struct user *u,
                   const struct request *r)
{
    struct slice value = r->f[0];
    uint16_t type = r->type;
    struct account *a = server_account(n->server, napster_slice(u->nick));
    uint64_t number = 0;
    bool ok = true;

    if (type == MSG_SET_SPEED && (ok = napster_number(value, 10, &number)))
        u->speed = (uint8_t)number;
    if ((type == MSG_SET_PORT || type == MSG_PORT) &&
        (ok = napster_number(value, UINT16_MAX, &number)))
        u->port = (uint16_t)number;
    if (type == MSG_SET_EMAIL && a != NULL)
        napster_copy(a->email, sizeof a->email, value);
    if (type == MSG_SET_PASSWORD && a != NULL)
        digest_of(a->digest, value, a);
    if ((type == MSG_SET_EMAIL || type == MSG_SET_PASSWORD) && a != NULL)
        save_accounts(n->server, h);
    if (!ok)
        server_notice(n, h, u, UNPARSABLE);
}
