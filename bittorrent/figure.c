/*
 * What papers say of swarms, measured: what peers add to a seed, what free
 * riders cost, and when a swarm chokes on one piece.
 *
 *   gain           peers against a server, which is reckoned and not run:
 *                  N F / u.  `bound` is what no swarm can beat: the larger of
 *                  F / u_seed and N F / (u_seed + N u).  Both less a second,
 *                  whose worth a limit lets go at once at the start
 *   free-riders    the mean time of those who give and of those who do not
 *   missing-piece  who has all leaves; how many are in the swarm after a
 *                  while, when so many come a second and the seed sends one
 *                  piece a second
 */
#include "bittorrent/main.h"

#include "bittorrent/check.h"

#define UPLOAD 50000u             /* bytes a second, of a peer */
#define GAIN_BYTES (768u * 1024)  /* of the file of `gain` */
#define RIDE_BYTES (2048u * 1024) /* of that of `free-riders` */

enum { SUM_GIVERS_MS, SUM_GIVERS, SUM_RIDERS_MS, SUM_RIDERS, SUM_LAST_MS };

/* Add up how long the peers took whose names begin with `prefix`. */
static uint64_t add_times(const struct network *net, char prefix,
                          uint64_t *count, uint64_t *sum_ms)
{
    uint64_t last = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        if (n == NULL || n->name[0] != prefix || n->torrent.done_us == 0)
            continue;
        uint64_t ms = (n->torrent.done_us - n->torrent.begun_us) / 1000;
        ++*count;
        *sum_ms += ms;
        last = ms > last ? ms : last;
    }
    return last;
}

static bool run_gain(struct figure_run *r)
{
    struct text t = text_new();
    uint64_t *sum = r->tally->sum, count = 0;

    text_printf(&t,
                "latency 10ms..60ms\nset upload %ukB/s\n"
                "node tracker role=tracker\n"
                "node origin join=tracker share=song.ogg:%uKiB\n"
                "at 1s nodes %llu prefix=p get=song.ogg join=origin\n"
                "run until 1h\n",
                UPLOAD / 1000, GAIN_BYTES / 1024, (unsigned long long)r->nodes);
    bool good = figure_start(r, "%s", t.data);
    text_free(&t);
    /* In steps: ticks of who has all would take most of the time. */
    for (uint64_t s = 30; good && s <= 3600 && count < r->nodes; s += 30) {
        count = 0;
        sum[SUM_GIVERS_MS] = sum[SUM_GIVERS] = 0;
        good = figure_run_to(r, s * SECOND_US);
        sum[SUM_LAST_MS] =
            add_times(r->network, 'p', &count, &sum[SUM_GIVERS_MS]);
        sum[SUM_GIVERS] = count;
    }
    return good && (count == r->nodes ||
                    figure_fail(r, "not all had the file after an hour"));
}

static void row_gain(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;
    double n = (double)row->nodes, one = (double)GAIN_BYTES / UPLOAD;
    double all = n * one / (n + 1);

    text_printf(csv, "%llu,%.1f,%.1f,%.1f,%.1f\n",
                (unsigned long long)row->nodes,
                figure_ratio(sum[SUM_GIVERS_MS], sum[SUM_GIVERS]) / 1000,
                figure_ratio(sum[SUM_LAST_MS], row->tally->runs) / 1000,
                (all > one ? all : one) - 1, n * one - 1);
}

static bool run_riders(struct figure_run *r)
{
    struct text t = text_new();
    uint64_t *sum = r->tally->sum;
    uint64_t riders = (uint64_t)((double)r->nodes * r->point / 100 + 0.5);

    text_printf(
        &t,
        "latency 10ms..60ms\nset upload %ukB/s\nset rechoke 2s\n"
        "set optimistic 6s\nset piece 16KiB\nnode tracker role=tracker\n"
        "node origin join=tracker upload=%llukB/s choker=none "
        "share=song.ogg:%uKiB\n"
        "at 1s nodes %llu prefix=p get=song.ogg join=origin\n",
        UPLOAD / 1000, (unsigned long long)r->nodes * 20, RIDE_BYTES / 1024,
        (unsigned long long)r->nodes - riders);
    if (riders > 0)
        text_printf(&t,
                    "nodes %llu prefix=f get=song.ogg join=origin "
                    "choker=freerider\n",
                    (unsigned long long)riders);
    text_add(&t, "run until 300s\n");
    bool good = figure_start(r, "%s", t.data) && figure_run_out(r);
    text_free(&t);
    if (!good)
        return false;
    (void)add_times(r->network, 'p', &sum[SUM_GIVERS], &sum[SUM_GIVERS_MS]);
    (void)add_times(r->network, 'f', &sum[SUM_RIDERS], &sum[SUM_RIDERS_MS]);
    return true;
}

static void row_riders(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.0f,%.1f,", (unsigned long long)row->nodes,
                row->point,
                figure_ratio(sum[SUM_GIVERS_MS], sum[SUM_GIVERS]) / 1000);
    if (sum[SUM_RIDERS] > 0)
        text_printf(csv, "%.1f",
                    figure_ratio(sum[SUM_RIDERS_MS], sum[SUM_RIDERS]) / 1000);
    text_char(csv, '\n');
}

/* Peers that are there and lack something. */
static uint64_t waiting(const struct network *net)
{
    uint64_t count = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        count += n != NULL && n->tracker == NULL && !n->torrent.complete;
    }
    return count;
}

enum { SUM_HALF, SUM_END };

static bool run_missing(struct figure_run *r)
{
    struct text t = text_new();
    uint64_t *sum = r->tally->sum;
    uint64_t every_ms = (uint64_t)(1000 / r->point);
    uint64_t end_us = r->nodes * every_ms * 1000;

    text_printf(&t,
                "latency 10ms..60ms\nset upload 20kB/s\nset piece 64KiB\n"
                "set linger off\nnode tracker role=tracker\n"
                "node origin join=tracker linger=on upload=64kB/s "
                "share=song.ogg:640KiB\n"
                "at 1s nodes %llu prefix=p every %llums get=song.ogg "
                "join=origin\nrun until 10h\n",
                (unsigned long long)r->nodes, (unsigned long long)every_ms);
    bool good = figure_start(r, "%s", t.data) && figure_run_to(r, end_us / 2);
    text_free(&t);
    if (!good)
        return false;
    sum[SUM_HALF] += waiting(r->network);
    if (!figure_run_to(r, end_us))
        return false;
    sum[SUM_END] += waiting(r->network);
    return true;
}

static void row_missing(const struct figure_row *row, struct text *csv)
{
    const uint64_t *sum = row->tally->sum;

    text_printf(csv, "%llu,%.2f,%.1f,%.1f\n", (unsigned long long)row->nodes,
                row->point, figure_ratio(sum[SUM_HALF], row->tally->runs),
                figure_ratio(sum[SUM_END], row->tally->runs));
}

const struct figure bittorrent_figures[] = {
    {.name = "gain",
     .source = "after Kurose and Ross, Computer Networking, section 2.5",
     .help = "seconds for a file, of a swarm and of a server, by peers",
     .columns = "nodes,mean,last,bound,server",
     .x = "nodes",
     .y = "last,bound,server",
     .nodes = "2,4,8,16,32,64",
     .seeds = 1,
     .log_x = true,
     .run = run_gain,
     .row = row_gain},
    {.name = "free-riders",
     .source = "after Sirivianos et al. (IPTPS 2007); the runs are ours",
     .help = "mean seconds of who gives and who does not, by percent of these",
     .columns = "nodes,riders,giver,rider",
     .x = "riders",
     .y = "giver,rider",
     .nodes = "20",
     .points = "0,10,20,30,40,50,60,70,80",
     .least = 0,
     .most = 90,
     .seeds = 3,
     .run = run_riders,
     .row = row_riders},
    {.name = "missing-piece",
     .source = "after Hajek and Zhu (2010); the runs are ours",
     .help = "peers that wait when half have come, and all, by peers a second",
     .columns = "nodes,rate,half,end",
     .x = "rate",
     .y = "half,end",
     .nodes = "200",
     .points = "0.1,0.2,0.5,1,1.5,2,3",
     .least = 0.01,
     .most = 100,
     .seeds = 2,
     .run = run_missing,
     .row = row_missing},
    {.name = NULL}};
