/*
 * Contents of live nodes: real files when the node was given a folder, else
 * made bytes.  Hashing runs in slices between other events, one job after
 * the other.
 */
#include <stdlib.h>

#include "common/live_host.h"

static void *take(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void give_back(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static const struct content_memory memory = {.alloc = take, .free = give_back};

bool live_keep(struct host *h)
{
    h->contents = contents_new(&memory);
    return h->contents != NULL;
}

bool live_folder(struct live *l, const char *folder, struct text *why)
{
    contents_free(l->folder);
    l->folder = contents_open(&memory, folder, why);
    return l->folder != NULL;
}

bool live_share(struct live_node *n, const struct share *share, size_t count)
{
    return count == 0 || (live_keep(&n->host) &&
                          contents_share(n->host.contents, share, count));
}

void live_hash_later(struct host *h, const struct hash_job *job)
{
    struct live *l = node_of(h)->live;
    struct live_hash *more = malloc(sizeof *more);

    if (more == NULL) { /* answered all the same: without a digest */
        if (l->refused_count < REFUSED_MAX)
            l->refused[l->refused_count++] =
                (struct live_hash){.node = node_of(h), .job = *job};
        return;
    }
    *more = (struct live_hash){.node = node_of(h), .job = *job};
    if (l->hashes != NULL)
        l->hashes_end->next = more;
    else
        l->hashes = more;
    l->hashes_end = more;
}

static void answer(struct live *l, const struct live_hash *hash)
{
    live_step(l, 0);
    live_record_text(hash->node, RECORD_TIMER, "hashed");
    struct event e = hash_job_event(&hash->job);
    live_deliver(hash->node, &e);
}

void contents_work(struct live *l)
{
    struct live_hash *first = l->hashes;

    if (l->refused_count > 0) {
        struct live_hash refused = l->refused[--l->refused_count];
        answer(l, &refused);
    }
    if (first != NULL &&
        hash_job_step(&first->job, first->node->host.contents, CONTENT_SLICE)) {
        struct live_hash done = *first;
        l->hashes = first->next;
        free(first);
        answer(l, &done);
    }
}

void contents_forget_jobs(struct live_node *n)
{
    struct live *l = n->live;
    struct live_hash **at = &l->hashes;

    for (size_t i = l->refused_count; i-- > 0;)
        if (l->refused[i].node == n)
            l->refused[i] = l->refused[--l->refused_count];
    l->hashes_end = NULL;
    while (*at != NULL) {
        struct live_hash *hash = *at;
        if (hash->node == n) {
            *at = hash->next;
            hash_job_drop(&hash->job);
            free(hash);
        } else {
            l->hashes_end = hash;
            at = &hash->next;
        }
    }
}
