/*
 * Keys and commands: one table.  A key does what its command does; help, the
 * --line mode, --keys and worksheets read the same table.  A command that
 * needs words asks for them when its key is pressed.
 */
#include "common/monitor_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- Going somewhere --------------------------------------------------------- */

/* Say what the present step was, in its own words if it has some. */
static void say_event(struct monitor *m)
{
    const struct log *l = the_log(m);
    size_t i = log_of_step(l, the_step(m)), end = the_end(m);
    struct text t = text_new();

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
        if (r->kind == RECORD_NOTE)
            text_clear(&t); /* the node's own words say it better */
        else
            text_add(&t, "; ");
        record_words(m, r, &t);
    }
    say(m, "%s", t.data);
    text_free(&t);
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

static void do_step(struct monitor *m)
{
    const char *arg = m->arg;
    bool there = true;

    for (uint64_t n = count_of(arg); n > 0 && there; n--)
        there = go_forward(m);
    moved(m, there,
          m->stepper != NULL ? "this is the end of the scenario"
          : m->live != NULL  ? "nothing newer yet: this is now"
                             : "this is the end of the trace");
}

static void do_back(struct monitor *m)
{
    const char *arg = m->arg;
    uint64_t from = the_step(m);

    for (uint64_t n = count_of(arg); n > 0; n--)
        if (n == 1 || m->stepper == NULL)
            go_to(m, step_before(m));
        else
            go_to(m, from > n ? from - n : 0), n = 1;
    moved(m, from != the_step(m), "this is the beginning");
}

static void do_goto(struct monitor *m)
{
    const char *arg = m->arg;
    uint64_t step, time_us;
    bool there;

    if (parse_u64(arg, NEVER - 1, &step)) {
        there = go_to(m, step);
    } else if (parse_time(arg, &time_us)) {
        there = go_to_time(m, time_us);
    } else {
        say(m, "go where? a step like 118, or a time like 12.3s");
        return;
    }
    moved(m, there, "the run ends before that");
}

static void do_first(struct monitor *m)
{
    go_to(m, m->stepper != NULL ? 0 : step_before(m) > 0 ? 1 : the_step(m));
    moved(m, true, "");
    if (m->stepper != NULL)
        say(m, "before the first step");
}

static void do_last(struct monitor *m)
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
static void do_related(struct monitor *m)
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

static void do_run(struct monitor *m)
{
    if (m->stepper == NULL) {
        m->at = NEVER;
        look_around(m);
        say(m, "at the newest event");
        return;
    }
    m->running = !m->running;
    m->next_ms = 0;
    say(m, m->running ? "running: + and - change the speed, SPC pauses"
                      : "paused");
}

static void do_speed(struct monitor *m)
{
    int speed = (int)m->speed + m->doing->n;

    if (speed >= 0 && speed < SPEEDS)
        m->speed = (unsigned)speed;
    m->next_ms = 0;
    say(m, "%s", m->doing->name);
}

/* -- Conditions ----------------------------------------------------------------- */

static void remember_all(void *monitor)
{
    memo_take(monitor, true);
}

/* The step is over: what its nodes are now is "before" to the next. */
static void remember(struct monitor *m, const struct record *r)
{
    const struct network *n = the_network(m);
    const struct host *h = n->count > 0 ? n->by_addr(n, r->to.addr) : NULL;

    if (h != NULL)
        memo_update(m, h);
}

static bool at_stop(void *monitor, const struct record *r)
{
    struct monitor *m = monitor;
    bool hit = false, state = false;

    for (size_t i = 0; i < m->stops; i++) {
        hit = hit || condition_true(m, &m->stop[i], r);
        state = state || expr_needs_state(m->stop[i].expr);
    }
    if (state)
        remember(m, r);
    return hit;
}

static bool at_found(void *monitor, const struct record *r)
{
    struct monitor *m = monitor;
    bool hit = condition_true(m, &m->find, r);

    if (expr_needs_state(m->find.expr))
        remember(m, r);
    return hit;
}

static void do_stops(struct monitor *m)
{
    bool forward = m->doing->n > 0;
    struct search f = {.match = at_stop, .context = m};

    for (size_t i = 0; i < m->stops; i++)
        if (expr_needs_state(m->stop[i].expr))
            f.begin = remember_all;
    if (m->stops == 0)
        say(m, "there is no breakpoint: b sets one");
    else
        moved(m, go_find(m, &f, forward), "no breakpoint is met there");
}

/* Text for `b` to begin with: what the selected event is. */
static void suggest_stop(struct monitor *m, struct text *t)
{
    struct record r;
    struct fields f = fields_new();

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
    fields_free(&f);
}

static void do_break(struct monitor *m)
{
    const char *arg = m->arg;
    struct text why = text_new();

    if (m->stops == BREAKS_MAX)
        say(m, "there are %d breakpoints; :delete N removes one", BREAKS_MAX);
    else if (condition_set(&m->stop[m->stops], arg, &why))
        say(m, "breakpoint %zu: %s   (c goes on to it, C back)", ++m->stops,
            arg);
    else
        say(m, "? %s", why.data);
    text_free(&why);
}

static void do_breaks(struct monitor *m)
{
    struct text t = text_new();

    for (size_t i = 0; i < m->stops; i++)
        text_printf(&t, " %2zu  %s\n", i + 1, m->stop[i].text);
    if (m->stops == 0)
        text_add(&t, " none: b sets one, such as  type=FIND_SUCC && hops>2\n");
    text_add(&t, " :delete N removes one\n");
    open_page(m, "breakpoints", &t);
}

static void do_delete(struct monitor *m)
{
    const char *arg = m->arg;
    uint64_t n;

    if (!parse_u64(arg, m->stops, &n) || n == 0) {
        say(m, "which? B lists the breakpoints with their numbers");
        return;
    }
    condition_free(&m->stop[n - 1]);
    memmove(&m->stop[n - 1], &m->stop[n],
            (m->stops - (size_t)n) * sizeof m->stop[0]);
    m->stop[--m->stops] = (struct condition){0};
    say(m, "breakpoint %llu removed", (unsigned long long)n);
}

static void do_again(struct monitor *m)
{
    bool forward = m->doing->n >= 0;
    struct search f = {.match = at_found, .context = m};

    if (m->find.expr == NULL) {
        say(m, "find what? / asks");
        return;
    }
    if (expr_needs_state(m->find.expr))
        f.begin = remember_all;
    moved(m, go_find(m, &f, forward), "not found there");
}

static void do_find(struct monitor *m)
{
    const char *arg = m->arg;
    struct text why = text_new();

    if (condition_set(&m->find, arg, &why)) {
        do_again(m);
    } else {
        say(m, "? %s", why.data);
        m->failed = true;
    }
    text_free(&why);
}

static void forget_lists(struct monitor *m)
{
    list_forget(&m->messages);
    list_forget(&m->everything);
}

static void do_filter(struct monitor *m)
{
    const char *arg = m->arg;
    struct text why = text_new();
    struct condition c = {0};

    if (*arg == '\0') {
        condition_free(&m->filter);
        say(m, "no filter");
    } else if (!condition_set(&c, arg, &why)) {
        say(m, "? %s", why.data);
    } else if (expr_needs_state(c.expr)) {
        say(m, "? a list has no state of nodes: find (/) or break (b) on that");
        condition_free(&c);
    } else {
        condition_free(&m->filter);
        m->filter = c;
        say(m, "filter: %s   (i inverts, an empty filter shows all)", arg);
    }
    forget_lists(m);
    text_free(&why);
}

static void do_invert(struct monitor *m)
{
    m->filter_inverted = !m->filter_inverted;
    forget_lists(m);
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
    struct fields f = fields_new();

    if (!selected_record(m, &r) || r.kind != RECORD_MESSAGE || r.len == 0)
        return;
    describe_record(m, &r, &f);
    if (m->field == SIZE_MAX) {
        m->field = first_field(&f);
        m->byte = f.count > 0 ? f.at[m->field].offset : 0;
    }
    if (!bytes) {
        size_t last = f.count > 0 ? f.count - 1 : 0;
        m->field = by < 0 ? (m->field > 0 ? m->field - 1 : 0) : m->field + 1;
        m->field = m->field > last ? last : m->field;
        if (m->field < f.count && f.at[m->field].length > 0)
            m->byte = f.at[m->field].offset;
    } else {
        m->byte = by < 0 ? (m->byte > 0 ? m->byte - 1 : 0) : m->byte + 1;
        m->byte = m->byte >= r.len ? r.len - 1 : m->byte;
        for (size_t i = 0; i < f.count; i++) /* the innermost is the last */
            if (m->byte >= f.at[i].offset &&
                m->byte < (size_t)f.at[i].offset + f.at[i].length)
                m->field = i;
    }
    fields_free(&f);
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

static void do_move(struct monitor *m)
{
    int by = m->doing->n;
    size_t row, far = (size_t)(by < 0 ? -by : by);

    if (m->page.len > 0) {
        m->page_top = by < 0 ? (m->page_top > far ? m->page_top - far : 0)
                             : m->page_top + far;
        return;
    }
    switch (m->tab) {
    case TAB_MESSAGES:
    case TAB_LOG: {
        struct list *l = m->tab == TAB_LOG ? &m->everything : &m->messages;
        row = list_row(m, l);
        select_row(m, l, by < 0 ? (row > far ? row - far : 0) : row + far);
        break;
    }
    case TAB_DECODE:
        for (; far > 0; far--)
            select_field(m, by, false);
        break;
    case TAB_TREE:
        m->tree_row =
            by < 0 ? (m->tree_row > 0 ? m->tree_row - 1 : 0) : m->tree_row + 1;
        break;
    case TAB_NODE:
        m->node_top = by < 0 ? (m->node_top > far ? m->node_top - far : 0)
                             : m->node_top + far;
        break;
    case TAB_PICTURE:
        select_node(m, by);
        break;
    case TABS:
        break;
    }
}

static void do_side(struct monitor *m)
{
    if (m->tab == TAB_DECODE)
        select_field(m, m->doing->n, true);
    else
        select_node(m, m->doing->n);
}

static void show_branch(struct monitor *m, size_t i)
{
    stepper_show(m->stepper, i);
    forget_lists(m);
    look_around(m);
    m->tree_row = i;
    say(m, "branch %s", stepper_branch(m->stepper, i)->name);
}

static void do_open(struct monitor *m)
{
    struct record r;

    if (m->tab == TAB_TREE && m->stepper != NULL) {
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

/* Close the topmost thing; false when there is none. */
static bool close_top(struct monitor *m)
{
    if (m->page.len > 0)
        text_clear(&m->page);
    else if (m->why_count > 0)
        m->why_count = 0;
    else if (m->zoom != TABS)
        m->zoom = TABS;
    else
        return false;
    return true;
}

static void do_close(struct monitor *m)
{
    if (close_top(m))
        return;
    m->follow = true;
    look_around(m);
    say(m, "the node shown follows the events");
}

static void show_tab(struct monitor *m, enum tab tab)
{
    m->tab = tab;
    if (m->zoom != TABS || tab >= TAB_LOWER)
        m->zoom = tab;
}

static void do_tab(struct monitor *m)
{
    bool all = m->zoom != TABS || m->rows < 24 || m->columns < 80;
    int count = all ? TABS : TAB_LOWER;

    m->tab = (enum tab)(((int)m->tab + 1) % count);
    if (m->zoom != TABS)
        m->zoom = m->tab;
}

static void do_show(struct monitor *m)
{
    const char *arg = m->arg;
    size_t len = strcspn(arg, " ");

    for (int tab = 0; tab < TABS; tab++) {
        if (len == 0 || strncmp(arg, tab_name((enum tab)tab), len) != 0)
            continue;
        const char *name = arg + len + strspn(arg + len, " ");
        if (tab == TAB_NODE && *name != '\0')
            run_line(m, arg); /* "node n28" */
        else
            show_tab(m, (enum tab)tab);
        return;
    }
    say(m, "show what? messages decode log tree picture node");
}

static void do_pane(struct monitor *m)
{
    show_tab(m, (enum tab)m->doing->n);
}

static void do_zoom(struct monitor *m)
{
    const char *arg = m->arg;
    for (int tab = 0; tab < TABS; tab++)
        if (*arg != '\0' && strcmp(arg, tab_name((enum tab)tab)) == 0) {
            m->tab = m->zoom = (enum tab)tab;
            return;
        }
    m->zoom = m->zoom == TABS ? m->tab : TABS;
    if (m->zoom == TABS && m->tab >= TAB_LOWER)
        m->tab = TAB_MESSAGES;
    if (m->zoom != TABS)
        say(m, "TAB: the next pane; z: back");
}

static void do_picture(struct monitor *m)
{
    m->picture = (m->picture + 1) % picture_count(m);
}

static void do_node(struct monitor *m)
{
    const char *arg = m->arg;
    const struct network *n = the_network(m);
    const struct host *h = n->count > 0 ? n->by_name(n, arg) : NULL;

    if (strcmp(arg, "none") == 0) {
        m->node = SIZE_MAX;
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

static void do_pin(struct monitor *m)
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

static void do_mark(struct monitor *m)
{
    const char *arg = m->arg;
    if (*arg < 'a' || *arg > 'z') {
        say(m, "a mark is a letter from a to z");
        return;
    }
    m->mark[*arg - 'a'] = the_step(m) + 1;
    m->mark_branch[*arg - 'a'] =
        m->stepper != NULL ? stepper_shown(m->stepper) : 0;
    say(m, "mark %c is step %llu; ' %c comes back", *arg,
        (unsigned long long)the_step(m), *arg);
}

static void do_jump(struct monitor *m)
{
    const char *arg = m->arg;
    if (*arg < 'a' || *arg > 'z' || m->mark[*arg - 'a'] == 0) {
        say(m, "there is no such mark");
        return;
    }
    if (m->stepper != NULL)
        show_branch(m, m->mark_branch[*arg - 'a']);
    moved(m, go_to(m, m->mark[*arg - 'a'] - 1), "");
}

/* -- Faults ---------------------------------------------------------------------------- */

static void make_branch(struct monitor *m, const char *fault)
{
    struct text why = text_new(), card = text_new();

    m->running = false;
    if (!stepper_fork(m->stepper, fault, &why)) {
        say(m, "%s", why.data);
    } else {
        forget_lists(m);
        m->tree_row = stepper_shown(m->stepper);
        consequence(m, &card);
        say(m, "branch %s: %s; . steps on, = compares, t shows the tree",
            stepper_branch(m->stepper, stepper_shown(m->stepper))->name, fault);
        open_page(m, "what it led to", &card);
    }
    text_free(&why);
}

static void ask_yes(struct monitor *m, const char *what,
                    void (*run)(struct monitor *, const char *))
{
    free(m->pending);
    m->pending = strdup(what);
    if (m->pending == NULL)
        abort();
    m->confirmed = run;
    m->asking = ASK_YES;
}

static void ask_fault(struct monitor *m, const char *arg)
{
    if (m->stepper == NULL) {
        say(m, "only a simulation can be changed; :kill NODE stops a real one");
        return;
    }
    ask_yes(m, arg, make_branch);
    say(m, "%s: a branch of its own, run until it is quiet. [y/N]", arg);
}

/* The place of a flying message among those of its sender and receiver. */
static unsigned ordinal_of(const struct monitor *m, size_t flight)
{
    const struct record *r = &m->flight[flight];
    unsigned ordinal = 1;

    for (size_t i = 0; i < m->flight_count; i++) {
        const struct record *o = &m->flight[i];
        if (i != flight && addr_equal(o->from.addr, r->from.addr) &&
            addr_equal(o->to.addr, r->to.addr) &&
            (o->sent_us < r->sent_us ||
             (o->sent_us == r->sent_us && i < flight)))
            ordinal++;
    }
    return ordinal;
}

/* A message that has arrived is caught just before it did. */
static bool catch_message(struct monitor *m)
{
    struct record r;

    if (m->flight_selected < m->flight_count)
        return true;
    if (!selected_record(m, &r) || r.kind != RECORD_MESSAGE) {
        say(m, "select a message first: up and down, in pane 1");
        return false;
    }
    uint64_t time_us = r.time_us, sent_us = r.sent_us;
    struct addr from = r.from.addr, to = r.to.addr;
    go_to(m, r.step - 1);
    for (size_t i = 0; i < m->flight_count; i++) {
        const struct record *o = &m->flight[i];
        if (o->time_us == time_us && o->sent_us == sent_us &&
            addr_equal(o->from.addr, from) && addr_equal(o->to.addr, to)) {
            m->flight_selected = i;
            return true;
        }
    }
    say(m, "that message cannot be caught any more");
    return false;
}

static void fault_message(struct monitor *m, const char *verb,
                          const char *detail)
{
    struct text t = text_new(), words = text_new();

    if (m->stepper == NULL) {
        say(m, "only the messages of a simulation can be caught");
    } else if (catch_message(m)) {
        const struct record *r = &m->flight[m->flight_selected];
        text_printf(&t, "%s %s %s %u", verb, r->from.name, r->to.name,
                    ordinal_of(m, m->flight_selected));
        if (*detail != '\0')
            text_printf(&t, " %s", detail);
        ask_yes(m, t.data, make_branch);
        record_words(m, r, &words);
        say(m, "%s %s%s: in a branch, until it is quiet. [y/N]", verb,
            words.data, detail);
    }
    text_free(&t);
    text_free(&words);
}

static void do_message(struct monitor *m)
{
    uint64_t time_us;

    if (m->doing->args != NULL && !parse_time(m->arg, &time_us))
        say(m, "delay by how much? a time like 2s or 250ms");
    else
        fault_message(m, m->doing->name, m->arg);
}

static void kill_real(struct monitor *m, const char *name)
{
    struct host *h = the_network(m)->by_name(the_network(m), name);

    if (h != NULL)
        live_kill(m->live, h);
    say(m, "%s was killed", name);
}

static void do_to_node(struct monitor *m)
{
    const char *verb = m->doing->name, *name = m->arg;
    const struct host *h = the_node(m, m->node);
    struct text t = text_new();

    if (*name != '\0')
        h = the_network(m)->by_name(the_network(m), name);
    if (h == NULL) {
        say(m, "which node? left and right select one");
    } else if (m->live != NULL && strcmp(verb, "crash") == 0) {
        ask_yes(m, h->name, kill_real);
        say(m, "kill the real node %s? [y/N]", h->name);
    } else {
        text_printf(&t, "%s %s", verb, h->name);
        ask_fault(m, t.data);
    }
    text_free(&t);
}

static void do_fault(struct monitor *m)
{
    ask_fault(m, m->arg);
}

static void do_partition(struct monitor *m)
{
    const char *arg = m->arg;
    struct text t = text_new();

    text_printf(&t, "partition %s", arg);
    ask_fault(m, t.data);
    text_free(&t);
}

static void suggest_partition(struct monitor *m, struct text *t)
{
    const struct network *n = the_network(m);
    const struct host *h = the_node(m, m->node);

    for (size_t i = 0; i < n->count && h != NULL; i++)
        if (n->host[i] != h) {
            text_printf(t, "%s | %s", n->host[i]->name, h->name);
            return;
        }
}

static void do_faults(struct monitor *m)
{
    struct text t = text_new();

    text_add(&t,
             " x  drop the selected message         d  delay it      D  "
             "duplicate it\n"
             " K  crash the selected node           R  restart it\n"
             " P  partition: who hears whom no more\n"
             " :deliver        the selected message now, before all others\n"
             " :fault ACTION   any line of a scenario, at this step:\n"
             "                 vanish n32   leave n32   heal   n80 lookup 7\n"
             " Each makes a branch; the run it was is kept: t shows all.\n");
    open_page(m, "faults", &t);
}

/* -- Branches, causes, export --------------------------------------------------------------- */

static size_t branch_named(const struct monitor *m, const char *name)
{
    for (size_t i = 0; m->stepper != NULL && i < stepper_branches(m->stepper);
         i++)
        if (strcmp(stepper_branch(m->stepper, i)->name, name) == 0)
            return i;
    return SIZE_MAX;
}

static void do_branch(struct monitor *m)
{
    const char *arg = m->arg;
    size_t i = branch_named(m, arg);

    if (i == SIZE_MAX) {
        say(m, "there is no branch of that name; t shows them");
        return;
    }
    show_branch(m, i);
}

static void do_compare(struct monitor *m)
{
    const char *arg = m->arg;
    struct text t = text_new();
    char name[2][20] = {"", ""};
    size_t shown = m->stepper != NULL ? stepper_shown(m->stepper) : 0;

    if (m->stepper == NULL || stepper_branches(m->stepper) < 2) {
        say(m, "there is one branch only: a fault (f) makes another");
        return;
    }
    sscanf(arg, "%19s %19s", name[0], name[1]);
    size_t b = *name[0] != '\0' ? branch_named(m, name[0]) : shown;
    size_t a = *name[1] != '\0' ? branch_named(m, name[1])
               : b == SIZE_MAX  ? b
               : b == 0         ? 1
                                : stepper_branch(m->stepper, b)->parent;
    if (a == SIZE_MAX || b == SIZE_MAX) {
        say(m, "there is no branch of that name; t shows them");
        return;
    }
    if (*name[1] == '\0' && b == 0) { /* from main: the first child */
        b = a;
        a = 0;
    }
    compare_branches(m, a, b, &t);
    open_page(m, "comparison", &t);
}

static void do_why(struct monitor *m)
{
    const struct log *l = the_log(m);
    struct text t = text_new();
    struct record r;

    if (m->why_count > 0 && !m->options->line) {
        m->why_count = 0;
        say(m, "everything again");
        return;
    }
    if (!selected_record(m, &r)) {
        say(m, "select an event first");
        return;
    }
    find_causes(m, &r);
    if (m->options->line) {
        for (size_t i = 0; i < m->why_count; i++) {
            size_t n = log_of_step(l, m->why[i]);
            if (n >= log_end(l))
                continue;
            text_printf(&t, " step %llu ", (unsigned long long)m->why[i]);
            record_words(m, log_at(l, n), &t);
            text_char(&t, '\n');
        }
        open_page(m, "why", &t);
        return;
    }
    text_add(&t, "why: step");
    for (size_t i = 0; i < m->why_count && t.len < 50; i++)
        text_printf(&t, "%s %llu", i > 0 ? " <-" : "",
                    (unsigned long long)m->why[i]);
    say(m, "%s%s   (* marks them; w again: all)", t.data,
        m->why_count == 1 ? ", which nothing in the record caused" : "");
    text_free(&t);
}

static void do_value(struct monitor *m)
{
    const char *arg = m->arg;
    struct text value = text_new();
    struct record r;

    m->failed |= !selected_record(m, &r) || !record_value(m, &r, arg, &value);
    say(m, "%s", value.len > 0 ? value.data : "the event has no such field");
    text_free(&value);
}

static void do_check(struct monitor *m)
{
    struct findings f = {0};
    struct text t = text_new();

    if (the_network(m)->count == 0) {
        say(m, "a trace holds messages, not state");
        return;
    }
    m->protocol->check(the_network(m), &f);
    for (size_t i = 0; i < f.count; i++)
        text_printf(&t, " %-28s %s %s\n", f.at[i].name,
                    f.at[i].holds ? "holds" : "BROKEN:", f.at[i].why.data);
    m->failed |= !findings_hold(&f);
    findings_free(&f);
    open_page(m, "invariants", &t);
}

static void do_export(struct monitor *m)
{
    const char *arg = m->arg;
    struct text why = text_new();

    if (export_file(m, arg, &why))
        say(m, "written: %s", arg);
    else
        say(m, "%s", why.data);
    text_free(&why);
}

/* -- All ---------------------------------------------------------------------------------------- */

static void do_command(struct monitor *m)
{
    run_line(m, m->arg);
}

static void do_help(struct monitor *m)
{
    static const char *const about[TABS] = {
        "messages: what was sent, and what is IN FLIGHT; Enter decodes",
        "decode: each field beside its bytes; up/down fields, left/right bytes",
        "log: everything that happened: timers, notes and results too",
        "tree: branches and where they part; Enter shows one; @ is here",
        "picture: left/right select a node; v is another picture",
        "node: what it knows; ~ changed by this step"};
    struct text t = text_new();

    text_printf(&t, " %s\n\n", about[m->tab]);
    for (const struct key_command *c = key_commands; c->name != NULL; c++) {
        struct text name = text_new();
        text_printf(&name, ":%s%s%s", c->name, c->args != NULL ? " " : "",
                    c->args != NULL ? c->args : "");
        const char *keys = strcmp(c->keys, "<lt>") == 0 ? "<" : c->keys;
        text_printf(&t, " %-12s %-21s %s\n", keys, name.data, c->help);
        text_free(&name);
    }
    open_page(m, "help", &t);
}

static void leave(struct monitor *m, const char *arg)
{
    (void)arg;
    m->quit = true;
}

static void do_quit(struct monitor *m)
{
    if (m->options->line) {
        m->quit = true;
    } else if (!close_top(m)) {
        ask_yes(m, "", leave);
        say(m, "quit? [y/N]");
    }
}

const struct key_command key_commands[] = {
    {"?", "help", NULL, 0, 0, "this page", do_help},
    {".", "step", "[N]", 0, 0, "one event forward", do_step},
    {",", "back", "[N]", 0, 0, "one event back", do_back},
    {">", "next", NULL, 0, 1, "next event of this lookup, or node", do_related},
    {"<lt>", "previous", NULL, 0, -1, "its previous event", do_related},
    {"<Space>", "run", NULL, 0, 0, "run, and pause", do_run},
    {"+", "faster", NULL, 0, 1, "run faster", do_speed},
    {"-", "slower", NULL, 0, -1, "run slower", do_speed},
    {"g", "goto", "STEP|TIME", ASK_LINE, 0, "to 118, or to 12.3s", do_goto},
    {"<Home>", "first", NULL, 0, 0, "before the first step", do_first},
    {"<End>", "last", NULL, 0, 0, "to the end", do_last},
    {"c", "continue", NULL, 0, 1, "on to a breakpoint", do_stops},
    {"C", "reverse", NULL, 0, -1, "back to a breakpoint", do_stops},
    {"b", "break", "EXPR", ASK_LINE, 0, "set a breakpoint", do_break},
    {"B", "breaks", NULL, 0, 0, "list the breakpoints", do_breaks},
    {"", "delete", "N", 0, 0, "remove a breakpoint", do_delete},
    {"k <Up>", "up", NULL, 0, -1, "the line above", do_move},
    {"j <Down>", "down", NULL, 0, 1, "the line below", do_move},
    {"h <Left>", "left", NULL, 0, -1, "the node, or byte, before", do_side},
    {"l <Right>", "right", NULL, 0, 1, "the node, or byte, behind", do_side},
    {"<PageUp>", "pageup", NULL, 0, -8, "eight lines up", do_move},
    {"<PageDown>", "pagedown", NULL, 0, 8, "eight lines down", do_move},
    {"<Enter>", "open", NULL, 0, 0, "open what is selected", do_open},
    {"<Esc>", "close", NULL, 0, 0, "close; follow the events", do_close},
    {"<Tab>", "tab", NULL, 0, 0, "the next pane", do_tab},
    {"1", "messages", NULL, 0, TAB_MESSAGES, "pane 1: messages", do_pane},
    {"2", "decode", NULL, 0, TAB_DECODE, "pane 2: fields and bytes", do_pane},
    {"3", "log", NULL, 0, TAB_LOG, "pane 3: everything", do_pane},
    {"4 t", "tree", NULL, 0, TAB_TREE, "pane 4: branches", do_pane},
    {"z", "zoom", "[PANE]", 0, 0, "one pane on the whole screen", do_zoom},
    {"v", "picture", NULL, 0, 0, "another picture", do_picture},
    {"o", "pin", NULL, 0, 0, "keep this node in sight", do_pin},
    {"", "node", "NAME|none", 0, 0, "show this node", do_node},
    {"", "show", "PANE", 0, 0, "messages, decode ... picture, node", do_show},
    {"/", "find", "EXPR", ASK_LINE, 0, "the next event that is so", do_find},
    {"", "until", "EXPR", 0, 0, "the same, for worksheets", do_find},
    {"n", "again", NULL, 0, 1, "find the next", do_again},
    {"N", "againback", NULL, 0, -1, "find the one before", do_again},
    {"\\", "filter", "[EXPR]", ASK_LINE, 0, "list only what is so", do_filter},
    {"i", "invert", NULL, 0, 0, "list only what is not so", do_invert},
    {"m", "mark", "LETTER", ASK_LETTER, 0, "mark this step", do_mark},
    {"'", "jump", "LETTER", ASK_LETTER, 0, "go to a mark", do_jump},
    {"f", "faults", NULL, 0, 0, "what can go wrong", do_faults},
    {"x", "drop", NULL, 0, 0, "lose the selected message", do_message},
    {"d", "delay", "TIME", ASK_LINE, 0, "delay it", do_message},
    {"D", "duplicate", NULL, 0, 0, "let it arrive twice", do_message},
    {"", "deliver", NULL, 0, 0, "let it arrive now", do_message},
    {"K", "crash", "[NODE]", 0, 0, "crash the selected node", do_to_node},
    {"R", "restart", "[NODE]", 0, 0, "start it again, empty", do_to_node},
    {"P", "partition", "A,B | C", ASK_LINE, 0, "cut the network", do_partition},
    {"", "fault", "ACTION", 0, 0, "any scenario line, now", do_fault},
    {"=", "compare", "[A B]", 0, 0, "compare two branches", do_compare},
    {"", "branch", "NAME", 0, 0, "show another branch", do_branch},
    {"w", "why", NULL, 0, 0, "what caused the selected event", do_why},
    {"", "value", "FIELD", 0, 0, "a field of the selected event", do_value},
    {"", "check", NULL, 0, 0, "do the invariants hold?", do_check},
    {"e", "export", "FILE", ASK_LINE, 0, ".txt .svg .mmd .dot .pcapng .scn",
     do_export},
    {":", "command", "LINE", ASK_LINE, 0, "type a command", do_command},
    {"q", "quit", NULL, 0, 0, "close the topmost; at last quit", do_quit},
    {NULL, NULL, NULL, 0, 0, NULL, NULL}};

void suggest(struct monitor *m, const struct key_command *c, struct text *t)
{
    if (c->run == do_break)
        suggest_stop(m, t);
    else if (c->run == do_partition)
        suggest_partition(m, t);
    else if (c->run == do_filter && m->filter.text != NULL)
        text_add(t, m->filter.text);
}

/* -- Lines and keys -------------------------------------------------------------------------- */

void run_command(struct monitor *m, const struct key_command *c,
                 const char *arg)
{
    m->doing = c;
    m->arg = arg;
    c->run(m);
}

void run_line(struct monitor *m, const char *line)
{
    line += strspn(line, " \t:");
    size_t len = strcspn(line, " \t");
    const char *arg = line + len + strspn(line + len, " \t");
    const char *names[128];
    size_t count = 0;
    char word[24] = "";

    if (len == 0)
        return;
    for (const struct key_command *c = key_commands; c->name != NULL; c++) {
        if (count < 128)
            names[count++] = c->name;
        if (strlen(c->name) != len || strncmp(c->name, line, len) != 0)
            continue;
        if (*arg == '\0' && c->args != NULL && c->args[0] != '[')
            say(m, "%s needs: %s", c->name, c->args);
        else
            run_command(m, c, arg);
        return;
    }
    memcpy(word, line, len < sizeof word ? len : sizeof word - 1);
    const char *near = nearest_word(word, names, count);
    m->failed = true;
    say(m, "there is no command '%s'%s%s; ? lists them", word,
        near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static const struct {
    const char *name;
    int key;
} named_keys[] = {{"<Space>", ' '},
                  {"<Tab>", '\t'},
                  {"<Enter>", '\n'},
                  {"<Esc>", 27},
                  {"<BS>", 8},
                  {"<Up>", SCREEN_UP},
                  {"<Down>", SCREEN_DOWN},
                  {"<Left>", SCREEN_LEFT},
                  {"<Right>", SCREEN_RIGHT},
                  {"<Home>", SCREEN_HOME},
                  {"<End>", SCREEN_END},
                  {"<PageUp>", SCREEN_PAGE_UP},
                  {"<PageDown>", SCREEN_PAGE_DOWN},
                  {"<lt>", '<'}};

void key_name(struct text *t, int key)
{
    char c = (char)key;

    for (size_t i = 0; i < sizeof named_keys / sizeof named_keys[0]; i++)
        if (named_keys[i].key == key) {
            text_add(t, named_keys[i].name);
            return;
        }
    text_safe(t, &c, 1);
}

int next_key(const char **s)
{
    if (**s == '\0')
        return SCREEN_NONE;
    if (**s != '<')
        return (unsigned char)*(*s)++;
    for (size_t i = 0; i < sizeof named_keys / sizeof named_keys[0]; i++) {
        size_t len = strlen(named_keys[i].name);
        if (strncmp(*s, named_keys[i].name, len) == 0) {
            *s += len;
            return named_keys[i].key;
        }
    }
    return SCREEN_NONE;
}

const struct key_command *command_of_key(int key)
{
    for (const struct key_command *c = key_commands; c->name != NULL; c++) {
        const char *keys = c->keys;
        while (*keys != '\0') {
            if (next_key(&keys) == key)
                return c;
            keys += *keys == ' ';
        }
    }
    return NULL;
}
