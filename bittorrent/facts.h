/* The facts of `bittorrent show`. */
#ifndef BITTORRENT_FACTS_H
#define BITTORRENT_FACTS_H

#include "common/program.h"

extern const struct fact bittorrent_facts[];

#endif
