/*
 * What the monitor draws of a swarm.
 *
 *   pieces   a row a node, a column a piece (or several): # here, + under
 *            way, . missing; below, how many copies there are of each
 *   rarity   how many pieces have how many copies
 *   chokes   a row a node, a column a node: U uploads to, u would, o by lot,
 *            w waits, . connected; below, what the selected node ranks by
 *   table    the selected node's routing table in the DHT
 */
#include "bittorrent/main.h"

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
    if (v->selected == v->network->host[i])
        view_cursor(v, row, 0);
}

/* The first node to draw, so that the selected one is on the screen. */
static size_t first_row(const struct view *v, int rows)
{
    size_t at = v->selected != NULL ? v->selected->index : 0;
    size_t most = rows > 0 ? (size_t)rows : 1;

    return at < most ? 0 : at - most + 1;
}

/* In a crowd those who have left take no room. */
static bool is_shown(const struct view *v, size_t i, int rows)
{
    return v->network->count <= (size_t)(rows > 0 ? rows : 0) ||
           bittorrent_at(v->network, i) != NULL ||
           v->selected == v->network->host[i];
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

/* A column in the middle of the picture stands for `each` pieces. */
struct columns {
    uint32_t count, each; /* pieces, and of a column */
};

static struct columns columns_of(const struct view *v, const struct pane *p)
{
    int width = p->columns - NAME_COLUMNS - PERCENT_COLUMNS;
    uint32_t room = width > 0 ? (uint32_t)width : 1;
    struct columns c = {piece_count(v->network), 1};

    if (c.count > room)
        c.each = (c.count + room - 1) / room;
    return c;
}

static uint32_t column_end(struct columns c, uint32_t at)
{
    return at + c.each < c.count ? at + c.each : c.count;
}

static void draw_row(const struct view *v, const struct pane *p, size_t i,
                     int row, struct columns c)
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
        pane_printf(p, row, column, ATTR_NORMAL, "tracker: lists %u of them",
                    n->tracker->peer_count);
        return;
    }
    const struct torrent *t = &n->torrent;
    if (t->have == NULL) {
        pane_text(p, row, column, ATTR_DIM, swarm_why(n));
        return;
    }
    for (uint32_t at = 0; at < c.count; at += c.each) {
        char sign = piece_sign(t, at, column_end(c, at));
        pane_put(p, row, column++, sign,
                 sign == '#'   ? ATTR_CYAN
                 : sign == '+' ? ATTR_YELLOW
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

/* "0....5....10...", at every fifth column the number of its first piece. */
static void draw_ruler(const struct pane *p, struct columns c)
{
    pane_text(p, 0, 0, ATTR_DIM, "piece");
    for (uint32_t i = 0; i * c.each < c.count; i++)
        pane_put(p, 0, NAME_COLUMNS + (int)i, '.', ATTR_DIM);
    for (uint32_t i = 0; i * c.each < c.count; i += c.each < 20 ? 5 : 10)
        pane_printf(p, 0, NAME_COLUMNS + (int)i, ATTR_DIM, "%u", i * c.each);
}

/* How many copies there are, and where the fewest. */
static void draw_copies(const struct view *v, const struct pane *p,
                        struct columns c, int row)
{
    uint32_t least = UINT32_MAX;

    pane_text(p, row, 0, ATTR_NORMAL, "copies");
    for (int turn = 0; turn < 2; turn++) {
        int column = NAME_COLUMNS;
        for (uint32_t at = 0; at < c.count; at += c.each, column++) {
            uint32_t copies = copies_of(v->network, at, column_end(c, at));
            least = copies < least ? copies : least;
            if (turn == 0)
                pane_put(p, row, column,
                         copies < 10 ? (char)('0' + copies) : '*',
                         copies == 0 ? ATTR_BOLD : ATTR_NORMAL);
            else if (copies == least)
                pane_put(p, row + 1, column, '^', ATTR_YELLOW);
        }
    }
    pane_printf(p, row + 1, 0, ATTR_NORMAL, "least %u",
                least < UINT32_MAX ? least : 0);
}

/* "and 3 more" in place of the last row, when there are more than fit. */
static void draw_more(const struct pane *p, int row, size_t rest)
{
    for (int k = 0; k < p->columns; k++)
        pane_put(p, row, k, ' ', ATTR_NORMAL);
    pane_printf(p, row, 0, ATTR_DIM, "and %zu more", rest);
}

static void pieces_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    struct columns c = columns_of(v, p);
    int last = p->rows - 4; /* row of a node */
    size_t i = first_row(v, last), rest = 0;

    draw_ruler(p, c);
    for (int row = 1; i < net->count && row <= last; i++)
        if (is_shown(v, i, last))
            draw_row(v, p, i, row++, c);
    for (size_t k = i; k < net->count; k++)
        rest += is_shown(v, k, last);
    if (rest > 0 && v->selected != net->host[i - 1])
        draw_more(p, last, rest + 1);
    draw_copies(v, p, c, p->rows - 3);
    pane_printf(p, p->rows - 1, 0, ATTR_DIM,
                "# here + coming . missing; %u piece%s a column", c.each,
                c.each > 1 ? "s" : "");
}

/* -- Rarity -------------------------------------------------------------- */

static uint32_t pieces_with(const struct network *net, uint32_t count,
                            uint32_t from, uint32_t to)
{
    uint32_t pieces = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t copies = copies_of(net, i, i + 1);
        pieces += copies >= from && copies <= to;
    }
    return pieces;
}

static void rarity_picture(const struct view *v, const struct pane *p)
{
    uint32_t count = piece_count(v->network), most = 0, step = 1;
    int rows = p->rows - 2, bar = p->columns - 16;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t copies = copies_of(v->network, i, i + 1);
        most = copies > most ? copies : most;
    }
    while (rows > 0 && most / step + 1 > (uint32_t)rows)
        step++;
    pane_text(p, 0, 0, ATTR_DIM, "copies   pieces");
    for (uint32_t k = 0; k <= most / step; k++) {
        uint32_t from = k * step, to = from + step - 1;
        uint32_t pieces = pieces_with(v->network, count, from, to);
        int row = 1 + (int)k;
        if (step == 1)
            pane_printf(p, row, 0, ATTR_NORMAL, "%6u", from);
        else
            pane_printf(p, row, 0, ATTR_NORMAL, "%3u-%u", from, to);
        pane_printf(p, row, 8, ATTR_NORMAL, "%5u ", pieces);
        for (int x = 0;
             count > 0 && bar > 0 &&
             (uint32_t)x < (pieces * (uint32_t)bar + count - 1) / count;
             x++)
            pane_put(p, row, 15 + x, k == 0 && pieces > 0 ? '!' : '=',
                     k <= 1 ? ATTR_YELLOW : ATTR_CYAN);
    }
    pane_text(p, p->rows - 1, 0, ATTR_DIM,
              "0: lost; 1: lost if that one node goes");
}

/* -- Chokes -------------------------------------------------------------- */

static char choke_sign(const struct bittorrent *n, const struct host *to)
{
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++)
        if (p->state == PEER_UP && addr_equal(p->addr, to->addr))
            return p->am_choking        ? (p->peer_interested ? 'w' : '.')
                   : p->optimistic      ? 'o'
                   : p->peer_interested ? 'U'
                                        : 'u';
    return ' ';
}

/* The widest of the names, and how many columns of them fit. */
static int name_width(const struct view *v, const struct pane *p, size_t first)
{
    const struct network *net = v->network;
    size_t widest = 1;

    for (size_t k = first; k < net->count; k++)
        if (strlen(net->host[k]->name) > widest)
            widest = strlen(net->host[k]->name);
    if (first == net->count) /* nobody yet */
        return 2;
    int room = (p->columns - NAME_COLUMNS) / (int)(net->count - first);
    if ((int)widest + 1 > room)
        return room < 2 ? 2 : room;
    return (int)widest + 1;
}

/* Of a name that is too long, what tells it from others: of p1001 the end. */
static const char *short_name(const char *name, int width)
{
    size_t len = strlen(name), most = (size_t)width;
    bool numbered = len > 0 && name[len - 1] >= '0' && name[len - 1] <= '9';

    return numbered && len > most ? name + len - most : name;
}

/* What the next round ranks the peers of the selected node by. */
static void draw_ranks(const struct view *v, const struct pane *p, int row)
{
    const struct host *h = v->selected;
    const struct bittorrent *n =
        h != NULL ? bittorrent_at(v->network, h->index) : NULL;

    if (n == NULL || n->torrent.have == NULL)
        return;
    int column = pane_printf(p, row, 0, ATTR_BOLD, "%.8s %s ", h->name,
                             n->torrent.complete ? "gave kB:" : "got kB:");
    for (struct peer *const *at = n->peers, *q; (q = *at) != NULL; at++) {
        uint64_t bytes = n->torrent.complete ? q->up_now + q->up_last
                                             : q->down_now + q->down_last;
        const struct host *to = v->network->by_addr(v->network, q->addr);
        if (bytes == 0 || to == NULL || column + 14 > p->columns)
            continue;
        column = pane_printf(p, row, column, ATTR_NORMAL, "%.8s %llu  ",
                             to->name, (unsigned long long)(bytes / 1000));
    }
}

static void draw_choke_row(const struct view *v, const struct pane *p, size_t i,
                           int row, size_t first, int width)
{
    const struct network *net = v->network;
    const struct bittorrent *n = bittorrent_at(net, i);
    int column = NAME_COLUMNS;

    mark_cursor(v, i, row);
    pane_printf(p, row, 0, attr_of(v, i), "%.8s", net->host[i]->name);
    for (size_t k = first; n != NULL && k < net->count; k++) {
        if (!is_shown(v, k, p->rows - 3))
            continue;
        pane_put(p, row, column, i == k ? '\\' : choke_sign(n, net->host[k]),
                 ATTR_NORMAL);
        column += width;
    }
}

static void chokes_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    int last = p->rows - 3, row = 1, column = NAME_COLUMNS;
    size_t first = first_row(v, last);
    int width = name_width(v, p, first);

    for (size_t k = first; k < net->count; k++)
        if (is_shown(v, k, last)) {
            pane_printf(p, 0, column, ATTR_DIM, "%.*s", width - 1,
                        short_name(net->host[k]->name, width - 1));
            column += width;
        }
    for (size_t i = first; i < net->count && row <= last; i++)
        if (is_shown(v, i, last))
            draw_choke_row(v, p, i, row++, first, width);
    draw_ranks(v, p, p->rows - 2);
    pane_text(p, p->rows - 1, 0, ATTR_DIM,
              "row to column: U uploads u may o lot w waits");
}

/* -- The DHT ------------------------------------------------------------- */

/* Good, asked for again, or silent. */
static char node_sign(const struct view *v, const struct dht_node *n)
{
    return n->failures > 0                      ? '!'
           : dht_is_good(n, v->network->now_us) ? ' '
                                                : '?';
}

static void draw_bucket(const struct view *v, const struct pane *p,
                        const struct dht *d, uint32_t i, int row)
{
    const struct dht_bucket *b = &d->bucket[i];
    int column = pane_printf(p, row, 0, ATTR_NORMAL, "%3u%s  ", i,
                             i + 1 == d->bucket_count ? "+" : " ");

    for (uint8_t k = 0; k < b->count; k++) {
        const struct host *h = v->network->by_addr(v->network, b->node[k].addr);
        if (column + 4 > p->columns)
            return;
        column = pane_printf(p, row, column, ATTR_NORMAL, "%.5s%c",
                             h != NULL ? h->name : "other",
                             node_sign(v, &b->node[k]));
    }
}

static void table_picture(const struct view *v, const struct pane *p)
{
    const struct host *h = v->selected;
    const struct bittorrent *n =
        h != NULL ? bittorrent_at(v->network, h->index) : NULL;
    const struct dht *d = n != NULL ? n->dht : NULL;
    int row = 1;

    if (d == NULL) {
        pane_text(p, 0, 0, ATTR_DIM, "this node is in no DHT: set dht=on");
        return;
    }
    pane_printf(p, 0, 0, ATTR_BOLD, "bits shared with %.8s, and who", h->name);
    for (uint32_t i = 0; i < d->bucket_count && row < p->rows - 2; i++)
        draw_bucket(v, p, d, i, row++);
    pane_printf(p, p->rows - 2, 0, ATTR_NORMAL,
                "keeps %u peers for others; %u asked, %u answers",
                d->stored_count, d->queries, d->answers);
    pane_text(p, p->rows - 1, 0, ATTR_DIM,
              "+ and more bits; ! silent, ? to be asked again");
    view_cursor(v, 0, 0);
}

const struct picture bittorrent_pictures[] = {{"pieces", pieces_picture},
                                              {"rarity", rarity_picture},
                                              {"chokes", chokes_picture},
                                              {"table", table_picture},
                                              {NULL, NULL}};

/* -- State --------------------------------------------------------------- */

/* The node at the other end; before its handshake only the address that it
   called from is known, so NULL where several nodes have that one. */
static const struct host *peer_host(const struct view *v, const struct peer *p)
{
    const struct host *h = v->network->by_addr(v->network, p->addr);

    for (size_t i = 0; p->addr.port == 0 && i < v->network->count; i++)
        if (v->network->host[i]->addr.ip == p->from.ip) {
            if (h != NULL)
                return NULL;
            h = v->network->host[i];
        }
    return h;
}

static void peer_row(const struct view *v, const struct peer *p, bool first,
                     struct state_rows *rows)
{
    struct text *t = state_row(rows, first ? "peers" : " ", NULL);
    const struct host *h = peer_host(v, p);

    if (h != NULL)
        text_add(t, h->name);
    else
        addr_text(t, p->addr.port != 0 ? p->addr : p->from);
    if (p->state != PEER_UP) {
        text_add(t, " ...");
        return;
    }
    text_printf(t, " %s%s%s%s",
                p->am_choking        ? ""
                : p->optimistic      ? "o"
                : p->peer_interested ? "U"
                                     : "u",
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
    for (struct peer *const *at = n->peers, *p; (p = *at) != NULL; at++) {
        peer_row(v, p, first, rows);
        first = false;
    }
    if (!first)
        text_add(state_row(rows, "", NULL), "U we give D it gives i we want");
}
