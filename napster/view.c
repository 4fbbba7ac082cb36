/*
 * The pictures: the server in the middle of its users, and the transfers
 * that go past it; the server's directory as rows of its state.
 */
#include "napster/view.h"

#include <string.h>

#include "napster/check.h"

#define USER_COLUMNS 8 /* of one in the row below the server */
#define TRANSFER_ROWS 4
#define BAR 20

static const struct host *host_of_nick(const struct network *net,
                                       const char *nick)
{
    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        if (n != NULL && n->client != NULL && strcmp(n->nick, nick) == 0)
            return net->host[i];
    }
    return NULL;
}

/* -- Server and users ------------------------------------------------------ */

static void draw_server(const struct view *v, const struct pane *p,
                        const struct host *at, int middle)
{
    const struct napster *n = napster_server_in(v->network);
    uint8_t attr =
        at != NULL && at == v->selected ? ATTR_BOLD | ATTR_REVERSE : ATTR_BOLD;
    int left = middle - 10;

    pane_text(p, 0, left, ATTR_FRAME, "+------------------+");
    pane_text(p, 3, left, ATTR_FRAME, "+---------+--------+");
    for (int row = 1; row < 3; row++) {
        pane_put(p, row, left, '|', ATTR_FRAME);
        pane_put(p, row, left + 19, '|', ATTR_FRAME);
    }
    if (n == NULL) {
        pane_text(p, 1, left + 2, ATTR_BOLD, "SERVER is DOWN");
        pane_text(p, 2, left + 2, ATTR_NORMAL, "no searches");
        return;
    }
    pane_printf(p, 1, left + 2, attr, "SERVER  users %u", n->server->online);
    pane_printf(p, 2, left + 2, ATTR_NORMAL, "index: %u files",
                n->server->index.count);
    if (at == v->selected) {
        *v->cursor_row = 1;
        *v->cursor_column = left + 2;
    }
}

static void draw_user(const struct view *v, const struct pane *p,
                      const struct host *h, int row, int column)
{
    const struct client *c = ((const struct napster *)h->node)->client;
    bool online = c->state == SESSION_ONLINE;
    uint8_t attr = h == v->selected ? ATTR_BOLD | ATTR_REVERSE : ATTR_NORMAL;
    char name[USER_COLUMNS - 1];
    size_t len =
        strlen(h->name) < sizeof name - 1 ? strlen(h->name) : sizeof name - 1;

    memcpy(name, h->name, len);
    name[len] = '\0';
    if (h == v->selected) {
        *v->cursor_row = row;
        *v->cursor_column = column;
    }
    pane_printf(p, row, column, attr, online ? "%s" : "(%s)", name);
    pane_printf(p, row + 1, column, ATTR_DIM, "%u%s", c->shared,
                napster_firewalled(h->node) ? " fw" : "");
}

static size_t client_count(const struct network *net)
{
    size_t count = 0;

    for (size_t i = 0; i < net->count; i++)
        count +=
            napster_at(net, i) != NULL && napster_at(net, i)->client != NULL;
    return count;
}

/* A row of users below a bus; more than fit become a number. */
static void draw_users(const struct view *v, const struct pane *p, int middle)
{
    const struct network *net = v->network;
    size_t count = client_count(net), at = 0;
    size_t room = (size_t)(p->columns - 2) / USER_COLUMNS;
    size_t shown = count <= room ? count : room - 1;
    int column = 2, end = 2 + (int)(shown > 0 ? shown - 1 : 0) * USER_COLUMNS;

    for (int c = column; c <= (end > middle ? end : middle); c++)
        pane_put(p, 4, c, '-', ATTR_DIM);
    pane_put(p, 4, middle, '+', ATTR_DIM);
    for (size_t i = 0; i < net->count && at < shown; i++) {
        const struct napster *n = napster_at(net, i);
        if (n == NULL || n->client == NULL)
            continue;
        pane_put(p, 4, column, '+', ATTR_DIM);
        pane_put(p, 5, column, '|', ATTR_DIM);
        draw_user(v, p, net->host[i], 6, column);
        column += USER_COLUMNS;
        at++;
    }
    if (shown < count)
        pane_printf(p, 6, column, ATTR_DIM, "+%zu", count - shown);
}

static int draw_transfers(const struct view *v, const struct pane *p, int row)
{
    const struct network *net = v->network;
    int first = row;

    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        const struct download *d =
            n != NULL && n->client != NULL ? n->client->downloads : NULL;
        for (; d != NULL && row < first + TRANSFER_ROWS; d = d->next) {
            char bar[BAR + 1] = "";
            uint64_t part = d->hit.bytes > 0 ? d->at * 100 / d->hit.bytes : 100;
            for (uint64_t k = 0; k < BAR; k++)
                bar[k] = k * 100 < part * BAR ? '#' : '.';
            const struct host *from = host_of_nick(net, d->hit.nick);
            pane_printf(p, row++, 1, ATTR_BOLD, "%.8s <=[%s %3u%%]= %.8s",
                        net->host[i]->name, bar, (unsigned)part,
                        from != NULL ? from->name : d->hit.nick);
        }
    }
    return row;
}

static void users_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    const struct host *server = NULL;
    int middle = p->columns / 2;

    for (size_t i = 0; i < net->count; i++)
        if (napster_at(net, i) != NULL && napster_at(net, i)->server != NULL)
            server = net->host[i];
    draw_server(v, p, server, middle);
    draw_users(v, p, middle);
    if (draw_transfers(v, p, 9) == 9)
        pane_text(p, 9, 1, ATTR_DIM, "a file goes from user to user");
}

const struct picture napster_pictures[] = {{"users", users_picture},
                                           {NULL, NULL}};

/* -- State ------------------------------------------------------------------ */

static void directory_rows(const struct server *s, struct state_rows *rows)
{
    unsigned shown = 0;

    text_printf(state_row(rows, "users", NULL), "%u", s->online);
    text_printf(state_row(rows, "files", NULL), "%u, %u words", s->index.count,
                s->index.word_count);
    for (uint32_t i = 0; i < s->used; i++) {
        const struct user *u = s->user[i];
        uint32_t at = u != NULL ? u->first_file : 0;
        for (; at != 0; at = napster_file(&s->index, at)->next) {
            const struct file *f = napster_file(&s->index, at);
            if (shown++ == 12)
                return;
            struct text *t = state_row(rows, shown == 1 ? "listed" : "", NULL);
            text_safe(t, f->name, f->name_len);
            text_printf(t, " %s", u->nick);
        }
    }
}

static void client_rows(const struct view *v, const struct napster *n,
                        struct state_rows *rows)
{
    static const char *const states[] = {"offline", "asks metaserver", "dials",
                                         "logs in", "online"};
    const struct client *c = n->client;
    struct host *h = v->network->host[v->selected->index];
    struct content x;

    text_add(state_row(rows, "session", NULL), states[c->state]);
    text_printf(state_row(rows, "nick", NULL), "%s%s", n->nick,
                napster_firewalled(n) ? ", firewalled" : "");
    text_printf(state_row(rows, "shared", NULL), "%u", c->shared);
    for (size_t i = 0; i < host_content_count(h) && i < 4; i++)
        if (host_content(h, (int)i, &x)) {
            struct text *t = state_row(rows, i == 0 ? "folder" : "", NULL);
            text_safe(t, x.name, strlen(x.name));
            if (!x.complete && x.bytes > 0)
                text_printf(t, " %u%%", (unsigned)(x.have * 100 / x.bytes));
        }
    for (uint32_t i = 0; i < c->hit_count && i < 4; i++) {
        struct text *t = state_row(rows, i == 0 ? "hits" : "", NULL);
        text_safe(t, c->hit[i].name, strlen(c->hit[i].name));
        text_printf(t, " %s", c->hit[i].nick);
        if (c->hit[i].ping_us != 0)
            text_printf(t, " %llums",
                        (unsigned long long)(c->hit[i].ping_us / 1000));
    }
    text_printf(state_row(rows, "transfers", NULL), "%u down, %u up",
                c->download_count, c->upload_count);
}

void napster_state(const struct view *v, struct state_rows *rows)
{
    const struct napster *n = v->selected->node;

    if (n->server != NULL)
        directory_rows(n->server, rows);
    else if (n->client != NULL)
        client_rows(v, n, rows);
    else
        text_add(state_row(rows, "role", NULL), "metaserver");
}
