/*
 * Direct browse: a user's list, asked of the user itself.
 *
 *     640 -> 641 -> dial, "1", GETLIST, its list
 *     a firewalled user: 640 -> it dials us: "1", SENDLIST, its list
 *
 * Source: reference, 6.4.  Who calls for ours gets it for a while after we
 * agreed (LIST_US); a list that nobody waits for ends its connection.
 */
#include "napster/node.h"

#include <string.h>

#include "common/host.h"

/* Each file on a line, as in SHARE, and an empty line at the end. */
void napster_list_more(struct napster *n, struct host *h, struct peer *p)
{
    size_t backlog = 0;

    while (p->at < n->client->share_count && backlog < BACKLOG_HIGH) {
        int content = (int)p->at++;
        LOCAL_TEXT t = text_new();
        if (n->client->share[content].sent &&
            napster_share_text(n, h, content, &t)) {
            text_char(&t, '\n');
            backlog = host_write(h, p->conn, t.data, t.len);
            p->deadline_us = host_now(h) + PEER_US;
        }
    }
    if (p->at < n->client->share_count)
        return; /* the rest at ROOM */
    napster_say(h, p, "\n");
    napster_peer_end(n, h, p);
}

void napster_list_begin(struct napster *n, struct host *h, struct peer *p,
                        const char *word)
{
    LOCAL_TEXT t = text_new();

    text_printf(&t, "%s%s\n", word, n->nick);
    host_write(h, p->conn, t.data, t.len);
    p->state = PEER_LIST_OUT;
    p->at = 0;
    napster_list_more(n, h, p);
}

void napster_list_asked(struct napster *n, struct host *h, struct slice nick,
                        struct addr to)
{
    bool firewalled = napster_firewalled(n);

    if (n->leaving || (firewalled && to.port == 0)) {
        SAY(MSG_BROWSE_ERROR, "%.*s \"nobody can dial me\"", (int)nick.len,
            nick.at);
        return;
    }
    n->client->list_until_us = host_now(h) + LIST_US;
    SAY(MSG_BROWSE_ACCEPT, "%.*s", (int)nick.len, nick.at);
    if (firewalled) /* content -1: a list */
        napster_peer_new(n, h, host_connect(h, to), PEER_PUSH_DIAL);
}

void napster_list_get(struct napster *n, struct host *h, struct slice nick,
                      struct addr from)
{
    struct peer *p =
        napster_peer_new(n, h, host_connect(h, from), PEER_LIST_ONE);

    if (p == NULL) {
        napster_client_give_up(n, h, "too many connections");
        return;
    }
    napster_copy(p->nick, sizeof p->nick, nick);
    p->deadline_us = host_now(h) + LIST_ASK_US;
    n->client->due_us = host_now(h) + LIST_US;
    n->client->listing = true;
}

/* One line of another's list: the bytes used.  The first is its nick again. */
size_t napster_list_take(struct napster *n, struct host *h, struct peer *p,
                         const struct event *e)
{
    const uint8_t *end = memchr(e->data, '\n', e->len);
    bool wanted = napster_client_lists(n->client, napster_slice(p->nick));

    if (end == NULL && e->len <= PAYLOAD_MAX && wanted)
        return 0;
    if (end == NULL || !wanted) {
        if (wanted)
            napster_client_give_up(n, h, "the list is none");
        napster_peer_end(n, h, p);
        return e->len;
    }
    struct slice line = {(const char *)e->data, (size_t)(end - e->data)};
    bool last = !p->digits && !napster_same(line, napster_slice(p->nick));
    if (last)
        napster_client_give_up(n, h, "the list is another's");
    else if (p->digits)
        last = napster_client_listed(n, h, line);
    p->digits = true;
    if (last)
        napster_peer_end(n, h, p);
    return line.len + 1;
}

void napster_list_on_request(struct napster *n, struct host *h, struct peer *p,
                             const struct napster_request *r)
{
    if (r->send && napster_client_lists(n->client, r->nick)) {
        p->state = PEER_LIST_IN;
        p->digits = true; /* its nick has come */
        n->client->listing = true;
        napster_copy(p->nick, sizeof p->nick, r->nick);
    } else if (!r->send && host_now(h) < n->client->list_until_us) {
        napster_list_begin(n, h, p, "");
    } else {
        host_note(h, "refuses a list that was not agreed on");
        napster_say(h, p, "INVALID REQUEST");
        napster_peer_end(n, h, p);
    }
}
