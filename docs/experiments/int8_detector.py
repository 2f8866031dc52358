"""Compare BlazeFace in int8 with the float model: the table in docs/explanation/performance.md.

    python docs/experiments/int8_detector.py DATA [CLIP]

`mien convert quantize` is calibrated on Training's faces, pasted into pictures as in crop_margin.py. The test pictures
hold one of PublicTest's faces each; for CLIP, the float detector is the ground truth. Needs the extra `train`.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from crop_margin import SIDES, covers, pasted

from edge.boxes import iou
from edge.datasets.reader import load_dataset
from edge.detection import Detector, open_detector
from edge.detection.weights import read_weights
from edge.sources import open_source
from edge.types import Box, Frame

#: Pictures to calibrate on.
N_CALIBRATION = 300


def main(data: Path, clip: str | None) -> None:
    """Print the table."""
    splits = load_dataset(data, ("Training", "PublicTest"))
    with tempfile.TemporaryDirectory() as folder:
        path = quantized_detector(splits["Training"].images, Path(folder))
        detectors = (open_detector("blazeface"), open_detector(f"blazeface:{path}"))
        print(f"{path.stat().st_size / 1024:.0f} KiB")
        print("| pictures | faces | float finds | int8 finds | IoU where both do | float | int8 |")
        print("| --- " * 7 + "|", flush=True)
        for side in SIDES:
            faces = ((pasted(face, side), None) for face in splits["PublicTest"].images)
            print(row(f"PublicTest, {side} px", detectors, faces, side), flush=True)
        if clip:
            print(row(Path(clip).name, detectors, known(clip, detectors[0])))


def quantized_detector(images: np.ndarray, folder: Path) -> Path:
    """Make an int8 BlazeFace, calibrated on Training's faces in random sizes."""
    chance = np.random.default_rng(0)
    pictures = folder / "pictures"
    pictures.mkdir()
    for i in chance.choice(len(images), N_CALIBRATION, replace=False):
        cv2.imwrite(str(pictures / f"{i}.png"), pasted(images[i], int(chance.integers(SIDES[0], SIDES[-1] + 1))))
    float_, path = folder / "blazeface.tflite", folder / "blazeface-int8.tflite"
    float_.write_bytes(read_weights("blazeface"))
    command = [
        sys.executable,
        "-P",
        "-m",
        "convert",
        "quantize",
        str(float_),
        "--frames",
        str(pictures),
        "--out",
        str(path),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path


def known(clip: str, detector: Detector) -> Iterator[tuple[np.ndarray, Box | None]]:
    """Yield the pictures of a clip with the first face that the detector finds there."""
    for frame in open_source(clip):
        for one in detector.detect(frame)[:1]:
            yield frame.image, one.box


def row(
    name: str, detectors: tuple[Detector, Detector], faces: Iterable[tuple[np.ndarray, Box | None]], side: int = 0
) -> str:
    """Return a row: how often each detector finds the face, the IoU of their boxes, and CPU time per detection."""
    found, times_ms, ious, n = np.zeros(2, int), ([], []), [], 0
    for picture, box in faces:
        n += 1
        boxes = []
        for i, detector in enumerate(detectors):
            begin_s = time.process_time()
            detections = detector.detect(Frame(picture, 0, 0.0, 0.0, 0.0))
            times_ms[i].append(1000 * (time.process_time() - begin_s))
            hits = [one.box for one in detections if (iou(one.box, box) > 0.5 if box else covers(one.box, side))]
            found[i] += bool(hits)
            boxes += hits[:1]
        if len(boxes) == 2:
            ious.append(iou(*boxes))
    shares = " | ".join(f"{count} ({count / n:.1%})" for count in found)
    speeds = " | ".join(f"{np.median(ms):.2f} ms" for ms in times_ms)
    return f"| {name} | {n} | {shares} | {np.mean(ious):.3f} | {speeds} |"


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2] if len(sys.argv) == 3 else None)
