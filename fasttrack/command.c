/* What a user asks of a node, and the results. */
#include "fasttrack/node.h"

#include <string.h>

static void search(struct fasttrack *n, struct host *h, uint32_t command,
                   const char *words)
{
    uint8_t list[QUERY_WORDS_BYTES + 80], hash[HASH_BYTES];
    struct span terms = {list, 0};
    size_t len = strlen(words);
    struct term t = {CMP_SUBSTRING, TAG_ANY, {(const uint8_t *)words, len}};
    bool by_hash = strncmp(words, "hash:", 5) == 0;

    if (by_hash && !fasttrack_unhex(words + 5, len - 5, hash, HASH_BYTES)) {
        host_failed(h, command, "a UUHash has 40 hexadecimal digits");
        return;
    }
    if (by_hash)
        t = (struct term){CMP_EQUALS, TAG_HASH, {hash, HASH_BYTES}};
    if (len > QUERY_WORDS_BYTES ||
        !fasttrack_put_term(list, sizeof list, &terms.len, &t)) {
        host_failed(h, command, "too many words for one query");
        return;
    }
    fasttrack_search(n, h, command, &terms, 1,
                     by_hash ? REALM_ANY | REALM_BIT : REALM_ANY);
}

/* The N-th file of the last search, or the one of that name; NULL: none. */
static const struct hit *find_hit(const struct fasttrack *n, const char *what,
                                  size_t len)
{
    char number[8] = "";
    uint64_t wanted = 0;

    if (len < sizeof number) {
        memcpy(number, what, len);
        if (!parse_u64(number, HITS_MAX, &wanted))
            wanted = 0;
    }
    for (uint32_t i = 0; i < n->hit_count; i++) {
        if (wanted > 0 ? fasttrack_is_first_hit(n, i) && --wanted == 0
                       : word_is(what, len, n->hits[i].name))
            return &n->hits[i];
    }
    return NULL;
}

/* get N|NAME [kzhash:HEX]; the 16 bytes of the tree, or all 36. */
static void get(struct fasttrack *n, struct host *h, uint32_t command,
                const char *what)
{
    uint8_t tree[MD5_BYTES];
    static const char word[] = " kzhash:";
    size_t len = 0;

    while (what[len] != '\0' && strncmp(what + len, word, sizeof word - 1) != 0)
        len++;
    const char *option = what[len] != '\0' ? what + len : NULL;
    const struct hit *hit = find_hit(n, what, len);

    if (option != NULL) {
        option += sizeof word - 1;
        size_t digits = strlen(option);
        if (digits == 2 * KZHASH_BYTES) {
            option += 2 * HASH_BYTES;
            digits -= 2 * HASH_BYTES;
        }
        if (!fasttrack_unhex(option, digits, tree, MD5_BYTES)) {
            host_failed(h, command, "a kzhash has 32 or 72 hex digits");
            return;
        }
    }
    if (hit == NULL)
        host_failed(h, command, "not among the last search's hits");
    else
        fasttrack_get(n, h, command, hit, option != NULL ? tree : NULL);
}

static void kzhash(struct fasttrack *n, struct host *h, uint32_t command,
                   const char *name)
{
    int content = host_content_find(h, name);
    struct content c;

    if (content < 0 || !host_content(h, content, &c) || c.have < c.bytes)
        host_failed(h, command, "no such file here, or not all of it");
    else if (!fasttrack_tree_begin(n, h, content, command))
        host_failed(h, command, "no memory");
}

static void links(const struct fasttrack *n, struct host *h, uint32_t command)
{
    static const char *const peers[] = {"caller", "parent", "child",
                                        "supernode"};
    struct fields f = fields_new();
    uint32_t count = 0;

    fields_begin(&f, FIELD_LIST, "links");
    for (const struct link *l = n->links; l != NULL; l = l->next) {
        if (l->state != LINK_UP)
            continue;
        count++;
        fields_begin(&f, FIELD_GROUP, "");
        fields_node(&f, "node", l->addr.port != 0 ? l->addr : l->caller);
        fields_text(&f, "is", peers[l->peer]);
        if (l->child != NULL) {
            fields_number(&f, "files", l->child->file_count);
            fields_number(&f, "score", l->child->score);
            fields_bool(&f, "eligible", l->child->eligible);
        }
        fields_end(&f);
    }
    fields_end(&f);
    fields_number(&f, "count", count);
    host_result(h, command, true, &f);
    fields_free(&f);
}

static void show(const struct fasttrack *n, struct host *h, uint32_t command)
{
    struct fields f = fields_new();
    const char *why;

    fields_text(&f, "role", is_supernode(n) ? "supernode" : "ordinary");
    fields_number(&f, "parents", fasttrack_parents(n));
    fields_number(&f, "known", n->known_count);
    fields_number(&f, "score", fasttrack_score(n));
    fields_bool(&f, "eligible", fasttrack_eligible(n, host_now(h), &why));
    fields_number(&f, "participation", fasttrack_participation(n));
    if (is_supernode(n)) {
        fields_number(&f, "children", n->super->children);
        fields_number(&f, "index", n->super->files);
        fields_number(&f, "supernodes", n->super->links);
        fields_number(&f, "queries", n->super->queries);
        fields_number(&f, "forwarded", n->super->forwarded);
        fields_number(&f, "duplicates", n->super->duplicates);
    }
    fields_number(&f, "orphaned_ms", n->orphaned_for_us / 1000);
    fields_number(&f, "sent", n->sent);
    fields_number(&f, "received", n->received);
    fields_number(&f, "dropped", n->dropped);
    host_result(h, command, true, &f);
    fields_free(&f);
}

static void change(struct fasttrack *n, struct host *h, uint32_t command,
                   bool up)
{
    struct fields f = fields_new();
    const char *why;

    if (up == is_supernode(n))
        host_failed(h, command, up ? "it is a supernode" : "it is none");
    else if (up && !fasttrack_eligible(n, host_now(h), &why))
        host_failed(h, command, why);
    else if (!up && option(n, OPT_ROLE) == ROLE_SUPERNODE)
        host_failed(h, command, "its role is fixed");
    else {
        if (up)
            fasttrack_promote(n, h, "its user wants it");
        else
            fasttrack_demote(n, h);
        fields_text(&f, "role", is_supernode(n) ? "supernode" : "ordinary");
        host_result(h, command, true, &f);
    }
    fields_free(&f);
}

void fasttrack_command(struct fasttrack *n, struct host *h,
                       const struct event *e)
{
    const char *text = (const char *)e->data;
    size_t len = word_next(&text);
    const char *rest = text + len;

    rest += *rest == ' ';
    if (n->leaving) {
        host_failed(h, e->command, "the node leaves");
    } else if (word_is(text, len, "search")) {
        search(n, h, e->command, rest);
    } else if (word_is(text, len, "get")) {
        get(n, h, e->command, rest);
    } else if (word_is(text, len, "kzhash")) {
        kzhash(n, h, e->command, rest);
    } else if (word_is(text, len, "hits")) {
        struct fields f = fields_new();
        fasttrack_add_hits(n, &f);
        host_result(h, e->command, true, &f);
        fields_free(&f);
    } else if (word_is(text, len, "links")) {
        links(n, h, e->command);
    } else if (word_is(text, len, "promote")) {
        change(n, h, e->command, true);
    } else if (word_is(text, len, "demote")) {
        change(n, h, e->command, false);
    } else {
        show(n, h, e->command);
    }
}
