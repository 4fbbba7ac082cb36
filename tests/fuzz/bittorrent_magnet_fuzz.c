/* Any text as a magnet link: what is read writes a link that reads the same. */
#include "bittorrent/magnet.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct magnet m, again;
    struct text t = text_new();
    const char *why;
    char *link = fuzz_string(data, len);

    if (magnet_read(&m, link, &why)) {
        magnet_write(&t, &m);
        MUST(magnet_read(&again, t.data, &why));
        MUST(memcmp(m.infohash, again.infohash, sizeof m.infohash) == 0);
        MUST(strcmp(m.name, again.name) == 0);
        MUST(m.tracker_count == again.tracker_count);
        MUST(m.peer_count == again.peer_count);
    } else {
        MUST(why != NULL);
    }
    text_free(&t);
    free(link);
    return 0;
}
