/* See verdict.h. */
#include "common/verdict.h"

static void name_act(const struct act *act, struct text *why)
{
    text_printf(why, "%s %s: ", act->name, act->text);
}

bool verdict_result(const struct act *act, bool ok, const struct fields *result,
                    const struct namer *names, struct sim_status *status,
                    struct text *why)
{
    name_act(act, why);
    if (act->kind == ACT_EXPECT) {
        if (expect_met(act, ok, result, names, why))
            return true;
        status->expects_failed++;
        return false;
    }
    if (ok)
        return true;
    text_add(why, "failed: ");
    fields_line(why, result, names);
    status->commands_failed++;
    return false;
}

bool verdict_unanswered(const struct act *act, struct sim_status *status,
                        struct text *why)
{
    if (act->kind != ACT_EXPECT)
        return true;
    status->expects_failed++;
    name_act(act, why);
    text_add(why, "no answer before the run ended");
    return false;
}

void verdict_invariants(const struct act *act, const struct protocol *p,
                        const struct network *n, struct sim_status *status,
                        void (*complain)(void *context, const struct act *act,
                                         const char *text),
                        void *context)
{
    struct findings f = {.count = 0};

    if (p->check != NULL)
        p->check(n, &f);
    for (size_t i = 0; i < f.count; i++) {
        if (f.at[i].holds)
            continue;
        LOCAL_TEXT why = text_new();
        text_printf(&why, "broken: %s: %s", f.at[i].name, f.at[i].why.data);
        complain(context, act, why.data);
    }
    status->expects_failed += !findings_hold(&f);
    findings_free(&f);
}
