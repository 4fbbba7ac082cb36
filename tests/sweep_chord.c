/*
 * One scenario of Chord's sweep (sweep.h): a ring, values put into it, then
 * faults.
 *
 * Nodes get their ids here, so the owner of each key is known as long as we
 * know who lives: not with churn, and not with virtual nodes.  Values must
 * survive as long as no more nodes die at once than there are copies.
 */
#include "tests/sweep.h"

#define NODES_MAX 40
#define VALUES 8

struct state {
    unsigned bits, count, replicas, successors, now_ms;
    unsigned vnodes;
    uint64_t id[NODES_MAX];
    bool live[NODES_MAX], left[NODES_MAX];
};

static unsigned some_live(const struct state *s)
{
    for (;;) {
        unsigned i = below(s->count);
        if (s->live[i])
            return i;
    }
}

static unsigned live_count(const struct state *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->count; i++)
        n += s->live[i];
    return n;
}

static void settings(struct state *s)
{
    static const unsigned bits[] = {8, 16, 32, 64, 160};

    s->bits = bits[below(5)];
    s->vnodes = one_in(5) ? 2 + below(3) : 1;
    if (s->vnodes > 1 && s->bits < 32)
        s->bits = 32;
    s->replicas = 1 + below(3);
    s->successors = s->replicas + 1 + below(4);
    if (s->vnodes > 1)
        s->successors += s->vnodes * s->replicas;
    printf("set bits %u\nset vnodes %u\n", s->bits, s->vnodes);
    printf("set successors %u\nset replicas %u\n", s->successors, s->replicas);
    printf("set placement %s\n", one_in(2) ? "paper" : "lecture");
    printf("set rule %s\n", one_in(2) ? "paper" : "lecture");
    printf("set mode %s\n", one_in(2) ? "recursive" : "iterative");
    printf("set join %s\n", one_in(4) ? "lecture" : "published");
}

static uint64_t fresh_id(const struct state *s)
{
    for (;;) {
        uint64_t id = random_next(&r) >> (s->bits < 64 ? 64 - s->bits : 0);
        bool taken = false;
        for (unsigned i = 0; i < s->count; i++)
            taken = taken || s->id[i] == id;
        if (!taken)
            return id;
    }
}

static void add_node(struct state *s)
{
    /* Through a node that lives to the end, so that who restarts finds it. */
    unsigned i = s->count, at = below(i < 3 ? i : 3);

    s->id[i] = fresh_id(s);
    printf("at %ums node n%u id=%" PRIu64 "%s", s->now_ms, i, s->id[i],
           i < 3 ? " keep" : "");
    if (i > 0)
        printf(" join=n%u", at);
    printf("\n");
    s->live[i] = true;
    s->count++;
}

static void start(struct state *s)
{
    unsigned wanted = 4 + below(one_in(4) ? 26 : 9);
    bool warm = one_in(2);

    while (s->count < wanted) {
        add_node(s);
        s->now_ms += warm ? 0 : 100 + below(400);
    }
    if (warm)
        printf("at %ums warm\n", s->now_ms);
    s->now_ms += warm ? 1000 : 20000 + 1000 * wanted * s->vnodes;
}

static void put_values(struct state *s)
{
    for (unsigned i = 0; i < VALUES; i++) {
        printf("at %ums n%u put value%u content-%u\n", s->now_ms, some_live(s),
               i, i);
        s->now_ms += below(500);
    }
    s->now_ms += 32000; /* every command has its answer by then */
}

/* As many as may die at once, all at once. */
static void crash_some(struct state *s)
{
    unsigned most = s->replicas, n;

    if (live_count(s) < 5)
        return;
    if (most > live_count(s) - 4)
        most = live_count(s) - 4;
    n = 1 + below(most);
    for (unsigned i = 0; i < n; i++) {
        unsigned who = some_live(s);
        if (who < 3)
            continue;
        printf("at %ums %s n%u\n", s->now_ms, one_in(2) ? "crash" : "vanish",
               who);
        s->live[who] = false;
    }
    s->now_ms += 25000; /* time to notice and to copy */
}

static void restart_one(struct state *s)
{
    for (unsigned i = 3; i < s->count; i++) {
        if (s->live[i] || s->left[i] || one_in(2))
            continue;
        printf("at %ums restart n%u\n", s->now_ms, i);
        s->live[i] = true;
        s->now_ms += below(3000);
        return;
    }
}

static void leave_one(struct state *s)
{
    unsigned who = some_live(s);

    if (who < 3 || live_count(s) < 5)
        return;
    printf("at %ums leave n%u\n", s->now_ms, who);
    s->live[who] = false;
    s->left[who] = true;
    s->now_ms += 6000 + below(10000);
}

static void group(const struct state *s, const bool in[NODES_MAX], bool which)
{
    bool any = false;

    for (unsigned i = 0; i < s->count; i++) {
        if (!s->live[i] || in[i] != which)
            continue;
        printf("%sn%u", any ? "," : "", i);
        any = true;
    }
}

static void partition(struct state *s)
{
    bool in[NODES_MAX] = {false};

    for (unsigned i = 0; i < s->count; i++)
        in[i] = one_in(2);
    in[0] = true; /* always live, both of them */
    in[1] = false;
    printf("at %ums partition ", s->now_ms);
    group(s, in, true);
    printf(" | ");
    group(s, in, false);
    printf("\n");
    s->now_ms += 500 + below(40000);
    printf("at %ums heal\n", s->now_ms);
    s->now_ms += below(10000);
}

/* No more die than come.  Where a ring shrinks to a handful, all of a node's
   successors can die before it has heard of others, and it is a ring of its
   own for ever: the protocol cannot join two rings, and promises nothing. */
static void churn(struct state *s)
{
    unsigned seconds = 10 + below(60), join = 1 + below(5);

    printf("at %ums churn join 0.%u/s fail 0.%u/s for %us\n", s->now_ms, join,
           1 + below(join), seconds);
    s->now_ms += seconds * 1000;
}

/* Crashes up to what copies stand, and goodbyes and newcomers. */
static void deaths(struct state *s)
{
    unsigned rounds = below(8);
    bool crash = !one_in(4), leave = one_in(2), join = one_in(2);

    for (unsigned i = 0; i < rounds; i++) {
        if (crash && one_in(2))
            crash_some(s);
        if (one_in(2))
            restart_one(s);
        if (leave && one_in(3))
            leave_one(s);
        if (join && one_in(2) && s->count < NODES_MAX) {
            add_node(s);
            s->now_ms += below(4000);
        }
        s->now_ms += below(2000);
    }
}

static unsigned owner_of(const struct state *s, uint64_t key)
{
    unsigned owner = NODES_MAX, first = NODES_MAX; /* at or after; of all */

    for (unsigned i = 0; i < s->count; i++) {
        if (!s->live[i])
            continue;
        if (first == NODES_MAX || s->id[i] < s->id[first])
            first = i;
        if (s->id[i] >= key && (owner == NODES_MAX || s->id[i] < s->id[owner]))
            owner = i;
    }
    return owner == NODES_MAX ? first : owner;
}

/* All is quiet: whoever is asked gives the right answer. */
static void judge(const struct state *s, bool owners_known, bool values_kept)
{
    printf("expect invariants\n");
    for (unsigned i = 0; i < 6; i++) {
        uint64_t key = random_next(&r) >> (s->bits < 64 ? 64 - s->bits : 0);
        for (unsigned k = 0; k < 3; k++) {
            printf("after %ums expect n%u lookup %" PRIu64, below(300),
                   owners_known ? some_live(s) : k, key);
            if (owners_known)
                printf(" owner=n%u", owner_of(s, key));
            printf("\n");
        }
    }
    for (unsigned i = 0; i < VALUES && values_kept; i++)
        printf("expect n%u get value%u value=content-%u\n", some_live(s), i, i);
}

int main(int argc, char **argv)
{
    struct state s = {0};

    if (!sweep_begin(argc, argv))
        return 2;
    settings(&s);
    weather(false);
    unsigned kind = below(8); /* 0, 1: churn; 2: partition; else deaths */
    start(&s);
    put_values(&s);
    if (kind == 2)
        partition(&s);
    else if (kind < 2)
        churn(&s);
    else
        deaths(&s);
    printf("at %ums ", s.now_ms);
    weather(true);
    printf("run until quiet\n");
    judge(&s, kind >= 2 && s.vnodes == 1, kind >= 2);
    return 0;
}
