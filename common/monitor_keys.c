/*
 * Keys and commands: one table.  A key does what its command does; help, the
 * --line mode, --keys and worksheets read the same table.  A command that
 * needs words asks for them when its key is pressed.
 */
#include "common/monitor_core.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* -- All ---------------------------------------------------------------------------------------- */

static void do_command(struct monitor *m)
{
    run_line(m, m->arg);
}

static void do_help(struct monitor *m)
{
    static const char *const about[TABS] = {
        "messages: what was sent, and what is IN FLIGHT; Enter decodes",
        "decode: each field beside its bytes; up/down fields, left/right bytes",
        "log: everything that happened: timers, notes and results too",
        "tree: branches and where they part; Enter shows one; @ is here",
        "lab: the worksheet; a answers, H is a hint, up/down scroll, z: whole",
        "picture: left/right select a node; v is another picture",
        "node: what it knows; ~ changed by this step"};
    struct text t = text_new();

    text_printf(&t, " %s\n\n", about[m->tab]);
    for (const struct key_command *c = key_commands; c->name != NULL; c++) {
        LOCAL_TEXT name = text_new();
        text_printf(&name, ":%s%s%s", c->name, c->args != NULL ? " " : "",
                    c->args != NULL ? c->args : "");
        const char *keys = strcmp(c->keys, "<lt>") == 0 ? "<" : c->keys;
        text_printf(&t, " %-12s %-21s %s\n", keys, name.data, c->help);
    }
    text_add(&t, "\n EXPR is made of FIELD OP VALUE with && || ! and ( ):\n"
                 "   type=PING && to=n1      state.succ changed      hops>3\n"
                 "   OP: = != < <= > >= and ~, contains\n"
                 "   FIELD: type from to node kind state step time bytes,\n"
                 "   any field of a message, state.NAME of the node\n"
                 "   text: its field, or what a note or command says\n"
                 "   invariant NAME: is that one broken?\n");
    open_page(m, "help", &t);
}

static void leave(struct monitor *m, const char *arg)
{
    (void)arg;
    m->quit = true;
}

static void do_quit(struct monitor *m)
{
    if (m->options->line) {
        m->quit = true;
    } else if (!close_top(m)) {
        ask_yes(m, "", leave);
        say(m, "quit? [y/N]");
    }
}

const struct key_command key_commands[] = {
    {"help", "?", NULL, 0, 0, "this page", do_help},
    {"step", ".", "[N]", 0, 0, "one event forward", do_step},
    {"back", ",", "[N]", 0, 0, "one event back", do_back},
    {"next", ">", NULL, 0, 1, "next event of this lookup, or node", do_related},
    {"previous", "<lt>", NULL, 0, -1, "its previous event", do_related},
    {"run", "<Space>", NULL, 0, 0, "run, and pause", do_run},
    {"faster", "+", NULL, 0, 1, "run faster", do_speed},
    {"slower", "-", NULL, 0, -1, "run slower", do_speed},
    {"goto", "g", "STEP|TIME", ASK_LINE, 0, "to 118, or to 12.3s", do_goto},
    {"first", "<Home>", NULL, 0, 0, "before the first step", do_first},
    {"last", "<End>", NULL, 0, 0, "to the end", do_last},
    {"continue", "c", NULL, 0, 1, "on to a breakpoint", do_stops},
    {"reverse", "C", NULL, 0, -1, "back to a breakpoint", do_stops},
    {"break", "b", "EXPR", ASK_LINE, 0, "set a breakpoint", do_break},
    {"breaks", "B", NULL, 0, 0, "list the breakpoints", do_breaks},
    {"delete", "", "N", 0, 0, "remove a breakpoint", do_delete},
    {"up", "k <Up>", NULL, 0, -1, "the line above", do_move},
    {"down", "j <Down>", NULL, 0, 1, "the line below", do_move},
    {"left", "h <Left>", NULL, 0, -1, "the node, or byte, before", do_side},
    {"right", "l <Right>", NULL, 0, 1, "the node, or byte, behind", do_side},
    {"pageup", "<PageUp>", NULL, 0, -8, "eight lines up", do_move},
    {"pagedown", "<PageDown>", NULL, 0, 8, "eight lines down", do_move},
    {"open", "<Enter>", NULL, 0, 0, "open what is selected", do_open},
    {"close", "<Esc>", NULL, 0, 0, "close; follow the events", do_close},
    {"tab", "<Tab>", NULL, 0, 0, "the next pane", do_tab},
    {"messages", "1", NULL, 0, TAB_MESSAGES, "pane 1: messages", do_pane},
    {"decode", "2", NULL, 0, TAB_DECODE, "pane 2: fields and bytes", do_pane},
    {"log", "3", NULL, 0, TAB_LOG, "pane 3: everything", do_pane},
    {"tree", "4 t", NULL, 0, TAB_TREE, "pane 4: branches", do_pane},
    {"zoom", "z", "[PANE]", 0, 0, "one pane on the whole screen", do_zoom},
    {"picture", "v", NULL, 0, 0, "another picture", do_picture},
    {"pin", "o", NULL, 0, 0, "keep this node in sight", do_pin},
    {"node", "", "NAME|none", 0, 0, "show this node", do_node},
    {"show", "", "PANE", 0, 0, "messages, decode ... picture, node", do_show},
    {"find", "/", "EXPR", ASK_LINE, 0, "the next event that is so", do_find},
    {"until", "", "EXPR", 0, 0, "the same, for worksheets", do_find},
    {"again", "n", NULL, 0, 1, "find the next", do_again},
    {"againback", "N", NULL, 0, -1, "find the one before", do_again},
    {"filter", "\\", "[EXPR]", ASK_LINE, 0, "list only what is so", do_filter},
    {"invert", "i", NULL, 0, 0, "list only what is not so", do_invert},
    {"mark", "m", "LETTER", ASK_LETTER, 0, "mark this step", do_mark},
    {"jump", "'", "LETTER", ASK_LETTER, 0, "go to a mark", do_jump},
    {"faults", "f", NULL, 0, 0, "what can go wrong", do_faults},
    {"drop", "x", NULL, 0, 0, "lose the selected message", do_message},
    {"delay", "d", "TIME", ASK_LINE, 0, "delay it", do_message},
    {"duplicate", "D", NULL, 0, 0, "let it arrive twice", do_message},
    {"deliver", "", NULL, 0, 0, "let it arrive now", do_message},
    {"crash", "K", "[NODE]", 0, 0, "crash the selected node", do_to_node},
    {"restart", "R", "[NODE]", 0, 0, "start it again, empty", do_to_node},
    {"partition", "P", "A,B | C", ASK_LINE, 0, "cut the network", do_partition},
    {"fault", "", "ACTION", 0, 0, "any scenario line, now", do_fault},
    {"compare", "=", "[A B]", 0, 0, "compare two branches", do_compare},
    {"branch", "", "NAME", 0, 0, "show another branch", do_branch},
    {"why", "w", NULL, 0, 0, "what caused the selected event", do_why},
    {"value", "", "FIELD", 0, 0, "a field of the selected event", do_value},
    {"check", "", NULL, 0, 0, "do the invariants hold?", do_check},
    {"lab", "5 L", NULL, 0, 0, "the worksheet's pane", do_lab},
    {"answer", "a", "[TEXT]", ASK_LINE, 0, "answer it; Enter alone goes on",
     do_answer},
    {"hint", "H", NULL, 0, 0, "a hint", do_hint},
    {"export", "e", "FILE", ASK_LINE, 0, ".txt .svg .mmd .dot .pcapng .scn",
     do_export},
    {"command", ":", "LINE", ASK_LINE, 0, "type a command", do_command},
    {"quit", "q", NULL, 0, 0, "close the topmost; at last quit", do_quit},
    {.name = NULL}};

void suggest(struct monitor *m, const struct key_command *c, struct text *t)
{
    if (c->run == do_break)
        suggest_stop(m, t);
    else if (c->run == do_partition)
        suggest_partition(m, t);
    else if (c->run == do_filter && m->filter.text != NULL)
        text_add(t, m->filter.text);
}

/* -- Lines and keys -------------------------------------------------------------------------- */

void run_command(struct monitor *m, const struct key_command *c,
                 const char *arg)
{
    m->doing = c;
    m->arg = arg;
    c->run(m);
}

void run_line(struct monitor *m, const char *line)
{
    line += strspn(line, " \t:");
    size_t len = strcspn(line, " \t");
    const char *arg = line + len + strspn(line + len, " \t");
    const struct key_command *c = row_named(key_commands, sizeof *c, line, len);
    struct word_list names = {.count = 0};
    char word[24];

    if (len == 0)
        return;
    if (c != NULL && *arg == '\0' && c->args != NULL && c->args[0] != '[')
        say(m, "%s needs: %s", c->name, c->args);
    else if (c != NULL)
        run_command(m, c, arg);
    if (c != NULL)
        return;
    snprintf(word, sizeof word, "%.*s", (int)len, line);
    names_add(&names, key_commands, sizeof *key_commands);
    const char *near = nearest_word(word, names.at, names.count);
    m->failed = true;
    say(m, "there is no command '%s'%s%s; ? lists them", word,
        near != NULL ? "; did you mean " : "", near != NULL ? near : "");
}

static const struct {
    const char *name;
    int key;
} named_keys[] = {{"<Space>", ' '},
                  {"<Tab>", '\t'},
                  {"<Enter>", '\n'},
                  {"<Esc>", 27},
                  {"<BS>", 8},
                  {"<Up>", SCREEN_UP},
                  {"<Down>", SCREEN_DOWN},
                  {"<Left>", SCREEN_LEFT},
                  {"<Right>", SCREEN_RIGHT},
                  {"<Home>", SCREEN_HOME},
                  {"<End>", SCREEN_END},
                  {"<PageUp>", SCREEN_PAGE_UP},
                  {"<PageDown>", SCREEN_PAGE_DOWN},
                  {"<lt>", '<'}};

void key_name(struct text *t, int key)
{
    char c = (char)key;

    for (size_t i = 0; i < sizeof named_keys / sizeof named_keys[0]; i++)
        if (named_keys[i].key == key) {
            text_add(t, named_keys[i].name);
            return;
        }
    text_safe(t, &c, 1);
}

int next_key(const char **s)
{
    if (**s == '\0')
        return SCREEN_NONE;
    if (**s != '<')
        return (unsigned char)*(*s)++;
    for (size_t i = 0; i < sizeof named_keys / sizeof named_keys[0]; i++) {
        size_t len = strlen(named_keys[i].name);
        if (strncmp(*s, named_keys[i].name, len) == 0) {
            *s += len;
            return named_keys[i].key;
        }
    }
    return SCREEN_NONE;
}

const struct key_command *command_of_key(int key)
{
    for (const struct key_command *c = key_commands; c->name != NULL; c++) {
        const char *keys = c->keys;
        while (*keys != '\0') {
            if (next_key(&keys) == key)
                return c;
            keys += *keys == ' ';
        }
    }
    return NULL;
}
