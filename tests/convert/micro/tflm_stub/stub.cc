// A network that answers the first class, to see that the project links and starts.
#include <cstring>

#include "mien_model.h"
#include "tensorflow/lite/micro/micro_interpreter.h"

namespace {

uint8_t pixels[MIEN_FACE_SIZE * MIEN_FACE_SIZE];
int8_t codes[MIEN_LABEL_COUNT];
TfLiteTensor input = {{pixels}, sizeof(pixels)}, output = {{}, sizeof(codes)};

}  // namespace

namespace tflite {

MicroInterpreter::MicroInterpreter(const Model *, const MicroOpResolver &, uint8_t *, size_t) {}
TfLiteStatus MicroInterpreter::AllocateTensors() {
  ::output.data.int8 = codes;
  return kTfLiteOk;
}
TfLiteStatus MicroInterpreter::Invoke() {
  std::memset(codes, -128, sizeof(codes));
  codes[0] = 127;
  return kTfLiteOk;
}
TfLiteTensor *MicroInterpreter::input(size_t) { return &::input; }
TfLiteTensor *MicroInterpreter::output(size_t) { return &::output; }

}  // namespace tflite
