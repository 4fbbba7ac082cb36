/* Gnutella's invariants can fail; see broken.h. */
#include "gnutella/node.h"
#include "tests/unit/broken.h"

TEST(every_invariant_can_fail)
{
    static struct link many[LINKS_MAX + 1];

    well(&gnutella_protocol, "set degree 1\nset ping 0\nnode a\n"
                             "node b join=a\nnode c join=b\nrun until 20s\n");
    struct gnutella *a = node("a"), *b = node("b"), *c = node("c");
    BREAKS("links are mutual", a->links, NULL);
    BREAKS("everyone has a neighbour", c->links, NULL);
    for (size_t i = 0; i < LINKS_MAX; i++) {
        many[i] = *a->links;
        many[i].next = &many[i + 1];
    }
    many[LINKS_MAX] = *a->links;
    many[LINKS_MAX].next = NULL;
    BREAKS("nobody has too many links", a->links, many);
    b->links = NULL; /* and it stood between the others */
    CHECK(!holds("one overlay"));
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
