/*
 * Records as lines: text for people, JSON for programs.
 */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <stdio.h>

#include "common/record.h"
#include "common/text.h"

enum output_form { OUTPUT_TEXT, OUTPUT_JSON };

/* What a kind of record is called in JSON, comments of traces, monitor. */
extern const char *const record_kind_name[];

/* A node's name, or its address; nothing for no node. */
void endpoint_text(struct text *t, const struct endpoint *e,
                   const struct namer *names);

/* The type and fields of a message; "undecoded" for what describe leaves. */
void message_fields(const struct protocol *p, const struct record *r,
                    struct fields *f);

/* Append a record as one line with its newline.  In text, records of little
   interest (starts, timers without a note) are lines too. */
void output_record(struct text *t, enum output_form form,
                   const struct protocol *p, const struct record *r,
                   const struct namer *names);

struct summary {
    uint64_t steps, messages, bytes, dropped, time_us;
    uint64_t hash; /* 0: not known, and left out */
};
void output_run(struct text *t, enum output_form form, const char *program,
                const char *scenario, uint64_t seed);
void output_summary(struct text *t, enum output_form form,
                    const struct summary *s);

#endif
