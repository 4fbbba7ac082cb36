/*
 * What a user asks of a node, and the results.
 *
 * `lookup KEY`, `put NAME VALUE`, `get NAME`, `del NAME` start a lookup that
 * carries the command's number; `show` answers at once.
 */
#include "chord/node.h"

#include <string.h>

/* -- Results ------------------------------------------------------------- */

static void add_owner(const struct chord *c, struct fields *f,
                      const struct peer *owner)
{
    fields_node(f, "owner", peer_addr(owner));
    fields_id(f, "owner_id", owner->id, c->bits);
}

/* Who found the owner may be its predecessor: then one hop more leads to it. */
static unsigned hops_to_owner(const struct request *r)
{
    return r->hops + (peer_same(&r->peer, &r->other) ? 0U : 1U);
}

static unsigned forwards(const struct chord *c, const struct request *r)
{
    if (setting(c->settings, OPT_RULE) == RULE_PAPER)
        return r->hops;
    return r->hops > 0 ? r->hops - 1U : 0;
}

void chord_command_found(struct chord *c, struct host *h, struct request *r)
{
    LOCAL_FIELDS f = fields_new();
    unsigned hops = hops_to_owner(r);

    add_owner(c, &f, &r->other);
    fields_number(&f, "hops", hops);
    fields_begin(&f, FIELD_LIST, "path");
    for (unsigned i = 0; r->trail != NULL && i < r->trail->path_count; i++)
        fields_node(&f, "", r->trail->path[i]);
    if (hops > r->hops)
        fields_node(&f, "", peer_addr(&r->other));
    fields_end(&f);
    fields_number(&f, "forwards", forwards(c, r));
    fields_id(&f, "key", r->key, c->bits);
    host_result(h, r->command, true, &f);
}

void chord_command_value(struct chord *c, struct host *h, struct request *r,
                         const struct chord_msg *m)
{
    LOCAL_FIELDS f = fields_new();

    if (m->status != VALUE_OK) {
        host_failed(h, r->command,
                    m->status == VALUE_FULL ? "the owner has no room"
                                            : "no such name");
        return;
    }
    if (r->purpose == FOR_GET)
        fields_data(&f, "value", m->item[0].value, m->item[0].value_len);
    add_owner(c, &f, &r->other);
    fields_id(&f, "key", r->key, c->bits);
    fields_number(&f, "version", m->item[0].version);
    if (r->purpose != FOR_GET)
        fields_number(&f, "copies", m->copies);
    fields_number(&f, "hops", hops_to_owner(r));
    host_result(h, r->command, true, &f);
}

static void show(const struct chord *c, struct host *h, uint32_t command)
{
    const struct member *n = &c->member[0];
    LOCAL_FIELDS f = fields_new();

    fields_id(&f, "id", n->id, c->bits);
    fields_bool(&f, "member", n->phase == MEMBER_INSIDE);
    fields_node(&f, "predecessor", peer_addr(&n->pred));
    fields_begin(&f, FIELD_LIST, "successors");
    for (unsigned i = 0; i < n->succ_count; i++)
        fields_node(&f, "", peer_addr(&n->succ[i]));
    fields_end(&f);
    fields_begin(&f, FIELD_LIST, "fingers");
    for (unsigned i = 0; i < c->bits; i++) {
        struct peer p = chord_finger_get(c, n, i);
        fields_node(&f, "", peer_addr(&p));
    }
    fields_end(&f);
    fields_number(&f, "values", n->item_count);
    host_result(h, command, true, &f);
}

/* -- Commands ------------------------------------------------------------ */

static enum purpose purpose_of(const char *s, size_t len)
{
    if (word_is(s, len, "put"))
        return FOR_PUT;
    if (word_is(s, len, "get"))
        return FOR_GET;
    return word_is(s, len, "del") ? FOR_DEL : FOR_LOOKUP;
}

/* A lookup, and what is to be done at its end. */
static void start(struct chord *c, struct host *h, const struct event *e,
                  enum purpose purpose, const char *rest)
{
    struct member *n = &c->member[0];
    size_t key_len = word_next(&rest), name_len;
    const char *name, *value = rest + key_len;
    struct item_view v = {.version = 0};
    struct request *r;

    if (!word_key(rest, key_len, c->bits, &v.key, &name, &name_len)) {
        host_failed(h, e->command,
                    "no key: a number below 2^bits, or a name of at most "
                    "64 bytes");
        return;
    }
    value += *value == ' ';
    size_t value_len = purpose == FOR_PUT ? strlen(value) : 0;
    if (value_len > VALUE_MAX) {
        host_failed(h, e->command, "a value has at most 1,024 bytes");
        return;
    }
    r = chord_find_open(c, h, n, purpose, &v.key);
    if (r == NULL) {
        host_failed(h, e->command, "too many open requests");
        return;
    }
    r->command = e->command;
    v.name = (const uint8_t *)name;
    v.name_len = (uint8_t)name_len;
    v.value = (const uint8_t *)value;
    v.value_len = (uint16_t)value_len;
    if (purpose != FOR_LOOKUP && (r->item = chord_item_new(h, &v)) == NULL) {
        chord_request_close(c, h, r);
        host_failed(h, e->command, "no memory");
        return;
    }
    chord_find_begin(c, h, n, r);
}

void chord_command(struct chord *c, struct host *h, const struct event *e)
{
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);

    if (c->leaving)
        host_failed(h, e->command, "the node leaves");
    else if (word_is(text, len, "show"))
        show(c, h, e->command);
    else if (word_is(text, len, "lookup") ||
             purpose_of(text, len) != FOR_LOOKUP)
        start(c, h, e, purpose_of(text, len), text + len);
    else
        host_failed(h, e->command, "unknown command");
}
