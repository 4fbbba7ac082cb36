/*
 * Seeded random numbers (SplitMix64: one word of state, and every seed is as
 * good as any other).  Never for secrets.
 *
 * Source: Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, OOPSLA 2014.
 */
#ifndef COMMON_RANDOM_H
#define COMMON_RANDOM_H

#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline uint64_t random_next(struct random *r)
{
    r->state += UINT64_C(0x9e3779b97f4a7c15);
    return random_mix(r->state);
}

/* A number in [0, bound); 0 for bound 0.  The bias is below bound / 2^64. */
static inline uint64_t random_below(struct random *r, uint64_t bound)
{
    return bound == 0 ? 0 : random_next(r) % bound;
}

#endif
