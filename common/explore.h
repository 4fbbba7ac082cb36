/*
 * The explorer: every order of events of a tiny network, breadth first, over
 * the very node code.
 *
 * The nodes that a scenario starts before `warm` are the network; those after
 * it are the joiners.  From there each state is left by every event that the
 * bounds allow: a timer fires, a message arrives or is lost, a node crashes,
 * joins or starts again.  Two states with the same canonical form (the dumps
 * of all nodes, the messages in flight, the armed timers) are one.
 *
 * At grain `operation` a timer, a join or a restart runs with all messages
 * that it causes, and a request's timeout comes once nothing is in flight:
 * the grain of the papers' proofs.  At grain `message` each delivery is a
 * choice of its own.
 */
#ifndef COMMON_EXPLORE_H
#define COMMON_EXPLORE_H

#include "common/network.h"
#include "common/scenario.h"

struct explore_report {
    uint64_t states, transitions;
    uint32_t depth;    /* of the deepest state */
    uint64_t compared; /* pairs of equal hash whose futures were compared */
    const char *limit; /* why it is incomplete; NULL: exhausted */
    bool violated;
    struct text broken; /* the invariant, in words */
    struct text events; /* the way there, a line an event */
    struct text replay; /* the same as a scenario */
    uint64_t steps;     /* of that scenario */
    bool dump_forgets;  /* two states of equal hash behaved differently */
};

struct explore_options {
    bool strict;      /* passing violations count too */
    bool unsafe;      /* crashes that the protocol's assumptions forbid, too */
    const char *find; /* only violations of this invariant count; NULL: all */
    bool compare_all; /* the guard looks at every state that is met again */
    uint64_t states_max;
    /* Called now and then; false stops the exploration. */
    bool (*progress)(void *context, const struct explore_report *r);
    void *context;
};

/* Explore; false with *why when the scenario is not fit for it.  The report
   is the caller's, to be freed. */
bool explore(const struct scenario *s, const struct explore_options *o,
             struct explore_report *report, struct text *why);
void explore_report_free(struct explore_report *r);

#endif
