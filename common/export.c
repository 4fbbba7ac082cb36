/* A cut of a run as a sequence diagram; see export.h. */
#include "common/export.h"

#include <string.h>

#include "common/output.h"

#define LANES_MAX 256
#define NAME_BYTES 24
#define SVG_LANE 110 /* pixels between lanes, and between messages */
#define SVG_ROW 22

struct lanes {
    struct addr addr[LANES_MAX];
    char name[LANES_MAX][NAME_BYTES];
    size_t count;
};

/* The lane of an endpoint; a new one where it has none; or SIZE_MAX. */
static size_t lane_of(const struct cut *c, struct lanes *l,
                      const struct endpoint *e, size_t max)
{
    LOCAL_TEXT t = text_new();
    size_t i = 0;

    while (i < l->count && !addr_equal(l->addr[i], e->addr))
        i++;
    if (i < l->count)
        return i;
    if (i >= max || i == LANES_MAX)
        return SIZE_MAX;
    const char *name = e->name;
    if (name == NULL && c->names.name != NULL)
        name = c->names.name(c->names.context, e->addr);
    if (name != NULL)
        text_safe(&t, name, strlen(name));
    else
        addr_text(&t, e->addr);
    size_t len = t.len < NAME_BYTES ? t.len : NAME_BYTES - 1;
    memcpy(l->name[i], t.data, len);
    l->name[i][len] = '\0';
    l->addr[i] = e->addr;
    l->count++;
    return i;
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
static void sort_lanes(struct lanes *l)
{
    for (size_t i = 1; i < l->count; i++) {
        for (size_t j = i; j > 0; j--) {
            char *a = l->name[j - 1], *b = l->name[j], name[NAME_BYTES];
            size_t x = strlen(a), y = strlen(b);
            if (x < y || (x == y && strcmp(a, b) <= 0))
                break;
            memcpy(name, a, sizeof name);
            memcpy(a, b, sizeof name);
            memcpy(b, name, sizeof name);
            struct addr addr = l->addr[j];
            l->addr[j] = l->addr[j - 1];
            l->addr[j - 1] = addr;
        }
    }
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
    size_t max = (size_t)p->columns / 8;
    for (size_t i = end; i-- > top;) { /* the latest find room first */
        lane_of(c, &lanes, &c->at[i].from, max);
        lane_of(c, &lanes, &c->at[i].to, max);
    }
    if (lanes.count == 0) {
        pane_text(p, 0, 1, 0, "no messages yet");
        return;
    }
    sort_lanes(&lanes);
    int width = p->columns / (int)lanes.count;
    for (size_t i = 0; i < lanes.count; i++) {
        int column = (int)i * width + width / 2;
        int name = column - (int)strlen(lanes.name[i]) / 2;
        pane_printf(p, 0, name > 0 ? name : 0, ATTR_BOLD, "%.*s", width - 1,
                    lanes.name[i]);
        for (int row = 1; row < p->rows; row++)
            pane_put(p, row, column, '|', ATTR_FRAME);
    }
    int row = 1;
    for (size_t i = top; i < end; i++, row++) {
        size_t from = lane_of(c, &lanes, &c->at[i].from, 0);
        size_t to = lane_of(c, &lanes, &c->at[i].to, 0);
        if (from != SIZE_MAX && to != SIZE_MAX && from != to)
            draw_arrow(c, p, row, i, (int)from * width + width / 2,
                       (int)to * width + width / 2);
    }
}

/* -- SVG ---------------------------------------------------------------------- */

static void svg_message(const struct cut *c, struct lanes *lanes, size_t i,
                        struct text *t)
{
    const struct record *r = &c->at[i];
    int y = 50 + (int)i * SVG_ROW;
    int x1 = 130 + (int)lane_of(c, lanes, &r->from, LANES_MAX) * SVG_LANE;
    int x2 = 130 + (int)lane_of(c, lanes, &r->to, LANES_MAX) * SVG_LANE;
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

    lanes.count = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (lane_of(c, &lanes, &c->at[i].from, LANES_MAX) == SIZE_MAX ||
            lane_of(c, &lanes, &c->at[i].to, LANES_MAX) == SIZE_MAX)
            continue;
        svg_message(c, &lanes, i, &body);
    }
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
        text_xml(t, lanes.name[i], strlen(lanes.name[i]));
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
    for (; *s != '\0'; s++) {
        if (strchr(";#:", *s) != NULL)
            text_char(t, ',');
        else
            text_char(t, *s);
    }
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
        size_t from = lane_of(c, &lanes, &r->from, LANES_MAX);
        size_t to = lane_of(c, &lanes, &r->to, LANES_MAX);
        LOCAL_TEXT label = text_new();
        if (from == SIZE_MAX || to == SIZE_MAX)
            continue;
        label_of(c, r, &label, true);
        text_add(t, "    ");
        mermaid_word(t, lanes.name[from]);
        text_add(t, r->why != NULL ? "-x" : "->>");
        mermaid_word(t, lanes.name[to]);
        text_add(t, ": ");
        mermaid_word(t, label.data);
        text_char(t, '\n');
    }
}

void cut_dot(const struct cut *c, struct text *t)
{
    static struct lanes lanes;
    static uint32_t times[LANES_MAX][LANES_MAX];

    lanes.count = 0;
    memset(times, 0, sizeof times);
    for (size_t i = 0; i < c->count; i++) {
        size_t from = lane_of(c, &lanes, &c->at[i].from, LANES_MAX);
        size_t to = lane_of(c, &lanes, &c->at[i].to, LANES_MAX);
        if (from != SIZE_MAX && to != SIZE_MAX)
            times[from][to]++;
    }
    text_add(t, "digraph messages {\n");
    for (size_t i = 0; i < lanes.count; i++)
        for (size_t j = 0; j < lanes.count; j++)
            if (times[i][j] > 0) {
                text_add(t, "    ");
                text_json(t, lanes.name[i], strlen(lanes.name[i]));
                text_add(t, " -> ");
                text_json(t, lanes.name[j], strlen(lanes.name[j]));
                text_printf(t, " [label=%u];\n", times[i][j]);
            }
    text_add(t, "}\n");
}
