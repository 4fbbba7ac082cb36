/* What time it is, for hosts and people; nodes ask theirs (host_now). */
#ifndef COMMON_CLOCK_H
#define COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_us(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Since some moment; never goes back. */
static inline uint64_t clock_us(void)
{
    return clock_read_us(CLOCK_MONOTONIC);
}

/* Since 1970. */
static inline uint64_t wall_clock_us(void)
{
    return clock_read_us(CLOCK_REALTIME);
}

#endif
