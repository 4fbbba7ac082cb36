/* The simulator: order, determinism, checkpoints, faults, commands, quiet. */
#include "common/arena.h"
#include "common/sim.h"
#include "tests/unit/babbler.h"
#include "tests/unit/test.h"

/* -- Helpers --------------------------------------------------------------------- */

static struct scenario *scenario;
static struct text seen; /* what was observed */

static void see(void *context, const struct record *r)
{
    const char *to = r->to.name != NULL ? r->to.name : "?";

    (void)context;
    switch (r->kind) {
    case RECORD_MESSAGE:
        text_printf(&seen, "%llu %s>%s", (unsigned long long)r->time_us,
                    r->from.name, to);
        if (r->why != NULL)
            text_printf(&seen, "!%s", r->why);
        break;
    case RECORD_RESULT:
        text_printf(&seen, "%s %s: %s", to, r->text, r->ok ? "ok" : "failed");
        break;
    case RECORD_NOTE:
    case RECORD_FAULT:
        text_add(&seen, r->text);
        break;
    case RECORD_TIMER:
        text_printf(&seen, "%llu %s %s", (unsigned long long)r->time_us, to,
                    r->text);
        break;
    case RECORD_START:
    case RECORD_COMMAND:
    case RECORD_STREAM:
        return;
    }
    text_char(&seen, '\n');
}

static const struct observer observer = {.record = see};

static struct sim *begin(const char *text)
{
    struct text why = text_new();

    babbler_reset();
    scenario = scenario_parse("test.scn", text, &babbler_protocol, NULL, &why);
    struct sim *sim = scenario != NULL ? sim_new(scenario, &why) : NULL;
    if (sim == NULL) {
        printf("# %s\n", why.data);
        exit(1);
    }
    seen = text_new();
    text_free(&why);
    return sim;
}

static void end(struct sim *sim)
{
    sim_free(sim);
    scenario_free(scenario);
    text_free(&seen);
}

static struct host *host(struct sim *sim, const char *name)
{
    return sim_network(sim)->by_name(sim_network(sim), name);
}

static void send(struct sim *sim, const char *from, const char *to,
                 const char *text)
{
    host_send(host(sim, from), host(sim, to)->addr, text, strlen(text));
}

/* A run of many gossiping nodes with all sorts of weather. */
static const char *const stormy = "seed 11\n"
                                  "loss 5%\nduplicate 3%\nreorder 5%\n"
                                  "jitter 3ms\n"
                                  "node n1\n"
                                  "nodes 20 prefix=p every 20ms\n"
                                  "at 2s churn join 2/s fail 2/s for 10s\n"
                                  "at 4s partition p1,p2,p3 | p4,p5\n"
                                  "at 6s heal\n"
                                  "at 7s n1 chain 3\n"
                                  "run until 15s\n";

static uint64_t hash_of(const char *text, bool observed)
{
    struct sim *sim = begin(text);

    babbler.gossip = true;
    sim_observe(sim, observed ? &observer : NULL);
    sim_run(sim);
    uint64_t hash = sim_hash(sim);
    end(sim);
    return hash;
}

/* -- Order ----------------------------------------------------------------------- */

TEST(equal_times_go_in_order_of_cause)
{
    struct sim *sim = begin("latency 10ms\nnode a\nnode b\nrun until 1s\n");

    sim_run_to(sim, 0);
    text_clear(&babbler.log);
    for (int i = 0; i < 9; i++)
        send(sim, "a", "b", (const char[]){(char)('1' + i), '\0'});
    host_timer(host(sim, "b"), 0, 10000);
    send(sim, "a", "b", "last");
    sim_run(sim);
    CHECK_TEXT(babbler.log.data,
               "b datagram 1\nb datagram 2\nb datagram 3\nb datagram 4\n"
               "b datagram 5\nb datagram 6\nb datagram 7\nb datagram 8\n"
               "b datagram 9\nb tick\nb datagram last\n");
    CHECK_U64(sim_now(sim), 1000000);
    end(sim);
}

TEST(times_never_run_backwards_in_a_storm)
{
    struct sim *sim = begin(stormy);
    uint64_t last = 0;

    babbler.gossip = true;
    while (sim_step(sim)) {
        if (sim_now(sim) < last)
            CHECK(sim_now(sim) >= last);
        last = sim_now(sim);
    }
    CHECK_U64(sim_now(sim), 15000000);
    CHECK_U64(sim_next_time(sim), NEVER);
    end(sim);
}

TEST(a_replaced_or_cancelled_timer_never_fires)
{
    struct sim *sim = begin("node a\nrun until 10s\n");

    sim_run_to(sim, 0);
    sim_observe(sim, &observer);
    uint64_t steps = sim_steps(sim);
    host_timer(host(sim, "a"), 0, 1000000);
    host_timer(host(sim, "a"), 0, 2000000);
    host_timer(host(sim, "a"), 1, 500000);
    CHECK_U64(sim_timer_due(sim, host(sim, "a"), 1), 500000);
    host_timer_cancel(host(sim, "a"), 1);
    CHECK_U64(sim_timer_due(sim, host(sim, "a"), 0), 2000000);
    CHECK_U64(sim_timer_due(sim, host(sim, "a"), 1), NEVER);
    sim_run(sim);
    CHECK_TEXT(seen.data, "2000000 a tick\n");
    CHECK_U64(sim_steps(sim) - steps, 1);
    end(sim);
}

/* -- Determinism ------------------------------------------------------------------- */

TEST(the_same_seed_gives_the_same_hash_observed_or_not)
{
    uint64_t hash = hash_of(stormy, false);
    char other[512];

    CHECK(hash_of(stormy, false) == hash);
    CHECK(hash_of(stormy, true) == hash);
    snprintf(other, sizeof other, "seed 12\n%s", stormy + 8);
    CHECK(hash_of(other, false) != hash);
    /* One hash for all compilers and machines. */
    CHECK(hash == UINT64_C(0x0c99218355867498));
}

TEST(a_restored_checkpoint_goes_on_as_before)
{
    uint64_t whole = hash_of(stormy, false);
    struct sim *sim = begin(stormy);

    babbler.gossip = true;
    for (int at = 0; at < 4; at++) {
        sim_run_to(sim, sim_now(sim) + 2100000);
        uint64_t steps = sim_steps(sim), hash = sim_hash(sim);
        size_t bytes = sim_size(sim);
        void *checkpoint = malloc(bytes);
        sim_save(sim, checkpoint);
        for (int i = 0; i < 1500; i++)
            sim_step(sim);
        uint64_t later = sim_hash(sim);
        sim_restore(sim, checkpoint, bytes);
        CHECK(sim_hash(sim) == hash && sim_steps(sim) == steps);
        for (int i = 0; i < 1500; i++)
            sim_step(sim);
        CHECK(sim_hash(sim) == later);
        sim_restore(sim, checkpoint, bytes);
        free(checkpoint);
    }
    sim_run(sim);
    CHECK(sim_hash(sim) == whole);
    end(sim);
}

TEST(one_more_draw_in_a_node_changes_no_other)
{
    struct sim *sim = begin("node a\nnode b\nrun until 1s\n");

    sim_run_to(sim, 0);
    uint64_t first = host_random(host(sim, "b"));
    end(sim);
    sim = begin("node a\nnode b\nrun until 1s\n");
    sim_run_to(sim, 0);
    (void)host_random(host(sim, "a"));
    CHECK(host_random(host(sim, "b")) == first);
    CHECK(host_random(host(sim, "b")) != first);
    end(sim);
}

/* -- The network -------------------------------------------------------------------- */

TEST(latency_is_of_the_pair_and_symmetric)
{
    struct sim *sim = begin("seed 3\nlatency 10ms..80ms\nnode a\nnode b\n"
                            "node c\nrun until 1s\n");

    sim_run_to(sim, 0);
    sim_observe(sim, &observer);
    send(sim, "a", "b", "x");
    send(sim, "b", "a", "x");
    send(sim, "a", "b", "x");
    struct record r[3];
    for (size_t i = 0; i < 3; i++)
        CHECK(sim_in_flight(sim, i, &r[i]));
    CHECK(!sim_in_flight(sim, 3, &r[0]));
    CHECK(r[0].time_us == r[1].time_us && r[1].time_us == r[2].time_us);
    CHECK(r[0].time_us >= 10000 && r[0].time_us <= 80000);
    end(sim);
}

TEST(in_a_plane_distance_is_time)
{
    struct sim *sim = begin("latency plane 1000x1000\nnode a\nnode b\n"
                            "run until 5s\n");
    uint32_t ax, ay, bx, by;
    struct record r;

    sim_run_to(sim, 0);
    CHECK(sim_position(sim, host(sim, "a"), &ax, &ay));
    CHECK(sim_position(sim, host(sim, "b"), &bx, &by));
    send(sim, "a", "b", "x");
    CHECK(sim_in_flight(sim, 0, &r));
    int64_t dx = (int64_t)ax - bx, dy = (int64_t)ay - by;
    uint64_t square = (uint64_t)(dx * dx + dy * dy) * 1000000;
    CHECK(r.time_us * r.time_us <= square);
    CHECK((r.time_us + 1) * (r.time_us + 1) > square);
    end(sim);
}

TEST(a_tenth_of_datagrams_is_lost_and_a_fifth_comes_twice)
{
    struct sim *sim = begin("seed 2\nloss 10%\nduplicate 20%\nnode a\nnode b\n"
                            "run until 10s\n");

    sim_run_to(sim, 0);
    for (int i = 0; i < 10000; i++)
        send(sim, "a", "b", "x");
    sim_run(sim);
    struct sim_status s = sim_status(sim);
    CHECK(s.dropped > 900 && s.dropped < 1100);
    CHECK(s.messages > 10000 + 1650 && s.messages < 10000 + 1950);
    CHECK_U64(s.bytes, s.messages);
    end(sim);
}

TEST(losses_say_why_and_happen_on_arrival)
{
    struct sim *sim = begin("latency 10ms\nnode a\nnode b\nnode c\n"
                            "at 1s crash b\nat 2s partition a | c\n"
                            "at 3s heal\nrun until 4s\n");

    sim_run_to(sim, 0);
    sim_observe(sim, &observer);
    host_send(host(sim, "a"), (struct addr){.ip = 1, .port = 1}, "x", 1);
    sim_run_to(sim, 995000);
    send(sim, "a", "b", "x");
    sim_run_to(sim, 1995000);
    send(sim, "a", "c", "sent before the partition, arrives within");
    sim_run_to(sim, 2995000);
    send(sim, "a", "c", "sent within, arrives after it");
    sim_run(sim);
    CHECK_TEXT(seen.data, "10000 a>?!no node has this address\n"
                          "crash b\n1005000 a>b!b is down\n"
                          "partition a | c\n2005000 a>c!partition\n"
                          "heal\n3005000 a>c!partition\n");
    CHECK_U64(sim_status(sim).dropped, 4);
    end(sim);
}

/* -- Nodes ----------------------------------------------------------------------------- */

TEST(given_ids_are_kept_free_and_ids_never_collide)
{
    struct text text = text_new();
    bool taken[100] = {false};

    text_add(&text, "nodes 90 prefix=p\nnode x id=7\nrun until 1s\n");
    struct sim *sim = begin(text.data);
    sim_run(sim);
    const struct network *net = sim_network(sim);
    CHECK_U64(net->count, 91);
    for (size_t i = 0; i < net->count; i++) {
        uint64_t id = id_low(net->host[i]->id);
        CHECK(!taken[id]);
        taken[id] = true;
        CHECK(net->by_addr(net, net->host[i]->addr) == net->host[i]);
    }
    CHECK_U64(id_low(host(sim, "x")->id), 7);
    end(sim);
    text_free(&text);
}

TEST(an_id_given_twice_is_refused_before_the_run)
{
    struct text why = text_new();
    struct scenario *s =
        scenario_parse("test.scn", "node a id=7\nnode b id=7\n",
                       &babbler_protocol, NULL, &why);

    CHECK(s != NULL);
    CHECK(sim_new(s, &why) == NULL);
    CHECK_TEXT(why.data, "test.scn:2: id 7 is taken by an earlier node");
    scenario_free(s);
    text_free(&why);
}

TEST(when_no_id_is_left_the_run_says_so)
{
    struct sim *sim = begin("nodes 101 prefix=p\nrun until 1s\n");

    sim_run(sim);
    CHECK_TEXT(sim_complaints(sim),
               "test.scn:1: no id is left for node p101\n");
    CHECK_U64(sim_status(sim).expects_failed, 1);
    end(sim);
}

TEST(who_joins_a_dead_node_tries_again)
{
    struct sim *sim = begin("node a\nat 1s crash a\nat 2s node b join=a\n"
                            "at 5s restart a\nrun until 10s\n");

    sim_observe(sim, &observer);
    sim_run(sim);
    CHECK_TEXT(seen.data, "crash a\na is down; b tries again in 2 s\n"
                          "4000000 b join\na is down; b tries again in 2 s\n"
                          "restart a\n6000000 b join\n");
    CHECK_TEXT(babbler.log.data, "a start\na start\nb start\n");
    end(sim);
}

TEST(a_restarted_node_has_forgotten_all_but_its_address)
{
    struct sim *sim = begin("node a\nnode b join=a\nat 1s crash a\n"
                            "at 2s restart a\nrun until 3s\n");

    sim_run_to(sim, 0);
    struct addr addr = host(sim, "a")->addr;
    uint64_t drawn = host_random(host(sim, "a"));
    struct babbler_node *n = host(sim, "a")->node;
    n->sum = 5;
    sim_run_to(sim, 1000000);
    CHECK(host(sim, "a")->state == NODE_DOWN && host(sim, "a")->node == NULL);
    sim_run(sim);
    n = host(sim, "a")->node;
    CHECK_U64(n->sum, 0);
    CHECK(addr_equal(host(sim, "a")->addr, addr));
    CHECK(host_random(host(sim, "a")) != drawn);
    /* It began the network, which now lives on without it: it joins that. */
    CHECK_U64(n->known_count, 1);
    CHECK(addr_equal(n->known[0], host(sim, "b")->addr));
    end(sim);
}

TEST(a_node_that_leaves_has_five_seconds)
{
    struct sim *sim = begin("node a\nnode b\nat 1s leave a\nat 1s leave b\n"
                            "run until 10s\n");

    sim_run_to(sim, 1000000);
    CHECK(host(sim, "a")->state == NODE_LEAVING);
    host_left(host(sim, "a"));
    host_timer(host(sim, "a"), 0, 1); /* it goes down after this event */
    sim_run_to(sim, 5999999);
    CHECK(host(sim, "a")->state == NODE_DOWN);
    CHECK(host(sim, "b")->state == NODE_LEAVING);
    sim_run_to(sim, 6000000);
    CHECK(host(sim, "b")->state == NODE_DOWN);
    CHECK_TEXT(babbler.log.data, "a start\nb start\na stop\nb stop\na tick\n");
    end(sim);
}

TEST(churn_spares_who_is_kept)
{
    struct sim *sim = begin("seed 4\nnode a keep\nnodes 10 prefix=p\n"
                            "at 1s churn join 1/s fail 3/s for 60s\n"
                            "run until 70s\n");
    size_t up = 0;

    sim_run(sim);
    const struct network *net = sim_network(sim);
    for (size_t i = 0; i < net->count; i++)
        up += net->host[i]->state == NODE_UP;
    CHECK(host(sim, "a")->state == NODE_UP);
    CHECK(net->count > 50 && up < 12);
    end(sim);
}

TEST(warm_takes_back_what_was_under_way)
{
    struct sim *sim = begin("node a\nnodes 3 prefix=p\n"
                            "at 1ms warm\nat 1500ms a echo\nrun until 2s\n");

    sim_observe(sim, &observer);
    sim_run_to(sim, 0);
    send(sim, "a", "p1", "x");
    host_timer(host(sim, "a"), 0, 200000);
    (void)host_connect(host(sim, "a"), host(sim, "p1")->addr);
    sim_run(sim);
    CHECK_TEXT(seen.data, "1001000 a tock\n1001000 p1 tock\n"
                          "1001000 p2 tock\n1001000 p3 tock\na echo: ok\n");
    end(sim);
}

TEST(the_first_command_can_be_stopped_at_just_behind_warm)
{
    struct sim *sim = begin("node a\nnode b\nat 2s warm\na echo\nb echo\n"
                            "run until 10s\n");

    while (!sim_before_command(sim))
        CHECK(sim_step(sim));
    CHECK_U64(sim_now(sim), 2000000);
    CHECK_U64(sim_steps(sim), 2);
    CHECK_U64(((struct babbler_node *)host(sim, "b")->node)->known_count, 1);
    end(sim);
}

/* -- Commands ----------------------------------------------------------------------------- */

TEST(commands_that_fail_or_get_no_answer_are_complained_of)
{
    struct sim *sim = begin("node a\nnode b\n"
                            "a echo\na refuse\na hang\na sleep\n"
                            "at 1s crash b\nb echo\nrun until 100s\n");

    sim_observe(sim, &observer);
    sim_run(sim);
    CHECK_TEXT(sim_complaints(sim),
               "test.scn:4: a refuse: failed: error will not\n"
               "test.scn:8: b echo: failed: error b is down\n"
               "test.scn:5: a hang: failed: error no answer within 30 s\n");
    CHECK_TEXT(seen.data, "a echo: ok\na refuse: failed\ncrash b\n"
                          "b echo: failed\na hang: failed\n");
    CHECK_U64(sim_status(sim).commands_failed, 3);
    CHECK_U64(sim_status(sim).commands_open, 1);
    end(sim);
}

TEST(the_commands_of_a_node_that_crashes_fail)
{
    struct sim *sim = begin("node a\na sleep\nat 1s crash a\nrun until 2s\n");

    sim_run(sim);
    CHECK_TEXT(sim_complaints(sim),
               "test.scn:2: a sleep: failed: error a is down\n");
    CHECK_U64(sim_status(sim).commands_open, 0);
    end(sim);
}

TEST(expects_compare_results)
{
    struct sim *sim = begin("node a\n"
                            "expect a echo sum=0\n"
                            "expect a echo sum>3\n"
                            "expect fail a refuse\n"
                            "expect fail a echo\n"
                            "expect a refuse\n"
                            "expect a sleep\n"
                            "run until 100s\n");
    const char *c = NULL;

    sim_run(sim);
    c = sim_complaints(sim);
    CHECK_U64(sim_status(sim).expects_failed, 4);
    CHECK(strstr(c, "test.scn:3: a echo: ") != NULL);
    CHECK(strstr(c, "test.scn:5: a echo: ") != NULL);
    CHECK(strstr(c, "test.scn:6: a refuse: ") != NULL);
    CHECK(strstr(c, "test.scn:7: a sleep: no answer before") != NULL);
    CHECK(strstr(c, "test.scn:4") == NULL);
    end(sim);
}

TEST(invariants_are_expected)
{
    struct sim *sim = begin("node a\nnode b\nexpect invariants\nwarm\n"
                            "expect invariants\nrun until 1s\n");

    sim_run(sim);
    CHECK_TEXT(sim_complaints(sim),
               "test.scn:3: broken: somebody known: b knows nobody\n");
    CHECK_U64(sim_status(sim).expects_failed, 1);
    end(sim);
}

TEST(a_command_costs_what_descends_from_it)
{
    struct sim *sim = begin("node a\nnode b join=a\nrun until 1s\n");
    uint64_t messages = 0, bytes = 0;

    sim_run(sim);
    CHECK(!sim_step(sim));
    ((struct babbler_node *)host(sim, "a")->node)->known[0] =
        host(sim, "b")->addr;
    uint32_t c = sim_command(sim, host(sim, "b"), "chain 5");
    CHECK(c != 0 && sim_command_open(sim, c));
    send(sim, "a", "b", "this costs nobody anything");
    while (sim_command_open(sim, c) && sim_step(sim))
        ;
    CHECK(!sim_command_open(sim, c));
    CHECK(!sim_step(sim)); /* the end is the end again */
    sim_cost(sim, c, &messages, &bytes);
    CHECK_U64(messages, 6);
    CHECK_U64(bytes, 48);
    end(sim);
}

TEST(thousands_of_open_commands_are_kept_apart)
{
    struct sim *sim = begin("node a\nrun until 1s\n");

    sim_run(sim);
    uint32_t first = sim_command(sim, host(sim, "a"), "hang");
    for (int i = 0; i < 5000; i++)
        sim_command(sim, host(sim, "a"), i % 2 == 0 ? "hang" : "echo");
    CHECK_U64(sim_status(sim).commands_open, 2501);
    CHECK(sim_command_open(sim, first));
    while (sim_step(sim))
        ;
    CHECK_U64(sim_status(sim).commands_open, 0);
    end(sim);
}

/* -- Quiet ------------------------------------------------------------------------------ */

static uint64_t quiet_at(const char *text, uint64_t from, uint64_t to)
{
    struct sim *sim = begin(text);

    babbler.gossip = true;
    babbler.settled_from_us = from;
    babbler.settled_to_us = to;
    sim_run(sim);
    uint64_t now = sim_now(sim);
    if (sim_status(sim).never_quiet) {
        CHECK_TEXT(sim_complaints(sim),
                   "test.scn:3: never quiet: still unsettled after 1 h\n");
        now = NEVER;
    }
    end(sim);
    return now;
}

TEST(a_run_ends_when_it_has_been_quiet_for_long_enough)
{
    const char *const text = "node a\nnode b join=a\nrun until quiet\n";

    CHECK_U64(quiet_at(text, 0, 0), 2000000);
    CHECK_U64(quiet_at(text, 5100000, 0), 7250000);
    CHECK_U64(quiet_at(text, 5100000, 6000000), NEVER);
}

TEST(an_idle_network_needs_no_waiting)
{
    struct sim *sim = begin("node a\na hang\nrun until quiet\n"
                            "after 1s a echo\nrun until quiet\n");

    sim_run(sim);
    CHECK(!sim_status(sim).never_quiet);
    /* The limit of `hang`, 1 s, and quiet while that of `echo` is queued. */
    CHECK_U64(sim_now(sim), 33000000);
    end(sim);
    sim = begin("node a\nrun until quiet\n");
    babbler.settled_from_us = 1;
    sim_run(sim);
    CHECK(sim_status(sim).never_quiet);
    CHECK_TEXT(sim_complaints(sim),
               "test.scn:2: never quiet: nothing is under way any more, and "
               "the network has not settled\n");
    end(sim);
}

/* -- By hand ----------------------------------------------------------------------------- */

/* What happens to three messages when a line stands in the scenario. */
static void by_hand(const char *line, const char *log, const char *complaints)
{
    struct text text = text_new();

    text_printf(&text, "latency 10ms\nnode a\nnode b\n%s\nrun until 3s\n",
                line);
    struct sim *sim = begin(text.data);
    sim_run_to(sim, 0);
    sim_observe(sim, &observer);
    send(sim, "a", "b", "one");
    send(sim, "b", "a", "two");
    send(sim, "a", "b", "three");
    host_timer(host(sim, "b"), 1, 1000000);
    sim_run(sim);
    CHECK_TEXT(seen.data, log);
    CHECK_TEXT(sim_complaints(sim), complaints);
    CHECK_U64(sim_status(sim).expects_failed, complaints[0] != '\0');
    end(sim);
    text_free(&text);
}

TEST(interventions_act_just_before_their_step)
{
    by_hand("", "10000 a>b\n10000 b>a\n10000 a>b\n1000000 b tock\n", "");
    by_hand("at step 3 drop a b 2",
            "10000 a>b\n10000 b>a\n10000 a>b!dropped by hand\n1000000 b tock\n",
            "");
    by_hand("at step 4 delay a b 1 500ms",
            "10000 a>b\n10000 b>a\n510000 a>b\n1000000 b tock\n", "");
    by_hand("at step 3 duplicate b a 1",
            "10000 a>b\n10000 b>a\n10000 a>b\n10000 b>a\n1000000 b tock\n", "");
    by_hand("at step 3 deliver a b 2",
            "0 a>b\n10000 a>b\n10000 b>a\n1000000 b tock\n", "");
    by_hand("at step 4 fire b tock",
            "10000 a>b\n1000000 b tock\n1000000 b>a\n1000000 a>b\n", "");
    by_hand("at step 4 crash b",
            "10000 a>b\ncrash b\n10000 b>a\n10000 a>b!b is down\n", "");
}

TEST(interventions_that_miss_are_complained_of)
{
    by_hand("at step 4 drop a b 2",
            "10000 a>b\n10000 b>a\n10000 a>b\n1000000 b tock\n",
            "test.scn:4: before step 4 no such message is in flight\n");
    by_hand("at step 3 fire a tock",
            "10000 a>b\n10000 b>a\n10000 a>b\n1000000 b tock\n",
            "test.scn:4: before step 3 this timer is not armed\n");
}

/* -- Memory -------------------------------------------------------------------------------- */

TEST(a_flood_of_messages_uses_their_memory_again)
{
    struct sim *sim = begin("node a\nnode b\nrun until 1h\n");
    size_t used = 0;

    sim_run_to(sim, 0);
    for (int i = 0; i < 200; i++) {
        for (int k = 0; k < 1000; k++)
            send(sim, "a", "b", "a message of some length, to fill memory");
        sim_run_to(sim, sim_now(sim) + 100000);
        if (i == 10)
            used = sim_size(sim);
    }
    CHECK_U64(sim_size(sim), used);
    end(sim);
}

TEST(an_arena_gives_back_and_says_when_it_is_full)
{
    struct arena *a = arena_new(1 << 20);

    uint8_t *first = arena_alloc(a, 100);
    arena_free(a, first, 100);
    CHECK(arena_alloc(a, 112) == first); /* the same class */
    uint8_t *big = arena_alloc(a, 300000);
    memset(big, 1, 300000);
    arena_free(a, big, 300000);
    size_t used = a->used;
    for (int i = 0; i < 100; i++) { /* small ones come out of the big one */
        uint8_t *small = arena_zalloc(a, 1000);
        CHECK(small >= big && small + 1000 <= big + 300000);
        CHECK(small[0] == 0 && small[999] == 0);
    }
    CHECK_U64(a->used, used);
    CHECK(arena_alloc(a, 2 << 20) == NULL);
    CHECK(a->full);
    arena_delete(a);
}

TEST(an_arena_cuts_up_what_another_class_has_left)
{
    struct arena *a = arena_new(1 << 20);
    uint8_t *block[100];

    for (int i = 0; i < 100; i++)
        block[i] = arena_alloc(a, 208);
    for (int i = 0; i < 100; i++)
        arena_free(a, block[i], 208);
    size_t used = a->used;
    for (int i = 0; i < 100; i++) /* 16 bytes of each are left */
        CHECK(arena_alloc(a, 192) != NULL);
    for (int i = 0; i < 100; i++)
        CHECK(arena_alloc(a, 16) != NULL);
    CHECK_U64(a->used, used);
    CHECK(arena_alloc(a, 16) != NULL); /* nothing is left: fresh memory */
    CHECK_U64(a->used, used + 16);
    /* What a smaller class leaves of a block serves a larger one. */
    uint8_t *large = arena_alloc(a, 3072);
    used = a->used;
    arena_free(a, large, 3072);
    CHECK(arena_alloc(a, 16) == large);
    CHECK(arena_alloc(a, 2560) == large + 16);
    CHECK(arena_alloc(a, 496) == large + 16 + 2560);
    CHECK_U64(a->used, used);
    arena_delete(a);
}

TEST(a_run_without_memory_ends)
{
    struct sim *sim = begin("node a\nrun until 1h\n");

    sim_run_to(sim, 0);
    CHECK(host_alloc(host(sim, "a"), (size_t)1 << 40) == NULL);
    sim_run(sim);
    CHECK(sim_status(sim).no_memory && sim_status(sim).ended);
    end(sim);
}

int main(void)
{
    RUN(equal_times_go_in_order_of_cause);
    RUN(times_never_run_backwards_in_a_storm);
    RUN(a_replaced_or_cancelled_timer_never_fires);
    RUN(the_same_seed_gives_the_same_hash_observed_or_not);
    RUN(a_restored_checkpoint_goes_on_as_before);
    RUN(one_more_draw_in_a_node_changes_no_other);
    RUN(latency_is_of_the_pair_and_symmetric);
    RUN(in_a_plane_distance_is_time);
    RUN(a_tenth_of_datagrams_is_lost_and_a_fifth_comes_twice);
    RUN(losses_say_why_and_happen_on_arrival);
    RUN(given_ids_are_kept_free_and_ids_never_collide);
    RUN(an_id_given_twice_is_refused_before_the_run);
    RUN(when_no_id_is_left_the_run_says_so);
    RUN(who_joins_a_dead_node_tries_again);
    RUN(a_restarted_node_has_forgotten_all_but_its_address);
    RUN(a_node_that_leaves_has_five_seconds);
    RUN(churn_spares_who_is_kept);
    RUN(warm_takes_back_what_was_under_way);
    RUN(the_first_command_can_be_stopped_at_just_behind_warm);
    RUN(commands_that_fail_or_get_no_answer_are_complained_of);
    RUN(the_commands_of_a_node_that_crashes_fail);
    RUN(expects_compare_results);
    RUN(invariants_are_expected);
    RUN(a_command_costs_what_descends_from_it);
    RUN(thousands_of_open_commands_are_kept_apart);
    RUN(a_run_ends_when_it_has_been_quiet_for_long_enough);
    RUN(an_idle_network_needs_no_waiting);
    RUN(interventions_act_just_before_their_step);
    RUN(interventions_that_miss_are_complained_of);
    RUN(a_flood_of_messages_uses_their_memory_again);
    RUN(an_arena_gives_back_and_says_when_it_is_full);
    RUN(an_arena_cuts_up_what_another_class_has_left);
    RUN(a_run_without_memory_ends);
    return test_end();
}
