"""Measure what face alignment gains: the table in docs/explanation/performance.md.

    python docs/experiments/roll.py MODEL DATA [DETECTOR]

PublicTest's faces are enlarged to 240 pixels and pasted as in crop_margin.py, the picture is rotated about its center,
and the face that the detector finds is classified with and without alignment.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from crop_margin import HEIGHT, WIDTH, covers, pasted

from edge.datasets.reader import Faces, load_dataset
from edge.detection import Detector, open_detector
from edge.detection.alignment import roll_deg
from edge.inference.classifier import Classifier
from edge.recognizer import Recognizer
from edge.types import Frame

ROLLS_DEG = (0, 10, 15, 20, 30, 45, 60)
SIDE = 240


def main(model: Path, data: Path, detector_name: str) -> None:
    """Print the table."""
    classifier, detector = Classifier(model), open_detector(detector_name)
    faces = load_dataset(data, ("PublicTest",))["PublicTest"]
    print("| degrees | found | roll by the eyes, median | not aligned | aligned |")
    print("| --- " * 5 + "|")
    for roll in ROLLS_DEG:
        print(f"| {roll} | {row(classifier, detector, faces, roll)} |", flush=True)


def row(classifier: Classifier, detector: Detector, faces: Faces, roll: int) -> str:
    """Return a row: faces found after a clockwise rotation, their median roll by the eyes, and both accuracies."""
    recognizer, right, rolls = Recognizer(classifier, detector=detector), np.zeros(2, int), []
    turn = cv2.getRotationMatrix2D((WIDTH / 2, HEIGHT / 2), -roll, 1)
    for face, class_id in zip(faces.images, faces.class_ids, strict=True):
        picture = cv2.warpAffine(pasted(face, SIDE), turn, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)
        found = [one for one in detector.detect(Frame(picture, 0, 0.0, 0.0, 0.0)) if covers(one.box, SIDE)]
        if not found:
            continue
        rolls.append(roll_deg(found[0]))
        # Without key points a face is cropped as it is.
        ways = (replace(found[0], key_points=None), found[0])
        right += [int(recognizer.classify_detection(picture, way).scores.argmax()) == class_id for way in ways]
    if not rolls:
        return "0 | | |"
    shares = " | ".join(f"{n / len(rolls):.2%}" for n in right)
    return f"{len(rolls)} of {len(faces)} | {np.median(rolls):.1f} | {shares}"


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] if len(sys.argv) == 4 else "blazeface")
