/*
 * The torrent: pieces, what is here of them, their hashes, and resume.
 *
 * Blocks are written as they come; a piece counts, is told of and is served
 * only once the bytes read back have its hash.  What fails is forgotten and
 * fetched anew.  Which pieces are good is remembered beside the content, so
 * the next start hashes only what came after that was last saved.
 */
#include "bittorrent/node.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"

/* -- Geometry ------------------------------------------------------------ */

uint64_t torrent_offset(const struct torrent *t, uint32_t piece)
{
    return piece * t->meta.piece_bytes;
}

uint32_t torrent_block_count(const struct torrent *t, uint32_t piece)
{
    uint64_t bytes = metainfo_piece_bytes(&t->meta, piece);

    return (uint32_t)((bytes + BLOCK_BYTES - 1) / BLOCK_BYTES);
}

struct block torrent_block(const struct torrent *t, uint32_t piece,
                           uint32_t index)
{
    uint64_t left =
        metainfo_piece_bytes(&t->meta, piece) - (uint64_t)index * BLOCK_BYTES;

    return (struct block){piece, index * BLOCK_BYTES,
                          left < BLOCK_BYTES ? (uint32_t)left : BLOCK_BYTES};
}

uint64_t torrent_left(const struct torrent *t)
{
    uint64_t have = t->have_count * t->meta.piece_bytes;
    uint32_t last = t->meta.piece_count - 1;

    if (t->state < TORRENT_CHECKING || t->have_count == 0)
        return t->meta.bytes;
    if (bit_is_set(t->have, last))
        have -= t->meta.piece_bytes - metainfo_piece_bytes(&t->meta, last);
    return t->meta.bytes - have;
}

/* The files that are wanted, as metainfo_in_list takes them. */
static const char *wanted_files(const struct bittorrent *n)
{
    const char *list = setting_text(n->settings, OPT_FILES);

    return *list != '\0' ? list : n->files;
}

/* -- What is remembered -------------------------------------------------- */

/* "pieces-" and the infohash. */
static void blob_name(const struct torrent *t, char name[48])
{
    static const char digits[] = "0123456789abcdef";

    memcpy(name, "pieces-", 7);
    for (size_t i = 0; i < INFOHASH_BYTES; i++) {
        name[7 + 2 * i] = digits[t->infohash[i] >> 4];
        name[8 + 2 * i] = digits[t->infohash[i] & 15];
    }
    name[47] = '\0';
}

void torrent_save(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    char name[48];

    if (t->state != TORRENT_OPEN || !t->unsaved)
        return;
    blob_name(t, name);
    (void)host_save(h, name, t->have, bits_bytes(t->meta.piece_count));
    t->unsaved = false;
}

static void load_good(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    size_t bytes = bits_bytes(t->meta.piece_count);
    char name[48];

    blob_name(t, name);
    if (setting(n->settings, OPT_VERIFY) == VERIFY_ALL ||
        host_load(h, name, t->good, bytes) != (int)bytes)
        memset(t->good, 0, bytes); /* all is hashed */
}

/* -- Partial pieces ------------------------------------------------------ */

struct partial *torrent_partial(struct torrent *t, uint32_t piece)
{
    struct partial *p = t->partials;

    while (p != NULL && p->piece != piece)
        p = p->next;
    return p;
}

/* Forget what came of a piece: its blocks are free to be asked for. */
static void drop_partial(struct torrent *t, struct host *h, struct partial *p)
{
    struct partial **at = &t->partials;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    bit_clear(t->busy, p->piece);
    host_free(h, p->block, p->block_count);
    host_free(h, p, sizeof *p);
}

static void hash_piece(struct bittorrent *n, struct host *h, uint32_t piece)
{
    struct torrent *t = &n->torrent;

    host_content_hash(h, t->content, torrent_offset(t, piece),
                      metainfo_piece_bytes(&t->meta, piece), CONTENT_SHA1,
                      piece);
}

bool torrent_write(struct bittorrent *n, struct host *h, const struct block *b,
                   const uint8_t *data, struct addr from)
{
    struct torrent *t = &n->torrent;
    struct partial *p = torrent_partial(t, b->piece);
    uint32_t index = b->begin / BLOCK_BYTES;

    if (p == NULL || p->hashing || p->block[index] == BLOCK_HERE) {
        t->wasted += b->length; /* the endgame's price */
        return true;
    }
    if (host_content_write(h, t->content,
                           torrent_offset(t, b->piece) + b->begin, data,
                           b->length) != 0) {
        t->full = host_content_trouble(h);
        p->block[index] = 0;
        return false;
    }
    if (p->here_count == 0)
        p->sender = from;
    p->mixed = p->mixed || !addr_equal(p->sender, from);
    p->block[index] = BLOCK_HERE;
    p->here_count++;
    p->hashing = p->here_count == p->block_count;
    if (p->hashing)
        hash_piece(n, h, b->piece);
    return true;
}

/* -- Hashes -------------------------------------------------------------- */

static void count_piece(struct torrent *t, uint32_t piece)
{
    assert(!bit_is_set(t->have, piece));
    bit_set(t->have, piece);
    t->have_count++;
    t->missing -= !bit_is_set(t->unwanted, piece);
    t->unsaved = true;
}

/* Give the files their names: all of them, or those that were chosen. */
static void name_files(struct bittorrent *n, struct host *h)
{
    const struct torrent *t = &n->torrent;
    const char *list = wanted_files(n);
    int error = 0;

    if (torrent_is_whole(t))
        error = host_content_complete(h, t->content);
    for (uint32_t i = 0; !torrent_is_whole(t) && i < t->meta.file_count; i++)
        if (metainfo_in_list(list, i + 1) &&
            host_content_name(h, t->content, i) != 0)
            error = ERR_SYSTEM;
    if (error != 0)
        host_note(h, "all is here, but the files keep their .part names: "
                     "others have theirs");
}

static void finish(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;

    if (t->complete || t->missing > 0)
        return;
    t->complete = true;
    t->done_us = host_now(h);
    torrent_save(n, h);
    name_files(n, h);
    swarm_on_complete(n, h);
}

/* Hash the next piece that is here and not known to be good; at the end, the
   torrent is open. */
static void check_more(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    struct content c;

    while (t->check_next < t->meta.piece_count) {
        uint32_t piece = t->check_next++;
        if (!host_content_has(h, t->content, torrent_offset(t, piece),
                              metainfo_piece_bytes(&t->meta, piece)))
            continue;
        if (!bit_is_set(t->good, piece) &&
            setting(n->settings, OPT_VERIFY) != VERIFY_OFF) {
            hash_piece(n, h, piece);
            return;
        }
        count_piece(t, piece);
    }
    t->state = TORRENT_OPEN;
    host_note(h, "%u of %u pieces are here", t->have_count,
              t->meta.piece_count);
    t->complete = t->missing == 0;
    t->foreign = !t->complete && host_content(h, t->content, &c) && c.complete;
    if (t->complete)
        name_files(n, h);
    swarm_on_open(n, h);
}

static void check_hashed(struct bittorrent *n, struct host *h, uint32_t piece,
                         bool right)
{
    struct torrent *t = &n->torrent;

    if (right)
        count_piece(t, piece);
    else
        host_content_forget(h, t->content, torrent_offset(t, piece),
                            metainfo_piece_bytes(&t->meta, piece));
    check_more(n, h);
}

/* Source: [bep3] a piece whose hash is wrong is fetched again.  Who alone
   sent it lied; if there were several, it is fetched of one, so that next
   time there is only one who can have lied. */
static void piece_hashed(struct bittorrent *n, struct host *h, uint32_t piece,
                         bool right, bool read)
{
    struct torrent *t = &n->torrent;
    struct partial *p = torrent_partial(t, piece);

    if (p == NULL)
        return;
    struct addr sender = p->sender;
    bool alone = !p->mixed;
    drop_partial(t, h, p);
    if (right) {
        count_piece(t, piece);
        peer_on_piece(n, h, piece);
        finish(n, h);
        return;
    }
    host_content_forget(h, t->content, torrent_offset(t, piece),
                        metainfo_piece_bytes(&t->meta, piece));
    if (!read) { /* nobody's fault: there was no room for all of it */
        t->full = host_content_trouble(h);
        host_note(h, "%s", t->full);
        return;
    }
    t->bad_pieces++;
    host_note(h, "piece %u fails its hash: forgotten", piece);
    if (alone) { /* who also spoilt the others, as likely as not */
        memset(t->suspect, 0, bits_bytes(t->meta.piece_count));
        peer_ban(n, h, sender);
    } else {
        bit_set(t->suspect, piece);
    }
    peer_ask_all(n, h);
}

/* -- Making a torrent ---------------------------------------------------- */

static void hash_for_making(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    uint64_t offset = t->check_next * t->meta.piece_bytes;
    uint64_t left = t->meta.bytes - offset;

    host_content_hash(h, t->content, offset,
                      left < t->meta.piece_bytes ? left : t->meta.piece_bytes,
                      CONTENT_SHA1, t->check_next);
}

void torrent_make(struct bittorrent *n, struct host *h, int content)
{
    struct torrent *t = &n->torrent;
    struct content c;
    uint64_t piece = (uint64_t)setting(n->settings, OPT_PIECE);

    if (!host_content(h, content, &c) || c.bytes == 0 ||
        c.bytes / piece >= PIECES_MADE_MAX)
        return;
    t->content = content;
    t->meta.bytes = c.bytes;
    t->meta.piece_bytes = piece;
    t->meta.piece_count = (uint32_t)((c.bytes + piece - 1) / piece);
    t->digests = host_alloc(h, t->meta.piece_count * (size_t)SHA1_BYTES);
    if (t->digests == NULL)
        return;
    t->state = TORRENT_MAKING;
    hash_for_making(n, h);
}

/* All pieces are hashed: write the metainfo, and open it. */
static void made(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    const char *announce = setting_text(n->settings, OPT_ANNOUNCE);
    struct text url = text_new();
    struct content c;
    size_t digests = t->meta.piece_count * (size_t)SHA1_BYTES;
    size_t room = digests + 4096;
    uint8_t *file = host_alloc(h, room);
    const char *why = "no memory";

    if (*announce != '\0') {
        text_add(&url, announce);
    } else if (!addr_none(n->join)) {
        text_add(&url, "http://");
        addr_text(&url, n->join);
        text_add(&url, "/announce");
    }
    host_content(h, t->content, &c);
    struct metainfo_plan_file one = {c.name, c.bytes};
    const char *tracker = url.data;
    struct metainfo_plan plan = {.name = c.name,
                                 .tracker = &tracker,
                                 .tracker_count = url.len > 0 &&
                                                  strcmp(tracker, "none") != 0,
                                 .file = &one,
                                 .file_count = 1,
                                 .piece_bytes = t->meta.piece_bytes,
                                 .pieces = t->digests,
                                 .piece_count = t->meta.piece_count};
    struct bencode_writer w = {.out = file, .room = file != NULL ? room : 0};
    metainfo_write(&w, &plan);
    text_free(&url);
    host_free(h, t->digests, digests);
    *t = (struct torrent){.state = TORRENT_NONE};
    if (file == NULL || w.bad || !torrent_open(n, h, file, w.at, &why))
        host_note(h, "no torrent of it: %s", why);
    host_free(h, file, room);
}

void torrent_on_hashed(struct bittorrent *n, struct host *h,
                       const struct event *e)
{
    struct torrent *t = &n->torrent;

    if (t->state == TORRENT_NONE || t->state == TORRENT_ASKING ||
        e->content != t->content || e->tag >= t->meta.piece_count)
        return;
    if (t->state == TORRENT_MAKING) {
        if (e->len != SHA1_BYTES)
            return;
        memcpy(t->digests + e->tag * (size_t)SHA1_BYTES, e->data, SHA1_BYTES);
        if (++t->check_next < t->meta.piece_count)
            hash_for_making(n, h);
        else
            made(n, h);
        return;
    }
    bool right = e->len == SHA1_BYTES &&
                 memcmp(t->meta.pieces + e->tag * (size_t)SHA1_BYTES, e->data,
                        SHA1_BYTES) == 0;
    if (t->state == TORRENT_CHECKING)
        check_hashed(n, h, e->tag, right);
    else
        piece_hashed(n, h, e->tag, right, e->len > 0);
}

/* -- Opening ------------------------------------------------------------- */

/* Begin the content that the metainfo describes, or find it. */
static int begin_content(struct host *h, const struct metainfo *m,
                         const char **why)
{
    size_t files = m->file_count * sizeof(struct metainfo_file);
    size_t lists = m->file_count * sizeof(struct content_file);
    size_t paths = m->file_count * (size_t)(METAINFO_PATH_MAX + 1);
    struct metainfo_file *file = host_alloc(h, files);
    struct content_file *list = host_alloc(h, lists);
    char *path = host_alloc(h, paths);
    char name[METAINFO_NAME_MAX + 1] = "";
    int content = ERR_SYSTEM;

    *why = "no memory";
    if (file != NULL && list != NULL && path != NULL) {
        content = metainfo_files(m, file, why);
        for (uint32_t i = 0; content == 0 && i < m->file_count; i++) {
            char *at = path + i * (size_t)(METAINFO_PATH_MAX + 1);
            metainfo_path(m, &file[i], at);
            list[i] =
                (struct content_file){file[i].padding ? "" : at, file[i].bytes};
        }
        memcpy(name, m->name.text, m->name.text_len);
        if (content == 0) {
            content = host_content_new(h, name, list, m->file_count);
            *why = content == ERR_MALFORMED
                       ? "a path in it is hidden, ends in .part or is not "
                         "printable"
                   : content == ERR_LIMIT ? "other files of that name are there"
                                          : "the folder cannot be written";
        }
    }
    host_free(h, file, files);
    host_free(h, list, lists);
    host_free(h, path, paths);
    return content;
}

/* Which pieces hold nothing that is wanted?  All that hold a byte of a chosen
   file are fetched, with what they hold of its neighbours. */
static bool choose_pieces(struct bittorrent *n, struct host *h)
{
    struct torrent *t = &n->torrent;
    const char *list = wanted_files(n), *why;
    size_t files = t->meta.file_count * sizeof(struct metainfo_file);
    struct metainfo_file *file = host_alloc(h, files);

    if (file == NULL || metainfo_files(&t->meta, file, &why) != 0)
        return false;
    memset(t->unwanted, 0xff, bits_bytes(t->meta.piece_count));
    for (uint32_t i = 0; i < t->meta.file_count; i++) {
        if (file[i].bytes == 0 || !metainfo_in_list(list, i + 1))
            continue;
        uint64_t end = file[i].offset + file[i].bytes;
        t->wanted_bytes += file[i].bytes;
        for (uint64_t at = file[i].offset / t->meta.piece_bytes;
             at * t->meta.piece_bytes < end; at++)
            bit_clear(t->unwanted, (uint32_t)at);
    }
    for (uint32_t i = 0; i < t->meta.piece_count; i++)
        t->wanted_count += !bit_is_set(t->unwanted, i);
    t->missing = t->wanted_count;
    host_free(h, file, files);
    return true;
}

bool torrent_open(struct bittorrent *n, struct host *h, const uint8_t *file,
                  size_t len, const char **why)
{
    struct torrent *t = &n->torrent;
    struct metainfo m;

    if (metainfo_read(&m, file, len, why) != 0)
        return false;
    *why = "there are no files of those numbers, as in 1,3-5";
    if (!metainfo_is_list(wanted_files(n), m.file_count))
        return false;
    int content = begin_content(h, &m, why);
    if (content < 0)
        return false;
    *t = (struct torrent){.content = content, .file_len = len};
    size_t bits = bits_bytes(m.piece_count);
    t->file = host_alloc(h, len);
    t->have = host_alloc(h, bits + 1); /* an empty torrent has no pieces */
    t->good = host_alloc(h, bits + 1);
    t->busy = host_alloc(h, bits + 1);
    t->suspect = host_alloc(h, bits + 1);
    t->unwanted = host_alloc(h, bits + 1);
    t->copies = host_alloc(h, (m.piece_count + 1) * sizeof *t->copies);
    *why = "no memory";
    if (t->file == NULL || t->have == NULL || t->good == NULL ||
        t->busy == NULL || t->suspect == NULL || t->unwanted == NULL ||
        t->copies == NULL)
        return false;
    memcpy(t->file, file, len);
    int error = metainfo_read(&t->meta, t->file, len, why);
    assert(error == 0); /* the same bytes, in their place */
    (void)error;
    memcpy(t->infohash, t->meta.infohash, INFOHASH_BYTES);
    if (!choose_pieces(n, h))
        return false;
    t->state = TORRENT_CHECKING;
    t->begun_us = host_now(h);
    (void)host_save(h, "torrent", file, len);
    load_good(n, h);
    check_more(n, h);
    return true;
}
