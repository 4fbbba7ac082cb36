/*
 * What the monitor draws of Pastry: the routing table of the selected node,
 * with the prefix that it shares with the key under way, and the ids.
 */
#include "pastry/view.h"

#include "pastry/check.h"

static const struct pastry *pastry_of(const struct host *h)
{
    return h != NULL && h->state != NODE_DOWN && h->protocol == &pastry_protocol
               ? h->node
               : NULL;
}

/* The key of the newest message of the selected command that has one. */
static bool key_of(const struct view *v, struct id *key)
{
    struct pastry_msg m;

    for (size_t i = v->path_count; i-- > 0;) {
        const struct record *r = &v->path[i];
        if (r->data == NULL || !pastry_decode(&m, r->data, r->len) ||
            (m.type != PASTRY_ROUTE && m.type != PASTRY_REACHED))
            continue;
        *key = m.key;
        return true;
    }
    return false;
}

static void add_name(const struct view *v, struct addr a, struct text *t)
{
    struct namer names = network_namer(v->network);
    const char *name = names.name(names.context, a);

    if (name != NULL)
        text_add(t, name);
    else
        addr_text(t, a);
}

/* Columns of digits, rows of shared prefixes: `#` filled, `>` the slot that
   the key under way uses, `.` our own digit, a blank where nobody is known. */
static void draw_row(const struct view *v, const struct pastry *n,
                     const struct pane *p, unsigned r, const struct id *key)
{
    unsigned base = 1U << n->digit_bits;
    unsigned shared = key != NULL ? pastry_shared(n, &n->id, key) : n->digits;

    (void)v;
    pane_printf(p, 2 + (int)r, 0,
                r <= shared && key != NULL ? ATTR_BOLD : ATTR_DIM, "%3u %c ", r,
                "0123456789abcdef"[pastry_digit(n, &n->id, r)]);
    for (unsigned c = 0; c < base; c++) {
        bool used = key != NULL && r == shared && c == pastry_digit(n, key, r);
        const struct peer *e = pastry_entry(n, r, c);
        char mark = c == pastry_digit(n, &n->id, r) ? '.'
                    : e == NULL                     ? used ? '?' : ' '
                    : used                          ? '>'
                                                    : '#';
        pane_put(p, 2 + (int)r, 6 + 2 * (int)c, mark,
                 used ? ATTR_YELLOW : ATTR_NORMAL);
    }
}

static void draw_table(const struct view *v, const struct pane *p)
{
    const struct pastry *n = pastry_of(v->selected);
    struct id key;
    bool known = key_of(v, &key);
    struct text t = text_new();

    if (n == NULL) {
        pane_text(p, 0, 0, ATTR_DIM, "the selected node is down");
        text_free(&t);
        return;
    }
    id_text(&t, &n->id, pastry_id_bits(n->digit_bits, n->digits));
    pane_printf(p, 0, 0, ATTR_BOLD, "routing table of %s", t.data);
    if (v->cursor_row != NULL) {
        *v->cursor_row = p->row;
        *v->cursor_column = p->column;
    }
    pane_text(p, 1, 0, ATTR_DIM, "row   0 1 2 3 4 5 6 7 8 9 a b c d e f");
    for (unsigned r = 0; r < n->digits && (int)r < p->rows - 4; r++)
        draw_row(v, n, p, r, known ? &key : NULL);
    text_clear(&t);
    if (known)
        id_text(&t, &key, pastry_id_bits(n->digit_bits, n->digits));
    if (known)
        pane_printf(p, p->rows - 1, 0, ATTR_YELLOW,
                    "key %s: %u digits shared  > its slot", t.data,
                    pastry_shared(n, &n->id, &key));
    else
        pane_text(p, p->rows - 1, 0, ATTR_DIM, "# filled  . own digit");
    text_free(&t);
}

/* All nodes with their ids; [selected], * its leaf, x down. */
static void draw_nodes(const struct view *v, const struct pane *p)
{
    const struct pastry *me = pastry_of(v->selected);
    int each = p->columns >= 22 ? p->columns / 22 : 1;

    for (size_t i = 0; i < v->network->count; i++) {
        const struct host *h = v->network->host[i];
        int row = 1 + (int)i / each, column = (int)i % each * 22;
        const struct pastry *n = pastry_of(h);
        char mark = h == v->selected ? '[' : n == NULL ? 'x' : ' ';
        if (row >= p->rows - 1) {
            pane_printf(p, p->rows - 1, 0, ATTR_DIM, "and %zu more",
                        v->network->count - i);
            break;
        }
        for (unsigned j = 0; me != NULL && n != NULL && n != me &&
                             j < (unsigned)me->low_count + me->high_count;
             j++)
            if (addr_equal(peer_addr(pastry_peer_at(me, j)), h->addr))
                mark = '*';
        pane_printf(p, row, column, mark == '[' ? ATTR_BOLD : ATTR_NORMAL,
                    "%c%-12.12s", mark, h->name);
    }
    pane_text(p, 0, 0, ATTR_DIM, "[selected  *its leaf  xdown");
}

const struct picture pastry_pictures[] = {
    {"routing table", draw_table}, {"nodes", draw_nodes}, {.name = NULL}};

static void peer_row(const struct view *v, const struct pastry *n,
                     const struct peer *p, const char *name,
                     struct state_rows *rows)
{
    struct text *t = state_row(rows, name, NULL);

    (void)n;
    add_name(v, peer_addr(p), t);
    if (p->rtt > 0)
        text_printf(t, "  %u ms", p->rtt * RTT_UNIT_US / 1000U);
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
    for (unsigned i = 0; i < n->entry_count; i++)
        peer_row(v, n, &n->entry[i], i == 0 ? "table" : "", rows);
    text_printf(state_row(rows, "values", NULL), "%u", n->item_count);
}
