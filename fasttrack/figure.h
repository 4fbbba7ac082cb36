/* The experiments of `figure`. */
#ifndef FASTTRACK_FIGURE_H
#define FASTTRACK_FIGURE_H

#include "common/figure.h"

extern const struct figure fasttrack_figures[];

#endif
