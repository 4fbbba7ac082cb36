/* What others may send, by the reference, though ours never does. */
#include "fasttrack/node.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

static struct fake fake;
static struct settings settings;

static struct fasttrack *node_of(int role)
{
    fake = (struct fake){.sent_count = 0};
    settings = settings_new(fasttrack_protocol.options);
    settings.value[OPT_ROLE] = role;
    settings.value[OPT_PING] = 0;
    fake_node(&fake, &fasttrack_protocol, &settings, (struct addr){9, 9});
    return fake.host.node;
}

static void say(conn_id conn, const void *data, size_t len)
{
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_BYTES,
                                                   .conn = conn,
                                                   .data = data,
                                                   .len = len});
}

static void send(conn_id conn, const struct fasttrack_msg *m)
{
    static uint8_t out[ENCODED_MAX];

    say(conn, out, fasttrack_encode(m, out));
}

static void call(conn_id conn)
{
    (void)host_deliver(
        &fake.host,
        &(struct event){.kind = EVENT_ACCEPT, .conn = conn, .peer = {3, 3}});
}

/* Somebody calls, and is a child. */
static void child(conn_id conn, const char *name)
{
    call(conn);
    send(conn, &(struct fasttrack_msg){
                   .type = MSG_NODE_INFO,
                   .addr = {conn, 5},
                   .name = {(const uint8_t *)name, strlen(name)}});
}

/* Somebody calls, and is a supernode; [teach]. */
static void neighbour(conn_id conn)
{
    uint8_t list[128];
    size_t len = 0;
    struct neighbour_entry e = {.addr = {conn, 7}};

    (void)fasttrack_put_neighbour(list, sizeof list, &len, &e);
    call(conn);
    send(conn,
         &(struct fasttrack_msg){.type = MSG_NEIGHBOURS, .list = {list, len}});
}

/* A file of that number, with so many tags of so many bytes. */
static void share(conn_id conn, uint32_t which, unsigned tags, size_t bytes)
{
    static uint8_t list[65536];
    static const uint8_t word[1000] = "song";
    static uint8_t out[ENCODED_MAX];
    struct tag_value t = {TAG_NAME, {word, bytes}};
    struct fasttrack_msg m = {.type = MSG_SHARE, .list = {list, 0}};

    memcpy(m.hash, &which, sizeof which);
    for (unsigned i = 0; i < tags; i++)
        (void)fasttrack_put_tag(list, sizeof list, &m.list.len, &t);
    size_t len = fasttrack_encode(&m, out);
    out[len - m.list.len - 1] = (uint8_t)tags; /* too many are not encoded */
    say(conn, out, len);
}

static void query(conn_id conn, uint16_t search, uint16_t most)
{
    uint8_t list[100];
    size_t len = 0;
    struct term t = {CMP_SUBSTRING, TAG_ANY, {(const uint8_t *)"song", 4}};

    (void)fasttrack_put_term(list, sizeof list, &len, &t);
    send(conn, &(struct fasttrack_msg){.type = MSG_QUERY,
                                       .results_max = most,
                                       .search = search,
                                       .realm = REALM_ANY,
                                       .terms = 1,
                                       .list = {list, len}});
}

/* The next message of that type among what was written, from *at on. */
static bool said(size_t *at, unsigned type, struct fasttrack_msg *m)
{
    struct way way;
    const uint8_t *plain;
    size_t len;
    int used;

    fasttrack_way(&way, false, 0);
    while ((used = fasttrack_unwrap(&way, fake.written + *at,
                                    fake.written_len - *at, NULL, &plain,
                                    &len)) > 0) {
        *at += (size_t)used;
        if (fasttrack_decode(m, plain, len) == 0 && m->kind == 'K' &&
            m->type == type)
            return true;
    }
    return false;
}

static unsigned count(unsigned type)
{
    struct fasttrack_msg m;
    size_t at = 0;
    unsigned n = 0;

    while (said(&at, type, &m))
        n++;
    return n;
}

/* Reference 5: "2 unknown" in a broadcast's header, and a byte of node info. */
TEST(unknown_bytes_are_taken_and_passed_on)
{
    static const uint8_t cast[] = {'K', 8, 0xc0, 0, 11, 10, 0, 0,
                                   1,   4, 0xbe, 7, 7,  1,  0, 7};
    static const uint8_t info[] = {'K', 2, 0, 0,    9,    127, 0,
                                   0,   1, 4, 0xbe, 0x68, 5,   'a'};
    static uint8_t out[ENCODED_MAX];
    struct fasttrack_msg m;

    CHECK_U64(fasttrack_decode(&m, cast, sizeof cast), 0);
    CHECK_U64(fasttrack_encode(&m, out), sizeof cast);
    CHECK(memcmp(out, cast, sizeof cast) == 0);
    CHECK_U64(fasttrack_decode(&m, info, sizeof info), 0);
}

/* Reference 5: a body has 16 bits of length; what we send is one host_write. */
TEST(a_body_of_65535_is_awaited_and_not_sent)
{
    static uint8_t scratch[ENCODED_MAX], in[HEADER_BYTES + PAYLOAD_MAX];
    static const uint8_t head[] = {'K', 0x15, 0, 0xff, 0xff};
    static uint8_t name[PAYLOAD_MAX];
    struct fasttrack_msg m = {.type = 0x15, .list = {name, sizeof name}};
    const uint8_t *plain;
    struct way way;
    size_t len;

    memcpy(in, head, sizeof head);
    fasttrack_way(&way, false, 0);
    CHECK_U64(fasttrack_unwrap(&way, in, 5, scratch, &plain, &len), 0);
    CHECK_U64(fasttrack_unwrap(&way, in, sizeof in, scratch, &plain, &len),
              sizeof in);
    CHECK_U64(fasttrack_encode(&m, scratch), 0);
    m.list.len = MESSAGE_BYTES_MAX - HEADER_BYTES;
    CHECK_U64(fasttrack_encode(&m, scratch), MESSAGE_BYTES_MAX);
}

/* Reference 5: 02 is the user of any earlier result with this address. */
TEST(the_same_user_is_that_of_any_earlier_result)
{
    static uint8_t list[4096];
    uint8_t tags[200];
    size_t tags_len = 0, len = 0;
    struct fasttrack *n = node_of(ROLE_ORDINARY);
    struct tag_value name = {TAG_NAME, {(const uint8_t *)"song", 4}};

    (void)fasttrack_put_tag(tags, sizeof tags, &tags_len, &name);
    struct result r = {.addr = {1, 1},
                       .user = {(const uint8_t *)"a", 1},
                       .network = {(const uint8_t *)"KaZaA", 5},
                       .size = 5,
                       .tags = 1,
                       .list = {tags, tags_len}};
    (void)fasttrack_put_result(list, sizeof list, &len, &r);
    r.addr.ip = 2;
    r.user.at = (const uint8_t *)"b";
    r.hash[0] = 1;
    (void)fasttrack_put_result(list, sizeof list, &len, &r);
    r.addr.ip = 1;
    r.same = true;
    r.hash[0] = 2;
    (void)fasttrack_put_result(list, sizeof list, &len, &r);
    r.addr.ip = 3; /* of nobody */
    r.hash[0] = 3;
    (void)fasttrack_put_result(list, sizeof list, &len, &r);
    n->search.command = 1;
    n->search.id = 7;
    fasttrack_hits(n, &fake.host,
                   &(struct fasttrack_msg){
                       .search = 7, .results = 4, .list = {list, len}});
    CHECK_U64(n->hit_count, 3);
    CHECK_TEXT(n->hits[2].user, "a");
}

/* Reference 8: names of up to 255 bytes. */
TEST(a_name_of_255_is_kept)
{
    char name[256] = "";
    struct fasttrack *n = node_of(ROLE_SUPERNODE);

    memset(name, 'x', 255);
    child(5, name);
    CHECK(n->children != NULL && strlen(n->children->child->user) == 255);
}

/* Reference 4: bytes of a share and of a query that giFT has always so, and
   whose meaning nobody knows. */
TEST(unknown_bytes_of_shares_and_queries_may_be_any)
{
    static uint8_t file[] = {'K', 0x22, 0, 0, 27, 7, 1, 8, 9, 1, 2,
                             3,   4,    5, 6, 7,  8, 9, 1, 2, 3, 4,
                             5,   6,    7, 8, 9,  1, 2, 5, 5, 0};
    static uint8_t ask[] = {'K', 6,    0, 0, 15, 7, 7,   0,   32,  0,  5,
                            7,   0x3f, 1, 5, 0,  4, 's', 'o', 'n', 'g'};
    static uint8_t out[ENCODED_MAX];
    struct fasttrack_msg m;

    ask[4] = sizeof ask - HEADER_BYTES;
    CHECK_U64(fasttrack_decode(&m, file, sizeof file), 0);
    CHECK_U64(m.size, 5);
    CHECK_U64(fasttrack_encode(&m, out), sizeof file);
    CHECK(memcmp(out, file, sizeof file) == 0);
    CHECK_U64(fasttrack_decode(&m, ask, sizeof ask), 0);
    CHECK_U64(m.results_max, 32);
    CHECK_U64(m.search, 5);
    CHECK_U64(fasttrack_encode(&m, out), sizeof ask);
    CHECK(memcmp(out, ask, sizeof ask) == 0);
}

/* Reference 2: a session's first word is the caller's, and may begin as our
   plain sessions do, or as a ping. */
TEST(a_first_word_may_be_any)
{
    uint8_t hello[HELLO_BYTES] = {'K', 2, 1, 0, 0xfa, 0xcb, 0x12, 0x38};

    (void)node_of(ROLE_SUPERNODE);
    for (conn_id conn = 5; conn < 8; conn++) {
        fake.written_len = 0;
        call(conn);
        say(conn, hello, sizeof hello);
        CHECK_U64(fake.written_len, ANSWER_BYTES + sizeof NETWORK_NAME);
        hello[0] = conn == 5 ? 'P' : 'R';
    }
    CHECK(!fake.aborted);
}

/* Reference 8: who has said nothing, or half, is cut off after 10 s. */
TEST(a_handshake_has_ten_seconds)
{
    static const uint8_t hello[] = {0xfa, 0, 0xb6, 0x2b, 1, 2,
                                    3,    4, 5,    6,    7, 8};

    for (size_t len = 0; len <= sizeof hello; len += 6) {
        (void)node_of(ROLE_SUPERNODE);
        call(5);
        if (len > 0)
            say(5, hello, len);
        fake_pass(&fake, 10 * SECOND_US - 1);
        CHECK(!fake.aborted);
        fake_pass(&fake, 2);
        CHECK(fake.aborted);
    }
}

/* Reference 8: a supernode that never sends its name. */
TEST(a_supernode_without_a_name_is_given_up)
{
    static const uint8_t answer[] = {0, 0, 0, 0, 0x48, 0xa0, 0x0a, 0x32};
    struct fasttrack *n = node_of(ROLE_ORDINARY);

    settings.value[OPT_PLAIN] = 1;
    fasttrack_link_dial(n, &fake.host, (struct addr){2, 2}, PEER_PARENT);
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_OPEN,
                                                   .conn = fake.last_conn});
    say(fake.last_conn, answer, sizeof answer);
    CHECK_U64(fake.written_len, HELLO_BYTES + sizeof NETWORK_NAME);
    fake_pass(&fake, 10 * SECOND_US);
    CHECK(fake.aborted);
    CHECK(n->links == NULL);
}

/* Reference 4: 14 log2(kbit/s) + 59, at most d1. */
TEST(bandwidth_is_on_a_scale)
{
    static const struct {
        int kbps;
        uint8_t byte;
    } cases[] = {{1, 59}, {512, 185}, {1000, 197}, {100000, 0xd1}};
    struct fasttrack_msg m;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fasttrack *n = node_of(ROLE_ORDINARY);
        size_t at = 0;
        n->kbps = (uint32_t)cases[i].kbps;
        fasttrack_link_dial(n, &fake.host, (struct addr){2, 2}, PEER_PARENT);
        (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_OPEN,
                                                       .conn = fake.last_conn});
        CHECK(said(&at, MSG_NODE_INFO, &m));
        CHECK(m.bandwidth == cases[i].byte || m.bandwidth + 1 == cases[i].byte);
    }
}

/* Reference 1: a node list on connecting, and then about every two hours; in
   between when there is somewhere else to go; [teach]. */
TEST(node_lists_come_first_and_every_two_hours)
{
    (void)node_of(ROLE_SUPERNODE);
    neighbour(5);
    fake_pass(&fake, 5 * SECOND_US);
    fake.written_len = 0;
    child(6, "a");
    CHECK_U64(count(MSG_NODES), 1);
    child(7, "b");
    CHECK_U64(count(MSG_NODES), 2);
    CHECK_U64(count(MSG_SEND_SHARES), 2);
    fake.written_len = 0;
    fake_pass(&fake, 6900 * SECOND_US);
    CHECK_U64(count(MSG_NODES), 0);
    fake_pass(&fake, 500 * SECOND_US);
    CHECK_U64(count(MSG_NODES), 2);
    fake.written_len = 0;
    neighbour(8);
    fake_pass(&fake, 5 * SECOND_US);
    CHECK_U64(count(MSG_NODES), 3); /* one of them to the new one */
}

/* The same where there is news each minute, of a child that came for one. */
TEST(node_lists_come_though_there_is_always_news)
{
    struct fasttrack *n = node_of(ROLE_SUPERNODE);
    unsigned lists = 0;

    neighbour(5);
    child(6, "a");
    fake_pass(&fake, 5 * SECOND_US);
    for (int i = 0; i < 7300 / 60; i++) {
        fake.written_len = 0;
        fasttrack_news(n, &fake.host, false);
        fake_pass(&fake, 60 * SECOND_US);
        lists += count(MSG_NODES);
    }
    CHECK_U64(lists, 1);
}

/* Reference 8: at most 64 tags. */
TEST(a_file_has_64_tags_at_most)
{
    struct fasttrack *n = node_of(ROLE_SUPERNODE);

    child(5, "a");
    share(5, 1, 64, 9);
    CHECK_U64(n->super->files, 1);
    share(5, 2, 65, 9);
    CHECK_U64(n->super->files, 1);
    CHECK_U64(n->dropped, 1);
}

/* Reference 8: a cap; the number is ours. */
TEST(a_child_has_4096_files_at_most)
{
    struct fasttrack *n = node_of(ROLE_SUPERNODE);

    child(5, "a");
    child(6, "b");
    for (uint32_t i = 0; i < 4098; i++)
        share(5, i, 1, 9);
    CHECK_U64(n->super->files, 4096);
    CHECK_U64(n->dropped, 2);
    share(5, 7, 1, 9); /* one of them again */
    share(6, 5000, 1, 9);
    CHECK_U64(n->super->files, 4097);
}

/* Reference 8: replies below 60 KB, each of which can be read alone. */
TEST(replies_are_split_below_60_KB)
{
    struct fasttrack_msg m;
    struct result r;
    size_t at = 0;
    unsigned replies = 0, results = 0;

    (void)node_of(ROLE_SUPERNODE);
    child(5, "a");
    child(6, "b");
    for (uint32_t i = 0; i < 120; i++)
        share(5, i, 1, 500);
    fake.written_len = 0;
    query(6, 7, 200);
    while (said(&at, MSG_REPLY, &m)) {
        CHECK(m.list.len <= 60000);
        CHECK(fasttrack_next_result(&m.list, &r) && !r.same);
        CHECK(fasttrack_next_result(&m.list, &r) && r.same);
        replies++;
        results += m.results;
    }
    CHECK_U64(replies, 2);
    CHECK_U64(results, 120);
    CHECK_U64(count(MSG_QUERY_END), 1);
}

/* Reference 8: the number of a search is its child's own. */
TEST(two_children_may_use_one_number)
{
    struct fasttrack_msg m, ask[2];
    size_t at = 0;

    (void)node_of(ROLE_SUPERNODE);
    neighbour(5);
    child(6, "a");
    child(7, "b");
    fake.written_len = 0;
    query(6, 9, 10);
    query(7, 9, 10);
    CHECK(said(&at, MSG_FORWARD, &ask[0]) && said(&at, MSG_FORWARD, &ask[1]));
    CHECK(ask[0].search != ask[1].search);
    for (int i = 1; i >= 0; i--) {
        uint8_t list[200];
        struct fasttrack_msg reply = {.type = MSG_REPLY,
                                      .route = ROUTE_UNICAST,
                                      .source = {5, 7},
                                      .target = {9, 9},
                                      .hops = 1,
                                      .search = ask[i].search,
                                      .results = 1,
                                      .list = {list, 0}};
        (void)fasttrack_put_result(list, sizeof list, &reply.list.len,
                                   &(struct result){.addr = {1, 1}});
        fake.written_len = at = 0;
        send(5, &reply);
        CHECK(said(&at, MSG_REPLY, &m));
        CHECK_U64(m.search, 9);
        CHECK_U64(fake.written_to, (conn_id)(6 + i));
    }
}

/* Reference 4: a child's push has the long form; the short one is for it. */
TEST(a_short_push_of_a_child_goes_nowhere)
{
    struct fasttrack_msg push = {
        .type = MSG_PUSH, .id = 4, .addr = {6, 5}, .push_form = 0};

    (void)node_of(ROLE_SUPERNODE);
    neighbour(5);
    child(6, "a");
    fake.written_len = 0;
    send(6, &push);
    CHECK_U64(fake.written_len, 0);
    push.push_form = 1;
    send(6, &push);
    CHECK_U64(count(MSG_PUSH), 1);
}

/* Reference 3: a ping every 120 s; who is silent for 20 s after it is gone. */
TEST(who_does_not_answer_a_ping_is_gone)
{
    struct fasttrack *n = node_of(ROLE_SUPERNODE);

    settings.value[OPT_PING] = 120 * 1000000;
    child(5, "a");
    child(6, "b");
    fake.timer_us[TIMER_PING] = fake.now_us + 120 * SECOND_US;
    fake.written_len = 0;
    fake_pass(&fake, 120 * SECOND_US);
    CHECK(fake.written_len >= 2 && memcmp(fake.written, "PP", 2) == 0);
    fake_pass(&fake, 1);
    say(6, "R", 1);
    fake_pass(&fake, 20 * SECOND_US - 2);
    CHECK_U64(n->super->children, 2);
    fake_pass(&fake, 1);
    CHECK_U64(n->super->children, 1);
    CHECK(n->children != NULL && strcmp(n->children->child->user, "b") == 0);
}

/* Reference 1: several supernodes are asked at a time, five or so, of which
   one is kept. */
TEST(five_supernodes_or_so_are_asked_at_a_time)
{
    struct fasttrack *n = node_of(ROLE_ORDINARY);
    uint32_t ip = 20;

    for (; ip < 60; ip++)
        fasttrack_known_add(n, (struct addr){ip, 7}, 50);
    fake.sent_count = 0;
    fasttrack_seek(n, &fake.host);
    fake_pass(&fake, 0);
    CHECK(fake.sent_count >= 5 && fake.sent_count <= 6);
    CHECK(fake.sent[0].data[0] == UDP_PING);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_U64(fake.last_conn, 1);
}

/* Reference 1: "search more", the same query again, reaches others. */
TEST(a_repeat_reaches_others)
{
    unsigned reached = 0;

    (void)node_of(ROLE_SUPERNODE);
    settings.value[OPT_FANOUT] = 6;
    for (conn_id conn = 5; conn < 15; conn++)
        neighbour(conn);
    child(20, "a");
    for (int again = 0; again < 12; again++) {
        fake.written_len = 0;
        query(20, 9, 32);
        CHECK_U64(count(MSG_FORWARD), 6);
        reached |= 1u << fake.written_to;
    }
    CHECK((reached & (reached - 1)) != 0);
}

int main(void)
{
    RUN(unknown_bytes_are_taken_and_passed_on);
    RUN(a_body_of_65535_is_awaited_and_not_sent);
    RUN(the_same_user_is_that_of_any_earlier_result);
    RUN(a_name_of_255_is_kept);
    RUN(unknown_bytes_of_shares_and_queries_may_be_any);
    RUN(a_first_word_may_be_any);
    RUN(a_handshake_has_ten_seconds);
    RUN(a_supernode_without_a_name_is_given_up);
    RUN(bandwidth_is_on_a_scale);
    RUN(node_lists_come_first_and_every_two_hours);
    RUN(node_lists_come_though_there_is_always_news);
    RUN(a_file_has_64_tags_at_most);
    RUN(a_child_has_4096_files_at_most);
    RUN(replies_are_split_below_60_KB);
    RUN(two_children_may_use_one_number);
    RUN(a_short_push_of_a_child_goes_nowhere);
    RUN(who_does_not_answer_a_ping_is_gone);
    RUN(five_supernodes_or_so_are_asked_at_a_time);
    RUN(a_repeat_reaches_others);
    return test_end();
}
