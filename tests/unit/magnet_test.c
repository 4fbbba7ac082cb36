/* Magnet links: both forms of an infohash, what else they name, and junk. */
#include "bittorrent/magnet.h"
#include "tests/unit/test.h"

#define HEX "c888529ada9caea88a7edd94636dfeea3b6a369f"

static struct magnet m;

static bool reads(const char *link)
{
    const char *why = "";

    return magnet_read(&m, link, &why);
}

TEST(hex_and_base32_name_the_same_torrent)
{
    uint8_t hex[INFOHASH_BYTES];

    CHECK(reads("magnet:?xt=urn:btih:" HEX));
    CHECK_U64(m.infohash[0], 0xc8);
    CHECK_U64(m.infohash[19], 0x9f);
    memcpy(hex, m.infohash, sizeof hex);
    CHECK(reads("magnet:?xt=urn:btih:ZCEFFGW2TSXKRCT63WKGG3P65I5WUNU7"));
    CHECK(memcmp(hex, m.infohash, sizeof hex) == 0);
    CHECK(reads("magnet:?xt=urn:btih:zceffgw2tsxkrct63wkgg3p65i5wunu7"));
    CHECK(memcmp(hex, m.infohash, sizeof hex) == 0);
}

TEST(names_trackers_and_peers_are_read_and_written_back)
{
    const char *link = "magnet:?xt=urn:btih:" HEX "&dn=my%20song.ogg"
                       "&tr=http%3A%2F%2Fa%3A1%2Fannounce"
                       "&tr=udp%3A%2F%2Fb%3A2&x.pe=127.0.0.1:6881";
    struct text t = text_new();

    CHECK(reads(link));
    CHECK_TEXT(m.name, "my song.ogg");
    CHECK_U64(m.tracker_count, 2);
    CHECK_TEXT(m.tracker[0], "http://a:1/announce");
    CHECK_U64(m.peer_count, 1);
    CHECK_U64(m.peer[0].port, 6881);
    magnet_write(&t, &m);
    CHECK_TEXT(t.data, link);
    text_free(&t);
}

/* Source: [bep53]; its files count from 0, and ours from 1. */
TEST(files_that_a_link_chooses_are_read)
{
    CHECK(reads("magnet:?xt=urn:btih:" HEX "&so=0,2,4-6"));
    CHECK_TEXT(m.files, "1,3,5-7");
    CHECK(reads("magnet:?xt=urn:btih:" HEX "&so=0%2C9"));
    CHECK_TEXT(m.files, "1,10");
    static const char *const none[] = {"",    ",",   "1,",     "x",   "3-1",
                                       "1-x", "1--", "999999", "1;2", "000001"};
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        struct text link = text_new();
        text_printf(&link, "magnet:?xt=urn:btih:" HEX "&so=%s", none[i]);
        CHECK(reads(link.data));
        CHECK_TEXT(m.files, "");
        text_free(&link);
    }
}

TEST(what_is_no_link_is_refused)
{
    CHECK(!reads(""));
    CHECK(!reads("http://a/?xt=urn:btih:" HEX));
    CHECK(!reads("magnet:?dn=x"));
    CHECK(!reads("magnet:?xt=urn:btih:" HEX "0"));
    CHECK(
        !reads("magnet:?xt=urn:btih:g888529ada9caea88a7edd94636dfeea3b6a369f"));
    CHECK(!reads("magnet:?xt=urn:sha1:ZCEFFGW2TSXKRCT63WKGG3P65I5WUNU7"));
    CHECK(!reads("magnet:?xt=urn:btih:%zz"));
    /* Version 2 beside version 1: the first one is ours. */
    CHECK(reads("magnet:?xt=urn:btmh:1220ab&xt=urn:btih:" HEX));
    CHECK(reads("magnet:?xt=urn:btih:" HEX "&x.pe=nobody&tr=&tr=%zz"));
    CHECK_U64(m.peer_count + m.tracker_count, 0);
}

TEST(more_trackers_than_we_keep_are_left_out)
{
    struct text t = text_new();

    text_add(&t, "magnet:?xt=urn:btih:" HEX);
    for (int i = 0; i < 100; i++)
        text_add(&t, "&tr=udp://a:1&x.pe=1.2.3.4:5");
    CHECK(reads(t.data));
    CHECK_U64(m.tracker_count, TRACKERS_MAX);
    CHECK_U64(m.peer_count, MAGNET_PEERS_MAX);
    text_free(&t);
}

int main(void)
{
    RUN(hex_and_base32_name_the_same_torrent);
    RUN(names_trackers_and_peers_are_read_and_written_back);
    RUN(files_that_a_link_chooses_are_read);
    RUN(what_is_no_link_is_refused);
    RUN(more_trackers_than_we_keep_are_left_out);
    return test_end();
}
