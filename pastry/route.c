/*
 * Messages on their way, values and their copies, commands.
 *
 * A message goes from node to node, each of which picks the next by its own
 * tables and thus by its own round trips; every hop is acknowledged, so that
 * a dead one is found at once and gone round.  Whoever is nearest to the key
 * answers the origin directly.
 */
#include <assert.h>
#include <string.h>

#include "common/words.h"
#include "pastry/node.h"

static unsigned replicas(const struct pastry *n)
{
    return (unsigned)setting(n->settings, PASTRY_REPLICAS);
}

/* -- Values -------------------------------------------------------------------- */

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
    (void)pastry_call(n, h, CALL_STORED, &to, &m);
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
            pastry_is_replica(n, &i->key, PEER_ID(p), replicas(n)))
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
        if (pastry_is_replica(n, &i->key, PEER_ID(to), replicas(n) + 1))
            copy_to(n, h, i, to);
}

/* -- At the end of the way -------------------------------------------------------- */

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
    for (struct call *c = n->calls; c != NULL; c = c->next)
        if (c->kind == CALL_COMMAND && c->id == reply.request) {
            pastry_on_reached(n, h, c, n->self, &reply);
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
    (void)pastry_call(n, h, CALL_HOP, &to, m);
}

/* -- Commands ------------------------------------------------------------------------ */

void pastry_on_reached(struct pastry *n, struct host *h, struct call *c,
                       struct addr from, const struct pastry_msg *m)
{
    unsigned bits = pastry_id_bits(n->digit_bits, n->digits);
    struct fields f = fields_new();
    struct pastry_msg asked;

    if (!pastry_decode(&asked, c->data, c->len) || m->hops == 0 ||
        !id_equal(&asked.key, &m->key)) {
        fields_free(&f);
        return;
    }
    if (asked.purpose == FOR_GET && m->found) {
        struct field *value = fields_add(&f, FIELD_TEXT, "value", 0, 0);
        value->text = (const char *)m->value;
        value->text_len = m->value_len;
    }
    fields_node(&f, "owner", from);
    fields_id(&f, "owner_id", m->sender, bits);
    fields_number(&f, "hops", m->hops - 1U);
    fields_begin(&f, FIELD_LIST, "path");
    for (unsigned i = 0; i < m->hops; i++)
        fields_node(&f, "", m->path[i]);
    fields_end(&f);
    fields_number(&f, "forwards", m->hops - 1U); /* [pastry01] counts all */
    fields_id(&f, "key", m->key, bits);
    if (asked.purpose == FOR_GET && !m->found)
        fields_text(&f, "error", "no such value");
    host_result(h, c->command, asked.purpose != FOR_GET || m->found, &f);
    fields_free(&f);
    pastry_call_close(n, h, c);
}

void pastry_command_again(struct pastry *n, struct host *h, struct call *c)
{
    struct pastry_msg m;

    if (++c->tries == COMMAND_TRIES) {
        host_failed(h, c->command,
                    "no answer from the node nearest to the key");
        pastry_call_close(n, h, c);
        return;
    }
    c->deadline_us =
        host_now(h) + 4 * (uint64_t)setting(n->settings, PASTRY_TIMEOUT);
    if (pastry_decode(&m, c->data, c->len))
        pastry_route(n, h, &m); /* may close `c` */
}

static void list_nodes(struct fields *f, const char *name,
                       const struct peer *list, unsigned count)
{
    fields_begin(f, FIELD_LIST, name);
    for (unsigned i = 0; i < count; i++)
        fields_node(f, "", peer_addr(&list[i]));
    fields_end(f);
}

static void show(const struct pastry *n, struct host *h, uint32_t command)
{
    struct fields f = fields_new();

    fields_id(&f, "id", n->id, pastry_id_bits(n->digit_bits, n->digits));
    list_nodes(&f, "smaller", n->low, n->low_count);
    list_nodes(&f, "larger", n->high, n->high_count);
    list_nodes(&f, "table", n->entry, n->entry_count);
    list_nodes(&f, "neighbours", n->near, n->near_count);
    fields_number(&f, "values", n->item_count);
    host_result(h, command, true, &f);
    fields_free(&f);
}

/* A key is written as its digits, all of them; or as design.md 6 says. */
bool pastry_key(unsigned digit_bits, unsigned digits, const char *word,
                size_t len, struct id *key)
{
    char copy[ID_BITS + 1] = "";
    const char *name;
    size_t name_len;

    if (len == digits && len < sizeof copy) {
        memcpy(copy, word, len);
        if (id_parse(key, pastry_id_bits(digit_bits, digits), copy))
            return true;
    }
    return word_key(word, len, digit_bits * digits, key, &name, &name_len);
}

static void start_command(struct pastry *n, struct host *h, uint32_t command,
                          const char *value, struct pastry_msg *m)
{
    const struct pastry_peer none = {.addr = {0, 0}};

    m->origin.id = n->id;
    m->origin.addr = n->self;
    if (m->purpose == FOR_PUT) {
        m->value = (const uint8_t *)value;
        m->value_len = (uint16_t)strlen(value);
    }
    struct call *c = pastry_call(n, h, CALL_COMMAND, &none, m);
    if (c == NULL) {
        host_failed(h, command, "too many open calls");
        return;
    }
    c->command = command;
    pastry_route(n, h, m);
}

static void key_command(struct pastry *n, struct host *h, const struct event *e,
                        enum pastry_purpose purpose, const char *rest)
{
    size_t key_len = word_next(&rest);
    const char *value = rest + key_len;
    unsigned open = 0;
    struct pastry_msg m;

    value += *value == ' ';
    pastry_begin(n, PASTRY_ROUTE, &m);
    m.purpose = (uint8_t)purpose;
    for (const struct call *c = n->calls; c != NULL; c = c->next)
        open += c->kind == CALL_COMMAND;
    if (!n->active)
        host_failed(h, e->command, "not joined yet");
    else if (open >= OPEN_COMMANDS_MAX)
        host_failed(h, e->command, "too many open commands");
    else if (!pastry_key(n->digit_bits, n->digits, rest, key_len, &m.key))
        host_failed(h, e->command, "no key: too many digits, or too long");
    else if (purpose == FOR_PUT && strlen(value) > VALUE_MAX)
        host_failed(h, e->command, "a value has at most 512 bytes");
    else
        start_command(n, h, e->command, value, &m);
}

void pastry_on_command(struct pastry *n, struct host *h, const struct event *e)
{
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    const char *rest = text + len;

    if (word_is(text, len, "show"))
        show(n, h, e->command);
    else if (word_is(text, len, "put"))
        key_command(n, h, e, FOR_PUT, rest);
    else if (word_is(text, len, "get"))
        key_command(n, h, e, FOR_GET, rest);
    else
        key_command(n, h, e, FOR_LOOKUP, rest);
}
