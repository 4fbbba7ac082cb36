/* The figures of `figure`, for main.c. */
#ifndef CHORD_FIGURE_H
#define CHORD_FIGURE_H

#include "common/figure.h"

extern const struct figure chord_figures[];

#endif
