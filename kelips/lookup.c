/*
 * Lookups and files.
 *
 * A file stays where it is: its home.  What Kelips spreads is the tuple
 * <name, home>, to all members of the group that the name hashes to.  So a
 * lookup asks one contact in that group; when that one is silent, the other
 * contacts, and then whomever somebody else knows there [lecture][p2psim].
 * Inserting goes the same way: some member of the group is told, and gossip
 * does the rest.  A home tells the group again and again, for tuples expire
 * like everything else; there is no delete.
 */
#include "kelips/node.h"

#include <string.h>

/* -- Files of our own ---------------------------------------------------- */

static size_t file_bytes(const struct file *f)
{
    return sizeof *f + f->name_len + f->value_len;
}

const struct file *kelips_file(const struct kelips *n, const struct id *key)
{
    const struct file *f = n->files;

    while (f != NULL && !id_equal(&f->key, key))
        f = f->next;
    return f;
}

static struct file *file_new(struct host *h, const struct id *key,
                             const void *name, size_t name_len,
                             const void *value, size_t value_len)
{
    struct file *f = host_alloc(h, sizeof *f + name_len + value_len);

    if (f == NULL)
        return NULL;
    f->key = *key;
    f->name_len = (uint8_t)name_len;
    f->value_len = (uint16_t)value_len;
    if (name_len > 0)
        memcpy(f->data, name, name_len);
    if (value_len > 0)
        memcpy(f->data + name_len, value, value_len);
    return f;
}

/* Become its home, in place of an older file of that key; in order of keys. */
static bool file_keep(struct kelips *n, struct host *h, struct file *f)
{
    struct file **at = &n->files;

    while (*at != NULL && id_compare(&(*at)->key, &f->key) < 0)
        at = &(*at)->next;
    if (*at != NULL && id_equal(&(*at)->key, &f->key)) {
        struct file *old = *at;
        f->heartbeat = old->heartbeat + 1;
        *at = old->next;
        n->file_count--;
        host_free(h, old, file_bytes(old));
    }
    if (n->file_count == FILES_MAX)
        return false;
    f->next = *at;
    *at = f;
    n->file_count++;
    return true;
}

static uint64_t refresh_us(const struct kelips *n)
{
    return kelips_expiry(n, SOFT_TUPLE) / REFRESHES;
}

/* -- Whom to ask --------------------------------------------------------- */

static bool was_asked(const struct request *r, struct addr a)
{
    for (unsigned i = 0; i < r->asked_count; i++)
        if (addr_equal(r->asked[i], a))
            return true;
    return false;
}

/* Nearer by round trip; who was silent, or was never measured, comes last. */
static bool is_better(const struct entry *a, const struct entry *b)
{
    if (b == NULL || a->misses != b->misses)
        return b == NULL || a->misses < b->misses;
    return a->rtt_us != 0 && (b->rtt_us == 0 || a->rtt_us < b->rtt_us);
}

/* The best member of a group that `r` (may be NULL) has not asked. */
static const struct entry *best_of(const struct kelips *n, uint16_t group,
                                   const struct request *r)
{
    const struct entry *best = NULL;
    uint32_t count = group == n->group ? n->view.count : n->contact_count;

    for (uint32_t i = 0; i < count; i++) {
        const struct entry *e =
            group == n->group ? &n->view.at[i] : kelips_contact(n, group, i);
        if (e != NULL && (r == NULL || !was_asked(r, e->addr)) &&
            is_better(e, best))
            best = e;
    }
    return best;
}

const struct entry *kelips_first_choice(const struct kelips *n,
                                        const struct id *key)
{
    uint16_t group = kelips_group(key, n->groups);

    return group == n->group ? NULL : best_of(n, group, NULL);
}

/* Somebody to ask for a contact: a member of our group, else a contact in a
   third group, by lot. */
static const struct entry *helper(const struct kelips *n, struct host *h,
                                  const struct request *r)
{
    size_t contacts = kelips_places(n);
    const struct entry *chosen = NULL;
    uint64_t count = 0;

    for (uint32_t i = 0; i < n->view.count && r->group != n->group; i++)
        if (!was_asked(r, n->view.at[i].addr) &&
            (++count == 1 || host_random(h) % count == 0))
            chosen = &n->view.at[i];
    for (size_t i = 0; i < contacts && chosen == NULL; i++)
        count += !addr_none(n->contact[i].addr);
    for (size_t i = 0, seen = 0; i < contacts && count > 0; i++) {
        const struct entry *e = &n->contact[i];
        if (chosen != NULL && seen == 0)
            break; /* from our own group */
        if (addr_none(e->addr) || was_asked(r, e->addr) ||
            i / n->contact_count == r->group)
            continue;
        if (++seen == 1 || host_random(h) % seen == 0)
            chosen = e;
    }
    return chosen;
}

/* -- Results ------------------------------------------------------------- */

/* The id of a node, where we know it. */
static bool id_of_node(const struct kelips *n, struct addr a, struct id *id)
{
    const struct entry *e = kelips_known(n, a);

    if (!addr_equal(a, n->self) && e == NULL)
        return false;
    *id = e != NULL ? e->id : n->id;
    return true;
}

static unsigned add_path(const struct kelips *n, const struct request *r,
                         struct fields *f)
{
    struct addr way[4] = {n->self, r->via, r->member, r->home};
    unsigned hops = 0;

    fields_begin(f, FIELD_LIST, "path");
    fields_node(f, "", n->self);
    for (unsigned i = 1; i < 4; i++) {
        if (addr_none(way[i]) || addr_equal(way[i], n->self) ||
            (i > 1 && addr_equal(way[i], way[i - 1])))
            continue;
        fields_node(f, "", way[i]);
        hops++;
    }
    fields_end(f);
    return hops;
}

/* `hops` counts to the home; `forwards`, as the paper, to who knows it. */
static void add_home(const struct kelips *n, const struct request *r,
                     struct fields *f)
{
    struct id id;

    fields_node(f, "owner", r->home);
    if (id_of_node(n, r->home, &id))
        fields_id(f, "owner_id", id, ID_BITS);
}

static void done(struct kelips *n, struct host *h, struct request *r,
                 const struct kelips_msg *data)
{
    LOCAL_FIELDS f = fields_new();

    if (data != NULL)
        fields_data(&f, "value", data->value, data->value_len);
    add_home(n, r, &f);
    if (r->purpose != FOR_INSERT) {
        unsigned hops = add_path(n, r, &f);
        fields_number(&f, "hops", hops);
        fields_number(&f, "forwards",
                      (addr_none(r->via) ? 0U : 1U) +
                          (addr_none(r->member) ? 0U : 1U));
        fields_number(&f, "rpcs", r->rpcs);
    }
    fields_number(&f, "group", r->group);
    fields_id(&f, "key", r->key, ID_BITS);
    if (r->command != 0)
        host_result(h, r->command, true, &f);
    kelips_request_close(n, h, r);
}

static void failed(struct kelips *n, struct host *h, struct request *r,
                   const char *why)
{
    if (r->command != 0)
        host_failed(h, r->command, why);
    else
        host_note(h, "a file's group was not told: %s", why);
    kelips_request_close(n, h, r);
}

/* -- Asking -------------------------------------------------------------- */

static void remember(struct request *r, struct addr a)
{
    if (r->asked_count < ASKED_MAX)
        r->asked[r->asked_count++] = a;
    r->rpcs++;
}

static void ask_member(struct kelips *n, struct host *h, struct request *r,
                       struct addr to)
{
    struct kelips_msg m;

    remember(r, to);
    r->kind = REQUEST_MEMBER;
    if (r->purpose < FOR_INSERT) {
        kelips_begin(n, KELIPS_LOOKUP, &m);
        m.key = r->key;
        m.name = r->name;
        m.name_len = r->name_len;
        host_note(h, "group %u: ask a member of it", (unsigned)r->group);
    } else {
        bool assign = r->purpose == FOR_INSERT &&
                      setting(n->settings, OPT_HOME) == HOME_MEMBER;
        const struct file *f =
            r->file != NULL ? r->file : kelips_file(n, &r->key);
        kelips_begin(n, KELIPS_INSERT, &m);
        m.assign = assign;
        if (f != NULL) {
            m.name = f->data;
            m.name_len = f->name_len;
        }
        if (assign && f != NULL) {
            m.value = f->data + f->name_len;
            m.value_len = f->value_len;
        }
        m.count = 1;
        m.entry[0] =
            (struct kelips_entry){.kind = KELIPS_TUPLE,
                                  .addr = n->self,
                                  .id = r->key,
                                  .heartbeat = f != NULL ? f->heartbeat : 0,
                                  .group = r->group};
        host_note(h, "group %u: tell a member of it", (unsigned)r->group);
    }
    kelips_ask(n, h, r, to, &m);
}

/* Nobody is left to ask.  Who was silent may have been unlucky: all over again
   soon, as long as there is time. */
static void pause_or_fail(struct kelips *n, struct host *h, struct request *r)
{
    uint64_t then = host_now(h) + LOOKUP_PAUSE_US;

    if (!r->silent || r->denials >= DENIALS_MAX ||
        then >= r->begun_us + LOOKUP_LIMIT_US) {
        failed(n, h, r,
               r->kind == REQUEST_DATA ? "its home does not answer"
               : r->denials > 0 ? "no member of its group knows such a file"
               : r->rpcs == 0   ? "no member of its group is known"
                                : "no member of its group answered");
        return;
    }
    host_note(h, "group %u: somebody was silent, all over again",
              (unsigned)r->group);
    r->kind = REQUEST_PAUSE;
    r->peer = (struct addr){0, 0};
    r->silent = false;
    r->asked_count = r->indirect = r->denials = 0;
    r->deadline_us = then;
}

/* Ask the next one that may know; no more are known: give up. */
static void ask_next(struct kelips *n, struct host *h, struct request *r)
{
    const struct entry *e = best_of(n, r->group, r);
    unsigned tries = (unsigned)setting(n->settings, OPT_TRIES);
    struct kelips_msg m;

    if (r->asked_count == ASKED_MAX || r->denials >= DENIALS_MAX)
        e = NULL;
    if (e != NULL) {
        r->via = (struct addr){0, 0};
        ask_member(n, h, r, e->addr);
        return;
    }
    if (r->denials >= DENIALS_MAX || r->asked_count == ASKED_MAX ||
        r->indirect >= tries || (e = helper(n, h, r)) == NULL) {
        pause_or_fail(n, h, r);
        return;
    }
    r->indirect++;
    r->kind = REQUEST_CONTACT;
    r->via = e->addr;
    remember(r, e->addr);
    kelips_begin(n, KELIPS_GET_CONTACT, &m);
    m.group = r->group;
    host_note(h, "no contact in group %u answers: whom do others know there?",
              (unsigned)r->group);
    kelips_ask(n, h, r, e->addr, &m);
}

static void fetch(struct kelips *n, struct host *h, struct request *r)
{
    struct kelips_msg m;
    const struct file *f = kelips_file(n, &r->key);

    if (addr_equal(r->home, n->self) && f != NULL) {
        m.value = f->data + f->name_len;
        m.value_len = f->value_len;
        done(n, h, r, &m);
        return;
    }
    r->kind = REQUEST_DATA;
    r->rpcs++;
    kelips_begin(n, KELIPS_FETCH, &m);
    m.key = r->key;
    m.name = r->name;
    m.name_len = r->name_len;
    kelips_ask(n, h, r, r->home, &m);
}

static void found(struct kelips *n, struct host *h, struct request *r,
                  struct addr member, struct addr home)
{
    r->member = member;
    r->home = home;
    if (r->purpose == FOR_GET)
        fetch(n, h, r);
    else
        done(n, h, r, NULL);
}

/* Begin: what is known here needs no question. */
void kelips_look_up(struct kelips *n, struct host *h, struct request *r)
{
    const struct entry *t = kelips_tuple(n, &r->key);
    struct addr nobody = {0, 0};

    if (kelips_file(n, &r->key) != NULL)
        found(n, h, r, nobody, n->self);
    else if (r->group == n->group && t != NULL)
        found(n, h, r, nobody, t->addr);
    else
        ask_next(n, h, r);
}

struct request *kelips_request_for(struct kelips *n, struct host *h,
                                   enum purpose purpose, const struct id *key)
{
    struct request *r = kelips_request_open(n, h, REQUEST_MEMBER);

    if (r == NULL)
        return NULL;
    r->purpose = (uint8_t)purpose;
    r->key = *key;
    r->group = kelips_group(key, n->groups);
    return r;
}

void kelips_on_answer(struct kelips *n, struct host *h, struct request *r,
                      const struct kelips_msg *m)
{
    bool member = r->kind == REQUEST_MEMBER, lookup = r->purpose < FOR_INSERT;

    if (member && lookup && m->type == KELIPS_FOUND && m->count > 0) {
        found(n, h, r, r->peer, m->entry[0].addr);
    } else if (member && lookup && m->type == KELIPS_NOTHERE) {
        r->denials++;
        ask_next(n, h, r);
    } else if (member && !lookup && m->type == KELIPS_INSERTED &&
               m->count > 0) {
        r->home = m->entry[0].addr;
        done(n, h, r, NULL);
    } else if (r->kind == REQUEST_CONTACT && m->type == KELIPS_CONTACTS) {
        for (unsigned i = 0; i < m->count; i++)
            if (m->entry[i].group == r->group &&
                !addr_equal(m->entry[i].addr, n->self) &&
                !was_asked(r, m->entry[i].addr)) {
                ask_member(n, h, r, m->entry[i].addr);
                return;
            }
        ask_next(n, h, r);
    } else if (r->kind == REQUEST_DATA && m->type == KELIPS_DATA) {
        if (m->found)
            done(n, h, r, m);
        else
            failed(n, h, r, "its home does not have the file any more");
    }
}

void kelips_no_answer(struct kelips *n, struct host *h, struct request *r)
{
    r->silent = true;
    if (r->kind == REQUEST_DATA || host_now(h) >= r->begun_us + LOOKUP_LIMIT_US)
        pause_or_fail(n, h, r);
    else
        ask_next(n, h, r);
}

void kelips_again(struct kelips *n, struct host *h, struct request *r)
{
    if (r->purpose == FOR_GET && !addr_none(r->home))
        fetch(n, h, r);
    else if (r->purpose < FOR_INSERT)
        kelips_look_up(n, h, r);
    else
        ask_next(n, h, r);
}

/* -- Answering ----------------------------------------------------------- */

static void on_lookup(struct kelips *n, struct host *h, struct addr from,
                      const struct kelips_msg *m)
{
    const struct entry *t = kelips_tuple(n, &m->key);
    const struct file *f = kelips_file(n, &m->key);
    struct kelips_msg reply;

    kelips_begin(n, t != NULL || f != NULL ? KELIPS_FOUND : KELIPS_NOTHERE,
                 &reply);
    reply.request = m->request;
    reply.key = m->key;
    if (f != NULL) {
        reply.count = 1;
        reply.entry[0] =
            (struct kelips_entry){.kind = KELIPS_TUPLE,
                                  .addr = n->self,
                                  .id = m->key,
                                  .heartbeat = f->heartbeat,
                                  .group = kelips_group(&m->key, n->groups)};
    } else if (t != NULL) {
        reply.count = 1;
        reply.entry[0] = kelips_entry_of(n, h, t, KELIPS_TUPLE);
    } else {
        kelips_fill_contacts(n, h, kelips_group(&m->key, n->groups), &reply);
    }
    (void)kelips_send(h, from, &reply);
}

static void inserted(struct kelips *n, struct host *h, struct addr to,
                     const struct kelips_msg *m, struct addr home)
{
    struct kelips_msg reply;

    kelips_begin(n, KELIPS_INSERTED, &reply);
    reply.request = m->request;
    reply.key = m->entry[0].id;
    reply.count = 1;
    reply.entry[0] = m->entry[0];
    reply.entry[0].addr = home;
    (void)kelips_send(h, to, &reply);
}

/* We are to be the home of a file. */
static bool take_file(struct kelips *n, struct host *h, const struct id *key,
                      const struct kelips_msg *m)
{
    struct file *f =
        file_new(h, key, m->name, m->name_len, m->value, m->value_len);

    if (f == NULL)
        return false;
    if (!file_keep(n, h, f)) {
        host_free(h, f, file_bytes(f));
        return false;
    }
    f->refresh_us = host_now(h) + refresh_us(n);
    if (kelips_group(key, n->groups) == n->group)
        kelips_note_tuple(n, h, key, n->self, f->heartbeat);
    return true;
}

/*
 * Source: [kelips03] insertion, as [p2psim] reads it: whom the newcomer
 * knows in the file's group lets some member of it, by lot, be the home.
 * With `home owner`, as in the lecture, the file stays and only the tuple is
 * noted.
 */
static void on_insert(struct kelips *n, struct host *h, struct addr from,
                      struct kelips_msg *m)
{
    struct addr origin = addr_none(m->origin) ? from : m->origin;
    const struct id key = m->entry[0].id;

    if (m->entry[0].kind != KELIPS_TUPLE)
        return;
    if (m->assign) {
        uint64_t lot = host_random(h) % (n->view.count + 1);
        m->assign = 0;
        m->origin = origin;
        m->entry[0].addr = n->self;
        if (lot < n->view.count) {
            struct kelips_msg pass = *m;
            pass.sender = n->id;
            pass.heartbeat = n->heartbeat;
            pass.entry[0].addr = n->view.at[lot].addr;
            (void)kelips_send(h, n->view.at[lot].addr, &pass);
            return;
        }
    }
    if (addr_equal(m->entry[0].addr, n->self)) {
        if (take_file(n, h, &key, m))
            inserted(n, h, origin, m, n->self);
        return;
    }
    kelips_hear(n, h, &m->entry[0]);
    inserted(n, h, origin, m, m->entry[0].addr);
}

void kelips_on_question(struct kelips *n, struct host *h, struct addr from,
                        struct kelips_msg *m)
{
    const struct file *f;
    struct kelips_msg reply;

    if (m->type == KELIPS_LOOKUP) {
        on_lookup(n, h, from, m);
        return;
    }
    if (m->type == KELIPS_INSERT) {
        on_insert(n, h, from, m);
        return;
    }
    kelips_begin(n, KELIPS_PONG, &reply);
    reply.request = m->request;
    if (m->type == KELIPS_GET_CONTACT) {
        reply.type = KELIPS_CONTACTS;
        reply.group = m->group;
        kelips_fill_contacts(n, h, m->group, &reply);
    } else if (m->type == KELIPS_FETCH) {
        f = kelips_file(n, &m->key);
        reply.type = KELIPS_DATA;
        reply.key = m->key;
        reply.found = f != NULL;
        if (f != NULL) {
            reply.value = f->data + f->name_len;
            reply.value_len = f->value_len;
        }
    }
    (void)kelips_send(h, from, &reply);
}

/* -- Files, as time goes by ---------------------------------------------- */

void kelips_share(struct kelips *n, struct host *h)
{
    struct content c;

    for (int i = 0; host_content(h, i, &c); i++) {
        size_t len = strlen(c.name);
        if (!c.complete || len == 0 || len > KEY_NAME_MAX)
            continue;
        struct id key = id_hash(c.name, len, ID_BITS);
        struct file *f = file_new(h, &key, c.name, len, NULL, 0);
        if (f == NULL || !file_keep(n, h, f))
            return;
    }
}

void kelips_refresh(struct kelips *n, struct host *h)
{
    for (struct file *f = n->files; f != NULL; f = f->next) {
        if (f->refresh_us > host_now(h))
            continue;
        f->heartbeat++;
        f->refresh_us = host_now(h) + refresh_us(n);
        if (kelips_group(&f->key, n->groups) == n->group) {
            kelips_note_tuple(n, h, &f->key, n->self, f->heartbeat);
            continue;
        }
        struct request *r = kelips_request_for(n, h, FOR_REFRESH, &f->key);
        if (r == NULL)
            return; /* the rest next round */
        ask_next(n, h, r);
    }
}

/* -- Inserting ----------------------------------------------------------- */

void kelips_insert(struct kelips *n, struct host *h, struct request *r,
                   const char *text, size_t text_len)
{
    bool member = setting(n->settings, OPT_HOME) == HOME_MEMBER;
    struct file *f = file_new(h, &r->key, r->name, r->name_len, text, text_len);

    r->file = f;
    if (f == NULL) {
        failed(n, h, r, "no memory");
        return;
    }
    if (member && r->group != n->group) {
        ask_next(n, h, r);
        return;
    }
    if (member && n->view.count > 0) { /* any member, we ourselves included */
        uint64_t lot = host_random(h) % (n->view.count + 1);
        if (lot < n->view.count) {
            ask_member(n, h, r, n->view.at[lot].addr);
            return;
        }
    }
    if (!file_keep(n, h, f)) {
        failed(n, h, r, "this node has no room for more files");
        return;
    }
    r->file = NULL;
    r->home = n->self;
    f->refresh_us = host_now(h) + refresh_us(n);
    if (r->group != n->group) {
        ask_next(n, h, r);
        return;
    }
    kelips_note_tuple(n, h, &f->key, n->self, f->heartbeat);
    done(n, h, r, NULL);
}
