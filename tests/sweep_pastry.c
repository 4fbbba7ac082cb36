/*
 * One scenario of Pastry's sweep (sweep.h): nodes, values put into them, then
 * faults; at last the faults end, and all invariants must hold again.
 *
 * The first three nodes live for ever, so that who joins or restarts finds
 * one.  Values must survive as long as fewer nodes die at once than there are
 * copies, with time for repair between.
 */
#include "tests/sweep.h"

#define NODES_MAX 40

static unsigned count, now_ms;
static bool live[NODES_MAX];

static void add_node(void)
{
    printf("at %ums node n%u%s", now_ms, count, count < 3 ? " keep" : "");
    if (count > 0)
        printf(" join=n%u", below(count < 3 ? count : 3));
    printf("\n");
    live[count++] = true;
}

/* A node that may die; 0: none. */
static unsigned victim(void)
{
    for (unsigned tries = 0; tries < 50; tries++) {
        unsigned i = 3 + below(count);
        if (i < count && live[i])
            return i;
    }
    return 0;
}

static void fault(void)
{
    unsigned i = victim();

    if (i == 0 || (one_in(4) && count < NODES_MAX)) {
        if (count < NODES_MAX)
            add_node();
        return;
    }
    printf("at %ums %s n%u\n", now_ms,
           one_in(3)   ? "leave"
           : one_in(2) ? "vanish"
                       : "crash",
           i);
    live[i] = false;
    if (one_in(3)) {
        now_ms += 6000 + below(20000);
        printf("at %ums restart n%u\n", now_ms, i);
        live[i] = true;
    }
}

int main(int argc, char **argv)
{
    static const unsigned bases[] = {2, 4, 8, 16};

    if (!sweep_begin(argc, argv))
        return 2;
    printf("set base %u\nset digits %u\n", bases[below(4)], 24 + below(16));
    printf("set leafset %u\n", 8 + 2 * below(5));
    printf("set neighbours %u\n", below(9));
    printf("set proximity %s\n", one_in(3) ? "off" : "on");
    printf("set replicas 3\n");
    weather(one_in(3));
    unsigned wanted = 4 + below(26);
    while (count < wanted) {
        add_node();
        now_ms += 100 + below(400);
    }
    now_ms += 60000;
    for (unsigned i = 0; i < 4; i++)
        printf("at %ums n%u put value%u text %u\n", now_ms, below(3), i, i);
    now_ms += 40000;
    for (unsigned i = below(8); i > 0; i--) {
        fault();
        now_ms += 60000; /* time for repair */
    }
    printf("at %ums loss 0%%\n", now_ms);
    printf("run until quiet\nafter 1ms expect invariants\n");
    for (unsigned i = 0; i < 4; i++)
        printf("after 1ms expect n%u get value%u\n", below(3), i);
    return 0;
}
