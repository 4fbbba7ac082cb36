/*
 * A grid of character cells with attributes: what every pane draws into.
 * The monitor sends it to the terminal, or prints it as text; golden screens
 * need no terminal.
 */
#ifndef COMMON_GRID_H
#define COMMON_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/text.h"

enum attr {
    ATTR_NORMAL = 0,
    ATTR_BOLD = 1,
    ATTR_REVERSE = 2,
    ATTR_DIM = 4,
    ATTR_CYAN = 8,
    ATTR_YELLOW = 16,
    ATTR_FRAME = 32 /* a - | or + that may be drawn as a line */
};

struct cell {
    uint32_t c; /* a printable character of one column, in Unicode */
    uint8_t attr;
};

/* A rectangle of a grid; what is put outside of it is cut off. */
struct pane {
    struct cell *cell; /* of the whole grid */
    int stride;        /* columns of the whole grid */
    int row, column, rows, columns;
};

struct pane pane_new(int rows, int columns); /* owns its cells */
void pane_free(struct pane *p);
/* A part of a pane, clipped to it. */
struct pane pane_part(const struct pane *p, int row, int column, int rows,
                      int columns);
void pane_clear(const struct pane *p);
void pane_put(const struct pane *p, int row, int column, char c, uint8_t attr);
/* Put the same in every column of a row. */
void pane_fill(const struct pane *p, int row, char c, uint8_t attr);
/* Put text, UTF-8, a cell a character.  What is no character, controls the
   terminal or is not of one column in this locale comes out as '.'.  Returns
   the column behind it, cut off or not. */
int pane_text(const struct pane *p, int row, int column, uint8_t attr,
              const char *s);
/* The same in `room` columns at most: of what is longer, the last two are
   "..".  Returns the column behind what is there. */
int pane_fit(const struct pane *p, int row, int column, int room, uint8_t attr,
             const char *s);
int pane_printf(const struct pane *p, int row, int column, uint8_t attr,
                const char *format, ...) PRINTF_LIKE(5, 6);
void pane_line(const struct pane *p, int row, int column, int row2, int column2,
               char c, uint8_t attr);
/* Append the pane as exactly `rows` lines without trailing blanks: in UTF-8,
   with frames as box-drawing characters; or in ASCII, where '.' stands for any
   other character. */
void pane_dump(struct text *t, const struct pane *p, bool utf8);
/* The character of a cell, frames as box-drawing characters. */
uint32_t pane_glyph(const struct pane *p, int row, int column);

#endif
