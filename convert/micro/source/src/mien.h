/* Facial expressions from gray pictures, on a microcontroller.
 *
 *   mien_init();
 *   mien_crop(picture, width, height, stride, box, face);
 *   mien_classify(face, &scores);
 *   puts(mien_label(scores.best));
 *
 * Memory is static: see MIEN_ARENA_BYTES. One face at a time; not for several threads. */
#ifndef MIEN_H
#define MIEN_H

#include <stdint.h>

#include "mien_model.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
  MIEN_OK = 0,
  MIEN_WRONG_MODEL, /* the model array is damaged, or of a schema that the interpreter does not know */
  MIEN_NO_MEMORY,   /* MIEN_ARENA_BYTES is too small */
  MIEN_FAILED,      /* the interpreter failed */
  MIEN_WRONG_USE    /* a null pointer, an empty picture or an empty box */
} mien_status;

typedef struct {
  int8_t codes[MIEN_LABEL_COUNT]; /* the network's output: probability = (code - MIEN_OUTPUT_ZERO_POINT) * MIEN_OUTPUT_SCALE */
  float scores[MIEN_LABEL_COUNT]; /* 0 to 1, their sum is 1; with the model's score calibration, if it has one */
  int best;                       /* index of the highest score */
} mien_scores;

/* In pixels of the picture, origin top left. It may reach beyond the picture. */
typedef struct {
  int x, y, width, height;
} mien_box;

/* Prepares the network; once, before mien_classify. */
mien_status mien_init(void);

/* Classifies a face.
 *   face: MIEN_FACE_SIZE x MIEN_FACE_SIZE gray pixels, 0 black to 255 white, row by row. */
mien_status mien_classify(const uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE], mien_scores *scores);

/* Cuts a square around a face, with the margin that the model was trained with, and resizes it. The pixels are those
 * that mien's Python package cuts from the same gray picture and box. Beyond the picture, its edge is repeated.
 *   picture: gray pixels, row by row.
 *   stride: bytes from one row to the next, at least `width`.
 *   box: as a face detector gives it, at most MIEN_LARGEST_BOX pixels wide and high. */
mien_status mien_crop(const uint8_t *picture, int width, int height, int stride, mien_box box,
                      uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE]);

/* The name of a class in UTF-8, such as "happy"; NULL for an index that is out of range. */
const char *mien_label(int index);

#ifdef __cplusplus
}
#endif

#endif
