/*
 * Soft state: what is accepted, how long it lives, and what takes whose
 * place.
 *
 * An entry is accepted when its heartbeat is newer than the one we know and
 * younger than its expiry.  Who has expired goes to the graves, which keep the
 * last heartbeat: for one expiry more nothing as old is accepted, so an old
 * message replayed brings nobody back (reference, 9.3).  Whoever leaves
 * MISSES_MAX requests in a row unanswered is given up at once, as member,
 * contact and home of files: it goes to the graves, and only a message from
 * itself brings it back, whatever others gossip.  So a liar keeps nobody alive
 * for ever.
 */
#include "kelips/node.h"

#include <assert.h>
#include <string.h>

/* -- Sorted tables ------------------------------------------------------- */

/* The place of an entry, or where it would go. */
static uint32_t table_place(const struct table *t, const struct id *id,
                            struct addr addr, bool *found)
{
    uint32_t low = 0, high = t->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct entry *e = &t->at[middle];
        int order = id_compare(&e->id, id);
        if (order == 0)
            order = e->addr.ip != addr.ip ? (e->addr.ip < addr.ip ? -1 : 1)
                                          : e->addr.port - addr.port;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < t->count && id_equal(&t->at[low].id, id) &&
             addr_equal(t->at[low].addr, addr);
    return low;
}

/* Close the gaps of entries without address; how many there were. */
static uint32_t table_close(struct table *t)
{
    uint32_t kept = 0, before = t->count;

    for (uint32_t i = 0; i < before; i++)
        if (!addr_none(t->at[i].addr))
            t->at[kept++] = t->at[i];
    t->count = kept;
    return before - kept;
}

static bool table_grow(struct table *t, struct host *h)
{
    uint32_t cap = t->cap + t->cap / 8 + 4; /* slack costs memory */
    struct entry *grown = host_alloc(h, cap * sizeof *grown);

    if (grown == NULL)
        return false;
    if (t->count > 0)
        memcpy(grown, t->at, t->count * sizeof *grown);
    host_free(h, t->at, t->cap * sizeof *grown);
    t->at = grown;
    t->cap = cap;
    return true;
}

/* Who makes room in a full table for an entry at `i`: of those beside it, the
   oldest that nobody here has heard directly, for that is what a liar would
   fill it with.  None: t->count.  Few are looked at and moved, as it may be
   the liar's next entry that asks. */
static uint32_t table_victim(const struct table *t, uint32_t i)
{
    uint32_t first = i > EVICT_LOOKS / 2 ? i - EVICT_LOOKS / 2 : 0;
    uint32_t oldest = t->count;

    for (i = first; i < t->count && i < first + EVICT_LOOKS; i++)
        if (t->at[i].rtt_us == 0 &&
            (oldest == t->count || t->at[i].made_us < t->at[oldest].made_us))
            oldest = i;
    return oldest;
}

static bool table_insert(struct table *t, struct host *h, uint32_t max,
                         const struct entry *e)
{
    bool found, full = t->count == max;
    uint32_t i = table_place(t, &e->id, e->addr, &found), end = t->count;

    assert(!found); /* the caller has looked */
    if (full && (end = table_victim(t, i)) == t->count)
        return false;
    if (!full && t->count == t->cap && !table_grow(t, h))
        return false;
    if (end < i) { /* the victim stood before it */
        i--;
        memmove(&t->at[end], &t->at[end + 1], (i - end) * sizeof t->at[0]);
    } else {
        memmove(&t->at[i + 1], &t->at[i], (end - i) * sizeof t->at[0]);
    }
    t->at[i] = *e;
    t->count += !full;
    return true;
}

/* -- Finding ------------------------------------------------------------- */

struct entry *kelips_contact(const struct kelips *n, uint16_t group, unsigned i)
{
    struct entry *e = &n->contact[(size_t)group * n->contact_count + i];

    return addr_none(e->addr) ? NULL : e;
}

static struct entry *member_by_addr(const struct kelips *n, struct addr peer)
{
    for (uint32_t i = 0; i < n->view.count; i++)
        if (addr_equal(n->view.at[i].addr, peer))
            return &n->view.at[i];
    return NULL;
}

struct entry *kelips_known(const struct kelips *n, struct addr peer)
{
    struct entry *e = member_by_addr(n, peer);
    size_t places = kelips_places(n);

    for (size_t i = 0; i < places && e == NULL; i++)
        if (!addr_none(peer) && addr_equal(n->contact[i].addr, peer))
            e = &n->contact[i];
    return e;
}

const struct entry *kelips_tuple(const struct kelips *n, const struct id *key)
{
    const struct entry *best = NULL;
    bool found;

    for (uint32_t i = table_place(&n->tuples, key, (struct addr){0, 0}, &found);
         i < n->tuples.count && id_equal(&n->tuples.at[i].id, key); i++)
        if (best == NULL || n->tuples.at[i].made_us > best->made_us)
            best = &n->tuples.at[i];
    return best;
}

/* -- Expiry -------------------------------------------------------------- */

/*
 * A heartbeat needs log N rounds to spread, and more when a message cannot
 * hold all there is to tell: entries / ration rounds pass until it is some
 * entry's turn (reference, 3).  Where `expiry` is not set, it follows the size
 * of the table.  Contacts, which travel through foreign groups, live twice as
 * long [p2psim].
 */
uint64_t kelips_expiry(const struct kelips *n, enum soft what)
{
    uint64_t given = (uint64_t)setting(n->settings, OPT_EXPIRY);
    uint64_t period = (uint64_t)setting(n->settings, OPT_PERIOD);
    uint64_t entries = n->view.count;
    uint64_t ration = (uint64_t)setting(n->settings, OPT_RATION_GROUP);

    if (given > 0)
        return what == SOFT_CONTACT ? 2 * given : given;
    if (what == SOFT_CONTACT) {
        entries = (uint64_t)(n->groups - 1) * n->contact_count;
        ration = (uint64_t)setting(n->settings, OPT_RATION_CONTACT);
    } else if (what == SOFT_TUPLE) {
        entries = n->tuples.count;
        ration = (uint64_t)setting(n->settings, OPT_RATION_FILES);
    }
    if (ration == 0)
        ration = 1;
    uint64_t rounds = SLACK_ROUNDS + 3 * ((entries + ration - 1) / ration);
    return period * (what == SOFT_CONTACT ? 2 * rounds : rounds);
}

static uint64_t age_of(const struct entry *e, struct host *h)
{
    int64_t age = (int64_t)host_now(h) - e->made_us;

    return age > 0 ? (uint64_t)age : 0;
}

/* -- Graves -------------------------------------------------------------- */

static struct entry *grave_of(struct kelips *n, struct addr peer)
{
    for (unsigned i = 0; i < n->grave_count; i++)
        if (addr_equal(n->grave[i].addr, peer))
            return &n->grave[i];
    return NULL;
}

/* Keep who is gone; the oldest grave makes room. */
static void bury(struct kelips *n, struct host *h, const struct entry *e)
{
    struct entry *g = grave_of(n, e->addr);

    if (g == NULL && n->grave_count == GRAVES_MAX) {
        memmove(n->grave, n->grave + 1, (GRAVES_MAX - 1) * sizeof n->grave[0]);
        n->grave_count--;
    }
    if (g == NULL)
        g = &n->grave[n->grave_count++];
    *g = *e;
    g->made_us = (int64_t)host_now(h);
}

static void unbury(struct kelips *n, struct addr peer)
{
    struct entry *g = grave_of(n, peer);

    if (g == NULL)
        return;
    *g = n->grave[--n->grave_count];
}

/* Does this grave belie what is said of its node, or of a file there? */
static bool is_belied(const struct kelips *n, struct host *h,
                      const struct entry *grave, const struct entry *said,
                      enum soft what)
{
    if (grave->misses >= MISSES_MAX)
        return true; /* who was silent must speak for itself */
    return what != SOFT_TUPLE && said->heartbeat <= grave->heartbeat &&
           age_of(grave, h) <= kelips_expiry(n, what);
}

/* -- Hearing ------------------------------------------------------------- */

/* A heartbeat that is newer must have been made later, too; else it is a lie,
   which would grow young again with each true one. */
static void renew(struct entry *known, const struct entry *e)
{
    if (e->heartbeat <= known->heartbeat || e->made_us <= known->made_us)
        return;
    known->heartbeat = e->heartbeat;
    known->made_us = e->made_us;
}

/* Who of a group's contacts should make room?  A free place, the one that
   does not answer, or the one not heard of for the longest time. */
static struct entry *worst_contact(const struct kelips *n, uint16_t group)
{
    struct entry *place = &n->contact[(size_t)group * n->contact_count];
    struct entry *worst = place;

    for (unsigned i = 0; i < n->contact_count; i++) {
        struct entry *e = &place[i];
        if (addr_none(e->addr))
            return e;
        if (e->misses > worst->misses ||
            (e->misses == worst->misses && e->made_us < worst->made_us))
            worst = e;
    }
    return worst;
}

/*
 * A contact for a foreign group.  A free place is taken; else a newcomer
 * must be much fresher than the worst (a quarter of its age), as [p2psim] has
 * it, or, once it has been measured, nearer (kelips_answered).  Who had the
 * place is a candidate again, and named to who asks for its group meanwhile:
 * two islands of a group whose members take turns as others' only contact
 * would not hear of one another.
 */
static void hear_contact(struct kelips *n, struct host *h, uint16_t group,
                         const struct entry *e)
{
    struct entry *place;

    for (unsigned i = 0; i < n->contact_count; i++) {
        place = kelips_contact(n, group, i);
        if (place != NULL && addr_equal(place->addr, e->addr)) {
            renew(place, e);
            return;
        }
    }
    place = worst_contact(n, group);
    struct entry other = *e; /* of the two, who is no contact */
    if (addr_none(place->addr) || place->misses > 0 ||
        age_of(e, h) * 4 < age_of(place, h)) {
        other = place->misses == 0 ? *place : other;
        *place = *e;
    }
    if (addr_none(n->candidate.addr) && !addr_equal(other.addr, place->addr))
        n->candidate = other;
}

static void hear_member(struct kelips *n, struct host *h, const struct entry *e)
{
    bool found;
    uint32_t i = table_place(&n->view, &e->id, e->addr, &found);

    if (found)
        renew(&n->view.at[i], e);
    else if (member_by_addr(n, e->addr) == NULL) /* not under two ids */
        (void)table_insert(&n->view, h, MEMBERS_MAX, e);
}

static void hear_tuple(struct kelips *n, struct host *h, const struct entry *e)
{
    bool found;
    uint32_t i = table_place(&n->tuples, &e->id, e->addr, &found);

    if (found)
        renew(&n->tuples.at[i], e);
    else
        (void)table_insert(&n->tuples, h, TUPLES_MAX, e);
}

void kelips_hear(struct kelips *n, struct host *h, const struct kelips_entry *k)
{
    struct entry e = {.made_us =
                          (int64_t)host_now(h) - (int64_t)k->age_ms * 1000,
                      .id = k->id,
                      .addr = k->addr,
                      .heartbeat = k->heartbeat,
                      .fresh = FRESH_TIMES};
    enum soft what = k->kind == KELIPS_TUPLE ? SOFT_TUPLE
                     : k->group == n->group  ? SOFT_MEMBER
                                             : SOFT_CONTACT;

    const struct entry *grave = grave_of(n, e.addr);
    if (addr_none(e.addr) || age_of(&e, h) > kelips_expiry(n, what) ||
        (what == SOFT_TUPLE ? k->group != n->group
                            : addr_equal(e.addr, n->self)) ||
        (grave != NULL && is_belied(n, h, grave, &e, what)))
        return;
    if (what == SOFT_TUPLE)
        hear_tuple(n, h, &e);
    else if (what == SOFT_MEMBER)
        hear_member(n, h, &e);
    else
        hear_contact(n, h, k->group, &e);
}

void kelips_heard_from(struct kelips *n, struct host *h, struct addr from,
                       const struct kelips_msg *m)
{
    struct kelips_entry k = {.kind = KELIPS_NODE,
                             .addr = from,
                             .id = m->sender,
                             .heartbeat = m->heartbeat,
                             .group = kelips_group(&m->sender, n->groups)};

    const struct entry *grave = grave_of(n, from);

    if (grave != NULL && grave->misses < MISSES_MAX &&
        grave->heartbeat == m->heartbeat)
        return; /* it answers, but its heart stands still */
    unbury(n, from);
    kelips_hear(n, h, &k);
    struct entry *e = kelips_known(n, from);
    if (e == NULL)
        return;
    e->misses = 0;
    if (e->heartbeat != m->heartbeat) { /* or less: it has begun anew */
        e->heartbeat = m->heartbeat;
        e->made_us = (int64_t)host_now(h);
    }
}

/* The candidate has been measured: it takes the place of a contact that is a
   third farther. */
static void judge_candidate(struct kelips *n, uint64_t rtt_us)
{
    uint16_t group = kelips_group(&n->candidate.id, n->groups);
    struct entry *farthest = NULL;

    n->candidate.rtt_us = (uint32_t)rtt_us;
    for (unsigned i = 0; i < n->contact_count; i++) {
        struct entry *e = kelips_contact(n, group, i);
        if (e != NULL && (farthest == NULL || e->rtt_us > farthest->rtt_us))
            farthest = e;
    }
    if (farthest != NULL && farthest->rtt_us / 4 * 3 > rtt_us)
        *farthest = n->candidate;
}

void kelips_answered(struct kelips *n, struct addr peer, uint64_t rtt_us)
{
    struct entry *e = kelips_known(n, peer);

    if (rtt_us == 0)
        rtt_us = 1; /* 0 means: never measured */
    if (rtt_us > UINT32_MAX)
        rtt_us = UINT32_MAX;
    for (uint32_t i = 0; i < n->tuples.count; i++)
        if (addr_equal(n->tuples.at[i].addr, peer))
            n->tuples.at[i].misses = 0;
    if (e != NULL)
        e->rtt_us = (uint32_t)rtt_us;
    else if (addr_equal(n->candidate.addr, peer))
        judge_candidate(n, rtt_us);
    if (addr_equal(n->candidate.addr, peer))
        n->candidate.addr = (struct addr){0, 0};
}

void kelips_missed(struct kelips *n, struct host *h, struct addr peer)
{
    struct entry *e = kelips_known(n, peer), worst = {.misses = 0};

    if (addr_equal(n->candidate.addr, peer))
        n->candidate.addr = (struct addr){0, 0};
    if (e != NULL && ++e->misses > 0)
        worst = *e;
    for (uint32_t i = 0; i < n->tuples.count; i++)
        if (addr_equal(n->tuples.at[i].addr, peer) &&
            ++n->tuples.at[i].misses > worst.misses)
            worst = n->tuples.at[i];
    if (worst.misses < MISSES_MAX)
        return;
    bury(n, h, &worst);
    if (e != NULL)
        *e = (struct entry){.made_us = 0};
    (void)table_close(&n->view);
    for (uint32_t i = 0; i < n->tuples.count; i++)
        if (addr_equal(n->tuples.at[i].addr, peer))
            n->tuples.at[i].addr = (struct addr){0, 0};
    (void)table_close(&n->tuples);
    host_note(h, "a peer was silent %d times: given up", MISSES_MAX);
}

void kelips_note_tuple(struct kelips *n, struct host *h, const struct id *key,
                       struct addr home, uint32_t heartbeat)
{
    struct kelips_entry k = {.kind = KELIPS_TUPLE,
                             .addr = home,
                             .id = *key,
                             .heartbeat = heartbeat,
                             .group = kelips_group(key, n->groups)};

    kelips_hear(n, h, &k);
}

/* Contacts alone do not bring a node back into its group: to each of them the
   only one they know of that group may be the node itself. */
bool kelips_alone(const struct kelips *n)
{
    return n->view.count == 0;
}

void kelips_purge(struct kelips *n, struct host *h)
{
    uint64_t member = kelips_expiry(n, SOFT_MEMBER);
    uint64_t contact = kelips_expiry(n, SOFT_CONTACT);
    uint64_t tuple = kelips_expiry(n, SOFT_TUPLE);
    size_t places = kelips_places(n);
    unsigned gone = 0;

    n->purged_us = host_now(h);
    for (uint32_t i = 0; i < n->view.count; i++)
        if (age_of(&n->view.at[i], h) > member) {
            bury(n, h, &n->view.at[i]);
            n->view.at[i].addr = (struct addr){0, 0};
        }
    for (uint32_t i = 0; i < n->tuples.count; i++)
        if (age_of(&n->tuples.at[i], h) > tuple)
            n->tuples.at[i].addr = (struct addr){0, 0};
    gone = table_close(&n->view) + table_close(&n->tuples);
    for (size_t i = 0; i < places; i++)
        if (!addr_none(n->contact[i].addr) &&
            age_of(&n->contact[i], h) > contact) {
            bury(n, h, &n->contact[i]);
            n->contact[i] = (struct entry){.made_us = 0};
            gone++;
        }
    for (unsigned i = n->grave_count; i-- > 0 && !kelips_alone(n);)
        if (age_of(&n->grave[i], h) > 4 * contact) /* looked for in vain */
            n->grave[i] = n->grave[--n->grave_count];
    if (gone > 0)
        host_note(h, "%u %s without a new heartbeat: forgotten", gone,
                  gone == 1 ? "entry" : "entries");
}

/* -- The rest ------------------------------------------------------------ */

struct kelips_entry kelips_entry_of(const struct kelips *n, struct host *h,
                                    const struct entry *e,
                                    enum kelips_kind kind)
{
    return (struct kelips_entry){.kind = (uint8_t)kind,
                                 .addr = e->addr,
                                 .id = e->id,
                                 .heartbeat = e->heartbeat,
                                 .age_ms = (uint32_t)(age_of(e, h) / 1000),
                                 .group = kelips_group(&e->id, n->groups)};
}

uint32_t kelips_entries(const struct kelips *n)
{
    uint32_t count = n->view.count + n->tuples.count;
    size_t places = kelips_places(n);

    for (size_t i = 0; i < places; i++)
        count += !addr_none(n->contact[i].addr);
    return count;
}

uint64_t kelips_bytes(const struct kelips *n)
{
    uint64_t entries = (uint64_t)n->view.cap + n->tuples.cap + kelips_places(n);

    return sizeof *n + entries * sizeof(struct entry);
}

void kelips_forget_all(struct kelips *n)
{
    n->view.count = n->tuples.count = 0;
    n->grave_count = 0;
    n->candidate = (struct entry){.made_us = 0};
    memset(n->contact, 0, kelips_places(n) * sizeof n->contact[0]);
}

bool kelips_put(struct kelips *n, struct host *h, enum soft what,
                const struct entry *e)
{
    bool found;

    if (what == SOFT_CONTACT) {
        struct entry *place = worst_contact(n, kelips_group(&e->id, n->groups));
        bool free_place = addr_none(place->addr);
        if (free_place)
            *place = *e;
        return free_place;
    }
    struct table *t = what == SOFT_TUPLE ? &n->tuples : &n->view;
    (void)table_place(t, &e->id, e->addr, &found);
    return found ||
           table_insert(t, h, what == SOFT_TUPLE ? TUPLES_MAX : MEMBERS_MAX, e);
}
