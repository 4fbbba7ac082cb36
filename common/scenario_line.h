/*
 * The parser of scenarios, as its files share it: scenario.c reads files and
 * lines and holds the table of words, scenario_act.c has a function for each
 * kind of line, scenario_walk.c walks what they make of it.
 */
#ifndef COMMON_SCENARIO_LINE_H
#define COMMON_SCENARIO_LINE_H

#include <stddef.h>

#include "common/scenario.h"

#define LINE_BYTES_MAX 16384
#define NODE_LINES_MAX 4096
#define OPTIONS_GIVEN_MAX 64                   /* on one line */
#define TIME_US_MAX UINT64_C(1000000000000000) /* 31 years */

enum line_kind { LINE_ACT, LINE_NODES, LINE_CHURN };

/* A line that acts. */
struct line {
    enum line_kind kind;
    bool relative;             /* when_us counts from the line before */
    uint64_t when_us;          /* of the first act, for `nodes` and churn */
    struct act act;            /* `nodes`: .name is the prefix */
    uint64_t count;            /* `nodes`: how many */
    uint64_t every_us;         /* `nodes`: from one start to the next */
    uint64_t join_us, fail_us; /* churn: mean time between two; 0: none */
    uint64_t for_us;           /* churn: how long */
};

enum weather { SHARE_LOSS, SHARE_DUPLICATE, SHARE_REORDER };

/* What a scenario owns: a list of zeroed blocks, some with an expression. */
struct scenario_store {
    struct scenario_store *next;
    struct expr *expr;
    _Alignas(max_align_t) char data[];
};

/* Names of nodes: one, or PREFIX1 .. PREFIXcount.  A prefix has no digits, so
   no name can be read in two ways. */
struct names {
    struct {
        const char *name;
        uint64_t count; /* 0: this very name */
    } at[NODE_LINES_MAX];
    size_t count;
};

/* From what depth of files each value comes.  A file's own lines win over
   those that it includes, wherever they stand; then what comes later wins. */
struct depths {
    unsigned title, seed, option[OPTIONS_MAX], host[OPTIONS_MAX];
};

struct parser {
    struct scenario *s;
    struct text *why;
    const struct overrides *over; /* or NULL */
    const char *file;
    unsigned line;
    const struct source *source; /* the file, and those that include it */
    size_t bytes_read;
    char buffer[LINE_BYTES_MAX + 1];      /* the line */
    char *at;                             /* what scn_word() has left of it */
    const char *given[OPTIONS_GIVEN_MAX]; /* its options, for scn_once() */
    size_t given_count;

    int kind; /* an enum act_kind or share, from the table of words */
    bool prefixed, stepping, relative; /* its at, after; at step */
    uint64_t when_us, step;

    uint64_t base_us;   /* when the line before happens, as far as known */
    bool quiet;         /* a `run until quiet` stands before */
    bool has_newcomers; /* c1, c2, ... are names */
    struct names names;
    struct settings own, own_host; /* as the files have them */
    struct settings host;          /* and with --set */
    uint64_t own_seed;
    struct depths depths;
    bool settled;                      /* nothing can be set any more */
    struct network_model network;      /* as the lines so far leave it */
    uint64_t churn_end_us[CHURNS_MAX]; /* 0: free */
    size_t line_cap, intervention_cap;
    struct text body; /* of scenario->text */
};

/* Say what is wrong, once, with file and line; returns false. */
bool scn_fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
/* `word` is not what should stand here; NULL: there is none. */
bool scn_unexpected(struct parser *p, const char *word, const char *expected);
/* The same for a word that may be a slip for `near`, unless that is NULL. */
bool scn_unknown(struct parser *p, const char *what, const char *word,
                 const char *near, const char *expected);
/* The same with the sentence of another function. */
bool scn_because(struct parser *p, bool good, const struct text *why);

/* Zeroed memory, and copies, that live as long as the scenario. */
void *scn_keep(struct parser *p, size_t bytes);
char *scn_keep_text(struct parser *p, const char *s);

char *scn_word(struct parser *p); /* the next word of the line, or NULL */
char *scn_rest(struct parser *p); /* what is left of the line */
bool scn_done(struct parser *p);  /* true when nothing is left */
bool scn_is(const char *word, const char *keyword);
bool scn_time(struct parser *p, const char *w, uint64_t *time_us);
bool scn_rate(struct parser *p, const char *w, uint64_t *rate);
bool scn_number(struct parser *p, const char *w, uint64_t max, uint64_t *value);
/* `w`, up to its '=', must be new to this line. */
bool scn_once(struct parser *p, const char *w);

bool scn_is_keyword(const char *w);
/* Take `count` names PREFIX1 ..., or with 0 this one name. */
bool scn_take_names(struct parser *p, const char *name, uint64_t count);
bool scn_known_name(struct parser *p, const char *w);

/* Fix the settings and the seed, which the lines from here on may use. */
bool scn_settle(struct parser *p);
/* Append a line at the time that it was given, or `at step`. */
bool scn_add_line(struct parser *p, struct line l);

/* The kinds of lines.  parser.kind says which of its kind it is. */
bool scn_node(struct parser *p);
bool scn_nodes(struct parser *p);
bool scn_expect(struct parser *p);
bool scn_bare(struct parser *p);    /* heal, warm */
bool scn_fault(struct parser *p);   /* crash, vanish, leave, restart */
bool scn_message(struct parser *p); /* drop, delay, duplicate, deliver */
bool scn_fire(struct parser *p);
bool scn_pick(struct parser *p);
bool scn_partition(struct parser *p);
bool scn_churn(struct parser *p);
bool scn_latency(struct parser *p);
bool scn_share(struct parser *p); /* loss, duplicate, reorder */
bool scn_jitter(struct parser *p);
bool scn_bandwidth(struct parser *p);
bool scn_run(struct parser *p);
bool scn_bound(struct parser *p);
bool scn_grain(struct parser *p);
/* NODE COMMAND ...; the node's name has been read. */
bool scn_command(struct parser *p, const char *name);

#endif
