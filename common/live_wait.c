/*
 * Waiting for many descriptors: epoll, or poll(2) where there is no epoll or
 * the build says so.
 *
 * A table by descriptor says who wants to know.  Both ways are level
 * triggered: what is not handled now is reported again.  Within one round a
 * callback may close any descriptor and open a new one of the same number,
 * so every registration has a serial number, and what was reported for an
 * older one is skipped.  Files that epoll refuses (a regular file as standard
 * input) are always ready.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(__linux__) && !defined(USE_POLL)
#define EPOLL 1
#include <sys/epoll.h>
#else
#define EPOLL 0
#endif

#include "common/grow.h"
#include "common/live_host.h"

#define READY_MAX 256

struct waiting {
    ready_fn *ready; /* NULL: not registered */
    void *owner;
    uint32_t serial;
    unsigned interest;
    bool always; /* ready without asking */
    size_t slot; /* poll: in the set */
};

struct waiter {
    struct waiting *by_fd;
    size_t fd_cap;
    uint32_t serial;
    size_t always_count;
#if EPOLL
    int epoll;
#else
    struct pollfd *set;
    size_t count, cap;
#endif
};

/* Grow the table so that it holds `fd`. */
static bool hold(struct waiter *w, int fd)
{
    size_t cap = w->fd_cap > 0 ? w->fd_cap : 64;

    while (cap <= (size_t)fd)
        cap *= 2;
    if (cap == w->fd_cap)
        return true;
    struct waiting *more = realloc(w->by_fd, cap * sizeof *more);
    if (more == NULL)
        return false;
    memset(more + w->fd_cap, 0, (cap - w->fd_cap) * sizeof *more);
    w->by_fd = more;
    w->fd_cap = cap;
    return true;
}

/* Call the owner of `fd` if it is still the one that `serial` means. */
static void call(struct waiter *w, int fd, uint32_t serial, unsigned what,
                 struct live *l)
{
    const struct waiting *at = &w->by_fd[fd];

    if (at->ready != NULL && at->serial == serial)
        at->ready(l, at->owner, fd, what);
}

static void call_always(struct waiter *w, struct live *l)
{
    for (size_t fd = 0; w->always_count > 0 && fd < w->fd_cap; fd++)
        if (w->by_fd[fd].always)
            call(w, (int)fd, w->by_fd[fd].serial, WAIT_READ, l);
}

/* Whole milliseconds, rounded up so that a timer is never waited for twice. */
static int milliseconds(uint64_t us)
{
    return us > 3600000000 ? 3600000 : (int)((us + 999) / 1000);
}

#if EPOLL

static bool backend_open(struct waiter *w)
{
    w->epoll = epoll_create1(EPOLL_CLOEXEC);
    return w->epoll >= 0;
}

static void backend_close(struct waiter *w)
{
    close(w->epoll);
}

static bool backend_set(struct waiter *w, int fd, bool known)
{
    struct waiting *at = &w->by_fd[fd];
    struct epoll_event e = {
        .events = (at->interest & WAIT_READ ? (uint32_t)EPOLLIN : 0) |
                  (at->interest & WAIT_WRITE ? (uint32_t)EPOLLOUT : 0),
        .data.u64 = (uint64_t)at->serial << 32 | (uint32_t)fd};

    if (epoll_ctl(w->epoll, known ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd, &e) == 0)
        return true;
    if (known || errno != EPERM)
        return false;
    at->always = true;
    w->always_count++;
    return true;
}

static void backend_remove(struct waiter *w, int fd)
{
    epoll_ctl(w->epoll, EPOLL_CTL_DEL, fd, NULL);
}

static bool backend_run(struct waiter *w, int max_ms, struct live *l)
{
    struct epoll_event e[READY_MAX];
    int count = epoll_wait(w->epoll, e, READY_MAX, max_ms);

    for (int i = 0; i < count; i++) {
        unsigned what = (e[i].events & EPOLLIN ? WAIT_READ : 0u) |
                        (e[i].events & EPOLLOUT ? WAIT_WRITE : 0u) |
                        (e[i].events & (EPOLLERR | EPOLLHUP) ? WAIT_ERROR : 0u);
        call(w, (int)(uint32_t)e[i].data.u64, (uint32_t)(e[i].data.u64 >> 32),
             what, l);
    }
    return count >= 0 || errno == EINTR;
}

#else

static bool backend_open(struct waiter *w)
{
    (void)w;
    return true;
}

static void backend_close(struct waiter *w)
{
    free(w->set);
}

static bool backend_set(struct waiter *w, int fd, bool known)
{
    struct waiting *at = &w->by_fd[fd];

    if (!known) {
        if (!grow(&w->set, w->count, &w->cap, sizeof *w->set))
            return false;
        at->slot = w->count++;
        w->set[at->slot] = (struct pollfd){.fd = fd};
    }
    w->set[at->slot].events =
        (short)((at->interest & WAIT_READ ? POLLIN : 0) |
                (at->interest & WAIT_WRITE ? POLLOUT : 0));
    return true;
}

/* The last of the set takes the free place; if it was ready and its turn is
   thereby missed, the next round reports it again. */
static void backend_remove(struct waiter *w, int fd)
{
    size_t slot = w->by_fd[fd].slot;

    w->set[slot] = w->set[--w->count];
    w->by_fd[w->set[slot].fd].slot = slot;
}

static bool backend_run(struct waiter *w, int max_ms, struct live *l)
{
    int count = poll(w->set, (nfds_t)w->count, max_ms);

    for (size_t i = 0; count > 0 && i < w->count; i++) {
        short seen = w->set[i].revents;
        int fd = w->set[i].fd;
        w->set[i].revents = 0;
        if (seen != 0)
            call(w, fd, w->by_fd[fd].serial,
                 (seen & POLLIN ? WAIT_READ : 0u) |
                     (seen & POLLOUT ? WAIT_WRITE : 0u) |
                     (seen & (POLLERR | POLLHUP | POLLNVAL) ? WAIT_ERROR : 0u),
                 l);
    }
    return count >= 0 || errno == EINTR;
}

#endif

struct waiter *waiter_new(void)
{
    struct waiter *w = calloc(1, sizeof *w);

    if (w != NULL && !backend_open(w)) {
        free(w);
        w = NULL;
    }
    return w;
}

void waiter_free(struct waiter *w)
{
    if (w == NULL)
        return;
    backend_close(w);
    free(w->by_fd);
    free(w);
}

bool waiter_set(struct waiter *w, int fd, unsigned interest, ready_fn *ready,
                void *owner)
{
    if (!hold(w, fd))
        return false;
    struct waiting *at = &w->by_fd[fd];
    bool known = at->ready != NULL;
    if (!known)
        *at = (struct waiting){.serial = ++w->serial};
    bool same = known && at->interest == interest;
    at->interest = interest;
    at->owner = owner;
    if (!same && !at->always && !backend_set(w, fd, known))
        return false;
    at->ready = ready;
    return true;
}

void waiter_remove(struct waiter *w, int fd)
{
    if (fd < 0 || (size_t)fd >= w->fd_cap || w->by_fd[fd].ready == NULL)
        return;
    if (w->by_fd[fd].always)
        w->always_count--;
    else
        backend_remove(w, fd);
    w->by_fd[fd] = (struct waiting){0};
}

bool waiter_run(struct waiter *w, uint64_t max_us, struct live *l)
{
    bool ok = backend_run(w, w->always_count > 0 ? 0 : milliseconds(max_us), l);

    call_always(w, l);
    return ok;
}
