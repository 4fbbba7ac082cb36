/*
 * How long the simulator takes for a swarm of 1,000 peers and 200 pieces, from
 * one seed until everybody has the file, and the memory of its state.  It
 * fails when somebody has not.   usage: swarm_bench [PEERS [PIECES]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bittorrent/node.h"
#include "common/sim.h"

static double cpu_s(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static struct scenario *swarm(unsigned peers, unsigned pieces, struct text *why)
{
    struct text text = text_new();

    text_printf(&text,
                "seed 1\nset upload 100kB/s\nlatency 10ms..60ms\n"
                "node tracker role=tracker\n"
                "node origin join=tracker share=song.ogg:%uKiB\n"
                "at 1s nodes %u prefix=p get=song.ogg join=origin\n"
                "run until quiet\n",
                pieces * 32, peers);
    struct scenario *s =
        scenario_parse("bench.scn", text.data, &bittorrent_protocol, NULL, why);
    text_free(&text);
    return s;
}

static unsigned complete_count(struct sim *sim)
{
    const struct network *net = sim_network(sim);
    unsigned count = 0;

    for (size_t i = 0; i < net->count; i++)
        count += ((struct bittorrent *)net->host[i]->node)->torrent.complete;
    return count;
}

int main(int argc, char **argv)
{
    unsigned peers = argc > 1 ? (unsigned)atoi(argv[1]) : 1000;
    unsigned pieces = argc > 2 ? (unsigned)atoi(argv[2]) : 200;
    struct text why = text_new();
    struct scenario *scenario = swarm(peers, pieces, &why);
    struct sim *sim = scenario != NULL ? sim_new(scenario, &why) : NULL;
    double began = cpu_s();

    if (sim == NULL) {
        fprintf(stderr, "swarm_bench: %s\n", why.data);
        return 1;
    }
    sim_run(sim);
    double took = cpu_s() - began;
    unsigned complete = complete_count(sim);
    printf("a swarm of %u peers and %u pieces: %.1f CPU s, %.2f us a step; "
           "%.0f MB; %.0f virtual s; hash %016llx\n",
           peers, pieces, took, took * 1e6 / (double)sim_steps(sim),
           (double)sim_size(sim) / 1e6, (double)sim_now(sim) / 1e6,
           (unsigned long long)sim_hash(sim));
    sim_free(sim);
    scenario_free(scenario);
    text_free(&why);
    if (complete != peers + 1)
        fprintf(stderr, "swarm_bench: only %u of %u have it\n", complete,
                peers + 1);
    return complete != peers + 1;
}
