/*
 * One scenario of Kelips' sweep: groups of any number, files, then deaths,
 * leaves, restarts, a partition or churn in any weather; at last the faults
 * end, and every view, contact and tuple must be right again, and every file
 * whose home lives must be found, by everybody, there.
 */
#include "tests/sweep.h"

#define NODES_MAX 30
#define FILES 6

struct state {
    unsigned count, now_ms, home[FILES];
    bool live[NODES_MAX + 10];
};

static unsigned some_live(const struct state *s)
{
    for (;;) {
        unsigned i = below(s->count);
        if (s->live[i])
            return i;
    }
}

static void settings(void)
{
    printf("set groups %u\nset contacts %u\n", 1 + below(5), 1 + below(3));
    if (one_in(3))
        printf("set ration_group 4\nset ration_contact 2\n");
    if (one_in(3))
        printf("set period %ums\n", 500 + below(3000));
}

static void start(struct state *s)
{
    s->count = 12 + below(NODES_MAX - 12);
    printf("node n0 id=0\n"); /* ids in turn: no group is empty */
    for (unsigned i = 1; i < s->count; i++)
        printf("at %ums node n%u id=%u join=n0\n", i * 50, i, i);
    for (unsigned i = 0; i < s->count; i++)
        s->live[i] = true;
    s->now_ms = 60000;
    /* Files of nodes that live to the end. */
    for (unsigned i = 0; i < FILES; i++) {
        s->home[i] = below(s->count / 2);
        printf("at %ums n%u insert file%u content-%u\n", s->now_ms, s->home[i],
               i, i);
        s->now_ms += below(500);
    }
    s->now_ms += 60000;
}

/* Of the second half, which is the home of nothing. */
static void faults(struct state *s)
{
    static const char *const kinds[] = {"crash", "vanish", "leave"};

    for (unsigned i = 0, n = 1 + below(6); i < n; i++) {
        unsigned who = s->count / 2 + below(s->count - s->count / 2);
        printf("at %ums ", s->now_ms);
        if (s->live[who])
            printf("%s n%u\n", kinds[below(3)], who);
        else
            printf("restart n%u\n", who);
        s->live[who] = !s->live[who];
        s->now_ms += below(20000);
    }
}

static void partition(struct state *s)
{
    printf("at %ums partition n0", s->now_ms);
    for (unsigned i = 1; i < s->count / 2; i++)
        printf(",n%u", i);
    printf(" | n%u\n", s->count - 1);
    s->now_ms += below(200000);
    printf("at %ums heal\n", s->now_ms);
}

int main(int argc, char **argv)
{
    struct state s = {0};

    if (!sweep_begin(argc, argv))
        return 2;
    settings();
    start(&s);
    printf("at %ums ", s.now_ms);
    weather(false);
    if (one_in(4))
        partition(&s);
    else
        faults(&s);
    s.now_ms += 6000; /* a leave takes 5 s at most */
    printf("at %ums ", s.now_ms);
    weather(true);
    printf("run until quiet\nexpect invariants\n");
    for (unsigned i = 0; i < FILES; i++)
        for (unsigned k = 0; k < 3; k++)
            printf("after %ums expect n%u get file%u owner=n%u "
                   "value=content-%u\n",
                   below(300), some_live(&s), i, s.home[i], i);
    return 0;
}
