/*
 * A Chord node against any list of events.
 *
 * The input is read as a settings byte or two, then operations: raw
 * datagrams, well-formed messages with any content (often answering what the
 * node has just asked), its own messages back, timers, commands, a leave.
 * After each the node's tables must be in order, its messages must decode,
 * and its memory must stay bounded.
 */
#include "chord/node.h"
#include "common/network.h"
#include "common/random.h"
#include "tests/fuzz/fuzz.h"

#define EVENTS_MAX 1500
#define MEMORY_MAX ((size_t)16 << 20)
#define SENT_MAX 8

/* What stands in front of memory that the node was given. */
struct block {
    struct block *next, *previous;
    size_t bytes;
    size_t spare; /* keeps what follows aligned */
};

struct sent {
    struct addr to;
    size_t len;
    uint8_t data[DATAGRAM_MAX];
};

/* The host of the one node: it remembers what was sent and armed. */
struct fake {
    struct host host; /* first */
    uint64_t now_us;
    struct random random;
    struct block blocks; /* a ring, of which this is the head */
    size_t allocated;
    unsigned failing; /* every so many allocations fail; 0: none */
    unsigned allocations;
    uint64_t due_us[TIMERS_PER_NODE]; /* 0: not armed */
    struct sent sent[SENT_MAX];
    unsigned sent_count;
    uint32_t command;
    bool left;
};

struct input {
    const uint8_t *data;
    size_t len;
};

static uint8_t u8(struct input *in)
{
    if (in->len == 0)
        return 0;
    in->len--;
    return *in->data++;
}

static uint32_t u16(struct input *in)
{
    uint32_t high = u8(in);

    return high << 8 | u8(in);
}

/* -- The host ------------------------------------------------------------ */

static struct fake *fake_of(struct host *h)
{
    return (struct fake *)(void *)h;
}

static uint64_t fake_now(struct host *h)
{
    return fake_of(h)->now_us;
}

static uint64_t fake_random(struct host *h)
{
    return random_next(&fake_of(h)->random);
}

static void *fake_alloc(struct host *h, size_t bytes)
{
    struct fake *f = fake_of(h);
    struct block *b;

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

static void release(struct fake *f, struct block *b)
{
    f->allocated -= b->bytes;
    b->next->previous = b->previous;
    b->previous->next = b->next;
    free(b);
}

static void fake_free(struct host *h, void *memory, size_t bytes)
{
    struct block *b = (struct block *)memory - 1;

    MUST(b->bytes == bytes);
    release(fake_of(h), b);
}

static void fake_timer(struct host *h, int slot, uint64_t delay_us)
{
    fake_of(h)->due_us[slot] = fake_of(h)->now_us + delay_us + 1;
}

static void fake_timer_cancel(struct host *h, int slot)
{
    fake_of(h)->due_us[slot] = 0;
}

static void fake_send(struct host *h, struct addr to, const void *data,
                      size_t len)
{
    struct fake *f = fake_of(h);
    struct sent *s = &f->sent[f->sent_count++ % SENT_MAX];
    static struct chord_msg m;

    MUST(len <= DATAGRAM_MAX);
    MUST(chord_decode(&m, data, len));
    s->to = to;
    s->len = len;
    memcpy(s->data, data, len);
}

static conn_id no_connect(struct host *h, struct addr to)
{
    (void)h;
    (void)to;
    abort(); /* Chord speaks UDP only */
}

static void fake_result(struct host *h, uint32_t command, bool ok,
                        const struct fields *fields)
{
    struct text t = text_new();

    (void)ok;
    MUST(command > 0 && command <= fake_of(h)->command);
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

static const struct host_calls calls = {.now = fake_now,
                                        .random = fake_random,
                                        .alloc = fake_alloc,
                                        .free = fake_free,
                                        .timer = fake_timer,
                                        .timer_cancel = fake_timer_cancel,
                                        .send = fake_send,
                                        .connect = no_connect,
                                        .result = fake_result,
                                        .note = fake_note,
                                        .wants_notes = fake_wants_notes,
                                        .left = fake_left};

/* -- What must hold ------------------------------------------------------- */

static void check_item(const struct item *i)
{
    struct item_view a = chord_item_view_of(i);

    MUST(a.name_len <= NAME_MAX_BYTES && a.value_len <= VALUE_MAX_BYTES);
    if (i->next == NULL)
        return;
    struct item_view b = chord_item_view_of(i->next);
    int order = id_compare(&a.key, &b.key);
    size_t common = a.name_len < b.name_len ? a.name_len : b.name_len;
    MUST(order <= 0);
    if (order == 0) { /* no name twice */
        MUST(a.name_len != b.name_len || memcmp(a.name, b.name, common) != 0);
    }
}

static void check_member(const struct chord *c, const struct member *n)
{
    unsigned items = 0;

    MUST(n->succ_count <= (unsigned)setting(c->settings, CHORD_SUCCESSORS));
    for (unsigned i = 0; i < n->succ_count; i++) /* [zave17]: never itself */
        MUST(!peer_none(&n->succ[i]) &&
             (setting(c->settings, CHORD_VARIANT) == VARIANT_ORIGINAL ||
              !id_equal(&n->succ[i].id, &n->id)));
    MUST(n->finger_count < c->bits);
    for (unsigned i = 0; i < n->finger_count; i++)
        MUST(chord_finger_first(c, n, i) < c->bits &&
             chord_finger_first(c, n, i) >
                 (i > 0 ? chord_finger_first(c, n, i - 1) : 0));
    for (const struct item *i = n->items; i != NULL; i = i->next, items++)
        check_item(i);
    MUST(items == n->item_count && items <= ITEMS_MAX);
}

static void check(const struct chord *c)
{
    unsigned count = 0;

    for (const struct request *r = c->requests; r != NULL; r = r->next, count++)
        MUST(r->vnode < c->member_count);
    MUST(count == c->request_count && count <= REQUESTS_MAX);
    for (unsigned i = 0; i < c->member_count; i++)
        check_member(c, &c->member[i]);
}

/* No two open requests have one number. */
static void check_numbers(const struct chord *c)
{
    for (const struct request *r = c->requests; r != NULL; r = r->next)
        MUST(chord_request_find(c, r->id) == r);
}

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
static void check_network(struct fake *f, const struct settings *s)
{
    struct host *host = &f->host;
    struct network net = {.settings = s,
                          .count = 1,
                          .host = &host,
                          .by_name = no_name,
                          .by_addr = self_only};
    struct findings findings = {.count = 0};
    struct text t = text_new();

    chord_protocol.check(&net, &findings);
    findings_free(&findings);
    (void)chord_protocol.settled(&net);
    (void)chord_protocol.may_fail(&net, host);
    chord_protocol.dump(host->node, host, &t);
    MUST(t.len > 0);
    text_free(&t);
}

/* -- Operations ----------------------------------------------------------- */

static void deliver(struct fake *f, const struct event *e)
{
    (void)chord_protocol.event(f->host.node, &f->host, e);
    check(f->host.node);
}

/* Every length in a block of its own, for the address sanitizer. */
static void datagram(struct fake *f, struct addr from, const uint8_t *data,
                     size_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1);

    MUST(copy != NULL);
    if (len > 0)
        memcpy(copy, data, len);
    struct event e = {
        .kind = EVENT_DATAGRAM, .peer = from, .data = copy, .len = len};
    deliver(f, &e);
    free(copy);
}

static struct addr any_addr(const struct fake *f, uint8_t i)
{
    return i % 8 == 0   ? f->host.addr
           : i % 8 == 7 ? (struct addr){0, 0}
                        : (struct addr){0x0a000000u + i % 8, 7000};
}

/* Ids of a small set that holds those of the peers. */
static struct id any_id(const struct fake *f, uint8_t i)
{
    const struct chord *c = f->host.node;

    return i % 16 == 0 ? c->member[0].id : id_hash(&i, 1, c->bits);
}

static struct peer any_peer(const struct fake *f, struct input *in)
{
    uint8_t i = u8(in);
    struct addr a = any_addr(f, i);

    return (struct peer){
        .id = any_id(f, i & 31), .ip = a.ip, .port = a.port, .vnode = i / 64};
}

static void fill_lists(struct fake *f, struct input *in, struct chord_msg *m)
{
    static const uint8_t bytes[] = "a name and a value, both of them lent";

    m->path_count = u8(in) % 6;
    for (unsigned i = 0; i < m->path_count; i++)
        m->path[i] = any_addr(f, u8(in));
    m->avoid_count = u8(in) % 4;
    for (unsigned i = 0; i < m->avoid_count; i++)
        m->avoid[i] = any_id(f, u8(in));
    m->list_count = u8(in) % 6;
    m->run_count = m->list_count;
    for (unsigned i = 0; i < m->list_count; i++) {
        m->list[i] = any_peer(f, in);
        m->first[i] = u8(in) % m->bits;
    }
    m->item_count = u8(in) % 4;
    for (unsigned i = 0; i < 4; i++)
        m->item[i] = (struct item_view){.key = any_id(f, u8(in)),
                                        .name = bytes,
                                        .name_len = u8(in) % 8,
                                        .value = bytes + 8,
                                        .value_len = u8(in) % 16,
                                        .version = u8(in),
                                        .deleted = u8(in) & 1};
}

/* A well-formed message, as an answer to one that the node sent, or not. */
static void craft(struct fake *f, struct input *in)
{
    static struct chord_msg m;
    const struct chord *c = f->host.node;
    uint8_t which = u8(in), out[DATAGRAM_MAX];
    const struct sent *asked = &f->sent[which % SENT_MAX];
    struct peer from = any_peer(f, in);
    struct addr sender = peer_addr(&from);

    chord_msg_clear(&m);
    m.type = (enum chord_type)(CHORD_FIND_SUCC + u8(in) % CHORD_LEAVE_ACK);
    m.bits = c->bits;
    m.to_vnode = u8(in) % c->member_count;
    m.from_vnode = (uint8_t)from.vnode;
    m.sender = from.id;
    m.request = u16(in);
    if (which < 224 && asked->len >= 13) {
        m.request = (uint32_t)asked->data[9] << 24 |
                    (uint32_t)asked->data[10] << 16 |
                    (uint32_t)asked->data[11] << 8 | asked->data[12];
        sender = asked->to;
        m.from_vnode = asked->data[7];
        m.to_vnode = asked->data[8] % c->member_count;
    }
    m.key = any_id(f, u8(in));
    m.flags = u8(in) & FIND_FLAGS;
    m.status = u8(in) % (FOUND_DEAD_END + 1);
    m.role = u8(in) & 1;
    m.hops = (uint16_t)u16(in);
    m.origin = any_peer(f, in);
    m.previous = any_id(f, u8(in));
    m.peer = any_peer(f, in);
    m.from = any_id(f, u8(in));
    m.to = any_id(f, u8(in));
    m.checksum = u8(in);
    m.back = u8(in);
    m.same = u8(in) & 1;
    m.copies = u8(in);
    fill_lists(f, in, &m);
    size_t len = chord_encode(&m, out);
    datagram(f, sender, out, len);
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
    deliver(f, &e);
}

static void command(struct fake *f, uint8_t which)
{
    static const char *const texts[] = {
        "lookup 42",     "lookup name:a", "put a b", "put 7 some text",
        "get a",         "get 7",         "del a",   "show",
        "lookup 0xffff", "put abcdefgh 1"};
    const char *text = texts[which % (sizeof texts / sizeof *texts)];
    struct event e = {.kind = EVENT_COMMAND,
                      .command = ++f->command,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};

    deliver(f, &e);
}

static void operate(struct fake *f, struct input *in)
{
    uint8_t op = u8(in), which;
    size_t len;

    switch (op % 8) {
    case 0: /* raw bytes */
        which = u8(in);
        len = u16(in) % (2 * DATAGRAM_MAX);
        len = len < in->len ? len : in->len;
        datagram(f, any_addr(f, which), in->data, len);
        in->data += len;
        in->len -= len;
        break;
    case 1: /* its own message comes back */
        which = u8(in);
        const struct sent s = f->sent[which % SENT_MAX];
        datagram(f, any_addr(f, which / 8), s.data, s.len);
        break;
    case 2:
        fire(f, u8(in));
        break;
    case 3:
        command(f, u8(in));
        break;
    case 4:
        f->now_us += (uint64_t)u16(in) * 1000;
        break;
    case 5:
        if (op == 5 && f->host.state == NODE_UP) {
            f->host.state = NODE_LEAVING;
            deliver(f, &(struct event){.kind = EVENT_STOP});
        }
        break;
    default:
        craft(f, in);
    }
}

/* The settings that decide which code runs. */
static void configure(struct settings *s, struct input *in)
{
    static const uint8_t bits[] = {7, 3, 32, 160};
    uint8_t a = u8(in), b = u8(in);

    s->value[CHORD_BITS] = bits[a % 4];
    s->value[CHORD_VARIANT] = a >> 2 & 1;
    s->value[CHORD_JOIN] = a >> 3 & 1;
    s->value[CHORD_MODE] = a >> 4 & 1;
    s->value[CHORD_RULE] = a >> 5 & 1;
    s->value[CHORD_PLACEMENT] = a >> 6 & 1;
    s->value[CHORD_VNODES] = 1 + b % 3;
    s->value[CHORD_SUCCESSORS] = 1 + b / 4 % 4;
    s->value[CHORD_REPLICAS] = b / 16 % 4;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct input in = {data, len};
    struct settings s = settings_new(chord_protocol.options);
    static struct fake f;
    struct addr self = {0x0a000009, 7074};
    struct config config = {.settings = &s, .self = self};
    uint8_t begin = u8(&in);
    struct text why = text_new();

    f = (struct fake){.host = {.calls = &calls,
                               .protocol = &chord_protocol,
                               .name = "n",
                               .addr = self,
                               .state = NODE_UP}};
    f.blocks.next = f.blocks.previous = &f.blocks;
    configure(&s, &in);
    MUST(chord_protocol.identify(&s, self, NULL, &config.id, &why));
    text_free(&why);
    if (begin & 1)
        config.join = any_addr(&f, 1);
    f.host.id = config.id;
    f.host.node = chord_protocol.create(&f.host, &config);
    MUST(f.host.node != NULL);
    f.failing = begin >= 192 ? 2 + begin % 8 : 0;
    deliver(&f, &(struct event){.kind = EVENT_START});
    for (int i = 0; i < EVENTS_MAX && in.len > 0 && !f.left; i++)
        operate(&f, &in);
    check_numbers(f.host.node);
    check_network(&f, &s);
    for (struct block *b = f.blocks.next, *next; b != &f.blocks; b = next) {
        next = b->next;
        free(b);
    }
    return 0;
}
