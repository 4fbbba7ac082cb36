/* One walk over a message, three uses; see codec.h. */
#include "common/codec.h"

#include <assert.h>
#include <string.h>

struct codec codec_reader(const uint8_t *data, size_t len)
{
    return (struct codec){.in = data, .len = len};
}

struct codec codec_writer(uint8_t *out, size_t room)
{
    return (struct codec){.out = out, .len = room};
}

struct codec codec_describer(const uint8_t *data, size_t len, struct fields *f)
{
    return (struct codec){.in = data, .len = len, .fields = f};
}

/* Take `len` bytes; the offset of the first, or SIZE_MAX when it is bad. */
static size_t take(struct codec *c, size_t len)
{
    if (c->bad || len > c->len - c->at) {
        assert(c->out == NULL); /* who writes has made room */
        c->bad = true;
        return SIZE_MAX;
    }
    c->at += len;
    return c->at - len;
}

/* Read or write a number of `len` bytes, the largest first unless `little`;
   what it is then. */
static inline uint64_t number(struct codec *c, const char *name,
                              enum field_kind kind, uint64_t value, size_t len,
                              bool little)
{
    size_t at = take(c, len);
    uint64_t v = 0;

    if (at == SIZE_MAX)
        return value;
    for (size_t i = 0; i < len; i++) {
        size_t shift = 8 * (little ? i : len - 1 - i);
        if (c->out != NULL)
            c->out[at + i] = (uint8_t)(value >> shift);
        else
            v |= (uint64_t)c->in[at + i] << shift;
    }
    if (c->out != NULL)
        return value;
    if (c->fields != NULL)
        fields_add(c->fields, kind, name, at, len)->number = v;
    return v;
}

void code_u8(struct codec *c, const char *name, uint8_t *value)
{
    *value = (uint8_t)number(c, name, FIELD_NUMBER, *value, 1, false);
}

void code_u16(struct codec *c, const char *name, uint16_t *value)
{
    *value = (uint16_t)number(c, name, FIELD_NUMBER, *value, 2, false);
}

void code_u32(struct codec *c, const char *name, uint32_t *value)
{
    *value = (uint32_t)number(c, name, FIELD_NUMBER, *value, 4, false);
}

void code_u64(struct codec *c, const char *name, uint64_t *value)
{
    *value = number(c, name, FIELD_NUMBER, *value, 8, false);
}

void code_le16(struct codec *c, const char *name, uint16_t *value)
{
    *value = (uint16_t)number(c, name, FIELD_NUMBER, *value, 2, true);
}

void code_le32(struct codec *c, const char *name, uint32_t *value)
{
    *value = (uint32_t)number(c, name, FIELD_NUMBER, *value, 4, true);
}

void code_magic(struct codec *c, const char *name, uint32_t value)
{
    uint64_t v = number(c, name, FIELD_HEX, value, 4, false);

    code_minor(c);
    code_require(c, v == value);
}

void code_id(struct codec *c, const char *name, struct id *id, unsigned bits)
{
    size_t len = id_bytes(bits), at = take(c, len);

    if (at == SIZE_MAX)
        return;
    if (c->out != NULL) {
        id_write(id, bits, c->out + at);
        return;
    }
    code_require(c, id_read(id, bits, c->in + at));
    if (c->fields != NULL) {
        struct field *f = fields_add(c->fields, FIELD_ID, name, at, len);
        f->id = *id;
        f->id_bits = bits;
    }
}

void code_addr(struct codec *c, const char *name, struct addr *addr)
{
    struct fields *fields = c->fields;
    size_t at = c->at;

    c->fields = NULL; /* one field for both numbers */
    code_u32(c, name, &addr->ip);
    code_u16(c, name, &addr->port);
    c->fields = fields;
    if (c->bad)
        c->at = at; /* half an address is undecoded, all of it */
    if (fields != NULL && !c->bad)
        fields_add(fields, FIELD_NODE, name, at, 6)->addr = *addr;
}

void code_data(struct codec *c, const char *name, enum field_kind kind,
               const uint8_t **data, size_t len)
{
    size_t at = take(c, len);

    if (at == SIZE_MAX)
        return;
    if (c->out != NULL) {
        if (len > 0)
            memcpy(c->out + at, *data, len);
        return;
    }
    *data = c->in + at;
    if (c->fields != NULL) {
        struct field *f = fields_add(c->fields, kind, name, at, len);
        f->text = (const char *)*data;
        f->text_len = len;
    }
}

void code_begin(struct codec *c, enum field_kind group_or_list,
                const char *name)
{
    if (c->fields != NULL)
        fields_begin(c->fields, group_or_list, name);
}

void code_end(struct codec *c)
{
    if (c->fields != NULL)
        fields_end(c->fields);
}

void code_minor(struct codec *c)
{
    if (c->fields != NULL && !c->bad && c->fields->count > 0)
        c->fields->at[c->fields->count - 1].minor = true;
}

void code_require(struct codec *c, bool ok)
{
    assert(ok || c->out == NULL);
    c->bad = c->bad || !ok;
}

void code_header(struct codec *c, uint32_t magic, uint8_t version,
                 uint8_t *type, uint8_t last)
{
    uint8_t read = version;

    code_magic(c, "magic", magic);
    code_u8(c, "version", &read);
    code_minor(c);
    code_require(c, read == version);
    code_u8(c, "type", type);
    code_minor(c);
    code_require(c, *type >= 1 && *type <= last);
}

void code_described(struct codec *c, const char *type)
{
    size_t end = 0; /* of the last whole field */

    c->fields->type = type;
    for (size_t i = 0; i < c->fields->count; i++)
        if (c->fields->at[i].length > 0)
            end = c->fields->at[i].offset + c->fields->at[i].length;
    fields_undecoded(c->fields, end, c->len);
}
