/*
 * The facts of `show`: what a worksheet may ask of an overlay as it stands.
 *
 * Floods are counted wave by wave over the links (breadth first), which is
 * exact where all links are equally fast: who is d hops away passes it on in
 * wave d + 1, to all its neighbours but the one it heard it from.
 */
#include "gnutella/main.h"

#include <string.h>

#include "gnutella/check.h"

static const char *name_at(const struct fact_call *k, size_t i)
{
    return k->network->host[i]->name;
}

static size_t live_count(const struct network *net)
{
    size_t count = 0;

    for (size_t i = 0; i < net->count; i++)
        count += gnutella_at(net, i) != NULL;
    return count;
}

/* -- The overlay --------------------------------------------------------- */

static enum fact_outcome fact_links(struct fact_call *k)
{
    return fact_print(k, gnutella_link_count(k->network));
}

static enum fact_outcome fact_neighbours(struct fact_call *k)
{
    uint32_t near[LINKS_MAX];
    size_t i = k->host[0]->index;

    /* In the order of the scenario, so that two can be compared. */
    size_t count = gnutella_neighbours(k->network, i, near);
    for (size_t at = 0; at < k->network->count; at++)
        for (size_t j = 0; j < count; j++)
            if (near[j] == at)
                fact_add(k, name_at(k, at));
    return FACT_OK;
}

static size_t degree_of(const struct network *net, size_t i)
{
    uint32_t near[LINKS_MAX];

    return gnutella_neighbours(net, i, near);
}

static enum fact_outcome fact_degree(struct fact_call *k)
{
    return fact_print(k, degree_of(k->network, k->host[0]->index));
}

/* DEGREE:SERVENTS, ascending. */
static enum fact_outcome fact_degrees(struct fact_call *k)
{
    uint32_t bin[LINKS_MAX + 1] = {0};

    for (size_t i = 0; i < k->network->count; i++)
        if (gnutella_at(k->network, i) != NULL)
            bin[degree_of(k->network, i)]++;
    for (size_t d = 0; d <= LINKS_MAX; d++)
        if (bin[d] > 0) {
            fact_add_number(k, d);
            text_printf(k->out, ":%u", bin[d]);
        }
    return FACT_OK;
}

/* The servent with the most neighbours; of equals the first. */
static enum fact_outcome fact_hub(struct fact_call *k)
{
    size_t best = NOWHERE, most = 0;

    for (size_t i = 0; i < k->network->count; i++)
        if (gnutella_at(k->network, i) != NULL &&
            (best == NOWHERE || degree_of(k->network, i) > most)) {
            best = i;
            most = degree_of(k->network, i);
        }
    return fact_print_name(k, best != NOWHERE ? name_at(k, best) : NULL);
}

/* Sizes of the parts that cannot reach each other, the largest first; how
   many, `max` at most. */
static size_t components(const struct network *net, size_t *size, size_t max)
{
    size_t count = 0, counted = 0, live = live_count(net);

    for (size_t i = 0; i < net->count && count < max && counted < live; i++) {
        bool first = true; /* is `i` the first of its component? */
        size_t reached = gnutella_measure(net, i), at = count;
        for (size_t j = 0; j < i; j++)
            first = first && (gnutella_at(net, j) == NULL ||
                              gnutella_at(net, j)->distance == NOWHERE);
        if (reached == 0 || !first)
            continue;
        for (; at > 0 && size[at - 1] < reached; at--)
            size[at] = size[at - 1];
        size[at] = reached;
        counted += reached;
        count++;
    }
    return count;
}

#define COMPONENTS_MAX 256

static enum fact_outcome fact_components(struct fact_call *k)
{
    size_t size[COMPONENTS_MAX];
    size_t count = components(k->network, size, COMPONENTS_MAX);

    for (size_t i = 0; i < count; i++)
        fact_add_number(k, size[i]);
    return FACT_OK;
}

static enum fact_outcome fact_largest(struct fact_call *k)
{
    size_t size[COMPONENTS_MAX];

    return fact_print(
        k, components(k->network, size, COMPONENTS_MAX) > 0 ? size[0] : 0);
}

static enum fact_outcome fact_distance(struct fact_call *k)
{
    const struct gnutella *to = k->host[1]->node;

    gnutella_measure(k->network, k->host[0]->index);
    return to->distance != NOWHERE ? fact_print(k, to->distance)
                                   : fact_print_name(k, NULL);
}

static uint32_t farthest(const struct network *net, size_t from, size_t *who)
{
    uint32_t most = 0;

    gnutella_measure(net, from);
    for (size_t i = 0; i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n == NULL || n->distance == NOWHERE || n->distance < most ||
            (n->distance == most && most > 0))
            continue;
        most = n->distance;
        *who = i;
    }
    return most;
}

static enum fact_outcome fact_farthest(struct fact_call *k)
{
    size_t who = 0;

    farthest(k->network, k->host[0]->index, &who);
    fact_add(k, name_at(k, who));
    return FACT_OK;
}

static enum fact_outcome fact_least_ttl(struct fact_call *k)
{
    size_t who = 0;

    return fact_print(k, farthest(k->network, k->host[0]->index, &who));
}

/* -- Floods -------------------------------------------------------------- */

/* What wave `w` of a flood from `from` brings: w = 1 is the first. */
struct wave {
    uint64_t messages, reached;
    uint64_t hops_back; /* from those: of a whole flood only */
};

/* The distances must have been measured. */
static struct wave wave_of(const struct network *net, size_t from, uint64_t w)
{
    struct wave v = {0};

    for (size_t i = 0; i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n == NULL || n->distance == NOWHERE)
            continue;
        if (n->distance + 1 == w)
            v.messages += degree_of(net, i) - (i != from);
        v.reached += n->distance == w;
    }
    return v;
}

static bool flood_args(struct fact_call *k, size_t *from, uint64_t *ttl)
{
    *from = k->host[0]->index;
    if (!fact_number(k, 1, UINT32_MAX, ttl))
        return false;
    if (*ttl >= 1 && *ttl <= TTL_MAX) {
        gnutella_measure(k->network, *from);
        return true;
    }
    text_printf(k->why, "a TTL is a number from 1 to %u", TTL_MAX);
    return false;
}

static struct wave flood_of(const struct network *net, size_t from,
                            uint64_t ttl)
{
    struct wave sum = {0};

    for (uint64_t w = 1; w <= ttl; w++) {
        struct wave v = wave_of(net, from, w);
        sum.messages += v.messages;
        sum.reached += v.reached;
        sum.hops_back += w * v.reached;
    }
    return sum;
}

/* A number of the flood from NODE with TTL. */
#define FLOOD(name, value)                                                     \
    static enum fact_outcome name(struct fact_call *k)                         \
    {                                                                          \
        size_t from;                                                           \
        uint64_t ttl;                                                          \
        if (!flood_args(k, &from, &ttl))                                       \
            return FACT_ERROR;                                                 \
        struct wave v = flood_of(k->network, from, ttl);                       \
        return fact_print(k, value);                                           \
    }

FLOOD(fact_flood, v.messages)
FLOOD(fact_reach, v.reached)
FLOOD(fact_duplicates, v.messages - v.reached)
/* Of a ping: and a pong from everyone, as many messages as hops back. */
FLOOD(fact_ping_cost, v.messages + v.hops_back)

/* Every wave as REACHED/MESSAGES. */
static enum fact_outcome fact_waves(struct fact_call *k)
{
    size_t from;
    uint64_t ttl;

    if (!flood_args(k, &from, &ttl))
        return FACT_ERROR;
    for (uint64_t w = 1; w <= ttl; w++) {
        struct wave v = wave_of(k->network, from, w);
        if (v.messages == 0)
            break;
        fact_add_number(k, v.reached);
        text_printf(k->out, "/%llu", (unsigned long long)v.messages);
    }
    return FACT_OK;
}

/* Who is reached for the first time in wave I. */
static enum fact_outcome fact_wave(struct fact_call *k)
{
    uint64_t wave;
    size_t from;

    if (!flood_args(k, &from, &wave))
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++)
        if (gnutella_at(k->network, i) != NULL &&
            gnutella_at(k->network, i)->distance == wave)
            fact_add(k, name_at(k, i));
    if (k->out->len == 0)
        fact_add(k, "none");
    return FACT_OK;
}

/* Source: the lecture: the first uses all its links, everyone else all
   but one: 2E - (N - 1). */
static enum fact_outcome fact_full_flood(struct fact_call *k)
{
    size_t live = live_count(k->network);

    return fact_print(k, 2 * gnutella_link_count(k->network) -
                             (live > 0 ? live - 1 : 0));
}

/* -- Answers ------------------------------------------------------------- */

/* The way from a holder back to the asker, as the tables of the asker's last
   query say: `out` gets it, as far as it goes; true when it arrives. */
static bool route_of(const struct network *net, size_t at, size_t asker,
                     size_t out[TTL_MAX + 2], size_t *count)
{
    const uint8_t *guid = gnutella_at(net, asker)->asked;

    *count = 0;
    out[(*count)++] = at;
    while (at != asker && *count < TTL_MAX + 2) {
        const struct gnutella *n = gnutella_at(net, at);
        const struct seen_entry *e =
            gnutella_seen_find(&n->seen, GNUTELLA_QUERY, guid);
        const struct link *l = e != NULL ? gnutella_link_of(n, e->conn) : NULL;
        const struct host *h =
            l != NULL ? net->by_addr(net, gnutella_link_peer(l)) : NULL;
        if (h == NULL || gnutella_at(net, h->index) == NULL)
            return false;
        at = h->index;
        out[(*count)++] = at;
    }
    return at == asker;
}

static enum fact_outcome fact_route(struct fact_call *k)
{
    size_t way[TTL_MAX + 2], count;
    bool whole =
        route_of(k->network, k->host[0]->index, k->host[1]->index, way, &count);

    for (size_t i = 0; i < count; i++)
        fact_add(k, name_at(k, way[i]));
    return whole ? FACT_OK : FACT_BROKEN;
}

static enum fact_outcome fact_hop(struct fact_call *k)
{
    size_t way[TTL_MAX + 2], count;
    uint64_t i;

    if (!fact_number(k, 2, UINT32_MAX, &i))
        return FACT_ERROR;
    (void)route_of(k->network, k->host[0]->index, k->host[1]->index, way,
                   &count);
    return fact_print_name(k, i < count ? name_at(k, way[i]) : NULL);
}

static enum fact_outcome fact_hits(struct fact_call *k)
{
    return fact_print(k,
                      ((const struct gnutella *)k->host[0]->node)->hit_count);
}

/* Source: reference, section 2, the header. */
static enum fact_outcome fact_offset(struct fact_call *k)
{
    static const struct {
        const char *field;
        unsigned offset;
    } header[] = {
        {"id", 0}, {"type", 16}, {"ttl", 17}, {"hops", 18}, {"length", 19}};

    for (size_t i = 0; i < sizeof header / sizeof header[0]; i++)
        if (strcmp(header[i].field, k->args[0]) == 0) {
            fact_add_number(k, header[i].offset);
            return FACT_OK;
        }
    text_add(k->why, "the header has id, type, ttl, hops, length");
    return FACT_ERROR;
}

static bool holds(const struct fact_call *k, size_t i, const char *words)
{
    struct host *h = k->network->host[i];
    struct content c;

    for (size_t at = 0;
         gnutella_at(k->network, i) != NULL && at < host_content_count(h); at++)
        if (host_content(h, (int)at, &c) && c.complete &&
            gnutella_matches(c.name, strlen(c.name), words, strlen(words)))
            return true;
    return false;
}

static enum fact_outcome fact_holders(struct fact_call *k)
{
    for (size_t i = 0; i < k->network->count; i++)
        if (holds(k, i, k->args[0]))
            fact_add(k, name_at(k, i));
    if (k->out->len == 0)
        fact_add(k, "none");
    return FACT_OK;
}

/* Of all who hold it, how many a flood from NODE with that TTL finds. */
static enum fact_outcome fact_found(struct fact_call *k)
{
    uint64_t ttl, found = 0;
    size_t from;

    if (!flood_args(k, &from, &ttl))
        return FACT_ERROR;
    for (size_t i = 0; i < k->network->count; i++)
        found += i != from && holds(k, i, k->args[2]) &&
                 gnutella_at(k->network, i)->distance <= ttl;
    return fact_print(k, found);
}

const struct fact gnutella_facts[] = {
    {"links", "", "", "links between live servents", "", fact_links},
    {"neighbours", "N", "NODE", "who has a link with it", "a", fact_neighbours},
    {"degree", "N", "NODE", "how many", "a", fact_degree},
    {"degrees", "", "", "DEGREE:SERVENTS, ascending", "", fact_degrees},
    {"hub", "", "", "the servent with the most neighbours", "", fact_hub},
    {"components", "", "", "sizes of the parts that cannot reach each other",
     "", fact_components},
    {"largest", "", "", "the size of the largest of these", "", fact_largest},
    {"distance", "NN", "NODE NODE", "hops between two", "a f", fact_distance},
    {"farthest", "N", "NODE", "the first of those farthest from it", "a",
     fact_farthest},
    {"least-ttl", "N", "NODE", "with which its query reaches all", "a",
     fact_least_ttl},
    {"flood", "Nn", "NODE TTL", "messages of its query", "a 4", fact_flood},
    {"reach", "Nn", "NODE TTL", "servents that it reaches", "a 2", fact_reach},
    {"duplicates", "Nn", "NODE TTL", "of these messages, those dropped as seen",
     "a 4", fact_duplicates},
    {"waves", "Nn", "NODE TTL", "each wave as REACHED/MESSAGES", "a 7",
     fact_waves},
    {"wave", "Nn", "NODE I", "who is reached first in wave I", "a 2",
     fact_wave},
    {"ping-cost", "Nn", "NODE TTL", "messages of a ping, its pongs included",
     "a 2", fact_ping_cost},
    {"full-flood", "", "", "2E - (N - 1)", "", fact_full_flood},
    {"route", "NN", "HOLDER ASKER",
     "the way back of a hit for the asker's last query", "f a", fact_route},
    {"hop", "NNn", "HOLDER ASKER I", "the I-th of that way, from 0", "f a 0",
     fact_hop},
    {"hits", "N", "NODE", "files that its last search has found", "a",
     fact_hits},
    {"offset", "w", "FIELD", "the byte of the header where it begins", "ttl",
     fact_offset},
    {"holders", "w", "WORD", "who shares a file with it", "chord",
     fact_holders},
    {"found", "Nnw", "NODE TTL WORD", "how many of these its query reaches",
     "a 2 chord", fact_found},
    {.name = NULL}};
