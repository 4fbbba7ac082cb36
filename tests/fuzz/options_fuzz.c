/* Any text as NAME=VALUE: what is taken is in range and reads back the same
   from its own printed form. */
#include "common/options.h"
#include "tests/fuzz/fuzz.h"

static const struct option options[] = {
    {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
    {"rule", OPTION_CHOICE, 0, 2, 0, "lecture,paper,own", "routing rule"},
    {"timeout", OPTION_TIME, 1000, 3600000000, 500000, NULL, "of a request"},
    {"cache", OPTION_SIZE, 0, 1 << 30, 16384, NULL, "bytes"},
    {"upload", OPTION_RATE, 0, 1 << 30, 0, NULL, "bytes a second"},
    {"loss", OPTION_FRACTION, 0, (int64_t)FRACTION_ONE, 0, NULL, "of all"},
    {"nick", OPTION_TEXT, 0, 0, 0, "nobody", "what others see"},
    {.name = NULL},
};

static void check_all(const struct settings *s)
{
    struct text t = text_new(), why = text_new();
    int64_t back = -1;

    for (unsigned i = 0; options[i].name != NULL; i++) {
        if (options[i].type == OPTION_TEXT) {
            struct settings same = settings_new(options);
            MUST(settings_set(&same, "nick", setting_text(s, i), &why));
            MUST(strcmp(setting_text(&same, i), setting_text(s, i)) == 0);
            continue;
        }
        MUST(setting(s, i) >= options[i].min);
        MUST(setting(s, i) <= options[i].max);
        text_clear(&t);
        option_text(&t, &options[i], setting(s, i));
        MUST(option_parse(&options[i], t.data, &back, &why));
        MUST(options[i].type == OPTION_FRACTION || back == setting(s, i));
    }
    text_free(&t);
    text_free(&why);
}

static void parse_bare(const char *s)
{
    uint64_t value;

    (void)parse_time(s, &value);
    (void)parse_size(s, &value);
    (void)parse_rate(s, &value);
    if (parse_fraction(s, &value))
        MUST(value <= FRACTION_ONE);
    if (parse_u64(s, 1000, &value))
        MUST(value <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct settings settings = settings_new(options);
    char *all = fuzz_string(data, len), *line = all;
    struct text why = text_new();

    while (line != NULL) {
        char *end = strchr(line, '\n');
        if (end != NULL)
            *end = '\0';
        text_clear(&why);
        bool taken = settings_assign(&settings, line, &why);
        MUST(taken == (why.len == 0));
        if (taken)
            check_all(&settings);
        parse_bare(line);
        line = end != NULL ? end + 1 : NULL;
    }
    text_free(&why);
    free(all);
    return 0;
}
