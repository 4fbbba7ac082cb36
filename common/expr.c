/*
 * The expression language; see expr.h.
 *
 * A recursive descent parser, a function a rule, fills a fixed array of
 * nodes that refer to each other by index:
 *
 *     or   = and { "||" and }
 *     and  = not { "&&" not }
 *     not  = "!" not | "(" or ")" | test
 *     test = "invariant" word { word }
 *          | "state.NAME" "changed"
 *          | FIELD OP VALUE
 *
 * A test compares every value that its field has (a list has several) and
 * holds when any of them does; a field that is not there makes it false,
 * `!=` included.  Numbers, times and ids compare by value where the literal
 * can be read as one, all else as text.
 */
#include "common/expr.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "common/options.h"
#include "common/output.h"
#include "common/words.h"

enum node_kind {
    NODE_OR,
    NODE_AND,
    NODE_NOT,
    NODE_TEST,
    NODE_CHANGED,
    NODE_INVARIANT
};

enum op {
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_CONTAINS
};

struct expr_node {
    enum node_kind kind;
    int left, right; /* indexes of operands */
    enum op op;
    const char *field; /* or the invariant's name; in `words` */
    const char *value;
};

struct expr {
    struct expr_node node[EXPR_NODES_MAX];
    int count, root;
    size_t used;
    char words[2 * EXPR_BYTES_MAX]; /* fields and values, NUL-terminated */
};

/* -- Parsing ------------------------------------------------------------ */

struct parser {
    struct expr *e;
    const char *start, *at;
    struct text *why; /* the first error; parsing stops there */
    bool bad;
};

static int parse_or(struct parser *p);

static int fail(struct parser *p, const char *expected)
{
    if (p->bad)
        return 0;
    p->bad = true;
    text_printf(p->why, "column %zu: expected %s, found ",
                (size_t)(p->at - p->start) + 1, expected);
    if (*p->at == '\0') {
        text_add(p->why, "the end");
        return 0;
    }
    text_char(p->why, '\'');
    text_safe(p->why, p->at, strcspn(p->at, " "));
    text_char(p->why, '\'');
    return 0;
}

static int node_add(struct parser *p, enum node_kind kind, int left, int right)
{
    struct expr *e = p->e;

    if (e->count == EXPR_NODES_MAX)
        return fail(p, "a shorter expression");
    e->node[e->count] =
        (struct expr_node){.kind = kind, .left = left, .right = right};
    return e->count++;
}

static void skip_blanks(struct parser *p)
{
    while (*p->at == ' ' || *p->at == '\t')
        p->at++;
}

/* Step over `token` if it is next. */
static bool accept(struct parser *p, const char *token)
{
    skip_blanks(p);
    if (p->bad || strncmp(p->at, token, strlen(token)) != 0)
        return false;
    p->at += strlen(token);
    return true;
}

static const char *keep(struct parser *p, const char *s, size_t len)
{
    struct expr *e = p->e;
    char *word = e->words + e->used;

    /* A word, quotes or not, is never longer than what it was read from. */
    assert(e->used + len < sizeof e->words);
    memcpy(word, s, len);
    word[len] = '\0';
    e->used += len + 1;
    return word;
}

/* A bare word, or one in quotes; `expected` says what if there is none. */
static const char *word(struct parser *p, const char *expected)
{
    skip_blanks(p);
    if (p->bad)
        return "";
    if (*p->at == '"' || *p->at == '\'') {
        const char *end = strchr(p->at + 1, *p->at);
        if (end == NULL) {
            fail(p, "a closing quote");
            return "";
        }
        const char *s = keep(p, p->at + 1, (size_t)(end - p->at) - 1);
        p->at = end + 1;
        return s;
    }
    size_t len = strcspn(p->at, " \t\"'()&|!=<>~");
    if (len == 0) {
        fail(p, expected);
        return "";
    }
    p->at += len;
    return keep(p, p->at - len, len);
}

static int parse_invariant(struct parser *p)
{
    LOCAL_TEXT name = text_new();
    int i;

    do {
        if (name.len > 0)
            text_char(&name, ' ');
        text_add(&name, word(p, "the name of an invariant"));
        skip_blanks(p);
    } while (!p->bad && *p->at != '\0' && strchr(")&|", *p->at) == NULL);
    /* `invariant ring broken` reads better; the last word says nothing. */
    static const char broken[] = " broken";
    size_t tail = sizeof broken - 1;
    if (name.len > tail && strcmp(name.data + name.len - tail, broken) == 0)
        name.len -= tail;
    i = node_add(p, NODE_INVARIANT, 0, 0);
    if (!p->bad)
        p->e->node[i].field = keep(p, name.data, name.len);
    return i;
}

static enum op parse_op(struct parser *p)
{
    static const struct {
        const char *token;
        enum op op;
    } ops[] = {
        {"==", OP_EQUAL},      {"=", OP_EQUAL},    {"!=", OP_UNEQUAL},
        {"<=", OP_LESS_EQUAL}, {"<", OP_LESS},     {">=", OP_GREATER_EQUAL},
        {">", OP_GREATER},     {"~", OP_CONTAINS},
    };

    for (size_t i = 0; i < sizeof ops / sizeof ops[0]; i++)
        if (accept(p, ops[i].token))
            return ops[i].op;
    fail(p, "one of == != < <= > >= ~");
    return OP_EQUAL;
}

static int parse_test(struct parser *p)
{
    const char *field = word(p, "a field, '!' or '('");

    if (!p->bad && strcmp(field, "invariant") == 0)
        return parse_invariant(p);
    bool changed = strncmp(field, "state.", 6) == 0 && accept(p, "changed");
    enum op op = changed ? OP_EQUAL : parse_op(p);
    const char *value = changed ? "" : word(p, "a value");
    int i = node_add(p, changed ? NODE_CHANGED : NODE_TEST, 0, 0);
    if (!p->bad) {
        p->e->node[i].field = field;
        p->e->node[i].op = op;
        p->e->node[i].value = value;
    }
    return i;
}

/* The rules call each other as deep as an expression nests, which
   EXPR_BYTES_MAX bounds.  NOLINTBEGIN(misc-no-recursion) */
static int parse_not(struct parser *p)
{
    int i;

    if (accept(p, "!"))
        return node_add(p, NODE_NOT, parse_not(p), 0);
    if (!accept(p, "("))
        return parse_test(p);
    i = parse_or(p);
    if (!accept(p, ")"))
        fail(p, "')'");
    return i;
}

static int parse_and(struct parser *p)
{
    int i = parse_not(p);

    while (accept(p, "&&"))
        i = node_add(p, NODE_AND, i, parse_not(p));
    return i;
}

static int parse_or(struct parser *p)
{
    int i = parse_and(p);

    while (accept(p, "||"))
        i = node_add(p, NODE_OR, i, parse_and(p));
    return i;
}

/* NOLINTEND(misc-no-recursion) */

struct expr *expr_parse(const char *s, struct text *why)
{
    if (strlen(s) >= EXPR_BYTES_MAX) {
        text_printf(why, "expected less than %d letters", EXPR_BYTES_MAX);
        return NULL;
    }
    struct expr *e = calloc(1, sizeof *e);
    if (e == NULL) {
        text_add(why, "no memory");
        return NULL;
    }
    struct parser p = {.e = e, .start = s, .at = s, .why = why};
    e->root = parse_or(&p);
    skip_blanks(&p);
    if (!p.bad && *p.at != '\0')
        fail(&p, "&& or ||");
    if (p.bad) {
        free(e);
        return NULL;
    }
    return e;
}

void expr_free(struct expr *e)
{
    free(e);
}

/* -- Names of fields ------------------------------------------------------ */

/* What test_record() knows, what any message may hold besides (HTTP is spoken
   with introducers), and what any result may. */
static const char of_records[] =
    "type from to node kind state step time bytes text ok",
                  of_messages[] = "line headers body undecoded",
                  of_results[] = "error";

/* Append the words of `list` that are not there yet. */
static void words_add(struct text *t, const char *list)
{
    for (size_t len; (len = word_next(&list)) > 0; list += len) {
        if (word_listed(t->data, list, len))
            continue;
        text_bytes(t, list, len);
        text_char(t, ' ');
    }
}

static bool is_state(const struct expr_node *n)
{
    return n->kind == NODE_INVARIANT || n->kind == NODE_CHANGED ||
           (n->kind == NODE_TEST && strncmp(n->field, "state.", 6) == 0);
}

/* May this stand before an operator? */
static bool is_field(const struct protocol *p, bool of_result, const char *name)
{
    size_t len = strlen(name);

    return word_listed(p->results, name, len) ||
           word_listed(of_results, name, len) ||
           (!of_result && (word_listed(of_records, name, len) ||
                           word_listed(p->fields, name, len) ||
                           word_listed(of_messages, name, len)));
}

/* "unknown field 'hop'; did you mean 'hops'?" */
static void unknown_field(struct text *why, const struct protocol *p,
                          bool of_result, const char *field)
{
    LOCAL_TEXT names = text_new();
    struct word_list words = {.count = 0};

    if (!of_result) {
        words_add(&names, of_records);
        words_add(&names, p->fields);
        words_add(&names, of_messages);
    }
    words_add(&names, p->results);
    words_add(&names, of_results);
    for (char *s = names.data; *s != '\0' && words.count < NAMES_MAX;) {
        words.at[words.count++] = s;
        s += strcspn(s, " ");
        *s++ = '\0';
    }
    unknown_word(why, "field", field, &words);
}

bool expr_known(const struct expr *e, const struct protocol *p, bool of_result,
                struct text *why)
{
    for (int i = 0; i < e->count && p->fields != NULL; i++) {
        const struct expr_node *n = &e->node[i];
        if (is_state(n) && of_result) {
            text_add(why, "a result has no state of nodes");
            return false;
        }
        if (n->kind == NODE_TEST && !is_state(n) &&
            !is_field(p, of_result, n->field)) {
            unknown_field(why, p, of_result, n->field);
            return false;
        }
    }
    return true;
}

const char *expr_next_name(const struct expr *e, int *at, bool *invariant)
{
    while (*at < e->count && !is_state(&e->node[*at]))
        ++*at;
    if (*at == e->count)
        return NULL;
    const struct expr_node *n = &e->node[(*at)++];
    *invariant = n->kind == NODE_INVARIANT;
    return *invariant ? n->field : n->field + strlen("state.");
}

bool expr_needs_state(const struct expr *e)
{
    int at = 0;
    bool invariant;

    return expr_next_name(e, &at, &invariant) != NULL;
}

/* -- Comparing ---------------------------------------------------------- */

static bool op_holds(enum op op, int order)
{
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_UNEQUAL:
        return order != 0;
    case OP_LESS:
        return order < 0;
    case OP_LESS_EQUAL:
        return order <= 0;
    case OP_GREATER:
        return order > 0;
    case OP_GREATER_EQUAL:
        return order >= 0;
    case OP_CONTAINS:
        break;
    }
    return false;
}

static int order_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

/* Compare as numbers of any length when both are, else as text. */
static bool test_text(const struct expr_node *n, const char *got)
{
    struct id a, b;

    if (n->op == OP_CONTAINS)
        return strstr(got, n->value) != NULL;
    if (id_parse(&a, ID_BITS_MAX, got) && id_parse(&b, ID_BITS_MAX, n->value))
        return op_holds(n->op, id_compare(&a, &b));
    return op_holds(n->op, strcmp(got, n->value));
}

static bool test_number(const struct expr_node *n, uint64_t got)
{
    LOCAL_TEXT t = text_new();

    text_u64(&t, got);
    return test_text(n, t.data);
}

static bool test_time(const struct expr_node *n, uint64_t got_us)
{
    uint64_t want_us;
    LOCAL_TEXT t = text_new();

    text_seconds(&t, got_us);
    return n->op != OP_CONTAINS && parse_time(n->value, &want_us)
               ? op_holds(n->op, order_u64(got_us, want_us))
               : test_text(n, t.data);
}

/* A node is meant by its name or by its address. */
static bool test_node(const struct expr_node *n, const struct endpoint *e,
                      const struct namer *names)
{
    LOCAL_TEXT addr = text_new();
    const char *name = e->name != NULL ? e->name : namer_name(names, e->addr);

    if (addr_none(e->addr))
        text_add(&addr, "none");
    else
        addr_text(&addr, e->addr);
    if (name == NULL)
        name = addr.data;
    /* Equal by either; unequal to a node means unequal by both. */
    bool by_name = test_text(n, name), by_addr = test_text(n, addr.data);
    return n->op == OP_UNEQUAL                         ? by_name && by_addr
           : n->op == OP_EQUAL || n->op == OP_CONTAINS ? by_name || by_addr
                                                       : by_name;
}

static bool test_bool(const struct expr_node *n, bool got)
{
    static const char *const yes[] = {"yes", "true", "1"};
    bool want = false;

    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++)
        want = want || strcmp(n->value, yes[i]) == 0;
    return op_holds(n->op, (int)got - (int)want);
}

static bool test_leaf(const struct expr_node *n, const struct field *f,
                      const struct namer *names)
{
    LOCAL_TEXT t = text_new();
    bool holds = false;

    switch (f->kind) {
    case FIELD_GROUP:
    case FIELD_LIST:
        break;
    case FIELD_BOOL:
        return test_bool(n, f->number != 0);
    case FIELD_TIME:
        return test_time(n, f->number);
    case FIELD_NODE:
        return test_node(n, &(struct endpoint){.addr = f->addr}, names);
    case FIELD_NUMBER:
    case FIELD_HEX:
        return test_number(n, f->number);
    case FIELD_TEXT:
    case FIELD_BYTES:
    case FIELD_ID:
        field_value(&t, f, names);
        holds = test_text(n, t.data);
        break;
    }
    return holds;
}

/* -- Evaluating --------------------------------------------------------- */

/* Every field of that name at any depth; of a list, every element. */
static bool test_fields(const struct expr_node *n, const struct subject *s)
{
    const struct fields *f = s->fields;

    for (size_t i = 0; f != NULL && i < f->count; i++) {
        if (strcmp(f->at[i].name, n->field) != 0)
            continue;
        size_t k = i;
        do
            if (test_leaf(n, &f->at[k], s->names))
                return true;
        while (++k < f->count && f->at[k].depth > f->at[i].depth);
    }
    return false;
}

/* What `n->field` means of the record itself.  False when it is none of its
   fields; else *holds says how the test came out. */
static bool test_record(const struct expr_node *n, const struct subject *s,
                        bool *holds)
{
    const struct record *r = s->record;
    bool message = r->kind == RECORD_MESSAGE;
    bool between = message || r->kind == RECORD_STREAM;
    const char *field = n->field;

    *holds = false;
    if (strcmp(field, "type") == 0) {
        const char *type =
            message ? (s->fields != NULL ? s->fields->type : NULL) : r->text;
        *holds = type != NULL && test_text(n, type);
    } else if (strcmp(field, "from") == 0) {
        *holds = between && test_node(n, &r->from, s->names);
    } else if (strcmp(field, "to") == 0) {
        *holds = between && test_node(n, &r->to, s->names);
    } else if (strcmp(field, "node") == 0) {
        *holds = test_node(n, &r->to, s->names);
    } else if (strcmp(field, "kind") == 0) {
        *holds = test_text(n, record_kind_name[r->kind]);
    } else if (strcmp(field, "state") == 0) {
        *holds =
            message && test_text(n, r->why != NULL ? "dropped" : "delivered");
    } else if (strcmp(field, "step") == 0) {
        *holds = test_number(n, r->step);
    } else if (strcmp(field, "time") == 0) {
        *holds = test_time(n, r->time_us);
    } else if (strcmp(field, "bytes") == 0) {
        *holds = message && test_number(n, r->len);
    } else if (strcmp(field, "text") == 0) {
        *holds = r->text != NULL && test_text(n, r->text);
    } else if (strcmp(field, "ok") == 0) {
        *holds = r->kind == RECORD_RESULT && test_bool(n, r->ok);
    } else {
        return false;
    }
    return true;
}

/* A message or result may have a field `text` or `ok` of its own: then that is
   meant, for these two words the language has only taken for the others. */
static bool is_own(const struct expr_node *n, const struct subject *s)
{
    return s->fields != NULL && fields_find(s->fields, n->field) != NULL &&
           word_listed("text ok", n->field, strlen(n->field));
}

static bool test(const struct expr_node *n, const struct subject *s)
{
    bool holds = false;

    if (strncmp(n->field, "state.", 6) == 0) {
        LOCAL_TEXT value = text_new();
        if (s->state != NULL &&
            s->state(s->context, n->field + 6, false, &value))
            holds = test_text(n, value.data);
        return holds;
    }
    if (!is_own(n, s) && s->record != NULL && test_record(n, s, &holds))
        return holds;
    return test_fields(n, s);
}

static bool has_changed(const struct expr_node *n, const struct subject *s)
{
    LOCAL_TEXT before = text_new(), now = text_new();
    bool changed = false;

    if (s->state != NULL) {
        bool was = s->state(s->context, n->field + 6, true, &before);
        bool is = s->state(s->context, n->field + 6, false, &now);
        changed = was != is || (was && strcmp(before.data, now.data) != 0);
    }
    return changed;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the expression nests */
static bool node_true(const struct expr *e, int i, const struct subject *s)
{
    const struct expr_node *n = &e->node[i];

    switch (n->kind) {
    case NODE_OR:
        return node_true(e, n->left, s) || node_true(e, n->right, s);
    case NODE_AND:
        return node_true(e, n->left, s) && node_true(e, n->right, s);
    case NODE_NOT:
        return !node_true(e, n->left, s);
    case NODE_TEST:
        return test(n, s);
    case NODE_CHANGED:
        return has_changed(n, s);
    case NODE_INVARIANT:
        return s->broken != NULL && s->broken(s->context, n->field);
    }
    return false;
}

bool expr_true(const struct expr *e, const struct subject *s)
{
    return node_true(e, e->root, s);
}
