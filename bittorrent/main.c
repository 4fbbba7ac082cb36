/* The program `bittorrent`: the protocol, and what people need around it. */
#include "bittorrent/main.h"
#include "bittorrent/node.h"

static const struct program program = {
    .protocol = &bittorrent_protocol,
    .idea = "who takes a piece gives it on: the more peers, the more givers",
    .scenario = "labs/bittorrent/lecture.scn",
    .tiny = "labs/bittorrent/tiny.scn",
    .example = "p1 show",
    .port = 6881,
    .facts = bittorrent_facts,
    .figures = bittorrent_figures,
    .pictures = bittorrent_pictures,
    .state = bittorrent_state,
    .verbs = bittorrent_verbs};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
