/* Any text as an expression: refused with a reason, or it has a value. */
#include "common/expr.h"
#include "tests/fuzz/fuzz.h"

static bool state_of(void *context, const char *name, bool before,
                     struct text *value)
{
    (void)context;
    text_add(value, before ? "1" : name);
    return name[0] != '\0' && name[0] != 'x';
}

static bool is_broken(void *context, const char *name)
{
    (void)context;
    return strstr("one ring", name) != NULL;
}

static void evaluate(const struct expr *e)
{
    struct fields f = fields_new();
    struct record r = {.kind = RECORD_MESSAGE,
                       .step = 12,
                       .time_us = 1250000,
                       .from = {{0x0a000001, 7074}, "n16"},
                       .to = {{0x0a000002, 7074}, NULL}};
    struct subject s = {&r, &f, NULL, state_of, is_broken, NULL};

    f.type = "FIND_SUCC";
    fields_id(&f, "key", id_of(42), 7);
    fields_bool(&f, "last", true);
    fields_begin(&f, FIELD_LIST, "path");
    fields_node(&f, "", (struct addr){0x0a000001, 7074});
    fields_text(&f, "", "a\033b");
    fields_end(&f);
    fields_add(&f, FIELD_TIME, "expires", 0, 0)->number = 300000;
    (void)expr_true(e, &s);
    for (int kind = RECORD_START; kind <= RECORD_RESULT; kind++) {
        r = (struct record){.kind = (enum record_kind)kind, .text = "open"};
        (void)expr_true(e, &s);
    }
    (void)expr_true(e, &(struct subject){.fields = &f});
    (void)expr_needs_state(e);
    fields_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *s = fuzz_string(data, len);
    struct text why = text_new();
    struct expr *e = expr_parse(s, &why);

    MUST((e == NULL) == (why.len > 0));
    if (e != NULL)
        evaluate(e);
    expr_free(e);
    text_free(&why);
    free(s);
    return 0;
}
