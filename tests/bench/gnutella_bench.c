/*
 * A servent on the live host that relays: one neighbour sends queries, the
 * other must receive every one of them, each with a TTL one less; 10,000 a
 * second with its settings as they are, and as fast as it can.  Both
 * neighbours are plain sockets here; the servent is a process of its own, so
 * its processor time is its own too.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/live.h"
#include "gnutella/node.h"
#include "tests/unit/test.h"

#define QUERIES 200000
#define PACED 10000 /* a second */
#define QUERY_BYTES (HEADER_BYTES + 15)
#define BATCH 32

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The servent, until it is killed; tells its port through `fd`. */
static void serve(int fd, bool paced)
{
    struct settings settings = settings_new(gnutella_protocol.options);
    if (!paced)
        settings.value[OPT_QUERIES] = 10000000;
    struct text why = text_new();
    struct addr any = {0x7f000001, 0}, none = {0, 0};
    struct live *l = live_new(&gnutella_protocol, &settings, 1, &why);
    struct host *h = l == NULL ? NULL
                               : live_start(l, "bench", any, none, none, NULL,
                                            &settings, &why);

    if (h == NULL || write(fd, &h->addr, sizeof h->addr) < 0)
        _exit(1);
    while (live_poll(l, 1000000, &why))
        ;
    _exit(1);
}

static int neighbour(struct addr to)
{
    static const char hello[] = "GNUTELLA CONNECT/0.4\n\n";
    struct sockaddr_in s = {.sin_family = AF_INET,
                            .sin_port = htons(to.port),
                            .sin_addr.s_addr = htonl(to.ip)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    char got[13 + HEADER_BYTES]; /* OK, and its ping */
    size_t len = 0;

    if (connect(fd, (void *)&s, sizeof s) != 0 ||
        send(fd, hello, strlen(hello), 0) < 0)
        exit(1);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    while (len < sizeof got) {
        ssize_t n = recv(fd, got + len, sizeof got - len, 0);
        if (n <= 0)
            exit(1);
        len += (size_t)n;
    }
    CHECK(memcmp(got, "GNUTELLA OK\n\n", 13) == 0);
    return fd;
}

static void make_query(uint8_t out[QUERY_BYTES], uint32_t number)
{
    static const uint8_t payload[15] = "\x80\0generic song";

    memset(out, 0, HEADER_BYTES);
    memcpy(out, &number, sizeof number);
    out[8] = 0xff;
    out[16] = GNUTELLA_QUERY;
    out[17] = 5;
    out[19] = sizeof payload;
    memcpy(out + HEADER_BYTES, payload, sizeof payload);
}

/* Send `count` queries, `rate` a second (0: as fast as they are taken), and
   read them off the other neighbour until all have come, or none comes for
   long; how many were right. */
static uint32_t take_all(int from, int to, uint32_t count, unsigned rate)
{
    static uint8_t data[65536];
    uint8_t batch[BATCH * QUERY_BYTES], want[QUERY_BYTES];
    uint32_t sent = 0, taken = 0;
    size_t kept = 0, out_at = sizeof batch;
    double begin = seconds(), heard = begin;

    while (taken < count) {
        double now = seconds();
        bool due = rate == 0 || sent < (now - begin) * rate;
        struct pollfd p[2] = {
            {.fd = to, .events = POLLIN},
            {.fd = from, .events = due && sent < count ? POLLOUT : 0}};
        if (now - heard > 10 || poll(p, 2, due ? 10000 : 1) < 0)
            return taken;
        if ((p[1].revents & POLLOUT) != 0) {
            if (out_at == sizeof batch) {
                for (uint32_t i = 0; i < BATCH; i++)
                    make_query(batch + i * QUERY_BYTES, sent + i);
                out_at = 0;
            }
            ssize_t n =
                send(from, batch + out_at, sizeof batch - out_at, MSG_DONTWAIT);
            if (n > 0)
                out_at += (size_t)n;
            sent += out_at == sizeof batch ? BATCH : 0;
        }
        if ((p[0].revents & POLLIN) == 0)
            continue;
        ssize_t n = recv(to, data + kept, sizeof data - kept, 0);
        if (n <= 0)
            return taken;
        heard = now;
        size_t len = kept + (size_t)n, at = 0;
        for (; at + QUERY_BYTES <= len; at += QUERY_BYTES, taken++) {
            make_query(want, taken);
            want[17]--;
            want[18]++;
            if (memcmp(data + at, want, sizeof want) != 0)
                return taken;
        }
        kept = len - at;
        memmove(data, data + at, kept);
    }
    return taken;
}

/* With its settings as they are, `rate` queries a second; 0: all at once. */
static void relay(unsigned rate)
{
    struct addr addr;
    struct rusage use;
    int fd[2];

    if (pipe(fd) != 0)
        exit(1);
    pid_t child = fork();
    if (child == 0)
        serve(fd[1], rate > 0);
    if (child < 0 || read(fd[0], &addr, sizeof addr) != sizeof addr)
        exit(1);
    int from = neighbour(addr), to = neighbour(addr);
    double start_s = seconds();
    CHECK_U64(take_all(from, to, QUERIES, rate), QUERIES);
    double took_s = seconds() - start_s;
    kill(child, SIGKILL);
    wait4(child, NULL, 0, &use);
    double cpu_s =
        (double)use.ru_utime.tv_sec + (double)use.ru_stime.tv_sec +
        ((double)use.ru_utime.tv_usec + (double)use.ru_stime.tv_usec) / 1e6;
    printf("# relay: %.0f queries/s through one servent%s, %.1f us of "
           "processor time a query\n",
           QUERIES / took_s, rate > 0 ? " as it is by default" : "",
           cpu_s * 1e6 / QUERIES);
    close(from);
    close(to);
    close(fd[0]);
    close(fd[1]);
}

TEST(every_query_is_relayed_once_with_a_ttl_one_less)
{
    relay(0);
}

TEST(ten_thousand_queries_a_second_are_within_the_limit)
{
    relay(PACED);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    RUN(every_query_is_relayed_once_with_a_ttl_one_less);
    RUN(ten_thousand_queries_a_second_are_within_the_limit);
    return test_end();
}
