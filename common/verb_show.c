/*
 * `PROGRAM show SCENARIO FACT [ARGUMENT...]`: run a scenario and print one
 * bare fact about the state that it ends in.  Worksheets take their answers
 * from here.  Facts that hold for any protocol stand in this file, the
 * program's own in its table.
 */
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/sim.h"
#include "common/trace.h"
#include "common/verbs.h"

#define COST_SLICE_US 10000
#define COST_LIMIT_US (120 * SECOND_US)

/* -- Facts of every protocol ------------------------------------------------ */

static enum fact_outcome fact_nodes(struct fact_call *c)
{
    const struct network *n = c->network;
    const char *between = "";

    for (size_t i = 0; i < n->count; i++) {
        if (n->host[i]->state == NODE_DOWN)
            continue;
        text_printf(c->out, "%s%s", between, n->host[i]->name);
        between = " ";
    }
    return FACT_OK;
}

static enum fact_outcome fact_node(struct fact_call *c)
{
    const struct network *n = c->network;
    const struct host *h = c->host[0];
    struct view view = {.network = n, .selected = h};
    struct state_rows rows = {.at = NULL};

    text_printf(c->out, "%s at ", h->name);
    addr_text(c->out, h->addr);
    if (h->state == NODE_DOWN || h->node == NULL) {
        text_add(c->out, " is down");
        return FACT_OK;
    }
    if (c->program->state != NULL && h->protocol == c->program->protocol)
        c->program->state(&view, &rows);
    for (size_t i = 0; i < rows.count; i++)
        text_printf(c->out, "\n%-10s %s", rows.at[i].name,
                    rows.at[i].value.data);
    state_rows_free(&rows);
    return FACT_OK;
}

static enum fact_outcome fact_invariants(struct fact_call *c)
{
    const struct protocol *p = c->program->protocol;
    LOCAL_FINDINGS f = network_check(c->network, p);
    bool holds = findings_hold(&f);

    text_printf(c->out, "%s: %s", p->invariants, holds ? "yes" : "no");
    for (size_t i = 0; i < f.count; i++)
        if (!f.at[i].holds)
            text_printf(c->out, "\n%s: %s", f.at[i].name, f.at[i].why.data);
    return holds ? FACT_OK : FACT_BROKEN;
}

/* Is the command open, or a message under way that descends from it? */
static bool under_way(struct sim *sim, uint32_t command)
{
    struct record r;

    if (sim_command_open(sim, command))
        return true;
    for (size_t i = 0; sim_in_flight(sim, i, &r); i++)
        if (r.command == command)
            return true;
    return false;
}

/* Give the command now, and run until nothing more can come of it. */
static enum fact_outcome cost(struct fact_call *c, uint64_t *messages,
                              uint64_t *bytes)
{
    uint64_t end = sim_now(c->sim) + COST_LIMIT_US;
    LOCAL_TEXT command = text_new();

    for (size_t i = 1; i < c->arg_count; i++)
        text_printf(&command, "%s%s", i > 1 ? " " : "", c->args[i]);
    uint32_t number = 0;
    if (command_check(c->program->protocol, command.data, c->why))
        number = sim_command(c->sim, c->host[0], command.data);
    if (number == 0 && c->why->len == 0)
        text_printf(c->why, "%s is down", c->args[0]);
    if (number == 0)
        return FACT_ERROR;
    for (uint64_t now = sim_now(c->sim); under_way(c->sim, number) && now < end;
         now += COST_SLICE_US)
        sim_run_to(c->sim, now);
    sim_cost(c->sim, number, messages, bytes);
    return FACT_OK;
}

static enum fact_outcome fact_cost(struct fact_call *c)
{
    uint64_t messages = 0, bytes = 0;
    enum fact_outcome outcome = cost(c, &messages, &bytes);

    text_u64(c->out, messages);
    return outcome;
}

static enum fact_outcome fact_cost_bytes(struct fact_call *c)
{
    uint64_t messages = 0, bytes = 0;
    enum fact_outcome outcome = cost(c, &messages, &bytes);

    text_u64(c->out, bytes);
    return outcome;
}

static enum fact_outcome fact_messages(struct fact_call *c)
{
    text_u64(c->out, sim_status(c->sim).messages);
    return FACT_OK;
}

static const struct fact general[] = {
    {"nodes", "", "", "the nodes that are up", "", fact_nodes},
    {"node", "D", "NODE", "what a node knows", "", fact_node},
    {"invariants", "", "", "does what must hold, hold?", "", fact_invariants},
    {"messages", "", "", "messages of the run so far", "", fact_messages},
    {"cost", "Dt", "NODE COMMAND...", "messages that a command causes", "",
     fact_cost},
    {"cost-bytes", "Dt", "NODE COMMAND...", "their bytes", "", fact_cost_bytes},
    {.name = NULL}};

/* -- Finding and checking ---------------------------------------------------- */

static const struct fact *fact_find(const struct program *p, const char *name)
{
    const struct fact *f =
        row_named(general, sizeof *general, name, strlen(name));

    return f != NULL
               ? f
               : row_named(p->facts, sizeof *p->facts, name, strlen(name));
}

static int unknown_fact(const struct program *p, const char *name)
{
    struct word_list names = {.count = 0};

    names_add(&names, general, sizeof *general);
    names_add(&names, p->facts, sizeof *p->facts);
    return cli_unknown(p, "fact", name, &names);
}

/* As many arguments as the fact takes? */
static bool check_count(const struct fact *f, size_t count)
{
    size_t least = 0, most = 0;

    for (const char *type = f->args; *type != '\0'; type++) {
        if (*type == '?')
            continue;
        most = *type == 't' ? SIZE_MAX : most + (most < SIZE_MAX);
        least += type[1] != '?';
    }
    return count >= least && count <= most;
}

static bool unknown_node(const struct network *n, const char *name,
                         struct text *why)
{
    const char *best = NULL;

    for (size_t i = 0; i < n->count; i++) {
        const char *words[] = {best, n->host[i]->name};
        best = nearest_word(name, words + (best == NULL), best == NULL ? 1 : 2);
    }
    text_printf(why, "there is no node '%.60s'", name);
    if (best != NULL)
        text_printf(why, "; did you mean '%s'?", best);
    return false;
}

static bool find_host(struct fact_call *c, size_t arg, bool live)
{
    const struct network *n = c->network;
    struct host *h = n->by_name(n, c->args[arg]);

    if (h == NULL)
        return unknown_node(n, c->args[arg], c->why);
    if (live && network_node(h, c->program->protocol) == NULL) {
        text_printf(c->why, "node %s is not up", h->name);
        return false;
    }
    c->host[arg] = h;
    return true;
}

/* Are the arguments of the types that the fact takes? */
static bool check_args(const struct fact *f, struct fact_call *c)
{
    const char *type = f->args;
    struct addr addr;

    for (size_t i = 0; i < c->arg_count; i++) {
        if ((*type == 'N' || *type == 'D') && !find_host(c, i, *type == 'N'))
            return false;
        if (*type == 'a' && !addr_parse(&addr, c->args[i])) {
            text_printf(c->why, "'%.60s' is no address, expected '%s %s'",
                        c->args[i], f->name, f->usage);
            return false;
        }
        if (*type != 't')
            type += type[1] == '?' ? 2 : 1;
    }
    return true;
}

/* -- The verb ----------------------------------------------------------------- */

enum fact_help { FACT_NAMED, FACT_SHOWN, FACT_EXPLAINED };

/* "path NODE KEY", "path NODE KEY (path n80 42)", or all on two lines. */
static void help_fact(const struct program *p, const struct fact *f,
                      enum fact_help how, struct text *t)
{
    const char *blank = f->usage[0] != '\0' ? " " : "", *example = f->example;
    LOCAL_TEXT s = text_new();
    int len = (int)strlen(example);

    if (f->args[0] == 'D' && len == 0) {
        example = p->example;
        len = (int)strcspn(example, f->args[1] == '\0' ? " " : "");
    }
    text_printf(&s, "%s%s%s", f->name, blank, f->usage);
    if (how == FACT_EXPLAINED) {
        text_printf(t, "%s: %s\n  %s show %s %s%s%.*s\n", s.data, f->help,
                    p->protocol->name, p->scenario, f->name, blank, len,
                    example);
        return;
    }
    if (how == FACT_SHOWN && len > 0)
        text_printf(&s, " (%s %.*s)", f->name, len, example);
    cli_flow(t, s.data);
}

static void help_all(const struct program *p, enum fact_help how,
                     struct text *t)
{
    for (const struct fact *f = general; f->name != NULL; f++)
        help_fact(p, f, how, t);
    for (const struct fact *f = p->facts; f != NULL && f->name != NULL; f++)
        help_fact(p, f, how, t);
    text_char(t, '\n');
}

/* All facts, or those that are named. */
static void help_facts(const struct cli *c, struct text *t)
{
    const struct program *p = c->program;

    if (c->arg_count > 0)
        text_clear(t);
    for (size_t i = 0; i < c->arg_count; i++) {
        const struct fact *f = fact_find(p, c->args[i]);
        if (f != NULL)
            help_fact(p, f, FACT_EXPLAINED, t);
    }
    if (t->len > 0 && c->arg_count > 0)
        return;
    size_t before = t->len;
    text_add(t, "Facts, with an example; 'show --help FACT' says more:\n");
    help_all(p, FACT_SHOWN, t);
    if (!cli_cut(t, before))
        return;
    text_add(t, "Facts; 'show --help FACT' says more, with an example:\n");
    help_all(p, FACT_NAMED, t);
}

/* On a terminal a fact that is longer than a line is broken at spaces, not in
   the midst of a name; elsewhere it is one line. */
static void break_for_terminal(struct text *t)
{
    struct winsize w;
    size_t start = 0, space = 0;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
        return;
    for (size_t i = 0; i < t->len; i++) {
        if (t->data[i] == '\n')
            start = i + 1;
        else if (t->data[i] == ' ')
            space = i;
        else if (i - start >= w.ws_col && space > start) {
            t->data[space] = '\n';
            start = space + 1;
        }
    }
}

static int answer(struct fact_call *c, const struct fact *f,
                  const struct run_options *o)
{
    LOCAL_TEXT line = text_new(), out = text_new(), why = text_new();

    c->network = sim_network(c->sim);
    c->out = &out;
    c->why = &why;
    bool may = !sim_status(c->sim).no_memory && check_args(f, c);
    enum fact_outcome outcome = may ? f->print(c) : FACT_ERROR;
    if (outcome == FACT_ERROR)
        cli_error(c->program, "%s", why.len > 0 ? why.data : "out of memory");
    if (o->json) {
        text_printf(&line,
                    "{\"kind\":\"fact\",\"fact\":\"%s\",\"ok\":%s,"
                    "\"value\":",
                    f->name, outcome == FACT_OK ? "true" : "false");
        text_json(&line, out.data, out.len);
        text_char(&line, '}');
    } else {
        break_for_terminal(&out);
        text_bytes(&line, out.data, out.len);
    }
    text_char(&line, '\n');
    if (outcome != FACT_ERROR && !o->quiet)
        (void)cli_print(c->program, &line);
    c->out = c->why = NULL;
    return outcome == FACT_OK      ? EXIT_OK
           : outcome == FACT_ERROR ? EXIT_USAGE
                                   : EXIT_FAILED;
}

/* Run to the end, or to `at`; false on Ctrl-C. */
static bool run(struct sim *sim, const struct cli_number *at)
{
    while (!at->given || sim_next_time(sim) <= at->value) {
        if (cli_interrupted() != 0)
            return false;
        if (!sim_step(sim))
            return true;
    }
    sim_run_to(sim, at->value);
    return true;
}

static int show(const struct program *p, const struct scenario *scenario,
                const struct fact *f, const struct cli *c,
                const struct cli_number *at)
{
    LOCAL_TEXT why = text_new();
    struct fact_call call = {.program = p,
                             .sim = sim_new(scenario, &why),
                             .args = c->args + 2,
                             .arg_count = c->arg_count - 2};
    struct trace_source source = trace_of_scenario(scenario);
    struct trace_writer *trace = NULL;
    struct observer observer = {.record = trace_write, .context = NULL};
    const char *path = c->run->trace;
    int status = EXIT_USAGE;

    if (call.sim != NULL && path != NULL)
        observer.context = trace = trace_create(path, &source, &why);
    if (call.sim == NULL || (path != NULL && trace == NULL)) {
        cli_error_at(p, why.data);
    } else {
        if (trace != NULL)
            sim_observe(call.sim, &observer);
        status =
            run(call.sim, at) ? answer(&call, f, c->run) : EXIT_INTERRUPTED;
    }
    if (trace != NULL && !trace_close(trace, &why))
        status = cli_error(p, "%s", why.data);
    sim_free(call.sim);
    return status;
}

int verb_show(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    struct cli_number at = {.given = false};
    const struct cli_option options[] = {
        {"at", "TIME", "the state at 250ms, 10s, 2m; else at the end", CLI_TIME,
         &at},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "show",
                    .usage = "SCENARIO FACT [ARGUMENT...]",
                    .about = "Run a scenario and print one fact about the "
                             "state that it ends in.",
                    .options = options,
                    .run = &o,
                    .args_min = 2,
                    .args_max = SIZE_MAX,
                    .help = EXPLAIN_NONE,
                    .more = help_facts};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    const struct fact *f = fact_find(p, c.args[1]);
    if (f == NULL)
        return unknown_fact(p, c.args[1]);
    if (!check_count(f, c.arg_count - 2))
        return cli_error(p, "usage: %s show SCENARIO %s%s%s", p->protocol->name,
                         f->name, f->usage[0] != '\0' ? " " : "", f->usage);
    struct scenario *s = cli_scenario(p, c.args[0], &o);
    if (s == NULL)
        return EXIT_USAGE;
    cli_catch_signals();
    status = show(p, s, f, &c, &at);
    scenario_free(s);
    return status;
}
