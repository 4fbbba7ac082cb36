/*
 * The introducer: the lecture's well-known HTTP service that hands a newcomer
 * some recently joined nodes.  It is a node like any other, on the seam, so
 * it runs in the simulator too; it forgets who has not called again.
 *
 *     GET /join?addr=127.0.0.1:7074 HTTP/1.0     register, and get peers
 *     GET /peers HTTP/1.0                        get peers only
 *     GET /leave?addr=127.0.0.1:7074 HTTP/1.0    forget me
 *
 *     GET /?hostfile=1, /?ip=127.0.0.1:6346 HTTP/1.0    GWebCache, version 1
 *
 * answers with text/plain, an address a line, the most recent first, never
 * the asker.  A node that joins through one calls again every
 * INTRODUCER_RENEW_US.
 *
 * The joining side is here as well.  host_begin (host.h) puts it in front of
 * a node that joins by an introducer: it asks, creates the node with the
 * first address of the answer to join (or as the first of its network when
 * the answer is empty), starts it, and from then on passes on every event
 * that is not its own.
 */
#ifndef COMMON_INTRODUCER_H
#define COMMON_INTRODUCER_H

#include "common/host.h"

#define INTRODUCER_NODES_MAX 1024
#define INTRODUCER_PEERS 8 /* in one answer */
#define INTRODUCER_RENEW_US (20 * SECOND_US)
#define INTRODUCER_FORGET_US (60 * SECOND_US)
#define INTRODUCER_RETRY_US (2 * SECOND_US) /* when it is down */
#define INTRODUCER_PORT 8080

extern const struct protocol introducer_protocol;

struct introduced;
/* NULL when memory is short; `c->join` is filled in by the answer. */
struct introduced *introduced_create(struct host *h, const struct config *c,
                                     struct addr introducer);
size_t introduced_event(struct introduced *i, struct host *h,
                        const struct event *e);

#endif
