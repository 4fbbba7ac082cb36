/* What people do with .torrent files: create, info, get, seed, and the verb
   tracker.  Not protocol: these read files and print. */
#ifndef BITTORRENT_TOOL_H
#define BITTORRENT_TOOL_H

#include "common/program.h"

extern const struct verb bittorrent_verbs[];

#endif
