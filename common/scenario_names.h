/*
 * The names of a scenario's nodes, and which are taken.  "nodes 1000000
 * prefix=p" takes p1 .. p1000000 without listing them: a prefix ends in no
 * digit, so a name splits into prefix and number in one way only.
 */
#ifndef COMMON_SCENARIO_NAMES_H
#define COMMON_SCENARIO_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct names_entry;
struct names {
    struct names_entry *at; /* a hash table, open addressing */
    size_t cap, count;
};

void names_free(struct names *n);
bool names_known(const struct names *n, const char *name);
/* Take a name, or `count` of them; false when one is taken already.  Keeps
   `name` and `prefix`, which the caller lends. */
bool names_add(struct names *n, const char *name);
bool names_add_many(struct names *n, const char *prefix, uint64_t count);
/* Some name that `word` may have been meant as, or NULL. */
const char *names_nearest(const struct names *n, const char *word);

#endif
