/* The keystream of cipher type 1; see cipher.h. */
#include "fasttrack/cipher.h"

#include <stdbool.h>

#define WORDS 64u /* 2048 bits, the least significant first */

struct number {
    uint32_t word[WORDS];
};

/* Source: reference, section 2: N, an RSA modulus by its looks. */
static const struct number modulus = {
    {0xeb96841d, 0x31c4a05e, 0x193bbd8f, 0xbf77b6d6, 0x96d7f927, 0xe569c5fc,
     0x5efa55ff, 0xba1519a1, 0x1b32a36f, 0xe84b25f8, 0x8d5b5eb2, 0xc11f00e3,
     0x19d2974d, 0xe7ee26ad, 0xbc8c0457, 0x91fd3a9e, 0x6e37192e, 0xe475aa9e,
     0x72f554fc, 0x695b3ca2, 0xf97bb445, 0x69f29f9a, 0xb15e2216, 0x390a5a36,
     0x2c0054b3, 0x363dc15e, 0xd238b5b8, 0xe957a9b5, 0x0032a3df, 0x8781ab21,
     0x0a7703d8, 0x5250e6fe, 0xb42d2df0, 0x10a931f8, 0x1e4970e5, 0xc3741ca7,
     0x8606342a, 0xd61a7055, 0x18e4dd48, 0x0829ee6d, 0x8443fd05, 0xe9db6341,
     0xde3c6725, 0xa4037cdb, 0x96e537a7, 0xed64060a, 0xda2d7944, 0x51be98b0,
     0x315d5780, 0xb6a31787, 0x4d23ffc1, 0xdbd26bb0, 0xde7aa2fe, 0x71a157ac,
     0x19288512, 0x0d7a0050, 0x522f69d1, 0xdd331dd5, 0x96e62735, 0xc6f2dc0e,
     0xae08473d, 0x0a532f6a, 0x34eb20ca, 0xd453ec0a}};

/* a += b; the carry out of the top. */
static uint32_t add(struct number *a, const struct number *b)
{
    uint64_t carry = 0;

    for (unsigned i = 0; i < WORDS; i++) {
        carry += (uint64_t)a->word[i] + b->word[i];
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return (uint32_t)carry;
}

static bool is_below(const struct number *a, const struct number *b)
{
    unsigned i = WORDS - 1;

    while (i > 0 && a->word[i] == b->word[i])
        i--;
    return a->word[i] < b->word[i];
}

/* a += b mod N, both below N. */
static void add_mod(struct number *a, const struct number *b)
{
    uint32_t carry = add(a, b);
    uint64_t borrow = 0;

    if (carry == 0 && is_below(a, &modulus))
        return;
    for (unsigned i = 0; i < WORDS; i++) {
        uint64_t d = (uint64_t)a->word[i] - modulus.word[i] - borrow;
        a->word[i] = (uint32_t)d;
        borrow = d >> 63;
    }
}

/* a * b mod N, a bit of `b` at a time: slow, short, and once a session. */
static struct number multiply(const struct number *a, const struct number *b)
{
    struct number sum = {{0}};

    for (unsigned bit = 32 * WORDS; bit-- > 0;) {
        struct number same = sum;
        add_mod(&sum, &same);
        if ((b->word[bit / 32] >> bit % 32 & 1) != 0)
            add_mod(&sum, a);
    }
    return sum;
}

static uint32_t step(uint32_t state)
{
    return 0x10dcdu * state + 0x4271u;
}

/* Sort five bytes of the pad, and overwrite every third. */
static void mix(struct cipher *c, unsigned at)
{
    for (unsigned i = at + 1; i < at + 5; i++)
        for (unsigned k = i; k > at; k--) {
            uint8_t low = c->pad[k], high = c->pad[k - 1];
            if ((low ^ 0x20) >= (high ^ 0x20))
                break;
            c->pad[k - 1] = low;
            c->pad[k] = high;
        }
    for (unsigned i = 5; i < PAD_BYTES; i += 3)
        c->pad[i] = (uint8_t)((~c->pad[i] + i) | 1u);
}

void fasttrack_cipher_begin(struct cipher *c, uint32_t seed)
{
    struct number key = {{0}};
    bool odd = false;

    for (unsigned i = 0; i < 255; i++) {
        seed = step(seed);
        key.word[i / 4] |= (seed >> 17) % 0xe0 << 8 * (i % 4);
    }
    key.word[WORDS - 1] |= 1u << 24; /* so the key is below N */
    struct number square = multiply(&key, &key);
    struct number cube = multiply(&square, &key);
    for (unsigned i = 0; i < PAD_BYTES; i++) {
        c->pad[i] = (uint8_t)(cube.word[i / 4] >> 8 * (i % 4));
        odd = odd || (c->pad[i] & 1) != 0;
    }
    if (!odd)
        c->pad[0] |= 0x71;
    c->at = (uint8_t)((step(seed) >> 16) * PAD_BYTES >> 16);
    mix(c, (c->at * c->at + 2u) % 59);
}

static uint8_t next(struct cipher *c)
{
    c->pad[c->at] += c->pad[(c->at + 62u) % PAD_BYTES];
    uint8_t x = c->pad[c->at];
    if (c->at == 7 && (x & 0x70) == 0) {
        unsigned q = x + (unsigned)c->pad[2];
        mix(c, (q * q + 2) % 59);
    }
    c->at = (uint8_t)((c->at + 1u) % PAD_BYTES);
    return x;
}

void fasttrack_cipher_run(struct cipher *c, const uint8_t *in, uint8_t *out,
                          size_t len)
{
    for (size_t i = 0; i < len; i++)
        out[i] = in[i] ^ next(c);
}
