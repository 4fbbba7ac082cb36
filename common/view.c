/* The rows of a node's state; see view.h. */
#include "common/view.h"
#include "common/grow.h"

#include <stdio.h>
#include <stdlib.h>

struct text *state_row(struct state_rows *rows, const char *name,
                       const char *mark)
{
    need_room(&rows->at, rows->count, &rows->cap, sizeof *rows->at);
    struct state_row *row = &rows->at[rows->count++];
    *row = (struct state_row){.value = text_new(), .mark = mark};
    snprintf(row->name, sizeof row->name, "%s", name);
    return &row->value;
}

void state_rows_free(struct state_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++)
        text_free(&rows->at[i].value);
    free(rows->at);
    *rows = (struct state_rows){0};
}
