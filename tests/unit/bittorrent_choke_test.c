/* To whom a node uploads; see swarm_node.h. */
#include "tests/unit/swarm_node.h"

static void come(conn_id conn, bool interested)
{
    shake_hands(conn, (struct addr){peer.ip + conn, 50000}, RESERVED_FAST);
    if (interested)
        say(conn, (struct wire_msg){.id = WIRE_INTERESTED});
}

static void round_passes(void)
{
    fake.now_us += 10 * SECOND_US;
    (void)tell((struct event){.kind = EVENT_TIMER, .timer = TIMER_RECHOKE});
}

/* Source: [bep3] new connections are three times as likely. */
TEST(newcomers_have_three_lots_of_the_optimistic_slot)
{
    unsigned drawn = 0;

    chosen = "slots=0";
    for (unsigned i = 0; i < 400; i++) {
        begin(true);
        come(1, false);
        fake.now_us += 31 * SECOND_US;
        come(2, true);
        CHECK(on(2)->optimistic && !on(2)->am_choking);
        come(3, false);
        say(1, (struct wire_msg){.id = WIRE_INTERESTED});
        say(3, (struct wire_msg){.id = WIRE_INTERESTED});
        fake.host.random.state = i;
        say(2, (struct wire_msg){.id = WIRE_NOT_INTERESTED});
        CHECK(on(2)->am_choking && on(1)->optimistic != on(3)->optimistic);
        drawn += on(3)->optimistic;
    }
    CHECK(drawn > 270 && drawn < 330);
    chosen = NULL;
}

/* Source: [bep3] "Peers which have a better upload rate but aren't interested
   get unchoked and if they become interested the worst uploader gets choked." */
TEST(who_gives_more_and_wants_nothing_need_not_wait_when_it_does)
{
    const uint8_t most = 0xe0;

    chosen = "slots=1";
    begin(false);
    set("optimistic", "0");
    come(1, true);
    CHECK(!on(1)->am_choking); /* the slot is free */
    for (conn_id conn = 2; conn <= 4; conn++) {
        come(conn, false);
        say(conn, conn == 3 ? (struct wire_msg){.id = WIRE_HAVE_ALL}
                            : (struct wire_msg){.id = WIRE_BITFIELD,
                                                .data = &most,
                                                .data_len = 1});
        say(conn, (struct wire_msg){.id = WIRE_UNCHOKE});
        if (conn < 4)
            send_wrong(conn, peer, on(conn)->asked.at[0]);
    }
    round_passes();
    CHECK(!on(1)->am_choking && !on(2)->am_choking);
    CHECK(on(3)->am_choking); /* a seed will never want anything */
    CHECK(on(4)->am_choking); /* gave nothing */
    CHECK(!peer_may_have(node(), on(2), 0)); /* until it wants something */
    say(2, (struct wire_msg){.id = WIRE_INTERESTED});
    CHECK(on(1)->am_choking && peer_may_have(node(), on(2), 0));
    say(2, (struct wire_msg){.id = WIRE_NOT_INTERESTED});
    CHECK(!on(1)->am_choking && !on(2)->am_choking);
    round_passes();
    round_passes(); /* it has given nothing for two */
    CHECK(!on(1)->am_choking && on(2)->am_choking);
    chosen = NULL;
}

/* Rounds in which each of four is unchoked by a seed with two slots, one of
   them by lot; the first takes most. */
static void serve_four(unsigned turns[5])
{
    begin(true);
    set("slots", "1");
    for (conn_id conn = 1; conn <= 4; conn++)
        come(conn, true);
    for (int i = 0; i < 100; i++) {
        want(1, 0);
        round_passes();
        for (conn_id conn = 1; conn <= 4; conn++)
            turns[conn] += !on(conn)->am_choking;
    }
}

TEST(a_seed_serves_who_takes_fastest_or_each_in_turn)
{
    unsigned fast[5] = {0}, fair[5] = {0};

    serve_four(fast);
    CHECK(fast[1] == 100);
    CHECK_U64(fast[1] + fast[2] + fast[3] + fast[4], 200);
    chosen = "seed_choke=rotate";
    serve_four(fair);
    CHECK_U64(fair[1] + fair[2] + fair[3] + fair[4], 200);
    for (int i = 1; i <= 4; i++)
        CHECK(fair[i] > 35 && fair[i] < 65);
    chosen = NULL;
}

/* Two slots for two: there is nobody to give a turn to. */
TEST(nobody_is_choked_for_want_of_others)
{
    begin(true);
    set("slots", "1");
    come(1, true);
    come(2, true);
    fake.written_len = 0;
    for (int i = 0; i < 12; i++)
        round_passes();
    CHECK_U64(hears(WIRE_CHOKE), 0);
}

/* Messages come all the time, each before there are tokens again. */
TEST(a_limited_upload_is_reached_and_kept_however_many_ask)
{
    uint64_t sent = 0, allowed = 0;

    chosen = "upload=100kB/s";
    begin(true);
    fake_pass(&fake, 60 * SECOND_US); /* nothing is saved up meanwhile */
    for (conn_id conn = 1; conn <= 5; conn++)
        come(conn, true);
    for (uint32_t ms = 0; ms < 10000; ms += 4) {
        allowed = 100000 + 100 * ms; /* a second's at once, then the rate */
        want(1 + ms / 4 % 5, ms / 4 % PIECES);
        sent = node()->torrent.uploaded;
        CHECK(sent < allowed + BLOCK_BYTES);
        fake.written_len = 0;
        fake_pass(&fake, 4000);
    }
    CHECK(sent > allowed - 10000); /* a tenth of a second's */
    for (conn_id conn = 1; conn <= 5; conn++)
        CHECK(on(conn)->up > sent / 5 - BLOCK_BYTES);
    chosen = NULL;
}

TEST(a_limited_download_is_reached_and_kept_however_often_peers_speak)
{
    uint32_t asked = 0;

    chosen = "download=16384B/s"; /* a block at once, and one each second */
    begin(false);
    fake_pass(&fake, 60 * SECOND_US);
    come_as_seed(1, peer);
    come_as_seed(2, other);
    for (uint32_t ms = 0; ms < 6200; ms += 4) {
        say(1 + ms / 4 % 2, (struct wire_msg){.id = WIRE_UNCHOKE});
        asked = on(1)->asked.count + on(2)->asked.count;
        CHECK(asked < ms / 1000 + 3);
        fake_pass(&fake, 4000);
    }
    CHECK_U64(asked, 8); /* all */
    chosen = NULL;
}

int main(void)
{
    RUN(newcomers_have_three_lots_of_the_optimistic_slot);
    RUN(who_gives_more_and_wants_nothing_need_not_wait_when_it_does);
    RUN(a_seed_serves_who_takes_fastest_or_each_in_turn);
    RUN(nobody_is_choked_for_want_of_others);
    RUN(a_limited_upload_is_reached_and_kept_however_many_ask);
    RUN(a_limited_download_is_reached_and_kept_however_often_peers_speak);
    contents_free(fake.host.contents);
    return test_end();
}
