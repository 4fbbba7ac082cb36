/* Identifiers on a circle; see id.h. */
#include "common/id.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"

struct id id_of(uint64_t value)
{
    return (struct id){
        .word = {[3] = (uint32_t)(value >> 32), [4] = (uint32_t)value}};
}

uint64_t id_low(struct id a)
{
    return (uint64_t)a.word[3] << 32 | a.word[4];
}

static void shift_right(struct id *a, unsigned by)
{
    unsigned words = by / 32, bits = by % 32;

    for (unsigned i = ID_WORDS; i-- > 0;) {
        uint64_t low = i >= words ? a->word[i - words] : 0;
        uint64_t high = i > words ? a->word[i - words - 1] : 0;
        a->word[i] = (uint32_t)((high << 32 | low) >> bits);
    }
}

/* Clear all but the low `bits` bits. */
static void cut(struct id *a, unsigned bits)
{
    for (unsigned i = 0; i < ID_WORDS; i++) {
        unsigned below = 32 * (ID_WORDS - 1 - i); /* bits under this word */
        if (bits <= below)
            a->word[i] = 0;
        else if (bits < below + 32)
            a->word[i] &= (UINT32_C(1) << (bits - below)) - 1;
    }
}

struct id id_of_digest(const uint8_t digest[ID_BYTES_MAX], unsigned bits)
{
    struct id a;

    assert(bits >= 1 && bits <= ID_BITS_MAX);
    (void)id_read(&a, ID_BITS_MAX, digest);
    shift_right(&a, ID_BITS_MAX - bits);
    return a;
}

struct id id_hash(const void *data, size_t len, unsigned bits)
{
    uint8_t digest[SHA1_BYTES];

    hash_sha1(digest, data, len);
    return id_of_digest(digest, bits);
}

struct id id_of_addr(struct addr a, unsigned vnode, unsigned bits)
{
    const uint8_t bytes[8] = {(uint8_t)(a.ip >> 24),  (uint8_t)(a.ip >> 16),
                              (uint8_t)(a.ip >> 8),   (uint8_t)a.ip,
                              (uint8_t)(a.port >> 8), (uint8_t)a.port,
                              (uint8_t)(vnode >> 8),  (uint8_t)vnode};

    return id_hash(bytes, vnode == 0 ? 6 : 8, bits);
}

int id_compare(const struct id *a, const struct id *b)
{
    for (unsigned i = 0; i < ID_WORDS; i++)
        if (a->word[i] != b->word[i])
            return a->word[i] < b->word[i] ? -1 : 1;
    return 0;
}

bool id_equal(const struct id *a, const struct id *b)
{
    return id_compare(a, b) == 0;
}

bool id_is_zero(const struct id *a)
{
    struct id zero = {{0}};

    return id_equal(a, &zero);
}

struct id id_add_power(struct id a, unsigned power, unsigned bits)
{
    assert(power < ID_BITS_MAX);
    uint64_t carry = UINT64_C(1) << (power % 32);

    for (unsigned i = ID_WORDS - power / 32; i-- > 0 && carry > 0;) {
        carry += a.word[i];
        a.word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    cut(&a, bits);
    return a;
}

struct id id_distance(struct id a, struct id b, unsigned bits)
{
    uint64_t borrow = 0;

    for (unsigned i = ID_WORDS; i-- > 0;) {
        uint64_t d = (uint64_t)a.word[i] - b.word[i] - borrow;
        a.word[i] = (uint32_t)d;
        borrow = d >> 63;
    }
    cut(&a, bits);
    return a;
}

bool id_in_open(const struct id *x, const struct id *a, const struct id *b)
{
    int ends = id_compare(a, b);

    if (ends < 0)
        return id_compare(a, x) < 0 && id_compare(x, b) < 0;
    if (ends > 0)
        return id_compare(a, x) < 0 || id_compare(x, b) < 0;
    return !id_equal(x, a);
}

bool id_in_half_open(const struct id *x, const struct id *a, const struct id *b)
{
    return id_equal(x, b) || id_in_open(x, a, b);
}

size_t id_bytes(unsigned bits)
{
    return (bits + 7) / 8;
}

/* Both go from the last word to the first, four bytes each; the first of
   all may have fewer. */
void id_write(const struct id *a, unsigned bits, uint8_t *out)
{
    size_t len = id_bytes(bits);
    unsigned i = ID_WORDS;

    for (; len >= 4; len -= 4) {
        uint32_t word = a->word[--i];
        out[len - 4] = (uint8_t)(word >> 24);
        out[len - 3] = (uint8_t)(word >> 16);
        out[len - 2] = (uint8_t)(word >> 8);
        out[len - 1] = (uint8_t)word;
    }
    for (uint32_t word = len > 0 ? a->word[i - 1] : 0; len > 0; word >>= 8)
        out[--len] = (uint8_t)word;
}

bool id_read(struct id *a, unsigned bits, const uint8_t *in)
{
    size_t len = id_bytes(bits);
    struct id read = {{0}};
    unsigned i = ID_WORDS;

    assert(len <= ID_BYTES_MAX);
    for (; len >= 4; len -= 4)
        read.word[--i] = (uint32_t)in[len - 4] << 24 |
                         (uint32_t)in[len - 3] << 16 |
                         (uint32_t)in[len - 2] << 8 | in[len - 1];
    for (size_t k = 0; k < len; k++)
        read.word[i - 1] = read.word[i - 1] << 8 | in[k];
    *a = read;
    if (bits % 8 == 0)
        return true; /* no byte has room for more */
    cut(a, bits);
    return id_equal(a, &read);
}

unsigned id_bits_at(const struct id *a, unsigned low, unsigned width)
{
    unsigned at = low / 32;
    uint64_t both = 0;

    if (at < ID_WORDS)
        both = a->word[ID_WORDS - 1 - at];
    if (at + 1 < ID_WORDS)
        both |= (uint64_t)a->word[ID_WORDS - 2 - at] << 32;
    return (unsigned)(both >> low % 32 & ((UINT64_C(1) << width) - 1));
}

void id_text(struct text *t, const struct id *a, unsigned bits)
{
    unsigned width = bits >> 8;

    if (width > 0) {
        for (unsigned low = ID_PLAIN_BITS(bits); low >= width;)
            text_char(t,
                      "0123456789abcdef"[id_bits_at(a, low -= width, width)]);
        return;
    }
    if (bits <= 32) {
        text_u64(t, a->word[ID_WORDS - 1]);
        return;
    }
    text_add(t, "0x");
    for (size_t low = (bits + 3) / 4; low-- > 0;) /* hex digits, high first */
        text_char(t, "0123456789abcdef"[a->word[ID_WORDS - 1 - low / 8] >>
                                            (4 * (low % 8)) &
                                        15]);
}

/* a = a * base + digit; false when that leaves 160 bits. */
static bool push_digit(struct id *a, uint32_t base, uint32_t digit)
{
    uint64_t carry = digit;

    for (unsigned i = ID_WORDS; i-- > 0;) {
        carry += (uint64_t)a->word[i] * base;
        a->word[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0;
}

static const char digits[] = "0123456789abcdefABCDEF";

/* All digits, of bits / width, and no prefix. */
static bool parse_digits(struct id *a, unsigned bits, unsigned width,
                         const char *s)
{
    if (strlen(s) != bits / width)
        return false;
    for (; *s != '\0'; s++) {
        const char *at = memchr(digits, *s, (size_t)1 << width);
        if (at == NULL)
            return false;
        if (!push_digit(a, 1U << width, (uint32_t)(at - digits)))
            return false;
    }
    return true;
}

bool id_parse(struct id *a, unsigned bits, const char *s)
{
    bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');

    memset(a, 0, sizeof *a);
    if (bits >> 8 > 0)
        return parse_digits(a, ID_PLAIN_BITS(bits), bits >> 8, s);
    s += hex ? 2 : 0;
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++) {
        const char *at = memchr(digits, *s, hex ? 22 : 10);
        if (at == NULL)
            return false;
        uint32_t digit = (uint32_t)(at - digits);
        if (!push_digit(a, hex ? 16 : 10, digit > 15 ? digit - 6 : digit))
            return false;
    }
    struct id whole = *a;
    cut(a, bits);
    return id_equal(a, &whole);
}
