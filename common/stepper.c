/*
 * Forward, back and what if; see stepper.h.
 *
 * Each branch has a simulation, a log, the hash after each step executed, and
 * a row of checkpoints.  One is saved every `spacing` steps; when the row is
 * full, or all checkpoints together would take too much, every second one is
 * dropped and the spacing doubled.  So there are always 32 to 64 of them,
 * evenly spread, however long the run.  A further one, `near`, is taken on
 * the way, and shortly before the place where a walk ends: whoever steps back
 * once does so again.
 */
#include "common/stepper.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/grow.h"

#define SPACING_MIN 256     /* steps between checkpoints, at first */
#define SPACING_SIZE 512    /* and one step for so many bytes of state */
#define NEAR_STEPS 1024     /* before the end of a walk */
#define NEAR_SPACING 4096   /* behind the front of a run */
#define PATIENCE_STEPS 1024 /* between questions whether to go on */
#define HASHES_MAX (8u << 20)
#define LINE_MAX_BYTES 512

struct checkpoint {
    uint64_t step;
    size_t bytes;
    void *data; /* NULL: none */
};

struct track {
    struct branch b;
    struct sim *sim;
    struct log *log;
    bool ended;
    uint64_t opening; /* the step before the first command; 0: not met yet */
    uint64_t *hash;   /* after step i; [0] unused */
    size_t hash_cap;
    struct checkpoint row[CHECKPOINTS_MAX], near;
    size_t row_count;
    uint64_t spacing;
};

struct stepper {
    struct track *track[BRANCHES_MAX];
    size_t count, shown;
    size_t bytes;     /* of all checkpoints */
    struct log *step; /* during a search: the records of one step */
    bool searching;
    bool fresh; /* the step under way is executed for the first time */
    uint64_t strayed;
    struct patience patience;
};

static struct track *shown(const struct stepper *s)
{
    return s->track[s->shown];
}

/* -- Checkpoints --------------------------------------------------------- */

static void drop(struct stepper *s, struct checkpoint *c)
{
    if (c->data == NULL)
        return;
    free(c->data);
    s->bytes -= c->bytes;
    *c = (struct checkpoint){0};
}

/* Drop every second checkpoint but the first, which is the start. */
static void thin(struct stepper *s, struct track *t)
{
    size_t kept = 0;

    for (size_t i = 0; i < t->row_count; i++) {
        if (i % 2 == 0)
            t->row[kept++] = t->row[i];
        else
            drop(s, &t->row[i]);
    }
    t->row_count = kept;
    t->spacing *= 2;
}

/* Save the present state, if that is within the bounds. */
static bool save(struct stepper *s, struct track *t, struct checkpoint *c)
{
    size_t bytes = sim_size(t->sim);

    drop(s, c);
    if (bytes > CHECKPOINT_BYTES_MAX - s->bytes)
        return false;
    void *data = malloc(bytes);
    if (data == NULL)
        return false;
    *c = (struct checkpoint){
        .step = sim_steps(t->sim), .bytes = bytes, .data = data};
    sim_save(t->sim, data);
    s->bytes += bytes;
    return true;
}

static void save_in_row(struct stepper *s, struct track *t)
{
    uint64_t step = sim_steps(t->sim);
    uint64_t least = sim_size(t->sim) / SPACING_SIZE;

    if (t->spacing < least)
        t->spacing = least;
    if (t->row_count > 0 && step < t->row[t->row_count - 1].step + t->spacing)
        return;
    if (t->row_count == CHECKPOINTS_MAX)
        thin(s, t);
    struct checkpoint c = {0};
    bool saved = save(s, t, &c);
    while (!saved && t->row_count > 1) {
        thin(s, t);
        saved = save(s, t, &c);
    }
    if (saved)
        t->row[t->row_count++] = c;
    else
        t->spacing *= 2; /* other branches hold all there is */
}

/* The last checkpoint at or before a step. */
static const struct checkpoint *nearest(const struct track *t, uint64_t step)
{
    const struct checkpoint *best = &t->row[0];

    for (size_t i = 1; i < t->row_count; i++)
        if (t->row[i].step <= step)
            best = &t->row[i];
    if (t->near.data != NULL && t->near.step <= step &&
        t->near.step > best->step)
        best = &t->near;
    return best;
}

static void restore(struct track *t, const struct checkpoint *c)
{
    sim_restore(t->sim, c->data, c->bytes);
}

/* -- Walking ------------------------------------------------------------- */

static void on_record(void *context, const struct record *r)
{
    struct stepper *s = context;

    if (s->fresh)
        log_add(shown(s)->log, r);
    if (s->searching)
        log_add(s->step, r);
}

/* Keep the hash of a new step; compare that of one executed again. */
static void check_hash(struct stepper *s, struct track *t)
{
    uint64_t step = sim_steps(t->sim), hash = sim_hash(t->sim);

    if (step >= HASHES_MAX)
        return;
    need_room(&t->hash, step, &t->hash_cap, sizeof *t->hash);
    if (s->fresh)
        t->hash[step] = hash;
    else if (t->hash[step] != hash && s->strayed == 0)
        s->strayed = step;
}

/*
 * sim_step() pauses before the first command, without a step, so that one
 * sees what `warm` made.  Of that step's two states ours is always the later.
 */
static bool step_once(struct track *t, bool pause)
{
    uint64_t step = sim_steps(t->sim);
    bool on = sim_step(t->sim);

    if (on && sim_steps(t->sim) == step) {
        t->opening = step;
        if (pause)
            return true;
        on = sim_step(t->sim);
    }
    if (on && sim_steps(t->sim) == t->opening && !sim_before_command(t->sim))
        on = sim_step(t->sim);
    return on;
}

static bool forward(struct stepper *s, bool pause)
{
    struct track *t = shown(s);
    struct observer o = {.record = on_record, .context = s};

    s->fresh = sim_steps(t->sim) == t->b.done;
    if (s->fresh) {
        save_in_row(s, t);
        if (t->b.done >= t->near.step + NEAR_SPACING &&
            t->b.done >= t->near.step + sim_size(t->sim) / SPACING_SIZE)
            save(s, t, &t->near);
    }
    sim_observe(t->sim, s->fresh || s->searching ? &o : NULL);
    if (!step_once(t, pause)) {
        t->ended = t->ended || s->fresh;
        return false;
    }
    check_hash(s, t);
    if (s->fresh)
        t->b.done = sim_steps(t->sim);
    return true;
}

bool stepper_forward(struct stepper *s)
{
    return forward(s, false);
}

static bool patient(const struct stepper *s, uint64_t step, uint64_t goal)
{
    return step % PATIENCE_STEPS != 0 || s->patience.go_on == NULL ||
           s->patience.go_on(s->patience.context, step, goal);
}

bool stepper_open(struct stepper *s)
{
    struct sim *sim = stepper_sim(s);
    bool on = true;

    while (on && !sim_before_command(sim))
        on = patient(s, sim_steps(sim), 0) && forward(s, true);
    return on && !sim_status(sim).ended;
}

bool stepper_goto(struct stepper *s, uint64_t step)
{
    struct track *t = shown(s);
    uint64_t at = sim_steps(t->sim);
    const struct checkpoint *c = nearest(t, step);

    if (step < at || c->step > at)
        restore(t, c);
    while ((at = sim_steps(t->sim)) < step) {
        if (step - at == NEAR_STEPS)
            save(s, t, &t->near);
        if (!patient(s, at, step) || !stepper_forward(s))
            return false;
    }
    return true;
}

bool stepper_goto_time(struct stepper *s, uint64_t time_us)
{
    struct track *t = shown(s);

    if (sim_now(t->sim) > time_us) {
        size_t i = t->row_count - 1;
        do
            restore(t, &t->row[i]);
        while (sim_now(t->sim) > time_us && i-- > 0);
    }
    while (sim_next_time(t->sim) <= time_us) {
        if (!patient(s, sim_steps(t->sim), 0))
            return false;
        if (!stepper_forward(s))
            break;
    }
    return true;
}

/* -- Searching ----------------------------------------------------------- */

/* One step; does any of its records match? */
static bool step_matches(struct stepper *s, const struct search *f, bool *ended)
{
    bool found = false;

    log_clear(s->step);
    s->searching = true;
    *ended = !stepper_forward(s);
    s->searching = false;
    /* Every record is shown, also behind a match: a search may keep track. */
    for (size_t i = log_first(s->step); !*ended && i < log_end(s->step); i++)
        found = f->match(f->context, log_at(s->step, i)) || found;
    return found;
}

static void begin(const struct search *f)
{
    if (f->begin != NULL)
        f->begin(f->context);
}

static bool find_forward(struct stepper *s, const struct search *f)
{
    bool ended = false;

    begin(f);
    while (!ended && patient(s, stepper_step(s), 0))
        if (step_matches(s, f, &ended))
            return true;
    return false;
}

/* Walk stretch after stretch, the latest first, and keep the last match. */
static bool find_back(struct stepper *s, const struct search *f)
{
    struct track *t = shown(s);
    uint64_t end = stepper_step(s), found = 0;
    bool ended = false;

    for (size_t i = t->row_count; i-- > 0 && found == 0;) {
        if (t->row[i].step + 1 >= end)
            continue;
        restore(t, &t->row[i]);
        begin(f);
        while (sim_steps(t->sim) + 1 < end) {
            if (!patient(s, sim_steps(t->sim), end))
                return false;
            if (step_matches(s, f, &ended))
                found = sim_steps(t->sim);
            if (ended)
                break;
        }
        end = t->row[i].step + 1;
    }
    return found != 0 && stepper_goto(s, found);
}

bool stepper_find(struct stepper *s, const struct search *f, bool forward)
{
    uint64_t from = stepper_step(s);

    if (forward ? find_forward(s, f) : find_back(s, f))
        return true;
    stepper_goto(s, from);
    return false;
}

/* -- Branches ------------------------------------------------------------ */

static void track_free(struct stepper *s, struct track *t)
{
    for (size_t i = 0; i < t->row_count; i++)
        drop(s, &t->row[i]);
    drop(s, &t->near);
    free(t->hash);
    log_free(t->log);
    sim_free(t->sim);
    scenario_free(t->b.own);
    free(t->b.fault);
    free(t);
}

/* Add a branch before its first step; NULL with *why. */
static struct track *track_new(struct stepper *s, const struct scenario *of,
                               struct text *why)
{
    struct track *t = need(calloc(1, sizeof *t));

    t->spacing = SPACING_MIN;
    t->b.scenario = of;
    t->log = log_new((size_t)of->trace_limit);
    t->b.log = t->log;
    t->sim = sim_new(of, why);
    if (t->sim != NULL) {
        save_in_row(s, t);
        if (t->row_count > 0)
            return t;
        text_add(why, "out of memory for checkpoints");
    }
    track_free(s, t);
    return NULL;
}

struct stepper *stepper_new(const struct scenario *of, struct text *why)
{
    struct stepper *s = need(calloc(1, sizeof *s));
    struct track *t = track_new(s, of, why);

    if (t == NULL) {
        free(s);
        return NULL;
    }
    strcpy(t->b.name, "main");
    s->step = log_new(1024);
    s->track[s->count++] = t;
    return s;
}

void stepper_free(struct stepper *s)
{
    if (s == NULL)
        return;
    for (size_t i = 0; i < s->count; i++)
        track_free(s, s->track[i]);
    log_free(s->step);
    free(s);
}

/*
 * The text of a branch: the parent's, without faults that lie in its future,
 * and the new one.
 */
static void branch_text(struct text *t, const struct scenario *parent,
                        uint64_t step, const char *fault)
{
    const char *line = parent->text;

    while (*line != '\0') {
        size_t len = strcspn(line, "\n");
        unsigned long long at = 0;
        bool later = false;

        if (len < LINE_MAX_BYTES) {
            char copy[LINE_MAX_BYTES], word[8], word2[8], number[24];
            memcpy(copy, line, len);
            copy[len] = '\0';
            if (sscanf(copy, " %7s %7s %23s", word, word2, number) == 3 &&
                strcmp(word, "at") == 0 && strcmp(word2, "step") == 0)
                at = strtoull(number, NULL, 10);
            later = at > step;
        }
        if (!later) {
            text_bytes(t, line, len);
            text_char(t, '\n');
        }
        line += len + (line[len] == '\n');
    }
    text_printf(t, "at step %llu %s\n", (unsigned long long)step, fault);
}

bool stepper_fork(struct stepper *s, const char *fault, struct text *why)
{
    struct track *parent = shown(s);
    uint64_t step = stepper_step(s);
    LOCAL_TEXT text = text_new();
    struct track *t = NULL;

    if (s->count == BRANCHES_MAX) {
        text_printf(why, "there are %d branches; that is the limit",
                    BRANCHES_MAX);
        return false;
    }
    branch_text(&text, parent->b.scenario, step + 1, fault);
    struct scenario *own =
        scenario_parse(parent->b.scenario->path, text.data,
                       parent->b.scenario->protocol, NULL, why);
    if (own != NULL)
        t = track_new(s, own, why);
    if (t == NULL) {
        scenario_free(own);
        return false;
    }
    t->b.own = own;
    t->b.parent = s->shown;
    t->b.fork = step;
    t->opening = parent->opening;
    t->b.fault = need(strdup(fault));
    strcpy(t->b.name, "what-if-a");
    t->b.name[8] = (char)('a' + s->count - 1);
    s->shown = s->count;
    s->track[s->count++] = t;
    stepper_goto(s, step);
    if (step < HASHES_MAX && step > 0 && stepper_step(s) == step &&
        t->hash[step] != parent->hash[step] && s->strayed == 0)
        s->strayed = step;
    return true;
}

size_t stepper_branches(const struct stepper *s)
{
    return s->count;
}

const struct branch *stepper_branch(const struct stepper *s, size_t i)
{
    return &s->track[i]->b;
}

size_t stepper_shown(const struct stepper *s)
{
    return s->shown;
}

void stepper_show(struct stepper *s, size_t i)
{
    assert(i < s->count);
    s->shown = i;
}

/* -- Where we are -------------------------------------------------------- */

void stepper_patience(struct stepper *s, struct patience p)
{
    s->patience = p;
}

struct sim *stepper_sim(const struct stepper *s)
{
    return shown(s)->sim;
}

const struct log *stepper_log(const struct stepper *s)
{
    return shown(s)->log;
}

uint64_t stepper_step(const struct stepper *s)
{
    return sim_steps(shown(s)->sim);
}

uint64_t stepper_done(const struct stepper *s)
{
    return shown(s)->b.done;
}

bool stepper_ended(const struct stepper *s)
{
    return shown(s)->ended;
}

uint64_t stepper_strayed(const struct stepper *s)
{
    return s->strayed;
}
