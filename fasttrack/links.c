/*
 * The connections of a node: found by number, by what is due first, and in a
 * list whose children stand last.  A supernode with thousands of them spends
 * no more on an event of one than with ten.
 */
#include "fasttrack/node.h"

#include <string.h>

#define LINKS_FIRST 16u

/* -- By number ----------------------------------------------------------- */

/* Of one that is there or would be: the end of its chain. */
static struct link **slot_of(const struct fasttrack *n, conn_id conn)
{
    struct link **at = &n->by_conn[conn & (n->link_cap - 1)];

    while (*at != NULL && (*at)->conn != conn)
        at = &(*at)->chain;
    return at;
}

struct link *fasttrack_link_of(const struct fasttrack *n, conn_id conn)
{
    return n->link_cap > 0 ? *slot_of(n, conn) : NULL;
}

/* Room for one more in both tables; false: no memory. */
static bool make_room(struct fasttrack *n, struct host *h)
{
    size_t old = n->link_cap * sizeof(struct link *);

    if (n->link_count < n->link_cap)
        return true;
    uint32_t cap = n->link_cap > 0 ? 2 * n->link_cap : LINKS_FIRST;
    size_t bytes = cap * sizeof(struct link *);
    struct link **heap = host_alloc(h, bytes);
    struct link **by_conn = heap != NULL ? host_alloc(h, bytes) : NULL;
    if (by_conn == NULL) {
        if (heap != NULL)
            host_free(h, heap, bytes);
        return false;
    }
    if (n->link_cap > 0) {
        memcpy(heap, n->heap, old);
        host_free(h, n->heap, old);
        host_free(h, n->by_conn, old);
    }
    n->heap = heap;
    n->by_conn = by_conn;
    n->link_cap = cap;
    for (uint32_t i = 0; i < n->link_count; i++) {
        heap[i]->chain = NULL;
        *slot_of(n, heap[i]->conn) = heap[i];
    }
    return true;
}

/* -- By deadline: a heap ------------------------------------------------- */

static bool is_sooner(const struct link *a, const struct link *b)
{
    return a->deadline_us != b->deadline_us ? a->deadline_us < b->deadline_us
                                            : a->born < b->born;
}

static void put(struct fasttrack *n, uint32_t at, struct link *l)
{
    n->heap[at] = l;
    l->due_at = at;
}

/* `l` belongs at `at`, or above it, or below. */
static void settle(struct fasttrack *n, uint32_t at, struct link *l)
{
    for (; at > 0 && is_sooner(l, n->heap[(at - 1) / 2]); at = (at - 1) / 2)
        put(n, at, n->heap[(at - 1) / 2]);
    for (uint32_t least; (least = 2 * at + 1) < n->link_count; at = least) {
        if (least + 1 < n->link_count &&
            is_sooner(n->heap[least + 1], n->heap[least]))
            least++;
        if (!is_sooner(n->heap[least], l))
            break;
        put(n, at, n->heap[least]);
    }
    put(n, at, l);
}

struct link *fasttrack_link_first(const struct fasttrack *n)
{
    return n->link_count > 0 ? n->heap[0] : NULL;
}

void fasttrack_link_due(struct fasttrack *n, struct link *l, uint64_t at_us)
{
    l->deadline_us = at_us;
    settle(n, l->due_at, l);
}

/* -- In a list ----------------------------------------------------------- */

static void insert(struct fasttrack *n, struct link *l, struct link *before)
{
    l->next = before;
    l->previous = before != NULL ? before->previous : n->last;
    *(l->previous != NULL ? &l->previous->next : &n->links) = l;
    *(before != NULL ? &before->previous : &n->last) = l;
}

static void take_out(struct fasttrack *n, struct link *l)
{
    if (n->children == l)
        n->children = l->next;
    *(l->previous != NULL ? &l->previous->next : &n->links) = l->next;
    *(l->next != NULL ? &l->next->previous : &n->last) = l->previous;
}

void fasttrack_link_is_now(struct fasttrack *n, struct link *l, enum peer peer)
{
    if ((l->peer == PEER_CHILD) != (peer == PEER_CHILD)) {
        take_out(n, l);
        insert(n, l, peer == PEER_CHILD ? NULL : n->children);
        if (peer == PEER_CHILD && n->children == NULL)
            n->children = l;
    }
    l->peer = peer;
}

/* -- Coming and going ---------------------------------------------------- */

struct link *fasttrack_link_new(struct fasttrack *n, struct host *h,
                                conn_id conn, enum link_state state,
                                uint64_t patience_us)
{
    struct link *l = make_room(n, h) ? host_alloc(h, sizeof *l) : NULL;

    if (l == NULL)
        return NULL;
    l->conn = conn;
    l->state = state;
    l->deadline_us = host_now(h) + patience_us;
    l->heard_us = host_now(h);
    l->born = n->links_born++;
    insert(n, l, n->children);
    *slot_of(n, conn) = l;
    settle(n, n->link_count++, l);
    return l;
}

void fasttrack_link_free(struct fasttrack *n, struct host *h, struct link *l)
{
    *slot_of(n, l->conn) = l->chain;
    take_out(n, l);
    if (--n->link_count > l->due_at)
        settle(n, l->due_at, n->heap[n->link_count]);
    if (l->child != NULL) {
        if (--n->super->children == 0)
            n->super->empty_us = host_now(h);
        fasttrack_child_free(n, h, l->child);
    }
    if (l->peer == PEER_SUPERNODE && l->announced && is_supernode(n) &&
        n->super->links > 0)
        n->super->links--;
    host_free(h, l, sizeof *l);
}
