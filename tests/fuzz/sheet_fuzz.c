/* Any bytes as a worksheet: refused with FILE:LINE, or it can be printed and
   its questions judge any answer. */
#include "common/sheet_print.h"
#include "tests/fuzz/fuzz.h"

static void judge_all(const struct sheet *s)
{
    struct text wrong = text_new();

    for (size_t b = 0; b < s->block_count; b++) {
        if (s->block[b].kind != BLOCK_ASK)
            continue;
        const struct answer_type *type = &s->block[b].type;
        for (size_t i = 0; i < s->line_count && i < 50; i++) {
            const char *answer = s->line[i].text;
            if (!answer_valid(type, answer))
                continue;
            MUST(answer_judge(type, answer, answer) == ANSWER_RIGHT);
            text_clear(&wrong);
            answer_mutate(&wrong, type, answer);
            MUST(answer_judge(type, wrong.data, answer) != ANSWER_RIGHT);
        }
    }
    text_free(&wrong);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text why = text_new(), handout = text_new(), out = text_new();
    struct sheet *s = sheet_parse("f", (const char *)data, size, &why);

    MUST((s == NULL) == (why.len > 0));
    if (s != NULL) {
        sheet_handout(s, NULL, &handout);
        handout_text(handout.data, &out);
        handout_html(handout.data, &out);
        judge_all(s);
    }
    sheet_free(s);
    text_free(&why);
    text_free(&handout);
    text_free(&out);
    return 0;
}
