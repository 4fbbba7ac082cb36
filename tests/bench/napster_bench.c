/*
 * The directory with 1,000,000 files of 1,000 users: how long it takes to
 * fill, what a file costs beyond its name, how many searches a second of one
 * word and of three, and that it is empty when all have gone.  It fails when
 * a search finds none of what is there, or a file costs over 250 bytes.
 *
 * Names have six words, drawn so that few are common and most are rare.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "common/host.h"
#include "common/random.h"
#include "napster/index.h"
#include "napster/wire.h"

#define USERS 1000u
#define FILES_EACH 1000u
#define WORDS 50000u
#define SEARCHES 20000u
#define BYTES_MAX 250.0

static struct index x;
static uint32_t first[USERS + 1];
static struct random r;

static void *bench_alloc(struct host *h, size_t bytes)
{
    (void)h;
    return calloc(1, bytes);
}

static void bench_free(struct host *h, void *memory, size_t bytes)
{
    (void)h;
    (void)bytes;
    free(memory);
}

static double now_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The cube of a uniform number: small ones are common. */
static unsigned word(void)
{
    double u = (double)(random_next(&r) >> 11) / (double)(UINT64_C(1) << 53);

    return (unsigned)(u * u * u * WORDS);
}

static uint64_t fill(struct host *h)
{
    static const char md5[] = "b92870e0d41bc8e698cf2f0a1ddfeac7";
    uint64_t names = 0;

    for (uint32_t i = 0; i < USERS * FILES_EACH; i++) {
        char name[200];
        uint32_t user = i / FILES_EACH + 1;
        int len = snprintf(
            name, sizeof name, "C:\\mp3\\w%u w%u w%u - w%u w%u w%u %u.mp3",
            word(), word(), word(), word(), word(), word(), i % FILES_EACH);
        struct offer o = {.name = {name, (size_t)len},
                          .md5 = {md5, 32},
                          .bytes = 4000000,
                          .kbps = 128,
                          .hz = 44100,
                          .secs = 200};
        names += (uint64_t)len + 1;
        if (napster_index_add(&x, h, user, &o, &first[user]) == 0)
            exit(1);
    }
    return names;
}

static bool count_hit(void *context, uint32_t file)
{
    unsigned *found = context;

    (void)file;
    return ++*found < RESULTS_MAX;
}

/* The hits of so many searches. */
static uint64_t searches(unsigned words)
{
    static struct query q;
    uint64_t hits = 0;
    double begin = now_s();

    x.walked = 0;
    for (unsigned i = 0; i < SEARCHES; i++) {
        char text[200];
        unsigned found = 0;
        if (words == 1)
            snprintf(text, sizeof text, "FILENAME CONTAINS \"w%u\"", word());
        else
            snprintf(text, sizeof text, "FILENAME CONTAINS \"w%u w%u w%u\"",
                     word(), word(), word());
        if (napster_query_read(&q, napster_slice(text)) != NULL)
            exit(1);
        napster_index_search(&x, &q, count_hit, &found);
        hits += found;
    }
    printf("napster: %.0f searches/s of %u words, %.1f hits, %.0f entries "
           "looked at\n",
           SEARCHES / (now_s() - begin), words, (double)hits / SEARCHES,
           (double)x.walked / SEARCHES);
    return hits;
}

int main(void)
{
    const struct host_calls calls = {.alloc = bench_alloc, .free = bench_free};
    struct host h = {.calls = &calls};
    double begin = now_s();

    r = host_random_stream(1, "bench", 0);
    uint64_t names = fill(&h);
    double bytes = (double)(x.memory - names) / (USERS * FILES_EACH);
    printf("napster: %u files listed in %.2f s, %.0f bytes each beyond the "
           "name (at most %.0f)\n",
           x.count, now_s() - begin, bytes, BYTES_MAX);
    bool found = searches(1) > 0 && searches(3) > 0;
    for (uint32_t user = 1; user <= USERS; user++)
        while (first[user] != 0)
            napster_index_remove(&x, &h, first[user], &first[user]);
    return found && bytes <= BYTES_MAX && x.count == 0 && x.word_count == 0 ? 0
                                                                            : 1;
}
