/*
 * What the monitor draws: the swarm's pieces, and who uploads to whom.
 *
 *   pieces   a row a node, a column a piece (or several): # here, + under
 *            way, . missing; below, how many copies there are of each
 *   chokes   a row a node, a column a node: U uploads to, o optimistically,
 *            w would like to have, . connected
 */
#include "bittorrent/view.h"

#include <string.h>

#include "bittorrent/check.h"

#define NAME_COLUMNS 9
#define PERCENT_COLUMNS 5

static uint8_t attr_of(const struct view *v, size_t i)
{
    return v->selected == v->network->host[i] ? ATTR_REVERSE : ATTR_NORMAL;
}

static void mark_cursor(const struct view *v, size_t i, int row)
{
    if (v->selected == v->network->host[i]) {
        *v->cursor_row = row;
        *v->cursor_column = 0;
    }
}

/* The first node to draw, so that the selected one is on the screen. */
static size_t first_row(const struct view *v, int rows)
{
    size_t at = v->selected != NULL ? v->selected->index : 0;
    size_t most = rows > 0 ? (size_t)rows : 1;

    return at < most ? 0 : at - most + 1;
}

/* The most pieces that any node knows of. */
static uint32_t piece_count(const struct network *net)
{
    uint32_t most = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        if (n != NULL && n->torrent.meta.piece_count > most)
            most = n->torrent.meta.piece_count;
    }
    return most;
}

/* One character for the pieces from `a` up to `b`. */
static char piece_sign(const struct torrent *t, uint32_t a, uint32_t b)
{
    uint32_t have = 0, busy = 0;

    for (uint32_t i = a; i < b && i < t->meta.piece_count; i++) {
        have += bit_is_set(t->have, i);
        busy += bit_is_set(t->busy, i);
    }
    return have == b - a ? '#' : busy > 0 ? '+' : have > 0 ? ':' : '.';
}

static void draw_row(const struct view *v, const struct pane *p, size_t i,
                     int row, uint32_t each, uint32_t count)
{
    const struct bittorrent *n = bittorrent_at(v->network, i);
    int column = NAME_COLUMNS;

    mark_cursor(v, i, row);
    pane_printf(p, row, 0, attr_of(v, i), "%.8s", v->network->host[i]->name);
    if (n == NULL) {
        pane_text(p, row, column, ATTR_DIM, "down");
        return;
    }
    if (n->tracker != NULL) {
        pane_printf(p, row, column, ATTR_NORMAL, "tracker: %u peers listed",
                    n->tracker->peer_count);
        return;
    }
    const struct torrent *t = &n->torrent;
    if (t->have == NULL) {
        pane_text(p, row, column, ATTR_DIM, swarm_why(n));
        return;
    }
    for (uint32_t at = 0; at < count; at += each) {
        uint32_t end = at + each < count ? at + each : count;
        char c = piece_sign(t, at, end);
        pane_put(p, row, column++, c,
                 c == '#'   ? ATTR_CYAN
                 : c == '+' ? ATTR_YELLOW
                            : ATTR_DIM);
    }
    pane_printf(p, row, p->columns - PERCENT_COLUMNS + 1, ATTR_NORMAL, "%3u%%",
                t->meta.piece_count > 0
                    ? t->have_count * 100 / t->meta.piece_count
                    : 100);
}

/* How many nodes have all pieces from `a` up to `b`, at least. */
static uint32_t copies_of(const struct network *net, uint32_t a, uint32_t b)
{
    uint32_t least = UINT32_MAX;

    for (uint32_t k = a; k < b; k++) {
        uint32_t copies = 0;
        for (size_t i = 0; i < net->count; i++) {
            const struct bittorrent *n = bittorrent_at(net, i);
            copies += n != NULL && n->torrent.have != NULL &&
                      k < n->torrent.meta.piece_count &&
                      bit_is_set(n->torrent.have, k);
        }
        least = copies < least ? copies : least;
    }
    return least;
}

static void pieces_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    uint32_t count = piece_count(net);
    int width = p->columns - NAME_COLUMNS - PERCENT_COLUMNS;
    int rows = p->rows - 2, row = 0, column = NAME_COLUMNS;
    uint32_t each =
        width > 0 ? (count + (uint32_t)width - 1) / (uint32_t)width : count;

    each = each > 0 ? each : 1;
    for (size_t i = first_row(v, rows); i < net->count && row < rows; i++)
        draw_row(v, p, i, row++, each, count);
    pane_text(p, p->rows - 2, 0, ATTR_NORMAL, "copies");
    for (uint32_t at = 0; at < count; at += each) {
        uint32_t end = at + each < count ? at + each : count;
        uint32_t copies = copies_of(net, at, end);
        pane_put(p, p->rows - 2, column++,
                 copies < 10 ? (char)('0' + copies) : '*',
                 copies == 0 ? ATTR_BOLD : ATTR_NORMAL);
    }
    pane_printf(p, p->rows - 1, 0, ATTR_DIM,
                "# here + coming . missing; %u piece%s a column", each,
                each > 1 ? "s" : "");
}

/* -- Chokes ---------------------------------------------------------------------- */

static char choke_sign(const struct bittorrent *n, const struct host *to)
{
    for (const struct peer *p = n->peers; p != NULL; p = p->next)
        if (p->state == PEER_UP && addr_equal(p->addr, to->addr))
            return !p->am_choking       ? (p->optimistic ? 'o' : 'U')
                   : p->peer_interested ? 'w'
                                        : '.';
    return ' ';
}

static void chokes_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    int rows = p->rows - 2, row = 1;
    size_t first = first_row(v, rows);

    for (size_t k = 0; first + k < net->count; k++)
        pane_put(
            p, 0, NAME_COLUMNS + 2 * (int)k,
            net->host[first + k]->name[strlen(net->host[first + k]->name) - 1],
            ATTR_DIM);
    for (size_t i = first; i < net->count && row <= rows; i++, row++) {
        const struct bittorrent *n = bittorrent_at(net, i);
        mark_cursor(v, i, row);
        pane_printf(p, row, 0, attr_of(v, i), "%.8s", net->host[i]->name);
        for (size_t k = 0; n != NULL && first + k < net->count; k++)
            pane_put(p, row, NAME_COLUMNS + 2 * (int)k,
                     i == first + k ? '\\'
                                    : choke_sign(n, net->host[first + k]),
                     ATTR_NORMAL);
    }
    pane_text(p, p->rows - 1, 0, ATTR_DIM,
              "row to column: U uploads o by lot w waits");
}

const struct picture bittorrent_pictures[] = {
    {"pieces", pieces_picture}, {"chokes", chokes_picture}, {NULL, NULL}};

/* -- State ------------------------------------------------------------------------- */

static void peer_row(const struct view *v, const struct peer *p, bool first,
                     struct state_rows *rows)
{
    struct text *t = state_row(rows, first ? "peers" : "", NULL);
    const struct host *h = v->network->by_addr(v->network, p->addr);

    if (h != NULL)
        text_add(t, h->name);
    else
        addr_text(t, p->addr);
    if (p->state != PEER_UP) {
        text_add(t, " ...");
        return;
    }
    text_printf(t, " %s%s%s%s",
                p->am_choking   ? ""
                : p->optimistic ? "o"
                                : "U",
                p->peer_choking ? "" : "D", p->am_interested ? "i" : "",
                p->snubbed ? "!" : "");
    if (p->rate > 0)
        text_printf(t, " %u kB/s", p->rate / 1000);
    if (p->asked.count > 0)
        text_printf(t, " asked %u", p->asked.count);
}

void bittorrent_state(const struct view *v, struct state_rows *rows)
{
    const struct bittorrent *n = v->selected->node;
    const struct torrent *t = &n->torrent;
    bool first = true;

    if (n->tracker != NULL) {
        text_printf(state_row(rows, "swarms", NULL), "%u", n->tracker->count);
        text_printf(state_row(rows, "listed", NULL), "%u",
                    n->tracker->peer_count);
        return;
    }
    text_printf(state_row(rows, "pieces", NULL), "%u of %u", t->have_count,
                t->meta.piece_count);
    text_printf(state_row(rows, "down", NULL), "%llu kB, %llu wasted",
                (unsigned long long)(t->downloaded / 1000),
                (unsigned long long)(t->wasted / 1000));
    text_printf(state_row(rows, "up", NULL), "%llu kB",
                (unsigned long long)(t->uploaded / 1000));
    if (t->bad_pieces > 0)
        text_printf(state_row(rows, "bad", NULL), "%u pieces", t->bad_pieces);
    const char *why = swarm_why(n);
    text_add(state_row(rows, "now", NULL), why[0] != '\0' ? why
                                           : t->complete  ? "seeding"
                                                          : "fetching");
    for (const struct peer *p = n->peers; p != NULL; p = p->next) {
        peer_row(v, p, first, rows);
        first = false;
    }
}
