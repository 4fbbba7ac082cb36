/*
 * Every bound and period of our Chord, with its reason.  Periods that a
 * student may want to change are options (node.c); these are the rest.
 */
#ifndef CHORD_LIMITS_H
#define CHORD_LIMITS_H

#define BITS_MIN 3
#define BITS_MAX 160 /* SHA-1 has no more */

/* The lecture asks for r = 2 log2 N successors: 32 serve 65,536 nodes. */
#define SUCCESSORS_MAX 32
#define REPLICAS_MAX 16
#define VNODES_MAX 64

/* A datagram that is not fragmented on any usual link. */
#define DATAGRAM_MAX 1400
/* Nodes that a lookup writes down, 6 bytes each; beyond them only the hop
   count grows.  A ring of 2^20 nodes needs about 20. */
#define PATH_MAX_NODES 128
/* Silent nodes that a lookup goes round; when full, the oldest makes room. */
#define AVOID_MAX 16
/* Finger runs in one FINGERS message; a full table has about log2 N. */
#define RUNS_MAX 48

#define VALUE_MAX 1024       /* one item always fits one datagram */
#define BATCH_MAX 32         /* items in one TRANSFER */
#define TRANSFER_HEAD_MAX 80 /* bytes of a TRANSFER before its items */
#define ITEMS_MAX 4096       /* held by one ring member */
#define REQUESTS_MAX 256     /* open in one node; more are refused */

/* A peer is taken for dead after so many unanswered requests in a row: with
   10 % loss a live one is suspected wrongly once in 150. */
#define TRIES_MAX 3
/* Peers taken for dead that a node remembers, to look for them again. */
#define LOST_MAX 8
/* A recursive lookup may take so many times the timeout of one request
   before its origin asks hop by hop instead. */
#define RECURSIVE_PATIENCE 2
/* A command's lookup begins again so often before it fails. */
#define ATTEMPTS_MAX 12
/* Copies are compared every so many rounds of stabilisation, */
#define SYNC_ROUNDS 2
/* a member that is new, or whose arc has grown, does not yet say that a
   value is absent for so many, */
#define UNSURE_ROUNDS 4
/* and a copy that nobody compared for so many syncs goes to its owner. */
#define STRAY_SYNCS 8

#endif
