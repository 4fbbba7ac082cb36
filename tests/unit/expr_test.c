/* The expression language: what parses, what it means, what is refused. */
#include "common/expr.h"
#include "tests/unit/test.h"

static const char *name_of(const void *context, struct addr a)
{
    (void)context;
    return a.ip == 0x0a000001 ? "n16" : a.ip == 0x0a000002 ? "n32" : NULL;
}
static const struct namer names = {.name = name_of};

static bool state_of(void *context, const char *name, bool before,
                     struct text *value)
{
    (void)context;
    if (strcmp(name, "succ") == 0)
        text_add(value, before ? "32 45" : "45 80");
    else if (strcmp(name, "next") == 0)
        text_add(value, "7");
    else
        return false;
    return true;
}

static bool is_broken(void *context, const char *name)
{
    (void)context;
    return strstr("one ring", name) != NULL;
}

/* The message of every test: FIND_SUCC from n16 to n32. */
static bool holds(const char *s)
{
    struct fields f = fields_new();
    struct text why = text_new();
    struct record r = {.kind = RECORD_MESSAGE,
                       .step = 12,
                       .time_us = 1250000,
                       .from = {{0x0a000001, 7074}, NULL},
                       .to = {{0x0a000002, 7074}, NULL},
                       .len = 46};
    struct subject subject = {.record = &r,
                              .fields = &f,
                              .names = &names,
                              .state = state_of,
                              .broken = is_broken};
    bool is = false;

    f.type = "FIND_SUCC";
    fields_id(&f, "key", id_of(42), 7);
    fields_number(&f, "hops", 10);
    fields_bool(&f, "last", true);
    fields_begin(&f, FIELD_LIST, "path");
    fields_node(&f, "", (struct addr){0x0a000001, 7074});
    fields_node(&f, "", (struct addr){0x0a000003, 7074});
    fields_end(&f);
    fields_begin(&f, FIELD_GROUP, "owner");
    fields_text(&f, "name", "it's me");
    fields_end(&f);
    fields_add(&f, FIELD_TIME, "expires", 0, 0)->number = 300000;
    struct expr *e = expr_parse(s, &why);
    if (e != NULL)
        is = expr_true(e, &subject);
    CHECK_TEXT(why.data, "");
    expr_free(e);
    fields_free(&f);
    text_free(&why);
    return is;
}

/* Does the expression hold for a record with one text field of its own? */
static bool holds_with(const char *s, enum record_kind kind, const char *own)
{
    struct text why = text_new();
    LOCAL_FIELDS f = fields_new();
    struct record r = {.kind = kind, .text = "looks for a song", .ok = true};
    struct subject subject = {.record = &r, .fields = &f};
    struct expr *e = expr_parse(s, &why);

    CHECK(e != NULL);
    fields_text(&f, own, "chord");
    bool is = e != NULL && expr_true(e, &subject);
    expr_free(e);
    text_free(&why);
    return is;
}

TEST(a_field_called_text_wins_over_what_the_record_says)
{
    CHECK(holds_with("text=chord", RECORD_MESSAGE, "text"));
    CHECK(holds_with("text=chord", RECORD_RESULT, "text"));
    CHECK(!holds_with("text~song", RECORD_RESULT, "text"));
    CHECK(holds_with("text~song", RECORD_RESULT, "name"));
    CHECK(holds_with("text~song", RECORD_NOTE, "name"));
    CHECK(holds_with("ok=yes", RECORD_RESULT, "name"));
    CHECK(holds_with("ok=chord", RECORD_MESSAGE, "ok"));
    CHECK(!holds_with("type=chord", RECORD_MESSAGE, "type")); /* design.md 7 */
}

TEST(operators_compare_numbers_by_value)
{
    CHECK(holds("hops == 10") && holds("hops=10") && holds("hops!=9"));
    CHECK(holds("hops > 9") && !holds("hops > 10") && holds("hops >= 10"));
    CHECK(holds("hops < 11") && !holds("hops < 9") && holds("hops <= 10"));
    CHECK(holds("hops == 0xa") && holds("key=42") && holds("key == 0x2a"));
    CHECK(holds("step=12") && holds("bytes>=46") && !holds("bytes>100"));
}

TEST(times_are_seconds_or_have_a_unit)
{
    CHECK(holds("time == 1.25") && holds("time=1.25s"));
    CHECK(holds("time=1250ms") && holds("time > 1s") && holds("time<2"));
    CHECK(holds("expires = 300ms") && holds("expires == 0.3"));
}

TEST(names_kinds_and_types_compare_as_text)
{
    CHECK(holds("type=FIND_SUCC") && holds("type ~ SUCC"));
    CHECK(!holds("type=FIND"));
    CHECK(holds("from=n16 && to=n32 && node=n32 && kind=message"));
    CHECK(holds("from=10.0.0.1:7074") && !holds("from!=10.0.0.1:7074"));
    CHECK(holds("from != n32") && !holds("from != n16"));
    CHECK(holds("state=delivered") && !holds("state = dropped"));
    CHECK(holds("name=\"it's me\"") && holds("name ~ me"));
    CHECK(holds("last=yes") && holds("last = true") && !holds("last=false"));
}

TEST(any_element_of_a_list_is_enough)
{
    CHECK(holds("path=n16") && holds("path=10.0.0.3:7074"));
    CHECK(!holds("path=n32"));
    CHECK(holds("owner=\"it's me\""));
}

TEST(a_field_that_is_not_there_makes_a_test_false)
{
    CHECK(!holds("nothing=1") && !holds("nothing!=1"));
    CHECK(holds("!nothing=1"));
    CHECK(!holds("state.nothing=1") && !holds("ok=true"));
}

TEST(and_binds_tighter_than_or_and_not_tightest)
{
    CHECK(holds("hops=10 || hops=1 && hops=2"));
    CHECK(!holds("(hops=10 || hops=1) && hops=2"));
    CHECK(holds("!hops=1 && hops=10"));
    CHECK(!holds("!(hops=1 || hops=10)"));
    CHECK(holds("!!hops=10"));
}

TEST(state_and_invariants_are_asked_for)
{
    CHECK(holds("state.succ changed") && !holds("state.next changed"));
    CHECK(holds("state.succ = '45 80'") && holds("state.succ~80"));
    CHECK(holds("state.next > 06") && holds("state.next<10"));
    CHECK(holds("invariant ring broken") && holds("invariant one ring"));
    CHECK(!holds("invariant order") && holds("invariant ring && hops=10"));
}

TEST(only_state_and_invariants_are_costly)
{
    static const struct {
        const char *s;
        bool costly;
    } is[] = {{"type=A && state=dropped", false},
              {"type=A || state.succ changed", true},
              {"!(state.succ=4)", true},
              {"invariant ring", true}};

    for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
        struct text why = text_new();
        struct expr *e = expr_parse(is[i].s, &why);
        CHECK(e != NULL && expr_needs_state(e) == is[i].costly);
        expr_free(e);
    }
}

static void refused(const char *s, const char *because)
{
    struct text why = text_new();
    struct expr *e = expr_parse(s, &why);

    CHECK(e == NULL);
    CHECK_TEXT(why.data, because);
    expr_free(e);
    text_free(&why);
}

TEST(errors_name_the_column_and_what_was_expected)
{
    refused("", "column 1: expected a field, '!' or '(', found the end");
    refused("hops", "column 5: expected one of == != < <= > >= ~, "
                    "found the end");
    refused("hops = ", "column 8: expected a value, found the end");
    refused("hops = 1 && ", "column 13: expected a field, '!' or '(', "
                            "found the end");
    refused("(hops = 1", "column 10: expected ')', found the end");
    refused("hops = 1 key = 2", "column 10: expected && or ||, found 'key'");
    refused("hops = 'x", "column 8: expected a closing quote, found ''x'");
    refused("hops & 1", "column 6: expected one of == != < <= > >= ~, "
                        "found '&'");
    refused("invariant", "column 10: expected the name of an invariant, "
                         "found the end");
}

TEST(a_field_that_no_message_and_no_result_has_is_refused)
{
    static const struct protocol p = {.fields = "key hops  path",
                                      .results = "owner hops"};
    static const struct {
        const char *s;
        bool of_result;
        const char *because; /* "": it is taken */
    } is[] = {
        {"hops > 2 && owner=n1 || type=PING", false, ""},
        {"state.suc changed && invariant x", false, ""},
        {"headers ~ GET", false, ""},
        {"owner=n1 && (hops<3 || error~full)", true, ""},
        {"type=PING && hop > 2", false,
         "unknown field 'hop'; did you mean 'hops'?"},
        {"!(typ=PING)", false, "unknown field 'typ'; did you mean 'type'?"},
        {"key=1", true,
         "unknown field 'key', expected one of owner, hops, error"},
        {"from=n1", true,
         "unknown field 'from', expected one of owner, hops, error"},
        {"state.succ=n1", true, "a result has no state of nodes"},
    };

    for (size_t i = 0; i < sizeof is / sizeof is[0]; i++) {
        LOCAL_TEXT why = text_new();
        struct expr *e = expr_parse(is[i].s, &why);
        CHECK(e != NULL && expr_known(e, &p, is[i].of_result, &why) ==
                               (is[i].because[0] == '\0'));
        CHECK_TEXT(why.data, is[i].because);
        expr_free(e);
    }
}

TEST(an_expression_has_an_end)
{
    char s[4 * EXPR_BYTES_MAX] = "";
    struct text why = text_new();

    for (size_t i = 0; i < (size_t)2 * EXPR_NODES_MAX; i++)
        memcpy(s + 5 * i, "a=1||", 6);
    s[(size_t)10 * EXPR_NODES_MAX - 2] = '\0';
    CHECK(expr_parse(s, &why) == NULL && why.len > 0);
    s[5 * 70 - 2] = '\0';
    text_clear(&why);
    CHECK(expr_parse(s, &why) == NULL && why.len > 0);
    s[5 * 30 - 2] = '\0';
    struct expr *e = expr_parse(s, &why);
    CHECK(e != NULL);
    expr_free(e);
    text_free(&why);
}

int main(void)
{
    RUN(a_field_called_text_wins_over_what_the_record_says);
    RUN(operators_compare_numbers_by_value);
    RUN(times_are_seconds_or_have_a_unit);
    RUN(names_kinds_and_types_compare_as_text);
    RUN(any_element_of_a_list_is_enough);
    RUN(a_field_that_is_not_there_makes_a_test_false);
    RUN(and_binds_tighter_than_or_and_not_tightest);
    RUN(state_and_invariants_are_asked_for);
    RUN(only_state_and_invariants_are_costly);
    RUN(errors_name_the_column_and_what_was_expected);
    RUN(a_field_that_no_message_and_no_result_has_is_refused);
    RUN(an_expression_has_an_end);
    return test_end();
}
