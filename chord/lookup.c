/*
 * Lookups: who is the successor of a key?
 *
 * chord_route() is the heart: one node's decision, from its own tables only.
 * Two rules exist, because the course and the paper count differently:
 *
 *   lecture   the query travels to the owner: to the known node that is
 *             farthest clockwise and still at or before the key
 *   paper     the query stops at the key's predecessor, which names the
 *             owner: on the way, strictly before the key   [chord01]
 *
 * Recursive: each node passes FIND_SUCC on, and the last one answers the
 * origin: hops + 1 messages, no acknowledgements.  When no answer comes for
 * RECURSIVE_PATIENCE timeouts, the origin cannot know who was silent; so it
 * asks again iteratively, hop by hop, where silence has a name.  Iterative:
 * the origin asks each node for its best next hop.  A node that is silent
 * TRIES_MAX times goes on the list to avoid, and the origin begins again
 * from its own tables; every node asked then goes round those on the list.
 *
 * Joins and fix_fingers look up by the paper's rule, as in the paper.
 */
#include "chord/node.h"

#include <string.h>

/* -- One decision -------------------------------------------------------- */

static bool is_usable(const struct member *n, const struct query *q,
                      const struct peer *p)
{
    return !peer_none(p) && !id_equal(&p->id, &n->id) &&
           (q->skip == NULL || !q->skip(q->context, p));
}

/* The first successor that is not skipped; ourselves when we are alone. */
static struct peer next_successor(const struct chord *c, const struct member *n,
                                  const struct query *q)
{
    for (unsigned i = 0; i < n->succ_count; i++)
        if (id_equal(&n->succ[i].id, &n->id) || is_usable(n, q, &n->succ[i]))
            return n->succ[i];
    return n->succ_count == 0 ? chord_self(c, n) : (struct peer){.ip = 0};
}

/* Is `p` in the arc from us to the key: with its end by the lecture's rule,
   without by the paper's?  For the key that is our own id, the arc is the
   whole circle but us. */
static bool on_the_way(const struct member *n, const struct query *q,
                       const struct peer *p)
{
    return is_usable(n, q, p) &&
           (q->paper ? id_in_open(&p->id, &n->id, &q->key)
                     : id_in_half_open(&p->id, &n->id, &q->key));
}

/* The closest preceding node that we know: fingers from the far end, the
   successor being the nearest, then the rest of the successor list. */
static struct peer closest_preceding(const struct chord *c,
                                     const struct member *n,
                                     const struct query *q)
{
    for (unsigned i = n->finger_count; i-- > 0;) {
        struct peer finger = chord_finger_run(c, n, i);
        if (on_the_way(n, q, &finger))
            return finger; /* LAB: chord-hop */
    }
    if (n->succ_count > 0 && on_the_way(n, q, &n->succ[0]))
        return n->succ[0];
    for (unsigned i = n->succ_count; i-- > 1;)
        if (on_the_way(n, q, &n->succ[i]))
            return n->succ[i];
    return (struct peer){.ip = 0};
}

/* `why` is worded with the key, the peer, and the arc that decided. */
static struct route to(enum route_kind kind, const struct peer *p,
                       const char *why)
{
    return (struct route){.kind = kind, .peer = *p, .why = why};
}

static struct route dead_end(void)
{
    return (struct route){.kind = ROUTE_DEAD_END,
                          .why = "{}: I know no live successor"};
}

/* [chord01] find_successor, its local part. */
static struct route route_paper(const struct chord *c, const struct member *n,
                                const struct query *q)
{
    struct peer s = next_successor(c, n, q);

    if (!peer_none(&s) && id_in_half_open(&q->key, &n->id, &s.id))
        return to(ROUTE_OWNER, &s,
                  "{} belongs to my successor {}: it is in ({},{}]");
    struct peer p = closest_preceding(c, n, q);
    if (peer_none(&p))
        return dead_end();
    return to(ROUTE_FORWARD, &p,
              "{} goes to {}, my farthest finger before it: not in ({},{}]");
}

/*
 * The lecture's rule: the query travels to the owner.
 *
 * Two cases that tables in order never show.  Whoever sent the query here as
 * to the key's owner may not know yet that somebody has joined between: then
 * our predecessor is nearer.  And while our predecessor is unknown we take
 * that sender's word for it.
 */
static struct route route_lecture(const struct chord *c, const struct member *n,
                                  const struct query *q)
{
    struct peer self = chord_self(c, n);
    bool pred = is_usable(n, q, &n->pred);

    if (pred && id_in_half_open(&q->key, &n->pred.id, &n->id))
        return to(ROUTE_OWNER, &self, "{} is mine: I, {}, own ({},{}]");
    if (id_equal(&q->key, &n->id) || n->succ_count == 0)
        return to(ROUTE_OWNER, &self, "{} is mine, {}");
    if (q->previous != NULL && id_in_half_open(&q->key, q->previous, &n->id))
        return pred
                   ? to(ROUTE_FORWARD, &n->pred,
                        "{} is not after my predecessor {}: back to it")
                   : to(ROUTE_OWNER, &self, "{} is mine, {}, as far as I know");
    struct peer p = closest_preceding(c, n, q);
    if (!peer_none(&p))
        return to(ROUTE_FORWARD, &p,
                  pred ? "{} goes to {}, my farthest finger not beyond it; "
                         "mine are ({},{}]"
                       : "{} goes to {}, my farthest finger not beyond it");
    struct peer s = next_successor(c, n, q);
    if (!is_usable(n, q, &s))
        return dead_end();
    return to(ROUTE_FORWARD, &s,
              pred ? "{} goes to my successor {}, no finger is before it; "
                     "mine are ({},{}]"
                   : "{} goes to my successor {}, no finger is before it");
}

struct route chord_route(const struct chord *c, const struct member *n,
                         const struct query *q)
{
    return q->paper ? route_paper(c, n, q) : route_lecture(c, n, q);
}

/* Tell the student why. */
static void explain(const struct chord *c, struct host *h,
                    const struct member *n, const struct query *q,
                    const struct route *route)
{
    struct peer s = chord_successor(c, n);

    chord_note(c, h, route->why, &q->key, &route->peer.id,
               q->paper ? &n->id : &n->pred.id, q->paper ? &s.id : &n->id);
}

/* -- Our own lookups ----------------------------------------------------- */

static unsigned hops_max(const struct chord *c)
{
    return 2U * c->bits + (unsigned)setting(c->settings, OPT_SUCCESSORS);
}

static bool is_command(const struct request *r)
{
    return r->purpose >= FOR_LOOKUP;
}

static bool by_paper(const struct chord *c, const struct request *r)
{
    return !is_command(r) || setting(c->settings, OPT_RULE) == RULE_PAPER;
}

static void path_add(struct request *r, struct addr a)
{
    if (r->trail != NULL && r->trail->path_count < PATH_MAX_NODES)
        r->trail->path[r->trail->path_count++] = a;
}

static bool in_trail(const void *context, const struct peer *p)
{
    const struct trail *t = context;

    for (unsigned i = 0; t != NULL && i < t->avoid_count; i++)
        if (id_equal(&t->avoid[i], &p->id))
            return true;
    return false;
}

static void avoid_add(struct trail *t, const struct id *id)
{
    if (t->avoid_count == AVOID_MAX) { /* the oldest makes room */
        memmove(&t->avoid[0], &t->avoid[1],
                (AVOID_MAX - 1) * sizeof t->avoid[0]);
        t->avoid_count--;
    }
    t->avoid[t->avoid_count++] = *id;
}

/* (Re)send FIND_SUCC to r->peer. */
static void transmit(struct chord *c, struct host *h, const struct member *n,
                     struct request *r)
{
    struct chord_msg m;
    struct trail *t = r->trail;

    chord_begin(c, n, CHORD_FIND_SUCC, &m);
    m.request = r->id;
    m.key = r->key;
    m.hops = r->hops;
    m.origin = chord_self(c, n);
    m.previous = r->previous;
    m.flags = (uint8_t)((r->iterative ? FIND_ITERATIVE : 0) |
                        (by_paper(c, r) ? FIND_PAPER : 0) |
                        (r->purpose == FOR_JOIN ? FIND_LIST : 0));
    if (t != NULL && !r->iterative) {
        m.flags |= FIND_PATH;
        m.path_count = t->path_count;
        memcpy(m.path, t->path, t->path_count * sizeof m.path[0]);
    }
    if (t != NULL) {
        m.avoid_count = t->avoid_count;
        memcpy(m.avoid, t->avoid, t->avoid_count * sizeof m.avoid[0]);
    }
    r->tries++;
    chord_request_due(c, h, r);
    chord_send(h, &r->peer, &m);
}

static void ask(struct chord *c, struct host *h, const struct member *n,
                struct request *r, const struct peer *p,
                const struct id *previous)
{
    r->peer = *p;
    r->previous = *previous;
    r->tries = 0;
    r->hops++;
    transmit(c, h, n, r);
}

/* The owner is known: on to what the lookup was for. */
static void done(struct chord *c, struct host *h, struct member *n,
                 struct request *r, const struct peer *owner)
{
    r->other = *owner;
    switch ((enum purpose)r->purpose) {
    case FOR_JOIN: /* chord_on_found() has this case */
        break;
    case FOR_FINGER:
        chord_finger_found(c, h, n, r->index, owner);
        break;
    case FOR_MERGE:
        chord_merge_found(c, h, n, owner);
        break;
    case FOR_STRAY:
        chord_stray_found(c, h, n, r);
        return; /* it goes on */
    case FOR_LOOKUP:
        chord_command_found(c, h, r);
        break;
    case FOR_PUT:
    case FOR_GET:
    case FOR_DEL:
        r->kind = REQUEST_STORE;
        r->tries = 0;
        chord_store_ask(c, h, n, r);
        return;
    }
    chord_request_close(c, h, r);
}

void chord_find_again(struct chord *c, struct host *h, struct member *n,
                      struct request *r, const char *why)
{
    if (r->purpose == FOR_JOIN) {
        chord_join_failed(h, n, why);
    } else if (is_command(r) && ++r->attempts < ATTEMPTS_MAX) {
        host_note(h, "%s: once more after a pause", why);
        r->kind = REQUEST_FIND;
        r->pausing = true;
        chord_request_due(c, h, r);
        return;
    } else if (is_command(r)) {
        host_failed(h, r->command, why);
    }
    chord_request_close(c, h, r);
}

/* Take the next step of a lookup from our own tables. */
static void step(struct chord *c, struct host *h, struct member *n,
                 struct request *r, const struct id *previous)
{
    struct query q = {.key = r->key,
                      .paper = by_paper(c, r),
                      .previous = previous,
                      .skip = in_trail,
                      .context = r->trail};
    struct route route = chord_route(c, n, &q);

    explain(c, h, n, &q, &route);
    if (r->hops >= hops_max(c))
        chord_find_again(c, h, n, r, "LOOP: too many hops");
    else if (route.kind == ROUTE_OWNER) {
        r->peer = chord_self(c, n); /* who knew it */
        done(c, h, n, r, &route.peer);
    } else if (route.kind == ROUTE_FORWARD)
        ask(c, h, n, r, &route.peer, &n->id);
    else
        chord_find_again(c, h, n, r, "no live successor is known");
}

/* Begin (again) at ourselves, or at the node through which we join. */
void chord_find_begin(struct chord *c, struct host *h, struct member *n,
                      struct request *r)
{
    r->pausing = false;
    r->hops = 0;
    if (r->trail == NULL && (r->iterative || is_command(r)))
        r->trail = host_alloc(h, sizeof *r->trail);
    if (r->trail != NULL)
        r->trail->path_count = 0;
    path_add(r, c->self);
    if (r->trail == NULL && (r->iterative || is_command(r)))
        chord_find_again(c, h, n, r, "no memory");
    else if (is_command(r) && n->phase != MEMBER_INSIDE)
        chord_find_again(c, h, n, r, "not a member of the ring yet");
    else if (peer_none(&r->first))
        step(c, h, n, r, NULL);
    else
        ask(c, h, n, r, &r->first, &n->id);
}

struct request *chord_find_open(struct chord *c, struct host *h,
                                struct member *n, enum purpose purpose,
                                const struct id *key)
{
    struct request *r = chord_request_open(c, h, n, REQUEST_FIND);

    if (r == NULL)
        return NULL;
    r->purpose = (uint8_t)purpose;
    r->key = *key;
    r->iterative = setting(c->settings, OPT_MODE) == MODE_ITERATIVE;
    return r;
}

void chord_find_timeout(struct chord *c, struct host *h, struct member *n,
                        struct request *r)
{
    if (r->pausing) {
        if (r->trail != NULL)
            r->trail->avoid_count = 0; /* some may be back */
        chord_find_begin(c, h, n, r);
    } else if (!r->iterative && r->tries < RECURSIVE_PATIENCE) {
        r->tries++;
        chord_request_due(c, h, r);
    } else if (!r->iterative) {
        chord_note(c, h, "no answer for {}: ask hop by hop", &r->key);
        r->iterative = true;
        chord_find_begin(c, h, n, r);
    } else if (r->tries < TRIES_MAX) {
        transmit(c, h, n, r);
    } else if (r->trail == NULL || peer_same(&r->peer, &r->first)) {
        chord_find_again(c, h, n, r, "no answer");
    } else {
        struct peer silent = r->peer;
        chord_note(c, h, "{} is silent: go round it", &silent.id);
        avoid_add(r->trail, &silent.id);
        chord_forget_peer(c, h, n, &silent);
        chord_find_begin(c, h, n, r);
    }
}

/* -- Answers ------------------------------------------------------------- */

void chord_on_next(struct chord *c, struct host *h, struct member *n,
                   struct request *r, const struct chord_msg *m)
{
    struct id asked = r->peer.id;

    if (!r->iterative || r->pausing || peer_none(&m->peer))
        return;
    path_add(r, peer_addr(&r->peer));
    if (r->hops >= hops_max(c))
        chord_find_again(c, h, n, r, "LOOP: too many hops");
    else if (chord_is_self(c, n, &m->peer))
        step(c, h, n, r, &asked); /* back at us */
    else
        ask(c, h, n, r, &m->peer, &m->sender);
}

void chord_on_found(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct peer *from,
                    const struct chord_msg *m)
{
    if (m->status != FOUND_OWNER || peer_none(&m->peer)) {
        chord_find_again(c, h, n, r,
                         m->status == FOUND_LOOP ? "LOOP: too many hops"
                                                 : "dead end");
        return;
    }
    if (r->purpose == FOR_JOIN) {
        chord_join_found(c, h, n, from, m);
        chord_request_close(c, h, r);
        return;
    }
    if (r->iterative && peer_same(from, &r->peer)) {
        path_add(r, peer_addr(from));
    } else { /* the path came along; perhaps late, after we went iterative */
        r->hops = m->hops;
        if (r->trail != NULL) {
            r->trail->path_count = m->path_count;
            memcpy(r->trail->path, m->path, m->path_count * sizeof m->path[0]);
        }
    }
    r->peer = *from;
    done(c, h, n, r, &m->peer);
}

/* -- Other nodes' lookups ------------------------------------------------ */

static bool in_message(const void *context, const struct peer *p)
{
    const struct chord_msg *m = context;

    for (unsigned i = 0; i < m->avoid_count; i++)
        if (id_equal(&m->avoid[i], &p->id))
            return true;
    return false;
}

static void answer(struct chord *c, struct host *h, struct member *n,
                   const struct chord_msg *m, enum found_status status,
                   const struct peer *owner)
{
    struct chord_msg reply;

    chord_begin(c, n, CHORD_FOUND, &reply);
    reply.key = m->key;
    reply.status = (uint8_t)status;
    reply.peer = *owner;
    reply.hops = m->hops;
    reply.path_count = m->path_count;
    memcpy(reply.path, m->path, m->path_count * sizeof m->path[0]);
    if (m->flags & FIND_LIST)
        chord_fill_list(n, &reply);
    chord_reply(h, m, &m->origin, &reply);
}

/* Pass the query on; or, if the origin asks hop by hop, say where to. */
static void pass_on(struct chord *c, struct host *h, struct member *n,
                    const struct peer *from, struct chord_msg *m,
                    const struct peer *next)
{
    struct chord_msg reply;

    if (m->flags & FIND_ITERATIVE) {
        chord_begin(c, n, CHORD_NEXT, &reply);
        reply.key = m->key;
        reply.peer = *next;
        chord_reply(h, m, from, &reply);
        return;
    }
    m->from_vnode = n->vnode;
    m->sender = n->id;
    m->previous = n->id;
    m->hops++;
    chord_send(h, next, m);
}

void chord_on_find_succ(struct chord *c, struct host *h, struct member *n,
                        const struct peer *from, struct chord_msg *m)
{
    static const struct peer none;
    struct query q = {.key = m->key,
                      .paper = m->flags & FIND_PAPER,
                      .previous = &m->previous,
                      .skip = m->avoid_count > 0 ? in_message : NULL,
                      .context = m};
    struct route route = chord_route(c, n, &q);

    explain(c, h, n, &q, &route);
    if ((m->flags & FIND_PATH) && m->path_count < PATH_MAX_NODES)
        m->path[m->path_count++] = c->self;
    if (m->avoid_count > 0)
        chord_finger_suspect(c, h, n, m);
    if (m->hops >= hops_max(c) && route.kind == ROUTE_FORWARD)
        answer(c, h, n, m, FOUND_LOOP, &none);
    else if (route.kind == ROUTE_OWNER)
        answer(c, h, n, m, FOUND_OWNER, &route.peer);
    else if (route.kind == ROUTE_FORWARD)
        pass_on(c, h, n, from, m, &route.peer);
    else
        answer(c, h, n, m, FOUND_DEAD_END, &none);
}
