/*
 * The live host under load: 10,000 connections that are all open and exchange
 * a message each, and a bulk stream beside a plain copy by send and recv.
 *
 * Every run has two processes, as two real nodes have.  What is asserted is
 * that the bytes are right and nobody is left out; times are only printed.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/live.h"
#include "tests/unit/test.h"

#define CONNS 10000
#define CONNECTING_MAX 256 /* at the same time */
#define PING_BYTES 16
#define BULK_BYTES (UINT64_C(1) << 30)
#define CHUNK_BYTES ((size_t)64 * 1024)
#define ROUNDS 3

static const struct addr nowhere = {0, 0};
static const struct addr any_port = {0x7f000001, 0};

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* -- Bytes that tell their place ------------------------------------------------ */

static uint64_t word_at(uint64_t index)
{
    return index * UINT64_C(0x9e3779b97f4a7c15);
}

static void fill(uint8_t *data, uint64_t offset, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = word_at((offset + i) / 8);
        memcpy(data + i, &word, 8);
    }
}

/* Check whole words; false when one is wrong. */
static bool verify(const uint8_t *data, uint64_t offset, size_t len)
{
    uint64_t wrong = 0;

    for (size_t i = 0; i < len; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        wrong |= word ^ word_at((offset + i) / 8);
    }
    return wrong == 0;
}

/* -- The node: opens streams and plays one of two games --------------------------- */

enum { MANY, BULK };

static int game;
static bool done;
static double open_s, pong_s; /* MANY: when all were open, and answered */

struct player {
    struct config config;
    conn_id conn[CONNS];
    uint32_t begun, open, answered;
    uint64_t bytes;
    bool bad;
};

static struct player *player; /* this process's node */

static void *create(struct host *h, const struct config *c)
{
    player = host_alloc(h, sizeof *player);
    if (player != NULL)
        player->config = *c;
    return player;
}

static void open_more(struct player *p, struct host *h)
{
    uint32_t wanted = game == MANY ? CONNS : 1;

    while (p->begun < wanted && p->begun - p->open < CONNECTING_MAX)
        p->conn[p->begun++] = host_connect(h, p->config.join);
}

/* All streams are open: a message on each. */
static void ping(struct player *p, struct host *h)
{
    uint8_t message[PING_BYTES];

    open_s = seconds();
    for (uint32_t i = 0; i < CONNS; i++) {
        fill(message, (uint64_t)i * PING_BYTES, sizeof message);
        host_write(h, p->conn[i], message, sizeof message);
    }
}

static void send_bulk(struct player *p, struct host *h)
{
    static uint8_t chunk[CHUNK_BYTES];

    while (p->bytes < BULK_BYTES) {
        fill(chunk, p->bytes, sizeof chunk);
        p->bytes += sizeof chunk;
        if (host_write(h, p->conn[0], chunk, sizeof chunk) >= BACKLOG_HIGH)
            return;
    }
    host_finish(h, p->conn[0]);
}

static size_t on_bytes(struct player *p, struct host *h, const struct event *e)
{
    bool opener = !addr_none(p->config.join);

    if (game == BULK) {
        size_t len = e->len & ~(size_t)7;
        p->bad |= !verify(e->data, p->bytes, len);
        p->bytes += len;
        return len;
    }
    if (e->len < PING_BYTES)
        return 0;
    if (!opener) {
        host_write(h, e->conn, e->data, PING_BYTES);
        return PING_BYTES;
    }
    uint32_t i = 0;
    while (p->conn[(e->conn + i) % CONNS] != e->conn)
        i++;
    i = (e->conn + i) % CONNS;
    p->bad |= !verify(e->data, (uint64_t)i * PING_BYTES, PING_BYTES);
    if (++p->answered == CONNS) {
        pong_s = seconds();
        done = true;
    }
    return PING_BYTES;
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct player *p = node;
    bool opener = !addr_none(p->config.join);

    switch (e->kind) {
    case EVENT_START:
        if (opener)
            open_more(p, h);
        break;
    case EVENT_OPEN:
        p->open++;
        open_more(p, h);
        if (game == BULK)
            send_bulk(p, h);
        else if (p->open == CONNS)
            ping(p, h);
        break;
    case EVENT_BYTES:
        return on_bytes(p, h, e);
    case EVENT_ROOM:
        send_bulk(p, h);
        break;
    case EVENT_EOF:
        if (game == BULK && !opener)
            done = true;
        host_finish(h, e->conn);
        break;
    case EVENT_CLOSED:
        if (opener)
            done = true; /* before all was said: the caller counts */
        break;
    case EVENT_TIMER:
    case EVENT_DATAGRAM:
    case EVENT_ACCEPT:
    case EVENT_COMMAND:
    case EVENT_HASHED:
    case EVENT_STOP:
        break;
    }
    return 0;
}

static const struct option options[] = {{.name = NULL}};
static const struct command commands[] = {{.name = NULL}};
static const char *const timers[] = {NULL};
static const struct protocol protocol = {.name = "bench",
                                         .options = options,
                                         .commands = commands,
                                         .timers = timers,
                                         .create = create,
                                         .event = event};

static struct live *begin(struct addr join, struct addr *self)
{
    static struct settings settings;
    struct text why = text_new();
    struct live *l = live_new(&protocol, &settings, 1, &why);
    struct host *h = l == NULL ? NULL
                               : live_start(l, "bench", any_port, join, nowhere,
                                            NULL, &settings, &why);
    if (h == NULL) {
        printf("# %s\n", why.data);
        exit(1);
    }
    *self = h->addr;
    return l;
}

/* Let the host work until the game is over, or for a minute. */
static void play(struct live *l)
{
    struct text why = text_new();

    while (!done && live_now(l) < 60000000)
        if (!live_poll(l, 100000, &why))
            break;
    text_free(&why);
}

static long memory_kib(void)
{
    long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f == NULL)
        return 0;
    if (fscanf(f, "%ld %ld", &pages, &resident) != 2)
        resident = 0;
    fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* -- 10,000 connections -------------------------------------------------------------- */

/* The other process: answers until it is killed. */
static pid_t answerer(struct addr *addr)
{
    int fd[2];

    if (pipe(fd) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        struct live *l = begin(nowhere, addr);
        if (write(fd[1], addr, sizeof *addr) != sizeof *addr)
            _exit(1);
        play(l);
        _exit(0);
    }
    if (child < 0 || read(fd[0], addr, sizeof *addr) != sizeof *addr)
        exit(1);
    close(fd[0]);
    close(fd[1]);
    return child;
}

TEST(ten_thousand_open_connections_exchange_a_message_each)
{
    struct addr addr, self;

    game = MANY;
    done = false;
    pid_t child = answerer(&addr);
    long before_kib = memory_kib();
    double start_s = seconds();
    struct live *l = begin(addr, &self);
    play(l);
    CHECK_U64(player->open, CONNS);
    CHECK_U64(player->answered, CONNS);
    CHECK(!player->bad);
    printf("# %d connections: opened in %.3f s, a message and its answer on "
           "each in %.3f s, %ld bytes a connection\n",
           CONNS, open_s - start_s, pong_s - open_s,
           (memory_kib() - before_kib) * 1024 / CONNS);
    live_free(l);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

/* -- Bulk ------------------------------------------------------------------------------ */

/* The live host sends from another process to this one; seconds taken. */
static double live_bulk(void)
{
    int fd[2];
    struct addr self;

    game = BULK;
    done = false;
    if (pipe(fd) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0) {
        struct addr to;
        if (read(fd[0], &to, sizeof to) != sizeof to)
            _exit(1);
        play(begin(to, &self));
        _exit(0);
    }
    struct live *l = begin(nowhere, &self);
    double start_s = seconds();
    if (child < 0 || write(fd[1], &self, sizeof self) != sizeof self)
        exit(1);
    play(l);
    double took_s = seconds() - start_s;
    CHECK_U64(player->bytes, BULK_BYTES);
    CHECK(!player->bad);
    live_free(l);
    waitpid(child, NULL, 0);
    close(fd[0]);
    close(fd[1]);
    return took_s;
}

static void plain_sender(struct sockaddr_in to)
{
    static uint8_t chunk[CHUNK_BYTES];
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (connect(fd, (void *)&to, sizeof to) != 0)
        _exit(1);
    for (uint64_t at = 0; at < BULK_BYTES; at += sizeof chunk) {
        fill(chunk, at, sizeof chunk);
        for (size_t sent = 0; sent < sizeof chunk;) {
            ssize_t n = send(fd, chunk + sent, sizeof chunk - sent, 0);
            if (n <= 0)
                _exit(1);
            sent += (size_t)n;
        }
    }
    _exit(0);
}

/* The same by blocking send and recv alone. */
static double plain_bulk(void)
{
    static uint8_t data[CHUNK_BYTES + 8];
    struct sockaddr_in s = {.sin_family = AF_INET};
    socklen_t size = sizeof s;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    uint64_t at = 0;
    size_t kept = 0;
    bool bad = false;

    s.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(listener, (void *)&s, sizeof s) != 0 || listen(listener, 1) != 0 ||
        getsockname(listener, (void *)&s, &size) != 0)
        exit(1);
    double start_s = seconds();
    pid_t child = fork();
    if (child == 0)
        plain_sender(s);
    int fd = accept(listener, NULL, NULL);
    for (;;) {
        ssize_t n = recv(fd, data + kept, CHUNK_BYTES, 0);
        if (n <= 0)
            break;
        size_t len = kept + (size_t)n;
        kept = len & 7;
        bad |= !verify(data, at, len - kept);
        at += len - kept;
        memmove(data, data + len - kept, kept);
    }
    double took_s = seconds() - start_s;
    CHECK_U64(at, BULK_BYTES);
    CHECK(!bad);
    close(fd);
    close(listener);
    waitpid(child, NULL, 0);
    return took_s;
}

TEST(a_bulk_stream_is_about_as_fast_as_send_and_recv_alone)
{
    double live_s = 1e9, plain_s = 1e9;

    for (int i = 0; i < ROUNDS; i++) { /* in turns: the machine is busy */
        double plain = plain_bulk(), live = live_bulk();
        plain_s = plain < plain_s ? plain : plain_s;
        live_s = live < live_s ? live : live_s;
    }
    double gigabytes = (double)BULK_BYTES / 1e9;
    printf("# bulk: live %.2f GB/s, plain send and recv %.2f GB/s, "
           "ratio %.2f\n",
           gigabytes / live_s, gigabytes / plain_s, live_s / plain_s);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(ten_thousand_open_connections_exchange_a_message_each);
    RUN(a_bulk_stream_is_about_as_fast_as_send_and_recv_alone);
    return test_end();
}
