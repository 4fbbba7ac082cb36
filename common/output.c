/*
 * Records as lines; see output.h.
 *
 * Text has columns that fit 80 letters: step, time, from, to, and what
 * happened.  A message's fields are cut off at the right edge (JSON has them
 * all); nothing else is.  JSON is one object a line; steps that are
 * neither message nor timer have the kinds start, command, fault and
 * stream.
 */
#include "common/output.h"

#include <string.h>

#include "common/http.h"

#define LINE_COLUMNS 80
#define NAME_COLUMNS 6
#define NOTE_COLUMN 7 /* under the step that it explains */

void message_fields(const struct protocol *p, const struct record *r,
                    struct fields *f)
{
    size_t end = 0;

    fields_clear(f);
    p->describe(&r->framing, r->data, r->len, f);
    if (f->type == NULL && r->framing.phase == PHASE_HTTP) {
        fields_clear(f); /* the introducer's, which no protocol knows */
        http_describe(r->data, r->len, f);
    }
    for (size_t i = 0; i < f->count; i++)
        if ((size_t)f->at[i].offset + f->at[i].length > end)
            end = (size_t)f->at[i].offset + f->at[i].length;
    f->depth = 0;
    fields_undecoded(f, end, r->len);
    for (size_t i = 0; i < f->count; i++) {
        struct field *field = &f->at[i];
        if (field->kind == FIELD_BYTES && field->text == NULL) {
            field->text = (const char *)r->data + field->offset;
            field->text_len = field->length;
        }
    }
    if (f->type == NULL)
        f->type = "undecoded";
}

/* -- Names -------------------------------------------------------------- */

static bool is_none(const struct endpoint *e)
{
    return e->name == NULL && addr_none(e->addr);
}

void endpoint_text(struct text *t, const struct endpoint *e,
                   const struct namer *names)
{
    const char *name = e->name != NULL ? e->name : namer_name(names, e->addr);

    if (name != NULL)
        text_safe(t, name, strlen(name));
    else if (!addr_none(e->addr))
        addr_text(t, e->addr);
}

/* -- Text --------------------------------------------------------------- */

/* A name, then blanks up to column `edge` of the line: a name that is too long
   for its own column takes from the next one's blanks. */
static void column(struct text *t, const struct endpoint *e,
                   const struct namer *names, size_t line_start, size_t edge)
{
    endpoint_text(t, e, names);
    text_char(t, ' ');
    size_t at = t->len - line_start;
    text_repeat(t, ' ', at < edge ? edge - at : 0);
}

static void text_message(struct text *t, const struct protocol *p,
                         const struct record *r, const struct namer *names,
                         size_t line_start)
{
    LOCAL_FIELDS f = fields_new();
    LOCAL_TEXT line = text_new();

    message_fields(p, r, &f);
    fields_line(&line, &f, names);
    text_add(t, f.type);
    if (r->why != NULL) {
        text_add(t, " DROPPED: ");
        text_safe(t, r->why, strlen(r->why));
    }
    size_t used = t->len - line_start + 1;
    size_t room = used + 8 < LINE_COLUMNS ? LINE_COLUMNS - used : 8;
    if (line.len > 0)
        text_char(t, ' ');
    if (line.len <= room) {
        text_bytes(t, line.data, line.len);
    } else {
        text_bytes(t, line.data, room - 3);
        text_add(t, "...");
    }
}

/* The index behind field `i` and all that stands inside it. */
static size_t field_end(const struct fields *f, size_t i)
{
    uint8_t depth = f->at[i].depth;

    do
        i++;
    while (i < f->count && f->at[i].depth > depth);
    return i;
}

/* The field that holds the id of node field `name`: owner_id for owner. */
static const struct field *id_of_node(const struct fields *f, const char *name)
{
    size_t len = strlen(name);

    for (size_t i = 0; i < f->count && len > 0; i++)
        if (strncmp(f->at[i].name, name, len) == 0 &&
            strcmp(f->at[i].name + len, "_id") == 0)
            return &f->at[i];
    return NULL;
}

/* Is this field printed in parentheses behind its node instead? */
static bool is_id_of_node(const struct fields *f, const char *name)
{
    size_t len = strlen(name);

    if (len <= 3 || strcmp(name + len - 3, "_id") != 0)
        return false;
    for (size_t i = 0; i < f->count; i++)
        if (f->at[i].kind == FIELD_NODE && strlen(f->at[i].name) == len - 3 &&
            strncmp(f->at[i].name, name, len - 3) == 0)
            return true;
    return false;
}

/* One field of a result, "owner n45 (45)" or "path n80 n45"; elements of a list
   that have no names of their own are only values. */
static void text_result_field(struct text *t, const struct fields *f, size_t i,
                              const struct namer *names)
{
    const struct field *id;

    text_add(t, f->at[i].name);
    for (size_t k = i; k < field_end(f, i); k++) {
        if (k > i && f->at[k].name[0] != '\0') {
            text_char(t, ' ');
            text_add(t, f->at[k].name);
        }
        if (f->at[k].kind == FIELD_GROUP || f->at[k].kind == FIELD_LIST)
            continue;
        if (t->len > 0)
            text_char(t, ' ');
        field_value(t, &f->at[k], names);
    }
    if (f->at[i].kind != FIELD_NODE ||
        (id = id_of_node(f, f->at[i].name)) == NULL)
        return;
    text_add(t, " (");
    field_value(t, id, names);
    text_char(t, ')');
}

/* A list of groups, such as the hits of a search: each on lines of its own. */
static bool is_table(const struct fields *f, size_t i)
{
    return f->at[i].kind == FIELD_LIST && i + 1 < field_end(f, i) &&
           f->at[i + 1].kind == FIELD_GROUP;
}

/* A result for 80 columns: lines break between fields, tables come last. */
static void text_result(struct text *t, const struct record *r,
                        const struct namer *names)
{
    const char *between = ": ";
    const struct fields *f = r->fields;
    size_t start = t->len;
    LOCAL_TEXT field = text_new();

    text_add(t, "  ");
    text_safe(t, r->text, strlen(r->text));
    text_add(t, " at ");
    endpoint_text(t, &r->to, names);
    if (!r->ok) {
        text_add(t, ": FAILED");
        between = ", ";
    }
    for (size_t i = 0; f != NULL && i < f->count; i = field_end(f, i)) {
        bool empty = f->at[i].kind == FIELD_LIST && field_end(f, i) == i + 1;
        if (f->at[i].minor || empty || is_id_of_node(f, f->at[i].name) ||
            is_table(f, i))
            continue;
        text_clear(&field);
        text_result_field(&field, f, i, names);
        text_bytes(t, between, 1);
        if (t->len - start + 1 + field.len >= LINE_COLUMNS) {
            start = t->len + 1;
            text_add(t, "\n     ");
        }
        text_char(t, ' ');
        text_bytes(t, field.data, field.len);
        between = ", ";
    }
    if (between[0] == ':')
        text_add(t, ": ok");
    for (size_t i = 0; f != NULL && i < f->count; i = field_end(f, i))
        for (size_t k = i + 1; is_table(f, i) && k < field_end(f, i);
             k = field_end(f, k)) {
            text_clear(&field);
            text_result_field(&field, f, k, names);
            text_add(t, "\n     ");
            text_bytes(t, field.data, field.len);
        }
}

static void text_line(struct text *t, const struct protocol *p,
                      const struct record *r, const struct namer *names)
{
    static const char *const what[] = {[RECORD_START] = "starts",
                                       [RECORD_COMMAND] = "command: ",
                                       [RECORD_FAULT] = "fault: ",
                                       [RECORD_STREAM] = "stream ",
                                       [RECORD_TIMER] = "timer "};
    size_t start = t->len;
    bool between = r->kind == RECORD_MESSAGE || r->kind == RECORD_STREAM;

    if (r->kind == RECORD_RESULT) {
        text_result(t, r, names);
        return;
    }
    if (r->kind == RECORD_NOTE) {
        text_repeat(t, ' ', NOTE_COLUMN);
        text_add(t, "# ");
        text_safe(t, r->text, strlen(r->text));
        return;
    }
    text_printf(t, "%6llu %3llu.%06u  ", (unsigned long long)r->step,
                (unsigned long long)(r->time_us / 1000000),
                (unsigned)(r->time_us % 1000000));
    size_t edge = t->len - start + NAME_COLUMNS + 1;
    column(t, between ? &r->from : &r->to, names, start, edge);
    column(t, between ? &r->to : &(struct endpoint){.name = NULL}, names, start,
           edge + NAME_COLUMNS + 1);
    if (r->kind == RECORD_MESSAGE) {
        text_message(t, p, r, names, start);
        return;
    }
    text_add(t, what[r->kind]);
    if (r->kind != RECORD_START)
        text_safe(t, r->text, strlen(r->text));
}

/* -- JSON --------------------------------------------------------------- */

static void json_node(struct text *t, const char *key, const struct endpoint *e,
                      const struct namer *names)
{
    LOCAL_TEXT name = text_new();

    endpoint_text(&name, e, names);
    text_json_member(t, key, name.data);
}

static void json_message(struct text *t, const struct protocol *p,
                         const struct record *r, const struct namer *names)
{
    LOCAL_FIELDS f = fields_new();

    message_fields(p, r, &f);
    json_node(t, "from", &r->from, names);
    json_node(t, "to", &r->to, names);
    text_json_member(t, "message", f.type);
    text_printf(t, ",\"bytes\":%zu,\"fields\":", r->len);
    fields_json(t, &f, names, true);
    text_json_member(t, "state", r->why != NULL ? "dropped" : "delivered");
    if (r->why != NULL)
        text_json_member(t, "why", r->why);
    if (r->outgoing) /* seen leaving; whether it arrived is not known here */
        text_add(t, ",\"outgoing\":true");
}

static void json_result(struct text *t, const struct record *r,
                        const struct namer *names)
{
    json_node(t, "node", &r->to, names);
    text_json_member(t, "command", r->text);
    text_add(t, r->ok ? ",\"ok\":true" : ",\"ok\":false");
    if (r->fields == NULL || r->fields->count == 0)
        return;
    text_char(t, ',');
    fields_json(t, r->fields, names, false);
}

const char *const record_kind_name[] = {
    [RECORD_START] = "start",   [RECORD_COMMAND] = "command",
    [RECORD_FAULT] = "fault",   [RECORD_MESSAGE] = "message",
    [RECORD_STREAM] = "stream", [RECORD_TIMER] = "timer",
    [RECORD_NOTE] = "note",     [RECORD_RESULT] = "result"};

/* What the text of a record that is neither message nor result is called. */
static const char *const json_text[] = {
    [RECORD_COMMAND] = "command", [RECORD_FAULT] = "text",
    [RECORD_STREAM] = "event",    [RECORD_TIMER] = "timer",
    [RECORD_NOTE] = "text",       [RECORD_RESULT] = NULL};

static void json_line(struct text *t, const struct protocol *p,
                      const struct record *r, const struct namer *names)
{
    text_printf(t, "{\"kind\":\"%s\",\"step\":%llu", record_kind_name[r->kind],
                (unsigned long long)r->step);
    if (r->kind == RECORD_MESSAGE) {
        text_add(t, ",\"sent\":");
        text_seconds(t, r->sent_us);
    }
    text_add(t, ",\"time\":");
    text_seconds(t, r->time_us);
    if (r->kind == RECORD_MESSAGE) {
        json_message(t, p, r, names);
    } else if (r->kind == RECORD_RESULT) {
        json_result(t, r, names);
    } else {
        if (!is_none(&r->to))
            json_node(t, "node", &r->to, names);
        if (r->kind == RECORD_STREAM)
            json_node(t, "peer", &r->from, names);
        if (json_text[r->kind] != NULL)
            text_json_member(t, json_text[r->kind], r->text);
    }
    if (r->cause != 0 && r->cause != r->step)
        text_printf(t, ",\"cause\":%llu", (unsigned long long)r->cause);
    text_char(t, '}');
}

void output_record(struct text *t, enum output_form form,
                   const struct protocol *p, const struct record *r,
                   const struct namer *names)
{
    if (form == OUTPUT_JSON)
        json_line(t, p, r, names);
    else
        text_line(t, p, r, names);
    text_char(t, '\n');
}

void output_run(struct text *t, enum output_form form, const char *program,
                const char *scenario, uint64_t seed)
{
    if (form == OUTPUT_JSON) {
        text_add(t, "{\"kind\":\"run\"");
        text_json_member(t, "program", program);
        text_json_member(t, "scenario", scenario);
        text_printf(t, ",\"seed\":%llu}\n", (unsigned long long)seed);
        return;
    }
    text_printf(t, "%s  ", program);
    text_safe(t, scenario, strlen(scenario));
    text_printf(t, "  seed %llu\n", (unsigned long long)seed);
    text_printf(t, "%6s %10s  %-*s %-*s %s\n", "step", "time", NAME_COLUMNS,
                "from", NAME_COLUMNS, "to", "message");
}

void output_summary(struct text *t, enum output_form form,
                    const struct summary *s)
{
    bool json = form == OUTPUT_JSON;

    text_printf(t,
                json ? "{\"kind\":\"summary\",\"steps\":%llu,\"messages\":%llu,"
                       "\"bytes\":%llu,\"dropped\":%llu,\"time\":"
                     : "%llu steps, %llu messages of %llu bytes, "
                       "%llu dropped, ",
                (unsigned long long)s->steps, (unsigned long long)s->messages,
                (unsigned long long)s->bytes, (unsigned long long)s->dropped);
    text_seconds(t, s->time_us);
    if (!json)
        text_add(t, " s");
    if (s->hash != 0)
        text_printf(t, json ? ",\"hash\":\"%016llx\"" : ", hash %016llx",
                    (unsigned long long)s->hash);
    text_add(t, json ? "}\n" : "\n");
}
