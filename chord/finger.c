/*
 * The finger table: finger i is the first node at or after n + 2^i.
 *
 * Most of its `bits` entries are equal: in a ring of N nodes about log2 N
 * differ.  So the table is kept as runs: one peer for all fingers from its
 * first index up to the next run's.  Runs are packed one behind the other,
 * each the first index (1 byte), address, port and virtual node (8), and only
 * as many words of the id as `bits` needs: 13 bytes for 32 bits, which is
 * what lets a million nodes fit.  Finger 0 is the successor and lives in the
 * successor list; runs begin at finger 1.
 *
 * Reading never expands the table; a change, which is rare, does.
 */
#include "chord/node.h"

#include <assert.h>
#include <string.h>

#define PLACE_BYTES 8 /* of ip, port and vnode, which stand side by side */

static size_t words(const struct chord *c)
{
    return (c->bits + 31U) / 32;
}

static size_t run_bytes(const struct chord *c)
{
    return 1 + PLACE_BYTES + 4 * words(c);
}

uint8_t chord_finger_first(const struct chord *c, const struct member *n,
                           unsigned run)
{
    assert(run < n->finger_count);
    return n->fingers[run * run_bytes(c)];
}

struct peer chord_finger_run(const struct chord *c, const struct member *n,
                             unsigned run)
{
    struct peer p = {.ip = 0};
    const uint8_t *at = n->fingers + run * run_bytes(c) + 1;

    assert(run < n->finger_count);
    memcpy(&p.ip, at, PLACE_BYTES);
    if (words(c) == 1) /* the usual case, and on every hop */
        memcpy(&p.id.word[ID_WORDS - 1], at + PLACE_BYTES, 4);
    else
        memcpy(&p.id.word[ID_WORDS - words(c)], at + PLACE_BYTES, 4 * words(c));
    return p;
}

static void put_run(const struct chord *c, uint8_t *fingers, unsigned run,
                    unsigned first, const struct peer *p)
{
    uint8_t *at = fingers + run * run_bytes(c);

    *at++ = (uint8_t)first;
    memcpy(at, &p->ip, PLACE_BYTES);
    memcpy(at + PLACE_BYTES, &p->id.word[ID_WORDS - words(c)], 4 * words(c));
}

struct id chord_finger_start(const struct chord *c, const struct member *n,
                             unsigned i)
{
    return id_add_power(n->id, i, c->bits);
}

struct peer chord_finger_get(const struct chord *c, const struct member *n,
                             unsigned i)
{
    unsigned run = 0;

    if (i == 0)
        return chord_successor(c, n);
    if (n->finger_count == 0)
        return (struct peer){.ip = 0};
    while (run + 1U < n->finger_count && chord_finger_first(c, n, run + 1) <= i)
        run++; /* runs begin at finger 1, so the first one serves */
    return chord_finger_run(c, n, run);
}

static void expand(const struct chord *c, const struct member *n,
                   struct peer table[BITS_MAX])
{
    struct peer none = {.ip = 0};

    for (unsigned i = 0, run = 0; i < c->bits; i++) {
        while (run < n->finger_count && chord_finger_first(c, n, run) <= i)
            run++;
        table[i] = run == 0 ? none : chord_finger_run(c, n, run - 1);
    }
}

void chord_finger_fill(struct chord *c, struct host *h, struct member *n,
                       const struct peer *table)
{
    unsigned count = 0;

    for (unsigned i = 1; i < c->bits; i++)
        count += i == 1 || !peer_same(&table[i], &table[i - 1]);
    uint8_t *fingers = host_alloc(h, count * run_bytes(c));
    if (fingers == NULL)
        return; /* no memory: the old fingers still serve */
    for (unsigned i = 1, run = 0; i < c->bits; i++)
        if (i == 1 || !peer_same(&table[i], &table[i - 1]))
            put_run(c, fingers, run++, i, &table[i]);
    host_free(h, n->fingers, n->finger_count * run_bytes(c));
    n->fingers = fingers;
    n->finger_count = (uint8_t)count;
}

void chord_finger_replace(struct chord *c, struct host *h, struct member *n,
                          const struct peer *p, const struct peer *by)
{
    struct peer table[BITS_MAX];
    bool found = false;

    for (unsigned run = 0; run < n->finger_count; run++) {
        struct peer have = chord_finger_run(c, n, run);
        found = found || peer_same(&have, p);
    }
    if (!found)
        return;
    expand(c, n, table);
    for (unsigned i = 1; i < c->bits; i++)
        if (peer_same(&table[i], p))
            table[i] = *by;
    chord_finger_fill(c, h, n, table);
}

void chord_finger_found(struct chord *c, struct host *h, struct member *n,
                        unsigned i, const struct peer *owner)
{
    struct peer table[BITS_MAX], old = chord_finger_get(c, n, i);
    struct id start = chord_finger_start(c, n, i);

    if (i == 0 || peer_same(&old, owner))
        return;
    chord_note(c, h, "the finger that begins at {} is {} now", &start,
               &owner->id);
    expand(c, n, table);
    table[i] = *owner;
    chord_finger_fill(c, h, n, table);
}

/*
 * Refresh one finger, round robin.  Source: [chord03] fix_fingers.
 *
 * What our own arcs answer needs no message: a finger that begins before our
 * successor is the successor, one that begins after our predecessor is us.
 */
void chord_fix_fingers(struct chord *c, struct host *h, struct member *n)
{
    unsigned i = n->next_finger;
    struct id start = chord_finger_start(c, n, i);
    struct peer self = chord_self(c, n), s = chord_successor(c, n);

    for (struct request *r = c->requests; r != NULL; r = r->next)
        if (r->kind == REQUEST_FIND && r->purpose == FOR_FINGER &&
            r->vnode == n->vnode)
            return; /* the last one still waits for its answer */
    n->next_finger = (uint8_t)(i + 1 < c->bits ? i + 1 : 1);
    if (id_in_half_open(&start, &n->id, &s.id)) {
        chord_finger_found(c, h, n, i, &s);
    } else if (!peer_none(&n->pred) &&
               id_in_half_open(&start, &n->pred.id, &n->id)) {
        chord_finger_found(c, h, n, i, &self);
    } else {
        struct request *r = chord_find_open(c, h, n, FOR_FINGER, &start);
        if (r == NULL)
            return;
        r->index = (uint8_t)i;
        chord_find_begin(c, h, n, r);
    }
}

/* Somebody looked up through us and found nodes silent that we told it of:
   ask them ourselves, for our table serves all. */
void chord_finger_suspect(struct chord *c, struct host *h, struct member *n,
                          const struct chord_msg *m)
{
    if (chord_request_of(c, n, REQUEST_PING) != NULL)
        return; /* one at a time */
    for (unsigned run = 0; run < n->finger_count; run++) {
        struct peer p = chord_finger_run(c, n, run);
        for (unsigned i = 0; i < m->avoid_count; i++) {
            if (peer_none(&p) || !id_equal(&m->avoid[i], &p.id))
                continue;
            struct request *r = chord_request_open(c, h, n, REQUEST_PING);
            if (r == NULL)
                return;
            r->peer = p;
            chord_request_send(c, h, n, r, CHORD_PING);
            return;
        }
    }
}

/* -- The lecture's join: a newcomer's fingers from its successor's ------- */

void chord_fill_fingers(const struct chord *c, const struct member *n,
                        struct chord_msg *m)
{
    unsigned skip = n->finger_count > RUNS_MAX ? n->finger_count - RUNS_MAX : 0;

    for (unsigned run = skip; run < n->finger_count; run++) {
        struct peer p = chord_finger_run(c, n, run);
        if (peer_none(&p))
            continue;
        m->first[m->run_count] = chord_finger_first(c, n, run);
        m->list[m->run_count++] = p;
    }
}

/* Of all that the successor knows, and it itself: the first at or after
   each start.  A hint: fix_fingers will put right what is not. */
void chord_finger_seed(struct chord *c, struct host *h, struct member *n,
                       struct request *r, const struct chord_msg *m)
{
    struct peer table[BITS_MAX];

    chord_request_close(c, h, r);
    for (unsigned i = 0; i < c->bits; i++) {
        struct id start = chord_finger_start(c, n, i);
        table[i] = chord_successor(c, n);
        for (unsigned k = 0; k < m->run_count; k++) {
            struct id best = id_distance(table[i].id, start, c->bits);
            struct id way = id_distance(m->list[k].id, start, c->bits);
            if (id_compare(&way, &best) < 0)
                table[i] = m->list[k];
        }
    }
    chord_finger_fill(c, h, n, table);
    chord_note(c, h, "{} takes over the fingers of its successor", &n->id);
}
