/*
 * A plot of CSV as plain text, 78 columns by 20 lines: a title, the picture,
 * the x axis, its numbers, and a legend.  Points are joined by dots; the y
 * axis begins at 0.
 */
#include <stdlib.h>
#include <string.h>

#include "common/figure.h"

#define WIDTH 68 /* of the picture; 9 columns of numbers and the axis before */
#define HEIGHT 16
#define CURVES_MAX 4

static const char marks[] = "*+ox";

struct plot {
    const struct figure *figure;
    int x, y[CURVES_MAX]; /* columns */
    int curves;
    double x_min, x_max, y_max;
    char cell[HEIGHT][WIDTH];
};

/* The number of the column called by the first `len` letters of `name`. */
static int column_of(const char *columns, const char *name, size_t len)
{
    for (int i = 0;; i++) {
        size_t n = strcspn(columns, ",");
        if (n == len && strncmp(columns, name, len) == 0)
            return i;
        if (columns[n] == '\0')
            return 0;
        columns += n + 1;
    }
}

static double field_of(const char *line, int column)
{
    for (; column > 0; column--)
        line += strcspn(line, ",\n") + 1;
    return strtod(line, NULL);
}

static const char *next_line(const char *line)
{
    line += strcspn(line, "\n");
    return *line == '\n' ? line + 1 : line;
}

/* log2 for powers of two, and a straight line between them. */
static double doublings(double value)
{
    double n = 0;

    for (; value >= 2; value /= 2)
        n++;
    return n + value - 1;
}

static double x_of(const struct plot *p, const char *line)
{
    double x = field_of(line, p->x);

    return p->figure->log_x ? doublings(x) : x;
}

/* Three round steps end the axis. */
static double round_end(double most)
{
    static const double round[] = {1, 1.2, 1.6, 2, 2.5, 3, 4, 5, 6, 8};
    double power = 1;

    while (3 * power > most)
        power /= 10;
    for (;; power *= 10)
        for (int i = 0; i < (int)(sizeof round / sizeof *round); i++)
            if (3 * round[i] * power >= most)
                return 3 * round[i] * power;
}

static void find_bounds(struct plot *p, const char *rows)
{
    for (const char *line = rows; *line != '\0'; line = next_line(line)) {
        double x = x_of(p, line);
        if (line == rows || x < p->x_min)
            p->x_min = x;
        if (line == rows || x > p->x_max)
            p->x_max = x;
        for (int i = 0; i < p->curves; i++)
            if (field_of(line, p->y[i]) > p->y_max)
                p->y_max = field_of(line, p->y[i]);
    }
    if (p->x_max <= p->x_min)
        p->x_max = p->x_min + 1;
    p->y_max = p->y_max > 0 ? round_end(p->y_max) : 3;
}

static int place(double value, double least, double most, int cells)
{
    int at = (int)((value - least) / (most - least) * (cells - 1) + 0.5);

    return at < 0 ? 0 : at >= cells ? cells - 1 : at;
}

/* Put a mark, or a dot where nothing is. */
static void put(struct plot *p, double x, double y, char mark)
{
    int column = place(x, p->x_min, p->x_max, WIDTH);
    char *cell = &p->cell[HEIGHT - 1 - place(y, 0, p->y_max, HEIGHT)][column];

    if (mark != '.' || *cell == ' ')
        *cell = mark;
}

static void draw_curve(struct plot *p, const char *rows, int curve)
{
    double x = 0, y = 0;

    for (const char *line = rows; *line != '\0'; line = next_line(line)) {
        double from_x = x, from_y = y;
        x = x_of(p, line);
        y = field_of(line, p->y[curve]);
        for (int i = 1; line != rows && from_x < x && i < WIDTH; i++)
            put(p, from_x + (x - from_x) * i / WIDTH,
                from_y + (y - from_y) * i / WIDTH, '.');
    }
    for (const char *line = rows; *line != '\0'; line = next_line(line))
        put(p, x_of(p, line), field_of(line, p->y[curve]), marks[curve]);
}

static void print(const struct plot *p, const char *rows, struct text *out)
{
    const struct figure *f = p->figure;
    LOCAL_TEXT right = text_new();
    const char *y = f->y, *last = rows;
    double x_min = field_of(rows, p->x);

    text_printf(out, "%.78s\n", f->source);
    for (int i = 0; i < HEIGHT; i++) {
        if (i % 5 == 0)
            text_printf(out, "%8.4g ",
                        p->y_max * (HEIGHT - 1 - i) / (HEIGHT - 1));
        else
            text_repeat(out, ' ', 9);
        text_char(out, '|');
        size_t width = WIDTH;
        while (width > 0 && p->cell[i][width - 1] == ' ')
            width--;
        text_bytes(out, p->cell[i], width);
        text_char(out, '\n');
    }
    text_repeat(out, ' ', 9);
    text_char(out, '+');
    text_repeat(out, '-', WIDTH);
    for (const char *line = rows; *line != '\0'; line = next_line(line))
        if (x_of(p, line) >= x_of(p, last))
            last = line;
    size_t start = out->len;
    text_printf(&right, "%g", field_of(last, p->x));
    text_printf(out, "\n          %g", x_min);
    text_repeat(out, ' ', WIDTH + 11 - (out->len - start) - right.len);
    text_printf(out, "%s\n          x %s%s", right.data, f->x,
                f->log_x ? " (logarithmic)" : "");
    for (int i = 0; i < p->curves; i++, y += strcspn(y, ",") + 1)
        text_printf(out, "   %c %.*s", marks[i], (int)strcspn(y, ","), y);
    text_char(out, '\n');
}

void figure_plot(const struct figure *f, const char *csv, struct text *out)
{
    const char *rows = next_line(csv), *y = f->y;
    struct plot p = {.figure = f,
                     .x = column_of(f->columns, f->x, strlen(f->x))};

    memset(p.cell, ' ', sizeof p.cell);
    while (p.curves < CURVES_MAX) {
        size_t len = strcspn(y, ",");
        p.y[p.curves++] = column_of(f->columns, y, len);
        if (y[len] == '\0')
            break;
        y += len + 1;
    }
    if (*rows == '\0')
        return;
    find_bounds(&p, rows);
    for (int i = p.curves; i-- > 0;)
        draw_curve(&p, rows, i);
    print(&p, rows, out);
}
