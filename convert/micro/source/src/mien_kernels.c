/* See mien_kernels.h. The formulas are those of TensorFlow Lite's reference kernels and of gemmlowp's fixedpoint.h,
 * which they use; tests compare the results code by code with TensorFlow Lite for Microcontrollers. */
#include "mien_kernels.h"

#include <string.h>

static int32_t clamp(int32_t value, int32_t minimum, int32_t maximum) {
  return value < minimum ? minimum : value > maximum ? maximum : value;
}

/* The upper 32 bits of 2 * a * b, rounded. */
static int32_t high_product(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  const int64_t product = (int64_t)a * b;
  const int64_t nudge = product >= 0 ? INT64_C(1) << 30 : 1 - (INT64_C(1) << 30);
  return (int32_t)((product + nudge) / (INT64_C(1) << 31));
}

/* x / 2^exponent, rounded to nearest, ties away from zero. */
static int32_t divide_by_power(int32_t x, int exponent) {
  const int32_t mask = (int32_t)((INT64_C(1) << exponent) - 1);
  const int32_t remainder = x & mask;
  return (x >> exponent) + (remainder > (mask >> 1) + (x < 0));
}

static int32_t rescale(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0, right = shift > 0 ? 0 : -shift;
  return divide_by_power(high_product((int32_t)((uint32_t)x << left), multiplier), right);
}

/* x * 2^exponent, saturated. */
static int32_t multiply_by_power(int32_t x, int exponent) {
  const int64_t product = (int64_t)x * (INT64_C(1) << exponent);
  return product > INT32_MAX ? INT32_MAX : product < INT32_MIN ? INT32_MIN : (int32_t)product;
}

void mien_run_convolution(const mien_convolution *layer, const int8_t *input, int8_t *output) {
  const int depth = layer->kernel_depth, groups = layer->input_depth / depth;
  const int filters = layer->output_depth / groups;
  const int32_t kernel_size = (int32_t)layer->kernel_height * layer->kernel_width * depth;
  for (int out_y = 0; out_y < layer->output_height; ++out_y) {
    for (int out_x = 0; out_x < layer->output_width; ++out_x) {
      const int top = out_y * layer->stride_y - layer->pad_top, left = out_x * layer->stride_x - layer->pad_left;
      for (int channel = 0; channel < layer->output_depth; ++channel) {
        const int8_t *weights = layer->weights + channel * kernel_size;
        int32_t sum = layer->bias ? layer->bias[channel] : 0;
        for (int ky = 0; ky < layer->kernel_height; ++ky) {
          const int y = top + ky * layer->dilation_y;
          if (y < 0 || y >= layer->input_height) continue;
          for (int kx = 0; kx < layer->kernel_width; ++kx) {
            const int x = left + kx * layer->dilation_x;
            if (x < 0 || x >= layer->input_width) continue;
            const int8_t *pixel =
                input + ((int32_t)y * layer->input_width + x) * layer->input_depth + channel / filters * depth;
            const int8_t *kernel = weights + (ky * layer->kernel_width + kx) * depth;
            for (int c = 0; c < depth; ++c) sum += kernel[c] * (pixel[c] - layer->input_zero_point);
          }
        }
        const int32_t code = rescale(sum, layer->multipliers[channel], layer->shifts[channel]);
        *output++ = (int8_t)clamp(code + layer->output_zero_point, layer->minimum, layer->maximum);
      }
    }
  }
}

void mien_run_depthwise(const mien_convolution *layer, const int8_t *input, int8_t *output) {
  for (int out_y = 0; out_y < layer->output_height; ++out_y) {
    for (int out_x = 0; out_x < layer->output_width; ++out_x) {
      const int top = out_y * layer->stride_y - layer->pad_top, left = out_x * layer->stride_x - layer->pad_left;
      for (int channel = 0; channel < layer->output_depth; ++channel) {
        const int source = channel / layer->channel_multiplier;
        int32_t sum = layer->bias ? layer->bias[channel] : 0;
        for (int ky = 0; ky < layer->kernel_height; ++ky) {
          const int y = top + ky * layer->dilation_y;
          if (y < 0 || y >= layer->input_height) continue;
          for (int kx = 0; kx < layer->kernel_width; ++kx) {
            const int x = left + kx * layer->dilation_x;
            if (x < 0 || x >= layer->input_width) continue;
            const int32_t pixel = input[((int32_t)y * layer->input_width + x) * layer->input_depth + source];
            sum += layer->weights[(int32_t)(ky * layer->kernel_width + kx) * layer->output_depth + channel] *
                   (pixel - layer->input_zero_point);
          }
        }
        const int32_t code = rescale(sum, layer->multipliers[channel], layer->shifts[channel]);
        *output++ = (int8_t)clamp(code + layer->output_zero_point, layer->minimum, layer->maximum);
      }
    }
  }
}

typedef struct {
  int y0, y1, x0, x1;
} window;

/* The part of a pooling window that lies inside the input. */
static window pooling_window(const mien_pooling *layer, int out_y, int out_x) {
  const int top = out_y * layer->stride_y - layer->pad_top, left = out_x * layer->stride_x - layer->pad_left;
  window part;
  part.y0 = top < 0 ? 0 : top;
  part.x0 = left < 0 ? 0 : left;
  part.y1 = top + layer->kernel_height > layer->input_height ? layer->input_height : top + layer->kernel_height;
  part.x1 = left + layer->kernel_width > layer->input_width ? layer->input_width : left + layer->kernel_width;
  return part;
}

void mien_run_average_pooling(const mien_pooling *layer, const int8_t *input, int8_t *output) {
  for (int out_y = 0; out_y < layer->output_height; ++out_y) {
    for (int out_x = 0; out_x < layer->output_width; ++out_x) {
      const window part = pooling_window(layer, out_y, out_x);
      const int32_t count = (int32_t)(part.y1 - part.y0) * (part.x1 - part.x0);
      for (int channel = 0; channel < layer->depth; ++channel) {
        int32_t sum = 0;
        for (int y = part.y0; y < part.y1; ++y)
          for (int x = part.x0; x < part.x1; ++x)
            sum += input[((int32_t)y * layer->input_width + x) * layer->depth + channel];
        sum = sum > 0 ? (sum + count / 2) / count : (sum - count / 2) / count;
        *output++ = (int8_t)clamp(sum, layer->minimum, layer->maximum);
      }
    }
  }
}

void mien_run_max_pooling(const mien_pooling *layer, const int8_t *input, int8_t *output) {
  for (int out_y = 0; out_y < layer->output_height; ++out_y) {
    for (int out_x = 0; out_x < layer->output_width; ++out_x) {
      const window part = pooling_window(layer, out_y, out_x);
      for (int channel = 0; channel < layer->depth; ++channel) {
        int32_t largest = INT8_MIN;
        for (int y = part.y0; y < part.y1; ++y) {
          for (int x = part.x0; x < part.x1; ++x) {
            const int32_t code = input[((int32_t)y * layer->input_width + x) * layer->depth + channel];
            if (code > largest) largest = code;
          }
        }
        *output++ = (int8_t)clamp(largest, layer->minimum, layer->maximum);
      }
    }
  }
}

void mien_run_addition(const mien_addition *layer, const int8_t *a, const int8_t *b, int8_t *output) {
  /* 20 bits of headroom, as in TensorFlow Lite. */
  for (int32_t i = 0; i < layer->count; ++i) {
    const int32_t left = rescale((a[i] - layer->zero_point_a) * (1 << 20), layer->multiplier_a, layer->shift_a);
    const int32_t right =
        rescale((b[i % layer->count_b] - layer->zero_point_b) * (1 << 20), layer->multiplier_b, layer->shift_b);
    const int32_t code = rescale(left + right, layer->multiplier_out, layer->shift_out) + layer->output_zero_point;
    output[i] = (int8_t)clamp(code, layer->minimum, layer->maximum);
  }
}

void mien_run_multiplication(const mien_multiplication *layer, const int8_t *a, const int8_t *b, int8_t *output) {
  for (int32_t i = 0; i < layer->count; ++i) {
    const int32_t product = (a[i] - layer->zero_point_a) * (b[i % layer->count_b] - layer->zero_point_b);
    const int32_t code = rescale(product, layer->multiplier, layer->shift) + layer->output_zero_point;
    output[i] = (int8_t)clamp(code, layer->minimum, layer->maximum);
  }
}

void mien_run_averaging(const mien_averaging *layer, const int8_t *input, int8_t *output) {
  for (int channel = 0; channel < layer->depth; ++channel) {
    int32_t sum = 0;
    for (int pixel = 0; pixel < layer->pixels; ++pixel) sum += input[(int32_t)pixel * layer->depth + channel];
    const int32_t code = rescale(sum - (int32_t)layer->input_zero_point * layer->pixels, layer->multiplier, layer->shift);
    output[channel] = (int8_t)clamp(code + layer->output_zero_point, INT8_MIN, INT8_MAX);
  }
}

void mien_run_rescaling(const mien_rescaling *layer, const int8_t *input, int8_t *output) {
  for (int32_t i = 0; i < layer->count; ++i) {
    const int32_t code = rescale(input[i] - layer->input_zero_point, layer->multiplier, layer->shift);
    output[i] = (int8_t)clamp(code + layer->output_zero_point, layer->minimum, layer->maximum);
  }
}

void mien_run_pixels(const mien_rescaling *layer, const uint8_t *input, int8_t *output) {
  for (int32_t i = 0; i < layer->count; ++i) {
    const int32_t code = rescale(input[i] - layer->input_zero_point, layer->multiplier, layer->shift);
    output[i] = (int8_t)clamp(code + layer->output_zero_point, layer->minimum, layer->maximum);
  }
}

void mien_run_padding(const mien_padding *layer, const int8_t *input, int8_t *output) {
  const int32_t row = (int32_t)layer->width * layer->depth;
  const int32_t before = (int32_t)layer->left * layer->depth, after = (int32_t)layer->right * layer->depth;
  for (int y = -layer->top; y < layer->height + layer->bottom; ++y) {
    memset(output, layer->value, (size_t)(before + row + after));
    if (y >= 0 && y < layer->height) memcpy(output + before, input + y * row, (size_t)row);
    output += before + row + after;
  }
}

void mien_run_concatenation(int pixels, int depth, int first, int output_depth, const int8_t *input, int8_t *output) {
  for (int pixel = 0; pixel < pixels; ++pixel)
    memcpy(output + (int32_t)pixel * output_depth + first, input + (int32_t)pixel * depth, (size_t)depth);
}

/* exp(a) with 31 fractional bits, for a <= 0 with 26. */
static int32_t exponential(int32_t a) {
  static const int32_t factors[] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  if (a == 0) return INT32_MAX;
  const int32_t quarter = 1 << 24;
  const int32_t rest = (a & (quarter - 1)) - quarter; /* in [-1/4, 0) */
  /* A Taylor expansion around -1/8. */
  const int32_t x = multiply_by_power(rest, 5) + (1 << 28);
  const int32_t x2 = high_product(x, x), x3 = high_product(x2, x), x4 = high_product(x2, x2);
  const int32_t higher = divide_by_power(high_product(divide_by_power(x4, 2) + x3, 715827883) + x2, 1);
  int32_t result = 1895147668 + high_product(1895147668, x + higher);
  /* exp(-1/4), exp(-1/2), exp(-1), ... for each bit of the remainder. */
  const int32_t remainder = rest - a;
  for (int bit = 0; bit < 7; ++bit)
    if (remainder & (INT32_C(1) << (24 + bit))) result = high_product(result, factors[bit]);
  return result;
}

/* 1 / (1 + x) with 31 fractional bits, for x in [0, 1) with 31, by three steps of Newton's method. */
static int32_t reciprocal_of_one_plus(int32_t x) {
  const int32_t half_denominator = (int32_t)(((int64_t)x + INT32_MAX + 1) / 2);
  int32_t y = 1515870810 + high_product(half_denominator, -1010580540); /* 48/17 - 32/17 d */
  for (int i = 0; i < 3; ++i) {
    const int32_t error = (1 << 29) - high_product(half_denominator, y);
    y += multiply_by_power(high_product(y, error), 2);
  }
  return multiply_by_power(y, 1);
}

void mien_run_softmax(const mien_softmax *layer, const int8_t *input, int8_t *output) {
  int32_t largest = INT8_MIN, sum = 0;
  for (int c = 0; c < layer->depth; ++c)
    if (input[c] > largest) largest = input[c];
  for (int c = 0; c < layer->depth; ++c) {
    const int32_t difference = input[c] - largest;
    if (difference < layer->diff_min) continue;
    sum += divide_by_power(exponential(high_product(difference * (1 << layer->left_shift), layer->multiplier)), 12);
  }
  int headroom = 0;
  while (!((uint32_t)sum << headroom & UINT32_C(0x80000000))) ++headroom;
  const int32_t scale = reciprocal_of_one_plus((int32_t)(((uint32_t)sum << headroom) - UINT32_C(0x80000000)));
  for (int c = 0; c < layer->depth; ++c) {
    const int32_t difference = input[c] - largest;
    int32_t code = INT8_MIN;
    if (difference >= layer->diff_min) {
      const int32_t power = exponential(high_product(difference * (1 << layer->left_shift), layer->multiplier));
      code += divide_by_power(high_product(scale, power), 12 - headroom + 31 - 8);
    }
    output[c] = (int8_t)clamp(code, INT8_MIN, INT8_MAX);
  }
}
