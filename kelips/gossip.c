/*
 * Gossip: every round a node tells three members of its group and three
 * contacts of other groups a few things that it knows.
 *
 * What fits is fixed by rations, so a node's traffic does not depend on how
 * many nodes there are [kelips03].  Half of each ration goes to what is new
 * here, the rest to anything else [p2psim].  The header carries the sender's
 * own heartbeat.  Nothing is drawn by lot while all of it fits.
 */
#include "kelips/node.h"

#include <string.h>

/* -- What to tell -------------------------------------------------------- */

/* Entries among which a ration is chosen. */
struct pool {
    struct entry *at;
    size_t count;
    enum kelips_kind kind;
    struct addr to; /* whom it is for: knows about itself */
};

static bool is_in(const struct kelips_msg *m, const struct entry *e)
{
    for (unsigned i = 0; i < m->count; i++)
        if (addr_equal(m->entry[i].addr, e->addr) &&
            id_equal(&m->entry[i].id, &e->id))
            return true;
    return false;
}

static void tell(const struct kelips *n, struct host *h, const struct pool *p,
                 struct entry *e, struct kelips_msg *m)
{
    if (m->count == ENTRIES_MAX || addr_none(e->addr) ||
        (p->kind == KELIPS_NODE && addr_equal(e->addr, p->to)) || is_in(m, e))
        return;
    m->entry[m->count++] = kelips_entry_of(n, h, e, p->kind);
    if (e->fresh > 0)
        e->fresh--;
}

static void fill(const struct kelips *n, struct host *h, const struct pool *p,
                 size_t ration, struct kelips_msg *m)
{
    size_t end = m->count + ration, half = m->count + (ration + 1) / 2;
    size_t start = 0;

    if (p->count == 0 || ration == 0)
        return;
    if (p->count <= ration) {
        for (size_t i = 0; i < p->count; i++)
            tell(n, h, p, &p->at[i], m);
        return;
    }
    start = (size_t)(host_random(h) % p->count);
    for (size_t i = 0; i < p->count && m->count < half; i++) {
        struct entry *e = &p->at[(start + i) % p->count];
        if (e->fresh > 0)
            tell(n, h, p, e, m);
    }
    /* Some draws hit what is told already, or a free place. */
    for (size_t tries = 0; tries < 4 * ration && m->count < end; tries++)
        tell(n, h, p, &p->at[host_random(h) % p->count], m);
}

static struct pool members(const struct kelips *n, struct addr to)
{
    return (struct pool){n->view.at, n->view.count, KELIPS_NODE, to};
}

static struct pool contacts_of(const struct kelips *n, uint16_t group,
                               struct addr to)
{
    return (struct pool){&n->contact[(size_t)group * n->contact_count],
                         n->contact_count, KELIPS_NODE, to};
}

static struct pool all_contacts(const struct kelips *n, struct addr to)
{
    return (struct pool){n->contact, kelips_places(n), KELIPS_NODE, to};
}

static void gossip_to(struct kelips *n, struct host *h, struct addr to,
                      bool inside)
{
    const struct settings *s = n->settings;
    struct kelips_msg m;
    struct pool p = members(n, to);

    kelips_begin(n, KELIPS_GOSSIP, &m);
    fill(n, h, &p, (size_t)setting(s, OPT_RATION_GROUP), &m);
    p = all_contacts(n, to);
    fill(n, h, &p, (size_t)setting(s, OPT_RATION_CONTACT), &m);
    p = (struct pool){n->tuples.at, n->tuples.count, KELIPS_TUPLE, to};
    if (inside) /* others have no use for our tuples */
        fill(n, h, &p, (size_t)setting(s, OPT_RATION_FILES), &m);
    n->gossip_bytes += kelips_send(h, to, &m);
    n->gossip_messages++;
}

/* -- To whom ------------------------------------------------------------- */

/* Up to TARGETS of the pool, each once; all of them when they are few.  A liar
   can tell of many nodes at one address: who is drawn again too often, is
   enough. */
static unsigned choose(struct host *h, const struct pool *p,
                       struct addr target[TARGETS])
{
    size_t known = 0;
    unsigned count = 0;

    for (size_t i = 0; i < p->count; i++)
        known += !addr_none(p->at[i].addr);
    if (known <= TARGETS) {
        for (size_t i = 0; i < p->count; i++)
            if (!addr_none(p->at[i].addr))
                target[count++] = p->at[i].addr;
        return count;
    }
    for (unsigned tries = 0; count < TARGETS && tries < DRAWS_MAX; tries++) {
        struct addr a = p->at[host_random(h) % p->count].addr;
        bool again = addr_none(a);
        for (unsigned i = 0; i < count; i++)
            again = again || addr_equal(target[i], a);
        if (!again)
            target[count++] = a;
    }
    return count;
}

static void gossip_among(struct kelips *n, struct host *h, const struct pool *p,
                         bool inside)
{
    struct addr target[TARGETS];
    unsigned count = choose(h, p, target);

    for (unsigned i = 0; i < count; i++)
        gossip_to(n, h, target[i], inside);
}

/* -- Measuring ----------------------------------------------------------- */

static void ping(struct kelips *n, struct host *h, struct addr to,
                 enum request_kind kind)
{
    struct request *r = kelips_request_open(n, h, kind);
    struct kelips_msg m;

    if (r == NULL)
        return;
    kelips_begin(n, KELIPS_PING, &m);
    kelips_ask(n, h, r, to, &m);
}

/* The entry that is pinged in its turn: members, then contacts. */
static const struct entry *in_turn(const struct kelips *n, uint32_t i)
{
    return i < n->view.count ? &n->view.at[i] : &n->contact[i - n->view.count];
}

/*
 * One ping a round: the candidate, else whom we never measured, else the next
 * in turn; so near contacts become known, and whoever is dead is found out
 * even while somebody claims the contrary.
 */
static void measure(struct kelips *n, struct host *h)
{
    uint32_t count = n->view.count + (uint32_t)kelips_places(n);
    const struct entry *chosen = NULL;

    if (!addr_none(n->candidate.addr)) {
        ping(n, h, n->candidate.addr, REQUEST_PONG);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint32_t at = (n->probe + 1 + i) % count;
        const struct entry *e = in_turn(n, at);
        if (addr_none(e->addr) || (chosen != NULL && e->rtt_us > 0))
            continue;
        if (chosen == NULL)
            n->probe = at;
        chosen = e;
        if (e->rtt_us == 0)
            break;
    }
    if (chosen != NULL)
        ping(n, h, chosen->addr, REQUEST_PONG);
}

/* One ping a round more, where there are tuples: does the next home live?  One
   that was silent is asked again before the next, so that a liar who tells of
   its files keeps it only for a while. */
static void look_at_home(struct kelips *n, struct host *h)
{
    if (n->tuples.count == 0)
        return;
    if (n->home_probe >= n->tuples.count ||
        n->tuples.at[n->home_probe].misses == 0)
        n->home_probe = (n->home_probe + 1) % n->tuples.count;
    if (!addr_equal(n->tuples.at[n->home_probe].addr, n->self))
        ping(n, h, n->tuples.at[n->home_probe].addr, REQUEST_PONG);
}

/* Now and then: is somebody back who was given up?  So two halves of the
   network that a partition made find each other again. */
static void look_at_grave(struct kelips *n, struct host *h)
{
    if (n->grave_count == 0 || n->rounds % GRAVE_ROUNDS != 0)
        return;
    n->grave_next = (uint8_t)((n->grave_next + 1) % n->grave_count);
    ping(n, h, n->grave[n->grave_next].addr, REQUEST_GRAVE);
}

/* As often: whom does a contact know in our group?  Two members that do not
   know each other, because each is some others' only contact in that group,
   would not hear of one another by gossip. */
static void ask_about_us(struct kelips *n, struct host *h)
{
    uint32_t places = (uint32_t)kelips_places(n);
    uint32_t start = n->rounds / GRAVE_ROUNDS;
    struct request *r = NULL;
    struct kelips_msg m;

    if (n->rounds % GRAVE_ROUNDS != GRAVE_ROUNDS / 2)
        return;
    for (uint32_t i = 0; i < places && r == NULL; i++) {
        const struct entry *e = &n->contact[(start + i) % places];
        if (addr_none(e->addr) ||
            (r = kelips_request_open(n, h, REQUEST_OWN)) == NULL)
            continue;
        kelips_begin(n, KELIPS_GET_CONTACT, &m);
        m.group = n->group;
        kelips_ask(n, h, r, e->addr, &m);
    }
}

void kelips_round(struct kelips *n, struct host *h)
{
    struct addr nobody = {0, 0};

    n->rounds++;
    if (setting(n->settings, OPT_FROZEN) != 0)
        return;
    n->heartbeat++;
    kelips_refresh(n, h);
    struct pool p = members(n, nobody);
    gossip_among(n, h, &p, true);
    p = all_contacts(n, nobody);
    gossip_among(n, h, &p, false);
    measure(n, h);
    look_at_home(n, h);
    look_at_grave(n, h);
    ask_about_us(n, h);
}

/* -- Newcomers ----------------------------------------------------------- */

void kelips_fill_contacts(struct kelips *n, struct host *h, uint16_t group,
                          struct kelips_msg *m)
{
    struct pool p = group == n->group ? members(n, n->self)
                                      : contacts_of(n, group, n->self);

    fill(n, h, &p, CONTACTS_MAX, m);
    p = (struct pool){&n->candidate, 1, KELIPS_NODE, n->self};
    if (!addr_none(n->candidate.addr) &&
        kelips_group(&n->candidate.id, n->groups) == group)
        fill(n, h, &p, 1, m);
}

/*
 * What a newcomer needs first are members of its own group, lest it stays
 * alone [p2psim]; then contacts, and when the group is ours, its tuples.
 */
void kelips_welcome(struct kelips *n, struct host *h, struct addr to,
                    const struct kelips_msg *question)
{
    uint16_t group = kelips_group(&question->sender, n->groups);
    struct pool pools[3] = {
        group == n->group ? members(n, to) : contacts_of(n, group, to),
        all_contacts(n, to),
        group == n->group
            ? (struct pool){n->tuples.at, n->tuples.count, KELIPS_TUPLE, to}
            : members(n, to)};
    struct kelips_msg m;
    unsigned sent = 0;

    kelips_begin(n, KELIPS_WELCOME, &m);
    m.request = question->request;
    for (unsigned k = 0; k < 3; k++)
        for (size_t i = 0; i < pools[k].count && sent < WELCOME_DATAGRAMS;
             i++) {
            tell(n, h, &pools[k], &pools[k].at[i], &m);
            if (m.count < ENTRIES_MAX)
                continue;
            (void)kelips_send(h, to, &m);
            sent++;
            m.count = 0;
        }
    if (sent < WELCOME_DATAGRAMS && (m.count > 0 || sent == 0))
        (void)kelips_send(h, to, &m);
}
