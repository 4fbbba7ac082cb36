/*
 * What the generators of sweep scenarios share.  tests/sweep_PROTOCOL.c is a
 * program that prints one scenario for a seed:
 *
 *     usage: sweep_PROTOCOL SEED > FILE
 *
 * It draws settings of all kinds and faults, some seeds without some kinds
 * and some with many; at last the faults end, and `expect` lines say what
 * must be right again.  tests/sweep runs it for many seeds.
 */
#ifndef TESTS_SWEEP_H
#define TESTS_SWEEP_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/random.h"

static struct random r;

static inline unsigned below(unsigned n)
{
    return (unsigned)random_below(&r, n);
}

static inline bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* Loss and its kin, of datagrams; none of it when `calm`. */
static inline void weather(bool calm)
{
    static const unsigned loss[] = {0, 0, 1, 5, 10};

    printf("loss %u%%\n", calm ? 0 : loss[below(5)]);
    printf("duplicate %u%%\n", calm ? 0 : below(2) * below(6));
    printf("reorder %u%%\n", calm ? 0 : below(2) * below(6));
    printf("jitter %ums\n", calm ? 0 : below(2) * below(40));
}

/* What may happen to node n`who`, by `kind`: 0 and 1, it dies; 2, it leaves
   and comes again; 3, it comes back from the dead. */
static inline void come_and_go(unsigned kind, unsigned who, bool live[],
                               unsigned *now_ms)
{
    if (kind < 2) {
        if (live[who])
            printf("at %ums %s n%u\n", *now_ms, one_in(2) ? "crash" : "vanish",
                   who);
        live[who] = false;
    } else if (kind == 2) {
        if (live[who])
            printf("at %ums leave n%u\nat %ums restart n%u\n", *now_ms, who,
                   *now_ms + 6000, who);
        *now_ms += 7000;
    } else {
        if (!live[who])
            printf("at %ums restart n%u\n", *now_ms, who);
        live[who] = true;
    }
}

/* The first lines; false when there is no seed. */
static inline bool sweep_begin(int argc, char **argv)
{
    if (argc != 2)
        return false;
    r.state = strtoull(argv[1], NULL, 10);
    printf("title sweep %s\nseed %s\n", argv[1], argv[1]);
    return true;
}

#endif
