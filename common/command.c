/*
 * Commands to nodes, checked against the protocol's table (node.h) before
 * the run; see scenario.h.
 */
#include <ctype.h>
#include <string.h>

#include "common/scenario.h"

#define WORD_MAX 128 /* of a command's name or an address */

static size_t word_length(const char *s)
{
    return strcspn(s, " \t");
}

static const char *skip_blanks(const char *s)
{
    return s + strspn(s, " \t");
}

const struct command *command_find(const struct protocol *p, const char *text)
{
    return row_named(p->commands, sizeof *p->commands, text, word_length(text));
}

static void unknown_command(const struct protocol *p, const char *text,
                            struct text *why)
{
    struct word_list names = {.count = 0};
    char word[WORD_MAX + 1];
    size_t len = word_length(text);

    len = len < WORD_MAX ? len : WORD_MAX;
    memcpy(word, text, len);
    word[len] = '\0';
    names_add(&names, p->commands, sizeof *p->commands);
    unknown_word(why, "command", word, &names);
}

static bool is_address(const char *s)
{
    char word[WORD_MAX + 1];
    size_t len = word_length(s);
    struct addr a;

    if (len > WORD_MAX)
        return false;
    memcpy(word, s, len);
    word[len] = '\0';
    return addr_parse(&a, word);
}

bool command_check(const struct protocol *p, const char *text, struct text *why)
{
    const struct command *c = command_find(p, text);

    if (c == NULL) {
        unknown_command(p, text, why);
        return false;
    }
    const char *at = skip_blanks(text + word_length(text));
    for (const char *type = c->args; *type != '\0'; type++) {
        if (*type == '?')
            continue;
        if (*at == '\0' && type[1] != '?') {
            text_printf(why, "'%s' ends too early, expected '%s'", c->name,
                        c->usage);
            return false;
        }
        if (*type == 'a' && *at != '\0' && !is_address(at)) {
            text_printf(why, "'%s' needs an address, expected '%s'", c->name,
                        c->usage);
            return false;
        }
        at = *type == 't' ? "" : skip_blanks(at + word_length(at));
    }
    if (*at != '\0') {
        text_printf(why, "'%s' is given too much, expected '%s'", c->name,
                    c->usage);
        return false;
    }
    return true;
}
