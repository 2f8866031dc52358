"""The classifier: one interpreter, built once and checked against its model card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from edge.errors import ModelError
from edge.inference.contract import (
    INPUT_SCALE,
    INPUT_ZERO_POINT,
    dequantize,
    foreign_pixels,
    preprocess,
    quantize,
)
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_model
from edge.inference.sandbox import require_loadable
from edge.inference.score_calibration import ScoreCalibration
from edge.inference.threads import Threads


class ExpressionClassifier(Protocol):
    """Classifies gray faces by expression: the interface that `Recognizer` needs.

    Attributes:
        labels: class names in the order of the scores.
        identity: the model's name, scheme and version as in events, such as `mien-small-int8@3`.
        crop_margin: how much wider than BlazeFace's box the square crop is, as a fraction of the box.
        size: height and width to crop faces at; None if `scores` does the resizing.
    """

    @property
    def labels(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def identity(self) -> str: ...  # noqa: D102

    @property
    def crop_margin(self) -> float: ...  # noqa: D102

    @property
    def size(self) -> int | None: ...  # noqa: D102

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return `(n,)` float32 probabilities of a `(h, w)` uint8 gray face of any size."""
        ...


class Classifier:
    """Runs a `.tflite` model that classifies gray faces by expression.

    Args:
        path: a .tflite with a card, or a foreign one with a side card.
        threads: number of threads of the interpreter, or `auto`.

    Attributes:
        path: the file.
        card: the model card.
        labels: class names in the order of the scores.
        identity: the model's name, scheme and version as in events, such as `mien-small-int8@3`.
        crop_margin: how much wider than BlazeFace's box the square crop is, as a fraction of the box.
        size: height and width to crop faces at, so that no resizing remains to be done; None if the card of a
            foreign model asks for another interpolation than that of `edge.images`.
        score_calibration: the card's; None if it has none. `scores` does not apply it.
        invoke: runs the bare network on the current content of its input tensor.

    Raises:
        ModelError: the file is missing or damaged, or does not conform to the contract or to its card.
    """

    def __init__(self, path: Path, threads: Threads = 1) -> None:
        model = read_model(path)
        require_loadable(model.graph, path)
        self.path, self.card, self.labels = path, model.card, model.card.labels
        self.identity, self.crop_margin = model.card.identity, model.card.crop_margin
        self.score_calibration = ScoreCalibration.from_card(self.card.score_calibration, self.labels, str(path))
        self._interpreter = load_interpreter(model.graph, threads, str(path))
        self._input, self._output = self._check()
        self.invoke: Callable[[], None] = self._interpreter.invoke
        self._size_wh = (self.card.input_shape[2], self.card.input_shape[1])
        as_contract = self.card.input_range is None or self.card.resize == "contract"
        self.size = self._size_wh[0] if as_contract and self._size_wh[0] == self._size_wh[1] else None
        self._values = self._dequantized_values()

    def scores(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Classify one face.

        Args:
            face_gray: `(h, w)` uint8, any size.

        Returns:
            `(n,)` float32 probabilities, one per label.
        """
        self._set_input(face_gray)
        self.invoke()
        return self._output_scores()

    # LiteRT cannot be invoked while a view of its tensors exists, so no view may outlive these two methods.

    def _set_input(self, face_gray: npt.NDArray[np.uint8]) -> None:
        tensor = self._interpreter.tensor(self._input["index"])()
        if self.card.input_range is None:
            tensor[...] = preprocess(face_gray, self._size_wh[1])
        else:
            tensor[...] = self._foreign_input(face_gray)

    def _output_scores(self) -> npt.NDArray[np.float32]:
        """Return the output tensor as `(n,)` float32, a copy."""
        codes: npt.NDArray[Any] = self._interpreter.tensor(self._output["index"])()[0]
        if self._values is not None:
            return self._values[codes.view(np.uint8)]
        if codes.dtype == np.float32:
            return codes.copy()
        scale, zero_point = self._output["quantization"]
        return dequantize(codes, scale, zero_point)

    def _dequantized_values(self) -> npt.NDArray[np.float32] | None:
        """Return the real value of each of the 256 codes of an 8-bit output, by bit pattern; None for other dtypes."""
        if self.output_dtype.itemsize != 1:
            return None
        scale, zero_point = self._output["quantization"]
        return dequantize(np.arange(256).astype(np.uint8).view(self.output_dtype), scale, zero_point)

    @property
    def output_dtype(self) -> np.dtype[Any]:
        """Dtype of the output tensor: int8 in a quantized model, float32 in a foreign one."""
        dtype: np.dtype[Any] = np.dtype(self._output["dtype"])
        return dtype

    def _foreign_input(self, face_gray: npt.NDArray[np.uint8]) -> npt.NDArray[Any]:
        assert self.card.input_range is not None
        values = foreign_pixels(face_gray, self._size_wh, self.card.input_range, self.card.resize)
        values = np.repeat(values, self.card.input_shape[3], axis=3)
        if self._input["dtype"] == np.float32:
            return values
        scale, zero_point = self._input["quantization"]
        return quantize(values, scale, zero_point, self._input["dtype"])

    def _check(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Check the input and the output against the contract and the card, and return their details."""
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        if len(inputs) != 1 or len(outputs) != 1:
            raise ModelError(f"{self.path} has {len(inputs)} inputs and {len(outputs)} outputs: expected one of each")
        shape, expected = tuple(int(n) for n in inputs[0]["shape"]), self.card.input_shape
        if shape != expected:
            raise ModelError(
                f"{self.path} has input shape {list(shape)}, but its card states {list(expected)}: correct "
                "input_shape in the card"
            )
        output_shape = [int(n) for n in outputs[0]["shape"]]
        if output_shape != [1, len(self.labels)]:
            raise ModelError(
                f"{self.path} has output shape {output_shape}: expected [1, {len(self.labels)}], one score for each "
                "label in its card"
            )
        if self.card.input_range is None:
            dtype, quantization = np.dtype(inputs[0]["dtype"]), inputs[0]["quantization"]
            matches_contract = dtype == np.uint8 and quantization == (INPUT_SCALE, INPUT_ZERO_POINT)
            if not matches_contract or shape[3] != 1 or shape[1] != shape[2]:
                raise ModelError(
                    f"{self.path} has input {dtype} {list(shape)} with scale and zero point {quantization}: expected "
                    "uint8 [1, H, H, 1] with scale 1 and zero point 0; for a foreign model, set input_range in its "
                    "card"
                )
        return inputs[0], outputs[0]
