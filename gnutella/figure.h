/* The experiments of `figure`. */
#ifndef GNUTELLA_FIGURE_H
#define GNUTELLA_FIGURE_H

#include "common/figure.h"

extern const struct figure gnutella_figures[];

#endif
