/* What the program offers of Napster, for main.c. */
#ifndef NAPSTER_MAIN_H
#define NAPSTER_MAIN_H

#include "common/program.h"

extern const struct fact napster_facts[];
extern const struct picture napster_pictures[];
void napster_state(const struct view *v, struct state_rows *rows);

#endif
