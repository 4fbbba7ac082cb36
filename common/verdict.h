/*
 * How a scenario judges a run, in either host: its commands and expects by
 * their results, and the invariants.  What fails is counted, and complained
 * of in a sentence that begins with the node and the command.
 */
#ifndef COMMON_VERDICT_H
#define COMMON_VERDICT_H

#include "common/scenario.h"
#include "common/sim.h"

/* Is this result what its act wants?  Else *why says what is wrong. */
bool verdict_result(const struct act *act, bool ok, const struct fields *result,
                    const struct namer *names, struct sim_status *status,
                    struct text *why);
/* Has the act not wanted a result?  It had none when the run ended. */
bool verdict_unanswered(const struct act *act, struct sim_status *status,
                        struct text *why);
/* Check the invariants; `complain` is told of each that is broken. */
void verdict_invariants(const struct act *act, const struct protocol *p,
                        const struct network *n, struct sim_status *status,
                        void (*complain)(void *context, const struct act *act,
                                         const char *text),
                        void *context);

#endif
