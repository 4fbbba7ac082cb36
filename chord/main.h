/* What the program offers of Chord, for main.c. */
#ifndef CHORD_MAIN_H
#define CHORD_MAIN_H

#include "common/program.h"

extern const struct fact chord_facts[];
extern const struct figure chord_figures[];
extern const struct picture chord_pictures[];
void chord_state(const struct view *v, struct state_rows *rows);

#endif
