/* The command line that all verbs share; see cli.h. */
#include "common/cli.h"
#include "common/journal.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS_SEEN_MAX 32 /* of one verb, the shared ones included */
#define HELP_LINES 24
#define HELP_COLUMNS 79

/* -- Errors and output ---------------------------------------------------- */

static void say(const struct text *t)
{
    if (write(STDERR_FILENO, t->data, t->len) < 0)
        return; /* there is nobody left to tell */
}

int cli_error(const struct program *p, const char *format, ...)
{
    LOCAL_TEXT t = text_new();
    va_list args;

    text_printf(&t, "%s: ", p->protocol->name);
    va_start(args, format);
    text_vsafe(&t, format, args);
    va_end(args);
    text_char(&t, '\n');
    say(&t);
    return EXIT_USAGE;
}

/* Does it begin with "FILE:LINE: "? */
static bool has_place(const char *sentence)
{
    const char *end = strstr(sentence, ": "), *colon = end;

    while (colon != NULL && colon > sentence && strchr("0123456789", colon[-1]))
        colon--;
    return colon != end && colon > sentence && colon[-1] == ':';
}

int cli_error_at(const struct program *p, const char *sentence)
{
    LOCAL_TEXT t = text_new();

    if (!has_place(sentence))
        return cli_error(p, "%s", sentence);
    text_safe(&t, sentence, strlen(sentence));
    text_char(&t, '\n');
    say(&t);
    return EXIT_USAGE;
}

int cli_unknown(const struct program *p, const char *what, const char *word,
                const struct word_list *words)
{
    const char *near = nearest_word(word, words->at, words->count);

    if (near != NULL)
        return cli_error(p, "unknown %s '%.60s'; did you mean '%s'?", what,
                         word, near);
    const char *list = strcmp(what, "figure") == 0 ? "figure"
                       : strcmp(what, "fact") == 0 ? "show --help"
                                                   : "--help";
    return cli_error(p, "unknown %s '%.60s'; see '%s %s'", what, word,
                     p->protocol->name, list);
}

bool cli_print(const struct program *p, const struct text *t)
{
    if (fwrite(t->data, 1, t->len, stdout) == t->len && fflush(stdout) == 0)
        return true;
    if (errno == EPIPE)
        return false;
    exit(cli_error(p, "cannot write to standard output: %s", strerror(errno)));
}

int cli_end(const struct program *p, int status)
{
    struct stat st;

    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    if (errno == EPIPE || (errno == 0 && fstat(STDOUT_FILENO, &st) == 0 &&
                           (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode))))
        return status; /* the reader had enough */
    return cli_error(p, "cannot write to standard output: %s",
                     strerror(errno != 0 ? errno : EIO));
}

static volatile sig_atomic_t signal_caught;

static void on_signal(int number)
{
    if (number == SIGINT && signal_caught == SIGINT)
        _exit(EXIT_INTERRUPTED);
    signal_caught = number;
}

void cli_catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal}; /* no SA_RESTART */

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int cli_interrupted(void)
{
    return signal_caught;
}

struct scenario *cli_scenario(const struct program *p, const char *name,
                              const struct run_options *run)
{
    struct overrides over = {.has_seed = run->seed.given,
                             .seed = run->seed.value,
                             .set = run->set,
                             .until_us = run->until.value};
    LOCAL_TEXT path = text_new(), why = text_new();
    struct scenario *s = NULL;

    if (name[0] == '@' && !state_scenario(name + 1, &path, &why)) {
        cli_error(p, "%s", why.data);
    } else if (strcmp(name, "-") != 0 && name[0] != '@' &&
               !program_find_file(name, &path)) {
        if (access(name, R_OK) != 0 && errno == EACCES)
            cli_error(p, "%.200s: cannot read: %s", name, strerror(errno));
        else
            cli_error(p,
                      "there is no scenario '%.200s' here; see labs/ for some",
                      name);
    } else {
        s = scenario_load(strcmp(name, "-") == 0 ? "-" : path.data, p->protocol,
                          &over, &why);
        text_char(&why, '\n');
        if (s == NULL)
            say(&why);
    }
    if (s == NULL || s->has_nodes)
        return s;
    cli_error(p,
              "%.200s starts no node, so nothing can happen; expected 'node "
              "NAME' or 'nodes COUNT prefix=PREFIX'",
              name);
    scenario_free(s);
    return NULL;
}

/* -- Options ---------------------------------------------------------------- */

/* The verb's own options, then the shared ones, then --help. */
static size_t all_options(const struct cli *c, struct cli_option *all,
                          bool *help)
{
    size_t n = 0;

    for (const struct cli_option *o = c->options; o != NULL && o->name != NULL;
         o++)
        all[n++] = *o;
    if (c->run != NULL) {
        struct run_options *r = c->run;
        const struct cli_option shared[] = {
            {"seed", "N", "the run's seed, over the scenario's", CLI_NUMBER,
             &r->seed},
            {"set", "NAME=VALUE", "a setting, over the scenario's; repeatable",
             CLI_LIST, r->set},
            {"until", "TIME", "end the run at 250ms, 10s, 2m", CLI_TIME,
             &r->until},
            {"json", NULL, "print JSON, one object a line", CLI_FLAG, &r->json},
            {"trace", "FILE", "write what happens to a pcapng file", CLI_TEXT,
             &r->trace},
            {"quiet", NULL, "print results only", CLI_FLAG, &r->quiet},
            {"color", "WHEN", "auto, always or never", CLI_COLOR, &r->color},
        };
        memcpy(all + n, shared, sizeof shared);
        n += sizeof shared / sizeof *shared;
    }
    all[n++] = (struct cli_option){"help", NULL, "print this", CLI_FLAG, help};
    all[n] = (struct cli_option){.name = NULL};
    return n;
}

static bool bad_value(const struct cli *c, const struct cli_option *o,
                      const char *value, const char *expected)
{
    cli_error(c->program, "--%s is '%.60s', expected %s", o->name, value,
              expected);
    return false;
}

static bool store_color(const struct cli *c, const struct cli_option *o,
                        const char *value)
{
    static const char *const words[] = {"auto", "always", "never"};

    for (int i = 0; i < 3; i++)
        if (strcmp(value, words[i]) == 0) {
            *(enum color *)o->into = (enum color)i;
            return true;
        }
    return bad_value(c, o, value, "auto, always or never");
}

static bool store_item(const struct cli *c, const struct cli_option *o,
                       const char *value)
{
    const char **list = o->into;
    size_t n = 0;

    while (list[n] != NULL)
        n++;
    if (n == SETS_MAX)
        return bad_value(c, o, value, "fewer of them");
    list[n] = value;
    return true;
}

static bool store(const struct cli *c, const struct cli_option *o,
                  const char *value)
{
    struct cli_number *number = o->into;

    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)o->into = true;
        return true;
    case CLI_TEXT:
        *(const char **)o->into = value;
        return true;
    case CLI_NUMBER:
        number->given = true;
        return parse_u64(value, UINT64_MAX, &number->value) ||
               bad_value(c, o, value, "a number");
    case CLI_TIME:
        number->given = true;
        if (parse_time(value, &number->value) && number->value == 0 &&
            strcmp(o->name, "until") == 0)
            return bad_value(c, o, value, "a time above 0");
        return parse_time(value, &number->value) ||
               bad_value(c, o, value, "a time (250ms, 10s, 2m)");
    case CLI_COLOR:
        return store_color(c, o, value);
    case CLI_LIST:
        return store_item(c, o, value);
    }
    return false;
}

static bool unknown_option(const struct cli *c, const struct cli_option *all,
                           const char *arg)
{
    struct word_list names = {.count = 0};
    char word[48] = "";
    size_t len = strcspn(arg + strspn(arg, "-"), "=");

    names_add(&names, all, sizeof *all);
    memcpy(word, arg + strspn(arg, "-"), len < sizeof word ? len : 0);
    const char *near = nearest_word(word, names.at, names.count);
    if (near != NULL)
        cli_error(c->program, "unknown option '%.60s'; did you mean '--%s'?",
                  arg, near);
    else
        cli_error(c->program, "unknown option '%.60s'; see '%s %s --help'", arg,
                  c->program->protocol->name, c->verb);
    return false;
}

/* Take the option at argv[*i], and its value; false when it is wrong. */
static bool take_option(const struct cli *c, const struct cli_option *all,
                        char **argv, int *i)
{
    const char *arg = argv[*i], *name = arg + 2;
    size_t len = strcspn(name, "=");
    const struct cli_option *o = NULL;

    if (strncmp(arg, "--", 2) == 0)
        o = row_named(all, sizeof *all, name, len);
    if (o == NULL)
        return unknown_option(c, all, arg);
    const char *value = name[len] == '=' ? name + len + 1 : NULL;
    if (o->kind == CLI_FLAG && value != NULL)
        return bad_value(c, o, value, "no value");
    if (o->kind != CLI_FLAG && value == NULL) {
        if (argv[*i + 1] == NULL) {
            cli_error(c->program, "--%s needs a value: --%s %s", o->name,
                      o->name, o->value);
            return false;
        }
        value = argv[++*i];
    }
    return store(c, o, value);
}

/* -- Help --------------------------------------------------------------------- */

void cli_flow(struct text *t, const char *item)
{
    size_t column = 0;

    while (column < t->len && t->data[t->len - 1 - column] != '\n')
        column++;
    if (column > 0 && column + 2 + strlen(item) > HELP_COLUMNS)
        text_char(t, '\n');
    text_printf(t, "  %s", item);
}

void cli_flow_settings(struct text *t, const struct option *options)
{
    LOCAL_TEXT item = text_new();

    for (const struct option *o = options; o->name != NULL; o++) {
        text_clear(&item);
        option_summary(&item, o);
        cli_flow(t, item.data);
    }
}

bool cli_cut(struct text *t, size_t len)
{
    unsigned lines = 0;

    for (size_t i = 0; i < t->len; i++)
        lines += t->data[i] == '\n';
    if (lines <= HELP_LINES)
        return false;
    t->len = len;
    t->data[len] = '\0';
    return true;
}

static void help_option(const struct cli_option *o, bool terse, struct text *t)
{
    char left[64];

    snprintf(left, sizeof left, "--%s%s%s", o->name,
             o->value != NULL ? " " : "", o->value != NULL ? o->value : "");
    if (terse)
        cli_flow(t, left);
    else
        text_printf(t, "  %-19s %s\n", left, o->help);
}

static void print_help(const struct cli *c, const struct cli_option *all,
                       size_t count)
{
    LOCAL_TEXT t = text_new();
    size_t own = 0;

    while (c->options != NULL && c->options[own].name != NULL)
        own++;
    text_printf(&t, "%s %s%s%s\n%s\n", c->program->protocol->name, c->verb,
                c->usage[0] != '\0' ? " " : "", c->usage, c->about);
    for (size_t i = 0; i < count; i++)
        help_option(&all[i],
                    c->help == EXPLAIN_NONE ||
                        (c->help == EXPLAIN_OWN && i >= own),
                    &t);
    if (c->help != EXPLAIN_ALL)
        text_char(&t, '\n');
    if (c->more != NULL)
        c->more(c, &t);
    (void)cli_print(c->program, &t);
}

bool cli_check_sets(const struct program *p, const char **set, const char **id)
{
    struct settings protocol = settings_new(p->protocol->options);
    struct settings host = settings_new(host_options);
    LOCAL_TEXT why = text_new();
    size_t kept = 0;
    bool good = true;

    for (size_t i = 0; good && set[i] != NULL; i++) {
        const char *s = set[i];
        if (id != NULL && strncmp(s, "id=", 3) == 0) {
            *id = s + 3;
            continue;
        }
        bool of_host = option_find(host_options, s, strcspn(s, "=")) != NULL;
        good = settings_assign(of_host ? &host : &protocol, s, &why);
        set[kept++] = s;
    }
    set[kept] = NULL;
    if (!good)
        cli_error(p, "--set: %s", why.data);
    return good;
}

bool cli_parse(struct cli *c, int argc, char **argv, int *status)
{
    struct cli_option all[OPTIONS_SEEN_MAX];
    bool help = false, options = true;
    size_t count = all_options(c, all, &help), kept = 0;

    *status = EXIT_USAGE;
    for (int i = 1; i < argc; i++) {
        if (!options || argv[i][0] != '-' || argv[i][1] == '\0')
            argv[kept++] = argv[i]; /* never ahead of i */
        else if (strcmp(argv[i], "-h") == 0)
            help = true;
        else if (strcmp(argv[i], "--") == 0)
            options = false;
        else if (!take_option(c, all, argv, &i))
            return false;
    }
    c->args = (const char *const *)argv;
    c->arg_count = kept;
    if (help) {
        print_help(c, all, count);
        *status = EXIT_OK;
        return false;
    }
    if (kept > c->args_max) {
        const char *extra = argv[c->args_max];
        cli_error(c->program, "'%.60s' is one too many; usage: %s %s %s%s",
                  extra, c->program->protocol->name, c->verb, c->usage,
                  strchr(extra, '=') != NULL ? "; a setting is --set NAME=VALUE"
                                             : "");
        return false;
    }
    if (kept < c->args_min) {
        cli_error(c->program, "usage: %s %s %s", c->program->protocol->name,
                  c->verb, c->usage);
        return false;
    }
    return c->run == NULL || cli_check_sets(c->program, c->run->set, c->id);
}
