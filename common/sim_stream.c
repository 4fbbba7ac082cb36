/*
 * Streams between the nodes of a simulation: TCP as an application sees it.
 *
 * Each side of a stream keeps what it has written, one `struct write` a
 * host_write, until the other side has consumed it.  Segments carry counts of
 * bytes, never the bytes themselves: those are read from the writes after
 * arrival.  So whatever happens to segments, bytes stay in order.
 *
 *     written  >=  sent  >=  arrived       positions in what a side writes
 *        backlog    in flight    unread by the other
 *
 * A node's uplink serves the streams that may send, one quantum each in turn;
 * a slow downlink takes segments in order of arrival.  At most WINDOW bytes
 * of one direction are sent and not acknowledged.  Of segments that are held
 * up by a partition or by hand, later ones wait for earlier ones.
 */
#include <assert.h>
#include <string.h>

#include "common/sim_impl.h"

#define WINDOW (64 * 1024)

/* By arena: where a stream stands, in units of 16 bytes; never 0. */
static uint32_t place_of(const struct stream *stream)
{
    const uint8_t *at = (const uint8_t *)stream;

    return (uint32_t)((size_t)(at - (const uint8_t *)stream->sim->arena) / 16);
}

static struct endpoint side_endpoint(const struct side *s)
{
    return s->node != NOBODY ? endpoint_of(side_node(s))
                             : (struct endpoint){.addr = s->stream->to};
}

static struct side *find_side(struct node *n, conn_id conn)
{
    struct sim *sim = n->sim;
    uint32_t at = 0, place = table_next(&sim->conns, conn, &at);

    if (place == 0)
        return NULL;
    struct stream *stream =
        (void *)((uint8_t *)sim->arena + place * (size_t)16);
    struct side *s = &stream->side[stream->side[0].id != conn];
    return s->node == n->host.index && !s->closed ? s : NULL;
}

/* -- Life of a stream ----------------------------------------------------------- */

/* Give a side its number, and enter it in its node's list. */
static void side_enter(struct side *s)
{
    struct sim *sim = s->stream->sim;
    struct link *l = side_node(s)->link;

    s->id = ++sim->conn_count;
    s->closed = false;
    s->next = l->sides;
    if (l->sides != NULL)
        l->sides->previous = s;
    l->sides = s;
    (void)table_add(sim, &sim->conns, s->id, place_of(s->stream));
}

static void side_remove(struct side *s)
{
    struct sim *sim = s->stream->sim;

    if (s->id == 0)
        return;
    if (s->previous != NULL)
        s->previous->next = s->next;
    else
        side_node(s)->link->sides = s->next;
    if (s->next != NULL)
        s->next->previous = s->previous;
    table_remove(&sim->conns, s->id, place_of(s->stream));
}

static bool give_link(struct node *n)
{
    if (n->link == NULL)
        n->link = arena_zalloc(n->sim->arena, sizeof *n->link);
    return n->link != NULL;
}

void write_record(const struct side *from, const struct write *w,
                  struct record *r)
{
    r->sent_us = w->sent_us;
    r->cause = w->cause;
    r->command = w->command;
    r->from = side_endpoint(from);
    r->to = side_endpoint(side_other(from));
    r->stream = true;
    r->framing.phase = (enum phase)w->phase;
    r->framing.from_opener = from == &from->stream->side[0];
    r->conn = from->stream->side[0].id;
    r->data = w->data + (w->coded ? w->wire_len : 0);
    r->len = w->plain_len;
    if (w->coded) {
        r->wire = w->data;
        r->wire_len = w->wire_len;
    }
}

void write_report(const struct side *from, struct write *w, const char *why)
{
    struct sim *sim = from->stream->sim;

    if (w->reported)
        return;
    w->reported = true;
    count_message(sim, w->wire_len, why != NULL);
    if (sim->observer != NULL) {
        struct record r = record_new(sim, RECORD_MESSAGE);
        write_record(from, w, &r);
        r.why = why;
        observe_record(sim, &r);
    }
}

void write_free(struct sim *sim, struct write *w)
{
    size_t coded = w->coded ? w->plain_len : 0;

    arena_free(sim->arena, w, sizeof *w + w->wire_len + coded);
}

static void stream_free(struct stream *stream, bool report)
{
    struct sim *sim = stream->sim;

    for (int i = 0; i < 2; i++) {
        struct side *s = &stream->side[i];
        for (struct write *w = s->first, *next; w != NULL; w = next) {
            next = w->next;
            if (report)
                write_report(s, w, stream->why);
            write_free(sim, w);
        }
        arena_free(sim->arena, s->unread, s->unread_cap);
        side_remove(s);
    }
    arena_free(sim->arena, stream, sizeof *stream);
}

/* Something no longer refers to a stream. */
void stream_release(struct stream *stream)
{
    assert(stream->references > 0);
    stream->references--;
    if (stream->references == 0 && stream->side[0].closed &&
        stream->side[1].closed)
        stream_free(stream, true);
}

/* Queue something that refers to a stream, and will concern `node`, which the
   queue looks at in time. */
static void stream_push(struct stream *stream, enum entry_kind kind, void *what,
                        uint32_t node, uint64_t time_us, int reason)
{
    stream->references++;
    queue_push(stream->sim, &(struct entry){.time_us = time_us,
                                            .kind = (uint8_t)kind,
                                            .reason = (uint8_t)reason,
                                            .node = node,
                                            .what = what});
}

void side_record(const struct side *s, const char *text)
{
    const struct sim *sim = s->stream->sim;

    if (sim->observer == NULL)
        return;
    struct record r = record_new(sim, RECORD_STREAM);
    r.from = side_endpoint(side_other(s));
    r.to = side_endpoint(s);
    r.stream = true;
    r.conn = s->stream->side[0].id;
    r.text = text;
    observe_record(sim, &r);
}

/* -- Segments ------------------------------------------------------------------- */

static uint64_t stream_latency_us(const struct side *from)
{
    return net_latency(from->stream->sim, side_endpoint(from).addr,
                       side_endpoint(side_other(from)).addr);
}

static uint64_t down_rate(const struct node *n)
{
    return n->host.spec->down > 0 ? n->host.spec->down : n->sim->model->down;
}

static uint64_t up_rate(const struct node *n)
{
    return n->host.spec->up > 0 ? n->host.spec->up : n->sim->model->up;
}

/* Occupy a line of this rate with some bytes, from `now` or when it is free;
   the time when they are through.  What does not make a microsecond is kept
   for the next. */
static uint64_t occupy(struct line_use *line, uint64_t now, uint64_t bytes,
                       uint64_t rate)
{
    uint64_t work = bytes * 1000000 + line->rest;

    if (line->free_us < now)
        line->free_us = now;
    line->free_us += work / rate;
    line->rest = work % rate;
    return line->free_us;
}

static void segment_queue(struct segment *g, uint64_t time_us)
{
    const struct side *to = side_other(g->from);
    bool slow = to->node != NOBODY && down_rate(side_node(to)) > 0;

    stream_push(g->from->stream, slow ? ENTRY_DOWNLINK : ENTRY_SEGMENT, g,
                to->node, time_us, 0);
}

void segment_send(struct side *from, enum segment_kind kind, uint32_t bytes,
                  bool fin, uint64_t time_us)
{
    struct sim *sim = from->stream->sim;
    struct segment *g = arena_alloc(sim->arena, sizeof *g);

    if (g == NULL)
        return;
    *g = (struct segment){.from = from,
                          .start = from->sent,
                          .sent_us = sim->now_us,
                          .number = from->segments_sent++,
                          .bytes = bytes,
                          .kind = (uint8_t)kind,
                          .fin = fin,
                          .of_second = from != &from->stream->side[0]};
    uint64_t arrival = time_us + stream_latency_us(from) + net_jitter(sim);
    if (arrival < from->arrival_us)
        arrival = from->arrival_us;
    from->arrival_us = arrival;
    segment_queue(g, arrival);
}

static void segment_free(struct segment *g)
{
    arena_free(g->from->stream->sim->arena, g, sizeof *g);
}

void segment_at_downlink(struct sim *sim, struct segment *g)
{
    struct node *n = side_node(side_other(g->from));
    uint64_t rate = down_rate(n), time_us = sim->now_us;

    if (rate > 0)
        time_us = occupy(&n->link->down, sim->now_us, g->bytes, rate);
    stream_push(g->from->stream, ENTRY_SEGMENT, g, n->host.index, time_us, 0);
    stream_release(g->from->stream);
}

/* Nothing gets through: give up a while after `since`, unless something
   does until then. */
static void stall(struct stream *stream, uint64_t since_us)
{
    if (stream->stalled_us != NEVER)
        return;
    stream->stalled_us = since_us;
    stream_push(stream, ENTRY_STALL, stream, NOBODY,
                since_us + STREAM_TIMEOUT_US, 0);
}

void side_close_soon(struct side *s, enum close_reason why)
{
    if (s->closed || s->closing)
        return;
    s->closing = true;
    stream_push(s->stream, ENTRY_CLOSED, s, s->node, s->stream->sim->now_us,
                (int)why);
}

void stream_end(struct stream *stream, enum close_reason why)
{
    side_close_soon(&stream->side[0], why);
    side_close_soon(&stream->side[1], why);
}

void stream_stalled(struct sim *sim, struct stream *stream)
{
    if (stream->stalled_us != NEVER &&
        sim->now_us >= stream->stalled_us + STREAM_TIMEOUT_US)
        stream_end(stream, CLOSE_TIMEOUT);
    stream_release(stream);
}

void side_discard_backlog(struct side *s)
{
    s->written = s->sent;
}

/* Tell a side that its stream is gone: a step. */
static void side_close(struct side *s, enum close_reason why)
{
    static const char *const texts[] = {"closed", "refused", "reset",
                                        "timeout"};
    static const char *const losses[] = {"stream closed", "stream refused",
                                         "stream reset", "stream timed out"};
    uint8_t reason = (uint8_t)why;

    s->closed = true;
    s->unread_len = 0;
    s->stream->why = losses[why];
    if (why != CLOSE_DONE)
        side_discard_backlog(s);
    step_begin(s->stream->sim, STEP_CLOSED, side_node(s), &reason, 1);
    side_record(s, texts[why]);
    struct event e = {.kind = EVENT_CLOSED, .conn = s->id, .error = why};
    (void)node_deliver(side_node(s), &e, 0);
}

void side_closed(struct side *s, enum close_reason why)
{
    if (!s->closed)
        side_close(s, why);
    stream_release(s->stream);
}

/* -- The uplink ------------------------------------------------------------------- */

static uint64_t backlog(const struct side *s)
{
    return s->written - s->sent;
}

static bool may_send(const struct side *s)
{
    if (!s->open || (s->closed && !s->gone))
        return false;
    return backlog(s) > 0 ? s->in_flight < WINDOW : s->finished && !s->fin_sent;
}

void side_check_done(struct side *s)
{
    if (s->fin_sent && s->eof_done)
        side_close_soon(s, CLOSE_DONE);
}

static void send_quantum(struct node *n, struct side *s)
{
    struct sim *sim = n->sim;
    uint64_t rate = up_rate(n), leaves = sim->now_us;
    uint32_t bytes = (uint32_t)least(least(sim->scenario->quantum, backlog(s)),
                                     WINDOW - s->in_flight);
    bool fin = s->finished && bytes == backlog(s);

    if (rate > 0)
        leaves = occupy(&n->link->up, sim->now_us, bytes, rate);
    segment_send(s, SEGMENT_DATA, bytes, fin, leaves);
    s->sent += bytes;
    s->in_flight += bytes;
    if (s->wants_room && backlog(s) < BACKLOG_LOW) {
        s->wants_room = false;
        stream_push(s->stream, ENTRY_ROOM, s, s->node, sim->now_us, 0);
    }
    if (fin) {
        s->fin_sent = true;
        side_check_done(s);
    }
}

static void enqueue(struct link *l, struct side *s)
{
    s->ready = true;
    s->next_ready = NULL;
    s->stream->references++;
    if (l->ready_last != NULL)
        l->ready_last->next_ready = s;
    else
        l->ready = s;
    l->ready_last = s;
}

/* Let the streams of a node send as much as its line takes now. */
static void uplink_serve(struct node *n)
{
    struct sim *sim = n->sim;
    struct link *l = n->link;

    while (l->ready != NULL && l->up.free_us <= sim->now_us) {
        struct side *s = l->ready;
        l->ready = s->next_ready;
        if (l->ready == NULL)
            l->ready_last = NULL;
        s->ready = false;
        if (may_send(s))
            send_quantum(n, s);
        if (may_send(s))
            enqueue(l, s);
        stream_release(s->stream);
    }
    if (l->ready != NULL && !l->waking) {
        l->waking = true;
        queue_push(sim, &(struct entry){.time_us = l->up.free_us,
                                        .kind = ENTRY_UPLINK,
                                        .node = n->host.index});
    }
}

void uplink_free(struct node *n)
{
    n->link->waking = false;
    uplink_serve(n);
}

static void send_ready(struct side *s)
{
    if (!may_send(s) || s->ready)
        return;
    enqueue(side_node(s)->link, s);
    uplink_serve(side_node(s));
}

void segment_acknowledged(struct sim *sim, struct segment *g)
{
    struct side *s = g->from;

    (void)sim;
    s->in_flight -= g->bytes;
    send_ready(s);
    segment_free(g);
    stream_release(s->stream);
}

void side_room(struct sim *sim, struct side *s)
{
    if (!s->closed) {
        step_begin(sim, STEP_ROOM, side_node(s), NULL, 0);
        side_record(s, "room");
        struct event e = {.kind = EVENT_ROOM, .conn = s->id};
        (void)node_deliver(side_node(s), &e, 0);
    }
    stream_release(s->stream);
}

/* -- Arrivals ----------------------------------------------------------------------- */

/* A segment for a node that is down.  A dead one's system answers for it,
   with a reset; one that has vanished says nothing. */
static void arrive_nowhere(struct segment *g)
{
    struct side *to = side_other(g->from);
    const struct node *n = to->node != NOBODY ? side_node(to) : NULL;
    struct sim *sim = g->from->stream->sim;

    if (n != NULL && n->vanished)
        stall(g->from->stream,
              g->kind == SEGMENT_SYN ? g->sent_us : sim->now_us);
    else if (to->gone && !to->fin_sent)
        return; /* it has left, and is still sending */
    else if (g->kind == SEGMENT_SYN)
        segment_send(to, SEGMENT_REFUSED, 0, false, sim->now_us);
    else if (g->bytes > 0 || g->kind == SEGMENT_SYN_ACK)
        segment_send(to, SEGMENT_RESET, 0, false, sim->now_us);
}

static void arrive_syn(struct side *from)
{
    struct side *to = side_other(from);
    struct node *n = side_node(to);
    struct sim *sim = n->sim;

    side_enter(to);
    to->open = true;
    step_begin(sim, STEP_ACCEPT, n, NULL, 0);
    side_record(to, "accept");
    segment_send(to, SEGMENT_SYN_ACK, 0, false, sim->now_us);
    struct event e = {
        .kind = EVENT_ACCEPT, .conn = to->id, .peer = side_endpoint(from).addr};
    (void)node_deliver(n, &e, from->syn_command);
}

static void arrive_syn_ack(struct side *from)
{
    struct side *to = side_other(from);
    struct node *n = side_node(to);

    to->open = true;
    step_begin(n->sim, STEP_OPEN, n, NULL, 0);
    side_record(to, "open");
    struct event e = {.kind = EVENT_OPEN, .conn = to->id};
    (void)node_deliver(n, &e, to->syn_command);
    send_ready(to);
}

/* Bytes, or the end of them: what the node makes of it comes next. */
static void arrive_data(struct segment *g)
{
    struct side *from = g->from, *to = side_other(from);
    struct sim *sim = from->stream->sim;

    if (side_loses(from, g->bytes))
        step_begin(sim, STEP_LOSS, side_node(to), NULL, 0);
    side_take(from, g->bytes);
    if (g->fin) {
        to->fin_arrived = true;
        to->stuck = false;
    }
    side_plan_again(to);
}

static void arrive_end(struct side *from, enum close_reason why)
{
    struct side *to = side_other(from);

    if (!to->closing)
        side_close(to, why);
}

/* Let a segment have its effect; true if it is to be acknowledged. */
static bool arrive(struct segment *g)
{
    struct side *from = g->from, *to = side_other(from);
    struct stream *stream = from->stream;
    bool syn = g->kind == SEGMENT_SYN;

    if (to->gone ||
        (syn && (to->node == NOBODY || !node_is_up(side_node(to))))) {
        if (!from->closed || !syn)
            arrive_nowhere(g);
        return false;
    }
    if (syn ? from->closed : to->closed)
        return false; /* it was aborted */
    if (!from->gone)
        stream->stalled_us = NEVER;
    switch ((enum segment_kind)g->kind) {
    case SEGMENT_SYN:
        arrive_syn(from);
        break;
    case SEGMENT_SYN_ACK:
        arrive_syn_ack(from);
        break;
    case SEGMENT_DATA:
        arrive_data(g);
        break;
    case SEGMENT_REFUSED:
        arrive_end(from, CLOSE_REFUSED);
        break;
    case SEGMENT_RESET:
        arrive_end(from, CLOSE_RESET);
        break;
    }
    return g->bytes > 0;
}

/* Keep a segment, and its hold on the stream, on a list; order is kept. */
static void keep(struct segment **list, struct segment *g)
{
    while (*list != NULL)
        list = &(*list)->next;
    g->next = NULL;
    *list = g;
}

/* Segments that waited for the one that has just arrived. */
static void unpark(struct side *from)
{
    struct sim *sim = from->stream->sim;

    for (struct segment **at = &from->parked; *at != NULL;) {
        struct segment *g = *at;
        if (g->number != from->segments_arrived) {
            at = &g->next;
            continue;
        }
        *at = g->next;
        stream_push(from->stream, ENTRY_SEGMENT, g, side_other(from)->node,
                    sim->now_us, 0);
        stream_release(from->stream);
        return;
    }
}

void segment_arrive(struct sim *sim, struct segment *g)
{
    struct side *from = g->from, *to = side_other(from);

    if (from->node != NOBODY && to->node != NOBODY &&
        side_node(from)->group != side_node(to)->group) {
        keep(&sim->held, g);
        stall(from->stream, g->kind == SEGMENT_SYN ? g->sent_us : sim->now_us);
        return;
    }
    if (g->number != from->segments_arrived) {
        keep(&from->parked, g);
        return;
    }
    from->segments_arrived++;
    bool acknowledged = arrive(g);
    unpark(from);
    if (acknowledged)
        stream_push(from->stream, ENTRY_ACK, g, from->node,
                    sim->now_us + stream_latency_us(from), 0);
    else
        segment_free(g);
    stream_release(from->stream);
}

void streams_heal(struct sim *sim)
{
    struct segment *g = sim->held, *next = NULL;

    sim->held = NULL;
    for (; g != NULL; g = next) {
        next = g->next;
        g->from->stream->stalled_us = NEVER;
        segment_queue(g, sim->now_us + stream_latency_us(g->from));
        stream_release(g->from->stream);
    }
}

/* -- Host calls ------------------------------------------------------------------------ */

conn_id net_connect(struct host *h, struct addr to)
{
    struct node *n = (struct node *)h;
    struct sim *sim = n->sim;
    struct stream *stream = arena_zalloc(sim->arena, sizeof *stream);

    if (stream == NULL || !give_link(n))
        return ++sim->conn_count; /* the run ends here */
    *stream = (struct stream){
        .sim = sim, .to = to, .stalled_us = NEVER, .why = "stream closed"};
    for (int i = 0; i < 2; i++) {
        stream->side[i].stream = stream;
        stream->side[i].phase = PHASE_MESSAGES;
    }
    stream->side[0].node = h->index;
    stream->side[0].syn_command = sim->command;
    stream->side[1].node = node_by_addr(sim, to);
    stream->side[1].closed = true; /* until it accepts */
    if (stream->side[1].node != NOBODY &&
        !give_link(node_at(sim, stream->side[1].node)))
        stream->side[1].node = NOBODY;
    side_enter(&stream->side[0]);
    segment_send(&stream->side[0], SEGMENT_SYN, 0, false, sim->now_us);
    return stream->side[0].id;
}

/* A message to be written, without its bytes yet. */
static struct write *write_new(const struct side *s, size_t wire_len,
                               size_t plain_len, bool coded)
{
    struct sim *sim = s->stream->sim;
    struct write *w = NULL;

    if (!s->finished && !s->closing && wire_len > 0)
        w = arena_alloc(sim->arena,
                        sizeof *w + wire_len + (coded ? plain_len : 0));
    if (w == NULL)
        return NULL;
    *w = (struct write){.end = s->written + wire_len,
                        .sent_us = sim->now_us,
                        .cause = sim->steps,
                        .order = ++sim->order,
                        .command = sim->command,
                        .wire_len = (uint32_t)wire_len,
                        .plain_len = (uint32_t)plain_len,
                        .unread = (uint32_t)wire_len,
                        .phase = (uint8_t)s->phase,
                        .coded = coded};
    return w;
}

/* Write it; the bytes that are not sent yet. */
static size_t write_begin(struct side *s, struct write *w)
{
    if (s->last != NULL)
        s->last->next = w;
    else
        s->first = w;
    s->last = w;
    if (s->arriving == NULL)
        s->arriving = w;
    s->written += w->wire_len;
    count_cost(s->stream->sim, w->wire_len);
    send_ready(s);
    if (backlog(s) >= BACKLOG_HIGH)
        s->wants_room = true;
    return (size_t)backlog(s);
}

size_t net_write(struct host *h, conn_id conn, const void *wire,
                 size_t wire_len, const void *plain, size_t plain_len)
{
    struct side *s = find_side((struct node *)h, conn);
    bool coded = plain != wire;
    struct write *w =
        s != NULL ? write_new(s, wire_len, plain_len, coded) : NULL;

    if (w == NULL)
        return 0;
    memcpy(w->data, wire, wire_len);
    if (coded)
        memcpy(w->data + wire_len, plain, plain_len);
    return write_begin(s, w);
}

size_t net_write_content(struct host *h, conn_id conn, int content,
                         uint64_t offset, size_t len)
{
    struct side *s = find_side((struct node *)h, conn);
    struct write *w = s != NULL ? write_new(s, len, len, false) : NULL;

    if (w == NULL)
        return 0;
    int error = contents_read(h->contents, content, offset, w->data, len);
    assert(error == 0); /* the host has looked that they are here */
    w->phase = PHASE_BULK;
    return write_begin(s, w);
}

void net_phase(struct host *h, conn_id conn, enum phase phase)
{
    struct side *s = find_side((struct node *)h, conn);

    if (s != NULL)
        s->phase = phase;
}

void net_finish(struct host *h, conn_id conn)
{
    struct side *s = find_side((struct node *)h, conn);

    if (s == NULL || s->finished)
        return;
    s->finished = true;
    send_ready(s);
}

void net_abort(struct host *h, conn_id conn)
{
    struct side *s = find_side((struct node *)h, conn);

    if (s == NULL)
        return;
    s->stream->references++;
    s->closed = true;
    s->unread_len = 0;
    s->stream->why = "stream reset";
    side_discard_backlog(s);
    if (!side_other(s)->closed)
        segment_send(s, SEGMENT_RESET, 0, false, s->stream->sim->now_us);
    stream_release(s->stream);
}

/* -- The end of a node --------------------------------------------------------------------- */

static void side_down(struct side *s, enum down how)
{
    struct sim *sim = s->stream->sim;
    bool unread = s->unread_len > 0;

    s->stream->references++;
    s->closed = s->gone = true;
    s->unread_len = 0;
    s->stream->why = "the node went down";
    switch (how) {
    case DOWN_LEFT: /* what it wrote is still delivered */
        s->finished = true;
        send_ready(s);
        break;
    case DOWN_VANISHED:
        side_discard_backlog(s);
        s->fin_sent = true; /* none will be */
        stall(s->stream, sim->now_us);
        break;
    case DOWN_KILLED:
        side_discard_backlog(s);
        if (s->open && !s->fin_sent && !side_other(s)->closed)
            segment_send(s, unread ? SEGMENT_RESET : SEGMENT_DATA, 0, !unread,
                         sim->now_us);
        s->fin_sent = true;
        break;
    }
    stream_release(s->stream);
}

void streams_down(struct node *n, enum down how)
{
    struct side *next = NULL;

    for (struct side *s = n->link != NULL ? n->link->sides : NULL; s != NULL;
         s = next) {
        next = s->next;
        if (next != NULL && next->stream == s->stream)
            next = next->next; /* both may go at once */
        if (!s->closed)
            side_down(s, how);
    }
}

void streams_clear(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->network.count; i++) {
        struct link *l = node_at(sim, i)->link;
        while (l != NULL && l->sides != NULL)
            stream_free(l->sides->stream, false);
        if (l != NULL)
            *l = (struct link){.waking = false};
    }
    sim->held = NULL;
    sim->again = NULL;
}
