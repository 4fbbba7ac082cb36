/*
 * A client's session with the server.
 *
 * Answers of the server carry no number, so one question is open at a time;
 * the others wait in line.  Transfers are apart from that: transfer.c.
 */
#include "napster/node.h"

#include <string.h>

/* -- The session --------------------------------------------------------- */

static void dial(struct napster *n, struct host *h)
{
    struct client *c = n->client;
    bool meta = setting(n->settings, OPT_META) != 0 && addr_none(c->server);

    if (addr_none(n->join) || n->leaving)
        return;
    c->meta[0] = '\0';
    c->state = meta ? SESSION_META : SESSION_DIAL;
    c->conn = host_connect(h, addr_none(c->server) ? n->join : c->server);
    c->deadline_us = host_now(h) + (meta ? META_US : LOGIN_US);
}

/* Only the first login registers: after that the nick is its own. */
static bool registers(const struct napster *n)
{
    return setting(n->settings, OPT_REGISTER) != 0 && !n->client->registered;
}

void napster_login_text(const struct napster *n, struct text *t)
{
    text_printf(t, "%s %s %u \"p2plab 0.1\" %u", n->nick,
                setting_text(n->settings, OPT_PASSWORD),
                napster_firewalled(n) ? 0u : n->self.port,
                (unsigned)setting(n->settings, OPT_SPEED));
    if (registers(n))
        text_add(t, " nobody@localhost");
}

static void on_open(struct napster *n, struct host *h)
{
    LOCAL_TEXT t = text_new();

    if (n->client->state == SESSION_META)
        return; /* it speaks, and we listen */
    n->client->state = SESSION_LOGIN;
    napster_login_text(n, &t);
    SAY(registers(n) ? MSG_REGISTER : MSG_LOGIN, "%s", t.data);
}

static void share_all(struct napster *n, struct host *h)
{
    n->client->shared = 0;
    for (uint32_t i = 0; i < n->client->share_count; i++) {
        n->client->share[i].sent = false;
        napster_client_share(n, h, (int)i);
    }
}

bool napster_wire_name(const char *name, char out[FILE_NAME_MAX + 1])
{
    size_t len = strlen(name);

    if (len == 0 || len > FILE_NAME_MAX ||
        !napster_sendable((struct slice){name, len}, true) ||
        memchr(name, '\\', len) != NULL)
        return false; /* a quote cannot be expressed: reference, section 8 */
    for (size_t i = 0; i <= len; i++)
        out[i] = name[i] == '/' ? '\\' : name[i];
    return true;
}

bool napster_share_text(const struct napster *n, struct host *h, int content,
                        struct text *t)
{
    char name[FILE_NAME_MAX + 1], md5[2 * MD5_BYTES + 1];
    struct content c;

    if (content < 0 || (uint32_t)content >= n->client->share_count ||
        !host_content(h, content, &c) || !c.complete ||
        !napster_wire_name(c.name, name))
        return false;
    napster_hex(n->client->share[content].md5, md5);
    /* Nobody reads the sound: the rates are a guess from the size. */
    text_printf(t, "\"%s\" %s %llu 128 44100 %llu", name, md5,
                (unsigned long long)c.bytes,
                (unsigned long long)(c.bytes / 16000));
    return true;
}

void napster_client_share(struct napster *n, struct host *h, int content)
{
    struct offered *s = &n->client->share[content];
    LOCAL_TEXT t = text_new();

    if (n->client->state == SESSION_ONLINE && s->known && !s->off && !s->sent &&
        napster_share_text(n, h, content, &t)) {
        SAY(MSG_SHARE, "%s", t.data);
        s->sent = true;
        n->client->shared++;
    }
}

int napster_content_find(struct host *h, struct slice wire)
{
    char name[FILE_NAME_MAX + 1];

    if (wire.len == 0 || wire.len > FILE_NAME_MAX)
        return ERR_USAGE;
    napster_copy(name, sizeof name, wire);
    for (size_t i = 0; i < wire.len; i++)
        name[i] = name[i] == '\\' ? '/' : name[i];
    int content = host_content_find(h, name);
    struct content x; /* servers compare without case: so do we, at last */
    for (int i = 0; content < 0 && host_content(h, i, &x); i++)
        if (napster_same(napster_slice(name), napster_slice(x.name)))
            content = i;
    return content;
}

/* -- Questions ----------------------------------------------------------- */

static void end_question(struct napster *n, struct host *h, bool ok,
                         const struct fields *f);

static void ask_next(struct napster *n, struct host *h)
{
    struct client *c = n->client;

    if (c->question_count == 0 || c->asked || c->state != SESSION_ONLINE)
        return;
    bool list = c->question->type == MSG_BROWSE_DIRECT;
    c->asked = true;
    c->listing = false;
    c->asked_us = host_now(h);
    c->due_us = host_now(h) + (list ? LIST_ASK_US : ASK_US);
    c->error[0] = '\0';
    if (c->question->type == MSG_SEARCH || c->question->type == MSG_BROWSE ||
        list)
        c->hit_count = 0;
    SAY(c->question->type, "%s", c->question->text);
    if (c->question->type == MSG_PART || c->question->type == MSG_PRIVATE) {
        LOCAL_FIELDS f = fields_new(); /* they have no answer */
        end_question(n, h, true, &f);
    }
}

static void end_question(struct napster *n, struct host *h, bool ok,
                         const struct fields *f)
{
    struct client *c = n->client;
    uint32_t command = c->question->command;

    c->question_count--;
    memmove(c->question, c->question + 1,
            c->question_count * sizeof *c->question);
    c->asked = c->pinging = false;
    c->lost += !ok;
    if (ok)
        host_result(h, command, true, f);
    else
        host_failed(h, command, c->error);
    ask_next(n, h);
}

void napster_ask(struct napster *n, struct host *h, uint32_t command,
                 uint16_t type, const char *format, ...)
{
    struct client *c = n->client;
    LOCAL_TEXT t = text_new();
    va_list args;

    if (c->question == NULL)
        c->question = host_alloc(h, QUESTIONS_MAX * sizeof *c->question);
    if (c->state == SESSION_NONE) {
        c->lost++;
        host_failed(h, command,
                    addr_none(n->join) ? "no server to ask: --join HOST:PORT"
                                       : "the server is not reachable");
    } else if (c->question == NULL || c->question_count == QUESTIONS_MAX) {
        host_failed(h, command, "too many questions at a time");
    } else {
        struct question *q = &c->question[c->question_count++];
        va_start(args, format);
        text_vprintf(&t, format, args);
        va_end(args);
        q->command = command;
        q->type = type;
        napster_copy(q->text, sizeof q->text, (struct slice){t.data, t.len});
        ask_next(n, h);
    }
}

static bool asks(const struct client *c, uint16_t type)
{
    return c->asked && c->question->type == type;
}

static void add_hits(const struct client *c, struct fields *f)
{
    fields_number(f, "hits", c->hit_count);
    fields_begin(f, FIELD_LIST, "list");
    for (uint32_t i = 0; i < c->hit_count; i++) {
        const struct hit *x = &c->hit[i];
        fields_begin(f, FIELD_GROUP, "");
        fields_number(f, "n", i + 1);
        fields_text(f, "file", x->name);
        fields_number(f, "size", x->bytes);
        fields_number(f, "kbps", x->kbps);
        fields_text(f, "owner", x->nick);
        if (x->ping_us > 0 && x->ping_us != NEVER)
            fields_number(f, "ping_ms", x->ping_us / 1000);
        fields_end(f);
    }
    fields_end(f);
}

static void end_search(struct napster *n, struct host *h)
{
    struct client *c = n->client;
    LOCAL_FIELDS f = fields_new();

    add_hits(c, &f);
    end_question(n, h, *c->error == '\0', &f);
}

/* Ping every host in the answer, to fetch from the nearest.
   Source: the lecture, and reference, types 751 and 752. */
static void ping_hits(struct napster *n, struct host *h)
{
    struct client *c = n->client;
    uint32_t pinged = 0;

    for (uint32_t i = 0; i < c->hit_count && pinged < PINGED_MAX; i++) {
        bool known = false;
        for (uint32_t k = 0; k < i; k++)
            known = known || strcmp(c->hit[k].nick, c->hit[i].nick) == 0;
        if (known)
            continue;
        pinged++;
        SAY(MSG_PING, "%s", c->hit[i].nick);
    }
    c->pinging = pinged > 0;
    c->asked_us = host_now(h);
    if (!c->pinging || *c->error != '\0')
        end_search(n, h);
}

static void on_pong(struct napster *n, struct host *h, struct slice nick)
{
    struct client *c = n->client;
    uint32_t pinged = 0, known = 0;

    for (uint32_t i = 0; i < c->hit_count; i++) {
        struct hit *x = &c->hit[i];
        bool his = napster_same(nick, napster_slice(x->nick));
        if (his && x->ping_us == 0)
            x->ping_us = host_now(h) - c->asked_us + 1;
        pinged++;
        known += x->ping_us != 0;
    }
    if (c->pinging && known == pinged)
        end_search(n, h);
}

static void keep_hit(struct napster *n, struct host *h, struct slice nick,
                     const struct slice *f, struct slice speed)
{
    struct client *c = n->client;
    uint64_t bytes, kbps, fast;

    if (c->hit == NULL)
        c->hit = host_alloc(h, HITS_MAX * sizeof *c->hit);
    if (c->hit == NULL || c->hit_count == HITS_MAX || nick.len > NICK_MAX ||
        f[0].len > FILE_NAME_MAX || !napster_number(speed, 10, &fast) ||
        !napster_number(f[2], CONTENT_MAX_BYTES, &bytes) ||
        !napster_number(f[3], UINT32_MAX, &kbps))
        return;
    struct hit *x = &c->hit[c->hit_count++];
    *x = (struct hit){
        .bytes = bytes, .kbps = (uint32_t)kbps, .speed = (uint32_t)fast};
    napster_copy(x->nick, sizeof x->nick, nick);
    napster_copy(x->name, sizeof x->name, f[0]);
    napster_copy(x->md5, sizeof x->md5, f[1]);
}

/* -- Another's list, asked of itself: reference, 6.4 --------------------- */

bool napster_client_lists(const struct client *c, struct slice nick)
{
    return asks(c, MSG_BROWSE_DIRECT) &&
           napster_same(nick, napster_slice(c->question->text));
}

bool napster_client_listed(struct napster *n, struct host *h, struct slice line)
{
    struct slice f[FIELDS_OF_ONE];
    bool end = line.len == 0;

    if (!end && napster_split(line, f, FIELDS_OF_ONE) >= 6)
        keep_hit(n, h, napster_slice(n->client->question->text), f,
                 napster_slice("0"));
    end = end || n->client->hit_count == HITS_MAX;
    if (end)
        end_search(n, h);
    return end;
}

void napster_client_give_up(struct napster *n, struct host *h, const char *why)
{
    struct client *c = n->client;

    napster_copy(c->error, sizeof c->error, napster_slice(why));
    end_question(n, h, false, NULL);
}

/* 640, and 641 or 642, which answer ours. */
static void on_list_message(struct napster *n, struct host *h, uint16_t type,
                            const struct slice *f, int count)
{
    uint64_t ip = 0, port = 0;

    if (count < 1 || (count >= 3 && (!napster_number(f[1], UINT32_MAX, &ip) ||
                                     !napster_number(f[2], UINT16_MAX, &port))))
        return;
    struct addr a = {napster_ip((uint32_t)ip), (uint16_t)port};
    if (type == MSG_BROWSE_DIRECT)
        napster_list_asked(n, h, f[0], a);
    else if (!napster_client_lists(n->client, f[0]) || n->client->listing)
        return;
    else if (type == MSG_BROWSE_ERROR)
        napster_client_give_up(n, h, "the user does not show its list");
    else if (port != 0)
        napster_list_get(n, h, f[0], a);
    else /* it dials us */
        n->client->due_us = host_now(h) + LIST_US;
}

/* An answer of one message is shown as it came, in its fields' names. */
static void end_with_text(struct napster *n, struct host *h, const char *name,
                          struct slice text)
{
    LOCAL_FIELDS f = fields_new();
    char line[PAYLOAD_MAX + 1];

    napster_copy(line, sizeof line, text);
    fields_text(&f, name, line);
    end_question(n, h, true, &f);
}

/* What a person wants to hear though it answers no question of theirs. */
static void tell(struct host *h, const struct napster_msg *m)
{
    static const struct framing framing = {PHASE_MESSAGES, false};
    LOCAL_FIELDS f = fields_new();

    napster_describe(&framing, m->bytes, HEADER_BYTES + m->len, &f);
    host_result(h, 0, true, &f);
}

static void on_notice(struct napster *n, struct host *h,
                      const struct napster_msg *m)
{
    struct client *c = n->client;
    struct slice text = {m->text, m->len};

    if (!c->asked)
        napster_transfer_on_notice(n, h, text);
    if (!c->asked || c->pinging) {
        tell(h, m);
        return;
    }
    napster_copy(c->error, sizeof c->error, text);
    if (!asks(c, MSG_SEARCH)) /* that has an end of its own */
        end_question(n, h, false, NULL);
}

/* -- What the server says ------------------------------------------------ */

static void on_login_ok(struct napster *n, struct host *h,
                        const struct napster_msg *m)
{
    if (n->client->state != SESSION_LOGIN)
        return;
    if (n->client->registered) /* again: somebody may have waited for it */
        tell(h, m);
    n->client->state = SESSION_ONLINE;
    n->client->registered = true;
    n->client->deadline_us = NEVER;
    host_note(h, "is logged in, and tells what it shares");
    for (uint32_t i = 0; i < n->client->hot_count; i++)
        SAY(MSG_HOTLIST, "%s", n->client->hotlist[i]);
    share_all(n, h);
    ask_next(n, h);
}

static void on_stats(struct napster *n, struct host *h, const struct slice *f,
                     int count)
{
    struct client *c = n->client;
    LOCAL_FIELDS out = fields_new();

    if (count >= 2 && napster_number(f[0], UINT32_MAX, &c->users) &&
        napster_number(f[1], UINT32_MAX, &c->files) && asks(c, MSG_STATS)) {
        fields_number(&out, "users", c->users);
        fields_number(&out, "files", c->files);
        end_question(n, h, true, &out);
    }
}

/* A nick of the hotlist is told again at each login. */
static void keep_hot(struct client *c, struct slice nick)
{
    for (uint32_t i = 0; i < c->hot_count; i++)
        if (napster_same(nick, napster_slice(c->hotlist[i])))
            return;
    if (c->hot_count < NICKS_MAX)
        napster_copy(c->hotlist[c->hot_count++], NICK_MAX + 1, nick);
}

/* Is that the one answer to what was asked?  301 and 302 come after a login
   too, and others speak in a channel. */
static bool ends(const struct napster *n, uint16_t type, const struct slice *f)
{
    const struct client *c = n->client;

    switch (type) {
    case MSG_WHOIS_IS:
    case MSG_WHOWAS:
        return asks(c, MSG_WHOIS);
    case MSG_HOTLIST_OK:
    case MSG_HOTLIST_BAD:
        return asks(c, MSG_HOTLIST_ADD) &&
               napster_same(f[0], napster_slice(c->question->text));
    case MSG_TOPIC:
        return asks(c, MSG_JOIN) &&
               napster_same(f[0], napster_slice(c->question->text));
    case MSG_SAID:
        return asks(c, MSG_SAY) && napster_same(f[1], napster_slice(n->nick));
    default:
        return false;
    }
}

static void on_message(struct napster *n, struct host *h,
                       const struct napster_msg *m)
{
    struct client *c = n->client;
    struct slice text = {m->text, m->len}, f[FIELDS_OF_ONE] = {{"", 0}};
    int count = napster_split(text, f, FIELDS_OF_ONE);

    if (ends(n, m->type, f)) {
        if (m->type == MSG_HOTLIST_OK)
            keep_hot(c, f[0]);
        if (m->type == MSG_HOTLIST_BAD)
            napster_client_give_up(n, h, "no nick, or the list is full");
        else
            end_with_text(n, h, "answer", text);
        return;
    }
    switch (m->type) {
    case MSG_LOGIN_OK:
        on_login_ok(n, h, m);
        break;
    case MSG_ERROR:
    case MSG_NICK_BAD:
        if (m->type == MSG_ERROR)
            tell(h, m);
        else
            host_failed(h, 0, "the server takes no such nick");
        /* Not again at once; but who cannot register may have done so in an
           earlier life, and can log in. */
        c->deadline_us = host_now(h) + (registers(n) ? RECONNECT_US : LOGIN_US);
        c->registered = true;
        c->state = SESSION_NONE;
        break;
    case MSG_GHOST:
    case MSG_DISCONNECT: /* the end: and not again at once */
        if (m->type == MSG_GHOST)
            host_failed(h, 0, "somebody else logs in with this nick");
        c->deadline_us = host_now(h) + LOGIN_US;
        c->state = SESSION_NONE;
        break;
    case MSG_NOTICE:
        on_notice(n, h, m);
        break;
    case MSG_PRIVATE:
    case MSG_SAID:
    case MSG_EMOTE:
    case MSG_CHANNEL_JOIN:
    case MSG_CHANNEL_PART:
    case MSG_TOPIC:
    case MSG_SIGNED_ON:
    case MSG_MOTD:
    case MSG_PORT_ERROR:
        tell(h, m);
        break;
    case MSG_STATS:
        on_stats(n, h, f, count);
        break;
    case MSG_HIT:
        if (asks(c, MSG_SEARCH) && count >= 9)
            keep_hit(n, h, f[6], f, f[8]);
        break;
    case MSG_SEARCH_END:
        if (asks(c, MSG_SEARCH) && !c->pinging)
            ping_hits(n, h);
        break;
    case MSG_BROWSE_HIT:
        if (asks(c, MSG_BROWSE) && count >= 7)
            keep_hit(n, h, f[0], f + 1, napster_slice("0"));
        break;
    case MSG_BROWSE_END:
        if (asks(c, MSG_BROWSE))
            end_search(n, h);
        break;
    case MSG_SIGNED_OFF:
        if (asks(c, MSG_BROWSE))
            napster_copy(c->error, sizeof c->error,
                         napster_slice("User is not currently online."));
        else
            tell(h, m);
        break;
    case MSG_PING:
        if (count >= 1)
            SAY(MSG_PONG, "%.*s", (int)f[0].len, f[0].at);
        break;
    case MSG_PONG:
        if (count >= 1)
            on_pong(n, h, f[0]);
        break;
    case MSG_BROWSE_DIRECT:
    case MSG_BROWSE_ACCEPT:
    case MSG_BROWSE_ERROR:
        on_list_message(n, h, m->type, f, count);
        break;
    case MSG_UPGRADE: /* runs a program; 900: probes ports.  Never. */
    case 900:
    case 901:
        host_note(h, "the server asks for what we never do");
        break;
    default:
        if (count >= 0)
            napster_transfer_on_message(n, h, m);
    }
}

/* The metaserver's one line is here: where to go, or anything else: later. */
static void end_meta(struct napster *n, struct host *h)
{
    struct client *c = n->client;
    struct addr a;

    host_abort(h, c->conn);
    c->conn = 0;
    if (addr_parse(&a, c->meta) && a.port != 0) {
        c->server = a;
        dial(n, h);
    } else {
        c->state = SESSION_NONE;
        c->deadline_us = host_now(h) + RECONNECT_US;
    }
}

/* It ends with its newline, at 64 bytes, or with the connection. */
static size_t on_meta(struct napster *n, struct host *h, const struct event *e)
{
    struct client *c = n->client;
    size_t len = 0;

    while (len < e->len && e->data[len] != '\n')
        len++;
    napster_copy(c->meta, sizeof c->meta,
                 (struct slice){(const char *)e->data, len});
    if (len == e->len && len < sizeof c->meta)
        return 0;
    end_meta(n, h);
    return e->len < len + 1 ? e->len : len + 1;
}

static void on_closed(struct napster *n, struct host *h)
{
    struct client *c = n->client;

    if (c->state == SESSION_ONLINE)
        host_failed(h, 0, "the server is gone: no searches until it is back");
    if (c->deadline_us == NEVER || c->state != SESSION_NONE)
        c->deadline_us = host_now(h) + RECONNECT_US;
    c->state = SESSION_NONE;
    c->conn = 0;
    c->server = (struct addr){0, 0};
    c->shared = 0;
    napster_copy(c->error, sizeof c->error,
                 napster_slice("the server is gone"));
    while (c->question_count > 0) {
        c->asked = true;
        end_question(n, h, false, NULL);
    }
}

static size_t on_bytes(struct napster *n, struct host *h, const struct event *e)
{
    struct napster_msg m;

    if (n->client->state == SESSION_META) {
        host_reads(h, e->conn, PHASE_HANDSHAKE);
        return on_meta(n, h, e);
    }
    int used = napster_decode(&m, e->data, e->len);
    if (used < 0) { /* no server: and it may never close */
        host_abort(h, e->conn);
        on_closed(n, h);
        return e->len;
    }
    if (used > 0)
        on_message(n, h, &m);
    return (size_t)used;
}

size_t napster_client_event(struct napster *n, struct host *h,
                            const struct event *e)
{
    if (e->kind == EVENT_OPEN)
        on_open(n, h);
    else if (e->kind == EVENT_BYTES)
        return on_bytes(n, h, e);
    else if (e->kind == EVENT_EOF && n->client->state == SESSION_META)
        end_meta(n, h);
    else if (e->kind == EVENT_EOF)
        host_finish(h, e->conn);
    else if (e->kind == EVENT_CLOSED)
        on_closed(n, h);
    return 0;
}

/* -- Timers -------------------------------------------------------------- */

uint64_t napster_client_deadline(const struct napster *n)
{
    const struct client *c = n->client;
    uint64_t least = c->deadline_us;

    if (c->pinging && c->asked_us + PING_US < least)
        least = c->asked_us + PING_US;
    if (c->asked && c->due_us < least)
        least = c->due_us;
    return least;
}

void napster_client_expire(struct napster *n, struct host *h)
{
    struct client *c = n->client;
    uint64_t now = host_now(h);

    if (c->pinging && now >= c->asked_us + PING_US)
        end_search(n, h);
    else if (c->asked && now >= c->due_us)
        napster_client_give_up(n, h,
                               asks(c, MSG_BROWSE_DIRECT)
                                   ? "the user does not answer"
                                   : "the server does not answer");
    if (now < c->deadline_us)
        return;
    c->deadline_us = NEVER;
    if (c->conn == 0) {
        dial(n, h);
    } else if (c->state != SESSION_ONLINE) { /* it does not answer */
        host_abort(h, c->conn);
        on_closed(n, h);
    }
}

void napster_client_start(struct napster *n, struct host *h)
{
    n->client->deadline_us = NEVER;
    for (uint32_t i = 0; i < GRANTS_MAX; i++)
        n->client->grant[i].content = -1;
    dial(n, h);
}

void napster_client_stop(struct napster *n, struct host *h)
{
    if (n->client->conn != 0)
        host_finish(h, n->client->conn);
}
