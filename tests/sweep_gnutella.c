/*
 * One scenario of the sweep for Gnutella: an overlay with settings of all
 * kinds, files here and there, then deaths, partings, newcomers, partitions;
 * at last all is calm, and the overlay must stand: links mutual, everyone
 * with a neighbour.  A message that loops would never let the run end.
 */
#include "tests/sweep.h"

#define NODES_MAX 48

static bool live[NODES_MAX];
static unsigned count, now_ms;

static void add_node(bool modern)
{
    unsigned i = count++;

    printf("at %ums node n%u%s", now_ms, i, i < 3 ? " keep" : "");
    if (i > 0)
        printf(" join=n%u", below(i < 3 ? i : 3));
    if (one_in(3))
        printf(" share=file%u.ogg:%uKiB,common-song.ogg:64KiB", i,
               1 + below(200));
    if (i >= 3 && one_in(5))
        printf(" firewalled=yes");
    else if (modern && i >= 3 && one_in(3))
        printf(" role=leaf");
    printf("\n");
    live[i] = true;
    now_ms += below(600);
}

static void fault(bool modern)
{
    unsigned who = 3 + below(count - 3), kind = below(5);

    switch (kind) {
    case 4:
        if (count < NODES_MAX)
            add_node(modern);
        break;
    default:
        come_and_go(kind, who, live, &now_ms);
    }
    if (one_in(2))
        printf("at %ums n%u search common song\n", now_ms, below(3));
    if (one_in(4))
        printf("at %ums n%u ping\n", now_ms, below(3));
    now_ms += below(8000);
}

int main(int argc, char **argv)
{
    if (!sweep_begin(argc, argv))
        return 2;
    bool modern = one_in(2);
    printf("set version %s\nset degree %u\nset ttl %u\nset ping %us\n",
           modern ? "0.6" : "0.4", 1 + below(5), 2 + below(9), 5 + below(40));
    bool storm = one_in(4);
    if (storm)
        printf("set duplicates pass\nset ttl 4\nset degree 2\n");
    if (one_in(3) && !storm) /* byte by byte a storm takes minutes */
        printf("set quantum 1\n");
    if (modern && one_in(3))
        printf("set deflate off\n");
    unsigned nodes = 4 + below(one_in(4) ? 30 : 10), faults = below(12);
    while (count < nodes)
        add_node(modern);
    now_ms += 5000;
    for (unsigned i = 0; i < faults; i++)
        fault(modern);
    if (one_in(4)) {
        printf("at %ums partition n0,n3 | n1,n2\n", now_ms);
        now_ms += 1000 + below(70000);
        printf("at %ums heal\n", now_ms);
    }
    now_ms += 200000; /* streams to the vanished end, all ping again */
    printf("at %ums expect n%u search common song\n", now_ms, below(3));
    printf("run until quiet\nexpect invariants\n");
    return 0;
}
