/*
 * The tutor; see tutor.h.
 *
 * Its state is a place in the sheet's list of blocks and, for every block,
 * how it ended; both are rebuilt from the journal, which is why a student can
 * stop at any time.  An answer goes into the journal first and is judged
 * then.  Nobody gets stuck: hints are free, three wrong answers bring the
 * right one with its reason, `skip` leaves a question for later.
 */
#include "common/tutor.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/sheet_print.h"
#include "common/words.h"

enum state { STATE_OPEN, STATE_RIGHT, STATE_TOLD, STATE_SKIPPED, STATE_DONE };

static const char *const state_word[] = {"open", "right", "told", "skipped",
                                         "done"};

struct progress {
    enum state state;
    unsigned tries, hints, words;
};

struct tutor {
    struct sheet *sheet;
    struct run run;
    struct cache *cache;
    struct journal journal;
    struct progress *at;       /* by block */
    size_t place;              /* the block that waits; block_count: the end */
    size_t seen;               /* prose before this block has been shown */
    size_t command;            /* within a run or watch block */
    const struct block *watch; /* that the monitor has to be opened for */
    bool head_shown, stop_shown, resumed;
    char prompt[16];
    struct text *out; /* what the student is told, in lines of `width` */
    size_t width;
};

static bool is_stop(const struct block *b)
{
    return b->kind == BLOCK_RUN || b->kind == BLOCK_ASK ||
           b->kind == BLOCK_WATCH || b->kind == BLOCK_REFLECT;
}

static const struct block *here(const struct tutor *t)
{
    return t->place < t->sheet->block_count ? &t->sheet->block[t->place] : NULL;
}

/* What the journal calls a block: its ID, or its number. */
static const char *block_id(const struct tutor *t, size_t i, char buffer[32])
{
    assert(i < t->sheet->block_count && t->sheet->block != NULL);
    const struct block *b = &t->sheet->block[i];

    if (b->kind == BLOCK_ASK || b->kind == BLOCK_REFLECT)
        return b->name;
    snprintf(buffer, 32, "block%zu", i);
    return buffer;
}

/* -- Beginning ------------------------------------------------------------ */

/* Replay the journal: how every block stands, and where to go on. */
static void replay(struct tutor *t)
{
    for (size_t e = 0; e < t->journal.count; e++) {
        const struct entry *entry = &t->journal.at[e];
        for (size_t i = 0; i < t->sheet->block_count; i++) {
            char buffer[32];
            struct progress *p = &t->at[i];
            if (!is_stop(&t->sheet->block[i]) ||
                strcmp(block_id(t, i, buffer), entry->id) != 0)
                continue;
            p->tries += strcmp(entry->what, "answer") == 0;
            p->hints += strcmp(entry->what, "hint") == 0;
            for (int s = STATE_RIGHT; s <= STATE_DONE; s++)
                if (strcmp(entry->what, "done") == 0 &&
                    strcmp(entry->text, state_word[s]) == 0) {
                    p->state = (enum state)s;
                    t->place = i + 1;
                }
        }
    }
    t->resumed = t->journal.count > 1;
    /* Who comes back sees again the prose that leads to the question. */
    t->seen = t->place;
    while (t->seen > 0 && t->place < t->sheet->block_count &&
           t->sheet->block[t->seen].kind != BLOCK_TEXT)
        t->seen--;
}

/* The first line of a journal, or its check against the student. */
static bool begin_journal(struct tutor *t, struct text *why)
{
    LOCAL_TEXT start = text_new();
    bool ok;

    text_printf(&start, "student=%s seed=%llu sheet=%s", t->run.student,
                (unsigned long long)t->run.seed, t->sheet->digest);
    if (t->journal.count == 0)
        ok = journal_add(&t->journal, "start", t->sheet->lab, start.data, why);
    else
        ok = strncmp(t->journal.at[0].text, start.data,
                     start.len - strlen(t->sheet->digest)) == 0;
    if (!ok && why->len == 0)
        text_printf(why,
                    "%s: begun by another student, course or seed (%.80s): "
                    "move it away, or set XDG_STATE_HOME",
                    t->journal.path.data, t->journal.at[0].text);
    return ok;
}

struct tutor *tutor_open(const char *path, const struct who *who,
                         struct text *why)
{
    struct tutor *t = calloc(1, sizeof *t);
    LOCAL_TEXT dir = text_new(), journal = text_new();
    bool ok = false;

    if (t == NULL)
        return NULL;
    t->sheet = sheet_load(path, why);
    t->cache = cache_new();
    if (t->sheet != NULL && t->cache != NULL &&
        state_directory(t->sheet->lab, &dir, why) &&
        run_open(&t->run, t->sheet, who, dir.data, t->cache, why)) {
        t->at = calloc(t->sheet->block_count + 1, sizeof *t->at);
        text_printf(&journal, "%s/journal", dir.data);
        ok = t->at != NULL && state_choose(t->sheet->lab, why) &&
             journal_open(&t->journal, journal.data, why) &&
             begin_journal(t, why);
    }
    if (!ok) {
        tutor_close(t);
        return NULL;
    }
    replay(t);
    return t;
}

void tutor_close(struct tutor *t)
{
    if (t == NULL)
        return;
    if (t->run.sheet != NULL)
        run_close(&t->run);
    journal_free(&t->journal);
    cache_free(t->cache);
    sheet_free(t->sheet);
    free(t->at);
    free(t);
}

/* -- Showing -------------------------------------------------------------- */

/* Points won, and to be won, by answers that were judged. */
static void points(const struct tutor *t, unsigned *won, unsigned *of)
{
    assert(t->sheet->block != NULL);
    *won = *of = 0;
    for (size_t i = 0; i < t->sheet->block_count; i++)
        if (t->sheet->block[i].kind == BLOCK_ASK) {
            *of += t->sheet->block[i].points;
            if (t->at[i].state == STATE_RIGHT)
                *won += t->sheet->block[i].points;
        }
}

/* A paragraph for the student. */
PRINTF_LIKE(2, 3)
static void say(const struct tutor *t, const char *format, ...)
{
    LOCAL_TEXT prose = text_new();
    va_list args;

    va_start(args, format);
    text_vprintf(&prose, format, args);
    va_end(args);
    sheet_wrap(t->out, prose.data, t->width);
}

static void show_head(const struct tutor *t)
{
    const struct sheet *s = t->sheet;
    unsigned won, of;

    points(t, &won, &of);
    say(t, "%s\n", s->title);
    text_repeat(t->out, '=', t->width);
    text_char(t->out, '\n');
    if (t->resumed) {
        say(t,
            "Welcome back, %s: %u of %u points so far. You go on where you "
            "left.\n\n",
            t->run.student, won, of);
        return;
    }
    say(t, "%s, seed %llu; about %u minutes; %u points.\n\n", t->run.student,
        (unsigned long long)t->run.seed, s->minutes, of);
    say(t, "Afterwards you can\n");
    for (size_t i = 0; i < s->objective_count; i++)
        say(t, "- %s\n", s->objective[i].text);
    text_char(t->out, '\n');
    say(t, "Type an answer and Enter. Any command that begins with a program's "
           "name runs here too. `hint`, `skip`, `help`, `quit` (your place is "
           "kept).");
    text_char(t->out, '\n');
}

/* The lines of a block with that mark, values filled in, as prose. */
static void show_lines(const struct tutor *t, const struct block *b, char mark)
{
    LOCAL_TEXT prose = text_new();
    const struct sheet_line *l;

    for (size_t i = 0; (l = block_line(t->sheet, b, mark, i)) != NULL; i++) {
        if (l->text[0] == '#') /* room above a heading */
            text_char(&prose, '\n');
        run_expand(&t->run, l->text, EXPAND_SHOW, &prose);
        text_char(&prose, '\n');
    }
    sheet_wrap(t->out, prose.data, t->width);
}

static void show_question(const struct tutor *t, const struct block *b)
{
    LOCAL_TEXT form = text_new();

    say(t, "\n--- %s, %u point%s ---\n", b->name, b->points,
        b->points == 1 ? "" : "s");
    show_lines(t, b, ' ');
    if (b->kind == BLOCK_ASK) {
        answer_form(&form, &b->type);
        say(t, "(%s)\n", form.data);
    } else {
        say(t, "(at least %u words; end with a line that holds only a dot)\n",
            b->words_min);
    }
}

/* What a program printed: its lines as they are, long ones cut at a blank. */
static void show_printed(const struct tutor *t, const char *printed)
{
    for (const char *at = printed; *at != '\0';) {
        size_t n = strcspn(at, "\n"), fits = n;
        if (n + 2 > t->width)
            for (fits = t->width - 2; fits > 0 && at[fits] != ' ';)
                fits--;
        fits = fits > 0 ? fits : n;
        text_add(t->out, "  ");
        text_safe(t->out, at, fits);
        text_char(t->out, '\n');
        at += fits + (at[fits] == '\n' || fits < n);
    }
}

static void show_outcome(const struct tutor *t, const struct outcome *o)
{
    LOCAL_TEXT printed = text_new();

    run_printed(&t->run, o->out.data, &printed);
    run_printed(&t->run, o->err.data, &printed);
    show_printed(t, printed.data);
    if (o->status != 0)
        text_printf(t->out, "  [%d]\n", o->status);
}

/* What a run block printed, for who comes back. */
static void show_again(const struct tutor *t, const struct block *b)
{
    LOCAL_TEXT why = text_new();
    const struct sheet_line *l;

    for (size_t i = 0; (l = block_line(t->sheet, b, '$', i)) != NULL; i++) {
        text_add(t->out, "\n  $ ");
        run_expand(&t->run, l->text, EXPAND_SHOW, t->out);
        text_char(t->out, '\n');
        const struct outcome *o = run_execute(&t->run, l->text, &why);
        if (o != NULL)
            show_outcome(t, o);
    }
}

/* A prediction is taken first, one field after the other. */
static void show_watch(const struct tutor *t, const struct block *b)
{
    const struct sheet_line *l = block_line(t->sheet, b, '~', t->command);

    if (t->command == 0) {
        say(t, "\n--- watch @%s in the monitor ---\n", b->name);
        for (size_t i = b->first; i < b->first + b->count; i++)
            if (t->sheet->line[i].mark != '~' &&
                t->sheet->line[i].text[0] != '\0') {
                text_add(t->out, "    ");
                run_expand(&t->run, t->sheet->line[i].text, EXPAND_SHOW,
                           t->out);
                text_char(t->out, '\n');
            }
    }
    if (l == NULL) {
        say(t, "(Enter opens it; `.` steps on, `,` back)\n");
        return;
    }
    LOCAL_TEXT stop = text_new(); /* the command before the prediction */
    const struct sheet_line *before = l;
    while (before->mark != '>' && before > &t->sheet->line[b->first])
        before--;
    run_expand(&t->run, before->text, EXPAND_SHOW, &stop);
    say(t,
        "Predict: `%s` stops just before that event. What will its field "
        "`%s` be?\n",
        stop.data, l->text);
}

static void show_stop(const struct tutor *t, const struct block *b)
{
    if (b->kind == BLOCK_RUN) {
        text_add(t->out, "\n  $ ");
        run_expand(&t->run, block_line(t->sheet, b, '$', t->command)->text,
                   EXPAND_SHOW, t->out);
        text_add(t->out, "\n(Enter runs it)\n");
    } else if (b->kind == BLOCK_WATCH) {
        show_watch(t, b);
    } else {
        show_question(t, b);
    }
}

static void show_end(const struct tutor *t)
{
    unsigned won, of;
    char id[32], first[32] = "";

    points(t, &won, &of);
    say(t,
        "\n--- the end ---\nYou have %u of %u points; reflections "
        "are read by your instructor.\n",
        won, of);
    for (size_t i = 0; i < t->sheet->block_count; i++)
        if (t->at[i].state == STATE_SKIPPED) {
            const char *skipped = block_id(t, i, id);
            text_printf(t->out, "%s%s", first[0] == '\0' ? "Skipped: " : " ",
                        skipped);
            if (first[0] == '\0')
                snprintf(first, sizeof first, "%s", skipped);
        }
    if (first[0] != '\0')
        say(t, "\n`go %s` goes back to it.\n", first);
    say(t, "Hand in this file:\n    %s\n(Enter alone ends.)\n",
        t->journal.path.data);
}

void tutor_show(struct tutor *t, size_t width, struct text *out)
{
    t->width = width;
    t->out = out;
    const struct sheet *s = t->sheet;
    size_t i = t->seen < t->place ? t->seen : t->place;

    if (t->stop_shown)
        return;
    if (!t->head_shown)
        show_head(t);
    t->head_shown = t->stop_shown = true;
    for (; i < s->block_count; i++) {
        const struct block *b = &s->block[i];
        if (b->kind == BLOCK_TEXT && i >= t->seen)
            show_lines(t, b, ' ');
        if (b->kind == BLOCK_RUN && t->resumed && i < t->place)
            show_again(t, b);
        if (is_stop(b) && i >= t->place && t->at[i].state == STATE_OPEN)
            break;
    }
    t->place = i;
    t->seen = i > t->seen ? i : t->seen;
    t->resumed = false;
    if (here(t) != NULL)
        show_stop(t, here(t));
    else
        show_end(t);
}

/* Does a watch block still wait for a prediction? */
static bool awaits(const struct tutor *t, const struct block *b)
{
    return block_line(t->sheet, b, '~', t->command) != NULL;
}

const char *tutor_prompt(struct tutor *t)
{
    const struct block *b = here(t);
    bool named = b != NULL && b->name != NULL && b->kind != BLOCK_WATCH;

    snprintf(t->prompt, sizeof t->prompt, "%s> ",
             b == NULL              ? "done"
             : named                ? b->name
             : b->kind == BLOCK_RUN ? "run"
             : awaits(t, b)         ? "predict"
                                    : "watch");
    return t->prompt;
}

bool tutor_is_question(const struct tutor *t)
{
    const struct block *b = here(t);

    return b == NULL || b->kind == BLOCK_ASK || b->kind == BLOCK_REFLECT ||
           (b->kind == BLOCK_WATCH && awaits(t, b));
}

bool tutor_is_done(const struct tutor *t)
{
    return here(t) == NULL;
}

bool tutor_has_watch(const struct tutor *t)
{
    return t->watch != NULL;
}

const char *tutor_take_watch(struct tutor *t, struct text *path,
                             struct text *keys)
{
    const struct block *b = t->watch;
    LOCAL_TEXT why = text_new();

    t->watch = NULL;
    return b != NULL && run_watch_file(&t->run, b, path, keys, &why)
               ? run_program_name(t->sheet, b->name)
               : NULL;
}

const char *tutor_scenario(const struct tutor *t)
{
    const struct binding *run = NULL;

    for (size_t i = 0; i < t->sheet->block_count; i++) {
        const struct block *b = &t->sheet->block[i];
        if (b->kind == BLOCK_SCENARIO && (run == NULL || i < t->place))
            run = run_find(&t->run, b->name, strlen(b->name));
    }
    return run != NULL ? run->path.data : NULL;
}

/* -- Answering ------------------------------------------------------------ */

/* A line of the journal; a full disk is said, and work goes on. */
static void note(struct tutor *t, const char *what, const char *id,
                 const char *text)
{
    LOCAL_TEXT why = text_new();

    if (!journal_add(&t->journal, what, id, text, &why))
        text_printf(t->out, "The journal could not be written: %s\n", why.data);
}

/* The present block is over. */
static void finish(struct tutor *t, enum state state)
{
    char buffer[32];

    t->at[t->place].state = state;
    note(t, "done", block_id(t, t->place, buffer), state_word[state]);
    t->place++;
    t->command = 0;
    t->stop_shown = false;
}

/* A command that the student typed, or that Enter stands for. */
static void try_line(struct tutor *t, const char *command)
{
    LOCAL_TEXT why = text_new();
    const struct outcome *o = run_execute(&t->run, command, &why);

    note(t, "ran", "-", command);
    if (o != NULL)
        show_outcome(t, o);
    else
        show_printed(t, why.data);
    text_char(t->out, '\n');
}

static void input_run(struct tutor *t, const struct block *b, const char *line)
{
    const struct sheet_line *l = block_line(t->sheet, b, '$', t->command);
    const struct sheet_line *checked;
    LOCAL_TEXT why = text_new(), shown = text_new();

    run_expand(&t->run, l->text, EXPAND_SHOW, &shown);
    if (line[0] == '$' && line[1] == ' ')
        line += 2;
    bool same = line[0] == '\0' || strcmp(line, shown.data) == 0;
    if (!same && !words_is_command(line)) {
        say(t, "Enter alone runs the command above.\n");
    } else {
        try_line(t, same ? l->text : line);
        if (same && !run_expected(&t->run, b, t->command, &checked, &why))
            say(t, "(The sheet expected other output here; tell your "
                   "instructor.)\n");
        if (same && block_line(t->sheet, b, '$', ++t->command) == NULL)
            finish(t, STATE_DONE);
        t->stop_shown = t->stop_shown && !same;
    }
}

/* What is to be said of this wrong answer: its own feedback, or a hint. */
static void say_wrong(struct tutor *t, const struct block *b,
                      const char *answer)
{
    struct progress *p = &t->at[t->place];
    LOCAL_TEXT value = text_new(), why = text_new(), shown = text_new();
    const struct sheet_line *l;
    const char *text = NULL;

    for (size_t i = 0; (l = block_line(t->sheet, b, '!', i)) != NULL; i++) {
        text_clear(&value);
        if (words_is_command(l->text))
            run_value(&t->run, l->text, &value, &why);
        else
            run_expand(&t->run, l->text, EXPAND_SHOW, &value);
        if (answer_judge(&b->type, answer, value.data) == ANSWER_RIGHT) {
            text = l->more;
            break;
        }
    }
    if (text == NULL && (l = block_line(t->sheet, b, '?', p->hints)) != NULL) {
        text = l->text;
        p->hints++;
        note(t, "hint", b->name, "after a wrong answer");
    }
    run_expand(&t->run, text != NULL ? text : "", EXPAND_SHOW, &shown);
    say(t, "Not so. %s (%u %s left)\n", shown.data, TRIES_MAX - p->tries,
        p->tries + 1 < TRIES_MAX ? "tries" : "try");
}

/* The reason behind an answer: the sheet's, else its last hint. */
static void say_reason(const struct tutor *t, const struct block *b,
                       bool or_hint)
{
    LOCAL_TEXT shown = text_new();
    const struct sheet_line *l = block_line(t->sheet, b, '+', 0), *hint;

    for (size_t i = 0; or_hint && (l == NULL || l->mark == '?'); i++) {
        if ((hint = block_line(t->sheet, b, '?', i)) == NULL)
            break;
        l = hint;
    }
    if (l != NULL) {
        run_expand(&t->run, l->text, EXPAND_SHOW, &shown);
        say(t, "%s\n", shown.data);
    }
}

/* An answer of another kind costs no try. */
static void say_form(struct tutor *t, const struct block *b)
{
    LOCAL_TEXT form = text_new();

    answer_form(&form, &b->type);
    say(t, "That does not count: it should be %s.\n", form.data);
}

static void judge(struct tutor *t, const struct block *b, const char *answer)
{
    struct progress *p = &t->at[t->place];
    LOCAL_TEXT value = text_new(), why = text_new();
    bool known = run_answer(&t->run, b, &value, &why);

    if (known &&
        answer_judge(&b->type, answer, value.data) == ANSWER_MALFORMED) {
        say_form(t, b);
        return;
    }
    note(t, "answer", b->name, answer);
    p->tries++;
    if (!known) {
        say(t, "Recorded; but it cannot be judged here: %s\n", why.data);
        finish(t, STATE_DONE);
    } else if (answer_judge(&b->type, answer, value.data) == ANSWER_RIGHT) {
        say(t, "Right: it is %s (+%u).\n", value.len > 0 ? value.data : "none",
            b->points);
        say_reason(t, b, false);
        text_char(t->out, '\n');
        finish(t, STATE_RIGHT);
    } else if (p->tries < TRIES_MAX) {
        say_wrong(t, b, answer);
    } else {
        say(t, "Not so either. The answer is: %s\n",
            value.len > 0 ? value.data : "none");
        say_reason(t, b, true);
        say(t, "No points for this one; on we go.\n\n");
        finish(t, STATE_TOLD);
    }
}

static void input_ask(struct tutor *t, const struct block *b, const char *line)
{
    if (answer_valid(&b->type, line))
        judge(t, b, line);
    else
        say_form(t, b);
}

/* A prediction, told at once; then the monitor. */
static void input_watch(struct tutor *t, const struct block *b,
                        const char *line)
{
    const struct sheet_line *l = block_line(t->sheet, b, '~', t->command);
    LOCAL_TEXT value = text_new(), why = text_new();
    char id[32];

    if (l == NULL) {
        t->watch = b;
        finish(t, STATE_DONE);
        return;
    }
    if (line[0] == '\0') {
        say(t, "(Type what you expect: a wrong guess costs nothing.)\n");
        return;
    }
    note(t, "predict", block_id(t, t->place, id), line);
    if (!run_predicted(&t->run, b, t->command, &value, &why))
        say(t, "It cannot be told here: %s\n", why.data);
    else if (strcasecmp(line, value.data) == 0)
        say(t, "Well predicted: %s.\n", value.data);
    else
        say(t, "It is %s. Look why.\n", value.data);
    t->command++;
    t->stop_shown = false;
}

static unsigned count_words(const char *s)
{
    unsigned words = 0;

    for (size_t len; (len = word_next(&s)) > 0; s += len)
        words++;
    return words;
}

static void input_reflect(struct tutor *t, const struct block *b,
                          const char *line)
{
    struct progress *p = &t->at[t->place];

    if (line[0] == '\0') {
        say(t, "(A line that holds only a dot ends your answer.)\n");
        return;
    }
    if (strcmp(line, ".") != 0) {
        note(t, "reflect", b->name, line);
        p->words += count_words(line);
        p->tries = 0; /* of dots */
        return;
    }
    if (p->words >= b->words_min || p->tries++ > 0) {
        finish(t, STATE_DONE);
        return;
    }
    say(t, "%u of %u words. Go on, or another dot to leave it so.\n", p->words,
        b->words_min);
}

static void input_hint(struct tutor *t, const struct block *b)
{
    struct progress *p = &t->at[t->place];
    const struct sheet_line *l = b != NULL && b->kind == BLOCK_ASK
                                     ? block_line(t->sheet, b, '?', p->hints)
                                     : NULL;
    LOCAL_TEXT shown = text_new();

    if (b == NULL || b->kind != BLOCK_ASK) {
        say(t, "There is no hint here.\n");
    } else if (l == NULL) {
        say(t, "No further hint. Answer as well as you can: after "
               "three tries the answer comes with its reason.\n");
    } else {
        p->hints++;
        note(t, "hint", b->name, "asked for");
        run_expand(&t->run, l->text, EXPAND_SHOW, &shown);
        say(t, "Hint: %s\n", shown.data);
    }
}

/* `go Q3`: back to a question that is not settled. */
static void input_go(struct tutor *t, const char *id)
{
    for (size_t i = 0; i < t->sheet->block_count; i++) {
        char buffer[32];
        if (!is_stop(&t->sheet->block[i]) ||
            strcmp(block_id(t, i, buffer), id) != 0)
            continue;
        if (t->at[i].state != STATE_OPEN && t->at[i].state != STATE_SKIPPED)
            break;
        t->at[i].state = STATE_OPEN;
        t->place = i;
        t->command = 0;
        t->stop_shown = false;
        return;
    }
    say(t, "There is no open question of that name.\n");
}

static void input_help(const struct tutor *t)
{
    say(t,
        "- an answer and Enter: it is recorded, then judged\n"
        "- hint: the next hint; it costs nothing\n"
        "- skip: leave this for later; go Q3: back to it\n"
        "- chord show @ring nodes: any command of our programs; @ring is your "
        "own run, here and in another terminal\n"
        "- again: the question once more; quit: your place is kept\n");
}

bool tutor_input(struct tutor *t, const char *line, size_t width,
                 struct text *out)
{
    const struct block *b = here(t);
    LOCAL_TEXT clean = text_new();

    t->width = width;
    t->out = out;
    text_clean(&clean, line, strlen(line));
    while (clean.len > 0 && clean.data[clean.len - 1] == ' ')
        clean.data[--clean.len] = '\0';
    line = clean.data + strspn(clean.data, " ");
    bool quit = strcmp(line, "quit") == 0 || strcmp(line, "q") == 0;
    if (quit)
        say(t, "Your place is kept.\n");
    else if (strcmp(line, "help") == 0 || strcmp(line, "?") == 0)
        input_help(t);
    else if (strcmp(line, "hint") == 0)
        input_hint(t, b);
    else if (strncmp(line, "go ", 3) == 0)
        input_go(t, line + 3);
    else if (b == NULL)
        quit = line[0] == '\0';
    else if (strcmp(line, "skip") == 0)
        finish(t, STATE_SKIPPED);
    else if (strcmp(line, "again") == 0)
        t->stop_shown = false;
    else if (b->kind == BLOCK_RUN)
        input_run(t, b, line);
    else if (b->kind == BLOCK_REFLECT)
        input_reflect(t, b, line);
    else if (words_is_command(line))
        try_line(t, line);
    else if (b->kind == BLOCK_WATCH)
        input_watch(t, b, line);
    else if (line[0] != '\0')
        input_ask(t, b, line);
    return !quit;
}
