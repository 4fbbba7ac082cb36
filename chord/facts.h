/* The facts of `show`, for main.c. */
#ifndef CHORD_FACTS_H
#define CHORD_FACTS_H

#include "common/program.h"

extern const struct fact chord_facts[];

#endif
