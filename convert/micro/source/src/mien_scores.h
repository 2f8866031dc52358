#ifndef MIEN_SCORES_H
#define MIEN_SCORES_H

#include "mien.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Fills in `scores` and `best` from `codes`. */
void mien_read_scores(mien_scores *result);

#ifdef __cplusplus
}
#endif

#endif
