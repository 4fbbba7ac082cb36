/*
 * The explorer; see explore.h.
 *
 * A state costs 24 bytes: its parent, the choice that led here, the hash of
 * its canonical form, and how much of the bounds is used up.  The simulation
 * itself is kept only along the path to the state at hand, a checkpoint of a
 * few KiB for each depth: breadth first, the next state nearly always shares
 * all of that path but its end, so that it is restored and not replayed.
 */
#include <stdlib.h>
#include <string.h>

#include "common/explore_impl.h"

#define COMPARE_EVERY 512 /* states met again, for the guard */
#define NOT_FOUND UINT32_MAX

/* -- States --------------------------------------------------------------- */

static uint32_t *slot_of(struct explorer *x, uint64_t hash)
{
    size_t i = hash & (x->slot_cap - 1);

    while (x->slot[i] != 0 && x->state[x->slot[i] - 1].hash != hash)
        i = (i + 1) & (x->slot_cap - 1);
    return &x->slot[i];
}

static bool grow_states(struct explorer *x)
{
    size_t cap = x->state_cap > 0 ? 2 * x->state_cap : 4096;
    struct state *state = realloc(x->state, cap * sizeof *state);

    if (state == NULL)
        return false;
    x->state = state;
    uint32_t *slot = calloc(2 * cap, sizeof *slot);
    if (slot == NULL)
        return false;
    free(x->slot);
    x->slot = slot;
    x->state_cap = cap;
    x->slot_cap = 2 * cap;
    for (uint32_t i = 0; i < x->report->states; i++)
        *slot_of(x, state[i].hash) = i + 1; /* NOLINT: add_state wrote it */
    return true;
}

/* The index of a new state, or NOT_FOUND when there is no room. */
static uint32_t add_state(struct explorer *x, const struct state *s)
{
    if ((x->report->states == x->state_cap && !grow_states(x)) ||
        x->report->states >= x->options->states_max) {
        x->report->limit = "more states than fit into memory";
        return NOT_FOUND;
    }
    uint32_t index = (uint32_t)x->report->states++;
    x->state[index] = *s;
    *slot_of(x, s->hash) = index + 1;
    if (s->depth > x->report->depth)
        x->report->depth = s->depth;
    return index;
}

static void save_place(struct explorer *x, uint32_t depth, uint32_t state)
{
    struct place *p = &x->path[depth];
    size_t bytes = sim_size(x->sim);

    if (bytes > p->cap) {
        free(p->checkpoint);
        p->checkpoint = malloc(2 * bytes);
        p->cap = p->checkpoint != NULL ? 2 * bytes : 0;
    }
    if (p->cap == 0) {
        x->report->limit = "not enough memory";
        return;
    }
    sim_save(x->sim, p->checkpoint);
    hash_nodes(x);
    memcpy(p->node_hash, x->node_hash, sizeof p->node_hash);
    p->bytes = bytes;
    p->state = state;
    x->path_depth = depth;
}

static void restore_place(struct explorer *x, uint32_t depth)
{
    const struct place *p = &x->path[depth];

    sim_restore(x->sim, p->checkpoint, p->bytes);
    memcpy(x->node_hash, p->node_hash, sizeof x->node_hash);
    memset(x->touched, false, sizeof x->touched);
    x->runaway = false;
}

/* The states from the root to this one; its depth. */
static uint32_t way_to(const struct explorer *x, uint32_t index,
                       uint32_t way[DEPTH_MAX + 1])
{
    uint32_t depth = x->state[index].depth;

    for (uint32_t d = depth + 1; d-- > 0; index = x->state[index].parent)
        way[d] = index;
    return depth;
}

/* Bring the simulation to a state, and the path with it. */
static void visit(struct explorer *x, uint32_t index)
{
    uint32_t way[DEPTH_MAX + 1] = {0};
    uint32_t depth = way_to(x, index, way), known = depth;

    while (known > x->path_depth || x->path[known].state != way[known])
        known--; /* ends at the root, which is always right */
    restore_place(x, known);
    x->path_depth = known;
    for (uint32_t d = known + 1; d <= depth; d++) {
        apply(x, x->state[way[d]].choice);
        save_place(x, d, way[d]);
    }
}

/* -- The guard ------------------------------------------------------------ */

/* Collect the hashes of all states that follow the one at hand. */
static size_t successors(struct explorer *x, struct used u,
                         uint64_t hash[CHOICES_MAX])
{
    struct choice all[CHOICES_MAX];
    size_t count = list_choices(x, u, all), bytes = sim_size(x->sim);
    uint8_t *here = malloc(bytes);

    if (here == NULL)
        return 0;
    sim_save(x->sim, here);
    for (size_t i = 0; i < count && i < CHOICES_MAX; i++) {
        sim_restore(x->sim, here, bytes);
        touch_all(x);
        apply(x, all[i]);
        hash[i] = canonical_hash(x, use(x, u, all[i]));
    }
    free(here);
    return count;
}

static int by_value(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

/* The simulation is in a state whose hash `known` has too: their futures
   must be the same, or `dump` forgets what matters.  Spends the path. */
static void compare_futures(struct explorer *x, uint32_t known)
{
    uint64_t ours[CHOICES_MAX], theirs[CHOICES_MAX];
    struct used u = x->state[known].used;
    size_t count = successors(x, u, ours);

    visit(x, known);
    size_t other = successors(x, u, theirs);
    size_t kept = count < CHOICES_MAX ? count : CHOICES_MAX;
    qsort(ours, kept, sizeof ours[0], by_value);
    qsort(theirs, other < CHOICES_MAX ? other : CHOICES_MAX, sizeof theirs[0],
          by_value);
    if (count != other || memcmp(ours, theirs, kept * sizeof ours[0]) != 0)
        x->report->dump_forgets = true;
    x->report->compared++;
}

/* -- The search ----------------------------------------------------------- */

/* Take one choice from the state at hand; true when the search is over. */
static bool follow(struct explorer *x, uint32_t index, struct choice c)
{
    struct state s = {.parent = index,
                      .choice = c,
                      .used = use(x, x->state[index].used, c),
                      .depth = (uint16_t)(x->state[index].depth + 1)};

    uint64_t every = x->options->compare_all ? 1 : COMPARE_EVERY;

    apply(x, c);
    x->report->transitions++;
    if (x->runaway)
        x->report->limit = "an operation did not end";
    s.hash = canonical_hash(x, s.used);
    uint32_t known = *slot_of(x, s.hash);
    if (known != 0) {
        if (++x->repeated % every == 0) {
            compare_futures(x, known - 1);
            visit(x, index);
        }
        return x->report->dump_forgets;
    }
    if (add_state(x, &s) == NOT_FOUND)
        return true;
    judge(x);
    return x->report->violated;
}

/* Expand one state; true when the search is over. */
static bool expand(struct explorer *x, uint32_t index)
{
    struct choice all[CHOICES_MAX];
    uint32_t depth = x->state[index].depth;

    visit(x, index);
    size_t count = list_choices(x, x->state[index].used, all);
    if (count > CHOICES_MAX) {
        x->report->limit = "a state with too many choices";
        count = CHOICES_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        restore_place(x, depth);
        if (follow(x, index, all[i]))
            return true;
    }
    return false;
}

static void search(struct explorer *x)
{
    uint32_t depth_max = x->scenario->bounds.depth;

    if (depth_max > DEPTH_MAX)
        depth_max = DEPTH_MAX;
    for (uint32_t i = 0; i < x->report->states; i++) {
        if (x->state[i].depth >= depth_max) { /* NOLINT: add_state wrote it */
            x->report->limit = "the bound on depth was hit";
            continue;
        }
        if (i % 1024 == 0 && x->options->progress != NULL &&
            !x->options->progress(x->options->context, x->report)) {
            x->report->limit = "interrupted";
            return;
        }
        if (expand(x, i))
            return;
    }
}

/* -- The counterexample --------------------------------------------------- */

/* The scenario up to and with `warm`: what every counterexample begins with.
   The joiners behind it join by hand. */
static void write_head(struct explorer *x)
{
    const char *text = x->scenario->text, *line = text;
    struct text *t = &x->report->replay;

    text_printf(t, "# %s\n", x->report->broken.data);
    for (bool warm = false; *line != '\0' && !warm;) {
        size_t len = strcspn(line, "\n");
        warm = len >= 4 && strncmp(line, "warm", 4) == 0 &&
               (len == 4 || line[4] == ' ' || line[4] == '#');
        text_bytes(t, line, len);
        text_char(t, '\n');
        line += len + (line[len] == '\n');
    }
}

/* Replay the way to the last state, and write it down. */
static void write_replay(struct explorer *x)
{
    uint32_t way[DEPTH_MAX + 1] = {0};
    uint32_t depth = way_to(x, (uint32_t)x->report->states - 1, way);

    restore_place(x, 0);
    write_head(x);
    x->lines = &x->report->replay;
    for (uint32_t d = 1; d <= depth; d++) {
        text_printf(&x->report->events, "%3u  ", d);
        name_choice(x, x->state[way[d]].choice, &x->report->events);
        apply(x, x->state[way[d]].choice);
    }
    x->lines = NULL;
    x->report->steps = x->sim->steps;
    LOCAL_TEXT end = text_new();
    text_seconds(&end, x->sim->now_us + 1); /* behind the last line */
    text_printf(&x->report->replay, "at %ss expect invariants\nrun until %ss\n",
                end.data, end.data);
}

/* -- Beginning ------------------------------------------------------------ */

/* Start the network; list who joins it and what is asked of it. */
static bool begin(struct explorer *x, struct text *why)
{
    struct cursor c = cursor_new(x->scenario);
    struct act act;
    bool warm = false;

    while (cursor_next(x->scenario, &c, &act)) {
        if (act.kind == ACT_UNTIL)
            cursor_resume(&c, act.time_us == NEVER ? 0 : act.time_us);
        else if (!warm && (act.kind == ACT_START || act.kind == ACT_WARM))
            acts_do(&x->sim->acts, &act);
        else if (act.kind == ACT_START && x->joiner_count < EXPLORE_NODES_MAX)
            x->joiner[x->joiner_count++] = act;
        else if ((act.kind == ACT_COMMAND || act.kind == ACT_EXPECT) &&
                 x->command_count < COMMANDS_MAX)
            x->command[x->command_count++] = act;
        warm = warm || act.kind == ACT_WARM;
    }
    x->network = sim_network(x->sim);
    if (!warm)
        text_add(why, "nothing to explore: expected 'warm' after the nodes "
                      "that stand at the beginning");
    else if (x->network->count + x->joiner_count > EXPLORE_NODES_MAX)
        text_printf(why, "too many nodes to explore: expected %d at most",
                    EXPLORE_NODES_MAX);
    else
        return true;
    return false;
}

static void explorer_free(struct explorer *x)
{
    for (size_t i = 0; i <= DEPTH_MAX; i++)
        free(x->path[i].checkpoint);
    free(x->state);
    free(x->slot);
    map_free(&x->healed);
    text_free(&x->canonical);
    sim_free(x->sim);
    free(x);
}

bool explore(const struct scenario *s, const struct explore_options *o,
             struct explore_report *report, struct text *why)
{
    struct explorer *x = calloc(1, sizeof *x);

    *report = (struct explore_report){
        .broken = text_new(), .events = text_new(), .replay = text_new()};
    if (x == NULL || (x->sim = sim_new(s, why)) == NULL) {
        free(x);
        return false;
    }
    x->sim->queue.heap_only = true;
    x->scenario = s;
    x->options = o;
    x->report = report;
    x->canonical = text_new();
    bool ok = begin(x, why) && knows_find(x, why) && grow_states(x);
    if (ok) {
        touch_all(x);
        struct state root = {.hash = canonical_hash(x, (struct used){0})};
        (void)add_state(x, &root);
        save_place(x, 0, 0);
        judge(x);
        if (!report->violated)
            search(x);
        if (report->violated)
            write_replay(x);
    }
    explorer_free(x);
    return ok;
}

void explore_report_free(struct explore_report *r)
{
    text_free(&r->broken);
    text_free(&r->events);
    text_free(&r->replay);
}
