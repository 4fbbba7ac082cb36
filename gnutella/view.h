/* What the monitor draws of Gnutella. */
#ifndef GNUTELLA_VIEW_H
#define GNUTELLA_VIEW_H

#include "common/view.h"

extern const struct picture gnutella_pictures[];
void gnutella_state(const struct view *v, struct state_rows *rows);

#endif
