/* An IPv4 address and port: how nodes are reached, and told apart. */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "common/text.h"

struct addr {
    uint32_t ip; /* 127.0.0.1 is 0x7f000001; 0 with port 0 means none */
    uint16_t port;
};

static inline bool addr_equal(struct addr a, struct addr b)
{
    return a.ip == b.ip && a.port == b.port;
}

static inline bool addr_none(struct addr a)
{
    return a.ip == 0 && a.port == 0;
}

/* Append 127.0.0.1:7074. */
void addr_text(struct text *t, struct addr a);
/* Read all of HOST:PORT with HOST in dotted form; false if it is not that. */
bool addr_parse(struct addr *a, const char *s);

#endif
