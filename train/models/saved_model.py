"""A SavedModel's signature, checked, as a function from pixels to scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError, first_line
from edge.inference.contract import INPUT_SIZE
from edge.system.native_logs import quiet_stderr
from train.training.backend import import_keras

SIGNATURE = "serving_default"
#: Faces at once, where the signature takes any number.
BATCH_SIZE = 256


class SavedModel:
    """The one signature of a classifier that was saved by TensorFlow or exported by Keras.

    Args:
        path: the folder. Keras runs on TensorFlow.

    Attributes:
        entry, answer: what the signature calls its input and its output.
        batch_size: faces that the signature takes at once; None for any number.
        n_classes: how many scores it answers.

    Raises:
        ModelError: it is no SavedModel, or takes or answers something else.
    """

    def __init__(self, path: Path) -> None:
        keras = import_keras()
        try:
            with quiet_stderr():
                self._layer = keras.layers.TFSMLayer(str(path), call_endpoint=SIGNATURE)
            signature = self._layer.call_endpoint_fn
            arguments, outputs = signature.structured_input_signature[1], signature.structured_outputs
            ends = [*arguments.values(), *outputs.values()]
            shapes = [None if each.shape.rank is None else tuple(each.shape) for each in ends]
            dtypes = {each.dtype.name for each in ends}
        except Exception as error:
            # OSError for a folder that is none; ValueError without the signature; whatever protobuf raises for damage.
            raise ModelError(f"{path} is not a SavedModel with a {SIGNATURE} signature: {first_line(error)}") from error
        if len(arguments) != 1 or len(outputs) != 1:
            raise ModelError(f"{path} has {len(arguments)} inputs, {len(outputs)} outputs: expected 1 and 1")
        taken, answered = shapes
        wanted = (INPUT_SIZE, INPUT_SIZE, 1)
        one_row = answered is not None and len(answered) == 2 and answered[1] is not None
        if taken is None or taken[1:] != wanted or not one_row or dtypes != {"float32"}:
            raise ModelError(
                f"{path} takes {taken}, answers {answered}, in {' and '.join(sorted(dtypes))}: expected "
                f"{(None, *wanted)} and one row of probabilities a face, in float32"
            )
        self.entry, self.answer = next(iter(arguments)), next(iter(outputs))
        self.batch_size: int | None = taken[0]
        self.n_classes = int(answered[1])

    def __call__(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Scores `(n, n_classes)` float32 of faces `(n, 48, 48)` uint8."""
        step = self.batch_size or BATCH_SIZE
        parts = []
        for start in range(0, len(images), step):
            pixels = images[start : start + step, :, :, None].astype(np.float32)
            n = len(pixels)
            if self.batch_size and n < step:
                # A signature of a fixed batch takes no other.
                pixels = np.concatenate([pixels, np.zeros((step - n, *pixels.shape[1:]), np.float32)])
            parts.append(np.asarray(self._layer(pixels)[self.answer], np.float32)[:n])
        return np.concatenate(parts)
