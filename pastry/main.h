/* What the program offers of Pastry, for main.c. */
#ifndef PASTRY_MAIN_H
#define PASTRY_MAIN_H

#include "common/program.h"

extern const struct fact pastry_facts[];
extern const struct figure pastry_figures[];
extern const struct picture pastry_pictures[];
void pastry_state(const struct view *v, struct state_rows *rows);

#endif
