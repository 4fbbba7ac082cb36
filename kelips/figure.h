/* The experiments of `figure`, for main.c. */
#ifndef KELIPS_FIGURE_H
#define KELIPS_FIGURE_H

#include "common/figure.h"

extern const struct figure kelips_figures[];

#endif
