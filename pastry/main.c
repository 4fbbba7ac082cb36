/* The program `pastry`: the protocol, and what people need around it. */
#include "pastry/main.h"
#include "pastry/node.h"

static const struct program program = {
    .protocol = &pastry_protocol,
    .idea = "prefix routing that knows how far its peers are",
    .scenario = "labs/pastry/lecture.scn",
    .tiny = "labs/pastry/tiny.scn",
    .example = "n0100 lookup 1332",
    .port = 7000,
    .facts = pastry_facts,
    .figures = pastry_figures,
    .pictures = pastry_pictures,
    .state = pastry_state};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
