/* Pastry's invariants can fail; see broken.h. */
#include "pastry/node.h"
#include "tests/unit/broken.h"

TEST(every_invariant_can_fail)
{
    well(&pastry_protocol,
         "set base 4\nset digits 3\nset leafset 4\n"
         "nodes 12 prefix=n every 10ms\nwarm\nrun until 1s\n");
    struct pastry *n = node("n1");
    BREAKS("all live nodes have joined", n->active, false);
    BREAKS("tables keep their bounds", n->request_count, REQUESTS_MAX + 1);
    BREAKS_SWAPPED("entries stand in their slot", n->entry[0], n->entry[1]);
    BREAKS_SWAPPED("every leaf set is the nearest ids", n->high[0], n->high[1]);
    BREAKS("a slot is empty only if nobody fits", n->entry_count, 1);
    BREAKS("nobody in a table is dead", n->entry[0].port, 1);
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
