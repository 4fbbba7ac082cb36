/*
 * Where neighbours come from.
 *
 * A servent wants `degree` neighbours.  While it has fewer, it dials one of
 * the addresses that it knows: from pongs and hits, from refusals (X-Try),
 * from its cache, and at last the one that it was told at its start.
 */
#include "gnutella/node.h"

#include <string.h>

#include "common/random.h"

#define CACHE_NAME "hosts" /* of the remembered blob */

/* -- Addresses ----------------------------------------------------------- */

/* Source: reference, section 8: what a stranger says is no reason to dial
   just anything.  Private ranges are left to `public`. */
bool gnutella_may_dial(const struct gnutella *n, struct addr a)
{
    uint32_t top = a.ip >> 24;

    if (a.port == 0 || top == 0 || top >= 224 || addr_equal(a, n->self))
        return false;
    return setting(n->settings, OPT_PUBLIC) == 0 ||
           !(top == 10 || top == 127 || a.ip >> 20 == 0xac1 ||
             a.ip >> 16 == 0xc0a8 || a.ip >> 16 == 0xa9fe);
}

struct known *gnutella_known_of(const struct gnutella *n, struct addr addr)
{
    for (uint32_t i = 0; i < n->known_count; i++)
        if (addr_equal(n->known[i].addr, addr))
            return &n->known[i];
    return NULL;
}

struct known *gnutella_known_add(struct gnutella *n, struct host *h,
                                 struct addr addr)
{
    struct known *k = gnutella_known_of(n, addr);

    if (k != NULL || !gnutella_may_dial(n, addr))
        return k;
    if (n->known == NULL)
        n->known = host_alloc(h, CACHE_MAX * sizeof *n->known);
    if (n->known == NULL)
        return NULL;
    /* When full, a random one makes room: nobody can plan whom to push out. */
    uint32_t at = n->known_count < CACHE_MAX
                      ? n->known_count++
                      : (uint32_t)(host_random(h) % CACHE_MAX);
    n->known[at] = (struct known){.addr = addr};
    gnutella_seek_soon(n, h);
    return &n->known[at];
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool gnutella_addr_read(struct addr *a, struct slice s)
{
    char word[24];

    if (s.len >= sizeof word)
        return false;
    memcpy(word, s.at, s.len);
    word[s.len] = '\0';
    return addr_parse(a, word);
}

void gnutella_known_add_list(struct gnutella *n, struct host *h, struct slice s)
{
    while (s.len > 0) {
        const char *comma = memchr(s.at, ',', s.len);
        size_t len = comma != NULL ? (size_t)(comma - s.at) : s.len, at = 0;
        size_t used = len + (comma != NULL);
        struct addr a;

        while (at < len && is_blank(s.at[at]))
            at++;
        while (len > at && is_blank(s.at[len - 1]))
            len--;
        if (gnutella_addr_read(&a, (struct slice){s.at + at, len - at}))
            (void)gnutella_known_add(n, h, a);
        s.at += used;
        s.len -= used;
    }
}

void gnutella_known_save(struct gnutella *n, struct host *h)
{
    uint8_t bytes[CACHE_MAX * 6];
    struct codec c = codec_writer(bytes, sizeof bytes);

    for (uint32_t i = 0; i < n->known_count; i++)
        code_addr(&c, "", &n->known[i].addr);
    if (c.at > 0)
        (void)host_save(h, CACHE_NAME, bytes, c.at);
}

void gnutella_known_load(struct gnutella *n, struct host *h)
{
    uint8_t bytes[CACHE_MAX * 6];
    int len = host_load(h, CACHE_NAME, bytes, sizeof bytes);
    struct codec c = codec_reader(bytes, len > 0 ? (size_t)len : 0);

    while (c.at + 6 <= c.len) {
        struct addr a = {0, 0};
        code_addr(&c, "", &a);
        (void)gnutella_known_add(n, h, a);
    }
}

/* -- Dialling ------------------------------------------------------------ */

static bool is_linked(const struct gnutella *n, struct addr a)
{
    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (l->state <= LINK_UP && addr_equal(l->addr, a))
            return true;
    return false;
}

/* One that is rested and not linked, beginning at a random one. */
static struct known *pick(struct gnutella *n, struct host *h)
{
    uint32_t first =
        n->known_count > 0 ? (uint32_t)(host_random(h) % n->known_count) : 0;

    for (uint32_t i = 0; i < n->known_count; i++) {
        struct known *k = &n->known[(first + i) % n->known_count];
        if (k->rest_us <= host_now(h) && !is_linked(n, k->addr))
            return k;
    }
    return NULL;
}

static bool is_short(const struct gnutella *n)
{
    return !n->leaving && gnutella_peer_count(n) < gnutella_degree_wanted(n);
}

/* It has not reached the one that it was told yet.  Callers are no substitute:
   they may have been told of us only, and then two overlays would stay two. */
static bool is_joining(const struct gnutella *n)
{
    return !n->leaving && !n->joined && !addr_none(n->join) &&
           (n->join_tries < JOINS_MAX || gnutella_peer_count(n) == 0);
}

bool gnutella_seek_is_on(const struct gnutella *n)
{
    for (uint32_t i = 0; is_short(n) && i < n->known_count; i++)
        if (n->known[i].tries == 0 && !is_linked(n, n->known[i].addr))
            return true;
    return false;
}

/* See that somebody is dialled soon, while there are too few neighbours. */
void gnutella_seek_soon(struct gnutella *n, struct host *h)
{
    if (n->seeking || (!is_short(n) && !is_joining(n)))
        return;
    if (n->known_count == 0 && addr_none(n->join))
        return; /* the first of its network waits to be called */
    n->seeking = true;
    host_timer(h, TIMER_SEEK, SEEK_US / 10);
}

unsigned gnutella_under_way(const struct gnutella *n)
{
    unsigned count = 0;

    for (const struct link *l = n->links; l != NULL; l = l->next)
        count += l->state == LINK_DIALLED || l->state == LINK_SENT_HELLO;
    return count;
}

void gnutella_seek_on_timer(struct gnutella *n, struct host *h)
{
    unsigned calls = gnutella_under_way(n);
    struct known *k;

    n->seeking = false;
    if (!is_short(n) && !is_joining(n))
        return;
    if (gnutella_degree(n) == 0) /* a leaf whose ultrapeers are gone */
        n->role = gnutella_first_role(n->settings);
    while (gnutella_peer_count(n) + calls < gnutella_degree_wanted(n) &&
           (k = pick(n, h)) != NULL) {
        k->rest_us = host_now(h) + (REDIAL_US << k->tries);
        if (k->tries < REDIALS_MAX)
            k->tries++;
        gnutella_greet_dial(n, h, k->addr);
        calls++;
    }
    bool alone =
        calls == 0 && gnutella_peer_count(n) == 0 && !addr_none(n->join);
    if ((alone || is_joining(n)) && !is_linked(n, n->join)) {
        if (n->join_tries < JOINS_MAX)
            n->join_tries++;
        gnutella_greet_dial(n, h, n->join);
    }
    if (n->known_count > 0 || gnutella_peer_count(n) == 0 || is_joining(n)) {
        n->seeking = true;
        host_timer(h, TIMER_SEEK, SEEK_US);
    }
}

void gnutella_seek_one_more(struct gnutella *n, struct host *h)
{
    struct known *k =
        gnutella_peer_count(n) <= gnutella_degree_wanted(n) ? pick(n, h) : NULL;

    if (k == NULL || n->role == ROLE_LEAF)
        return;
    k->rest_us = host_now(h) + REDIAL_US;
    if (k->tries == 0) /* it is tried now */
        k->tries = 1;
    gnutella_greet_dial(n, h, k->addr);
}
