/*
 * Inside of the explorer; shared by explore.c and explore_*.c only.
 *
 *   explore.c         the search: states, the path to the one at hand, the
 *                     guard, the counterexample
 *   explore_step.c    which events are possible, and doing one
 *   explore_form.c    the canonical form of a state, hashed
 *   explore_health.c  do the invariants hold, and does maintenance heal them?
 */
#ifndef COMMON_EXPLORE_IMPL_H
#define COMMON_EXPLORE_IMPL_H

#include "common/explore.h"
#include "common/map.h"
#include "common/sim_impl.h"

#define EXPLORE_NODES_MAX 16
#define COMMANDS_MAX 8 /* bits of used.given */
#define CHOICES_MAX 256
#define DEPTH_MAX 200

enum choice_kind {
    CHOICE_FIRE,    /* .node .slot */
    CHOICE_LATE,    /* the same, leaving behind what expects no answer */
    CHOICE_ARRIVE,  /* .message: a datagram, or what is next on a stream */
    CHOICE_DROP,    /* .message: a datagram */
    CHOICE_CRASH,   /* .node */
    CHOICE_RESTART, /* .node */
    CHOICE_JOIN,    /* .node: index of a joiner */
    CHOICE_COMMAND  /* .node: index of a command */
};

struct choice {
    uint8_t kind, node, slot;
    uint8_t message; /* in order of sending, among those that may arrive */
};

/* What has been used up of the bounds; .given has a bit for each command. */
struct used {
    uint8_t crash, restart, join, drop, delay, given;
};

struct state {
    uint64_t hash;
    uint32_t parent;
    struct choice choice;
    struct used used;
    uint16_t depth;
};

struct place { /* a checkpoint of the path at hand */
    uint32_t state;
    uint8_t *checkpoint;
    size_t bytes, cap;
    uint64_t node_hash[EXPLORE_NODES_MAX];
};

struct explorer {
    struct sim *sim;
    const struct network *network;
    const struct scenario *scenario;
    const struct explore_options *options;
    struct explore_report *report;
    struct act joiner[EXPLORE_NODES_MAX], command[COMMANDS_MAX];
    size_t joiner_count, command_count;
    uint32_t events; /* of the operation under way */
    bool runaway;    /* it did not end */

    struct state *state;
    size_t state_cap;
    uint32_t *slot; /* open addressing: index of a state, plus 1 */
    size_t slot_cap;
    struct place path[DEPTH_MAX + 1];
    uint32_t path_depth; /* places that are right */
    uint64_t repeated;   /* states met again */

    struct text canonical;
    uint64_t node_hash[EXPLORE_NODES_MAX]; /* of a node's dump and timers, */
    bool touched[EXPLORE_NODES_MAX];       /* unless it has to be made anew */

    struct map healed; /* the hashes of states that maintenance heals */

    struct text *lines; /* of the counterexample, when it is written; or NULL */
};

/* explore_step.c */
/* List all choices; more than CHOICES_MAX are counted, not kept. */
size_t list_choices(const struct explorer *x, struct used u,
                    struct choice all[CHOICES_MAX]);
/* Do it, and all that it causes at this grain. */
void apply(struct explorer *x, struct choice c);
struct used use(const struct explorer *x, struct used u, struct choice c);
/* Say it in words, before it is done. */
void name_choice(const struct explorer *x, struct choice c, struct text *t);
bool is_armed(const struct explorer *x, const struct node *n, int slot);
bool is_timeout(const struct explorer *x, int slot);
/* Let a timer fire, and everything that this causes come to its end. */
void run_operation(struct explorer *x, struct node *n, int slot);
/* Let everything that is under way come to its end. */
void run_to_rest(struct explorer *x);

/* explore_form.c */
uint64_t canonical_hash(struct explorer *x, struct used u);
/* Bring the nodes' part of it up to date. */
void hash_nodes(struct explorer *x);
void touch_all(struct explorer *x);

/* explore_health.c */
/* Is there an invariant of the name that is to be found? */
bool knows_find(struct explorer *x, struct text *why);
/* Look at a state that is new.  Spends the simulation when it is broken. */
void judge(struct explorer *x);

#endif
