/* The facts of `pastry show`. */
#ifndef PASTRY_FACTS_H
#define PASTRY_FACTS_H

#include "common/program.h"

extern const struct fact pastry_facts[]; /* ends in a NULL name */

#endif
