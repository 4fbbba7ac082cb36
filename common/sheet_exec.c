/*
 * Run the commands of worksheets; see sheet_exec.h.
 *
 * A child is a fork and an execv of a program that lies beside this one.
 * Its standard output and error come back through two pipes; it ends when
 * both are closed, or when its time is up and its process group is killed.
 */
#include "common/sheet_exec.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/grow.h"
#include "common/hash.h"
#include "common/program.h"
#include "common/words.h"

/* -- Which commands ------------------------------------------------------ */

static const char programs[] =
    "chord napster gnutella fasttrack bittorrent pastry kelips";
/* `overhear` is FastTrack's own. */
static const char verbs[] = "show sim live check figure monitor trace overhear";
static const char lab_verbs[] = "ratio order";
/* None of them names a file to write, or a socket. */
static const char options[] =
    "--at --until --seed --set --json --quiet --step --dump --line --nodes "
    "--seeds --strict --find --unsafe --utf8 --color --filter";

bool words_is_command(const char *line)
{
    size_t len = strcspn(line, " ");
    const char *next = line + len + strspn(line + len, " ,>-");

    /* "kelips pastry chord" is an order of programs, and an answer. */
    return *next != '\0' &&
           !word_listed(programs, next, strcspn(next, " ,>-")) &&
           (word_listed(programs, line, len) || word_is(line, len, "lab"));
}

bool words_add(struct words *w, const char *word, size_t len, struct text *why)
{
    if (w->count == WORDS_MAX || len >= sizeof w->store - w->used) {
        text_printf(why,
                    "the command is too long: %d words and %d bytes at "
                    "most were expected",
                    WORDS_MAX, COMMAND_BYTES_MAX);
        return false;
    }
    w->word[w->count++] = memcpy(w->store + w->used, word, len);
    w->word[w->count] = NULL;
    w->used += len;
    w->store[w->used++] = '\0';
    return true;
}

bool words_split(struct words *w, const char *command, struct text *why)
{
    const char *at = command;

    w->used = w->count = 0;
    w->word[0] = NULL;
    for (;;) {
        at += strspn(at, " ");
        if (*at == '\0')
            return true;
        bool quoted = *at == '"';
        at += quoted;
        size_t len = strcspn(at, quoted ? "\"" : " ");
        if (quoted && at[len] != '"') {
            text_add(why, "a closing \" was expected");
            return false;
        }
        if (!words_add(w, at, len, why))
            return false;
        at += len + quoted;
    }
}

/* An argument that would leave the folder of labs/. */
static bool is_outside(const char *word)
{
    return word[0] == '/' || word[0] == '~' || strcmp(word, "..") == 0 ||
           strstr(word, "../") != NULL || string_ends(word, "/..");
}

bool words_ours(const struct words *w, struct text *why)
{
    const char *program = w->count > 0 ? w->word[0] : "";

    if (strcmp(program, "lab") == 0 ||
        word_listed(programs, program, strlen(program)))
        return true;
    text_add(why, "'");
    text_safe(why, program, strlen(program));
    text_add(why, "' is no program of ours: chord, napster, gnutella, "
                  "fasttrack, bittorrent, pastry, kelips or lab was expected");
    return false;
}

const char *words_out(const struct words *w)
{
    for (size_t i = 2; i + 1 < w->count; i++)
        if (strcmp(w->word[1], "check") == 0 &&
            strcmp(w->word[i], "--out") == 0)
            return w->word[i + 1];
    return NULL;
}

static bool is_allowed(const struct words *w, struct text *why)
{
    const char *program = w->count > 0 ? w->word[0] : "";
    const char *verb = w->count > 1 ? w->word[1] : "";
    bool lab = strcmp(program, "lab") == 0;

    if (!words_ours(w, why))
        return false;
    if (!word_listed(lab ? lab_verbs : verbs, verb, strlen(verb))) {
        text_printf(why, "worksheets may run %s %s", program,
                    lab ? "ratio or order"
                        : "show, sim, live, check, figure, monitor, trace or "
                          "overhear");
        return false;
    }
    for (size_t i = 2; i < w->count; i++) {
        const char *word = w->word[i];
        assert(word != NULL); /* `count` words are there */
        bool option = word[0] == '-' && !(word[1] >= '0' && word[1] <= '9');
        bool out = strcmp(word, "--out") == 0 && words_out(w) != NULL;
        if (option && !out && !word_listed(options, word, strcspn(word, "="))) {
            text_add(why, "worksheets may not use the option ");
            text_safe(why, word, strlen(word));
            return false;
        }
        if (is_outside(word)) {
            text_safe(why, word, strlen(word));
            text_add(why, " points outside of labs/: @NAME or labs/... was "
                          "expected");
            return false;
        }
    }
    return true;
}

bool words_allowed(const struct words *w, struct text *why)
{
    bool ok = is_allowed(w, why);

    /* The two commands of `lab ratio` are words of it. */
    for (size_t i = 2; ok && strcmp(w->word[0], "lab") == 0 &&
                       strcmp(w->word[1], "ratio") == 0 && i < w->count;
         i++) {
        struct words inner;
        ok = words_split(&inner, w->word[i], why) && is_allowed(&inner, why);
    }
    return ok;
}

/* -- Running one ---------------------------------------------------------- */

/* The child's side; never returns. */
static void become(const char *path, const struct words *w, const char *dir,
                   FILE *input, const int out[2], const int err[2])
{
    int in = input != NULL ? fileno(input) : open("/dev/null", O_RDONLY);

    setpgid(0, 0);
    if (in >= 0 && dup2(in, 0) >= 0 && dup2(out[1], 1) >= 0 &&
        dup2(err[1], 2) >= 0 && chdir(dir) == 0) {
        for (int fd = 3; fd < 256; fd++)
            close(fd);
        setenv("NO_COLOR", "1", 1);
        execv(path, w->word);
    }
    _exit(127);
}

/* Take in what two pipes give until both are closed; false when it is too
   much, or too late. */
static bool drain(int out, int err, struct outcome *o)
{
    struct pollfd fd[2] = {{out, POLLIN, 0}, {err, POLLIN, 0}};
    struct text *into[2] = {&o->out, &o->err};
    uint64_t end = clock_us() + COMMAND_SECONDS_MAX * UINT64_C(1000000);
    char buffer[16384];

    while (fd[0].fd >= 0 || fd[1].fd >= 0) {
        uint64_t now = clock_us();
        if (now >= end || poll(fd, 2, (int)((end - now) / 1000) + 1) < 0)
            return false;
        for (size_t i = 0; i < 2; i++) {
            if (fd[i].fd < 0 || fd[i].revents == 0)
                continue;
            ssize_t n = read(fd[i].fd, buffer, sizeof buffer);
            if (n <= 0)
                fd[i].fd = -1;
            else
                text_bytes(into[i], buffer, (size_t)n);
            if (into[i]->len > COMMAND_OUTPUT_MAX)
                return false;
        }
    }
    return true;
}

/* Wait for a child that drain() has heard out, or that it gave up on. */
static bool reap(pid_t child, bool in_time, const char *name, struct outcome *o,
                 struct text *why)
{
    int status = 0;

    if (!in_time)
        kill(-child, SIGKILL);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    if (!in_time) {
        text_printf(why, "%s did not end within %d s, or printed too much",
                    name, COMMAND_SECONDS_MAX);
        return false;
    }
    o->status =
        WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (o->status == 127) {
        text_printf(why,
                    "%s cannot be run: it was expected beside this "
                    "program",
                    name);
        return false;
    }
    return true;
}

static bool run_program(const struct words *w, const char *dir, FILE *input,
                        struct outcome *o, struct text *why)
{
    LOCAL_TEXT path = text_new();
    int out[2] = {-1, -1}, err[2] = {-1, -1};
    bool ok = false;

    program_folder(&path);
    text_add(&path, w->word[0]);
    fflush(NULL);
    pid_t child = pipe(out) == 0 && pipe(err) == 0 ? fork() : -1;
    if (child == 0)
        become(path.data, w, dir, input, out, err);
    close(out[1]);
    close(err[1]);
    if (child > 0) {
        setpgid(child, child); /* also by the child: whoever comes first */
        ok = reap(child, drain(out[0], err[0], o), w->word[0], o, why);
    } else {
        text_printf(why, "%s cannot be started: %s", w->word[0],
                    strerror(errno));
    }
    close(out[0]);
    close(err[0]);
    return ok;
}

/* -- Remembering ---------------------------------------------------------- */

struct cached {
    uint8_t key[SHA256_BYTES];
    struct outcome outcome;
};

struct cache {
    struct cached *at;
    size_t count, cap;
    struct outcome last; /* of a command that is not remembered */
};

static void outcome_free(struct outcome *o)
{
    text_free(&o->out);
    text_free(&o->err);
}

struct cache *cache_new(void)
{
    struct cache *c = calloc(1, sizeof *c);

    if (c != NULL) {
        c->last.out = text_new();
        c->last.err = text_new();
    }
    return c;
}

void cache_free(struct cache *c)
{
    if (c == NULL)
        return;
    for (size_t i = 0; i < c->count; i++)
        outcome_free(&c->at[i].outcome);
    outcome_free(&c->last);
    free(c->at);
    free(c);
}

/* Move the last outcome into the table; where it is now. */
static const struct outcome *keep(struct cache *c, const uint8_t *key)
{
    if (!grow(&c->at, c->count, &c->cap, sizeof *c->at))
        return &c->last;
    struct cached *new = &c->at[c->count++];
    memcpy(new->key, key, SHA256_BYTES);
    new->outcome = c->last;
    c->last = (struct outcome){0, text_new(), text_new()};
    return &new->outcome;
}

static FILE *input_file(const char *input)
{
    FILE *f = tmpfile();

    if (f != NULL && (fputs(input, f) == EOF || fflush(f) != 0 ||
                      fseek(f, 0, SEEK_SET) != 0)) {
        fclose(f);
        return NULL;
    }
    return f;
}

const struct outcome *cache_run(struct cache *c, const struct words *w,
                                const char *dir, const char *key,
                                const char *input, struct text *why)
{
    uint8_t digest[SHA256_BYTES];
    FILE *in = input != NULL ? input_file(input) : NULL;

    if (key != NULL) {
        hash_sha256(digest, key, strlen(key));
        for (size_t i = 0; i < c->count; i++)
            if (memcmp(c->at[i].key, digest, sizeof digest) == 0)
                return &c->at[i].outcome;
    }
    outcome_free(&c->last);
    c->last = (struct outcome){0, text_new(), text_new()};
    bool ok = run_program(w, dir, in, &c->last, why);
    if (in != NULL)
        fclose(in);
    if (!ok)
        return NULL;
    return key != NULL ? keep(c, digest) : &c->last;
}
