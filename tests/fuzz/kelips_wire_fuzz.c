/* Any bytes as a Kelips message: described to the last byte; and what decodes
   encodes back to the same bytes. */
#include "kelips/node.h"
#include "tests/fuzz/datagram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct kelips_msg m;
    uint8_t out[DATAGRAM_MAX];
    bool whole = kelips_decode(&m, data, len);

    must_describe(&kelips_protocol, data, len, whole);
    if (whole && len <= DATAGRAM_MAX) { /* we never send longer ones */
        MUST(kelips_encode(&m, out) == len);
        MUST(memcmp(out, data, len) == 0);
    }
    return 0;
}
