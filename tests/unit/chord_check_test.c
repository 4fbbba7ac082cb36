/* Chord's invariants can fail, in Zave's terms; see broken.h. */
#include "chord/node.h"
#include "tests/unit/broken.h"

static struct member *member(const char *name)
{
    return &((struct chord *)node(name))->member[0];
}

static struct peer peer(const char *name)
{
    return chord_self(node(name), member(name));
}

TEST(every_invariant_can_fail)
{
    struct peer nobody = {.ip = 1, .port = 1};

    well(&chord_protocol, "set bits 3\nset successors 2\nnode n0 id=0\n"
                          "node n1 id=2 join=n0\nnode n2 id=4 join=n0\n"
                          "node n3 id=6 join=n0\nwarm\nrun until 1s\n");
    struct member *n0 = member("n0"), *n1 = member("n1");
    struct member *n2 = member("n2"), *n3 = member("n3");
    BREAKS_SWAPPED("ordered successor lists", n0->succ[0], n0->succ[1]);
    BREAKS("all members on the ring", n0->succ[0], peer("n2"));
    BREAKS("all live nodes have joined", n1->phase, MEMBER_OUTSIDE);
    /* n0 -> n1 -> n0, and n2 -> n3 -> n2 */
    BREAKS_SWAPPED("exactly one ring", n1->succ[0], n3->succ[0]);
    n1->succ_count = 1; /* one of two is enough, as long as it lives */
    CHECK(holds(""));
    BREAKS("live successor", n1->succ[0], nobody);
    BREAKS("appendages reach the ring", n1->succ[0], nobody);
    /* The loopy ring: n0 -> n2 -> n1 -> n3 -> n0. */
    n0->succ[0] = peer("n2");
    n1->succ[0] = peer("n3");
    n2->succ[0] = peer("n1");
    CHECK(holds("exactly one ring"));
    CHECK(!holds("ordered ring"));
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
