/* What the program offers of Gnutella, for main.c. */
#ifndef GNUTELLA_MAIN_H
#define GNUTELLA_MAIN_H

#include "common/program.h"

extern const struct fact gnutella_facts[];
extern const struct figure gnutella_figures[];
extern const struct picture gnutella_pictures[];
void gnutella_state(const struct view *v, struct state_rows *rows);

#endif
