/*
 * What the monitor draws of Chord: the ring, and a node's tables.
 *
 * Nodes stand on an ellipse at the angle of their id, 0 at the top, clockwise.
 * Where labels would collide they stand in order, evenly, with a ruler of the
 * true places; too many for that, and there is a strip of how dense the ring
 * is, with the neighbourhood of the selected node below.
 *
 *     [n80] selected   *n96 its finger   (n16)1 first hop   {n45}3 owner
 *     >n32 a query is on its way there   xn32 crashed       ?n40 joining
 *
 * The path is what the selected lookup's FIND_SUCC messages say, so it grows
 * as they arrive.  Angles are fractions of 2^16; sines come from a table.
 */
#include "chord/main.h"

#include <string.h>

#include "chord/node.h"

#define LABEL_BYTES 20
#define POINTS_MAX 64       /* drawn on a ring; more are summed up */
#define POINTS_MAX_SMALL 24 /* in less than WIDE columns */
#define WIDE 90
#define NEAR 5 /* neighbours of the selected node in a large ring */
#define HOPS_SHOWN 24

/* The selected lookup, as far as it has come. */
struct path {
    struct addr node[HOPS_SHOWN];
    size_t count;
    struct addr flying; /* to whom the next hop is on its way; or none */
    bool known, done, ok;
    struct id key;
    struct addr owner;
};

/* A ring member, or a node that is down, on the picture. */
struct point {
    const struct host *host;
    const struct member *member; /* NULL: down */
    struct id id;
    char label[LABEL_BYTES];
    uint8_t attr;
    int row, column; /* of the label */
};

struct ring {
    const struct view *v;
    unsigned bits;
    struct path path;
    struct point at[POINTS_MAX];
    size_t count;
    bool by_rank;
};

static unsigned bits_of(const struct view *v)
{
    return (unsigned)setting(v->network->settings, OPT_BITS);
}

/* The place of an id on the circle, of 2^16. */
static uint32_t turn_of(const struct id *id, unsigned bits)
{
    uint32_t turn = 0;

    for (unsigned i = 0; i < 16; i++) {
        int bit = (int)bits - 1 - (int)i; /* from the most significant */
        uint32_t set = 0;
        if (bit >= 0)
            set = id->word[ID_WORDS - 1 - bit / 32] >> (bit % 32) & 1;
        turn = turn << 1 | set;
    }
    return turn;
}

/* sin of a turn of 2^16, times 1024. */
static int sine(uint32_t turn)
{
    static const int16_t quarter[65] = {
        0,   25,   50,   75,   100,  125,  150,  175,  200,  224, 249,
        273, 297,  321,  345,  369,  392,  415,  438,  460,  483, 505,
        526, 548,  569,  590,  610,  630,  650,  669,  688,  706, 724,
        742, 759,  775,  792,  807,  822,  837,  851,  865,  878, 891,
        903, 915,  926,  936,  946,  955,  964,  972,  980,  987, 993,
        999, 1004, 1009, 1013, 1016, 1019, 1021, 1023, 1024, 1024};
    uint32_t part = turn & 0x3fff;

    if (turn & 0x4000) /* the second and fourth quarter run back */
        part = 0x4000 - part;
    int low = quarter[part >> 8],
        high = quarter[part >> 8 < 64 ? (part >> 8) + 1 : 64];
    int value = low + (high - low) * (int)(part & 0xff) / 256;
    return turn & 0x8000 ? -value : value;
}

/* -- The path of the selected lookup ------------------------------------- */

static void path_of_result(const struct view *v, struct path *p)
{
    bool in_path = false;

    p->done = true;
    for (size_t i = 0; i < v->result->count; i++) {
        const struct field *f = &v->result->at[i];
        if (f->kind == FIELD_LIST)
            in_path = strcmp(f->name, "path") == 0;
        if (f->kind == FIELD_NODE && in_path && f->depth > 0 &&
            p->count < HOPS_SHOWN)
            p->node[p->count++] = f->addr;
        if (f->kind == FIELD_NODE && strcmp(f->name, "owner") == 0) {
            p->owner = f->addr;
            p->ok = true;
        }
    }
}

/* A query's hop count says where in the path it arrives. */
static void path_of_message(const struct record *r, bool flying, struct path *p)
{
    struct chord_msg m;

    if (r->kind == RECORD_COMMAND && p->count == 0)
        p->node[p->count++] = r->to.addr;
    if (r->kind != RECORD_MESSAGE || !chord_decode(&m, r->data, r->len) ||
        m.type != CHORD_FIND_SUCC)
        return;
    p->known = true;
    p->key = m.key;
    if (p->count == 0)
        p->node[p->count++] = peer_addr(&m.origin);
    if (p->done || r->why != NULL || m.hops >= HOPS_SHOWN)
        return;
    if (flying) {
        p->flying = r->to.addr;
    } else if (m.hops <= p->count && m.hops > 0) {
        p->node[m.hops] = r->to.addr;
        p->count = (size_t)m.hops + 1;
    }
}

static void path_read(const struct view *v, struct path *p)
{
    *p = (struct path){.count = 0};
    if (v->result != NULL)
        path_of_result(v, p);
    for (size_t i = 0; i < v->path_count; i++)
        path_of_message(&v->path[i], i + v->path_flying >= v->path_count, p);
}

/* The last time that the path passes a node; or SIZE_MAX. */
static size_t hop_of(const struct path *p, struct addr a)
{
    for (size_t i = p->count; i-- > 0;)
        if (addr_equal(p->node[i], a))
            return i;
    return SIZE_MAX;
}

/* -- Labels -------------------------------------------------------------- */

static void name_of_peer(const struct view *v, const struct peer *p,
                         struct text *t)
{
    const struct host *h =
        peer_none(p) ? NULL : v->network->by_addr(v->network, peer_addr(p));

    if (peer_none(p))
        text_add(t, "-");
    else if (h != NULL && strlen(h->name) < 8)
        text_add(t, h->name);
    else
        id_text(t, &p->id, bits_of(v));
    if (!peer_none(p) && p->vnode > 0)
        text_printf(t, ".%u", p->vnode);
}

static const struct member *selected_member(const struct view *v)
{
    const struct chord *c = network_node(v->selected, &chord_protocol);

    return c != NULL ? &c->member[0] : NULL;
}

static bool is_finger(const struct view *v, const struct point *p)
{
    const struct member *n = selected_member(v);

    if (n == NULL || p->member == NULL)
        return false;
    const struct chord *c = v->selected->node;
    for (unsigned i = 0; i < n->finger_count; i++) {
        struct peer finger = chord_finger_run(c, n, i);
        if (id_equal(&finger.id, &p->id))
            return true;
    }
    return n->succ_count > 0 && id_equal(&n->succ[0].id, &p->id);
}

/* Selected, on the path, owner, finger: in this order of importance. */
static void label_point(const struct ring *r, struct point *p)
{
    const struct path *path = &r->path;
    struct addr a = p->host->addr;
    size_t hop = hop_of(path, a);
    bool owner = path->ok && addr_equal(path->owner, a);
    bool flying = !addr_none(path->flying) && addr_equal(path->flying, a);
    struct peer self = {.id = p->id, .ip = a.ip, .port = a.port};
    LOCAL_TEXT name = text_new(), t = text_new();

    if (p->member != NULL)
        self.vnode = p->member->vnode;
    name_of_peer(r->v, &self, &name);
    p->attr = ATTR_NORMAL;
    if (p->member == NULL) {
        text_printf(&t, "x%s", name.data);
        p->attr = ATTR_DIM;
    } else if (p->host == r->v->selected) {
        text_printf(&t, owner ? "{[%s]}" : "[%s]", name.data);
        p->attr = ATTR_BOLD | ATTR_REVERSE;
    } else if (owner) {
        text_printf(&t, "{%s}", name.data);
        p->attr = ATTR_BOLD | ATTR_YELLOW;
    } else if (flying) {
        text_printf(&t, ">%s", name.data);
        p->attr = ATTR_BOLD | ATTR_CYAN;
    } else if (hop != SIZE_MAX) {
        text_printf(&t, "(%s)", name.data);
        p->attr = ATTR_BOLD | ATTR_YELLOW;
    } else if (p->member->phase != MEMBER_INSIDE) {
        text_printf(&t, "?%s", name.data);
    } else if (is_finger(r->v, p)) {
        text_printf(&t, "*%s", name.data);
        p->attr = ATTR_CYAN;
    } else {
        text_add(&t, name.data);
    }
    if (hop != SIZE_MAX && hop > 0 && p->member != NULL)
        text_u64(&t, hop);
    size_t len = t.len < LABEL_BYTES ? t.len : LABEL_BYTES - 1;
    memcpy(p->label, t.data, len);
    p->label[len] = '\0';
}

/* -- A ring that fits ---------------------------------------------------- */

/* Insert a point in the order of ids. */
static void add_point(struct ring *r, const struct point *p)
{
    size_t i = r->count++;

    for (; i > 0 && id_compare(&p->id, &r->at[i - 1].id) < 0; i--)
        r->at[i] = r->at[i - 1];
    r->at[i] = *p;
}

/* Gather the members; false when there are more than `max`. */
static bool gather(struct ring *r, size_t max)
{
    const struct network *net = r->v->network;

    for (size_t i = 0; i < net->count; i++) {
        const struct host *h = net->host[i];
        if (h->protocol != &chord_protocol)
            continue;
        const struct chord *c = h->node;
        unsigned members = c != NULL ? c->member_count : 1;
        for (unsigned k = 0; k < members; k++) {
            struct point p = {.host = h,
                              .member = c != NULL ? &c->member[k] : NULL,
                              .id = c != NULL ? c->member[k].id : h->id};
            if (r->count == max)
                return false;
            add_point(r, &p);
        }
    }
    return true;
}

struct ellipse {
    int row, column, rows, columns; /* centre and radii */
};

static void place(const struct ellipse *e, uint32_t turn, int *row, int *column)
{
    int x = sine(turn) * e->columns, y = sine(turn + 0x4000) * e->rows;

    *column = e->column + (x + (x < 0 ? -512 : 512)) / 1024;
    *row = e->row - (y + (y < 0 ? -512 : 512)) / 1024;
}

static void place_label(const struct ring *r, const struct ellipse *e, size_t i,
                        struct point *p)
{
    uint32_t turn = r->by_rank ? (uint32_t)(i * 0x10000 / r->count)
                               : turn_of(&p->id, r->bits);
    int side = sine(turn), len = (int)strlen(p->label);

    place(e, turn, &p->row, &p->column);
    if (side < -200)
        p->column -= len - 1;
    else if (side <= 200)
        p->column -= len / 2;
}

static bool collides(const struct ring *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct point *a = &r->at[i];
        for (size_t j = i + 1; j < r->count; j++) {
            const struct point *b = &r->at[j];
            if (a->row == b->row &&
                a->column <= b->column + (int)strlen(b->label) &&
                b->column <= a->column + (int)strlen(a->label))
                return true;
        }
    }
    return false;
}

/* The middle of the ring: what the lookup does, and what the marks mean. */
static void draw_words(const struct ring *r, const struct ellipse *e,
                       const struct pane *p)
{
    const struct path *path = &r->path;
    struct text line[5] = {text_new(), text_new(), text_new(), text_new(),
                           text_new()};
    int count = 0, width = 2 * e->columns - 6;

    if (path->known || path->done) {
        if (path->known) {
            text_add(&line[0], "lookup of key ");
            id_text(&line[0], &path->key, r->bits);
            text_add(&line[0], " from ");
            network_name(r->v->network, path->node[0], &line[0]);
        }
        for (size_t i = 0; i < path->count; i++) {
            text_add(&line[1], i > 0 ? " -> " : "");
            network_name(r->v->network, path->node[i], &line[1]);
        }
        if (!addr_none(path->flying)) {
            text_add(&line[1], " ..> ");
            network_name(r->v->network, path->flying, &line[1]);
        }
        if (path->ok) {
            text_printf(&line[2], "%zu hop%s, owner ", path->count - 1,
                        path->count == 2 ? "" : "s");
            network_name(r->v->network, path->owner, &line[2]);
        } else if (path->done) {
            text_add(&line[2], "failed");
        } else {
            text_add(&line[2], "under way");
        }
        count = 3;
    }
    if (e->rows >= 5 && (r->v->selected != NULL || count > 0)) {
        text_add(&line[count++], "[selected] *its finger");
        if (count > 1)
            text_add(&line[count++], "(node)hop >next {owner}");
    }
    for (int i = 0; i < count; i++) {
        int len = (int)line[i].len < width ? (int)line[i].len : width;
        pane_printf(p, e->row - count / 2 + i, e->column - len / 2,
                    i < count - 2 || count < 3 ? ATTR_NORMAL : ATTR_DIM, "%.*s",
                    len, line[i].data);
    }
    for (int i = 0; i < 5; i++)
        text_free(&line[i]);
}

/* A line from 0 to 2^bits with a mark at each node's true place. */
static void draw_ruler(const struct ring *r, const struct pane *p)
{
    int row = p->rows - 1, width = p->columns - 14;
    LOCAL_TEXT end = text_new();

    pane_text(p, row, 0, ATTR_DIM, " 0 ");
    for (int c = 0; c < width; c++)
        pane_put(p, row, 3 + c, '_', ATTR_DIM);
    for (size_t i = 0; i < r->count; i++) {
        int c = (int)(turn_of(&r->at[i].id, r->bits) * (uint32_t)width >> 16);
        pane_put(p, row, 3 + c, '|',
                 r->at[i].host == r->v->selected ? ATTR_REVERSE : ATTR_NORMAL);
    }
    text_printf(&end, " 2^%u", r->bits);
    pane_text(p, row, 3 + width, ATTR_DIM, end.data);
}

static void draw_key(const struct ring *r, const struct ellipse *e,
                     const struct pane *p)
{
    LOCAL_TEXT t = text_new();
    int row, column;

    if (!r->path.known || r->by_rank)
        return;
    text_add(&t, "k");
    id_text(&t, &r->path.key, r->bits);
    if (t.len > 6)
        t.data[1] = '\0';
    uint32_t turn = turn_of(&r->path.key, r->bits);
    struct ellipse inner = {e->row, e->column, e->rows, e->columns - 2};
    place(&inner, turn, &row, &column);
    if (sine(turn) > 200)
        column -= (int)t.len;
    pane_text(p, row, column, ATTR_BOLD, t.data);
}

static void draw_ring(struct ring *r, const struct pane *p)
{
    struct ellipse e = {(p->rows - 1) / 2, p->columns / 2, (p->rows - 1) / 2,
                        p->columns / 2 - 5};

    for (size_t i = 0; i < r->count; i++)
        label_point(r, &r->at[i]);
    for (size_t i = 0; i < r->count; i++)
        place_label(r, &e, i, &r->at[i]);
    if (collides(r)) {
        r->by_rank = true;
        e.rows = (p->rows - 2) / 2;
        e.row = e.rows;
        for (size_t i = 0; i < r->count; i++)
            place_label(r, &e, i, &r->at[i]);
        draw_ruler(r, p);
    }
    for (uint32_t turn = 0; turn < 0x10000; turn += 0x100) {
        int row, column;
        place(&e, turn, &row, &column);
        pane_put(p, row, column, '.', ATTR_DIM);
    }
    draw_words(r, &e, p);
    draw_key(r, &e, p);
    for (size_t i = 0; i < r->count; i++) {
        const struct point *at = &r->at[i];
        pane_text(p, at->row, at->column, at->attr, at->label);
        if (at->host == r->v->selected)
            view_cursor(r->v, at->row, at->column + 1);
    }
}

/* -- A ring too large to draw -------------------------------------------- */

#define STRIP_MAX 256

struct crowd {
    uint32_t count, down;
    uint32_t strip[STRIP_MAX];
    int columns;
    struct point near[2][NEAR]; /* before and behind the selected, nearest
                                   first */
    struct id way[2][NEAR];
    unsigned near_count[2];
};

static void keep_near(struct crowd *c, int side, const struct point *p,
                      const struct id *way)
{
    unsigned i = c->near_count[side];

    if (i == NEAR && id_compare(way, &c->way[side][NEAR - 1]) >= 0)
        return;
    i = i == NEAR ? NEAR - 1 : c->near_count[side]++;
    for (; i > 0 && id_compare(way, &c->way[side][i - 1]) < 0; i--) {
        c->near[side][i] = c->near[side][i - 1];
        c->way[side][i] = c->way[side][i - 1];
    }
    c->near[side][i] = *p;
    c->way[side][i] = *way;
}

static void count_crowd(const struct ring *r, struct crowd *c)
{
    const struct network *net = r->v->network;
    const struct member *here = selected_member(r->v);

    for (size_t i = 0; i < net->count; i++) {
        const struct host *h = net->host[i];
        if (h->protocol != &chord_protocol)
            continue;
        if (h->node == NULL) {
            c->down++;
            continue;
        }
        const struct chord *node = h->node;
        struct point p = {
            .host = h, .member = &node->member[0], .id = node->member[0].id};
        c->count++;
        c->strip[turn_of(&p.id, r->bits) * (uint32_t)c->columns >> 16]++;
        if (here == NULL || p.member == here)
            continue;
        struct id before = id_distance(here->id, p.id, r->bits);
        struct id behind = id_distance(p.id, here->id, r->bits);
        keep_near(c, 0, &p, &before);
        keep_near(c, 1, &p, &behind);
    }
}

static void mark_strip(const struct ring *r, const struct crowd *c,
                       const struct pane *p, struct addr a, char mark)
{
    const struct host *h = r->v->network->by_addr(r->v->network, a);

    if (h == NULL)
        return;
    uint32_t column = turn_of(&h->id, r->bits) * (uint32_t)c->columns >> 16;
    pane_put(p, 3, 1 + (int)column, mark, ATTR_BOLD | ATTR_YELLOW);
}

static void draw_strip(const struct ring *r, const struct crowd *c,
                       const struct pane *p)
{
    const struct member *n = selected_member(r->v);
    uint32_t most = 1;

    for (int i = 0; i < c->columns; i++)
        if (c->strip[i] > most)
            most = c->strip[i];
    for (int i = 0; i < c->columns; i++)
        pane_put(p, 2, 1 + i, " .:-=+*#%@"[c->strip[i] * 9 / most],
                 ATTR_NORMAL);
    for (unsigned i = 0; n != NULL && i < n->finger_count; i++) {
        struct peer f = chord_finger_run(r->v->selected->node, n, i);
        mark_strip(r, c, p, peer_addr(&f), '*');
    }
    for (size_t i = 1; i < r->path.count; i++)
        mark_strip(r, c, p, r->path.node[i], (char)('0' + i % 10));
    if (r->v->selected != NULL)
        mark_strip(r, c, p, r->v->selected->addr, '^');
}

static void draw_near(const struct ring *r, const struct pane *p, int row,
                      int place_of, struct point *at)
{
    LOCAL_TEXT id = text_new();

    label_point(r, at);
    id_text(&id, &at->id, r->bits);
    pane_printf(p, row, 2, ATTR_DIM, "%+3d", place_of);
    pane_text(p, row, 7, at->attr, at->label);
    pane_text(p, row, 20, 0, id.data);
}

/* How dense the ring is, and an arc of it around the selected node. */
static void draw_crowd(const struct ring *r, const struct pane *p)
{
    struct crowd crowd = {.columns = 0}, *c = &crowd;
    const struct member *here = selected_member(r->v);

    c->columns = p->columns - 2 < STRIP_MAX ? p->columns - 2 : STRIP_MAX;
    count_crowd(r, c);
    pane_printf(p, 0, 1, 0, "%u nodes on a circle of 2^%u", c->count, r->bits);
    if (c->down > 0)
        pane_printf(p, 0, 34, 0, "%u down", c->down);
    pane_text(p, 1, 1, ATTR_DIM, "0");
    pane_text(p, 1, 3, ATTR_DIM, "how dense; ^ selected * fingers 1 hop");
    draw_strip(r, c, p);
    int room = (p->rows - 5) / 2;
    int row = 4;
    for (int i = room < NEAR ? room : NEAR; here != NULL && i-- > 0;)
        if ((unsigned)i < c->near_count[0])
            draw_near(r, p, row++, -i - 1, &c->near[0][i]);
    if (here != NULL) {
        struct point self = {
            .host = r->v->selected, .member = here, .id = here->id};
        view_cursor(r->v, row, 7);
        draw_near(r, p, row++, 0, &self);
    } else {
        pane_text(p, row, 1, 0, "left and right select a node");
    }
    for (int i = 0; here != NULL && i < NEAR && row < p->rows; i++)
        if ((unsigned)i < c->near_count[1])
            draw_near(r, p, row++, i + 1, &c->near[1][i]);
}

static void ring_picture(const struct view *v, const struct pane *p)
{
    struct ring r = {.v = v, .bits = bits_of(v)};

    path_read(v, &r.path);
    if (gather(&r, p->columns >= WIDE ? POINTS_MAX : POINTS_MAX_SMALL))
        draw_ring(&r, p);
    else
        draw_crowd(&r, p);
}

/* -- Fingers as arcs over a line ----------------------------------------- */

/* Each finger of the selected node: where it begins, whom it names. */
static void finger_picture(const struct view *v, const struct pane *p)
{
    const struct member *n = selected_member(v);
    unsigned bits = bits_of(v);
    int width = p->columns - 2, row = 2;

    if (n == NULL) {
        pane_text(p, 0, 1, 0, "left and right select a node");
        return;
    }
    const struct chord *c = v->selected->node;
    pane_printf(p, 0, 1, 0, "once round from %s: each finger doubles the way",
                v->selected->name);
    for (int i = 0; i < width; i++)
        pane_put(p, 1, 1 + i, '-', ATTR_FRAME);
    for (size_t i = 0; i < v->network->count; i++) {
        const struct host *h = v->network->host[i];
        if (network_node(h, &chord_protocol) == NULL)
            continue;
        struct id way = id_distance(h->id, n->id, bits);
        pane_put(p, 1, 1 + (int)(turn_of(&way, bits) * (uint32_t)width >> 16),
                 'o', ATTR_NORMAL);
    }
    for (unsigned i = bits; i-- > 0 && row < p->rows; row++) {
        struct peer f = chord_finger_get(c, n, i);
        struct id start = chord_finger_start(c, n, i);
        struct id to_start = id_distance(start, n->id, bits);
        struct id to_node = id_distance(f.id, n->id, bits);
        int a = (int)(turn_of(&to_start, bits) * (uint32_t)width >> 16);
        int b = (int)(turn_of(&to_node, bits) * (uint32_t)width >> 16);
        LOCAL_TEXT t = text_new();
        if (peer_none(&f) || b < a)
            b = width;
        for (int k = a; k < b; k++)
            pane_put(p, row, 1 + k, '.', ATTR_DIM);
        pane_put(p, row, 1 + a, '|', ATTR_NORMAL);
        text_printf(&t, "f%u ", i);
        name_of_peer(v, &f, &t);
        int column = 1 + b + (int)t.len < p->columns ? 1 + b : a - (int)t.len;
        pane_text(p, row, column, ATTR_CYAN, t.data);
    }
}

const struct picture chord_pictures[] = {
    {"ring", ring_picture}, {"fingers", finger_picture}, {NULL, NULL}};

/* -- A node's state ------------------------------------------------------ */

/* The hop that this node made, by its place on the path; NULL: none. */
static const char *hop_mark(const struct path *p, size_t hop)
{
    static const char *const marks[] = {"<== hop 1", "<== hop 2", "<== hop 3",
                                        "<== hop 4", "<== hop 5", "<== hop 6",
                                        "<== hop 7", "<== hop 8", "<== hop 9"};

    if (hop == SIZE_MAX || (hop + 1 >= p->count && addr_none(p->flying)))
        return NULL;
    return hop < sizeof marks / sizeof marks[0] ? marks[hop] : "<== hop";
}

static void finger_rows(const struct view *v, const struct chord *c,
                        const struct member *n, const struct path *path,
                        struct state_rows *rows)
{
    size_t hop = hop_of(path, v->selected->addr);
    struct addr next = {.ip = 0};
    const char *mark = hop_mark(path, hop);

    if (mark != NULL)
        next = hop + 1 < path->count ? path->node[hop + 1] : path->flying;
    for (unsigned i = 0; i < c->bits; i++) {
        struct peer f = chord_finger_get(c, n, i), g = {.ip = 0};
        struct id start = chord_finger_start(c, n, i);
        unsigned last = i;
        /* Long tables: a run of equal fingers is one row. */
        while (c->bits > 10 && last + 1 < c->bits) {
            g = chord_finger_get(c, n, last + 1);
            if (!peer_same(&g, &f))
                break;
            last++;
        }
        /* Of equal fingers the farthest is the one that was taken. */
        if (last + 1 < c->bits)
            g = chord_finger_get(c, n, last + 1);
        bool used = mark != NULL && addr_equal(peer_addr(&f), next) &&
                    (last + 1 == c->bits || !peer_same(&g, &f));
        LOCAL_TEXT name = text_new();
        text_printf(&name, last > i ? "f%u-%u" : "f%u", i, last);
        struct text *t = state_row(rows, name.data, used ? mark : NULL);
        id_text(t, &start, c->bits);
        text_add(t, " ");
        text_repeat(t, ' ', t->len < 5 ? 5 - t->len : 0);
        name_of_peer(v, &f, t);
        i = last;
    }
}

static void key_rows(const struct chord *c, const struct member *n,
                     struct state_rows *rows)
{
    struct text *t = state_row(rows, "keys", NULL);
    struct text *copies = NULL;

    text_add(t, "(");
    if (!peer_none(&n->pred))
        id_text(t, &n->pred.id, c->bits);
    text_add(t, ",");
    id_text(t, &n->id, c->bits);
    text_add(t, "]");
    size_t row = rows->count - 1;
    for (const struct item *i = n->items; i != NULL; i = i->next) {
        bool own = peer_none(&n->pred) ||
                   id_in_half_open(&i->key, &n->pred.id, &n->id);
        if (i->deleted)
            continue;
        if (!own && copies == NULL)
            copies = state_row(rows, "copies", NULL);
        struct text *to = own ? &rows->at[row].value : copies;
        if (to->len > 120)
            continue;
        text_add(to, " ");
        id_text(to, &i->key, c->bits);
    }
}

static void request_rows(const struct view *v, const struct chord *c,
                         struct state_rows *rows)
{
    unsigned shown = 0;

    for (const struct request *r = c->requests; r != NULL; r = r->next) {
        if (++shown > 3)
            break;
        struct text *t = state_row(rows, "", NULL);
        text_add(t, r->kind == REQUEST_FIND ? "looks up " : "waits for ");
        if (r->kind == REQUEST_FIND)
            id_text(t, &r->key, c->bits);
        else
            name_of_peer(v, &r->peer, t);
    }
}

void chord_state(const struct view *v, struct state_rows *rows)
{
    static const char *const phases[] = {"waits to join", "joining", "",
                                         "has left"};
    const struct chord *c = v->selected->node;
    struct path path;

    path_read(v, &path);
    for (unsigned k = 0; k < c->member_count; k++) {
        const struct member *n = &c->member[k];
        LOCAL_TEXT id = text_new();
        if (k > 0)
            text_add(state_row(rows, "", NULL), "-- virtual node:");
        id_text(&id, &n->id, c->bits);
        /* n80 says it in its name. */
        if (k > 0 || strcmp(v->selected->name + 1, id.data) != 0)
            text_add(state_row(rows, "id", NULL), id.data);
        if (n->phase != MEMBER_INSIDE)
            text_add(state_row(rows, "phase", NULL), phases[n->phase]);
        name_of_peer(v, &n->pred, state_row(rows, "pred", NULL));
        struct text *succ = state_row(rows, "succ", NULL);
        for (unsigned i = 0; i < n->succ_count; i++) {
            text_add(succ, i > 0 ? " " : "");
            name_of_peer(v, &n->succ[i], succ);
        }
        if (n->succ_count == 0)
            text_add(succ, "itself");
        finger_rows(v, c, n, &path, rows);
        key_rows(c, n, rows);
    }
    request_rows(v, c, rows);
}
