/*
 * Rings whose tables and lookups are known: from the lecture, the course's
 * quizzes and the papers (protocols/chord.md 7).  Each is started warm in the
 * simulator, and its tables are read.
 */
#include "chord/check.h"
#include "common/hash.h"
#include "common/sim_impl.h"
#include "tests/unit/test.h"

struct ring {
    struct scenario *scenario;
    struct sim *sim;
    const struct network *net;
};

/* A warm ring with nodes of these ids (ending in -1), named after them. */
static struct ring ring_of(unsigned bits, const char *rule, const int *ids)
{
    struct text t = text_new(), why = text_new();
    struct ring r;

    text_printf(&t, "set bits %u\nset rule %s\nset successors 1\n", bits, rule);
    for (const int *id = ids; *id >= 0; id++) {
        text_printf(&t, "node n%d id=%d", *id, *id);
        if (id > ids)
            text_printf(&t, " join=n%d", ids[0]);
        text_char(&t, '\n');
    }
    text_add(&t, "warm\nrun until 0s\n");
    r.scenario = scenario_parse("golden", t.data, &chord_protocol, NULL, &why);
    CHECK_TEXT(why.data, "");
    r.sim = sim_new(r.scenario, &why);
    sim_run(r.sim);
    r.net = sim_network(r.sim);
    text_free(&t);
    text_free(&why);
    return r;
}

static void ring_free(struct ring *r)
{
    sim_free(r->sim);
    scenario_free(r->scenario);
}

static struct spot spot_of(const struct ring *r, int id)
{
    struct id at = id_of((uint64_t)id);

    return chord_owner(r->net, &at);
}

/* "n32: 45 45 ..." in one line a node. */
static void fingers_text(const struct ring *r, int id, struct text *t)
{
    struct spot s = spot_of(r, id);

    text_clear(t);
    for (unsigned i = 0; i < s.c->bits; i++) {
        struct peer p = chord_finger_get(s.c, s.n, i);
        if (i > 0)
            text_char(t, ' ');
        id_text(t, &p.id, s.c->bits);
    }
}

static void check_fingers(const struct ring *r, int id, const char *wanted)
{
    struct text t = text_new();

    fingers_text(r, id, &t);
    CHECK_TEXT(t.data, wanted);
    text_free(&t);
}

struct path {
    struct text text;
    unsigned bits;
};

static void visit(void *context, const struct spot *s)
{
    struct path *p = context;

    if (p->text.len > 0)
        text_char(&p->text, ',');
    id_text(&p->text, &s->n->id, p->bits);
}

static struct way walk(const struct ring *r, int from, uint64_t key,
                       struct path *p)
{
    struct id k = id_of(key);

    text_clear(&p->text);
    return chord_walk(r->net, spot_of(r, from), &k, visit, p);
}

static void check_path(const struct ring *r, int from, uint64_t key,
                       const char *wanted)
{
    struct path p = {.text = text_new(), .bits = 32};

    CHECK(walk(r, from, key, &p).arrived);
    CHECK_TEXT(p.text.data, wanted);
    text_free(&p.text);
}

/* All lookups of a ring: sums, histogram of hops, SHA-1 of all paths. */
struct all {
    uint64_t hops, forwards, histogram[8], max_forwards;
    char digest[2 * SHA1_BYTES + 1];
};

static struct all look_up_all(const struct ring *r, unsigned bits,
                              const int *ids)
{
    struct all a = {0};
    struct text lines = text_new();
    struct path p = {.text = text_new(), .bits = bits};
    uint8_t sha1[SHA1_BYTES];

    for (; *ids >= 0; ids++) {
        for (uint64_t key = 0; key < UINT64_C(1) << bits; key++) {
            struct way w = walk(r, *ids, key, &p);
            CHECK(w.arrived && w.hops < 8);
            a.hops += w.hops;
            a.forwards += w.forwards;
            a.histogram[w.hops % 8]++;
            if (w.forwards > a.max_forwards)
                a.max_forwards = w.forwards;
            text_printf(&lines, "%d %d %s\n", *ids, (int)key, p.text.data);
        }
    }
    hash_sha1(sha1, lines.data, lines.len);
    for (unsigned i = 0; i < SHA1_BYTES; i++)
        snprintf(a.digest + 2 * i, 3, "%02x", sha1[i]);
    text_free(&lines);
    text_free(&p.text);
    return a;
}

static const int ring_a[] = {16, 32, 45, 80, 96, 112, -1};
static const int ring_b[] = {16, 32, 40, 45, 80, 96, 112, -1};

TEST(the_lectures_ring_has_the_slides_fingers)
{
    struct ring r = ring_of(7, "lecture", ring_a);

    check_fingers(&r, 16, "32 32 32 32 32 80 80");
    check_fingers(&r, 32, "45 45 45 45 80 80 96");
    check_fingers(&r, 45, "80 80 80 80 80 80 112");
    check_fingers(&r, 80, "96 96 96 96 96 112 16");
    check_fingers(&r, 96, "112 112 112 112 112 16 32");
    check_fingers(&r, 112, "16 16 16 16 16 16 80");
    ring_free(&r);
}

TEST(all_768_lookups_of_the_lectures_ring)
{
    struct ring r = ring_of(7, "lecture", ring_a);
    struct all a = look_up_all(&r, 7, ring_a);

    CHECK_U64(a.hops, 1382);
    CHECK_U64(a.histogram[0], 128);
    CHECK_U64(a.histogram[1], 137);
    CHECK_U64(a.histogram[2], 298);
    CHECK_U64(a.histogram[3], 171);
    CHECK_U64(a.histogram[4], 34);
    CHECK_TEXT(a.digest, "d36daeb174467e3f89ea6ba9b381ac58db481967");
    check_path(&r, 80, 42, "80,16,32,45");
    check_path(&r, 16, 42, "16,32,45");
    check_path(&r, 45, 42, "45");
    check_path(&r, 112, 42, "112,16,32,45");
    ring_free(&r);
    r = ring_of(7, "paper", ring_a);
    a = look_up_all(&r, 7, ring_a);
    CHECK_U64(a.forwards, 1062);
    CHECK_U64(a.max_forwards, 3);
    check_path(&r, 80, 42, "80,16,32,45");
    ring_free(&r);
}

TEST(all_896_lookups_after_n40_has_joined)
{
    struct ring r = ring_of(7, "lecture", ring_b);
    struct all a = look_up_all(&r, 7, ring_b);

    CHECK_U64(a.hops, 1839);
    CHECK_U64(a.histogram[0], 128);
    CHECK_U64(a.histogram[1], 139);
    CHECK_U64(a.histogram[2], 341);
    CHECK_U64(a.histogram[3], 168);
    CHECK_U64(a.histogram[4], 86);
    CHECK_U64(a.histogram[5], 34);
    CHECK_TEXT(a.digest, "cc1464e825e12e4111dd5f6d2828c8f8f34c4737");
    check_fingers(&r, 32, "40 40 40 40 80 80 96");
    check_fingers(&r, 40, "45 45 45 80 80 80 112");
    check_path(&r, 80, 42, "80,16,32,40,45");
    check_path(&r, 80, 38, "80,16,32,40");
    check_path(&r, 45, 38, "45,112,16,32,40");
    ring_free(&r);
    r = ring_of(7, "paper", ring_b);
    a = look_up_all(&r, 7, ring_b);
    CHECK_U64(a.forwards, 1438);
    CHECK_U64(a.max_forwards, 4);
    ring_free(&r);
}

TEST(the_courses_quiz_rings)
{
    static const int nine[] = {1, 12, 123, 234, 345, 456, 501, -1};
    static const int eight[] = {32, 45, 99, 132, 199, 234, -1};
    struct ring r = ring_of(9, "lecture", nine);

    CHECK(spot_of(&r, 120).n == spot_of(&r, 123).n);
    check_fingers(&r, 234, "345 345 345 345 345 345 345 456 501");
    CHECK_U64(
        id_low(chord_successor(spot_of(&r, 501).c, spot_of(&r, 501).n).id), 1);
    ring_free(&r);
    r = ring_of(8, "lecture", eight);
    check_fingers(&r, 45, "99 99 99 99 99 99 132 199");
    ring_free(&r);
}

TEST(the_homeworks_ring)
{
    static const int ids[] = {15, 26, 47, 48, 51, 69, 75, 106, 110, 127, -1};
    struct ring r = ring_of(7, "lecture", ids);

    check_fingers(&r, 26, "47 47 47 47 47 69 106");
    check_fingers(&r, 75, "106 106 106 106 106 110 15");
    check_fingers(&r, 110, "127 127 127 127 127 15 47");
    check_path(&r, 75, 12, "75,110,127,15");
    check_path(&r, 110, 89, "110,47,69,75,106");
    check_path(&r, 47, 3, "47,127,15");
    ring_free(&r);
}

TEST(the_sigcomm_papers_ring_before_and_after_6_joins)
{
    static const int three[] = {0, 1, 3, -1}, four[] = {0, 1, 3, 6, -1};
    struct ring r = ring_of(3, "paper", three);

    check_fingers(&r, 0, "1 3 0");
    check_fingers(&r, 1, "3 3 0");
    check_fingers(&r, 3, "0 0 0");
    CHECK(spot_of(&r, 2).n == spot_of(&r, 3).n);
    CHECK(spot_of(&r, 6).n == spot_of(&r, 0).n);
    ring_free(&r);
    r = ring_of(3, "paper", four);
    check_fingers(&r, 0, "1 3 6");
    check_fingers(&r, 1, "3 3 6");
    check_fingers(&r, 3, "6 6 0");
    check_fingers(&r, 6, "0 0 3");
    ring_free(&r);
}

TEST(the_journal_papers_ring)
{
    static const int ids[] = {1, 8, 14, 21, 32, 38, 42, 48, 51, 56, -1};
    struct ring r = ring_of(6, "lecture", ids);
    struct all a = look_up_all(&r, 6, ids);

    check_fingers(&r, 8, "14 14 14 21 32 42");
    CHECK_TEXT(a.digest, "88afd00f6b20424a5fbac4b7b4f8d12a5fb3b037");
    ring_free(&r);
    r = ring_of(6, "paper", ids);
    check_path(&r, 8, 54, "8,42,51,56");
    ring_free(&r);
}

/* The queue keeps what is later apart when there is much of it; the heap
   alone, or a look at all messages in between, gives the same order. */
static uint64_t hash_of_many(bool heap_only, bool looked_at)
{
    const char text[] = "seed 3\njitter 700us\nloss 1%\nnodes 3000 prefix=p\n"
                        "warm\nat 1s crash p1\n"
                        "at 1s partition p2,p3 | p4\nrun until 2s\n";
    struct text why = text_new();
    struct scenario *s =
        scenario_parse("many", text, &chord_protocol, NULL, &why);
    CHECK_TEXT(why.data, "");
    struct sim *sim = sim_new(s, &why);

    sim->queue.heap_only = heap_only;
    for (uint64_t t = 0; t <= 1500; t += 100) {
        struct record r;
        sim_run_to(sim, t * 1000);
        if (looked_at)
            CHECK(sim_in_flight(sim, 0, &r) || t == 0);
    }
    CHECK((sim->queue.slice != NULL) == !heap_only);
    sim_run(sim);
    uint64_t hash = sim_hash(sim);
    CHECK(sim_steps(sim) > 30000);
    sim_free(sim);
    scenario_free(s);
    text_free(&why);
    return hash;
}

TEST(a_long_queue_keeps_the_order_of_a_heap)
{
    uint64_t wanted = hash_of_many(true, false);

    CHECK_U64(hash_of_many(false, false), wanted);
    CHECK_U64(hash_of_many(false, true), wanted);
}

int main(void)
{
    RUN(the_lectures_ring_has_the_slides_fingers);
    RUN(all_768_lookups_of_the_lectures_ring);
    RUN(all_896_lookups_after_n40_has_joined);
    RUN(the_courses_quiz_rings);
    RUN(the_homeworks_ring);
    RUN(the_sigcomm_papers_ring_before_and_after_6_joins);
    RUN(the_journal_papers_ring);
    RUN(a_long_queue_keeps_the_order_of_a_heap);
    return test_end();
}
