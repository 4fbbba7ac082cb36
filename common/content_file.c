/*
 * Contents as real files below a folder; see content.h.
 *
 *     DIR/album/song.ogg          whole, shared
 *     DIR/album/other.ogg.part    has come in part
 *     DIR/.p2plab/have-SHA1       of its name: its files, and what is here
 *     DIR/.p2plab/save-NAME       a blob
 *
 * What is written is gathered until the host has handled what came with it.
 * A `have` file is text.  Bytes are noted there after they are written to
 * the .part file, a line each time, so a node that is killed loses no more
 * than what it was writing.  (Not so after a power failure: nothing waits for
 * the disk.  Protocols check hashes anyway.)  Files are rewritten whole by
 * making a new one and renaming it.
 *
 * No path leaves the folder: content_path_ok judges it, and every part of it
 * is opened by itself, without following links.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/content_impl.h"
#include "common/file.h"
#include "common/hash.h"

#define STATE ".p2plab"
#define OPEN_FILES 16                     /* kept open between calls */
#define GATHERED_MAX ((size_t)256 * 1024) /* written with one call */
#define RECORD_MAX ((size_t)8 << 20) /* after so much, `have` is rewritten */
#define TROUBLE_MAX 96
#define LEAF_MAX 264 /* a name, ".part" and the NUL */
#define RECORD_NAME_MAX (5 + 2 * SHA1_BYTES + 1)

struct open_file {
    const struct content_file *file; /* NULL: free */
    int fd;
};

struct folder {
    int dir, state; /* the folder, and .p2plab below it */
    struct open_file open[OPEN_FILES];
    unsigned next;             /* gives way next */
    const struct item *record; /* whose `have` file is open */
    int record_fd;
    size_t record_bytes;
    struct item *gathering; /* of it, `range` is in `gathered`, unwritten */
    struct range range;
    char trouble[TROUBLE_MAX]; /* see folder_trouble */
    uint8_t gathered[GATHERED_MAX];
};

/* -- Paths ------------------------------------------------------------------ */

/* Open the folder that the last part of `path` is in, and copy that part. */
static int open_parent(int dir, const char *path, bool make,
                       char leaf[LEAF_MAX])
{
    char part[LEAF_MAX];
    const char *slash;
    int at = fcntl(dir, F_DUPFD_CLOEXEC, 0);

    while (at >= 0 && (slash = strchr(path, '/')) != NULL) {
        snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
        if (make)
            (void)mkdirat(at, part, 0777);
        int below =
            openat(at, part, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        close(at);
        at = below;
        path = slash + 1;
    }
    snprintf(leaf, LEAF_MAX, "%s", path);
    return at;
}

/* Not through a link, which could lead out of the folder. */
static int open_here(int dir, const char *name, int flags)
{
    return open_regular(dir, name, flags | O_NOFOLLOW);
}

enum open_how {
    OPEN_WHOLE, /* under its own name, to read */
    OPEN_PART   /* as .part, to write; or under its name, if it has that */
};

static int open_content(const struct folder *f, const char *path,
                        enum open_how how)
{
    char leaf[LEAF_MAX], part[LEAF_MAX + 8];
    int dir = open_parent(f->dir, path, how != OPEN_WHOLE, leaf), fd = -1;

    if (dir < 0)
        return -1;
    snprintf(part, sizeof part, "%s.part", leaf);
    if (how == OPEN_WHOLE)
        fd = open_here(dir, leaf, O_RDONLY);
    if (how == OPEN_PART) {
        fd = open_here(dir, part, O_RDWR);
        if (fd < 0 && errno == ENOENT)
            fd = open_here(dir, leaf, O_RDWR);
        if (fd < 0 && errno == ENOENT)
            fd = open_here(dir, part, O_RDWR | O_CREAT);
    }
    int error = errno;
    close(dir);
    errno = error;
    return fd;
}

/* Give a file its name, unless it has it; never over another one. */
static bool rename_part(const struct folder *f, const char *path)
{
    char leaf[LEAF_MAX], part[LEAF_MAX + 8];
    int dir = open_parent(f->dir, path, false, leaf);
    struct stat st;

    if (dir < 0)
        return false;
    snprintf(part, sizeof part, "%s.part", leaf);
    bool there = fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
    bool partly = fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0;
    bool ok = partly ? !there && renameat(dir, part, dir, leaf) == 0 : there;
    close(dir);
    return ok;
}

/* -- Open files ---------------------------------------------------------------- */

static void close_file(struct open_file *open)
{
    if (open->file != NULL)
        close(open->fd);
    open->file = NULL;
}

static void close_files(struct folder *f, const struct item *item)
{
    for (unsigned i = 0; i < OPEN_FILES; i++)
        if (f->open[i].file >= item->file &&
            f->open[i].file < item->file + item->file_count)
            close_file(&f->open[i]);
    if (f->record == item)
        close(f->record_fd);
    f->record = f->record == item ? NULL : f->record;
}

int folder_fd(struct contents *c, const struct item *item,
              const struct content_file *file)
{
    struct folder *f = c->folder;

    if (content_file_is_padding(file))
        return -1;
    for (unsigned i = 0; i < OPEN_FILES; i++)
        if (f->open[i].file == file)
            return f->open[i].fd;
    int fd =
        open_content(f, file->path, item->complete ? OPEN_WHOLE : OPEN_PART);
    if (fd < 0)
        return -1;
    struct open_file *open = &f->open[f->next];
    f->next = (f->next + 1) % OPEN_FILES;
    close_file(open);
    *open = (struct open_file){.file = file, .fd = fd};
    return fd;
}

const char *folder_trouble(const struct contents *c)
{
    const char *trouble = c->folder->trouble;

    return trouble[0] != '\0' ? trouble : "it cannot be read";
}

/* Note why the disk refuses. */
static int refused(struct contents *c)
{
    snprintf(c->folder->trouble, TROUBLE_MAX, "the disk refuses: %s",
             errno != 0 ? strerror(errno) : "a file has become shorter");
    return ERR_SYSTEM;
}

/* Read or write all of a part of one file. */
static bool transfer_part(int fd, uint64_t at, uint8_t *to, const uint8_t *from,
                          size_t len)
{
    while (fd >= 0 && len > 0) {
        ssize_t n = to != NULL ? pread(fd, to, len, (off_t)at)
                               : pwrite(fd, from, len, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n == 0)
            errno = 0;
        if (n <= 0)
            return false;
        to = to != NULL ? to + n : NULL;
        from = from != NULL ? from + n : NULL;
        at += (uint64_t)n;
        len -= (size_t)n;
    }
    return fd >= 0;
}

/* Read or write, over as many files as it takes. */
static int transfer(struct contents *c, const struct item *item,
                    uint64_t offset, uint8_t *to, const uint8_t *from,
                    size_t len)
{
    for (size_t done = 0; done < len;) {
        uint64_t at;
        const struct content_file *file = item_file(item, offset + done, &at);
        uint64_t in_file = file->bytes - at;
        size_t part = in_file < len - done ? (size_t)in_file : len - done;
        uint8_t *in = to != NULL ? to + done : NULL;
        const uint8_t *out = from != NULL ? from + done : NULL;
        if (content_file_is_padding(file)) {
            if (in != NULL)
                memset(in, 0, part);
        } else if (!transfer_part(folder_fd(c, item, file), at, in, out,
                                  part)) {
            return refused(c);
        }
        done += part;
    }
    return 0;
}

int folder_read(struct contents *c, const struct item *item, uint64_t offset,
                void *to, size_t len)
{
    return transfer(c, item, offset, to, NULL, len);
}

/* -- Files in .p2plab ------------------------------------------------------------ */

/* Write a file whole or not at all. */
static int write_whole(int dir, const char *name, const void *data, size_t len)
{
    int fd = open_here(dir, "new", O_WRONLY | O_CREAT | O_TRUNC);

    if (fd < 0)
        return ERR_SYSTEM;
    bool ok = write_all(fd, data, len);
    ok = close(fd) == 0 && ok;
    if (ok && renameat(dir, "new", dir, name) == 0)
        return 0;
    (void)unlinkat(dir, "new", 0);
    return ERR_SYSTEM;
}

/* Append a file of at most `max` bytes; false when there is no such. */
static bool read_whole(int dir, const char *name, size_t max, struct text *t)
{
    int fd = open_here(dir, name, O_RDONLY);
    bool good = fd >= 0 && read_all(fd, max, t) == 0;

    if (fd >= 0)
        close(fd);
    return good;
}

int folder_save(struct contents *c, const char *name, const void *data,
                size_t len)
{
    char file[BLOB_NAME_MAX + 8];

    snprintf(file, sizeof file, "save-%s", name);
    if (len > 0)
        return write_whole(c->folder->state, file, data, len);
    return unlinkat(c->folder->state, file, 0) == 0 || errno == ENOENT
               ? 0
               : ERR_SYSTEM;
}

int folder_load(struct contents *c, const char *name, void *to, size_t room)
{
    char file[BLOB_NAME_MAX + 8];
    LOCAL_TEXT t = text_new();
    int bytes = 0;

    snprintf(file, sizeof file, "save-%s", name);
    if (read_whole(c->folder->state, file, BLOB_BYTES_MAX, &t)) {
        bytes = t.len <= room ? (int)t.len : ERR_LIMIT;
        if (t.len <= room && t.len > 0)
            memcpy(to, t.data, t.len);
    }
    return bytes;
}

/* -- What is here ----------------------------------------------------------------- */

static void record_name(const struct item *item, char name[RECORD_NAME_MAX])
{
    uint8_t digest[SHA1_BYTES];
    LOCAL_TEXT t = text_new();

    hash_sha1(digest, item->name, strlen(item->name));
    text_add(&t, "have-");
    text_hex(&t, digest, sizeof digest);
    snprintf(name, RECORD_NAME_MAX, "%s", t.data);
}

/* A line: '+' bytes have come, '-' they are forgotten.  It begins with a line
   end and ends with a dot, so that one that was cut off is no line. */
static void record_line(struct text *t, char sign, uint64_t start, uint64_t end)
{
    text_printf(t, "\n%c%llu %llu.\n", sign, (unsigned long long)start,
                (unsigned long long)(end - start));
}

/* Write all that is known of an item. */
static int record_write(struct contents *c, const struct item *item)
{
    struct folder *f = c->folder;
    char name[RECORD_NAME_MAX];
    LOCAL_TEXT t = text_new();

    if (f->record == item) {
        close(f->record_fd);
        f->record = NULL;
    }
    record_name(item, name);
    text_printf(&t, "name %s\n", item->name);
    for (uint32_t i = 0; i < item->file_count; i++)
        text_printf(&t, "file %llu %s\n",
                    (unsigned long long)item->file[i].bytes,
                    item->file[i].path);
    for (uint32_t i = 0; i < item->here.count; i++)
        record_line(&t, '+', item->here.at[i].start, item->here.at[i].end);
    return t.full ? ERR_SYSTEM : write_whole(f->state, name, t.data, t.len);
}

static int record_add(struct contents *c, const struct item *item,
                      uint64_t start, uint64_t end, bool here)
{
    struct folder *f = c->folder;
    char name[RECORD_NAME_MAX];
    LOCAL_TEXT t = text_new();

    if (f->record != item) {
        if (f->record != NULL)
            close(f->record_fd);
        record_name(item, name);
        f->record_fd = open_here(f->state, name, O_WRONLY | O_APPEND);
        f->record = f->record_fd >= 0 ? item : NULL;
        f->record_bytes = 0;
    }
    record_line(&t, here ? '+' : '-', start, end);
    bool ok = f->record != NULL && write_all(f->record_fd, t.data, t.len);
    f->record_bytes += t.len;
    if (ok && f->record_bytes <= RECORD_MAX)
        return 0;
    return record_write(c, item) == 0 ? 0 : refused(c);
}

int folder_settle(struct contents *c)
{
    struct folder *f = c->folder;
    struct item *item = f->gathering;
    struct range r = f->range;

    if (item == NULL)
        return 0;
    f->gathering = NULL;
    int error = transfer(c, item, r.start, NULL, f->gathered,
                         (size_t)(r.end - r.start));
    if (error == 0)
        return record_add(c, item, r.start, r.end, true);
    (void)ranges_put(c, &item->here, r.start, r.end, false);
    item->lost = true;
    return error;
}

int folder_write(struct contents *c, struct item *item, uint64_t offset,
                 const void *from, size_t len)
{
    struct folder *f = c->folder;
    int error = 0;

    if (f->gathering != item || f->range.end != offset ||
        f->range.end - f->range.start + len > GATHERED_MAX)
        error = folder_settle(c);
    if (item->lost) /* bytes that were taken have not found room: say it now */
        error = ERR_SYSTEM;
    item->lost = false;
    if (error != 0)
        return error;
    if (len > GATHERED_MAX) {
        error = transfer(c, item, offset, NULL, from, len);
        return error != 0 ? error
                          : record_add(c, item, offset, offset + len, true);
    }
    if (f->gathering == NULL)
        f->range = (struct range){offset, offset};
    f->gathering = item;
    memcpy(f->gathered + (f->range.end - f->range.start), from, len);
    f->range.end += len;
    return 0;
}

int folder_forget(struct contents *c, const struct item *item, uint64_t start,
                  uint64_t end)
{
    (void)folder_settle(c);
    return record_add(c, item, start, end, false);
}

static void record_remove(struct contents *c, const struct item *item)
{
    char name[RECORD_NAME_MAX];

    record_name(item, name);
    (void)unlinkat(c->folder->state, name, 0);
}

enum found {
    FOUND_NOTHING,
    FOUND_OTHER, /* a .part, or what is not as long as it should be */
    FOUND_WHOLE, /* as long as it should be, and under its name */
    FOUND_NO_WAY /* to its folder: a link, or a file, is where that should be */
};

/* Look at a file as it lies there: forget what it cannot hold. */
static enum found judge_file(struct contents *c, struct item *item,
                             const struct content_file *file, uint64_t start)
{
    char leaf[LEAF_MAX], part[LEAF_MAX + 8];
    struct stat st = {.st_size = 0};
    bool partly = false, there = false;

    if (content_file_is_padding(file))
        return FOUND_WHOLE;
    int dir = open_parent(c->folder->dir, file->path, false, leaf);
    bool no_way = dir < 0 && errno != ENOENT;
    snprintf(part, sizeof part, "%s.part", leaf);
    if (dir >= 0) {
        partly = fstatat(dir, part, &st, AT_SYMLINK_NOFOLLOW) == 0;
        there = !partly && fstatat(dir, leaf, &st, AT_SYMLINK_NOFOLLOW) == 0;
        close(dir);
    }
    bool regular = (partly || there) && S_ISREG(st.st_mode);
    uint64_t size = regular ? (uint64_t)st.st_size : 0;
    if (size < file->bytes)
        (void)ranges_put(c, &item->here, start + size, start + file->bytes,
                         false);
    return no_way                                    ? FOUND_NO_WAY
           : !there && !partly                       ? FOUND_NOTHING
           : there && regular && size == file->bytes ? FOUND_WHOLE
                                                     : FOUND_OTHER;
}

/* Files are made when something is written to them.  Those that are there
   under their names and as long as they should be are taken for what they
   seem; *taken counts them. */
static int begin_files(struct contents *c, struct item *item, uint32_t *taken)
{
    uint64_t start = 0;

    for (uint32_t i = 0; i < item->file_count; i++) {
        const struct content_file *file = &item->file[i];
        enum found found = judge_file(c, item, file, start);
        if (found == FOUND_NO_WAY)
            return ERR_SYSTEM;
        if (found == FOUND_OTHER ||
            (found == FOUND_WHOLE &&
             !ranges_put(c, &item->here, start, start + file->bytes, true)))
            return ERR_LIMIT;
        *taken += found == FOUND_WHOLE;
        start += file->bytes;
    }
    return 0;
}

int folder_begin(struct contents *c, struct item *item)
{
    uint32_t taken = 0;
    int error = begin_files(c, item, &taken);

    if (error == 0)
        error = record_write(c, item);
    item->complete = error == 0 && taken == item->file_count;
    return error;
}

bool folder_name(struct contents *c, const struct item *item,
                 const struct content_file *file)
{
    if (content_file_is_padding(file))
        return true;
    int fd = folder_fd(c, item, file);
    return fd >= 0 && ftruncate(fd, (off_t)file->bytes) == 0 &&
           rename_part(c->folder, file->path);
}

/* An item of several files keeps its record, which says that they belong
   together. */
int folder_complete(struct contents *c, const struct item *item)
{
    for (uint32_t i = 0; i < item->file_count; i++)
        if (!folder_name(c, item, &item->file[i]))
            return ERR_SYSTEM;
    close_files(c->folder, item); /* to be opened again, read only */
    if (item->file_count == 1)
        record_remove(c, item);
    return 0;
}

/* -- Finding what is there ----------------------------------------------------------- */

/* "NUMBER" up to a character; what follows that, or NULL. */
static char *take_number(char *s, char until, uint64_t *value)
{
    char *end = strchr(s, until);

    if (end == NULL)
        return NULL;
    *end = '\0';
    return parse_u64(s, CONTENT_BYTES_MAX, value) ? end + 1 : NULL;
}

/* What an item's record says is here.  A line that makes no sense was cut
   off when the node was killed. */
static void apply_line(struct contents *c, struct item *item, char *line)
{
    uint64_t start, len;
    char *at = line[0] == '+' || line[0] == '-'
                   ? take_number(line + 1, ' ', &start)
                   : NULL;

    if (at == NULL || (at = take_number(at, '.', &len)) == NULL ||
        *at != '\0' || start > item->bytes || len > item->bytes - start)
        return;
    (void)ranges_put(c, &item->here, start, start + len, line[0] == '+');
}

/* The head of a record: its name and its files, which lie in `text`. */
static struct item *parse_head(struct contents *c, char **text)
{
    struct content_file *files = calloc(CONTENT_FILES_MAX, sizeof *files);
    const char *name = NULL;
    struct item *item = NULL;
    size_t count = 0;
    bool ok = files != NULL;

    while (ok && **text != '\0' && **text != '\n') {
        char *line = *text, *end = strchr(line, '\n');
        if (end == NULL)
            break;
        *end = '\0';
        *text = end + 1;
        if (name == NULL && strncmp(line, "name ", 5) == 0) {
            name = line + 5;
        } else if (strncmp(line, "file ", 5) == 0 &&
                   count < CONTENT_FILES_MAX) {
            struct content_file *file = &files[count++];
            file->path = take_number(line + 5, ' ', &file->bytes);
            ok = file->path != NULL;
        } else {
            ok = false;
        }
    }
    if (ok && name != NULL && contents_check(name, files, count) == 0 &&
        contents_find(c, name) < 0)
        item = item_add(c, name, files, count);
    free(files);
    return item;
}

static void load_record(struct contents *c, const char *name)
{
    LOCAL_TEXT t = text_new();
    struct item *item = NULL;
    char *at = NULL;

    if (c->count < CONTENTS_MAX &&
        read_whole(c->folder->state, name, 2 * RECORD_MAX, &t)) {
        at = t.data;
        item = parse_head(c, &at);
    }
    for (char *end; item != NULL && (end = strchr(at, '\n')) != NULL;
         at = end + 1) {
        *end = '\0';
        apply_line(c, item, at);
    }
    bool whole = item != NULL;
    uint64_t start = 0;
    for (uint32_t i = 0; item != NULL && i < item->file_count; i++) {
        whole =
            judge_file(c, item, &item->file[i], start) == FOUND_WHOLE && whole;
        start += item->file[i].bytes;
    }
    if (item != NULL) {
        item->complete = whole && item->here.bytes == item->bytes;
        (void)record_write(c, item);
        if (item->complete && item->file_count == 1)
            record_remove(c, item);
    }
}

/* Open a folder to list it; closed with the list. */
static DIR *list_of(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *list = fd >= 0 ? fdopendir(fd) : NULL;

    if (fd >= 0 && list == NULL)
        close(fd);
    return list;
}

static void load_records(struct contents *c)
{
    DIR *list = list_of(c->folder->state);
    const struct dirent *entry;

    while (list != NULL && (entry = readdir(list)) != NULL)
        if (strncmp(entry->d_name, "have-", 5) == 0)
            load_record(c, entry->d_name);
    if (list != NULL)
        closedir(list);
}

/* Share a whole file, unless it is one that an earlier run fetches. */
static void add_file(struct contents *c, const char *path, uint64_t bytes,
                     uint32_t known)
{
    struct content_file file = {.path = path, .bytes = bytes};

    if (c->count >= CONTENTS_MAX || contents_check(path, &file, 1) != 0)
        return;
    for (uint32_t i = 0; i < known; i++)
        if (strcmp(c->item[i]->name, path) == 0)
            return;
    struct item *item = item_add(c, path, &file, 1);
    if (item == NULL)
        return;
    item->complete = ranges_put(c, &item->here, 0, bytes, true);
}

/* Share the files of a folder, `path` below the top, and of those in it. */
static void scan(struct contents *c, int dir, struct text *path, uint32_t known,
                 unsigned depth)
{
    DIR *list = list_of(dir);
    const struct dirent *entry;
    size_t len = path->len;
    struct stat st;

    while (list != NULL && (entry = readdir(list)) != NULL) {
        const char *name = entry->d_name;
        if (name[0] == '.' || fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
            continue;
        text_add(path, name);
        if (S_ISREG(st.st_mode))
            add_file(c, path->data, (uint64_t)st.st_size, known);
        if (S_ISDIR(st.st_mode) && depth < CONTENT_DEPTH_MAX) {
            int below = openat(dir, name,
                               O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
            text_char(path, '/');
            if (below >= 0) {
                scan(c, below, path, known, depth + 1);
                close(below);
            }
        }
        path->len = len;
        path->data[len] = '\0';
    }
    if (list != NULL)
        closedir(list);
}

static int by_name(const void *a, const void *b)
{
    const struct item *const *x = a, *const *y = b;

    return strcmp((*x)->name, (*y)->name);
}

/* -- The folder ----------------------------------------------------------------------- */

static bool open_folder(struct folder *f, const char *path, struct text *why)
{
    (void)mkdir(path, 0777);
    f->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (f->dir >= 0)
        (void)mkdirat(f->dir, STATE, 0700);
    f->state = f->dir >= 0
                   ? openat(f->dir, STATE,
                            O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
                   : -1;
    int error = errno;
    if (f->state >= 0 && flock(f->state, LOCK_EX | LOCK_NB) == 0)
        return true;
    text_add(why, "cannot use folder ");
    text_safe(why, path, strnlen(path, CONTENT_PATH_MAX));
    text_printf(why, ": %s",
                f->state >= 0 ? "another node uses it; choose another"
                              : strerror(error));
    return false;
}

void folder_free(struct contents *c)
{
    struct folder *f = c->folder;

    (void)folder_settle(c);
    for (unsigned i = 0; i < OPEN_FILES; i++)
        close_file(&f->open[i]);
    if (f->record != NULL)
        close(f->record_fd);
    if (f->state >= 0)
        close(f->state);
    if (f->dir >= 0)
        close(f->dir);
    c->memory.free(c->memory.context, f, sizeof *f);
    c->folder = NULL;
}

struct contents *contents_open(const struct content_memory *memory,
                               const char *folder, struct text *why)
{
    struct contents *c = contents_new(memory);
    LOCAL_TEXT path = text_new();

    if (c != NULL)
        c->folder = memory->alloc(memory->context, sizeof *c->folder);
    if (c == NULL || c->folder == NULL) {
        text_add(why, "no memory for a shared folder");
        contents_free(c);
        return NULL;
    }
    c->folder->dir = c->folder->state = -1;
    if (!open_folder(c->folder, folder, why)) {
        contents_free(c);
        return NULL;
    }
    load_records(c);
    scan(c, c->folder->dir, &path, c->count, 1);
    if (c->count > 0)
        qsort(c->item, c->count, sizeof(struct item *), by_name);
    return c;
}
