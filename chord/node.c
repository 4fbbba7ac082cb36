/*
 * A Chord node: how it begins, what it hears, and which of its questions are
 * still open.
 *
 * Every question to another node is a struct request in one short list, with
 * the number that the answer repeats and a deadline.  One timer serves the
 * deadline that comes first.  A peer that is silent TRIES_MAX times in a row
 * is taken for dead; what follows from that depends on the question.
 *
 * Sources: [chord01] Stoica et al., SIGCOMM 2001; [zave17] Zave, Reasoning
 * about identifier spaces: how to make Chord correct, TSE 2017.
 */
#include "chord/node.h"

#include <assert.h>

#include "chord/check.h"

#define HOUR (3600 * SECOND_US)

static const struct option options[] = {
    [OPT_BITS] = {"bits", OPTION_NUMBER, BITS_MIN, BITS_MAX, 32, NULL,
                  "length of ids; the ring has 2^bits points"},
    [OPT_SUCCESSORS] = {"successors", OPTION_NUMBER, 1, SUCCESSORS_MAX, 3, NULL,
                        "length r of the successor list"},
    [OPT_REPLICAS] = {"replicas", OPTION_NUMBER, 0, REPLICAS_MAX, 2, NULL,
                      "copies of a value beside its owner's"},
    [OPT_PLACEMENT] = {"placement", OPTION_CHOICE, 0, 1, PLACEMENT_PAPER,
                       "paper,lecture",
                       "copies at successors, or at predecessors too"},
    [OPT_RULE] = {"rule", OPTION_CHOICE, 0, 1, RULE_LECTURE, "lecture,paper",
                  "lookups end at the owner, or at its predecessor"},
    [OPT_MODE] = {"mode", OPTION_CHOICE, 0, 1, MODE_RECURSIVE,
                  "recursive,iterative",
                  "lookups are passed on, or asked hop by hop"},
    [OPT_VARIANT] = {"variant", OPTION_CHOICE, 0, 1, VARIANT_CORRECTED,
                     "corrected,original",
                     "Zave's corrected protocol, or the published one"},
    [OPT_JOIN] = {"join", OPTION_CHOICE, 0, 1, JOIN_PUBLISHED,
                  "published,lecture",
                  "lecture: the predecessor is told at once"},
    [OPT_VNODES] = {"vnodes", OPTION_NUMBER, 1, VNODES_MAX, 1, NULL,
                    "ring members that one node hosts"},
    [OPT_STABILIZE] = {"stabilize", OPTION_TIME, 0, HOUR, SECOND_US, NULL,
                       "period of stabilize; 0: never"},
    [OPT_CHECK_PREDECESSOR] = {"check_predecessor", OPTION_TIME, 0, HOUR,
                               SECOND_US, NULL,
                               "period of check_predecessor; 0: never"},
    [OPT_FIX_FINGERS] = {"fix_fingers", OPTION_TIME, 0, HOUR, SECOND_US / 2,
                         NULL,
                         "period of fix_fingers, one finger each; "
                         "0: never"},
    [OPT_TIMEOUT] = {"timeout", OPTION_TIME, 1000, HOUR, SECOND_US / 2, NULL,
                     "wait for one answer"},
    [OPT_RECHECK] = {"recheck", OPTION_TIME, 0, HOUR, 10 * SECOND_US, NULL,
                     "look again for a node taken for dead; 0: never"},
    {.name = NULL}};

static const struct command commands[] = {
    {"lookup", "n", "lookup KEY", "find the owner of a key", COMMAND_LIMIT_US},
    {"put", "nt", "put NAME VALUE", "store a value", COMMAND_LIMIT_US},
    {"get", "n", "get NAME", "fetch a value", COMMAND_LIMIT_US},
    {"del", "n", "del NAME", "delete a value", COMMAND_LIMIT_US},
    {"show", "", "show", "this node's tables", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {[TIMER_STABILIZE] = "stabilize",
                                     [TIMER_CHECK_PREDECESSOR] =
                                         "check_predecessor",
                                     [TIMER_FIX_FINGERS] = "fix_fingers",
                                     [TIMER_TIMEOUT] = "timeout",
                                     [TIMER_JOIN] = "join",
                                     [TIMER_RECHECK] = "recheck",
                                     NULL};

/* The option that holds the period of a timer. */
static enum chord_option period_of(enum chord_timer timer)
{
    static const uint8_t option[] = {[TIMER_STABILIZE] = OPT_STABILIZE,
                                     [TIMER_CHECK_PREDECESSOR] =
                                         OPT_CHECK_PREDECESSOR,
                                     [TIMER_FIX_FINGERS] = OPT_FIX_FINGERS,
                                     [TIMER_TIMEOUT] = OPT_TIMEOUT,
                                     [TIMER_JOIN] = OPT_TIMEOUT,
                                     [TIMER_RECHECK] = OPT_RECHECK};

    return (enum chord_option)option[timer];
}

/* -- Who we are ---------------------------------------------------------- */

static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    unsigned bits = (unsigned)setting(s, OPT_BITS);

    if (text == NULL) {
        *id = id_of_addr(self, 0, bits);
        return true;
    }
    if (id_parse(id, bits, text))
        return true;
    text_printf(why, "id=%s is no number below 2^%u", text, bits);
    return false;
}

struct peer chord_self(const struct chord *c, const struct member *n)
{
    return (struct peer){
        .id = n->id, .ip = c->self.ip, .port = c->self.port, .vnode = n->vnode};
}

bool chord_is_self(const struct chord *c, const struct member *n,
                   const struct peer *p)
{
    return p->ip == c->self.ip && p->port == c->self.port &&
           p->vnode == n->vnode;
}

uint64_t chord_timeout(const struct chord *c)
{
    return (uint64_t)setting(c->settings, OPT_TIMEOUT);
}

void chord_note(const struct chord *c, struct host *h, const char *words, ...)
{
    if (!host_wants_notes(h))
        return;
    LOCAL_TEXT t = text_new();
    va_list ids;

    va_start(ids, words);
    for (const char *s = words; *s != '\0'; s++) {
        if (s[0] == '{' && s[1] == '}') {
            id_text(&t, va_arg(ids, const struct id *), c->bits);
            s++;
        } else {
            text_char(&t, *s);
        }
    }
    va_end(ids);
    host_note(h, "%s", t.data);
}

/* -- Messages ------------------------------------------------------------ */

void chord_begin(const struct chord *c, const struct member *n,
                 enum chord_type type, struct chord_msg *m)
{
    chord_msg_clear(m);
    m->type = type;
    m->bits = c->bits;
    m->from_vnode = n->vnode;
    m->sender = n->id;
}

void chord_send(struct host *h, const struct peer *to, struct chord_msg *m)
{
    uint8_t bytes[DATAGRAM_MAX];

    m->to_vnode = (uint8_t)to->vnode;
    host_send(h, peer_addr(to), bytes, chord_encode(m, bytes));
}

void chord_reply(struct host *h, const struct chord_msg *m,
                 const struct peer *from, struct chord_msg *reply)
{
    reply->request = m->request;
    chord_send(h, from, reply);
}

/* -- Open requests ------------------------------------------------------- */

/* Arm the timer for the first deadline, if it is not armed for it. */
static void arm(struct chord *c, struct host *h)
{
    uint64_t first = c->requests != NULL ? c->requests->deadline_us : 0;

    if (first == c->armed_us)
        return;
    c->armed_us = first;
    host_timer_at(h, TIMER_TIMEOUT, first != 0 ? first : NEVER);
}

struct request *chord_request_open(struct chord *c, struct host *h,
                                   struct member *n, enum request_kind kind)
{
    struct request **end = &c->requests, *r = NULL;

    if (c->request_count < REQUESTS_MAX)
        r = host_alloc(h, sizeof *r);
    if (r == NULL) {
        host_note(h, "too many open requests: not this one");
        return NULL;
    }
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
    c->request_count++;
    r->id = c->next_request++;
    r->kind = (uint8_t)kind;
    r->vnode = n->vnode;
    chord_request_due(c, h, r);
    return r;
}

void chord_request_close(struct chord *c, struct host *h, struct request *r)
{
    struct request **at = &c->requests;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    c->request_count--;
    chord_item_free(h, r->item);
    host_free(h, r->trail, sizeof *r->trail);
    host_free(h, r, sizeof *r);
}

struct request *chord_request_find(const struct chord *c, uint32_t id)
{
    struct request *r = c->requests;

    while (r != NULL && r->id != id)
        r = r->next;
    return r;
}

struct request *chord_request_of(const struct chord *c, const struct member *n,
                                 enum request_kind kind)
{
    struct request *r = c->requests;

    while (r != NULL && (r->kind != kind || r->vnode != n->vnode))
        r = r->next;
    return r;
}

void chord_request_due(struct chord *c, struct host *h, struct request *r)
{
    struct request **at = &c->requests;

    r->deadline_us = host_now(h) + chord_timeout(c);
    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    while (*at != NULL)
        at = &(*at)->next;
    *at = r;
    r->next = NULL;
}

void chord_request_send(struct chord *c, struct host *h, struct member *n,
                        struct request *r, enum chord_type type)
{
    struct chord_msg m;

    chord_begin(c, n, type, &m);
    m.request = r->id;
    r->tries++;
    chord_request_due(c, h, r);
    chord_send(h, &r->peer, &m);
}

/* The open request that a message answers, or NULL: it came too late, or
   from somebody we did not ask. */
static struct request *answered(const struct chord *c, const struct member *n,
                                const struct peer *from,
                                const struct chord_msg *m)
{
    struct request *r = chord_request_find(c, m->request);

    if (r == NULL || r->vnode != n->vnode)
        return NULL;
    if (m->type == CHORD_FOUND) /* whoever knew the owner answers */
        return r->kind == REQUEST_FIND ? r : NULL;
    return peer_same(&r->peer, from) ? r : NULL;
}

/* Ask once more. */
static void ask_again(struct chord *c, struct host *h, struct member *n,
                      struct request *r)
{
    switch ((enum request_kind)r->kind) {
    case REQUEST_STATE:
    case REQUEST_STATE_PRED:
        chord_request_send(c, h, n, r, CHORD_GET_STATE);
        break;
    case REQUEST_PING_PRED:
    case REQUEST_RECTIFY:
    case REQUEST_PING:
    case REQUEST_RECHECK:
        chord_request_send(c, h, n, r, CHORD_PING);
        break;
    case REQUEST_FINGERS:
        chord_request_send(c, h, n, r, CHORD_GET_FINGERS);
        break;
    case REQUEST_STORE:
        chord_store_ask(c, h, n, r);
        break;
    case REQUEST_TRANSFER:
        chord_store_transfer(c, h, n, r);
        break;
    case REQUEST_LEAVE:
        chord_leave_send(c, h, n, r);
        break;
    case REQUEST_COPIES: /* their transfers have TRIES_MAX timeouts, too */
        r->tries++;
        chord_request_due(c, h, r);
        break;
    case REQUEST_FIND:
        assert(false); /* chord_find_timeout() has this case */
        break;
    }
}

/* Nobody answered, TRIES_MAX times: the peer is dead, as far as we know. */
static void on_silence(struct chord *c, struct host *h, struct member *n,
                       struct request *r)
{
    struct peer silent = r->peer, other = r->other;

    switch ((enum request_kind)r->kind) {
    case REQUEST_STATE:
    case REQUEST_STATE_PRED:
        chord_state_silent(c, h, n, r);
        return;
    case REQUEST_STORE:
        chord_find_again(c, h, n, r, "the owner does not answer");
        return;
    case REQUEST_PING_PRED:
        chord_note(c, h, "predecessor {} is silent: unknown now", &silent.id);
        chord_forget_peer(c, h, n, &silent);
        break;
    case REQUEST_PING:
        chord_note(c, h, "finger {} is silent: dropped", &silent.id);
        chord_forget_peer(c, h, n, &silent);
        break;
    case REQUEST_RECTIFY:
        chord_note(c, h, "predecessor {} is silent: rectify to {}", &silent.id,
                   &other.id);
        chord_forget_peer(c, h, n, &silent);
        chord_take_predecessor(c, h, n, &other);
        break;
    case REQUEST_RECHECK:
    case REQUEST_FINGERS:
    case REQUEST_COPIES: /* who sent the PUT will send it again */
    case REQUEST_TRANSFER:
    case REQUEST_LEAVE:
        break;
    case REQUEST_FIND:
        assert(false); /* chord_find_timeout() has this case */
        break;
    }
    chord_request_close(c, h, r);
}

static void on_timeout(struct chord *c, struct host *h, struct request *r)
{
    struct member *n = &c->member[r->vnode];

    if (r->kind == REQUEST_FIND)
        chord_find_timeout(c, h, n, r);
    else if (r->tries >= TRIES_MAX)
        on_silence(c, h, n, r);
    else
        ask_again(c, h, n, r);
}

/* The request that is due first, and only that: if another is due as well,
   the timer fires again at once.  So what a node does depends on the order of
   its requests, and not on how late a timer was. */
static void on_timeouts(struct chord *c, struct host *h)
{
    struct request *first = c->requests;

    c->armed_us = 0;
    if (first != NULL && first->deadline_us <= host_now(h))
        on_timeout(c, h, first);
}

/* -- Events -------------------------------------------------------------- */

static void on_pong(struct chord *c, struct host *h, struct request *r)
{
    if (r->kind == REQUEST_RECHECK) {
        chord_recheck_answered(c, h, r);
        return;
    }
    if (r->kind == REQUEST_PING_PRED || r->kind == REQUEST_RECTIFY ||
        r->kind == REQUEST_PING)
        chord_request_close(c, h, r);
}

/* An answer to one of our questions. */
static void on_answer(struct chord *c, struct host *h, struct member *n,
                      const struct peer *from, const struct chord_msg *m)
{
    struct request *r = answered(c, n, from, m);

    if (r == NULL) {
        host_note(h, "nobody waits for this answer any more");
        return;
    }
    enum request_kind kind = (enum request_kind)r->kind;
    if (m->type == CHORD_FOUND)
        chord_on_found(c, h, n, r, from, m);
    else if (m->type == CHORD_NEXT && kind == REQUEST_FIND)
        chord_on_next(c, h, n, r, m);
    else if (m->type == CHORD_STATE &&
             (kind == REQUEST_STATE || kind == REQUEST_STATE_PRED))
        chord_on_state(c, h, n, r, m);
    else if (m->type == CHORD_FINGERS && kind == REQUEST_FINGERS)
        chord_finger_seed(c, h, n, r, m);
    else if (m->type == CHORD_PONG)
        on_pong(c, h, r);
    else if (m->type == CHORD_VALUE && kind == REQUEST_STORE)
        chord_on_value(c, h, n, r, m);
    else if (m->type == CHORD_TRANSFER_ACK && kind == REQUEST_TRANSFER)
        chord_on_transfer_ack(c, h, n, r, m);
    else if (m->type == CHORD_LEAVE_ACK && kind == REQUEST_LEAVE)
        chord_request_close(c, h, r);
}

/* A question to us: only members of the ring can answer. */
static void on_question(struct chord *c, struct host *h, struct member *n,
                        const struct peer *from, struct chord_msg *m)
{
    struct chord_msg reply;

    switch (m->type) {
    case CHORD_FIND_SUCC:
        chord_on_find_succ(c, h, n, from, m);
        break;
    case CHORD_GET_STATE:
        chord_begin(c, n, CHORD_STATE, &reply);
        chord_fill_state(n, &reply);
        chord_reply(h, m, from, &reply);
        break;
    case CHORD_GET_FINGERS:
        chord_begin(c, n, CHORD_FINGERS, &reply);
        chord_fill_fingers(c, n, &reply);
        chord_reply(h, m, from, &reply);
        break;
    case CHORD_PING:
        chord_begin(c, n, CHORD_PONG, &reply);
        chord_reply(h, m, from, &reply);
        break;
    case CHORD_NOTIFY:
        chord_on_notify(c, h, n, from, m);
        break;
    case CHORD_PUT:
    case CHORD_GET:
    case CHORD_DEL:
        chord_on_store(c, h, n, from, m);
        break;
    case CHORD_TRANSFER:
        chord_on_transfer(c, h, n, from, m);
        break;
    case CHORD_LEAVE:
        chord_on_leave(c, h, n, from, m);
        break;
    case CHORD_FOUND:
    case CHORD_NEXT:
    case CHORD_STATE:
    case CHORD_FINGERS:
    case CHORD_PONG:
    case CHORD_VALUE:
    case CHORD_TRANSFER_ACK:
    case CHORD_LEAVE_ACK:
        on_answer(c, h, n, from, m);
        break;
    }
}

static void on_datagram(struct chord *c, struct host *h, const struct event *e)
{
    struct chord_msg m;

    if (!chord_decode(&m, e->data, e->len) || m.bits != c->bits ||
        m.to_vnode >= c->member_count) {
        host_note(h, "not a message of this ring: dropped");
        return;
    }
    struct member *n = &c->member[m.to_vnode];
    struct peer from = {.id = m.sender,
                        .ip = e->peer.ip,
                        .port = e->peer.port,
                        .vnode = m.from_vnode};

    if (n->phase != MEMBER_INSIDE && !chord_is_answer(m.type)) {
        host_note(h, "not a member of the ring (yet): no answer");
        return;
    }
    on_question(c, h, n, &from, &m);
}

static void arm_period(struct chord *c, struct host *h, enum chord_timer timer,
                       bool first)
{
    uint64_t period = (uint64_t)setting(c->settings, period_of(timer));

    if (period > 0) /* nodes that start together must not tick together */
        host_timer(h, (int)timer, first ? 1 + host_random(h) % period : period);
}

/* Start to tick. */
static void arm_periods(struct chord *c, struct host *h)
{
    arm_period(c, h, TIMER_STABILIZE, true);
    arm_period(c, h, TIMER_CHECK_PREDECESSOR, true);
    arm_period(c, h, TIMER_FIX_FINGERS, true);
    if (c->member_count > 1)
        arm_period(c, h, TIMER_RECHECK, true);
}

void chord_settle_down(struct chord *c, struct host *h)
{
    while (c->requests != NULL)
        chord_request_close(c, h, c->requests);
    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        host_timer_cancel(h, slot);
    c->armed_us = 0;
    arm_periods(c, h);
}

static void on_timer(struct chord *c, struct host *h, enum chord_timer timer)
{
    if (timer == TIMER_TIMEOUT) {
        on_timeouts(c, h);
        return;
    }
    for (unsigned i = 0; i < c->member_count; i++) {
        struct member *n = &c->member[i];
        if (timer == TIMER_JOIN && n->phase == MEMBER_OUTSIDE)
            chord_join_start(c, h, n);
        if (n->phase != MEMBER_INSIDE || c->leaving)
            continue;
        if (timer == TIMER_STABILIZE) {
            chord_store_round(c, h, n);
            chord_stabilize(c, h, n);
        } else if (timer == TIMER_CHECK_PREDECESSOR)
            chord_check_predecessor(c, h, n);
        else if (timer == TIMER_FIX_FINGERS)
            chord_fix_fingers(c, h, n);
    }
    if (timer == TIMER_RECHECK)
        chord_recheck(c, h);
    if (timer == TIMER_JOIN || c->leaving ||
        (timer == TIMER_RECHECK && c->lost == NULL && c->member_count == 1))
        return;
    arm_period(c, h, timer, false);
}

static void on_start(struct chord *c, struct host *h)
{
    if (addr_none(c->join)) {
        c->member[0].phase = MEMBER_INSIDE;
        chord_note(c, h, "{} starts a ring and is its own successor",
                   &c->member[0].id);
    }
    for (unsigned i = 0; i < c->member_count; i++)
        if (c->member[i].phase == MEMBER_OUTSIDE)
            chord_join_start(c, h, &c->member[i]);
    arm_periods(c, h);
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct chord *c = node;

    switch (e->kind) {
    case EVENT_START:
        on_start(c, h);
        break;
    case EVENT_TIMER:
        on_timer(c, h, (enum chord_timer)e->timer);
        break;
    case EVENT_DATAGRAM:
        on_datagram(c, h, e);
        break;
    case EVENT_COMMAND:
        chord_command(c, h, e);
        break;
    case EVENT_STOP:
        chord_leave_start(c, h);
        break;
    case EVENT_HASHED: /* it keeps no content */
    case EVENT_OPEN:   /* Chord speaks UDP only */
    case EVENT_ACCEPT:
    case EVENT_BYTES:
    case EVENT_ROOM:
    case EVENT_EOF:
    case EVENT_CLOSED:
        break;
    }
    if (c->leaving && c->requests == NULL)
        host_left(h);
    arm(c, h);
    return 0;
}

static void *create(struct host *h, const struct config *config)
{
    const struct settings *s = config->settings;
    size_t vnodes = (size_t)setting(s, OPT_VNODES);
    size_t r = (size_t)setting(s, OPT_SUCCESSORS);
    size_t bytes = sizeof(struct chord) + vnodes * sizeof(struct member) +
                   vnodes * r * sizeof(struct peer);
    struct chord *c = host_alloc(h, bytes);

    if (c == NULL)
        return NULL;
    c->settings = s;
    c->self = config->self;
    c->join = config->join;
    c->bits = (uint8_t)setting(s, OPT_BITS);
    c->member_count = (uint8_t)vnodes;
    c->next_request = (uint32_t)host_random(h);
    struct peer *lists = (struct peer *)(void *)&c->member[vnodes];
    for (unsigned i = 0; i < vnodes; i++) {
        struct member *n = &c->member[i];
        n->vnode = (uint8_t)i;
        n->id = i == 0 ? config->id : id_of_addr(c->self, i, c->bits);
        n->succ = lists + i * r;
        n->next_finger = 1;
    }
    return c;
}

/* -- Canonical state ----------------------------------------------------- */

/* An id says which member is meant: two of a ring never share one. */
static void dump_peer(const struct chord *c, const struct peer *p,
                      struct text *t)
{
    text_char(t, ' ');
    if (peer_none(p)) {
        text_char(t, '-');
        return;
    }
    id_text(t, &p->id, c->bits);
    if (p->vnode > 0)
        text_printf(t, "/%u", (unsigned)p->vnode);
}

/* What store_round() counts matters only where there is something to copy. */
static bool has_copies(const struct chord *c, const struct member *n)
{
    return setting(c->settings, OPT_REPLICAS) > 0 || n->items != NULL;
}

static void dump_item(const struct chord *c, const struct item *i,
                      struct text *t)
{
    struct item_view v = chord_item_view_of(i);

    text_add(t, "item ");
    id_text(t, &v.key, c->bits);
    text_printf(t, " version %u%s idle %u ", (unsigned)v.version,
                v.deleted ? " deleted" : "", (unsigned)i->idle);
    text_json(t, (const char *)v.name, v.name_len);
    text_json(t, (const char *)v.value, v.value_len);
    text_char(t, '\n');
}

static void dump_member(const struct chord *c, const struct member *n,
                        struct text *t)
{
    text_add(t, "member ");
    id_text(t, &n->id, c->bits);
    text_number(t, " phase ", n->phase);
    text_add(t, n->refused ? " refused pred" : " pred");
    dump_peer(c, &n->pred, t);
    text_add(t, " succ");
    for (unsigned i = 0; i < n->succ_count; i++)
        dump_peer(c, &n->succ[i], t);
    text_add(t, " fingers");
    for (unsigned i = 0; i < n->finger_count; i++) {
        struct peer p = chord_finger_run(c, n, i);
        text_number(t, " ", chord_finger_first(c, n, i));
        text_char(t, ':');
        dump_peer(c, &p, t);
    }
    if (setting(c->settings, OPT_FIX_FINGERS) > 0)
        text_number(t, " next ", n->next_finger);
    if (has_copies(c, n)) {
        text_number(t, " sync ", n->sync_wait);
        text_number(t, " unsure ", n->unsure);
    }
    text_char(t, '\n');
    for (const struct item *i = n->items; i != NULL; i = i->next)
        dump_item(c, i, t);
}

static void dump_request(const struct chord *c, const struct request *r,
                         struct text *t)
{
    text_number(t, "request ", r->kind);
    text_number(t, ".", r->purpose);
    text_number(t, " of ", r->vnode);
    text_number(t, " tries ", r->tries);
    text_number(t, ".", r->attempts);
    if (r->kind == REQUEST_FIND)
        text_number(t, " index ", r->index);
    if (r->kind >= REQUEST_STORE) {
        text_number(t, " index ", r->index);
        text_number(t, " acks ", r->waiting);
        text_number(t, ".", r->copies);
        text_number(t, " back ", r->back);
    }
    text_add(t, r->iterative ? " iterative" : "");
    text_add(t, r->pausing ? " pausing" : "");
    text_add(t, r->full ? " full" : "");
    text_number(t, " hops ", r->hops);
    dump_peer(c, &r->peer, t);
    dump_peer(c, &r->other, t);
    text_char(t, ' ');
    id_text(t, &r->key, c->bits);
    text_char(t, ' ');
    id_text(t, &r->previous, c->bits);
    if (r->command != 0)
        text_add(t, " for a command");
    for (unsigned i = 0; r->trail != NULL && i < r->trail->avoid_count; i++) {
        text_add(t, i == 0 ? " avoid " : ",");
        id_text(t, &r->trail->avoid[i], c->bits);
    }
    if (r->item != NULL) {
        struct item_view v = chord_item_view_of(r->item);
        text_char(t, ' ');
        text_json(t, (const char *)v.value, v.value_len);
    }
    text_char(t, '\n');
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct chord *c = node;

    (void)h;
    for (unsigned i = 0; i < c->member_count; i++)
        dump_member(c, &c->member[i], t);
    for (const struct request *r = c->requests; r != NULL; r = r->next)
        dump_request(c, r, t);
    for (unsigned i = 0; c->lost != NULL && i < c->lost->count; i++) {
        text_add(t, "lost");
        dump_peer(c, &c->lost->peer[i], t);
        text_char(t, '\n');
    }
    if (!addr_none(c->join)) { /* asked again when all others are gone */
        text_add(t, "join ");
        addr_text(t, c->join);
        text_char(t, '\n');
    }
    if (c->leaving)
        text_add(t, "leaving\n");
}

const struct protocol chord_protocol = {
    .name = "chord",
    .options = options,
    .commands = commands,
    .timers = timers,
    .timeouts = 1 << TIMER_TIMEOUT,
    .invariants = "one ring, ordered, all live nodes on it",
    .identify = identify,
    .create = create,
    .event = event,
    .dump = dump,
    .describe = chord_describe,
    .fields = "magic version type bits to_vnode from_vnode request sender key "
              "hops flags origin origin_id origin_vnode previous path_count "
              "path avoid_count avoid status owner owner_id owner_vnode "
              "list_count successors node id vnode next next_id next_vnode "
              "predecessor predecessor_id predecessor_vnode role run_count "
              "fingers from copies name_len name deleted value_len value "
              "after to checksum back item_count items same",
    .results = "copies fingers forwards hops id key member owner owner_id path "
               "predecessor successors value values version",
    .warm = chord_warm,
    .check = chord_check,
    .settled = chord_settled,
    .quiet_us = chord_quiet_us,
    .canonical = chord_canonical,
    .one_way = chord_one_way,
    .may_fail = chord_may_fail};
