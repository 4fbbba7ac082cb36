/* Any bytes as bencode and as a .torrent: slices stay inside, a description
   covers all, no path leaves its folder. */
#include "bittorrent/metainfo.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

static const struct bencode_name names[] = {
    {"q", "query", FORM_PLAIN, false},
    {"nodes", "nodes", FORM_NODE, false},
    {"values", "values", FORM_PEERS, false},
    {"id", "id", FORM_ID, false},
    {NULL, NULL, FORM_PLAIN, false}};

static void look_at_value(const uint8_t *data, size_t len)
{
    struct bencode v, loose;
    int64_t used = bencode_read(&v, data, len, BENCODE_STRICT);

    MUST(used <= (int64_t)len);
    if (used > 0)
        MUST(bencode_read(&loose, data, len, BENCODE_LOOSE) == used);
    struct fields f = fields_new();
    size_t described = bencode_describe(&f, data, 0, len, names);
    MUST(f.lost > 0 || fields_cover(&f, described));
    fields_free(&f);
}

static void look_at_files(const struct metainfo *m)
{
    static struct metainfo_file list[METAINFO_FILES_MAX];
    const char *why = NULL;
    char path[METAINFO_PATH_MAX + 1];
    uint64_t offset = 0;

    MUST(m->file_count <= METAINFO_FILES_MAX);
    if (metainfo_files(m, list, &why) < 0)
        MUST(why != NULL);
    for (uint32_t i = 0; i < m->file_count; i++) {
        size_t n = metainfo_path(m, &list[i], path);
        MUST(n > 0 && n == strlen(path) && path[0] != '/' && path[0] != '.');
        MUST(strstr(path, "/.") == NULL && strstr(path, "//") == NULL);
        MUST(list[i].offset == offset);
        offset += list[i].bytes;
    }
    MUST(offset == m->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct metainfo m;
    struct metainfo_trackers t = {0};
    struct bencode url, host;
    uint16_t port;
    const char *why = NULL;

    look_at_value(data, len);
    if (metainfo_read(&m, data, len, &why) == 0) {
        look_at_files(&m);
        while (metainfo_tracker(&m, &t, &url))
            MUST(url.text >= data && url.text + url.text_len <= data + len);
        struct bencode_walk nodes = bencode_walk(&m.nodes);
        while (metainfo_node(&nodes, &host, &port))
            MUST(host.text >= data && host.text + host.text_len <= data + len &&
                 port > 0);
    } else {
        MUST(why != NULL);
    }
    return 0;
}
