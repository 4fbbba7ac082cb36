/*
 * The language of scenarios (design.md 5), read and checked as a whole
 * before a run; see scenario.h.
 *
 * A file is read line by line; a line is cut into words; its first word, or
 * the one after `at TIME`, `after TIME` or `at step N`, chooses a function
 * from a table, or is the name of a node to which a command is given.  What
 * acts becomes a `struct line` (scenario_line.h) or an intervention; the rest
 * (seed, set, title, bound, the weather at the beginning) becomes a member of
 * `struct scenario`.  The first error ends it.
 *
 * `text` gathers every line that is not title, seed, set or include, below
 * the effective values of these: it stands alone, whatever was included or
 * overridden.
 */
#include "common/scenario.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/program.h"
#include "common/scenario_line.h"
#include "common/scenario_names.h"

#define LINE_BYTES_MAX (16 * 1024)
#define NODES_MAX 16000000                     /* of one `nodes` line */
#define TIME_US_MAX UINT64_C(1000000000000000) /* 31 years */
#define MEAN_US_MAX UINT64_C(1000000000000)    /* between two of churn */
#define LATENCY_US_MAX (60 * (uint64_t)1000000)
#define PLANE_MAX 60000
#define QUANTUM_DEFAULT (16 * 1024)

#define A_TIME "a time (250ms, 10s, 2m)"
#define A_RATE "a rate (100kB/s, 1MB/s)"
#define A_SHARE "a share (0.1%, 5%)"

const struct option host_options[] = {
    {"quantum", OPTION_SIZE, 1, MESSAGE_BYTES_MAX, QUANTUM_DEFAULT, NULL,
     "bytes a stream moves at a time; 1 dribbles"},
    {"trace_limit", OPTION_NUMBER, 1000, 10000000, 1000000, NULL,
     "records that the monitor keeps"},
    {.name = NULL},
};

/* What a scenario owns: a list of zeroed blocks, some with an expression. */
struct scenario_store {
    struct scenario_store *next;
    struct expr *expr;
    _Alignas(max_align_t) char data[];
};

/* A file being read, below those that include it. */
struct source {
    const struct source *parent;
    unsigned depth; /* 1: the scenario itself */
    dev_t device;
    ino_t inode;
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
    const struct source *source;
    size_t bytes_read;
    char *at; /* the rest of the line, which word() cuts up */

    bool prefixed, stepping; /* the line's at, after; at step */
    bool relative;
    uint64_t when_us, step;

    uint64_t base_us;   /* when the line before happens, as far as known */
    bool quiet;         /* a `run until quiet` stands before */
    struct names names; /* of nodes */
    bool has_newcomers; /* c1, c2, ... are names */
    struct settings own, own_host; /* as the files have them */
    struct settings host;          /* and with --set */
    uint64_t own_seed;
    struct depths depths;
    bool settled; /* nothing is set any more: a node has been seen */
    struct network_model network;      /* as the lines so far leave it */
    uint64_t churn_end_us[CHURNS_MAX]; /* 0: free */
    size_t line_cap, intervention_cap;
    struct text body;
    char buffer[LINE_BYTES_MAX + 1]; /* the line */
};

/* -- Errors ---------------------------------------------------------------- */

static bool fail(struct parser *p, const char *format, ...) PRINTF_LIKE(2, 3);

static bool fail(struct parser *p, const char *format, ...)
{
    struct text t = text_new();
    va_list args;

    text_printf(&t, "%s:%u: ", p->file, p->line);
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    text_clear(p->why);
    text_safe(p->why, t.data, t.len);
    text_free(&t);
    return false;
}

/* `word` is not what should stand here; NULL: there is none. */
static bool unexpected(struct parser *p, const char *word, const char *expected)
{
    if (word == NULL)
        return fail(p, "the line ends too early, expected %s", expected);
    return fail(p, "'%.60s' is wrong here, expected %s", word, expected);
}

/* -- Memory ------------------------------------------------------------------ */

static void *keep(struct parser *p, size_t bytes)
{
    struct scenario_store *b = calloc(1, sizeof *b + bytes);

    if (b == NULL) {
        (void)fail(p, "out of memory");
        return NULL;
    }
    b->next = p->s->store;
    p->s->store = b;
    return b->data;
}

static char *keep_text(struct parser *p, const char *s)
{
    size_t len = strlen(s);
    char *copy = keep(p, len + 1);

    if (copy != NULL)
        memcpy(copy, s, len);
    return copy;
}

/* Make room for one more element; the array may move. */
static bool grow(struct parser *p, void **array, size_t count, size_t *cap,
                 size_t bytes)
{
    if (count < *cap)
        return true;
    size_t more = *cap > 0 ? *cap * 2 : 32;
    void *moved = realloc(*array, more * bytes);
    if (moved == NULL)
        return fail(p, "out of memory");
    *array = moved;
    *cap = more;
    return true;
}

/* -- Words ------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* The next word of the line, or NULL. */
static char *word(struct parser *p)
{
    char *start = p->at + strspn(p->at, " \t");
    size_t len = strcspn(start, " \t");

    if (len == 0)
        return NULL;
    p->at = start + len;
    if (*p->at != '\0')
        *p->at++ = '\0';
    return start;
}

/* What is left of the line. */
static char *rest(struct parser *p)
{
    char *start = p->at + strspn(p->at, " \t");

    p->at = start + strlen(start);
    return start;
}

static bool is(const char *word, const char *keyword)
{
    return word != NULL && strcmp(word, keyword) == 0;
}

static bool done(struct parser *p)
{
    const char *w = word(p);

    return w == NULL || unexpected(p, w, "the end of the line");
}

/* Read `w` as a number with a unit. */
static bool measure(struct parser *p, const char *w,
                    bool (*parse)(const char *, uint64_t *),
                    const char *expected, uint64_t *value)
{
    if (w == NULL || !parse(w, value))
        return unexpected(p, w, expected);
    return true;
}

static bool time_word(struct parser *p, const char *w, uint64_t *time_us)
{
    if (!measure(p, w, parse_time, A_TIME, time_us))
        return false;
    return *time_us <= TIME_US_MAX || unexpected(p, w, "a time below 31 years");
}

static bool number(struct parser *p, const char *w, uint64_t max,
                   uint64_t *value)
{
    if (w != NULL && parse_u64(w, max, value))
        return true;
    struct text expected = text_new();
    text_add(&expected, "a number up to ");
    text_u64(&expected, max);
    (void)unexpected(p, w, expected.data);
    text_free(&expected);
    return false;
}

/* The value of "key=value" when `w` has that key; else NULL. */
static const char *value_of(const char *w, const char *key)
{
    size_t len = strlen(key);

    return strncmp(w, key, len) == 0 && w[len] == '=' ? w + len + 1 : NULL;
}

/* -- Names ------------------------------------------------------------------- */

static bool is_keyword(const char *w);

static bool is_name(const char *s)
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return s[len] == '\0' && len > 0 && len <= NAME_BYTES_MAX &&
           strchr("0123456789_.-", s[0]) == NULL;
}

/* A name for a new node, or the prefix of many. */
static bool new_name(struct parser *p, const char *w)
{
    if (w == NULL || !is_name(w))
        return unexpected(p, w,
                          "a name: a letter, then letters, digits, _ . -, at "
                          "most 32 in all");
    if (is_keyword(w))
        return fail(p, "'%s' is a word of this language, expected a name", w);
    return true;
}

/* The name of a node of an earlier line. */
static bool known_name(struct parser *p, const char *w)
{
    if (w != NULL && names_known(&p->names, w))
        return true;
    const char *near = w != NULL ? names_nearest(&p->names, w) : NULL;
    if (near != NULL)
        return fail(p, "unknown node '%.60s'; did you mean '%s'?", w, near);
    return unexpected(p, w, "the name of a node of an earlier line");
}

static bool act_name(struct parser *p, struct act *act, const char *w)
{
    if (!known_name(p, w))
        return false;
    memcpy(act->name, w, strlen(w) + 1);
    return true;
}

/* -- Lines that act ------------------------------------------------------------ */

static struct act act_new(const struct parser *p, enum act_kind kind)
{
    return (struct act){.kind = kind, .file = p->file, .line = p->line};
}

static bool add_intervention(struct parser *p, const struct act *act)
{
    struct scenario *s = p->s;
    void *array = s->intervention;

    if (!grow(p, &array, s->intervention_count, &p->intervention_cap,
              sizeof *s->intervention))
        return false;
    s->intervention = array;
    s->intervention[s->intervention_count++] =
        (struct intervention){.step = p->step, .act = *act};
    s->intervention[s->intervention_count - 1].order = s->intervention_count;
    return true;
}

/* Append `l` at the time that its prefix gave. */
static bool add_line(struct parser *p, struct line l)
{
    struct scenario *s = p->s;
    void *array = s->line;

    if (p->stepping) {
        assert(l.kind == LINE_ACT);
        return add_intervention(p, &l.act);
    }
    if (!grow(p, &array, s->line_count, &p->line_cap, sizeof *s->line))
        return false;
    s->line = array;
    l.relative = p->relative;
    l.when_us = p->when_us;
    p->base_us = p->relative ? p->base_us + p->when_us : p->when_us;
    if (l.kind == LINE_NODES)
        p->base_us += (l.count - 1) * l.every_us;
    if (p->base_us > TIME_US_MAX)
        return fail(p, "the time grows too large, expected 31 years at most");
    s->line[s->line_count++] = l;
    return true;
}

static bool add_act(struct parser *p, struct act act)
{
    return done(p) && add_line(p, (struct line){.kind = LINE_ACT, .act = act});
}

/* -- node, nodes --------------------------------------------------------------- */

/* Options of this node alone: a copy of the settings, made once. */
static bool own_setting(struct parser *p, struct node_spec *spec,
                        struct settings **own, const char *w)
{
    struct text why = text_new();

    if (*own == NULL) {
        *own = keep(p, sizeof **own);
        if (*own == NULL)
            return false;
        **own = p->s->settings;
        spec->settings = *own;
    }
    bool good = settings_assign(*own, w, &why);
    if (!good)
        (void)fail(p, "%s", why.data);
    text_free(&why);
    return good;
}

static bool node_option(struct parser *p, struct node_spec *spec,
                        struct settings **own, char *w)
{
    const char *value;

    if (is(w, "keep"))
        return spec->keep = true;
    if (is(w, "introducer"))
        return spec->introducer = true;
    if ((value = value_of(w, "join")) != NULL) {
        spec->join = keep_text(p, value);
        return spec->join != NULL && known_name(p, value);
    }
    if ((value = value_of(w, "up")) != NULL)
        return measure(p, value, parse_rate, A_RATE, &spec->up);
    if ((value = value_of(w, "down")) != NULL)
        return measure(p, value, parse_rate, A_RATE, &spec->down);
    if (strchr(w, '=') == NULL)
        return unexpected(p, w,
                          "id=, join=, addr=, up=, down=, keep, introducer, or "
                          "OPTION=VALUE");
    return own_setting(p, spec, own, w);
}

/* What only a single node may have: id= and addr=. */
static bool single_option(struct parser *p, struct node_spec *spec, char *w,
                          bool *taken)
{
    const char *id = value_of(w, "id"), *addr = value_of(w, "addr");

    *taken = id != NULL || addr != NULL;
    if (id != NULL)
        return (spec->id = keep_text(p, id)) != NULL;
    if (addr != NULL && !addr_parse(&spec->addr, addr))
        return unexpected(p, addr, "an address (127.0.0.1:7074)");
    return true;
}

static bool check_id(struct parser *p, const struct node_spec *spec)
{
    const struct protocol *protocol = p->s->protocol;
    struct text why = text_new();
    struct id id;

    if (spec->id == NULL)
        return true;
    if (protocol->identify == NULL)
        return fail(p, "id= is wrong here: nodes of %s have no identifiers",
                    protocol->name);
    bool good =
        protocol->identify(spec->settings, spec->addr, spec->id, &id, &why);
    if (!good)
        (void)fail(p, "%s", why.data);
    text_free(&why);
    return good;
}

static bool settle(struct parser *p);

static struct node_spec *spec_new(struct parser *p)
{
    struct node_spec *spec = settle(p) ? keep(p, sizeof *spec) : NULL;

    if (spec != NULL)
        spec->settings = &p->s->settings;
    return spec;
}

/* The words behind the name, up to the line's end. */
static bool node_options(struct parser *p, struct node_spec *spec, bool many,
                         uint64_t *every_us)
{
    struct settings *own = NULL;
    bool taken = false;
    char *w;

    while ((w = word(p)) != NULL) {
        if (many && is(w, "every")) {
            if (!time_word(p, word(p), every_us))
                return false;
            continue;
        }
        if (!many && !single_option(p, spec, w, &taken))
            return false;
        if (!taken && !node_option(p, spec, &own, w))
            return false;
    }
    return check_id(p, spec);
}

static bool parse_node(struct parser *p)
{
    struct act act = act_new(p, ACT_START);
    struct node_spec *spec = spec_new(p);
    const char *w = word(p);

    if (spec == NULL || !new_name(p, w) || !node_options(p, spec, false, NULL))
        return false;
    char *name = keep_text(p, w);
    if (name == NULL)
        return false;
    if (!names_add(&p->names, name))
        return fail(p, "there is a node '%s' already, expected another name",
                    w);
    memcpy(act.name, name, strlen(name) + 1);
    act.spec = spec;
    return add_act(p, act);
}

/* prefix=p, and the names that it makes. */
static bool parse_prefix(struct parser *p, struct line *l)
{
    const char *w = word(p), *value = w != NULL ? value_of(w, "prefix") : NULL;
    struct text last = text_new();

    if (value == NULL)
        return unexpected(p, w, "prefix=NAME");
    size_t len = strlen(value);
    text_add(&last, value);
    text_u64(&last, l->count);
    bool good = is_name(last.data) && value[strcspn(value, "0123456789")] == 0;
    text_free(&last);
    if (!good)
        return unexpected(p, value, "a short prefix without digits");
    memcpy(l->act.name, value, len + 1);
    value = keep_text(p, value);
    if (value == NULL)
        return false;
    return names_add_many(&p->names, value, l->count) ||
           fail(p,
                "'%s' makes a name that another line has, expected another "
                "prefix",
                value);
}

static bool parse_nodes(struct parser *p)
{
    struct line l = {.kind = LINE_NODES, .act = act_new(p, ACT_START)};
    struct node_spec *spec = spec_new(p);

    if (p->stepping)
        return fail(p, "'nodes' cannot follow 'at step', expected 'node'");
    if (spec == NULL || !number(p, word(p), NODES_MAX, &l.count))
        return false;
    if (l.count == 0)
        return unexpected(p, "0", "one node or more");
    if (!parse_prefix(p, &l) || !node_options(p, spec, true, &l.every_us))
        return false;
    if (l.every_us > TIME_US_MAX / l.count)
        return fail(p, "the last start is too late, expected below 31 years");
    spec->join_any = spec->join == NULL;
    l.act.spec = spec;
    return add_line(p, l);
}

/* -- Commands and what is expected of them --------------------------------- */

static bool check_command(struct parser *p, const char *text)
{
    struct text why = text_new();
    bool good = command_check(p->s->protocol, text, &why);

    if (!good)
        (void)fail(p, "%s", why.data);
    text_free(&why);
    return good;
}

/* NODE COMMAND ...; the node's name has been read. */
static bool parse_command(struct parser *p, const char *name)
{
    struct act act = act_new(p, ACT_COMMAND);
    char *text = rest(p);

    if (!act_name(p, &act, name))
        return false;
    if (*text == '\0')
        return unexpected(p, NULL, "a command for the node");
    act.text = keep_text(p, text);
    return act.text != NULL && check_command(p, text) && add_act(p, act);
}

/* Does a condition begin here ("owner=n45"), or what joins two of them? */
static bool is_condition(const char *s)
{
    size_t word = strcspn(s, " \t"), field;

    if (word == 2 && (s[0] == '&' || s[0] == '|') && s[0] == s[1])
        return true;
    s += strspn(s, "(!");
    field = strcspn(s, "=<>!~ \t");
    return field > 0 && s[field] != '\0' && !is_blank(s[field]);
}

/* How many words a command needs at least, itself included. */
static size_t words_needed(const struct command *c)
{
    size_t count = 1;

    for (const char *type = c->args; *type != '\0'; type++)
        count += *type != '?' && type[1] != '?';
    return count;
}

/* Cut the conditions off the end of "lookup 42 owner=n45 hops<=4"; return
   where they begin. */
static char *cut_conditions(char *text, const struct command *c)
{
    size_t words = 0, needed = words_needed(c);
    char *end = text + strlen(text);

    for (char *s = text; *(s += strspn(s, " \t")) != '\0';
         s += strcspn(s, " \t"))
        words++;
    for (char *at = end; words > needed; words--) {
        while (is_blank(at[-1]))
            at--;
        while (!is_blank(at[-1]))
            at--;
        if (!is_condition(at))
            break;
        end = at;
    }
    return end;
}

/* Conditions that stand side by side must all hold. */
static bool parse_conditions(struct parser *p, struct act *act, char *s)
{
    struct text t = text_new(), why = text_new();
    bool joined = true;

    p->at = s;
    for (char *w; (w = word(p)) != NULL;) {
        bool joins = is(w, "&&") || is(w, "||");
        text_add(&t, t.len == 0 ? "" : joined || joins ? " " : " && ");
        text_add(&t, w);
        joined = joins;
    }
    struct expr *e = expr_parse(t.data, &why);
    if (e == NULL)
        (void)fail(p, "%s", why.data);
    else
        act->expect_text = keep_text(p, t.data);
    if (act->expect_text != NULL)
        p->s->store->expr = e; /* owned by the block of its text */
    else
        expr_free(e);
    act->expect = e;
    text_free(&t);
    text_free(&why);
    return act->expect_text != NULL;
}

static bool parse_expect(struct parser *p)
{
    struct act act = act_new(p, ACT_EXPECT);
    char *w = word(p);

    if (is(w, "invariants"))
        return add_act(p, act_new(p, ACT_INVARIANTS));
    act.expect_failure = is(w, "fail");
    if (act.expect_failure)
        w = word(p);
    if (!act_name(p, &act, w))
        return false;
    char *text = rest(p);
    const struct command *c = command_find(p->s->protocol, text);
    char *conditions =
        c != NULL ? cut_conditions(text, c) : text + strlen(text);
    if (*conditions != '\0' && !parse_conditions(p, &act, conditions))
        return false;
    while (conditions > text && is_blank(conditions[-1]))
        conditions--;
    *conditions = '\0';
    act.text = keep_text(p, text);
    return act.text != NULL && check_command(p, text) && add_act(p, act);
}

/* -- Faults ------------------------------------------------------------------ */

static bool parse_fault(struct parser *p, enum act_kind kind)
{
    struct act act = act_new(p, kind);

    return act_name(p, &act, word(p)) && add_act(p, act);
}

static bool parse_crash(struct parser *p)
{
    return parse_fault(p, ACT_CRASH);
}

static bool parse_vanish(struct parser *p)
{
    return parse_fault(p, ACT_VANISH);
}

static bool parse_leave(struct parser *p)
{
    return parse_fault(p, ACT_LEAVE);
}

static bool parse_restart(struct parser *p)
{
    return parse_fault(p, ACT_RESTART);
}

static bool parse_heal(struct parser *p)
{
    return add_act(p, act_new(p, ACT_HEAL));
}

static bool parse_warm(struct parser *p)
{
    return add_act(p, act_new(p, ACT_WARM));
}

/* Check "a,b , c", squeezed in place; `seen` holds the names so far. */
static bool parse_group(struct parser *p, char *group, struct names *seen)
{
    char *out = group, *in = group;

    for (; *in != '\0'; in++)
        if (!is_blank(*in))
            *out++ = *in;
    *out = '\0';
    for (char *name = group;; *name++ = ',') {
        char *end = name + strcspn(name, ",");
        bool last = *end == '\0';
        *end = '\0';
        if (!known_name(p, name))
            return false;
        if (names_known(seen, name))
            return fail(p, "'%s' is named twice, expected one group for it",
                        name);
        char *copy = keep_text(p, name);
        if (copy == NULL || !names_add(seen, copy))
            return false;
        if (last)
            return true;
        name = end;
    }
}

static bool parse_partition(struct parser *p)
{
    struct act act = act_new(p, ACT_PARTITION);
    struct names seen = {.at = NULL};
    char *text = keep_text(p, rest(p));
    size_t count = 1;
    bool good = true;

    for (const char *c = text; c != NULL && *c != '\0'; c++)
        count += *c == '|';
    const char **groups = keep(p, (count + 1) * sizeof *groups);
    if (text == NULL || groups == NULL)
        return false;
    if (count < 2)
        return fail(p, "one group is no partition, expected 'partition a,b | "
                       "c'");
    for (size_t i = 0; good && i < count; i++) {
        size_t len = strcspn(text, "|");
        text[len] = '\0';
        groups[i] = text;
        good = parse_group(p, text, &seen);
        text += len + 1;
    }
    names_free(&seen);
    act.groups = groups;
    return good && add_act(p, act);
}

/* The mean time between two events of "0.1/s". */
static bool parse_mean(struct parser *p, const char *w, uint64_t *mean_us)
{
    static const char expected[] = "a rate (0.1/s, 6/m, 100/h)";
    char *slash = w != NULL ? strchr(w, '/') : NULL;
    uint64_t times, unit; /* the number as microseconds: in millionths */

    if (slash == NULL || strlen(slash) != 2 || strchr("smh", slash[1]) == NULL)
        return unexpected(p, w, expected);
    unit = slash[1] == 's' ? 1000000 : slash[1] == 'm' ? 60000000 : 3600000000;
    *slash = '\0';
    bool good = w[strspn(w, "0123456789.")] == '\0' && parse_time(w, &times) &&
                times > 0 && unit * 1000000 / times <= MEAN_US_MAX &&
                unit * 1000000 / times > 0;
    *slash = '/';
    if (!good)
        return unexpected(p, w, expected);
    *mean_us = unit * 1000000 / times;
    return true;
}

/* Note when a churn ends; false when too many are under way at once. */
static bool count_churn(struct parser *p, uint64_t start_us, uint64_t for_us)
{
    for (size_t i = 0; i < CHURNS_MAX; i++) {
        if (p->churn_end_us[i] <= start_us) {
            p->churn_end_us[i] = start_us + for_us;
            return true;
        }
    }
    return fail(p, "too much churn at once, expected %d at most", CHURNS_MAX);
}

/* churn [join RATE] [fail RATE] for TIME */
static bool parse_churn(struct parser *p)
{
    struct line l = {.kind = LINE_CHURN, .act = act_new(p, ACT_CHURN_JOIN)};
    struct node_spec *spec = spec_new(p);
    const char *w = word(p);

    if (p->stepping)
        return fail(p, "'churn' cannot follow 'at step', expected one act");
    for (; is(w, "join") || is(w, "fail"); w = word(p))
        if (!parse_mean(p, word(p), is(w, "join") ? &l.join_us : &l.fail_us))
            return false;
    if (!is(w, "for") || (l.join_us == 0 && l.fail_us == 0))
        return unexpected(p, w, "'churn join 0.1/s fail 0.1/s for 10m'");
    if (spec == NULL || !time_word(p, word(p), &l.for_us) || !done(p))
        return false;
    if (l.join_us > 0 && !p->has_newcomers) {
        p->has_newcomers = names_add_many(&p->names, "c", UINT64_MAX - 1);
        if (!p->has_newcomers)
            return fail(p, "a node has a name of churn's newcomers (c1, c2, "
                           "...), expected another name for it");
    }
    spec->join_any = true;
    l.act.spec = spec;
    return add_line(p, l) && count_churn(p, p->base_us, l.for_us);
}

/* -- Messages and timers, after 'at step' ---------------------------------- */

/* drop FROM TO [N], delay FROM TO [N] TIME, duplicate, deliver */
static bool parse_message(struct parser *p, enum act_kind kind)
{
    struct act act = act_new(p, kind);
    uint64_t ordinal = 1;

    if (!p->stepping)
        return fail(p, "a message is named by its step, expected 'at step N' "
                       "before it");
    if (!act_name(p, &act, word(p)))
        return false;
    const char *w = word(p);
    if (!known_name(p, w))
        return false;
    act.other = keep_text(p, w);
    w = word(p);
    if (w != NULL && w[strspn(w, "0123456789")] == '\0') {
        if (!number(p, w, UINT32_MAX, &ordinal))
            return false;
        w = word(p);
    }
    if (ordinal == 0)
        return unexpected(p, "0", "a number from 1");
    act.ordinal = (uint32_t)ordinal;
    if (kind != ACT_DELAY && w != NULL)
        return unexpected(p, w, "the end of the line");
    if (kind == ACT_DELAY && !time_word(p, w, &act.time_us))
        return false;
    return act.other != NULL && add_act(p, act);
}

static bool parse_drop(struct parser *p)
{
    return parse_message(p, ACT_DROP);
}

static bool parse_delay(struct parser *p)
{
    return parse_message(p, ACT_DELAY);
}

static bool parse_deliver(struct parser *p)
{
    return parse_message(p, ACT_DELIVER);
}

static bool parse_fire(struct parser *p)
{
    struct act act = act_new(p, ACT_FIRE);
    const char *const *timers = p->s->protocol->timers;
    size_t count = 0, i = 0;

    if (!p->stepping)
        return fail(p, "'fire' needs a step, expected 'at step N' before it");
    if (!act_name(p, &act, word(p)))
        return false;
    const char *w = word(p);
    while (timers[count] != NULL)
        count++;
    while (i < count && !is(w, timers[i]))
        i++;
    if (i == count) {
        const char *near = w != NULL ? nearest_word(w, timers, count) : NULL;
        if (near != NULL)
            return fail(p, "unknown timer '%.60s'; did you mean '%s'?", w,
                        near);
        return unexpected(p, w, "the name of a timer");
    }
    act.text = timers[i];
    return add_act(p, act);
}

/* -- Weather --------------------------------------------------------------- */

/* At the beginning it is the scenario's; later on, an act. */
static bool weather(struct parser *p)
{
    if (!done(p))
        return false;
    if (p->s->line_count == 0 && !p->prefixed) {
        p->s->network = p->network;
        return true;
    }
    struct act act = act_new(p, ACT_NETWORK);
    struct network_model *m = keep(p, sizeof *m);
    if (m == NULL)
        return false;
    *m = p->network;
    act.network = m;
    return add_act(p, act);
}

static bool parse_plane(struct parser *p)
{
    char *w = word(p), *by = w != NULL ? strchr(w, 'x') : NULL;
    uint64_t width = 0, height = 0;

    if (by != NULL)
        *by = '\0';
    if (by == NULL || !parse_u64(w, PLANE_MAX, &width) ||
        !parse_u64(by + 1, PLANE_MAX, &height) || width == 0 || height == 0)
        return unexpected(p, w, "a size up to 60000x60000");
    p->network.latency = LATENCY_PLANE;
    p->network.plane_width = (uint32_t)width;
    p->network.plane_height = (uint32_t)height;
    return weather(p);
}

/* latency 20ms, latency 10ms..80ms, latency plane 1000x1000 */
static bool parse_latency(struct parser *p)
{
    char *w = word(p);
    uint64_t low, high;

    if (is(w, "plane"))
        return parse_plane(p);
    char *dots = w != NULL ? strstr(w, "..") : NULL;
    if (dots != NULL)
        *dots = '\0';
    if (!time_word(p, w, &low) ||
        !time_word(p, dots != NULL ? dots + 2 : w, &high))
        return false;
    if (low > high || high > LATENCY_US_MAX)
        return fail(p, "wrong range of latency, expected the smaller time "
                       "first, and a minute at most");
    p->network.latency = LATENCY_RANGE;
    p->network.latency_min_us = low;
    p->network.latency_max_us = high;
    return weather(p);
}

static bool parse_loss(struct parser *p)
{
    return measure(p, word(p), parse_fraction, A_SHARE, &p->network.loss) &&
           weather(p);
}

static bool parse_duplicate(struct parser *p)
{
    if (p->stepping)
        return parse_message(p, ACT_DUPLICATE);
    return measure(p, word(p), parse_fraction, A_SHARE,
                   &p->network.duplicate) &&
           weather(p);
}

static bool parse_reorder(struct parser *p)
{
    return measure(p, word(p), parse_fraction, A_SHARE, &p->network.reorder) &&
           weather(p);
}

static bool parse_jitter(struct parser *p)
{
    const char *w = word(p);

    if (!time_word(p, w, &p->network.jitter_us))
        return false;
    if (p->network.jitter_us > LATENCY_US_MAX)
        return unexpected(p, w, "a minute at most");
    return weather(p);
}

static bool parse_bandwidth(struct parser *p)
{
    const char *w = word(p);

    if (!is(w, "up") && !is(w, "down"))
        return unexpected(p, w, "'bandwidth up 1MB/s down 4MB/s'");
    for (; is(w, "up") || is(w, "down"); w = word(p))
        if (!measure(p, word(p), parse_rate, A_RATE,
                     is(w, "up") ? &p->network.up : &p->network.down))
            return false;
    return w != NULL ? unexpected(p, w, "'up RATE' or 'down RATE'")
                     : weather(p);
}

/* -- The run ------------------------------------------------------------------ */

static bool parse_run(struct parser *p)
{
    struct act act = act_new(p, ACT_UNTIL);
    const char *w = word(p);

    if (!is(w, "until") || p->stepping)
        return unexpected(p, w,
                          "'run until TIME' or 'run until quiet' on a "
                          "line of its own");
    w = word(p);
    act.time_us = NEVER;
    if (is(w, "quiet")) {
        p->quiet = true;
        return add_act(p, act);
    }
    if (!time_word(p, w, &act.time_us))
        return false;
    if (p->prefixed || p->quiet)
        return fail(p,
                    "'run until %s' has a time of its own, expected it "
                    "without another and before 'run until quiet'",
                    w);
    if (act.time_us < p->base_us)
        return fail(p,
                    "time runs backwards, expected %s to be at or after the "
                    "line before",
                    w);
    p->relative = false;
    p->when_us = act.time_us;
    return add_act(p, act);
}

static bool parse_title(struct parser *p)
{
    const char *title = rest(p);

    if (p->source->depth <= p->depths.title) {
        p->depths.title = p->source->depth;
        p->s->title = keep_text(p, title);
    }
    return p->s->title != NULL;
}

static bool parse_seed(struct parser *p)
{
    uint64_t seed;

    if (!number(p, word(p), UINT64_MAX, &seed) || !done(p))
        return false;
    if (p->source->depth <= p->depths.seed) {
        p->depths.seed = p->source->depth;
        p->own_seed = seed;
    }
    return true;
}

static bool parse_set(struct parser *p)
{
    const char *name = word(p), *value = name != NULL ? word(p) : NULL;
    struct text why = text_new();

    if (value == NULL)
        return unexpected(p, name, "'set NAME VALUE'");
    if (p->settled)
        return fail(p, "'set' comes too late, expected it above the first "
                       "node");
    bool of_host = option_find(host_options, name, strlen(name)) != NULL;
    struct settings *s = of_host ? &p->own_host : &p->own, scratch = *s;
    bool good = settings_set(&scratch, name, value, &why);
    if (!good)
        (void)fail(p, "%s", why.data);
    text_free(&why);
    if (!good || !done(p))
        return false;
    size_t i =
        (size_t)(option_find(s->options, name, strlen(name)) - s->options);
    unsigned *depth = of_host ? &p->depths.host[i] : &p->depths.option[i];
    if (p->source->depth <= *depth) {
        *depth = p->source->depth;
        *s = scratch;
    }
    return true;
}

static bool same_settings(const struct settings *a, const struct settings *b)
{
    return memcmp(a->value, b->value, sizeof a->value) == 0;
}

/* --set NAME=VALUE, over what the files say. */
static bool override(struct parser *p, const char *assignment)
{
    struct text why = text_new();
    bool of_host =
        option_find(host_options, assignment, strcspn(assignment, "=")) != NULL;
    bool good =
        settings_assign(of_host ? &p->host : &p->s->settings, assignment, &why);

    if (!good)
        (void)fail(p, "with --set: %s", why.data);
    text_free(&why);
    return good;
}

/* The settings and the seed are now what they will be for the run. */
static bool settle(struct parser *p)
{
    struct scenario *s = p->s;

    if (p->settled)
        return true;
    p->settled = true;
    p->host = p->own_host;
    s->settings = p->own;
    for (size_t i = 0;
         p->over != NULL && p->over->set != NULL && p->over->set[i] != NULL;
         i++)
        if (!override(p, p->over->set[i]))
            return false;
    s->quantum = (uint64_t)p->host.value[0];
    s->trace_limit = (uint64_t)p->host.value[1];
    return true;
}

/* bound crash 2 join 1 restart any drop 0 depth 60 */
static bool parse_bound(struct parser *p)
{
    static const char *const words[] = {"crash", "join", "restart", "drop",
                                        "depth"};
    struct bounds *b = &p->s->bounds;
    uint32_t *const bound[] = {&b->crash, &b->join, &b->restart, &b->drop,
                               &b->depth};
    const char *w = word(p);

    if (w == NULL)
        return unexpected(p, w, "crash, join, restart, drop or depth");
    for (; w != NULL; w = word(p)) {
        uint64_t value = BOUND_ANY;
        size_t i = 0;
        while (i < 5 && strcmp(w, words[i]) != 0)
            i++;
        if (i == 5)
            return unexpected(p, w, "crash, join, restart, drop or depth");
        w = word(p);
        if (!is(w, "any") && !number(p, w, BOUND_ANY - 1, &value))
            return false;
        *bound[i] = (uint32_t)value;
    }
    return true;
}

static bool parse_grain(struct parser *p)
{
    const char *w = word(p);

    if (!is(w, "message") && !is(w, "operation"))
        return unexpected(p, w, "message or operation");
    p->s->bounds.grain = is(w, "message") ? GRAIN_MESSAGE : GRAIN_OPERATION;
    return done(p);
}

/* -- Lines -------------------------------------------------------------------- */

static bool parse_include(struct parser *p);

enum { PLAIN = 0, TIMED = 1, APART = 2 /* stands apart in `text` */ };

static const struct keyword {
    const char *name;
    bool (*parse)(struct parser *);
    unsigned flags;
} keywords[] = {
    {"title", parse_title, APART},
    {"seed", parse_seed, APART},
    {"set", parse_set, APART},
    {"include", parse_include, APART},
    {"latency", parse_latency, TIMED},
    {"loss", parse_loss, TIMED},
    {"duplicate", parse_duplicate, TIMED},
    {"reorder", parse_reorder, TIMED},
    {"jitter", parse_jitter, TIMED},
    {"bandwidth", parse_bandwidth, TIMED},
    {"node", parse_node, TIMED},
    {"nodes", parse_nodes, TIMED},
    {"warm", parse_warm, TIMED},
    {"crash", parse_crash, TIMED},
    {"vanish", parse_vanish, TIMED},
    {"leave", parse_leave, TIMED},
    {"restart", parse_restart, TIMED},
    {"partition", parse_partition, TIMED},
    {"heal", parse_heal, TIMED},
    {"churn", parse_churn, TIMED},
    {"expect", parse_expect, TIMED},
    {"run", parse_run, TIMED},
    {"drop", parse_drop, TIMED},
    {"delay", parse_delay, TIMED},
    {"deliver", parse_deliver, TIMED},
    {"fire", parse_fire, TIMED},
    {"bound", parse_bound, PLAIN},
    {"grain", parse_grain, PLAIN},
};
#define KEYWORDS (sizeof keywords / sizeof *keywords)

/* Words of the language that begin no act. */
static const char *const more_words[] = {
    "at",    "after", "step", "until",     "quiet",     "invariants",
    "join",  "fail",  "for",  "every",     "any",       "message",
    "depth", "plane", "up",   "down",      "operation", "prefix",
    "id",    "addr",  "keep", "introducer"};

static const struct keyword *keyword_find(const char *w)
{
    for (size_t i = 0; i < KEYWORDS; i++)
        if (is(w, keywords[i].name))
            return &keywords[i];
    return NULL;
}

static bool is_keyword(const char *w)
{
    for (size_t i = 0; i < sizeof more_words / sizeof *more_words; i++)
        if (strcmp(w, more_words[i]) == 0)
            return true;
    return keyword_find(w) != NULL;
}

/* Neither a keyword nor a node. */
static bool unknown_word(struct parser *p, const char *w)
{
    const char *words[KEYWORDS];

    for (size_t i = 0; i < KEYWORDS; i++)
        words[i] = keywords[i].name;
    const char *near = nearest_word(w, words, KEYWORDS);
    if (near == NULL)
        near = names_nearest(&p->names, w);
    if (near != NULL)
        return fail(p, "unknown word '%.60s'; did you mean '%s'?", w, near);
    return unexpected(p, w,
                      "an action, or a node of an earlier line and a "
                      "command");
}

/* at TIME, at step N, after TIME; then the word behind it in *w. */
static bool parse_when(struct parser *p, char **w)
{
    bool after = is(*w, "after");

    p->prefixed = after || is(*w, "at");
    p->stepping = false;
    p->relative = true;
    p->when_us = 0;
    if (!p->prefixed)
        return true;
    char *time = word(p);
    if (!after && is(time, "step")) {
        p->stepping = true;
        time = word(p);
        if (!number(p, time, UINT64_MAX - 1, &p->step))
            return false;
        if (p->step == 0)
            return unexpected(p, time, "a step from 1");
    } else if (!time_word(p, time, &p->when_us)) {
        return false;
    } else if (!after) {
        p->relative = false;
        if (p->quiet)
            return fail(p, "'at' cannot follow 'run until quiet', expected "
                           "'after TIME'");
        if (p->when_us < p->base_us)
            return fail(p,
                        "time runs backwards, expected %s to be at or after "
                        "the line before",
                        time);
    }
    *w = word(p);
    return *w != NULL || unexpected(p, NULL, "an action");
}

static bool parse_words(struct parser *p, bool *apart)
{
    char *w = word(p);

    *apart = false;
    if (w == NULL)
        return true;
    if (!parse_when(p, &w))
        return false;
    const struct keyword *k = keyword_find(w);
    if (k == NULL && is_keyword(w))
        return unexpected(p, w, "an action");
    if (k == NULL)
        return names_known(&p->names, w) ? parse_command(p, w)
                                         : unknown_word(p, w);
    if (p->prefixed && (k->flags & TIMED) == 0)
        return fail(p,
                    "'%s' holds for the whole run, expected it without a "
                    "time",
                    w);
    *apart = (k->flags & APART) != 0;
    return k->parse(p);
}

/* Check the bytes of a line and cut off its comment and trailing blanks. */
static bool clean_line(struct parser *p, char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
            return fail(p, "byte %u is not text, expected a text file",
                        (unsigned)(unsigned char)s[i]);
    }
    for (size_t i = 0; i < len; i++)
        if (s[i] == '#' && (i == 0 || is_blank(s[i - 1])))
            len = i;
    while (len > 0 && is_blank(s[len - 1]))
        len--;
    s[len] = '\0';
    return true;
}

static bool parse_line(struct parser *p, const char *s, size_t len)
{
    bool apart;

    if (len > 0 && s[len - 1] == '\r')
        len--;
    if (len > LINE_BYTES_MAX)
        return fail(p, "the line is too long, expected %d bytes at most",
                    LINE_BYTES_MAX);
    memcpy(p->buffer, s, len);
    p->at = p->buffer;
    if (!clean_line(p, p->buffer, len) || !parse_words(p, &apart))
        return false;
    if (!apart) {
        text_bytes(&p->body, s, len);
        text_char(&p->body, '\n');
    }
    return true;
}

static bool parse_text(struct parser *p, const char *s, size_t len)
{
    for (p->line = 1; len > 0; p->line++) {
        const char *end = memchr(s, '\n', len);
        size_t n = end != NULL ? (size_t)(end - s) : len;
        if (!parse_line(p, s, n))
            return false;
        n += end != NULL;
        s += n;
        len -= n;
    }
    return true;
}

/* -- Files -------------------------------------------------------------------- */

/* Read all of `fd` behind what the scenario has read so far. */
static bool read_all(struct parser *p, int fd, struct text *t)
{
    char block[4096];
    ssize_t n;

    while ((n = read(fd, block, sizeof block)) > 0) {
        p->bytes_read += (size_t)n;
        if (p->bytes_read > SCENARIO_BYTES_MAX)
            return fail(p, "the scenario is too large, expected 1 MiB at most "
                           "with all that it includes");
        text_bytes(t, block, (size_t)n);
    }
    if (n < 0)
        return fail(p, "%s, expected a scenario", strerror(errno));
    return true;
}

/* Parse an open file; closes it. */
static bool parse_file(struct parser *p, const char *path, int fd)
{
    struct source source = {.parent = p->source,
                            .depth =
                                p->source != NULL ? p->source->depth + 1 : 1};
    const char *file = p->file;
    unsigned line = p->line;
    struct text t = text_new();
    struct stat st = {.st_dev = 0};
    bool good = fstat(fd, &st) == 0;

    source.device = st.st_dev;
    source.inode = st.st_ino;
    for (const struct source *s = p->source; good && s != NULL; s = s->parent)
        if (s->device == st.st_dev && s->inode == st.st_ino)
            good = fail(p, "'%s' includes itself, expected another file", path);
    if (good && source.depth > INCLUDE_DEPTH_MAX)
        good = fail(p, "too many files within files, expected %d at most",
                    INCLUDE_DEPTH_MAX);
    p->file = good ? keep_text(p, path) : file;
    p->line = good ? 1 : line;
    good = good && p->file != NULL && read_all(p, fd, &t);
    close(fd);
    p->source = &source;
    good = good && parse_text(p, t.data, t.len);
    text_free(&t);
    p->source = source.parent;
    p->file = file;
    p->line = line;
    return good;
}

/* Only regular files are included: others may never end. */
static int open_regular(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st;

    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* include FILE: beside the including file, else as files of labs/ are. */
static bool parse_include(struct parser *p)
{
    const char *slash = strrchr(p->file, '/'), *name = rest(p);
    struct text path = text_new();

    if (*name == '\0')
        return unexpected(p, NULL, "the name of a file");
    if (slash != NULL && name[0] != '/')
        text_bytes(&path, p->file, (size_t)(slash - p->file) + 1);
    text_add(&path, name);
    int fd = open_regular(path.data);
    if (fd < 0) {
        text_clear(&path);
        if (program_find_file(name, &path))
            fd = open_regular(path.data);
    }
    bool good = fd >= 0 ? parse_file(p, path.data, fd)
                        : unexpected(p, name, "a file that can be read");
    text_free(&path);
    return good;
}

/* -- The whole ---------------------------------------------------------------- */

static int by_step(const void *a, const void *b)
{
    const struct intervention *x = a, *y = b;

    if (x->step != y->step)
        return x->step < y->step ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* The last line runs until something; --until replaces it. */
static bool end_run(struct parser *p, uint64_t until_us)
{
    struct scenario *s = p->s;
    struct act act = act_new(p, ACT_UNTIL);

    act.time_us = NEVER;
    p->stepping = false;
    p->relative = true;
    p->when_us = 0;
    p->buffer[0] = '\0';
    p->at = p->buffer;
    if ((s->line_count == 0 ||
         s->line[s->line_count - 1].act.kind != ACT_UNTIL) &&
        !add_act(p, act))
        return false;
    s->until_us = NEVER;
    if (until_us > 0) {
        struct line *last = &s->line[s->line_count - 1];
        s->until_us = last->act.time_us = last->when_us = until_us;
        last->relative = false;
    }
    return true;
}

/* `at step` lines hold for the run that they were made on. */
static bool check_interventions(struct parser *p)
{
    struct scenario *s = p->s;

    if (s->intervention_count == 0)
        return true;
    if (s->changed) {
        p->file = s->intervention[0].act.file;
        p->line = s->intervention[0].act.line;
        return fail(p, "'at step' holds for this seed and these settings only, "
                       "expected no other --seed or --set");
    }
    qsort(s->intervention, s->intervention_count, sizeof *s->intervention,
          by_step);
    return true;
}

static void write_settings(struct text *t, const struct settings *s)
{
    for (size_t i = 0; s->options[i].name != NULL; i++) {
        if (s->value[i] == s->options[i].initial)
            continue;
        text_printf(t, "set %s ", s->options[i].name);
        option_text(t, &s->options[i], s->value[i]);
        text_char(t, '\n');
    }
}

static bool write_text(struct parser *p)
{
    struct text t = text_new();

    if (p->s->title[0] != '\0')
        text_printf(&t, "title %s\n", p->s->title);
    text_add(&t, "seed ");
    text_u64(&t, p->s->seed);
    text_char(&t, '\n');
    write_settings(&t, &p->host);
    write_settings(&t, &p->s->settings);
    text_bytes(&t, p->body.data, p->body.len);
    p->s->text = keep_text(p, t.data);
    text_free(&t);
    return p->s->text != NULL;
}

/* What stands at the end of every scenario, once its lines are read. */
static bool finish(struct parser *p)
{
    struct scenario *s = p->s;

    if (!settle(p))
        return false;
    s->seed = p->own_seed;
    if (p->over != NULL && p->over->has_seed)
        s->seed = p->over->seed;
    s->changed = s->seed != p->own_seed ||
                 !same_settings(&s->settings, &p->own) ||
                 !same_settings(&p->host, &p->own_host);
    return end_run(p, p->over != NULL ? p->over->until_us : 0) &&
           check_interventions(p) && write_text(p);
}

/* Load from `fd`, or from `text` when that is not NULL. */
static struct scenario *load(const char *path, int fd, const char *text,
                             const struct protocol *protocol,
                             const struct overrides *over, struct text *why)
{
    static const struct source from_memory = {.depth = 1};
    struct scenario *s = calloc(1, sizeof *s);
    struct parser p = {
        .s = s,
        .why = why,
        .over = over,
        .file = path,
        .line = 1,
        .own = settings_new(protocol->options),
        .own_host = settings_new(host_options),
        .own_seed = 1,
        .network = {.latency_min_us = 10000, .latency_max_us = 80000},
        .body = text_new()};

    memset(&p.depths, 0xff, sizeof p.depths);
    bool good = s != NULL || fail(&p, "out of memory");
    if (good) {
        s->protocol = protocol;
        s->network = p.network;
        s->bounds = (struct bounds){.join = BOUND_ANY, .depth = BOUND_ANY};
        s->path = keep_text(&p, path);
        s->title = s->path != NULL ? keep_text(&p, "") : NULL;
        p.source = text != NULL ? &from_memory : NULL;
        good = s->title != NULL &&
               (text != NULL ? parse_text(&p, text, strlen(text))
                             : parse_file(&p, path, fd)) &&
               finish(&p);
    }
    names_free(&p.names);
    text_free(&p.body);
    if (!good) {
        scenario_free(s);
        return NULL;
    }
    return s;
}

struct scenario *scenario_load(const char *path, const struct protocol *p,
                               const struct overrides *over, struct text *why)
{
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
                                    : open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        text_safe(why, path, strlen(path));
        text_printf(why, ":1: %s, expected a scenario", strerror(errno));
        return NULL;
    }
    return load(path, fd, NULL, p, over, why);
}

struct scenario *scenario_parse(const char *name, const char *text,
                                const struct protocol *p,
                                const struct overrides *over, struct text *why)
{
    return load(name, -1, text, p, over, why);
}

void scenario_free(struct scenario *s)
{
    if (s == NULL)
        return;
    while (s->store != NULL) {
        struct scenario_store *next = s->store->next;
        expr_free(s->store->expr);
        free(s->store);
        s->store = next;
    }
    free(s->line);
    free(s->intervention);
    free(s);
}
