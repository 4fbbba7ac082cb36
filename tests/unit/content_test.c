/*
 * Contents as real files, and the bounds of the table.  What both hosts make
 * of contents is in conformance_test.c.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/hash.h"
#include "common/live.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"
#include "tests/unit/toy.h"

static char folder[64];

static void *take(void *context, size_t bytes)
{
    *(size_t *)context += bytes;
    return calloc(1, bytes);
}

static void give_back(void *context, void *memory, size_t bytes)
{
    *(size_t *)context -= bytes;
    free(memory);
}

static size_t taken; /* every block is given back with its own size */
static const struct content_memory memory = {take, give_back, &taken};

static void new_folder(void)
{
    strcpy(folder, "/tmp/content_test.XXXXXX");
    CHECK(mkdtemp(folder) != NULL);
}

static void remove_folder(void)
{
    char command[128];

    CHECK_U64(taken, 0);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    CHECK(system(command) == 0);
}

static const char *path_of(const char *name)
{
    static char path[256];

    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void make_file(const char *name, const char *bytes)
{
    FILE *f = fopen(path_of(name), "w");

    CHECK(f != NULL && fputs(bytes, f) >= 0 && fclose(f) == 0);
}

static void check_file(const char *name, const char *bytes)
{
    char found[256] = "(none)";
    FILE *f = fopen(path_of(name), "r");

    if (f != NULL)
        found[fread(found, 1, sizeof found - 1, f)] = '\0';
    if (f != NULL)
        fclose(f);
    CHECK_TEXT(found, bytes);
}

/* Open the folder as a node would that was killed and starts again. */
static struct contents *reopen(struct contents *c)
{
    struct text why = text_new();

    contents_free(c);
    c = contents_open(&memory, folder, &why);
    CHECK_TEXT(why.data, "");
    text_free(&why);
    return c;
}

static void check_state(const struct contents *c, int number,
                        const char *wanted)
{
    struct text t = text_new();
    struct content at;

    if (contents_get(c, number, &at))
        text_printf(&t, "%s %lu/%lu%s", at.name, (unsigned long)at.have,
                    (unsigned long)at.bytes, at.complete ? " complete" : "");
    CHECK_TEXT(t.data, wanted);
    text_free(&t);
}

TEST(the_files_below_a_folder_are_shared_in_order_of_name)
{
    char bytes[4] = "";

    new_folder();
    mkdir(path_of("album"), 0777);
    mkdir(path_of(".hidden"), 0777);
    make_file("song.ogg", "la la");
    make_file("album/one", "1");
    make_file("album/two.part", "not ours");
    make_file(".secret", "x");
    make_file(".hidden/x", "x");
    make_file("bad\033name", "x");
    CHECK(symlink("/etc/passwd", path_of("link")) == 0);
    CHECK(symlink("/etc", path_of("linked")) == 0);
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_count(c), 2);
    check_state(c, 0, "album/one 1/1 complete");
    check_state(c, 1, "song.ogg 5/5 complete");
    CHECK_U64(contents_read(c, 1, 3, bytes, 2), 0);
    CHECK_TEXT(bytes, "la");
    CHECK(contents_read(c, 1, 4, bytes, 2) == ERR_USAGE);
    CHECK(contents_write(c, 1, 0, "x", 1) == ERR_USAGE);
    contents_free(c);
    remove_folder();
}

TEST(what_has_come_outlives_a_kill)
{
    struct content_file file = {"song.ogg", 10};

    new_folder();
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_begin(c, "song.ogg", &file, 1), 0);
    CHECK_U64(contents_write(c, 0, 6, "ghij", 4), 0);
    CHECK_U64(contents_write(c, 0, 0, "abc", 3), 0);
    c = reopen(c);
    check_state(c, 0, "song.ogg 7/10");
    CHECK_U64(contents_run(c, 0, 0), 3);
    contents_forget(c, 0, 7, 2);
    c = reopen(c);
    CHECK_U64(contents_begin(c, "song.ogg", &file, 1), 0);
    check_state(c, 0, "song.ogg 5/10");
    CHECK(contents_complete(c, 0) == ERR_USAGE);
    CHECK_U64(contents_write(c, 0, 3, "defghi", 6), 0);
    check_file("song.ogg", "(none)");
    CHECK_U64(contents_complete(c, 0), 0);
    check_file("song.ogg", "abcdefghij");
    check_file("song.ogg.part", "(none)");
    c = reopen(c);
    CHECK_U64(contents_count(c), 1);
    check_state(c, 0, "song.ogg 10/10 complete");
    contents_free(c);
    remove_folder();
}

/* The file in .p2plab that says what is here. */
static const char *record_path(const char *name)
{
    char file[64] = ".p2plab/have-";
    uint8_t digest[SHA1_BYTES];

    hash_sha1(digest, name, strlen(name));
    for (size_t i = 0; i < sizeof digest; i++)
        snprintf(file + 13 + 2 * i, 3, "%02x", digest[i]);
    return path_of(file);
}

static void add_to_record(const char *name, const char *bytes)
{
    FILE *f = fopen(record_path(name), "a");

    CHECK(f != NULL && fputs(bytes, f) >= 0 && fclose(f) == 0);
}

TEST(a_record_that_was_cut_off_or_lies_is_not_believed)
{
    struct content_file file = {"song.ogg", 10};

    new_folder();
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_begin(c, "song.ogg", &file, 1), 0);
    CHECK_U64(contents_write(c, 0, 0, "abcdefgh", 8), 0);
    contents_settle(c);
    add_to_record("song.ogg", "\n-5 2.\n");  /* forgotten, */
    add_to_record("song.ogg", "\n+5 1");     /* cut off, */
    add_to_record("song.ogg", "\n+0 11.\n"); /* beyond the end */
    add_to_record("song.ogg", "\n+8 2.\n");  /* the file is not that long */
    c = reopen(c);
    check_state(c, 0, "song.ogg 6/10");
    contents_free(c);
    c = NULL;
    CHECK(truncate(record_path("song.ogg"), 0) == 0);
    add_to_record("song.ogg", "name ../x\nfile 10 ../x\n\n+0 10.\n");
    c = reopen(c);
    CHECK_U64(contents_count(c), 0);
    contents_free(c);
    remove_folder();
}

TEST(a_content_of_several_files_is_one_range_of_bytes)
{
    struct content_file files[] = {
        {"album/a", 3}, {"album/none", 0}, {"album/b", 4}};
    char bytes[8] = "";

    new_folder();
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_begin(c, "album", files, 3), 0);
    CHECK_U64(contents_write(c, 0, 1, "bcdefg", 6), 0);
    CHECK_U64(contents_write(c, 0, 0, "a", 1), 0);
    CHECK_U64(contents_read(c, 0, 0, bytes, 7), 0);
    CHECK_TEXT(bytes, "abcdefg");
    CHECK_U64(contents_complete(c, 0), 0);
    check_file("album/a", "abc");
    check_file("album/none", "");
    check_file("album/b", "defg");
    c = reopen(c); /* it is still one, and its files are shared as well */
    CHECK_U64(contents_count(c), 4);
    CHECK_U64(contents_begin(c, "album", files, 3), 0);
    check_state(c, 0, "album 7/7 complete");
    CHECK(unlink(path_of("album/a")) == 0);
    c = reopen(c);
    check_state(c, 0, "album 4/7");
    contents_free(c);
    remove_folder();
}

TEST(no_path_leaves_the_folder_and_no_file_is_written_over)
{
    static const char *const bad[] = {
        "",     "/x",       "../x",   "a/../x", "a//x", "x/", ".x",
        "a/.x", "x\033[2J", "a.part", "a\nb",   "\xff", "./x"};
    char outside[64] = "/tmp/content_test.XXXXXX";
    struct content_file file = {"x", 3}, there = {"there", 3};

    new_folder();
    CHECK(mkdtemp(outside) != NULL);
    make_file("there", "mine");
    make_file("begun.part", "mine");
    struct contents *c = reopen(NULL);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct content_file f = {bad[i], 3};
        CHECK(contents_begin(c, "good", &f, 1) == ERR_MALFORMED);
        CHECK(contents_begin(c, bad[i], &file, 1) == ERR_MALFORMED);
    }
    CHECK(contents_begin(c, "x", &there, 1) == ERR_LIMIT);
    there.path = "begun";
    CHECK(contents_begin(c, "begun", &there, 1) == ERR_LIMIT);
    check_file("there", "mine");
    check_file("begun.part", "mine");
    CHECK(symlink(outside, path_of("link")) == 0);
    there.path = "link/x";
    CHECK(contents_begin(c, "x", &there, 1) == ERR_SYSTEM);
    CHECK(symlink("/dev/null", path_of("null.part")) == 0);
    there.path = "null";
    CHECK(contents_begin(c, "x", &there, 1) == ERR_LIMIT);
    CHECK_U64(contents_count(c), 1);
    CHECK(rmdir(outside) == 0); /* nothing came there */
    contents_free(c);
    remove_folder();
}

TEST(a_full_disk_is_an_error_and_loses_nothing)
{
    struct content_file file = {"song.ogg", 3000000};
    struct rlimit old, small;
    static char bytes[60000];
    int error = 0;
    uint64_t at = 0;

    new_folder();
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_begin(c, "song.ogg", &file, 1), 0);
    getrlimit(RLIMIT_FSIZE, &old);
    small = (struct rlimit){1000000, old.rlim_max};
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &small);
    for (; error == 0 && at < file.bytes; at += error == 0 ? sizeof bytes : 0) {
        memset(bytes, (int)(at / sizeof bytes), sizeof bytes);
        error = contents_write(c, 0, at, bytes, sizeof bytes);
    }
    CHECK(error == ERR_SYSTEM);
    CHECK_U64(at, 1200000); /* four at a time go to the disk */
    check_state(c, 0, "song.ogg 960000/3000000");
    CHECK_U64(contents_write(c, 0, 960000, bytes, sizeof bytes), 0);
    check_state(c, 0, "song.ogg 1020000/3000000"); /* taken, but then: */
    CHECK(contents_read(c, 0, 960000, bytes, sizeof bytes) == ERR_USAGE);
    check_state(c, 0, "song.ogg 960000/3000000");
    CHECK(contents_write(c, 0, 0, bytes, 1) == ERR_SYSTEM); /* said once */
    setrlimit(RLIMIT_FSIZE, &old);
    c = reopen(c);
    check_state(c, 0, "song.ogg 960000/3000000");
    CHECK_U64(contents_read(c, 0, 900000, bytes, sizeof bytes), 0);
    CHECK(bytes[0] == 15 && bytes[59999] == 15);
    CHECK_U64(contents_write(c, 0, 960000, bytes, sizeof bytes), 0);
    contents_free(c);
    remove_folder();
}

TEST(blobs_are_files_kept_whole_and_one_node_has_the_folder)
{
    struct text why = text_new();
    char bytes[8] = "";

    new_folder();
    struct contents *c = reopen(NULL);
    CHECK_U64(contents_save(c, "hosts", "abc", 3), 0);
    CHECK_U64(contents_save(c, "hosts", "defg", 4), 0);
    CHECK(contents_open(&memory, folder, &why) == NULL);
    CHECK(strstr(why.data, "another node uses it") != NULL);
    c = reopen(c);
    CHECK_U64(contents_load(c, "hosts", bytes, 8), 4);
    CHECK_TEXT(bytes, "defg");
    CHECK(contents_load(c, "hosts", bytes, 3) == ERR_LIMIT);
    CHECK_U64(contents_load(c, "none", bytes, 8), 0);
    CHECK_U64(contents_save(c, "hosts", NULL, 0), 0);
    CHECK_U64(contents_load(c, "hosts", bytes, 8), 0);
    contents_free(c);
    text_clear(&why);
    CHECK(contents_open(&memory, "/dev/null", &why) == NULL);
    CHECK(strstr(why.data, "cannot use folder /dev/null") != NULL);
    text_free(&why);
    remove_folder();
}

TEST(gaps_names_and_sizes_have_bounds)
{
    struct content_file file = {"huge", CONTENT_BYTES_MAX + 1};
    struct contents *c = contents_new(&memory);
    int error = 0;
    uint32_t written = 0;

    CHECK(contents_begin(c, "huge", &file, 1) == ERR_LIMIT);
    file.bytes = CONTENT_BYTES_MAX;
    CHECK(contents_begin(c, "huge", &file, CONTENT_FILES_MAX + 1) == ERR_LIMIT);
    CHECK_U64(contents_begin(c, "huge", &file, 1), 0);
    file.bytes--;
    CHECK(contents_begin(c, "huge", &file, 1) == ERR_LIMIT);
    for (; error == 0 && written <= CONTENT_RANGES_MAX; written += error == 0)
        error = contents_write(c, 0, 2 * (uint64_t)written, "x", 1);
    CHECK(error == ERR_LIMIT);
    CHECK(written >= CONTENT_RANGES_MAX - 2 && written <= CONTENT_RANGES_MAX);
    CHECK(contents_has(c, 0, 2, 1) && !contents_has(c, 0, 3, 1));
    contents_free(c);
    CHECK_U64(taken, 0);
}

/* Random writes and losses against a plain map of bytes. */
TEST(ranges_say_what_a_map_of_bytes_says)
{
    struct content_file file = {"song.ogg", 200};
    struct contents *c = contents_new(&memory);
    struct random r = {.state = 1};
    bool map[200] = {false};
    uint8_t right[200];

    CHECK_U64(contents_begin(c, "song.ogg", &file, 1), 0);
    contents_share(c, &(struct share){.name = "a", .bytes = 200, .to = 200}, 1);
    CHECK_U64(contents_read(c, 1, 0, right, 200), 0);
    for (int i = 0; i < 5000 && !test_bad; i++) {
        size_t at = (size_t)random_below(&r, 201);
        size_t len = (size_t)random_below(&r, 201 - at) / (1 + (size_t)i % 20);
        bool in = random_below(&r, 2) == 0;
        if (in)
            CHECK_U64(contents_write(c, 0, at, right, len), 0);
        else
            contents_forget(c, 0, at, len);
        for (size_t k = 0; k < len; k++)
            map[at + k] = in;
        uint64_t have = 0, run = 0;
        for (size_t k = 0; k < 200; k++)
            have += map[k];
        while (run < 200 - at % 200 && map[at % 200 + run])
            run++;
        struct content now;
        CHECK(contents_get(c, 0, &now));
        CHECK_U64(now.have, have);
        CHECK_U64(contents_run(c, 0, at % 200), run);
    }
    contents_free(c);
    CHECK_U64(taken, 0);
}

/* -- On real sockets -------------------------------------------------------- */

static void command(struct live *l, struct host *h, const char *text)
{
    CHECK(live_command(l, h, text) != 0);
}

/* Poll until a node's log ends in `wanted`, or for 20 s. */
static bool wait_for_log(struct live *l, struct host *h, const char *asking,
                         const char *wanted)
{
    struct text why = text_new();
    const struct text *log = &toy_log[toy_log_of(h->addr)];
    bool seen = false;

    for (uint64_t end = live_now(l) + 20000000; !seen && live_now(l) < end;) {
        for (int i = 0; i < 20; i++)
            live_poll(l, 1000, &why);
        command(l, h, asking);
        seen = strstr(log->data, wanted) != NULL;
    }
    if (!seen)
        printf("# %s", log->data);
    text_free(&why);
    return seen;
}

/* A hundred chunks at once: far more than the system takes, so most wait as
   parts of the file, between two messages in memory. */
TEST(a_file_is_sent_from_disk_in_order_however_much_waits)
{
    static uint8_t bytes[60000];
    struct addr local = {0x7f000001, 0}, none = {0, 0};
    struct text why = text_new();
    char wanted[64];
    uint32_t sum = 0;

    new_folder();
    int fd = open(path_of("song.ogg"), O_WRONLY | O_CREAT, 0666);
    for (uint32_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * i >> 7);
    CHECK(write(fd, bytes, sizeof bytes) == sizeof bytes && close(fd) == 0);
    struct settings s = settings_new(toy_options);
    struct live *l = live_new(&toy_protocol, &s, 1, &why);
    CHECK(live_folder(l, folder, &why));
    struct host *a = live_start(l, "a", local, none, none, NULL, &s, &why);
    struct host *b = live_start(l, "b", local, a->addr, none, NULL, &s, &why);
    CHECK_TEXT(why.data, "");
    command(l, b, "raw_reader");
    command(l, b, "connect");
    CHECK(wait_for_log(l, a, "content_say", "accept\n"));
    command(l, a, "write 100");
    for (int i = 0; i < 100; i++) {
        command(l, a, "content_send 0 60000");
        if (i % 10 == 9)
            command(l, a, "write 100");
    }
    for (int part = 0; part < 111; part++) {
        bool message = part % 11 == 0; /* 0 0 0 96, and so many */
        for (uint32_t i = 0; i < (message ? 100 : sizeof bytes); i++)
            sum = sum * 31 + (!message ? bytes[i]
                              : i < 3  ? 0
                              : i == 3 ? 96
                                       : (uint8_t)((i - 4) * 7 + 96));
    }
    snprintf(wanted, sizeof wanted, "read 6001100 bytes, sum %08x", sum);
    CHECK(wait_for_log(l, b, "count", wanted));
    live_free(l);
    toy_clear();
    text_free(&why);
    remove_folder();
}

/* A host with a folder of its own. */
static void fake_folder(struct fake *f)
{
    fake_begin(f, (struct addr){0x0a000001, 7000});
    f->host.contents = reopen(NULL);
}

TEST(what_cannot_be_fetched_is_said_to_the_command)
{
    struct fake f;

    new_folder();
    make_file("here.ogg", "12345");
    fake_folder(&f);
    CHECK(host_content_fetch(&f.host, 1, "../x", 5) == ERR_MALFORMED);
    CHECK(host_content_fetch(&f.host, 2, "here.ogg", 5) == ERR_LIMIT);
    CHECK(host_content_fetch(&f.host, 3, "here.ogg", 6) == ERR_LIMIT);
    CHECK_U64(host_content_fetch(&f.host, 4, "new.ogg", 5), 1);
    CHECK_U64(host_content_fetch(&f.host, 5, "new.ogg", 5), 1); /* goes on */
    CHECK_TEXT(f.said,
               "1 failed error refused: that name would leave the folder\n"
               "2 failed error that file is here already\n"
               "3 failed error another file of that name is here\n");
    contents_free(f.host.contents);
    remove_folder();
}

static size_t backlog;

static size_t write_content(struct host *h, conn_id conn, int content,
                            uint64_t offset, size_t len)
{
    (void)h, (void)conn, (void)content, (void)offset;
    return backlog += len;
}

TEST(a_range_is_written_while_there_is_room)
{
    struct host_calls calls;
    uint64_t at = 10, end = 600000;
    struct fake f;

    new_folder();
    make_file("big.bin", "");
    CHECK(truncate(path_of("big.bin"), 600000) == 0);
    fake_folder(&f);
    calls = *f.host.calls;
    calls.write_content = write_content;
    f.host.calls = &calls;
    CHECK(!host_write_range(&f.host, 1, 0, &at, end));
    CHECK_U64(at, 10 + BACKLOG_HIGH);
    backlog = 1; /* of which nearly all has gone out */
    CHECK(!host_write_range(&f.host, 1, 0, &at, end));
    CHECK_U64(at, 10 + 2 * BACKLOG_HIGH);
    backlog = 0;
    CHECK(host_write_range(&f.host, 1, 0, &at, end));
    CHECK_U64(at, end);
    CHECK_U64(backlog, end - 10 - 2 * BACKLOG_HIGH);
    CHECK(host_write_range(&f.host, 1, 0, &at, end));
    contents_free(f.host.contents);
    remove_folder();
}

int main(void)
{
    RUN(the_files_below_a_folder_are_shared_in_order_of_name);
    RUN(what_has_come_outlives_a_kill);
    RUN(a_record_that_was_cut_off_or_lies_is_not_believed);
    RUN(a_content_of_several_files_is_one_range_of_bytes);
    RUN(no_path_leaves_the_folder_and_no_file_is_written_over);
    RUN(a_full_disk_is_an_error_and_loses_nothing);
    RUN(blobs_are_files_kept_whole_and_one_node_has_the_folder);
    RUN(gaps_names_and_sizes_have_bounds);
    RUN(ranges_say_what_a_map_of_bytes_says);
    RUN(a_file_is_sent_from_disk_in_order_however_much_waits);
    RUN(what_cannot_be_fetched_is_said_to_the_command);
    RUN(a_range_is_written_while_there_is_room);
    return test_end();
}
