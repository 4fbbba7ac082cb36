/*
 * One scenario of the sweep for Napster: a server, users with files and
 * without, some behind firewalls; then deaths of users and of the server,
 * partings, searches, transfers; at last all is calm, and the directory must
 * list exactly what those who are here share.
 */
#include "tests/sweep.h"

#define NODES_MAX 40

static bool live[NODES_MAX], walled[NODES_MAX], server_up = true;
static unsigned count, now_ms;

static void add_node(void)
{
    unsigned i = count++;
    bool keep = i < 2; /* it shares what all search for, or searches */

    walled[i] = !keep && one_in(4);
    printf("at %ums node n%u join=server speed=%u%s%s", now_ms, i, below(11),
           keep ? " keep" : "", walled[i] ? " firewalled=yes" : "");
    if (i == 0)
        printf(" share=common-song.ogg:96KiB,zero.ogg:0KiB");
    else if (i > 1 && !one_in(4))
        printf(" share=file%u-song.ogg:%uKiB,common-song.ogg:96KiB", i,
               1 + below(400));
    if (!keep && one_in(4))
        printf(" register=yes");
    printf("\n");
    live[i] = true;
    now_ms += below(800);
}

static void server_fault(void)
{
    if (server_up)
        printf("at %ums %s server\n", now_ms, one_in(2) ? "crash" : "vanish");
    else
        printf("at %ums restart server\n", now_ms);
    server_up = !server_up;
}

static void user_fault(void)
{
    static const char *const ends[] = {"crash", "vanish", "leave"};
    unsigned who = 2 + below(count - 2);

    if (live[who])
        printf("at %ums %s n%u\n", now_ms, ends[below(3)], who);
    else /* without the server it tries again until that is back */
        printf("at %ums restart n%u\n", now_ms, who);
    live[who] = !live[who];
    now_ms += 6000; /* who leaves has time to do it */
}

static void ask(unsigned who)
{
    switch (below(8)) {
    case 0:
        printf("at %ums n%u browse n%u\n", now_ms, who, below(count));
        break;
    case 1:
        printf("at %ums n%u get %u\n", now_ms, who, 1 + below(9));
        break;
    case 2:
        printf("at %ums n%u get common-song.ogg\n", now_ms, who);
        break;
    case 3:
        printf("at %ums n%u unshare common-song.ogg\n", now_ms, who);
        break;
    case 4:
        printf("at %ums n%u join room\nat %ums n%u say room hello\n", now_ms,
               who, now_ms + 200, who);
        now_ms += 200;
        break;
    case 5:
        printf("at %ums n%u list n%u\n", now_ms, who, below(count));
        break;
    case 6:
        printf("at %ums n%u hotlist n%u\n", now_ms, who, below(count));
        break;
    default:
        printf("at %ums n%u search %s\n", now_ms, who,
               one_in(2) ? "song" : "common ogg");
    }
}

int main(int argc, char **argv)
{
    if (!sweep_begin(argc, argv))
        return 2;
    if (one_in(3))
        printf("set quantum 1\n");
    if (one_in(3))
        printf("bandwidth up %ukB/s down %ukB/s\n", 20 + below(300),
               20 + below(600));
    printf("# commands may fail\nset results %u\nnode server role=server\n",
           1 + below(100));
    unsigned nodes = 4 + below(one_in(4) ? 30 : 10), faults = below(14);
    while (count < nodes)
        add_node();
    now_ms += 3000;
    for (unsigned i = 0; i < faults; i++) {
        if (one_in(5))
            server_fault();
        else if (one_in(3))
            user_fault();
        else if (count < NODES_MAX && one_in(3))
            add_node();
        for (unsigned k = below(4); k > 0; k--)
            ask(below(count) % (one_in(2) ? 2 : count));
        now_ms += below(8000);
    }
    if (!server_up)
        printf("at %ums restart server\n", now_ms);
    now_ms += 200000; /* streams to the vanished end, all log in again */
    printf("at %ums expect n1 search common song\n", now_ms);
    now_ms += 10000;
    printf("at %ums expect n1 browse n0\n", now_ms);
    printf("run until quiet\nexpect invariants\n");
    return 0;
}
