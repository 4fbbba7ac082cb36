/*
 * Messages on their way, values and their copies.
 *
 * A message goes from node to node, each of which picks the next by its own
 * tables and thus by its own round trips; every hop is acknowledged, so that
 * a dead one is found at once and gone round.  Whoever is nearest to the key
 * answers the origin directly.
 */
#include "pastry/node.h"

#include <assert.h>
#include <string.h>

unsigned pastry_replicas(const struct pastry *n)
{
    return (unsigned)setting(n->settings, OPT_REPLICAS);
}

/* -- Values -------------------------------------------------------------- */

struct item *pastry_item(const struct pastry *n, const struct id *key)
{
    struct item *i = n->items;

    while (i != NULL && !id_equal(&i->key, key))
        i = i->next;
    return i;
}

void pastry_drop(struct pastry *n, struct host *h, const struct id *key)
{
    struct item **at = &n->items, *i;

    while (*at != NULL && !id_equal(&(*at)->key, key))
        at = &(*at)->next;
    if ((i = *at) == NULL)
        return;
    *at = i->next;
    n->item_count--;
    host_free(h, i, sizeof *i + i->value_len);
}

bool pastry_keep(struct pastry *n, struct host *h, const struct id *key,
                 uint32_t version, const uint8_t *value, size_t len)
{
    struct item *old = pastry_item(n, key), **at = &n->items, *i;

    if (old != NULL && old->version >= version)
        return true;
    if (old == NULL && n->item_count == ITEMS_MAX)
        return false;
    if ((i = host_alloc(h, sizeof *i + len)) == NULL)
        return false;
    pastry_drop(n, h, key);
    i->key = *key;
    i->version = version;
    i->value_len = (uint16_t)len;
    if (len > 0)
        memcpy(i->value, value, len);
    while (*at != NULL && id_compare(&(*at)->key, key) < 0)
        at = &(*at)->next;
    i->next = *at;
    *at = i;
    n->item_count++;
    return true;
}

static void copy_to(struct pastry *n, struct host *h, const struct item *i,
                    const struct peer *p)
{
    const struct pastry_peer to = {*PEER_ID(p), peer_addr(p)};
    struct pastry_msg m;

    pastry_begin(n, PASTRY_STORE, &m);
    m.key = i->key;
    m.version = i->version;
    m.value = i->value;
    m.value_len = i->value_len;
    (void)pastry_request_open(n, h, REQUEST_STORED, &to, &m);
}

/* The nearest to the key sees to its copies; whoever else has one tells the
   nearest, who may be new and know nothing. */
static void spread(struct pastry *n, struct host *h, const struct item *i)
{
    enum rule rule;
    const struct peer *next = pastry_next(n, &i->key, NULL, &rule);

    if (next != NULL) {
        copy_to(n, h, i, next);
        return;
    }
    for (unsigned k = 0; k < (unsigned)n->low_count + n->high_count; k++) {
        const struct peer *p = pastry_peer_at(n, k);
        if (pastry_known(n, peer_addr(p)) == p && /* each once */
            pastry_is_replica(n, &i->key, PEER_ID(p), pastry_replicas(n)))
            copy_to(n, h, i, p);
    }
}

void pastry_replicate(struct pastry *n, struct host *h, uint32_t i)
{
    const struct item *item = n->items;

    for (i %= n->item_count; i > 0; i--)
        item = item->next;
    spread(n, h, item);
}

/* Source: as in PAST, which stores on the k nearest of the leaf set; a leaf
   counts one more while we are about to leave. */
void pastry_offer(struct pastry *n, struct host *h, const struct peer *to)
{
    for (const struct item *i = n->items; i != NULL; i = i->next)
        if (pastry_is_replica(n, &i->key, PEER_ID(to), pastry_replicas(n) + 1))
            copy_to(n, h, i, to);
}

/* -- At the end of the way ----------------------------------------------- */

/* What a newcomer gets from a node on its way: rows up to the shared digits,
   the deepest first; the leaf set from the last, neighbours from the first.
   Source: [pastry01] 2.4; it sends row i from the i-th node, we what fits. */
static void tell_newcomer(struct pastry *n, struct host *h,
                          const struct pastry_msg *m, bool last)
{
    unsigned row = pastry_shared(n, &n->id, &m->key);
    struct pastry_msg reply;
    const struct peer *p;
    unsigned leaves = (unsigned)n->low_count + n->high_count;

    pastry_begin(n, PASTRY_STATE, &reply);
    reply.request = m->origin_request;
    reply.part = last ? PART_LAST : PART_JOIN;
    reply.row = (uint8_t)(row < n->digits ? row : 0);
    reply.peer[reply.count++] = (struct pastry_peer){n->id, n->self};
    for (unsigned i = last ? 0 : leaves;
         (p = pastry_peer_at(n, i)) != NULL && reply.count < PEERS_MAX; i++) {
        bool entry = i >= leaves && i < leaves + n->entry_count;
        if (entry) /* backwards: the deepest row first */
            p = &n->entry[n->entry_count - 1 - (i - leaves)];
        if ((entry && pastry_shared(n, &n->id, PEER_ID(p)) > row) ||
            id_equal(PEER_ID(p), &m->key))
            continue;
        reply.peer[reply.count++] =
            (struct pastry_peer){*PEER_ID(p), peer_addr(p)};
    }
    pastry_send(h, m->origin.addr, &reply);
}

static void deliver(struct pastry *n, struct host *h, struct pastry_msg *m)
{
    struct item *i = pastry_item(n, &m->key);
    struct pastry_msg reply;

    if (m->purpose == FOR_PUT) {
        if (!pastry_keep(n, h, &m->key, i != NULL ? i->version + 1 : 1,
                         m->value, m->value_len))
            return; /* no room: the origin gives up in the end */
        i = pastry_item(n, &m->key);
        spread(n, h, i);
    }
    pastry_begin(n, PASTRY_REACHED, &reply);
    reply.request = m->origin_request;
    reply.key = m->key;
    reply.hops = m->hops;
    memcpy(reply.path, m->path, m->hops * sizeof m->path[0]);
    if (i != NULL && m->purpose != FOR_LOOKUP) {
        reply.found = 1;
        reply.version = i->version;
        reply.value = i->value;
        reply.value_len = i->value_len;
    }
    if (!addr_equal(m->origin.addr, n->self)) {
        pastry_send(h, m->origin.addr, &reply);
        return;
    }
    for (struct request *r = n->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_COMMAND && r->id == reply.request) {
            pastry_on_reached(n, h, r, n->self, &reply);
            return;
        }
}

void pastry_route(struct pastry *n, struct host *h, struct pastry_msg *m)
{
    const struct id *skip = m->purpose == FOR_JOIN ? &m->key : NULL;
    enum rule rule;
    bool end = m->hops > 0 && addr_equal(m->path[m->hops - 1], n->self);
    if (!end && m->hops == HOPS_MAX) {
        host_note(h, "too many hops: dropped");
        return;
    }
    if (!end)
        m->path[m->hops++] = n->self;
    const struct peer *next = pastry_next(n, &m->key, skip, &rule);
    if (m->purpose == FOR_JOIN && !addr_equal(m->origin.addr, n->self))
        tell_newcomer(n, h, m, next == NULL);
    if (next == NULL) {
        if (m->purpose != FOR_JOIN)
            deliver(n, h, m);
        return;
    }
    const struct pastry_peer to = {*PEER_ID(next), peer_addr(next)};
    unsigned shared = pastry_shared(n, &n->id, &m->key);
    assert(pastry_shared(n, PEER_ID(next), &m->key) > shared ||
           pastry_is_nearer(n, &m->key, PEER_ID(next), &n->id)); /* no loops */
    if (host_wants_notes(h))
        host_note(h, "%u digit%s shared with the key: next by %s", shared,
                  shared == 1 ? "" : "s",
                  rule == RULE_RARE   ? "the rare case"
                  : rule == RULE_LEAF ? "the leaf set"
                                      : "a longer prefix");
    m->active = n->active;
    m->sender = n->id;
    (void)pastry_request_open(n, h, REQUEST_HOP, &to, m);
}
