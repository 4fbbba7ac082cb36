/*
 * Parse worksheets; see sheet.h for the shape of what comes out.
 *
 * The file is read into one buffer, its lines are cut in place, and every
 * string of the sheet points into that buffer.  The parser goes line by line
 * with one question: are we in the header, in prose, or in a fence?  A fence
 * with a first word that we know becomes a block; any other stays prose.
 *
 * Everything is checked here, before anything runs: a name must have been
 * defined above its use, so that no scenario can include itself; a command
 * must be one of ours (sheet_exec.h).  The first error ends the parse.
 */
#include "common/sheet.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/grow.h"
#include "common/hash.h"
#include "common/options.h"
#include "common/program.h"
#include "common/sheet_exec.h"
#include "common/words.h"

struct parser {
    struct sheet *s;
    struct text *why;
    const char *name[SHEET_NAMES_MAX]; /* defined so far, with seed first */
    size_t name_count;
    size_t line_cap, block_cap;
    char fence[8]; /* that closes the present block; "" outside */
    bool in_header, verbatim;
};

/* Set the sentence for people; false, for the caller to return. */
PRINTF_LIKE(3, 4)
static bool refuse(struct parser *p, unsigned line, const char *format, ...)
{
    va_list args;

    text_clear(p->why);
    text_safe(p->why, p->s->path, strlen(p->s->path));
    text_printf(p->why, ":%u: ", line);
    va_start(args, format);
    text_vprintf(p->why, format, args);
    va_end(args);
    return false;
}

size_t sheet_name(const char *s)
{
    size_t n = 0;

    if (!isalpha((unsigned char)s[0]))
        return 0;
    while (isalnum((unsigned char)s[n]) || s[n] == '_')
        n++;
    return n <= SHEET_NAME_MAX ? n : 0;
}

const char *sheet_variable(const char *s, const char *from, size_t *len)
{
    for (const char *at = strchr(from, '@'); at; at = strchr(at + 1, '@'))
        if ((*len = sheet_name(at + 1)) > 0 &&
            (at == s || !isalnum((unsigned char)at[-1])))
            return at + 1;
    return NULL;
}

static bool is_defined(const struct parser *p, const char *name, size_t len)
{
    for (size_t i = 0; i < p->name_count; i++)
        if (word_is(name, len, p->name[i]))
            return true;
    return false;
}

/* Every @name in `s` must have been defined above. */
static bool check_names(struct parser *p, unsigned line, const char *s)
{
    size_t n;

    for (const char *at = s; (at = sheet_variable(s, at, &n)) != NULL; at += n)
        if (!is_defined(p, at, n))
            return refuse(p, line,
                          "@%.*s is not defined above: a scenario or let block "
                          "must come first",
                          (int)n, at);
    return true;
}

static bool define(struct parser *p, unsigned line, const char *name)
{
    if (sheet_name(name) == 0 || name[sheet_name(name)] != '\0')
        return refuse(p, line,
                      "a name was expected: a letter, then letters, digits "
                      "and _, %d at most",
                      SHEET_NAME_MAX);
    if (is_defined(p, name, strlen(name)))
        return refuse(p, line, "%s is defined twice: choose another name",
                      name);
    if (p->name_count == SHEET_NAMES_MAX)
        return refuse(p, line, "more than %d names", SHEET_NAMES_MAX);
    p->name[p->name_count++] = name;
    return true;
}

/* `check ... --out NAME` defines a scenario. */
static bool check_out(struct parser *p, unsigned line, const char *command,
                      const struct words *w)
{
    const char *name = words_out(w);

    if (name == NULL)
        return true;
    const char *last = command + strlen(command) - strlen(name);
    if (strcmp(last, name) != 0)
        return refuse(p, line, "--out NAME comes last");
    return define(p, line, last);
}

/* A command: its names known, its program and options allowed. */
static bool check_command(struct parser *p, unsigned line, const char *command)
{
    struct words w;
    LOCAL_TEXT why = text_new();
    bool ok = words_split(&w, command, &why) && words_allowed(&w, &why);

    if (!ok)
        refuse(p, line, "%s", why.data);
    return ok && check_names(p, line, command) &&
           check_out(p, line, command, &w);
}

/* -- The tables -------------------------------------------------------------- */

static struct block *add_block(struct parser *p, enum block_kind kind,
                               unsigned line)
{
    struct sheet *s = p->s;

    if (s->block_count == SHEET_BLOCKS_MAX ||
        !grow(&s->block, s->block_count, &p->block_cap, sizeof *s->block)) {
        refuse(p, line, "more than %d blocks", SHEET_BLOCKS_MAX);
        return NULL;
    }
    struct block *b = &s->block[s->block_count++];
    *b = (struct block){.kind = kind, .line = line, .first = s->line_count};
    return b;
}

/* Append a line to the last block. */
static bool add_line(struct parser *p, unsigned number, char mark,
                     const char *text, const char *more, int status)
{
    struct sheet *s = p->s;

    if (s->line_count == SHEET_LINES_MAX ||
        !grow(&s->line, s->line_count, &p->line_cap, sizeof *s->line))
        return refuse(p, number, "more than %d lines", SHEET_LINES_MAX);
    s->line[s->line_count++] =
        (struct sheet_line){number, mark, text, more, status};
    s->block[s->block_count - 1].count++;
    return true;
}

/* -- The header ---------------------------------------------------------- */

static bool read_number(const char *s, unsigned max, unsigned *value)
{
    uint64_t n;

    if (!parse_u64(s, max, &n) || n == 0)
        return false;
    *value = (unsigned)n;
    return true;
}

/* COMMAND OP VALUE, the operator being the last word but one. */
static bool header_require(struct parser *p, unsigned line, char *value)
{
    struct sheet *s = p->s;
    char *last = strrchr(value, ' ');

    if (last != NULL)
        *last++ = '\0';
    char *op = last != NULL ? strrchr(value, ' ') : NULL;
    if (op != NULL)
        *op++ = '\0';
    if (op == NULL || !word_listed("== != < <= > >=", op, strlen(op)))
        return refuse(p, line, "'require: COMMAND >= VALUE' was expected");
    if (s->require_count == SHEET_REQUIRES_MAX)
        return refuse(p, line, "more than %d require lines",
                      SHEET_REQUIRES_MAX);
    s->require[s->require_count++] = (struct require){line, value, op, last};
    return true;
}

static bool header_lab(struct parser *p, unsigned line, const char *value)
{
    size_t n = strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-");

    if (n == 0 || n > 32 || value[n] != '\0' || value[0] == '-')
        return refuse(p, line,
                      "a lab's id was expected: small letters, digits and -");
    p->s->lab = value;
    return true;
}

static bool header_key(struct parser *p, unsigned line, const char *key,
                       char *value)
{
    static const char *const keys[] = {"lab", "minutes", "seed", "require",
                                       "O1"};
    struct sheet *s = p->s;

    if (strcmp(key, "lab") == 0)
        return header_lab(p, line, value);
    if (strcmp(key, "minutes") == 0)
        return read_number(value, 600, &s->minutes) ||
               refuse(p, line, "minutes from 1 to 600 were expected");
    if (strcmp(key, "seed") == 0) {
        s->own_seed = strcmp(value, "student") == 0;
        return s->own_seed || parse_u64(value, UINT64_MAX, &s->seed) ||
               refuse(p, line, "'student' or a number was expected");
    }
    if (strcmp(key, "require") == 0)
        return header_require(p, line, value);
    if (key[0] == 'O' && key[1] >= '1' && key[1] <= '9' && key[2] == '\0' &&
        s->objective_count < SHEET_OBJECTIVES_MAX) {
        s->objective[s->objective_count++] = (struct objective){key, value};
        return true;
    }
    const char *near = nearest_word(key, keys, 5);
    return refuse(p, line, "unknown header '%s'%s%s%s", key,
                  near != NULL ? ": did you mean '" : "", near ? near : "",
                  near != NULL ? "'?" : "; lab, minutes, seed, require, O1-O9");
}

static bool header_line(struct parser *p, unsigned line, char *text)
{
    if (p->s->title == NULL) {
        if (strncmp(text, "# ", 2) != 0 || text[2] == '\0')
            return refuse(p, line, "'# Title' was expected first");
        p->s->title = text + 2;
        return true;
    }
    char *colon = strchr(text, ':');
    if (colon == NULL)
        return refuse(p, line, "'key: value', or an empty line, was expected");
    *colon++ = '\0';
    return header_key(p, line, text, colon + strspn(colon, " "));
}

/* Once the whole sheet is known. */
static bool check_header(struct parser *p)
{
    const struct sheet *s = p->s;

    if (s->title == NULL || s->lab == NULL)
        return refuse(p, 1, "a worksheet begins with '# Title' and 'lab: ID'");
    if (s->block_count == 0)
        return refuse(p, 1,
                      "an empty line and the text were expected behind "
                      "the header");
    for (size_t i = 0; i < s->require_count; i++)
        if (!check_command(p, s->require[i].line, s->require[i].command) ||
            !check_names(p, s->require[i].line, s->require[i].value))
            return false;
    return true;
}

/* -- Fences -------------------------------------------------------------- */

/* Cut `text` at blanks, in place. */
static size_t cut(char *text, char *word[], size_t max)
{
    size_t count = 0;

    for (char *at; (at = word_take(&text)) != NULL; count++)
        if (count < max)
            word[count] = at;
    return count;
}

static bool check_id(struct parser *p, unsigned line, const char *id)
{
    size_t n = strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
                          "0123456789");

    if (n == 0 || n > 8 || id[n] != '\0')
        return refuse(p, line, "an ID such as Q1 was expected");
    if (sheet_find(p->s, id) != NULL)
        return refuse(p, line, "there are two questions %s", id);
    return true;
}

/* ask ID TYPE [CHOICES] POINTS OBJECTIVE */
static bool open_ask(struct parser *p, unsigned line, char *word[], size_t n)
{
    bool choice = n > 2 && strcmp(word[2], "choice") == 0;
    struct block b = {0};

    if (n != (choice ? 6u : 5u))
        return refuse(p, line, "'ask ID TYPE POINTS OBJECTIVE' was expected");
    if (!check_id(p, line, word[1]))
        return false;
    b.name = word[1];
    if (!answer_type_parse(word[2], choice ? word[3] : NULL, &b.type))
        return refuse(p, line,
                      "an answer's type was expected: node, nodes, path, int, "
                      "num+-10%%, word, choice a|b|c");
    if (!read_number(word[n - 2], 100, &b.points))
        return refuse(p, line, "points from 1 to 100 were expected");
    b.objective = word[n - 1];
    size_t i = 0;
    while (i < p->s->objective_count &&
           strcmp(p->s->objective[i].name, b.objective) != 0)
        i++;
    if (i == p->s->objective_count)
        return refuse(p, line, "objective %s is not in the header",
                      b.objective);
    struct block *block = add_block(p, BLOCK_ASK, line);
    if (block == NULL)
        return false;
    b.kind = BLOCK_ASK;
    b.line = line;
    b.first = block->first;
    *block = b;
    return true;
}

/* reflect ID POINTS [min=40w] */
static bool open_reflect(struct parser *p, unsigned line, char *word[],
                         size_t n)
{
    unsigned points, words = 0;
    size_t last = n == 4 ? strlen(word[3]) - 1 : 0;

    if (n < 3 || n > 4 || !read_number(word[2], 100, &points))
        return refuse(p, line, "'reflect ID POINTS min=40w' was expected");
    if (n == 4) {
        bool good = strncmp(word[3], "min=", 4) == 0 && word[3][last] == 'w';
        word[3][last] = '\0';
        if (!good || !read_number(word[3] + 4, 999, &words))
            return refuse(p, line, "words such as 'min=40w' were expected");
    }
    if (!check_id(p, line, word[1]))
        return false;
    struct block *b = add_block(p, BLOCK_REFLECT, line);
    if (b == NULL)
        return false;
    b->name = word[1];
    b->points = points;
    b->words_min = words;
    return true;
}

/* scenario NAME, watch NAME */
static bool open_named(struct parser *p, unsigned line, enum block_kind kind,
                       char *word[], size_t n)
{
    if (n != 2)
        return refuse(p, line, "'%s NAME' was expected", word[0]);
    if (kind == BLOCK_WATCH && !is_defined(p, word[1], strlen(word[1])))
        return refuse(p, line, "there is no scenario %s above", word[1]);
    struct block *b = add_block(p, kind, line);
    if (b != NULL)
        b->name = word[1];
    return b != NULL;
}

static const struct {
    const char *word;
    enum block_kind kind;
} kinds[] = {{"scenario", BLOCK_SCENARIO}, {"let", BLOCK_LET},
             {"run", BLOCK_RUN},           {"ask", BLOCK_ASK},
             {"watch", BLOCK_WATCH},       {"reflect", BLOCK_REFLECT}};

/* What the first word of a fence makes of it. */
static enum block_kind fence_kind(const char *info)
{
    size_t len = strcspn(info, " ");

    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (word_is(info, len, kinds[i].word))
            return kinds[i].kind;
    return BLOCK_TEXT;
}

static bool open_block(struct parser *p, unsigned line, enum block_kind kind,
                       char *info)
{
    char *word[8] = {NULL};
    size_t n = cut(info, word, 8);

    switch (kind) {
    case BLOCK_ASK:
        return open_ask(p, line, word, n);
    case BLOCK_REFLECT:
        return open_reflect(p, line, word, n);
    case BLOCK_SCENARIO:
    case BLOCK_WATCH:
        return open_named(p, line, kind, word, n);
    case BLOCK_LET:
    case BLOCK_RUN:
    case BLOCK_TEXT:
        break;
    }
    return add_block(p, kind, line) != NULL;
}

static bool close_fence(struct parser *p, unsigned line)
{
    const struct sheet *s = p->s;
    const struct block *b = &s->block[s->block_count - 1];

    p->fence[0] = '\0';
    if (p->verbatim)
        return true;
    if (b->kind == BLOCK_SCENARIO)
        return define(p, b->line, b->name);
    if (b->kind == BLOCK_ASK && block_line(s, b, '=', 0) == NULL)
        return refuse(p, line, "question %s has no '= oracle command'",
                      b->name);
    if (b->kind == BLOCK_ASK && block_line(s, b, '=', 1) != NULL)
        return refuse(p, line, "question %s has two oracles", b->name);
    if (b->kind == BLOCK_RUN &&
        (b->count == 0 || s->line[b->first].mark != '$'))
        return refuse(p, b->line, "'$ command' was expected in a run block");
    return true;
}

/* -- Lines of blocks ------------------------------------------------------ */

/* name <- command */
static bool let_line(struct parser *p, unsigned line, char *text)
{
    char *arrow = strstr(text, "<-");

    if (text[0] == '\0')
        return true;
    if (arrow == NULL)
        return refuse(p, line, "'name <- command' was expected");
    char *command = arrow + 2 + strspn(arrow + 2, " ");
    while (arrow > text && arrow[-1] == ' ')
        arrow--;
    *arrow = '\0';
    return check_command(p, line, command) && define(p, line, text) &&
           add_line(p, line, '<', text, command, 0);
}

/* $ command, [3], or expected output */
static bool run_line(struct parser *p, unsigned line, char *text)
{
    int status, used = 0;

    if (text[0] == '$' && text[1] == ' ')
        return check_command(p, line, text + 2) &&
               add_line(p, line, '$', text + 2, NULL, 0);
    if (sscanf(text, "[%3d]%n", &status, &used) == 1 && text[used] == '\0' &&
        used > 0)
        return add_line(p, line, '[', text, NULL, status);
    return check_names(p, line, text) && add_line(p, line, ' ', text, NULL, 0);
}

/* ! if VALUE-or-COMMAND: feedback */
static bool feedback_line(struct parser *p, unsigned line, char *text)
{
    char *colon = strstr(text, ": ");

    if (strncmp(text, "! if ", 5) != 0 || colon == NULL || colon == text + 5)
        return refuse(p, line,
                      "'! if VALUE-or-COMMAND: feedback' was expected");
    *colon = '\0';
    if (words_is_command(text + 5) && !check_command(p, line, text + 5))
        return false;
    return check_names(p, line, text + 5) && check_names(p, line, colon + 2) &&
           add_line(p, line, '!', text + 5, colon + 2, 0);
}

static bool ask_line(struct parser *p, unsigned line, char *text)
{
    if (strncmp(text, "= ", 2) == 0)
        return check_command(p, line, text + 2) &&
               add_line(p, line, '=', text + 2, NULL, 0);
    if (strncmp(text, "! ", 2) == 0)
        return feedback_line(p, line, text);
    if (!check_names(p, line, text))
        return false;
    if ((text[0] == '?' || text[0] == '+') && text[1] == ' ')
        return add_line(p, line, text[0], text + 2, NULL, 0);
    return add_line(p, line, ' ', text, NULL, 0);
}

/* A line of a scenario; files outside of labs/ and addresses of other
   machines are no business of a worksheet. */
static bool scenario_line(struct parser *p, unsigned line, char *text)
{
    char *include = text + strspn(text, " \t");
    const char *addr = strstr(text, "addr=");

    if (strncmp(include, "include ", 8) == 0 &&
        strncmp(include + 8, "@", 1) != 0 &&
        (strncmp(include + 8, "labs/", 5) != 0 || strstr(include, "..")))
        return refuse(p, line,
                      "'include @NAME' or 'include labs/...' was "
                      "expected");
    if (addr != NULL && strncmp(addr, "addr=127.", 9) != 0)
        return refuse(p, line,
                      "worksheets stay on loopback: addr=127.0.0.1 "
                      "was expected");
    return check_names(p, line, text) && add_line(p, line, ' ', text, NULL, 0);
}

/* Monitor commands of watch blocks: they look, move and break, but write no
   file and never end the monitor. */
static const char monitor_words[] =
    "until find again show step back next goto first last check compare drop "
    "delay branch duplicate deliver crash why restart value";

static bool watch_line(struct parser *p, unsigned line, char *text)
{
    size_t len = strcspn(text, " ");

    if (strncmp(text, "predict ", 8) == 0) {
        if (text[8] == '\0' ||
            strspn(text + 8, "abcdefghijklmnopqrstuvwxyz_") != strlen(text + 8))
            return refuse(p, line, "the name of a field was expected");
        return add_line(p, line, '~', text + 8, NULL, 0);
    }
    if (word_listed(monitor_words, text, len))
        return check_names(p, line, text) &&
               add_line(p, line, '>', text, NULL, 0);
    return scenario_line(p, line, text);
}

static bool block_text(struct parser *p, unsigned line, char *text)
{
    const struct sheet *s = p->s;

    switch (s->block[s->block_count - 1].kind) {
    case BLOCK_LET:
        return let_line(p, line, text);
    case BLOCK_RUN:
        return run_line(p, line, text);
    case BLOCK_ASK:
        return ask_line(p, line, text);
    case BLOCK_SCENARIO:
        return scenario_line(p, line, text);
    case BLOCK_WATCH:
        return watch_line(p, line, text);
    case BLOCK_REFLECT:
        return text[0] == '#' ? add_line(p, line, '#', text, NULL, 0)
                              : check_names(p, line, text) &&
                                    add_line(p, line, ' ', text, NULL, 0);
    case BLOCK_TEXT:
        break;
    }
    return check_names(p, line, text) && add_line(p, line, ' ', text, NULL, 0);
}

/* A line of prose, or of a fence that means nothing to us. */
static bool prose_line(struct parser *p, unsigned line, char *text)
{
    const struct sheet *s = p->s;

    if ((s->block_count == 0 ||
         s->block[s->block_count - 1].kind != BLOCK_TEXT) &&
        add_block(p, BLOCK_TEXT, line) == NULL)
        return false;
    return block_text(p, line, text);
}

static bool fence_line(struct parser *p, unsigned line, char *text)
{
    size_t ticks = strspn(text, "`");
    enum block_kind kind = fence_kind(text + ticks);

    if (ticks >= sizeof p->fence)
        return refuse(p, line, "a fence of 3 to 7 backquotes was expected");
    memset(p->fence, '`', ticks);
    p->fence[ticks] = '\0';
    p->verbatim = kind == BLOCK_TEXT;
    return p->verbatim ? prose_line(p, line, text)
                       : open_block(p, line, kind, text + ticks);
}

static bool one_line(struct parser *p, unsigned line, char *text)
{
    if (p->in_header &&
        (p->s->title == NULL || (text[0] != '\0' && !strchr("#`", text[0]))))
        return header_line(p, line, text);
    p->in_header = false;
    if (p->fence[0] == '\0')
        return strncmp(text, "```", 3) == 0 ? fence_line(p, line, text)
                                            : prose_line(p, line, text);
    if (strcmp(text, p->fence) == 0)
        return (!p->verbatim || prose_line(p, line, text)) &&
               close_fence(p, line);
    return p->verbatim ? prose_line(p, line, text) : block_text(p, line, text);
}

/* Only printable UTF-8, so that no sheet can speak to the terminal. */
static bool check_line(struct parser *p, unsigned line, const char *text,
                       size_t len)
{
    if (len > SHEET_LINE_MAX)
        return refuse(p, line, "a line of more than %d bytes", SHEET_LINE_MAX);
    size_t good = text_printable_run(text, len);
    return good == len || refuse(p, line,
                                 "column %zu: printable UTF-8 was expected, no "
                                 "control characters or tabs",
                                 good + 1);
}

static bool all_lines(struct parser *p, char *text, size_t len)
{
    unsigned line = 0;

    for (char *end; len > 0; text = end) {
        char *newline = memchr(text, '\n', len);
        size_t length = newline != NULL ? (size_t)(newline - text) : len;
        size_t used = length + (newline != NULL);
        end = text + used;
        len -= used;
        text[length] = '\0';
        if (length > 0 && text[length - 1] == '\r')
            text[--length] = '\0';
        if (!check_line(p, ++line, text, length) || !one_line(p, line, text))
            return false;
    }
    if (p->fence[0] != '\0')
        return refuse(p, line, "the file ends inside a block: '%s' is missing",
                      p->fence);
    return check_header(p);
}

struct sheet *sheet_parse(const char *path, const char *text, size_t len,
                          struct text *why)
{
    struct sheet *s = calloc(1, sizeof *s);
    struct parser p = {.s = s,
                       .why = why,
                       .name = {"seed", "student"},
                       .name_count = 2,
                       .in_header = true};

    text_clear(why);
    if (s != NULL && (s->path = strdup(path)) != NULL &&
        (s->text = malloc(len + 1)) != NULL) {
        memcpy(s->text, text, len);
        hash_sha256_hex(s->digest, text, len);
        s->own_seed = true;
        s->minutes = 45;
        if (len > SHEET_BYTES_MAX)
            refuse(&p, 1, "more than %zu bytes", SHEET_BYTES_MAX);
        else if (all_lines(&p, s->text, len))
            return s;
    } else {
        text_add(why, "no memory");
    }
    sheet_free(s);
    return NULL;
}

struct sheet *sheet_load(const char *path, struct text *why)
{
    LOCAL_TEXT file = text_new(), found = text_new();
    struct sheet *s = NULL;

    if (program_find_file(path, &found)) /* where it is installed, too */
        path = found.data;
    if (read_file(path, SHEET_BYTES_MAX, &file, why))
        s = sheet_parse(path, file.data, file.len, why);
    return s;
}

void sheet_free(struct sheet *s)
{
    if (s == NULL)
        return;
    free(s->path);
    free(s->text);
    free(s->line);
    free(s->block);
    free(s);
}

const struct block *sheet_find(const struct sheet *s, const char *id)
{
    for (size_t i = 0; i < s->block_count; i++) {
        const struct block *b = &s->block[i];
        if ((b->kind == BLOCK_ASK || b->kind == BLOCK_REFLECT) &&
            strcmp(b->name, id) == 0)
            return b;
    }
    return NULL;
}

const struct sheet_line *
block_line(const struct sheet *s, const struct block *b, char mark, size_t nth)
{
    for (size_t i = b->first; i < b->first + b->count; i++)
        if (s->line[i].mark == mark && nth-- == 0)
            return &s->line[i];
    return NULL;
}
