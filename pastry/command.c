/*
 * What a user asks of a node, and the results.
 *
 * `lookup KEY`, `put NAME VALUE` and `get NAME` route a message that carries
 * the command's number; `show` answers at once.
 */
#include "pastry/node.h"

#include <string.h>

#include "common/words.h"

/* -- Results ------------------------------------------------------------- */

void pastry_on_reached(struct pastry *n, struct host *h, struct request *r,
                       struct addr from, const struct pastry_msg *m)
{
    unsigned bits = pastry_id_bits(n->digit_bits, n->digits);
    LOCAL_FIELDS f = fields_new();
    struct pastry_msg asked;

    if (!pastry_decode(&asked, r->data, r->len) || m->hops == 0 ||
        !id_equal(&asked.key, &m->key)) {
        return;
    }
    if (asked.purpose == FOR_GET && m->found)
        fields_data(&f, "value", m->value, m->value_len);
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
    host_result(h, r->command, asked.purpose != FOR_GET || m->found, &f);
    pastry_request_close(n, h, r);
}

void pastry_command_again(struct pastry *n, struct host *h, struct request *r)
{
    struct pastry_msg m;

    if (++r->tries == COMMAND_TRIES) {
        host_failed(h, r->command,
                    "no answer from the node nearest to the key");
        pastry_request_close(n, h, r);
        return;
    }
    r->deadline_us =
        host_now(h) + 4 * (uint64_t)setting(n->settings, OPT_TIMEOUT);
    if (pastry_decode(&m, r->data, r->len))
        pastry_route(n, h, &m); /* may close `r` */
}

/* -- Commands ------------------------------------------------------------ */

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
    LOCAL_FIELDS f = fields_new();

    fields_id(&f, "id", n->id, pastry_id_bits(n->digit_bits, n->digits));
    list_nodes(&f, "smaller", n->low, n->low_count);
    list_nodes(&f, "larger", n->high, n->high_count);
    list_nodes(&f, "table", n->entry, n->entry_count);
    list_nodes(&f, "neighbours", n->near, n->near_count);
    fields_number(&f, "values", n->item_count);
    host_result(h, command, true, &f);
}

/* A key is written as its digits, all of them; or as any key, see common/words.h. */
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
    struct request *r = pastry_request_open(n, h, REQUEST_COMMAND, &none, m);
    if (r == NULL) {
        host_failed(h, command, "too many open requests");
        return;
    }
    r->command = command;
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
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        open += r->kind == REQUEST_COMMAND;
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

void pastry_command(struct pastry *n, struct host *h, const struct event *e)
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
