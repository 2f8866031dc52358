"""Measure what detectors find on made scenes: the tables in docs/explanation/detectors.md.

    python docs/experiments/detectors.py LONDON [DETECTOR ...]

LONDON is the folder of the Face Research Lab London Set (two subfolders with pictures); scenes.py makes the scenes.
DETECTOR is what --detector takes; `auto` means with YuNet, and `auto-without-yunet` without it. A face counts as found
if a detection overlaps its box with an IoU of at least 0.4. Costs are medians over the scenes of 8 to 16 %, one thread,
relative to `blazeface` on the same scene, interleaved.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from scenes import SIZES, Scene, empty_scenes, portraits, read_people, scenes

from edge.boxes import iou
from edge.detection import FaceDetector, open_detector
from edge.detection.auto import AutoDetector
from edge.detection.blazeface import BlazeFace, BlazeFaceShort
from edge.detection.detector_passes import BlazeFacePasses
from edge.types import Frame

DETECTORS = ("blazeface", "blazeface-short", "yunet", "yunet-640", "auto-without-yunet", "auto")
#: Every how manieth person is used.
STEP = 2
MIN_IOU = 0.4
#: Faces of a size that every detector finds, for conditions other than size.
MIDDLE = (0.08, 0.4)
N_EMPTY = 100


def main(london: Path, names: Sequence[str]) -> None:
    """Print the tables."""
    people = read_people(london, open_detector("yunet"))[::STEP]
    made = {
        "fills the picture": list(portraits(people)),
        **{name: list(scenes(people, shares)) for name, shares in SIZES.items()},
        "roll 45": list(scenes(people, MIDDLE, roll_deg=45)),
        "roll 90": list(scenes(people, MIDDLE, roll_deg=90)),
        "roll 180": list(scenes(people, MIDDLE, roll_deg=180)),
        "light 12 %": list(scenes(people, MIDDLE, light=0.12)),
        "light 6 %": list(scenes(people, MIDDLE, light=0.06)),
        "motion blur": list(scenes(people, MIDDLE, blur=0.35)),
    }
    empty = [Scene(image, (0.0, 0.0, 0.0, 0.0)) for image in empty_scenes(N_EMPTY)]
    print(f"recall in percent, {len(people)} faces a column; false detections in {N_EMPTY} scenes without a face")
    print(f"| detector | {' | '.join(made)} | false | cost |")
    print("| --- " * (len(made) + 3) + "|")
    for name in names:
        detector = _open(name)
        shares = [f"{100 * recall(detector, group):.0f}" for group in made.values()]
        false = sum(len(detector.detect(Frame(scene.image))) for scene in empty)
        spent = cost(detector, made["8 to 16 %"][:40])
        print(f"| `{name}` | {' | '.join(shares)} | {false} | {spent:.1f} |", flush=True)


def recall(detector: FaceDetector, group: Sequence[Scene]) -> float:
    """Return the share of scenes whose face is found."""
    found = 0
    for scene in group:
        found += any(iou(face.box, scene.box) >= MIN_IOU for face in detector.detect(Frame(scene.image)))
    return found / len(group)


def cost(detector: FaceDetector, group: Sequence[Scene]) -> float:
    """Return the median time of a picture relative to `blazeface`."""
    reference = open_detector("blazeface")
    ratios = []
    for scene in group:
        spent_s = []
        for one in (reference, detector):
            one.detect(Frame(scene.image))
            begin_s = time.perf_counter()
            one.detect(Frame(scene.image))
            spent_s.append(time.perf_counter() - begin_s)
        ratios.append(spent_s[1] / spent_s[0])
    return statistics.median(ratios)


def _open(name: str) -> FaceDetector:
    if name == "auto-without-yunet":
        return AutoDetector(BlazeFacePasses(BlazeFace.open(), BlazeFaceShort.open()))
    return open_detector(name)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:] or DETECTORS)
