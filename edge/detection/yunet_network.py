"""YuNet's network on images of any size, decoded in numpy.

The constants and the decoding are those of OpenCV's FaceDetectorYN (modules/objdetect/src/face_detect.cpp): no
anchors; each cell of three grids gives a face whose score is the geometric mean of class and object probability.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from edge.detection.suppression import blend
from edge.detection.yunet_graph import OUTPUT_CHANNELS, STRIDES
from edge.errors import DetectorError
from edge.images import Letterbox, fit_within
from edge.inference.litert import load_interpreter
from edge.inference.threads import Threads
from edge.types import Detection

Floats = npt.NDArray[np.float32]

#: Number of interpreters that are kept: one for each size of the input.
_MAX_SIZES = 4


class YuNetNetwork:
    """Finds faces in images with YuNet; keeps one interpreter for each size of its input.

    Args:
        graph: the bytes of the .tflite, as `edge.detection.yunet_graph` writes it.
        label: what errors call it.
        threads: for the interpreters.

    Raises:
        DetectorError: the graph is another network.
        ModelError: the runtime cannot run it.
    """

    def __init__(self, graph: bytes, label: str, threads: Threads = 1) -> None:
        self._graph, self._label, self._threads = graph, label, threads
        self._inputs: dict[tuple[int, int], _SizedInput] = {}

    def find(self, image: npt.NDArray[np.uint8], size: int, min_score: float) -> list[Detection]:
        """Return all faces in an image, most confident first, each with five key points.

        Args:
            image: `(h, w, 3)` uint8 BGR or `(h, w)` uint8 gray.
            size: the longer side of the image is resized to this many pixels, a multiple of 32.
            min_score: faces with lower scores are left out.
        """
        return self._input(image.shape[1], image.shape[0], size).find(image, min_score)

    def invoke(self) -> None:
        """Run the network alone on what the input tensor that was used last holds."""
        next(reversed(self._inputs.values())).interpreter.invoke()

    def _input(self, width: int, height: int, size: int) -> _SizedInput:
        cells = max(STRIDES)
        w, h = (-(-side // cells) * cells for side in fit_within((width, height), (size, size)))
        if (w, h) not in self._inputs:
            if len(self._inputs) >= _MAX_SIZES:
                # The one that was used least recently.
                del self._inputs[next(iter(self._inputs))]
            self._inputs[w, h] = _SizedInput(self._graph, self._label, self._threads, (w, h))
        chosen = self._inputs[w, h] = self._inputs.pop((w, h))
        return chosen


class _SizedInput:
    """An interpreter for one size of the input.

    Attributes:
        interpreter: LiteRT's.
    """

    def __init__(self, graph: bytes, label: str, threads: Threads, size_wh: tuple[int, int]) -> None:
        width, height = size_wh
        self._letterbox = Letterbox(size_wh, "BGR")
        self.interpreter = load_interpreter(graph, threads, f"the detector {label}", (1, height, width, 3))
        inputs, outputs = self.interpreter.get_input_details(), self.interpreter.get_output_details()
        expected = [(1, height // stride, width // stride, OUTPUT_CHANNELS) for stride in STRIDES]
        found = {tuple(int(n) for n in output["shape"]): int(output["index"]) for output in outputs}
        if (
            len(inputs) != 1
            or set(found) != set(expected)
            or any(d["dtype"] != np.float32 for d in (*inputs, *outputs))
        ):
            raise DetectorError(
                f"{label} is not YuNet as mien writes it: expected float32 outputs {expected}. "
                f"Received: {sorted(found)}"
            )
        self._image = int(inputs[0]["index"])
        self._outputs = [found[shape] for shape in expected]

    def find(self, image: npt.NDArray[np.uint8], min_score: float) -> list[Detection]:
        """See `YuNetNetwork.find`."""
        scale, left, top = self._letterbox.draw(image)
        self.interpreter.tensor(self._image)()[0] = self._letterbox.canvas
        self.interpreter.invoke()
        found = [self._read(output, stride, min_score) for output, stride in zip(self._outputs, STRIDES, strict=True)]
        scores = np.concatenate([scores for scores, _ in found])
        if not scores.size:
            return []
        points = np.concatenate([points for _, points in found])
        points = (points - np.array([left, top], np.float32)) / np.float32(scale)
        return blend(points.astype(np.float32), scores)

    def _read(self, output: int, stride: int, min_score: float) -> tuple[Floats, Floats]:
        """Return the scores `(n,)` and the points `(n, 7, 2)`, in pixels of the input, of the cells that pass.

        LiteRT cannot be invoked while a view of its tensors exists: none may outlive this method.
        """
        tensor: Any = self.interpreter.tensor(output)()[0]
        # A score of s needs a probability of at least s^2 of both; logits are compared, so that a sigmoid is computed
        # only for what passes.
        least = np.float32(np.log(min_score**2 / (1 - min_score**2)))
        rows, columns = np.nonzero((tensor[..., 0] > least) & (tensor[..., 1] > least))
        raw = tensor[rows, columns]
        scores = np.sqrt(np.prod(1 / (1 + np.exp(-np.clip(raw[:, :2], -50, 50))), axis=1)).astype(np.float32)
        passed = scores >= min_score
        cells = np.stack([columns, rows], axis=1)[passed].astype(np.float32)
        return scores[passed], decode(raw[passed], cells, stride)


def decode(raw: Floats, cells: Floats, stride: int) -> Floats:
    """Turn raw regressions into points in pixels of the input.

    Args:
        raw: `(n, 16)`, as `edge.detection.yunet_graph` describes it.
        cells: `(n, 2)`: column and row of each cell.
        stride: pixels per cell.

    Returns:
        `(n, 7, 2)`: the box's top-left and bottom-right corner, then five key points.
    """
    center = cells + raw[:, 2:4]
    # A damaged network may give a size that no float32 holds.
    half = np.exp(np.clip(raw[:, 4:6], -20, 20)) / 2
    key_points = raw[:, 6:16].reshape(-1, 5, 2) + cells[:, None]
    points = np.concatenate([(center - half)[:, None], (center + half)[:, None], key_points], axis=1)
    return (points * np.float32(stride)).astype(np.float32)
