/* The program `napster`: the protocol, and what people need around it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/verbs.h"
#include "napster/facts.h"
#include "napster/node.h"
#include "napster/view.h"

/* `server` is `node` with its role set and the port of index servers;
   `metaserver` likewise. */
static int run_as(const struct program *p, int argc, char **argv,
                  const char *role, uint16_t port)
{
    struct program as = *p;
    char set[] = "--set", value[32];
    char **args = calloc((size_t)argc + 3, sizeof *args);

    if (args == NULL)
        return cli_error(p, "no memory");
    snprintf(value, sizeof value, "role=%s", role);
    as.port = port;
    args[0] = argv[0];
    args[1] = set;
    args[2] = value;
    for (int i = 1; i < argc; i++)
        args[i + 2] = argv[i];
    int status = verb_node(&as, argc + 2, args);
    free(args);
    return status;
}

static int run_server(const struct program *p, int argc, char **argv)
{
    return run_as(p, argc, argv, "server", 8888);
}

static int run_metaserver(const struct program *p, int argc, char **argv)
{
    return run_as(p, argc, argv, "metaserver", 8875);
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
    .verbs = verbs};

int main(int argc, char **argv)
{
    return program_main(&program, argc, argv);
}
