/*
 * The language of scenarios, read and checked as a whole before a
 * run; see scenario.h.
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/grow.h"
#include "common/program.h"
#include "common/scenario_line.h"
#include "common/words.h"

#define QUANTUM_DEFAULT 16384

const struct option host_options[] = {
    {"quantum", OPTION_SIZE, 1, MESSAGE_BYTES_MAX, QUANTUM_DEFAULT, NULL,
     "bytes a stream moves at a time; 1 dribbles"},
    {"trace_limit", OPTION_NUMBER, 1000, 10000000, 1000000, NULL,
     "records that the monitor keeps"},
    {.name = NULL},
};

/* A file being read, below those that include it. */
struct source {
    const struct source *parent;
    unsigned depth; /* 1: the scenario itself */
    dev_t device;
    ino_t inode;
};

/* -- Errors ---------------------------------------------------------------- */

bool scn_fail(struct parser *p, const char *format, ...)
{
    LOCAL_TEXT t = text_new();
    va_list args;

    text_printf(&t, "%s:%u: ", p->file, p->line);
    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    text_clear(p->why);
    text_safe(p->why, t.data, t.len);
    return false;
}

bool scn_unexpected(struct parser *p, const char *w, const char *expected)
{
    if (w == NULL)
        return scn_fail(p, "the line ends too early, expected %s", expected);
    return scn_fail(p, "'%.60s' is wrong here, expected %s", w, expected);
}

bool scn_unknown(struct parser *p, const char *what, const char *w,
                 const char *near, const char *expected)
{
    if (near == NULL)
        return scn_unexpected(p, w, expected);
    return scn_fail(p, "unknown %s '%.60s'; did you mean '%s'?", what, w, near);
}

bool scn_because(struct parser *p, bool good, const struct text *why)
{
    return good || scn_fail(p, "%s", why->data);
}

/* -- Memory ------------------------------------------------------------------ */

void *scn_keep(struct parser *p, size_t bytes)
{
    struct scenario_store *b = calloc(1, sizeof *b + bytes);

    if (b == NULL) {
        (void)scn_fail(p, "out of memory");
        return NULL;
    }
    b->next = p->s->store;
    p->s->store = b;
    return b->data;
}

char *scn_keep_text(struct parser *p, const char *s)
{
    assert(s != NULL);
    size_t len = strlen(s);
    char *copy = scn_keep(p, len + 1);

    if (copy != NULL)
        memcpy(copy, s, len + 1);
    return copy;
}

/* -- Words ------------------------------------------------------------------- */

char *scn_word(struct parser *p)
{
    return word_take(&p->at);
}

char *scn_rest(struct parser *p)
{
    char *start = p->at + strspn(p->at, " \t");

    p->at = start + strlen(start);
    return start;
}

bool scn_is(const char *word, const char *keyword)
{
    return word != NULL && strcmp(word, keyword) == 0;
}

bool scn_done(struct parser *p)
{
    const char *w = scn_word(p);

    return w == NULL || scn_unexpected(p, w, "the end of the line");
}

/* Options are forgiving, scenarios are not: a bare 10 may be meant as ms. */
static bool has_unit(const char *w)
{
    return strchr("0123456789", w[strlen(w) - 1]) == NULL;
}

bool scn_time(struct parser *p, const char *w, uint64_t *time_us)
{
    if (w == NULL || !parse_time(w, time_us) || (*time_us > 0 && !has_unit(w)))
        return scn_unexpected(p, w, "a time (250ms, 10s, 2m)");
    return *time_us <= TIME_US_MAX ||
           scn_unexpected(p, w, "a time below 31 years");
}

bool scn_rate(struct parser *p, const char *w, uint64_t *rate)
{
    return (w != NULL && parse_rate(w, rate) && *rate > 0 && has_unit(w)) ||
           scn_unexpected(p, w, "a rate (100kB/s, 1MB/s) above 0");
}

bool scn_number(struct parser *p, const char *w, uint64_t max, uint64_t *value)
{
    char expected[64];

    snprintf(expected, sizeof expected, "a number up to %llu",
             (unsigned long long)max);
    return (w != NULL && parse_u64(w, max, value)) ||
           scn_unexpected(p, w, expected);
}

bool scn_once(struct parser *p, const char *w)
{
    size_t len = strcspn(w, "=");

    for (size_t i = 0; i < p->given_count; i++)
        if (strncmp(p->given[i], w, len) == 0 &&
            (p->given[i][len] == '=' || p->given[i][len] == '\0'))
            return scn_fail(p,
                            "'%.60s' repeats what this line says before, "
                            "expected it once",
                            w);
    if (p->given_count == OPTIONS_GIVEN_MAX)
        return scn_fail(p, "too much on one line, expected %d options at most",
                        OPTIONS_GIVEN_MAX);
    p->given[p->given_count++] = w;
    return true;
}

/* -- Names ------------------------------------------------------------------- */

/* Is `w` one of the names of an entry? */
static bool is_among(const char *w, const char *name, uint64_t count)
{
    size_t len = strlen(name);
    uint64_t i;

    if (count == 0)
        return strcmp(w, name) == 0;
    return strncmp(w, name, len) == 0 && w[len] != '0' &&
           parse_u64(w + len, count, &i);
}

static bool name_find(const struct names *n, const char *w)
{
    for (size_t i = 0; i < n->count; i++)
        if (is_among(w, n->at[i].name, n->at[i].count))
            return true;
    return false;
}

bool scn_take_names(struct parser *p, const char *name, uint64_t count)
{
    struct names *n = &p->names;
    const char *taken = count == 0 && name_find(n, name) ? name : NULL;

    for (size_t i = 0; taken == NULL && count > 0 && i < n->count; i++)
        if (n->at[i].count == 0 ? is_among(n->at[i].name, name, count)
                                : strcmp(n->at[i].name, name) == 0)
            taken = n->at[i].name;
    if (taken != NULL)
        return scn_fail(p,
                        count == NEVER
                            ? "'%s' is a name for churn's newcomers (c1, c2, "
                              "...), expected another"
                            : "the name '%s' is taken, expected another",
                        taken);
    if (n->count == NODE_LINES_MAX)
        return scn_fail(p, "too many node lines, expected 'nodes' for many");
    n->at[n->count].name = scn_keep_text(p, name);
    n->at[n->count].count = count;
    return n->at[n->count++].name != NULL;
}

static const char *near_name(const struct parser *p, const char *w)
{
    const char *words[NODE_LINES_MAX];
    size_t count = 0;

    for (size_t i = 0; i < p->names.count; i++)
        if (p->names.at[i].count == 0)
            words[count++] = p->names.at[i].name;
    return nearest_word(w, words, count);
}

bool scn_known_name(struct parser *p, const char *w)
{
    if (w != NULL && name_find(&p->names, w))
        return true;
    const char *near = w != NULL ? near_name(p, w) : NULL;
    return scn_unknown(p, "node", w, near,
                       "the name of a node of an earlier line");
}

/* -- Lines that act ------------------------------------------------------------ */

static bool add_intervention(struct parser *p, const struct act *act)
{
    struct scenario *s = p->s;

    if (!grow(&s->intervention, s->intervention_count, &p->intervention_cap,
              sizeof *s->intervention))
        return scn_fail(p, "out of memory");
    s->intervention[s->intervention_count++] =
        (struct intervention){.step = p->step, .act = *act};
    s->intervention[s->intervention_count - 1].order = s->intervention_count;
    return true;
}

/* Append `l` at the time that its prefix gave. */
bool scn_add_line(struct parser *p, struct line l)
{
    struct scenario *s = p->s;

    if (p->stepping) {
        assert(l.kind == LINE_ACT);
        return add_intervention(p, &l.act);
    }
    if (!grow(&s->line, s->line_count, &p->line_cap, sizeof *s->line))
        return scn_fail(p, "out of memory");
    l.relative = p->relative;
    l.when_us = p->when_us;
    p->base_us = p->relative ? p->base_us + p->when_us : p->when_us;
    if (l.kind == LINE_NODES)
        p->base_us += (l.count - 1) * l.every_us;
    if (p->base_us > TIME_US_MAX)
        return scn_fail(p,
                        "the time grows too large, expected 31 years at most");
    s->line[s->line_count++] = l;
    return true;
}

/* -- Lines about the whole run ---------------------------------------------- */

static bool parse_title(struct parser *p)
{
    const char *title = scn_rest(p);

    if (p->source->depth <= p->depths.title) {
        p->depths.title = p->source->depth;
        p->s->title = scn_keep_text(p, title);
    }
    return p->s->title != NULL;
}

static bool parse_seed(struct parser *p)
{
    uint64_t seed = 0;

    if (!scn_number(p, scn_word(p), UINT64_MAX, &seed) || !scn_done(p))
        return false;
    if (p->source->depth <= p->depths.seed) {
        p->depths.seed = p->source->depth;
        p->own_seed = seed;
    }
    return true;
}

static bool parse_set(struct parser *p)
{
    const char *name = scn_word(p), *value = name != NULL ? scn_word(p) : NULL;
    LOCAL_TEXT why = text_new();

    if (value == NULL)
        return scn_unexpected(p, name, "'set NAME VALUE'");
    if (p->settled)
        return scn_fail(p, "'set' comes too late, expected it above the first "
                           "node");
    bool of_host = option_find(host_options, name, strlen(name)) != NULL;
    struct settings *s = of_host ? &p->own_host : &p->own, scratch = *s;
    if (!scn_because(p, settings_set(&scratch, name, value, &why), &why) ||
        !scn_done(p))
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

/* --set NAME=VALUE, over what the files say. */
static bool override(struct parser *p, const char *assignment)
{
    LOCAL_TEXT why = text_new();
    bool of_host =
        option_find(host_options, assignment, strcspn(assignment, "=")) != NULL;
    bool good =
        settings_assign(of_host ? &p->host : &p->s->settings, assignment, &why);

    if (!good)
        (void)scn_fail(p, "with --set: %s", why.data);
    return good;
}

/* The settings and the seed are now what they will be for the run. */
bool scn_settle(struct parser *p)
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

/* -- Lines -------------------------------------------------------------------- */

static bool parse_include(struct parser *p);

enum {
    PLAIN = 0,
    TIMED = 1,   /* may have a time */
    STEPPED = 2, /* must stand behind `at step N` */
    APART = 4    /* stands apart in `text` */
};

static const struct keyword {
    const char *name;
    bool (*parse)(struct parser *);
    unsigned flags;
    int kind;
} keywords[] = {{"title", parse_title, APART, 0},
                {"seed", parse_seed, APART, 0},
                {"set", parse_set, APART, 0},
                {"include", parse_include, APART, 0},
                {"bound", scn_bound, PLAIN, 0},
                {"grain", scn_grain, PLAIN, 0},
                {"latency", scn_latency, TIMED, 0},
                {"loss", scn_share, TIMED, SHARE_LOSS},
                {"duplicate", scn_share, TIMED, SHARE_DUPLICATE},
                {"reorder", scn_share, TIMED, SHARE_REORDER},
                {"jitter", scn_jitter, TIMED, 0},
                {"bandwidth", scn_bandwidth, TIMED, 0},
                {"node", scn_node, TIMED, 0},
                {"nodes", scn_nodes, TIMED, 0},
                {"warm", scn_bare, TIMED, ACT_WARM},
                {"crash", scn_fault, TIMED, ACT_CRASH},
                {"vanish", scn_fault, TIMED, ACT_VANISH},
                {"leave", scn_fault, TIMED, ACT_LEAVE},
                {"restart", scn_fault, TIMED, ACT_RESTART},
                {"partition", scn_partition, TIMED, 0},
                {"heal", scn_bare, TIMED, ACT_HEAL},
                {"churn", scn_churn, TIMED, 0},
                {"expect", scn_expect, TIMED, 0},
                {"run", scn_run, TIMED, 0},
                {"drop", scn_message, TIMED | STEPPED, ACT_DROP},
                {"delay", scn_message, TIMED | STEPPED, ACT_DELAY},
                {"deliver", scn_message, TIMED | STEPPED, ACT_DELIVER},
                {"fire", scn_fire, TIMED | STEPPED, 0},
                {"pick", scn_pick, TIMED | STEPPED, 0},
                {.name = NULL}};

/* Words of the language that begin no act. */
static const char more_words[] =
    "at after step until quiet invariants join fail for every any message "
    "depth plane up down operation prefix id addr keep introducer share";

static const struct keyword *keyword_find(const char *w)
{
    return row_named(keywords, sizeof *keywords, w, strlen(w));
}

bool scn_is_keyword(const char *w)
{
    return word_listed(more_words, w, strlen(w)) || keyword_find(w) != NULL;
}

/* Neither a keyword nor a node. */
static bool unknown_act(struct parser *p, const char *w)
{
    struct word_list words = {.count = 0};

    names_add(&words, keywords, sizeof *keywords);
    const char *near = nearest_word(w, words.at, words.count);
    if (near == NULL)
        near = near_name(p, w);
    return scn_unknown(p, "word", w, near,
                       "an action, or a node of an earlier line and a command");
}

/* at TIME, at step N, after TIME; then the word behind it in *w. */
static bool parse_when(struct parser *p, char **w)
{
    bool after = scn_is(*w, "after");

    p->prefixed = after || scn_is(*w, "at");
    p->stepping = false;
    p->relative = true;
    p->when_us = 0;
    if (!p->prefixed)
        return true;
    char *time = scn_word(p);
    if (!after && scn_is(time, "step")) {
        p->stepping = true;
        time = scn_word(p);
        if (!scn_number(p, time, UINT64_MAX - 1, &p->step))
            return false;
        if (p->step == 0)
            return scn_unexpected(p, time, "a step from 1");
    } else if (!scn_time(p, time, &p->when_us)) {
        return false;
    } else if (!after) {
        p->relative = false;
        if (p->quiet)
            return scn_fail(p, "'at' cannot follow 'run until quiet', expected "
                               "'after TIME'");
        if (p->when_us < p->base_us)
            return scn_fail(
                p,
                "time runs backwards, expected %s to be at or after "
                "the line before",
                time);
    }
    *w = scn_word(p);
    return *w != NULL || scn_unexpected(p, NULL, "an action");
}

static bool parse_words(struct parser *p, bool *apart)
{
    char *w = scn_word(p);

    *apart = false;
    if (w == NULL)
        return true;
    if (!parse_when(p, &w))
        return false;
    const struct keyword *k = keyword_find(w);
    if (k == NULL && scn_is_keyword(w))
        return scn_unexpected(p, w, "an action");
    if (k == NULL)
        return name_find(&p->names, w) ? scn_command(p, w) : unknown_act(p, w);
    if (p->prefixed && (k->flags & TIMED) == 0)
        return scn_fail(p,
                        "'%s' holds for the whole run, expected it without a "
                        "time",
                        w);
    if (!p->stepping && (k->flags & STEPPED) != 0)
        return scn_fail(p, "'%s' needs a step, expected 'at step N' before it",
                        w);
    *apart = (k->flags & APART) != 0;
    p->kind = k->kind;
    return k->parse(p);
}

/* Check the bytes of a line and cut off its comment and trailing blanks. */
static bool clean_line(struct parser *p, char *s, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (((unsigned char)s[i] < ' ' && s[i] != '\t') || s[i] == 0x7f)
            return scn_fail(p, "byte %u is not text, expected a text file",
                            (unsigned)(unsigned char)s[i]);
    }
    for (size_t i = 0; i < len; i++)
        if (s[i] == '#' && (i == 0 || strchr(" \t", s[i - 1]) != NULL))
            len = i;
    while (len > 0 && strchr(" \t", s[len - 1]) != NULL)
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
        return scn_fail(p, "the line is too long, expected %d bytes at most",
                        LINE_BYTES_MAX);
    memcpy(p->buffer, s, len);
    p->at = p->buffer;
    p->given_count = 0;
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

/* Read all of `fd`, besides what the scenario has read so far. */
static bool read_source(struct parser *p, int fd, struct text *t)
{
    int error = read_all(fd, SCENARIO_BYTES_MAX - p->bytes_read, t);

    p->bytes_read += t->len;
    if (error == EFBIG)
        return scn_fail(p, "the scenario is too large, expected 1 MiB at most "
                           "with all that it includes");
    return error == 0 ||
           scn_fail(p, "%s, expected a scenario", strerror(error));
}

/* Parse an open file; closes it. */
static bool parse_file(struct parser *p, const char *path, int fd)
{
    struct source source = {.parent = p->source,
                            .depth =
                                p->source != NULL ? p->source->depth + 1 : 1};
    const char *file = p->file;
    unsigned line = p->line;
    LOCAL_TEXT t = text_new();
    struct stat st = {.st_dev = 0};
    bool good = fstat(fd, &st) == 0;

    source.device = st.st_dev;
    source.inode = st.st_ino;
    for (const struct source *s = p->source; good && s != NULL; s = s->parent)
        if (s->device == st.st_dev && s->inode == st.st_ino)
            good = scn_fail(p, "'%s' includes itself, expected another file",
                            path);
    if (good && source.depth > INCLUDE_DEPTH_MAX)
        good = scn_fail(p, "too many files within files, expected %d at most",
                        INCLUDE_DEPTH_MAX);
    p->file = good ? scn_keep_text(p, path) : file;
    p->line = good ? 1 : line;
    good = good && p->file != NULL && read_source(p, fd, &t);
    close(fd);
    p->source = &source;
    good = good && parse_text(p, t.data, t.len);
    p->source = source.parent;
    p->file = file;
    p->line = p->source != NULL ? line : p->line;
    return good;
}

/* include FILE: beside the including file, else as files of labs/ are. */
static bool parse_include(struct parser *p)
{
    const char *slash = strrchr(p->file, '/'), *name = scn_rest(p);
    LOCAL_TEXT path = text_new();

    if (*name == '\0')
        return scn_unexpected(p, NULL, "the name of a file");
    if (slash != NULL && name[0] != '/')
        text_bytes(&path, p->file, (size_t)(slash - p->file) + 1);
    text_add(&path, name);
    int fd = open_regular(AT_FDCWD, path.data, O_RDONLY);
    if (fd < 0) {
        text_clear(&path);
        if (program_find_file(name, &path))
            fd = open_regular(AT_FDCWD, path.data, O_RDONLY);
    }
    return fd >= 0 ? parse_file(p, path.data, fd)
                   : scn_unexpected(p, name, "a file that can be read");
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
    struct act act = {.kind = ACT_UNTIL,
                      .time_us = NEVER,
                      .file = p->file,
                      .line = p->line > 1 ? p->line - 1 : 1};

    p->stepping = false;
    p->relative = true;
    p->when_us = 0;
    if ((s->line_count == 0 ||
         s->line[s->line_count - 1].act.kind != ACT_UNTIL) &&
        !scn_add_line(p, (struct line){.kind = LINE_ACT, .act = act}))
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
        return scn_fail(
            p, "'at step' holds for this seed and these settings only, "
               "expected no other --seed or --set");
    }
    qsort(s->intervention, s->intervention_count, sizeof *s->intervention,
          by_step);
    return true;
}

static void write_settings(struct text *t, const struct settings *s)
{
    for (size_t i = 0; s->options[i].name != NULL; i++) {
        if (settings_is_default(s, i))
            continue;
        text_printf(t, "set %s ", s->options[i].name);
        settings_text(t, s, i);
        text_char(t, '\n');
    }
}

static bool write_text(struct parser *p)
{
    LOCAL_TEXT t = text_new();

    if (p->s->title[0] != '\0')
        text_printf(&t, "title %s\n", p->s->title);
    text_add(&t, "seed ");
    text_u64(&t, p->s->seed);
    text_char(&t, '\n');
    write_settings(&t, &p->host);
    write_settings(&t, &p->s->settings);
    text_bytes(&t, p->body.data, p->body.len);
    p->s->text = scn_keep_text(p, t.data);
    return p->s->text != NULL;
}

/* What stands at the end of every scenario, once its lines are read. */
static bool finish(struct parser *p)
{
    struct scenario *s = p->s;

    if (!scn_settle(p))
        return false;
    s->seed = p->own_seed;
    if (p->over != NULL && p->over->has_seed)
        s->seed = p->over->seed;
    s->has_nodes = p->names.count > 0;
    s->changed = s->seed != p->own_seed ||
                 !settings_equal(&s->settings, &p->own) ||
                 !settings_equal(&p->host, &p->own_host);
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
    if (s == NULL) {
        (void)scn_fail(&p, "out of memory");
        return NULL;
    }
    s->protocol = protocol;
    s->network = p.network;
    s->bounds = (struct bounds){.join = BOUND_ANY, .depth = BOUND_ANY};
    s->path = scn_keep_text(&p, path);
    s->title = s->path != NULL ? scn_keep_text(&p, "") : NULL;
    p.file = s->path; /* acts point to it */
    p.source = text != NULL ? &from_memory : NULL;
    bool good = s->title != NULL &&
                (text != NULL ? parse_text(&p, text, strlen(text))
                              : parse_file(&p, path, fd)) &&
                finish(&p);
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
