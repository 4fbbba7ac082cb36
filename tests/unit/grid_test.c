/* The grid that every pane draws into, and the log of records. */
#include <locale.h>
#include <stdlib.h>

#include "common/grid.h"
#include "common/log.h"
#include "tests/unit/test.h"

TEST(what_is_put_outside_of_a_part_is_cut_off)
{
    struct pane p = pane_new(3, 8);
    struct pane part = pane_part(&p, 1, 2, 5, 4);
    struct text t = text_new();

    CHECK_U64(part.rows, 2);
    CHECK_U64(pane_text(&part, 0, 2, 0, "abcdef"), 8);
    pane_put(&part, -1, 0, 'x', 0);
    pane_dump(&t, &p, false);
    CHECK_TEXT(t.data, "\n    ab\n\n");
    text_free(&t);
    pane_free(&p);
}

TEST(text_that_does_not_fit_ends_in_two_dots)
{
    struct pane p = pane_new(3, 8);
    struct text t = text_new();

    CHECK_U64(pane_fit(&p, 0, 1, 5, 0, "abcdef"), 6);
    CHECK_U64(pane_fit(&p, 1, 1, 6, 0, "abcdef"), 7);
    CHECK_U64(pane_fit(&p, 2, 6, 2, 0, "abc"), 8);
    pane_dump(&t, &p, false);
    CHECK_TEXT(t.data, " abc..\n abcdef\n      ..\n");
    text_free(&t);
    pane_free(&p);
}

TEST(no_control_character_reaches_a_cell)
{
    struct pane p = pane_new(1, 6);
    struct text t = text_new();

    pane_text(&p, 0, 0, 0, "a\033[\xc3z");
    pane_dump(&t, &p, false);
    CHECK_TEXT(t.data, "a.[.z\n");
    text_free(&t);
    pane_free(&p);
}

TEST(a_character_beyond_ascii_is_one_cell)
{
    struct pane p = pane_new(1, 8);
    struct text t = text_new();

    if (setlocale(LC_CTYPE, "C.UTF-8") == NULL)
        return; /* a system without this locale shows dots */
    CHECK_U64(pane_text(&p, 0, 0, 0, "\xc3\xa4\xe2\x89\xa4z"), 3);
    pane_text(&p, 0, 3, 0, "\xcc\x88\xe4\xb8\x80"); /* combining; wide */
    pane_dump(&t, &p, true);
    CHECK_TEXT(t.data, "\xc3\xa4\xe2\x89\xa4z..\n");
    text_clear(&t);
    pane_dump(&t, &p, false);
    CHECK_TEXT(t.data, "..z..\n");
    setlocale(LC_CTYPE, "C");
    text_free(&t);
    pane_free(&p);
}

TEST(frames_become_box_characters_and_text_does_not)
{
    struct pane p = pane_new(2, 3);
    struct text t = text_new();

    pane_text(&p, 0, 0, ATTR_FRAME, "-+");
    pane_text(&p, 1, 1, ATTR_FRAME, "|");
    pane_text(&p, 1, 2, 0, "|");
    pane_dump(&t, &p, true);
    CHECK_TEXT(t.data, "\xe2\x94\x80\xe2\x94\x90\n \xe2\x94\x82|\n");
    text_free(&t);
    pane_free(&p);
}

TEST(a_line_touches_both_ends)
{
    struct pane p = pane_new(3, 5);
    struct text t = text_new();

    pane_line(&p, 2, 4, 0, 0, '*', 0);
    pane_dump(&t, &p, false);
    CHECK_TEXT(t.data, "*\n **\n   **\n");
    text_free(&t);
    pane_free(&p);
}

TEST(a_full_log_drops_the_oldest_and_keeps_the_numbers)
{
    struct log *l = log_new(3);
    char name[] = "n16";
    struct fields f = fields_new();

    fields_text(&f, "owner", "n45");
    for (uint64_t i = 0; i < 5; i++) {
        struct record r = {.kind = RECORD_RESULT,
                           .step = 10 * i,
                           .text = "lookup 42",
                           .to = {.name = name},
                           .fields = &f};
        log_add(l, &r);
    }
    name[0] = 'x';
    fields_free(&f);
    CHECK_U64(log_first(l), 2);
    CHECK_U64(log_end(l), 5);
    CHECK_U64(log_at(l, 4)->step, 40);
    CHECK_TEXT(log_at(l, 2)->to.name, "n16");
    CHECK_TEXT(log_at(l, 2)->fields->at[0].text, "n45");
    CHECK_U64(log_of_step(l, 25), 3);
    CHECK_U64(log_of_step(l, 30), 3);
    CHECK_U64(log_of_step(l, 41), 5);
    log_free(l);
}

int main(void)
{
    RUN(what_is_put_outside_of_a_part_is_cut_off);
    RUN(text_that_does_not_fit_ends_in_two_dots);
    RUN(no_control_character_reaches_a_cell);
    RUN(a_character_beyond_ascii_is_one_cell);
    RUN(frames_become_box_characters_and_text_does_not);
    RUN(a_line_touches_both_ends);
    RUN(a_full_log_drops_the_oldest_and_keeps_the_numbers);
    return test_end();
}
