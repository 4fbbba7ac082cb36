/*
 * The introducer and those who join by it, on both hosts; what hostile
 * clients do to it, on real sockets.
 */
#include "common/introducer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/live.h"
#include "common/sim.h"
#include "tests/unit/test.h"
#include "tests/unit/toy.h"

static const struct addr any_port = {0x7f000001, 0};

/* -- One story on both hosts ------------------------------------------------ */

/* Notes and results, with names only: addresses differ between the hosts. */
static void on_record(void *context, const struct record *r)
{
    struct text *t = context;
    const struct field *error;

    if (r->kind == RECORD_NOTE) { /* up to an address */
        int len = (int)strcspn(r->text, "0123456789");
        text_printf(t, "%s: %.*s\n", r->to.name, len, r->text);
    } else if (r->kind == RECORD_RESULT) {
        error = fields_find(r->fields, "error");
        text_printf(t, "%s: %s: %s\n", r->to.name, r->text,
                    error != NULL ? error->text
                    : r->ok       ? "ok"
                                  : "failed");
    }
}

static void run_live(const struct scenario *s, struct text *log)
{
    struct observer o = {.record = on_record, .context = log};
    struct text why = text_new();
    struct live *l = live_new(&toy_protocol, &s->settings, s->seed, &why);
    struct live_run *r = live_run_new(l, s, &why);

    live_observe(l, &o);
    while (live_run_poll(r, 100000, &why))
        ;
    text_add(log, live_run_complaints(r));
    live_run_free(r);
    live_free(l);
    text_free(&why);
}

static void run_sim(const struct scenario *s, struct text *log)
{
    struct observer o = {.record = on_record, .context = log};
    struct text why = text_new();
    struct sim *sim = sim_new(s, &why);

    sim_observe(sim, &o);
    sim_run(sim);
    text_add(log, sim_complaints(sim));
    sim_free(sim);
    text_free(&why);
}

enum { LIVE, SIMULATED };

static void run_on(int first, const char *scenario, const char *wanted)
{
    struct text why = text_new();
    struct scenario *s =
        scenario_parse("introducer", scenario, &toy_protocol, NULL, &why);

    if (s == NULL) {
        printf("# %s\n", why.data);
        test_bad = true;
        return;
    }
    for (int host = first; host <= SIMULATED; host++) {
        struct text log = text_new();
        toy_clear();
        (host == LIVE ? run_live : run_sim)(s, &log);
        if (strcmp(log.data, wanted) != 0)
            printf("# %s:\n", host == LIVE ? "live" : "simulator");
        CHECK_TEXT(log.data, wanted);
        text_free(&log);
    }
    scenario_free(s);
    text_free(&why);
}

static void conform(const char *scenario, const char *wanted)
{
    run_on(LIVE, scenario, wanted);
}

static void simulate(const char *scenario, const char *wanted)
{
    run_on(SIMULATED, scenario, wanted);
}

TEST(newcomers_are_told_whom_to_join)
{
    conform("node i introducer\n"
            "at 100ms node a join=i\n"
            "at 1s node b join=i\n"
            "at 2s b send 10\n" /* to whom it joined */
            "run until 2500ms\n",
            "a: the introducer knows nobody: starting a network\n"
            "b: the introducer names \n"
            "b: did send\n"
            "b: send 10: ok\n");
}

TEST(an_introducer_that_is_down_is_asked_again)
{
    conform("node i introducer\n"
            "at 100ms crash i\n"
            "at 200ms node a join=i\n"
            "at 1s a count\n"
            "at 1500ms restart i\n"
            "at 4s a count\n"
            "run until 4500ms\n",
            "a: the introducer \n"
            "a: count: the introducer has not answered yet\n"
            "a: the introducer knows nobody: starting a network\n"
            "a: did count\n"
            "a: count: ok\n"
            "introducer:4: a count: failed: error the introducer has not "
            "answered yet\n");
}

TEST(who_still_asks_when_it_gets_warm_begins_without)
{
    conform("node i introducer\n"
            "at 100ms crash i\n"
            "at 200ms node a join=i\n"
            "at 500ms warm\n"
            "at 600ms a count\n"
            "run until 800ms\n",
            "a: the introducer \n"
            "a: did count\n"
            "a: count: ok\n");
}

TEST(who_leaves_says_so_and_is_forgotten)
{
    conform("node i introducer\n"
            "at 100ms node a join=i\n"
            "at 1s leave a\n"
            "at 2s node b join=i\n"
            "run until 3s\n",
            "a: the introducer knows nobody: starting a network\n"
            "b: the introducer knows nobody: starting a network\n");
}

TEST(who_calls_again_is_remembered_and_who_does_not_is_forgotten)
{
    simulate("node i introducer\n"
             "at 100ms node a join=i\n"
             "at 90s node b join=i\n" /* a has called four times more */
             "at 91s crash a\n"
             "at 92s crash b\n"
             "at 159s node c join=i\n"
             "run until 160s\n",
             "a: the introducer knows nobody: starting a network\n"
             "b: the introducer names \n"
             "c: the introducer knows nobody: starting a network\n");
}

/* -- Hostile clients ---------------------------------------------------------- */

struct bed {
    struct settings settings;
    struct live *live;
    struct host *introducer;
    struct text why;
};

static void bed_begin(struct bed *b)
{
    *b = (struct bed){.settings = settings_new(toy_options), .why = text_new()};
    b->live = live_new(&toy_protocol, &b->settings, 1, &b->why);
    b->introducer = live_start_introducer(b->live, "i", any_port, &b->why);
    if (b->introducer == NULL)
        abort();
}

static void bed_end(struct bed *b)
{
    live_free(b->live);
    text_free(&b->why);
}

static int call(const struct bed *b)
{
    struct sockaddr_in s = {.sin_family = AF_INET,
                            .sin_port = htons(b->introducer->addr.port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    s.sin_addr.s_addr = htonl(b->introducer->addr.ip);
    if (connect(fd, (void *)&s, sizeof s) != 0)
        abort();
    return fd;
}

/* Read until the other side ends, while the host works, `ms` at most; true
   when it ended. */
static bool hear(struct bed *b, int fd, struct text *answer, uint64_t ms)
{
    uint64_t end = live_now(b->live) + ms * 1000;
    char data[4096];

    while (live_now(b->live) < end) {
        live_poll(b->live, 1000, &b->why);
        ssize_t n = recv(fd, data, sizeof data, MSG_DONTWAIT);
        if (n > 0)
            text_bytes(answer, data, (size_t)n);
        else if (n == 0 || (errno != EAGAIN && errno != EWOULDBLOCK))
            return true;
    }
    return false;
}

/* One request; the answer's status line and body go to `answer`. */
static void ask(struct bed *b, const char *request, struct text *answer)
{
    struct text all = text_new();
    int fd = call(b);

    CHECK(send(fd, request, strlen(request), MSG_NOSIGNAL) > 0);
    CHECK(hear(b, fd, &all, 2000));
    const char *line = strstr(all.data, "\r\n");
    const char *body = strstr(all.data, "\r\n\r\n");
    text_clear(answer);
    if (line != NULL && body != NULL)
        text_printf(answer, "%.*s|%s", (int)(line - all.data), all.data,
                    body + 4);
    close(fd);
    text_free(&all);
}

TEST(the_last_heard_comes_first_and_the_asker_never)
{
    struct bed b;
    struct text t = text_new();

    bed_begin(&b);
    ask(&b, "GET /join?addr=1.1.1.1:1 HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|");
    ask(&b, "GET /join?addr=2.2.2.2:2 HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|1.1.1.1:1\n");
    ask(&b, "GET /join?addr=1.1.1.1%3A1 HTTP/1.1\r\nHost: x\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|2.2.2.2:2\n");
    ask(&b, "GET /peers HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|1.1.1.1:1\n2.2.2.2:2\n");
    ask(&b, "GET /leave?addr=1.1.1.1:1 HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|");
    /* Who listens on every interface is where it calls from. */
    ask(&b, "GET /join?addr=0.0.0.0:7000 HTTP/1.0\r\n\r\n", &t);
    ask(&b, "GET /peers HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|127.0.0.1:7000\n2.2.2.2:2\n");
    text_free(&t);
    bed_end(&b);
}

TEST(the_table_is_bounded_and_so_is_an_answer)
{
    struct bed b;
    struct text t = text_new(), dump = text_new();
    char request[64];
    size_t lines = 0;

    bed_begin(&b);
    for (int i = 0; i < INTRODUCER_NODES_MAX + 10; i++) {
        snprintf(request, sizeof request,
                 "GET /join?addr=9.9.%d.%d:7 HTTP/1.0\r\n\r\n", i >> 8,
                 i & 255);
        ask(&b, request, &t);
    }
    for (const char *s = t.data; (s = strchr(s, '\n')) != NULL; s++)
        lines++;
    CHECK_U64(lines, INTRODUCER_PEERS);
    introducer_protocol.dump(b.introducer->node, b.introducer, &dump);
    CHECK(strstr(dump.data, " 9.9.0.10:7\n") != NULL); /* now the last */
    CHECK(strstr(dump.data, " 9.9.0.9:7") == NULL);
    text_free(&t);
    text_free(&dump);
    bed_end(&b);
}

TEST(bad_requests_get_400)
{
    static const char *const bad[] = {
        "hello\r\n\r\n",
        "GET /join HTTP/1.0\r\n\r\n",
        "GET /join?addr=1.2.3.4 HTTP/1.0\r\n\r\n",
        "GET /join?addr=1.2.3.4:0 HTTP/1.0\r\n\r\n",
        "GET /join?addr=1.2.3.4:65536 HTTP/1.0\r\n\r\n",
        "GET /join?addr=here:7 HTTP/1.0\r\n\r\n",
        "POST /join?addr=1.2.3.4:5 HTTP/1.0\r\n\r\n",
        "\x80\xff\x01\n",
    };
    struct bed b;
    struct text t = text_new();

    bed_begin(&b);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        ask(&b, bad[i], &t);
        CHECK(strncmp(t.data, "HTTP/1.0 400 Bad Request|", 25) == 0);
    }
    ask(&b, "GET /elsewhere HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 404 Not Found|");
    text_free(&t);
    bed_end(&b);
}

TEST(a_client_that_says_nothing_is_cut_off_and_holds_up_nobody)
{
    struct bed b;
    struct text t = text_new();

    bed_begin(&b);
    int idle[300], slow = call(&b);
    CHECK(send(slow, "GET /pe", 7, MSG_NOSIGNAL) == 7);
    for (int i = 0; i < 300; i++)
        idle[i] = call(&b);
    ask(&b, "GET /peers HTTP/1.0\r\n\r\n", &t);
    CHECK_TEXT(t.data, "HTTP/1.0 200 OK|");
    CHECK(hear(&b, slow, &t, 100)); /* the table was full: the oldest goes */
    CHECK(!hear(&b, idle[299], &t, 3000));
    CHECK(hear(&b, idle[299], &t, 3000));
    for (int i = 0; i < 300; i++)
        close(idle[i]);
    close(slow);
    text_free(&t);
    bed_end(&b);
}

int main(void)
{
    RUN(newcomers_are_told_whom_to_join);
    RUN(an_introducer_that_is_down_is_asked_again);
    RUN(who_still_asks_when_it_gets_warm_begins_without);
    RUN(who_leaves_says_so_and_is_forgotten);
    RUN(who_calls_again_is_remembered_and_who_does_not_is_forgotten);
    RUN(the_last_heard_comes_first_and_the_asker_never);
    RUN(the_table_is_bounded_and_so_is_an_answer);
    RUN(bad_requests_get_400);
    RUN(a_client_that_says_nothing_is_cut_off_and_holds_up_nobody);
    return test_end();
}
