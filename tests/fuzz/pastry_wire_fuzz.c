/* Any bytes as a Pastry message: described to the last byte; and what decodes
   encodes back to the same bytes. */
#include "common/expr.h"
#include "pastry/node.h"
#include "pastry/wire.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct pastry_msg m;
    uint8_t out[DATAGRAM_MAX];
    struct fields f = fields_new();
    struct text t = text_new();
    bool good = pastry_decode(&m, data, len);

    pastry_describe(NULL, data, len, &f);
    MUST(fields_cover(&f, len));
    MUST(fields_unknown(&f, &pastry_protocol, false) == NULL);
    MUST(!good || (f.type != NULL && fields_find(&f, "undecoded") == NULL));
    fields_line(&t, &f, NULL);
    fields_json(&t, &f, NULL, true);
    if (good && len <= DATAGRAM_MAX) { /* we never send longer ones */
        MUST(pastry_encode(&m, out) == len);
        MUST(memcmp(out, data, len) == 0);
    }
    text_free(&t);
    fields_free(&f);
    return 0;
}
