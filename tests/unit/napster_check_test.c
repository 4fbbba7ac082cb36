/* Napster's invariants can fail; see broken.h. */
#include "napster/node.h"
#include "tests/unit/broken.h"

TEST(every_invariant_can_fail)
{
    well(&napster_protocol,
         "node server role=server\nnode amy join=server share=song:4KiB\n"
         "node bob join=server share=tune:4KiB\nrun until 5s\n");
    struct napster *server = node("server"), *amy = node("amy");
    BREAKS("counters agree", server->server->online, 3);
    BREAKS("counters agree", server->server->index.count, 1);
    BREAKS("no more uploads than slots", amy->client->upload_count, 17);
    BREAKS("all files of all users listed", amy->client->shared, 2);
    BREAKS("no entry of a user who is gone", amy->nick[0], 'x');
    end();
}

int main(void)
{
    RUN(every_invariant_can_fail);
    return test_end();
}
