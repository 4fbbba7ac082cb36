/*
 * A record: one thing that happened in a run, as both hosts report it and as
 * a trace file gives it back.  Text and JSON output, the pcapng writer and
 * the monitor's message list all take records and nothing else, so that a
 * simulated run, a live one and a recorded one look alike.
 *
 * Everything a record points to is lent until the call that hands it over
 * returns.
 */
#ifndef COMMON_RECORD_H
#define COMMON_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/fields.h"
#include "common/node.h"

enum record_kind {
    RECORD_START,   /* node `to` started */
    RECORD_COMMAND, /* .text given to node `to` */
    RECORD_FAULT,   /* .text: "crash n32"; `to` where one node is meant */
    RECORD_MESSAGE, /* .data from `from` to `to`, delivered or dropped */
    RECORD_STREAM,  /* .text: open accept eof closed reset refused timeout
                       room; at node `to`, stream with `from` */
    RECORD_TIMER,   /* .text: the timer's name, at node `to` */
    RECORD_NOTE,    /* .text by node `to`, explains its step */
    RECORD_RESULT   /* .command .text (the command) .ok .fields, by `to` */
};

struct endpoint {
    struct addr addr;
    const char *name; /* NULL: known by address only */
};

struct record {
    enum record_kind kind;
    uint32_t command; /* command that it descends from through messages, or 0;
                          results: the command's number,
                          0 for news */
    uint64_t step;    /* of the run, from 1; notes and results: their cause's */
    uint64_t time_us;
    uint64_t sent_us; /* messages: when it was sent */
    uint64_t cause;   /* step that sent the message, armed the timer; or 0 */
    struct endpoint from, to;

    /* messages */
    bool stream; /* TCP, else UDP */
    /* Seen leaving `from` (time_us is sent_us), towards a node that this host
       does not run: how a real node reports what it sends to other processes.
       Merging traces pairs it with the record of its arrival there. */
    bool outgoing;
    bool ok; /* results: the command succeeded */
    struct framing framing;
    conn_id conn;        /* same number for both directions of a stream */
    const uint8_t *data; /* the plain message */
    size_t len;
    const uint8_t *wire; /* what was on the wire where that differs */
    size_t wire_len;
    const char *why; /* dropped, and why: "loss", "n32 is down"; else NULL */

    /* the others */
    const char *text;
    const struct fields *fields;
};

/* Somebody who wants to hear of every record. */
struct observer {
    void (*record)(void *context, const struct record *r);
    void *context;
    /* It heeds neither messages nor notes nor streams; a live host then saves
       the work of making their records, though others may still come. */
    bool results_only;
};

#endif
