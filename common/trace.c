/*
 * Writing traces; see trace.h.  The file is pcapng, little-endian:
 *
 *     section header    comment: program=chord seed=7 epoch=0 scenario=...
 *     3 interfaces      wire, decoded, dropped; raw IP, microseconds
 *     name block        whenever a named address appears for the first time
 *     packets           a message each, or a part of one that is too long;
 *                       and the segments that open and close a stream
 *
 * A message's packet carries a comment (trace_comment.h).  A record that is
 * no message is a further comment on the packet of its own step, or else on
 * the next one; when the file is flushed before one comes, on an interface
 * statistics block, which is no packet.
 *
 * Since comments may still come, the last packet is kept back (`packet`)
 * until the next one, or a flush.
 */
#include "common/trace.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"
#include "common/map.h"
#include "common/trace_comment.h"
#include "common/trace_format.h"

#define COMMENT_BYTES_MAX 60000 /* an option holds 65,535 */
#define QUEUE_BYTES_MAX ((size_t)1 << 20)

/* One TCP stream, on the wire [0] and decoded [1], as its opener [0] and its
   acceptor [1] count their bytes. */
struct stream {
    struct addr opener, acceptor;
    uint32_t seq[2][2];
    bool shaken[2]; /* the handshake has been written */
    bool finished[2];
};

struct trace_writer {
    FILE *file;
    char *path;
    uint64_t epoch_us;
    bool failed; /* memory or the disk was short */

    bool has_packet;
    uint64_t packet_step;
    struct text packet;   /* the block's fields and data, padded */
    struct text comments; /* its options */
    struct text queue;    /* comments that wait for a packet */

    struct map named;      /* IP addresses in a name block */
    struct map stream_map; /* conn -> index */
    struct stream *stream;
    size_t stream_count, stream_cap;
};

/* -- Blocks ------------------------------------------------------------- */

static void put16(struct text *t, uint32_t v)
{
    uint8_t b[2] = {(uint8_t)v, (uint8_t)(v >> 8)};

    text_bytes(t, b, sizeof b);
}

static void put32(struct text *t, uint32_t v)
{
    put16(t, v & 0xffff);
    put16(t, v >> 16);
}

static void pad(struct text *t)
{
    while (t->len % 4 != 0)
        text_char(t, '\0');
}

static void put_option(struct text *t, uint32_t code, const char *value,
                       size_t len)
{
    put16(t, code);
    put16(t, (uint32_t)len);
    text_bytes(t, value, len);
    pad(t);
}

static void put_comment(struct text *options, const struct text *comment)
{
    put_option(options, OPTION_COMMENT, comment->data,
               comment->len < COMMENT_BYTES_MAX ? comment->len
                                                : COMMENT_BYTES_MAX);
}

/* Write a block of `body` and `options`, which may be NULL. */
static void write_block(struct trace_writer *w, uint32_t type,
                        const struct text *body, const struct text *options)
{
    LOCAL_TEXT head = text_new(), tail = text_new();
    size_t options_len = options != NULL && options->len > 0
                             ? options->len + 4 /* end of options */
                             : 0;
    uint32_t total = (uint32_t)(12 + body->len + options_len);

    put32(&head, type);
    put32(&head, total);
    if (options_len > 0) {
        text_bytes(&tail, options->data, options->len);
        put32(&tail, 0);
    }
    put32(&tail, total);
    w->failed = w->failed || body->full || head.full || tail.full ||
                fwrite(head.data, 1, head.len, w->file) != head.len ||
                fwrite(body->data, 1, body->len, w->file) != body->len ||
                fwrite(tail.data, 1, tail.len, w->file) != tail.len;
}

/* -- The head of the file ------------------------------------------------ */

static void write_section(struct trace_writer *w,
                          const struct trace_source *source)
{
    LOCAL_TEXT body = text_new(), options = text_new(), comment = text_new();

    put32(&body, PCAPNG_MAGIC);
    put16(&body, 1); /* version 1.0 */
    put16(&body, 0);
    put32(&body, 0xffffffff); /* length of the section: not said */
    put32(&body, 0xffffffff);
    comment_section(&comment, source);
    put_comment(&options, &comment);
    write_block(w, BLOCK_SECTION, &body, &options);
}

static void write_interfaces(struct trace_writer *w)
{
    for (int i = 0; i < INTERFACES; i++) {
        LOCAL_TEXT body = text_new(), options = text_new();
        put16(&body, LINK_RAW);
        put16(&body, 0);
        put32(&body, 0); /* packets are never cut off */
        put_option(&options, OPTION_IF_NAME, trace_interface[i],
                   strlen(trace_interface[i]));
        put_option(&options, OPTION_IF_TSRESOL, "\6", 1); /* microseconds */
        write_block(w, BLOCK_INTERFACE, &body, &options);
    }
}

struct trace_source trace_of_scenario(const struct scenario *s)
{
    return (struct trace_source){
        .program = s->protocol->name, .scenario = s->path, .seed = s->seed};
}

struct trace_writer *trace_create(const char *path,
                                  const struct trace_source *source,
                                  struct text *why)
{
    struct trace_writer *w = calloc(1, sizeof *w);

    if (w == NULL || (w->path = strdup(path)) == NULL ||
        (w->file = fopen(path, "wb")) == NULL) {
        text_printf(why, "%s: cannot write: %s", path, strerror(errno));
        if (w != NULL)
            free(w->path);
        free(w);
        return NULL;
    }
    w->epoch_us = source->epoch_us;
    w->packet = text_new();
    w->comments = text_new();
    w->queue = text_new();
    write_section(w, source);
    write_interfaces(w);
    trace_flush(w);
    return w;
}

/* Give Wireshark a node's name, once.  On loopback all nodes share one
   address, which can have only one name. */
static void write_name(struct trace_writer *w, const struct endpoint *e)
{
    uint64_t known;
    LOCAL_TEXT body = text_new();

    if (e->name == NULL || e->addr.ip == 0 || e->addr.ip >> 24 == 127 ||
        map_get(&w->named, e->addr.ip, &known))
        return;
    uint8_t ip[4] = {(uint8_t)(e->addr.ip >> 24), (uint8_t)(e->addr.ip >> 16),
                     (uint8_t)(e->addr.ip >> 8), (uint8_t)e->addr.ip};
    size_t len = strlen(e->name) + 1;
    put16(&body, NAME_IPV4);
    put16(&body, (uint32_t)(sizeof ip + len));
    text_bytes(&body, ip, sizeof ip);
    text_bytes(&body, e->name, len);
    pad(&body);
    put32(&body, 0); /* end of names */
    w->failed = !map_set(&w->named, e->addr.ip, 1) || w->failed;
    write_block(w, BLOCK_NAMES, &body, NULL);
}

/* -- Packets ------------------------------------------------------------ */

static void write_packet(struct trace_writer *w)
{
    if (w->has_packet)
        write_block(w, BLOCK_PACKET, &w->packet, &w->comments);
    w->has_packet = false;
    text_clear(&w->packet);
    text_clear(&w->comments);
}

/* What no packet came for goes to a block that is no packet. */
static void write_queue(struct trace_writer *w)
{
    LOCAL_TEXT body = text_new();

    if (w->queue.len == 0)
        return;
    put32(&body, WIRE);
    put32(&body, 0);
    put32(&body, 0);
    write_block(w, BLOCK_STATISTICS, &body, &w->queue);
    text_clear(&w->queue);
}

static void put_be16(uint8_t *at, uint32_t v)
{
    at[0] = (uint8_t)(v >> 8);
    at[1] = (uint8_t)v;
}

static void put_be32(uint8_t *at, uint32_t v)
{
    put_be16(at, v >> 16);
    put_be16(at + 2, v & 0xffff);
}

/* The Internet checksum, so far; an odd byte is padded with zero. */
static uint32_t checksum(uint32_t sum, const uint8_t *data, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (uint32_t)(data[i] << 8 | data[i + 1]);
    if (len % 2 != 0)
        sum += (uint32_t)(data[len - 1] << 8);
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* What a packet is made of. */
struct packet {
    enum interface interface;
    uint64_t time_us, step;
    struct addr from, to;
    bool tcp;
    uint8_t flags;
    uint32_t seq, ack;
    const uint8_t *data;
    size_t len;
};

/* Fill in the IPv4 header and the one behind it; the bytes of both. */
static size_t headers(uint8_t *h, const struct packet *p)
{
    size_t inner = p->tcp ? TCP_BYTES : UDP_BYTES;
    uint8_t *in = h + IP_BYTES, *sum_at = in + (p->tcp ? 16 : 6);
    uint32_t protocol = p->tcp ? PROTOCOL_TCP : PROTOCOL_UDP;

    memset(h, 0, IP_BYTES + TCP_BYTES);
    h[0] = 0x45; /* version 4, five words */
    put_be16(h + 2, (uint32_t)(IP_BYTES + inner + p->len));
    h[6] = 0x40; /* do not fragment */
    h[8] = 64;   /* time to live */
    h[9] = (uint8_t)protocol;
    put_be32(h + 12, p->from.ip);
    put_be32(h + 16, p->to.ip);
    put_be16(h + 10, ~checksum(0, h, IP_BYTES) & 0xffff);
    put_be16(in, p->from.port);
    put_be16(in + 2, p->to.port);
    if (p->tcp) {
        put_be32(in + 4, p->seq);
        put_be32(in + 8, p->flags & TCP_ACK ? p->ack : 0);
        in[12] = TCP_BYTES / 4 << 4;
        in[13] = p->flags;
        put_be16(in + 14, 0xffff); /* window */
    } else {
        put_be16(in + 4, (uint32_t)(UDP_BYTES + p->len));
    }
    /* The pseudo header: both addresses, the protocol and the length. */
    uint32_t sum = checksum(protocol + (uint32_t)(inner + p->len), h + 12, 8);
    sum = checksum(sum, in, inner);
    sum = ~checksum(sum, p->data, p->len) & 0xffff;
    put_be16(sum_at, sum == 0 && !p->tcp ? 0xffff : sum);
    return IP_BYTES + inner;
}

/* Begin a packet.  `comment` may be NULL; what waited comes behind it. */
static void add_packet(struct trace_writer *w, const struct packet *p,
                       const struct text *comment)
{
    uint8_t header[IP_BYTES + TCP_BYTES];
    size_t header_len = headers(header, p);
    uint64_t time_us = w->epoch_us + p->time_us;
    uint32_t len = (uint32_t)(header_len + p->len);

    assert(p->len <= PAYLOAD_BYTES_MAX);
    write_packet(w);
    put32(&w->packet, p->interface);
    put32(&w->packet, (uint32_t)(time_us >> 32));
    put32(&w->packet, (uint32_t)time_us);
    put32(&w->packet, len);
    put32(&w->packet, len);
    text_bytes(&w->packet, header, header_len);
    text_bytes(&w->packet, p->data, p->len);
    pad(&w->packet);
    if (comment != NULL)
        put_comment(&w->comments, comment);
    text_bytes(&w->comments, w->queue.data, w->queue.len);
    text_clear(&w->queue);
    w->has_packet = true;
    w->packet_step = p->step;
}

/* -- Streams ------------------------------------------------------------ */

static struct stream *stream_find(struct trace_writer *w, conn_id conn)
{
    uint64_t i;

    return map_get(&w->stream_map, conn, &i) ? &w->stream[i] : NULL;
}

static struct stream *stream_add(struct trace_writer *w, conn_id conn,
                                 struct addr opener, struct addr acceptor)
{
    if (!grow(&w->stream, w->stream_count, &w->stream_cap, sizeof *w->stream) ||
        !map_set(&w->stream_map, conn, w->stream_count))
        return NULL;
    w->stream[w->stream_count] =
        (struct stream){.opener = opener, .acceptor = acceptor};
    return &w->stream[w->stream_count++];
}

/* Streams between the same two nodes are told apart by the opener's port,
   and so are a stream on the wire and the same decoded. */
static struct addr opener_addr(const struct stream *s, conn_id conn,
                               enum interface interface)
{
    uint32_t base = interface == DECODED ? 57344 : 49152;

    return (struct addr){s->opener.ip, (uint16_t)(base + conn % 8192)};
}

/* Write one segment of the stream of record `r`. */
static void segment(struct trace_writer *w, struct stream *s,
                    const struct record *r, enum interface interface,
                    bool by_opener, uint8_t flags, const uint8_t *data,
                    size_t len, const struct text *comment)
{
    struct addr opener = opener_addr(s, r->conn, interface);
    uint32_t *seq = s->seq[interface == DECODED];
    int side = by_opener ? 0 : 1;
    struct packet p = {.interface = interface,
                       .time_us = r->time_us,
                       .step = r->step,
                       .from = by_opener ? opener : s->acceptor,
                       .to = by_opener ? s->acceptor : opener,
                       .tcp = true,
                       .flags = flags,
                       .seq = seq[side],
                       .ack = seq[1 - side],
                       .data = data,
                       .len = len};

    add_packet(w, &p, comment);
    seq[side] += (uint32_t)len + ((flags & (TCP_SYN | TCP_FIN)) != 0 ? 1 : 0);
}

static void handshake(struct trace_writer *w, struct stream *s,
                      const struct record *r, enum interface interface)
{
    if (s->shaken[interface == DECODED])
        return;
    s->shaken[interface == DECODED] = true;
    segment(w, s, r, interface, true, TCP_SYN, NULL, 0, NULL);
    segment(w, s, r, interface, false, TCP_SYN | TCP_ACK, NULL, 0, NULL);
    segment(w, s, r, interface, true, TCP_ACK, NULL, 0, NULL);
}

static void finish(struct trace_writer *w, struct stream *s,
                   const struct record *r, bool by_opener)
{
    if (s->finished[by_opener ? 0 : 1])
        return;
    s->finished[by_opener ? 0 : 1] = true;
    segment(w, s, r, WIRE, by_opener, TCP_FIN | TCP_ACK, NULL, 0, NULL);
}

/* The segments that a stream's own events stand for: what reached `to`. */
static void write_stream_event(struct trace_writer *w, const struct record *r)
{
    struct stream *s = stream_find(w, r->conn);
    bool to_opener =
        strcmp(r->text, "open") == 0 || strcmp(r->text, "refused") == 0;

    if (s == NULL && (to_opener || strcmp(r->text, "accept") == 0))
        s = stream_add(w, r->conn, to_opener ? r->to.addr : r->from.addr,
                       to_opener ? r->from.addr : r->to.addr);
    if (s == NULL)
        return;
    bool by_opener = addr_equal(r->to.addr, s->acceptor);
    if (strcmp(r->text, "open") == 0 || strcmp(r->text, "accept") == 0) {
        handshake(w, s, r, WIRE);
    } else if (strcmp(r->text, "refused") == 0) {
        segment(w, s, r, WIRE, true, TCP_SYN, NULL, 0, NULL);
        segment(w, s, r, WIRE, false, TCP_RST | TCP_ACK, NULL, 0, NULL);
    } else if (strcmp(r->text, "eof") == 0) {
        finish(w, s, r, by_opener);
    } else if (strcmp(r->text, "closed") == 0) {
        finish(w, s, r, true);
        finish(w, s, r, false);
    } else if (strcmp(r->text, "reset") == 0) {
        segment(w, s, r, WIRE, by_opener, TCP_RST | TCP_ACK, NULL, 0, NULL);
    }
}

/* -- Messages ------------------------------------------------------------ */

/* Write `data` in as many packets as it takes. */
static void write_data(struct trace_writer *w, struct stream *s,
                       const struct record *r, enum interface interface,
                       const uint8_t *data, size_t len, struct text *comment)
{
    struct packet p = {.interface = interface,
                       .time_us = r->time_us,
                       .step = r->step,
                       .from = r->from.addr,
                       .to = r->to.addr};

    for (unsigned part = 1;; part++) {
        size_t n = len < PAYLOAD_BYTES_MAX ? len : PAYLOAD_BYTES_MAX;
        p.data = data;
        p.len = n;
        if (s != NULL)
            segment(w, s, r, interface, r->framing.from_opener,
                    TCP_PSH | TCP_ACK, data, n, comment);
        else
            add_packet(w, &p, comment);
        if (n == len)
            return;
        data += n;
        len -= n;
        text_clear(comment);
        text_printf(comment, "event=%llu part=%u", (unsigned long long)r->step,
                    part + 1);
    }
}

static void write_message(struct trace_writer *w, const struct record *r)
{
    enum interface interface = r->why != NULL ? DROPPED : WIRE;
    bool coded = r->wire != NULL;
    LOCAL_TEXT comment = text_new();
    struct stream *s = NULL;

    if (r->stream && (s = stream_find(w, r->conn)) == NULL) {
        bool opener = r->framing.from_opener;
        s = stream_add(w, r->conn, opener ? r->from.addr : r->to.addr,
                       opener ? r->to.addr : r->from.addr);
        if (s == NULL) {
            w->failed = true;
            return;
        }
    }
    if (s != NULL)
        handshake(w, s, r, WIRE);
    comment_message(&comment, r);
    write_data(w, s, r, interface, coded ? r->wire : r->data,
               coded ? r->wire_len : r->len, &comment);
    if (coded) {
        if (s != NULL)
            handshake(w, s, r, DECODED);
        text_clear(&comment);
        text_printf(&comment, "event=%llu decoded=1",
                    (unsigned long long)r->step);
        write_data(w, s, r, DECODED, r->data, r->len, &comment);
    }
}

/* -- The rest ------------------------------------------------------------ */

static void write_rest(struct trace_writer *w, const struct record *r)
{
    LOCAL_TEXT comment = text_new();

    comment_event(&comment, r);
    if (w->has_packet && w->packet_step == r->step &&
        w->comments.len < QUEUE_BYTES_MAX)
        put_comment(&w->comments, &comment);
    else
        put_comment(&w->queue, &comment);
    if (r->kind == RECORD_STREAM)
        write_stream_event(w, r);
    if (w->queue.len > QUEUE_BYTES_MAX)
        write_queue(w);
}

void trace_write(void *writer, const struct record *r)
{
    struct trace_writer *w = writer;

    write_name(w, &r->from);
    write_name(w, &r->to);
    if (r->kind == RECORD_MESSAGE)
        write_message(w, r);
    else
        write_rest(w, r);
}

void trace_flush(struct trace_writer *w)
{
    write_packet(w);
    write_queue(w);
    w->failed = fflush(w->file) != 0 || w->failed;
}

bool trace_close(struct trace_writer *w, struct text *why)
{
    trace_flush(w);
    bool good = fclose(w->file) == 0 && !w->failed;
    if (!good)
        text_printf(why, "%s: not all of the trace could be written", w->path);
    text_free(&w->packet);
    text_free(&w->comments);
    text_free(&w->queue);
    map_free(&w->named);
    map_free(&w->stream_map);
    free(w->stream);
    free(w->path);
    free(w);
    return good;
}
