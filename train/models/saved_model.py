"""Loads a SavedModel folder, checks its signature, and calls it with pixels for scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError, first_line
from edge.inference.pixel_mapping import AS_PIXELS, PixelMapping, batch_size_for
from edge.system.memory import limited_growth
from edge.system.native_logs import quiet_stderr
from train.backend import import_keras
from train.models.keras_files import MAX_GROWTH_BYTES, check_shapes
from train.models.probabilities import example_faces, needs_softmax, softmax
from train.models.saved_model_operators import check_operators

SIGNATURE = "serving_default"
#: Faces in one call, where the signature takes any number.
BATCH_SIZE = 256


class SavedModel:
    """The one signature of a classifier that TensorFlow saved or Keras exported.

    Args:
        path: the folder. Keras must run on TensorFlow.

    Attributes:
        input_name, output_name: names of the signature's input and output.
        batch_size: faces that the signature takes at once; None for any number.
        input_shape: `(H, H, channels)`.
        n_classes: number of scores in a row.
        adds_softmax: whether the signature returns logits, to which a softmax is added.

    Raises:
        ModelError: the folder is not a SavedModel, has other operators than a network (see `saved_model_operators`), or
            other inputs or outputs.
    """

    def __init__(self, path: Path) -> None:
        keras = import_keras()
        check_operators(path)
        try:
            with quiet_stderr(), limited_growth(MAX_GROWTH_BYTES):
                self._layer = keras.layers.TFSMLayer(str(path), call_endpoint=SIGNATURE)
            signature = self._layer.call_endpoint_fn
            inputs, outputs = signature.structured_input_signature[1], signature.structured_outputs
            tensors = [*inputs.values(), *outputs.values()]
            shapes = [None if tensor.shape.rank is None else tuple(tensor.shape) for tensor in tensors]
            dtypes = {tensor.dtype.name for tensor in tensors}
        except Exception as error:
            # OSError for any other folder; ValueError without the signature; whatever protobuf raises for damage.
            raise ModelError(f"{path} is not a SavedModel with a {SIGNATURE} signature: {first_line(error)}") from error
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(f"{path} has {len(inputs)} inputs, {len(outputs)} outputs: expected 1 and 1")
        input_shape, output_shape = shapes
        check_shapes(path, input_shape, output_shape)
        if dtypes != {"float32"}:
            raise ModelError(f"{path} has inputs and outputs in {' and '.join(sorted(dtypes))}: expected float32")
        assert input_shape
        assert output_shape
        self.input_name, self.output_name = next(iter(inputs)), next(iter(outputs))
        self.batch_size: int | None = input_shape[0]
        self.input_shape: tuple[int, int, int] = input_shape[1:]
        self.n_classes = int(output_shape[1])
        self.adds_softmax = needs_softmax(self._outputs(example_faces(self.input_shape)), path)

    def scores(self, images: npt.NDArray[np.uint8], mapping: PixelMapping = AS_PIXELS) -> npt.NDArray[np.float32]:
        """Scores `(n, n_classes)` float32 of faces `(n, h, w)` uint8, as `mapping` turns them into inputs."""
        step = self.batch_size or batch_size_for(self.input_shape, BATCH_SIZE)
        parts = [
            self._outputs(mapping.values(images[start : start + step], self.input_shape))
            for start in range(0, len(images), step)
        ]
        outputs = np.concatenate(parts)
        return softmax(outputs) if self.adds_softmax else outputs

    def _outputs(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """What the signature returns for at most as many faces as it takes at once; more if it takes one alone."""
        n, step = len(values), self.batch_size or len(values)
        parts = []
        for start in range(0, n, step):
            batch = values[start : start + step]
            missing = step - len(batch)
            if missing:
                # A signature with a fixed batch size takes full batches only.
                batch = np.concatenate([batch, np.zeros((missing, *batch.shape[1:]), np.float32)])
            parts.append(np.asarray(self._layer(batch)[self.output_name], np.float32))
        return np.concatenate(parts)[:n]
