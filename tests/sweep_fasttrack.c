/*
 * One scenario of the sweep for FastTrack: supernodes and ordinary nodes with
 * settings of all kinds, then deaths, newcomers, partitions; at last all is
 * calm: whoever can has a parent, lists hold what is here, and a search ends.
 */
#include "tests/sweep.h"

#define NODES_MAX 40

static bool live[NODES_MAX];
static unsigned count, now_ms;

static void add_node(void)
{
    static const unsigned kbps[] = {0, 33, 256, 5000};
    unsigned i = count++;

    printf("at %ums node n%u bandwidth=%u", now_ms, i, kbps[below(4)]);
    if (i < 3)
        printf(" keep role=supernode");
    else if (one_in(4))
        printf(" role=%s", one_in(3) ? "supernode" : "ordinary");
    if (i > 0)
        printf(" join=n%u", below(i < 3 ? i : 3));
    if (one_in(3))
        printf(" share=file%u.ogg:%uKiB,common-song.ogg:400KiB", i,
               1 + below(200));
    if (i >= 3 && one_in(6))
        printf(" firewalled=yes");
    if (i >= 3 && one_in(12))
        printf(" liar=yes");
    printf("\n");
    live[i] = true;
    now_ms += below(900);
}

static void fault(void)
{
    unsigned who = 3 + below(count - 3), kind = below(6);

    switch (kind) {
    case 4:
        if (count < NODES_MAX)
            add_node();
        break;
    case 5:
        printf("at %ums partition n0,n3 | n1,n2\nat %ums heal\n", now_ms,
               now_ms + 1000 + below(60000));
        now_ms += 62000;
        break;
    default:
        come_and_go(kind, who, live, &now_ms);
    }
    now_ms += below(8000);
}

int main(int argc, char **argv)
{
    static const char *const policies[] = {"threshold", "reputation", "random"};
    if (!sweep_begin(argc, argv))
        return 2;
    printf("set policy %s\nset children %u\nset redundancy %u\nset degree %u\n",
           policies[below(3)], 3 + below(12), 1 + below(2), 1 + below(4));
    printf("set plain %s\nset fanout %u\nset lists %us\nset ping %us\n",
           one_in(2) ? "on" : "off", 1 + below(8), 5 + below(60),
           10 + below(60));
    if (one_in(3))
        printf("set shuffle %us\n", 10 + below(60));
    if (one_in(3))
        printf("set quantum 1\n");
    weather(one_in(3));
    unsigned nodes = 5 + below(one_in(4) ? 25 : 8), faults = below(12);
    while (count < nodes)
        add_node();
    now_ms += 5000;
    for (unsigned i = 0; i < faults; i++)
        fault();
    now_ms += 300000; /* the vanished are noticed, all look once more */
    printf("at %ums loss 0%%\nat %ums duplicate 0%%\n", now_ms, now_ms);
    now_ms += 20000;
    printf("at %ums expect n%u search common song\n", now_ms, below(3));
    printf("run until %ums\nexpect invariants\n", now_ms + 20000);
    return 0;
}
