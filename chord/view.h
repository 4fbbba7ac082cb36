/* What the monitor draws of Chord. */
#ifndef CHORD_VIEW_H
#define CHORD_VIEW_H

#include "common/view.h"

extern const struct picture chord_pictures[]; /* ends in a NULL name */
void chord_state(const struct view *v, struct state_rows *rows);

#endif
