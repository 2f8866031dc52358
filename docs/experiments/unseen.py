"""Measure the accuracy on the faces of PublicTest that Training does not hold, pixel for pixel.

python docs/experiments/unseen.py DATA MODEL.tflite [MODEL.tflite ...]
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from edge.datasets.reader import load_dataset
from edge.inference.classifier import Classifier


def main(data: Path, files: list[Path]) -> None:
    """Print a row for each model."""
    splits = load_dataset(data, ("Training", "PublicTest"))
    faces, known = splits["PublicTest"], {face.tobytes() for face in splits["Training"].images}
    unseen = np.array([face.tobytes() not in known for face in faces.images])
    print(f"{len(faces)} faces of PublicTest, {unseen.sum()} of them not in Training pixel for pixel (unseen)\n")
    print("| model | accuracy | unseen |")
    print("| --- | --- | --- |")
    for file in files:
        classifier = Classifier(file)
        ids = np.array([classifier.labels.index(label) for label in faces.labels])
        answers = np.array([classifier.scores(face).argmax() for face in faces.images])
        right = answers == ids[faces.class_ids]
        print(f"| `{file.stem}` | {right.mean():.2%} | {right[unseen].mean():.2%} |")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), [Path(file) for file in sys.argv[2:]])
