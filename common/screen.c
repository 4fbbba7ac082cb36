/*
 * The terminal; see screen.h.  Colours only where the terminal has them; the
 * base is its own colours, bold, reverse, cyan and yellow, and never colour
 * alone, so a monochrome terminal loses nothing.
 */
#define NCURSES_WIDECHAR 1
#include "common/screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>
#undef columns /* term.h claims these words */
#undef lines

static SCREEN *screen; /* NULL: not open */
static bool in_utf8, in_color;
static int mouse_row, mouse_column;

enum { PAIR_CYAN = 1, PAIR_YELLOW = 2 };

bool screen_possible(struct text *why)
{
    int error = 0;
    const char *term = getenv("TERM");
    bool known = setupterm(NULL, STDOUT_FILENO, &error) == OK;

    /* ncurses declares its names of capabilities as writable. */
    char cup[] = "cup";
    const char *move = known ? tigetstr(cup) : NULL;
    bool able = move != NULL && (intptr_t)move != -1;
    if (known)
        del_curterm(cur_term); /* newterm() makes its own */
    if (able)
        return true;
    text_add(why, "this terminal (TERM=");
    text_safe(why, term != NULL ? term : "", term != NULL ? strlen(term) : 0);
    text_add(why, ") cannot place its cursor; use --line, or --dump 80x24");
    return false;
}

bool screen_utf8(void)
{
    setlocale(LC_CTYPE, "");
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

bool screen_open(bool color, bool utf8, struct text *why)
{
    setlocale(LC_CTYPE, "");
    set_escdelay(25);
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL) {
        text_add(why, "the terminal cannot be used; use --line");
        return false;
    }
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    /* Terminals that call themselves another may send these. */
    define_key("\033[1~", KEY_HOME);
    define_key("\033[4~", KEY_END);
    mousemask(BUTTON1_CLICKED | BUTTON4_PRESSED | BUTTON5_PRESSED, NULL);
    mouseinterval(0);
    in_utf8 = utf8;
    in_color = color && has_colors() && start_color() == OK;
    if (in_color) {
        use_default_colors();
        init_pair(PAIR_CYAN, COLOR_CYAN, -1);
        init_pair(PAIR_YELLOW, COLOR_YELLOW, -1);
    }
    return true;
}

void screen_close(void)
{
    if (screen == NULL)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
}

void screen_size(int *rows, int *columns)
{
    getmaxyx(stdscr, *rows, *columns);
}

static attr_t attr_of(uint8_t attr, short *pair)
{
    attr_t a = A_NORMAL;

    *pair = 0;
    if (attr & ATTR_BOLD)
        a |= A_BOLD;
    if (attr & ATTR_REVERSE)
        a |= A_REVERSE;
    if (attr & ATTR_DIM)
        a |= A_DIM;
    if (in_color && (attr & ATTR_CYAN))
        *pair = PAIR_CYAN;
    if (in_color && (attr & ATTR_YELLOW))
        *pair = PAIR_YELLOW;
    return a;
}

void screen_show(const struct pane *grid, int row, int column)
{
    for (int r = 0; r < grid->rows; r++) {
        for (int c = 0; c < grid->columns; c++) {
            const struct cell *cell = &grid->cell[r * grid->stride + c];
            wchar_t glyph[2] = {cell->c < 0x80 ? (wchar_t)cell->c : L'.', 0};
            cchar_t shown;
            short pair;
            attr_t attr = attr_of(cell->attr, &pair);

            if (in_utf8)
                glyph[0] = (wchar_t)pane_glyph(grid, r, c);
            setcchar(&shown, glyph, attr, pair, NULL);
            mvadd_wch(r, c, &shown);
        }
    }
    move(row, column);
    refresh();
}

static int mouse_key(void)
{
    MEVENT event;

    if (getmouse(&event) != OK)
        return SCREEN_NONE;
    if (event.bstate & BUTTON4_PRESSED)
        return SCREEN_UP;
    if (event.bstate & BUTTON5_PRESSED)
        return SCREEN_DOWN;
    mouse_row = event.y;
    mouse_column = event.x;
    return SCREEN_CLICK;
}

int screen_key(int wait_ms)
{
    static const struct {
        int curses, ours;
    } keys[] = {{KEY_UP, SCREEN_UP},
                {KEY_DOWN, SCREEN_DOWN},
                {KEY_LEFT, SCREEN_LEFT},
                {KEY_RIGHT, SCREEN_RIGHT},
                {KEY_HOME, SCREEN_HOME},
                {KEY_END, SCREEN_END},
                {KEY_PPAGE, SCREEN_PAGE_UP},
                {KEY_NPAGE, SCREEN_PAGE_DOWN},
                {KEY_RESIZE, SCREEN_RESIZE},
                {KEY_BACKSPACE, 8},
                {127, 8},
                {KEY_ENTER, '\n'},
                {'\r', '\n'}};

    timeout(wait_ms);
    int key = getch();
    if (key == ERR) /* nothing pressed; or the terminal is gone for good */
        return isatty(STDIN_FILENO) ? SCREEN_NONE : SCREEN_LOST;
    if (key == KEY_MOUSE)
        return mouse_key();
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (keys[i].curses == key)
            return keys[i].ours;
    return key < 256 ? key : SCREEN_NONE;
}

void screen_mouse(int *row, int *column)
{
    *row = mouse_row;
    *column = mouse_column;
}
