/*
 * The main function of a fuzz target outside of libFuzzer: give it every
 * file of the folders named, each in memory of exactly its size.
 */
#include <dirent.h>

#include "tests/fuzz/fuzz.h"

static void replay(const char *path)
{
    FILE *f = fopen(path, "rb");
    long len = -1;

    if (f != NULL && fseek(f, 0, SEEK_END) == 0)
        len = ftell(f);
    MUST(len >= 0);
    rewind(f);
    uint8_t *data = malloc((size_t)len + (len == 0));
    MUST(data != NULL && fread(data, 1, (size_t)len, f) == (size_t)len);
    (void)LLVMFuzzerTestOneInput(data, (size_t)len);
    free(data);
    fclose(f);
}

int main(int argc, char **argv)
{
    char path[4096];
    int count = 0;

    for (int i = 1; i < argc; i++) {
        DIR *folder = opendir(argv[i]);
        if (folder == NULL) {
            fprintf(stderr, "%s: no such folder\n", argv[i]);
            return 2;
        }
        for (struct dirent *e; (e = readdir(folder)) != NULL;) {
            if (e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof path, "%s/%s", argv[i], e->d_name);
            replay(path);
            count++;
        }
        closedir(folder);
    }
    printf("%s %s: %d inputs\n", count > 0 ? "ok" : "not ok", argv[0], count);
    return count > 0 ? 0 : 1;
}
