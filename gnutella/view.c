/*
 * What the monitor draws of Gnutella: the overlay by hop distance from the
 * asker, and the flood on it.
 *
 *     [a] --+-- b --+-- e        a row to each end of the tree along which
 *           |       +-- f (HIT)  the flood first reaches everyone
 *           +-- c --+-- g :2     :2 two duplicates were dropped there
 *                   +-- >h       a query is on its way there
 *
 * Links beside the tree are told in the state of a node.  The asker is the
 * node that was given the selected command; without one, the selected node.
 * What does not fit is summed up: servents, messages, duplicates by wave.
 */
#include "gnutella/main.h"

#include <string.h>

#include "gnutella/check.h"

#define POINTS_MAX 64 /* drawn one by one */
#define WAVES_MAX (TTL_MAX + 1)
#define COLUMN_MIN 8 /* of a hop */
#define COLUMN_MAX 14

/* A servent on the picture. */
struct point {
    uint32_t index, parent; /* indices in the network */
    uint32_t hop;
    uint32_t duplicates;
    bool reached, flying, hit;
    int row;
};

struct wave {
    uint32_t servents, reached, messages, duplicates;
};

struct flood {
    const struct view *v;
    const struct host *asker;
    bool known; /* there is a query, or a ping: its type, id and TTL */
    enum gnutella_type type;
    uint8_t guid[GUID_BYTES], ttl;
    char text[40];
    struct point at[POINTS_MAX];
    size_t count;
    int column;   /* of a hop */
    bool crowded; /* more than fit */
    struct wave wave[WAVES_MAX];
    uint32_t hops, waves; /* with servents, and with messages */
    size_t away;          /* servents to whom no links lead */
    uint32_t hits, hits_home;
};

static bool is_query(const struct record *r, struct gnutella_msg *m)
{
    return r->kind == RECORD_MESSAGE && r->framing.phase == PHASE_MESSAGES &&
           gnutella_decode(m, r->data, r->len) > 0 && !m->bad &&
           (m->type == GNUTELLA_QUERY || m->type == GNUTELLA_HIT ||
            m->type == GNUTELLA_PING || m->type == GNUTELLA_PONG);
}

/* The node that asks. */
static const struct host *find_asker(const struct view *v)
{
    const struct network *net = v->network;

    for (size_t i = 0; i < v->path_count; i++)
        if (v->path[i].kind == RECORD_COMMAND)
            return net->by_addr(net, v->path[i].to.addr);
    if (v->path_count > 0 && v->path[0].kind == RECORD_MESSAGE)
        return net->by_addr(net, v->path[0].from.addr);
    if (v->selected != NULL && gnutella_at(net, v->selected->index) != NULL)
        return v->selected;
    for (size_t i = 0; i < net->count; i++)
        if (gnutella_at(net, i) != NULL)
            return net->host[i];
    return NULL;
}

static struct point *point_of(struct flood *f, uint32_t index)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].index == index)
            return &f->at[i];
    return NULL;
}

/* From whom the flood comes to `i`: the first nearer one that `i` has a link
   with; where it is up at the other end only, the first that has it. */
static uint32_t parent_of(const struct flood *f, uint32_t i)
{
    const struct network *net = f->v->network;
    uint32_t near[LINKS_MAX], nearer = gnutella_at(net, i)->distance - 1;
    size_t count = gnutella_neighbours(net, i, near);

    for (size_t k = 0; k < count; k++)
        if (gnutella_at(net, near[k])->distance == nearer)
            return near[k];
    for (size_t p = 0; p < f->count; p++) {
        uint32_t at = f->at[p].index;
        if (gnutella_at(net, at)->distance != nearer)
            continue;
        count = gnutella_neighbours(net, at, near);
        for (size_t k = 0; k < count; k++)
            if (near[k] == i)
                return at;
    }
    return NOWHERE;
}

/* Everyone within reach, in the order of hops and of links. */
static void gather(struct flood *f)
{
    const struct network *net = f->v->network;

    for (size_t i = 0; i < net->count; i++)
        f->away += gnutella_at(net, i) != NULL;
    f->away -= gnutella_measure(net, f->asker->index);
    for (uint32_t i = f->asker->index; i != NOWHERE;) {
        const struct gnutella *n = gnutella_at(net, i);
        uint32_t hop = n->distance < WAVES_MAX ? n->distance : WAVES_MAX - 1;
        f->wave[hop].servents++;
        f->waves = hop + 1 > f->waves ? hop + 1 : f->waves;
        f->crowded = f->crowded || f->count == POINTS_MAX;
        if (f->count < POINTS_MAX) {
            uint32_t parent = hop > 0 ? parent_of(f, i) : NOWHERE;
            f->at[f->count++] =
                (struct point){.index = i, .parent = parent, .hop = hop};
        }
        i = n->next;
    }
}

/* What the messages of the selected command have done so far. */
static void follow(struct flood *f, const struct record *r, bool flying)
{
    const struct network *net = f->v->network;
    const struct host *to = net->by_addr(net, r->to.addr);
    const struct host *from = net->by_addr(net, r->from.addr);
    struct gnutella_msg m;

    if (!is_query(r, &m) || to == NULL || from == NULL || r->why != NULL)
        return;
    struct point *p = point_of(f, to->index), *origin;
    bool asks = m.type == GNUTELLA_QUERY || m.type == GNUTELLA_PING;
    if (!asks) {
        origin = point_of(f, from->index);
        if (m.hops == 0) {
            f->hits += m.type == GNUTELLA_HIT;
            if (origin != NULL)
                origin->hit = m.type == GNUTELLA_HIT;
        }
        f->hits_home += !flying && to == f->asker;
        return;
    }
    uint32_t wave = m.hops + 1u < WAVES_MAX ? m.hops + 1u : WAVES_MAX - 1;
    f->known = true;
    f->type = m.type;
    f->ttl = (uint8_t)(m.ttl + m.hops);
    memcpy(f->guid, m.guid, GUID_BYTES);
    f->wave[wave].messages++;
    f->waves = wave + 1 > f->waves ? wave + 1 : f->waves;
    size_t len =
        m.text.len < sizeof f->text - 1 ? m.text.len : sizeof f->text - 1;
    if (len > 0)
        memcpy(f->text, m.text.at, len);
    if (p == NULL) /* a crowd: only the first hop's are told apart */
        return;
    if (flying) {
        p->flying = !p->reached;
    } else if (p->reached || to == f->asker) {
        p->duplicates++;
        f->wave[wave].duplicates++;
    } else {
        p->reached = true;
        f->wave[wave].reached++;
        if (gnutella_at(net, from->index) != NULL &&
            gnutella_at(net, from->index)->distance + 1 == p->hop)
            p->parent = from->index;
    }
}

static bool read_flood(const struct view *v, struct flood *f)
{
    *f = (struct flood){.v = v, .asker = find_asker(v)};
    if (f->asker == NULL || gnutella_at(v->network, f->asker->index) == NULL)
        return false;
    gather(f);
    f->hops = f->waves;
    for (size_t i = 0; i < v->path_count; i++)
        follow(f, &v->path[i], i + v->path_flying >= v->path_count);
    return true;
}

/* -- The tree ------------------------------------------------------------ */

/* Give rows to `parent`'s children, below `row`; the next free row. */
static int place(struct flood *f, struct point *parent, int row)
{
    bool first = true;

    parent->row = row;
    for (size_t i = 0; i < f->count; i++) {
        if (f->at[i].parent != parent->index)
            continue;
        row = place(f, &f->at[i], row);
        first = false;
    }
    return first ? row + 1 : row;
}

static int draw_point(const struct flood *f, const struct point *p,
                      const struct pane *pane)
{
    const struct host *h = f->v->network->host[p->index];
    LOCAL_TEXT t = text_new();
    uint8_t attr = ATTR_NORMAL;

    if (h == f->v->selected)
        text_printf(&t, "[%s]", h->name);
    else
        text_printf(&t, "%s%s", p->flying ? ">" : "", h->name);
    if (p->hit)
        text_add(&t, " HIT");
    if (p->duplicates > 0)
        text_printf(&t, " :%u", p->duplicates);
    if (h == f->v->selected)
        attr = ATTR_BOLD | ATTR_REVERSE;
    else if (p->flying)
        attr = ATTR_BOLD | ATTR_CYAN;
    else if (p->hit || p->reached)
        attr = ATTR_BOLD | (p->hit ? ATTR_YELLOW : 0);
    int column = 1 + (int)p->hop * f->column;
    if (h == f->v->selected)
        view_cursor(f->v, p->row, column + 1);
    return pane_text(pane, p->row, column, attr, t.data);
}

static void draw_tree(struct flood *f, const struct pane *pane)
{
    for (size_t i = 0; i < f->count; i++) {
        struct point *p = &f->at[i];
        int end = draw_point(f, p, pane),
            column = 1 + ((int)p->hop + 1) * f->column;
        int last = -1;
        for (size_t k = 0; k < f->count; k++) {
            if (f->at[k].parent != p->index)
                continue;
            int row = f->at[k].row;
            pane_text(pane, row, column - 4, ATTR_DIM, "+--");
            last = row;
        }
        for (int row = p->row + 1; row < last; row++)
            pane_put(pane, row, column - 4, '|', ATTR_DIM);
        for (int c = end + 1; last >= 0 && c < column - 4; c++)
            pane_put(pane, p->row, c, '-', ATTR_DIM);
        for (size_t k = 0; k < f->count; k++)
            if (f->at[k].parent == p->index)
                pane_put(pane, f->at[k].row, column - 4, '+', ATTR_DIM);
    }
}

/* -- A crowd ------------------------------------------------------------- */

/* By hop: how many servents, and how many of them have heard the question,
   which their own tables say. */
static void draw_crowd(const struct flood *f, const struct pane *pane)
{
    const struct network *net = f->v->network;
    const struct gnutella *asker = f->asker->node;
    int width = pane->columns - 26;
    uint32_t most = 1, heard[WAVES_MAX] = {0};

    for (size_t i = 0; f->known && i < net->count; i++) {
        const struct gnutella *n = gnutella_at(net, i);
        if (n != NULL && n->distance < WAVES_MAX)
            heard[n->distance] += gnutella_seen_find(&n->seen, GNUTELLA_QUERY,
                                                     asker->asked) != NULL;
    }
    for (uint32_t w = 0; w < f->waves; w++)
        most = f->wave[w].servents > most ? f->wave[w].servents : most;
    pane_text(pane, 1, 1, ATTR_DIM, "hop servents heard it");
    for (uint32_t w = 0; w < f->waves && (int)w + 2 < pane->rows; w++) {
        uint32_t servents = f->wave[w].servents;
        if (servents == 0)
            continue;
        pane_printf(pane, (int)w + 2, 1, ATTR_NORMAL, "%3u %8u %8u", w,
                    servents, heard[w]);
        int bar = (int)((uint64_t)servents * (uint64_t)width / most);
        int full = (int)((uint64_t)heard[w] * (uint64_t)width / most);
        for (int i = 0; i < bar; i++)
            pane_put(pane, (int)w + 2, 24 + i, i < full ? '#' : '.',
                     i < full ? ATTR_BOLD : ATTR_DIM);
    }
}

static void draw_summary(const struct flood *f, const struct pane *p, int row)
{
    uint32_t messages = 0, duplicates = 0;

    for (uint32_t w = 0; w < f->waves; w++) {
        messages += f->wave[w].messages;
        duplicates += f->wave[w].duplicates;
    }
    if (!f->known && f->away > 0)
        pane_printf(p, row, 1, ATTR_NORMAL, "%zu other%s cannot be reached",
                    f->away, f->away == 1 ? "" : "s");
    if (!f->known || f->crowded)
        return;
    int c = pane_printf(p, row, 1, ATTR_NORMAL, "%u messages, %u dups (:n)",
                        messages, duplicates);
    if (f->hits > 0)
        pane_printf(p, row, c, ATTR_NORMAL, ", %u hit%s, %u home", f->hits,
                    f->hits == 1 ? "" : "s", f->hits_home);
}

static void flood_picture(const struct view *v, const struct pane *p)
{
    struct flood f;

    if (!read_flood(v, &f)) {
        pane_text(p, 0, 1, 0, "left and right select a node");
        return;
    }
    int rows = f.crowded ? p->rows : place(&f, &f.at[0], 1);
    f.column = p->columns / (int)f.hops;
    f.column = f.column < COLUMN_MAX ? f.column : COLUMN_MAX;
    bool fits = !f.crowded && rows < p->rows && f.column >= COLUMN_MIN;
    if (fits) {
        for (uint32_t w = 0; w < f.hops; w++)
            pane_printf(p, 0, 1 + (int)w * f.column, ATTR_DIM, "hop %u", w);
        draw_tree(&f, p);
    } else {
        pane_printf(p, 0, 1, ATTR_NORMAL, "by hop distance from %s",
                    f.asker->name);
        draw_crowd(&f, p);
    }
    draw_summary(&f, p, p->rows - 1);
    if (fits && f.known && rows < p->rows - 2)
        pane_text(p, p->rows - 2, 1, ATTR_DIM,
                  "[selected]  >on its way  :n dups dropped");
}

/* -- Other pictures ------------------------------------------------------ */

static void degree_picture(const struct view *v, const struct pane *p)
{
    uint32_t bin[LINKS_MAX + 1] = {0}, near[LINKS_MAX], most = 1, top = 0;
    int row = 1;

    for (size_t i = 0; i < v->network->count; i++) {
        if (gnutella_at(v->network, i) == NULL)
            continue;
        size_t d = gnutella_neighbours(v->network, i, near);
        bin[d]++;
        most = bin[d] > most ? bin[d] : most;
        top = d > top ? (uint32_t)d : top;
    }
    pane_text(p, 0, 1, ATTR_DIM, "neighbours  servents");
    for (uint32_t d = 0; d <= top && row < p->rows; d++) {
        if (bin[d] == 0)
            continue;
        pane_printf(p, row, 1, ATTR_NORMAL, "%10u  %8u", d, bin[d]);
        int bar = (int)((uint64_t)bin[d] * (uint64_t)(p->columns - 26) / most);
        for (int i = 0; i < bar; i++)
            pane_put(p, row, 24 + i, '#', ATTR_NORMAL);
        row++;
    }
}

/* Who has a link with whom: a row and a column each. */
static void adjacency_picture(const struct view *v, const struct pane *p)
{
    const struct network *net = v->network;
    uint32_t near[LINKS_MAX];

    for (size_t i = 0; i < net->count && (int)i + 1 < p->rows; i++) {
        const char *name = net->host[i]->name;
        size_t count = gnutella_neighbours(net, i, near);
        pane_printf(p, (int)i + 1, 1, ATTR_NORMAL, "%-6.6s", name);
        pane_printf(p, 0, 8 + 2 * (int)i, ATTR_DIM, "%.1s",
                    name + strlen(name) - 1);
        for (size_t k = 0; k < net->count; k++)
            pane_put(p, (int)i + 1, 8 + 2 * (int)k, '.', ATTR_DIM);
        for (size_t k = 0; k < count; k++)
            pane_put(p, (int)i + 1, 8 + 2 * (int)near[k], '#', ATTR_NORMAL);
    }
}

const struct picture gnutella_pictures[] = {{"flood", flood_picture},
                                            {"degrees", degree_picture},
                                            {"adjacency", adjacency_picture},
                                            {NULL, NULL}};

/* -- A node's state ------------------------------------------------------ */

static bool is_opening(const struct link *l)
{
    return l->state < LINK_UP;
}

static bool is_guest(const struct link *l)
{
    return l->state == LINK_UP && l->guest;
}

/* The names of those links that are so, in row `t`; NULL: in a new one, if
   there are any. */
static void link_row(const struct view *v, struct text *t, const char *name,
                     bool (*is)(const struct link *), struct state_rows *rows)
{
    const struct gnutella *n = v->selected->node;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        if (!is(l))
            continue;
        if (t == NULL)
            t = state_row(rows, name, NULL);
        text_add(t, t->len > 0 ? " " : "");
        network_name(v->network, gnutella_link_peer(l), t);
        text_add(t,
                 l->state == LINK_UP && l->peer == ROLE_LEAF ? "(leaf)" : "");
    }
}

static void share_rows(struct host *h, struct state_rows *rows)
{
    struct content c;
    unsigned shown = 0;

    for (size_t i = 0; i < host_content_count(h); i++)
        if (host_content(h, (int)i, &c) && shown++ < 3) {
            struct text *t = state_row(rows, shown == 1 ? "files" : " ", NULL);
            text_safe(t, c.name, strlen(c.name));
            if (!c.complete)
                text_printf(t, " %u%%",
                            c.bytes > 0 ? (unsigned)(c.have * 100 / c.bytes)
                                        : 0);
        }
}

/* What its tables say of the flood that is shown. */
static void query_rows(const struct view *v, const struct gnutella *n,
                       const struct flood *f, struct state_rows *rows)
{
    const struct seen_entry *e;
    struct text *t;

    if (!f->known)
        return;
    e = gnutella_seen_find(&n->seen, (uint8_t)f->type, f->guid);
    t = state_row(rows, f->type == GNUTELLA_PING ? "ping" : "query", NULL);
    if (f->type == GNUTELLA_QUERY) {
        text_char(t, '"');
        text_safe(t, f->text, strlen(f->text));
        text_add(t, "\" ");
    }
    text_printf(t, "TTL %u", f->ttl);
    t = state_row(rows, "came from", NULL);
    if (e == NULL) {
        text_add(t, "not seen here");
    } else if (e->conn == 0) {
        text_add(t, "itself");
    } else {
        const struct link *l = gnutella_link_of(n, e->conn);
        if (l != NULL)
            network_name(v->network, gnutella_link_peer(l), t);
        else
            text_add(t, "a link that is gone");
    }
}

static void wave_rows(const struct flood *f, struct state_rows *rows)
{
    if (!f->known || f->crowded)
        return;
    text_add(state_row(rows, "wave", NULL), "new  msgs  dups");
    for (uint32_t w = 1; w < f->waves; w++) {
        char name[] = "  15";
        name[2] = (char)(w >= 10 ? '0' + w / 10 : ' ');
        name[3] = (char)('0' + w % 10);
        text_printf(state_row(rows, name, NULL), "%3u  %4u  %4u",
                    f->wave[w].reached, f->wave[w].messages,
                    f->wave[w].duplicates);
    }
}

void gnutella_state(const struct view *v, struct state_rows *rows)
{
    const struct gnutella *n = v->selected->node;
    struct flood f;

    if (n->role != ROLE_AUTO)
        text_add(state_row(rows, "role", NULL), gnutella_roles[n->role]);
    link_row(v, state_row(rows, "links", NULL), "", gnutella_link_is_up, rows);
    link_row(v, NULL, "opening", is_opening, rows);
    link_row(v, NULL, "guest", is_guest, rows);
    share_rows(v->network->host[v->selected->index], rows);
    if (read_flood(v, &f)) {
        query_rows(v, n, &f, rows);
        wave_rows(&f, rows);
    }
    text_printf(state_row(rows, "seen", NULL), "%u ids",
                n->seen.quiet.young.count + n->seen.quiet.old.count +
                    n->seen.loud.young.count + n->seen.loud.old.count);
    text_printf(state_row(rows, "dropped", NULL), "%llu duplicates, %llu more",
                (unsigned long long)n->count.duplicates,
                (unsigned long long)n->count.dropped);
    text_printf(state_row(rows, "known", NULL), "%u address%s", n->known_count,
                n->known_count == 1 ? "" : "es");
}
