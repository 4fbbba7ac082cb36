/*
 * Do the invariants hold, and does maintenance heal them?
 *
 * A state that breaks an invariant counts only if maintenance cannot heal it:
 * rounds in which every periodic timer of every node fires once, without
 * further faults, until the invariants hold or nothing changes any more.
 */
#include "common/explore_impl.h"

#define HEAL_ROUNDS_MAX 60
#define HEAL_SEEN_MAX 1024 /* states on the way to health that are kept */

/* Does this invariant count?  --find writes its blanks as '-'. */
static bool is_wanted(const struct explorer *x, const char *name)
{
    const char *find = x->options->find;

    while (find != NULL && *name != '\0' &&
           (*find == *name || (*find == '-' && *name == ' '))) {
        find++;
        name++;
    }
    return find == NULL || (*find == '\0' && *name == '\0');
}

bool knows_find(struct explorer *x, struct text *why)
{
    LOCAL_FINDINGS f = network_check(x->network, x->scenario->protocol);
    bool known = false;

    for (size_t i = 0; i < f.count; i++)
        known = known || is_wanted(x, f.at[i].name);
    if (!known) {
        text_printf(
            why, "unknown invariant '%s', expected one of:", x->options->find);
        for (size_t i = 0; i < f.count; i++)
            text_printf(why, "%s %s", i > 0 ? "," : "", f.at[i].name);
    }
    return known;
}

static bool holds(struct explorer *x, struct text *broken)
{
    LOCAL_FINDINGS f = network_check(x->network, x->scenario->protocol);
    bool all = true;

    for (size_t i = 0; i < f.count; i++) {
        if (f.at[i].holds || f.at[i].outside || !is_wanted(x, f.at[i].name))
            continue;
        all = false;
        if (broken != NULL)
            text_printf(broken, "%s%s: %s", broken->len > 0 ? "; " : "",
                        f.at[i].name, f.at[i].why.data);
    }
    return all;
}

static bool is_healed(const struct explorer *x, uint64_t hash)
{
    uint64_t known;

    return map_get(&x->healed, hash, &known);
}

/* One round of maintenance: every periodic timer of every node once.  True
   as soon as the invariants hold, or a state is met that is known to heal;
   `seen` keeps the states on the way. */
static bool maintain(struct explorer *x, uint64_t *seen, size_t *count)
{
    for (uint32_t i = 0; i < x->network->count; i++)
        for (int slot = 0; slot < TIMER_SLOTS; slot++) {
            struct node *n = node_at(x->sim, i);
            if (!is_armed(x, n, slot) || is_timeout(x, slot))
                continue;
            run_operation(x, n, slot);
            uint64_t hash = canonical_hash(x, (struct used){0});
            if (*count < HEAL_SEEN_MAX)
                seen[(*count)++] = hash;
            if (is_healed(x, hash) || holds(x, NULL))
                return true;
        }
    return false;
}

/* Does maintenance bring the invariants back?  Spends the simulation. */
static bool heals(struct explorer *x)
{
    uint64_t seen[HEAL_SEEN_MAX], before = 0;
    size_t count = 0;
    int same = 0; /* rounds that changed nothing */

    run_to_rest(x);
    bool healed = holds(x, NULL);
    for (int round = 0; round < HEAL_ROUNDS_MAX && same < 3 && !healed;
         round++) {
        healed = maintain(x, seen, &count);
        uint64_t now = canonical_hash(x, (struct used){0});
        same = now == before ? same + 1 : 0;
        before = now;
    }
    for (size_t i = 0; i < count && healed; i++)
        (void)map_set(&x->healed, seen[i], 1); /* no memory: found out again */
    return healed;
}

void judge(struct explorer *x)
{
    LOCAL_TEXT broken = text_new();

    if (!holds(x, &broken) && (x->options->strict || !heals(x))) {
        x->report->violated = true;
        text_bytes(&x->report->broken, broken.data, broken.len);
    }
}
