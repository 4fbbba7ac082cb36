/*
 * The tracker as a process of its own: announces a second over UDP and over
 * HTTP, by the processor time that it takes for them, with 100 swarms of
 * 1,000 peers.  It fails when an announce is not answered, or when the last
 * answer does not count the peers that are there.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bittorrent/trackwire.h"
#include "common/random.h"

#define SWARMS 100u
#define PEERS 1000u /* of each */
#define UDP_ANNOUNCES 200000u
#define HTTP_ANNOUNCES 20000u
#define IN_FLIGHT 32u

static struct sockaddr_in tracker;

static pid_t start(uint16_t port)
{
    char listen[32];
    const char *bin = getenv("BIN");
    char program[512];

    snprintf(listen, sizeof listen, "127.0.0.1:%u", port);
    snprintf(program, sizeof program, "%s/bittorrent",
             bin != NULL ? bin : "bin");
    fflush(stdout); /* lest the child writes it too */
    pid_t pid = fork();
    if (pid == 0) {
        if (freopen("/dev/null", "r", stdin) == NULL ||
            freopen("/dev/null", "w", stdout) == NULL)
            _exit(1);
        execl(program, program, "node", "--listen", listen, "--set",
              "role=tracker", "--set", "interval=30m", (char *)NULL);
        _exit(1);
    }
    return pid;
}

/* The announce of peer i: swarms in turn, then the next peer of each. */
static struct announce announce_of(uint32_t i)
{
    struct announce a = {.left = 1, .numwant = -1, .compact = true};

    a.infohash[0] = (uint8_t)(i % SWARMS);
    a.port = (uint16_t)(1 + i / SWARMS % PEERS);
    return a;
}

static bool ask(int s, struct udp_msg *m, struct udp_msg *answer)
{
    static uint8_t data[2048];
    size_t len = tracker_udp_encode(m, data);

    if (send(s, data, len, 0) != (ssize_t)len)
        return false;
    ssize_t got = recv(s, data, sizeof data, 0);
    return got > 0 && tracker_udp_decode(answer, true, data, (size_t)got);
}

/* Announces over UDP, some in flight; how many were answered. */
static uint32_t udp(struct udp_msg *last)
{
    struct udp_msg m = {.action = UDP_CONNECT};
    struct timeval patience = {1, 0};
    uint8_t data[2048];
    uint32_t answered = 0;
    int s = socket(AF_INET, SOCK_DGRAM, 0);

    setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (connect(s, (struct sockaddr *)&tracker, sizeof tracker) < 0)
        return 0;
    for (int tries = 0; !ask(s, &m, last); tries++) /* it is starting */
        if (tries == 50 || usleep(100000) < 0)
            return 0;
    m = (struct udp_msg){.action = UDP_ANNOUNCE,
                         .connection = last->connection};
    for (uint32_t i = 0; i < UDP_ANNOUNCES; i += IN_FLIGHT) {
        for (uint32_t j = 0; j < IN_FLIGHT; j++) {
            m.announce = announce_of(i + j);
            size_t len = tracker_udp_encode(&m, data);
            if (send(s, data, len, 0) < 0)
                return answered;
        }
        for (uint32_t j = 0; j < IN_FLIGHT; j++) {
            ssize_t len = recv(s, data, sizeof data, 0);
            answered += len > 0 &&
                        tracker_udp_decode(last, true, data, (size_t)len) &&
                        last->action == UDP_ANNOUNCE;
        }
    }
    close(s);
    return answered;
}

/* One announce over HTTP, one connection. */
static bool http(uint32_t i, struct announced *d)
{
    uint8_t data[4096];
    struct announce a = announce_of(i);
    struct http_head head;
    int s = socket(AF_INET, SOCK_STREAM, 0);
    size_t len = tracker_write_request(&a, "x", "/announce", data, sizeof data);
    bool good = connect(s, (struct sockaddr *)&tracker, sizeof tracker) == 0 &&
                write(s, data, len) == (ssize_t)len;
    ssize_t got;

    for (len = 0; good && (got = read(s, data + len, sizeof data - len)) > 0;)
        len += (size_t)got;
    close(s);
    int used = http_answer(&head, data, len);
    return good && used > 0 &&
           tracker_read_body(d, data + used, len - (size_t)used) > 0 &&
           d->failure.len == 0;
}

/* Processor seconds of the process so far; from its end. */
static double finish(pid_t pid)
{
    struct rusage before, after;
    int status;

    getrusage(RUSAGE_CHILDREN, &before);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    getrusage(RUSAGE_CHILDREN, &after);
    return (double)(after.ru_utime.tv_sec + after.ru_stime.tv_sec -
                    before.ru_utime.tv_sec - before.ru_stime.tv_sec) +
           (double)(after.ru_utime.tv_usec + after.ru_stime.tv_usec -
                    before.ru_utime.tv_usec - before.ru_stime.tv_usec) /
               1e6;
}

int main(void)
{
    uint16_t port = (uint16_t)(20000 + getpid() % 10000);
    struct udp_msg last = {.answer = false};
    static struct announced d;
    uint32_t answered = 0;

    tracker.sin_family = AF_INET;
    tracker.sin_port = htons(port);
    tracker.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    pid_t pid = start(port);
    uint32_t by_udp = udp(&last);
    double seconds = finish(pid);
    printf("tracker: %.0f UDP announces/s of processor time, %u of %u "
           "answered, %u peers in a swarm\n",
           by_udp / seconds, by_udp, UDP_ANNOUNCES, last.leechers);

    pid = start(port);
    for (int tries = 0; tries < 50 && !http(0, &d); tries++)
        usleep(100000);
    for (uint32_t i = 0; i < HTTP_ANNOUNCES; i++)
        answered += http(i, &d);
    seconds = finish(pid);
    printf("tracker: %.0f HTTP announces/s of processor time, %u of %u "
           "answered, %u peers in a swarm\n",
           answered / seconds, answered, HTTP_ANNOUNCES, d.leechers);
    return by_udp == UDP_ANNOUNCES && answered == HTTP_ANNOUNCES &&
                   last.leechers == PEERS &&
                   d.leechers == HTTP_ANNOUNCES / SWARMS
               ? 0
               : 1;
}
