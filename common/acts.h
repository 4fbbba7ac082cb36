/*
 * What a scenario does to a network, whichever host runs it: who joins whom,
 * when a newcomer waits, whom churn picks, when it is quiet, and how results
 * and invariants are judged.  A host brings the few operations that differ
 * (struct act_calls), and does the acts when they are due.
 */
#ifndef COMMON_ACTS_H
#define COMMON_ACTS_H

#include "common/network.h"
#include "common/scenario.h"
#include "common/sim.h"

struct acts;

struct act_calls {
    const struct network *(*network)(struct acts *);
    void (*complain)(struct acts *, const char *line); /* ends in a newline */
    /* Is a command open, is a node leaving, or waiting to join? */
    bool (*is_busy)(const struct acts *);
    /* A new node, down; NULL after a complaint, or without memory. */
    struct host *(*enter)(struct acts *, const struct act *,
                          const struct node_spec *);
    /* A new node, or one that was restarted: see acts_begin. */
    void (*begin)(struct acts *, struct host *, struct addr join,
                  struct addr introducer);
    void (*wait)(struct acts *,
                 struct host *); /* acts_begin in JOIN_RETRY_US */
    void (*command)(struct acts *, struct host *, const struct act *);
    /* ACT_CRASH, _VANISH, _LEAVE; ACT_RESTART: only the old life's end. */
    void (*fault)(struct acts *, enum act_kind, struct host *);
    void (*warm)(struct acts *);
    /* The acts that only a simulator knows; NULL: they are passed over. */
    void (*other)(struct acts *, const struct act *);
};

struct acts {
    const struct act_calls *calls;
    void *run; /* the host's own */
    const struct scenario *scenario;
    struct random choice; /* whom churn picks */
    struct sim_status status;
    uint64_t quiet_began_us, quiet_since_us; /* NEVER: not quiet now */
};

struct acts acts_new(const struct act_calls *calls, void *run,
                     const struct scenario *s);
/* Do one act; `run until` is the host's. */
void acts_do(struct acts *a, const struct act *act);
/* Begin a node that has entered, or wait when the one it joins is down.  Who
   joins by an introducer asks it again by itself. */
void acts_begin(struct acts *a, struct host *h);
/* The first live node of the protocol, or NOBODY. */
uint32_t acts_first_live(struct acts *a, uint32_t except);

/* The command of an act has its result, or never will: the run has ended. */
void acts_result(struct acts *a, const struct act *act, bool ok,
                 const struct fields *result);
void acts_unanswered(struct acts *a, const struct act *act);

/* Wait for quiet; and: has it lasted for `acts_quiet_us` by now? */
void acts_wait_for_quiet(struct acts *a, uint64_t now_us);
bool acts_are_quiet(struct acts *a, uint64_t now_us);
uint64_t acts_quiet_us(const struct acts *a);
/* Has it been waited for too long?  Then that has been complained of. */
bool acts_never_quiet(struct acts *a, const struct act *until, uint64_t now_us);

/* Say why the run is bad: "FILE:LINE: text"; `act` may be NULL. */
void acts_complain(struct acts *a, const struct act *act, const char *text);

static inline const struct settings *acts_settings(const struct acts *a,
                                                   const struct node_spec *spec)
{
    return spec->settings != NULL ? spec->settings : &a->scenario->settings;
}

#endif
