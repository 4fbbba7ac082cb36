/*
 * Magnet links: a torrent by its infohash alone.  The rest, the info
 * dictionary, comes from the peers, who are found by the trackers that the
 * link names, by the peers that it names, or by the DHT.
 *
 *   magnet:?xt=urn:btih:<40 hex or 32 base32 digits>&dn=NAME&tr=URL&x.pe=ADDR
 *
 * Sources: [bep9], x.pe is of its text too; [bep53] so.
 */
#ifndef BITTORRENT_MAGNET_H
#define BITTORRENT_MAGNET_H

#include "bittorrent/limits.h"
#include "common/addr.h"
#include "common/http.h"
#include "common/text.h"

struct magnet {
    uint8_t infohash[INFOHASH_BYTES];
    char name[METAINFO_NAME_MAX + 1]; /* "": none; not to be trusted */
    char tracker[TRACKERS_MAX][TRACKER_HOST_MAX + TRACKER_PATH_MAX + 16];
    unsigned tracker_count;
    struct addr peer[MAGNET_PEERS_MAX];
    unsigned peer_count;
    char files[MAGNET_FILES_MAX + 1]; /* [bep53] so=, as --files has it */
};

/* Read a link; false with *why a sentence.  Trackers and peers beyond our
   bounds, or that make no sense, are left out. */
bool magnet_read(struct magnet *m, const char *link, const char **why);
/* The same of a link, or of an infohash alone, which becomes one in `link`. */
bool magnet_of(struct magnet *m, struct text *link, const char *word);
/* Append the link of a torrent. */
void magnet_write(struct text *t, const struct magnet *m);

#endif
