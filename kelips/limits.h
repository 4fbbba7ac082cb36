/*
 * Every bound and period of our Kelips, with its reason.  What a student may
 * want to change is an option (node.c); these are the rest.
 */
#ifndef KELIPS_LIMITS_H
#define KELIPS_LIMITS_H

#define ID_BITS 160      /* SHA-1 */
#define GROUPS_MAX 1024  /* the square root of a million nodes */
#define CONTACTS_MAX 8   /* of one foreign group; the paper's is 2 */
#define RATION_MAX 32    /* entries of one kind in one message */
#define MEMBERS_MAX 4096 /* of a group: sixteen times sqrt(65,536) */
#define TUPLES_MAX 65536 /* [lecture] 10^7 files in 317 groups: 31,546 each */
#define EVICT_LOOKS 64   /* entries among which a full table makes room */
#define FILES_MAX 1024   /* that one node is the home of */

/* A datagram that is not fragmented on any usual link. */
#define DATAGRAM_MAX 1400
#define HEADER_BYTES 32 /* [kelips03] with 6 entries of 40: 272 bytes */
#define ENTRY_BYTES 40
#define ENTRIES_MAX 33 /* in one datagram, behind header and counts */
#define VALUE_MAX 512  /* of what `insert NAME TEXT` keeps at the home */

/* [kelips03] 4: gossip goes to three members and three contacts a round. */
#define TARGETS 3
#define DRAWS_MAX 64 /* to find them among many entries of one */
/* Times that an entry which is new here is gossiped before others: a round's
   messages.  (The paper leaves open how long an item counts as new.) */
#define FRESH_TIMES 6
#define WELCOME_DATAGRAMS 4 /* that a newcomer is sent at once */
#define REQUESTS_MAX 64     /* open in one node; more are refused */
/* Calls to a peer that may stay unanswered before it is taken for dead: with
   10 % loss a live one is suspected wrongly once in 130 checks. */
#define MISSES_MAX 3
/* Nodes a lookup asks beside its own contacts [p2psim]. */
#define INDIRECT_TRIES 12
/* Nodes a lookup remembers to have asked: its contacts, and for each of those
   the contact that it names. */
#define ASKED_MAX (CONTACTS_MAX + 2 * INDIRECT_TRIES)
/* A lookup's whole time; where somebody was silent, it pauses, and asks all
   over again [p2psim]. */
#define LOOKUP_LIMIT_US (4 * SECOND_US)
#define LOOKUP_PAUSE_US 100000
/* Members of the right group that know no such file before a lookup believes
   that there is none. */
#define DENIALS_MAX 3
#define GRAVES_MAX 16    /* peers given up, to be looked for again */
#define GRAVE_ROUNDS 8   /* between two looks */
#define PURGE_US 1000000 /* what has expired is forgotten within [p2psim] */
/* Rounds that a heartbeat may need beside those that bandwidth costs it, for
   the automatic expiry (see kelips_expiry). */
#define SLACK_ROUNDS 10
/* A file's home refreshes it so often within its expiry. */
#define REFRESHES 3
#define TIMEOUT_LEAST_US 50000 /* of a request, however near the peer */

#endif
