/*
 * The server's parts, to each other; server.c says which they are.
 */
#ifndef NAPSTER_SERVER_H
#define NAPSTER_SERVER_H

#include "napster/check.h"
#include "napster/node.h"

#define ANSWER(u, type, ...) server_tell(n, h, (u), (type), __VA_ARGS__)
#define UNPARSABLE "parameters are unparsable"
/* A slice, for "%.*s". */
#define S(s) (int)(s).len, (s).at

/* What a user says: all of it, and its fields unless it is free text. */
struct request {
    uint16_t type;
    struct slice text;
    struct slice f[FIELDS_OF_ONE];
    int count;
};

/* -- server.c ------------------------------------------------------------ */

/* Say something to a user; who does not read is thrown out by his own. */
void server_tell(struct napster *n, struct host *h, struct user *u,
                 uint16_t type, const char *format, ...) PRINTF_LIKE(5, 6);
/* Tell a user something in words, by a 404. */
void server_notice(struct napster *n, struct host *h, struct user *u,
                   const char *text);
/* Nothing more is said to a user, or heard of him. */
void server_finish(struct host *h, struct user *u);
/* A caller has logged in; a user is gone from all that others can see. */
void server_enter(struct server *s, struct user *u);
void server_sign_off(struct napster *n, struct host *h, struct user *u);

/* Where a nick stands in the server's tables. */
uint32_t server_bucket(struct slice nick);

/* -- login.c ------------------------------------------------------------- */

/* The account of that nick, or NULL. */
struct account *server_account(const struct server *s, struct slice nick);
/* Source: reference, section 5: all that a caller may say. */
void server_on_caller(struct napster *n, struct host *h, struct user *u,
                      const struct napster_msg *m);

/* -- people.c ------------------------------------------------------------ */

/* Everybody who has this nick on the hotlist hears of it. */
void server_tell_hotlists(struct napster *n, struct host *h,
                          const struct user *of, uint16_t type);
/* The lists of a user who is gone. */
void server_forget_nicks(struct server *s, struct host *h, struct user *u);
/* Leave a channel; the others are told. */
void server_part(struct napster *n, struct host *h, struct user *u,
                 uint32_t channel);

/* -- What users say, each in its part ------------------------------------ */

#define SAYING(name)                                                           \
    void server_on_##name(struct napster *n, struct host *h, struct user *u,   \
                          const struct request *r)
/* login.c */
SAYING(stats);
SAYING(motd);
SAYING(check); /* is a nick free, a password right? */
SAYING(set);   /* port, speed, password */
/* directory.c */
SAYING(share);
SAYING(share_dir);
SAYING(share_typed);
SAYING(unshare);
SAYING(search);
SAYING(browse);
SAYING(resume);
SAYING(download);
SAYING(upload);
SAYING(transfer); /* one begins or ends */
/* people.c */
SAYING(whois);
SAYING(speed);
SAYING(hotlist);
SAYING(hotlist_remove);
SAYING(ignore);
SAYING(ignore_remove);
SAYING(ignore_list); /* or clear it */
SAYING(relay);       /* ping, pong, private words, direct browse, ... */
SAYING(join);
SAYING(channel); /* part, say, topic, emote */
SAYING(channels);

#endif
