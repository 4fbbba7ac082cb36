/* `lab test`: the ten facts that a worksheet must keep. */
#ifndef COMMON_SHEET_CHECK_H
#define COMMON_SHEET_CHECK_H

#include <stdio.h>

#include "common/sheet_run.h"

/* Work through a sheet as `seeds` students, scenarios in `dir`; print TAP,
   counting on from *number.  Returns how many of the ten facts fail. */
unsigned sheet_check(const struct sheet *s, unsigned seeds, const char *dir,
                     struct cache *cache, unsigned *number, FILE *out);

#endif
