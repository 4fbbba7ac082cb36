/* The DHT's routing table; see dht.h. */
#include "bittorrent/dht.h"

#include <string.h>

struct id dht_distance(const struct id *a, const struct id *b)
{
    struct id x;

    for (size_t i = 0; i < ID_WORDS; i++)
        x.word[i] = a->word[i] ^ b->word[i];
    return x;
}

unsigned dht_shared_bits(const struct id *a, const struct id *b)
{
    unsigned shared = 0;

    for (size_t i = 0; i < ID_WORDS; i++, shared += 32)
        for (uint32_t x = a->word[i] ^ b->word[i], bit = UINT32_C(1) << 31;
             x != 0; bit >>= 1, shared++)
            if ((x & bit) != 0)
                return shared;
    return shared;
}

/* -- Ids that fit addresses ---------------------------------------------- */

/* CRC-32C (Castagnoli), bit by bit: it is asked four bytes a node. */
static uint32_t crc32c(const uint8_t *data, size_t len)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < len; i++) {
        crc ^= data[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
    }
    return ~crc;
}

/* The 21 bits with which an id at this address begins, at the top.
   Source: [bep42]: who wants to choose an id must own the address for it. */
static uint32_t fitting(uint32_t ip, uint8_t r)
{
    uint32_t masked = (ip & UINT32_C(0x030f3fff)) | (uint32_t)(r & 7) << 29;
    const uint8_t bytes[4] = {(uint8_t)(masked >> 24), (uint8_t)(masked >> 16),
                              (uint8_t)(masked >> 8), (uint8_t)masked};

    return crc32c(bytes, sizeof bytes) & UINT32_C(0xfffff800);
}

struct id dht_id_for(uint32_t ip, const uint64_t chance[3])
{
    struct id id;

    for (size_t i = 0; i < ID_WORDS; i++)
        id.word[i] = (uint32_t)(chance[i / 2] >> (32 * (i % 2)));
    id.word[0] =
        (id.word[0] & 0x7ff) | fitting(ip, (uint8_t)id.word[ID_WORDS - 1]);
    return id;
}

bool dht_id_fits(const struct id *id, uint32_t ip)
{
    return (id->word[0] & UINT32_C(0xfffff800)) ==
           fitting(ip, (uint8_t)id->word[ID_WORDS - 1]);
}

/* -- Nodes --------------------------------------------------------------- */

struct dht_bucket *dht_bucket_of(const struct dht *d, const struct id *id)
{
    unsigned i = dht_shared_bits(&d->id, id);

    return &d->bucket[i < d->bucket_count ? i : d->bucket_count - 1];
}

struct dht_node *dht_find(const struct dht *d, const struct id *id)
{
    struct dht_bucket *b = dht_bucket_of(d, id);

    for (unsigned i = 0; i < b->count; i++)
        if (id_equal(&b->node[i].id, id))
            return &b->node[i];
    return NULL;
}

bool dht_is_good(const struct dht_node *n, uint64_t now_us)
{
    return n->failures == 0 && n->replied_us > 0 &&
           (now_us - n->replied_us < DHT_GOOD_US ||
            (n->queried_us > 0 && now_us - n->queried_us < DHT_GOOD_US));
}

uint32_t dht_node_count(const struct dht *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->bucket_count; i++)
        count += d->bucket[i].count;
    return count;
}

/* One more bucket: of the last one's nodes, those that share more bits than
   its own number move there.  False: as deep as can be, or no memory. */
static bool split(struct dht *d, struct host *h)
{
    uint32_t last = d->bucket_count - 1;

    if (d->bucket_count == DHT_BUCKETS_MAX ||
        !host_grow(h, &d->bucket, &d->bucket_cap, d->bucket_count + 1,
                   sizeof *d->bucket))
        return false;
    struct dht_bucket *from = &d->bucket[last], *to = from + 1;
    *to = (struct dht_bucket){.changed_us = from->changed_us};
    unsigned kept = 0;
    for (unsigned i = 0; i < from->count; i++)
        if (dht_shared_bits(&d->id, &from->node[i].id) > last)
            to->node[to->count++] = from->node[i];
        else
            from->node[kept++] = from->node[i];
    from->count = (uint8_t)kept;
    from->has_spare = false;
    d->bucket_count++;
    return true;
}

/* The node to give up for a newcomer: a bad one. */
static struct dht_node *bad_node(struct dht_bucket *b)
{
    for (unsigned i = 0; i < b->count; i++)
        if (b->node[i].failures >= DHT_FAILURES_MAX)
            return &b->node[i];
    return NULL;
}

static uint64_t seen_us(const struct dht_node *n)
{
    return n->replied_us > n->queried_us ? n->replied_us : n->queried_us;
}

/* [bep5]: ask the questionable node that was seen least recently; should it
   fail, the newcomer takes its place.  All are good: there is none for it. */
static void challenge(struct dht *d, struct host *h, struct dht_bucket *b,
                      const struct dht_node *newcomer)
{
    struct dht_node *oldest = NULL;

    for (unsigned i = 0; i < b->count; i++)
        if (!dht_is_good(&b->node[i], host_now(h)) &&
            (oldest == NULL || seen_us(&b->node[i]) < seen_us(oldest)))
            oldest = &b->node[i];
    if (oldest == NULL)
        return;
    b->spare = *newcomer;
    b->has_spare = true;
    (void)dht_ping(d, h, oldest->addr, &oldest->id);
}

static void insert(struct dht *d, struct host *h, const struct dht_node *n)
{
    struct dht_bucket *b = dht_bucket_of(d, &n->id);

    while (b->count == DHT_K && b == &d->bucket[d->bucket_count - 1]) {
        if (!split(d, h))
            break;
        b = dht_bucket_of(d, &n->id);
    }
    struct dht_node *bad = bad_node(b);
    if (b->count < DHT_K) {
        b->node[b->count++] = *n;
    } else if (bad != NULL) {
        *bad = *n;
    } else {
        challenge(d, h, b, n);
        return;
    }
    b->changed_us = host_now(h);
}

void dht_replied(struct dht *d, struct host *h, const struct id *id,
                 struct addr addr)
{
    struct dht_node *n = dht_find(d, id);

    if (id_equal(id, &d->id) || (d->checked && !dht_id_fits(id, addr.ip)))
        return;
    if (n == NULL) {
        insert(d, h,
               &(struct dht_node){
                   .id = *id, .addr = addr, .replied_us = host_now(h)});
        return;
    }
    /* The same id elsewhere: only when the first is no longer there. */
    if (!addr_equal(n->addr, addr)) {
        if (dht_is_good(n, host_now(h)))
            return;
        n->addr = addr;
    }
    n->replied_us = host_now(h);
    n->failures = 0;
    dht_bucket_of(d, id)->changed_us = host_now(h);
}

void dht_missed(struct dht *d, struct host *h, const struct id *id)
{
    struct dht_node *n = dht_find(d, id);

    if (n == NULL)
        return;
    if (n->failures < DHT_FAILURES_MAX && ++n->failures == 1) {
        (void)dht_ping(d, h, n->addr, &n->id); /* once more */
        return;
    }
    struct dht_bucket *b = dht_bucket_of(d, id);
    if (!b->has_spare)
        return; /* stays, for want of a better one, but is told to nobody */
    host_note(h, "dht: a node of bucket %u is replaced",
              (unsigned)(b - d->bucket));
    *n = b->spare;
    b->has_spare = false;
}

/* Every node is looked at: there are 8 for each of log2 N buckets. */
size_t dht_nearest(const struct dht *d, const struct id *target,
                   const struct dht_node *nearest[DHT_K])
{
    struct id distance[DHT_K];
    size_t count = 0;

    for (uint32_t i = 0; i < d->bucket_count; i++)
        for (unsigned j = 0; j < d->bucket[i].count; j++) {
            const struct dht_node *n = &d->bucket[i].node[j];
            struct id x = dht_distance(&n->id, target);
            size_t at = count;
            if (n->failures >= DHT_FAILURES_MAX)
                continue;
            while (at > 0 && id_compare(&x, &distance[at - 1]) < 0)
                at--;
            if (at == DHT_K)
                continue;
            if (count < DHT_K)
                count++;
            memmove(&distance[at + 1], &distance[at],
                    (count - 1 - at) * sizeof x);
            memmove(&nearest[at + 1], &nearest[at],
                    (count - 1 - at) * sizeof(struct dht_node *));
            distance[at] = x;
            nearest[at] = n;
        }
    return count;
}
