/*
 * What a node does per byte: the keystream of a session, and the MD5 tree of a
 * whole file beside one MD5 of the same bytes, which is libcrypto's speed.
 * Both must come out as the reference's vectors.  And what a supernode does
 * per event when it has 4,000 children instead of 40: about the same.  And
 * how long the simulator takes for 10,000 nodes which all call one supernode:
 * each must find a parent, and a search the only owner.
 */
#include <stdlib.h>
#include <time.h>

#include "common/sim.h"
#include "fasttrack/check.h"
#include "fasttrack/cipher.h"
#include "fasttrack/node.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

#define FILE_BYTES ((size_t)256 << 20)
#define STREAM_BYTES ((size_t)16 << 20)
#define SESSIONS 200u

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* 5 MiB of zeros, again and again: the root of each is the reference's. */
static void tree_of(const uint8_t *file, size_t bytes, uint8_t root[MD5_BYTES])
{
    static struct md5_tree tree;
    uint8_t leaf[MD5_BYTES];

    memset(&tree, 0, sizeof tree);
    for (size_t at = 0; at < bytes; at += KZHASH_BLOCK) {
        hash_md5(leaf, file + at, KZHASH_BLOCK);
        fasttrack_tree_add(&tree, leaf);
    }
    fasttrack_tree_end(&tree, root);
}

TEST(a_tree_of_hashes_is_as_fast_as_one_hash)
{
    uint8_t *file = calloc(1, FILE_BYTES), root[MD5_BYTES], one[MD5_BYTES];
    char hex[2 * MD5_BYTES + 1];

    if (file == NULL)
        return;
    tree_of(file, 5242880, root);
    fasttrack_hex(root, sizeof root, hex);
    CHECK_TEXT(hex, "8b7a4d4c30524fcde73e645dda16e4a5");
    memset(file + 5242880, 1, FILE_BYTES - 5242880); /* so it is in memory */
    double t0 = seconds();
    hash_md5(one, file, FILE_BYTES);
    double t1 = seconds();
    tree_of(file, FILE_BYTES, root);
    double t2 = seconds();
    printf("# MD5 %.0f MB/s, kzhash %.0f MB/s, 1:%.2f\n",
           (double)FILE_BYTES / (t1 - t0) / 1e6,
           (double)FILE_BYTES / (t2 - t1) / 1e6, (t2 - t1) / (t1 - t0));
    free(file);
}

TEST(the_cipher_begins_in_milliseconds)
{
    static uint8_t data[65536];
    struct cipher c;
    char hex[33];

    double t0 = seconds();
    for (uint32_t i = 0; i < SESSIONS; i++)
        fasttrack_cipher_begin(&c, i == SESSIONS - 1 ? 0 : i);
    double t1 = seconds();
    fasttrack_cipher_run(&c, data, data, sizeof data);
    fasttrack_hex(data, 16, hex);
    CHECK_TEXT(hex, "a3ed06c136190f0404a0612f01cab65f");
    double t2 = seconds();
    for (size_t at = 0; at < STREAM_BYTES; at += sizeof data)
        fasttrack_cipher_run(&c, data, data, sizeof data);
    double t3 = seconds();
    printf("# %.2f ms to begin, then %.0f MB/s\n", (t1 - t0) * 1e3 / SESSIONS,
           (double)STREAM_BYTES / (t3 - t2) / 1e6);
}

#define EVENTS 4000u

static void deliver(struct fake *f, enum event_kind kind, conn_id conn,
                    const uint8_t *data, size_t len)
{
    f->written_len = 0;
    (void)host_deliver(&f->host,
                       &(struct event){.kind = kind,
                                       .conn = conn,
                                       .peer = {0x0a000000u + conn, 1000},
                                       .data = data,
                                       .len = len});
}

static void arrive(struct fake *f, conn_id conn)
{
    static const uint8_t info[] = "K\2\0\0\013\0\0\0\0\0\1\0\0abc";

    deliver(f, EVENT_ACCEPT, conn, NULL, 0);
    deliver(f, EVENT_BYTES, conn, info, sizeof info - 1);
}

/* Microseconds of an event at a supernode with so many children: a pong, a
   score, and an arrival with the departure of another. */
static void events(uint32_t children, double us[3])
{
    static const uint8_t score[] = "K\x60\0\0\5\0\0\0\1\0";
    static struct fake f;
    struct settings s = settings_new(fasttrack_protocol.options);
    conn_id last;

    s.value[OPT_ROLE] = ROLE_SUPERNODE;
    s.value[OPT_CHILDREN] = CHILDREN_MAX;
    fake_node(&f, &fasttrack_protocol, &s, (struct addr){0x0a000000, 1214});
    for (last = 1; last <= children; last++)
        arrive(&f, last);
    const struct fasttrack *n = f.host.node;
    CHECK_U64(n->super->children, children);
    double t = seconds();
    for (uint32_t i = 0; i < EVENTS; i++)
        deliver(&f, EVENT_BYTES, 1 + i % children, (const uint8_t *)"R", 1);
    us[0] = (seconds() - t) * 1e6 / EVENTS;
    t = seconds();
    for (uint32_t i = 0; i < EVENTS; i++)
        deliver(&f, EVENT_BYTES, 1 + i % children, score, sizeof score - 1);
    us[1] = (seconds() - t) * 1e6 / EVENTS;
    t = seconds();
    for (uint32_t i = 0; i < EVENTS; i++) {
        arrive(&f, last++);
        deliver(&f, EVENT_CLOSED, last - 1 - children, NULL, 0);
    }
    us[2] = (seconds() - t) * 1e6 / EVENTS;
    CHECK_U64(n->super->children, children);
}

TEST(many_children_cost_no_more_an_event)
{
    static const char *const what[] = {"a pong", "a score",
                                       "one comes, one goes"};
    double few[3], many[3];

    events(40, few);
    events(4000, many);
    for (unsigned i = 0; i < 3; i++) {
        printf("# %s: %.2f us with 40 children, %.2f us with 4,000\n", what[i],
               few[i], many[i]);
        CHECK(many[i] < 5 * few[i] + 1);
    }
}

TEST(ten_thousand_come_and_one_is_found_in_seconds)
{
    struct text why = text_new();
    struct scenario *s = scenario_parse(
        "bench.scn",
        "seed 3\nset degree 3\nnodes 300 prefix=s role=supernode\n"
        "nodes 9699 prefix=n role=ordinary\n"
        "node far role=ordinary join=s1 share=chord-song.ogg:64KiB\n"
        "run until 1h\n",
        &fasttrack_protocol, NULL, &why);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;

    CHECK_TEXT(why.data, "");
    if (sim == NULL)
        return;
    clock_t began = clock();
    sim_run_to(sim, 60 * SECOND_US);
    const struct network *net = sim_network(sim);
    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        CHECK(is_supernode(n) || fasttrack_parents(n) == 1);
    }
    (void)sim_command(sim, net->host[300], "search chord");
    sim_run_to(sim, 75 * SECOND_US);
    CHECK_U64(fasttrack_at(net, 300)->hit_count, 1);
    printf("# %zu nodes: %.1f s, %llu events, %.0f bytes a node\n", net->count,
           (double)(clock() - began) / CLOCKS_PER_SEC,
           (unsigned long long)sim_steps(sim),
           (double)sim_size(sim) / (double)net->count);
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
}

int main(void)
{
    RUN(many_children_cost_no_more_an_event);
    RUN(ten_thousand_come_and_one_is_found_in_seconds);
    RUN(a_tree_of_hashes_is_as_fast_as_one_hash);
    RUN(the_cipher_begins_in_milliseconds);
    return test_end();
}
