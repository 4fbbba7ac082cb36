/* Every scenario of every worksheet, with the protocol that it is for. */
#ifndef TESTS_UNIT_LABS_H
#define TESTS_UNIT_LABS_H

#include <glob.h>
#include <stdio.h>

#include "common/node.h"
#include "tests/unit/test.h"

/* Their headers share too many names to be read together. */
extern const struct protocol napster_protocol, gnutella_protocol,
    fasttrack_protocol, bittorrent_protocol, chord_protocol, pastry_protocol,
    kelips_protocol;

static inline void each_lab(void (*run)(const char *path,
                                        const struct protocol *))
{
    static const struct protocol *const all[] = {
        &napster_protocol,    &gnutella_protocol, &fasttrack_protocol,
        &bittorrent_protocol, &chord_protocol,    &pastry_protocol,
        &kelips_protocol};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        char own[64], shared[64];
        glob_t found;

        snprintf(own, sizeof own, "labs/%s/*.scn", all[i]->name);
        snprintf(shared, sizeof shared, "labs/capstone/%s*.scn", all[i]->name);
        CHECK(glob(own, 0, NULL, &found) == 0);
        (void)glob(shared, GLOB_APPEND, NULL, &found);
        for (size_t k = 0; k < found.gl_pathc; k++)
            run(found.gl_pathv[k], all[i]);
        globfree(&found);
    }
}

#endif
