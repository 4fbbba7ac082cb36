/*
 * The verbs that all programs share; program.c lists them, a file verb_X.c
 * each.  argv[0] is the verb itself.
 */
#ifndef COMMON_VERBS_H
#define COMMON_VERBS_H

#include "common/program.h"

int verb_sim(const struct program *p, int argc, char **argv);
int verb_monitor(const struct program *p, int argc, char **argv);
int verb_node(const struct program *p, int argc, char **argv);
/* `node` with another port of its own, and with these words, up to NULL,
   before those given. */
int verb_node_with(const struct program *p, uint16_t port,
                   const char *const *words, int argc, char **argv);
int verb_live(const struct program *p, int argc, char **argv);
int verb_show(const struct program *p, int argc, char **argv);
int verb_check(const struct program *p, int argc, char **argv);
int verb_figure(const struct program *p, int argc, char **argv);
int verb_lab(const struct program *p, int argc, char **argv);
int verb_trace(const struct program *p, int argc, char **argv);
int verb_introducer(const struct program *p, int argc, char **argv);

#endif
