/* Records as lines of text and of JSON. */
#include "common/output.h"
#include "tests/unit/test.h"

#include "common/codec.h"

static void walk(struct codec *c)
{
    uint8_t hops = 0;
    struct id key = {{0}};

    code_magic(c, "magic", 0x50325043);
    code_minor(c);
    code_id(c, "key", &key, 32);
    code_u8(c, "hops", &hops);
}

static void describe(const struct framing *framing, const uint8_t *data,
                     size_t len, struct fields *f)
{
    struct codec c = codec_describer(data, len, f);

    (void)framing;
    walk(&c);
    if (!c.bad)
        f->type = "FIND_SUCC";
}

static const struct protocol protocol = {.name = "test", .describe = describe};
static const uint8_t message[] = {'P', '2', 'P', 'C', 0, 0, 0, 42, 1};

static struct record a_message(void)
{
    return (struct record){.kind = RECORD_MESSAGE,
                           .step = 12,
                           .time_us = 1034567,
                           .sent_us = 1020000,
                           .from = {{0x0a000001, 1}, "n80"},
                           .to = {{0x0a000002, 1}, "n16"},
                           .data = message,
                           .len = sizeof message};
}

static void check(enum output_form form, const struct record *r,
                  const char *line)
{
    struct text t = text_new();

    output_record(&t, form, &protocol, r, NULL);
    CHECK_TEXT(t.data, line);
    text_free(&t);
}

TEST(a_message_is_a_line_with_its_fields)
{
    struct record r = a_message();

    check(OUTPUT_TEXT, &r,
          "    12   1.034567  n80    n16    FIND_SUCC key 42 hops 1\n");
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"message\",\"step\":12,\"sent\":1.02,\"time\":1.034567,"
          "\"from\":\"n80\",\"to\":\"n16\",\"message\":\"FIND_SUCC\","
          "\"bytes\":9,\"fields\":{\"magic\":\"0x50325043\",\"key\":42,"
          "\"hops\":1},\"state\":\"delivered\"}\n");
}

TEST(a_dropped_message_says_why)
{
    struct record r = a_message();

    r.why = "loss";
    r.from.name = NULL;
    r.cause = 3;
    check(OUTPUT_TEXT, &r,
          "    12   1.034567  10.0.0.1:1 n16 "
          "FIND_SUCC DROPPED: loss key 42 hops 1\n");
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"message\",\"step\":12,\"sent\":1.02,\"time\":1.034567,"
          "\"from\":\"10.0.0.1:1\",\"to\":\"n16\",\"message\":\"FIND_SUCC\","
          "\"bytes\":9,\"fields\":{\"magic\":\"0x50325043\",\"key\":42,"
          "\"hops\":1},\"state\":\"dropped\",\"why\":\"loss\",\"cause\":3}\n");
}

TEST(what_describe_leaves_is_undecoded)
{
    struct record r = a_message();

    r.len = 3;
    check(OUTPUT_TEXT, &r,
          "    12   1.034567  n80    n16    undecoded undecoded 503250\n");
}

TEST(a_long_message_ends_at_column_80)
{
    struct record r = a_message();
    struct text t = text_new();
    static uint8_t data[200];

    r.data = data;
    r.len = sizeof data;
    output_record(&t, OUTPUT_TEXT, &protocol, &r, NULL);
    CHECK_U64(t.len, 81);
    CHECK_TEXT(t.data + 77, "...\n");
    text_free(&t);
}

TEST(a_long_result_breaks_between_fields_and_ends_with_its_table)
{
    struct fields f = fields_new();
    struct record r = {.kind = RECORD_RESULT,
                       .step = 20,
                       .to = {{0x0a000001, 1}, "cat"},
                       .text = "search chord",
                       .ok = true,
                       .fields = &f};

    fields_begin(&f, FIELD_LIST, "list");
    for (unsigned i = 1; i <= 2; i++) {
        fields_begin(&f, FIELD_GROUP, "");
        fields_number(&f, "n", i);
        fields_text(&f, "owner", "bob");
        fields_end(&f);
    }
    fields_end(&f);
    fields_number(&f, "hits", 2);
    fields_text(&f, "asked",
                "a word that is long enough to pass column eighty");
    check(OUTPUT_TEXT, &r,
          "  search chord at cat: hits 2,\n"
          "      asked a word that is long enough to pass column eighty\n"
          "      n 1 owner bob\n"
          "      n 2 owner bob\n");
    fields_free(&f);
}

TEST(results_show_the_id_behind_the_node)
{
    struct fields f = fields_new();
    struct record r = {.kind = RECORD_RESULT,
                       .step = 20,
                       .time_us = 1200000,
                       .to = {{0x0a000001, 1}, "n80"},
                       .text = "lookup 42",
                       .ok = true,
                       .fields = &f};

    fields_node(&f, "owner", (struct addr){0x0a000003, 7});
    fields_id(&f, "owner_id", id_of(45), 7);
    fields_number(&f, "hops", 3);
    fields_begin(&f, FIELD_LIST, "path");
    fields_text(&f, "", "n80");
    fields_text(&f, "", "n45");
    fields_end(&f);
    check(OUTPUT_TEXT, &r,
          "  lookup 42 at n80: owner 10.0.0.3:7 (45), hops 3, path n80 n45\n");
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"result\",\"step\":20,\"time\":1.2,\"node\":\"n80\","
          "\"command\":\"lookup 42\",\"ok\":true,\"owner\":\"10.0.0.3:7\","
          "\"owner_id\":45,\"hops\":3,\"path\":[\"n80\",\"n45\"]}\n");
    fields_clear(&f);
    check(OUTPUT_TEXT, &r, "  lookup 42 at n80: ok\n");
    r.ok = false;
    fields_text(&f, "error", "timeout");
    check(OUTPUT_TEXT, &r, "  lookup 42 at n80: FAILED, error timeout\n");
    fields_free(&f);
}

TEST(other_steps_have_kinds_of_their_own)
{
    struct record r = {.kind = RECORD_TIMER,
                       .step = 13,
                       .time_us = 1100000,
                       .to = {{0, 0}, "n45"},
                       .text = "stabilize"};

    check(OUTPUT_TEXT, &r,
          "    13   1.100000  n45           timer stabilize\n");
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"timer\",\"step\":13,\"time\":1.1,\"node\":\"n45\","
          "\"timer\":\"stabilize\"}\n");
    r.kind = RECORD_NOTE;
    r.text = "evil \033[2J";
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"note\",\"step\":13,\"time\":1.1,\"node\":\"n45\","
          "\"text\":\"evil \\u001b[2J\"}\n");
    r.kind = RECORD_FAULT;
    r.to = (struct endpoint){.name = NULL};
    r.text = "heal";
    check(OUTPUT_JSON, &r,
          "{\"kind\":\"fault\",\"step\":13,\"time\":1.1,\"text\":\"heal\"}\n");
}

TEST(the_hash_has_16_digits)
{
    struct summary s = {512, 400, 18230, 0, 100000000, 0xabc};
    struct text t = text_new();

    output_summary(&t, OUTPUT_JSON, &s);
    CHECK_TEXT(t.data, "{\"kind\":\"summary\",\"steps\":512,\"messages\":400,"
                       "\"bytes\":18230,\"dropped\":0,\"time\":100,"
                       "\"hash\":\"0000000000000abc\"}\n");
    text_clear(&t);
    output_run(&t, OUTPUT_JSON, "chord", "a\"b", 7);
    CHECK_TEXT(t.data, "{\"kind\":\"run\",\"program\":\"chord\","
                       "\"scenario\":\"a\\\"b\",\"seed\":7}\n");
    text_free(&t);
}

int main(void)
{
    RUN(a_message_is_a_line_with_its_fields);
    RUN(a_dropped_message_says_why);
    RUN(what_describe_leaves_is_undecoded);
    RUN(a_long_message_ends_at_column_80);
    RUN(a_long_result_breaks_between_fields_and_ends_with_its_table);
    RUN(results_show_the_id_behind_the_node);
    RUN(other_steps_have_kinds_of_their_own);
    RUN(the_hash_has_16_digits);
    return test_end();
}
