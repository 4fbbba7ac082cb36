/*
 * What the parts of the monitor share; nobody else includes this.
 *
 *   monitor.c         screens and their layout, the loop, --line
 *   monitor_source.c  where records come from, and moving through them
 *   monitor_keys.c    the one table of keys and commands
 *   monitor_moves.c   commands that go somewhere or select
 *   monitor_acts.c    commands that act on the run: faults, branches
 *   monitor_panes.c   drawing
 *   monitor_facts.c   what is computed: conditions, causes, comparisons
 *   monitor_export.c  files
 */
#ifndef COMMON_MONITOR_CORE_H
#define COMMON_MONITOR_CORE_H

#include "common/expr.h"
#include "common/log.h"
#include "common/monitor.h"
#include "common/screen.h"
#include "common/stepper.h"
#include "common/view.h"

#define BREAKS_MAX 16
#define FLIGHTS_MAX 256    /* messages in flight that are listed */
#define MEMO_NODES_MAX 256 /* above, only the nodes shown are remembered */
#define WHY_MAX 256
#define PATH_MAX_SHOWN 64
#define SPEEDS 7
#define LIVE_RECORDS_MAX 200000

enum tab {
    TAB_MESSAGES,
    TAB_DECODE,
    TAB_LOG,
    TAB_TREE,
    TAB_LAB,   /* only with a worksheet */
    TAB_LOWER, /* those before are the tabs of the lower pane */
    TAB_PICTURE = TAB_LOWER,
    TAB_NODE,
    TABS
};

/* The numbers of the log's records that a list shows, oldest first. */
struct list {
    size_t *at, count, cap;
    size_t scanned; /* the log's records below this have been looked at */
    bool all;       /* every kind of record; else what people and nodes say */
};

/* A breakpoint, filter or search. */
struct condition {
    struct expr *expr; /* NULL: none */
    char *text;
};

/* What the state of nodes was before a step, by index. */
struct memo {
    struct state_rows *rows;
    size_t count;
};

enum asking { ASK_NOTHING, ASK_LINE, ASK_LETTER, ASK_YES };

struct key_command;

struct monitor {
    const struct program *program;
    const struct protocol *protocol;
    const struct monitor_options *options;

    /* Source: one of three; all fill a log (monitor_source.c). */
    struct stepper *stepper;
    struct live *live;
    struct live_run *run;
    const struct trace *trace;
    struct log *own_log; /* of live and trace */
    uint64_t at;         /* live, trace: step looked at; NEVER: the newest */
    struct record flight[FLIGHTS_MAX];
    size_t flight_count;

    /* What is looked at. */
    enum tab tab;  /* the active pane, and the lower one */
    enum tab zoom; /* TABS: no pane is zoomed */
    size_t picture;
    struct list messages, everything;
    size_t selected;        /* the log's number of the selected record */
    size_t flight_selected; /* or the selected one in flight; SIZE_MAX */
    size_t node, pinned;    /* index in the network; SIZE_MAX: none */
    bool follow;            /* the node of the present event is shown */
    uint32_t command;       /* the selected lookup: its path is drawn */
    size_t field, byte;     /* in the decode pane */
    size_t tree_row, node_top;
    uint64_t why[WHY_MAX]; /* steps of the causal past, the latest first */
    size_t why_count;      /* 0: not shown */
    uint64_t mark[26];     /* steps; 0: none */
    size_t mark_branch[26];
    struct memo before; /* the state before the present step */

    struct condition find, filter, stop[BREAKS_MAX];
    size_t stops;
    bool filter_inverted;

    /* The worksheet: what has been said so far; the line wanted on top, the
       one that is, and how many fit. */
    struct text lab;
    size_t lab_top, lab_shown, lab_rows;

    /* Talking. */
    struct text say; /* the prompt's text, when nothing is asked */
    enum asking asking;
    const struct key_command *asker, *doing; /* doing: with `arg` */
    const char *arg;
    struct text typed;
    char *pending; /* what waits for a y, and who is told then */
    void (*confirmed)(struct monitor *m, const char *what);
    struct text page; /* an open page of text; empty: none */
    const char *page_title;
    size_t page_top;

    /* Going on by itself. */
    bool running;
    bool waiting;     /* a long walk is under way */
    bool interactive; /* a real terminal */
    bool quit, run_ended;
    bool failed; /* --line: a command could not be done, or did not hold */
    unsigned speed;
    uint64_t next_ms; /* wall clock of the next event */
    uint64_t walk_ms; /* wall clock when a long walk was last shown */
    struct pane grid; /* what the terminal shows */
    int rows, columns;
    int cursor_row, cursor_column;
    char shown_name[64]; /* of the scenario or trace */
    const char *source_name;
};

/* -- monitor.c ------------------------------------------------------------ */

void draw_all(struct monitor *m, const struct pane *grid);
/* Let the user see and interrupt a long walk. */
bool monitor_patience(void *monitor, uint64_t step, uint64_t goal);
void say(struct monitor *m, const char *format, ...) PRINTF_LIKE(2, 3);
/* Show words in the prompt line at once, before something that takes time. */
void say_now(struct monitor *m, const char *words);
/* Open a page of text, which is taken over and emptied. */
void open_page(struct monitor *m, const char *title, struct text *page);

/* -- monitor_source.c ------------------------------------------------------ */

const struct log *the_log(const struct monitor *m);
const struct network *the_network(const struct monitor *m);
struct namer the_names(const struct monitor *m);
uint64_t the_step(const struct monitor *m); /* where we are */
uint64_t the_time(const struct monitor *m);
uint64_t last_step(const struct monitor *m); /* that is known so far */
/* The log's records of number below this have happened. */
size_t the_end(const struct monitor *m);
const struct host *the_node(const struct monitor *m, size_t index);
/* Move; each leaves everything that is looked at in agreement. */
bool go_forward(struct monitor *m);
bool go_to(struct monitor *m, uint64_t step);
bool go_to_time(struct monitor *m, uint64_t time_us);
/* To the next or previous record that matches; false: none, stay. */
bool go_find(struct monitor *m, const struct search *f, bool forward);
/* Read anew what is in flight, select the present event. */
void look_around(struct monitor *m);
/* The list with everything the log has by now. */
const struct list *list_now(struct monitor *m, struct list *l);
void list_forget(struct list *l);
/* How many of its records have happened. */
size_t list_here(const struct monitor *m, const struct list *l);
/* The row of the cursor in it; rows behind list_here() are in flight. */
size_t list_row(struct monitor *m, struct list *l);
/* The selected record; false when there is none. */
bool selected_record(struct monitor *m, struct record *r);
/* The step before the present one. */
uint64_t step_before(const struct monitor *m);

/* -- monitor_moves.c, monitor_acts.c ------------------------------------------ */

/* What a command does; m->arg and m->doing say more. */
typedef void command_function(struct monitor *m);
command_function do_step, do_back, do_goto, do_first, do_last, do_related,
    do_run, do_speed, do_stops, do_break, do_breaks, do_delete, do_again,
    do_find, do_filter, do_invert, do_move, do_side, do_open, do_close, do_tab,
    do_show, do_pane, do_zoom, do_picture, do_node, do_pin, do_mark, do_jump;
command_function do_message, do_to_node, do_fault, do_partition, do_faults,
    do_branch, do_compare, do_why, do_value, do_check, do_export;

/* Say what the present step was, in its own words if it has some. */
void say_event(struct monitor *m);
/* Is a breakpoint met by the present step?  Says which. */
bool stop_here(struct monitor *m);
void forget_lists(struct monitor *m);
void show_branch(struct monitor *m, size_t i);
bool close_top(struct monitor *m); /* false when there is nothing to close */
/* What the line that a command asks for begins with. */
void suggest_stop(struct monitor *m, struct text *t);
void suggest_partition(struct monitor *m, struct text *t);
/* Do something once y has been pressed. */
void ask_yes(struct monitor *m, const char *what,
             void (*run)(struct monitor *, const char *));

/* -- monitor_keys.c --------------------------------------------------------- */

struct key_command {
    const char *name;
    const char *keys; /* as --keys has them, separated by blanks; or "" */
    const char *args; /* "STEP|TIME"; "[..]" optional; NULL: none */
    enum asking ask;  /* what the key asks for before it acts */
    int n;            /* which way, how far, which pane */
    const char *help;
    command_function *run;
};
/* A place in a list `by` lines down, or up; never above the first. */
static inline size_t moved_by(size_t at, int by)
{
    size_t up = (size_t)(by < 0 ? -by : 0);

    return by > 0 ? at + (size_t)by : at > up ? at - up : 0;
}

/* How many tabs the lower pane has. */
static inline int lower_tabs(const struct monitor *m)
{
    return m->options->tutor != NULL ? TAB_LOWER : TAB_LAB;
}

extern const struct key_command key_commands[]; /* ends in a NULL name */
void run_command(struct monitor *m, const struct key_command *c,
                 const char *arg);
/* Run a command line, "goto 118". */
void run_line(struct monitor *m, const char *line);
const struct key_command *command_of_key(int key);
/* The next key of a --keys string; SCREEN_NONE at its end, and on a bad
   one, which *s then still points to. */
int next_key(const char **s);
void key_name(struct text *t, int key);
/* What the line that a command asks for begins with. */
void suggest(struct monitor *m, const struct key_command *c, struct text *t);

/* -- monitor_panes.c -------------------------------------------------------- */

void draw_title(struct monitor *m, const struct pane *p);
void draw_tab(struct monitor *m, enum tab tab, const struct pane *p);
size_t picture_count(const struct monitor *m);
void tab_title(struct monitor *m, enum tab tab, struct text *t);
const char *tab_name(enum tab tab);
/* A record in words: "n80 -> n16 FIND_SUCC key 42". */
void record_words(struct monitor *m, const struct record *r, struct text *t);
/* The front of that: "n80 -> n16 FIND_SUCC", "n80 command". */
void record_title(struct monitor *m, const struct record *r, struct text *t);
/* One field of it: type, from, to, or its own; false when it has none. */
bool record_value(struct monitor *m, const struct record *r, const char *name,
                  struct text *t);
void describe_record(const struct monitor *m, const struct record *r,
                     struct fields *f);
/* The first field that is not minor: where the decode pane begins. */
size_t first_field(const struct fields *f);

/* -- monitor_facts.c --------------------------------------------------------- */

/* Make *c what m->arg says; false, and said why, when it means nothing. */
bool condition_asked(struct monitor *m, struct condition *c);
void condition_free(struct condition *c);
/* Is it true of a record, with what the nodes' states are now? */
bool condition_true(struct monitor *m, const struct condition *c,
                    const struct record *r);
/* Remember the state of all nodes; of large networks' only of those shown,
   unless `all`. */
void memo_take(struct monitor *m, bool all);
void memo_update(struct monitor *m, const struct host *h);
void memo_free(struct memo *memo);
/* Did the present step change row `i` of a node's state? */
bool memo_differs(const struct monitor *m, const struct host *h,
                  const struct state_rows *rows, size_t i);
/* Fill m->why from a record. */
void find_causes(struct monitor *m, const struct record *r);
bool is_cause(const struct monitor *m, uint64_t step);
/* Compare two branches, as text. */
void compare_branches(struct monitor *m, size_t a, size_t b, struct text *t);
/* Run the shown branch until nothing is open any more, and its parent to the
   same time; compare; go back to where the fault was. */
void consequence(struct monitor *m, struct text *t);

/* -- monitor_lab.c ------------------------------------------------------------ */

void draw_lab(struct monitor *m, const struct pane *p);
void do_lab(struct monitor *m);
/* Does the worksheet in front wait for an answer, which Enter begins? */
bool lab_asks(const struct monitor *m);
void do_answer(struct monitor *m);
void do_hint(struct monitor *m);
void open_lab(struct monitor *m); /* Enter in this pane */
void scroll_lab(struct monitor *m, int by);
size_t lines_of(const char *s);
/* Draw lines of text from the `top`-th on. */
void draw_lines(const struct pane *p, int column, const char *line, size_t top);

/* -- monitor_export.c -------------------------------------------------------- */

/* The picture that every program has: messages as arrows between lanes. */
void draw_sequence(struct monitor *m, const struct pane *p);
/* Write the screen or the run to a file; the kind is the name's ending. */
bool export_file(struct monitor *m, const char *path, struct text *why);

#endif
