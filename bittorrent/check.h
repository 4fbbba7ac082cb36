/* What must hold across all nodes, and when a swarm is settled. */
#ifndef BITTORRENT_CHECK_H
#define BITTORRENT_CHECK_H

#include "bittorrent/node.h"
#include "common/network.h"

/* The node at index `i`, or NULL when it is down. */
struct bittorrent *bittorrent_at(const struct network *net, size_t i);

/* As struct protocol has them. */
void bittorrent_warm(const struct network *net);
void bittorrent_check(const struct network *net, struct findings *f);
bool bittorrent_settled(const struct network *net);
uint64_t bittorrent_quiet_us(const struct settings *s);

#endif
