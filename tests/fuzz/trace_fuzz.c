/* Any bytes as a trace file, alone and merged with itself: refused with a
   reason, or every record can be printed and written again. */
#include "common/trace.h"

#include <unistd.h>

#include "common/output.h"
#include "tests/fuzz/fuzz.h"

static void describe(const struct framing *f, const uint8_t *bytes, size_t len,
                     struct fields *fields)
{
    (void)f;
    (void)bytes;
    fields_undecoded(fields, 0, len);
}
static const struct protocol protocol = {.name = "test", .describe = describe};

static char path[64], copy[80];

static void remove_files(void)
{
    remove(path);
    remove(copy);
}

static void write_again(const struct trace *t)
{
    struct namer names = trace_namer(t);
    struct text line = text_new(), why = text_new();
    const struct trace_source source = {.program = "test",
                                        .scenario = trace_source(t)->scenario,
                                        .seed = trace_source(t)->seed};
    struct trace_writer *w = trace_create(copy, &source, &why);
    struct record r;

    MUST(w != NULL);
    for (size_t i = 0; i < trace_count(t); i++) {
        trace_get(t, i, &r);
        text_clear(&line);
        output_record(&line, i % 2 ? OUTPUT_JSON : OUTPUT_TEXT, &protocol, &r,
                      &names);
        MUST(line.len > 0 && line.data[line.len - 1] == '\n');
        MUST(strstr(line.data, "\n\n") == NULL);
        if (i % 2 || r.kind != RECORD_RESULT) /* whose text may be long */
            MUST(strchr(line.data, '\n') + 1 == line.data + line.len);
        trace_write(w, &r);
    }
    MUST(trace_close(w, &why));
    text_free(&line);
    text_free(&why);
}

static void read_files(size_t count)
{
    const char *files[] = {path, path};
    struct text why = text_new();
    struct trace *t = trace_read(files, count, &why);

    MUST((t == NULL) == (why.len > 0));
    if (t != NULL)
        write_again(t);
    trace_free(t);
    text_free(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    if (path[0] == '\0') {
        snprintf(path, sizeof path, "/tmp/p2plab-fuzz-%ld", (long)getpid());
        snprintf(copy, sizeof copy, "%s-copy", path);
        atexit(remove_files);
    }
    FILE *f = fopen(path, "wb");
    MUST(f != NULL && fwrite(data, 1, len, f) == len);
    fclose(f);
    read_files(1);
    read_files(2);
    return 0;
}
