/*
 * One scenario of the sweep for BitTorrent: a tracker, a seed, peers of all
 * kinds, some who give nothing and some who lie; deaths, partings, returns,
 * of the seed and the tracker as well; at last all is calm, and every honest
 * peer that is up must come to have every piece, and have banned no more peers
 * than there are liars.
 */
#include "tests/sweep.h"

#define NODES_MAX 40

static bool live[NODES_MAX], honest[NODES_MAX];
static unsigned born_ms[NODES_MAX];
static bool tracker_up = true, origin_up = true;
static unsigned count, liars, now_ms, file_kib, piece_kib;

static const char *any_of(const char *const *words, unsigned n)
{
    return words[below(n)];
}

static void settings(void)
{
    static const char *const picker[] = {"rarest", "rarest", "random",
                                         "inorder"};
    static const char *const choker[] = {"titfortat", "titfortat", "none"};

    if (one_in(3)) /* bytes of a stream at a time; few are a step each */
        printf("set quantum %u\n", file_kib < 100 ? 1 : 200 + below(5000));
    if (one_in(3))
        printf("bandwidth up %ukB/s down %ukB/s\n", 50 + below(300),
               50 + below(600));
    printf("set picker %s\nset choker %s\nset slots %u\nset rechoke %us\n",
           any_of(picker, 4), any_of(choker, 3), 1 + below(5), 2 + below(10));
    printf("set optimistic %us\nset endgame %s\nset pex %s\nset dht %s\n",
           2 + below(40), one_in(4) ? "off" : "on", one_in(3) ? "off" : "on",
           one_in(3) ? "on" : "off");
    printf("set interval %us\nset piece %uKiB\n", 5 + below(30), piece_kib);
    if (one_in(2))
        printf("set upload %ukB/s\n", 50 + below(400));
    if (one_in(5))
        printf("set download %ukB/s\n", 100 + below(400));
}

static void add_node(void)
{
    unsigned i = count++, kind = below(10);
    unsigned from = 10 * below(10), to = from + 10 * (1 + below(3));

    honest[i] = i < 2 || kind > 2;
    live[i] = true;
    born_ms[i] = now_ms;
    printf("at %ums node n%u join=origin get=song.ogg", now_ms, i);
    if (honest[i] && one_in(4))
        printf(" share=song.ogg:%uKiB:%u%%-%u%%", file_kib, from,
               to > 100 ? 100 : to);
    else if (!honest[i] && kind == 0)
        printf(" choker=freerider");
    else if (!honest[i] && ++liars > 0)
        printf(" verify=off share=song.ogg:%uKiB:bad=%u%%-%u%%", file_kib, from,
               to > 100 ? 100 : to);
    printf("\n");
    now_ms += below(3000);
}

static void toggle(const char *name, bool *up)
{
    printf("at %ums %s %s\n", now_ms,
           !*up        ? "restart"
           : one_in(2) ? "crash"
                       : "vanish",
           name);
    *up = !*up;
}

/* Who comes back joins any node, and needs to have its .torrent by then: it
   is left alone until it has, and while the seed is away. */
static void fault(void)
{
    unsigned who = below(count);

    if (one_in(6))
        toggle("tracker", &tracker_up);
    else if (one_in(6))
        toggle("origin", &origin_up);
    else if (origin_up && now_ms > born_ms[who] + 8000)
        come_and_go(live[who] ? below(3) : 3, who, live, &now_ms);
}

int main(int argc, char **argv)
{
    if (!sweep_begin(argc, argv))
        return 2;
    file_kib = 1 + below(one_in(4) ? 90 : 1200);
    piece_kib = 16u << below(3);
    settings();
    weather(one_in(3));
    printf("node tracker role=tracker\n"
           "node origin join=tracker share=song.ogg:%uKiB\n",
           file_kib);
    now_ms = 1000;
    unsigned nodes = 3 + below(one_in(4) ? 25 : 8), faults = below(12);
    while (count < nodes)
        add_node();
    for (unsigned i = 0; i < faults; i++) {
        if (count < NODES_MAX && one_in(3))
            add_node();
        else
            fault();
        now_ms += below(8000);
    }
    now_ms += 10000;
    if (!tracker_up)
        toggle("tracker", &tracker_up);
    if (!origin_up)
        toggle("origin", &origin_up);
    now_ms += 1200000; /* streams to the vanished end; slow lines */
    unsigned pieces = (file_kib + piece_kib - 1) / piece_kib;
    for (unsigned i = 0; i < count; i++)
        if (live[i] && honest[i])
            printf("at %ums expect n%u show pieces=%u of=%u banned<=%u\n",
                   now_ms, i, pieces, pieces, liars);
    printf("at %ums expect invariants\nrun until %ums\n", now_ms,
           now_ms + 1000);
    return 0;
}
