/*
 * Runs of an experiment: the simulator for one of them, its counting, and
 * the sweep of all of them over processes; see figure.h.
 *
 * A simulation is one thread, so a sweep is one process a run: fork, run, and
 * write the tally, a plain block of numbers, into a pipe.  Runs start in the
 * order of their rows, and rows are handed over in that order, so the CSV is
 * the same however many processes there are.
 */
#include "common/figure.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/file.h"
#include "common/scenario.h"
#include "common/sim.h"

#define JOBS_MAX 64
/* Nodes in all processes together; a larger ring runs alone.  They take about
   1.3 KiB each. */
#define NODES_AT_ONCE (UINT64_C(1) << 20)

/* -- Counting ---------------------------------------------------------------- */

void figure_count(struct tally *t, uint64_t value)
{
    t->bin[value < TALLY_BINS ? value : TALLY_BINS - 1]++;
}

static void add(struct tally *to, const struct tally *t)
{
    for (size_t i = 0; i < TALLY_BINS; i++)
        to->bin[i] += t->bin[i];
    for (size_t i = 0; i < TALLY_SUMS; i++)
        to->sum[i] += t->sum[i];
    to->runs += t->runs;
}

uint64_t figure_counted(const struct tally *t)
{
    uint64_t n = 0;

    for (size_t i = 0; i < TALLY_BINS; i++)
        n += t->bin[i];
    return n;
}

double figure_mean(const struct tally *t)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < TALLY_BINS; i++)
        sum += i * t->bin[i];
    return figure_ratio(sum, figure_counted(t));
}

uint64_t figure_percentile(const struct tally *t, unsigned percent)
{
    uint64_t total = figure_counted(t), below = 0, value = 0;

    while (value + 1 < TALLY_BINS) {
        below += t->bin[value];
        if (below * 100 >= total * percent)
            break;
        value++;
    }
    return value;
}

double figure_ratio(uint64_t a, uint64_t b)
{
    return b == 0 ? 0 : (double)a / (double)b;
}

/* -- One run ----------------------------------------------------------------- */

/* The simulator side of a run.  Its process ends with it, and frees nothing. */
struct figure_host {
    const struct figure_task *task;
    uint64_t seed;
    struct scenario *scenario;
    struct sim *sim;
};

bool figure_fail(struct figure_run *r, const char *why)
{
    cli_error(r->host->task->program, "figure %s: %s",
              r->host->task->figure->name, why);
    return false;
}

bool figure_start(struct figure_run *r, const char *scenario, ...)
{
    struct figure_host *h = r->host;
    LOCAL_TEXT why = text_new(), lines = text_new();
    struct overrides over = {
        .has_seed = true, .seed = h->seed, .set = h->task->set};
    va_list args;

    va_start(args, scenario);
    text_vprintf(&lines, scenario, args);
    va_end(args);
    h->scenario = scenario_parse(h->task->figure->name, lines.data,
                                 h->task->program->protocol, &over, &why);
    if (h->scenario != NULL)
        h->sim = sim_new(h->scenario, &why);
    bool good = h->sim != NULL;
    if (!good)
        figure_fail(r, why.data);
    if (good)
        r->network = sim_network(h->sim);
    return good && figure_run_to(r, 0);
}

struct host *figure_live(struct figure_run *r)
{
    const struct protocol *p = r->host->task->program->protocol;
    struct host *h = NULL;

    while (network_node(h, p) == NULL)
        h = r->network->host[random_below(&r->random, r->network->count)];
    return h;
}

/* Is the simulation still worth something? */
static bool sound(struct figure_run *r)
{
    struct sim_status st = sim_status(r->host->sim);

    if (st.no_memory)
        return figure_fail(r, "out of memory; try fewer nodes");
    if (st.never_quiet)
        return figure_fail(r, "the network did not settle within 1 h");
    const char *complaint = sim_complaints(r->host->sim);
    if (complaint[0] == '\0')
        return true;
    LOCAL_TEXT first = text_new();
    text_bytes(&first, complaint, strcspn(complaint, "\n"));
    figure_fail(r, first.data);
    return false;
}

bool figure_run_to(struct figure_run *r, uint64_t time_us)
{
    sim_run_to(r->host->sim, time_us);
    return sound(r);
}

bool figure_run_out(struct figure_run *r)
{
    sim_run(r->host->sim);
    return sound(r);
}

void *figure_alloc(struct figure_run *r, size_t count, size_t bytes)
{
    void *block = calloc(count, bytes);

    if (block == NULL)
        figure_fail(r, "out of memory; try fewer nodes");
    return block;
}

/* Do one run; false when it failed, which was said. */
static bool perform(const struct figure_task *task, size_t row, uint64_t seed,
                    struct tally *t)
{
    struct figure_host h = {.task = task, .seed = seed};
    struct figure_run r = {.nodes = task->nodes[row / task->point_count],
                           .point = task->points[row % task->point_count],
                           .random = {seed},
                           .tally = t,
                           .host = &h};

    t->runs = 1;
    return task->figure->run(&r);
}

/* -- The sweep --------------------------------------------------------------- */

/* A process that does one run. */
struct job {
    pid_t pid; /* 0: none */
    size_t row;
    size_t got; /* bytes of its tally */
    struct tally tally;
};

/* What the rows lack. */
struct pending {
    struct tally *tally; /* NULL before its first run ends */
    uint64_t left;       /* runs */
};

struct sweep {
    const struct figure_task *task;
    struct pending *rows;
    struct job job[JOBS_MAX];
    struct pollfd fd[JOBS_MAX]; /* of each job; -1: none */
    uint64_t started, ended, total;
    uint64_t nodes; /* in the processes that run */
    bool failed;
};

/* The child: it ends here.  Ctrl-C ends it at once. */
static void child(const struct figure_task *task, size_t row, uint64_t seed,
                  int fd)
{
    struct tally *t = calloc(1, sizeof *t);

    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    _exit(t != NULL && perform(task, row, seed, t) &&
                  write_all(fd, t, sizeof *t)
              ? EXIT_OK
              : EXIT_USAGE);
}

static uint64_t nodes_of(const struct sweep *s, size_t row)
{
    return s->task->nodes[row / s->task->point_count];
}

/* Is there a run left to start, and room in memory for it? */
static bool may_start(const struct sweep *s)
{
    return s->started < s->total &&
           (s->nodes == 0 ||
            s->nodes + nodes_of(s, (size_t)(s->started / s->task->seeds)) <=
                NODES_AT_ONCE);
}

static bool start(struct sweep *s, size_t slot)
{
    struct job *j = &s->job[slot];
    uint64_t number = s->started;
    int ends[2];

    if (pipe(ends) != 0)
        return false;
    j->row = (size_t)(number / s->task->seeds);
    j->got = 0;
    j->pid = fork();
    if (j->pid == 0) {
        close(ends[0]);
        child(s->task, j->row, s->task->seed + number % s->task->seeds,
              ends[1]);
    }
    close(ends[1]);
    s->fd[slot] = (struct pollfd){.fd = ends[0], .events = POLLIN};
    if (j->pid < 0) {
        j->pid = 0;
        close(ends[0]);
        s->fd[slot].fd = -1;
        return false;
    }
    s->started++;
    s->nodes += nodes_of(s, j->row);
    return true;
}

/* The process has ended: its tally is complete, or it has said why not. */
static void finish(struct sweep *s, size_t slot)
{
    struct job *j = &s->job[slot];
    struct pending *row = &s->rows[j->row];

    close(s->fd[slot].fd);
    s->fd[slot].fd = -1;
    while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    j->pid = 0;
    s->nodes -= nodes_of(s, j->row);
    if (row->tally == NULL)
        row->tally = calloc(1, sizeof *row->tally);
    if (j->got < sizeof j->tally || row->tally == NULL) {
        s->failed = true;
        return;
    }
    add(row->tally, &j->tally);
    row->left--;
    s->ended++;
}

static void receive(struct sweep *s, size_t slot)
{
    struct job *j = &s->job[slot];
    size_t room = sizeof j->tally - j->got;
    char spare;
    ssize_t n =
        read(s->fd[slot].fd, room > 0 ? (char *)&j->tally + j->got : &spare,
             room > 0 ? room : 1);

    if (n > 0 && room > 0)
        j->got += (size_t)n;
    else if (n == 0 || errno != EINTR)
        finish(s, slot);
}

static void progress(const struct sweep *s)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\rfigure %s: %llu of %llu runs%s",
                s->task->figure->name, (unsigned long long)s->ended,
                (unsigned long long)s->total,
                s->ended < s->total ? " " : " \n");
}

static bool hand_over(struct sweep *s, size_t at,
                      bool (*print)(void *, const struct text *), void *context)
{
    LOCAL_TEXT csv = text_new();
    struct figure_row row = {.nodes = s->task->nodes[at / s->task->point_count],
                             .point =
                                 s->task->points[at % s->task->point_count],
                             .tally = s->rows[at].tally};

    s->task->figure->row(&row, &csv);
    bool good = print(context, &csv);
    free(s->rows[at].tally);
    s->rows[at].tally = NULL;
    return good;
}

/* Keep the processes busy, and wait for news; false when it is over early. */
static bool turn(struct sweep *s)
{
    size_t jobs = s->task->jobs < JOBS_MAX ? (size_t)s->task->jobs : JOBS_MAX;

    for (size_t i = 0; i < jobs && may_start(s); i++)
        if (s->job[i].pid == 0 && !start(s, i)) {
            cli_error(s->task->program, "cannot start a process: %s",
                      strerror(errno));
            s->failed = true;
        }
    progress(s);
    if (!s->failed && poll(s->fd, jobs, -1) > 0)
        for (size_t i = 0; i < jobs; i++)
            if (s->fd[i].fd >= 0 && s->fd[i].revents != 0)
                receive(s, i);
    return !s->failed && cli_interrupted() == 0;
}

static void stop_all(struct sweep *s)
{
    for (size_t i = 0; i < JOBS_MAX; i++) {
        if (s->job[i].pid == 0)
            continue;
        kill(s->job[i].pid, SIGTERM);
        close(s->fd[i].fd);
        while (waitpid(s->job[i].pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
}

int figure_sweep(const struct figure_task *task,
                 bool (*print)(void *context, const struct text *csv),
                 void *context)
{
    size_t rows = task->node_count * task->point_count, done = 0;
    struct sweep *s = calloc(1, sizeof *s);
    struct pending *pending = calloc(rows, sizeof *pending);
    bool going = s != NULL && pending != NULL, open = true;

    if (!going)
        cli_error(task->program, "out of memory");
    for (size_t i = 0; going && i < rows; i++)
        pending[i].left = task->seeds;
    for (size_t i = 0; s != NULL && i < JOBS_MAX; i++)
        s->fd[i].fd = -1;
    if (going) {
        s->task = task;
        s->rows = pending;
        s->total = rows * task->seeds;
    }
    while (going && open && done < rows) {
        going = turn(s);
        while (going && open && done < rows && pending[done].left == 0)
            open = hand_over(s, done++, print, context);
    }
    if (s != NULL) {
        if (going && open)
            progress(s);
        stop_all(s);
    }
    for (size_t i = done; pending != NULL && i < rows; i++)
        free(pending[i].tally);
    free(pending);
    free(s);
    if (!going)
        return cli_interrupted() != 0 ? EXIT_INTERRUPTED : EXIT_USAGE;
    return EXIT_OK;
}
