/* Any bytes as a Chord message: described to the last byte; and what decodes
   encodes back to the same bytes. */
#include "chord/node.h"
#include "tests/fuzz/datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct chord_msg m;
    uint8_t out[DATAGRAM_MAX];
    bool whole = chord_decode(&m, data, len);

    must_describe(&chord_protocol, data, len, whole);
    if (whole && len <= DATAGRAM_MAX) { /* we never send longer ones */
        MUST(chord_encode(&m, out) == len);
        MUST(memcmp(out, data, len) == 0);
    }
    return 0;
}
