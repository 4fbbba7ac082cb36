/*
 * Host conformance: one scripted node (toy.h), the same scenarios, over the
 * simulator and over real sockets; every node must hear the same story, event
 * by event: the one that the test wants.  Times are left out of the logs, and acts stand far enough apart
 * for both hosts to be done with one before the next.
 */
#include "common/live.h"
#include "common/sim.h"
#include "tests/unit/test.h"
#include "tests/unit/toy.h"

/* Messages whose bytes on the wire were others, once each. */
static void on_record(void *context, const struct record *r)
{
    if (r->kind != RECORD_MESSAGE || r->wire == NULL)
        return;
    bool masked = r->wire_len == r->len;
    for (size_t i = 0; masked && i < r->len; i++)
        masked = r->wire[i] == (r->data[i] ^ TOY_MASK);
    text_printf(context, "%zu of %zu %s\n", r->wire_len, r->len,
                masked ? "masked" : "wrong");
}

/* The logs of all nodes, in the order of their starts. */
static void collect(struct text *t, struct text *coded)
{
    for (size_t i = 0; i < toy_count; i++)
        text_printf(t, "-- node %zu\n%s", i + 1, toy_log[i].data);
    text_add(t, coded->data);
    text_free(coded);
    toy_clear();
}

static void run_live(const struct scenario *s, struct text *log)
{
    struct text why = text_new();
    struct live *l = live_new(&toy_protocol, &s->settings, s->seed, &why);
    struct live_run *r = l != NULL ? live_run_new(l, s, &why) : NULL;

    struct text coded = text_new();
    struct observer o = {.record = on_record, .context = &coded};
    live_observe(l, &o);
    while (r != NULL && live_run_poll(r, 100000, &why))
        ;
    collect(log, &coded);
    text_add(log, why.data);
    if (r != NULL)
        text_add(log, live_run_complaints(r));
    live_run_free(r);
    live_free(l);
    text_free(&why);
}

static void run_sim(const struct scenario *s, struct text *log)
{
    struct text why = text_new();
    struct sim *sim = sim_new(s, &why);

    if (sim != NULL) {
        struct text coded = text_new();
        struct observer o = {.record = on_record, .context = &coded};
        sim_observe(sim, &o);
        sim_run(sim);
        collect(log, &coded);
        text_add(log, sim_complaints(sim));
    }
    text_add(log, why.data);
    sim_free(sim);
    text_free(&why);
}

static bool quantum_too = true;
static const char *share_of_a = "";

/* Run a scenario of nodes a and b, b joined to a, on both hosts, and in the
   simulator also with streams that move a byte at a time. */
static void conform(const char *lines, const char *wanted)
{
    static const char *const head[] = {"", "", "set quantum 1\n"};

    for (int i = 0; i < (quantum_too ? 3 : 2); i++) {
        struct text text = text_new(), why = text_new(), log = text_new();
        text_printf(&text, "latency 1ms\n%snode a%s\nnode b join=a\n%s",
                    head[i], share_of_a, lines);
        struct scenario *s =
            scenario_parse("conformance", text.data, &toy_protocol, NULL, &why);
        if (s == NULL)
            text_add(&log, why.data);
        else if (i == 0)
            run_live(s, &log);
        else
            run_sim(s, &log);
        if (strcmp(log.data, wanted) != 0)
            printf("# %s:\n", i == 0   ? "live"
                              : i == 1 ? "simulator"
                                       : "simulator, quantum 1");
        CHECK_TEXT(log.data, wanted);
        scenario_free(s);
        text_free(&text);
        text_free(&why);
        text_free(&log);
    }
}

TEST(datagrams_arrive_whole_the_empty_one_too)
{
    conform("at 100ms b send 100\n"
            "after 150ms b send 0\n"
            "after 150ms b send 2000\n"
            "run until 600ms\n",
            "-- node 1\nstart\ndatagram 100\ndatagram 0\ndatagram 2000\n"
            "-- node 2\nstart\n");
}

TEST(timers_fire_once_unless_replaced_or_cancelled)
{
    conform("at 100ms a timer 1 100\n"
            "a timer 2 150\n"
            "a timer 3 120\n"
            "after 50ms a timer 1 400\n"
            "a cancel 2\n"
            "run until 700ms\n",
            "-- node 1\nstart\ntimer 3\ntimer 1\n"
            "-- node 2\nstart\n");
}

/* Both are due when the first fires, and that one cancels the second. */
TEST(a_timer_that_is_due_can_still_be_cancelled)
{
    conform("at 100ms a timer 5 100\n"
            "a timer 6 100\n"
            "run until 400ms\n",
            "-- node 1\nstart\ntimer 5\n"
            "-- node 2\nstart\n");
}

TEST(a_connect_to_nobody_is_refused)
{
    conform("at 100ms crash a\n"
            "after 150ms b connect\n"
            "run until 450ms\n",
            "-- node 1\nstart\n"
            "-- node 2\nstart\nclosed refused; write: 0\n");
}

TEST(both_sides_finish_and_hear_that_it_is_done)
{
    conform("at 100ms a polite\n"
            "b connect\n"
            "after 150ms b write 100\n"
            "after 150ms b finish\n"
            "run until 600ms\n",
            "-- node 1\nstart\naccept\nmessage 100\neof 0\n"
            "closed done; write: 0\n"
            "-- node 2\nstart\nopen\nwrite 100: 0\neof 0\n"
            "closed done; write: 0\n");
}

TEST(a_finish_comes_behind_what_is_written_and_ends_writing)
{
    conform("at 100ms b connect\n"
            "after 150ms a write3 60000\n"
            "a finish\n"
            "a write 10\n"
            "run until 550ms\n",
            "-- node 1\nstart\naccept\nwrite 10: 0\n"
            "-- node 2\nstart\nopen\nmessage 60000\nmessage 60000\n"
            "message 60000\neof 0\n");
}

TEST(after_a_half_close_the_other_side_still_writes)
{
    conform("at 100ms b connect\n"
            "after 150ms b write 100\n"
            "after 100ms b finish\n"
            "after 150ms a write 200\n"
            "b write 50\n"
            "after 150ms a finish\n"
            "after 150ms a write 10\n"
            "run until 1000ms\n",
            "-- node 1\nstart\naccept\nmessage 100\neof 0\nwrite 200: 0\n"
            "closed done; write: 0\nwrite 10: 0\n"
            "-- node 2\nstart\nopen\nwrite 100: 0\nwrite 50: 0\nmessage 200\n"
            "eof 0\nclosed done; write: 0\n");
}

TEST(what_is_left_over_is_counted_at_eof)
{
    conform("at 100ms b connect\n"
            "after 150ms b write 10\n"
            "b raw 7\n"
            "after 100ms b finish\n"
            "run until 550ms\n",
            "-- node 1\nstart\naccept\nmessage 10\neof 7\n"
            "-- node 2\nstart\nopen\nwrite 10: 0\n");
}

TEST(kept_bytes_are_shown_once_more_before_eof)
{
    conform("at 100ms b connect\n"
            "a hold 1\n"
            "after 150ms b write3 10\n"
            "after 150ms a hold 0\n"
            "after 100ms b finish\n"
            "run until 700ms\n",
            "-- node 1\nstart\naccept\nmessage 10\nmessage 10\nmessage 10\n"
            "eof 0\n"
            "-- node 2\nstart\nopen\n");
}

TEST(an_abort_is_silent_here_and_a_reset_there)
{
    conform("at 100ms b connect\n"
            "after 150ms b write 100\n"
            "after 150ms b abort\n"
            "run until 600ms\n",
            "-- node 1\nstart\naccept\nmessage 100\nclosed reset; write: 0\n"
            "-- node 2\nstart\nopen\nwrite 100: 0\nwrite after abort: 0\n");
}

TEST(what_is_written_before_open_arrives)
{
    conform("at 100ms b connect_write 100\n"
            "b write3 20\n"
            "b finish\n"
            "run until 300ms\n",
            "-- node 1\nstart\naccept\nmessage 100\nmessage 20\nmessage 20\n"
            "message 20\neof 0\n"
            "-- node 2\nstart\nopen\n");
}

TEST(answers_come_back_in_order)
{
    conform("at 100ms a answer\n"
            "b connect\n"
            "after 150ms b write3 20\n"
            "after 150ms b write3 65000\n"
            "run until 600ms\n",
            "-- node 1\nstart\naccept\nmessage 20\nmessage 20\nmessage 20\n"
            "message 65000\nmessage 65000\nmessage 65000\n"
            "-- node 2\nstart\nopen\nmessage 20\nmessage 20\nmessage 20\n"
            "message 65000\nmessage 65000\nmessage 65000\n");
}

/* The records tell the plain message beside what was on the wire. */
TEST(coded_streams_carry_plain_messages)
{
    conform("at 100ms a mask\n"
            "b mask\n"
            "b connect\n"
            "after 150ms b write3 30\n"
            "run until 450ms\n",
            "-- node 1\nstart\naccept\nmessage 30\nmessage 30\nmessage 30\n"
            "-- node 2\nstart\nopen\n"
            "30 of 30 masked\n30 of 30 masked\n30 of 30 masked\n");
}

TEST(a_killed_peer_without_unread_bytes_is_an_eof_and_resets_a_write)
{
    conform("at 100ms b connect\n"
            "after 150ms crash a\n"
            "after 150ms b write 10\n"
            "after 150ms b write 10\n"
            "run until 750ms\n",
            "-- node 1\nstart\naccept\n"
            "-- node 2\nstart\nopen\neof 0\nwrite 10: 0\n"
            "closed reset; write: 0\nwrite 10: 0\n");
}

/* What was under way at that moment is another matter: it meets a dead node
   after one latency here, and lies in the dead one's buffer there. */
TEST(a_killed_peer_that_left_bytes_unread_is_a_reset)
{
    conform("at 100ms b connect\n"
            "a hold 1\n"
            "after 150ms b write 10\n"
            "after 150ms crash a\n"
            "run until 600ms\n",
            "-- node 1\nstart\naccept\n"
            "-- node 2\nstart\nopen\nwrite 10: 0\nclosed reset; write: 0\n");
}

TEST(unconsumed_bytes_over_the_limit_are_a_reset)
{
    struct text lines = text_new();

    text_add(&lines, "at 100ms a hold 1\nb connect\n");
    for (int i = 0; i < 18; i++) /* 18 times 60 kB are more than 1 MiB */
        text_add(&lines, "after 50ms b write3 20000\n");
    text_add(&lines, "after 100ms b write 10\nrun until 1500ms\n");
    quantum_too = false;
    conform(lines.data, "-- node 1\nstart\naccept\nclosed reset; write: 0\n"
                        "-- node 2\nstart\nopen\nclosed reset; write: 0\n"
                        "write 10: 0\n");
    quantum_too = true;
    text_free(&lines);
}

TEST(a_restarted_node_is_a_new_one)
{
    conform("at 100ms b connect\n"
            "after 150ms crash a\n"
            "after 150ms restart a\n"
            "after 150ms b connect_write 10\n"
            "run until 750ms\n",
            "-- node 1\nstart\naccept\nstart\naccept\nmessage 10\n"
            "-- node 2\nstart\nopen\neof 0\nopen\n");
}

/* Though c is up, which b could join: in a client-server protocol none but
   the server will do. */
TEST(a_restarted_node_waits_for_the_one_that_its_line_names)
{
    quantum_too = false; /* its line would be another */
    conform("at 50ms node c join=b\n"
            "at 100ms crash b\n"
            "crash a\n"
            "restart b\n"
            "after 100ms b send 1\n"
            "restart a\n"
            "after 2500ms c send 2\n"
            "run until 2900ms\n",
            "-- node 1\nstart\nstart\n"
            "-- node 2\nstart\nstart\ndatagram 2\n"
            "-- node 3\nstart\n"
            "conformance:8: b send 1: failed: error b is down\n");
    quantum_too = true;
}

TEST(a_restarted_node_joins_the_one_that_the_restart_names)
{
    conform("at 50ms node c join=b\n"
            "at 100ms crash b\n"
            "crash a\n"
            "restart b join=c\n"
            "after 100ms b send 3\n"
            "run until 400ms\n",
            "-- node 1\nstart\n"
            "-- node 2\nstart\nstart\n"
            "-- node 3\nstart\ndatagram 3\n");
}

TEST(a_polite_leave_ends_streams_by_eof)
{
    conform("at 100ms b polite\n"
            "b connect\n"
            "after 150ms a write 100\n"
            "leave a\n"
            "run until 450ms\n",
            "-- node 1\nstart\naccept\nwrite 100: 0\nstop\n"
            "-- node 2\nstart\nopen\nmessage 100\neof 0\n"
            "closed done; write: 0\n");
}

TEST(a_message_written_byte_by_byte_is_one_message)
{
    conform("at 100ms b connect\n"
            "after 150ms b dribble 300\n"
            "b dribble 4\n"
            "after 100ms b finish\n"
            "run until 550ms\n",
            "-- node 1\nstart\naccept\nmessage 300\nmessage 4\neof 0\n"
            "-- node 2\nstart\nopen\n");
}

/* How much the system's buffers take is not ours to know, so the log says
   only that the writer had to wait, and that all bytes came. */
TEST(back_pressure_loses_nothing)
{
    quantum_too = false; /* it would take minutes */
    conform("at 100ms b connect\n"
            "after 200ms a fill 500\n"
            "after 2s b count\n"
            "run until 2500ms\n",
            "-- node 1\nstart\naccept\nroom\n"
            "-- node 2\nstart\nopen\n"
            "counted 500 messages, 32768000 bytes\n");
    quantum_too = true;
}

/* -- Content ------------------------------------------------------------ */

TEST(what_is_written_can_be_read_and_hashed_and_stays_over_a_crash)
{
    share_of_a = " share=song.ogg:40000";
    conform("at 100ms a content_say\n"
            "a content_hash 0 40000\n"
            "after 20ms a content_new 40000\n"
            "a content_copy 30000 10000\n" /* any order, any bounds */
            "a content_copy 0 20000\n"
            "a content_hash 0 40000\n" /* not all is here */
            "a content_copy 10001 20000\n"
            "a content_hash 0 40000\n"
            "a content_hash 39990 10\n"
            "after 300ms crash a\n" /* a busy machine has hashed by then */
            "after 50ms restart a\n"
            "after 50ms a content 1\n"
            "a content_complete\n" /* the notes are missing */
            "a content_hash 0 40000\n"
            "run until 700ms\n",
            "-- node 1\nstart\n"
            "song.ogg: 40000 of 40000 complete, from 0: 40000\n"
            "song.ogg: 40000 of 40000 complete, from 0: 40000\n"
            "hashed 0, tag 7: a09a9cb3 (20 bytes)\n"
            "new 1, again 1, elsewhere -1\n"
            "album: 0 of 40005, from 0: 0\n"
            "read 0, write 0\n"
            "album: 10000 of 40005, from 0: 0\n"
            "read 0, write 0\n"
            "album: 30000 of 40005, from 0: 20000\n"
            "album: 30000 of 40005, from 0: 20000\n"
            "read 0, write 0\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "hashed 1, tag 7:  (0 bytes)\n"
            "hashed 1, tag 7: a09a9cb3 (20 bytes)\n"
            "hashed 1, tag 7: 2fbfbd0d (20 bytes)\n"
            "start\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "complete -4\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "hashed 1, tag 7: a09a9cb3 (20 bytes)\n"
            "-- node 2\nstart\n");
    share_of_a = "";
}

TEST(wrong_bytes_are_seen_by_their_hash_until_they_are_written_right)
{
    share_of_a = " share=song.ogg:40000";
    conform("at 100ms a content_new 40000\n"
            "a content_spoil 0 20000\n"
            "a content_copy 20000 20000\n"
            "a content_hash 0 40000\n"
            "after 20ms a content_forget 0 16384\n"
            "a content_copy 0 16384\n"
            "a content_hash 0 40000\n"
            "run until 200ms\n",
            "-- node 1\nstart\nnew 1, again 1, elsewhere -1\n"
            "album: 0 of 40005, from 0: 0\n"
            "read 0, write 0\n"
            "album: 20000 of 40005, from 0: 20000\n"
            "read 0, write 0\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "hashed 1, tag 7: 6d6cd4c4 (20 bytes)\n"
            "album: 23616 of 40005, from 0: 0\n"
            "read 0, write 0\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "album: 40000 of 40005, from 0: 40000\n"
            "hashed 1, tag 7: a09a9cb3 (20 bytes)\n"
            "-- node 2\nstart\n");
    share_of_a = "";
}

TEST(contents_held_in_part_or_polluted_are_what_the_scenario_says)
{
    share_of_a = " share=song.ogg:40000:25%-75%,a.ogg:40000:bad";
    conform("at 100ms a content 1\n"
            "a content_hash 20000 10000\n" /* song.ogg, by name the second */
            "a content_hash 0 10001\n"
            "a content 0\n"
            "a content_hash 0 16384\n"
            "a content_hash 16384 16384\n"
            "run until 150ms\n",
            "-- node 1\nstart\n"
            "song.ogg: 20000 of 40000, from 0: 0\n"
            "song.ogg: 20000 of 40000, from 0: 0\n"
            "song.ogg: 20000 of 40000, from 0: 0\n"
            "a.ogg: 40000 of 40000 complete, from 0: 40000\n"
            "a.ogg: 40000 of 40000 complete, from 0: 40000\n"
            "a.ogg: 40000 of 40000 complete, from 0: 40000\n"
            "hashed 1, tag 7: a7a4d424 (20 bytes)\n"
            "hashed 1, tag 7:  (0 bytes)\n"
            "hashed 0, tag 7: 0737b805 (20 bytes)\n"
            "hashed 0, tag 7: 80500a07 (20 bytes)\n"
            "-- node 2\nstart\n");
    share_of_a = "";
}

TEST(content_is_sent_in_order_with_what_is_written_around_it)
{
    share_of_a = " share=song.ogg:100000";
    conform("at 100ms b raw_reader\n"
            "b connect\n"
            "after 100ms a write 100\n"
            "a content_send 1000 60000\n"
            "a write 100\n"
            "after 200ms b count\n"
            "run until 420ms\n",
            "-- node 1\nstart\naccept\nwrite 100: 0\nsent 60000: 0\n"
            "song.ogg: 100000 of 100000 complete, from 0: 100000\n"
            "write 100: 0\n"
            "-- node 2\nstart\nopen\nread 60200 bytes, sum 89e5c9f0\n");
    share_of_a = "";
}

TEST(what_was_saved_is_remembered_over_a_crash)
{
    conform("at 100ms a load 64\n"
            "a save 10\n"
            "a save 4\n"
            "after 20ms crash a\n"
            "after 20ms restart a\n"
            "after 20ms a load 64\n"
            "a load 3\n"
            "a save 0\n"
            "a load 64\n"
            "run until 300ms\n",
            "-- node 1\nstart\nload 0 \nsave 0\nsave 0\n"
            "start\nload 4 reme\nload -2 \nsave 0\nload 0 \n"
            "-- node 2\nstart\n");
}

int main(void)
{
    RUN(what_is_written_can_be_read_and_hashed_and_stays_over_a_crash);
    RUN(wrong_bytes_are_seen_by_their_hash_until_they_are_written_right);
    RUN(contents_held_in_part_or_polluted_are_what_the_scenario_says);
    RUN(content_is_sent_in_order_with_what_is_written_around_it);
    RUN(what_was_saved_is_remembered_over_a_crash);
    RUN(datagrams_arrive_whole_the_empty_one_too);
    RUN(timers_fire_once_unless_replaced_or_cancelled);
    RUN(a_timer_that_is_due_can_still_be_cancelled);
    RUN(a_connect_to_nobody_is_refused);
    RUN(both_sides_finish_and_hear_that_it_is_done);
    RUN(a_finish_comes_behind_what_is_written_and_ends_writing);
    RUN(after_a_half_close_the_other_side_still_writes);
    RUN(what_is_left_over_is_counted_at_eof);
    RUN(kept_bytes_are_shown_once_more_before_eof);
    RUN(an_abort_is_silent_here_and_a_reset_there);
    RUN(what_is_written_before_open_arrives);
    RUN(answers_come_back_in_order);
    RUN(coded_streams_carry_plain_messages);
    RUN(a_killed_peer_without_unread_bytes_is_an_eof_and_resets_a_write);
    RUN(a_killed_peer_that_left_bytes_unread_is_a_reset);
    RUN(unconsumed_bytes_over_the_limit_are_a_reset);
    RUN(a_restarted_node_is_a_new_one);
    RUN(a_restarted_node_waits_for_the_one_that_its_line_names);
    RUN(a_restarted_node_joins_the_one_that_the_restart_names);
    RUN(a_polite_leave_ends_streams_by_eof);
    RUN(a_message_written_byte_by_byte_is_one_message);
    RUN(back_pressure_loses_nothing);
    return test_end();
}
