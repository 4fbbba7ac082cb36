/*
 * One student's run of a worksheet; see sheet_run.h.
 *
 * The seed is HMAC-SHA-256 under the course's key of the lab and student.  A
 * seed whose run fails a `require:` is skipped for the next in the chain
 * (the HMAC of the digest before), so tutor and grader come to the same one.
 */
#include "common/sheet_run.h"

#include <limits.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/hash.h"
#include "common/program.h"
#include "common/words.h"

/* -- Names ---------------------------------------------------------------- */

const struct binding *run_find(const struct run *r, const char *name,
                               size_t len)
{
    for (size_t i = 0; i < r->count; i++)
        if (word_is(name, len, r->at[i].name))
            return &r->at[i];
    return NULL;
}

static void expand_one(const struct run *r, const char *name, size_t len,
                       enum expand how, struct text *out)
{
    const struct binding *b = run_find(r, name, len);

    if (b != NULL && (!b->is_scenario || how == EXPAND_KEY))
        text_add(out, b->value.data);
    else if (b != NULL && how == EXPAND_WITHIN && strchr(b->path.data, ' '))
        text_printf(out, "\"%s\"", b->path.data);
    else if (b != NULL && how != EXPAND_SHOW)
        text_add(out, b->path.data);
    else if (word_is(name, len, "seed"))
        text_u64(out, r->seed);
    else if (word_is(name, len, "student"))
        text_add(out, r->student);
    else
        text_printf(out, "@%.*s", (int)len, name);
}

void run_expand(const struct run *r, const char *s, enum expand how,
                struct text *out)
{
    size_t n;

    for (const char *at = s, *name;; at = name + n) {
        name = sheet_variable(s, at, &n);
        text_bytes(out, at,
                   name != NULL ? (size_t)(name - 1 - at) : strlen(at));
        if (name == NULL)
            return;
        expand_one(r, name, n, how, out);
    }
}

/* -- Commands ------------------------------------------------------------- */

/* Expand each word of a command, so that a value never becomes two words.
   What `check --out NAME` writes becomes the file of scenario NAME. */
static bool expand_words(const struct run *r, const struct words *raw,
                         enum expand how, struct words *w, struct text *why)
{
    LOCAL_TEXT word = text_new();
    bool ok = true;

    w->used = w->count = 0;
    for (size_t i = 0; ok && i < raw->count; i++) {
        bool within = how == EXPAND_RUN && strcmp(raw->word[0], "lab") == 0;

        text_clear(&word);
        if (how == EXPAND_RUN && i > 0 && raw->word[i] == words_out(raw))
            expand_one(r, raw->word[i], strlen(raw->word[i]), how, &word);
        else
            run_expand(r, raw->word[i], within ? EXPAND_WITHIN : how, &word);
        ok = words_add(w, word.data, word.len, why);
    }
    return ok;
}

static const struct outcome *execute(const struct run *r, const char *command,
                                     const char *input, struct text *why)
{
    struct words raw, shown, w;
    LOCAL_TEXT key = text_new();
    const struct outcome *o = NULL;

    if (words_split(&raw, command, why) &&
        expand_words(r, &raw, EXPAND_SHOW, &shown, why) &&
        words_allowed(&shown, why) &&
        expand_words(r, &raw, EXPAND_RUN, &w, why)) {
        for (size_t i = 0; i < raw.count; i++) {
            run_expand(r, raw.word[i], EXPAND_KEY, &key);
            text_char(&key, '\1');
        }
        text_add(&key, input != NULL ? input : "");
        o = cache_run(r->cache, &w, r->root.data, key.data, input, why);
    }
    return o;
}

void run_printed(const struct run *r, const char *printed, struct text *out)
{
    for (const char *at = printed; *at != '\0';) {
        const struct binding *found = NULL;
        for (size_t i = 0; i < r->count && found == NULL; i++)
            if (r->at[i].is_scenario &&
                strncmp(at, r->at[i].path.data, r->at[i].path.len) == 0)
                found = &r->at[i];
        if (found != NULL)
            text_printf(out, "@%s", found->name);
        else
            text_char(out, *at);
        at += found != NULL ? found->path.len : 1;
    }
}

const struct outcome *run_execute(const struct run *r, const char *command,
                                  struct text *why)
{
    return execute(r, command, NULL, why);
}

bool run_value(const struct run *r, const char *command, struct text *value,
               struct text *why)
{
    const struct outcome *o = run_execute(r, command, why);

    if (o == NULL)
        return false;
    if (o->status != 0) {
        text_safe(why, o->err.data, strcspn(o->err.data, "\n"));
        text_printf(why, " (exit %d)", o->status);
        return false;
    }
    size_t len = strcspn(o->out.data, "\n");
    if (o->out.data[len] == '\n' && o->out.data[len + 1] != '\0') {
        text_add(why, "it printed several lines; one was expected");
        return false;
    }
    text_safe(value, o->out.data, len);
    return true;
}

/* Begin a sentence about a line of the sheet. */
static void at_line(const struct run *r, unsigned line, struct text *why)
{
    text_safe(why, r->sheet->path, strlen(r->sheet->path));
    text_printf(why, ":%u: ", line);
}

static bool value_at(const struct run *r, unsigned line, const char *command,
                     struct text *value, struct text *why)
{
    LOCAL_TEXT reason = text_new();
    bool ok = run_value(r, command, value, &reason);

    if (!ok) {
        at_line(r, line, why);
        run_expand(r, command, EXPAND_SHOW, why);
        text_printf(why, ": %s", reason.data);
    }
    return ok;
}

bool run_answer(const struct run *r, const struct block *ask,
                struct text *value, struct text *why)
{
    const struct sheet_line *oracle = block_line(r->sheet, ask, '=', 0);

    if (!value_at(r, oracle->number, oracle->text, value, why))
        return false;
    if (answer_valid(&ask->type, value->data))
        return true;
    at_line(r, oracle->number, why);
    text_printf(why, "the oracle says '%s'; ", value->data);
    answer_form(why, &ask->type);
    text_add(why, " was expected");
    return false;
}

/* -- Watch blocks ---------------------------------------------------------- */

/* The scenario that a watch block acts on: its own lines behind the run's,
   in a file of its own. */
static bool watch_scenario(const struct run *r, const struct block *b,
                           struct text *path, struct text *body,
                           struct text *why)
{
    const struct binding *base = run_find(r, b->name, strlen(b->name));
    const struct sheet_line *l;
    bool own = false;

    text_add(body, base->value.data);
    if (body->len == 0 &&
        !read_file(base->path.data, SHEET_BYTES_MAX, body, why))
        return false; /* `check --out` has found nothing */
    for (size_t i = 0; (l = block_line(r->sheet, b, ' ', i)) != NULL; i++) {
        own |= l->text[0] != '\0';
        run_expand(r, l->text, EXPAND_SHOW, body);
        text_char(body, '\n');
    }
    if (own)
        text_printf(path, "%s/%s.watch%u.scn", r->dir.data, b->name, b->line);
    else
        text_add(path, base->path.data);
    return !own || write_file(path->data, "w", body, why);
}

static const struct outcome *run_words(const struct run *r,
                                       const char *const *words,
                                       const char *key, const char *input,
                                       struct text *why)
{
    struct words w = {.count = 0};

    for (; *words != NULL; words++)
        if (!words_add(&w, *words, strlen(*words), why))
            return NULL;
    return cache_run(r->cache, &w, r->root.data, key, input, why);
}

const struct outcome *run_picture(const struct run *r, const struct block *b,
                                  const char *size, struct text *why)
{
    const struct binding *s = run_find(r, b->name, strlen(b->name));
    const char *const words[] = {
        run_program_name(r->sheet, b->name),
        "monitor",
        s->path.data,
        "--dump",
        size,
        "--keys",
        ":last<Enter>:node none<Enter>:zoom picture<Enter>",
        NULL};

    return run_words(r, words, NULL, NULL, why);
}

/* Run the monitor's commands; `predict FIELD` prints that field. */
const struct outcome *run_watch(const struct run *r, const struct block *b,
                                struct text *why)
{
    LOCAL_TEXT path = text_new(), body = text_new(), input = text_new();
    const struct outcome *o = NULL;

    for (size_t i = b->first; i < b->first + b->count; i++) {
        const struct sheet_line *l = &r->sheet->line[i];
        if (l->mark == '~')
            text_add(&input, "value ");
        if (l->mark != ' ')
            run_expand(r, l->text, EXPAND_SHOW, &input);
        if (l->mark != ' ')
            text_char(&input, '\n');
    }
    if (watch_scenario(r, b, &path, &body, why)) {
        const char *const words[] = {run_program_name(r->sheet, b->name),
                                     "monitor", path.data, "--line", NULL};
        text_add(&body, input.data);
        o = run_words(r, words, body.data, input.data, why);
    }
    return o;
}

bool run_watch_file(const struct run *r, const struct block *b,
                    struct text *path, struct text *keys, struct text *why)
{
    LOCAL_TEXT body = text_new(), line = text_new();
    const struct sheet_line *l;

    for (size_t i = 0; (l = block_line(r->sheet, b, '>', i)) != NULL; i++) {
        text_clear(&line);
        run_expand(r, l->text, EXPAND_SHOW, &line);
        text_char(keys, ':');
        for (const char *at = line.data; *at != '\0'; at++)
            text_add(keys, *at == '<' ? "<lt>" : (char[]){*at, '\0'});
        text_add(keys, "<Enter>");
    }
    return watch_scenario(r, b, path, &body, why);
}

bool run_predicted(const struct run *r, const struct block *b, size_t nth,
                   struct text *value, struct text *why)
{
    struct block part = *b;
    const struct sheet_line *wanted = block_line(r->sheet, b, '~', nth);

    /* What the monitor prints last, when it stops behind the prediction. */
    part.count = (size_t)(wanted - r->sheet->line) + 1 - b->first;
    const struct outcome *o = run_watch(r, &part, why);
    if (o == NULL || o->status != 0) {
        text_add(why, "the monitor does not get there");
        return false;
    }
    size_t end = o->out.len;
    while (end > 0 && o->out.data[end - 1] == '\n')
        end--;
    size_t begin = end;
    while (begin > 0 && o->out.data[begin - 1] != '\n')
        begin--;
    text_safe(value, o->out.data + begin, end - begin);
    return true;
}

/* -- Evaluating a sheet --------------------------------------------------- */

enum fit { FIT_OK, FIT_OTHER_SEED, FIT_BROKEN };

static struct binding *bind(struct run *r, const char *name, bool is_scenario)
{
    struct binding *b = &r->at[r->count++]; /* the parser counted */

    *b = (struct binding){name, is_scenario, text_new(), text_new()};
    text_printf(&b->path, "%s/%s.scn", r->dir.data, name);
    return b;
}

/* Write a scenario block as a file, `include @NAME` taken in. */
static enum fit bind_scenario(struct run *r, const struct block *block,
                              struct text *why)
{
    const struct sheet *s = r->sheet;
    struct text body = text_new();

    for (size_t i = block->first; i < block->first + block->count; i++) {
        const char *line = s->line[i].text;
        bool include = strncmp(line, "include @", 9) == 0;
        run_expand(r, include ? line + 8 : line,
                   include ? EXPAND_KEY : EXPAND_SHOW, &body);
        text_char(&body, '\n');
        if (body.len > SHEET_BYTES_MAX) {
            at_line(r, s->line[i].number, why);
            text_add(why, "the scenario grows too long");
            text_free(&body);
            return FIT_BROKEN;
        }
    }
    struct binding *b = bind(r, block->name, true);
    b->value = body;
    return write_file(b->path.data, "w", &body, why) ? FIT_OK : FIT_BROKEN;
}

/* Is every name in `s` bound by now? */
static bool is_known(const struct run *r, const char *s)
{
    size_t n;

    for (const char *at = s; (at = sheet_variable(s, at, &n)) != NULL; at += n)
        if (!word_is(at, n, "seed") && !word_is(at, n, "student") &&
            run_find(r, at, n) == NULL)
            return false;
    return true;
}

static bool compares(const char *a, const char *op, const char *b)
{
    int64_t x, y;
    bool numbers = decimal_parse(a, &x) && decimal_parse(b, &y);
    int order = numbers ? (x > y) - (x < y) : strcmp(a, b);

    if (!numbers && strcmp(op, "==") != 0 && strcmp(op, "!=") != 0)
        return false;
    return (order == 0 && strchr(op, '=') != NULL && op[0] != '!') ||
           (order < 0 && op[0] == '<') || (order > 0 && op[0] == '>') ||
           (order != 0 && op[0] == '!');
}

/* Judge each `require` as soon as its names are known; `done` has a bit for
   each that is. */
static enum fit check_requires(struct run *r, unsigned *done, struct text *why)
{
    for (size_t i = 0; i < r->sheet->require_count; i++) {
        const struct require *q = &r->sheet->require[i];
        if ((*done >> i & 1) != 0 || !is_known(r, q->command) ||
            !is_known(r, q->value))
            continue;
        LOCAL_TEXT value = text_new(), wanted = text_new();
        *done |= 1u << i;
        bool ok = value_at(r, q->line, q->command, &value, why);
        run_expand(r, q->value, EXPAND_SHOW, &wanted);
        bool met = ok && compares(value.data, q->op, wanted.data);
        if (!met)
            return ok ? FIT_OTHER_SEED : FIT_BROKEN;
    }
    return FIT_OK;
}

/* One line of a let block.  A fact that this seed's run does not have (exit
   1) is a reason for another seed; everything else is an error. */
static enum fit bind_value(struct run *r, const struct sheet_line *line,
                           struct text *why)
{
    struct text value = text_new();
    const struct outcome *o;

    if (value_at(r, line->number, line->more, &value, why)) {
        bind(r, line->text, false)->value = value;
        return FIT_OK;
    }
    text_free(&value);
    LOCAL_TEXT ignored = text_new();
    o = run_execute(r, line->more, &ignored);
    return o != NULL && o->status == 1 ? FIT_OTHER_SEED : FIT_BROKEN;
}

/* The scenarios that commands of a run block write. */
static void bind_outs(struct run *r, const struct block *b)
{
    for (size_t l = b->first; l < b->first + b->count; l++) {
        struct words w;
        LOCAL_TEXT ignored = text_new();
        const char *command = r->sheet->line[l].text;
        if (r->sheet->line[l].mark == '$' &&
            words_split(&w, command, &ignored) && words_out(&w) != NULL)
            (void)bind(r, command + strlen(command) - strlen(words_out(&w)),
                       true);
    }
}

static void forget(struct run *r)
{
    for (size_t i = 0; i < r->count; i++) {
        text_free(&r->at[i].value);
        text_free(&r->at[i].path);
    }
    r->count = 0;
}

/* Everything that a seed decides. */
static enum fit evaluate(struct run *r, struct text *why)
{
    const struct sheet *s = r->sheet;
    unsigned done = 0;

    forget(r);
    for (size_t i = 0; i < s->block_count; i++) {
        const struct block *b = &s->block[i];
        enum fit fit = FIT_OK;
        if (b->kind == BLOCK_SCENARIO)
            fit = bind_scenario(r, b, why);
        for (size_t l = b->first;
             fit == FIT_OK && b->kind == BLOCK_LET && l < b->first + b->count;
             l++)
            fit = bind_value(r, &s->line[l], why);
        if (b->kind == BLOCK_RUN)
            bind_outs(r, b);
        if (fit == FIT_OK && b->kind == BLOCK_SCENARIO)
            fit = check_requires(r, &done, why);
        if (fit != FIT_OK)
            return fit;
    }
    return check_requires(r, &done, why);
}

/* The next seed of the chain. */
static uint64_t next_seed(uint8_t digest[SHA256_BYTES], const char *course,
                          size_t len)
{
    uint64_t seed = 0;

    hash_hmac(digest, course, strlen(course), digest, len);
    for (size_t i = 0; i < 8; i++)
        seed = seed << 8 | digest[i];
    return seed % SEED_MAX + 1;
}

static bool find_seed(struct run *r, const struct who *who, struct text *why)
{
    uint8_t digest[SHA256_BYTES + STUDENT_BYTES_MAX + 64];
    size_t len = (size_t)snprintf((char *)digest, sizeof digest, "%s\n%s",
                                  r->sheet->lab, r->student);
    bool fixed = who->has_seed || !r->sheet->own_seed;
    enum fit fit = FIT_OTHER_SEED;

    while (fit == FIT_OTHER_SEED && r->tries < (fixed ? 1 : SEED_TRIES_MAX)) {
        r->seed = who->has_seed ? who->seed
                  : fixed       ? r->sheet->seed
                                : next_seed(digest, who->course, len);
        len = SHA256_BYTES;
        r->tries++;
        text_clear(why);
        fit = evaluate(r, why);
    }
    if (fit == FIT_OTHER_SEED) {
        LOCAL_TEXT last = text_new();
        text_add(&last, why->data);
        text_clear(why);
        at_line(r, r->sheet->require_count > 0 ? r->sheet->require[0].line : 1,
                why);
        text_printf(why, "no seed of %u meets every 'require' and let: %s",
                    r->tries, last.data);
    }
    return fit == FIT_OK;
}

bool run_open(struct run *r, const struct sheet *s, const struct who *who,
              const char *dir, struct cache *cache, struct text *why)
{
    *r = (struct run){
        .sheet = s, .cache = cache, .dir = text_new(), .root = text_new()};
    size_t len = strlen(who->student);

    for (size_t i = 0; i < len; i++)
        if (len > STUDENT_BYTES_MAX || who->student[i] <= ' ' ||
            who->student[i] > '~' || who->student[i] == ',')
            len = 0;
    if (len == 0) {
        text_printf(why,
                    "a student's id was expected: 1 to %d letters and "
                    "digits, no blanks or commas",
                    STUDENT_BYTES_MAX);
        return false;
    }
    memcpy(r->student, who->student, len);
    text_add(&r->dir, dir);
    sheet_root(s->path, &r->root);
    if (find_seed(r, who, why))
        return true;
    run_close(r);
    return false;
}

void run_close(struct run *r)
{
    forget(r);
    text_free(&r->dir);
    text_free(&r->root);
}

void sheet_root(const char *path, struct text *root)
{
    char real[PATH_MAX];
    LOCAL_TEXT found = text_new();
    char *labs = realpath(path, real) != NULL ? strstr(real, "/labs/") : NULL;

    for (char *next = labs; next != NULL; next = strstr(next + 1, "/labs/"))
        labs = next;
    if (labs == NULL && program_find_file("labs/README.md", &found) &&
        realpath(found.data, real) != NULL)
        labs = strstr(real, "/labs/README.md");
    if (labs != NULL)
        text_bytes(root, real, (size_t)(labs - real));
    else
        text_char(root, '.');
}

/* Has the command the word @NAME? */
static bool is_about(const char *command, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = command; (at = strstr(at, " @")) != NULL; at += 2)
        if (strncmp(at + 2, name, len) == 0 &&
            (at[2 + len] == ' ' || at[2 + len] == '\0'))
            return true;
    return false;
}

const char *run_program_name(const struct sheet *s, const char *scenario)
{
    static char name[16];

    for (size_t i = 0; i < s->line_count; i++) {
        const char *command =
            s->line[i].mark == '<' ? s->line[i].more : s->line[i].text;
        size_t len = strcspn(command, " ");
        if (strchr("<$=", s->line[i].mark) != NULL && len < sizeof name &&
            words_is_command(command) && strncmp(command, "lab ", 4) != 0 &&
            (scenario == NULL || is_about(command, scenario))) {
            memcpy(name, command, len);
            name[len] = '\0';
            return name;
        }
    }
    return scenario != NULL ? run_program_name(s, NULL) : "chord";
}

/* -- Expected output ------------------------------------------------------ */

bool glob_match(const char *pattern, const char *text)
{
    const char *star = NULL, *back = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            back = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++back;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* A regular expression; without counts and references, which can take for
   ever. */
static bool regex_match(const char *pattern, const char *text)
{
    regex_t compiled;
    LOCAL_TEXT whole = text_new();
    bool ok = strchr(pattern, '{') == NULL;

    for (const char *at = pattern; ok && *at != '\0'; at++)
        ok = !(at[0] == '\\' && at[1] >= '0' && at[1] <= '9');
    text_printf(&whole, "^(%s)$", pattern);
    if (ok && regcomp(&compiled, whole.data, REG_EXTENDED | REG_NOSUB) == 0) {
        ok = regexec(&compiled, text, 0, NULL, 0) == 0;
        regfree(&compiled);
    } else {
        ok = false;
    }
    return ok;
}

/* One expected line against one printed one. */
static bool line_matches(const char *expected, const char *got)
{
    size_t len = strlen(expected);
    char pattern[SHEET_LINE_MAX + 1];
    bool glob = string_ends(expected, " (glob)");
    bool re = string_ends(expected, " (re)");

    if ((!glob && !re) || len > SHEET_LINE_MAX)
        return strcmp(expected, got) == 0;
    snprintf(pattern, sizeof pattern, "%.*s", (int)(len - (glob ? 7 : 5)),
             expected);
    return glob ? glob_match(pattern, got) : regex_match(pattern, got);
}

/* Match expected lines e[0..en) with what was printed; "..." is any lines. */
static bool lines_match(const char *const *e, size_t en, char *const *got,
                        size_t gn)
{
    size_t i = 0, j = 0, star = SIZE_MAX, back = 0;

    while (j < gn) {
        if (i < en && strcmp(e[i], "...") == 0) {
            star = i++;
            back = j;
        } else if (i < en && line_matches(e[i], got[j])) {
            i++;
            j++;
        } else if (star != SIZE_MAX) {
            i = star + 1;
            j = ++back;
        } else {
            return false;
        }
    }
    while (i < en && strcmp(e[i], "...") == 0)
        i++;
    return i == en;
}

/* Cut into lines, in place. */
static size_t cut_lines(char *text, char *line[], size_t max)
{
    size_t count = 0;

    for (char *at = text; *at != '\0' && count < max;) {
        size_t len = strcspn(at, "\n");
        bool more = at[len] == '\n';
        at[len] = '\0';
        line[count++] = at;
        at += len + more;
    }
    return count;
}

#define OUTPUT_LINES_MAX 4000

/* Compare with the lines of the sheet behind `command`, variables filled
   in. */
static bool output_matches(const struct run *r, size_t command, size_t end,
                           const struct outcome *o)
{
    static char *got[OUTPUT_LINES_MAX];
    static const char *expected[SHEET_LINES_MAX];
    LOCAL_TEXT printed = text_new(), wanted = text_new();
    size_t en = 0;
    int status = 0;

    for (size_t i = command + 1; i < end && r->sheet->line[i].mark != '$';
         i++) {
        if (r->sheet->line[i].mark == '[') {
            status = r->sheet->line[i].status;
            continue;
        }
        run_expand(r, r->sheet->line[i].text, EXPAND_SHOW, &wanted);
        text_char(&wanted, '\n');
        en++;
    }
    run_printed(r, o->out.data, &printed);
    run_printed(r, o->err.data, &printed);
    char *at = wanted.data;
    for (size_t i = 0; i < en; i++) {
        expected[i] = at;
        at += strcspn(at, "\n");
        *at++ = '\0';
    }
    size_t gn = cut_lines(printed.data, got, OUTPUT_LINES_MAX);
    return o->status == status && lines_match(expected, en, got, gn);
}

bool run_expected(const struct run *r, const struct block *b, size_t nth,
                  const struct sheet_line **line, struct text *why)
{
    const struct sheet *s = r->sheet;

    *line = block_line(s, b, '$', nth);
    if (*line == NULL)
        return true;
    LOCAL_TEXT reason = text_new();
    const struct outcome *o = run_execute(r, (*line)->text, &reason);
    bool ok = o != NULL && output_matches(r, (size_t)(*line - s->line),
                                          b->first + b->count, o);
    if (!ok) {
        at_line(r, (*line)->number, why);
        run_expand(r, (*line)->text, EXPAND_SHOW, why);
        if (o == NULL) {
            text_printf(why, ": %s", reason.data);
        } else {
            text_printf(why,
                        ": other output than expected (exit %d): ", o->status);
            text_safe(why, o->out.data, o->out.len > 400 ? 400 : o->out.len);
            text_safe(why, o->err.data, o->err.len > 400 ? 400 : o->err.len);
        }
    }
    return ok;
}
