/*
 * What the monitor computes: conditions over records and state, what a step
 * changed, what caused it, and what a fault led to.
 *
 * Only the node that handles an event changes by it.  So "before a step" is
 * remembered per node, and after the step only that node's memory is renewed.
 */
#include "common/grow.h"
#include "common/monitor_core.h"

#include <stdlib.h>
#include <string.h>

#define QUIET_STEPS_MAX 2000000
#define QUIET_US_MAX (60 * SECOND_US) /* a consequence is near */
#define KINDS_MAX 256                 /* of messages, compared */
#define DIFFERENCES_SHOWN 2
#define TYPES_SHOWN 6

/* -- State of nodes -------------------------------------------------------- */

/* Show a node's state; the rows are the caller's. */
static void node_rows(const struct monitor *m, const struct host *h,
                      struct state_rows *rows)
{
    struct view v = {.network = the_network(m), .selected = h};

    if (h->node != NULL && h->protocol == m->protocol)
        m->program->state(&v, rows);
}

void memo_free(struct memo *memo)
{
    for (size_t i = 0; i < memo->count; i++)
        state_rows_free(&memo->rows[i]);
    free(memo->rows);
    *memo = (struct memo){0};
}

void memo_update(struct monitor *m, const struct host *h)
{
    struct memo *memo = &m->before;

    if (h->index >= memo->count) {
        size_t count = (size_t)h->index + 1;
        memo->rows = need(realloc(memo->rows, count * sizeof *memo->rows));
        memset(memo->rows + memo->count, 0,
               (count - memo->count) * sizeof *memo->rows);
        memo->count = count;
    }
    state_rows_free(&memo->rows[h->index]);
    node_rows(m, h, &memo->rows[h->index]);
}

void memo_take(struct monitor *m, bool all)
{
    const struct network *n = the_network(m);

    memo_free(&m->before);
    for (size_t i = 0; i < n->count; i++)
        if (all || n->count <= MEMO_NODES_MAX || i == m->node || i == m->pinned)
            memo_update(m, n->host[i]);
}

static const struct text *row_value(const struct state_rows *rows,
                                    const char *name)
{
    for (size_t i = 0; i < rows->count; i++)
        if (strcmp(rows->at[i].name, name) == 0)
            return &rows->at[i].value;
    return NULL;
}

/* What a row's value was before the present step; NULL: not known. */
static const struct text *memo_value(const struct monitor *m,
                                     const struct host *h, const char *name)
{
    return h->index < m->before.count
               ? row_value(&m->before.rows[h->index], name)
               : NULL;
}

/* Names recur in lists, and places in a list move: a row has changed when its
   list was there, and no row of it said the same. */
bool memo_differs(const struct monitor *m, const struct host *h,
                  const struct state_rows *rows, size_t i)
{
    const struct state_row *a = &rows->at[i];
    bool was_there = false;

    if (a->name[0] == '\0' || h->index >= m->before.count)
        return false;
    const struct state_rows *before = &m->before.rows[h->index];
    for (size_t k = 0; k < before->count; k++) {
        const struct state_row *b = &before->at[k];
        bool same_name = strcmp(a->name, b->name) == 0;
        if (!same_name && a->name[0] != ' ' && b->name[0] != ' ')
            continue;
        if (a->version != 0 ? a->version == b->version
                            : strcmp(a->value.data, b->value.data) == 0)
            return false;
        was_there = was_there || same_name;
    }
    return was_there;
}

/* -- Conditions ------------------------------------------------------------- */

void condition_free(struct condition *c)
{
    expr_free(c->expr);
    free(c->text);
    *c = (struct condition){0};
}

/* A row that has no name yet may get it later; one that is nearly there is a
   slip.  Numbered rows are all near to each other. */
static bool is_row(const struct monitor *m, const char *name, struct text *why)
{
    const struct network *n = the_network(m);
    LOCAL_TEXT near = text_new();
    bool found = strpbrk(name, "0123456789") != NULL;

    for (size_t i = 0; !found && i < n->count && i < MEMO_NODES_MAX; i++) {
        struct state_rows rows = {0};
        node_rows(m, n->host[i], &rows);
        found = row_value(&rows, name) != NULL;
        for (size_t k = 0; near.len == 0 && k < rows.count; k++) {
            const char *row = rows.at[k].name;
            if (nearest_word(name, &row, 1) != NULL)
                text_add(&near, row);
        }
        state_rows_free(&rows);
    }
    if (found || near.len == 0)
        return true;
    text_printf(why, "no node has 'state.%s'; did you mean 'state.%s'?", name,
                near.data);
    return false;
}

static bool is_invariant(const struct monitor *m, const char *name,
                         struct text *why)
{
    LOCAL_FINDINGS f = network_check(the_network(m), m->protocol);
    bool found = f.count == 0;

    for (size_t i = 0; i < f.count; i++)
        found = found || strstr(f.at[i].name, name) != NULL;
    if (!found)
        text_printf(why, "unknown invariant '%s', expected a part of", name);
    for (size_t i = 0; !found && i < f.count; i++)
        text_printf(why, "%s '%s'", i > 0 ? "," : "", f.at[i].name);
    return found;
}

/* Does every name of an expression mean something here? */
static bool all_known(const struct monitor *m, const struct expr *e,
                      struct text *why)
{
    bool good = expr_known(e, m->protocol, false, why), invariant;
    int at = 0;

    for (const char *name; good && the_network(m)->count > 0 &&
                           (name = expr_next_name(e, &at, &invariant)) != NULL;)
        good = invariant ? is_invariant(m, name, why) : is_row(m, name, why);
    return good;
}

bool condition_asked(struct monitor *m, struct condition *c)
{
    LOCAL_TEXT why = text_new();
    struct expr *e = expr_parse(m->arg, &why);

    if (e == NULL || !all_known(m, e, &why)) {
        say(m, "? %s", why.data);
        m->failed = true;
        expr_free(e);
        return false;
    }
    condition_free(c);
    c->expr = e;
    c->text = need(strdup(m->arg));
    return true;
}

struct asked {
    struct monitor *m;
    const struct host *host;
};

static bool state_value(void *context, const char *name, bool before,
                        struct text *value)
{
    struct asked *a = context;
    struct state_rows rows = {0};

    if (a->host == NULL)
        return false;
    if (!before)
        node_rows(a->m, a->host, &rows);
    const struct text *found =
        before ? memo_value(a->m, a->host, name) : row_value(&rows, name);
    if (found != NULL)
        text_add(value, found->data);
    state_rows_free(&rows);
    return found != NULL;
}

static bool is_broken(void *context, const char *name)
{
    struct asked *a = context;
    LOCAL_FINDINGS f = network_check(the_network(a->m), a->m->protocol);
    bool broken = false;

    for (size_t i = 0; i < f.count; i++)
        if (!f.at[i].holds && strstr(f.at[i].name, name) != NULL)
            broken = true;
    return broken;
}

bool condition_true(struct monitor *m, const struct condition *c,
                    const struct record *r)
{
    const struct network *n = the_network(m);
    struct namer names = the_names(m);
    struct asked asked = {.m = m};
    LOCAL_FIELDS f = fields_new();

    if (n->count > 0)
        asked.host = n->by_addr(n, r->to.addr);
    describe_record(m, r, &f);
    struct subject s = {.record = r,
                        .fields = r->kind == RECORD_RESULT ? r->fields : &f,
                        .names = &names,
                        .state = state_value,
                        .broken = is_broken,
                        .context = &asked};
    return expr_true(c->expr, &s);
}

/* -- Why --------------------------------------------------------------------- */

bool is_cause(const struct monitor *m, uint64_t step)
{
    for (size_t i = 0; i < m->why_count; i++)
        if (m->why[i] == step)
            return true;
    return false;
}

void find_causes(struct monitor *m, const struct record *r)
{
    const struct log *l = the_log(m);
    uint64_t cause = r->cause;

    m->why_count = 0;
    if (r->step != 0 && r->step <= the_step(m))
        m->why[m->why_count++] = r->step;
    while (cause != 0 && m->why_count < WHY_MAX) {
        size_t i = log_of_step(l, cause);
        m->why[m->why_count++] = cause;
        if (i >= log_end(l) || log_at(l, i)->step != cause)
            break; /* older than the log */
        cause = log_at(l, i)->cause < cause ? log_at(l, i)->cause : 0;
    }
}

/* -- Comparing branches -------------------------------------------------------- */

/* A kind of message, and how often each side had it. */
struct kind {
    char *key;        /* "n16 -> n32 FIND_SUCC" */
    const char *type; /* its end: "FIND_SUCC" */
    size_t count[2];
};
struct kinds {
    struct kind at[KINDS_MAX];
    size_t count;
};

static void count_message(struct monitor *m, struct kinds *k,
                          const struct record *r, int side)
{
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT key = text_new();
    size_t i = 0;

    describe_record(m, r, &f);
    text_printf(&key, "%s -> %s ", r->from.name != NULL ? r->from.name : "?",
                r->to.name != NULL ? r->to.name : "?");
    size_t type = key.len;
    text_printf(&key, "%s%s", f.type, r->why != NULL ? " (dropped)" : "");
    while (i < k->count && strcmp(k->at[i].key, key.data) != 0)
        i++;
    if (i == k->count && i < KINDS_MAX) {
        char *copy = need(strdup(key.data));
        k->at[k->count++] = (struct kind){.key = copy, .type = copy + type};
    }
    if (i < KINDS_MAX)
        k->at[i].count[side]++;
}

static bool same_event(const struct record *a, const struct record *b)
{
    const char *at = a->text != NULL ? a->text : "";
    const char *bt = b->text != NULL ? b->text : "";

    return a->kind == b->kind && a->time_us == b->time_us &&
           addr_equal(a->from.addr, b->from.addr) &&
           addr_equal(a->to.addr, b->to.addr) && a->len == b->len &&
           (a->why == NULL) == (b->why == NULL) && strcmp(at, bt) == 0 &&
           (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

static void add_event(struct monitor *m, struct text *t, const char *name,
                      const struct record *r)
{
    text_printf(t, "  %-10s ", name);
    if (r == NULL) {
        text_add(t, "nothing more\n");
        return;
    }
    text_printf(t, "step %llu, t=", (unsigned long long)r->step);
    text_seconds(t, r->time_us);
    text_add(t, ": ");
    record_words(m, r, t);
    text_char(t, '\n');
}

static void first_difference(struct monitor *m, const struct branch *a,
                             const struct branch *b, uint64_t from,
                             struct text *t)
{
    size_t i = log_of_step(a->log, from), j = log_of_step(b->log, from);

    while (i < log_end(a->log) && j < log_end(b->log) &&
           same_event(log_at(a->log, i), log_at(b->log, j))) {
        i++;
        j++;
    }
    if (i == log_end(a->log) && j == log_end(b->log)) {
        text_add(t, "no event differs\n");
        return;
    }
    text_add(t, "first difference:\n");
    add_event(m, t, a->name, i < log_end(a->log) ? log_at(a->log, i) : NULL);
    add_event(m, t, b->name, j < log_end(b->log) ? log_at(b->log, j) : NULL);
}

/* The result of a command in a branch, or NULL. */
static const struct record *result_of(const struct branch *b, uint64_t from,
                                      const struct record *like,
                                      uint64_t until_us)
{
    for (size_t i = log_of_step(b->log, from); i < log_end(b->log); i++) {
        const struct record *r = log_at(b->log, i);
        if (r->kind == RECORD_RESULT && r->command == like->command &&
            r->time_us <= until_us)
            return r;
    }
    return NULL;
}

static void add_result(struct monitor *m, struct text *t,
                       const struct record *r)
{
    struct namer names = the_names(m);

    if (r == NULL) {
        text_add(t, "no answer yet");
        return;
    }
    text_add(t, r->ok ? "" : "failed: ");
    const struct field *hops = fields_find(r->fields, "hops");
    if (r->ok && hops != NULL)
        text_printf(t, "%llu hops", (unsigned long long)hops->number);
    else
        fields_line(t, r->fields, &names);
    text_add(t, " at ");
    text_seconds(t, r->time_us);
    text_add(t, " s");
}

/* Every command answered in either branch, and how. */
static void results(struct monitor *m, const struct branch *a,
                    const struct branch *b, uint64_t from, uint64_t until_us,
                    struct text *t)
{
    const struct branch *side[2] = {a, b};

    for (int s = 0; s < 2; s++) {
        const struct log *l = side[s]->log;
        for (size_t i = log_of_step(l, from); i < log_end(l); i++) {
            const struct record *r = log_at(l, i);
            if (r->kind != RECORD_RESULT || r->command == 0 ||
                r->time_us > until_us)
                continue;
            const struct record *other =
                result_of(side[1 - s], from, r, until_us);
            bool alike = other != NULL && other->time_us == r->time_us &&
                         other->ok == r->ok;
            if (alike || (s == 1 && other != NULL))
                continue; /* or said already */
            text_printf(t, "%s %s: ", r->to.name != NULL ? r->to.name : "",
                        r->text != NULL ? r->text : "");
            add_result(m, t, s == 0 ? r : other);
            text_add(t, " -> ");
            add_result(m, t, s == 0 ? other : r);
            text_char(t, '\n');
        }
    }
}

/* "FIND_SUCC 9 -> 11, NEXT 0 -> 2": the types that differ in number. */
static void add_types(const struct kinds *k, struct text *t)
{
    size_t start = t->len, shown = 0;

    for (size_t i = 0; i < k->count; i++) {
        size_t count[2] = {0, 0};
        bool first = true;
        for (size_t j = 0; j < k->count; j++) {
            if (strcmp(k->at[j].type, k->at[i].type) != 0)
                continue;
            first = first && j >= i;
            count[0] += k->at[j].count[0];
            count[1] += k->at[j].count[1];
        }
        if (first && count[0] != count[1] && ++shown <= TYPES_SHOWN)
            text_printf(t, "%s%s %zu -> %zu", t->len > start ? ", " : "",
                        k->at[i].type, count[0], count[1]);
    }
    text_add(t, shown > TYPES_SHOWN ? " and others" : "");
    text_add(t, t->len > start ? "\n" : "as many of each type in both\n");
}

/* The kinds that only one side had. */
static void add_only(const struct kinds *k, int side, const char *name,
                     struct text *t)
{
    size_t shown = 0;

    for (size_t i = 0; i < k->count; i++) {
        if (k->at[i].count[side] == 0 || k->at[i].count[1 - side] > 0)
            continue;
        if (++shown == 1)
            text_printf(t, "only in %s: ", name);
        if (shown <= DIFFERENCES_SHOWN)
            text_printf(t, "%s%s", shown == 1 ? "" : ", ", k->at[i].key);
    }
    if (shown > DIFFERENCES_SHOWN)
        text_printf(t, " and %zu other kinds", shown - DIFFERENCES_SHOWN);
    if (shown > 0)
        text_char(t, '\n');
}

static void messages(struct monitor *m, const struct branch *a,
                     const struct branch *b, uint64_t from, uint64_t until_us,
                     struct text *t)
{
    const struct branch *side[2] = {a, b};
    struct kinds *k = need(calloc(1, sizeof *k));

    for (int s = 0; s < 2; s++) {
        const struct log *l = side[s]->log;
        for (size_t i = log_of_step(l, from); i < log_end(l); i++) {
            const struct record *r = log_at(l, i);
            if (r->kind == RECORD_MESSAGE && r->time_us <= until_us)
                count_message(m, k, r, s);
        }
    }
    text_add(t, "messages: ");
    add_types(k, t);
    for (int s = 0; s < 2; s++)
        add_only(k, s, side[s]->name, t);
    for (size_t i = 0; i < k->count; i++)
        free(k->at[i].key);
    free(k);
}

/* Which invariants are broken where the shown branch is now. */
static void broken_now(struct monitor *m, struct text *t)
{
    LOCAL_FINDINGS f = network_check(the_network(m), m->protocol);
    const char *separator = "";

    for (size_t i = 0; i < f.count; i++) {
        if (f.at[i].holds)
            continue;
        text_printf(t, "%s%s (%s)", separator, f.at[i].name, f.at[i].why.data);
        separator = ", ";
    }
}

/* Nodes that are up in one branch only, and invariants, as both are now. */
static void endings(struct monitor *m, size_t a, size_t b, struct text *t)
{
    struct text broken[2] = {text_new(), text_new()};
    struct text up[2] = {text_new(), text_new()};
    size_t side[2] = {a, b};

    for (int s = 0; s < 2; s++) {
        stepper_show(m->stepper, side[s]);
        const struct network *n = the_network(m);
        stepper_show(m->stepper, side[1 - s]);
        const struct network *other = the_network(m);
        for (size_t i = 0; i < n->count && i < MEMO_NODES_MAX; i++) {
            const struct host *h = other->by_name(other, n->host[i]->name);
            if (n->host[i]->state != NODE_DOWN &&
                (h == NULL || h->state == NODE_DOWN))
                text_printf(&up[s], " %s", n->host[i]->name);
        }
        stepper_show(m->stepper, side[s]);
        broken_now(m, &broken[s]);
        if (up[s].len > 0)
            text_printf(t, "only in %s, up:%s\n",
                        stepper_branch(m->stepper, side[s])->name, up[s].data);
    }
    if (strcmp(broken[0].data, broken[1].data) == 0)
        text_printf(t, "invariants: %s in both\n",
                    broken[0].len == 0 ? "all hold" : broken[0].data);
    else
        for (int s = 0; s < 2; s++)
            text_printf(t, "broken in %s: %s\n",
                        stepper_branch(m->stepper, side[s])->name,
                        broken[s].len == 0 ? "nothing" : broken[s].data);
    for (int s = 0; s < 2; s++) {
        text_free(&broken[s]);
        text_free(&up[s]);
    }
}

void compare_branches(struct monitor *m, size_t a, size_t b, struct text *t)
{
    const struct branch *x = stepper_branch(m->stepper, a);
    const struct branch *y = stepper_branch(m->stepper, b);
    size_t shown = stepper_shown(m->stepper);
    uint64_t from = (x->fork > y->fork ? x->fork : y->fork) + 1;
    uint64_t until = UINT64_MAX;

    if (x->parent != b && y->parent != a) /* cousins: from the start */
        from = 1;
    for (int s = 0; s < 2; s++) {
        const struct log *l = s == 0 ? x->log : y->log;
        if (log_end(l) > log_first(l) &&
            log_at(l, log_end(l) - 1)->time_us < until)
            until = log_at(l, log_end(l) - 1)->time_us;
    }
    text_printf(t, "%s -> %s, up to t=", x->name, y->name);
    text_seconds(t, until);
    text_char(t, '\n');
    results(m, x, y, from, until, t);
    messages(m, x, y, from, until, t);
    endings(m, a, b, t);
    first_difference(m, x, y, from, t);
    stepper_show(m->stepper, shown);
}

static bool is_quiet(const struct monitor *m, uint64_t *since)
{
    const struct sim *sim = stepper_sim(m->stepper);
    const struct network *n = the_network(m);

    if (sim_status(sim).commands_open > 0 || !m->protocol->settled(n)) {
        *since = sim_now(sim);
        return false;
    }
    return sim_now(sim) - *since >= m->protocol->quiet_us(n->settings);
}

/* Both branches end at the same time, so that what is compared is. */
void consequence(struct monitor *m, struct text *t)
{
    size_t shown = stepper_shown(m->stepper);
    const struct branch *b = stepper_branch(m->stepper, shown);
    uint64_t start = the_time(m), since = start;

    m->waiting = false;
    for (uint64_t i = 0; i < QUIET_STEPS_MAX; i++) {
        if (the_time(m) > start + QUIET_US_MAX || is_quiet(m, &since) ||
            !monitor_patience(m, the_step(m), 0) ||
            !stepper_forward(m->stepper))
            break;
    }
    uint64_t until = the_time(m);
    stepper_show(m->stepper, b->parent);
    uint64_t there = the_step(m);
    stepper_goto_time(m->stepper, until);
    compare_branches(m, b->parent, shown, t);
    stepper_goto(m->stepper, there);
    stepper_show(m->stepper, shown);
    go_to(m, b->fork + 1);
}
