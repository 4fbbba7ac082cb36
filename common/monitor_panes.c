/*
 * Drawing: each pane from what is looked at.  Panes read the model and draw;
 * they change nothing but how far they are scrolled and where the cursor is.
 *
 * Every state has a character as well as an attribute: '>' the selected
 * line, '~' changed by the present step, '*' a cause of the selected event.
 */
#include "common/monitor_core.h"

#include <stdlib.h>
#include <string.h>

#include "common/output.h"

#define HEX_COLUMNS 38         /* |0000 8 bytes and their letters */
#define HEX_WIDE 70            /* with 16 bytes */
#define PATH_SCAN_MAX 4096     /* records looked through for a lookup */
#define CHECKED_NODES_MAX 1000 /* above, only :check asks the invariants */

static const char *const tab_names[TABS] = {
    "messages", "decode", "log", "tree", "lab", "picture", "node"};

const char *tab_name(enum tab tab)
{
    return tab_names[tab];
}

/* -- Records in words --------------------------------------------------------- */

void describe_record(const struct monitor *m, const struct record *r,
                     struct fields *f)
{
    if (r->kind == RECORD_MESSAGE)
        message_fields(m->protocol, r, f);
}

static void name_of(const struct monitor *m, const struct endpoint *e,
                    struct text *t)
{
    struct namer names = the_names(m);

    endpoint_text(t, e, &names);
}

/* The type of a record, for the column "message". */
static void type_of(const struct record *r, const struct fields *f,
                    struct text *t)
{
    bool failed = r->kind == RECORD_RESULT && !r->ok;

    if (r->kind == RECORD_MESSAGE)
        text_add(t, f->type != NULL ? f->type : "?");
    else
        text_add(t, failed ? "failed" : record_kind_name[r->kind]);
}

/* What else there is to say of it: of a message the first fields, as many as
   go into `room` columns. */
static void info_of(const struct monitor *m, const struct record *r,
                    const struct fields *f, size_t room, struct text *t)
{
    struct namer names = the_names(m);

    if (r->kind == RECORD_MESSAGE)
        fields_first(t, f, &names, room);
    else if (r->text != NULL)
        text_safe(t, r->text, strlen(r->text));
    if (r->kind == RECORD_RESULT && r->fields != NULL) {
        text_add(t, ": ");
        fields_line(t, r->fields, &names);
    }
}

static void title_of(struct monitor *m, const struct record *r,
                     const struct fields *f, struct text *t)
{
    if (r->kind == RECORD_MESSAGE) {
        name_of(m, &r->from, t);
        text_add(t, " -> ");
    }
    name_of(m, &r->to, t);
    if (r->kind != RECORD_NOTE) {
        text_char(t, ' ');
        type_of(r, f, t);
    }
}

void record_title(struct monitor *m, const struct record *r, struct text *t)
{
    LOCAL_FIELDS f = fields_new();

    describe_record(m, r, &f);
    title_of(m, r, &f, t);
}

void record_words(struct monitor *m, const struct record *r, struct text *t)
{
    LOCAL_FIELDS f = fields_new();

    describe_record(m, r, &f);
    title_of(m, r, &f, t);
    text_add(t, r->kind == RECORD_NOTE ? ": " : " ");
    if (r->why != NULL)
        text_printf(t, "(%s) ", r->why);
    info_of(m, r, &f, SIZE_MAX, t);
    while (t->len > 0 && t->data[t->len - 1] == ' ')
        t->data[--t->len] = '\0';
}

bool record_value(struct monitor *m, const struct record *r, const char *name,
                  struct text *t)
{
    LOCAL_FIELDS f = fields_new();
    struct namer names = the_names(m);
    size_t before = t->len;

    describe_record(m, r, &f);
    const struct field *field = fields_find(&f, name);
    if (strcmp(name, "type") == 0)
        type_of(r, &f, t);
    else if (strcmp(name, "from") == 0)
        name_of(m, &r->from, t);
    else if (strcmp(name, "to") == 0)
        name_of(m, &r->to, t);
    else if (field != NULL)
        field_value(t, field, &names);
    return t->len > before;
}

/* -- Title ---------------------------------------------------------------------- */

static void mode_words(const struct monitor *m, struct text *t)
{
    static const char *const speeds[SPEEDS] = {"0.01", "0.03", "0.1", "0.3",
                                               "1",    "3",    "10"};

    if (m->trace != NULL || (m->live != NULL && m->at != NEVER))
        text_add(t, "REPLAY");
    else if (m->live != NULL)
        text_add(t, "LIVE");
    else if (m->running)
        text_printf(t, "RUN x%s", speeds[m->speed]);
    else if (stepper_ended(m->stepper) && the_step(m) == last_step(m))
        text_add(t, "PAUSED at the end");
    else
        text_add(t, "PAUSED");
}

/* Where we are; on a narrow screen less of it: level 0 is all. */
static void where_words(const struct monitor *m, int level, struct text *t)
{
    unsigned long long step = the_step(m), last = last_step(m);
    unsigned long long ms = the_time(m) / 1000;
    const struct stepper *s = m->stepper;

    text_printf(t, " %s | %s", m->protocol->name, m->shown_name);
    if (s != NULL && level < 1)
        text_printf(t, " | seed %llu",
                    (unsigned long long)sim_scenario(stepper_sim(s))->seed);
    if (level < 3)
        text_printf(t, " | t=%llu.%03llu", ms / 1000, ms % 1000);
    text_printf(t, " | step %llu", step);
    if (last > step && level < 2)
        text_printf(t, "/%llu", last);
    if (s != NULL && level < 4)
        text_printf(t, " | @%s", stepper_branch(s, stepper_shown(s))->name);
}

void draw_title(struct monitor *m, const struct pane *p)
{
    LOCAL_TEXT t = text_new(), mode = text_new();

    mode_words(m, &mode);
    int right = p->columns - (int)mode.len - 1;
    for (int level = 0; level <= 4; level++) {
        text_clear(&t);
        where_words(m, level, &t);
        if ((int)t.len < right)
            break;
    }
    pane_fill(p, 0, ' ', ATTR_REVERSE);
    pane_text(p, 0, 0, ATTR_REVERSE, t.data);
    pane_text(p, 0, right - 1, ATTR_REVERSE, " ");
    pane_text(p, 0, right, ATTR_REVERSE | ATTR_BOLD, mode.data);
}

size_t picture_count(const struct monitor *m)
{
    size_t n = 0;

    while (m->program->pictures[n].name != NULL)
        n++;
    return n + 1; /* and the messages, which every program has */
}

static const char *picture_name(const struct monitor *m)
{
    bool messages = m->trace != NULL || m->picture + 1 == picture_count(m);

    return messages ? "who talks to whom"
                    : m->program->pictures[m->picture].name;
}

void tab_title(struct monitor *m, enum tab tab, struct text *t)
{
    const struct network *n = the_network(m);
    const struct host *h = the_node(m, m->node);
    size_t up = 0;

    if (tab == TAB_PICTURE) {
        for (size_t i = 0; i < n->count; i++)
            up += network_node(n->host[i], m->protocol) != NULL;
        text_add(t, picture_name(m));
        if (n->count > 0)
            text_printf(t, ", %zu node%s", up, up == 1 ? "" : "s");
    } else if (tab == TAB_NODE) {
        text_printf(t, "node%s%s", h != NULL ? " " : "",
                    h != NULL ? h->name : "");
        if (m->live != NULL && m->at != NEVER)
            text_add(t, " (as it is now)");
    } else {
        text_add(t, tab_names[tab]);
        if ((tab == TAB_MESSAGES || tab == TAB_LOG) && m->filter.expr != NULL)
            text_printf(t, " (%s%s)", m->filter_inverted ? "not " : "",
                        m->filter.text);
    }
}

/* -- Messages and log --------------------------------------------------------------- */

/* The first row to show, so that the cursor's row is in sight. */
static size_t scroll(size_t row, size_t count, int rows)
{
    size_t height = rows > 0 ? (size_t)rows : 1;

    if (count <= height)
        return 0;
    /* Leave a third of the pane for what comes next. */
    size_t top =
        row + height / 3 + 1 > height ? row + height / 3 + 1 - height : 0;
    return top + height > count ? count - height : top;
}

static uint8_t row_attr(const struct monitor *m, const struct record *r,
                        bool cursor)
{
    uint8_t attr = ATTR_NORMAL;

    if (m->why_count > 0)
        attr = is_cause(m, r->step) ? ATTR_BOLD : ATTR_DIM;
    return cursor ? attr | ATTR_REVERSE : attr;
}

/* '>' the cursor's row, '*' a cause of the selected event. */
static void put_mark(const struct monitor *m, const struct pane *p, int row,
                     const struct record *r, bool cursor)
{
    if (cursor || is_cause(m, r->step))
        pane_put(p, row, 0, cursor ? '>' : '*', row_attr(m, r, cursor));
}

static void place_cursor(struct monitor *m, enum tab tab, const struct pane *p,
                         int row, int column)
{
    if (m->tab != tab)
        return;
    m->cursor_row = p->row + row;
    m->cursor_column = p->column + column;
}

static void put_time(const struct pane *p, int row, int column, uint8_t attr,
                     uint64_t time_us)
{
    pane_printf(p, row, column, attr, "%5llu.%03llu",
                (unsigned long long)(time_us / 1000000),
                (unsigned long long)(time_us / 1000 % 1000));
}

/* Where the columns of the message list begin; 0: left out. */
struct columns {
    int time, from, to, name, type, info, state;
    bool brief; /* the state in three letters */
};

static struct columns columns_of(int columns)
{
    if (columns >= 96)
        return (struct columns){8, 19, 30, 10, 41, 55, columns - 10, false};
    if (columns >= 72)
        return (struct columns){7, 17, 25, 7, 33, 47, columns - 9, false};
    return (struct columns){0,           8,   15, 6, 22, columns >= 54 ? 36 : 0,
                            columns - 4, true};
}

/* A name; of one that is too long the end, which tells addresses apart. */
static void put_name(const struct monitor *m, const struct pane *p, int row,
                     int column, uint8_t attr, int width,
                     const struct endpoint *e)
{
    LOCAL_TEXT t = text_new();

    name_of(m, e, &t);
    size_t skip = t.len > (size_t)width ? t.len - (size_t)width : 0;
    pane_text(p, row, column, attr, t.data + skip);
}

static void draw_message(struct monitor *m, const struct pane *p, int row,
                         const struct record *r, bool flying, bool cursor)
{
    struct columns c = columns_of(p->columns);
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT t = text_new();
    uint8_t attr = row_attr(m, r, cursor);
    bool message = r->kind == RECORD_MESSAGE;
    const char *state = r->why != NULL ? (c.brief ? "x" : "dropped")
                        : flying       ? (c.brief ? "FLY" : "IN FLIGHT")
                        : c.brief      ? ""
                                       : "delivered";

    describe_record(m, r, &f);
    pane_fill(p, row, ' ', attr);
    put_mark(m, p, row, r, cursor);
    if (!flying)
        pane_printf(p, row, 1, attr, "%6llu", (unsigned long long)r->step);
    if (c.time > 0)
        put_time(p, row, c.time, attr, r->time_us);
    if (message)
        put_name(m, p, row, c.from, attr, c.name, &r->from);
    put_name(m, p, row, c.to, attr, c.name, &r->to);
    type_of(r, &f, &t);
    pane_fit(p, row, c.type, 14, attr, t.data);
    text_clear(&t);
    int room = (message ? c.state : p->columns) - c.info - 1;
    info_of(m, r, &f, (size_t)room, &t);
    if (c.info > 0)
        pane_fit(p, row, c.info, room, attr, t.data);
    if (message)
        pane_text(p, row, c.state, attr | (flying ? ATTR_CYAN : 0), state);
}

static void draw_messages(struct monitor *m, const struct pane *p)
{
    const struct list *l = list_now(m, &m->messages);
    size_t here = list_here(m, l), row = list_row(m, &m->messages);
    size_t count = here + m->flight_count;
    size_t top = scroll(row, count, p->rows - 1);
    struct columns c = columns_of(p->columns);

    pane_text(p, 0, 3, ATTR_DIM, "step");
    pane_text(p, 0, c.time > 0 ? c.time + 5 : p->columns, ATTR_DIM, "t(s)");
    pane_text(p, 0, c.from, ATTR_DIM, "from");
    pane_text(p, 0, c.to, ATTR_DIM, "to");
    pane_text(p, 0, c.type, ATTR_DIM, "message");
    pane_text(p, 0, c.info > 0 ? c.info : p->columns, ATTR_DIM, "fields");
    pane_text(p, 0, c.brief ? p->columns : c.state, ATTR_DIM, "state");
    if (count == 0)
        pane_text(p, 1, 1, 0, "nothing yet: . goes one event on");
    for (int i = 1; i < p->rows && top < count; i++, top++) {
        bool flying = top >= here;
        const struct record *r =
            flying ? &m->flight[top - here] : log_at(the_log(m), l->at[top]);
        draw_message(m, p, i, r, flying, top == row);
        if (top == row)
            place_cursor(m, TAB_MESSAGES, p, i, 0);
    }
}

static void draw_log(struct monitor *m, const struct pane *p)
{
    const struct list *l = list_now(m, &m->everything);
    size_t here = list_here(m, l), row = list_row(m, &m->everything);
    size_t top = scroll(row, here, p->rows);
    struct namer names = the_names(m);
    LOCAL_TEXT t = text_new();

    if (here == 0)
        pane_text(p, 0, 1, 0, "nothing yet: . goes one event on");
    for (int i = 0; i < p->rows && top < here; i++, top++) {
        const struct record *r = log_at(the_log(m), l->at[top]);
        uint8_t attr = row_attr(m, r, top == row);
        text_clear(&t);
        output_record(&t, OUTPUT_TEXT, m->protocol, r, &names);
        t.data[strcspn(t.data, "\n")] = '\0';
        pane_fill(p, i, ' ', attr);
        put_mark(m, p, i, r, top == row);
        pane_fit(p, i, 1, p->columns - 1, attr, t.data);
        if (top == row)
            place_cursor(m, TAB_LOG, p, i, 0);
    }
}

/* -- Decode ---------------------------------------------------------------------------- */

static void draw_fields(struct monitor *m, const struct pane *p,
                        const struct fields *f)
{
    struct namer names = the_names(m);
    size_t top = scroll(m->field, f->count, p->rows - 1);

    for (int row = 1; row < p->rows && top < f->count; row++, top++) {
        const struct field *field = &f->at[top];
        bool cursor = top == m->field;
        uint8_t attr = cursor ? ATTR_REVERSE : ATTR_NORMAL;
        LOCAL_TEXT t = text_new(), where = text_new();

        bool group = field->kind == FIELD_GROUP || field->kind == FIELD_LIST;
        text_printf(&t, "%c %*s%-10s ",
                    cursor  ? '>'
                    : group ? 'v'
                            : ' ',
                    2 * (int)field->depth, "", field->name);
        field_value(&t, field, &names);
        if (field->length == 1)
            text_printf(&where, "byte %u", field->offset);
        else if (field->length > 1)
            text_printf(&where, "bytes %u-%u", field->offset,
                        field->offset + field->length - 1);
        pane_fill(p, row, ' ', attr);
        int column = p->columns;
        if (where.len > 0)
            column -= (int)where.len + 4;
        pane_fit(p, row, 0, column, attr, t.data);
        if (where.len > 0)
            pane_printf(p, row, column, attr, cursor ? " [%s]" : "  %s ",
                        where.data);
        if (cursor)
            place_cursor(m, TAB_DECODE, p, row, 0);
    }
}

static void draw_hex(const struct monitor *m, const struct pane *p,
                     const struct record *r, const struct field *field,
                     int per_row)
{
    size_t lines = (r->len + (size_t)per_row - 1) / (size_t)per_row;
    size_t line = scroll(m->byte / (size_t)per_row, lines, p->rows);
    bool letters = p->columns >= 5 + 4 * per_row;
    size_t first = field != NULL ? field->offset : 0;
    size_t end = field != NULL ? first + field->length : 0;

    for (int row = 0; row < p->rows && line < lines; row++, line++) {
        size_t start = line * (size_t)per_row;
        pane_printf(p, row, 0, ATTR_DIM, "%04zx", start);
        for (int i = 0; i < per_row && start + (size_t)i < r->len; i++) {
            size_t at = start + (size_t)i;
            bool in = at >= first && at < end;
            uint8_t attr = at == m->byte && m->tab == TAB_DECODE ? ATTR_REVERSE
                           : in ? ATTR_BOLD | ATTR_YELLOW
                                : ATTR_NORMAL;
            if (in && (at == first || i == 0))
                pane_put(p, row, 4 + 3 * i, '[', ATTR_NORMAL);
            pane_printf(p, row, 5 + 3 * i, attr, "%02x", r->data[at]);
            if (in && (at + 1 == end || i + 1 == per_row || at + 1 == r->len))
                pane_put(p, row, 7 + 3 * i, ']', ATTR_NORMAL);
            if (letters)
                pane_put(p, row, 5 + 3 * per_row + i, (char)r->data[at], attr);
        }
    }
}

size_t first_field(const struct fields *f)
{
    size_t i = 0;

    while (i + 1 < f->count && f->at[i].minor)
        i++;
    return i;
}

static void draw_decode(struct monitor *m, const struct pane *p)
{
    struct record r;
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT t = text_new();

    if (!selected_record(m, &r) || r.kind != RECORD_MESSAGE) {
        if (log_end(the_log(m)) > log_first(the_log(m)) &&
            selected_record(m, &r))
            record_words(m, &r, &t);
        pane_text(p, 0, 1, ATTR_BOLD, t.data);
        place_cursor(m, TAB_DECODE, p, 0, 0);
        if (t.len > 0 && r.kind == RECORD_RESULT && r.fields != NULL)
            draw_fields(m, p, r.fields);
        else
            pane_text(p, 1, 1, ATTR_DIM, "no bytes here: select a message");
        return;
    }
    describe_record(m, &r, &f);
    bool beside = p->columns >= 79;
    int hex = p->columns >= 120 ? HEX_WIDE : HEX_COLUMNS;
    int per_row = hex == HEX_WIDE || (!beside && p->columns >= 54) ? 16 : 8;
    struct pane left = *p, right;

    if (beside) {
        left = pane_part(p, 0, 0, p->rows, p->columns - hex - 1);
        right = pane_part(p, 0, p->columns - hex, p->rows, hex);
        for (int i = 0; i < p->rows; i++)
            pane_put(p, i, p->columns - hex - 1, '|', ATTR_FRAME);
    } else {
        int rows = p->rows - (p->rows > 9 ? 4 : 2);
        left = pane_part(p, 0, 0, rows, p->columns);
        right = pane_part(p, rows, 0, p->rows - rows, p->columns);
    }
    text_printf(&t, "%s  ", f.type);
    name_of(m, &r.from, &t);
    text_add(&t, " -> ");
    name_of(m, &r.to, &t);
    text_printf(&t, ", %zu bytes", r.len);
    pane_text(&left, 0, 1, ATTR_BOLD, t.data);
    if (m->field == SIZE_MAX)
        m->field = first_field(&f);
    if (m->field >= f.count)
        m->field = f.count > 0 ? f.count - 1 : 0;
    if (m->byte == SIZE_MAX)
        m->byte = f.count > 0 ? f.at[m->field].offset : 0;
    draw_fields(m, &left, &f);
    draw_hex(m, &right, &r, f.count > 0 ? &f.at[m->field] : NULL, per_row);
}

/* -- Tree of branches --------------------------------------------------------------------- */

static void draw_branch(struct monitor *m, const struct pane *p, int row,
                        size_t i, uint64_t longest, bool cursor)
{
    const struct branch *b = stepper_branch(m->stepper, i);
    int width = p->columns / 3, start = 13;
    uint64_t scale = longest > 0 ? longest : 1;
    int fork = (int)(b->fork * (uint64_t)width / scale);
    int done = (int)(b->done * (uint64_t)width / scale);
    uint8_t attr = cursor ? ATTR_REVERSE : ATTR_NORMAL;
    bool here = i == stepper_shown(m->stepper);

    pane_fill(p, row, ' ', attr);
    pane_printf(p, row, 0, attr, "%c %-10s", cursor ? '>' : ' ', b->name);
    for (int c = i == 0 ? 0 : fork; c <= done; c++)
        pane_put(p, row, start + c, '-', attr);
    if (i > 0)
        pane_put(p, row, start + fork, '`', attr);
    if (here)
        pane_put(p, row, start + (int)(the_step(m) * (uint64_t)width / scale),
                 '@', attr | ATTR_BOLD);
    int info = start + width + 2;
    if (b->fault != NULL)
        pane_printf(p, row, info, attr, "from %s, before step %llu: %s",
                    stepper_branch(m->stepper, b->parent)->name,
                    (unsigned long long)b->fork + 1, b->fault);
    else
        pane_printf(p, row, info, attr, "as the scenario has it");
    if (cursor)
        place_cursor(m, TAB_TREE, p, row, 0);
}

static void draw_tree(struct monitor *m, const struct pane *p)
{
    uint64_t longest = 0;

    if (m->stepper == NULL) {
        pane_text(p, 0, 1, 0,
                  "only a simulation has branches: what happened, happened");
        return;
    }
    size_t count = stepper_branches(m->stepper);
    for (size_t i = 0; i < count; i++)
        if (stepper_branch(m->stepper, i)->done > longest)
            longest = stepper_branch(m->stepper, i)->done;
    if (m->tree_row >= count)
        m->tree_row = count - 1;
    size_t i = scroll(m->tree_row, count, p->rows);
    int row = 0;
    for (; row < p->rows && i < count; row++, i++)
        draw_branch(m, p, row, i, longest, i == m->tree_row);
    if (row < p->rows && count == 1)
        pane_text(p, row++, 2, ATTR_DIM,
                  "a fault (f lists them) makes a branch; @ is where we are");
    for (size_t b = 0; row < p->rows && b < m->stops; b++)
        pane_printf(p, row++, 2, 0, "breakpoint %zu: %s", b + 1,
                    m->stop[b].text);
}

/* -- Node ------------------------------------------------------------------------------------ */

/* Fill in the selected lookup: its messages up to now, those in flight last,
   and how it ended if it has.  `path` is the caller's room. */
static void read_path(const struct monitor *m, struct view *v,
                      struct record path[PATH_MAX_SHOWN])
{
    const struct log *l = the_log(m);
    size_t end = the_end(m), from = end;

    v->path = path;
    if (m->command == 0)
        return;
    while (from > log_first(l) && end - from < PATH_SCAN_MAX) {
        const struct record *r = log_at(l, --from);
        if (r->kind == RECORD_COMMAND && r->command == m->command)
            break;
    }
    for (; from < end && v->path_count < PATH_MAX_SHOWN; from++) {
        const struct record *r = log_at(l, from);
        if (r->command != m->command)
            continue;
        if (r->kind == RECORD_RESULT)
            v->result = r->fields;
        else if (r->kind == RECORD_MESSAGE || r->kind == RECORD_COMMAND)
            path[v->path_count++] = *r;
    }
    for (size_t i = 0; i < m->flight_count; i++)
        if (m->flight[i].command == m->command &&
            v->path_count < PATH_MAX_SHOWN) {
            path[v->path_count++] = m->flight[i];
            v->path_flying++;
        }
}

/* What every protocol has: do the invariants hold, what fires next? */
static void common_rows(const struct monitor *m, const struct host *h,
                        struct state_rows *rows)
{
    const struct network *n = the_network(m);
    uint64_t next = NEVER;
    int slot = 0;

    if (n->count <= CHECKED_NODES_MAX) {
        LOCAL_FINDINGS f = network_check(n, m->protocol);
        size_t before = rows->count;
        for (size_t i = 0; i < f.count; i++)
            if (!f.at[i].holds)
                text_printf(state_row(rows, "", NULL), "broken now: %s",
                            f.at[i].name);
        if (rows->count == before)
            text_add(state_row(rows, "", NULL), "invariants: all hold");
    }
    for (int i = 0; m->stepper != NULL && m->protocol->timers[i] != NULL; i++) {
        uint64_t due = sim_timer_due(stepper_sim(m->stepper), h, i);
        if (due < next) {
            next = due;
            slot = i;
        }
    }
    if (next != NEVER && next >= n->now_us) {
        struct text *t = state_row(rows, "", NULL);
        text_printf(t, "next: %s in ", m->protocol->timers[slot]);
        text_seconds(t, (next - n->now_us) / 1000 * 1000);
        text_add(t, " s");
    }
}

static void draw_state(struct monitor *m, const struct host *h,
                       const struct pane *p, size_t top)
{
    struct record event;
    struct view v = {.network = the_network(m), .selected = h};
    struct state_rows rows = {0};
    struct record path[PATH_MAX_SHOWN];

    if (selected_record(m, &event))
        v.event = &event;
    read_path(m, &v, path);
    if (h->protocol != m->protocol)
        text_add(state_row(&rows, "", NULL), "the introducer");
    else if (h->node == NULL)
        text_add(state_row(&rows, "", NULL), "down");
    else
        m->program->state(&v, &rows);
    common_rows(m, h, &rows);
    if (top >= rows.count)
        top = 0;
    int width = 0;
    for (size_t i = 0; i < rows.count; i++)
        if ((int)strlen(rows.at[i].name) > width)
            width = (int)strlen(rows.at[i].name);
    for (int row = 0; row < p->rows && top < rows.count; row++, top++) {
        const struct state_row *r = &rows.at[top];
        bool changed = memo_differs(m, h, &rows, top);
        uint8_t attr = changed ? ATTR_BOLD | ATTR_YELLOW : ATTR_NORMAL;
        pane_put(p, row, 0, changed ? '~' : ' ', attr);
        int column = r->name[0] == '\0' ? 1 : width + 2;
        pane_text(p, row, 1, attr, r->name);
        pane_fit(p, row, column, p->columns - column, attr, r->value.data);
        if (r->mark != NULL)
            pane_text(p, row, p->columns - (int)strlen(r->mark) - 1, ATTR_BOLD,
                      r->mark);
        if (row + 1 == p->rows && top + 1 < rows.count)
            pane_text(p, row, p->columns - 7, ATTR_DIM, "  more ");
    }
    state_rows_free(&rows);
}

static void draw_node(struct monitor *m, const struct pane *p)
{
    const struct host *h = the_node(m, m->node);
    const struct host *pin = the_node(m, m->pinned);
    const char *what = "pinned";
    struct pane top = *p;
    struct record r;

    place_cursor(m, TAB_NODE, p, 0, 0);
    if (h == NULL) {
        pane_text(p, 0, 1, 0,
                  m->trace != NULL ? "a trace holds messages, not state"
                                   : "no node yet: . goes one event on");
        return;
    }
    if (pin == NULL && selected_record(m, &r) && the_network(m)->count > 0) {
        pin = the_network(m)->by_addr(the_network(m), r.from.addr);
        what = "who sent it";
    }
    if (pin != NULL && pin != h && p->rows >= 22) {
        int half = p->rows / 2;
        top = pane_part(p, 0, 0, half, p->columns);
        struct pane bottom =
            pane_part(p, half + 1, 0, p->rows - half - 1, p->columns);
        pane_fill(p, half, '-', ATTR_FRAME);
        pane_printf(p, half, 2, 0, " node %s, %s ", pin->name, what);
        draw_state(m, pin, &bottom, 0);
    }
    draw_state(m, h, &top, m->node_top);
}

/* -- Picture ------------------------------------------------------------------------------------ */

static void draw_picture(struct monitor *m, const struct pane *p)
{
    struct record event, path[PATH_MAX_SHOWN];
    LOCAL_FIELDS f = fields_new();
    int row = 0, column = 0;
    struct view v = {.network = the_network(m),
                     .selected = the_node(m, m->node),
                     .cursor_row = &row,
                     .cursor_column = &column};

    read_path(m, &v, path);
    if (selected_record(m, &event)) {
        v.event = &event;
        describe_record(m, &event, &f);
        v.fields = &f;
    }
    if (m->trace != NULL || m->picture + 1 == picture_count(m))
        draw_sequence(m, p);
    else
        m->program->pictures[m->picture].draw(&v, p);
    place_cursor(m, TAB_PICTURE, p, row, column);
}

void draw_tab(struct monitor *m, enum tab tab, const struct pane *p)
{
    static void (*const draw[TABS])(struct monitor *, const struct pane *) = {
        [TAB_MESSAGES] = draw_messages, [TAB_DECODE] = draw_decode,
        [TAB_LOG] = draw_log,           [TAB_TREE] = draw_tree,
        [TAB_LAB] = draw_lab,           [TAB_PICTURE] = draw_picture,
        [TAB_NODE] = draw_node};

    draw[tab](m, p);
}
