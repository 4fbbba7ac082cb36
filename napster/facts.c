/* The facts of `show`: what a worksheet may ask of a run as it stands. */
#include "napster/facts.h"

#include <string.h>

#include "napster/check.h"

static const struct server *server_arg(struct fact_call *k)
{
    const struct napster *n = napster_server_in(k->network);

    if (n == NULL)
        text_add(k->why, "no server is up");
    return n != NULL ? n->server : NULL;
}

static const struct napster *client_arg(struct fact_call *k, size_t arg)
{
    const struct host *h = k->network->by_name(k->network, k->args[arg]);
    const struct napster *n =
        h != NULL ? napster_at(k->network, h->index) : NULL;

    if (n != NULL && n->client != NULL)
        return n;
    text_printf(k->why, "%s is no client that is up", k->args[arg]);
    return NULL;
}

static enum fact_outcome fact_users(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    text_u64(k->out, s->online);
    return FACT_OK;
}

static enum fact_outcome fact_index(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    text_u64(k->out, s->index.count);
    return FACT_OK;
}

static enum fact_outcome fact_words(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    text_u64(k->out, s->index.word_count);
    return FACT_OK;
}

static enum fact_outcome fact_walked(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    text_u64(k->out, s->index.walked);
    return FACT_OK;
}

/* Who has a file of that name in the directory, in the users' order. */
static enum fact_outcome fact_owners(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL &&
            napster_index_find(&s->index, i + 1, napster_slice(k->args[0])) !=
                0) {
            text_add(k->out, k->out->len > 0 ? " " : "");
            text_add(k->out, s->user[i]->nick);
        }
    return FACT_OK;
}

static enum fact_outcome fact_shared(struct fact_call *k)
{
    const struct napster *n = client_arg(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    text_u64(k->out, n->client->shared);
    return FACT_OK;
}

static enum fact_outcome fact_state(struct fact_call *k)
{
    static const char *const states[] = {"offline", "metaserver", "dials",
                                         "login", "online"};
    const struct napster *n = client_arg(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    text_add(k->out, states[n->client->state]);
    return FACT_OK;
}

/* Files that it has fetched whole. */
static enum fact_outcome fact_fetched(struct fact_call *k)
{
    const struct napster *n = client_arg(k, 0);

    if (n == NULL)
        return FACT_ERROR;
    text_u64(k->out, n->client->got_files);
    return FACT_OK;
}

const struct fact napster_facts[] = {
    {"users", "", "users", "users who are logged in", "users", fact_users},
    {"index", "", "index", "files in the directory", "index", fact_index},
    {"words", "", "words", "words in the directory", "words", fact_words},
    {"walked", "", "walked", "entries that searches looked at", "walked",
     fact_walked},
    {"owners", "w", "owners FILE", "who shares that file", "owners flood.ogg",
     fact_owners},
    {"shared", "N", "shared NODE", "files that it shares", "shared amy",
     fact_shared},
    {"session", "N", "session NODE", "its session with the server",
     "session amy", fact_state},
    {"fetched", "N", "fetched NODE", "files that it has fetched", "fetched cat",
     fact_fetched},
    {.name = NULL}};
