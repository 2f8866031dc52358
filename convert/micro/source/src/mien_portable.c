/* The network without an interpreter: in plain C, on any processor with 32 bits. MIEN_USE_TFLM chooses the other one,
 * mien_tflm.cc. */
#include "mien_network.h"

#ifndef MIEN_USE_TFLM

#include <stddef.h>
#include <string.h>
#include "mien_scores.h"

mien_status mien_init(void) { return MIEN_OK; }

mien_status mien_classify(const uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE], mien_scores *scores) {
  if (!face || !scores) return MIEN_WRONG_USE;
  memcpy(scores->codes, mien_run_network(face), MIEN_LABEL_COUNT);
  mien_read_scores(scores);
  return MIEN_OK;
}

#endif
