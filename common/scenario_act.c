/* What each kind of line of a scenario says; see scenario_line.h. */
#include <stdlib.h>
#include <string.h>

#include "common/scenario_line.h"
#include "common/words.h"

#define NODES_MAX 16000000                  /* of one `nodes` line */
#define MEAN_US_MAX UINT64_C(1000000000000) /* between two of churn */
#define LATENCY_US_MAX (60 * SECOND_US)
#define PLANE_MAX 60000

static struct act act_new(const struct parser *p, enum act_kind kind)
{
    return (struct act){.kind = kind, .file = p->file, .line = p->line};
}

/* Append the one act of a line that ends here. */
static bool add_act(struct parser *p, struct act act)
{
    return scn_done(p) &&
           scn_add_line(p, (struct line){.kind = LINE_ACT, .act = act});
}

static bool name_word(struct parser *p, struct act *act, const char *w)
{
    if (!scn_known_name(p, w))
        return false;
    memcpy(act->name, w, strlen(w) + 1);
    return true;
}

/* -- node, nodes --------------------------------------------------------- */

bool is_node_name(const char *s)
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz"
                           "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-");

    return s[len] == '\0' && len > 0 && len <= NAME_BYTES_MAX &&
           strchr("0123456789_.-", s[0]) == NULL;
}

/* The value of "key=value" when `w` has that key; else NULL. */
static const char *value_of(const char *w, const char *key)
{
    size_t len = strlen(key);

    return strncmp(w, key, len) == 0 && w[len] == '=' ? w + len + 1 : NULL;
}

/* An option for this node alone: it gets a copy of the settings. */
static bool own_setting(struct parser *p, struct node_spec *spec,
                        struct settings **own, const char *w)
{
    LOCAL_TEXT why = text_new();

    if (*own == NULL) {
        *own = scn_keep(p, sizeof **own);
        if (*own == NULL)
            return false;
        **own = p->s->settings;
        spec->settings = *own;
    }
    return scn_because(p, settings_assign(*own, w, &why), &why);
}

/* -- What a node shares --------------------------------------------------- */

/* "50%" of some bytes. */
static bool percent(const char *s, uint64_t bytes, uint64_t *part)
{
    char digits[4];
    size_t len = strcspn(s, "%");
    uint64_t value;

    if (len == 0 || len >= sizeof digits || strcmp(s + len, "%") != 0)
        return false;
    memcpy(digits, s, len);
    digits[len] = '\0';
    if (!parse_u64(digits, 100, &value))
        return false;
    *part = bytes / 100 * value + bytes % 100 * value / 100;
    return true;
}

/* "FROM%-TO%" of some bytes. */
static bool part(char *s, uint64_t bytes, uint64_t *from, uint64_t *to)
{
    char *dash = strchr(s, '-');

    if (dash == NULL)
        return false;
    *dash = '\0';
    return percent(s, bytes, from) && percent(dash + 1, bytes, to) &&
           *from <= *to;
}

/* "bad", "bad=FROM%-TO%", "TO%" or "FROM%-TO%" behind a share's size. */
static bool share_suffix(struct share *share, char *s)
{
    if (strcmp(s, "bad") == 0)
        return share->polluted = true;
    if (strncmp(s, "bad=", 4) == 0)
        return part(s + 4, share->bytes, &share->bad_from, &share->bad_to);
    if (strchr(s, '-') == NULL)
        return percent(s, share->bytes, &share->to);
    return part(s, share->bytes, &share->from, &share->to);
}

/* NAME:SIZE[:FROM%-TO%][:bad[=FROM%-TO%]]; `s` is cut up. */
static bool parse_share(struct share *share, char *s)
{
    char *size = strchr(s, ':');

    if (size == NULL)
        return false;
    *size++ = '\0';
    char *suffix = strchr(size, ':');
    if (suffix != NULL)
        *suffix++ = '\0';
    share->name = s;
    if (!content_path_ok(s) || !parse_size(size, &share->bytes) ||
        share->bytes > CONTENT_BYTES_MAX)
        return false;
    share->to = share->bytes;
    while (suffix != NULL) {
        char *next = strchr(suffix, ':');
        if (next != NULL)
            *next++ = '\0';
        if (!share_suffix(share, suffix))
            return false;
        suffix = next;
    }
    return true;
}

static int by_share_name(const void *a, const void *b)
{
    const struct share *x = a, *y = b;

    return strcmp(x->name, y->name);
}

/* share=NAME:SIZE[,NAME:SIZE...] */
static bool share_option(struct parser *p, struct node_spec *spec,
                         const char *value)
{
    char *text = scn_keep_text(p, value);
    size_t count = 1, used = 0;

    for (const char *s = value; (s = strchr(s, ',')) != NULL; s++)
        count++;
    struct share *share =
        text != NULL ? scn_keep(p, count * sizeof *share) : NULL;
    if (share == NULL)
        return false;
    for (char *next; text != NULL; text = next) {
        next = strchr(text, ',');
        if (next != NULL)
            *next++ = '\0';
        if (!parse_share(&share[used++], text))
            return scn_unexpected(p, value,
                                  "share=NAME:SIZE[:FROM%-TO%][:bad][,...], "
                                  "as song.ogg:1MiB or song.ogg:1MiB:50%");
    }
    qsort(share, count, sizeof *share, by_share_name);
    for (size_t i = 1; i < count; i++)
        if (strcmp(share[i - 1].name, share[i].name) == 0)
            return scn_fail(p, "'%.60s' is shared twice", share[i].name);
    spec->share = share;
    spec->share_count = count;
    return true;
}

static bool node_option(struct parser *p, struct node_spec *spec,
                        struct settings **own, const char *w)
{
    const char *value;

    if ((value = value_of(w, "join")) != NULL) {
        spec->join = scn_keep_text(p, value);
        return spec->join != NULL && scn_known_name(p, value);
    }
    if ((value = value_of(w, "share")) != NULL)
        return share_option(p, spec, value);
    if ((value = value_of(w, "up")) != NULL)
        return scn_rate(p, value, &spec->up);
    if ((value = value_of(w, "down")) != NULL)
        return scn_rate(p, value, &spec->down);
    spec->keep |= scn_is(w, "keep");
    spec->introducer |= scn_is(w, "introducer");
    if (scn_is(w, "keep") || scn_is(w, "introducer"))
        return true;
    if (strchr(w, '=') != NULL)
        return own_setting(p, spec, own, w);
    return scn_unexpected(p, w,
                          "id=, join=, addr=, share=, up=, down=, keep, "
                          "introducer, or OPTION=VALUE");
}

/* id= and addr=, which only a single node can have; else *taken is false. */
static bool single_option(struct parser *p, struct node_spec *spec,
                          const char *w, bool *taken)
{
    const char *id = value_of(w, "id"), *addr = value_of(w, "addr");

    *taken = id != NULL || addr != NULL;
    if (id != NULL)
        return (spec->id = scn_keep_text(p, id)) != NULL;
    if (addr != NULL && !addr_parse(&spec->addr, addr))
        return scn_unexpected(p, addr, "an address (127.0.0.1:7074)");
    return true;
}

static bool check_id(struct parser *p, const struct node_spec *spec)
{
    const struct protocol *protocol = p->s->protocol;
    LOCAL_TEXT why = text_new();
    struct id id;

    if (spec->id == NULL)
        return true;
    if (protocol->identify == NULL)
        return scn_fail(p, "id= is wrong here: nodes of %s have no identifiers",
                        protocol->name);
    return scn_because(
        p, protocol->identify(spec->settings, spec->addr, spec->id, &id, &why),
        &why);
}

static struct node_spec *spec_new(struct parser *p)
{
    struct node_spec *spec = scn_settle(p) ? scn_keep(p, sizeof *spec) : NULL;

    if (spec != NULL)
        spec->settings = &p->s->settings;
    return spec;
}

/* The words behind the name.  `every_us` is NULL for a single node. */
static bool node_options(struct parser *p, struct node_spec *spec,
                         uint64_t *every_us)
{
    struct settings *own = NULL;
    const char *w;

    while ((w = scn_word(p)) != NULL) {
        bool taken = every_us != NULL && scn_is(w, "every");
        if (!scn_once(p, w))
            return false;
        if (taken && !scn_time(p, scn_word(p), every_us))
            return false;
        if (every_us == NULL && !single_option(p, spec, w, &taken))
            return false;
        if (!taken && !node_option(p, spec, &own, w))
            return false;
    }
    if (spec->introducer && (spec->id != NULL || spec->join != NULL ||
                             spec->share != NULL || own != NULL))
        return scn_fail(p,
                        "an introducer is no node of %s, expected addr=, "
                        "up=, down= or keep beside it",
                        p->s->protocol->name);
    return check_id(p, spec);
}

bool scn_node(struct parser *p)
{
    struct act act = act_new(p, ACT_START);
    struct node_spec *spec = spec_new(p);
    const char *w = scn_word(p);

    if (spec == NULL)
        return false;
    if (w == NULL || !is_node_name(w))
        return scn_unexpected(p, w,
                              "a name: a letter, then letters, digits, _ . "
                              "-, at most 32 in all");
    if (scn_is_keyword(w))
        return scn_fail(p, "'%s' is a word of this language, expected a name",
                        w);
    if (!node_options(p, spec, NULL) || !scn_take_names(p, w, 0))
        return false;
    memcpy(act.name, w, strlen(w) + 1);
    act.spec = spec;
    return add_act(p, act);
}

/* prefix=p, and the names that it makes. */
static bool parse_prefix(struct parser *p, struct line *l)
{
    const char *w = scn_word(p),
               *value = w != NULL ? value_of(w, "prefix") : NULL;
    LOCAL_TEXT last = text_new();

    if (value == NULL)
        return scn_unexpected(p, w, "prefix=NAME");
    text_add(&last, value);
    text_u64(&last, l->count);
    bool good =
        is_node_name(last.data) && value[strcspn(value, "0123456789")] == 0;
    if (!good)
        return scn_unexpected(p, value, "a short prefix without digits");
    memcpy(l->act.name, value, strlen(value) + 1);
    return scn_take_names(p, value, l->count);
}

bool scn_nodes(struct parser *p)
{
    struct line l = {.kind = LINE_NODES, .act = act_new(p, ACT_START)};
    struct node_spec *spec = spec_new(p);

    if (p->stepping)
        return scn_fail(p, "'nodes' cannot follow 'at step', expected 'node'");
    if (spec == NULL || !scn_number(p, scn_word(p), NODES_MAX, &l.count))
        return false;
    if (l.count == 0)
        return scn_unexpected(p, "0", "one node or more");
    if (!parse_prefix(p, &l) || !node_options(p, spec, &l.every_us))
        return false;
    if (l.every_us > TIME_US_MAX / l.count)
        return scn_fail(p,
                        "the last start is too late, expected below 31 years");
    spec->join_any = spec->join == NULL;
    l.act.spec = spec;
    return scn_add_line(p, l);
}

/* -- Commands and what is expected of them ------------------------------- */

/* Complete the act of a command, and append it. */
static bool add_command(struct parser *p, struct act act, const char *text)
{
    LOCAL_TEXT why = text_new();

    if (!scn_because(p, command_check(p->s->protocol, text, &why), &why))
        return false;
    act.text = scn_keep_text(p, text);
    return act.text != NULL && add_act(p, act);
}

bool scn_command(struct parser *p, const char *name)
{
    struct act act = act_new(p, ACT_COMMAND);
    const char *text = scn_rest(p);

    if (*text == '\0')
        return scn_unexpected(p, NULL, "a command for the node");
    return name_word(p, &act, name) && add_command(p, act, text);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* Does a condition begin here ("owner=n45"), or what joins two of them? */
static bool is_condition(const char *s)
{
    if (strcspn(s, " \t") == 2 && (s[0] == '&' || s[0] == '|') && s[0] == s[1])
        return true;
    s += strspn(s, "(!");
    size_t field = strcspn(s, "=<>!~ \t");
    return field > 0 && s[field] != '\0' && !is_blank(s[field]);
}

/* How many words a command needs at least, itself included. */
static size_t words_needed(const struct command *c)
{
    size_t count = 1;

    for (const char *type = c->args; *type != '\0'; type++)
        count += *type != '?' && type[1] != '?';
    return count;
}

/* Where the conditions at the end of "lookup 42 owner=n45 hops<=4" begin:
   they take no word that the command needs. */
static char *find_conditions(char *text, const struct command *c)
{
    size_t words = 0, needed = words_needed(c);
    char *begin = text + strlen(text);

    for (char *s = text; *(s += strspn(s, " \t")) != '\0';
         s += strcspn(s, " \t"))
        words++;
    for (char *at = begin; words > needed; words--) {
        while (is_blank(at[-1]))
            at--;
        while (!is_blank(at[-1]))
            at--;
        if (!is_condition(at))
            break;
        begin = at;
    }
    return begin;
}

/* Conditions that stand side by side must all hold. */
static bool parse_conditions(struct parser *p, struct act *act, char *s)
{
    LOCAL_TEXT t = text_new();
    LOCAL_TEXT why = text_new();
    bool joined = true;

    p->at = s;
    for (const char *w; (w = scn_word(p)) != NULL;) {
        bool joins = scn_is(w, "&&") || scn_is(w, "||");
        text_add(&t, t.len == 0 ? "" : joined || joins ? " " : " && ");
        text_add(&t, w);
        joined = joins;
    }
    struct expr *e = expr_parse(t.data, &why);
    act->expect_text = scn_keep_text(p, t.data);
    act->expect = e;
    if (act->expect_text != NULL)
        p->s->store->expr = e; /* goes with the block of its text */
    else
        expr_free(e);
    bool good = e != NULL && expr_known(e, p->s->protocol, true, &why);
    return scn_because(p, good, &why) && act->expect_text != NULL;
}

bool scn_expect(struct parser *p)
{
    struct act act = act_new(p, ACT_EXPECT);
    const char *w = scn_word(p);

    if (scn_is(w, "invariants"))
        return add_act(p, act_new(p, ACT_INVARIANTS));
    act.expect_failure = scn_is(w, "fail");
    if (act.expect_failure)
        w = scn_word(p);
    if (!name_word(p, &act, w))
        return false;
    char *text = scn_rest(p);
    const struct command *c = command_find(p->s->protocol, text);
    if (c != NULL) {
        char *conditions = find_conditions(text, c);
        if (*conditions != '\0' && !parse_conditions(p, &act, conditions))
            return false;
        while (is_blank(conditions[-1]))
            conditions--;
        *conditions = '\0';
    }
    return add_command(p, act, text);
}

/* -- Faults ---------------------------------------------------------------- */

bool scn_bare(struct parser *p)
{
    return add_act(p, act_new(p, (enum act_kind)p->kind));
}

/* crash n32, restart n32 join=n16 */
bool scn_fault(struct parser *p)
{
    struct act act = act_new(p, (enum act_kind)p->kind);

    if (!name_word(p, &act, scn_word(p)))
        return false;
    const char *w = act.kind == ACT_RESTART ? scn_word(p) : NULL;
    if (w != NULL) {
        const char *join = value_of(w, "join");
        if (join == NULL)
            return scn_unexpected(p, w, "join=NODE or the end of the line");
        act.other = scn_keep_text(p, join);
        if (act.other == NULL || !scn_known_name(p, join))
            return false;
        if (scn_is(act.name, join))
            return scn_unexpected(p, join, "another node to join");
    }
    return add_act(p, act);
}

/* Check the names of one group; append them to `group` and to `all`. */
static bool parse_group(struct parser *p, char *names, struct text *all,
                        struct text *group)
{
    for (char *at = names; at != NULL;) {
        char *name = at + strspn(at, " \t"), *comma = strchr(at, ',');
        at = comma != NULL ? comma + 1 : NULL;
        name[strcspn(name, " \t,")] = '\0';
        if (!scn_known_name(p, name))
            return false;
        if (in_list(all->data, name))
            return scn_fail(p, "'%s' is named twice, expected one group for it",
                            name);
        text_printf(all, "%s%s", all->len > 0 ? "," : "", name);
        text_printf(group, "%s%s", group->len > 0 ? "," : "", name);
    }
    return true;
}

bool scn_partition(struct parser *p)
{
    struct act act = act_new(p, ACT_PARTITION);
    LOCAL_TEXT all = text_new(), group = text_new();
    char *text = scn_rest(p);
    size_t count = 1;
    bool good = true;

    for (const char *c = text; *c != '\0'; c++)
        count += *c == '|';
    if (count < 2)
        return scn_fail(p, "one group is no partition, expected 'partition "
                           "a,b | c'");
    const char **groups = scn_keep(p, (count + 1) * sizeof *groups);
    if (groups == NULL)
        return false;
    for (size_t i = 0; good && i < count; i++) {
        char *end = text + strcspn(text, "|");
        *end = '\0';
        text_clear(&group);
        good = parse_group(p, text, &all, &group) &&
               (groups[i] = scn_keep_text(p, group.data)) != NULL;
        text = end + 1;
    }
    act.groups = groups;
    return good && add_act(p, act);
}

/* The mean time between two events of "0.1/s"; 0 for "0/s". */
static bool parse_mean(struct parser *p, const char *w, uint64_t *mean_us)
{
    size_t len = w != NULL ? strspn(w, "0123456789.") : 0;
    char times[32] = "", unit[] = "1s";
    uint64_t millionths = 0, unit_us = 0; /* a bare number is in seconds */

    if (len > 0 && len < sizeof times && w[len] == '/' && w[len + 1] != '\0' &&
        strchr("smh", w[len + 1]) != NULL && w[len + 2] == '\0') {
        memcpy(times, w, len);
        unit[1] = w[len + 1];
    }
    if (parse_time(times, &millionths) && parse_time(unit, &unit_us)) {
        *mean_us = millionths > 0 ? unit_us * 1000000 / millionths : 0;
        if (millionths == 0 || (*mean_us > 0 && *mean_us <= MEAN_US_MAX))
            return true;
    }
    return scn_unexpected(p, w, "a rate (0.1/s, 6/m, 100/h) up to 1000000/s");
}

/* Note when a churn ends; false when too many are under way at once. */
static bool count_churn(struct parser *p, uint64_t for_us)
{
    for (size_t i = 0; i < CHURNS_MAX; i++) {
        if (p->churn_end_us[i] <= p->base_us) {
            p->churn_end_us[i] = p->quiet ? NEVER : p->base_us + for_us;
            return true;
        }
    }
    return scn_fail(p, "too much churn at once, expected %d at most",
                    CHURNS_MAX);
}

/* churn [join RATE] [fail RATE] for TIME */
bool scn_churn(struct parser *p)
{
    struct line l = {.kind = LINE_CHURN, .act = act_new(p, ACT_CHURN_JOIN)};
    struct node_spec *spec = spec_new(p);
    const char *w = scn_word(p);

    if (p->stepping)
        return scn_fail(p, "'churn' cannot follow 'at step', expected one act");
    for (; scn_is(w, "join") || scn_is(w, "fail"); w = scn_word(p))
        if (!scn_once(p, w) ||
            !parse_mean(p, scn_word(p),
                        scn_is(w, "join") ? &l.join_us : &l.fail_us))
            return false;
    if (!scn_is(w, "for") || (l.join_us == 0 && l.fail_us == 0))
        return scn_unexpected(p, w, "'churn join 0.1/s fail 0.1/s for 10m'");
    if (spec == NULL || !scn_time(p, scn_word(p), &l.for_us) || !scn_done(p))
        return false;
    if (l.join_us > 0 && !p->has_newcomers && !scn_take_names(p, "c", NEVER))
        return false;
    p->has_newcomers |= l.join_us > 0;
    spec->join_any = true;
    l.act.spec = spec;
    return scn_add_line(p, l) && count_churn(p, l.for_us);
}

/* -- Messages and timers, behind 'at step' --------------------------------- */

static bool ordinal_word(struct parser *p, struct act *act, const char *w)
{
    uint64_t ordinal;

    if (!scn_number(p, w, UINT32_MAX, &ordinal))
        return false;
    act->ordinal = (uint32_t)ordinal;
    return ordinal > 0 || scn_unexpected(p, w, "a number from 1");
}

/* drop FROM TO [N], delay FROM TO [N] TIME, duplicate, deliver */
bool scn_message(struct parser *p)
{
    struct act act = act_new(p, (enum act_kind)p->kind);

    act.ordinal = 1;
    if (!name_word(p, &act, scn_word(p)))
        return false;
    const char *w = scn_word(p);
    if (!scn_known_name(p, w) || (act.other = scn_keep_text(p, w)) == NULL)
        return false;
    w = scn_word(p);
    if (w != NULL && w[strspn(w, "0123456789")] == '\0') {
        if (!ordinal_word(p, &act, w))
            return false;
        w = scn_word(p);
    }
    if (p->kind != ACT_DELAY && w != NULL)
        return scn_unexpected(p, w, "the end of the line");
    if (p->kind == ACT_DELAY && !scn_time(p, w, &act.time_us))
        return false;
    return add_act(p, act);
}

/* pick K: what `check` writes */
bool scn_pick(struct parser *p)
{
    struct act act = act_new(p, ACT_PICK);

    return ordinal_word(p, &act, scn_word(p)) && add_act(p, act);
}

bool scn_fire(struct parser *p)
{
    struct act act = act_new(p, ACT_FIRE);
    const char *const *timers = p->s->protocol->timers;
    size_t count = 0, i = 0;

    if (!name_word(p, &act, scn_word(p)))
        return false;
    const char *w = scn_word(p);
    while (timers[count] != NULL)
        count++;
    while (i < count && !scn_is(w, timers[i]))
        i++;
    if (i < count) {
        act.text = timers[i];
        return add_act(p, act);
    }
    const char *near = w != NULL ? nearest_word(w, timers, count) : NULL;
    return scn_unknown(p, "timer", w, near, "the name of a timer");
}

/* -- Weather ----------------------------------------------------------------- */

/* At the beginning it is the scenario's; later on, an act. */
static bool weather(struct parser *p)
{
    struct act act = act_new(p, ACT_NETWORK);

    if (p->s->line_count == 0 && !p->prefixed) {
        p->s->network = p->network;
        return scn_done(p);
    }
    struct network_model *m = scn_keep(p, sizeof *m);
    if (m == NULL)
        return false;
    *m = p->network;
    act.network = m;
    return add_act(p, act);
}

static bool parse_plane(struct parser *p)
{
    char *w = scn_word(p), *by = w != NULL ? strchr(w, 'x') : NULL;
    uint64_t width = 0, height = 0;

    if (by != NULL)
        *by = '\0';
    if (by == NULL || !parse_u64(w, PLANE_MAX, &width) ||
        !parse_u64(by + 1, PLANE_MAX, &height) || width == 0 || height == 0)
        return scn_unexpected(p, w, "a size up to 60000x60000");
    p->network.latency = LATENCY_PLANE;
    p->network.plane_width = (uint32_t)width;
    p->network.plane_height = (uint32_t)height;
    return weather(p);
}

/* latency 20ms, latency 10ms..80ms, latency plane 1000x1000 */
bool scn_latency(struct parser *p)
{
    char *w = scn_word(p);
    uint64_t low, high;

    if (scn_is(w, "plane"))
        return parse_plane(p);
    char *dots = w != NULL ? strstr(w, "..") : NULL;
    if (dots != NULL)
        *dots = '\0';
    if (!scn_time(p, w, &low) ||
        !scn_time(p, dots != NULL ? dots + 2 : w, &high))
        return false;
    if (low > high || high > LATENCY_US_MAX)
        return scn_fail(p, "wrong range of latency, expected the smaller time "
                           "first, and a minute at most");
    p->network.latency = LATENCY_RANGE;
    p->network.latency_min_us = low;
    p->network.latency_max_us = high;
    return weather(p);
}

bool scn_share(struct parser *p)
{
    struct network_model *n = &p->network;
    uint64_t *const share[] = {&n->loss, &n->duplicate, &n->reorder};

    if (p->kind == SHARE_DUPLICATE && p->stepping) {
        p->kind = ACT_DUPLICATE;
        return scn_message(p);
    }
    const char *w = scn_word(p);
    if (w == NULL || !parse_fraction(w, share[p->kind]))
        return scn_unexpected(p, w, "a share (0.1%, 5%)");
    return weather(p);
}

bool scn_jitter(struct parser *p)
{
    const char *w = scn_word(p);

    if (!scn_time(p, w, &p->network.jitter_us))
        return false;
    if (p->network.jitter_us > LATENCY_US_MAX)
        return scn_unexpected(p, w, "a minute at most");
    return weather(p);
}

bool scn_bandwidth(struct parser *p)
{
    const char *w = scn_word(p);

    do {
        if (!scn_is(w, "up") && !scn_is(w, "down"))
            return scn_unexpected(p, w, "'bandwidth up 1MB/s down 4MB/s'");
        if (!scn_once(p, w) ||
            !scn_rate(p, scn_word(p),
                      scn_is(w, "up") ? &p->network.up : &p->network.down))
            return false;
    } while ((w = scn_word(p)) != NULL);
    return weather(p);
}

/* -- The run ----------------------------------------------------------------- */

bool scn_run(struct parser *p)
{
    struct act act = act_new(p, ACT_UNTIL);
    const char *w = scn_word(p);

    if (!scn_is(w, "until") || p->stepping)
        return scn_unexpected(p, w,
                              "'run until TIME' or 'run until quiet' on a "
                              "line of its own");
    w = scn_word(p);
    act.time_us = NEVER;
    if (scn_is(w, "quiet")) {
        p->quiet = true;
        return add_act(p, act);
    }
    if (!scn_time(p, w, &act.time_us))
        return false;
    if (p->prefixed || p->quiet)
        return scn_fail(p,
                        "'run until %s' has a time of its own, expected it "
                        "without another and before 'run until quiet'",
                        w);
    if (act.time_us < p->base_us)
        return scn_fail(
            p,
            "time runs backwards, expected %s to be at or after the "
            "line before",
            w);
    p->relative = false;
    p->when_us = act.time_us;
    return add_act(p, act);
}

/* bound crash 2 join 1 restart any drop 0 delay 0 depth 60 */
bool scn_bound(struct parser *p)
{
    static const char *const words[] = {"crash", "join",  "restart",
                                        "drop",  "delay", "depth"};
    const size_t count = sizeof words / sizeof words[0];
    struct bounds *b = &p->s->bounds;
    uint32_t *const bound[] = {&b->crash, &b->join,  &b->restart,
                               &b->drop,  &b->delay, &b->depth};
    const char *w = scn_word(p);

    do {
        uint64_t value = BOUND_ANY;
        size_t i = 0;
        while (i < count && !scn_is(w, words[i]))
            i++;
        if (i == count)
            return scn_unexpected(p, w,
                                  "crash, join, restart, drop, delay or depth");
        if (!scn_once(p, w))
            return false;
        w = scn_word(p);
        if (!scn_is(w, "any") && !scn_number(p, w, BOUND_ANY - 1, &value))
            return false;
        *bound[i] = (uint32_t)value;
    } while ((w = scn_word(p)) != NULL);
    return true;
}

bool scn_grain(struct parser *p)
{
    const char *w = scn_word(p);

    if (!scn_is(w, "message") && !scn_is(w, "operation"))
        return scn_unexpected(p, w, "message or operation");
    p->s->bounds.grain = scn_is(w, "message") ? GRAIN_MESSAGE : GRAIN_OPERATION;
    return scn_done(p);
}
