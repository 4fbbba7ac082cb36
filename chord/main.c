/* The program `chord`: the protocol, and what people need around it. */
#include "chord/main.h"
#include "chord/node.h"

static const struct program program = {
    .protocol = &chord_protocol,
    .idea = "a ring of nodes, and fingers across it",
    .scenario = "labs/chord/lecture.scn",
    .tiny = "labs/chord/tiny.scn",
    .example = "n80 lookup 42",
    .port = 7074,
    .facts = chord_facts,
    .figures = chord_figures,
    .pictures = chord_pictures,
    .state = chord_state};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
