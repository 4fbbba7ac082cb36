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
#include "common/screen.h"
#include "common/tutor.h"

#define LINE_BYTES_MAX 4096

struct line_size {
    int rows, columns;
    bool both; /* a terminal on both sides: pages, and the monitor */
};

static struct line_size line_size(void)
{
    struct line_size s = {24, 80, isatty(0) && isatty(1)};
    struct winsize w;

    if (ioctl(1, TIOCGWINSZ, &w) == 0 && w.ws_row >= 6 && w.ws_col >= 40) {
        s.rows = w.ws_row;
        s.columns = w.ws_col < 100 ? w.ws_col : 100;
    }
    return s;
}

/* Print text, a screenful at a time where a person reads it. */
static void print_pages(const char *text, const struct line_size *s)
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
static void open_monitor(const char *program, const char *scenario, char *keys)
{
    LOCAL_TEXT exe = text_new(), path = text_new();

    program_folder(&exe);
    text_add(&exe, program);
    text_add(&path, scenario);
    char verb[] = "monitor", option[] = "--keys";
    char *argv[] = {exe.data, verb, path.data, keys[0] != '\0' ? option : NULL,
                    keys,     NULL};
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        execv(exe.data, argv);
        _exit(127);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

/* The tutor in the monitor's lab pane.  A watch block closes the monitor and
   opens it again on its own scenario. */
static int on_screen(struct tutor *t, const struct lab_options *o)
{
    LOCAL_TEXT path = text_new(), keys = text_new(), why = text_new();
    int status = 0;

    text_add(&path, tutor_scenario(t));
    text_add(&keys, ":last<Enter>zL");
    do {
        struct scenario *s =
            scenario_load(path.data, o->program->protocol, NULL, &why);
        struct monitor_options m = {.keys = keys.data, .tutor = t};
        status = s != NULL ? monitor_sim(o->program, s, &m) : lab_fail(o, &why);
        scenario_free(s);
        text_clear(&path);
        text_clear(&keys);
    } while (status == 0 && tutor_take_watch(t, &path, &keys) != NULL &&
             (text_add(&keys, "L"), true));
    return status;
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
    LOCAL_TEXT out = text_new(), path = text_new(), keys = text_new();

    for (bool more = true; more;) {
        struct line_size s = line_size();
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
        more = tutor_input(t, line, width, &out);
        const char *program = tutor_take_watch(t, &path, &keys);
        if (program != NULL && s.both)
            open_monitor(program, path.data, keys.data);
        text_clear(&path);
        text_clear(&keys);
    }
    fputs(out.data, stdout);
}

/* Is there a screen for the monitor, and a protocol in this program? */
static bool fits_screen(const struct tutor *t, const struct lab_options *o)
{
    LOCAL_TEXT why = text_new();
    return !o->line && isatty(0) && isatty(1) && screen_possible(&why) &&
           o->program->protocol->event != NULL && tutor_scenario(t);
}

int lab_tutor(const char *path, const struct lab_options *o)
{
    LOCAL_TEXT why = text_new();
    struct tutor *t = tutor_open(path, &o->who, &why);
    int status = 0;

    if (t == NULL)
        status = lab_fail(o, &why);
    else if (fits_screen(t, o))
        status = on_screen(t, o);
    else
        converse(t);
    tutor_close(t);
    return status;
}
