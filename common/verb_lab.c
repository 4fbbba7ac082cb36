/* PROGRAM lab [N]: a program's worksheets, for students. */
#include <stdlib.h>
#include <string.h>

#include "common/lab.h"
#include "common/verbs.h"

/* The worksheet whose file begins with "N-"; NULL: there is none. */
static const char *numbered(const struct sheet_list *list, const char *number)
{
    size_t len = strlen(number);

    for (size_t i = 0; i < list->count; i++) {
        const char *base = path_leaf(list->path[i]);
        if (strncmp(base, number, len) == 0 && base[len] == '-')
            return list->path[i];
    }
    return NULL;
}

int verb_lab(const struct program *p, int argc, char **argv)
{
    struct cli c = {.program = p,
                    .verb = "lab",
                    .usage = "[N]",
                    .about = "Work through worksheet N; without N, list them. "
                             "Your place is kept.",
                    .args_max = 1};
    const char *name = p->protocol->name;
    struct lab_options o;
    struct sheet_list list;
    int status;

    if (!lab_parse(&c, argc, argv, &o, &status))
        return status;
    if (!sheet_list(name, &list))
        return cli_error(p, "there are no worksheets labs/%s/*.md here", name);
    const char *path = o.file_count > 0 ? numbered(&list, o.file[0]) : NULL;
    if (o.file_count == 0)
        status = sheet_list_print(&list, name);
    else if (path != NULL)
        status = lab_tutor(path, &o);
    else
        status = cli_error(p, "there is no worksheet '%.60s'; see '%s lab'",
                           o.file[0], name);
    sheet_list_free(&list);
    return status;
}
