// What mien_tflm.cc uses of TensorFlow Lite for Microcontrollers, whose sources are on no package index. It computes
// nothing: a project is compiled and linked against it.
#pragma once
#include <cstddef>
#include <cstdint>

typedef enum { kTfLiteOk = 0, kTfLiteError = 1 } TfLiteStatus;

struct TfLiteTensor {
  union {
    uint8_t *uint8;
    int8_t *int8;
  } data;
  size_t bytes;
};

namespace tflite {

struct Model {
  uint32_t version() const { return 3; }
};

class MicroOpResolver {};

class MicroInterpreter {
 public:
  MicroInterpreter(const Model *model, const MicroOpResolver &resolver, uint8_t *arena, size_t size);
  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  TfLiteTensor *input(size_t index);
  TfLiteTensor *output(size_t index);
};

}  // namespace tflite
