/* What must hold across all nodes; see check.h. */
#include "fasttrack/check.h"

#include <string.h>

struct fasttrack *fasttrack_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &fasttrack_protocol);
}

/* A firewalled child does not tell where it listens: it is found by its name.
   (A caller's port is another than the one that it listens on.) */
const struct host *fasttrack_other(const struct network *net,
                                   const struct link *l)
{
    const struct host *h = l->addr.port != 0 ? net->by_addr(net, l->addr)
                           : l->child != NULL
                               ? net->by_name(net, l->child->user)
                               : NULL;

    return h != NULL && fasttrack_at(net, h->index) != NULL ? h : NULL;
}

uint32_t fasttrack_supernodes(const struct network *net)
{
    uint32_t count = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        count += n != NULL && is_supernode(n);
    }
    return count;
}

/* -- Warm start ---------------------------------------------------------- */

static void undial(const struct network *net, size_t i)
{
    struct fasttrack *n = fasttrack_at(net, i);
    struct link *next;

    for (struct link *l = n->links; l != NULL; l = next) {
        next = l->next;
        if (l->state != LINK_DIAL)
            continue;
        host_abort(net->host[i], l->conn);
        fasttrack_link_free(n, net->host[i], l);
    }
    n->probing = false;
    n->seeking = n->news = false; /* their timers are gone */
    n->planned = 0;
}

static bool plan(const struct network *net, size_t from, size_t to,
                 enum peer peer, uint32_t most)
{
    struct fasttrack *n = fasttrack_at(net, from);
    struct fasttrack *other = fasttrack_at(net, to);

    if (from == to || other->planned >= most ||
        fasttrack_link_with(n, other->self, peer) != NULL ||
        fasttrack_link_with(other, n->self, peer) != NULL)
        return false;
    fasttrack_known_add(n, other->self, 50);
    fasttrack_link_dial(n, net->host[from], other->self, peer);
    n->planned++;
    other->planned++;
    return true;
}

struct supernodes {
    uint32_t *at; /* their indices */
    uint32_t count;
};

static void plan_overlay(const struct network *net, const struct supernodes *s)
{
    for (uint32_t k = 1; k < s->count; k++) { /* all hang together */
        struct host *h = net->host[s->at[k]];
        (void)plan(net, s->at[k], s->at[host_random(h) % k], PEER_SUPERNODE,
                   UINT32_MAX);
    }
    for (uint32_t k = 0; k < s->count; k++) {
        struct fasttrack *n = fasttrack_at(net, s->at[k]);
        struct host *h = net->host[s->at[k]];
        uint32_t degree = (uint32_t)option(n, OPT_DEGREE);
        for (unsigned i = 0; i < 64 && n->planned < degree; i++)
            (void)plan(net, s->at[k], s->at[host_random(h) % s->count],
                       PEER_SUPERNODE, 2 * degree);
    }
    for (uint32_t k = 0; k < s->count; k++) /* from here on: its children */
        fasttrack_at(net, s->at[k])->planned = 0;
}

/* The supernode with the fewest children so far, of equals any. */
static uint32_t least_planned(const struct network *net,
                              const struct supernodes *s, uint64_t chance,
                              const struct fasttrack *child)
{
    uint32_t best = UINT32_MAX, least = UINT32_MAX;

    for (uint32_t k = 0; k < s->count; k++) {
        uint32_t at = s->at[(k + chance) % s->count];
        const struct fasttrack *n = fasttrack_at(net, at);
        if (n->planned < least &&
            fasttrack_link_with(child, n->self, PEER_PARENT) == NULL) {
            best = at;
            least = n->planned;
        }
    }
    return best;
}

/* Below the supernode that it was told to join, if that is not the very first
   (a `nodes` line tells all to join that one), and else evenly, by lot. */
static void plan_children(const struct network *net, const struct supernodes *s)
{
    for (unsigned told = 0; told < 2; told++)
        for (size_t i = 0; i < net->count; i++) {
            struct fasttrack *n = fasttrack_at(net, i);
            if (n == NULL || is_supernode(n))
                continue;
            const struct host *join = net->by_addr(net, n->join);
            const struct fasttrack *to = join != NULL && join->index > 0
                                             ? fasttrack_at(net, join->index)
                                             : NULL;
            bool is_told = to != NULL && is_supernode(to);
            int64_t left = option(n, OPT_REDUNDANCY) - (told == 1 && is_told);
            if (told == 0 && is_told)
                (void)plan(net, i, join->index, PEER_PARENT, UINT32_MAX);
            for (; told == 1 && left > 0; left--) {
                uint32_t at = least_planned(
                    net, s, host_random(net->host[i]) % s->count, n);
                if (at != UINT32_MAX)
                    (void)plan(net, i, at, PEER_PARENT, UINT32_MAX);
            }
        }
}

/*
 * A random overlay of supernodes, and ordinary nodes spread evenly below
 * them, in place of whatever has been dialled: sessions are streams, so they
 * come up in the first moments of the run.
 */
void fasttrack_warm(const struct network *net)
{
    struct supernodes s = {NULL, fasttrack_supernodes(net)};

    for (size_t i = 0; i < net->count; i++) {
        if (fasttrack_at(net, i) == NULL)
            continue;
        undial(net, i);
        fasttrack_begin(fasttrack_at(net, i), net->host[i]);
    }
    size_t bytes = s.count * sizeof *s.at;
    s.at = s.count > 0 ? host_alloc(net->host[0], bytes) : NULL;
    if (s.at == NULL)
        return;
    for (size_t i = 0, k = 0; i < net->count; i++)
        if (fasttrack_at(net, i) != NULL && is_supernode(fasttrack_at(net, i)))
            s.at[k++] = (uint32_t)i;
    plan_overlay(net, &s);
    plan_children(net, &s);
    host_free(net->host[0], s.at, bytes);
}

/* -- Settled ------------------------------------------------------------- */

static bool is_opening(const struct fasttrack *n)
{
    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (l->state < LINK_UP || l->state == LINK_CLOSING ||
            (l->state == LINK_UP && l->peer == PEER_UNKNOWN))
            return true;
    return false;
}

static bool has_room(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n != NULL && is_supernode(n) && !n->leaving &&
            n->super->children < (uint32_t)option(n, OPT_CHILDREN))
            return true;
    }
    return false;
}

static bool has_session(const struct fasttrack *n)
{
    return is_supernode(n) ? n->super->links + n->super->children > 0
                           : fasttrack_parents(n) > 0;
}

/* Who has a session may look for more of them for ever, since some that it
   knows of are dead; and who has tried in vain for long may be without hope:
   all are full. */
static bool is_busy(const struct fasttrack *n)
{
    bool looks = (n->probing || is_opening(n)) && !has_session(n) &&
                 n->misses <= 2 * MISSES_MAX;

    return n->search.command != 0 || n->downloads != NULL || n->trees != NULL ||
           n->leaving || looks;
}

/* Without a parent, and there is hope: a place somewhere, or to be a supernode
   when its patience is at an end. */
static bool is_hopeful(const struct network *net, const struct fasttrack *n,
                       bool room)
{
    const char *why;

    return !is_supernode(n) && fasttrack_parents(n) == 0 &&
           n->known_count > 0 &&
           ((room && n->misses <= 2 * MISSES_MAX) ||
            fasttrack_eligible(n, net->now_us, &why));
}

/* Nothing is under way, and whoever has no parent could have none. */
bool fasttrack_settled(const struct network *net)
{
    bool room = has_room(net);

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n != NULL && (is_busy(n) || is_hopeful(net, n, room)))
            return false;
    }
    return true;
}

uint64_t fasttrack_quiet_us(const struct settings *s)
{
    (void)s;
    return 2 * PARENT_RETRY_US;
}

/* For the explorer: how old a supernode is decides nothing. */
void fasttrack_canonical(const struct network *net, const struct host *from,
                         const struct host *to, uint8_t *data, size_t len)
{
    static const size_t age = HEADER_BYTES + 10; /* address, load, 2, degree */

    (void)net;
    (void)from;
    (void)to;
    if (len >= age + 4 && data[0] == 'K' && data[1] == MSG_NEIGHBOURS)
        memset(data + age, 0, 4);
    else if (len > 6 && data[0] == UDP_PONG)
        data[6] = 0;
}

/* -- Invariants ---------------------------------------------------------- */

static void check_counts(const struct network *net, size_t i,
                         struct finding *counts)
{
    const struct fasttrack *n = fasttrack_at(net, i);
    uint32_t children = 0, links = 0, files = n->super->own->file_count;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        children += l->child != NULL;
        links += l->peer == PEER_SUPERNODE && l->announced;
        files += l->child != NULL ? l->child->file_count : 0;
    }
    if (children != n->super->children || links != n->super->links ||
        files != n->super->files)
        findings_break(counts, "%s counts %u children, %u links, %u files",
                       net->host[i]->name, n->super->children, n->super->links,
                       n->super->files);
}

/* Is a child's entry that of a node which thinks so too? */
static bool is_mutual(const struct network *net, size_t i, const struct link *l)
{
    const struct host *h = fasttrack_other(net, l);
    const struct fasttrack *other = h != NULL ? h->node : NULL;

    for (const struct link *k = other != NULL ? other->links : NULL; k != NULL;
         k = k->next)
        if (k->peer == PEER_PARENT && k->state == LINK_UP &&
            addr_equal(k->addr, net->host[i]->addr))
            return true;
    return false;
}

/*
 * A storm: many make themselves supernodes at once where one was enough,
 * because the supernode that they found was full.  The rule that prevents it:
 * a supernode that says "full" sees to another (elect.c), so whoever it told
 * so in the last FULL_ROUNDS rounds of seeking is patient for PATIENT_ROUNDS
 * at least.  Broken where one was not, and that supernode still lives.
 */
static void check_storm(const struct network *net, size_t i,
                        struct finding *storm)
{
    const struct supernode *s = fasttrack_at(net, i)->super;
    const struct host *by =
        !addr_none(s->denied) ? net->by_addr(net, s->denied) : NULL;
    const struct fasttrack *full =
        by != NULL ? fasttrack_at(net, by->index) : NULL;

    if (full != NULL && is_supernode(full) && s->waited <= PATIENT_ROUNDS)
        findings_break(storm,
                       "%s made itself a supernode after %u rounds, though %s "
                       "had said that it is full",
                       net->host[i]->name, s->waited, by->name);
}

void fasttrack_check(const struct network *net, struct findings *f)
{
    struct finding *parent = findings_add(f, "a parent, or looking for one");
    struct finding *caps = findings_add(f, "no supernode is too full");
    struct finding *counts = findings_add(f, "counters agree");
    struct finding *stale = findings_add(f, "no index of who is gone");
    struct finding *storm = findings_add(f, "no promotion storm");
    bool quiet = fasttrack_settled(net);

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n == NULL || n->leaving)
            continue;
        if (!is_supernode(n)) {
            if (fasttrack_parents(n) == 0 && !n->seeking && !is_opening(n) &&
                n->known_count > 0)
                findings_break(parent, "%s has none", net->host[i]->name);
            continue;
        }
        if (n->super->children > (uint32_t)option(n, OPT_CHILDREN))
            findings_break(caps, "%s has %u children", net->host[i]->name,
                           n->super->children);
        check_counts(net, i, counts);
        check_storm(net, i, storm);
        for (const struct link *l = n->links; l != NULL && quiet; l = l->next)
            if (fasttrack_link_is(l, PEER_CHILD) && !is_mutual(net, i, l))
                findings_break(stale, "%s lists a child that is not its own",
                               net->host[i]->name);
    }
}
