/*
 * The guard of `check`, for all seven at both grains: does `dump` show all that
 * decides how a node goes on?  Every state that is met again is compared with
 * the first of its hash, by what all further events do to both.
 */
#include "common/explore.h"
#include "common/node.h"
#include "tests/unit/test.h"

/* Their headers use the same words for different things. */
extern const struct protocol bittorrent_protocol, chord_protocol,
    fasttrack_protocol, gnutella_protocol, kelips_protocol, napster_protocol,
    pastry_protocol;

static void guard(const struct protocol *p, const char *text)
{
    struct explore_options o = {.states_max = 1500, .compare_all = true};
    struct text why = text_new();
    struct explore_report r = {.states = 0};
    struct scenario *s = scenario_parse("tiny.scn", text, p, NULL, &why);
    bool explored = s != NULL && explore(s, &o, &r, &why);

    CHECK_TEXT(why.data, "");
    CHECK(explored);
    if (explored) {
        CHECK(r.compared > 100);
        CHECK(!r.dump_forgets);
        CHECK_TEXT(r.violated ? r.events.data : "", "");
        explore_report_free(&r);
    }
    scenario_free(s);
    text_free(&why);
}

#define PASTRY                                                                 \
    "set base 4\nset digits 2\nset leafset 4\nset neighbours 2\n"              \
    "node n1 id=01\nnode n2 id=12 join=n1\nnode n3 id=30 join=n1\nwarm\n"

TEST(pastry_a_crash_and_repair)
{
    guard(&pastry_protocol,
          PASTRY "bound crash 1 restart 1 drop 1 depth 7\ngrain message\n"
                 "run until 20s\n");
}

TEST(pastry_values_and_lookups)
{
    guard(&pastry_protocol,
          PASTRY "n1 put 5 text\nn2 get 5\nn3 lookup 6\n"
                 "bound crash 2 restart 2 drop 0 depth 8\ngrain message\n"
                 "run until 20s\n");
}

TEST(pastry_a_newcomer)
{
    guard(&pastry_protocol,
          PASTRY "node n4 id=20 join=n2\n"
                 "bound join 1 crash 1 restart 0 drop 0 depth 8\n"
                 "grain operation\nrun until 20s\n");
}

#define KELIPS                                                                 \
    "set groups 2\nset contacts 1\n"                                           \
    "node n1 id=1\nnode n2 id=2 join=n1\nnode n3 id=3 join=n1\n"               \
    "node n4 id=4 join=n1\nwarm\n"

TEST(kelips_a_crash_and_a_newcomer)
{
    guard(&kelips_protocol,
          KELIPS "node n5 id=5 join=n2\n"
                 "bound crash 1 join 1 restart 1 drop 1 depth 6\n"
                 "grain message\nrun until 20s\n");
}

/* The helper of a lookup and the home of a file are drawn by lot. */
TEST(kelips_lookups_and_inserts)
{
    guard(&kelips_protocol,
          "set home member\n" KELIPS "n1 insert 2\nn3 lookup 2\nn2 lookup 3\n"
          "bound crash 1 restart 0 drop 1 depth 7\ngrain message\n"
          "run until 20s\n");
}

TEST(napster_a_server_and_two_users)
{
    guard(&napster_protocol,
          "node server role=server\nnode amy join=server share=song:4KiB\n"
          "node bob join=server\nwarm\nbob search song\n"
          "bound crash 2 restart 2 drop 0 depth 8\ngrain operation\n"
          "run until 5s\n");
}

TEST(napster_every_message)
{
    guard(&napster_protocol,
          "node server role=server\nnode amy join=server share=song:4KiB\n"
          "node bob join=server\nwarm\nat 1s bob get song\n"
          "bound crash 2 restart 2 drop 0 depth 12\ngrain message\n"
          "run until 5s\n");
}

TEST(kelips_a_crash_by_operations)
{
    guard(&kelips_protocol,
          KELIPS "node n5 id=5 join=n2\n"
                 "bound crash 1 join 1 restart 1 drop 0 depth 6\n"
                 "grain operation\nrun until 20s\n");
}

#define CHORD                                                                  \
    "set bits 3\nset successors 2\nset recheck 0\n"                            \
    "node n0 id=0\nnode n1 id=1\nnode n2 id=2\nwarm\nnode n3 id=3 join=n0\n"

TEST(chord_a_crash_and_a_newcomer)
{
    guard(&chord_protocol,
          CHORD "bound crash 1 join 1 restart 1 drop 0 depth 8\n"
                "grain operation\nrun until 20s\n");
}

TEST(chord_every_message_of_values_and_lookups)
{
    guard(&chord_protocol,
          CHORD "n1 put 5 text\nn2 get 5\n"
                "bound crash 1 join 1 restart 0 drop 1 depth 8\n"
                "grain message\nrun until 20s\n");
}

/* Ids of descriptors are drawn by lot, and their table decides. */
TEST(gnutella_a_search_among_three)
{
    guard(&gnutella_protocol,
          "set degree 1\nset ping 0\nset collect 1s\nnode a\n"
          "node b join=a\nnode c join=b share=song:4KiB\nwarm\n"
          "a search song\nbound crash 2 restart 2 drop 0 depth 7\n"
          "grain operation\nrun until 5s\n");
}

TEST(fasttrack_two_supernodes_and_a_child)
{
    guard(&fasttrack_protocol,
          "set lists 1h\nset ping 0\nset degree 1\nset collect 1s\n"
          "node s1 role=supernode\nnode s2 role=supernode join=s1\n"
          "node a join=s1 share=song:4KiB\nwarm\n"
          "bound crash 2 restart 2 drop 0 depth 7\ngrain operation\n"
          "run until 5s\n");
}

/* Each delivery on its own, among them those of a search. */
TEST(fasttrack_every_message)
{
    guard(&fasttrack_protocol,
          "set lists 1h\nset ping 0\nset degree 1\nset collect 1s\n"
          "node s1 role=supernode\nnode s2 role=supernode join=s1\n"
          "node a join=s1 share=song:4KiB\nwarm\nat 1s a search song\n"
          "bound crash 2 restart 2 drop 0 depth 7\ngrain message\n"
          "run until 20s\n");
}

TEST(gnutella_every_message)
{
    guard(&gnutella_protocol,
          "set degree 1\nset ping 0\nset collect 1s\nnode a\n"
          "node b join=a\nnode c join=b share=song:4KiB\nwarm\n"
          "at 1s a search song\nbound crash 2 restart 2 drop 0 depth 8\n"
          "grain message\nrun until 20s\n");
}

TEST(bittorrent_every_message_of_two_downloads)
{
    guard(&bittorrent_protocol,
          "node origin share=song.ogg:64KiB\nnode p1 join=origin\n"
          "node p2 join=origin\nwarm\nat 1s p1 get song.ogg\n"
          "at 1s p2 get song.ogg\n"
          "bound crash 2 restart 2 drop 0 depth 14\ngrain message\n"
          "run until 20s\n");
}

TEST(bittorrent_a_seed_and_a_leecher)
{
    guard(&bittorrent_protocol,
          "node origin share=song.ogg:64KiB\nnode p1 join=origin\nwarm\n"
          "at 1s p1 get song.ogg\n"
          "bound crash 2 restart 2 drop 0 depth 8\ngrain operation\n"
          "run until 20s\n");
}

int main(void)
{
    RUN(pastry_a_crash_and_repair);
    RUN(pastry_values_and_lookups);
    RUN(pastry_a_newcomer);
    RUN(kelips_a_crash_and_a_newcomer);
    RUN(kelips_lookups_and_inserts);
    RUN(kelips_a_crash_by_operations);
    RUN(chord_a_crash_and_a_newcomer);
    RUN(chord_every_message_of_values_and_lookups);
    RUN(napster_a_server_and_two_users);
    RUN(napster_every_message);
    RUN(gnutella_a_search_among_three);
    RUN(fasttrack_two_supernodes_and_a_child);
    RUN(fasttrack_every_message);
    RUN(gnutella_every_message);
    RUN(bittorrent_a_seed_and_a_leecher);
    RUN(bittorrent_every_message_of_two_downloads);
    return test_end();
}
