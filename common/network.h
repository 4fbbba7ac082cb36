/*
 * Every node of a run, seen at once: for warm starts, invariants, facts and
 * pictures.  Nodes stand in the order of the scenario and keep their index
 * for the whole run, dead or alive.
 */
#ifndef COMMON_NETWORK_H
#define COMMON_NETWORK_H

#include "common/host.h"

struct network {
    const struct settings *settings; /* the scenario's */
    size_t count;
    struct host *const *host;
    /* Both return NULL when there is no such node here. */
    struct host *(*by_name)(const struct network *, const char *name);
    struct host *(*by_addr)(const struct network *, struct addr addr);
    /* The round trip without jitter; 0: the same node.  NULL: unknown. */
    uint64_t (*rtt_us)(const struct network *, struct addr a, struct addr b);
    /* Where a node stands in `latency plane`, in thousandths of its width and
       height; false without a plane.  NULL: there is never one. */
    bool (*place)(const struct network *, const struct host *, unsigned *x,
                  unsigned *y);
    void *context;
    uint64_t now_us;
};

/* The state of a node that is up and of this protocol (an introducer is of
   another); else NULL, as for no host. */
static inline void *network_node(const struct host *h, const struct protocol *p)
{
    return h != NULL && h->state != NODE_DOWN && h->protocol == p ? h->node
                                                                  : NULL;
}

/* 0 where nobody can say. */
static inline uint64_t network_rtt_us(const struct network *n, struct addr a,
                                      struct addr b)
{
    return n->rtt_us != NULL ? n->rtt_us(n, a, b) : 0;
}

/* A namer (fields.h) that knows the nodes of `n`. */
struct namer network_namer(const struct network *n);
/* Append the name of the node at `a`, or the address where nobody is known. */
void network_name(const struct network *n, struct addr a, struct text *t);

/* One invariant and how it stands. */
struct finding {
    const char *name; /* "ordered ring" */
    bool holds;
    bool outside;    /* what keeps it broken may lie outside of the protocol:
                        `check` does not count it */
    struct text why; /* in words: "n32's successor n96 skips n80" */
};

#define FINDINGS_MAX 16

struct findings {
    size_t count;
    struct finding at[FINDINGS_MAX];
};

/* Append an invariant that holds; findings_break says that it does not. */
struct finding *findings_add(struct findings *f, const char *name);
void findings_break(struct finding *f, const char *format, ...)
    PRINTF_LIKE(2, 3);
bool findings_hold(const struct findings *f);
void findings_free(struct findings *f);
/* Findings that are freed where their block ends. */
#define LOCAL_FINDINGS __attribute__((cleanup(findings_free))) struct findings
/* What the protocol finds; nothing when it has no invariants. */
struct findings network_check(const struct network *n,
                              const struct protocol *p);

#endif
