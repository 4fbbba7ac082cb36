/*
 * What a loaded line of a scenario looks like; shared by its parser
 * (scenario.c) and its cursor (scenario_walk.c), and private to them.
 */
#ifndef COMMON_SCENARIO_LINE_H
#define COMMON_SCENARIO_LINE_H

#include "common/scenario.h"

enum line_kind { LINE_ACT, LINE_NODES, LINE_CHURN };

struct line {
    enum line_kind kind;
    bool relative;             /* when_us counts from the line before */
    uint64_t when_us;          /* of the first act, for `nodes` and churn */
    struct act act;            /* `nodes`: .name is the prefix */
    uint64_t count;            /* `nodes`: how many */
    uint64_t every_us;         /* `nodes`: from one start to the next */
    uint64_t join_us, fail_us; /* churn: mean time between two; 0: none */
    uint64_t for_us;           /* churn: how long */
};

#endif
