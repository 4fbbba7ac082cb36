/*
 * Contents of nodes in a simulation: made bytes (content.h), their table in
 * the arena, so that checkpoints rewind it.  Hashing takes no virtual time,
 * but its result comes as a step of its own.
 */
#include "common/sim_impl.h"

static void *take(void *arena, size_t bytes)
{
    return arena_zalloc(arena, bytes);
}

static void give_back(void *arena, void *memory, size_t bytes)
{
    arena_free(arena, memory, bytes);
}

bool content_keep(struct host *h)
{
    struct arena *arena = ((struct node *)h)->sim->arena;

    h->contents = contents_new(&(struct content_memory){
        .alloc = take, .free = give_back, .context = arena});
    return h->contents != NULL;
}

void content_hash(struct host *h, const struct hash_job *job)
{
    struct node *n = (struct node *)h;
    struct sim *sim = n->sim;
    struct hash_job *copy = arena_alloc(sim->arena, sizeof *copy);

    if (copy == NULL)
        return; /* the run ends here */
    *copy = *job;
    copy->restarts = n->host.restarts;
    queue_push(sim, &(struct entry){.time_us = sim->now_us,
                                    .kind = ENTRY_HASHED,
                                    .node = h->index,
                                    .what = copy});
}

void content_hashed(struct sim *sim, const struct entry *e)
{
    struct node *n = node_at(sim, e->node);
    struct hash_job job = *(const struct hash_job *)e->what;

    arena_free(sim->arena, e->what, sizeof job);
    if (!node_is_up(n) || n->host.restarts != job.restarts)
        return;
    (void)hash_job_step(&job, n->host.contents, job.end - job.at);
    step_begin(sim, STEP_HASHED, n, job.digest, job.digest_len);
    record_about(sim, n, RECORD_TIMER, "hashed");
    struct event event = hash_job_event(&job);
    (void)node_deliver(n, &event, 0);
}
