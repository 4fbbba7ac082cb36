/*
 * The terminal: shows a grid and reads keys.  The only user of ncurses.
 */
#ifndef COMMON_SCREEN_H
#define COMMON_SCREEN_H

#include <stdbool.h>

#include "common/grid.h"
#include "common/text.h"

/* Keys that are no character; the others are themselves (Enter '\n', Escape
   27, Tab '\t', Backspace 8). */
enum screen_key {
    SCREEN_NONE = -1, /* nothing was pressed */
    SCREEN_UP = 256,
    SCREEN_DOWN,
    SCREEN_LEFT,
    SCREEN_RIGHT,
    SCREEN_HOME,
    SCREEN_END,
    SCREEN_PAGE_UP,
    SCREEN_PAGE_DOWN,
    SCREEN_RESIZE,
    SCREEN_CLICK, /* where: screen_mouse */
    SCREEN_LOST   /* the terminal is gone */
};

/* Can this terminal place its cursor?  False with *why: what to do else. */
bool screen_possible(struct text *why);
/* Is the terminal's character set UTF-8? */
bool screen_utf8(void);
/* Take over the terminal; false with *why when that fails. */
bool screen_open(bool color, bool utf8, struct text *why);
void screen_close(void); /* does nothing when it is not open */

void screen_size(int *rows, int *columns);
/* Show a grid as large as the screen, with the cursor at one of its cells. */
void screen_show(const struct pane *grid, int row, int column);
/* The next key, or SCREEN_NONE after `wait_ms`. */
int screen_key(int wait_ms);
void screen_mouse(int *row, int *column); /* of the last SCREEN_CLICK */

#endif
