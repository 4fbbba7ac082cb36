/* What the monitor draws of BitTorrent. */
#ifndef BITTORRENT_VIEW_H
#define BITTORRENT_VIEW_H

#include "common/view.h"

extern const struct picture bittorrent_pictures[];
void bittorrent_state(const struct view *v, struct state_rows *rows);

#endif
