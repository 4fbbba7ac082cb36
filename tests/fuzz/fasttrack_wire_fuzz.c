/* Any bytes as FastTrack: described to the last byte in every phase; what
   decodes encodes back to the same bytes; and as a coded stream they end in a
   message, in more to come, or in an error. */
#include "common/expr.h"
#include "fasttrack/node.h"
#include "fasttrack/wire.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

static void unwrap_all(const uint8_t *data, size_t len, bool coded)
{
    static uint8_t scratch[HEADER_BYTES + PAYLOAD_MAX];
    const uint8_t *plain;
    size_t plain_len, at = 0;
    struct way w;
    int used = 1;

    fasttrack_way(&w, coded, CLIENT_SEED);
    while (used > 0 && at < len) {
        used = fasttrack_unwrap(&w, data + at, len - at, scratch, &plain,
                                &plain_len);
        MUST(used <= 0 || (size_t)used <= len - at);
        MUST(used <= 0 || (size_t)used == plain_len);
        at += used > 0 ? (size_t)used : 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static uint8_t out[ENCODED_MAX];
    struct fasttrack_msg m;
    struct udp_msg udp;
    struct result r;
    struct text t = text_new();

    for (unsigned phase = PHASE_DATAGRAM; phase <= PHASE_BULK; phase++) {
        struct framing framing = {(enum phase)phase, (len & 1) != 0};
        struct fields f = fields_new();
        fasttrack_describe(&framing, data, len, &f);
        MUST(f.lost > 0 || fields_cover(&f, len));
        MUST(fields_unknown(&f, &fasttrack_protocol, false) == NULL);
        fields_line(&t, &f, NULL);
        fields_free(&f);
    }
    if (fasttrack_decode(&m, data, len) == 0) {
        MUST(fasttrack_encode(&m, out) == len);
        MUST(memcmp(out, data, len) == 0);
        unsigned count = 0;
        while (m.kind == 'K' && m.type == MSG_REPLY &&
               fasttrack_next_result(&m.list, &r))
            count++;
        MUST(m.type != MSG_REPLY || count == m.results);
    }
    (void)fasttrack_udp_decode(&udp, data, len);
    unwrap_all(data, len, false);
    unwrap_all(data, len, len % 64 == 1); /* a keystream takes a millisecond */
    text_free(&t);
    return 0;
}
