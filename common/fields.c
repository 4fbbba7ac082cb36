/* Named fields; see fields.h. */
#include "common/fields.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct fields fields_new(void)
{
    return (struct fields){.type = NULL};
}

void fields_free(struct fields *f)
{
    free(f->at);
    *f = fields_new();
}

void fields_clear(struct fields *f)
{
    f->type = NULL;
    f->count = 0;
    f->depth = 0;
    f->lost = 0;
}

struct field *fields_add(struct fields *f, enum field_kind kind,
                         const char *name, size_t offset, size_t length)
{
    static struct field spare; /* takes what finds no room */
    struct field *field = &spare;

    if (f->count == f->cap && f->cap < FIELDS_MAX) {
        size_t cap = f->cap > 0 ? f->cap * 2 : 32;
        struct field *at = realloc(f->at, cap * sizeof *at);
        if (at != NULL) {
            f->at = at;
            f->cap = cap;
        }
    }
    if (f->count < f->cap)
        field = &f->at[f->count++];
    else
        f->lost++;
    *field = (struct field){.kind = kind,
                            .name = name,
                            .depth = (uint8_t)f->depth,
                            .offset = (uint32_t)offset,
                            .length = (uint32_t)length};
    return field;
}

void fields_begin(struct fields *f, enum field_kind group_or_list,
                  const char *name)
{
    assert(group_or_list == FIELD_GROUP || group_or_list == FIELD_LIST);
    assert(f->depth < UINT8_MAX);
    (void)fields_add(f, group_or_list, name, 0, 0);
    f->depth++;
}

void fields_end(struct fields *f)
{
    assert(f->depth > 0);
    f->depth--;
}

void fields_number(struct fields *f, const char *name, uint64_t value)
{
    fields_add(f, FIELD_NUMBER, name, 0, 0)->number = value;
}

void fields_bool(struct fields *f, const char *name, bool value)
{
    fields_add(f, FIELD_BOOL, name, 0, 0)->number = value;
}

void fields_text(struct fields *f, const char *name, const char *lent)
{
    fields_data(f, name, (const uint8_t *)lent, strlen(lent));
}

void fields_data(struct fields *f, const char *name, const uint8_t *lent,
                 size_t len)
{
    struct field *field = fields_add(f, FIELD_TEXT, name, 0, 0);

    field->text = (const char *)lent;
    field->text_len = len;
}

void fields_node(struct fields *f, const char *name, struct addr addr)
{
    fields_add(f, FIELD_NODE, name, 0, 0)->addr = addr;
}

void fields_id(struct fields *f, const char *name, struct id id, unsigned bits)
{
    struct field *field = fields_add(f, FIELD_ID, name, 0, 0);

    field->id = id;
    field->id_bits = bits;
}

void fields_undecoded(struct fields *f, size_t offset, size_t len)
{
    if (offset < len)
        fields_add(f, FIELD_BYTES, "undecoded", offset, len - offset);
}

void fields_bulk(struct fields *f, const uint8_t *data, size_t len)
{
    struct field *all = fields_add(f, FIELD_BYTES, "data", 0, len);

    f->type = "DATA";
    all->text = (const char *)data;
    all->text_len = len;
}

static bool is_leaf(const struct field *f)
{
    return f->kind != FIELD_GROUP && f->kind != FIELD_LIST;
}

const struct field *fields_find(const struct fields *f, const char *name)
{
    for (size_t i = 0; i < f->count; i++)
        if (strcmp(f->at[i].name, name) == 0)
            return &f->at[i];
    return NULL;
}

const char *namer_name(const struct namer *names, struct addr addr)
{
    return names != NULL && names->name != NULL
               ? names->name(names->context, addr)
               : NULL;
}

static void value_node(struct text *t, struct addr addr,
                       const struct namer *names)
{
    const char *name = namer_name(names, addr);

    if (name != NULL)
        text_add(t, name);
    else if (addr_none(addr))
        text_add(t, "none");
    else
        addr_text(t, addr);
}

void field_value(struct text *t, const struct field *f,
                 const struct namer *names)
{
    switch (f->kind) {
    case FIELD_GROUP:
    case FIELD_LIST:
        break;
    case FIELD_NUMBER:
        text_u64(t, f->number);
        break;
    case FIELD_BOOL:
        text_add(t, f->number != 0 ? "yes" : "no");
        break;
    case FIELD_TIME:
        text_seconds(t, f->number);
        break;
    case FIELD_HEX:
        text_printf(t, "0x%llx", (unsigned long long)f->number);
        break;
    case FIELD_TEXT:
        text_safe(t, f->text, f->text_len);
        break;
    case FIELD_BYTES:
        text_hex(t, f->text, f->text != NULL ? f->text_len : 0);
        break;
    case FIELD_NODE:
        value_node(t, f->addr, names);
        break;
    case FIELD_ID:
        id_text(t, &f->id, f->id_bits);
        break;
    }
}

/* Does the field at `i` stand for a whole element of a list: has no name, or
   is the first of a group without one?  Then its own name says nothing. */
static bool is_element(const struct fields *f, size_t i)
{
    const struct field *before = i > 0 ? &f->at[i - 1] : NULL;

    return f->at[i].name[0] == '\0' ||
           (before != NULL && before->kind == FIELD_GROUP &&
            before->name[0] == '\0');
}

/* Is that the first element of its list? */
static bool is_first_element(const struct fields *f, size_t i)
{
    if (i > 0 && f->at[i - 1].kind == FIELD_GROUP)
        i--; /* the group is the element */
    return i == 0 || f->at[i - 1].depth < f->at[i].depth;
}

void fields_first(struct text *t, const struct fields *f,
                  const struct namer *names, size_t room)
{
    const char *between = "";
    size_t start = t->len, whole = start; /* up to `whole`, all has values */

    for (size_t i = 0; i < f->count; i++) {
        const struct field *field = &f->at[i];
        if (field->minor ||
            (!is_leaf(field) &&
             (i + 1 == f->count || f->at[i + 1].depth <= field->depth)))
            continue; /* an empty list says nothing here */
        bool element = is_element(f, i);
        if (!element) {
            text_add(t, between);
            text_add(t, field->name);
            between = " ";
        }
        if (is_leaf(field)) {
            text_char(t, element && !is_first_element(f, i) ? ',' : ' ');
            field_value(t, field, names);
            if (t->len - start > room)
                break;
            whole = t->len;
        }
    }
    if (t->len - start > room && whole > start)
        t->data[t->len = whole] = '\0';
}

void fields_line(struct text *t, const struct fields *f,
                 const struct namer *names)
{
    fields_first(t, f, names, SIZE_MAX);
}

static void json_value(struct text *t, const struct field *f,
                       const struct namer *names)
{
    bool bare = f->kind == FIELD_NUMBER || f->kind == FIELD_TIME ||
                (f->kind == FIELD_ID && f->id_bits <= 32);
    LOCAL_TEXT value = text_new();

    if (f->kind == FIELD_BOOL) {
        text_add(t, f->number != 0 ? "true" : "false");
    } else if (f->kind == FIELD_TEXT) {
        text_json(t, f->text, f->text_len);
    } else if (f->kind == FIELD_NODE && addr_none(f->addr)) {
        text_add(t, "null");
    } else {
        field_value(&value, f, names);
        if (bare)
            text_bytes(t, value.data, value.len);
        else
            text_json(t, value.data, value.len);
    }
}

/* Print the fields of one depth from `i` on; return the index after them. */
static size_t json_level(struct text *t, const struct fields *f, size_t i,
                         bool is_list, const struct namer *names)
{
    uint8_t depth = i < f->count ? f->at[i].depth : 0;

    for (bool first = true; i < f->count && f->at[i].depth >= depth;
         first = false) {
        const struct field *field = &f->at[i++];
        if (!first)
            text_char(t, ',');
        if (!is_list) {
            text_json(t, field->name, strlen(field->name));
            text_char(t, ':');
        }
        if (is_leaf(field)) {
            json_value(t, field, names);
            continue;
        }
        bool list = field->kind == FIELD_LIST;
        text_char(t, list ? '[' : '{');
        if (i < f->count && f->at[i].depth > depth)
            i = json_level(t, f, i, list, names);
        text_char(t, list ? ']' : '}');
    }
    return i;
}

void fields_json(struct text *t, const struct fields *f,
                 const struct namer *names, bool braces)
{
    if (braces)
        text_char(t, '{');
    (void)json_level(t, f, 0, false, names);
    if (braces)
        text_char(t, '}');
}
