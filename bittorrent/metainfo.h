/*
 * Metainfo: what a .torrent file says.  Which files there are, the SHA-1 of
 * each piece, and where to find peers.  Its info dictionary's SHA-1, the
 * infohash, is the torrent's name everywhere else.
 *
 * Pieces run over all files as if they were one, in the order of the list;
 * a piece may begin in one file and end in another.
 *
 * A .torrent comes from anybody.  What metainfo_read accepts is safe to use:
 * no path leaves the folder of the download, no size overflows, and there is
 * one hash for each piece.  Nothing is copied: slices point into the bytes.
 *
 * Sources: [bep3] metainfo files, [bep12] announce-list, [bep27] private,
 * [bep47] padding files.
 */
#ifndef BITTORRENT_METAINFO_H
#define BITTORRENT_METAINFO_H

#include "bittorrent/bencode.h"
#include "bittorrent/limits.h"

struct metainfo {
    uint8_t infohash[INFOHASH_BYTES];
    const uint8_t *info; /* the info dictionary, as it is hashed and served */
    size_t info_len;
    struct bencode name; /* of the file, or of the folder of all files */
    uint64_t bytes;      /* of all files together */
    uint64_t piece_bytes;
    uint32_t piece_count;
    const uint8_t *pieces; /* piece_count SHA-1 digests */
    struct bencode files;  /* kind NONE: a single file */
    uint32_t file_count;
    bool is_private; /* peers come from the tracker alone */
    /* Beside the info dictionary; kind NONE where they are missing. */
    struct bencode announce;      /* a string: one tracker */
    struct bencode announce_list; /* tiers of trackers, counts before it */
    struct bencode nodes;         /* of the DHT: lists of host and port */
    struct bencode comment, created_by;
    int64_t created; /* seconds since 1970, or 0 */
};

/* One file; the last three are metainfo_files' own. */
struct metainfo_file {
    uint64_t offset, bytes; /* in the range of all files */
    struct bencode path;    /* a list of names; NONE: the single file */
    bool padding;           /* zeros, never written to disk */
    bool executable;
    uint64_t hash;
    uint32_t next, first;
};

/* Read a whole .torrent file.  0, ERR_MALFORMED or ERR_LIMIT with *why a
   sentence for people; paths are checked, duplicates are not yet. */
int metainfo_read(struct metainfo *m, const uint8_t *data, size_t len,
                  const char **why);
/* List the m->file_count files in order; ERR_MALFORMED with *why when two have
   one path, or the path of one is a folder of another. */
int metainfo_files(const struct metainfo *m, struct metainfo_file *file,
                   const char **why);
/* The path below the download folder, "tree/sub/b.bin", with a NUL behind; its
   length, METAINFO_PATH_MAX at most. */
size_t metainfo_path(const struct metainfo *m, const struct metainfo_file *f,
                     char out[METAINFO_PATH_MAX + 1]);
/* Files may be chosen by a list of their numbers, counted from 1: "1,3-5".
   Is it one, of numbers that there are?  Is that number in it?  Of no list,
   that is "", every file is. */
bool metainfo_is_list(const char *list, uint32_t file_count);
bool metainfo_in_list(const char *list, uint32_t number);
/* The bytes of a piece; the last one's are what is left. */
uint64_t metainfo_piece_bytes(const struct metainfo *m, uint32_t piece);

/* The URL of a tracker, and the tier it stands in; false when there are no
   more.  Begin with {0}. */
struct metainfo_trackers {
    struct bencode_walk tiers, urls;
    uint32_t tier; /* counts from 1 */
    bool begun;
};
bool metainfo_tracker(const struct metainfo *m, struct metainfo_trackers *t,
                      struct bencode *url);

/* The DHT's nodes, each a host, by name or address, and a port; false when
   there are no more.  Begin with bencode_walk(&m->nodes).  Source: [bep5]. */
bool metainfo_node(struct bencode_walk *nodes, struct bencode *host,
                   uint16_t *port);
/* Is it "HOST:PORT", as a plan has them? */
bool metainfo_is_node(const char *node, size_t *host_len, uint64_t *port);

/* What `create` writes. */
struct metainfo_plan {
    const char *name;
    const char *const *tracker; /* a tier each, in order */
    const struct metainfo_plan_file {
        const char *path; /* '/' between names; of a single file unused */
        uint64_t bytes;
    } * file;
    const char *const *node; /* of the DHT, "HOST:PORT" each */
    size_t tracker_count, file_count, node_count;
    bool folder; /* files lie in a folder `name`; else a single file */
    bool is_private;
    const char *comment; /* NULL: none */
    int64_t created;     /* 0: not said, so that equal files give equal bytes */
    uint64_t piece_bytes;
    const uint8_t *pieces;
    size_t piece_count;
};
void metainfo_write(struct bencode_writer *w, const struct metainfo_plan *p);
/* A piece size for so many bytes: a power of two, such that there are about
   1,000 to 2,000 pieces. */
uint64_t metainfo_piece_choice(uint64_t bytes);

#endif
