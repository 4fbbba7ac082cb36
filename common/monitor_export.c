/*
 * A cut of the run, drawn as a picture that every program has, and written
 * to files: the screen, sequence diagrams, the trace, the scenario.
 */
#include "common/monitor_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/export.h"
#include "common/file.h"
#include "common/grow.h"

/* The last messages up to now that the filter lets through, and, if asked
   for, those in flight. */
static struct cut *cut_new(struct monitor *m, bool flying)
{
    const struct list *l = list_now(m, &m->messages);
    size_t row = list_row(m, &m->messages), here = list_here(m, l);
    struct cut *c = need(calloc(1, sizeof *c));

    c->protocol = m->protocol;
    c->names = the_names(m);
    c->selected = SIZE_MAX;
    size_t i = here > CUT_MESSAGES_MAX / 2 ? here - CUT_MESSAGES_MAX / 2 : 0;
    for (; i < here; i++) {
        const struct record *r = log_at(the_log(m), l->at[i]);
        if (i == row)
            c->selected = c->count;
        if (r->kind == RECORD_MESSAGE)
            c->at[c->count++] = *r;
    }
    for (i = 0; flying && i < m->flight_count; i++) {
        if (here + i == row)
            c->selected = c->count;
        c->at[c->count++] = m->flight[i];
        c->flying++;
    }
    return c;
}

void draw_sequence(struct monitor *m, const struct pane *p)
{
    struct cut *c = cut_new(m, true);

    cut_draw(c, p);
    free(c);
}

static bool export_trace(struct monitor *m, const char *path, struct text *why)
{
    const struct log *l = the_log(m);
    struct trace_source source = {.program = m->protocol->name};

    if (m->stepper != NULL)
        source = trace_of_scenario(sim_scenario(stepper_sim(m->stepper)));
    struct trace_writer *w = trace_create(path, &source, why);
    if (w == NULL)
        return false;
    for (size_t i = log_first(l); i < the_end(m); i++)
        trace_write(w, log_at(l, i));
    return trace_close(w, why);
}

static bool render(struct monitor *m, const char *path, struct text *t)
{
    struct cut *c = cut_new(m, false);
    bool known = true;

    if (string_ends(path, ".svg")) {
        cut_svg(c, t);
    } else if (string_ends(path, ".mmd")) {
        cut_mermaid(c, t);
    } else if (string_ends(path, ".dot")) {
        cut_dot(c, t);
    } else if (string_ends(path, ".scn") && m->stepper != NULL) {
        text_add(t, sim_scenario(stepper_sim(m->stepper))->text);
    } else if (string_ends(path, ".txt")) {
        struct pane grid = pane_new(m->rows, m->columns);
        draw_all(m, &grid);
        pane_dump(t, &grid, false);
        pane_free(&grid);
    } else {
        known = false;
    }
    free(c);
    return known;
}

bool export_file(struct monitor *m, const char *path, struct text *why)
{
    LOCAL_TEXT t = text_new();

    if (string_ends(path, ".pcapng"))
        return export_trace(m, path, why);
    if (!render(m, path, &t)) {
        text_add(why, "to what? FILE.txt .svg .mmd .dot .pcapng, and .scn "
                      "of a simulation");
        return false;
    }
    return write_file(path, "w", &t, why);
}
