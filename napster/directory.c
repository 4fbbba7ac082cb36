/* The directory: what users share, searches, and brokering; see server.c. */
#include "napster/server.h"

#include <string.h>

/* -- Files --------------------------------------------------------------- */

/* The nearest value of the MPEG tables.  Source: reference, section 4. */
static uint64_t quantise(uint64_t value, const uint32_t *table, size_t count)
{
    size_t i = 0;

    while (i + 1 < count && table[i] < value)
        i++;
    if (i > 0 && value - table[i - 1] < table[i] - value && value < table[i])
        i--;
    return table[i];
}

static uint64_t quantise_kbps(uint64_t value)
{
    static const uint32_t table[] = {8,   16,  24,  32,  40,  48,
                                     56,  64,  80,  96,  112, 128,
                                     144, 160, 192, 224, 256, 320};

    return quantise(value, table, sizeof table / sizeof *table);
}

static uint64_t quantise_hz(uint64_t value)
{
    static const uint32_t table[] = {16000, 22050, 24000, 32000, 44100, 48000};

    return quantise(value, table, sizeof table / sizeof *table);
}

/* md5 size kbps hz secs, from `f` on. */
static bool read_offer(struct offer *o, struct slice name,
                       const struct slice *f)
{
    o->name = name;
    o->md5 = f[0];
    return name.len > 0 && name.len <= FILE_NAME_MAX && f[0].len <= 64 &&
           napster_sendable(name, true) && napster_sendable(f[0], false) &&
           napster_number(f[1], CONTENT_MAX_BYTES, &o->bytes) &&
           napster_number(f[2], UINT16_MAX, &o->kbps) &&
           napster_number(f[3], UINT32_MAX, &o->hz) &&
           napster_number(f[4], UINT32_MAX, &o->secs);
}

static bool read_sound(struct offer *o, struct slice name,
                       const struct slice *f)
{
    if (!read_offer(o, name, f))
        return false;
    o->media = 0;
    o->kbps = quantise_kbps(o->kbps);
    o->hz = quantise_hz(o->hz);
    return true;
}

static void share(struct napster *n, struct host *h, struct user *u,
                  const struct offer *o)
{
    struct index *x = &n->server->index;

    if (napster_index_find(x, u->number + 1, o->name) != 0)
        server_notice(n, h, u, "duplicate file");
    else if (u->files >= USER_FILES_MAX)
        ANSWER(u, MSG_NOTICE, "You may only share %u files", USER_FILES_MAX);
    else if (napster_index_add(x, h, u->number + 1, o, &u->first_file) == 0)
        server_notice(n, h, u, "the directory is full");
    else
        u->files++;
}

void server_on_share(struct napster *n, struct host *h, struct user *u,
                     const struct request *r)
{
    struct offer o;

    if (r->count != 6 || !read_sound(&o, r->f[0], r->f + 1))
        server_notice(n, h, u, UNPARSABLE);
    else
        share(n, h, u, &o);
}

/* What is no MP3: "file" size hash type, and nothing of sound. */
void server_on_share_typed(struct napster *n, struct host *h, struct user *u,
                           const struct request *r)
{
    static const struct slice none = {"0", 1};
    const struct slice f[] = {r->f[2], r->f[1], none, none, none};
    int media = napster_media(r->f[3]);
    struct offer o;

    if (r->count != 4 || media < 0 || !read_offer(&o, r->f[0], f)) {
        server_notice(n, h, u, UNPARSABLE);
        return;
    }
    o.media = (uint8_t)media;
    share(n, h, u, &o);
}

/* "dir" and then names without it.  All or, from a bad one on, nothing. */
void server_on_share_dir(struct napster *n, struct host *h, struct user *u,
                         const struct request *r)
{
    struct slice text = r->text, dir, f[6];
    char name[2 * FILE_NAME_MAX];
    struct offer o;

    if (napster_split(text, f, 6) < 7 || napster_next(&text, &dir) <= 0) {
        server_notice(n, h, u, UNPARSABLE);
        return;
    }
    for (;;) {
        int count = 0;
        while (count < 6 && napster_next(&text, &f[count]) > 0)
            count++;
        if (count == 0)
            return;
        size_t slash = dir.len > 0 && dir.at[dir.len - 1] != '\\';
        size_t len = dir.len + slash + f[0].len;
        if (count != 6 || len > FILE_NAME_MAX) {
            server_notice(n, h, u, UNPARSABLE);
            return;
        }
        memcpy(name, dir.at, dir.len);
        name[dir.len] = '\\';
        memcpy(name + dir.len + slash, f[0].at, f[0].len);
        if (!read_sound(&o, (struct slice){name, len}, f + 1)) {
            server_notice(n, h, u, UNPARSABLE);
            return;
        }
        share(n, h, u, &o);
    }
}

void server_on_unshare(struct napster *n, struct host *h, struct user *u,
                       const struct request *r)
{
    struct index *x = &n->server->index;
    uint32_t number = napster_index_find(x, u->number + 1, r->text);

    if (number == 0) {
        server_notice(n, h, u, "Not sharing that file");
        return;
    }
    napster_index_remove(x, h, number, &u->first_file);
    u->files--;
}

static const char *md5_of(const struct file *f)
{
    return f->name + f->name_len + 1;
}

/* -- Searches ------------------------------------------------------------ */

struct answer {
    struct napster *n;
    struct host *h;
    struct user *to;
    uint64_t left;
};

static bool send_hit(void *context, uint32_t number)
{
    struct answer *a = context;
    struct napster *n = a->n;
    struct host *h = a->h;
    const struct file *f = napster_file(&n->server->index, number);
    const struct user *owner = n->server->user[f->owner - 1];
    const struct query *q = &n->server->query;

    if (owner == a->to || (owner->port == 0 && a->to->port == 0) ||
        owner->speed < q->speed[0] || owner->speed > q->speed[1])
        return true;
    ANSWER(a->to, MSG_HIT, "\"%s\" %s %llu %u %u %u %s %u %u", f->name,
           md5_of(f), (unsigned long long)f->bytes, f->kbps, f->hz, f->secs,
           owner->nick, napster_ip(owner->peer.ip), owner->speed);
    return --a->left > 0 && !a->to->closing;
}

void server_on_search(struct napster *n, struct host *h, struct user *u,
                      const struct request *r)
{
    struct query *q = &n->server->query;
    const char *wrong = napster_query_read(q, r->text);
    uint64_t cap = (uint64_t)setting(n->settings, OPT_RESULTS);
    struct answer a = {n, h, u, 0};

    n->server->searches++;
    if (wrong != NULL && *wrong == ':')
        ANSWER(u, MSG_NOTICE, "%.*s%s", S(q->word[0]), wrong);
    else if (wrong != NULL)
        server_notice(n, h, u, wrong);
    a.left = q->max < cap ? q->max : cap;
    if (wrong == NULL)
        napster_index_search(&n->server->index, q, send_hit, &a);
    ANSWER(u, MSG_SEARCH_END, "%s", "");
}

void server_on_browse(struct napster *n, struct host *h, struct user *u,
                      const struct request *r)
{
    const struct user *of = napster_user(n->server, r->f[0]);
    uint64_t max = USER_FILES_MAX;

    if (r->count > 1 && !napster_number(r->f[1], UINT32_MAX, &max)) {
        server_notice(n, h, u, UNPARSABLE);
        return;
    }
    if (r->count > 1 && max > BROWSE_MAX)
        max = BROWSE_MAX;
    if (of == NULL) {
        ANSWER(u, MSG_SIGNED_OFF, "%.*s", S(r->f[0]));
        ANSWER(u, MSG_BROWSE_END, "%.*s", S(r->f[0]));
        return;
    }
    for (uint32_t at = of->first_file; at != 0 && max-- > 0 && !u->closing;) {
        const struct file *x = napster_file(&n->server->index, at);
        ANSWER(u, MSG_BROWSE_HIT, "%s \"%s\" %s %llu %u %u %u", of->nick,
               x->name, md5_of(x), (unsigned long long)x->bytes, x->kbps, x->hz,
               x->secs);
        at = x->next;
    }
    ANSWER(u, MSG_BROWSE_END, "%s %u", of->nick, napster_ip(of->peer.ip));
}

/* The other holders of the same bytes: a walk over all users, as it is rare. */
void server_on_resume(struct napster *n, struct host *h, struct user *u,
                      const struct request *r)
{
    struct server *s = n->server;
    uint64_t bytes, left = RESULTS_MAX;

    if (r->count != 2 || !napster_number(r->f[1], CONTENT_MAX_BYTES, &bytes)) {
        server_notice(n, h, u, UNPARSABLE);
        return;
    }
    for (uint32_t i = 0; i < s->used && left > 0; i++) {
        const struct user *of = s->user[i];
        for (uint32_t at = of != NULL ? of->first_file : 0; at != 0;) {
            const struct file *x = napster_file(&s->index, at);
            at = x->next;
            if (x->bytes != bytes || of == u || left == 0 ||
                !napster_same(r->f[0], napster_slice(md5_of(x))))
                continue;
            left--;
            ANSWER(u, MSG_RESUME_HIT, "%s %u %u \"%s\" %s %llu %u", of->nick,
                   napster_ip(of->peer.ip), of->port, x->name, md5_of(x),
                   (unsigned long long)x->bytes, of->speed);
        }
    }
    ANSWER(u, MSG_RESUME_END, "%s", "");
}

/* -- Brokering: Source: reference, 6.1 ----------------------------------- */

/* 204 to the downloader, or 501 to a holder: whom to dial for what. */
static void introduce(struct napster *n, struct host *h, struct user *to,
                      uint16_t type, const struct user *whom,
                      const struct file *f, bool possible)
{
    n->server->brokered++;
    ANSWER(to, type, "%s %u %u \"%s\" %s %u", whom->nick,
           napster_ip(whom->peer.ip), whom->port, f->name,
           possible ? md5_of(f) : "firewallerror", whom->speed);
}

void server_on_download(struct napster *n, struct host *h, struct user *u,
                        const struct request *r)
{
    bool push = r->type == MSG_PUSH;
    struct user *holder =
        r->count == 2 ? napster_user(n->server, r->f[0]) : NULL;
    uint32_t number =
        holder != NULL
            ? napster_index_find(&n->server->index, holder->number + 1, r->f[1])
            : 0;
    const struct file *x =
        number != 0 ? napster_file(&n->server->index, number) : NULL;

    if (r->count != 2)
        server_notice(n, h, u, UNPARSABLE);
    else if (x == NULL)
        ANSWER(u, MSG_NOT_HERE, "%.*s \"%.*s\"", S(r->f[0]), S(r->f[1]));
    else if (push && holder->port != 0)
        ANSWER(u, MSG_NOTICE, "%s is not firewalled", holder->nick);
    else if (!push && holder->port == 0)
        introduce(n, h, u, MSG_DOWNLOAD_OK, holder, x, true);
    else if (push && u->port == 0)
        introduce(n, h, u, MSG_DOWNLOAD_OK, holder, x, false);
    else
        ANSWER(holder, MSG_UPLOAD_ASK, "%s \"%.*s\"", u->nick, S(r->f[1]));
}

void server_on_upload(struct napster *n, struct host *h, struct user *u,
                      const struct request *r)
{
    bool limited = r->type == MSG_QUEUE_LIMIT;
    uint64_t limit = 0;

    if (r->count < 2 ||
        (limited &&
         (r->count != 3 || !napster_number(r->f[2], UINT32_MAX, &limit)))) {
        server_notice(n, h, u, UNPARSABLE);
        return;
    }
    struct user *to = napster_user(n->server, r->f[0]);
    uint32_t number =
        napster_index_find(&n->server->index, u->number + 1, r->f[1]);
    if (to == NULL) {
        server_notice(n, h, u, "User is not currently online.");
        return;
    }
    if (number == 0) {
        server_notice(n, h, u, "Not sharing that file");
        return;
    }
    const struct file *x = napster_file(&n->server->index, number);
    if (r->type == MSG_UPLOAD_NO)
        ANSWER(to, r->type, "%s \"%s\"", u->nick, x->name);
    else if (limited)
        ANSWER(to, MSG_QUEUED, "%s \"%s\" %llu %u", u->nick, x->name,
               (unsigned long long)x->bytes, (unsigned)limit);
    else if (u->port == 0)
        introduce(n, h, u, MSG_PUSH_TO, to, x, true);
    else
        introduce(n, h, to, MSG_DOWNLOAD_OK, u, x, true);
}

/* 218 to 221: the transfers that a user tells of. */
void server_on_transfer(struct napster *n, struct host *h, struct user *u,
                        const struct request *r)
{
    (void)n;
    (void)h;
    if (r->type == MSG_DOWNLOADING)
        u->downloads++;
    else if (r->type == MSG_UPLOADING)
        u->uploads++;
    else if (r->type == MSG_DOWNLOADED)
        u->downloads -= u->downloads > 0;
    else
        u->uploads -= u->uploads > 0;
}
