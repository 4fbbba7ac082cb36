/* A cut of a run as a sequence diagram; see export.h. */
#include "common/export.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"

#define LANES_MAX 256
#define NAME_BYTES 24
#define SVG_LANE 110 /* pixels between lanes, and between messages */
#define SVG_ROW 22

struct lane {
    struct addr addr;
    char name[NAME_BYTES];
};

struct lanes {
    struct lane at[LANES_MAX];
    size_t count;
};

/* The lane of an endpoint; a new one where it has none; or SIZE_MAX. */
static size_t lane_of(const struct cut *c, struct lanes *l,
                      const struct endpoint *e, size_t max)
{
    LOCAL_TEXT t = text_new();
    size_t i = 0;

    while (i < l->count && !addr_equal(l->at[i].addr, e->addr))
        i++;
    if (i < l->count)
        return i;
    if (i >= max || i == LANES_MAX)
        return SIZE_MAX;
    endpoint_text(&t, e, &c->names);
    l->at[i].addr = e->addr;
    snprintf(l->at[i].name, NAME_BYTES, "%s", t.data);
    l->count++;
    return i;
}

/* The lanes of a message; false when one of them finds no room. */
static bool ends_of(const struct cut *c, struct lanes *l,
                    const struct record *r, size_t max, size_t *from,
                    size_t *to)
{
    *from = lane_of(c, l, &r->from, max);
    *to = lane_of(c, l, &r->to, max);
    return *from != SIZE_MAX && *to != SIZE_MAX;
}

static void label_of(const struct cut *c, const struct record *r,
                     struct text *t, bool all)
{
    LOCAL_FIELDS f = fields_new();

    message_fields(c->protocol, r, &f);
    text_add(t, f.type);
    if (all) {
        text_char(t, ' ');
        fields_line(t, &f, &c->names);
    }
    if (r->why != NULL)
        text_add(t, " (dropped)");
}

/* n16 before n32 before n112: lanes that keep their places. */
static int order_lanes(const void *a, const void *b)
{
    const struct lane *x = a, *y = b;
    size_t m = strlen(x->name), n = strlen(y->name);

    return m != n ? (m < n ? -1 : 1) : strcmp(x->name, y->name);
}

/* -- On a pane ------------------------------------------------------------- */

static void draw_arrow(const struct cut *c, const struct pane *p, int row,
                       size_t i, int from, int to)
{
    const struct record *r = &c->at[i];
    bool flying = i >= c->count - c->flying;
    uint8_t attr = i == c->selected ? ATTR_REVERSE : flying ? ATTR_CYAN : 0;
    int left = from < to ? from : to, right = from < to ? to : from;
    LOCAL_TEXT t = text_new();

    for (int column = left + 1; column < right; column++)
        pane_put(p, row, column, flying ? '.' : '-', attr);
    const char *head = r->why != NULL ? "x" : from < to ? ">" : "<";
    pane_text(p, row, from < to ? right - 1 : left + 1, attr, head);
    label_of(c, r, &t, false);
    int room = right - left - 5;
    if (room >= 3) {
        int len = (int)t.len < room ? (int)t.len : room;
        pane_printf(p, row, left + (right - left - len) / 2 + 1, attr, "%.*s",
                    len, t.data);
    } else {
        pane_text(p, row, right + 2, attr, t.data);
    }
}

void cut_draw(const struct cut *c, const struct pane *p)
{
    static struct lanes lanes; /* too large for a stack; filled anew below */
    size_t height = p->rows > 1 ? (size_t)p->rows - 1 : 0;
    size_t chosen = c->selected < c->count ? c->selected + 2 : c->count;
    size_t end = chosen > c->count ? c->count : chosen;

    if (end < height)
        end = c->count < height ? c->count : height;
    size_t top = end > height ? end - height : 0;
    lanes.count = 0;
    size_t max = (size_t)p->columns / 8, from, to;
    for (size_t i = end; i-- > top;) { /* the latest find room first */
        ends_of(c, &lanes, &c->at[i], max, &from, &to);
    }
    if (lanes.count == 0) {
        pane_text(p, 0, 1, 0, "no messages yet");
        return;
    }
    qsort(lanes.at, lanes.count, sizeof lanes.at[0], order_lanes);
    int width = p->columns / (int)lanes.count;
    for (size_t i = 0; i < lanes.count; i++) {
        int column = (int)i * width + width / 2;
        int name = column - (int)strlen(lanes.at[i].name) / 2;
        pane_printf(p, 0, name > 0 ? name : 0, ATTR_BOLD, "%.*s", width - 1,
                    lanes.at[i].name);
        for (int row = 1; row < p->rows; row++)
            pane_put(p, row, column, '|', ATTR_FRAME);
    }
    int row = 1;
    for (size_t i = top; i < end; i++, row++) {
        if (ends_of(c, &lanes, &c->at[i], 0, &from, &to) && from != to)
            draw_arrow(c, p, row, i, (int)from * width + width / 2,
                       (int)to * width + width / 2);
    }
}

/* -- SVG ---------------------------------------------------------------------- */

static void svg_message(const struct cut *c, size_t i, size_t from, size_t to,
                        struct text *t)
{
    const struct record *r = &c->at[i];
    int y = 50 + (int)i * SVG_ROW;
    int x1 = 130 + (int)from * SVG_LANE, x2 = 130 + (int)to * SVG_LANE;
    LOCAL_TEXT label = text_new();

    label_of(c, r, &label, true);
    text_printf(t, "<text x=\"8\" y=\"%d\">", y);
    text_seconds(t, r->time_us);
    text_printf(t,
                "</text>\n<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" "
                "stroke=\"#036\"%s marker-end=\"url(#a)\"/>\n"
                "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">",
                x1, y, x2, y, r->why != NULL ? " stroke-dasharray=\"3 3\"" : "",
                (x1 + x2) / 2, y - 4);
    text_xml(t, label.data, strlen(label.data));
    text_add(t, "</text>\n");
}

void cut_svg(const struct cut *c, struct text *t)
{
    static struct lanes lanes;
    LOCAL_TEXT body = text_new();
    size_t from, to;

    lanes.count = 0;
    for (size_t i = 0; i < c->count; i++)
        if (ends_of(c, &lanes, &c->at[i], LANES_MAX, &from, &to))
            svg_message(c, i, from, to, &body);
    int width = 180 + (int)lanes.count * SVG_LANE;
    int height = 70 + (int)c->count * SVG_ROW;
    text_printf(t,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" "
                "height=\"%d\" font-family=\"sans-serif\" font-size=\"10\">\n"
                "<defs><marker id=\"a\" refX=\"8\" refY=\"4\" "
                "markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
                "<path d=\"M0 0L8 4L0 8z\" fill=\"#036\"/></marker></defs>\n"
                "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
                width, height);
    for (size_t i = 0; i < lanes.count; i++) {
        int x = 130 + (int)i * SVG_LANE;
        text_printf(t,
                    "<text x=\"%d\" y=\"18\" text-anchor=\"middle\" "
                    "font-size=\"13\">",
                    x);
        text_xml(t, lanes.at[i].name, strlen(lanes.at[i].name));
        text_printf(t,
                    "</text>\n<line x1=\"%d\" y1=\"24\" x2=\"%d\" y2=\"%d\" "
                    "stroke=\"#bbb\"/>\n",
                    x, x, height - 10);
    }
    text_add(t, body.data);
    text_add(t, "</svg>\n");
}

/* -- Mermaid and dot ------------------------------------------------------------ */

/* Mermaid takes ';' and '#' for its own. */
static void mermaid_word(struct text *t, const char *s)
{
    for (; *s != '\0'; s++)
        text_char(t, strchr(";#:", *s) != NULL ? ',' : *s);
}

void cut_mermaid(const struct cut *c, struct text *t)
{
    static struct lanes lanes;
    size_t end = c->count - c->flying, top = 0;

    if (end > MERMAID_MESSAGES_MAX)
        top = end - MERMAID_MESSAGES_MAX;
    lanes.count = 0;
    text_add(t, "sequenceDiagram\n");
    for (size_t i = top; i < end; i++) {
        const struct record *r = &c->at[i];
        size_t from, to;
        LOCAL_TEXT label = text_new();
        if (!ends_of(c, &lanes, r, LANES_MAX, &from, &to))
            continue;
        label_of(c, r, &label, true);
        text_add(t, "    ");
        mermaid_word(t, lanes.at[from].name);
        text_add(t, r->why != NULL ? "-x" : "->>");
        mermaid_word(t, lanes.at[to].name);
        text_add(t, ": ");
        mermaid_word(t, label.data);
        text_char(t, '\n');
    }
}

void cut_dot(const struct cut *c, struct text *t)
{
    static struct lanes lanes;
    static uint32_t times[LANES_MAX][LANES_MAX];
    size_t from, to;

    lanes.count = 0;
    memset(times, 0, sizeof times);
    for (size_t i = 0; i < c->count; i++)
        if (ends_of(c, &lanes, &c->at[i], LANES_MAX, &from, &to))
            times[from][to]++;
    text_add(t, "digraph messages {\n");
    for (size_t i = 0; i < lanes.count; i++)
        for (size_t j = 0; j < lanes.count; j++)
            if (times[i][j] > 0) {
                text_add(t, "    ");
                text_json(t, lanes.at[i].name, strlen(lanes.at[i].name));
                text_add(t, " -> ");
                text_json(t, lanes.at[j].name, strlen(lanes.at[j].name));
                text_printf(t, " [label=%u];\n", times[i][j]);
            }
    text_add(t, "}\n");
}
