/* The facts of `gnutella show`. */
#ifndef GNUTELLA_FACTS_H
#define GNUTELLA_FACTS_H

#include "common/program.h"

extern const struct fact gnutella_facts[];

#endif
