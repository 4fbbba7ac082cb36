/* What must hold of any bytes as one of our own datagrams: they are described
   to the last byte, by names that expressions know; a whole message has a
   name, and nothing of it is left over. */
#ifndef TESTS_FUZZ_DATAGRAM_H
#define TESTS_FUZZ_DATAGRAM_H

#include "common/node.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

static inline void must_describe(const struct protocol *p, const uint8_t *data,
                                 size_t len, bool whole)
{
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT t = text_new();

    p->describe(NULL, data, len, &f);
    MUST(fields_cover(&f, len));
    MUST(fields_unknown(&f, p, false) == NULL);
    MUST(!whole || (f.type != NULL && fields_find(&f, "undecoded") == NULL));
    fields_line(&t, &f, NULL);
    fields_json(&t, &f, NULL, true);
}

#endif
