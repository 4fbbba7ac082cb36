/*
 * What a node says to a peer, and what it bears from one that means it ill;
 * see swarm_node.h.
 */
#include "bittorrent/bencode.h"
#include "tests/unit/swarm_node.h"

/* -- What it bears ---------------------------------------------------------------- */

TEST(a_flood_of_requests_takes_bounded_memory)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    CHECK(on(1) != NULL && !on(1)->am_choking);
    backlog = BACKLOG_HIGH; /* it does not read what it asked for */
    for (uint32_t i = 0; i < 1000; i++)
        say(1, (struct wire_msg){.id = WIRE_REQUEST, .length = BLOCK_BYTES});
    size_t before = fake.allocated;
    for (uint32_t i = 0; i < 100000; i++)
        say(1, (struct wire_msg){.id = WIRE_REQUEST, .length = BLOCK_BYTES});
    CHECK(fake.allocated == before);
    CHECK(on(1) != NULL && on(1)->wants.count <= 2 * REQUESTS_MAX);
}

TEST(requests_beyond_the_torrent_or_too_long_end_the_connection)
{
    static const struct wire_msg bad[] = {
        {.id = WIRE_REQUEST, .index = PIECES, .length = BLOCK_BYTES},
        {.id = WIRE_REQUEST, .begin = PIECE_BYTES, .length = 1},
        {.id = WIRE_REQUEST, .begin = UINT32_MAX, .length = BLOCK_BYTES},
        {.id = WIRE_REQUEST, .length = 0},
        {.id = WIRE_REQUEST, .length = UINT32_MAX}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(true);
        shake_hands(1, peer, RESERVED_FAST);
        say(1, bad[i]);
        CHECK(on(1) == NULL && aborted[1] == 1);
    }
}

TEST(a_bitfield_that_cannot_be_ends_the_connection)
{
    static const uint8_t spare = 0xf8, two[] = {0xf0, 0};
    const struct wire_msg bad[] = {
        {.id = WIRE_BITFIELD, .data = &spare, .data_len = 1},
        {.id = WIRE_BITFIELD, .data = two, .data_len = 2},
        {.id = WIRE_BITFIELD, .data = two, .data_len = 0},
        {.id = WIRE_HAVE, .index = PIECES}};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        begin(false);
        shake_hands(1, peer, 0);
        say(1, bad[i]);
        CHECK(on(1) == NULL && aborted[1] == 1);
        for (uint32_t k = 0; k < PIECES; k++)
            CHECK_U64(node()->torrent.copies[k], 0);
    }
}

TEST(who_has_all_and_sends_nothing_holds_nothing_up)
{
    struct block kept[REQUESTS_LEAST];
    uint32_t taken_over = 0;

    begin(false);
    come_as_seed(1, peer);
    CHECK_U64(on(1)->asked.count, REQUESTS_LEAST);
    memcpy(kept, on(1)->asked.at, sizeof kept);
    come_as_seed(2, other); /* and is asked for the other half */
    CHECK_U64(on(2)->asked.count, REQUESTS_LEAST);
    pass(59);
    CHECK(!on(1)->snubbed);
    send_wrong(2, other, on(2)->asked.at[0]);
    pass(2);
    CHECK(on(1)->snubbed && !on(2)->snubbed);
    for (size_t i = 0; i < REQUESTS_LEAST; i++)
        taken_over += blocks_find(&on(2)->asked, &kept[i]) != NULL;
    CHECK(taken_over > 0);
}

TEST(what_nobody_asked_for_is_thrown_away_or_ends_the_connection)
{
    begin(false);
    shake_hands(1, peer, 0); /* without fast: a cancel may have crossed */
    send_wrong(1, peer, (struct block){0, 0, BLOCK_BYTES});
    CHECK(on(1) != NULL);
    CHECK_U64(node()->torrent.wasted, BLOCK_BYTES);
    shake_hands(2, other, RESERVED_FAST);
    send_wrong(2, other, (struct block){0, 0, BLOCK_BYTES});
    CHECK(on(2) == NULL && aborted[2] == 1);
    CHECK_U64(contents_run(fake.host.contents, 0, 0), 0);
}

TEST(an_oversized_message_ends_the_connection_before_it_has_come)
{
    static const uint8_t huge[] = {0x7f, 0xff, 0xff, 0xff, WIRE_PIECE};
    static const uint8_t block[] = {0, 3, 0, 9, WIRE_PIECE, 0, 0,
                                    0, 0, 0, 0, 0,          0};

    begin(false);
    shake_hands(1, peer, RESERVED_FAST);
    (void)bytes(1, peer, huge, sizeof huge);
    CHECK(on(1) == NULL && aborted[1] == 1);
    come_as_seed(2, other);
    (void)bytes(2, other, block, sizeof block); /* of 196,608 bytes */
    CHECK(on(2) == NULL && aborted[2] == 1);
}

TEST(a_byte_a_minute_is_no_sign_of_life)
{
    static const uint8_t start[] = {19, 'B', 'i', 't'};
    static const uint8_t request[] = {0, 0, 0, 13, WIRE_REQUEST};

    begin(true);
    dial_in(1, peer);
    CHECK_U64(bytes(1, peer, start, 1), 0);
    pass(15);
    CHECK_U64(bytes(1, peer, start, 2), 0);
    pass(6); /* HALF_OPEN_US is 20 s */
    CHECK(on(1) == NULL && aborted[1] == 1);
    shake_hands(2, other, RESERVED_FAST);
    for (size_t i = 1; i <= sizeof request && on(2) != NULL; i++) {
        CHECK_U64(bytes(2, other, request, i), 0);
        pass(60);
    }
    CHECK(on(2) == NULL && aborted[2] == 1);
}

TEST(who_sent_a_bad_piece_is_not_let_in_again)
{
    begin(false);
    come_as_seed(1, peer);
    struct block first = on(1)->asked.at[0];
    send_wrong(1, peer, (struct block){first.piece, 0, BLOCK_BYTES});
    send_wrong(1, peer, (struct block){first.piece, BLOCK_BYTES, BLOCK_BYTES});
    CHECK_U64(job_count, 1);
    hash_all();
    CHECK(on(1) == NULL && aborted[1] == 1);
    CHECK_U64(node()->torrent.bad_pieces, 1);
    CHECK_U64(contents_run(fake.host.contents, 0, 0), 0);
    dial_in(2, (struct addr){peer.ip, 50001}); /* by another port */
    CHECK(on(2) == NULL && aborted[2] == 1);
    dial_in(3, other);
    CHECK(on(3) != NULL && aborted[3] == 0);
}

TEST(connections_have_a_bound)
{
    begin(true);
    for (conn_id conn = 1; conn <= 2 * PEERS_MAX; conn++)
        dial_in(conn, (struct addr){0x0b000000 + conn, 1});
    CHECK_U64(node()->peer_count, PEERS_MAX);
}

/* Who talks is at an address of its own as good as any; of those who crowd at
   one address go who gave and took least, until all have the same. */
TEST(one_address_cannot_keep_others_out)
{
    begin(true);
    for (conn_id conn = 1; conn <= PEERS_MAX; conn++)
        shake_hands(conn, conn % 4 == 0 ? peer : other, 0);
    CHECK_U64(node()->peer_count, PEERS_MAX);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    want(1, 0); /* 1 and 2 are those who take something */
    say(2, (struct wire_msg){.id = WIRE_INTERESTED});
    want(2, 0);
    CHECK(on(1)->up > 0 && on(2)->up > 0);
    shake_hands(100, other, 0); /* from where most are: it finds no room */
    CHECK(on(100) == NULL);
    for (conn_id conn = 101; conn <= 180; conn++)
        shake_hands(conn, (struct addr){0x0b000000 + conn, 1}, 0);
    CHECK_U64(node()->peer_count, PEERS_MAX);
    for (conn_id conn = 3; conn < 80; conn++)
        CHECK(on(conn) == NULL && on(conn + 98) != NULL);
    CHECK(on(2) != NULL && on(80) != NULL); /* one of each is left */
}

/* Silent calls cannot keep others out, whether they are taken for peers or ask
   for a file and never say which. */
TEST(who_says_nothing_makes_room_for_others)
{
    begin(true);
    for (conn_id conn = 1; conn <= PEERS_MAX; conn++)
        dial_in(conn, (struct addr){0x0b000000 + conn, 1});
    dial_in(500, peer);
    CHECK(on(500) == NULL && on(1) != NULL); /* so quick nobody need be */
    fake.now_us += SECOND_US / 2;
    shake_hands(500, peer, 0);
    CHECK(on(500) != NULL && on(500)->state == PEER_UP);
    CHECK(on(1) == NULL && on(2) != NULL); /* the first one went */
    CHECK_U64(node()->peer_count, PEERS_MAX);
    for (conn_id conn = 1001; conn <= 1000 + WEB_STREAMS_MAX; conn++) {
        dial_in(conn, other);
        fake.now_us += SECOND_US;
        (void)bytes(conn, other, "GET /film", 9);
    }
    const char *get = "GET /film.ogv.torrent HTTP/1.0\r\n\r\n";
    dial_in(2000, peer);
    fake.written_len = 0;
    CHECK_U64(bytes(2000, peer, get, strlen(get)), strlen(get));
    CHECK(memcmp(fake.written, "HTTP/1.0 200", 12) == 0);
    CHECK(on(500) != NULL);
    CHECK(web_of(fake.host.node, 1001) == NULL);
    CHECK(web_of(fake.host.node, 1002) != NULL);
}

/* Whoever asks for a file by HTTP is no peer, and no number finds him. */
TEST(a_visitor_leaves_no_trace_among_the_peers)
{
    const char *get = "GET /film.ogv.torrent HTTP/1.0\r\n\r\n";

    begin(true);
    dial_in(5, other);
    CHECK_U64(node()->peer_count, 1);
    (void)bytes(5, other, (const uint8_t *)get, strlen(get));
    CHECK_U64(node()->peer_count, 0);
    for (unsigned i = 0; i < CONN_SLOTS; i++)
        CHECK(node()->by_conn[i] == NULL);
}

/* -- What it says -------------------------------------------------------------- */

/* Source: [bep3] peer messages, [bep6] HAVE_ALL, HAVE_NONE, [bep5] PORT. */
TEST(the_first_message_says_what_is_here)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST | RESERVED_DHT);
    CHECK_U64(hears(WIRE_HAVE_ALL), 1);
    CHECK_U64(hears(WIRE_BITFIELD) + hears(WIRE_PORT), 0); /* we have no DHT */
    CHECK_U64(hears(WIRE_ALLOWED_FAST), 0);
    fake.written_len = 0;
    shake_hands(2, other, 0);
    CHECK_U64(hears(WIRE_BITFIELD), 1);
    CHECK(heard.data_len == 1 && heard.data[0] == 0xf0);
    CHECK_U64(hears(WIRE_HAVE_ALL) + hears(WIRE_EXTENDED), 0);
    begin(false);
    shake_hands(1, peer, RESERVED_FAST);
    CHECK_U64(hears(WIRE_HAVE_NONE), 1);
    fake.written_len = 0;
    shake_hands(2, other, 0);
    CHECK_U64(hears(WIRE_BITFIELD), 1);
    CHECK(heard.data_len == 1 && heard.data[0] == 0);
    chosen = "dht=on";
    begin(true);
    shake_hands(1, peer, RESERVED_DHT);
    CHECK_U64(hears(WIRE_PORT), 1);
    CHECK_U64(heard.port, us.port);
    chosen = NULL;
}

/* Source: [bep6] choke first, then a reject for each; [bep3] without a word. */
TEST(a_choke_rejects_what_waits_where_the_peer_is_fast)
{
    for (int fast = 0; fast <= 1; fast++) {
        begin(true);
        shake_hands(1, peer, fast ? RESERVED_FAST : 0);
        say(1, (struct wire_msg){.id = WIRE_INTERESTED});
        backlog = BACKLOG_HIGH; /* the first goes out, the others wait */
        for (uint32_t i = 0; i < PIECES; i++)
            want(1, i);
        CHECK_U64(on(1)->wants.count, PIECES - 1);
        fake.written_len = 0;
        say(1, (struct wire_msg){.id = WIRE_NOT_INTERESTED});
        CHECK_U64(fake.written[4], WIRE_CHOKE);
        CHECK_U64(hears(WIRE_REJECT), fast ? PIECES - 1 : 0);
        CHECK_U64(on(1)->wants.count, 0);
        fake.written_len = 0;
        want(1, 0); /* it is choked now */
        CHECK_U64(hears(WIRE_REJECT), fast);
        CHECK_U64(hears(WIRE_PIECE), 0);
    }
}

/* Source: [bep6] a cancel is answered by a reject, or the piece came before. */
TEST(a_cancel_is_answered_where_the_peer_is_fast)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    backlog = BACKLOG_HIGH;
    want(1, 0);
    want(1, 1);
    fake.written_len = 0;
    for (uint32_t i = 0; i < 2; i++)
        say(1, (struct wire_msg){
                   .id = WIRE_CANCEL, .index = i, .length = BLOCK_BYTES});
    CHECK_U64(hears(WIRE_REJECT), 1); /* the first is on its way */
    CHECK_U64(heard.index, 1);
}

/* Source: [bep6] each request gets a piece or a reject. */
TEST(what_is_no_longer_here_is_rejected)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    contents_free(fake.host.contents); /* its file went away */
    CHECK(keep(&fake.host));
    fake.written_len = 0;
    want(1, 0);
    CHECK_U64(hears(WIRE_PIECE), 0);
    CHECK_U64(hears(WIRE_REJECT), 1);
}

/* Ours: as most clients did once; more ends the connection. */
TEST(requests_of_128_KiB_are_served_and_longer_ones_are_not)
{
    struct wire_msg m = {.id = WIRE_REQUEST, .length = 128 * 1024};

    chosen = "piece=128KiB"; /* all of the film */
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_INTERESTED});
    say(1, m);
    CHECK_U64(hears(WIRE_PIECE), 1);
    CHECK_U64(heard.length, 128 * 1024);
    CHECK_U64(BLOCK_BYTES_MAX, 128 * 1024);
    m.length++;
    say(1, m);
    CHECK(on(1) == NULL);
    chosen = NULL;
}

/* Source: [bep6] allowed fast. */
TEST(a_choked_newcomer_gets_the_pieces_it_is_allowed)
{
    uint32_t set[2];

    chosen = "fast=2";
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    CHECK_U64(
        wire_allowed_fast(peer.ip, node()->torrent.infohash, PIECES, set, 2),
        2);
    CHECK_U64(hears(WIRE_ALLOWED_FAST), 2);
    CHECK_U64(heard.index, set[1]);
    CHECK(on(1)->am_choking);
    fake.written_len = 0;
    for (uint32_t i = 0; i < PIECES; i++)
        want(1, i);
    CHECK_U64(hears(WIRE_PIECE), 2);
    CHECK_U64(hears(WIRE_REJECT), PIECES - 2);
    for (uint32_t i = 0; i < 3; i++) /* it has more than two now */
        say(1, (struct wire_msg){.id = WIRE_HAVE, .index = i});
    fake.written_len = 0;
    want(1, set[0]);
    CHECK_U64(hears(WIRE_REJECT), 1);
    fake.written_len = 0;
    shake_hands(2, other, 0);
    CHECK_U64(hears(WIRE_ALLOWED_FAST), 0); /* it would not understand */
    chosen = NULL;
}

TEST(what_a_choking_peer_allows_is_asked_for)
{
    begin(false);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_HAVE_ALL});
    CHECK_U64(hears(WIRE_REQUEST), 0);
    say(1, (struct wire_msg){.id = WIRE_ALLOWED_FAST, .index = 2});
    CHECK_U64(hears(WIRE_REQUEST), 2); /* the blocks of that piece */
    CHECK_U64(heard.index, 2);
    CHECK_U64(heard.length, 16384);
    say(1, (struct wire_msg){.id = WIRE_ALLOWED_FAST, .index = PIECES});
    CHECK(on(1) == NULL); /* no such piece */
}

/* Source: [bep10] reqq. */
TEST(no_more_is_asked_for_than_a_peer_takes)
{
    static const char hello[] = "d1:md6:ut_pexi0ee4:reqqi2ee";

    begin(false);
    shake_hands(1, peer, RESERVED_FAST | RESERVED_EXTENDED);
    say(1, (struct wire_msg){.id = WIRE_EXTENDED,
                             .data = (const uint8_t *)hello,
                             .data_len = sizeof hello - 1});
    say(1, (struct wire_msg){.id = WIRE_HAVE_ALL});
    say(1, (struct wire_msg){.id = WIRE_UNCHOKE});
    CHECK_U64(hears(WIRE_REQUEST), 2);
}

/* Source: [bep3] a choke drops what was asked for; [bep6] not where the peer
   is fast: it rejects each. */
TEST(a_choke_frees_what_was_asked_for)
{
    begin(false);
    shake_hands(1, peer, 0);
    say(1, (struct wire_msg){
               .id = WIRE_BITFIELD, .data = (uint8_t[]){0xf0}, .data_len = 1});
    say(1, (struct wire_msg){.id = WIRE_UNCHOKE});
    CHECK_U64(on(1)->asked.count, REQUESTS_LEAST);
    say(1, (struct wire_msg){.id = WIRE_CHOKE});
    CHECK_U64(on(1)->asked.count, 0);
    come_as_seed(2, other);
    struct block first = on(2)->asked.at[0];
    say(2, (struct wire_msg){.id = WIRE_CHOKE});
    CHECK_U64(on(2)->asked.count, REQUESTS_LEAST);
    struct wire_msg reject = {.id = WIRE_REJECT,
                              .index = first.piece,
                              .begin = first.begin,
                              .length = first.length};
    say(2, reject);
    CHECK_U64(on(2)->asked.count, REQUESTS_LEAST - 1);
    say(2, reject); /* twice: nobody asked for that */
    CHECK(on(2) == NULL);
}

/* Source: [bep6] who is fast answers every request, however late. */
TEST(a_late_answer_is_taken)
{
    begin(false);
    come_as_seed(1, peer);
    struct block late[2] = {on(1)->asked.at[0], on(1)->asked.at[1]};
    pass(61);
    CHECK(on(1)->snubbed);
    CHECK_U64(on(1)->late.count, REQUESTS_LEAST);
    send_wrong(1, peer, late[0]);
    CHECK(on(1) != NULL && !on(1)->snubbed);
    CHECK_U64(node()->torrent.wasted, 0);
    say(1, (struct wire_msg){.id = WIRE_CHOKE});
    say(1, (struct wire_msg){.id = WIRE_REJECT,
                             .index = late[1].piece,
                             .begin = late[1].begin,
                             .length = late[1].length});
    CHECK(on(1) != NULL && aborted[1] == 0);
}

/* Who never answers and is fast could make the list of what may still come
   grow for ever. */
TEST(late_answers_are_awaited_up_to_a_bound)
{
    begin(false);
    come_as_seed(1, peer);
    for (int i = 0; i < 2 * REQUESTS_MAX; i++) {
        pass(61);
        CHECK(on(1)->snubbed);
        node()->peers[0]->snubbed =
            false; /* as after a block of another piece */
        say(1, (struct wire_msg){.id = WIRE_KEEP_ALIVE});
        pass(1); /* it is asked again */
        CHECK_U64(on(1)->asked.count, REQUESTS_LEAST);
    }
    CHECK_U64(on(1)->late.count, 500);
}

/* Source: [bep3] keep-alives; every two minutes is what peers expect. */
TEST(who_has_nothing_to_say_says_that_it_lives)
{
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    fake.written_len = 0;
    pass(105);
    CHECK_U64(fake.written_len, 0);
    pass(14);
    CHECK_U64(hears(WIRE_KEEP_ALIVE), 1);
    CHECK_U64(fake.written_len, 4);
    pass(100); /* that was a word */
    CHECK_U64(fake.written_len, 4);
    say(1, (struct wire_msg){.id = WIRE_KEEP_ALIVE});
    pass(19);
    CHECK_U64(hears(WIRE_KEEP_ALIVE), 2);
    pass(200);
    CHECK(on(1) != NULL); /* because it spoke as well */
    pass(41);
    CHECK(on(1) == NULL);
}

/* Source: [bep3] interest is kept exact. */
TEST(interest_comes_and_goes_with_what_a_peer_has)
{
    begin(false);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_HAVE_NONE});
    CHECK_U64(hears(WIRE_INTERESTED), 0);
    say(1, (struct wire_msg){.id = WIRE_HAVE, .index = 3});
    CHECK_U64(hears(WIRE_INTERESTED), 1);                   /* though choked */
    say(1, (struct wire_msg){.id = WIRE_HAVE, .index = 3}); /* legal */
    say(1, (struct wire_msg){.id = WIRE_HAVE_ALL});         /* as well */
    say(1, (struct wire_msg){.id = WIRE_HAVE, .index = 0});
    CHECK(on(1) != NULL && on(1)->wanted == PIECES);
    CHECK_U64(node()->torrent.copies[3], 1);
    begin(true);
    shake_hands(1, peer, RESERVED_FAST);
    say(1, (struct wire_msg){.id = WIRE_HAVE_ALL});
    CHECK_U64(hears(WIRE_INTERESTED), 0); /* we lack nothing */
}

TEST(fast_messages_of_who_is_not_and_unknown_ones)
{
    static const enum wire_id fast[] = {WIRE_SUGGEST, WIRE_HAVE_ALL,
                                        WIRE_HAVE_NONE, WIRE_REJECT,
                                        WIRE_ALLOWED_FAST};
    static const uint8_t unknown[] = {0, 0, 0, 4, 77, 1, 2, 3};
    static const uint8_t hashes[] = {0, 0, 0, 1, 22}; /* of version 2 */

    for (size_t i = 0; i < sizeof fast / sizeof *fast; i++) {
        begin(true);
        shake_hands(1, peer, 0);
        say(1, (struct wire_msg){.id = fast[i], .length = 1});
        CHECK(on(1) == NULL && aborted[1] == 1);
    }
    begin(true);
    shake_hands(1, peer, 0);
    CHECK_U64(bytes(1, peer, unknown, sizeof unknown), sizeof unknown);
    CHECK_U64(bytes(1, peer, hashes, sizeof hashes), sizeof hashes);
    CHECK(on(1) != NULL);
}

/* Source: [bep3] handshake: another infohash, and our own peer id. */
TEST(a_handshake_for_another_torrent_or_of_ours_is_refused)
{
    struct handshake s = {.reserved = 0};
    uint8_t out[HANDSHAKE_BYTES];

    for (int own = 0; own <= 1; own++) {
        begin(true);
        dial_in(1, peer);
        memcpy(s.infohash, node()->torrent.infohash, INFOHASH_BYTES);
        memcpy(s.peer_id, node()->id, PEER_ID_BYTES);
        s.infohash[19] ^= own ? 0 : 1;
        s.peer_id[19] ^= own ? 0 : 1;
        wire_write_handshake(&s, out);
        (void)bytes(1, peer, out, sizeof out);
        CHECK(on(1) == NULL && aborted[1] == 1);
        CHECK_U64(fake.written_len, 0);
    }
}

/* Two connections between the same two: one stays, whichever came first. */
TEST(of_two_connections_to_one_peer_one_stays)
{
    begin(false);
    shake_hands(1, peer, 0);
    shake_hands(2, peer, 0); /* another id: another peer */
    CHECK(on(1) != NULL && on(2) != NULL);
    dial_in(3, peer);
    struct handshake s = {.reserved = 0};
    uint8_t out[HANDSHAKE_BYTES];
    memcpy(s.infohash, node()->torrent.infohash, INFOHASH_BYTES);
    memset(s.peer_id, 1, PEER_ID_BYTES);
    wire_write_handshake(&s, out);
    (void)bytes(3, peer, out, sizeof out);
    CHECK(on(1) != NULL && on(3) == NULL);
}

/* -- The info dictionary -------------------------------------------------------- */

static uint8_t film[16 * 1024]; /* its .torrent */
static struct metainfo film_meta;

/* A node that knows the film by its hash alone. */
static void begin_magnet(bool is_private)
{
    struct config config = {.self = us, .name = "us", .settings = &settings};
    static const char key[] = "7:privatei1e";
    char word[64] = "fetch ";
    const char *why;

    begin(true);
    struct torrent made = node()->torrent;
    size_t len = made.file_len;
    CHECK(len + sizeof key < sizeof film);
    memcpy(film, made.file, len);
    if (is_private) { /* the info dictionary is last in the file */
        memcpy(film + len - 2, key, sizeof key - 1);
        memcpy(film + len + sizeof key - 3, "ee", 2);
        len += sizeof key - 1;
    }
    CHECK(metainfo_read(&film_meta, film, len, &why) == 0);
    CHECK(film_meta.is_private == is_private);
    contents_free(fake.host.contents);
    CHECK(keep(&fake.host));
    fake.host.node = bittorrent_protocol.create(&fake.host, &config);
    (void)tell((struct event){.kind = EVENT_START});
    for (size_t i = 0; i < INFOHASH_BYTES; i++)
        snprintf(word + 6 + 2 * i, 3, "%02x", film_meta.infohash[i]);
    (void)tell((struct event){.kind = EVENT_COMMAND,
                              .command = 1,
                              .data = (const uint8_t *)word,
                              .len = strlen(word)});
    CHECK(node()->torrent.state == TORRENT_ASKING);
    fake.written_len = 0;
}

static void extended(conn_id conn, struct addr from, uint8_t id,
                     const struct bencode_writer *w)
{
    static uint8_t out[20000];
    const struct wire_msg m = {
        .id = WIRE_EXTENDED, .extended = id, .data = w->out, .data_len = w->at};

    (void)bytes(conn, from, out, wire_encode(&m, out, sizeof out));
}

/* It has the info dictionary, and wants ut_metadata as its number 3. */
static void come_with_metadata(conn_id conn, struct addr from)
{
    uint8_t out[100];
    struct bencode_writer w = {.out = out, .room = sizeof out};
    char hello[80];

    shake_hands(conn, from, RESERVED_EXTENDED);
    snprintf(hello, sizeof hello,
             "d1:md11:ut_metadatai3ee13:metadata_sizei%zuee",
             film_meta.info_len);
    bencode_put_raw(&w, hello, strlen(hello));
    extended(conn, from, 0, &w);
}

/* Its answer, a byte of which may be wrong. */
static void give_metadata(conn_id conn, struct addr from, bool right)
{
    static uint8_t out[16 * 1024];
    struct bencode_writer w = {.out = out, .room = sizeof out};
    char head[80];

    snprintf(head, sizeof head, "d8:msg_typei1e5:piecei0e10:total_sizei%zuee",
             film_meta.info_len);
    bencode_put_raw(&w, head, strlen(head));
    bencode_put_raw(&w, film_meta.info, film_meta.info_len);
    out[w.at - 1] ^= right ? 0 : 1;
    extended(conn, from, 2, &w); /* our number of ut_metadata */
}

static void reject_metadata(conn_id conn, struct addr from)
{
    static uint8_t out[] = "d8:msg_typei2e5:piecei0ee";
    struct bencode_writer w = {.out = out, .at = sizeof out - 1};

    extended(conn, from, 2, &w);
}

/* Source: [bep9] */
TEST(the_info_dictionary_is_asked_for_until_somebody_has_it)
{
    begin_magnet(false);
    come_with_metadata(1, peer);
    CHECK_U64(hears(WIRE_EXTENDED), 2); /* a hello, and the question */
    CHECK_U64(heard.extended, 3);
    CHECK(heard.data_len == 25 &&
          memcmp(heard.data, "d8:msg_typei0e5:piecei0ee", 25) == 0);
    CHECK(node()->torrent.info_conn == 1);
    come_with_metadata(2, other);
    CHECK(node()->torrent.info_conn == 1);
    pass(21); /* it says nothing */
    CHECK(node()->torrent.info_conn == 2);
    reject_metadata(2, other);
    CHECK(node()->torrent.info_conn == 0);
    pass(61); /* a minute after: the first once more */
    CHECK(node()->torrent.info_conn == 1);
    give_metadata(1, peer, false); /* its hash is wrong */
    CHECK(node()->torrent.state == TORRENT_ASKING);
    CHECK(node()->torrent.info_conn == 2);
    give_metadata(2, other, true);
    CHECK(node()->torrent.state == TORRENT_OPEN);
    CHECK(on(1) != NULL && on(2) != NULL);
}

TEST(a_choice_of_files_that_are_not_there_is_refused_once_they_are_known)
{
    struct text why = text_new();

    begin_magnet(false);
    CHECK(settings_set(&settings, "files", "9", &why));
    come_with_metadata(1, peer);
    give_metadata(1, peer, true);
    CHECK(node()->torrent.state == TORRENT_NONE);
    CHECK_TEXT(swarm_why(node()),
               "there are no files of those numbers, as in 1,3-5");
    fake.written_len = 0;
    pass(100);
    CHECK_U64(hears(WIRE_EXTENDED), 0); /* nobody is asked again */
    text_free(&why);
}

/* Source: [bep27] no peers but the tracker's; [bep11] none are told of. */
TEST(a_torrent_that_proves_private_forgets_whom_others_named)
{
    chosen = "dht=on";
    for (int closed = 0; closed <= 1; closed++) {
        begin_magnet(closed);
        CHECK(node()->dht->follow[0].used);
        come_with_metadata(1, peer);
        give_metadata(1, peer, true);
        CHECK(node()->torrent.state == TORRENT_OPEN);
        CHECK(node()->dht->follow[0].used == !closed);
        CHECK((on(1) == NULL) == closed);
        fake.written_len = 0;
        shake_hands(2, other, RESERVED_EXTENDED);
        CHECK_U64(hears(WIRE_EXTENDED), 1);
        CHECK((strstr((const char *)heard.data, "ut_pex") == NULL) == closed);
        static uint8_t out[] = "d5:added6:\x0a\0\0\x09\x1a\xe1"
                               "e";
        struct bencode_writer w = {.out = out, .at = sizeof out - 1};
        uint32_t known = node()->known_count;
        extended(2, other, 1, &w);
        CHECK_U64(node()->known_count, known + !closed);
    }
    chosen = NULL;
}

/* Source: [bep27] other peers are another tracker's. */
TEST(a_private_torrent_drops_its_peers_when_another_tracker_answers)
{
    for (int closed = 0; closed <= 1; closed++) {
        begin_magnet(closed);
        come_with_metadata(1, peer);
        give_metadata(1, peer, true);
        shake_hands(2, other, RESERVED_FAST);
        (void)tell((struct event){.kind = EVENT_COMMAND,
                                  .command = 2,
                                  .data = (const uint8_t *)"peer 10.0.0.9:1",
                                  .len = 15});
        CHECK(on(2) != NULL && node()->known_count == 1);
        pass(1);
        CHECK(on(2) != NULL);
        ((struct bittorrent *)fake.host.node)->announcer.moved = true;
        pass(1);
        CHECK((on(2) == NULL) == closed);
        CHECK_U64(aborted[2], closed);
        CHECK_U64(node()->known_count, closed ? 0 : 1);
        CHECK(!node()->announcer.moved);
    }
}

int main(void)
{
    RUN(a_flood_of_requests_takes_bounded_memory);
    RUN(requests_beyond_the_torrent_or_too_long_end_the_connection);
    RUN(a_bitfield_that_cannot_be_ends_the_connection);
    RUN(who_has_all_and_sends_nothing_holds_nothing_up);
    RUN(what_nobody_asked_for_is_thrown_away_or_ends_the_connection);
    RUN(an_oversized_message_ends_the_connection_before_it_has_come);
    RUN(a_byte_a_minute_is_no_sign_of_life);
    RUN(who_sent_a_bad_piece_is_not_let_in_again);
    RUN(connections_have_a_bound);
    RUN(one_address_cannot_keep_others_out);
    RUN(who_says_nothing_makes_room_for_others);
    RUN(a_visitor_leaves_no_trace_among_the_peers);
    RUN(the_first_message_says_what_is_here);
    RUN(a_choke_rejects_what_waits_where_the_peer_is_fast);
    RUN(a_cancel_is_answered_where_the_peer_is_fast);
    RUN(what_is_no_longer_here_is_rejected);
    RUN(requests_of_128_KiB_are_served_and_longer_ones_are_not);
    RUN(a_choked_newcomer_gets_the_pieces_it_is_allowed);
    RUN(what_a_choking_peer_allows_is_asked_for);
    RUN(no_more_is_asked_for_than_a_peer_takes);
    RUN(a_choke_frees_what_was_asked_for);
    RUN(a_late_answer_is_taken);
    RUN(late_answers_are_awaited_up_to_a_bound);
    RUN(who_has_nothing_to_say_says_that_it_lives);
    RUN(interest_comes_and_goes_with_what_a_peer_has);
    RUN(fast_messages_of_who_is_not_and_unknown_ones);
    RUN(a_handshake_for_another_torrent_or_of_ours_is_refused);
    RUN(of_two_connections_to_one_peer_one_stays);
    RUN(the_info_dictionary_is_asked_for_until_somebody_has_it);
    RUN(a_choice_of_files_that_are_not_there_is_refused_once_they_are_known);
    RUN(a_torrent_that_proves_private_forgets_whom_others_named);
    RUN(a_private_torrent_drops_its_peers_when_another_tracker_answers);
    contents_free(fake.host.contents);
    return test_end();
}
