/*
 * Query routing (0.6): a leaf tells its ultrapeer which words its files hold,
 * as a table of hash slots, so that it is asked only what it may have.
 *
 * Source: reference, "QRP (0x30)".  Both sides begin with all slots at
 * `infinity`; a PATCH adds a signed number to each; a slot below infinity
 * means "a word that hashes to here may occur".  We keep a byte a slot.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/deflate.h"
#include "common/words.h"

#define INFINITY_OURS 2 /* with -1 in 4 bits for a word, as [gtk] */
#define PATCH_MARK 0x0f
#define WORD_MIN 3 /* letters; and trailing letters taken off: */
#define CUTS 3
#define PATCHES_MAX 255
#define SLOTS (1u << TABLE_BITS)

/* A leaf's table, and the patches that are under way. */
struct words {
    uint32_t slots; /* a power of two */
    uint8_t bits_log, infinity;
    uint8_t sequence, sequences; /* the last one taken, of so many */
    uint8_t compressor, bits;
    bool complete; /* until then it is asked everything */
    uint8_t *data; /* patches so far, put together */
    uint32_t data_len, data_cap;
    uint8_t slot[];
};

uint32_t gnutella_qrp_hash(const uint8_t *word, size_t len, unsigned bits)
{
    uint32_t x = 0;

    for (size_t i = 0; i < len; i++)
        x ^= (uint32_t)word_lower(word[i]) << 8 * (i % 4);
    return bits > 0 ? x * UINT32_C(0x4F1BBCDC) >> (32 - bits) : 0;
}

void gnutella_qrp_free(struct host *h, struct link *l)
{
    struct words *w = l->words;

    if (w == NULL)
        return;
    if (w->data != NULL)
        host_free(h, w->data, w->data_cap);
    host_free(h, w, sizeof *w + w->slots);
    l->words = NULL;
}

/* -- The leaf's side ----------------------------------------------------- */

static void mark(uint8_t *table, const uint8_t *word, size_t len)
{
    uint32_t slot = gnutella_qrp_hash(word, len, TABLE_BITS);

    table[slot / 2] |= (uint8_t)(slot % 2 == 0 ? PATCH_MARK << 4 : PATCH_MARK);
}

static void mark_name(uint8_t *table, const char *name)
{
    const uint8_t *s = (const uint8_t *)name;

    for (size_t at = 0, len; (len = word_cut(s, strlen(name), &at)) > 0;)
        for (size_t cut = 0; cut <= CUTS && len >= WORD_MIN + cut; cut++)
            mark(table, s + at - len, len - cut);
}

void gnutella_qrp_send(struct gnutella *n, struct host *h, struct link *l)
{
    struct gnutella_msg m = {.type = GNUTELLA_ROUTE,
                             .ttl = 1,
                             .variant = ROUTE_RESET,
                             .slots = SLOTS,
                             .infinity = INFINITY_OURS};
    uint8_t table[SLOTS / 2] = {0}, packed[SLOTS];
    struct content c;

    gnutella_new_guid(h, m.guid);
    gnutella_route_send(n, h, l, &m);
    for (size_t i = 0; i < host_content_count(h); i++) {
        const uint8_t *sha1 = gnutella_transfer_sha1(n, (int)i);
        char urn[URN_BYTES];
        if (!host_content(h, (int)i, &c) || !c.complete)
            continue;
        mark_name(table, c.name);
        if (sha1 != NULL) {
            gnutella_urn_write(sha1, urn);
            mark(table, (const uint8_t *)urn, strlen(urn));
        }
    }
    int len = deflate_whole(h, table, sizeof table, packed, sizeof packed);
    if (len < 0)
        return;
    m = (struct gnutella_msg){.type = GNUTELLA_ROUTE,
                              .ttl = 1,
                              .variant = ROUTE_PATCH,
                              .sequence = 1,
                              .sequences = 1,
                              .compressor = 1,
                              .bits = 4,
                              .data = {packed, (size_t)len}};
    gnutella_new_guid(h, m.guid);
    gnutella_route_send(n, h, l, &m);
    l->words_told = n->words_version;
    host_note(h, "tells its ultrapeer the words of its files");
}

void gnutella_qrp_changed(struct gnutella *n, struct host *h)
{
    n->words_version++;
    if (n->role != ROLE_LEAF || n->words_us != NEVER)
        return;
    n->words_us = host_now(h) + WORDS_US;
    gnutella_arm(n, h);
}

void gnutella_qrp_expire(struct gnutella *n, struct host *h)
{
    if (n->words_us > host_now(h))
        return;
    n->words_us = NEVER;
    for (struct link *l = n->links; l != NULL; l = l->next)
        if (gnutella_link_is_up(l) && l->peer == ROLE_ULTRAPEER &&
            l->words_told != n->words_version)
            gnutella_qrp_send(n, h, l);
}

/* -- The ultrapeer's side ------------------------------------------------ */

static bool reset(struct host *h, struct link *l, const struct gnutella_msg *m)
{
    uint8_t log = 0;

    gnutella_qrp_free(h, l);
    if (m->slots == 0 || (m->slots & (m->slots - 1)) != 0 ||
        m->slots > TABLE_SLOTS_MAX || m->infinity == 0)
        return false;
    while (1u << log < m->slots)
        log++;
    struct words *w = host_alloc(h, sizeof *w + m->slots);
    if (w == NULL)
        return false;
    *w = (struct words){
        .slots = m->slots, .bits_log = log, .infinity = m->infinity};
    memset(w->slot, m->infinity, m->slots);
    l->words = w;
    return true;
}

/* Add the patch, which may hold no more and no less than the table. */
static bool apply(struct words *w, const uint8_t *data, uint32_t len)
{
    if (len != w->slots * w->bits / 8)
        return false;
    for (uint32_t i = 0; i < w->slots; i++) {
        int delta;
        if (w->bits == 8) {
            delta = data[i] < 128 ? data[i] : data[i] - 256;
        } else {
            int nibble = i % 2 == 0 ? data[i / 2] >> 4 : data[i / 2] & 15;
            delta = nibble < 8 ? nibble : nibble - 16;
        }
        int value = w->slot[i] + delta;
        w->slot[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
    }
    w->complete = true;
    return true;
}

static bool apply_all(struct host *h, struct words *w)
{
    uint32_t room = w->slots * w->bits / 8;

    if (w->compressor == 0)
        return apply(w, w->data, w->data_len);
    uint8_t *plain = host_alloc(h, room + 1); /* one more shows an excess */
    if (plain == NULL)
        return false;
    int len = deflate_in_whole(h, w->data, w->data_len, plain, room + 1);
    bool good = len >= 0 && apply(w, plain, (uint32_t)len);
    host_free(h, plain, room + 1);
    return good;
}

/* Keep the data of a patch; no more in all than a table plainly takes, and
   the little that zlib may add to it. */
static bool collect(struct host *h, struct words *w, struct span data)
{
    uint32_t most = w->slots + w->slots / 100 + 64;

    if (data.len > most - w->data_len)
        return false;
    if (!host_grow(h, &w->data, &w->data_cap, w->data_len + (uint32_t)data.len,
                   1))
        return false;
    if (data.len > 0)
        memcpy(w->data + w->data_len, data.at, data.len);
    w->data_len += (uint32_t)data.len;
    return true;
}

static bool patch(struct host *h, struct words *w, const struct gnutella_msg *m)
{
    if (m->sequence != w->sequence + 1 || m->sequence > m->sequences ||
        (m->sequence > 1 && m->sequences != w->sequences) ||
        m->compressor > 1 || (m->bits != 4 && m->bits != 8) ||
        w->slots * m->bits < 8)
        return false;
    w->sequence = m->sequence;
    w->sequences = m->sequences;
    w->compressor = m->compressor;
    w->bits = m->bits;
    if (!collect(h, w, m->data))
        return false;
    if (w->sequence < w->sequences)
        return true;
    bool good = apply_all(h, w);
    w->sequence = 0;
    w->data_len = 0;
    return good;
}

bool gnutella_qrp_receive(struct host *h, struct link *l,
                          const struct gnutella_msg *m)
{
    if (m->variant == ROUTE_RESET)
        return reset(h, l, m);
    return l->words != NULL && patch(h, l->words, m);
}

static bool has_word(const struct words *w, struct span word)
{
    return w->slot[gnutella_qrp_hash(word.at, word.len, w->bits_log)] <
           w->infinity;
}

bool gnutella_qrp_may_match(const struct link *l, const struct gnutella_msg *m)
{
    struct span extra = m->extra, word;
    uint8_t sha1[SHA1_BYTES];

    if (l->words == NULL || !l->words->complete)
        return true;
    if (extra.len > 0 && extra.at[extra.len - 1] == 0)
        extra.len--;
    while (gnutella_next_extension(&extra, &word))
        if (gnutella_urn(word, sha1) && !has_word(l->words, word))
            return false;
    for (size_t at = 0, len;
         (len = word_cut(m->text.at, m->text.len, &at)) > 0;)
        if (len >= WORD_MIN &&
            !has_word(l->words, (struct span){m->text.at + at - len, len}))
            return false;
    return true;
}
