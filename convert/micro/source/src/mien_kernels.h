/* The operators of an int8 network in plain C99, with the integer arithmetic of TensorFlow Lite's reference kernels.
 *
 * Tensors are int8, one image, channels last. Rounding is that of gemmlowp: a multiplier of 31 bits and a shift, with
 * two roundings. Nothing is allocated. */
#ifndef MIEN_KERNELS_H
#define MIEN_KERNELS_H

#include <stdint.h>

/* A convolution, a depthwise convolution (channel_multiplier > 0), or a dense layer (all sizes 1). */
typedef struct {
  int16_t input_height, input_width, input_depth;
  int16_t output_height, output_width, output_depth;
  int16_t kernel_height, kernel_width, kernel_depth;
  int16_t stride_y, stride_x, dilation_y, dilation_x;
  int16_t pad_top, pad_left, channel_multiplier;
  int16_t input_zero_point, output_zero_point, minimum, maximum;
  const int8_t *weights;
  const int32_t *bias;        /* one for each output channel, or NULL */
  const int32_t *multipliers; /* one for each output channel */
  const int8_t *shifts;
} mien_convolution;

typedef struct {
  int16_t input_height, input_width, depth;
  int16_t output_height, output_width;
  int16_t kernel_height, kernel_width, stride_y, stride_x, pad_top, pad_left;
  int16_t minimum, maximum;
} mien_pooling;

/* The second operand is repeated: it has as many elements as the first one, as its channels, or one. */
typedef struct {
  int32_t count, count_b;
  int32_t multiplier_a, multiplier_b, multiplier_out;
  int8_t shift_a, shift_b, shift_out;
  int16_t zero_point_a, zero_point_b, output_zero_point, minimum, maximum;
} mien_addition;

typedef struct {
  int32_t count, count_b;
  int32_t multiplier;
  int8_t shift;
  int16_t zero_point_a, zero_point_b, output_zero_point, minimum, maximum;
} mien_multiplication;

/* The mean over all pixels of each channel. */
typedef struct {
  int16_t pixels, depth, input_zero_point, output_zero_point;
  int32_t multiplier;
  int8_t shift;
} mien_averaging;

/* Another scale or zero point; also a separate RELU, by its minimum and maximum. */
typedef struct {
  int32_t count;
  int32_t multiplier;
  int8_t shift;
  int16_t input_zero_point, output_zero_point, minimum, maximum;
} mien_rescaling;

typedef struct {
  int16_t height, width, depth, top, bottom, left, right, value;
} mien_padding;

typedef struct {
  int16_t depth, diff_min;
  int32_t multiplier;
  int8_t left_shift;
} mien_softmax;

void mien_run_convolution(const mien_convolution *layer, const int8_t *input, int8_t *output);
void mien_run_depthwise(const mien_convolution *layer, const int8_t *input, int8_t *output);
void mien_run_average_pooling(const mien_pooling *layer, const int8_t *input, int8_t *output);
void mien_run_max_pooling(const mien_pooling *layer, const int8_t *input, int8_t *output);
void mien_run_addition(const mien_addition *layer, const int8_t *a, const int8_t *b, int8_t *output);
void mien_run_multiplication(const mien_multiplication *layer, const int8_t *a, const int8_t *b, int8_t *output);
void mien_run_averaging(const mien_averaging *layer, const int8_t *input, int8_t *output);
void mien_run_rescaling(const mien_rescaling *layer, const int8_t *input, int8_t *output);
void mien_run_pixels(const mien_rescaling *layer, const uint8_t *input, int8_t *output);
void mien_run_padding(const mien_padding *layer, const int8_t *input, int8_t *output);
void mien_run_softmax(const mien_softmax *layer, const int8_t *input, int8_t *output);
/* Writes `depth` channels of each pixel at channel `first` of an output of `output_depth` channels. */
void mien_run_concatenation(int pixels, int depth, int first, int output_depth, const int8_t *input, int8_t *output);

#endif
