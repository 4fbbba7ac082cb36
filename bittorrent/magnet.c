/* Magnet links; see magnet.h. */
#include "bittorrent/magnet.h"

#include <string.h>

#include "bittorrent/metainfo.h"

/* The value of a digit of base 16 or 32 (RFC 4648), or -1. */
static int digit_value(char c, unsigned base)
{
    c = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    if (base == 16)
        return c >= '0' && c <= '9'   ? c - '0'
               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                      : -1;
    return c >= 'a' && c <= 'z'   ? c - 'a'
           : c >= '2' && c <= '7' ? c - '2' + 26
                                  : -1;
}

/* 160 bits as digits of 4 or of 5 bits. */
static bool read_infohash(uint8_t out[INFOHASH_BYTES], const char *s,
                          size_t len)
{
    unsigned base = len == 40 ? 16 : 32, width = len == 40 ? 4 : 5;
    unsigned bits = 0, held = 0;
    size_t at = 0;

    if (len != 40 && len != 32)
        return false;
    for (size_t i = 0; i < len; i++) {
        int value = digit_value(s[i], base);
        if (value < 0)
            return false;
        held = held << width | (unsigned)value;
        bits += width;
        if (bits >= 8) {
            bits -= 8;
            out[at++] = (uint8_t)(held >> bits);
            held &= (1u << bits) - 1;
        }
    }
    return at == INFOHASH_BYTES;
}

static bool starts_with(struct slice s, const char *word)
{
    size_t len = strlen(word);

    return s.len >= len && memcmp(s.at, word, len) == 0;
}

static void add_tracker(struct magnet *m, struct slice value)
{
    char *url = m->tracker[m->tracker_count];

    if (m->tracker_count < TRACKERS_MAX &&
        http_unescape(value, false, url, sizeof m->tracker[0]) > 0)
        m->tracker_count++;
}

static void add_peer(struct magnet *m, struct slice value)
{
    char text[64];

    if (m->peer_count < MAGNET_PEERS_MAX &&
        http_unescape(value, false, text, sizeof text) > 0 &&
        addr_parse(&m->peer[m->peer_count], text) &&
        m->peer[m->peer_count].port != 0)
        m->peer_count++;
}

/* "0,2,4-6" counts from 0, and our lists from 1.  What is no such list says
   nothing. */
static void read_files(struct magnet *m, struct slice value)
{
    char list[MAGNET_FILES_MAX + 1];
    LOCAL_TEXT t = text_new();

    if (http_unescape(value, false, list, sizeof list) <= 0)
        return;
    for (const char *at = list; *at != '\0';) {
        uint32_t number = 0;
        size_t digits = 0;
        for (; *at >= '0' && *at <= '9' && digits < 5; at++, digits++)
            number = number * 10 + (uint32_t)(*at - '0');
        if (digits == 0 || (*at >= '0' && *at <= '9'))
            return;
        text_printf(&t, "%u", number + 1);
        if (*at != '\0')
            text_char(&t, *at++);
    }
    if (t.len < sizeof m->files && metainfo_is_list(t.data, METAINFO_FILES_MAX))
        memcpy(m->files, t.data, t.len + 1);
}

bool magnet_read(struct magnet *m, const char *link, const char **why)
{
    static const char btih[] = "urn:btih:";
    struct slice target = {link, strlen(link)}, query, name, value;
    char topic[64];
    bool found = false;

    *m = (struct magnet){.name = ""};
    *why = "a magnet link begins with magnet:?";
    if (!starts_with(target, "magnet:?"))
        return false;
    query = http_query(target);
    *why = "no xt=urn:btih: with 40 hex or 32 base32 digits";
    while (http_next_parameter(&query, &name, &value)) {
        if (slice_is(name, "xt") || starts_with(name, "xt.")) {
            int len = http_unescape(value, false, topic, sizeof topic);
            if (!found && len > 9 && memcmp(topic, btih, 9) == 0)
                found = read_infohash(m->infohash, topic + 9, (size_t)len - 9);
        } else if (slice_is(name, "dn")) {
            if (http_unescape(value, true, m->name, sizeof m->name) < 0)
                m->name[0] = '\0';
        } else if (slice_is(name, "tr") || starts_with(name, "tr.")) {
            add_tracker(m, value);
        } else if (slice_is(name, "x.pe")) {
            add_peer(m, value);
        } else if (slice_is(name, "so")) {
            read_files(m, value);
        }
    }
    return found;
}

static void add_escaped(struct text *t, const char *s)
{
    static const char plain[] = "-._~";

    for (; *s != '\0'; s++) {
        unsigned char c = (unsigned char)*s;
        if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
            memchr(plain, c, sizeof plain) != NULL)
            text_char(t, (char)c);
        else
            text_printf(t, "%%%02X", c);
    }
}

bool magnet_of(struct magnet *m, struct text *link, const char *word)
{
    const char *why;

    if (strncmp(word, "magnet:", 7) != 0)
        text_add(link, "magnet:?xt=urn:btih:");
    text_add(link, word);
    return link->len <= MAGNET_BYTES_MAX && magnet_read(m, link->data, &why);
}

void magnet_write(struct text *t, const struct magnet *m)
{
    text_add(t, "magnet:?xt=urn:btih:");
    text_hex(t, m->infohash, INFOHASH_BYTES);
    if (m->name[0] != '\0') {
        text_add(t, "&dn=");
        add_escaped(t, m->name);
    }
    for (unsigned i = 0; i < m->tracker_count; i++) {
        text_add(t, "&tr=");
        add_escaped(t, m->tracker[i]);
    }
    for (unsigned i = 0; i < m->peer_count; i++) {
        text_add(t, "&x.pe=");
        addr_text(t, m->peer[i]);
    }
}
