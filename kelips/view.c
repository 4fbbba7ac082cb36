/*
 * What the monitor draws of Kelips: the affinity groups as columns, and a
 * node's soft state.
 *
 *     [n5] selected   *n8 its contact   !n13 its heartbeat is late
 *     xn4 down        H after a name: home of the file that is looked up
 *
 * What does not fit is counted; with many groups there is a line a group.
 */
#include "kelips/main.h"

#include "common/words.h"
#include "kelips/check.h"

#define COLUMN 11 /* of the picture, a group each */

/* What the selected lookup is about, as far as messages say. */
struct search {
    bool known;
    struct id key;
    struct addr asker, member, home; /* none: not known yet */
};

/* Follow LOOKUP and FOUND along the selected command. */
static struct search search_of(const struct view *v)
{
    struct search s = {.known = false};
    struct kelips_msg m;

    for (size_t i = 0; i < v->path_count; i++) {
        const struct record *r = &v->path[i];
        if (r->data == NULL || !kelips_decode(&m, r->data, r->len))
            continue;
        if (m.type == KELIPS_LOOKUP || m.type == KELIPS_INSERT) {
            s.known = true;
            s.key = m.type == KELIPS_LOOKUP ? m.key : m.entry[0].id;
            s.asker = r->from.addr;
            s.member = r->to.addr;
        } else if ((m.type == KELIPS_FOUND || m.type == KELIPS_INSERTED) &&
                   m.count > 0 && i + v->path_flying < v->path_count) {
            s.home = m.entry[0].addr;
        }
    }
    return s;
}

/* -- Groups -------------------------------------------------------------- */

/* Late: half of its life is over without a new heartbeat. */
static bool is_late(const struct view *v, const struct kelips *n,
                    const struct entry *e, enum soft what)
{
    int64_t age = (int64_t)v->network->now_us - e->made_us;

    return age > (int64_t)(kelips_expiry(n, what) / 2);
}

static char mark_of(const struct view *v, const struct kelips *me,
                    const struct host *h)
{
    const struct entry *e = me != NULL ? kelips_known(me, h->addr) : NULL;

    if (h->state == NODE_DOWN || h->node == NULL)
        return 'x';
    if (e == NULL)
        return ' ';
    uint16_t group = kelips_group(&e->id, me->groups);
    if (is_late(v, me, e, group == me->group ? SOFT_MEMBER : SOFT_CONTACT))
        return '!';
    return group == me->group ? ' ' : '*';
}

static void draw_member(const struct view *v, const struct search *s,
                        const struct pane *p, int row, int column,
                        const struct host *h)
{
    const struct kelips *me = network_node(v->selected, &kelips_protocol);
    bool selected = h == v->selected;
    char mark = selected ? '[' : mark_of(v, me, h);
    uint8_t attr = selected                         ? ATTR_BOLD
                   : mark == 'x' || mark == '!'     ? ATTR_DIM
                   : addr_equal(h->addr, s->member) ? ATTR_CYAN
                                                    : ATTR_NORMAL;

    pane_put(p, row, column, mark, attr);
    int end = pane_text(p, row, column + 1, attr, h->name);
    if (selected) {
        pane_put(p, row, end++, ']', attr);
        view_cursor(v, row, column);
    }
    if (s->known && addr_equal(h->addr, s->home))
        pane_text(p, row, end, ATTR_YELLOW, " H");
    else if (s->known && addr_equal(h->addr, s->member))
        pane_text(p, row, end, ATTR_CYAN, " ?");
}

static uint16_t group_of(const struct view *v, const struct host *h)
{
    return kelips_group(&h->id,
                        (uint32_t)setting(v->network->settings, OPT_GROUPS));
}

/* One group as a column; what does not fit is counted, but never the selected
   node, for which a row is kept. */
static void draw_column(const struct view *v, const struct search *s,
                        const struct pane *p, uint16_t group, int column,
                        int rows)
{
    int row = 2, kept = v->selected != NULL &&
                        v->selected->protocol == &kelips_protocol &&
                        group_of(v, v->selected) == group;
    size_t more = 0;

    pane_printf(p, 1, column + 1, ATTR_BOLD, "G%u", (unsigned)group);
    for (size_t i = 0; i < v->network->count; i++) {
        const struct host *h = v->network->host[i];
        if (h->protocol != &kelips_protocol || group_of(v, h) != group)
            continue;
        if (h == v->selected)
            kept = 0;
        if (row < rows - 1 - kept)
            draw_member(v, s, p, row++, column, h);
        else
            more++;
    }
    if (more > 0)
        pane_printf(p, rows - 1, column, ATTR_DIM, " +%zu", more);
}

/* Too many groups for columns: a line each, as much as fits. */
static void draw_lines(const struct view *v, const struct pane *p,
                       uint16_t groups)
{
    const struct kelips *me = network_node(v->selected, &kelips_protocol);
    int each = p->columns >= 28 ? p->columns / 14 : 1;

    for (uint16_t g = 0; g < groups; g++) {
        int row = 1 + g / each, column = g % each * 14;
        unsigned known = 0;
        for (unsigned i = 0; me != NULL && i < me->contact_count; i++)
            known += kelips_contact(me, g, i) != NULL;
        if (row >= p->rows - 3)
            break;
        pane_printf(p, row, column,
                    me != NULL && me->group == g ? ATTR_BOLD : ATTR_NORMAL,
                    "%cG%-3u %4u *%u", me != NULL && me->group == g ? '>' : ' ',
                    (unsigned)g, (unsigned)kelips_group_size(v->network, g),
                    known);
    }
}

static bool as_columns(uint32_t groups, const struct pane *p)
{
    return (int)groups * COLUMN <= p->columns + COLUMN - 8;
}

static void draw_search(const struct view *v, const struct search *s,
                        const struct pane *p)
{
    struct namer names = network_namer(v->network);
    const char *asker = names.name(names.context, s->asker);
    const char *member = names.name(names.context, s->member);
    const char *home = names.name(names.context, s->home);
    uint32_t groups = (uint32_t)setting(v->network->settings, OPT_GROUPS);

    if (!s->known) {
        pane_text(p, p->rows - 2, 0, ATTR_DIM,
                  as_columns(groups, p)
                      ? "[selected] *its contact !late xdown"
                      : "nodes in each; * its contacts; > its own group");
        return;
    }
    pane_printf(p, p->rows - 2, 0, ATTR_NORMAL,
                "the name hashes to group G%u   ? asked",
                (unsigned)kelips_group(&s->key, groups));
    pane_printf(p, p->rows - 1, 0, ATTR_NORMAL, "%s -ask-> %s",
                asker != NULL ? asker : "?", member != NULL ? member : "?");
    if (!addr_none(s->home))
        pane_printf(p, p->rows - 1, 24, ATTR_YELLOW, "\"home is %s\"",
                    home != NULL ? home : "?");
}

static void draw_groups(const struct view *v, const struct pane *p)
{
    uint16_t groups = (uint16_t)setting(v->network->settings, OPT_GROUPS);
    struct search s = search_of(v);

    pane_printf(p, 0, 0, ATTR_DIM, "%zu nodes in %u groups (hash mod %u)",
                v->network->count, (unsigned)groups, (unsigned)groups);
    if (as_columns(groups, p))
        for (uint16_t g = 0; g < groups; g++)
            draw_column(v, &s, p, g, g * COLUMN, p->rows - 2);
    else
        draw_lines(v, p, groups);
    draw_search(v, &s, p);
}

/* -- Who knows what ------------------------------------------------------ */

/* Every node's share of what it ought to know: its whole group, a contact in
   each other, its group's files. */
static void draw_knowledge(const struct view *v, const struct pane *p)
{
    int row = 1;

    pane_text(p, 0, 0, ATTR_DIM, "node        group  view  contacts  tuples");
    for (size_t i = 0; i < v->network->count && row < p->rows; i++) {
        const struct host *h = v->network->host[i];
        const struct kelips *n = network_node(h, &kelips_protocol);
        if (n == NULL)
            continue;
        uint32_t contacts = kelips_entries(n) - n->view.count - n->tuples.count;
        bool selected = h == v->selected;
        pane_printf(p, row, 0, selected ? ATTR_BOLD : ATTR_NORMAL,
                    "%c%-10.10s  %4u %3u/%-3u %7u %7u", selected ? '>' : ' ',
                    h->name, (unsigned)n->group, (unsigned)n->view.count,
                    (unsigned)kelips_group_size(v->network, n->group) - 1,
                    (unsigned)contacts, (unsigned)n->tuples.count);
        if (selected)
            view_cursor(v, row, 0);
        row++;
        if (row == p->rows - 1 && v->network->count - i > 2) {
            pane_printf(p, row, 0, ATTR_DIM, " and %zu more",
                        v->network->count - i - 1);
            break;
        }
    }
}

const struct picture kelips_pictures[] = {{"affinity groups", draw_groups},
                                          {"who knows what", draw_knowledge},
                                          {.name = NULL}};

/* -- State --------------------------------------------------------------- */

/* "0.8 s  12 ms": the age of its heartbeat, and how far it is. */
static void entry_row(const struct view *v, const struct kelips *n,
                      const struct entry *e, const char *name, enum soft what,
                      struct state_rows *rows)
{
    int64_t age = (int64_t)v->network->now_us - e->made_us;
    struct text *t =
        state_row(rows, name, is_late(v, n, e, what) ? "! late" : NULL);
    size_t start = t->len;

    rows->at[rows->count - 1].version =
        id_low(e->id) + (uint64_t)e->made_us + e->rtt_us;
    network_name(v->network, e->addr, t);
    text_repeat(t, ' ', t->len - start < 6 ? 6 - (t->len - start) : 1);
    text_printf(t, "%3lld.%lld s", (long long)(age / 1000000),
                (long long)(age / 100000 % 10));
    if (e->rtt_us > 0 && what != SOFT_TUPLE)
        text_printf(t, " %4u ms", (unsigned)(e->rtt_us / 1000));
}

/* The name of a file, which its home knows. */
static void tuple_row(const struct view *v, const struct kelips *n,
                      const struct entry *e, struct state_rows *rows)
{
    struct host *h = NULL;
    const struct file *f = kelips_home(v->network, &e->id, &h);
    struct text *t = state_row(rows, "tuple",
                               is_late(v, n, e, SOFT_TUPLE) ? "! late" : NULL);

    if (f != NULL && f->name_len > 0)
        text_safe(t, (const char *)f->data, f->name_len);
    else
        text_printf(t, "key ..%04llx",
                    (unsigned long long)(id_low(e->id) & 0xffff));
    text_add(t, " -> ");
    network_name(v->network, e->addr, t);
}

void kelips_state(const struct view *v, struct state_rows *rows)
{
    const struct kelips *n = v->selected->node;
    size_t places = kelips_places(n);

    text_printf(state_row(rows, "group", NULL), "G%u of %u%s",
                (unsigned)n->group, (unsigned)n->groups,
                n->member ? "" : "  (joining)");
    text_printf(state_row(rows, "beat", NULL), "%u", (unsigned)n->heartbeat);
    for (uint32_t i = 0; i < n->view.count; i++)
        entry_row(v, n, &n->view.at[i], i == 0 ? "view" : " ", SOFT_MEMBER,
                  rows);
    for (size_t i = 0; i < places; i++) {
        char name[16] = {'G'};
        if (addr_none(n->contact[i].addr))
            continue;
        size_t group = i / n->contact_count, at = 1;
        for (size_t ten = group >= 1000  ? 1000
                          : group >= 100 ? 100
                          : group >= 10  ? 10
                                         : 1;
             ten > 0; ten /= 10)
            name[at++] = (char)('0' + group / ten % 10);
        entry_row(v, n, &n->contact[i], name, SOFT_CONTACT, rows);
    }
    for (uint32_t i = 0; i < n->tuples.count; i++)
        tuple_row(v, n, &n->tuples.at[i], rows);
    for (const struct file *f = n->files; f != NULL; f = f->next)
        text_safe(state_row(rows, "home of", NULL), (const char *)f->data,
                  f->name_len);
    text_printf(state_row(rows, "entries", NULL), "%u, %llu bytes",
                (unsigned)kelips_entries(n),
                (unsigned long long)kelips_bytes(n));
}
