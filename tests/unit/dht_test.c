/*
 * KRPC, ids, the routing table, tokens, floods, and a small DHT of our own.
 */
#include "bittorrent/dht.h"
#include "bittorrent/node.h"
#include "common/expr.h"
#include "tests/described.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

static void check_bytes(const struct krpc *m, const char *bytes)
{
    uint8_t out[DHT_DATAGRAM_MAX + 1];
    size_t len = krpc_write(m, out);

    out[len] = 0;
    CHECK_TEXT((char *)out, bytes);
}

static struct id id_of_text(const char *s)
{
    struct id id;

    CHECK(id_read(&id, 160, (const uint8_t *)s));
    return id;
}

/* Source: [bep5], its examples. */
TEST(queries_are_those_of_the_specification)
{
    const struct id id = id_of_text("abcdefghij0123456789");
    const struct id other = id_of_text("mnopqrstuvwxyz123456");
    struct krpc m = {
        .t = (const uint8_t *)"aa", .t_len = 2, .id = id, .target = other};

    m.method = KRPC_PING;
    check_bytes(&m, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe");
    m.method = KRPC_FIND_NODE;
    check_bytes(&m, "d1:ad2:id20:abcdefghij01234567896:target20:"
                    "mnopqrstuvwxyz123456e1:q9:find_node1:t2:aa1:y1:qe");
    m.method = KRPC_GET_PEERS;
    check_bytes(&m, "d1:ad2:id20:abcdefghij01234567899:info_hash20:"
                    "mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe");
    m.method = KRPC_ANNOUNCE_PEER;
    m.implied_port = true;
    m.port = 6881;
    m.token = (const uint8_t *)"aoeusnth";
    m.token_len = 8;
    check_bytes(&m, "d1:ad2:id20:abcdefghij012345678912:implied_porti1e"
                    "9:info_hash20:mnopqrstuvwxyz1234564:porti6881e5:token8:"
                    "aoeusnthe1:q13:announce_peer1:t2:aa1:y1:qe");
    m = (struct krpc){.kind = KRPC_ERROR,
                      .t = (const uint8_t *)"aa",
                      .t_len = 2,
                      .error = 201,
                      .error_text = "A Generic Error Ocurred"};
    check_bytes(&m, "d1:eli201e23:A Generic Error Ocurrede1:t2:aa1:y1:ee");
}

TEST(every_prefix_of_a_query_is_refused)
{
    const char *s = "d1:ad2:id20:abcdefghij01234567899:info_hash20:"
                    "mnopqrstuvwxyz123456e1:q9:get_peers1:t2:aa1:y1:qe";
    struct krpc m;

    for (size_t len = 0; len < strlen(s); len++) {
        uint8_t *copy = malloc(len > 0 ? len : 1);
        memcpy(copy, s, len);
        CHECK(krpc_read(&m, copy, len) < 0);
        free(copy);
    }
    CHECK(krpc_read(&m, (const uint8_t *)s, strlen(s)) == 0);
    CHECK_U64(m.method, KRPC_GET_PEERS);
    struct fields f = fields_new();
    krpc_describe((const uint8_t *)s, strlen(s), &f);
    CHECK_TEXT(f.type, "GET_PEERS");
    CHECK(fields_cover(&f, strlen(s)));
    CHECK(fields_unknown(&f, &bittorrent_protocol, false) == NULL);
    fields_free(&f);
}

/* Source: [bep42], its vectors: 21 bits of the id, and its last byte. */
TEST(ids_fit_addresses)
{
    static const struct {
        uint32_t ip;
        uint8_t r;
        uint32_t top;
    } vector[] = {{0x7c1f4b15, 1, 0x5fbfbf00},
                  {0x154b1f7c, 86, 0x5a3ce900},
                  {0x411733aa, 22, 0xa5d43200},
                  {0x547c490e, 65, 0x1b032100},
                  {0x2bd53553, 90, 0xe56f6c00}};

    for (size_t i = 0; i < sizeof vector / sizeof *vector; i++) {
        const uint64_t chance[3] = {1, 2, vector[i].r};
        struct id id = dht_id_for(vector[i].ip, chance);
        CHECK_U64(id.word[0] & 0xfffff800, vector[i].top & 0xfffff800);
        CHECK_U64(id.word[4] & 0xff, vector[i].r);
        CHECK(dht_id_fits(&id, vector[i].ip));
        CHECK(!dht_id_fits(&id, vector[i].ip + 1));
    }
}

/* -- A small DHT ------------------------------------------------------------ */

#define NODES 40
static struct fake fake[NODES];
static struct dht dht[NODES];

static struct addr addr_of(unsigned i)
{
    return (struct addr){0x0a000001 + i, (uint16_t)(6881 + i)};
}

/* Deliver what was sent, until nobody says anything more. */
static void settle(unsigned count)
{
    for (bool more = true; more;) {
        more = false;
        for (unsigned i = 0; i < count; i++) {
            struct fake from = fake[i];
            fake[i].sent_count = 0;
            for (unsigned j = 0; j < from.sent_count; j++) {
                unsigned to = from.sent[j].to.ip - 0x0a000001;
                more = true;
                if (to < count && addr_equal(addr_of(to), from.sent[j].to) &&
                    dht[to].bucket != NULL)
                    CHECK(dht_on_datagram(&dht[to], &fake[to].host, addr_of(i),
                                          from.sent[j].data, from.sent[j].len));
            }
        }
    }
}

static void pass(unsigned count, uint64_t us)
{
    for (unsigned i = 0; i < count; i++) {
        fake[i].now_us += us;
        if (dht[i].bucket != NULL && fake[i].timer_us[5] <= fake[i].now_us)
            dht_on_timer(&dht[i], &fake[i].host);
    }
    settle(count);
}

static void begin(unsigned count, bool checked)
{
    for (unsigned i = 0; i < count; i++) {
        fake_begin(&fake[i], addr_of(i));
        fake[i].host.random.state = 1000 + i;
        CHECK(dht_begin(&dht[i], &fake[i].host, 5, addr_of(i), checked));
        if (i > 0)
            dht_join(&dht[i], &fake[i].host, addr_of(i / 2));
        settle(i + 1);
    }
}

static void end(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        fake_free(&fake[i].host, dht[i].bucket, 0);
        fake_free(&fake[i].host, dht[i].stored, 0);
        dht[i].bucket = NULL;
        dht[i].stored = NULL;
    }
}

static unsigned takes(unsigned i, uint32_t tag)
{
    struct addr peer;
    uint32_t got_tag;
    unsigned count = 0;

    while (dht_take(&dht[i], &got_tag, &peer)) {
        CHECK_U64(got_tag, tag);
        CHECK(peer.port == 7000 || peer.port == 7001);
        count++;
    }
    return count;
}

TEST(a_torrent_is_found_where_it_was_announced)
{
    const uint8_t *infohash = (const uint8_t *)"some torrent's hash.";

    begin(NODES, false);
    for (unsigned i = 0; i < NODES; i++)
        CHECK(dht_node_count(&dht[i]) >= DHT_K);
    CHECK(dht_follow(&dht[3], &fake[3].host, infohash, 7000, 1));
    pass(NODES, 0);
    CHECK(dht_follow(&dht[17], &fake[17].host, infohash, 7001, 9));
    pass(NODES, 0);
    CHECK(takes(17, 9) >= 1);
    /* It is stored at the eight that are nearest of all. */
    struct id target;
    id_read(&target, 160, infohash);
    unsigned stored = 0;
    for (unsigned i = 0; i < NODES; i++) {
        unsigned nearer = 0;
        struct id mine = dht_distance(&dht[i].id, &target);
        for (unsigned j = 0; j < NODES; j++) {
            struct id other = dht_distance(&dht[j].id, &target);
            nearer += id_compare(&other, &mine) < 0;
        }
        if (dht[i].stored_count > 0) {
            stored++;
            CHECK(nearer <= DHT_K); /* the announcer itself may be one */
        }
    }
    CHECK_U64(stored >= DHT_K - 1, 1);
    /* After half an hour without an announce it is gone. */
    dht[3].follow[0].used = dht[17].follow[0].used = false;
    for (int minute = 0; minute < 32; minute++)
        pass(NODES, 60 * SECOND_US);
    for (unsigned i = 0; i < NODES; i++)
        CHECK_U64(dht[i].stored_count, 0);
    end(NODES);
}

TEST(only_the_bucket_around_our_own_id_splits)
{
    begin(NODES, false);
    for (unsigned i = 0; i < NODES; i++)
        for (uint32_t b = 0; b < dht[i].bucket_count; b++)
            for (unsigned j = 0; j < dht[i].bucket[b].count; j++) {
                unsigned shared =
                    dht_shared_bits(&dht[i].id, &dht[i].bucket[b].node[j].id);
                CHECK(b + 1 == dht[i].bucket_count ? shared >= b : shared == b);
            }
    end(NODES);
}

TEST(dead_nodes_make_room_and_are_told_to_nobody)
{
    begin(20, false);
    struct id gone = dht[7].id;
    fake_free(&fake[7].host, dht[7].bucket, 0);
    dht[7].bucket = NULL;
    for (int minute = 0; minute < 40; minute++) {
        pass(20, 2 * SECOND_US); /* calls time out */
        pass(20, 58 * SECOND_US);
    }
    for (unsigned i = 0; i < 20; i++) {
        const struct dht_node *nearest[DHT_K];
        if (dht[i].bucket == NULL)
            continue;
        size_t count = dht_nearest(&dht[i], &gone, nearest);
        CHECK(count == DHT_K);
        for (size_t j = 0; j < count; j++)
            CHECK(!id_equal(&nearest[j]->id, &gone));
    }
    end(20);
}

/* -- Strangers -------------------------------------------------------------------- */

static const struct addr stranger = {0x01020304, 99};

static const struct krpc *ask(struct krpc *m, struct addr from)
{
    static struct krpc reply;
    uint8_t out[DHT_DATAGRAM_MAX];

    m->t = (const uint8_t *)"xyz";
    m->t_len = 3;
    m->id = id_of_text("abcdefghij0123456789");
    size_t len = krpc_write(m, out);
    fake[0].sent_count = 0;
    CHECK(dht_on_datagram(&dht[0], &fake[0].host, from, out, len));
    CHECK(fake[0].sent_count >= 1);
    CHECK(krpc_read(&reply, fake[0].sent[0].data, fake[0].sent[0].len) == 0);
    CHECK(addr_equal(fake[0].sent[0].to, from));
    return &reply;
}

TEST(a_token_is_good_for_its_address_and_for_ten_minutes)
{
    struct krpc m = {.method = KRPC_GET_PEERS};
    struct addr other = {0x01020305, 99};

    begin(1, false);
    fake[0].now_us = 3 * DHT_SECRET_US;
    const struct krpc *reply = ask(&m, stranger);
    uint8_t token[DHT_TOKEN_BYTES];
    CHECK_U64(reply->token_len, DHT_TOKEN_BYTES);
    memcpy(token, reply->token, sizeof token);
    m = (struct krpc){.method = KRPC_ANNOUNCE_PEER,
                      .port = 5,
                      .token = token,
                      .token_len = sizeof token};
    CHECK_U64(ask(&m, other)->kind, KRPC_ERROR);
    CHECK_U64(dht[0].stored_count, 0);
    CHECK_U64(ask(&m, stranger)->kind, KRPC_REPLY);
    CHECK_U64(dht[0].stored_count, 1);
    CHECK_U64(dht[0].stored[0].peer.port, 5);
    m.implied_port = true;
    CHECK_U64(ask(&m, stranger)->kind, KRPC_REPLY);
    CHECK_U64(dht[0].stored[1].peer.port, 99);
    fake[0].now_us += DHT_SECRET_US;
    CHECK_U64(ask(&m, stranger)->kind, KRPC_REPLY);
    fake[0].now_us += DHT_SECRET_US;
    CHECK_U64(ask(&m, stranger)->kind, KRPC_ERROR);
    end(1);
}

TEST(hearsay_is_asked_back_and_not_believed)
{
    struct krpc m = {.method = KRPC_PING};

    begin(1, false);
    CHECK_U64(ask(&m, stranger)->kind, KRPC_REPLY);
    CHECK_U64(dht_node_count(&dht[0]), 0);
    CHECK_U64(fake[0].sent_count, 2); /* the answer, and a ping */
    CHECK(krpc_read(&m, fake[0].sent[1].data, fake[0].sent[1].len) == 0);
    CHECK_U64(m.method, KRPC_PING);
    struct krpc pong = {.kind = KRPC_REPLY,
                        .t = m.t,
                        .t_len = m.t_len,
                        .id = id_of_text("abcdefghij0123456789")};
    uint8_t out[DHT_DATAGRAM_MAX];
    size_t len = krpc_write(&pong, out);
    struct addr liar = {stranger.ip, 98};
    dht_on_datagram(&dht[0], &fake[0].host, liar, out, len);
    CHECK_U64(dht_node_count(&dht[0]), 0);
    dht_on_datagram(&dht[0], &fake[0].host, stranger, out, len);
    CHECK_U64(dht_node_count(&dht[0]), 1);
    end(1);
}

TEST(a_flood_is_answered_at_a_bounded_rate)
{
    const char *query =
        "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe";
    unsigned answered = 0;

    begin(1, false);
    for (int i = 0; i < 2000; i++) { /* within a second */
        fake[0].sent_count = 0;
        fake[0].now_us += 500;
        dht_on_datagram(&dht[0], &fake[0].host, stranger,
                        (const uint8_t *)query, strlen(query));
        answered += fake[0].sent_count > 0;
    }
    CHECK(answered >= DHT_BURST && answered <= DHT_BURST + DHT_RATE + 2);
    end(1);
}

/* A spoofed question gains little: whatever is stored, and with the ping that
   asks its sender back. */
TEST(what_a_question_sets_off_is_at_most_eight_times_its_size)
{
    struct krpc m = {.method = KRPC_GET_PEERS};
    uint8_t token[DHT_TOKEN_BYTES], out[DHT_DATAGRAM_MAX];
    size_t bytes = 0;

    begin(NODES, false);
    memcpy(token, ask(&m, stranger)->token, sizeof token);
    for (unsigned i = 0; i < DHT_STORED_IP_MAX; i++) {
        fake[0].now_us += SECOND_US / 10;
        m = (struct krpc){.method = KRPC_ANNOUNCE_PEER,
                          .token = token,
                          .token_len = sizeof token,
                          .port = (uint16_t)(1000 + i)};
        ask(&m, stranger);
    }
    m = (struct krpc){.method = KRPC_GET_PEERS};
    ask(&m, (struct addr){stranger.ip, 98}); /* nobody has pinged that one */
    for (unsigned i = 0; i < fake[0].sent_count; i++)
        bytes += fake[0].sent[i].to.ip == stranger.ip ? fake[0].sent[i].len : 0;
    CHECK_U64(fake[0].sent_count, 2);
    CHECK(bytes > 600 && bytes <= 8 * krpc_write(&m, out));
    end(NODES);
}

TEST(stored_peers_are_bounded)
{
    struct krpc m = {.method = KRPC_GET_PEERS};
    uint8_t token[DHT_TOKEN_BYTES];

    begin(1, false);
    memcpy(token, ask(&m, stranger)->token, sizeof token);
    for (unsigned i = 0; i < 1000; i++) {
        fake[0].now_us += SECOND_US / 10;
        m = (struct krpc){.method = KRPC_ANNOUNCE_PEER,
                          .token = token,
                          .token_len = sizeof token,
                          .port = (uint16_t)(1 + i)};
        m.target.word[0] = i;
        ask(&m, stranger);
    }
    CHECK_U64(dht[0].stored_count, DHT_STORED_IP_MAX);
    CHECK_U64(dht[0].stored[0].peer.port, 1001 - DHT_STORED_IP_MAX);
    end(1);
}

TEST(broken_queries_get_an_error_and_noise_gets_nothing)
{
    static const char *const errors[] = {
        "d1:ad2:id3:abce1:q4:ping1:t2:aa1:y1:qe", "d1:q4:ping1:t2:aa1:y1:qe",
        "d1:ad2:id20:abcdefghij0123456789e1:q9:get_peers1:t2:aa1:y1:qe"};
    static const char *const noise[] = {
        "d", "de", "d1:t2:aa1:y1:xe", "d1:rd2:id3:abce1:t2:aa1:y1:re",
        "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:y1:qe"};

    begin(1, false);
    for (int i = 0; i < 3; i++) {
        fake[0].sent_count = 0;
        dht_on_datagram(&dht[0], &fake[0].host, stranger,
                        (const uint8_t *)errors[i], strlen(errors[i]));
        fake[0].sent[0].data[fake[0].sent[0].len] = 0;
        CHECK_TEXT((char *)fake[0].sent[0].data,
                   "d1:eli203e14:Protocol Errore1:t2:aa1:y1:ee");
    }
    for (int i = 0; i < 5; i++) {
        fake[0].sent_count = 0;
        dht_on_datagram(&dht[0], &fake[0].host, stranger,
                        (const uint8_t *)noise[i], strlen(noise[i]));
        CHECK_U64(fake[0].sent_count, 0);
    }
    end(1);
}

TEST(checked_ids_keep_chosen_ones_out)
{
    begin(12, true);
    CHECK(dht_node_count(&dht[0]) >= DHT_K);
    struct id chosen = dht[0].id; /* near us, and not its owner's */
    chosen.word[2] ^= 1;
    dht_replied(&dht[0], &fake[0].host, &chosen, stranger);
    CHECK(dht_find(&dht[0], &chosen) == NULL);
    dht[0].checked = false;
    dht_replied(&dht[0], &fake[0].host, &chosen, stranger);
    CHECK(dht_find(&dht[0], &chosen) != NULL);
    end(12);
}

int main(void)
{
    RUN(queries_are_those_of_the_specification);
    RUN(every_prefix_of_a_query_is_refused);
    RUN(ids_fit_addresses);
    RUN(a_torrent_is_found_where_it_was_announced);
    RUN(only_the_bucket_around_our_own_id_splits);
    RUN(dead_nodes_make_room_and_are_told_to_nobody);
    RUN(a_token_is_good_for_its_address_and_for_ten_minutes);
    RUN(hearsay_is_asked_back_and_not_believed);
    RUN(a_flood_is_answered_at_a_bounded_rate);
    RUN(what_a_question_sets_off_is_at_most_eight_times_its_size);
    RUN(stored_peers_are_bounded);
    RUN(broken_queries_get_an_error_and_noise_gets_nothing);
    RUN(checked_ids_keep_chosen_ones_out);
    return test_end();
}
