/* A trace in memory; see trace_store.h. */
#include "common/trace_store.h"

#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

struct chunk {
    struct chunk *next;
    size_t used, size;
    char data[];
};

void *store_bytes(struct store *s, size_t len)
{
    struct chunk *c = s->chunk;

    len = (len + 7) & ~(size_t)7;
    if (c == NULL || c->size - c->used < len) {
        size_t size = len > 65536 ? len : 65536;
        if ((c = malloc(sizeof *c + size)) == NULL) {
            s->no_memory = true;
            return NULL;
        }
        *c = (struct chunk){.next = s->chunk, .size = size};
        s->chunk = c;
    }
    c->used += len;
    return c->data + c->used - len;
}

bool store_room(struct store *s, void *table, size_t count, size_t *cap,
                size_t size)
{
    if (grow(table, count, cap, size))
        return true;
    s->no_memory = true;
    return false;
}

static void store_free(struct store *s)
{
    for (size_t i = 0; i < s->fields_count; i++)
        fields_free(s->fields[i]);
    free(s->fields);
    for (struct chunk *c = s->chunk, *next; c != NULL; c = next) {
        next = c->next;
        free(c);
    }
}

struct fields *store_fields(struct store *s)
{
    struct fields *f = store_bytes(s, sizeof *f);

    if (f == NULL || !store_room(s, &s->fields, s->fields_count, &s->fields_cap,
                                 sizeof(struct fields *)))
        return NULL;
    *f = fields_new();
    s->fields[s->fields_count++] = f;
    return f;
}

/* -- The trace ------------------------------------------------------------- */

static uint64_t addr_key(struct addr a)
{
    return (uint64_t)a.ip << 16 | a.port;
}

void trace_free(struct trace *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->file_count; i++)
        text_free(&t->file[i]);
    store_free(&t->store);
    map_free(&t->named);
    free(t->name);
    free(t->entry);
    free(t);
}

static const char *name_of(const struct trace *t, struct addr a)
{
    uint64_t i;

    return map_get(&t->named, addr_key(a), &i) ? t->name[i] : NULL;
}

void trace_learn(struct trace *t, struct addr a, const char *name)
{
    const char *known = name_of(t, a);

    if (name == NULL || name[0] == '\0' || addr_none(a) ||
        (known != NULL && strcmp(known, name) == 0))
        return;
    if (!store_room(&t->store, &t->name, t->name_count, &t->name_cap,
                    sizeof(const char *)))
        return;
    t->name[t->name_count] = name;
    if (!map_set(&t->named, addr_key(a), t->name_count++))
        t->store.no_memory = true;
}

size_t trace_count(const struct trace *t)
{
    return t->count;
}

void trace_get(const struct trace *t, size_t i, struct record *r)
{
    *r = t->entry[i].r;
    r->from.name = name_of(t, r->from.addr);
    r->to.name = name_of(t, r->to.addr);
}

static const char *name_for_namer(const void *trace, struct addr a)
{
    return name_of(trace, a);
}

struct namer trace_namer(const struct trace *t)
{
    return (struct namer){.name = name_for_namer, .context = t};
}

const struct trace_source *trace_source(const struct trace *t)
{
    return &t->source;
}
