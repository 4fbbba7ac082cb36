/* FastTrack's invariants can fail; see broken.h. */
#include "fasttrack/node.h"
#include "tests/unit/broken.h"

static struct link *child_of(const struct fasttrack *n)
{
    struct link *l = n->links;

    while (l->child == NULL)
        l = l->next;
    return l;
}

TEST(every_invariant_can_fail)
{
    well(&fasttrack_protocol,
         "node s1 role=supernode\nnode s2 role=supernode join=s1\n"
         "node a join=s1 share=song:4KiB\nrun until 20s\n");
    struct fasttrack *s1 = node("s1"), *s2 = node("s2"), *a = node("a");
    BREAKS("a parent, or looking for one", a->links, NULL);
    BREAKS("counters agree", s1->super->files, 7);
    BREAKS("no supernode is too full", s1->super->children, UINT32_MAX);
    s2->super->denied = s1->self; /* and it waited long enough */
    s2->super->waited = PATIENT_ROUNDS + 1;
    BREAKS("no promotion storm", s2->super->waited, 4);
    BREAKS("no index of who is gone", child_of(s1)->addr, s2->self);
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
