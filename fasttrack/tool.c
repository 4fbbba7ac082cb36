/*
 * `fasttrack overhear`: a listener on the line.
 *
 * It sees the bytes of every stream as they crossed the wire, in a run or in a
 * recorded trace, and nothing else.  The first words of a session hold both
 * seeds in clear; from these follow both keystreams and with them everything
 * that is said.  Printed is each message as it was sent, and below it what the
 * listener makes of it.
 */
#include "fasttrack/main.h"

#include <stdlib.h>
#include <string.h>

#include "common/cli.h"
#include "common/output.h"
#include "common/sim.h"
#include "common/trace.h"
#include "fasttrack/node.h"

#define HEX_BYTES 22u /* of a message that are shown */

/* One stream, and how far its session is understood. */
struct talk {
    struct talk *next;
    conn_id conn;
    struct addr opener, other;
    enum { TALK_HELLO, TALK_ANSWER, TALK_SESSION, TALK_OTHER } state;
    uint32_t client_seed;
    struct way way[2];   /* the opener's, the other's */
    bool named[2];       /* its network's name has been said */
    struct text left[2]; /* bytes of a message that is not whole */
};

struct ear {
    const struct program *program;
    struct namer names;
    struct talk *talks;
    bool closed, no_memory;
};

static struct talk *talk_of(struct ear *ear, const struct record *r)
{
    struct talk *t = ear->talks;

    while (t != NULL &&
           (t->conn != r->conn || !((addr_equal(t->opener, r->from.addr) &&
                                     addr_equal(t->other, r->to.addr)) ||
                                    (addr_equal(t->opener, r->to.addr) &&
                                     addr_equal(t->other, r->from.addr)))))
        t = t->next;
    if (t != NULL)
        return t;
    t = calloc(1, sizeof *t);
    if (t == NULL) {
        ear->no_memory = true;
        return NULL;
    }
    t->conn = r->conn;
    t->opener = r->from.addr;
    t->other = r->to.addr;
    t->left[0] = t->left[1] = text_new();
    t->next = ear->talks;
    ear->talks = t;
    return t;
}

static void ear_free(struct ear *ear)
{
    while (ear->talks != NULL) {
        struct talk *t = ear->talks;
        ear->talks = t->next;
        text_free(&t->left[0]);
        text_free(&t->left[1]);
        free(t);
    }
}

/* The bytes as they were, and what they say. */
static void print(struct ear *ear, const struct record *heard, bool opener,
                  enum phase phase, const uint8_t *wire, const uint8_t *plain,
                  size_t len)
{
    LOCAL_TEXT t = text_new();
    struct record r = *heard;

    text_add(&t, "  wire ");
    for (size_t i = 0; i < len && i < HEX_BYTES; i++)
        text_printf(&t, " %02x", wire[i]);
    text_add(&t, len > HEX_BYTES ? "..\n" : "\n");
    r.framing = (struct framing){.phase = phase, .from_opener = opener};
    r.data = plain;
    r.len = len;
    r.wire = NULL;
    output_record(&t, OUTPUT_TEXT, ear->program->protocol, &r, &ear->names);
    ear->closed = ear->closed || !cli_print(ear->program, &t);
}

/* Take one step of a session off the front: the bytes used, or 0. */
static size_t take(struct ear *ear, struct talk *t, const struct record *r,
                   unsigned side, const uint8_t *data, size_t len)
{
    uint8_t scratch[HEADER_BYTES + PAYLOAD_MAX];
    const uint8_t *plain = scratch;
    size_t plain_len = 0;

    if (t->state == TALK_HELLO) {
        if (len < 4)
            return 0;
        if (side != 0 || fasttrack_word(data) != RAND_WORD)
            t->state = TALK_OTHER;
        if (t->state == TALK_OTHER || len < HELLO_BYTES)
            return 0;
        t->client_seed = fasttrack_word(data + 4);
        t->state = TALK_ANSWER;
        print(ear, r, true, PHASE_HANDSHAKE, data, data, HELLO_BYTES);
        return HELLO_BYTES;
    }
    if (t->state == TALK_ANSWER) {
        if (side != 1 || len < ANSWER_BYTES)
            return 0;
        fasttrack_way(&t->way[0], true, t->client_seed ^ fasttrack_word(data));
        fasttrack_way(&t->way[1], true, fasttrack_word(data));
        t->state = TALK_SESSION;
        print(ear, r, false, PHASE_HANDSHAKE, data, data, ANSWER_BYTES);
        return ANSWER_BYTES;
    }
    if (!t->named[side]) { /* up to its NUL */
        struct cipher c = t->way[side].cipher;
        size_t most = len < NAME_MAX_BYTES + 1 ? len : NAME_MAX_BYTES + 1, at;
        fasttrack_cipher_run(&c, data, scratch, most);
        for (at = 0; at < most && scratch[at] != 0; at++)
            ;
        if (at == most)
            return 0;
        fasttrack_cipher_run(&t->way[side].cipher, data, scratch, at + 1);
        t->named[side] = true;
        print(ear, r, side == 0, PHASE_HANDSHAKE, data, scratch, at + 1);
        return at + 1;
    }
    int used =
        fasttrack_unwrap(&t->way[side], data, len, scratch, &plain, &plain_len);
    if (used < 0)
        t->state = TALK_OTHER;
    if (used <= 0)
        return 0;
    print(ear, r, side == 0, PHASE_MESSAGES, data, plain, plain_len);
    return (size_t)used;
}

/* Bytes of a stream have crossed the wire. */
static void hear(void *context, const struct record *r)
{
    struct ear *ear = context;

    if (r->kind != RECORD_MESSAGE || !r->stream || r->why != NULL)
        return;
    struct talk *t = talk_of(ear, r);
    if (t == NULL || t->state == TALK_OTHER)
        return;
    unsigned side = addr_equal(r->from.addr, t->opener) ? 0 : 1;
    struct text *left = &t->left[side];
    text_bytes(left, r->wire != NULL ? r->wire : r->data,
               r->wire != NULL ? r->wire_len : r->len);
    size_t at = 0, used;
    while (t->state != TALK_OTHER && at < left->len &&
           (used = take(ear, t, r, side, (const uint8_t *)left->data + at,
                        left->len - at)) > 0)
        at += used;
    if (at > 0) {
        memmove(left->data, left->data + at, left->len - at + 1); /* its NUL */
        left->len -= at;
    }
}

static int hear_run(struct ear *ear, const struct cli *c)
{
    LOCAL_TEXT why = text_new();
    struct scenario *s = cli_scenario(c->program, c->args[0], c->run);
    struct sim *sim = s != NULL ? sim_new(s, &why) : NULL;
    struct observer observer = {.record = hear, .context = ear};

    if (sim != NULL) {
        ear->names = network_namer(sim_network(sim));
        sim_observe(sim, &observer);
        while (!ear->closed && cli_interrupted() == 0 && sim_step(sim))
            ;
    } else if (s != NULL) {
        cli_error_at(c->program, why.data);
    }
    bool good = sim != NULL;
    sim_free(sim);
    scenario_free(s);
    return good ? EXIT_OK : EXIT_USAGE;
}

static int hear_trace(struct ear *ear, const struct cli *c)
{
    LOCAL_TEXT why = text_new();
    struct trace *t = trace_read(c->args, 1, &why);
    struct record r;

    if (t == NULL)
        return cli_error(c->program, "%s", why.data);
    ear->names = trace_namer(t);
    for (size_t i = 0; !ear->closed && i < trace_count(t); i++) {
        trace_get(t, i, &r);
        hear(ear, &r);
    }
    trace_free(t);
    return EXIT_OK;
}

int fasttrack_overhear(const struct program *p, int argc, char **argv)
{
    struct run_options o = {.json = false};
    struct cli c = {.program = p,
                    .verb = "overhear",
                    .usage = "SCENARIO|FILE.pcapng",
                    .about = "Read enciphered sessions with nothing but the "
                             "bytes that crossed the wire.",
                    .run = &o,
                    .args_min = 1,
                    .args_max = 1,
                    .help = EXPLAIN_NONE};
    struct ear ear = {.program = p};
    int status;

    if (!cli_parse(&c, argc, argv, &status))
        return status;
    size_t len = strlen(c.args[0]);
    cli_catch_signals();
    status = len > 7 && strcmp(c.args[0] + len - 7, ".pcapng") == 0
                 ? hear_trace(&ear, &c)
                 : hear_run(&ear, &c);
    if (ear.no_memory)
        status = cli_error(p, "out of memory");
    else if (status == EXIT_OK && ear.talks == NULL)
        status = cli_error(p, "no stream is in it");
    ear_free(&ear);
    return status;
}
