// The network in TensorFlow Lite for Microcontrollers, with the kernels that it has for the processor: ESP-NN, CMSIS-NN.
#ifdef MIEN_USE_TFLM

#include <cstring>

#include "mien_operators.h"
#include "mien_scores.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace {

alignas(16) uint8_t arena[MIEN_ARENA_BYTES];
tflite::MicroInterpreter *interpreter = nullptr;

}  // namespace

mien_status mien_init(void) {
  const tflite::Model *model = tflite::GetModel(mien_model);
  if (model->version() != TFLITE_SCHEMA_VERSION) return MIEN_WRONG_MODEL;
  static mien_op_resolver resolver;
  if (mien_add_operators(resolver) != kTfLiteOk) return MIEN_FAILED;
  static tflite::MicroInterpreter only_interpreter(model, resolver, arena, sizeof(arena));
  if (only_interpreter.AllocateTensors() != kTfLiteOk) return MIEN_NO_MEMORY;
  if (only_interpreter.input(0)->bytes != MIEN_FACE_SIZE * MIEN_FACE_SIZE ||
      only_interpreter.output(0)->bytes != MIEN_LABEL_COUNT)
    return MIEN_WRONG_MODEL;
  interpreter = &only_interpreter;
  return MIEN_OK;
}

mien_status mien_classify(const uint8_t face[MIEN_FACE_SIZE * MIEN_FACE_SIZE], mien_scores *scores) {
  if (!face || !scores || !interpreter) return MIEN_WRONG_USE;
  std::memcpy(interpreter->input(0)->data.uint8, face, MIEN_FACE_SIZE * MIEN_FACE_SIZE);
  if (interpreter->Invoke() != kTfLiteOk) return MIEN_FAILED;
  std::memcpy(scores->codes, interpreter->output(0)->data.int8, MIEN_LABEL_COUNT);
  mien_read_scores(scores);
  return MIEN_OK;
}

#endif
