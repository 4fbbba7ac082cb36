/*
 * A Kelips node: how it begins, what it hears, and which of its requests are
 * still open.
 *
 * Every question to another node is a struct request with the number that the
 * answer repeats and a deadline: three round trips where the peer has been
 * measured, else `timeout` [p2psim].  One timer serves the deadline that comes
 * first.
 *
 * Sources: [kelips03] Gupta, Birman, Linga, Demers, van Renesse: Kelips,
 * IPTPS 2003; [p2psim] the Kelips module of the MIT simulator, whose author
 * notes what the paper leaves open.
 */
#include "kelips/node.h"

#include "common/random.h"
#include "kelips/check.h"

static const struct option options[] = {
    [OPT_GROUPS] = {"groups", OPTION_NUMBER, 1, GROUPS_MAX, 4, NULL,
                    "affinity groups; best near the root of N"},
    [OPT_CONTACTS] = {"contacts", OPTION_NUMBER, 1, CONTACTS_MAX, 2, NULL,
                      "kept of each foreign group"},
    [OPT_RATION_GROUP] = {"ration_group", OPTION_NUMBER, 1, RATION_MAX, 8, NULL,
                          "members told in one gossip message"},
    [OPT_RATION_CONTACT] = {"ration_contact", OPTION_NUMBER, 0, RATION_MAX, 8,
                            NULL, "contacts told in one"},
    [OPT_RATION_FILES] = {"ration_files", OPTION_NUMBER, 0, RATION_MAX, 8, NULL,
                          "files told in one, within the group"},
    [OPT_PERIOD] = {"period", OPTION_TIME, 1000, 3600 * SECOND_US,
                    2 * SECOND_US, NULL,
                    "between two rounds of gossip, on average"},
    [OPT_EXPIRY] = {"expiry", OPTION_TIME, 0, 24 * 3600 * SECOND_US, 0, NULL,
                    "life of an entry; 0: as its table's size needs"},
    [OPT_HOME] = {"home", OPTION_CHOICE, 0, 1, HOME_OWNER, "owner,member",
                  "a file stays put, or moves to its group"},
    [OPT_TRIES] = {"tries", OPTION_NUMBER, 0, INDIRECT_TRIES, INDIRECT_TRIES,
                   NULL, "others a lookup asks for their contacts"},
    [OPT_TIMEOUT] = {"timeout", OPTION_TIME, 1000, 60 * SECOND_US, SECOND_US,
                     NULL, "wait for a peer that was never measured"},
    [OPT_FROZEN] = {"frozen", OPTION_CHOICE, 0, 1, 0, "no,yes",
                    "a fault: it answers, but its heart stands still"},
    {.name = NULL}};

static const struct command commands[] = {
    {"lookup", "n", "lookup NAME", "find the home of a file", COMMAND_LIMIT_US},
    {"insert", "nt?", "insert NAME [TEXT]", "share a file that is here",
     COMMAND_LIMIT_US},
    {"put", "nt", "put NAME TEXT", "the same, as other DHTs call it",
     COMMAND_LIMIT_US},
    {"get", "n", "get NAME", "look a file up, and fetch it from its home",
     COMMAND_LIMIT_US},
    {"show", "", "show", "this node's soft state", COMMAND_LIMIT_US},
    {.name = NULL}};

static const char *const timers[] = {[TIMER_GOSSIP] = "gossip",
                                     [TIMER_TIMEOUT] = "timeout",
                                     [TIMER_JOIN] = "join",
                                     NULL};

/* [lecture] SHA-1 over address and port; its group is that modulo k. */
static bool identify(const struct settings *s, struct addr self,
                     const char *text, struct id *id, struct text *why)
{
    (void)s;
    if (text == NULL) {
        *id = id_of_addr(self, 0, ID_BITS);
        return true;
    }
    if (id_parse(id, ID_BITS, text))
        return true;
    text_printf(why, "id=%s is no number below 2^%d", text, ID_BITS);
    return false;
}

/* -- Messages and requests ----------------------------------------------- */

void kelips_begin(const struct kelips *n, enum kelips_type type,
                  struct kelips_msg *m)
{
    kelips_msg_clear(m);
    m->type = type;
    m->groups = n->groups;
    m->heartbeat = n->heartbeat;
    m->sender = n->id;
}

size_t kelips_send(struct host *h, struct addr to, struct kelips_msg *m)
{
    uint8_t bytes[DATAGRAM_MAX];
    size_t len = kelips_encode(m, bytes);

    host_send(h, to, bytes, len);
    return len;
}

struct request *kelips_request_open(struct kelips *n, struct host *h,
                                    enum request_kind kind)
{
    struct request **end = &n->requests, *r = NULL;

    if (n->request_count < REQUESTS_MAX)
        r = host_alloc(h, sizeof *r);
    if (r == NULL)
        return NULL;
    while (*end != NULL)
        end = &(*end)->next;
    *end = r;
    n->request_count++;
    r->kind = (uint8_t)kind;
    r->begun_us = host_now(h);
    return r;
}

void kelips_request_close(struct kelips *n, struct host *h, struct request *r)
{
    struct request **at = &n->requests;

    while (*at != r)
        at = &(*at)->next;
    *at = r->next;
    n->request_count--;
    if (r->file != NULL)
        host_free(h, r->file,
                  sizeof *r->file + r->file->name_len + r->file->value_len);
    host_free(h, r, sizeof *r);
}

/* Three round trips, for they vary; else what the settings say. */
static uint64_t patience(const struct kelips *n, struct addr to)
{
    const struct entry *e = kelips_known(n, to);

    if (e == NULL || e->rtt_us == 0)
        return (uint64_t)setting(n->settings, OPT_TIMEOUT);
    uint64_t wait = 3 * (uint64_t)e->rtt_us;
    return wait > TIMEOUT_LEAST_US ? wait : TIMEOUT_LEAST_US;
}

void kelips_ask(struct kelips *n, struct host *h, struct request *r,
                struct addr to, struct kelips_msg *m)
{
    r->id = n->next_request++;
    r->peer = to;
    r->sent_us = host_now(h);
    r->deadline_us = r->sent_us + patience(n, to);
    if (r->kind >= REQUEST_MEMBER &&
        r->deadline_us > r->begun_us + LOOKUP_LIMIT_US)
        r->deadline_us = r->begun_us + LOOKUP_LIMIT_US;
    m->request = r->id;
    (void)kelips_send(h, to, m);
}

/* Arm the timer for the first deadline, if it is not armed for it. */
static void arm(struct kelips *n, struct host *h)
{
    uint64_t first = 0;

    for (const struct request *r = n->requests; r != NULL; r = r->next)
        if (first == 0 || r->deadline_us < first)
            first = r->deadline_us;
    if (first == n->armed_us)
        return;
    n->armed_us = first;
    host_timer_at(h, TIMER_TIMEOUT, first != 0 ? first : NEVER);
}

/* -- Joining ------------------------------------------------------------- */

/* A lot drawn from the node's id and the round, so that the state alone says
   how things go on. */
static uint64_t lot_of(const struct kelips *n)
{
    return random_mix(id_low(n->id) ^ (uint64_t)n->rounds << 40);
}

/* Rounds of different nodes shall not fall together [p2psim]. */
static void arm_gossip(struct kelips *n, struct host *h)
{
    uint64_t period = (uint64_t)setting(n->settings, OPT_PERIOD);
    uint64_t lot = lot_of(n);
    uint64_t pause =
        n->rounds == 0 ? 1 + lot % period : period / 2 + lot % period;

    n->round_us = host_now(h) + pause;
    host_timer(h, TIMER_GOSSIP, pause);
}

static void join_at(struct kelips *n, struct host *h, struct addr to,
                    bool inside)
{
    struct request *r = kelips_request_open(n, h, REQUEST_WELCOME);
    struct kelips_msg m;

    if (r == NULL)
        return;
    r->inside = inside;
    kelips_begin(n, KELIPS_JOIN, &m);
    kelips_ask(n, h, r, to, &m);
}

/* The introducer has answered: gossip from now on.  If it is of another
   group, ask a member of our own for its view and tuples as well. */
static void on_welcome(struct kelips *n, struct host *h, struct request *r)
{
    bool inside = r->inside;

    kelips_request_close(n, h, r);
    if (!n->member) {
        n->member = true;
        arm_gossip(n, h);
        host_note(h, "joined group %u of %u: %u members known so far",
                  (unsigned)n->group, (unsigned)n->groups,
                  (unsigned)n->view.count);
    }
    if (!inside && n->view.count > 0)
        join_at(n, h, n->view.at[lot_of(n) % n->view.count].addr, true);
}

static void join_failed(struct kelips *n, struct host *h)
{
    if (n->member)
        return; /* only the second question failed: gossip will do */
    host_note(h, "the introducer does not answer: again in 2 s");
    host_timer(h, TIMER_JOIN, JOIN_RETRY_US);
}

void kelips_settle_down(struct kelips *n, struct host *h)
{
    while (n->requests != NULL)
        kelips_request_close(n, h, n->requests);
    for (int slot = 0; slot < TIMER_SLOTS; slot++)
        host_timer_cancel(h, slot);
    n->armed_us = 0;
    n->member = true;
    arm_gossip(n, h);
}

/* -- Events -------------------------------------------------------------- */

/* One deadline at a time: if another is due as well, the timer fires again. */
static void on_timeout(struct kelips *n, struct host *h)
{
    struct request *first = n->requests;

    n->armed_us = 0;
    for (struct request *r = first; r != NULL; r = r->next)
        if (r->deadline_us < first->deadline_us)
            first = r;
    if (first == NULL || first->deadline_us > host_now(h))
        return;
    if (first->deadline_us >= first->sent_us + patience(n, first->peer))
        kelips_missed(n, h, first->peer); /* else a lookup's time is over */
    switch ((enum request_kind)first->kind) {
    case REQUEST_WELCOME:
        kelips_request_close(n, h, first);
        join_failed(n, h);
        break;
    case REQUEST_PONG:
    case REQUEST_GRAVE:
    case REQUEST_OWN:
        kelips_request_close(n, h, first);
        break;
    case REQUEST_MEMBER:
    case REQUEST_CONTACT:
    case REQUEST_DATA:
        kelips_no_answer(n, h, first);
        break;
    case REQUEST_PAUSE:
        kelips_again(n, h, first);
        break;
    }
}

/* The request that a message answers, or NULL: it came too late, or from
   somebody we did not ask.  A file's new home answers for who was asked. */
static struct request *answered(const struct kelips *n, struct addr from,
                                const struct kelips_msg *m)
{
    struct request *r = n->requests;

    while (r != NULL && r->id != m->request)
        r = r->next;
    if (r != NULL && m->type != KELIPS_INSERTED && !addr_equal(r->peer, from))
        return NULL;
    return r;
}

static void on_answer(struct kelips *n, struct host *h, struct addr from,
                      const struct kelips_msg *m)
{
    struct request *r = answered(n, from, m);

    if (r == NULL)
        return;
    if (addr_equal(r->peer, from))
        kelips_answered(n, from, host_now(h) - r->sent_us);
    switch ((enum request_kind)r->kind) {
    case REQUEST_WELCOME:
        if (m->type == KELIPS_WELCOME)
            on_welcome(n, h, r);
        break;
    case REQUEST_PONG:
    case REQUEST_GRAVE:
        if (m->type == KELIPS_PONG)
            kelips_request_close(n, h, r);
        break;
    case REQUEST_OWN: /* its entries have been heard */
        if (m->type == KELIPS_CONTACTS)
            kelips_request_close(n, h, r);
        break;
    case REQUEST_MEMBER:
    case REQUEST_CONTACT:
    case REQUEST_DATA:
        kelips_on_answer(n, h, r, m);
        break;
    case REQUEST_PAUSE: /* too late */
        break;
    }
}

static void on_datagram(struct kelips *n, struct host *h, const struct event *e)
{
    struct kelips_msg m;

    if (!kelips_decode(&m, e->data, e->len) || m.groups != n->groups) {
        host_note(h, "not a message of this network: dropped");
        return;
    }
    /* These first, before who asks takes a contact's place itself. */
    if (m.type == KELIPS_JOIN)
        kelips_welcome(n, h, e->peer, &m);
    else if (m.type == KELIPS_GET_CONTACT)
        kelips_on_question(n, h, e->peer, &m);
    kelips_heard_from(n, h, e->peer, &m);
    if (m.type == KELIPS_GOSSIP || m.type == KELIPS_WELCOME ||
        m.type == KELIPS_CONTACTS || m.type == KELIPS_NOTHERE)
        for (unsigned i = 0; i < m.count; i++)
            kelips_hear(n, h, &m.entry[i]);
    switch (m.type) {
    case KELIPS_GOSSIP:
    case KELIPS_JOIN:
    case KELIPS_GET_CONTACT:
        break;
    case KELIPS_LOOKUP:
    case KELIPS_INSERT:
    case KELIPS_FETCH:
    case KELIPS_PING:
        kelips_on_question(n, h, e->peer, &m);
        break;
    case KELIPS_WELCOME:
    case KELIPS_FOUND:
    case KELIPS_NOTHERE:
    case KELIPS_CONTACTS:
    case KELIPS_INSERTED:
    case KELIPS_DATA:
    case KELIPS_PONG:
        on_answer(n, h, e->peer, &m);
        break;
    }
}

static void on_timer(struct kelips *n, struct host *h, enum kelips_timer timer)
{
    switch (timer) {
    case TIMER_GOSSIP:
        kelips_round(n, h);
        if (kelips_alone(n) && !addr_none(n->join) &&
            (kelips_entries(n) == n->tuples.count ||
             n->rounds % GRAVE_ROUNDS == 0)) /* it may be the only member */
            join_at(n, h, n->join, false);   /* as a newcomer again */
        arm_gossip(n, h);
        break;
    case TIMER_TIMEOUT:
        on_timeout(n, h);
        break;
    case TIMER_JOIN:
        join_at(n, h, n->join, false);
        break;
    }
}

static size_t event(void *node, struct host *h, const struct event *e)
{
    struct kelips *n = node;

    if (host_now(h) >= n->purged_us + PURGE_US)
        kelips_purge(n, h);
    switch (e->kind) {
    case EVENT_START:
        kelips_share(n, h);
        if (!addr_none(n->join)) {
            join_at(n, h, n->join, false);
        } else {
            n->member = true;
            arm_gossip(n, h);
        }
        break;
    case EVENT_TIMER:
        on_timer(n, h, (enum kelips_timer)e->timer);
        break;
    case EVENT_DATAGRAM:
        on_datagram(n, h, e);
        break;
    case EVENT_COMMAND:
        kelips_command(n, h, e);
        break;
    case EVENT_STOP: /* [lecture] no farewell: the others time it out */
        host_left(h);
        break;
    case EVENT_OPEN: /* Kelips speaks UDP only, and hashes no content */
    case EVENT_ACCEPT:
    case EVENT_BYTES:
    case EVENT_ROOM:
    case EVENT_EOF:
    case EVENT_CLOSED:
    case EVENT_HASHED:
        break;
    }
    arm(n, h);
    return 0;
}

static void *create(struct host *h, const struct config *config)
{
    const struct settings *s = config->settings;
    struct kelips *n = host_alloc(h, sizeof *n);

    if (n == NULL)
        return NULL;
    n->settings = s;
    n->self = config->self;
    n->join = config->join;
    n->id = config->id;
    n->groups = (uint16_t)setting(s, OPT_GROUPS);
    n->group = kelips_group(&n->id, n->groups);
    n->contact_count = (uint8_t)setting(s, OPT_CONTACTS);
    n->next_request = (uint32_t)host_random(h);
    n->contact = host_alloc(h, kelips_places(n) * sizeof n->contact[0]);
    return n->contact != NULL ? n : NULL;
}

/* -- Canonical state ----------------------------------------------------- */

/* Times are those of the clock, not ages: while nothing happens to a node,
   its dump stays the same. */
static void dump_entry(struct text *t, const char *what, const struct entry *e)
{
    if (addr_none(e->addr))
        return;
    text_add(t, what);
    text_char(t, ' ');
    id_text(t, &e->id, ID_BITS);
    text_char(t, '@');
    addr_text(t, e->addr);
    text_number(t, " beat ", e->heartbeat);
    text_add(t, " made ");
    text_i64(t, e->made_us);
    text_number(t, " rtt ", e->rtt_us);
    text_number(t, " fresh ", e->fresh);
    text_number(t, " misses ", e->misses);
    text_char(t, '\n');
}

static void dump_request(struct text *t, const struct request *r)
{
    static const char *const kinds[] = {
        [REQUEST_WELCOME] = "welcome", [REQUEST_PONG] = "pong",
        [REQUEST_GRAVE] = "grave",     [REQUEST_OWN] = "own",
        [REQUEST_MEMBER] = "member",   [REQUEST_CONTACT] = "contact",
        [REQUEST_DATA] = "data",       [REQUEST_PAUSE] = "pause"};

    text_add(t, "waits for ");
    text_add(t, kinds[r->kind]);
    text_char(t, ' ');
    addr_text(t, r->peer);
    text_number(t, r->inside ? " inside, since " : " since ", r->sent_us);
    text_number(t, " due ", r->deadline_us);
    if (r->kind >= REQUEST_MEMBER) {
        text_number(t, r->silent ? " silent, begun " : " begun ", r->begun_us);
        text_add(t, " key ");
        id_text(t, &r->key, ID_BITS);
        text_number(t, " for ", r->purpose);
        text_number(t, " indirect ", r->indirect);
        text_number(t, " denials ", r->denials);
        for (unsigned i = 0; i < r->asked_count; i++) {
            text_char(t, ' ');
            addr_text(t, r->asked[i]);
        }
    }
    text_char(t, '\n');
}

static void dump(const void *node, struct host *h, struct text *t)
{
    const struct kelips *n = node;
    size_t places = kelips_places(n);

    (void)h;
    text_number(t, "group ", n->group);
    text_number(t, n->member ? " beat " : " joining, beat ", n->heartbeat);
    text_number(t, " probe ", n->probe);
    text_number(t, " ", n->home_probe);
    text_number(t, " round ", n->rounds);
    text_number(t, " next ", n->round_us);
    text_number(t, " ", n->grave_next);
    text_number(t, " purged ", n->purged_us);
    text_char(t, '\n');
    for (uint32_t i = 0; i < n->view.count; i++)
        dump_entry(t, "member", &n->view.at[i]);
    for (size_t i = 0; i < places; i++)
        dump_entry(t, "contact", &n->contact[i]);
    for (uint32_t i = 0; i < n->tuples.count; i++)
        dump_entry(t, "tuple", &n->tuples.at[i]);
    dump_entry(t, "candidate", &n->candidate);
    for (unsigned i = 0; i < n->grave_count; i++)
        dump_entry(t, "grave", &n->grave[i]);
    for (const struct file *f = n->files; f != NULL; f = f->next) {
        text_add(t, "file ");
        id_text(t, &f->key, ID_BITS);
        text_number(t, " beat ", f->heartbeat);
        text_number(t, " due ", f->refresh_us);
        text_char(t, '\n');
    }
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        dump_request(t, r);
}

const struct protocol kelips_protocol = {
    .name = "kelips",
    .options = options,
    .commands = commands,
    .timers = timers,
    .timeouts = 1 << TIMER_TIMEOUT,
    .clocked = true,
    .invariants = "every view has its group, every group a live contact",
    .identify = identify,
    .create = create,
    .event = event,
    .dump = dump,
    .describe = kelips_describe,
    .fields = "magic version type request sender group groups heartbeat "
              "entries kind node spare beat age_ms id home key origin found "
              "assign name_len name value_len value",
    .results = "bytes contacts files forwards group hops id key members owner "
               "owner_id path rpcs tuples value",
    .warm = kelips_warm,
    .check = kelips_check,
    .settled = kelips_settled,
    .quiet_us = kelips_quiet_us,
    .canonical = kelips_canonical,
    .may_fail = kelips_may_fail};
