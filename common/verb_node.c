/*
 * `PROGRAM node` and `PROGRAM introducer`: one real node on real sockets.
 *
 * It reads commands from standard input, a line each, and prints results.
 * It never waits for who reads them: lines queue up to a bound, are written
 * when that does not block, and are dropped beyond the bound.
 */
#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cli.h"
#include "common/clock.h"
#include "common/introducer.h"
#include "common/output.h"
#include "common/random.h"
#include "common/verbs.h"

#define POLL_US 100000 /* between looks at signals */
#define FLUSH_US 200000
#define PROGRESS_US 250000
#define QUEUE_BYTES_MAX ((size_t)256 * 1024)
#define COMMAND_BYTES_MAX 4096
#define SILENCE_US 3000000 /* until nobody's answer is worth a word */

/* Lines on their way to a file descriptor. */
struct queue {
    int fd;
    struct text lines;
    bool closed; /* nobody reads it any more */
};

struct server {
    const struct program *program;
    const struct run_options *options;
    struct live *live;
    struct host *host;
    struct trace_writer *trace; /* NULL: none */
    uint64_t flushed_us;        /* when it was last pushed to its file */
    struct queue out, errors;
    char command[COMMAND_BYTES_MAX + 1]; /* the line being read */
    size_t command_len;
    bool too_long;        /* its end was cut off */
    uint64_t progress_us; /* when it was last said how it goes, and what */
    struct text progress;
    const char *join; /* whom it was told to join, until somebody is heard */
};

/* -- Output --------------------------------------------------------------- */

static void queue_add(struct queue *q, const struct text *line)
{
    if (q->lines.len + line->len <= QUEUE_BYTES_MAX)
        text_bytes(&q->lines, line->data, line->len);
}

/* Write what can be written at once. */
static void queue_push(struct queue *q)
{
    struct pollfd p = {.fd = q->fd, .events = POLLOUT};

    while (q->lines.len > 0 && !q->closed && poll(&p, 1, 0) == 1) {
        size_t len = q->lines.len < PIPE_BUF ? q->lines.len : PIPE_BUF;
        ssize_t n = write(q->fd, q->lines.data, len);
        if (n < 0 && (errno == EINTR || errno == EAGAIN))
            break;
        q->closed = n < 0 && errno == EPIPE;
        if (n < 0)
            n = (ssize_t)len; /* a full disk: that much is lost */
        q->lines.len -= (size_t)n;
        memmove(q->lines.data, q->lines.data + n, q->lines.len + 1);
    }
}

static void say_error(struct server *s, const char *error)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s: ", s->program->protocol->name);
    text_safe(&t, error, strlen(error));
    text_char(&t, '\n');
    queue_add(&s->errors, &t);
    if (s->options->json) {
        text_clear(&t);
        text_add(&t, "{\"kind\":\"error\"");
        text_json_member(&t, "text", error);
        text_add(&t, "}\n");
        queue_add(&s->out, &t);
    }
}

/* The line on the terminal that says how it goes makes way. */
static void clear_progress(struct server *s)
{
    if (s->progress.len > 0 && isatty(s->out.fd))
        text_add(&s->out.lines, "\r\033[K");
    text_clear(&s->progress);
}

static void flush_trace(struct server *s)
{
    uint64_t now = live_now(s->live);

    if (s->trace == NULL || now < s->flushed_us + FLUSH_US)
        return;
    s->flushed_us = now;
    trace_flush(s->trace);
}

static void on_record(void *context, const struct record *r)
{
    struct server *s = context;
    struct namer names = network_namer(live_network(s->live));
    LOCAL_TEXT t = text_new();

    if (s->trace != NULL)
        trace_write(s->trace, r);
    flush_trace(s);
    if (r->kind == RECORD_RESULT) {
        output_record(&t, s->options->json ? OUTPUT_JSON : OUTPUT_TEXT,
                      s->program->protocol, r, &names);
        clear_progress(s);
        queue_add(&s->out, &t);
    }
}

/* "listening on 127.0.0.1:7074, name n16, id 16" */
static void say_listening(struct server *s, const struct settings *settings)
{
    const struct host *h = s->host;
    const struct option *bits = option_find(settings->options, "bits", 4);
    bool json = s->options->json;
    LOCAL_TEXT t = text_new(), addr = text_new();

    addr_text(&addr, h->addr);
    if (json) {
        text_add(&t, "{\"kind\":\"listening\"");
        text_json_member(&t, "node", h->name);
        text_json_member(&t, "addr", addr.data);
    } else {
        text_printf(&t, "listening on %s", addr.data);
        if (strcmp(h->name, addr.data) != 0)
            text_printf(&t, ", name %s", h->name);
    }
    if (bits != NULL && h->protocol->identify != NULL) {
        unsigned n = (unsigned)settings->value[bits - settings->options];
        const char *quote = json && n > 32 ? "\"" : "";
        text_printf(&t, json ? ",\"id\":%s" : ", id %s", quote);
        id_text(&t, &h->id, n);
        text_add(&t, quote);
    }
    text_add(&t, json ? "}\n" : "\n");
    queue_add(&s->out, &t);
}

/* -- Commands ------------------------------------------------------------- */

static void list_commands(const struct protocol *p, struct text *t)
{
    for (const struct command *m = p->commands; m->name != NULL; m++)
        text_printf(t, "  %-19s %s\n", m->usage, m->help);
}

static void help_commands(const struct cli *c, struct text *t)
{
    text_add(t, "Commands:\n");
    list_commands(c->program->protocol, t);
}

static void say_commands(struct server *s)
{
    LOCAL_TEXT t = text_new();

    list_commands(s->program->protocol, &t);
    text_printf(&t, "  %-19s %s\n", "leave", "end");
    queue_add(&s->errors, &t); /* no result, and no JSON */
}

static void give_command(struct server *s)
{
    LOCAL_TEXT why = text_new();
    char *line = s->command + strspn(s->command, " \t");
    size_t len = strlen(line);

    while (len > 0 && strchr(" \t\r", line[len - 1]) != NULL)
        line[--len] = '\0';
    bool blank = len == 0 || line[0] == '#';
    if (s->too_long)
        say_error(s, "the command is too long, expected 4096 bytes at most");
    else if (strcmp(line, "leave") == 0)
        live_stop(s->live, s->host);
    else if (strcmp(line, "help") == 0 || strcmp(line, "?") == 0)
        say_commands(s);
    else if (!blank && !command_check(s->program->protocol, line, &why)) {
        if (strcmp(line, "quit") == 0 || strcmp(line, "exit") == 0)
            text_add(&why, "; to end this node: leave");
        say_error(s, why.data);
    } else if (!blank && live_command(s->live, s->host, line) == 0)
        say_error(s, s->host->state == NODE_UP
                         ? "too many commands are open; wait for results"
                         : "the node is leaving");
    s->command_len = 0;
    s->too_long = false;
}

/* In the background a terminal is not ours to read, but may be again. */
static bool in_background(int fd)
{
    pid_t owner = tcgetpgrp(fd);

    return owner >= 0 && owner != getpgrp();
}

static void on_input(void *context, int fd)
{
    struct server *s = context;
    char block[COMMAND_BYTES_MAX];
    ssize_t n = read(fd, block, sizeof block);

    if (n < 0 && (errno == EINTR || errno == EAGAIN || in_background(fd)))
        return;
    for (ssize_t i = 0; i < n; i++) {
        if (block[i] == '\0')
            block[i] = '.';
        s->command[s->command_len] = block[i] != '\n' ? block[i] : '\0';
        if (block[i] == '\n')
            give_command(s);
        else if (s->command_len < COMMAND_BYTES_MAX)
            s->command_len++;
        else
            s->too_long = true;
    }
    if (n > 0)
        return;
    live_unwatch(s->live, fd); /* the node goes on without commands */
    s->command[s->command_len] = '\0';
    give_command(s);
}

/* -- The loop --------------------------------------------------------------- */

/* Say how it goes: on a terminal in one line that changes, else a line for
   each change. */
static void say_progress(struct server *s)
{
    LOCAL_TEXT line = text_new(), shown = text_new();

    if (s->program->progress == NULL || s->options->json || s->options->quiet ||
        s->host->state != NODE_UP ||
        live_now(s->live) < s->progress_us + PROGRESS_US)
        return;
    s->progress_us = live_now(s->live);
    bool terminal = isatty(s->out.fd) != 0;
    if (!terminal && !s->program->progress_lines)
        return;
    s->program->progress(s->host, &line);
    if (strcmp(line.data, s->progress.data) == 0)
        return;
    /* a line that wraps could not be written over */
    text_printf(&shown, terminal ? "\r\033[K%.79s" : "%s\n", line.data);
    queue_add(&s->out, &shown);
    text_clear(&s->progress);
    text_add(&s->progress, line.data);
}

/* A newcomer that nobody answers says so once, and goes on trying. */
static void say_silence(struct server *s)
{
    LOCAL_TEXT t = text_new();

    if (s->join == NULL ||
        (!live_heard(s->live) && live_now(s->live) < SILENCE_US))
        return;
    text_printf(&t, "no answer from %s yet; is it running?", s->join);
    if (!live_heard(s->live))
        say_error(s, t.data);
    s->join = NULL;
}

/* Run until the node has left; the exit status. */
static int serve(struct server *s)
{
    uint64_t until_us = s->options->until.value;
    LOCAL_TEXT why = text_new();
    int status = EXIT_OK;

    while (s->host->state != NODE_DOWN) {
        int number = cli_interrupted();
        if (number == SIGINT)
            status = EXIT_INTERRUPTED;
        if (number != 0 || s->out.closed ||
            (until_us > 0 && live_now(s->live) >= until_us))
            live_stop(s->live, s->host);
        if (!live_poll(s->live, POLL_US, &why)) {
            status = cli_error(s->program, "%s", why.data);
            break;
        }
        say_progress(s);
        say_silence(s);
        queue_push(&s->out);
        queue_push(&s->errors);
        flush_trace(s);
    }
    if (s->progress.len > 0 && isatty(s->out.fd)) { /* behind its line */
        text_char(&s->out.lines, '\n');
        queue_push(&s->out);
    }
    text_free(&s->progress);
    return status;
}

/* -- The verbs --------------------------------------------------------------- */

/* Read HOST:PORT; HOST is a name or an address. */
static bool resolve(const struct program *p, const char *s, struct addr *a)
{
    const char *colon = strrchr(s, ':');
    char host[256];
    uint64_t port;

    if (addr_parse(a, s))
        return true;
    size_t len = colon != NULL ? (size_t)(colon - s) : 0;
    if (len == 0 || len >= sizeof host || !parse_u64(colon + 1, 65535, &port)) {
        cli_error(p, "'%.80s' is no address, expected HOST:PORT", s);
        return false;
    }
    memcpy(host, s, len);
    host[len] = '\0';
    int error = live_resolve(host, a);
    if (error != 0)
        cli_error(p, "cannot find host '%.80s': %s", host, gai_strerror(error));
    a->port = (uint16_t)port;
    return error == 0;
}

/* --listen: an address that peers can be told. */
static bool listen_addr(const struct program *p, const char *s, uint16_t port,
                        struct addr *a)
{
    *a = (struct addr){0x7f000001, port};
    if (s == NULL)
        return true;
    if (!resolve(p, s, a))
        return false;
    if (a->ip != 0)
        return true;
    cli_error(p, "--listen needs an address that peers can be told, not "
                 "0.0.0.0");
    return false;
}

/* --join: HOST:PORT of a member, or http://HOST:PORT of an introducer. */
static bool join_addr(const struct program *p, const char *s, struct addr *join,
                      struct addr *introducer)
{
    static const char http[] = "http://";
    char text[256];

    if (s == NULL)
        return true;
    if (strncmp(s, http, sizeof http - 1) != 0)
        return resolve(p, s, join);
    s += sizeof http - 1;
    size_t len = strcspn(s, "/");
    if (len >= sizeof text)
        return cli_error(p, "--join is too long, expected http://HOST:PORT") ==
               EXIT_OK;
    memcpy(text, s, len);
    text[len] = '\0';
    return resolve(p, text, introducer);
}

/* Checked already; those of the simulator mean nothing here. */
static void set_all(struct settings *s, const char *const *set)
{
    LOCAL_TEXT why = text_new();

    for (; *set != NULL; set++)
        (void)settings_assign(s, *set, &why);
}

/* What `node` is told beside the shared options. */
struct node_options {
    const char *listen, *join, *name, *id, *folder;
    bool monitor, introducer;
};

/* Open the folder; of a new one, which may be a slip of the pen, say so. */
static bool open_folder(struct server *s, const char *folder)
{
    const char *name = s->program->protocol->name;
    bool made = access(folder, F_OK) != 0;
    LOCAL_TEXT why = text_new(), safe = text_new();

    if (!live_folder(s->live, folder, &why)) {
        cli_error(s->program, "%s", why.data);
        return false;
    }
    text_safe(&safe, folder, strlen(folder));
    if (made && !s->options->quiet)
        fprintf(stderr,
                "%s: note: folder %s was not there, and is made: it "
                "shares nothing yet\n",
                name, safe.data);
    return true;
}

static bool start(struct server *s, const struct node_options *o,
                  const struct settings *settings)
{
    const struct program *p = s->program;
    struct addr listen, join = {0, 0}, introducer = {0, 0};
    LOCAL_TEXT why = text_new();

    if (!listen_addr(p, o->listen, o->introducer ? INTRODUCER_PORT : p->port,
                     &listen) ||
        !join_addr(p, o->join, &join, &introducer))
        return false;
    if (o->folder != NULL && !open_folder(s, o->folder))
        return false;
    s->host = o->introducer
                  ? live_start_introducer(s->live, o->name, listen, &why)
                  : live_start(s->live, o->name, listen, join, introducer,
                               o->id, settings, &why);
    if (s->host == NULL)
        cli_error(p, "%s", why.data);
    s->join = o->join;
    return s->host != NULL;
}

/* Watch the node in the monitor; it leaves when that is closed. */
static int watch(struct server *s, const struct observer *observer)
{
    struct monitor_options m = {.color = s->options->color, .also = observer};
    int status = monitor_live(s->program, s->live, NULL, &m);

    live_observe(s->live, observer);
    live_stop(s->live, s->host);
    cli_catch_signals();
    s->out.closed = true; /* the screen showed it all */
    (void)serve(s);
    return status;
}

static int run(struct server *s, const struct node_options *o,
               const struct settings *settings)
{
    bool quiet = s->trace == NULL && !o->monitor;
    struct observer observer = {on_record, s, quiet};

    live_observe(s->live, &observer);
    if (!start(s, o, settings))
        return EXIT_USAGE;
    if (o->monitor)
        return watch(s, &observer);
    cli_catch_signals();
    say_listening(s, settings);
    signal(SIGTTIN, SIG_IGN); /* a read in the background fails instead */
    if (!o->introducer)
        live_watch(s->live, STDIN_FILENO, on_input, s);
    int status = serve(s);
    queue_push(&s->out);
    queue_push(&s->errors);
    return status;
}

/* Open what a node needs, run it, and close it again. */
static int open_and_run(const struct program *p, const struct run_options *r,
                        const struct node_options *o)
{
    struct settings settings = settings_new(p->protocol->options);
    LOCAL_TEXT why = text_new();
    struct server s = {.program = p,
                       .options = r,
                       .out = {.fd = STDOUT_FILENO, .lines = text_new()},
                       .errors = {.fd = STDERR_FILENO, .lines = text_new()},
                       .progress = text_new()};
    uint64_t now_us = wall_clock_us();
    uint64_t seed =
        r->seed.given ? r->seed.value : random_mix(now_us ^ (uint64_t)getpid());
    int status = EXIT_USAGE;

    set_all(&settings, r->set);
    s.live = live_new(p->protocol, &settings, seed, &why);
    if (s.live != NULL && r->trace != NULL)
        s.trace = trace_create(
            r->trace,
            &(struct trace_source){p->protocol->name, "node", seed, now_us},
            &why);
    if (s.live == NULL || (r->trace != NULL && s.trace == NULL))
        cli_error(p, "%s", why.data);
    else
        status = run(&s, o, &settings);
    if (s.trace != NULL && !trace_close(s.trace, &why))
        status = cli_error(p, "%s", why.data);
    live_free(s.live);
    text_free(&s.out.lines);
    text_free(&s.errors.lines);
    return status;
}

int verb_node(const struct program *p, int argc, char **argv)
{
    struct run_options r = {.json = false};
    struct node_options o = {.listen = NULL};
    const struct cli_option options[] = {
        {"listen", "HOST:PORT", "where to be reached", CLI_TEXT, &o.listen},
        {"join", "WHERE", "a member's HOST:PORT, or http://INTRODUCER",
         CLI_TEXT, &o.join},
        {"name", "NAME", "its name; without one, its address", CLI_TEXT,
         &o.name},
        {"folder", "DIR", "share the files there, and keep fetched ones",
         CLI_TEXT, &o.folder},
        {"monitor", NULL, "watch it in the monitor", CLI_FLAG, &o.monitor},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "node",
                    .usage = "[OPTION...]",
                    .about = "One real node.  It takes commands on standard "
                             "input until 'leave' or SIGTERM.",
                    .options = options,
                    .run = &r,
                    .help = EXPLAIN_OWN,
                    .id = &o.id,
                    .more = help_commands};
    int status;

    if (p->as != NULL) {
        c.verb = p->as->name;
        c.usage = p->as->usage;
        c.about = p->as->help;
    }

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    if (o.name != NULL && !is_node_name(o.name))
        return cli_error(p,
                         "--name is '%.60s', expected a letter, then "
                         "letters, digits, _ . -, at most 32 in all",
                         o.name);
    return open_and_run(p, &r, &o);
}

int verb_node_with(const struct program *p, uint16_t port,
                   const char *const *words, int argc, char **argv)
{
    struct program as = *p;
    size_t count = 0, given = (size_t)argc;

    while (words[count] != NULL)
        count++;
    char **args = calloc(given + count + 1, sizeof *args);
    if (args == NULL)
        return cli_error(p, "no memory");
    as.port = port;
    args[0] = argv[0];
    for (size_t i = 0; i < count; i++)
        args[1 + i] = strdup(words[i]);
    for (size_t i = 1; i < given; i++)
        args[count + i] = argv[i];
    int status = verb_node(&as, (int)(given + count), args);
    for (size_t i = 0; i < count; i++)
        free(args[1 + i]);
    free(args);
    return status;
}

int verb_introducer(const struct program *p, int argc, char **argv)
{
    struct run_options r = {.json = false};
    struct node_options o = {.introducer = true};
    const struct cli_option options[] = {
        {"listen", "HOST:PORT", "where to be reached; else 127.0.0.1:8080",
         CLI_TEXT, &o.listen},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = "introducer",
                    .usage = "[OPTION...]",
                    .about = "The well-known HTTP service that hands a "
                             "newcomer recently joined nodes.",
                    .options = options,
                    .run = &r};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    return open_and_run(p, &r, &o);
}
