"""Measure how far the boxes of the detectors are off: the table in docs/explanation/detectors.md.

    python docs/experiments/box_errors.py LONDON [DETECTOR ...]

LONDON is the folder of the Face Research Lab London Set (two subfolders with pictures); scenes.py makes the scenes. A
detector draws its boxes larger, smaller or higher than another by habit; that is corrected by a constant (`box_scale`).
What the classifier meets is the rest: the differences from the detector's own median, for the same people in other
places, sizes and light.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from detectors import MIDDLE, MIN_IOU
from scenes import SIZES, Scene, read_people, scenes

from edge.boxes import iou
from edge.detection import FaceDetector, open_detector
from edge.types import Frame

DETECTORS = ("blazeface", "yunet", "auto")


def main(london: Path, names: Sequence[str]) -> None:
    """Print the table."""
    people = read_people(london, open_detector("yunet"))
    made = {
        **{name: list(scenes(people, shares)) for name, shares in SIZES.items()},
        "roll 15": list(scenes(people, MIDDLE, roll_deg=15)),
        "light 12 %": list(scenes(people, MIDDLE, light=0.12)),
        "motion blur": list(scenes(people, MIDDLE, blur=0.35)),
    }
    print(f"| detector | | {' | '.join(made)} |")
    print("| --- " * (len(made) + 2) + "|")
    for name in names:
        detector = open_detector(name)
        found = {title: errors(detector, group) for title, group in made.items()}
        everything = np.concatenate(list(found.values()))
        usual = np.median(everything, axis=0)
        for column, title in enumerate(("sideways", "up and down", "size")):
            cells = (spread(rows[:, column] - usual[column]) for rows in found.values())
            print(f"| {f'`{name}`' if column == 0 else ''} | {title} | {' | '.join(cells)} |", flush=True)


def errors(detector: FaceDetector, group: Iterable[Scene]) -> npt.NDArray[np.float64]:
    """Return for each face that is found how far its box is off, `(n, 3)`.

    The center's x and y are in shares of the side of the reference box, and the size is the logarithm of the ratio.
    """
    rows = []
    for scene in group:
        boxes = [face.box for face in detector.detect(Frame(scene.image)) if iou(face.box, scene.box) >= MIN_IOU]
        if not boxes:
            continue
        x, y, w, h = max(boxes, key=lambda box: iou(box, scene.box))
        left, top, wide, high = scene.box
        side = max(wide, high)
        center = (x + w / 2 - left - wide / 2) / side, (y + h / 2 - top - high / 2) / side
        rows.append((*center, np.log(max(w, h) / side)))
    return np.array(rows).reshape(-1, 3)


def spread(values: npt.NDArray[np.float64]) -> str:
    """Return the root mean square and the 95th percentile of the absolute values, in percent; a dash below ten."""
    if len(values) < 10:
        return "-"
    rms, most = np.sqrt((values**2).mean()), np.quantile(np.abs(values), 0.95)
    return f"{100 * rms:.1f} ({100 * most:.0f})"


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or DETECTORS)
