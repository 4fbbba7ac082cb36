/* Where the files of labs/ are; see program.h. */
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "common/program.h"

bool program_folder(struct text *path)
{
    char exe[PATH_MAX];
    ssize_t len = readlink("/proc/self/exe", exe, sizeof exe - 1);

    if (len <= 0)
        return false;
    exe[len] = '\0';
    char *slash = strrchr(exe, '/');
    if (slash == NULL)
        return false;
    text_bytes(path, exe, (size_t)(slash - exe) + 1);
    return true;
}

bool program_find_file(const char *name, struct text *path)
{
    /* Working directory, build tree (bin/ or build/X/bin/), installation. */
    static const char *const folder[] = {"../", "../../../",
                                         "../share/p2plab/"};

    text_clear(path);
    text_add(path, name);
    if (access(name, R_OK) == 0)
        return true;
    if (name[0] == '/' || name[0] == '\0')
        return false;
    for (size_t i = 0; i < sizeof folder / sizeof *folder; i++) {
        text_clear(path);
        if (!program_folder(path))
            break;
        text_add(path, folder[i]);
        text_add(path, name);
        if (access(path->data, R_OK) == 0)
            return true;
    }
    text_clear(path);
    text_printf(path, "%s/%s", P2PLAB_SHARE, name);
    return access(path->data, R_OK) == 0;
}
