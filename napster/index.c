/* The directory; see index.h. */
#include "napster/index.h"

#include <string.h>

#include "common/hash.h"
#include "napster/wire.h"

#define BY_NAME 0
#define BY_WORD 1
#define BUCKETS_FIRST 1024u

static void *take(struct index *x, struct host *h, size_t bytes)
{
    void *p = host_alloc(h, bytes);

    x->memory += p != NULL ? bytes : 0;
    return p;
}

static void give(struct index *x, struct host *h, void *p, size_t bytes)
{
    if (p == NULL)
        return;
    x->memory -= bytes;
    host_free(h, p, bytes);
}

/* -- Slots --------------------------------------------------------------- */

static void *slot(const struct slots *s, uint32_t number, size_t bytes)
{
    char *chunk = s->chunk[number / SLOTS_CHUNK];

    return chunk + (size_t)(number % SLOTS_CHUNK) * bytes;
}

/* A zeroed slot's number; 0 when there is none. */
static uint32_t slot_new(struct index *x, struct host *h, struct slots *s,
                         size_t bytes)
{
    uint32_t number = s->free;

    if (number != 0) {
        memcpy(&s->free, slot(s, number, bytes), sizeof s->free);
        memset(slot(s, number, bytes), 0, bytes);
        return number;
    }
    number = s->used + 1;
    if (number >= SLOTS_CHUNK * SLOTS_CHUNKS)
        return 0;
    void **chunk = &s->chunk[number / SLOTS_CHUNK];
    if (*chunk == NULL && (*chunk = take(x, h, SLOTS_CHUNK * bytes)) == NULL)
        return 0;
    return s->used = number;
}

static void slot_free(struct slots *s, uint32_t number, size_t bytes)
{
    memcpy(slot(s, number, bytes), &s->free, sizeof s->free);
    s->free = number;
}

struct file *napster_file(const struct index *x, uint32_t number)
{
    return slot(&x->files, number, sizeof(struct file));
}

static struct word *word_at(const struct index *x, uint32_t number)
{
    return slot(&x->words, number, sizeof(struct word));
}

/* -- Hash chains --------------------------------------------------------- */

static uint32_t hash_lower(uint32_t seed, struct slice s)
{
    uint64_t hash = seed;

    for (size_t i = 0; i < s.len; i++) {
        hash ^= (uint8_t)napster_lower(s.at[i]);
        hash *= UINT64_C(0x100000001b3);
    }
    return (uint32_t)hash_roll_u64(hash, s.len);
}

static uint32_t hash_of(const struct index *x, int which, uint32_t number)
{
    if (which == BY_WORD) {
        const struct word *w = word_at(x, number);
        return hash_lower(0, (struct slice){w->text, w->len});
    }
    const struct file *f = napster_file(x, number);
    return hash_lower(f->owner, (struct slice){f->name, f->name_len});
}

static uint32_t *same_of(const struct index *x, int which, uint32_t number)
{
    return which == BY_WORD ? &word_at(x, number)->same
                            : &napster_file(x, number)->same;
}

static void link_in(struct index *x, int which, uint32_t number)
{
    uint32_t *first =
        &x->bucket[which][hash_of(x, which, number) & x->mask[which]];

    *same_of(x, which, number) = *first;
    *first = number;
}

static void link_out(struct index *x, int which, uint32_t number)
{
    uint32_t *at =
        &x->bucket[which][hash_of(x, which, number) & x->mask[which]];

    while (*at != number)
        at = same_of(x, which, *at);
    *at = *same_of(x, which, number);
}

/* Twice the buckets once there are as many entries as buckets. */
static bool make_room(struct index *x, struct host *h, int which,
                      uint32_t count)
{
    uint32_t *old = x->bucket[which],
             had = old != NULL ? x->mask[which] + 1 : 0;
    uint32_t want = had == 0 ? BUCKETS_FIRST : had * 2;

    if (count < had)
        return true;
    uint32_t *more = take(x, h, want * sizeof *more);
    if (more == NULL)
        return old != NULL;
    x->bucket[which] = more;
    x->mask[which] = want - 1;
    for (uint32_t i = 0; i < had; i++)
        for (uint32_t number = old[i], next; number != 0; number = next) {
            next = *same_of(x, which, number);
            link_in(x, which, number);
        }
    give(x, h, old, had * sizeof *old);
    return true;
}

uint32_t napster_index_find(const struct index *x, uint32_t owner,
                            struct slice name)
{
    uint32_t at = 0;

    if (x->bucket[BY_NAME] != NULL)
        at = x->bucket[BY_NAME][hash_lower(owner, name) & x->mask[BY_NAME]];
    for (; at != 0; at = napster_file(x, at)->same) {
        const struct file *f = napster_file(x, at);
        if (f->owner == owner &&
            napster_same(name, (struct slice){f->name, f->name_len}))
            break;
    }
    return at;
}

static uint32_t word_find(const struct index *x, struct slice s)
{
    uint32_t at = 0;

    if (x->bucket[BY_WORD] != NULL)
        at = x->bucket[BY_WORD][hash_lower(0, s) & x->mask[BY_WORD]];
    while (at != 0 && !napster_same(s, (struct slice){word_at(x, at)->text,
                                                      word_at(x, at)->len}))
        at = word_at(x, at)->same;
    return at;
}

static uint32_t word_new(struct index *x, struct host *h, struct slice s)
{
    uint32_t number;

    if (!make_room(x, h, BY_WORD, x->word_count))
        return 0;
    number = slot_new(x, h, &x->words, sizeof(struct word));
    char *text = number != 0 ? take(x, h, s.len) : NULL;
    if (text == NULL) {
        if (number != 0)
            slot_free(&x->words, number, sizeof(struct word));
        return 0;
    }
    for (size_t i = 0; i < s.len; i++)
        text[i] = napster_lower(s.at[i]);
    word_at(x, number)->text = text;
    word_at(x, number)->len = (uint8_t)s.len;
    x->word_count++;
    link_in(x, BY_WORD, number);
    return number;
}

static void word_drop(struct index *x, struct host *h, uint32_t number)
{
    struct word *w = word_at(x, number);

    link_out(x, BY_WORD, number);
    give(x, h, w->text, w->len);
    give(x, h, w->file, w->cap * sizeof *w->file);
    slot_free(&x->words, number, sizeof *w);
    x->word_count--;
}

/* -- Words of a name ----------------------------------------------------- */

/* A token is a run of letters, digits and apostrophes.
   Source: reference, section 4. */
static bool is_token(char c)
{
    c = napster_lower(c);
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '\'' ||
           (uint8_t)c >= 0x80;
}

/* The next token, cut to TOKEN_MAX; false at the end. */
static bool next_token(struct slice *rest, struct slice *token)
{
    while (rest->len > 0 && !is_token(*rest->at))
        *rest = (struct slice){rest->at + 1, rest->len - 1};
    token->at = rest->at;
    while (rest->len > 0 && is_token(*rest->at))
        *rest = (struct slice){rest->at + 1, rest->len - 1};
    token->len = (size_t)(rest->at - token->at);
    if (token->len > TOKEN_MAX)
        token->len = TOKEN_MAX;
    return token->len > 0;
}

/* The last distinct tokens of a text, FILE_TOKENS_MAX at most. */
static unsigned tokens_of(struct slice text, struct slice *out)
{
    struct slice one;
    unsigned count = 0;

    while (next_token(&text, &one)) {
        bool known = false;
        for (unsigned i = 0; i < count; i++)
            known = known || napster_same(out[i], one);
        if (known)
            continue;
        if (count == FILE_TOKENS_MAX)
            memmove(out, out + 1, --count * sizeof *out);
        out[count++] = one;
    }
    return count;
}

/* Append a file to a word's list; false when memory is short. */
static bool list(struct index *x, struct host *h, uint32_t number,
                 struct token *t)
{
    struct word *w = word_at(x, t->word);

    if (w->count == w->cap) {
        uint32_t cap = w->cap == 0 ? 1 : w->cap < 4 ? 4 : w->cap + w->cap / 2;
        uint32_t *more = take(x, h, cap * sizeof *more);
        if (more == NULL)
            return false;
        if (w->file != NULL)
            memcpy(more, w->file, w->count * sizeof *more);
        give(x, h, w->file, w->cap * sizeof *more);
        w->file = more;
        w->cap = cap;
    }
    t->at = w->count;
    w->file[w->count++] = number;
    return true;
}

/* Take a file out of a word's list; the last one fills its place. */
static void unlist(struct index *x, struct host *h, const struct token *t)
{
    struct word *w = word_at(x, t->word);
    uint32_t last = w->file[--w->count];
    const struct file *f = napster_file(x, last);

    w->file[t->at] = last;
    for (unsigned i = 0; i < f->token_count; i++)
        if (f->token[i].word == t->word)
            f->token[i].at = t->at;
    if (w->count == 0)
        word_drop(x, h, t->word);
}

static void free_file(struct index *x, struct host *h, uint32_t number,
                      unsigned tokens)
{
    struct file *f = napster_file(x, number);

    give(x, h, f->name, f->name_len + f->md5_len + 2u);
    give(x, h, f->token, tokens * sizeof *f->token);
    slot_free(&x->files, number, sizeof *f);
}

static bool add_tokens(struct index *x, struct host *h, uint32_t number,
                       const struct slice *token, unsigned count)
{
    struct file *f = napster_file(x, number);

    for (unsigned i = 0; i < count; i++) {
        struct token *t = &f->token[i];
        t->word = word_find(x, token[i]);
        if (t->word == 0)
            t->word = word_new(x, h, token[i]);
        if (t->word == 0)
            return false;
        if (!list(x, h, number, t)) {
            if (word_at(x, t->word)->count == 0)
                word_drop(x, h, t->word);
            return false;
        }
        f->token_count++;
    }
    return true;
}

uint32_t napster_index_add(struct index *x, struct host *h, uint32_t owner,
                           const struct offer *o, uint32_t *first)
{
    struct slice token[FILE_TOKENS_MAX];
    unsigned count = tokens_of(o->name, token);

    if (!make_room(x, h, BY_NAME, x->count))
        return 0;
    uint32_t number = slot_new(x, h, &x->files, sizeof(struct file));
    if (number == 0)
        return 0;
    struct file *f = napster_file(x, number);
    f->owner = owner;
    f->bytes = o->bytes;
    f->kbps = (uint16_t)o->kbps;
    f->hz = (uint32_t)o->hz;
    f->secs = (uint32_t)o->secs;
    f->media = o->media;
    f->name_len = (uint16_t)o->name.len;
    f->md5_len = (uint8_t)o->md5.len;
    f->name = take(x, h, o->name.len + o->md5.len + 2);
    f->token = count > 0 ? take(x, h, count * sizeof *f->token) : NULL;
    if (f->name == NULL || (count > 0 && f->token == NULL) ||
        !add_tokens(x, h, number, token, count)) {
        while (f->token_count > 0) {
            f->token_count--;
            unlist(x, h, &f->token[f->token_count]);
        }
        free_file(x, h, number, count);
        return 0;
    }
    memcpy(f->name, o->name.at, o->name.len);
    memcpy(f->name + o->name.len + 1, o->md5.at, o->md5.len);
    f->next = *first;
    if (*first != 0)
        napster_file(x, *first)->prev = number;
    *first = number;
    link_in(x, BY_NAME, number);
    x->count++;
    x->bytes += f->bytes;
    return number;
}

void napster_index_remove(struct index *x, struct host *h, uint32_t number,
                          uint32_t *first)
{
    struct file *f = napster_file(x, number);
    unsigned count = f->token_count;

    link_out(x, BY_NAME, number);
    if (f->prev != 0)
        napster_file(x, f->prev)->next = f->next;
    else
        *first = f->next;
    if (f->next != 0)
        napster_file(x, f->next)->prev = f->prev;
    for (unsigned i = count; i-- > 0;)
        unlist(x, h, &f->token[i]);
    x->count--;
    x->bytes -= f->bytes;
    free_file(x, h, number, count);
}

/* -- Searches ------------------------------------------------------------ */

static bool is_word(struct slice s, const char *word)
{
    return napster_same(s, napster_slice(word));
}

static bool add_words(struct query *q, struct slice text, size_t *used)
{
    struct slice one;

    while (next_token(&text, &one)) {
        bool known = false;
        for (unsigned i = 0; i < q->count; i++)
            known = known || napster_same(q->word[i], one);
        if (known)
            continue;
        if (q->count == FILE_TOKENS_MAX)
            return false;
        char *to = q->text + *used;
        for (size_t i = 0; i < one.len; i++)
            to[i] = napster_lower(one.at[i]);
        q->word[q->count++] = (struct slice){to, one.len};
        *used += one.len;
    }
    return true;
}

static const char invalid[] = "invalid search request";
static const char bad_compare[] = ": invalid comparison for search";
static const char bad_type[] = ": invalid type for search";

/* LINESPEED, BITRATE, FREQ: a comparison and a number. */
static const char *read_bound(struct query *q, struct slice *text,
                              uint64_t bound[2], uint64_t max)
{
    struct slice how, number;
    uint64_t value;

    if (napster_next(text, &how) <= 0 || napster_next(text, &number) <= 0)
        return invalid;
    bool least = is_word(how, "AT LEAST"), best = is_word(how, "AT BEST");
    bool equal = is_word(how, "EQUAL TO");
    if (!least && !best && !equal) {
        q->word[0] = how;
        return bad_compare;
    }
    if (!napster_number(number, max, &value))
        return invalid;
    if (least || equal)
        bound[0] = value;
    if (best || equal)
        bound[1] = value;
    return NULL;
}

int napster_media(struct slice type)
{
    static const char *const types[] = {"mp3",         "audio", "video",
                                        "application", "image", "text"};

    for (int i = 0; i < 6; i++)
        if (is_word(type, types[i]))
            return i;
    return ERR_MALFORMED;
}

static const char *read_type(struct query *q, struct slice *text)
{
    struct slice type;

    if (napster_next(text, &type) <= 0)
        return invalid;
    int media = napster_media(type);
    if (media < 0) {
        q->word[0] = type;
        return bad_type;
    }
    q->media = (uint8_t)media;
    return NULL;
}

static const char *read_clause(struct query *q, struct slice key,
                               struct slice *text, size_t *used)
{
    struct slice word;

    if (is_word(key, "FILENAME")) {
        if (napster_next(text, &word) <= 0 || !is_word(word, "CONTAINS") ||
            napster_next(text, &word) <= 0 || !add_words(q, word, used))
            return invalid;
    } else if (is_word(key, "MAX_RESULTS")) {
        if (napster_next(text, &word) <= 0 ||
            !napster_number(word, UINT32_MAX, &q->max) || q->max == 0)
            return invalid;
    } else if (is_word(key, "LINESPEED")) {
        return read_bound(q, text, q->speed, 10);
    } else if (is_word(key, "BITRATE")) {
        return read_bound(q, text, q->kbps, UINT32_MAX);
    } else if (is_word(key, "FREQ")) {
        return read_bound(q, text, q->hz, UINT32_MAX);
    } else if (is_word(key, "TYPE")) {
        return read_type(q, text);
    } else if (!is_word(key, "LOCAL")) {
        return invalid;
    }
    return NULL;
}

const char *napster_query_read(struct query *q, struct slice text)
{
    const char *wrong = NULL;
    struct slice key, rest = text;
    size_t used = 0;
    int more = napster_next(&rest, &key) == 0 ? ERR_MALFORMED : 0; /* blank */

    q->count = 0;
    q->max = RESULTS_MAX;
    q->media = 0;
    q->kbps[0] = q->hz[0] = q->speed[0] = 0;
    q->kbps[1] = q->hz[1] = q->speed[1] = UINT64_MAX;
    while (more >= 0 && wrong == NULL && (more = napster_next(&text, &key)) > 0)
        wrong = read_clause(q, key, &text, &used);
    return more < 0 ? invalid : wrong;
}

static bool contains(const struct file *f, struct slice word)
{
    for (size_t i = 0; i + word.len <= f->name_len; i++) {
        size_t k = 0;
        while (k < word.len && napster_lower(f->name[i + k]) == word.at[k])
            k++;
        if (k == word.len)
            return true;
    }
    return false;
}

static bool within(uint64_t value, const uint64_t bound[2])
{
    return value >= bound[0] && value <= bound[1];
}

static bool matches(const struct file *f, const struct query *q)
{
    if (f->media != q->media || !within(f->kbps, q->kbps) ||
        !within(f->hz, q->hz))
        return false;
    for (unsigned i = 0; i < q->count; i++)
        if (!contains(f, q->word[i]))
            return false;
    return true;
}

/* Source: reference, section 4: every word must exist; then the rarest
   word's files are tried. */
void napster_index_search(struct index *x, const struct query *q,
                          bool (*found)(void *context, uint32_t file),
                          void *context)
{
    const struct word *rarest = NULL;

    for (unsigned i = 0; i < q->count; i++) {
        uint32_t number = word_find(x, q->word[i]);
        if (number == 0)
            return;
        const struct word *w = word_at(x, number);
        if (rarest == NULL || w->count < rarest->count)
            rarest = w;
    }
    for (uint32_t i = 0; rarest != NULL && i < rarest->count; i++) {
        x->walked++;
        if (matches(napster_file(x, rarest->file[i]), q) &&
            !found(context, rarest->file[i]))
            return;
    }
}
