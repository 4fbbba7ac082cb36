/*
 * The worksheet beside the picture: the tutor (tutor.h) as a pane.  The pane
 * holds all that the tutor has said; an answer scrolls it to the reply.
 */
#include "common/monitor_core.h"

#include <string.h>

#include "common/sheet_print.h"
#include "common/tutor.h"

#define KEYS "   H hint   j k scroll   z: picture beside, or not"
#define LAB_COLUMNS 62 /* fits the pane of a large screen, too */

size_t lines_of(const char *s)
{
    size_t lines = 0;

    for (; *s != '\0'; s++)
        lines += *s == '\n';
    return lines;
}

static size_t width_of(const struct monitor *m)
{
    return m->columns >= 120 ? LAB_COLUMNS : (size_t)m->columns - 7; /* more */
}

/* Append what the tutor said, which is emptied; one blank line is enough. */
static void hear(struct monitor *m, struct text *said)
{
    struct text *t = &m->lab;

    for (size_t i = 0; i < said->len; i++) {
        bool blank = said->data[i] == '\n' && t->len > 1 &&
                     t->data[t->len - 1] == '\n' && t->data[t->len - 2] == '\n';
        if (!blank)
            text_char(t, said->data[i]);
    }
    text_free(said);
}

/* Take in what the tutor has to show. */
static void listen(struct monitor *m)
{
    struct text said = text_new();

    tutor_show(m->options->tutor, width_of(m), &said);
    hear(m, &said);
}

void draw_lines(const struct pane *p, int column, const char *line, size_t top)
{
    for (; top > 0; top--)
        line += strcspn(line, "\n") + 1;
    for (int row = 0; row < p->rows && *line != '\0'; row++) {
        size_t len = strcspn(line, "\n");
        bool heading = line[0] == '#' || strncmp(line, "---", 3) == 0;
        pane_printf(p, row, column, heading ? ATTR_BOLD : 0, "%.*s", (int)len,
                    line);
        line += len + (line[len] == '\n');
    }
}

bool lab_asks(const struct monitor *m)
{
    return m->tab == TAB_LAB && m->options->tutor != NULL &&
           tutor_is_question(m->options->tutor) &&
           lines_of(m->lab.data) <= m->lab_top + m->lab_rows;
}

static void say_keys(struct monitor *m)
{
    if (!m->quit)
        listen(m); /* the question may only come now */
    if (!lab_asks(m))
        say(m, "Enter: read on" KEYS);
    else if (tutor_is_done(m->options->tutor))
        say(m, "The end.  Enter, then `go Q1` goes back; Enter alone quits");
    else
        say(m, "Enter, then the answer" KEYS);
}

void draw_lab(struct monitor *m, const struct pane *p)
{
    if (m->options->tutor == NULL) {
        pane_printf(p, 0, 1, 0, "no worksheet is open; '%s lab 1' opens one",
                    m->protocol->name);
        return;
    }
    listen(m);
    size_t lines = lines_of(m->lab.data), height = (size_t)p->rows;
    bool first = m->lab_rows == 0;
    m->lab_rows = height;
    size_t last = lines > height ? lines - height : 0;
    m->lab_shown = m->lab_top < last ? m->lab_top : last;
    draw_lines(p, 1, m->lab.data, m->lab_shown);
    if (m->lab_shown < last)
        pane_text(p, p->rows - 1, p->columns - 5, ATTR_DIM, "more");
    if (m->tab == TAB_LAB) {
        if (first) /* only now it is known whether the question is in sight */
            say_keys(m);
        m->cursor_row = p->row;
        m->cursor_column = p->column + 1;
    }
}

void scroll_lab(struct monitor *m, int by)
{
    m->lab_top = moved_by(m->lab_shown, by); /* draw_lab knows the end */
}

static bool has_lab(struct monitor *m)
{
    if (m->options->tutor == NULL)
        say(m, "no worksheet is open; '%s lab 1' opens one", m->protocol->name);
    return m->options->tutor != NULL;
}

/* Give the tutor a line, and scroll to its reply. */
static void tell(struct monitor *m, const char *line)
{
    struct tutor *tutor = m->options->tutor;
    struct text said = text_new();

    listen(m);
    say_now(m, "One moment ..."); /* answers are compared with whole runs */
    m->lab_top = lines_of(m->lab.data);
    text_clear(&m->page); /* it would hide the reply */
    if (line[0] != '\0') {
        LOCAL_TEXT echo = text_new();
        text_printf(&echo, "%s%s\n", tutor_prompt(tutor), line);
        sheet_wrap(&said, echo.data, width_of(m));
    }
    m->quit =
        !tutor_input(tutor, line, width_of(m), &said) || tutor_has_watch(tutor);
    hear(m, &said);
    m->tab = TAB_LAB;
    say_keys(m);
}

void do_lab(struct monitor *m)
{
    if (!has_lab(m))
        return;
    m->tab = TAB_LAB;
    if (m->zoom != TABS)
        m->zoom = TAB_LAB;
    say_keys(m);
}

static void open_prompt(struct monitor *m)
{
    const struct key_command *c = key_commands;

    while (c->run != do_answer)
        c++;
    m->asking = ASK_LINE;
    m->asker = c;
    text_clear(&m->typed);
}

/* Where the question is still open, and the reply can be seen, the next
   answer can be typed at once: a digit alone would choose another pane. */
void do_answer(struct monitor *m)
{
    LOCAL_TEXT question = text_new();

    if (!has_lab(m))
        return;
    text_add(&question, tutor_prompt(m->options->tutor));
    tell(m, m->arg);
    if (!m->quit && lab_asks(m) &&
        strcmp(tutor_prompt(m->options->tutor), question.data) == 0)
        open_prompt(m);
}

void open_lab(struct monitor *m)
{
    if (!has_lab(m))
        return;
    if (m->page.len > 0) { /* it may hide the question */
        text_clear(&m->page);
        return;
    }
    if (m->lab_shown + m->lab_rows < lines_of(m->lab.data)) {
        scroll_lab(m, (int)m->lab_rows - 1); /* read on before you answer */
        say_keys(m);
        return;
    }
    if (!tutor_is_question(m->options->tutor)) {
        tell(m, "");
        return;
    }
    open_prompt(m);
}

void do_hint(struct monitor *m)
{
    if (has_lab(m))
        tell(m, "hint");
}
