/* The experiments of `figure`. */
#ifndef BITTORRENT_FIGURE_H
#define BITTORRENT_FIGURE_H

#include "common/figure.h"

extern const struct figure bittorrent_figures[];

#endif
