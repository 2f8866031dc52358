"""The quantization of a float .tflite to int8 by TensorFlow's converter, with activation ranges chosen by mien.

It has operators that ai-edge-quantizer lacks, such as LEAKY_RELU, PRELU, ELU and REDUCE_MAX.
"""

from __future__ import annotations

from collections.abc import Mapping

from convert.analysis.activation_ranges import Range
from convert.tensorflow_import import import_tensorflow
from edge.errors import ModelError, first_line
from edge.inference.flatbuffer import Graph, schema
from edge.system.native_logs import quiet_stderr

#: Of a range, by the greater of 1 and its value.
_LEAST_WIDTH = 1e-4


def quantize_with_tensorflow(content: bytes, ranges: Mapping[str, Range]) -> bytes:
    """Convert a float flatbuffer to int8, inputs and outputs included.

    Args:
        content: the float flatbuffer.
        ranges: tensor name to range of the activation.

    Returns:
        The flatbuffer; operators that TensorFlow has not in int8 are in float.

    Raises:
        ModelError: TensorFlow cannot quantize it.
        MissingExtraError: TensorFlow is not installed.
    """
    tensorflow = import_tensorflow()
    graph = Graph(content, "the float graph")
    for tensor in graph.tensors:
        if tensor.name in ranges:
            # Where the converter's own calibration leaves what it has observed.
            calibrated = graph.main.tensors[tensor.index].quantization = schema().QuantizationParametersT()
            low, high = ranges[tensor.name].low, ranges[tensor.name].high
            # It takes an empty range, as of a recurrent layer's first state, for one that was not observed.
            calibrated.min, calibrated.max = [low], [max(high, low + _LEAST_WIDTH * max(1.0, abs(low)))]
    try:
        # What TFLiteConverter calls after its calibration. It is not public: the lock pins the version, and
        # tests/convert/test_range_choice.py would notice another behavior.
        from tensorflow.lite.python.convert import mlir_quantize

        with quiet_stderr():
            quantized = mlir_quantize(
                graph.pack(),
                fully_quantize=True,
                input_data_type=tensorflow.int8,
                output_data_type=tensorflow.int8,
            )
    except Exception as error:
        # ImportError in another version; otherwise RuntimeError, with pages of MLIR.
        raise ModelError(f"TensorFlow cannot quantize this model: {first_line(error)}") from error
    return bytes(quantized)
