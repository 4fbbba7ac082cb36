/*
 * The state of a Kelips node, and what its files offer each other.
 *
 * All that a node knows of others is soft state: entries that carry the
 * heartbeat of whom they are about and when it was made, and that expire when
 * no newer one is heard.
 *
 *   view      the other members of its own affinity group, nearly all
 *   contacts  a few members of each foreign group
 *   tuples    for every file of its group (hash of the name, modulo k), who
 *             is its home: where the file itself is
 *
 *   node.c     events, open requests and their timeouts, joining
 *   soft.c     the tables: accepting, expiring, choosing
 *   gossip.c   what is told to whom, every round
 *   lookup.c   lookups and files
 *   command.c  what a user asks
 *
 * All memory is the host's.
 */
#ifndef KELIPS_NODE_H
#define KELIPS_NODE_H

#include "common/node.h"
#include "kelips/wire.h"

extern const struct protocol kelips_protocol;

/* Settings, in the order of the table in node.c. */
enum kelips_option {
    OPT_GROUPS,
    OPT_CONTACTS,
    OPT_RATION_GROUP,
    OPT_RATION_CONTACT,
    OPT_RATION_FILES,
    OPT_PERIOD,
    OPT_EXPIRY,
    OPT_HOME,
    OPT_TRIES,
    OPT_TIMEOUT,
    OPT_FROZEN
};
enum { HOME_OWNER, HOME_MEMBER };

enum kelips_timer {
    TIMER_GOSSIP,
    TIMER_TIMEOUT, /* of the open request that is due first */
    TIMER_JOIN     /* try to join (again) */
};

/* Soft state about a node, or about a file: 48 bytes. */
struct entry {
    int64_t made_us;  /* when its heartbeat was made, by our clock; may lie
                          before our own start */
    struct id id;     /* of the node; the file's key */
    struct addr addr; /* the node; the file's home */
    uint32_t heartbeat;
    uint32_t rtt_us; /* 0: never measured, so never heard directly */
    uint8_t fresh;   /* so often yet it is gossiped before others */
    uint8_t misses;  /* requests that it left unanswered, in a row */
};

/* Entries in ascending order of id, then address. */
struct table {
    struct entry *at;
    uint32_t count, cap;
};

/* A file that this node is the home of; name and value stand behind it. */
struct file {
    struct file *next;
    struct id key;
    uint32_t heartbeat;
    uint64_t refresh_us; /* tell its group again then */
    uint16_t value_len;
    uint8_t name_len;
    uint8_t data[];
};

/* What an open request waits for. */
enum request_kind {
    REQUEST_WELCOME,
    REQUEST_PONG,    /* how far is it, and is it alive? */
    REQUEST_GRAVE,   /* the same of somebody who was given up */
    REQUEST_OWN,     /* whom a contact knows in our own group */
    REQUEST_MEMBER,  /* a member of the key's group, to say or note the home */
    REQUEST_CONTACT, /* whom somebody else knows in that group */
    REQUEST_DATA,    /* the home, to send the file */
    REQUEST_PAUSE    /* until all are asked again */
};

/* What a request that concerns a file is for. */
enum purpose { FOR_LOOKUP, FOR_GET, FOR_INSERT, FOR_REFRESH };

/* An open request: one question, or all that one command asks in turn. */
struct request {
    struct request *next; /* oldest first */
    uint64_t deadline_us, sent_us;
    uint64_t begun_us;
    uint32_t id;      /* on the wire; a new one for each question */
    uint32_t command; /* to answer, or 0 */
    uint8_t kind;     /* enum request_kind */
    uint8_t purpose;  /* enum purpose */
    bool inside;      /* REQUEST_WELCOME: asked in our own group */
    bool silent;      /* somebody has not answered since all were asked */
    uint8_t indirect; /* nodes asked for a contact so far */
    uint8_t denials;  /* members that knew no such file */
    uint8_t asked_count;
    uint16_t group;     /* of the key */
    uint16_t rpcs;      /* questions in all */
    struct addr peer;   /* whom we asked last */
    struct addr via;    /* who named it; none: we knew it */
    struct addr member; /* who knew the home; none: ourselves */
    struct addr home;   /* once it is found */
    struct id key;
    struct file *file; /* FOR_INSERT: the request's own until it has a home */
    struct addr asked[ASKED_MAX];
    uint8_t name_len;
    uint8_t name[KEY_NAME_MAX]; /* of the key, for people */
};

struct kelips {
    const struct settings *settings;
    struct addr self, join; /* join none: we started the network */
    struct id id;
    uint16_t groups, group; /* k, and ours */
    uint16_t request_count, file_count;
    uint8_t contact_count; /* c */
    uint8_t grave_count, grave_next;
    bool member; /* has begun to gossip */
    bool leaving;
    uint32_t heartbeat, next_request, rounds;
    uint32_t probe, home_probe; /* which entry, whose home is pinged next */
    uint64_t armed_us;          /* TIMER_TIMEOUT; 0: not armed */
    uint64_t round_us;          /* when the next round is due */
    uint64_t purged_us;         /* when the tables were last purged */
    uint64_t gossip_messages, gossip_bytes; /* sent; not in the dump */
    struct table view, tuples;
    struct entry *contact;  /* c a group; without address: free */
    struct entry candidate; /* heard of, to be measured */
    struct entry grave[GRAVES_MAX];
    struct file *files;
    struct request *requests;
};

/* Places for contacts: c a group, our own too, where they stay free. */
static inline size_t kelips_places(const struct kelips *n)
{
    return (size_t)n->groups * n->contact_count;
}

/* -- node.c -------------------------------------------------------------- */

void kelips_begin(const struct kelips *n, enum kelips_type type,
                  struct kelips_msg *m);
/* Send; the bytes of it. */
size_t kelips_send(struct host *h, struct addr to, struct kelips_msg *m);
/* A new open request, not asked yet; NULL when there are too many. */
struct request *kelips_request_open(struct kelips *n, struct host *h,
                                    enum request_kind kind);
/* Ask `to`: `m` gets a new number, and the request a new deadline. */
void kelips_ask(struct kelips *n, struct host *h, struct request *r,
                struct addr to, struct kelips_msg *m);
void kelips_request_close(struct kelips *n, struct host *h, struct request *r);
/* Drop all requests without a word, and only gossip; for warm. */
void kelips_settle_down(struct kelips *n, struct host *h);

/* -- soft.c -------------------------------------------------------------- */

enum soft { SOFT_MEMBER, SOFT_CONTACT, SOFT_TUPLE };

/* How long an entry lives after its heartbeat, microseconds. */
uint64_t kelips_expiry(const struct kelips *n, enum soft what);
/* Take in what somebody says: accept, refuse or ignore it. */
void kelips_hear(struct kelips *n, struct host *h,
                 const struct kelips_entry *e);
/* A message came from there: the best evidence. */
void kelips_heard_from(struct kelips *n, struct host *h, struct addr from,
                       const struct kelips_msg *m);
/* It answered after so long; it left one unanswered. */
void kelips_answered(struct kelips *n, struct addr peer, uint64_t rtt_us);
void kelips_missed(struct kelips *n, struct host *h, struct addr peer);
/* Does it know of no other member of its group? */
bool kelips_alone(const struct kelips *n);
/* Drop all that has expired; who is alone keeps its graves. */
void kelips_purge(struct kelips *n, struct host *h);
/* The entry of a node in view or contacts, or NULL. */
struct entry *kelips_known(const struct kelips *n, struct addr peer);
/* The `i`-th contact of a group, from 0; NULL: that place is free. */
struct entry *kelips_contact(const struct kelips *n, uint16_t group,
                             unsigned i);
/* The newest tuple of a key; NULL: none. */
const struct entry *kelips_tuple(const struct kelips *n, const struct id *key);
/* Note that `home` has the file, as of now. */
void kelips_note_tuple(struct kelips *n, struct host *h, const struct id *key,
                       struct addr home, uint32_t heartbeat);
struct kelips_entry kelips_entry_of(const struct kelips *n, struct host *h,
                                    const struct entry *e,
                                    enum kelips_kind kind);
/* Bytes of memory of all this state; entries of it. */
uint64_t kelips_bytes(const struct kelips *n);
uint32_t kelips_entries(const struct kelips *n);
/* Forget all entries; for warm. */
void kelips_forget_all(struct kelips *n);
/* Put an entry where it belongs, whatever is there; for warm and figures. */
bool kelips_put(struct kelips *n, struct host *h, enum soft what,
                const struct entry *e);

/* -- gossip.c ------------------------------------------------------------ */

void kelips_round(struct kelips *n, struct host *h);
/* The answer to JOIN. */
void kelips_welcome(struct kelips *n, struct host *h, struct addr to,
                    const struct kelips_msg *question);
/* Append contacts of `group` to a message, and the candidate that is of it. */
void kelips_fill_contacts(struct kelips *n, struct host *h, uint16_t group,
                          struct kelips_msg *m);

/* -- lookup.c ------------------------------------------------------------ */

/* Whom a lookup would ask first; NULL: nobody, or our own group's tuples
   answer. */
const struct entry *kelips_first_choice(const struct kelips *n,
                                        const struct id *key);
const struct file *kelips_file(const struct kelips *n, const struct id *key);
void kelips_on_question(struct kelips *n, struct host *h, struct addr from,
                        struct kelips_msg *m);
/* An answer to a request about a file; no answer came in time. */
void kelips_on_answer(struct kelips *n, struct host *h, struct request *r,
                      const struct kelips_msg *m);
void kelips_no_answer(struct kelips *n, struct host *h, struct request *r);
/* The pause is over. */
void kelips_again(struct kelips *n, struct host *h, struct request *r);
/* Become the home of what the host shares; its groups hear of it later. */
void kelips_share(struct kelips *n, struct host *h);
/* Tell the files' groups again, where it is time. */
void kelips_refresh(struct kelips *n, struct host *h);
/* A request about a file, not yet asked; NULL: no room. */
struct request *kelips_request_for(struct kelips *n, struct host *h,
                                   enum purpose purpose, const struct id *key);
/* Begin: what is known here needs no question. */
void kelips_look_up(struct kelips *n, struct host *h, struct request *r);
/* A file of ours: keep it, and tell its group; or find it a home there. */
void kelips_insert(struct kelips *n, struct host *h, struct request *r,
                   const char *text, size_t text_len);

/* -- command.c ----------------------------------------------------------- */

void kelips_command(struct kelips *n, struct host *h, const struct event *e);

#endif
