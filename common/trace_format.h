/*
 * What the writer and the reader of traces agree on: numbers of the pcapng
 * format and of TCP/IP, and the words of our comments (trace.c).
 *
 * Source: draft-ietf-opsawg-pcapng; RFC 791, 768, 9293.
 */
#ifndef COMMON_TRACE_FORMAT_H
#define COMMON_TRACE_FORMAT_H

#include "common/record.h"

#define PCAPNG_MAGIC 0x1a2b3c4d
enum block {
    BLOCK_SECTION = 0x0a0d0d0a, /* reads the same from either end */
    BLOCK_INTERFACE = 1,
    BLOCK_NAMES = 4,
    BLOCK_STATISTICS = 5,
    BLOCK_PACKET = 6
};
enum {
    OPTION_END = 0,
    OPTION_COMMENT = 1,
    OPTION_IF_NAME = 2,
    OPTION_IF_TSRESOL = 9,
    NAME_IPV4 = 1
};

/* Ours is always LINK_RAW; the others are what Wireshark records. */
enum link {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_RAW = 101,
    LINK_SLL = 113,
    LINK_IPV4 = 228,
    LINK_SLL2 = 276
};

enum interface { WIRE, DECODED, DROPPED, INTERFACES };
static const char *const trace_interface[] = {"wire", "decoded", "dropped"};

#define IP_BYTES 20
#define UDP_BYTES 8
#define TCP_BYTES 20
#define PROTOCOL_TCP 6
#define PROTOCOL_UDP 17
#define PAYLOAD_BYTES_MAX (65535 - IP_BYTES - TCP_BYTES)
enum { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16 };

static const char *const trace_phase[] = {"datagram", "handshake", "http",
                                          "messages", "bulk"};
static const char *const trace_field_kind[] = {
    [FIELD_GROUP] = "group", [FIELD_LIST] = "list",   [FIELD_NUMBER] = "number",
    [FIELD_BOOL] = "bool",   [FIELD_TIME] = "time",   [FIELD_HEX] = "hex",
    [FIELD_TEXT] = "text",   [FIELD_BYTES] = "bytes", [FIELD_NODE] = "node",
    [FIELD_ID] = "id"};

#endif
