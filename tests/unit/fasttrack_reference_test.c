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
    fake_node(&fake, &fasttrack_protocol, &settings, (struct addr){9, 9});
    return fake.host.node;
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
    static uint8_t name[PAYLOAD_MAX];
    struct fasttrack_msg m = {.type = 0x15, .list = {name, sizeof name}};
    const uint8_t *plain;
    struct way way;
    size_t len;

    memcpy(in, "K\x15\0\xff\xff", 5);
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
    uint8_t b[13 + 255] = {'K', 2, 0, 1, 7, 127, 0, 0, 1, 4, 0xbe, 0x68, 0};
    struct fasttrack *n = node_of(ROLE_SUPERNODE);

    memset(b + 13, 'x', 255);
    (void)host_deliver(
        &fake.host,
        &(struct event){.kind = EVENT_ACCEPT, .conn = 5, .peer = {3, 3}});
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_BYTES,
                                                   .conn = 5,
                                                   .data = b,
                                                   .len = sizeof b});
    CHECK(n->children != NULL && strlen(n->children->child->user) == 255);
}

int main(void)
{
    RUN(unknown_bytes_are_taken_and_passed_on);
    RUN(a_body_of_65535_is_awaited_and_not_sent);
    RUN(the_same_user_is_that_of_any_earlier_result);
    RUN(a_name_of_255_is_kept);
    return test_end();
}
