/* Classifies the recorded faces, and crops some, and compares the results with those of mien's Python package. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "mien.h"
#include "mien_test_faces.h"

/* expf and logf are not the same to the last bit everywhere. */
#define TOLERANCE 1e-4f

static int check_faces(void) {
  int wrong = 0;
  for (int i = 0; i < MIEN_TEST_FACES; ++i) {
    mien_scores scores;
    const mien_status status = mien_classify(mien_test_faces[i], &scores);
    int differences = status != MIEN_OK;
    for (int c = 0; status == MIEN_OK && c < MIEN_LABEL_COUNT; ++c) {
      differences += scores.codes[c] != mien_test_codes[i][c];
      differences += !(fabsf(scores.scores[c] - mien_test_scores[i][c]) <= TOLERANCE);
    }
    printf("face %d:", i);
    if (status == MIEN_OK)
      for (int c = 0; c < MIEN_LABEL_COUNT; ++c) printf(" %d", scores.codes[c]);
    printf(" %s%s\n", status == MIEN_OK ? mien_label(scores.best) : "failed", differences ? ": WRONG" : "");
    wrong += differences != 0;
  }
  return wrong;
}

static int check_crops(void) {
  static uint8_t picture[MIEN_TEST_WIDTH * MIEN_TEST_HEIGHT];
  static uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE];
  int wrong = 0;
  uint32_t random = 1;
  /* The numbers of Numerical Recipes' generator, as the Python side has them. */
  for (int i = 0; i < MIEN_TEST_WIDTH * MIEN_TEST_HEIGHT; ++i) {
    random = random * UINT32_C(1664525) + UINT32_C(1013904223);
    picture[i] = (uint8_t)(random >> 24);
  }
  for (int i = 0; i < MIEN_TEST_CROPS; ++i) {
    uint32_t hash = UINT32_C(2166136261); /* FNV-1a */
    if (mien_crop(picture, MIEN_TEST_WIDTH, MIEN_TEST_HEIGHT, MIEN_TEST_WIDTH, mien_test_boxes[i], face) != MIEN_OK)
      hash = 0;
    else
      for (int p = 0; p < MIEN_FACE_SIZE * MIEN_FACE_SIZE; ++p) hash = (hash ^ face[p]) * UINT32_C(16777619);
    wrong += hash != mien_test_hashes[i];
  }
  return wrong;
}

int main(void) {
  if (mien_init() != MIEN_OK) {
    puts("mien_init failed");
    return EXIT_FAILURE;
  }
  const int faces = check_faces(), crops = check_crops();
  printf("%s: %d of %d faces, %d of %d crops as expected\n", MIEN_MODEL_NAME, MIEN_TEST_FACES - faces, MIEN_TEST_FACES,
         MIEN_TEST_CROPS - crops, MIEN_TEST_CROPS);
  return faces || crops ? EXIT_FAILURE : EXIT_SUCCESS;
}
