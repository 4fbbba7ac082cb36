/*
 * A fuzz target is one function that is given bytes and must come back.
 * `make fuzz` runs each under libFuzzer (clang), starting from the inputs in
 * tests/fuzz/corpus/TARGET; `make test` and `make asan` replay those inputs
 * with any compiler (replay.c).
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Stop at a broken rule; unlike assert, in every build. */
#define MUST(condition)                                                        \
    do {                                                                       \
        if (!(condition)) {                                                    \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__,         \
                    #condition);                                               \
            abort();                                                           \
        }                                                                      \
    } while (0)

/* The bytes as a string of their own size, so that the address sanitizer
   sees one read too many. */
static inline char *fuzz_string(const uint8_t *data, size_t len)
{
    char *s = malloc(len + 1);

    MUST(s != NULL);
    if (len > 0)
        memcpy(s, data, len);
    s[len] = '\0';
    return s;
}

#endif
