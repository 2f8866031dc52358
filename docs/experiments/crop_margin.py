"""Measure the crop margin that suits a detector's boxes: the table in docs/explanation/models.md.

    python docs/experiments/crop_margin.py MODEL DATA [DETECTOR]

PublicTest's faces are enlarged, pasted into the center of a 640x480 picture whose edges replicate those of the face,
found by the detector, cropped with each margin and classified, as `mien run` does with a frame.
"""

from __future__ import annotations

import sys
from pathlib import Path

import cv2
import numpy as np

from edge.datasets.reader import Faces, load_dataset
from edge.detection import Detector, open_detector
from edge.detection.alignment import crop_face
from edge.inference.classifier import Classifier
from edge.types import Box, Frame

SIDES = (96, 160, 240)
MARGINS = (-0.1, 0.0, 0.05, 0.1, 0.15, 0.17, 0.2, 0.25, 0.3, 0.4, 0.5)
WIDTH, HEIGHT = 640, 480


def main(model: Path, data: Path, detector_name: str) -> None:
    """Print the table."""
    classifier, detector = Classifier(model), open_detector(detector_name)
    faces = load_dataset(data, ("PublicTest",))["PublicTest"]
    columns = [column(classifier, detector, faces, side) for side in SIDES]
    if not any(found for found, _, _ in columns):
        sys.exit(f"{detector.name} finds none of these faces: expected photographs of faces")
    print(f"| margin | {' | '.join(f'{side} px' for side in SIDES)} |")
    print("| --- |" + " --- |" * len(SIDES))
    for i, margin in enumerate(MARGINS):
        print(f"| {margin:.2f} | " + " | ".join(f"{100 * scores[i]:.2f} %" for _, _, scores in columns) + " |")
    print("| original crop | " + " | ".join(f"{100 * whole:.2f} %" for _, whole, _ in columns) + " |")
    print("| found | " + " | ".join(f"{n} of {len(faces)}" for n, _, _ in columns) + " |")


def column(classifier: Classifier, detector: Detector, faces: Faces, side: int) -> tuple[int, float, list[float]]:
    """Return how many faces of this size are found, their accuracy with the original crop, and with each margin."""
    found, whole, right = 0, 0, np.zeros(len(MARGINS), int)
    for face, class_id in zip(faces.images, faces.class_ids, strict=True):
        picture = pasted(face, side)
        boxes = [one.box for one in detector.detect(Frame(picture, 0, 0.0, 0.0, 0.0)) if covers(one.box, side)]
        if not boxes:
            continue
        found += 1
        whole += int(classifier.scores(face).argmax()) == class_id
        for i, margin in enumerate(MARGINS):
            crop = crop_face(picture, boxes[0], (1 + margin) / detector.box_scale - 1)
            right[i] += int(classifier.scores(crop).argmax()) == class_id
    return found, whole / max(found, 1), list(right / max(found, 1))


def pasted(face: np.ndarray, side: int) -> np.ndarray:
    """Return the face in the center of a picture, `(480, 640, 3)` uint8 BGR."""
    large = cv2.resize(face, (side, side), interpolation=cv2.INTER_CUBIC)
    left, top = (WIDTH - side) // 2, (HEIGHT - side) // 2
    picture = cv2.copyMakeBorder(
        large, top, HEIGHT - side - top, left, WIDTH - side - left, borderType=cv2.BORDER_REPLICATE
    )
    return cv2.cvtColor(picture, cv2.COLOR_GRAY2BGR)


def covers(box: Box, side: int) -> bool:
    """Return whether a box is about where the face is."""
    x, y, w, h = box
    middle = abs(x + w / 2 - WIDTH / 2) < side / 4 and abs(y + h / 2 - HEIGHT / 2) < side / 4
    return middle and 0.4 * side < w < 1.4 * side


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) == 4 else "blazeface")
