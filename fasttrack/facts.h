/* The facts of `show`. */
#ifndef FASTTRACK_FACTS_H
#define FASTTRACK_FACTS_H

#include "common/program.h"

extern const struct fact fasttrack_facts[];

#endif
