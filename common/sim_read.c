/*
 * The reading side of a stream in a simulation: what has arrived and is not
 * consumed, and the calls by which the node is offered it.
 *
 * A BYTES call may consume one message; what is left is offered again at
 * once, as a step of its own, and at last the end.  So `sim->again` names the
 * side whose call comes before anything else.
 *
 * Mostly the unread bytes are all of one write, and are lent where they stand.
 * They are copied only when bytes of another write come behind them.
 */
#include <assert.h>
#include <string.h>

#include "common/sim_impl.h"

/* What a write has that its reader has not consumed. */
static const uint8_t *write_rest(const struct write *w)
{
    return w->data + (w->wire_len - w->unread);
}

const uint8_t *side_unread(const struct side *s)
{
    return s->lent ? write_rest(side_other(s)->first)
                   : s->unread + s->unread_at;
}

/* Copy to the end of a side's buffer, which has `have` bytes. */
static void buffer_add(struct side *s, size_t have, const uint8_t *data,
                       size_t len)
{
    struct arena *arena = s->stream->sim->arena;

    if (s->unread_at + have + len > s->unread_cap) {
        if (have > 0)
            memmove(s->unread, s->unread + s->unread_at, have);
        s->unread_at = 0;
    }
    if (have + len > s->unread_cap) {
        size_t cap = 2 * (have + len);
        uint8_t *grown = arena_grow(arena, s->unread, s->unread_cap, cap);
        if (grown == NULL)
            return; /* the run ends here */
        s->unread = grown;
        s->unread_cap = cap;
    }
    memcpy(s->unread + s->unread_at + have, data, len);
}

/* Bytes of `w` have arrived, behind what is unread. */
static void unread_add(struct side *s, const struct write *w, size_t at,
                       size_t len)
{
    const struct write *first = side_other(s)->first;

    if (s->unread_len == 0) {
        assert(w == first && at == w->wire_len - w->unread);
        s->lent = true;
    } else if (s->lent && w != first) {
        buffer_add(s, 0, write_rest(first), s->unread_len);
        s->lent = false;
    }
    if (!s->lent)
        buffer_add(s, s->unread_len, w->data + at, len);
    s->unread_len += len;
    s->fresh += len;
    s->stuck = false;
}

/* A write that was removed by hand would have arrived now: unlink it. */
static void lose_write(struct side *from, struct write *w)
{
    struct write **at = &from->first, *before = NULL;

    for (; *at != w; at = &(*at)->next)
        before = *at;
    *at = w->next;
    if (from->last == w)
        from->last = before;
    write_report(from, w, "dropped by hand");
    write_free(from->stream->sim, w);
}

bool side_loses(const struct side *from, uint64_t bytes)
{
    for (const struct write *w = from->arriving;
         w != NULL && w->end <= from->arrived + bytes; w = w->next)
        if (w->removed)
            return true;
    return false;
}

/* Let the reader have the next `bytes` of the writes, but not what was removed
   by hand. */
void side_take(struct side *from, uint64_t bytes)
{
    struct side *to = side_other(from);

    while (bytes > 0) {
        struct write *w = from->arriving;
        uint64_t left = w->end - from->arrived, part = least(left, bytes);

        if (!w->removed)
            unread_add(to, w, (size_t)(w->wire_len - left), (size_t)part);
        from->arrived += part;
        bytes -= part;
        if (part == left) {
            from->arriving = w->next;
            if (w->removed)
                lose_write(from, w);
        }
    }
}

/* The reader has consumed `bytes`; report the messages that end in them. */
static void consume(struct side *to, size_t bytes)
{
    struct side *from = side_other(to);

    to->unread_at += to->lent ? 0 : bytes;
    to->unread_len -= bytes;
    while (bytes > 0) {
        struct write *w = from->first;
        assert(w != NULL); /* what has arrived was written */
        uint32_t part = (uint32_t)least(w->unread, bytes);

        w->unread -= part;
        bytes -= part;
        if (w->unread == 0) {
            from->first = w->next;
            if (from->first == NULL)
                from->last = NULL;
            write_report(from, w, NULL);
            write_free(from->stream->sim, w);
        }
    }
}

void side_plan_again(struct side *to)
{
    struct sim *sim = to->stream->sim;

    if (to->closed || to->closing || sim->again != NULL ||
        !((to->unread_len > 0 && !to->stuck) ||
          (to->fin_arrived && !to->eof_done)))
        return;
    sim->again = to;
    to->stream->references++;
}

/* Offer all unread bytes to the node: a step.  A message that is there as a
   whole is reported first, so that what the node says of it comes behind. */
static void offer(struct side *to)
{
    struct side *from = side_other(to);
    uint32_t command = from->first->command;
    struct event e = {.kind = EVENT_BYTES,
                      .conn = to->id,
                      .data = side_unread(to),
                      .len = to->unread_len};

    step_begin(to->stream->sim, STEP_BYTES, side_node(to),
               e.data + e.len - to->fresh, to->fresh);
    to->fresh = 0;
    if (from->first->end <= from->arrived)
        write_report(from, from->first, NULL);
    size_t used = node_deliver(side_node(to), &e, command);
    if (to->closed)
        return;
    assert(used <= e.len);
    consume(to, used);
    to->stuck = used == 0;
    if (to->stuck && to->unread_len > UNCONSUMED_MAX) {
        segment_send(to, SEGMENT_RESET, 0, false, to->stream->sim->now_us);
        side_discard_backlog(to);
        side_close_soon(to, CLOSE_RESET);
    }
}

static void end_of_file(struct side *to)
{
    step_begin(to->stream->sim, STEP_EOF, side_node(to), NULL, 0);
    side_record(to, "eof");
    to->eof_done = true;
    struct event e = {.kind = EVENT_EOF, .conn = to->id, .len = to->unread_len};
    (void)node_deliver(side_node(to), &e, 0);
    side_check_done(to);
}

void stream_again(struct sim *sim)
{
    struct side *to = sim->again;

    sim->again = NULL;
    if (to->closed || to->closing) {
        /* gone in the meantime */
    } else if (to->unread_len > 0 && !to->stuck) {
        offer(to);
    } else {
        end_of_file(to);
    }
    side_plan_again(to);
    stream_release(to->stream);
}
