/* The program `kelips`: the protocol, and what people need around it. */
#include "kelips/main.h"
#include "kelips/node.h"

static const struct program program = {
    .protocol = &kelips_protocol,
    .idea = "affinity groups, gossip, and lookups in one hop",
    .scenario = "labs/kelips/lecture.scn",
    .tiny = "labs/kelips/tiny.scn",
    .example = "n5 lookup chord.ogg",
    .port = 7000,
    .facts = kelips_facts,
    .figures = kelips_figures,
    .pictures = kelips_pictures,
    .state = kelips_state};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
