/* What takes a minute, or thousands of callers, shown on a host whose clock
   the test sets.  Source: reference, sections 5 and 6. */
#include "common/content.h"
#include "napster/node.h"
#include "tests/unit/fake_host.h"
#include "tests/unit/test.h"

static struct fake fake;
static struct settings settings;

static struct napster *begin(int role, const char *join)
{
    struct config config = {
        .settings = &settings, .name = "kid", .self = {0x7f000001, 6699}};

    settings = settings_new(napster_protocol.options);
    settings.value[OPT_ROLE] = role;
    (void)addr_parse(&config.join, join);
    fake_begin(&fake, config.self);
    fake.host.protocol = &napster_protocol;
    fake.host.node = napster_protocol.create(&fake.host, &config);
    (void)host_deliver(&fake.host, &(struct event){.kind = EVENT_START});
    return fake.host.node;
}

static void happens(enum event_kind kind, conn_id conn)
{
    struct event e = {
        .kind = kind, .conn = conn, .peer = {0x7f000001, (uint16_t)conn}};

    (void)host_deliver(&fake.host, &e);
}

static size_t comes(conn_id conn, const void *data, size_t len)
{
    struct event e = {
        .kind = EVENT_BYTES, .conn = conn, .data = data, .len = len};

    return host_deliver(&fake.host, &e);
}

/* One message comes; what is written from then on is kept. */
static void hears(conn_id conn, uint16_t type, const char *text)
{
    uint8_t m[HEADER_BYTES + PAYLOAD_MAX];
    size_t len = napster_encode(m, type, text, strlen(text));

    fake.written_len = 0;
    fake.finished = fake.aborted = false;
    CHECK_U64(comes(conn, m, len), len);
}

/* How many messages of that type were written; the first one's text. */
static unsigned wrote(uint16_t type, char *text, size_t room)
{
    struct napster_msg m;
    unsigned count = 0;
    size_t at = 0;
    int used;

    while ((used = napster_decode(&m, fake.written + at,
                                  fake.written_len - at)) > 0) {
        if (m.type == type && count++ == 0 && text != NULL)
            napster_copy(text, room, (struct slice){m.text, m.len});
        at += (size_t)used;
    }
    return count;
}

static void command(uint32_t number, const char *text)
{
    struct event e = {.kind = EVENT_COMMAND,
                      .command = number,
                      .data = (const uint8_t *)text,
                      .len = strlen(text)};

    fake.written_len = 0;
    (void)host_deliver(&fake.host, &e);
}

/* Source: reference, 5: "NEW times out after 60 s"; we look every 15 s. */
TEST(who_does_not_log_in_is_closed_after_60_seconds)
{
    const struct napster *n = begin(ROLE_SERVER, "");

    happens(EVENT_ACCEPT, 1);
    happens(EVENT_ACCEPT, 2);
    hears(2, MSG_LOGIN, "amy pw 6699 \"nap\" 3");
    fake_pass(&fake, 59 * SECOND_US);
    CHECK(!fake.aborted && n->server->callers == 1);
    fake_pass(&fake, 17 * SECOND_US);
    CHECK(fake.aborted && n->server->callers == 0 && n->server->online == 1);
}

/* Reference, 5: `This server is full (N connections)`. */
TEST(a_server_that_is_full_says_so_and_has_room_again)
{
    struct napster *n = begin(ROLE_SERVER, "");
    char text[80] = "";

    for (conn_id i = 1; i <= CALLERS_MAX; i++)
        happens(EVENT_ACCEPT, i);
    CHECK_U64(fake.written_len, 0);
    happens(EVENT_ACCEPT, CALLERS_MAX + 1);
    CHECK_U64(wrote(MSG_ERROR, text, sizeof text), 1);
    CHECK_TEXT(text, "This server is full (4096 connections)");
    CHECK(fake.finished);
    hears(CALLERS_MAX + 1, MSG_LOGIN, "amy pw 6699 \"nap\" 3");
    CHECK_U64(n->server->online, 0);
    happens(EVENT_CLOSED, 7);
    happens(EVENT_ACCEPT, CALLERS_MAX + 2);
    CHECK_U64(fake.written_len, 0);
    hears(CALLERS_MAX + 2, MSG_LOGIN, "amy pw 6699 \"nap\" 3");
    CHECK_U64(n->server->online, 1);
}

/* Reference, 5: `Exceeded max connections to this server`. */
TEST(one_address_has_so_many_connections_and_no_more)
{
    char text[80] = "";

    (void)begin(ROLE_SERVER, "");
    settings.value[OPT_PER_ADDRESS] = 3;
    for (conn_id i = 1; i <= 3; i++)
        happens(EVENT_ACCEPT, i);
    CHECK_U64(fake.written_len, 0);
    happens(EVENT_ACCEPT, 4);
    CHECK_U64(wrote(MSG_ERROR, text, sizeof text), 1);
    CHECK_TEXT(text, "Exceeded max connections to this server");
    CHECK(fake.finished);
    fake.written_len = 0;
    (void)host_deliver(
        &fake.host,
        &(struct event){.kind = EVENT_ACCEPT, .conn = 5, .peer = {2, 1}});
    happens(EVENT_CLOSED, 2);
    happens(EVENT_ACCEPT, 6);
    CHECK_U64(fake.written_len, 0);
}

static void set(const char *text)
{
    struct text why = text_new();

    CHECK(settings_assign(&settings, text, &why));
    text_free(&why);
}

/* Reference, 3: 621 a line each after 3, and 214 unasked; gigabytes of it. */
TEST(a_login_hears_the_message_of_the_day_and_counts)
{
    const struct napster *n = begin(ROLE_SERVER, "");
    char text[80] = "";

    set("motd=Welcome_to_us");
    happens(EVENT_ACCEPT, 1);
    hears(1, MSG_LOGIN, "amy pw 65535 \"nap\" 10");
    CHECK(wrote(MSG_LOGIN_OK, NULL, 0) == 1 && n->server->online == 1);
    CHECK_U64(wrote(MSG_MOTD, text, sizeof text), 1);
    CHECK_TEXT(text, "Welcome to us");
    CHECK_U64(wrote(MSG_STATS, text, sizeof text), 1);
    CHECK_TEXT(text, "1 0 0");
    hears(1, MSG_SHARE, "\"film\" md5 3221225472 128 44100 60");
    hears(1, MSG_STATS, "");
    CHECK_U64(wrote(MSG_STATS, text, sizeof text), 1);
    CHECK_TEXT(text, "1 1 3");
    hears(1, MSG_MOTD, "");
    CHECK_U64(wrote(MSG_MOTD, NULL, 0), 1);
    hears(1, MSG_PORT, "7000");
    happens(EVENT_ACCEPT, 2);
    hears(2, MSG_LOGIN, "bob pw 1 \"nap\" 10");
    hears(2, MSG_RESUME, "md5 3221225472");
    CHECK_U64(wrote(MSG_RESUME_HIT, text, sizeof text), 1);
    CHECK_TEXT(text, "amy 16777343 7000 \"film\" md5 3221225472 10");
}

/* Reference, 3: what a user may say, what is an operator's, what nobody's. */
TEST(what_a_user_may_not_say_is_refused_in_words)
{
    char text[80] = "";

    (void)begin(ROLE_SERVER, "");
    happens(EVENT_ACCEPT, 1);
    hears(1, MSG_REGISTER, "amy pw 65535 \"nap\" 10 a@b");
    for (unsigned type = 600; type < 830; type++) {
        bool operators = type == 606 || type == 652 || type == 627 ||
                         type == 628 || (type >= 610 && type <= 616) ||
                         (type >= 622 && type <= 625) ||
                         (type >= 800 && type <= 823);
        hears(1, (uint16_t)type, "");
        bool noticed = wrote(MSG_NOTICE, text, sizeof text) > 0;
        CHECK((noticed && strcmp(text, "permission denied") == 0) == operators);
    }
    for (unsigned i = 0; i < 2; i++) {
        hears(1, i == 0 ? MSG_LOGIN : MSG_REGISTER, "amy pw 1 \"nap\" 3");
        CHECK_U64(wrote(MSG_NOTICE, text, sizeof text), 1);
        CHECK_TEXT(text, "you are already logged in");
        hears(1, i == 0 ? MSG_VERSION : MSG_SURVEY, "x");
        CHECK_U64(fake.written_len, 0);
        hears(1, MSG_PASS_CHECK, i == 0 ? "amy pw" : "amy no");
        CHECK_U64(wrote(MSG_PASS_OK, NULL, 0), i == 0);
        hears(1, i == 0 ? MSG_HOTLIST : MSG_HOTLIST_REMOVE, "bob");
        happens(EVENT_ACCEPT, 2 + i);
        hears(2 + i, MSG_LOGIN, "bob pw 1 \"nap\" 3");
        CHECK_U64(wrote(MSG_SIGNED_ON, NULL, 0), i == 0);
        happens(EVENT_CLOSED, 2 + i);
        CHECK_U64(wrote(MSG_SIGNED_OFF, NULL, 0), i == 0);
    }
}

/* Reference, 2: a longer message closes the connection with no word, by a
   reset; and 3: 407 to the others of a channel. */
TEST(who_says_too_much_is_gone_at_once_from_his_channels_too)
{
    const struct napster *n = begin(ROLE_SERVER, "");
    char text[80] = "";

    for (conn_id i = 1; i <= 2; i++) {
        happens(EVENT_ACCEPT, i);
        hears(i, MSG_LOGIN,
              i == 1 ? "amy pw 1 \"nap\" 3" : "bob pw 1 \"nap\" 4");
        hears(i, MSG_JOIN, "#room");
        CHECK_U64(wrote(MSG_JOINED, NULL, 0), 1);
    }
    fake.written_len = 0;
    fake.finished = fake.aborted = false;
    CHECK_U64(comes(2, "\x01\x08\x02\x00", 4), 4);
    CHECK(fake.aborted && !fake.finished && n->server->online == 1);
    CHECK_U64(wrote(MSG_CHANNEL_PART, text, sizeof text), 1);
    CHECK_TEXT(text, "#room bob 0 4");
    hears(1, MSG_CHANNELS, "");
    CHECK_U64(wrote(MSG_CHANNEL, text, sizeof text), 1);
    CHECK_TEXT(text, "#room 1 Welcome to the #room channel.");
    hears(1, MSG_PART, "#room");
    hears(1, MSG_CHANNELS, "");
    CHECK_U64(wrote(MSG_CHANNEL, NULL, 0), 0);
}

/* Reference, 4: MAX_RESULTS is capped by the server; 3: 218 to 221 count. */
TEST(hits_are_as_many_as_both_sides_allow)
{
    char text[80] = "";

    (void)begin(ROLE_SERVER, "");
    set("results=2");
    for (conn_id i = 1; i <= 2; i++) {
        happens(EVENT_ACCEPT, i);
        hears(i, MSG_LOGIN,
              i == 1 ? "amy pw 1 \"nap\" 3" : "bob pw 1 \"nap\" 4");
    }
    hears(1, MSG_SHARE, "\"song 1\" md5 5 128 44100 60");
    hears(1, MSG_SHARE, "\"song 2\" md5 5 128 44100 60");
    hears(1, MSG_SHARE, "\"song 3\" md5 5 128 44100 60");
    hears(2, MSG_SEARCH, "FILENAME CONTAINS \"song\" MAX_RESULTS 3");
    CHECK_U64(wrote(MSG_HIT, NULL, 0), 2);
    CHECK_U64(wrote(MSG_SEARCH_END, NULL, 0), 1);
    hears(2, MSG_SEARCH, "FILENAME CONTAINS \"song\" MAX_RESULTS 1");
    CHECK_U64(wrote(MSG_HIT, NULL, 0), 1);
    hears(1, MSG_DOWNLOADED, "");
    hears(1, MSG_UPLOADED, "");
    hears(1, MSG_UPLOADING, "");
    hears(2, MSG_WHOIS, "amy");
    CHECK_U64(wrote(MSG_WHOIS_IS, text, sizeof text), 1);
    CHECK_TEXT(text, "amy \"User\" 0 \" \" \"Active\" 3 0 1 3 \"nap\"");
}

TEST(who_is_ignored_is_not_heard_in_a_channel)
{
    char text[80] = "";

    (void)begin(ROLE_SERVER, "");
    for (conn_id i = 1; i <= 2; i++) {
        happens(EVENT_ACCEPT, i);
        hears(i, MSG_LOGIN,
              i == 1 ? "amy pw 1 \"nap\" 3" : "bob pw 1 \"nap\" 4");
        hears(i, MSG_JOIN, "#room");
    }
    hears(2, MSG_JOIN, "#ROOM");
    CHECK_U64(wrote(MSG_NOTICE, text, sizeof text), 1);
    CHECK_TEXT(text, "You are already on that channel");
    hears(1, MSG_IGNORE, "eve");
    hears(1, MSG_IGNORE, "bob");
    hears(1, MSG_IGNORE_REMOVE, "eve"); /* and bob stays on it */
    hears(2, MSG_SAY, "#room hi");
    CHECK_U64(wrote(MSG_SAID, NULL, 0), 1); /* himself */
    hears(1, MSG_SAY, "#room hi");
    CHECK_U64(wrote(MSG_SAID, NULL, 0), 2);
}

TEST(every_byte_of_a_password_s_digest_counts)
{
    const struct napster *n = begin(ROLE_SERVER, "");
    conn_id conn = 1;

    happens(EVENT_ACCEPT, conn);
    hears(conn, MSG_REGISTER, "amy pw 0 \"nap\" 3 a@b");
    CHECK_U64(wrote(MSG_LOGIN_OK, NULL, 0), 1);
    for (unsigned i = 0; i < SHA256_BYTES; i++) {
        happens(EVENT_ACCEPT, ++conn);
        n->server->account[0].digest[i] ^= 1;
        hears(conn, MSG_LOGIN, "amy pw 0 \"nap\" 3");
        n->server->account[0].digest[i] ^= 1;
        CHECK_U64(wrote(MSG_ERROR, NULL, 0), 1);
    }
    happens(EVENT_ACCEPT, ++conn);
    hears(conn, MSG_LOGIN, "AMY pw 0 \"nap\" 3");
    CHECK_U64(wrote(MSG_LOGIN_OK, NULL, 0), 1);
}

/* Reference, 5: a table of events in NEW, for what no other test says. */
TEST(a_port_is_of_16_bits_and_a_number)
{
    static const char *const bad[] = {"65536", "-1", "x", "\"\""};
    char text[80] = "";

    (void)begin(ROLE_SERVER, "");
    for (unsigned i = 0; i < 4; i++) {
        char login[80];
        (void)snprintf(login, sizeof login, "amy pw %s \"nap\" 3", bad[i]);
        happens(EVENT_ACCEPT, i + 1);
        hears(i + 1, MSG_LOGIN, login);
        CHECK_U64(wrote(MSG_ERROR, text, sizeof text), 1);
        CHECK_TEXT(text, "invalid port");
        CHECK(fake.finished);
    }
}

/* A client that is logged in; its session is stream 1. */
static struct napster *logged_in(void)
{
    struct napster *n = begin(ROLE_CLIENT, "127.0.0.1:8888");

    happens(EVENT_OPEN, 1);
    hears(1, MSG_LOGIN_OK, "anon@x");
    return n;
}

/* Reference, 5: LOGIN_SENT, "give up after 60 s". */
TEST(a_server_that_says_nothing_is_given_up_after_60_seconds)
{
    (void)begin(ROLE_CLIENT, "127.0.0.1:8888");
    happens(EVENT_OPEN, 1);
    fake_pass(&fake, 59 * SECOND_US);
    CHECK(!fake.aborted && fake.last_conn == 1);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK(fake.aborted && fake.last_conn == 1);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK(fake.last_conn == 2); /* and once more */
}

/* A question that nobody answers does not hold up the next for ever. */
TEST(a_question_is_given_up_after_30_seconds)
{
    (void)logged_in();
    command(5, "whois eve");
    CHECK_U64(wrote(MSG_WHOIS, NULL, 0), 1);
    command(6, "stats");
    CHECK_U64(wrote(MSG_STATS, NULL, 0), 0);
    fake_pass(&fake, 29 * SECOND_US);
    CHECK_TEXT(fake.said, "");
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_TEXT(fake.said, "5 failed error the server does not answer\n");
    CHECK_U64(wrote(MSG_STATS, NULL, 0), 1);
}

/* Nor does a list: a port that drops what comes has 5 s, all of it 20 s. */
TEST(a_list_that_does_not_come_holds_up_nothing_for_long)
{
    (void)logged_in();
    command(5, "list eve");
    command(6, "stats");
    hears(1, MSG_BROWSE_ACCEPT, "eve 16777343 99");
    CHECK(fake.connected.port == 99 && fake.last_conn == 2);
    fake_pass(&fake, 6 * SECOND_US);
    CHECK_TEXT(fake.said,
               "5 failed error the list does not come, or broke off\n");
    CHECK_U64(wrote(MSG_PORT_ERROR, NULL, 0), 1);
    CHECK_U64(wrote(MSG_STATS, NULL, 0), 1);
}

/* The list of eve begins to come, past the server. */
static void list_begins(void)
{
    hears(1, MSG_BROWSE_ACCEPT, "eve 16777343 99");
    happens(EVENT_OPEN, 2);
    CHECK_U64(comes(2, "1", 1), 1);
    CHECK_U64(comes(2, "eve\n", 4), 4);
}

static bool line_comes(void)
{
    static const char line[] = "\"a\" md5 5 128 44100 60\n";

    return comes(2, line, sizeof line - 1) == sizeof line - 1;
}

TEST(a_list_that_drips_is_given_up_after_20_seconds)
{
    (void)logged_in();
    command(5, "list eve");
    list_begins();
    for (int i = 0; i < 19; i++) {
        CHECK_TEXT(fake.said, "");
        CHECK(line_comes());
        fake_pass(&fake, SECOND_US);
    }
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_TEXT(fake.said, "5 failed error the user does not answer\n");
}

TEST(a_list_ends_where_we_keep_no_more)
{
    (void)logged_in();
    command(5, "list eve");
    command(6, "list eve"); /* whose lines are others */
    list_begins();
    for (unsigned i = 0; i < HITS_MAX; i++) {
        CHECK_TEXT(fake.said, "");
        CHECK(line_comes());
    }
    CHECK(strncmp(fake.said, "5 ok hits 200 ", 14) == 0);
    fake.said[0] = '\0';
    for (unsigned i = 0; i < HITS_MAX; i++)
        (void)line_comes();
    CHECK_TEXT(fake.said, "");
}

/* Behind a firewall she dials us: 20 s for her.  And 20 s for who asked for
   our list, and was told that it may call. */
TEST(a_list_that_is_agreed_on_is_waited_for_20_seconds)
{
    (void)logged_in();
    command(5, "list eve");
    hears(1, MSG_BROWSE_ACCEPT, "eve 16777343 0");
    fake_pass(&fake, 19 * SECOND_US);
    CHECK_TEXT(fake.said, "");
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_TEXT(fake.said, "5 failed error the user does not answer\n");
    for (conn_id late = 0; late < 2; late++) {
        hears(1, MSG_BROWSE_DIRECT, "bob 16777343 0");
        CHECK_U64(wrote(MSG_BROWSE_ACCEPT, NULL, 0), 1);
        happens(EVENT_ACCEPT, 8 + late);
        fake_pass(&fake, (late ? 21 : 19) * SECOND_US);
        fake.written_len = 0;
        CHECK_U64(comes(8 + late, "GETLIST", 7), 7);
        CHECK(memcmp(fake.written, late ? "INVALID" : "kid", 3) == 0);
    }
}

/* Reference, 5: who is thrown out by its own nick does not come back at once. */
TEST(a_ghost_dials_again_after_60_seconds)
{
    (void)logged_in();
    hears(1, MSG_GHOST, "");
    happens(EVENT_CLOSED, 1);
    fake_pass(&fake, 59 * SECOND_US);
    CHECK_U64(fake.last_conn, 1);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_U64(fake.last_conn, 2);
}

/* -- Transfers ------------------------------------------------------------- */

static void *table_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void table_free(void *context, void *table, size_t bytes)
{
    (void)context, (void)bytes;
    free(table);
}

/* A client that has asked for a file of eve's, a thousand bytes. */
static struct napster *asks_for_a_file(void)
{
    static const struct content_memory memory = {table_alloc, table_free, NULL};
    struct napster *n = logged_in();

    fake.host.contents = contents_new(&memory);
    command(5, "search song");
    hears(1, MSG_HIT, "\"song\" md5 1000 128 44100 60 eve 16777343 3");
    hears(1, MSG_SEARCH_END, "");
    fake_pass(&fake, 3 * SECOND_US); /* for pongs */
    command(6, "get 1");
    CHECK_U64(wrote(MSG_DOWNLOAD, NULL, 0), 1);
    return n;
}

/* Wherever the holder stops: not before 29 s; and it is asked again after 2. */
TEST(a_holder_that_stops_is_left_after_30_seconds)
{
    for (int stop = 0; stop < 5; stop++) {
        (void)asks_for_a_file();
        hears(1, MSG_DOWNLOAD_OK, "eve 16777343 99 \"song\" md5 3");
        CHECK(fake.connected.port == 99 && fake.last_conn == 2);
        if (stop > 0)
            happens(EVENT_OPEN, 2);
        if (stop > 1)
            CHECK_U64(comes(2, "1", 1), 1);
        if (stop > 2)
            CHECK_U64(comes(2, "1000", 4), 4);
        fake_pass(&fake, 20 * SECOND_US);
        if (stop > 3)
            CHECK_U64(comes(2, "some bytes", 10), 10);
        fake_pass(&fake, (stop > 3 ? 29 : 9) * SECOND_US);
        CHECK(!fake.aborted);
        fake.written_len = 0;
        fake_pass(&fake, 2 * SECOND_US);
        CHECK(fake.aborted);
        CHECK_U64(wrote(MSG_PORT_ERROR, NULL, 0), stop == 0);
        fake_pass(&fake, 2 * SECOND_US);
        CHECK_U64(wrote(MSG_DOWNLOAD, NULL, 0), 1);
        contents_free(fake.host.contents);
    }
}

TEST(a_holder_that_shall_call_has_30_seconds)
{
    (void)asks_for_a_file();
    hears(1, MSG_DOWNLOAD_OK, "eve 16777343 0 \"song\" md5 3");
    CHECK_U64(wrote(MSG_PUSH, NULL, 0), 1);
    fake_pass(&fake, 31 * SECOND_US);
    CHECK_U64(wrote(MSG_DOWNLOAD, NULL, 0), 0);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK_U64(wrote(MSG_DOWNLOAD, NULL, 0), 1);
    contents_free(fake.host.contents);
}

/* Who calls us, and asks for nothing; or is refused, and does not go. */
TEST(a_caller_has_30_seconds_to_ask_and_to_go)
{
    (void)logged_in();
    happens(EVENT_ACCEPT, 8);
    fake_pass(&fake, 29 * SECOND_US);
    CHECK(!fake.aborted);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK(fake.aborted);
    happens(EVENT_ACCEPT, 9);
    (void)comes(9, "GETeve \"song\" 0", 15);
    CHECK(fake.finished);
    fake.aborted = false;
    fake_pass(&fake, 29 * SECOND_US);
    CHECK(!fake.aborted);
    fake_pass(&fake, 2 * SECOND_US);
    CHECK(fake.aborted);
}

/* -- The directory --------------------------------------------------------- */

static struct index directory;
static uint32_t first_file[3]; /* by owner */

static uint32_t add(uint32_t owner, const char *name, uint8_t media)
{
    struct offer o = {.name = napster_slice(name),
                      .md5 = {"m", 1},
                      .bytes = 5,
                      .kbps = 128,
                      .hz = 44100,
                      .media = media};

    return napster_index_add(&directory, &fake.host, owner, &o,
                             &first_file[owner]);
}

static bool count_one(void *context, uint32_t file)
{
    (void)file;
    ++*(unsigned *)context;
    return true;
}

static unsigned found(const char *text)
{
    struct query q;
    unsigned count = 0;

    directory.walked = 0;
    CHECK(napster_query_read(&q, napster_slice(text)) == NULL);
    napster_index_search(&directory, &q, count_one, &count);
    return count;
}

/* Reference, 4: the smallest bin is walked, for whole words that all exist. */
TEST(a_search_walks_the_rarest_word_s_files)
{
    fake_begin(&fake, (struct addr){1, 1});
    for (int i = 0; i < 3; i++) {
        char name[] = "common file 0";
        name[12] = (char)('0' + i);
        CHECK(add(1, name, 0) != 0);
    }
    CHECK(add(1, "common rare caf\xc3\xa9's", 0) != 0);
    CHECK(add(2, "common clip", 2) != 0);
    CHECK_U64(found("FILENAME CONTAINS \"common RARE\""), 1);
    CHECK_U64(directory.walked, 1);
    CHECK_U64(found("FILENAME CONTAINS \"rare common\""), 1);
    CHECK_U64(directory.walked, 1);
    CHECK_U64(found("FILENAME CONTAINS \"common\""), 4);
    CHECK_U64(directory.walked, 5);
    CHECK_U64(found("FILENAME CONTAINS \"absent common\""), 0);
    CHECK_U64(found("FILENAME CONTAINS \"common absent\""), 0);
    CHECK_U64(found("FILENAME CONTAINS \"common omm\""), 0); /* no word */
    CHECK_U64(found("FILENAME CONTAINS \"clip\" TYPE video"), 1);
    CHECK_U64(found("FILENAME CONTAINS \"clip\" TYPE audio"), 0);
    CHECK_U64(found("FILENAME CONTAINS \"caf\""), 0);
    CHECK_U64(found("FILENAME CONTAINS \"caf\xc3\xa9's\""), 1);
    CHECK_U64(found("FILENAME CONTAINS \"\""), 0);
}

TEST(what_is_removed_is_found_no_more_and_costs_nothing)
{
    uint32_t words = directory.word_count;
    size_t memory = directory.memory;
    uint32_t one = add(2, "common file 0", 0); /* the name is another's too */
    uint32_t two = add(2, "new words", 0);

    CHECK(napster_index_find(&directory, 2, napster_slice("COMMON file 0")) ==
          one);
    CHECK(napster_index_find(&directory, 1, napster_slice("new words")) == 0);
    CHECK_U64(directory.bytes, 35);
    napster_index_remove(&directory, &fake.host, two, &first_file[2]);
    CHECK_U64(directory.word_count, words);
    /* The oldest first: the newest takes its place in the words' lists. */
    uint32_t oldest =
        napster_index_find(&directory, 1, napster_slice("common file 0"));
    napster_index_remove(&directory, &fake.host, oldest, &first_file[1]);
    for (uint32_t at; (at = first_file[1]) != 0;)
        napster_index_remove(&directory, &fake.host, at, &first_file[1]);
    CHECK_U64(found("FILENAME CONTAINS \"common file\""), 1);
    napster_index_remove(&directory, &fake.host, one, &first_file[2]);
    CHECK_U64(found("FILENAME CONTAINS \"common\" TYPE video"), 1);
    napster_index_remove(&directory, &fake.host, first_file[2], &first_file[2]);
    CHECK(directory.word_count == 0 && directory.count == 0);
    CHECK(directory.bytes == 0 && directory.memory < memory);
}

int main(void)
{
    RUN(who_does_not_log_in_is_closed_after_60_seconds);
    RUN(a_server_that_is_full_says_so_and_has_room_again);
    RUN(one_address_has_so_many_connections_and_no_more);
    RUN(a_login_hears_the_message_of_the_day_and_counts);
    RUN(what_a_user_may_not_say_is_refused_in_words);
    RUN(who_says_too_much_is_gone_at_once_from_his_channels_too);
    RUN(hits_are_as_many_as_both_sides_allow);
    RUN(who_is_ignored_is_not_heard_in_a_channel);
    RUN(every_byte_of_a_password_s_digest_counts);
    RUN(a_port_is_of_16_bits_and_a_number);
    RUN(a_server_that_says_nothing_is_given_up_after_60_seconds);
    RUN(a_question_is_given_up_after_30_seconds);
    RUN(a_list_that_does_not_come_holds_up_nothing_for_long);
    RUN(a_list_that_drips_is_given_up_after_20_seconds);
    RUN(a_list_ends_where_we_keep_no_more);
    RUN(a_list_that_is_agreed_on_is_waited_for_20_seconds);
    RUN(a_ghost_dials_again_after_60_seconds);
    RUN(a_holder_that_stops_is_left_after_30_seconds);
    RUN(a_holder_that_shall_call_has_30_seconds);
    RUN(a_caller_has_30_seconds_to_ask_and_to_go);
    RUN(a_search_walks_the_rarest_word_s_files);
    RUN(what_is_removed_is_found_no_more_and_costs_nothing);
    return test_end();
}
