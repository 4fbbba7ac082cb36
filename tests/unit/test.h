/*
 * A unit test is a function named after the fact that it shows.  A failing
 * check prints got and wanted and goes on; the program exits 1 at its end.
 *
 *     TEST(every_prefix_is_partial) { CHECK_U64(got, want); }
 *     int main(void) { RUN(every_prefix_is_partial); return test_end(); }
 */
#ifndef TESTS_UNIT_TEST_H
#define TESTS_UNIT_TEST_H

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tests_passed, tests_failed;
static bool test_bad;

#define TEST(name) static void name(void)
#define RUN(name)                                                              \
    do {                                                                       \
        test_bad = false;                                                      \
        name();                                                                \
        printf("%s %s\n", test_bad ? "not ok" : "ok", #name);                  \
        if (test_bad)                                                          \
            tests_failed++;                                                    \
        else                                                                   \
            tests_passed++;                                                    \
    } while (0)

#define CHECK(condition)                                                       \
    do {                                                                       \
        if (!(condition)) {                                                    \
            test_bad = true;                                                   \
            printf("# %s:%d: not so: %s\n", __FILE__, __LINE__, #condition);   \
        }                                                                      \
    } while (0)

#define CHECK_U64(got_, want_)                                                 \
    do {                                                                       \
        uint64_t got = (uint64_t)(got_), want = (uint64_t)(want_);             \
        if (got != want) {                                                     \
            test_bad = true;                                                   \
            printf("# %s:%d: %s: got %" PRIu64 ", wanted %" PRIu64 "\n",       \
                   __FILE__, __LINE__, #got_, got, want);                      \
        }                                                                      \
    } while (0)

#define CHECK_TEXT(got_, want_)                                                \
    do {                                                                       \
        const char *got = (got_), *want = (want_);                             \
        if (strcmp(got, want) != 0) {                                          \
            test_bad = true;                                                   \
            printf("# %s:%d: %s\n# got:    %s\n# wanted: %s\n", __FILE__,      \
                   __LINE__, #got_, got, want);                                \
        }                                                                      \
    } while (0)

static inline int test_end(void)
{
    return tests_failed > 0 ? 1 : 0;
}

#endif
