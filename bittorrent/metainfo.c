/*
 * Metainfo: reading what nobody vouches for, and writing it; see metainfo.h.
 *
 * The infohash is that of the info dictionary's bytes as they stand in the
 * file.  To decode and encode them again would lose what we do not know of.
 */
#include "bittorrent/metainfo.h"

#include <assert.h>
#include <string.h>

#include "common/hash.h"
#include "common/options.h"
#include "common/text.h"

static int refuse(const char **why, int error, const char *sentence)
{
    *why = sentence;
    return error;
}

/* A name that is a name, and no way out of its folder. */
static bool is_name(const struct bencode *v)
{
    return v->kind == BENCODE_STRING && v->text_len > 0 &&
           v->text_len <= METAINFO_NAME_MAX && !bencode_is(v, ".") &&
           !bencode_is(v, "..") && memchr(v->text, '/', v->text_len) == NULL &&
           memchr(v->text, '\0', v->text_len) == NULL;
}

/* The bytes that a path takes, below the folder; 0: it is none. */
static size_t path_bytes(const struct bencode *path)
{
    struct bencode_walk w = bencode_walk(path);
    struct bencode name;
    size_t bytes = 0, depth = 1; /* the torrent's own folder */

    while (bencode_next(&w, NULL, &name)) {
        if (!is_name(&name) || ++depth > METAINFO_DEPTH_MAX)
            return 0;
        bytes += name.text_len + 1;
    }
    return bytes;
}

static int read_file(const struct bencode *file, uint64_t *bytes,
                     struct bencode *path)
{
    int64_t size = bencode_number(file, "length", -1);

    *bytes = (uint64_t)size;
    if (size < 0 || !bencode_find(file, "path", BENCODE_LIST, path))
        return ERR_MALFORMED;
    return 0;
}

/* Sum up the sizes of the files, and look at each path. */
static int read_file_list(struct metainfo *m, const char **why)
{
    struct bencode_walk w = bencode_walk(&m->files);
    struct bencode file, path;
    uint64_t bytes;

    while (bencode_next(&w, NULL, &file)) {
        if (++m->file_count > METAINFO_FILES_MAX)
            return refuse(why, ERR_LIMIT, "more than 4096 files");
        if (read_file(&file, &bytes, &path) < 0)
            return refuse(why, ERR_MALFORMED, "a file lacks length or path");
        if (bytes > INT64_MAX - m->bytes)
            return refuse(why, ERR_LIMIT, "the files' lengths overflow");
        m->bytes += bytes;
        size_t used = path_bytes(&path);
        if (used == 0)
            return refuse(why, ERR_MALFORMED,
                          "a file's path is empty or would leave the folder");
        if (used + m->name.text_len > METAINFO_PATH_MAX)
            return refuse(why, ERR_LIMIT, "a file's path is too long");
    }
    if (m->file_count == 0)
        return refuse(why, ERR_MALFORMED, "the list of files is empty");
    return 0;
}

/* One file, or a list of them: exactly one of the two. */
static int read_contents(struct metainfo *m, const struct bencode *info,
                         const char **why)
{
    struct bencode length;
    bool single = bencode_find(info, "length", BENCODE_INTEGER, &length);

    if (bencode_find(info, "files", BENCODE_LIST, &m->files) == single)
        return refuse(why, ERR_MALFORMED,
                      "neither one length nor a list of files");
    if (!single)
        return read_file_list(m, why);
    if (length.number < 0)
        return refuse(why, ERR_MALFORMED, "the length is negative");
    m->bytes = (uint64_t)length.number;
    m->file_count = 1;
    return 0;
}

static int read_pieces(struct metainfo *m, const struct bencode *info,
                       const char **why)
{
    int64_t size = bencode_number(info, "piece length", 0);
    struct bencode pieces;

    if (size < PIECE_BYTES_LEAST || (uint64_t)size > PIECE_BYTES_MAX)
        return refuse(why, ERR_MALFORMED, "the piece length makes no sense");
    if (!bencode_find(info, "pieces", BENCODE_STRING, &pieces) ||
        pieces.text_len % INFOHASH_BYTES != 0)
        return refuse(why, ERR_MALFORMED, "pieces are no list of hashes");
    m->piece_bytes = (uint64_t)size;
    m->pieces = pieces.text;
    m->piece_count = (uint32_t)(pieces.text_len / INFOHASH_BYTES);
    uint64_t want = m->bytes / m->piece_bytes + (m->bytes % m->piece_bytes > 0);
    if (m->piece_count == 0 || want != m->piece_count)
        return refuse(why, ERR_MALFORMED,
                      "the number of hashes does not fit the length");
    return 0;
}

/* What the info dictionary at m->info says. */
static int read_info(struct metainfo *m, const struct bencode *info,
                     const char **why)
{
    m->info = info->at;
    m->info_len = info->len;
    hash_sha1(m->infohash, info->at, info->len);
    if (!bencode_find(info, "name", BENCODE_STRING, &m->name) ||
        !is_name(&m->name))
        return refuse(why, ERR_MALFORMED,
                      "the name is missing, empty, or would leave the folder");
    m->is_private = bencode_number(info, "private", 0) == 1;
    int error = read_contents(m, info, why);
    return error < 0 ? error : read_pieces(m, info, why);
}

/* All of `data` as one dictionary. */
static int read_dict(struct bencode *v, const uint8_t *data, size_t len,
                     const char **why)
{
    if (len > METAINFO_BYTES_MAX)
        return refuse(why, ERR_LIMIT, "more than 32 MiB");
    int64_t used = bencode_read(v, data, len, BENCODE_STRICT);
    if (used < 0)
        return refuse(why, (int)used,
                      used == ERR_LIMIT
                          ? "it nests too deep, or a number is too large"
                          : "no canonical bencode");
    if (used == 0)
        return refuse(why, ERR_MALFORMED, "it ends too early");
    if ((size_t)used < len)
        return refuse(why, ERR_MALFORMED, "bytes follow the end");
    if (v->kind != BENCODE_DICT)
        return refuse(why, ERR_MALFORMED, "no dictionary");
    return 0;
}

int metainfo_read(struct metainfo *m, const uint8_t *data, size_t len,
                  const char **why)
{
    struct bencode top, info;

    *m = (struct metainfo){0};
    int error = read_dict(&top, data, len, why);
    if (error < 0)
        return error;
    if (!bencode_find(&top, "info", BENCODE_DICT, &info))
        return refuse(why, ERR_MALFORMED, "no info dictionary");
    (void)bencode_find(&top, "announce", BENCODE_STRING, &m->announce);
    (void)bencode_find(&top, "announce-list", BENCODE_LIST, &m->announce_list);
    (void)bencode_find(&top, "nodes", BENCODE_LIST, &m->nodes);
    (void)bencode_find(&top, "comment", BENCODE_STRING, &m->comment);
    (void)bencode_find(&top, "created by", BENCODE_STRING, &m->created_by);
    m->created = bencode_number(&top, "creation date", 0);
    return read_info(m, &info, why);
}

uint64_t metainfo_piece_bytes(const struct metainfo *m, uint32_t piece)
{
    assert(piece < m->piece_count);
    uint64_t from = piece * m->piece_bytes;

    return m->bytes - from < m->piece_bytes ? m->bytes - from : m->piece_bytes;
}

/* -- Files --------------------------------------------------------------- */

/* Append a name as the host takes it: a leading dot, which would hide the
   file, and what is not printable become '_'. */
static size_t append_name(char *out, size_t at, const struct bencode *name)
{
    const char *s = (const char *)name->text;

    for (size_t i = 0, n; i < name->text_len; i += n) {
        n = text_printable(s + i, name->text_len - i);
        if (n == 0 || (i == 0 && s[0] == '.')) {
            n = 1;
            out[at] = '_';
        } else {
            memcpy(out + at, s + i, n);
        }
        at += n;
    }
    return at;
}

size_t metainfo_path(const struct metainfo *m, const struct metainfo_file *f,
                     char out[METAINFO_PATH_MAX + 1])
{
    struct bencode_walk w = bencode_walk(&f->path);
    struct bencode name;
    size_t at = append_name(out, 0, &m->name);

    while (bencode_next(&w, NULL, &name)) {
        out[at++] = '/';
        at = append_name(out, at, &name);
    }
    out[at] = '\0';
    return at;
}

/* Does another file than `self` lie at this path?  Files hang in chains by
   the hash of their path; equal hashes are taken for equal paths. */
static bool taken(const struct metainfo_file *file, uint32_t count,
                  uint32_t self, uint64_t hash)
{
    for (uint32_t i = file[hash % count].first; i > 0; i = file[i - 1].next)
        if (i - 1 != self && file[i - 1].hash == hash)
            return true;
    return false;
}

/* Does the path of a file, or a folder on its way, belong to another? */
static bool collides(const struct metainfo *m, const struct metainfo_file *file,
                     uint32_t i)
{
    char path[METAINFO_PATH_MAX + 1];
    size_t len = metainfo_path(m, &file[i], path);

    for (size_t at = 1; at <= len; at++)
        if ((at == len || path[at] == '/') &&
            taken(file, m->file_count, i, hash_roll(0, path, at)))
            return true;
    return false;
}

static void list_file(const struct metainfo *m, struct metainfo_file *file,
                      uint32_t i, const struct bencode *entry, uint64_t offset)
{
    struct metainfo_file *f = &file[i];
    char path[METAINFO_PATH_MAX + 1];
    struct bencode attr;

    f->offset = offset;
    f->bytes = m->bytes;
    if (entry != NULL) {
        (void)read_file(entry, &f->bytes, &f->path);
        if (bencode_find(entry, "attr", BENCODE_STRING, &attr)) {
            f->padding = memchr(attr.text, 'p', attr.text_len) != NULL;
            f->executable = memchr(attr.text, 'x', attr.text_len) != NULL;
        }
    }
    f->hash = hash_roll(0, path, metainfo_path(m, f, path));
    if (f->padding)
        return; /* [bep47]: their paths may repeat; nobody writes them */
    uint32_t *first = &file[f->hash % m->file_count].first;
    f->next = *first;
    *first = i + 1;
}

int metainfo_files(const struct metainfo *m, struct metainfo_file *file,
                   const char **why)
{
    struct bencode_walk w = bencode_walk(&m->files);
    struct bencode entry;
    uint64_t offset = 0;
    uint32_t i = 0;

    memset(file, 0, m->file_count * sizeof *file);
    if (m->files.kind == BENCODE_NONE)
        list_file(m, file, 0, NULL, 0);
    for (; bencode_next(&w, NULL, &entry); i++) {
        list_file(m, file, i, &entry, offset);
        offset += file[i].bytes;
    }
    for (i = 0; i < m->file_count; i++)
        if (!file[i].padding && collides(m, file, i))
            return refuse(why, ERR_MALFORMED, "two files have the same path");
    return 0;
}

/* -- Lists of files ------------------------------------------------------ */

static bool take_number(const char **at, uint32_t *number)
{
    *number = 0;
    if (**at < '1' || **at > '9')
        return false;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        if (*number > METAINFO_FILES_MAX)
            return false;
        *number = *number * 10 + (uint32_t)(**at - '0');
    }
    return true;
}

/* The next "3" or "3-5" of a list, and the comma behind it. */
static bool take_range(const char **at, uint32_t *first, uint32_t *last)
{
    if (!take_number(at, first))
        return false;
    *last = *first;
    if (**at == '-') {
        ++*at;
        if (!take_number(at, last) || *last < *first)
            return false;
    }
    if (**at == ',')
        return *++*at != '\0';
    return **at == '\0';
}

bool metainfo_is_list(const char *list, uint32_t file_count)
{
    uint32_t first, last;

    while (*list != '\0')
        if (!take_range(&list, &first, &last) || last > file_count)
            return false;
    return true;
}

bool metainfo_in_list(const char *list, uint32_t number)
{
    bool in = *list == '\0';
    uint32_t first, last;

    while (!in && *list != '\0' && take_range(&list, &first, &last))
        in = number >= first && number <= last;
    return in;
}

/* -- Trackers ------------------------------------------------------------ */

/* [bep12]: where there is an announce-list, announce does not count. */
bool metainfo_tracker(const struct metainfo *m, struct metainfo_trackers *t,
                      struct bencode *url)
{
    struct bencode tier;

    if (!t->begun) {
        t->begun = true;
        t->tiers = bencode_walk(&m->announce_list);
        t->urls = (struct bencode_walk){NULL, NULL, false};
        if (t->tiers.at == t->tiers.end && m->announce.kind != BENCODE_NONE) {
            t->tier = 1;
            *url = m->announce;
            return true;
        }
    }
    for (;;) {
        while (bencode_next(&t->urls, NULL, url))
            if (url->kind == BENCODE_STRING)
                return true;
        if (!bencode_next(&t->tiers, NULL, &tier))
            return false;
        t->tier++;
        t->urls = bencode_walk(&tier);
        t->urls.keys = false; /* of a dictionary, all strings would do */
    }
}

/* -- Nodes of the DHT ---------------------------------------------------- */

bool metainfo_node(struct bencode_walk *nodes, struct bencode *host,
                   uint16_t *port)
{
    struct bencode pair, number, more;

    while (bencode_next(nodes, NULL, &pair)) {
        struct bencode_walk w = bencode_walk(&pair);
        if (pair.kind == BENCODE_LIST && bencode_next(&w, NULL, host) &&
            host->kind == BENCODE_STRING && bencode_next(&w, NULL, &number) &&
            number.kind == BENCODE_INTEGER && number.number > 0 &&
            number.number <= UINT16_MAX && !bencode_next(&w, NULL, &more)) {
            *port = (uint16_t)number.number;
            return true;
        }
    }
    return false;
}

bool metainfo_is_node(const char *node, size_t *host_len, uint64_t *port)
{
    const char *colon = memchr(node, ':', strlen(node));

    *host_len = colon != NULL ? (size_t)(colon - node) : 0;
    return *host_len > 0 && *host_len <= TRACKER_HOST_MAX &&
           parse_u64(colon + 1, UINT16_MAX, port) && *port > 0;
}

/* -- Writing ------------------------------------------------------------- */

static void write_path(struct bencode_writer *w, const char *path)
{
    bencode_put_list(w);
    while (*path != '\0') {
        const char *slash = memchr(path, '/', strlen(path));
        size_t len = slash != NULL ? (size_t)(slash - path) : strlen(path);
        bencode_put_bytes(w, path, len);
        path += len + (slash != NULL);
    }
    bencode_put_end(w);
}

static void write_files(struct bencode_writer *w, const struct metainfo_plan *p)
{
    bencode_put_text(w, "files");
    bencode_put_list(w);
    for (size_t i = 0; i < p->file_count; i++) {
        bencode_put_dict(w);
        bencode_put_text(w, "length");
        bencode_put_number(w, (int64_t)p->file[i].bytes);
        bencode_put_text(w, "path");
        write_path(w, p->file[i].path);
        bencode_put_end(w);
    }
    bencode_put_end(w);
}

/* The keys that every creator writes, and private only where it is meant:
   each further one would change the infohash. */
static void write_info(struct bencode_writer *w, const struct metainfo_plan *p)
{
    bencode_put_dict(w);
    if (p->folder) {
        write_files(w, p);
    } else {
        bencode_put_text(w, "length");
        bencode_put_number(w, (int64_t)p->file[0].bytes);
    }
    bencode_put_text(w, "name");
    bencode_put_text(w, p->name);
    bencode_put_text(w, "piece length");
    bencode_put_number(w, (int64_t)p->piece_bytes);
    bencode_put_text(w, "pieces");
    bencode_put_bytes(w, p->pieces, p->piece_count * INFOHASH_BYTES);
    if (p->is_private) {
        bencode_put_text(w, "private");
        bencode_put_number(w, 1);
    }
    bencode_put_end(w);
}

static void write_trackers(struct bencode_writer *w,
                           const struct metainfo_plan *p)
{
    if (p->tracker_count == 0)
        return;
    bencode_put_text(w, "announce");
    bencode_put_text(w, p->tracker[0]);
    if (p->tracker_count == 1)
        return;
    bencode_put_text(w, "announce-list");
    bencode_put_list(w);
    for (size_t i = 0; i < p->tracker_count; i++) {
        bencode_put_list(w);
        bencode_put_text(w, p->tracker[i]);
        bencode_put_end(w);
    }
    bencode_put_end(w);
}

static void write_nodes(struct bencode_writer *w, const struct metainfo_plan *p)
{
    if (p->node_count == 0)
        return;
    bencode_put_text(w, "nodes");
    bencode_put_list(w);
    for (size_t i = 0; i < p->node_count; i++) {
        size_t host_len;
        uint64_t port;
        bool good = metainfo_is_node(p->node[i], &host_len, &port);
        assert(good);
        bencode_put_list(w);
        bencode_put_bytes(w, p->node[i], host_len);
        bencode_put_number(w, good ? (int64_t)port : 0);
        bencode_put_end(w);
    }
    bencode_put_end(w);
}

void metainfo_write(struct bencode_writer *w, const struct metainfo_plan *p)
{
    assert(p->file_count > 0);
    bencode_put_dict(w); /* keys in order, as bencode wants them */
    write_trackers(w, p);
    if (p->comment != NULL) {
        bencode_put_text(w, "comment");
        bencode_put_text(w, p->comment);
    }
    bencode_put_text(w, "created by");
    bencode_put_text(w, "p2plab");
    if (p->created > 0) {
        bencode_put_text(w, "creation date");
        bencode_put_number(w, p->created);
    }
    bencode_put_text(w, "info");
    write_info(w, p);
    write_nodes(w, p);
    bencode_put_end(w);
}

uint64_t metainfo_piece_choice(uint64_t bytes)
{
    uint64_t piece = PIECE_CHOICE_LEAST;

    while (piece < PIECE_CHOICE_MAX && bytes / piece > 2000)
        piece *= 2;
    return piece;
}
