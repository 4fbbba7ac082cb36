/*
 * What a user asks of a node.
 *
 * `lookup NAME`, `get NAME` and `insert NAME TEXT` open a request that carries
 * the command's number; `show` answers at once.
 */
#include "kelips/node.h"

#include <string.h>

static void list_nodes(struct fields *f, const char *name,
                       const struct entry *e, size_t count)
{
    fields_begin(f, FIELD_LIST, name);
    for (size_t i = 0; i < count; i++)
        if (!addr_none(e[i].addr))
            fields_node(f, "", e[i].addr);
    fields_end(f);
}

static void show(const struct kelips *n, struct host *h, uint32_t command)
{
    LOCAL_FIELDS f = fields_new();

    fields_id(&f, "id", n->id, ID_BITS);
    fields_number(&f, "group", n->group);
    list_nodes(&f, "members", n->view.at, n->view.count);
    list_nodes(&f, "contacts", n->contact, kelips_places(n));
    fields_number(&f, "tuples", n->tuples.count);
    fields_number(&f, "files", n->file_count);
    fields_number(&f, "bytes", kelips_bytes(n));
    host_result(h, command, true, &f);
}

static void file_command(struct kelips *n, struct host *h,
                         const struct event *e, enum purpose purpose,
                         const char *rest)
{
    size_t key_len = word_next(&rest), name_len, text_len;
    const char *name, *text = rest + key_len;
    struct request *r;
    struct id key;

    text += *text == ' ';
    text_len = strlen(text);
    if (!word_key(rest, key_len, ID_BITS, &key, &name, &name_len)) {
        host_failed(h, e->command, "no name: at most 64 bytes");
        return;
    }
    if (purpose == FOR_INSERT && text_len > VALUE_MAX) {
        host_failed(h, e->command, "a file has at most 512 bytes here");
        return;
    }
    r = kelips_request_for(n, h, purpose, &key);
    if (r == NULL) {
        host_failed(h, e->command, "too many open requests");
        return;
    }
    r->command = e->command;
    r->name_len = (uint8_t)name_len;
    memcpy(r->name, name, name_len);
    if (purpose == FOR_INSERT)
        kelips_insert(n, h, r, text, text_len);
    else
        kelips_look_up(n, h, r);
}

void kelips_command(struct kelips *n, struct host *h, const struct event *e)
{
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    const char *rest = text + len;

    if (word_is(text, len, "show"))
        show(n, h, e->command);
    else if (word_is(text, len, "insert") || word_is(text, len, "put"))
        file_command(n, h, e, FOR_INSERT, rest);
    else if (word_is(text, len, "get"))
        file_command(n, h, e, FOR_GET, rest);
    else
        file_command(n, h, e, FOR_LOOKUP, rest);
}
