/* Any bytes as a Gnutella message: described to the last byte; and what
   decodes encodes back to the same bytes. */
#include "common/expr.h"
#include "gnutella/node.h"
#include "gnutella/wire.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[HEADER_BYTES + PAYLOAD_MAX];
    struct gnutella_msg m;
    struct gnutella_result r;
    struct text t = text_new();

    for (unsigned phase = PHASE_DATAGRAM; phase <= PHASE_BULK; phase++) {
        struct framing framing = {(enum phase)phase, (len & 1) != 0};
        struct fields f = fields_new();
        gnutella_describe(&framing, data, len, &f);
        MUST(f.lost > 0 || len == 0 || f.type == NULL || fields_cover(&f, len));
        MUST(fields_unknown(&f, &gnutella_protocol, false) == NULL);
        fields_line(&t, &f, NULL);
        fields_free(&f);
    }
    int used = gnutella_decode(&m, data, len);
    if (used > 0 && !m.bad) {
        MUST(gnutella_encode(&m, out, sizeof out) == (size_t)used);
        MUST(memcmp(out, data, (size_t)used) == 0);
        unsigned count = 0;
        while (m.type == GNUTELLA_HIT && gnutella_next_result(&m.results, &r))
            count++;
        MUST(m.type != GNUTELLA_HIT || count == m.count);
    }
    text_free(&t);
    return 0;
}
