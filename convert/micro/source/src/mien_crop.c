/* Crops and resizes in integers, with the results of mien's Python package, which calls OpenCV: halved by area while it
 * is at least twice as large, then resized bilinearly with weights of 11 bits. */
#include <stddef.h>

#include "mien.h"

typedef struct {
  const uint8_t *pixels;
  int width, height, stride;
  int left, top; /* of the square, in the picture */
} square;

static int clamp(int value, int maximum) { return value < 0 ? 0 : value > maximum ? maximum : value; }

/* A pixel of the square after it was halved `level` times. */
static int pixel(const square *s, int level, int x, int y) {
  if (level == 0)
    return s->pixels[(ptrdiff_t)clamp(s->top + y, s->height - 1) * s->stride + clamp(s->left + x, s->width - 1)];
  return (pixel(s, level - 1, 2 * x, 2 * y) + pixel(s, level - 1, 2 * x + 1, 2 * y) +
          pixel(s, level - 1, 2 * x, 2 * y + 1) + pixel(s, level - 1, 2 * x + 1, 2 * y + 1) + 2) >>
         2;
}

/* a / b for b > 0, rounded to nearest, ties to the even number. */
static int divide(int64_t a, int64_t b) {
  int64_t quotient = a / b, remainder = a % b;
  if (remainder < 0) {
    remainder += b;
    --quotient;
  }
  if (2 * remainder > b || (2 * remainder == b && quotient % 2 != 0)) ++quotient;
  return (int)quotient;
}

/* Where output position `i` lies in a row or column of `size` pixels: between the pixel before it, which may be -1, and
 * the next; and the weight of the next one. */
static int source_of(int i, int size, int *weight) {
  const int unit = 2 * MIEN_FACE_SIZE; /* positions are in 1 / unit pixels */
  const int64_t position = (int64_t)(2 * i + 1) * size - MIEN_FACE_SIZE + unit;
  *weight = divide(2048 * (position % unit), unit);
  return (int)(position / unit) - 1;
}

mien_status mien_crop(const uint8_t *picture, int width, int height, int stride, mien_box box,
                      uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE]) {
  if (!picture || !face || width < 1 || height < 1 || stride < width || box.width < 1 || box.height < 1 ||
      box.width > MIEN_LARGEST_BOX || box.height > MIEN_LARGEST_BOX)
    return MIEN_WRONG_USE;
  const int longer = box.width > box.height ? box.width : box.height;
  int side = divide((int64_t)longer * MIEN_CROP_NUMERATOR, MIEN_CROP_DENOMINATOR);
  square s;
  s.pixels = picture, s.width = width, s.height = height, s.stride = stride;
  s.left = divide(2 * (int64_t)box.x + box.width - side, 2);
  s.top = divide(2 * (int64_t)box.y + box.height - side, 2);
  int level = 0;
  for (; side >= 2 * MIEN_FACE_SIZE; side /= 2) ++level;
  if (side == MIEN_FACE_SIZE) {
    for (int y = 0; y < MIEN_FACE_SIZE; ++y)
      for (int x = 0; x < MIEN_FACE_SIZE; ++x) *face++ = (uint8_t)pixel(&s, level, x, y);
    return MIEN_OK;
  }
  for (int out_y = 0; out_y < MIEN_FACE_SIZE; ++out_y) {
    int down;
    const int y = source_of(out_y, side, &down), above = clamp(y, side - 1), below = clamp(y + 1, side - 1);
    for (int out_x = 0; out_x < MIEN_FACE_SIZE; ++out_x) {
      int right;
      const int x = source_of(out_x, side, &right), before = clamp(x, side - 1), next = clamp(x + 1, side - 1);
      const int32_t upper = pixel(&s, level, before, above) * (2048 - right) + pixel(&s, level, next, above) * right;
      const int32_t lower = pixel(&s, level, before, below) * (2048 - right) + pixel(&s, level, next, below) * right;
      /* OpenCV drops bits of each product, also where both are of the same row. */
      *face++ = (uint8_t)((((upper >> 4) * (2048 - down) >> 16) + ((lower >> 4) * down >> 16) + 2) >> 2);
    }
  }
  return MIEN_OK;
}
