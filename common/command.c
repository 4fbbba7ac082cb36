/*
 * Commands to nodes, checked against the protocol's table (node.h) before
 * the run; see scenario.h.
 */
#include <string.h>

#include "common/scenario.h"
#include "common/words.h"

const struct command *command_find(const struct protocol *p, const char *text)
{
    size_t len = word_next(&text);

    return row_named(p->commands, sizeof *p->commands, text, len);
}

static void unknown_command(const struct protocol *p, const char *text,
                            struct text *why)
{
    struct word_list names = {.count = 0};
    LOCAL_TEXT word = text_new();
    size_t len = word_next(&text);

    text_bytes(&word, text, len);
    names_add(&names, p->commands, sizeof *p->commands);
    unknown_word(why, "command", word.data, &names);
}

static bool is_address(const char *s, size_t len)
{
    LOCAL_TEXT word = text_new();
    struct addr a;

    text_bytes(&word, s, len);
    return addr_parse(&a, word.data);
}

bool command_check(const struct protocol *p, const char *text, struct text *why)
{
    const struct command *c = command_find(p, text);
    const char *at = text;

    if (c == NULL) {
        unknown_command(p, text, why);
        return false;
    }
    size_t name = word_next(&at);
    at += name;
    for (const char *type = c->args; *type != '\0'; type++) {
        size_t len = word_next(&at);
        if (*type == '?')
            continue;
        if (len == 0 && type[1] != '?') {
            text_printf(why, "'%s' ends too early, expected '%s'", c->name,
                        c->usage);
            return false;
        }
        if (*type == 'a' && len > 0 && !is_address(at, len)) {
            text_printf(why, "'%s' needs an address, expected '%s'", c->name,
                        c->usage);
            return false;
        }
        at += *type == 't' ? strlen(at) : len;
    }
    if (word_next(&at) == 0)
        return true;
    text_printf(why, "'%s' is given too much, expected '%s'", c->name,
                c->usage);
    return false;
}
