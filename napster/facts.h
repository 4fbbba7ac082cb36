/* The facts of `show`. */
#ifndef NAPSTER_FACTS_H
#define NAPSTER_FACTS_H

#include "common/program.h"

extern const struct fact napster_facts[];

#endif
