/*
 * The record of a run; see log.h.  A ring of pointers; each record is one
 * allocation that holds the struct and, behind it, all that it points to.
 */
#include "common/log.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

struct log {
    struct record **at; /* number n stands at n % limit */
    size_t limit, cap;  /* `cap` slots are allocated so far */
    size_t first, end;
};

struct log *log_new(size_t limit)
{
    struct log *l = need(calloc(1, sizeof *l));

    l->limit = limit > 0 ? limit : 1;
    return l;
}

void log_clear(struct log *l)
{
    for (size_t i = l->first; i < l->end; i++)
        free(l->at[i % l->limit]);
    l->first = l->end = 0;
}

void log_free(struct log *l)
{
    if (l == NULL)
        return;
    log_clear(l);
    free(l->at);
    free(l);
}

static size_t string_bytes(const char *s)
{
    return s != NULL ? strlen(s) + 1 : 0;
}

/* Copy bytes to *room, which moves behind them; NULL stays NULL. */
static void *pack(char **room, const void *data, size_t len)
{
    if (data == NULL)
        return NULL;
    void *at = *room;
    memcpy(at, data, len);
    *room += len;
    return at;
}

static size_t fields_bytes(const struct fields *f)
{
    if (f == NULL)
        return 0;
    size_t bytes = sizeof *f + f->count * sizeof *f->at;
    for (size_t i = 0; i < f->count; i++)
        bytes += f->at[i].text != NULL ? f->at[i].text_len + 1 : 0;
    return bytes;
}

/* Field arrays come first in the payload, so that they are aligned. */
static const struct fields *pack_fields(char **room, const struct fields *f)
{
    if (f == NULL)
        return NULL;
    struct fields *copy = pack(room, f, sizeof *f);
    copy->at = pack(room, f->at, f->count * sizeof *f->at);
    copy->cap = 0;
    for (size_t i = 0; i < f->count; i++) {
        struct field *field = &copy->at[i];
        if (field->text == NULL)
            continue;
        field->text = pack(room, field->text, field->text_len);
        *(*room)++ = '\0';
    }
    return copy;
}

static struct record *copy_record(const struct record *r)
{
    bool same = r->wire == r->data;
    size_t bytes = fields_bytes(r->fields) + string_bytes(r->from.name) +
                   string_bytes(r->to.name) + string_bytes(r->why) +
                   string_bytes(r->text) + r->len + (same ? 0 : r->wire_len);
    struct record *copy = need(malloc(sizeof *copy + bytes));
    char *room = (char *)(copy + 1);

    *copy = *r;
    copy->fields = pack_fields(&room, r->fields);
    copy->from.name = pack(&room, r->from.name, string_bytes(r->from.name));
    copy->to.name = pack(&room, r->to.name, string_bytes(r->to.name));
    copy->why = pack(&room, r->why, string_bytes(r->why));
    copy->text = pack(&room, r->text, string_bytes(r->text));
    copy->data = pack(&room, r->data, r->len);
    copy->wire = same ? copy->data : pack(&room, r->wire, r->wire_len);
    return copy;
}

void log_add(void *log, const struct record *r)
{
    struct log *l = log;

    if (l->end - l->first == l->limit)
        free(l->at[l->first++ % l->limit]);
    if (l->cap < l->limit)
        need_room(&l->at, l->end, &l->cap, sizeof(struct record *));
    l->at[l->end++ % l->limit] = copy_record(r);
}

size_t log_first(const struct log *l)
{
    return l->first;
}

size_t log_end(const struct log *l)
{
    return l->end;
}

const struct record *log_at(const struct log *l, size_t number)
{
    assert(number >= l->first && number < l->end);
    return l->at[number % l->limit];
}

size_t log_of_step(const struct log *l, uint64_t step)
{
    size_t low = l->first, high = l->end;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (l->at[middle % l->limit]->step < step)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
