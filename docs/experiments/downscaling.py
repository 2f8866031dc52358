"""Compare `edge.images.downscale` with OpenCV's INTER_AREA: the table in docs/explanation/performance.md.

    python docs/experiments/downscaling.py MODEL DATA [FACES]

The first 400 of PublicTest's faces, or FACES of them, are enlarged, pasted into the center of a larger picture as in
crop_margin.py, and detected and classified with either method of downscaling. The times are those of the detector's
letterbox: medians of 200, interleaved.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt
from crop_margin import HEIGHT, WIDTH, covers, pasted

from edge.datasets.reader import Faces, load_dataset
from edge.detection import Detector, open_detector
from edge.images import Downscaler, Letterbox, downscale
from edge.inference.classifier import Classifier
from edge.recognizer import Recognizer
from edge.types import Frame

SIDES = (96, 160, 240)
PICTURES_WH = ((640, 480), (1280, 720))


def by_area(image: npt.NDArray[np.uint8], size_wh: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Resize in one step, by area if the picture gets smaller."""
    smaller = image.shape[1] > size_wh[0] or image.shape[0] > size_wh[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    return cv2.resize(image, size_wh, interpolation=how)  # type: ignore[no-any-return]


class _Area(Downscaler):
    """The same, for successive frames."""

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        return by_area(image, self._size_wh)


#: How a detector's frames and a classifier's faces are downscaled.
WAYS = ((_Area, by_area), (Downscaler, downscale))


def main(model: Path, data: Path, n: int) -> None:
    """Print the table."""
    classifier, faces = Classifier(model), load_dataset(data, ("PublicTest",))["PublicTest"]
    faces = faces.take(np.arange(min(n, len(faces))))
    print(
        "| picture | face | found, area | found, downscale | accuracy, area | accuracy, downscale | area | downscale |"
    )
    print("| --- " * 8 + "|")
    for picture_wh in PICTURES_WH:
        spent_ms = letterbox_ms(picture_wh)
        for side in SIDES:
            counts = []
            for frames_by, faces_by in WAYS:
                with patch("edge.images.Downscaler", frames_by), patch("edge.detection.alignment.downscale", faces_by):
                    counts.append(found_and_right(classifier, open_detector("blazeface"), faces, side, picture_wh))
            founds = " | ".join(f"{found} of {len(faces)}" for found, _ in counts)
            shares = " | ".join(f"{right / max(found, 1):.1%}" for found, right in counts)
            times = " | ".join(f"{ms:.3f} ms" for ms in spent_ms)
            print(f"| {picture_wh[0]}x{picture_wh[1]} | {side} px | {founds} | {shares} | {times} |", flush=True)


def found_and_right(
    classifier: Classifier, detector: Detector, faces: Faces, side: int, picture_wh: tuple[int, int]
) -> tuple[int, int]:
    """Return how many faces are found, and how many of those are classified correctly."""
    recognizer, n_found, right = Recognizer(classifier, detector=detector), 0, 0
    x, y = (picture_wh[0] - WIDTH) // 2, (picture_wh[1] - HEIGHT) // 2
    for face, class_id in zip(faces.images, faces.class_ids, strict=True):
        picture = cv2.copyMakeBorder(pasted(face, side), y, y, x, x, cv2.BORDER_REPLICATE)
        faces_found = [
            replace(one, key_points=None)
            for one in detector.detect(Frame(picture))
            if covers((one.box[0] - x, one.box[1] - y, *one.box[2:]), side)
        ]
        if faces_found:
            n_found += 1
            right += int(recognizer.classify_detection(picture, faces_found[0]).scores.argmax()) == class_id
    return n_found, right


def letterbox_ms(picture_wh: tuple[int, int]) -> list[float]:
    """Median milliseconds of a letterbox of 192 pixels, by area and by `downscale`."""
    picture = np.random.default_rng(0).integers(0, 256, (picture_wh[1], picture_wh[0], 3)).astype(np.uint8)
    spent_ms: list[list[float]] = [[], []]
    ways = []
    for how, _ in WAYS:
        with patch("edge.images.Downscaler", how):
            letterbox = Letterbox((192, 192))
            letterbox.draw(picture)
            ways.append(letterbox)
    for _ in range(200):
        for letterbox, spent in zip(ways, spent_ms, strict=True):
            spent.append(_timed_ms(lambda letterbox=letterbox: letterbox.draw(picture)))
    return [statistics.median(spent) for spent in spent_ms]


def _timed_ms(call: Callable[[], object]) -> float:
    begin_s = time.perf_counter()
    call()
    return (time.perf_counter() - begin_s) * 1000


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) == 4 else 400)
