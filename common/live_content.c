/*
 * Contents of live nodes: real files when the node was given a folder, else
 * made bytes.  Hashing runs in slices between other events, one job after
 * the other.
 */
#include <stdlib.h>

#include "common/live_host.h"

struct live_hash {
    struct live_hash *next;
    struct live_node *node;
    struct hash_job job;
};

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

    if (more == NULL)
        return; /* the node waits in vain, as for a lost message */
    *more = (struct live_hash){.node = node_of(h), .job = *job};
    if (l->hashes != NULL)
        l->hashes_end->next = more;
    else
        l->hashes = more;
    l->hashes_end = more;
}

/* Take the first job off the list. */
static void remove_first(struct live *l)
{
    struct live_hash *first = l->hashes;

    l->hashes = first->next;
    hash_job_drop(&first->job);
    free(first);
}

void contents_work(struct live *l)
{
    if (l->hashes == NULL)
        return;
    struct live_node *n = l->hashes->node;
    if (!hash_job_step(&l->hashes->job, n->host.contents, CONTENT_SLICE))
        return;
    struct hash_job job = l->hashes->job;
    remove_first(l);
    live_step(l, 0);
    live_record_text(n, RECORD_TIMER, "hashed");
    struct event e = hash_job_event(&job);
    live_deliver(n, &e);
}

void contents_forget_jobs(struct live_node *n)
{
    struct live *l = n->live;
    struct live_hash **at = &l->hashes;

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
