/*
 * Every protocol's tables of fields hold every name that its messages and
 * results have, over the scenarios of its worksheets: so whatever a run shows
 * can be asked for in an expression, and nothing else can.
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/expr.h"
#include "common/sim.h"
#include "tests/described.h"
#include "tests/unit/labs.h"

#define STEPS_MAX 5000 /* of a scenario */

static size_t seen;

static void is_listed(const struct fields *f, const struct protocol *p,
                      bool of_result)
{
    const char *name = fields_unknown(f, p, of_result);

    seen++;
    if (name != NULL)
        printf("# %s has a field '%s'\n", p->name, name);
    CHECK(name == NULL);
}

static void check_record(void *context, const struct record *r)
{
    const struct protocol *p = context;
    struct fields f = fields_new();

    if (r->kind == RECORD_RESULT)
        is_listed(r->fields, p, true);
    if (r->kind == RECORD_MESSAGE) {
        p->describe(&r->framing, r->data, r->len, &f);
        is_listed(&f, p, false);
    }
    fields_free(&f);
}

static void run(const char *path, const struct protocol *p)
{
    union {
        const struct protocol *lent;
        void *context;
    } u = {.lent = p};
    struct observer watch = {.record = check_record, .context = u.context};
    struct text why = text_new();
    struct scenario *s = scenario_load(path, p, NULL, &why);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;

    if (sim == NULL)
        printf("# %s\n", why.data);
    CHECK(sim != NULL);
    sim_observe(sim, &watch);
    while (sim_steps(sim) < STEPS_MAX && sim_step(sim))
        ;
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
}

TEST(every_field_of_every_lab_can_be_asked_for)
{
    each_lab(run);
    CHECK(seen > 10000);
}

int main(void)
{
    RUN(every_field_of_every_lab_can_be_asked_for);
    return test_end();
}
