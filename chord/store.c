/*
 * Values: stored at the successor of their key, copied to its neighbours.
 *
 * The owner numbers the versions of a value; of two the newer wins, so every
 * message may come twice or late.  A PUT is answered when all copies have
 * been acknowledged, and so survives `replicas` deaths at once.
 *
 * Copies are kept by comparing: every SYNC_ROUNDS rounds of stabilisation an
 * owner sends the checksum of what it holds of its arc to each node that
 * should hold the same.  Where they differ, both send each other all of that
 * arc.  This brings keys to newcomers, renews copies that died, and recovers
 * what an owner has lost.  A copy that no owner compares any more looks up
 * its owner, goes there, and is dropped.
 *
 * Placement: `paper` copies to the first k successors, `lecture` also to the
 * k predecessors, each of which passes the comparison on to the one before.
 * Virtual nodes of one host do not count as different.
 *
 * Source: [chord01] replication and voluntary transfer, in outline; the
 * comparison is ours.
 */
#include "chord/node.h"

#include <string.h>

/* -- Items --------------------------------------------------------------- */

struct item *chord_item_new(struct host *h, const struct item_view *v)
{
    size_t text = (size_t)v->name_len + v->value_len;
    struct item *i = host_alloc(h, sizeof *i + text);

    if (i == NULL)
        return NULL;
    i->key = v->key;
    i->version = v->version;
    i->name_len = v->name_len;
    i->value_len = v->value_len;
    i->deleted = v->deleted;
    if (v->name_len > 0)
        memcpy(i + 1, v->name, v->name_len);
    if (v->value_len > 0)
        memcpy((uint8_t *)(i + 1) + v->name_len, v->value, v->value_len);
    return i;
}

void chord_item_free(struct host *h, struct item *i)
{
    if (i != NULL)
        host_free(h, i, sizeof *i + i->name_len + i->value_len);
}

struct item_view chord_item_view_of(const struct item *i)
{
    const uint8_t *text = (const uint8_t *)(i + 1);

    return (struct item_view){.key = i->key,
                              .name = text,
                              .value = text + i->name_len,
                              .name_len = i->name_len,
                              .value_len = i->value_len,
                              .version = i->version,
                              .deleted = i->deleted};
}

static int bytes_compare(const uint8_t *a, size_t a_len, const uint8_t *b,
                         size_t b_len)
{
    size_t len = a_len < b_len ? a_len : b_len;
    int order = len > 0 ? memcmp(a, b, len) : 0;

    return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Order by key, then by name: two names may have the same key. */
static int name_compare(const struct item *i, const struct item_view *v)
{
    struct item_view have = chord_item_view_of(i);
    int order = id_compare(&have.key, &v->key);

    return order != 0
               ? order
               : bytes_compare(have.name, have.name_len, v->name, v->name_len);
}

const struct item *chord_item_find(const struct member *n,
                                   const struct item_view *v)
{
    const struct item *i = n->items;

    while (i != NULL && name_compare(i, v) < 0)
        i = i->next;
    return i != NULL && name_compare(i, v) == 0 ? i : NULL;
}

/* Is `v` newer than what we hold?  Equal versions can differ when two nodes
   took themselves for the owner: then the greater value wins everywhere. */
static bool is_newer(const struct item *have, const struct item_view *v)
{
    struct item_view old = chord_item_view_of(have);

    if (v->version != old.version)
        return v->version > old.version;
    return bytes_compare(v->value, v->value_len, old.value, old.value_len) > 0;
}

/* Take over `v` unless we hold it already; false: no room. */
static bool merge(struct host *h, struct member *n, const struct item_view *v)
{
    struct item **at = &n->items, *fresh;

    while (*at != NULL && name_compare(*at, v) < 0)
        at = &(*at)->next;
    struct item *old = *at;
    bool same = old != NULL && name_compare(old, v) == 0;
    if (same && !is_newer(old, v))
        return true;
    if (!same && n->item_count >= ITEMS_MAX)
        return false;
    fresh = chord_item_new(h, v);
    if (fresh == NULL)
        return false;
    fresh->next = same ? old->next : old;
    *at = fresh;
    if (same)
        chord_item_free(h, old);
    else
        n->item_count++;
    return true;
}

static void drop(struct host *h, struct member *n, const struct item *gone)
{
    struct item **at = &n->items, *i;

    while (*at != gone)
        at = &(*at)->next;
    i = *at;
    *at = i->next;
    chord_item_free(h, i);
    n->item_count--;
}

static uint32_t mix(uint32_t sum, const void *data, size_t len)
{
    const uint8_t *bytes = data;

    for (size_t i = 0; i < len; i++)
        sum = (sum ^ bytes[i]) * UINT32_C(16777619); /* FNV-1a */
    return sum;
}

uint32_t chord_store_checksum(const struct member *n, const struct id *from,
                              const struct id *to)
{
    uint32_t sum = 0;

    for (const struct item *i = n->items; i != NULL; i = i->next) {
        if (!id_in_half_open(&i->key, from, to))
            continue;
        struct item_view v = chord_item_view_of(i);
        uint8_t bytes[ID_BYTES_MAX + 5];
        id_write(&v.key, ID_BITS_MAX, bytes);
        for (unsigned k = 0; k < 4; k++)
            bytes[ID_BYTES_MAX + k] = (uint8_t)(v.version >> (8 * k));
        bytes[ID_BYTES_MAX + 4] = v.deleted;
        uint32_t one = mix(UINT32_C(2166136261), bytes, sizeof bytes);
        one = mix(one, v.name, v.name_len);
        sum += mix(one, v.value, v.value_len);
    }
    return sum;
}

/* -- Who holds what ------------------------------------------------------ */

/* Do we own `key`, as far as we know?  Without a predecessor only a lone
   node is sure. */
static bool is_mine(const struct member *n, const struct id *key)
{
    if (peer_none(&n->pred))
        return n->succ_count == 0;
    return id_in_half_open(key, &n->pred.id, &n->id);
}

/* The `i`-th node that should hold copies of our keys; none at the end. */
struct peer chord_store_target(const struct chord *c, const struct member *n,
                               unsigned i)
{
    unsigned max = (unsigned)setting(c->settings, OPT_REPLICAS), found = 0;

    for (unsigned k = 0; k < n->succ_count && found < max; k++) {
        const struct peer *p = &n->succ[k];
        bool seen = addr_equal(peer_addr(p), c->self);
        for (unsigned j = 0; j < k; j++)
            seen = seen || addr_equal(peer_addr(p), peer_addr(&n->succ[j]));
        if (!seen && found++ == i)
            return *p;
    }
    return (struct peer){.ip = 0};
}

/* -- Sending items ------------------------------------------------------- */

static void batch_add(struct chord_msg *m, size_t *room, const struct item *i,
                      unsigned bits)
{
    struct item_view v = chord_item_view_of(i);

    *room -= chord_item_bytes(&v, bits);
    m->item[m->item_count++] = v;
}

/* The next items of the arc, as many as one datagram takes; sets r->more if
   some are left. */
static void fill_batch(const struct member *n, struct request *r,
                       struct chord_msg *m)
{
    size_t room = DATAGRAM_MAX - TRANSFER_HEAD_MAX;
    unsigned index = 0;

    r->more = false;
    for (const struct item *i = n->items; i != NULL && !r->more; i = i->next) {
        struct item_view v = chord_item_view_of(i);
        if (!id_in_half_open(&i->key, &m->from, &m->to) || index++ < r->sent)
            continue;
        r->more =
            m->item_count == BATCH_MAX || chord_item_bytes(&v, m->bits) > room;
        if (!r->more)
            batch_add(m, &room, i, m->bits);
    }
}

void chord_store_transfer(struct chord *c, struct host *h, struct member *n,
                          struct request *r)
{
    struct chord_msg m;
    size_t room = DATAGRAM_MAX;

    chord_begin(c, n, CHORD_TRANSFER, &m);
    m.request = r->id;
    m.from = r->key;
    m.to = r->previous;
    m.back = r->back;
    m.checksum = chord_store_checksum(n, &m.from, &m.to);
    if (r->item != NULL)
        batch_add(&m, &room, r->item, c->bits);
    else if (r->full)
        fill_batch(n, r, &m);
    r->batch = m.item_count;
    r->tries++;
    chord_request_due(c, h, r);
    chord_send(h, &r->peer, &m);
}

/* The arc from here to `key` holds this key only. */
static struct id just_before(const struct chord *c, const struct id *key)
{
    return id_distance(*key, id_of(1), c->bits);
}

/* Begin to compare (from, to] with `p`. */
static struct request *transfer_open(struct chord *c, struct host *h,
                                     struct member *n, const struct peer *p,
                                     const struct id *from, const struct id *to)
{
    struct request *r = chord_request_open(c, h, n, REQUEST_TRANSFER);

    if (r == NULL)
        return NULL;
    r->peer = *p;
    r->key = *from;
    r->previous = *to;
    return r;
}

void chord_store_hand_over(struct chord *c, struct host *h, struct member *n,
                           const struct id *from, const struct id *to,
                           const struct peer *p)
{
    struct request *r;

    if (chord_store_checksum(n, from, to) == 0)
        return;
    r = transfer_open(c, h, n, p, from, to);
    if (r == NULL)
        return;
    r->full = true;
    r->give = setting(c->settings, OPT_REPLICAS) == 0;
    chord_note(c, h, "the keys of ({},{}] go to {}", from, to, &p->id);
    chord_store_transfer(c, h, n, r);
}

static bool is_comparing(const struct chord *c, const struct member *n,
                         const struct peer *p, const struct id *to)
{
    for (const struct request *r = c->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_TRANSFER && r->vnode == n->vnode &&
            r->item == NULL && peer_same(&r->peer, p) &&
            id_equal(&r->previous, to))
            return true;
    return false;
}

static void compare(struct chord *c, struct host *h, struct member *n,
                    const struct peer *p, const struct id *from,
                    const struct id *to, unsigned back)
{
    struct request *r;

    if (peer_none(p) || chord_is_self(c, n, p) || is_comparing(c, n, p, to))
        return;
    r = transfer_open(c, h, n, p, from, to);
    if (r == NULL)
        return;
    r->back = (uint8_t)back;
    chord_store_transfer(c, h, n, r);
}

/* -- Receiving items ----------------------------------------------------- */

void chord_on_transfer(struct chord *c, struct host *h, struct member *n,
                       const struct peer *from, const struct chord_msg *m)
{
    struct chord_msg reply;
    uint32_t mine;

    for (unsigned i = 0; i < m->item_count; i++)
        if (!merge(h, n, &m->item[i]))
            host_note(h, "no room for another value");
    for (struct item *i = n->items; i != NULL; i = i->next)
        if (id_in_half_open(&i->key, &m->from, &m->to))
            i->idle = 0;
    mine = chord_store_checksum(n, &m->from, &m->to);
    chord_begin(c, n, CHORD_TRANSFER_ACK, &reply);
    reply.same = mine == m->checksum;
    chord_reply(h, m, from, &reply);
    if (m->item_count == 0 && !reply.same && mine != 0 &&
        !is_comparing(c, n, from, &m->to)) {
        struct request *r = transfer_open(c, h, n, from, &m->from, &m->to);
        if (r != NULL) {
            r->full = true;
            chord_store_transfer(c, h, n, r);
        }
    }
    if (m->back > 0 && !id_equal(&n->pred.id, &m->to))
        compare(c, h, n, &n->pred, &m->from, &m->to,
                m->back > REPLICAS_MAX ? 0 : m->back - 1U);
}

static void answer_value(struct chord *c, struct host *h, struct member *n,
                         const struct peer *to, struct chord_msg *reply)
{
    struct request *r = chord_request_find(c, reply->request);

    if (!chord_is_self(c, n, to))
        chord_send(h, to, reply);
    else if (r != NULL && r->kind == REQUEST_STORE)
        chord_on_value(c, h, n, r, reply);
}

/* A copy of a value that was put is safe. */
static void copy_acked(struct chord *c, struct host *h, struct member *n,
                       uint32_t copies_id)
{
    struct request *r = chord_request_find(c, copies_id);
    struct chord_msg reply;

    if (r == NULL || r->kind != REQUEST_COPIES)
        return;
    r->copies++;
    if (r->copies <= r->waiting) /* ourselves, and all who were asked */
        return;
    chord_begin(c, n, CHORD_VALUE, &reply);
    reply.request = r->other_request;
    reply.copies = r->copies;
    memset(&reply.item[0], 0, sizeof reply.item[0]);
    reply.item[0].key = r->key;
    reply.item[0].version = r->version;
    struct peer to = r->other;
    chord_request_close(c, h, r);
    answer_value(c, h, n, &to, &reply);
}

/* All of the arc has arrived at its owner, and we keep no copies. */
static void give_away(struct host *h, struct member *n, const struct id *from,
                      const struct id *to)
{
    struct item *i = n->items;

    while (i != NULL) {
        struct item *next = i->next;
        if (id_in_half_open(&i->key, from, to) && !is_mine(n, &i->key))
            drop(h, n, i);
        i = next;
    }
}

void chord_on_transfer_ack(struct chord *c, struct host *h, struct member *n,
                           struct request *r, const struct chord_msg *m)
{
    if (r->item != NULL) { /* a copy of a PUT, or a stray that came home */
        struct item_view v = chord_item_view_of(r->item);
        const struct item *i = chord_item_find(n, &v);
        bool stray = r->purpose == FOR_STRAY;
        uint32_t copies_id = r->other_request;
        if (stray && i != NULL && i->version == v.version &&
            !is_mine(n, &i->key))
            drop(h, n, i);
        chord_request_close(c, h, r);
        if (!stray)
            copy_acked(c, h, n, copies_id);
        return;
    }
    r->sent = (uint16_t)(r->sent + r->batch);
    if (r->full ? !r->more : m->same) {
        if (r->give && r->full)
            give_away(h, n, &r->key, &r->previous);
        chord_request_close(c, h, r);
        return;
    }
    r->tries = 0;
    r->full = true;
    chord_store_transfer(c, h, n, r);
}

/* -- PUT, GET, DEL ------------------------------------------------------- */

/* We are the owner: store, and send copies; answer when they are safe. */
static void put(struct chord *c, struct host *h, struct member *n,
                const struct peer *from, const struct chord_msg *m,
                struct chord_msg *reply)
{
    struct item_view v = m->item[0];
    const struct item *have = chord_item_find(n, &v);
    struct request *r;

    for (r = c->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_COPIES && peer_same(&r->other, from) &&
            r->other_request == m->request)
            return; /* the same PUT again: its copies are under way */
    v.version = have != NULL ? have->version + 1 : 1;
    v.deleted = m->type == CHORD_DEL;
    reply->item[0].version = v.version;
    r = chord_request_open(c, h, n, REQUEST_COPIES);
    if (r == NULL || !merge(h, n, &v)) {
        reply->status = VALUE_FULL;
        answer_value(c, h, n, from, reply);
        if (r != NULL)
            chord_request_close(c, h, r);
        return;
    }
    r->other = *from;
    r->other_request = m->request;
    r->key = v.key;
    r->version = v.version;
    uint32_t id = r->id;
    struct id before = just_before(c, &v.key);
    bool lecture = setting(c->settings, OPT_PLACEMENT) == PLACEMENT_LECTURE &&
                   setting(c->settings, OPT_REPLICAS) > 0;
    struct peer to[REPLICAS_MAX + 1];
    unsigned count = 0;
    for (unsigned k = 0; k < REPLICAS_MAX; k++) {
        to[count] = chord_store_target(c, n, k);
        count += !peer_none(&to[count]);
    }
    if (lecture && !peer_none(&n->pred) && !chord_is_self(c, n, &n->pred))
        to[count++] = n->pred;
    r->waiting = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        struct request *t = transfer_open(c, h, n, &to[i], &before, &v.key);
        if (t == NULL)
            continue; /* then the PUT will be sent again */
        t->other_request = id;
        t->item = chord_item_new(h, &v);
        chord_store_transfer(c, h, n, t);
    }
    copy_acked(c, h, n, id); /* our own */
}

void chord_on_store(struct chord *c, struct host *h, struct member *n,
                    const struct peer *from, const struct chord_msg *m)
{
    const struct item *have = chord_item_find(n, &m->item[0]);
    bool sure = is_mine(n, &m->item[0].key) && n->unsure == 0;
    struct chord_msg reply;

    chord_begin(c, n, CHORD_VALUE, &reply);
    reply.request = m->request;
    reply.item[0] = m->item[0];
    reply.item[0].value_len = 0;
    if (m->type == CHORD_GET && have != NULL && !have->deleted) {
        reply.item[0] = chord_item_view_of(have);
        reply.copies = 1;
    } else if (!sure) {
        reply.status = VALUE_ELSEWHERE;
    } else if (m->type == CHORD_GET) {
        reply.status = VALUE_ABSENT;
    } else {
        put(c, h, n, from, m, &reply);
        return;
    }
    answer_value(c, h, n, from, &reply);
}

void chord_store_ask(struct chord *c, struct host *h, struct member *n,
                     struct request *r)
{
    static const enum chord_type types[] = {
        [FOR_PUT] = CHORD_PUT, [FOR_GET] = CHORD_GET, [FOR_DEL] = CHORD_DEL};
    struct chord_msg m;

    r->peer = r->other;
    r->tries++;
    chord_request_due(c, h, r);
    chord_begin(c, n, types[r->purpose], &m);
    m.request = r->id;
    m.item[0] = chord_item_view_of(r->item);
    if (chord_is_self(c, n, &r->peer))
        chord_on_store(c, h, n, &r->peer, &m); /* may close r */
    else
        chord_send(h, &r->peer, &m);
}

void chord_on_value(struct chord *c, struct host *h, struct member *n,
                    struct request *r, const struct chord_msg *m)
{
    if (m->status == VALUE_ELSEWHERE) {
        chord_find_again(c, h, n, r, "the owner is changing");
        return;
    }
    chord_command_value(c, h, r, m);
    chord_request_close(c, h, r);
}

/* -- Maintenance --------------------------------------------------------- */

static bool is_busy_with_stray(const struct chord *c, const struct member *n)
{
    for (const struct request *r = c->requests; r != NULL; r = r->next)
        if (r->purpose == FOR_STRAY && r->vnode == n->vnode)
            return true;
    return false;
}

/* Look up the owner of a copy that nobody compares any more. */
static void send_stray(struct chord *c, struct host *h, struct member *n)
{
    struct item *stray = NULL;

    for (struct item *i = n->items; i != NULL; i = i->next) {
        if (is_mine(n, &i->key))
            i->idle = 0;
        else if (i->idle < STRAY_SYNCS)
            i->idle++;
        else if (stray == NULL)
            stray = i;
    }
    if (stray == NULL || is_busy_with_stray(c, n))
        return;
    struct item_view v = chord_item_view_of(stray);
    struct request *r = chord_find_open(c, h, n, FOR_STRAY, &v.key);
    if (r == NULL)
        return;
    r->item = chord_item_new(h, &v);
    chord_note(c, h, "key {} is not mine to keep: who owns it?", &v.key);
    chord_find_begin(c, h, n, r);
}

void chord_stray_found(struct chord *c, struct host *h, struct member *n,
                       struct request *r)
{
    if (chord_is_self(c, n, &r->other) || r->item == NULL) {
        chord_request_close(c, h, r);
        return;
    }
    r->kind = REQUEST_TRANSFER;
    r->peer = r->other;
    r->previous = r->key;
    r->key = just_before(c, &r->previous);
    r->tries = 0;
    chord_store_transfer(c, h, n, r);
}

void chord_store_round(struct chord *c, struct host *h, struct member *n)
{
    if (n->unsure > 0)
        n->unsure--;
    if (n->sync_wait > 0) {
        n->sync_wait--;
        return;
    }
    n->sync_wait = SYNC_ROUNDS - 1;
    send_stray(c, h, n);
    if (peer_none(&n->pred) ||
        (n->unsure == 0 && chord_store_checksum(n, &n->pred.id, &n->id) == 0))
        return;
    for (unsigned i = 0; i < REPLICAS_MAX; i++) {
        struct peer p = chord_store_target(c, n, i);
        compare(c, h, n, &p, &n->pred.id, &n->id, 0);
    }
    if (setting(c->settings, OPT_PLACEMENT) == PLACEMENT_LECTURE &&
        setting(c->settings, OPT_REPLICAS) > 0)
        compare(c, h, n, &n->pred, &n->pred.id, &n->id,
                (unsigned)setting(c->settings, OPT_REPLICAS) - 1);
}
