"""What `edge.images.shrink` costs beside OpenCV's INTER_AREA, in milliseconds and faces found: docs/performance.md.

    python docs/shrink.py MODEL DATA [FACES]

The first 400 of PublicTest's faces, or as many as are named, are enlarged, pasted into the middle of a larger picture
as docs/crop_margin.py does, and looked for and classified with either way of making pictures smaller. The times are
those of the detector's letterbox: medians of 200, in turns.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import cv2
import numpy as np
import numpy.typing as npt
from crop_margin import HEIGHT, WIDTH, covers, pasted

from edge.classify import Classifier
from edge.crop import crop_face
from edge.dataset import Faces, read_faces
from edge.detect import Detector, open_detector
from edge.images import Letterbox, Shrinking
from edge.pipeline import crop_margin
from edge.types import Frame

SIDES = (96, 160, 240)
PICTURES_WH = ((640, 480), (1280, 720))


class _Area(Shrinking):
    """As it was: the whole way in one step."""

    def __call__(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        w, h = self._size_wh
        how = cv2.INTER_AREA if image.shape[1] > w or image.shape[0] > h else cv2.INTER_LINEAR
        return cv2.resize(image, self._size_wh, interpolation=how)  # type: ignore[no-any-return]


def main(model: Path, data: Path, n: int) -> None:
    """Print the table."""
    classifier, faces = Classifier(model), read_faces(data, ("PublicTest",))["PublicTest"]
    faces = faces.take(np.arange(min(n, len(faces))))
    print("| picture | face | found, area | found, shrink | accuracy, area | accuracy, shrink | area | shrink |")
    print("| --- " * 8 + "|")
    for picture_wh in PICTURES_WH:
        spent_ms = letterbox_ms(picture_wh)
        for side in SIDES:
            answers = []
            for how in (_Area, Shrinking):
                with patch("edge.images.Shrinking", how):
                    answers.append(looked_for(classifier, open_detector("blazeface"), faces, side, picture_wh))
            founds = " | ".join(f"{found} of {len(faces)}" for found, _ in answers)
            shares = " | ".join(f"{right / max(found, 1):.1%}" for found, right in answers)
            times = " | ".join(f"{ms:.3f} ms" for ms in spent_ms)
            print(f"| {picture_wh[0]}x{picture_wh[1]} | {side} px | {founds} | {shares} | {times} |", flush=True)


def looked_for(
    classifier: Classifier, detector: Detector, faces: Faces, side: int, picture_wh: tuple[int, int]
) -> tuple[int, int]:
    """How many are found, and how many of those are named rightly."""
    margin, n_found, right = crop_margin(detector, classifier), 0, 0
    x, y = (picture_wh[0] - WIDTH) // 2, (picture_wh[1] - HEIGHT) // 2
    for face, class_id in zip(faces.images, faces.class_ids, strict=True):
        picture = cv2.copyMakeBorder(pasted(face, side), y, y, x, x, cv2.BORDER_REPLICATE)
        boxes = [one.box for one in detector.detect(Frame(picture, 0, 0.0, 0.0, 0.0))]
        boxes = [(left, top, w, h) for left, top, w, h in boxes if covers((left - x, top - y, w, h), side)]
        if boxes:
            n_found += 1
            right += int(classifier.scores(crop_face(picture, boxes[0], margin, classifier.size)).argmax()) == class_id
    return n_found, right


def letterbox_ms(picture_wh: tuple[int, int]) -> list[float]:
    """Median milliseconds of a letterbox of 192 pixels, by area and by `shrink`."""
    picture = np.random.default_rng(0).integers(0, 256, (picture_wh[1], picture_wh[0], 3)).astype(np.uint8)
    spent_ms: list[list[float]] = [[], []]
    ways = []
    for how in (_Area, Shrinking):
        with patch("edge.images.Shrinking", how):
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
