/* What the monitor draws of FastTrack. */
#ifndef FASTTRACK_VIEW_H
#define FASTTRACK_VIEW_H

#include "common/view.h"

extern const struct picture fasttrack_pictures[];
void fasttrack_state(const struct view *v, struct state_rows *rows);

#endif
