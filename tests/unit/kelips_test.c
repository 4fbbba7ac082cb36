/* Kelips: the rules of soft state, of gossip and of lookups, and what a liar
   can do. */
#include "common/network.h"
#include "common/sim.h"
#include "kelips/check.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

/* -- Soft state, in a simulation ----------------------------------------- */

struct run {
    struct scenario *s;
    struct sim *sim;
};

static struct run run_of(const char *text)
{
    struct text why = text_new();
    struct run r = {
        .s = scenario_parse("t.scn", text, &kelips_protocol, NULL, &why)};

    r.sim = r.s != NULL ? sim_new(r.s, &why) : NULL;
    CHECK_TEXT(why.data, "");
    text_free(&why);
    return r;
}

static void run_free(struct run *r)
{
    sim_free(r->sim);
    scenario_free(r->s);
}

static struct kelips *named(const struct run *r, const char *name)
{
    const struct network *net = sim_network(r->sim);

    return net->by_name(net, name)->node;
}

static struct host *host_named(const struct run *r, const char *name)
{
    const struct network *net = sim_network(r->sim);

    return net->by_name(net, name);
}

static const char three[] = "set groups 1\nset expiry 20s\nnode a id=1\n"
                            "node b id=2 join=a\nnode c id=3 join=a\nwarm\n"
                            "run until 10m\n";

static struct kelips_entry about(const struct kelips *n, uint32_t beat,
                                 uint32_t age_ms)
{
    return (struct kelips_entry){.addr = n->self,
                                 .id = n->id,
                                 .heartbeat = beat,
                                 .age_ms = age_ms,
                                 .group = n->group};
}

TEST(an_old_heartbeat_brings_nobody_back)
{
    struct run r = run_of(three);
    struct text why = text_new();

    sim_run_to(r.sim, 1000000);
    struct kelips *a = named(&r, "a");
    struct host *h = host_named(&r, "a");
    struct kelips_entry stranger = {.addr = {0x0a010203, 7000},
                                    .id = id_of(9),
                                    .heartbeat = 5,
                                    .age_ms = 20001};
    uint32_t before = a->view.count;
    kelips_hear(a, h, &stranger); /* older than its expiry: refused */
    CHECK_U64(a->view.count, before);
    stranger.age_ms = 19000;
    kelips_hear(a, h, &stranger);
    CHECK_U64(a->view.count, before + 1);
    sim_run_to(r.sim, 5000000); /* and forgotten when its time is over */
    CHECK(kelips_known(a, stranger.addr) == NULL);
    text_free(&why);
    run_free(&r);
}

TEST(a_heartbeat_never_goes_back_by_hearsay)
{
    struct run r = run_of(three);

    sim_run_to(r.sim, 30000000);
    struct kelips *a = named(&r, "a"), *b = named(&r, "b");
    struct entry *e = kelips_known(a, b->self);
    CHECK(e != NULL);
    uint32_t beat = e->heartbeat;
    struct kelips_entry old = about(b, beat - 1, 0);
    kelips_hear(a, host_named(&r, "a"), &old);
    CHECK_U64(kelips_known(a, b->self)->heartbeat, beat);
    run_free(&r);
}

TEST(a_tuple_of_another_group_is_not_kept)
{
    struct run r = run_of("set groups 2\nnode a id=1\nnode b id=2 join=a\n"
                          "warm\nrun until 10m\n");

    sim_run_to(r.sim, 1000000);
    struct kelips *a = named(&r, "a");
    struct kelips_entry k = {.kind = KELIPS_TUPLE,
                             .addr = host_named(&r, "b")->addr,
                             .id = id_of(4), /* even: of group 0, a is of 1 */
                             .heartbeat = 1};
    kelips_hear(a, host_named(&r, "a"), &k);
    CHECK_U64(a->tuples.count, 0);
    k.id = id_of(5);
    k.group = 1;
    kelips_hear(a, host_named(&r, "a"), &k);
    CHECK_U64(a->tuples.count, 1);
    run_free(&r);
}

/* A fault (reference, 11.3): its heart stands still while it answers.  Others
   forget it and its file: soft state is an opinion. */
TEST(a_node_whose_heartbeat_is_frozen_is_forgotten_though_it_answers)
{
    struct run r = run_of(
        "set groups 2\nset expiry 20s\nnode a id=2\nnode b id=4 join=a\n"
        "node g id=3 join=a\nnode f id=5 join=a frozen=yes\nwarm\n"
        "at 1s f insert 6 text\nat 15s expect g get 6 value=text\n"
        "at 60s expect fail g lookup 6\nat 60s expect f get 6 value=text\n"
        "run until 10m\n");
    unsigned known = 0;

    sim_run_to(r.sim, 1000000);
    const struct kelips *f = named(&r, "f");
    for (uint64_t t = 50; t < 100; t += 2) {
        sim_run_to(r.sim, t * 1000000);
        for (const char *name = "abg"; *name != '\0'; name++)
            known +=
                kelips_known(named(&r, (char[]){*name, '\0'}), f->self) != NULL;
        CHECK(kelips_known(f, named(&r, "g")->self) != NULL);
    }
    CHECK(known < 3 * 25 / 4); /* for a ping finds it again, now and then */
    CHECK_TEXT(sim_complaints(r.sim), "");
    run_free(&r);
}

/* A liar gossips newer and newer heartbeats of somebody who is dead. */
TEST(a_liar_cannot_keep_the_dead_alive_for_ever)
{
    struct run r = run_of("set groups 1\nnode a id=1\nnode b id=2 join=a\n"
                          "node c id=3 join=a\nwarm\nat 1s crash b\n"
                          "run until 10m\n");
    struct addr dead = {0, 0};

    sim_run_to(r.sim, 2000000);
    dead = host_named(&r, "b")->addr;
    struct id id = host_named(&r, "b")->id;
    struct kelips *a = named(&r, "a");
    bool known = true;
    for (uint32_t s = 3; s < 120; s++) {
        sim_run_to(r.sim, (uint64_t)s * 1000000);
        struct kelips_entry lie = {
            .addr = dead, .id = id, .heartbeat = 1000 + s, .group = 0};
        kelips_hear(a, host_named(&r, "a"), &lie);
        known = kelips_known(a, dead) != NULL;
    }
    CHECK(!known);
    run_free(&r);
}

/* A liar tells all at once of the last of all heartbeats: what its node tells
   of itself is older then, until that has expired and its grave as well. */
TEST(a_liar_cannot_bury_the_living_for_long)
{
    struct run r = run_of("set groups 1\nset expiry 20s\nnode a id=1\n"
                          "nodes 30 prefix=n\nwarm\nrun until 10m\n");

    sim_run_to(r.sim, 2000000);
    const struct network *net = sim_network(r.sim);
    const struct kelips *victim = named(&r, "n7");
    struct kelips_entry lie = about(victim, UINT32_MAX, 0);
    for (size_t i = 0; i < net->count; i++)
        kelips_hear(net->host[i]->node, net->host[i], &lie);
    sim_run_to(r.sim, 60000000);
    for (size_t i = 0; i < net->count; i++) {
        const struct entry *e = kelips_known(net->host[i]->node, victim->self);
        CHECK(net->host[i]->node == victim ||
              (e != NULL && e->heartbeat <= victim->heartbeat));
    }
    run_free(&r);
}

/* The same of a file whose home, of another group and nobody's contact, is
   dead; while the tuple of a live home stays. */
TEST(a_liar_cannot_keep_a_dead_home_alive_for_ever)
{
    struct run r = run_of("set groups 2\nnode a id=2\nnode b id=3 join=a\n"
                          "node c id=5 join=a\nwarm\nat 1s crash c\n"
                          "run until 1h\n");

    sim_run_to(r.sim, 2000000);
    struct kelips *a = named(&r, "a");
    struct kelips_entry lie = {.kind = KELIPS_TUPLE,
                               .addr = host_named(&r, "c")->addr,
                               .id = id_of(4)};
    struct kelips_entry live = {.kind = KELIPS_TUPLE,
                                .addr = host_named(&r, "b")->addr,
                                .id = id_of(6)};
    kelips_forget_all(a);
    for (uint32_t s = 3; s < 120; s++) {
        sim_run_to(r.sim, (uint64_t)s * 1000000);
        lie.heartbeat = live.heartbeat = s;
        kelips_hear(a, host_named(&r, "a"), &lie);
        kelips_hear(a, host_named(&r, "a"), &live);
        CHECK(s > 3 || kelips_tuple(a, &lie.id) != NULL);
        CHECK(kelips_tuple(a, &live.id) != NULL);
    }
    CHECK(kelips_tuple(a, &lie.id) == NULL);
    run_free(&r);
}

/* -- One node and a fake host ---------------------------------------------- */

static struct fake fake;

/* Node 10.0.0.1:7000 of group 0 of 2, alone. */
static struct kelips *lone(void)
{
    static struct settings s;

    s = settings_new(kelips_protocol.options);
    s.value[OPT_GROUPS] = 2;
    fake_node(&fake, &kelips_protocol, &s, (struct addr){0x0a000001, 7000});
    struct kelips *n = fake.host.node;
    n->id = id_of(2);
    n->group = 0;
    return n;
}

/* What gossip says of the node with this id, so many milliseconds old. */
static struct kelips_entry said(uint32_t id, uint32_t age_ms)
{
    return (struct kelips_entry){.addr = {0x0b000000 + id, 7000},
                                 .id = id_of(id),
                                 .heartbeat = 1,
                                 .age_ms = age_ms,
                                 .group = id % 2};
}

static void hear_of(struct kelips *n, uint32_t id, uint32_t age_ms)
{
    struct kelips_entry e = said(id, age_ms);

    kelips_hear(n, &fake.host, &e);
}

static unsigned receive(struct kelips *n, enum kelips_type type, uint32_t from,
                        uint16_t groups)
{
    struct kelips_msg m;
    uint8_t bytes[DATAGRAM_MAX];

    kelips_begin(n, type, &m);
    m.groups = groups;
    m.sender = id_of(from);
    return fake_datagram(&fake, said(from, 0).addr, bytes,
                         kelips_encode(&m, bytes));
}

TEST(a_message_of_another_k_is_dropped)
{
    struct kelips *n = lone();

    CHECK_U64(receive(n, KELIPS_PING, 4, 3), 0);
    CHECK_U64(n->view.count, 0);
    CHECK_U64(receive(n, KELIPS_PING, 4, 2), 1);
    CHECK_U64(n->view.count, 1);
}

/* [p2psim] Members of the newcomer's group come first, and who introduces it
   knows it from then on. */
TEST(a_newcomer_is_told_of_its_group_first_and_is_known)
{
    for (uint32_t newcomer = 100; newcomer < 102; newcomer++) {
        struct kelips *n = lone();
        struct kelips_msg m;
        for (uint32_t id = 3; id < 20; id++)
            hear_of(n, id, 0);
        unsigned members = newcomer % 2 == 0 ? 8 : n->contact_count;
        CHECK_U64(receive(n, KELIPS_JOIN, newcomer, 2), 1);
        CHECK(kelips_decode(&m, fake.sent[0].data, fake.sent[0].len));
        CHECK_U64(m.count, 8 + n->contact_count);
        for (unsigned i = 0; i < m.count; i++)
            CHECK((m.entry[i].group == newcomer % 2) == (i < members));
        if (newcomer % 2 == 0) /* contacts have few places */
            CHECK(kelips_known(n, said(newcomer, 0).addr) != NULL);
    }
}

/* [p2psim] A newcomer must be four times fresher, or the place be free, or
   its holder silent. */
TEST(a_contact_makes_room_for_a_free_a_fresher_or_an_answering_one)
{
    static const struct {
        uint32_t held_ms, heard_ms;
        uint8_t misses;
        bool replaced;
    } rows[] = {{1000, 240, 0, true},  /* more than four times fresher */
                {1000, 260, 0, false}, /* less */
                {1000, 2000, 1, true}, /* but the other one was silent */
                {0, 0, 0, false}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kelips *n = lone();
        hear_of(n, 3, rows[i].held_ms);
        hear_of(n, 5, 0);
        CHECK_U64(kelips_entries(n), 2); /* both places were free */
        kelips_known(n, said(3, 0).addr)->misses = rows[i].misses;
        hear_of(n, 7, rows[i].heard_ms);
        CHECK((kelips_known(n, said(7, 0).addr) != NULL) == rows[i].replaced);
        CHECK((kelips_known(n, said(3, 0).addr) == NULL) == rows[i].replaced);
        CHECK(kelips_known(n, said(5, 0).addr) != NULL);
    }
}

/* [lecture] The nearest contact is asked; who was silent comes last. */
TEST(the_nearest_answering_contact_is_asked_first)
{
    static const struct {
        uint32_t rtt[2]; /* of 3 and 5 */
        uint8_t misses[2];
        uint32_t asked;
    } rows[] = {{{9, 8}, {0, 0}, 5}, {{7, 8}, {0, 0}, 3}, {{0, 8}, {0, 0}, 5},
                {{7, 8}, {1, 0}, 5}, {{7, 8}, {1, 1}, 3}, {{7, 0}, {1, 0}, 5}};
    struct kelips *n = lone();
    struct id key = id_of(77);

    hear_of(n, 3, 0);
    hear_of(n, 5, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (unsigned k = 0; k < 2; k++) {
            struct entry *e = kelips_known(n, said(3 + 2 * k, 0).addr);
            e->rtt_us = rows[i].rtt[k];
            e->misses = rows[i].misses[k];
        }
        const struct entry *e = kelips_first_choice(n, &key);
        CHECK_U64(e != NULL ? id_low(e->id) : 0, rows[i].asked);
    }
}

/* [p2psim] Half of a ration is for what is new here, and all of it is sent. */
TEST(what_is_new_is_gossiped_first)
{
    struct kelips *n = lone();
    struct kelips_msg m;
    unsigned messages = 0;

    for (uint32_t id = 4; id < 104; id += 2)
        hear_of(n, id, 0);
    for (unsigned i = 0; i < n->view.count; i++)
        n->view.at[i].fresh = i % 13 == 5 ? FRESH_TIMES : 0; /* four */
    fake.sent_count = 0;
    kelips_round(n, &fake.host);
    for (unsigned i = 0; i < fake.sent_count; i++) {
        CHECK(kelips_decode(&m, fake.sent[i].data, fake.sent[i].len));
        if (m.type != KELIPS_GOSSIP)
            continue;
        CHECK_U64(m.heartbeat, n->heartbeat); /* it speaks of itself, too */
        CHECK_U64(m.count, 8);
        unsigned fresh = 0, target = fake.sent[i].to.ip - 0x0b000000;
        for (unsigned k = 0; k < m.count; k++)
            fresh += id_low(m.entry[k].id) % 26 == 14;
        CHECK_U64(fresh, target % 26 == 14 ? 3 : 4); /* not of itself */
        messages++;
    }
    CHECK_U64(messages, TARGETS); /* there are no contacts */
}

/* Pass the time up to `until_ms`; when a message of that type is sent, in
   milliseconds, "0 50 ". */
static void times_of(struct text *t, enum kelips_type type, unsigned until_ms)
{
    for (unsigned ms = 0;; ms++) {
        for (unsigned i = 0; i < fake.sent_count; i++)
            if (fake.sent[i].data[5] == type)
                text_printf(t, "%u ", ms);
        if (ms == until_ms)
            return;
        fake.sent_count = 0;
        fake_pass(&fake, 1000);
    }
}

/* [p2psim] Each contact for three round trips; then all over again 100 ms
   later, for 4 s in all; who has no time left to answer has not been silent. */
TEST(a_lookup_asks_again_after_100_ms_and_ends_within_4_s)
{
    static const struct {
        uint32_t rtt_us;
        const char *wanted;
        unsigned misses; /* of the first; the second has one */
    } rows[] = {{500000, "0 1500 3100 ", 1}, /* 3.1 + 1.5 s would be too late */
                {400000, "0 1200 2500 3700 ", 2},
                {0, "0 1000 2100 3100 ", 2}}; /* not measured: 1 s */

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct kelips *n = lone();
        struct text t = text_new();
        hear_of(n, 3, 0);
        hear_of(n, 5, 0);
        fake.timer_us[TIMER_GOSSIP] = 0; /* rounds would ping them, too */
        for (unsigned k = 0; k < 2; k++)
            kelips_contact(n, 1, k)->rtt_us = rows[i].rtt_us;
        CHECK_U64(fake_command(&fake, "lookup 77"), 1);
        times_of(&t, KELIPS_LOOKUP, 3999);
        CHECK_TEXT(t.data, rows[i].wanted);
        CHECK_U64(fake.result_count, 0);
        fake_pass(&fake, 1000);
        CHECK_U64(fake.result_count, 1);
        CHECK(!fake.ok);
        CHECK_U64(kelips_contact(n, 1, 0)->misses, rows[i].misses);
        CHECK_U64(kelips_contact(n, 1, 1)->misses, 1);
        text_free(&t);
    }
}

TEST(a_home_that_was_silent_is_asked_again_after_100_ms)
{
    struct kelips *n = lone();
    struct kelips_entry tuple = said(9, 0);
    struct text t = text_new();

    tuple.kind = KELIPS_TUPLE;
    tuple.id = id_of(2);
    tuple.group = 0;
    kelips_hear(n, &fake.host, &tuple);
    hear_of(n, 4, 0); /* it could be asked, but who is the home is known */
    CHECK_U64(fake_command(&fake, "get 2"), 1);
    times_of(&t, KELIPS_FETCH, 1200);
    CHECK_TEXT(t.data, "0 1100 ");
    CHECK_U64(fake.result_count, 0);
    text_free(&t);
}

/* [p2psim] Each second; a round may be far away. */
TEST(what_has_expired_is_forgotten_within_a_second)
{
    struct kelips *n = lone();
    struct settings s = *n->settings;

    s.value[OPT_PERIOD] = 3600 * INT64_C(1000000);
    s.value[OPT_EXPIRY] = 20 * INT64_C(1000000);
    n->settings = &s;
    fake.timer_us[TIMER_GOSSIP] = 0;
    hear_of(n, 4, 18000);
    hear_of(n, 6, 19500);
    fake_pass(&fake, 1000001);
    (void)receive(n, KELIPS_PING, 8, 2);
    CHECK(kelips_known(n, said(4, 0).addr) != NULL);
    CHECK(kelips_known(n, said(6, 0).addr) == NULL);
    fake_pass(&fake, 1000001);
    (void)receive(n, KELIPS_PING, 8, 2);
    CHECK(kelips_known(n, said(4, 0).addr) == NULL);
}

/* (reference, 9.3, 11.5) An old message says that it is young; but what has
   expired here has a grave, which knows how far its heart had come. */
TEST(an_old_message_played_again_brings_nobody_back)
{
    struct kelips *n = lone();
    struct settings s = *n->settings;
    struct kelips_entry e = said(4, 0);

    s.value[OPT_EXPIRY] = 20 * INT64_C(1000000);
    n->settings = &s;
    fake.timer_us[TIMER_GOSSIP] = 0;
    hear_of(n, 4, 0);
    hear_of(n, 6, 0);
    for (unsigned second = 1; second < 40; second++) {
        fake_pass(&fake, 1000001);
        (void)receive(n, KELIPS_PING, 8, 2); /* so that time is noticed */
        hear_of(n, 4, 0);
        CHECK((kelips_known(n, e.addr) != NULL) == (second < 20));
    }
    n->heartbeat = e.heartbeat; /* which `receive` puts into the message */
    (void)receive(n, KELIPS_PONG, 4, 2); /* its own, but an old one as well */
    CHECK(kelips_known(n, e.addr) == NULL);
    e.heartbeat = 2;
    kelips_hear(n, &fake.host, &e);
    CHECK(kelips_known(n, e.addr) != NULL);
}

/* [p2psim] One peer whose round trip is unknown is pinged a round. */
TEST(a_round_measures_one_whom_nobody_has_measured)
{
    struct kelips *n = lone();

    for (uint32_t id = 4; id < 24; id += 2)
        hear_of(n, id, 0);
    for (unsigned i = 0; i < n->view.count; i++)
        n->view.at[i].rtt_us = i == 7 ? 0 : 5;
    for (unsigned round = 0; round < 3; round++) {
        unsigned pings = 0;
        fake.sent_count = 0;
        kelips_round(n, &fake.host);
        for (unsigned i = 0; i < fake.sent_count; i++)
            if (fake.sent[i].data[5] == KELIPS_PING) {
                CHECK(addr_equal(fake.sent[i].to, n->view.at[7].addr));
                pings++;
            }
        CHECK_U64(pings, 1);
    }
}

/* [lecture] There is no farewell: the others time it out. */
TEST(a_leave_is_told_to_nobody)
{
    struct kelips *n = lone();

    hear_of(n, 3, 0);
    hear_of(n, 4, 0);
    fake.sent_count = 0;
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_STOP});
    CHECK_U64(fake.sent_count, 0);
    CHECK(fake.left);
}

TEST(a_flood_of_made_up_members_is_bounded_and_spares_the_known)
{
    struct run r = run_of(three);

    sim_run_to(r.sim, 60000000); /* long enough to have measured all */
    struct kelips *a = named(&r, "a");
    for (uint32_t i = 0; i < MEMBERS_MAX + 1000; i++) {
        struct kelips_entry e = {.addr = {0x0b000000 + i, 7000},
                                 .id = id_of(1000 + i),
                                 .heartbeat = 1};
        kelips_hear(a, host_named(&r, "a"), &e);
    }
    CHECK_U64(a->view.count, MEMBERS_MAX);
    CHECK(kelips_known(a, named(&r, "b")->self) != NULL);
    CHECK(kelips_known(a, named(&r, "c")->self) != NULL);
    run_free(&r);
}

/* Made-up contacts are as fresh as can be: they take places, but no more of
   them than there are, and are found out when they do not answer. */
TEST(made_up_contacts_are_bounded_and_found_out)
{
    struct run r = run_of("set groups 2\nset contacts 2\nnode a id=2\n"
                          "node b id=3 join=a\nnode c id=5 join=a\nwarm\n"
                          "run until 10m\n");

    sim_run_to(r.sim, 60000000);
    struct kelips *a = named(&r, "a");
    for (uint32_t i = 0; i < 5000; i++) {
        struct kelips_entry e = {.addr = {0x0b000000 + i, 7000},
                                 .id = id_of(1001 + 2 * i),
                                 .heartbeat = 1 + i,
                                 .group = 1};
        kelips_hear(a, host_named(&r, "a"), &e);
    }
    CHECK_U64(kelips_entries(a), 2);
    sim_run_to(r.sim, 180000000);
    CHECK(kelips_known(a, named(&r, "b")->self) != NULL);
    CHECK(kelips_known(a, named(&r, "c")->self) != NULL);
    run_free(&r);
}

TEST(made_up_tuples_are_bounded)
{
    struct run r = run_of(three);

    sim_run_to(r.sim, 1000000);
    struct kelips *a = named(&r, "a");
    for (uint32_t i = 0; i < TUPLES_MAX + 1000; i++) {
        struct kelips_entry e = {.kind = KELIPS_TUPLE,
                                 .addr = named(&r, "b")->self,
                                 .id = id_of(1000 + i),
                                 .heartbeat = 1};
        kelips_hear(a, host_named(&r, "a"), &e);
    }
    CHECK_U64(a->tuples.count, TUPLES_MAX);
    run_free(&r);
}

/* With one contact a group, all whom a node knows elsewhere may know nobody
   of its group but itself; these seeds made it so. */
TEST(a_node_cut_off_for_long_finds_its_group_again)
{
    static const unsigned seeds[] = {8, 37};

    for (unsigned i = 0; i < 2; i++) {
        struct text t = text_new();
        text_printf(&t,
                    "seed %u\nset groups 4\nset contacts 1\n"
                    "set period 1s\nnode n0 id=0\n",
                    seeds[i]);
        for (unsigned k = 1; k < 28; k++)
            text_printf(&t, "at %ums node n%u id=%u join=n0\n", 50 * k, k, k);
        text_add(&t, "at 60s partition n0 | n27\nat 210s heal\n"
                     "run until quiet\nexpect invariants\n");
        struct run r = run_of(t.data);
        sim_run(r.sim);
        CHECK_TEXT(sim_complaints(r.sim), "");
        run_free(&r);
        text_free(&t);
    }
}

/* Mini system of the reference, 10: an empty group cannot take a file. */
TEST(a_file_of_an_empty_group_cannot_be_announced)
{
    struct run r = run_of("set groups 2\nnode a id=2\nwarm\n"
                          "at 1s expect fail a insert p2p.txt x\n"
                          "run until 40s\n");
    sim_run(r.sim);
    CHECK_TEXT(sim_complaints(r.sim), "");
    run_free(&r);
}

/* The same: both of group 2 die, and nobody can find its file; one is back,
   and knows of it when its home has told the group again (reference, 10). */
TEST(an_emptied_group_heals_when_a_member_joins_and_homes_refresh)
{
    struct run r = run_of("set groups 4\nnode n0 id=4\nnode n1 id=1 join=n0\n"
                          "node n2 id=2 join=n0\nnode n3 id=3 join=n0\n"
                          "node n6 id=6 join=n0\nwarm\nat 1s n1 insert 2 x\n"
                          "at 20s expect n3 get 2 owner=n1\n"
                          "at 21s crash n2\nat 21s crash n6\n"
                          "at 90s expect fail n3 get 2\n"
                          "at 100s restart n2\n"
                          "at 300s expect n3 get 2 owner=n1 value=x\n"
                          "at 301s leave n1\n" /* no delete: it expires */
                          "at 500s expect fail n3 lookup 2\n"
                          "run until 600s\n");
    sim_run(r.sim);
    CHECK_TEXT(sim_complaints(r.sim), "");
    run_free(&r);
}

/* [kelips03] `home member`: some member of the file's group, by lot, becomes
   its home, and keeps what is in it. */
TEST(a_member_of_its_group_becomes_a_files_home)
{
    struct run r =
        run_of("set groups 2\nset contacts 1\nset home member\nnode n0 id=4\n"
               "node n1 id=1 join=n0\nnode n2 id=2 join=n0\n"
               "node n6 id=6 join=n0\nwarm\n"
               "at 1s n1 insert 10 a\nat 2s n1 insert 12 b\n"
               "at 3s n1 insert 14 c\nat 4s n1 insert 16 d\n"
               "at 5s n1 insert 18 e\nat 6s n1 insert 20 f\n"
               "at 40s expect n1 get 10 value=a\n"
               "at 41s expect n1 get 20 value=f\n"
               "run until 60s\n");
    unsigned homes = 0, files = 0;

    sim_run(r.sim);
    CHECK_TEXT(sim_complaints(r.sim), "");
    CHECK_U64(named(&r, "n1")->file_count, 0); /* of the other group */
    for (unsigned i = 0; i < 3; i++) {
        static const char *const names[] = {"n0", "n2", "n6"};
        homes += named(&r, names[i])->file_count > 0;
        files += named(&r, names[i])->file_count;
    }
    CHECK_U64(files, 6);
    CHECK(homes > 1); /* by lot */
    run_free(&r);
}

int main(void)
{
    RUN(an_old_heartbeat_brings_nobody_back);
    RUN(a_heartbeat_never_goes_back_by_hearsay);
    RUN(a_tuple_of_another_group_is_not_kept);
    RUN(a_node_whose_heartbeat_is_frozen_is_forgotten_though_it_answers);
    RUN(a_liar_cannot_keep_the_dead_alive_for_ever);
    RUN(a_liar_cannot_bury_the_living_for_long);
    RUN(a_liar_cannot_keep_a_dead_home_alive_for_ever);
    RUN(a_message_of_another_k_is_dropped);
    RUN(a_newcomer_is_told_of_its_group_first_and_is_known);
    RUN(a_contact_makes_room_for_a_free_a_fresher_or_an_answering_one);
    RUN(the_nearest_answering_contact_is_asked_first);
    RUN(what_is_new_is_gossiped_first);
    RUN(a_lookup_asks_again_after_100_ms_and_ends_within_4_s);
    RUN(a_home_that_was_silent_is_asked_again_after_100_ms);
    RUN(what_has_expired_is_forgotten_within_a_second);
    RUN(an_old_message_played_again_brings_nobody_back);
    RUN(a_round_measures_one_whom_nobody_has_measured);
    RUN(a_leave_is_told_to_nobody);
    RUN(a_flood_of_made_up_members_is_bounded_and_spares_the_known);
    RUN(made_up_contacts_are_bounded_and_found_out);
    RUN(made_up_tuples_are_bounded);
    RUN(a_node_cut_off_for_long_finds_its_group_again);
    RUN(a_file_of_an_empty_group_cannot_be_announced);
    RUN(an_emptied_group_heals_when_a_member_joins_and_homes_refresh);
    RUN(a_member_of_its_group_becomes_a_files_home);
    return test_end();
}
