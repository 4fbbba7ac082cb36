/*
 * One walk over a message, three uses: writing, reading, describing.
 *
 * A protocol writes one function that names each field of a message in
 * order.  Run over a writing codec it is the encoder; over a reading codec,
 * the decoder; over a reading codec that has `fields`, it also describes
 * what it reads.  So the three agree by construction.
 *
 *     static void walk(struct codec *c, struct msg *m)
 *     {
 *         code_u8(c, "hops", &m->hops);
 *         code_id(c, "key", &m->key, m->bits);
 *     }
 *
 * Numbers are big-endian but for code_le..  A codec that overruns, or meets a value that it
 * was told to refuse, sets `bad` and from then on does nothing: ask once.
 */
#ifndef COMMON_CODEC_H
#define COMMON_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/fields.h"
#include "common/id.h"

struct codec {
    const uint8_t *in; /* NULL when writing */
    uint8_t *out;      /* NULL when reading */
    size_t at, len;    /* position; room or bytes in all */
    bool bad;
    struct fields *fields; /* NULL: do not describe */
};

struct codec codec_reader(const uint8_t *data, size_t len);
struct codec codec_writer(uint8_t *out, size_t room);
/* A reader that also appends every field to `f`. */
struct codec codec_describer(const uint8_t *data, size_t len, struct fields *f);

void code_u8(struct codec *c, const char *name, uint8_t *value);
void code_u16(struct codec *c, const char *name, uint16_t *value);
void code_u32(struct codec *c, const char *name, uint32_t *value);
void code_u64(struct codec *c, const char *name, uint64_t *value);
/* The same, little-endian. */
void code_le16(struct codec *c, const char *name, uint16_t *value);
void code_le32(struct codec *c, const char *name, uint32_t *value);
void code_id(struct codec *c, const char *name, struct id *id, unsigned bits);
void code_addr(struct codec *c, const char *name, struct addr *addr);
/* `len` bytes of text or data.  Reading lends them: *data points into the
   message.  Kind is FIELD_TEXT or FIELD_BYTES. */
void code_data(struct codec *c, const char *name, enum field_kind kind,
               const uint8_t **data, size_t len);
/* Fix the value of the next field as `value`: written, or required. */
void code_magic(struct codec *c, const char *name, uint32_t value);

void code_begin(struct codec *c, enum field_kind group_or_list,
                const char *name);
void code_end(struct codec *c);
/* Mark the field just described as minor: not part of the one-line form. */
void code_minor(struct codec *c);
/* Set `bad` unless `ok`: for values that the format forbids. */
void code_require(struct codec *c, bool ok);

/* Our own datagrams begin alike: a magic number, a version, a type from 1 to
   `last`.  All of them minor. */
void code_header(struct codec *c, uint32_t magic, uint8_t version,
                 uint8_t *type, uint8_t last);
/* After such a walk: the message is called so (NULL: nobody knows), and what
   is left of it is undecoded. */
void code_described(struct codec *c, const char *type);

#endif
