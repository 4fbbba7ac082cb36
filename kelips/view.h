/* What the monitor draws of Kelips. */
#ifndef KELIPS_VIEW_H
#define KELIPS_VIEW_H

#include "common/view.h"

extern const struct picture kelips_pictures[]; /* ends in a NULL name */
void kelips_state(const struct view *v, struct state_rows *rows);

#endif
