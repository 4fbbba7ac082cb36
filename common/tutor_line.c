/*
 * The tutor in a terminal, line by line: for every terminal, editors, screen
 * readers and pipes.  Long text stops at the foot of the screen.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/lab.h"
#include "common/tutor.h"

#define LINE_BYTES_MAX 4096

struct screen_size {
    int rows, columns;
    bool both; /* a terminal on both sides: pages, and the monitor */
};

static struct screen_size screen_size(void)
{
    struct screen_size s = {24, 80, isatty(0) && isatty(1)};
    struct winsize w;

    if (ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_row >= 6 && w.ws_col >= 40) {
        s.rows = w.ws_row;
        s.columns = w.ws_col < 100 ? w.ws_col : 100;
    }
    return s;
}

/* Print text, a screenful at a time where a person reads it. */
static void print_pages(const char *text, const struct screen_size *s)
{
    char line[LINE_BYTES_MAX];
    int row = 0;
    bool blank = false;

    for (const char *at = text; *at != '\0';) {
        size_t n = strcspn(at, "\n");
        if (n == 0 && blank) { /* one blank line is enough */
            at++;
            continue;
        }
        blank = n == 0;
        if (s->both && ++row >= s->rows - 1) {
            fputs("-- Enter goes on --", stdout);
            fflush(stdout);
            if (fgets(line, sizeof line, stdin) == NULL)
                return;
            row = 1;
        }
        fwrite(at, 1, n, stdout);
        putchar('\n');
        at += n + (at[n] == '\n');
    }
}

/* Open the monitor in this terminal, and wait until it is closed. */
static void open_monitor(const struct tutor *t)
{
    struct text exe = text_new(), path = text_new(), keys = text_new();

    if (tutor_watch(t, &path, &keys) && program_folder(&exe)) {
        text_add(&exe, tutor_program(t));
        char verb[] = "monitor", option[] = "--keys";
        char *argv[] = {exe.data,  verb,
                        path.data, keys.len > 0 ? option : NULL,
                        keys.data, NULL};
        fflush(NULL);
        pid_t child = fork();
        if (child == 0) {
            execv(exe.data, argv);
            _exit(127);
        }
        if (child > 0)
            waitpid(child, NULL, 0);
    }
    text_free(&exe);
    text_free(&path);
    text_free(&keys);
}

/* Read one line; false at the end of input.  A line too long is cut off. */
static bool read_line(char *line, size_t size)
{
    int c;

    if (fgets(line, (int)size, stdin) == NULL)
        return false;
    size_t len = strcspn(line, "\n");
    if (line[len] != '\n')
        while ((c = getchar()) != '\n' && c != EOF)
            ;
    line[len] = '\0';
    return true;
}

static void converse(struct tutor *t)
{
    char line[LINE_BYTES_MAX];
    struct text out = text_new();

    for (bool more = true; more;) {
        struct screen_size s = screen_size();
        size_t width = (size_t)s.columns - 2;
        tutor_show(t, width, &out);
        print_pages(out.data, &s);
        text_clear(&out);
        if (tutor_is_done(t) && !s.both)
            break;
        fputs(tutor_prompt(t), stdout);
        fflush(stdout);
        if (!read_line(line, sizeof line))
            break;
        if (!s.both) /* what was typed, for who reads the transcript */
            printf("%s\n", line);
        else if (line[0] == '\0')
            open_monitor(t);
        more = tutor_input(t, line, width, &out);
    }
    fputs(out.data, stdout);
    text_free(&out);
}

int lab_tutor(const char *path, const struct lab_options *o)
{
    struct text why = text_new();
    struct tutor *t = tutor_open(path, &o->who, &why);
    bool ok = t != NULL;

    if (ok)
        converse(t);
    else
        lab_fail(o, &why);
    tutor_close(t);
    text_free(&why);
    return ok ? 0 : 2;
}
