/* The program `gnutella`: the protocol, and what people need around it. */
#include "gnutella/main.h"
#include "gnutella/node.h"

static const struct program program = {
    .protocol = &gnutella_protocol,
    .idea = "no server: questions flood, answers find their way back",
    .scenario = "labs/gnutella/flood.scn",
    .tiny = "labs/gnutella/tiny.scn",
    .example = "a search chord",
    .port = 6346,
    .facts = gnutella_facts,
    .figures = gnutella_figures,
    .pictures = gnutella_pictures,
    .state = gnutella_state};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
