/*
 * The overlay seen from above; see check.h.
 *
 * A walk needs no memory of its own: each servent has a distance and a place
 * in the queue, which are no part of its state.
 */
#include "gnutella/check.h"

struct gnutella *gnutella_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &gnutella_protocol);
}

/* The live servent at the other end of a link, or NOWHERE. */
static uint32_t other_end(const struct network *net, const struct link *l)
{
    const struct host *h = net->by_addr(net, gnutella_link_peer(l));

    return h != NULL && gnutella_at(net, h->index) != NULL ? h->index : NOWHERE;
}

static bool is_in(const uint32_t *list, size_t count, uint32_t i)
{
    while (count > 0 && list[count - 1] != i)
        count--;
    return count > 0;
}

/* Those who have dialled `i` and do not tell where they listen: on real
   sockets only their own tables name the link. */
static size_t add_hidden(const struct network *net, size_t i, uint32_t *out,
                         size_t count)
{
    for (size_t k = 0; k < net->count && count < LINKS_MAX; k++) {
        const struct gnutella *n = gnutella_at(net, k);
        for (const struct link *l = n != NULL ? n->links : NULL; l != NULL;
             l = l->next)
            if (gnutella_link_is_up(l) && l->outgoing &&
                addr_equal(l->addr, net->host[i]->addr) &&
                !is_in(out, count, (uint32_t)k) && count < LINKS_MAX)
                out[count++] = (uint32_t)k;
    }
    return count;
}

size_t gnutella_neighbours(const struct network *net, size_t i,
                           uint32_t out[LINKS_MAX])
{
    const struct gnutella *n = gnutella_at(net, i);
    size_t count = 0;
    bool hidden = false;

    for (const struct link *l = n != NULL ? n->links : NULL; l != NULL;
         l = l->next) {
        if (!gnutella_link_is_up(l))
            continue;
        uint32_t other = other_end(net, l);
        hidden = hidden || (other == NOWHERE && addr_none(l->addr));
        if (other != NOWHERE && count < LINKS_MAX && !is_in(out, count, other))
            out[count++] = other;
    }
    return hidden ? add_hidden(net, i, out, count) : count;
}

size_t gnutella_measure(const struct network *net, size_t from)
{
    uint32_t head = (uint32_t)from, tail = (uint32_t)from, near[LINKS_MAX];
    size_t reached = 0;

    for (size_t i = 0; i < net->count; i++)
        if (gnutella_at(net, i) != NULL)
            gnutella_at(net, i)->distance = NOWHERE;
    if (gnutella_at(net, from) == NULL)
        return 0;
    gnutella_at(net, from)->distance = 0;
    gnutella_at(net, from)->next = NOWHERE;
    while (head != NOWHERE) {
        const struct gnutella *n = gnutella_at(net, head);
        size_t count = gnutella_neighbours(net, head, near);
        reached++;
        for (size_t k = 0; k < count; k++) {
            struct gnutella *other = gnutella_at(net, near[k]);
            if (other->distance != NOWHERE)
                continue;
            other->distance = n->distance + 1;
            other->next = NOWHERE;
            gnutella_at(net, tail)->next = near[k];
            tail = near[k];
        }
        head = n->next;
    }
    return reached;
}

size_t gnutella_link_count(const struct network *net)
{
    uint32_t near[LINKS_MAX];
    size_t ends = 0;

    for (size_t i = 0; i < net->count; i++)
        ends += gnutella_neighbours(net, i, near);
    return ends / 2;
}

/* -- Warm start ---------------------------------------------------------- */

static bool dials(const struct gnutella *n, struct addr to)
{
    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (addr_equal(l->addr, to))
            return true;
    return false;
}

/* Dial from one servent to another, if both have room and are not linked. */
static bool plan(const struct network *net, size_t from, size_t to)
{
    struct gnutella *a = gnutella_at(net, from), *b = gnutella_at(net, to);

    if (a == NULL || b == NULL || a == b ||
        b->planned >= gnutella_link_room(b) ||
        setting(b->settings, OPT_FIREWALLED) != 0 || dials(a, b->self) ||
        dials(b, a->self))
        return false;
    gnutella_greet_dial(a, net->host[from], b->self);
    a->planned++;
    b->planned++;
    return true;
}

#define TRIES 64

/* Through the one that it was told to join, or anyone that came before it (a
   `nodes` line tells all to join the first): so all hang together. */
static void plan_first(const struct network *net, size_t i)
{
    struct gnutella *n = gnutella_at(net, i);
    const struct host *join =
        addr_none(n->join) ? NULL : net->by_addr(net, n->join);

    if (join != NULL && join->index > 0 && join->index < i &&
        plan(net, i, join->index))
        return;
    for (unsigned k = 0; i > 0 && k < TRIES; k++)
        if (plan(net, i, (size_t)(host_random(net->host[i]) % i)))
            return;
    for (size_t k = 0; k < i; k++) /* bad luck: whoever has room */
        if (plan(net, i, k))
            return;
}

/*
 * Make a random connected overlay in which everyone has `degree` neighbours
 * or more, in place of whatever has been dialled: links are streams, so they
 * come up in the first moments of the run.
 */
void gnutella_warm(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        struct gnutella *n = gnutella_at(net, i);
        struct link *next;
        for (struct link *l = n != NULL ? n->links : NULL; l != NULL;
             l = next) {
            next = l->next;
            if (l->state != LINK_DIALLED)
                continue;
            host_abort(net->host[i], l->conn);
            gnutella_link_free(n, net->host[i], l);
        }
    }
    for (size_t i = 0; i < net->count; i++)
        if (gnutella_at(net, i) != NULL) {
            gnutella_at(net, i)->warm = true;
            gnutella_at(net, i)->joined = true;
            plan_first(net, i);
        }
    for (size_t i = 0; i < net->count; i++) {
        struct gnutella *n = gnutella_at(net, i);
        for (unsigned k = 0;
             n != NULL && k < TRIES &&
             n->planned < (unsigned)setting(n->settings, OPT_DEGREE);
             k++)
            (void)plan(net, i,
                       (size_t)(host_random(net->host[i]) % net->count));
    }
}

/* -- Settled ------------------------------------------------------------- */

static bool is_busy(const struct gnutella *n)
{
    if (n->search_count > 0 || n->downloads != NULL || n->leaving)
        return true;
    return gnutella_seek_is_on(n);
}

/* Nothing is under way, whoever can has a neighbour, and who looks for more
   has tried all that it knows. */
bool gnutella_settled(const struct network *net)
{
    size_t up = 0, lonely = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n == NULL)
            continue;
        if (is_busy(n))
            return false;
        up++;
        lonely += gnutella_degree(n) == 0;
    }
    return lonely == 0 || up == 1;
}

uint64_t gnutella_quiet_us(const struct settings *s)
{
    (void)s;
    return 2 * SEEK_US;
}

/* -- Invariants ---------------------------------------------------------- */

/* Does the other end of this link know of it, or not know yet who we are? */
static bool is_mutual(const struct network *net, size_t i, const struct link *l)
{
    uint32_t to = other_end(net, l);
    const struct gnutella *other = to != NOWHERE ? gnutella_at(net, to) : NULL;

    for (const struct link *k = other != NULL ? other->links : NULL; k != NULL;
         k = k->next)
        if (addr_none(k->addr) || other_end(net, k) == i)
            return true;
    return to == NOWHERE;
}

void gnutella_check(const struct network *net, struct findings *f)
{
    struct finding *mutual = findings_add(f, "links are mutual");
    struct finding *room = findings_add(f, "nobody has too many links");
    struct finding *alone = findings_add(f, "everyone has a neighbour");
    struct finding *whole = findings_add(f, "one overlay");
    size_t first = net->count, up = 0;

    alone->outside = whole->outside = true; /* whom they knew may be dead */
    for (size_t i = 0; i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n == NULL)
            continue;
        first = first < i ? first : i;
        up++;
        for (const struct link *l = n->links; l != NULL; l = l->next)
            if (gnutella_link_is_up(l) && !is_mutual(net, i, l))
                findings_break(mutual, "%s has a link that the other has not",
                               net->host[i]->name);
        if (gnutella_degree(n) > LINKS_MAX)
            findings_break(room, "%s has %u", net->host[i]->name,
                           gnutella_degree(n));
    }
    for (size_t i = 0; i < net->count; i++)
        if (up > 1 && gnutella_at(net, i) != NULL &&
            gnutella_degree(gnutella_at(net, i)) == 0)
            findings_break(alone, "%s has none", net->host[i]->name);
    if (first < net->count && gnutella_measure(net, first) < up)
        for (size_t i = 0; i < net->count; i++)
            if (gnutella_at(net, i) != NULL &&
                gnutella_at(net, i)->distance == NOWHERE)
                findings_break(whole, "%s and %s cannot reach each other",
                               net->host[first]->name, net->host[i]->name);
}
