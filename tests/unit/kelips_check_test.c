/* Kelips' invariants can fail; see broken.h. */
#include "kelips/node.h"
#include "tests/unit/broken.h"

TEST(every_invariant_can_fail)
{
    struct addr nowhere = {0};

    well(&kelips_protocol,
         "set groups 2\nset contacts 1\nnode n1 id=1\nnode n2 id=2 join=n1\n"
         "node n3 id=3 join=n1\nnode n4 id=4 join=n1\nwarm\n"
         "at 1s n2 insert 3\nrun until 40s\n");
    struct kelips *n = node("n1"); /* its group: n1 and n3, and key 3 */
    struct entry *contact = kelips_contact(n, 0, 0);
    BREAKS("entries stand in their group", n->view.at[0].id.word[ID_WORDS - 1],
           2);
    BREAKS("tables keep their bounds", n->request_count, REQUESTS_MAX + 1);
    BREAKS("all live nodes have joined", n->member, false);
    BREAKS("every view has its whole group", n->view.count, 0);
    BREAKS("every group has a live contact", contact->addr, nowhere);
    BREAKS("every member knows its group's files", n->tuples.count, 0);
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
