/* Any text as a scenario: refused with a reason, or walked to its end; and
   what stands alone (`text`) is a scenario again. */
#include "common/scenario.h"

#include "tests/fuzz/fuzz.h"

#define ACTS_MAX 5000

static const struct option options[] = {
    {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
    {"rule", OPTION_CHOICE, 0, 1, 0, "lecture,paper", "routing rule"},
    {.name = NULL},
};
static const struct command commands[] = {
    {"lookup", "n", "lookup KEY", "find the owner", COMMAND_LIMIT_US},
    {"put", "wt", "put NAME VALUE", "store", COMMAND_LIMIT_US},
    {"ping", "a?", "ping [ADDRESS]", "probe", COMMAND_LIMIT_US},
    {.name = NULL},
};
static const char *const timers[] = {"stabilize", "fix_fingers", NULL};

static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    (void)self;
    if (id_parse(id, (unsigned)setting(s, 0), text))
        return true;
    text_add(why, "no id");
    return false;
}

static const struct protocol protocol = {.name = "test",
                                         .options = options,
                                         .commands = commands,
                                         .timers = timers,
                                         .identify = identify};

static void walk(const struct scenario *s)
{
    struct cursor c = cursor_new(s);
    struct act act;
    uint64_t now_us = 0;

    for (int i = 0; i < ACTS_MAX && !cursor_ended(s, &c); i++) {
        uint64_t time_us = cursor_time(s, &c);
        MUST(time_us >= now_us);
        if (time_us != NEVER)
            now_us = time_us;
        if (!cursor_next(s, &c, &act)) {
            MUST(time_us == NEVER);
            if (!c.waiting)
                break;
            cursor_resume(&c, now_us += 5000000);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = fuzz_string(data, len);
    struct text why = text_new();
    struct scenario *s = scenario_parse("f.scn", text, &protocol, NULL, &why),
                    *again;

    MUST((s == NULL) == (why.len > 0));
    if (s != NULL) {
        walk(s);
        again = scenario_parse("f.scn", s->text, &protocol, NULL, &why);
        if (again == NULL)
            fprintf(stderr, "%s\n%s", why.data, s->text);
        MUST(again != NULL && again->line_count == s->line_count);
        MUST(again->seed == s->seed);
        scenario_free(again);
    }
    scenario_free(s);
    text_free(&why);
    free(text);
    return 0;
}
