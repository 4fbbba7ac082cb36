/*
 * Scenarios: the one language for runs, monitor, worksheets and tests.
 * A file becomes a checked list of lines; a cursor walks it
 * and yields single acts in order of time, "nodes" and "churn" unfolded.
 *
 * A scenario never changes once it is loaded, so hosts point into it and
 * keep only the cursor, a plain value that checkpoints copy.
 */
#ifndef COMMON_SCENARIO_H
#define COMMON_SCENARIO_H

#include "common/content.h"
#include "common/expr.h"
#include "common/node.h"
#include "common/random.h"

#define NAME_BYTES_MAX 32
#define SCENARIO_BYTES_MAX                                                     \
    ((size_t)1 << 20) /* of all included files together */
#define INCLUDE_DEPTH_MAX 8
#define CHURNS_MAX 4 /* under way at the same time */

enum act_kind {
    ACT_START,      /* .name .spec */
    ACT_COMMAND,    /* .name .text */
    ACT_EXPECT,     /* .name .text .expect: a command whose result must be so */
    ACT_INVARIANTS, /* expect invariants */
    ACT_CRASH,      /* .name: kill */
    ACT_VANISH,     /* .name */
    ACT_LEAVE,      /* .name */
    ACT_RESTART,    /* .name; .other: whom to join, or NULL */
    ACT_PARTITION,  /* .groups */
    ACT_HEAL,
    ACT_WARM,
    ACT_NETWORK,    /* .network: loss and so on from now on */
    ACT_CHURN_JOIN, /* .name: a newcomer; joins a random live node */
    ACT_CHURN_FAIL, /* some random live node that is not `keep` crashes */
    ACT_DROP,  /* the five that name a message in flight: .name to .other, */
    ACT_DELAY, /*   the .ordinal-th (from 1, in order of sending) */
    ACT_DUPLICATE,
    ACT_DELIVER,
    ACT_PICK, /* what is .ordinal-th under way happens now */
    ACT_FIRE, /* .name .timer: its timer fires now */
    ACT_UNTIL /* run until .time_us, or until quiet when NEVER */
};

/* What a `node` or `nodes` line says of a node. */
struct node_spec {
    const char *id;    /* text, or NULL */
    const char *join;  /* a name; NULL: start a network, or see join_any */
    bool join_any;     /* `nodes` without join=: the first live node */
    struct addr addr;  /* for `live`; none: 127.0.0.1 and a free port */
    uint64_t up, down; /* bytes a second; 0: no limit */
    bool keep;         /* churn never fails it */
    bool introducer;   /* the HTTP introducer, not a node of the protocol */
    const struct share *share; /* content.h; by name */
    size_t share_count;
    const struct settings *settings;
};

enum latency_kind { LATENCY_RANGE, LATENCY_PLANE };

/* The weather: everything a network does to what is sent. */
struct network_model {
    enum latency_kind latency;
    uint64_t latency_min_us, latency_max_us; /* one way, per pair */
    uint32_t plane_width, plane_height;      /* 1 unit is 1 ms */
    uint64_t jitter_us;
    uint64_t loss, duplicate, reorder; /* of datagrams; parts of FRACTION_ONE */
    /* Bytes a second; 0: no limit.  Of streams: a datagram is small, and what
       bulk there is goes by streams in all seven protocols. */
    uint64_t up, down;
};

struct act {
    enum act_kind kind;
    uint64_t time_us; /* NEVER in ACT_UNTIL: quiet; ACT_DELAY: by how much */
    unsigned line;    /* of `file`, for errors */
    const char *file;
    char name[NAME_BYTES_MAX + 1];
    const char *other;
    const char *text; /* command, without the node's name; or timer */
    uint32_t ordinal;
    const struct node_spec *spec;
    const struct expr *expect; /* NULL: must only succeed */
    const char *expect_text;   /* "owner=n45 && hops<=4" */
    bool expect_failure;
    const char *const *groups; /* "n16,n32", "p1,p2", NULL */
    const struct network_model *network;
};

/* A line that acts just before step `step` (at step N ...). */
struct intervention {
    uint64_t step;
    size_t order; /* among those of the same step */
    struct act act;
};

enum grain { GRAIN_MESSAGE, GRAIN_OPERATION };
#define BOUND_ANY UINT32_MAX

/* For `check`. */
struct bounds {
    uint32_t crash, join, restart, drop, depth;
    uint32_t delay; /* at grain operation: messages that expect no answer and
                       are left behind, to arrive as an operation of their own */
    enum grain grain;
};

struct scenario {
    char *path; /* as given, or the name that stands for it */
    char *text; /* the whole, includes taken in; what a branch starts from */
    char *title;
    uint64_t seed;
    const struct protocol *protocol;
    struct settings settings;
    uint64_t quantum;     /* bytes a stream moves at a time; 1 dribbles */
    uint64_t trace_limit; /* records the monitor keeps */
    struct network_model network;
    struct bounds bounds;
    bool changed;      /* seed or settings were overridden */
    bool has_nodes;    /* some line starts one */
    uint64_t until_us; /* --until: ends the run; NEVER: as the lines say */

    struct line *line; /* private to scenario.c */
    size_t line_count;
    struct intervention *intervention; /* ascending by step */
    size_t intervention_count;
    struct scenario_store *store; /* owns what the above points to */
};

/* What the command line lays over a scenario. */
struct overrides {
    bool has_seed;
    uint64_t seed;
    const char *const *set; /* NAME=VALUE, NULL-terminated; may be NULL */
    uint64_t until_us;      /* 0: as the scenario says */
};

/* Load a scenario and check every line of it.  NULL with *why in the form
   FILE:LINE: ... when it is bad.  `overrides` may be NULL. */
struct scenario *scenario_load(const char *path, const struct protocol *p,
                               const struct overrides *over, struct text *why);
/* The same from memory; `name` stands for the file in errors. */
struct scenario *scenario_parse(const char *name, const char *text,
                                const struct protocol *p,
                                const struct overrides *over, struct text *why);
void scenario_free(struct scenario *s);

/* May a node be called so?  Keywords aside. */
bool is_node_name(const char *s);
/* Check a command as the protocol's table has it; the errors of `NODE
   COMMAND` lines, of standard input and of the monitor. */
bool command_check(const struct protocol *p, const char *text,
                   struct text *why);
const struct command *command_find(const struct protocol *p, const char *text);
/* What `set` takes beside the protocol's options; ends in a NULL name. */
extern const struct option host_options[];

/* -- Walking ---------------------------------------------------------- */

struct churn {
    size_t line;
    uint64_t join_us, fail_us, end_us; /* next ones; NEVER when over */
};

struct cursor {
    size_t line;
    uint64_t sub;       /* how many of a `nodes` line have been yielded */
    uint64_t base_us;   /* time of the line before */
    uint64_t newcomers; /* c1, c2, ... */
    struct churn churn[CHURNS_MAX];
    struct random random; /* churn's own stream, from the seed */
    bool waiting;         /* at `run until quiet`, for cursor_resume */
};

struct cursor cursor_new(const struct scenario *s);
/* When the next act is due.  NEVER at the end, and while waiting for quiet
   (unless --until sets an end: it falls due even then).  A `run until quiet`
   falls due after the churn before it is over. */
uint64_t cursor_time(const struct scenario *s, const struct cursor *c);
/* Yield the next act and step over it; false when cursor_time says NEVER.
   A `run until T` is yielded when T is due, and the cursor goes on by itself;
   `run until quiet` (time NEVER) makes it wait for cursor_resume. */
bool cursor_next(const struct scenario *s, struct cursor *c, struct act *act);
/* It has become quiet at `now_us`: go on behind the `run until quiet`. */
void cursor_resume(struct cursor *c, uint64_t now_us);

/* Has every line been yielded, and is nothing waited for? */
bool cursor_ended(const struct scenario *s, const struct cursor *c);

/* Does a result answer an ACT_EXPECT?  *why says what differs. */
bool expect_met(const struct act *act, bool ok, const struct fields *result,
                const struct namer *names, struct text *why);

#endif
