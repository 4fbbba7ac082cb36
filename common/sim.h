/*
 * The simulator: a network of nodes in one thread, in virtual time.
 *
 * Everything that can change stands in one arena, obtained with one mmap:
 * nodes, their memory, the event heap, streams, the scenario's cursor, the
 * random streams.  So a checkpoint is one memcpy of the used part, and
 * restoring it copies back into the same place: pointers stay right.
 *
 * A step is one executed event: start, command, fault, arrival or loss of a
 * message, stream event, timer.  Steps count from 1.  Order is (time,
 * sequence number), so ties are defined, and the same scenario and seed give
 * the same steps on every machine; the rolling hash says so.
 */
#ifndef COMMON_SIM_H
#define COMMON_SIM_H

#include "common/network.h"
#include "common/record.h"
#include "common/scenario.h"

struct sim;

/* A simulation of `s` (lent for its life) before its first step.  NULL with
   *why when memory is short or a node line cannot be fulfilled. */
struct sim *sim_new(const struct scenario *s, struct text *why);
void sim_free(struct sim *sim);

/* Whom to tell of every record; NULL: nobody, which is fastest.  Not part of
   the state: checkpoints neither save nor restore it. */
void sim_observe(struct sim *sim, const struct observer *o);

/* Execute one event.  False when the scenario has ended.  Before the first
   command it also stops, once, without having executed any: see
   sim_before_command. */
bool sim_step(struct sim *sim);
/* Run to the scenario's end. */
void sim_run(struct sim *sim);
/* Execute all events up to and at `time_us`, and set the time to it. */
void sim_run_to(struct sim *sim, uint64_t time_us);
/* Time of the next step, without executing it; NEVER when ended. */
uint64_t sim_next_time(struct sim *sim);
/* Has everything before the first command of the scenario been done? */
bool sim_before_command(const struct sim *sim);
/* Has `warm` made perfect tables? */
bool sim_warmed(const struct sim *sim);

uint64_t sim_steps(const struct sim *sim);
uint64_t sim_now(const struct sim *sim);
uint64_t sim_hash(const struct sim *sim);
const struct scenario *sim_scenario(const struct sim *sim);
const struct network *sim_network(struct sim *sim);

/* How a run stands: for the summary and the exit status. */
struct sim_status {
    uint64_t messages, bytes, dropped; /* protocol messages executed so far */
    uint64_t commands_failed;          /* commands of the scenario, ok:false */
    uint64_t expects_failed;
    uint64_t commands_open;
    bool never_quiet; /* gave up waiting for quiet after 1 h */
    bool ended;
    bool no_memory;  /* the arena is full: the run is worth nothing */
    bool cannot_run; /* a real node could not be opened: its port is taken */
};
struct sim_status sim_status(const struct sim *sim);
/* Failed expects, and why the run is bad, a line each; "" if it is good. */
const char *sim_complaints(const struct sim *sim);

/* Give a command to a node now, outside of the scenario (show cost, the
   monitor's probes); its number, or 0 when the node is down. */
uint32_t sim_command(struct sim *sim, struct host *node, const char *text);
/* Messages, and their bytes, that descend from a command through messages. */
void sim_cost(const struct sim *sim, uint32_t command, uint64_t *messages,
              uint64_t *bytes);
bool sim_command_open(const struct sim *sim, uint32_t command);

/* -- What is under way -------------------------------------------------- */

/* The `i`-th message in flight, in order of arrival; false at the end.  The
   record is lent until the next step; .time_us is when it will arrive.  What
   a stream has not sent yet, or a partition holds up, is not in flight. */
bool sim_in_flight(struct sim *sim, size_t i, struct record *r);
/* The armed timer of a slot: when it is due, or NEVER. */
uint64_t sim_timer_due(const struct sim *sim, const struct host *node,
                       int slot);
/* Where a node stands in `latency plane`, in units; false without a plane. */
bool sim_position(const struct sim *sim, const struct host *node, uint32_t *x,
                  uint32_t *y);

/* -- Checkpoints --------------------------------------------------------- */

size_t sim_size(const struct sim *sim); /* bytes that a checkpoint takes */
void sim_save(const struct sim *sim, void *checkpoint);
void sim_restore(struct sim *sim, const void *checkpoint, size_t bytes);

#endif
