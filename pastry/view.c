/*
 * What the monitor draws of Pastry: the selected node's routing table with
 * the cell and the prefix that the key under way uses, how far apart its hops
 * are, and who has which id.
 *
 *     >1303<  the cell or leaf that the next hop for the key is
 *     --      nobody is known with that prefix      own   our own digit
 *
 * Where ids are too long for a cell, it holds the digits behind row and
 * column, as many as fit.
 */
#include "pastry/main.h"

#include "pastry/check.h"

#define SHORT_DIGITS 8 /* up to so many, ids are drawn whole */

/* The selected node, or any that lives when there is none: on paper. */
static const struct pastry *shown(const struct view *v)
{
    const struct pastry *n = network_node(v->selected, &pastry_protocol);

    for (size_t i = 0;
         n == NULL && v->selected == NULL && i < v->network->count; i++)
        n = network_node(v->network->host[i], &pastry_protocol);
    return n;
}

/* What the selected lookup is about: its key, and the nodes up to here. */
struct journey {
    bool known;
    struct id key;
    struct addr at[HOPS_MAX + 1];
    unsigned count;
};

/* From the newest message of the selected command that has a path. */
static struct journey journey_of(const struct view *v)
{
    struct journey j = {.known = false};
    struct pastry_msg m;

    for (size_t i = v->path_count; i-- > 0 && !j.known;) {
        const struct record *r = &v->path[i];
        if (r->data == NULL || !pastry_decode(&m, r->data, r->len) ||
            (m.type != PASTRY_ROUTE && m.type != PASTRY_REACHED))
            continue;
        j.known = true;
        j.key = m.key;
        for (; j.count < m.hops; j.count++)
            j.at[j.count] = m.path[j.count];
        if (m.type == PASTRY_ROUTE)
            j.at[j.count++] = r->to.addr;
    }
    return j;
}

static const struct host *host_of(const struct view *v, struct addr a)
{
    return v->network->by_addr(v->network, a);
}

/* An id's digits from `from` on, at most `most` of them. */
static void add_digits(const struct pastry *n, const struct id *id,
                       unsigned from, unsigned most, struct text *t)
{
    for (unsigned i = from; i < n->digits && i < from + most; i++)
        text_char(t, "0123456789abcdef"[pastry_digit(n, id, i)]);
}

static void add_id(const struct pastry *n, const struct id *id, struct text *t)
{
    add_digits(n, id, 0, SHORT_DIGITS, t);
    if (n->digits > SHORT_DIGITS)
        text_add(t, "..");
}

/* Put text and forget it; the column behind it. */
static int put(const struct pane *p, int row, int column, uint8_t attr,
               struct text *t)
{
    int end = pane_text(p, row, column, attr, t->data);

    text_clear(t);
    return end;
}

/* -- The routing table --------------------------------------------------- */

/* How a table is laid out in the columns there are. */
struct layout {
    int left, cell; /* columns before the cells, and of each */
    bool whole;     /* cells hold whole ids, with room for > and < */
};

static struct layout layout_of(const struct pastry *n, const struct pane *p)
{
    int base = 1 << n->digit_bits, digits = n->digits;
    struct layout l = {.left = 5 + (digits < SHORT_DIGITS ? digits : 1)};

    l.cell = (p->columns - l.left) / base;
    l.whole = l.cell >= digits + 3;
    if (l.whole)
        l.cell = digits + 3;
    else if (l.cell > SHORT_DIGITS + 2)
        l.cell = SHORT_DIGITS + 2;
    return l;
}

static void draw_cell(const struct pastry *n, const struct pane *p, int row,
                      int column, const struct layout *l, unsigned r,
                      unsigned c, bool used)
{
    const struct peer *e = pastry_entry(n, r, c);
    uint8_t attr = used        ? ATTR_YELLOW | ATTR_BOLD
                   : e != NULL ? ATTR_NORMAL
                               : ATTR_DIM;
    LOCAL_TEXT t = text_new();

    if (c == pastry_digit(n, &n->id, r))
        text_add(&t, l->whole ? "own" : ".");
    else if (e == NULL)
        text_add(&t, l->whole ? "--" : "-");
    else if (l->whole)
        add_digits(n, PEER_ID(e), 0, n->digits, &t);
    else /* a blank and the mark need their columns */
        add_digits(n, PEER_ID(e), r + 1,
                   l->cell > 3 ? (unsigned)l->cell - 2 : 1, &t);
    pane_put(p, row, column, used ? '>' : ' ', attr);
    int end = put(p, row, column + 1, attr, &t);
    if (used && l->whole)
        pane_put(p, row, end, '<', attr);
}

/* A row: its number, the prefix that its entries share, its cells.  Rows up
   to the digits shared with the key are what the key has used so far. */
static void draw_row(const struct pastry *n, const struct pane *p,
                     const struct layout *l, int row, unsigned r,
                     const struct journey *j, const struct peer *next)
{
    unsigned shared = j->known ? pastry_shared(n, &n->id, &j->key) : 0;
    bool in_use = j->known && r == shared;
    LOCAL_TEXT t = text_new();

    pane_printf(p, row, 0, in_use ? ATTR_YELLOW : ATTR_DIM, "%c%-2u",
                in_use ? '>' : ' ', r);
    add_digits(n, &n->id, l->left > 6 ? 0 : r - (r > 0),
               l->left > 6 ? r : r > 0, &t);
    put(p, row, 4, j->known && r <= shared ? ATTR_YELLOW | ATTR_BOLD : ATTR_DIM,
        &t);
    for (unsigned c = 0; c < 1U << n->digit_bits; c++)
        draw_cell(n, p, row, l->left + (int)c * l->cell, l, r, c,
                  next != NULL && pastry_entry(n, r, c) == next);
}

/* The leaves in order of ids, ourselves in the middle: the nearest that there
   are columns for. */
static void draw_leaves(const struct view *v, const struct pastry *n,
                        const struct pane *p, int row, const struct peer *next)
{
    LOCAL_TEXT t = text_new();
    int column = 1 + pane_text(p, row, 0, ATTR_DIM, "leaves");
    int each = n->digits <= SHORT_DIGITS ? n->digits + 1 : 8;
    int fit = (p->columns - column - each - 2) / (2 * each);

    for (int i = -fit; i <= fit; i++) {
        if (-i > n->low_count || i > n->high_count)
            continue;
        const struct peer *leaf = i < 0   ? &n->low[-i - 1]
                                  : i > 0 ? &n->high[i - 1]
                                          : NULL;
        bool used = leaf != NULL && next != NULL &&
                    id_equal(PEER_ID(leaf), PEER_ID(next));
        text_char(&t, used ? '>' : leaf == NULL ? '[' : ' ');
        if (n->digits <= SHORT_DIGITS)
            add_digits(n, leaf != NULL ? PEER_ID(leaf) : &n->id, 0, n->digits,
                       &t);
        else
            network_name(v->network, leaf != NULL ? peer_addr(leaf) : n->self,
                         &t);
        text_add(&t, used ? "<" : leaf == NULL ? "]" : "");
        column = put(p, row, column,
                     used           ? ATTR_YELLOW
                     : leaf == NULL ? ATTR_BOLD
                                    : ATTR_NORMAL,
                     &t);
    }
}

/* The way so far, and the digits that each of its nodes shares: the end of it
   where it is long. */
static void draw_journey(const struct view *v, const struct pastry *n,
                         const struct pane *p, int row, const struct journey *j)
{
    LOCAL_TEXT way = text_new(), digits = text_new();
    unsigned fit = (unsigned)(p->columns - 2) / 9;
    unsigned from = j->count > fit ? j->count - fit : 0;

    for (unsigned i = from; i < j->count; i++) {
        const struct host *h = host_of(v, j->at[i]);
        text_add(&way, i > from ? " -> " : from > 0 ? ".. -> " : "");
        network_name(v->network, j->at[i], &way);
        text_add(&digits, i > from ? " -> " : "");
        if (h != NULL)
            text_u64(&digits, pastry_shared(n, &h->id, &j->key));
    }
    put(p, row, 0, ATTR_BOLD, &way);
    pane_printf(p, row + 1, 0, ATTR_NORMAL, "digits shared: %s", digits.data);
}

/* Where there is room: every hop of the way with the rule that chooses it. */
static void draw_hops(const struct view *v, const struct pane *p, int row,
                      const struct journey *j)
{
    pane_text(p, row, 0, ATTR_DIM, "hop  from        to          ms  rule");
    for (unsigned i = 1; i < j->count && row + (int)i < p->rows; i++) {
        const struct host *from = host_of(v, j->at[i - 1]);
        const struct host *to = host_of(v, j->at[i]);
        const struct pastry *n = network_node(from, &pastry_protocol);
        enum rule rule = RULE_HERE;
        if (from == NULL || to == NULL)
            continue;
        if (n != NULL)
            (void)pastry_next(n, &j->key, NULL, &rule);
        pane_printf(p, row + (int)i, 0, ATTR_NORMAL,
                    "%3u  %-10.10s  %-10.10s %4llu  %s", i, from->name,
                    to->name,
                    (unsigned long long)network_rtt_us(v->network, j->at[i - 1],
                                                       j->at[i]) /
                        2000,
                    pastry_rule_name(rule));
        if (n != NULL && rule == RULE_ROW)
            pane_printf(p, row + (int)i, 40, ATTR_NORMAL, "%u, digit %c",
                        pastry_shared(n, &n->id, &j->key),
                        "0123456789abcdef"[pastry_digit(
                            n, &j->key, pastry_shared(n, &n->id, &j->key))]);
    }
}

static void draw_key(const struct view *v, const struct pastry *n,
                     const struct pane *p, int row, const struct journey *j,
                     enum rule rule)
{
    LOCAL_TEXT t = text_new();

    if (!j->known) {
        pane_text(p, p->rows - 1, 0, ATTR_DIM,
                  layout_of(n, p).whole
                      ? "-- nobody known   own: our own digit"
                      : "digits behind row and column  - nobody  . own");
        return;
    }
    add_id(n, &j->key, &t);
    pane_printf(p, row, 0, ATTR_YELLOW, "key %s: %s", t.data,
                rule == RULE_HERE   ? "nobody known is nearer"
                : rule == RULE_LEAF ? "within the leaf set: nearest id"
                : rule == RULE_RARE ? "the cell is empty: the rare case"
                                    : "next is the cell > <");
    draw_journey(v, n, p, row + 1, j);
    if (p->rows - row > 8)
        draw_hops(v, p, row + 4, j);
}

static void draw_table(const struct view *v, const struct pane *p)
{
    const struct pastry *n = shown(v);
    struct journey j = journey_of(v);
    const struct peer *next = NULL;
    enum rule rule = RULE_HERE;
    LOCAL_TEXT t = text_new();

    if (n == NULL) {
        pane_text(p, 0, 0, ATTR_DIM, "the selected node is down");
        return;
    }
    if (j.known)
        next = pastry_next(n, &j.key, NULL, &rule);
    struct layout l = layout_of(n, p);
    add_id(n, &n->id, &t);
    pane_printf(p, 0, 0, ATTR_BOLD, "routing table of %s  (base %d, %u digits)",
                t.data, 1 << n->digit_bits, (unsigned)n->digits);
    view_cursor(v, 0, 0);
    pane_text(p, 1, 0, ATTR_DIM, "row");
    for (int c = 0; c < 1 << n->digit_bits; c++)
        pane_put(p, 1, l.left + 1 + c * l.cell, "0123456789abcdef"[c],
                 ATTR_DIM);
    /* Rows that are filled, and the one that the key is in. */
    unsigned rows = n->digits, most = p->rows > 9 ? (unsigned)p->rows - 7 : 2;
    while (rows > 2 && n->digits > SHORT_DIGITS && n->entry_count > 0 &&
           pastry_shared(n, &n->id, PEER_ID(&n->entry[n->entry_count - 1])) +
                   2 <
               rows)
        rows--;
    rows = rows < most ? rows : most;
    for (unsigned r = 0; r < rows; r++)
        draw_row(n, p, &l, 2 + (int)r, r, &j, rule == RULE_ROW ? next : NULL);
    draw_leaves(v, n, p, 2 + (int)rows, rule == RULE_LEAF ? next : NULL);
    draw_key(v, n, p, 3 + (int)rows + (p->rows - (int)rows > 7), &j, rule);
}

/* -- How far ------------------------------------------------------------- */

static bool place_of(const struct view *v, const struct host *h,
                     const struct pane *map, int *row, int *column)
{
    unsigned x, y;

    if (h == NULL || v->network->place == NULL ||
        !v->network->place(v->network, h, &x, &y))
        return false;
    *column = (int)x * map->columns / 1000;
    *row = (int)y * map->rows / 1000;
    return true;
}

/* The plane: `.` a node, `:` some, `*` many; the hops of the way are lines
   between their numbers, 0 the asker. */
static bool draw_plane(const struct view *v, const struct pane *map,
                       const struct journey *j)
{
    bool any = false;
    int row = 0, column = 0, last_row = 0, last_column = 0;

    for (size_t i = 0; i < v->network->count; i++) {
        const struct host *h = v->network->host[i];
        if (network_node(h, &pastry_protocol) == NULL ||
            !place_of(v, h, map, &row, &column))
            continue;
        char had =
            (char)map
                ->cell[(map->row + row) * map->stride + map->column + column]
                .c;
        pane_put(map, row, column,
                 had == ' '   ? '.'
                 : had == '.' ? ':'
                              : '*',
                 ATTR_DIM);
        any = true;
    }
    for (unsigned i = 0; any && i < j->count; i++) {
        if (!place_of(v, host_of(v, j->at[i]), map, &row, &column))
            continue;
        if (i > 0)
            pane_line(map, last_row, last_column, row, column, '-', ATTR_CYAN);
        last_row = row;
        last_column = column;
    }
    for (unsigned i = 0; any && i < j->count; i++)
        if (place_of(v, host_of(v, j->at[i]), map, &row, &column))
            pane_put(map, row, column, (char)(i < 10 ? '0' + i : '+'),
                     ATTR_YELLOW | ATTR_BOLD);
    if (v->selected != NULL && place_of(v, v->selected, map, &row, &column))
        view_cursor(v, row, column);
    return any;
}

/* Hop by hop: how long each is, as a bar. */
static void draw_lengths(const struct view *v, const struct pane *p,
                         const struct journey *j)
{
    uint64_t longest = 1, total = 0, ms[HOPS_MAX + 1] = {0};

    for (unsigned i = 1; i < j->count; i++) {
        ms[i] = network_rtt_us(v->network, j->at[i - 1], j->at[i]) / 2000;
        longest = ms[i] > longest ? ms[i] : longest;
        total += ms[i];
    }
    for (unsigned i = 1; i < j->count && (int)i < p->rows; i++) {
        LOCAL_TEXT t = text_new();
        pane_printf(p, (int)i - 1, 0, ATTR_NORMAL, "%2u %4llu ms ", i,
                    (unsigned long long)ms[i]);
        text_repeat(&t, '=',
                    (size_t)(ms[i] * (unsigned)(p->columns - 12) / longest));
        put(p, (int)i - 1, 11, ATTR_CYAN, &t);
    }
    if (j->count < 2)
        pane_text(p, p->rows - 1, 0, ATTR_DIM, "no lookup under way");
    else
        pane_printf(p, p->rows - 1, 0, ATTR_NORMAL,
                    "the way %llu ms, straight %llu ms",
                    (unsigned long long)total,
                    (unsigned long long)network_rtt_us(v->network, j->at[0],
                                                       j->at[j->count - 1]) /
                        2000);
}

static void draw_distances(const struct view *v, const struct pane *p)
{
    struct journey j = journey_of(v);
    int bars = j.count > 1 ? (int)j.count : 1;

    if (bars > p->rows / 2)
        bars = p->rows / 2;
    struct pane map = pane_part(p, 0, 0, p->rows - bars, p->columns);
    bool plane = draw_plane(v, &map, &j);
    struct pane low = pane_part(p, p->rows - bars, 0, bars, p->columns);
    draw_lengths(v, plane ? &low : p, &j);
}

/* -- Who has which id ---------------------------------------------------- */

static bool is_leaf_of(const struct pastry *n, struct addr a)
{
    for (unsigned i = 0;
         n != NULL && i < (unsigned)n->low_count + n->high_count; i++)
        if (addr_equal(peer_addr(pastry_peer_at(n, i)), a))
            return true;
    return false;
}

/* Too many for names: how many live ids begin with each digit. */
static void draw_crowd(const struct view *v, const struct pane *p)
{
    size_t count[16] = {0}, most = 1, live = 0;
    const struct pastry *any = shown(v);
    int base = any != NULL ? 1 << any->digit_bits : 1;

    for (size_t i = 0; any != NULL && i < v->network->count; i++) {
        const struct pastry *n =
            network_node(v->network->host[i], &pastry_protocol);
        if (n == NULL)
            continue;
        size_t *c = &count[pastry_digit(n, &n->id, 0)];
        most = ++*c > most ? *c : most;
        live++;
    }
    pane_printf(p, 0, 0, ATTR_DIM, "%zu live nodes, by their first digit",
                live);
    int each = base > p->rows - 1 ? 2 : 1, width = p->columns / each;
    for (int c = 0; c < base; c++) {
        LOCAL_TEXT t = text_new();
        int row = 1 + c % ((base + each - 1) / each);
        int column = c / ((base + each - 1) / each) * width;
        pane_printf(p, row, column, ATTR_NORMAL, "%c.. %6zu ",
                    "0123456789abcdef"[c], count[c]);
        text_repeat(&t, '=', count[c] * (size_t)(width - 12) / most);
        put(p, row, column + 11, ATTR_CYAN, &t);
    }
}

/* All nodes with their ids: [selected], * its leaf, x down. */
static void draw_nodes(const struct view *v, const struct pane *p)
{
    const struct pastry *me = network_node(v->selected, &pastry_protocol);
    int each = p->columns / 23 > 0 ? p->columns / 23 : 1;

    if (v->network->count > (size_t)each * (size_t)(p->rows - 1)) {
        draw_crowd(v, p);
        return;
    }
    pane_text(p, 0, 0, ATTR_DIM, "[selected  *its leaf  xdown");
    for (size_t i = 0; i < v->network->count; i++) {
        const struct host *h = v->network->host[i];
        const struct pastry *n = network_node(h, &pastry_protocol);
        int row = 1 + (int)i / each, column = (int)i % each * 23;
        bool selected = h == v->selected;
        LOCAL_TEXT t = text_new();
        text_printf(&t, "%c%-10.10s ",
                    selected                  ? '['
                    : n == NULL               ? 'x'
                    : is_leaf_of(me, h->addr) ? '*'
                                              : ' ',
                    h->name);
        if (n != NULL)
            add_id(n, &n->id, &t);
        put(p, row, column, selected ? ATTR_BOLD : ATTR_NORMAL, &t);
        if (selected)
            view_cursor(v, row, column);
    }
}

const struct picture pastry_pictures[] = {{"routing table", draw_table},
                                          {"distances", draw_distances},
                                          {"nodes", draw_nodes},
                                          {.name = NULL}};

/* -- State --------------------------------------------------------------- */

/* "n1203  1203  40 ms": name, id, round trip. */
static void peer_row(const struct view *v, const struct pastry *n,
                     const struct peer *p, const char *name,
                     struct state_rows *rows)
{
    struct text *t = state_row(rows, name, NULL);
    size_t start = t->len;

    network_name(v->network, peer_addr(p), t);
    text_repeat(t, ' ', t->len - start < 6 ? 6 - (t->len - start) : 1);
    add_id(n, PEER_ID(p), t);
    if (p->rtt > 0)
        text_printf(t, " %u ms", p->rtt * RTT_UNIT_US / 1000U);
}

void pastry_state(const struct view *v, struct state_rows *rows)
{
    const struct pastry *n = v->selected->node;

    struct text *t = state_row(rows, "id", NULL);
    id_text(t, &n->id, pastry_id_bits(n->digit_bits, n->digits));
    text_add(t, n->active ? "" : "  (joining)");
    for (unsigned i = n->low_count; i-- > 0;)
        peer_row(v, n, &n->low[i], "smaller", rows);
    for (unsigned i = 0; i < n->high_count; i++)
        peer_row(v, n, &n->high[i], "larger", rows);
    for (unsigned i = 0; i < n->near_count; i++)
        peer_row(v, n, &n->near[i], "near", rows);
    LOCAL_TEXT name = text_new();
    for (unsigned i = 0, last = n->digits; i < n->entry_count; i++) {
        unsigned row = pastry_shared(n, &n->id, PEER_ID(&n->entry[i]));
        text_clear(&name);
        if (row == last)
            text_char(&name, ' ');
        else
            text_printf(&name, "row%u", row);
        peer_row(v, n, &n->entry[i], name.data, rows);
        last = row;
    }
    text_printf(state_row(rows, "values", NULL), "%u", n->item_count);
}
