/*
 * The ring: how a member comes in, keeps its neighbours right, and leaves.
 *
 * Only the successors make lookups correct; predecessors and lists serve to
 * keep them so.  Two variants:
 *
 *   original   [chord01, chord03]: a newcomer knows one successor and no
 *              predecessor; stabilize takes a closer successor on trust
 *   corrected  [zave17]: a newcomer copies its predecessor's whole list;
 *              stabilize first asks a closer successor for its own list;
 *              who is notified keeps its predecessor unless that is dead
 *              (rectify).  Zave's proof wants r + 1 members; a smaller ring
 *              is joined as published.
 *
 * One round of stabilize: GET_STATE to the successor; perhaps GET_STATE to
 * the closer one that it names; NOTIFY.
 */
#include "chord/node.h"

#include <string.h>

static bool is_corrected(const struct chord *c)
{
    return setting(c->settings, OPT_VARIANT) == VARIANT_CORRECTED;
}

static unsigned list_max(const struct chord *c)
{
    return (unsigned)setting(c->settings, OPT_SUCCESSORS);
}

/* -- The successor list -------------------------------------------------- */

struct peer chord_successor(const struct chord *c, const struct member *n)
{
    return n->succ_count > 0 ? n->succ[0] : chord_self(c, n);
}

/* Our list: `head`, then `rest` as far as there is room.  It ends where it
   would come round to us; the published protocol lets us into our own list. */
static void take_list(struct chord *c, struct host *h, struct member *n,
                      const struct peer *head, const struct peer *rest,
                      unsigned rest_count)
{
    struct peer old = chord_successor(c, n), list[SUCCESSORS_MAX];
    unsigned count = 0, max = list_max(c);

    for (unsigned i = 0; i <= rest_count && count < max; i++) {
        const struct peer *p = i == 0 ? head : &rest[i - 1];
        bool self = id_equal(&p->id, &n->id);
        if (peer_none(p) || (self && (is_corrected(c) || i == 0)))
            break;
        list[count++] = *p;
        if (self)
            break;
    }
    for (unsigned i = 0; i < count; i++)
        n->succ[i] = list[i];
    n->succ_count = (uint8_t)count;
    struct peer s = chord_successor(c, n);
    if (!peer_same(&s, &old)) {
        chord_note(c, h, "successor of {} is {} now", &n->id, &s.id);
        n->sync_wait = 0; /* new neighbours, new copies */
    }
}

/* Put `p` before our present list. */
static void put_before(struct chord *c, struct host *h, struct member *n,
                       const struct peer *p)
{
    struct peer rest[SUCCESSORS_MAX];
    unsigned count = n->succ_count;

    memcpy(rest, n->succ, count * sizeof rest[0]);
    take_list(c, h, n, p, rest, count);
}

void chord_fill_list(const struct member *n, struct chord_msg *m)
{
    m->list_count = n->succ_count;
    memcpy(m->list, n->succ, n->succ_count * sizeof m->list[0]);
}

void chord_fill_state(const struct member *n, struct chord_msg *m)
{
    m->peer = n->pred;
    chord_fill_list(n, m);
}

/* -- Looking again for who was taken for dead ---------------------------- */

/*
 * A partition, or too many failures at once, can leave two rings that know
 * nothing of each other.  So a node remembers whom it dropped, and asks them
 * now and then, in turn.  When one answers, a lookup through it of our own id
 * tells whether there is a closer successor on its side; stabilize then
 * closes the seam, node by node.
 */
static void remember(struct chord *c, struct host *h, const struct peer *p)
{
    uint64_t period = (uint64_t)setting(c->settings, OPT_RECHECK);
    struct lost *lost = c->lost;

    if (period == 0)
        return;
    if (lost == NULL) {
        lost = c->lost = host_alloc(h, sizeof *lost);
        if (lost == NULL)
            return;
        host_timer(h, TIMER_RECHECK, period);
    }
    for (unsigned i = 0; i < lost->count; i++)
        if (peer_same(&lost->peer[i], p))
            return;
    if (lost->count == LOST_MAX) {
        lost->count--;
        memmove(&lost->peer[0], &lost->peer[1],
                lost->count * sizeof lost->peer[0]);
    }
    lost->peer[lost->count++] = *p;
}

/* Is there a closer successor for `n` on the side of `other`? */
static void look_through(struct chord *c, struct host *h, struct member *n,
                         const struct peer *other)
{
    struct id next = chord_finger_start(c, n, 0);
    struct request *r;

    if (n->phase != MEMBER_INSIDE)
        return;
    r = chord_find_open(c, h, n, FOR_MERGE, &next);
    if (r == NULL)
        return;
    r->first = *other;
    chord_find_begin(c, h, n, r);
}

/* Of all that our siblings know, the closest successor: theirs may be another
   ring, whose fingers know us, so that lookups through it end here. */
static struct peer closest_of_siblings(const struct chord *c,
                                       const struct member *n)
{
    struct peer best = chord_successor(c, n);

    for (unsigned i = 0; i < c->member_count; i++) {
        const struct member *m = &c->member[i];
        for (unsigned k = 0; m->phase == MEMBER_INSIDE && k < m->succ_count;
             k++)
            if (id_in_open(&m->succ[k].id, &n->id, &best.id))
                best = m->succ[k];
    }
    return best;
}

/* Ask the one that has waited longest.  Siblings on one host check each
   other: they can be on two rings, too. */
void chord_recheck(struct chord *c, struct host *h)
{
    struct member *n = &c->member[0];
    struct lost *lost = c->lost;
    struct request *r;

    for (unsigned i = 0; i < c->member_count && c->member_count > 1; i++) {
        unsigned k = (unsigned)(host_random(h) % c->member_count);
        struct peer other = chord_self(c, &c->member[k]);
        struct peer near = closest_of_siblings(c, &c->member[i]);
        if (k != i && c->member[k].phase == MEMBER_INSIDE)
            look_through(c, h, &c->member[i], &other);
        if (c->member[i].phase == MEMBER_INSIDE)
            chord_merge_found(c, h, &c->member[i], &near);
    }
    if (lost == NULL || n->phase != MEMBER_INSIDE ||
        chord_request_of(c, n, REQUEST_RECHECK) != NULL)
        return;
    r = chord_request_open(c, h, n, REQUEST_RECHECK);
    if (r == NULL)
        return;
    r->peer = lost->peer[0];
    memmove(&lost->peer[0], &lost->peer[1],
            (lost->count - 1U) * sizeof lost->peer[0]);
    lost->peer[lost->count - 1] = r->peer;
    chord_request_send(c, h, n, r, CHORD_PING);
}

static void remember_no_more(struct chord *c, struct host *h,
                             const struct peer *p)
{
    struct lost *lost = c->lost;
    unsigned kept = 0;

    for (unsigned i = 0; lost != NULL && i < lost->count; i++)
        if (!peer_same(&lost->peer[i], p))
            lost->peer[kept++] = lost->peer[i];
    if (lost == NULL)
        return;
    lost->count = (uint8_t)kept;
    if (kept == 0) {
        host_free(h, lost, sizeof *lost);
        c->lost = NULL; /* and the timer runs out */
    }
}

void chord_recheck_answered(struct chord *c, struct host *h, struct request *r)
{
    struct peer back = r->peer;

    chord_request_close(c, h, r);
    chord_note(c, h, "{} is back", &back.id);
    remember_no_more(c, h, &back);
    for (unsigned i = 0; i < c->member_count; i++)
        look_through(c, h, &c->member[i], &back);
}

/* -- Failures ------------------------------------------------------------ */

/* Another member on this host that is in, or NULL. */
static const struct member *sibling(const struct chord *c,
                                    const struct member *n)
{
    for (unsigned i = 0; i < c->member_count; i++)
        if (&c->member[i] != n && c->member[i].phase == MEMBER_INSIDE)
            return &c->member[i];
    return NULL;
}

/* All successors are gone: any node that we still know brings us back, the
   nearest finger first; else the one through which we joined. */
static void last_resort(struct chord *c, struct host *h, struct member *n)
{
    for (unsigned i = 0; i < n->finger_count; i++) {
        struct peer p = chord_finger_run(c, n, i);
        if (!peer_none(&p) && !id_equal(&p.id, &n->id)) {
            take_list(c, h, n, &p, NULL, 0);
            return;
        }
    }
    if (!peer_none(&n->pred) && !chord_is_self(c, n, &n->pred)) {
        take_list(c, h, n, &n->pred, NULL, 0);
    } else if (!addr_none(c->join) || sibling(c, n) != NULL) {
        chord_note(c, h, "{} knows nobody any more: joins anew", &n->id);
        n->phase = MEMBER_OUTSIDE;
        chord_join_start(c, h, n);
    }
}

/* Drop `p` from every table. */
static void drop_peer(struct chord *c, struct host *h, struct member *n,
                      const struct peer *p)
{
    static const struct peer none;
    unsigned kept = 0, before = n->succ_count;

    for (unsigned i = 0; i < before; i++)
        if (!peer_same(&n->succ[i], p))
            n->succ[kept++] = n->succ[i];
    n->succ_count = (uint8_t)kept;
    chord_finger_replace(c, h, n, p, &none);
    if (peer_same(&n->pred, p)) {
        n->pred = none;
        n->unsure = UNSURE_ROUNDS; /* its keys are ours now */
    }
    if (kept == before)
        return;
    n->sync_wait = 0; /* new neighbours, new copies */
    if (kept == 0 && n->phase == MEMBER_INSIDE)
        last_resort(c, h, n);
}

void chord_forget_peer(struct chord *c, struct host *h, struct member *n,
                       const struct peer *p)
{
    drop_peer(c, h, n, p);
    if (!c->leaving)
        remember(c, h, p);
}

/* -- Join ---------------------------------------------------------------- */

/* Ask a member for the successor of our own id. */
void chord_join_start(struct chord *c, struct host *h, struct member *n)
{
    struct request *r;

    if (n->refused || n->phase != MEMBER_OUTSIDE)
        return;
    r = chord_find_open(c, h, n, FOR_JOIN, &n->id);
    if (r == NULL)
        return;
    n->phase = MEMBER_JOINING;
    r->first.ip = c->join.ip;
    r->first.port = c->join.port;
    if (sibling(c, n) != NULL)
        r->first = chord_self(c, sibling(c, n));
    chord_note(c, h, "who is the successor of {}?", &n->id);
    chord_find_begin(c, h, n, r);
}

void chord_join_failed(struct host *h, struct member *n, const char *why)
{
    host_note(h, "cannot join (%s): once more in 2 s", why);
    n->phase = MEMBER_OUTSIDE;
    host_timer(h, TIMER_JOIN, JOIN_RETRY_US);
}

static void join_lecture(struct chord *c, struct host *h, struct member *n,
                         const struct peer *before)
{
    struct peer s = chord_successor(c, n);
    struct request *r;
    struct chord_msg m;

    if (!peer_same(before, &s)) { /* "and N32": it is told at once */
        chord_begin(c, n, CHORD_NOTIFY, &m);
        m.role = NOTIFY_SUCCESSOR;
        chord_send(h, before, &m);
    }
    chord_begin(c, n, CHORD_NOTIFY, &m);
    chord_send(h, &s, &m);
    r = chord_request_open(c, h, n, REQUEST_FINGERS);
    if (r == NULL)
        return;
    r->peer = s;
    chord_request_send(c, h, n, r, CHORD_GET_FINGERS);
}

/*
 * `m` names our successor; `from`, who answers, is our predecessor to be.
 *
 * Source: [zave17] join: copy the whole list of a member that has us between
 * itself and its first entry.  While that entry is dead, or is us before a
 * restart, this is not so: wait until it is dropped.  (Explored: with a list
 * whose dead head was skipped, five ids end in a loopy ring.)  When the list
 * is short, the ring is too small for the proof: join as published.
 */
void chord_join_found(struct chord *c, struct host *h, struct member *n,
                      const struct peer *from, const struct chord_msg *m)
{
    static const struct peer none;
    unsigned stale = 0; /* we restarted: the ring may still list us first */

    if (id_equal(&m->peer.id, &n->id) && !chord_is_self(c, n, &m->peer)) {
        chord_note(c, h, "id {} is taken by another node: not joined", &n->id);
        n->refused = true;
        n->phase = MEMBER_OUTSIDE;
        return;
    }
    while (stale < m->list_count && chord_is_self(c, n, &m->list[stale]))
        stale++;
    struct peer s = stale > 0 ? none : m->peer;
    if (stale > 0)
        s = stale < m->list_count ? m->list[stale] : *from;
    if (chord_is_self(c, n, &s)) {
        chord_join_failed(h, n, "the ring still takes us for a member");
        return;
    }
    bool whole = is_corrected(c) && m->list_count >= list_max(c);
    if (whole && !id_in_open(&n->id, &from->id, &m->list[0].id)) {
        chord_join_failed(h, n, "its predecessor still lists who is gone");
        return;
    }
    n->phase = MEMBER_INSIDE;
    if (whole) {
        take_list(c, h, n, &m->list[0], &m->list[1], m->list_count - 1U);
        n->pred = *from;
    } else {
        take_list(c, h, n, &s, NULL, 0);
        n->pred = none;
    }
    n->unsure = UNSURE_ROUNDS;
    chord_note(c, h, "{} is in, before {}", &n->id, &s.id);
    if (setting(c->settings, OPT_JOIN) == JOIN_LECTURE)
        join_lecture(c, h, n, from);
}

/* -- Stabilize ----------------------------------------------------------- */

static void notify(struct chord *c, struct host *h, struct member *n)
{
    struct peer s = chord_successor(c, n);
    struct chord_msg m;

    if (chord_is_self(c, n, &s))
        return;
    chord_begin(c, n, CHORD_NOTIFY, &m);
    chord_send(h, &s, &m);
}

static void get_state(struct chord *c, struct host *h, struct member *n,
                      enum request_kind kind, const struct peer *p)
{
    struct request *r = chord_request_open(c, h, n, kind);

    if (r == NULL)
        return;
    r->peer = *p;
    chord_request_send(c, h, n, r, CHORD_GET_STATE);
}

/* A node between us and our successor: the better successor.  The published
   protocol trusts that it lives; the corrected one asks it for its list. */
static void closer(struct chord *c, struct host *h, struct member *n,
                   const struct peer *x)
{
    chord_note(c, h, "{} is between {} and its successor", &x->id, &n->id);
    if (is_corrected(c)) {
        get_state(c, h, n, REQUEST_STATE_PRED, x);
        return;
    }
    put_before(c, h, n, x);
    notify(c, h, n);
}

void chord_stabilize(struct chord *c, struct host *h, struct member *n)
{
    struct peer s = chord_successor(c, n);

    if (chord_request_of(c, n, REQUEST_STATE) != NULL ||
        chord_request_of(c, n, REQUEST_STATE_PRED) != NULL)
        return; /* the last round still waits */
    if (!chord_is_self(c, n, &s))
        get_state(c, h, n, REQUEST_STATE, &s);
    else if (!peer_none(&n->pred) && !chord_is_self(c, n, &n->pred))
        closer(c, h, n, &n->pred); /* alone no more */
}

void chord_on_state(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct chord_msg *m)
{
    struct peer s = chord_successor(c, n), x = r->peer;
    bool first = r->kind == REQUEST_STATE;

    chord_request_close(c, h, r);
    if (first && !peer_same(&s, &x))
        return; /* it is our successor no more */
    if (!first && !id_in_open(&x.id, &n->id, &s.id))
        return; /* it is not closer any more */
    take_list(c, h, n, &x, m->list, m->list_count);
    if (first && !peer_none(&m->peer) && id_in_open(&m->peer.id, &n->id, &x.id))
        closer(c, h, n, &m->peer);
    else
        notify(c, h, n);
}

/* No answer to GET_STATE. */
void chord_state_silent(struct chord *c, struct host *h, struct member *n,
                        struct request *r)
{
    struct peer silent = r->peer;
    bool first = r->kind == REQUEST_STATE;

    chord_note(c, h,
               first ? "successor {} is silent: the next in the list serves"
                     : "{} is silent: no successor for us",
               &silent.id);
    chord_request_close(c, h, r);
    chord_forget_peer(c, h, n, &silent);
    if (first && n->phase == MEMBER_INSIDE)
        chord_stabilize(c, h, n); /* with the next one */
    else if (n->phase == MEMBER_INSIDE)
        notify(c, h, n);
}

/* -- Notify and the predecessor ------------------------------------------ */

void chord_take_predecessor(struct chord *c, struct host *h, struct member *n,
                            const struct peer *p)
{
    struct peer old = n->pred;
    const struct id *from = peer_none(&old) ? &n->id : &old.id;

    if (chord_is_self(c, n, p) || peer_same(&old, p))
        return;
    n->pred = *p;
    chord_note(c, h, "predecessor of {} is {} now", &n->id, &p->id);
    if (peer_none(&old) || id_in_open(&p->id, &old.id, &n->id))
        chord_store_hand_over(c, h, n, from, &p->id, p); /* they are p's now */
    else
        n->unsure = UNSURE_ROUNDS; /* our arc has grown */
    n->sync_wait = 0;
}

void chord_on_notify(struct chord *c, struct host *h, struct member *n,
                     const struct peer *from, const struct chord_msg *m)
{
    struct peer s = chord_successor(c, n);

    if (id_equal(&from->id, &n->id)) {
        return; /* our id, but not us: it will be refused */
    } else if (m->role == NOTIFY_SUCCESSOR) {
        if (id_in_open(&from->id, &n->id, &s.id))
            put_before(c, h, n, from);
    } else if (peer_none(&n->pred) ||
               id_in_open(&from->id, &n->pred.id, &n->id)) {
        chord_take_predecessor(c, h, n, from);
    } else if (is_corrected(c) && !peer_same(from, &n->pred) &&
               chord_request_of(c, n, REQUEST_RECTIFY) == NULL) {
        chord_note(c, h, "rectify: is predecessor {} dead, that {} asks?",
                   &n->pred.id, &from->id);
        struct request *r = chord_request_open(c, h, n, REQUEST_RECTIFY);
        if (r == NULL)
            return;
        r->peer = n->pred;
        r->other = *from;
        chord_request_send(c, h, n, r, CHORD_PING);
    }
}

void chord_check_predecessor(struct chord *c, struct host *h, struct member *n)
{
    struct request *r;

    if (peer_none(&n->pred) ||
        chord_request_of(c, n, REQUEST_PING_PRED) != NULL)
        return;
    r = chord_request_open(c, h, n, REQUEST_PING_PRED);
    if (r == NULL)
        return;
    r->peer = n->pred;
    chord_request_send(c, h, n, r, CHORD_PING);
}

/* A lookup through a node that is back named this successor. */
void chord_merge_found(struct chord *c, struct host *h, struct member *n,
                       const struct peer *owner)
{
    struct peer s = chord_successor(c, n);

    if (id_in_open(&owner->id, &n->id, &s.id))
        closer(c, h, n, owner);
}

/* -- Leave --------------------------------------------------------------- */

void chord_leave_send(struct chord *c, struct host *h, struct member *n,
                      struct request *r)
{
    struct chord_msg m;

    chord_begin(c, n, CHORD_LEAVE, &m);
    chord_fill_state(n, &m);
    m.request = r->id;
    r->tries++;
    chord_request_due(c, h, r);
    chord_send(h, &r->peer, &m);
}

static void leave_tell(struct chord *c, struct host *h, struct member *n,
                       const struct peer *p)
{
    struct request *r;

    if (peer_none(p) || chord_is_self(c, n, p))
        return;
    r = chord_request_open(c, h, n, REQUEST_LEAVE);
    if (r == NULL)
        return;
    r->peer = *p;
    chord_leave_send(c, h, n, r);
}

/* Hand the keys to the successor, tell both neighbours of each other.
   Source: [chord03] voluntary departures. */
void chord_leave_start(struct chord *c, struct host *h)
{
    c->leaving = true;
    while (c->requests != NULL) {
        if (c->requests->command != 0)
            host_failed(h, c->requests->command, "the node leaves");
        chord_request_close(c, h, c->requests);
    }
    for (int timer = 0; timer < TIMER_SLOTS; timer++)
        host_timer_cancel(h, timer);
    c->armed_us = 0;
    for (unsigned i = 0; i < c->member_count; i++) {
        struct member *n = &c->member[i];
        struct peer s = chord_successor(c, n);
        if (n->phase == MEMBER_INSIDE && !chord_is_self(c, n, &s)) {
            chord_store_hand_over(c, h, n, &n->id, &n->id, &s);
            leave_tell(c, h, n, &s);
            if (!peer_same(&s, &n->pred))
                leave_tell(c, h, n, &n->pred);
        }
        n->phase = MEMBER_LEFT;
    }
}

void chord_on_leave(struct chord *c, struct host *h, struct member *n,
                    const struct peer *from, const struct chord_msg *m)
{
    struct chord_msg reply;
    struct peer s = chord_successor(c, n);

    chord_begin(c, n, CHORD_LEAVE_ACK, &reply);
    chord_reply(h, m, from, &reply);
    chord_note(c, h, "{} leaves", &from->id);
    if (m->list_count > 0)
        chord_finger_replace(c, h, n, from, &m->list[0]);
    if (peer_same(&s, from))
        take_list(c, h, n, m->list_count > 0 ? &m->list[0] : from, &m->list[1],
                  m->list_count > 0 ? m->list_count - 1U : 0);
    if (peer_same(&n->pred, from)) {
        memset(&n->pred, 0, sizeof n->pred);
        if (!chord_is_self(c, n, &m->peer))
            n->pred = m->peer;
    }
    drop_peer(c, h, n, from); /* it said goodbye: not to be looked for */
}
