/* What users tell each other, or will not hear; see server.c. */
#include "napster/server.h"

#include <string.h>

/* -- People -------------------------------------------------------------- */

void server_on_whois(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    const struct server *s = n->server;
    const struct user *of = napster_user(s, r->f[0]);
    const struct account *a = server_account(s, r->f[0]);
    LOCAL_TEXT t = text_new();

    if (of != NULL) {
        for (unsigned i = 0; i < of->channel_count; i++)
            text_printf(&t, "%s ", s->channel[of->channel[i]].name);
        ANSWER(u, MSG_WHOIS_IS,
               "%s \"User\" %llu \"%s\" \"Active\" %u %u %u %u \"%s\"",
               of->nick,
               (unsigned long long)((host_now(h) - of->since_us) / SECOND_US),
               t.len > 0 ? t.data : " ", of->files, of->downloads, of->uploads,
               of->speed, of->client);
    } else if (a != NULL) {
        ANSWER(u, MSG_WHOWAS, "%s \"User\" %llu", a->nick,
               (unsigned long long)a->last_s);
    } else {
        server_notice(n, h, u, "User is not currently online.");
    }
}

void server_on_speed(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    const struct user *of = napster_user(n->server, r->f[0]);

    if (of != NULL)
        ANSWER(u, MSG_SPEED_IS, "%s %u", of->nick, of->speed);
    else
        server_notice(n, h, u, "User is not currently online.");
}

/* -- Lists of nicks ------------------------------------------------------ */

/* Where the nick stands; the count when it does not. */
static unsigned place_of(const struct nicks *l, struct slice nick)
{
    unsigned i = 0;

    while (i < l->count && !napster_same(nick, napster_slice(l->at[i])))
        i++;
    return i;
}

static bool is_on(const struct nicks *l, struct slice nick)
{
    return place_of(l, nick) < l->count;
}

/* Add one that is not on it; false: it is full, or that is no nick. */
static bool add_nick(struct nicks *l, struct host *h, struct slice nick)
{
    if (l->at == NULL)
        l->at = host_alloc(h, NICKS_MAX * sizeof *l->at);
    if (l->at == NULL || l->count == NICKS_MAX || !napster_nick_ok(nick))
        return false;
    napster_copy(l->at[l->count++], NICK_MAX + 1, nick);
    return true;
}

/* False: it is not on it. */
static bool remove_nick(struct nicks *l, struct slice nick)
{
    unsigned i = place_of(l, nick);

    if (i == l->count)
        return false;
    memcpy(l->at[i], l->at[--l->count], NICK_MAX + 1);
    return true;
}

void server_forget_nicks(struct server *s, struct host *h, struct user *u)
{
    for (unsigned i = 0; i < u->hotlist.count; i++)
        s->awaited[server_bucket(napster_slice(u->hotlist.at[i]))]--;
    host_free(h, u->hotlist.at, NICKS_MAX * sizeof *u->hotlist.at);
    host_free(h, u->ignored.at, NICKS_MAX * sizeof *u->ignored.at);
}

/* -- Hotlists ------------------------------------------------------------ */

void server_tell_hotlists(struct napster *n, struct host *h,
                          const struct user *of, uint16_t type)
{
    struct server *s = n->server;

    if (s->awaited[server_bucket(napster_slice(of->nick))] == 0)
        return; /* nobody: as a rule */
    for (uint32_t i = 0; i < s->used; i++) {
        struct user *u = s->user[i];
        if (u == NULL || !is_on(&u->hotlist, napster_slice(of->nick)))
            continue;
        if (type == MSG_SIGNED_ON)
            ANSWER(u, type, "%s %u", of->nick, of->speed);
        else
            ANSWER(u, type, "%s", of->nick);
    }
}

void server_on_hotlist(struct napster *n, struct host *h, struct user *u,
                       const struct request *r)
{
    struct slice nick = r->f[0];
    const struct user *of = napster_user(n->server, nick);

    if (!is_on(&u->hotlist, nick)) {
        if (!add_nick(&u->hotlist, h, nick)) {
            ANSWER(u, MSG_HOTLIST_BAD, "%.*s", S(nick));
            return;
        }
        n->server->awaited[server_bucket(nick)]++;
    }
    ANSWER(u, MSG_HOTLIST_OK, "%.*s", S(nick));
    if (of != NULL)
        ANSWER(u, MSG_SIGNED_ON, "%s %u", of->nick, of->speed);
}

void server_on_hotlist_remove(struct napster *n, struct host *h, struct user *u,
                              const struct request *r)
{
    (void)h;
    if (remove_nick(&u->hotlist, r->f[0]))
        n->server->awaited[server_bucket(r->f[0])]--;
}

/* -- Whom a user will not hear ------------------------------------------- */

void server_on_ignore(struct napster *n, struct host *h, struct user *u,
                      const struct request *r)
{
    struct slice nick = r->f[0];

    if (is_on(&u->ignored, nick))
        ANSWER(u, MSG_IGNORED_YET, "%.*s", S(nick));
    else if (add_nick(&u->ignored, h, nick))
        ANSWER(u, MSG_IGNORE, "%.*s", S(nick));
    else if (u->ignored.count == NICKS_MAX)
        server_notice(n, h, u, "your ignore list is full");
    else
        server_notice(n, h, u, "invalid nick");
}

void server_on_ignore_remove(struct napster *n, struct host *h, struct user *u,
                             const struct request *r)
{
    bool was = remove_nick(&u->ignored, r->f[0]);

    ANSWER(u, was ? MSG_IGNORE_REMOVE : MSG_IGNORED_NOT, "%.*s", S(r->f[0]));
}

/* 320: who is on it, then how many; 326: nobody any more. */
void server_on_ignore_list(struct napster *n, struct host *h, struct user *u,
                           const struct request *r)
{
    unsigned count = u->ignored.count;

    for (unsigned i = 0; r->type == MSG_IGNORE_LIST && i < count; i++)
        ANSWER(u, MSG_IGNORED, "%s", u->ignored.at[i]);
    if (r->type == MSG_IGNORE_CLEAR)
        u->ignored.count = 0;
    ANSWER(u, r->type, "%u", count);
}

/* -- From user to user --------------------------------------------------- */

/* Pass on to a user: pings, pongs, private words, failures to reach, and who
   wants to browse at whom: the address is for whoever has to dial. */
void server_on_relay(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    struct slice text = r->text, nick = {"", 0};
    bool any = napster_next(&text, &nick) > 0;
    struct user *to = any ? napster_user(n->server, nick) : NULL;

    if (!any)
        server_notice(n, h, u, UNPARSABLE);
    else if (to == NULL && r->type == MSG_PING)
        ANSWER(u, MSG_NOTICE, "ping failed, %.*s is not online", S(nick));
    else if (to == NULL)
        server_notice(n, h, u, "User is not currently online.");
    else if (r->type == MSG_PRIVATE &&
             is_on(&to->ignored, napster_slice(u->nick)))
        ANSWER(u, MSG_NOTICE, "%s is ignoring you", to->nick);
    else if (r->type == MSG_PRIVATE || r->type == MSG_BROWSE_ERROR)
        ANSWER(to, r->type, "%s%.*s", u->nick, S(text));
    else if (r->type == MSG_BROWSE_ACCEPT ||
             (r->type == MSG_BROWSE_DIRECT && to->port == 0))
        ANSWER(to, r->type, "%s %u %u", u->nick, napster_ip(u->peer.ip),
               u->port);
    else
        ANSWER(to, r->type, "%s", u->nick);
}

/* -- Channels ------------------------------------------------------------ */

static bool in_channel(const struct user *u, uint32_t channel)
{
    for (unsigned i = 0; i < u->channel_count; i++)
        if (u->channel[i] == channel)
            return true;
    return false;
}

void server_part(struct napster *n, struct host *h, struct user *u,
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
        napster_copy(c->name, sizeof c->name, name);
        LOCAL_TEXT t = text_new();
        text_printf(&t, "Welcome to the %s channel.", c->name);
        napster_copy(c->topic, sizeof c->topic, (struct slice){t.data, t.len});
        return c;
    }
    return NULL;
}

void server_on_join(struct napster *n, struct host *h, struct user *u,
                    const struct request *r)
{
    struct server *s = n->server;
    struct slice name = r->f[0];
    struct channel *c = channel_of(s, name);
    bool ok = name.len > 1 && name.len <= CHANNEL_NAME_MAX && *name.at == '#' &&
              napster_sendable(name, false);

    if (c == NULL && ok && u->channel_count < USER_CHANNELS_MAX)
        c = channel_new(s, name);
    if (c == NULL || u->channel_count == USER_CHANNELS_MAX) {
        server_notice(n, h, u,
                      ok ? "too many channels" : "invalid channel name");
        return;
    }
    uint32_t index = (uint32_t)(c - s->channel);
    if (in_channel(u, index)) {
        server_notice(n, h, u, "You are already on that channel");
        return;
    }
    if (c->users == CHANNEL_USERS_MAX) {
        server_notice(n, h, u, "the channel is full");
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
void server_on_channel(struct napster *n, struct host *h, struct user *u,
                       const struct request *r)
{
    struct server *s = n->server;
    struct slice text = r->text, name = {"", 0};
    bool any = napster_next(&text, &name) > 0;
    struct channel *c = any ? channel_of(s, name) : NULL;
    uint32_t index = c != NULL ? (uint32_t)(c - s->channel) : 0;

    if (c == NULL || !in_channel(u, index)) {
        server_notice(n, h, u,
                      any ? "You are not on that channel" : UNPARSABLE);
        return;
    }
    if (text.len > 0)
        text = (struct slice){text.at + 1, text.len - 1};
    if (r->type == MSG_PART) {
        server_part(n, h, u, index);
        return;
    }
    if (r->type == MSG_TOPIC && text.len == 0) { /* only asks for it */
        ANSWER(u, r->type, "%s %s", c->name, c->topic);
        return;
    }
    if (r->type == MSG_TOPIC)
        napster_copy(c->topic, sizeof c->topic, text);
    for (uint32_t i = 0; i < s->used; i++) {
        struct user *to = s->user[i];
        if (to == NULL || !in_channel(to, index))
            continue;
        if (r->type == MSG_TOPIC)
            ANSWER(to, r->type, "%s %s", c->name, c->topic);
        else if (!is_on(&to->ignored, napster_slice(u->nick)))
            ANSWER(to, r->type == MSG_SAY ? MSG_SAID : r->type, "%s %s %.*s",
                   c->name, u->nick, S(text));
    }
}

void server_on_channels(struct napster *n, struct host *h, struct user *u,
                        const struct request *r)
{
    struct server *s = n->server;

    (void)r;
    for (uint32_t i = 0; i < CHANNELS_MAX; i++)
        if (*s->channel[i].name != '\0')
            ANSWER(u, MSG_CHANNEL, "%s %u %s", s->channel[i].name,
                   s->channel[i].users, s->channel[i].topic);
    ANSWER(u, MSG_CHANNELS, "%s", "");
}
