/* What the program offers of BitTorrent, for main.c. */
#ifndef BITTORRENT_MAIN_H
#define BITTORRENT_MAIN_H

#include "common/program.h"

extern const struct fact bittorrent_facts[];
extern const struct figure bittorrent_figures[];
extern const struct picture bittorrent_pictures[];
extern const struct verb bittorrent_verbs[];
void bittorrent_state(const struct view *v, struct state_rows *rows);

#endif
