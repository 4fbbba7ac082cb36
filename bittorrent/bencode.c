/*
 * Bencode; see bencode.h.
 *
 * read_token takes one token, a string, an integer, or the letter that begins
 * or ends a container; bencode_read counts them up to the end of a value, with
 * a stack of what is open instead of recursion, so a message of a million 'l'
 * costs no more than BENCODE_DEPTH_MAX steps.
 */
#include "bittorrent/bencode.h"

#include <assert.h>
#include <string.h>

#include "bittorrent/limits.h"
#include "common/codec.h"

/* Read decimal digits up to `end_mark` at data[*at]; canonical: no sign, no
   leading zero.  1, 0 for more, or an error. */
static int read_digits(const uint8_t *data, size_t len, size_t *at,
                       uint8_t end_mark, uint64_t *value)
{
    size_t start = *at;

    *value = 0;
    for (; *at < len && data[*at] >= '0' && data[*at] <= '9'; (*at)++) {
        if (*at > start && data[start] == '0')
            return ERR_MALFORMED;
        if (*value > (UINT64_MAX - 9) / 10)
            return ERR_LIMIT;
        *value = *value * 10 + (uint64_t)(data[*at] - '0');
    }
    if (*at == len)
        return 0;
    if (*at == start || data[*at] != end_mark)
        return ERR_MALFORMED;
    (*at)++;
    return 1;
}

/* "i-12e", from behind the i. */
static int read_integer(struct bencode *v, const uint8_t *data, size_t len,
                        size_t *at)
{
    bool minus = *at < len && data[*at] == '-';
    uint64_t size;

    *at += minus;
    int got = read_digits(data, len, at, 'e', &size);
    if (got <= 0)
        return got;
    if (minus && size == 0)
        return ERR_MALFORMED; /* i-0e */
    if (size > (uint64_t)INT64_MAX + minus)
        return ERR_LIMIT;
    v->kind = BENCODE_INTEGER;
    v->number = minus ? -(int64_t)(size - 1) - 1 : (int64_t)size;
    return 1;
}

/* "4:spam". */
static int read_string(struct bencode *v, const uint8_t *data, size_t len,
                       size_t *at)
{
    uint64_t bytes;
    int got = read_digits(data, len, at, ':', &bytes);

    if (got <= 0)
        return got;
    if (bytes > len - *at) /* before anything is added to the cursor */
        return bytes > BENCODE_BYTES_MAX ? ERR_LIMIT : 0;
    v->kind = BENCODE_STRING;
    v->text = data + *at;
    v->text_len = (size_t)bytes;
    *at += (size_t)bytes;
    return 1;
}

/* One token at data[*at]; *closes: it was the e that ends a container. */
static int read_token(struct bencode *v, const uint8_t *data, size_t len,
                      size_t *at, bool *closes)
{
    *v = (struct bencode){.at = data + *at};
    *closes = false;
    if (*at >= len)
        return 0;
    switch (data[*at]) {
    case 'i':
        (*at)++;
        return read_integer(v, data, len, at);
    case 'l':
    case 'd':
        v->kind = data[(*at)++] == 'l' ? BENCODE_LIST : BENCODE_DICT;
        return 1;
    case 'e':
        *closes = true;
        (*at)++;
        return 1;
    default:
        return read_string(v, data, len, at);
    }
}

/* Raw bytes, the shorter of two first where one begins the other. */
static int compare(const struct bencode *a, const struct bencode *b)
{
    size_t n = a->text_len < b->text_len ? a->text_len : b->text_len;
    int order = n > 0 ? memcmp(a->text, b->text, n) : 0;

    if (order != 0)
        return order;
    return (a->text_len > b->text_len) - (a->text_len < b->text_len);
}

/* A container that is open while a value is checked. */
struct open {
    bool dict, want_value; /* the key has been read */
    struct bencode last;   /* the key read last; kind NONE: none yet */
};

/* Take note of a token inside `o`; false when it may not stand there. */
static bool admit(struct open *o, const struct bencode *token,
                  enum bencode_mode mode)
{
    if (!o->dict)
        return true;
    if (o->want_value) {
        o->want_value = false;
        return true;
    }
    if (token->kind != BENCODE_STRING)
        return false;
    if (mode == BENCODE_STRICT && o->last.kind != BENCODE_NONE &&
        compare(&o->last, token) >= 0)
        return false;
    o->last = *token;
    o->want_value = true;
    return true;
}

int64_t bencode_read(struct bencode *v, const uint8_t *data, size_t len,
                     enum bencode_mode mode)
{
    struct open open[BENCODE_DEPTH_MAX];
    struct bencode token;
    size_t at = 0, depth = 0;
    bool closes;

    *v = (struct bencode){0};
    do {
        int got = read_token(&token, data, len, &at, &closes);
        if (got <= 0)
            return got;
        if (closes) {
            if (depth == 0 || open[depth - 1].want_value)
                return ERR_MALFORMED;
            depth--;
            continue;
        }
        if (v->kind == BENCODE_NONE)
            *v = token;
        if (depth > 0 && !admit(&open[depth - 1], &token, mode))
            return ERR_MALFORMED;
        if (token.kind == BENCODE_LIST || token.kind == BENCODE_DICT) {
            if (depth == BENCODE_DEPTH_MAX)
                return ERR_LIMIT;
            open[depth++] = (struct open){.dict = token.kind == BENCODE_DICT};
        }
    } while (depth > 0);
    v->len = at;
    return (int64_t)at;
}

struct bencode_walk bencode_walk(const struct bencode *v)
{
    if (v->kind != BENCODE_LIST && v->kind != BENCODE_DICT)
        return (struct bencode_walk){NULL, NULL, false};
    return (struct bencode_walk){v->at + 1, v->at + v->len - 1,
                                 v->kind == BENCODE_DICT};
}

/* One value of what was checked already. */
static void take(struct bencode_walk *w, struct bencode *v)
{
    int64_t used =
        bencode_read(v, w->at, (size_t)(w->end - w->at), BENCODE_LOOSE);

    assert(used > 0); /* bencode_read has seen all of it */
    w->at += used;
}

bool bencode_next(struct bencode_walk *w, struct bencode *key,
                  struct bencode *value)
{
    struct bencode unused;

    if (w->at == w->end)
        return false;
    if (w->keys)
        take(w, key != NULL ? key : &unused);
    take(w, value);
    return true;
}

bool bencode_is(const struct bencode *v, const char *text)
{
    return v->kind == BENCODE_STRING && v->text_len == strlen(text) &&
           memcmp(v->text, text, v->text_len) == 0;
}

bool bencode_find(const struct bencode *dict, const char *key,
                  enum bencode_kind kind, struct bencode *value)
{
    struct bencode_walk w = bencode_walk(dict);
    struct bencode k;

    while (w.keys && bencode_next(&w, &k, value))
        if (bencode_is(&k, key)) {
            if (value->kind == kind)
                return true;
            break;
        }
    *value = (struct bencode){0};
    return false;
}

int64_t bencode_number(const struct bencode *dict, const char *key,
                       int64_t otherwise)
{
    struct bencode v;

    return bencode_find(dict, key, BENCODE_INTEGER, &v) ? v.number : otherwise;
}

/* -- Writing ------------------------------------------------------------- */

void bencode_put_raw(struct bencode_writer *w, const void *data, size_t len)
{
    if (w->bad || len > w->room - w->at) {
        w->bad = true;
        return;
    }
    if (len > 0)
        memcpy(w->out + w->at, data, len);
    w->at += len;
}

/* Decimal digits between two marks; 0 marks nothing. */
static void put_digits(struct bencode_writer *w, const char *before,
                       uint64_t value, char after)
{
    char digit[20];
    size_t at = sizeof digit;

    do {
        digit[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    bencode_put_raw(w, before, strlen(before));
    bencode_put_raw(w, digit + at, sizeof digit - at);
    bencode_put_raw(w, &after, 1);
}

void bencode_put_bytes(struct bencode_writer *w, const void *data, size_t len)
{
    put_digits(w, "", len, ':');
    bencode_put_raw(w, data, len);
}

void bencode_put_text(struct bencode_writer *w, const char *text)
{
    bencode_put_bytes(w, text, strlen(text));
}

void bencode_put_number(struct bencode_writer *w, int64_t number)
{
    if (number < 0)
        put_digits(w, "i-", (uint64_t) - (number + 1) + 1, 'e');
    else
        put_digits(w, "i", (uint64_t)number, 'e');
}

void bencode_put_dict(struct bencode_writer *w)
{
    bencode_put_raw(w, "d", 1);
}

void bencode_put_list(struct bencode_writer *w)
{
    bencode_put_raw(w, "l", 1);
}

void bencode_put_end(struct bencode_writer *w)
{
    bencode_put_raw(w, "e", 1);
}

/* -- Describing ---------------------------------------------------------- */

#define NODE_BYTES 26 /* [bep5] compact node info */

static bool printable(const struct bencode *v)
{
    for (size_t i = 0; i < v->text_len; i++)
        if (v->text[i] < ' ' || v->text[i] > '~')
            return false;
    return true;
}

/* A string of compact peers or nodes: its length, then one by one. */
static void add_compact(struct fields *f, const struct bencode_name *n,
                        size_t from, size_t to, const struct bencode *v)
{
    struct codec c = codec_describer(v->text, v->text_len, NULL);
    size_t text_at = to - v->text_len;
    struct addr addr;
    struct id id;

    fields_add(f, FIELD_BYTES, "length", from, text_at - from)->minor = true;
    fields_begin(f, FIELD_LIST, n->name);
    f->at[f->count - 1].minor = n->minor;
    while (c.at < c.len) {
        size_t at = text_at + c.at;
        if (n->form == FORM_NODE) {
            fields_begin(f, FIELD_GROUP, "");
            code_id(&c, "id", &id, ID_BITS_MAX);
            struct field *leaf = fields_add(f, FIELD_ID, "id", at, 20);
            leaf->id = id;
            leaf->id_bits = ID_BITS_MAX;
            leaf->minor = true;
            at += 20;
        }
        code_addr(&c, "node", &addr);
        struct field *leaf =
            fields_add(f, FIELD_NODE, n->form == FORM_NODE ? "node" : "", at,
                       COMPACT_BYTES);
        leaf->addr = addr;
        leaf->minor = n->minor;
        if (n->form == FORM_NODE)
            fields_end(f);
    }
    fields_end(f);
}

/* A leaf for one token, from where its key begins. */
static void add_leaf(struct fields *f, const struct bencode_name *n,
                     size_t from, size_t to, const struct bencode *v)
{
    bool string = v->kind == BENCODE_STRING;
    size_t step = n->form == FORM_NODE ? NODE_BYTES : COMPACT_BYTES;

    if (string && v->text_len > 0 && v->text_len % step == 0 &&
        (n->form == FORM_NODE || n->form == FORM_PEERS)) {
        add_compact(f, n, from, to, v);
        return;
    }
    bool is_id = string && n->form == FORM_ID && v->text_len == ID_BYTES_MAX;
    struct field *leaf = fields_add(f,
                                    !string        ? FIELD_NUMBER
                                    : is_id        ? FIELD_ID
                                    : printable(v) ? FIELD_TEXT
                                                   : FIELD_BYTES,
                                    n->name, from, to - from);
    leaf->minor = n->minor;
    if (is_id) {
        (void)id_read(&leaf->id, ID_BITS_MAX, v->text);
        leaf->id_bits = ID_BITS_MAX;
    } else if (string) {
        leaf->text = (const char *)v->text;
        leaf->text_len = v->text_len;
    } else if (v->number >= 0) {
        leaf->number = (uint64_t)v->number;
    } else { /* fields have no signed numbers: show it as it stands */
        leaf->kind = FIELD_TEXT;
        leaf->text = (const char *)v->at + 1;
        leaf->text_len = v->len - 2;
    }
}

/* The d, l or e of a container, with the key in front of it. */
static void add_mark(struct fields *f, const char *name, size_t from, size_t to)
{
    fields_add(f, FIELD_BYTES, name, from, to - from)->minor = true;
}

static const struct bencode_name *name_of(const struct bencode_name *names,
                                          const struct bencode *key)
{
    for (; names->key != NULL; names++)
        if (bencode_is(key, names->key))
            return names;
    return NULL;
}

size_t bencode_describe(struct fields *f, const uint8_t *data, size_t offset,
                        size_t len, const struct bencode_name *names)
{
    struct bencode whole, token;
    /* What each open container is: a dictionary, of elements of a form; and
       whether it shows as a group of its own. */
    struct {
        bool dict, group;
        enum bencode_form form;
    } open[BENCODE_DEPTH_MAX] = {{.dict = false}};
    struct bencode_name n = {.name = "value"};
    bool have_key = false, closes;
    size_t depth = 0, at = offset, from = offset;

    if (bencode_read(&whole, data + offset, len - offset, BENCODE_LOOSE) <= 0)
        return 0;
    do {
        (void)read_token(&token, data, len, &at, &closes);
        token.len = at - (size_t)(token.at - data);
        bool in_dict = depth > 0 && open[depth - 1].dict;
        if (closes) {
            add_mark(f, "end", from, at);
            if (open[--depth].group)
                fields_end(f);
        } else if (in_dict && !have_key) {
            const struct bencode_name *known = name_of(names, &token);
            have_key = true;
            if (known != NULL) { /* the value's field covers its key */
                n = *known;
                continue;
            }
            n = (struct bencode_name){.name = "key"};
            add_leaf(f, &n, from, at, &token);
            n.name = "value";
        } else {
            if (depth > 0 && !in_dict)
                n = (struct bencode_name){.name = "",
                                          .form = open[depth - 1].form};
            have_key = false;
            if (token.kind == BENCODE_LIST || token.kind == BENCODE_DICT) {
                bool dict = token.kind == BENCODE_DICT;
                open[depth].dict = dict;
                open[depth].group = !dict || (depth > 0 && !in_dict);
                open[depth].form = n.form;
                if (open[depth++].group)
                    fields_begin(f, dict ? FIELD_GROUP : FIELD_LIST, n.name);
                add_mark(f, "begin", from, at);
            } else {
                add_leaf(f, &n, from, at, &token);
            }
        }
        from = at;
    } while (depth > 0);
    return at - offset;
}
