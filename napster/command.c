/*
 * What a client's user asks.
 *
 * Questions to the server wait in line; `get` begins a transfer; `share`,
 * `unshare` and `show` answer at once.
 */
#include "napster/node.h"

#include <string.h>

static void search(struct napster *n, struct host *h, uint32_t command,
                   const char *words)
{
    struct slice text = napster_slice(words), first;

    if (napster_next(&text, &first) > 0 &&
        (napster_same(first, napster_slice("FILENAME")) ||
         napster_same(first, napster_slice("MAX_RESULTS"))))
        napster_ask(n, h, command, MSG_SEARCH, "%s", words);
    else if (memchr(words, '"', strlen(words)) != NULL)
        host_failed(h, command,
                    "words, or a whole search: FILENAME CONTAINS "
                    "\"words\" ...");
    else
        napster_ask(n, h, command, MSG_SEARCH,
                    "FILENAME CONTAINS \"%s\" MAX_RESULTS %u", words,
                    RESULTS_MAX);
}

/* Is `a` the better source: the nearer, then the faster. */
static bool better(const struct hit *a, const struct hit *b)
{
    uint64_t x = a->ping_us == 0 ? NEVER : a->ping_us;
    uint64_t y = b->ping_us == 0 ? NEVER : b->ping_us;

    return x != y ? x < y : a->speed > b->speed;
}

const struct hit *napster_best(const struct client *c, const char *name)
{
    const struct hit *best = NULL;

    for (uint32_t i = 0; i < c->hit_count; i++)
        if (strcmp(c->hit[i].name, name) == 0 &&
            (best == NULL || better(&c->hit[i], best)))
            best = &c->hit[i];
    return best;
}

static void get(struct napster *n, struct host *h, uint32_t command,
                const char *what)
{
    const struct client *c = n->client;
    const struct hit *best;
    uint64_t number;

    if (parse_u64(what, HITS_MAX, &number) && number > 0 &&
        number <= c->hit_count)
        best = &c->hit[number - 1];
    else
        best = napster_best(c, what);
    if (best == NULL)
        host_failed(h, command, "not among the last search's hits");
    else
        napster_transfer_get(n, h, command, best);
}

static void set_shared(struct napster *n, struct host *h, uint32_t command,
                       const char *name, bool on)
{
    struct client *c = n->client;
    int content = host_content_find(h, name);
    LOCAL_FIELDS f = fields_new();
    char wire[FILE_NAME_MAX + 1];

    if (content < 0 || (uint32_t)content >= c->share_count ||
        !napster_wire_name(name, wire)) {
        host_failed(h, command, "no such file here");
    } else {
        struct offered *s = &c->share[content];
        s->off = !on;
        if (!on && s->sent) {
            SAY(MSG_UNSHARE, "%s", wire);
            s->sent = false;
            c->shared--;
        }
        napster_client_share(n, h, content);
        fields_number(&f, "shared", c->shared);
        host_result(h, command, true, &f);
    }
}

static void show(const struct napster *n, struct host *h, uint32_t command)
{
    static const char *const states[] = {"offline", "asks the metaserver",
                                         "dials", "logs in", "online"};
    const struct client *c = n->client;
    LOCAL_FIELDS f = fields_new();

    fields_text(&f, "nick", n->nick);
    fields_text(&f, "state", states[c->state]);
    fields_number(&f, "shared", c->shared);
    fields_number(&f, "uploads", c->upload_count);
    fields_number(&f, "downloads", c->download_count);
    fields_number(&f, "sent_files", c->sent_files);
    fields_number(&f, "got_files", c->got_files);
    fields_number(&f, "users", c->users);
    fields_number(&f, "files", c->files);
    host_result(h, command, true, &f);
}

/* A channel's name begins with '#', which in a scenario begins a comment: so
   it may be left out. */
static const char *hash_sign(uint16_t type, const char *channel)
{
    bool is_channel = type == MSG_JOIN || type == MSG_SAY || type == MSG_PART;

    return is_channel && *channel != '#' ? "#" : "";
}

void napster_command(struct napster *n, struct host *h, const struct event *e)
{
    static const struct {
        const char *word;
        uint16_t type;
    } plain[] = {{"browse", MSG_BROWSE}, {"list", MSG_BROWSE_DIRECT},
                 {"whois", MSG_WHOIS},   {"hotlist", MSG_HOTLIST_ADD},
                 {"join", MSG_JOIN},     {"say", MSG_SAY},
                 {"stats", MSG_STATS},   {"part", MSG_PART},
                 {"tell", MSG_PRIVATE}};
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    const char *rest = text + len;

    rest += *rest == ' ';
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (word_is(text, len, plain[i].word)) {
            napster_ask(n, h, e->command, plain[i].type, "%s%s",
                        hash_sign(plain[i].type, rest), rest);
            return;
        }
    if (word_is(text, len, "search")) {
        search(n, h, e->command, rest);
    } else if (word_is(text, len, "get")) {
        get(n, h, e->command, rest);
    } else if (word_is(text, len, "share") || word_is(text, len, "unshare")) {
        set_shared(n, h, e->command, rest, *text == 's');
    } else {
        show(n, h, e->command);
    }
}
