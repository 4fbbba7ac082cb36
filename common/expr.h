/*
 * The one expression language, for find, filter, breakpoint, expect and
 * worksheet:
 *
 *     field OP value   joined by  && || ! ( )
 *     OP: == = != < <= > >= ~ (contains)
 *
 * Fields are type from to node kind state step time bytes, any field of a
 * message or result, `state.NAME` of the record's node (with `changed` as a
 * bare test: `state.succ changed`), and `invariant NAME` (true when it is
 * broken).  Where there is no field of that name, `text` is what a note, a
 * command or any other record says, and `ok` whether a result is good.
 */
#ifndef COMMON_EXPR_H
#define COMMON_EXPR_H

#include <stdbool.h>

#include "common/node.h"
#include "common/record.h"
#include "common/text.h"

#define EXPR_NODES_MAX 64
#define EXPR_BYTES_MAX 512

struct expr; /* from malloc */

/* Parse all of `s`; NULL with *why: what is wrong, and at which column. */
struct expr *expr_parse(const char *s, struct text *why);
void expr_free(struct expr *e);

/* What an expression is asked of. */
struct subject {
    const struct record *record; /* may be NULL */
    const struct fields *fields; /* of the message or result; may be NULL */
    const struct namer *names;
    /* The value of `state.NAME` of the record's node, now (before: false) or
       before the step (before: true); false when there is none. */
    bool (*state)(void *context, const char *name, bool before,
                  struct text *value);
    /* Is the invariant whose name contains `name` broken? */
    bool (*broken)(void *context, const char *name);
    void *context;
};

/* Does `p` know a field by every name in the expression, of its results, or
   else of whatever happens?  If not, *why names the nearest. */
bool expr_known(const struct expr *e, const struct protocol *p, bool of_result,
                struct text *why);
/* The next NAME behind `state.` or `invariant` from *at on, which is stepped
   over; NULL: no more.  *at begins as 0. */
const char *expr_next_name(const struct expr *e, int *at, bool *invariant);
bool expr_true(const struct expr *e, const struct subject *s);
/* Does the expression mention `state.` or `invariant`?  (Costly to ask.) */
bool expr_needs_state(const struct expr *e);

#endif
