/*
 * Every bound and period of our Gnutella, with its reason.  What a student
 * may want to change is an option (node.c).  Sources: [rfc] the 0.6 draft,
 * [gtk] what gtk-gnutella 1.2.3 does; "ours" where they leave it open.
 */
#ifndef GNUTELLA_LIMITS_H
#define GNUTELLA_LIMITS_H

/* -- Messages ------------------------------------------------------------ */

#define GUID_BYTES 16
#define HEADER_BYTES 23
/* [gtk] drops the link at 40,960 bytes, for hits at 65,536: one bound.  What
   is passed on has a header less, so that a message is one host_write. */
#define LENGTH_MAX 65536
#define PAYLOAD_MAX (LENGTH_MAX - HEADER_BYTES)
#define QUERY_BYTES_MAX 256   /* [rfc], [gtk]: longer ones are not forwarded */
#define QUERY_BYTES_DROP 4096 /* [rfc] not even answered */
#define TTL_MAX 15            /* [rfc] a higher one is dropped */
#define TTL_ZERO_MAX 10       /* with TTL 0, and then Bye 408; ours */
#define TTL_CLASSIC 7         /* 0.4: ttl + hops is lowered to this */
#define RESULTS_MAX 255       /* the count in a hit is one byte */
#define RESULTS_SENT_MAX 32   /* ours: of one servent for one query */
#define WORDS_MAX 16          /* of a query; ours */

/* -- Tables -------------------------------------------------------------- */

/* Message ids remembered in each of two generations.  [gtk] has as many in
   16 tables; at 10,000 queries a second this is still six seconds. */
#define SEEN_MAX 65536
#define IDS_MAX 200 /* of one link in a second among those of all; ours */
#define SEEN_US (600 * SECOND_US) /* a generation's age; a reply is faster */
#define LINKS_MAX 64              /* overlay links, leaves among them; ours */
#define LEAVES_MAX 30             /* of an ultrapeer, as the 2001 paper */
#define CALLERS_MAX 64 /* connections that have not said what they want */
#define UPLOADS_MAX 16 /* at a time; the next one hears 503 */
#define WAITING_MAX 32 /* who heard 503 and may come next; ours */
#define PROXIES_MAX 4  /* named in a hit; ours: 6 bytes each, and 7 */
#define PROXIES_BYTES (7 + 6 * PROXIES_MAX)
#define DOWNLOADS_MAX 16
#define CACHE_MAX 64 /* addresses to dial; ours */
#define PONGS_MAX 10 /* [rfc] of one answer out of the cache */
#define HITS_MAX 64  /* results that a search keeps to be fetched */
#define SEARCHES_MAX 8
#define FILES_MAX 4096 /* whose hash is kept */

/* -- Time ---------------------------------------------------------------- */

#define HELLO_US (20 * SECOND_US) /* to end a handshake; ours, see reference */
#define BYE_US (3 * SECOND_US)    /* to read what is left, and close */
/* A push makes us dial whom a stranger names: so many calls at a time, in all
   and to one address, and so many a minute for one link; and so many of its
   pushes go on to others.  Ours. */
#define GIVING_MAX 8
#define GIVING_SAME_MAX 2
#define PUSHES_MAX 60
#define PUSHES_PASSED_MAX 6000
#define GIV_US (30 * SECOND_US)  /* to answer a push */
#define IDLE_US (60 * SECOND_US) /* a transfer without a byte */
#define RETRY_US (2 * SECOND_US) /* a download that lost its connection */
#define RETRIES_MAX 30
/* A holder that is busy is asked again so late, or when it says; so often. */
#define BUSY_US (60 * SECOND_US)       /* reference 7: not before a minute */
#define POLL_MOST_US (120 * SECOND_US) /* who waits asks again before */
#define BUSY_MOST_US (600 * SECOND_US)
#define BUSY_MAX 10
#define WORDS_US (5 * SECOND_US)   /* changed files of a leaf are told; ours */
#define SEEK_US (1 * SECOND_US)    /* between two rounds of dialling */
#define REDIAL_US (30 * SECOND_US) /* an address that failed rests so long */
#define REDIALS_MAX 5              /* ... doubled each time, up to 16 minutes */
#define JOINS_MAX 60 /* calls to the one we were told, while others call us */
#define PING_GAP_US SECOND_US      /* [rfc] one ping a second and link */
#define REFRESH_US (3 * SECOND_US) /* [rfc] of pongs from who keeps them */
#define SILENT_PERIODS 3 /* of pings without a byte: the neighbour is gone */

/* -- Streams ------------------------------------------------------------- */

#define GREETING_MAX 16384         /* bytes of a handshake, and */
#define GREETING_LINES_MAX 64      /* its headers; ours, see reference */
#define TABLE_SLOTS_MAX (1u << 20) /* QRP, of a peer; ours, see reference */
#define TABLE_BITS 14              /* and our own: 16,384, as [gtk] */
/* Unsent on a link [rfc]: from half of it on (BACKLOG_HIGH) the least important
   messages are dropped, and the peer's queries, until ROOM says that it is
   below a quarter again; when a push does not fit the link is closed. */
#define QUEUE_BYTES (512 * 1024)
/* Inflated on a link: queries come to 3 times their bytes, tables to 20; more
   than this is a bomb.  Ours. */
#define INFLATED_FREE (1024 * 1024)
#define INFLATED_RATIO 64

#endif
