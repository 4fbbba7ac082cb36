/* The program `fasttrack`: the protocol, and what people need around it. */
#include <string.h>

#include "common/cli.h"
#include "common/verbs.h"
#include "fasttrack/main.h"
#include "fasttrack/node.h"

/* A real node speaks the real session, unless it is told --plain. */
static int run_node(const struct program *p, int argc, char **argv)
{
    const char *words[] = {"--set", "plain=off", NULL};
    int count = 1;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--plain") == 0)
            words[1] = "plain=on";
        else
            argv[count++] = argv[i];
    return verb_node_with(p, p->port, words, count, argv);
}

static const struct verb verbs[] = {
    {"node", "[--plain]", "one real node, enciphered but for --plain",
     run_node},
    {"overhear", "SCENARIO|FILE.pcapng", "read a session as a listener can",
     fasttrack_overhear},
    {.name = NULL}};

static const struct program program = {
    .protocol = &fasttrack_protocol,
    .idea = "some nodes are more equal: supernodes index the others' files",
    .scenario = "labs/fasttrack/lecture.scn",
    .tiny = "labs/fasttrack/tiny.scn",
    .example = "a search chord",
    .port = 1214,
    .facts = fasttrack_facts,
    .figures = fasttrack_figures,
    .pictures = fasttrack_pictures,
    .state = fasttrack_state,
    .verbs = verbs};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
