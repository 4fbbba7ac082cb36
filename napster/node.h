/*
 * A node of Napster: a server with the directory, a client, or a metaserver.
 *
 *     server.c     connections of users and what they may say; login.c,
 *                  directory.c and people.c are what it answers
 *     index.c      the directory itself
 *     client.c     a session with the server
 *     transfer.c   files, from client to client
 *     list.c       another client's list, asked of itself
 *     command.c    what a client's user asks
 *
 * Source: reference (the specification by drscholl, and opennap 0.36).
 */
#ifndef NAPSTER_NODE_H
#define NAPSTER_NODE_H

#include "common/hash.h"
#include "common/node.h"
#include "common/words.h"
#include "napster/index.h"
#include "napster/limits.h"
#include "napster/wire.h"

enum napster_option {
    OPT_ROLE,
    OPT_RESULTS,
    OPT_FIREWALLED,
    OPT_SPEED,
    OPT_META,
    OPT_REGISTER,
    OPT_NICK,
    OPT_PASSWORD,
    OPT_MOTD,
    OPT_STATS,
    OPT_PER_ADDRESS,
    OPT_SERVERS
};

enum role { ROLE_CLIENT, ROLE_SERVER, ROLE_METASERVER };
enum napster_timer { TIMER_DEADLINE };

/* -- The server ---------------------------------------------------------- */

/* Nicks that a user has named; nobody is on it twice. */
struct nicks {
    char (*at)[NICK_MAX + 1]; /* NICKS_MAX of them, or NULL */
    uint8_t count;
};

struct user {
    conn_id conn;
    struct addr peer;
    bool online;  /* logged in; else a caller */
    bool closing; /* finished: no more is read */
    char nick[NICK_MAX + 1];
    char client[CLIENT_MAX + 1];
    uint16_t port; /* 0: behind a firewall */
    uint8_t speed;
    uint64_t since_us;
    uint32_t first_file, files;
    uint32_t downloads, uploads; /* that it has told of, and go on */
    struct nicks hotlist, ignored;
    uint8_t channel_count;
    uint8_t channel[USER_CHANNELS_MAX]; /* their indices */
    uint32_t number;                    /* in the server's table */
    uint32_t same_conn, same_nick;      /* the next in each bucket */
};

struct channel {
    char name[CHANNEL_NAME_MAX + 1]; /* "": free */
    char topic[TOPIC_MAX + 1];
    uint32_t users;
};

struct account {
    char nick[NICK_MAX + 1];
    char email[EMAIL_MAX + 1];
    uint8_t salt[16];
    uint8_t digest[SHA256_BYTES];
    uint64_t last_s; /* when it was last here, in Unix time */
};

#define USER_BUCKETS 16384u /* 10,000 users in chains of one */

struct server {
    struct index index;
    struct user *user[SESSIONS_MAX];
    uint32_t used, free_hint, callers, online;
    uint32_t by_conn[USER_BUCKETS], by_nick[USER_BUCKETS]; /* number + 1 */
    uint32_t awaited[USER_BUCKETS]; /* hotlists with such a nick on them */
    struct channel channel[CHANNELS_MAX];
    struct account *account; /* ACCOUNTS_MAX of them, once there is one */
    uint32_t account_count;
    struct query query; /* the one being answered */
    uint64_t searches, brokered, refused;
    uint64_t sweep_us; /* when callers that are too slow go; 0: nobody calls */
    uint64_t stats_us; /* when all users are told them; 0: never */
};

/* -- A client ------------------------------------------------------------ */

enum session_state {
    SESSION_NONE,
    SESSION_META, /* asks the metaserver */
    SESSION_DIAL,
    SESSION_LOGIN,
    SESSION_ONLINE
};

struct hit {
    char nick[NICK_MAX + 1];
    char name[FILE_NAME_MAX + 1];
    char md5[33];
    uint64_t bytes;
    uint32_t kbps, speed;
    uint64_t ping_us; /* 0: not measured; NEVER: no answer */
};

/* A command that waits for the server; the first in line has been asked. */
struct question {
    uint32_t command;
    uint16_t type; /* the message that asks it */
    char text[PAYLOAD_MAX + 1];
};

enum download_state {
    DOWN_ASKED,  /* 203 */
    DOWN_PUSHED, /* 500: waits for the holder's call */
    DOWN_DIAL,
    DOWN_ONE,  /* waits for the byte "1" */
    DOWN_SIZE, /* GET is out */
    DOWN_DATA,
    DOWN_CHECK, /* hashes what came */
    DOWN_RETRY
};

struct download {
    struct download *next;
    uint32_t command;
    enum download_state state;
    struct hit hit;
    int content;
    uint64_t at, from, deadline_us, begun_us;
    uint32_t tries;
    struct peer *peer;
    bool pushed, reported;
};

enum peer_state {
    PEER_ACCEPTED, /* we have said "1": GET or SEND? */
    PEER_DOWN,     /* belongs to a download */
    PEER_ASKED,    /* a GET came; more digits of its offset may */
    PEER_PUSH_DIAL,
    PEER_PUSH_ONE,
    PEER_PUSH_OFFSET, /* SEND is out */
    PEER_DATA,        /* an upload */
    PEER_LIST_OUT,    /* our list goes out; `at` is the next content */
    PEER_LIST_ONE,    /* waits for "1", to ask for a list */
    PEER_LIST_IN,     /* another's list comes, a line at a time */
    PEER_END
};

/* A connection to another client. */
struct peer {
    struct peer *next;
    conn_id conn;
    enum peer_state state;
    struct download *download;
    int content;
    char nick[NICK_MAX + 1];
    bool digits; /* some of an offset have come */
    uint64_t at, bytes, deadline_us;
};

struct grant { /* a download that we have allowed */
    char nick[NICK_MAX + 1];
    int content; /* -1: free */
    uint64_t deadline_us;
};

struct offered {
    uint8_t md5[MD5_BYTES];
    bool known, off, sent;
};

struct client {
    enum session_state state;
    bool registered; /* as far as it will be */
    conn_id conn;
    struct addr server;
    uint64_t deadline_us;
    char meta[65];             /* the metaserver's line, so far */
    struct question *question; /* QUESTIONS_MAX of them */
    uint32_t question_count;
    bool asked, pinging;
    uint64_t asked_us, due_us; /* then it is given up */
    bool listing;              /* another's list is on its way */
    char error[128];           /* of the question's 404 */
    struct hit *hit;           /* HITS_MAX of them, or NULL */
    uint32_t hit_count;
    struct offered *share; /* by content */
    uint32_t share_count, shared;
    bool hashing;
    struct grant grant[GRANTS_MAX];
    uint32_t grant_next;
    uint64_t list_until_us; /* so long may who calls have our list */
    char hotlist[NICKS_MAX][NICK_MAX + 1]; /* told at each login */
    uint32_t hot_count;
    struct peer *peers;
    struct download *downloads;
    uint32_t peer_count, download_count, upload_count;
    uint64_t sent_files, got_files;
    uint64_t users, files; /* as the server told */
    uint32_t lost;         /* questions that had no answer */
};

struct napster {
    const struct settings *settings;
    struct addr self, join;
    uint64_t unix_s; /* when the clock was 0 */
    enum role role;
    uint32_t turn; /* a metaserver's: whom to name next */
    bool leaving;
    char nick[NICK_MAX + 1];
    struct server *server;
    struct client *client;
};

extern const struct protocol napster_protocol;

static inline bool napster_firewalled(const struct napster *n)
{
    return setting(n->settings, OPT_FIREWALLED) != 0;
}

/* Arm the one timer for whatever is due first. */
void napster_arm(struct napster *n, struct host *h);
/* Send one message; what host_write says. */
size_t napster_send(struct host *h, conn_id conn, uint16_t type,
                    const char *format, ...) PRINTF_LIKE(4, 5);
/* From a client, to its server; `h` and `n` are at hand. */
#define SAY(type, ...) napster_send(h, n->client->conn, (type), __VA_ARGS__)

/* Have the server's tables, and the accounts that were saved. */
void napster_server_start(struct napster *n, struct host *h);
/* Forget all sessions: for a warm start, which has closed them. */
void napster_server_reset(struct napster *n, struct host *h);
/* An event of a user's connection.  The bytes used, as EVENT_BYTES wants. */
size_t napster_server_event(struct napster *n, struct host *h,
                            const struct event *e);
/* When it next has something to do; NEVER: never. */
uint64_t napster_server_deadline(const struct napster *n);
/* Do that: callers who are too slow go. */
void napster_server_expire(struct napster *n, struct host *h);
/* A command of whoever runs the server. */
void napster_server_command(struct napster *n, struct host *h,
                            const struct event *e);
/* The user of that nick who is online, or NULL. */
struct user *napster_user(const struct server *s, struct slice nick);

/* Begin to look for the server. */
void napster_client_start(struct napster *n, struct host *h);
/* Events of the session; the bytes consumed. */
size_t napster_client_event(struct napster *n, struct host *h,
                            const struct event *e);
/* When it next has something to do; NEVER: never. */
uint64_t napster_client_deadline(const struct napster *n);
/* Do that: try again, log in again, give up a question. */
void napster_client_expire(struct napster *n, struct host *h);
/* Ask the server, for a command; a question waits for its turn. */
void napster_ask(struct napster *n, struct host *h, uint32_t command,
                 uint16_t type, const char *format, ...) PRINTF_LIKE(5, 6);
/* A file's name as it goes on the wire, or false: it cannot. */
bool napster_wire_name(const char *name, char out[FILE_NAME_MAX + 1]);
/* Log out; open questions fail. */
void napster_client_stop(struct napster *n, struct host *h);
/* The payloads of its login, and of SHARE for a whole file, or false. */
void napster_login_text(const struct napster *n, struct text *t);
bool napster_share_text(const struct napster *n, struct host *h, int content,
                        struct text *t);
/* Tell the server of a file that is whole and hashed. */
void napster_client_share(struct napster *n, struct host *h, int content);
/* Do we wait for the list of that user, asked of itself? */
bool napster_client_lists(const struct client *c, struct slice nick);
/* A line of it, as in SHARE; true: its end, or as many as we keep. */
bool napster_client_listed(struct napster *n, struct host *h,
                           struct slice line);
/* The question has no answer: next. */
void napster_client_give_up(struct napster *n, struct host *h, const char *why);

/* A command of a client's user: command.c. */
void napster_command(struct napster *n, struct host *h, const struct event *e);
/* The nearest of the last answer who has a file of that name, or NULL. */
const struct hit *napster_best(const struct client *c, const char *name);

/* A connection between two clients, in the client's list from now on; it is
   ended again where there is no room for it: NULL. */
struct peer *napster_peer_new(struct napster *n, struct host *h, conn_id conn,
                              enum peer_state state);
void napster_peer_end(struct napster *n, struct host *h, struct peer *p);
void napster_say(struct host *h, struct peer *p, const char *text);

/* A file's name as others know it: its content's, with '\' between folders. */
int napster_content_find(struct host *h, struct slice wire);
/* An event of a connection between two clients. */
size_t napster_transfer_event(struct napster *n, struct host *h,
                              const struct event *e);
/* When a transfer is next due; NEVER: none. */
uint64_t napster_transfer_deadline(const struct client *c);
/* Give up or try again what has been silent for too long. */
void napster_transfer_expire(struct napster *n, struct host *h);
/* Ask the server for the way to a file, and fetch it; answers `command` at
   the end. */
void napster_transfer_get(struct napster *n, struct host *h, uint32_t command,
                          const struct hit *hit);
/* A 404 that answers no question: an open 203 or 500 whose holder it names
   ("X is not firewalled"), else the last one, as errors come at once. */
void napster_transfer_on_notice(struct napster *n, struct host *h,
                                struct slice text);
/* The server's word on a transfer: 204, 206, 501, 607, 620 ... */
void napster_transfer_on_message(struct napster *n, struct host *h,
                                 const struct napster_msg *m);
/* A digest that was asked for: of what we share, or of what came. */
void napster_transfer_on_hashed(struct napster *n, struct host *h,
                                const struct event *e);
/* Begin to hash what is shared. */
void napster_transfer_start(struct napster *n, struct host *h);
/* End all transfers; what came is kept. */
void napster_transfer_stop(struct napster *n, struct host *h);

/* -- list.c: a user's list, asked of itself; reference, 6.4 -------------- */

/* 640: somebody wants our list.  `to` is where we dial if we are firewalled;
   its port may be 0. */
void napster_list_asked(struct napster *n, struct host *h, struct slice nick,
                        struct addr to);
/* 641: fetch the list of `nick` from there. */
void napster_list_get(struct napster *n, struct host *h, struct slice nick,
                      struct addr from);
/* GETLIST or SENDLIST has come. */
void napster_list_on_request(struct napster *n, struct host *h, struct peer *p,
                             const struct napster_request *r);
/* Our list: the first of it behind `word`, and the rest as there is room. */
void napster_list_begin(struct napster *n, struct host *h, struct peer *p,
                        const char *word);
void napster_list_more(struct napster *n, struct host *h, struct peer *p);
/* One line of another's: the bytes used. */
size_t napster_list_take(struct napster *n, struct host *h, struct peer *p,
                         const struct event *e);

#endif
