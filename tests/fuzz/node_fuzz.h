/*
 * One node of any protocol against any list of events.
 *
 * A target says what is the protocol's own in a `struct fuzz_node` and calls
 * fuzz_node; see chord_node_fuzz.c.  The input is read as settings, then
 * operations: raw datagrams and stream bytes, well-formed messages that the
 * target makes (often answers to what the node has just sent), the node's own
 * messages back, streams that open, fail, end and have room again, timers,
 * commands, digests, a leave.
 *
 * The host is a fake one that holds the node to the seam's rules: memory
 * given back with its size and bounded, timers that have a name, messages
 * that are no longer than they may be and are described to the last byte, no
 * write far beyond a high backlog, one result a command, and no more consumed
 * than was shown.
 */
#ifndef TESTS_FUZZ_NODE_FUZZ_H
#define TESTS_FUZZ_NODE_FUZZ_H

#include "common/expr.h"
#include "common/host.h"
#include "common/network.h"
#include "common/random.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS_MAX 1500
#define MEMORY_MAX ((size_t)16 << 20)
#define SENT_MAX 8          /* messages remembered */
#define SENT_BYTES_MAX 2048 /* of one; longer ones are cut */
#define CONNS_MAX 256
#define COMMANDS_MAX 2048
#define HASHES_MAX 64
#define BACKLOG_LIMIT (4 * BACKLOG_HIGH)
#define CRAFTED_MAX ((size_t)65507)

struct input {
    const uint8_t *data;
    size_t len;
};

static inline uint8_t u8(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static inline uint32_t u16(struct input *in)
{
    uint32_t high = u8(in);

    return high << 8 | u8(in);
}

struct fake;

/* What a protocol's target brings along; NULL where it has nothing. */
struct fuzz_node {
    const struct protocol *protocol;
    /* Settings that decide which code runs; without it, any of each choice. */
    void (*configure)(struct settings *s, struct input *in);
    /* What must hold in the node after each event. */
    void (*check)(struct fake *f);
    /* A well-formed message: on stream `conn`, or a datagram when that is 0,
       which comes from *from; its length, 0: none. */
    size_t (*craft)(struct fake *f, struct input *in, conn_id conn,
                    struct addr *from, uint8_t out[CRAFTED_MAX]);
    /* Look at a message that the node sends. */
    void (*sent)(struct fake *f, const uint8_t *data, size_t len);
    const char *const *commands; /* ends in NULL */
};

/* What stands in front of memory that the node was given. */
struct held {
    struct held *next, *previous;
    size_t bytes;
    size_t spare; /* keeps what follows aligned */
};

struct sent {
    struct addr to;
    conn_id conn; /* 0: a datagram */
    size_t len;
    uint8_t data[SENT_BYTES_MAX];
};

struct conn {
    conn_id id; /* 0: free */
    struct addr peer;
    bool opener, opening, finished, peer_finished, full;
    enum phase phase;
    size_t backlog;
    uint8_t *kept; /* not consumed */
    size_t kept_len;
};

/* The host of the one node: it remembers what was sent and armed. */
struct fake {
    struct host host; /* first */
    const struct fuzz_node *target;
    const struct settings *settings;
    uint64_t now_us;
    struct held blocks; /* a ring, of which this is the head */
    size_t allocated;
    unsigned failing; /* every so many allocations fail; 0: none */
    unsigned allocations;
    uint64_t due_us[TIMERS_PER_NODE]; /* 0: not armed */
    struct sent sent[SENT_MAX];
    unsigned sent_count;
    struct conn conn[CONNS_MAX];
    conn_id conn_last;
    uint32_t command;
    bool answered[COMMANDS_MAX + 1];
    struct hash_job hash[HASHES_MAX];
    unsigned hash_count;
    bool left;
};

static inline struct fake *fake_of(struct host *h)
{
    return (struct fake *)(void *)h;
}

/* -- The host: memory, time ------------------------------------------------ */

static uint64_t fake_now(struct host *h)
{
    return fake_of(h)->now_us;
}

static void *fake_alloc(struct host *h, size_t bytes)
{
    struct fake *f = fake_of(h);
    struct held *b;

    if (f->failing > 0 && ++f->allocations % f->failing == 0)
        return NULL;
    f->allocated += bytes;
    MUST(f->allocated <= MEMORY_MAX);
    b = calloc(1, sizeof *b + bytes);
    MUST(b != NULL);
    b->bytes = bytes;
    b->next = f->blocks.next;
    b->previous = &f->blocks;
    b->next->previous = b;
    f->blocks.next = b;
    return b + 1;
}

static void fake_free(struct host *h, void *memory, size_t bytes)
{
    struct held *b = (struct held *)memory - 1;

    MUST(b->bytes == bytes);
    fake_of(h)->allocated -= bytes;
    b->next->previous = b->previous;
    b->previous->next = b->next;
    free(b);
}

static void fake_timer(struct host *h, int slot, uint64_t delay_us)
{
    for (int i = 0; i <= slot; i++)
        MUST(h->protocol->timers[i] != NULL);
    fake_of(h)->due_us[slot] = fake_of(h)->now_us + delay_us + 1;
}

static void fake_timer_cancel(struct host *h, int slot)
{
    fake_of(h)->due_us[slot] = 0;
}

/* -- The host: messages ----------------------------------------------------- */

/* Describe any message: never a byte too few or too many.  Does it have a
   name, and no byte without one? */
static bool described(const struct fake *f, struct framing framing,
                      const uint8_t *data, size_t len)
{
    struct fields fields = fields_new();
    struct text t = text_new();

    f->target->protocol->describe(&framing, data, len, &fields);
    MUST(fields.lost > 0 || fields_cover(&fields, len));
    MUST(fields_unknown(&fields, f->target->protocol, false) == NULL);
    bool good =
        fields.type != NULL && fields_find(&fields, "undecoded") == NULL;
    fields_line(&t, &fields, NULL);
    fields_json(&t, &fields, NULL, true);
    text_free(&t);
    fields_free(&fields);
    return good;
}

static void remember(struct fake *f, struct addr to, conn_id conn,
                     const void *data, size_t len)
{
    struct sent *s = &f->sent[f->sent_count++ % SENT_MAX];

    s->to = to;
    s->conn = conn;
    s->len = len < sizeof s->data ? len : sizeof s->data;
    if (s->len > 0)
        memcpy(s->data, data, s->len);
    if (f->target->sent != NULL)
        f->target->sent(f, data, len);
}

static void fake_send(struct host *h, struct addr to, const void *data,
                      size_t len)
{
    struct fake *f = fake_of(h);

    MUST(len <= CRAFTED_MAX);
    MUST(described(f, (struct framing){PHASE_DATAGRAM, false}, data, len));
    remember(f, to, 0, data, len);
}

static struct conn *conn_find(struct fake *f, conn_id id)
{
    for (unsigned i = 0; i < CONNS_MAX && id != 0; i++)
        if (f->conn[i].id == id)
            return &f->conn[i];
    return NULL;
}

static struct conn *conn_new(struct fake *f, struct addr peer)
{
    unsigned i = 0;

    while (i < CONNS_MAX && f->conn[i].id != 0)
        i++;
    if (i == CONNS_MAX)
        return NULL;
    f->conn[i] = (struct conn){
        .id = ++f->conn_last, .peer = peer, .phase = PHASE_MESSAGES};
    return &f->conn[i];
}

static void conn_drop(struct conn *c)
{
    free(c->kept);
    *c = (struct conn){.id = 0};
}

static conn_id fake_connect(struct host *h, struct addr to)
{
    struct conn *c = conn_new(fake_of(h), to);

    MUST(c != NULL); /* who opens streams without end? */
    c->opener = c->opening = true;
    return c->id;
}

static size_t put(struct conn *c, size_t len)
{
    c->backlog += len;
    c->full |= c->backlog >= BACKLOG_HIGH;
    MUST(c->backlog <= BACKLOG_LIMIT);
    return c->backlog;
}

static size_t fake_write(struct host *h, conn_id id, const void *wire,
                         size_t wire_len, const void *plain, size_t plain_len)
{
    struct fake *f = fake_of(h);
    struct conn *c = conn_find(f, id);

    MUST(wire_len <= MESSAGE_BYTES_MAX);
    if (c == NULL || c->finished || wire_len == 0)
        return 0;
    MUST(described(f, (struct framing){c->phase, c->opener}, plain, plain_len));
    (void)wire;
    remember(f, c->peer, id, plain, plain_len);
    return put(c, wire_len);
}

static size_t fake_write_content(struct host *h, conn_id id, int content,
                                 uint64_t offset, size_t len)
{
    struct conn *c = conn_find(fake_of(h), id);

    (void)content; /* host.c has looked at the range */
    (void)offset;
    return c == NULL || c->finished ? 0 : put(c, len);
}

static void fake_decoded(struct host *h, conn_id id, const void *plain,
                         size_t len)
{
    struct conn *c = conn_find(fake_of(h), id);

    MUST(c != NULL);
    (void)described(fake_of(h), (struct framing){c->phase, !c->opener}, plain,
                    len);
}

static void fake_phase(struct host *h, conn_id id, enum phase phase)
{
    struct conn *c = conn_find(fake_of(h), id);

    if (c != NULL)
        c->phase = phase;
}

static void fake_finish(struct host *h, conn_id id)
{
    struct conn *c = conn_find(fake_of(h), id);

    if (c != NULL)
        c->finished = true;
}

static void fake_abort(struct host *h, conn_id id)
{
    struct conn *c = conn_find(fake_of(h), id);

    if (c != NULL)
        conn_drop(c);
}

/* -- The host: the rest ------------------------------------------------------- */

static void fake_result(struct host *h, uint32_t command, bool ok,
                        const struct fields *fields)
{
    struct fake *f = fake_of(h);
    struct text t = text_new();

    (void)ok;
    MUST(command <= f->command);
    MUST(command == 0 || !f->answered[command]); /* 0: news */
    f->answered[command] = true;
    MUST(fields_unknown(fields, f->target->protocol, true) == NULL);
    fields_json(&t, fields, NULL, true);
    text_free(&t);
}

static void fake_note(struct host *h, const char *text)
{
    (void)h;
    MUST(strlen(text) > 0);
}

static bool fake_wants_notes(struct host *h)
{
    (void)h;
    return true;
}

static void fake_left(struct host *h)
{
    MUST(!fake_of(h)->left);
    fake_of(h)->left = true;
}

static void *content_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void content_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

static bool fake_keep(struct host *h)
{
    static const struct content_memory memory = {.alloc = content_alloc,
                                                 .free = content_free};

    h->contents = contents_new(&memory);
    return h->contents != NULL;
}

static void fake_hash(struct host *h, const struct hash_job *job)
{
    struct fake *f = fake_of(h);

    if (f->hash_count < HASHES_MAX) /* more wait in vain */
        f->hash[f->hash_count++] = *job;
}

static bool fake_resolve(struct host *h, const char *name, struct addr *addr)
{
    (void)h, (void)name, (void)addr;
    return false; /* nobody is known by name here */
}

static const struct host_calls fake_calls = {.now = fake_now,
                                             .resolve = fake_resolve,
                                             .alloc = fake_alloc,
                                             .free = fake_free,
                                             .timer = fake_timer,
                                             .timer_cancel = fake_timer_cancel,
                                             .send = fake_send,
                                             .connect = fake_connect,
                                             .write = fake_write,
                                             .decoded = fake_decoded,
                                             .phase = fake_phase,
                                             .finish = fake_finish,
                                             .abort = fake_abort,
                                             .result = fake_result,
                                             .note = fake_note,
                                             .wants_notes = fake_wants_notes,
                                             .left = fake_left,
                                             .keep = fake_keep,
                                             .hash = fake_hash,
                                             .write_content =
                                                 fake_write_content};

/* -- Events ----------------------------------------------------------------- */

static size_t deliver(struct fake *f, const struct event *e)
{
    size_t used = f->target->protocol->event(f->host.node, &f->host, e);

    if (f->target->check != NULL)
        f->target->check(f);
    return used;
}

/* One of a few addresses, that of the node itself among them. */
static inline struct addr any_addr(const struct fake *f, uint8_t i)
{
    return i % 8 == 0   ? f->host.addr
           : i % 8 == 7 ? (struct addr){0, 0}
                        : (struct addr){0x0a000000u + i % 8, 7000};
}

/* Every length in a block of its own, for the address sanitizer. */
static uint8_t *copy_of(const uint8_t *data, size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    MUST(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    return copy;
}

static void datagram(struct fake *f, struct addr from, const uint8_t *data,
                     size_t len)
{
    uint8_t *copy = copy_of(data, len);
    struct event e = {
        .kind = EVENT_DATAGRAM, .peer = from, .data = copy, .len = len};

    (void)described(f, (struct framing){PHASE_DATAGRAM, false}, copy, len);
    (void)deliver(f, &e);
    free(copy);
}

static void tell(struct fake *f, conn_id id, enum event_kind kind,
                 struct addr peer, size_t len)
{
    (void)deliver(
        f, &(struct event){.kind = kind, .conn = id, .peer = peer, .len = len});
}

static void close_conn(struct fake *f, struct conn *c, enum close_reason why)
{
    struct event e = {
        .kind = EVENT_CLOSED, .conn = c->id, .peer = c->peer, .error = why};

    conn_drop(c);
    (void)deliver(f, &e);
}

/* Show what a stream has until the node wants more. */
static void show(struct fake *f, conn_id id)
{
    struct conn *c = conn_find(f, id);

    while (c != NULL && c->kept_len > 0) {
        uint8_t *copy = copy_of(c->kept, c->kept_len);
        struct event e = {.kind = EVENT_BYTES,
                          .conn = id,
                          .peer = c->peer,
                          .data = copy,
                          .len = c->kept_len};
        (void)described(f, (struct framing){c->phase, !c->opener}, copy, e.len);
        size_t used = deliver(f, &e);
        free(copy);
        MUST(used <= e.len);
        c = conn_find(f, id);
        if (c == NULL || used == 0)
            return;
        c->kept_len -= used;
        memmove(c->kept, c->kept + used, c->kept_len);
    }
}

static void bytes(struct fake *f, conn_id id, const uint8_t *data, size_t len)
{
    struct conn *c = conn_find(f, id);

    if (c == NULL || c->opening || c->peer_finished || len == 0)
        return;
    if (c->kept_len + len > UNCONSUMED_MAX) {
        close_conn(f, c, CLOSE_RESET);
        return;
    }
    c->kept = realloc(c->kept, c->kept_len + len);
    MUST(c->kept != NULL);
    memcpy(c->kept + c->kept_len, data, len);
    c->kept_len += len;
    show(f, id);
}

/* Any stream that is open, or NULL. */
static struct conn *any_conn(struct fake *f, uint8_t which)
{
    for (unsigned i = 0; i < CONNS_MAX; i++)
        if (f->conn[(which + i) % CONNS_MAX].id != 0)
            return &f->conn[(which + i) % CONNS_MAX];
    return NULL;
}

static void end_of_file(struct fake *f, struct conn *c)
{
    conn_id id = c->id;

    if (c->opening || c->peer_finished)
        return;
    c->peer_finished = true;
    show(f, id);
    if ((c = conn_find(f, id)) != NULL)
        tell(f, id, EVENT_EOF, c->peer, c->kept_len);
}

/* Something happens to a stream, or a peer opens one. */
static void stream(struct fake *f, struct input *in)
{
    uint8_t what = u8(in);
    struct conn *c = any_conn(f, u8(in));

    if (c == NULL || what % 8 == 0) {
        struct addr peer = any_addr(f, u8(in));
        c = f->host.state == NODE_UP ? conn_new(f, peer) : NULL;
        if (c != NULL)
            tell(f, c->id, EVENT_ACCEPT, peer, 0);
    } else if (c->opening && what % 8 < 6) {
        c->opening = false;
        tell(f, c->id, EVENT_OPEN, c->peer, 0);
    } else if (c->opening) {
        close_conn(f, c, what % 8 == 6 ? CLOSE_REFUSED : CLOSE_TIMEOUT);
    } else if (what % 8 < 4) {
        bool full = c->full;
        c->backlog = 0;
        c->full = false;
        if (full)
            tell(f, c->id, EVENT_ROOM, c->peer, 0);
        else if (c->finished && c->peer_finished)
            close_conn(f, c, CLOSE_DONE);
    } else if (what % 8 < 7) {
        end_of_file(f, c);
    } else {
        close_conn(f, c, what < 128 ? CLOSE_RESET : CLOSE_TIMEOUT);
    }
}

/* -- Operations --------------------------------------------------------------- */

/* Raw bytes: a datagram, or on a stream. */
static void raw(struct fake *f, struct input *in)
{
    uint8_t which = u8(in);
    size_t len = u16(in) % 4096;
    const struct conn *c = which >= 64 ? any_conn(f, which) : NULL;
    const uint8_t *data = in->data;

    len = len < in->len ? len : in->len;
    in->data += len;
    in->len -= len;
    if (c != NULL)
        bytes(f, c->id, data, len);
    else
        datagram(f, any_addr(f, which), data, len);
}

/* A message of the node's own comes back. */
static void echo(struct fake *f, struct input *in)
{
    uint8_t which = u8(in);
    const struct sent s = f->sent[which % SENT_MAX];
    const struct conn *c = any_conn(f, which / 8);

    if (s.conn == 0)
        datagram(f, any_addr(f, which / 8), s.data, s.len);
    else if (conn_find(f, s.conn) != NULL && which < 128)
        bytes(f, s.conn, s.data, s.len);
    else if (c != NULL)
        bytes(f, c->id, s.data, s.len);
}

static void craft(struct fake *f, struct input *in)
{
    static uint8_t out[CRAFTED_MAX];
    uint8_t which = f->conn_last > 0 ? u8(in) : 0;
    const struct conn *c = which % 4 != 0 ? any_conn(f, which) : NULL;
    conn_id id = c != NULL ? c->id : 0;
    struct addr from = {0, 0};

    if (f->target->craft == NULL)
        return;
    size_t len = f->target->craft(f, in, id, &from, out);
    if (len > 0 && id == 0)
        datagram(f, from, out, len);
    else if (len > 0)
        bytes(f, id, out, len);
}

/* The timer that is due first, or any other that is armed. */
static void fire(struct fake *f, uint8_t which)
{
    int slot = which % TIMER_SLOTS;

    for (int i = 0; which >= 128 && i < TIMER_SLOTS; i++)
        if (f->due_us[i] != 0 &&
            (f->due_us[slot] == 0 || f->due_us[i] < f->due_us[slot]))
            slot = i;
    if (f->due_us[slot] == 0)
        return;
    if (f->due_us[slot] - 1 > f->now_us)
        f->now_us = f->due_us[slot] - 1;
    f->due_us[slot] = 0;
    struct event e = {.kind = EVENT_TIMER, .timer = slot};
    (void)deliver(f, &e);
}

static void command(struct fake *f, uint8_t which)
{
    const char *const *texts = f->target->commands;
    unsigned count = 0;

    while (texts != NULL && texts[count] != NULL)
        count++;
    if (count == 0 || f->command == COMMANDS_MAX)
        return;
    char *text = fuzz_string((const uint8_t *)texts[which % count],
                             strlen(texts[which % count]));
    struct event e = {.kind = EVENT_COMMAND,
                      .command = ++f->command,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};
    (void)deliver(f, &e);
    free(text);
}

/* The oldest digest that was asked for. */
static void hashed(struct fake *f)
{
    struct hash_job job = f->hash[0];

    if (f->hash_count == 0)
        return;
    memmove(f->hash, f->hash + 1, --f->hash_count * sizeof job);
    (void)hash_job_step(&job, f->host.contents, job.end - job.at);
    struct event e = hash_job_event(&job);
    (void)deliver(f, &e);
}

static void operate(struct fake *f, struct input *in)
{
    uint8_t op = u8(in);

    if (op % 8 == 0)
        raw(f, in);
    else if (op % 8 == 1)
        echo(f, in);
    else if (op % 8 == 2)
        fire(f, u8(in));
    else if (op % 8 == 3)
        command(f, u8(in));
    else if (op % 8 == 4)
        f->now_us += (uint64_t)u16(in) * 1000;
    else if (op % 8 == 5 && op >= 128)
        stream(f, in);
    else if (op % 8 == 5 && op >= 64)
        hashed(f);
    else if (op == 5 && f->host.state == NODE_UP) {
        f->host.state = NODE_LEAVING;
        (void)deliver(f, &(struct event){.kind = EVENT_STOP});
    } else if (op % 8 > 5)
        craft(f, in);
}

/* -- Beginning and end ----------------------------------------------------------- */

static struct host *no_name(const struct network *n, const char *name)
{
    (void)n;
    (void)name;
    return NULL;
}

static struct host *self_only(const struct network *n, struct addr a)
{
    return addr_equal(a, n->host[0]->addr) ? n->host[0] : NULL;
}

/* The functions over a whole network, which here is this node alone. */
static void check_network(struct fake *f)
{
    const struct protocol *p = f->target->protocol;
    struct host *host = &f->host;
    struct network net = {.settings = f->settings,
                          .count = 1,
                          .host = &host,
                          .by_name = no_name,
                          .by_addr = self_only,
                          .now_us = f->now_us};
    struct findings findings = {.count = 0};
    struct text t = text_new();

    if (p->check != NULL)
        p->check(&net, &findings);
    findings_free(&findings);
    if (p->settled != NULL)
        (void)p->settled(&net);
    if (p->may_fail != NULL)
        (void)p->may_fail(&net, host);
    p->dump(host->node, host, &t);
    MUST(t.len > 0);
    text_free(&t);
}

static void configure_any(struct settings *s, struct input *in)
{
    for (size_t i = 0; s->options[i].name != NULL; i++)
        if (s->options[i].type == OPTION_CHOICE)
            s->value[i] = u8(in) % (s->options[i].max + 1);
}

static void finish(struct fake *f)
{
    for (unsigned i = 0; i < CONNS_MAX; i++)
        free(f->conn[i].kept);
    for (struct held *b = f->blocks.next, *next; b != &f->blocks; b = next) {
        next = b->next;
        free(b);
    }
    contents_free(f->host.contents);
}

/* Something to share: all of one file, half of another. */
static void share(struct fake *f)
{
    static const struct share shared[] = {
        {.name = "other.ogg", .bytes = 100000, .to = 50000},
        {.name = "song.ogg", .bytes = 60000, .to = 60000}};

    MUST(fake_keep(&f->host));
    MUST(contents_share(f->host.contents, shared, 2));
}

static inline int fuzz_node(const struct fuzz_node *target, const uint8_t *data,
                            size_t len)
{
    const struct protocol *p = target->protocol;
    struct input in = {data, len};
    struct settings s = settings_new(p->options);
    static struct fake f;
    struct addr self = {0x0a000009, 7074};
    struct config config = {.settings = &s, .name = "n", .self = self};
    uint8_t begin = u8(&in);
    struct text why = text_new();

    f = (struct fake){.host = {.calls = &fake_calls,
                               .protocol = p,
                               .name = "n",
                               .addr = self,
                               .state = NODE_UP},
                      .target = target,
                      .settings = &s};
    f.blocks.next = f.blocks.previous = &f.blocks;
    share(&f);
    if (target->configure != NULL)
        target->configure(&s, &in);
    else
        configure_any(&s, &in);
    MUST(p->identify == NULL || p->identify(&s, self, NULL, &config.id, &why));
    text_free(&why);
    if (begin & 1)
        config.join = any_addr(&f, 1);
    f.host.id = config.id;
    f.host.node = p->create(&f.host, &config);
    MUST(f.host.node != NULL);
    f.failing = begin >= 192 ? 2 + begin % 8 : 0;
    (void)deliver(&f, &(struct event){.kind = EVENT_START});
    for (int i = 0; i < EVENTS_MAX && in.len > 0 && !f.left; i++)
        operate(&f, &in);
    check_network(&f);
    finish(&f);
    return 0;
}

#endif
