/*
 * What the monitor draws of FastTrack.
 *
 *     s1 ===== s2 ===== s3       supernodes, and which neighbours are linked
 *     index 6  index 5           files of their children
 *     + a 512  - c 64            children: score, + could become a supernode
 *     > b 900                    > a query, or its answer, is on its way there
 *
 * What does not fit is a line for each supernode, with whom it is linked, or
 * summed up: supernodes by how full they are.  The second picture is a file:
 * which bytes its UUHash looks at, and which are here.
 */
#include "fasttrack/main.h"

#include <string.h>

#include "fasttrack/check.h"

#define COLUMN_MIN 11
#define SUPERNODES_DRAWN 24

struct tiers {
    const struct view *v;
    uint32_t super[SUPERNODES_DRAWN]; /* indices in the network */
    uint32_t count, ordinary, orphans;
    int width;
};

static void gather(struct tiers *t)
{
    const struct network *net = t->v->network;

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n == NULL)
            continue;
        if (!is_supernode(n)) {
            t->ordinary++;
            t->orphans += fasttrack_parents(n) == 0;
        } else if (t->count++ < SUPERNODES_DRAWN) {
            t->super[t->count - 1] = (uint32_t)i;
        }
    }
}

/* What the selected command's messages did at this node so far: 0, '!' heard
   it, '>' on its way there. */
static char mark_of(const struct view *v, const struct host *h)
{
    char mark = 0;

    for (size_t i = 0; i < v->path_count; i++) {
        const struct record *r = &v->path[i];
        if (r->kind != RECORD_MESSAGE || !addr_equal(r->to.addr, h->addr))
            continue;
        if (i + v->path_flying >= v->path_count)
            return '>';
        mark = '!';
    }
    return mark;
}

static void draw_name(const struct tiers *t, const struct pane *p, int row,
                      int column, const struct host *h, const char *rest)
{
    char mark = mark_of(t->v, h);
    bool chosen = h == t->v->selected;
    uint8_t attr = chosen        ? ATTR_BOLD | ATTR_REVERSE
                   : mark == '>' ? ATTR_BOLD | ATTR_CYAN
                   : mark == '!' ? ATTR_BOLD
                                 : ATTR_NORMAL;

    if (chosen)
        view_cursor(t->v, row, column);
    pane_printf(p, row, column, attr, "%.*s%.*s%s", mark != 0, &mark, 7,
                h->name, rest);
}

static bool are_linked(const struct network *net, uint32_t a, uint32_t b)
{
    const struct fasttrack *n = fasttrack_at(net, a);

    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (fasttrack_link_is(l, PEER_SUPERNODE) &&
            fasttrack_other(net, l) == net->host[b])
            return true;
    return false;
}

static void draw_children(const struct tiers *t, const struct pane *p,
                          int column, const struct fasttrack *n)
{
    int row = 3, last = p->rows - 2;
    uint32_t left = n->super->children;

    for (const struct link *l = n->links; l != NULL; l = l->next) {
        const struct host *h = fasttrack_other(t->v->network, l);
        char rest[32];
        if (!fasttrack_link_is(l, PEER_CHILD) || l->child == NULL || h == NULL)
            continue;
        if (row == last && left > 1) {
            pane_printf(p, row, column, ATTR_DIM, "and %u", left);
            return;
        }
        struct text s = text_new();
        text_printf(&s, " %u", l->child->score);
        size_t len = s.len < sizeof rest - 1 ? s.len : sizeof rest - 1;
        memcpy(rest, s.data, len);
        rest[len] = '\0';
        text_free(&s);
        pane_put(p, row, column, l->child->eligible ? '+' : '-', ATTR_DIM);
        draw_name(t, p, row, column + 2, h, rest);
        row++;
        left--;
    }
}

static void draw_supernodes(const struct tiers *t, const struct pane *p)
{
    const struct network *net = t->v->network;

    for (uint32_t k = 0; k < t->count; k++) {
        const struct host *h = net->host[t->super[k]];
        const struct fasttrack *n = h->node;
        int column = 1 + (int)k * t->width;
        if (k + 1 < t->count && are_linked(net, t->super[k], t->super[k + 1]))
            for (int c = column; c < column + t->width - 1; c++)
                pane_put(p, 1, c, '=', ATTR_DIM);
        draw_name(t, p, 1, column, h, " ");
        pane_printf(p, 2, column, ATTR_DIM, "index %u", n->super->files);
        draw_children(t, p, column, n);
    }
}

static void draw_orphans(const struct tiers *t, const struct pane *p, int row)
{
    const struct network *net = t->v->network;
    int column = pane_text(p, row, 1, ATTR_BOLD, "no parent:");

    for (size_t i = 0; i < net->count && column < p->columns; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n == NULL || is_supernode(n) || fasttrack_parents(n) > 0)
            continue;
        draw_name(t, p, row, column + 1, net->host[i], "");
        column += 2 + (int)strlen(net->host[i]->name);
    }
}

/* A line for each supernode, when columns are too narrow. */
static void draw_lines(const struct tiers *t, const struct pane *p)
{
    const struct network *net = t->v->network;

    pane_text(p, 1, 10, ATTR_DIM, "children  files  linked with");
    for (uint32_t k = 0; k < t->count; k++) {
        const struct host *h = net->host[t->super[k]];
        const struct fasttrack *n = h->node;
        int row = 2 + (int)k, column = 26;
        draw_name(t, p, row, 1, h, "");
        pane_printf(p, row, 10, ATTR_NORMAL, "%8u %6u", n->super->children,
                    n->super->files);
        for (uint32_t i = 0; i < t->count; i++)
            if (i != k && are_linked(net, t->super[k], t->super[i]))
                column = pane_printf(p, row, column, ATTR_NORMAL, " %s",
                                     net->host[t->super[i]]->name);
    }
}

/* Supernodes by how full they are. */
static void draw_crowd(const struct tiers *t, const struct pane *p)
{
    const struct network *net = t->v->network;
    uint32_t bin[11] = {0}, most = 1, files = 0;

    for (size_t i = 0; i < net->count; i++) {
        const struct fasttrack *n = fasttrack_at(net, i);
        if (n == NULL || !is_supernode(n))
            continue;
        uint32_t *b = &bin[fasttrack_load(n) / 10];
        most = ++*b > most ? *b : most;
        files += n->super->files;
    }
    pane_printf(p, 1, 1, ATTR_NORMAL,
                "%u supernodes, %u ordinary nodes, %u files", t->count,
                t->ordinary, files);
    pane_text(p, 2, 1, ATTR_DIM, "full   supernodes");
    for (int i = 0; i < 11 && i + 3 < p->rows - 1; i++) {
        pane_printf(p, i + 3, 1, ATTR_NORMAL, "%3d%% %8u", i * 10, bin[i]);
        int bar = (int)((uint64_t)bin[i] * (uint64_t)(p->columns - 18) / most);
        for (int k = 0; k < bar; k++)
            pane_put(p, i + 3, 16 + k, '#', ATTR_NORMAL);
    }
}

static void tiers_picture(const struct view *v, const struct pane *p)
{
    struct tiers t = {.v = v};

    gather(&t);
    t.width = t.count > 0 ? p->columns / (int)t.count : p->columns;
    t.width = t.width < 18 ? t.width : 18;
    bool columns = t.width >= COLUMN_MIN && t.count <= SUPERNODES_DRAWN;
    pane_text(p, 0, 1, ATTR_DIM,
              columns ? "SUPERNODES   score: + eligible - not  [teach]"
                      : "SUPERNODES");
    if (columns)
        draw_supernodes(&t, p);
    else if (t.count <= SUPERNODES_DRAWN && (int)t.count <= p->rows - 3)
        draw_lines(&t, p);
    else
        draw_crowd(&t, p);
    if (t.orphans > 0)
        draw_orphans(&t, p, p->rows - 1);
    else
        pane_text(p, p->rows - 1, 1, ATTR_DIM,
                  v->path_count > 0
                      ? "> on its way  ! got it   [teach]: our own"
                      : "ordinary nodes never see a query");
}

/* -- A file -------------------------------------------------------------- */

static const struct host *whose_file(const struct view *v, int *content)
{
    struct host *h =
        v->selected != NULL ? v->network->host[v->selected->index] : NULL;
    struct content c;

    for (size_t i = 0; h != NULL && i < host_content_count(h); i++)
        if (host_content(h, (int)i, &c)) {
            *content = (int)i;
            if (!c.complete)
                return h; /* one that is coming is of more interest */
        }
    return h != NULL && host_content_count(h) > 0 ? h : NULL;
}

static void coverage_picture(const struct view *v, const struct pane *p)
{
    int content = 0;
    const struct host *owner = whose_file(v, &content);
    struct region region[UUHASH_REGIONS_MAX];
    struct content c;
    uint64_t covered = 0;

    if (owner == NULL ||
        !host_content(v->network->host[owner->index], content, &c)) {
        pane_text(p, 0, 1, ATTR_DIM, "this node has no file");
        return;
    }
    size_t count = fasttrack_regions(c.bytes, region);
    for (size_t i = 0; i < count; i++)
        covered += region[i].len;
    pane_printf(p, 0, 1, ATTR_NORMAL, "%.30s at %s", c.name, owner->name);
    pane_printf(
        p, 1, 1, ATTR_DIM, "%llu bytes, of which UUHash looks at %llu%%",
        (unsigned long long)c.bytes,
        (unsigned long long)(c.bytes > 0 ? covered * 100 / c.bytes : 100));
    uint64_t cells = (uint64_t)(p->columns - 8);
    pane_text(p, 3, 1, ATTR_NORMAL, "hash");
    pane_text(p, 4, 1, ATTR_NORMAL, "here");
    for (uint64_t i = 0; i < cells && c.bytes > 0; i++) {
        uint64_t from = c.bytes * i / cells, to = c.bytes * (i + 1) / cells;
        bool seen = false;
        for (size_t k = 0; k < count; k++)
            seen = seen || (region[k].from < to &&
                            from < region[k].from + region[k].len);
        pane_put(p, 3, 6 + (int)i, seen ? '#' : '.', ATTR_BOLD);
        pane_put(p, 4, 6 + (int)i,
                 host_content_has(v->network->host[owner->index], content, from,
                                  to - from)
                     ? '#'
                     : '.',
                 ATTR_NORMAL);
    }
    pane_text(p, 6, 1, ATTR_DIM, "a '.' of the hash may change, and the");
    pane_text(p, 7, 1, ATTR_DIM, "UUHash will not; the kzhash will");
}

const struct picture fasttrack_pictures[] = {
    {"tiers", tiers_picture}, {"coverage", coverage_picture}, {NULL, NULL}};

/* -- A node's state ------------------------------------------------------ */

static void add_name(const struct view *v, const struct link *l, struct text *t)
{
    const struct host *h = fasttrack_other(v->network, l);

    text_add(t, t->len > 0 ? " " : "");
    if (h != NULL)
        text_add(t, h->name);
    else
        addr_text(t, l->addr.port != 0 ? l->addr : l->caller);
}

static void link_row(const struct view *v, const struct fasttrack *n,
                     struct state_rows *rows, const char *name, enum peer peer)
{
    struct text *t = state_row(rows, name, NULL);

    for (const struct link *l = n->links; l != NULL; l = l->next)
        if (fasttrack_link_is(l, peer) && (l->announced || peer == PEER_CHILD))
            add_name(v, l, t);
}

static void election_row(const struct view *v, const struct fasttrack *n,
                         struct state_rows *rows)
{
    static const char *const policies[] = {"threshold", "reputation", "random"};
    const char *why;
    bool can = fasttrack_eligible(n, v->network->now_us, &why);

    text_printf(state_row(rows, "policy", NULL), "%s [teach]",
                policies[option(n, OPT_POLICY)]);
    text_printf(state_row(rows, "score", NULL), "%u%s", fasttrack_score(n),
                option(n, OPT_LIAR) != 0 ? ", a lie" : "");
    if (is_supernode(n))
        return;
    text_printf(state_row(rows, "eligible", NULL), "%s%s",
                can ? "yes" : "no: ", can ? "" : why);
}

static void file_rows(struct host *h, struct state_rows *rows)
{
    struct content c;

    for (size_t i = 0; i < host_content_count(h) && i < 3; i++)
        if (host_content(h, (int)i, &c)) {
            struct text *t = state_row(rows, i == 0 ? "files" : " ", NULL);
            text_safe(t, c.name, strlen(c.name));
            if (!c.complete && c.bytes > 0)
                text_printf(t, " %u%%", (unsigned)(c.have * 100 / c.bytes));
        }
}

static void super_rows(const struct view *v, const struct fasttrack *n,
                       struct state_rows *rows)
{
    const struct supernode *s = n->super;

    link_row(v, n, rows, "children", PEER_CHILD);
    link_row(v, n, rows, "supernodes", PEER_SUPERNODE);
    text_printf(state_row(rows, "index", NULL), "%u files of %u children",
                s->files, s->children);
    text_printf(state_row(rows, "load", NULL), "%u%%", fasttrack_load(n));
    text_printf(state_row(rows, "queries", NULL), "%llu, %llu passed on",
                (unsigned long long)s->queries,
                (unsigned long long)s->forwarded);
    text_printf(state_row(rows, "duplicates", NULL), "%llu dropped",
                (unsigned long long)s->duplicates);
}

void fasttrack_state(const struct view *v, struct state_rows *rows)
{
    const struct fasttrack *n = v->selected->node;
    struct host *h = v->network->host[v->selected->index];

    text_add(state_row(rows, "role", NULL),
             is_supernode(n) ? "supernode" : "ordinary");
    if (is_supernode(n)) {
        super_rows(v, n, rows);
    } else {
        link_row(v, n, rows, "parent", PEER_PARENT);
        text_printf(state_row(rows, "known", NULL), "%u addresses",
                    n->known_count);
    }
    election_row(v, n, rows);
    text_printf(state_row(rows, "hits", NULL), "%u", n->hit_count);
    file_rows(h, rows);
}
