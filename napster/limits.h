/* Every bound and period of this protocol, with its reason. */
#ifndef NAPSTER_LIMITS_H
#define NAPSTER_LIMITS_H

/* Source: reference, section 5, the limits of opennap. */
#define PAYLOAD_MAX 2048u /* a longer one closes the connection */
#define NICK_MAX 19u
#define CLIENT_MAX 32u /* of the name of a client's program */
#define EMAIL_MAX 63u
#define RESULTS_MAX 100u /* of a search */
#define BROWSE_MAX 500u  /* of a browse that names a limit */
#define USER_FILES_MAX 5000u
#define FILE_NAME_MAX 255u
#define CONTENT_MAX_BYTES (UINT64_C(1) << 42) /* as common/content.h */
#define NICKS_MAX 32u /* on a hotlist, and ignored by a user */
#define USER_CHANNELS_MAX 5u
#define CHANNEL_USERS_MAX 200u
#define CHANNEL_NAME_MAX 32u
#define TOPIC_MAX 64u
#define LOGIN_US (60 * SECOND_US)
#define FILE_TOKENS_MAX 30u /* words that a file is found by: the last 30 */

/* Ours. */
#define QUEUE_MAX                                                              \
    ((size_t)2048 * 1024)   /* a user who never reads is closed;
                     opennap's 100 KiB do not hold the browse of 5000 files */
#define SESSIONS_MAX 65536u /* users and callers of a server */
#define CALLERS_MAX 4096u   /* of these, not logged in */
#define CHANNELS_MAX 256u
#define ACCOUNTS_MAX 8192u     /* registrations: they fit into one blob */
#define PASSWORD_ROUNDS 10000u /* about 5 ms a login */
#define SLOTS_CHUNK 4096u      /* files and words grow by such chunks */
#define SLOTS_CHUNKS 1024u     /* 4 million of each */
#define MD5_OF_BYTES 299008u   /* Source: reference, 6.5; no tag is skipped */
#define TOKEN_MAX 64u          /* bytes of a word; more are cut off */

/* A client. */
#define HITS_MAX 200u     /* of its last search or browse */
#define PINGED_MAX 32u    /* holders measured after a search */
#define QUESTIONS_MAX 16u /* of its user, waiting for their turn */
#define PEERS_MAX 128u    /* connections to other clients */
#define GRANTS_MAX 64u    /* downloads allowed and not yet fetched */
#define DOWNLOADS_MAX 32u
#define UPLOADS_MAX 16u
#define REQUEST_MAX 600u /* bytes of GET or SEND with its fields */
#define RECONNECT_US (2 * SECOND_US)
#define META_US (10 * SECOND_US)    /* Source: reference, 1: for its one line */
#define PING_US (2 * SECOND_US)     /* how long a search waits for pongs */
#define LIST_ASK_US (5 * SECOND_US) /* for word on a direct browse; a dial */
#define LIST_US (20 * SECOND_US)    /* and then for all of the list */
#define ASK_US (30 * SECOND_US)     /* Source: reference, 6.1; any question */
#define PEER_US (30 * SECOND_US)    /* without a byte: gone */
#define DIGITS_US                                                              \
    (SECOND_US / 5) /* Source: reference, 6.3: an offset has no
                                      end but silence */
#define RETRIES_MAX 5u
#define RESUME_BACK                                                            \
    32u /* bytes fetched again, so that the size before them
                           cannot be mistaken for what remains */

#endif
