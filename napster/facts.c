/*
 * The facts of `show`: what a worksheet may ask of a run as it stands.
 *
 * Facts about words and sources are computed with the functions that server
 * and client use themselves, over their tables as they are.
 */
#include "napster/main.h"

#include "napster/check.h"

static struct server *server_arg(struct fact_call *k)
{
    struct napster *n = napster_server_in(k->network);

    if (n == NULL)
        text_add(k->why, "no server is up");
    return n != NULL ? n->server : NULL;
}

static struct host *client_arg(struct fact_call *k, size_t arg)
{
    struct host *h = k->host[arg];

    if (((const struct napster *)h->node)->client != NULL)
        return h;
    text_printf(k->why, "%s is no client", k->args[arg]);
    return NULL;
}

static const struct client *client_of(struct fact_call *k, size_t arg)
{
    const struct host *h = client_arg(k, arg);

    return h != NULL ? ((const struct napster *)h->node)->client : NULL;
}

/* -- The directory ------------------------------------------------------- */

/* A number of the server's or of a client's, or its reason for none. */
#define FACT(name, type, of, value)                                            \
    static enum fact_outcome name(struct fact_call *k)                         \
    {                                                                          \
        const struct type *x = of;                                             \
        return x != NULL ? fact_print(k, value) : FACT_ERROR;                  \
    }

FACT(fact_users, server, server_arg(k), x->online)
FACT(fact_index, server, server_arg(k), x->index.count)
FACT(fact_words, server, server_arg(k), x->index.word_count)
FACT(fact_walked, server, server_arg(k), x->index.walked)
FACT(fact_shared, client, client_of(k, 0), x->shared)
/* Of its last search: a question, the hits, an end; pings are not counted. */
FACT(fact_search_cost, client, client_of(k, 0), 1 + x->hit_count + 1)
/* What it has said until all is listed: LOGIN, and SHARE for each file. */
FACT(fact_join_cost, client, client_of(k, 0), 1 + x->shared)
FACT(fact_fetched, client, client_of(k, 0), x->got_files)
FACT(fact_lost, client, client_of(k, 0), x->lost)
FACT(fact_hits, client, client_of(k, 0), x->hit_count)

/* Who has a file of that name in the directory, in the users' order. */
static enum fact_outcome fact_owners(struct fact_call *k)
{
    const struct server *s = server_arg(k);

    if (s == NULL)
        return FACT_ERROR;
    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL &&
            napster_index_find(&s->index, i + 1, napster_slice(k->args[0])) !=
                0)
            fact_add(k, s->user[i]->nick);
    return FACT_OK;
}

static bool count_match(void *context, uint32_t file)
{
    (void)file;
    ++*(unsigned *)context;
    return true;
}

struct outcome {
    uint64_t found, looked_at;
};

/* Search as the server does; nobody is told. */
static bool search(struct fact_call *k, struct outcome *o)
{
    struct server *s = server_arg(k);
    LOCAL_TEXT t = text_new();
    unsigned found = 0;

    if (s == NULL)
        return false;
    text_add(&t, "FILENAME CONTAINS \"");
    for (size_t i = 0; i < k->arg_count; i++)
        text_printf(&t, " %s", k->args[i]);
    text_char(&t, '"');
    const char *wrong = napster_query_read(&s->query, napster_slice(t.data));
    uint64_t before = s->index.walked;
    if (wrong == NULL)
        napster_index_search(&s->index, &s->query, count_match, &found);
    *o = (struct outcome){found, s->index.walked - before};
    s->index.walked = before;
    if (wrong != NULL)
        text_add(k->why, wrong);
    return wrong == NULL;
}

static enum fact_outcome fact_matches(struct fact_call *k)
{
    struct outcome o;

    return search(k, &o) ? fact_print(k, o.found) : FACT_ERROR;
}

static enum fact_outcome fact_walk(struct fact_call *k)
{
    struct outcome o;

    return search(k, &o) ? fact_print(k, o.looked_at) : FACT_ERROR;
}

/* -- Clients ------------------------------------------------------------- */

static enum fact_outcome fact_session(struct fact_call *k)
{
    static const char *const states[] = {"offline", "metaserver", "dials",
                                         "login", "online"};
    const struct client *c = client_of(k, 0);

    if (c == NULL)
        return FACT_ERROR;
    text_add(k->out, states[c->state]);
    return FACT_OK;
}

/* Everybody who has fetched a file whole, in the nodes' order. */
static enum fact_outcome fact_fetchers(struct fact_call *k)
{
    for (size_t i = 0; i < k->network->count; i++) {
        const struct napster *n = napster_at(k->network, i);
        if (n != NULL && n->client != NULL && n->client->got_files > 0)
            fact_add(k, k->network->host[i]->name);
    }
    return FACT_OK;
}

/* Whom `get NAME` would fetch from: the nearest of those in the last answer. */
static enum fact_outcome fact_source(struct fact_call *k)
{
    const struct client *c = client_of(k, 0);
    const struct hit *best = c != NULL ? napster_best(c, k->args[1]) : NULL;

    if (c == NULL)
        return FACT_ERROR;
    return fact_print_name(k, best != NULL ? best->nick : NULL);
}

/* How a file gets from its owner to an asker. */
static enum fact_outcome fact_way(struct fact_call *k)
{
    const struct host *from = client_arg(k, 0);
    const struct host *to = from != NULL ? client_arg(k, 1) : NULL;

    if (to == NULL)
        return FACT_ERROR;
    text_add(k->out, !napster_firewalled(from->node) ? "direct"
                     : !napster_firewalled(to->node) ? "push"
                                                     : "impossible");
    return FACT_OK;
}

/* The number in the first two bytes of its login. */
static enum fact_outcome fact_login_length(struct fact_call *k)
{
    const struct host *h = client_arg(k, 0);
    LOCAL_TEXT t = text_new();

    if (h == NULL)
        return FACT_ERROR;
    napster_login_text(h->node, &t);
    text_u64(k->out, t.len);
    return FACT_OK;
}

/* The same of what it says of a file. */
static enum fact_outcome fact_share_length(struct fact_call *k)
{
    struct host *h = client_arg(k, 0);
    int content = h != NULL ? host_content_find(h, k->args[1]) : -1;
    LOCAL_TEXT t = text_new();
    bool ok = h != NULL && napster_share_text(h->node, h, content, &t);

    if (ok)
        text_u64(k->out, t.len);
    else if (h != NULL)
        text_printf(k->why, "%s does not share %s", h->name, k->args[1]);
    return ok ? FACT_OK : FACT_ERROR;
}

static enum fact_outcome fact_password(struct fact_call *k)
{
    const struct host *h = client_arg(k, 0);

    if (h == NULL)
        return FACT_ERROR;
    text_add(k->out, setting_text(((const struct napster *)h->node)->settings,
                                  OPT_PASSWORD));
    return FACT_OK;
}

/* -- All of them --------------------------------------------------------- */

const struct fact napster_facts[] = {
    {"users", "", "", "users who are logged in", "", fact_users},
    {"index", "", "", "files in the directory", "", fact_index},
    {"words", "", "", "words in the directory", "", fact_words},
    {"matches", "t", "WORDS", "files that have all these words", "chord",
     fact_matches},
    {"walk", "t", "WORDS", "entries the server looks at for a search",
     "chord ogg", fact_walk},
    {"walked", "", "", "entries that searches have looked at", "", fact_walked},
    {"owners", "w", "FILE", "who shares that file", "flood.ogg", fact_owners},
    {"shared", "N", "NODE", "files that it shares", "amy", fact_shared},
    {"join-cost", "N", "NODE", "messages that its login took", "amy",
     fact_join_cost},
    {"session", "N", "NODE", "its session with the server", "amy",
     fact_session},
    {"hits", "N", "NODE", "hits of its last search", "cat", fact_hits},
    {"lost", "N", "NODE", "its questions that had no answer", "cat", fact_lost},
    {"search-cost", "N", "NODE", "messages of its last search, without pings",
     "cat", fact_search_cost},
    {"source", "Nw", "NODE FILE", "from whom it would get it",
     "cat ring-song.ogg", fact_source},
    {"way", "NN", "OWNER NODE", "direct, push or impossible", "eve cat",
     fact_way},
    {"fetched", "N", "NODE", "files that it has fetched", "cat", fact_fetched},
    {"fetchers", "", "", "who has fetched a file", "", fact_fetchers},
    {"login-length", "N", "NODE", "bytes of its login's text", "amy",
     fact_login_length},
    {"share-length", "Nw", "NODE FILE", "bytes of the text of a SHARE",
     "amy flood.ogg", fact_share_length},
    {"password", "N", "NODE", "as everybody on the way can read it", "amy",
     fact_password},
    {"pick", "nnt", "DRAW COUNT WORD...", "words by lot, from the seed",
     "1 2 a b c d", fact_pick},
    {.name = NULL}};
