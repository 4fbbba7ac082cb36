/*
 * Who is a supernode.
 *
 * In KaZaA a node was one because it said so: fast, not behind a NAT, and not
 * told otherwise by its user (reference, section 1).  When it was that a node
 * did so was never published.  [teach], all of it:
 *
 *  - a node is eligible by a policy: `threshold` on bandwidth and uptime;
 *    `reputation`, the lecture's rule, on its participation level, which it
 *    keeps about itself; `random`.
 *  - children tell their parent their score.  A parent that is three quarters
 *    full asks the best of the eligible to become a supernode, one at a time.
 *  - who calls a full supernode makes it ask, too: its best child or, where
 *    none may be one, the caller.
 *  - who finds no supernode, and is eligible, becomes one.  A full one is
 *    found, and sees to another: who is told so waits a minute or two.
 *
 * A score is a claim: nobody can check it.  A liar claims everything.
 */
#include "fasttrack/node.h"

#define PARTICIPATION_MAX 1000u
#define PARTICIPATION_HIGH 101u /* reference 1: Medium ends at 100 */
#define CLAIM_KBPS 100000u

/* 100 x uploaded / downloaded, as if one MiB had been fetched at the level
   that the node begins with.  Source: reference, section 1, the help pages. */
uint32_t fasttrack_participation(const struct fasttrack *n)
{
    const uint64_t mib = 1 << 20;
    uint64_t level =
        ((uint64_t)option(n, OPT_PARTICIPATION) * mib + 100 * n->uploaded) /
        (mib + n->downloaded);

    if (option(n, OPT_LIAR) != 0)
        return PARTICIPATION_MAX;
    return level < PARTICIPATION_MAX ? (uint32_t)level : PARTICIPATION_MAX;
}

uint32_t fasttrack_score(const struct fasttrack *n)
{
    switch ((enum policy)option(n, OPT_POLICY)) {
    case POLICY_THRESHOLD:
        return option(n, OPT_LIAR) != 0 ? CLAIM_KBPS : n->kbps;
    case POLICY_REPUTATION:
        return fasttrack_participation(n);
    case POLICY_RANDOM:
        return option(n, OPT_LIAR) != 0 ? PARTICIPATION_MAX : n->luck;
    }
    return 0;
}

bool fasttrack_eligible(const struct fasttrack *n, uint64_t now_us,
                        const char **why)
{
    bool liar = option(n, OPT_LIAR) != 0;

    *why = NULL;
    if (option(n, OPT_ROLE) == ROLE_ORDINARY)
        *why = "its user does not want it";
    else if (liar)
        return true;
    else if (option(n, OPT_FIREWALLED) != 0)
        *why = "firewalled";
    else if (now_us - n->started_us < (uint64_t)option(n, OPT_UPTIME))
        *why = "not up for long enough";
    else if (option(n, OPT_POLICY) == POLICY_THRESHOLD &&
             n->kbps < (uint32_t)option(n, OPT_PROMOTE))
        *why = "too slow";
    else if (option(n, OPT_POLICY) == POLICY_REPUTATION &&
             fasttrack_participation(n) < PARTICIPATION_HIGH)
        *why = "too little reputation";
    return *why == NULL;
}

void fasttrack_tell_score(struct fasttrack *n, struct host *h, struct link *l)
{
    const char *why;

    fasttrack_link_send(n, h, l,
                        &(struct fasttrack_msg){.type = MSG_SCORE,
                                                .score = fasttrack_score(n),
                                                .eligible = fasttrack_eligible(
                                                    n, host_now(h), &why)});
}

void fasttrack_promote(struct fasttrack *n, struct host *h, const char *why)
{
    const char *no;

    if (is_supernode(n) || n->leaving ||
        !fasttrack_eligible(n, host_now(h), &no) ||
        !fasttrack_super_begin(n, h))
        return;
    host_note(h, "becomes a supernode: %s", why);
    n->orphan_us = 0;
    n->misses = n->told = 0;
    n->probing = false;
    for (struct link *l = n->links; l != NULL; l = l->next) {
        if (l->peer != PEER_PARENT || l->state > LINK_UP)
            continue;
        l->announced = false;
        fasttrack_link_is_now(n, l, PEER_SUPERNODE);
        if (l->state == LINK_UP)
            fasttrack_announce(n, h, l);
    }
    fasttrack_seek(n, h);
}

void fasttrack_hear_full(struct fasttrack *n, struct addr who)
{
    n->told = n->misses;
    n->full = who;
}

bool fasttrack_told_full(const struct fasttrack *n)
{
    return n->told > 0 && n->misses - n->told <= FULL_ROUNDS;
}

bool fasttrack_is_patient(const struct fasttrack *n)
{
    uint32_t most = fasttrack_told_full(n)
                        ? PATIENT_ROUNDS + n->luck % PATIENT_ROUNDS
                        : MISSES_MAX;

    return n->misses <= most;
}

void fasttrack_promote_alone(struct fasttrack *n, struct host *h,
                             const char *why)
{
    uint32_t waited = n->misses;
    bool told = fasttrack_told_full(n);

    fasttrack_promote(n, h, why);
    if (!is_supernode(n) || !told)
        return;
    n->super->denied = n->full;
    n->super->waited = waited;
}

void fasttrack_demote(struct fasttrack *n, struct host *h)
{
    host_note(h, "has no children, and is an ordinary node again; [teach]");
    fasttrack_super_end(n, h);
    n->orphan_us = host_now(h);
    fasttrack_seek(n, h);
}

struct link *fasttrack_best_child(const struct fasttrack *n)
{
    struct link *best = NULL;

    for (struct link *l = n->children; l != NULL; l = l->next)
        if (fasttrack_link_is(l, PEER_CHILD) && l->child != NULL &&
            l->child->eligible &&
            (best == NULL || l->child->score > best->child->score))
            best = l;
    return best;
}

bool fasttrack_elect(struct fasttrack *n, struct host *h, struct link *caller)
{
    struct supernode *s = n->super;
    struct link *best = fasttrack_best_child(n);
    uint64_t now = host_now(h);

    if (best == NULL)
        best = caller;
    if (best == NULL || fasttrack_load(n) < FULL_PERCENT ||
        now < s->promoted_us)
        return false;
    for (const struct link *l = n->links; l != n->children; l = l->next)
        if (fasttrack_link_is(l, PEER_SUPERNODE) &&
            l->standing.load < FULL_PERCENT)
            return false; /* there is room elsewhere */
    s->promoted_us = now + PROMOTE_GAP_US;
    s->caller = best == caller ? best->conn : 0;
    if (best->child == NULL)
        host_note(h, "is full, and no child could be a supernode: asks who "
                     "calls; [teach]");
    else
        host_note(h,
                  "is %u%% full: asks the best child, score %u, to be a "
                  "supernode; [teach]",
                  fasttrack_load(n), best->child->score);
    fasttrack_link_send(n, h, best,
                        &(struct fasttrack_msg){.type = MSG_PROMOTE});
    return best == caller;
}
