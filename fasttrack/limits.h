/*
 * Every bound and period of our FastTrack, with its reason.  What a student
 * may want to change is an option (node.c).  Sources: "reference" is the
 * protocol note of giFT-FastTrack and what was measured against mldonkey;
 * "ours" where nothing was ever published.
 */
#ifndef FASTTRACK_LIMITS_H
#define FASTTRACK_LIMITS_H

/* -- Messages ------------------------------------------------------------ */

#define HASH_BYTES 20      /* a UUHash */
#define KZHASH_BYTES 36    /* with the MD5 tree behind it */
#define HEADER_BYTES 5u    /* K, type, route, length */
#define PAYLOAD_MAX 65535u /* of what comes: 16 bits of length */
/* What is passed on may be longer by a route and an id, and is dropped then. */
#define ENCODED_MAX (HEADER_BYTES + PAYLOAD_MAX + 64)
#define REPLY_BYTES_MAX 60000u /* reference 8: replies split below */
#define NAME_MAX_BYTES 255u    /* reference 8: of users and networks */
#define TAGS_MAX 64u           /* reference 8: of one file */
#define TERMS_MAX 32u          /* reference 8: of one query */
#define HOPS_LIMIT 6u          /* reference 3: unicast dies there */
#define QUERY_WORDS_BYTES 200u /* ours: of a user's query */
#define NODES_SENT_MAX 200u    /* reference 1: of one node list */

/* -- Tables -------------------------------------------------------------- */

#define CONTENT_NAME_MAX 255u /* of a file that is shared */
#define KNOWN_MAX 64u         /* supernodes to choose from; ours */
#define CHILDREN_MAX 10000u   /* what `children` may ask for: all of a lab */
#define CALLERS_MAX                                                            \
    16384u               /* connections that have not said what they are: all
                              children of one may call at once; 6 MiB */
#define SN_LINKS_MAX 64u /* reference 1: 30-50 were measured */
#define CHILD_FILES_MAX 4096u /* reference 8: a cap; the number is ours */
#define SEEN_MAX 4096u        /* queries remembered, of each supernode */
#define ASKED_MAX 256u        /* queries whose answers it waits for */
#define HITS_MAX 200u         /* reference 1: SearchResultsMax */
#define SOURCES_MAX 8u        /* of one download, at a time; ours */
#define DOWNLOADS_MAX 16u
#define UPLOADS_MAX 16u      /* the next one hears 503 */
#define GIVING_MAX 8u        /* pushes make us dial whom a stranger names */
#define RESULTS_SENT_MAX 64u /* of one supernode for one query; ours */
#define QUEUE_MAX ((size_t)1024 * 1024) /* a peer that never reads is cut off */
#define PROBES 5u        /* reference 1: supernodes asked at a time */
#define FULL_PERCENT 75u /* ours: from here on another supernode is needed */

/* -- Time ---------------------------------------------------------------- */

#define HELLO_US (10 * SECOND_US) /* reference 8: of a handshake */
#define PONG_US (20 * SECOND_US)  /* reference 3: giFT gives up then */
#define UDP_US (SECOND_US)        /* to hear from supernodes; ours */
#define PARENT_RETRY_US (2 * SECOND_US)
#define MISSES_MAX 3u      /* rounds in vain, and it may be one itself */
#define FULL_ROUNDS 12u    /* ours: so long who said "full" is counted on */
#define PATIENT_ROUNDS 30u /* ours: about a minute; by lot, up to twice that */
#define REST_US (10 * SECOND_US)    /* who was of no use is not asked again */
#define REFUSED_US (60 * SECOND_US) /* nor who is no supernode */
#define CLOSE_US (3 * SECOND_US)    /* to read what is left, and close */
#define SEEN_US (60 * SECOND_US)    /* a query's; a reply is faster */
#define IDLE_US (60 * SECOND_US)    /* a transfer without a byte */
#define RETRY_US (2 * SECOND_US)    /* a source that was lost */
#define RETRIES_MAX 5u
#define BUSY_US (300 * SECOND_US) /* one that said 503: as Retry-After says */
#define BUSY_MAX 10u              /* so often */
#define GIVE_US (30 * SECOND_US)  /* to answer a push */
#define NEWS_US (SECOND_US)       /* ours: changes are told together */
#define LISTS_EVERY                                                            \
    60u /* periods of reports; reference 1: about every 2 hours */
#define PROMOTE_GAP_US (5 * SECOND_US) /* ours: one invitation at a time */
#define DEMOTE_US (120 * SECOND_US)    /* ours: a supernode without children */

/* -- Files --------------------------------------------------------------- */

#define UUHASH_BLOCK 307200u       /* reference 6 */
#define UUHASH_REGIONS_MAX 40u     /* of a file below 2^58 bytes */
#define KZHASH_BLOCK 32768u        /* reference 7 */
#define KZHASH_LEVELS 32u          /* of a file of 64 TiB */
#define FILE_BYTES_MAX UINT32_MAX  /* sizes on the wire have 32 bits */
#define FILES_MAX 4096u            /* whose hash is kept */
#define RANGE_BYTES (256u * 1024u) /* reference 5: what mldonkey asks for */
#define HASH_SLICE (4u * 1024u * 1024u) /* of a tree between two events */

#endif
