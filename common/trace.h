/*
 * Traces: records in pcapng files that Wireshark opens.
 *
 * Raw IP (link type 101); IPv4 and UDP or TCP headers are made up, with right
 * checksums and sequence numbers.  Interfaces: "wire" (the bytes as sent),
 * "decoded" (plain messages where they differ) and "dropped".  The packet
 * comment holds what headers cannot: event=17 sent=0.123456 ..., and the
 * notes of the step.  A name block names the nodes.
 */
#ifndef COMMON_TRACE_H
#define COMMON_TRACE_H

#include "common/record.h"
#include "common/scenario.h"
#include "common/text.h"

/* The run that a trace is of. */
struct trace_source {
    const char *program;  /* "chord"; NULL: another program's capture */
    const char *scenario; /* its name, or NULL */
    uint64_t seed;
    uint64_t epoch_us; /* wall-clock time of its start; 0 in the simulator */
};
struct trace_source trace_of_scenario(const struct scenario *s);

struct trace_writer;

/* Create or replace the file.  NULL with *why when it cannot be written. */
struct trace_writer *trace_create(const char *path,
                                  const struct trace_source *source,
                                  struct text *why);
/* Append a record; fits `struct observer`.  Errors are kept for the end. */
void trace_write(void *writer, const struct record *r);
/* Push what has been written so far to the file. */
void trace_flush(struct trace_writer *w);
/* Finish the file; false with *why when anything was not written. */
bool trace_close(struct trace_writer *w, struct text *why);

struct trace; /* one or more files, merged by time, read into memory */

/* Read and merge; the same message seen by its sender and by its receiver
   becomes one record.  NULL with *why (FILE: at byte N: ...) when a file is
   not what we or Wireshark write. */
struct trace *trace_read(const char *const *paths, size_t count,
                         struct text *why);
void trace_free(struct trace *t);
size_t trace_count(const struct trace *t);
/* The i-th record; lent as long as the trace. */
void trace_get(const struct trace *t, size_t i, struct record *r);
/* A namer (fields.h) that knows the names of all addresses seen. */
struct namer trace_namer(const struct trace *t);
/* As its first file says, but for the start: that of the first run. */
const struct trace_source *trace_source(const struct trace *t);

#endif
