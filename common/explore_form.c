/*
 * The canonical form of a state, hashed to 64 bits: every node's dump and
 * armed timers, what is in flight, and the streams; without times, numbers of
 * connections, and the order in which things were made.  Of 10^7 states two
 * share a hash by accident with a chance of about 3 in a million.
 */
#include <string.h>

#include "common/content_impl.h"
#include "common/explore_impl.h"

#define COPY_MAX 2048 /* longer messages keep their numbers */

/* As hash_roll, and faster: most of the explorer's time goes here. */
static uint64_t roll(uint64_t h, const void *data, size_t len)
{
    const uint8_t *at = data;
    uint64_t word = len;

    for (h = random_mix(h ^ word); len > 0;) {
        size_t part = len < sizeof word ? len : sizeof word;
        word = 0;
        memcpy(&word, at, part);
        h = (h ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        h ^= h >> 32;
        at += part;
        len -= part;
    }
    return random_mix(h);
}

static uint64_t roll_number(uint64_t h, uint64_t number)
{
    return random_mix(h * 31 + number);
}

/* By name: the same newcomers may have come in another order. */
static uint64_t roll_node(const struct explorer *x, uint64_t h, uint32_t node)
{
    return roll_number(h, node != NOBODY ? node_at(x->sim, node)->name_hash
                                         : NOBODY);
}

/* -- Datagrams -------------------------------------------------------------- */

static uint64_t message_hash(const struct explorer *x, const struct message *m)
{
    const struct protocol *p = x->scenario->protocol;
    uint64_t h = roll_node(x, roll_node(x, m->why != NULL, m->from), m->to);
    uint8_t copy[COPY_MAX];

    if (p->canonical == NULL || m->to == NOBODY || m->len > sizeof copy)
        return roll(h, m->data, m->len);
    memcpy(copy, m->data, m->len);
    p->canonical(x->network, x->network->host[m->from], x->network->host[m->to],
                 copy, m->len);
    return roll(h, copy, m->len);
}

/* A part of a content that is about to be hashed. */
static uint64_t job_hash(const struct explorer *x, const struct entry *e)
{
    const struct hash_job *j = e->what;
    uint64_t h = roll_node(x, (uint64_t)j->kind, e->node);

    h = roll_number(roll_number(h, j->at), j->end);
    return roll_number(roll_number(h, j->tag), (uint64_t)j->shown);
}

/* The sum over all messages of a hash of each: a hash of the multiset. */
static uint64_t messages_hash(const struct explorer *x)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->sim->queue.count; i++) {
        const struct entry *e = &x->sim->queue.at[i];
        if (e->kind == ENTRY_DATAGRAM)
            sum += message_hash(x, e->what);
        if (e->kind == ENTRY_HASHED)
            sum += job_hash(x, e);
    }
    return sum;
}

/* -- Streams ---------------------------------------------------------------- */

/* How many streams to the same node its node has opened before this one:
   they are told apart by their age, not by their numbers. */
static uint64_t age_of(const struct side *opener)
{
    uint64_t older = 0;

    for (const struct side *s = side_node(opener)->link->sides; s != NULL;
         s = s->next)
        older += s == &s->stream->side[0] && s->id < opener->id &&
                 side_other(s)->node == side_other(opener)->node &&
                 !(s->closed && side_other(s)->closed);
    return older;
}

/* The bytes that have not arrived yet. */
static uint64_t roll_unarrived(uint64_t h, const struct side *s)
{
    uint64_t at = s->arrived;

    for (const struct write *w = s->arriving; w != NULL; w = w->next) {
        size_t left = (size_t)(w->end - at);
        h = roll(h, w->data + (w->wire_len - left), left);
        at = w->end;
    }
    return h;
}

/* Its segments in flight: a sum, each with its place. */
static uint64_t segments_hash(const struct explorer *x, const struct side *s)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < x->sim->queue.count; i++) {
        const struct entry *e = &x->sim->queue.at[i];
        const struct segment *g = e->what;
        if (e->kind != ENTRY_SEGMENT || g->from != s)
            continue;
        uint64_t h = roll_number(g->number - s->segments_arrived, g->kind);
        sum += roll_number(roll_number(h, g->bytes), g->fin);
    }
    return sum;
}

static uint64_t side_hash(const struct explorer *x, const struct side *s)
{
    const bool flags[] = {s->open,     s->wants_room,  s->finished,
                          s->fin_sent, s->fin_arrived, s->stuck,
                          s->eof_done, s->closed,      s->gone};
    uint64_t h = roll(s->phase, flags, sizeof flags);

    h = roll_number(h, s->written - s->sent);
    h = roll_number(h, segments_hash(x, s));
    h = roll_unarrived(h, s);
    return s->unread_len > 0 ? roll(h, side_unread(s), s->unread_len) : h;
}

/* Each stream is counted at the side that opened it. */
static uint64_t streams_hash(const struct explorer *x)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < x->network->count; i++) {
        const struct link *l = node_at(x->sim, i)->link;
        for (const struct side *s = l != NULL ? l->sides : NULL; s != NULL;
             s = s->next) {
            const struct side *to = side_other(s);
            if (s != &s->stream->side[0] || (s->closed && to->closed))
                continue;
            uint64_t h = roll_node(x, roll_node(x, age_of(s), i), to->node);
            h = roll_number(h, side_hash(x, s));
            sum += roll_number(h, side_hash(x, to));
        }
    }
    return sum;
}

/* -- Nodes ------------------------------------------------------------------ */

static uint64_t ranges_hash(uint64_t h, const struct ranges *r)
{
    return r->count > 0 ? roll(h, r->at, r->count * sizeof r->at[0]) : h + 1;
}

/* What a crash leaves: content, and what was saved by name. */
static uint64_t contents_hash(uint64_t h, const struct contents *c)
{
    for (uint32_t i = 0; c != NULL && i < c->count; i++) {
        const struct item *item = c->item[i];
        h = roll(h, item->name, strlen(item->name));
        h = roll_number(h, item->complete);
        h = ranges_hash(ranges_hash(h, &item->here), &item->bad);
    }
    for (const struct blob *b = c != NULL ? c->blobs : NULL; b != NULL;
         b = b->next)
        h = roll(roll(h, b->name, strlen(b->name)), b->data, b->len);
    return h;
}

static uint64_t node_hash(struct explorer *x, struct node *n)
{
    struct text *t = &x->canonical;
    uint64_t h = n->name_hash; /* joiners come in any order, */
    uint64_t armed = 0;        /* a bit for each timer */

    /* but a node that starts again asks the one that came first. */
    if (x->joiner_count > 1 && x->scenario->bounds.restart > 0)
        h = roll_number(h, n->host.index);
    h = contents_hash(h, n->host.contents);
    if (x->scenario->protocol->clocked) { /* what it will draw, and ask */
        h = roll_number(roll_number(h, n->host.random.state), n->host.restarts);
        h = roll_node(x, h, n->host.join);
    }
    if (!node_is_up(n))
        return h;
    for (int slot = 0; slot < TIMER_SLOTS; slot++) {
        armed |= (uint64_t)is_armed(x, n, slot) << slot;
        if (x->scenario->protocol->clocked) /* that is the time when it fires */
            h = roll_number(h, sim_timer_due(x->sim, &n->host, slot));
    }
    h = roll_number(h, armed);
    text_clear(t);
    if (n->host.node != NULL)
        n->host.protocol->dump(n->host.node, &n->host, t);
    return roll(h, t->data, t->len);
}

void touch_all(struct explorer *x)
{
    memset(x->touched, true, sizeof x->touched);
}

/* Only nodes that had an event can have changed since the last time. */
void hash_nodes(struct explorer *x)
{
    for (uint32_t i = 0; i < x->network->count; i++) {
        if (x->touched[i])
            x->node_hash[i] = node_hash(x, node_at(x->sim, i));
        x->touched[i] = false;
    }
}

uint64_t canonical_hash(struct explorer *x, struct used u)
{
    const uint8_t bounds[] = {u.crash, u.restart, u.join,
                              u.drop,  u.delay,   u.given};
    uint64_t h = roll(messages_hash(x), bounds, sizeof bounds);

    if (x->sim->conn_count > 0)
        h += streams_hash(x);
    hash_nodes(x);
    for (uint32_t i = 0; i < x->network->count; i++)
        h += x->node_hash[i];
    if (x->scenario->protocol->clocked)
        h += roll_number(1, x->sim->now_us);
    return h;
}
