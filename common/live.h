/*
 * The live host: nodes on real sockets, in real time, in one thread.
 *
 * Every node listens on one port, TCP and UDP.  Waiting is epoll's, or
 * poll(2)'s where the build says so (make POLL=1).  The semantics are the
 * simulator's, to the letter; tests/unit/conformance_test.c compares them.
 */
#ifndef COMMON_LIVE_H
#define COMMON_LIVE_H

#include "common/network.h"
#include "common/record.h"
#include "common/scenario.h"

struct live;

struct live *live_new(const struct protocol *p, const struct settings *s,
                      uint64_t seed, struct text *why);
/* Stops every node at once, as kill -9 would, and closes all sockets. */
void live_free(struct live *l);
void live_observe(struct live *l, const struct observer *o);

/* The next node that is started shares the files below this folder, and keeps
   what it fetches and remembers there.  False with *why. */
bool live_folder(struct live *l, const char *folder, struct text *why);
/* Start one node.  Port 0 takes a free one; host->addr has it.  `name` NULL:
   its address.  NULL with *why, when the port is taken for example. */
struct host *live_start(struct live *l, const char *name, struct addr listen,
                        struct addr join, struct addr introducer,
                        const char *id, const struct settings *s,
                        struct text *why);
/* A node that serves as introducer instead of speaking the protocol. */
struct host *live_start_introducer(struct live *l, const char *name,
                                   struct addr listen, struct text *why);

/* None of these may be called while an event is handled, an observer's
   `record` included. */

/* Give a node a command; its number, which the result repeats.  0: the node
   is down, or too many commands are open. */
uint32_t live_command(struct live *l, struct host *node, const char *text);
/* EVENT_STOP; the node is down once it says so, after 5 s at the latest. */
void live_stop(struct live *l, struct host *node);
void live_kill(struct live *l, struct host *node);   /* as kill -9 */
void live_vanish(struct live *l, struct host *node); /* as a pulled plug */

/* Also watch a file descriptor (standard input, a terminal) for reading. */
void live_watch(struct live *l, int fd, void (*ready)(void *context, int fd),
                void *context);
void live_unwatch(struct live *l, int fd);

/* Wait for and handle what happens in the next `max_us`; returns at once
   after handling something.  False with *why when waiting itself fails. */
bool live_poll(struct live *l, uint64_t max_us, struct text *why);

/* The address of a host by the system's resolver, port 0; or its error. */
int live_resolve(const char *name, struct addr *addr);

uint64_t live_now(const struct live *l); /* since live_new */
const struct network *live_network(struct live *l);
uint64_t live_steps(const struct live *l);
bool live_heard(const struct live *l); /* any bytes, from anybody */

/* Run a scenario's acts when they are due; what is not to be had here is
   ignored with a note, or refused: NULL with *why. */
struct live_run;
struct live_run *live_run_new(struct live *l, const struct scenario *s,
                              struct text *why);
/* Do what is due; true until the scenario has ended. */
bool live_run_poll(struct live_run *r, uint64_t max_us, struct text *why);
struct sim_status;
struct sim_status live_run_status(const struct live_run *r);
const char *live_run_complaints(const struct live_run *r);
void live_run_free(struct live_run *r);

#endif
