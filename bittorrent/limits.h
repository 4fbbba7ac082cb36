/*
 * Every bound and period of our BitTorrent, with its reason.  What a student
 * may want to change is an option (node.c); these are the rest.
 */
#ifndef BITTORRENT_LIMITS_H
#define BITTORRENT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* -- Bencode and metainfo --------------------------------------------------- */

#define INFOHASH_BYTES 20 /* SHA-1 */
/* No message nests deeper than about 6; each level costs 64 bytes of stack. */
#define BENCODE_DEPTH_MAX 64
/* [libtorrent] reads metadata of up to 30 MiB, that is 1.5 million pieces. */
#define METAINFO_BYTES_MAX ((size_t)32 * 1024 * 1024)
#define BENCODE_BYTES_MAX METAINFO_BYTES_MAX /* a string in anything we read */
#define METAINFO_FILES_MAX 4096 /* as many as a content of the host has */
#define METAINFO_DEPTH_MAX 16   /* folders in folders; as the host's */
#define METAINFO_NAME_MAX 255   /* a name, in every usual file system */
#define METAINFO_PATH_MAX 1023  /* a path, as the host's */
#define PIECE_BYTES_LEAST 1024  /* less would be all hashes */
#define PIECE_BYTES_MAX (UINT64_C(64) << 20)    /* what clients in use create */
#define PIECE_CHOICE_LEAST (UINT64_C(16) << 10) /* of `create`: one block */
#define PIECE_CHOICE_MAX (UINT64_C(16) << 20)   /* and what all clients read */

#endif
