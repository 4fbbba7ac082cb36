/* What must hold across server and clients; see check.h. */
#include "napster/check.h"

struct napster *napster_at(const struct network *net, size_t i)
{
    return network_node(net->host[i], &napster_protocol);
}

struct napster *napster_server_in(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        struct napster *n = napster_at(net, i);
        if (n != NULL && n->server != NULL)
            return n;
    }
    return NULL;
}

static bool server_is_up(const struct network *net, struct addr addr)
{
    const struct host *h = net->by_addr(net, addr);

    return h != NULL && napster_at(net, h->index) != NULL;
}

/*
 * Sessions are streams, which no table can stand for: all begin anew, and
 * come up in the first moments of the run.
 */
void napster_warm(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        struct napster *n = napster_at(net, i);
        if (n != NULL && n->server != NULL)
            napster_server_reset(n, net->host[i]);
    }
    for (size_t i = 0; i < net->count; i++) {
        struct napster *n = napster_at(net, i);
        if (n == NULL || n->client == NULL)
            continue;
        n->client->conn = 0;
        napster_client_start(n, net->host[i]);
        napster_transfer_start(n, net->host[i]);
        napster_arm(n, net->host[i]);
    }
}

/* Everyone is logged in, all is hashed, no transfer is under way. */
bool napster_settled(const struct network *net)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        const struct client *c = n != NULL ? n->client : NULL;
        if (c == NULL || n->leaving)
            continue;
        if (c->hashing || c->question_count > 0 || c->downloads != NULL ||
            (c->state != SESSION_ONLINE && server_is_up(net, n->join)))
            return false;
    }
    return true;
}

uint64_t napster_quiet_us(const struct settings *s)
{
    (void)s;
    return 3 * SECOND_US; /* longer than a client waits to dial again */
}

/* The user in the directory of a client that thinks it is logged in. */
static const struct user *entry_of(const struct server *s,
                                   const struct napster *n)
{
    return napster_user(s, napster_slice(n->nick));
}

/* Is there a client behind this entry? */
static bool has_client(const struct network *net, const struct user *u)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        if (n != NULL && n->client != NULL &&
            n->client->state == SESSION_ONLINE &&
            napster_same(napster_slice(n->nick), napster_slice(u->nick)))
            return true;
    }
    return false;
}

static void check_counters(const struct server *s, struct finding *counters)
{
    uint64_t files = 0, online = 0;

    for (uint32_t i = 0; i < s->used; i++) {
        const struct user *u = s->user[i];
        uint32_t own = 0;
        if (u == NULL)
            continue;
        for (uint32_t at = u->first_file; at != 0;
             at = napster_file(&s->index, at)->next)
            own++;
        if (own != u->files)
            findings_break(counters, "%s has %u files, and a count of %u",
                           u->nick, own, u->files);
        files += own;
        online += u->online;
    }
    if (files != s->index.count || online != s->online)
        findings_break(counters, "%llu files are listed, %u counted",
                       (unsigned long long)files, s->index.count);
}

void napster_check(const struct network *net, struct findings *f)
{
    struct finding *ghosts = findings_add(f, "no entry of a user who is gone");
    struct finding *listed = findings_add(f, "all files of all users listed");
    struct finding *counters = findings_add(f, "counters agree");
    struct finding *slots = findings_add(f, "no more uploads than slots");
    const struct napster *server = napster_server_in(net);
    const struct server *s = server != NULL ? server->server : NULL;

    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        if (n != NULL && n->client != NULL &&
            n->client->upload_count > UPLOADS_MAX)
            findings_break(slots, "%s serves %u at a time", n->nick,
                           n->client->upload_count);
    }
    if (s == NULL)
        return;
    check_counters(s, counters);
    if (!napster_settled(net))
        return; /* messages under way may still change it */
    for (uint32_t i = 0; i < s->used; i++)
        if (s->user[i] != NULL && s->user[i]->online &&
            !has_client(net, s->user[i]))
            findings_break(ghosts, "%s is listed, and is not here",
                           s->user[i]->nick);
    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        if (n == NULL || n->client == NULL ||
            n->client->state != SESSION_ONLINE)
            continue;
        const struct user *u = entry_of(s, n);
        if (u == NULL || u->files != n->client->shared)
            findings_break(listed, "%s shares %u files, the directory has %u",
                           n->nick, n->client->shared,
                           u != NULL ? u->files : 0);
    }
}
