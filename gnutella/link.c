/*
 * Links: the list of them, and the messages that they carry.  greet.c makes
 * them, seek.c finds the servents to dial.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/deflate.h"

/* -- The list ------------------------------------------------------------ */

struct link *gnutella_link_of(const struct gnutella *n, conn_id conn)
{
    struct link *l = n->links;

    while (l != NULL && l->conn != conn)
        l = l->next;
    return l;
}

struct link *gnutella_link_new(struct gnutella *n, struct host *h, conn_id conn,
                               enum link_state state, uint64_t patience_us)
{
    struct link *l = host_alloc(h, sizeof *l), **at = &n->links;

    if (l == NULL)
        return NULL;
    *l = (struct link){.conn = conn,
                       .state = state,
                       .deadline_us = host_now(h) + patience_us,
                       .heard_us = host_now(h)};
    while (*at != NULL)
        at = &(*at)->next;
    *at = l;
    return l;
}

void gnutella_link_free(struct gnutella *n, struct host *h, struct link *l)
{
    struct link **at = &n->links;

    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    deflate_free(h, l->out);
    deflate_in_free(h, l->in);
    if (l->plain != NULL)
        host_free(h, l->plain, l->plain_cap);
    gnutella_qrp_free(h, l);
    host_free(h, l, sizeof *l);
}

unsigned gnutella_degree(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += gnutella_link_is_up(l);
    return count;
}

unsigned gnutella_peer_count(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += gnutella_link_is_up(l) && l->peer != ROLE_LEAF;
    return count;
}

unsigned gnutella_link_room(const struct gnutella *n)
{
    unsigned room = 2 * gnutella_degree_wanted(n) + 4;

    return room < LINKS_MAX - LEAVES_MAX ? room : LINKS_MAX - LEAVES_MAX;
}

void gnutella_link_abort(struct gnutella *n, struct host *h, struct link *l,
                         const char *why)
{
    host_note(h, "cuts a connection off: %s", why);
    host_abort(h, l->conn);
    gnutella_transfer_on_closed(n, h, l);
    gnutella_link_free(n, h, l);
    gnutella_seek_soon(n, h);
}

void gnutella_link_finish(struct host *h, struct link *l)
{
    l->state = LINK_CLOSING;
    l->deadline_us = host_now(h) + BYE_US;
    host_finish(h, l->conn);
}

void gnutella_link_close(struct gnutella *n, struct host *h, struct link *l,
                         uint16_t code, const char *why)
{
    struct gnutella_msg m = {.type = GNUTELLA_BYE, .ttl = 1, .code = code};

    host_note(h, "closes a link: %s", why);
    if (l->state == LINK_UP && l->modern) {
        gnutella_new_guid(h, m.guid);
        m.text = (struct span){(const uint8_t *)why, strlen(why)};
        gnutella_route_send(n, h, l, &m);
    }
    gnutella_link_finish(h, l);
    gnutella_arm(n, h);
    gnutella_seek_soon(n, h);
}

bool gnutella_may_be(const struct event *e, const char *word)
{
    size_t len = e->len < strlen(word) ? e->len : strlen(word);

    return memcmp(e->data, word, len) == 0;
}

/* -- Messages over a link ------------------------------------------------ */

/* The next message of a plain stream. */
static size_t on_plain(struct gnutella *n, struct host *h, struct link *l,
                       const struct event *e)
{
    uint8_t type;
    uint32_t length;

    if (!gnutella_peek(e->data, e->len, &type, &length))
        return 0;
    if (length > LENGTH_MAX) {
        gnutella_link_close(n, h, l, 400, "a message beyond all limits");
        return e->len;
    }
    if (e->len < HEADER_BYTES + length)
        return 0;
    gnutella_route_message(n, h, l, e->data, HEADER_BYTES + length);
    return HEADER_BYTES + length;
}

static bool is_bomb(const struct link *l)
{
    return l->plain_bytes > INFLATED_FREE &&
           l->plain_bytes / INFLATED_RATIO > l->packed_bytes;
}

/*
 * The next message of a deflated stream.  Never more than one message is
 * inflated at a time; and what no messages of servents would come to is a bomb.
 */
static size_t on_deflated(struct gnutella *n, struct host *h, struct link *l,
                          const struct event *e)
{
    size_t taken = 0, used;
    uint32_t length = 0;
    uint8_t type;

    while (l->state == LINK_UP) {
        bool headed = gnutella_peek(l->plain, l->plain_len, &type, &length);
        uint32_t need = HEADER_BYTES + (headed ? length : 0);
        if ((headed && length > LENGTH_MAX) ||
            !host_grow(h, &l->plain, &l->plain_cap, need, 1)) {
            gnutella_link_close(n, h, l, 400, "a message beyond all limits");
            break;
        }
        int got = deflate_in_read(l->in, e->data + taken, e->len - taken, &used,
                                  l->plain + l->plain_len, need - l->plain_len);
        if (got < 0) {
            gnutella_link_close(n, h, l, 501, "not a deflated stream");
            break;
        }
        taken += used;
        l->plain_len += (uint32_t)got;
        l->packed_bytes += used;
        l->plain_bytes += (uint32_t)got;
        if (is_bomb(l)) {
            gnutella_link_close(n, h, l, 412, "a compression bomb");
            break;
        }
        if (l->plain_len < need) {
            if (used == 0 && got == 0)
                return taken;
            continue;
        }
        if (!headed && gnutella_peek(l->plain, need, &type, &length) &&
            length > 0)
            continue;
        taken += deflate_in_flush(l->in, e->data + taken, e->len - taken);
        l->plain_len = 0;
        host_decoded(h, l->conn, l->plain, need);
        gnutella_route_message(n, h, l, l->plain, need);
        if (taken > 0)
            return taken;
    }
    return e->len;
}

size_t gnutella_link_on_bytes(struct gnutella *n, struct host *h,
                              struct link *l, const struct event *e)
{
    l->heard_us = host_now(h);
    switch (l->state) {
    case LINK_ACCEPTED:
        if (gnutella_may_be(e, "GET ") || gnutella_may_be(e, "HEAD ") ||
            gnutella_may_be(e, "GIV "))
            return gnutella_transfer_on_bytes(n, h, l, e);
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return gnutella_greet_on_bytes(n, h, l, e);
    case LINK_SENT_HELLO:
    case LINK_WAIT_FINAL:
        host_reads(h, l->conn, PHASE_HANDSHAKE);
        return gnutella_greet_on_bytes(n, h, l, e);
    case LINK_UP:
        return l->in != NULL ? on_deflated(n, h, l, e) : on_plain(n, h, l, e);
    case LINK_UPLOAD:
    case LINK_DOWNLOAD:
    case LINK_GIVING:
    case LINK_PROXY:
        return gnutella_transfer_on_bytes(n, h, l, e);
    case LINK_DIALLED:
    case LINK_CLOSING:
        break;
    }
    return e->len;
}

/* How much may be unsent for one more of these to be written.  Source:
   reference, section 3, flow control: pings go first, pushes last; of queries
   those that have come far, of hits those that have not. */
static size_t queue_limit(const uint8_t *data)
{
    size_t eighth = QUEUE_BYTES / 8, hops = data[BYTE_HOPS] & 15;

    switch ((enum gnutella_type)data[BYTE_TYPE]) {
    case GNUTELLA_PING:
        return 4 * eighth;
    case GNUTELLA_QUERY:
        return 5 * eighth - eighth / 32 * hops;
    case GNUTELLA_PONG:
        return 6 * eighth;
    case GNUTELLA_HIT:
        return 7 * eighth + eighth / 32 * hops;
    case GNUTELLA_BYE:
        return SIZE_MAX; /* always, unless the stream is broken */
    case GNUTELLA_PUSH:
    case GNUTELLA_ROUTE:
    case GNUTELLA_VENDOR:
    case GNUTELLA_STANDARD:
    case GNUTELLA_HSEP:
        break;
    }
    return QUEUE_BYTES;
}

/* The bytes of a message, deflated or not: the backlog. */
static size_t write_out(struct host *h, struct link *l, const uint8_t *data,
                        size_t len)
{
    size_t room = deflate_bound(len), used = 0, backlog = SIZE_MAX;

    if (l->out == NULL)
        return host_write(h, l->conn, data, len);
    uint8_t *wire = host_alloc(h, room);
    if (wire != NULL)
        used = deflate_write(l->out, data, len, wire, room);
    if (used > 0) /* else its stream is broken from here on */
        backlog = host_write_coded(h, l->conn, wire, used, data, len);
    if (wire != NULL)
        host_free(h, wire, room);
    return backlog;
}

void gnutella_link_write(struct gnutella *n, struct host *h, struct link *l,
                         const uint8_t *data, size_t len)
{
    size_t limit = queue_limit(data);
    bool slow = gnutella_link_is_slow(l);

    if (l->state != LINK_UP || l->backlog >= limit) {
        n->count.dropped++;
        if (l->state == LINK_UP && limit == QUEUE_BYTES)
            gnutella_link_close(n, h, l, 502, "it does not read");
        return;
    }
    n->count.sent++;
    l->backlog = write_out(h, l, data, len);
    if (!slow && gnutella_link_is_slow(l))
        host_note(h, "a neighbour does not read: what matters least is "
                     "dropped for it");
}

void gnutella_link_leave(struct gnutella *n, struct host *h)
{
    struct link *next;

    n->leaving = true;
    gnutella_known_save(n, h);
    for (struct link *l = n->links; l != NULL; l = next) {
        next = l->next;
        if (l->state == LINK_UP)
            gnutella_link_close(n, h, l, 200, "Shutdown");
    }
}
