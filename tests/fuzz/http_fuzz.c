/* Any bytes as an HTTP message: heads stay inside of it, and its fields
   cover it. */
#include "common/http.h"

#include "common/error.h"
#include "tests/described.h"
#include "tests/fuzz/fuzz.h"

static void must_be_inside(struct slice s, const uint8_t *data, size_t len)
{
    const char *start = (const char *)data;

    MUST(s.len == 0 || (s.at >= start && s.at + s.len <= start + len));
}

static void ask(const struct http_head *h, const uint8_t *data, size_t len)
{
    struct slice value;
    char out[32];

    MUST(h->len <= len && h->len <= HTTP_HEAD_MAX);
    must_be_inside(h->method, data, h->len);
    must_be_inside(h->target, data, h->len);
    must_be_inside(h->headers, data, h->len);
    if (http_header(h, "Content-Length", &value))
        must_be_inside(value, data, h->len);
    (void)http_path(h->target);
    int n = http_parameter(h->target, "addr", out, sizeof out);
    MUST(n < (int)sizeof out);
    if (n >= 0)
        MUST(out[n] == '\0');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct http_head h;
    struct fields f = fields_new();

    if (http_request(&h, data, len) > 0)
        ask(&h, data, len);
    if (http_answer(&h, data, len) > 0)
        ask(&h, data, len);
    http_describe(data, len, &f);
    MUST(f.lost > 0 || fields_cover(&f, len));
    fields_free(&f);
    return 0;
}
