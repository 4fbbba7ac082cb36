/*
 * Worksheets on paper.
 *
 * The handout is made in two steps.  `handout` turns the sheet into plain
 * Markdown: pictures, values and outputs of a student's own run, or blanks to
 * fill in where no student is named.  Then one of two renderers sets it: as
 * text on pages of 80x60, or as HTML with print CSS.  Between the two, a line
 * ":::" opens or closes a question, and a line of underscores is ruled.
 */
#include "common/sheet_print.h"

#include <stdlib.h>
#include <string.h>

#include "common/words.h"

#define RULE "________________________________________________________________"
#define PICTURE "64x21"
#define PICTURE_ROWS 21
#define OUTPUT_ROWS_MAX 16
#define OUTPUT_COLUMNS (PAGE_COLUMNS - 6) /* what is longer is cut off */

/* -- The handout as Markdown ---------------------------------------------- */

/* Variables filled in, or blanks. */
static void fill(const struct sheet *s, const struct run *r, const char *line,
                 struct text *out)
{
    if (r != NULL) {
        run_expand(r, line, EXPAND_SHOW, out);
        return;
    }
    const char *from = line;
    size_t n;

    for (const char *at = line; (at = sheet_variable(line, at, &n)); at += n) {
        bool variable = word_is(at, n, "seed");
        for (size_t i = 0; i < s->line_count; i++)
            variable |=
                s->line[i].mark == '<' && word_is(at, n, s->line[i].text);
        if (!variable)
            continue;
        text_bytes(out, from, (size_t)(at - 1 - from));
        text_add(out, "____");
        from = at + n;
    }
    text_add(out, from);
}

/* Lines of what a program printed, without blank ones at the end. */
static void put_output(const char *printed, size_t rows_max, struct text *out)
{
    size_t len = strlen(printed);

    while (len > 0 && (printed[len - 1] == '\n' || printed[len - 1] == ' '))
        len--;
    for (size_t row = 0, at = 0; at < len; row++) {
        size_t n = strcspn(printed + at, "\n");
        if (row == rows_max) {
            text_add(out, "...\n");
            return;
        }
        size_t shown = n > len - at ? len - at : n;
        text_safe(out, printed + at,
                  shown < OUTPUT_COLUMNS ? shown : OUTPUT_COLUMNS);
        text_char(out, '\n');
        at += n + 1;
    }
}

/* The monitor's picture of a run, without its title and key bar. */
static void put_picture(const struct run *r, const struct block *b,
                        struct text *out)
{
    LOCAL_TEXT why = text_new(), rows = text_new();
    const struct outcome *o = run_picture(r, b, PICTURE, &why);
    size_t count = 0;

    for (const char *at = o != NULL ? o->out.data : ""; *at != '\0'; count++) {
        size_t len = strcspn(at, "\n");
        if (count >= 1 && count < PICTURE_ROWS - 2)
            text_printf(&rows, "%.*s\n", (int)len, at);
        at += len + (at[len] == '\n');
    }
    if (o != NULL && o->status == 0 && count == PICTURE_ROWS) {
        text_add(out, "```\n");
        put_output(rows.data, PAGE_ROWS, out);
        text_add(out, "```\n\n");
    }
}

static void put_run(const struct sheet *s, const struct run *r,
                    const struct block *b, struct text *out)
{
    LOCAL_TEXT why = text_new(), printed = text_new();

    text_add(out, "```\n");
    for (size_t i = b->first; i < b->first + b->count; i++) {
        const struct sheet_line *l = &s->line[i];
        const struct outcome *o = NULL;
        if (l->mark == '$') {
            text_add(out, "$ ");
            fill(s, r, l->text, out);
            text_char(out, '\n');
            if (r != NULL)
                o = run_execute(r, l->text, &why);
            text_clear(&printed);
            if (o != NULL)
                run_printed(r, o->out.data, &printed);
            put_output(printed.data, OUTPUT_ROWS_MAX, out);
        } else if (r == NULL && l->mark == ' ') {
            fill(s, r, l->text, out);
            text_char(out, '\n');
        }
    }
    text_add(out, "```\n\n");
}

static void put_lines(const struct sheet *s, const struct run *r,
                      const struct block *b, struct text *out)
{
    for (size_t i = b->first; i < b->first + b->count; i++)
        if (s->line[i].mark == ' ') {
            fill(s, r, s->line[i].text, out);
            text_char(out, '\n');
        }
}

static void put_question(const struct sheet *s, const struct run *r,
                         const struct block *b, struct text *out)
{
    unsigned rows = b->kind == BLOCK_ASK ? 1 : 2 + b->words_min / 12;

    text_printf(out, ":::\n**%s** (%u point%s) ", b->name, b->points,
                b->points == 1 ? "" : "s");
    put_lines(s, r, b, out);
    if (b->kind == BLOCK_ASK && b->type.kind == ANSWER_CHOICE) {
        text_char(out, '(');
        answer_form(out, &b->type);
        text_add(out, ")\n");
    }
    for (unsigned i = 0; i < rows; i++)
        text_add(out, "\n" RULE "\n");
    text_add(out, ":::\n\n");
}

/* Does any text that students read name this variable?  Others (the owner
   that a scenario crashes) may be answers. */
static bool is_named(const struct sheet *s, const char *name)
{
    size_t n;

    for (size_t b = 0; b < s->block_count; b++) {
        const struct block *block = &s->block[b];
        if (block->kind == BLOCK_SCENARIO || block->kind == BLOCK_LET)
            continue;
        for (size_t i = block->first; i < block->first + block->count; i++) {
            const char *text = s->line[i].text, *at = text;
            if (strchr(" $>", s->line[i].mark) == NULL)
                continue;
            for (; (at = sheet_variable(text, at, &n)) != NULL; at += n)
                if (word_is(at, n, name))
                    return true;
        }
    }
    return false;
}

static void put_let(const struct sheet *s, const struct run *r,
                    const struct block *b, struct text *out)
{
    const char *between = "Yours: ";

    for (size_t i = b->first; i < b->first + b->count; i++) {
        const char *name = s->line[i].text;
        if (!is_named(s, name))
            continue;
        text_printf(out, "%s%s **", between, name);
        text_add(out, r != NULL ? run_find(r, name, strlen(name))->value.data
                                : "____");
        text_add(out, "**");
        between = ", ";
    }
    text_add(out, "\n\n");
}

static void put_watch(const struct sheet *s, const struct run *r,
                      const struct block *b, struct text *out)
{
    const struct sheet_line *l;

    text_printf(out, "Watch in the monitor: `%s monitor @%s`",
                run_program_name(s, b->name), b->name);
    for (size_t i = 0; (l = block_line(s, b, '>', i)) != NULL; i++) {
        text_add(out, i == 0 ? ", then `:" : ", `:");
        fill(s, r, l->text, out);
        text_char(out, '`');
    }
    text_add(out, "\n\n");
    for (size_t i = 0; (l = block_line(s, b, '~', i)) != NULL; i++)
        text_printf(out, ":::\nPredict its field `%s`:\n\n" RULE "\n:::\n\n",
                    l->text);
}

void sheet_handout(const struct sheet *s, const struct run *r, struct text *out)
{
    bool pictured = false;

    text_printf(out, "# %s\n\n", s->title);
    if (r != NULL)
        text_printf(out, "Student **%s**, seed %llu, about %u minutes\n\n",
                    r->student, (unsigned long long)r->seed, s->minutes);
    else
        text_printf(out,
                    "Student ____________________  seed ____________  "
                    "about %u minutes\n\n",
                    s->minutes);
    for (size_t i = 0; i < s->objective_count; i++)
        text_printf(out, "- %s: %s\n", s->objective[i].name,
                    s->objective[i].text);
    for (size_t i = 0; i < s->block_count; i++) {
        const struct block *b = &s->block[i];
        switch (b->kind) {
        case BLOCK_TEXT:
            text_char(out, '\n');
            put_lines(s, r, b, out);
            text_char(out, '\n');
            break;
        case BLOCK_SCENARIO: /* the first one: the student's ring */
            if (r != NULL && !pictured)
                put_picture(r, b, out);
            pictured = true;
            break;
        case BLOCK_LET:
            put_let(s, r, b, out);
            break;
        case BLOCK_RUN:
            put_run(s, r, b, out);
            break;
        case BLOCK_ASK:
        case BLOCK_REFLECT:
            put_question(s, r, b, out);
            break;
        case BLOCK_WATCH:
            put_watch(s, r, b, out);
            break;
        }
    }
}

/* -- Text ----------------------------------------------------------------- */

size_t text_columns(const char *s, size_t len)
{
    size_t columns = 0;

    for (size_t i = 0; i < len; i++)
        columns += (s[i] & 0xc0) != 0x80;
    return columns;
}

/* Does a line stand for itself: a heading, a table row, a rule? */
static bool stands_alone(const char *s)
{
    return *s == '\0' || *s == '#' || *s == '|' || strncmp(s, "    ", 4) == 0 ||
           strncmp(s, "____", 4) == 0 || strncmp(s, "---", 3) == 0 ||
           strncmp(s, "```", 3) == 0 || strcmp(s, ":::") == 0;
}

/* A list's item: the columns by which its further lines are indented. */
static size_t item_indent(const char *s)
{
    size_t digits = strspn(s, "0123456789");

    if (strncmp(s, "- ", 2) == 0)
        return 2;
    return digits > 0 && digits < 3 && strncmp(s + digits, ". ", 2) == 0
               ? digits + 2
               : 0;
}

/* Set the words of a paragraph in lines. */
static void set_paragraph(struct text *t, const char *words, size_t indent,
                          size_t width)
{
    size_t column = 0;

    for (const char *at = words; *at != '\0';) {
        size_t n = strcspn(at, " "), columns = text_columns(at, n);
        if (column > 0 && column + 1 + columns > width) {
            text_char(t, '\n');
            text_repeat(t, ' ', indent);
            column = indent;
        } else if (column > 0) {
            text_char(t, ' ');
            column++;
        }
        text_bytes(t, at, n);
        column += columns;
        at += n + strspn(at + n, " ");
    }
    if (column > 0)
        text_char(t, '\n');
}

void sheet_wrap(struct text *t, const char *prose, size_t width)
{
    LOCAL_TEXT paragraph = text_new(), line = text_new();
    size_t indent = 0;
    bool verbatim = false;

    for (const char *at = prose; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        text_clear(&line);
        text_bytes(&line, at, len);
        at += len + (at[len] == '\n');
        bool fence = strncmp(line.data, "```", 3) == 0;
        bool alone = verbatim || stands_alone(line.data);
        size_t item = alone ? 0 : item_indent(line.data);
        if (alone || item > 0) {
            set_paragraph(t, paragraph.data, indent, width);
            text_clear(&paragraph);
            indent = item;
        }
        if (!verbatim && line.data[0] == '#')
            text_char(t, '\n');
        if (fence)
            verbatim = !verbatim;
        else if (alone)
            text_printf(t, "%s%s\n", verbatim ? "    " : "", line.data);
        else
            text_printf(&paragraph, "%s ", line.data);
    }
    set_paragraph(t, paragraph.data, indent, width);
}

/* Where a page that begins at `at` ends: at a blank line near its foot. */
static const char *page_end(const char *at, size_t rows)
{
    const char *end = at, *blank = NULL;

    for (size_t row = 0; row < rows && *end != '\0'; row++) {
        size_t len = strcspn(end, "\n");
        if (len == 0 && row + 12 > rows)
            blank = end;
        end += len + (end[len] == '\n');
    }
    return *end == '\0' || blank == NULL ? end : blank + 1;
}

unsigned handout_text(const char *handout, struct text *out)
{
    LOCAL_TEXT lines = text_new(), set = text_new();
    unsigned pages = 0;
    bool blank = true;

    sheet_wrap(&lines, handout, PAGE_COLUMNS - 2);
    /* Drop the marks of questions, and blank lines that follow another. */
    for (const char *at = lines.data; *at != '\0';) {
        size_t len = strcspn(at, "\n") + 1;
        bool mark = len == 4 && memcmp(at, ":::", 3) == 0;
        if (!mark && !(len == 1 && blank))
            text_bytes(&set, at, len);
        blank = mark ? blank : len == 1;
        at += len;
    }
    for (const char *at = set.data; *at != '\0';) {
        const char *end = page_end(at, PAGE_ROWS - 2);
        if (pages > 0)
            text_char(out, '\f');
        text_bytes(out, at, (size_t)(end - at));
        text_printf(out, "\n%*s%u\n", PAGE_COLUMNS - 4, "page ", ++pages);
        at = end + strspn(end, "\n");
    }
    return pages;
}

/* -- HTML ----------------------------------------------------------------- */

static const char html_head[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n"
    "<style>\n"
    "@page { size: A4; margin: 15mm 16mm 16mm }\n"
    "body { font: 11pt/1.38 serif; max-width: 44em; margin: 1em auto;\n"
    "  padding: 0 1em }\n"
    "h1 { font-size: 1.5em; margin: 0 0 .3em }\n"
    "h2 { font-size: 1.15em; margin: 1.1em 0 .3em; border-bottom: 1px solid }\n"
    "p { margin: .45em 0 } ul { margin: .4em 0; padding-left: 1.3em }\n"
    "pre { font: 8.5pt/1.18 monospace; background: #f4f4f4; padding: .5em;\n"
    "  margin: .5em 0; overflow-x: auto }\n"
    "code { font: .9em monospace }\n"
    ".ask { border-left: 3px solid; padding: .1em 0 .3em .8em; margin: .7em 0 "
    "}\n"
    ".rule { border-bottom: 1px solid; height: 1.7em }\n"
    "h2, pre, .ask { break-inside: avoid } h2 { break-after: avoid }\n"
    "@media print { body { margin: 0; padding: 0; max-width: none;\n"
    "  font-size: 10pt } pre { background: none; border: 1px solid #999;\n"
    "  font-size: 7.5pt } }\n"
    "</style>\n";

/* Marks inside of a line: `code`, **strong**, *emphasis*. */
static const struct {
    const char *mark, *open, *close;
} marks[] = {{"`", "<code>", "</code>"},
             {"**", "<strong>", "</strong>"},
             {"*", "<em>", "</em>"}};

static void put_inline(struct text *t, const char *s, size_t len)
{
    for (size_t i = 0; i < len;) {
        size_t m = 0, n = 0, close = 0;
        for (; m < 3; m++) {
            n = strlen(marks[m].mark);
            if (i + n < len && memcmp(s + i, marks[m].mark, n) == 0 &&
                s[i + n] != ' ')
                break;
        }
        for (close = i + n + 1; m < 3 && close + n <= len; close++)
            if (memcmp(s + close, marks[m].mark, n) == 0)
                break;
        if (m == 3 || close + n > len) {
            text_xml(t, s + i++, 1);
            continue;
        }
        text_add(t, marks[m].open);
        text_xml(t, s + i + n, close - i - n);
        text_add(t, marks[m].close);
        i = close + n;
    }
}

/* What is open at present: "" or the tag to close. */
static void close_tag(struct text *t, const char **open, const char *next)
{
    if (*open[0] != '\0' && strcmp(*open, next) != 0)
        text_printf(t, "</%s>\n", *open);
    if (next[0] != '\0' && strcmp(*open, next) != 0)
        text_printf(t, "<%s>", next);
    *open = next;
}

static void html_line(struct text *t, const char *s, size_t len,
                      const char **open, bool *ask)
{
    LOCAL_TEXT line = text_new();

    text_bytes(&line, s, len);
    if (strcmp(line.data, ":::") == 0) {
        close_tag(t, open, "");
        text_add(t, *ask ? "</div>\n" : "<div class=\"ask\">\n");
        *ask = !*ask;
    } else if (strncmp(s, "________", 8) == 0) {
        close_tag(t, open, "");
        text_add(t, "<div class=\"rule\"></div>\n");
    } else if (len == 0) {
        close_tag(t, open, "");
    } else if (s[0] == '#') {
        size_t level = strspn(s, "#");
        size_t skip = level + strspn(s + level, " ");
        close_tag(t, open, "");
        text_printf(t, "<h%zu>", level);
        put_inline(t, s + skip, len - skip);
        text_printf(t, "</h%zu>\n", level);
    } else if (item_indent(s) > 0) {
        size_t skip = item_indent(s);
        close_tag(t, open, s[0] == '-' ? "ul" : "ol");
        text_add(t, "<li>");
        put_inline(t, s + skip, len - skip);
        text_char(t, '\n');
    } else {
        if (strcmp(*open, "ul") != 0 && strcmp(*open, "ol") != 0)
            close_tag(t, open, "p");
        put_inline(t, s, len);
        text_char(t, '\n');
    }
}

void handout_html(const char *handout, struct text *out)
{
    const char *open = "";
    bool ask = false, verbatim = false;

    text_add(out, html_head);
    text_add(out, "<title>");
    text_xml(out, handout + 2, strcspn(handout + 2, "\n"));
    text_add(out, "</title></head><body>\n");
    for (const char *at = handout; *at != '\0';) {
        size_t len = strcspn(at, "\n");
        if (strncmp(at, "```", 3) == 0) {
            close_tag(out, &open, "");
            text_add(out, verbatim ? "</pre>\n" : "<pre>");
            verbatim = !verbatim;
        } else if (verbatim) {
            text_xml(out, at, len);
            text_char(out, '\n');
        } else {
            html_line(out, at, len, &open, &ask);
        }
        at += len + (at[len] == '\n');
    }
    close_tag(out, &open, "");
    text_add(out, "</body></html>\n");
}
