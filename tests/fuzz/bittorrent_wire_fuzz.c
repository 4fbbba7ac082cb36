/* Any bytes as what peers say: described to the last byte in every phase, and
   what decodes encodes back to the same. */
#include "bittorrent/node.h"
#include "bittorrent/wire.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[MESSAGE_MAX + WIRE_FIXED_MAX];
    struct wire_msg m;
    struct handshake s;

    for (unsigned phase = PHASE_DATAGRAM; phase <= PHASE_BULK; phase++) {
        struct framing framing = {(enum phase)phase, true};
        struct fields f = fields_new();
        wire_describe(&framing, data, len, &f);
        MUST(len == 0 || f.lost > 0 || fields_cover(&f, len));
        MUST(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
        fields_free(&f);
    }
    int used = wire_read_handshake(&s, data, len);
    MUST(used <= HANDSHAKE_BYTES && (used <= 0 || used == HANDSHAKE_BYTES));
    if (used > 0) {
        wire_write_handshake(&s, out);
        MUST(memcmp(out, data, HANDSHAKE_BYTES) == 0);
    }
    used = wire_decode(&m, data, len);
    MUST(used <= 0 || (size_t)used <= len);
    if (used > 0 && m.id != WIRE_UNKNOWN) {
        MUST(wire_encode(&m, out, sizeof out) == (size_t)used);
        MUST(memcmp(out, data, (size_t)used) == 0);
    }
    if (len >= INFOHASH_BYTES + 4) {
        uint32_t piece[10];
        uint32_t count = 1 + data[20] + (uint32_t)data[21] * 256;
        size_t k =
            wire_allowed_fast((uint32_t)data[22] << 24, data, count, piece, 10);
        MUST(k <= 10 && k <= count);
        for (size_t i = 0; i < k; i++)
            MUST(piece[i] < count);
    }
    return 0;
}
