/*
 * A Kelips node against any list of events (node_fuzz.h): its tables must be
 * in order and within their bounds after each, and its messages must decode.
 */
#include "kelips/node.h"
#include "tests/fuzz/node_fuzz.h"

static void check_table(const struct table *t, uint32_t max)
{
    MUST(t->count <= t->cap && t->count <= max);
    for (uint32_t i = 1; i < t->count; i++) {
        int order = id_compare(&t->at[i - 1].id, &t->at[i].id);
        MUST(order < 0 ||
             (order == 0 && !addr_equal(t->at[i - 1].addr, t->at[i].addr)));
    }
}

static void check(struct fake *f)
{
    const struct kelips *n = f->host.node;
    unsigned requests = 0, files = 0;

    check_table(&n->view, MEMBERS_MAX);
    check_table(&n->tuples, TUPLES_MAX);
    for (uint32_t i = 0; i < n->view.count; i++)
        MUST(kelips_group(&n->view.at[i].id, n->groups) == n->group &&
             !addr_equal(n->view.at[i].addr, n->self));
    for (uint32_t i = 0; i < n->tuples.count; i++)
        MUST(kelips_group(&n->tuples.at[i].id, n->groups) == n->group);
    for (uint16_t g = 0; g < n->groups; g++)
        for (unsigned i = 0; i < n->contact_count; i++) {
            const struct entry *e = kelips_contact(n, g, i);
            MUST(e == NULL ||
                 (g != n->group && kelips_group(&e->id, n->groups) == g &&
                  !addr_equal(e->addr, n->self)));
        }
    for (const struct request *r = n->requests; r != NULL; r = r->next)
        requests++;
    for (const struct file *file = n->files; file != NULL; file = file->next)
        files++;
    MUST(requests == n->request_count && requests <= REQUESTS_MAX);
    MUST(files == n->file_count && files <= FILES_MAX);
    MUST(n->grave_count <= GRAVES_MAX);
}

static void sent(struct fake *f, const uint8_t *data, size_t len)
{
    static struct kelips_msg m;

    (void)f;
    MUST(kelips_decode(&m, data, len));
}

/* Often an answer to the newest open request. */
static size_t craft_message(struct fake *f, struct input *in, conn_id conn,
                            struct addr *from, uint8_t out[CRAFTED_MAX])
{
    static struct kelips_msg m;
    const struct kelips *n = f->host.node;
    const struct request *r = n->requests;

    (void)conn;
    kelips_msg_clear(&m);
    m.type = (enum kelips_type)(KELIPS_JOIN + u8(in) % KELIPS_PONG);
    m.groups = n->groups;
    m.heartbeat = u8(in);
    m.sender = id_of(u8(in));
    while (r != NULL && r->next != NULL)
        r = r->next;
    if (r != NULL && u8(in) % 4 != 0) {
        m.request = r->id;
        *from = r->peer;
    }
    m.key = r != NULL && u8(in) % 2 == 0 ? r->key : id_of(u8(in));
    m.group = (uint16_t)(u8(in) % n->groups);
    m.assign = u8(in) & 1;
    m.found = u8(in) & 1;
    m.name = m.value = (const uint8_t *)"name and value";
    m.name_len = u8(in) % 5;
    m.value_len = u8(in) % 15;
    m.count = m.type == KELIPS_INSERT ? 1 : u8(in) % (ENTRIES_MAX + 1);
    for (unsigned i = 0; i < m.count; i++) {
        struct kelips_entry *e = &m.entry[i];
        uint8_t who = u8(in);
        e->kind = u8(in) & 1;
        e->addr = who == 0 ? n->self : (struct addr){0x0a000000 + who, 7000};
        e->id = e->kind == KELIPS_TUPLE && who % 2 == 0 ? m.key : id_of(who);
        e->heartbeat = u8(in);
        e->age_ms = (uint32_t)u8(in) << (u8(in) % 24);
        e->group = kelips_group(&e->id, n->groups);
    }
    return kelips_encode(&m, out);
}

static void configure(struct settings *s, struct input *in)
{
    uint8_t a = u8(in), b = u8(in);

    s->value[OPT_GROUPS] = 1 + a % 5;
    s->value[OPT_CONTACTS] = 1 + (a >> 4) % 3;
    s->value[OPT_HOME] = b & 1;
    s->value[OPT_RATION_GROUP] = 1 + (b >> 1) % 4;
    s->value[OPT_EXPIRY] = b >> 6 == 0 ? 10000000 : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const char *const commands[] = {
        "lookup 42",  "lookup a",  "insert a", "insert b some text",
        "put 7 text", "get a",     "get 7",    "show",
        "get name:b", "lookup 0x", NULL};
    static const struct fuzz_node target = {.protocol = &kelips_protocol,
                                            .configure = configure,
                                            .check = check,
                                            .craft = craft_message,
                                            .sent = sent,
                                            .commands = commands};

    return fuzz_node(&target, data, len);
}
