/* The live host alone: sockets, limits, floods, records. */
#include "common/live_host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/test.h"
#include "tests/unit/toy.h"

static const struct addr nowhere = {0, 0};
static const struct addr any_port = {0x7f000001, 0};

/* One host, its nodes and what it reported. */
struct bed {
    struct settings settings;
    struct live *live;
    struct text why;
    struct text records;
    uint64_t results, failed, step;
};

static void on_record(void *context, const struct record *r)
{
    struct bed *b = context;
    struct text *t = &b->records;

    CHECK(r->step >= b->step); /* steps never fall */
    b->step = r->step;
    if (r->kind == RECORD_RESULT) {
        b->results++;
        b->failed += !r->ok;
        const struct field *error = fields_find(r->fields, "error");
        text_printf(t, "result %u %s %s\n", r->command, r->text,
                    r->ok           ? "ok"
                    : error != NULL ? error->text
                                    : "failed");
    } else if (r->kind == RECORD_MESSAGE) {
        text_printf(
            t, "%s>%s %s%zu%s%s\n", r->from.name != NULL ? r->from.name : "?",
            r->to.name != NULL ? r->to.name : "?",
            r->outgoing ? "outgoing " : "", r->len,
            r->why != NULL ? " dropped: " : "", r->why != NULL ? r->why : "");
        if (r->sent_us > r->time_us)
            text_add(t, "arrived before it was sent\n");
    }
}

static void bed_begin(struct bed *b)
{
    static const struct observer none;
    struct observer o = {.record = on_record, .context = b};

    toy_clear();
    *b = (struct bed){.settings = settings_new(toy_options),
                      .why = text_new(),
                      .records = text_new()};
    b->live = live_new(&toy_protocol, &b->settings, 1, &b->why);
    if (b->live == NULL)
        abort();
    live_observe(b->live, &none);
    live_observe(b->live, &o);
}

static void bed_end(struct bed *b)
{
    live_free(b->live);
    text_free(&b->why);
    text_free(&b->records);
}

static struct host *add(struct bed *b, const char *name, struct addr join)
{
    struct host *h = live_start(b->live, name, any_port, join, nowhere, NULL,
                                &b->settings, &b->why);
    if (h == NULL) {
        printf("# %s\n", b->why.data);
        abort();
    }
    return h;
}

/* Let the host work until nothing has happened for `quiet_ms`. */
static void run(struct bed *b, uint64_t quiet_ms)
{
    uint64_t steps = live_steps(b->live), since = live_now(b->live);

    while (live_now(b->live) - since < quiet_ms * 1000) {
        if (!live_poll(b->live, 1000, &b->why))
            abort();
        if (live_steps(b->live) != steps)
            since = live_now(b->live);
        steps = live_steps(b->live);
    }
}

static void tell(struct bed *b, struct host *h, const char *command)
{
    CHECK(live_command(b->live, h, command) != 0);
    run(b, 10);
}

static const char *log_of(const struct host *h)
{
    return toy_log[toy_log_of(h->addr)].data;
}

static void restart(struct bed *b, struct host *h)
{
    live_end(b->live, h);
    CHECK(live_begin(node_of(h), nowhere, nowhere, &b->why));
}

TEST(a_datagram_between_local_nodes_is_recorded_once_at_its_arrival)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    tell(&b, y, "send 10");
    tell(&b, y, "send 0");
    CHECK_TEXT(log_of(x), "start\ndatagram 10\ndatagram 0\n");
    CHECK_TEXT(b.records.data, "result 1 send 10 ok\ny>x 10\n"
                               "result 2 send 0 ok\ny>x 0\n");
    bed_end(&b);
}

TEST(a_datagram_to_another_process_is_recorded_when_it_leaves)
{
    struct bed b, other;

    bed_begin(&other);
    struct host *x = add(&other, "x", nowhere);
    bed_begin(&b);
    struct host *y = add(&b, "y", x->addr);
    tell(&b, y, "send 10");
    run(&other, 10);
    CHECK_TEXT(b.records.data, "result 1 send 10 ok\ny>? outgoing 10\n");
    CHECK_TEXT(other.records.data, "?>x 10\n");
    bed_end(&b);
    bed_end(&other);
}

TEST(a_datagram_to_a_killed_node_is_dropped)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    live_kill(b.live, x);
    tell(&b, y, "send 10");
    CHECK_TEXT(b.records.data,
               "result 1 send 10 ok\ny>x 10 dropped: x is down\n");
    CHECK(live_command(b.live, x, "count") == 0);
    restart(&b, x);
    tell(&b, y, "send 11");
    CHECK_TEXT(log_of(x), "start\nstart\ndatagram 11\n");
    bed_end(&b);
}

TEST(replaced_and_cancelled_timers_are_never_delivered)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere);
    live_command(b.live, x, "timer 1 20");
    live_command(b.live, x, "timer 2 25");
    live_command(b.live, x, "timer 3 1");
    live_command(b.live, x, "timer 1 30");
    live_command(b.live, x, "cancel 2");
    run(&b, 50);
    CHECK_TEXT(log_of(x), "start\ntimer 3\ntimer 1\n");
    bed_end(&b);
}

TEST(an_unanswered_command_fails_after_its_limit)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere);
    CHECK_U64(live_command(b.live, x, "silent"), 1);
    run(&b, 350);
    CHECK_TEXT(b.records.data, "result 1 silent no answer within 0.3 s\n");
    CHECK_U64(live_command(b.live, x, "silent"), 2);
    live_kill(b.live, x);
    CHECK_U64(b.failed, 2);
    bed_end(&b);
}

TEST(a_taken_port_is_refused_with_a_sentence)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere);
    struct addr taken = x->addr;
    CHECK(live_start(b.live, "y", taken, nowhere, nowhere, NULL, &b.settings,
                     &b.why) == NULL);
    CHECK(strstr(b.why.data, "cannot listen on 127.0.0.1:") != NULL);
    CHECK(strstr(b.why.data, "another program has this port") != NULL);
    CHECK_U64(live_network(b.live)->count, 1);
    bed_end(&b);
}

TEST(a_node_without_name_is_called_by_its_address)
{
    struct bed b;
    struct text t = text_new();

    bed_begin(&b);
    struct host *x = add(&b, NULL, nowhere);
    const struct network *n = live_network(b.live);
    addr_text(&t, x->addr);
    CHECK_TEXT(x->name, t.data);
    CHECK(n->by_name(n, t.data) == x);
    CHECK(n->by_addr(n, x->addr) == x);
    CHECK(n->by_name(n, "y") == NULL);
    text_free(&t);
    bed_end(&b);
}

TEST(a_polite_leave_writes_what_is_written_first)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    tell(&b, y, "connect");
    live_command(b.live, y, "fill 200");
    live_stop(b.live, y);
    CHECK(y->state == NODE_LEAVING);
    run(&b, 20);
    CHECK(y->state == NODE_DOWN);
    tell(&b, x, "count");
    /* The fill stopped at the high mark; what it wrote arrives whole. */
    CHECK(strstr(log_of(x), "accept\neof 0\ncounted ") != NULL);
    CHECK(strstr(log_of(x), " 0 bytes") == NULL);
    bed_end(&b);
}

static void read_one(void *context, int fd)
{
    char c;

    if (read(fd, &c, 1) == 1)
        *(char *)context = c;
}

TEST(a_pipe_and_a_file_can_be_watched)
{
    struct bed b;
    int fd[2], null = open("/dev/null", O_RDONLY);
    char seen = 0, other = 0;

    bed_begin(&b);
    CHECK(pipe(fd) == 0 && write(fd[1], "k", 1) == 1);
    live_watch(b.live, fd[0], read_one, &seen);
    live_watch(b.live, null, read_one, &other);
    live_poll(b.live, 1000, &b.why);
    CHECK_U64(seen, 'k');
    live_unwatch(b.live, null);
    live_unwatch(b.live, fd[0]);
    CHECK(write(fd[1], "l", 1) == 1);
    live_poll(b.live, 1000, &b.why);
    CHECK_U64(seen, 'k');
    bed_end(&b);
    close(fd[0]);
    close(fd[1]);
    close(null);
}

static struct sockaddr_in sockaddr_of(struct addr a)
{
    struct sockaddr_in s = {.sin_family = AF_INET, .sin_port = htons(a.port)};

    s.sin_addr.s_addr = htonl(a.ip);
    return s;
}

TEST(a_flood_of_datagrams_starves_no_timer)
{
    struct bed b;
    static uint8_t junk[1400];
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    bed_begin(&b);
    live_observe(b.live, NULL);
    struct host *x = add(&b, "x", nowhere);
    struct sockaddr_in to = sockaddr_of(x->addr);
    uint64_t end = live_now(b.live) + 200000, worst = 0;
    live_command(b.live, x, "timer 1 100");
    while (live_now(b.live) < end) {
        for (int i = 0; i < 200; i++)
            (void)sendto(fd, junk, sizeof junk, MSG_DONTWAIT, (void *)&to,
                         sizeof to);
        uint64_t steps = live_steps(b.live);
        live_poll(b.live, 0, &b.why);
        worst = live_steps(b.live) - steps > worst ? live_steps(b.live) - steps
                                                   : worst;
    }
    CHECK(worst >= 64 && worst <= 65); /* a burst, and the timer */
    CHECK(strstr(log_of(x), "timer 1") != NULL);
    CHECK(strstr(log_of(x), "datagram 1400") != NULL);
    close(fd);
    bed_end(&b);
}

TEST(garbage_without_end_is_reset_at_the_limit)
{
    struct bed b;
    static uint8_t junk[64 * 1024];
    struct host *x;
    size_t sent = 0;
    ssize_t n = 1;

    bed_begin(&b);
    x = add(&b, "x", nowhere);
    struct sockaddr_in to = sockaddr_of(x->addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    memset(junk, 0xff, sizeof junk); /* a message of 4 GiB */
    CHECK(connect(fd, (void *)&to, sizeof to) == 0);
    while (n > 0 && sent < (64u << 20)) {
        n = send(fd, junk, sizeof junk, MSG_NOSIGNAL | MSG_DONTWAIT);
        sent += n > 0 ? (size_t)n : 0;
        live_poll(b.live, 1000, &b.why);
    }
    CHECK(sent < (64u << 20));
    CHECK_TEXT(log_of(x), "start\naccept\nclosed reset; write: 0\n");
    close(fd);
    bed_end(&b);
}

TEST(streams_to_another_process_are_recorded_on_both_sides)
{
    struct bed b, other;

    bed_begin(&other);
    struct host *x = add(&other, "x", nowhere);
    live_command(other.live, x, "answer");
    bed_begin(&b);
    struct host *y = add(&b, "y", x->addr);
    live_command(b.live, y, "connect_write 10");
    for (int i = 0; i < 10; i++) {
        run(&b, 2);
        run(&other, 2);
    }
    CHECK_TEXT(b.records.data,
               "result 1 connect_write 10 ok\ny>? outgoing 10\n?>y 10\n");
    CHECK_TEXT(other.records.data,
               "result 1 answer ok\n?>x 10\nx>? outgoing 10\n");
    bed_end(&b);
    bed_end(&other);
}

TEST(a_peer_killed_before_it_reads_is_a_reset)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    tell(&b, y, "connect");
    live_command(b.live, y, "write 10");
    live_kill(b.live, x);
    run(&b, 20);
    CHECK_TEXT(log_of(y), "start\nopen\nwrite 10: 0\nclosed reset; write: 0\n");
    bed_end(&b);
}

TEST(a_vanished_peer_is_deaf_and_its_streams_stay_open)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    tell(&b, y, "connect");
    live_vanish(b.live, x);
    tell(&b, y, "write 10");
    tell(&b, y, "send 10");
    tell(&b, y, "connect"); /* neither opened nor refused */
    CHECK_TEXT(log_of(y), "start\nopen\nwrite 10: 0\n");
    CHECK_TEXT(log_of(x), "start\naccept\n");
    CHECK(strstr(b.records.data, "y>x 10 dropped: x is down") != NULL);
    restart(&b, x);
    tell(&b, y, "connect_write 20"); /* the old stream is reset meanwhile */
    CHECK(strstr(log_of(y), "closed reset") != NULL);
    CHECK(strstr(log_of(x), "start\naccept\nmessage 20\n") != NULL);
    bed_end(&b);
}

TEST(a_reader_that_never_reads_is_reset_at_the_limit)
{
    struct bed b;
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(bind(fd, (void *)&at, sizeof at) == 0 && listen(fd, 1) == 0 &&
          getsockname(fd, (void *)&at, &size) == 0);
    bed_begin(&b);
    struct addr join = {0x7f000001, ntohs(at.sin_port)};
    struct host *x = add(&b, "x", join);
    tell(&b, x, "connect");
    for (int i = 0; i < 1500; i++)
        live_command(b.live, x, "write3 60000");
    run(&b, 10);
    CHECK_TEXT(log_of(x), "start\nopen\nclosed reset; write: 0\n");
    close(fd);
    bed_end(&b);
}

/* Connections to a node, of a process that only sends `each` bytes. */
static void connect_many(struct bed *b, const struct host *x, int *fd,
                         size_t count, const void *each, size_t len)
{
    struct sockaddr_in to = sockaddr_of(x->addr);

    for (size_t i = 0; i < count; i++) {
        fd[i] = socket(AF_INET, SOCK_STREAM, 0);
        CHECK(fd[i] >= 0 && connect(fd[i], (void *)&to, sizeof to) == 0);
        if (len > 0)
            CHECK(send(fd[i], each, len, MSG_NOSIGNAL) == (ssize_t)len);
        if (i % 64 == 63)
            run(b, 2);
    }
    run(b, 20);
}

static size_t count_of(const char *text, const char *word)
{
    size_t count = 0;

    for (; (text = strstr(text, word)) != NULL; text++)
        count++;
    return count;
}

/* A file of blocks, byte i of which is i * 7 + i / 251. */
enum { BLOCKS = 100, BLOCK = 16384 };

static uint8_t byte_of_file(size_t i)
{
    return (uint8_t)(i * 7 + i / 251);
}

static void write_blocks(const char *path)
{
    FILE *f = fopen(path, "wb");

    CHECK(f != NULL);
    for (size_t i = 0; f != NULL && i < (size_t)BLOCKS * BLOCK; i++)
        CHECK(fputc(byte_of_file(i), f) != EOF);
    CHECK(f != NULL && fclose(f) == 0);
}

/* Most follow each other; every seventh does not. */
static size_t block_sent(size_t i)
{
    return i % 7 == 3 ? i * 31 % BLOCKS : i;
}

TEST(headers_and_blocks_of_a_file_arrive_in_their_order)
{
    static uint8_t came[BLOCKS * (1 + BLOCK)];
    char folder[] = "/tmp/live_test.XXXXXX", path[64];
    struct bed b;
    int fd, few = 65536;
    size_t len = 0;

    CHECK(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/data.bin", folder);
    write_blocks(path);
    bed_begin(&b);
    CHECK(live_folder(b.live, folder, &b.why));
    struct host *x = add(&b, "x", nowhere);
    connect_many(&b, x, &fd, 1, "", 0);
    CHECK(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &few, sizeof few) == 0);
    struct conn *c = NULL;
    for (size_t i = 0; i < b.live->conn_cap && c == NULL; i++)
        c = b.live->conn[i];
    CHECK(c != NULL);
    if (c == NULL)
        return;
    CHECK(setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &few, sizeof few) == 0);
    conn_cork(c);
    for (size_t i = 0; i < BLOCKS; i++) {
        uint8_t head = (uint8_t)i;
        host_write(x, c->id, &head, 1);
        (void)host_write_content(x, c->id, 0, block_sent(i) * BLOCK, BLOCK);
    }
    conn_uncork(c);
    CHECK(conn_unsent(c) > 0); /* more than the system takes at once */
    for (int i = 0; i < 20000 && len < sizeof came; i++) {
        ssize_t n = recv(fd, came + len, 5000, MSG_DONTWAIT);
        len += n > 0 ? (size_t)n : 0;
        if (n <= 0)
            (void)live_poll(b.live, 1000, &b.why);
    }
    CHECK_U64(len, sizeof came);
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof came; i++) {
        size_t block = i / (1 + BLOCK), at = i % (1 + BLOCK);
        wrong += came[i] !=
                 (at == 0 ? block
                          : byte_of_file(block_sent(block) * BLOCK + at - 1));
    }
    CHECK_U64(wrong, 0);
    close(fd);
    bed_end(&b);
    snprintf(path, sizeof path, "rm -r %s", folder);
    CHECK(system(path) == 0);
}

/* Half a message each, and never more: that is all that they cost, and who
   calls behind them is served. */
TEST(thousands_of_half_open_streams_take_their_bytes_and_no_more)
{
    enum { MANY = 2000 };
    static int fd[MANY];
    struct bed b;

    bed_begin(&b);
    live_observe(b.live, NULL);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    connect_many(&b, x, fd, MANY, "\0\0\0\11half", 8);
    CHECK(count_of(log_of(x), "accept") == MANY);
    tell(&b, x, "answer");
    tell(&b, y, "connect_write 10");
    CHECK_TEXT(log_of(y), "start\nopen\nmessage 10\n");
    CHECK(node_of(x)->held_bytes == 8 * (size_t)MANY);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    run(&b, 20);
    CHECK(count_of(log_of(x), "eof 8") == MANY);
    CHECK(node_of(x)->held_bytes == 0);
    bed_end(&b);
}

/* Nearly a mebibyte unconsumed each: the node's limit comes first, and hits
   only who holds more than a share of it. */
TEST(many_that_hold_much_are_reset_and_who_holds_little_is_not)
{
    enum { MANY = 300, PART = 1000 * 1000 };
    static int fd[MANY], modest;
    static uint8_t junk[PART];
    struct bed b;

    bed_begin(&b);
    live_observe(b.live, NULL);
    struct host *x = add(&b, "x", nowhere);
    connect_many(&b, x, &modest, 1, "\0\0\0\11half", 8);
    memset(junk, 0xff, sizeof junk); /* a message of 4 GiB */
    connect_many(&b, x, fd, MANY, NULL, 0);
    for (int i = 0; i < MANY; i++) {
        size_t sent = 0;
        ssize_t n = 1;
        while (sent < PART && (n > 0 || errno == EAGAIN)) {
            n = send(fd[i], junk + sent, PART - sent,
                     MSG_NOSIGNAL | MSG_DONTWAIT);
            sent += n > 0 ? (size_t)n : 0;
            live_poll(b.live, 0, &b.why);
        }
    }
    run(&b, 20);
    CHECK(node_of(x)->held_bytes <= HELD_PER_NODE_MAX + SCRATCH_BYTES);
    size_t resets = count_of(log_of(x), "closed reset");
    CHECK(resets > 0 && resets < MANY / 4);
    CHECK(send(modest, "of it", 5, MSG_NOSIGNAL) == 5);
    run(&b, 20);
    CHECK(strstr(log_of(x), "message 13") != NULL);
    for (int i = 0; i < MANY; i++)
        close(fd[i]);
    close(modest);
    bed_end(&b);
}

TEST(streams_between_local_nodes_are_recorded_once_by_name)
{
    struct bed b;

    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", x->addr);
    tell(&b, x, "answer");
    tell(&b, y, "connect_write 10");
    tell(&b, y, "write3 20");
    CHECK_TEXT(b.records.data,
               "result 1 answer ok\nresult 2 connect_write 10 ok\n"
               "y>x 10\nx>y 10\nresult 3 write3 20 ok\n"
               "y>x 20\ny>x 20\ny>x 20\nx>y 20\nx>y 20\nx>y 20\n");
    bed_end(&b);
}

/* A sanitizer's malloc gives up where the system's returns NULL. */
#if defined(__SANITIZE_ADDRESS__)
#define OWN_MALLOC 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define OWN_MALLOC 1
#endif
#endif
#ifndef OWN_MALLOC
#define OWN_MALLOC 0
#endif

/* Ask for hashes while malloc has nothing left to give. */
static void hash_without_memory(struct host *h, int content)
{
    struct rlimit old, none;
    struct hog {
        struct hog *next;
        char more[32];
    } *hogs = NULL, *one;

    CHECK(getrlimit(RLIMIT_AS, &old) == 0);
    none = (struct rlimit){.rlim_cur = 1, .rlim_max = old.rlim_max};
    CHECK(setrlimit(RLIMIT_AS, &none) == 0);
    while ((one = malloc(sizeof *one)) != NULL) {
        one->next = hogs;
        hogs = one;
    }
    for (uint32_t tag = 1; tag <= 3; tag++)
        host_content_hash(h, content, 0, 1000, CONTENT_SHA1, tag);
    while ((one = hogs) != NULL) {
        hogs = one->next;
        free(one);
    }
    CHECK(setrlimit(RLIMIT_AS, &old) == 0);
}

TEST(a_hash_for_which_there_is_no_memory_is_answered_without_a_digest)
{
    static const struct share song = {
        .name = "song", .bytes = 1000, .to = 1000};
    struct bed b;

    if (OWN_MALLOC)
        return;
    bed_begin(&b);
    struct host *x = add(&b, "x", nowhere), *y = add(&b, "y", nowhere);
    CHECK(live_share(node_of(x), &song, 1) && live_share(node_of(y), &song, 1));
    hash_without_memory(y, 0);
    hash_without_memory(x, 0);
    live_kill(b.live, y);
    run(&b, 10);
    CHECK_U64(count_of(log_of(x), " (0 bytes)"), 3);
    host_content_hash(x, 0, 0, 1000, CONTENT_SHA1, 4);
    run(&b, 10);
    CHECK_U64(count_of(log_of(x), "hashed 0, tag "), 4);
    CHECK_U64(count_of(log_of(x), " (0 bytes)"), 3);
    bed_end(&b);
}

int main(void)
{
    RUN(a_datagram_between_local_nodes_is_recorded_once_at_its_arrival);
    RUN(a_datagram_to_another_process_is_recorded_when_it_leaves);
    RUN(a_datagram_to_a_killed_node_is_dropped);
    RUN(replaced_and_cancelled_timers_are_never_delivered);
    RUN(an_unanswered_command_fails_after_its_limit);
    RUN(a_taken_port_is_refused_with_a_sentence);
    RUN(a_node_without_name_is_called_by_its_address);
    RUN(a_polite_leave_writes_what_is_written_first);
    RUN(a_pipe_and_a_file_can_be_watched);
    RUN(a_flood_of_datagrams_starves_no_timer);
    RUN(garbage_without_end_is_reset_at_the_limit);
    RUN(streams_to_another_process_are_recorded_on_both_sides);
    RUN(a_peer_killed_before_it_reads_is_a_reset);
    RUN(a_vanished_peer_is_deaf_and_its_streams_stay_open);
    RUN(a_reader_that_never_reads_is_reset_at_the_limit);
    RUN(headers_and_blocks_of_a_file_arrive_in_their_order);
    RUN(thousands_of_half_open_streams_take_their_bytes_and_no_more);
    RUN(many_that_hold_much_are_reset_and_who_holds_little_is_not);
    RUN(streams_between_local_nodes_are_recorded_once_by_name);
    RUN(a_hash_for_which_there_is_no_memory_is_answered_without_a_digest);
    return test_end();
}
