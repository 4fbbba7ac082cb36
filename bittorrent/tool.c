/*
 * The verbs that people expect of a BitTorrent client; see main.h.
 *
 *   create   walks a folder in the order of names, hashes its files as one
 *            sequence of bytes, piece by piece, and writes the metainfo
 *   info     reads a .torrent or a magnet link and says what is in it
 *   get, seed
 *            leave the .torrent where the node finds what it had open the last
 *            time (host_load), and run that node
 */
#include "bittorrent/main.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bittorrent/announcer.h"
#include "bittorrent/magnet.h"
#include "bittorrent/metainfo.h"
#include "bittorrent/node.h"
#include "common/cli.h"
#include "common/content.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/verbs.h"

/* -- create -------------------------------------------------------------- */

struct job {
    const struct program *program;
    struct metainfo_plan plan;
    char *path[METAINFO_FILES_MAX]; /* below `root`, '/' between names */
    struct metainfo_plan_file file[METAINFO_FILES_MAX];
    const char *root;
    uint64_t bytes;
    uint8_t *digests;
    struct hash *hash; /* of the piece under way */
    uint64_t hashed;   /* bytes of it */
};

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int not_hidden(const struct dirent *d)
{
    return d->d_name[0] != '.'; /* nor . and .. */
}

static char *joined(const char *a, const char *b)
{
    size_t len = strlen(a) + strlen(b) + 2;
    char *s = malloc(len);

    if (s != NULL)
        snprintf(s, len, "%s%s%s", a, *a != '\0' ? "/" : "", b);
    return s;
}

static int add_file(struct job *j, const char *path, const struct stat *s)
{
    size_t i = j->plan.file_count;

    if (i == METAINFO_FILES_MAX)
        return cli_error(j->program, "more than %d files", METAINFO_FILES_MAX);
    j->path[i] = joined("", path);
    if (j->path[i] == NULL)
        return cli_error(j->program, "no memory");
    j->file[i].path = j->path[i];
    j->file[i].bytes = (uint64_t)s->st_size;
    j->bytes += j->file[i].bytes;
    j->plan.file_count++;
    return EXIT_OK;
}

/* List the files below root/path; links and devices are left out. */
static int walk(struct job *j, const char *path, unsigned depth)
{
    struct dirent **list = NULL;
    char *folder = *path != '\0' ? joined(j->root, path) : joined(j->root, "");
    int status = EXIT_OK;
    int count =
        folder != NULL ? scandir(folder, &list, not_hidden, by_name) : -1;

    if (count < 0)
        status = cli_error(j->program, "cannot read folder %s: %s", j->root,
                           strerror(errno));
    for (int i = 0; i < count; i++) {
        char *name = joined(path, list[i]->d_name);
        char *full = name != NULL ? joined(j->root, name) : NULL;
        struct stat s;
        if (status == EXIT_OK && full == NULL)
            status = cli_error(j->program, "no memory");
        else if (status == EXIT_OK && lstat(full, &s) == 0) {
            if (S_ISREG(s.st_mode))
                status = add_file(j, name, &s);
            else if (S_ISDIR(s.st_mode) && depth < METAINFO_DEPTH_MAX - 1)
                status = walk(j, name, depth + 1);
        }
        free(name);
        free(full);
        free(list[i]);
    }
    free(list);
    free(folder);
    return status;
}

static void end_piece(struct job *j)
{
    uint8_t digest[SHA256_BYTES];

    assert(j->digests != NULL && j->hash != NULL);
    hash_end(j->hash, digest);
    memcpy(j->digests + j->plan.piece_count * INFOHASH_BYTES, digest,
           INFOHASH_BYTES);
    j->plan.piece_count++;
    j->hash = NULL;
    j->hashed = 0;
}

static void hash_bytes(struct job *j, const uint8_t *data, size_t len)
{
    while (len > 0) {
        uint64_t room = j->plan.piece_bytes - j->hashed;
        size_t part = len < room ? len : (size_t)room;
        if (j->hash == NULL)
            j->hash = hash_begin(HASH_SHA1);
        hash_add(j->hash, data, part);
        j->hashed += part;
        data += part;
        len -= part;
        if (j->hashed == j->plan.piece_bytes)
            end_piece(j);
    }
}

static int hash_file(struct job *j, size_t i, uint8_t *buffer, size_t room)
{
    char *path =
        j->plan.folder ? joined(j->root, j->path[i]) : joined("", j->root);
    int fd = path != NULL ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    uint64_t read_bytes = 0;
    ssize_t got = -1;

    while (fd >= 0 && (got = read(fd, buffer, room)) > 0 &&
           read_bytes + (uint64_t)got <= j->file[i].bytes) {
        hash_bytes(j, buffer, (size_t)got);
        read_bytes += (uint64_t)got;
    }
    int status = EXIT_OK;
    if (got < 0)
        status = cli_error(j->program, "cannot read %s: %s",
                           path != NULL ? path : "", strerror(errno));
    else if (got > 0 || read_bytes != j->file[i].bytes)
        status = cli_error(j->program, "%s changed while it was read", path);
    if (fd >= 0)
        close(fd);
    free(path);
    return status;
}

static int hash_all(struct job *j)
{
    enum { BUFFER = 256 * 1024 };
    uint64_t pieces = j->bytes / j->plan.piece_bytes + 1;
    uint8_t *buffer = malloc(BUFFER);
    int status = EXIT_OK;

    if (pieces * INFOHASH_BYTES > METAINFO_BYTES_MAX)
        status = cli_error(j->program, "too many pieces; choose a larger "
                                       "--piece");
    else if ((j->digests = malloc((size_t)pieces * INFOHASH_BYTES)) == NULL ||
             buffer == NULL)
        status = cli_error(j->program, "no memory");
    for (size_t i = 0; i < j->plan.file_count && status == EXIT_OK; i++)
        status = hash_file(j, i, buffer, BUFFER);
    if (status == EXIT_OK && j->hashed > 0)
        end_piece(j);
    j->plan.pieces = j->digests;
    free(buffer);
    return status;
}

static void say_infohash(struct text *t, const uint8_t *infohash)
{
    text_add(t, "infohash ");
    text_hex(t, infohash, INFOHASH_BYTES);
    text_char(t, '\n');
}

/* The last name of a path. */
static const char *last_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash != NULL ? slash + 1 : path;
}

static int write_torrent(struct job *j, const char *output)
{
    size_t room = j->plan.piece_count * INFOHASH_BYTES + 65536 +
                  (j->plan.tracker_count + j->plan.node_count) * 1024;
    struct metainfo m;
    const char *why = "it does not fit";

    for (size_t i = 0; i < j->plan.file_count; i++)
        room += strlen(j->path[i]) * 2 + 64;
    struct bencode_writer w = {malloc(room), 0, room, false};
    if (w.out == NULL)
        return cli_error(j->program, "no memory");
    metainfo_write(&w, &j->plan);
    LOCAL_TEXT made = text_new(), say = text_new();
    text_bytes(&made, w.out, w.at);
    int status = EXIT_OK;
    if (w.bad || metainfo_read(&m, w.out, w.at, &why) < 0) {
        status =
            cli_error(j->program, "no torrent can be made of that: %s", why);
    } else if (!write_file(output, "wb", &made, &say)) {
        status = cli_error(j->program, "%s", say.data);
    } else {
        text_printf(&say, "%s: %zu files, %llu bytes, %u pieces of %llu\n",
                    output, j->plan.file_count, (unsigned long long)m.bytes,
                    m.piece_count, (unsigned long long)m.piece_bytes);
        say_infohash(&say, m.infohash);
        (void)cli_print(j->program, &say);
    }
    free(w.out);
    return status;
}

static int begin_job(struct job *j, char *path)
{
    size_t len = strlen(path);
    struct stat s;

    while (len > 1 && path[len - 1] == '/')
        path[--len] = '\0';
    j->root = path;
    j->plan.name = last_name(path);
    j->plan.file = j->file;
    if (stat(path, &s) < 0)
        return cli_error(j->program, "cannot read %s: %s", path,
                         strerror(errno));
    j->plan.folder = S_ISDIR(s.st_mode);
    int status =
        j->plan.folder ? walk(j, "", 0) : add_file(j, j->plan.name, &s);
    if (status == EXIT_OK && j->bytes == 0)
        status = cli_error(j->program, "there are no bytes in %s", path);
    return status;
}

/* Where peers are to be found: are these such places?  Count them. */
static int take_places(struct job *j, const char *const *tracker,
                       const char *const *node)
{
    size_t len;
    uint64_t port;

    if (j->plan.is_private && *node != NULL)
        return cli_error(j->program, "--private: peers come from the tracker "
                                     "alone; leave out --node");
    j->plan.tracker = tracker;
    for (; *tracker != NULL; tracker++, j->plan.tracker_count++)
        if (!announcer_is_url(*tracker))
            return cli_error(j->program,
                             "--tracker %s: expected a URL, as "
                             "http://HOST:PORT/announce or udp://HOST:PORT",
                             *tracker);
    j->plan.node = node;
    for (; *node != NULL; node++, j->plan.node_count++)
        if (!metainfo_is_node(*node, &len, &port))
            return cli_error(j->program,
                             "--node %s: expected HOST:PORT, as in "
                             "127.0.0.1:6881",
                             *node);
    return EXIT_OK;
}

static int run_create(const struct program *p, int argc, char **argv)
{
    const char *output = NULL, *piece = NULL, *comment = NULL;
    const char *tracker[SETS_MAX + 1] = {NULL}, *node[SETS_MAX + 1] = {NULL};
    bool is_private = false;
    int status;
    const struct cli_option options[] = {
        {"output", "FILE", "where to write; default PATH.torrent", CLI_TEXT,
         &output},
        {"tracker", "URL",
         "http:// or udp://; each further one is a tier of "
         "its own",
         CLI_LIST, tracker},
        {"node", "HOST:PORT", "of the DHT, to enter it by; several may be",
         CLI_LIST, node},
        {"piece", "SIZE", "of a piece; default: about 1,000 to 2,000 pieces",
         CLI_TEXT, &piece},
        {"private", NULL, "peers come from the tracker alone", CLI_FLAG,
         &is_private},
        {"comment", "TEXT", "for people", CLI_TEXT, &comment},
        {.name = NULL}};
    struct cli c = {.program = p,
                    .verb = argv[0],
                    .usage = "PATH",
                    .about = "Write the .torrent of a file or a folder.",
                    .options = options,
                    .args_min = 1,
                    .args_max = 1};

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    struct job *j = calloc(1, sizeof *j);
    char *path = joined("", c.args[0]);
    struct text name = text_new();
    if (j == NULL || path == NULL) {
        free(j);
        free(path);
        return cli_error(p, "no memory");
    }
    j->program = p;
    j->plan.is_private = is_private;
    status = take_places(j, tracker, node);
    if (status == EXIT_OK)
        status = begin_job(j, path);
    j->plan.comment = comment;
    j->plan.piece_bytes = metainfo_piece_choice(j->bytes);
    if (status == EXIT_OK && piece != NULL &&
        (!parse_size(piece, &j->plan.piece_bytes) ||
         j->plan.piece_bytes < PIECE_CHOICE_LEAST ||
         j->plan.piece_bytes > PIECE_BYTES_MAX))
        status = cli_error(p, "--piece %s: expected 16KiB to 64MiB", piece);
    text_printf(&name, "%s.torrent", j->plan.name);
    if (status == EXIT_OK)
        status = hash_all(j);
    if (status == EXIT_OK)
        status = write_torrent(j, output != NULL ? output : name.data);
    for (size_t i = 0; i < j->plan.file_count; i++)
        free(j->path[i]);
    free(j->digests);
    free(j);
    free(path);
    text_free(&name);
    return status;
}

/* -- info ---------------------------------------------------------------- */

static void say_text(struct text *t, const char *what, const struct bencode *v)
{
    if (v->kind != BENCODE_STRING)
        return;
    text_printf(t, "%s ", what);
    text_safe(t, (const char *)v->text, v->text_len);
    text_char(t, '\n');
}

/* The link that stands for a torrent. */
static void say_link(struct text *t, const struct metainfo *m)
{
    struct magnet link = {.name = ""};
    struct metainfo_trackers at = {0};
    struct bencode url;

    memcpy(link.infohash, m->infohash, INFOHASH_BYTES);
    memcpy(link.name, m->name.text, m->name.text_len);
    while (link.tracker_count < TRACKERS_MAX && metainfo_tracker(m, &at, &url))
        if (url.text_len < sizeof link.tracker[0])
            memcpy(link.tracker[link.tracker_count++], url.text, url.text_len);
    text_add(t, "magnet ");
    magnet_write(t, &link);
    text_char(t, '\n');
}

static void say_metainfo(struct text *t, const struct metainfo *m,
                         const struct metainfo_file *file)
{
    struct metainfo_trackers at = {0};
    struct bencode url, host;
    uint16_t port;
    char path[METAINFO_PATH_MAX + 1];

    say_text(t, "name", &m->name);
    say_infohash(t, m->infohash);
    text_printf(t, "bytes %llu\npieces %u of %llu\n",
                (unsigned long long)m->bytes, m->piece_count,
                (unsigned long long)m->piece_bytes);
    if (m->is_private)
        text_add(t, "private\n");
    while (metainfo_tracker(m, &at, &url)) {
        text_printf(t, "tracker %u ", at.tier);
        text_safe(t, (const char *)url.text, url.text_len);
        text_char(t, '\n');
    }
    for (struct bencode_walk w = bencode_walk(&m->nodes);
         metainfo_node(&w, &host, &port);) {
        text_add(t, "node ");
        text_safe(t, (const char *)host.text, host.text_len);
        text_printf(t, ":%u\n", port);
    }
    say_text(t, "comment", &m->comment);
    say_text(t, "created by", &m->created_by);
    for (uint32_t i = 0; i < m->file_count; i++) {
        size_t len = metainfo_path(m, &file[i], path);
        text_printf(t, "file %u %llu ", (unsigned)i + 1,
                    (unsigned long long)file[i].bytes);
        text_safe(t, path, len);
        text_add(t, file[i].padding ? " (padding)\n" : "\n");
    }
    say_link(t, m);
}

static void say_magnet(struct text *t, const struct magnet *m)
{
    if (m->name[0] != '\0') {
        text_add(t, "name ");
        text_safe(t, m->name, strlen(m->name));
        text_char(t, '\n');
    }
    say_infohash(t, m->infohash);
    if (m->files[0] != '\0')
        text_printf(t, "files %s\n", m->files);
    for (unsigned i = 0; i < m->tracker_count; i++) {
        text_add(t, "tracker ");
        text_safe(t, m->tracker[i], strlen(m->tracker[i]));
        text_char(t, '\n');
    }
    for (unsigned i = 0; i < m->peer_count; i++) {
        text_add(t, "peer ");
        addr_text(t, m->peer[i]);
        text_char(t, '\n');
    }
}

static int info_of_file(const struct program *p, const char *path,
                        struct text *t)
{
    static struct metainfo_file file[METAINFO_FILES_MAX];
    struct metainfo m;
    LOCAL_TEXT data = text_new(), say = text_new();
    const char *why = "";

    if (!read_file(path, METAINFO_BYTES_MAX, &data, &say))
        return cli_error(p, "%s", say.data);
    if (metainfo_read(&m, (const uint8_t *)data.data, data.len, &why) < 0 ||
        metainfo_files(&m, file, &why) < 0)
        return cli_error(p, "%s is no good torrent: %s", path, why);
    say_metainfo(t, &m, file);
    return EXIT_OK;
}

static int run_info(const struct program *p, int argc, char **argv)
{
    static struct magnet magnet;
    struct text t = text_new();
    const char *why = "";
    int status;
    struct cli c = {.program = p,
                    .verb = argv[0],
                    .usage = "FILE|MAGNET",
                    .about = "Say what a .torrent or a magnet link is about.",
                    .args_min = 1,
                    .args_max = 1};

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    if (strncmp(c.args[0], "magnet:", 7) != 0)
        status = info_of_file(p, c.args[0], &t);
    else if (magnet_read(&magnet, c.args[0], &why))
        say_magnet(&t, &magnet);
    else
        status = cli_error(p, "that is no good magnet link: %s", why);
    if (status == EXIT_OK)
        (void)cli_print(p, &t);
    text_free(&t);
    return status;
}

/* -- get, seed, tracker -------------------------------------------------- */

static void *system_alloc(void *context, size_t bytes)
{
    (void)context;
    return calloc(1, bytes);
}

static void system_free(void *context, void *memory, size_t bytes)
{
    (void)context;
    (void)bytes;
    free(memory);
}

/* A .torrent, or a magnet link, that our node can take; its bytes.  `files` are
   those that are wanted; "": all. */
static int read_wanted(const struct program *p, const char *wanted, bool magnet,
                       const char *files, struct text *data)
{
    static struct metainfo_file file[METAINFO_FILES_MAX];
    struct metainfo m;
    struct magnet link;
    const char *why = "";
    LOCAL_TEXT say = text_new();

    if (magnet) {
        text_add(data, wanted);
        if (!magnet_read(&link, wanted, &why))
            return cli_error(p, "that is no good magnet link: %s", why);
        if (data->len > MAGNET_BYTES_MAX)
            return cli_error(p, "the link is too long: at most 8 KiB");
        return EXIT_OK;
    }
    if (!read_file(wanted, METAINFO_BYTES_MAX, data, &say))
        return cli_error(p, "%s", say.data);
    if (metainfo_read(&m, (const uint8_t *)data->data, data->len, &why) < 0 ||
        metainfo_files(&m, file, &why) < 0)
        return cli_error(p, "%s is no good torrent: %s", wanted, why);
    if (data->len > BLOB_BYTES_MAX)
        return cli_error(p, "%s is too large: at most 16 MiB", wanted);
    if (!metainfo_is_list(files, m.file_count))
        return cli_error(p,
                         "--files %s: expected numbers from 1 to %u, as in "
                         "1,3-5; '%s info' lists them",
                         files, m.file_count, p->protocol->name);
    return EXIT_OK;
}

/* Leave what is wanted in the folder, where its node looks. */
static int leave_wanted(const struct program *p, const char *wanted,
                        const char *files, const char *folder)
{
    const struct content_memory memory = {system_alloc, system_free, NULL};
    bool magnet = strncmp(wanted, "magnet:", 7) == 0;
    LOCAL_TEXT data = text_new(), say = text_new();
    int status = read_wanted(p, wanted, magnet, files, &data);

    if (status != EXIT_OK)
        return status;
    struct contents *c = contents_open(&memory, folder, &say);
    if (c == NULL)
        return cli_error(p, "%s", say.data);
    bool saved =
        contents_save(c, "magnet", data.data, magnet ? data.len : 0) >= 0 &&
        (magnet || contents_save(c, "torrent", data.data, data.len) >= 0);
    contents_free(c);
    return saved ? EXIT_OK : cli_error(p, "cannot write in %s", folder);
}

/* Copies of all that is here and at our peers, in hundredths: the rarest piece
   counts, and the share of pieces that are less rare. */
static uint64_t availability(const struct torrent *t)
{
    uint64_t least = UINT64_MAX, more = 0, pieces = t->meta.piece_count;

    for (uint32_t i = 0; i < pieces; i++) {
        uint64_t copies = t->copies[i] + bit_is_set(t->have, i);
        more = copies < least ? i : more + (copies > least);
        least = copies < least ? copies : least;
    }
    return pieces > 0 ? 100 * least + 100 * more / pieces : 0;
}

/* "48.8% of 1048576 bytes, 512 kB/s, 2 s left, 3 peers, 1.25 copies; all peers
   choke us" */
static void progress(const struct host *h, struct text *line)
{
    const struct bittorrent *n = h->node;
    const struct torrent *t = &n->torrent;
    const char *why = swarm_why(n);
    uint64_t rate = t->rate, pieces = t->wanted_count;

    if (pieces > 0) {
        uint64_t left = t->wanted_bytes / pieces * t->missing;
        uint64_t mille = (pieces - t->missing) * UINT64_C(1000) / pieces;
        text_printf(line, "%llu.%llu%% of %llu bytes",
                    (unsigned long long)(mille / 10),
                    (unsigned long long)(mille % 10),
                    (unsigned long long)t->wanted_bytes);
        if (!t->complete && rate > 0)
            text_printf(line, ", %llu kB/s, %llu s left",
                        (unsigned long long)(rate / 1000),
                        (unsigned long long)(left / rate));
        text_printf(line, ", %u peers", n->peer_count);
        if (!t->complete && t->state == TORRENT_OPEN) {
            uint64_t copies = availability(t);
            text_printf(line, ", %llu.%02llu copies",
                        (unsigned long long)(copies / 100),
                        (unsigned long long)(copies % 100));
        }
    }
    if (why[0] != '\0') {
        text_add(line, pieces > 0 ? "; " : "");
        text_safe(line, why, strlen(why)); /* a tracker may have said it */
    }
}

/* The value of an option among arguments, "--NAME VALUE" or "--NAME=VALUE";
   NULL when it is not there. */
static const char *option_of(int argc, char **argv, const char *name)
{
    size_t len = strlen(name);

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0 && i + 1 < argc)
            return argv[i + 1];
        if (strncmp(argv[i], name, len) == 0 && argv[i][len] == '=')
            return argv[i] + len + 1;
    }
    return NULL;
}

/* What these verbs have that `node` has not: "--files LIST" is the setting of
   that name.  Rewrites the argument in `text`; false when it has no value. */
static bool rewrite_files(int argc, char **argv, struct text *text)
{
    static char set[] = "--set";

    for (int i = 1; i < argc; i++) {
        if (strncmp(argv[i], "--files", 7) != 0)
            continue;
        if (argv[i][7] == '\0' && i + 1 < argc) {
            text_printf(text, "files=%s", argv[i + 1]);
            argv[i] = set;
            argv[i + 1] = text->data;
            return true;
        }
        if (argv[i][7] == '=' && argv[i][8] != '\0') {
            text_printf(text, "--set=%s", argv[i] + 2);
            argv[i] = text->data;
            return true;
        }
        return false;
    }
    return true;
}

static int run_torrent(const struct program *p, int argc, char **argv,
                       const char *linger)
{
    struct program as = *p;
    const char *more[] = {"--set",   linger, "--set", "dht=on", "--set",
                          "fast=10", NULL,   NULL,    NULL};
    LOCAL_TEXT set = text_new();

    if (argc >= 2 && strcmp(argv[1], "--help") == 0)
        return verb_node(p, argc, argv);
    const char *folder = option_of(argc, argv, "--folder");
    const char *files = option_of(argc, argv, "--files");
    if (argc < 2 || argv[1][0] == '-' || !rewrite_files(argc, argv, &set))
        return cli_error(p,
                         "usage: %s %s FILE.torrent|MAGNET [--folder DIR] "
                         "[--files 1,3-5] [OPTION of node]",
                         p->protocol->name, argv[0]);
    if (folder == NULL) {
        folder = ".";
        more[6] = "--folder";
        more[7] = folder;
    }
    int status = leave_wanted(p, argv[1], files != NULL ? files : "", folder);
    if (status != EXIT_OK)
        return status;
    argv[1] = argv[0]; /* the rest is for `node` */
    as.progress = progress;
    as.progress_lines = true;
    return verb_node_with(&as, p->port, more, argc - 1, argv + 1);
}

static int run_get(const struct program *p, int argc, char **argv)
{
    return run_torrent(p, argc, argv, "linger=off");
}

static int run_seed(const struct program *p, int argc, char **argv)
{
    return run_torrent(p, argc, argv, "linger=on");
}

static int run_tracker(const struct program *p, int argc, char **argv)
{
    const char *const more[] = {"--set", "role=tracker", NULL};

    return verb_node_with(p, 6969, more, argc, argv);
}

const struct verb bittorrent_verbs[] = {
    {"create", "PATH", "the .torrent of a file or a folder", run_create},
    {"info", "FILE|MAGNET", "what a .torrent or a magnet link says", run_info},
    {"get", "FILE|MAGNET", "fetch it; --files 1,3-5: only those", run_get},
    {"seed", "FILE|MAGNET", "and upload on (no encryption, no uTP, no v2)",
     run_seed},
    {"tracker", "[OPTION...]", "a tracker, HTTP and UDP, on port 6969",
     run_tracker},
    {.name = NULL}};
