/*
 * The pictures: the server in the middle of its users, and the transfers
 * that go past it; the server's directory as rows of its state.
 */
#include "napster/main.h"

#include <string.h>

#include "napster/check.h"

#define USER_COLUMNS 8 /* of one in the row below the server */
#define TRANSFER_ROWS 4
#define BAR 20
#define DIRECTORY_ROWS 12
#define HIT_ROWS 4
#define FOLDER_ROWS 4

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

/* -- Server and users ---------------------------------------------------- */

static void draw_server(const struct view *v, const struct pane *p,
                        const struct host *at, int middle)
{
    const struct napster *n = napster_server_in(v->network);
    uint8_t attr =
        at != NULL && at == v->selected ? ATTR_BOLD | ATTR_REVERSE : ATTR_BOLD;
    int left = middle - 10;

    pane_text(p, 0, left, ATTR_FRAME, "+------------------+");
    pane_text(p, 3, left, ATTR_FRAME, "+------------------+");
    pane_put(p, 3, middle, '+', ATTR_FRAME);
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
    if (at == v->selected)
        view_cursor(v, 1, left + 2);
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
    if (h == v->selected)
        view_cursor(v, row, column);
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

/* A row of users below a bus.  Of more than fit, the first and the last two,
   who are seldom of the crowd, and a number between them. */
static void draw_users(const struct view *v, const struct pane *p, int middle)
{
    const struct network *net = v->network;
    size_t count = client_count(net), at = 0;
    size_t room = (size_t)(p->columns - 2) / USER_COLUMNS;
    size_t shown = count <= room ? count : room;
    size_t skip = count - shown + (shown < count); /* one place is its number */
    int column = 2, end = 2 + (int)(shown > 0 ? shown - 1 : 0) * USER_COLUMNS;

    for (int c = column; c <= (end > middle ? end : middle); c++)
        pane_put(p, 4, c, '-', ATTR_FRAME);
    pane_put(p, 4, middle, '+', ATTR_FRAME);
    for (size_t i = 0; i < net->count; i++) {
        const struct napster *n = napster_at(net, i);
        if (n == NULL || n->client == NULL)
            continue;
        size_t k = at++; /* this user's number, from 0 */
        if (skip > 0 && k + 2 < count && k + 2 + skip >= count) {
            if (k + 3 == count) {
                pane_printf(p, 6, column, ATTR_DIM, "+%zu", skip);
                column += USER_COLUMNS;
            }
            continue;
        }
        pane_put(p, 4, column, '+', ATTR_FRAME);
        pane_put(p, 5, column, '|', ATTR_FRAME);
        draw_user(v, p, net->host[i], 6, column);
        column += USER_COLUMNS;
    }
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

/* "search: cat -> SERVER", of the first who waits for one. */
static void draw_search(const struct view *v, const struct pane *p, int row)
{
    for (size_t i = 0; i < v->network->count; i++) {
        const struct napster *n = napster_at(v->network, i);
        const struct client *c = n != NULL ? n->client : NULL;
        if (c == NULL || !c->asked || c->question->type != MSG_SEARCH)
            continue;
        pane_printf(p, row, 1, ATTR_BOLD,
                    c->pinging ? "search: %s has %u hit%s, and pings the owners"
                               : "search: %s -> SERVER -> %u hit%s so far",
                    v->network->host[i]->name, c->hit_count,
                    c->hit_count == 1 ? "" : "s");
        return;
    }
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
    draw_search(v, p, 8);
    if (draw_transfers(v, p, 10) == 10)
        pane_text(p, 10, 1, ATTR_DIM, "a file goes from user to user");
    pane_text(p, p->rows - 1, 1, ATTR_DIM,
              "below: its files, fw: firewalled; (): offline");
}

const struct picture napster_pictures[] = {{"users", users_picture},
                                           {NULL, NULL}};

/* -- State --------------------------------------------------------------- */

/* "chord-paper.ogg    bob     128", in columns. */
static void file_row(struct state_rows *rows, const char *name, size_t len,
                     const char *nick, const char *last)
{
    struct text *t = state_row(rows, "", NULL);
    LOCAL_TEXT safe = text_new();

    text_safe(&safe, name, len);
    text_printf(t, "%-18.18s %-7.7s %4s", safe.data, nick, last);
}

static void directory_rows(const struct server *s, struct state_rows *rows)
{
    unsigned shown = 0;

    text_printf(state_row(rows, "index", NULL), "%u files by %u words",
                s->index.count, s->index.word_count);
    text_printf(state_row(rows, "searches", NULL), "%llu, looked at %llu files",
                (unsigned long long)s->searches,
                (unsigned long long)s->index.walked);
    file_row(rows, "file", 4, "owner", "kbps");
    for (uint32_t i = 0; i < s->used; i++) {
        const struct user *u = s->user[i];
        uint32_t at = u != NULL ? u->first_file : 0;
        for (; at != 0; at = napster_file(&s->index, at)->next) {
            const struct file *f = napster_file(&s->index, at);
            LOCAL_TEXT t = text_new();
            if (shown++ == DIRECTORY_ROWS)
                return;
            text_u64(&t, f->kbps);
            file_row(rows, f->name, f->name_len, u->nick, t.data);
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
    size_t files = host_content_count(h);
    struct content x;

    text_add(state_row(rows, "session", NULL), states[c->state]);
    text_printf(state_row(rows, "nick", NULL), "%s%s", n->nick,
                napster_firewalled(n) ? ", firewalled" : "");
    text_printf(state_row(rows, "shared", NULL), "%u", c->shared);
    for (size_t i = 0; i < files && i < FOLDER_ROWS; i++)
        if (host_content(h, (int)i, &x)) {
            uint64_t part = x.bytes > 0 ? x.have * 100 / x.bytes : 100;
            LOCAL_TEXT t = text_new();
            text_printf(&t, "%u%%", (unsigned)part);
            file_row(rows, x.name, strlen(x.name), "", t.data);
        }
    if (files > FOLDER_ROWS)
        text_printf(state_row(rows, "", NULL), "and %zu more",
                    files - FOLDER_ROWS);
    if (c->hit_count > 0)
        file_row(rows, "hit", 3, "owner", "ms");
    for (uint32_t i = 0; i < c->hit_count && i < HIT_ROWS; i++) {
        const struct hit *one = &c->hit[i];
        LOCAL_TEXT ms = text_new();
        if (one->ping_us != 0 && one->ping_us != NEVER)
            text_u64(&ms, one->ping_us / 1000);
        file_row(rows, one->name, strlen(one->name), one->nick,
                 ms.len > 0 ? ms.data : "?");
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
