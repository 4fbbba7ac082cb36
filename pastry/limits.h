/*
 * Every bound and period of our Pastry, with its reason.  What a student may
 * want to change is an option (node.c); these are the rest.
 */
#ifndef PASTRY_LIMITS_H
#define PASTRY_LIMITS_H

#define ID_BITS 128     /* [pastry01] 2: the circle of ids */
#define LEAVES_MAX 64   /* [pastry01] uses 16 or 32; FreePastry 24 */
#define NEAR_MAX 32     /* |M|, as in [pastry01] 4 */
#define ENTRIES_MAX 512 /* of the routing table: 34 rows of 15 */
#define REPLICAS_MAX 8  /* copies of a value: within half of a leaf set */

/* A datagram that is not fragmented on any usual link. */
#define DATAGRAM_MAX 1400
#define HEADER_BYTES 29
#define PEER_BYTES 22
#define PEERS_MAX 60  /* in one datagram: 30 + 60 x 22 = 1,350 bytes */
#define VALUE_MAX 512 /* beside the longest path, still in one datagram */
#define ITEMS_MAX 256 /* values that one node keeps */

/* log16 of 2^20 nodes is 5, and the rare case adds a few: whoever travels
   so far is lost. */
#define HOPS_MAX 32
#define REQUESTS_MAX 128 /* open in one node; what is more waits or is lost */
#define OPEN_COMMANDS_MAX 64 /* of these, so many commands at most */
#define MEASURES_MAX 64      /* and so many measurements */
#define MEASURED_MAX 64      /* peers not measured again soon: four rows */
#define TRIES_MAX 3          /* unanswered before a peer is taken for dead */
#define COMMAND_TRIES 6      /* a command's message is sent anew so often */
#define GRAVES_MAX 16        /* who was given up, to be looked for again */
#define GRAVE_ROUNDS 4       /* between two looks */

#endif
