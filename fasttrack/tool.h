/* The verb `overhear`: reading a session with what crossed the wire. */
#ifndef FASTTRACK_TOOL_H
#define FASTTRACK_TOOL_H

#include "common/program.h"

int fasttrack_overhear(const struct program *p, int argc, char **argv);

#endif
