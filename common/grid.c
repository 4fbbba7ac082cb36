/*
 * A grid of cells; see grid.h.  A pane points into the cells of the grid
 * that it is part of, so drawing into a part draws into the whole.
 */
#include "common/grid.h"

#include <assert.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "common/grow.h"

struct pane pane_new(int rows, int columns)
{
    assert(rows > 0 && columns > 0);
    struct pane p = {.stride = columns, .rows = rows, .columns = columns};

    p.cell = need(calloc((size_t)rows * (size_t)columns, sizeof *p.cell));
    pane_clear(&p);
    return p;
}

void pane_free(struct pane *p)
{
    free(p->cell);
    p->cell = NULL;
    p->rows = p->columns = 0;
}

static int clip(int value, int max)
{
    return value < 0 ? 0 : value > max ? max : value;
}

struct pane pane_part(const struct pane *p, int row, int column, int rows,
                      int columns)
{
    struct pane part = *p;
    int top = clip(row, p->rows), left = clip(column, p->columns);

    part.row = p->row + top;
    part.column = p->column + left;
    part.rows = clip(row + rows, p->rows) - top;
    part.columns = clip(column + columns, p->columns) - left;
    part.rows = part.rows < 0 ? 0 : part.rows;
    part.columns = part.columns < 0 ? 0 : part.columns;
    return part;
}

/* The cell, or NULL outside of the pane. */
static struct cell *cell_at(const struct pane *p, int row, int column)
{
    if (row < 0 || row >= p->rows || column < 0 || column >= p->columns)
        return NULL;
    return &p->cell[(p->row + row) * p->stride + p->column + column];
}

static void put_cell(const struct pane *p, int row, int column, uint32_t c,
                     uint8_t attr)
{
    struct cell *cell = cell_at(p, row, column);

    if (cell != NULL)
        *cell = (struct cell){.c = c, .attr = attr};
}

void pane_put(const struct pane *p, int row, int column, char c, uint8_t attr)
{
    put_cell(p, row, column, c >= ' ' && c <= '~' ? (unsigned char)c : '.',
             attr);
}

void pane_clear(const struct pane *p)
{
    for (int row = 0; row < p->rows; row++)
        pane_fill(p, row, ' ', ATTR_NORMAL);
}

void pane_fill(const struct pane *p, int row, char c, uint8_t attr)
{
    for (int column = 0; column < p->columns; column++)
        pane_put(p, row, column, c, attr);
}

/* The character that `n` bytes of valid UTF-8 stand for. */
static uint32_t code_point(const unsigned char *s, size_t n)
{
    uint32_t c = n == 1 ? s[0] : s[0] & (0x7fu >> n);

    for (size_t i = 1; i < n; i++)
        c = c << 6 | (s[i] & 0x3fu);
    return c;
}

int pane_text(const struct pane *p, int row, int column, uint8_t attr,
              const char *s)
{
    for (size_t len = strlen(s), n; len > 0; s += n, len -= n) {
        uint32_t c = '.';
        n = text_printable(s, len);
        if (n > 0)
            c = code_point((const unsigned char *)s, n);
        else
            n = 1;
        /* The grid counts a column a cell, so must the terminal: wcwidth is 0
           for marks that combine, 2 for wide characters. */
        put_cell(p, row, column++,
                 c < 0x80 || wcwidth((wchar_t)c) == 1 ? c : '.', attr);
    }
    return column;
}

int pane_fit(const struct pane *p, int row, int column, int room, uint8_t attr,
             const char *s)
{
    struct pane part = pane_part(p, row, column, 1, room);
    int end = pane_text(&part, 0, 0, attr, s);

    if (end <= part.columns)
        return column + end;
    pane_put(&part, 0, part.columns - 2, '.', attr);
    pane_put(&part, 0, part.columns - 1, '.', attr);
    return column + part.columns;
}

int pane_printf(const struct pane *p, int row, int column, uint8_t attr,
                const char *format, ...)
{
    LOCAL_TEXT t = text_new();
    va_list args;

    va_start(args, format);
    text_vprintf(&t, format, args);
    va_end(args);
    column = pane_text(p, row, column, attr, t.data);
    return column;
}

/* Bresenham's line: one cell a step along the longer axis. */
void pane_line(const struct pane *p, int row, int column, int row2, int column2,
               char c, uint8_t attr)
{
    int dy = abs(row2 - row), dx = abs(column2 - column);
    int sy = row < row2 ? 1 : -1, sx = column < column2 ? 1 : -1;
    int error = dx - dy;

    for (;;) {
        pane_put(p, row, column, c, attr);
        if (row == row2 && column == column2)
            return;
        int twice = 2 * error;
        if (twice > -dy) {
            error -= dy;
            column += sx;
        }
        if (twice < dx) {
            error += dx;
            row += sy;
        }
    }
}

static bool is_frame(const struct pane *p, int row, int column, char straight)
{
    const struct cell *c = cell_at(p, row, column);

    return c != NULL && (c->attr & ATTR_FRAME) != 0 &&
           (c->c == '+' || c->c == (unsigned char)straight);
}

uint32_t pane_glyph(const struct pane *p, int row, int column)
{
    /* A corner by its neighbours: up 1, down 2, left 4, right 8. */
    static const uint16_t corner[16] = {
        '+',    0x2502, 0x2502, 0x2502, 0x2500, 0x2518, 0x2510, 0x2524,
        0x2500, 0x2514, 0x250c, 0x251c, 0x2500, 0x2534, 0x252c, 0x253c};
    const struct cell *c = cell_at(p, row, column);
    unsigned sides = 0;

    if ((c->attr & ATTR_FRAME) == 0)
        return c->c;
    if (c->c == '-')
        return 0x2500;
    if (c->c == '|')
        return 0x2502;
    sides |= is_frame(p, row - 1, column, '|') ? 1u : 0;
    sides |= is_frame(p, row + 1, column, '|') ? 2u : 0;
    sides |= is_frame(p, row, column - 1, '-') ? 4u : 0;
    sides |= is_frame(p, row, column + 1, '-') ? 8u : 0;
    return corner[sides];
}

/* Append a character as UTF-8: RFC 3629, section 3. */
static void put_glyph(struct text *t, uint32_t glyph)
{
    int more = glyph < 0x80 ? 0 : glyph < 0x800 ? 1 : glyph < 0x10000 ? 2 : 3;
    static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};

    text_char(t, (char)(lead[more] | glyph >> 6 * more));
    while (more-- > 0)
        text_char(t, (char)(0x80 | (glyph >> 6 * more & 0x3f)));
}

void pane_dump(struct text *t, const struct pane *p, bool utf8)
{
    for (int row = 0; row < p->rows; row++) {
        int end = p->columns;

        while (end > 0 && cell_at(p, row, end - 1)->c == ' ')
            end--;
        for (int column = 0; column < end; column++) {
            uint32_t c = cell_at(p, row, column)->c;
            if (utf8)
                put_glyph(t, pane_glyph(p, row, column));
            else
                text_char(t, c < 0x80 ? (char)c : '.');
        }
        text_char(t, '\n');
    }
}
