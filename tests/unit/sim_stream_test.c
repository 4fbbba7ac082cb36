/* Streams in the simulator: every rule of node.h, and fair shares. */
#include "common/sim.h"
#include "tests/unit/babbler.h"
#include "tests/unit/test.h"

/* A network of nodes that do nothing by themselves. */
struct world {
    struct scenario *scenario;
    struct sim *sim;
    struct host *a, *b;
    conn_id to_b, to_a; /* the two ends of a stream, once open */
};

static struct host *host(struct sim *sim, const char *name)
{
    return sim_network(sim)->by_name(sim_network(sim), name);
}

static struct world world_with(const char *quantum, const char *lines)
{
    struct world w = {.scenario = NULL};
    struct text why = text_new(), text = text_new();

    babbler_reset();
    text_printf(&text,
                "seed 5\nlatency 10ms\nset quantum %s\n"
                "node a\nnode b\nnode c\n%s\nrun until 1h\n",
                quantum, lines);
    w.scenario =
        scenario_parse("test.scn", text.data, &babbler_protocol, NULL, &why);
    w.sim = w.scenario != NULL ? sim_new(w.scenario, &why) : NULL;
    if (w.sim == NULL) {
        printf("# %s\n", why.data);
        exit(1);
    }
    sim_run_to(w.sim, 0);
    w.a = host(w.sim, "a");
    w.b = host(w.sim, "b");
    text_clear(&babbler.log);
    text_free(&text);
    text_free(&why);
    return w;
}

static struct world world_new(const char *lines)
{
    return world_with("16KiB", lines);
}

static void world_free(struct world *w)
{
    sim_free(w->sim);
    scenario_free(w->scenario);
}

static void pass(struct world *w, uint64_t us)
{
    sim_run_to(w->sim, sim_now(w->sim) + us);
}

/* Open a stream from `a` to `b`. */
static void open_stream(struct world *w)
{
    w->to_b = host_connect(w->a, w->b->addr);
    pass(w, 15000);
    w->to_a = babbler.last_conn;
    pass(w, 15000);
    CHECK_TEXT(babbler.log.data, "b accept\na open\n");
    CHECK(babbler.last_conn == w->to_b);
    text_clear(&babbler.log);
}

/* Write a message whose first byte says how long it is. */
static size_t say(struct host *h, conn_id conn, const char *text)
{
    uint8_t m[200];
    size_t len = strlen(text);

    m[0] = (uint8_t)(len + 1);
    memcpy(m + 1, text, len);
    return host_write(h, conn, m, len + 1);
}

TEST(a_stream_opens_carries_both_ways_and_closes)
{
    struct world w = world_new("");

    open_stream(&w);
    CHECK_U64(say(w.a, w.to_b, "hello"), 0);
    say(w.a, w.to_b, "world");
    say(w.b, w.to_a, "salve");
    pass(&w, 30000);
    CHECK_TEXT(babbler.log.data,
               "b message hello\nb message world\na message salve\n");
    text_clear(&babbler.log);
    host_finish(w.a, w.to_b);
    CHECK_U64(say(w.a, w.to_b, "too late"), 0);
    pass(&w, 30000);
    CHECK_TEXT(babbler.log.data, "b eof 0\n");
    say(w.b, w.to_a, "half-closed is not closed");
    host_finish(w.b, w.to_a);
    pass(&w, 30000);
    CHECK_TEXT(babbler.log.data,
               "b eof 0\nb closed done\n"
               "a message half-closed is not closed\na eof 0\n"
               "a closed done\n");
    world_free(&w);
}

TEST(quantum_1_delivers_byte_by_byte_and_the_same_messages)
{
    struct world w = world_with("1", "");

    open_stream(&w);
    say(w.a, w.to_b, "hello");
    uint64_t steps = sim_steps(w.sim);
    say(w.a, w.to_b, "world");
    host_finish(w.a, w.to_b);
    pass(&w, 30000);
    CHECK_TEXT(babbler.log.data, "b message hello\nb message world\nb eof 0\n");
    CHECK_U64(sim_steps(w.sim) - steps, 13); /* a step a byte, and EOF */
    world_free(&w);
}

TEST(what_follows_in_the_same_bytes_is_offered_at_once)
{
    struct world w = world_new("bandwidth up 100kB/s");

    open_stream(&w);
    for (int i = 0; i < 20; i++)
        say(w.a, w.to_b, "x"); /* the first occupies the line */
    pass(&w, 10100);
    CHECK_TEXT(babbler.log.data, "b message x\n");
    uint64_t steps = sim_steps(w.sim);
    CHECK(sim_step(w.sim));
    uint64_t now = sim_now(w.sim);
    for (int i = 0; i < 18; i++)
        CHECK(sim_step(w.sim));
    CHECK_U64(sim_now(w.sim), now);
    CHECK_U64(sim_steps(w.sim), steps + 19);
    world_free(&w);
}

TEST(eof_comes_after_one_more_offer_and_says_what_is_left)
{
    struct world w = world_new("");
    uint8_t part[3] = {9, 'a', 'b'};

    open_stream(&w);
    host_write(w.a, w.to_b, part, sizeof part);
    host_finish(w.a, w.to_b);
    pass(&w, 30000);
    CHECK_TEXT(babbler.log.data, "b eof 3\n");
    world_free(&w);
}

TEST(abort_resets_the_peer_and_silences_the_caller)
{
    struct world w = world_new("");

    open_stream(&w);
    say(w.a, w.to_b, "first");
    host_abort(w.a, w.to_b);
    say(w.b, w.to_a, "into the void");
    pass(&w, 100000);
    CHECK_TEXT(babbler.log.data, "b message first\nb closed reset\n");
    CHECK_U64(say(w.b, w.to_a, "x"), 0);
    world_free(&w);
}

TEST(abort_before_the_stream_is_open)
{
    struct world w = world_new("");
    conn_id c = host_connect(w.a, w.b->addr);

    host_abort(w.a, c);
    pass(&w, 100000);
    CHECK_TEXT(babbler.log.data, "");
    c = host_connect(w.a, w.b->addr);
    pass(&w, 15000);
    host_abort(w.a, c);
    pass(&w, 100000);
    CHECK_TEXT(babbler.log.data, "b accept\nb closed reset\n");
    world_free(&w);
}

TEST(who_is_dead_or_nobody_refuses_after_a_round_trip)
{
    struct world w = world_new("at 1s crash b");

    pass(&w, 1000000);
    host_connect(w.a, w.b->addr);
    host_connect(w.a, (struct addr){.ip = 0x0a0a0a0a, .port = 7000});
    pass(&w, 19000);
    CHECK_TEXT(babbler.log.data, "");
    pass(&w, 1000);
    CHECK_TEXT(babbler.log.data, "a closed refused\na closed refused\n");
    world_free(&w);
}

TEST(who_has_vanished_is_given_up_after_a_minute)
{
    struct world w = world_new("at 1s vanish b");

    open_stream(&w);
    sim_run_to(w.sim, 1000000);
    host_connect(w.a, w.b->addr);
    say(w.a, w.to_b, "anybody there?");
    pass(&w, 59999000);
    CHECK_TEXT(babbler.log.data, "");
    pass(&w, 1000);
    CHECK_TEXT(babbler.log.data, "a closed timeout\na closed timeout\n");
    world_free(&w);
}

TEST(who_vanished_and_is_back_knows_no_old_streams)
{
    struct world w = world_new("at 1s vanish b\nat 2s restart b");

    open_stream(&w);
    sim_run_to(w.sim, 3000000);
    CHECK_TEXT(babbler.log.data, "b start\n");
    say(w.a, w.to_b, "remember me?");
    pass(&w, 20000);
    CHECK_TEXT(babbler.log.data, "b start\na closed reset\n");
    world_free(&w);
}

TEST(kill_gives_the_peer_eof_and_reset_when_it_writes)
{
    struct world w = world_new("at 1s crash b");

    open_stream(&w);
    sim_run_to(w.sim, 1009000);
    CHECK_TEXT(babbler.log.data, "");
    pass(&w, 1000);
    CHECK_TEXT(babbler.log.data, "a eof 0\n");
    say(w.a, w.to_b, "still there?");
    pass(&w, 19000);
    CHECK_TEXT(babbler.log.data, "a eof 0\n");
    pass(&w, 1000);
    CHECK_TEXT(babbler.log.data, "a eof 0\na closed reset\n");
    world_free(&w);
}

TEST(kill_with_unread_bytes_resets_the_peer)
{
    struct world w = world_new("at 1s crash b");
    uint8_t part[2] = {9, 'a'};

    open_stream(&w);
    host_write(w.a, w.to_b, part, sizeof part);
    sim_run_to(w.sim, 1010000);
    CHECK_TEXT(babbler.log.data, "a closed reset\n");
    world_free(&w);
}

TEST(who_leaves_delivers_what_it_has_written)
{
    struct world w = world_new("bandwidth up 100kB/s\n"
                               "at 1s leave b");
    static uint8_t bulk[60000];

    open_stream(&w);
    babbler.reading = READ_ALL;
    sim_run_to(w.sim, 1000000);
    CHECK_TEXT(babbler.log.data, "b stop\n");
    for (int i = 0; i < 10; i++) /* 6 s of its line, and it has 5 */
        host_write(w.b, w.to_a, bulk, sizeof bulk);
    sim_run_to(w.sim, 6500000);
    CHECK(w.b->state == NODE_DOWN);
    CHECK(babbler.bytes_read < 600000);
    sim_run_to(w.sim, 8000000);
    CHECK_U64(babbler.bytes_read, 600000);
    CHECK_TEXT(babbler.log.data, "b stop\na eof 0\n");
    world_free(&w);
}

TEST(room_comes_once_when_the_backlog_has_gone)
{
    struct world w = world_new("bandwidth up 1MB/s");
    static uint8_t bulk[60000];

    open_stream(&w);
    babbler.reading = READ_ALL;
    for (int i = 0; i < 4; i++)
        CHECK(host_write(w.a, w.to_b, bulk, sizeof bulk) < BACKLOG_HIGH);
    CHECK(host_write(w.a, w.to_b, bulk, sizeof bulk) >= BACKLOG_HIGH);
    pass(&w, 3000000);
    CHECK_TEXT(babbler.log.data, "a room\n");
    CHECK_U64(babbler.bytes_read, 300000);
    text_clear(&babbler.log);
    host_write(w.a, w.to_b, bulk, sizeof bulk);
    pass(&w, 3000000);
    CHECK_TEXT(babbler.log.data, "");
    world_free(&w);
}

TEST(over_a_mebibyte_unconsumed_is_reset)
{
    struct world w = world_new("");
    static uint8_t bulk[60000];

    open_stream(&w);
    babbler.reading = READ_NOTHING;
    for (int i = 0; i < 17; i++)
        host_write(w.a, w.to_b, bulk, sizeof bulk);
    pass(&w, 3000000);
    CHECK_TEXT(babbler.log.data, "a room\n");
    host_write(w.a, w.to_b, bulk, sizeof bulk);
    pass(&w, 3000000);
    CHECK_TEXT(babbler.log.data, "a room\nb closed reset\na closed reset\n");
    world_free(&w);
}

TEST(a_stream_waits_for_a_partition_to_heal)
{
    struct world w = world_new("at 1s partition a | b\nat 30s heal\n"
                               "at 40s partition a | b");

    open_stream(&w);
    sim_run_to(w.sim, 1000000);
    say(w.a, w.to_b, "one");
    say(w.a, w.to_b, "two");
    sim_run_to(w.sim, 30009000);
    CHECK_TEXT(babbler.log.data, "");
    say(w.a, w.to_b, "three");
    sim_run_to(w.sim, 30030000);
    CHECK_TEXT(babbler.log.data,
               "b message one\nb message two\nb message three\n");
    text_clear(&babbler.log);
    sim_run_to(w.sim, 50000000);
    say(w.a, w.to_b, "four");
    host_connect(w.a, w.b->addr);
    sim_run_to(w.sim, 109000000);
    CHECK_TEXT(babbler.log.data, "");
    sim_run_to(w.sim, 110020000);
    CHECK_TEXT(babbler.log.data,
               "a closed timeout\na closed timeout\nb closed timeout\n");
    world_free(&w);
}

/* -- Records -------------------------------------------------------------------- */

static struct text seen;

static void see(void *context, const struct record *r)
{
    (void)context;
    if (r->kind == RECORD_STREAM)
        text_printf(&seen, "%s@%s ", r->text, r->to.name);
    if (r->kind == RECORD_NOTE)
        text_printf(&seen, "%s ", r->text);
    if (r->kind != RECORD_MESSAGE)
        return;
    text_printf(&seen, "%s>%s:", r->from.name, r->to.name);
    text_safe(&seen, (const char *)r->data, r->len);
    if (r->wire != NULL) {
        text_char(&seen, '/');
        text_safe(&seen, (const char *)r->wire, r->wire_len);
    }
    text_printf(&seen, "%s%s%s ", r->framing.from_opener ? "" : "(answer)",
                r->why != NULL ? "!" : "", r->why != NULL ? r->why : "");
}

static const struct observer observer = {.record = see};

TEST(a_record_holds_one_message_whatever_the_segments)
{
    struct world w = world_with("3", "");

    seen = text_new();
    sim_observe(w.sim, &observer);
    open_stream(&w);
    host_phase(w.a, w.to_b, PHASE_BULK);
    host_write(w.a, w.to_b, "\5fore", 5);
    host_write_coded(w.a, w.to_b, "\7masked", 7, "plain", 5);
    host_write(w.b, w.to_a, "\5back", 5);
    pass(&w, 30000);
    host_write(w.a, w.to_b, "\11half", 5); /* offered, and refused */
    pass(&w, 30000);
    host_write(w.a, w.to_b, "\5gone", 5);
    host_abort(w.b, w.to_a);
    pass(&w, 30000);
    CHECK_TEXT(seen.data,
               "accept@b open@a reads a>b:.fore reads reads reads "
               "a>b:plain/.masked reads reads b>a:.back(answer) reads "
               "reads a>b:.half reads reset@a a>b:.gone!stream reset ");
    text_free(&seen);
    world_free(&w);
}

/* -- By hand ----------------------------------------------------------------------- */

/* Streams of three messages, with a line `at step 6`, just after the stream
   is open (3 starts, accept, open). */
static void by_hand(const char *line, const char *log)
{
    struct world w = world_new(line);

    open_stream(&w);
    say(w.a, w.to_b, "one");
    say(w.a, w.to_b, "two");
    say(w.a, w.to_b, "three");
    sim_run_to(w.sim, 100000);
    CHECK_TEXT(babbler.log.data, log);
    world_free(&w);
}

TEST(a_message_on_a_stream_can_be_dropped_delayed_and_hurried)
{
    by_hand("", "b message one\nb message two\nb message three\n");
    by_hand("at step 6 drop a b 2", "b message one\nb message three\n");
    by_hand("at step 6 deliver a b 3",
            "b message one\nb message two\nb message three\n");
    by_hand("at step 6 delay a b 2 2s", "b message one\n");
}

TEST(hurrying_a_message_brings_what_must_come_before_it)
{
    struct world w = world_new("at step 6 deliver a b 2");

    open_stream(&w);
    uint64_t now = sim_now(w.sim);
    say(w.a, w.to_b, "one");
    say(w.a, w.to_b, "two");
    say(w.a, w.to_b, "three");
    CHECK(sim_step(w.sim));
    CHECK(sim_step(w.sim));
    CHECK_U64(sim_now(w.sim), now);
    CHECK_TEXT(babbler.log.data, "b message one\nb message two\n");
    world_free(&w);
}

TEST(a_coded_stream_breaks_when_a_message_is_dropped)
{
    struct world w = world_new("at step 6 drop a b 1");

    open_stream(&w);
    host_write_coded(w.a, w.to_b, "\7masked", 7, "plain", 5);
    pass(&w, 100000);
    CHECK_TEXT(babbler.log.data, "a closed reset\nb closed reset\n");
    world_free(&w);
}

/* -- Bandwidth ----------------------------------------------------------------------- */

/* Keep a stream full for 20 s; bytes a second that its reader got. */
TEST(a_full_uplink_is_shared_fairly)
{
    struct world w = world_new("node s up=1000kB/s\nnode x\nnode y\n"
                               "node z down=100kB/s");
    struct host *s = host(w.sim, "s");
    const char *const names[] = {"x", "y", "z"};
    static uint8_t bulk[MESSAGE_BYTES_MAX];
    conn_id conn[3];
    uint64_t written[3] = {0}, rate[3];

    babbler.reading = READ_ALL;
    for (int i = 0; i < 3; i++)
        conn[i] = host_connect(s, host(w.sim, names[i])->addr);
    pass(&w, 100000);
    uint64_t end = sim_now(w.sim) + 20000000;
    size_t backlog[3] = {0};
    while (sim_now(w.sim) < end) {
        for (int i = 0; i < 3; i++) {
            do {
                backlog[i] = host_write(s, conn[i], bulk, sizeof bulk);
                written[i] += sizeof bulk;
            } while (backlog[i] < BACKLOG_HIGH);
        }
        pass(&w, 50000);
    }
    for (int i = 0; i < 3; i++) {
        rate[i] = (written[i] - backlog[i]) / 20000;
        printf("# %s gets %" PRIu64 " kB/s\n", names[i], rate[i]);
    }
    CHECK(rate[2] >= 95 && rate[2] <= 105);
    CHECK(rate[0] + rate[1] + rate[2] >= 940);
    CHECK(rate[0] + rate[1] + rate[2] <= 1005);
    CHECK(rate[0] - rate[1] + 5 <= 10);
    world_free(&w);
}

TEST(a_downlink_is_shared_too)
{
    struct world w = world_new("node d down=200kB/s\nnode x\nnode y");
    static uint8_t bulk[MESSAGE_BYTES_MAX];
    struct host *d = host(w.sim, "d");
    uint64_t began;

    babbler.reading = READ_ALL;
    conn_id x = host_connect(host(w.sim, "x"), d->addr);
    conn_id y = host_connect(host(w.sim, "y"), d->addr);
    pass(&w, 100000);
    began = sim_now(w.sim);
    for (int i = 0; i < 16; i++) {
        host_write(host(w.sim, "x"), x, bulk, sizeof bulk);
        host_write(host(w.sim, "y"), y, bulk, sizeof bulk);
    }
    while (babbler.bytes_read < 32 * sizeof bulk && sim_step(w.sim))
        ;
    uint64_t took = (sim_now(w.sim) - began) / 1000; /* ms for 2 MiB */
    CHECK(took >= 10486 && took < 10700);
    world_free(&w);
}

TEST(closed_streams_leave_nothing_behind)
{
    struct world w = world_new("");
    size_t used = 0;

    for (int i = 0; i < 2000; i++) {
        conn_id c = host_connect(w.a, w.b->addr);
        pass(&w, 30000);
        say(w.a, c, "hello");
        host_finish(w.a, c);
        pass(&w, 30000);
        host_finish(w.b, c + 1);
        pass(&w, 100000);
        if (i == 1000)
            used = sim_size(w.sim);
    }
    CHECK_U64(sim_size(w.sim), used);
    world_free(&w);
}

int main(void)
{
    RUN(a_stream_opens_carries_both_ways_and_closes);
    RUN(quantum_1_delivers_byte_by_byte_and_the_same_messages);
    RUN(what_follows_in_the_same_bytes_is_offered_at_once);
    RUN(eof_comes_after_one_more_offer_and_says_what_is_left);
    RUN(abort_resets_the_peer_and_silences_the_caller);
    RUN(abort_before_the_stream_is_open);
    RUN(who_is_dead_or_nobody_refuses_after_a_round_trip);
    RUN(who_has_vanished_is_given_up_after_a_minute);
    RUN(who_vanished_and_is_back_knows_no_old_streams);
    RUN(kill_gives_the_peer_eof_and_reset_when_it_writes);
    RUN(kill_with_unread_bytes_resets_the_peer);
    RUN(who_leaves_delivers_what_it_has_written);
    RUN(room_comes_once_when_the_backlog_has_gone);
    RUN(over_a_mebibyte_unconsumed_is_reset);
    RUN(a_stream_waits_for_a_partition_to_heal);
    RUN(a_record_holds_one_message_whatever_the_segments);
    RUN(a_message_on_a_stream_can_be_dropped_delayed_and_hurried);
    RUN(hurrying_a_message_brings_what_must_come_before_it);
    RUN(a_coded_stream_breaks_when_a_message_is_dropped);
    RUN(a_full_uplink_is_shared_fairly);
    RUN(a_downlink_is_shared_too);
    RUN(closed_streams_leave_nothing_behind);
    return test_end();
}
