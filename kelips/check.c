/*
 * What must hold over the whole network, and the perfect tables of `warm`.
 *
 * Some of it holds always: nobody is in a view or a contact of the wrong
 * group.  The rest is what gossip brings about once nothing changes any more
 * (reference, 9.4): every view is its group, every group can be reached, every
 * member of a file's group knows its home.
 */
#include "kelips/check.h"

#include <string.h>

struct kelips *kelips_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &kelips_protocol);
}

struct kelips *kelips_by_addr(const struct network *net, struct addr a)
{
    return network_node(net->by_addr(net, a), &kelips_protocol);
}

uint32_t kelips_group_size(const struct network *net, uint16_t group)
{
    uint32_t size = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct kelips *n = kelips_at(net, i);
        size += n != NULL && n->group == group;
    }
    return size;
}

const struct file *kelips_home(const struct network *net, const struct id *key,
                               struct host **h)
{
    const struct file *best = NULL;

    for (size_t i = 0; i < net->count; i++) {
        const struct kelips *n = kelips_at(net, i);
        const struct file *f = n != NULL ? kelips_file(n, key) : NULL;
        if (f == NULL || (best != NULL && f->heartbeat <= best->heartbeat))
            continue;
        best = f;
        *h = net->host[i];
    }
    return best;
}

/* -- A lookup as tables stand -------------------------------------------- */

/* Whom would `n` ask, of the live ones it knows in the group? */
static struct kelips *live_contact(const struct network *net,
                                   const struct kelips *n, uint16_t group)
{
    const struct entry *best = NULL;

    for (unsigned i = 0; i < n->contact_count; i++) {
        const struct entry *e = kelips_contact(n, group, i);
        if (e == NULL || kelips_by_addr(net, e->addr) == NULL)
            continue;
        if (best == NULL ||
            (e->rtt_us != 0 && (best->rtt_us == 0 || e->rtt_us < best->rtt_us)))
            best = e;
    }
    return best != NULL ? kelips_by_addr(net, best->addr) : NULL;
}

/* A live contact in the group, or what somebody of our own group knows. */
static struct kelips *asked_member(const struct network *net,
                                   const struct kelips *n, uint16_t group,
                                   struct kelips **via)
{
    struct kelips *member = live_contact(net, n, group);

    *via = NULL;
    for (uint32_t i = 0; i < n->view.count && member == NULL; i++) {
        *via = kelips_by_addr(net, n->view.at[i].addr);
        if (*via != NULL)
            member = live_contact(net, *via, group);
    }
    return member;
}

static void step_to(const struct network *net, struct way *w,
                    const struct kelips *n)
{
    struct host *h = net->by_addr(net, n->self);

    if (w->at[w->count - 1] != h)
        w->at[w->count++] = h;
}

struct way kelips_way(const struct network *net, struct host *from,
                      const struct id *key)
{
    const struct kelips *n = from->node;
    struct way w = {.at = {from}, .count = 1};
    uint16_t group = kelips_group(key, n->groups);
    struct kelips *via = NULL, *knows = from->node;

    w.found = kelips_file(n, key) != NULL;
    if (w.found)
        return w;
    if (group != n->group) {
        knows = asked_member(net, n, group, &via);
        if (via != NULL && knows != NULL)
            step_to(net, &w, via);
        if (knows != NULL)
            step_to(net, &w, knows);
        w.calls = via != NULL ? 2 : 1;
    }
    const struct entry *t = knows != NULL ? kelips_tuple(knows, key) : NULL;
    const struct kelips *home = t != NULL ? kelips_by_addr(net, t->addr) : NULL;
    if (home != NULL)
        step_to(net, &w, home);
    w.found = home != NULL;
    return w;
}

/* -- Invariants ---------------------------------------------------------- */

struct checks {
    const struct network *net;
    struct finding *groups, *bounds, *views, *contacts, *tuples, *joined;
};

static bool is_live_of(const struct network *net, const struct entry *e,
                       uint16_t group)
{
    const struct kelips *n = kelips_by_addr(net, e->addr);

    return n != NULL && n->group == group && id_equal(&n->id, &e->id);
}

static void check_view(const struct checks *k, const struct kelips *n,
                       const char *name, uint32_t size)
{
    uint32_t live = 0;

    for (uint32_t i = 0; i < n->view.count; i++) {
        const struct entry *e = &n->view.at[i];
        if (kelips_group(&e->id, n->groups) != n->group ||
            addr_equal(e->addr, n->self))
            findings_break(k->groups,
                           "%s has itself, or a stranger, in its "
                           "view",
                           name);
        if (is_live_of(k->net, e, n->group))
            live++;
        else if (k->views->holds)
            findings_break(k->views, "%s still lists a node that is gone",
                           name);
    }
    if (live + 1 < size && k->views->holds)
        findings_break(k->views, "%s knows %u of the %u others in group %u",
                       name, (unsigned)live, (unsigned)size - 1,
                       (unsigned)n->group);
}

static void check_contacts(const struct checks *k, const struct kelips *n,
                           const char *name, uint16_t group, uint32_t size)
{
    bool live = false;

    for (unsigned i = 0; i < n->contact_count; i++) {
        const struct entry *e = kelips_contact(n, group, i);
        if (e == NULL)
            continue;
        if (kelips_group(&e->id, n->groups) != group ||
            addr_equal(e->addr, n->self))
            findings_break(k->groups, "%s has a contact in the wrong group",
                           name);
        live = live || is_live_of(k->net, e, group);
    }
    if (!live && size > 0 && k->contacts->holds)
        findings_break(k->contacts, "%s has no live contact in group %u", name,
                       (unsigned)group);
}

/* Does every live member of its group know the home of this file? */
static void check_file(const struct checks *k, const struct kelips *home,
                       const struct file *f)
{
    uint16_t group = kelips_group(&f->key, home->groups);

    for (size_t i = 0; i < k->net->count && k->tuples->holds; i++) {
        const struct kelips *n = kelips_at(k->net, i);
        if (n != NULL && n->member && n->group == group &&
            kelips_tuple(n, &f->key) == NULL)
            findings_break(k->tuples, "%s does not know of a file of %s",
                           k->net->host[i]->name,
                           k->net->by_addr(k->net, home->self)->name);
    }
}

/* Members of all groups; who has not joined yet is nobody's to know.  The
   count is bounded by GROUPS_MAX. */
static void count_groups(const struct network *net, uint32_t size[GROUPS_MAX])
{
    memset(size, 0, GROUPS_MAX * sizeof size[0]);
    for (size_t i = 0; i < net->count; i++) {
        const struct kelips *n = kelips_at(net, i);
        if (n != NULL && n->member)
            size[n->group]++;
    }
}

void kelips_check(const struct network *net, struct findings *f)
{
    struct checks k = {.net = net};
    uint32_t size[GROUPS_MAX];

    k.groups = findings_add(f, "entries stand in their group");
    k.bounds = findings_add(f, "tables keep their bounds");
    k.joined = findings_add(f, "all live nodes have joined");
    k.joined->outside = true; /* whom it joins may be dead for good */
    k.views = findings_add(f, "every view has its whole group");
    k.contacts = findings_add(f, "every group has a live contact");
    k.tuples = findings_add(f, "every member knows its group's files");
    count_groups(net, size);
    for (size_t i = 0; i < net->count; i++) {
        const struct kelips *n = kelips_at(net, i);
        if (n == NULL)
            continue;
        const char *name = net->host[i]->name;
        if (!n->member) {
            findings_break(k.joined, "%s has not joined yet", name);
            continue;
        }
        if (n->view.count > MEMBERS_MAX || n->tuples.count > TUPLES_MAX ||
            n->request_count > REQUESTS_MAX || n->file_count > FILES_MAX)
            findings_break(k.bounds, "%s keeps more than it may", name);
        check_view(&k, n, name, size[n->group]);
        for (uint16_t g = 0; g < n->groups; g++)
            if (g != n->group)
                check_contacts(&k, n, name, g, size[g]);
        for (const struct file *file = n->files; file != NULL;
             file = file->next)
            check_file(&k, n, file);
    }
}

bool kelips_settled(const struct network *net)
{
    struct findings f = {.count = 0};

    kelips_check(net, &f);
    bool hold = findings_hold(&f);
    findings_free(&f);
    return hold;
}

uint64_t kelips_quiet_us(const struct settings *s)
{
    return 2 * (uint64_t)setting(s, OPT_PERIOD);
}

/* The model: the last member of a group does not die while its group holds
   tuples or others count on it (then nothing could be looked up there). */
bool kelips_may_fail(const struct network *net, const struct host *h)
{
    const struct kelips *n = h->node;
    uint32_t size[GROUPS_MAX];

    count_groups(net, size);
    return n != NULL && (!n->member || size[n->group] > 1);
}

/* -- The explorer -------------------------------------------------------- */

/* Numbers of questions differ from run to run: a message has the place of
   its request among the open ones of whoever asked; 0: nobody waits. */
void kelips_canonical(const struct network *net, const struct host *from,
                      const struct host *to, uint8_t *data, size_t len)
{
    struct kelips_msg m;
    const struct host *asker = from;
    uint32_t rank = 0, at = 0;

    (void)net;
    if (!kelips_decode(&m, data, len) || m.type == KELIPS_GOSSIP)
        return;
    if (m.type == KELIPS_WELCOME || m.type == KELIPS_FOUND ||
        m.type == KELIPS_NOTHERE || m.type == KELIPS_CONTACTS ||
        m.type == KELIPS_INSERTED || m.type == KELIPS_DATA ||
        m.type == KELIPS_PONG)
        asker = to;
    const struct kelips *n =
        asker->protocol == &kelips_protocol ? asker->node : NULL;
    for (const struct request *r = n != NULL ? n->requests : NULL; r != NULL;
         r = r->next) {
        at++;
        if (r->id == m.request)
            rank = at;
    }
    for (unsigned i = 0; i < 4; i++)
        data[HEADER_BYTES + i] = (uint8_t)(rank >> (24 - 8 * i));
}

/* -- Warm ---------------------------------------------------------------- */

static struct entry entry_for(const struct network *net, const struct kelips *n)
{
    return (struct entry){.made_us = (int64_t)net->now_us,
                          .id = n->id,
                          .addr = n->self,
                          .heartbeat = n->heartbeat};
}

/* Each group's live nodes, one group behind the other. */
struct roll {
    uint32_t first[GROUPS_MAX + 1];
    uint32_t *index; /* of the network's hosts */
};

static void warm_node(const struct network *net, const struct roll *r,
                      struct host *h)
{
    struct kelips *n = h->node;

    kelips_forget_all(n);
    for (uint16_t g = 0; g < n->groups; g++) {
        uint32_t size = r->first[g + 1] - r->first[g];
        uint32_t wanted = g == n->group ? size : n->contact_count;
        uint32_t start = size > 0 ? (uint32_t)(host_random(h) % size) : 0;
        for (uint32_t i = 0; i < wanted && i < size; i++) {
            uint32_t at = r->index[r->first[g] + (start + i) % size];
            struct entry e = entry_for(net, kelips_at(net, at));
            if (!addr_equal(e.addr, n->self))
                (void)kelips_put(
                    n, h, g == n->group ? SOFT_MEMBER : SOFT_CONTACT, &e);
        }
    }
    kelips_settle_down(n, h);
}

/* Every file is known to all of its group. */
static void warm_files(const struct network *net, const struct kelips *home)
{
    for (const struct file *f = home->files; f != NULL; f = f->next)
        for (size_t i = 0; i < net->count; i++) {
            struct kelips *n = kelips_at(net, i);
            struct entry e = {.made_us = (int64_t)net->now_us,
                              .id = f->key,
                              .addr = home->self,
                              .heartbeat = f->heartbeat};
            if (n != NULL && n->group == kelips_group(&f->key, n->groups))
                (void)kelips_put(n, net->host[i], SOFT_TUPLE, &e);
        }
}

void kelips_warm(const struct network *net)
{
    struct roll r = {.index = NULL};
    size_t first = 0;

    while (first < net->count && kelips_at(net, first) == NULL)
        first++;
    if (first == net->count)
        return;
    struct host *lender = net->host[first]; /* of memory, for a moment */
    r.index = host_alloc(lender, net->count * sizeof *r.index);
    if (r.index == NULL)
        return;
    uint32_t groups = kelips_at(net, first)->groups, count = 0;
    for (uint32_t g = 0; g < groups; g++) {
        r.first[g] = count;
        for (size_t i = 0; i < net->count; i++) {
            const struct kelips *n = kelips_at(net, i);
            if (n != NULL && n->group == g)
                r.index[count++] = (uint32_t)i;
        }
    }
    r.first[groups] = count;
    for (size_t i = 0; i < net->count; i++)
        if (kelips_at(net, i) != NULL)
            warm_node(net, &r, net->host[i]);
    for (size_t i = 0; i < net->count; i++)
        if (kelips_at(net, i) != NULL)
            warm_files(net, kelips_at(net, i));
    host_free(lender, r.index, net->count * sizeof *r.index);
}
