"""BlazeFace (Bazarevsky et al., 2019), MediaPipe's face detector, decoded in numpy.

The constants are those of MediaPipe's graphs `face_detection_short_range.pbtxt` and
`face_detection_full_range.pbtxt` (SsdAnchorsCalculator, TensorsToDetectionsCalculator and
NonMaxSuppressionCalculator): fixed-size anchors at the cells' centres, boxes and six key points as offsets
in pixels of the input, scores as logits, overlapping detections blended by their scores.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edge.detection.weights import read_weights
from edge.errors import DetectorError
from edge.images import Letterbox
from edge.inference.litert import load_interpreter
from edge.inference.model_card import read_parts
from edge.inference.threads import Threads
from edge.types import Detection, Frame

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Variant:
    """One trained BlazeFace.

    Attributes:
        input_size: height and width in pixels.
        grids: (cells a side, anchors a cell) of each feature map.
        min_score: MediaPipe's threshold.
        box_scale: see `edge.detection.Detector`.
    """

    input_size: int
    grids: tuple[tuple[int, int], ...]
    min_score: float
    box_scale: float


VARIANTS = {
    # Strides 8, 16, 16, 16 with two anchors each: the three maps of stride 16 share their cells.
    "blazeface-short": Variant(128, ((16, 2), (8, 6)), 0.5, 0.97),
    "blazeface": Variant(192, ((48, 1),), 0.6, 1.0),
}
#: Overlap from which two detections are one face.
MAX_OVERLAP = 0.3


class BlazeFaceDetector:
    """BlazeFace through LiteRT.

    Args:
        name: `blazeface` (full range: faces to about five metres) or `blazeface-short` (one near face).
        threads: for the interpreter.
        path: weights of one's own, float ends, such as `mien convert quantize --frames` writes; None for MediaPipe's.

    Raises:
        WeightsMissingError: `mien models pull` has not been run.
        DetectorError: the weights are not BlazeFace's.
    """

    def __init__(self, name: str = "blazeface", threads: Threads = 1, path: Path | None = None) -> None:
        self.name = name
        self._variant = VARIANTS[name]
        self.box_scale = self._variant.box_scale
        self._anchors = anchor_centres(self._variant)
        weights = read_weights(name) if path is None else read_parts(path)[0]
        self._interpreter = load_interpreter(weights, threads, f"the detector {path or name}")
        #: Runs the network on what its input holds, bare.
        self.invoke: Callable[[], None] = self._interpreter.invoke
        size = self._variant.input_size
        inputs = self._interpreter.get_input_details()
        answers = self._interpreter.get_output_details()
        outputs = {int(d["shape"][-1]): int(d["index"]) for d in answers if len(d["shape"])}
        floats = all(d["dtype"] == np.float32 for d in (*inputs, *answers))
        if [int(n) for n in inputs[0]["shape"]] != [1, size, size, 3] or set(outputs) != {1, 16} or not floats:
            raise DetectorError(
                f"{path or f'the weights of {name}'}: expected {name}'s float32 ends, {size}x{size} RGB"
            )
        self._input, self._boxes, self._scores = int(inputs[0]["index"]), outputs[16], outputs[1]
        self._letterbox = Letterbox((size, size))
        # Compare logits: only what passes is worth a sigmoid.
        self._threshold = np.float32(np.log(self._variant.min_score / (1 - self._variant.min_score)))

    def detect(self, frame: Frame) -> list[Detection]:
        """All faces in the frame, most confident first, each with six key points.

        Key points: right eye, left eye, nose tip, mouth, right ear, left ear (the person's right and left).
        """
        scale, left, top = self._letterbox.draw(frame.image)
        self._set_input()
        self.invoke()
        kept, logits, raw = self._answers()
        if not kept.size:
            return []
        scores = (1 / (1 + np.exp(-np.clip(logits, -100, 100)))).astype(np.float32)
        points = decode(raw, self._anchors[kept], self._variant.input_size)
        points = (points - np.array([left, top], np.float32)) / np.float32(scale)
        return blend(points, scores)

    # LiteRT refuses to invoke while a view of its tensors is alive: none may outlive these two methods.

    def _set_input(self) -> None:
        """The letterbox's pixels, 0..255, into the input tensor, as MediaPipe's -1..1."""
        tensor = self._interpreter.tensor(self._input)()
        np.multiply(self._letterbox.canvas, np.float32(2 / 255), out=tensor[0])
        np.subtract(tensor, np.float32(1), out=tensor)

    def _answers(self) -> tuple[npt.NDArray[np.intp], Floats, Floats]:
        """Which anchors are above the threshold, with the logits `(n,)` and regressions `(n, 16)` of those alone."""
        logits = self._interpreter.tensor(self._scores)()[0, :, 0]
        kept = np.flatnonzero(logits > self._threshold)
        return kept, logits[kept], self._interpreter.tensor(self._boxes)()[0][kept]


def anchor_centres(variant: Variant) -> Floats:
    """Centres of all anchors, `(n, 2)` float32 as shares of the input, in the order of the outputs."""
    centres = []
    for cells, per_cell in variant.grids:
        steps = (np.arange(cells, dtype=np.float32) + 0.5) / cells
        x, y = np.meshgrid(steps, steps)
        centres.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), per_cell, axis=0))
    return np.concatenate(centres)


def decode(raw: Floats, anchors: Floats, input_size: int) -> Floats:
    """Raw regressions to points in pixels of the input.

    Args:
        raw: `(n, 16)`: centre x, y, width, height, then six key points x, y, all relative to the anchor.
        anchors: `(n, 2)` centres as shares of the input.
        input_size: height and width of the input in pixels.

    Returns:
        `(n, 8, 2)`: the box's top-left and bottom-right corner, then six key points.
    """
    origin = anchors * np.float32(input_size)
    centre, half = raw[:, 0:2] + origin, raw[:, 2:4] / 2
    key_points = raw[:, 4:16].reshape(-1, 6, 2) + origin[:, None]
    return np.concatenate([(centre - half)[:, None], (centre + half)[:, None], key_points], axis=1)


def blend(points: Floats, scores: Floats) -> list[Detection]:
    """Weighted non-maximum suppression: detections that overlap become one, averaged by their scores.

    Args:
        points: `(n, 8, 2)`, as `decode` returns them.
        scores: `(n,)`.
    """
    order = np.argsort(-scores, kind="stable")
    points, scores = points[order], scores[order]
    sizes = np.prod(np.maximum(points[:, 1] - points[:, 0], 0), axis=1)
    alive = sizes > 0
    found = []
    for i in range(len(scores)):
        if not alive[i]:
            continue
        overlap = np.minimum(points[:, 1], points[i, 1]) - np.maximum(points[:, 0], points[i, 0])
        shared = np.prod(np.maximum(overlap, 0), axis=1)
        same = alive & (shared / np.maximum(sizes + sizes[i] - shared, 1e-9) > MAX_OVERLAP)
        alive &= ~same
        mean = np.average(points[same], axis=0, weights=scores[same]).astype(np.float32)
        (x0, y0), (x1, y1) = mean[0].tolist(), mean[1].tolist()
        found.append(Detection((x0, y0, x1 - x0, y1 - y0), float(scores[i]), mean[2:]))
    return found
