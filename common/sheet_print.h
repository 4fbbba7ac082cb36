/* Worksheets on paper: the handout as text of 80x60 pages, and as HTML. */
#ifndef COMMON_SHEET_PRINT_H
#define COMMON_SHEET_PRINT_H

#include "common/sheet_run.h"

#define PAGE_COLUMNS 80
#define PAGE_ROWS 60

/* Append the handout as Markdown, for one of the two below.  `r` NULL: with
   blanks in place of a student's values. */
void sheet_handout(const struct sheet *s, const struct run *r,
                   struct text *out);
/* Append it as text; the number of pages, which form feeds divide. */
unsigned handout_text(const char *handout, struct text *out);
void handout_html(const char *handout, struct text *out);

/* Append Markdown prose, re-wrapped to `width` columns. */
void sheet_wrap(struct text *t, const char *prose, size_t width);
/* The columns that a line of UTF-8 takes: one a character. */
size_t text_columns(const char *s, size_t len);

#endif
