"""Measure what `--cadence auto` saves and costs: the table of docs/explanation/detection-interval.md.

    python docs/experiments/detection_interval.py CLIP [--rounds 5] [--detector blazeface]

The ground truth is what the detector finds on every frame of the clip. The loop, from detector to events and with the
shipped model, runs on the frames, which are held in memory, with `--cadence 1` and `auto` interleaved, and also on ten
seconds of a still, empty room with a camera's noise. CPU time is that of all threads of the process, without decoding
the clip; the table shows the median of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from edge.boxes import iou
from edge.detection import open_detector
from edge.inference.classifier import Classifier
from edge.inference.shipped_models import DEFAULT_MODEL, find_model
from edge.pipeline import Components, Pipeline, RunReport
from edge.recognizer import Recognizer
from edge.sources import BaseSource
from edge.sources.video import VideoSource
from edge.tracking.scheduler import DetectionInterval, DetectionScheduler
from edge.types import Detection, Frame

COLUMNS = (
    "scene",
    "setting",
    "detector runs",
    "mean IoU",
    "faces missed, longest",
    "CPU ms per frame",
    "share of `--cadence 1`",
)
CADENCES: tuple[DetectionInterval, ...] = (1, "auto")
#: A face is missed if no box has at least this IoU with the detector's box on that frame.
SAME_IOU = 0.3


class _MemorySource(BaseSource):
    """Frames that were decoded before."""

    name = "memory"

    def __init__(self, frames: list[Frame]) -> None:
        self._frames = frames

    def __iter__(self) -> Iterator[Frame]:
        for frame in self._frames:
            yield Frame(frame.image, frame.index, time.monotonic(), frame.position_s, 0.0)


def _still_room(seconds: int = 10, fps: int = 30) -> list[Frame]:
    """Return soft shapes, 640x480, with the noise of a camera: eight pictures, repeated."""
    random = np.random.default_rng(0)
    coarse = random.integers(60, 180, (6, 8, 3)).astype(np.uint8)
    room = cv2.resize(coarse, (640, 480), interpolation=cv2.INTER_CUBIC)
    noisy = [np.clip(room + random.normal(0, 2, room.shape), 0, 255).astype(np.uint8) for _ in range(8)]
    return [Frame(noisy[i % 8], i, 0.0, i / fps, 0.0) for i in range(seconds * fps)]


def _agreement(frames: list[Frame], name: str) -> tuple[float, int, float]:
    """Return the mean IoU of auto's faces with the ground truth, the faces missed, and the longest miss in seconds."""
    every, scheduled = open_detector(name), DetectionScheduler(open_detector(name), "auto")
    shares: list[float] = []
    longest_s = since_s = 0.0
    for frame in frames:
        truth, tracked = every.detect(frame), scheduled.detect(frame)
        found = [_best_iou(face, tracked) for face in truth]
        shares += found
        since_s = since_s if any(share < SAME_IOU for share in found) else frame.position_s
        longest_s = max(longest_s, frame.position_s - since_s)
    return float(np.mean(shares)), sum(share < SAME_IOU for share in shares), longest_s


def _best_iou(face: Detection, others: list[Detection]) -> float:
    return max((iou(face.box, other.box) for other in others), default=0.0)


def _cpu_ms(
    frames: list[Frame], name: str, cadence: DetectionInterval, classifier: Classifier
) -> tuple[float, RunReport]:
    """Return the CPU time per frame in milliseconds, and the run report."""
    pipeline = Pipeline(
        Components.build(_MemorySource(frames), Recognizer(classifier, detector=name), interval=cadence)
    )
    begin_s = time.process_time()
    report = pipeline.run()
    return (time.process_time() - begin_s) / len(frames) * 1000, report


def _rows(title: str, frames: list[Frame], name: str, rounds: int, classifier: Classifier) -> Iterator[str]:
    costs: dict[DetectionInterval, list[float]] = {cadence: [] for cadence in CADENCES}
    reports: dict[DetectionInterval, RunReport] = {}
    for _ in range(rounds):
        for cadence in CADENCES:
            cost, reports[cadence] = _cpu_ms(frames, name, cadence, classifier)
            costs[cadence].append(cost)
    full = statistics.median(costs[1])
    for cadence in CADENCES:
        report, cost = reports[cadence], statistics.median(costs[cadence])
        agreed = "| | |"
        if cadence == "auto" and report.faces:
            share, missed, longest_s = _agreement(frames, name)
            agreed = f"| {share:.3f} | {missed}, {longest_s * 1000:.0f} ms |"
        runs = f"{report.detector_runs} of {report.frames_processed}"
        yield f"| {title} | {cadence} | {runs} {agreed} {cost:.2f} | {cost / full:.0%} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("clip", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--detector", default="blazeface")
    options = parser.parse_args()
    classifier = Classifier(find_model(DEFAULT_MODEL))
    with VideoSource(options.clip) as source:
        frames = list(source)
    print(f"| {' | '.join(COLUMNS)} |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for title, scene in ((options.clip.stem, frames), ("still empty room", _still_room())):
        for row in _rows(title, scene, options.detector, options.rounds, classifier):
            print(row, flush=True)


if __name__ == "__main__":
    main()
