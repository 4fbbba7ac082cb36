/* The facts of `show`, for main.c. */
#ifndef KELIPS_FACTS_H
#define KELIPS_FACTS_H

#include "common/program.h"

extern const struct fact kelips_facts[];

#endif
