/* From the codes of the network to scores, with the score calibration of the model card. */
#include "mien_scores.h"

#include <math.h>

void mien_read_scores(mien_scores *result) {
  float *scores = result->scores;
  for (int i = 0; i < MIEN_LABEL_COUNT; ++i)
    scores[i] = (float)(result->codes[i] - MIEN_OUTPUT_ZERO_POINT) * MIEN_OUTPUT_SCALE;
#if MIEN_IS_CALIBRATED
  float logs[MIEN_LABEL_COUNT], largest = -INFINITY, sum = 0;
  /* Half a step of the output stands for a score of 0. */
  for (int i = 0; i < MIEN_LABEL_COUNT; ++i) logs[i] = logf(scores[i] > MIEN_SCORE_FLOOR ? scores[i] : MIEN_SCORE_FLOOR);
  for (int i = 0; i < MIEN_LABEL_COUNT; ++i) {
    scores[i] = mien_calibration_bias[i];
    for (int j = 0; j < MIEN_LABEL_COUNT; ++j) scores[i] += mien_calibration_weights[i][j] * logs[j];
    if (scores[i] > largest) largest = scores[i];
  }
  for (int i = 0; i < MIEN_LABEL_COUNT; ++i) sum += scores[i] = expf(scores[i] - largest);
  for (int i = 0; i < MIEN_LABEL_COUNT; ++i) scores[i] /= sum;
#endif
  result->best = 0;
  for (int i = 1; i < MIEN_LABEL_COUNT; ++i)
    if (scores[i] > scores[result->best]) result->best = i;
}

const char *mien_label(int index) { return index < 0 || index >= MIEN_LABEL_COUNT ? 0 : mien_labels[index]; }
