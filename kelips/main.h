/* What the program offers of Kelips, for main.c. */
#ifndef KELIPS_MAIN_H
#define KELIPS_MAIN_H

#include "common/program.h"

extern const struct fact kelips_facts[];
extern const struct figure kelips_figures[];
extern const struct picture kelips_pictures[];
void kelips_state(const struct view *v, struct state_rows *rows);

#endif
