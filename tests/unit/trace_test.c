/*
 * Traces: what is written is read back; whatever a file holds, reading it
 * ends; and what several processes saw of one message becomes one.
 */
#include "common/random.h"
#include "common/trace.h"
#include "tests/unit/test.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/output.h"

#define RECORDS 3000

static char path[3][64];
static uint8_t data[MESSAGE_BYTES_MAX];

static void describe(const struct framing *f, const uint8_t *bytes, size_t len,
                     struct fields *fields)
{
    (void)bytes;
    fields_add(fields, FIELD_BYTES, "data", 0, len < 40 ? len : 40);
    fields_number(fields, "phase", f->phase);
    fields_number(fields, "opener", f->from_opener);
}
static const struct protocol protocol = {.name = "test", .describe = describe};

static const struct endpoint nodes[] = {{{0x0a000001, 7074}, "n16"},
                                        {{0x0a000002, 7009}, "n32"},
                                        {{0x0a000003, 7370}, "a b%c"},
                                        {{0x0a000004, 7370}, NULL}};

static struct fields result;

static void make_result(void)
{
    result = fields_new();
    fields_node(&result, "owner", nodes[1].addr);
    fields_id(&result, "owner_id", id_of(45), 7);
    fields_bool(&result, "found", true);
    fields_begin(&result, FIELD_LIST, "path");
    fields_node(&result, "", nodes[0].addr);
    fields_node(&result, "", nodes[1].addr);
    fields_end(&result);
    fields_begin(&result, FIELD_GROUP, "value");
    fields_text(&result, "text", "50% of\na line\xff ");
    fields_add(&result, FIELD_TIME, "age", 0, 0)->number = 1500000;
    fields_add(&result, FIELD_HEX, "magic", 0, 0)->number = 0x50325043;
    struct field *f = fields_add(&result, FIELD_BYTES, "raw", 0, 0);
    f->text = "\1\2\xfe";
    f->text_len = 3;
    fields_end(&result);
    fields_number(&result, "hops", UINT64_MAX);
    fields_text(&result, "empty", "");
}

/* The i-th record of every test; the same each time it is asked for. */
static struct record record_of(uint64_t i)
{
    struct random random = {.state = i / 4};
    uint64_t kind = random_below(&random, 10);
    struct record r = {.step = i / 2 + 1,
                       .time_us = i / 2 * 1000 + 7,
                       .sent_us = i / 2 * 1000,
                       .cause = i / 4,
                       .command = (uint32_t)(i % 3),
                       .from = nodes[i % 4],
                       .to = nodes[(i + 1 + i / 4 % 3) % 4]};
    static char text[64];

    snprintf(text, sizeof text, "text %d%% = \tof %d", (int)i, (int)kind);
    r.text = text;
    if (i % 2 == 1) { /* of the same step as the one before */
        r.kind = i % 4 == 1 ? RECORD_NOTE : RECORD_RESULT;
        r.ok = i % 8 == 3;
        r.fields = i % 4 == 1 ? NULL : &result;
        r.from = (struct endpoint){.name = NULL};
        r.sent_us = 0;
        return r;
    }
    if (kind < 4) {
        static const enum record_kind other[] = {RECORD_TIMER, RECORD_START,
                                                 RECORD_COMMAND, RECORD_FAULT};
        r.kind = other[kind];
        r.from = (struct endpoint){.name = NULL};
        r.sent_us = 0;
        return r;
    }
    r.kind = RECORD_MESSAGE;
    r.text = NULL;
    r.data = data + i % 1000;
    r.len = i % 50 == 0 ? MESSAGE_BYTES_MAX - 1000 : random_below(&random, 90);
    if (kind == 4)
        r.why = "loss of 3%";
    if (kind > 6) {
        r.stream = true;
        r.conn = (conn_id)(1 + i % 4 + 4 * (i / 4 % 3));
        r.framing.phase = PHASE_MESSAGES;
        r.framing.from_opener = i % 8 >= 4;
        /* Both directions of a stream have the same two ends. */
        r.from = nodes[r.framing.from_opener ? 0 : 1];
        r.to = nodes[r.framing.from_opener ? 1 : 0];
    }
    if (kind == 9) {
        r.wire = data + 500;
        r.wire_len = r.len / 2 + 1;
    }
    return r;
}

static void write_some(const char *file, uint64_t first, uint64_t end)
{
    struct text why = text_new();
    struct trace_writer *w = trace_create(
        file, &(struct trace_source){"test", "labs/a b.scn", 7, 0}, &why);

    CHECK(w != NULL);
    for (uint64_t i = first; w != NULL && i < end; i++) {
        struct record r = record_of(i);
        trace_write(w, &r);
        if (i % 97 == 0)
            trace_flush(w);
    }
    CHECK(w != NULL && trace_close(w, &why));
    CHECK_TEXT(why.data, "");
    text_free(&why);
}

static bool text_equal(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool bytes_equal(const uint8_t *a, size_t a_len, const uint8_t *b,
                        size_t b_len)
{
    return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static bool record_equal(const struct record *a, const struct record *b)
{
    struct text x = text_new(), y = text_new();

    output_record(&x, OUTPUT_JSON, &protocol, a, NULL);
    output_record(&y, OUTPUT_JSON, &protocol, b, NULL);
    bool equal = a->kind == b->kind && a->step == b->step &&
                 a->time_us == b->time_us &&
                 (a->kind != RECORD_MESSAGE || a->sent_us == b->sent_us) &&
                 a->cause == b->cause && a->command == b->command &&
                 addr_equal(a->from.addr, b->from.addr) &&
                 addr_equal(a->to.addr, b->to.addr) &&
                 text_equal(a->from.name, b->from.name) &&
                 text_equal(a->to.name, b->to.name) && a->stream == b->stream &&
                 a->framing.phase == b->framing.phase && a->conn == b->conn &&
                 a->framing.from_opener == b->framing.from_opener &&
                 bytes_equal(a->data, a->len, b->data, b->len) &&
                 bytes_equal(a->wire, a->wire_len, b->wire, b->wire_len) &&
                 text_equal(a->why, b->why) && text_equal(a->text, b->text) &&
                 a->ok == b->ok && strcmp(x.data, y.data) == 0;
    if (!equal)
        printf("# got:    %s# wanted: %s", x.data, y.data);
    text_free(&x);
    text_free(&y);
    return equal;
}

static struct trace *read_one(const char *file)
{
    struct text why = text_new();
    struct trace *t = trace_read(&file, 1, &why);

    CHECK_TEXT(why.data, "");
    text_free(&why);
    return t;
}

TEST(every_record_comes_back)
{
    write_some(path[0], 0, RECORDS);
    struct trace *t = read_one(path[0]);

    CHECK(t != NULL);
    if (t == NULL)
        return;
    CHECK_U64(trace_count(t), RECORDS);
    for (size_t i = 0; i < trace_count(t); i++) {
        struct record got, want = record_of(i);
        trace_get(t, i, &got);
        CHECK(record_equal(&got, &want));
        if (test_bad)
            break;
    }
    CHECK_TEXT(trace_source(t)->program, "test");
    CHECK_TEXT(trace_source(t)->scenario, "labs/a b.scn");
    CHECK_U64(trace_source(t)->seed, 7);
    trace_free(t);
}

static size_t slurp(const char *file, uint8_t **bytes)
{
    FILE *f = fopen(file, "rb");
    long len = 0;

    *bytes = NULL;
    if (f != NULL && fseek(f, 0, SEEK_END) == 0 && (len = ftell(f)) > 0) {
        rewind(f);
        *bytes = malloc((size_t)len);
        if (*bytes == NULL || fread(*bytes, 1, (size_t)len, f) != (size_t)len)
            len = 0;
    }
    if (f != NULL)
        fclose(f);
    return (size_t)len;
}

static void spill(const char *file, const uint8_t *bytes, size_t len)
{
    FILE *f = fopen(file, "wb");

    CHECK(f != NULL && fwrite(bytes, 1, len, f) == len);
    if (f != NULL)
        fclose(f);
}

TEST(a_trace_cut_off_anywhere_gives_the_records_before)
{
    enum { COUNT = 49 }; /* before the first long one */
    uint8_t *bytes;
    size_t before = 0;

    struct text why = text_new();
    write_some(path[0], 1, COUNT);
    size_t len = slurp(path[0], &bytes);
    for (size_t cut = 0; cut < len; cut++) {
        const char *file = path[1];
        spill(file, bytes, cut);
        struct trace *t = trace_read(&file, 1, &why);
        CHECK((t != NULL) == (cut >= 4));
        size_t count = t != NULL ? trace_count(t) : 0;
        CHECK(count >= before && count <= COUNT - 1);
        before = count;
        trace_free(t);
    }
    CHECK(before > 30);
    free(bytes);
    text_free(&why);
}

TEST(no_byte_that_is_wrong_breaks_the_reader)
{
    uint8_t *bytes;
    struct text why = text_new();

    write_some(path[0], 1, 40);
    size_t len = slurp(path[0], &bytes);
    CHECK(len > 1200);
    if (bytes == NULL || len <= 1200)
        return;
    struct random random = {.state = 1};
    for (int round = 0; round < 600; round++) {
        size_t at = random_below(&random, round % 2 ? 1200 : len);
        uint8_t was = bytes[at];
        bytes[at] = (uint8_t)random_next(&random);
        spill(path[1], bytes, len);
        const char *file = path[1];
        trace_free(trace_read(&file, 1, &why));
        bytes[at] = was;
    }
    free(bytes);
    text_free(&why);
}

TEST(other_files_are_refused_in_words)
{
    static const struct {
        const char *bytes, *why;
    } bad[] = {
        {"", ": at byte 0: expected the section header"},
        {"hello, world, hello, world", ": at byte 0: expected the section"},
        {"\n\r\r\n\34\0\0\0\x4d\x3c\x2b\x1b................",
         ": at byte 0: expected the byte-order magic"},
    };
    struct text why = text_new();

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const char *file = path[1];
        spill(file, (const uint8_t *)bad[i].bytes,
              i == 2   ? 28
              : i == 1 ? 26
                       : 0);
        text_clear(&why);
        CHECK(trace_read(&file, 1, &why) == NULL);
        CHECK(strstr(why.data, bad[i].why) != NULL);
    }
    const char *none = "/nonexistent/x.pcapng";
    text_clear(&why);
    CHECK(trace_read(&none, 1, &why) == NULL);
    CHECK(strstr(why.data, "cannot read") != NULL);
    text_free(&why);
}

/* What Wireshark writes on a big-endian machine, in nanoseconds, on an
   Ethernet: a UDP datagram of three bytes, 2 s after the epoch. */
static const uint8_t foreign[] = {
    0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 28, 0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0,
    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 28,
    /* interface: Ethernet, if_tsresol 9 */
    0, 0, 0, 1, 0, 0, 0, 28, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0, 1, 9, 0, 0, 0, 0,
    0, 0, 28,
    /* a block that nobody knows */
    0x40, 0, 0, 1, 0, 0, 0, 16, 1, 2, 3, 4, 0, 0, 0, 16,
    /* packet */
    0, 0, 0, 6, 0, 0, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 0x77, 0x35, 0x94, 0, 0, 0,
    0, 45, 0, 0, 0, 45, 1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 8, 0, 0x45, 0, 0,
    31, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x1b, 0xa2, 0x1b,
    0x61, 0, 11, 0, 0, 'a', 'b', 'c', 0, 0, 0, 0, 0, 0, 80};

TEST(datagrams_that_wireshark_recorded_are_messages)
{
    struct record r;

    spill(path[1], foreign, sizeof foreign);
    struct trace *t = read_one(path[1]);
    CHECK_U64(t != NULL ? trace_count(t) : 0, 1);
    if (t == NULL || trace_count(t) != 1)
        return;
    trace_get(t, 0, &r);
    CHECK(r.kind == RECORD_MESSAGE && r.step == 1 && r.time_us == 0);
    CHECK(addr_equal(r.from.addr, nodes[0].addr) && r.from.name == NULL);
    CHECK(addr_equal(r.to.addr, nodes[1].addr));
    CHECK(bytes_equal(r.data, r.len, (const uint8_t *)"abc", 3));
    trace_free(t);
}

/* Two processes, whose clocks started 5 s apart: n16 sends three messages to
   n32, of which the second is lost, and one is answered. */
static void write_pair(void)
{
    struct text why = text_new();
    struct trace_writer *w[2];

    for (int i = 0; i < 2; i++)
        w[i] =
            trace_create(path[i],
                         &(struct trace_source){
                             "test", "", 0, 1000000000 + (uint64_t)i * 5000000},
                         &why);
    struct record r = {.kind = RECORD_MESSAGE,
                       .step = 3,
                       .time_us = 6000000,
                       .sent_us = 6000000,
                       .from = {nodes[0].addr, "n16"},
                       .to = {nodes[1].addr, NULL},
                       .data = data,
                       .len = 9,
                       .outgoing = true};
    trace_write(w[0], &r);
    r.step = 4;
    r.time_us = r.sent_us = 6500000;
    r.data = data + 1;
    trace_write(w[0], &r);
    r.step = 5;
    r.time_us = r.sent_us = 7000000;
    r.data = data;
    trace_write(w[0], &r);
    r.outgoing = false;
    r.from.name = NULL;
    r.to.name = "n32";
    r.step = 1;
    r.time_us = r.sent_us = 1000100;
    trace_write(w[1], &r);
    r.step = 2;
    r.time_us = r.sent_us = 2000100;
    trace_write(w[1], &r);
    r = (struct record){.kind = RECORD_NOTE,
                        .step = 2,
                        .time_us = 2000100,
                        .to = {nodes[1].addr, "n32"},
                        .text = "hello"};
    trace_write(w[1], &r);
    for (int i = 0; i < 2; i++)
        CHECK(trace_close(w[i], &why));
    text_free(&why);
}

TEST(a_message_in_two_traces_becomes_one_record)
{
    const char *const files[] = {path[1], path[0]};
    struct text why = text_new();

    write_pair();
    struct trace *t = trace_read(files, 2, &why);
    CHECK(t != NULL && trace_count(t) == 4);
    if (t == NULL || trace_count(t) != 4)
        return;
    struct record r[4];
    for (size_t i = 0; i < 4; i++)
        trace_get(t, i, &r[i]);
    CHECK_U64(r[0].sent_us, 6000000);
    CHECK_U64(r[0].time_us, 6000100);
    CHECK(!r[0].outgoing && r[1].outgoing && !r[2].outgoing);
    CHECK_U64(r[1].time_us, 6500000);
    CHECK_U64(r[2].sent_us, 7000000);
    CHECK_TEXT(r[0].from.name, "n16");
    CHECK_TEXT(r[1].to.name, "n32");
    CHECK(r[3].kind == RECORD_NOTE && r[3].step == r[2].step);
    CHECK(r[0].step == 1 && r[1].step == 2 && r[2].step == 3);
    trace_free(t);
    text_free(&why);
}

int main(void)
{
    for (int i = 0; i < 3; i++)
        snprintf(path[i], sizeof path[i], "/tmp/p2plab-trace-%ld-%d.pcapng",
                 (long)getpid(), i);
    struct random random = {.state = 7};
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (uint8_t)random_next(&random);
    make_result();
    RUN(every_record_comes_back);
    RUN(a_trace_cut_off_anywhere_gives_the_records_before);
    RUN(no_byte_that_is_wrong_breaks_the_reader);
    RUN(other_files_are_refused_in_words);
    RUN(datagrams_that_wireshark_recorded_are_messages);
    RUN(a_message_in_two_traces_becomes_one_record);
    fields_free(&result);
    for (int i = 0; i < 3; i++)
        if (getenv("KEEP") == NULL)
            remove(path[i]);
    return test_end();
}
