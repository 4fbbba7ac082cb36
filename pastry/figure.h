/* The experiments of `pastry figure`. */
#ifndef PASTRY_FIGURE_H
#define PASTRY_FIGURE_H

#include "common/figure.h"

extern const struct figure pastry_figures[]; /* ends in a NULL name */

#endif
