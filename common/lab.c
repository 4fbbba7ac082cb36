/*
 * The program `lab`: what instructors do with worksheets.
 * Each verb is a function here; the tutor, the test and the grading that it
 * calls have files of their own.
 */
#include "common/lab.h"

#include <dirent.h>
#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/file.h"
#include "common/options.h"
#include "common/sheet_print.h"

#define TITLE_COLUMNS 42 /* of 80, in the list */

/* -- The command line ----------------------------------------------------- */

static const char *login_name(void)
{
    const struct passwd *p = getpwuid(getuid());

    return p != NULL ? p->pw_name : "student";
}

static const char *environment(const char *name, const char *otherwise)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : otherwise;
}

bool lab_parse(struct cli *c, int argc, char **argv, struct lab_options *o,
               int *status)
{
    const char *student = NULL, *course = NULL;
    struct cli_number seed = {false, 0}, seeds = {true, 20};
    const struct cli_option options[] = {
        {"student", "ID", "whose run; default: P2PLAB_STUDENT, login name",
         CLI_TEXT, &student},
        {"course", "KEY", "the course's secret; default: P2PLAB_COURSE",
         CLI_TEXT, &course},
        {"seed", "N", "in place of the student's own seed", CLI_NUMBER, &seed},
        {"seeds", "N", "test: so many made-up students; default: 20",
         CLI_NUMBER, &seeds},
        {"html", NULL, "print: HTML in place of text", CLI_FLAG, &o->html},
        {"line", NULL, "run: line by line, without the monitor", CLI_FLAG,
         &o->line},
        {"roster", "CSV", "key: a file of STUDENT or STUDENT,SEED lines",
         CLI_TEXT, &o->roster},
        {"sheet", "FILE", "grade: the worksheet, when it is not in labs/",
         CLI_TEXT, &o->sheet},
        {"results", "FILE", "grade: where results.json goes", CLI_TEXT,
         &o->results},
        {"out", "FOLDER", "export: where the files go", CLI_TEXT, &o->out},
        {.name = NULL}};

    *o = (struct lab_options){.program = c->program};
    c->options = options;
    if (!cli_parse(c, argc, argv, status))
        return false;
    o->file = c->args;
    o->file_count = c->arg_count;
    o->named = student != NULL || seed.given ||
               environment("P2PLAB_STUDENT", NULL) != NULL;
    o->who.student =
        student != NULL ? student : environment("P2PLAB_STUDENT", login_name());
    o->who.course = course != NULL ? course : environment("P2PLAB_COURSE", "");
    o->who.has_seed = seed.given;
    o->who.seed = seed.value;
    o->seeds = seeds.value;
    if (o->seeds > 0 && o->seeds <= 1000)
        return true;
    *status = cli_error(c->program, "--seeds is 1 to 1000");
    return false;
}

int lab_fail(const struct lab_options *o, const struct text *why)
{
    fflush(stdout);
    return cli_error_at(o->program, why->data);
}

/* -- Files ---------------------------------------------------------------- */

bool sheet_list(const char *folder, struct sheet_list *list)
{
    LOCAL_TEXT pattern = text_new();
    glob_t found;

    *list = (struct sheet_list){NULL, 0};
    sheet_root("", &pattern);
    text_printf(&pattern, "/labs/%s/[0-9]*.md", folder != NULL ? folder : "*");
    if (glob(pattern.data, 0, NULL, &found) == 0) {
        list->path = calloc(found.gl_pathc, sizeof *list->path);
        for (size_t i = 0; list->path != NULL && i < found.gl_pathc; i++)
            list->path[list->count++] = strdup(found.gl_pathv[i]);
        globfree(&found);
    }
    return list->count > 0;
}

void sheet_list_free(struct sheet_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
}

/* "labs/chord/1-join.md  45 min  Chord 1: ...", long titles in two lines. */
static void print_sheet(const char *path, const struct sheet *s)
{
    const char *title = s->title;
    size_t len = strlen(title);

    for (size_t i = len; len > TITLE_COLUMNS && i-- > 0;)
        if (i <= TITLE_COLUMNS && title[i] == ' ')
            len = i;
    printf("%-28s %3u min  %.*s\n", strstr(path, "labs/"), s->minutes, (int)len,
           title);
    if (title[len] != '\0')
        printf("%*s%s\n", 38, "", title + len + 1);
}

int sheet_list_print(const struct sheet_list *list, const char *program)
{
    for (size_t i = 0; i < list->count; i++) {
        LOCAL_TEXT why = text_new();
        const char *path = list->path[i], *base = path_leaf(path);
        struct sheet *s = sheet_load(path, &why);
        const char *colon = s != NULL ? strstr(s->title, ": ") : NULL;
        if (s == NULL)
            fprintf(stderr, "%s\n", why.data);
        else if (program == NULL)
            print_sheet(path, s);
        else
            printf("%s lab %.*s   %s (%u min)\n", program,
                   (int)strcspn(base, "-"), base,
                   colon != NULL ? colon + 2 : s->title, s->minutes);
        sheet_free(s);
    }
    return 0;
}

/* -- The desk ------------------------------------------------------------- */

/* A new folder below $TMPDIR. */
static bool scratch_make(struct text *dir, struct text *why)
{
    const char *tmp = getenv("TMPDIR");

    text_printf(dir, "%s/p2plab.XXXXXX", tmp != NULL ? tmp : "/tmp");
    if (mkdtemp(dir->data) != NULL)
        return true;
    text_printf(why, "no folder can be made below %s",
                tmp != NULL ? tmp : "/tmp");
    text_clear(dir);
    return false;
}

/* Remove it, with the files in it. */
static void scratch_remove(struct text *dir)
{
    DIR *d = dir->len > 0 ? opendir(dir->data) : NULL;

    for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
        LOCAL_TEXT path = text_new();
        text_printf(&path, "%s/%s", dir->data, e->d_name);
        unlink(path.data);
    }
    if (d != NULL) {
        closedir(d);
        rmdir(dir->data);
    }
    text_free(dir);
}

bool desk_open(struct desk *d, const char *path)
{
    *d = (struct desk){
        .why = text_new(), .dir = text_new(), .cache = cache_new()};
    return d->cache != NULL && scratch_make(&d->dir, &d->why) &&
           (path == NULL || (d->sheet = sheet_load(path, &d->why)) != NULL);
}

int desk_close(struct desk *d, const struct lab_options *o, int status)
{
    if (d->why.len > 0)
        lab_fail(o, &d->why);
    scratch_remove(&d->dir);
    sheet_free(d->sheet);
    cache_free(d->cache);
    text_free(&d->why);
    return status;
}

/* -- Verbs ---------------------------------------------------------------- */

static int lab_list(const struct lab_options *o)
{
    struct sheet_list list;

    if (!sheet_list(NULL, &list))
        return cli_error(o->program, "there are no worksheets here: labs/ was "
                                     "expected, or installed");
    int status = sheet_list_print(&list, NULL);
    sheet_list_free(&list);
    return status;
}

static int lab_test(const struct lab_options *o)
{
    struct desk d;
    unsigned number = 0, failed = 0;
    bool ok = desk_open(&d, NULL);

    for (size_t i = 0; ok && i < o->file_count; i++) {
        struct sheet *s = sheet_load(o->file[i], &d.why);
        ok = s != NULL;
        if (ok)
            failed += sheet_check(s, (unsigned)o->seeds, d.dir.data, d.cache,
                                  &number, stdout);
        fflush(stdout);
        sheet_free(s);
    }
    if (ok)
        printf("1..%u\n", number);
    return desk_close(&d, o, !ok ? 2 : failed > 0 ? 1 : 0);
}

static int lab_print(const struct lab_options *o)
{
    LOCAL_TEXT handout = text_new(), page = text_new();
    struct desk d;
    struct run r;
    bool ok = desk_open(&d, o->file[0]) &&
              (!o->named ||
               run_open(&r, d.sheet, &o->who, d.dir.data, d.cache, &d.why));

    if (ok) {
        sheet_handout(d.sheet, o->named ? &r : NULL, &handout);
        if (o->html)
            handout_html(handout.data, &page);
        else
            handout_text(handout.data, &page);
        fputs(page.data, stdout);
    }
    if (ok && o->named)
        run_close(&r);
    return desk_close(&d, o, ok ? 0 : 2);
}

/* One student's line of the key. */
static bool key_line(struct desk *d, const struct who *who)
{
    const struct sheet *s = d->sheet;
    struct run r;

    if (!run_open(&r, s, who, d->dir.data, d->cache, &d->why))
        return false;
    printf("%s,%llu", r.student, (unsigned long long)r.seed);
    bool ok = true;
    for (size_t i = 0; i < s->block_count; i++)
        if (s->block[i].kind == BLOCK_ASK) {
            LOCAL_TEXT value = text_new();
            ok = ok && run_answer(&r, &s->block[i], &value, &d->why);
            printf(",\"%s\"", value.data);
        }
    putchar('\n');
    run_close(&r);
    return ok;
}

/* A line of the roster: STUDENT or STUDENT,SEED. */
static bool roster_line(char *line, const struct lab_options *o,
                        struct who *who)
{
    char *comma = strchr(line, ',');

    *who = o->who;
    who->student = line;
    who->has_seed = comma != NULL && comma[1] != '\0';
    if (comma != NULL)
        *comma = '\0';
    return !who->has_seed || parse_u64(comma + 1, UINT64_MAX, &who->seed);
}

static bool key_roster(const struct lab_options *o, struct desk *d,
                       char *roster)
{
    const struct sheet *s = d->sheet;
    unsigned number = 0;
    struct who who;

    printf("student,seed");
    for (size_t i = 0; i < s->block_count; i++)
        if (s->block[i].kind == BLOCK_ASK)
            printf(",%s", s->block[i].name);
    putchar('\n');
    for (char *line = roster, *end; *line != '\0'; line = end) {
        size_t len = strcspn(line, "\r\n");
        end = line + len + strspn(line + len, "\r\n");
        line[len] = '\0';
        if (++number == 1 && strncmp(line, "student", 7) == 0 &&
            strchr(",", line[7]) != NULL)
            continue;
        if (!roster_line(line, o, &who)) {
            text_printf(&d->why, "%s:%u: STUDENT or STUDENT,SEED was expected",
                        o->roster, number);
            return false;
        }
        if (!key_line(d, &who))
            return false;
    }
    return true;
}

static int lab_key(const struct lab_options *o)
{
    LOCAL_TEXT roster = text_new();
    struct desk d;

    if (o->roster == NULL && !o->named)
        return cli_error(o->program, "key needs --roster CSV, a student a "
                                     "line, or --student ID");
    if (o->roster == NULL)
        text_add(&roster, o->who.student);
    if (o->roster == NULL && o->who.has_seed)
        text_printf(&roster, ",%llu", (unsigned long long)o->who.seed);
    bool ok = desk_open(&d, o->file[0]) &&
              (o->roster == NULL ||
               read_file(o->roster, JOURNAL_BYTES_MAX, &roster, &d.why)) &&
              key_roster(o, &d, roster.data);
    return desk_close(&d, o, ok ? 0 : 2);
}

/* Write DIR/NAME.md without rubrics and DIR/NAME.key with them. */
static bool export_one(const char *path, const char *dir, struct text *why)
{
    LOCAL_TEXT in = text_new(), md = text_new(), key = text_new();
    LOCAL_TEXT name = text_new(), ignored = text_new();
    const char *base = path_leaf(path);
    struct sheet *s = sheet_load(path, why);
    bool ok = s != NULL && read_file(s->path, SHEET_BYTES_MAX, &in, why);
    unsigned number = 1;

    for (const char *at = in.data; ok && *at != '\0'; number++) {
        size_t len = strcspn(at, "\n") + 1;
        bool rubric = false;
        for (size_t i = 0; i < s->line_count; i++)
            rubric |= s->line[i].mark == '#' && s->line[i].number == number;
        text_bytes(rubric ? &key : &md, at, strnlen(at, len));
        at += strnlen(at, len);
    }
    size_t stem = strlen(base) - (strstr(base, ".md") != NULL ? 3 : 0);
    for (int i = 0; ok && i < 2; i++) {
        text_clear(&name);
        text_printf(&name, "%s/%.*s%s", dir, (int)stem, base,
                    i == 0 ? ".md" : ".key");
        ok = access(name.data, F_OK) != 0 &&
             write_file(name.data, "w", i == 0 ? &md : &key, &ignored);
        if (ok)
            printf("%s\n", name.data);
        else
            text_printf(why,
                        "%s: exists already, or cannot be written; name "
                        "another folder with --out",
                        name.data);
    }
    sheet_free(s);
    return ok;
}

static int lab_export(const struct lab_options *o)
{
    LOCAL_TEXT why = text_new();
    bool ok = true;

    for (size_t i = 0; ok && i < o->file_count; i++)
        ok = export_one(o->file[i], o->out != NULL ? o->out : ".", &why);
    return ok ? 0 : lab_fail(o, &why);
}

/* The number that one of our commands prints. */
static bool command_number(const char *command, int64_t *millionths,
                           struct text *why)
{
    struct cache *cache = cache_new();
    struct words w;
    const struct outcome *o = NULL;

    if (cache != NULL && words_split(&w, command, why) && words_ours(&w, why))
        o = cache_run(cache, &w, ".", NULL, NULL, why);
    char value[32] = "";
    if (o != NULL)
        snprintf(value, sizeof value, "%.*s", (int)strcspn(o->out.data, "\n"),
                 o->out.data);
    bool ok = o != NULL && o->status == 0 && decimal_parse(value, millionths);
    if (!ok && why->len == 0)
        text_printf(why, "'%s' printed no number", command);
    cache_free(cache);
    return ok;
}

static int lab_ratio(const struct lab_options *o)
{
    LOCAL_TEXT why = text_new();
    int64_t a = 0, b = 0;
    bool ok = command_number(o->file[0], &a, &why) &&
              command_number(o->file[1], &b, &why) && b > 0 && a >= 0;

    if (!ok && why.len == 0)
        text_add(&why, "the second number is 0, or one is negative");
    if (!ok)
        return lab_fail(o, &why);
    printf("%.3f\n", (double)a / (double)b);
    return 0;
}

/* Programs by a fact of their labs/capstone/PROGRAM.scn, least first. */
static int lab_order(const struct lab_options *o)
{
    LOCAL_TEXT why = text_new(), command = text_new();
    int64_t value[64];
    size_t count = o->file_count;
    const char *name[64] = {NULL};

    for (size_t i = 1; i < count && why.len == 0; i++) {
        text_clear(&command);
        text_printf(&command, "%s show labs/capstone/%s.scn %s", o->file[i],
                    o->file[i], o->file[0]);
        size_t at = i - 1;
        int64_t v = 0;
        command_number(command.data, &v, &why);
        for (; at > 0 && value[at - 1] > v; at--) {
            value[at] = value[at - 1];
            name[at] = name[at - 1];
        }
        value[at] = v;
        name[at] = o->file[i];
    }
    bool ok = why.len == 0;
    for (size_t i = 0; ok && i + 1 < count; i++)
        printf("%s%s", name[i], i + 2 < count ? " " : "\n");
    return ok ? 0 : lab_fail(o, &why);
}

static int lab_run(const struct lab_options *o)
{
    return lab_tutor(o->file[0], o);
}

struct lab_verb {
    const char *name, *usage, *about;
    size_t args_min, args_max;
    int (*run)(const struct lab_options *o);
};
static const struct lab_verb verbs[] = {
    {"list", "", "List the worksheets.", 0, 0, lab_list},
    {"run", "FILE", "Work through a worksheet.", 1, 1, lab_run},
    {"test", "FILE...", "Do worksheets hold what they promise?  TAP.", 1, 64,
     lab_test},
    {"print", "FILE", "The handout; filled in with --student ID.", 1, 1,
     lab_print},
    {"key", "FILE", "Every student's answers as CSV: --roster, or --student.",
     1, 1, lab_key},
    {"grade", "JOURNAL", "Judge a student's journal: TAP, results.json.", 1, 1,
     lab_grade},
    {"export", "FILE...", "Copy worksheets; rubrics go to .key files.", 1, 64,
     lab_export},
    {"ratio", "COMMAND COMMAND", "The quotient of two commands' numbers.", 2, 2,
     lab_ratio},
    {"order", "FACT PROGRAM...", "Programs by a fact, least first.", 2, 8,
     lab_order},
    {.name = NULL}};

static int lab_help(void)
{
    puts("lab: worksheets, for instructors (students: PROGRAM lab)\n");
    for (const struct lab_verb *v = verbs; v->name != NULL; v++)
        printf("  lab %s %-*s%s\n", v->name, (int)(24 - strlen(v->name)),
               v->usage, v->about);
    puts("\n'lab VERB --help' lists the options.");
    return 0;
}

int lab_main(int argc, char **argv)
{
    static const struct protocol protocol = {.name = "lab"};
    static const struct program program = {.protocol = &protocol};
    const char *verb = argc > 1 ? argv[1] : "--help";
    struct word_list names = {.count = 0};
    struct lab_options o;
    int status;

    if (strcmp(verb, "--help") == 0)
        return lab_help();
    if (strcmp(verb, "--version") == 0) {
        puts("lab " P2PLAB_VERSION " (p2plab)");
        return 0;
    }
    const struct lab_verb *v =
        row_named(verbs, sizeof *verbs, verb, strlen(verb));
    names_add(&names, verbs, sizeof *verbs);
    if (v == NULL)
        return cli_unknown(&program, "verb", verb, &names);
    struct cli c = {.program = &program,
                    .verb = v->name,
                    .usage = v->usage,
                    .about = v->about,
                    .args_min = v->args_min,
                    .args_max = v->args_max};
    signal(SIGPIPE, SIG_IGN);
    if (lab_parse(&c, argc - 1, argv + 1, &o, &status))
        status = v->run(&o);
    return cli_end(&program, status);
}
