"""BlazeFace (Bazarevsky et al., 2019), MediaPipe's face detector, decoded in numpy.

The constants are those of MediaPipe's graphs `face_detection_short_range.pbtxt` and
`face_detection_full_range.pbtxt` (SsdAnchorsCalculator, TensorsToDetectionsCalculator and
NonMaxSuppressionCalculator): fixed-size anchors at the centers of the cells, boxes and six key points as offsets
in pixels of the input, scores as logits, overlapping detections blended by their scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import numpy.typing as npt

from edge.detection.suppression import blend
from edge.detection.weights import read_weights, weights_state
from edge.errors import DetectorError
from edge.images import Letterbox
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_parts
from edge.inference.sandbox import require_loadable
from edge.inference.threads import Threads
from edge.types import Detection, Frame

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variant:
    """One trained BlazeFace.

    Attributes:
        input_size: height and width in pixels.
        grids: (cells per side, anchors per cell) of each feature map.
        min_score: MediaPipe's threshold.
    """

    input_size: int
    grids: tuple[tuple[int, int], ...]
    min_score: float


class BlazeFace:
    """BlazeFace full range, for faces up to about five meters away, through LiteRT.

    Args:
        weights: the bytes of the .tflite.
        label: what errors call the weights.
        threads: for the interpreter.

    Attributes:
        invoke: runs the network alone on what its input tensor holds.

    Raises:
        DetectorError: the weights are not BlazeFace's.
    """

    name: ClassVar[str] = "blazeface"
    box_scale: ClassVar[float] = 1.0
    weights_suffix: ClassVar[str] = ".tflite"
    cost_depends_on_frame_size: ClassVar[bool] = False
    variant: ClassVar[Variant] = Variant(192, ((48, 1),), 0.6)

    def __init__(self, weights: bytes, label: str, threads: Threads = 1) -> None:
        self._anchors = anchor_centers(self.variant)
        self._interpreter = load_interpreter(weights, threads, f"the detector {label}")
        self.invoke: Callable[[], None] = self._interpreter.invoke
        size = self.variant.input_size
        inputs = self._interpreter.get_input_details()
        answers = self._interpreter.get_output_details()
        outputs = {int(d["shape"][-1]): int(d["index"]) for d in answers if len(d["shape"])}
        floats = all(d["dtype"] == np.float32 for d in (*inputs, *answers))
        if [int(n) for n in inputs[0]["shape"]] != [1, size, size, 3] or set(outputs) != {1, 16} or not floats:
            raise DetectorError(
                f"{label}: expected the float32 inputs and outputs of {self.name}, {size}x{size} RGB; "
                f"see `mien convert inspect {label}`"
            )
        self._input, self._boxes, self._scores = int(inputs[0]["index"]), outputs[16], outputs[1]
        self._letterbox = Letterbox((size, size))
        # Logits are compared, so that a sigmoid is computed only for what passes.
        self._threshold = np.float32(np.log(self.variant.min_score / (1 - self.variant.min_score)))

    @classmethod
    def open(cls, weights: Path | None = None, threads: Threads = 1) -> Self:
        """Open the detector with MediaPipe's weights, or with those of a file (float inputs and outputs).

        `mien convert quantize --frames` writes such a file.

        Raises:
            WeightsMissingError: `mien models pull` has not been run.
            DetectorError: the weights are not BlazeFace's.
            ModelError: the file crashes the runtime, see `edge.inference.sandbox`.
        """
        if weights is None:
            return cls(read_weights(cls.name), cls.name, threads)
        graph = read_parts(weights)[0]
        require_loadable(graph, weights)
        return cls(graph, str(weights), threads)

    @classmethod
    def weights_state(cls) -> str:
        """Return whether MediaPipe's weights are `present`, `missing` or `damaged`."""
        return weights_state(cls.name)

    def detect(self, frame: Frame) -> list[Detection]:
        """Return all faces in the frame, most confident first, each with six key points.

        Key points: right eye, left eye, nose tip, mouth, right ear, left ear (the person's right and left).
        """
        scale, left, top = self._letterbox.draw(frame.image)
        self._set_input()
        self.invoke()
        passed, logits, raw = self._outputs()
        if not passed.size:
            return []
        scores = (1 / (1 + np.exp(-np.clip(logits, -100, 100)))).astype(np.float32)
        points = decode(raw, self._anchors[passed], self.variant.input_size)
        points = (points - np.array([left, top], np.float32)) / np.float32(scale)
        return blend(points, scores)

    # LiteRT cannot be invoked while a view of its tensors exists: none may outlive these two methods.

    def _set_input(self) -> None:
        """Write the letterbox's pixels, 0..255, into the input tensor as -1..1, as MediaPipe does."""
        tensor = self._interpreter.tensor(self._input)()
        np.multiply(self._letterbox.canvas, np.float32(2 / 255), out=tensor[0])
        np.subtract(tensor, np.float32(1), out=tensor)

    def _outputs(self) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """Return the anchors above the threshold, and their logits `(n,)` and regressions `(n, 16)`."""
        logits = self._interpreter.tensor(self._scores)()[0, :, 0]
        passed = np.flatnonzero(logits > self._threshold)
        return passed, logits[passed], self._interpreter.tensor(self._boxes)()[0][passed]


class BlazeFaceShort(BlazeFace):
    """BlazeFace short range, for one face near the camera."""

    name: ClassVar[str] = "blazeface-short"
    box_scale: ClassVar[float] = 0.97
    # Strides 8, 16, 16, 16 with two anchors each: the three maps of stride 16 share their cells.
    variant: ClassVar[Variant] = Variant(128, ((16, 2), (8, 6)), 0.5)


def anchor_centers(variant: Variant) -> Floats:
    """Return the centers of all anchors, `(n, 2)` float32 as fractions of the input, in the order of the outputs."""
    centers = []
    for cells, per_cell in variant.grids:
        steps = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(steps, steps)
        centers.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(centers)


def decode(raw: Floats, anchors: Floats, input_size: int) -> Floats:
    """Turn raw regressions into points in pixels of the input.

    Args:
        raw: `(n, 16)`: center x, y, width, height, then six key points x, y, all relative to the anchor.
        anchors: `(n, 2)` centers as fractions of the input.
        input_size: height and width of the input in pixels.

    Returns:
        `(n, 8, 2)`: the box's top-left and bottom-right corner, then six key points.
    """
    origin = anchors * np.float32(input_size)
    center, half = raw[:, 0:2] + origin, raw[:, 2:4] / 2
    key_points = raw[:, 4:16].reshape(-1, 6, 2) + origin[:, None]
    return np.concatenate([(center - half)[:, None], (center + half)[:, None], key_points], axis=1)
