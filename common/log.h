/*
 * The record of a run, kept: what the monitor lists, finds and goes back to.
 * Every source (simulation, live nodes, trace files) fills one.
 *
 * Records are numbered from 0 in order of arrival and keep that number; when
 * the log is full the oldest are dropped.  Steps never fall from one record
 * to the next.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include "common/record.h"

struct log;

/* A log of at most `limit` records.  Aborts when memory is short. */
struct log *log_new(size_t limit);
void log_free(struct log *l);
/* Append a copy of a record; `log` is a struct log: fits an observer. */
void log_add(void *log, const struct record *r);
void log_clear(struct log *l);

size_t log_first(const struct log *l); /* the oldest that is kept */
size_t log_end(const struct log *l);   /* behind the newest */
/* The record of that number, which must be kept; lent until it is dropped. */
const struct record *log_at(const struct log *l, size_t number);
/* The first record of a step, or behind where it would be. */
size_t log_of_step(const struct log *l, uint64_t step);

#endif
