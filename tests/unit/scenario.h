/* What the tests of scenarios share: a protocol that only parses, and short
   words for "refused", "taken" and "walked". */
#ifndef TESTS_UNIT_SCENARIO_H
#define TESTS_UNIT_SCENARIO_H

#include "common/scenario.h"
#include "tests/unit/test.h"

/* -- A protocol that only parses ------------------------------------------ */

static const struct option options[] = {
    {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
    {"rule", OPTION_CHOICE, 0, 1, 0, "lecture,paper", "routing rule"},
    {.name = NULL},
};
static const struct command commands[] = {
    {"lookup", "n", "lookup KEY", "find the owner", COMMAND_LIMIT_US},
    {"put", "wt", "put NAME VALUE", "store", COMMAND_LIMIT_US},
    {"get", "n", "get NAME", "fetch", COMMAND_LIMIT_US},
    {"ping", "a?", "ping [ADDRESS]", "probe", COMMAND_LIMIT_US},
    {"leave", "", "leave", "leave politely", COMMAND_LIMIT_US},
    {.name = NULL},
};
static const char *const timers[] = {"stabilize", "fix_fingers", NULL};

static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    (void)self;
    if (id_parse(id, (unsigned)setting(s, 0), text))
        return true;
    text_printf(why, "id '%s' is wrong, expected a number of %d bits", text,
                (int)setting(s, 0));
    return false;
}

static const struct protocol protocol = {.name = "test",
                                         .options = options,
                                         .commands = commands,
                                         .timers = timers,
                                         .identify = identify};

static struct text why;

static inline struct scenario *parse_over(const char *text,
                                          const struct overrides *over)
{
    text_clear(&why);
    struct scenario *s = scenario_parse("t.scn", text, &protocol, over, &why);
    CHECK((s == NULL) == (why.len > 0));
    return s;
}

/* Why a scenario is refused; "" when it is taken. */
static inline const char *refusal(const char *text)
{
    scenario_free(parse_over(text, NULL));
    return why.data;
}

#define REFUSED(text, because) CHECK_TEXT(refusal(text), because)
#define TAKEN(text) CHECK_TEXT(refusal(text), "")

/* "0 start n16, 30 command n16 lookup 42, ...": what a cursor yields; it
   becomes quiet 5 s after it has to. */
static inline const char *walk_over(const char *text,
                                    const struct overrides *over)
{
    static const char *const kinds[] = {
        "start", "command", "expect",    "invariants", "crash",     "vanish",
        "leave", "restart", "partition", "heal",       "warm",      "network",
        "join",  "fail",    "drop",      "delay",      "duplicate", "deliver",
        "pick",  "fire",    "until"};
    static struct text t;
    struct scenario *s = parse_over(text, over);
    uint64_t now = 0;

    if (t.data == NULL)
        t = text_new();
    text_clear(&t);
    if (s == NULL)
        return why.data;
    struct cursor c = cursor_new(s);
    for (struct act act; !cursor_ended(s, &c);) {
        uint64_t due = cursor_time(s, &c);
        if (c.waiting && due > now + 5000000) {
            now += 5000000;
            cursor_resume(&c, now);
            continue;
        }
        CHECK(due >= now);
        now = due;
        CHECK(cursor_next(s, &c, &act));
        text_add(&t, t.len > 0 ? ", " : "");
        text_seconds(&t, due);
        text_printf(&t, " %s", kinds[act.kind]);
        if (act.name[0] != '\0')
            text_printf(&t, " %s", act.name);
        if (act.text != NULL)
            text_printf(&t, " %s", act.text);
        if (act.kind == ACT_UNTIL && act.time_us == NEVER)
            text_add(&t, " quiet");
    }
    CHECK(cursor_time(s, &c) == NEVER);
    scenario_free(s);
    return t.data;
}

static inline const char *walk(const char *text)
{
    return walk_over(text, NULL);
}

#endif
