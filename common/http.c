/*
 * HTTP heads; see http.h.
 *
 * A head ends at its first empty line.  It is read as RFC 9112 has it, less
 * what is obsolete (folded lines), and more leniently only where Gnutella 0.4
 * needs it: lines end in CR LF or LF alone, bytes below a blank (but the tab)
 * are refused, a header is a token and a colon.
 */
#include "common/http.h"

#include <string.h>

#include "common/error.h"

static bool same_word(struct slice s, const char *word)
{
    if (s.len != strlen(word))
        return false;
    for (size_t i = 0; i < s.len; i++)
        if (word_lower((uint8_t)s.at[i]) != word_lower((uint8_t)word[i]))
            return false;
    return true;
}

/* Take a line off the front of `rest`, without its end; false: there is no
   whole line. */
static bool take_line(struct slice *rest, struct slice *line)
{
    const char *end = memchr(rest->at, '\n', rest->len);

    if (end == NULL)
        return false;
    size_t used = (size_t)(end - rest->at) + 1;
    *line = (struct slice){rest->at, used - 1};
    if (line->len > 0 && line->at[line->len - 1] == '\r')
        line->len--;
    *rest = (struct slice){rest->at + used, rest->len - used};
    return true;
}

/* Take what stands in front of `mark` off `rest`, and the mark. */
static bool take_until(struct slice *rest, char mark, struct slice *part)
{
    const char *end = rest->len > 0 ? memchr(rest->at, mark, rest->len) : NULL;

    if (end == NULL)
        return false;
    *part = (struct slice){rest->at, (size_t)(end - rest->at)};
    *rest = (struct slice){end + 1, rest->len - part->len - 1};
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct slice trim(struct slice s)
{
    while (s.len > 0 && is_blank(s.at[0]))
        s = (struct slice){s.at + 1, s.len - 1};
    while (s.len > 0 && is_blank(s.at[s.len - 1]))
        s.len--;
    return s;
}

static bool is_plain(struct slice line)
{
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.at[i] < ' ' && line.at[i] != '\t')
            return false;
    return true;
}

static bool is_version(struct slice s)
{
    return s.len == 8 && memcmp(s.at, "HTTP/1.", 7) == 0 &&
           (s.at[7] == '0' || s.at[7] == '1');
}

static bool read_length(struct slice s, uint64_t *value)
{
    *value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
        *value = *value * 10 + (uint64_t)(s.at[i] - '0');
    }
    return s.len > 0 && s.len <= 18;
}

/* Read the header lines, to the empty one; the same answers as the head. */
static int read_headers(struct http_head *h, struct slice rest)
{
    const char *start = rest.at;
    struct slice line, name;

    while (take_line(&rest, &line)) {
        if (line.len == 0) {
            h->headers = (struct slice){start, (size_t)(line.at - start)};
            return 1;
        }
        if (!is_plain(line) || !take_until(&line, ':', &name) ||
            name.len == 0 || memchr(name.at, ' ', name.len) != NULL)
            return ERR_MALFORMED;
        if (!same_word(name, "content-length"))
            continue;
        if (h->has_length || !read_length(trim(line), &h->content_length))
            return ERR_MALFORMED;
        h->has_length = true;
    }
    return 0;
}

static bool read_request_line(struct http_head *h, struct slice line)
{
    struct slice word;

    if (!take_until(&line, ' ', &h->method) || h->method.len == 0)
        return false;
    /* The version begins behind the last blank: Gnutella 0.4 does not encode
       those of a file's name. */
    h->target = line;
    while (line.len > 0 && take_until(&line, ' ', &word))
        h->target.len = (size_t)(line.at - h->target.at) - 1;
    h->last = is_version(line) && line.at[7] == '0';
    return h->target.len > 0 && line.at != h->target.at && is_version(line);
}

static bool read_status_line(struct http_head *h, struct slice line)
{
    struct slice version;
    uint64_t status;

    /* Gnutella 0.4 wrote "HTTP 200 OK". */
    if (!take_until(&line, ' ', &version) ||
        (!is_version(version) && !slice_is(version, "HTTP")) || line.len < 3 ||
        (line.len > 3 && line.at[3] != ' ') ||
        !read_length((struct slice){line.at, 3}, &status))
        return false;
    h->status = (unsigned)status;
    h->last = version.len < 8 || version.at[7] == '0';
    return status >= 100;
}

static int read_head(struct http_head *h, const uint8_t *data, size_t len,
                     bool (*first)(struct http_head *, struct slice))
{
    size_t seen = len < HTTP_HEAD_MAX ? len : HTTP_HEAD_MAX;
    struct slice rest = {(const char *)data, seen}, line, v;

    *h = (struct http_head){0};
    if (len == 0)
        return 0;
    int more = len >= HTTP_HEAD_MAX ? ERR_LIMIT : 0;
    if (!take_line(&rest, &line))
        return more;
    if (!is_plain(line) || !first(h, line))
        return ERR_MALFORMED;
    int state = rest.len > 0 ? read_headers(h, rest) : 0;
    if (state <= 0)
        return state < 0 ? state : more;
    if (http_header(h, "connection", &v) && v.len > 0)
        h->last = (v.at[0] | 0x20) == 'c';
    const char *end = h->headers.at + h->headers.len;
    end += *end == '\r' ? 2 : 1;
    h->len = (size_t)(end - (const char *)data);
    return (int)h->len;
}

int http_request(struct http_head *h, const uint8_t *data, size_t len)
{
    return read_head(h, data, len, read_request_line);
}

int http_answer(struct http_head *h, const uint8_t *data, size_t len)
{
    return read_head(h, data, len, read_status_line);
}

bool http_header(const struct http_head *h, const char *name,
                 struct slice *value)
{
    struct slice rest = h->headers, line, word;

    while (rest.len > 0 && take_line(&rest, &line)) {
        if (!take_until(&line, ':', &word) || !same_word(word, name))
            continue;
        while (rest.len > 0 && (*rest.at == ' ' || *rest.at == '\t') &&
               take_line(&rest, &word))
            line.len = (size_t)(word.at + word.len - line.at);
        *value = trim(line);
        return true;
    }
    return false;
}

struct slice http_path(struct slice target)
{
    struct slice path;

    return take_until(&target, '?', &path) ? path : target;
}

int http_unescape(struct slice value, bool plus, char *out, size_t room)
{
    size_t len = 0;

    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (plus && c == '+') {
            c = ' ';
        } else if (c == '%') {
            int byte = escaped_byte(value.at + i, value.len - i);
            if (byte < 0)
                return ERR_MALFORMED;
            c = (char)byte;
            i += 2;
        }
        if (len + 1 >= room)
            return ERR_MALFORMED;
        out[len++] = c;
    }
    out[len] = '\0';
    return (int)len;
}

struct slice http_query(struct slice target)
{
    struct slice path;

    return take_until(&target, '?', &path) ? target : (struct slice){"", 0};
}

bool http_next_parameter(struct slice *query, struct slice *name,
                         struct slice *value)
{
    while (query->len > 0) {
        if (!take_until(query, '&', value)) {
            *value = *query;
            query->len = 0;
        }
        if (take_until(value, '=', name))
            return true;
    }
    return false;
}

int http_parameter(struct slice target, const char *name, char *out,
                   size_t room)
{
    struct slice query = http_query(target), word, value;

    while (http_next_parameter(&query, &word, &value))
        if (slice_is(word, name))
            return http_unescape(value, true, out, room);
    return ERR_MALFORMED;
}

/* Describe `part` as text; the field covers up to `end`, its line's end. */
static void describe_part(struct fields *f, const char *name,
                          const uint8_t *data, struct slice part, size_t end)
{
    size_t offset = (size_t)(part.at - (const char *)data);

    if (end == offset)
        return;
    struct field *at = fields_add(f, FIELD_TEXT, name, offset, end - offset);
    at->text = part.at;
    at->text_len = part.len;
}

void http_describe(const uint8_t *data, size_t len, struct fields *f)
{
    struct http_head h;
    bool is_request = http_request(&h, data, len) > 0;

    if (!is_request && http_answer(&h, data, len) <= 0) {
        fields_undecoded(f, 0, len);
        return;
    }
    struct slice rest = {(const char *)data, len}, line = {NULL, 0};
    take_line(&rest, &line);
    f->type = is_request ? "HTTP_REQUEST" : "HTTP_ANSWER";
    describe_part(f, "line", data, line, len - rest.len);
    describe_part(f, "headers", data, h.headers, h.len);
    f->at[f->count - 1].minor = true;
    rest = (struct slice){(const char *)data + h.len, len - h.len};
    describe_part(f, "body", data, rest, len);
}

bool http_range(struct slice s, uint64_t bytes, uint64_t *from, uint64_t *end)
{
    uint64_t last;

    if (!slice_skip(&s, "bytes=") || !slice_number(&s, from) ||
        !slice_skip(&s, "-"))
        return false;
    *end = bytes;
    if (s.len > 0) {
        if (!slice_number(&s, &last) || last < *from)
            return false;
        *end = last < bytes ? last + 1 : bytes;
    }
    return *from < bytes;
}
