/*
 * The comments of our traces: `key=value` words, written and read back.
 *
 *     program=chord seed=7 epoch=0 scenario=labs/chord/lecture.scn
 *     event=17 sent=0.12 cause=12 from=n80 to=n16 why=loss     a message
 *     event=17 part=2                                          the rest of it
 *     event=17 time=0.13 at=10.1.2.3:7 node=n16 note=...       a note in it
 *     event=18 time=0.2 at=10.1.2.3:7 node=n16 timer=stabilize
 *
 * The last value of a line may hold blanks.  Bytes that are not printable
 * ASCII, '%', and blanks elsewhere, are written as %XX.  The fields of a
 * result follow it, a line each.
 */
#ifndef COMMON_TRACE_COMMENT_H
#define COMMON_TRACE_COMMENT_H

#include "common/record.h"
#include "common/trace_store.h"
#include "common/words.h"

void comment_section(struct text *t, const struct trace_source *source);
void comment_message(struct text *t, const struct record *r);
/* Any other record. */
void comment_event(struct text *t, const struct record *r);

/* What a comment says.  Times are since the file's epoch. */
struct comment {
    bool has_event;
    struct record r; /* a message, unless it says otherwise */
    bool is_timed;   /* has `sent` or `time` */
    struct addr opener;
    unsigned part;
    const char *from_name, *to_name;

    bool has_epoch; /* it is a section's */
    struct trace_source source;
};
/* Strings and fields go to `store`. */
struct comment comment_read(struct store *store, struct slice s);

#endif
