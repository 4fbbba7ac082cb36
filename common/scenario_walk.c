/*
 * Walking a scenario: single acts in order of time; see scenario.h.
 *
 * The cursor stands at a line.  A line's time is absolute or counts from the
 * line before, which is why the cursor keeps `base_us`.  `nodes` lines are
 * unfolded by counting in `sub`; churn under way has a slot of its own with
 * the times of its next join and failure.  At the same time a line comes
 * before churn, and a lower slot before a higher one.
 */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "common/scenario_line.h"

#define LN2_Q16 45426 /* ln 2 * 2^16 */

/* log2 of x >= 1 in 1/2^16: the place of its highest bit, then one bit of
   the rest for each squaring. */
static uint64_t log2_q16(uint64_t x)
{
    uint64_t log = 63;

    while (x >> 63 == 0) {
        x <<= 1;
        log--;
    }
    x >>= 32; /* now 1.31 fixed point, in [1, 2) */
    for (int i = 0; i < 16; i++) {
        x = x * x >> 31;
        log <<= 1;
        if (x >> 32 != 0) {
            x >>= 1;
            log |= 1;
        }
    }
    return log;
}

/* An exponentially distributed time: -ln(u) times the mean, u uniform. */
static uint64_t exponential(struct random *r, uint64_t mean_us)
{
    uint64_t u = random_next(r) | 1;
    uint64_t ln = ((UINT64_C(64) << 16) - log2_q16(u)) * LN2_Q16 >> 16;

    return mean_us * ln >> 16;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

struct cursor cursor_new(const struct scenario *s)
{
    struct cursor c = {.random = {hash_roll(s->seed, "churn", 5)}};

    for (size_t i = 0; i < CHURNS_MAX; i++)
        c.churn[i].join_us = c.churn[i].fail_us = NEVER;
    return c;
}

bool cursor_ended(const struct scenario *s, const struct cursor *c)
{
    return c->line == s->line_count && !c->waiting;
}

static uint64_t churns_end(const struct cursor *c)
{
    uint64_t end = 0;

    for (size_t i = 0; i < CHURNS_MAX; i++)
        end = c->churn[i].end_us > end ? c->churn[i].end_us : end;
    return end;
}

/* When the line under the cursor is due. */
static uint64_t line_due(const struct scenario *s, const struct cursor *c)
{
    if (c->waiting || c->line == s->line_count)
        return NEVER;
    const struct line *l = &s->line[c->line];
    if (l->kind == LINE_NODES && c->sub > 0)
        return c->base_us + l->every_us;
    uint64_t due = l->relative ? c->base_us + l->when_us : l->when_us;
    if (l->act.kind == ACT_UNTIL && l->act.time_us == NEVER) {
        uint64_t end = churns_end(c);
        return due > end ? due : end;
    }
    return due;
}

/* The slot whose next join or failure is the earliest. */
static size_t churn_next(const struct cursor *c, uint64_t *due)
{
    size_t first = 0;

    *due = NEVER;
    for (size_t i = 0; i < CHURNS_MAX; i++) {
        uint64_t next = least(c->churn[i].join_us, c->churn[i].fail_us);
        if (next < *due) {
            *due = next;
            first = i;
        }
    }
    return first;
}

uint64_t cursor_time(const struct scenario *s, const struct cursor *c)
{
    uint64_t churn;

    if (cursor_ended(s, c))
        return NEVER;
    (void)churn_next(c, &churn);
    return least(least(line_due(s, c), churn), s->until_us);
}

/* The next time of one of a churn's two processes; NEVER past its end. */
static uint64_t churn_draw(struct cursor *c, uint64_t now, uint64_t mean,
                           uint64_t end)
{
    if (mean == 0)
        return NEVER;
    uint64_t next = now + exponential(&c->random, mean);
    return next < end ? next : NEVER;
}

static void churn_begin(const struct line *l, struct cursor *c, uint64_t now)
{
    size_t i = 0;

    while (i < CHURNS_MAX &&
           (c->churn[i].join_us != NEVER || c->churn[i].fail_us != NEVER))
        i++;
    assert(i < CHURNS_MAX); /* the parser counted */
    struct churn *churn = &c->churn[i];
    churn->line = c->line;
    churn->end_us = now + l->for_us;
    churn->join_us = churn_draw(c, now, l->join_us, churn->end_us);
    churn->fail_us = churn_draw(c, now, l->fail_us, churn->end_us);
}

/* Yield the due act of a churn, and draw the time of its next. */
static void churn_yield(const struct scenario *s, struct cursor *c,
                        struct churn *churn, struct act *act)
{
    const struct line *l = &s->line[churn->line];
    bool joins = churn->join_us <= churn->fail_us;

    *act = l->act;
    act->time_us = joins ? churn->join_us : churn->fail_us;
    act->kind = joins ? ACT_CHURN_JOIN : ACT_CHURN_FAIL;
    if (joins) {
        snprintf(act->name, sizeof act->name, "c%llu",
                 (unsigned long long)++c->newcomers);
        churn->join_us = churn_draw(c, act->time_us, l->join_us, churn->end_us);
    } else {
        churn->fail_us = churn_draw(c, act->time_us, l->fail_us, churn->end_us);
    }
}

/* Yield the due act of the line under the cursor; false when the line has
   none of its own: churn has only begun. */
static bool line_yield(const struct scenario *s, struct cursor *c, uint64_t due,
                       struct act *act)
{
    const struct line *l = &s->line[c->line];

    c->base_us = due;
    *act = l->act;
    act->time_us = due;
    switch (l->kind) {
    case LINE_CHURN:
        churn_begin(l, c, due);
        break;
    case LINE_NODES:
        snprintf(act->name, sizeof act->name, "%.20s%llu", l->act.name,
                 (unsigned long long)++c->sub);
        if (c->sub < l->count)
            return true;
        c->sub = 0;
        break;
    case LINE_ACT:
        if (act->kind == ACT_UNTIL && l->act.time_us == NEVER) {
            act->time_us = NEVER;
            c->waiting = true;
        }
        break;
    }
    c->line++;
    return l->kind != LINE_CHURN;
}

bool cursor_next(const struct scenario *s, struct cursor *c, struct act *act)
{
    for (;;) {
        uint64_t due = line_due(s, c), churn_due;
        size_t slot = churn_next(c, &churn_due);
        if (cursor_ended(s, c))
            return false;
        if (s->until_us != NEVER && least(due, churn_due) > s->until_us) {
            c->line = s->line_count - 1; /* it says: run until then */
            c->waiting = false;
            c->sub = 0;
            return line_yield(s, c, s->until_us, act);
        }
        if (due == NEVER && churn_due == NEVER)
            return false;
        if (churn_due < due) {
            churn_yield(s, c, &c->churn[slot], act);
            return true;
        }
        if (line_yield(s, c, due, act))
            return true;
    }
}

void cursor_resume(struct cursor *c, uint64_t now_us)
{
    c->base_us = now_us;
    c->waiting = false;
}

bool expect_met(const struct act *act, bool ok, const struct fields *result,
                const struct namer *names, struct text *why)
{
    struct subject subject = {.fields = result, .names = names};

    if (ok == act->expect_failure)
        text_add(why, ok ? "it succeeded: " : "it failed: ");
    else if (act->expect != NULL && !expr_true(act->expect, &subject))
        text_printf(why, "expected %s, got ", act->expect_text);
    else
        return true;
    if (result->count == 0)
        text_add(why, "no more is known");
    fields_line(why, result, names);
    return false;
}
