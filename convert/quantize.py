"""From a .keras model to a full-int8 .tflite: the graph only, its card comes later."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from typing import Any

import numpy as np

from convert.calibrate import RepresentativeSet
from convert.tensorflow import import_tensorflow
from edge.errors import ModelError
from edge.quiet import quiet_stderr


def quantize_int8(model: Any, representative: RepresentativeSet) -> bytes:
    """Convert with post-training quantisation: int8 per channel inside, uint8 in, int8 out, batch 1.

    Args:
        model: a Keras model `[batch, H, W, 1]` pixels 0..255 to `[batch, n]` softmax.
        representative: the faces to calibrate on.

    Returns:
        The flatbuffer.

    Raises:
        ModelError: the model has a layer that the converter cannot express in int8.
    """
    tensorflow = import_tensorflow()
    # Batch 1 throughout: a free batch dimension would leave shape arithmetic in the graph.
    spec = tensorflow.TensorSpec((1, *model.input_shape[1:]), tensorflow.float32, name="pixels")
    with tempfile.TemporaryDirectory() as folder, quiet_stderr():
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=[spec])
        converter = tensorflow.lite.TFLiteConverter.from_saved_model(folder)
        return _convert(tensorflow, converter, representative)


def _convert(tensorflow: Any, converter: Any, representative: RepresentativeSet) -> bytes:
    converter.optimizations = [tensorflow.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: _pixels(representative)
    converter.target_spec.supported_ops = [tensorflow.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tensorflow.uint8
    converter.inference_output_type = tensorflow.int8
    try:
        graph: bytes = converter.convert()
    except Exception as error:
        # The converter raises its own ConverterError, ValueError or RuntimeError, with pages of MLIR.
        first_line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"TensorFlow cannot convert this model to int8: {first_line}") from error
    return graph


def _pixels(representative: RepresentativeSet) -> Iterator[list[np.ndarray]]:
    for image in representative.images:
        yield [image[None, :, :, None].astype(np.float32)]
