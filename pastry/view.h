/* What the monitor draws of Pastry. */
#ifndef PASTRY_VIEW_H
#define PASTRY_VIEW_H

#include "common/view.h"

extern const struct picture pastry_pictures[]; /* ends in a NULL name */
void pastry_state(const struct view *v, struct state_rows *rows);

#endif
