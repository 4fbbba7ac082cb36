/* What the monitor draws of Napster. */
#ifndef NAPSTER_VIEW_H
#define NAPSTER_VIEW_H

#include "common/view.h"

extern const struct picture napster_pictures[];
void napster_state(const struct view *v, struct state_rows *rows);

#endif
