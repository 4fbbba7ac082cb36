/* What the program offers of FastTrack, for main.c. */
#ifndef FASTTRACK_MAIN_H
#define FASTTRACK_MAIN_H

#include "common/program.h"

extern const struct fact fasttrack_facts[];
extern const struct figure fasttrack_figures[];
extern const struct picture fasttrack_pictures[];
void fasttrack_state(const struct view *v, struct state_rows *rows);
/* The verb: what a session tells to those who hear it. */
int fasttrack_overhear(const struct program *p, int argc, char **argv);

#endif
