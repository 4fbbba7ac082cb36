/* Messages to bytes and back; see wire.h. */
#include "napster/wire.h"

#include <assert.h>
#include <string.h>

#define DIGITS_MAX 18u /* of a number: fits uint64_t */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

int napster_decode(struct napster_msg *m, const uint8_t *data, size_t len)
{
    if (len < 2)
        return 0;
    size_t payload = data[0] | (size_t)data[1] << 8;
    if (payload > PAYLOAD_MAX)
        return ERR_LIMIT;
    if (len < HEADER_BYTES + payload)
        return 0;
    m->type = (uint16_t)(data[2] | data[3] << 8);
    m->bytes = data;
    m->text = (const char *)data + HEADER_BYTES;
    m->len = payload;
    return (int)(HEADER_BYTES + payload);
}

size_t napster_encode(uint8_t *out, uint16_t type, const char *text, size_t len)
{
    len = len < PAYLOAD_MAX ? len : PAYLOAD_MAX;
    out[0] = (uint8_t)len;
    out[1] = (uint8_t)(len >> 8);
    out[2] = (uint8_t)type;
    out[3] = (uint8_t)(type >> 8);
    if (len > 0)
        memcpy(out + HEADER_BYTES, text, len);
    return HEADER_BYTES + len;
}

/* -- Fields -------------------------------------------------------------- */

int napster_next(struct slice *rest, struct slice *field)
{
    const char *s = rest->at, *end = rest->at + rest->len;

    while (s < end && is_blank(*s))
        s++;
    if (s == end)
        return 0;
    bool quoted = *s == '"';
    field->at = s += quoted;
    while (s < end && (quoted ? *s != '"' : !is_blank(*s)))
        s++;
    if (quoted && s == end)
        return ERR_MALFORMED;
    field->len = (size_t)(s - field->at);
    s += quoted;
    *rest = (struct slice){s, (size_t)(end - s)};
    return 1;
}

int napster_split(struct slice text, struct slice *field, int max)
{
    struct slice one;
    int count = 0, more;

    while ((more = napster_next(&text, &one)) > 0)
        if (count++ < max)
            field[count - 1] = one;
    return more < 0 ? more : count;
}

void napster_copy(char *to, size_t room, struct slice s)
{
    size_t len = s.len < room - 1 ? s.len : room - 1;

    if (len > 0)
        memcpy(to, s.at, len);
    to[len] = '\0';
}

bool napster_sendable(struct slice s, bool quoted)
{
    static const char never[] = {'\0', '\r', '\n', '"'};

    for (size_t i = 0; i < s.len; i++)
        if (memchr(never, s.at[i], sizeof never) != NULL ||
            (!quoted && is_blank(s.at[i])))
            return false;
    return quoted || s.len > 0;
}

bool napster_number(struct slice s, uint64_t max, uint64_t *value)
{
    *value = 0;
    if (s.len == 0 || s.len > DIGITS_MAX)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        if (!is_digit((uint8_t)s.at[i]))
            return false;
        *value = *value * 10 + (uint64_t)(s.at[i] - '0');
    }
    return *value <= max;
}

uint32_t napster_ip(uint32_t ip)
{
    return ip >> 24 | (ip >> 8 & 0xff00) | (ip << 8 & 0xff0000) | ip << 24;
}

void napster_hex(const uint8_t md5[MD5_BYTES], char out[2 * MD5_BYTES + 1])
{
    static const char hex[] = "0123456789abcdef";

    for (unsigned i = 0; i < MD5_BYTES; i++) {
        out[2 * i] = hex[md5[i] >> 4];
        out[2 * i + 1] = hex[md5[i] & 15];
    }
    out[2 * MD5_BYTES] = '\0';
}

bool napster_same(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (napster_lower(a.at[i]) != napster_lower(b.at[i]))
            return false;
    return true;
}

struct slice napster_slice(const char *s)
{
    return (struct slice){s, strlen(s)};
}

/* Source: reference, section 5, nick rules of opennap. */
bool napster_nick_ok(struct slice s)
{
    static const char forbidden[] = "%$*?.!\",";
    static const char *const reserved[] = {"operserv", "chanserv", "operator"};

    if (s.len == 0 || s.len > NICK_MAX || s.at[0] == '#' || s.at[0] == '&' ||
        s.at[0] == ':')
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (s.at[i] < '!' || s.at[i] > '~' ||
            memchr(forbidden, s.at[i], sizeof forbidden - 1) != NULL)
            return false;
    for (size_t i = 0; i < sizeof reserved / sizeof *reserved; i++)
        if (napster_same(s, napster_slice(reserved[i])))
            return false;
    return true;
}

/* -- Between clients ----------------------------------------------------- */

static int read_request(struct napster_request *r, const char *s, size_t len)
{
    struct slice rest = {s, len}, number;

    if (napster_next(&rest, &r->nick) <= 0 || r->nick.len > NICK_MAX)
        return r->nick.len > NICK_MAX ? ERR_MALFORMED : 0;
    if (rest.len < 2 || napster_next(&rest, &r->file) <= 0)
        return rest.len > 1 && rest.at[1] != '"' ? ERR_MALFORMED : 0;
    if (r->file.len == 0 || r->file.at[-1] != '"')
        return ERR_MALFORMED;
    if (napster_next(&rest, &number) <= 0)
        return 0;
    if (!napster_number(number, UINT64_MAX, &r->number))
        return ERR_MALFORMED;
    return (int)(number.at + number.len - s);
}

/* SENDLIST nick LF, of which `len` bytes are here.  The SEND of a user LIST has
   a quote where the nick begins: ERR_USAGE. */
static int read_send_list(struct napster_request *r, const char *s, size_t len)
{
    static const char word[] = "SENDLIST ";
    const size_t size = sizeof word - 1;

    if (len <= size || memcmp(s, word, size) != 0 || s[size] == '"')
        return len <= size && memcmp(s, word, len) == 0 ? 0 : ERR_USAGE;
    const char *end = memchr(s + size, '\n', len - size);
    size_t nick = end != NULL ? (size_t)(end - s) - size : len - size;
    r->send = r->list = true;
    r->nick = (struct slice){s + size, nick};
    if (nick > NICK_MAX || (end != NULL && nick == 0))
        return ERR_MALFORMED;
    return end != NULL ? (int)(size + nick + 1) : 0;
}

int napster_request(struct napster_request *r, const uint8_t *data, size_t len)
{
    static const char *const word[] = {"GET", "SEND"};

    *r = (struct napster_request){.send = false};
    if (len == 7 && memcmp(data, "GETLIST", 7) == 0) {
        r->list = true;
        return 7;
    }
    int listed = read_send_list(r, (const char *)data, len);
    if (listed != ERR_USAGE)
        return listed;
    for (int i = 0; i < 2; i++) {
        size_t size = strlen(word[i]);
        if (memcmp(data, word[i], len < size ? len : size) != 0)
            continue;
        if (len <= size)
            return 0;
        r->send = i == 1;
        int used = read_request(r, (const char *)data + size, len - size);
        if (used == 0 && len > REQUEST_MAX)
            return ERR_MALFORMED;
        return used > 0 ? used + (int)size : used;
    }
    return ERR_MALFORMED;
}

/* Decimal digits of a number; how many. */
static size_t digits_of(uint64_t value, char out[20])
{
    size_t count = 0;

    for (uint64_t v = value; count == 0 || v > 0; v /= 10)
        count++;
    for (size_t i = count; i-- > 0; value /= 10)
        out[i] = (char)('0' + value % 10);
    return count;
}

int napster_size(const uint8_t *data, size_t len, uint64_t size,
                 uint64_t offset)
{
    uint64_t either[2] = {size, size - offset};

    assert(offset <= size);
    for (int i = 0; i < 2; i++) {
        char text[20];
        size_t count = digits_of(either[i], text);
        if (memcmp(data, text, len < count ? len : count) == 0)
            return len < count ? 0 : (int)count;
    }
    return ERR_MALFORMED;
}

/* -- Describing ---------------------------------------------------------- */

/* The fields by name; one with a star goes on to the end of the payload. */
static const struct shape {
    uint16_t type;
    const char *name;
    const char *field[10];
} shapes[] = {
    {MSG_ERROR, "ERROR", {"*text"}},
    {MSG_LOGIN, "LOGIN", {"nick", "password", "port", "client", "speed"}},
    {MSG_LOGIN_OK, "LOGIN_OK", {"email"}},
    {MSG_VERSION, "VERSION", {"version"}},
    {MSG_UPGRADE, "UPGRADE", {"version", "host"}},
    {MSG_REGISTER,
     "REGISTER",
     {"nick", "password", "port", "client", "speed", "email"}},
    {MSG_NICK_CHECK, "NICK_CHECK", {"nick"}},
    {MSG_NICK_FREE, "NICK_FREE", {NULL}},
    {MSG_NICK_TAKEN, "NICK_TAKEN", {NULL}},
    {MSG_NICK_BAD, "NICK_BAD", {NULL}},
    {MSG_PASS_CHECK, "PASS_CHECK", {"nick", "password"}},
    {MSG_PASS_OK, "PASS_OK", {NULL}},
    {MSG_SURVEY, "SURVEY", {"*text"}},
    {MSG_SHARE, "SHARE", {"file", "md5", "size", "kbps", "hz", "secs"}},
    {MSG_UNSHARE, "UNSHARE", {"*file"}},
    {MSG_SEARCH, "SEARCH", {"*search"}},
    {MSG_HIT,
     "HIT",
     {"file", "md5", "size", "kbps", "hz", "secs", "nick", "ip", "speed"}},
    {MSG_SEARCH_END, "SEARCH_END", {NULL}},
    {MSG_DOWNLOAD, "DOWNLOAD", {"nick", "file"}},
    {MSG_DOWNLOAD_OK,
     "DOWNLOAD_OK",
     {"nick", "ip", "port", "file", "md5", "speed"}},
    {MSG_PRIVATE, "PRIVATE", {"nick", "*text"}},
    {MSG_NOT_HERE, "NOT_HERE", {"nick", "file"}},
    {MSG_HOTLIST_ADD, "HOTLIST_ADD", {"nick"}},
    {MSG_HOTLIST, "HOTLIST", {"nick"}},
    {MSG_SIGNED_ON, "SIGNED_ON", {"nick", "speed"}},
    {MSG_SIGNED_OFF, "SIGNED_OFF", {"nick"}},
    {MSG_BROWSE, "BROWSE", {"nick", "max"}},
    {MSG_BROWSE_HIT,
     "BROWSE_HIT",
     {"nick", "file", "md5", "size", "kbps", "hz", "secs"}},
    {MSG_BROWSE_END, "BROWSE_END", {"nick", "ip"}},
    {MSG_STATS, "STATS", {"users", "files", "gigabytes"}},
    {MSG_RESUME, "RESUME", {"md5", "size"}},
    {MSG_RESUME_HIT,
     "RESUME_HIT",
     {"nick", "ip", "port", "file", "md5", "size", "speed"}},
    {MSG_RESUME_END, "RESUME_END", {NULL}},
    {MSG_DOWNLOADING, "DOWNLOADING", {NULL}},
    {MSG_DOWNLOADED, "DOWNLOADED", {NULL}},
    {MSG_UPLOADING, "UPLOADING", {NULL}},
    {MSG_UPLOADED, "UPLOADED", {NULL}},
    {MSG_PORT, "PORT", {"port"}},
    {MSG_HOTLIST_OK, "HOTLIST_OK", {"nick"}},
    {MSG_HOTLIST_BAD, "HOTLIST_BAD", {"nick"}},
    {MSG_HOTLIST_REMOVE, "HOTLIST_REMOVE", {"nick"}},
    {MSG_DISCONNECT, "DISCONNECT", {"code"}},
    {MSG_IGNORE_LIST, "IGNORE_LIST", {"count"}},
    {MSG_IGNORED, "IGNORED", {"nick"}},
    {MSG_IGNORE, "IGNORE", {"nick"}},
    {MSG_IGNORE_REMOVE, "IGNORE_REMOVE", {"nick"}},
    {MSG_IGNORED_NOT, "IGNORED_NOT", {"nick"}},
    {MSG_IGNORED_YET, "IGNORED_YET", {"nick"}},
    {MSG_IGNORE_CLEAR, "IGNORE_CLEAR", {"count"}},
    {MSG_JOIN, "JOIN", {"channel"}},
    {MSG_PART, "PART", {"channel"}},
    {MSG_SAY, "SAY", {"channel", "*text"}},
    {MSG_SAID, "SAID", {"channel", "nick", "*text"}},
    {MSG_NOTICE, "NOTICE", {"*text"}},
    {MSG_JOINED, "JOINED", {"channel"}},
    {MSG_CHANNEL_JOIN, "CHANNEL_JOIN", {"channel", "nick", "shared", "speed"}},
    {MSG_CHANNEL_PART, "CHANNEL_PART", {"channel", "nick", "shared", "speed"}},
    {MSG_MEMBER, "MEMBER", {"channel", "nick", "shared", "speed"}},
    {MSG_MEMBERS_END, "MEMBERS_END", {"channel"}},
    {MSG_TOPIC, "TOPIC", {"channel", "*topic"}},
    {MSG_PUSH, "PUSH", {"nick", "file"}},
    {MSG_PUSH_TO, "PUSH_TO", {"nick", "ip", "port", "file", "md5", "speed"}},
    {MSG_SPEED, "SPEED", {"nick"}},
    {MSG_SPEED_IS, "SPEED_IS", {"nick", "speed"}},
    {MSG_WHOIS, "WHOIS", {"nick"}},
    {MSG_WHOIS_IS,
     "WHOIS_IS",
     {"nick", "level", "secs", "channels", "status", "shared", "down", "up",
      "speed"}},
    {MSG_WHOWAS, "WHOWAS", {"nick", "level", "lastseen"}},
    {MSG_UPLOAD_ASK, "UPLOAD_ASK", {"nick", "file", "speed"}},
    {MSG_UPLOAD_OK, "UPLOAD_OK", {"nick", "file"}},
    {MSG_UPLOAD_NO, "UPLOAD_NO", {"nick", "file"}},
    {MSG_CHANNELS, "CHANNELS", {NULL}},
    {MSG_CHANNEL, "CHANNEL", {"channel", "users", "*topic"}},
    {MSG_QUEUE_LIMIT, "QUEUE_LIMIT", {"nick", "file", "limit"}},
    {MSG_QUEUED, "QUEUED", {"nick", "file", "size", "limit"}},
    {MSG_MOTD, "MOTD", {"*text"}},
    {MSG_PORT_ERROR, "PORT_ERROR", {"nick"}},
    {MSG_BROWSE_DIRECT, "BROWSE_DIRECT", {"nick", "ip", "port"}},
    {MSG_BROWSE_ACCEPT, "BROWSE_ACCEPT", {"nick", "ip", "port"}},
    {MSG_BROWSE_ERROR, "BROWSE_ERROR", {"nick", "text"}},
    {MSG_SET_SPEED, "SET_SPEED", {"speed"}},
    {MSG_SET_PASSWORD, "SET_PASSWORD", {"password"}},
    {MSG_SET_EMAIL, "SET_EMAIL", {"email"}},
    {MSG_SET_PORT, "SET_PORT", {"port"}},
    {MSG_GHOST, "GHOST", {NULL}},
    {MSG_SERVER_PING, "SERVER_PING", {NULL}},
    {MSG_PING, "PING", {"nick"}},
    {MSG_PONG, "PONG", {"nick"}},
    {MSG_EMOTE, "EMOTE", {"channel", "*text"}},
    {MSG_SHARE_DIR, "SHARE_DIR", {"dir", "base", "md5", "size", "kbps"}},
    {MSG_SHARE_TYPED, "SHARE_TYPED", {"file", "size", "hash", "media"}}};

static void add_text(struct fields *f, const char *name, size_t from,
                     size_t end, struct slice text)
{
    struct field *one = fields_add(f, FIELD_TEXT, name, from, end - from);

    one->text = text.at;
    one->text_len = text.len;
}

/* Each field with the blanks and quotes around it, so that all is covered. */
static void describe_fields(struct fields *f, const struct shape *shape,
                            const uint8_t *data, size_t from, size_t len)
{
    const char *base = (const char *)data;
    size_t at = from;
    int i = 0;

    for (; i < 10 && shape != NULL && shape->field[i] != NULL; i++) {
        struct slice rest = {base + at, len - at}, one = rest;
        bool last = shape->field[i][0] == '*';
        if (at == len || (!last && napster_next(&rest, &one) <= 0))
            break;
        if (last) {
            one.at += i > 0;
            one.len -= i > 0;
        }
        size_t end = last ? len : (size_t)(rest.at - base);
        add_text(f, shape->field[i] + last, at, end, one);
        at = end;
    }
    if (at < len)
        add_text(f, "more", at, len, (struct slice){base + at, len - at});
}

static void describe_message(struct fields *f, const uint8_t *data, size_t len)
{
    const struct shape *shape = NULL;
    struct napster_msg m = {.type = 0};

    if (napster_decode(&m, data, len) != (int)len) {
        fields_undecoded(f, 0, len);
        return;
    }
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++)
        if (shapes[i].type == m.type)
            shape = &shapes[i];
    f->type = shape != NULL ? shape->name : "OTHER";
    struct field *one = fields_add(f, FIELD_NUMBER, "length", 0, 2);
    one->number = m.len;
    one->minor = true;
    one = fields_add(f, FIELD_NUMBER, "type", 2, 2);
    one->number = m.type;
    one->minor = shape != NULL;
    describe_fields(f, shape, data, HEADER_BYTES, len);
}

static void describe_peer(struct fields *f, const uint8_t *data, size_t len)
{
    static const struct shape requests[] = {
        {0, "GET", {"nick", "file", "offset"}},
        {0, "SEND", {"nick", "file", "size"}},
        {0, "GETLIST", {NULL}},
        {0, "SENDLIST", {"nick"}}};
    struct slice all = {(const char *)data, len};
    struct napster_request r;
    uint64_t number;

    if (len > 0 && napster_request(&r, data, len) == (int)len) {
        const struct shape *shape = &requests[r.send + 2 * r.list];
        size_t word = strlen(shape->name);
        f->type = shape->name;
        add_text(f, "word", 0, word, (struct slice){all.at, word});
        f->at[f->count - 1].minor = true;
        describe_fields(f, shape, data, word, len);
    } else if (len == 1 && data[0] == '1') {
        f->type = "ONE";
        add_text(f, "one", 0, len, all);
    } else if (napster_number(all, UINT64_MAX, &number)) {
        f->type = "NUMBER"; /* the size of a file, or an offset in it */
        fields_add(f, FIELD_NUMBER, "bytes", 0, len)->number = number;
    } else {
        f->type = "TEXT"; /* an error; a metaserver's line */
        add_text(f, "text", 0, len, all);
    }
}

void napster_describe(const struct framing *framing, const uint8_t *data,
                      size_t len, struct fields *f)
{
    switch (framing->phase) {
    case PHASE_MESSAGES:
        describe_message(f, data, len);
        break;
    case PHASE_HANDSHAKE:
        describe_peer(f, data, len);
        break;
    case PHASE_BULK:
        fields_bulk(f, data, len);
        break;
    case PHASE_DATAGRAM:
    case PHASE_HTTP:
        fields_undecoded(f, 0, len);
        break;
    }
}
