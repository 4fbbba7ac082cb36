/*
 * Commands that go somewhere or choose what is looked at: stepping, searching
 * with conditions, selecting, panes, marks.  The table is in monitor_keys.c.
 */
#include "common/monitor_core.h"

#include <string.h>

/* -- Going somewhere --------------------------------------------------------- */

void say_event(struct monitor *m)
{
    const struct log *l = the_log(m);
    size_t i = log_of_step(l, the_step(m)), end = the_end(m);
    LOCAL_TEXT t = text_new();

    if (m->stepper != NULL && stepper_strayed(m->stepper) != 0) {
        say(m, "this protocol is not deterministic, at step %llu",
            (unsigned long long)stepper_strayed(m->stepper));
        return;
    }
    if (i < end)
        record_words(m, log_at(l, i), &t);
    for (; i < end; i++) {
        const struct record *r = log_at(l, i);
        if (r->kind != RECORD_NOTE && r->kind != RECORD_RESULT)
            continue;
        text_clear(&t); /* the node's own words say it better */
        record_words(m, r, &t);
    }
    say(m, "%s", t.data);
}

static void moved(struct monitor *m, bool there, const char *why_not)
{
    m->failed |= !there;
    if (there)
        say_event(m);
    else
        say(m, "%s", why_not);
}

static uint64_t count_of(const char *arg)
{
    uint64_t n = 1;

    return parse_u64(arg, UINT32_MAX, &n) && n > 0 ? n : 1;
}

void do_step(struct monitor *m)
{
    bool there = true;

    for (uint64_t n = count_of(m->arg); n > 0 && there; n--)
        there = go_forward(m);
    moved(m, there,
          m->stepper != NULL ? "this is the end of the scenario"
          : m->live != NULL  ? "nothing newer yet: this is now"
                             : "this is the end of the trace");
}

void do_back(struct monitor *m)
{
    uint64_t from = the_step(m);

    for (uint64_t n = count_of(m->arg); n > 0; n--)
        if (n == 1 || m->stepper == NULL)
            go_to(m, step_before(m));
        else
            go_to(m, from > n ? from - n : 0), n = 1;
    moved(m, from != the_step(m), "this is the beginning");
}

void do_goto(struct monitor *m)
{
    uint64_t step, time_us;
    bool there;

    if (parse_u64(m->arg, NEVER - 1, &step)) {
        there = go_to(m, step);
    } else if (parse_time(m->arg, &time_us)) {
        there = go_to_time(m, time_us);
    } else {
        say(m, "go where? a step like 118, or a time like 12.3s");
        return;
    }
    moved(m, there, "the run ends before that");
}

void do_first(struct monitor *m)
{
    go_to(m, m->stepper != NULL ? 0 : step_before(m) > 0 ? 1 : the_step(m));
    moved(m, true, "");
    if (m->stepper != NULL)
        say(m, "before the first step");
}

void do_last(struct monitor *m)
{
    m->waiting = false;
    if (m->stepper != NULL)
        stepper_goto_time(m->stepper, NEVER - 1);
    go_to(m, m->stepper != NULL ? the_step(m) : last_step(m));
    say_event(m);
    if (m->live != NULL)
        say(m, "now: , looks back at the record");
}

static bool of_lookup(void *monitor, const struct record *r)
{
    const struct monitor *m = monitor;

    return r->command == m->command;
}

static bool of_any_lookup(void *monitor, const struct record *r)
{
    (void)monitor;
    return r->command != 0;
}

static bool of_node(void *monitor, const struct record *r)
{
    const struct monitor *m = monitor;
    const struct host *h = the_node(m, m->node);

    return h != NULL && (addr_equal(r->to.addr, h->addr) ||
                         addr_equal(r->from.addr, h->addr));
}

/* Of the node that was chosen; else of the lookup under way; else of any. */
void do_related(struct monitor *m)
{
    struct search f = {.context = m};
    bool forward = m->doing->n > 0, found = false;

    if (!m->follow) {
        f.match = of_node;
        moved(m, go_find(m, &f, forward), "no more events of this node there");
        return;
    }
    f.match = of_lookup;
    found = m->command != 0 && go_find(m, &f, forward);
    f.match = of_any_lookup;
    found = found || go_find(m, &f, forward);
    moved(m, found, "no more events of a command there");
}

void do_run(struct monitor *m)
{
    if (m->stepper == NULL) {
        m->at = NEVER;
        look_around(m);
        say(m, "at the newest event");
        return;
    }
    if (m->options->line) { /* nobody watches: to the end */
        do_last(m);
        return;
    }
    m->running = !m->running;
    m->next_ms = 0;
    say(m, m->running ? "running: + and - change the speed, SPC pauses"
                      : "paused");
}

void do_speed(struct monitor *m)
{
    int speed = (int)m->speed + m->doing->n;

    if (speed >= 0 && speed < SPEEDS)
        m->speed = (unsigned)speed;
    m->next_ms = 0;
    say(m, "%s", m->doing->name);
}

/* -- Conditions ----------------------------------------------------------------- */

/* What is searched for: one condition, or any breakpoint. */
struct wanted {
    struct monitor *m;
    const struct condition *at;
    size_t count;
    bool state; /* some of them ask for the state of nodes */
};

static void remember_all(void *wanted)
{
    const struct wanted *w = wanted;

    memo_take(w->m, true);
}

static bool is_met(void *wanted, const struct record *r)
{
    struct wanted *w = wanted;
    const struct network *n = the_network(w->m);
    bool met = false;

    for (size_t i = 0; i < w->count; i++)
        met = met || condition_true(w->m, &w->at[i], r);
    /* The step is over: what its nodes are now is "before" to the next. */
    const struct host *h =
        w->state && n->count > 0 ? n->by_addr(n, r->to.addr) : NULL;
    if (h != NULL)
        memo_update(w->m, h);
    return met;
}

static void search(struct monitor *m, const struct condition *at, size_t count,
                   bool forward, const char *why_not)
{
    struct wanted w = {.m = m, .at = at, .count = count};

    for (size_t i = 0; i < count; i++)
        w.state |= expr_needs_state(at[i].expr);
    struct search f = {
        .begin = w.state ? remember_all : NULL, .match = is_met, .context = &w};
    moved(m, go_find(m, &f, forward), why_not);
}

bool stop_here(struct monitor *m)
{
    const struct log *l = the_log(m);

    for (size_t i = log_of_step(l, the_step(m)); i < the_end(m); i++)
        for (size_t k = 0; k < m->stops; k++)
            if (condition_true(m, &m->stop[k], log_at(l, i))) {
                say(m, "breakpoint %zu: %s", k + 1, m->stop[k].text);
                return true;
            }
    return false;
}

void do_stops(struct monitor *m)
{
    if (m->stops == 0)
        say(m, "there is no breakpoint: b sets one");
    else
        search(m, m->stop, m->stops, m->doing->n > 0,
               "no breakpoint is met there");
}

/* Text for `b` to begin with: what the selected event is. */
void suggest_stop(struct monitor *m, struct text *t)
{
    struct record r;
    LOCAL_FIELDS f = fields_new();

    if (selected_record(m, &r)) {
        describe_record(m, &r, &f);
        if (f.type != NULL)
            text_printf(t, "type=%s", f.type);
        const struct field *key = fields_find(&f, "key");
        if (key != NULL) {
            text_add(t, " && key=");
            field_value(t, key, NULL);
        }
    }
}

void do_break(struct monitor *m)
{
    if (m->stops == BREAKS_MAX)
        say(m, "there are %d breakpoints; :delete N removes one", BREAKS_MAX);
    else if (condition_asked(m, &m->stop[m->stops]))
        say(m, "breakpoint %zu: %s   (c goes on to it, C back)", ++m->stops,
            m->arg);
}

void do_breaks(struct monitor *m)
{
    struct text t = text_new();

    for (size_t i = 0; i < m->stops; i++)
        text_printf(&t, " %2zu  %s\n", i + 1, m->stop[i].text);
    if (m->stops == 0)
        text_add(&t, " none: b sets one, such as  type=FIND_SUCC && hops>2\n");
    text_add(&t, " :delete N removes one\n");
    open_page(m, "breakpoints", &t);
}

void do_delete(struct monitor *m)
{
    uint64_t n;

    if (!parse_u64(m->arg, m->stops, &n) || n == 0) {
        say(m, "which? B lists the breakpoints with their numbers");
        return;
    }
    condition_free(&m->stop[n - 1]);
    memmove(&m->stop[n - 1], &m->stop[n],
            (m->stops - (size_t)n) * sizeof m->stop[0]);
    m->stop[--m->stops] = (struct condition){0};
    say(m, "breakpoint %llu removed", (unsigned long long)n);
}

void do_again(struct monitor *m)
{
    if (m->find.expr == NULL)
        say(m, "find what? / asks");
    else
        search(m, &m->find, 1, m->doing->n >= 0, "not found there");
}

void do_find(struct monitor *m)
{
    if (condition_asked(m, &m->find))
        do_again(m);
}

void forget_lists(struct monitor *m)
{
    list_forget(&m->messages);
    list_forget(&m->everything);
}

void do_filter(struct monitor *m)
{
    struct condition c = {0};

    if (*m->arg == '\0') {
        condition_free(&m->filter);
        say(m, "no filter");
    } else if (!condition_asked(m, &c)) {
        return;
    } else if (expr_needs_state(c.expr)) {
        say(m, "? a list has no state of nodes: find (/) or break (b) on that");
        condition_free(&c);
    } else {
        condition_free(&m->filter);
        m->filter = c;
        say(m, "filter: %s   (i inverts, an empty filter shows all)", m->arg);
    }
    forget_lists(m);
    look_around(m);
}

void do_invert(struct monitor *m)
{
    m->filter_inverted = !m->filter_inverted;
    forget_lists(m);
    look_around(m);
    say(m, m->filter_inverted ? "filter inverted" : "filter as it was written");
}

/* -- What is looked at -------------------------------------------------------------- */

static void select_row(struct monitor *m, struct list *l, size_t row)
{
    size_t here = list_here(m, list_now(m, l));
    size_t count = here + (l->all ? 0 : m->flight_count);
    struct record r;

    if (count == 0)
        return;
    row = row >= count ? count - 1 : row;
    m->flight_selected = row >= here ? row - here : SIZE_MAX;
    if (row < here)
        m->selected = l->at[row];
    m->field = m->byte = SIZE_MAX;
    if (selected_record(m, &r) && r.command != 0)
        m->command = r.command;
}

static void select_field(struct monitor *m, int by, bool bytes)
{
    struct record r;
    LOCAL_FIELDS f = fields_new();

    if (!selected_record(m, &r) || r.kind != RECORD_MESSAGE || r.len == 0)
        return;
    describe_record(m, &r, &f);
    if (m->field == SIZE_MAX) {
        m->field = first_field(&f);
        m->byte = f.count > 0 ? f.at[m->field].offset : 0;
    }
    if (!bytes) {
        size_t last = f.count > 0 ? f.count - 1 : 0;
        m->field = moved_by(m->field, by);
        m->field = m->field > last ? last : m->field;
        if (m->field < f.count && f.at[m->field].length > 0)
            m->byte = f.at[m->field].offset;
    } else {
        m->byte = moved_by(m->byte, by);
        m->byte = m->byte >= r.len ? r.len - 1 : m->byte;
        for (size_t i = 0; i < f.count; i++) /* the innermost is the last */
            if (m->byte >= f.at[i].offset &&
                m->byte < (size_t)f.at[i].offset + f.at[i].length)
                m->field = i;
    }
}

static void select_node(struct monitor *m, int by)
{
    size_t count = the_network(m)->count;

    if (count == 0)
        return;
    m->follow = false;
    if (m->node >= count)
        m->node = 0;
    else
        m->node = (m->node + (by < 0 ? count - 1 : 1)) % count;
    m->node_top = 0;
    say(m, "node %s; Esc follows the events again", the_node(m, m->node)->name);
}

void do_move(struct monitor *m)
{
    int by = m->doing->n;

    if (m->page.len > 0) {
        m->page_top = moved_by(m->page_top, by);
        return;
    }
    switch (m->tab) {
    case TAB_MESSAGES:
    case TAB_LOG: {
        struct list *l = m->tab == TAB_LOG ? &m->everything : &m->messages;
        select_row(m, l, moved_by(list_row(m, l), by));
        break;
    }
    case TAB_DECODE:
        select_field(m, by, false);
        break;
    case TAB_LAB:
        scroll_lab(m, by);
        break;
    case TAB_TREE:
        m->tree_row = moved_by(m->tree_row, by);
        if (m->stepper != NULL && m->tree_row >= stepper_branches(m->stepper))
            m->tree_row = stepper_branches(m->stepper) - 1;
        break;
    case TAB_NODE:
        m->node_top = moved_by(m->node_top, by);
        break;
    case TAB_PICTURE:
        select_node(m, by);
        break;
    case TABS:
        break;
    }
}

void do_side(struct monitor *m)
{
    if (m->tab == TAB_DECODE)
        select_field(m, m->doing->n, true);
    else
        select_node(m, m->doing->n);
}

void show_branch(struct monitor *m, size_t i)
{
    stepper_show(m->stepper, i);
    forget_lists(m);
    look_around(m);
    m->tree_row = i;
    say(m, "branch %s", stepper_branch(m->stepper, i)->name);
}

void do_open(struct monitor *m)
{
    struct record r;

    if (m->tab == TAB_LAB) {
        open_lab(m);
    } else if (m->tab == TAB_TREE && m->stepper != NULL) {
        show_branch(m, m->tree_row);
    } else if (m->tab == TAB_DECODE && selected_record(m, &r) &&
               m->flight_selected >= m->flight_count) {
        go_to(m, r.step);
        say_event(m);
    } else {
        m->tab = TAB_DECODE;
        if (m->zoom != TABS)
            m->zoom = m->tab;
    }
}

/* The whole screen again; an open question stays in sight. */
static void unzoom(struct monitor *m)
{
    if (lab_asks(m))
        m->lab_top = lines_of(m->lab.data); /* draw_lab knows the end */
    m->zoom = TABS;
}

/* Close the topmost thing; false when there is none. */
bool close_top(struct monitor *m)
{
    if (m->page.len > 0)
        text_clear(&m->page);
    else if (m->why_count > 0)
        m->why_count = 0;
    else if (m->zoom != TABS)
        unzoom(m);
    else
        return false;
    return true;
}

void do_close(struct monitor *m)
{
    if (close_top(m))
        return;
    m->follow = true;
    look_around(m);
    say(m, "the node shown follows the events");
}

/* Another pane: what was said of the worksheet's keys is no longer so. */
static void turn_to(struct monitor *m, enum tab tab)
{
    if (m->tab == TAB_LAB)
        text_clear(&m->say);
    m->tab = tab;
}

static void show_tab(struct monitor *m, enum tab tab)
{
    turn_to(m, tab);
    if (m->zoom != TABS || tab >= TAB_LOWER)
        m->zoom = tab;
}

void do_tab(struct monitor *m)
{
    bool all = m->zoom != TABS || m->rows < 24 || m->columns < 80;
    int count = all ? TABS : lower_tabs(m);

    turn_to(m, (enum tab)(((int)m->tab + 1) % count));
    if (m->tab == TAB_LAB && m->options->tutor == NULL)
        m->tab++;
    if (m->zoom != TABS)
        m->zoom = m->tab;
}

void do_show(struct monitor *m)
{
    size_t len = strcspn(m->arg, " ");

    for (int tab = 0; tab < TABS; tab++) {
        if (len == 0 || strncmp(m->arg, tab_name((enum tab)tab), len) != 0)
            continue;
        const char *name = m->arg + len + strspn(m->arg + len, " ");
        if (tab == TAB_NODE && *name != '\0')
            run_line(m, m->arg); /* "node n28" */
        else
            show_tab(m, (enum tab)tab);
        return;
    }
    say(m, "show what? messages decode log tree picture node");
}

void do_pane(struct monitor *m)
{
    show_tab(m, (enum tab)m->doing->n);
}

void do_zoom(struct monitor *m)
{
    for (int tab = 0; tab < TABS; tab++)
        if (strcmp(m->arg, tab_name((enum tab)tab)) == 0) {
            m->tab = m->zoom = (enum tab)tab;
            return;
        }
    if (m->zoom != TABS) {
        unzoom(m);
        if (m->tab >= TAB_LOWER)
            m->tab = TAB_MESSAGES;
    } else {
        m->zoom = m->tab;
        say(m, "TAB: the next pane; z: back");
    }
}

void do_picture(struct monitor *m)
{
    m->picture = (m->picture + 1) % picture_count(m);
}

void do_node(struct monitor *m)
{
    const struct network *n = the_network(m);
    const struct host *h = n->count > 0 ? n->by_name(n, m->arg) : NULL;

    if (strcmp(m->arg, "none") == 0) { /* nor a lookup: the bare picture */
        m->node = SIZE_MAX;
        m->command = 0;
        m->follow = false;
        return;
    }
    if (h == NULL) {
        say(m, "there is no node of that name here");
        return;
    }
    m->node = h->index;
    m->follow = false;
    m->node_top = 0;
    if (m->options->line)
        m->tab = TAB_NODE;
    say(m, "node %s; Esc follows the events again", h->name);
}

void do_pin(struct monitor *m)
{
    const struct host *h = the_node(m, m->node);

    if (h == NULL) {
        say(m, "select a node first, with left and right");
        return;
    }
    m->pinned = m->pinned == m->node ? SIZE_MAX : m->node;
    say(m,
        m->pinned == SIZE_MAX
            ? "%s is no longer pinned"
            : "%s stays in sight, as a second node (80x24: z, TAB)",
        h->name);
}

void do_mark(struct monitor *m)
{
    if (*m->arg < 'a' || *m->arg > 'z') {
        say(m, "a mark is a letter from a to z");
        return;
    }
    m->mark[*m->arg - 'a'] = the_step(m) + 1;
    m->mark_branch[*m->arg - 'a'] =
        m->stepper != NULL ? stepper_shown(m->stepper) : 0;
    say(m, "mark %c is step %llu; ' %c comes back", *m->arg,
        (unsigned long long)the_step(m), *m->arg);
}

void do_jump(struct monitor *m)
{
    if (*m->arg < 'a' || *m->arg > 'z' || m->mark[*m->arg - 'a'] == 0) {
        say(m, "there is no such mark");
        return;
    }
    if (m->stepper != NULL)
        show_branch(m, m->mark_branch[*m->arg - 'a']);
    moved(m, go_to(m, m->mark[*m->arg - 'a'] - 1), "");
}
