/* BitTorrent's invariants can fail; see broken.h. */
#include "bittorrent/node.h"
#include "tests/unit/broken.h"

TEST(every_invariant_can_fail)
{
    uint8_t nothing[64] = {0}, all[64];

    memset(all, 0xff, sizeof all);
    well(&bittorrent_protocol,
         "set slots 1\nset piece 16KiB\nnode origin share=song.ogg:1MiB "
         "up=64KiB/s\n"
         "nodes 4 prefix=p every 0ms join=origin\n"
         "at 1s p1 get song.ogg\nat 1s p2 get song.ogg\n"
         "at 1s p3 get song.ogg\nat 1s p4 get song.ogg\nrun until 8s\n");
    struct bittorrent *origin = node("origin"), *n = NULL;
    const char *const names[] = {"p1", "p2", "p3", "p4"};
    struct peer *asked = NULL;
    for (size_t i = 0; i < 4 && asked == NULL; i++) {
        n = node(names[i]);
        struct peer *const *at = n->peers;
        while (*at != NULL && (*at)->asked.count == 0)
            at++;
        asked = *at;
    }
    CHECK(asked != NULL && n != NULL);
    if (asked == NULL || n == NULL)
        return;
    struct torrent *t = &n->torrent;
    CHECK(t->meta.piece_count <= 8 * sizeof all && !t->complete);
    BREAKS("pieces and copies counted", t->have_count, t->meta.piece_count + 1);
    BREAKS("pieces and copies counted", t->copies[0], 99);
    BREAKS("interest exact", asked->wanted, 0);
    BREAKS("asked only for what peers have", asked->have, nothing);
    BREAKS("what is announced is here", t->have, all);
    BREAKS("no more uploads than slots", origin->taking[0], 9);
    for (struct peer *const *at = origin->peers, *p; (p = *at) != NULL; at++)
        p->am_choking = false;
    CHECK(!holds("no more uploads than slots"));
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
