/* The journal and the student's state directory; see journal.h. */
#include "common/journal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "common/file.h"
#include "common/grow.h"
#include "common/hash.h"
#include "common/sheet.h"
#include "common/words.h"

/* The hash of a line, from the hash before and what stands behind it. */
static void chain(char hex[65], const char *before, const char *rest)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s %s", before, rest);
    hash_sha256_hex(hex, t.data, t.len);
}

static bool refuse(const struct journal *j, unsigned line, const char *what,
                   struct text *why)
{
    text_clear(why);
    text_safe(why, j->path.data, j->path.len);
    text_printf(why, ":%u: %s", line, what);
    return false;
}

/* Check one line and append it to the table. */
static bool take_line(struct journal *j, char *line, size_t len,
                      struct text *why)
{
    unsigned number = (unsigned)j->count + 1;
    char hash[65];

    if (len > JOURNAL_LINE_MAX || len < 66 || line[64] != ' ' ||
        text_printable_run(line, len) < len)
        return refuse(j, number, "this is no line of a journal", why);
    line[64] = '\0';
    chain(hash, j->head, line + 65);
    if (strcmp(hash, line) != 0)
        return refuse(j, number,
                      "the hash does not follow from the line before: this "
                      "journal was changed. Move it away to begin again",
                      why);
    memcpy(j->head, hash, sizeof hash);
    if (!grow(&j->at, j->count, &j->cap, sizeof *j->at))
        return refuse(j, number, "no memory", why);
    char *at = line + 65;
    struct entry e = {.line = number};
    e.time = word_take(&at);
    e.what = word_take(&at);
    e.id = word_take(&at);
    e.text = at;
    if (e.what == NULL || e.id == NULL)
        return refuse(j, number, "HASH TIME WHAT ID TEXT was expected", why);
    j->at[j->count++] = e;
    return true;
}

bool journal_open(struct journal *j, const char *path, struct text *why)
{
    struct stat st;

    *j = (struct journal){.path = text_new(), .bytes = text_new()};
    text_add(&j->path, path);
    memset(j->head, '0', 64);
    if (stat(path, &st) != 0 && errno == ENOENT)
        return true;
    if (!read_file(path, JOURNAL_BYTES_MAX, &j->bytes, why))
        return false;
    char *at = j->bytes.data, *end = at + j->bytes.len;
    while (at < end) {
        char *newline = memchr(at, '\n', (size_t)(end - at));
        size_t len = (size_t)((newline != NULL ? newline : end) - at);
        at[len] = '\0';
        if (!take_line(j, at, len, why))
            return false;
        at += len + (newline != NULL);
    }
    return true;
}

bool journal_add(struct journal *j, const char *what, const char *id,
                 const char *text, struct text *why)
{
    LOCAL_TEXT line = text_new(), chained = text_new();
    char now[32], hash[65];
    time_t t = time(NULL);
    struct tm tm;

    strftime(now, sizeof now, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&t, &tm));
    text_printf(&line, "%s %s %s ", now, what, id);
    text_clean(&line, text, strnlen(text, JOURNAL_LINE_MAX - 160));
    chain(hash, j->head, line.data);
    text_printf(&chained, "%s %s\n", hash, line.data);
    if (!write_file(j->path.data, "a", &chained, why))
        return false;
    memcpy(j->head, hash, sizeof hash);
    return true;
}

void journal_free(struct journal *j)
{
    text_free(&j->path);
    text_free(&j->bytes);
    free(j->at);
    *j = (struct journal){0};
}

/* -- Where it lives ------------------------------------------------------- */

/* Make every folder of a path. */
static bool make_path(char *path)
{
    for (char *at = strchr(path + 1, '/');; at = strchr(at + 1, '/')) {
        if (at != NULL)
            *at = '\0';
        bool ok = mkdir(path, 0700) == 0 || errno == EEXIST;
        if (at != NULL)
            *at = '/';
        if (!ok || at == NULL)
            return ok;
    }
}

bool state_directory(const char *lab, struct text *path, struct text *why)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

    if (state != NULL && state[0] == '/')
        text_printf(path, "%s/p2plab", state);
    else if (home != NULL && home[0] == '/')
        text_printf(path, "%s/.local/state/p2plab", home);
    else {
        text_add(why, "neither XDG_STATE_HOME nor HOME says where the journal "
                      "goes");
        return false;
    }
    if (lab != NULL)
        text_printf(path, "/%s", lab);
    if (make_path(path->data))
        return true;
    text_printf(why,
                "%s: cannot be made: %s; XDG_STATE_HOME names another place",
                path->data, strerror(errno));
    return false;
}

bool state_choose(const char *lab, struct text *why)
{
    LOCAL_TEXT path = text_new(), line = text_new();

    if (!state_directory(NULL, &path, why))
        return false;
    text_add(&path, "/current");
    text_printf(&line, "%s\n", lab);
    return write_file(path.data, "w", &line, why);
}

bool state_scenario(const char *name, struct text *path, struct text *why)
{
    LOCAL_TEXT current = text_new(), lab = text_new();
    LOCAL_TEXT ignored = text_new();
    bool ok = false;

    if (sheet_name(name) > 0 && name[sheet_name(name)] == '\0' &&
        state_directory(NULL, &current, why)) {
        text_printf(path, "%s/", current.data);
        text_add(&current, "/current");
        ok = read_file(current.data, 64, &lab, &ignored) && lab.len > 1;
        for (size_t i = 0; ok && i + 1 < lab.len; i++)
            ok = lab.data[i] != '/' && lab.data[i] > ' ';
    }
    if (ok) {
        text_bytes(path, lab.data, lab.len - 1);
        text_printf(path, "/%s.scn", name);
        ok = access(path->data, R_OK) == 0;
    }
    if (!ok && why->len == 0) {
        text_add(why, "@");
        text_safe(why, name, strlen(name));
        text_add(why, " is no run of your present worksheet: open one with "
                      "'PROGRAM lab N' first");
    }
    return ok;
}
