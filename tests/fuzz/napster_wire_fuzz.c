/* Any bytes as Napster's messages: described to the last byte, what decodes
   encodes back, and every text is some query or none. */
#include "common/expr.h"
#include "napster/index.h"
#include "napster/node.h"
#include "napster/wire.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    struct slice text = {(const char *)data, len};
    struct napster_msg m = {.type = 0};
    struct napster_request r;
    struct query q;

    for (unsigned phase = PHASE_DATAGRAM; phase <= PHASE_BULK; phase++) {
        struct framing framing = {(enum phase)phase, true};
        struct fields f = fields_new();
        napster_describe(&framing, data, len, &f);
        MUST(len == 0 || fields_cover(&f, len));
        MUST(fields_unknown(&f, &napster_protocol, false) == NULL);
        fields_free(&f);
    }
    int used = napster_decode(&m, data, len);
    if (used > 0) {
        MUST(napster_encode(out, m.type, m.text, m.len) == (size_t)used);
        MUST(memcmp(out, data, (size_t)used) == 0);
    }
    if (len > 0)
        MUST(napster_request(&r, data, len) <= (int)len);
    if (len <= PAYLOAD_MAX && napster_query_read(&q, text) == NULL)
        MUST(q.count <= FILE_TOKENS_MAX);
    return 0;
}
