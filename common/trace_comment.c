/*
 * The comments of our traces; see trace_comment.h.
 *
 * Reading never fails: a word that is not known is skipped, a value that
 * cannot be read is zero.  What a comment says is no more to be trusted than
 * the packet it stands on.
 */
#include "common/trace_comment.h"

#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/trace_format.h"

/* -- Writing --------------------------------------------------------------- */

/* With what would break the comment as %XX. */
static void put_escaped(struct text *t, const char *s, size_t len, bool word)
{
    for (size_t i = 0; i < len; i++)
        if (s[i] < ' ' || s[i] > '~' || s[i] == '%' || (word && s[i] == ' '))
            text_printf(t, "%%%02X", (unsigned)(unsigned char)s[i]);
        else
            text_char(t, s[i]);
}

static void put_word(struct text *t, const char *key, const char *value)
{
    text_printf(t, " %s=", key);
    put_escaped(t, value, strlen(value), true);
}

static void put_rest(struct text *t, const char *key, const char *value)
{
    text_printf(t, " %s=", key);
    put_escaped(t, value, strlen(value), false);
}

static void put_number(struct text *t, const char *key, uint64_t value)
{
    if (value != 0)
        text_printf(t, " %s=%llu", key, (unsigned long long)value);
}

static void put_addr(struct text *t, const char *key, struct addr addr)
{
    text_printf(t, " %s=", key);
    addr_text(t, addr);
}

void comment_section(struct text *t, const struct trace_source *source)
{
    text_add(t, "program=");
    put_escaped(t, source->program, strlen(source->program), true);
    text_printf(t, " seed=%llu epoch=%llu", (unsigned long long)source->seed,
                (unsigned long long)source->epoch_us);
    put_rest(t, "scenario", source->scenario != NULL ? source->scenario : "");
}

void comment_message(struct text *t, const struct record *r)
{
    text_printf(t, "event=%llu sent=", (unsigned long long)r->step);
    text_seconds(t, r->sent_us);
    put_number(t, "cause", r->cause);
    put_number(t, "id", r->command);
    if (r->from.name != NULL)
        put_word(t, "from", r->from.name);
    if (r->to.name != NULL)
        put_word(t, "to", r->to.name);
    if (r->framing.phase != PHASE_DATAGRAM)
        put_word(t, "phase", trace_phase[r->framing.phase]);
    if (r->stream) {
        put_number(t, "conn", r->conn);
        put_addr(t, "opener",
                 r->framing.from_opener ? r->from.addr : r->to.addr);
    }
    put_number(t, "opened", r->framing.from_opener);
    put_number(t, "out", r->outgoing);
    if (r->why != NULL)
        put_rest(t, "why", r->why);
}

/* A line a field: as many blanks as it is deep and one more, kind, name
   ("-" for none) and value. */
static void put_fields(struct text *t, const struct fields *f)
{
    LOCAL_TEXT value = text_new();

    for (size_t i = 0; i < f->count; i++) {
        const struct field *field = &f->at[i];
        text_char(t, '\n');
        text_repeat(t, ' ', (size_t)field->depth + 1);
        text_add(t, trace_field_kind[field->kind]);
        if (field->kind == FIELD_ID)
            text_u64(t, field->id_bits);
        text_char(t, ' ');
        put_escaped(t, field->name[0] != '\0' ? field->name : "-",
                    field->name[0] != '\0' ? strlen(field->name) : 1, true);
        text_char(t, ' ');
        text_clear(&value);
        if (field->kind == FIELD_TEXT) {
            put_escaped(t, field->text, field->text_len, false);
        } else {
            field_value(&value, field, NULL);
            put_escaped(t, value.data, value.len, false);
        }
    }
}

void comment_event(struct text *t, const struct record *r)
{
    text_printf(t, "event=%llu time=", (unsigned long long)r->step);
    text_seconds(t, r->time_us);
    if (!addr_none(r->to.addr))
        put_addr(t, "at", r->to.addr);
    if (r->to.name != NULL)
        put_word(t, "node", r->to.name);
    put_number(t, "cause", r->cause);
    put_number(t, "id", r->command);
    if (r->kind == RECORD_STREAM) {
        put_number(t, "conn", r->conn);
        put_addr(t, "peer", r->from.addr);
        if (r->from.name != NULL)
            put_word(t, "from", r->from.name);
    }
    if (r->kind == RECORD_RESULT)
        put_word(t, "ok", r->ok ? "yes" : "no");
    put_rest(t, record_kind_name[r->kind], r->text != NULL ? r->text : "");
    if (r->kind == RECORD_RESULT && r->fields != NULL)
        put_fields(t, r->fields);
}

/* -- Reading --------------------------------------------------------------- */

/* Copy for functions that take strings; "" when it is too long. */
static const char *span_string(struct slice s, char *out, size_t room_len)
{
    size_t len = s.len < room_len ? s.len : 0;

    memcpy(out, s.at, len);
    out[len] = '\0';
    return out;
}

static uint64_t span_number(struct slice s)
{
    uint64_t v = 0;

    for (size_t i = 0; i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++)
        v = v * 10 + (uint64_t)(s.at[i] - '0');
    return v;
}

/* "1.034567" in microseconds. */
static uint64_t span_seconds(struct slice s)
{
    const char *dot = s.len > 0 ? memchr(s.at, '.', s.len) : NULL;
    uint64_t us = span_number(s) * 1000000, unit = 100000;

    for (size_t i = dot != NULL ? (size_t)(dot - s.at) + 1 : s.len;
         i < s.len && s.at[i] >= '0' && s.at[i] <= '9'; i++) {
        us += unit * (uint64_t)(s.at[i] - '0');
        unit /= 10;
    }
    return us;
}

static struct addr span_addr(struct slice s)
{
    char string[32];
    struct addr a;

    return addr_parse(&a, span_string(s, string, sizeof string))
               ? a
               : (struct addr){0, 0};
}

/* A string of the store, %XX decoded; its length goes to *len unless NULL. */
static const char *store_span(struct store *store, struct slice s, size_t *len)
{
    char *out = store_bytes(store, s.len + 1);
    size_t n = 0;

    if (len != NULL)
        *len = 0;
    if (out == NULL)
        return "";
    for (size_t i = 0; i < s.len; i++) {
        int byte = escaped_byte(s.at + i, s.len - i);
        out[n++] = byte >= 0 ? (char)byte : s.at[i];
        i += byte >= 0 ? 2 : 0;
    }
    out[n] = '\0';
    if (len != NULL)
        *len = n;
    return out;
}

/* The same for names, which are printed as they are: what is not printable
   becomes '.'. */
static const char *store_name(struct store *store, struct slice s)
{
    LOCAL_TEXT safe = text_new();
    size_t len = 0;
    const char *name = store_span(store, s, &len);

    text_safe(&safe, name, len);
    char *out = store_bytes(store, safe.len + 1);
    if (out != NULL)
        memcpy(out, safe.data, safe.len + 1);
    return out != NULL ? out : "";
}

/* Take the bytes up to `stop`, and `stop` itself, from the front of *s. */
static struct slice take(struct slice *s, char stop)
{
    const char *end = s->len > 0 ? memchr(s->at, stop, s->len) : NULL;
    struct slice front = {s->at, end != NULL ? (size_t)(end - s->at) : s->len};
    size_t used = end != NULL ? front.len + 1 : front.len;

    s->at += used;
    s->len -= used;
    return front;
}

/* Take one `key=value` from the front of a comment; false at its end.  Keys
   whose value is the rest of the line are `why`, `scenario` and the kinds. */
static bool take_pair(struct slice *s, struct slice *key, struct slice *value,
                      int *kind)
{
    while (s->len > 0 && (s->at[0] == ' ' || s->at[0] == '\n'))
        take(s, s->at[0]);
    if (s->len == 0)
        return false;
    *key = take(s, '=');
    *kind = -1;
    for (int i = RECORD_START; i <= RECORD_RESULT; i++)
        if (i != RECORD_MESSAGE && slice_is(*key, record_kind_name[i]))
            *kind = i;
    bool rest =
        *kind >= 0 || slice_is(*key, "why") || slice_is(*key, "scenario");
    *value = take(s, rest ? '\n' : ' ');
    return true;
}

static unsigned index_of(struct slice s, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (slice_is(s, words[i]))
            return (unsigned)i;
    return 0;
}

/* Fill in one field of a result from its value as text. */
static bool set_field(struct store *store, struct field *f, struct slice value)
{
    char string[128];
    size_t len;
    const char *s = span_string(value, string, sizeof string);

    switch (f->kind) {
    case FIELD_GROUP:
    case FIELD_LIST:
        return true;
    case FIELD_NUMBER:
        f->number = span_number(value);
        return true;
    case FIELD_BOOL:
        f->number = slice_is(value, "yes");
        return true;
    case FIELD_TIME:
        f->number = span_seconds(value);
        return true;
    case FIELD_HEX:
        f->number = strtoull(s, NULL, 16);
        return true;
    case FIELD_TEXT:
        f->text = store_span(store, value, &len);
        f->text_len = len;
        return true;
    case FIELD_BYTES: { /* printed as hex, so read as hex */
        char *out = store_bytes(store, value.len / 2 + 1);
        for (size_t i = 0; out != NULL && i + 1 < value.len; i += 2) {
            char pair[3] = {value.at[i], value.at[i + 1], '\0'};
            out[i / 2] = (char)strtoul(pair, NULL, 16);
        }
        f->text = out;
        f->text_len = out != NULL ? value.len / 2 : 0;
        return true;
    }
    case FIELD_NODE:
        f->addr = span_addr(value);
        return true;
    case FIELD_ID:
        return f->id_bits >> 8 <= 4 && ID_PLAIN_BITS(f->id_bits) >= 1 &&
               ID_PLAIN_BITS(f->id_bits) <= ID_BITS_MAX &&
               id_parse(&f->id, f->id_bits, s);
    }
    return false;
}

/* One line of a result's fields: blanks for its depth, kind, name, value. */
static void add_field(struct store *store, struct fields *f, struct slice line)
{
    unsigned depth = 0, bits = 0;
    size_t kinds = sizeof trace_field_kind / sizeof trace_field_kind[0];

    for (take(&line, ' '); line.len > 0 && line.at[0] == ' '; depth++)
        take(&line, ' ');
    struct slice kind = take(&line, ' '), name = take(&line, ' ');
    if (kind.len > 2 && memcmp(kind.at, "id", 2) == 0) {
        bits = (unsigned)span_number((struct slice){kind.at + 2, kind.len - 2});
        kind.len = 2;
    }
    /* A field lies one deeper than the one before only inside a group. */
    const struct field *last = f->count > 0 ? &f->at[f->count - 1] : NULL;
    unsigned deepest = last == NULL ? 0 : last->depth;
    if (last != NULL && deepest < UINT8_MAX &&
        (last->kind == FIELD_GROUP || last->kind == FIELD_LIST))
        deepest++;
    f->depth = depth < deepest ? depth : deepest;
    const char *stored = slice_is(name, "-") ? "" : store_name(store, name);
    struct field *field =
        fields_add(f, (enum field_kind)index_of(kind, trace_field_kind, kinds),
                   stored, 0, 0);
    field->id_bits = bits;
    if (!set_field(store, field, line)) {
        field->kind = FIELD_TEXT; /* shown as it stands */
        field->text = store_span(store, line, &field->text_len);
    }
}

/* The fields of a result; they live as long as the trace. */
static const struct fields *read_fields(struct store *store, struct slice lines)
{
    struct fields *f = store_fields(store);

    while (f != NULL && lines.len > 0)
        add_field(store, f, take(&lines, '\n'));
    if (f != NULL)
        f->depth = 0;
    return f;
}

/* One word of a section's comment. */
static void set_section_word(struct store *store, struct comment *c,
                             struct slice key, struct slice value)
{
    if (slice_is(key, "epoch")) {
        c->source.epoch_us = span_number(value);
        c->has_epoch = true;
    } else if (slice_is(key, "program")) {
        c->source.program = store_span(store, value, NULL);
    } else if (slice_is(key, "scenario")) {
        c->source.scenario = store_span(store, value, NULL);
    } else if (slice_is(key, "seed")) {
        c->source.seed = span_number(value);
    }
}

/* One word of a comment. */
static void set_word(struct store *store, struct comment *c, struct slice key,
                     struct slice value)
{
    struct record *r = &c->r;

    if (slice_is(key, "event")) {
        c->has_event = true;
        r->step = span_number(value);
    } else if (slice_is(key, "sent")) {
        r->sent_us = span_seconds(value);
        c->is_timed = true;
    } else if (slice_is(key, "time")) {
        r->time_us = span_seconds(value);
        c->is_timed = true;
    } else if (slice_is(key, "cause")) {
        r->cause = span_number(value);
    } else if (slice_is(key, "id")) {
        r->command = (uint32_t)span_number(value);
    } else if (slice_is(key, "from")) {
        c->from_name = store_name(store, value);
    } else if (slice_is(key, "to") || slice_is(key, "node")) {
        c->to_name = store_name(store, value);
    } else if (slice_is(key, "at")) {
        r->to.addr = span_addr(value);
    } else if (slice_is(key, "peer")) {
        r->from.addr = span_addr(value);
    } else if (slice_is(key, "phase")) {
        r->framing.phase = (enum phase)index_of(value, trace_phase, 5);
    } else if (slice_is(key, "conn")) {
        r->conn = (conn_id)span_number(value);
    } else if (slice_is(key, "opener")) {
        c->opener = span_addr(value);
    } else if (slice_is(key, "opened")) {
        r->framing.from_opener = true;
    } else if (slice_is(key, "out")) {
        r->outgoing = true;
    } else if (slice_is(key, "part")) {
        c->part = (unsigned)span_number(value);
    } else if (slice_is(key, "ok")) {
        r->ok = slice_is(value, "yes");
    } else if (slice_is(key, "why")) {
        r->why = store_span(store, value, NULL);
    } else {
        set_section_word(store, c, key, value);
    }
}

struct comment comment_read(struct store *store, struct slice s)
{
    struct comment c = {.r = {.kind = RECORD_MESSAGE}};
    struct slice key, value;
    int kind;

    while (take_pair(&s, &key, &value, &kind)) {
        if (kind < 0) {
            set_word(store, &c, key, value);
            continue;
        }
        c.r.kind = (enum record_kind)kind;
        c.r.text = store_span(store, value, NULL);
        if (kind == RECORD_RESULT)
            c.r.fields = read_fields(store, s);
        break;
    }
    return c;
}
