/*
 * What a user asks of a node, and the results.
 *
 * `fetch LINK` and `get NAME` end when the content is whole; `peer HOST:PORT`
 * and `show` answer at once.
 */
#include "bittorrent/node.h"

#include <string.h>

#include "bittorrent/magnet.h"
#include "bittorrent/tracker.h"
#include "common/words.h"

static uint32_t banned_count(const struct bittorrent *n)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < n->known_count; i++)
        count += n->known[i].banned;
    return count;
}

static void show(struct bittorrent *n, struct host *h, uint32_t command)
{
    const struct torrent *t = &n->torrent;
    struct fields f = fields_new();

    fields_number(&f, "pieces", t->have_count);
    fields_number(&f, "of", t->meta.piece_count);
    fields_number(&f, "peers", n->peer_count);
    fields_number(&f, "known", n->known_count);
    fields_number(&f, "downloaded", t->downloaded);
    fields_number(&f, "uploaded", t->uploaded);
    fields_number(&f, "wasted", t->wasted);
    fields_number(&f, "bad", t->bad_pieces);
    fields_number(&f, "banned", banned_count(n));
    if (t->done_us > 0)
        fields_number(&f, "seconds", (t->done_us - t->begun_us) / SECOND_US);
    if (n->tracker != NULL)
        tracker_fields(n->tracker, &f);
    fields_text(&f, "why", swarm_why(n));
    host_result(h, command, true, &f);
    fields_free(&f);
}

/* By a magnet link, or an infohash alone. */
static void fetch(struct bittorrent *n, struct host *h, uint32_t command,
                  const char *word)
{
    struct text link = text_new();
    struct magnet m;

    if (!magnet_of(&m, &link, word)) {
        host_failed(h, command,
                    "expected a magnet link with xt=urn:btih:, or the 40 "
                    "hexadecimal digits of an infohash");
    } else {
        n->command = command;
        (void)host_save(h, "magnet", link.data, link.len);
        memcpy(n->files, m.files, sizeof n->files);
        swarm_begin_magnet(n, h, &m);
    }
    text_free(&link);
}

static void dial(struct bittorrent *n, struct host *h, uint32_t command,
                 const char *word)
{
    struct addr a;
    struct fields f = fields_new();

    if (addr_parse(&a, word)) {
        swarm_found_peer(n, h, a);
        swarm_dial_some(n, h);
        fields_node(&f, "peer", a);
        host_result(h, command, true, &f);
    } else {
        host_failed(h, command, "that is no HOST:PORT");
    }
    fields_free(&f);
}

void swarm_command(struct bittorrent *n, struct host *h, const struct event *e)
{
    const char *s = (const char *)e->data, *word;
    size_t len = word_next(&s);
    const char *verb = s;

    word = s + len;
    (void)word_next(&word);
    if (word_is(verb, len, "show")) {
        show(n, h, e->command);
    } else if (word_is(verb, len, "peer")) {
        dial(n, h, e->command, word);
    } else if (n->torrent.state != TORRENT_NONE || n->command != 0 ||
               n->wanted[0] != '\0') {
        host_failed(h, e->command, "a node has one torrent at a time");
    } else if (word_is(verb, len, "fetch")) {
        fetch(n, h, e->command, word);
    } else if (addr_none(n->join)) {
        host_failed(h, e->command, "join a node that has its .torrent");
    } else if (strlen(word) >= sizeof n->wanted) {
        host_failed(h, e->command, "the name is too long");
    } else {
        memcpy(n->wanted, word, strlen(word) + 1);
        n->command = e->command;
        n->wanted_us = 0;
        web_on_tick(n, h);
    }
}
