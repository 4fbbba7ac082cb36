/*
 * What must hold of the fields of every message and result: they cover its
 * bytes, and the protocol's tables know them.
 */
#ifndef TESTS_DESCRIBED_H
#define TESTS_DESCRIBED_H

#include <string.h>

#include "common/expr.h"
#include "common/fields.h"
#include "common/node.h"

/* Do the leaves cover `len` bytes exactly once, in order? */
static inline bool fields_cover(const struct fields *f, size_t len)
{
    size_t at = 0;

    for (size_t i = 0; i < f->count; i++) {
        const struct field *field = &f->at[i];
        if (field->kind == FIELD_GROUP || field->kind == FIELD_LIST ||
            field->length == 0)
            continue;
        if (field->offset != at)
            return false;
        at += field->length;
    }
    return at == len && f->lost == 0;
}

/* The first field that no expression could ask for; NULL: none. */
static inline const char *
fields_unknown(const struct fields *f, const struct protocol *p, bool of_result)
{
    for (size_t i = 0; i < f->count; i++) {
        struct text test = text_new(), why = text_new();
        text_printf(&test, "%s=1", f->at[i].name);
        struct expr *e = expr_parse(test.data, &why);
        bool known = f->at[i].name[0] == '\0' ||
                     (e != NULL && expr_known(e, p, of_result, &why));
        expr_free(e);
        text_free(&test);
        text_free(&why);
        if (!known)
            return f->at[i].name;
    }
    return NULL;
}

#endif
