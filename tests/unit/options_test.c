/* Settings: what each type accepts, refuses and prints. */
#include "common/options.h"
#include "tests/unit/test.h"

static const struct option table[] = {
    {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
    {"rule", OPTION_CHOICE, 0, 1, 0, "lecture,paper", "routing rule"},
    {"period", OPTION_TIME, 1000, 60000000, 1000000, NULL, "of stabilize"},
    {"piece", OPTION_SIZE, 1, 1 << 24, 16384, NULL, "size of a piece"},
    {"upload", OPTION_RATE, 0, INT64_MAX, 0, NULL, "limit"},
    {"loss", OPTION_FRACTION, 0, (int64_t)FRACTION_ONE, 0, NULL, "lost"},
    {"offset", OPTION_NUMBER, -5, 5, 0, NULL, "may be negative"},
    {.name = NULL},
};

/* Why `assignment` is refused; "" when it is taken. */
static const char *refusal(const char *assignment)
{
    static struct text why;
    struct settings s = settings_new(table);

    if (why.data != NULL)
        text_free(&why);
    why = text_new();
    bool good = settings_assign(&s, assignment, &why);
    CHECK(good == (why.len == 0));
    return why.data;
}

TEST(times_have_units_and_a_bare_number_is_seconds)
{
    static const struct {
        const char *s;
        uint64_t us;
    } good[] = {{"250ms", 250000},
                {"10s", 10000000},
                {"2m", 120000000},
                {"1h", UINT64_C(3600000000)},
                {"7", 7000000},
                {"12.3s", 12300000},
                {"0.000001s", 1},
                {"5us", 5},
                {"1.000000001h", 3600000003},
                {"0", 0}};
    static const char *const bad[] = {"",
                                      "s",
                                      "-1s",
                                      "1x",
                                      "1.s",
                                      ".5s",
                                      "1 s",
                                      "1e3s",
                                      "+1s",
                                      "1s ",
                                      "0x1s",
                                      "1.0000000001s",
                                      "99999999999999999999s",
                                      "9223372036854775807h"};
    uint64_t us;

    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        CHECK(parse_time(good[i].s, &us));
        CHECK_U64(us, good[i].us);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        CHECK(!parse_time(bad[i], &us));
}

TEST(sizes_rates_and_shares_are_integers)
{
    uint64_t v;

    CHECK(parse_size("16KiB", &v) && v == 16384);
    CHECK(parse_size("1.5MiB", &v) && v == 1572864);
    CHECK(parse_rate("100kB/s", &v) && v == 100000);
    CHECK(parse_rate("1MB/s", &v) && v == 1000000);
    CHECK(!parse_rate("1MB", &v) && !parse_size("1MB/s", &v));
    CHECK(parse_fraction("50%", &v) && v == FRACTION_ONE / 2);
    CHECK(parse_fraction("0.1%", &v) && v == 4294967);
    CHECK(parse_fraction("100%", &v) && v == FRACTION_ONE);
    CHECK(!parse_fraction("101%", &v) && !parse_fraction("0.5", &v));
}

TEST(whole_numbers_stop_at_their_limit)
{
    uint64_t v;

    CHECK(parse_u64("18446744073709551615", UINT64_MAX, &v) && v == UINT64_MAX);
    CHECK(!parse_u64("18446744073709551616", UINT64_MAX, &v));
    CHECK(parse_u64("5", 5, &v) && !parse_u64("6", 5, &v));
    CHECK(!parse_u64("9", 5, &v) && !parse_u64("", 5, &v));
    CHECK(!parse_u64("1a", 50, &v) && !parse_u64("-1", 50, &v));
}

TEST(a_refused_setting_says_what_was_expected)
{
    CHECK_TEXT(refusal("bits=7"), "");
    CHECK_TEXT(refusal("rule=paper"), "");
    CHECK_TEXT(refusal("offset=-5"), "");
    CHECK_TEXT(refusal("bits=2"), "bits is '2', expected a number in 3..160");
    CHECK_TEXT(refusal("bits="), "bits is '', expected a number in 3..160");
    CHECK_TEXT(refusal("offset=-6"),
               "offset is '-6', expected a number in -5..5");
    CHECK_TEXT(refusal("rule=papr"),
               "rule is 'papr', expected one of lecture|paper");
    CHECK_TEXT(refusal("rule=lecture,paper"),
               "rule is 'lecture,paper', expected one of lecture|paper");
    CHECK_TEXT(refusal("period=2m"),
               "period is '2m', expected a time (250ms, 10s, 2m) in 1ms..1m");
    CHECK_TEXT(refusal("bist=7"),
               "unknown option 'bist'; did you mean 'bits'?");
    CHECK_TEXT(refusal("zzzzzz=7"),
               "unknown option 'zzzzzz', expected one of bits, rule, period, "
               "piece, upload, loss, offset");
    CHECK_TEXT(refusal("bits"), "'bits' is no setting, expected NAME=VALUE");
    CHECK_TEXT(refusal("\033[2J=7"),
               "unknown option '.[2J', expected one of bits, rule, period, "
               "piece, upload, loss, offset");
}

TEST(what_is_printed_reads_back_to_the_same_value)
{
    static const int64_t value[] = {
        0,    1,        7,       999,        1000,        1024,
        1500, 60000000, 4294967, 4294967295, 12345678901, 3600000000000};
    struct text t = text_new(), why = text_new();

    for (const struct option *o = table; o->name != NULL; o++) {
        struct option any = *o;
        any.max = INT64_MAX;
        any.min = 0;
        for (size_t i = 0; i < sizeof value / sizeof *value; i++) {
            int64_t v = value[i], back = -1;
            if (o->type == OPTION_CHOICE)
                v &= 1;
            if (o->type == OPTION_FRACTION)
                v %= (int64_t)FRACTION_ONE;
            text_clear(&t);
            option_text(&t, &any, v);
            CHECK(option_parse(&any, t.data, &back, &why));
            CHECK_U64(back, v);
        }
    }
    text_clear(&t);
    option_text(&t, &table[5], 4294967);
    option_text(&t, &table[2], 90000000);
    option_text(&t, &table[2], 0);
    option_text(&t, &table[3], 1536);
    CHECK_TEXT(t.data, "0.1%90s01536B");
    text_free(&t);
    text_free(&why);
}

TEST(the_nearest_word_is_a_slip_or_a_beginning_away)
{
    static const char *const words[] = {"sim",  "monitor", "node",
                                        "live", "show",    "trace"};

    CHECK_TEXT(nearest_word("mointor", words, 6), "monitor");
    CHECK_TEXT(nearest_word("sho", words, 6), "show");
    CHECK_TEXT(nearest_word("mon", words, 6), "monitor");
    CHECK_TEXT(nearest_word("nodes", words, 6), "node");
    CHECK_TEXT(nearest_word("live", words, 6), "live");
    CHECK(nearest_word("xyzzy", words, 6) == NULL);
    CHECK(nearest_word("", words, 6) == NULL);
    CHECK(nearest_word("a-word-that-is-longer-than-any-known", words, 6) ==
          NULL);
}

TEST(help_shows_default_and_range)
{
    struct text t = text_new();

    CHECK_U64(settings_help(&t, table, NULL), sizeof table / sizeof *table - 1);
    CHECK(strstr(t.data, "bits=32 ") != NULL);
    CHECK(strstr(t.data, "3..160") != NULL);
    CHECK(strstr(t.data, "lecture|paper") != NULL);
    text_clear(&t);
    CHECK_U64(settings_help(&t, table, "bits"), 1);
    CHECK(strstr(t.data, "lecture|paper") == NULL);
    CHECK_U64(settings_help(&t, table, "nothing"), 0);
    text_free(&t);
}

TEST(a_text_is_one_printable_word)
{
    static const struct option nick[] = {
        {"bits", OPTION_NUMBER, 3, 160, 32, NULL, "length of an identifier"},
        {"nick", OPTION_TEXT, 0, 0, 0, "nobody", "what others see"},
        {.name = NULL}};
    struct settings s = settings_new(nick), other = s;
    struct text t = text_new(), why = text_new();

    CHECK_TEXT(setting_text(&s, 1), "nobody");
    CHECK(settings_is_default(&s, 1) && settings_equal(&s, &other));
    CHECK(settings_assign(&s, "nick=ann=1#x", &why));
    CHECK_TEXT(setting_text(&s, 1), "ann=1#x");
    CHECK_TEXT(setting_text(&other, 1), "nobody");
    CHECK(!settings_is_default(&s, 1) && !settings_equal(&s, &other));
    settings_text(&t, &s, 1);
    CHECK_TEXT(t.data, "ann=1#x");
    CHECK(!settings_assign(&s, "nick=two words", &why));
    CHECK_TEXT(why.data, "nick is 'two words', expected a word of at most 64 "
                         "bytes without blanks");
    CHECK(!settings_assign(&s, "nick=", &why));
    CHECK(!settings_assign(&s, "nick=a\033[2J", &why));
    CHECK_TEXT(setting_text(&s, 1), "ann=1#x");
    text_free(&t);
    text_free(&why);
}

int main(void)
{
    RUN(a_text_is_one_printable_word);
    RUN(times_have_units_and_a_bare_number_is_seconds);
    RUN(sizes_rates_and_shares_are_integers);
    RUN(whole_numbers_stop_at_their_limit);
    RUN(a_refused_setting_says_what_was_expected);
    RUN(what_is_printed_reads_back_to_the_same_value);
    RUN(the_nearest_word_is_a_slip_or_a_beginning_away);
    RUN(help_shows_default_and_range);
    return test_end();
}
