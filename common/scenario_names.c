/*
 * Which node names a scenario has taken; see scenario_names.h.
 *
 * An entry stands for a text as a name (`taken`), as the prefix of a `nodes`
 * line (`count` names), or as what is left of a name without its number
 * (`least`: the smallest number so taken).
 */
#include "common/scenario_names.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/options.h"

struct names_entry {
    const char *text; /* NULL: free */
    size_t len;
    bool taken;
    uint64_t count, least;
};

void names_free(struct names *n)
{
    free(n->at);
    *n = (struct names){.at = NULL};
}

/* The entry of a text, or the free one where it would stand. */
static struct names_entry *look(const struct names *n, const char *text,
                                size_t len)
{
    size_t i = (size_t)hash_roll(0, text, len) & (n->cap - 1);

    while (n->at[i].text != NULL &&
           (n->at[i].len != len || memcmp(n->at[i].text, text, len) != 0))
        i = (i + 1) & (n->cap - 1);
    return &n->at[i];
}

static bool grow(struct names *n)
{
    struct names old = *n;

    if (n->count < n->cap / 2)
        return true;
    n->cap = old.cap > 0 ? old.cap * 2 : 64;
    n->at = calloc(n->cap, sizeof *n->at);
    if (n->at == NULL) {
        *n = old;
        return false;
    }
    for (size_t i = 0; i < old.cap; i++)
        if (old.at[i].text != NULL)
            *look(n, old.at[i].text, old.at[i].len) = old.at[i];
    free(old.at);
    return true;
}

static struct names_entry *enter(struct names *n, const char *text, size_t len)
{
    if (!grow(n))
        return NULL;
    struct names_entry *e = look(n, text, len);
    if (e->text == NULL) {
        *e =
            (struct names_entry){.text = text, .len = len, .least = UINT64_MAX};
        n->count++;
    }
    return e;
}

/* "p12" is prefix "p" (its length is returned) and 12; 0 when there is no
   number, or one that no `nodes` line would write. */
static size_t split(const char *name, uint64_t *number)
{
    size_t len = strlen(name), at = len;

    while (at > 0 && name[at - 1] >= '0' && name[at - 1] <= '9')
        at--;
    if (at == len || name[at] == '0' ||
        !parse_u64(name + at, UINT64_MAX - 1, number))
        return 0;
    return at;
}

bool names_known(const struct names *n, const char *name)
{
    uint64_t number;

    if (n->cap == 0)
        return false;
    if (look(n, name, strlen(name))->taken)
        return true;
    size_t prefix = split(name, &number);
    return prefix > 0 && look(n, name, prefix)->count >= number;
}

bool names_add(struct names *n, const char *name)
{
    uint64_t number;

    if (names_known(n, name))
        return false;
    size_t prefix = split(name, &number);
    struct names_entry *e = prefix > 0 ? enter(n, name, prefix) : NULL;
    if (e != NULL && number < e->least)
        e->least = number;
    e = enter(n, name, strlen(name));
    if (e != NULL)
        e->taken = true;
    return e != NULL;
}

bool names_add_many(struct names *n, const char *prefix, uint64_t count)
{
    struct names_entry *e = enter(n, prefix, strlen(prefix));

    if (e == NULL || e->count > 0 || e->least <= count)
        return false;
    e->count = count;
    return true;
}

const char *names_nearest(const struct names *n, const char *word)
{
    const char *best = NULL;

    for (size_t i = 0; i < n->cap; i++) {
        const char *words[] = {best, n->at[i].text};
        if (n->at[i].taken)
            best = nearest_word(word, words + (best == NULL),
                                best == NULL ? 1 : 2);
    }
    return best;
}
