/* Scenarios: what is refused, where, and with which words. */
#include <stdlib.h>

#include "tests/unit/scenario.h"

/* A line, or a few, and why they are refused; "": they are taken. */
static const struct {
    const char *text, *because;
} lines[] = {
    /* only after and unprefixed lines follow run until quiet */
    {"node a\nrun until quiet\nat 9s a lookup 1\n",
     "t.scn:3: 'at' cannot follow 'run until quiet', expected 'after "
     "TIME'"},
    {"node a\nrun until quiet\nrun until 9s\n",
     "t.scn:3: 'run until 9s' has a time of its own, expected it "
     "without another and before 'run until quiet'"},
    /* who only sets things is a file to include */
    {"", ""},
    {"# later\nset bits 7\n", ""},
    /* time never runs backwards */
    {"node a\nat 9s a lookup 1\nat 9s a lookup 2\n", ""},
    {"node a\nat 9s a lookup 1\nat 8s a lookup 2\n",
     "t.scn:3: time runs backwards, expected 8s to be at or after the "
     "line before"},
    {"nodes 100 prefix=p every 1s\nat 98s p1 lookup 2\n",
     "t.scn:2: time runs backwards, expected 98s to be at or after the "
     "line before"},
    {"node a\nat 9s a lookup 1\nrun until 8s\n",
     "t.scn:3: time runs backwards, expected 8s to be at or after the "
     "line before"},
    /* times that are no times are refused */
    {"node a\nat soon a lookup 1\n",
     "t.scn:2: 'soon' is wrong here, expected a time (250ms, 10s, 2m)"},
    {"node a\nat\n", "t.scn:2: the line ends too early, expected a time "
                     "(250ms, 10s, 2m)"},
    {"node a\nafter 5s\n",
     "t.scn:2: the line ends too early, expected an action"},
    {"node a\nafter 900000h a lookup 1\n",
     "t.scn:2: '900000h' is wrong here, expected a time below 31 years"},
    {"nodes 16000000 prefix=p every 1h\n",
     "t.scn:1: the last start is too late, expected below 31 years"},
    /* names are letters digits and few signs */
    {"node a\nnode B_2.x-y\nnode abcdefghijklmnopqrstuvwxyz012345\n", ""},
    {"node 1a\n",
     "t.scn:1: '1a' is wrong here, expected a name: a letter, then "
     "letters, digits, _ . -, at most 32 in all"},
    {"node a,b\n", "t.scn:1: 'a,b'"},
    {"node abcdefghijklmnopqrstuvwxyz0123456\n", "t.scn:1: 'abcdef"},
    {"node\n", "ends too early"},
    /* keywords are no names */
    {"nodes 2 prefix=node\n", ""},
    {"node churn\n", "t.scn:1: 'churn' is a word of this language, "
                     "expected a name"},
    {"node step\n", "t.scn:1: 'step' is a word of this language, "
                    "expected a name"},
    /* a name is given once */
    {"nodes 20 prefix=p\nnode p21\nnode p01\n", ""},
    {"node p21\nnodes 20 prefix=p\n", ""},
    {"node a\nnode a\n", "t.scn:2: the name \'a\' is taken, expected another"},
    {"nodes 20 prefix=p\nnode p20\n",
     "t.scn:2: the name \'p20\' is taken, expected another"},
    {"node p7\nnodes 20 prefix=p\n",
     "t.scn:2: the name \'p7\' is taken, expected another"},
    {"nodes 2 prefix=p\nnodes 2 prefix=p\n", "\'p\' is taken"},
    /* a prefix leaves room for its numbers */
    {"nodes 10 prefix=abcdefghijklmnopqrstuvwxyz01234\n",
     "expected a short prefix without digits"},
    {"nodes 10 prefix=p1\n", "without digits"},
    {"nodes 10 prefix=\n", "without digits"},
    {"nodes 10\n", "t.scn:1: the line ends too early, expected prefix=NAME"},
    {"nodes many prefix=p\n",
     "t.scn:1: 'many' is wrong here, expected a number up to 16000000"},
    {"nodes 0 prefix=p\n",
     "t.scn:1: '0' is wrong here, expected one node or more"},
    {"nodes 99999999999999999999 prefix=p\n",
     "t.scn:1: '99999999999999999999' is wrong here, expected a number "
     "up to 16000000"},
    /* a million nodes are one line */
    {"nodes 1000000 prefix=p\np1000001 lookup 7\n",
     "t.scn:2: 'p1000001' is wrong here, expected an action, or a node "
     "of an earlier line and a command"},
    /* join names a node of an earlier line */
    {"node a join=b\nnode b\n",
     "t.scn:1: 'b' is wrong here, expected the name of a node of an "
     "earlier line"},
    {"node bert\nnode a join=bret\n",
     "t.scn:2: unknown node 'bret'; did you mean 'bert'?"},
    {"node a join=a\n", "t.scn:1: 'a' is wrong"},
    /* a node has options of its own */
    {"node a rul=paper\n",
     "t.scn:1: unknown option 'rul'; did you mean 'rule'?"},
    {"node a rule=papers\n",
     "t.scn:1: rule is 'papers', expected one of lecture|paper"},
    {"node a fast\n",
     "t.scn:1: 'fast' is wrong here, expected id=, join=, addr=, "
     "share=, up=, down=, keep, introducer, or OPTION=VALUE"},
    {"node a up=fast\n",
     "t.scn:1: 'fast' is wrong here, expected a rate (100kB/s, 1MB/s) "
     "above 0"},
    {"node a addr=localhost\n",
     "t.scn:1: 'localhost' is wrong here, expected an address "
     "(127.0.0.1:7074)"},
    {"nodes 2 prefix=p id=1\n", "'id'"},
    /* a line says nothing twice */
    {"node b id=1 up=1kB/s down=1kB/s keep rule=paper\n", ""},
    {"bound crash 2 crash 3\n",
     "t.scn:1: 'crash' repeats what this line says before, expected it once"},
    {"node a\nnode b id=1 id=2\n", "t.scn:2: 'id=2' repeats"},
    {"node a\nnode b join=a join=a\n", "t.scn:2: 'join=a' repeats"},
    {"node a\nnode b keep keep\n", "t.scn:2: 'keep' repeats"},
    {"node a\nnode b up=1kB/s up=2kB/s\n", "t.scn:2: 'up=2kB/s' repeats"},
    {"node a\nnode b rule=paper rule=lecture\n",
     "t.scn:2: 'rule=lecture' repeats"},
    {"node a\nnodes 2 prefix=p every 1s every 2s\n",
     "t.scn:2: 'every' repeats"},
    {"node a\nbandwidth up 1MB/s up 2MB/s\n", "t.scn:2: 'up' repeats"},
    {"node a\nchurn join 1/s join 2/s for 9s\n", "t.scn:2: 'join' repeats"},
    /* times and rates have units, and a rate is above nothing */
    {"latency 0..80ms\njitter 0\n", ""},
    {"latency 10\n", "t.scn:1: '10' is wrong here, expected a time"},
    {"latency 10..80ms\n", "t.scn:1: '10' is wrong here, expected a time"},
    {"jitter 2\n", "t.scn:1: '2' is wrong here, expected a time"},
    {"bandwidth up 0\n", "t.scn:1: '0' is wrong here, expected a rate"},
    {"bandwidth up 0kB/s\n", "t.scn:1: '0kB/s' is wrong here, expected a rate"},
    {"bandwidth down 1000\n", "t.scn:1: '1000' is wrong here, expected a rate"},
    {"node b up=0\n", "t.scn:1: '0' is wrong here, expected a rate"},
    {"node b down=0MB/s\n", "t.scn:1: '0MB/s' is wrong here, expected a rate"},
    {"node b up=5\n", "t.scn:1: '5' is wrong here, expected a rate"},
    {"nodes 2 prefix=p every 1\n",
     "t.scn:1: '1' is wrong here, expected a time"},
    {"run until 100\n", "t.scn:1: '100' is wrong here, expected a time"},
    {"churn join 1/s for 10\n", "t.scn:1: '10' is wrong here, expected a time"},
    {"node a\nat 5 crash a\n", "t.scn:2: '5' is wrong here, expected a time"},
    /* an introducer is no node of the protocol */
    {"node i introducer addr=127.0.0.1:80 up=1kB/s keep\nnode a join=i\n", ""},
    {"node a\nnode i introducer id=5\n",
     "t.scn:2: an introducer is no node of test, expected addr=, up=, "
     "down= or keep beside it"},
    {"node a\nnode i join=a introducer\n", "no node"},
    {"node i rule=paper introducer\n", "no node"},
    /* an id is checked by the protocol */
    {"set bits 7\nnode a id=127\n", ""},
    {"set bits 7\nnode a id=128\n",
     "t.scn:2: id '128' is wrong, expected a number of 7 bits"},
    /* commands are checked before the run */
    {"node a\na lookup 42\na put x y and z\na ping\na ping 10.0.0.1:7\n"
     "a leave\n",
     ""},
    {"node a\na lokup 42\n",
     "t.scn:2: unknown command 'lokup'; did you mean 'lookup'?"},
    {"node a\na zzzzz\n",
     "t.scn:2: unknown command 'zzzzz', expected one of lookup, put, "
     "get, ping, leave"},
    {"node a\na lookup\n",
     "t.scn:2: 'lookup' ends too early, expected 'lookup KEY'"},
    {"node a\na lookup 1 2\n",
     "t.scn:2: 'lookup' is given too much, expected 'lookup KEY'"},
    {"node a\na put x\n",
     "t.scn:2: 'put' ends too early, expected 'put NAME VALUE'"},
    {"node a\na ping here\n",
     "t.scn:2: 'ping' needs an address, expected 'ping [ADDRESS]'"},
    {"node a\na\n", "t.scn:2: the line ends too early, expected a "
                    "command for the node"},
    /* unknown words are answered with the nearest */
    {"crahs a\n", "t.scn:1: unknown word 'crahs'; did you mean 'crash'?"},
    {"node n16\nn61 lookup 1\n",
     "t.scn:2: unknown word 'n61'; did you mean 'n16'?"},
    {"frobnicate\n",
     "t.scn:1: 'frobnicate' is wrong here, expected an action, or a "
     "node of an earlier line and a command"},
    {"until 5s\n", "t.scn:1: 'until' is wrong here, expected an action"},
    /* expect is a command and conditions */
    {"expect invariants always\n",
     "t.scn:1: 'always' is wrong here, expected the end of the line"},
    /* faults name known nodes */
    {"crash a\n", "t.scn:1: 'a' is wrong here, expected the name of a "
                  "node of an earlier line"},
    {"node a\ncrash a b\n",
     "t.scn:2: 'b' is wrong here, expected the end of the line"},
    /* a partition has groups of known nodes */
    {"node a\npartition a\n", "t.scn:2: one group is no partition, "
                              "expected 'partition a,b | c'"},
    {"node a\nnode b\npartition a | a\n",
     "t.scn:3: 'a' is named twice, expected one group for it"},
    {"node a\npartition a |\n", "t.scn:2: ''"},
    {"node a\npartition a | b\n", "'b'"},
    {"node a\npartition a,,a | b\n", "''"},
    /* a restart may name whom to join */
    {"node a\nnode b join=a\nat 1s restart b join=a\nrestart b\n", ""},
    {"node a\nat 1s restart a by=a\n",
     "t.scn:2: 'by=a' is wrong here, expected join=NODE or the end of "
     "the line"},
    {"node a\nat 1s restart a join=b\n", "'b'"},
    {"node a\nat 1s restart a join=a\n",
     "t.scn:2: 'a' is wrong here, expected another node to join"},
    /* churn says how often and how long */
    {"node a\nat 90s churn join 0.1/s fail 0.1/s for 10m\n"
     "at 100s c1 lookup 1\n",
     ""},
    {"churn join 0/s fail 1/s for 1s\n", ""},
    {"nodes 2 prefix=c\nchurn fail 1/s for 9s\n", ""},
    {"churn join 1/s for 9s\nchurn join 1/s for 9s\n"
     "churn join 1/s for 9s\nchurn join 1/s for 9s\n"
     "after 9s churn join 1/s for 9s\n",
     ""},
    {"churn for 10s\n", "t.scn:1: 'for' is wrong here, expected 'churn "
                        "join 0.1/s fail 0.1/s for 10m'"},
    {"churn join 5 for 10s\n",
     "t.scn:1: '5' is wrong here, expected a rate (0.1/s, 6/m, 100/h) "
     "up to 1000000/s"},
    {"churn join 0/s for 1s\n", "'churn join"},
    {"churn join 99999999/s for 1s\n", "a rate"},
    {"churn join 1ms/s for 1s\n", "a rate"},
    {"churn join 1/s\n", "ends too early"},
    {"node c1\nchurn join 1/s for 9s\n",
     "t.scn:2: \'c1\' is a name for churn\'s newcomers (c1, c2, ...), "
     "expected another"},
    {"nodes 2 prefix=c\nchurn join 1/s for 9s\n", "newcomers"},
    {"churn join 1/s for 9s\nchurn join 1/s for 9s\n"
     "churn join 1/s for 9s\nchurn join 1/s for 9s\n"
     "churn join 1/s for 9s\n",
     "t.scn:5: too much churn at once, expected 4 at most"},
    /* at step lines are checked */
    {"node a\nat step 0 drop a a\n",
     "t.scn:2: '0' is wrong here, expected a step from 1"},
    {"node a\nat step x drop a a\n",
     "t.scn:2: 'x' is wrong here, expected a number up to "
     "18446744073709551614"},
    {"node a\nat step 5 drop a a 0\n",
     "t.scn:2: '0' is wrong here, expected a number from 1"},
    {"node a\nat step 5 delay a a\n",
     "t.scn:2: the line ends too early, expected a time (250ms, 10s, "
     "2m)"},
    {"node a\nat 5s drop a a\n",
     "t.scn:2: 'drop' needs a step, expected 'at step N' "
     "before it"},
    {"node a\nat step 5 fire a stabilise\n",
     "t.scn:2: unknown timer 'stabilise'; did you mean 'stabilize'?"},
    {"node a\nfire a stabilize\n",
     "t.scn:2: 'fire' needs a step, expected 'at step N' before it"},
    {"at step 5 nodes 5 prefix=p\n",
     "t.scn:1: 'nodes' cannot follow 'at step', expected 'node'"},
    {"at step 5 run until 5s\n", "t.scn:1: "},
    {"at step 5 churn fail 1/s for 1s\n", "t.scn:1: "},
    /* weather has ranges */
    {"latency 80ms..10ms\n", "t.scn:1: wrong range"},
    {"latency 2m\n", "t.scn:1: wrong range"},
    {"latency ..\n", "t.scn:1: ''"},
    {"latency plane 0x5\n", "t.scn:1: "},
    {"latency plane 99999x5\n", "t.scn:1: "},
    {"loss 101%\n",
     "t.scn:1: '101%' is wrong here, expected a share (0.1%, 5%)"},
    {"loss 0.5\n", "t.scn:1: '0.5' is wrong here, expected a share (0.1%, 5%)"},
    {"jitter 1h\n", "t.scn:1: '1h' is wrong here, expected a minute at most"},
    {"bandwidth 5\n", "'bandwidth up"},
    {"bandwidth up 5kB/s sideways 3\n", "sideways"},
    /* settings stand above the nodes */
    {"node a\nset bits 8\n", "t.scn:2: 'set' comes too late, expected "
                             "it above the first node"},
    {"set bist 8\n", "t.scn:1: unknown option 'bist'; did you mean "
                     "'bits'?"},
    {"set bits 800\n", "t.scn:1: bits is '800', expected a number in 3..160"},
    {"set bits\n", "t.scn:1: 'bits' is wrong here, expected 'set NAME "
                   "VALUE'"},
    {"at 5s set bits 8\n", "t.scn:1: 'set' holds for the whole run, "
                           "expected it without a time"},
    {"seed -1\n", "t.scn:1: '-1' is wrong here, expected a number up to "
                  "18446744073709551615"},
    /* bounds and grain are for check */
    {"bound crsh 2\n", "t.scn:1: 'crsh'"},
    {"bound crash\n", "ends too early"},
    {"bound\n", "ends too early"},
    {"grain fine\n", "message or operation"},
    /* a hostile file gets an error */
    {"node a\n\033[2J\n", "t.scn:2: byte 27 is not text, expected a text file"},
};

TEST(a_bad_line_is_refused_with_its_place_and_what_was_expected)
{
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *because = lines[i].because, *got = refusal(lines[i].text);
        bool good =
            strstr(got, because) != NULL && (*because != 0 || *got == 0);
        if (!good)
            printf("# %s# got: %s\n# wanted: %s\n", lines[i].text, got,
                   because);
        CHECK(good);
    }
}

TEST(every_prefix_of_a_scenario_parses_or_has_an_error_with_its_place)
{
    static const char text[] =
        "title The ring\nseed 7\nset bits 7\nlatency 10ms..80ms\nloss 1%\n"
        "bandwidth up 1MB/s down 4MB/s\nnode n16 id=16 keep up=5kB/s\n"
        "node n32 id=32 join=n16 rule=paper\nnodes 9 prefix=p every 100ms\n"
        "warm\nat 30s n16 lookup 42\nafter 5s node n40 id=40 join=n16\n"
        "at 60s crash n32\nat 61s restart n32\nat 70s partition n16,n32 | p1\n"
        "at 80s heal\nat 90s churn join 0.1/s fail 0.1/s for 10m\n"
        "at step 118 drop n16 n32 2\nat step 119 fire n16 stabilize\n"
        "at 95s expect n16 lookup 42 owner=n45 hops<=4\nexpect fail n16 get x\n"
        "at 99s expect invariants\nbound crash 2 depth 60\ngrain message\n"
        "run until 100s\nrun until quiet\nafter 1s n16 put a b c\n";
    size_t taken = 0;

    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = malloc(len + 1);
        memcpy(exact, text, len);
        exact[len] = '\0';
        text_clear(&why);
        struct scenario *s =
            scenario_parse("t.scn", exact, &protocol, NULL, &why);
        taken += s != NULL;
        if (s == NULL)
            CHECK(strncmp(why.data, "t.scn:", 6) == 0);
        scenario_free(s);
        free(exact);
    }
    CHECK(taken > 60);
    TAKEN(text);
}

int main(void)
{
    why = text_new();
    RUN(a_bad_line_is_refused_with_its_place_and_what_was_expected);
    RUN(every_prefix_of_a_scenario_parses_or_has_an_error_with_its_place);
    text_free(&why);
    return test_end();
}
