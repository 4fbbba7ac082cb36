/*
 * The monitor: layout, loop, and the three ways to look at it.
 *
 * Everything is drawn into one grid of cells, anew after each key.  The grid
 * goes to the terminal, or, with --dump and on a pipe, to standard output.
 * With --line there is no grid: a line in, facts out.
 *
 *     title
 *     -- picture ---------------------+-- node -----------------
 *     ...                             | ...
 *     -[1 MESSAGES]-[2 decode]-[3 log]-[4 tree]-----------------
 *     the lower pane
 *     prompt
 *     keys
 *
 * From 120x36 on the lower panes are all open; below 80x24 there is one pane
 * at a time, and below 40x12 only a request for more room.
 */
#include "common/monitor_core.h"

#include <ctype.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/clock.h"
#include "common/export.h"

#define STATE_COLUMNS 33
#define LOWER_ROWS 6
#define LAB_ROWS 9
#define FRAME_MS 40  /* between two looks at a long walk */
#define IDLE_MS 1000 /* the longest wait between two events while running */
#define LINE_COLUMNS 100
#define LINE_ROWS 40
#define LINE_BYTES 1024

static volatile sig_atomic_t interrupted;

static void on_signal(int signal_number)
{
    interrupted = signal_number;
}

static uint64_t clock_ms(void)
{
    return clock_us() / 1000;
}

void say(struct monitor *m, const char *format, ...)
{
    LOCAL_TEXT t = text_new(); /* what is said may cite what was */
    va_list args;

    va_start(args, format);
    text_vsafe(&t, format, args);
    va_end(args);
    text_clear(&m->say);
    text_bytes(&m->say, t.data, t.len);
}

/* Room for all panes at once? */
static bool is_large(int rows, int columns)
{
    return rows >= 36 && columns >= 120;
}

/* Then the panes on the left have so many columns, pages too. */
static int left_columns(int columns)
{
    return columns * 96 / 160;
}

/* Break lines that are wider than the screen, between words. */
static void wrap(struct text *to, const char *line, size_t columns)
{
    size_t indent = 0;

    while (*line != '\0') {
        size_t len = strcspn(line, "\n"), room = columns - indent;
        size_t cut = len;
        if (len >= room)
            for (cut = room - 1; cut > room / 2 && line[cut] != ' ';)
                cut--;
        text_repeat(to, ' ', indent);
        text_bytes(to, line, cut);
        text_char(to, '\n');
        indent = cut < len ? 4 : 0;
        line += cut;
        line += cut < len ? strspn(line, " ") : *line == '\n';
    }
}

void open_page(struct monitor *m, const char *title, struct text *page)
{
    text_clear(&m->page);
    int columns =
        is_large(m->rows, m->columns) ? left_columns(m->columns) : m->columns;
    wrap(&m->page, page->data, m->options->line ? SIZE_MAX : (size_t)columns);
    text_free(page);
    m->page_title = title;
    m->page_top = 0;
}

/* -- Layout --------------------------------------------------------------- */

static void draw_heading(struct monitor *m, const struct pane *p, enum tab tab)
{
    LOCAL_TEXT t = text_new();
    bool active = m->tab == tab;

    pane_fill(p, 0, '-', ATTR_FRAME);
    tab_title(m, tab, &t);
    int c = pane_text(p, 0, 2, 0, " ");
    c = pane_text(p, 0, c, active ? ATTR_BOLD | ATTR_REVERSE : ATTR_BOLD,
                  t.data);
    pane_text(p, 0, c, 0, " ");
}

/* A heading, and the pane below it. */
static void draw_boxed(struct monitor *m, const struct pane *p, enum tab tab)
{
    struct pane inside = pane_part(p, 1, 0, p->rows - 1, p->columns);

    draw_heading(m, p, tab);
    draw_tab(m, tab, &inside);
}

/* Two panes side by side, with a line between. */
static void draw_pair(struct monitor *m, const struct pane *p, int left,
                      enum tab a, enum tab b)
{
    if (b == TAB_NODE && m->trace != NULL) { /* which holds no state */
        draw_boxed(m, p, a);
        return;
    }
    struct pane one = pane_part(p, 0, 0, p->rows, left);
    struct pane two = pane_part(p, 0, left + 1, p->rows, p->columns - left - 1);

    draw_boxed(m, &one, a);
    draw_boxed(m, &two, b);
    pane_put(p, 0, left, '+', ATTR_FRAME);
    for (int row = 1; row < p->rows; row++)
        pane_put(p, row, left, '|', ATTR_FRAME);
}

static void draw_page(struct monitor *m, const struct pane *p)
{
    size_t lines = lines_of(m->page.data);
    size_t height = (size_t)(p->rows > 1 ? p->rows - 1 : 1);

    if (m->page_top + height > lines)
        m->page_top = lines > height ? lines - height : 0;
    pane_fill(p, 0, '-', ATTR_FRAME);
    pane_printf(p, 0, 2, ATTR_BOLD, " %s ", m->page_title);
    const char *keys = lines > height ? " j k  q close " : " q close ";
    pane_text(p, 0, p->columns - (int)strlen(keys), 0, keys);
    struct pane inside = pane_part(p, 1, 0, p->rows - 1, p->columns);
    draw_lines(&inside, 0, m->page.data, m->page_top);
    m->cursor_row = p->row + 1;
    m->cursor_column = p->column;
}

static void draw_tab_bar(struct monitor *m, const struct pane *p)
{
    int column = 1;

    pane_fill(p, 0, '-', ATTR_FRAME);
    for (int tab = 0; tab < lower_tabs(m); tab++) {
        bool active = (int)m->tab == tab;
        char name[24];
        size_t i = 0;
        const char *s = tab_name((enum tab)tab);
        for (; s[i] != '\0'; i++) /* capitals: the active one, in any colour */
            name[i] = (char)(active ? toupper((unsigned char)s[i]) : s[i]);
        name[i] = '\0';
        column = pane_printf(p, 0, column,
                             active ? ATTR_BOLD | ATTR_REVERSE : ATTR_NORMAL,
                             "[%d %s]", tab + 1, name) +
                 1;
    }
    if (m->filter.expr != NULL)
        pane_printf(p, 0, column, ATTR_BOLD, " filter: %s%s ",
                    m->filter_inverted ? "not " : "", m->filter.text);
}

/* 80x24 and what is near it. */
static void draw_medium(struct monitor *m, const struct pane *p)
{
    int lower = (m->tab == TAB_LAB ? LAB_ROWS : LOWER_ROWS) +
                (p->rows > 22 ? (p->rows - 22) / 2 : 0);
    int upper = p->rows - 1 - lower;
    struct pane top = pane_part(p, 0, 0, upper, p->columns);
    struct pane bar = pane_part(p, upper, 0, 1, p->columns);
    struct pane below = pane_part(p, upper + 1, 0, lower, p->columns);
    enum tab tab = m->tab < TAB_LOWER ? m->tab : TAB_MESSAGES;

    draw_pair(m, &top, p->columns - STATE_COLUMNS - 1, TAB_PICTURE, TAB_NODE);
    draw_tab_bar(m, &bar);
    if (m->page.len > 0) {
        struct pane page = pane_part(p, upper, 0, lower + 1, p->columns);
        pane_clear(&page);
        draw_page(m, &page);
    } else {
        draw_tab(m, tab, &below);
    }
}

static void draw_large(struct monitor *m, const struct pane *p)
{
    int left = left_columns(p->columns);
    int middle = p->rows >= 42 ? 13 : 9;
    struct pane bottom = pane_part(p, p->rows - 5, 0, 5, p->columns);
    struct pane lower =
        pane_part(p, p->rows - 5 - middle, 0, middle, p->columns);
    struct pane top = pane_part(p, 0, 0, p->rows - 5 - middle, p->columns);

    draw_pair(m, &top, left, TAB_PICTURE, TAB_NODE);
    draw_pair(m, &lower, left, TAB_MESSAGES, TAB_DECODE);
    draw_pair(m, &bottom, left, TAB_TREE,
              m->options->tutor != NULL ? TAB_LAB : TAB_LOG);
    if (m->page.len > 0) {
        int rows = (int)lines_of(m->page.data) + 2;
        int most = p->rows - 4;
        struct pane page = pane_part(p, p->rows - (rows < most ? rows : most),
                                     0, rows < most ? rows : most, left);
        pane_clear(&page);
        draw_page(m, &page);
    }
}

/* What a command that asks for a line wants to read. */
static const char *wanted_form(const char *args)
{
    return strstr(args, "EXPR") != NULL     ? " EXPR, as type=PING && to=n1"
           : strcmp(args, "STEP|TIME") == 0 ? " STEP or TIME, as 118 or 12.3s"
           : strcmp(args, "TIME") == 0      ? " TIME, as 2s or 250ms"
           : strcmp(args, "FILE") == 0
               ? " FILE.txt .svg .mmd .dot .pcapng or .scn"
               : "";
}

static void draw_prompt(struct monitor *m, const struct pane *p)
{
    if (m->asking == ASK_LINE || m->asking == ASK_LETTER) {
        int c = pane_text(p, 0, 1, ATTR_BOLD, "");
        if (m->asker->keys[0] != ':') /* else a command of any name */
            c = pane_printf(p, 0, c, ATTR_BOLD, "%s%s", m->asker->name,
                            wanted_form(m->asker->args));
        c = pane_text(p, 0, c, ATTR_BOLD, ": ");
        int room = p->columns - c - 2;
        int skip = (int)m->typed.len > room ? (int)m->typed.len - room : 0;
        c = pane_text(p, 0, c, 0, m->typed.data + skip);
        if (m->typed.len == 0)
            pane_text(p, 0, p->columns - 10, ATTR_DIM, "Esc: back");
        m->cursor_row = p->row;
        m->cursor_column = p->column + c;
    } else {
        pane_fit(p, 0, 1, p->columns - 1, m->asking == ASK_YES ? ATTR_BOLD : 0,
                 m->say.data);
        if (m->asking == ASK_YES) {
            m->cursor_row = p->row;
            m->cursor_column = (int)m->say.len + 1;
        }
    }
}

/* Cut from the right where it does not fit; help is never cut. */
static void draw_keys(const struct pane *p)
{
    static const char *const items[] = {
        "? help",  ". step", ", back",    "SPC run", "b break",
        "f fault", "/ find", "\\ filter", "TAB",     "q quit"};
    int column = 0;

    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        if (column + (int)strlen(items[i]) > p->columns)
            break;
        column = pane_text(p, 0, column, i == 0 ? ATTR_BOLD : ATTR_NORMAL,
                           items[i]) +
                 2;
    }
}

void draw_all(struct monitor *m, const struct pane *grid)
{
    pane_clear(grid);
    m->rows = grid->rows;
    m->columns = grid->columns;
    if (grid->rows < 12 || grid->columns < 40) {
        pane_text(grid, 0, 0, 0, "p2plab needs 40x12.");
        pane_text(grid, 1, 0, 0, "Please enlarge this window.");
        return;
    }
    struct pane title = pane_part(grid, 0, 0, 1, grid->columns);
    struct pane body = pane_part(grid, 1, 0, grid->rows - 3, grid->columns);
    struct pane prompt = pane_part(grid, grid->rows - 2, 0, 1, grid->columns);
    struct pane keys = pane_part(grid, grid->rows - 1, 0, 1, grid->columns);
    bool small = grid->rows < 24 || grid->columns < 80;
    bool large = is_large(grid->rows, grid->columns);
    bool whole_page = !large && lines_of(m->page.data) > LOWER_ROWS;

    draw_title(m, &title);
    if (small || m->zoom != TABS || whole_page) {
        enum tab tab = m->zoom != TABS ? m->zoom : m->tab;
        if (m->page.len > 0)
            draw_page(m, &body);
        else
            draw_boxed(m, &body, tab);
        if (small && m->page.len == 0 && grid->columns >= 54)
            pane_text(&body, 0, grid->columns - 15, 0, " TAB next pane ");
    } else if (large) {
        draw_large(m, &body);
    } else {
        draw_medium(m, &body);
    }
    draw_prompt(m, &prompt);
    draw_keys(&keys);
}

/* -- Keys ------------------------------------------------------------------- */

static bool too_small(const struct monitor *m)
{
    return m->rows > 0 && (m->rows < 12 || m->columns < 40);
}

static void answer(struct monitor *m, int key)
{
    char *what = m->pending;

    m->asking = ASK_NOTHING;
    m->pending = NULL;
    if (key == 'y' || key == 'Y')
        m->confirmed(m, what);
    else
        say(m, "nothing was done");
    free(what);
}

/* The line that was asked for is there: do what it was asked for. */
static void take_line(struct monitor *m)
{
    struct text line = m->typed;

    m->asking = ASK_NOTHING;
    m->typed = text_new();
    if (line.len > 0 || m->asker->args[0] == '[')
        run_command(m, m->asker, line.data);
    text_free(&line);
}

static void type_key(struct monitor *m, int key)
{
    if (key == 27) {
        m->asking = ASK_NOTHING;
        say(m, "nothing was done");
        if (m->asker->run == do_answer)
            do_lab(m); /* which says its keys */
    } else if (key == 8 && m->typed.len > 0) {
        m->typed.data[--m->typed.len] = '\0';
    } else if (key == '\n') {
        take_line(m);
    } else if (key >= ' ' && key <= '~' && m->typed.len < LINE_BYTES) {
        text_char(&m->typed, (char)key);
        if (m->asking == ASK_LETTER)
            take_line(m);
    }
}

static void press(struct monitor *m, int key)
{
    if (too_small(m) && key != 'q' && key != 'y')
        return;
    if (m->asking == ASK_YES) {
        answer(m, key);
        return;
    }
    if (m->asking != ASK_NOTHING) {
        type_key(m, key);
        return;
    }
    const struct key_command *c = command_of_key(key);
    if (c == NULL) {
        LOCAL_TEXT name = text_new();
        key_name(&name, key);
        say(m, "%s is no key here; %s", name.data,
            lab_asks(m) ? "Enter begins an answer" : "? shows the keys");
    } else if (c->ask != ASK_NOTHING) {
        m->asking = c->ask;
        m->asker = c;
        text_clear(&m->typed);
        suggest(m, c, &m->typed);
    } else {
        run_command(m, c, "");
    }
}

static bool press_all(struct monitor *m, const char *keys)
{
    while (*keys != '\0' && !m->quit) {
        int key = next_key(&keys);
        if (key == SCREEN_NONE) {
            cli_error(m->program,
                      "--keys: unknown key at '%.20s'; write < as <lt>", keys);
            return false;
        }
        press(m, key);
    }
    return true;
}

/* -- Opening and closing ------------------------------------------------------ */

void say_now(struct monitor *m, const char *words)
{
    if (!m->interactive)
        return;
    struct pane prompt =
        pane_part(&m->grid, m->grid.rows - 2, 0, 1, m->grid.columns);
    pane_clear(&prompt);
    pane_text(&prompt, 0, 1, 0, words);
    screen_show(&m->grid, m->grid.rows - 2, 1);
}

bool monitor_patience(void *monitor, uint64_t step, uint64_t goal)
{
    struct monitor *m = monitor;
    uint64_t now = clock_ms();
    LOCAL_TEXT words = text_new();

    if (interrupted)
        return false;
    if (!m->interactive)
        return true;
    if (!m->waiting) {
        m->waiting = true;
        m->walk_ms = now;
    }
    if (now - m->walk_ms < FRAME_MS)
        return true;
    m->walk_ms = now;
    text_printf(&words, "step %llu", (unsigned long long)step);
    if (goal != 0 && goal != UINT64_MAX)
        text_printf(&words, " of %llu", (unsigned long long)goal);
    text_add(&words, "   any key stops here");
    say_now(m, words.data);
    return screen_key(0) == SCREEN_NONE;
}

static void set_up(struct monitor *m, const struct program *p,
                   const struct monitor_options *o)
{
    *m =
        (struct monitor){.program = p,
                         .protocol = p->protocol,
                         .options = o,
                         .at = NEVER,
                         .zoom = TABS,
                         .everything = {.all = true},
                         .flight_selected = SIZE_MAX,
                         .node = SIZE_MAX,
                         .pinned = SIZE_MAX,
                         .follow = true,
                         .speed = 2,
                         .say = text_new(),
                         .typed = text_new(),
                         .page = text_new(),
                         .lab = text_new(),
                         .page_title = "",
                         .source_name = "",
                         .rows = o->dump_rows > 0 ? o->dump_rows : 24,
                         .columns = o->dump_columns > 0 ? o->dump_columns : 80};
}

static void tear_down(struct monitor *m)
{
    list_forget(&m->messages);
    list_forget(&m->everything);
    condition_free(&m->find);
    condition_free(&m->filter);
    for (size_t i = 0; i < m->stops; i++)
        condition_free(&m->stop[i]);
    memo_free(&m->before);
    text_free(&m->say);
    text_free(&m->typed);
    text_free(&m->page);
    text_free(&m->lab);
    free(m->pending);
    stepper_free(m->stepper);
    log_free(m->own_log);
}

/* Without a command to open before: to the first step of the warm network, or,
   where none is made warm, to the beginning, since all is a lesson. */
static void go_to_lesson(struct stepper *s)
{
    stepper_goto(s, 0);
    while (!sim_warmed(stepper_sim(s)) && stepper_forward(s))
        ;
    if (!sim_warmed(stepper_sim(s)))
        stepper_goto(s, 0);
}

/* To --step or --at; else just before the first command, warm and all. */
static void go_to_opening(struct monitor *m)
{
    if (m->options->has_step) {
        go_to(m, m->options->step);
        say_event(m);
    } else if (m->options->has_at) {
        go_to_time(m, m->options->at_us);
        say_event(m);
    } else if (m->stepper != NULL) {
        if (!stepper_open(m->stepper) && stepper_ended(m->stepper))
            go_to_lesson(m->stepper);
        memo_take(m, false);
        look_around(m);
    } else if (m->trace != NULL) {
        go_to(m, 1);
    }
}

static void dump(struct monitor *m)
{
    struct pane grid = pane_new(m->rows, m->columns);
    LOCAL_TEXT t = text_new();

    draw_all(m, &grid);
    pane_dump(&t, &grid, m->options->utf8);
    fwrite(t.data, 1, t.len, stdout);
    pane_free(&grid);
}

/* -- On a terminal ---------------------------------------------------------------- */

static void show(struct monitor *m)
{
    int rows, columns;

    screen_size(&rows, &columns);
    if (m->grid.cell == NULL || m->grid.rows != rows ||
        m->grid.columns != columns) {
        pane_free(&m->grid);
        m->grid = pane_new(rows, columns);
    }
    m->cursor_row = m->cursor_column = 0;
    draw_all(m, &m->grid);
    screen_show(&m->grid, m->cursor_row, m->cursor_column);
}

/* Execute what is due; the milliseconds until the next event is. */
static int run_events(struct monitor *m)
{
    static const double speeds[SPEEDS] = {0.01, 0.03, 0.1, 0.3, 1, 3, 10};
    uint64_t now = clock_ms(), stop = now + FRAME_MS;

    if (m->next_ms == 0)
        m->next_ms = now;
    while (m->next_ms <= now) {
        if (clock_ms() > stop) {
            m->next_ms = clock_ms();
            break;
        }
        run_line(m, "step");
        uint64_t next = sim_next_time(stepper_sim(m->stepper));
        if (next == NEVER || stop_here(m)) {
            m->running = false;
            return 0;
        }
        double wait = (double)(next - the_time(m)) / 1000 / speeds[m->speed];
        m->next_ms += wait > IDLE_MS ? IDLE_MS : (uint64_t)wait;
    }
    return m->next_ms > now ? (int)(m->next_ms - now) : 0;
}

static void click(struct monitor *m)
{
    int row, column;

    screen_mouse(&row, &column);
    bool medium = m->columns < 120 || m->rows < 36;
    /* In a list: the rows from the cursor's to the one that was hit. */
    if (m->page.len > 0 || !medium)
        return;
    for (; m->cursor_row < row; row--)
        run_line(m, "down");
    for (; m->cursor_row > row; row++)
        run_line(m, "up");
}

/* One key, waited for as long as nothing else is due. */
static void take_key(struct monitor *m, int wait_ms)
{
    int key = screen_key(wait_ms);

    m->waiting = false;
    if (key == SCREEN_LOST || interrupted) {
        m->quit = true;
    } else if (key == SCREEN_CLICK) {
        click(m);
    } else if (key != SCREEN_NONE && key != SCREEN_RESIZE) {
        if (m->running && key != '+' && key != '-' && key != ' ')
            m->running = false;
        press(m, key);
    }
}

static bool take_live(struct monitor *m, struct text *why)
{
    bool on = true;

    if (m->run != NULL && !m->run_ended) {
        m->run_ended = !live_run_poll(m->run, 10000, why);
        on = why->len == 0;
    } else {
        on = live_poll(m->live, 10000, why);
    }
    if (m->at == NEVER)
        look_around(m);
    return on;
}

static int on_screen(struct monitor *m)
{
    LOCAL_TEXT why = text_new();
    const char *no_color = getenv("NO_COLOR");
    bool color = m->options->color != COLOR_NEVER;
    uint64_t shown_ms = 0;

    if (m->options->color == COLOR_AUTO && no_color != NULL &&
        no_color[0] != '\0')
        color = false;
    if (!screen_possible(&why) ||
        !screen_open(color, m->options->utf8 || screen_utf8(), &why))
        return cli_error(m->program, "%s", why.data);
    m->interactive = true;
    show(m);
    go_to_opening(m);
    bool good = m->options->keys == NULL || press_all(m, m->options->keys);
    while (good && !m->quit && why.len == 0) {
        bool key_soon = m->live == NULL;
        if (key_soon || clock_ms() - shown_ms >= FRAME_MS) {
            show(m);
            shown_ms = clock_ms();
        }
        if (m->live != NULL) {
            take_live(m, &why);
            take_key(m, 0);
        } else {
            take_key(m, m->running ? run_events(m) : -1);
        }
    }
    screen_close();
    pane_free(&m->grid);
    if (why.len > 0)
        cli_error(m->program, "%s", why.data);
    bool failed = why.len > 0 || !good;
    return interrupted == SIGINT ? 130 : failed ? 2 : 0;
}

/* -- Line by line --------------------------------------------------------------------- */

static void print_lines(const char *s)
{
    for (; *s != '\0';) {
        size_t len = strcspn(s, "\n");
        if (len > 0)
            printf("%.*s\n", (int)len, s);
        s += len + (s[len] == '\n');
    }
}

/* A pane in words: its lines, without the layout around them. */
static void print_pane(struct monitor *m)
{
    struct pane grid = pane_new(LINE_ROWS, LINE_COLUMNS);
    /* Narrow, so that fields stand above their bytes and not beside. */
    int columns = m->tab == TAB_DECODE ? 70 : LINE_COLUMNS;
    struct pane part = pane_part(&grid, 0, 0, LINE_ROWS, columns);
    LOCAL_TEXT t = text_new();

    draw_tab(m, m->tab, &part);
    pane_dump(&t, &grid, false);
    print_lines(t.data);
    pane_free(&grid);
}

static void print_facts(struct monitor *m, const char *line)
{
    line += strspn(line, " \t:");
    if (m->say.len > 0)
        print_lines(m->say.data);
    text_clear(&m->say);
    print_lines(m->page.data);
    text_clear(&m->page);
    if (strncmp(line, "show", 4) == 0 || strncmp(line, "node", 4) == 0)
        print_pane(m);
    fflush(stdout);
}

static int line_by_line(struct monitor *m)
{
    char line[LINE_BYTES];
    bool prompt = isatty(STDIN_FILENO);

    go_to_opening(m);
    printf("%s %s, step %llu; 'help' lists the commands\n", m->protocol->name,
           m->source_name, (unsigned long long)the_step(m));
    while (!m->quit && !interrupted) {
        if (prompt)
            printf("%llu> ", (unsigned long long)the_step(m));
        fflush(stdout);
        if (fgets(line, sizeof line, stdin) == NULL)
            break;
        line[strcspn(line, "\r\n")] = '\0';
        if (m->asking == ASK_YES)
            answer(m, line[0]);
        else
            run_line(m, line);
        print_facts(m, line);
    }
    return interrupted == SIGINT ? 130 : m->failed;
}

/* -- Sources ------------------------------------------------------------------------------ */

static int open_and_run(struct monitor *m)
{
    struct sigaction act = {.sa_handler = on_signal}, old_int, old_term;
    int status = 0;

    interrupted = 0;
    sigemptyset(&act.sa_mask);
    sigaction(SIGINT, &act, &old_int);
    sigaction(SIGTERM, &act, &old_term);
    if (m->options->line) {
        status = line_by_line(m);
    } else if (m->options->dump_rows > 0 || !isatty(STDOUT_FILENO)) {
        go_to_opening(m);
        if (m->options->keys != NULL && !press_all(m, m->options->keys))
            status = 2;
        else if (interrupted == SIGINT)
            status = 130;
        else
            dump(m);
    } else {
        status = on_screen(m);
    }
    sigaction(SIGINT, &old_int, NULL);
    sigaction(SIGTERM, &old_term, NULL);
    tear_down(m);
    return status;
}

/* "lecture" of "labs/chord/lecture.scn". */
static void set_name(struct monitor *m, const char *path)
{
    snprintf(m->shown_name, sizeof m->shown_name, "%.24s", path_leaf(path));
    char *dot = strrchr(m->shown_name, '.');
    if (dot != NULL && dot != m->shown_name)
        *dot = '\0';
    m->source_name = m->shown_name;
}

int monitor_sim(const struct program *p, const struct scenario *s,
                const struct monitor_options *o)
{
    static struct monitor m; /* large; a program has one */
    LOCAL_TEXT why = text_new();

    set_up(&m, p, o);
    set_name(&m, s->path != NULL ? s->path : "scenario");
    m.stepper = stepper_new(s, &why);
    if (m.stepper == NULL)
        return cli_error(p, "%s", why.data);
    stepper_patience(
        m.stepper, (struct patience){.go_on = monitor_patience, .context = &m});
    if (o->tutor != NULL)
        say(&m, "One moment: what your worksheet ran runs once more.");
    else
        say(&m, "%s  (%s, %s follows it)", s->title != NULL ? s->title : "",
            o->line ? "step goes on" : ". steps", o->line ? "next" : ">");
    return open_and_run(&m);
}

int monitor_trace(const struct program *p, const struct trace *t,
                  const struct monitor_options *o)
{
    static struct monitor m;

    set_up(&m, p, o);
    m.trace = t;
    m.source_name = "trace";
    m.own_log = log_new(trace_count(t) + 1);
    for (size_t i = 0; i < trace_count(t); i++) {
        struct record r;
        trace_get(t, i, &r);
        log_add(m.own_log, &r);
    }
    snprintf(m.shown_name, sizeof m.shown_name, "trace");
    say(&m, "a recorded trace: . steps through it, ? helps");
    return open_and_run(&m);
}

/* A live record goes to the log, and to whom the caller named. */
static void on_live_record(void *context, const struct record *r)
{
    const struct monitor *m = context;

    log_add(m->own_log, r);
    if (m->options->also != NULL)
        m->options->also->record(m->options->also->context, r);
}

int monitor_live(const struct program *p, struct live *l, struct live_run *run,
                 const struct monitor_options *o)
{
    static struct monitor m;

    set_up(&m, p, o);
    m.live = l;
    m.run = run;
    m.own_log = log_new(LIVE_RECORDS_MAX);
    live_observe(l,
                 &(struct observer){.record = on_live_record, .context = &m});
    set_name(&m, run != NULL ? "live" : "node");
    say(&m, "real nodes, in real time: , looks back at the record");
    int status = open_and_run(&m);
    live_observe(l, NULL);
    return status;
}
