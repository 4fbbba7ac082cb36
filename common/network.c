/* Names and findings over a whole network; see network.h. */
#include "common/network.h"

#include <assert.h>

static const char *name_of(const void *context, struct addr addr)
{
    const struct network *n = context;
    const struct host *h = n->by_addr(n, addr);

    return h != NULL ? h->name : NULL;
}

struct namer network_namer(const struct network *n)
{
    return (struct namer){.name = name_of, .context = n};
}

void network_name(const struct network *n, struct addr a, struct text *t)
{
    const char *name = name_of(n, a);

    if (name != NULL)
        text_add(t, name);
    else
        addr_text(t, a);
}

struct finding *findings_add(struct findings *f, const char *name)
{
    assert(f->count < FINDINGS_MAX);
    struct finding *finding = &f->at[f->count++];

    *finding = (struct finding){.name = name, .holds = true, .why = text_new()};
    return finding;
}

void findings_break(struct finding *f, const char *format, ...)
{
    va_list args;

    if (!f->holds) /* the first reason is enough */
        return;
    f->holds = false;
    va_start(args, format);
    text_vprintf(&f->why, format, args);
    va_end(args);
}

bool findings_hold(const struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        if (!f->at[i].holds)
            return false;
    return true;
}

void findings_free(struct findings *f)
{
    for (size_t i = 0; i < f->count; i++)
        text_free(&f->at[i].why);
    f->count = 0;
}

struct findings network_check(const struct network *n, const struct protocol *p)
{
    struct findings f = {.count = 0};

    if (p->check != NULL)
        p->check(n, &f);
    return f;
}
