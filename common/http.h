/*
 * The heads of HTTP/1.x messages: as much as introducer, tracker, download
 * and push need.  Nothing is copied: slices point into the bytes given.
 *
 * Bounded: a head of more than HTTP_HEAD_MAX bytes is refused, so a peer
 * that never ends its head holds no more than that.
 */
#ifndef COMMON_HTTP_H
#define COMMON_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fields.h"
#include "common/words.h"

#define HTTP_HEAD_MAX 8192

struct http_head {
    size_t len;           /* with the empty line */
    struct slice method;  /* requests: GET */
    struct slice target;  /* requests: /join?addr=... */
    bool last;            /* none follows it on this connection: "close", or
                             HTTP/1.0 without "keep-alive" */
    unsigned status;      /* answers: 200; else 0 */
    struct slice headers; /* the lines behind the first */
    bool has_length;
    uint64_t content_length;
};

/* Read a head from the front of `data`: its length, 0 if more bytes are
   needed, ERR_MALFORMED or ERR_LIMIT. */
int http_request(struct http_head *h, const uint8_t *data, size_t len);
int http_answer(struct http_head *h, const uint8_t *data, size_t len);

/* The value of a header, without blanks around it; case does not matter.  It
   may go on over lines that begin with a blank, which HTTP's own heads may not
   have, but Gnutella's. */
bool http_header(const struct http_head *h, const char *name,
                 struct slice *value);
/* "bytes=FIRST-LAST" or "bytes=FIRST-", of so many: the half-open range; false
   when it is neither, or asks for what is not there. */
bool http_range(struct slice s, uint64_t bytes, uint64_t *from, uint64_t *end);
/* The part of a target in front of '?'. */
struct slice http_path(struct slice target);
/* Decode the query parameter `name` (%41, +) into `out`, with a NUL behind:
   its length, or ERR_MALFORMED when it is not there, is broken or has no
   room. */
int http_parameter(struct slice target, const char *name, char *out,
                   size_t room);

/* Take the next NAME=VALUE off a query, still encoded; false at its end.
   Begin with http_query. */
struct slice http_query(struct slice target);
bool http_next_parameter(struct slice *query, struct slice *name,
                         struct slice *value);

/* Decode %41, and + as a blank if `plus` (queries, not paths), with a NUL
   behind: the length, or ERR_MALFORMED when it is broken or has no room. */
int http_unescape(struct slice value, bool plus, char *out, size_t room);

/* Name the parts of a whole message: first line, headers, body. */
void http_describe(const uint8_t *data, size_t len, struct fields *f);

#endif
