/*
 * What a protocol's view.c is given to draw from, and what it hands to the
 * monitor.  A view reads; it never changes the network.
 */
#ifndef COMMON_VIEW_H
#define COMMON_VIEW_H

#include "common/grid.h"
#include "common/network.h"
#include "common/record.h"

struct view {
    const struct network *network;
    const struct host *selected; /* the node whose state is shown, or NULL */
    const struct record *event;  /* the selected or last message, or NULL */
    const struct fields *fields; /* of that event, or NULL */
    /* The result that the selected lookup ended in, or NULL; its "path". */
    const struct fields *result;
    /* The i-th message that descends from the selected event's command, in
       order, up to the present step: the path of a lookup under way. */
    size_t path_count;
    const struct record *path;
    size_t path_flying; /* of these, the last so many are in flight */
    /* Set by draw_picture: where the selected node was drawn. */
    int *cursor_row, *cursor_column;
};

/* The selected node stands there in the picture. */
static inline void view_cursor(const struct view *v, int row, int column)
{
    *v->cursor_row = row;
    *v->cursor_column = column;
}

/* One picture of the whole network; `v` in the monitor changes between. */
struct picture {
    const char *name; /* "ring" */
    void (*draw)(const struct view *v, const struct pane *p);
};

/* One row of a node's state. */
struct state_row {
    /* "succ": what state.NAME in expressions means; copied.  " ": one more of
       the row above; "": a line of its own, which is never marked. */
    char name[16];
    struct text value;
    uint64_t version; /* not 0: it has changed when this has, for the value
                         tells how time goes */
    const char *mark; /* "<== hop 1", or NULL */
};
struct state_rows {
    struct state_row *at;
    size_t count, cap;
};
/* Append a row and return its value, for the caller to fill. */
struct text *state_row(struct state_rows *rows, const char *name,
                       const char *mark);
void state_rows_free(struct state_rows *rows);

#endif
