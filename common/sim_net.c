/*
 * The network of a simulation: how long things take, who cannot reach whom,
 * and datagrams.
 *
 * Whether a datagram is lost is decided when it is sent; the loss happens,
 * as a step, when it would have arrived.  Whether its receiver is up, and on
 * the same side of a partition, is looked at again on arrival.
 */
#include <string.h>

#include "common/hash.h"
#include "common/sim_impl.h"
#include "common/words.h"

#define DATAGRAM_BYTES_MAX 65507 /* UDP over IPv4 */

static const char receiver_is_down[] = "down"; /* its name is added later */

/* -- Time ---------------------------------------------------------------------- */

static uint64_t square_root(uint64_t x)
{
    uint64_t root = 0;

    for (uint64_t bit = UINT64_C(1) << 31; bit > 0; bit >>= 1)
        if ((root + bit) * (root + bit) <= x)
            root += bit;
    return root;
}

/* A point of the plane for whatever has this hash. */
static void place(const struct sim *sim, uint64_t hash, uint32_t *x,
                  uint32_t *y)
{
    uint64_t h = hash_roll_u64(sim->scenario->seed, hash);

    *x = (uint32_t)h % (sim->model->plane_width + 1);
    *y = (uint32_t)(h >> 32) % (sim->model->plane_height + 1);
}

static void place_of(const struct sim *sim, struct addr a, uint32_t *x,
                     uint32_t *y)
{
    uint32_t i = node_by_addr(sim, a);

    place(sim, i != NOBODY ? node_at(sim, i)->name_hash : a.ip, x, y);
}

uint64_t net_latency(const struct sim *sim, struct addr a, struct addr b)
{
    const struct network_model *m = sim->model;

    if (m->latency == LATENCY_PLANE) {
        uint32_t ax, ay, bx, by;
        place_of(sim, a, &ax, &ay);
        place_of(sim, b, &bx, &by);
        uint64_t dx = ax > bx ? ax - bx : bx - ax;
        uint64_t dy = ay > by ? ay - by : by - ay;
        return square_root((dx * dx + dy * dy) * 1000000);
    }
    if (m->latency_min_us >= m->latency_max_us || addr_equal(a, b))
        return m->latency_min_us;
    uint64_t low = a.ip < b.ip ? a.ip : b.ip, high = a.ip + b.ip - low;
    uint64_t h = hash_roll_u64(sim->scenario->seed, low << 32 | high);
    return m->latency_min_us + h % (m->latency_max_us - m->latency_min_us + 1);
}

uint64_t net_jitter(struct sim *sim)
{
    uint64_t most = sim->model->jitter_us;

    return most > 0 ? random_below(&sim->chance, most + 1) : 0;
}

bool sim_position(const struct sim *sim, const struct host *node, uint32_t *x,
                  uint32_t *y)
{
    if (sim->model->latency != LATENCY_PLANE)
        return false;
    place(sim, ((const struct node *)node)->name_hash, x, y);
    return true;
}

/* -- Partitions ------------------------------------------------------------------ */

uint16_t net_group(const char *const *groups, const char *name)
{
    for (uint16_t i = 0; groups != NULL && groups[i] != NULL; i++)
        if (in_list(groups[i], name))
            return i;
    return 0;
}

void net_set_groups(struct sim *sim, const char *const *groups)
{
    sim->groups = groups;
    for (uint32_t i = 0; i < sim->network.count; i++) {
        struct node *n = node_at(sim, i);
        n->group = net_group(groups, n->host.name);
    }
}

/* -- Datagrams ----------------------------------------------------------------- */

void count_cost(struct sim *sim, size_t bytes)
{
    struct command_run *c =
        sim->command != 0 ? command_get(sim, sim->command) : NULL;

    if (c != NULL) {
        c->messages++;
        c->bytes += bytes;
    }
}

void count_message(struct sim *sim, size_t bytes, bool lost)
{
    sim->acts.status.messages++;
    sim->acts.status.bytes += bytes;
    sim->acts.status.dropped += lost;
}

static bool happens(struct sim *sim, uint64_t parts)
{
    return parts > 0 && (random_next(&sim->chance) >> 32) < parts;
}

void message_free(struct sim *sim, struct message *m)
{
    arena_free(sim->arena, m, sizeof *m + m->len);
}

static struct message *message_new(struct sim *sim, const struct host *from,
                                   struct addr to, const void *data, size_t len)
{
    struct message *m = arena_alloc(sim->arena, sizeof *m + len);

    if (m == NULL)
        return NULL;
    *m = (struct message){.sent_us = sim->now_us,
                          .cause = sim->steps,
                          .order = ++sim->order,
                          .command = sim->command,
                          .from = from->index,
                          .to = node_by_addr(sim, to),
                          .from_addr = from->addr,
                          .to_addr = to,
                          .len = (uint32_t)len};
    memcpy(m->data, data, len);
    return m;
}

/* Why this message will be lost on its way; NULL: it will not. */
static const char *fate(struct sim *sim, const struct message *m)
{
    if (sim->groups != NULL && m->to != NOBODY &&
        node_at(sim, m->from)->group != node_at(sim, m->to)->group)
        return "partition";
    return happens(sim, sim->model->loss) ? "loss" : NULL;
}

void message_queue(struct sim *sim, struct message *m, uint64_t time_us)
{
    queue_push(sim, &(struct entry){.time_us = time_us,
                                    .kind = ENTRY_DATAGRAM,
                                    .node = m->to,
                                    .what = m});
}

struct message *message_copy(struct sim *sim, const struct message *m)
{
    struct message *copy = arena_alloc(sim->arena, sizeof *m + m->len);

    if (copy == NULL)
        return NULL;
    memcpy(copy, m, sizeof *m + m->len);
    copy->order = ++sim->order;
    return copy;
}

void net_send(struct host *h, struct addr to, const void *data, size_t len)
{
    struct sim *sim = ((struct node *)h)->sim;
    uint64_t latency = net_latency(sim, h->addr, to);
    struct message *m = message_new(sim, h, to, data, len);

    if (m == NULL)
        return;
    count_cost(sim, len);
    m->why = len > DATAGRAM_BYTES_MAX ? "longer than a datagram" : fate(sim, m);
    uint64_t arrival = sim->now_us + latency + net_jitter(sim);
    if (happens(sim, sim->model->reorder))
        arrival += latency + random_below(&sim->chance, latency + 1);
    message_queue(sim, m, arrival);
    if (m->why == NULL && happens(sim, sim->model->duplicate)) {
        struct message *copy = message_copy(sim, m);
        if (copy != NULL)
            message_queue(sim, copy, arrival);
    }
}

/* Why a message does not reach its receiver; NULL: it does. */
static const char *why_lost(struct sim *sim, const struct message *m)
{
    if (m->why != NULL)
        return m->why;
    if (m->to == NOBODY)
        return "no node has this address";
    const struct node *to = node_at(sim, m->to);
    if (sim->groups != NULL && to->group != node_at(sim, m->from)->group)
        return "partition";
    return node_is_up(to) ? NULL : receiver_is_down;
}

void message_record(struct sim *sim, const struct message *m, struct record *r)
{
    r->sent_us = m->sent_us;
    r->cause = m->cause;
    r->command = m->command;
    r->from = endpoint_of(node_at(sim, m->from));
    r->to = m->to != NOBODY ? endpoint_of(node_at(sim, m->to))
                            : (struct endpoint){.addr = m->to_addr};
    r->framing.phase = PHASE_DATAGRAM;
    r->data = m->data;
    r->len = m->len;
}

static void message_observed(struct sim *sim, const struct message *m,
                             const char *why)
{
    struct record r = record_new(sim, RECORD_MESSAGE);
    LOCAL_TEXT text = text_new();

    message_record(sim, m, &r);
    if (why == receiver_is_down) {
        text_printf(&text, "%s is down", r.to.name);
        why = text.data;
    }
    r.why = why;
    observe_record(sim, &r);
}

void message_arrive(struct sim *sim, struct message *m)
{
    struct node *to = m->to != NOBODY ? node_at(sim, m->to) : NULL;
    const char *why = why_lost(sim, m);

    step_begin(sim, why != NULL ? STEP_LOSS : STEP_DATAGRAM, to, m->data,
               m->len);
    count_message(sim, m->len, why != NULL);
    if (sim->observer != NULL)
        message_observed(sim, m, why);
    if (why == NULL) {
        struct event e = {.kind = EVENT_DATAGRAM,
                          .peer = m->from_addr,
                          .data = m->data,
                          .len = m->len};
        (void)node_deliver(to, &e, m->command);
    }
    message_free(sim, m);
}
