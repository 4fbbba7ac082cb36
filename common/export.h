/*
 * A cut of a run as a sequence diagram: a lane per node, an arrow per
 * message, time going down.  On a pane of the monitor, and as files that
 * other programs show.
 */
#ifndef COMMON_EXPORT_H
#define COMMON_EXPORT_H

#include "common/grid.h"
#include "common/record.h"
#include "common/text.h"

#define CUT_MESSAGES_MAX 2000
#define MERMAID_MESSAGES_MAX 200 /* viewers refuse longer texts */

struct cut {
    const struct protocol *protocol;
    struct namer names;
    struct record at[CUT_MESSAGES_MAX]; /* messages only */
    size_t count, flying;               /* the last `flying` are in flight */
    size_t selected;                    /* or SIZE_MAX */
};

void cut_draw(const struct cut *c, const struct pane *p);
void cut_svg(const struct cut *c, struct text *t);
void cut_mermaid(const struct cut *c, struct text *t);
/* Who talked to whom, how often: a graph for dot. */
void cut_dot(const struct cut *c, struct text *t);

#endif
