/* The program `napster`: the protocol, and what people need around it. */
#include <string.h>

#include "common/cli.h"
#include "common/verbs.h"
#include "napster/main.h"
#include "napster/node.h"

static int run_server(const struct program *p, int argc, char **argv)
{
    static const char *const words[] = {"--set", "role=server", NULL};

    return verb_node_with(p, 8888, words, argc, argv);
}

static int run_metaserver(const struct program *p, int argc, char **argv)
{
    static const char *const words[] = {"--set", "role=metaserver", NULL};

    return verb_node_with(p, 8875, words, argc, argv);
}

/* "chord-paper.ogg [######..............]  31% of 196608 bytes, from bob" */
static void progress(const struct host *h, struct text *line)
{
    const struct napster *n = h->node;
    const struct download *d = n->client != NULL ? n->client->downloads : NULL;

    while (d != NULL && d->state != DOWN_DATA)
        d = d->next;
    if (d == NULL)
        return;
    unsigned percent = (unsigned)(d->at / (d->hit.bytes / 100 + 1));
    size_t len = strlen(d->hit.name);
    text_safe(line, d->hit.name, len < 24 ? len : 24);
    text_add(line, " [");
    for (unsigned i = 0; i < 20; i++)
        text_char(line, i < percent / 5 ? '#' : '.');
    text_printf(line, "] %2u%%, from %s", percent, d->hit.nick);
}

static const struct verb verbs[] = {
    {"server", "[OPTION...]", "the index server, on port 8888", run_server},
    {"metaserver", "[OPTION...]", "names the server that it --joins",
     run_metaserver},
    {"client", "[OPTION...]", "the same as 'node'", verb_node},
    {.name = NULL}};

static const struct program program = {
    .protocol = &napster_protocol,
    .idea = "one server knows who has what; files go from user to user",
    .scenario = "labs/napster/lecture.scn",
    .tiny = "labs/napster/tiny.scn",
    .example = "cat search chord",
    .port = 6699,
    .facts = napster_facts,
    .pictures = napster_pictures,
    .state = napster_state,
    .progress = progress,
    .verbs = verbs};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
