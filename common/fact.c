/* What the facts of several protocols have in common; see program.h. */
#include "common/program.h"

void fact_add(struct fact_call *c, const char *word)
{
    if (c->out->len > 0)
        text_char(c->out, ' ');
    text_add(c->out, word);
}

void fact_add_number(struct fact_call *c, uint64_t value)
{
    fact_add(c, "");
    text_u64(c->out, value);
}

void fact_add_node(struct fact_call *c, struct addr a)
{
    const struct host *h = c->network->by_addr(c->network, a);

    fact_add(c, h != NULL ? h->name : "unknown");
}

enum fact_outcome fact_print(struct fact_call *c, uint64_t value)
{
    text_u64(c->out, value);
    return FACT_OK;
}

enum fact_outcome fact_print_name(struct fact_call *c, const char *name)
{
    fact_add(c, name != NULL ? name : "none");
    return name != NULL ? FACT_OK : FACT_BROKEN;
}

enum fact_outcome fact_print_ratio(struct fact_call *c, uint64_t sum,
                                   uint64_t count)
{
    uint64_t hundredths = count > 0 ? (sum * 100 + count / 2) / count : 0;

    text_printf(c->out, "%llu.%02llu", (unsigned long long)(hundredths / 100),
                (unsigned long long)(hundredths % 100));
    return FACT_OK;
}

bool fact_number(struct fact_call *c, size_t arg, uint64_t most,
                 uint64_t *value)
{
    if (parse_u64(c->args[arg], most, value))
        return true;
    text_printf(c->why, "%s is no number up to %llu", c->args[arg],
                (unsigned long long)most);
    return false;
}

struct random fact_lot(const struct network *n)
{
    struct random lot = {.state = n->count};

    for (size_t i = 0; i < n->count; i++)
        lot.state +=
            random_mix(id_low(n->host[i]->id) + n->host[i]->id.word[1]);
    return lot;
}

/* Words in an order drawn for this student: the addresses of nodes depend on
   the seed and on nothing that happens. */
enum fact_outcome fact_pick(struct fact_call *c)
{
    struct random r = {.state = 0};
    uint64_t draw, count;
    const char *word[16] = {NULL};
    size_t left = c->arg_count - 2;

    if (!fact_number(c, 0, UINT32_MAX, &draw) || left > 16 ||
        !fact_number(c, 1, left, &count))
        return FACT_ERROR;
    for (size_t i = 0; i < left; i++)
        word[i] = c->args[i + 2];
    for (size_t i = 0; i < c->network->count; i++)
        r.state += random_mix(c->network->host[i]->addr.ip);
    r.state = random_mix(r.state + draw);
    for (; count > 0 && left > 0; count--) {
        size_t i = (size_t)random_below(&r, left);
        fact_add(c, word[i]);
        word[i] = word[--left];
    }
    return FACT_OK;
}
