/*
 * Every bound and period of our BitTorrent, with its reason.  What a student
 * may want to change is an option (node.c); these are the rest.
 */
#ifndef BITTORRENT_LIMITS_H
#define BITTORRENT_LIMITS_H

#include <stddef.h>
#include <stdint.h>

/* -- Bencode and metainfo ------------------------------------------------ */

#define INFOHASH_BYTES 20 /* SHA-1 */
/* No message nests deeper than about 6; each level costs 64 bytes of stack. */
#define BENCODE_DEPTH_MAX 64
/* [libtorrent] reads metadata of up to 30 MiB, that is 1.5 million pieces.  A
   node takes no more than the host remembers for it, 16 MiB. */
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

/* -- Trackers ------------------------------------------------------------ */

#define PEER_ID_BYTES 20
#define COMPACT_BYTES 6 /* [bep23] a peer: address and port */
/* Peers in an answer where the asker names no number, and at most.  200 are
   1,220 bytes over UDP, a datagram that is not fragmented. */
#define NUMWANT_DEFAULT 50
#define NUMWANT_MAX 200
#define UDP_TRACKER_BYTES_MAX 1400
#define UDP_SCRAPE_MAX 74 /* [bep15] infohashes in one datagram */
/* [bep15] A client uses its id, and a tracker takes it for twice as long. */
#define CONNECTION_US (60 * SECOND_US)
/* What one tracker remembers: 48 bytes a peer. */
#define TRACKER_SWARMS_MAX 65536u
#define TRACKER_PEERS_MAX 1000000u
#define TRACKER_REPLY_MAX (60 * (size_t)1024) /* one message of the seam */
#define SCRAPE_ALL_MAX 512                    /* swarms that fit that */
/* The other side of it. */
#define TRACKERS_MAX 16        /* of one torrent */
#define TRACKER_HOST_MAX 127   /* and of a torrent's node of the DHT */
#define TRACKER_PATH_MAX 255   /* passkeys take some 50 */
#define TRACKER_ID_MAX 64      /* bytes of one that we repeat */
#define TRACKER_FAILURE_MAX 79 /* of its reason: a line of the screen */
#define TRACKER_ANSWER_MAX (240 * (size_t)1024) /* of one over HTTP */
#define STOP_PATIENCE_US (2 * SECOND_US)        /* for the answer to stopped */
#define MAGNET_PEERS_MAX 16                     /* x.pe of one link */
#define MAGNET_FILES_MAX 255                    /* of its list of files */
#define MAGNET_BYTES_MAX 8192                   /* with all that we use of it */
#define FOUND_MAX 64 /* peers taken from one answer; numwant is the default */
#define HTTP_TRACKER_US (20 * SECOND_US) /* its patience */
#define UDP_RETRY_US (15 * SECOND_US)    /* [bep15] 15 * 2^n, n to 8 */
#define UDP_RETRIES 8
#define ANNOUNCE_RETRY_US (15 * SECOND_US) /* doubles after failures */
#define ANNOUNCE_RETRY_MOST_US (3600 * SECOND_US)
/* Without a single peer, and no word of the tracker on how soon. */
#define ANNOUNCE_HURRY_US (60 * SECOND_US)
#define ANNOUNCE_LEAST_US (1 * SECOND_US) /* whatever a tracker says */
#define ANNOUNCE_MOST_US (4 * 3600 * SECOND_US)

/* -- The DHT ------------------------------------------------------------- */

#define DHT_DATAGRAM_MAX 1400  /* not fragmented on any usual link */
#define DHT_K 8                /* [bep5] nodes of a bucket, and of an answer */
#define DHT_ALPHA 3            /* [kademlia02] queries of a lookup in flight */
#define DHT_CANDIDATES 24      /* nodes that a lookup keeps: three times K */
#define DHT_BUCKETS_MAX 160    /* bits of an id; log2 of the nodes are in use */
#define DHT_CALLS_MAX 64       /* queries without an answer yet */
#define DHT_SEARCHES_MAX 4     /* lookups at one time */
#define DHT_FOLLOWED_MAX 64    /* torrents that this node looks for */
#define DHT_BOOTSTRAP_MAX 8    /* nodes known only by address */
#define DHT_NAMED_MAX 4        /* of those that a torrent names */
#define DHT_FOUND_MAX 64       /* peers found and not yet taken */
#define DHT_TRANSACTION_MAX 64 /* bytes of somebody's id; ours have two */
#define DHT_TOKEN_BYTES 8      /* of ours */
#define DHT_TOKEN_MAX 64       /* of others' */
/* Peers stored for others: all, of one torrent, from one address. */
#define DHT_STORED_MAX 4096u
#define DHT_SWARM_MAX 256u
#define DHT_STORED_IP_MAX 128u
/* In an answer.  With nodes, token and id that is 700 bytes for a question of
   95: spoofed questions gain little, and see DHT_RATE. */
#define DHT_VALUES_MAX 50
/* Answers a second to one address, and at once. */
#define DHT_RATE 100u
#define DHT_BURST 200u
#define DHT_RATED 64 /* addresses counted; others share their places */
#define DHT_CALL_US (2 * SECOND_US)           /* then a node is not there */
#define DHT_GOOD_US (15 * 60 * SECOND_US)     /* [bep5] */
#define DHT_REFRESH_US (15 * 60 * SECOND_US)  /* [bep5] of a bucket */
#define DHT_ANNOUNCE_US (15 * 60 * SECOND_US) /* as libtorrent */
#define DHT_LOOK_AGAIN_US (30 * SECOND_US)    /* when nobody was found */
#define DHT_STORED_US (30 * 60 * SECOND_US)   /* two announces */
#define DHT_SECRET_US (5 * 60 * SECOND_US)    /* [bep5] tokens */
#define DHT_SAVE_US (5 * 60 * SECOND_US)
#define DHT_JOIN_TRIES 12 /* of those to join, while others are known */
#define DHT_RETRY_US (5 * SECOND_US) /* when nobody is there yet */
#define DHT_UPKEEP_US (60 * SECOND_US)
#define DHT_FAILURES_MAX 2 /* unanswered in a row: a bad node */

/* -- Peers --------------------------------------------------------------- */

#define BLOCK_BYTES 16384u /* [bep3] of each request; the last is shorter */
/* We serve requests of up to 128 KiB, as most clients did once. */
#define BLOCK_BYTES_MAX (128u * 1024)
#define MESSAGE_MAX (512u * 1024) /* a bitfield of 4 million pieces */
#define CONN_SLOTS 128u           /* to find a peer by its stream */
#define PEERS_MAX 80              /* connections; Cohen's client has as many */
#define CALLERS_MAX 1000          /* of a tracker, who have asked nothing yet */
/* That we open, of these or, when newcomers have all places, beside them. */
#define DIALS_MAX 40
#define DIALS_WAITING_MAX 8                /* not yet open, at one time */
#define KNOWN_MAX 256                      /* addresses that we may dial */
#define HALF_OPEN_US (20 * SECOND_US)      /* until the handshake is here */
#define HALF_OPEN_LEAST_US (SECOND_US / 2) /* more than a round trip takes */
#define SILENT_US (240 * SECOND_US)        /* twice a keep-alive's period */
#define KEEP_ALIVE_US (110 * SECOND_US)    /* [bep3] two minutes */
#define REDIAL_US (10 * SECOND_US)         /* doubles with each failure */
#define REDIALS_MAX 5                      /* then it is forgotten */
#define REQUESTS_LEAST 4                   /* enough for slow links: 64 KiB */
#define REQUESTS_MAX 250    /* outstanding at a peer, and what we take: reqq */
#define REQUESTS_BATCHED 64 /* from so many on, a quarter at a time */
#define REQUESTS_AHEAD_US (3 * SECOND_US)    /* [libtorrent] queue time */
#define REQUEST_PATIENCE_US (60 * SECOND_US) /* [bep3] snubbed */
#define NEWCOMER_LOTS 3                      /* [bep3] of the optimistic slot */
#define ALLOWED_FAST_MAX 10 /* [bep6] pieces for a peer that is choked */
#define ENDGAME_COPIES 2    /* peers asked for one block at the end, at most */
#define EXTENSION_BYTES_MAX 4096 /* of what we write, but for metadata */
#define METADATA_BLOCK 16384u    /* [bep9] */
/* For a block of it; and until who had none, or a wrong one, is asked anew. */
#define METADATA_PATIENCE_US (20 * SECOND_US)
#define METADATA_AGAIN_US (60 * SECOND_US)
/* Of a bitfield that comes before the info dictionary; one of BLOB_BYTES_MAX
   bytes names no more than 52,428 pieces. */
#define EARLY_BYTES_MAX 8192u
#define PEX_PERIOD_US (60 * SECOND_US) /* [bep11] at most so often */
#define PEX_FIRST_US (2 * SECOND_US)   /* others come meanwhile */
#define PEX_MAX 50                     /* [bep11] peers in a message */
/* Of a torrent that a node makes itself: its metainfo stays below 1 MiB. */
#define PIECES_MADE_MAX 50000u
#define WEB_STREAMS_MAX 16 /* streams that ask for a .torrent or a tracker */

#endif
