/*
 * Napster's messages.  Source: reference, sections 2, 3 and 6.
 *
 * To a server: a length and a type, little-endian, then text in fields.
 * Between clients: bare text without any end; see the functions below.
 */
#ifndef NAPSTER_WIRE_H
#define NAPSTER_WIRE_H

#include "common/hash.h"
#include "common/http.h"
#include "common/node.h"
#include "napster/limits.h"

#define HEADER_BYTES 4u
#define FIELDS_OF_ONE 16 /* no message that we know has more */

enum napster_type {
    MSG_ERROR = 0,
    MSG_LOGIN = 2,
    MSG_LOGIN_OK = 3,
    MSG_VERSION = 4,
    MSG_UPGRADE = 5,
    MSG_REGISTER = 6,
    MSG_NICK_CHECK = 7,
    MSG_NICK_FREE = 8,
    MSG_NICK_TAKEN = 9,
    MSG_NICK_BAD = 10,
    MSG_PASS_CHECK = 11,
    MSG_PASS_OK = 12,
    MSG_SURVEY = 14,
    MSG_SHARE = 100,
    MSG_UNSHARE = 102,
    MSG_SEARCH = 200,
    MSG_HIT = 201,
    MSG_SEARCH_END = 202,
    MSG_DOWNLOAD = 203,
    MSG_DOWNLOAD_OK = 204,
    MSG_PRIVATE = 205,
    MSG_NOT_HERE = 206,
    MSG_HOTLIST_ADD = 207,
    MSG_HOTLIST = 208,
    MSG_SIGNED_ON = 209,
    MSG_SIGNED_OFF = 210,
    MSG_BROWSE = 211,
    MSG_BROWSE_HIT = 212,
    MSG_BROWSE_END = 213,
    MSG_STATS = 214,
    MSG_RESUME = 215,
    MSG_RESUME_HIT = 216,
    MSG_RESUME_END = 217,
    MSG_DOWNLOADING = 218,
    MSG_DOWNLOADED = 219,
    MSG_UPLOADING = 220,
    MSG_UPLOADED = 221,
    MSG_PORT = 300,
    MSG_HOTLIST_OK = 301,
    MSG_HOTLIST_BAD = 302,
    MSG_HOTLIST_REMOVE = 303,
    MSG_DISCONNECT = 316,
    MSG_IGNORE_LIST = 320,
    MSG_IGNORED = 321,
    MSG_IGNORE = 322,
    MSG_IGNORE_REMOVE = 323,
    MSG_IGNORED_NOT = 324,
    MSG_IGNORED_YET = 325,
    MSG_IGNORE_CLEAR = 326,
    MSG_JOIN = 400,
    MSG_PART = 401,
    MSG_SAY = 402,
    MSG_SAID = 403,
    MSG_NOTICE = 404,
    MSG_JOINED = 405,
    MSG_CHANNEL_JOIN = 406,
    MSG_CHANNEL_PART = 407,
    MSG_MEMBER = 408,
    MSG_MEMBERS_END = 409,
    MSG_TOPIC = 410,
    MSG_PUSH = 500,
    MSG_PUSH_TO = 501,
    MSG_SPEED = 600,
    MSG_SPEED_IS = 601,
    MSG_WHOIS = 603,
    MSG_WHOIS_IS = 604,
    MSG_WHOWAS = 605,
    MSG_UPLOAD_ASK = 607,
    MSG_UPLOAD_OK = 608,
    MSG_UPLOAD_NO = 609,
    MSG_CHANNELS = 617,
    MSG_CHANNEL = 618,
    MSG_QUEUE_LIMIT = 619,
    MSG_QUEUED = 620,
    MSG_MOTD = 621,
    MSG_PORT_ERROR = 626,
    MSG_BROWSE_DIRECT = 640,
    MSG_BROWSE_ACCEPT = 641,
    MSG_BROWSE_ERROR = 642,
    MSG_SET_SPEED = 700,
    MSG_SET_PASSWORD = 701,
    MSG_SET_EMAIL = 702,
    MSG_SET_PORT = 703,
    MSG_GHOST = 748,
    MSG_SERVER_PING = 750,
    MSG_PING = 751,
    MSG_PONG = 752,
    MSG_EMOTE = 824,
    MSG_SHARE_DIR = 870,
    MSG_SHARE_TYPED = 10300
};

struct napster_msg {
    uint16_t type;
    const uint8_t *bytes; /* all of it: the header, and `len` of text */
    const char *text;     /* the part of them behind the header; lent, no NUL */
    size_t len;
};

/* Decode one message: the bytes used, 0 for more, ERR_LIMIT when it claims
   more than PAYLOAD_MAX, which its first two bytes tell. */
int napster_decode(struct napster_msg *m, const uint8_t *data, size_t len);
/* Encode into HEADER_BYTES + PAYLOAD_MAX bytes; what is too long is cut. */
size_t napster_encode(uint8_t *out, uint16_t type, const char *text,
                      size_t len);

/* Step to the next field of `rest`: 1, 0 at the end, ERR_MALFORMED when a
   quote is left open. */
int napster_next(struct slice *rest, struct slice *field);
/* All fields, of which `max` are kept: how many there are, or ERR_MALFORMED. */
int napster_split(struct slice text, struct slice *field, int max);
/* As much of it as has room, and a NUL. */
void napster_copy(char *to, size_t room, struct slice s);
/* Can it be sent as a field, bare or in quotes, and be read as it was? */
bool napster_sendable(struct slice s, bool quoted);
/* All of a field as a number of at most `max`. */
bool napster_number(struct slice s, uint64_t max, uint64_t *value);
/* The number that an address becomes: its first octet is the lowest. */
uint32_t napster_ip(uint32_t ip);
/* 16 bytes as 32 letters, and a NUL. */
void napster_hex(const uint8_t md5[MD5_BYTES], char out[2 * MD5_BYTES + 1]);
static inline char napster_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}
bool napster_same(struct slice a, struct slice b); /* whatever the case */
struct slice napster_slice(const char *s);
/* May this be a nick? */
bool napster_nick_ok(struct slice s);

/* -- Between clients ----------------------------------------------------- */

/* GET or SEND of the accepted side's caller; GETLIST or SENDLIST when it is
   about all files.  Source: reference, 6.2 to 6.4. */
struct napster_request {
    bool send; /* SEND: the caller has the file; else GET */
    bool list; /* only SENDLIST has a field then: its nick */
    struct slice nick, file;
    uint64_t number; /* GET: the offset; SEND: the size */
};

/* The bytes read, 0 for more, or ERR_MALFORMED.  Its number ends where the
   bytes do: it may go on in what comes next.  GETLIST is all that has come:
   with more behind it, it is the GET of one whose nick begins with LIST. */
int napster_request(struct napster_request *r, const uint8_t *data, size_t len);
/* How many of the bytes are the size that a holder sends before the data of
   a file of `size` bytes from `offset` on: the whole size, or what remains.
   0: more bytes are needed; ERR_MALFORMED: it is neither, or an error text. */
int napster_size(const uint8_t *data, size_t len, uint64_t size,
                 uint64_t offset);

void napster_describe(const struct framing *framing, const uint8_t *data,
                      size_t len, struct fields *f);

#endif
