"""Small made data: drawings that a network can tell apart after an epoch or two, in FER-2013's layout."""

import bz2
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from edge.inference.contract import FER2013_LABELS

#: Of each class: angle of the brows, bend of the mouth, opening of the mouth.
_FACES = {
    "angry": (25, -4, 1),
    "disgust": (10, -8, 1),
    "fear": (-25, 0, 7),
    "happy": (0, 9, 2),
    "sad": (-15, -9, 1),
    "surprise": (-5, 0, 12),
    "neutral": (0, 0, 1),
}


def draw_face(label: str, random: np.random.Generator) -> np.ndarray:
    """A drawn face, `(48, 48)` uint8."""
    brow, bend, opening = _FACES[label]
    skin = int(random.integers(140, 210))
    image = np.full((48, 48), int(random.integers(0, 90)), np.uint8)
    x, y = 24 + int(random.integers(-2, 3)), 24 + int(random.integers(-2, 3))
    cv2.ellipse(image, (x, y), (18, 22), 0, 0, 360, skin, -1)
    for side in (-1, 1):
        cv2.circle(image, (x + 8 * side, y - 5), 2, 20, -1)
        end = round(4 * np.tan(np.radians(brow)))
        cv2.line(image, (x + 4 * side, y - 11 + end), (x + 12 * side, y - 11 - end), 20, 2)
    mouth = np.array([[x - 8, y + 11 - bend // 2], [x, y + 11 + bend // 2], [x + 8, y + 11 - bend // 2]])
    cv2.polylines(image, [mouth.reshape(-1, 1, 2)], False, 20, 2)
    cv2.ellipse(image, (x, y + 11), (5, max(opening // 2, 1)), 0, 0, 360, 20, -1)
    noise = random.normal(0, 6, image.shape)
    return np.clip(image + noise, 0, 255).astype(np.uint8)


def write_csv(path: Path, training: int = 210, public_test: int = 70, seed: int = 0) -> Path:
    """A `fer2013.csv` of drawn faces; compressed where the path ends in .bz2."""
    random = np.random.default_rng(seed)
    lines = ["emotion,pixels,Usage"]
    for usage, n in (("Training", training), ("PublicTest", public_test)):
        for i in range(n):
            class_id = i % len(FER2013_LABELS)
            face = draw_face(FER2013_LABELS[class_id], random)
            lines.append(f"{class_id},{' '.join(map(str, face.ravel()))},{usage}")
    text = ("\n".join(lines) + "\n").encode()
    path.write_bytes(bz2.compress(text) if path.suffix == ".bz2" else text)
    return path


_VOTED = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt", "unknown", "NF")
_AS_FERPLUS = dict(
    zip(FER2013_LABELS, ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"), strict=True)
)


def write_votes(
    path: Path, votes_of: Callable[[int, str], dict[str, int]], training: int = 210, public_test: int = 70
) -> Path:
    """FER+'s votes for the rows of `write_csv`.

    Args:
        path: the CSV to write.
        votes_of: the votes of a face, by its position in its split and its label as FER+ calls it.
        training: rows of Training.
        public_test: rows of PublicTest.
    """
    lines = ["Usage,Image name," + ",".join(_VOTED)]
    for usage, n in (("Training", training), ("PublicTest", public_test)):
        for i in range(n):
            votes = votes_of(i, _AS_FERPLUS[FER2013_LABELS[i % len(FER2013_LABELS)]])
            lines.append(f"{usage},x," + ",".join(str(votes.get(column, 0)) for column in _VOTED))
    path.write_text("\n".join(lines) + "\n")
    return path


def write_folder(path: Path, per_class: int = 4, seed: int = 0) -> Path:
    """Kaggle's folder layout, `train/<label>/*.png` and `test/<label>/*.png`, of drawn faces."""
    random = np.random.default_rng(seed)
    for split in ("train", "test"):
        for label in FER2013_LABELS:
            folder = path / split / label
            folder.mkdir(parents=True)
            for i in range(per_class):
                cv2.imwrite(str(folder / f"{i}.png"), draw_face(label, random))
    return path
