/* Any bytes as a question to a tracker, and as its answer, over HTTP and UDP:
   described to the last byte; UDP messages encode back to the same bytes. */
#include "bittorrent/node.h"
#include "bittorrent/trackwire.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

static void describe(void (*how)(const uint8_t *, size_t, struct fields *),
                     const uint8_t *data, size_t len)
{
    struct fields f = fields_new();
    struct text t = text_new();

    how(data, len, &f);
    MUST(f.lost > 0 || fields_cover(&f, len));
    MUST(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
    fields_line(&t, &f, NULL);
    text_free(&t);
    fields_free(&f);
}

static void udp(bool answer, const uint8_t *data, size_t len)
{
    uint8_t out[UDP_TRACKER_BYTES_MAX];
    struct udp_msg m;

    if (!tracker_udp_decode(&m, answer, data, len) || len > sizeof out)
        return;
    size_t used = tracker_udp_encode(&m, out);
    MUST(used > 0 && used <= len);
    if (m.action != UDP_ANNOUNCE || answer) /* ip and odd events get lost */
        MUST(memcmp(out, data, used) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct announced d;
    struct announce a;
    const char *why = NULL;
    struct slice target = {(const char *)data, len};

    udp(false, data, len);
    udp(true, data, len);
    MUST(tracker_read_query(&a, target, &why) == (why == NULL));
    MUST(tracker_read_body(&d, data, len) <= (int64_t)len);
    MUST(d.peer_count <= FOUND_MAX);
    describe(tracker_describe_udp, data, len);
    describe(tracker_describe_http, data, len);
    return 0;
}
