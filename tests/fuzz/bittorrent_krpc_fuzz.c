/* Any bytes as a KRPC message: described to the last byte, and a node that is
   sent it answers with no more than one message and one ping. */
#include "bittorrent/dht.h"
#include "bittorrent/node.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/fake_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct fake fake;
    static struct dht dht;
    const struct addr self = {0x0a000001, 6881}, from = {0x0a000002, 6882};
    struct krpc m;
    struct fields f = fields_new();
    uint32_t tag;
    struct addr peer;

    krpc_describe(data, len, &f);
    MUST(f.lost > 0 || fields_cover(&f, len));
    MUST(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
    if (krpc_read(&m, data, len) == 0)
        MUST(f.type != NULL);
    fields_free(&f);
    fake_begin(&fake, self);
    MUST(dht_begin(&dht, &fake.host, 5, self, false));
    dht_join(&dht, &fake.host, from);
    MUST(dht_follow(&dht, &fake.host,
                    data != NULL && len >= 20
                        ? data
                        : (const uint8_t *)"aaaaaaaaaaaaaaaaaaaa",
                    1, 2));
    dht_on_timer(&dht, &fake.host);
    MUST(fake.sent_count > 0 && fake.sent[0].len > 20);
    unsigned sent = fake.sent_count;
    (void)dht_on_datagram(&dht, &fake.host, from, data, len);
    MUST(fake.sent_count <= sent + 2);
    /* The same as an answer to what was asked: with its transaction. */
    if (len > 2) {
        const uint8_t *query = fake.sent[0].data;
        uint8_t *copy = malloc(len);
        MUST(copy != NULL);
        memcpy(copy, data, len);
        for (size_t i = 0; i + 6 < len; i++)
            if (memcmp(copy + i, "1:t2:", 5) == 0 && i + 7 <= len)
                memcpy(copy + i + 5, query + fake.sent[0].len - 10, 2);
        (void)dht_on_datagram(&dht, &fake.host, from, copy, len);
        free(copy);
    }
    while (dht_take(&dht, &tag, &peer))
        MUST(tag == 2);
    fake_free(&fake.host, dht.bucket, 0);
    fake_free(&fake.host, dht.stored, 0);
    return 0;
}
