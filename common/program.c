/*
 * The front door of every program: choose the verb, print the help; see
 * program.h and verbs.h.
 */
#include "common/program.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/verbs.h"

static const struct verb shared_verbs[] = {
    {"sim", "[SCENARIO]", "run in the simulator; print the messages", verb_sim},
    {"monitor", "[FILE...]", "step through a scenario or recorded traces",
     verb_monitor},
    {"node", "", "one real node; commands on standard input", verb_node},
    {"live", "[SCENARIO]", "a scenario on real loopback sockets", verb_live},
    {"show", "SCENARIO FACT...", "print one fact about a run", verb_show},
    {"check", "[SCENARIO]", "explore every order of events", verb_check},
    {"figure", "[NAME]", "a published figure's experiment, as CSV",
     verb_figure},
    {"trace", "FILE...", "print, filter or merge recorded traces", verb_trace},
    {"lab", "[N]", "the guided worksheet N; without N, the list", verb_lab},
    {"introducer", "", "name recent nodes to newcomers, by HTTP",
     verb_introducer},
    {.name = NULL},
};

static const struct verb *verb_in(const struct verb *verbs, const char *name)
{
    return row_named(verbs, sizeof *verbs, name, strlen(name));
}

static void help_verb(const struct program *p, const char *verb,
                      const char *usage, const char *about, struct text *t)
{
    char left[64];

    snprintf(left, sizeof left, "%s %s %s", p->protocol->name, verb, usage);
    text_printf(t, "  %-32s %s\n", left, about);
}

/* The shared verbs but those that the program words anew, then its own. */
static void help_verbs(const struct program *p, struct text *t)
{
    for (const struct verb *v = shared_verbs; v->name != NULL; v++)
        if (verb_in(p->verbs, v->name) == NULL)
            help_verb(p, v->name, v->usage, v->help, t);
    for (const struct verb *v = p->verbs; v != NULL && v->name != NULL; v++)
        help_verb(p, v->name, v->usage, v->help, t);
}

static int help(const struct program *p)
{
    const char *name = p->protocol->name;
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s: %s\n\n", name, p->idea);
    help_verb(p, "", "", "the monitor on the built-in scenario", &t);
    help_verbs(p, &t);
    size_t verbs = t.len;
    text_printf(&t,
                "\n'%s VERB --help' says more.  Settings, for --set and "
                "scenarios:\n",
                name);
    cli_flow_settings(&t, p->protocol->options);
    cli_flow_settings(&t, host_options);
    text_char(&t, '\n');
    if (cli_cut(&t, verbs))
        text_printf(&t,
                    "\n'%s VERB --help' says more; that of 'sim' has the "
                    "settings.\n",
                    name);
    (void)cli_print(p, &t);
    return EXIT_OK;
}

static int unknown_verb(const struct program *p, const char *word)
{
    struct word_list names = {.at = {"--help", "--version"}, .count = 2};

    names_add(&names, shared_verbs, sizeof *shared_verbs);
    names_add(&names, p->verbs, sizeof *p->verbs);
    return cli_unknown(p, word[0] == '-' ? "option" : "verb", word, &names);
}

/* Nothing that is opened later may pass for a standard stream. */
static void open_standard_streams(void)
{
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (fcntl(fd, F_GETFD) < 0)
            (void)open("/dev/null", O_RDWR);
}

int program_main(const struct program *p, int argc, char **argv)
{
    char monitor[] = "monitor", sim[] = "sim", *alone[] = {NULL, NULL};

    open_standard_streams();
    signal(SIGPIPE, SIG_IGN);
    if (argc < 2) {
        bool screen = isatty(STDOUT_FILENO) != 0;
        alone[0] = screen ? monitor : sim;
        return screen ? verb_monitor(p, 1, alone) : verb_sim(p, 1, alone);
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
        return help(p);
    if (strcmp(argv[1], "--version") == 0) {
        LOCAL_TEXT t = text_new();
        text_printf(&t, "%s %s (p2plab)\n", p->protocol->name, P2PLAB_VERSION);
        (void)cli_print(p, &t);
        return EXIT_OK;
    }
    const struct verb *v = verb_in(p->verbs, argv[1]);
    struct program as = *p;
    as.as = v;
    if (v == NULL)
        v = verb_in(shared_verbs, argv[1]);
    return v != NULL ? cli_end(p, v->run(&as, argc - 1, argv + 1))
                     : unknown_verb(p, argv[1]);
}
