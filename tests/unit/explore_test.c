/*
 * The explorer on streams.  Two clients each connect to a server and greet
 * it; who greets first is the leader, and the server tells everybody who
 * that is.  The planted bug: when n1 greets after n2, it is told that it
 * leads.  Only one order of arrivals in two shows it.
 */
#include <string.h>

#include "common/explore.h"
#include "common/host.h"
#include "common/sim.h"
#include "tests/unit/test.h"

struct client {
    struct addr server;
    conn_id conn;
    uint8_t self, leader;
    bool closed;
};

static bool with_bug, forgetful; /* what is planted */

static void *create(struct host *h, const struct config *c)
{
    struct client *n = host_alloc(h, sizeof *n);

    if (n != NULL) {
        n->self = (uint8_t)(h->name[1] - '0');
        n->server = c->join;
    }
    return n;
}

/* A greeting is 'h' and the name's digit; the answer 'l' and the leader's. */
static size_t on_bytes(struct client *n, struct host *h, const struct event *e)
{
    if (e->len < 2)
        return 0;
    if (e->data[0] == 'l') {
        n->leader = e->data[1];
        host_finish(h, e->conn);
        return 2;
    }
    uint8_t answer[2] = {'l', e->data[1]};
    if (n->leader == 0)
        n->leader = e->data[1];
    if (!with_bug || e->data[1] != 1)
        answer[1] = n->leader;
    host_write(h, e->conn, answer, sizeof answer);
    return 2;
}

static size_t on_event(void *node, struct host *h, const struct event *e)
{
    struct client *n = node;
    uint8_t greeting[2] = {'h', n->self};

    switch (e->kind) {
    case EVENT_START:
        if (!addr_none(n->server))
            n->conn = host_connect(h, n->server);
        break;
    case EVENT_OPEN:
        host_write(h, e->conn, greeting, sizeof greeting);
        break;
    case EVENT_BYTES:
        return on_bytes(n, h, e);
    case EVENT_EOF:
        host_finish(h, e->conn);
        break;
    case EVENT_CLOSED:
        n->closed = true;
        break;
    case EVENT_ACCEPT:
    case EVENT_TIMER:
    case EVENT_DATAGRAM:
    case EVENT_ROOM:
    case EVENT_COMMAND:
    case EVENT_HASHED:
    case EVENT_STOP:
        break;
    }
    return 0;
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct client *n = node;

    (void)h;
    if (!forgetful)
        text_printf(t, "leader %d ", n->leader);
    text_printf(t, "closed %d", n->closed);
}

static void describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    (void)framing;
    f->type = data[0] == 'h' ? "HELLO" : "LEADER";
    fields_undecoded(f, 0, len);
}

static void check(const struct network *net, struct findings *f)
{
    struct finding *one = findings_add(f, "one leader");
    uint8_t leader = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct client *n = net->host[i]->node;
        if (n == NULL || n->leader == 0)
            continue;
        if (leader != 0 && leader != n->leader)
            findings_break(one, "%s follows another", net->host[i]->name);
        leader = n->leader;
    }
}

/* Only n2: the server would forget who leads. */
static bool may_fail(const struct network *net, const struct host *h)
{
    (void)net;
    return strcmp(h->name, "n2") == 0;
}

static void warm(const struct network *net)
{
    (void)net;
}

static bool settled(const struct network *net)
{
    (void)net;
    return true;
}

static uint64_t quiet_us(const struct settings *s)
{
    (void)s;
    return 1000000;
}

static const struct option options[] = {{.name = NULL}};
static const struct command commands[] = {{.name = NULL}};
static const char *const timers[] = {NULL};
static const struct protocol leader_protocol = {.name = "leader",
                                                .options = options,
                                                .commands = commands,
                                                .timers = timers,
                                                .invariants = "one leader",
                                                .create = create,
                                                .event = on_event,
                                                .dump = dump,
                                                .describe = describe,
                                                .warm = warm,
                                                .check = check,
                                                .settled = settled,
                                                .quiet_us = quiet_us,
                                                .may_fail = may_fail};

/* Explore, with each stream moving `quantum` bytes at a time. */
static struct explore_report explored(const char *quantum)
{
    struct text why = text_new(), text = text_new();
    struct explore_options o = {.states_max = 1000000, .compare_all = true};
    struct explore_report r = {.states = 0};

    text_printf(&text,
                "set quantum %s\nnode n0\nwarm\nnode n1 join=n0\n"
                "node n2 join=n0\nbound join any crash 1 restart 1 depth 100\n"
                "grain message\nrun until 20s\n",
                quantum);
    struct scenario *s =
        scenario_parse("leader.scn", text.data, &leader_protocol, NULL, &why);
    bool explorable = s != NULL && explore(s, &o, &r, &why);
    if (!explorable)
        fprintf(stderr, "%s\n", why.data);
    CHECK(explorable);
    scenario_free(s);
    text_free(&text);
    text_free(&why);
    return r;
}

/* Run what the explorer wrote; the state of its end must break it again. */
static void check_replay(const struct explore_report *r)
{
    struct text why = text_new();
    struct scenario *s = scenario_parse("replay.scn", r->replay.data,
                                        &leader_protocol, NULL, &why);

    CHECK_TEXT(why.data, "");
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;
    CHECK(sim != NULL);
    if (sim != NULL) {
        sim_run(sim);
        CHECK_U64(sim_steps(sim), r->steps);
        CHECK_U64(sim_status(sim).expects_failed, 1); /* the invariants */
        CHECK(strstr(sim_complaints(sim), "follows another") != NULL);
        CHECK(strstr(sim_complaints(sim), "before step") == NULL);
        sim_free(sim);
    }
    scenario_free(s);
    text_free(&why);
}

TEST(the_one_bad_order_on_streams_is_found_and_replayed)
{
    static const char *const quanta[] = {"16384", "1"};

    with_bug = true;
    for (int i = 0; i < 2; i++) {
        struct explore_report r = explored(quanta[i]);
        CHECK(r.violated && !r.dump_forgets);
        CHECK(strstr(r.events.data, "HELLO from n2 to n0 arrives") != NULL);
        check_replay(&r);
        explore_report_free(&r);
    }
    with_bug = false;
}

TEST(without_the_bug_all_orders_are_exhausted)
{
    static const char *const quanta[] = {"16384", "1"};
    uint64_t states[2];

    for (int i = 0; i < 2; i++) {
        struct explore_report r = explored(quanta[i]);
        CHECK(!r.violated && !r.dump_forgets && r.limit == NULL);
        CHECK(r.compared > 0);
        states[i] = r.states;
        explore_report_free(&r);
    }
    CHECK(states[0] > 50 && states[1] > states[0]);
}

TEST(the_guard_notices_a_dump_that_forgets)
{
    forgetful = true;
    struct explore_report r = explored("16384");
    CHECK(r.dump_forgets);
    explore_report_free(&r);
    forgetful = false;
}

int main(void)
{
    RUN(the_one_bad_order_on_streams_is_found_and_replayed);
    RUN(without_the_bug_all_orders_are_exhausted);
    RUN(the_guard_notices_a_dump_that_forgets);
    return test_end();
}
